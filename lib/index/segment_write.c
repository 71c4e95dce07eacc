/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index/bytes.h"
#include "index/files.h"
#include "index/segment.h"
#include "util/error.h"
#include "util/fault.h"

#define KEY_EXISTED 1u
#define KEY_DELETED 2u
#define KEY_OLDER   4u
#define HEAD_SIZE   (CDB_SEGMENT_HEAD + CDB_SECTION_COUNT * CDB_SEGMENT_ENTRY)

enum stage { KEYS, COMMITS, IDS, TABLES };

struct cdb_segment_writer {
    int dir; /* borrowed */
    char temporary[CDB_FILE_NAME_SIZE];
    struct cdb_sink file, older;
    struct cdb_buf spans;        /* rows, of the leaves that are complete */
    struct cdb_buf merges;       /* rows */
    uint32_t lowest, highest;    /* of the one that is not */
    struct cdb_dict_writer dict; /* of the keys, later of the tables */
    enum stage stage;
    uint64_t from, commits, ids, keys, versions;
    chrondb_time first_time, last_time;
    struct {
        uint64_t offset, len;
    } sections[CDB_SECTION_COUNT + 1];
    /* The key that is being written. */
    char key[CDB_DICT_KEY_MAX];
    size_t key_len;
    bool key_open, key_existed;
    size_t key_versions;
    struct cdb_catalog_version newest;
    uint64_t key_older, older_end, oldest;
    /* A block of rows or of older versions. */
    unsigned char block[CDB_VERSION_BLOCK];
    size_t used;
};

/* ---- the file ----------------------------------------------------------------------------------- */

static void writer_release(struct cdb_segment_writer *writer)
{
    cdb_sink_release(&writer->file);
    cdb_sink_release(&writer->older);
    cdb_buf_release(&writer->spans);
    cdb_buf_release(&writer->merges);
    cdb_dict_writer_release(&writer->dict);
    if (writer->temporary[0] != '\0')
        unlinkat(writer->dir, writer->temporary, 0);
}

void cdb_segment_writer_free(struct cdb_segment_writer *writer)
{
    if (writer == NULL)
        return;
    writer_release(writer);
    free(writer);
}

int cdb_segment_writer_new(struct cdb_segment_writer **out, int dir, uint64_t from)
{
    static const unsigned char room[HEAD_SIZE];
    struct cdb_segment_writer *writer = calloc(1, sizeof(*writer));
    int fd = -1;
    int result;

    if (writer == NULL)
        return cdb_error_memory();
    writer->dir = dir;
    writer->from = from;
    result = cdb_file_create(dir, writer->temporary, &fd);
    if (result != 0)
        writer->temporary[0] = '\0';
    cdb_sink_init(&writer->file, dir, fd);
    cdb_sink_init(&writer->older, dir, -1);
    cdb_dict_writer_init(&writer->dict, &writer->file);
    if (result != 0) {
        cdb_segment_writer_free(writer);
        return result;
    }
    cdb_sink_add(&writer->file, room, sizeof(room));
    writer->sections[CDB_SECTION_KEYS].offset = HEAD_SIZE;
    writer->used = 4;
    writer->lowest = UINT32_MAX;
    *out = writer;
    return 0;
}

static void begin_section(struct cdb_segment_writer *writer, enum cdb_segment_section type)
{
    writer->sections[type].offset = cdb_sink_size(&writer->file);
}

static void end_section(struct cdb_segment_writer *writer, enum cdb_segment_section type)
{
    writer->sections[type].len = cdb_sink_size(&writer->file) - writer->sections[type].offset;
}

/* ---- blocks with a checksum in front ------------------------------------------------------------ */

static void end_block(struct cdb_segment_writer *writer, struct cdb_sink *sink, bool whole)
{
    size_t size = whole ? sizeof(writer->block) : writer->used;

    memset(writer->block + writer->used, 0, sizeof(writer->block) - writer->used);
    if (writer->used > 4) {
        cdb_le_put32(writer->block, cdb_index_crc(0, writer->block + 4, size - 4));
        cdb_sink_add(sink, writer->block, size);
    }
    writer->used = 4;
}

static unsigned char *new_row(struct cdb_segment_writer *writer, size_t size, size_t block_rows)
{
    unsigned char *row;

    if (writer->used == 4 + size * block_rows)
        end_block(writer, &writer->file, false);
    row = writer->block + writer->used;
    writer->used += size;
    return row;
}

/* ---- keys --------------------------------------------------------------------------------------- */

static int out_of_order(void)
{
    return cdb_index_damaged("the versions of a key are not in order");
}

static void end_span(struct cdb_segment_writer *writer)
{
    unsigned char row[CDB_SPAN_ROW];

    cdb_le_put32(row, writer->lowest);
    cdb_le_put32(row + 4, writer->highest);
    cdb_buf_add(&writer->spans, row, sizeof(row));
    writer->lowest = UINT32_MAX;
    writer->highest = 0;
}

/* The key that was just added. */
static void add_span(struct cdb_segment_writer *writer, uint64_t leaf)
{
    uint32_t lowest = (uint32_t)(writer->oldest - writer->from);
    uint32_t highest = (uint32_t)(writer->newest.position - writer->from);

    if (cdb_dict_writer_leaf(&writer->dict) != leaf)
        end_span(writer);
    writer->lowest = lowest < writer->lowest ? lowest : writer->lowest;
    writer->highest = highest > writer->highest ? highest : writer->highest;
}

static int end_key(struct cdb_segment_writer *writer)
{
    unsigned char value[4 * CDB_VARINT_MAX + CDB_OID_SIZE], *p = value;
    bool deleted = cdb_oid_is_zero(&writer->newest.blob), older = writer->key_versions > 1;
    uint64_t leaf = cdb_dict_writer_leaf(&writer->dict);
    int result;

    if (!writer->key_open)
        return 0;
    writer->key_open = false;
    if (writer->key_versions == 0)
        return out_of_order();
    p = cdb_varint_put(p,
                       (writer->key_existed ? KEY_EXISTED : 0) | (deleted ? KEY_DELETED : 0) | (older ? KEY_OLDER : 0));
    p = cdb_varint_put(p, writer->newest.position - writer->from);
    if (!deleted) {
        memcpy(p, writer->newest.blob.id, CDB_OID_SIZE);
        p += CDB_OID_SIZE;
    }
    if (older) {
        p = cdb_varint_put(p, writer->key_older);
        p = cdb_varint_put(p, writer->older_end - writer->key_older);
    }
    writer->keys++;
    writer->versions += writer->key_versions;
    result = cdb_dict_writer_add(&writer->dict, writer->key, writer->key_len, value, (size_t)(p - value));
    if (result == 0)
        add_span(writer, leaf);
    return result;
}

int cdb_segment_writer_key(struct cdb_segment_writer *writer, const char *key, size_t len, bool existed)
{
    int result = end_key(writer);

    if (result != 0)
        return result;
    if (len > sizeof(writer->key))
        return cdb_index_damaged("a key is too long");
    memcpy(writer->key, key, len);
    writer->key_len = len;
    writer->key_existed = existed;
    writer->key_versions = 0;
    writer->key_open = true;
    return 0;
}

/* Where the next older version goes. */
static uint64_t older_offset(const struct cdb_segment_writer *writer)
{
    return cdb_sink_size(&writer->older) + writer->used;
}

static void add_older(struct cdb_segment_writer *writer, const struct cdb_catalog_version *version)
{
    unsigned char bytes[CDB_VARINT_MAX + CDB_OID_SIZE];
    bool deleted = cdb_oid_is_zero(&version->blob);
    unsigned char *p = cdb_varint_put(bytes, (version->position - writer->from) * 2 + (deleted ? 1 : 0) + 1);
    size_t len = (size_t)(p - bytes);

    if (!deleted) {
        memcpy(p, version->blob.id, CDB_OID_SIZE);
        len += CDB_OID_SIZE;
    }
    if (writer->used + len > sizeof(writer->block))
        end_block(writer, &writer->older, true);
    if (writer->key_versions == 1)
        writer->key_older = older_offset(writer);
    memcpy(writer->block + writer->used, bytes, len);
    writer->used += len;
    writer->older_end = older_offset(writer);
}

int cdb_segment_writer_version(struct cdb_segment_writer *writer, const struct cdb_catalog_version *version)
{
    if (!writer->key_open || version->position < writer->from)
        return out_of_order();
    if (writer->key_versions > 0 && version->position >= writer->oldest)
        return out_of_order();
    if (writer->key_versions == 0)
        writer->newest = *version;
    else
        add_older(writer, version);
    writer->oldest = version->position;
    writer->key_versions++;
    return 0;
}

/* ---- the other sections ------------------------------------------------------------------------- */

/* The dictionary that was being written, with its index. */
static int end_dict(struct cdb_segment_writer *writer, enum cdb_segment_section data, enum cdb_segment_section index)
{
    struct cdb_buf blocks = CDB_BUF_INIT;
    int result = cdb_dict_writer_finish(&writer->dict, &blocks);

    end_section(writer, data);
    begin_section(writer, index);
    if (blocks.len > 0)
        cdb_sink_add(&writer->file, blocks.ptr, blocks.len);
    end_section(writer, index);
    cdb_buf_release(&blocks);
    cdb_dict_writer_release(&writer->dict);
    return result;
}

static void write_rows(struct cdb_segment_writer *writer, enum cdb_segment_section type, struct cdb_buf *rows,
                       size_t size, size_t block_rows)
{
    begin_section(writer, type);
    for (size_t at = 0; at < rows->len; at += size)
        memcpy(new_row(writer, size, block_rows), rows->ptr + at, size);
    end_block(writer, &writer->file, false);
    end_section(writer, type);
    if (rows->failed && writer->file.result == 0)
        writer->file.result = cdb_error_memory();
    cdb_buf_release(rows);
}

static int end_keys(struct cdb_segment_writer *writer)
{
    int result = end_key(writer);

    if (result == 0)
        result = end_dict(writer, CDB_SECTION_KEYS, CDB_SECTION_KEYS_INDEX);
    end_block(writer, &writer->older, false);
    begin_section(writer, CDB_SECTION_VERSIONS);
    cdb_sink_add_sink(&writer->file, &writer->older);
    end_section(writer, CDB_SECTION_VERSIONS);
    if (writer->keys > 0)
        end_span(writer);
    write_rows(writer, CDB_SECTION_SPANS, &writer->spans, CDB_SPAN_ROW, CDB_SPAN_BLOCK);
    begin_section(writer, CDB_SECTION_COMMITS);
    return result;
}

/* End what comes before a stage. */
static int enter(struct cdb_segment_writer *writer, enum stage stage)
{
    int result = 0;

    while (result == 0 && writer->stage < stage) {
        if (writer->stage == KEYS) {
            result = end_keys(writer);
        } else if (writer->stage == COMMITS) {
            end_block(writer, &writer->file, false);
            end_section(writer, CDB_SECTION_COMMITS);
            begin_section(writer, CDB_SECTION_IDS);
        } else {
            end_block(writer, &writer->file, false);
            end_section(writer, CDB_SECTION_IDS);
            write_rows(writer, CDB_SECTION_MERGES, &writer->merges, CDB_MERGE_ROW, CDB_MERGE_BLOCK);
            begin_section(writer, CDB_SECTION_TABLES);
            cdb_dict_writer_init(&writer->dict, &writer->file);
        }
        writer->stage++;
    }
    return result;
}

int cdb_segment_writer_commit(struct cdb_segment_writer *writer, const struct cdb_catalog_commit *commit)
{
    unsigned char *row;
    int result = enter(writer, COMMITS);

    if (result != 0)
        return result;
    row = new_row(writer, CDB_COMMIT_ROW, CDB_COMMIT_BLOCK);
    memcpy(row, commit->id.id, CDB_OID_SIZE);
    cdb_index_put_time(row + CDB_OID_SIZE, commit->time, commit->merge);
    if (commit->merge) {
        unsigned char merge[CDB_MERGE_ROW];
        cdb_le_put32(merge, (uint32_t)writer->commits);
        cdb_buf_add(&writer->merges, merge, sizeof(merge));
    }
    if (writer->commits++ == 0)
        writer->first_time = commit->time;
    writer->last_time = commit->time;
    return 0;
}

int cdb_segment_writer_id(struct cdb_segment_writer *writer, uint32_t prefix, uint32_t delta)
{
    unsigned char *row;
    int result = enter(writer, IDS);

    if (result != 0)
        return result;
    row = new_row(writer, CDB_ID_ROW, CDB_ID_BLOCK);
    cdb_le_put32(row, prefix);
    cdb_le_put32(row + 4, delta);
    writer->ids++;
    return 0;
}

int cdb_segment_writer_table(struct cdb_segment_writer *writer, const char *table, size_t len, uint64_t count)
{
    unsigned char value[CDB_VARINT_MAX];
    int result = enter(writer, TABLES);

    if (result != 0)
        return result;
    return cdb_dict_writer_add(&writer->dict, table, len, value, (size_t)(cdb_varint_put(value, count) - value));
}

/* ---- the end ------------------------------------------------------------------------------------ */

static void put_header(struct cdb_segment_writer *writer, const struct cdb_segment_totals *totals, uint64_t name)
{
    unsigned char head[HEAD_SIZE] = {0};

    memcpy(head, CDB_SEGMENT_MAGIC, 8);
    cdb_le_put32(head + 8, CDB_SEGMENT_VERSION);
    cdb_le_put32(head + 16, HEAD_SIZE);
    cdb_le_put32(head + 20, CDB_SECTION_COUNT);
    cdb_le_put64(head + 24, cdb_sink_size(&writer->file));
    cdb_le_put64(head + 32, name);
    cdb_le_put64(head + 40, writer->from);
    cdb_le_put64(head + 48, writer->from + writer->commits);
    cdb_le_put64(head + 56, writer->keys);
    cdb_le_put64(head + 64, writer->versions);
    cdb_le_put64(head + 72, totals->documents);
    cdb_le_put64(head + 80, totals->tables);
    cdb_index_put_time(head + 88, writer->first_time, false);
    cdb_index_put_time(head + 100, writer->last_time, false);
    for (uint32_t type = 1; type <= CDB_SECTION_COUNT; type++) {
        unsigned char *entry = head + CDB_SEGMENT_HEAD + (type - 1) * CDB_SEGMENT_ENTRY;

        cdb_le_put32(entry, type);
        cdb_le_put64(entry + 8, writer->sections[type].offset);
        cdb_le_put64(entry + 16, writer->sections[type].len);
    }
    cdb_le_put32(head + 12, cdb_index_crc(cdb_index_crc(0, head, 12), head + 16, sizeof(head) - 16));
    cdb_sink_change(&writer->file, 0, head, sizeof(head));
}

int cdb_segment_writer_finish(struct cdb_segment_writer *writer, const struct cdb_segment_totals *totals,
                              uint64_t *name, uint64_t *size)
{
    char file[CDB_FILE_NAME_SIZE];
    int result = enter(writer, TABLES);

    if (result == 0)
        result = end_dict(writer, CDB_SECTION_TABLES, CDB_SECTION_TABLES_INDEX);
    if (result == 0 && writer->ids != writer->commits)
        result = out_of_order();
    if (result == 0)
        result = cdb_file_random(name);
    if (result != 0)
        return result;
    put_header(writer, totals, *name);
    *size = cdb_sink_size(&writer->file);
    result = cdb_sink_flush(&writer->file);
    if (result != 0)
        return result;
    cdb_file_segment(file, *name);
    CDB_FAULT("index-segment-written");
    if (renameat(writer->dir, writer->temporary, writer->dir, file) != 0)
        return cdb_error_errno(file, "cannot rename '%s' to '%s'", writer->temporary, file);
    writer->temporary[0] = '\0';
    return 0;
}
