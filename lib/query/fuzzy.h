/* SPDX-License-Identifier: MIT
 *
 * Which of a sorted list of words are within a distance of 1 or 2 of a given one: insertions, deletions and changes of
 * a character, and exchanges of two that are side by side count 1 each, and no part of the word is changed twice
 * ("optimal string alignment", what Lucene's automata accept too). Characters are code points.
 *
 * The table of dynamic programming, of which only the diagonal band matters, is kept for the word before; the next
 * one starts where they part. So a sorted list costs little more than reading it, and what has a beginning from which
 * no match can come is passed over. */
#ifndef CDB_QUERY_FUZZY_H
#define CDB_QUERY_FUZZY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

#define CDB_FUZZY_MAX 2
/* Words of more characters match nothing. */
#define CDB_FUZZY_WORD_MAX 1024

struct cdb_fuzzy_row {
    uint32_t point; /* the character that led here */
    uint32_t end;   /* bytes of the word up to it */
    uint8_t cells[2 * CDB_FUZZY_MAX + 1];
    bool dead; /* no word that begins so matches */
};

struct cdb_fuzzy {
    uint32_t *points; /* of the given word */
    size_t length;
    unsigned distance;
    struct cdb_fuzzy_row *rows; /* length + distance + 1; the first one: nothing read */
    size_t count;               /* rows that hold for the word before */
};

/* Memory is the arena's. CHRONDB_ESYSTEM without memory. `distance` is 1 or 2. */
int cdb_fuzzy_init(struct cdb_fuzzy *fuzzy, struct cdb_arena *arena, const char *word, size_t len, unsigned distance);

/* Is the word within the distance? It shares at least its first `shared` bytes with the one of the call before (0 in
 * the first call). If not, *dead may be set to a number of bytes: no word that begins with so many of its bytes
 * matches; 0 if that cannot be said. */
bool cdb_fuzzy_matches(struct cdb_fuzzy *fuzzy, const char *word, size_t len, size_t shared, size_t *dead);

#endif
