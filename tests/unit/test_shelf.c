/* SPDX-License-Identifier: MIT
 *
 * Shelves: their file, and what is to be merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "chrondb.h"
#include "index/ends.h"
#include "index/shelf.h"
#include "random.h"
#include "scratch.h"

/* ---- the file ----------------------------------------------------------------------------------- */

static struct cdb_shelf_segment segments[] = {
    {.name = 1,
     .bytes = 70000,
     .ends = 11,
     .ends_bytes = 300,
     .docs = 9,
     .dead = 9,
     .min_from = 0,
     .max_from = 6,
     .min_end = 3,
     .max_end = 8},
    {.name = UINT64_MAX, .bytes = 5000, .docs = 1, .min_from = 8, .max_from = 8, .min_end = CDB_ENDS_NONE},
};

static struct cdb_shelf_mark marks[] = {{8, {{8}}}, {7, {{7}}}, {6, {{6}}}, {4, {{4}}}, {0, {{1}}}};

static struct cdb_shelf sample(void)
{
    return (struct cdb_shelf){.ref = (char *)(uintptr_t) "refs/heads/feature/x",
                              .language = "english",
                              .analysis = 1,
                              .end = 9,
                              .marks = marks,
                              .mark_count = 5,
                              .segments = segments,
                              .segment_count = 2};
}

static void check_same(const struct cdb_shelf *shelf)
{
    assert_string_equal(shelf->ref, "refs/heads/feature/x");
    assert_string_equal(shelf->language, "english");
    assert_int_equal(shelf->analysis, 1);
    assert_int_equal(shelf->end, 9);
    assert_int_equal(shelf->mark_count, 5);
    assert_int_equal(shelf->segment_count, 2);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(shelf->marks[i].position, marks[i].position);
        assert_memory_equal(&shelf->marks[i].commit, &marks[i].commit, sizeof(marks[i].commit));
    }
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(&shelf->segments[i], &segments[i], sizeof(segments[i]));
}

static void test_file(void **unused)
{
    char *path = scratch_new();
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct cdb_shelf shelf = sample();
    (void)unused;

    assert_int_equal(cdb_shelf_read(&shelf, dir, shelf.ref), 1);
    shelf = sample();
    assert_int_equal(cdb_shelf_write(dir, &shelf), 0);
    assert_int_equal(cdb_shelf_read(&shelf, dir, "refs/heads/feature/x"), 0);
    check_same(&shelf);
    cdb_shelf_release(&shelf);
    assert_int_equal(cdb_shelf_read(&shelf, dir, "refs/heads/feature"), 1);
    close(dir);
    scratch_remove(path);
}

static void test_damage(void **unused)
{
    struct cdb_shelf shelf = sample(), again;
    struct cdb_buf data = CDB_BUF_INIT;
    (void)unused;

    cdb_shelf_encode(&data, &shelf);
    assert_int_equal(cdb_shelf_decode(&again, data.ptr, data.len), 0);
    cdb_shelf_release(&again);
    for (size_t len = 0; len < data.len; len++)
        assert_int_equal(cdb_shelf_decode(&again, data.ptr, len), 1);
    for (size_t at = 0; at < data.len * 8; at++) {
        data.ptr[at / 8] = (char)((unsigned char)data.ptr[at / 8] ^ 1u << at % 8);
        assert_int_equal(cdb_shelf_decode(&again, data.ptr, data.len), 1);
        assert_null(again.ref);
        data.ptr[at / 8] = (char)((unsigned char)data.ptr[at / 8] ^ 1u << at % 8);
    }
    cdb_buf_release(&data);
}

/* What is signed but cannot be. */
static void expect_refused(const struct cdb_shelf *shelf)
{
    struct cdb_shelf again;
    struct cdb_buf data = CDB_BUF_INIT;

    cdb_shelf_encode(&data, shelf);
    assert_int_equal(cdb_shelf_decode(&again, data.ptr, data.len), 1);
    cdb_buf_release(&data);
}

static void test_nonsense(void **unused)
{
    struct cdb_shelf shelf = sample();
    struct cdb_shelf_segment one = segments[0];
    (void)unused;

    shelf.end = 0;
    expect_refused(&shelf);
    shelf = sample();
    shelf.end = 10; /* the first mark is not the last commit */
    expect_refused(&shelf);
    shelf = sample();
    shelf.mark_count = 0;
    expect_refused(&shelf);
    shelf = sample();
    shelf.segments = &one;
    shelf.segment_count = 1;
    one.dead = 10;
    expect_refused(&shelf);
    one = segments[0];
    one.max_end = 9;
    expect_refused(&shelf);
    one = segments[0];
    one.docs = 0;
    expect_refused(&shelf);
    one = segments[0];
    one.ends = 0;
    expect_refused(&shelf);
    one = segments[1];
    one.max_from = 9;
    expect_refused(&shelf);
}

static void test_marks(void **unused)
{
    uint64_t positions[CDB_SHELF_MARKS_MAX];
    (void)unused;

    assert_int_equal(cdb_shelf_mark_positions(0, positions), 0);
    assert_int_equal(cdb_shelf_mark_positions(1, positions), 1);
    assert_int_equal(positions[0], 0);
    for (uint64_t end = 2; end < 5000; end += 1 + end / 7) {
        size_t count = cdb_shelf_mark_positions(end, positions);

        assert_int_equal(positions[0], end - 1);
        for (size_t i = 1; i < count; i++) {
            assert_true(positions[i] < positions[i - 1]);
            assert_int_equal(end - 1 - positions[i], UINT64_C(1) << (i - 1));
        }
        assert_true(positions[count - 1] < end / 2 + 1);
    }
}

/* ---- merging ------------------------------------------------------------------------------------ */

/* What a merge makes of the chosen ones. */
static size_t merge(struct cdb_shelf_segment *list, size_t count, const size_t *chosen, size_t chosen_count)
{
    struct cdb_shelf_segment halves[2] = {{.docs = 0}, {.docs = 0}};
    size_t kept = 0, next = 0;

    for (size_t i = 0; i < count; i++) {
        if (next == chosen_count || chosen[next] != i) {
            list[kept++] = list[i];
            continue;
        }
        next++;
        halves[0].docs += list[i].docs - list[i].dead;
        halves[1].docs += list[i].dead;
    }
    assert_int_equal(next, chosen_count);
    halves[1].dead = halves[1].docs;
    for (int i = 0; i < 2; i++)
        if (halves[i].docs > 0) {
            halves[i].bytes = 4000 + (uint64_t)halves[i].docs * 170;
            list[kept++] = halves[i];
        }
    return kept;
}

struct shelves {
    struct cdb_shelf_segment list[400];
    size_t count;
    uint64_t copied;
};

static void settle(struct shelves *shelves, bool all)
{
    size_t chosen[400], n;

    for (int round = 0; (n = cdb_shelf_plan(shelves->list, shelves->count, all, chosen)) > 0; round++) {
        assert_true(round < 50);
        for (size_t i = 0; i < n; i++) {
            assert_true(chosen[i] < shelves->count && (i == 0 || chosen[i] > chosen[i - 1]));
            shelves->copied += shelves->list[chosen[i]].docs;
        }
        shelves->count = merge(shelves->list, shelves->count, chosen, n);
    }
}

static void add(struct shelves *shelves, uint32_t docs)
{
    shelves->list[shelves->count++] =
        (struct cdb_shelf_segment){.docs = docs, .bytes = 4000 + (uint64_t)docs * 170, .min_end = CDB_ENDS_NONE};
}

static unsigned log2_of(uint64_t n)
{
    unsigned result = 0;

    for (; n > 1; n /= 2)
        result++;
    return result;
}

/* Documents that only come: 64 at a time. */
static void test_growth(void **unused)
{
    struct shelves shelves = {.count = 0};
    (void)unused;

    for (uint64_t docs = 64; docs <= 1000000; docs += 64) {
        add(&shelves, 64);
        settle(&shelves, false);
        assert_true(shelves.count <= 4 + 2 * log2_of(docs / 64 + 1));
        assert_true(shelves.copied <= docs * (2 + log2_of(docs / 64 + 1)));
    }
    settle(&shelves, true);
    assert_int_equal(shelves.count, 1);
}

/* Documents that replace others: the present stays small. */
static void test_updates(void **unused)
{
    struct shelves shelves = {.count = 0};
    struct random random = random_seed(20261124);
    uint64_t updates = 0, alive = 50000;
    (void)unused;

    add(&shelves, (uint32_t)alive);
    for (; updates < 1000000; updates += 64) {
        for (size_t killed = 0; killed < 64;) {
            struct cdb_shelf_segment *at = &shelves.list[random_below(&random, shelves.count)];
            uint32_t here = at->docs - at->dead < 8 ? at->docs - at->dead : 8;

            at->dead += here;
            killed += here;
        }
        add(&shelves, 64);
        settle(&shelves, false);
        uint64_t present = 0;
        for (size_t i = 0; i < shelves.count; i++)
            present += shelves.list[i].dead < shelves.list[i].docs ? shelves.list[i].docs : 0;
        assert_true(present <= alive + alive / 5 + 64);
        assert_true(shelves.count <= 40);
    }
    assert_true(shelves.copied <= updates * 40);
    settle(&shelves, true);
    assert_int_equal(shelves.count, 2);
    assert_int_equal(shelves.list[0].docs, alive);
    assert_int_equal(shelves.list[0].dead, 0);
    assert_int_equal(shelves.list[1].docs, shelves.list[1].dead);
    settle(&shelves, true);
    assert_int_equal(shelves.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),  cmocka_unit_test(test_damage), cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_marks), cmocka_unit_test(test_growth), cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
