/* SPDX-License-Identifier: MIT
 *
 * Patterns with * and ? held against words and keys, in time linear in the word.
 *
 * The pattern is run as a nondeterministic automaton, its states as bits (Baeza-Yates and Gonnet, "A new approach to
 * text searching", 1992): bit i says that what was read matches the first i characters of the pattern. A ? is a
 * character that anything matches, a * after i characters a loop at state i. */
#ifndef CDB_QUERY_PATTERN_H
#define CDB_QUERY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/node.h"

/* Patterns of more characters match nothing: no word or key is that long. */
#define CDB_PATTERN_MAX 2048

struct cdb_pattern {
    struct cdb_query_string prefix; /* what a match begins with; it may be empty */
    struct cdb_query_string suffix; /* what it ends with */
    size_t length;                  /* characters without stars: a match has as many or more bytes */
    size_t words;                   /* of 64 states; 0: matches nothing */
    uint64_t *loops;                /* states with a star */
    uint64_t *any;                  /* states that any character leads to */
    uint64_t *masks;      /* for each distinct character: the states that it leads to; the first: for others */
    uint32_t *characters; /* open addressing: character + 1, or 0 */
    uint16_t *mask_of;    /* beside it: which of the masks */
    size_t slots;         /* a power of two */
    uint16_t ascii[128];
    uint64_t *state; /* two rows of `words` */
};

/* The pieces' texts are borrowed, all else is in the arena. CHRONDB_ESYSTEM without memory. */
int cdb_pattern_init(struct cdb_pattern *pattern, struct cdb_arena *arena, const struct cdb_query_pattern *pieces);
/* Does the whole text match? Bytes that are not UTF-8 count as a character each. */
bool cdb_pattern_matches(const struct cdb_pattern *pattern, const char *text, size_t len);

#endif
