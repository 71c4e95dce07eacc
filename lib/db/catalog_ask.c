/* SPDX-License-Identifier: MIT
 * Asking a view: under its mutex, and never again once it failed. */
#include <stdlib.h>
#include <string.h>

#include "db/catalog_view.h"
#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"

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
        view->expires = cdb_monotonic_ms() + CDB_WITHOUT_MS;
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

int cdb_view_merge_before(struct cdb_view *view, uint64_t end, uint64_t *position)
{
    return enter(view) ? leave(view, cdb_catalog_merge_before(view->catalog, end, position)) : CDB_WITHOUT;
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
static int describe(struct cdb_catalog *catalog, const struct found *found, uint64_t from, uint64_t limit,
                    struct cdb_view_version **list, size_t *count)
{
    static const struct cdb_oid none;
    struct cdb_view_version *versions = calloc(found->count + 1, sizeof(*versions));
    int result = versions == NULL ? cdb_error_memory() : 0;
    size_t n = 0;
    for (; result == 0 && n < found->count && found->list[n].position >= from && (limit == 0 || n < limit); n++) {
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

static int find_versions(struct cdb_catalog *catalog, uint64_t from, uint64_t end, const char *key, size_t key_len,
                         uint64_t limit, const chrondb_time *since, struct cdb_view_version **list, size_t *count)
{
    struct found found = {.limit = limit < SIZE_MAX - 1 && limit > 0 ? (size_t)limit + 1 : 0}; /* the old value */
    int result = since != NULL ? first_since(catalog, since, &found.oldest) : 0;
    if (found.oldest < from)
        found.oldest = from;
    if (result == 0)
        result = cdb_catalog_versions(catalog, key, key_len, end, add_found, &found);
    if (result == 0 || result == 1)
        result = describe(catalog, &found, from, limit, list, count);
    free(found.list);
    return result;
}

int cdb_view_versions(struct cdb_view *view, uint64_t from, uint64_t end, const char *key, size_t key_len,
                      uint64_t limit, const chrondb_time *since, struct cdb_view_version **list, size_t *count)
{
    return enter(view) ? leave(view, find_versions(view->catalog, from, end, key, key_len, limit, since, list, count))
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

/* The next key that there can be is this one with a NUL behind it. */
static int find_document(struct cdb_catalog *catalog, uint64_t end, const char *key, size_t key_len,
                         struct cdb_oid *blob)
{
    struct cdb_catalog_range range = {.end = end, .lower = key, .lower_len = key_len, .upper_len = key_len + 1};
    struct cdb_catalog_cursor *cursor = NULL;
    struct cdb_buf upper = CDB_BUF_INIT;
    const char *found;
    size_t found_len;
    cdb_buf_add(&upper, key, key_len);
    cdb_buf_addc(&upper, '\0');
    int result = cdb_buf_check(&upper);
    range.upper = upper.ptr;
    if (result == 0)
        result = cdb_catalog_cursor_open(&cursor, catalog, &range);
    if (result == 0)
        result = cdb_catalog_cursor_next(cursor, &found, &found_len, blob);
    cdb_catalog_cursor_free(cursor);
    cdb_buf_release(&upper);
    return result;
}

int cdb_view_document(struct cdb_view *view, uint64_t end, const char *key, size_t key_len, struct cdb_oid *blob)
{
    return enter(view) ? leave(view, find_document(view->catalog, end, key, key_len, blob)) : CDB_WITHOUT;
}

int cdb_view_changes_open(struct cdb_view *view, uint64_t from, uint64_t end, struct cdb_catalog_changes **out)
{
    return enter(view) ? leave(view, cdb_catalog_changes_open(out, view->catalog, from, end)) : CDB_WITHOUT;
}

int cdb_view_changes_next(struct cdb_view *view, struct cdb_catalog_changes *changes,
                          struct cdb_catalog_key_changes *out)
{
    return enter(view) ? leave(view, cdb_catalog_changes_next(changes, out)) : CDB_WITHOUT;
}

void cdb_view_changes_free(struct cdb_view *view, struct cdb_catalog_changes *changes)
{
    if (changes == NULL)
        return;
    pthread_mutex_lock(&view->mutex);
    cdb_catalog_changes_free(changes);
    pthread_mutex_unlock(&view->mutex);
}

uint64_t cdb_view_count(struct cdb_view *view)
{
    if (!enter(view))
        return 0;
    uint64_t count = cdb_catalog_count(view->catalog);
    leave(view, 0);
    return count;
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
