/* SPDX-License-Identifier: MIT
 *
 * How many documents there are, in all and table by table. Segments say it for their last commit, newer ones for the
 * tables that they mention, which are all whose documents they changed. What ends elsewhere, in the middle of a segment
 * or in memory, is an overlay over that: found by a walk over the keys that changed there. */
#include <stdlib.h>
#include <string.h>

#include "index/view.h"
#include "util/array.h"
#include "util/error.h"

/* ---- tables in a hash table while they are counted -------------------------------------------------- */

struct counting {
    struct cdb_catalog *catalog;
    struct cdb_overlay *overlay;
    uint32_t *slots; /* numbers + 1; at most half full */
    size_t room;
    size_t last; /* keys of one table mostly follow each other */
};

static size_t table_len(const char *key, size_t len)
{
    const char *colon = memchr(key, ':', len);

    return colon == NULL ? 0 : (size_t)(colon - key);
}

static bool is_table(const struct cdb_overlay_table *table, const char *name, size_t len)
{
    return table->len == len && memcmp(table->name, name, len) == 0;
}

static void put_slot(struct counting *counting, size_t number)
{
    size_t slot = (size_t)counting->overlay->list[number].hash & (counting->room - 1);

    while (counting->slots[slot] != 0)
        slot = (slot + 1) & (counting->room - 1);
    counting->slots[slot] = (uint32_t)number + 1;
}

static int grow_slots(struct counting *counting)
{
    size_t count = counting->overlay->count, room = counting->room == 0 ? 64 : counting->room * 2;
    uint32_t *slots;

    if ((count + 1) * 2 <= counting->room)
        return 0;
    slots = room < UINT32_MAX ? calloc(room, sizeof(*slots)) : NULL;
    if (slots == NULL)
        return cdb_error_memory();
    free(counting->slots);
    counting->slots = slots;
    counting->room = room;
    for (size_t i = 0; i < count; i++)
        put_slot(counting, i);
    return 0;
}

/* What the segments below `segments` say of a table. */
static int segments_count(struct cdb_catalog *catalog, size_t segments, const char *name, size_t len, uint64_t *count)
{
    struct cdb_dict_cursor cursor;
    int result = 1;

    *count = 0;
    for (size_t i = segments; result == 1 && i-- > 0;) {
        result = cdb_dict_find(&cursor, &catalog->segments[i].segment->table_dict, name, len);
        if (result == 0)
            result = cdb_segment_table(&cursor, count);
    }
    return result == 1 ? 0 : result;
}

static int add_table(struct counting *counting, const char *name, size_t len, uint64_t hash)
{
    struct cdb_overlay *overlay = counting->overlay;
    struct cdb_overlay_table *table;
    int result = grow_slots(counting);

    if (result == 0)
        result = cdb_array_grow((void *)&overlay->list, &overlay->room, overlay->count, sizeof(*overlay->list));
    if (result != 0)
        return result;
    table = &overlay->list[overlay->count];
    *table = (struct cdb_overlay_table){.name = malloc(len + 1), .len = len, .hash = hash};
    if (table->name == NULL)
        return cdb_error_memory();
    memcpy(table->name, name, len);
    table->name[len] = '\0';
    put_slot(counting, overlay->count++);
    return segments_count(counting->catalog, overlay->segments, name, len, &table->base);
}

/* The number of documents of the key's table changes by `change`. */
static int count_key(struct counting *counting, const char *key, size_t key_len, int change)
{
    struct cdb_overlay *overlay = counting->overlay;
    size_t len = table_len(key, key_len);

    if (counting->last < overlay->count && is_table(&overlay->list[counting->last], key, len)) {
        overlay->list[counting->last].change += change;
        return 0;
    }
    uint64_t hash = cdb_bytes_hash(key, len);
    for (size_t slot = (size_t)hash; counting->room > 0; slot++) {
        uint32_t number = counting->slots[slot & (counting->room - 1)];

        if (number == 0)
            break;
        if (is_table(&overlay->list[number - 1], key, len)) {
            counting->last = number - 1;
            overlay->list[counting->last].change += change;
            return 0;
        }
    }
    int result = add_table(counting, key, len, hash);
    counting->last = overlay->count - 1;
    if (result == 0)
        overlay->list[counting->last].change += change;
    return result;
}

/* ---- the overlay -------------------------------------------------------------------------------- */

void cdb_overlay_release(struct cdb_overlay *overlay)
{
    for (size_t i = 0; i < overlay->count; i++)
        free(overlay->list[i].name);
    free(overlay->list);
    *overlay = (struct cdb_overlay){.end = 0};
}

struct cut {
    struct cdb_segment *segment;
    uint64_t limit;
};

/* Is all of a leaf below the limit? */
static int is_whole(void *context, size_t leaf)
{
    const struct cut *cut = context;
    uint64_t lowest, highest;
    int result = cdb_segment_span(cut->segment, leaf, &lowest, &highest);

    return result == 0 ? highest < cut->limit : result;
}

/* A segment of which only what is below `limit` counts: take back what its other commits did to its tables. */
static int count_back(struct counting *counting, struct cdb_segment *segment, uint64_t limit)
{
    struct cut cut = {segment, limit};
    struct cdb_dict_filter filter = {is_whole, &cut};
    struct cdb_dict_cursor cursor;
    int result = cdb_dict_first(&cursor, &segment->key_dict);

    cursor.filter = &filter;
    for (; result == 0; result = cdb_dict_next(&cursor)) {
        struct cdb_segment_key key;
        struct cdb_segment_walk walk;
        struct cdb_catalog_version version;

        result = cdb_segment_key(segment, &cursor, &key);
        if (result != 0)
            return result;
        if (key.newest.position < limit)
            continue;
        cdb_segment_walk(&walk, segment, &key, limit);
        result = cdb_segment_walk_next(&walk, &version);
        if (result < 0)
            return result;
        bool then = result == 0 ? !cdb_oid_is_zero(&version.blob) : key.existed;
        result = count_key(counting, cursor.key, cursor.key_len, (int)then - !cdb_oid_is_zero(&key.newest.blob));
        if (result != 0)
            return result;
    }
    return result == 1 ? 0 : result;
}

/* What the commits in memory did. */
static int count_memory(struct counting *counting, uint64_t end)
{
    struct cdb_memory *memory = &counting->catalog->memory;
    int result = cdb_memory_sort(memory);

    for (size_t first = 0, next; result == 0 && first < memory->entry_count; first = next) {
        const unsigned char *change = memory->entries[first].change;
        size_t below = first;
        struct cdb_oid blob;

        next = cdb_memory_group_end(memory, first);
        while (below < next && memory->from + memory->entries[below].delta < end)
            below++;
        if (below == first)
            continue;
        cdb_change_blob(memory->entries[below - 1].change, &blob);
        result = count_key(counting, cdb_change_key(change), cdb_change_key_len(change),
                           (int)!cdb_oid_is_zero(&blob) - cdb_change_existed(change));
    }
    return result;
}

static int compare_tables(const void *a, const void *b)
{
    const struct cdb_overlay_table *x = a, *y = b;

    return cdb_bytes_compare(x->name, x->len, y->name, y->len);
}

/* The totals, from those of the last segment. */
static int sum(struct cdb_overlay *overlay)
{
    for (size_t i = 0; i < overlay->count; i++) {
        struct cdb_overlay_table *table = &overlay->list[i];
        uint64_t now = table->base + (uint64_t)table->change;

        if (table->change < 0 && (uint64_t)-table->change > table->base)
            return cdb_index_damaged("a table has fewer documents than none");
        overlay->documents += (uint64_t)table->change;
        overlay->tables += (uint64_t)(now > 0) - (uint64_t)(table->base > 0);
    }
    if (overlay->documents > INT64_MAX || overlay->tables > overlay->documents)
        return cdb_index_damaged("there are fewer documents than none");
    if (overlay->count > 1)
        qsort(overlay->list, overlay->count, sizeof(*overlay->list), compare_tables);
    return 0;
}

static int build(struct cdb_catalog *catalog, struct cdb_overlay *overlay)
{
    struct counting counting = {.catalog = catalog, .overlay = overlay};
    uint64_t end = overlay->end;
    int result = 0;

    while (overlay->segments < catalog->segment_count && (catalog->segments[overlay->segments].segment->from < end ||
                                                          catalog->segments[overlay->segments].until <= end))
        overlay->segments++;
    if (overlay->segments > 0) {
        const struct cdb_catalog_segment *last = &catalog->segments[overlay->segments - 1];
        uint64_t limit = last->until < end ? last->until : end;

        overlay->documents = last->segment->documents;
        overlay->tables = last->segment->tables;
        if (limit < last->segment->to)
            result = count_back(&counting, last->segment, limit);
    }
    if (result == 0 && end > catalog->memory.from)
        result = count_memory(&counting, end);
    free(counting.slots);
    return result == 0 ? sum(overlay) : result;
}

int cdb_overlay_get(struct cdb_catalog *catalog, uint64_t end, const struct cdb_overlay **out)
{
    int result = 0;

    if (!catalog->has_overlay || catalog->overlay.end != end) {
        cdb_overlay_release(&catalog->overlay);
        catalog->overlay.end = end;
        result = build(catalog, &catalog->overlay);
        catalog->has_overlay = result == 0;
    }
    *out = &catalog->overlay;
    return result;
}

/* ---- all tables: the newest source that mentions one says its count ---------------------------------- */

struct table_cursor {
    struct cdb_dict_cursor dict;
    bool there;
};

/* Of the cursors at the least name that is not above the overlay's next one, the newest; -1: none. */
static int least(const struct table_cursor *cursors, size_t count, const struct cdb_overlay_table *table)
{
    const char *name = table != NULL ? table->name : NULL;
    size_t len = table != NULL ? table->len : 0;
    int found = -1;

    for (size_t i = count; i-- > 0;) {
        if (!cursors[i].there)
            continue;
        if (name != NULL && cdb_bytes_compare(cursors[i].dict.key, cursors[i].dict.key_len, name, len) >= 0)
            continue;
        found = (int)i;
        name = cursors[i].dict.key;
        len = cursors[i].dict.key_len;
    }
    return found;
}

static int step(struct table_cursor *cursor, int result)
{
    cursor->there = result == 0;
    return result < 0 ? result : 0;
}

/* Move all behind a name. */
static int pass(struct table_cursor *cursors, size_t count, const char *name, size_t len)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        if (cursors[i].there && cdb_bytes_compare(cursors[i].dict.key, cursors[i].dict.key_len, name, len) <= 0)
            result = step(&cursors[i], cdb_dict_next(&cursors[i].dict));
    return result;
}

struct tables {
    struct table_cursor *cursors;
    size_t count;
    const struct cdb_overlay *overlay;
    size_t next; /* of the overlay's */
    char name[CDB_DICT_KEY_MAX + 1];
    size_t len;
};

/* The next table: 0, or 1 at the end. */
static int next_table(struct tables *tables, uint64_t *count)
{
    const struct cdb_overlay_table *table =
        tables->next < tables->overlay->count ? &tables->overlay->list[tables->next] : NULL;
    int found = least(tables->cursors, tables->count, table), result = 0;

    if (found < 0 && table == NULL)
        return 1;
    tables->len = found < 0 ? table->len : tables->cursors[found].dict.key_len;
    memcpy(tables->name, found < 0 ? table->name : tables->cursors[found].dict.key, tables->len);
    tables->name[tables->len] = '\0';
    if (found < 0) {
        *count = table->base + (uint64_t)table->change;
        tables->next++;
    } else {
        result = cdb_segment_table(&tables->cursors[found].dict, count);
    }
    return result == 0 ? pass(tables->cursors, tables->count, tables->name, tables->len) : result;
}

int cdb_overlay_walk(struct cdb_catalog *catalog, const struct cdb_overlay *overlay, size_t first,
                     int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context)
{
    struct tables tables = {.count = overlay->segments - first, .overlay = overlay};
    uint64_t count;
    int result = 0, stop = 0;

    tables.cursors = calloc(tables.count + 1, sizeof(*tables.cursors));
    if (tables.cursors == NULL)
        return cdb_error_memory();
    for (size_t i = 0; result == 0 && i < tables.count; i++)
        result = step(&tables.cursors[i],
                      cdb_dict_first(&tables.cursors[i].dict, &catalog->segments[first + i].segment->table_dict));
    while (result == 0 && stop == 0) {
        result = next_table(&tables, &count);
        if (result == 0)
            stop = each(context, tables.name, tables.len, count);
    }
    free(tables.cursors);
    return result < 0 ? result : stop;
}

/* ---- questions ---------------------------------------------------------------------------------- */

int cdb_catalog_totals(struct cdb_catalog *catalog, uint64_t end, uint64_t *documents, uint64_t *tables)
{
    const struct cdb_overlay *overlay;
    int result = cdb_overlay_get(catalog, end, &overlay);

    if (result != 0)
        return result;
    *documents = overlay->documents;
    *tables = overlay->tables;
    return 0;
}

struct visit {
    int (*each)(void *context, const char *table, size_t len, uint64_t count);
    void *context;
};

static int visit_table(void *context, const char *table, size_t len, uint64_t count)
{
    const struct visit *visit = context;

    return count > 0 ? visit->each(visit->context, table, len, count) : 0;
}

int cdb_catalog_tables(struct cdb_catalog *catalog, uint64_t end,
                       int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context)
{
    struct visit visit = {each, context};
    const struct cdb_overlay *overlay;
    int result = cdb_overlay_get(catalog, end, &overlay);

    return result == 0 ? cdb_overlay_walk(catalog, overlay, 0, visit_table, &visit) : result;
}

int cdb_catalog_table_count(struct cdb_catalog *catalog, uint64_t end, const char *table, size_t len, uint64_t *count)
{
    struct cdb_overlay_table wanted = {.name = (char *)(uintptr_t)table, .len = len};
    const struct cdb_overlay_table *found = NULL;
    const struct cdb_overlay *overlay;
    int result = cdb_overlay_get(catalog, end, &overlay);

    if (result != 0)
        return result;
    if (overlay->count > 0)
        found = bsearch(&wanted, overlay->list, overlay->count, sizeof(wanted), compare_tables);
    if (found == NULL)
        return segments_count(catalog, overlay->segments, table, len, count);
    *count = found->base + (uint64_t)found->change;
    return 0;
}
