/* The documents of a root tree, to be changed in bulk: in memory, each commit's trees written at once. Twin of
 * cdb_docs_edit, which reads and writes what one edit needs and keeps nothing; both make the same trees. */
#ifndef CDB_STORE_BULK_H
#define CDB_STORE_BULK_H

#include <stddef.h>

#include "store/key.h"
#include "store/objects.h"
#include "store/pack.h"

struct cdb_bulk;

/* `root` zeros: empty; else a root that chrondb wrote, with all its trees readable through `objects`. */
int cdb_bulk_new(struct cdb_bulk **out, struct cdb_objects *objects, const struct cdb_oid *root);
void cdb_bulk_free(struct cdb_bulk *bulk);

/* Set a document; `blob` zeros: delete it. *before: what it was (zeros: not there). CHRONDB_EDAMAGED. */
int cdb_bulk_set(struct cdb_bulk *bulk, const struct cdb_key *key, const struct cdb_oid *blob, struct cdb_oid *before);

/* Where trees go from now on. What was written before, into another pack, must be readable through `objects` by now, or
 * still in memory: nothing is forgotten. */
void cdb_bulk_use_pack(struct cdb_bulk *bulk, struct cdb_pack *pack);

/* Write the trees that changed. An empty database has git's empty tree. */
int cdb_bulk_write(struct cdb_bulk *bulk, struct cdb_oid *root);

/* Bytes that the trees in memory occupy: it grows with the trees that were touched. */
size_t cdb_bulk_bytes(const struct cdb_bulk *bulk);

#endif
