/* Refs in git's files format: HEAD, loose refs, packed-refs. Read by ourselves (a repository handle of libgit2 would
 * read every configuration file first); written only by a transaction, through git's lock protocol. Format sources:
 * git's gitrepository-layout(5), git-pack-refs(1), git-check-ref-format(1).
 */
#ifndef CDB_STORE_REFS_H
#define CDB_STORE_REFS_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_HEADS   "refs/heads/"
#define CDB_TAGS    "refs/tags/"
#define CDB_REMOTES "refs/remotes/" /* what was fetched: NAME/BRANCH */

#define CDB_REF_NAME_MAX 1000

/* The branch's full name for a short one ("main" -> "refs/heads/main"; a full one stays); NULL: what HEAD names.
 * Symbolic refs are followed. 0; CHRONDB_EUSAGE "no_branch" (not a valid name, HEAD is detached); CHRONDB_EDAMAGED. */
int cdb_ref_branch(int dir, const char *branch, struct cdb_buf *out);

/* The value of a ref by its full name, symbolic ones followed. 0; 1 if it does not exist; CHRONDB_EDAMAGED if it holds
 * no id. */
int cdb_ref_read(int dir, const char *ref, struct cdb_oid *out);

/* Is it a symbolic ref? 1, and what it names; 0; or an error as for cdb_ref_read. */
int cdb_ref_target(int dir, const char *ref, struct cdb_buf *target);
/* Does HEAD name it, perhaps by way of other symbolic refs? 1, 0, or CHRONDB_ESYSTEM. */
int cdb_ref_is_head(int dir, const char *ref);

/* Is there any branch at all? */
bool cdb_ref_any_branch(int dir);

/* Is it a name that git accepts for a ref? */
bool cdb_ref_name_valid(const char *ref);

/* ---- refnames.c: names for new refs ---- */

/* The full name for a short one: `folder` (CDB_HEADS, CDB_TAGS) goes in front, unless it is there. CHRONDB_EUSAGE
 * "invalid_name" where git refuses it for a new one, or it is too long for a file, or no UTF-8. `kind` is for the
 * message: "branch". */
int cdb_ref_new_name(const char *folder, const char *kind, const char *name, struct cdb_buf *out);
/* A ref is a file for git: where there is "a" there can be no "a/b". 1 and the name of one that keeps `ref` from being
 * there, 0, or an error. Folders that are empty, where `ref` is to be, are removed. */
int cdb_ref_in_the_way(int dir, const char *ref, struct cdb_buf *other);

#endif
