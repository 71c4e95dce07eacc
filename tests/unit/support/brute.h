/* SPDX-License-Identifier: MIT
 *
 * What a search should find, the slow and obvious way: every document is looked at for every query, with nothing of
 * lib/index and of lib/query but the tree that a query was parsed to. What words are, is lib/text's to say. */
#ifndef TESTS_BRUTE_H
#define TESTS_BRUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"
#include "doc/json.h"
#include "query/node.h"
#include "text/analyzer.h"

struct brute_token {
    char *term, *form;
};

/* A scalar of a document. */
struct brute_scalar {
    char *path;
    size_t path_len;
    enum cdb_json_type type;
    char *text; /* a string's decoded, others as they are written */
    size_t len;
    struct brute_token *tokens; /* of a string */
    size_t count;
};

struct brute_document {
    char *key;
    char *json;
    size_t len;
    struct brute_scalar *scalars; /* in the order of the text */
    size_t count, room;
};

struct brute {
    struct cdb_analyzer *analyzer;
    struct brute_document *list; /* in the order of the keys */
    size_t count, room;
};

/* All documents of the snapshot, as `list` has them. */
void brute_open(struct brute *brute, struct cdb_analyzer *analyzer, chrondb_snapshot *snapshot);
/* One more; keys must ascend. */
void brute_add(struct brute *brute, const chrondb_entry *entry);
void brute_close(struct brute *brute);

/* The order of --sort: null < false < true < numbers < strings. */
int brute_compare(const struct brute_scalar *a, const struct brute_scalar *b);
/* Is it in the field, which is NULL for all? */
bool brute_within(const struct brute_scalar *scalar, const char *field, size_t len);
/* The smallest (or largest) value of a document in the field, or NULL. */
const struct brute_scalar *brute_extreme(const struct brute_document *document, const char *field, bool largest);

/* The words of a text. */
void brute_analyze(struct cdb_analyzer *analyzer, const char *text, size_t len, struct brute_token **tokens,
                   size_t *count);
void brute_tokens_free(struct brute_token *tokens, size_t count);

/* Which documents a query finds, and their scores; one each, of brute->count. */
struct brute_answer {
    bool *matches;
    double *scores;
};

void brute_answer_init(struct brute_answer *answer, const struct brute *brute);
void brute_answer_release(struct brute_answer *answer);
void brute_evaluate(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer);

/* ---- inside ---- */

/* BM25 as Lucene 8 computes it, with its lengths of one byte. */
unsigned brute_length_encode(unsigned length);
unsigned brute_length_decode(unsigned byte);
double brute_idf(double documents, double df);
double brute_bm25(double boost, double idf, double tf, unsigned length, double average);

/* How often a document has the phrase, as Lucene counts: exactly, or each place by how far it is apart. False: not at
 * all. */
bool brute_phrase(const struct brute_scalar *scalar, const struct brute_token *words, size_t count, unsigned slop,
                  double *frequency);

/* Does a text match the pattern, all of it? */
bool brute_pattern(const struct cdb_query_piece *pieces, size_t count, const char *text, size_t len);
/* Are they within that distance (optimal string alignment, in characters)? */
bool brute_fuzzy(const char *a, const char *b, unsigned distance);

#endif
