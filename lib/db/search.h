/* A search: what its parts share. */
#ifndef CDB_DB_SEARCH_H
#define CDB_DB_SEARCH_H

#include "db/ft_view.h"
#include "query/ast.h"
#include "query/highlight.h"
#include "query/search.h"
#include "util/arena.h"

struct chrondb_search {
    chrondb *db;
    chrondb_search_options options;
    struct cdb_ft_state state;
    char commit[CDB_OID_HEX + 1];
    struct cdb_ft_reader *reader;
    struct cdb_analyzer *analyzer;
    struct cdb_arena arena; /* of the query, and what is told about hits */
    const struct cdb_query_node *query;
    struct cdb_search_options asked;
    struct cdb_search_result result;
    chrondb_facet **facets; /* in the arena */
    bool document_failed;   /* it is git that is damaged, not the index */
    size_t next;
    struct cdb_buf value;
    struct cdb_highlight *marks;
    chrondb_mark *told_marks;
};

/* ---- search_options.c: what is asked, as lib/query takes it ---- */

int cdb_search_read_options(struct chrondb_search *search);
/* What a query in JSON says beside, where the options do not. */
int cdb_search_add_ast(struct chrondb_search *search, const struct cdb_query_ast *ast);

/* ---- search_result.c ---- */

/* The document of a key in the state, instead of what `out` holds. */
int cdb_search_document(struct chrondb_search *search, const char *key_text, size_t len, struct cdb_buf *out);
/* After a run: in the words of the public header. */
int cdb_search_tell_facets(struct chrondb_search *search);

#endif
