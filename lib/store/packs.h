/* All the packs of a database and of its alternates (objects/info/alternates, and theirs). Which there are is looked up
 * when an object is missed: packs come and go beside us. Indexes are opened when they are needed, the pack that was of
 * use last is asked first. Safe for threads. */
#ifndef CDB_STORE_PACKS_H
#define CDB_STORE_PACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/oid.h"

struct cdb_packs;

/* Reads a loose object, for deltas that stand on one: 0 (content appended), 1, or an error. */
typedef int (*cdb_packs_loose)(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out);

/* `dir` is the database's directory, borrowed. */
int cdb_packs_new(struct cdb_packs **out, int dir, cdb_packs_loose loose, void *context);
void cdb_packs_free(struct cdb_packs *packs);

/* Append the object's content, checked against its id. 0; 1 if no pack has it; CHRONDB_EDAMAGED if those that have it
 * are damaged; CHRONDB_ESYSTEM. */
int cdb_packs_read(struct cdb_packs *packs, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out);
/* The same, but only from packs that are open already, without a system call: 1 if that did not succeed. */
int cdb_packs_read_open(struct cdb_packs *packs, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out);

/* Has a pack an object of that id? It is not read. 0, 1, or an error. */
int cdb_packs_has(struct cdb_packs *packs, const struct cdb_oid *oid);
/* Let go of packs that were removed: their space is free once nobody has them open. */
void cdb_packs_let_go(struct cdb_packs *packs);

/* How many ids begin with the first `len` hex digits of `prefix` (the rest of it zeros): 0, 1 or 2 (several). An
 * id that is equal to *out counts as known already if *count is 1 before. */
int cdb_packs_prefix(struct cdb_packs *packs, const struct cdb_oid *prefix, size_t len, struct cdb_oid *out,
                     int *count);

/* Directory descriptors of the alternates' object directories, `index` from 0; -1 at the end. Looked up once. */
int cdb_packs_alternate(struct cdb_packs *packs, size_t index);

#endif
