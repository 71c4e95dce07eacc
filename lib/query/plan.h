/* SPDX-License-Identifier: MIT
 *
 * A query after analysis: words are terms, literals are values, boosts are multiplied out; no segment has been asked
 * yet. One tree for all segments, with what they have in common: statistics, and counters for explaining. */
#ifndef CDB_QUERY_PLAN_H
#define CDB_QUERY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/ft_segment.h"
#include "index/value.h"
#include "query/fuzzy.h"
#include "query/node.h"
#include "query/pattern.h"
#include "query/similarity.h"

struct cdb_analyzer;

enum cdb_plan_kind {
    CDB_PLAN_NONE, /* no document */
    CDB_PLAN_ALL,
    CDB_PLAN_TERM,
    CDB_PLAN_PHRASE,
    CDB_PLAN_VALUES, /* documents with a value in one of some intervals: exact values, ranges, presence */
    CDB_PLAN_FORMS,  /* wildcards and fuzzy terms */
    CDB_PLAN_KEYS,
    CDB_PLAN_BOOLEAN
};

struct cdb_plan;
struct cdb_scorer;

struct cdb_plan_list {
    struct cdb_plan **items;
    size_t count;
};

/* What a term is in one part of the view. */
struct cdb_term_part {
    struct cdb_ft_range range;
    struct cdb_ft_entry *entries; /* one for each leaf field */
    size_t count;
};

/* A term in a field, over all parts. */
struct cdb_plan_term {
    struct cdb_query_string text;
    struct cdb_term_part *parts; /* as many as the view has; after cdb_stats_collect */
    uint64_t df;
    bool counted; /* df is the number of documents with it; else a part of them was not looked at */
};

/* A bound of an interval; `text` is as long as it is, `value` what sorts. */
struct cdb_plan_bound {
    bool open, included;
    enum cdb_json_type type;
    struct cdb_query_string text;
    struct cdb_value value;
};

/* Values between two bounds, of which one that is given is of the kind that counts. An open bound ends at `floor` or
 * `ceiling`, which bound the kinds of values that count. */
struct cdb_plan_interval {
    struct cdb_plan_bound lower, upper;
    struct cdb_value floor, ceiling;
    bool all; /* any value whatever; nothing of the above counts */
};

struct cdb_plan {
    enum cdb_plan_kind kind;
    const struct cdb_query_node *node; /* what it comes from */
    struct cdb_query_string field;     /* ptr NULL: the unnamed field */
    double boost;                      /* of it and all above it */
    bool scoring;                      /* what it scores counts */
    size_t leaf;                       /* TERM, PHRASE: which of the weights */
    struct cdb_similarity *similarity; /* TERM, PHRASE: after cdb_stats_collect */
    union {
        struct {
            struct cdb_plan_term *terms; /* TERM: one. PHRASE: the distinct ones */
            size_t term_count;
            uint32_t *words; /* PHRASE: which term stands where */
            size_t word_count;
            uint32_t slop;
        };
        struct {
            struct cdb_plan_interval *intervals;
            size_t interval_count;
        };
        struct {
            struct cdb_query_string prefix; /* FORMS, KEYS: what all begin with */
            struct cdb_pattern *pattern;    /* or NULL */
            struct cdb_fuzzy *fuzzy;        /* FORMS: or NULL; KEYS: none */
            struct cdb_query_string lower, upper;
            bool has_lower, has_upper, include_lower, include_upper; /* KEYS */
        };
        struct {
            struct cdb_plan_list required, optional, excluded;
            uint32_t minimum; /* of optional */
        };
    };
    /* counters, over all parts */
    uint64_t df, documents, form_count, postings, blocks, skipped, verified;
    const char *how;
    /* while hits are explained: its scorer in the segment at hand */
    struct cdb_scorer *scorer;
    bool explained;
};

struct cdb_plan_tree {
    struct cdb_plan *root;
    size_t leaves; /* TERM and PHRASE nodes that score */
};

/* All memory is the arena's, the query's texts are borrowed. CHRONDB_ESYSTEM without memory. */
int cdb_plan_make(struct cdb_plan_tree *tree, struct cdb_arena *arena, struct cdb_analyzer *analyzer,
                  const struct cdb_query_node *query);

/* What a value of a query can be: a string, and the number or literal that it reads as. Up to two, their number. */
size_t cdb_plan_readings(const struct cdb_query_value *value, struct cdb_plan_bound out[2]);

#endif
