/* SPDX-License-Identifier: MIT
 *
 * What scores are made of: in how many documents of a view terms are, how many documents have tokens in a field, and
 * how long these are on average. Sums over the segments of the view; dead documents in them count. */
#ifndef CDB_QUERY_STATS_H
#define CDB_QUERY_STATS_H

#include "index/ft_view.h"
#include "query/plan.h"

/* Of a leaf of the plan; what a cursor carries from page to page. */
struct cdb_weight {
    float weight; /* boost * idf, or the sum of several idfs */
    float average_length;
};

/* Look up all terms of the plan in all parts. If `given`, these are the leaves' weights; else they are worked out, and
 * stored in `weights` (tree->leaves of them). Memory is the arena's. CHRONDB_EDAMAGED, CHRONDB_ESYSTEM. */
int cdb_stats_collect(struct cdb_plan_tree *tree, struct cdb_arena *arena, const struct cdb_ft_view *view, bool given,
                      struct cdb_weight *weights);

#endif
