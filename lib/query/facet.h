/* SPDX-License-Identifier: MIT
 *
 * Facets: how many hits have which values in a field.
 *
 * In a segment whose field is one column of short values, ordinals are counted, and become values at its end. Documents
 * with long values are looked at one by one. Of a field with several columns (or 100,000 of them), where one value of a
 * document may be in several, the hits are noted, and the columns are walked at the end. */
#ifndef CDB_QUERY_FACET_H
#define CDB_QUERY_FACET_H

#include "index/column.h"
#include "query/docset.h"
#include "query/scorer.h"
#include "query/search.h"

/* A value and its hits. */
struct cdb_facet_value {
    struct cdb_value value;
    enum cdb_json_type type; /* of an inexact one, with its text */
    const char *text;
    size_t len;
    uint64_t count;
    uint64_t document; /* the last one that was counted: a number of the search's */
};

struct cdb_facet_column {
    struct cdb_column column;
    uint32_t *counts;  /* by ordinal */
    uint64_t *inexact; /* bits by ordinal; NULL: none is */
};

struct cdb_facet {
    const struct cdb_search_facet *asked;
    struct cdb_query_string field;
    struct cdb_facet_value *values;
    size_t count, room;
    uint32_t *slots; /* a hash table of values: number + 1 */
    size_t slot_room;
    struct cdb_facet_column *columns; /* of the segment at hand */
    size_t column_count;
    struct cdb_docset hits; /* of several columns: the segment's hits */
};

struct cdb_facets {
    struct cdb_arena *arena;
    struct cdb_documents *documents;
    struct cdb_run *run;
    struct cdb_facet *list;
    size_t count;
    uint64_t document; /* numbers those that are looked at one by one */
};

int cdb_facets_init(struct cdb_facets *facets, struct cdb_arena *arena, struct cdb_documents *documents,
                    const struct cdb_search_options *options);
void cdb_facets_release(struct cdb_facets *facets);
/* The segment that hits come from now on. */
int cdb_facets_begin(struct cdb_facets *facets, struct cdb_run *run);
/* Hits of a window: alive, ascending. */
int cdb_facets_add(struct cdb_facets *facets, const uint32_t *docs, size_t count);
int cdb_facets_end(struct cdb_facets *facets);
/* What was counted, in the arena. */
int cdb_facets_finish(struct cdb_facets *facets, struct cdb_search_facet_counts **out);

/* ---- inside ---- */

/* The value in the facet, which it is added to if it is new. */
int cdb_facet_find(struct cdb_facets *facets, struct cdb_facet *facet, const struct cdb_facet_value *value,
                   struct cdb_facet_value **out);
/* Count the long values of a document. */
int cdb_facet_add_inexact(struct cdb_facets *facets, struct cdb_facet *facet, uint32_t doc);
/* facet_many.c: count the values of the facet's hits, of several columns. */
int cdb_facet_end_many(struct cdb_facets *facets, struct cdb_facet *facet);

#endif
