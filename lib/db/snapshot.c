/* SPDX-License-Identifier: MIT
 * A frozen state: one document, all of them, their number. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"

int cdb_document_read(struct cdb_repo *repo, const struct cdb_oid *blob, struct cdb_buf *out)
{
    return cdb_objects_read(repo->objects, blob, CDB_BLOB, CHRONDB_MAX_DOCUMENT, out);
}

static int load_root(struct chrondb_snapshot *snapshot)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    int result = cdb_commit_read(snapshot->db->repo->objects, &snapshot->commit, &content, &commit);
    if (result == 0)
        snapshot->root = commit.tree;
    cdb_buf_release(&content);
    return result;
}

int chrondb_snapshot_open(chrondb_snapshot **out, chrondb *db, const char *branch, const char *when)
{
    struct cdb_buf ref = CDB_BUF_INIT;
    cdb_error_clear();
    struct chrondb_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return cdb_error_memory();
    snapshot->db = db;
    int result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_branch_resolve(db, branch, &ref);
    if (result == 0)
        result = cdb_resolve(db, ref.ptr, when, &snapshot->commit);
    if (result == 0 && !cdb_oid_is_zero(&snapshot->commit)) {
        cdb_oid_format(&snapshot->commit, snapshot->hex);
        result = load_root(snapshot);
    }
    snapshot->ref = ref.ptr; /* taken over */
    if (result != 0) {
        chrondb_snapshot_free(snapshot);
        return result;
    }
    *out = snapshot;
    return 0;
}

void chrondb_snapshot_free(chrondb_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->ref);
    free(snapshot);
}

const char *chrondb_snapshot_commit(const chrondb_snapshot *snapshot)
{
    return snapshot->hex[0] != '\0' ? snapshot->hex : NULL;
}

int chrondb_snapshot_time(chrondb_snapshot *snapshot, chrondb_time *time)
{
    struct cdb_times times;
    int result = 0;
    cdb_error_clear();
    if (!snapshot->has_time && !cdb_oid_is_zero(&snapshot->commit)) {
        cdb_times_init(&times, snapshot->db->repo->objects);
        result = cdb_times_get(&times, &snapshot->commit, &snapshot->time);
        cdb_times_release(&times);
    }
    snapshot->has_time = result == 0;
    *time = snapshot->time;
    return result;
}

/* ---- one document ------------------------------------------------------------------------------ */

static int find(chrondb_snapshot *snapshot, const char *key_text, struct cdb_lookup *lookup)
{
    struct cdb_key key;
    cdb_error_clear();
    int result = cdb_key_parse(&key, key_text, strlen(key_text));
    if (result == 0)
        result = cdb_docs_find(snapshot->db->repo->objects, &snapshot->root, &key, NULL, lookup);
    if (result == 0 && !lookup->found) {
        cdb_error_set(CHRONDB_NOTFOUND, "not_found", "not found");
        result = CHRONDB_NOTFOUND;
    }
    return result;
}

int chrondb_get(chrondb_snapshot *snapshot, const char *key, chrondb_buffer *value)
{
    struct cdb_lookup lookup;
    struct cdb_buf content = CDB_BUF_INIT;
    value->size = 0;
    int result = find(snapshot, key, &lookup);
    if (result == 0)
        result = cdb_document_read(snapshot->db->repo, &lookup.blob, &content);
    if (result == 0)
        result = cdb_buffer_set(value, cdb_buf_str(&content), content.len);
    if (result != 0 && !(result == CHRONDB_EUSAGE))
        cdb_error_about("cannot get", key);
    cdb_buf_release(&content);
    return result;
}

int chrondb_exists(chrondb_snapshot *snapshot, const char *key)
{
    struct cdb_lookup lookup;
    int result = find(snapshot, key, &lookup);
    if (result != 0 && result != CHRONDB_EUSAGE)
        cdb_error_about("cannot find", key);
    return result;
}

/* ---- many --------------------------------------------------------------------------------------- */

struct chrondb_list {
    chrondb_snapshot *snapshot;
    struct cdb_items items;
    size_t next, end; /* [next, end) is still to come; from the end on if `reverse` */
    bool reverse, keys_only;
    struct cdb_buf value;
};

/* The index of the first key that is greater than (or with `equal`, not less than) `key`. */
static size_t bound(const struct cdb_items *items, const char *key, bool equal)
{
    size_t low = 0, high = items->count, len = strlen(key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cdb_bytes_compare(items->items[middle].name, items->items[middle].name_len, key, len);
        if (order > 0 || (order == 0 && equal))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int chrondb_list_open(chrondb_list **out, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    static const chrondb_range everything = {.size = sizeof(everything)};
    cdb_error_clear();
    if (range == NULL)
        range = &everything;
    struct chrondb_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return cdb_error_memory();
    struct cdb_filter filter = {.prefix = range->prefix, .table = range->table};
    int result = cdb_docs_collect(snapshot->db->repo->objects, &snapshot->root, &filter, &list->items);
    if (result != 0) {
        chrondb_list_free(list);
        return result;
    }
    list->snapshot = snapshot;
    list->reverse = range->reverse != 0;
    list->keys_only = range->keys_only != 0;
    list->end = list->items.count;
    if (range->after != NULL && list->reverse)
        list->end = bound(&list->items, range->after, true);
    else if (range->after != NULL)
        list->next = bound(&list->items, range->after, false);
    if (range->limit > 0 && list->end - list->next > range->limit) {
        if (list->reverse)
            list->next = list->end - (size_t)range->limit;
        else
            list->end = list->next + (size_t)range->limit;
    }
    *out = list;
    return 0;
}

int chrondb_list_next(chrondb_list *list, chrondb_entry *entry)
{
    if (list->next >= list->end)
        return CHRONDB_END;
    const struct cdb_item *item = &list->items.items[list->reverse ? --list->end : list->next++];
    *entry = (chrondb_entry){.key = item->name};
    if (list->keys_only)
        return 0;
    int result = cdb_document_read(list->snapshot->db->repo, &item->oid, &list->value);
    if (result != 0) {
        cdb_error_about("cannot read", item->name);
        return result;
    }
    entry->value = cdb_buf_str(&list->value);
    entry->value_size = list->value.len;
    return 0;
}

void chrondb_list_free(chrondb_list *list)
{
    if (list == NULL)
        return;
    cdb_items_release(&list->items);
    cdb_buf_release(&list->value);
    free(list);
}

int chrondb_count(chrondb_snapshot *snapshot, const chrondb_range *range, uint64_t *count)
{
    chrondb_list *list = NULL;
    int result = chrondb_list_open(&list, snapshot, range);
    *count = result == 0 ? list->end - list->next : 0;
    chrondb_list_free(list);
    return result;
}

int chrondb_tables(chrondb_snapshot *snapshot, int (*each)(void *context, const char *table, uint64_t count),
                   void *context)
{
    cdb_error_clear();
    return cdb_docs_tables(snapshot->db->repo->objects, &snapshot->root, each, context);
}
