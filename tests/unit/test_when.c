/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/when.h"
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

/* The text in memory of exactly its size, so that a sanitizer sees a read behind it. Names are told as offsets. */
struct parsed {
    struct cdb_when when;
    size_t name_at;
};

static struct parsed parse_bytes(const char *text, size_t len, cdb_time now)
{
    struct parsed result = {.name_at = SIZE_MAX};
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(&result.when, 0xa5, sizeof(result.when));
    cdb_when_parse(&result.when, copy, len, now);
    if (result.when.name != NULL)
        result.name_at = (size_t)(result.when.name - copy);
    free(copy);
    return result;
}

static cdb_time moment(const char *text)
{
    cdb_time time = {0, 0};

    if (!cdb_time_parse(text, strlen(text), &time))
        fail_msg("the test's own time '%s'", text);
    return time;
}

static struct parsed parse(const char *text)
{
    return parse_bytes(text, strlen(text), moment("2026-11-21T07:44:30.123456789Z"));
}

static void expect_kind(const char *text, struct parsed parsed, enum cdb_when_kind kind, bool maybe_commit)
{
    if (parsed.when.kind != kind || parsed.when.maybe_commit != maybe_commit)
        fail_msg("'%s' is kind %d, maybe_commit %d", text, (int)parsed.when.kind, parsed.when.maybe_commit);
    if (kind != CDB_WHEN_VERSION && kind != CDB_WHEN_REF && kind != CDB_WHEN_COMMIT) {
        assert_null(parsed.when.name);
        assert_int_equal(parsed.when.name_len, 0);
    }
    assert_true(kind == CDB_WHEN_VERSION || parsed.when.versions == 0);
}

static void expect_time(const char *text, struct parsed parsed, cdb_time expected, bool maybe_commit)
{
    char got[CHRONDB_TIME_SIZE], wanted[CHRONDB_TIME_SIZE];

    expect_kind(text, parsed, CDB_WHEN_TIME, maybe_commit);
    chrondb_time_format(parsed.when.time, got);
    chrondb_time_format(expected, wanted);
    if (strcmp(got, wanted) != 0)
        fail_msg("'%s' is %s, not %s", text, got, wanted);
}

static void expect_name(const char *text, struct parsed parsed, enum cdb_when_kind kind, const char *name, size_t at)
{
    expect_kind(text, parsed, kind, false);
    assert_int_equal(parsed.when.name_len, strlen(name));
    assert_int_equal(parsed.name_at, at);
    assert_memory_equal(text + at, name, strlen(name));
}

/* ---- names ------------------------------------------------------------------------------------- */

static void versions(void **state)
{
    static const struct {
        const char *text, *key;
        uint64_t versions;
    } rows[] = {
        {"user:1@{2}", "user:1", 2},
        {"user:1@{0}", "user:1", 0},
        {"user:1@{007}", "user:1", 7},
        {"config@{18446744073709551615}", "config", UINT64_MAX},
        {"config@{00000000000000000000000000000000001}", "config", 1},
        {"a@{1}@{2}", "a@{1}", 2},
        {"a@{@{3}", "a@{", 3},
        {"a}@{3}", "a}", 3},
        {"a@{b}@{3}", "a@{b}", 3},
        {"@@{3}", "@", 3},
        {"ref:a@{1}", "ref:a", 1},
        {"time:a@{1}", "time:a", 1},
        {"commit:abcd@{1}", "commit:abcd", 1},
        {"now@{1}", "now", 1},
        {"2026@{1}", "2026", 1},
        {"malformed:@{1}", "malformed:", 1},
        {"a b\n\xff@{1}", "a b\n\xff", 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed parsed = parse(rows[i].text);

        expect_name(rows[i].text, parsed, CDB_WHEN_VERSION, rows[i].key, 0);
        assert_true(parsed.when.versions == rows[i].versions);
    }
}

static void no_versions(void **state)
{
    static const char *const texts[] = {
        "@{1}",
        "a@{}",
        "a@{-1}",
        "a@{+1}",
        "a@{1",
        "a@{1} ",
        "a@{ 1}",
        "a@{1 }",
        "a@{x}",
        "a@{1}}",
        "a@{0x1}",
        "a@{1.5}",
        "a{1}",
        "a@1}",
        "a@(1)",
        "}",
        "@{}",
        "{}",
        "a@{18446744073709551616}",
        "a@{99999999999999999999999}",
        "a@{1}@{x}",
        "a@{yesterday}",
        "a@{1}b",
        "ref:@{x}",
        "@{@{",
        "a @ {1}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        expect_kind(texts[i], parse(texts[i]), CDB_WHEN_UNKNOWN, false);
}

static void prefixes(void **state)
{
    (void)state;
    expect_name("ref:main", parse("ref:main"), CDB_WHEN_REF, "main", 4);
    expect_name("ref:main~3", parse("ref:main~3"), CDB_WHEN_REF, "main~3", 4);
    expect_name("ref:2026", parse("ref:2026"), CDB_WHEN_REF, "2026", 4);
    expect_name("ref:now", parse("ref:now"), CDB_WHEN_REF, "now", 4);
    expect_name("ref:ref:x", parse("ref:ref:x"), CDB_WHEN_REF, "ref:x", 4);
    expect_name("ref: ", parse("ref: "), CDB_WHEN_REF, " ", 4);
    expect_kind("ref:", parse("ref:"), CDB_WHEN_UNKNOWN, false);
    expect_kind("REF:main", parse("REF:main"), CDB_WHEN_UNKNOWN, false);

    expect_name("commit:abcd", parse("commit:abcd"), CDB_WHEN_COMMIT, "abcd", 7);
    expect_name("commit:2026", parse("commit:2026"), CDB_WHEN_COMMIT, "2026", 7);
    expect_name("commit:ABCDEF0123", parse("commit:ABCDEF0123"), CDB_WHEN_COMMIT, "ABCDEF0123", 7);
    expect_name("commit:0123456789abcdef0123456789abcdef01234567",
                parse("commit:0123456789abcdef0123456789abcdef01234567"), CDB_WHEN_COMMIT,
                "0123456789abcdef0123456789abcdef01234567", 7);
    expect_kind("commit:", parse("commit:"), CDB_WHEN_UNKNOWN, false);
    expect_kind("commit:abc", parse("commit:abc"), CDB_WHEN_UNKNOWN, false);
    expect_kind("commit:abcg", parse("commit:abcg"), CDB_WHEN_UNKNOWN, false);
    expect_kind("commit:abcd ", parse("commit:abcd "), CDB_WHEN_UNKNOWN, false);
    expect_kind("commit:HEAD", parse("commit:HEAD"), CDB_WHEN_UNKNOWN, false);
    expect_kind("commit: 41 digits", parse("commit:0123456789abcdef0123456789abcdef012345678"), CDB_WHEN_UNKNOWN,
                false);
    expect_kind("commit:ref:abcd", parse("commit:ref:abcd"), CDB_WHEN_UNKNOWN, false);

    expect_time("time:2026", parse("time:2026"), moment("2026"), false);
    expect_kind("time:now", parse("time:now"), CDB_WHEN_HEAD, false);
    expect_time("time:today", parse("time:today"), moment("2026-11-21"), false);
    expect_time("time:1d ago", parse("time:1d ago"), moment("2026-11-20T07:44:30.123456789Z"), false);
    expect_time("time:@0", parse("time:@0"), moment("1970"), false);
    expect_kind("time:", parse("time:"), CDB_WHEN_UNKNOWN, false);
    expect_kind("time:deadbeef", parse("time:deadbeef"), CDB_WHEN_UNKNOWN, false);
    expect_kind("time:time:2026", parse("time:time:2026"), CDB_WHEN_UNKNOWN, false);
    expect_kind("time:ref:main", parse("time:ref:main"), CDB_WHEN_UNKNOWN, false);
}

static void commits(void **state)
{
    static const char *const yes[] = {
        "abcd",
        "000000",
        "12345",
        "DEADbeef",
        "20261121",
        "0123456789abcdef0123456789abcdef01234567",
        "1234567890123456789012345678901234567890",
        "dada",
    };
    static const char *const no[] = {
        "",       "a",
        "abc",    "abcg",
        "12 34",  "abcd\n",
        "main",   "0x1234",
        "-1234",  "0123456789abcdef0123456789abcdef012345678",
        "abcd~1", "head",
        "user:1", "\357\273\277abcd",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(yes); i++)
        expect_kind(yes[i], parse(yes[i]), CDB_WHEN_UNKNOWN, true);
    for (size_t i = 0; i < COUNT(no); i++)
        expect_kind(no[i], parse(no[i]), CDB_WHEN_UNKNOWN, false);
    /* A year wins, but the caller can say what else it could have been. */
    expect_time("2026", parse("2026"), moment("2026"), true);
    expect_time("0000", parse_bytes("0000", 4, moment("2026")), moment("0000"), true);
}

/* ---- moments ----------------------------------------------------------------------------------- */

static void words(void **state)
{
    static const char *const bad[] = {
        "now ", " now", "nows", "no", "tomorrow", "today ", "to day", "yesterday ago", "ago", "now\n", "noon", "today@",
    };

    (void)state;
    expect_kind("now", parse("now"), CDB_WHEN_HEAD, false);
    expect_kind("NOW", parse("NOW"), CDB_WHEN_HEAD, false);
    expect_time("today", parse("today"), moment("2026-11-21"), false);
    expect_time("Today", parse("Today"), moment("2026-11-21"), false);
    expect_time("yesterday", parse("yesterday"), moment("2026-11-20"), false);
    expect_time("yesterday", parse_bytes("yesterday", 9, moment("2026-03-01T00:00:00Z")), moment("2026-02-28"), false);
    expect_time("yesterday", parse_bytes("yesterday", 9, moment("2024-03-01T23:59:59Z")), moment("2024-02-29"), false);
    expect_time("today", parse_bytes("today", 5, (cdb_time){-1, 5}), moment("1969-12-31"), false);
    expect_time("today", parse_bytes("today", 5, moment("0000")), moment("0000"), false);
    expect_kind("yesterday", parse_bytes("yesterday", 9, moment("0000")), CDB_WHEN_UNKNOWN, false);
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_kind(bad[i], parse(bad[i]), CDB_WHEN_UNKNOWN, false);
}

static void dates(void **state)
{
    static const char *const good[] = {
        "2026-11",    "2026-11-21", "2026-11-21T07:44", "2026-11-21 07:44:00+01:00", "2024-02-29T23:59:60.5Z",
        "9999-12-31", "0000-01-01",
    };
    static const char *const bad[] = {
        "2025-02-29", "2026-13", "10000-01-01", "2026-11-21T07", "9999-12-31T23:59:60Z", "2026-11-21 ", "2026-11-21\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        expect_time(good[i], parse(good[i]), moment(good[i]), false);
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_kind(bad[i], parse(bad[i]), CDB_WHEN_UNKNOWN, false);
}

static void ago(void **state)
{
    static const struct {
        const char *text, *now, *expected;
    } rows[] = {
        {"0 seconds ago", "2026-11-21T07:44:30.5Z", "2026-11-21T07:44:30.5Z"},
        {"3 days ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"3days ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"3.days.ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"3_days_ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"3 \t _.days . ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"3 DAYS Ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"003 days ago", "2026-11-21T07:44:30.5Z", "2026-11-18T07:44:30.5Z"},
        {"1 days ago", "2026-11-21", "2026-11-20"},
        {"2 day ago", "2026-11-21", "2026-11-19"},
        {"2h ago", "2026-11-21", "2026-11-20T22:00"},
        {"2 h ago", "2026-11-21", "2026-11-20T22:00"},
        {"an hour ago", "2026-11-21", "2026-11-20T23:00"},
        {"a day ago", "2026-11-21", "2026-11-20"},
        {"A Day Ago", "2026-11-21", "2026-11-20"},
        {"an.hour_ago", "2026-11-21", "2026-11-20T23:00"},
        {"1s ago", "2026-11-21", "2026-11-20T23:59:59"},
        {"1sec ago", "2026-11-21", "2026-11-20T23:59:59"},
        {"2secs ago", "2026-11-21", "2026-11-20T23:59:58"},
        {"1second ago", "2026-11-21", "2026-11-20T23:59:59"},
        {"1seconds ago", "2026-11-21", "2026-11-20T23:59:59"},
        {"1m ago", "2026-11-21", "2026-11-20T23:59"},
        {"1min ago", "2026-11-21", "2026-11-20T23:59"},
        {"1mins ago", "2026-11-21", "2026-11-20T23:59"},
        {"1minute ago", "2026-11-21", "2026-11-20T23:59"},
        {"90minutes ago", "2026-11-21", "2026-11-20T22:30"},
        {"1hour ago", "2026-11-21", "2026-11-20T23:00"},
        {"48hours ago", "2026-11-21", "2026-11-19"},
        {"1d ago", "2026-11-21", "2026-11-20"},
        {"1w ago", "2026-11-21", "2026-11-14"},
        {"1week ago", "2026-11-21", "2026-11-14"},
        {"52 weeks ago", "2026-11-21", "2025-11-22"},
        {"1month ago", "2026-11-21", "2026-10-21"},
        {"2 months ago", "2026-11-21", "2026-09-21"},
        {"11 months ago", "2026-11-21", "2025-12-21"},
        {"12 months ago", "2026-11-21", "2025-11-21"},
        {"1y ago", "2026-11-21", "2025-11-21"},
        {"a year ago", "2026-11-21", "2025-11-21"},
        {"10 years ago", "2026-11-21T07:44:30.5Z", "2016-11-21T07:44:30.5Z"},
        {"1d2h ago", "2026-11-21", "2026-11-19T22:00"},
        {"1 day 2 hours ago", "2026-11-21", "2026-11-19T22:00"},
        {"1day2hours3min ago", "2026-11-21", "2026-11-19T21:57"},
        {"an hour a minute ago", "2026-11-21", "2026-11-20T22:59"},
        {"2 hours 1 day ago", "2026-11-21", "2026-11-19T22:00"},
        {"1h 1h ago", "2026-11-21", "2026-11-20T22:00"},
        /* Months end where the month ends. */
        {"1 month ago", "2026-03-31T10:00:00Z", "2026-02-28T10:00:00Z"},
        {"1 month ago", "2024-03-31T10:00:00Z", "2024-02-29T10:00:00Z"},
        {"1 month ago", "2026-05-31", "2026-04-30"},
        {"2 months ago", "2026-05-31", "2026-03-31"},
        {"1 month 1 month ago", "2026-05-31", "2026-03-31"},
        {"1 year ago", "2024-02-29", "2023-02-28"},
        {"4 years ago", "2024-02-29", "2020-02-29"},
        {"124 years ago", "2024-02-29", "1900-02-28"},
        /* Months first, then the rest, in whatever order they are said. */
        {"1 month 1 day ago", "2026-03-31", "2026-02-27"},
        {"1 day 1 month ago", "2026-03-31", "2026-02-27"},
        {"1 year 2 months 3 weeks 4 days 5 hours 6 minutes 7 seconds ago", "2026-11-21T07:44:30Z",
         "2025-08-27T02:38:23Z"},
        {"1 month ago", "2026-01-15", "2025-12-15"},
        /* To the first moment there is. */
        {"2026 years ago", "2026-01-01T00:00:00.000000001Z", "0000-01-01T00:00:00.000000001Z"},
        {"24312 months ago", "2026-01-01", "0000-01-01"},
        {"62135596800 seconds ago", "1970", "0001-01-01"},
        {"719528 days ago", "1970", "0000-01-01"},
        {"1 second ago", "1970", "1969-12-31T23:59:59Z"},
        {"63962466270 seconds ago", "2026-11-21T07:44:30.5Z", "0000-01-01T00:00:00.5Z"},
        {"24322 months ago", "2026-11-21", "0000-01-21"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_time(rows[i].text, parse_bytes(rows[i].text, strlen(rows[i].text), moment(rows[i].now)),
                    moment(rows[i].expected), false);
}

static void no_ago(void **state)
{
    static const char *const texts[] = {
        "3 days",
        "days ago",
        "3 ago",
        "3 days ago ",
        " 3 days ago",
        "3 days ago ago",
        "3 days ago.",
        "3 days agos",
        ".3 days ago",
        "3 days 4 ago",
        "-3 days ago",
        "+3 days ago",
        "3 -days ago",
        "1.5 days ago",
        "1,5 days ago",
        "3 fortnights ago",
        "3M ago",
        "2H ago",
        "1D ago",
        "3 mon ago",
        "3 hs ago",
        "3 ds ago",
        "3ms ago",
        "3 ys ago",
        "a 3 days ago",
        "3 a days ago",
        "an an hour ago",
        "ahour ago",
        "2hago",
        "2h2 ago",
        "2 h h ago",
        "the day ago",
        "one day ago",
        "3 days\nago",
        "3-days-ago",
        "3 days, 2 hours ago",
        "3 days and 2 hours ago",
        "3 days ago 2 hours",
        "0x3 days ago",
        "\xd9\xa3 days ago",
        "3\302\240days ago",
        "3 days from now",
        "ago 3 days",
        "3 3 days ago",
        "3 days ag",
        "3 days a",
        "3 days agoo",
        /* too far, or too large a number */
        "2027 years ago",
        "24323 months ago",
        "10000 years ago",
        "63962466271 seconds ago",
        "999999999999 years ago",
        "9223372036854775807 seconds ago",
        "9223372036854775808 seconds ago",
        "18446744073709551615 seconds ago",
        "18446744073709551616 seconds ago",
        "99999999999999999999999999 days ago",
        "9223372036854775807 weeks ago",
        "9223372036854775807 months ago",
        "768614336404564651 years ago",
        "9223372036854775807s 1s ago",
        "9223372036854775807months 1month ago",
        "18446744073709551615 months ago",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        expect_kind(texts[i], parse(texts[i]), CDB_WHEN_UNKNOWN, false);
}

static void epochs(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        int32_t nanoseconds;
    } rows[] = {
        {"@0", 0, 0},
        {"@-0", 0, 0},
        {"@1", 1, 0},
        {"@-1", -1, 0},
        {"@1700000000", 1700000000, 0},
        {"@01700000000", 1700000000, 0},
        {"@99999999999", INT64_C(99999999999), 0},
        {"@-62167219200", FIRST, 0},
        {"@1700000000.5", 1700000000, 500000000},
        {"@1700000000.000000001", 1700000000, 1},
        {"@1700000000.1234567899999999999", 1700000000, 123456789},
        {"@-1.25", -2, 750000000},
        {"@-0.000000001", -1, 999999999},
        {"@-0.0000000009", 0, 0},
        {"@-62167219199.5", FIRST, 500000000},
        {"@170000000012", 170000000, 12000000},
        {"@1700000000123", 1700000000, 123000000},
        {"@-1700000000123", -1700000001, 877000000},
        {"@-1700000000000", -1700000000, 0},
        {"@99999999999999", INT64_C(99999999999), 999000000},
        {"@000000000001", 0, 1000000},
        {"@170000000012345", 170000000, 12345000},
        {"@1700000000123456", 1700000000, 123456000},
        {"@99999999999999999", INT64_C(99999999999), 999999000},
        {"@170000000012345678", 170000000, 12345678},
        {"@1700000000123456789", 1700000000, 123456789},
        {"@-1700000000123456789", -1700000001, 876543211},
        {"@9223372036854775807", INT64_C(9223372036), 854775807},
        {"@18446744073709551616", INT64_C(18446744073), 709551616},
        {"@99999999999999999999", INT64_C(99999999999), 999999999},
        {"@00000000000000000001", 0, 1},
        {"@-00000000000000000001", -1, 999999999},
    };
    static const char *const bad[] = {
        "@",
        "@-",
        "@+1",
        "@--1",
        "@ 1",
        "@1 ",
        "@1s",
        "@.5",
        "@1.",
        "@1.x",
        "@1.5.5",
        "@1.-5",
        "@1e9",
        "@0x10",
        "@1,5",
        "@170000000012.5",
        "@1700000000123.5",
        "@100000000000000000000",
        "@000000000000000000001",
        "@-62167219201",
        "@-62167219200.5",
        "@-99999999999",
        "@-99999999999999999999",
        "1700000000.5",
        "@1700000000Z",
        "@now",
        "@@1",
        "@\xd9\xa3",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_time(rows[i].text, parse(rows[i].text), (cdb_time){rows[i].seconds, rows[i].nanoseconds}, false);
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_kind(bad[i], parse(bad[i]), CDB_WHEN_UNKNOWN, false);
}

static void a_nul_is_no_end(void **state)
{
    cdb_time now = moment("2026");

    (void)state;
    expect_kind("now\\0", parse_bytes("now\0", 4, now), CDB_WHEN_UNKNOWN, false);
    expect_kind("2026\\0", parse_bytes("2026\0", 5, now), CDB_WHEN_UNKNOWN, false);
    expect_kind("abcd\\0", parse_bytes("abcd\0", 5, now), CDB_WHEN_UNKNOWN, false);
    expect_kind("1d ago\\0", parse_bytes("1d ago\0", 7, now), CDB_WHEN_UNKNOWN, false);
    expect_kind("a@{1}\\0", parse_bytes("a@{1}\0", 6, now), CDB_WHEN_UNKNOWN, false);
    assert_int_equal(parse_bytes("a\0b@{1}", 7, now).when.name_len, 3);
    assert_int_equal(parse_bytes("ref:a\0b", 7, now).when.name_len, 3);
}

static void a_clock_gone_mad(void **state)
{
    static const int64_t clocks[] = {INT64_MIN, INT64_MIN + 1, FIRST - 1, LAST + 1, INT64_MAX - 1, INT64_MAX};
    static const char *const texts[] = {"today",       "yesterday",
                                        "1 month ago", "9223372036854775807 seconds ago",
                                        "1y ago",      "9223372036854775807 months 9223372036854775807 seconds ago"};

    (void)state;
    for (size_t i = 0; i < COUNT(clocks); i++) {
        cdb_time now = {clocks[i], 999999999};

        expect_kind("now", parse_bytes("now", 3, now), CDB_WHEN_HEAD, false);
        expect_time("2026", parse_bytes("2026", 4, now), moment("2026"), true);
        for (size_t j = 0; j < COUNT(texts); j++) {
            struct parsed parsed = parse_bytes(texts[j], strlen(texts[j]), now);

            if (parsed.when.kind == CDB_WHEN_TIME)
                assert_true(cdb_time_in_range(parsed.when.time));
            else
                assert_int_equal(parsed.when.kind, CDB_WHEN_UNKNOWN);
        }
    }
    /* One second behind the last year there is: a second ago is the last moment of it. */
    expect_time("1s ago", parse_bytes("1s ago", 6, (cdb_time){LAST + 1, 0}), (cdb_time){LAST, 0}, false);
}

/* ---- properties -------------------------------------------------------------------------------- */

static void random_moments_round_trip(void **state)
{
    uint64_t seed = 0x3a7e;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        cdb_time time = {random_between(&seed, FIRST, LAST), (int32_t)random_between(&seed, 0, 999999999)};
        char text[CHRONDB_TIME_SIZE + 5] = "time:";

        chrondb_time_format(time, text + 5);
        expect_time(text, parse(text), time, false);
        expect_time(text + 5, parse(text + 5), time, false);
    }
}

static void random_epochs_round_trip(void **state)
{
    uint64_t seed = 0xe90c;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        /* Twenty digits of nanoseconds, or a fraction, say every moment of this range. */
        cdb_time time = {random_between(&seed, 0, INT64_C(99999999999)), (int32_t)random_between(&seed, 0, 999999999)};
        cdb_time negative = {-time.seconds - 1, time.nanoseconds == 0 ? 1 : 1000000000 - time.nanoseconds};
        char text[64];

        (void)snprintf(text, sizeof(text), "@%011lld%09d", (long long)time.seconds, (int)time.nanoseconds);
        expect_time(text, parse(text), time, false);
        (void)snprintf(text, sizeof(text), "@%lld.%09d", (long long)time.seconds, (int)time.nanoseconds);
        expect_time(text, parse(text), time, false);
        (void)snprintf(text, sizeof(text), "@-%lld.%09d", (long long)time.seconds,
                       time.nanoseconds == 0 ? 999999999 : (int)time.nanoseconds);
        if (negative.seconds >= FIRST)
            expect_time(text, parse(text), negative, false);
        else
            expect_kind(text, parse(text), CDB_WHEN_UNKNOWN, false);
    }
}

/* So many months and seconds back from the moment that so many months and seconds ahead lead to. */
static void random_spans(void **state)
{
    uint64_t seed = 0x59a4;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        int64_t year = random_between(&seed, 0, 4000), months = random_between(&seed, 0, 48000);
        int month = (int)random_between(&seed, 1, 12);
        int day = (int)random_between(&seed, 1, 28); /* in every month, so that nothing is cut */
        int64_t seconds = random_between(&seed, 0, 86399), later = random_between(&seed, 0, INT64_C(50000000000));
        int64_t index = year * 12 + month - 1 + months;
        cdb_time then = {cdb_time_from_civil(year, month, day) + seconds - later, 7};
        cdb_time now = {cdb_time_from_civil(index / 12, (int)(index % 12) + 1, day) + seconds, 7};
        char text[128];

        (void)snprintf(text, sizeof(text), "%lldy %lld_months.%lldh %lldm%llds ago", (long long)(months / 12),
                       (long long)(months % 12), (long long)(later / 3600), (long long)(later / 60 % 60),
                       (long long)(later % 60));
        if (then.seconds >= FIRST)
            expect_time(text, parse_bytes(text, strlen(text), now), then, false);
        else
            expect_kind(text, parse_bytes(text, strlen(text), now), CDB_WHEN_UNKNOWN, false);
    }
}

static void random_versions(void **state)
{
    uint64_t seed = 0x7e15;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        static const char alphabet[] = "ab:@{}1 ~";
        size_t len = (size_t)random_between(&seed, 1, 12);
        uint64_t versions = random_next(&seed) >> random_between(&seed, 0, 63);
        char text[64];
        struct parsed parsed;

        for (size_t j = 0; j < len; j++)
            text[j] = alphabet[random_between(&seed, 0, (int64_t)sizeof(alphabet) - 2)];
        (void)snprintf(text + len, sizeof(text) - len, "@{%llu}", (unsigned long long)versions);
        parsed = parse(text);
        assert_int_equal(parsed.when.kind, CDB_WHEN_VERSION);
        assert_int_equal(parsed.name_at, 0);
        assert_int_equal(parsed.when.name_len, len);
        assert_true(parsed.when.versions == versions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),
        cmocka_unit_test(no_versions),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(commits),
        cmocka_unit_test(words),
        cmocka_unit_test(dates),
        cmocka_unit_test(ago),
        cmocka_unit_test(no_ago),
        cmocka_unit_test(epochs),
        cmocka_unit_test(a_nul_is_no_end),
        cmocka_unit_test(a_clock_gone_mad),
        cmocka_unit_test(random_moments_round_trip),
        cmocka_unit_test(random_epochs_round_trip),
        cmocka_unit_test(random_spans),
        cmocka_unit_test(random_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
