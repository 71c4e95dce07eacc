/* SPDX-License-Identifier: MIT
 *
 * The way through the documents of a segment, window by window: what a scorer finds goes to the collector and the
 * facets; what cannot be among the best any more is passed over. */
#ifndef CDB_QUERY_WALK_H
#define CDB_QUERY_WALK_H

#include "query/collect.h"
#include "query/facet.h"
#include "query/scorer.h"
#include "query/search.h"

struct cdb_walk {
    const struct cdb_search_options *options;
    struct cdb_run *run;
    struct cdb_scorer *scorer;
    struct cdb_collector *collector;
    struct cdb_facets *facets; /* NULL: none */
    bool whole;                /* every hit is looked at, and counted: */
    uint64_t total;
};

/* The documents [from, last). 0, or an error. */
int cdb_walk(struct cdb_walk *walk, uint32_t from, uint32_t last);

/* The same by several threads, each with a stretch of the documents, where that pays and can be. The hits are those
 * that one would have found. `arena` is the search's. */
int cdb_walk_shared(struct cdb_walk *walk, struct cdb_plan *root, struct cdb_arena *arena, uint32_t from,
                    uint32_t last);

#endif
