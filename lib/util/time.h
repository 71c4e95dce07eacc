/* Moments in UTC with nanoseconds, as RFC 3339 text and as numbers. The calendar is the proleptic Gregorian one
 * (days from civil: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"), years 0000 to 9999. */
#ifndef CDB_UTIL_TIME_H
#define CDB_UTIL_TIME_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"

typedef struct chrondb_time cdb_time;

/* The system clock; with CHRONDB_TEST_HOOKS compiled in, $CHRONDB_TEST_NOW (what cdb_time_parse reads) instead, if it
 * is set and valid. */
cdb_time cdb_time_now(void);
/* <0, 0, >0 */
int cdb_time_compare(cdb_time a, cdb_time b);
/* Both saturate: at INT64_MIN seconds, and at INT64_MAX seconds and 999999999 ns. */
cdb_time cdb_time_add_seconds(cdb_time time, int64_t seconds);
cdb_time cdb_time_next(cdb_time time); /* + 1 ns */
/* Is it in the years 0000 to 9999, which the text forms below can say? */
bool cdb_time_in_range(cdb_time time);

/* RFC 3339 or a shorter date: "2026", "2026-11", "2026-11-21",
 * "2026-11-21T07:44[:00[.FRACTION]][Z|+01:00|+0100]". 'T', 't' or one space between date and time; 'Z' or 'z';
 * FRACTION is one digit or more, cut after the ninth; missing parts are zero, no zone is UTC; second 60 is the next
 * second, in any minute; a zone has at most 23:59. Strict otherwise: no day 2025-02-29, no hour 24, no white space.
 * The moment in UTC must be in the years 0000 to 9999, whatever the zone. The whole of `text` counts (it may hold
 * NULs). False if it is not one, `out` untouched. */
bool cdb_time_parse(const char *text, size_t len, cdb_time *out);
/* Only the exact form that chrondb_time_format writes for the years 0000 to 9999 (what trailers hold). */
bool cdb_time_parse_exact(const char *text, size_t len, cdb_time *out);

/* The calendar date of a moment (UTC), for any int64 seconds; month 1-12, day 1-31. */
void cdb_time_civil(int64_t seconds, int64_t *year, int *month, int *day);
/* The inverse: seconds at 00:00:00Z. `month` must be 1-12, `day` 1-31 (a day behind the month's last one runs on into
 * the next month). Saturates at the ends of int64. */
int64_t cdb_time_from_civil(int64_t year, int month, int day);
/* 28 to 31; `month` must be 1-12. */
int cdb_time_month_days(int64_t year, int month);

#endif
