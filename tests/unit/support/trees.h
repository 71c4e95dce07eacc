/* SPDX-License-Identifier: MIT
 *
 * Random trees such as other tools leave: documents on any level of their way, beside it, twice, and what is none. */
#ifndef TESTS_TREES_H
#define TESTS_TREES_H

#include "paths.h"
#include "random.h"

/* What keys and trees are made of. */
struct shape {
    size_t tables, ids; /* how many there are to choose from */
    size_t files;       /* how many a tree has, about */
    unsigned levels;    /* how deep a document may be put */
};

/* A key: some have no table, some need escapes. `text` has room for 64 bytes. */
void random_key(struct random *random, const struct shape *shape, char *text);
struct cdb_oid random_blob(struct random *random);
/* Add a file somewhere: a document or what is none. */
void random_file(struct random *random, const struct shape *shape, struct paths *paths);

#endif
