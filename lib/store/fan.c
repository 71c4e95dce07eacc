/* SPDX-License-Identifier: MIT */
#include "store/fan.h"

#include <stdlib.h>
#include <string.h>

#include "store/sha1.h"
#include "util/array.h"
#include "util/error.h"

#define REPEATS_MAX 1000 /* copies of one directory that somebody may have made without bad intent */

struct cdb_fan_hash cdb_fan_hash(const char *name, size_t len)
{
    struct cdb_fan_hash hash;
    mbedtls_sha1((const unsigned char *)name, len, hash.bytes);
    return hash;
}

struct cdb_fan_hash cdb_fan_table_hash(const struct cdb_key *key)
{
    return cdb_fan_hash(key->table != NULL ? key->table : "", key->table_len);
}

/* ---- a directory ------------------------------------------------------------------------------- */

static bool is_canonical_dir(const char *name, size_t len)
{
    bool untabled;
    return cdb_key_decode_dir(name, len, NULL, &untabled);
}

enum cdb_entry_kind cdb_fan_classify(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind)
{
    if (cdb_mode_is_dir(entry->mode) && cdb_key_is_fan(entry->name, entry->name_len))
        return CDB_ENTRY_FAN;
    if (kind == CDB_FAN_ROOT)
        return cdb_mode_is_dir(entry->mode) && is_canonical_dir(entry->name, entry->name_len) ? CDB_ENTRY_ITEM
                                                                                              : CDB_ENTRY_FOREIGN;
    bool document = cdb_mode_is_file(entry->mode) &&
                    cdb_key_decode_file(entry->name, entry->name_len, kind == CDB_FAN_UNTABLED, NULL);
    return document ? CDB_ENTRY_ITEM : CDB_ENTRY_FOREIGN;
}

int cdb_fan_load(struct cdb_fan *fan, struct cdb_objects *objects, const struct cdb_oid *oid, enum cdb_fan_kind kind)
{
    memset(fan, 0, sizeof(*fan));
    if (cdb_oid_is_zero(oid))
        return 0;
    int result = cdb_objects_read(objects, oid, CDB_TREE, CDB_TREE_MAX, &fan->content);
    if (result == 0)
        result = cdb_tree_parse(&fan->content, &fan->entries, &fan->count);
    if (result == CHRONDB_EDAMAGED) {
        char hex[CDB_OID_HEX + 1];
        cdb_oid_format(oid, hex);
        cdb_error_context("cannot read tree %s", hex);
    }
    for (size_t i = 0; result == 0 && i < fan->count; i++) {
        enum cdb_entry_kind entry = cdb_fan_classify(&fan->entries[i], kind);
        fan->items += entry == CDB_ENTRY_ITEM;
        fan->fans += entry == CDB_ENTRY_FAN;
    }
    return result;
}

void cdb_fan_release(struct cdb_fan *fan)
{
    cdb_buf_release(&fan->content);
    free(fan->entries);
    memset(fan, 0, sizeof(*fan));
}

unsigned cdb_fan_entry_digit(const struct cdb_tree_entry *entry)
{
    char c = entry->name[0];
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

const struct cdb_tree_entry *cdb_fan_entry(const struct cdb_fan *fan, const char *name, bool directory)
{
    struct cdb_tree_entry wanted = {
        .name = name, .name_len = strlen(name), .mode = directory ? CDB_MODE_DIR : CDB_MODE_FILE};
    size_t low = 0, high = fan->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cdb_tree_compare(&wanted, &fan->entries[middle]);
        if (order == 0) {
            const struct cdb_tree_entry *found = &fan->entries[middle];
            bool fits = directory ? cdb_mode_is_dir(found->mode) : cdb_mode_is_file(found->mode);
            return fits ? found : NULL;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct cdb_tree_entry *cdb_fan_child(const struct cdb_fan *fan, unsigned digit)
{
    char name[2] = {"0123456789abcdef"[digit & 15], '\0'};
    return fan->fans > 0 ? cdb_fan_entry(fan, name, true) : NULL;
}

bool cdb_fan_on_way(const char *name, size_t len, const struct cdb_fan_hash *path, unsigned depth)
{
    if (depth == 0)
        return true;
    struct cdb_fan_hash hash = cdb_fan_hash(name, len);
    for (unsigned i = 0; i < depth; i++)
        if (cdb_fan_digit(&hash, i) != cdb_fan_digit(path, i))
            return false;
    return true;
}

void cdb_visits_init(struct cdb_visits *visits, struct cdb_objects *objects)
{
    cdb_times_init(&visits->seen, objects);
    visits->repeats = 0;
}

void cdb_visits_release(struct cdb_visits *visits)
{
    cdb_times_release(&visits->seen);
}

int cdb_visits_add(struct cdb_visits *visits, const struct cdb_oid *oid)
{
    static const chrondb_time no_time;
    char hex[CDB_OID_HEX + 1];
    size_t before = visits->seen.count;
    int result = cdb_times_add(&visits->seen, oid, no_time);
    visits->repeats += visits->seen.count == before;
    if (result != 0 || visits->repeats <= REPEATS_MAX)
        return result;
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "tree %s is in too many places of one fan-out", hex);
}

/* ---- items ------------------------------------------------------------------------------------- */

void cdb_items_release(struct cdb_items *items)
{
    free(items->items);
    cdb_arena_release(&items->names);
    memset(items, 0, sizeof(*items));
}

struct cdb_item *cdb_items_add(struct cdb_items *items, const char *name, size_t len)
{
    if (cdb_array_grow(&items->items, &items->room, items->count, sizeof(*items->items)) != 0)
        return NULL;
    struct cdb_item *item = &items->items[items->count];
    memset(item, 0, sizeof(*item));
    item->name = cdb_arena_copy(&items->names, name, len);
    item->name_len = len;
    if (item->name == NULL)
        return NULL;
    items->count++;
    return item;
}

static int compare_items(const void *left, const void *right)
{
    const struct cdb_item *a = left, *b = right;
    int order = cdb_bytes_compare(a->name, a->name_len, b->name, b->name_len);
    return order != 0 ? order : (b->level > a->level) - (b->level < a->level);
}

void cdb_items_sort(struct cdb_items *items)
{
    if (items->count > 1)
        qsort(items->items, items->count, sizeof(*items->items), compare_items);
}

void cdb_items_unique(struct cdb_items *items)
{
    size_t kept = 0;
    for (size_t i = 0; i < items->count; i++) {
        const struct cdb_item *item = &items->items[i];
        if (kept > 0 && items->items[kept - 1].name_len == item->name_len &&
            memcmp(items->items[kept - 1].name, item->name, item->name_len) == 0)
            continue;
        items->items[kept++] = *item;
    }
    items->count = kept;
}

/* ---- collecting -------------------------------------------------------------------------------- */

/* A directory that is still to be read. */
struct pending {
    struct cdb_oid tree;
    unsigned depth;
    struct cdb_fan_hash path; /* the digits that led here */
};

struct walk {
    struct pending *stack;
    size_t count, room;
};

static int push(struct walk *walk, const struct pending *pending)
{
    if (cdb_array_grow(&walk->stack, &walk->room, walk->count, sizeof(*walk->stack)) != 0)
        return CHRONDB_ESYSTEM;
    walk->stack[walk->count++] = *pending;
    return 0;
}

bool cdb_fan_decode(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, struct cdb_buf *raw, bool *untabled)
{
    *untabled = false;
    return kind == CDB_FAN_ROOT ? cdb_key_decode_dir(entry->name, entry->name_len, raw, untabled)
                                : cdb_key_decode_file(entry->name, entry->name_len, kind == CDB_FAN_UNTABLED, raw);
}

bool cdb_fan_is_item(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, const struct cdb_fan_hash *path,
                     unsigned depth, struct cdb_buf *raw)
{
    bool untabled;
    bool item = cdb_fan_classify(entry, kind) == CDB_ENTRY_ITEM;
    if (!item || depth == 0)
        return item;
    cdb_buf_clear(raw);
    return cdb_fan_decode(entry, kind, raw, &untabled) && cdb_fan_on_way(cdb_buf_str(raw), raw->len, path, depth);
}

static int add_item(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, const struct pending *at,
                    unsigned base_level, struct cdb_buf *raw, struct cdb_items *out)
{
    bool untabled;
    cdb_buf_clear(raw);
    if (!cdb_fan_decode(entry, kind, raw, &untabled) ||
        !cdb_fan_on_way(cdb_buf_str(raw), raw->len, &at->path, at->depth)) {
        out->foreign = true;
        return cdb_buf_check(raw);
    }
    struct cdb_item *item = cdb_items_add(out, cdb_buf_str(raw), raw->len);
    if (item == NULL)
        return CHRONDB_ESYSTEM;
    item->untabled = untabled;
    item->level = base_level + at->depth;
    item->oid = entry->oid;
    return 0;
}

static int push_child(struct walk *walk, const struct cdb_tree_entry *entry, const struct pending *at)
{
    struct pending child = {.tree = entry->oid, .depth = at->depth + 1, .path = at->path};
    if (at->depth >= CDB_FAN_DEPTH)
        return 0; /* there is no 41st digit: nobody's directory */
    cdb_fan_set_digit(&child.path, at->depth, cdb_fan_entry_digit(entry));
    return push(walk, &child);
}

int cdb_fan_collect(struct cdb_objects *objects, const struct cdb_oid *tree, enum cdb_fan_kind kind, unsigned depth,
                    const struct cdb_fan_hash *hash_path, unsigned base_level, size_t limit, struct cdb_items *out)
{
    struct walk walk = {NULL, 0, 0};
    struct cdb_visits visits;
    struct cdb_buf raw = CDB_BUF_INIT;
    struct pending start = {.tree = *tree, .depth = depth};
    if (hash_path != NULL)
        start.path = *hash_path;
    cdb_visits_init(&visits, objects);
    int result = push(&walk, &start);
    while (result == 0 && walk.count > 0 && (limit == 0 || out->count <= limit)) {
        struct pending at = walk.stack[--walk.count];
        struct cdb_fan fan;
        if ((result = cdb_visits_add(&visits, &at.tree)) != 0)
            break;
        result = cdb_fan_load(&fan, objects, &at.tree, kind);
        out->foreign |= cdb_fan_has_foreign(&fan);
        for (size_t i = 0; result == 0 && i < fan.count; i++) {
            enum cdb_entry_kind entry = cdb_fan_classify(&fan.entries[i], kind);
            if (entry == CDB_ENTRY_FAN)
                result = push_child(&walk, &fan.entries[i], &at);
            else if (entry == CDB_ENTRY_ITEM)
                result = add_item(&fan.entries[i], kind, &at, base_level, &raw, out);
        }
        cdb_fan_release(&fan);
    }
    cdb_visits_release(&visits);
    cdb_buf_release(&raw);
    free(walk.stack);
    return result;
}
