/* SPDX-License-Identifier: MIT
 *
 * Positions: chunks of packed numbers. */
#include "index/ft_positions.h"

#include <string.h>

#include "index/bytes.h"
#include "index/ft_inside.h"

/* Remember an error; there are no more positions. */
static void fail(struct cdb_ft_positions *positions)
{
    cdb_index_set_damaged("the positions of a word are not what was written");
    positions->left = 0;
    positions->postings->result = CHRONDB_EDAMAGED;
}

/* Look at the chunk at `at`, which begins with position number `first`. */
static bool get_chunk(struct cdb_ft_postings *p, uint64_t first, const unsigned char *at)
{
    struct cdb_ft_chunk *chunk = &p->chunk;
    size_t len;

    if (at >= p->chunks_end || first > p->all)
        return false;
    chunk->first = first;
    chunk->count = p->all - first < CDB_FT_CHUNK ? (uint32_t)(p->all - first) : CDB_FT_CHUNK;
    chunk->width = *at++;
    if (chunk->width == CDB_FT_CHUNK_BYTES) {
        if (p->chunks_end - at < 2)
            return false;
        len = cdb_le_get16(at);
        at += 2;
    } else {
        len = ((size_t)chunk->count * chunk->width + 7) / 8;
        if (chunk->width > 32 || (chunk->width == 0 && first >= CDB_FT_CHUNK_ZEROS * CDB_FT_CHUNK))
            return false;
    }
    if (len > (size_t)(p->chunks_end - at))
        return false;
    chunk->data = at;
    chunk->end = at + len;
    return true;
}

/* The block's chunks become known. */
static bool find_chunks(struct cdb_ft_postings *p)
{
    const uint32_t *freqs = cdb_ft_block_freqs(p);

    p->summed = 0;
    p->sum = p->all = 0;
    for (uint32_t i = 0; i < p->count; i++)
        p->all += freqs[i];
    if (cdb_ft_find_chunks(p, &p->chunks, &p->chunks_end) && get_chunk(p, 0, p->chunks))
        return true;
    p->chunks = NULL;
    return false;
}

/* The postings' chunk becomes the one with position number `number` of the block. */
static bool seek_chunk(struct cdb_ft_postings *p, uint64_t number)
{
    if (number < p->chunk.first && !get_chunk(p, 0, p->chunks))
        return false;
    while (number - p->chunk.first >= p->chunk.count)
        if (p->chunk.count < CDB_FT_CHUNK || !get_chunk(p, p->chunk.first + CDB_FT_CHUNK, p->chunk.end))
            return false;
    return true;
}

/* Go on at position number `number`, which is in the postings' chunk. */
static bool enter_chunk(struct cdb_ft_positions *positions, uint64_t number)
{
    const struct cdb_ft_postings *p = positions->postings;
    const struct cdb_pages *pages = &p->segment->pages;
    uint32_t before = (uint32_t)(number - p->chunk.first);
    uint64_t value;

    positions->at = p->chunk.data;
    positions->end = p->chunk.end;
    positions->width = p->chunk.width;
    positions->next_chunk = p->chunk.first + p->chunk.count;
    positions->quick = positions->slow = 0;
    if (positions->width <= 32) {
        positions->bit = (uint64_t)before * positions->width;
        /* 8 bytes are read for each. */
        if (pages->content + pages->len - p->chunk.end >= 8)
            positions->quick = p->chunk.count - before;
        else
            positions->slow = p->chunk.count - before;
        return true;
    }
    positions->slow = p->chunk.count - before;
    for (; before > 0; before--)
        if (!cdb_varint_get(&positions->at, p->chunk.end, &value))
            return false;
    return true;
}

void cdb_ft_positions(struct cdb_ft_positions *positions, struct cdb_ft_postings *postings)
{
    struct cdb_ft_postings *p = postings;

    positions->postings = p;
    positions->left = 0;
    positions->position = 0;
    positions->started = 0;
    if (p->count == 0 || !p->has_freqs || p->result != 0)
        return;
    if (p->chunks == NULL && !find_chunks(p)) {
        fail(positions);
        return;
    }
    if (p->at < p->summed) {
        p->summed = 0;
        p->sum = 0;
    }
    for (; p->summed < p->at; p->summed++)
        p->sum += p->freqs[p->summed];
    positions->left = p->freqs[p->at];
    if ((p->sum - p->chunk.first >= p->chunk.count && !seek_chunk(p, p->sum)) || !enter_chunk(positions, p->sum))
        fail(positions);
}

/* Of the last bytes of a file. */
static uint64_t get_bits(const struct cdb_ft_positions *positions)
{
    const unsigned char *at = positions->at + positions->bit / 8;
    uint64_t bits = 0;

    for (unsigned i = 0; i < 8 && at + i < positions->end; i++)
        bits |= (uint64_t)at[i] << 8 * i;
    return bits >> positions->bit % 8 & ((UINT64_C(1) << positions->width) - 1);
}

bool cdb_ft_gap_slow(struct cdb_ft_positions *positions, uint64_t *gap)
{
    struct cdb_ft_postings *p = positions->postings;

    if (positions->slow == 0) {
        if (!seek_chunk(p, positions->next_chunk) || !enter_chunk(positions, positions->next_chunk)) {
            fail(positions);
            return false;
        }
        if (positions->quick > 0)
            return cdb_ft_gap_next(positions, gap);
    }
    if (positions->width <= 32) {
        *gap = get_bits(positions);
        positions->bit += positions->width;
    } else if (!cdb_varint_get(&positions->at, positions->end, gap) || *gap > INT64_MAX) {
        fail(positions);
        return false;
    }
    positions->slow--;
    positions->left--;
    return true;
}
