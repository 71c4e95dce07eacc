/* SPDX-License-Identifier: MIT */
#include "index/ft_postings.h"

#include <string.h>

#include "index/bytes.h"
#include "index/ft_impacts.h"
#include "index/ft_inside.h"
#include "index/ft_pack.h"
#include "index/ft_positions.h"

_Static_assert(CDB_FT_BLOCK == CDB_PACK_COUNT, "a block is what is packed at once");

#define NO_BLOCK UINT32_MAX

static int bad_list(void)
{
    return cdb_index_damaged("the postings of a word are not what was written");
}

/* Remember an error, and end. */
static uint32_t fail(struct cdb_ft_postings *postings)
{
    postings->result = CHRONDB_EDAMAGED;
    postings->count = postings->at = 0;
    postings->next = postings->block_count;
    return postings->doc = CDB_FT_END;
}

/* ---- opening ------------------------------------------------------------------------------------ */

/* The table of the blocks, which ends the list. */
static int open_table(struct cdb_ft_postings *p)
{
    uint64_t table = (uint64_t)p->block_count * (CDB_FT_SKIP_LAST + p->row_size), len = p->entry.len, offset;
    const unsigned char *tail;

    if (table + CDB_FT_LIST_TAIL > len)
        return bad_list();
    offset = p->entry.offset + len - table - CDB_FT_LIST_TAIL;
    tail = cdb_ft_get(p->segment, CDB_FT_POSTINGS, offset, table + CDB_FT_LIST_TAIL);
    if (tail == NULL)
        return CHRONDB_EDAMAGED;
    p->lasts = tail;
    p->blocks_len = cdb_le_get64(tail + table);
    if (p->blocks_len > len - table - CDB_FT_LIST_TAIL)
        return bad_list();
    p->impacts_len = len - table - CDB_FT_LIST_TAIL - p->blocks_len;
    return 0;
}

int cdb_ft_postings_open(struct cdb_ft_postings *postings, const struct cdb_ft_segment *segment,
                         const struct cdb_ft_entry *entry)
{
    struct cdb_ft_postings *p = postings;

    memset(p, 0, offsetof(struct cdb_ft_postings, docs));
    p->doc = CDB_FT_END;
    p->df = entry->df;
    p->block_count = (entry->df - 1) / CDB_FT_BLOCK + 1;
    p->has_freqs = entry->has_freqs;
    p->decoded = NO_BLOCK;
    p->segment = segment;
    p->entry = *entry;
    if (!entry->has_freqs) {
        for (size_t i = 0; i < CDB_FT_BLOCK; i++)
            p->freqs[i] = 1;
        p->freqs_ready = true;
    }
    if (p->block_count > 1) {
        p->row_size = p->has_freqs ? CDB_FT_SKIP_FREQS : CDB_FT_SKIP_DOCUMENTS;
        p->result = open_table(p);
    } else {
        p->data =
            entry->inlined != NULL ? entry->inlined : cdb_ft_get(segment, CDB_FT_POSTINGS, entry->offset, entry->len);
        p->result = p->data == NULL ? CHRONDB_EDAMAGED : 0;
    }
    if (p->result != 0)
        fail(p);
    return p->result;
}

/* ---- decoding ----------------------------------------------------------------------------------- */

static uint32_t last_of(const struct cdb_ft_postings *postings, uint32_t block)
{
    return cdb_le_get32(postings->lasts + (size_t)block * CDB_FT_SKIP_LAST);
}

static uint64_t get48(const unsigned char *p)
{
    return cdb_le_get32(p) | (uint64_t)cdb_le_get16(p + 4) << 32;
}

static const unsigned char *row_of(const struct cdb_ft_postings *postings, uint32_t block)
{
    return postings->lasts + (size_t)postings->block_count * CDB_FT_SKIP_LAST + block * postings->row_size;
}

/* The bytes of a block; of the only one with what follows it. */
static bool find_block(struct cdb_ft_postings *p, uint32_t block, const unsigned char **at, const unsigned char **end)
{
    uint64_t from, to;

    if (p->block_count == 1) {
        *at = p->data;
        *end = p->data + p->entry.len;
        return true;
    }
    from = get48(row_of(p, block));
    to = block + 1 < p->block_count ? get48(row_of(p, block + 1)) : p->blocks_len;
    if (from > to || to > p->blocks_len) {
        bad_list();
        return false;
    }
    *at = cdb_ft_get(p->segment, CDB_FT_POSTINGS, p->entry.offset + from, to - from);
    *end = *at != NULL ? *at + (to - from) : NULL;
    return *at != NULL;
}

/* A short block: varints. */
static bool decode_short(struct cdb_ft_postings *p, const unsigned char *at, const unsigned char *end, uint64_t before,
                         uint32_t count)
{
    uint32_t docs = p->segment->info.docs;
    uint64_t gap, more;

    for (uint32_t i = 0; i < count; i++) {
        if (!cdb_varint_get(&at, end, &gap))
            return false;
        if (p->has_freqs) {
            more = 0;
            if ((gap & 1) == 0 && (!cdb_varint_get(&at, end, &more) || more > INT32_MAX))
                return false;
            p->freqs[i] = (gap & 1) != 0 ? 1 : (uint32_t)more + 2;
            gap >>= 1;
        }
        if (gap >= docs - before)
            return false;
        before += gap;
        p->docs[i] = (uint32_t)before++;
    }
    p->freqs_ready = true;
    p->block_end = at;
    return true;
}

static bool decode_full(struct cdb_ft_postings *p, const unsigned char *at, const unsigned char *end, uint64_t before)
{
    if (!cdb_pack_get(&at, end, p->docs) || !cdb_pack_sum(p->docs, (uint32_t)before - 1) || p->docs[0] < before)
        return false;
    p->freq_at = at;
    p->block_end = end;
    p->freqs_ready = !p->has_freqs;
    return p->docs[CDB_FT_BLOCK - 1] < p->segment->info.docs;
}

/* docs becomes that of the block. False, with the error set, if it is damaged. */
static bool decode(struct cdb_ft_postings *p, uint32_t block)
{
    uint64_t before = block > 0 ? (uint64_t)last_of(p, block - 1) + 1 : 0;
    uint32_t left = p->df - block * CDB_FT_BLOCK;
    const unsigned char *at, *end;

    p->decoded = NO_BLOCK;
    p->chunks = NULL;
    if (!find_block(p, block, &at, &end))
        return false;
    if (before >= p->segment->info.docs ||
        !(left < CDB_FT_BLOCK ? decode_short(p, at, end, before, left) : decode_full(p, at, end, before))) {
        bad_list();
        return false;
    }
    p->decoded_count = left < CDB_FT_BLOCK ? left : CDB_FT_BLOCK;
    if (p->block_count > 1 && p->docs[p->decoded_count - 1] != last_of(p, block)) {
        bad_list();
        return false;
    }
    p->decoded = block;
    p->blocks_decoded++;
    return true;
}

void cdb_ft_load_freqs(struct cdb_ft_postings *postings)
{
    const unsigned char *at = postings->freq_at;
    uint32_t any = 0;
    bool ok = at != NULL && cdb_pack_get(&at, postings->block_end, postings->freqs);

    for (size_t i = 0; i < CDB_FT_BLOCK; i++) {
        if (!ok)
            postings->freqs[i] = 0;
        any |= postings->freqs[i]++;
    }
    postings->freqs_ready = true;
    if (!ok || any > INT32_MAX) {
        for (size_t i = 0; i < CDB_FT_BLOCK; i++)
            postings->freqs[i] = 1;
        bad_list();
        postings->result = CHRONDB_EDAMAGED;
    }
    postings->block_end = at;
}

/* ---- moving ------------------------------------------------------------------------------------- */

static uint32_t end(struct cdb_ft_postings *postings)
{
    postings->count = postings->at = 0;
    postings->next = postings->block_count;
    return postings->doc = CDB_FT_END;
}

/* To the beginning of a block. */
static bool enter(struct cdb_ft_postings *p, uint32_t block)
{
    if (p->decoded != block && !decode(p, block)) {
        fail(p);
        return false;
    }
    p->next = block + 1;
    p->count = p->decoded_count;
    p->at = 0;
    p->doc = p->docs[0];
    return true;
}

uint32_t cdb_ft_next_block(struct cdb_ft_postings *postings)
{
    if (postings->result != 0 || postings->next >= postings->block_count)
        return end(postings);
    enter(postings, postings->next);
    return postings->doc;
}

/* The first block from `block` on whose last document is not below the target, or block_count. Gallops. */
static uint32_t seek_block(const struct cdb_ft_postings *p, uint32_t block, uint32_t target)
{
    uint32_t step = 1, high = block;

    while (high < p->block_count && last_of(p, high) < target) {
        block = high + 1;
        high = p->block_count - high > step ? high + step : p->block_count;
        step *= 2;
    }
    while (block < high) {
        uint32_t middle = block + (high - block) / 2;

        if (last_of(p, middle) < target)
            block = middle + 1;
        else
            high = middle;
    }
    return block;
}

/* So many documents are looked at all at once first. */
#define NEAR 8

/* To the first document of the current block, from `at` on, that is not below the target; the last one is not. */
static uint32_t seek_doc(struct cdb_ft_postings *p, uint32_t target)
{
    const uint32_t *at = p->docs + p->at;
    uint32_t left = p->count - p->at, below = 0;

    if (left > 1 && at[1] >= target) {
        p->at += at[0] < target;
        return p->doc = p->docs[p->at];
    }
    if (left > NEAR && at[NEAR - 1] >= target) {
        for (uint32_t i = 0; i < NEAR; i++)
            below += at[i] < target;
        p->at += below;
        return p->doc = at[below];
    }
    while (left > 1) { /* no branch depends on the documents */
        uint32_t half = left / 2;

        at += at[half - 1] < target ? half : 0;
        left -= half;
    }
    p->at = (uint32_t)(at - p->docs);
    return p->doc = *at;
}

uint32_t cdb_ft_advance_slow(struct cdb_ft_postings *postings, uint32_t target)
{
    struct cdb_ft_postings *p = postings;

    if (p->result != 0)
        return end(p);
    if (p->count == 0 || p->docs[p->count - 1] < target) {
        uint32_t block = p->block_count > 1 ? seek_block(p, p->next, target) : p->next;

        if (block >= p->block_count)
            return end(p);
        if (!enter(p, block))
            return CDB_FT_END;
        if (p->docs[p->count - 1] < target)
            return end(p);
    }
    return seek_doc(p, target);
}

/* ---- bounds ------------------------------------------------------------------------------------- */

int cdb_ft_shallow(struct cdb_ft_postings *postings, uint32_t target, uint32_t *last)
{
    struct cdb_ft_postings *p = postings;
    uint32_t from = p->count > 0 ? p->next - 1 : p->next;

    *last = CDB_FT_END;
    if (p->result != 0)
        return p->result;
    if (p->block_count > 1) {
        p->shallow = seek_block(p, p->shallow > from ? p->shallow : from, target);
        if (p->shallow < p->block_count)
            *last = last_of(p, p->shallow);
        return 0;
    }
    p->shallow = 0;
    if (p->decoded != 0 && !decode(p, 0)) {
        fail(p);
        return p->result;
    }
    if (from == 0 && p->docs[p->decoded_count - 1] >= target)
        *last = p->docs[p->decoded_count - 1];
    return 0;
}

/* Of lists with one block, which have none in the file. */
static int make_impacts(struct cdb_ft_postings *p, bool unnamed, struct cdb_impacts *out)
{
    unsigned char norms[CDB_FT_BLOCK];
    struct cdb_ft_norms field;
    int result = 0;

    if (p->decoded != 0 && !decode(p, 0)) {
        fail(p);
        return p->result;
    }
    result = cdb_ft_norms_open(&field, p->segment, unnamed ? 0 : p->entry.field);
    if (result == 0)
        result = cdb_ft_norms_get(&field, p->docs, p->decoded_count, norms);
    if (result == 0) {
        cdb_impacts_of(out, cdb_ft_block_freqs(p), norms, p->decoded_count);
        result = p->result;
    }
    return result;
}

static int read_impacts(struct cdb_ft_postings *p, uint64_t offset, bool unnamed, struct cdb_impacts *out)
{
    uint64_t left = offset <= p->impacts_len ? p->impacts_len - offset : 0;
    uint64_t len = left < CDB_IMPACTS_MAX ? left : CDB_IMPACTS_MAX;
    const unsigned char *at = cdb_ft_get(p->segment, CDB_FT_POSTINGS, p->entry.offset + p->blocks_len + offset, len);
    const unsigned char *stop;

    if (at == NULL)
        return CHRONDB_EDAMAGED;
    stop = at + len;
    if (!cdb_impacts_get(&at, stop, out) || (unnamed && !cdb_impacts_get(&at, stop, out)))
        return bad_list();
    return 0;
}

static int get_impacts(struct cdb_ft_postings *p, bool whole, bool unnamed, struct cdb_ft_impact *pairs, size_t *count)
{
    struct cdb_impacts impacts = {.pairs = {{1, 0}}, .count = 1};
    int result = p->result;

    *count = 0;
    if (result == 0 && p->has_freqs) {
        if (p->block_count == 1)
            result = make_impacts(p, unnamed, &impacts);
        else if (whole)
            result = read_impacts(p, 0, unnamed, &impacts);
        else if (p->shallow < p->block_count)
            result = read_impacts(p, cdb_le_get32(row_of(p, p->shallow) + 12), unnamed, &impacts);
        else
            result = bad_list();
    }
    if (result != 0)
        return result;
    memcpy(pairs, impacts.pairs, impacts.count * sizeof(*pairs));
    *count = impacts.count;
    return 0;
}

int cdb_ft_impacts(struct cdb_ft_postings *postings, bool unnamed, struct cdb_ft_impact out[CDB_FT_IMPACTS],
                   size_t *count)
{
    return get_impacts(postings, false, unnamed, out, count);
}

int cdb_ft_list_impacts(struct cdb_ft_postings *postings, bool unnamed, struct cdb_ft_impact out[CDB_FT_IMPACTS],
                        size_t *count)
{
    return get_impacts(postings, true, unnamed, out, count);
}

/* ---- where the positions are -------------------------------------------------------------------- */

bool cdb_ft_find_chunks(struct cdb_ft_postings *postings, const unsigned char **at, const unsigned char **end)
{
    struct cdb_ft_postings *p = postings;
    uint64_t from = 0, to = p->entry.positions_len;

    if (!p->entry.apart) { /* behind the block */
        cdb_ft_block_freqs(p);
        *at = p->block_end;
        *end = p->data + p->entry.len;
        return p->result == 0;
    }
    if (p->block_count > 1) {
        uint32_t block = p->next - 1;

        from = get48(row_of(p, block) + 6);
        if (block + 1 < p->block_count)
            to = get48(row_of(p, block + 1) + 6);
    }
    if (from > to || to > p->entry.positions_len) {
        bad_list();
        return false;
    }
    *at = cdb_ft_get(p->segment, CDB_FT_POSITIONS, p->entry.positions + from, to - from);
    *end = *at != NULL ? *at + (to - from) : NULL;
    return *at != NULL;
}
