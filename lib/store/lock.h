/* Locks: the writer lock, and git's lock files.
 *
 * The writer lock is an open-file-description lock (fcntl(2), F_OFD_SETLK): the kernel drops it with the process, so it
 * cannot be orphaned; unlike a classic POSIX lock it is not dropped when some other descriptor of the file is closed.
 */
#ifndef CDB_STORE_LOCK_H
#define CDB_STORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CDB_LOCK_PATH        "chrondb/lock"
#define CDB_MAINTENANCE_LOCK "chrondb/maintenance.lock"
#define CDB_HELP_LOCK        "chrondb/checkpoint.lock" /* a checkpoint beside a maintenance that does not come to it */

/* Of a maintenance that packs refs: git's locks that it holds, without the writer lock, are links of these. */
#define CDB_PACKED_REFS_TEMPORARY "chrondb/packed-refs.tmp" /* becomes packed-refs */
#define CDB_PRUNE_TEMPORARY       "chrondb/prune.tmp"       /* names the ref's lock that is taken */

/* Take the exclusive lock on a file (created if absent), waiting up to `timeout_ms` (0: not at all). The descriptor in
 * `fd` holds it until it is closed. 0; CHRONDB_EBUSY ("busy"); CHRONDB_ESYSTEM. Waiters are served by the kernel, first
 * come, first served. */
int cdb_lock_take(int *fd, int dir, const char *path, int timeout_ms);
/* Unlock (also for children that inherited the descriptor by a fork) and close; -1 is left alone. */
void cdb_lock_release(int *fd);
/* In a child, after a fork: close what was inherited of locks, so that none lives on with the child. */
void cdb_locks_forget(void);
/* Does a live process hold it? Takes nothing. */
bool cdb_lock_is_held(int dir, const char *path);

/* ---- git's lock files ---- */

enum cdb_presence { CDB_ABSENT, CDB_PRESENT, CDB_UNKNOWN };
enum cdb_verdict { CDB_WAIT, CDB_REMOVE };

#define CDB_STALE_SECONDS   10
#define CDB_UNKNOWN_SECONDS 600

/* May a lock file of another program's be removed? Only if it is old and no live process that started before it works
 * in the repository; what cannot be examined counts as alive for ten minutes. Pure. */
enum cdb_verdict cdb_git_lock_judge(int64_t age_seconds, enum cdb_presence owner);

/* Look whether a process that started before `lock_time` (seconds), that could have created a file of owner `uid`, and
 * that is none of chrondb's, has a file open, its directory, an argument or GIT_* in its environment in the repository
 * at `path` (absolute). `pid` tells one that does, or that could not be examined. */
enum cdb_presence cdb_git_lock_owner(const char *path, int64_t lock_time, unsigned uid, int *pid);

/* Take git's lock on a file below `dir` ("refs/heads/main.lock"): it becomes a second link of the file `ours`
 * (already there), so that after a crash it is ours beyond doubt. Waits up to `timeout_ms` for a live owner and removes
 * a dead one's (telling through `removed`); the caller holds the writer lock, or `removed` is NULL, and none is. 0,
 * CHRONDB_EBUSY, CHRONDB_ESYSTEM. */
int cdb_git_lock_take(int dir, const char *repository, const char *ours, const char *lock, int timeout_ms,
                      bool *removed);
/* Remove a lock that a dead one of ours left: it is the same file as `ours`. What else stands there stays. */
void cdb_git_lock_drop(int dir, const char *ours, const char *lock);
/* Remove a stale one, if it exists, may be removed now and is not in the way of anybody: true if it was. */
bool cdb_git_lock_sweep(int dir, const char *repository, const char *lock);

#endif
