/* SPDX-License-Identifier: MIT */
#include "db/ft_base.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/error.h"

#define WALK_MAX   256 /* commits that are read to find exactly where a rewritten branch parts */
#define LOOK_AFTER 64  /* commits that a branch's own shelf lacks, before others are looked at */

/* ---- what a shelf and a chain have in common ----------------------------------------------------- */

/* Is this commit in that place of the chain? 1, 0, or an error. */
static int is_at(const struct cdb_chain *chain, uint64_t position, const struct cdb_oid *commit)
{
    struct cdb_oid there;
    if (position >= chain->count)
        return 0;
    int result = chain->at(chain->context, position, &there);
    return result != 0 ? result : cdb_oid_equal(&there, commit);
}

/* From a commit that is not on the chain back to one that is: down to `lowest`, which is known to be common. */
static uint64_t walk_back(chrondb *db, const struct cdb_chain *chain, const struct cdb_shelf_mark *from,
                          uint64_t lowest)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid at = from->commit;
    uint64_t position = from->position, common = lowest;
    while (position > lowest && from->position - position < WALK_MAX) {
        struct cdb_commit commit;
        if (cdb_commit_read(db->repo->objects, &at, &content, &commit) != 0 || commit.parent_count == 0)
            break;
        at = cdb_commit_parent(&commit, 0);
        if (is_at(chain, --position, &at) == 1) {
            common = position + 1;
            break;
        }
    }
    cdb_error_clear(); /* what was rewritten need not be there */
    cdb_buf_release(&content);
    return common;
}

/* How many commits both begin with; it may be fewer than there are. */
static int find_common(chrondb *db, const struct cdb_chain *chain, const struct cdb_shelf *shelf, uint64_t *common)
{
    *common = 0;
    for (size_t i = 0; i < shelf->mark_count; i++) {
        int there = is_at(chain, shelf->marks[i].position, &shelf->marks[i].commit);
        if (there < 0 || there > 1)
            return there;
        if (there == 0)
            continue;
        *common = shelf->marks[i].position + 1;
        if (i > 0 && shelf->marks[i - 1].position > *common)
            *common = walk_back(db, chain, &shelf->marks[i - 1], *common);
        return 0;
    }
    if (shelf->mark_count > 0)
        *common = walk_back(db, chain, &shelf->marks[shelf->mark_count - 1], 0);
    return 0;
}

/* ---- the best of all ------------------------------------------------------------------------------ */

struct best {
    chrondb *db;
    const struct cdb_chain *chain;
    const char *language;
    uint64_t common, end;
    const char *except; /* a ref that does not count, or NULL */
    char *ref;          /* of the best one; NULL: none has anything */
};

static bool is_usable(const struct cdb_shelf *shelf, const char *language)
{
    return shelf->analysis == CDB_ANALYSIS_VERSION && strcmp(shelf->language, language) == 0;
}

static int consider(void *context, const struct cdb_shelf *shelf)
{
    struct best *best = context;
    uint64_t common;
    if (!is_usable(shelf, best->language) || (best->except != NULL && strcmp(shelf->ref, best->except) == 0))
        return 0;
    int result = find_common(best->db, best->chain, shelf, &common);
    if (common > best->end)
        common = best->end;
    if (result != 0 || common <= best->common)
        return result;
    char *ref = strdup(shelf->ref);
    if (ref == NULL)
        return cdb_error_memory();
    free(best->ref);
    best->ref = ref;
    best->common = common;
    return 0;
}

/* Another branch's shelf that knows more than so many commits of the chain. */
static int borrow(struct cdb_ft_base *out, struct best *best, int dir)
{
    struct cdb_shelf shelf;
    int result = cdb_shelf_list(dir, consider, best);
    if (result == 0 && best->ref != NULL) {
        result = cdb_shelf_read(&shelf, dir, best->ref);
        if (result == 0 && is_usable(&shelf, best->language) &&
            (result = find_common(best->db, best->chain, &shelf, &out->common)) == 0) {
            cdb_shelf_release(&out->shelf);
            out->shelf = shelf;
        } else if (result == 0) {
            cdb_shelf_release(&shelf);
        }
    }
    free(best->ref);
    return result == 1 ? 0 : result; /* replaced meanwhile: without it */
}

int cdb_ft_base_find(struct cdb_ft_base *out, chrondb *db, int dir, const char *ref, const char *language,
                     const struct cdb_chain *chain, uint64_t end)
{
    memset(out, 0, sizeof(*out));
    if (dir < 0)
        return 0;
    int result = cdb_shelf_read(&out->shelf, dir, ref);
    if (result == 0 && is_usable(&out->shelf, language))
        result = find_common(db, chain, &out->shelf, &out->common);
    else if (result == 0 || result == 1)
        result = 0;
    if (result == 0 && out->common == 0)
        cdb_shelf_release(&out->shelf);
    if (result == 0 && (out->shelf.ref == NULL || (out->common < end && out->common < out->shelf.end &&
                                                   out->shelf.end - out->common >= LOOK_AFTER))) {
        struct best best = {.db = db, .chain = chain, .language = language, .common = out->common, .end = end};
        result = borrow(out, &best, dir);
    }
    if (result != 0)
        cdb_shelf_release(&out->shelf);
    return result;
}

int cdb_ft_base_borrow(struct cdb_ft_base *out, chrondb *db, int dir, const char *ref, const char *language,
                       const struct cdb_chain *chain, uint64_t end)
{
    struct best best = {.db = db, .chain = chain, .language = language, .end = end, .except = ref};
    memset(out, 0, sizeof(*out));
    return borrow(out, &best, dir);
}

int cdb_ft_base_marks(const struct cdb_chain *chain, uint64_t end, struct cdb_shelf_mark marks[CDB_SHELF_MARKS_MAX],
                      size_t *count)
{
    uint64_t positions[CDB_SHELF_MARKS_MAX];
    int result = 0;
    *count = cdb_shelf_mark_positions(end, positions);
    for (size_t i = 0; result == 0 && i < *count; i++) {
        marks[i].position = positions[i];
        result = chain->at(chain->context, positions[i], &marks[i].commit);
    }
    return result;
}
