/* SPDX-License-Identifier: MIT
 *
 * Git objects in a scratch directory, written and read by lib/store: for tests that need trees and commits, but no
 * database. */
#ifndef TESTS_STORE_H
#define TESTS_STORE_H

#include "chrondb.h"
#include "store/commit.h"
#include "store/objects.h"
#include "store/tree.h"

struct store {
    char *path;
    int dir;
    struct cdb_objects *objects;
    struct cdb_deflater *deflater;
    size_t emitted; /* objects that store_emit took */
};

void store_open(struct store *store);
void store_close(struct store *store);

/* A cdb_emit: `context` is the store. */
int store_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid);
/* Write an object; its id. */
struct cdb_oid store_write(struct store *store, int type, const void *data, size_t len);
/* A blob that holds the text. */
struct cdb_oid store_blob(struct store *store, const char *text);
/* A tree of entries as they are, in that order. */
struct cdb_oid store_tree(struct store *store, const struct cdb_tree_entry *entries, size_t count);
/* A commit of the library's: its time in a trailer. */
struct cdb_oid store_commit(struct store *store, chrondb_time time, const struct cdb_oid *parents, size_t parent_count);
/* Another tool's: the committer date alone. */
struct cdb_oid store_plain_commit(struct store *store, long long seconds, const struct cdb_oid *parents,
                                  size_t parent_count);

/* 40 digits, of the last id but three that was given. */
const char *store_hex(const struct cdb_oid *oid);

#endif
