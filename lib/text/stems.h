/* SPDX-License-Identifier: MIT
 *
 * The terms of words, by Snowball, and a cache of them. */
#ifndef CDB_TEXT_STEMS_H
#define CDB_TEXT_STEMS_H

#include <stddef.h>

#include "text/chars.h"

struct cdb_stems;

/* `language` is one of libstemmer's, `chars` for it; borrowed. `cache`: how many terms are remembered at most, each in
 * 32 bytes; 0 or a power of two, at least 2. CHRONDB_ESYSTEM (memory). */
int cdb_stems_new(struct cdb_stems **out, const char *language, struct cdb_chars *chars, size_t cache);
void cdb_stems_free(struct cdb_stems *stems);

#define CDB_STEM_KEY 3

/* Where a word is in the cache. */
struct cdb_stem_key {
    bool cached; /* it may be there at all */
    uint64_t bytes[CDB_STEM_KEY];
    size_t set;
};

/* Before the term is wanted, as early as possible: memory is slow, and asked for it here. The word, which has no NUL,
 * is followed by zeros that complete its last eight bytes. */
void cdb_stems_prepare(const struct cdb_stems *stems, const char *word, size_t word_len, struct cdb_stem_key *key);

/* The term of the word that was prepared, whose form is given. It may be in `form`, else it is valid until the next
 * call. CHRONDB_ESYSTEM (memory). */
int cdb_stems_term(struct cdb_stems *stems, const struct cdb_stem_key *key, const char *word, size_t word_len,
                   const char *form, size_t form_len, const char **term, size_t *term_len);

#endif
