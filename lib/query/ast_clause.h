/* The clauses of the JSON form: what each type may have, and the node that it is. */
#ifndef CDB_QUERY_AST_CLAUSE_H
#define CDB_QUERY_AST_CLAUSE_H

#include "query/members.h"

/* Add the clauses at `node`, an array of them or a single one, which are `depth` booleans down. */
int cdb_query_read_clauses(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path, unsigned depth,
                           enum cdb_query_occur occur, struct cdb_query_items *items);

#endif
