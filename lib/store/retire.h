/* Taking a ref away, and pointing HEAD elsewhere, through git's own locks: packed-refs and the loose file for a ref
 * that is deleted or gets another name, HEAD for the default branch.
 *
 *     chrondb/retire.tmp     names a ref's lock; that, packed-refs.lock and HEAD.lock are links of it, so that after a
 *                            crash they are ours beyond doubt
 *     chrondb/unpacked.tmp   becomes packed-refs
 *     chrondb/head.tmp       becomes HEAD
 *
 * packed-refs.lock is held until the loose file is gone: a `git pack-refs` in between would pack it once more.
 * The caller holds the writer lock. */
#ifndef CDB_STORE_RETIRE_H
#define CDB_STORE_RETIRE_H

#include "store/repo.h"
#include "util/buf.h"

struct cdb_retire {
    struct cdb_repo *repo;
    const char *ref;                           /* to take away, or NULL */
    const char *to;                            /* what HEAD shall name, or NULL */
    char *ref_lock;                            /* NULL: the caller has it */
    ino_t ref_inode, packed_inode, head_inode; /* of the locks; 0: not taken */
    bool unpack, move_head, known;
    struct cdb_oid old;      /* known: what the ref held, which is in packed-refs */
    struct cdb_buf old_head; /* what HEAD named, if that was anything */
};

/* Take the locks and write what is needed. `ref`: to be removed, or NULL; `lock`: its lock too. `to`: HEAD shall name
 * it, if it names `ref` now or `ref` is NULL; or NULL. Nothing has changed yet; _release in any case. CHRONDB_EBUSY,
 * CHRONDB_ESYSTEM. */
int cdb_retire_prepare(struct cdb_retire *retire, struct cdb_repo *repo, const char *ref, bool lock, const char *to,
                       int timeout_ms);
/* HEAD first, then the ref. What is renamed is synced; what is unlinked is not. If it fails, what was is put back, as
 * far as that can be. */
int cdb_retire_apply(struct cdb_retire *retire);
void cdb_retire_release(struct cdb_retire *retire);

/* All of it, for a recovery. */
int cdb_retire_now(struct cdb_repo *repo, const char *ref, const char *to, int timeout_ms);
/* Remove the folders that a ref was the last one in. Nobody holds its lock. */
void cdb_retire_folders(int dir, const char *ref);
/* Remove what a dead one left. */
void cdb_retire_sweep(int dir);

/* ---- pure ---- */

/* The text of packed-refs without a ref, appended to `out`; every other byte stays. Was it there? */
bool cdb_packed_refs_without(const char *text, size_t len, const char *ref, struct cdb_buf *out);

#endif
