/* SPDX-License-Identifier: MIT
 *
 * One random query after the other, beside brute force over the same documents. */
#ifndef TESTS_SEARCH_CHECK_H
#define TESTS_SEARCH_CHECK_H

#include "brute.h"
#include "random.h"

struct search_check {
    struct random *random;
    chrondb_snapshot *snapshot;
    const struct brute *brute;
    bool exact;   /* scores are those of these documents alone: nothing superseded counts */
    bool damaged; /* the index is: where a search meets it, it does without, and what is superseded counts or not */
    const char *where; /* which moment it is, for messages */
    /* Called between the pages of a search, to write something; or NULL. */
    void (*meanwhile)(void *context);
    void *context;
    size_t found; /* hits of all searches */
};

/* Run `count` random queries, and compare all that can be told of them. Fails the test with the query and all documents
 * where they differ. */
void search_check(struct search_check *check, size_t count);

#endif
