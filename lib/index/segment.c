/* SPDX-License-Identifier: MIT */
#include "index/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "index/bytes.h"
#include "index/files.h"
#include "util/error.h"
#include "util/time.h"

#define SECTIONS_MAX 256

/* ---- the header --------------------------------------------------------------------------------- */

struct section {
    const unsigned char *data;
    size_t len;
    bool given;
};

static int bad_header(void)
{
    return cdb_index_damaged("a segment's header is not what was written");
}

static bool get_sections(const unsigned char *data, size_t len, size_t head_len, uint32_t count, struct section *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *entry = data + CDB_SEGMENT_HEAD + (size_t)i * CDB_SEGMENT_ENTRY;
        uint32_t type = cdb_le_get32(entry);
        uint64_t offset = cdb_le_get64(entry + 8), size = cdb_le_get64(entry + 16);

        if (offset < head_len || offset > len || size > len - offset)
            return false;
        if (type == 0 || type > CDB_SECTION_COUNT)
            continue;
        if (out[type].given)
            return false;
        out[type] = (struct section){data + offset, (size_t)size, true};
    }
    return true;
}

static bool set_rows(struct cdb_rows *rows, const struct section *section, uint64_t count, size_t size,
                     size_t block_rows)
{
    return cdb_rows_view(rows, section->data, section->len, count, size, block_rows);
}

static void set_dict(struct cdb_dict *dict, const struct section *data, const struct section *index)
{
    *dict = (struct cdb_dict){data->data, index->data, data->len, index->len};
}

static bool get_numbers(struct cdb_segment *out, const unsigned char *p)
{
    bool flag;

    out->name = cdb_le_get64(p + 32);
    out->from = cdb_le_get64(p + 40);
    out->to = cdb_le_get64(p + 48);
    out->keys = cdb_le_get64(p + 56);
    out->versions = cdb_le_get64(p + 64);
    out->documents = cdb_le_get64(p + 72);
    out->tables = cdb_le_get64(p + 80);
    return out->from <= out->to && out->to - out->from <= UINT32_MAX &&
           cdb_index_get_time(p + 88, &out->first_time, &flag) && cdb_index_get_time(p + 100, &out->last_time, &flag);
}

/* They are as many as there is room for. */
static bool set_merges(struct cdb_segment *out, const struct section *section)
{
    size_t stride = 4 + CDB_MERGE_ROW * CDB_MERGE_BLOCK, rest = section->len % stride;
    size_t count = section->len / stride * CDB_MERGE_BLOCK + (rest > 4 ? (rest - 4) / CDB_MERGE_ROW : 0);
    out->has_merges = section->given;
    return set_rows(&out->merges, section, count, CDB_MERGE_ROW, CDB_MERGE_BLOCK);
}

int cdb_segment_view(struct cdb_segment *out, const void *data, size_t len)
{
    struct section sections[CDB_SECTION_COUNT + 1] = {{NULL, 0, false}};
    const unsigned char *p = data;
    uint32_t head_len, count, crc;

    *out = (struct cdb_segment){.data = p, .len = len, .fd = -1};
    if (len < CDB_SEGMENT_HEAD || memcmp(p, CDB_SEGMENT_MAGIC, 8) != 0 || cdb_le_get32(p + 8) != CDB_SEGMENT_VERSION)
        return bad_header();
    head_len = cdb_le_get32(p + 16);
    count = cdb_le_get32(p + 20);
    if (count > SECTIONS_MAX || head_len != CDB_SEGMENT_HEAD + count * CDB_SEGMENT_ENTRY || head_len > len)
        return bad_header();
    crc = cdb_index_crc(cdb_index_crc(0, p, 12), p + 16, head_len - 16);
    if (crc != cdb_le_get32(p + 12) || cdb_le_get64(p + 24) != len)
        return bad_header();
    if (!get_sections(p, len, head_len, count, sections) || !get_numbers(out, p))
        return bad_header();
    set_dict(&out->key_dict, &sections[CDB_SECTION_KEYS], &sections[CDB_SECTION_KEYS_INDEX]);
    if (!set_rows(&out->commits, &sections[CDB_SECTION_COMMITS], out->to - out->from, CDB_COMMIT_ROW,
                  CDB_COMMIT_BLOCK) ||
        !set_rows(&out->ids, &sections[CDB_SECTION_IDS], out->to - out->from, CDB_ID_ROW, CDB_ID_BLOCK) ||
        !set_rows(&out->spans, &sections[CDB_SECTION_SPANS], cdb_dict_leaves(&out->key_dict), CDB_SPAN_ROW,
                  CDB_SPAN_BLOCK) ||
        !set_merges(out, &sections[CDB_SECTION_MERGES]))
        return bad_header();
    set_dict(&out->table_dict, &sections[CDB_SECTION_TABLES], &sections[CDB_SECTION_TABLES_INDEX]);
    out->older = sections[CDB_SECTION_VERSIONS].data;
    out->older_len = sections[CDB_SECTION_VERSIONS].len;
    return 0;
}

static void read_rows_from(struct cdb_segment *segment, int fd)
{
    struct cdb_rows *rows[] = {&segment->commits, &segment->ids, &segment->spans, &segment->merges};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i]->count > 0)
            cdb_rows_read_from(rows[i], fd, (uint64_t)(rows[i]->data - segment->data));
}

int cdb_segment_open(struct cdb_segment **out, int dir, uint64_t name)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_segment *segment;
    uint64_t size = 0;
    void *data = MAP_FAILED;
    int fd, result;

    cdb_file_segment(file, name);
    result = cdb_file_open(dir, file, O_RDONLY, &fd, &size);
    if (result != 0)
        return result == 2 ? bad_header() : result;
    if (size >= CDB_SEGMENT_HEAD && size <= SIZE_MAX / 2)
        data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    else
        errno = 0;
    if (data == MAP_FAILED)
        result = errno == 0 ? bad_header() : cdb_error_errno(file, "cannot map '%s'", file);
    if (result != 0) {
        close(fd);
        return result;
    }
    segment = malloc(sizeof(*segment));
    result = segment == NULL ? cdb_error_memory() : cdb_segment_view(segment, data, (size_t)size);
    if (result == 0 && segment->name != name)
        result = bad_header();
    if (result != 0) {
        munmap(data, (size_t)size);
        close(fd);
        free(segment);
        return result;
    }
    segment->mapped = true;
    segment->fd = fd;
    read_rows_from(segment, fd);
    *out = segment;
    return 0;
}

void cdb_segment_close(struct cdb_segment *segment)
{
    if (segment == NULL)
        return;
    if (segment->mapped)
        munmap((void *)(uintptr_t)segment->data, segment->len);
    if (segment->fd >= 0)
        close(segment->fd);
    free(segment);
}

/* ---- commits ------------------------------------------------------------------------------------ */

int cdb_segment_commit(struct cdb_segment *segment, uint64_t position, struct cdb_catalog_commit *out)
{
    const unsigned char *row;
    int result = cdb_rows_get(&segment->commits, (size_t)(position - segment->from), &row);

    if (result != 0)
        return result;
    memcpy(out->id.id, row, CDB_OID_SIZE);
    if (!cdb_index_get_time(row + CDB_OID_SIZE, &out->time, &out->merge))
        return cdb_index_damaged("the time of a commit is none");
    return 0;
}

static int find_merge(struct cdb_segment *segment, uint64_t limit, uint64_t *position)
{
    struct cdb_catalog_commit commit;
    while (limit-- > segment->from) {
        int result = cdb_segment_commit(segment, limit, &commit);
        *position = limit;
        if (result != 0 || commit.merge)
            return result;
    }
    return 1;
}

int cdb_segment_merge(struct cdb_segment *segment, uint64_t limit, uint64_t *position)
{
    size_t low = 0, high = segment->merges.count;
    uint64_t found = 0;
    if (!segment->has_merges)
        return find_merge(segment, limit, position);
    while (low < high) {
        const unsigned char *row;
        size_t middle = low + (high - low) / 2;
        int result = cdb_rows_get(&segment->merges, middle, &row);
        if (result != 0)
            return result;
        uint64_t at = segment->from + cdb_le_get32(row);
        if (at < limit) {
            low = middle + 1;
            found = at;
        } else {
            high = middle;
        }
    }
    *position = found;
    return low == 0 ? 1 : 0;
}

int cdb_segment_id(struct cdb_segment *segment, size_t index, uint32_t *prefix, uint32_t *delta)
{
    const unsigned char *row;
    int result = cdb_rows_get(&segment->ids, index, &row);

    if (result != 0)
        return result;
    *prefix = cdb_le_get32(row);
    *delta = cdb_le_get32(row + 4);
    return *delta < segment->ids.count ? 0 : cdb_index_damaged("the position of a commit is none");
}

/* The number of ids below the prefix. Ids are evenly spread: the place is guessed, then fenced in. */
static int lower_id(struct cdb_segment *segment, uint32_t wanted, size_t *out)
{
    size_t count = segment->ids.count, low = 0, high = count, step = 8;
    size_t probe = (size_t)((double)wanted / 4294967296.0 * (double)count);
    bool fenced_low = false, fenced_high = false;

    while (low < high) {
        uint32_t prefix, delta;
        int result;

        probe = probe < low ? low : probe >= high ? high - 1 : probe;
        result = cdb_segment_id(segment, probe, &prefix, &delta);
        if (result != 0)
            return result;
        if (prefix < wanted) {
            low = probe + 1;
            fenced_low = true;
        } else {
            high = probe;
            fenced_high = true;
        }
        if (fenced_low && fenced_high) {
            probe = low + (high - low) / 2;
        } else {
            probe = fenced_low ? low + step : high > step ? high - step : 0;
            step *= 4;
        }
    }
    *out = low;
    return 0;
}

int cdb_segment_find(struct cdb_segment *segment, const struct cdb_oid *commit, uint64_t *position)
{
    uint32_t wanted = cdb_segment_id_prefix(commit), prefix, delta;
    size_t index;
    int result = lower_id(segment, wanted, &index);

    for (; result == 0 && index < segment->ids.count; index++) {
        struct cdb_catalog_commit found;

        result = cdb_segment_id(segment, index, &prefix, &delta);
        if (result != 0 || prefix != wanted)
            break;
        result = cdb_segment_commit(segment, segment->from + delta, &found);
        if (result == 0 && cdb_oid_equal(&found.id, commit)) {
            *position = segment->from + delta;
            return 0;
        }
    }
    return result == 0 ? 1 : result;
}

int cdb_segment_at(struct cdb_segment *segment, uint64_t limit, chrondb_time time, uint64_t *position)
{
    uint64_t low = segment->from, high = limit;
    struct cdb_catalog_commit commit;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int result = cdb_segment_commit(segment, middle, &commit);

        if (result != 0)
            return result;
        if (cdb_time_compare(commit.time, time) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == segment->from)
        return 1;
    *position = low - 1;
    return 0;
}

/* ---- keys and versions -------------------------------------------------------------------------- */

int cdb_segment_span(struct cdb_segment *segment, size_t leaf, uint64_t *lowest, uint64_t *highest)
{
    const unsigned char *row;
    int result = cdb_rows_get(&segment->spans, leaf, &row);

    if (result == 0) {
        *lowest = segment->from + cdb_le_get32(row);
        *highest = segment->from + cdb_le_get32(row + 4);
    }
    return result;
}

#define KEY_EXISTED 1u
#define KEY_DELETED 2u
#define KEY_OLDER   4u

static int bad_version(void)
{
    return cdb_index_damaged("a version of a key is not what was written");
}

static bool get_blob(const unsigned char **at, const unsigned char *end, bool deleted, struct cdb_oid *out)
{
    memset(out, 0, sizeof(*out));
    if (deleted)
        return true;
    if (end - *at < CDB_OID_SIZE)
        return false;
    memcpy(out->id, *at, CDB_OID_SIZE);
    *at += CDB_OID_SIZE;
    return true;
}

int cdb_segment_key(const struct cdb_segment *segment, const struct cdb_dict_cursor *cursor,
                    struct cdb_segment_key *out)
{
    const unsigned char *at = cursor->value, *end = at + cursor->value_len;
    uint64_t flags, delta, older_len;

    if (!cdb_varint_get(&at, end, &flags) || !cdb_varint_get(&at, end, &delta) ||
        !get_blob(&at, end, (flags & KEY_DELETED) != 0, &out->newest.blob) || delta >= segment->to - segment->from)
        return bad_version();
    out->newest.position = segment->from + delta;
    out->existed = (flags & KEY_EXISTED) != 0;
    out->older = out->older_end = 0;
    if ((flags & KEY_OLDER) == 0)
        return 0;
    if (!cdb_varint_get(&at, end, &out->older) || !cdb_varint_get(&at, end, &older_len) ||
        out->older > segment->older_len || older_len > segment->older_len - out->older)
        return bad_version();
    out->older_end = out->older + older_len;
    return 0;
}

/* The block of older versions at an offset, its checksum looked at. `*end`: the offset behind it. */
static int load_versions(struct cdb_segment_walk *walk, uint64_t offset, uint64_t *end)
{
    const struct cdb_segment *segment = walk->segment;
    uint64_t number = offset / CDB_VERSION_BLOCK, start = number * CDB_VERSION_BLOCK;
    uint64_t size = segment->older_len - start < CDB_VERSION_BLOCK ? segment->older_len - start : CDB_VERSION_BLOCK;
    const unsigned char *block = segment->older + start;

    *end = start + size;
    if (walk->verified == number + 1)
        return 0;
    if (size < 4 || cdb_index_crc(0, block + 4, (size_t)size - 4) != cdb_le_get32(block))
        return cdb_index_damaged("a block of versions is not what was written");
    walk->verified = number + 1;
    return 0;
}

/* The version at walk->at, which moves behind it: 0, or 1 at the end. */
static int get_version(struct cdb_segment_walk *walk, struct cdb_catalog_version *out)
{
    const struct cdb_segment *segment = walk->segment;

    while (walk->at < walk->key.older_end) {
        const unsigned char *at, *limit;
        uint64_t head, end;
        int result = load_versions(walk, walk->at, &end);

        if (result != 0)
            return result;
        if (walk->at % CDB_VERSION_BLOCK < 4)
            walk->at = walk->at - walk->at % CDB_VERSION_BLOCK + 4;
        at = segment->older + walk->at;
        limit = segment->older + end;
        if (at >= limit || *at == 0) { /* padding, up to the next block */
            walk->at = end;
            continue;
        }
        if (!cdb_varint_get(&at, limit, &head) || !get_blob(&at, limit, (head - 1) % 2 != 0, &out->blob) ||
            (head - 1) / 2 >= segment->to - segment->from)
            return bad_version();
        out->position = segment->from + (head - 1) / 2;
        walk->at = (uint64_t)(at - segment->older);
        return 0;
    }
    return 1;
}

/* Pass over whole blocks whose versions are all at or above the limit. */
static int skip_blocks(struct cdb_segment_walk *walk)
{
    uint64_t low = walk->key.older / CDB_VERSION_BLOCK, high = (walk->key.older_end - 1) / CDB_VERSION_BLOCK + 1;
    uint64_t start = walk->key.older;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        struct cdb_catalog_version first;
        int result;

        walk->at = middle * CDB_VERSION_BLOCK;
        result = get_version(walk, &first);
        if (result < 0)
            return result;
        if (result == 0 && first.position >= walk->limit) {
            low = middle;
            start = middle * CDB_VERSION_BLOCK;
        } else {
            high = middle;
        }
    }
    walk->at = start;
    return 0;
}

void cdb_segment_walk(struct cdb_segment_walk *walk, const struct cdb_segment *segment,
                      const struct cdb_segment_key *key, uint64_t limit)
{
    *walk = (struct cdb_segment_walk){.segment = segment, .key = *key, .limit = limit, .at = key->older};
}

int cdb_segment_walk_next(struct cdb_segment_walk *walk, struct cdb_catalog_version *out)
{
    int result = 0;

    if (!walk->newest_done) {
        walk->newest_done = true;
        if (walk->key.newest.position < walk->limit) {
            *out = walk->key.newest;
            walk->limit = out->position;
            return 0;
        }
        if (walk->key.older < walk->key.older_end)
            result = skip_blocks(walk);
    }
    while (result == 0) {
        result = get_version(walk, out);
        if (result == 0 && out->position < walk->limit) {
            walk->limit = out->position;
            break;
        }
    }
    return result;
}

int cdb_segment_table(const struct cdb_dict_cursor *cursor, uint64_t *count)
{
    const unsigned char *at = cursor->value;

    return cdb_varint_get(&at, at + cursor->value_len, count) ? 0 : cdb_index_damaged("the count of a table is none");
}
