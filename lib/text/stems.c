/* SPDX-License-Identifier: MIT */
#include "text/stems.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

#include "text/analyzer.h"
#include "util/error.h"
#include "util/utf8.h"

#define WAYS 2
#define LINE 64 /* bytes of the processor's cache that come together */

/* A word, and its term: the beginning of the form, mostly all of the term, and a tail. */
struct slot {
    uint64_t key[CDB_STEM_KEY]; /* the word, then zeros; all zeros: nothing is here */
    uint8_t shared, tail_len;
    char tail[6];
};

/* Where a word may be. The memory of the machine is asked once for it. */
struct set {
    struct slot ways[WAYS]; /* the newer one first */
};

_Static_assert(sizeof(struct set) == LINE, "a set is a line");

struct cdb_stems {
    struct sb_stemmer *stemmer;
    struct cdb_chars *chars;
    void *memory;
    struct set *sets; /* in it, at a line's beginning; NULL: none */
    size_t mask;
    struct cdb_buf folded;
    char term[CDB_FORM_MAX + 1];
};

/* Memory that was never written costs nothing: it is not cleared here. */
static bool make_sets(struct cdb_stems *stems, size_t count)
{
    stems->memory = calloc(count + 1, sizeof(struct set));
    if (stems->memory == NULL)
        return false;
    stems->sets = (struct set *)(((uintptr_t)stems->memory + LINE - 1) / LINE * LINE);
    stems->mask = count - 1;
    return true;
}

int cdb_stems_new(struct cdb_stems **out, const char *language, struct cdb_chars *chars, size_t cache)
{
    struct cdb_stems *stems = calloc(1, sizeof(*stems));

    *out = NULL;
    if (stems == NULL)
        return cdb_error_memory();
    stems->chars = chars;
    stems->stemmer = sb_stemmer_new(language, "UTF_8");
    if (stems->stemmer == NULL || (cache > 0 && !make_sets(stems, cache / WAYS))) {
        cdb_stems_free(stems);
        return cdb_error_memory();
    }
    *out = stems;
    return 0;
}

void cdb_stems_free(struct cdb_stems *stems)
{
    if (stems == NULL)
        return;
    sb_stemmer_delete(stems->stemmer);
    free(stems->memory);
    cdb_buf_release(&stems->folded);
    free(stems);
}

/* ---- stemming ----------------------------------------------------------------------------------- */

static bool is_ascii(const char *text, size_t len)
{
    unsigned char all = 0;

    for (size_t i = 0; i < len; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

/* Ask Snowball. */
static int make(struct cdb_stems *stems, const char *word, size_t word_len, const char *form, size_t form_len,
                const char **term, size_t *term_len)
{
    const char *stem = (const char *)sb_stemmer_stem(stems->stemmer, (const sb_symbol *)word, (int)word_len);
    size_t len;
    int rc;

    if (stem == NULL)
        return cdb_error_memory();
    len = (size_t)sb_stemmer_length(stems->stemmer);
    if (!is_ascii(stem, len)) {
        cdb_buf_clear(&stems->folded);
        rc = cdb_chars_fold(stems->chars, stem, len, &stems->folded);
        if (rc < 0)
            return rc;
        stem = cdb_buf_str(&stems->folded);
        len = stems->folded.len;
    }
    len = cdb_utf8_cut(stem, len, CDB_FORM_MAX);
    *term = len > 0 ? stem : form;
    *term_len = len > 0 ? len : form_len;
    return 0;
}

/* ---- the cache ---------------------------------------------------------------------------------- */

static size_t hash_key(const uint64_t *key)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < CDB_STEM_KEY; i++)
        hash = ((hash ^ hash >> 32) + key[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32);
}

static bool is_key(const struct slot *slot, const uint64_t *key)
{
    uint64_t differs = 0;

    for (size_t i = 0; i < CDB_STEM_KEY; i++)
        differs |= slot->key[i] ^ key[i];
    return differs == 0;
}

/* What a slot says of a word with this form. */
static void recall(struct cdb_stems *stems, const struct slot *slot, const char *form, const char **term,
                   size_t *term_len)
{
    *term = form;
    *term_len = (size_t)slot->shared + slot->tail_len;
    if (slot->tail_len > 0) {
        memcpy(stems->term, form, slot->shared);
        memcpy(stems->term + slot->shared, slot->tail, slot->tail_len);
        *term = stems->term;
    }
}

/* The older one of a set is forgotten for it; nothing is, if the term is too different from the form. */
static void remember(struct set *set, const uint64_t *key, const char *form, size_t form_len, const char *term,
                     size_t term_len)
{
    struct slot *slot = &set->ways[0];
    size_t shared = 0;

    while (shared < form_len && shared < term_len && form[shared] == term[shared])
        shared++;
    if (term_len - shared > sizeof(slot->tail))
        return;
    set->ways[1] = set->ways[0];
    memcpy(slot->key, key, sizeof(slot->key));
    slot->shared = (uint8_t)shared;
    slot->tail_len = (uint8_t)(term_len - shared);
    memcpy(slot->tail, term + shared, term_len - shared);
}

void cdb_stems_prepare(const struct cdb_stems *stems, const char *word, size_t word_len, struct cdb_stem_key *key)
{
    key->cached = stems->sets != NULL && word_len <= sizeof(key->bytes);
    if (!key->cached)
        return;
    for (size_t i = 0; i < CDB_STEM_KEY; i++) {
        key->bytes[i] = 0;
        if (8 * i < word_len)
            memcpy(&key->bytes[i], word + 8 * i, 8);
    }
    key->set = hash_key(key->bytes) & stems->mask;
    __builtin_prefetch(&stems->sets[key->set]);
}

int cdb_stems_term(struct cdb_stems *stems, const struct cdb_stem_key *key, const char *word, size_t word_len,
                   const char *form, size_t form_len, const char **term, size_t *term_len)
{
    struct set *set;
    int rc;

    if (!key->cached)
        return make(stems, word, word_len, form, form_len, term, term_len);
    set = &stems->sets[key->set];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_key(&set->ways[i], key->bytes)) {
            recall(stems, &set->ways[i], form, term, term_len);
            return 0;
        }
    }
    rc = make(stems, word, word_len, form, form_len, term, term_len);
    if (rc == 0)
        remember(set, key->bytes, form, form_len, *term, *term_len);
    return rc;
}
