/* The files of cdb_pack_refs (maintenance.h), and what it leaves when it is killed. */
#ifndef CDB_STORE_PACKREFS_H
#define CDB_STORE_PACKREFS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/objects.h"

/* With the maintenance lock: remove a dead one's temporary files, and its locks, which are links of them. */
void cdb_pack_refs_sweep(int dir);

/* What a tag is about, in the end, and its type; zeros for what is no tag (the type is its own then). 1: an object
 * cannot be read. */
int cdb_tag_peel(struct cdb_objects *objects, const struct cdb_oid *tag, struct cdb_oid *out, int *type);

/* ---- the file packed-refs (pure) ---- */

struct cdb_packed_ref {
    char *name;
    struct cdb_oid oid, peeled; /* peeled: zeros unless the object is a tag */
    bool fresh;                 /* comes from a loose file; peeled is not known yet */
};

struct cdb_packed_refs {
    struct cdb_packed_ref *list;
    size_t count, room;
};

/* 0; CHRONDB_EDAMAGED: it is none that git would write. `text` is changed. Entries without a line that peels them in a
 * file that does not promise such lines are fresh. */
int cdb_packed_refs_parse(struct cdb_packed_refs *refs, char *text, size_t len);
/* In git's order and format. Sorts. */
void cdb_packed_refs_encode(struct cdb_packed_refs *refs, struct cdb_buf *out);
void cdb_packed_refs_release(struct cdb_packed_refs *refs);

#endif
