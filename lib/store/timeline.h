/* The order of commits in time: effective times along first-parent chains, and ancestry. */
#ifndef CDB_STORE_TIMELINE_H
#define CDB_STORE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "store/commit.h"
#include "store/objects.h"

/* Read and parse a commit; `content` holds what `out` points into. */
int cdb_commit_read(struct cdb_objects *objects, const struct cdb_oid *oid, struct cdb_buf *content,
                    struct cdb_commit *out);

/* Effective times that are known: a function of the commit alone, so they may be kept for ever. */
struct cdb_times {
    struct cdb_objects *objects;
    struct cdb_times_slot *slots;
    size_t count, room;
    /* Asked for times that are not known, or NULL: 0, or another number if it does not know either. */
    int (*find)(void *context, const struct cdb_oid *oid, chrondb_time *time);
    void *find_context;
};

void cdb_times_init(struct cdb_times *times, struct cdb_objects *objects);
void cdb_times_release(struct cdb_times *times);
int cdb_times_add(struct cdb_times *times, const struct cdb_oid *oid, chrondb_time time);
/* The effective time of a commit: its first parents are read back to one that is known, or to the first. */
int cdb_times_get(struct cdb_times *times, const struct cdb_oid *oid, chrondb_time *out);

/* A first-parent chain, newest first. */
struct cdb_moment {
    struct cdb_oid commit;
    chrondb_time time; /* effective */
};

struct cdb_timeline {
    struct cdb_moment *moments;
    size_t count;
};

/* `head` zeros: empty. */
int cdb_timeline_load(struct cdb_timeline *out, struct cdb_objects *objects, const struct cdb_oid *head);
void cdb_timeline_release(struct cdb_timeline *timeline);
/* The index of the last commit at or before a time; `count` if there is none. */
size_t cdb_timeline_at(const struct cdb_timeline *timeline, chrondb_time time);

/* Is `wanted` the commit `head` or an ancestor of it, by whatever parents? */
int cdb_timeline_contains(struct cdb_objects *objects, const struct cdb_oid *head, const struct cdb_oid *wanted,
                          bool *out);
/* The newest commit of the first-parent chain of `ours` that is `theirs` or an ancestor of it; zeros: none. */
int cdb_timeline_common(struct cdb_objects *objects, const struct cdb_oid *ours, const struct cdb_oid *theirs,
                        struct cdb_oid *out);

#endif
