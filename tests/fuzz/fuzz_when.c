/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a WHEN, as a time and as numbers of seconds. What is accepted must say the same when it is said again.
 */
#include "db/when.h"
#include "fuzz/fuzz.h"
#include "util/time.h"

#define TEXT_MAX 4096

static bool same_time(cdb_time a, cdb_time b)
{
    return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

static bool starts_with(const char *text, size_t len, const char *prefix)
{
    return len >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_prefix(const char *text, size_t len)
{
    return starts_with(text, len, "ref:") || starts_with(text, len, "time:") || starts_with(text, len, "commit:");
}

static bool is_hex_id(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
    return len >= 4 && len <= 40;
}

/* A moment survives being written and read, in both forms. */
static void check_moment(cdb_time time)
{
    char text[CHRONDB_TIME_SIZE];
    cdb_time again = {1, 1};
    struct cdb_when when;

    CHECK(cdb_time_in_range(time));
    CHECK(time.nanoseconds >= 0 && time.nanoseconds <= 999999999);
    chrondb_time_format(time, text);
    CHECK(strlen(text) == 30);
    CHECK(cdb_time_parse_exact(text, 30, &again) && same_time(again, time));
    cdb_when_parse(&when, text, 30, (cdb_time){0, 0});
    CHECK(when.kind == CDB_WHEN_TIME && same_time(when.time, time) && !when.maybe_commit);
}

static void check_names(const struct cdb_when *when, const char *text, size_t len)
{
    static const char *const prefixes[] = {[CDB_WHEN_REF] = "ref:", [CDB_WHEN_COMMIT] = "commit:"};

    if (when->kind == CDB_WHEN_VERSION) {
        CHECK(when->name == text && when->name_len > 0 && when->name_len < len);
        CHECK(starts_with(text + when->name_len, len - when->name_len, "@{") && text[len - 1] == '}');
    } else if (when->kind == CDB_WHEN_REF || when->kind == CDB_WHEN_COMMIT) {
        size_t skip = strlen(prefixes[when->kind]);

        CHECK(starts_with(text, len, prefixes[when->kind]));
        CHECK(when->name == text + skip && when->name_len == len - skip && when->name_len > 0);
        CHECK(when->kind == CDB_WHEN_REF || is_hex_id(when->name, when->name_len));
    } else {
        CHECK(when->name == NULL && when->name_len == 0);
    }
}

/* The number of versions, written again, and a word that no version can be. */
static void check_version(const struct cdb_when *when, char *text)
{
    struct cdb_when again;
    int size = snprintf(text + when->name_len, 32, "@{%llu}", (unsigned long long)when->versions);

    cdb_when_parse(&again, text, when->name_len + (size_t)size, (cdb_time){0, 0});
    CHECK(again.kind == CDB_WHEN_VERSION && again.versions == when->versions && again.name_len == when->name_len);
}

static void check_when(const char *text, size_t len, cdb_time now)
{
    static char copy[TEXT_MAX + 64];
    struct cdb_when when, again;

    memset(&when, 0xa5, sizeof(when));
    cdb_when_parse(&when, text, len, now);
    CHECK(when.kind <= CDB_WHEN_UNKNOWN);
    CHECK(when.maybe_commit == (is_hex_id(text, len) && !has_prefix(text, len)));
    CHECK(!when.maybe_commit || when.kind == CDB_WHEN_TIME || when.kind == CDB_WHEN_UNKNOWN);
    check_names(&when, text, len);

    memcpy(copy, "time:", 5);
    memcpy(copy + 5, text, len);
    if (when.kind == CDB_WHEN_VERSION)
        check_version(&when, copy + 5);
    if (when.kind == CDB_WHEN_TIME)
        check_moment(when.time);
    if ((when.kind == CDB_WHEN_TIME || when.kind == CDB_WHEN_HEAD) && !has_prefix(text, len)) {
        cdb_when_parse(&again, copy, len + 5, now);
        CHECK(again.kind == when.kind && same_time(again.time, when.time) && !again.maybe_commit);
    }
    /* "@{1}" is the version of no key, "time:@{1}" one of "time:". */
    if (when.kind == CDB_WHEN_UNKNOWN && !has_prefix(text, len) && !starts_with(text, len, "@{")) {
        cdb_when_parse(&again, copy, len + 5, now);
        CHECK(again.kind == CDB_WHEN_UNKNOWN && !again.maybe_commit);
    }
}

static void check_time_text(const char *text, size_t len)
{
    cdb_time time = {1, 1}, exact = {1, 1};
    struct cdb_when when;

    if (!cdb_time_parse(text, len, &time)) {
        CHECK(same_time(time, (cdb_time){1, 1}));
        CHECK(!cdb_time_parse_exact(text, len, &exact));
        return;
    }
    check_moment(time);
    CHECK(!cdb_time_parse_exact(text, len, &exact) || (len == 30 && same_time(exact, time)));
    cdb_when_parse(&when, text, len, (cdb_time){0, 0});
    CHECK(when.kind == CDB_WHEN_TIME && same_time(when.time, time));
}

/* Any number of seconds is a day of the calendar. */
static void check_calendar(int64_t seconds, int32_t nanoseconds)
{
    cdb_time time = {seconds, nanoseconds};
    int64_t year = 0, midnight = 0;
    int month = 0, day = 0;
    char text[CHRONDB_TIME_SIZE];

    cdb_time_civil(seconds, &year, &month, &day);
    CHECK(month >= 1 && month <= 12 && day >= 1 && day <= cdb_time_month_days(year, month));
    midnight = cdb_time_from_civil(year, month, day);
    CHECK(midnight <= seconds && (uint64_t)seconds - (uint64_t)midnight < 86400);
    memset(text, 'x', sizeof(text));
    chrondb_time_format(time, text);
    CHECK(memchr(text, '\0', sizeof(text)) != NULL);
    if (nanoseconds >= 0 && nanoseconds <= 999999999) {
        CHECK(cdb_time_compare(cdb_time_next(time), time) >= 0);
        CHECK(cdb_time_compare(cdb_time_add_seconds(time, 1), time) >= 0);
        CHECK(cdb_time_compare(cdb_time_add_seconds(time, -1), time) <= 0);
        if (cdb_time_in_range(time))
            check_moment(time);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cdb_time clocks[] = {
        {1795247070, 123456789}, {951782399, 999999999}, {-62167219200, 0}, {INT64_MIN, 0}, {INT64_MAX, 999999999},
    };
    const char *text = size > 0 ? (const char *)data : "";
    int64_t seconds = 0;
    int32_t nanoseconds = 0;

    if (size > TEXT_MAX)
        return 0;
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        check_when(text, size, clocks[i]);
    check_time_text(text, size);
    memcpy(&seconds, text, size < sizeof(seconds) ? size : sizeof(seconds));
    if (size > sizeof(seconds))
        memcpy(&nanoseconds, text + sizeof(seconds),
               size - sizeof(seconds) < sizeof(nanoseconds) ? size - sizeof(seconds) : sizeof(nanoseconds));
    check_calendar(seconds, nanoseconds);
    check_calendar(seconds % INT64_C(253402300800), (int32_t)((uint32_t)nanoseconds % 1000000000u));
    return 0;
}
