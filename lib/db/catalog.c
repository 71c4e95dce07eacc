/* SPDX-License-Identifier: MIT */
#include "db/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/catchup.h"
#include "db/handle.h"
#include "store/lock.h"
#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

/* What a command does itself before it answers; more is left to maintenance, and the tree walk answers. */
#define CATCH_UP_COMMITS 512
#define CATCH_UP_CHANGES 20000
#define NOTICEABLE       32    /* commits caught up that are worth writing to the files */
#define WITHOUT_MS       10000 /* that there is no catalog is believed so long */
#define APPEND_CHANGES   20000 /* larger commits are left to maintenance */
#define LOOK_CHANGES     512   /* so many, and any commit once in a while: is the tail long now? */
#define LOOK_EVERY       64

struct cdb_view {
    chrondb *db;
    unsigned references; /* guarded by the index's mutex */
    char *ref;
    struct cdb_oid head;
    uint64_t covered;
    int64_t expires;       /* of a view without a catalog */
    pthread_mutex_t mutex; /* guards what follows */
    struct cdb_catalog *catalog;
    bool lost; /* a function failed: nothing more is asked */
};

/* ---- making a view ----------------------------------------------------------------------------- */

static void view_free(struct cdb_view *view)
{
    cdb_catalog_close(view->catalog);
    pthread_mutex_destroy(&view->mutex);
    free(view->ref);
    free(view);
}

static struct cdb_view *view_new(chrondb *db, const char *ref, const struct cdb_oid *head)
{
    struct cdb_view *view = calloc(1, sizeof(*view));
    char *copy = strdup(ref);
    if (view == NULL || copy == NULL) {
        free(view);
        free(copy);
        return NULL;
    }
    *view = (struct cdb_view){.db = db, .references = 1, .ref = copy, .head = *head};
    pthread_mutex_init(&view->mutex, NULL);
    return view;
}

/* Publish what was caught up, if nobody is at work: writers and maintenance will do it just as well. The caller holds
 * the index lock. */
static int save_if_idle(const struct cdb_catch_up *it, const struct cdb_oid *head)
{
    struct cdb_oid now;
    int lock = -1;
    int result = cdb_catalog_prepare(it->catalog, it->dir);
    if (result == 0)
        result = cdb_lock_take(&lock, it->db->repo->dir, CDB_LOCK_PATH, 0);
    if (result == 0 && cdb_ref_read(it->db->repo->dir, it->ref, &now) == 0 && cdb_oid_equal(&now, head))
        result = cdb_catalog_save(it->catalog, it->dir);
    CDB_FAULT("index-saved");
    cdb_lock_release(&lock);
    return result;
}

/* Much is missing: others shall not have to read it again. The files are read anew under the lock, which keeps those
 * that they name in place. */
static int catch_up_and_save(struct cdb_catch_up *it, const struct cdb_oid *head, int *lock)
{
    struct cdb_catch_up again = {.db = it->db,
                                 .ref = it->ref,
                                 .dir = it->dir,
                                 .commit_limit = it->commit_limit,
                                 .change_limit = it->change_limit};
    int result = cdb_catch_up_open(&again, false);
    if (result == 0)
        result = cdb_catch_up_look(&again, head);
    if (result == 0)
        result = cdb_catch_up_add(&again);
    if (result != 0) {
        cdb_catch_up_release(&again);
        return result;
    }
    cdb_catch_up_release(it);
    *it = again;
    if (save_if_idle(it, head) != 0)
        cdb_db_index_set_due(it->db);
    cdb_db_index_unlock(NULL, lock);
    return 0;
}

static int catch_up(struct cdb_catch_up *it, const struct cdb_oid *head, bool is_head)
{
    int lock = -1, dir = -1;
    int result = cdb_catch_up_open(it, false);
    if (result == 0)
        result = cdb_catch_up_look(it, head);
    if (result != 0)
        return result;
    bool noticeable = is_head && it->count >= NOTICEABLE;
    if (noticeable && cdb_db_index_lock(it->db, 0, &dir, &lock) == 0) {
        if (it->dir >= 0)
            close(it->dir);
        it->dir = dir;
        result = catch_up_and_save(it, head, &lock);
        cdb_db_index_unlock(NULL, &lock);
        return result;
    }
    result = cdb_catch_up_add(it);
    /* Nothing at all: the files are missing, or of no use. */
    if (result == 0 && is_head && (noticeable || it->covered == 0 || cdb_catalog_save_due(it->catalog)))
        cdb_db_index_set_due(it->db);
    return result;
}

/* view->catalog stays NULL where it has to be done without. */
static void fill(struct cdb_view *view, bool is_head)
{
    struct cdb_catch_up it = {.db = view->db,
                              .ref = view->ref,
                              .dir = cdb_db_index_directory(view->db, false),
                              .commit_limit = CATCH_UP_COMMITS,
                              .change_limit = CATCH_UP_CHANGES};
    int result = catch_up(&it, &view->head, is_head);
    if (result == 0) {
        view->catalog = it.catalog;
        view->covered = it.covered;
        it.catalog = NULL;
    } else if (result == CDB_INDEX_LOST) {
        cdb_db_index_set_damaged(view->db, view->ref);
    } else if (result == CDB_INDEX_FAR && is_head) {
        cdb_db_index_set_due(view->db);
    }
    view->lost = view->catalog == NULL;
    view->expires = cdb_monotonic_ms() + WITHOUT_MS;
    cdb_catch_up_release(&it);
    if (it.dir >= 0)
        close(it.dir);
    cdb_error_clear();
}

/* ---- sharing views ------------------------------------------------------------------------------- */

static bool fits(const struct cdb_view *view, const char *ref, const struct cdb_oid *head)
{
    return view != NULL && cdb_oid_equal(&view->head, head) && strcmp(view->ref, ref) == 0;
}

/* 0: of use; 1: do without; -1: look again. */
static int state_of(struct cdb_view *view)
{
    pthread_mutex_lock(&view->mutex);
    int state = !view->lost ? 0 : cdb_monotonic_ms() < view->expires ? 1 : -1;
    pthread_mutex_unlock(&view->mutex);
    return state;
}

/* The last view, if it is what is wanted. As state_of. */
static int find_shared(struct cdb_db_index *index, const char *ref, const struct cdb_oid *head, struct cdb_view **out)
{
    pthread_mutex_lock(&index->mutex);
    int state = fits(index->view, ref, head) ? state_of(index->view) : -1;
    if (state == 0) {
        index->view->references++;
        *out = index->view;
    }
    pthread_mutex_unlock(&index->mutex);
    return state;
}

/* The caller holds the index's mutex. */
static void drop_reference(struct cdb_view *view)
{
    if (view != NULL && --view->references == 0)
        view_free(view);
}

static bool switched_off(void)
{
#ifdef CHRONDB_TEST_HOOKS
    return getenv("CHRONDB_TEST_NO_CATALOG") != NULL;
#else
    return false;
#endif
}

int cdb_view_get(chrondb *db, const char *ref, const struct cdb_oid *head, bool is_head, struct cdb_view **out)
{
    struct cdb_db_index *index = &db->index;
    if (switched_off())
        return 1;
    int result = find_shared(index, ref, head, out);
    if (result >= 0)
        return result;
    struct cdb_view *view = view_new(db, ref, head);
    if (view == NULL)
        return 1;
    fill(view, is_head);
    bool lost = view->lost;
    pthread_mutex_lock(&index->mutex);
    drop_reference(index->view);
    index->view = view;
    view->references += !lost;
    pthread_mutex_unlock(&index->mutex);
    if (!lost)
        *out = view;
    return lost;
}

void cdb_view_release(struct cdb_view *view)
{
    if (view == NULL)
        return;
    struct cdb_db_index *index = &view->db->index;
    pthread_mutex_lock(&index->mutex);
    drop_reference(view);
    pthread_mutex_unlock(&index->mutex);
}

uint64_t cdb_view_covered(const struct cdb_view *view)
{
    return view->covered;
}

/* ---- asking a view ----------------------------------------------------------------------------- */

/* False: it has failed before. */
static bool enter(struct cdb_view *view)
{
    pthread_mutex_lock(&view->mutex);
    if (!view->lost)
        return true;
    pthread_mutex_unlock(&view->mutex);
    return false;
}

/* What the catalog said, as we say it. */
static int leave(struct cdb_view *view, int result)
{
    bool failed = result != 0 && result != 1;
    view->lost = view->lost || failed;
    if (failed)
        view->expires = cdb_monotonic_ms() + WITHOUT_MS;
    pthread_mutex_unlock(&view->mutex);
    if (!failed)
        return result;
    if (result == CHRONDB_EDAMAGED)
        cdb_db_index_set_damaged(view->db, view->ref);
    cdb_error_clear();
    return CDB_WITHOUT;
}

int cdb_view_find(struct cdb_view *view, const struct cdb_oid *commit, uint64_t *position)
{
    return enter(view) ? leave(view, cdb_catalog_find(view->catalog, commit, position)) : CDB_WITHOUT;
}

int cdb_view_at(struct cdb_view *view, chrondb_time time, uint64_t *position)
{
    return enter(view) ? leave(view, cdb_catalog_at(view->catalog, time, position)) : CDB_WITHOUT;
}

int cdb_view_commit(struct cdb_view *view, uint64_t position, struct cdb_catalog_commit *out)
{
    return enter(view) ? leave(view, cdb_catalog_commit(view->catalog, position, out)) : CDB_WITHOUT;
}

/* ---- versions ---------------------------------------------------------------------------------- */

struct found {
    struct cdb_catalog_version *list;
    size_t count, room, limit; /* 0: none */
    uint64_t oldest;           /* one below it is the last one wanted */
};

static int add_found(void *context, const struct cdb_catalog_version *version)
{
    struct found *found = context;
    if (cdb_array_grow(&found->list, &found->room, found->count, sizeof(*found->list)) != 0)
        return CHRONDB_ESYSTEM;
    found->list[found->count++] = *version;
    return version->position < found->oldest || found->count == found->limit;
}

/* The position of the first commit at or behind a time. */
static int first_since(struct cdb_catalog *catalog, const chrondb_time *since, uint64_t *position)
{
    chrondb_time before = *since;
    if (before.nanoseconds-- == 0) {
        if (before.seconds == INT64_MIN) {
            *position = 0;
            return 0;
        }
        before.seconds--;
        before.nanoseconds = 999999999;
    }
    int result = cdb_catalog_at(catalog, before, position);
    *position = result == 0 ? *position + 1 : 0;
    return result == 1 ? 0 : result;
}

/* From positions to commits; each version's old value is the one before it. */
static int describe(struct cdb_catalog *catalog, const struct found *found, uint64_t limit,
                    struct cdb_view_version **list, size_t *count)
{
    static const struct cdb_oid none;
    struct cdb_view_version *versions = calloc(found->count + 1, sizeof(*versions));
    int result = versions == NULL ? cdb_error_memory() : 0;
    size_t n = 0;
    for (; result == 0 && n < found->count && (limit == 0 || n < limit); n++) {
        versions[n].blob = found->list[n].blob;
        versions[n].old_blob = n + 1 < found->count ? found->list[n + 1].blob : none;
        result = cdb_catalog_commit(catalog, found->list[n].position, &versions[n].commit);
        if (versions[n].commit.merge)
            limit = n + 1;
    }
    if (result != 0) {
        free(versions);
        return result;
    }
    *list = versions;
    *count = n;
    return 0;
}

static int find_versions(struct cdb_catalog *catalog, uint64_t end, const char *key, size_t key_len, uint64_t limit,
                         const chrondb_time *since, struct cdb_view_version **list, size_t *count)
{
    struct found found = {.limit = limit < SIZE_MAX - 1 && limit > 0 ? (size_t)limit + 1 : 0}; /* the old value */
    int result = since != NULL ? first_since(catalog, since, &found.oldest) : 0;
    if (result == 0)
        result = cdb_catalog_versions(catalog, key, key_len, end, add_found, &found);
    if (result == 0 || result == 1)
        result = describe(catalog, &found, limit, list, count);
    free(found.list);
    return result;
}

int cdb_view_versions(struct cdb_view *view, uint64_t end, const char *key, size_t key_len, uint64_t limit,
                      const chrondb_time *since, struct cdb_view_version **list, size_t *count)
{
    return enter(view) ? leave(view, find_versions(view->catalog, end, key, key_len, limit, since, list, count))
                       : CDB_WITHOUT;
}

/* ---- keys --------------------------------------------------------------------------------------- */

int cdb_view_cursor_open(struct cdb_view *view, const struct cdb_catalog_range *range, struct cdb_catalog_cursor **out)
{
    return enter(view) ? leave(view, cdb_catalog_cursor_open(out, view->catalog, range)) : CDB_WITHOUT;
}

int cdb_view_cursor_next(struct cdb_view *view, struct cdb_catalog_cursor *cursor, const char **key, size_t *key_len,
                         struct cdb_oid *blob)
{
    return enter(view) ? leave(view, cdb_catalog_cursor_next(cursor, key, key_len, blob)) : CDB_WITHOUT;
}

void cdb_view_cursor_free(struct cdb_view *view, struct cdb_catalog_cursor *cursor)
{
    if (cursor == NULL)
        return;
    pthread_mutex_lock(&view->mutex);
    cdb_catalog_cursor_free(cursor);
    pthread_mutex_unlock(&view->mutex);
}

int cdb_view_totals(struct cdb_view *view, uint64_t end, uint64_t *documents, uint64_t *tables)
{
    return enter(view) ? leave(view, cdb_catalog_totals(view->catalog, end, documents, tables)) : CDB_WITHOUT;
}

int cdb_view_table_count(struct cdb_view *view, uint64_t end, const char *table, uint64_t *count)
{
    return enter(view) ? leave(view, cdb_catalog_table_count(view->catalog, end, table, strlen(table), count))
                       : CDB_WITHOUT;
}

int cdb_view_tables(struct cdb_view *view, uint64_t end,
                    int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context)
{
    return enter(view) ? leave(view, cdb_catalog_tables(view->catalog, end, each, context)) : CDB_WITHOUT;
}

/* ---- points -------------------------------------------------------------------------------------- */

void cdb_point_init(struct cdb_point *point, chrondb *db, const char *ref, const struct cdb_oid *head,
                    const struct cdb_oid *commit)
{
    *point = (struct cdb_point){.db = db, .ref = ref, .head = *head, .commit = *commit};
}

void cdb_point_release(struct cdb_point *point)
{
    cdb_view_release(point->view);
    point->view = NULL;
}

void cdb_point_lose(struct cdb_point *point)
{
    point->lost = true;
}

/* The view of the chain that ends at `head`, if it has the point's commit: 0, 1 (it has not), or CDB_WITHOUT. */
static int look_below(struct cdb_point *point, const struct cdb_oid *head, bool is_head)
{
    struct cdb_view *view = NULL;
    uint64_t position = 0;
    if (cdb_oid_is_zero(head) || cdb_view_get(point->db, point->ref, head, is_head, &view) != 0)
        return CDB_WITHOUT;
    int result = cdb_view_find(view, &point->commit, &position);
    if (result == 0) {
        point->view = view;
        point->end = position + 1;
    } else {
        cdb_view_release(view);
    }
    return result;
}

struct cdb_view *cdb_point_view(struct cdb_point *point)
{
    if (point->lost || cdb_oid_is_zero(&point->commit))
        return NULL;
    if (point->looked)
        return point->view;
    point->looked = true;
    int result = look_below(point, &point->head, true);
    if (result == 1 || cdb_oid_is_zero(&point->head)) /* a commit of another branch, or of a side */
        look_below(point, &point->commit, false);
    return point->view;
}

static int find_time(void *context, const struct cdb_oid *commit, chrondb_time *time)
{
    struct cdb_catalog_commit found;
    uint64_t position;
    struct cdb_view *view = context;
    int result = cdb_view_find(view, commit, &position);
    if (result == 0)
        result = cdb_view_commit(view, position, &found);
    if (result == 0)
        *time = found.time;
    return result;
}

void cdb_point_times(struct cdb_point *point, struct cdb_times *times)
{
    times->find_context = cdb_point_view(point);
    times->find = times->find_context != NULL ? find_time : NULL;
}

int cdb_point_time(struct cdb_point *point, chrondb_time *out)
{
    struct cdb_times times;
    cdb_times_init(&times, point->db->repo->objects);
    cdb_point_times(point, &times);
    int result = cdb_times_get(&times, &point->commit, out);
    cdb_times_release(&times);
    return result;
}

/* ---- writers ------------------------------------------------------------------------------------ */

static int compare_changes(const void *left, const void *right)
{
    const struct cdb_catalog_change *a = left, *b = right;
    return cdb_bytes_compare(a->key, a->key_len, b->key, b->key_len);
}

void cdb_catalog_append(chrondb *db, const char *ref, const struct cdb_oid *before,
                        const struct cdb_catalog_commit *commit, struct cdb_catalog_change *changes, size_t count)
{
    int result = 1, dir = cdb_db_index_directory(db, false);
    if (dir < 0 && errno == ENOENT && cdb_oid_is_zero(before))
        dir = cdb_db_index_directory(db, true);
    if (count > 1)
        qsort(changes, count, sizeof(*changes), compare_changes);
    if (dir >= 0 && count <= APPEND_CHANGES)
        result = cdb_catalog_log(dir, ref, before, commit, changes, count);
    if (result != 0 || ((count >= LOOK_CHANGES || commit->id.id[0] % LOOK_EVERY == 0) && cdb_catalog_log_due(dir, ref)))
        cdb_db_index_set_due(db);
    if (dir >= 0)
        close(dir);
    cdb_error_clear();
}
