/* SPDX-License-Identifier: MIT
 *
 * Which segments are merged: few remain, and none is copied often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "index/catalog.h"

/* Save `count` times what `size` says, merging as told: the most segments there were, and what was copied. */
static size_t simulate(size_t count, uint64_t (*size)(size_t i), uint64_t *copied, uint64_t *total)
{
    struct cdb_catalog_size segments[200];
    size_t n = 0, most = 0, first;

    *copied = *total = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(n < 200);
        segments[n++] = (struct cdb_catalog_size){1, size(i)};
        *total += size(i) + 1;
        for (size_t merged; (merged = cdb_catalog_merge_plan(segments, n, &first)) > 0;) {
            assert_true(merged >= 2 && first + merged <= n);
            for (size_t j = 1; j < merged; j++) {
                segments[first].commits += segments[first + j].commits;
                segments[first].bytes += segments[first + j].bytes;
            }
            *copied += segments[first].bytes + segments[first].commits;
            n -= merged - 1;
            memmove(segments + first + 1, segments + first + merged, (n - first - 1) * sizeof(*segments));
        }
        most = n > most ? n : most;
    }
    return most;
}

static uint64_t tiny(size_t i)
{
    (void)i;
    return 700;
}

static uint64_t usual(size_t i)
{
    (void)i;
    return 180000;
}

static uint64_t mixed(size_t i)
{
    return (uint64_t)700 << (i * 2654435761u >> 8) % 16;
}

static uint64_t growing(size_t i)
{
    return 700 + i * 1000;
}

static uint64_t falling(size_t i)
{
    return i < 20 ? (uint64_t)1 << (40 - 2 * i) : 700;
}

static void test_merge_plan(void **state)
{
    static uint64_t (*const sizes[])(size_t i) = {tiny, usual, mixed, growing, falling};
    struct cdb_catalog_size one = {1, 1};
    uint64_t copied, total;
    size_t first;

    (void)state;
    assert_int_equal(cdb_catalog_merge_plan(NULL, 0, &first), 0);
    assert_int_equal(cdb_catalog_merge_plan(&one, 1, &first), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        /* log4(20000) = 7.1, and tiers of bytes */
        assert_true(simulate(20000, sizes[i], &copied, &total) <= 70);
        assert_true(copied <= total * 16);
    }
    assert_true(simulate(100000, tiny, &copied, &total) <= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
