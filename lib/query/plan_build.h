/* SPDX-License-Identifier: MIT
 *
 * The inside of making a plan. Functions that return a plan return NULL without memory (the error is set). */
#ifndef CDB_QUERY_PLAN_BUILD_H
#define CDB_QUERY_PLAN_BUILD_H

#include "query/plan.h"

struct cdb_planner {
    struct cdb_arena *arena;
    struct cdb_analyzer *analyzer;
    double boost; /* of all above, multiplied */
    bool scoring; /* do scores count here? */
    size_t leaves;
};

struct cdb_plan *cdb_plan_new(struct cdb_planner *planner, const struct cdb_query_node *node, enum cdb_plan_kind kind);
/* 0, or CHRONDB_ESYSTEM: without memory, or if `plan` is NULL. */
int cdb_plan_append(struct cdb_planner *planner, struct cdb_plan_list *list, struct cdb_plan *plan);
struct cdb_plan *cdb_plan_node(struct cdb_planner *planner, const struct cdb_query_node *node);
/* The same documents as `values`, which have the words of `text`: found by these, where it has some. */
struct cdb_plan *cdb_plan_with_words(struct cdb_planner *planner, const struct cdb_query_node *node,
                                     const struct cdb_query_string *text, struct cdb_plan *values);

/* ---- plan_values.c ---- */

/* EXACT, RANGE, EXISTS, MISSING. */
struct cdb_plan *cdb_plan_values(struct cdb_planner *planner, const struct cdb_query_node *node);
/* Documents with this value in the node's field. */
struct cdb_plan *cdb_plan_equal(struct cdb_planner *planner, const struct cdb_query_node *node,
                                const struct cdb_plan_bound *value);

#endif
