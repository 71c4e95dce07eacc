/* SPDX-License-Identifier: MIT
 *
 * Packed numbers: of all widths, with exceptions, cut short. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/ft_pack.h"
#include "random.h"

/* Packed into exactly as much memory as it takes. */
static unsigned char *pack(const uint32_t *numbers, size_t *len)
{
    unsigned char bytes[CDB_PACK_MAX], *copy;

    *len = (size_t)(cdb_pack_put(bytes, numbers) - bytes);
    assert_true(*len <= CDB_PACK_MAX);
    copy = malloc(*len);
    memcpy(copy, bytes, *len);
    return copy;
}

static void check(const uint32_t *numbers)
{
    alignas(16) uint32_t out[CDB_PACK_COUNT];
    size_t len;
    unsigned char *bytes = pack(numbers, &len);
    const unsigned char *at = bytes;

    memset(out, 0xee, sizeof(out));
    assert_true(cdb_pack_get(&at, bytes + len, out));
    assert_ptr_equal(at, bytes + len);
    assert_memory_equal(out, numbers, sizeof(out));
    for (size_t cut = 0; cut < len; cut++) {
        at = bytes;
        assert_false(cdb_pack_get(&at, bytes + cut, out));
        assert_ptr_equal(at, bytes);
    }
    free(bytes);
}

static uint32_t number_of(struct random *random, unsigned bits)
{
    return bits == 0 ? 0 : (uint32_t)(random_bits(random) >> (64 - bits));
}

static void test_widths(void **state)
{
    struct random random = random_seed(1);
    alignas(16) uint32_t numbers[CDB_PACK_COUNT];

    (void)state;
    for (unsigned bits = 0; bits <= 32; bits++) {
        for (unsigned exceptions = 0; exceptions <= 40; exceptions += 4) {
            for (size_t i = 0; i < CDB_PACK_COUNT; i++)
                numbers[i] = number_of(&random, bits);
            for (unsigned i = 0; i < exceptions; i++)
                numbers[random_below(&random, CDB_PACK_COUNT)] = number_of(&random, 32);
            check(numbers);
        }
        for (size_t i = 0; i < CDB_PACK_COUNT; i++)
            numbers[i] = bits == 0 ? 0 : UINT32_MAX >> (32 - bits);
        check(numbers);
    }
}

/* A few large numbers do not make all of them large. */
static void test_exceptions(void **state)
{
    alignas(16) uint32_t numbers[CDB_PACK_COUNT] = {0};
    size_t len;

    (void)state;
    for (size_t i = 0; i < CDB_PACK_COUNT; i++)
        numbers[i] = i % 2;
    numbers[5] = UINT32_MAX;
    numbers[127] = 100000;
    free(pack(numbers, &len));
    assert_true(len <= 2 + 16 + 2 * 6);
    check(numbers);
}

static void test_sum(void **state)
{
    struct random random = random_seed(2);
    alignas(16) uint32_t numbers[CDB_PACK_COUNT];

    (void)state;
    for (int round = 0; round < 2000; round++) {
        unsigned bits = (unsigned)random_below(&random, 33);
        uint32_t base = random_chance(&random, 30) ? UINT32_MAX : number_of(&random, 20), last = base;
        uint32_t expected[CDB_PACK_COUNT];
        bool ascends = true;

        for (size_t i = 0; i < CDB_PACK_COUNT; i++) {
            numbers[i] = number_of(&random, random_chance(&random, 97) ? bits / 2 : bits);
            expected[i] = last + numbers[i] + 1;
            ascends = ascends && (i == 0 || expected[i] > expected[i - 1]);
            last = expected[i];
        }
        assert_int_equal(cdb_pack_sum(numbers, base), ascends);
        assert_memory_equal(numbers, expected, sizeof(expected));
    }
}

/* Any bytes are numbers, or not; none behind them is read. */
static void test_any(void **state)
{
    struct random random = random_seed(3);
    alignas(16) uint32_t out[CDB_PACK_COUNT];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&random, 40);
        unsigned char *bytes = malloc(len + 1);
        const unsigned char *at = bytes;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)random_bits(&random);
        if (len > 1)
            bytes[0] %= 3;
        if (cdb_pack_get(&at, bytes + len, out))
            assert_true(at > bytes && at <= bytes + len);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
