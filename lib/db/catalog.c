/* SPDX-License-Identifier: MIT */
#include "db/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/catalog_view.h"
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
#define APPEND_CHANGES   20000 /* larger commits are left to maintenance */
#define WORDS_CHANGES    64    /* so many are worth a segment of words: in one commit, */
#define WORDS_BYTES      8192  /* or about so many commits of one each, in bytes of the tail */

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
    view->expires = cdb_monotonic_ms() + CDB_WITHOUT_MS;
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

void cdb_view_forget(chrondb *db)
{
    pthread_mutex_lock(&db->index.mutex);
    drop_reference(db->index.view);
    db->index.view = NULL;
    pthread_mutex_unlock(&db->index.mutex);
}

uint64_t cdb_view_covered(const struct cdb_view *view)
{
    return view->covered;
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
        point->aside = !is_head;
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

/* Is there something to do for maintenance, every so often? No system call. */
static bool is_due(const struct cdb_catalog_logged *logged, size_t count)
{
    return count >= WORDS_CHANGES || logged->before / WORDS_BYTES != logged->after / WORDS_BYTES;
}

void cdb_catalog_append(chrondb *db, const char *ref, const struct cdb_oid *before,
                        const struct cdb_catalog_commit *commit, struct cdb_catalog_change *changes, size_t count)
{
    struct cdb_catalog_logged logged = {0, 0};
    int result = 1, dir = cdb_db_index_directory(db, false);
    if (dir < 0 && errno == ENOENT && cdb_oid_is_zero(before))
        dir = cdb_db_index_directory(db, true);
    if (count > 1)
        qsort(changes, count, sizeof(*changes), compare_changes);
    if (dir >= 0 && count <= APPEND_CHANGES)
        result = cdb_catalog_log(dir, ref, before, commit, changes, count, &logged);
    if (result != 0 || is_due(&logged, count))
        cdb_db_index_set_due(db);
    if (dir >= 0)
        close(dir);
    cdb_error_clear();
}
