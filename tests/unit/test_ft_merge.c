/* SPDX-License-Identifier: MIT
 *
 * Merged segments of words say what one says that was built of the documents that were taken. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "index/ft_merge.h"
#include "scratch.h"
#include "words.h"

#define PARTS_MAX 9

/* How documents come to parts. */
enum deal {
    RUNS,   /* ranges of keys */
    MIXED,  /* any */
    ALL_OLD /* the last part has one document only */
};

struct parts {
    struct words words[PARTS_MAX], kept; /* what is in each; what is taken of all */
    struct words_file files[PARTS_MAX];
    uint64_t *keep[PARTS_MAX];
    size_t count;
};

static size_t part_of(struct random *random, enum deal deal, size_t at, size_t docs, size_t parts)
{
    if (deal == RUNS)
        return at * parts / docs;
    if (deal == ALL_OLD)
        return at + 1 == docs ? parts - 1 : 0;
    return random_below(random, parts);
}

/* `percent` of the documents are taken; 100: without asking. */
static void parts_make(struct parts *parts, struct random *random, struct cdb_analyzer *analyzer, size_t docs,
                       size_t count, enum deal deal, unsigned percent)
{
    struct words all = {.docs = NULL};

    memset(parts, 0, sizeof(*parts));
    parts->count = count;
    words_random(&all, random, docs);
    words_index(&all, analyzer);
    for (size_t i = 0; i < all.doc_count; i++) {
        struct words *own = &parts->words[part_of(random, deal, i, all.doc_count, count)];

        words_add(own, all.docs[i].key, all.docs[i].from, all.docs[i].json);
    }
    words_release(&all);
    for (size_t i = 0; i < count; i++) {
        struct words *own = &parts->words[i];

        words_index(own, analyzer);
        words_build(own, 0, own->doc_count, analyzer, &parts->files[i]);
        if (percent < 100)
            parts->keep[i] = calloc(own->doc_count / 64 + 1, sizeof(uint64_t));
        for (size_t k = 0; k < own->doc_count; k++) {
            if (percent < 100 && !random_chance(random, percent))
                continue;
            words_add(&parts->kept, own->docs[k].key, own->docs[k].from, own->docs[k].json);
            if (percent < 100)
                parts->keep[i][k / 64] |= UINT64_C(1) << k % 64;
        }
    }
    words_index(&parts->kept, analyzer);
}

static void parts_release(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        words_close(&parts->files[i]);
        words_release(&parts->words[i]);
        free(parts->keep[i]);
    }
    words_release(&parts->kept);
}

static void check_maps(const struct parts *parts, struct cdb_ft_segment *merged, uint32_t **maps)
{
    for (size_t i = 0; i < parts->count; i++) {
        for (uint32_t doc = 0; doc < parts->words[i].doc_count; doc++) {
            bool kept = parts->keep[i] == NULL || (parts->keep[i][doc / 64] >> doc % 64 & 1) != 0;
            struct cdb_ft_key key;
            uint32_t from;

            assert_int_equal(maps[i][doc] != CDB_FT_END, kept);
            if (!kept)
                continue;
            assert_int_equal(cdb_ft_key(merged, maps[i][doc], &key), 0);
            assert_string_equal(key.text, parts->words[i].docs[doc].key);
            assert_int_equal(cdb_ft_from(merged, maps[i][doc], &from), 0);
            assert_int_equal(from, parts->words[i].docs[doc].from);
        }
        free(maps[i]);
    }
}

static int count_calls(void *context)
{
    ++*(size_t *)context;
    return 0;
}

/* Merge them; check what comes; the merged file is opened again. */
static void parts_merge(const struct parts *parts, int dir, struct random *random, struct cdb_ft_segment **out)
{
    struct cdb_ft_source sources[PARTS_MAX];
    uint32_t *maps[PARTS_MAX];
    struct cdb_ft_merged merged;
    size_t calls = 0;

    for (size_t i = 0; i < parts->count; i++)
        sources[i] = (struct cdb_ft_source){parts->files[i].segment, parts->keep[i]};
    assert_int_equal(cdb_ft_merge(sources, parts->count, dir, count_calls, &calls, &merged, maps), 0);
    assert_int_equal(merged.docs, parts->kept.doc_count);
    assert_int_equal(cdb_ft_segment_open(out, dir, merged.number), 0);
    assert_int_equal(cdb_ft_info(*out)->bytes, merged.bytes);
    assert_int_equal(cdb_ft_info(*out)->min_from, merged.min_from);
    assert_int_equal(cdb_ft_info(*out)->max_from, merged.max_from);
    check_maps(parts, *out, maps);
    words_check(&parts->kept, *out, random);
}

static void check_merge(struct random *random, const char *language, size_t docs, size_t count, enum deal deal,
                        unsigned percent)
{
    char *path = scratch_new();
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    struct cdb_ft_segment *merged;
    struct cdb_analyzer *analyzer;
    struct words_file whole;
    struct parts parts;

    assert_int_equal(cdb_analyzer_new(&analyzer, language), 0);
    parts_make(&parts, random, analyzer, docs, count, deal, percent);
    parts_merge(&parts, dir, random, &merged);
    /* The same bytes of postings and the like: nothing is lost by merging. */
    words_build(&parts.kept, 0, parts.kept.doc_count, analyzer, &whole);
    assert_true(cdb_ft_info(merged)->bytes <= cdb_ft_info(whole.segment)->bytes + 1024 + whole.bytes.len / 20);
    words_close(&whole);
    cdb_ft_segment_close(merged);
    parts_release(&parts);
    cdb_analyzer_free(analyzer);
    close(dir);
    scratch_remove(path);
}

static void test_runs(void **state)
{
    struct random random = random_seed(1);

    (void)state;
    check_merge(&random, "english", 300, 3, RUNS, 100);
    check_merge(&random, "english", 40, PARTS_MAX, RUNS, 100);
    check_merge(&random, "none", 100, 2, RUNS, 100);
}

static void test_mixed(void **state)
{
    struct random random = random_seed(2);

    (void)state;
    check_merge(&random, "english", 300, 4, MIXED, 100);
    check_merge(&random, "english", 500, 2, ALL_OLD, 100);
    check_merge(&random, "english", 0, 2, MIXED, 100);
    check_merge(&random, "english", 100, 1, MIXED, 100);
}

static void test_filtered(void **state)
{
    struct random random = random_seed(3);

    (void)state;
    check_merge(&random, "english", 300, 3, MIXED, 50);
    check_merge(&random, "english", 300, 2, RUNS, 95);
    check_merge(&random, "english", 200, 4, MIXED, 5);
    check_merge(&random, "english", 100, 3, MIXED, 0);
    check_merge(&random, "none", 100, 3, MIXED, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
