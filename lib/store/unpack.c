/* SPDX-License-Identifier: MIT
 * Entries of packs: what stands at an offset, and deltas put together. */
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "store/delta.h"
#include "store/objects.h"
#include "store/packfile_inside.h"
#include "util/array.h"
#include "util/error.h"

#define RATIO_MAX      1032 /* deflate makes at most so many bytes of one */
#define SWITCHES_MAX   8    /* from one pack to another in one chain: nobody writes such packs */
#define FRAMES_SMALL   16
#define PEEK_SIZE      2048 /* most entries are not longer */
#define SEEN_RATIO     4    /* documents and trees are not often made so much smaller */
#define STREAM_SLACK   1024
#define ENTRY_HEAD_MAX 64 /* the longest that is valid has 20 bytes and an id */

/* ---- entries ------------------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at, *end;
};

static bool read_header(struct reader *reader, struct cdb_packed *out)
{
    if (reader->at == reader->end)
        return false;
    unsigned char byte = *reader->at++;
    uint64_t size = byte & 15;
    out->type = byte >> 4 & 7;
    for (unsigned shift = 4; (byte & 0x80) != 0; shift += 7) {
        if (reader->at == reader->end || shift > 56)
            return false;
        byte = *reader->at++;
        size |= (uint64_t)(byte & 0x7f) << shift;
    }
    out->size = (size_t)size;
    return size < PTRDIFF_MAX;
}

static bool read_distance(struct reader *reader, uint64_t *out)
{
    uint64_t value = 0;
    for (bool more = true, first = true; more; first = false) {
        if (reader->at == reader->end || value >> 56 != 0)
            return false;
        unsigned char byte = *reader->at++;
        value = (first ? 0 : (value + 1) << 7) | (byte & 0x7f);
        more = (byte & 0x80) != 0;
    }
    *out = value;
    return true;
}

/* The entry at the offset, whose first `len` bytes are these. */
static bool parse_entry(const struct cdb_packfile *file, uint64_t offset, const unsigned char *bytes, size_t len,
                        struct cdb_packed *out)
{
    struct reader reader = {bytes, bytes + len};
    uint64_t distance = 0;
    out->base = 0;
    if (!read_header(&reader, out) || out->type == 0 || out->type == 5)
        return false;
    if (out->type == CDB_OFS_DELTA) {
        if (!read_distance(&reader, &distance) || distance == 0 || distance > offset - CDB_PACK_HEADER)
            return false;
        out->base = offset - distance;
    } else if (out->type == CDB_REF_DELTA) {
        if (reader.end - reader.at < CDB_OID_SIZE)
            return false;
        memcpy(out->base_oid.id, reader.at, CDB_OID_SIZE);
        reader.at += CDB_OID_SIZE;
    }
    out->start = offset + (uint64_t)(reader.at - bytes);
    out->avail = (size_t)(file->pack.len - CDB_PACK_TRAILER - out->start);
    return out->size / RATIO_MAX <= out->avail;
}

/* At most `want` bytes of what stands at the offset, or NULL. */
static const unsigned char *entry_bytes(const struct cdb_packfile *file, uint64_t offset, size_t want,
                                        unsigned char *scratch, size_t *len)
{
    if (file->pack.len < CDB_PACK_HEADER + CDB_PACK_TRAILER || offset < CDB_PACK_HEADER ||
        offset >= file->pack.len - CDB_PACK_TRAILER)
        return NULL;
    uint64_t avail = file->pack.len - CDB_PACK_TRAILER - offset;
    *len = avail < want ? (size_t)avail : want;
    return cdb_bytes_get(&file->pack, offset, *len, scratch);
}

bool cdb_packfile_entry(const struct cdb_packfile *file, uint64_t offset, struct cdb_packed *out)
{
    unsigned char scratch[ENTRY_HEAD_MAX];
    size_t len = 0;
    const unsigned char *bytes = entry_bytes(file, offset, sizeof(scratch), scratch, &len);
    return bytes != NULL && parse_entry(file, offset, bytes, len, out);
}

const unsigned char *cdb_packfile_data(const struct cdb_packfile *file, uint64_t offset)
{
    return file->pack.data != NULL && offset < file->pack.len ? file->pack.data + offset : NULL;
}

/* ---- putting together ---------------------------------------------------------------------------- */

/* One delta on the way down to what is whole. */
struct frame {
    const struct cdb_packfile *file;
    uint64_t offset; /* of the entry, which is the object that the delta makes */
    struct cdb_packed entry;
};

struct chain {
    struct frame small[FRAMES_SMALL], *frames; /* the object itself first */
    size_t count, room;
    struct cdb_packfile *held[SWITCHES_MAX];
    size_t held_count;
    struct libdeflate_decompressor *inflater;
    const struct cdb_packfile_help *help;
    uint64_t work;
    struct cdb_buf raw; /* a stream that is not in memory */
    unsigned char peek[PEEK_SIZE];
    const char *why;
};

static int wrong(struct chain *chain, const char *why)
{
    chain->why = why;
    return CHRONDB_EDAMAGED;
}

static int push(struct chain *chain, const struct frame *frame)
{
    if (chain->count >= CDB_CHAIN_LIMIT)
        return wrong(chain, "damaged: its chain of deltas does not end");
    if (chain->frames == chain->small && chain->count == FRAMES_SMALL) {
        struct frame *frames = malloc(2 * sizeof(chain->small));
        if (frames == NULL)
            return cdb_error_memory();
        memcpy(frames, chain->small, sizeof(chain->small));
        chain->frames = frames;
        chain->room = (size_t)2 * FRAMES_SMALL;
    }
    if (chain->frames != chain->small) {
        int result = cdb_array_grow(&chain->frames, &chain->room, chain->count, sizeof(*chain->frames));
        if (result != 0)
            return result;
    }
    chain->frames[chain->count++] = *frame;
    return 0;
}

/* The zlib stream of an entry, or as much of it as one that makes so many bytes can need: deflate adds 5 bytes to some
 * thousand that it cannot compress. */
static int get_stream(struct chain *chain, const struct frame *frame, const unsigned char **data, size_t *len)
{
    const struct cdb_packed *entry = &frame->entry;
    size_t most = entry->size + entry->size / 8 + STREAM_SLACK;
    *len = entry->avail < most ? entry->avail : most;
    cdb_buf_clear(&chain->raw);
    if (frame->file->pack.data == NULL && !cdb_buf_reserve(&chain->raw, *len))
        return cdb_error_memory();
    *data = cdb_bytes_get(&frame->file->pack, entry->start, *len, (unsigned char *)chain->raw.ptr);
    return *data != NULL ? 0 : wrong(chain, "damaged: its entry in a pack cannot be read");
}

/* Libdeflate makes exactly so many bytes, or tells that there are more or fewer. */
static bool inflate_stream(const struct chain *chain, const unsigned char *data, size_t len, size_t size,
                           struct cdb_buf *out)
{
    if (libdeflate_zlib_decompress(chain->inflater, data, len, out->ptr + out->len, size, NULL) != LIBDEFLATE_SUCCESS)
        return false;
    out->len += size;
    out->ptr[out->len] = '\0';
    return true;
}

/* `seen`: the bytes from the entry's beginning that are in memory already, or NULL; mostly they are all of it. */
static int inflate_exact(struct chain *chain, const struct frame *frame, const unsigned char *seen, size_t seen_len,
                         struct cdb_buf *out)
{
    const unsigned char *data;
    size_t len, size = frame->entry.size, head = (size_t)(frame->entry.start - frame->offset);
    if (size > CDB_CHAIN_WORK - chain->work)
        return wrong(chain, "damaged: its deltas take too much work");
    chain->work += size;
    if (!cdb_buf_reserve(out, size))
        return cdb_error_memory();
    if (seen != NULL && size / SEEN_RATIO < seen_len && inflate_stream(chain, seen + head, seen_len - head, size, out))
        return 0;
    int result = get_stream(chain, frame, &data, &len);
    if (result != 0)
        return result;
    return inflate_stream(chain, data, len, size, out) ? 0 : wrong(chain, "damaged: its entry does not inflate");
}

/* Where the base of a REF_DELTA is: in the same pack, in another one, or (1) in none. */
static int find_base(struct chain *chain, struct cdb_packfile **file, const struct cdb_oid *oid, uint64_t *offset)
{
    uint32_t position;
    int result = cdb_packfile_find(*file, oid, &position);
    if (result == 0)
        *offset = cdb_packfile_offset(*file, position);
    if (result < 0 || (result == 0 && *offset == 0))
        return wrong(chain, "damaged: its base is not in the pack");
    if (result == 0)
        return 0;
    if (chain->help == NULL || chain->help->find == NULL)
        return 1;
    if (chain->held_count == SWITCHES_MAX)
        return wrong(chain, "damaged: its deltas are spread over too many packs");
    struct cdb_packfile *other = NULL;
    result = chain->help->find(chain->help->context, oid, &other, offset);
    if (result == 0) {
        chain->held[chain->held_count++] = other;
        *file = other;
    }
    return result == CHRONDB_EDAMAGED ? wrong(chain, "damaged: its base is in a damaged pack") : result;
}

/* The base is no packed object: loose, or nowhere. */
static int read_loose_base(struct chain *chain, const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    const struct cdb_packfile_help *help = chain->help;
    int result = help != NULL && help->read != NULL ? help->read(help->context, oid, CDB_BASE_MAX, type, out) : 1;
    return result == 1 || result == CHRONDB_EDAMAGED ? wrong(chain, "damaged: its base is missing") : result;
}

/* From the object down to what is whole, whose content is appended to `base` (if it is the object itself, to `out`). */
static int descend(struct chain *chain, struct cdb_packfile *file, uint64_t offset, size_t max, int *type,
                   struct cdb_buf *base, struct cdb_buf *out)
{
    const struct cdb_packfile_help *help = chain->help;
    for (;;) {
        struct frame frame = {.file = file, .offset = offset};
        struct cdb_packed *entry = &frame.entry;
        size_t seen_len = 0;
        struct cdb_buf *to = chain->count == 0 ? out : base;
        size_t limit = chain->count == 0 ? max : CDB_BASE_MAX, before = to->len;
        if (help != NULL && help->recall != NULL && help->recall(help->context, file->serial, offset, type, to))
            return to->len - before > limit ? wrong(chain, CDB_TOO_LARGE) : 0;
        const unsigned char *seen = entry_bytes(file, offset, PEEK_SIZE, chain->peek, &seen_len);
        if (seen == NULL || !parse_entry(file, offset, seen, seen_len, entry))
            return wrong(chain, "damaged: its entry in a pack is malformed");
        if (entry->size > (entry->type < CDB_OFS_DELTA ? limit : CDB_BASE_MAX))
            return wrong(chain, CDB_TOO_LARGE);
        if (entry->type < CDB_OFS_DELTA) {
            *type = entry->type;
            return inflate_exact(chain, &frame, seen, seen_len, to);
        }
        int result = push(chain, &frame);
        offset = entry->base;
        if (result == 0 && entry->type == CDB_REF_DELTA)
            result = find_base(chain, &file, &entry->base_oid, &offset);
        if (result == 1)
            return read_loose_base(chain, &entry->base_oid, type, base);
        if (result != 0)
            return result;
    }
}

static int apply(struct chain *chain, const struct frame *frame, const struct cdb_buf *base, size_t max,
                 struct cdb_buf *delta, struct cdb_buf *out)
{
    size_t size = 0;
    cdb_buf_clear(delta);
    int result = inflate_exact(chain, frame, NULL, 0, delta);
    if (result != 0)
        return result;
    if (!cdb_delta_size(delta->ptr, delta->len, base->len, &size))
        return wrong(chain, "damaged: its delta does not fit its base");
    if (size > max)
        return wrong(chain, CDB_TOO_LARGE);
    if (size > CDB_CHAIN_WORK - chain->work)
        return wrong(chain, "damaged: its deltas take too much work");
    chain->work += size;
    result = cdb_delta_apply(out, cdb_buf_str(base), base->len, delta->ptr, delta->len, max);
    return result == CHRONDB_EDAMAGED ? wrong(chain, "damaged: its delta does not fit its base") : result;
}

/* The deltas, from the base up. */
static int ascend(struct chain *chain, size_t max, int type, struct cdb_buf *base, struct cdb_buf *out)
{
    const struct cdb_packfile_help *help = chain->help;
    struct cdb_buf delta = CDB_BUF_INIT, next = CDB_BUF_INIT;
    int result = 0;
    while (result == 0 && chain->count > 1) {
        const struct frame *frame = &chain->frames[--chain->count];
        cdb_buf_clear(&next);
        result = apply(chain, frame, base, CDB_BASE_MAX, &delta, &next);
        struct cdb_buf swap = *base;
        *base = next;
        next = swap;
        if (result == 0 && chain->count == 1 && help != NULL && help->remember != NULL)
            help->remember(help->context, frame->file->serial, frame->offset, type, cdb_buf_str(base), base->len);
    }
    if (result == 0 && chain->count == 1)
        result = apply(chain, &chain->frames[0], base, max, &delta, out);
    cdb_buf_release(&delta);
    cdb_buf_release(&next);
    return result;
}

int cdb_packfile_read(struct cdb_packfile *file, uint64_t offset, size_t max, const struct cdb_packfile_help *help,
                      int *type, struct cdb_buf *out, const char **why)
{
    struct chain chain = {.help = help};
    struct cdb_buf base = CDB_BUF_INIT;
    size_t start = out->len;
    chain.frames = chain.small;
    bool lent = help != NULL && help->inflater != NULL;
    chain.inflater = lent ? help->inflater : libdeflate_alloc_decompressor();
    int result = chain.inflater == NULL ? cdb_error_memory() : descend(&chain, file, offset, max, type, &base, out);
    bool is_delta = chain.count > 0;
    if (result == 0 && is_delta)
        result = ascend(&chain, max, *type, &base, out);
    if (result == 0 && help != NULL && help->remember != NULL)
        help->remember(help->context, file->serial, offset, *type, cdb_buf_str(out) + start, out->len - start);
    if (result != 0 && !out->failed && out->ptr != NULL) {
        out->len = start;
        out->ptr[start] = '\0';
    }
    *why = chain.why;
    for (size_t i = 0; i < chain.held_count; i++)
        cdb_packfile_release(chain.held[i]);
    if (chain.frames != chain.small)
        free(chain.frames);
    if (!lent)
        libdeflate_free_decompressor(chain.inflater);
    cdb_buf_release(&base);
    cdb_buf_release(&chain.raw);
    return result;
}
