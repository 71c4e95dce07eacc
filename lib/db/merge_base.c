/* SPDX-License-Identifier: MIT
 * The base of a merge. Criss-cross histories have several: they are merged into one that is in memory only. */
#include "db/merge.h"

#include <stdlib.h>
#include <string.h>

#include "store/bases.h"

#define BASES_MAX  8  /* that are merged, the newest ones */
#define DEPTH_MAX  8  /* bases of bases */
#define MERGES_MAX 32 /* in all */

int cdb_merge_root(chrondb *db, const struct cdb_oid *commit, struct cdb_oid *root)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit parsed;
    int result = cdb_commit_read(db->repo->objects, commit, &content, &parsed);
    if (result == 0)
        *root = parsed.tree;
    cdb_buf_release(&content);
    return result;
}

/* What two bases disagree on is neither's. */
static int settle_by_mark(void *context, const char *key, size_t key_len, enum cdb_merge_verdict *verdict,
                          struct cdb_merge_value *given)
{
    (void)context;
    (void)key;
    (void)key_len;
    (void)given;
    *verdict = CDB_VERDICT_MARK;
    return 0;
}

struct folding {
    struct cdb_merging merging;
    unsigned left; /* merges that may still be made */
};

static int fold(struct folding *folding, const struct cdb_oid *commits, size_t count, unsigned depth,
                struct cdb_merge_state *out);

/* Merge commit number `index` into the state of those before it. Recurses DEPTH_MAX times at most. */
static int fold_in(struct folding *folding, const struct cdb_oid *commits, size_t index, unsigned depth,
                   struct cdb_merge_state *out)
{
    struct cdb_merge_state base, next, theirs = {.count = 0};
    struct cdb_bases bases;
    chrondb *db = folding->merging.db;
    memset(&base, 0, sizeof(base));
    memset(&next, 0, sizeof(next));
    int result = cdb_bases_find(&bases, db->repo->objects, commits, index, &commits[index]);
    if (result == 0)
        result = fold(folding, bases.list, bases.count, depth + 1, &base);
    if (result == 0)
        result = cdb_merge_root(db, &commits[index], &theirs.root);
    if (result == 0)
        result = cdb_merge_keys(&folding->merging, &base, out, &theirs, &next);
    cdb_merge_state_release(&base);
    cdb_bases_release(&bases);
    if (result != 0) {
        cdb_merge_state_release(&next);
        return result;
    }
    cdb_merge_state_release(out);
    *out = next;
    return 0;
}

static int fold(struct folding *folding, const struct cdb_oid *commits, size_t count, unsigned depth,
                struct cdb_merge_state *out)
{
    memset(out, 0, sizeof(*out));
    int result = count > 0 ? cdb_merge_root(folding->merging.db, &commits[0], &out->root) : 0;
    for (size_t i = 1; result == 0 && i < count && i < BASES_MAX && depth < DEPTH_MAX && folding->left > 0; i++) {
        folding->left--;
        result = fold_in(folding, commits, i, depth, out);
    }
    return result;
}

int cdb_merge_base_state(struct cdb_merging *it, const struct cdb_bases *bases, struct cdb_merge_state *out)
{
    struct folding folding = {.merging = {.db = it->db,
                                          .memory = it->memory,
                                          .settle = settle_by_mark,
                                          .progress = it->progress,
                                          .progress_context = it->progress_context},
                              .left = MERGES_MAX};
    int result = fold(&folding, bases->list, bases->count, 0, out);
    free(folding.merging.records);
    if (result != 0)
        cdb_merge_state_release(out);
    return result;
}
