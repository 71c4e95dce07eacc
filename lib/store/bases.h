/* SPDX-License-Identifier: MIT
 *
 * Where two commits parted: their best common ancestors, those that are no ancestors of another common one. The
 * algorithm is git's (commit-reach.c, paint_down_to_common and remove_redundant; git-merge-base(1)): both histories are
 * walked together, the newest commit first. Commits of any date give the right answer, those with sensible dates soon.
 */
#ifndef CDB_STORE_BASES_H
#define CDB_STORE_BASES_H

#include <stdbool.h>
#include <stddef.h>

#include "store/objects.h"

struct cdb_bases {
    struct cdb_oid *list; /* newest first, those of one second by their ids: the same, whichever side is ours */
    size_t count;         /* 0: the histories have nothing in common */
};

/* The best common ancestors of `theirs` and of any of `ours`. To be released in any case. */
int cdb_bases_find(struct cdb_bases *out, struct cdb_objects *objects, const struct cdb_oid *ours, size_t our_count,
                   const struct cdb_oid *theirs);
void cdb_bases_release(struct cdb_bases *bases);

/* Has either of two commits news for the other: a commit that the other does not stand on, and that is no merge? Merges
 * only join what other commits brought. Where commits are dated by more than a day before those they stand on, a commit
 * that both have may pass for news, never the other way round. */
int cdb_bases_news(struct cdb_objects *objects, const struct cdb_oid *ours, const struct cdb_oid *theirs,
                   bool *our_news, bool *their_news);

/* Is `old` on the first-parent chain of `head`? It is an ancestor. Reads the commits between them: those that only
 * `head` has. */
int cdb_bases_on_chain(struct cdb_objects *objects, const struct cdb_oid *head, const struct cdb_oid *old, bool *out);

/* The commits that `theirs` are and stand on, but none of `ours` does, newest first; an array to be freed. Where dates
 * are in disorder a few that `ours` have may be among them. */
int cdb_bases_missing(struct cdb_oid **out, size_t *count, struct cdb_objects *objects, const struct cdb_oid *ours,
                      size_t our_count, const struct cdb_oid *theirs, size_t their_count);

#endif
