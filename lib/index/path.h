/* SPDX-License-Identifier: MIT
 *
 * The paths of documents' fields, numbered. A path is names joined by dots. It is kept as a tree: a node is a path, its
 * parent is the path without the last component. A component holds no dot, so a member named "a.b" is the same path
 * as "b" in "a"; memory is in proportion to the documents, however deep and long the paths are. (Do not make the text
 * of every path at once from a hostile document: that is not.)
 *
 * A document that is itself a scalar (or an array of them) has the path "", the same as the member named "".
 * A path has at most CDB_PATH_DEPTH components; what lies deeper (which only dotted names can) counts for its ancestor
 * there, in documents and in queries. And a document has about CDB_PATH_FIELDS paths at most: document.h. */
#ifndef CDB_INDEX_PATH_H
#define CDB_INDEX_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/buf.h"

#define CDB_PATH_DEPTH  CHRONDB_MAX_DEPTH
#define CDB_PATH_FIELDS 100000     /* a path takes about a kilobyte while it is indexed */
#define CDB_PATH_ROOT   0          /* the document itself, no path: the parent of paths of one component */
#define CDB_PATH_NONE   UINT32_MAX /* no such path */

struct cdb_path {
    uint32_t parent;
    uint32_t depth;          /* components */
    uint32_t name, name_len; /* of the last component: in `names` */
};

/* What a member's name means in an object with the path `parent`. */
struct cdb_path_member {
    uint32_t parent, name, name_len;
    uint32_t path;    /* where it leads: a child of `parent`, or deeper if the name has dots */
    uint32_t follows; /* the member that came after this one the last time: a guess */
    uint32_t object;  /* the last object that had it, as a number of the document's reader */
    uint16_t parts;   /* components of the name, CDB_PATH_DEPTH at most */
    bool clamped;     /* the path would be too deep */
};

struct cdb_paths {
    struct cdb_path *paths; /* by number; number 0 is CDB_PATH_ROOT */
    size_t count, room;
    struct cdb_path_member *members; /* of the reader; 0 is none */
    size_t member_count, member_room;
    uint32_t *slots; /* hash table of members */
    size_t slot_mask;
    uint64_t hash_key;
    struct cdb_buf names;
    uint32_t objects; /* numbered so far */
};

/* 0, or CHRONDB_ESYSTEM without memory. */
int cdb_paths_init(struct cdb_paths *paths);
void cdb_paths_release(struct cdb_paths *paths);
/* Bytes of memory that it takes. */
size_t cdb_paths_bytes(const struct cdb_paths *paths);

/* The path with this text, from a query: its number, or CDB_PATH_NONE. */
uint32_t cdb_paths_find(const struct cdb_paths *paths, const char *text, size_t len);
/* Is `path` the path `ancestor`, or below it? Everything is below CDB_PATH_ROOT. */
bool cdb_paths_is_within(const struct cdb_paths *paths, uint32_t path, uint32_t ancestor);
/* Append the text. */
void cdb_paths_text(const struct cdb_paths *paths, uint32_t path, struct cdb_buf *out);

/* All paths but the root, in the order of their texts with '.' as the lowest byte: a path, then all below it, then the
 * next. `order` has room for paths->count - 1 numbers. 0, or CHRONDB_ESYSTEM without memory. O(n log n). */
int cdb_paths_sort(const struct cdb_paths *paths, uint32_t *order);

/* For front coding them in that order without making each text: keep the first `shared` bytes of `text`, which is the
 * text of path `previous` (CDB_PATH_ROOT at first, with an empty text), and append the rest, so that it becomes the
 * text of `path`. Returns `shared`. */
size_t cdb_paths_step(const struct cdb_paths *paths, uint32_t previous, uint32_t path, struct cdb_buf *text);

/* ---- for lib/index/document.c ---- */

/* The member `name` of an object at `parent`, new if need be; `after` is the member before it, or 0. Its number, or 0
 * without memory (the error is set). */
uint32_t cdb_paths_member(struct cdb_paths *paths, uint32_t parent, const char *name, size_t len, uint32_t after);
/* The same if it is there, else 0. */
uint32_t cdb_paths_known_member(const struct cdb_paths *paths, uint32_t parent, const char *name, size_t len);

#endif
