/* SPDX-License-Identifier: MIT */
#include "db/feed.h"

#include <stdlib.h>
#include <string.h>

#include "db/catchup.h"
#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"

#define BYTES_MAX    ((size_t)256 << 20) /* of changes and of the catalog in memory: beyond, it is left to maintenance */
#define BEHIND_MAX   1024                /* commits, and changed documents, that are caught up first */
#define CHANGES_MAX  100000
#define CHANGE_BYTES (sizeof(struct cdb_catalog_change) + 1)

static void drop_changes(struct cdb_feed *feed)
{
    feed->count = 0;
    feed->bytes = 0;
    feed->too_many = false;
    cdb_arena_release(&feed->keys);
}

void cdb_feed_forget(struct cdb_feed *feed)
{
    drop_changes(feed);
}

void cdb_feed_close(struct cdb_feed *feed)
{
    drop_changes(feed);
    free(feed->changes);
    feed->changes = NULL;
    feed->room = 0;
    cdb_catalog_close(feed->catalog);
    feed->catalog = NULL;
    if (feed->open)
        cdb_db_index_unlock(&feed->dir, &feed->lock);
    feed->open = false;
}

/* Nobody hears of what goes wrong with the index here. */
static void give_up(struct cdb_feed *feed)
{
    cdb_feed_close(feed);
    cdb_error_clear();
}

void cdb_feed_change(struct cdb_feed *feed, const char *key, size_t key_len, const struct cdb_oid *blob, bool existed)
{
    feed->bytes += key_len + CHANGE_BYTES;
    if (feed->too_many || feed->bytes > BYTES_MAX) {
        feed->too_many = true;
        return;
    }
    const char *copy = cdb_arena_copy(&feed->keys, key, key_len);
    if (copy == NULL || cdb_array_grow(&feed->changes, &feed->room, feed->count, sizeof(*feed->changes)) != 0) {
        feed->too_many = true;
        cdb_error_clear();
        return;
    }
    feed->changes[feed->count++] = (struct cdb_catalog_change){copy, key_len, *blob, existed};
}

static int by_key(const void *left, const void *right)
{
    const struct cdb_catalog_change *a = left, *b = right;
    return cdb_bytes_compare(a->key, a->key_len, b->key, b->key_len);
}

/* By key, and those of one key in the order in which they came: the first and the last of them count. */
static int sort_changes(struct cdb_feed *feed)
{
    struct cdb_catalog_change *list = feed->changes, *spare;
    bool sorted = true;
    for (size_t i = 1; i < feed->count && sorted; i++)
        sorted = by_key(&list[i - 1], &list[i]) <= 0;
    if (sorted)
        return 0;
    spare = malloc(feed->count * sizeof(*spare));
    if (spare == NULL)
        return cdb_error_memory();
    for (size_t width = 1; width < feed->count; width *= 2) { /* merge sort, from the bottom */
        for (size_t start = 0; start < feed->count; start += 2 * width) {
            size_t middle = start + width < feed->count ? start + width : feed->count;
            size_t end = start + 2 * width < feed->count ? start + 2 * width : feed->count;
            for (size_t i = start, j = middle, at = start; at < end; at++)
                spare[at] = i < middle && (j == end || by_key(&list[i], &list[j]) <= 0) ? list[i++] : list[j++];
        }
        struct cdb_catalog_change *swap = list;
        list = spare;
        spare = swap;
    }
    if (list != feed->changes)
        memcpy(feed->changes, list, feed->count * sizeof(*list));
    free(list != feed->changes ? list : spare);
    return 0;
}

/* One change a key, against the commit before; what was undone is none. */
static void unite_changes(struct cdb_feed *feed)
{
    size_t kept = 0;
    for (size_t i = 0, end; i < feed->count; i = end) {
        for (end = i + 1; end < feed->count && by_key(&feed->changes[i], &feed->changes[end]) == 0;)
            end++;
        struct cdb_catalog_change change = feed->changes[end - 1];
        change.existed = feed->changes[i].existed;
        if (change.existed || !cdb_oid_is_zero(&change.blob))
            feed->changes[kept++] = change;
    }
    feed->count = kept;
}

static int open_at(struct cdb_feed *feed, const struct cdb_oid *parent)
{
    struct cdb_catch_up it = {
        .db = feed->db, .ref = feed->ref, .commit_limit = BEHIND_MAX, .change_limit = CHANGES_MAX};
    int result = cdb_db_index_lock(feed->db, 0, &feed->dir, &feed->lock);
    if (result != 0)
        return result;
    feed->open = true;
    it.dir = feed->dir;
    result = cdb_db_index_is_damaged(feed->dir) ? CDB_INDEX_LOST : cdb_catch_up_open(&it, false);
    if (result == 0 && !cdb_oid_is_zero(parent))
        result = cdb_catch_up_look(&it, parent);
    else if (result == 0)
        result = cdb_db_index_result(cdb_catalog_cut(it.catalog, 0));
    if (result == 0)
        result = cdb_catch_up_add(&it);
    if (result == 0) {
        feed->catalog = it.catalog;
        it.catalog = NULL;
    }
    cdb_catch_up_release(&it);
    return result;
}

void cdb_feed_commit(struct cdb_feed *feed, const struct cdb_oid *parent, const struct cdb_catalog_commit *commit)
{
    struct cdb_catalog_commit last;
    int result = feed->too_many ? CDB_INDEX_FAR : 0;
    if (result == 0 && !feed->open)
        result = open_at(feed, parent);
    uint64_t count = result == 0 ? cdb_catalog_count(feed->catalog) : 0;
    if (result == 0 && count > 0)
        result = cdb_catalog_commit(feed->catalog, count - 1, &last);
    if (result == 0 && (count > 0) != !cdb_oid_is_zero(parent))
        result = CDB_INDEX_LOST;
    if (result == 0 && count > 0 && !cdb_oid_equal(&last.id, parent))
        result = CDB_INDEX_LOST;
    if (result == 0)
        result = sort_changes(feed);
    if (result == 0) {
        unite_changes(feed);
        result = cdb_catalog_add(feed->catalog, commit, feed->changes, feed->count);
    }
    drop_changes(feed);
    if (result != 0 || cdb_catalog_added_bytes(feed->catalog) > BYTES_MAX)
        give_up(feed);
}

void cdb_feed_prepare(struct cdb_feed *feed)
{
    if (feed->catalog != NULL && cdb_catalog_prepare(feed->catalog, feed->dir) != 0)
        give_up(feed);
}

void cdb_feed_save(struct cdb_feed *feed)
{
    if (feed->catalog != NULL && cdb_catalog_save(feed->catalog, feed->dir) != 0)
        cdb_error_clear();
    cdb_feed_close(feed);
}
