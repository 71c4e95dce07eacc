/* Bringing a branch's catalog to a commit: what is missing is read from git. */
#ifndef CDB_DB_CATCHUP_H
#define CDB_DB_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"
#include "index/catalog.h"
#include "util/oid.h"

/* Other results than 0 and errors. */
enum {
    CDB_INDEX_FAR = 1, /* more than the limits allow */
    CDB_INDEX_LOST = 2 /* the index is damaged */
};

struct cdb_catch_up {
    chrondb *db;
    const char *ref;                      /* borrowed */
    int dir;                              /* of the index, borrowed; -1: there is none */
    size_t commit_limit, change_limit;    /* 0: none */
    int (*step)(struct cdb_catch_up *it); /* or NULL: after each commit; a result but 0 ends it */
    void *context;                        /* for _step */

    struct cdb_catalog *catalog;
    struct cdb_oid *chain; /* commits that it lacks, newest first */
    size_t count, room;
    size_t left;      /* of them, while they are added */
    uint64_t covered; /* commits of the chain that it had */
};

/* The catalog as the files have it, or an empty one (`anew`: that in any case). */
int cdb_catch_up_open(struct cdb_catch_up *it, bool anew);
/* Find out what lies between it and `head`; cut what is not below `head`. */
int cdb_catch_up_look(struct cdb_catch_up *it, const struct cdb_oid *head);
/* Add that. */
int cdb_catch_up_add(struct cdb_catch_up *it);
void cdb_catch_up_release(struct cdb_catch_up *it);

/* CDB_INDEX_LOST for damage that lib/index tells of. */
int cdb_db_index_result(int result);

#endif
