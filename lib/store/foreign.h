/* SPDX-License-Identifier: MIT
 *
 * What other tools put into a root tree that belongs to no key: files such as README.md, whole directories, links. They
 * are known by their paths, and merged as wholes. */
#ifndef CDB_STORE_FOREIGN_H
#define CDB_STORE_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/edit.h"
#include "store/objects.h"
#include "util/arena.h"

#define CDB_FOREIGN_DEPTH 256 /* directories, one in the other; deeper ones are an error */

struct cdb_foreign_file {
    uint32_t mode; /* git's; 0: it is not there */
    struct cdb_oid oid;
};

struct cdb_foreign_change {
    const char *path;
    struct cdb_foreign_file ours, theirs;
    bool conflict; /* we changed it too, or something else of ours is in its place */
};

struct cdb_foreign_changes {
    struct cdb_foreign_change *list; /* no path twice */
    size_t count, room;
    struct cdb_arena paths;
};

void cdb_foreign_release(struct cdb_foreign_changes *changes);

/* The files that `theirs` changed since `base`, and that are not in `ours` as in `theirs` already (root trees; zeros:
 * empty). Reads the directories in which all three differ. CHRONDB_EDAMAGED. */
int cdb_foreign_merge(struct cdb_objects *objects, const struct cdb_oid *base, const struct cdb_oid *ours,
                      const struct cdb_oid *theirs, struct cdb_foreign_changes *out);

/* Trees that were made and are not in the store yet. A cdb_emit keeps copies and passes them on. Zero-initialise. */
struct cdb_fresh_trees {
    cdb_emit emit;
    void *emit_context;
    struct cdb_arena memory;
    struct cdb_fresh_tree *list;
    size_t count, room;
};

int cdb_fresh_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid);
void cdb_fresh_release(struct cdb_fresh_trees *fresh);

/* Put `theirs` of each change into the root tree: *root becomes the new one. Trees are looked for among the fresh ones
 * first, new ones are emitted through them. What is in the way is replaced. */
int cdb_foreign_apply(struct cdb_objects *objects, struct cdb_fresh_trees *fresh, struct cdb_foreign_changes *changes,
                      struct cdb_oid *root);

#endif
