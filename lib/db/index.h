/* Where a database's derived index is, who may write it, and when that is due. The files themselves are lib/index's.
 *
 *     chrondb/index/           or below --index DIR, a directory for each database
 *         lock                 for those who write manifests and segments (cdb_lock_take)
 *         attempt              there while somebody builds, and if that failed or he died: its time says when
 *         damaged              a reader met damage: all is to be built anew
 */
#ifndef CDB_DB_INDEX_H
#define CDB_DB_INDEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "chrondb.h"
#include "store/repo.h"

#define CDB_INDEX_PATH "chrondb/index"

struct cdb_view;

/* A part of the handle. */
struct cdb_db_index {
    char *path;            /* absolute, where it is not in the database; or NULL */
    pthread_mutex_t mutex; /* guards what follows */
    struct cdb_view *view; /* the one used last */
    atomic_bool due;
    atomic_bool told; /* of damage */
};

/* `given`: the directory that --index names, or NULL. */
int cdb_db_index_init(struct cdb_db_index *index, const struct cdb_repo *repo, const char *given);
void cdb_db_index_release(struct cdb_db_index *index);

/* The directory's descriptor, the caller's to close; -1 if it cannot be opened (errno says why; the error is set where
 * it was to be created). */
int cdb_db_index_directory(chrondb *db, bool create);

/* Take the index lock: 0 and both descriptors; CHRONDB_EBUSY; CHRONDB_ESYSTEM. */
int cdb_db_index_lock(chrondb *db, int wait_ms, int *dir, int *lock);
void cdb_db_index_unlock(int *dir, int *lock);

/* Maintenance is due, unless it could not do anything, or somebody has just tried. */
void cdb_db_index_set_due(chrondb *db);
/* A file of the index is damaged: told, and to be built anew. */
void cdb_db_index_set_damaged(chrondb *db, const char *ref);

/* Bytes and segment files in the directory. */
void cdb_db_index_measure(chrondb *db, uint64_t *bytes, uint64_t *segments);

/* ---- for those who hold the index lock ---- */

bool cdb_db_index_is_damaged(int dir);
/* Remove all files of the index. */
void cdb_db_index_wipe(int dir);
/* Around the work: what begins and does not end is not tried again for some minutes. */
void cdb_db_index_attempt_begin(int dir);
void cdb_db_index_attempt_end(chrondb *db, int dir, int result);

/* ---- maintain.c ---- */

/* Bring the catalogs of all branches up to date, merge (`all`: into one segment), remove what is not needed. 0 also if
 * somebody else is at it (`all`: for a minute). */
int cdb_db_index_maintain(chrondb *db, bool all, chrondb_progress progress, void *context);

/* The same for one branch, now, for somebody who waits for it: for the index lock so long. CHRONDB_EBUSY "busy", or
 * "cancelled" by the progress. */
int cdb_db_index_bring_up(chrondb *db, const char *ref, int wait_ms, chrondb_progress progress, void *context);

#endif
