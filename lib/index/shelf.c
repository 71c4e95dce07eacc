/* SPDX-License-Identifier: MIT */
#include "index/shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "index/bytes.h"
#include "index/ends.h"
#include "index/files.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define MAGIC "CDBSRCH\n"
#define HEAD  64
#define ENTRY 64
#define MARK  28

void cdb_shelf_release(struct cdb_shelf *shelf)
{
    free(shelf->ref);
    free(shelf->marks);
    free(shelf->segments);
    *shelf = (struct cdb_shelf){.ref = NULL};
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool is_sound(const unsigned char *p, size_t len)
{
    return len >= HEAD && len <= CDB_SHELF_MAX && memcmp(p, MAGIC, 8) == 0 && cdb_le_get32(p + 16) == len &&
           cdb_index_crc(cdb_index_crc(0, p, 12), p + 16, len - 16) == cdb_le_get32(p + 12);
}

bool cdb_shelf_is_newer(const void *data, size_t len)
{
    return is_sound(data, len) && cdb_le_get32((const unsigned char *)data + 8) > CDB_SHELF_VERSION;
}

static void get_segment(struct cdb_shelf_segment *out, const unsigned char *p)
{
    out->name = cdb_le_get64(p);
    out->bytes = cdb_le_get64(p + 8);
    out->ends = cdb_le_get64(p + 16);
    out->ends_bytes = cdb_le_get64(p + 24);
    out->docs = cdb_le_get32(p + 32);
    out->dead = cdb_le_get32(p + 36);
    out->min_from = cdb_le_get32(p + 40);
    out->max_from = cdb_le_get32(p + 44);
    out->min_end = cdb_le_get32(p + 48);
    out->max_end = cdb_le_get32(p + 52);
}

static bool is_possible(const struct cdb_shelf_segment *segment, uint64_t end)
{
    if (segment->name == 0 || segment->docs == 0 || segment->dead > segment->docs ||
        (segment->ends == 0) != (segment->dead == 0) || segment->min_from > segment->max_from)
        return false;
    if (segment->dead == 0)
        return segment->min_end == CDB_ENDS_NONE && segment->max_end == 0 && segment->max_from < end;
    return segment->min_end <= segment->max_end && segment->max_end < end;
}

static bool makes_sense(const struct cdb_shelf *shelf)
{
    for (size_t i = 0; i < shelf->segment_count; i++)
        if (!is_possible(&shelf->segments[i], shelf->end))
            return false;
    for (size_t i = 0; i < shelf->mark_count; i++)
        if (shelf->marks[i].position >= (i == 0 ? shelf->end : shelf->marks[i - 1].position))
            return false;
    return shelf->end > 0 && shelf->end < CDB_ENDS_NONE && shelf->mark_count > 0 &&
           shelf->marks[0].position == shelf->end - 1;
}

static int get_lists(struct cdb_shelf *out, const unsigned char *p, size_t ref_len)
{
    const unsigned char *marks = p + HEAD + out->segment_count * ENTRY;

    out->segments = calloc(out->segment_count + 1, sizeof(*out->segments));
    out->marks = calloc(out->mark_count + 1, sizeof(*out->marks));
    out->ref = strndup((const char *)marks + out->mark_count * MARK, ref_len);
    if (out->segments == NULL || out->marks == NULL || out->ref == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < out->segment_count; i++)
        get_segment(&out->segments[i], p + HEAD + i * ENTRY);
    for (size_t i = 0; i < out->mark_count; i++) {
        out->marks[i].position = cdb_le_get64(marks + i * MARK);
        memcpy(out->marks[i].commit.id, marks + i * MARK + 8, CDB_OID_SIZE);
    }
    return 0;
}

int cdb_shelf_decode(struct cdb_shelf *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    int result;

    *out = (struct cdb_shelf){.ref = NULL};
    if (!is_sound(p, len) || cdb_le_get32(p + 8) != CDB_SHELF_VERSION)
        return 1;
    uint64_t segments = cdb_le_get32(p + 20), marks = cdb_le_get32(p + 32), ref_len = cdb_le_get32(p + 36),
             language_len = cdb_le_get32(p + 40);
    if (marks > CDB_SHELF_MARKS_MAX || ref_len > CDB_SHELF_REF_MAX || language_len > CDB_SHELF_LANGUAGE_MAX ||
        HEAD + segments * ENTRY + marks * MARK + ref_len + language_len != len ||
        memchr(p + len - ref_len - language_len, '\0', (size_t)(ref_len + language_len)) != NULL)
        return 1;
    out->segment_count = (size_t)segments;
    out->mark_count = (size_t)marks;
    out->end = cdb_le_get64(p + 24);
    out->analysis = cdb_le_get32(p + 44);
    out->crc = cdb_le_get32(p + 12);
    memcpy(out->language, p + len - language_len, (size_t)language_len);
    result = get_lists(out, p, (size_t)ref_len);
    if (result == 0 && !makes_sense(out))
        result = 1;
    if (result != 0)
        cdb_shelf_release(out);
    return result;
}

static int read_file(struct cdb_shelf *out, int dir, const char *file)
{
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_read(dir, file, CDB_SHELF_MAX, &data);

    *out = (struct cdb_shelf){.ref = NULL};
    if (result == 0)
        result = cdb_shelf_decode(out, data.ptr, data.len);
    cdb_buf_release(&data);
    return result > 0 ? 1 : result;
}

int cdb_shelf_read(struct cdb_shelf *out, int dir, const char *ref)
{
    char file[CDB_FILE_NAME_SIZE];
    int result;

    cdb_file_search(file, ref);
    result = read_file(out, dir, file);
    if (result == 0 && strcmp(out->ref, ref) != 0) {
        cdb_shelf_release(out);
        result = 1;
    }
    return result;
}

int cdb_shelf_list(int dir, int (*each)(void *context, const struct cdb_shelf *shelf), void *context)
{
    DIR *listing = cdb_fs_opendir(dir, ".");
    const struct dirent *entry;
    int result = 0;

    if (listing == NULL)
        return errno == ENOENT ? 0 : cdb_error_errno(NULL, "cannot list the index");
    while (result == 0 && (entry = readdir(listing)) != NULL) {
        struct cdb_shelf shelf;

        if (!cdb_file_ends(entry->d_name, CDB_FILE_SEARCH))
            continue;
        result = read_file(&shelf, dir, entry->d_name);
        if (result == 0)
            result = each(context, &shelf);
        else if (result == 1)
            result = 0;
        cdb_shelf_release(&shelf);
    }
    closedir(listing);
    return result;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void put_segment(unsigned char *p, const struct cdb_shelf_segment *segment)
{
    memset(p, 0, ENTRY);
    cdb_le_put64(p, segment->name);
    cdb_le_put64(p + 8, segment->bytes);
    cdb_le_put64(p + 16, segment->ends);
    cdb_le_put64(p + 24, segment->ends_bytes);
    cdb_le_put32(p + 32, segment->docs);
    cdb_le_put32(p + 36, segment->dead);
    cdb_le_put32(p + 40, segment->min_from);
    cdb_le_put32(p + 44, segment->max_from);
    cdb_le_put32(p + 48, segment->min_end);
    cdb_le_put32(p + 52, segment->max_end);
}

void cdb_shelf_encode(struct cdb_buf *out, const struct cdb_shelf *shelf)
{
    size_t ref_len = strlen(shelf->ref), language_len = strlen(shelf->language);
    size_t len = HEAD + shelf->segment_count * ENTRY + shelf->mark_count * MARK + ref_len + language_len;

    if (!cdb_buf_reserve(out, len))
        return;
    unsigned char *start = (unsigned char *)out->ptr + out->len, *p = start;
    memset(p, 0, HEAD);
    memcpy(p, MAGIC, 8);
    cdb_le_put32(p + 8, CDB_SHELF_VERSION);
    cdb_le_put32(p + 16, (uint32_t)len);
    cdb_le_put32(p + 20, (uint32_t)shelf->segment_count);
    cdb_le_put64(p + 24, shelf->end);
    cdb_le_put32(p + 32, (uint32_t)shelf->mark_count);
    cdb_le_put32(p + 36, (uint32_t)ref_len);
    cdb_le_put32(p + 40, (uint32_t)language_len);
    cdb_le_put32(p + 44, shelf->analysis);
    p += HEAD;
    for (size_t i = 0; i < shelf->segment_count; i++, p += ENTRY)
        put_segment(p, &shelf->segments[i]);
    for (size_t i = 0; i < shelf->mark_count; i++, p += MARK) {
        cdb_le_put64(p, shelf->marks[i].position);
        memcpy(p + 8, shelf->marks[i].commit.id, CDB_OID_SIZE);
    }
    memcpy(p, shelf->ref, ref_len);
    memcpy(p + ref_len, shelf->language, language_len);
    cdb_le_put32(start + 12, cdb_index_crc(cdb_index_crc(0, start, 12), start + 16, len - 16));
    out->len += len;
}

int cdb_shelf_write(int dir, const struct cdb_shelf *shelf)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf data = CDB_BUF_INIT;
    int result;

    cdb_file_search(file, shelf->ref);
    cdb_shelf_encode(&data, shelf);
    result = cdb_buf_check(&data);
    if (result == 0 && data.len > CDB_SHELF_MAX)
        result = cdb_index_damaged("a branch has too many segments of words");
    if (result == 0)
        result = cdb_file_replace(dir, file, data.ptr, data.len);
    CDB_FAULT("search-shelf-written");
    cdb_buf_release(&data);
    return result;
}

size_t cdb_shelf_mark_positions(uint64_t end, uint64_t positions[CDB_SHELF_MARKS_MAX])
{
    size_t count = 0;

    if (end == 0)
        return 0;
    positions[count++] = end - 1;
    for (uint64_t back = 1; back <= end - 1 && count < CDB_SHELF_MARKS_MAX; back *= 2)
        positions[count++] = end - 1 - back;
    return count;
}
