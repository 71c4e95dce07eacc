/* SPDX-License-Identifier: MIT
 *
 * Characters of words and keys, one after the other. */
#ifndef CDB_QUERY_POINT_H
#define CDB_QUERY_POINT_H

#include <stddef.h>
#include <stdint.h>

/* What is above all characters stands for bytes that are none. */
#define CDB_POINT_INVALID UINT32_C(0x110000)

/* The character at text[*at], which is before `len`; *at moves behind it. The text is UTF-8 or nearly so (WTF-8,
 * damaged files): a byte that starts no character counts as one, CDB_POINT_INVALID + the byte. */
static inline uint32_t cdb_point_next(const char *text, size_t len, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text + *at;
    size_t left = len - *at, width = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t point;

    if (width == 1) {
        ++*at;
        return p[0];
    }
    if (width == 0 || width > left || p[0] > 0xf4)
        goto invalid;
    point = p[0] & (0x7fu >> width);
    for (size_t i = 1; i < width; i++) {
        if ((p[i] & 0xc0) != 0x80)
            goto invalid;
        point = point << 6 | (p[i] & 0x3f);
    }
    *at += width;
    return point;
invalid:
    ++*at;
    return CDB_POINT_INVALID + p[0];
}

#endif
