/* SPDX-License-Identifier: MIT
 *
 * The inside of merging: ft_merge.c (documents), ft_merge_fields.c (fields, columns, norms), ft_merge_words.c. */
#ifndef CDB_INDEX_FT_MERGER_H
#define CDB_INDEX_FT_MERGER_H

#include "index/ft_inside.h"
#include "index/ft_merge.h"
#include "index/ft_postings.h"
#include "index/ft_write.h"
#include "index/path.h"

struct cdb_merger_source {
    const struct cdb_ft_source *in;
    struct cdb_ft_segment *segment; /* in->segment */
    uint32_t *map;                  /* by document: its new number, or CDB_FT_END */
    bool shifted;                   /* the map adds map[0] to all */
    uint32_t *paths;                /* by field: its path */
    uint32_t *rows;                 /* by field: its new number, 0 if it is gone; ascending otherwise */
    uint32_t *fields;               /* by new number: the field, 0 if it has none */
    struct cdb_ft_norms *norms;     /* by new number, where there is a field; and of the unnamed field */
};

struct cdb_merger {
    struct cdb_merger_source *sources;
    size_t count;
    struct cdb_ft_writer writer;
    uint32_t docs, min_from, max_from; /* that are taken */
    bool filtered;                     /* some source is not taken whole */
    struct cdb_paths paths;            /* of all sources */
    uint32_t fields;                   /* new ones */
    uint32_t *path;                    /* by new number */
    uint32_t *number;                  /* by path: 0 if it is gone */
    struct cdb_ft_row *rows;           /* 0 .. fields */
    struct cdb_sink columns;           /* by path: places in it */
    struct cdb_ft_row *leaves;         /* by path: leaf, values, column, column_len */
    uint32_t *stamps;                  /* by new document: the last term that it was counted for; if filtered */
    int (*interrupted)(void *context);
    void *context;
    unsigned ticks;
};

/* Now and then: is it to go on? */
static inline int cdb_merger_tick(struct cdb_merger *merger)
{
    return merger->interrupted != NULL && ++merger->ticks % 256 == 0 ? merger->interrupted(merger->context) : 0;
}

/* The fields of all, their columns (in merger->columns), and those that are left, numbered. */
int cdb_merger_fields(struct cdb_merger *merger);
int cdb_merger_norms(struct cdb_merger *merger);
int cdb_merger_words(struct cdb_merger *merger);
/* Those of fields that are not leaves, from those of leaves. */
void cdb_merger_sum_lengths(struct cdb_merger *merger);

#endif
