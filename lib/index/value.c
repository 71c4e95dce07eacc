/* SPDX-License-Identifier: MIT */
#include "index/value.h"

#include <string.h>

#include "doc/decimal.h"
#include "doc/lexer.h"
#include "util/error.h"

/* Heads of numbers, before negative ones are complemented. */
#define ZERO         0x80
#define TINY         0x81 /* E below -EXPONENT_MAX */
#define NEGATIVE     0x89 /* less the bytes that follow */
#define NEAR_FIRST   0x89
#define NEAR_LAST    0xf7
#define NEAR_LEAST   (-47) /* the E of NEAR_FIRST */
#define POSITIVE     0xf7  /* plus the bytes that follow */
#define HUGE         0xff
#define WIDTH_MAX    7
#define EXPONENT_MAX INT64_C(1000000000000000)
#define PAIRS_MAX    (CDB_VALUE_DIGITS_EXACT / 2)
#define MORE         0x01 /* behind the pairs, if that is not all */
#define END          0xff /* behind a negative one */
#define PLAIN_MAX    21   /* ECMAScript: places before the point without an exponent */
#define ZEROS_MAX    6    /* and zeros behind it */

/* ---- encoding ----------------------------------------------------------------------------------- */

void cdb_value_floor(struct cdb_value *value, enum cdb_value_kind kind)
{
    value->bytes[0] = (unsigned char)kind;
    value->len = 1;
}

void cdb_value_string(struct cdb_value *value, const char *text, size_t len)
{
    size_t kept = len <= CDB_VALUE_STRING_EXACT ? len : CDB_VALUE_MAX - 1;

    value->bytes[0] = CDB_VALUE_STRING;
    memcpy(value->bytes + 1, text, kept);
    value->len = (unsigned char)(kept + 1);
}

/* The head and the exponent's bytes. Both bounds are tried: E is within EXPONENT_MAX. */
static unsigned char *put_exponent(unsigned char *p, int64_t exponent)
{
    uint64_t size = (uint64_t)(exponent < 0 ? -exponent : exponent);
    unsigned width = 1;

    if (exponent >= NEAR_LEAST && exponent <= NEAR_LEAST + NEAR_LAST - NEAR_FIRST) {
        *p++ = (unsigned char)(NEAR_FIRST + (exponent - NEAR_LEAST));
        return p;
    }
    while (width < WIDTH_MAX && size >> 8 * width != 0)
        width++;
    *p++ = (unsigned char)(exponent < 0 ? NEGATIVE - width : POSITIVE + width);
    for (unsigned i = width; i-- > 0;)
        *p++ = (unsigned char)((exponent < 0 ? ~size : size) >> 8 * i);
    return p;
}

static unsigned char *put_pairs(unsigned char *p, const struct cdb_decimal *decimal)
{
    const char *at = decimal->at;

    for (int i = 0; i < PAIRS_MAX && at < decimal->end; i++) {
        int high = cdb_decimal_digit(decimal, &at), low = cdb_decimal_digit(decimal, &at);

        *p++ = (unsigned char)(1 + 10 * high + (low < 0 ? 0 : low));
    }
    if (at < decimal->end)
        *p++ = MORE;
    return p;
}

static void encode_number(struct cdb_value *value, const char *text, size_t len)
{
    struct cdb_decimal decimal;
    unsigned char *p = value->bytes + 1;

    cdb_decimal_read(&decimal, text, len);
    value->bytes[0] = CDB_VALUE_NUMBER;
    if (decimal.at == decimal.end) {
        *p++ = ZERO;
    } else {
        int64_t exponent = cdb_decimal_exponent(&decimal);

        if (exponent > EXPONENT_MAX)
            *p++ = HUGE;
        else if (exponent < -EXPONENT_MAX)
            *p++ = TINY;
        else
            p = put_pairs(put_exponent(p, exponent), &decimal);
    }
    if (decimal.negative) {
        for (unsigned char *q = value->bytes + 1; q < p; q++)
            *q = (unsigned char)~*q;
        *p++ = END;
    }
    value->len = (unsigned char)(p - value->bytes);
}

bool cdb_value_number(struct cdb_value *value, const char *text, size_t len)
{
    struct cdb_lexer lexer;

    /* The reader of JSON passes over white space at either side. */
    if (len == 0 || (*text != '-' && (*text < '0' || *text > '9')) || text[len - 1] < '0' || text[len - 1] > '9')
        return false;
    if (!cdb_lexer_init(&lexer, text, len) || cdb_lexer_next(&lexer) != CDB_LEX_VALUE ||
        cdb_lexer_next(&lexer) != CDB_LEX_END) {
        cdb_error_clear();
        return false;
    }
    encode_number(value, text, len);
    return true;
}

static enum cdb_value_kind kind_of(enum cdb_json_type type)
{
    switch (type) {
    case CDB_JSON_NULL:
        return CDB_VALUE_NULL;
    case CDB_JSON_FALSE:
        return CDB_VALUE_FALSE;
    case CDB_JSON_TRUE:
        return CDB_VALUE_TRUE;
    case CDB_JSON_NUMBER:
        return CDB_VALUE_NUMBER;
    default:
        return CDB_VALUE_STRING;
    }
}

void cdb_value_encode(struct cdb_value *value, enum cdb_json_type type, const char *text, size_t len)
{
    if (type == CDB_JSON_STRING)
        cdb_value_string(value, text, len);
    else if (type == CDB_JSON_NUMBER)
        encode_number(value, text, len);
    else
        cdb_value_floor(value, kind_of(type));
}

/* ---- decoding ----------------------------------------------------------------------------------- */

struct number {
    bool negative, exact;
    int beyond;       /* E is above (1) or below (-1) all that are encoded */
    int64_t exponent; /* E */
    size_t count;     /* of digits; 0: zero, or beyond */
    char digits[CDB_VALUE_DIGITS_EXACT];
};

static bool take_exponent(struct number *number, const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    unsigned head = *p++, width;
    uint64_t size = 0;

    if (head >= NEAR_FIRST && head <= NEAR_LAST) {
        number->exponent = (int64_t)head - NEAR_FIRST + NEAR_LEAST;
        *at = p;
        return true;
    }
    width = head > NEAR_LAST ? head - POSITIVE : NEGATIVE - head;
    if ((size_t)(end - p) < width)
        return false;
    for (unsigned i = 0; i < width; i++)
        size = size << 8 | (head > NEAR_LAST ? *p++ : (unsigned char)~*p++);
    if (size > EXPONENT_MAX || (width > 1 && size >> 8 * (width - 1) == 0))
        return false;
    number->exponent = head > NEAR_LAST ? (int64_t)size : -(int64_t)size;
    *at = p;
    /* What one byte says is said so. */
    return number->exponent < NEAR_LEAST || number->exponent > NEAR_LEAST + NEAR_LAST - NEAR_FIRST;
}

static bool take_pairs(struct number *number, const unsigned char *p, const unsigned char *end)
{
    for (; p < end && number->count < CDB_VALUE_DIGITS_EXACT; p++) {
        if (*p < 1 || *p > 100)
            return false;
        number->digits[number->count++] = (char)('0' + (*p - 1) / 10);
        number->digits[number->count++] = (char)('0' + (*p - 1) % 10);
    }
    if (number->count == 0 || number->digits[0] == '0')
        return false;
    if (p < end) {
        number->exact = false;
        return end - p == 1 && *p == MORE;
    }
    /* The last pair may end in a zero, the digits do not. */
    if (number->digits[number->count - 1] == '0')
        number->count--;
    return number->digits[number->count - 1] != '0';
}

/* False if the bytes, behind the kind, are none. */
static bool decode_number(struct number *number, const unsigned char *bytes, size_t len)
{
    unsigned char plain[CDB_VALUE_MAX];
    const unsigned char *at = plain, *end;

    *number = (struct number){.exact = true};
    if (len == 0 || len > sizeof(plain) - 1)
        return false;
    end = plain + len;
    number->negative = bytes[0] < ZERO;
    for (size_t i = 0; i < len; i++)
        plain[i] = number->negative ? (unsigned char)~bytes[i] : bytes[i];
    if (number->negative && *--end != (unsigned char)~END)
        return false;
    if (at == end)
        return false;
    if (*at == ZERO)
        return !number->negative && len == 1;
    if (*at == HUGE || *at == TINY) {
        number->beyond = *at == HUGE ? 1 : -1;
        number->exact = false;
        return end - at == 1;
    }
    return *at > TINY && take_exponent(number, &at, end) && take_pairs(number, at, end);
}

enum cdb_value_kind cdb_value_kind(const unsigned char *bytes, size_t len)
{
    return len > 0 && bytes[0] >= CDB_VALUE_NULL && bytes[0] < CDB_VALUE_KINDS ? (enum cdb_value_kind)bytes[0]
                                                                               : CDB_VALUE_KINDS;
}

bool cdb_value_is_exact(const unsigned char *bytes, size_t len)
{
    struct number number;

    switch (cdb_value_kind(bytes, len)) {
    case CDB_VALUE_NUMBER:
        return decode_number(&number, bytes + 1, len - 1) && number.exact;
    case CDB_VALUE_STRING:
        return len - 1 <= CDB_VALUE_STRING_EXACT;
    default:
        return true;
    }
}

bool cdb_value_check(const unsigned char *bytes, size_t len)
{
    struct number number;

    switch (cdb_value_kind(bytes, len)) {
    case CDB_VALUE_KINDS:
        return false;
    case CDB_VALUE_NUMBER:
        return decode_number(&number, bytes + 1, len - 1);
    case CDB_VALUE_STRING:
        return len <= CDB_VALUE_MAX;
    default:
        return len == 1;
    }
}

/* ---- text --------------------------------------------------------------------------------------- */

static void add_zeros(struct cdb_buf *out, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        cdb_buf_addc(out, '0');
}

/* ECMA-262, Number::toString: E is its n, the digits are its s, and k is their count. */
static void format_number(struct cdb_buf *out, const struct number *number)
{
    int64_t point = number->exponent, count = (int64_t)number->count;

    if (number->negative)
        cdb_buf_addc(out, '-');
    if (number->beyond != 0) {
        cdb_buf_addf(out, "1e%c%lld", number->beyond > 0 ? '+' : '-', (long long)EXPONENT_MAX);
    } else if (count == 0) {
        cdb_buf_addc(out, '0');
    } else if (point > PLAIN_MAX || point <= -ZEROS_MAX) {
        cdb_buf_addc(out, number->digits[0]);
        if (count > 1)
            cdb_buf_addc(out, '.');
        cdb_buf_add(out, number->digits + 1, (size_t)count - 1);
        cdb_buf_addf(out, "e%+lld", (long long)point - 1);
    } else if (point <= 0) {
        cdb_buf_adds(out, "0.");
        add_zeros(out, -point);
        cdb_buf_add(out, number->digits, (size_t)count);
    } else if (count <= point) {
        cdb_buf_add(out, number->digits, (size_t)count);
        add_zeros(out, point - count);
    } else {
        cdb_buf_add(out, number->digits, (size_t)point);
        cdb_buf_addc(out, '.');
        cdb_buf_add(out, number->digits + point, (size_t)(count - point));
    }
}

/* Without the beginning of a character at the end. */
static size_t whole_characters(const unsigned char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned lead = text[len - back];

        if (lead >= 0xc0)
            return back < (lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u) ? len - back : len;
        if (lead < 0x80)
            break;
    }
    return len;
}

void cdb_value_format(struct cdb_buf *out, const unsigned char *bytes, size_t len)
{
    struct number number;

    switch (cdb_value_kind(bytes, len)) {
    case CDB_VALUE_FALSE:
        cdb_buf_adds(out, "false");
        break;
    case CDB_VALUE_TRUE:
        cdb_buf_adds(out, "true");
        break;
    case CDB_VALUE_NUMBER:
        if (!decode_number(&number, bytes + 1, len - 1))
            number = (struct number){.exact = false};
        format_number(out, &number);
        break;
    case CDB_VALUE_STRING:
        len -= 1;
        if (len > CDB_VALUE_STRING_EXACT)
            len = whole_characters(bytes + 1, len);
        cdb_json_quote(out, (const char *)bytes + 1, len);
        break;
    default:
        cdb_buf_adds(out, "null");
        break;
    }
}

/* ---- texts -------------------------------------------------------------------------------------- */

int cdb_scalar_compare(enum cdb_json_type a_type, const char *a, size_t a_len, enum cdb_json_type b_type, const char *b,
                       size_t b_len)
{
    enum cdb_value_kind a_kind = kind_of(a_type), b_kind = kind_of(b_type);
    struct cdb_decimal x, y;

    if (a_kind != b_kind)
        return a_kind < b_kind ? -1 : 1;
    if (a_kind == CDB_VALUE_STRING)
        return cdb_bytes_compare(a, a_len, b, b_len);
    if (a_kind != CDB_VALUE_NUMBER)
        return 0;
    cdb_decimal_read(&x, a, a_len);
    cdb_decimal_read(&y, b, b_len);
    return cdb_decimal_compare(&x, &y);
}
