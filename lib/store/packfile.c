/* SPDX-License-Identifier: MIT */
#include "store/packfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/delta.h"
#include "util/array.h"
#include "util/error.h"

#define FANOUT       ((size_t)256 * 4)
#define IDX2_HEADER  ((size_t)8)
#define IDX_TRAILER  ((size_t)40) /* the pack's checksum, the index's */
#define PACK_HEADER  ((size_t)12)
#define PACK_TRAILER ((size_t)20)
#define LARGE_BIT    0x80000000u
#define RATIO_MAX    1032 /* deflate makes at most so many bytes of one */
#define SWITCHES_MAX 8    /* from one pack to another in one chain: nobody writes such packs */
#define FRAMES_SMALL 32
#define NARROW_MIN   16

struct mapping {
    const unsigned char *data;
    size_t len;
    bool mapped;
};

struct cdb_packfile {
    atomic_uint references;
    uint64_t serial;
    char *name;
    struct mapping idx, pack;
    uint32_t count, large_count;
    const unsigned char *fanout, *oids, *crcs, *offsets, *large; /* crcs, large: NULL in version 1 */
    size_t oid_stride, offset_stride;
};

static uint32_t get_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- opening ------------------------------------------------------------------------------------- */

static int damaged(const struct cdb_packfile *file, const char *suffix, const char *what)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, file->name, strlen(file->name));
    int result = cdb_error(CHRONDB_EDAMAGED, "damaged", "%s%s %s", cdb_buf_str(&quoted), suffix, what);
    cdb_buf_release(&quoted);
    return result;
}

static int map_descriptor(int fd, const char *path, struct mapping *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return cdb_error_errno(path, "cannot examine '%s'", path);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        return 0; /* a length of 0: checked by the caller like any other that is too short */
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return cdb_error_errno(path, "cannot map '%s'", path);
    *out = (struct mapping){data, (size_t)st.st_size, true};
    return 0;
}

static int map_file(int dir, const char *name, const char *suffix, struct mapping *out)
{
    char path[CDB_PACK_NAME_MAX + 16];
    if (snprintf(path, sizeof(path), "%s%s", name, suffix) >= (int)sizeof(path))
        return 1;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 1 : cdb_error_errno(path, "cannot open '%s'", path);
    int result = map_descriptor(fd, path, out);
    close(fd);
    return result;
}

static bool fanout_is_sound(const struct cdb_packfile *file)
{
    uint32_t below = 0;
    for (size_t i = 0; i < 256; i++) {
        uint32_t next = get_be32(file->fanout + i * 4);
        if (next < below)
            return false;
        below = next;
    }
    return true;
}

/* The tables of the index, all inside the file. */
static bool parse_index(struct cdb_packfile *file)
{
    const struct mapping *idx = &file->idx;
    bool second =
        idx->data != NULL && idx->len >= IDX2_HEADER && memcmp(idx->data, "\377tOc\0\0\0\2", IDX2_HEADER) == 0;
    size_t header = second ? IDX2_HEADER : 0, item = second ? CDB_OID_SIZE + 8 : CDB_OID_SIZE + 4;
    if (idx->data == NULL || idx->len < header + FANOUT + IDX_TRAILER ||
        (!second && memcmp(idx->data, "\377tOc", 4) == 0))
        return false;
    size_t tables = idx->len - header - FANOUT - IDX_TRAILER;
    const unsigned char *start = idx->data + header + FANOUT;
    file->fanout = idx->data + header;
    file->count = get_be32(file->fanout + FANOUT - 4);
    if (file->count > tables / item || !fanout_is_sound(file))
        return false;
    size_t n = file->count;
    file->oids = second ? start : start + 4;
    file->crcs = second ? start + n * CDB_OID_SIZE : NULL;
    file->offsets = second ? start + n * (CDB_OID_SIZE + 4) : start;
    file->large = second ? start + n * item : NULL;
    file->oid_stride = second ? CDB_OID_SIZE : item;
    file->offset_stride = second ? 4 : item;
    size_t rest = tables - n * item;
    file->large_count = (uint32_t)(rest / 8 < n ? rest / 8 : n);
    return second ? rest % 8 == 0 && rest / 8 <= n : rest == 0;
}

static bool pack_is_sound(const struct cdb_packfile *file)
{
    const struct mapping *pack = &file->pack;
    const unsigned char *checksum = file->idx.data + file->idx.len - IDX_TRAILER;
    return pack->data != NULL && pack->len >= PACK_HEADER + PACK_TRAILER && memcmp(pack->data, "PACK\0\0\0", 7) == 0 &&
           (pack->data[7] == 2 || pack->data[7] == 3) && get_be32(pack->data + 8) == file->count &&
           memcmp(pack->data + pack->len - PACK_TRAILER, checksum, PACK_TRAILER) == 0;
}

static struct cdb_packfile *new_file(const char *name)
{
    static atomic_ullong serials;
    struct cdb_packfile *file = calloc(1, sizeof(*file));
    if (file == NULL || (file->name = strdup(name)) == NULL) {
        free(file);
        cdb_error_set_memory();
        return NULL;
    }
    atomic_init(&file->references, 1);
    file->serial = atomic_fetch_add(&serials, 1) + 1;
    return file;
}

int cdb_packfile_open(struct cdb_packfile **out, int dir, const char *name)
{
    struct cdb_packfile *file = new_file(name);
    if (file == NULL)
        return CHRONDB_ESYSTEM;
    int result = map_file(dir, name, ".idx", &file->idx);
    if (result == 0 && !parse_index(file))
        result = damaged(file, ".idx", "is no index of a pack");
    if (result != 0)
        cdb_packfile_release(file);
    else
        *out = file;
    return result;
}

static void unmap(struct mapping *mapping)
{
    if (mapping->mapped)
        munmap((void *)(uintptr_t)mapping->data, mapping->len);
    *mapping = (struct mapping){NULL, 0, false};
}

int cdb_packfile_open_pack(struct cdb_packfile *file, int dir)
{
    if (file->pack.data != NULL)
        return 0;
    int result = map_file(dir, file->name, ".pack", &file->pack);
    if (result == 0 && !pack_is_sound(file)) {
        unmap(&file->pack);
        result = damaged(file, ".pack", "is not the pack that its index tells of");
    }
    return result;
}

int cdb_packfile_view(struct cdb_packfile **out, const void *idx, size_t idx_len, const void *pack, size_t pack_len)
{
    struct cdb_packfile *file = new_file("pack");
    if (file == NULL)
        return CHRONDB_ESYSTEM;
    file->idx = (struct mapping){idx, idx_len, false};
    file->pack = (struct mapping){pack, pack_len, false};
    int result = 0;
    if (!parse_index(file))
        result = damaged(file, ".idx", "is no index of a pack");
    else if (!pack_is_sound(file))
        result = damaged(file, ".pack", "is not the pack that its index tells of");
    if (result != 0)
        cdb_packfile_release(file);
    else
        *out = file;
    return result;
}

void cdb_packfile_hold(struct cdb_packfile *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

void cdb_packfile_release(struct cdb_packfile *file)
{
    if (file == NULL || atomic_fetch_sub(&file->references, 1) > 1)
        return;
    unmap(&file->idx);
    unmap(&file->pack);
    free(file->name);
    free(file);
}

/* ---- the index ----------------------------------------------------------------------------------- */

const char *cdb_packfile_name(const struct cdb_packfile *file)
{
    return file->name;
}

size_t cdb_packfile_bytes(const struct cdb_packfile *file)
{
    return file->pack.len;
}

uint32_t cdb_packfile_count(const struct cdb_packfile *file)
{
    return file->count;
}

static const unsigned char *oid_at(const struct cdb_packfile *file, uint32_t position)
{
    return file->oids + (size_t)position * file->oid_stride;
}

void cdb_packfile_oid(const struct cdb_packfile *file, uint32_t position, struct cdb_oid *out)
{
    memcpy(out->id, oid_at(file, position), CDB_OID_SIZE);
}

uint64_t cdb_packfile_offset(const struct cdb_packfile *file, uint32_t position)
{
    uint64_t offset = get_be32(file->offsets + (size_t)position * file->offset_stride);
    if (file->crcs != NULL && (offset & LARGE_BIT) != 0) {
        size_t index = offset & (LARGE_BIT - 1);
        if (index >= file->large_count)
            return 0;
        const unsigned char *p = file->large + index * 8;
        offset = (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
    }
    return offset >= PACK_HEADER && file->pack.len > PACK_TRAILER && offset < file->pack.len - PACK_TRAILER ? offset
                                                                                                            : 0;
}

bool cdb_packfile_crc(const struct cdb_packfile *file, uint32_t position, uint32_t *out)
{
    if (file->crcs == NULL)
        return false;
    *out = get_be32(file->crcs + (size_t)position * 4);
    return true;
}

static bool is_less(const struct cdb_packfile *file, uint32_t position, const struct cdb_oid *oid)
{
    return memcmp(oid_at(file, position), oid->id, CDB_OID_SIZE) < 0;
}

/* Ids are evenly spread: begin where this one would be if they were perfectly so, and widen from there. A binary search
 * would touch a dozen pages of each index. */
static void narrow(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *low, uint32_t *high)
{
    uint32_t count = *high - *low, step = NARROW_MIN;
    uint32_t at = *low + (uint32_t)((uint64_t)count * get_be32(oid->id + 1) >> 32);
    while ((uint64_t)step * step < count)
        step *= 2;
    if (is_less(file, at, oid)) {
        *low = at + 1;
        for (; step < *high - *low && is_less(file, *low + step, oid); step *= 2)
            *low += step + 1;
        if (step < *high - *low)
            *high = *low + step;
    } else {
        *high = at;
        for (; step < *high - *low && !is_less(file, *high - step, oid); step *= 2)
            *high -= step;
        if (step < *high - *low)
            *low = *high - step + 1;
    }
}

uint32_t cdb_packfile_lower(const struct cdb_packfile *file, const struct cdb_oid *oid)
{
    unsigned first = oid->id[0];
    uint32_t low = first == 0 ? 0 : get_be32(file->fanout + (size_t)(first - 1) * 4);
    uint32_t high = get_be32(file->fanout + (size_t)first * 4);
    if (high - low > 2 * NARROW_MIN)
        narrow(file, oid, &low, &high);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_less(file, middle, oid))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool cdb_packfile_find(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position)
{
    *position = cdb_packfile_lower(file, oid);
    return *position < file->count && memcmp(oid_at(file, *position), oid->id, CDB_OID_SIZE) == 0;
}

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

bool cdb_packfile_entry(const struct cdb_packfile *file, uint64_t offset, struct cdb_packed *out)
{
    if (file->pack.len < PACK_HEADER + PACK_TRAILER || offset < PACK_HEADER || offset >= file->pack.len - PACK_TRAILER)
        return false;
    struct reader reader = {file->pack.data + offset, file->pack.data + file->pack.len - PACK_TRAILER};
    uint64_t distance = 0;
    out->base = 0;
    if (!read_header(&reader, out) || out->type == 0 || out->type == 5)
        return false;
    if (out->type == CDB_OFS_DELTA) {
        if (!read_distance(&reader, &distance) || distance == 0 || distance > offset - PACK_HEADER)
            return false;
        out->base = offset - distance;
    } else if (out->type == CDB_REF_DELTA) {
        if (reader.end - reader.at < CDB_OID_SIZE)
            return false;
        memcpy(out->base_oid.id, reader.at, CDB_OID_SIZE);
        reader.at += CDB_OID_SIZE;
    }
    out->data = reader.at;
    out->avail = (size_t)(reader.end - reader.at);
    return out->size / RATIO_MAX <= out->avail;
}

/* ---- putting together ---------------------------------------------------------------------------- */

/* One delta on the way down to what is whole. */
struct frame {
    const unsigned char *data;
    size_t avail, size;
    uint64_t serial, offset; /* of the object that it makes */
};

struct chain {
    struct frame small[FRAMES_SMALL], *frames; /* the object itself first */
    size_t count, room;
    struct cdb_packfile *held[SWITCHES_MAX];
    size_t held_count;
    struct libdeflate_decompressor *inflater;
    const struct cdb_packfile_help *help;
    uint64_t work;
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

/* Libdeflate makes exactly so many bytes, or tells that there are more or fewer. */
static int inflate_exact(struct chain *chain, const unsigned char *data, size_t avail, size_t size, struct cdb_buf *out)
{
    if (size > CDB_CHAIN_WORK - chain->work)
        return wrong(chain, "damaged: its deltas take too much work");
    chain->work += size;
    if (!cdb_buf_reserve(out, size))
        return cdb_error_memory();
    if (libdeflate_zlib_decompress(chain->inflater, data, avail, out->ptr + out->len, size, NULL) != LIBDEFLATE_SUCCESS)
        return wrong(chain, "damaged: its entry does not inflate");
    out->len += size;
    out->ptr[out->len] = '\0';
    return 0;
}

/* Where the base of a REF_DELTA is: in the same pack, in another one, or (1) in none. */
static int find_base(struct chain *chain, struct cdb_packfile **file, const struct cdb_oid *oid, uint64_t *offset)
{
    uint32_t position;
    if (cdb_packfile_find(*file, oid, &position)) {
        *offset = cdb_packfile_offset(*file, position);
        return *offset != 0 ? 0 : wrong(chain, "damaged: its base is not in the pack");
    }
    if (chain->help == NULL || chain->help->find == NULL)
        return 1;
    if (chain->held_count == SWITCHES_MAX)
        return wrong(chain, "damaged: its deltas are spread over too many packs");
    struct cdb_packfile *other = NULL;
    int result = chain->help->find(chain->help->context, oid, &other, offset);
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
        struct cdb_packed entry;
        struct cdb_buf *to = chain->count == 0 ? out : base;
        size_t limit = chain->count == 0 ? max : CDB_BASE_MAX, before = to->len;
        if (help != NULL && help->recall != NULL && help->recall(help->context, file->serial, offset, type, to))
            return to->len - before > limit ? wrong(chain, "larger than chrondb allows") : 0;
        if (!cdb_packfile_entry(file, offset, &entry))
            return wrong(chain, "damaged: its entry in a pack is malformed");
        if (entry.size > (entry.type < CDB_OFS_DELTA ? limit : CDB_BASE_MAX))
            return wrong(chain, "larger than chrondb allows");
        if (entry.type < CDB_OFS_DELTA) {
            *type = entry.type;
            return inflate_exact(chain, entry.data, entry.avail, entry.size, to);
        }
        struct frame frame = {entry.data, entry.avail, entry.size, file->serial, offset};
        int result = push(chain, &frame);
        offset = entry.base;
        if (result == 0 && entry.type == CDB_REF_DELTA)
            result = find_base(chain, &file, &entry.base_oid, &offset);
        if (result == 1)
            return read_loose_base(chain, &entry.base_oid, type, base);
        if (result != 0)
            return result;
    }
}

static int apply(struct chain *chain, const struct frame *frame, const struct cdb_buf *base, size_t max,
                 struct cdb_buf *delta, struct cdb_buf *out)
{
    size_t size = 0;
    cdb_buf_clear(delta);
    int result = inflate_exact(chain, frame->data, frame->avail, frame->size, delta);
    if (result != 0)
        return result;
    if (!cdb_delta_size(delta->ptr, delta->len, base->len, &size))
        return wrong(chain, "damaged: its delta does not fit its base");
    if (size > max)
        return wrong(chain, "larger than chrondb allows");
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
            help->remember(help->context, frame->serial, frame->offset, type, cdb_buf_str(base), base->len);
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
    return result;
}
