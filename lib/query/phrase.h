/* SPDX-License-Identifier: MIT
 *
 * How often a phrase is in a text, from the positions of its words.
 *
 * Without slop: the number of places where its words stand one behind the other. With slop, as Lucene 8's
 * SloppyPhraseMatcher has it: each word's positions less the word's place in the phrase are walked by the least of
 * them; where the spread between the least and the greatest (the distance that words would have to be moved in all) is
 * smallest and at most the slop, there is a match that counts 1 / (1 + spread). A word that is in the phrase several
 * times takes different positions. */
#ifndef CDB_QUERY_PHRASE_H
#define CDB_QUERY_PHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

struct cdb_positions {
    const uint64_t *list; /* ascending, below 2^62 */
    size_t count;
};

struct cdb_phrase_word {
    uint32_t term;   /* which list of positions */
    uint32_t offset; /* its place in the phrase */
    uint32_t group, group_index;
    size_t next; /* the position that is taken next */
    int64_t at;  /* the current one less the offset */
};

struct cdb_phrase {
    struct cdb_phrase_word *words;
    size_t count;
    uint32_t slop;
    struct cdb_phrase_word **groups; /* words of terms that are in the phrase more than once, by group and offset */
    size_t *group_starts;            /* group g: groups[starts[g]] .. groups[starts[g + 1] - 1] */
    size_t group_count;
    struct cdb_phrase_word **heap, **stack;
    size_t heap_count;
    bool *marks;
    int64_t end;
};

#define CDB_PHRASE_NO_GROUP UINT32_MAX

/* The phrase terms[0] terms[1] ..., at least two: numbers of lists, each below `count`; memory is the arena's.
 * CHRONDB_ESYSTEM without memory. */
int cdb_phrase_init(struct cdb_phrase *phrase, struct cdb_arena *arena, const uint32_t *terms, size_t count,
                    uint32_t slop);
/* 0 if it is not there. `positions` by term. */
float cdb_phrase_freq(struct cdb_phrase *phrase, const struct cdb_positions *positions);
/* Where it is without slop: calls `found` with the first word's position. For marking. */
void cdb_phrase_each(struct cdb_phrase *phrase, const struct cdb_positions *positions,
                     void (*found)(void *context, uint64_t position), void *context);

#endif
