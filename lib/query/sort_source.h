/* SPDX-License-Identifier: MIT
 *
 * What a segment's documents are sorted by: the values that they have in a field and below. They are numbered in their
 * order, whether they come from one column or from several, so that documents of a segment are compared by numbers. */
#ifndef CDB_QUERY_SORT_SOURCE_H
#define CDB_QUERY_SORT_SOURCE_H

#include "index/column.h"
#include "index/ft_segment.h"
#include "query/node.h"
#include "util/arena.h"

struct cdb_sort_column {
    struct cdb_column column;
    uint32_t *ranks; /* by ordinal; NULL if it is the only column: ranks are ordinals */
};

struct cdb_sort_place {
    uint32_t column, ordinal;
};

struct cdb_sort_source {
    struct cdb_sort_column *columns;
    size_t count;                  /* 0: no document has a value */
    uint32_t values;               /* ranks are below */
    uint32_t *by_doc;              /* the rank of each document; NULL: the columns are asked */
    struct cdb_sort_place *places; /* by rank: one of the places where the value is; NULL with one column */
    uint32_t seen;                 /* the rank that was asked for exactness last, */
    bool seen_exact;               /* and the answer */
};

/* Memory is the arena's; `greatest` is what will be asked for. CHRONDB_EDAMAGED, CHRONDB_ESYSTEM. */
int cdb_sort_source_open(struct cdb_sort_source *source, struct cdb_arena *arena, struct cdb_ft_segment *segment,
                         const struct cdb_query_string *field, bool greatest);
/* The least (or greatest) rank of each of the ascending documents, CDB_ORDINAL_NONE where there is no value. */
int cdb_sort_source_ranks(const struct cdb_sort_source *source, const uint32_t *docs, size_t count, bool greatest,
                          uint32_t *ranks);
int cdb_sort_source_value(const struct cdb_sort_source *source, uint32_t rank, struct cdb_value *value);
/* Is the value of this rank all there is to know? 1, 0, or an error. */
int cdb_sort_source_exact(struct cdb_sort_source *source, uint32_t rank);
/* The least rank whose value is not below; `*equal`: its bytes are the same. */
int cdb_sort_source_seek(const struct cdb_sort_source *source, const struct cdb_value *value, uint32_t *rank,
                         bool *equal);

#endif
