/* SPDX-License-Identifier: MIT */
#include "index/ft_list.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_pack.h"
#include "util/array.h"
#include "util/error.h"

/* Positions of a list with one block that are no more stay with it. */
#define SMALL_MAX 4096
/* Lists that are no longer are in the dictionary. */
#define INLINE_MAX 16

#define BLOCK_BYTES_MAX (2 * CDB_PACK_MAX + (size_t)CDB_FT_BLOCK * 2 * CDB_VARINT_MAX)
#define CHUNK_BYTES_MAX (3 + (size_t)CDB_FT_CHUNK * CDB_VARINT_MAX + 8)

void cdb_list_writer_init(struct cdb_list_writer *writer, struct cdb_sink *postings, struct cdb_sink *positions)
{
    memset(writer, 0, sizeof(*writer));
    writer->postings = postings;
    writer->positions = positions;
    writer->postings_start = cdb_sink_size(postings);
    writer->positions_start = cdb_sink_size(positions);
}

void cdb_list_writer_release(struct cdb_list_writer *writer)
{
    free(writer->blocks);
    cdb_buf_release(&writer->small);
    cdb_buf_release(&writer->impacts);
    writer->blocks = NULL;
    writer->block_room = 0;
}

static void begin_block(struct cdb_list_writer *writer)
{
    writer->filled = 0;
    writer->chunks = 0;
    writer->block_positions = writer->apart ? cdb_sink_size(writer->positions) - writer->positions_offset : 0;
}

void cdb_list_begin(struct cdb_list_writer *writer, bool documents_only)
{
    writer->documents_only = documents_only;
    writer->apart = writer->is_form = false;
    writer->df = writer->before = 0;
    writer->total = 0;
    writer->offset = cdb_sink_size(writer->postings);
    writer->positions_offset = cdb_sink_size(writer->positions);
    writer->block_count = 0;
    writer->chunk_filled = 0;
    cdb_buf_clear(&writer->small);
    cdb_buf_clear(&writer->impacts);
    writer->field_impacts.count = writer->unnamed_impacts.count = 0;
    begin_block(writer);
}

/* ---- positions ---------------------------------------------------------------------------------- */

/* The positions are in their own section from now on. */
static void set_apart(struct cdb_list_writer *writer)
{
    if (writer->apart)
        return;
    writer->apart = true;
    if (writer->small.len > 0)
        cdb_sink_add(writer->positions, writer->small.ptr, writer->small.len);
    cdb_buf_clear(&writer->small);
}

static unsigned char *put_packed(unsigned char *p, const uint64_t *values, size_t count, unsigned width)
{
    uint64_t bits = 0;
    unsigned used = 0;

    *p++ = (unsigned char)width;
    for (size_t i = 0; i < count; i++) {
        bits |= values[i] << used;
        used += width;
        for (; used >= 8; used -= 8, bits >>= 8)
            *p++ = (unsigned char)bits;
    }
    if (used > 0)
        *p++ = (unsigned char)bits;
    return p;
}

static unsigned char *put_varints(unsigned char *p, const uint64_t *values, size_t count)
{
    unsigned char *head = p;

    p += 3;
    for (size_t i = 0; i < count; i++)
        p = cdb_varint_put(p, values[i]);
    head[0] = CDB_FT_CHUNK_BYTES;
    cdb_le_put16(head + 1, (uint32_t)(p - head - 3));
    return p;
}

void cdb_list_end_chunk(struct cdb_list_writer *writer)
{
    unsigned char bytes[CHUNK_BYTES_MAX], *end;
    size_t count = writer->chunk_filled, varints = 2;
    unsigned width;
    uint64_t any = 0;

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        any |= writer->chunk[i];
        varints += 1 + (writer->chunk[i] == 0 ? 0 : (63 - (unsigned)__builtin_clzll(writer->chunk[i])) / 7);
    }
    width = any == 0 ? 0 : 64 - (unsigned)__builtin_clzll(any);
    if (width == 0 && writer->chunks >= CDB_FT_CHUNK_ZEROS)
        width = 1;
    if (width <= 32 && (count * width + 7) / 8 <= varints)
        end = put_packed(bytes, writer->chunk, count, width);
    else
        end = put_varints(bytes, writer->chunk, count);
    if (writer->apart)
        cdb_sink_add(writer->positions, bytes, (size_t)(end - bytes));
    else
        cdb_buf_add(&writer->small, bytes, (size_t)(end - bytes));
    if (writer->small.len > SMALL_MAX)
        set_apart(writer);
    writer->chunk_filled = 0;
    writer->chunks += writer->chunks < CDB_FT_CHUNK_ZEROS;
}

/* ---- blocks ------------------------------------------------------------------------------------- */

static unsigned char *put_full(const struct cdb_list_writer *writer, unsigned char *p)
{
    alignas(16) uint32_t freqs[CDB_FT_BLOCK];

    p = cdb_pack_put(p, writer->gaps);
    if (writer->documents_only)
        return p;
    for (size_t i = 0; i < CDB_FT_BLOCK; i++)
        freqs[i] = writer->freqs[i] - 1;
    return cdb_pack_put(p, freqs);
}

static unsigned char *put_short(const struct cdb_list_writer *writer, unsigned char *p)
{
    for (size_t i = 0; i < writer->filled; i++) {
        uint64_t gap = writer->gaps[i];

        if (writer->documents_only) {
            p = cdb_varint_put(p, gap);
        } else {
            p = cdb_varint_put(p, gap * 2 + (writer->freqs[i] == 1));
            if (writer->freqs[i] != 1)
                p = cdb_varint_put(p, writer->freqs[i] - 2);
        }
    }
    return p;
}

static unsigned char *put_block(const struct cdb_list_writer *writer, unsigned char *p)
{
    return writer->filled == CDB_FT_BLOCK ? put_full(writer, p) : put_short(writer, p);
}

static void add_impacts(struct cdb_list_writer *writer)
{
    unsigned char bytes[CDB_IMPACTS_MAX], *p = bytes;
    struct cdb_impacts impacts;

    cdb_impacts_of(&impacts, writer->freqs, writer->field_norms, writer->filled);
    cdb_impacts_add(&writer->field_impacts, &impacts);
    p = cdb_impacts_put(p, &impacts);
    cdb_impacts_of(&impacts, writer->freqs, writer->unnamed_norms, writer->filled);
    cdb_impacts_add(&writer->unnamed_impacts, &impacts);
    p = cdb_impacts_put(p, &impacts);
    cdb_buf_add(&writer->impacts, bytes, (size_t)(p - bytes));
}

/* Write the block, of a list of several. */
int cdb_list_end_block(struct cdb_list_writer *writer)
{
    unsigned char bytes[BLOCK_BYTES_MAX];
    struct cdb_list_block *block;
    int result = cdb_array_grow(&writer->blocks, &writer->block_room, writer->block_count, sizeof(*block));

    if (result != 0)
        return result;
    cdb_list_end_chunk(writer);
    if (!writer->documents_only)
        set_apart(writer);
    block = &writer->blocks[writer->block_count++];
    *block = (struct cdb_list_block){writer->before - 1, (uint32_t)writer->impacts.len,
                                     cdb_sink_size(writer->postings) - writer->offset, writer->block_positions};
    cdb_sink_add(writer->postings, bytes, (size_t)(put_block(writer, bytes) - bytes));
    for (size_t i = 0; i < writer->filled; i++)
        writer->total += writer->freqs[i];
    if (!writer->documents_only)
        add_impacts(writer);
    begin_block(writer);
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------------ */

static void put48(unsigned char *p, uint64_t value)
{
    cdb_le_put32(p, (uint32_t)value);
    cdb_le_put16(p + 4, (uint32_t)(value >> 32));
}

/* Behind the blocks: the impacts, the table, the length of the blocks. */
static int add_table(struct cdb_list_writer *writer)
{
    uint64_t len = cdb_sink_size(writer->postings) - writer->offset;
    unsigned char bytes[CDB_IMPACTS_MAX], *p = bytes;
    size_t whole;

    if (writer->impacts.len > UINT32_MAX - sizeof(bytes) || len >> 48 != 0 ||
        (cdb_sink_size(writer->positions) - writer->positions_offset) >> 48 != 0)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large",
                         "a word is in too many documents for one segment of the "
                         "index");
    if (!writer->documents_only) {
        p = cdb_impacts_put(p, &writer->field_impacts);
        p = cdb_impacts_put(p, &writer->unnamed_impacts);
        cdb_sink_add(writer->postings, bytes, (size_t)(p - bytes));
        cdb_sink_add(writer->postings, writer->impacts.ptr, writer->impacts.len);
    }
    whole = (size_t)(p - bytes);
    for (size_t i = 0; i < writer->block_count; i++) {
        cdb_le_put32(bytes, writer->blocks[i].last);
        cdb_sink_add(writer->postings, bytes, CDB_FT_SKIP_LAST);
    }
    for (size_t i = 0; i < writer->block_count; i++) {
        const struct cdb_list_block *block = &writer->blocks[i];

        put48(bytes, block->offset);
        put48(bytes + 6, block->positions);
        cdb_le_put32(bytes + 12, block->impacts + (uint32_t)whole);
        cdb_sink_add(writer->postings, bytes, writer->documents_only ? CDB_FT_SKIP_DOCUMENTS : CDB_FT_SKIP_FREQS);
    }
    cdb_le_put64(bytes, len);
    cdb_sink_add(writer->postings, bytes, CDB_FT_LIST_TAIL);
    return cdb_buf_check(&writer->impacts);
}

static unsigned char *put_head(const struct cdb_list_writer *writer, unsigned char *p, unsigned flags)
{
    flags |= (writer->documents_only ? CDB_FT_LIST_DOCUMENTS : 0) | (writer->apart ? CDB_FT_LIST_APART : 0) |
             (writer->is_form ? CDB_FT_LIST_FORM : 0);
    p = cdb_varint_put(p, (uint64_t)writer->df << CDB_FT_LIST_BITS | flags);
    return writer->documents_only ? p : cdb_varint_put(p, writer->total - writer->df);
}

static unsigned char *put_places(const struct cdb_list_writer *writer, unsigned char *p)
{
    p = cdb_varint_put(p, writer->offset - writer->postings_start);
    p = cdb_varint_put(p, cdb_sink_size(writer->postings) - writer->offset);
    if (!writer->apart)
        return p;
    p = cdb_varint_put(p, writer->positions_offset - writer->positions_start);
    return cdb_varint_put(p, cdb_sink_size(writer->positions) - writer->positions_offset);
}

/* A list of one block. */
static int end_short(struct cdb_list_writer *writer, unsigned char *value, size_t *len)
{
    unsigned char bytes[BLOCK_BYTES_MAX], *p = value;
    size_t size;

    cdb_list_end_chunk(writer);
    for (size_t i = 0; i < writer->filled; i++)
        writer->total += writer->freqs[i];
    size = (size_t)(put_block(writer, bytes) - bytes);
    if (!writer->apart && size + writer->small.len <= INLINE_MAX) {
        p = put_head(writer, p, CDB_FT_LIST_INLINE);
        memcpy(p, bytes, size);
        p += size;
        if (writer->small.len > 0)
            memcpy(p, writer->small.ptr, writer->small.len);
        p += writer->small.len;
    } else {
        cdb_sink_add(writer->postings, bytes, size);
        if (writer->small.len > 0)
            cdb_sink_add(writer->postings, writer->small.ptr, writer->small.len);
        p = put_places(writer, put_head(writer, p, 0));
    }
    *len = (size_t)(p - value);
    return cdb_buf_check(&writer->small);
}

int cdb_list_end(struct cdb_list_writer *writer, unsigned char value[CDB_LIST_VALUE_MAX], size_t *len)
{
    int result;

    if (writer->block_count == 0)
        return end_short(writer, value, len);
    result = cdb_list_end_block(writer);
    if (result == 0)
        result = add_table(writer);
    *len = (size_t)(put_places(writer, put_head(writer, value, 0)) - value);
    return result;
}
