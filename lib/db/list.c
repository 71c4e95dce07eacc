/* SPDX-License-Identifier: MIT
 *
 * Many documents of a frozen state. The catalog has them in order; without it they are all collected from the trees. An
 * index that turns out to be damaged on the way is left, and the trees tell what comes behind the last key given. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"
#include "util/options.h"

#define STEPS_IN_TABLE 16 /* keys of one table that are passed over before it is jumped over */

/* ---- where a range begins and ends --------------------------------------------------------------- */

/* [lower, upper) of the keys' bytes; the keys without a table lie between the tables, and are picked out of it. */
struct span {
    struct cdb_buf lower, upper;
    bool has_upper;
    bool untabled; /* only keys without a ':' */
    bool empty;
};

static void span_release(struct span *span)
{
    cdb_buf_release(&span->lower);
    cdb_buf_release(&span->upper);
}

static void raise_lower(struct span *span, const char *text, size_t len)
{
    if (cdb_bytes_compare(text, len, cdb_buf_str(&span->lower), span->lower.len) <= 0)
        return;
    cdb_buf_clear(&span->lower);
    cdb_buf_add(&span->lower, text, len);
}

static void drop_upper(struct span *span, const char *text, size_t len)
{
    if (span->has_upper && cdb_bytes_compare(text, len, cdb_buf_str(&span->upper), span->upper.len) >= 0)
        return;
    cdb_buf_clear(&span->upper);
    cdb_buf_add(&span->upper, text, len);
    span->has_upper = true;
}

/* All texts that begin so. */
static void narrow_to_prefix(struct span *span, const char *prefix, size_t len)
{
    struct cdb_buf behind = CDB_BUF_INIT;
    raise_lower(span, prefix, len);
    while (len > 0 && (unsigned char)prefix[len - 1] == 0xff)
        len--;
    if (len == 0)
        return;
    cdb_buf_add(&behind, prefix, len);
    if (!behind.failed) {
        behind.ptr[len - 1] = (char)((unsigned char)behind.ptr[len - 1] + 1);
        drop_upper(span, behind.ptr, len);
    }
    span->upper.failed = span->upper.failed || behind.failed;
    cdb_buf_release(&behind);
}

/* `span` is zeros. */
static int span_narrow(struct span *span, const chrondb_range *range)
{
    struct cdb_buf table = CDB_BUF_INIT;
    if (range->prefix != NULL)
        narrow_to_prefix(span, range->prefix, strlen(range->prefix));
    if (range->table != NULL && *range->table != '\0') {
        cdb_buf_addf(&table, "%s:", range->table);
        narrow_to_prefix(span, cdb_buf_str(&table), table.len);
        span->empty = strchr(range->table, ':') != NULL; /* no table is called so */
    }
    span->untabled = range->table != NULL && *range->table == '\0';
    if (range->after != NULL && range->reverse)
        drop_upper(span, range->after, strlen(range->after));
    else if (range->after != NULL)
        raise_lower(span, range->after, strlen(range->after) + 1); /* the first text behind it ends with a NUL */
    bool failed = table.failed || span->lower.failed || span->upper.failed;
    cdb_buf_release(&table);
    if (failed)
        return cdb_error_memory();
    span->empty =
        span->empty || (span->has_upper && cdb_bytes_compare(cdb_buf_str(&span->lower), span->lower.len,
                                                             cdb_buf_str(&span->upper), span->upper.len) >= 0);
    return 0;
}

/* ---- keys in order ------------------------------------------------------------------------------- */

struct keys {
    chrondb_snapshot *snapshot;
    chrondb_range range;
    struct cdb_arena texts; /* of the range */
    struct span span;
    struct cdb_view *view; /* NULL: from `items` */
    struct cdb_catalog_cursor *cursor;
    struct cdb_items items;
    size_t next, end; /* [next, end) of them is still to come; from the end on if reverse */
    bool started;
    struct cdb_buf last; /* the last key given */
    uint64_t left;       /* of the limit */
};

static void keys_release(struct keys *keys)
{
    if (keys->view != NULL)
        cdb_view_cursor_free(keys->view, keys->cursor);
    span_release(&keys->span);
    cdb_items_release(&keys->items);
    cdb_buf_release(&keys->last);
    cdb_arena_release(&keys->texts);
}

/* The index of the first key that is greater than (or with `equal`, not less than) `key`. */
static size_t bound(const struct cdb_items *items, const char *key, size_t len, bool equal)
{
    size_t low = 0, high = items->count;
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

/* All keys that are still to come, from the trees. */
static int collect(struct keys *keys)
{
    struct cdb_filter filter = {.prefix = keys->range.prefix, .table = keys->range.table};
    const struct cdb_buf *last = &keys->last;
    int result = cdb_docs_collect(keys->snapshot->db->repo->objects, &keys->snapshot->root, &filter, &keys->items);
    if (result != 0)
        return result;
    const char *from = keys->started ? cdb_buf_str(last) : keys->range.after;
    keys->end = keys->items.count;
    if (from != NULL && keys->range.reverse)
        keys->end = bound(&keys->items, from, strlen(from), true);
    else if (from != NULL)
        keys->next = bound(&keys->items, from, strlen(from), false);
    return 0;
}

static int open_cursor(struct keys *keys)
{
    struct span *span = &keys->span;
    struct cdb_catalog_range range = {.end = keys->snapshot->point.end,
                                      .lower = span->lower.len > 0 ? span->lower.ptr : NULL,
                                      .lower_len = span->lower.len,
                                      .upper = span->has_upper ? cdb_buf_str(&span->upper) : NULL,
                                      .upper_len = span->upper.len,
                                      .reverse = keys->range.reverse != 0};
    cdb_view_cursor_free(keys->view, keys->cursor);
    keys->cursor = NULL;
    return cdb_view_cursor_open(keys->view, &range, &keys->cursor);
}

/* From here on without the catalog. */
static int give_up_catalog(struct keys *keys)
{
    cdb_view_cursor_free(keys->view, keys->cursor);
    keys->cursor = NULL;
    keys->view = NULL;
    cdb_point_lose(&keys->snapshot->point);
    return collect(keys);
}

/* Replace a text by a copy of ours. */
static int keep(struct keys *keys, const char **text)
{
    if (*text == NULL)
        return 0;
    *text = cdb_arena_copy(&keys->texts, *text, strlen(*text));
    return *text != NULL ? 0 : CHRONDB_ESYSTEM;
}

static int keys_open(struct keys *keys, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    memset(keys, 0, sizeof(*keys));
    keys->snapshot = snapshot;
    keys->range = *range;
    keys->left = range->limit > 0 ? range->limit : UINT64_MAX;
    int result = keep(keys, &keys->range.prefix);
    if (result == 0)
        result = keep(keys, &keys->range.table);
    if (result == 0)
        result = keep(keys, &keys->range.after);
    if (result == 0)
        result = span_narrow(&keys->span, &keys->range);
    if (result != 0 || keys->span.empty)
        return result;
    keys->view = cdb_point_view(&snapshot->point);
    if (keys->view == NULL)
        return collect(keys);
    return open_cursor(keys) == 0 ? 0 : give_up_catalog(keys);
}

/* Behind the table (before it in reverse) whose keys have just been passed over. */
static int jump(struct keys *keys, const char *key, size_t table_len)
{
    struct cdb_buf edge = CDB_BUF_INIT;
    cdb_buf_add(&edge, key, table_len);
    cdb_buf_addc(&edge, keys->range.reverse ? ':' : ':' + 1);
    if (keys->range.reverse)
        drop_upper(&keys->span, cdb_buf_str(&edge), edge.len);
    else
        raise_lower(&keys->span, cdb_buf_str(&edge), edge.len);
    bool failed = edge.failed || keys->span.lower.failed || keys->span.upper.failed;
    cdb_buf_release(&edge);
    return failed ? CDB_WITHOUT : open_cursor(keys);
}

static int next_in_catalog(struct keys *keys, const char **key, size_t *len, struct cdb_oid *blob)
{
    int result = 0;
    for (unsigned passed = 1; result == 0; passed++) {
        result = cdb_view_cursor_next(keys->view, keys->cursor, key, len, blob);
        const char *colon = result == 0 && keys->span.untabled ? memchr(*key, ':', *len) : NULL;
        if (colon == NULL)
            break;
        if (passed % STEPS_IN_TABLE == 0)
            result = jump(keys, *key, (size_t)(colon - *key));
    }
    return result;
}

/* 0, CHRONDB_END, or an error. `key` is borrowed until the next call, and NUL-terminated. */
static int keys_next(struct keys *keys, const char **key, size_t *len, struct cdb_oid *blob)
{
    int result = 0;
    if (keys->left == 0)
        return CHRONDB_END;
    if (keys->view != NULL) {
        result = next_in_catalog(keys, key, len, blob);
        if (result == CDB_WITHOUT)
            result = give_up_catalog(keys);
        else if (result == 0) {
            cdb_buf_clear(&keys->last);
            cdb_buf_add(&keys->last, *key, *len);
            keys->started = true;
            keys->left--;
            *key = cdb_buf_str(&keys->last);
            return cdb_buf_check(&keys->last);
        }
    }
    if (result != 0 || keys->next >= keys->end)
        return result != 0 ? result : CHRONDB_END;
    const struct cdb_item *item = &keys->items.items[keys->range.reverse ? --keys->end : keys->next++];
    *key = item->name;
    *len = item->name_len;
    *blob = item->oid;
    keys->left--;
    return 0;
}

/* ---- list --------------------------------------------------------------------------------------- */

struct chrondb_list {
    struct keys keys;
    bool keys_only;
    struct cdb_buf value;
};

int chrondb_list_open(chrondb_list **out, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    if (out == NULL || snapshot == NULL)
        return cdb_error_null();
    chrondb_range asked;
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), range, "chrondb_range");
    if (result != 0)
        return result;
    struct chrondb_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return cdb_error_memory();
    list->keys_only = asked.keys_only != 0;
    result = keys_open(&list->keys, snapshot, &asked);
    if (result != 0) {
        chrondb_list_free(list);
        return result;
    }
    *out = list;
    return 0;
}

int chrondb_list_next(chrondb_list *list, chrondb_entry *entry)
{
    if (list == NULL || entry == NULL)
        return cdb_error_null();
    struct cdb_oid blob;
    const char *key;
    size_t len;
    int result = cdb_enter(list->keys.snapshot->db->repo);
    if (result == 0)
        result = keys_next(&list->keys, &key, &len, &blob);
    if (result != 0)
        return result;
    *entry = (chrondb_entry){.key = key};
    if (list->keys_only)
        return 0;
    result = cdb_blob_document(list->keys.snapshot->db->repo, &blob, &list->value);
    if (result != 0) {
        cdb_error_about("cannot read", key);
        return result;
    }
    entry->value = cdb_buf_str(&list->value);
    entry->value_size = list->value.len;
    return 0;
}

void chrondb_list_free(chrondb_list *list)
{
    if (list == NULL || !cdb_is_ours(list->keys.snapshot->db->repo))
        return;
    keys_release(&list->keys);
    cdb_buf_release(&list->value);
    free(list);
}

/* ---- count --------------------------------------------------------------------------------------- */

/* What the catalog knows without looking at keys: 0, 1 (the keys must be counted), or CDB_WITHOUT. */
static int known_count(chrondb_snapshot *snapshot, const chrondb_range *range, uint64_t *count)
{
    uint64_t tables;
    struct cdb_view *view = cdb_point_view(&snapshot->point);
    if (view == NULL || (range->after != NULL) || (range->prefix != NULL && *range->prefix != '\0') ||
        (range->table != NULL && strchr(range->table, ':') != NULL))
        return 1;
    int result = range->table != NULL ? cdb_view_table_count(view, snapshot->point.end, range->table, count)
                                      : cdb_view_totals(view, snapshot->point.end, count, &tables);
    if (result == 0 && range->limit > 0 && *count > range->limit)
        *count = range->limit;
    if (result != 0)
        cdb_point_lose(&snapshot->point);
    return result;
}

/* Keys in the trees need not be gone through one by one. */
static int count_keys(struct keys *keys, uint64_t *count)
{
    struct cdb_oid blob;
    const char *key;
    size_t len;
    int result = 0;
    *count = 0;
    while (keys->view != NULL && (result = keys_next(keys, &key, &len, &blob)) == 0)
        ++*count;
    if (result != 0 || keys->view != NULL)
        return result == CHRONDB_END ? 0 : result;
    uint64_t rest = keys->end - keys->next;
    *count += rest < keys->left ? rest : keys->left;
    return 0;
}

int chrondb_count(chrondb_snapshot *snapshot, const chrondb_range *range, uint64_t *count)
{
    if (snapshot == NULL || count == NULL)
        return cdb_error_null();
    struct keys keys;
    chrondb_range asked;
    *count = 0;
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), range, "chrondb_range");
    if (result != 0 || known_count(snapshot, &asked, count) == 0)
        return result;
    result = keys_open(&keys, snapshot, &asked);
    if (result == 0)
        result = count_keys(&keys, count);
    keys_release(&keys);
    return result;
}

/* ---- tables -------------------------------------------------------------------------------------- */

/* Collected first: whoever is called with them may ask the database other things. */
struct tables {
    struct table {
        const char *name;
        uint64_t count;
    } * list;
    size_t count, room;
    struct cdb_arena names;
};

static int add_table(void *context, const char *name, size_t len, uint64_t count)
{
    struct tables *tables = context;
    const char *text = cdb_arena_copy(&tables->names, name, len);
    if (text == NULL || cdb_array_grow(&tables->list, &tables->room, tables->count, sizeof(*tables->list)) != 0)
        return CHRONDB_ESYSTEM;
    tables->list[tables->count++] = (struct table){text, count};
    return 0;
}

int chrondb_tables(chrondb_snapshot *snapshot, int (*each)(void *context, const char *table, uint64_t count),
                   void *context)
{
    if (snapshot == NULL || each == NULL)
        return cdb_error_null();
    struct tables tables = {0};
    int result = cdb_enter(snapshot->db->repo);
    if (result != 0)
        return result;
    struct cdb_view *view = cdb_point_view(&snapshot->point);
    result = view != NULL ? cdb_view_tables(view, snapshot->point.end, add_table, &tables) : CDB_WITHOUT;
    if (result == 0) {
        for (size_t i = 0; result == 0 && i < tables.count; i++)
            result = each(context, tables.list[i].name, tables.list[i].count);
    } else {
        cdb_point_lose(&snapshot->point);
        result = cdb_docs_tables(snapshot->db->repo->objects, &snapshot->root, each, context);
    }
    free(tables.list);
    cdb_arena_release(&tables.names);
    return result;
}
