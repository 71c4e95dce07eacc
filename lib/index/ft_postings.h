/* SPDX-License-Identifier: MIT
 *
 * The documents of a term (or form) in a leaf field, in ascending order, with frequencies, positions, and bounds for
 * what they can score.
 *
 * Postings are in blocks of 128 (the last one may have fewer), bit-packed in four interleaved streams so that the
 * compiler makes SIMD of it (Lemire, Boytsov: "Decoding billions of integers per second through vectorization", 2015),
 * with exceptions patched in (Zukowski et al., PFOR, 2006). Lists of several blocks have a table of the blocks, so that
 * advancing is a binary search and one block. IMPACTS are the pairs (frequency, norm) of a block that no other pair of
 * it beats in both: a score that grows with the frequency and falls with the length has its maximum at one of them
 * (Ding, Suel: "Faster top-k document retrieval using block-max indexes", 2011; as in Lucene 8). */
#ifndef CDB_INDEX_FT_POSTINGS_H
#define CDB_INDEX_FT_POSTINGS_H

#include <stdalign.h>

#include "index/ft_segment.h"
#include "index/packed.h"

#define CDB_FT_BLOCK   128
#define CDB_FT_IMPACTS 8 /* pairs at most */

struct cdb_ft_impact {
    uint32_t freq;      /* at most this often ... */
    unsigned char norm; /* ... in a document at least so long (its byte) */
};

/* At a document, at the end, or damaged. Large (1.5 KB); holds no resources; may not be moved while in use. */
struct cdb_ft_postings {
    uint32_t doc;            /* the current document; CDB_FT_END: before the first call of next or advance too */
    uint32_t df;             /* of the whole list */
    uint32_t at;             /* its place in the block (apart from `doc`: one store for both is slow to read back) */
    uint32_t block_count;    /* of the whole list */
    uint32_t count;          /* documents of the current block; 0: before the first, and at the end */
    uint32_t blocks_decoded; /* so far, for explaining */
    int result;              /* 0, or CHRONDB_EDAMAGED: then doc is CDB_FT_END for ever. Look at it when it says END. */
    bool has_freqs;          /* else all frequencies are 1, and there are no positions */

    /* private: */
    bool freqs_ready;
    uint32_t next;                   /* the block behind the current one */
    uint32_t decoded, decoded_count; /* what docs holds: the number of a block; how many */
    uint32_t shallow;                /* the block that cdb_ft_shallow chose */
    const struct cdb_ft_segment *segment;
    const unsigned char *data;  /* of one block: the list */
    const unsigned char *lasts; /* of several: the table; then its rows */
    size_t row_size;
    uint64_t blocks_len, impacts_len;         /* of several */
    const unsigned char *freq_at, *block_end; /* in the decoded block: its frequencies; of its bytes */
    const unsigned char *chunks, *chunks_end; /* the block's positions; NULL: not looked for yet */
    uint32_t summed;                          /* how many documents of the block are in `sum`, */
    uint64_t sum, all;                        /* which is their number of positions; and that of all of the block */
    struct cdb_ft_chunk {
        uint64_t first; /* the number of its first position in the block */
        uint32_t count;
        unsigned width;
        const unsigned char *data, *end;
    } chunk; /* one of them */
    struct cdb_ft_entry entry;
    alignas(16) uint32_t docs[CDB_FT_BLOCK];
    alignas(16) uint32_t freqs[CDB_FT_BLOCK];
};

/* Before the first document. `entry` is copied, the segment borrowed. 0, or CHRONDB_EDAMAGED. */
int cdb_ft_postings_open(struct cdb_ft_postings *postings, const struct cdb_ft_segment *segment,
                         const struct cdb_ft_entry *entry);

/* ---- one document after the other ---- */

uint32_t cdb_ft_next_block(struct cdb_ft_postings *postings);
uint32_t cdb_ft_advance_slow(struct cdb_ft_postings *postings, uint32_t target);
void cdb_ft_load_freqs(struct cdb_ft_postings *postings);

/* To the next document: returns it, or CDB_FT_END. */
static inline uint32_t cdb_ft_next(struct cdb_ft_postings *postings)
{
    if (postings->at + 1 < postings->count)
        return postings->doc = postings->docs[++postings->at];
    return cdb_ft_next_block(postings);
}

/* To the first document at or after `target`, never backward: returns it, or CDB_FT_END. O(log blocks). */
static inline uint32_t cdb_ft_advance(struct cdb_ft_postings *postings, uint32_t target)
{
    if (postings->count != 0 && postings->doc >= target)
        return postings->doc;
    return cdb_ft_advance_slow(postings, target);
}

/* How often the term is in the current document; at least 1. Decoded for the block when first asked for. */
static inline uint32_t cdb_ft_freq(struct cdb_ft_postings *postings)
{
    if (!postings->freqs_ready)
        cdb_ft_load_freqs(postings);
    return postings->freqs[postings->at];
}

/* ---- block by block ----
 *
 * cdb_ft_next_block decodes the block after the current one (the first one at first), and returns its first document;
 * docs[0 .. count - 1] are its documents, and after cdb_ft_block_freqs freqs[...] their frequencies. In the current
 * block docs[at .. count - 1] are what is left, the current document included. To go on in the middle of a block, call
 * cdb_ft_advance. */

static inline const uint32_t *cdb_ft_block_freqs(struct cdb_ft_postings *postings)
{
    if (!postings->freqs_ready)
        cdb_ft_load_freqs(postings);
    return postings->freqs;
}

/* ---- bounds, without decoding ---- */

/* Look (without moving) at the block that would hold the first document at or after `target` (which must not fall below
 * a target before it, or the current document): *last is its last document, and cdb_ft_impacts tells what its documents
 * can score. CDB_FT_END if there is no such block. Documents from target (or the last document of the block before) to
 * *last are bounded by the impacts. Does not move the postings: cdb_ft_advance does. */
int cdb_ft_shallow(struct cdb_ft_postings *postings, uint32_t target, uint32_t *last);

/* The impacts of the block that cdb_ft_shallow chose, by descending frequency and so descending norm; at least one.
 * `unnamed`: with the norms of the unnamed field, else of the posting's own (leaf) field, which are never more than
 * those of a path above it. */
int cdb_ft_impacts(struct cdb_ft_postings *postings, bool unnamed, struct cdb_ft_impact out[CDB_FT_IMPACTS],
                   size_t *count);
/* The same of the whole list. May be called at any time. */
int cdb_ft_list_impacts(struct cdb_ft_postings *postings, bool unnamed, struct cdb_ft_impact out[CDB_FT_IMPACTS],
                        size_t *count);

/* ---- positions ---- */

/* Those of the current document, ascending. Valid until the postings move. Where in the order of a document's scalars
 * of the field the tokens are: from 0, and CDB_POSITION_GAP more from one scalar to the next. 64 bits: a document can
 * have that many scalars. */
struct cdb_ft_positions {
    uint64_t position; /* after cdb_ft_position_next */
    uint32_t left;     /* how many come */

    /* private: */
    unsigned started; /* 1 behind the first */
    uint32_t quick;   /* so many of the chunk can be read without looking further */
    uint32_t slow;    /* or so many, looking */
    unsigned width;
    uint64_t bit;                  /* where the next one is, */
    const unsigned char *at, *end; /* from here (slow: the next varint); the chunk's end */
    uint64_t next_chunk;           /* the number of the position behind the chunk */
    struct cdb_ft_postings *postings;
};

/* Of the document that the postings are at, which must have frequencies. Costs a decoded block of frequencies, and in
 * some blocks O(positions before it in the block). After damage there are none, and postings->result is set. */
void cdb_ft_positions(struct cdb_ft_positions *positions, struct cdb_ft_postings *postings);

/* As cdb_ft_gap_next, where it is not quick. */
bool cdb_ft_gap_slow(struct cdb_ft_positions *positions, uint64_t *gap);

/* The next position as it is in the file: less the one before in the document less 1; the first one as it is. False at
 * the end. */
static inline bool cdb_ft_gap_next(struct cdb_ft_positions *positions, uint64_t *gap)
{
    if (positions->left == 0)
        return false;
    if (positions->quick == 0)
        return cdb_ft_gap_slow(positions, gap);
    positions->quick--;
    positions->left--;
    *gap = cdb_packed_at(positions->at, positions->bit, positions->width);
    positions->bit += positions->width;
    return true;
}

/* False at the end. */
static inline bool cdb_ft_position_next(struct cdb_ft_positions *positions)
{
    uint64_t gap;

    if (!cdb_ft_gap_next(positions, &gap))
        return false;
    positions->position += gap + positions->started;
    positions->started = 1;
    return true;
}

#endif
