/* A shelf with its segments open: what readers search, and what writers change and publish.
 *
 * What is open stays as it is: files that are removed or replaced meanwhile do not matter. Changes (cuts, ends,
 * segments added or merged) are in memory until cdb_shelf_view_publish. Not safe for threads. Errors: CHRONDB_EDAMAGED
 * (a file is not what was written: do without, and build anew), CHRONDB_ESYSTEM. */
#ifndef CDB_INDEX_SHELF_VIEW_H
#define CDB_INDEX_SHELF_VIEW_H

#include "index/ends.h"
#include "index/ft_segment.h"
#include "index/shelf.h"

struct cdb_shelf_part {
    struct cdb_shelf_segment named; /* as in the files; what concerns ends is brought up to date when publishing */
    struct cdb_ft_segment *segment; /* NULL: not open */
    struct cdb_ends *ends;          /* of an open one; NULL: no document has an end */
    bool changed;                   /* the ends are not those of the file */
};

struct cdb_shelf_view {
    struct cdb_shelf shelf; /* its segments are in the parts */
    struct cdb_shelf_part *parts;
    size_t count, room;
};

/* An empty one that covers nothing. */
int cdb_shelf_view_new(struct cdb_shelf_view **out, const char *ref, const char *language, uint32_t analysis);
/* Take over a shelf (also after an error), and open its parts that may have documents that are alive in the state after
 * `end` commits; those that have such at the shelf's end, if `end` is beyond. 0; 1: a file is not there: the shelf has
 * been replaced, or is of no use. */
int cdb_shelf_view_open(struct cdb_shelf_view **out, int dir, struct cdb_shelf *shelf, uint64_t end);
void cdb_shelf_view_close(struct cdb_shelf_view *view);

/* May the part have documents that are alive in the state after `end` commits? */
bool cdb_shelf_part_matters(const struct cdb_shelf_view *view, const struct cdb_shelf_part *part, uint64_t end);
/* Documents of a part that have an end. */
uint32_t cdb_shelf_part_dead(const struct cdb_shelf_part *part);

/* Open the part, if it is not. 0, or 1: it is not there. */
int cdb_shelf_view_load(struct cdb_shelf_view *view, int dir, size_t part);

/* The branch was rewritten: forget what commits from position `end` on did. O(documents) of the parts concerned, which
 * are opened: 1 as above. */
int cdb_shelf_view_cut(struct cdb_shelf_view *view, int dir, uint64_t end);

/* The version of the key that is alive at the shelf's end was replaced or deleted by the commit at a position: looked
 * for in the open parts. Nothing happens if there is none. O(parts * log n). */
int cdb_shelf_view_kill(struct cdb_shelf_view *view, const char *key, size_t len, uint32_t until);

/* Add a segment that was just written, with its ends (taken over, or NULL). */
int cdb_shelf_view_add(struct cdb_shelf_view *view, const struct cdb_shelf_segment *named, struct cdb_ends *ends);

/* Merge the parts with these indices (ascending) into one of documents without an end and one of those with: the new
 * ones take their places. `interrupted` (or NULL) is asked now and then; not 0 ends it. */
int cdb_shelf_view_merge(struct cdb_shelf_view *view, int dir, const size_t *chosen, size_t count,
                         int (*interrupted)(void *context), void *context);
/* Which ones are to be merged now (cdb_shelf_plan); `chosen` has room for view->count. */
size_t cdb_shelf_view_plan(const struct cdb_shelf_view *view, bool all, size_t *chosen);

/* Write the ends that changed, and a shelf that covers `end` commits, whose marks those are. */
int cdb_shelf_view_publish(struct cdb_shelf_view *view, int dir, uint64_t end, const struct cdb_shelf_mark *marks,
                           size_t mark_count);

#endif
