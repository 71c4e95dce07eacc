/* SPDX-License-Identifier: MIT */
#include "store/edit.h"

#include <stdlib.h>
#include <string.h>

#include "store/docs.h"
#include "util/array.h"
#include "util/error.h"

/* What a directory is to hold under one name: a document's blob or a table's tree. */
struct change {
    const char *name; /* encoded */
    struct cdb_fan_hash hash;
    struct cdb_oid oid; /* zeros: nothing */
};

struct changes {
    struct change *list;
    size_t count, room;
};

struct editor {
    const struct cdb_edit_request *request;
    struct cdb_objects *objects;
    struct cdb_arena names;
};

static const struct cdb_oid nothing;
static const struct cdb_fan_hash start; /* the way to the top: no digits */

static struct change *changes_add(struct changes *changes)
{
    if (cdb_array_grow(&changes->list, &changes->room, changes->count, sizeof(*changes->list)) != 0)
        return NULL;
    memset(&changes->list[changes->count], 0, sizeof(struct change));
    return &changes->list[changes->count++];
}

static int by_hash(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    int order = memcmp(a->hash.bytes, b->hash.bytes, sizeof(a->hash.bytes));
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct change *)left)->name, ((const struct change *)right)->name);
}

static void sort_by(struct change *list, size_t count, int (*order)(const void *, const void *))
{
    if (count > 1)
        qsort(list, count, sizeof(*list), order);
}

/* The end of the run of changes, sorted by hash, that share the digit of the first at `depth`. */
static size_t run_of_digit(const struct change *list, size_t count, unsigned depth)
{
    size_t end = 1;
    while (end < count && cdb_fan_digit(&list[end].hash, depth) == cdb_fan_digit(&list[0].hash, depth))
        end++;
    return end;
}

/* ---- writing directories ------------------------------------------------------------------------ */

struct entries {
    struct cdb_tree_entry *list;
    size_t count, room;
};

static int entries_add(struct entries *entries, const char *name, size_t name_len, uint32_t mode,
                       const struct cdb_oid *oid)
{
    if (cdb_array_grow(&entries->list, &entries->room, entries->count, sizeof(*entries->list)) != 0)
        return CHRONDB_ESYSTEM;
    entries->list[entries->count++] = (struct cdb_tree_entry){name, name_len, mode, *oid};
    return 0;
}

static int add_fan(struct entries *entries, unsigned digit, const struct cdb_oid *oid)
{
    return entries_add(entries, &"0123456789abcdef"[digit], 1, CDB_MODE_DIR, oid);
}

static uint32_t item_mode(enum cdb_fan_kind kind)
{
    return kind == CDB_FAN_ROOT ? CDB_MODE_DIR : CDB_MODE_FILE;
}

/* Emit the directory unless it is the one that was there. No entries: no directory. */
static int write_entries(struct editor *editor, struct entries *entries, const struct cdb_oid *before,
                         struct cdb_oid *out)
{
    struct cdb_buf content = CDB_BUF_INIT;
    *out = nothing;
    if (entries->count == 0)
        return 0;
    cdb_tree_encode(entries->list, entries->count, &content);
    int result = cdb_buf_check(&content);
    if (result == 0)
        result = cdb_object_hash(out, CDB_TREE, content.ptr, content.len);
    if (result == 0 && !cdb_oid_equal(out, before))
        result = editor->request->emit(editor->request->emit_context, CDB_TREE, content.ptr, content.len, out);
    cdb_buf_release(&content);
    return result;
}

/* ---- building anew --------------------------------------------------------------------------------- */

#define OLDS_MAX (CDB_FAN_DEPTH + 1)

/* The directories that a new one replaces, deepest first (more than one only where another tool put a table on several
 * levels): what in them is foreign is kept. */
struct olds {
    struct cdb_oid trees[OLDS_MAX];
    size_t count;
};

static bool has_name(const struct entries *entries, size_t count, const struct cdb_tree_entry *entry)
{
    for (size_t i = 0; i < count; i++)
        if (entries->list[i].name_len == entry->name_len &&
            memcmp(entries->list[i].name, entry->name, entry->name_len) == 0)
            return true;
    return false;
}

/* Is the entry no document's, no table's and no directory of the fan-out at this place? */
static bool is_foreign(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, unsigned depth,
                       const struct cdb_fan_hash *path, struct cdb_buf *raw)
{
    if (cdb_fan_classify(entry, kind) == CDB_ENTRY_FAN)
        return depth >= CDB_FAN_DEPTH;
    return !cdb_fan_is_item(entry, kind, path, depth, raw);
}

/* What is foreign in a directory that is written anew. A name that is needed now gives way. */
static int keep_foreign(const struct cdb_fan *fan, enum cdb_fan_kind kind, unsigned depth,
                        const struct cdb_fan_hash *path, struct entries *entries)
{
    struct cdb_buf raw = CDB_BUF_INIT;
    size_t taken = entries->count; /* no name is twice in `fan` */
    int result = 0;
    for (size_t i = 0; result == 0 && i < fan->count; i++) {
        const struct cdb_tree_entry *entry = &fan->entries[i];
        if (is_foreign(entry, kind, depth, path, &raw) && !has_name(entries, taken, entry))
            result = entries_add(entries, entry->name, entry->name_len, entry->mode, &entry->oid);
        if (raw.failed)
            result = cdb_error_memory();
    }
    cdb_buf_release(&raw);
    return result;
}

/* Write the directory of `list` (sorted by hash, all present) at `depth`, whatever the old ones look like. Recurses
 * once a digit. */
static int build(struct editor *editor, enum cdb_fan_kind kind, const struct change *list, size_t count, unsigned depth,
                 const struct cdb_fan_hash *path, const struct olds *olds, struct cdb_oid *out)
{
    struct cdb_fan fans[OLDS_MAX];
    struct entries entries = {NULL, 0, 0};
    size_t loaded = 0;
    bool lists = count <= CDB_FAN_LIMIT || depth >= CDB_FAN_DEPTH;
    int result = 0;
    for (; result == 0 && loaded < olds->count; loaded++)
        result = cdb_fan_load(&fans[loaded], editor->objects, &olds->trees[loaded], kind);
    for (size_t i = 0; result == 0 && lists && i < count; i++)
        result = entries_add(&entries, list[i].name, strlen(list[i].name), item_mode(kind), &list[i].oid);
    for (unsigned digit = 0; result == 0 && depth < CDB_FAN_DEPTH && digit < 16; digit++) {
        struct olds below = {.count = 0};
        struct cdb_fan_hash way = *path;
        struct cdb_oid child = nothing;
        size_t run = 0;
        for (size_t i = 0; i < loaded; i++) {
            const struct cdb_tree_entry *entry = cdb_fan_child(&fans[i], digit);
            if (entry != NULL)
                below.trees[below.count++] = entry->oid;
        }
        if (!lists && count > 0 && cdb_fan_digit(&list[0].hash, depth) == digit)
            run = run_of_digit(list, count, depth);
        cdb_fan_set_digit(&way, depth, digit);
        if (run > 0 || below.count > 0)
            result = build(editor, kind, list, run, depth + 1, &way, &below, &child);
        if (result == 0 && !cdb_oid_is_zero(&child))
            result = add_fan(&entries, digit, &child);
        list += run;
        count -= run;
    }
    for (size_t i = 0; result == 0 && i < loaded; i++)
        result = keep_foreign(&fans[i], kind, depth, path, &entries);
    if (result == 0)
        result = write_entries(editor, &entries, olds->count == 1 ? &olds->trees[0] : &nothing, out);
    for (size_t i = 0; i < loaded; i++)
        cdb_fan_release(&fans[i]);
    free(entries.list);
    return result;
}

/* Documents or tables as they are, with the changes made: both sorted by name, the result by hash, without nothings. */
static int merge(struct changes *present, struct change *changes, size_t count, struct changes *out)
{
    size_t i = 0, j = 0;
    sort_by(present->list, present->count, by_name);
    sort_by(changes, count, by_name);
    while (i < present->count || j < count) {
        int order = i == present->count ? 1 : j == count ? -1 : by_name(&present->list[i], &changes[j]);
        const struct change *from = order < 0 ? &present->list[i] : &changes[j];
        i += order <= 0;
        j += order >= 0;
        if (cdb_oid_is_zero(&from->oid))
            continue;
        struct change *item = changes_add(out);
        if (item == NULL)
            return CHRONDB_ESYSTEM;
        *item = *from;
    }
    sort_by(out->list, out->count, by_hash);
    sort_by(changes, count, by_hash);
    return 0;
}

/* The encoded name of an item, from a key made of its raw name. */
static int encoded_name(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_item *item, const char **out)
{
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_key key;
    cdb_buf_adds(&text, kind == CDB_FAN_TABLE ? "t:" : "");
    if (kind != CDB_FAN_ROOT || !item->untabled)
        cdb_buf_add(&text, item->name, item->name_len);
    cdb_buf_adds(&text, kind == CDB_FAN_ROOT ? (item->untabled ? "i" : ":i") : "");
    int result = cdb_buf_check(&text);
    if (result == 0)
        result = cdb_key_parse(&key, text.ptr, text.len);
    if (result == 0) {
        const char *name = kind == CDB_FAN_ROOT ? key.dir : key.file;
        *out = cdb_arena_copy(&editor->names, name, strlen(name));
        result = *out != NULL ? 0 : CHRONDB_ESYSTEM;
    }
    cdb_buf_release(&text);
    return result;
}

static int add_present(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_item *item,
                       const struct cdb_oid *oid, struct changes *out)
{
    struct change *change = changes_add(out);
    if (change == NULL)
        return CHRONDB_ESYSTEM;
    change->hash = cdb_fan_hash(item->name, item->name_len);
    change->oid = *oid;
    return encoded_name(editor, kind, item, &change->name);
}

/* Build a directory of documents anew from collected items and changes. */
static int rebuild_documents(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_items *items,
                             struct change *list, size_t count, unsigned depth, const struct cdb_fan_hash *path,
                             const struct olds *olds, struct cdb_oid *out)
{
    struct changes present = {NULL, 0, 0}, merged = {NULL, 0, 0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < items->count; i++)
        result = add_present(editor, kind, &items->items[i], &items->items[i].oid, &present);
    if (result == 0)
        result = merge(&present, list, count, &merged);
    if (result == 0)
        result = build(editor, kind, merged.list, merged.count, depth, path, olds, out);
    free(present.list);
    free(merged.list);
    return result;
}

/* A whole table, on however many levels it stands. */
static int rebuild_table(struct editor *editor, const struct cdb_table *table, struct change *list, size_t count,
                         struct cdb_oid *out)
{
    struct cdb_items items = {0};
    struct olds olds = {.count = 0};
    enum cdb_fan_kind kind = table->untabled ? CDB_FAN_UNTABLED : CDB_FAN_TABLE;
    for (size_t i = 0; i < table->tree_count && olds.count < OLDS_MAX; i++)
        olds.trees[olds.count++] = table->trees[i].oid;
    int result = cdb_table_collect(editor->objects, table, &items);
    if (result == 0)
        result = rebuild_documents(editor, kind, &items, list, count, 0, &start, &olds, out);
    cdb_items_release(&items);
    return result;
}

/* The root, or a directory of it, from all tables below it. A table on several levels becomes one. */
static int rebuild_tables(struct editor *editor, const struct cdb_oid *old, unsigned depth,
                          const struct cdb_fan_hash *path, struct change *list, size_t count, struct cdb_oid *out)
{
    struct cdb_items items = {0};
    struct changes present = {NULL, 0, 0}, merged = {NULL, 0, 0};
    struct olds olds = {.trees = {*old}, .count = cdb_oid_is_zero(old) ? 0 : 1};
    struct cdb_table table;
    int result = cdb_fan_collect(editor->objects, old, CDB_FAN_ROOT, depth, path, 0, 0, &items);
    cdb_items_sort(&items);
    for (size_t at = 0; result == 0 && cdb_table_next(&items, &at, &table);) {
        struct cdb_oid tree = table.trees[0].oid;
        if (table.tree_count > 1)
            result = rebuild_table(editor, &table, NULL, 0, &tree);
        if (result == 0)
            result = add_present(editor, CDB_FAN_ROOT, &table.trees[0], &tree, &present);
    }
    if (result == 0)
        result = merge(&present, list, count, &merged);
    if (result == 0)
        result = build(editor, CDB_FAN_ROOT, merged.list, merged.count, depth, path, &olds, out);
    free(present.list);
    free(merged.list);
    cdb_items_release(&items);
    return result;
}

/* ---- updating what is canonical -------------------------------------------------------------------- */

static int rebuild_directory(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_oid *old, unsigned depth,
                             const struct cdb_fan_hash *path, struct change *list, size_t count, struct cdb_oid *out)
{
    if (kind == CDB_FAN_ROOT)
        return rebuild_tables(editor, old, depth, path, list, count, out);
    struct cdb_items items = {0};
    struct olds olds = {.trees = {*old}, .count = cdb_oid_is_zero(old) ? 0 : 1};
    int result = cdb_fan_collect(editor->objects, old, kind, depth, path, 0, 0, &items);
    cdb_items_sort(&items);
    cdb_items_unique(&items);
    if (result == 0)
        result = rebuild_documents(editor, kind, &items, list, count, depth, path, &olds, out);
    cdb_items_release(&items);
    return result;
}

/* Names are never empty: such an entry goes. */
static void entries_drop(struct entries *entries, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < entries->count; i++)
        if (entries->list[i].name_len == len && memcmp(entries->list[i].name, name, len) == 0)
            entries->list[i].name_len = 0;
}

static void entries_squeeze(struct entries *entries)
{
    size_t kept = 0;
    for (size_t i = 0; i < entries->count; i++)
        if (entries->list[i].name_len > 0)
            entries->list[kept++] = entries->list[i];
    entries->count = kept;
}

/* A directory that lists its items and has room for the changes. *done = false: it has not. */
static int update_list(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_fan *fan,
                       const struct cdb_oid *old, const struct change *list, size_t count, bool *done,
                       struct cdb_oid *out)
{
    struct entries entries = {NULL, 0, 0};
    size_t items = fan->items;
    int result = 0;
    for (size_t i = 0; result == 0 && i < fan->count; i++)
        result = entries_add(&entries, fan->entries[i].name, fan->entries[i].name_len, fan->entries[i].mode,
                             &fan->entries[i].oid);
    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct cdb_tree_entry *present = cdb_fan_entry(fan, list[i].name, kind == CDB_FAN_ROOT);
        bool gone = cdb_oid_is_zero(&list[i].oid);
        if (present != NULL || (!gone && fan->items < fan->count)) /* a link, say, gives way to a document */
            entries_drop(&entries, list[i].name);
        if (!gone)
            result = entries_add(&entries, list[i].name, strlen(list[i].name), item_mode(kind), &list[i].oid);
        items += !gone;
        items -= present != NULL;
    }
    *done = items <= CDB_FAN_LIMIT;
    if (result == 0 && *done) {
        entries_squeeze(&entries);
        result = write_entries(editor, &entries, old, out);
    }
    free(entries.list);
    return result;
}

static int update(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_oid *old, unsigned depth,
                  const struct cdb_fan_hash *path, struct change *list, size_t count, struct cdb_oid *out);

/* A directory of fan directories that stays one: only those of the changes' digits are touched. */
static int update_fans(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_fan *fan,
                       const struct cdb_oid *old, unsigned depth, const struct cdb_fan_hash *path, struct change *list,
                       size_t count, struct cdb_oid *out)
{
    struct entries entries = {NULL, 0, 0};
    struct cdb_oid children[16];
    int result = 0;
    for (unsigned digit = 0; digit < 16; digit++) {
        const struct cdb_tree_entry *child = cdb_fan_child(fan, digit);
        children[digit] = child != NULL ? child->oid : nothing;
    }
    while (result == 0 && count > 0) {
        unsigned digit = cdb_fan_digit(&list[0].hash, depth);
        size_t run = run_of_digit(list, count, depth);
        struct cdb_fan_hash below = *path;
        cdb_fan_set_digit(&below, depth, digit);
        struct cdb_oid before = children[digit];
        result = update(editor, kind, &before, depth + 1, &below, list, run, &children[digit]);
        list += run;
        count -= run;
    }
    for (unsigned digit = 0; result == 0 && digit < 16; digit++)
        if (!cdb_oid_is_zero(&children[digit]))
            result = add_fan(&entries, digit, &children[digit]);
    if (result == 0)
        result = keep_foreign(fan, kind, depth, path, &entries);
    if (result == 0)
        result = write_entries(editor, &entries, old, out);
    free(entries.list);
    return result;
}

#define FANS_USUAL 8 /* more than 64 hashes have more first digits than that, but for one case in 10^19 */

/* Would the changes leave so few items that the directory folds back into a list? Counts no further than needed, and
 * not at all where nothing is deleted; but of few fan directories all may be there only for what is foreign in them. */
static int may_fold(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_oid *old, size_t fans,
                    unsigned depth, const struct cdb_fan_hash *path, const struct change *list, size_t count,
                    bool *fold)
{
    struct cdb_items items = {0};
    size_t deletions = 0;
    for (size_t i = 0; i < count; i++)
        deletions += cdb_oid_is_zero(&list[i].oid);
    *fold = false;
    if (deletions == 0 && fans >= FANS_USUAL)
        return 0;
    int result = cdb_fan_collect(editor->objects, old, kind, depth, path, 0, CDB_FAN_LIMIT + deletions, &items);
    *fold = items.count <= CDB_FAN_LIMIT + deletions;
    cdb_items_release(&items);
    return result;
}

/* Apply changes (sorted by hash) to the directory `old` at `depth`, reached by the digits of `path`. Recurses once a
 * digit. */
static int update(struct editor *editor, enum cdb_fan_kind kind, const struct cdb_oid *old, unsigned depth,
                  const struct cdb_fan_hash *path, struct change *list, size_t count, struct cdb_oid *out)
{
    struct cdb_fan fan;
    bool fold = false, done = false;
    int result = cdb_fan_load(&fan, editor->objects, old, kind);
    if (result == 0 && fan.fans == 0) {
        result = update_list(editor, kind, &fan, old, list, count, &done, out);
    } else if (result == 0 && fan.items == 0 && depth < CDB_FAN_DEPTH) {
        result = may_fold(editor, kind, old, fan.fans, depth, path, list, count, &fold);
        if (result == 0 && !fold) {
            result = update_fans(editor, kind, &fan, old, depth, path, list, count, out);
            done = true;
        }
    }
    cdb_fan_release(&fan);
    if (result != 0 || done)
        return result;
    /* It must split, fold, or was left by another tool with items beside a fan-out. */
    return rebuild_directory(editor, kind, old, depth, path, list, count, out);
}

/* ---- tables and the root --------------------------------------------------------------------------- */

static int by_table(const void *left, const void *right)
{
    const struct cdb_edit *a = left, *b = right;
    return strcmp(a->key->dir, b->key->dir);
}

static int changes_of_table(const struct cdb_edit *edits, size_t count, struct changes *out)
{
    for (size_t i = 0; i < count; i++) {
        struct change *change = changes_add(out);
        if (change == NULL)
            return CHRONDB_ESYSTEM;
        change->name = edits[i].key->file;
        change->hash = cdb_fan_hash(edits[i].key->id, edits[i].key->id_len);
        change->oid = edits[i].blob;
    }
    sort_by(out->list, out->count, by_hash);
    return 0;
}

/* All places of a table in the root, deepest first (one, where chrondb wrote it). */
static int find_table(struct editor *editor, const struct cdb_key *key, struct cdb_items *out)
{
    struct cdb_oid at = editor->request->root;
    struct cdb_fan_hash hash = cdb_fan_table_hash(key);
    int result = 0;
    for (unsigned depth = 0; result == 0 && depth <= CDB_FAN_DEPTH && !cdb_oid_is_zero(&at); depth++) {
        struct cdb_fan fan;
        result = cdb_fan_load(&fan, editor->objects, &at, CDB_FAN_ROOT);
        at = nothing;
        const struct cdb_tree_entry *entry = result == 0 ? cdb_fan_entry(&fan, key->dir, true) : NULL;
        if (entry != NULL) {
            struct cdb_item *item =
                cdb_items_add(out, key->table != NULL ? key->table : "", key->table != NULL ? key->table_len : 0);
            if (item == NULL)
                result = CHRONDB_ESYSTEM;
            else
                *item = (struct cdb_item){item->name, item->name_len, key->table == NULL, depth, entry->oid};
        }
        const struct cdb_tree_entry *child =
            result == 0 && depth < CDB_FAN_DEPTH ? cdb_fan_child(&fan, cdb_fan_digit(&hash, depth)) : NULL;
        if (child != NULL)
            at = child->oid;
        cdb_fan_release(&fan);
    }
    cdb_items_sort(out);
    return result;
}

static int edit_table(struct editor *editor, const struct cdb_edit *edits, size_t count, bool anew,
                      struct changes *tables)
{
    const struct cdb_key *key = edits[0].key;
    struct changes list = {NULL, 0, 0};
    struct cdb_items places = {0};
    struct cdb_table table = {.tree_count = 0};
    size_t at = 0;
    struct change *change = changes_add(tables);
    if (change == NULL)
        return CHRONDB_ESYSTEM;
    change->name = key->dir;
    change->hash = cdb_fan_table_hash(key);
    int result = changes_of_table(edits, count, &list);
    if (result == 0)
        result = find_table(editor, key, &places);
    bool found = result == 0 && cdb_table_next(&places, &at, &table);
    if (result == 0 && found && (anew || table.tree_count > 1))
        result = rebuild_table(editor, &table, list.list, list.count, &change->oid);
    else if (result == 0)
        result = update(editor, key->table == NULL ? CDB_FAN_UNTABLED : CDB_FAN_TABLE,
                        found ? &table.trees[0].oid : &nothing, 0, &start, list.list, list.count, &change->oid);
    free(list.list);
    cdb_items_release(&places);
    return result;
}

static bool same_trees(const struct cdb_table *a, const struct cdb_table *b)
{
    if (a->tree_count != b->tree_count)
        return false;
    for (size_t i = 0; i < a->tree_count; i++)
        if (!cdb_oid_equal(&a->trees[i].oid, &b->trees[i].oid))
            return false;
    return true;
}

static bool is_edited(const struct changes *tables, size_t edited, const char *name)
{
    struct change wanted = {.name = name};
    return edited > 0 && bsearch(&wanted, tables->list, edited, sizeof(wanted), by_name) != NULL;
}

/* Tables that another tool changed and this edit does not touch: build them anew. */
static int straighten_tables(struct editor *editor, struct changes *tables)
{
    const struct cdb_edit_request *request = editor->request;
    struct cdb_items now = {0}, then = {0};
    struct cdb_table table, before;
    size_t i = 0, j = 0, edited = tables->count;
    sort_by(tables->list, edited, by_name);
    int result = cdb_fan_collect(request->objects, &request->root, CDB_FAN_ROOT, 0, NULL, 0, 0, &now);
    if (result == 0)
        result = cdb_fan_collect(request->objects, &request->trusted, CDB_FAN_ROOT, 0, NULL, 0, 0, &then);
    cdb_items_sort(&now);
    cdb_items_sort(&then);
    bool more = cdb_table_next(&then, &j, &before);
    while (result == 0 && cdb_table_next(&now, &i, &table)) {
        while (more && strcmp(before.name, table.name) < 0)
            more = cdb_table_next(&then, &j, &before);
        if (more && strcmp(before.name, table.name) == 0 && same_trees(&before, &table))
            continue;
        const char *name;
        struct cdb_oid tree;
        result = encoded_name(editor, CDB_FAN_ROOT, &table.trees[0], &name);
        if (result != 0 || is_edited(tables, edited, name))
            continue;
        result = rebuild_table(editor, &table, NULL, 0, &tree);
        struct change *change = result == 0 ? changes_add(tables) : NULL;
        if (result == 0 && change == NULL)
            result = CHRONDB_ESYSTEM;
        if (change != NULL)
            *change = (struct change){name, cdb_fan_hash(table.name, table.name_len), tree};
    }
    cdb_items_release(&now);
    cdb_items_release(&then);
    return result;
}

static int empty_root(struct editor *editor, struct cdb_oid *root)
{
    int result = cdb_object_hash(root, CDB_TREE, "", 0);
    return result != 0 ? result : editor->request->emit(editor->request->emit_context, CDB_TREE, "", 0, root);
}

int cdb_docs_edit(const struct cdb_edit_request *request, struct cdb_oid *root)
{
    struct editor editor = {.request = request, .objects = request->objects};
    struct changes tables = {NULL, 0, 0};
    int result = 0;
    struct cdb_edit *edits = malloc((request->count + 1) * sizeof(*edits));
    if (edits == NULL)
        return cdb_error_memory();
    if (request->count > 0)
        memcpy(edits, request->edits, request->count * sizeof(*edits));
    if (request->count > 1)
        qsort(edits, request->count, sizeof(*edits), by_table);
    for (size_t i = 0, end; result == 0 && i < request->count; i = end) {
        for (end = i + 1; end < request->count && by_table(&edits[i], &edits[end]) == 0;)
            end++;
        result = edit_table(&editor, edits + i, end - i, request->foreign, &tables);
    }
    if (result == 0 && request->foreign)
        result = straighten_tables(&editor, &tables);
    sort_by(tables.list, tables.count, by_hash);
    if (result == 0)
        result = request->foreign
                     ? rebuild_tables(&editor, &request->root, 0, &start, tables.list, tables.count, root)
                     : update(&editor, CDB_FAN_ROOT, &request->root, 0, &start, tables.list, tables.count, root);
    if (result == 0 && cdb_oid_is_zero(root))
        result = empty_root(&editor, root);
    free(tables.list);
    free(edits);
    cdb_arena_release(&editor.names);
    return result;
}
