/* Moving a branch through git's own lock protocol: REF.lock taken, the new id written into it, renamed to REF. The lock
 * file is a link of chrondb/ref.tmp, so that a lock that outlived us is known to be ours. The caller holds the writer
 * lock. */
#ifndef CDB_STORE_PUBLISH_H
#define CDB_STORE_PUBLISH_H

#include "store/repo.h"

/* Take the lock. CHRONDB_EBUSY after `timeout_ms` if a live git command has it. `inode` tells which file it is: what
 * somebody puts in its place is not ours. */
int cdb_publish_lock(struct cdb_repo *repo, const char *ref_lock, int timeout_ms, ino_t *inode);
/* Write the id; then make it the branch. Between the two the lock can still be dropped. CHRONDB_EBUSY if it was taken
 * from us. */
int cdb_publish_write(struct cdb_repo *repo, const char *ref_lock, const struct cdb_oid *head, ino_t inode);
int cdb_publish_rename(struct cdb_repo *repo, const char *ref_lock, const char *ref, ino_t inode);
void cdb_publish_drop(struct cdb_repo *repo, const char *ref_lock, ino_t inode);
/* The last step in any case. */
void cdb_publish_done(struct cdb_repo *repo);

/* Remove git's other lock files that a dead git left: they are not in our way, but in that of the next git. */
void cdb_publish_sweep(struct cdb_repo *repo);

/* What a dead writer left: is REF.lock a link of our ref.tmp? Then `content` is the id in it (zeros: none). */
bool cdb_publish_is_ours(struct cdb_repo *repo, const char *ref_lock, struct cdb_oid *content, ino_t *inode);

#endif
