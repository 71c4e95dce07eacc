/* SPDX-License-Identifier: MIT */
#include "doc/names.h"

#include <stdlib.h>

#include "chrondb.h"
#include "doc/string.h"
#include "util/error.h"

static uint64_t hash_of(const struct cdb_json *json, uint32_t name)
{
    const struct cdb_json_node *node = &json->nodes[name];

    return cdb_json_string_hash(json->text + node->start, node->end - node->start);
}

static int compare_names(const struct cdb_json *a_json, uint32_t a_name, const struct cdb_json *b_json, uint32_t b_name)
{
    const struct cdb_json_node *a = &a_json->nodes[a_name];
    const struct cdb_json_node *b = &b_json->nodes[b_name];

    return cdb_json_string_compare(a_json->text + a->start, a->end - a->start, b_json->text + b->start,
                                   b->end - b->start);
}

/* Of entries of one object; equal names in the order of the document. */
static int compare_entries(const void *left, const void *right, void *context)
{
    const struct cdb_names_entry *a = left;
    const struct cdb_names_entry *b = right;
    const struct cdb_json *json = context;
    int order;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    order = compare_names(json, a->name, json, b->name);
    if (order != 0)
        return order;
    return a->name < b->name ? -1 : a->name > b->name;
}

static uint32_t count_members(const struct cdb_json *json)
{
    uint32_t count = 0;

    for (uint32_t object = 0; object < json->count; object++)
        if (json->nodes[object].type == CDB_JSON_OBJECT)
            for (uint32_t name = object + 1; name < json->nodes[object].next; name = json->nodes[name + 1].next)
                count++;
    return count;
}

static void add_object(struct cdb_names *names, uint32_t object)
{
    const struct cdb_json *json = names->json;
    uint32_t first = names->count;

    names->slots[object] = first;
    for (uint32_t name = object + 1; name < json->nodes[object].next; name = json->nodes[name + 1].next)
        names->entries[names->count++] = (struct cdb_names_entry){hash_of(json, name), object, name};
    if (names->count - first > 1)
        qsort_r(names->entries + first, names->count - first, sizeof(*names->entries), compare_entries, (void *)json);
    for (uint32_t i = first; i + 1 < names->count; i++) {
        const struct cdb_names_entry *entry = &names->entries[i];

        if (entry[0].hash == entry[1].hash && compare_names(json, entry[0].name, json, entry[1].name) == 0)
            names->slots[entry->name] = CDB_NAMES_SHADOWED;
    }
}

int cdb_names_build(struct cdb_names *names, const struct cdb_json *json)
{
    *names = (struct cdb_names)CDB_NAMES_INIT;
    names->json = json;
    names->slots = calloc(json->count, sizeof(*names->slots));
    names->entries = calloc((size_t)count_members(json) + 1, sizeof(*names->entries));
    if (names->slots == NULL || names->entries == NULL) {
        cdb_names_release(names);
        return cdb_error_memory();
    }
    for (uint32_t object = 0; object < json->count; object++)
        if (json->nodes[object].type == CDB_JSON_OBJECT)
            add_object(names, object);
    return CHRONDB_OK;
}

void cdb_names_release(struct cdb_names *names)
{
    free(names->entries);
    free(names->slots);
    *names = (struct cdb_names)CDB_NAMES_INIT;
}

uint32_t cdb_names_find(const struct cdb_names *names, uint32_t object, const struct cdb_json *other, uint32_t name)
{
    uint64_t hash = hash_of(other, name);
    uint32_t first = names->slots[object];
    uint32_t low = first;
    /* A member takes two nodes or more, so the object's entries end here or before; later objects' follow. */
    uint32_t high = first + (names->json->nodes[object].next - object - 1) / 2;

    if (high > names->count)
        high = names->count;
    /* Behind the last entry that is not greater. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct cdb_names_entry *entry = &names->entries[middle];
        bool greater = entry->object > object || (entry->object == object && entry->hash > hash);

        if (entry->object == object && entry->hash == hash)
            greater = compare_names(names->json, entry->name, other, name) > 0;
        if (greater)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == first || names->entries[low - 1].hash != hash ||
        compare_names(names->json, names->entries[low - 1].name, other, name) != 0)
        return 0;
    return names->entries[low - 1].name;
}
