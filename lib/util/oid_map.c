/* SPDX-License-Identifier: MIT */
#include "util/oid_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/error.h"

#define FIRST_ROOM 1024

/* Multiplying mixes upwards, shifting downwards. */
static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 32;
}

static size_t place(const struct cdb_oid_map *map, const struct cdb_oid *oid)
{
    uint64_t a, b;
    uint32_t c;
    memcpy(&a, oid->id, sizeof(a));
    memcpy(&b, oid->id + 8, sizeof(b));
    memcpy(&c, oid->id + 16, sizeof(c));
    return (size_t)mix(mix(mix(a ^ map->secret) ^ b) ^ c ^ map->secret) & (map->room - 1);
}

static struct cdb_oid_map_slot *find(const struct cdb_oid_map *map, const struct cdb_oid *oid)
{
    size_t i = place(map, oid);
    while (map->slots[i].value != 0 && !cdb_oid_equal(&map->slots[i].oid, oid))
        i = (i + 1) & (map->room - 1);
    return &map->slots[i];
}

uint32_t cdb_oid_map_get(const struct cdb_oid_map *map, const struct cdb_oid *oid)
{
    return map->room == 0 ? 0 : find(map, oid)->value;
}

static int grow(struct cdb_oid_map *map)
{
    struct cdb_oid_map old = *map;
    map->room = old.room == 0 ? FIRST_ROOM : old.room * 2;
    map->slots = calloc(map->room, sizeof(*map->slots));
    if (map->slots == NULL) {
        *map = old;
        return cdb_error_memory();
    }
    if (old.room == 0 && getrandom(&map->secret, sizeof(map->secret), GRND_NONBLOCK) != (ssize_t)sizeof(map->secret))
        map->secret = (uint64_t)(uintptr_t)map->slots; /* early in a boot: better than none */
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i].value != 0)
            *find(map, &old.slots[i].oid) = old.slots[i];
    free(old.slots);
    return 0;
}

int cdb_oid_map_set(struct cdb_oid_map *map, const struct cdb_oid *oid, uint32_t value)
{
    if ((map->count + 1) * 4 > map->room * 3) {
        int result = grow(map);
        if (result != 0)
            return result;
    }
    struct cdb_oid_map_slot *slot = find(map, oid);
    map->count += slot->value == 0;
    *slot = (struct cdb_oid_map_slot){*oid, value};
    return 0;
}

void cdb_oid_map_release(struct cdb_oid_map *map)
{
    free(map->slots);
    *map = (struct cdb_oid_map){NULL, 0, 0, 0};
}
