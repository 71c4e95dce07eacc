/* Git's tree objects: a reader over a buffer, and a builder. Source of the format: gitformat-tree, git's documentation:
 * "MODE NAME\0" and 20 bytes of id for each entry, sorted by name as if directories ended in '/'. */
#ifndef CDB_STORE_TREE_H
#define CDB_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_MODE_DIR  0040000u
#define CDB_MODE_FILE 0100644u

struct cdb_tree_entry {
    const char *name; /* into the tree's buffer, not NUL-terminated */
    size_t name_len;
    uint32_t mode;
    struct cdb_oid oid;
};

static inline bool cdb_mode_is_dir(uint32_t mode)
{
    return mode == CDB_MODE_DIR;
}

/* What can be a document: a regular file, executable or not (git's old 100664 too). */
static inline bool cdb_mode_is_file(uint32_t mode)
{
    return (mode & 0170000u) == 0100000u;
}

struct cdb_tree_cursor {
    const char *at, *end;
};

/* 1: an entry; 0: the end; CHRONDB_EDAMAGED: not a tree. */
int cdb_tree_next(struct cdb_tree_cursor *cursor, struct cdb_tree_entry *out);

/* All entries of a tree, sorted as git sorts them; an array to be freed. `content` must live as long. Order errors and
 * duplicates that hostile trees may have are put right (the last duplicate counts). */
int cdb_tree_parse(const struct cdb_buf *content, struct cdb_tree_entry **out, size_t *count);

/* Git's order. */
int cdb_tree_compare(const struct cdb_tree_entry *a, const struct cdb_tree_entry *b);

/* Sort the entries and append the tree object's content. */
void cdb_tree_encode(struct cdb_tree_entry *entries, size_t count, struct cdb_buf *out);

#endif
