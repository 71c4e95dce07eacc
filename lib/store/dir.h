/* A directory of the fan-out in memory, to be changed many times and written once a commit: what import builds trees
 * with. Its content is kept as the tree object's bytes, so that a change is a few bytes moved, and a write is a hash
 * and a delta on what it was. Directories are loaded when they are needed. The result is the same canonical tree that
 * cdb_docs_edit makes.
 */
#ifndef CDB_STORE_DIR_H
#define CDB_STORE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/fan.h"
#include "store/objects.h"
#include "store/pack.h"

struct cdb_dir;

/* What all directories of one root share. */
struct cdb_dirs {
    struct cdb_objects *objects; /* where they are loaded from */
    size_t bytes;                /* that they occupy */
    /* Set by each write: */
    struct cdb_pack *pack;
    uint32_t round; /* counts the packs: an entry of an earlier pack is no base for a delta */
};

/* A table's documents, or the root's tables. `oid` zeros: none yet. */
int cdb_dir_load(struct cdb_dir **out, struct cdb_dirs *dirs, enum cdb_fan_kind kind, const struct cdb_oid *oid,
                 unsigned depth, const struct cdb_fan_hash *path);
void cdb_dir_free(struct cdb_dir *dir, struct cdb_dirs *dirs);

/* The item of that encoded name; zeros: there is none. */
int cdb_dir_get(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *name, const struct cdb_fan_hash *hash,
                struct cdb_oid *out);
/* Change it; `oid` zeros: remove it. *before: what it was. CHRONDB_EDAMAGED if the directories are not laid out as
 * chrondb writes them (who asks for an edit of a foreign root has it straightened before). */
int cdb_dir_set(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *name, const struct cdb_fan_hash *hash,
                const struct cdb_oid *oid, struct cdb_oid *before);
/* Was it changed since it was loaded or written? */
bool cdb_dir_is_changed(const struct cdb_dir *dir);

/* Add what changed to dirs->pack: as a delta on what it was, if that is in the same pack. *oid: zeros if nothing is
 * left. */
int cdb_dir_write(struct cdb_dir *dir, struct cdb_dirs *dirs, struct cdb_oid *oid);

#endif
