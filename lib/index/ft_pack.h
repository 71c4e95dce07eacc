/* SPDX-License-Identifier: MIT
 *
 * 128 numbers of 32 bits, packed: as many bits each as most of them need, in four interleaved streams of words (so that
 * each instruction of a SIMD unit of 128 bits works on four neighbours; the layout of Lemire and Boytsov's SIMD-BP128),
 * and the higher bits of those that need more as exceptions (Zukowski et al., PFOR). chrondb-index(5) has the layout.
 */
#ifndef CDB_INDEX_FT_PACK_H
#define CDB_INDEX_FT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CDB_PACK_COUNT 128
#define CDB_PACK_MAX   (2 + 16 * 32 + CDB_PACK_COUNT * 6) /* bytes at most */

/* Behind what was written: there must be room for CDB_PACK_MAX bytes. */
unsigned char *cdb_pack_put(unsigned char *p, const uint32_t in[CDB_PACK_COUNT]);
/* `*at` moves behind it. False if these are no such bytes, or not all before `end`. `out` is aligned to 16 bytes. */
bool cdb_pack_get(const unsigned char **at, const unsigned char *end, uint32_t out[CDB_PACK_COUNT]);
/* Gaps become numbers: each is the one before it, `base` at first, plus the gap plus 1, modulo 2 to the power of 32.
 * False if they do not ascend from the first one on. Aligned to 16 bytes. */
bool cdb_pack_sum(uint32_t numbers[CDB_PACK_COUNT], uint32_t base);

#endif
