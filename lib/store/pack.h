/* Writing packs: gitformat-pack (version 2) with its index (version 2). Whole objects; nothing is searched. */
#ifndef CDB_STORE_PACK_H
#define CDB_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"

struct cdb_pack;

/* Start a pack in the repository `dir`. `role` ("w", "m") names the temporary files: one writer a role at a time, a
 * dead one's files are overwritten. */
int cdb_pack_new(struct cdb_pack **out, int dir, const char *role);
/* Add an object; the same id twice is stored once. */
int cdb_pack_add(struct cdb_pack *pack, int type, const void *data, size_t len, const struct cdb_oid *oid);
/* Add an entry as it lies in another pack: a whole object, with the CRC-32 of these bytes. */
int cdb_pack_add_raw(struct cdb_pack *pack, const void *entry, size_t len, uint32_t crc, const struct cdb_oid *oid);
/* Finish: both files synced, renamed into place (the index last), the directory synced. An empty pack leaves nothing.
 */
int cdb_pack_finish(struct cdb_pack *pack);
/* "pack-<40 hex digits>" of one that was finished, else "". */
const char *cdb_pack_name(const struct cdb_pack *pack);
/* Frees; removes the temporary files of one that was not finished. */
void cdb_pack_free(struct cdb_pack *pack);

#endif
