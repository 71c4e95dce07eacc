/* Refs in git's files format: HEAD, loose refs, packed-refs. Read by ourselves (a repository handle of libgit2 would
 * read every configuration file first); written only by a transaction, through git's lock protocol. Format sources:
 * git's gitrepository-layout(5), git-pack-refs(1), git-check-ref-format(1).
 */
#ifndef CDB_STORE_REFS_H
#define CDB_STORE_REFS_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_HEADS "refs/heads/"
#define CDB_TAGS  "refs/tags/"

/* The branch's full name for a short one ("main" -> "refs/heads/main"; a full one stays); NULL: what HEAD names.
 * Symbolic refs are followed. 0; CHRONDB_EUSAGE "no_branch" (not a valid name, HEAD is detached); CHRONDB_EDAMAGED. */
int cdb_ref_branch(int dir, const char *branch, struct cdb_buf *out);

/* The value of a ref by its full name, symbolic ones followed. 0; 1 if it does not exist; CHRONDB_EDAMAGED if it holds
 * no id. */
int cdb_ref_read(int dir, const char *ref, struct cdb_oid *out);

/* Is there any branch at all? */
bool cdb_ref_any_branch(int dir);

/* Is it a name that git accepts for a ref? */
bool cdb_ref_name_valid(const char *ref);

#endif
