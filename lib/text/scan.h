/* SPDX-License-Identifier: MIT
 *
 * The words of a text, folded: all of analyzer.h but the terms. */
#ifndef CDB_TEXT_SCAN_H
#define CDB_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "text/analyzer.h"
#include "text/chars.h"

/* Behind a form or word are so many zeros at least, which are no part of it, or those that complete eight bytes. */
#define CDB_SCAN_PADDING 8

struct cdb_scan_word {
    size_t start, end; /* in the text */
    bool stems;        /* it has letters, and is not of CJK */
    bool ascii;        /* the case-folded form is the form: `word` is not filled */
    size_t form_len, word_len;
    char form[CDB_FORM_MAX + 1 + CDB_SCAN_PADDING];
    char word[CDB_WORD_MAX + CDB_SCAN_PADDING];
};

struct cdb_scanner {
    struct cdb_chars *chars;
    bool slow; /* no fast path for ASCII */
    const char *text;
    size_t len, at;
    bool cjk, paired; /* behind a character of CJK, which is this; it was in a bigram already */
    size_t cjk_start, cjk_end, cjk_len;
    char cjk_form[sizeof(((struct cdb_cluster *)NULL)->form)];
};

/* `chars` and the text are borrowed. */
void cdb_scanner_init(struct cdb_scanner *scanner, struct cdb_chars *chars, bool slow);
void cdb_scanner_begin(struct cdb_scanner *scanner, const char *text, size_t len);

/* The next word; false if there is none. */
bool cdb_scanner_next(struct cdb_scanner *scanner, struct cdb_scan_word *out);

#endif
