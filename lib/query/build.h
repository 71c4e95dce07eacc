/* Building trees: what the two parsers share. A function that returns NULL or false had no memory; the error is set. */
#ifndef CDB_QUERY_BUILD_H
#define CDB_QUERY_BUILD_H

#include "query/node.h"

struct cdb_query_builder {
    struct cdb_arena *arena;
    size_t clauses; /* nodes that are not BOOLEAN, so far; whoever makes one checks it against the limit */
};

/* A node of boost 1 without a field. */
struct cdb_query_node *cdb_query_new(struct cdb_query_builder *builder, enum cdb_query_kind kind);

/* What a pattern means that may be of wildcards only, or of none: the node is made ALL, EXISTS, TEXT or KEY where it is
 * one of these, else WILDCARD (KEY_PATTERN for keys). `field` is ignored for keys; `op` is a TEXT's. */
struct cdb_query_node *cdb_query_new_pattern(struct cdb_query_builder *builder, struct cdb_query_pattern pattern,
                                             bool is_key, struct cdb_query_string field, enum cdb_query_operator op);

/* A range, or what it is without bounds: ALL for keys, else EXISTS. */
struct cdb_query_node *cdb_query_new_range(struct cdb_query_builder *builder, struct cdb_query_range range, bool is_key,
                                           struct cdb_query_string field);

enum cdb_query_occur { CDB_QUERY_MUST, CDB_QUERY_SHOULD, CDB_QUERY_MUST_NOT, CDB_QUERY_FILTER, CDB_QUERY_OCCURS };

/* The clauses of a boolean while it is read. Begins all zero. */
struct cdb_query_items {
    struct cdb_query_item {
        struct cdb_query_node *node;
        enum cdb_query_occur occur;
        struct cdb_query_item *next;
    } * first, *last;
    size_t counts[CDB_QUERY_OCCURS];
};

bool cdb_query_items_add(struct cdb_query_builder *builder, struct cdb_query_items *items, struct cdb_query_node *node,
                         enum cdb_query_occur occur);
/* How many of `should` must match if nobody says. */
uint32_t cdb_query_default_minimum(const struct cdb_query_items *items);
/* The boolean of at least one item; a single one of must or should is returned itself. */
struct cdb_query_node *cdb_query_new_boolean(struct cdb_query_builder *builder, const struct cdb_query_items *items,
                                             uint32_t minimum_should);

/* Digits, perhaps a point and more digits: 0 to CDB_QUERY_MAX_BOOST, rounded to millionths. */
bool cdb_query_read_boost(const char *text, size_t len, float *out);
/* Multiplied onto the node's own; false if that is more than CDB_QUERY_MAX_BOOST. */
bool cdb_query_boost(struct cdb_query_node *node, float boost);
/* In millionths: what is printed. */
uint64_t cdb_query_boost_millionths(float boost);
/* The first node whose boost, multiplied with those above it, exceeds CDB_QUERY_MAX_BOOST; NULL if there is none. */
const struct cdb_query_node *cdb_query_overboosted(const struct cdb_query_node *root);

#endif
