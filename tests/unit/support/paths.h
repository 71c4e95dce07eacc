/* SPDX-License-Identifier: MIT
 *
 * Trees and documents the slow and obvious way, as lists of paths: what chrondb-format(5) says, without anything of
 * lib/store/{fan,docs,edit}.c but the hash. */
#ifndef TESTS_PATHS_H
#define TESTS_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "store.h"

struct path {
    char *text; /* "user/3/1.json" */
    uint32_t mode;
    struct cdb_oid oid;
};

/* A tree: files only, no two of them in each other's way. */
struct paths {
    struct path *list;
    size_t count, room;
};

void paths_release(struct paths *paths);
/* False, and nothing added, if a file or directory is in the way. */
bool paths_add(struct paths *paths, const char *text, uint32_t mode, const struct cdb_oid *oid);
/* Write the trees; the root's id. Sorts the list. */
struct cdb_oid paths_write(struct paths *paths, struct store *store);
/* The files of a tree, submodules too. */
void paths_read(struct paths *paths, struct store *store, const struct cdb_oid *root);

/* Documents, sorted by key, one a key. */
struct document {
    char *key;
    struct cdb_oid oid;
};

struct documents {
    struct document *list;
    size_t count, room;
};

void documents_release(struct documents *documents);
/* Set one; `oid` NULL: remove it. */
void documents_set(struct documents *documents, const char *key, const struct cdb_oid *oid);
const struct document *documents_find(const struct documents *documents, const char *key);

/* What a reader finds in a tree. */
void documents_read(struct documents *documents, const struct paths *paths);
/* Where a writer puts documents, and what of `before` is foreign (may be NULL). */
void documents_place(const struct documents *documents, const struct paths *before, struct paths *out);
/* The root of both. */
struct cdb_oid documents_root(const struct documents *documents, const struct paths *before, struct store *store);

/* "3/f/" for the first digits of a name's hash; `text` has room for 81 bytes. */
void fan_prefix(const char *name, unsigned depth, char *text);

#endif
