/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "random.h"
#include "store/delta.h"
#include "util/oid.h"

#define HUGE_MAX ((size_t)1 << 40)

typedef void (*make)(struct cdb_buf *, const void *, size_t, const void *, size_t);

/* Memory of exactly that size, so that a sanitizer sees a read beyond it. */
static char *exact(const struct cdb_buf *buf)
{
    char *copy = malloc(buf->len > 0 ? buf->len : 1);
    assert_non_null(copy);
    if (buf->len > 0)
        memcpy(copy, buf->ptr, buf->len);
    return copy;
}

/* The delta's size; it must make the target again. */
static size_t check(make how, const struct cdb_buf *base, const struct cdb_buf *target)
{
    struct cdb_buf delta = CDB_BUF_INIT, out = CDB_BUF_INIT;
    char *from = exact(base), *to = exact(target);
    size_t size = 0;

    how(&delta, from, base->len, to, target->len);
    assert_int_equal(cdb_buf_check(&delta), 0);
    char *steps = exact(&delta);
    assert_true(cdb_delta_size(steps, delta.len, base->len, &size));
    assert_int_equal(size, target->len);
    assert_false(cdb_delta_size(steps, delta.len, base->len + 1, &size));
    cdb_buf_adds(&out, "before");
    assert_int_equal(cdb_delta_apply(&out, from, base->len, steps, delta.len, target->len), 0);
    assert_int_equal(out.len, target->len + 6);
    assert_memory_equal(out.ptr + 6, to, target->len);
    cdb_buf_clear(&out);
    if (target->len > 0)
        assert_int_equal(cdb_delta_apply(&out, from, base->len, steps, delta.len, target->len - 1), CHRONDB_EDAMAGED);
    assert_int_equal(out.len, 0);
    size = delta.len;
    cdb_buf_release(&delta);
    cdb_buf_release(&out);
    free(from);
    free(to);
    free(steps);
    return size;
}

static size_t check_text(const char *base, const char *target)
{
    struct cdb_buf a = CDB_BUF_INIT, b = CDB_BUF_INIT;
    cdb_buf_adds(&a, base);
    cdb_buf_adds(&b, target);
    size_t size = check(cdb_delta_edges, &a, &b);
    check(cdb_delta_match, &a, &b);
    assert_int_equal(check(cdb_delta_tree, &a, &b), size); /* no trees: the same */
    cdb_buf_release(&a);
    cdb_buf_release(&b);
    return size;
}

static void test_edges(void **state)
{
    (void)state;
    assert_int_equal(check_text("", ""), 2);
    check_text("", "new");
    check_text("old", "");
    assert_int_equal(check_text("same text of some length", "same text of some length"), 4);
    check_text("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa");
    check_text("aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa");
    check_text("abc", "xyz");
    assert_in_range(check_text("{\"name\":\"Alice\",\"age\":30,\"tags\":[\"a\"]}",
                               "{\"name\":\"Alice\",\"age\":31,\"tags\":[\"a\"]}"),
                    4, 12);
}

static void fill(struct cdb_buf *out, struct random *random, size_t len)
{
    for (size_t i = 0; i < len; i++)
        cdb_buf_addc(out, (char)random_below(random, 256));
}

/* Sizes about which the instructions are cut: 127, 0x10000, 0xffffff. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 126, 127, 128, 254, 255, 0xffff, 0x10000, 0x10001, 0x1ffff};
    struct random random = random_seed(1);
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cdb_buf a = CDB_BUF_INIT, b = CDB_BUF_INIT;
        fill(&a, &random, sizes[i]);
        check(cdb_delta_edges, &a, &a);
        cdb_buf_add(&b, a.ptr, a.len);
        fill(&b, &random, sizes[sizeof(sizes) / sizeof(sizes[0]) - 1 - i]);
        cdb_buf_add(&b, a.ptr, a.len);
        check(cdb_delta_edges, &a, &b);
        check(cdb_delta_edges, &b, &a);
        check(cdb_delta_match, &a, &b);
        check(cdb_delta_match, &b, &a);
        cdb_buf_release(&a);
        cdb_buf_release(&b);
    }
    struct cdb_buf large = CDB_BUF_INIT;
    assert_true(cdb_buf_reserve(&large, 0x1000010));
    memset(large.ptr, 'x', 0x1000010);
    large.len = 0x1000010;
    check(cdb_delta_edges, &large, &large);
    check(cdb_delta_match, &large, &large);
    cdb_buf_release(&large);
}

static void test_match(void **state)
{
    struct random random = random_seed(5);
    struct cdb_buf a = CDB_BUF_INIT, b = CDB_BUF_INIT;
    (void)state;
    cdb_buf_adds(&a, "{\"age\":30,\"city\":\"Lisbon\",\"text\":\"some words that stay as they are\",\"count\":17}");
    cdb_buf_adds(&b, "{\"age\":31,\"city\":\"Lisbon\",\"text\":\"some words that stay as they are\",\"count\":18}");
    assert_in_range(check(cdb_delta_match, &a, &b), 8, 24);
    assert_in_range(check(cdb_delta_edges, &a, &b), 40, 100);
    for (int round = 0; round < 500; round++) { /* pieces of the one in the other, in any order */
        cdb_buf_clear(&a);
        cdb_buf_clear(&b);
        fill(&a, &random, random_below(&random, 300));
        while (random_below(&random, 8) > 0) {
            size_t from = random_below(&random, a.len + 1), len = random_below(&random, a.len - from + 1);
            cdb_buf_add(&b, cdb_buf_str(&a) + from, len);
            fill(&b, &random, random_below(&random, 20));
        }
        check(cdb_delta_match, &a, &b);
        check(cdb_delta_match, &b, &a);
    }
    cdb_buf_release(&a);
    cdb_buf_release(&b);
}

static void add_entry(struct cdb_buf *out, unsigned number, unsigned id, bool directory)
{
    unsigned char oid[CDB_OID_SIZE];
    struct random random = {id * UINT64_C(2) + 1};
    for (size_t i = 0; i < sizeof(oid); i++)
        oid[i] = (unsigned char)random_below(&random, 256);
    cdb_buf_addf(out, directory ? "40000 %04u" : "100644 %04u.json", number);
    cdb_buf_addc(out, '\0');
    cdb_buf_add(out, oid, sizeof(oid));
}

/* `changed`, if it is in the tree, has another id; every `without`-th entry is missing. */
static void add_tree(struct cdb_buf *out, unsigned count, unsigned changed, unsigned without)
{
    for (unsigned i = 0; i < count; i++)
        if (without == 0 || i % without != 1)
            add_entry(out, i, i == changed ? 9999 : i, i % 7 == 0);
}

static void test_tree(void **state)
{
    struct cdb_buf base = CDB_BUF_INIT, target = CDB_BUF_INIT;
    (void)state;
    add_tree(&base, 60, 60, 0);
    add_tree(&target, 60, 30, 0);
    assert_in_range(check(cdb_delta_tree, &base, &target), 20, 36);
    cdb_buf_clear(&target);
    add_tree(&target, 60, 30, 20); /* three are missing, one is changed */
    assert_in_range(check(cdb_delta_tree, &base, &target), 20, 50);
    assert_in_range(check(cdb_delta_tree, &target, &base), 20, 200);
    cdb_buf_clear(&target);
    check(cdb_delta_tree, &base, &target);
    check(cdb_delta_tree, &target, &base);
    cdb_buf_release(&base);
    cdb_buf_release(&target);
}

/* Any two trees, in order or not, cut short or not. */
static void test_any_tree(void **state)
{
    struct random random = random_seed(3);
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct cdb_buf trees[2] = {CDB_BUF_INIT, CDB_BUF_INIT};
        for (int i = 0; i < 2; i++) {
            unsigned count = (unsigned)random_below(&random, 12), disorder = (unsigned)random_below(&random, 4);
            for (unsigned n = 0; n < count; n++)
                if (random_below(&random, 4) > 0)
                    add_entry(&trees[i], disorder == 0 ? (unsigned)random_below(&random, 12) : n,
                              (unsigned)random_below(&random, 3) + n, random_below(&random, 8) == 0);
            if (random_below(&random, 8) == 0 && trees[i].len > 0)
                trees[i].len -= random_below(&random, 24) % trees[i].len;
        }
        check(cdb_delta_tree, &trees[0], &trees[1]);
        cdb_buf_release(&trees[0]);
        cdb_buf_release(&trees[1]);
    }
}

static void expect_damaged(const char *delta, size_t len)
{
    struct cdb_buf out = CDB_BUF_INIT, bytes = CDB_BUF_INIT;
    cdb_buf_add(&bytes, delta, len);
    char *copy = exact(&bytes);
    assert_int_equal(cdb_delta_apply(&out, "0123456789", 10, copy, len, HUGE_MAX), CHRONDB_EDAMAGED);
    assert_int_equal(out.len, 0);
    cdb_buf_release(&out);
    cdb_buf_release(&bytes);
    free(copy);
}

#define EXPECT_DAMAGED(text) expect_damaged(text, sizeof(text) - 1)

static void test_damaged(void **state)
{
    (void)state;
    EXPECT_DAMAGED("");
    EXPECT_DAMAGED("\x0a");
    EXPECT_DAMAGED("\x09\x01\x01x");                                     /* another base */
    EXPECT_DAMAGED("\x0a\x02\x01x");                                     /* too little */
    EXPECT_DAMAGED("\x0a\x01\x02xx");                                    /* too much */
    EXPECT_DAMAGED("\x0a\x02\x02x");                                     /* cut short */
    EXPECT_DAMAGED("\x0a\x01\x00x");                                     /* reserved */
    EXPECT_DAMAGED("\x0a\x0b\x90\x0b");                                  /* copies beyond the end */
    EXPECT_DAMAGED("\x0a\x01\x91\x0a\x01");                              /* begins there */
    EXPECT_DAMAGED("\x0a\x01\x9f\xff\xff\xff\xff\x01");                  /* far away */
    EXPECT_DAMAGED("\x0a\x80\x80\x04\x80");                              /* a size of nothing is 65536 */
    EXPECT_DAMAGED("\x0a\x02\x91\x01");                                  /* the size is missing */
    EXPECT_DAMAGED("\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x00");  /* a number too long */
    EXPECT_DAMAGED("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01x"); /* a size too large */
    EXPECT_DAMAGED("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),    cmocka_unit_test(test_sizes), cmocka_unit_test(test_tree),
        cmocka_unit_test(test_any_tree), cmocka_unit_test(test_match), cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
