/* SPDX-License-Identifier: MIT
 *
 * Running a query over segments: which documents match, in which order, how many, with what scores.
 *
 * A search has three inputs: a view (lib/index/ft_view.h: segments, and which of their versions are alive), a tree of
 * nodes (query/node.h), and options. It reads no clock, no file and no repository; what is not in the segments (the
 * text of long strings) it asks the caller for. Everything it answers is exact: hits, order under a sort, totals,
 * facets. Only scores depend on statistics that may count dead versions, as Lucene's do.
 *
 * What nodes mean, where query/node.h leaves it open:
 *   - Words are analysed; in a field a text also is the number, true, false or null that it reads as. A text without
 *     any word, and a boolean of nothing else, is left out of the boolean that it stands in; alone it finds nothing.
 *     Of what is then left of `should` one must match if all of `must` and `filter` was left out.
 *   - A range whose given bounds both read as numbers is one of numbers; any other is one of strings, by their bytes.
 *   - Phrases are within one scalar. Slop is Lucene's, and at most CDB_POSITION_GAP less the number of words.
 *   - Fuzzy terms: insertions, deletions, changes, and exchanges of neighbours, no part being changed twice.
 *   - A value, null too, is what exists. Exact values and ranges of long strings are held against the documents.
 *
 * Scores are BM25 as Lucene 8 computes it (BM25Similarity, k1 1.2, b 0.75, without the factor k1 + 1):
 *     boost * idf * tf / (tf + k1 * (1 - b + b * dl / avgdl)),  idf = ln(1 + (N - df + 0.5) / (df + 0.5))
 * dl is the length through Lucene's one-byte encoding, N the documents with a token in the field, avgdl the sum of
 * their exact lengths / N. A phrase has the sum of its words' idfs, and the phrase frequency as tf. In a field with
 * fields below, and in the unnamed one, frequencies and lengths are those of all together. Wildcards, fuzzy terms,
 * ranges, literals, exact values, keys, presence and "everything" score their boost. A boolean node scores the sum of
 * its matching must and should clauses (so NOT alone scores 0); boosts multiply. Each leaf's contribution is rounded to
 * a float, and they are summed as doubles, so that a score does not depend on the order of evaluation. */
#ifndef CDB_QUERY_SEARCH_H
#define CDB_QUERY_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/oid.h"

struct cdb_analyzer;
struct cdb_ft_view;
struct cdb_query_node;

/* ---- what is asked ------------------------------------------------------------------------------ */

/* One criterion of an order. The last criterion is always the key, ascending. */
struct cdb_search_sort {
    const char *field; /* a dotted path (itself and all below it); "_score", "_key" */
    size_t field_len;
    bool descending; /* missing values are last either way */
};

struct cdb_search_facet {
    const char *field; /* a dotted path */
    size_t field_len;
    size_t limit; /* at most so many values; 0: all */
};

struct cdb_search_options {
    struct cdb_analyzer *analyzer; /* of the language that the segments were built with */
    size_t limit;                  /* hits; may be 0. Memory is taken as hits are found, not for the limit */
    size_t offset;                 /* hits passed over first */
    const char *after;             /* a cursor (a result's `next`), or NULL; `offset` counts from there */
    struct cdb_oid commit;         /* what the view shows; goes into the next cursor, checked against `after` */
    const char *table;             /* keys of this table only; "" those without a table; NULL all */
    const struct cdb_search_sort *sort;
    size_t sort_count; /* 0: best score first */
    const struct cdb_search_facet *facets;
    size_t facet_count;
    bool total;   /* count all hits */
    bool explain; /* the plan and every hit's score, term by term */
    /* The JSON of the document `doc` of the view's part number `part`, replacing what `json` holds. Called for
     * documents with long strings where these decide, so seldom. 0, or an error, which ends the search. Must be there.
     */
    int (*document)(void *context, size_t part, uint32_t doc, struct cdb_buf *json);
    void *document_context;
};

/* The commit that a cursor was made at: the view must be opened there. CHRONDB_EUSAGE, name "invalid_cursor", if it is
 * not one. Reads nothing else of it: the rest is checked by cdb_search_run. */
int cdb_search_cursor_commit(const char *cursor, struct cdb_oid *commit);

/* ---- what comes back ---------------------------------------------------------------------------- */

/* How a hit's score came about: in the order of the plan, `depth` below the line that it is a part of. */
struct cdb_search_score {
    unsigned depth;
    double value;
    const char *text; /* "sum of", "bio:design", "idf", "tf" ...; one line */
};

struct cdb_search_hit {
    size_t part;  /* of the view */
    uint32_t doc; /* of its segment */
    uint64_t from;
    const char *key; /* NUL-terminated */
    size_t key_len;
    float score;
    const struct cdb_search_score *scores; /* with explain */
    size_t score_count;
};

/* A node of the plan; pre-order, `depth` 0 is the root. A node that does not read a counter leaves it 0. */
struct cdb_search_step {
    unsigned depth;
    const char *role;      /* in the node above: "must", "filter", "should", "must not"; "" for the root */
    const char *kind;      /* "term", "phrase", "and", "or", "not", "filter", "wildcard", "range", "all" ... */
    const char *text;      /* "bio:design", "age:[25 TO 35]" ...; may be "" */
    const char *how;       /* the method, e.g. "block-max", "exhaustive", "leapfrog", "key order"; may be "" */
    uint64_t df;           /* documents of the view that it finds, alive or not; an upper bound if it is not a term */
    uint64_t documents;    /* N of the field, for scoring leaves */
    double weight;         /* boost * idf of scoring leaves, else the constant */
    double average_length; /* of scoring leaves */
    uint64_t forms;        /* terms that a wildcard or fuzzy term stands for */
    uint64_t postings;     /* decoded */
    uint64_t blocks, skipped; /* of postings: decoded, passed over */
    uint64_t verified;        /* documents that had to be read */
};

struct cdb_search_count {
    const char *value; /* as JSON */
    size_t len;
    uint64_t count; /* hits with it */
};

struct cdb_search_facet_counts {
    const struct cdb_search_count *values; /* most frequent first, then by value */
    size_t count;
    uint64_t distinct; /* values there are, also beyond the limit */
};

/* All of it lives until the result is released. */
struct cdb_search_result {
    struct cdb_arena arena;
    struct cdb_search_hit *hits;
    size_t count;
    uint64_t total;                         /* with options.total */
    const char *next;                       /* a cursor behind the last hit; NULL if no hit follows */
    struct cdb_search_facet_counts *facets; /* options.facet_count of them */
    const struct cdb_search_step *plan;     /* with explain */
    size_t plan_count;
};

/* Release with cdb_search_result_release, also after an error. Errors: CHRONDB_EUSAGE "invalid_cursor" (damaged, or
 * of another query, order, table or commit); "too_many_values" (a sort by a field with 2^32 values below it);
 * CHRONDB_EDAMAGED if a segment is; what options.document returned; CHRONDB_ESYSTEM without memory. The depth of the
 * tree is bounded by its makers (CDB_QUERY_TREE_DEPTH), so the recursion here is too. */
int cdb_search_run(struct cdb_search_result *result, const struct cdb_ft_view *view, const struct cdb_query_node *query,
                   const struct cdb_search_options *options);
void cdb_search_result_release(struct cdb_search_result *result);

#endif
