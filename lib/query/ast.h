/* Queries as JSON, the form that programs write: chrondb-query(7), AST. Read with the documents' JSON reader, into the
 * same tree as the language's. */
#ifndef CDB_QUERY_AST_H
#define CDB_QUERY_AST_H

#include "query/node.h"

#define CDB_QUERY_MAX_AST  ((size_t)1024 * 1024) /* bytes */
#define CDB_QUERY_MAX_SORT 16

struct cdb_query_sort {
    struct cdb_query_string field;
    bool descending;
};

/* Everything lives in the arena. */
struct cdb_query_ast {
    const struct cdb_query_node *root; /* all clauses must match; ALL if there are none */
    const struct cdb_query_sort *sort;
    size_t sort_count; /* 0: by score */
    bool has_limit, has_offset;
    uint64_t limit, offset;                /* at most INT64_MAX */
    struct cdb_query_string after, branch; /* ptr NULL: not given */
};

/* 0; or CHRONDB_EUSAGE "invalid_query", with the line and column of the place (as cdb_query_parse) and with its path,
 * such as "$.clauses[1].lower", when it is JSON but no query; or CHRONDB_ESYSTEM. */
int cdb_query_ast_parse(struct cdb_query_ast *out, struct cdb_arena *arena, const char *json, size_t len);

#endif
