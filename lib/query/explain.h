/* SPDX-License-Identifier: MIT
 *
 * Why a search did what it did: its plan with what was read for each node, and how the score of each hit came about. */
#ifndef CDB_QUERY_EXPLAIN_H
#define CDB_QUERY_EXPLAIN_H

#include "query/documents.h"
#include "query/plan.h"
#include "query/search.h"

struct cdb_ft_view;

/* Fill in result->plan, and the scores of its hits, after the search. All lives in the result's arena. */
int cdb_explain(struct cdb_search_result *result, const struct cdb_ft_view *view, struct cdb_plan_tree *tree,
                struct cdb_documents *documents);

#endif
