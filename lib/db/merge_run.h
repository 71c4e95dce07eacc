/* A merge that runs, in the parts that it is made of: merge.c finds out what is to be done, without any lock, and does
 * it; merge_settle.c decides what is in conflict; merge_commit.c writes the commit. */
#ifndef CDB_DB_MERGE_RUN_H
#define CDB_DB_MERGE_RUN_H

#include "db/base.h"
#include "db/merge_decide.h"
#include "db/stamp.h"
#include "store/bases.h"

struct chrondb_merge {
    chrondb *db;
    struct cdb_arena memory;
    struct cdb_decisions decisions;
    bool done;
    /* Afterwards. */
    struct cdb_merging merging;
    char hex[CDB_OID_HEX + 1];
    chrondb_merge_report report;
};

enum cdb_merge_outcome { CDB_MERGE_LEAVE, CDB_MERGE_FORWARD, CDB_MERGE_COMMIT };

struct cdb_merge_run {
    struct chrondb_merge *merge;
    const chrondb_merge_options *options;
    const char *ref, *when;  /* the source as it was given */
    const char *source_name; /* in messages */
    struct cdb_stamp stamp;
    struct cdb_txn txn; /* once it is written */

    /* The plan: true as long as the branch's head is base.head. */
    struct cdb_base base;
    struct cdb_oid source, source_root;
    struct cdb_bases bases;
    enum cdb_merge_outcome outcome;
    chrondb_time source_time;     /* to go forward */
    struct cdb_merge_state state; /* ours, with the merge's edits */
    struct cdb_foreign_changes foreign;
    struct cdb_point ours, theirs; /* for the strategy newest */
    bool has_points;
};

/* ---- merge_settle.c ---- */

/* For cdb_merging.settle; `context` is the run: decisions, then the strategy. */
int cdb_merge_settle(void *context, const char *key, size_t key_len, enum cdb_merge_verdict *verdict,
                     struct cdb_merge_value *given);
/* Files that are no documents: taken, or recorded, or given up. */
int cdb_merge_files(struct cdb_merge_run *run, const struct cdb_oid *base_root);
/* CHRONDB_ECONFLICT "merge_conflict". */
int cdb_merge_tell_conflicts(const struct cdb_merge_run *run);

/* ---- merge_commit.c: under the lock, run->txn ---- */

/* Write the commit that the plan is about. */
int cdb_merge_write(struct cdb_merge_run *run, struct cdb_oid *head, chrondb_time *time);

#endif
