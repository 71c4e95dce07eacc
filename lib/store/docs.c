/* SPDX-License-Identifier: MIT */
#include "store/docs.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"

#define LEVELS_PER_TABLE 64 /* more than a table has: a table that lies deeper in the root wins over all levels */

static enum cdb_fan_kind document_kind(bool untabled)
{
    return untabled ? CDB_FAN_UNTABLED : CDB_FAN_TABLE;
}

/* ---- one document ------------------------------------------------------------------------------ */

/* Where the earlier lookup met this tree at this step: index + 1, or 0. */
static size_t met_before(const struct cdb_lookup *before, const struct cdb_oid *tree, unsigned char step)
{
    for (size_t i = 0; before != NULL && before->plain && i < before->count; i++)
        if (before->steps[i] == step && cdb_oid_equal(&before->trees[i], tree))
            return i + 1;
    return 0;
}

struct descent {
    struct cdb_objects *objects;
    const struct cdb_lookup *before;
    struct cdb_lookup *out;
};

/* 1: the rest is as in the earlier lookup. */
static int step_to(struct descent *descent, const struct cdb_oid *tree, enum cdb_fan_kind kind, unsigned depth)
{
    struct cdb_lookup *out = descent->out;
    unsigned char step = (unsigned char)(kind == CDB_FAN_ROOT ? depth : CDB_FAN_DEPTH + 1 + depth);
    size_t same = met_before(descent->before, tree, step);
    if (same != 0 && out->plain) {
        const struct cdb_lookup *before = descent->before;
        size_t rest = before->count - (same - 1);
        if (out->count + rest <= CDB_LOOKUP_MAX) {
            memcpy(&out->trees[out->count], &before->trees[same - 1], rest * sizeof(out->trees[0]));
            memcpy(&out->steps[out->count], &before->steps[same - 1], rest * sizeof(out->steps[0]));
            out->count += rest;
            out->found = before->found;
            out->blob = before->blob;
            return 1;
        }
    }
    if (out->count < CDB_LOOKUP_MAX) {
        out->steps[out->count] = step;
        out->trees[out->count++] = *tree;
    }
    return 0;
}

/* Walk down the directories of the digits of the key's table, or id, from `tree`; every place where it is found is
 * stored, from the top down. 1: the earlier lookup answered. */
static int descend(struct descent *descent, const struct cdb_oid *tree, enum cdb_fan_kind kind,
                   const struct cdb_key *key, struct cdb_oid *places, size_t *place_count)
{
    bool tables = kind == CDB_FAN_ROOT;
    struct cdb_fan_hash hash = {{0}};
    bool hashed = false;
    struct cdb_oid at = *tree;
    *place_count = 0;
    for (unsigned depth = 0; depth <= CDB_FAN_DEPTH; depth++) {
        struct cdb_fan fan;
        if (step_to(descent, &at, kind, depth) == 1)
            return 1;
        int result = cdb_fan_load(&fan, descent->objects, &at, kind);
        if (result != 0) {
            cdb_fan_release(&fan);
            return result;
        }
        const struct cdb_tree_entry *entry = cdb_fan_entry(&fan, tables ? key->dir : key->file, tables);
        const struct cdb_tree_entry *child = NULL;
        if (entry != NULL)
            places[(*place_count)++] = entry->oid;
        if (fan.fans > 0 && depth < CDB_FAN_DEPTH) {
            if (!hashed)
                hash = tables ? cdb_fan_table_hash(key) : cdb_fan_hash(key->id, key->id_len);
            hashed = true;
            child = cdb_fan_child(&fan, cdb_fan_digit(&hash, depth));
        }
        if (entry != NULL && child != NULL)
            descent->out->plain = false; /* another tool put it beside a fan-out: both must be looked at */
        if (child != NULL)
            at = child->oid;
        cdb_fan_release(&fan);
        if (child == NULL)
            return 0;
    }
    return 0;
}

int cdb_docs_find(struct cdb_objects *objects, const struct cdb_oid *root, const struct cdb_key *key,
                  const struct cdb_lookup *before, struct cdb_lookup *out)
{
    struct descent descent = {objects, before, out};
    struct cdb_oid tables[CDB_FAN_DEPTH + 1], blobs[CDB_FAN_DEPTH + 1];
    size_t table_count = 0, blob_count = 0;
    out->count = 0;
    out->found = false;
    out->plain = true;
    if (cdb_oid_is_zero(root))
        return 0;
    int result = descend(&descent, root, CDB_FAN_ROOT, key, tables, &table_count);
    if (table_count > 1)
        out->plain = false;
    while (result == 0 && table_count > 0 && !out->found) {
        result = descend(&descent, &tables[--table_count], document_kind(key->table == NULL), key, blobs, &blob_count);
        if (result == 0 && blob_count > 0) {
            out->found = true;
            out->blob = blobs[blob_count - 1];
        }
    }
    return result < 0 ? result : 0;
}

/* ---- all documents ------------------------------------------------------------------------------- */

bool cdb_table_next(const struct cdb_items *items, size_t *at, struct cdb_table *out)
{
    if (*at >= items->count)
        return false;
    const struct cdb_item *first = &items->items[*at];
    *out = (struct cdb_table){first->name, first->name_len, first->untabled, first, 0};
    while (*at < items->count && items->items[*at].name_len == first->name_len &&
           memcmp(items->items[*at].name, first->name, first->name_len) == 0) {
        out->tree_count++;
        (*at)++;
    }
    return true;
}

int cdb_table_collect(struct cdb_objects *objects, const struct cdb_table *table, struct cdb_items *out)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < table->tree_count; i++)
        result = cdb_fan_collect(objects, &table->trees[i].oid, document_kind(table->untabled), 0, NULL,
                                 table->trees[i].level * LEVELS_PER_TABLE, 0, out);
    cdb_items_sort(out);
    cdb_items_unique(out);
    return result;
}

/* Can a key of this table start with the prefix? Keys are "TABLE:ID", or "ID" without a table. */
static bool table_may_match(const struct cdb_table *table, const struct cdb_filter *filter)
{
    if (filter->table != NULL &&
        (table->untabled != (*filter->table == '\0') || strlen(filter->table) != table->name_len ||
         memcmp(filter->table, table->name, table->name_len) != 0))
        return false;
    if (filter->prefix == NULL)
        return true;
    size_t len = strlen(filter->prefix);
    const char *colon = strchr(filter->prefix, ':');
    if (table->untabled)
        return colon == NULL;
    if (colon != NULL)
        return table->name_len == (size_t)(colon - filter->prefix) &&
               memcmp(table->name, filter->prefix, table->name_len) == 0;
    return len <= table->name_len && memcmp(table->name, filter->prefix, len) == 0;
}

static int add_key(const struct cdb_table *table, const struct cdb_item *document, const struct cdb_filter *filter,
                   struct cdb_buf *key, struct cdb_items *out)
{
    size_t prefix_len = filter != NULL && filter->prefix != NULL ? strlen(filter->prefix) : 0;
    cdb_buf_clear(key);
    if (!table->untabled) {
        cdb_buf_add(key, table->name, table->name_len);
        cdb_buf_addc(key, ':');
    }
    cdb_buf_add(key, document->name, document->name_len);
    if (key->failed)
        return cdb_error_memory();
    if (key->len < prefix_len || (prefix_len > 0 && memcmp(key->ptr, filter->prefix, prefix_len) != 0))
        return 0;
    struct cdb_item *item = cdb_items_add(out, key->ptr, key->len);
    if (item == NULL)
        return CHRONDB_ESYSTEM;
    item->oid = document->oid;
    return 0;
}

static int collect_tables(struct cdb_objects *objects, const struct cdb_oid *root, struct cdb_items *out)
{
    int result = cdb_fan_collect(objects, root, CDB_FAN_ROOT, 0, NULL, 0, 0, out);
    cdb_items_sort(out);
    return result;
}

int cdb_docs_collect(struct cdb_objects *objects, const struct cdb_oid *root, const struct cdb_filter *filter,
                     struct cdb_items *out)
{
    struct cdb_items tables = {0};
    struct cdb_buf key = CDB_BUF_INIT;
    struct cdb_table table;
    int result = collect_tables(objects, root, &tables);
    for (size_t at = 0; result == 0 && cdb_table_next(&tables, &at, &table);) {
        struct cdb_items documents = {0};
        if (table_may_match(&table, filter))
            result = cdb_table_collect(objects, &table, &documents);
        for (size_t i = 0; result == 0 && i < documents.count; i++)
            result = add_key(&table, &documents.items[i], filter, &key, out);
        cdb_items_release(&documents);
    }
    cdb_items_sort(out);
    cdb_buf_release(&key);
    cdb_items_release(&tables);
    return result;
}

int cdb_docs_tables(struct cdb_objects *objects, const struct cdb_oid *root,
                    int (*each)(void *context, const char *table, uint64_t count), void *context)
{
    struct cdb_items tables = {0};
    struct cdb_table table;
    int result = collect_tables(objects, root, &tables);
    for (size_t at = 0; result == 0 && cdb_table_next(&tables, &at, &table);) {
        struct cdb_items documents = {0};
        result = cdb_table_collect(objects, &table, &documents);
        if (result == 0 && documents.count > 0)
            result = each(context, table.name, documents.count);
        cdb_items_release(&documents);
    }
    cdb_items_release(&tables);
    return result;
}

/* ---- differences ----------------------------------------------------------------------------------- */

void cdb_changes_release(struct cdb_changes *changes)
{
    free(changes->changes);
    cdb_arena_release(&changes->keys);
    memset(changes, 0, sizeof(*changes));
}

struct differ {
    struct cdb_objects *objects;
    struct cdb_changes *out;
    struct cdb_visits roots, documents; /* pairs of directories; of one table */
    struct cdb_buf key;
    const char *table; /* of the documents compared */
    size_t table_len;
    bool untabled;
};

static int compare_changes(const void *left, const void *right)
{
    const struct cdb_change *a = left, *b = right;
    return cdb_bytes_compare(a->key, a->key_len, b->key, b->key_len);
}

static void sort_changes(struct cdb_changes *changes)
{
    if (changes->count > 1)
        qsort(changes->changes, changes->count, sizeof(*changes->changes), compare_changes);
}

/* Twice as many as are to be kept: those behind the first half go, with their keys. */
static int drop_last(struct cdb_changes *changes)
{
    struct cdb_arena keys = CDB_ARENA_INIT;
    sort_changes(changes);
    changes->count = changes->keep;
    changes->more = true;
    for (size_t i = 0; i < changes->count; i++) {
        struct cdb_change *change = &changes->changes[i];
        change->key = cdb_arena_copy(&keys, change->key, change->key_len);
        if (change->key == NULL) {
            changes->count = 0;
            cdb_arena_release(&keys);
            return CHRONDB_ESYSTEM;
        }
        changes->last = change->key;
    }
    cdb_arena_release(&changes->keys);
    changes->keys = keys;
    return 0;
}

static bool is_behind(const struct cdb_buf *key, const char *other)
{
    return cdb_bytes_compare(cdb_buf_str(key), key->len, other, strlen(other)) > 0;
}

/* Its table passed the filter. */
static bool is_wanted(struct cdb_changes *out, const struct cdb_buf *key)
{
    const char *prefix = out->filter != NULL ? out->filter->prefix : NULL;
    size_t prefix_len = prefix != NULL ? strlen(prefix) : 0;
    if (prefix_len > key->len || (prefix_len > 0 && memcmp(cdb_buf_str(key), prefix, prefix_len) != 0))
        return false;
    if (out->after != NULL && !is_behind(key, out->after))
        return false;
    return out->last == NULL || !is_behind(key, out->last);
}

/* At least one of the two is there. */
static int add_change(struct differ *differ, const struct cdb_item *from, const struct cdb_item *to)
{
    struct cdb_changes *out = differ->out;
    const struct cdb_item *named = from != NULL ? from : to;
    if (named == NULL)
        return 0;
    cdb_buf_clear(&differ->key);
    if (!differ->untabled) {
        cdb_buf_add(&differ->key, differ->table, differ->table_len);
        cdb_buf_addc(&differ->key, ':');
    }
    cdb_buf_add(&differ->key, named->name, named->name_len);
    if (differ->key.failed)
        return cdb_error_memory();
    if (!is_wanted(out, &differ->key))
        return 0;
    if (out->limit > 0 && out->count >= out->limit)
        return 1;
    if (cdb_array_grow(&out->changes, &out->room, out->count, sizeof(*out->changes)) != 0)
        return CHRONDB_ESYSTEM;
    struct cdb_change *change = &out->changes[out->count];
    memset(change, 0, sizeof(*change));
    change->key = cdb_arena_copy(&out->keys, differ->key.ptr, differ->key.len);
    change->key_len = differ->key.len;
    if (change->key == NULL)
        return CHRONDB_ESYSTEM;
    if (from != NULL)
        change->old_blob = from->oid;
    if (to != NULL)
        change->new_blob = to->oid;
    out->count++;
    return out->keep > 0 && out->count / 2 >= out->keep ? drop_last(out) : 0;
}

static int compare_names(const struct cdb_item *a, const struct cdb_item *b)
{
    return cdb_bytes_compare(a->name, a->name_len, b->name, b->name_len);
}

/* Two sorted sets of documents of one table. */
static int diff_items(struct differ *differ, const struct cdb_items *from, const struct cdb_items *to)
{
    size_t i = 0, j = 0;
    int result = 0;
    while (result == 0 && (i < from->count || j < to->count)) {
        int order = i == from->count ? 1 : j == to->count ? -1 : compare_names(&from->items[i], &to->items[j]);
        const struct cdb_item *a = order <= 0 ? &from->items[i++] : NULL;
        const struct cdb_item *b = order >= 0 ? &to->items[j++] : NULL;
        if (a == NULL || b == NULL || !cdb_oid_equal(&a->oid, &b->oid))
            result = add_change(differ, a, b);
    }
    return result;
}

static int diff_collected(struct differ *differ, const struct cdb_oid *from, const struct cdb_oid *to, unsigned depth,
                          const struct cdb_fan_hash *path)
{
    struct cdb_items a = {0}, b = {0};
    enum cdb_fan_kind kind = document_kind(differ->untabled);
    int result = cdb_fan_collect(differ->objects, from, kind, depth, path, 0, 0, &a);
    if (result == 0)
        result = cdb_fan_collect(differ->objects, to, kind, depth, path, 0, 0, &b);
    cdb_items_sort(&a);
    cdb_items_unique(&a);
    cdb_items_sort(&b);
    cdb_items_unique(&b);
    if (result == 0)
        result = diff_items(differ, &a, &b);
    differ->out->foreign |= a.foreign || b.foreign;
    cdb_items_release(&a);
    cdb_items_release(&b);
    return result;
}

static int visit_pair(struct cdb_visits *visits, const struct cdb_oid *from, const struct cdb_oid *to)
{
    struct cdb_oid pair = *from;
    for (size_t i = 0; i < sizeof(pair.id); i++)
        pair.id[i] ^= to->id[i];
    return cdb_visits_add(visits, &pair);
}

static bool pure_fan(const struct cdb_fan *fan)
{
    return fan->items == 0 && fan->fans > 0;
}

/* Can they be compared digit by digit? All that is in them is below the digits, or one of them is empty. */
static bool have_digits(const struct cdb_fan *a, const struct cdb_fan *b, unsigned depth)
{
    return depth < CDB_FAN_DEPTH && (pure_fan(a) || a->count == 0) && (pure_fan(b) || b->count == 0);
}

/* Two directories of one table at the same digits. Recurses at most once a digit. */
static int diff_documents(struct differ *differ, const struct cdb_oid *from, const struct cdb_oid *to, unsigned depth,
                          const struct cdb_fan_hash *path)
{
    static const struct cdb_oid none;
    struct cdb_fan a = {0}, b = {0};
    enum cdb_fan_kind kind = document_kind(differ->untabled);
    if (cdb_oid_equal(from, to))
        return 0;
    int result = visit_pair(&differ->documents, from, to);
    if (result == 0)
        result = cdb_fan_load(&a, differ->objects, from, kind);
    if (result == 0)
        result = cdb_fan_load(&b, differ->objects, to, kind);
    if (result != 0)
        goto out;
    differ->out->foreign |= cdb_fan_has_foreign(&a) || cdb_fan_has_foreign(&b);
    if (!have_digits(&a, &b, depth)) {
        result = diff_collected(differ, from, to, depth, path);
        goto out;
    }
    for (unsigned digit = 0; result == 0 && digit < 16; digit++) {
        const struct cdb_tree_entry *x = cdb_fan_child(&a, digit), *y = cdb_fan_child(&b, digit);
        struct cdb_fan_hash below = *path;
        cdb_fan_set_digit(&below, depth, digit);
        result = diff_documents(differ, x != NULL ? &x->oid : &none, y != NULL ? &y->oid : &none, depth + 1, &below);
    }
out:
    cdb_fan_release(&a);
    cdb_fan_release(&b);
    return result;
}

static int diff_table(struct differ *differ, const struct cdb_table *from, const struct cdb_table *to)
{
    static const struct cdb_oid none;
    static const struct cdb_fan_hash start;
    const struct cdb_table *named = from != NULL ? from : to;
    if (named == NULL || (differ->out->filter != NULL && !table_may_match(named, differ->out->filter)))
        return 0;
    differ->table = named->name;
    differ->table_len = named->name_len;
    differ->untabled = named->untabled;
    if ((from == NULL || from->tree_count == 1) && (to == NULL || to->tree_count == 1)) {
        cdb_visits_init(&differ->documents, differ->objects);
        int status = diff_documents(differ, from != NULL ? &from->trees->oid : &none,
                                    to != NULL ? &to->trees->oid : &none, 0, &start);
        cdb_visits_release(&differ->documents);
        return status;
    }
    struct cdb_items a = {0}, b = {0};
    int result = from != NULL ? cdb_table_collect(differ->objects, from, &a) : 0;
    if (result == 0 && to != NULL)
        result = cdb_table_collect(differ->objects, to, &b);
    if (result == 0)
        result = diff_items(differ, &a, &b);
    differ->out->foreign |= a.foreign || b.foreign;
    cdb_items_release(&a);
    cdb_items_release(&b);
    return result;
}

static int compare_tables(const struct cdb_table *a, const struct cdb_table *b)
{
    return cdb_bytes_compare(a->name, a->name_len, b->name, b->name_len);
}

static int diff_all_tables(struct differ *differ, const struct cdb_items *from, const struct cdb_items *to)
{
    struct cdb_table a, b;
    size_t i = 0, j = 0;
    bool has_a = cdb_table_next(from, &i, &a), has_b = cdb_table_next(to, &j, &b);
    int result = 0;
    while (result == 0 && (has_a || has_b)) {
        int order = !has_a ? 1 : !has_b ? -1 : compare_tables(&a, &b);
        result = diff_table(differ, order <= 0 ? &a : NULL, order >= 0 ? &b : NULL);
        if (order <= 0)
            has_a = cdb_table_next(from, &i, &a);
        if (order >= 0)
            has_b = cdb_table_next(to, &j, &b);
    }
    return result;
}

/* The tables below two directories of the root, where they differ. Recurses at most once a digit. */
static int diff_roots(struct differ *differ, const struct cdb_oid *from, const struct cdb_oid *to, unsigned depth,
                      const struct cdb_fan_hash *path)
{
    static const struct cdb_oid none;
    struct cdb_fan a = {0}, b = {0};
    struct cdb_items x = {0}, y = {0};
    if (cdb_oid_equal(from, to))
        return 0;
    int result = visit_pair(&differ->roots, from, to);
    if (result == 0)
        result = cdb_fan_load(&a, differ->objects, from, CDB_FAN_ROOT);
    if (result == 0)
        result = cdb_fan_load(&b, differ->objects, to, CDB_FAN_ROOT);
    differ->out->foreign |= cdb_fan_has_foreign(&a) || cdb_fan_has_foreign(&b);
    if (result == 0 && have_digits(&a, &b, depth)) {
        for (unsigned digit = 0; result == 0 && digit < 16; digit++) {
            const struct cdb_tree_entry *p = cdb_fan_child(&a, digit), *q = cdb_fan_child(&b, digit);
            struct cdb_fan_hash below = *path;
            cdb_fan_set_digit(&below, depth, digit);
            result = diff_roots(differ, p != NULL ? &p->oid : &none, q != NULL ? &q->oid : &none, depth + 1, &below);
        }
    } else if (result == 0) {
        result = cdb_fan_collect(differ->objects, from, CDB_FAN_ROOT, depth, path, 0, 0, &x);
        if (result == 0)
            result = cdb_fan_collect(differ->objects, to, CDB_FAN_ROOT, depth, path, 0, 0, &y);
        cdb_items_sort(&x);
        cdb_items_sort(&y);
        if (result == 0)
            result = diff_all_tables(differ, &x, &y);
        differ->out->foreign |= x.foreign || y.foreign;
    }
    cdb_items_release(&x);
    cdb_items_release(&y);
    cdb_fan_release(&a);
    cdb_fan_release(&b);
    return result;
}

int cdb_docs_diff(struct cdb_objects *objects, const struct cdb_oid *from, const struct cdb_oid *to,
                  struct cdb_changes *out)
{
    static const struct cdb_fan_hash start;
    struct differ differ = {.objects = objects, .out = out};
    cdb_visits_init(&differ.roots, objects);
    int result = diff_roots(&differ, from, to, 0, &start);
    cdb_visits_release(&differ.roots);
    sort_changes(out);
    if (out->keep > 0 && out->count > out->keep) {
        out->count = out->keep;
        out->more = true;
    }
    cdb_buf_release(&differ.key);
    return result;
}
