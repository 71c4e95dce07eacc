/* SPDX-License-Identifier: MIT
 *
 * Hashes of bytes under a secret key, for tables in memory that are filled from documents: who writes a document does
 * not know the key, and so cannot choose names or values that collide. Words are folded by a 64 x 64 -> 128 bit
 * multiplication, as in wyhash (Wang Yi, https://github.com/wangyi-fudan/wyhash), which this is not the same as. */
#ifndef CDB_INDEX_HASH_H
#define CDB_INDEX_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t cdb_hash_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t cdb_hash_bytes(uint64_t key, const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t hash = cdb_hash_fold(key ^ UINT64_C(0xa0761d6478bd642f), len ^ UINT64_C(0xe7037ed1a0b428db));
    uint64_t word;

    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        hash = cdb_hash_fold(hash ^ word, key ^ UINT64_C(0x8ebc6af09c88c6e3));
    }
    word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return cdb_hash_fold(hash ^ word, key ^ UINT64_C(0x589965cc75374cc3));
}

/* A number nobody knows. (lib/index/path.c) */
uint64_t cdb_hash_key(void);

#endif
