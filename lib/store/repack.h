/* Keeping packs few: small ones are merged so that their sizes grow geometrically (as `git repack --geometric` does
 * it); gc makes one of all. Packs that somebody marked with a .keep or .promisor file are left alone, and so are
 * damaged ones. */
#ifndef CDB_STORE_REPACK_H
#define CDB_STORE_REPACK_H

#include <stddef.h>
#include <stdint.h>

#include "store/repo.h"
#include "store/rewrite.h"

#define CDB_PACKS_FEW     4 /* so many are never merged */
#define CDB_PACKS_MANY    12
#define CDB_MERGE_OBJECTS 1500000 /* in one merge: it takes about 100 bytes of memory and 20 microseconds for each */

/* How many of the smallest packs to merge, given the numbers of objects in ascending order: 0 for none. Afterwards each
 * pack has at least twice as many objects as all smaller ones together, so n objects lie in about log2(n) packs, and
 * every object is copied about that often. But what would be more than CDB_MERGE_OBJECTS stays apart (gc merges all),
 * unless there are more than CDB_PACKS_MANY packs: then four times that is the limit, and so on. Pure. */
size_t cdb_repack_plan(const uint64_t *counts, size_t packs);

/* Merge what the plan says. The caller holds the maintenance lock. Readers in flight keep the files that they have
 * open; those that come too late for a file look again. */
int cdb_repack(struct cdb_repo *repo);

/* Every pack and every loose object into one pack. Old files are removed when it is durable. The caller holds the
 * maintenance lock. */
int cdb_repack_all(struct cdb_repo *repo, cdb_rewrite_progress progress, void *context);

/* Remove the files of "objects/pack/NAME", its index first, as git does it: without it the pack is not looked at. */
void cdb_pack_remove(int dir, const char *name);

struct cdb_repack_sizes {
    uint64_t packs, packed, loose; /* packs; objects in them (twice, if several have one); loose ones */
    uint64_t bytes;                /* of packs, their indexes, and loose files */
};

int cdb_repack_measure(struct cdb_repo *repo, struct cdb_repack_sizes *out);

#endif
