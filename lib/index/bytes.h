/* SPDX-License-Identifier: MIT
 *
 * Numbers in the index's files: little-endian, or LEB128 varints of at most 64 bits; and checksums. */
#ifndef CDB_INDEX_BYTES_H
#define CDB_INDEX_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chrondb.h"

#define CDB_VARINT_MAX 10

static inline uint32_t cdb_le_get16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t cdb_le_get32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t cdb_le_get64(const unsigned char *p)
{
    return cdb_le_get32(p) | (uint64_t)cdb_le_get32(p + 4) << 32;
}

static inline void cdb_le_put16(unsigned char *p, uint32_t value)
{
    p[0] = (unsigned char)value;
    p[1] = (unsigned char)(value >> 8);
}

static inline void cdb_le_put32(unsigned char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

static inline void cdb_le_put64(unsigned char *p, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

/* Bits that are set. (Without an instruction for it, which not every machine has, the compiler's own is a call.) */
static inline unsigned cdb_bits_count(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* Behind what was written. There must be room for CDB_VARINT_MAX bytes. */
static inline unsigned char *cdb_varint_put(unsigned char *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

/* False if there is none before `end`; `*at` moves behind it. */
static inline bool cdb_varint_get(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    const unsigned char *p = *at;
    uint64_t result = 0;

    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        uint64_t bits = *p & 0x7f;

        if (shift == 63 && bits > 1)
            return false;
        result |= bits << shift;
        if (*p++ < 0x80) {
            *value = result;
            *at = p;
            return true;
        }
    }
    return false;
}

/* CRC-32 as in zlib and Ethernet, going on from `crc` (0 at first). */
uint32_t cdb_index_crc(uint32_t crc, const void *data, size_t len);

/* Times on disk: seconds (8) and nanoseconds (4), the highest bit of these being a flag of the commit's. */
#define CDB_TIME_BYTES 12
void cdb_index_put_time(unsigned char *p, chrondb_time time, bool flag);
/* False if the nanoseconds are none. */
bool cdb_index_get_time(const unsigned char *p, chrondb_time *time, bool *flag);

/* CHRONDB_EDAMAGED with the error set: "the index is damaged: WHAT". */
#define cdb_index_damaged(...) (cdb_index_set_damaged(__VA_ARGS__), CHRONDB_EDAMAGED)
void cdb_index_set_damaged(const char *what);

#endif
