/* SPDX-License-Identifier: MIT
 *
 * Many short lists of postings as one in memory. An object whose members' names are ids may have 100,000 of them, and a
 * word that is in all of these has as many lists. */
#ifndef CDB_QUERY_PILE_H
#define CDB_QUERY_PILE_H

#include <stddef.h>
#include <stdint.h>

#include "index/ft_postings.h"
#include "util/arena.h"

/* Ascending documents, and how often the term is in each in all lists together. */
struct cdb_pile {
    uint32_t *docs, *freqs;
    size_t count;
    uint32_t max; /* the greatest of freqs */
};

/* Put lists together; memory is the arena's. *read: blocks that were decoded, is added to. CHRONDB_EDAMAGED,
 * CHRONDB_ESYSTEM. */
int cdb_pile_make(struct cdb_pile *pile, struct cdb_arena *arena, const struct cdb_ft_segment *segment,
                  const struct cdb_ft_entry *const *entries, size_t count, uint64_t *read);

#endif
