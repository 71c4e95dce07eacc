/* SPDX-License-Identifier: MIT */
#include "db/ft_maintain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/catchup.h"
#include "db/config.h"
#include "db/ft_base.h"
#include "db/ft_gather.h"
#include "db/handle.h"
#include "index/files.h"
#include "util/error.h"
#include "util/fault.h"

#define SHARE_COMMITS 10000  /* of a branch, that are read again for the sake of sharing segments */
#define SHARE_DOCS    100000 /* in a merge: a branch has copies of so few for itself */

struct bringing {
    struct cdb_ft_work *work;
    struct cdb_buf language;
    struct cdb_catalog *catalog;
    struct cdb_chain chain;
    struct cdb_shelf_view *view;
    struct cdb_catalog_changes *changes;
    uint64_t total; /* documents that will come, about */
};

static int commit_at(void *context, uint64_t position, struct cdb_oid *out)
{
    struct cdb_catalog_commit commit;
    int result = cdb_db_index_result(cdb_catalog_commit(context, position, &commit));
    *out = commit.id;
    return result;
}

static int next_change(void *context, struct cdb_catalog_key_changes *out)
{
    return cdb_db_index_result(cdb_catalog_changes_next(context, out));
}

static int tell(void *context, uint64_t done)
{
    const struct bringing *bringing = context;
    const struct cdb_ft_work *work = bringing->work;
    uint64_t total = bringing->total > done ? bringing->total : 0;
    return work->step != NULL ? work->step(work->context, "indexing documents", done, total) : 0;
}

static int tell_merging(void *context)
{
    const struct bringing *bringing = context;
    const struct cdb_ft_work *work = bringing->work;
    return work->step != NULL ? work->step(work->context, "merging the index", 0, 0) : 0;
}

static int publish(struct bringing *bringing)
{
    struct cdb_shelf_mark marks[CDB_SHELF_MARKS_MAX];
    size_t count;
    int result = cdb_ft_base_marks(&bringing->chain, bringing->chain.count, marks, &count);
    if (result == 0)
        result = cdb_shelf_view_publish(bringing->view, bringing->work->dir, bringing->chain.count, marks, count);
    return result;
}

/* ---- what is there already ------------------------------------------------------------------------ */

/* Once another branch was merged into new segments, it is better to share those than to keep the old ones, if not much
 * has to be read again. */
static int find_base(struct bringing *bringing, struct cdb_ft_base *base)
{
    const struct cdb_ft_work *work = bringing->work;
    const char *language = cdb_buf_str(&bringing->language);
    const struct cdb_chain *chain = &bringing->chain;
    if (work->all && work->shared) {
        int result = cdb_ft_base_borrow(base, work->db, work->dir, work->ref, language, chain, chain->count);
        if (result != 0 || (base->shelf.ref != NULL && base->common + SHARE_COMMITS >= chain->count))
            return result;
        cdb_shelf_release(&base->shelf);
    }
    return cdb_ft_base_find(base, work->db, work->dir, work->ref, language, chain, chain->count);
}

/* The best base, cut to what it has in common with the branch. *fresh: there is nothing to publish. */
static int open_base(struct bringing *bringing, bool anew, bool *fresh)
{
    const struct cdb_ft_work *work = bringing->work;
    const char *language = cdb_buf_str(&bringing->language);
    struct cdb_ft_base base = {.common = 0};
    int result = anew ? 0 : find_base(bringing, &base);
    if (result != 0)
        return result;
    if (base.shelf.ref == NULL)
        return cdb_shelf_view_new(&bringing->view, work->ref, language, CDB_ANALYSIS_VERSION);
    *fresh =
        strcmp(base.shelf.ref, work->ref) == 0 && base.common == base.shelf.end && base.common == bringing->chain.count;
    result = cdb_shelf_view_open(&bringing->view, work->dir, &base.shelf, UINT64_MAX);
    if (result == 0 && base.common < bringing->view->shelf.end)
        result = cdb_shelf_view_cut(bringing->view, work->dir, base.common);
    if (result != 0)
        return result == 1 ? cdb_error(CHRONDB_EDAMAGED, "damaged", "a file of the index is missing") : result;
    char *ref = strdup(work->ref);
    if (ref == NULL)
        return cdb_error_memory();
    free(bringing->view->shelf.ref);
    bringing->view->shelf.ref = ref;
    return 0;
}

/* ---- what is missing ------------------------------------------------------------------------------ */

static int gather(struct bringing *bringing)
{
    const struct cdb_ft_work *work = bringing->work;
    uint64_t from = bringing->view->shelf.end, tables;
    struct cdb_gather gather = {.db = work->db,
                                .language = cdb_buf_str(&bringing->language),
                                .base = bringing->view,
                                .step = tell,
                                .step_context = bringing};
    int result = 0;
    if (from == 0)
        result = cdb_db_index_result(
            cdb_catalog_totals(bringing->catalog, bringing->chain.count, &bringing->total, &tables));
    if (result == 0)
        result = cdb_db_index_result(
            cdb_catalog_changes_open(&bringing->changes, bringing->catalog, from, bringing->chain.count));
    gather.feed = (struct cdb_ft_feed){next_change, bringing->changes};
    if (result == 0)
        result = cdb_gather_files(&gather, work->dir);
    return result;
}

/* Which parts to merge now; `chosen` has room for all. */
static size_t plan(const struct bringing *bringing, size_t *chosen)
{
    const struct cdb_shelf_view *view = bringing->view;
    uint64_t docs = 0;
    size_t count = cdb_shelf_view_plan(view, bringing->work->all, chosen);
    for (size_t i = 0; i < count; i++)
        docs += view->parts[chosen[i]].named.docs;
    if (bringing->work->all && bringing->work->shared && docs > SHARE_DOCS)
        count = cdb_shelf_view_plan(view, false, chosen);
    return count;
}

static int merge(struct bringing *bringing)
{
    const struct cdb_ft_work *work = bringing->work;
    int result = 0;
    while (result == 0) {
        size_t *chosen = calloc(bringing->view->count + 1, sizeof(*chosen));
        if (chosen == NULL)
            return cdb_error_memory();
        size_t count = plan(bringing, chosen);
        result =
            count == 0 ? 1 : cdb_shelf_view_merge(bringing->view, work->dir, chosen, count, tell_merging, bringing);
        if (result == 0)
            result = publish(bringing);
        free(chosen);
    }
    return result == 1 ? 0 : result;
}

static int bring(struct bringing *bringing, bool anew)
{
    bool fresh = false;
    int result = open_base(bringing, anew, &fresh);
    if (result == 0 && !fresh && bringing->view->shelf.end < bringing->chain.count)
        result = gather(bringing);
    if (result == 0 && !fresh)
        result = publish(bringing);
    if (result == 0)
        result = merge(bringing);
    cdb_catalog_changes_free(bringing->changes);
    cdb_shelf_view_close(bringing->view);
    bringing->changes = NULL;
    bringing->view = NULL;
    return result;
}

void cdb_ft_drop(int dir, const char *ref)
{
    char file[CDB_FILE_NAME_SIZE];
    cdb_file_search(file, ref);
    unlinkat(dir, file, 0);
}

int cdb_ft_maintain(struct cdb_ft_work *work)
{
    struct bringing bringing = {.work = work, .language = CDB_BUF_INIT};
    int result = cdb_config_language(work->db, &bringing.language);
    if (result == 0)
        result = cdb_db_index_result(cdb_catalog_open(&bringing.catalog, work->dir, work->ref));
    if (result == 0) {
        bringing.chain = (struct cdb_chain){cdb_catalog_count(bringing.catalog), commit_at, bringing.catalog};
        result = bringing.chain.count > 0 ? bring(&bringing, false) : 0;
        if (result == CHRONDB_EDAMAGED) {
            cdb_repo_notice(work->db->repo, CHRONDB_NOTE, "the index of words of '%s' is built anew: %s", work->ref,
                            chrondb_last_error()->message);
            cdb_error_clear();
            cdb_ft_drop(work->dir, work->ref);
            result = bring(&bringing, true);
        }
    }
    cdb_catalog_close(bringing.catalog);
    cdb_buf_release(&bringing.language);
    return result == 1 ? 0 : result;
}
