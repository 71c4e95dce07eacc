/* The query language, chrondb-query(7): text to a tree. By recursive descent, whose depth is bounded by
 * CDB_QUERY_MAX_DEPTH; linear in the text. */
#ifndef CDB_QUERY_PARSE_H
#define CDB_QUERY_PARSE_H

#include "query/build.h"
#include "query/node.h"

/* The tree of the query, in the arena; clauses that stand side by side are joined by the default operator. 0, or
 * CHRONDB_EUSAGE "invalid_query": what was expected, with the line and column (both from 1, in characters) of the
 * place, at most one behind the last character. cdb_query_mark (lex.h) shows it. */
int cdb_query_parse(const struct cdb_query_node **out, struct cdb_arena *arena, const char *text, size_t len,
                    enum cdb_query_operator default_op);

/* The same as a part of a larger tree, `depth` booleans down, whose clauses count together. Boosts above the part are
 * not considered. */
int cdb_query_parse_within(struct cdb_query_node **out, struct cdb_query_builder *builder, const char *text, size_t len,
                           enum cdb_query_operator default_op, unsigned depth);

#endif
