/* A write: from taking the locks to the acknowledgement. architecture "A write", chrondb-format(5), THE JOURNAL.
 *
 *     begin    the process's mutex, the writer lock (recover if the last owner died), git's lock on the ref, the head
 *     emit     objects, any number
 *     commit   loose files written, the new head written into git's lock file;
 *              then the record is appended to the journal and synced: this is the commit point;
 *              then the lock file is renamed to the ref
 *     end      everything released; without a commit nothing has changed
 *
 * The loose files come before the commit point, not after it, so that a disk that is full is found while nothing has
 * happened yet: behind it there is only a rename.
 */
#ifndef CDB_STORE_TXN_H
#define CDB_STORE_TXN_H

#include "store/edit.h"
#include "store/repo.h"

struct cdb_txn {
    struct cdb_repo *repo;
    struct cdb_oid base; /* the head when the locks were taken; zeros: the branch has no commit */
    struct cdb_state state;
    char *ref, *ref_lock;
    int lock, state_file, journal;
    ino_t ref_inode;                              /* of the lock */
    bool mutex_held, ref_locked, kept, committed; /* kept: objects have been, for readers */
    struct cdb_deflater *deflater;
    struct cdb_buf objects; /* for the record */
    struct cdb_buf scratch;
    uint32_t object_count;
    struct cdb_pack *pack; /* instead of the record, once the write is large */

    /* For what is no commit (refedit.c): the ref that gets the name `ref`, or NULL; and what is called instead of the
     * rename of the lock to the ref, or NULL. If it fails, nothing may be different. */
    const char *former;
    int (*publish)(void *context, struct cdb_txn *txn, const struct cdb_oid *head);
    void *publish_context;
};

/* CHRONDB_EBUSY after `timeout_ms`. On failure there is nothing to end. */
int cdb_txn_begin(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms);
/* The same for what is to go: a ref that holds nothing of sense has no commit. */
int cdb_txn_begin_any(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms);
/* The same without a branch, for what is no commit: the caller is the one writer until cdb_txn_end. If it dies, the
 * next command recovers, and removes what it left. Nothing can be emitted. */
int cdb_txn_begin_exclusive(struct cdb_txn *txn, struct cdb_repo *repo, int timeout_ms);
/* A cdb_emit; `context` is the txn. */
int cdb_txn_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid);
/* The commit to come stands on this one too: what git may have brought and not synced is made durable. */
int cdb_txn_rely(struct cdb_txn *txn, const struct cdb_oid *commit);
/* Durable and visible when it returns 0. `time` is the commit's effective time. A head of zeros deletes the ref, by
 * `publish`; the lock stays until the end. */
int cdb_txn_commit(struct cdb_txn *txn, const struct cdb_oid *head, chrondb_time time);
void cdb_txn_end(struct cdb_txn *txn);

/* ---- the journal, for gc; the caller holds the writer lock ---- */

/* Does the journal, open at `fd`, go with the state? */
bool cdb_journal_agrees(const struct cdb_state *state, int fd);
/* The other half becomes the active one. */
int cdb_journal_begin_generation(struct cdb_state *state);

/* ---- policy (pure) ---- */

enum cdb_journal_plan {
    CDB_JOURNAL_APPEND, /* to the active half */
    CDB_JOURNAL_SWITCH, /* begin the other half */
    CDB_JOURNAL_NO_ROOM /* the objects must go into a pack, then ask again */
};

enum cdb_journal_plan cdb_journal_plan(const struct cdb_state *state, uint64_t record_len, uint32_t objects);
/* Is so little room left while a checkpoint is pending that writers wait for it? */
bool cdb_journal_must_wait(const struct cdb_state *state);
/* Is a checkpoint worth starting now? Right after a half was frozen, and again now and then in case it died. */
bool cdb_checkpoint_due(const struct cdb_state *state);

#endif
