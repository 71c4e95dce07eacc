/* SPDX-License-Identifier: MIT
 *
 * Characters: their classes, and how they are folded. The rules are in analyzer.h. */
#ifndef CDB_TEXT_CHARS_H
#define CDB_TEXT_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/language.h"
#include "util/buf.h"
#include "util/utf8.h"

enum cdb_class { CDB_SEPARATOR = 1, CDB_IGNORED, CDB_MARK, CDB_LETTER, CDB_DIGIT, CDB_CJK };

#define CDB_MARKS_MAX 16 /* marks in a row that count */

/* A letter, digit or CJK character with the marks that follow it, or marks alone. */
struct cdb_cluster {
    enum cdb_class class;
    size_t end; /* in the text, behind its last mark */
    size_t word_len, form_len;
    char word[128]; /* case-folded */
    char form[128]; /* without diacritics too */
};

#define CDB_CHARS_KNOWN 0x3000
#define CDB_KNOWN_MAX   4

/* What is known of a character; made when it is asked for first. */
struct cdb_known {
    uint8_t class; /* enum cdb_class; 0: nothing is known yet */
    bool alone;    /* the rest is there: how it is folded when no mark follows */
    uint8_t word_len, form_len;
    char word[CDB_KNOWN_MAX], form[CDB_KNOWN_MAX]; /* then zeros */
};

struct cdb_chars {
    struct cdb_language language;
    struct cdb_known *known; /* CDB_CHARS_KNOWN of them */
};

/* CHRONDB_ESYSTEM (memory). */
int cdb_chars_init(struct cdb_chars *chars, const struct cdb_language *language);
void cdb_chars_release(struct cdb_chars *chars);

/* Make known the character that `text` begins with, of `width` bytes. */
void cdb_chars_learn(struct cdb_chars *chars, uint32_t code, const char *text, size_t width);

/* What is known of the character at `at`, and its width. NULL if it is none, there is none, or it is not below
 * CDB_CHARS_KNOWN. */
static inline const struct cdb_known *cdb_chars_known(struct cdb_chars *chars, const char *text, size_t len, size_t at,
                                                      size_t *width)
{
    const unsigned char *p = (const unsigned char *)text + at;
    uint32_t code;

    *width = at < len ? cdb_utf8_width(text + at, len - at) : 0;
    if (*width == 1)
        code = p[0];
    else if (*width == 2)
        code = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    else if (*width == 3 && p[0] <= 0xe2)
        code = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    else
        return NULL;
    if (chars->known[code].class == 0)
        cdb_chars_learn(chars, code, text + at, *width);
    return &chars->known[code];
}

/* Can nothing that belongs to the character before be at `at`, for which cdb_chars_known gave `known`? */
static inline bool cdb_chars_ends(const struct cdb_known *known, size_t len, size_t at)
{
    return known != NULL ? known->class != CDB_MARK && known->class != CDB_IGNORED : at >= len;
}

/* The class of the character at `at`, below `len`, and how many bytes it has (1 if it is none). */
enum cdb_class cdb_chars_class(struct cdb_chars *chars, const char *text, size_t len, size_t at, size_t *width);

/* Fold what is at `at`, which is a mark, letter, digit or of CJK. `*marks` is 0 at first, and then what the call before
 * left, when this character follows that cluster. */
void cdb_chars_cluster(struct cdb_chars *chars, const char *text, size_t len, size_t at, unsigned *marks,
                       struct cdb_cluster *out);

/* Is the character at `at` one of CJK that folding leaves as it is, and nothing follows that may belong to it? */
bool cdb_chars_is_plain(const char *text, size_t len, size_t at);

/* How many bytes the apostrophe at `at` has; 0 if it is none. */
size_t cdb_chars_apostrophe(const char *text, size_t len, size_t at);

/* As cdb_analyzer_fold. */
int cdb_chars_fold(struct cdb_chars *chars, const char *text, size_t len, struct cdb_buf *out);

#endif
