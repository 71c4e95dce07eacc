/* Commits that import makes without a lock, and makes durable many at a time: trees and objects go into a pack beside
 * the database; publishing finishes the pack and moves the branch, once. If the branch was moved by others meanwhile,
 * the window's commits are made again on top of theirs. */
#ifndef CDB_DB_WINDOW_H
#define CDB_DB_WINDOW_H

#include "db/handle.h"
#include "db/pipeline.h"

struct cdb_window;

struct cdb_window_options {
    const char *ref;
    const char *author, *committer; /* "NAME <MAIL>", clean */
    const char *message;            /* NULL: told by the documents */
    const char *const *meta;
    size_t meta_count;
    int lock_timeout_ms;
    bool versions; /* documents may come back changed in later commits: keep some for deltas */
};

struct cdb_window_counts {
    uint64_t commits, puts, deletes; /* that changed something */
};

/* The options are borrowed until it is freed. */
int cdb_window_new(struct cdb_window **out, chrondb *db, const struct cdb_window_options *options);
void cdb_window_free(struct cdb_window *window);

/* The branch's head as the window sees it (its own unpublished commits included), and its effective time. */
const struct cdb_oid *cdb_window_head(const struct cdb_window *window);
chrondb_time cdb_window_time(const struct cdb_window *window);

/* A put or delete; CDB_STEP_COMMIT makes the commit of all since the last one, unless they change nothing. */
int cdb_window_take(struct cdb_window *window, const struct cdb_step *step);

/* Are there commits to publish, and is it time to: are there so many objects, or is the first so old? */
bool cdb_window_due(const struct cdb_window *window);
/* Make the commits durable and visible. `before` (or NULL) is called under the locks, with the head to be, before it
 * comes. What was put since the last commit stays to come. */
int cdb_window_publish(struct cdb_window *window, int (*before)(void *context, const struct cdb_oid *head),
                       void *context);

/* All that was published. */
const struct cdb_window_counts *cdb_window_counts(const struct cdb_window *window);

#endif
