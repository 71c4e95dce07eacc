/* SPDX-License-Identifier: MIT
 *
 * Streams of numbers of `width` bits each (0 to CDB_PACKED_MAX), the lowest bit of the first byte first, filled up to
 * whole bytes at the end. Reading takes 8 bytes from where a number begins, so that 8 bytes must follow the stream. */
#ifndef CDB_INDEX_PACKED_H
#define CDB_INDEX_PACKED_H

#include <stdint.h>

#include "index/bytes.h"
#include "index/sink.h"

#define CDB_PACKED_MAX 57

/* Bits that the number takes: 0 for 0. */
static inline unsigned cdb_packed_width(uint64_t max)
{
    return max == 0 ? 0 : 64 - (unsigned)__builtin_clzll(max);
}

/* Bytes of a stream; `count` is below 2^58. */
static inline uint64_t cdb_packed_bytes(uint64_t count, unsigned width)
{
    return count / 8 * width + (count % 8 * width + 7) / 8;
}

static inline uint64_t cdb_packed_mask(unsigned width)
{
    return (UINT64_C(1) << width) - 1;
}

/* The number that begins `bit` bits behind `p`. */
static inline uint64_t cdb_packed_at(const unsigned char *p, uint64_t bit, unsigned width)
{
    return cdb_le_get64(p + bit / 8) >> bit % 8 & cdb_packed_mask(width);
}

/* ---- writing ---- */

struct cdb_packer {
    struct cdb_sink *sink; /* borrowed */
    uint64_t bits;
    unsigned width, filled; /* bits that wait, less than 8 between calls */
    unsigned used;
    unsigned char bytes[1024];
};

static inline void cdb_packer_init(struct cdb_packer *packer, struct cdb_sink *sink, unsigned width)
{
    packer->sink = sink;
    packer->width = width;
    packer->bits = 0;
    packer->filled = 0;
    packer->used = 0;
}

static inline void cdb_packer_flush(struct cdb_packer *packer)
{
    if (packer->used > 0)
        cdb_sink_add(packer->sink, packer->bytes, packer->used);
    packer->used = 0;
}

static inline void cdb_packer_add(struct cdb_packer *packer, uint64_t value)
{
    packer->bits |= value << packer->filled;
    packer->filled += packer->width;
    cdb_le_put64(packer->bytes + packer->used, packer->bits);
    packer->used += packer->filled / 8;
    packer->bits = packer->filled / 8 < 8 ? packer->bits >> packer->filled / 8 * 8 : 0;
    packer->filled %= 8;
    if (packer->used > sizeof(packer->bytes) - 16)
        cdb_packer_flush(packer);
}

/* Fill up the last byte. */
static inline void cdb_packer_finish(struct cdb_packer *packer)
{
    if (packer->filled > 0)
        packer->bytes[packer->used++] = (unsigned char)packer->bits;
    packer->filled = 0;
    packer->bits = 0;
    cdb_packer_flush(packer);
}

#endif
