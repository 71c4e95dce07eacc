/* SPDX-License-Identifier: MIT
 *
 * The best hits so far, in any order that a search can ask for.
 *
 * Hits come segment by segment, in each by ascending document. The last of the wanted ones is the BAR: what is not
 * better does not enter. It is translated into the terms of the segment at hand (its values become ranks of that
 * segment, its key a document's number), so that nearly all hits are compared with it by numbers. */
#ifndef CDB_QUERY_COLLECT_H
#define CDB_QUERY_COLLECT_H

#include "query/cursor.h"
#include "query/scorer.h"
#include "query/sort_source.h"
#include "query/sort_text.h"

enum cdb_order_by { CDB_BY_FIELD, CDB_BY_SCORE, CDB_BY_KEY };

struct cdb_criterion {
    enum cdb_order_by by;
    bool descending;
    struct cdb_query_string field; /* BY_FIELD */
};

/* A hit. */
struct cdb_entry {
    uint32_t part, doc;
    float score;
    uint32_t ranks[]; /* by criterion; those that are not BY_FIELD are unused */
};

/* An entry as the segment at hand has it. */
struct cdb_bar {
    bool set;
    struct cdb_entry *entry; /* in its own segment */
    uint32_t doc;            /* documents below it have lesser keys, the others have not */
    uint32_t *ranks;         /* by criterion: the least rank that is not below, CDB_ORDINAL_NONE if it has no value, */
    bool *equal;             /* ... and is it the same? */
};

struct cdb_collector {
    const struct cdb_ft_view *view;
    struct cdb_arena *arena; /* of the search */
    struct cdb_sort_texts texts;
    struct cdb_criterion *order;
    size_t order_count;
    size_t fields; /* criteria BY_FIELD */
    size_t limit;  /* hits that are wanted */
    unsigned char *entries;
    size_t count, room, stride;      /* a heap with the last hit on top, when it is full */
    struct cdb_sort_source *sources; /* by part, by criterion */
    bool *opened;                    /* by part */
    const char *after_key;
    size_t after_key_len;
    const struct cdb_run *run; /* at hand */
    struct cdb_bar worst, after;
    struct cdb_entry *spare; /* what is about to enter */
    uint32_t *ranks;         /* of a window's hits, one criterion after the other */
    int result;              /* the first error of a comparison */
};

/* `limit` hits, those behind `after` (NULL: from the first one). The view, documents and arena are borrowed. Release it
 * also after an error. CHRONDB_EUSAGE "invalid_cursor": the cursor's document is not there. */
int cdb_collector_init(struct cdb_collector *collector, const struct cdb_ft_view *view, struct cdb_documents *documents,
                       struct cdb_arena *arena, const struct cdb_search_options *options, size_t limit,
                       const struct cdb_cursor *after);
void cdb_collector_release(struct cdb_collector *collector);

/* Does the order ask for scores? */
bool cdb_collector_wants_scores(const struct cdb_collector *collector);

/* The segment that hits come from now on. */
int cdb_collector_begin(struct cdb_collector *collector, const struct cdb_run *run);
/* What the documents are sorted by, into collector->ranks: inside. */
int cdb_collector_ranks(struct cdb_collector *collector, const uint32_t *docs, size_t count);
/* Hits of a window: alive, ascending, behind all before. `scores` may be NULL if nobody wants them. */
int cdb_collector_add(struct cdb_collector *collector, const uint32_t *docs, const double *scores, size_t count);
/* What score, before it is rounded to a float, a hit at document `doc` or behind it must have to enter: what is below
 * need not be added. CDB_NO_FLOOR if all may enter; infinity if none can. Never falls within a segment. */
double cdb_collector_floor(const struct cdb_collector *collector, uint32_t doc);
/* The first document of the segment that can be behind the cursor, if all that is left scores `score`. */
uint32_t cdb_collector_start(const struct cdb_collector *collector, double score);

/* The hits, sorted; entry number i. */
int cdb_collector_sort(struct cdb_collector *collector);
const struct cdb_entry *cdb_collector_entry(const struct cdb_collector *collector, size_t i);

#endif
