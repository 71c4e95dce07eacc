/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "store.h"

#define ENTRY(mode, name)                                                                                              \
    {                                                                                                                  \
        name, sizeof(name) - 1, mode,                                                                                  \
        {                                                                                                              \
            {                                                                                                          \
                0                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

static void add_raw(struct cdb_buf *out, const char *mode, const char *name, size_t name_len, unsigned char id)
{
    unsigned char oid[CDB_OID_SIZE];

    memset(oid, id, sizeof(oid));
    cdb_buf_adds(out, mode);
    cdb_buf_addc(out, ' ');
    cdb_buf_add(out, name, name_len);
    cdb_buf_addc(out, '\0');
    cdb_buf_add(out, oid, sizeof(oid));
}

/* Parse a copy in memory of exactly its size. */
static int parse(const struct cdb_buf *content, struct cdb_buf *copy, struct cdb_tree_entry **entries, size_t *count)
{
    memset(copy, 0, sizeof(*copy));
    copy->ptr = malloc(content->len > 0 ? content->len : 1);
    assert_non_null(copy->ptr);
    if (content->len > 0)
        memcpy(copy->ptr, content->ptr, content->len);
    copy->len = content->len;
    *entries = NULL;
    *count = 0;
    return cdb_tree_parse(copy, entries, count);
}

static void expect_damaged(const struct cdb_buf *content)
{
    struct cdb_buf copy;
    struct cdb_tree_entry *entries;
    size_t count;

    assert_int_equal(parse(content, &copy, &entries, &count), CHRONDB_EDAMAGED);
    assert_null(entries);
    free(copy.ptr);
}

/* The names that a tree has, in order, each with a blank behind it; one byte of the ids too. */
static void expect_names(const struct cdb_buf *content, const char *names)
{
    struct cdb_buf copy, text = CDB_BUF_INIT;
    struct cdb_tree_entry *entries;
    size_t count;

    assert_int_equal(parse(content, &copy, &entries, &count), 0);
    for (size_t i = 0; i < count; i++) {
        cdb_buf_add(&text, entries[i].name, entries[i].name_len);
        cdb_buf_addf(&text, "=%u ", entries[i].oid.id[0]);
    }
    assert_string_equal(cdb_buf_str(&text), names);
    free(entries);
    free(copy.ptr);
    cdb_buf_release(&text);
}

/* ---- what git writes --------------------------------------------------------------------------- */

/* Trees whose ids are git's: `git mktree` made them of the empty blob and the empty tree. */
static void test_known_ids(void **state)
{
    struct cdb_oid blob, tree, commit, id;
    struct cdb_buf content = CDB_BUF_INIT;
    (void)state;

    assert_int_equal(cdb_object_hash(&blob, CDB_BLOB, "", 0), 0);
    assert_string_equal(store_hex(&blob), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    cdb_tree_encode(NULL, 0, &content);
    assert_int_equal(cdb_object_hash(&tree, CDB_TREE, cdb_buf_str(&content), content.len), 0);
    assert_string_equal(store_hex(&tree), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");

    memset(commit.id, 0x11, sizeof(commit.id));
    struct cdb_tree_entry entries[] = {
        {"a0", 2, CDB_MODE_FILE, blob}, {"a", 1, CDB_MODE_DIR, tree},         {"a.b", 3, CDB_MODE_FILE, blob},
        {"b", 1, 0100755, blob},        {"a-b", 3, CDB_MODE_FILE, blob},      {"c", 1, 0120000, blob},
        {"d", 1, 0160000, commit},      {"\xc3\xa4", 2, CDB_MODE_FILE, blob},
    };
    cdb_tree_encode(entries, sizeof(entries) / sizeof(entries[0]), &content);
    assert_int_equal(cdb_object_hash(&id, CDB_TREE, content.ptr, content.len), 0);
    assert_string_equal(store_hex(&id), "bbf2a68cf714019d0f21c2fe75e250192bceb454");
    expect_names(&content, "a-b=230 a.b=230 a=75 a0=230 b=230 c=230 d=17 \xc3\xa4=230 ");
    cdb_buf_release(&content);
}

static void test_order(void **state)
{
    static const struct {
        struct cdb_tree_entry a, b;
        int order;
    } cases[] = {
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(CDB_MODE_FILE, "b"), -1},
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(CDB_MODE_FILE, "ab"), -1},
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(CDB_MODE_FILE, "a"), 0},
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(0120000, "a"), 0},
        {ENTRY(CDB_MODE_DIR, "a"), ENTRY(CDB_MODE_DIR, "a"), 0},
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(CDB_MODE_DIR, "a"), -1},
        {ENTRY(CDB_MODE_DIR, "a"), ENTRY(CDB_MODE_FILE, "a."), 1},
        {ENTRY(CDB_MODE_DIR, "a"), ENTRY(CDB_MODE_FILE, "a0"), -1},
        {ENTRY(CDB_MODE_DIR, "a"), ENTRY(CDB_MODE_DIR, "a."), 1},
        {ENTRY(CDB_MODE_FILE, "a"), ENTRY(CDB_MODE_FILE, "a\xff"), -1},
        {ENTRY(CDB_MODE_FILE, "\x7f"), ENTRY(CDB_MODE_FILE, "\x80"), -1},
        {ENTRY(CDB_MODE_DIR, "a"), ENTRY(CDB_MODE_FILE, "a\xff"), -1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int there = cdb_tree_compare(&cases[i].a, &cases[i].b), back = cdb_tree_compare(&cases[i].b, &cases[i].a);
        assert_int_equal((there > 0) - (there < 0), cases[i].order);
        assert_int_equal((back > 0) - (back < 0), -cases[i].order);
    }
}

/* Whatever order entries are given in, parsing what was written gives them back, sorted. */
static void test_round_trip(void **state)
{
    struct random random = random_seed(3);
    (void)state;

    for (int round = 0; round < 300; round++) {
        struct cdb_tree_entry entries[80], *read;
        char names[80][12];
        size_t count = random_below(&random, 80), read_count;
        struct cdb_buf content = CDB_BUF_INIT, again = CDB_BUF_INIT, copy;
        for (size_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof(names[i]), "%c%u", "ab.-"[random_below(&random, 4)], (unsigned)i);
            entries[i] = (struct cdb_tree_entry){
                names[i], strlen(names[i]), random_chance(&random, 50) ? CDB_MODE_DIR : CDB_MODE_FILE, {{0}}};
            entries[i].oid.id[5] = (unsigned char)i;
        }
        cdb_tree_encode(entries, count, &content);
        assert_int_equal(parse(&content, &copy, &read, &read_count), 0);
        assert_int_equal(read_count, count);
        for (size_t i = 0; i + 1 < count; i++)
            assert_true(cdb_tree_compare(&read[i], &read[i + 1]) < 0);
        for (size_t i = count; i > 1; i--) { /* shuffle */
            size_t other = random_below(&random, i);
            struct cdb_tree_entry swap = read[i - 1];
            read[i - 1] = read[other];
            read[other] = swap;
        }
        cdb_tree_encode(read, read_count, &again);
        assert_int_equal(again.len, content.len);
        if (content.len > 0)
            assert_memory_equal(again.ptr, content.ptr, content.len);
        free(read);
        free(copy.ptr);
        cdb_buf_release(&content);
        cdb_buf_release(&again);
    }
}

/* ---- what nobody should write -------------------------------------------------------------------- */

static void test_cut(void **state)
{
    struct cdb_buf content = CDB_BUF_INIT, cut = CDB_BUF_INIT;
    (void)state;

    add_raw(&content, "100644", "a.json", 6, 1);
    size_t first = content.len;
    add_raw(&content, "40000", "b", 1, 2);
    for (size_t len = 0; len <= content.len; len++) {
        cdb_buf_clear(&cut);
        cdb_buf_add(&cut, content.ptr, len);
        if (len == 0)
            expect_names(&cut, "");
        else if (len == first)
            expect_names(&cut, "a.json=1 ");
        else if (len == content.len)
            expect_names(&cut, "a.json=1 b=2 ");
        else
            expect_damaged(&cut);
    }
    cdb_buf_release(&content);
    cdb_buf_release(&cut);
}

static void test_malformed(void **state)
{
    static const char *const modes[] = {"",
                                        "8",
                                        "10064x",
                                        "-100644",
                                        "0x1ff",
                                        "1006444444",
                                        "100644\t",
                                        "99999",
                                        "+100644",
                                        "100 644x",
                                        "777777777777777777777777"};
    (void)state;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct cdb_buf content = CDB_BUF_INIT, copy;
        struct cdb_tree_entry *entries;
        size_t count;
        add_raw(&content, modes[i], "a", 1, 1);
        /* "100 644x a": the mode is 100, the name "644x a" */
        if (strchr(modes[i], ' ') != NULL) {
            assert_int_equal(parse(&content, &copy, &entries, &count), 0);
            free(entries);
            free(copy.ptr);
        } else {
            expect_damaged(&content);
        }
        cdb_buf_release(&content);
    }
    struct cdb_buf content = CDB_BUF_INIT;
    add_raw(&content, "100644", "", 0, 1); /* no name */
    expect_damaged(&content);
    cdb_buf_release(&content);
}

/* Git reads modes with zeros in front (its fsck warns), so they are read here. */
static void test_padded_modes(void **state)
{
    static const char *const modes[] = {"100644", "0100644", "00000100644", "0000000000000000100644"};
    struct cdb_buf copy;
    struct cdb_tree_entry *entries;
    size_t count;
    (void)state;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct cdb_buf content = CDB_BUF_INIT;
        add_raw(&content, modes[i], "a", 1, 1);
        assert_int_equal(parse(&content, &copy, &entries, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(entries[0].mode, CDB_MODE_FILE);
        free(entries);
        free(copy.ptr);
        cdb_buf_release(&content);
    }
    struct cdb_buf content = CDB_BUF_INIT;
    add_raw(&content, "040000", "a", 1, 1);
    assert_int_equal(parse(&content, &copy, &entries, &count), 0);
    assert_true(cdb_mode_is_dir(entries[0].mode));
    free(entries);
    free(copy.ptr);
    cdb_buf_release(&content);
}

/* Out of order and twice: put right, the last of equal names counts, on every machine. */
static void test_disorder(void **state)
{
    struct cdb_buf content = CDB_BUF_INIT;
    char name[8];
    (void)state;

    add_raw(&content, "100644", "b", 1, 1);
    add_raw(&content, "100644", "a", 1, 2);
    add_raw(&content, "40000", "a", 1, 3);
    add_raw(&content, "100644", "b", 1, 4);
    add_raw(&content, "120000", "a", 1, 5);
    expect_names(&content, "a=5 a=3 b=4 ");
    cdb_buf_clear(&content);
    for (unsigned i = 0; i < 200; i++) { /* enough for any sorting to be unstable */
        snprintf(name, sizeof(name), "%u", i % 10);
        add_raw(&content, "100644", name, strlen(name), (unsigned char)i);
    }
    expect_names(&content, "0=190 1=191 2=192 3=193 4=194 5=195 6=196 7=197 8=198 9=199 ");
    cdb_buf_release(&content);
}

static void test_odd_names(void **state)
{
    struct cdb_buf content = CDB_BUF_INIT, copy;
    struct cdb_tree_entry *entries;
    size_t count;
    char *longest = calloc(1, 100000);
    (void)state;

    assert_non_null(longest);
    memset(longest, 'n', 100000);
    add_raw(&content, "40000", "..", 2, 1);
    add_raw(&content, "40000", ".git", 4, 1);
    add_raw(&content, "40000", "a/b", 3, 1);
    add_raw(&content, "100644", longest, 100000, 1);
    assert_int_equal(parse(&content, &copy, &entries, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(entries[3].name_len, 100000);
    free(entries);
    free(copy.ptr);
    free(longest);
    cdb_buf_release(&content);
}

static void test_modes(void **state)
{
    (void)state;
    assert_true(cdb_mode_is_file(0100644) && cdb_mode_is_file(0100755) && cdb_mode_is_file(0100664));
    assert_false(cdb_mode_is_file(0120000) || cdb_mode_is_file(0160000) || cdb_mode_is_file(0040000) ||
                 cdb_mode_is_file(0));
    assert_true(cdb_mode_is_dir(0040000));
    assert_false(cdb_mode_is_dir(0160000) || cdb_mode_is_dir(0120000) || cdb_mode_is_dir(0100644) ||
                 cdb_mode_is_dir(0));
}

static void test_random_bytes(void **state)
{
    struct random random = random_seed(4);
    struct cdb_buf content = CDB_BUF_INIT, copy;
    (void)state;

    for (int i = 0; i < 20000; i++) {
        struct cdb_tree_entry *entries;
        size_t count;
        cdb_buf_clear(&content);
        add_raw(&content, "100644", "a", 1, 1);
        add_raw(&content, "40000", "b", 1, 1);
        for (size_t changes = 1 + random_below(&random, 4); changes > 0; changes--)
            content.ptr[random_below(&random, content.len)] = " 0a\0\xff"[random_below(&random, 5)];
        if (parse(&content, &copy, &entries, &count) == 0) {
            for (size_t k = 0; k < count; k++) {
                assert_true(entries[k].name_len > 0);
                assert_true(entries[k].name >= copy.ptr);
                assert_true(entries[k].name + entries[k].name_len < copy.ptr + copy.len);
            }
        }
        free(entries);
        free(copy.ptr);
    }
    cdb_buf_release(&content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_ids),    cmocka_unit_test(test_order),     cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_malformed), cmocka_unit_test(test_padded_modes),
        cmocka_unit_test(test_disorder),     cmocka_unit_test(test_odd_names), cmocka_unit_test(test_modes),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
