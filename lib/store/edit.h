/* Changing the documents of a root tree: the canonical fan-out, kept at the cost of what changes. */
#ifndef CDB_STORE_EDIT_H
#define CDB_STORE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/key.h"
#include "store/objects.h"

/* Takes a new object (its id is known); content is borrowed during the call. */
typedef int (*cdb_emit)(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid);

struct cdb_edit {
    const struct cdb_key *key;
    struct cdb_oid blob; /* zeros: delete */
};

struct cdb_edit_request {
    struct cdb_objects *objects;
    struct cdb_oid root; /* zeros: empty */
    /* The root was written by another tool: whatever differs from `trusted` (a root that chrondb wrote, or zeros) may
     * not be canonical and is made so. */
    bool foreign;
    struct cdb_oid trusted;
    const struct cdb_edit *edits; /* at most one a key */
    size_t count;
    cdb_emit emit;
    void *emit_context;
};

/* The new root's id; trees that are new are emitted. An empty database has git's empty tree. */
int cdb_docs_edit(const struct cdb_edit_request *request, struct cdb_oid *root);

#endif
