/* SPDX-License-Identifier: MIT */
#include "db/when.h"

#include <string.h>

#include "util/time.h"

#define NANO_DIGITS  9
#define NANO_SECOND  1000000000
#define HEX_MIN      4
#define MONTHS       12
#define EPOCH_DIGITS 20

/* What is left of the text to read. */
struct reader {
    const char *at;
    const char *end;
};

static bool at_end(const struct reader *in)
{
    return in->at == in->end;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_separator(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '_' || byte == '.';
}

static bool is_hex(const char *text, size_t len)
{
    if (len < HEX_MIN || len > CHRONDB_HEX_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f') && !(text[i] >= 'A' && text[i] <= 'F'))
            return false;
    return true;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* ASCII only, case aside; `word` is in lower case. */
static bool is_word(const char *text, size_t len, const char *word)
{
    if (strlen(word) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower(text[i]) != word[i])
            return false;
    return true;
}

/* The digits at the start; false if there are none or if they do not fit. */
static bool take_count(struct reader *in, uint64_t *out)
{
    uint64_t value = 0;

    if (at_end(in) || !is_digit(*in->at))
        return false;
    for (; !at_end(in) && is_digit(*in->at); in->at++) {
        uint64_t digit = (uint64_t)(*in->at - '0');

        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static void set_name(struct cdb_when *out, enum cdb_when_kind kind, const char *name, size_t len)
{
    out->kind = kind;
    out->name = name;
    out->name_len = len;
}

/* ---- KEY@{n} ----------------------------------------------------------------------------------- */

static const char *find_last(const char *text, size_t len, char first, char second)
{
    for (size_t at = len; at >= 2; at--)
        if (text[at - 2] == first && text[at - 1] == second)
            return text + at - 2;
    return NULL;
}

/* Has the text the form "...@{...}"? Then it is a version or nothing. */
static bool parse_version(struct cdb_when *out, const char *text, size_t len)
{
    struct reader in = {text, text + len};
    const char *mark = NULL;
    uint64_t versions = 0;

    if (len == 0 || text[len - 1] != '}' || (mark = find_last(text, len, '@', '{')) == NULL)
        return false;
    in.at = mark + 2;
    in.end--;
    if (mark == text || !take_count(&in, &versions) || !at_end(&in))
        return true;
    set_name(out, CDB_WHEN_VERSION, text, (size_t)(mark - text));
    out->versions = versions;
    return true;
}

/* ---- moments ----------------------------------------------------------------------------------- */

static bool parse_day(cdb_time *out, const char *text, size_t len, cdb_time now)
{
    int64_t year = 0;
    int month = 0, day = 0;

    if (!is_word(text, len, "today") && !is_word(text, len, "yesterday"))
        return false;
    cdb_time_civil(now.seconds, &year, &month, &day);
    out->seconds = cdb_time_from_civil(year, month, day);
    out->nanoseconds = 0;
    if (is_word(text, len, "yesterday"))
        *out = cdb_time_add_seconds(*out, -86400);
    return true;
}

static const struct unit {
    const char *names[5];
    int64_t seconds; /* one of the two is 0 */
    int64_t months;
} units[] = {
    {{"s", "sec", "secs", "second", "seconds"}, 1, 0},
    {{"m", "min", "mins", "minute", "minutes"}, 60, 0},
    {{"h", "hour", "hours"}, 3600, 0},
    {{"d", "day", "days"}, 86400, 0},
    {{"w", "week", "weeks"}, 604800, 0},
    {{"month", "months"}, 0, 1},
    {{"y", "year", "years"}, 0, MONTHS},
};

/* A single letter must be lower case: many write M for months. */
static bool is_unit_name(const char *text, size_t len, const char *name)
{
    return len == 1 ? text[0] == name[0] && name[1] == '\0' : is_word(text, len, name);
}

static const struct unit *find_unit(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        for (size_t j = 0; j < sizeof(units[i].names) / sizeof(units[i].names[0]); j++)
            if (units[i].names[j] != NULL && is_unit_name(text, len, units[i].names[j]))
                return &units[i];
    return NULL;
}

static void skip_separators(struct reader *in)
{
    while (!at_end(in) && is_separator(*in->at))
        in->at++;
}

/* The letters at the start, maybe none. */
static size_t take_word(struct reader *in, const char **word)
{
    *word = in->at;
    while (!at_end(in) && is_letter(*in->at))
        in->at++;
    return (size_t)(in->at - *word);
}

static bool take_article(struct reader *in)
{
    struct reader ahead = *in;
    const char *word = NULL;
    size_t len = take_word(&ahead, &word);

    if (!is_word(word, len, "a") && !is_word(word, len, "an"))
        return false;
    *in = ahead;
    return true;
}

/* How far back, in calendar months and in seconds. */
struct span {
    int64_t months;
    int64_t seconds;
};

static bool add_times(int64_t *sum, uint64_t count, int64_t each)
{
    int64_t product = 0;

    return !__builtin_mul_overflow(count, each, &product) && !__builtin_add_overflow(*sum, product, sum);
}

/* A count and a unit: "3 days", "2h", "an hour". */
static bool take_quantity(struct reader *in, struct span *span)
{
    const struct unit *unit = NULL;
    const char *word = NULL;
    uint64_t count = 1;
    size_t len = 0;

    if (!take_article(in) && !take_count(in, &count))
        return false;
    skip_separators(in);
    len = take_word(in, &word);
    unit = find_unit(word, len);
    return unit != NULL && add_times(&span->seconds, count, unit->seconds) &&
           add_times(&span->months, count, unit->months);
}

/* One quantity or more, then "ago", and no more. */
static bool take_span(struct reader *in, struct span *span)
{
    const char *word = NULL;
    size_t len = 0;

    do {
        struct reader ahead;

        if (!take_quantity(in, span))
            return false;
        skip_separators(in);
        ahead = *in;
        len = take_word(&ahead, &word);
        if (is_word(word, len, "ago"))
            return at_end(&ahead);
    } while (!at_end(in));
    return false;
}

/* The same day and time of day so many months before, or the last day of a shorter month. */
static bool go_back_months(cdb_time *time, int64_t months)
{
    int64_t year = 0, index = 0, second_of_day = 0, seconds = 0;
    int month = 0, day = 0, days = 0;

    cdb_time_civil(time->seconds, &year, &month, &day);
    if (__builtin_sub_overflow(year * MONTHS + month - 1, months, &index) || index < 0)
        return false;
    second_of_day = time->seconds - cdb_time_from_civil(year, month, day);
    year = index / MONTHS;
    month = (int)(index % MONTHS) + 1;
    days = cdb_time_month_days(year, month);
    seconds = cdb_time_from_civil(year, month, day < days ? day : days);
    *time = cdb_time_add_seconds((cdb_time){seconds, time->nanoseconds}, second_of_day);
    return true;
}

static bool parse_ago(cdb_time *out, const char *text, size_t len, cdb_time now)
{
    struct reader in = {text, text + len};
    struct span span = {0, 0};

    if (!take_span(&in, &span) || !go_back_months(&now, span.months))
        return false;
    *out = cdb_time_add_seconds(now, -span.seconds);
    return true;
}

/* Digits behind the point as nanoseconds; those behind the ninth are cut. */
static int32_t fraction_of(const char *digits, size_t len)
{
    int32_t value = 0;

    for (size_t i = 0; i < NANO_DIGITS; i++)
        value = value * 10 + (i < len ? digits[i] - '0' : 0);
    return value;
}

/* How many of the digits of an epoch are behind the second. */
static size_t epoch_scale(size_t digits)
{
    if (digits <= 11)
        return 0;
    if (digits <= 14)
        return 3;
    return digits <= 17 ? 6 : 9;
}

static size_t take_digits(struct reader *in, const char **digits)
{
    *digits = in->at;
    while (!at_end(in) && is_digit(*in->at))
        in->at++;
    return (size_t)(in->at - *digits);
}

static bool parse_epoch(cdb_time *out, const char *text, size_t len)
{
    struct reader in = {text, text + len};
    const char *digits = NULL, *fraction = NULL;
    size_t count = 0, scale = 0, fraction_len = 0;
    bool negative = false;

    if (at_end(&in) || *in.at++ != '@')
        return false;
    negative = !at_end(&in) && *in.at == '-';
    in.at += negative ? 1 : 0;
    count = take_digits(&in, &digits);
    if (count == 0 || count > EPOCH_DIGITS)
        return false;
    scale = epoch_scale(count);
    fraction = digits + count - scale;
    fraction_len = scale;
    if (scale == 0 && !at_end(&in) && *in.at == '.') {
        in.at++;
        fraction_len = take_digits(&in, &fraction);
        if (fraction_len == 0)
            return false;
    }
    if (!at_end(&in))
        return false;

    out->seconds = 0;
    for (size_t i = 0; i < count - scale; i++)
        out->seconds = out->seconds * 10 + (digits[i] - '0');
    out->nanoseconds = fraction_of(fraction, fraction_len);
    if (negative) {
        out->seconds = -out->seconds - (out->nanoseconds > 0 ? 1 : 0);
        out->nanoseconds = out->nanoseconds > 0 ? NANO_SECOND - out->nanoseconds : 0;
    }
    return true;
}

static void parse_moment(struct cdb_when *out, const char *text, size_t len, cdb_time now)
{
    cdb_time time = {0, 0};

    if (is_word(text, len, "now")) {
        out->kind = CDB_WHEN_HEAD;
        return;
    }
    if (!parse_day(&time, text, len, now) && !parse_ago(&time, text, len, now) && !cdb_time_parse(text, len, &time) &&
        !parse_epoch(&time, text, len))
        return;
    if (!cdb_time_in_range(time))
        return;
    out->kind = CDB_WHEN_TIME;
    out->time = time;
}

/* ---- the whole --------------------------------------------------------------------------------- */

static bool skip_prefix(struct reader *in, const char *prefix)
{
    size_t len = strlen(prefix);

    if ((size_t)(in->end - in->at) < len || memcmp(in->at, prefix, len) != 0)
        return false;
    in->at += len;
    return true;
}

void cdb_when_parse(struct cdb_when *out, const char *text, size_t len, chrondb_time now)
{
    struct reader in = {text, text + len};

    *out = (struct cdb_when){.kind = CDB_WHEN_UNKNOWN};
    /* First, since no name of a ref holds "@{": a table may be called "ref". */
    if (parse_version(out, text, len))
        return;
    if (skip_prefix(&in, "ref:")) {
        if (!at_end(&in))
            set_name(out, CDB_WHEN_REF, in.at, (size_t)(in.end - in.at));
    } else if (skip_prefix(&in, "commit:")) {
        if (is_hex(in.at, (size_t)(in.end - in.at)))
            set_name(out, CDB_WHEN_COMMIT, in.at, (size_t)(in.end - in.at));
    } else if (skip_prefix(&in, "time:")) {
        parse_moment(out, in.at, (size_t)(in.end - in.at), now);
    } else {
        parse_moment(out, text, len, now);
        out->maybe_commit = is_hex(text, len);
    }
}
