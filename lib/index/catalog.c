/* SPDX-License-Identifier: MIT */
#include "index/catalog.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "index/files.h"
#include "index/tail.h"
#include "index/view.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/time.h"

#define OPEN_TRIES 16

/* ---- a view ------------------------------------------------------------------------------------- */

int cdb_catalog_new(struct cdb_catalog **out, const char *ref)
{
    struct cdb_catalog *catalog = calloc(1, sizeof(*catalog));

    if (catalog == NULL || (catalog->ref = strdup(ref)) == NULL) {
        free(catalog);
        return cdb_error_memory();
    }
    *out = catalog;
    return 0;
}

void cdb_catalog_close(struct cdb_catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < catalog->segment_count; i++)
        cdb_segment_close(catalog->segments[i].segment);
    free(catalog->segments);
    cdb_memory_release(&catalog->memory);
    cdb_overlay_release(&catalog->overlay);
    free(catalog->ref);
    free(catalog);
}

uint64_t cdb_catalog_count(const struct cdb_catalog *catalog)
{
    return catalog->memory.from + catalog->memory.commit_count;
}

void cdb_catalog_changed(struct cdb_catalog *catalog)
{
    cdb_overlay_release(&catalog->overlay);
    catalog->has_overlay = false;
    catalog->has_prepared = false;
}

int cdb_catalog_attach(struct cdb_catalog *catalog, struct cdb_segment *segment, uint64_t until)
{
    struct cdb_catalog_commit last;
    int result = 0;

    if (segment->from != catalog->memory.from || catalog->memory.commit_count > 0 || until < segment->from ||
        until > segment->to)
        result = cdb_index_damaged("a segment is not the next one");
    if (result == 0)
        result = cdb_array_grow((void *)&catalog->segments, &catalog->segment_room, catalog->segment_count,
                                sizeof(*catalog->segments));
    last.time = segment->last_time;
    if (result == 0 && until > segment->from && until < segment->to)
        result = cdb_segment_commit(segment, until - 1, &last);
    if (result != 0) {
        cdb_segment_close(segment);
        return result;
    }
    if (until > segment->from)
        catalog->last_time = last.time;
    catalog->segments[catalog->segment_count++] = (struct cdb_catalog_segment){segment, until};
    cdb_memory_init(&catalog->memory, until);
    cdb_catalog_changed(catalog);
    return 0;
}

int cdb_catalog_last(struct cdb_catalog *catalog, struct cdb_oid *out)
{
    uint64_t count = cdb_catalog_count(catalog);
    struct cdb_catalog_commit commit = {.merge = false};
    int result = count > 0 ? cdb_catalog_commit(catalog, count - 1, &commit) : 0;

    *out = commit.id;
    return result;
}

/* ---- opening ------------------------------------------------------------------------------------ */

static int replay_record(struct cdb_catalog *catalog, const struct cdb_tail_record *record)
{
    int result = cdb_memory_add_commit(&catalog->memory, &record->commit);

    for (const unsigned char *at = record->changes; result == 0 && at < record->end; at += cdb_change_size(at))
        result = cdb_memory_add_change(&catalog->memory, at);
    catalog->last_time = record->commit.time;
    return result;
}

int cdb_catalog_replay(struct cdb_catalog *catalog, uint64_t generation, struct cdb_buf *tail)
{
    struct cdb_oid last, begun;
    struct cdb_tail_record record;
    uint64_t base;
    unsigned char *data;
    size_t at = CDB_TAIL_HEADER;
    int result = cdb_catalog_last(catalog, &last);

    if (result != 0)
        return result;
    if (!cdb_tail_get_header((unsigned char *)tail->ptr, tail->len, generation, &base, &begun) ||
        base != catalog->memory.from || !cdb_oid_equal(&begun, &last))
        return 0;
    data = cdb_memory_alloc(&catalog->memory, tail->len);
    if (data == NULL)
        return CHRONDB_ESYSTEM;
    memcpy(data, tail->ptr, tail->len);
    while (result == 0 && cdb_tail_get_record(&record, data, tail->len, at, generation)) {
        if (!cdb_oid_equal(&record.before, &last) ||
            (cdb_catalog_count(catalog) > 0 && cdb_time_compare(record.commit.time, catalog->last_time) <= 0))
            break;
        result = replay_record(catalog, &record);
        last = record.commit.id;
        at += record.len;
    }
    catalog->tail_bytes = at;
    cdb_catalog_changed(catalog);
    return result;
}

/* 0; 1: a file is missing; CHRONDB_EDAMAGED. */
static int attach_all(struct cdb_catalog *catalog, int dir, const struct cdb_manifest *manifest)
{
    struct cdb_oid last;
    int result = 0;

    for (size_t i = 0; result == 0 && i < manifest->segment_count; i++) {
        const struct cdb_manifest_segment *named = &manifest->segments[i];
        struct cdb_segment *segment;

        result = cdb_segment_open(&segment, dir, named->name);
        if (result != 0)
            break;
        if (segment->len != named->bytes || segment->from != named->from || segment->to != named->to) {
            cdb_segment_close(segment);
            return cdb_index_damaged("a segment is not the one that was named");
        }
        result = cdb_catalog_attach(catalog, segment, named->until);
    }
    if (result == 0)
        result = cdb_catalog_last(catalog, &last);
    if (result == 0 && !cdb_oid_equal(&last, &manifest->last))
        result = cdb_index_damaged("the segments end with another commit");
    return result;
}

static int open_tail(struct cdb_catalog *catalog, int dir, const struct cdb_manifest *manifest)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf data = CDB_BUF_INIT;
    int result;

    cdb_file_tail(file, manifest->ref, manifest->generation);
    result = cdb_file_read(dir, file, CDB_TAIL_MAX, &data);
    if (result == 0)
        result = cdb_catalog_replay(catalog, manifest->generation, &data);
    cdb_buf_release(&data);
    return result;
}

/* What one manifest names. 0; 1: unusable; 2: a file is missing, perhaps there is a newer manifest. */
static int open_manifest(struct cdb_catalog **out, int dir, const char *ref, const struct cdb_manifest *manifest,
                         bool without_tail)
{
    struct cdb_catalog *catalog = NULL;
    int result = cdb_catalog_new(&catalog, ref);

    if (result != 0)
        return result;
    result = attach_all(catalog, dir, manifest);
    if (result == 1)
        result = 2;
    if (result == 0) {
        result = open_tail(catalog, dir, manifest);
        if (result == 1 && !without_tail)
            result = 2;
        else if (result > 0)
            result = 0; /* not there, or no file: nothing of it is used */
    }
    if (result == 0)
        *out = catalog;
    else
        cdb_catalog_close(catalog);
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

/* Of the branch `from`, as one of `ref`. */
static int open_as(struct cdb_catalog **out, int dir, const char *ref, const char *from)
{
    uint32_t crc = 0;
    bool same = false;
    int result = 2;

    /* A file that went away was merged or saved: then there is a newer manifest. If it is the same one, what is missing
     * is missed. */
    for (int i = 0; result == 2 && !same && i < OPEN_TRIES; i++) {
        struct cdb_manifest manifest;

        result = cdb_manifest_read(&manifest, dir, from);
        if (result != 0)
            break;
        same = i > 0 && manifest.crc == crc;
        crc = manifest.crc;
        result = open_manifest(out, dir, ref, &manifest, same);
        cdb_manifest_release(&manifest);
    }
    return result == 2 ? 1 : result;
}

int cdb_catalog_open(struct cdb_catalog **out, int dir, const char *ref)
{
    return open_as(out, dir, ref, ref);
}

/* ---- borrowing ---------------------------------------------------------------------------------- */

#define BORROW_MAX 256

/* The ref of a manifest's file, allocated; NULL if it is none. */
static char *ref_of(int dir, const char *file)
{
    struct cdb_buf data = CDB_BUF_INIT;
    struct cdb_manifest manifest = {.ref = NULL};
    char *ref = NULL;

    if (cdb_file_read(dir, file, CDB_MANIFEST_MAX, &data) == 0 &&
        cdb_manifest_decode(&manifest, data.ptr, data.len) == 0) {
        ref = manifest.ref;
        manifest.ref = NULL;
        cdb_manifest_release(&manifest);
    }
    cdb_buf_release(&data);
    return ref;
}

/* 0; 1: not this one. */
static int borrow_from(struct cdb_catalog **out, int dir, const char *ref, const char *file,
                       const struct cdb_oid *commit)
{
    char *from = ref_of(dir, file);
    uint64_t position;
    int result = from == NULL ? 1 : open_as(out, dir, ref, from);

    free(from);
    if (result != 0)
        return result;
    result = cdb_catalog_find(*out, commit, &position);
    if (result == 0)
        result = cdb_catalog_cut(*out, position + 1);
    if (result != 0) {
        cdb_catalog_close(*out);
        *out = NULL;
    }
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

int cdb_catalog_borrow(struct cdb_catalog **out, int dir, const char *ref, const struct cdb_oid *commit)
{
    DIR *listing = cdb_fs_opendir(dir, ".");
    const struct dirent *entry;
    int result = 1;

    if (listing == NULL)
        return cdb_error_errno(NULL, "cannot list the index");
    for (int tries = 0; result == 1 && tries < BORROW_MAX && (entry = readdir(listing)) != NULL;) {
        if (!cdb_file_ends(entry->d_name, CDB_FILE_MANIFEST))
            continue;
        tries++;
        result = borrow_from(out, dir, ref, entry->d_name, commit);
    }
    closedir(listing);
    return result;
}

/* ---- the timeline ------------------------------------------------------------------------------- */

/* The segment that holds a position below memory.from. */
static const struct cdb_catalog_segment *segment_at(const struct cdb_catalog *catalog, uint64_t position)
{
    size_t low = 0, high = catalog->segment_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (catalog->segments[middle].until <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return &catalog->segments[low];
}

int cdb_catalog_commit(struct cdb_catalog *catalog, uint64_t position, struct cdb_catalog_commit *out)
{
    if (position < catalog->memory.from)
        return cdb_segment_commit(segment_at(catalog, position)->segment, position, out);
    cdb_memory_commit(&catalog->memory, (size_t)(position - catalog->memory.from), out);
    return 0;
}

int cdb_catalog_find(struct cdb_catalog *catalog, const struct cdb_oid *commit, uint64_t *position)
{
    size_t index;
    int result = cdb_memory_find(&catalog->memory, commit, &index);

    if (result == 0)
        *position = catalog->memory.from + index;
    for (size_t i = catalog->segment_count; result == 1 && i-- > 0;) {
        result = cdb_segment_find(catalog->segments[i].segment, commit, position);
        if (result == 0 && *position >= catalog->segments[i].until)
            result = 1;
    }
    return result;
}

/* The last commit in memory at or before a time. */
static int memory_at(const struct cdb_memory *memory, chrondb_time time, uint64_t *position)
{
    size_t low = 0, high = memory->commit_count;
    struct cdb_catalog_commit commit;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        cdb_memory_commit(memory, middle, &commit);
        if (cdb_time_compare(commit.time, time) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    *position = memory->from + low - 1;
    return low > 0 ? 0 : 1;
}

int cdb_catalog_merge_before(struct cdb_catalog *catalog, uint64_t end, uint64_t *position)
{
    int result = 1;
    for (uint64_t at = end; at > catalog->memory.from; at--) {
        struct cdb_catalog_commit commit;
        cdb_memory_commit(&catalog->memory, (size_t)(at - 1 - catalog->memory.from), &commit);
        *position = at - 1;
        if (commit.merge)
            return 0;
    }
    for (size_t i = catalog->segment_count; result == 1 && i-- > 0;) {
        const struct cdb_catalog_segment *part = &catalog->segments[i];
        uint64_t limit = part->until < end ? part->until : end;
        if (limit > part->segment->from)
            result = cdb_segment_merge(part->segment, limit, position);
    }
    return result;
}

int cdb_catalog_at(struct cdb_catalog *catalog, chrondb_time time, uint64_t *position)
{
    int result = memory_at(&catalog->memory, time, position);

    for (size_t i = catalog->segment_count; result == 1 && i-- > 0;) {
        const struct cdb_catalog_segment *at = &catalog->segments[i];

        if (at->until > at->segment->from && cdb_time_compare(at->segment->first_time, time) <= 0)
            result = cdb_segment_at(at->segment, at->until, time, position);
    }
    return result;
}

/* ---- changing it -------------------------------------------------------------------------------- */

/* Forget the segments behind a position below memory.from. */
static void cut_segments(struct cdb_catalog *catalog, uint64_t count)
{
    while (catalog->segment_count > 0) {
        struct cdb_catalog_segment *last = &catalog->segments[catalog->segment_count - 1];

        /* One of no commits corrects the tables at its place. */
        if (last->segment->from < count || (last->segment->from == count && last->until == count)) {
            last->until = count;
            break;
        }
        cdb_segment_close(last->segment);
        catalog->segment_count--;
    }
    cdb_memory_release(&catalog->memory);
    cdb_memory_init(&catalog->memory, count);
}

int cdb_catalog_cut(struct cdb_catalog *catalog, uint64_t count)
{
    struct cdb_catalog_commit last;

    if (count >= cdb_catalog_count(catalog))
        return 0;
    cdb_catalog_changed(catalog);
    catalog->was_cut = true;
    if (count < catalog->memory.from)
        cut_segments(catalog, count);
    else
        cdb_memory_cut(&catalog->memory, (size_t)(count - catalog->memory.from));
    if (count == 0)
        return 0;
    int result = cdb_catalog_commit(catalog, count - 1, &last);
    if (result == 0)
        catalog->last_time = last.time;
    return result;
}

/* What a caller must not do would make wrong answers of everything behind it. */
static int check_added(const struct cdb_catalog *catalog, const struct cdb_catalog_commit *commit,
                       const struct cdb_catalog_change *changes, size_t count)
{
    if (cdb_catalog_count(catalog) > 0 && cdb_time_compare(commit->time, catalog->last_time) <= 0)
        return cdb_index_damaged("times do not grow");
    for (size_t i = 0; i < count; i++) {
        if (changes[i].key_len > CDB_DICT_KEY_MAX)
            return cdb_index_damaged("a key is too long");
        if (i > 0 &&
            cdb_bytes_compare(changes[i - 1].key, changes[i - 1].key_len, changes[i].key, changes[i].key_len) >= 0)
            return cdb_index_damaged("the keys of a commit are not in order");
    }
    return 0;
}

int cdb_catalog_add(struct cdb_catalog *catalog, const struct cdb_catalog_commit *commit,
                    const struct cdb_catalog_change *changes, size_t count)
{
    size_t commits = catalog->memory.commit_count;
    int result = check_added(catalog, commit, changes, count);

    if (result != 0)
        return result;
    cdb_catalog_changed(catalog);
    result = cdb_memory_add_commit(&catalog->memory, commit);
    for (size_t i = 0; result == 0 && i < count; i++) {
        unsigned char *change = cdb_memory_alloc(&catalog->memory, CDB_CHANGE_HEAD + changes[i].key_len);

        if (change == NULL) {
            result = CHRONDB_ESYSTEM;
            break;
        }
        cdb_change_encode(change, &changes[i]);
        result = cdb_memory_add_change(&catalog->memory, change);
    }
    if (result == 0)
        catalog->last_time = commit->time;
    else
        cdb_memory_cut(&catalog->memory, commits);
    return result;
}

size_t cdb_catalog_added_bytes(const struct cdb_catalog *catalog)
{
    return cdb_memory_bytes(&catalog->memory);
}

bool cdb_catalog_save_due(const struct cdb_catalog *catalog)
{
    return catalog->tail_bytes >= CDB_TAIL_DUE;
}
