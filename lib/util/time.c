/* SPDX-License-Identifier: MIT */
#include "util/time.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_SECONDS 86400
#define NANO_DIGITS 9
#define NANO_MAX    999999999

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define FIRST_SECOND (-62167219200)
#define LAST_SECOND  253402300799

static const cdb_time time_min = {INT64_MIN, 0};
static const cdb_time time_max = {INT64_MAX, NANO_MAX};

#ifdef CHRONDB_TEST_HOOKS
static bool now_from_environment(cdb_time *out)
{
    const char *text = getenv("CHRONDB_TEST_NOW");

    return text != NULL && cdb_time_parse(text, strlen(text), out);
}
#endif

cdb_time cdb_time_now(void)
{
    struct timespec clock = {0, 0};
    cdb_time now = {0, 0};

#ifdef CHRONDB_TEST_HOOKS
    if (now_from_environment(&now))
        return now;
#endif
    /* CLOCK_REALTIME cannot fail with a valid pointer. */
    (void)clock_gettime(CLOCK_REALTIME, &clock);
    now.seconds = clock.tv_sec;
    now.nanoseconds = (int32_t)clock.tv_nsec;
    return now;
}

int cdb_time_compare(cdb_time a, cdb_time b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds);
}

cdb_time cdb_time_add_seconds(cdb_time time, int64_t seconds)
{
    if (__builtin_add_overflow(time.seconds, seconds, &time.seconds))
        return seconds < 0 ? time_min : time_max;
    return time;
}

cdb_time cdb_time_next(cdb_time time)
{
    if (time.nanoseconds < NANO_MAX) {
        time.nanoseconds++;
        return time;
    }
    if (time.seconds == INT64_MAX)
        return time_max;
    time.seconds++;
    time.nanoseconds = 0;
    return time;
}

bool cdb_time_in_range(cdb_time time)
{
    return time.seconds >= FIRST_SECOND && time.seconds <= LAST_SECOND;
}

/* ---- the calendar ------------------------------------------------------------------------------ */

/* Division that rounds down, for a positive divisor. */
static int64_t divide_floor(int64_t dividend, int64_t divisor)
{
    return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

static int second_of_day(int64_t seconds)
{
    int second = (int)(seconds % DAY_SECONDS);

    return second < 0 ? second + DAY_SECONDS : second;
}

/* Years start in March here, so that the leap day is the last of its year; eras are 400 years, 146097 days. */
void cdb_time_civil(int64_t seconds, int64_t *year, int *month, int *day)
{
    int64_t days = divide_floor(seconds, DAY_SECONDS) + 719468;
    int64_t era = divide_floor(days, 146097);
    int day_of_era = (int)(days - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int from_march = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

int64_t cdb_time_from_civil(int64_t year, int month, int day)
{
    /* More years than int64 seconds hold, few enough that the days below cannot overflow. */
    const int64_t bound = INT64_C(300000000000);
    int64_t march_year = 0, era = 0, days = 0, seconds = 0;
    int year_of_era = 0, day_of_year = 0, day_of_era = 0;

    if (year < -bound || year > bound)
        return year < 0 ? INT64_MIN : INT64_MAX;
    march_year = year - (month <= 2 ? 1 : 0);
    era = divide_floor(march_year, 400);
    year_of_era = (int)(march_year - era * 400);
    day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    days = era * 146097 + day_of_era - 719468;
    if (__builtin_mul_overflow(days, DAY_SECONDS, &seconds))
        return days < 0 ? INT64_MIN : INT64_MAX;
    return seconds;
}

int cdb_time_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        return 29;
    return days[month - 1];
}

/* ---- text -------------------------------------------------------------------------------------- */

static int32_t clamp_nanoseconds(int32_t nanoseconds)
{
    if (nanoseconds < 0)
        return 0;
    return nanoseconds > NANO_MAX ? NANO_MAX : nanoseconds;
}

/* At least `width` digits; returns the place behind them. */
static char *put_number(char *to, uint64_t value, int width)
{
    char digits[20];
    int count = 0;

    for (; value > 0 || count < width; value /= 10)
        digits[count++] = (char)('0' + value % 10);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static char *put_field(char *to, char separator, int value, int width)
{
    *to++ = separator;
    return put_number(to, (uint64_t)value, width);
}

/* The longest years, 292277026596 and -292277022657, make 38 and 39 characters. */
void chrondb_time_format(chrondb_time time, char out[CHRONDB_TIME_SIZE])
{
    int64_t year = 0;
    int month = 0, day = 0, second = 0;
    char *to = out;

    if (out == NULL)
        return;
    cdb_time_civil(time.seconds, &year, &month, &day);
    second = second_of_day(time.seconds);
    if (year < 0)
        *to++ = '-';
    to = put_number(to, (uint64_t)(year < 0 ? -year : year), 4);
    to = put_field(to, '-', month, 2);
    to = put_field(to, '-', day, 2);
    to = put_field(to, 'T', second / 3600, 2);
    to = put_field(to, ':', second / 60 % 60, 2);
    to = put_field(to, ':', second % 60, 2);
    to = put_field(to, '.', clamp_nanoseconds(time.nanoseconds), NANO_DIGITS);
    *to++ = 'Z';
    *to = '\0';
}

/* What is left of the text to read. */
struct reader {
    const char *at;
    const char *end;
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool at_end(const struct reader *in)
{
    return in->at == in->end;
}

static bool take(struct reader *in, char byte)
{
    if (at_end(in) || *in->at != byte)
        return false;
    in->at++;
    return true;
}

static bool take_any(struct reader *in, const char *bytes)
{
    for (; *bytes != '\0'; bytes++)
        if (take(in, *bytes))
            return true;
    return false;
}

/* Exactly `count` digits (at most 4), of a value from `low` to `high`. */
static bool take_number(struct reader *in, int count, int low, int high, int *out)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (at_end(in) || !is_digit(*in->at))
            return false;
        value = value * 10 + (*in->at++ - '0');
    }
    *out = value;
    return value >= low && value <= high;
}

/* One digit or more; those behind the ninth are cut. */
static bool take_fraction(struct reader *in, int32_t *nanoseconds)
{
    int32_t value = 0;
    int digits = 0;

    if (at_end(in) || !is_digit(*in->at))
        return false;
    for (; !at_end(in) && is_digit(*in->at); in->at++) {
        if (digits < NANO_DIGITS) {
            value = value * 10 + (*in->at - '0');
            digits++;
        }
    }
    for (; digits < NANO_DIGITS; digits++)
        value *= 10;
    *nanoseconds = value;
    return true;
}

static bool take_date(struct reader *in, int64_t *seconds)
{
    int year = 0, month = 1, day = 1;

    if (!take_number(in, 4, 0, 9999, &year))
        return false;
    if (take(in, '-')) {
        if (!take_number(in, 2, 1, 12, &month))
            return false;
        if (take(in, '-') && !take_number(in, 2, 1, cdb_time_month_days(year, month), &day))
            return false;
    }
    *seconds = cdb_time_from_civil(year, month, day);
    return true;
}

static bool take_clock(struct reader *in, int64_t *seconds, int32_t *nanoseconds)
{
    int hour = 0, minute = 0, second = 0;

    if (!take_number(in, 2, 0, 23, &hour) || !take(in, ':') || !take_number(in, 2, 0, 59, &minute))
        return false;
    if (take(in, ':')) {
        if (!take_number(in, 2, 0, 60, &second))
            return false;
        if (take(in, '.') && !take_fraction(in, nanoseconds))
            return false;
    }
    *seconds += hour * 3600 + minute * 60 + second;
    return true;
}

static bool take_zone(struct reader *in, int64_t *seconds)
{
    int hour = 0, minute = 0, offset = 0;
    bool west = false;

    if (at_end(in) || take_any(in, "Zz"))
        return true;
    west = take(in, '-');
    if (!west && !take(in, '+'))
        return false;
    if (!take_number(in, 2, 0, 23, &hour))
        return false;
    (void)take(in, ':');
    if (!take_number(in, 2, 0, 59, &minute))
        return false;
    offset = hour * 3600 + minute * 60;
    *seconds += west ? offset : -offset;
    return true;
}

/* A date has a day when it took the form YYYY-MM-DD; only then may a clock time follow. */
#define FULL_DATE_LEN 10

bool cdb_time_parse(const char *text, size_t len, cdb_time *out)
{
    struct reader in = {text, text + len};
    cdb_time time = {0, 0};

    if (!take_date(&in, &time.seconds))
        return false;
    if (!at_end(&in)) {
        if (in.at - text != FULL_DATE_LEN || !take_any(&in, "Tt "))
            return false;
        if (!take_clock(&in, &time.seconds, &time.nanoseconds) || !take_zone(&in, &time.seconds))
            return false;
    }
    if (!at_end(&in) || !cdb_time_in_range(time))
        return false;
    *out = time;
    return true;
}

bool cdb_time_parse_exact(const char *text, size_t len, cdb_time *out)
{
    char canonical[CHRONDB_TIME_SIZE];
    cdb_time time = {0, 0};

    if (!cdb_time_parse(text, len, &time))
        return false;
    chrondb_time_format(time, canonical);
    if (strlen(canonical) != len || memcmp(canonical, text, len) != 0)
        return false;
    *out = time;
    return true;
}
