/* SPDX-License-Identifier: MIT */
#include "index/check.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ends.h"
#include "index/files.h"
#include "index/ft_segment.h"
#include "index/manifest.h"
#include "index/segment.h"
#include "index/shelf.h"
#include "index/tail.h"
#include "util/array.h"
#include "util/error.h"

#define TRIES 8

void cdb_index_check_release(struct cdb_index_check *check)
{
    free(check->done);
    check->done = NULL;
    check->done_count = check->done_room = 0;
}

static bool is_done(const struct cdb_index_check *check, uint64_t number)
{
    for (size_t i = 0; i < check->done_count; i++)
        if (check->done[i] == number)
            return true;
    return false;
}

static int add_done(struct cdb_index_check *check, uint64_t number)
{
    int result = cdb_array_grow(&check->done, &check->done_room, check->done_count, sizeof(*check->done));
    if (result == 0)
        check->done[check->done_count++] = number;
    return result;
}

/* The result of a look into a file: told if that is damaged, or cannot be read. */
static int settle(struct cdb_index_check *check, const char *file, int result)
{
    char message[256];
    if (result >= 0 || strcmp(chrondb_last_error()->name, "out_of_memory") == 0)
        return result;
    size_t len = strlen(chrondb_last_error()->message);
    len = len < sizeof(message) ? len : sizeof(message) - 1;
    memcpy(message, chrondb_last_error()->message, len);
    message[len] = '\0';
    return check->tell(check->context, file, message);
}

/* ---- segments ---------------------------------------------------------------------------------- */

static int check_rows(struct cdb_rows *rows)
{
    const unsigned char *row;
    int result = 0;
    for (size_t i = 0; i < rows->count && result == 0; i += rows->block_rows)
        result = cdb_rows_get(rows, i, &row);
    return result;
}

static int check_versions(const struct cdb_segment *segment)
{
    for (size_t at = 0; at < segment->older_len; at += CDB_VERSION_BLOCK) {
        const unsigned char *block = segment->older + at;
        size_t size = segment->older_len - at < CDB_VERSION_BLOCK ? segment->older_len - at : CDB_VERSION_BLOCK;
        if (size < 4 || cdb_index_crc(0, block + 4, size - 4) != cdb_le_get32(block))
            return cdb_index_damaged("a block of versions is not what was written");
    }
    return 0;
}

static int check_segment(struct cdb_segment *segment)
{
    int result = check_rows(&segment->commits);
    if (result == 0)
        result = check_rows(&segment->ids);
    if (result == 0)
        result = check_rows(&segment->spans);
    if (result == 0)
        result = check_rows(&segment->merges);
    if (result == 0)
        result = cdb_dict_check(&segment->key_dict);
    if (result == 0)
        result = cdb_dict_check(&segment->table_dict);
    return result == 0 ? check_versions(segment) : result;
}

/* 1: it is not there. */
static int look_at_segment(struct cdb_index_check *check, const struct cdb_manifest_segment *named)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_segment *segment = NULL;
    if (is_done(check, named->name))
        return 0;
    cdb_file_segment(file, named->name);
    int result = cdb_segment_open(&segment, check->dir, named->name);
    if (result == 1)
        return 1;
    if (result == 0 && (segment->len != named->bytes || segment->from != named->from || segment->to != named->to))
        result = cdb_index_damaged("a segment is not the one that was named");
    if (result == 0)
        result = check_segment(segment);
    cdb_segment_close(segment);
    result = settle(check, file, result);
    return result == 0 ? add_done(check, named->name) : result;
}

/* ---- tails ------------------------------------------------------------------------------------- */

/* A writer that dies leaves the beginning of a record; whole ones are damaged by something else. */
static bool is_damaged_tail(const struct cdb_buf *tail, uint64_t generation)
{
    const unsigned char *data = (const unsigned char *)cdb_buf_str(tail);
    struct cdb_tail_record record;
    struct cdb_oid id;
    uint64_t base;
    size_t at = CDB_TAIL_HEADER;
    if (tail->len < CDB_TAIL_HEADER)
        return false;
    if (!cdb_tail_get_header(data, tail->len, generation, &base, &id))
        return true;
    while (cdb_tail_get_record(&record, data, tail->len, at, generation))
        at += record.len;
    if (tail->len - at < CDB_TAIL_RECORD + CDB_TAIL_TRAILER)
        return false;
    uint32_t len = cdb_le_get32(data + at);
    return (len >= CDB_TAIL_RECORD + CDB_TAIL_TRAILER && len <= tail->len - at) ||
           cdb_tail_get_trailer(data + tail->len - CDB_TAIL_TRAILER, generation, &id);
}

/* 1: it is not there. What is being written while it is read is looked at again. */
static int look_at_tail(struct cdb_index_check *check, const struct cdb_manifest *manifest)
{
    char file[CDB_FILE_NAME_SIZE];
    bool damaged = true;
    int result = 0;
    cdb_file_tail(file, manifest->ref, manifest->generation);
    for (int i = 0; i < TRIES && damaged && result == 0; i++) {
        struct cdb_buf data = CDB_BUF_INIT;
        result = cdb_file_read(check->dir, file, CDB_TAIL_MAX, &data);
        damaged = result == 0 && is_damaged_tail(&data, manifest->generation);
        cdb_buf_release(&data);
    }
    if (result == 0 && damaged)
        return check->tell(check->context, file, "a record is not what was written");
    return result == 2 ? 0 : settle(check, file, result);
}

/* ---- the catalog ------------------------------------------------------------------------------- */

/* 1: a file is missing. */
static int look_at_all(struct cdb_index_check *check, const struct cdb_manifest *manifest)
{
    int result = 0;
    for (size_t i = 0; i < manifest->segment_count && result == 0; i++)
        result = look_at_segment(check, &manifest->segments[i]);
    return result == 0 ? look_at_tail(check, manifest) : result;
}

/* Is there a file, and is it none of a newer version? Then it must be one that can be used. */
static int look_at_unusable(struct cdb_index_check *check, const char *file, uint64_t max,
                            bool (*is_newer)(const void *data, size_t len))
{
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_read(check->dir, file, max, &data);
    if (result == 2 || (result == 0 && !is_newer(data.ptr, data.len)))
        result = check->tell(check->context, file, "it is not what was written");
    else if (result > 0)
        result = 0;
    cdb_buf_release(&data);
    return result;
}

/* Where a file is missing somebody has replaced what names it, or is deleting the index: it is looked for again, but
 * not missed. */
static int check_catalog(struct cdb_index_check *check, const char *ref)
{
    char file[CDB_FILE_NAME_SIZE];
    int result = 1;
    cdb_file_manifest(file, ref);
    for (int i = 0; i < TRIES && result == 1; i++) {
        struct cdb_manifest manifest = {.ref = NULL};
        result = cdb_manifest_read(&manifest, check->dir, ref);
        if (result == 1)
            return look_at_unusable(check, file, CDB_MANIFEST_MAX, cdb_manifest_is_newer);
        if (result == 0)
            result = look_at_all(check, &manifest);
        cdb_manifest_release(&manifest);
    }
    return result == 1 ? 0 : result;
}

/* ---- the shelf --------------------------------------------------------------------------------- */

static int look_at_text(struct cdb_index_check *check, const struct cdb_shelf_segment *named)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_ft_segment *segment = NULL;
    if (is_done(check, named->name))
        return 0;
    cdb_file_numbered(file, named->name, CDB_FILE_TEXT);
    int result = cdb_ft_segment_open(&segment, check->dir, named->name);
    if (result == 1)
        return 1;
    if (result == 0) {
        const struct cdb_pages *pages = cdb_ft_pages(segment);
        if (cdb_ft_info(segment)->docs != named->docs || cdb_ft_info(segment)->bytes != named->bytes)
            result = cdb_index_damaged("a segment of words is not the one that was named");
        else if (cdb_pages_check(pages, 0, pages->len) == NULL)
            result = CHRONDB_EDAMAGED;
    }
    cdb_ft_segment_close(segment);
    result = settle(check, file, result);
    return result == 0 ? add_done(check, named->name) : result;
}

static int look_at_ends(struct cdb_index_check *check, const struct cdb_shelf_segment *named)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_ends *ends = NULL;
    uint32_t min, max;
    if (named->ends == 0 || is_done(check, named->ends))
        return 0;
    cdb_file_numbered(file, named->ends, CDB_FILE_ENDS);
    int result = cdb_ends_open(&ends, check->dir, named->ends, named->docs);
    if (result == 1)
        return 1;
    if (result == 0 && ends->dead != named->dead)
        result = cdb_index_damaged("ends are not those that were named");
    if (result == 0)
        result = cdb_ends_span(ends, &min, &max); /* reads all of them */
    cdb_ends_close(ends);
    result = settle(check, file, result);
    return result == 0 ? add_done(check, named->ends) : result;
}

static int look_at_parts(struct cdb_index_check *check, const struct cdb_shelf *shelf)
{
    int result = 0;
    for (size_t i = 0; i < shelf->segment_count && result == 0; i++) {
        result = look_at_text(check, &shelf->segments[i]);
        if (result == 0)
            result = look_at_ends(check, &shelf->segments[i]);
    }
    return result;
}

static int check_shelf(struct cdb_index_check *check, const char *ref)
{
    char file[CDB_FILE_NAME_SIZE];
    int result = 1;
    cdb_file_search(file, ref);
    for (int i = 0; i < TRIES && result == 1; i++) {
        struct cdb_shelf shelf;
        result = cdb_shelf_read(&shelf, check->dir, ref);
        if (result == 1)
            return look_at_unusable(check, file, CDB_SHELF_MAX, cdb_shelf_is_newer);
        if (result == 0) {
            result = look_at_parts(check, &shelf);
            cdb_shelf_release(&shelf);
        }
    }
    return result == 1 ? 0 : result;
}

int cdb_index_check(struct cdb_index_check *check, const char *ref)
{
    int result = check_catalog(check, ref);
    return result == 0 ? check_shelf(check, ref) : result;
}
