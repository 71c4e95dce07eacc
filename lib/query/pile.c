/* SPDX-License-Identifier: MIT */
#include "query/pile.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"

/* Add a list to the frequencies by document. */
static int add(uint32_t *sums, const struct cdb_ft_segment *segment, const struct cdb_ft_entry *entry, uint64_t *read)
{
    struct cdb_ft_postings postings;
    int result = cdb_ft_postings_open(&postings, segment, entry);

    while (result == 0 && cdb_ft_next_block(&postings) != CDB_FT_END) {
        const uint32_t *freqs = cdb_ft_block_freqs(&postings);

        for (uint32_t i = 0; i < postings.count; i++)
            sums[postings.docs[i]] += freqs[i];
    }
    *read += postings.blocks_decoded;
    return result == 0 ? postings.result : result;
}

static int compress(struct cdb_pile *pile, struct cdb_arena *arena, const uint32_t *sums, uint32_t docs)
{
    for (uint32_t doc = 0; doc < docs; doc++)
        pile->count += sums[doc] != 0;
    pile->docs = cdb_arena_alloc(arena, (pile->count + 1) * sizeof(*pile->docs));
    pile->freqs = cdb_arena_alloc(arena, (pile->count + 1) * sizeof(*pile->freqs));
    if (pile->docs == NULL || pile->freqs == NULL)
        return CHRONDB_ESYSTEM;
    pile->count = 0;
    for (uint32_t doc = 0; doc < docs; doc++) {
        pile->docs[pile->count] = doc;
        pile->freqs[pile->count] = sums[doc];
        pile->count += sums[doc] != 0;
        pile->max = sums[doc] > pile->max ? sums[doc] : pile->max;
    }
    return 0;
}

int cdb_pile_make(struct cdb_pile *pile, struct cdb_arena *arena, const struct cdb_ft_segment *segment,
                  const struct cdb_ft_entry *const *entries, size_t count, uint64_t *read)
{
    uint32_t docs = cdb_ft_docs(segment), *sums = calloc((size_t)docs + 1, sizeof(*sums));
    int result = sums == NULL ? cdb_error_memory() : 0;

    *pile = (struct cdb_pile){NULL, NULL, 0, 0};
    for (size_t i = 0; result == 0 && i < count; i++)
        result = add(sums, segment, entries[i], read);
    if (result == 0)
        result = compress(pile, arena, sums, docs);
    free(sums);
    return result;
}
