/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/repack.h"

static void test_few_packs_stay(void **state)
{
    const uint64_t counts[] = {1, 1, 1, 1, 1};
    (void)state;
    for (size_t packs = 0; packs <= CDB_PACKS_FEW; packs++)
        assert_int_equal(cdb_repack_plan(counts, packs), 0);
    assert_int_equal(cdb_repack_plan(counts, CDB_PACKS_FEW + 1), CDB_PACKS_FEW + 1);
}

static void test_geometric_stays(void **state)
{
    const uint64_t counts[] = {1, 2, 6, 18, 54, 162};
    (void)state;
    assert_int_equal(cdb_repack_plan(counts, 6), 0);
}

static void test_only_the_small_ones_merge(void **state)
{
    const uint64_t counts[] = {10, 10, 10, 1000, 100000};
    (void)state;
    assert_int_equal(cdb_repack_plan(counts, 5), 3);
}

/* A merge of millions would take minutes and a gigabyte: not for a few packs more or less. */
static void test_large_ones_stay(void **state)
{
    uint64_t counts[32] = {100, 100, 100};
    (void)state;
    for (size_t i = 3; i < 32; i++)
        counts[i] = 1000000;
    assert_int_equal(cdb_repack_plan(counts, 12), 3);
    assert_int_equal(cdb_repack_plan(counts + 3, 12), 0);
    assert_int_equal(cdb_repack_plan(counts + 3, 13), 6);
    for (size_t i = 3; i < 32; i++)
        counts[i] = 7000000;
    assert_int_equal(cdb_repack_plan(counts + 3, 13), 3);
}

static int ascending(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* However many checkpoints there were: few packs, and an object is copied a logarithmic number of times. */
static void test_packs_stay_few(void **state)
{
    uint64_t counts[64];
    uint64_t copied = 0, total = 0;
    size_t packs = 0;
    (void)state;
    srand(7);
    for (int checkpoint = 0; checkpoint < 20000; checkpoint++) {
        uint64_t size = 500 + (uint64_t)(rand() % 1500);
        counts[packs++] = size;
        total += size;
        qsort(counts, packs, sizeof(counts[0]), ascending);
        size_t merge = cdb_repack_plan(counts, packs);
        if (merge > 0) {
            uint64_t sum = 0;
            for (size_t i = 0; i < merge; i++)
                sum += counts[i];
            copied += sum;
            counts[merge - 1] = sum;
            for (size_t i = merge - 1; i < packs; i++)
                counts[i - merge + 1] = counts[i];
            packs -= merge - 1;
        }
        assert_true(packs <= 20);
    }
    assert_true(copied / total <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_packs_stay),
        cmocka_unit_test(test_geometric_stays),
        cmocka_unit_test(test_only_the_small_ones_merge),
        cmocka_unit_test(test_large_ones_stay),
        cmocka_unit_test(test_packs_stay_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
