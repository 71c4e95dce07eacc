/* Looking through a pack that somebody else has written: every byte belongs to an entry, every entry inflates to what
 * it says, every delta stands on something, the checksum is right; and what each object is called. Nothing in it is
 * trusted: sizes and the number of objects are checked before memory is taken; each delta is put together once. */
#ifndef CDB_STORE_PACKCHECK_H
#define CDB_STORE_PACKCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"
#include "store/rewrite.h"

struct cdb_checked {
    struct cdb_oid oid;
    uint64_t offset;
    uint32_t crc;     /* of the entry's bytes */
    uint32_t child;   /* the first delta that stands on it by its place, + 1 */
    uint32_t sibling; /* the next one on the same base, + 1 */
    uint8_t type;     /* CDB_ANY: not known yet */
    uint8_t kind;     /* as it lies in the pack */
};

struct cdb_packcheck {
    struct cdb_checked *list; /* in the order of the pack; once it is sorted, of ids */
    size_t count;
    /* What deltas stand on that the pack does not have (a "thin" pack): to be added to it. */
    struct cdb_oid *outside;
    size_t outside_count, outside_room;
};

/* `pack`: all its bytes. `objects`: has what a thin pack leaves out; NULL: it must be whole. CHRONDB_EDAMAGED: it is no
 * sound pack; whatever `progress` (or NULL) returned. To be released in any case. */
int cdb_packcheck_run(struct cdb_packcheck *out, const unsigned char *pack, size_t len, struct cdb_objects *objects,
                      cdb_rewrite_progress progress, void *context);
/* In the order of ids. CHRONDB_EDAMAGED: an object is there twice. */
int cdb_packcheck_sort(struct cdb_packcheck *check);
/* Once it is sorted; NULL: it is not there. */
const struct cdb_checked *cdb_packcheck_find(const struct cdb_packcheck *check, const struct cdb_oid *oid);
void cdb_packcheck_release(struct cdb_packcheck *check);

#endif
