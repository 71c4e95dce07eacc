/* SPDX-License-Identifier: MIT
 * Building catalogs: what is behind is caught up, segments are merged, or everything is built anew. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/branches.h"
#include "db/catchup.h"
#include "db/ft_maintain.h"
#include "db/handle.h"
#include "db/progress.h"
#include "store/lock.h"
#include "store/refs.h"
#include "util/array.h"
#include "util/background.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/options.h"

#define SAVE_BYTES      ((size_t)32 << 20) /* in memory, before they become a segment */
#define WRITER_WAIT_MS  5000
#define LAST_COMMITS    4096 /* caught up while writers wait */
#define REINDEX_WAIT_MS 60000
#define PROGRESS_STEP   64
#define ROUNDS          8
#define NO_BRANCH       4 /* a result: there is none of that name */
#define LOOKS           4 /* at what a busy writer may be changing */
#define LOOK_USECONDS   500u
#define FEW_COMMITS     16 /* more are not a writer's that is just at it */

struct builder {
    chrondb *db;
    int dir;
    bool all;
    bool shared;      /* it is not the first branch */
    const char *only; /* a branch; NULL: all of them */
    chrondb_progress progress;
    void *context;
    uint64_t done, total; /* commits */
    uint64_t branches;
};

/* ---- saving ------------------------------------------------------------------------------------ */

static int save_files(const struct cdb_catch_up *it)
{
    int result = cdb_db_index_result(cdb_catalog_save(it->catalog, it->dir));
    return result == 1 ? CDB_INDEX_LOST : result; /* somebody removed files */
}

/* Up to the branch's head, if that is near. */
static int catch_up_now(struct cdb_catch_up *it, size_t limit)
{
    struct cdb_oid head;
    if (cdb_ref_read(it->db->repo->dir, it->ref, &head) != 0)
        return 0;
    it->commit_limit = limit;
    it->step = NULL;
    int result = cdb_catch_up_look(it, &head);
    return result == 0 ? cdb_catch_up_add(it) : result;
}

struct saving {
    struct cdb_catch_up *it;
    bool to_head;
};

static int save_locked(void *context)
{
    const struct saving *saving = context;
    struct cdb_catch_up *it = saving->it;
    int lock = -1;
    int result = cdb_lock_take(&lock, it->db->repo->dir, CDB_LOCK_PATH, WRITER_WAIT_MS);
    if (result == 0 && saving->to_head)
        result = catch_up_now(it, LAST_COMMITS);
    if (result == 0)
        result = save_files(it);
    CDB_FAULT("index-saved");
    cdb_lock_release(&lock);
    return result;
}

/* The segment is written before, so that writers wait for a small file only. With `to_head`, what they committed
 * meanwhile is caught up first: the files then end where the branch does, and the next write can append. */
static int save(struct cdb_catch_up *it, bool to_head)
{
    int result = cdb_db_index_result(cdb_catalog_prepare(it->catalog, it->dir));
    return result == 0 ? cdb_urgent(save_locked, &(struct saving){it, to_head}) : result;
}

/* After each commit of a long way. */
static int step(struct cdb_catch_up *it)
{
    struct builder *builder = it->context;
    int result = 0;
    builder->done++;
    if (builder->done % PROGRESS_STEP == 0)
        result =
            cdb_progress_tell(builder->progress, builder->context, "indexing commits", builder->done, builder->total);
    if (result == 0 && cdb_catalog_added_bytes(it->catalog) > SAVE_BYTES)
        result = save(it, false);
    return result;
}

/* ---- a branch ---------------------------------------------------------------------------------- */

/* What the files lack, and in *wrong whether that is so, or they have too much. A writer who is between its commit and
 * the tail, or has committed since we looked at the branch, makes it look so: it is looked at again, since to put it
 * right writers must wait. */
static int look(struct builder *builder, struct cdb_catch_up *it, bool *wrong)
{
    int result = 0;
    *wrong = true;
    for (unsigned i = 0; result == 0 && i < LOOKS && *wrong && it->count <= FEW_COMMITS; i++) {
        struct cdb_oid head;
        uint64_t before = 0;
        cdb_catch_up_release(it);
        if (i > 0)
            usleep(LOOK_USECONDS << i);
        result = cdb_repo_ref(builder->db->repo, it->ref, &head);
        if (result == 0)
            result = cdb_catch_up_open(it, false);
        if (result == 0)
            before = cdb_catalog_count(it->catalog);
        if (result == 0)
            result = cdb_catch_up_look(it, &head);
        *wrong = it->covered != before || it->count > 0;
    }
    return result == 1 ? NO_BRANCH : result;
}

static int bring_up(struct builder *builder, struct cdb_catch_up *it)
{
    bool wrong;
    int result = look(builder, it, &wrong);
    if (result != 0)
        return result;
    bool due = wrong || cdb_catalog_save_due(it->catalog);
    for (int round = 0; round < ROUNDS; round++) {
        builder->total += it->count;
        result = cdb_catch_up_add(it);
        if (result == 0 && due)
            result = save(it, true);
        if (result != CDB_INDEX_FAR)
            break;
        it->commit_limit = 0;
        it->step = step;
    }
    return result;
}

static int tell_words(void *context, const char *phase, uint64_t done, uint64_t total)
{
    const struct builder *builder = context;
    return cdb_progress_tell(builder->progress, builder->context, phase, done, total);
}

static int build_words(struct builder *builder, const char *ref)
{
    struct cdb_ft_work work = {.db = builder->db,
                               .dir = builder->dir,
                               .ref = ref,
                               .all = builder->all,
                               .shared = builder->shared,
                               .step = tell_words,
                               .context = builder};
    return cdb_ft_maintain(&work);
}

static int build_branch(struct builder *builder, const char *ref)
{
    struct cdb_catch_up it = {.db = builder->db, .ref = ref, .dir = builder->dir, .step = step, .context = builder};
    int result = bring_up(builder, &it);
    cdb_catch_up_release(&it);
    if (result == NO_BRANCH)
        return 0;
    if (result == 0)
        result = cdb_db_index_result(cdb_catalog_merge(builder->dir, ref, builder->all));
    CDB_FAULT("index-merged");
    if (result == 0)
        result = build_words(builder, ref);
    builder->branches += result == 0;
    return result;
}

static bool branch_exists(void *context, const char *ref)
{
    struct builder *builder = context;
    struct cdb_oid oid;
    return cdb_repo_ref(builder->db->repo, ref, &oid) != 1;
}

/* A branch that cannot be read keeps no other from its index: the first error is told in the end. */
static int build_branches(struct builder *builder)
{
    struct cdb_branches branches;
    int first = 0;
    int result = cdb_branches_list(&branches, builder->db->repo);
    if (result != 0)
        return result;
    for (size_t i = 0; i < branches.count && first != CDB_INDEX_LOST && first != CHRONDB_EBUSY; i++) {
        builder->shared = i > 0;
        result = build_branch(builder, branches.names[i]);
        first = first != 0 ? first : result;
    }
    cdb_branches_release(&branches);
    return first;
}

/* The branch that is meant, or all; and what was merged goes. */
static int build_all(struct builder *builder)
{
    int result = builder->only != NULL ? build_branch(builder, builder->only) : build_branches(builder);
    if (result == 0)
        result = cdb_db_index_result(cdb_catalog_sweep(builder->dir, branch_exists, builder));
    CDB_FAULT("index-swept");
    return result;
}

/* Once more from nothing where files turn out to be damaged. The caller holds the index lock. */
static int build(struct builder *builder, bool anew)
{
    cdb_db_index_attempt_begin(builder->dir);
    if (anew || cdb_db_index_is_damaged(builder->dir))
        cdb_db_index_wipe(builder->dir);
    int result = build_all(builder);
    if (result == CDB_INDEX_LOST) {
        cdb_db_index_wipe(builder->dir);
        builder->done = builder->total = builder->branches = 0;
        result = build_all(builder);
    }
    cdb_db_index_attempt_end(builder->db, builder->dir, result);
    return result > 0 ? cdb_error(CHRONDB_EDAMAGED, "damaged", "the index cannot be built") : result;
}

int cdb_db_index_maintain(chrondb *db, bool all, chrondb_progress progress, void *context)
{
    struct builder builder = {.db = db, .all = all, .progress = progress, .context = context};
    int lock;
    int result = cdb_db_index_lock(db, all ? REINDEX_WAIT_MS : 0, &builder.dir, &lock);
    if (result != 0)
        return result == CHRONDB_EBUSY ? 0 : result;
    result = build(&builder, false);
    cdb_db_index_unlock(&builder.dir, &lock);
    return result;
}

int cdb_db_index_bring_up(chrondb *db, const char *ref, int wait_ms, chrondb_progress progress, void *context)
{
    struct builder builder = {.db = db, .only = ref, .progress = progress, .context = context};
    int lock;
    int result = cdb_db_index_lock(db, wait_ms, &builder.dir, &lock);
    if (result != 0)
        return result;
    result = build(&builder, false);
    cdb_db_index_unlock(&builder.dir, &lock);
    return result;
}

/* ---- anew -------------------------------------------------------------------------------------- */

/* The present of one branch, while all of them are counted together. */
struct present {
    struct cdb_catalog *catalog;
    struct cdb_catalog_cursor *cursor;
    const char *key; /* NULL: at its end */
    size_t key_len;
};

static int advance(struct present *present)
{
    struct cdb_oid ignored;
    int result = cdb_catalog_cursor_next(present->cursor, &present->key, &present->key_len, &ignored);
    if (result == 1)
        present->key = NULL;
    return result == 1 ? 0 : result;
}

static int open_present(struct present *present, int dir, const char *ref)
{
    int result = cdb_catalog_open(&present->catalog, dir, ref);
    if (result != 0)
        return result;
    struct cdb_catalog_range range = {.end = cdb_catalog_count(present->catalog)};
    result = cdb_catalog_cursor_open(&present->cursor, present->catalog, &range);
    return result == 0 ? advance(present) : result;
}

/* Move one down to where it belongs: the smallest key is first, those at their end are last. */
static void sink(struct present *presents, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        struct present *a = &presents[child], *b = child + 1 < count ? &presents[child + 1] : a;
        if (a != b &&
            (a->key == NULL || (b->key != NULL && cdb_bytes_compare(b->key, b->key_len, a->key, a->key_len) < 0)))
            a = &presents[++child];
        struct present *top = &presents[at];
        if (a->key == NULL || (top->key != NULL && cdb_bytes_compare(top->key, top->key_len, a->key, a->key_len) <= 0))
            return;
        struct present swap = *top;
        *top = *a;
        *a = swap;
    }
}

static int count_merged(struct present *presents, size_t count, uint64_t *keys)
{
    struct cdb_buf last = CDB_BUF_INIT;
    int result = 0;
    for (size_t i = count; i-- > 0;)
        sink(presents, count, i);
    while (result == 0 && count > 0 && presents->key != NULL) {
        bool fresh =
            *keys == 0 || cdb_bytes_compare(cdb_buf_str(&last), last.len, presents->key, presents->key_len) != 0;
        *keys += fresh;
        if (fresh) {
            cdb_buf_clear(&last);
            cdb_buf_add(&last, presents->key, presents->key_len);
            result = cdb_buf_check(&last);
        }
        if (result == 0)
            result = advance(presents);
        sink(presents, count, 0);
    }
    cdb_buf_release(&last);
    return result;
}

/* Different keys of all branches. */
static int count_keys(const struct builder *builder, uint64_t *keys)
{
    struct cdb_branches branches;
    int result = cdb_branches_list(&branches, builder->db->repo);
    struct present *presents = calloc(branches.count + 1, sizeof(*presents));
    size_t count = 0;
    if (result == 0 && presents == NULL)
        result = cdb_error_memory();
    for (size_t i = 0; result == 0 && i < branches.count; i++) {
        result = open_present(&presents[count++], builder->dir, branches.names[i]);
        result = result == 1 ? 0 : result;
    }
    *keys = 0;
    if (result == 0 && count == 1 && presents->catalog != NULL) /* else somebody removed its files */
        result = cdb_catalog_totals(presents->catalog, cdb_catalog_count(presents->catalog), keys, &(uint64_t){0});
    else if (result == 0)
        result = count_merged(presents, count, keys);
    for (size_t i = 0; i < count; i++) {
        cdb_catalog_cursor_free(presents[i].cursor);
        cdb_catalog_close(presents[i].catalog);
    }
    free(presents);
    cdb_branches_release(&branches);
    return result;
}

static int reindex(struct builder *builder, chrondb_reindex_report *report)
{
    uint64_t segments;
    int lock;
    int result = cdb_repo_attend(builder->db->repo);
    if (result == 0)
        result = cdb_db_index_lock(builder->db, REINDEX_WAIT_MS, &builder->dir, &lock);
    if (result != 0)
        return result;
    result = build(builder, true);
    if (result == 0)
        result = count_keys(builder, &report->keys);
    if (result == 0) {
        report->branches = builder->branches;
        report->commits = builder->done;
        cdb_db_index_measure(builder->db, &report->bytes, &segments);
    }
    cdb_db_index_unlock(&builder->dir, &lock);
    return result;
}

int chrondb_reindex(chrondb *db, chrondb_progress progress, void *context, chrondb_reindex_report *report)
{
    if (db == NULL)
        return cdb_error_null();
    struct builder builder = {.db = db, .all = true, .progress = progress, .context = context};
    chrondb_reindex_report known = {.size = sizeof(known)};
    int result = cdb_enter(db->repo);
    if (result == 0 && report != NULL)
        result = cdb_report_check(report, "chrondb_reindex_report");
    if (result == 0)
        result = reindex(&builder, &known);
    if (report != NULL)
        cdb_report_write(report, &known, sizeof(known));
    return result;
}
