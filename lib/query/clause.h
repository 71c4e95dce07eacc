/* A single clause of the query language, and what its field is; lists, operators and groups are parse.c's. */
#ifndef CDB_QUERY_CLAUSE_H
#define CDB_QUERY_CLAUSE_H

#include "query/build.h"
#include "query/lex.h"

/* What is left to read, and what it is read into. */
struct cdb_query_reader {
    struct cdb_query_lex lex;
    struct cdb_query_builder *builder;
    enum cdb_query_operator default_op;
};

/* What a clause looks at. */
enum cdb_query_target_kind {
    CDB_QUERY_TARGET_FIELD, /* a field; the unnamed one if field.ptr is NULL */
    CDB_QUERY_TARGET_KEY,
    CDB_QUERY_TARGET_EXISTS,
    CDB_QUERY_TARGET_MISSING,
    CDB_QUERY_TARGET_ALL /* the "*:" of "*:*" */
};

struct cdb_query_target {
    enum cdb_query_target_kind kind;
    struct cdb_query_string field;
    size_t start, end; /* its spelling, with the colon */
};

/* If "FIELD:" stands here, read it, and set `named`; the target stays as it is if not. */
int cdb_query_read_target(struct cdb_query_reader *in, struct cdb_query_target *target, bool *named);

/* Read what is looked for: a word, a phrase, a range, a comparison, with its fuzziness and boost. `start` is where the
 * clause began, `named` whether its field stood directly before. */
int cdb_query_read_clause(struct cdb_query_reader *in, const struct cdb_query_target *target, bool named, size_t start,
                          struct cdb_query_node **out);

/* Read "[A TO B]" and "{A TO B}"; the reader stands at the bracket. (lib/query/clause_range.c) */
int cdb_query_read_range(struct cdb_query_reader *in, const struct cdb_query_target *target,
                         struct cdb_query_node **out);
/* Read "=A", "<A", "<=A", ">A", ">=A"; the reader stands at the sign. (lib/query/clause_range.c) */
int cdb_query_read_comparison(struct cdb_query_reader *in, const struct cdb_query_target *target,
                              struct cdb_query_node **out);

/* Read "^NUMBER", if it stands here, onto the node. */
int cdb_query_read_boost_suffix(struct cdb_query_reader *in, struct cdb_query_node *node);

#endif
