/* A database's directory: what is there, opening, creating, recovering. chrondb-format(5), FILES.
 *
 *     HEAD config objects/ refs/       a bare git repository
 *     chrondb/format                   "1\n": complete, and of that version
 *     chrondb/lock, maintenance.lock, checkpoint.lock   locks, empty
 *     chrondb/journal, state           see journal.h, state.h
 *     chrondb/ref.tmp                  the writer's, see publish.h
 */
#ifndef CDB_STORE_REPO_H
#define CDB_STORE_REPO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "chrondb.h"
#include "store/journal.h"
#include "store/objects.h"
#include "store/state.h"

#define CDB_FORMAT_VERSION 1
#define CDB_REF_TEMPORARY  "chrondb/ref.tmp"

struct cdb_repo {
    char *path; /* absolute, resolved */
    int dir;
    dev_t device;
    ino_t inode;
    pid_t owner; /* the process that opened it */
    struct cdb_objects *objects;
    char boot[CDB_BOOT_SIZE];
    bool created, adopted;
    void (*notice)(void *context, int level, const char *text);
    void *notice_context;
    _Atomic(struct cdb_deflater *) deflater; /* a spare one, of the last writer's */
    pthread_mutex_t write_mutex;             /* writers of this process, before the writer lock */
    pthread_mutex_t mutex;                   /* guards what follows */
    bool overlay;                            /* another boot's journal, which we cannot recover: read through it */
    struct cdb_half halves[2];               /* by generation */
    uint64_t checkpointed;                   /* generations up to this one are durable without it */
    atomic_bool checkpoint_due;
};

enum {
    CDB_CREATE = 1,
    CDB_ADOPT = 2,
    CDB_CREATED = 4 /* the caller has just done that */
};

/* Open, create or adopt; recover if the last writer died. Errors as chrondb_open. */
int cdb_repo_open(struct cdb_repo **out, const char *path, unsigned flags,
                  void (*notice)(void *context, int level, const char *text), void *notice_context);
void cdb_repo_close(struct cdb_repo *repo);

/* Look whether the last writer ended cleanly; if not, recover, or read through the journal. One small read if all is
 * well. */
int cdb_repo_attend(struct cdb_repo *repo);

/* The value of a ref, as the journal knows it where that has to be read through. 0, 1 (none), or an error. */
int cdb_repo_ref(struct cdb_repo *repo, const char *ref, struct cdb_oid *out);

void cdb_repo_notice(const struct cdb_repo *repo, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- layout.c: what is at a path, and making it a database ---- */

enum cdb_place {
    CDB_PLACE_ABSENT,
    CDB_PLACE_EMPTY,      /* an empty directory */
    CDB_PLACE_UNFINISHED, /* a creation that was cut short */
    CDB_PLACE_DATABASE,
    CDB_PLACE_BARE, /* a bare repository that is no database */
    CDB_PLACE_WORK_TREE,
    CDB_PLACE_OTHER /* foreign files, or no directory */
};

/* Errors are CHRONDB_ESYSTEM (cannot look) only. `found` (or NULL) gets the name of something foreign, for messages. */
int cdb_place_examine(const char *path, enum cdb_place *place, struct cdb_buf *found);
/* What a new database has beside what all have: called with its directory, before it becomes one. */
struct cdb_layout_content {
    void *context;
    int (*fill)(void *context, int dir);
};

/* With a content (or NULL), CHRONDB_ECONFLICT "exists" if another creator was faster; after a failure nothing is there.
 */
int cdb_layout_create(const char *path, enum cdb_place place, const struct cdb_layout_content *content);
int cdb_layout_adopt(const char *path);
/* Can the repository be a database? Then its configuration becomes that of one. `path` is that of `dir`. */
int cdb_layout_adopt_config(int dir, const char *path);

/* ---- made.c ---- */

/* Somebody else's way to make a bare repository; see chrondb_create_from. */
struct cdb_maker {
    int (*make)(void *context, const char *repository); /* absolute, nothing is there yet; 0, or any result to return */
    void *context;
};
/* A database's content, for cdb_layout_create; `context` is a cdb_maker. */
int cdb_maker_fill(void *context, int dir);
/* Is the format one that we know? CHRONDB_ENODB "unsupported", CHRONDB_EDAMAGED. */
int cdb_layout_check_format(int dir, const char *path);

/* ---- unlock.c ---- */

/* See chrondb_ready_for_git. */
int cdb_repo_unlock_git(struct cdb_repo *repo, int timeout_ms);

/* ---- recover.c ---- */

/* The caller holds the writer lock; `state` is what it read and becomes what is true. Unless it is `trusted`, nothing
 * that was not synced is believed to be there. CHRONDB_EBUSY if a live git command holds a branch's lock, that has to
 * be moved, for longer than `wait_ms`. */
int cdb_recover(struct cdb_repo *repo, struct cdb_state *state, bool trusted, int wait_ms);

/* ---- replay.c ---- */

/* Git syncs nothing of what is pushed. Is all there that the commits changed, from `head` back to the first that is
 * ours? 1, 0, or an error. */
int cdb_push_survived(struct cdb_objects *objects, const struct cdb_oid *head,
                      bool (*is_ours)(const void *context, const struct cdb_oid *commit), const void *context);

/* ---- checkpoint.c ---- */

/* Put the frozen half's objects into a pack, sync, remove their loose files; CHRONDB_EBUSY after `wait_ms` of another
 * process at maintenance. The caller does not hold the writer lock. */
int cdb_checkpoint(struct cdb_repo *repo, int wait_ms);

/* The same, from who has waited long enough: maintenance may be starved by others, who want the processor more. */
int cdb_checkpoint_beside(struct cdb_repo *repo, int wait_ms);

/* A checkpoint, then packs merged and loose refs packed, where there are many. Returns 0 at once if another process is
 * at it. */
int cdb_maintain(struct cdb_repo *repo);

#endif
