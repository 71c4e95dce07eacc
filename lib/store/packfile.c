/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/packfile_inside.h"
#include "util/error.h"

#define FANOUT      ((size_t)256 * 4)
#define IDX2_HEADER ((size_t)8)
#define IDX_TRAILER ((size_t)40) /* the pack's checksum, the index's */
#define LARGE_BIT   0x80000000u
#define WINDOW_MIN  32 /* ids that are looked at together */
#define WINDOW_MAX  512

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

static int open_bytes(int dir, const char *name, const char *suffix, struct cdb_bytes *out)
{
    char path[CDB_PACK_NAME_MAX + 16];
    if (snprintf(path, sizeof(path), "%s%s", name, suffix) >= (int)sizeof(path))
        return 1;
    return cdb_bytes_open(out, dir, path);
}

static bool read_fanout(struct cdb_packfile *file, const unsigned char *table)
{
    for (size_t i = 0; i < 256; i++) {
        file->fanout[i] = get_be32(table + i * 4);
        if (i > 0 && file->fanout[i] < file->fanout[i - 1])
            return false;
    }
    file->count = file->fanout[255];
    return true;
}

/* Where the tables of the index are, all inside the file. */
static bool place_tables(struct cdb_packfile *file, size_t start, size_t size)
{
    size_t n = file->count, item = file->first_version ? CDB_OID_SIZE + 4 : CDB_OID_SIZE + 8;
    if (n > size / item)
        return false;
    file->oids = file->first_version ? start + 4 : start;
    file->crcs = start + n * CDB_OID_SIZE;
    file->offsets = file->first_version ? start : start + n * (CDB_OID_SIZE + 4);
    file->large = start + n * item;
    file->oid_stride = file->first_version ? item : CDB_OID_SIZE;
    file->offset_stride = file->first_version ? item : 4;
    size_t rest = size - n * item;
    file->large_count = (uint32_t)(rest / 8 < n ? rest / 8 : n);
    return file->first_version ? rest == 0 : rest % 8 == 0 && rest / 8 <= n;
}

static bool parse_index(struct cdb_packfile *file)
{
    unsigned char head[IDX2_HEADER + FANOUT], tail[CDB_OID_SIZE];
    const struct cdb_bytes *idx = &file->idx;
    if (idx->len < FANOUT + IDX_TRAILER)
        return false;
    const unsigned char *bytes = cdb_bytes_get(idx, 0, sizeof(head), head);
    if (bytes == NULL)
        return false;
    file->first_version = memcmp(bytes, "\377tOc", 4) != 0;
    size_t start = (file->first_version ? 0 : IDX2_HEADER) + FANOUT;
    if (!file->first_version && memcmp(bytes, "\377tOc\0\0\0\2", IDX2_HEADER) != 0)
        return false;
    if (idx->len < start + IDX_TRAILER || !read_fanout(file, bytes + start - FANOUT) ||
        !place_tables(file, start, idx->len - start - IDX_TRAILER))
        return false;
    bytes = cdb_bytes_get(idx, idx->len - IDX_TRAILER, sizeof(tail), tail);
    if (bytes != NULL)
        memcpy(file->checksum, bytes, sizeof(file->checksum));
    return bytes != NULL;
}

static bool pack_is_sound(const struct cdb_packfile *file)
{
    unsigned char head[CDB_PACK_HEADER], tail[CDB_PACK_TRAILER];
    const struct cdb_bytes *pack = &file->pack;
    if (pack->len < CDB_PACK_HEADER + CDB_PACK_TRAILER)
        return false;
    const unsigned char *bytes = cdb_bytes_get(pack, 0, sizeof(head), head);
    if (bytes == NULL || memcmp(bytes, "PACK\0\0\0", 7) != 0 || (bytes[7] != 2 && bytes[7] != 3) ||
        get_be32(bytes + 8) != file->count)
        return false;
    bytes = cdb_bytes_get(pack, pack->len - CDB_PACK_TRAILER, sizeof(tail), tail);
    return bytes != NULL && memcmp(bytes, file->checksum, CDB_PACK_TRAILER) == 0;
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
    file->idx = file->pack = (struct cdb_bytes)CDB_BYTES_NONE;
    atomic_init(&file->references, 1);
    file->serial = atomic_fetch_add(&serials, 1) + 1;
    return file;
}

int cdb_packfile_open(struct cdb_packfile **out, int dir, const char *name)
{
    struct cdb_packfile *file = new_file(name);
    if (file == NULL)
        return CHRONDB_ESYSTEM;
    int result = open_bytes(dir, name, ".idx", &file->idx);
    if (result == 0 && !parse_index(file))
        result = damaged(file, ".idx", "is no index of a pack");
    if (result != 0)
        cdb_packfile_release(file);
    else
        *out = file;
    return result;
}

int cdb_packfile_open_pack(struct cdb_packfile *file, int dir)
{
    if (file->pack.len != 0)
        return 0;
    int result = open_bytes(dir, file->name, ".pack", &file->pack);
    if (result == 0 && !pack_is_sound(file)) {
        cdb_bytes_close(&file->pack);
        result = damaged(file, ".pack", "is not the pack that its index tells of");
    }
    return result;
}

int cdb_packfile_map(struct cdb_packfile *file)
{
    int result = cdb_bytes_map(&file->idx, file->name);
    return result == 0 ? cdb_bytes_map(&file->pack, file->name) : result;
}

int cdb_packfile_view(struct cdb_packfile **out, const void *idx, size_t idx_len, const void *pack, size_t pack_len)
{
    struct cdb_packfile *file = new_file("pack");
    if (file == NULL)
        return CHRONDB_ESYSTEM;
    cdb_bytes_view(&file->idx, idx, idx_len);
    cdb_bytes_view(&file->pack, pack, pack_len);
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
    cdb_bytes_close(&file->idx);
    cdb_bytes_close(&file->pack);
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

int cdb_packfile_oid(const struct cdb_packfile *file, uint32_t position, struct cdb_oid *out)
{
    unsigned char scratch[CDB_OID_SIZE];
    const unsigned char *id =
        cdb_bytes_get(&file->idx, file->oids + (uint64_t)position * file->oid_stride, CDB_OID_SIZE, scratch);
    if (id == NULL)
        return damaged(file, ".idx", "cannot be read");
    memcpy(out->id, id, CDB_OID_SIZE);
    return 0;
}

static bool get_number(const struct cdb_packfile *file, uint64_t where, uint32_t *out)
{
    unsigned char scratch[4];
    const unsigned char *bytes = cdb_bytes_get(&file->idx, where, 4, scratch);
    if (bytes != NULL)
        *out = get_be32(bytes);
    return bytes != NULL;
}

uint64_t cdb_packfile_offset(const struct cdb_packfile *file, uint32_t position)
{
    uint32_t low, high = 0;
    if (!get_number(file, file->offsets + (uint64_t)position * file->offset_stride, &low))
        return 0;
    if (!file->first_version && (low & LARGE_BIT) != 0) {
        uint64_t index = low & (LARGE_BIT - 1);
        if (index >= file->large_count || !get_number(file, file->large + index * 8, &high) ||
            !get_number(file, file->large + index * 8 + 4, &low))
            return 0;
    }
    uint64_t offset = (uint64_t)high << 32 | low;
    return offset >= CDB_PACK_HEADER && file->pack.len > CDB_PACK_TRAILER && offset < file->pack.len - CDB_PACK_TRAILER
               ? offset
               : 0;
}

bool cdb_packfile_crc(const struct cdb_packfile *file, uint32_t position, uint32_t *out)
{
    return !file->first_version && get_number(file, file->crcs + (uint64_t)position * 4, out);
}

/* How many ids to look at together: ids are evenly spread, so the one wanted is about the square root of their number
 * away from where it would be if they were perfectly so. */
static uint32_t window_for(uint32_t count)
{
    uint32_t window = WINDOW_MIN;
    while (window < WINDOW_MAX && window * window / 4 < count)
        window *= 2;
    return window < count ? window : count;
}

/* The first of `count` ids that is not less. */
static uint32_t lower_of(const struct cdb_packfile *file, const unsigned char *ids, uint32_t count,
                         const struct cdb_oid *oid)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(ids + middle * file->oid_stride, oid->id, CDB_OID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* As cdb_packfile_lower. *equal: the id there is this one, if it was among those that were looked at. */
static int lower(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position, bool *equal)
{
    unsigned char scratch[WINDOW_MAX * (CDB_OID_SIZE + 4)];
    unsigned first = oid->id[0];
    uint32_t low = first == 0 ? 0 : file->fanout[first - 1], high = file->fanout[first];
    uint32_t window = window_for(high - low), step = window;
    uint32_t guess = low + (uint32_t)((uint64_t)(high - low) * get_be32(oid->id + 1) >> 32);
    while (low < high) {
        uint32_t count = window < high - low ? window : high - low;
        uint32_t from = guess < low + count / 2 ? low : guess - count / 2;
        if (from > high - count)
            from = high - count;
        const unsigned char *ids = cdb_bytes_get(&file->idx, file->oids + (uint64_t)from * file->oid_stride,
                                                 (count - 1) * file->oid_stride + CDB_OID_SIZE, scratch);
        if (ids == NULL)
            return damaged(file, ".idx", "cannot be read");
        uint32_t found = lower_of(file, ids, count, oid);
        *equal = found < count && memcmp(ids + found * file->oid_stride, oid->id, CDB_OID_SIZE) == 0;
        if (*equal || (found > 0 && found < count)) {
            *position = from + found;
            return 0;
        }
        /* Outside, or at the window's edge: further steps each time, halves when these would be too long. */
        if (found == 0)
            high = from;
        else
            low = from + count;
        guess = step >= high - low ? low + (high - low) / 2 : found == 0 ? high - step : low + step;
        step *= 2;
    }
    *position = low;
    return 0;
}

int cdb_packfile_lower(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position)
{
    bool equal;
    return lower(file, oid, position, &equal);
}

int cdb_packfile_find(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position)
{
    bool equal = false;
    int result = lower(file, oid, position, &equal);
    return result != 0 ? result : equal ? 0 : 1;
}
