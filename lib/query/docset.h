/* SPDX-License-Identifier: MIT
 *
 * A set of a segment's documents, as bits. */
#ifndef CDB_QUERY_DOCSET_H
#define CDB_QUERY_DOCSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chrondb.h"
#include "index/ft_segment.h"
#include "util/arena.h"

struct cdb_docset {
    uint64_t *words; /* NULL: there is no set, and nothing is in it */
    uint32_t docs;   /* of the segment */
};

/* An empty set, unless there is one; memory is the arena's. CHRONDB_ESYSTEM without memory. */
static inline int cdb_docset_need(struct cdb_docset *set, struct cdb_arena *arena, uint32_t docs)
{
    size_t size = ((size_t)docs / 64 + 1) * sizeof(*set->words);

    if (set->words != NULL)
        return 0;
    set->docs = docs;
    set->words = cdb_arena_alloc(arena, size);
    if (set->words == NULL)
        return CHRONDB_ESYSTEM;
    memset(set->words, 0, size);
    return 0;
}

/* `doc` must be below set->docs; so also in cdb_docset_has. */
static inline void cdb_docset_add(struct cdb_docset *set, uint32_t doc)
{
    set->words[doc / 64] |= UINT64_C(1) << doc % 64;
}

static inline bool cdb_docset_has(const struct cdb_docset *set, uint32_t doc)
{
    return set->words != NULL && (set->words[doc / 64] >> doc % 64 & 1) != 0;
}

/* The first one at or after `target`, or CDB_FT_END. */
static inline uint32_t cdb_docset_next(const struct cdb_docset *set, uint32_t target)
{
    uint32_t word = target / 64;
    uint64_t left;

    if (set->words == NULL || target >= set->docs)
        return CDB_FT_END;
    left = set->words[word] & ~UINT64_C(0) << target % 64;
    while (left == 0 && ++word <= set->docs / 64)
        left = set->words[word];
    return left == 0 ? CDB_FT_END : word * 64 + (uint32_t)__builtin_ctzll(left);
}

/* Set marks[doc - from] for those in [from, to). */
static inline void cdb_docset_mark(const struct cdb_docset *set, uint32_t from, uint32_t to, unsigned char *marks)
{
    for (uint32_t doc = cdb_docset_next(set, from); doc < to; doc = cdb_docset_next(set, doc + 1))
        marks[doc - from] = 1;
}

#endif
