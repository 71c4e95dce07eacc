/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "util/time.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIRST        INT64_C(-62167219200)
#define LAST         INT64_C(253402300799)

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(state) % ((uint64_t)(high - low) + 1));
}

static cdb_time at(int64_t seconds, int32_t nanoseconds)
{
    return (cdb_time){seconds, nanoseconds};
}

static void assert_time(cdb_time time, int64_t seconds, int32_t nanoseconds)
{
    assert_int_equal(time.seconds, seconds);
    assert_int_equal(time.nanoseconds, nanoseconds);
}

/* ---- the calendar ------------------------------------------------------------------------------ */

static void check_day(int64_t seconds)
{
    struct tm tm;
    time_t clock = (time_t)seconds;
    int64_t year = 0, midnight = 0;
    int month = 0, day = 0;

    assert_non_null(gmtime_r(&clock, &tm));
    cdb_time_civil(seconds, &year, &month, &day);
    assert_int_equal(year, (int64_t)tm.tm_year + 1900);
    assert_int_equal(month, tm.tm_mon + 1);
    assert_int_equal(day, tm.tm_mday);

    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    midnight = cdb_time_from_civil(year, month, day);
    assert_int_equal(midnight, (int64_t)timegm(&tm));
    assert_true(midnight <= seconds && seconds - midnight < 86400);
}

static void calendar_is_that_of_libc_every_day(void **state)
{
    (void)state;
    /* A thousand years around the epoch day by day, with seconds that wander through the day. */
    for (int64_t day = -182621; day <= 182621; day++)
        check_day(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
}

static void calendar_is_that_of_libc_at_random(void **state)
{
    uint64_t seed = 0x1d872b41;

    (void)state;
    for (int i = 0; i < 100000; i++)
        check_day(random_between(&seed, FIRST, LAST));
    /* As far as struct tm's int years go. */
    for (int i = 0; i < 100000; i++)
        check_day(random_between(&seed, INT64_C(-67768040609740800), INT64_C(67768036191676799)));
    for (int64_t second = -200000; second < 200000; second += 7)
        check_day(second);
}

static void calendar_at_the_ends_of_int64(void **state)
{
    int64_t year = 0;
    int month = 0, day = 0;

    (void)state;
    cdb_time_civil(INT64_MAX, &year, &month, &day);
    assert_true(year == INT64_C(292277026596) && month == 12 && day == 4);
    assert_int_equal(cdb_time_from_civil(year, month, day), INT64_MAX - 55807);
    assert_int_equal(cdb_time_from_civil(year, month, day + 1), INT64_MAX);
    cdb_time_civil(INT64_MIN, &year, &month, &day);
    assert_true(year == INT64_C(-292277022657) && month == 1 && day == 27);
    assert_int_equal(cdb_time_from_civil(year, month, day), INT64_MIN);
    assert_int_equal(cdb_time_from_civil(year, month, day + 1), INT64_MIN + 55808);
    assert_int_equal(cdb_time_from_civil(INT64_MAX, 12, 31), INT64_MAX);
    assert_int_equal(cdb_time_from_civil(INT64_MIN, 1, 1), INT64_MIN);
    assert_int_equal(cdb_time_from_civil(INT64_C(300000000000), 6, 1), INT64_MAX);
    assert_int_equal(cdb_time_from_civil(INT64_C(-300000000000), 6, 1), INT64_MIN);
}

static void month_days(void **state)
{
    static const int common[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    (void)state;
    for (int month = 1; month <= 12; month++)
        assert_int_equal(cdb_time_month_days(2025, month), common[month - 1]);
    assert_int_equal(cdb_time_month_days(2024, 2), 29);
    assert_int_equal(cdb_time_month_days(1900, 2), 28);
    assert_int_equal(cdb_time_month_days(2000, 2), 29);
    assert_int_equal(cdb_time_month_days(0, 2), 29);
    assert_int_equal(cdb_time_month_days(-4, 2), 29);
    assert_int_equal(cdb_time_month_days(-1, 2), 28);
    for (int64_t year = 1; year < 9999; year++)
        for (int month = 1; month <= 12; month++) {
            int64_t next = month < 12 ? cdb_time_from_civil(year, month + 1, 1) : cdb_time_from_civil(year + 1, 1, 1);

            assert_int_equal((next - cdb_time_from_civil(year, month, 1)) / 86400, cdb_time_month_days(year, month));
        }
}

/* ---- arithmetic -------------------------------------------------------------------------------- */

static void compare(void **state)
{
    (void)state;
    assert_int_equal(cdb_time_compare(at(1, 2), at(1, 2)), 0);
    assert_true(cdb_time_compare(at(1, 2), at(1, 3)) < 0);
    assert_true(cdb_time_compare(at(1, 3), at(1, 2)) > 0);
    assert_true(cdb_time_compare(at(1, 999999999), at(2, 0)) < 0);
    assert_true(cdb_time_compare(at(-1, 0), at(-2, 999999999)) > 0);
    assert_true(cdb_time_compare(at(INT64_MIN, 0), at(INT64_MAX, 0)) < 0);
    assert_true(cdb_time_compare(at(INT64_MAX, 0), at(INT64_MIN, 0)) > 0);
}

static void add_seconds(void **state)
{
    (void)state;
    assert_time(cdb_time_add_seconds(at(1, 5), 2), 3, 5);
    assert_time(cdb_time_add_seconds(at(1, 5), -2), -1, 5);
    assert_time(cdb_time_add_seconds(at(INT64_MAX - 1, 5), 1), INT64_MAX, 5);
    assert_time(cdb_time_add_seconds(at(INT64_MAX - 1, 5), 2), INT64_MAX, 999999999);
    assert_time(cdb_time_add_seconds(at(INT64_MIN + 1, 5), -1), INT64_MIN, 5);
    assert_time(cdb_time_add_seconds(at(INT64_MIN + 1, 5), -2), INT64_MIN, 0);
    assert_time(cdb_time_add_seconds(at(-1, 5), INT64_MIN), INT64_MIN, 0);
    assert_time(cdb_time_add_seconds(at(1, 5), INT64_MAX), INT64_MAX, 999999999);
    assert_time(cdb_time_add_seconds(at(INT64_MIN, 5), INT64_MAX), -1, 5);
}

static void next(void **state)
{
    (void)state;
    assert_time(cdb_time_next(at(1, 5)), 1, 6);
    assert_time(cdb_time_next(at(1, 999999998)), 1, 999999999);
    assert_time(cdb_time_next(at(1, 999999999)), 2, 0);
    assert_time(cdb_time_next(at(-1, 999999999)), 0, 0);
    assert_time(cdb_time_next(at(INT64_MAX, 999999998)), INT64_MAX, 999999999);
    assert_time(cdb_time_next(at(INT64_MAX, 999999999)), INT64_MAX, 999999999);
}

static void range(void **state)
{
    (void)state;
    assert_true(cdb_time_in_range(at(FIRST, 0)));
    assert_true(cdb_time_in_range(at(LAST, 999999999)));
    assert_false(cdb_time_in_range(at(FIRST - 1, 999999999)));
    assert_false(cdb_time_in_range(at(LAST + 1, 0)));
    assert_int_equal(FIRST, cdb_time_from_civil(0, 1, 1));
    assert_int_equal(LAST, cdb_time_from_civil(10000, 1, 1) - 1);
}

/* ---- text -------------------------------------------------------------------------------------- */

static void format(void **state)
{
    static const struct {
        int64_t seconds;
        int32_t nanoseconds;
        const char *text;
    } rows[] = {
        {0, 0, "1970-01-01T00:00:00.000000000Z"},
        {1795247040, 123456789, "2026-11-21T07:44:00.123456789Z"},
        {-1, 999999999, "1969-12-31T23:59:59.999999999Z"},
        {-1, 1, "1969-12-31T23:59:59.000000001Z"},
        {951782400, 0, "2000-02-29T00:00:00.000000000Z"},
        {FIRST, 0, "0000-01-01T00:00:00.000000000Z"},
        {LAST, 999999999, "9999-12-31T23:59:59.999999999Z"},
        {INT64_C(17179869183), 0, "2514-05-30T01:53:03.000000000Z"},
        {LAST + 1, 0, "10000-01-01T00:00:00.000000000Z"},
        {FIRST - 1, 0, "-0001-12-31T23:59:59.000000000Z"},
        {INT64_MAX, 999999999, "292277026596-12-04T15:30:07.999999999Z"},
        {INT64_MIN, 0, "-292277022657-01-27T08:29:52.000000000Z"},
        {0, -1, "1970-01-01T00:00:00.000000000Z"},
        {0, INT32_MAX, "1970-01-01T00:00:00.999999999Z"},
    };
    char text[CHRONDB_TIME_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(text, 'x', sizeof(text));
        chrondb_time_format(at(rows[i].seconds, rows[i].nanoseconds), text);
        assert_string_equal(text, rows[i].text);
    }
}

static void format_is_that_of_strftime(void **state)
{
    uint64_t seed = 77;
    char text[CHRONDB_TIME_SIZE], expected[64];

    (void)state;
    for (int i = 0; i < 50000; i++) {
        time_t clock = (time_t)random_between(&seed, FIRST, LAST);
        struct tm tm;

        assert_non_null(gmtime_r(&clock, &tm));
        assert_true(tm.tm_year + 1900 < 1000 || strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm) == 19);
        chrondb_time_format(at(clock, 0), text);
        assert_int_equal(strlen(text), 30);
        if (tm.tm_year + 1900 >= 1000)
            assert_memory_equal(text, expected, 19);
    }
}

static const struct {
    const char *text;
    int64_t seconds;
    int32_t nanoseconds;
} good[] = {
    {"1970", 0, 0},
    {"2026", 1767225600, 0},
    {"2026-11", 1793491200, 0},
    {"2026-11-21", 1795219200, 0},
    {"2026-11-21T07:44", 1795247040, 0},
    {"2026-11-21 07:44", 1795247040, 0},
    {"2026-11-21t07:44", 1795247040, 0},
    {"2026-11-21T07:44Z", 1795247040, 0},
    {"2026-11-21T07:44z", 1795247040, 0},
    {"2026-11-21T07:44:00", 1795247040, 0},
    {"2026-11-21T07:44:00Z", 1795247040, 0},
    {"2026-11-21T07:44:09.5Z", 1795247049, 500000000},
    {"2026-11-21T07:44:00.123456789Z", 1795247040, 123456789},
    {"2026-11-21T07:44:00.1234567899999999999999999999Z", 1795247040, 123456789},
    {"2026-11-21T07:44:00.000000001", 1795247040, 1},
    {"2026-11-21T07:44:00.0000000009", 1795247040, 0},
    {"2026-11-21T08:44:00+01:00", 1795247040, 0},
    {"2026-11-21T08:44:00+0100", 1795247040, 0},
    {"2026-11-21T08:44+01:00", 1795247040, 0},
    {"2026-11-21 03:14:00.25-04:30", 1795247040, 250000000},
    {"2026-11-21T07:44:00-00:00", 1795247040, 0},
    {"2026-11-21T07:44:00+00:00", 1795247040, 0},
    {"2026-11-22T07:43:00+23:59", 1795247040, 0},
    {"2026-11-20T07:45:00-23:59", 1795247040, 0},
    {"2026-11-21T07:43:60Z", 1795247040, 0},
    {"2026-11-21T07:43:60.75Z", 1795247040, 750000000},
    {"2016-12-31T23:59:60Z", 1483228800, 0},
    {"2024-02-29", 1709164800, 0},
    {"2000-02-29", 951782400, 0},
    {"0000", FIRST, 0},
    {"0000-02-29", FIRST + 59 * 86400, 0},
    {"0000-01-01T00:00:00-23:59", FIRST + 86340, 0},
    {"9999-12-31T23:59:59.999999999Z", LAST, 999999999},
    {"9999-12-31T23:59:59+00:01", LAST - 60, 0},
    {"1969-12-31T23:59:59.25Z", -1, 250000000},
};

static const char *const bad[] = {
    "",
    "2",
    "202",
    "20260",
    "02026",
    "2026-",
    "2026-1",
    "2026-00",
    "2026-13",
    "2026-111",
    "2026-11-",
    "2026-11-2",
    "2026-11-00",
    "2026-11-31",
    "2026-02-29",
    "1900-02-29",
    "2025-02-29",
    "2024-02-30",
    "2026-11-211",
    "2026T07:44",
    "2026Z",
    "2026-11T07:44",
    "2026-11-21Z",
    "2026-11-21T",
    "2026-11-21T07",
    "2026-11-21T0744",
    "2026-11-21T07:",
    "2026-11-21T07:4",
    "2026-11-21T7:44",
    "2026-11-21T24:00",
    "2026-11-21T07:60",
    "2026-11-21T07:44:",
    "2026-11-21T07:44:0",
    "2026-11-21T07:44:61",
    "2026-11-21T07:44:00.",
    "2026-11-21T07:44:00.Z",
    "2026-11-21T07:44:00,5",
    "2026-11-21T07:44.5",
    "2026-11-21T07:44:00 Z",
    "2026-11-21T07:44:00 +0100",
    "2026-11-21T07:44:00ZZ",
    "2026-11-21T07:44:00Z ",
    " 2026-11-21T07:44:00Z",
    "2026-11-21  07:44:00",
    "2026-11-21_07:44:00",
    "2026-11-21T07:44:00+",
    "2026-11-21T07:44:00+01",
    "2026-11-21T07:44:00+1:00",
    "2026-11-21T07:44:00+01:",
    "2026-11-21T07:44:00+01:0",
    "2026-11-21T07:44:00+01:60",
    "2026-11-21T07:44:00+24:00",
    "2026-11-21T07:44:00+01:000",
    "2026-11-21T07:44:00*01:00",
    "-2026",
    "+2026",
    "2026/11/21",
    "20261121",
    "2026-W47",
    "2026-325",
    "9999-12-31T23:59:60Z",
    "9999-12-31T23:59:59-00:01",
    "0000-01-01T00:00:00+00:01",
    "10000-01-01",
    "\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa6",
    "2026-11-21T07:44:00\302\26101:00",
};

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static bool parse(const char *text, size_t len, cdb_time *out)
{
    char *copy = malloc(len > 0 ? len : 1);
    bool result = false;

    assert_non_null(copy);
    memcpy(copy, text, len);
    result = cdb_time_parse(copy, len, out);
    free(copy);
    return result;
}

static void parse_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        cdb_time time = at(42, 42);

        if (!parse(good[i].text, strlen(good[i].text), &time) || time.seconds != good[i].seconds ||
            time.nanoseconds != good[i].nanoseconds)
            fail_msg("%s: %lld.%09d", good[i].text, (long long)time.seconds, (int)time.nanoseconds);
    }
}

static void parse_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        cdb_time time = at(42, 43);

        if (parse(bad[i], strlen(bad[i]), &time))
            fail_msg("'%s' was taken for %lld", bad[i], (long long)time.seconds);
        assert_time(time, 42, 43);
    }
}

static void parse_takes_the_whole_text(void **state)
{
    cdb_time time = at(42, 43);

    (void)state;
    assert_false(parse("2026\0", 5, &time));
    assert_false(parse("2026-11-21T07:44:00Z\0", 21, &time));
    assert_false(parse("2026\0-11", 8, &time));
    assert_true(parse("2026-11-21junk", 10, &time));
    assert_int_equal(time.seconds, 1795219200);
}

static void parse_every_beginning(void **state)
{
    static const char text[] = "2026-11-21T07:44:30.123456789+01:30";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        cdb_time time = at(42, 43);
        bool complete = len == 4 || len == 7 || len == 10 || len == 16 || (len >= 19 && len <= 29 && len != 20) ||
                        len == sizeof(text) - 1;

        assert_int_equal(parse(text, len, &time), complete);
    }
}

static void every_day_of_the_calendar_or_not(void **state)
{
    (void)state;
    for (int year = 1896; year <= 2104; year++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                char text[11] = {(char)('0' + year / 1000),
                                 (char)('0' + year / 100 % 10),
                                 (char)('0' + year / 10 % 10),
                                 (char)('0' + year % 10),
                                 '-',
                                 (char)('0' + month / 10),
                                 (char)('0' + month % 10),
                                 '-',
                                 (char)('0' + day / 10),
                                 (char)('0' + day % 10),
                                 '\0'};
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                time_t clock = timegm(&tm);
                bool exists = tm.tm_year == year - 1900 && tm.tm_mon == month - 1 && tm.tm_mday == day;
                cdb_time time = at(42, 43);

                assert_int_equal(parse(text, 10, &time), exists);
                if (exists)
                    assert_time(time, clock, 0);
            }
}

static void round_trip(void **state)
{
    uint64_t seed = 20261121;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        cdb_time time = at(random_between(&seed, FIRST, LAST), (int32_t)random_between(&seed, 0, 999999999));
        cdb_time again = at(42, 43), exact = at(42, 43);
        char text[CHRONDB_TIME_SIZE];

        chrondb_time_format(time, text);
        assert_true(cdb_time_parse(text, strlen(text), &again));
        assert_time(again, time.seconds, time.nanoseconds);
        assert_true(cdb_time_parse_exact(text, strlen(text), &exact));
        assert_time(exact, time.seconds, time.nanoseconds);
    }
}

/* The order of the texts is the order of the moments: indexes and people rely on it. */
static void text_order_is_time_order(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        cdb_time a = at(random_between(&seed, FIRST, LAST), (int32_t)random_between(&seed, 0, 999999999));
        cdb_time b = i % 2 != 0 ? cdb_time_next(a) : at(random_between(&seed, FIRST, LAST), 0);
        char left[CHRONDB_TIME_SIZE], right[CHRONDB_TIME_SIZE];
        int order = 0;

        chrondb_time_format(a, left);
        chrondb_time_format(b, right);
        order = strcmp(left, right);
        assert_int_equal((order > 0) - (order < 0), cdb_time_compare(a, b));
    }
}

static void exact(void **state)
{
    static const char *const others[] = {
        "",
        "2026",
        "2026-11-21T07:44:00Z",
        "2026-11-21T07:44:00.12345678Z",
        "2026-11-21T07:44:00.1234567890Z",
        "2026-11-21t07:44:00.123456789Z",
        "2026-11-21 07:44:00.123456789Z",
        "2026-11-21T07:44:00.123456789z",
        "2026-11-21T07:44:00.123456789",
        "2026-11-21T07:44:60.123456789Z",
        "2026-11-21T07:44:00.12345+0000",
        "2026-11-31T07:44:00.123456789Z",
        "10000-01-01T00:00:00.000000000Z",
        "-0001-12-31T23:59:59.000000000Z",
    };
    cdb_time time = at(42, 43);

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(cdb_time_parse_exact(others[i], strlen(others[i]), &time));
    assert_time(time, 42, 43);
    assert_true(cdb_time_parse_exact("2026-11-21T07:44:00.123456789Z", 30, &time));
    assert_time(time, 1795247040, 123456789);
    assert_false(cdb_time_parse_exact("2026-11-21T07:44:00.123456789Z\0", 31, &time));
}

static void now(void **state)
{
    struct timespec before, after;
    cdb_time time;

    (void)state;
    assert_int_equal(unsetenv("CHRONDB_TEST_NOW"), 0);
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
    time = cdb_time_now();
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
    assert_true(cdb_time_compare(at(before.tv_sec, (int32_t)before.tv_nsec), time) <= 0);
    assert_true(cdb_time_compare(time, at(after.tv_sec, (int32_t)after.tv_nsec)) <= 0);
}

static void now_of_the_tests(void **state)
{
    int64_t before = (int64_t)time(NULL);

    (void)state;
#ifdef CHRONDB_TEST_HOOKS
    assert_int_equal(setenv("CHRONDB_TEST_NOW", "2026-11-21T07:44:00.5Z", 1), 0);
    assert_time(cdb_time_now(), 1795247040, 500000000);
    assert_int_equal(setenv("CHRONDB_TEST_NOW", "2999", 1), 0);
    assert_time(cdb_time_now(), INT64_C(32472144000), 0);
    assert_int_equal(setenv("CHRONDB_TEST_NOW", "1971 or so", 1), 0);
    assert_true(cdb_time_now().seconds >= before);
    assert_int_equal(unsetenv("CHRONDB_TEST_NOW"), 0);
#else
    assert_int_equal(setenv("CHRONDB_TEST_NOW", "1971", 1), 0);
    assert_true(cdb_time_now().seconds >= before);
    assert_int_equal(unsetenv("CHRONDB_TEST_NOW"), 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_is_that_of_libc_every_day),
        cmocka_unit_test(calendar_is_that_of_libc_at_random),
        cmocka_unit_test(calendar_at_the_ends_of_int64),
        cmocka_unit_test(month_days),
        cmocka_unit_test(compare),
        cmocka_unit_test(add_seconds),
        cmocka_unit_test(next),
        cmocka_unit_test(range),
        cmocka_unit_test(format),
        cmocka_unit_test(format_is_that_of_strftime),
        cmocka_unit_test(parse_good),
        cmocka_unit_test(parse_bad),
        cmocka_unit_test(parse_takes_the_whole_text),
        cmocka_unit_test(parse_every_beginning),
        cmocka_unit_test(every_day_of_the_calendar_or_not),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(text_order_is_time_order),
        cmocka_unit_test(exact),
        cmocka_unit_test(now),
        cmocka_unit_test(now_of_the_tests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
