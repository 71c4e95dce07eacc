/* SPDX-License-Identifier: MIT */
#include "doc/decimal.h"

#include <string.h>

#define EXPONENT_DIGITS 17                 /* so many fit into an int64_t, with any shift */
#define CERTAIN         (INT64_C(1) << 40) /* far above the difference of two shifts */

static const char *skip(const char *p, const char *end, char byte)
{
    while (p < end && *p == byte)
        p++;
    return p;
}

static void read_exponent(struct cdb_decimal *decimal, const char *p, const char *end)
{
    decimal->exponent_negative = false;
    if (p < end && (*p == '-' || *p == '+'))
        decimal->exponent_negative = *p++ == '-';
    decimal->exponent = skip(p, end, '0');
    decimal->exponent_len = (size_t)(end - decimal->exponent);
}

void cdb_decimal_read(struct cdb_decimal *decimal, const char *text, size_t len)
{
    const char *end = text + len, *p = text, *point, *first;

    decimal->negative = p < end && *p == '-';
    p += decimal->negative;
    first = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    point = p;
    if (p < end && *p == '.')
        for (p++; p < end && *p >= '0' && *p <= '9';)
            p++;
    read_exponent(decimal, p < end ? p + 1 : p, end);
    /* Without zeros at either side; the digits' place against the point is the shift. */
    first = skip(first, point, '0');
    decimal->shift = point - first;
    if (first == point && point < p) {
        first = skip(point + 1, p, '0');
        decimal->shift = point + 1 - first;
    }
    while (p > first && (p[-1] == '0' || p[-1] == '.'))
        p--;
    decimal->at = first;
    decimal->end = p;
    if (first == p)
        decimal->negative = false;
}

int64_t cdb_decimal_exponent(const struct cdb_decimal *decimal)
{
    int64_t exponent = 0;

    if (decimal->exponent_len > EXPONENT_DIGITS)
        return decimal->exponent_negative ? INT64_MIN : INT64_MAX;
    for (size_t i = 0; i < decimal->exponent_len; i++)
        exponent = exponent * 10 + (decimal->exponent[i] - '0');
    return (decimal->exponent_negative ? -exponent : exponent) + decimal->shift;
}

/* A digit of a written exponent, with its sign, by its place from the right. */
static int exponent_digit(const struct cdb_decimal *decimal, size_t place)
{
    int digit = place < decimal->exponent_len ? decimal->exponent[decimal->exponent_len - 1 - place] - '0' : 0;

    return decimal->exponent_negative ? -digit : digit;
}

static int compare_exponents(const struct cdb_decimal *a, const struct cdb_decimal *b)
{
    size_t places = a->exponent_len > b->exponent_len ? a->exponent_len : b->exponent_len;
    int64_t difference = 0;

    /* Once it is large, no digits to come can change its sign. */
    while (places > 0 && difference < CERTAIN && difference > -CERTAIN) {
        places--;
        difference = difference * 10 + exponent_digit(a, places) - exponent_digit(b, places);
    }
    difference += a->shift - b->shift;
    return (difference > 0) - (difference < 0);
}

static int compare_digits(const struct cdb_decimal *a, const struct cdb_decimal *b)
{
    const char *a_at = a->at, *b_at = b->at;
    int x, y;

    do {
        x = cdb_decimal_digit(a, &a_at);
        y = cdb_decimal_digit(b, &b_at);
    } while (x == y && x >= 0);
    return x - y;
}

int cdb_decimal_compare(const struct cdb_decimal *a, const struct cdb_decimal *b)
{
    int a_sign = a->at == a->end ? 0 : a->negative ? -1 : 1;
    int b_sign = b->at == b->end ? 0 : b->negative ? -1 : 1;
    int order;

    if (a_sign != b_sign || a_sign == 0)
        return a_sign - b_sign;
    order = compare_exponents(a, b);
    if (order == 0)
        order = compare_digits(a, b);
    return a->negative ? -order : order;
}
