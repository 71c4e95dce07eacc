/* One maintenance at a time, from whichever process: its lock, and what a dead one left. */
#ifndef CDB_STORE_MAINTENANCE_H
#define CDB_STORE_MAINTENANCE_H

#include "store/repack.h"
#include "store/repo.h"

/* There while there is work that may leave something behind. Its lines are the names of packs that are being removed.
 */
#define CDB_MAINTENANCE_MARK "chrondb/maintaining"

/* Of the packs that it writes (cdb_pack_new): while one is merged, the journal may become another. */
#define CDB_ROLE_CHECKPOINT "c"
#define CDB_ROLE_HELP       "h" /* the journal's too, from who cannot wait for maintenance; has a lock of its own */
#define CDB_ROLE_MERGE      "m"

/* Take the lock, waiting up to `wait_ms`. CHRONDB_EBUSY: somebody is at it. */
int cdb_maintenance_begin(struct cdb_repo *repo, int wait_ms, int *lock);
void cdb_maintenance_end(struct cdb_repo *repo, int *lock);
/* Remove what a dead one left; one system call if there is nothing. */
void cdb_maintenance_sweep(int dir);

/* With the lock: the frozen half into a pack, if one waits. `role`: of the pack. */
int cdb_checkpoint_frozen(struct cdb_repo *repo, const char *role);
/* With the lock: all of the journal. A writer that died is not recovered here: its half is left for who does. */
int cdb_checkpoint_all(struct cdb_repo *repo);

#define CDB_LOOSE_REFS_MANY 256 /* files that every look at all refs reads */

/* Loose refs into packed-refs, as `git pack-refs --all` does it, but for the branch that HEAD names, which is written
 * all the time. With the maintenance lock. What git has locked meanwhile stays as it is.
 * Nothing is done where there are fewer than `least`. */
int cdb_pack_refs(struct cdb_repo *repo, size_t least);

struct cdb_gc_report {
    struct cdb_repack_sizes before, after;
};

/* All of it. Whatever `progress` returns, if not 0, ends it and is returned. */
int cdb_gc(struct cdb_repo *repo, int wait_ms, cdb_rewrite_progress progress, void *context,
           struct cdb_gc_report *report);

#endif
