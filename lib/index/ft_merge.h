/* SPDX-License-Identifier: MIT
 *
 * Several segments of words become one, with all their documents or some of them. Reads and writes as streams: memory
 * is 4 bytes for each document of the sources (and as much again with maps), a few MB, and what is proportional to the
 * number of fields. */
#ifndef CDB_INDEX_FT_MERGE_H
#define CDB_INDEX_FT_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "index/ft_segment.h"

/* Borrowed. */
struct cdb_ft_source {
    struct cdb_ft_segment *segment;
    const uint64_t *keep; /* bit d % 64 of word d / 64: document d is taken; NULL: all are. Bits behind the last
                             document do not matter */
};

struct cdb_ft_merged {
    uint64_t number, bytes; /* of the new file */
    uint32_t docs;
    uint32_t min_from, max_from;
};

/* Write NUMBER.text into `dir`, with a new random number: the documents that are taken, in the order (key, from). No
 * (key, from) may be taken from two sources. Whole before it has its name; not synced. Without documents too there is a
 * file. Language and analysis must be the same in all sources (CHRONDB_EDAMAGED).
 * `maps`: NULL, or an array of `count` pointers: each is set to a malloced array with the new number of each of that
 * source's documents, CDB_FT_END where it was not taken; the caller frees them (after an error none is set).
 * `interrupted`: NULL, or asked now and then: not 0 ends the merging with that.
 * 0; CHRONDB_EDAMAGED: a source is not what was written; CHRONDB_ESYSTEM: memory, disk, or "index_too_large": together
 * they are more than a segment can hold. */
int cdb_ft_merge(const struct cdb_ft_source *sources, size_t count, int dir, int (*interrupted)(void *context),
                 void *context, struct cdb_ft_merged *out, uint32_t **maps);

#endif
