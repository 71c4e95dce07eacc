/* Refs that are made, moved, renamed and deleted without a commit: branches and tags. Each is a record of the journal,
 * as a commit is, so that it is durable when it returns 0, whole or not at all, and in the order of the writes around
 * it also after a power cut.
 *
 * Errors besides those named: CHRONDB_EBUSY ("busy") after `timeout_ms`, CHRONDB_ECONFLICT ("in_the_way": git can have
 * "a" or "a/b", not both), CHRONDB_EDAMAGED (the ref holds no id). */
#ifndef CDB_STORE_REFEDIT_H
#define CDB_STORE_REFEDIT_H

#include "store/repo.h"

enum cdb_ref_outcome { CDB_REF_UNCHANGED, CDB_REF_CREATED, CDB_REF_MOVED, CDB_REF_DELETED, CDB_REF_RENAMED };

struct cdb_ref_edit {
    /* What is asked for. */
    const char *ref; /* in full; a valid name */
    struct cdb_oid head;
    chrondb_time time;              /* of the commit */
    bool synced;                    /* it is known to be durable: it, or one that stands on it, was committed by us */
    bool force;                     /* move one that is there */
    const struct cdb_oid *expected; /* or NULL: only if it still holds this (zeros: is not there); "conflict" */
    int timeout_ms;
    /* What became of it. */
    enum cdb_ref_outcome outcome;
    struct cdb_oid before; /* what the ref held; zeros: there was none */
};

/* Let the ref hold `head`. One that holds it, or a tag of it, is left alone. CHRONDB_ECONFLICT ("exists", and `before`)
 * if it holds another and is not to be forced; or if it is a symbolic ref to nowhere. */
int cdb_ref_set(struct cdb_repo *repo, struct cdb_ref_edit *edit);

/* Delete it. 0; 1 if it is not there; CHRONDB_ECONFLICT ("conflict"; "default_branch": HEAD names it). */
int cdb_ref_delete(struct cdb_repo *repo, struct cdb_ref_edit *edit);

/* Give the branch `from` the name edit->ref; HEAD follows. edit->time is that of its head, `before` becomes what it
 * holds. 0; 1 if `from` is not there; CHRONDB_ECONFLICT "exists" as for cdb_ref_set, and if `from` has moved meanwhile
 * away from edit->head. CHRONDB_EUSAGE ("no_branch"): `from` is a symbolic ref. */
int cdb_ref_rename(struct cdb_repo *repo, const char *from, struct cdb_ref_edit *edit);

/* Let HEAD name edit->ref. */
int cdb_ref_set_head(struct cdb_repo *repo, struct cdb_ref_edit *edit);

#endif
