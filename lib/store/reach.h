/* All objects that refs reach, or of these only what certain commits do not have. A commit is compared with its first
 * parent, so that each tree is read once, and what both have is not looked at. Whether the documents (blobs) are there
 * is not looked at either. */
#ifndef CDB_STORE_REACH_H
#define CDB_STORE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"
#include "store/rewrite.h"

struct cdb_reached {
    struct cdb_oid oid;
    uint8_t type; /* what those that name it take it for */
    bool marked;  /* the caller's */
};

struct cdb_reach {
    struct cdb_reached *list;
    size_t count, room;
    uint32_t *slots; /* of a hash table: an index + 1 */
    size_t slot_count;
    uint64_t commits;
};

/* What `tips` (objects of any type) reach and `bases` (commits, all of what they reach is there) do not; where
 * something came back that was there before, that too. CHRONDB_EDAMAGED: an object is missing, or of another type than
 * it should be; whatever `progress` (or NULL) returned. To be released in any case. */
int cdb_reach_find(struct cdb_reach *out, struct cdb_objects *objects, const struct cdb_oid *tips, size_t tip_count,
                   const struct cdb_oid *bases, size_t base_count, cdb_rewrite_progress progress, void *context);
void cdb_reach_release(struct cdb_reach *reach);

/* NULL: it is not reached. */
struct cdb_reached *cdb_reach_get(const struct cdb_reach *reach, const struct cdb_oid *oid);
/* One more. */
int cdb_reach_add(struct cdb_reach *reach, const struct cdb_oid *oid, int type);

#endif
