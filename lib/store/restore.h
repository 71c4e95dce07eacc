/* A bundle becomes objects and refs again: read from a descriptor, which may be a pipe, and believed in nothing. First
 * its header; then its pack into an object directory that nobody sees yet, where everything is checked: the pack, what
 * refs reach, and, of a backup of ours, that the header is the one that was written. */
#ifndef CDB_STORE_RESTORE_H
#define CDB_STORE_RESTORE_H

#include <stdbool.h>

#include "store/bundle.h"
#include "store/objects.h"
#include "store/packcheck.h"
#include "store/rewrite.h"

struct cdb_restore {
    int fd;
    const char *name; /* for messages, quoted by whoever set it */
    cdb_rewrite_progress progress;
    void *progress_context;

    struct cdb_buf start; /* the header, and what was read behind it */
    size_t header_len;
    struct cdb_bundle bundle;

    /* Once the pack was checked. */
    struct cdb_objects *objects; /* the database's, with those of the pack */
    struct cdb_bundle_note note;
    bool has_note;
    char pack[CDB_OID_HEX + 6]; /* its name in objects/pack; "" if it has no objects */
    uint64_t bytes, object_count, commit_count;
};

/* Set the first four, zeros the rest; to be released in any case. Reads and parses the header. */
int cdb_restore_begin(struct cdb_restore *restore);
void cdb_restore_release(struct cdb_restore *restore);

/* Receive the pack into DIR/objects/pack, durable under its own name, and check it. What it leaves out is in DIR's
 * alternates. `dir` must stay open as long as `restore`. */
int cdb_restore_objects(struct cdb_restore *restore, int dir);

/* Is the ref one that a database gets: a branch or a tag? */
bool cdb_restore_takes(const char *ref);
/* Which branch HEAD is to name; NULL: nothing says so. Borrowed. */
const char *cdb_restore_head(const struct cdb_restore *restore);

/* In a database that is being made, after its objects: its refs, HEAD and settings. */
int cdb_restore_refs(struct cdb_restore *restore, int dir);

#endif
