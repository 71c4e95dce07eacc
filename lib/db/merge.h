/* Merging states of the database by key: what a merge holds between its parts (merge_run.h the run of one, merge_base.c
 * the bases, merge_keys.c the keys, merge_decide.c decisions). */
#ifndef CDB_DB_MERGE_H
#define CDB_DB_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "db/handle.h"
#include "doc/merge.h"
#include "store/foreign.h"
#include "util/arena.h"

/* A key's document: of the repository, or, with a text, one that is only in memory. */
struct cdb_merge_value {
    struct cdb_oid blob; /* zeros: not there */
    const char *text;
    size_t size;
};

struct cdb_merge_edit {
    const char *key;
    size_t key_len;
    struct cdb_oid before; /* in the state's root */
    struct cdb_merge_value after;
};

/* A state: a root tree, and what is different from it. */
struct cdb_merge_state {
    struct cdb_oid root;
    struct cdb_merge_edit *edits; /* sorted by key; to be freed. What they point to is in the merge's memory */
    size_t count, room;
};

void cdb_merge_state_release(struct cdb_merge_state *state);

/* A conflict, copied. */
struct cdb_merge_record {
    const char *key; /* NULL: a file that is no document; `path` is its own */
    struct cdb_merge_conflict conflict;
};

enum cdb_merge_verdict {
    CDB_VERDICT_FAIL,
    CDB_VERDICT_OURS,
    CDB_VERDICT_THEIRS,
    CDB_VERDICT_MARK,
    CDB_VERDICT_GIVEN /* the value is told */
};

/* One merge of two states on a third. */
struct cdb_merging {
    chrondb *db;
    struct cdb_arena *memory;
    /* A key in conflict: what is it to be? 0 or an error. */
    int (*settle)(void *context, const char *key, size_t key_len, enum cdb_merge_verdict *verdict,
                  struct cdb_merge_value *given);
    void *context;
    chrondb_progress progress; /* or NULL */
    void *progress_context;

    /* The conflicts that were not settled, and how many were. */
    struct cdb_merge_record *records;
    size_t record_count, record_room;
    size_t settled;
    bool foreign; /* and there is also what belongs to no key */
};

/* Set `value` to a document in memory; its id is computed. */
int cdb_merge_value_set(struct cdb_merge_value *value, struct cdb_arena *memory, const char *text, size_t size);
/* The text of a document; `buf` holds it if it must be read. A value that is not there: no text. */
int cdb_merge_value_read(struct cdb_merging *it, const struct cdb_merge_value *value, struct cdb_buf *buf,
                         struct cdb_text *out);

/* merge_keys.c: *out becomes the state `ours` (whose edits it has too) with what `theirs` changed since `base`. Costs
 * what `theirs` changed. */
int cdb_merge_keys(struct cdb_merging *it, const struct cdb_merge_state *base, const struct cdb_merge_state *ours,
                   const struct cdb_merge_state *theirs, struct cdb_merge_state *out);
/* The value of a key in a state. */
int cdb_merge_state_find(struct cdb_merging *it, const struct cdb_merge_state *state, const char *key, size_t key_len,
                         struct cdb_merge_value *out);

/* merge_base.c: what a merge of two commits stands on. Where they have several bases these are merged, as git does:
 * what the bases disagree on is marked, and equals nothing. Bounded: of more bases, and of bases of bases of bases
 * beyond that, the newest counts alone. */
struct cdb_bases;
int cdb_merge_base_state(struct cdb_merging *it, const struct cdb_bases *bases, struct cdb_merge_state *out);
/* The root tree of a commit. */
int cdb_merge_root(chrondb *db, const struct cdb_oid *commit, struct cdb_oid *root);

#endif
