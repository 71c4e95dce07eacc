/* SPDX-License-Identifier: MIT
 *
 * Columns against plain lists: every layout, every function; merging, which makes the very bytes that the same
 * documents make when they are new; and hardly any bytes where there is nothing to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "index/column.h"
#include "index/column_merge.h"
#include "index/column_writer.h"
#include "random.h"

/* ---- documents and their values ----------------------------------------------------------------- */

struct pair {
    uint32_t doc;
    struct cdb_value value;
};

/* Sorted, none twice. */
struct pairs {
    struct pair *list;
    size_t count, room;
    uint32_t docs;
};

static void pairs_add(struct pairs *pairs, uint32_t doc, const struct cdb_value *value)
{
    if (pairs->count == pairs->room) {
        pairs->room = pairs->room * 2 + 16;
        pairs->list = reallocarray(pairs->list, pairs->room, sizeof(*pairs->list));
    }
    pairs->list[pairs->count++] = (struct pair){doc, *value};
}

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return a->doc != b->doc ? (a->doc < b->doc ? -1 : 1) : cdb_value_compare(&a->value, &b->value);
}

static int compare_values(const void *left, const void *right)
{
    return cdb_value_compare(left, right);
}

static void pairs_sort(struct pairs *pairs)
{
    size_t kept = 0;

    qsort(pairs->list, pairs->count, sizeof(*pairs->list), compare_pairs);
    for (size_t i = 0; i < pairs->count; i++)
        if (kept == 0 || compare_pairs(&pairs->list[kept - 1], &pairs->list[i]) != 0)
            pairs->list[kept++] = pairs->list[i];
    pairs->count = kept;
}

/* One of `distinct` values. */
static struct cdb_value make_value(size_t number)
{
    static const char *const words[] = {"null", "false", "true"};
    struct cdb_value value;
    char text[80];

    memset(&value, 0, sizeof(value));
    if (number % 5 == 4 && number / 5 < 3) {
        cdb_value_encode(&value, (enum cdb_json_type)(number / 5), words[number / 5], strlen(words[number / 5]));
    } else if (number % 2 == 0) {
        snprintf(text, sizeof(text), "%s%zu.%zu", number % 3 == 0 ? "-" : "", number * 37, number % 10 + 1);
        assert_true(cdb_value_number(&value, text, strlen(text)));
    } else {
        snprintf(text, sizeof(text), "some words %zu%s", number,
                 number % 7 == 0 ? " and so many more that it is not exact" : "");
        cdb_value_string(&value, text, strlen(text));
    }
    return value;
}

struct shape {
    uint32_t docs, chance; /* that a document has any, of 1000 */
    size_t most;           /* how many values it has then, at most */
    size_t distinct;
};

/* The pairs, and the column of them: values of a document in any order, some twice. */
static void make(struct random *random, const struct shape *shape, struct pairs *pairs,
                 struct cdb_column_writer *writer)
{
    *pairs = (struct pairs){.docs = shape->docs};
    for (uint32_t doc = 0; doc < shape->docs; doc++) {
        size_t count = random_below(random, 1000) < shape->chance ? 1 + random_below(random, shape->most) : 0;

        for (size_t i = 0; i < count; i++) {
            struct cdb_value value = make_value(random_below(random, shape->distinct));

            pairs_add(pairs, doc, &value);
            assert_int_equal(cdb_column_writer_add(writer, doc, &value), 0);
        }
    }
    if (pairs->count == 0) {
        struct cdb_value value = make_value(0);

        pairs_add(pairs, shape->docs - 1, &value);
        assert_int_equal(cdb_column_writer_add(writer, shape->docs - 1, &value), 0);
    }
    pairs_sort(pairs);
}

/* ---- a column and what it should say ------------------------------------------------------------ */

struct file {
    struct cdb_sink sink;
    struct cdb_pages pages;
    struct cdb_column column;
};

/* Bytes that need no checking, exactly so many. */
static void open_file(struct file *file, uint32_t docs)
{
    size_t words = file->sink.buf.len / CDB_PAGE / 64 + 1;
    unsigned char *bytes = malloc(file->sink.buf.len);

    memcpy(bytes, file->sink.buf.ptr, file->sink.buf.len);
    file->pages = (struct cdb_pages){.content = bytes, .len = file->sink.buf.len};
    file->pages.checked = malloc(words * 8);
    memset(file->pages.checked, 0xff, words * 8);
    assert_int_equal(file->sink.result, 0);
    assert_int_equal(cdb_column_open(&file->column, &file->pages, 0, file->pages.len, docs), 0);
}

static void write_file(struct file *file, struct cdb_column_writer *writer, uint32_t docs)
{
    cdb_sink_init(&file->sink, -1, -1);
    assert_true(cdb_column_writer_bytes(writer) > 0);
    assert_int_equal(cdb_column_writer_finish(writer, docs, &file->sink), 0);
    assert_int_equal(cdb_column_writer_bytes(writer), 0);
    open_file(file, docs);
}

static void close_file(struct file *file)
{
    cdb_sink_release(&file->sink);
    free((void *)(uintptr_t)file->pages.content);
    free(file->pages.checked);
}

struct model {
    const struct pairs *pairs;
    struct cdb_value *values; /* distinct, sorted */
    uint32_t count;
    uint32_t *ordinals; /* by pair */
    size_t *first;      /* by document, and the end: its pairs */
};

static uint32_t ordinal_of(const struct model *model, const struct cdb_value *value)
{
    const struct cdb_value *found = bsearch(value, model->values, model->count, sizeof(*value), compare_values);

    return (uint32_t)(found - model->values);
}

static void model_make(struct model *model, const struct pairs *pairs)
{
    *model = (struct model){.pairs = pairs};
    model->values = calloc(pairs->count, sizeof(*model->values));
    model->ordinals = calloc(pairs->count, sizeof(*model->ordinals));
    model->first = calloc((size_t)pairs->docs + 1, sizeof(*model->first));
    for (size_t i = 0; i < pairs->count; i++)
        model->values[i] = pairs->list[i].value;
    qsort(model->values, pairs->count, sizeof(*model->values), compare_values);
    for (size_t i = 0; i < pairs->count; i++)
        if (model->count == 0 || cdb_value_compare(&model->values[model->count - 1], &model->values[i]) != 0)
            model->values[model->count++] = model->values[i];
    for (size_t i = 0, doc = 0; doc <= pairs->docs; doc++) {
        while (i < pairs->count && pairs->list[i].doc < doc)
            i++;
        model->first[doc] = i;
    }
    for (size_t i = 0; i < pairs->count; i++)
        model->ordinals[i] = ordinal_of(model, &pairs->list[i].value);
}

static void model_free(struct model *model)
{
    free(model->values);
    free(model->ordinals);
    free(model->first);
}

static void check_values(struct random *random, const struct cdb_column *column, const struct model *model)
{
    uint32_t from = (uint32_t)random_below(random, model->count + 1);
    struct cdb_column_cursor cursor;
    struct cdb_value value;

    assert_int_equal(column->values, model->count);
    for (uint32_t i = 0; i < model->count; i += 1 + (uint32_t)random_below(random, 10)) {
        assert_int_equal(cdb_column_value(column, i, &value), 0);
        assert_int_equal(cdb_value_compare(&value, &model->values[i]), 0);
    }
    assert_int_equal(cdb_column_cursor_init(&cursor, column, from), 0);
    for (uint32_t i = from; i < model->count; i++) {
        assert_int_equal(cdb_column_cursor_next(&cursor), 0);
        assert_int_equal(cursor.next, i + 1);
        assert_int_equal(cdb_value_compare(&cursor.value, &model->values[i]), 0);
    }
    assert_int_equal(cdb_column_cursor_next(&cursor), 1);
}

static void check_range(struct random *random, const struct cdb_column *column, const struct model *model,
                        const struct cdb_value bounds[2])
{
    bool lower = random_chance(random, 50), upper = random_chance(random, 50);
    const struct cdb_value *low = random_chance(random, 80) ? &bounds[0] : NULL;
    const struct cdb_value *high = random_chance(random, 80) ? &bounds[1] : NULL;
    struct cdb_ordinals ordinals;

    assert_int_equal(cdb_column_range(column, low, lower, high, upper, &ordinals), 0);
    assert_true(ordinals.first <= ordinals.last && ordinals.last <= model->count);
    for (uint32_t i = 0; i < model->count; i++) {
        int above = low == NULL ? 1 : cdb_value_compare(&model->values[i], low);
        int below = high == NULL ? 1 : cdb_value_compare(high, &model->values[i]);
        bool exact = cdb_value_is_exact(model->values[i].bytes, model->values[i].len);
        bool maybe =
            (above > 0 || (above == 0 && (lower || !exact))) && (below > 0 || (below == 0 && (upper || !exact)));
        bool check = !exact && (above == 0 || below == 0);
        bool checked = (ordinals.check_first && i == ordinals.first) || (ordinals.check_last && i + 1 == ordinals.last);

        assert_int_equal(maybe, i >= ordinals.first && i < ordinals.last);
        if (maybe)
            assert_int_equal(check, checked);
    }
}

static void check_seek(struct random *random, const struct cdb_column *column, const struct model *model,
                       size_t distinct)
{
    for (int i = 0; i < 50; i++) {
        struct cdb_value value[2] = {make_value(random_below(random, distinct + 3)),
                                     make_value(random_below(random, distinct + 3))};
        uint32_t ordinal, expected = 0;
        bool equal;

        if (random_chance(random, 10))
            cdb_value_floor(&value[0], (enum cdb_value_kind)(1 + random_below(random, CDB_VALUE_KINDS)));
        while (expected < model->count && cdb_value_compare(&model->values[expected], &value[0]) < 0)
            expected++;
        assert_int_equal(cdb_column_seek(column, &value[0], &ordinal, &equal), 0);
        assert_int_equal(ordinal, expected);
        assert_int_equal(equal, expected < model->count && cdb_value_compare(&model->values[expected], &value[0]) == 0);
        check_range(random, column, model, value);
    }
}

static void check_docs(struct random *random, const struct cdb_column *column, const struct model *model)
{
    uint32_t ordinals[64], next = 0, found, rows = 0;

    for (uint32_t doc = 0; doc < model->pairs->docs; doc++) {
        const uint32_t *list = model->ordinals + model->first[doc];
        uint32_t expected = (uint32_t)(model->first[doc + 1] - model->first[doc]), count, ordinal;
        uint32_t low = (uint32_t)random_below(random, model->count), high = low + (uint32_t)random_below(random, 4);
        bool has = false;
        uint64_t start;

        rows += expected > 0;
        assert_int_equal(cdb_column_find(column, doc, &start, &count), 0);
        assert_int_equal(count, expected);
        assert_int_equal(cdb_column_list(column, start, count < 64 ? count : 64, ordinals), 0);
        assert_memory_equal(ordinals, list, (count < 64 ? count : 64) * sizeof(*list));
        assert_int_equal(cdb_column_least(column, doc, &ordinal), 0);
        assert_int_equal(ordinal, expected > 0 ? list[0] : CDB_ORDINAL_NONE);
        assert_int_equal(cdb_column_greatest(column, doc, &ordinal), 0);
        assert_int_equal(ordinal, expected > 0 ? list[expected - 1] : CDB_ORDINAL_NONE);
        for (uint32_t i = 0; i < expected; i++)
            has |= list[i] >= low && list[i] < high;
        assert_int_equal(cdb_column_has(column, doc, low, high), has);
        if (doc >= next) {
            assert_int_equal(cdb_column_next(column, doc, &found), 0);
            for (next = doc; next < model->pairs->docs && model->first[next] == model->first[next + 1];)
                next++;
            assert_int_equal(found, next);
            next++;
        }
    }
    assert_int_equal(column->rows, rows);
    assert_int_equal(column->ordinals, model->pairs->count);
    assert_int_equal(cdb_column_least(column, model->pairs->docs, &found), 0);
    assert_int_equal(found, CDB_ORDINAL_NONE);
}

static void check_run(struct random *random, const struct cdb_column *column, const struct model *model)
{
    uint32_t doc = (uint32_t)random_below(random, model->pairs->docs);
    uint32_t count = (uint32_t)random_below(random, model->pairs->docs - doc + 1);
    uint32_t low = (uint32_t)random_below(random, model->count);
    uint32_t high = low + (uint32_t)random_below(random, model->count);
    uint32_t *least = malloc(((size_t)count + 1) * 4), *greatest = malloc(((size_t)count + 1) * 4);
    uint32_t *counts = calloc(model->count, 4), *expected = calloc(model->count, 4);
    uint64_t *bits = malloc(((size_t)count / 64 + 1) * 8);

    memset(bits, 0xff, ((size_t)count / 64 + 1) * 8);
    assert_int_equal(cdb_column_run(column, doc, count, CDB_COLUMN_LEAST, least), 0);
    assert_int_equal(cdb_column_run(column, doc, count, CDB_COLUMN_GREATEST, greatest), 0);
    assert_int_equal(cdb_column_match(column, doc, count, low, high, bits), 0);
    bool all = random_chance(random, 50);

    assert_int_equal(cdb_column_count(column, doc, count, all ? NULL : bits, counts), 0);
    for (uint32_t i = 0; i < count; i++) {
        size_t first = model->first[doc + i], last = model->first[doc + i + 1];
        bool matches = false;

        assert_int_equal(least[i], first < last ? model->ordinals[first] : CDB_ORDINAL_NONE);
        assert_int_equal(greatest[i], first < last ? model->ordinals[last - 1] : CDB_ORDINAL_NONE);
        for (size_t k = first; k < last; k++)
            matches |= model->ordinals[k] >= low && model->ordinals[k] < high;
        assert_int_equal(bits[i / 64] >> i % 64 & 1, matches);
        for (size_t k = first; k < last; k++)
            expected[model->ordinals[k]] += all || matches;
    }
    if (count % 64 != 0)
        assert_int_equal(bits[count / 64] >> count % 64, 0);
    assert_memory_equal(counts, expected, model->count * sizeof(*counts));
    free(least);
    free(greatest);
    free(counts);
    free(expected);
    free(bits);
}

static void check_column(struct random *random, const struct cdb_column *column, const struct pairs *pairs,
                         size_t distinct)
{
    struct model model;

    model_make(&model, pairs);
    check_values(random, column, &model);
    check_seek(random, column, &model, distinct);
    check_docs(random, column, &model);
    for (int i = 0; i < 4; i++)
        check_run(random, column, &model);
    model_free(&model);
}

static struct shape random_shape(struct random *random)
{
    static const uint32_t chances[] = {1000, 990, 500, 30, 2};
    static const size_t most[] = {1, 1, 2, 5, 40, 700};
    static const size_t distinct[] = {1, 2, 3, 33, 700, 100000};
    struct shape shape = {.docs = 1 + (uint32_t)random_below(random, random_chance(random, 20) ? 100 : 1500),
                          .chance = chances[random_below(random, 5)],
                          .most = most[random_below(random, 6)],
                          .distinct = distinct[random_below(random, 6)]};

    if (shape.most > 100 && shape.chance > 100)
        shape.docs = shape.docs % 100 + 1;
    return shape;
}

static void test_layouts(void **state)
{
    struct random random = random_seed(1);
    size_t seen[4] = {0}, full = 0;

    (void)state;
    for (int i = 0; i < 150; i++) {
        struct shape shape = random_shape(&random);
        struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
        struct pairs pairs;
        struct file file;

        make(&random, &shape, &pairs, &writer);
        write_file(&file, &writer, shape.docs);
        check_column(&random, &file.column, &pairs, shape.distinct);
        seen[file.column.sparse + 2 * file.column.multiple]++;
        full += file.column.full;
        close_file(&file);
        free(pairs.list);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(seen[i] > 5);
    assert_true(full > 5);
}

/* ---- merging ------------------------------------------------------------------------------------ */

struct part {
    struct pairs pairs;
    struct file file;
    uint32_t *map;
};

/* Which documents of which part come next, kept or not: some runs, some one by one. Returns how many are kept. */
static uint32_t make_maps(struct random *random, struct part *parts, size_t count)
{
    uint32_t done[8] = {0}, kept = 0;
    bool left = true;
    unsigned keep = random_chance(random, 30) ? 100 : 60;

    while (left) {
        size_t i = random_below(random, count), run = random_chance(random, 10) ? 300 : 2;

        for (; run > 0 && done[i] < parts[i].pairs.docs; run--)
            parts[i].map[done[i]++] = random_chance(random, keep) ? kept++ : CDB_DOC_DROPPED;
        left = false;
        for (i = 0; i < count; i++)
            left |= done[i] < parts[i].pairs.docs;
    }
    return kept;
}

static void check_merge(struct random *random, struct part *parts, size_t count, size_t distinct)
{
    struct cdb_column_source sources[8];
    struct pairs pairs = {.docs = make_maps(random, parts, count)};
    struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
    struct file merged, made;
    int result;

    for (size_t i = 0; i < count; i++) {
        sources[i] = (struct cdb_column_source){&parts[i].file.column, parts[i].map};
        for (size_t k = 0; k < parts[i].pairs.count; k++)
            if (parts[i].map[parts[i].pairs.list[k].doc] != CDB_DOC_DROPPED)
                pairs_add(&pairs, parts[i].map[parts[i].pairs.list[k].doc], &parts[i].pairs.list[k].value);
    }
    cdb_sink_init(&merged.sink, -1, -1);
    result = cdb_column_merge(sources, count, pairs.docs, &merged.sink);
    assert_int_equal(result, pairs.count == 0);
    if (result == 1) {
        assert_int_equal(cdb_sink_size(&merged.sink), 0);
        cdb_sink_release(&merged.sink);
        return;
    }
    open_file(&merged, pairs.docs);
    pairs_sort(&pairs);
    check_column(random, &merged.column, &pairs, distinct);
    for (size_t i = 0; i < pairs.count; i++)
        assert_int_equal(cdb_column_writer_add(&writer, pairs.list[i].doc, &pairs.list[i].value), 0);
    write_file(&made, &writer, pairs.docs);
    assert_int_equal(made.pages.len, merged.pages.len);
    assert_memory_equal(made.pages.content, merged.pages.content, made.pages.len);
    close_file(&made);
    close_file(&merged);
    free(pairs.list);
}

static void test_merge(void **state)
{
    struct random random = random_seed(2);

    (void)state;
    for (int i = 0; i < 60; i++) {
        size_t count = 1 + random_below(&random, 5);
        struct part parts[8];
        size_t distinct = 0;

        for (size_t k = 0; k < count; k++) {
            struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
            struct shape shape = random_shape(&random);

            make(&random, &shape, &parts[k].pairs, &writer);
            write_file(&parts[k].file, &writer, shape.docs);
            parts[k].map = malloc(shape.docs * sizeof(*parts[k].map));
            distinct = shape.distinct > distinct ? shape.distinct : distinct;
        }
        check_merge(&random, parts, count, distinct);
        for (size_t k = 0; k < count; k++) {
            close_file(&parts[k].file);
            free(parts[k].pairs.list);
            free(parts[k].map);
        }
    }
}

static void test_merge_nothing(void **state)
{
    struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
    struct cdb_value value = make_value(3);
    uint32_t map[3] = {0, CDB_DOC_DROPPED, 1};
    struct cdb_column_source source;
    struct cdb_sink sink;
    struct file file;

    (void)state;
    assert_int_equal(cdb_column_writer_add(&writer, 1, &value), 0);
    write_file(&file, &writer, 3);
    source = (struct cdb_column_source){&file.column, map};
    cdb_sink_init(&sink, -1, -1);
    assert_int_equal(cdb_column_merge(&source, 1, 2, &sink), 1);
    assert_int_equal(cdb_column_merge(NULL, 0, 2, &sink), 1);
    assert_int_equal(cdb_sink_size(&sink), 0);
    cdb_sink_release(&sink);
    close_file(&file);
}

/* ---- sizes -------------------------------------------------------------------------------------- */

/* The column of `docs` documents of which all but some have the value that `number_of` says. */
static size_t size_of(uint32_t docs, uint32_t step, uint32_t distinct)
{
    struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
    struct file file;

    for (uint32_t doc = 0; doc < docs; doc += step) {
        struct cdb_value value = make_value(doc / step % distinct);

        assert_int_equal(cdb_column_writer_add(&writer, doc, &value), 0);
        assert_int_equal(cdb_column_writer_add(&writer, doc, &value), 0); /* twice: no column of several values */
    }
    write_file(&file, &writer, docs);
    assert_false(file.column.multiple);
    size_t size = file.pages.len;

    close_file(&file);
    return size;
}

static void test_sizes(void **state)
{
    (void)state;
    assert_true(size_of(100000, 1, 1) < 60);                             /* the same for all */
    assert_in_range(size_of(100000, 1, 2), 100000 / 8, 100000 / 8 + 80); /* a bit each */
    assert_true(size_of(100000, 100000, 1) < 60);                        /* one document */
    assert_true(size_of(100000, 1000, 1) < 300);                         /* few */
}

/* ---- damage ------------------------------------------------------------------------------------- */

/* The bytes of pages whose checksums are wrong are not used: whatever is asked, that is the answer. */
static void test_unchecked(void **state)
{
    struct cdb_column_writer writer = CDB_COLUMN_WRITER_INIT;
    struct cdb_column column;
    struct file file;
    uint32_t *table, ordinal;
    size_t pages, failed = 0;

    (void)state;
    for (uint32_t doc = 0; doc < 20000; doc++) {
        struct cdb_value value = make_value(doc);

        assert_int_equal(cdb_column_writer_add(&writer, doc, &value), 0);
    }
    write_file(&file, &writer, 20000);
    pages = file.pages.len / CDB_PAGE + 1;
    table = calloc(pages, 4); /* all wrong */
    file.pages.table = (const unsigned char *)table;
    memset(file.pages.checked, 0, pages / 64 * 8 + 8);
    assert_int_equal(cdb_column_open(&column, &file.pages, 0, file.pages.len, 20000), CHRONDB_EDAMAGED);
    file.pages.checked[(pages - 1) / 64] = UINT64_C(1) << (pages - 1) % 64;
    if (file.pages.len % CDB_PAGE < CDB_COLUMN_FOOTER)
        file.pages.checked[(pages - 2) / 64] |= UINT64_C(1) << (pages - 2) % 64;
    assert_int_equal(cdb_column_open(&column, &file.pages, 0, file.pages.len, 20000), 0);
    for (uint32_t i = 0; i < 20000; i += 100) {
        struct cdb_value value;

        assert_int_equal(cdb_column_value(&column, i, &value), CHRONDB_EDAMAGED);
        failed += cdb_column_least(&column, i, &ordinal) == CHRONDB_EDAMAGED;
    }
    assert_true(failed > 150);
    free(table);
    close_file(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts), cmocka_unit_test(test_merge),     cmocka_unit_test(test_merge_nothing),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_unchecked),
    };

    return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
