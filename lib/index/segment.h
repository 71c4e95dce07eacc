/* A segment: the commits of a range of positions of a branch, and what they changed. chrondb-index(5) has the layout.
 *
 * Readers work on any memory that holds a file. Every function that reads may return CHRONDB_EDAMAGED. */
#ifndef CDB_INDEX_SEGMENT_H
#define CDB_INDEX_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/catalog.h"
#include "index/dict.h"
#include "index/rows.h"

#define CDB_SEGMENT_MAGIC   "CDBSEGM\n"
#define CDB_SEGMENT_VERSION 1
#define CDB_SEGMENT_HEAD    112
#define CDB_SEGMENT_ENTRY   24

/* Sections; readers ignore those that they do not know. */
enum cdb_segment_section {
    CDB_SECTION_KEYS = 1,
    CDB_SECTION_KEYS_INDEX = 2,
    CDB_SECTION_VERSIONS = 3,
    CDB_SECTION_COMMITS = 4,
    CDB_SECTION_IDS = 5,
    CDB_SECTION_TABLES = 6,
    CDB_SECTION_TABLES_INDEX = 7,
    CDB_SECTION_SPANS = 8,
    CDB_SECTION_MERGES = 9,
    CDB_SECTION_COUNT = 9
};

#define CDB_COMMIT_ROW    32 /* id, time; the flag: a merge */
#define CDB_COMMIT_BLOCK  64
#define CDB_ID_ROW        8 /* the id's first 4 bytes as a number, position - from; in this order */
#define CDB_ID_BLOCK      256
#define CDB_SPAN_ROW      8 /* of a leaf of keys: the lowest and the highest position of a version there, - from */
#define CDB_SPAN_BLOCK    256
#define CDB_MERGE_ROW     4 /* position - from, ascending */
#define CDB_MERGE_BLOCK   256
#define CDB_VERSION_BLOCK 4096

struct cdb_segment {
    const unsigned char *data;
    size_t len;
    bool mapped;
    int fd; /* of the file, if it is mapped */
    uint64_t name, from, to;
    uint64_t keys, versions;
    uint64_t documents, tables; /* after the last commit, in all */
    chrondb_time first_time, last_time;
    struct cdb_rows commits, ids, spans, merges;
    bool has_merges; /* else they must be looked for among the commits */
    struct cdb_dict key_dict, table_dict;
    const unsigned char *older;
    size_t older_len;
};

/* Look at the header of a file in memory (borrowed). 0, or CHRONDB_EDAMAGED: it is none of ours. */
int cdb_segment_view(struct cdb_segment *out, const void *data, size_t len);
/* Map a file. 0; 1: it is not there; CHRONDB_EDAMAGED; CHRONDB_ESYSTEM. */
int cdb_segment_open(struct cdb_segment **out, int dir, uint64_t name);
void cdb_segment_close(struct cdb_segment *segment);

/* `position` is in from .. to - 1. */
int cdb_segment_commit(struct cdb_segment *segment, uint64_t position, struct cdb_catalog_commit *out);
/* 0, or 1: it is not there. */
int cdb_segment_find(struct cdb_segment *segment, const struct cdb_oid *commit, uint64_t *position);
/* The last commit below position `limit` at or before a time: 0, or 1: there is none. */
int cdb_segment_at(struct cdb_segment *segment, uint64_t limit, chrondb_time time, uint64_t *position);
/* The last merge below position `limit`, which is at most the segment's end: 0, or 1: there is none. */
int cdb_segment_merge(struct cdb_segment *segment, uint64_t limit, uint64_t *position);
/* Row number `index` of the ids, in order. */
int cdb_segment_id(struct cdb_segment *segment, size_t index, uint32_t *prefix, uint32_t *delta);

/* The lowest and the highest position of a version of the keys in a leaf of key_dict. */
int cdb_segment_span(struct cdb_segment *segment, size_t leaf, uint64_t *lowest, uint64_t *highest);

/* What the value of a key says. */
struct cdb_segment_key {
    struct cdb_catalog_version newest;
    bool existed;              /* before its first version here */
    uint64_t older, older_end; /* where the versions before the newest are; equal: there are none */
};

int cdb_segment_key(const struct cdb_segment *segment, const struct cdb_dict_cursor *cursor,
                    struct cdb_segment_key *out);

/* The versions of a key below a position, newest first. */
struct cdb_segment_walk {
    const struct cdb_segment *segment;
    struct cdb_segment_key key;
    bool newest_done;
    uint64_t limit; /* positions that come are below */
    uint64_t at;
    uint64_t verified; /* number + 1 of the block that was looked at last */
};

void cdb_segment_walk(struct cdb_segment_walk *walk, const struct cdb_segment *segment,
                      const struct cdb_segment_key *key, uint64_t limit);
/* 0, or 1 at the end. The first step costs O(log n). */
int cdb_segment_walk_next(struct cdb_segment_walk *walk, struct cdb_catalog_version *out);

/* The count of a table, the value of an entry of table_dict. */
int cdb_segment_table(const struct cdb_dict_cursor *cursor, uint64_t *count);

/* ---- writing ---- */

struct cdb_segment_writer;

/* A temporary file in `dir` (borrowed). */
int cdb_segment_writer_new(struct cdb_segment_writer **out, int dir, uint64_t from);
/* With the file, unless it is finished. NULL is left alone. */
void cdb_segment_writer_free(struct cdb_segment_writer *writer);

/* In this order: every key, ascending, with its versions, newest first; the commits; their ids, sorted; the tables,
 * ascending. CHRONDB_EDAMAGED: not in order, so what they were read from is damaged. */
int cdb_segment_writer_key(struct cdb_segment_writer *writer, const char *key, size_t len, bool existed);
int cdb_segment_writer_version(struct cdb_segment_writer *writer, const struct cdb_catalog_version *version);
int cdb_segment_writer_commit(struct cdb_segment_writer *writer, const struct cdb_catalog_commit *commit);
int cdb_segment_writer_id(struct cdb_segment_writer *writer, uint32_t prefix, uint32_t delta);
int cdb_segment_writer_table(struct cdb_segment_writer *writer, const char *table, size_t len, uint64_t count);

struct cdb_segment_totals {
    uint64_t documents, tables;
};

/* Complete the file and give it its name. */
int cdb_segment_writer_finish(struct cdb_segment_writer *writer, const struct cdb_segment_totals *totals,
                              uint64_t *name, uint64_t *size);

static inline uint32_t cdb_segment_id_prefix(const struct cdb_oid *id)
{
    return (uint32_t)id->id[0] << 24 | (uint32_t)id->id[1] << 16 | (uint32_t)id->id[2] << 8 | id->id[3];
}

#endif
