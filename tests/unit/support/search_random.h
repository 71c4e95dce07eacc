/* SPDX-License-Identifier: MIT
 *
 * Random documents that are worth searching, and random queries that find some of them: both are made of the same few
 * words, names, numbers and dates, among them all that is awkward. */
#ifndef TESTS_SEARCH_RANDOM_H
#define TESTS_SEARCH_RANDOM_H

#include "random.h"
#include "util/buf.h"

/* A document, as JSON. */
void random_search_document(struct random *random, struct cdb_buf *out);
/* A key of some tables, each with so many ids. */
void random_search_key(struct random *random, size_t ids, struct cdb_buf *out);
/* A query in the query language, well-formed. */
void random_search_query(struct random *random, struct cdb_buf *out);
/* A value of `--sort`: a field or several. */
void random_search_sort(struct random *random, struct cdb_buf *out);
/* The name of a field that documents may have, not escaped for queries. */
const char *random_search_field(struct random *random);

/* The pools behind both. A word may have capitals, accents, another ending, or be of another script. */
const char *random_search_word(struct random *random);
const char *random_search_number(struct random *random);
const char *random_search_date(struct random *random);
/* Longer than 31 bytes, several that differ only behind them. */
const char *random_search_long(struct random *random);

#endif
