/* SPDX-License-Identifier: MIT
 *
 * What a catalog should say of a branch: the changes of every commit in plain memory, and comparisons with the real
 * one. */
#ifndef TESTS_CHAIN_H
#define TESTS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/catalog.h"
#include "random.h"

/* The keys of all chains, by their bytes. */
struct chain_keys {
    char **list;
    size_t count;
};

struct chain_change {
    uint32_t key;
    uint32_t before, after; /* numbers of blobs; 0: not there */
};

struct chain_commit {
    struct cdb_catalog_commit commit;
    struct chain_change *changes; /* by key; allocated */
    size_t count;
};

struct chain {
    const struct chain_keys *keys;
    struct chain_commit *commits;
    size_t count, room;
    uint32_t *newest; /* of each key */
};

/* Of several tables, some in the way of each other. */
void chain_keys_init(struct chain_keys *keys, size_t count);
void chain_keys_release(struct chain_keys *keys);

void chain_init(struct chain *chain, const struct chain_keys *keys);
void chain_release(struct chain *chain);
/* The first `count` commits of another one. */
void chain_copy(struct chain *chain, const struct chain *from, size_t count);
void chain_cut(struct chain *chain, size_t count);
/* Add a commit that changes about `changes` of the keys below `range`. */
void chain_commit(struct chain *chain, struct random *random, size_t changes, size_t range);
/* What commit `index` changed, as the catalog takes it; allocated. */
struct cdb_catalog_change *chain_changes(const struct chain *chain, size_t index, size_t *count);
/* Add what the catalog does not have yet. */
void chain_add(const struct chain *chain, struct cdb_catalog *catalog);
int chain_log(const struct chain *chain, size_t index, int dir, const char *ref);

struct cdb_oid chain_oid(uint32_t number);

/* Compare the catalog of the first `count` commits, in every way there is: the ends of states are `ends` random ones
 * and the newest. Where it says that it is damaged, and only if `damaged` is given, that is noted there, and all the
 * other answers must be right. */
void chain_check(const struct chain *chain, size_t count, struct random *random, struct cdb_catalog *catalog,
                 size_t ends, bool *damaged);

#endif
