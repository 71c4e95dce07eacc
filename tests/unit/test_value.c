/* SPDX-License-Identifier: MIT
 *
 * Values as bytes: their order is that of the exact values, which is found here by writing all digits of a number out;
 * the same value has the same bytes however it is written; what is inexact says so, and texts decide then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/value.h"
#include "random.h"

static struct cdb_value encode(const char *text)
{
    struct cdb_value value;

    memset(&value, 0, sizeof(value));
    assert_true(cdb_value_number(&value, text, strlen(text)));
    assert_in_range(value.len, 2, CDB_VALUE_MAX);
    assert_true(cdb_value_check(value.bytes, value.len));
    return value;
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static int compare_texts(const char *a, const char *b)
{
    return sign(cdb_scalar_compare(CDB_JSON_NUMBER, a, strlen(a), CDB_JSON_NUMBER, b, strlen(b)));
}

static bool is_exact(const struct cdb_value *value)
{
    return cdb_value_is_exact(value->bytes, value->len);
}

/* ---- against arithmetic ------------------------------------------------------------------------- */

#define PLACES 1024 /* digits; the first half stands before the point */

struct digits {
    bool negative, zero;
    int significant; /* from the first to the last that is not 0 */
    char at[PLACES];
};

/* Write a number out, with the point where its exponent wants it. */
static void write_out(struct digits *digits, const char *text)
{
    const char *end = strpbrk(text, "eE"), *point = strchr(text, '.');
    long exponent = end != NULL ? strtol(end + 1, NULL, 10) : 0;
    int first = -1, last = -1;
    long place;

    memset(digits, 0, sizeof(*digits));
    digits->negative = *text == '-';
    text += digits->negative;
    if (end == NULL)
        end = text + strlen(text);
    place = PLACES / 2 - ((point != NULL ? point : end) - text) + (-exponent);
    for (; text < end; text++) {
        if (*text == '.')
            continue;
        assert_in_range(place, 0, PLACES - 1);
        digits->at[place] = (char)(*text - '0');
        if (*text != '0') {
            first = first < 0 ? (int)place : first;
            last = (int)place;
        }
        place++;
    }
    digits->zero = first < 0;
    digits->significant = first < 0 ? 0 : last - first + 1;
}

static int compare_digits(const struct digits *a, const struct digits *b)
{
    int x = a->zero ? 0 : a->negative ? -1 : 1, y = b->zero ? 0 : b->negative ? -1 : 1;

    if (x != y)
        return x < y ? -1 : 1;
    return x * sign(memcmp(a->at, b->at, PLACES));
}

static size_t add_digits(struct random *random, char *out, size_t count)
{
    /* Few different ones, so that numbers share beginnings; many zeros. */
    static const char choice[] = "0000123459";

    for (size_t i = 0; i < count; i++)
        out[i] = choice[random_below(random, 10)];
    return count;
}

static void random_number(struct random *random, char out[256])
{
    size_t n = 0, most = random_chance(random, 20) ? 60 : random_chance(random, 50) ? 3 : 20;

    if (random_chance(random, 40))
        out[n++] = '-';
    if (random_chance(random, 30)) {
        out[n++] = '0';
    } else {
        out[n++] = (char)('1' + random_below(random, 3));
        n += add_digits(random, out + n, random_below(random, most));
    }
    if (random_chance(random, 50)) {
        out[n++] = '.';
        n += add_digits(random, out + n, 1 + random_below(random, most));
    }
    if (random_chance(random, 50))
        n += (size_t)snprintf(out + n, 32, "%c%s%zu", random_chance(random, 50) ? 'e' : 'E',
                              random_chance(random, 30)   ? "+"
                              : random_chance(random, 50) ? "-"
                                                          : "",
                              random_below(random, random_chance(random, 80) ? 10 : 300));
    out[n] = '\0';
}

static void test_order(void **state)
{
    enum { COUNT = 600 };
    static char texts[COUNT][256];
    static struct digits digits[COUNT];
    static struct cdb_value values[COUNT];
    struct random random = random_seed(1);
    size_t equal = 0, inexact = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random_number(&random, texts[i]);
        write_out(&digits[i], texts[i]);
        values[i] = encode(texts[i]);
        assert_int_equal(is_exact(&values[i]), digits[i].significant <= CDB_VALUE_DIGITS_EXACT);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            int expected = compare_digits(&digits[i], &digits[j]), order = cdb_value_compare(&values[i], &values[j]);

            if (order == 0 && !is_exact(&values[i]))
                inexact++;
            else if (sign(order) != expected)
                fail_msg("%s against %s: %d, not %d", texts[i], texts[j], order, expected);
            if (compare_texts(texts[i], texts[j]) != expected)
                fail_msg("%s against %s as texts: not %d", texts[i], texts[j], expected);
            equal += i != j && expected == 0;
        }
    }
    assert_true(equal > 100);
    assert_true(inexact > COUNT / 20);
}

/* ---- particular numbers ------------------------------------------------------------------------- */

static void check_equal(const char *a, const char *b)
{
    struct cdb_value x = encode(a), y = encode(b);

    if (cdb_value_compare(&x, &y) != 0 || compare_texts(a, b) != 0)
        fail_msg("%s is not %s", a, b);
    assert_true(is_exact(&x));
}

static void test_equal(void **state)
{
    (void)state;
    check_equal("1", "1.0");
    check_equal("1", "1e0");
    check_equal("1", "10e-1");
    check_equal("1", "0.1E+1");
    check_equal("1", "0.00001e5");
    check_equal("1", "1000e-0003");
    check_equal("0", "-0");
    check_equal("0", "0.000e99999999999999999999999999");
    check_equal("0", "-0e-5");
    check_equal("-12.5", "-1250e-2");
    check_equal("100", "1e2");
    check_equal("9007199254740993", "9007199254740993.0");
    check_equal("1e400", "10e399");
    check_equal("1e400", "0.1e401");
    check_equal("1e-400", "0.01e-398");
    check_equal("1e999999999999", "1000e999999999996");
    check_equal("-5e-999999999999", "-0.05e-999999999997");
    check_equal("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890.0");
}

static void test_ascending(void **state)
{
    static const char *const texts[] = {
        "-1e100000000000000000000000000000001",
        "-1e100000000000000000000000000000000",
        "-1e999999999999",
        "-1e400",
        "-1.7976931348623157e308",
        "-9223372036854775809",
        "-9223372036854775808",
        "-10",
        "-9.99999999999999999999999999999999999999999999999999",
        "-9",
        "-1.01",
        "-1",
        "-0.5",
        "-5e-324",
        "-1e-400",
        "-1e-99999999999999999999",
        "0",
        "2e-99999999999999999999",
        "1e-99999999999999999998",
        "1e-999999999999",
        "1e-400",
        "4.9406564584124654e-324",
        "1e-49",
        "1e-48",
        "1e-47",
        "0.1",
        "0.3",
        "0.30000000000000000000000000000000000000000000000000000000000001",
        "0.30000000000000000000000000000000000000000000000000000000000002",
        "0.300000000000000000000000000000000000000000000000000000000001",
        "0.30000000000000000000000000000000000000001",
        "0.30000000000000004",
        "1",
        "1.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        "1.1",
        "2",
        "9",
        "10",
        "11",
        "99",
        "100",
        "9007199254740992",
        "9007199254740993",
        "9007199254740994",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e62",
        "1e63",
        "1e64",
        "1e255",
        "1e256",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1e400",
        "1e401",
        "1e65535",
        "1e65536",
        "1e999999999999",
        "1e999999999999999",
        "1.5e999999999999999",
        "1e9999999999999999",
        "1e99999999999999999",
        "1e999999999999999999999999",
        "2e999999999999999999999999",
        "1e1000000000000000000000000",
        "0.5e1000000000000000000000002",
    };
    size_t count = sizeof(texts) / sizeof(texts[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct cdb_value a = encode(texts[i]), b = encode(texts[j]);
            int expected = (i > j) - (i < j), order = sign(cdb_value_compare(&a, &b));

            if (order != expected && !(order == 0 && !is_exact(&a)))
                fail_msg("%s against %s: %d", texts[i], texts[j], order);
            if (compare_texts(texts[i], texts[j]) != expected)
                fail_msg("%s against %s as texts", texts[i], texts[j]);
        }
    }
}

/* An exponent of a million digits is an exponent. */
static void test_long(void **state)
{
    enum { LEN = 1000000 };
    char *a = malloc(LEN + 1), *b = malloc(LEN + 1);
    struct cdb_value x, y;

    (void)state;
    memset(a, '7', LEN);
    memcpy(a, "1e", 2);
    a[LEN] = '\0';
    memcpy(b, a, LEN + 1);
    b[LEN - 1] = '8';
    x = encode(a);
    y = encode(b);
    assert_int_equal(cdb_value_compare(&x, &y), 0);
    assert_false(is_exact(&x));
    assert_int_equal(compare_texts(a, b), -1);
    a[1] = b[1] = '1'; /* digits, rather */
    x = encode(a);
    y = encode(b);
    assert_int_equal(cdb_value_compare(&x, &y), 0);
    assert_false(is_exact(&x));
    assert_int_equal(compare_texts(a, b), -1);
    assert_int_equal(compare_texts(a, a), 0);
    free(a);
    free(b);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"",   "-",  "+1",  "01",  "1.",  ".5",  "1e",       "1e+", "0x10", "NaN",
                                        " 1", "1 ", "1,2", "1-2", "--1", "12a", "Infinity", "1\n", "\"1\""};
    struct cdb_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cdb_value_number(&value, texts[i], strlen(texts[i])))
            fail_msg("'%s' is no number", texts[i]);
}

/* ---- strings and kinds -------------------------------------------------------------------------- */

static struct cdb_value string(const char *text, size_t len)
{
    struct cdb_value value;

    cdb_value_encode(&value, CDB_JSON_STRING, text, len);
    assert_true(cdb_value_check(value.bytes, value.len));
    return value;
}

static void test_strings(void **state)
{
    struct random random = random_seed(2);
    char a[48], b[48];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t a_len = random_below(&random, sizeof(a)), b_len = random_below(&random, sizeof(b));

        memset(a, 'x', sizeof(a));
        memset(b, 'x', sizeof(b));
        a[random_below(&random, sizeof(a))] = (char)random_below(&random, 256);
        b[random_below(&random, sizeof(b))] = (char)random_below(&random, 256);
        struct cdb_value x = string(a, a_len), y = string(b, b_len);
        int order = sign(cdb_value_compare(&x, &y)), expected = sign(cdb_bytes_compare(a, a_len, b, b_len));

        assert_int_equal(is_exact(&x), a_len <= CDB_VALUE_STRING_EXACT);
        if (order != expected)
            assert_true(order == 0 && !is_exact(&x) && !is_exact(&y));
        assert_int_equal(sign(cdb_scalar_compare(CDB_JSON_STRING, a, a_len, CDB_JSON_STRING, b, b_len)), expected);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        enum cdb_json_type type;
        const char *text;
        enum cdb_value_kind kind;
    } list[] = {
        {CDB_JSON_NULL, "null", CDB_VALUE_NULL},        {CDB_JSON_FALSE, "false", CDB_VALUE_FALSE},
        {CDB_JSON_TRUE, "true", CDB_VALUE_TRUE},        {CDB_JSON_NUMBER, "-1e9999999999999999999", CDB_VALUE_NUMBER},
        {CDB_JSON_NUMBER, "-1e5", CDB_VALUE_NUMBER},    {CDB_JSON_NUMBER, "1e9999999999999999999", CDB_VALUE_NUMBER},
        {CDB_JSON_STRING, "", CDB_VALUE_STRING},        {CDB_JSON_STRING, "\x01", CDB_VALUE_STRING},
        {CDB_JSON_STRING, "\xff\xff", CDB_VALUE_STRING}};
    size_t count = sizeof(list) / sizeof(list[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct cdb_value value, floor, ceiling;

        cdb_value_encode(&value, list[i].type, list[i].text, strlen(list[i].text));
        cdb_value_floor(&floor, list[i].kind);
        cdb_value_floor(&ceiling, list[i].kind + 1);
        assert_int_equal(cdb_value_kind(value.bytes, value.len), list[i].kind);
        assert_true(cdb_value_compare(&floor, &value) <= 0);
        assert_true(cdb_value_compare(&value, &ceiling) < 0);
        for (size_t j = 0; j < count; j++) {
            struct cdb_value other;

            cdb_value_encode(&other, list[j].type, list[j].text, strlen(list[j].text));
            assert_int_equal(sign(cdb_value_compare(&value, &other)), (i > j) - (i < j));
            assert_int_equal(sign(cdb_scalar_compare(list[i].type, list[i].text, strlen(list[i].text), list[j].type,
                                                     list[j].text, strlen(list[j].text))),
                             (i > j) - (i < j));
        }
    }
}

/* ---- text --------------------------------------------------------------------------------------- */

static void check_format(const struct cdb_value *value, const char *expected)
{
    struct cdb_buf out = CDB_BUF_INIT;

    cdb_value_format(&out, value->bytes, value->len);
    assert_string_equal(cdb_buf_str(&out), expected);
    cdb_buf_release(&out);
}

static void check_number(const char *text, const char *expected)
{
    struct cdb_value value = encode(text);

    check_format(&value, expected);
}

static void test_format(void **state)
{
    struct cdb_value value;

    (void)state;
    check_number("0", "0");
    check_number("-0.0", "0");
    check_number("1.50", "1.5");
    check_number("-1200", "-1200");
    check_number("786.616", "786.616");
    check_number("9007199254740993", "9007199254740993");
    check_number("1e20", "100000000000000000000");
    check_number("123456789012345678901", "123456789012345678901");
    check_number("1e21", "1e+21");
    check_number("-1234e30", "-1.234e+33");
    check_number("0.000001", "0.000001");
    check_number("0.0000001", "1e-7");
    check_number("-0.00000012", "-1.2e-7");
    check_number("1e400", "1e+400");
    check_number("1e-999999999999", "1e-999999999999");
    check_number("1e99999999999999999", "1e+1000000000000000");
    check_number("-1e-99999999999999999", "-1e-1000000000000000");
    check_number("0.12345678901234567890123456789012345678909999", "0.1234567890123456789012345678901234567890");
    cdb_value_encode(&value, CDB_JSON_TRUE, "true", 4);
    check_format(&value, "true");
    cdb_value_encode(&value, CDB_JSON_FALSE, "false", 5);
    check_format(&value, "false");
    cdb_value_encode(&value, CDB_JSON_NULL, "null", 4);
    check_format(&value, "null");
    cdb_value_string(&value, "a \"b\"\n", 6);
    check_format(&value, "\"a \\\"b\\\"\\n\"");
    /* Nothing of the character that the cut goes through. */
    cdb_value_string(&value, "123456789012345678901234567890\xe2\x82\xac and more", 42);
    check_format(&value, "\"123456789012345678901234567890\"");
}

/* What is printed means the same value. */
static void test_round_trip(void **state)
{
    struct random random = random_seed(3);
    struct cdb_buf out = CDB_BUF_INIT;
    char text[256];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        random_number(&random, text);
        struct cdb_value value = encode(text), again;

        cdb_buf_clear(&out);
        cdb_value_format(&out, value.bytes, value.len);
        again = encode(cdb_buf_str(&out));
        if (is_exact(&value))
            assert_int_equal(cdb_value_compare(&value, &again), 0);
    }
    cdb_buf_release(&out);
}

/* Any bytes: those that pass the check are the encoding of what they print as. */
static void test_any_bytes(void **state)
{
    struct random random = random_seed(4);
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_value value, again;
    size_t good = 0;
    char text[256];

    (void)state;
    for (int i = 0; i < 50000; i++) {
        random_number(&random, text);
        value = encode(text);
        for (size_t changes = random_below(&random, 3); changes > 0; changes--)
            value.bytes[1 + random_below(&random, value.len - 1u)] = (unsigned char)random_bits(&random);
        if (random_chance(&random, 10))
            value.len = (unsigned char)(1 + random_below(&random, CDB_VALUE_MAX));
        cdb_buf_clear(&out);
        cdb_value_format(&out, value.bytes, value.len);
        if (!cdb_value_check(value.bytes, value.len) || !is_exact(&value))
            continue;
        good++;
        again = encode(cdb_buf_str(&out));
        assert_int_equal(cdb_value_compare(&value, &again), 0);
    }
    assert_true(good > 5000);
    cdb_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_equal),   cmocka_unit_test(test_ascending),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_refused), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_kinds),     cmocka_unit_test(test_format),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
