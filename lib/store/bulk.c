/* SPDX-License-Identifier: MIT */
#include "store/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "store/dir.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/error.h"

struct table {
    const char *name; /* encoded */
    struct cdb_fan_hash hash;
    struct cdb_dir *top;
    bool listed; /* among the changed ones */
};

struct cdb_bulk {
    struct cdb_dirs dirs;
    struct cdb_dir *root;
    struct table **slots; /* open addressing by name */
    size_t count, room;
    struct table **changed;
    size_t changed_count, changed_room;
    struct table *last; /* the table of the change before: most often the next one's too */
    struct cdb_arena memory;
};

int cdb_bulk_new(struct cdb_bulk **out, struct cdb_objects *objects, const struct cdb_oid *root)
{
    struct cdb_bulk *bulk = calloc(1, sizeof(*bulk));
    if (bulk == NULL)
        return cdb_error_memory();
    bulk->dirs.objects = objects;
    int result = cdb_dir_load(&bulk->root, &bulk->dirs, CDB_FAN_ROOT, root, 0, NULL);
    if (result != 0) {
        cdb_bulk_free(bulk);
        return result;
    }
    *out = bulk;
    return 0;
}

void cdb_bulk_free(struct cdb_bulk *bulk)
{
    if (bulk == NULL)
        return;
    for (size_t i = 0; i < bulk->room; i++)
        if (bulk->slots[i] != NULL)
            cdb_dir_free(bulk->slots[i]->top, &bulk->dirs);
    cdb_dir_free(bulk->root, &bulk->dirs);
    free(bulk->slots);
    free(bulk->changed);
    cdb_arena_release(&bulk->memory);
    free(bulk);
}

/* ---- tables ------------------------------------------------------------------------------------ */

static struct table **slot_of(const struct cdb_bulk *bulk, const char *name)
{
    size_t i = (size_t)cdb_bytes_hash(name, strlen(name)) & (bulk->room - 1);
    while (bulk->slots[i] != NULL && strcmp(bulk->slots[i]->name, name) != 0)
        i = (i + 1) & (bulk->room - 1);
    return &bulk->slots[i];
}

static int grow(struct cdb_bulk *bulk)
{
    struct table **old = bulk->slots;
    size_t old_room = bulk->room;
    struct table **slots = calloc(old_room == 0 ? 64 : old_room * 2, sizeof(struct table *));
    if (slots == NULL)
        return cdb_error_memory();
    bulk->slots = slots;
    bulk->room = old_room == 0 ? 64 : old_room * 2;
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != NULL)
            *slot_of(bulk, old[i]->name) = old[i];
    free(old);
    return 0;
}

/* Load the table, or begin it. */
static int open_table(struct cdb_bulk *bulk, const struct cdb_key *key, struct table *table)
{
    struct cdb_oid tree;
    enum cdb_fan_kind kind = key->table == NULL ? CDB_FAN_UNTABLED : CDB_FAN_TABLE;
    table->hash = cdb_fan_table_hash(key);
    int result = cdb_dir_get(bulk->root, &bulk->dirs, table->name, &table->hash, &tree);
    return result == 0 ? cdb_dir_load(&table->top, &bulk->dirs, kind, &tree, 0, NULL) : result;
}

static int get_table(struct cdb_bulk *bulk, const struct cdb_key *key, struct table **out)
{
    if (bulk->last != NULL && strcmp(bulk->last->name, key->dir) == 0) {
        *out = bulk->last;
        return 0;
    }
    int result = (bulk->count + 1) * 2 > bulk->room ? grow(bulk) : 0;
    if (result != 0)
        return result;
    struct table **slot = slot_of(bulk, key->dir);
    if (*slot == NULL) {
        struct table *table = cdb_arena_alloc(&bulk->memory, sizeof(*table));
        if (table == NULL)
            return CHRONDB_ESYSTEM;
        memset(table, 0, sizeof(*table));
        table->name = cdb_arena_copy(&bulk->memory, key->dir, strlen(key->dir));
        result = table->name == NULL ? CHRONDB_ESYSTEM : open_table(bulk, key, table);
        if (result != 0)
            return result;
        bulk->dirs.bytes += sizeof(*table) + strlen(key->dir) + 1;
        *slot = table;
        bulk->count++;
    }
    *out = bulk->last = *slot;
    return 0;
}

int cdb_bulk_set(struct cdb_bulk *bulk, const struct cdb_key *key, const struct cdb_oid *blob, struct cdb_oid *before)
{
    struct table *table = NULL;
    struct cdb_fan_hash hash = cdb_fan_hash(key->id, key->id_len);
    int result = get_table(bulk, key, &table);
    if (result == 0)
        result = cdb_dir_set(table->top, &bulk->dirs, key->file, &hash, blob, before);
    if (result != 0 || table->listed || !cdb_dir_is_changed(table->top))
        return result;
    result = cdb_array_grow(&bulk->changed, &bulk->changed_room, bulk->changed_count, sizeof(struct table *));
    if (result != 0)
        return result;
    bulk->changed[bulk->changed_count++] = table;
    table->listed = true;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------- */

void cdb_bulk_use_pack(struct cdb_bulk *bulk, struct cdb_pack *pack)
{
    bulk->dirs.pack = pack;
    bulk->dirs.round++;
}

int cdb_bulk_write(struct cdb_bulk *bulk, struct cdb_oid *root)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < bulk->changed_count; i++) {
        struct table *table = bulk->changed[i];
        struct cdb_oid tree, before;
        table->listed = false;
        result = cdb_dir_write(table->top, &bulk->dirs, &tree);
        if (result == 0)
            result = cdb_dir_set(bulk->root, &bulk->dirs, table->name, &table->hash, &tree, &before);
    }
    bulk->changed_count = 0;
    if (result == 0)
        result = cdb_dir_write(bulk->root, &bulk->dirs, root);
    if (result == 0 && cdb_oid_is_zero(root)) {
        result = cdb_object_hash(root, CDB_TREE, "", 0);
        if (result == 0)
            result = cdb_pack_add(bulk->dirs.pack, CDB_TREE, "", 0, root);
    }
    return result;
}

size_t cdb_bulk_bytes(const struct cdb_bulk *bulk)
{
    return bulk->dirs.bytes;
}
