/* SPDX-License-Identifier: MIT
 *
 * The exact value of a JSON number, as its text says it: +-0.d1d2d3... * 10^E, d1 > 0, the last digit > 0; or zero. */
#ifndef CDB_DOC_DECIMAL_H
#define CDB_DOC_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cdb_decimal {
    bool negative;          /* never of zero */
    const char *at, *end;   /* the digits d1 d2 ..., perhaps with a point between them; nothing if it is zero */
    int64_t shift;          /* E is this plus the exponent that is written: */
    bool exponent_negative; /* */
    const char *exponent;   /* its digits, without zeros in front */
    size_t exponent_len;
};

/* Of a valid JSON number; borrows the text. */
void cdb_decimal_read(struct cdb_decimal *decimal, const char *text, size_t len);
/* E, or INT64_MIN, INT64_MAX if it is beyond +-10^17. */
int64_t cdb_decimal_exponent(const struct cdb_decimal *decimal);
/* The next digit at `*at`, which moves; -1 at the end. */
static inline int cdb_decimal_digit(const struct cdb_decimal *decimal, const char **at)
{
    if (*at < decimal->end && **at == '.')
        ++*at;
    return *at < decimal->end ? *(*at)++ - '0' : -1;
}

/* The order of two: <0, 0, >0. In time of the texts' lengths, whatever the exponents. */
int cdb_decimal_compare(const struct cdb_decimal *a, const struct cdb_decimal *b);

#endif
