/* SPDX-License-Identifier: MIT
 *
 * Documents as lists of scalars: random ones, of which the list is known because they were made of it; duplicate names,
 * names with dots, escapes; deep and wide ones; and the order of paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/document.h"
#include "random.h"

/* ---- what is expected --------------------------------------------------------------------------- */

struct expected {
    char path[256], text[32];
    enum cdb_json_type type;
    bool dropped; /* a later member has the name */
};

struct list {
    struct expected items[4096];
    size_t count;
};

static void check_list(const struct cdb_document *document, const struct cdb_paths *paths, const struct list *list,
                       const char *json)
{
    struct cdb_buf path = CDB_BUF_INIT;
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct expected *expected = &list->items[i];
        const struct cdb_scalar *scalar = &document->scalars[n];

        if (expected->dropped)
            continue;
        if (n++ == document->count)
            fail_msg("%s: %s is missing", json, expected->path);
        cdb_buf_clear(&path);
        cdb_paths_text(paths, scalar->path, &path);
        if (strcmp(cdb_buf_str(&path), expected->path) != 0)
            fail_msg("%s: path '%s', not '%s'", json, cdb_buf_str(&path), expected->path);
        if (scalar->type != expected->type || scalar->len != strlen(expected->text) ||
            memcmp(scalar->text, expected->text, scalar->len) != 0)
            fail_msg("%s: '%.*s', not '%s'", json, (int)scalar->len, scalar->text, expected->text);
        assert_int_equal(cdb_paths_find(paths, expected->path, strlen(expected->path)), scalar->path);
    }
    if (n != document->count)
        fail_msg("%s: %zu scalars, not %zu", json, document->count, n);
    cdb_buf_release(&path);
}

/* ---- random documents --------------------------------------------------------------------------- */

struct maker {
    struct random random;
    struct cdb_buf json;
    struct list list;
};

struct spelling {
    const char *written, *meant;
};

static const struct spelling names[] = {
    {"\"a\"", "a"},      {"\"\\u0061\"", "a"},     {"\"b\"", "b"},
    {"\"a.b\"", "a.b"},  {"\"a\\u002Eb\"", "a.b"}, {"\"\"", ""},
    {"\".\"", "."},      {"\"b..a\"", "b..a"},     {"\"\\u00e9\"", "\xc3\xa9"},
    {"\"a\\n\"", "a\n"}, {"\"a-b\"", "a-b"},
};

static const struct spelling strings[] = {
    {"\"x\"", "x"},
    {"\"\"", ""},
    {"\"\\ud83d\\ude00 \\\"\\\\\"", "\xf0\x9f\x98\x80 \"\\"},
    {"\"\\ud800\"", "\xed\xa0\x80"}, /* a lone surrogate */
    {"\"long enough for eight bytes\"", "long enough for eight bytes"},
    {"\"escape at the end \\/\"", "escape at the end /"},
};

#define PICK(maker, list) (&(list)[random_below(&(maker)->random, sizeof(list) / sizeof((list)[0]))])

static void make_scalar(struct maker *maker, const char *path)
{
    static const char *const words[] = {"null", "false", "true", "-12.5e3"};
    struct expected *expected = &maker->list.items[maker->list.count++];

    assert_true(maker->list.count < sizeof(maker->list.items) / sizeof(maker->list.items[0]));
    *expected = (struct expected){.type = (enum cdb_json_type)random_below(&maker->random, CDB_JSON_STRING + 1)};
    snprintf(expected->path, sizeof(expected->path), "%s", path);
    if (expected->type == CDB_JSON_STRING) {
        const struct spelling *string = PICK(maker, strings);

        cdb_buf_adds(&maker->json, string->written);
        snprintf(expected->text, sizeof(expected->text), "%s", string->meant);
    } else {
        cdb_buf_adds(&maker->json, words[expected->type]);
        snprintf(expected->text, sizeof(expected->text), "%s", words[expected->type]);
    }
}

static void make_value(struct maker *maker, const char *path, bool top, int depth);

static void make_object(struct maker *maker, const char *path, bool top, int depth)
{
    const char *seen[8];
    size_t first[9], count = random_below(&maker->random, 8);

    cdb_buf_adds(&maker->json, "{ ");
    for (size_t i = 0; i < count; i++) {
        const struct spelling *name = PICK(maker, names);
        char below[256];

        snprintf(below, sizeof(below), "%s%s%s", path, top ? "" : ".", name->meant);
        cdb_buf_addf(&maker->json, "%s%s : ", i > 0 ? " ," : "", name->written);
        seen[i] = name->meant;
        first[i] = maker->list.count;
        make_value(maker, below, false, depth - 1);
        first[i + 1] = maker->list.count;
        for (size_t j = 0; j < i; j++)
            for (size_t k = first[j]; strcmp(seen[j], seen[i]) == 0 && k < first[j + 1]; k++)
                maker->list.items[k].dropped = true;
    }
    cdb_buf_adds(&maker->json, "\t}");
}

static void make_value(struct maker *maker, const char *path, bool top, int depth)
{
    size_t kind = random_below(&maker->random, 10);

    if (depth == 0 || kind < 4) {
        make_scalar(maker, path);
    } else if (kind < 7) {
        make_object(maker, path, top, depth);
    } else {
        size_t count = random_below(&maker->random, 4);

        cdb_buf_adds(&maker->json, "[");
        for (size_t i = 0; i < count; i++) {
            cdb_buf_adds(&maker->json, i > 0 ? ",\n" : "");
            make_value(maker, path, top, depth - 1);
        }
        cdb_buf_adds(&maker->json, "]");
    }
}

static void test_random(void **state)
{
    struct maker *maker = calloc(1, sizeof(*maker));
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_paths paths;
    size_t dropped = 0;

    (void)state;
    maker->random = random_seed(1);
    assert_int_equal(cdb_paths_init(&paths), 0);
    for (int i = 0; i < 3000; i++) {
        cdb_buf_clear(&maker->json);
        maker->list.count = 0;
        make_value(maker, "", true, 6);
        if (i % 100 == 0)
            paths.objects = UINT32_MAX - 3; /* the numbers begin anew */
        assert_int_equal(cdb_document_read(&document, &paths, maker->json.ptr, maker->json.len), 0);
        check_list(&document, &paths, &maker->list, maker->json.ptr);
        for (size_t k = 0; k < maker->list.count; k++)
            dropped += maker->list.items[k].dropped;
    }
    assert_true(dropped > 1000);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
    cdb_buf_release(&maker->json);
    free(maker);
}

/* ---- particular documents ----------------------------------------------------------------------- */

/* As lines "path=text;" */
static void check_reading(const char *json, const char *expected)
{
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf found = CDB_BUF_INIT;
    struct cdb_paths paths;

    assert_int_equal(cdb_paths_init(&paths), 0);
    assert_int_equal(cdb_document_read(&document, &paths, json, strlen(json)), 0);
    for (size_t i = 0; i < document.count; i++) {
        cdb_paths_text(&paths, document.scalars[i].path, &found);
        cdb_buf_addf(&found, "=%.*s;", (int)document.scalars[i].len, document.scalars[i].text);
    }
    assert_string_equal(cdb_buf_str(&found), expected);
    cdb_buf_release(&found);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

static void test_particular(void **state)
{
    (void)state;
    check_reading("1", "=1;");
    check_reading(" \"a\\nb\" ", "=a\nb;");
    check_reading("[1,[2,{\"a\":3}],4]", "=1;=2;a=3;=4;");
    check_reading("{}", "");
    check_reading("[]", "");
    check_reading("{\"a\":{},\"b\":[]}", "");
    check_reading("{\"\":1,\"a\":{\"\":2},\".\":3}", "=1;a.=2;.=3;");
    check_reading("{\"a\":{\"b\":1},\"a.b\":2,\"a\\u002eb.c\":3}", "a.b=1;a.b=2;a.b.c=3;");
    check_reading("{\"a\":1,\"a\":[2,3]}", "a=2;a=3;");
    check_reading("{\"a\":{\"b\":1},\"c\":2,\"a\":{\"d\":3}}", "c=2;a.d=3;");
    check_reading("{\"a.b\":1,\"a\":{\"b\":2},\"a.b\":3}", "a.b=2;a.b=3;");
    check_reading("{\"a\":[{\"b\":1},{\"b\":2,\"b\":3}],\"\\u0061\":[{\"b\":4},{\"b\":5}]}", "a.b=4;a.b=5;");
    check_reading("[{\"a\":1},{\"a\":2}]", "a=1;a=2;");
}

static void test_invalid(void **state)
{
    static const char *const texts[] = {"", "{", "{\"a\":1,}", "1 2", "[1", "\"\xff\"", "{\"a\":1,\"a\":2"};
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_paths paths;

    (void)state;
    assert_int_equal(cdb_paths_init(&paths), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(cdb_document_read(&document, &paths, texts[i], strlen(texts[i])), CHRONDB_EINVALID);
        assert_int_equal(document.count, 0);
        assert_int_equal(cdb_document_read(&document, &paths, "{\"a\":1}", 7), 0);
        assert_int_equal(document.count, 1);
    }
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

static void test_deep(void **state)
{
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf json = CDB_BUF_INIT, text = CDB_BUF_INIT;
    struct cdb_paths paths;

    (void)state;
    for (int i = 0; i < CHRONDB_MAX_DEPTH; i++)
        cdb_buf_addf(&json, "{\"n%d\":", i);
    cdb_buf_adds(&json, "7");
    for (int i = 0; i < CHRONDB_MAX_DEPTH; i++)
        cdb_buf_adds(&json, ",\"x\":1}");
    assert_int_equal(cdb_paths_init(&paths), 0);
    assert_int_equal(cdb_document_read(&document, &paths, json.ptr, json.len), 0);
    assert_int_equal(document.count, CHRONDB_MAX_DEPTH + 1);
    cdb_paths_text(&paths, document.scalars[0].path, &text);
    assert_memory_equal(cdb_buf_str(&text), "n0.n1.n2.n3.n4.", 15);
    assert_int_equal(paths.paths[document.scalars[0].path].depth, CDB_PATH_DEPTH);
    assert_true(cdb_paths_is_within(&paths, document.scalars[0].path, cdb_paths_find(&paths, "n0.n1", 5)));
    assert_false(cdb_paths_is_within(&paths, document.scalars[0].path, cdb_paths_find(&paths, "n0.x", 4)));
    cdb_buf_release(&json);
    cdb_buf_release(&text);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

/* Names with more dots than paths have components: what is deeper counts for the ancestor, duplicates are still seen.
 */
static void test_clamped(void **state)
{
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf json = CDB_BUF_INIT, path = CDB_BUF_INIT;
    struct cdb_paths paths;
    uint32_t found;

    (void)state;
    cdb_buf_adds(&json, "{\"");
    for (int i = 0; i < 3 * CDB_PATH_DEPTH; i++)
        cdb_buf_adds(&json, "a.");
    cdb_buf_adds(&json, "\":{\"x\":{\"x\":1,\"x\":2},\"y\":3,\"x\":{\"x\":4,\"z\":5}}}");
    for (int i = 0; i < CDB_PATH_DEPTH; i++)
        cdb_buf_adds(&path, i > 0 ? ".a" : "a");
    assert_int_equal(cdb_paths_init(&paths), 0);
    assert_int_equal(cdb_document_read(&document, &paths, json.ptr, json.len), 0);
    assert_int_equal(document.count, 3);
    found = cdb_paths_find(&paths, path.ptr, path.len);
    for (size_t i = 0; i < document.count; i++) {
        assert_int_equal(document.scalars[i].path, found);
        assert_int_equal(document.scalars[i].text[0], '3' + (int)i);
    }
    /* A query may say it all. */
    assert_int_equal(cdb_paths_find(&paths, json.ptr + 2, 4 * CDB_PATH_DEPTH), found);
    cdb_buf_release(&json);
    cdb_buf_release(&path);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

static void test_wide(void **state)
{
    enum { MEMBERS = CDB_PATH_FIELDS };
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf json = CDB_BUF_INIT;
    struct cdb_paths paths;

    (void)state;
    for (int i = 0; i < MEMBERS; i++)
        cdb_buf_addf(&json, "%c\"k%d\":%d", i == 0 ? '{' : ',', i % (MEMBERS - 1), i);
    cdb_buf_adds(&json, "}");
    assert_int_equal(cdb_paths_init(&paths), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(cdb_document_read(&document, &paths, json.ptr, json.len), 0);
        assert_int_equal(document.count, MEMBERS - 1); /* the first one comes again at the end */
        assert_memory_equal(document.scalars[0].text, "1", 1);
        assert_int_equal(document.scalars[MEMBERS - 2].path, cdb_paths_find(&paths, "k0", 2));
        assert_int_equal(paths.count, MEMBERS);
    }
    cdb_buf_release(&json);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

/* Names beyond the limit count for the field that they are in, whatever was read with the same paths before. */
static void test_too_many(void **state)
{
    static const char known[] = "{\"late\":{\"x\":{\"y\":1}},\"o\":{\"kx\":2,\"late\":3,\"d\":{\"e\":5}}}";
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf json = CDB_BUF_INIT;

    (void)state;
    cdb_buf_adds(&json, "{\"top\":0,\"o\":[{");
    for (int i = 0; i < CDB_PATH_FIELDS - 4; i++)
        cdb_buf_addf(&json, "\"k%d\":%d,", i, i);
    /* "d.e" is two. What was seen goes on to count where it stands; of the same names the last counts. */
    cdb_buf_adds(&json, "\"d.e\":\"in\",\"late\":\"in\"},{\"k7\":\"seen\",\"kx\":{\"k7\":\"in\"},\"kx\":[\"in\"]}],");
    cdb_buf_adds(&json, "\"late\":{\"top\":\"up\",\"x\":{\"y\":\"up\"}},\"n\\u0065w\":\"up\"}");
    for (int round = 0; round < 2; round++) {
        struct cdb_paths paths;
        size_t seen = 0, in = 0, up = 0;

        assert_int_equal(cdb_paths_init(&paths), 0);
        if (round > 0)
            assert_int_equal(cdb_document_read(&document, &paths, known, strlen(known)), 0);
        assert_int_equal(cdb_document_read(&document, &paths, json.ptr, json.len), 0);
        assert_int_equal(document.count, CDB_PATH_FIELDS + 4);
        assert_int_equal(document.scalars[CDB_PATH_FIELDS - 3].path, cdb_paths_find(&paths, "o.d.e", 5));
        for (size_t i = CDB_PATH_FIELDS - 2; i < document.count; i++) {
            const struct cdb_scalar *scalar = &document.scalars[i];

            in += memcmp(scalar->text, "in", 2) == 0 && scalar->path == cdb_paths_find(&paths, "o", 1);
            up += memcmp(scalar->text, "up", 2) == 0 && scalar->path == cdb_paths_find(&paths, "", 0);
            seen += memcmp(scalar->text, "se", 2) == 0 && scalar->path == cdb_paths_find(&paths, "o.k7", 4);
        }
        assert_true(in == 2 && up == 3 && seen == 1);
        cdb_paths_release(&paths);
    }
    cdb_buf_release(&json);
    cdb_document_release(&document);
}

/* ---- the order of paths ------------------------------------------------------------------------- */

/* Bytes, but '.' below all others. */
static int compare_paths(const char *a, const char *b)
{
    for (; *a == *b && *a != '\0'; a++, b++)
        ;
    if (*a == '\0' || *b == '\0')
        return (*a != '\0') - (*b != '\0');
    return (*a == '.' ? 0 : (unsigned char)*a) - (*b == '.' ? 0 : (unsigned char)*b);
}

static void test_order(void **state)
{
    static const char letters[] = "ab.-\xc3\x01";
    struct random random = random_seed(2);
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf text = CDB_BUF_INIT, step = CDB_BUF_INIT, before = CDB_BUF_INIT;
    struct cdb_paths paths;

    (void)state;
    assert_int_equal(cdb_paths_init(&paths), 0);
    uint32_t none = CDB_PATH_ROOT;
    assert_int_equal(cdb_paths_sort(&paths, &none), 0);
    for (int i = 0; i < 500; i++) {
        char name[12];
        size_t len = random_below(&random, sizeof(name));

        for (size_t k = 0; k < len; k++)
            name[k] = letters[random_below(&random, sizeof(letters) - 1)];
        assert_int_not_equal(cdb_paths_member(&paths, CDB_PATH_ROOT, name, len, 0), 0);
    }
    size_t count = paths.count - 1;
    uint32_t *order = calloc(count, sizeof(*order)), previous = CDB_PATH_ROOT;

    assert_true(count > 500);
    assert_int_equal(cdb_paths_sort(&paths, order), 0);
    for (size_t i = 0; i < count; i++) {
        cdb_buf_clear(&text);
        cdb_paths_text(&paths, order[i], &text);
        assert_int_equal(cdb_paths_find(&paths, cdb_buf_str(&text), text.len), order[i]);
        if (i > 0)
            assert_true(compare_paths(cdb_buf_str(&before), cdb_buf_str(&text)) < 0);
        cdb_buf_clear(&before);
        cdb_buf_add(&before, text.ptr, text.len);
        if (random_chance(&random, 30)) /* as one who passes over some does */
            continue;
        size_t shared = cdb_paths_step(&paths, previous, order[i], &step);
        assert_true(shared <= step.len);
        assert_string_equal(cdb_buf_str(&step), cdb_buf_str(&text));
        previous = order[i];
    }
    assert_int_equal(cdb_paths_find(&paths, "nowhere", 7), CDB_PATH_NONE);
    assert_true(cdb_paths_bytes(&paths) > count * sizeof(struct cdb_path));
    free(order);
    cdb_buf_release(&text);
    cdb_buf_release(&step);
    cdb_buf_release(&before);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),   cmocka_unit_test(test_particular), cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_deep),     cmocka_unit_test(test_clamped),    cmocka_unit_test(test_wide),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
