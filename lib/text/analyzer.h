/* SPDX-License-Identifier: MIT
 *
 * Text as the words that a search finds it by. The same is done to documents and to queries.
 *
 * WORDS. By their Unicode categories characters are letters (L, Nl, and U+0345), digits (Nd), marks (M, and letters
 * that compatibility takes apart into marks alone, like U+FF9E), ignored (Cf, default ignorables, and U+0640, the
 * Arabic tatweel; but not U+200B), or separators: all others, and bytes that are not UTF-8. A word is a longest run of
 * letters, digits and marks, with a letter or digit in it. Inside it there may be
 *   - ignored characters (soft hyphens, joiners);
 *   - one apostrophe (U+0027, U+2019, U+FF07) directly between two letters (the first one with its marks): "don't" is
 *     one word. Not in Catalan, French, Irish, Italian and Turkish, where it parts an article or a suffix from a word;
 *   - one "." or "," directly between two digits: "3.14", "1,000", "10.0.0.1".
 * All else separates: "foo-bar", "foo_bar" are two words, "a.b@c.d" four. Scripts do not: "iPhone15" is one word.
 *
 * CJK. Letters in U+1100-11FF, 3005-30FF, 3131-318E, 31F0-31FF, 3400-4DBF, 4E00-9FFF, A960-A97F, AC00-D7FF, F900-FAFF,
 * FF66-FFDC, 1AFF0-1B16F and 20000-3FFFF (Hangul, Kana, Han) are no part of other words. A character is such a letter
 * with the marks, and if it is Hangul with up to 16 vowel and final jamo (U+1160-11FF, D7B0-D7FF), that follow. Every
 * two neighbours in a run are a token (overlapping bigrams); a character without a neighbour is one alone. Ignored
 * characters may be anywhere in it.
 *
 * FORMS. The case-folded form of a word: ignored characters are dropped; the rest is taken apart by compatibility
 * (NFKD; but Hangul letters U+3131-318E, FFA0-FFDC stay as they are) with full case folding; what is no letter, digit
 * or mark then is dropped, and of more than 16 marks in a row those beyond; digits of all scripts become 0-9; U+0307
 * behind "i" is dropped; and it is composed (NFC). In Turkish I is case-folded to dotless U+0131; in Romanian the
 * letters with a comma below become those with a cedilla, which Snowball knows. The joining apostrophe becomes U+0027.
 *
 * The form (the folded word) is that without diacritics: marks of combining class 1, 10-36 and 200-240 (those of Latin,
 * Greek, Cyrillic; Hebrew points; Arabic vowels) and enclosing marks (Me) are dropped, but not what tells words apart
 * in Indic scripts and Thai, nor the voicing of Kana; and letters that Unicode does not take apart become plain ones:
 * U+00E6 ae, U+00F0 and U+0111 d, U+00F8 o, U+00FE th, U+0127 h, U+0131 i, U+0138 q, U+0142 l, U+014B n, U+0153 oe,
 * U+0167 t, as in Lucene's ASCIIFoldingFilter. A word whose form is empty is none.
 *
 * TERMS. The term of a word is what Snowball makes of its case-folded form (stemmers know the letters of their language
 * with their diacritics), then folded as above and cut to CDB_FORM_MAX bytes. It is the form itself if that is empty,
 * if the language is "none", for numbers (words without a letter) and for tokens of CJK. There are no stop words.
 *
 * LONG WORDS. A word ends before the letter, digit (each with its marks), apostrophe, "." or "," that would make its
 * form longer than CDB_FORM_MAX bytes, or its case-folded form longer than CDB_WORD_MAX; what follows is analysed as if
 * the text began there. */
#ifndef CDB_TEXT_ANALYZER_H
#define CDB_TEXT_ANALYZER_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"
#include "util/buf.h"

#define CDB_FORM_MAX 255
#define CDB_WORD_MAX 1020

/* Holds a stemmer, a cache of stems (2 MB) and one of characters (0.2 MB), which cost only what is used of them: making
 * one takes microseconds. For one thread at a time. */
struct cdb_analyzer;

/* `language`: one of cdb_analyzer_languages(). Else CHRONDB_EUSAGE, name "unknown_language"; the message names them. */
int cdb_analyzer_new(struct cdb_analyzer **out, const char *language);
/* NULL is allowed. */
void cdb_analyzer_free(struct cdb_analyzer *analyzer);

/* "none", and all algorithms of the libstemmer that is linked; NULL at the end. Static. */
const char *const *cdb_analyzer_languages(void);

struct cdb_token {
    const char *form; /* the folded word: UTF-8, never empty, at most CDB_FORM_MAX bytes, not terminated */
    size_t form_len;
    const char *term; /* its stem, likewise; may be the same memory */
    size_t term_len;
    size_t start, end; /* the bytes of the text that it was made of. Bigrams overlap */
};

/* Start on a text, which is borrowed. It may hold any bytes. */
void cdb_analyzer_begin(struct cdb_analyzer *analyzer, const char *text, size_t len);

/* The next token: 0, 1 if there is none, or CHRONDB_ESYSTEM (memory). What it points to is valid until the next call.
 * Starts ascend. A token's position is its ordinal, which callers count. */
int cdb_analyzer_next(struct cdb_analyzer *analyzer, struct cdb_token *token);

/* Append a pattern's literal text as forms have it: `form` of a token is what this makes of text[start, end). Word
 * characters are folded, ignored ones dropped, apostrophes become U+0027; separators stay as they are (no form but a
 * number or a word with an apostrophe has them), a byte that is not UTF-8 becomes U+FFFD. Nothing is split, stemmed or
 * cut. Folding the result changes nothing. CHRONDB_ESYSTEM (memory). What was begun goes on undisturbed. */
int cdb_analyzer_fold(struct cdb_analyzer *analyzer, const char *text, size_t len, struct cdb_buf *out);

/* For tests: with a cache of that many stems (0: none; else a power of two), and all text on the general path. */
int cdb_analyzer_new_tuned(struct cdb_analyzer **out, const char *language, size_t cache, bool slow);

#endif
