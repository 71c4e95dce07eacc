/* SPDX-License-Identifier: MIT
 *
 * Which bytes of a document's JSON made it a hit of a query. */
#ifndef CDB_QUERY_HIGHLIGHT_H
#define CDB_QUERY_HIGHLIGHT_H

#include <stddef.h>

struct cdb_analyzer;
struct cdb_query_node;

/* Bytes start .. end - 1 of the text, inside the quotes of one string value (escapes are never cut), or a whole number,
 * true, false or null. */
struct cdb_highlight {
    size_t start, end;
};

/* Ascending, not overlapping; *marks is malloced, NULL if there is none. What is marked: the words of text nodes and
 * phrases (of phrases only where the whole phrase is), the words that wildcards and fuzzy terms stand for, exact values
 * and literals, values within ranges; respecting fields; nothing of NOT clauses. Of members with the same name all are
 * looked at. `json` must be valid. Errors: CHRONDB_ESYSTEM without memory. */
int cdb_highlight(struct cdb_highlight **marks, size_t *count, const struct cdb_query_node *query,
                  struct cdb_analyzer *analyzer, const char *json, size_t len);

#endif
