/* What a batch holds between its two halves: collecting (batch.c) and committing (commit.c). */
#ifndef CDB_DB_BATCH_H
#define CDB_DB_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "db/handle.h"
#include "util/arena.h"

enum cdb_op_kind { CDB_OP_PUT, CDB_OP_PATCH, CDB_OP_DELETE, CDB_OP_CHECK, CDB_OP_RESTORE, CDB_OP_RESTORE_ALL };

struct cdb_op {
    enum cdb_op_kind kind;
    const char *key;
    unsigned flags;    /* CHRONDB_IF_* */
    const char *match; /* or NULL */
    const char *text;  /* put: the document; patch: the merge patch */
    size_t size;
    struct cdb_oid blob; /* put, restore: the document's id */
};

struct chrondb_batch {
    chrondb *db;
    struct cdb_op *ops;
    size_t count, room;
    struct cdb_arena memory; /* keys, documents */
    struct cdb_op *all;      /* restore_all, restore_table */
    struct cdb_oid all_root;
    const char *all_table; /* NULL: everything */
    bool committed;
    /* After the commit. */
    chrondb_result *results; /* a result of an unchanged key is completed when asked for */
    const char *ref;         /* the branch */
    struct cdb_oid base;     /* the head before */
    struct cdb_oid head;     /* the head after; equal to base if nothing changed */
    char head_hex[CDB_OID_HEX + 1];
    chrondb_time time;
};

#endif
