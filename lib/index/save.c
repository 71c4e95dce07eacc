/* SPDX-License-Identifier: MIT
 *
 * What is in memory becomes files. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index/files.h"
#include "index/tail.h"
#include "index/view.h"
#include "util/error.h"
#include "util/fault.h"

/* ---- the segment -------------------------------------------------------------------------------- */

/* Something is in memory, or the last segment is cut: then the tables at the cut must be written. */
static bool needs_segment(const struct cdb_catalog *catalog)
{
    const struct cdb_catalog_segment *last =
        catalog->segment_count > 0 ? &catalog->segments[catalog->segment_count - 1] : NULL;

    return catalog->memory.commit_count > 0 || (last != NULL && last->until < last->segment->to);
}

int cdb_catalog_prepare(struct cdb_catalog *catalog, int dir)
{
    int result;

    if (catalog->has_prepared || !needs_segment(catalog))
        return 0;
    result = cdb_catalog_write(catalog, dir, catalog->segment_count, catalog->segment_count + 1, &catalog->prepared);
    catalog->has_prepared = result == 0;
    CDB_FAULT("index-prepared");
    return result;
}

/* ---- the manifest ------------------------------------------------------------------------------- */

int cdb_catalog_manifest(struct cdb_catalog *catalog, struct cdb_manifest *out)
{
    struct cdb_catalog_commit last = {.merge = false};
    int result = 0;

    *out = (struct cdb_manifest){.ref = strdup(catalog->ref), .count = catalog->memory.from};
    out->segments = calloc(catalog->segment_count + 1, sizeof(*out->segments));
    if (out->ref == NULL || out->segments == NULL)
        result = cdb_error_memory();
    for (size_t i = 0; result == 0 && i < catalog->segment_count; i++) {
        const struct cdb_catalog_segment *at = &catalog->segments[i];

        out->segments[i] = (struct cdb_manifest_segment){at->segment->name, at->segment->from, at->segment->to,
                                                         at->until, at->segment->len};
    }
    out->segment_count = catalog->segment_count;
    if (result == 0 && out->count > 0)
        result = cdb_catalog_commit(catalog, out->count - 1, &last);
    out->last = last.id;
    out->time = last.time;
    if (result != 0)
        cdb_manifest_release(out);
    return result;
}

/* With the segment that was prepared. */
static int new_manifest(struct cdb_catalog *catalog, struct cdb_manifest *out)
{
    int result = cdb_catalog_manifest(catalog, out);

    if (result != 0)
        return result;
    result = cdb_file_random(&out->generation);
    if (result == 0)
        result = cdb_catalog_last(catalog, &out->last);
    if (result != 0) {
        cdb_manifest_release(out);
        return result;
    }
    if (catalog->has_prepared)
        out->segments[out->segment_count++] = catalog->prepared;
    out->count = cdb_catalog_count(catalog);
    out->time = out->count > 0 ? catalog->last_time : (chrondb_time){0, 0};
    return 0;
}

/* ---- the tail ----------------------------------------------------------------------------------- */

/* The commits that were logged to a tail after `last`, as records of another generation. */
static void copy_records(struct cdb_buf *out, uint64_t generation, const struct cdb_buf *tail, uint64_t old,
                         struct cdb_oid last)
{
    const unsigned char *data = (const unsigned char *)tail->ptr;
    struct cdb_tail_record record;
    struct cdb_oid begun;
    uint64_t base;

    if (!cdb_tail_get_header(data, tail->len, old, &base, &begun))
        return;
    for (size_t at = CDB_TAIL_HEADER; cdb_tail_get_record(&record, data, tail->len, at, old); at += record.len) {
        if (!cdb_oid_equal(&record.before, &last))
            continue;
        cdb_tail_copy_record(out, generation, &record);
        last = record.commit.id;
    }
}

/* Begin a new tail, with what writers appended to the present one after this view's end: nothing, if what was cut off
 * is there, which they do not append to. */
static int write_tail(struct cdb_catalog *catalog, int dir, const struct cdb_manifest *manifest, uint64_t *old)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf data = CDB_BUF_INIT, before = CDB_BUF_INIT;
    struct cdb_manifest present;
    int result = cdb_manifest_read(&present, dir, catalog->ref);

    *old = 0;
    cdb_tail_put_header(&data, manifest->generation, manifest->count, &manifest->last);
    if (result == 0) {
        *old = present.generation;
        cdb_file_tail(file, catalog->ref, present.generation);
        result = cdb_file_read(dir, file, CDB_TAIL_MAX, &before);
        if (result == 0 && !catalog->was_cut)
            copy_records(&data, manifest->generation, &before, present.generation, manifest->last);
        cdb_manifest_release(&present);
    }
    if (result >= 0)
        result = cdb_buf_check(&data);
    if (result == 0)
        result = cdb_tail_create(dir, catalog->ref, manifest->generation, &data);
    CDB_FAULT("index-tail-written");
    cdb_buf_release(&before);
    cdb_buf_release(&data);
    return result;
}

/* ---- together ----------------------------------------------------------------------------------- */

/* Are the files that the view is made of still there? */
static int check_files(const struct cdb_manifest *manifest, int dir)
{
    char file[CDB_FILE_NAME_SIZE];

    for (size_t i = 0; i < manifest->segment_count; i++) {
        cdb_file_segment(file, manifest->segments[i].name);
        if (faccessat(dir, file, F_OK, 0) != 0)
            return 1;
    }
    return 0;
}

static int publish(struct cdb_catalog *catalog, int dir, const struct cdb_manifest *manifest)
{
    char file[CDB_FILE_NAME_SIZE];
    uint64_t unused = 0;
    int result = write_tail(catalog, dir, manifest, &unused);

    if (result != 0)
        return result;
    result = cdb_manifest_write(dir, manifest);
    if (result != 0)
        unused = manifest->generation;
    /* Readers that were about to open the old one read the new manifest. */
    cdb_file_tail(file, catalog->ref, unused);
    if (unused != 0)
        unlinkat(dir, file, 0);
    return result;
}

/* What was in memory is read from its segment from now on. */
static int swap_memory(struct cdb_catalog *catalog, int dir)
{
    struct cdb_segment *segment;
    uint64_t from = catalog->memory.from;
    int result;

    if (!catalog->has_prepared)
        return 0;
    result = cdb_segment_open(&segment, dir, catalog->prepared.name);
    if (result != 0)
        return result == 1 ? cdb_index_damaged("a segment is gone that was just written") : result;
    cdb_memory_release(&catalog->memory);
    cdb_memory_init(&catalog->memory, from);
    return cdb_catalog_attach(catalog, segment, segment->to);
}

int cdb_catalog_save(struct cdb_catalog *catalog, int dir)
{
    struct cdb_manifest manifest;
    int result = cdb_catalog_prepare(catalog, dir);

    if (result != 0)
        return result;
    result = new_manifest(catalog, &manifest);
    if (result != 0)
        return result;
    result = check_files(&manifest, dir);
    if (result == 0)
        result = publish(catalog, dir, &manifest);
    cdb_manifest_release(&manifest);
    if (result == 0) {
        catalog->tail_bytes = 0;
        catalog->was_cut = false;
        result = swap_memory(catalog, dir);
    }
    return result;
}
