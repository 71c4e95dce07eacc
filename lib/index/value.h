/* SPDX-License-Identifier: MIT
 *
 * Scalars of JSON as bytes that sort (memcmp, a prefix first) as `search --sort` does:
 *
 *     null < false < true < numbers by their exact decimal value < strings by the bytes of their UTF-8
 *
 * The first byte is the kind. For null, false and true it is all. A number follows as
 *
 *     0x80                                               zero
 *     HEAD [EXPONENT] PAIRS [0x01]                       a positive one, 0.d1d2d3... * 10^E with d1 > 0
 *     the same with each byte complemented, then 0xff    a negative one
 *
 * HEAD says E: 0x89..0xf7 mean -47..63; 0xf8..0xfe that E is in the next 1..7 bytes, big endian; 0x88..0x82 that -E,
 * complemented, is in the next 1..7 bytes. The shortest form is used. PAIRS are the digits, without zeros at the end,
 * two to a byte, as 1 + 10 * d1 + d2; at most 20 pairs. So 1, 1.0, 1e0 and 10e-1 are the same bytes, and -0 is 0.
 * A string follows with its bytes, up to CDB_VALUE_STRING_EXACT of them.
 *
 * What has no exact encoding is INEXACT: its bytes say where it lies among all exact values, but several different
 * values share them. These are strings of more than 31 bytes (their first 32 bytes), numbers of more than 40 digits
 * (40 digits and the 0x01), and numbers whose E is beyond +-10^15 (HEAD 0xff or 0x81 alone). Different bytes always
 * decide; the same bytes decide if they are exact. Else cdb_scalar_compare on the documents' texts decides. */
#ifndef CDB_INDEX_VALUE_H
#define CDB_INDEX_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "doc/json.h"
#include "util/array.h"

#define CDB_VALUE_MAX          33 /* bytes */
#define CDB_VALUE_STRING_EXACT 31
#define CDB_VALUE_DIGITS_EXACT 40

enum cdb_value_kind {
    CDB_VALUE_NULL = 1,
    CDB_VALUE_FALSE,
    CDB_VALUE_TRUE,
    CDB_VALUE_NUMBER,
    CDB_VALUE_STRING,
    CDB_VALUE_KINDS /* above all */
};

struct cdb_value {
    unsigned char len;
    unsigned char bytes[CDB_VALUE_MAX];
};

/* Encode. `type` is one of the scalars; a string's text is its decoded UTF-8, without quotes, a number's is valid JSON.
 */
void cdb_value_encode(struct cdb_value *value, enum cdb_json_type type, const char *text, size_t len);
void cdb_value_string(struct cdb_value *value, const char *text, size_t len);
/* A number as JSON writes it; false, and nothing encoded, if the text is not one. For literals of queries. */
bool cdb_value_number(struct cdb_value *value, const char *text, size_t len);

/* The least value of a kind, or what lies below all of them and above those of the kinds before. So the numbers are
 * those from cdb_value_floor(NUMBER) up to, but without, cdb_value_floor(NUMBER + 1). Also null, false, true. */
void cdb_value_floor(struct cdb_value *value, enum cdb_value_kind kind);

/* Of encoded bytes; CDB_VALUE_KINDS if they are none (an index file said so): see cdb_value_check. */
enum cdb_value_kind cdb_value_kind(const unsigned char *bytes, size_t len);
bool cdb_value_is_exact(const unsigned char *bytes, size_t len);
/* Are these bytes what some scalar encodes to? The other functions are safe with any, but say nothing of use. */
bool cdb_value_check(const unsigned char *bytes, size_t len);

static inline int cdb_value_compare(const struct cdb_value *a, const struct cdb_value *b)
{
    return cdb_bytes_compare((const char *)a->bytes, a->len, (const char *)b->bytes, b->len);
}

/* Append the value as JSON text. Numbers as ECMAScript lays them out (12, -0.5, 1e+21), with all their digits. Of an
 * inexact value what is known of it: a string's first whole characters, a number's first 40 digits, 1e+1000000000000000
 * for those beyond. */
void cdb_value_format(struct cdb_buf *out, const unsigned char *bytes, size_t len);

/* The order of two scalars, exactly, however long they are: <0, 0, >0. Texts as for cdb_value_encode. */
int cdb_scalar_compare(enum cdb_json_type a_type, const char *a, size_t a_len, enum cdb_json_type b_type, const char *b,
                       size_t b_len);

#endif
