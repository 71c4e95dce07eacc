/* SPDX-License-Identifier: MIT
 *
 * Inside of search_check: a query, and what is compared. */
#ifndef TESTS_SEARCH_QUESTION_H
#define TESTS_SEARCH_QUESTION_H

#include "search_check.h"
#include "util/arena.h"
#include "util/buf.h"

/* A query, and what it must find. */
struct question {
    struct search_check *check;
    struct cdb_buf query, sort;
    struct cdb_arena arena;
    const struct cdb_query_node *tree;
    chrondb_search_options options;
    struct brute_answer answer;
    size_t total;
};

/* Fail: tell the query and all documents, and what is wrong. */
__attribute__((format(printf, 2, 3))) _Noreturn void search_differ(const struct question *question, const char *format,
                                                                   ...);
/* Run it with these options; the test fails if that does. */
chrondb_search *search_ask(const struct question *question, const chrondb_search_options *options);

/* Count the values of some field. */
void search_check_facet(const struct question *question);

#endif
