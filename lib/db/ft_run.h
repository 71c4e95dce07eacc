/* Documents on their way into the index of words: what comes in the order of the keys goes into two segments, one of
 * the versions that are alive, one of those that were replaced. For one thread. */
#ifndef CDB_DB_FT_RUN_H
#define CDB_DB_FT_RUN_H

#include <stdint.h>

#include "index/ends.h"
#include "index/ft_segment.h"
#include "index/shelf.h"
#include "util/buf.h"

struct cdb_analyzer;
struct cdb_ft_builder;

/* One of the two. */
struct cdb_ft_half {
    struct cdb_analyzer *analyzer;
    struct cdb_ft_builder *builder; /* NULL: nothing came yet */
    uint32_t min_from, max_from;
};

struct cdb_ft_run {
    const char *language; /* borrowed */
    struct cdb_ft_half alive, past;
    uint32_t *untils; /* of the past's documents */
    size_t until_count, until_room;
};

void cdb_ft_run_init(struct cdb_ft_run *run, const char *language);
void cdb_ft_run_release(struct cdb_ft_run *run);

/* A version, in ascending order of (key, from): `until` is the position of the commit that replaced or deleted it, or
 * CDB_ENDS_NONE. What is no JSON, or NULL, is a document without fields. */
int cdb_ft_run_add(struct cdb_ft_run *run, const char *key, size_t key_len, uint32_t from, uint32_t until,
                   const char *json, size_t len);
uint64_t cdb_ft_run_docs(const struct cdb_ft_run *run);
/* Bytes of memory. */
size_t cdb_ft_run_bytes(const struct cdb_ft_run *run);

/* A segment that was written, or is in memory (`data`). */
struct cdb_ft_made {
    struct cdb_shelf_segment named;
    struct cdb_ends *ends; /* or NULL */
    struct cdb_buf data;
    struct cdb_ft_segment *segment; /* of data */
};

void cdb_ft_made_release(struct cdb_ft_made *made);

/* What was added becomes up to two segments in `dir`, or with -1 in memory; the run is empty then and goes on. *count
 * is raised by theirs; there must be room for two in out[]. */
int cdb_ft_run_finish(struct cdb_ft_run *run, int dir, struct cdb_ft_made *out, size_t *count);

#endif
