/* SPDX-License-Identifier: MIT
 *
 * Writing the postings of one word in one field after the other. */
#ifndef CDB_INDEX_FT_LIST_H
#define CDB_INDEX_FT_LIST_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "index/ft_impacts.h"
#include "index/ft_inside.h"
#include "index/sink.h"

#define CDB_LIST_VALUE_MAX 128 /* bytes of a dictionary's value */

struct cdb_list_block {
    uint32_t last, impacts;
    uint64_t offset, positions;
};

struct cdb_list_writer {
    struct cdb_sink *postings, *positions;    /* borrowed */
    uint64_t postings_start, positions_start; /* of the sections in the sinks */
    /* the list */
    bool documents_only, apart;
    bool is_form;        /* of a term: set it before the end */
    uint32_t df, before; /* documents so far; one more than the last one */
    uint64_t total;
    uint64_t offset, positions_offset; /* where the list, its positions, begin in the sinks */
    struct cdb_list_block *blocks;     /* those that are complete */
    size_t block_count, block_room;
    struct cdb_buf small;   /* positions, as long as they are few */
    struct cdb_buf impacts; /* of the blocks */
    struct cdb_impacts field_impacts, unnamed_impacts;
    /* the block */
    uint32_t filled, first_doc;
    uint64_t block_positions; /* where they begin */
    unsigned chunks;          /* of them that are complete, as far as it matters */
    unsigned chunk_filled;
    unsigned char field_norms[CDB_FT_BLOCK], unnamed_norms[CDB_FT_BLOCK];
    alignas(16) uint32_t gaps[CDB_FT_BLOCK];
    alignas(16) uint32_t freqs[CDB_FT_BLOCK];
    uint64_t chunk[CDB_FT_CHUNK];
};

/* What the sinks hold from now on are the sections. */
void cdb_list_writer_init(struct cdb_list_writer *writer, struct cdb_sink *postings, struct cdb_sink *positions);
void cdb_list_writer_release(struct cdb_list_writer *writer);

/* A list of documents only, or with positions. */
void cdb_list_begin(struct cdb_list_writer *writer, bool documents_only);
int cdb_list_end_block(struct cdb_list_writer *writer);
void cdb_list_end_chunk(struct cdb_list_writer *writer);

/* The next document, which must be above the one before, and its norms, which matter only in lists of more than
 * CDB_FT_BLOCK documents. Its positions follow, at least one, unless there are documents only. 0, or CHRONDB_ESYSTEM.
 */
static inline int cdb_list_doc(struct cdb_list_writer *writer, uint32_t doc, unsigned char field_norm,
                               unsigned char unnamed_norm)
{
    int result = writer->filled == CDB_FT_BLOCK ? cdb_list_end_block(writer) : 0;
    uint32_t at = writer->filled++;

    writer->gaps[at] = doc - writer->before;
    writer->freqs[at] = 0;
    writer->field_norms[at] = field_norm;
    writer->unnamed_norms[at] = unnamed_norm;
    writer->before = doc + 1;
    writer->df++;
    return result;
}

/* The position less the one before in the document less 1; the first one as it is. */
static inline void cdb_list_gap(struct cdb_list_writer *writer, uint64_t gap)
{
    writer->freqs[writer->filled - 1]++;
    writer->chunk[writer->chunk_filled++] = gap;
    if (writer->chunk_filled == CDB_FT_CHUNK)
        cdb_list_end_chunk(writer);
}

/* The value for the dictionary. The list is not empty. 0, or CHRONDB_ESYSTEM. */
int cdb_list_end(struct cdb_list_writer *writer, unsigned char value[CDB_LIST_VALUE_MAX], size_t *len);

#endif
