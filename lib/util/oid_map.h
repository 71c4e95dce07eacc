/* A number for each of many object ids: about 24 bytes of memory a slot. Nobody can choose ids that make it slow: where
 * an id goes depends on a secret. */
#ifndef CDB_UTIL_OID_MAP_H
#define CDB_UTIL_OID_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "util/oid.h"

struct cdb_oid_map_slot {
    struct cdb_oid oid;
    uint32_t value; /* 0: free */
};

/* Zero-initialise. */
struct cdb_oid_map {
    struct cdb_oid_map_slot *slots;
    size_t count, room;
    uint64_t secret;
};

/* 0: it has none. */
uint32_t cdb_oid_map_get(const struct cdb_oid_map *map, const struct cdb_oid *oid);
/* `value` is not 0. 0, or CHRONDB_ESYSTEM. */
int cdb_oid_map_set(struct cdb_oid_map *map, const struct cdb_oid *oid, uint32_t value);
void cdb_oid_map_release(struct cdb_oid_map *map);

#endif
