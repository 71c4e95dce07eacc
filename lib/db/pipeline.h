/* Documents on their way into a pack: collected in chunks, hashed and deflated on all processors, given back in the
 * order in which they came. The thread that adds also takes back, and helps where the others lag behind; so it all
 * works with no other thread too. */
#ifndef CDB_DB_PIPELINE_H
#define CDB_DB_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "store/objects.h"
#include "util/arena.h"

struct cdb_pipeline;

enum cdb_step_kind { CDB_STEP_PUT, CDB_STEP_DELETE, CDB_STEP_COMMIT };

/* What a commit says beside its documents; each may be absent. */
struct cdb_commit_facts {
    bool has_time, empty_too; /* make it even if it changes nothing */
    chrondb_time time;
    const char *author, *message;
    const char *meta; /* "NAME=VALUE", a NUL behind each */
    size_t meta_len;
    uint64_t lines, bytes, sum; /* that were read up to its end, see resume.h */
};

struct cdb_step {
    enum cdb_step_kind kind;
    const char *key;
    size_t key_len;
    const char *text; /* the document */
    size_t size;
    struct cdb_oid blob;
    const char *stream; /* deflated */
    size_t stream_len;
    struct cdb_commit_facts facts;
};

/* Called in order. Everything in the step is borrowed. */
typedef int (*cdb_step_taker)(void *context, const struct cdb_step *step);

int cdb_pipeline_new(struct cdb_pipeline **out, cdb_step_taker take, void *context);
/* What was not taken is dropped. */
void cdb_pipeline_free(struct cdb_pipeline *pipeline);

/* Everything is copied. The result may be one of the taker's. */
int cdb_pipeline_put(struct cdb_pipeline *pipeline, const char *key, size_t key_len, const char *text, size_t size);
int cdb_pipeline_delete(struct cdb_pipeline *pipeline, const char *key, size_t key_len);
int cdb_pipeline_commit(struct cdb_pipeline *pipeline, const struct cdb_commit_facts *facts);
/* Wait until all was taken. */
int cdb_pipeline_drain(struct cdb_pipeline *pipeline);

#endif
