/* SPDX-License-Identifier: MIT
 *
 * What a segment of words should say of its documents: an inverted index in plain memory, sorted lists of everything,
 * and comparisons with the real one. What words are is lib/text's to say, and lib/index/document.h what scalars are. */
#ifndef TESTS_WORDS_H
#define TESTS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/ft_segment.h"
#include "index/path.h"
#include "random.h"
#include "text/analyzer.h"

/* A document: a version of a key. */
struct words_doc {
    char *key;
    uint32_t from;
    char *json; /* NULL: it is not JSON */
};

struct words_token {
    char *term, *form;
    uint32_t path, row;
    uint32_t doc;
    uint64_t position;
};

struct words_scalar {
    uint32_t path, doc;
};

struct words {
    struct words_doc *docs; /* by key, from */
    size_t doc_count, doc_room;
    struct words_token *tokens; /* by term, row, document, position */
    size_t token_count, token_room;
    struct words_scalar *scalars;
    size_t scalar_count, scalar_room;
    struct cdb_paths paths;
    uint32_t *order; /* the paths that have scalars, or are above such, by their texts: row - 1 is the place */
    uint32_t *row;   /* by path; 0: none */
    uint32_t rows;
};

/* Copies; in any order. */
void words_add(struct words *words, const char *key, uint32_t from, const char *json);
/* When all are there. */
void words_index(struct words *words, struct cdb_analyzer *analyzer);
void words_release(struct words *words);
/* One document of those that were added last, as it is. */
char *words_random_json(struct random *random);
/* So many versions of keys. */
void words_random(struct words *words, struct random *random, size_t count);

/* A segment of them, or of those first .. last - 1; a file in memory to be closed with words_close. */
struct words_file {
    struct cdb_buf bytes;
    struct cdb_ft_segment *segment;
};
void words_build(const struct words *words, size_t first, size_t last, struct cdb_analyzer *analyzer,
                 struct words_file *out);
void words_close(struct words_file *file);

/* All of it is as it should be. (support/words_check.c) */
void words_check(const struct words *words, struct cdb_ft_segment *segment, struct random *random);

#endif
