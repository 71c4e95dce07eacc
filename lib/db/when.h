/* The grammar of WHEN, without a database: text in, a syntax tree of one node out. Names are looked up elsewhere. */
#ifndef CDB_DB_WHEN_H
#define CDB_DB_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"

enum cdb_when_kind {
    CDB_WHEN_HEAD,    /* "now": the head */
    CDB_WHEN_TIME,    /* a moment */
    CDB_WHEN_VERSION, /* KEY@{n} */
    CDB_WHEN_REF,     /* "ref:NAME" */
    CDB_WHEN_COMMIT,  /* "commit:HEX" */
    CDB_WHEN_UNKNOWN  /* none of the forms */
};

struct cdb_when {
    enum cdb_when_kind kind;
    chrondb_time time; /* TIME */
    const char *name;  /* REF, COMMIT: the text behind the prefix; VERSION: the key. Into the text given. */
    size_t name_len;
    uint64_t versions; /* VERSION: n */
    bool maybe_commit; /* the text has no prefix and is 4 to 40 hex digits: a commit, unless `kind` is TIME */
};

/* What the text means when it is not the name of a ref. The caller looks that up first, unless the text is of the form
 * VERSION or has a prefix. In order of precedence:
 *
 * - KEY@{n} is VERSION: the text ends with '}' and has a "@{", the last of which splits it. KEY is not empty (no other
 *   check is made), n is decimal digits that fit 64 bits; otherwise the text is UNKNOWN. No ref and no moment can look
 *   like it, so it goes before the prefixes: "ref:a@{1}" is a version of the key "ref:a".
 * - ref:NAME is REF, with any NAME that is not empty.
 * - commit:HEX is COMMIT, with 4 to 40 hex digits of either case.
 * - time:TEXT is only one of the forms that follow, and never maybe_commit.
 * - "now" is HEAD.
 * - "today" and "yesterday" are 00:00:00Z of the day of `now`, and of the day before.
 * - SPAN ago is `now` less the sum of the span; nanoseconds stay. A span is one or more of COUNT UNIT. COUNT is decimal
 *   digits, "a" or "an"; UNIT is s, sec, second, m, min, minute, h, hour, d, day, w, week, month, y or year, the longer
 *   ones also with a final s. Blanks, tabs, '_' and '.' separate words, any number of them; none is needed beside a
 *   digit ("3.days.ago", "1d2h ago"). Months and years are calendar ones; they are taken off first, all together, and
 *   end on the last day of a month that is too short. A day is 86400 seconds. "1.5 days ago" is UNKNOWN.
 * - RFC 3339 or a shorter date, what cdb_time_parse reads; so "2026" is a year.
 * - @EPOCH: an optional '-', then 1 to 11 digits of seconds, 12 to 14 of milliseconds, 15 to 17 of microseconds, 18 to
 *   20 of nanoseconds (leading zeros count). Only seconds may have a fraction, cut after nine digits: "@1700000000.5".
 * - 4 to 40 hex digits of either case are UNKNOWN with maybe_commit; a year has maybe_commit too, but the date wins.
 *
 * Words are of either case; prefixes and units of one letter are of lower case ("3M ago" may mean months). Nothing may
 * stand before or behind a form. A moment outside the years 0000 to 9999, or a number that overflows on the way, is
 * UNKNOWN. `now` is the clock. `out` is always set, and points into `text`. */
void cdb_when_parse(struct cdb_when *out, const char *text, size_t len, chrondb_time now);

#endif
