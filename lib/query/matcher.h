/* SPDX-License-Identifier: MIT
 *
 * What of a query can be seen in a document: words, phrases, patterns and values, without what they are joined to. For
 * marking hits; no index is asked. */
#ifndef CDB_QUERY_MATCHER_H
#define CDB_QUERY_MATCHER_H

#include "query/phrase.h"
#include "query/plan.h"

/* A token of the text at hand. */
struct cdb_matcher_token {
    size_t start, end;
};

/* Where a word of a phrase is. */
struct cdb_matcher_places {
    uint64_t *list;
    size_t count, room;
};

struct cdb_matcher {
    const struct cdb_plan *plan;
    bool active; /* the field at hand is its */
    struct cdb_phrase phrase;
    struct cdb_matcher_places *places; /* PHRASE: by term, in the text at hand */
    struct cdb_positions *positions;
};

struct cdb_matchers {
    struct cdb_arena arena;
    struct cdb_matcher *list;
    size_t count, room;
    struct cdb_matcher_token *tokens; /* of the text at hand */
    size_t token_count, token_room;
};

/* Release it also after an error. CHRONDB_ESYSTEM without memory. The query must live as long. */
int cdb_matchers_init(struct cdb_matchers *matchers, struct cdb_analyzer *analyzer, const struct cdb_query_node *query);
void cdb_matchers_release(struct cdb_matchers *matchers);

/* The path that scalars come from now on. False if nothing of the query is about it. */
bool cdb_matchers_enter(struct cdb_matchers *matchers, const char *path, size_t len);
/* Calls `found` with the bytes of each word of a string that matches, in any order; it returns 0, or an error, which
 * ends it. */
int cdb_matchers_text(struct cdb_matchers *matchers, struct cdb_analyzer *analyzer, const char *text, size_t len,
                      int (*found)(void *context, size_t start, size_t end), void *context);
/* Is the whole scalar (a string decoded) asked for, as a value or within a range? */
bool cdb_matchers_value(const struct cdb_matchers *matchers, enum cdb_json_type type, const char *text, size_t len);

#endif
