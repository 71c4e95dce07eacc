/* SPDX-License-Identifier: MIT */
#include "text/analyzer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/chars.h"
#include "text/language.h"
#include "text/scan.h"
#include "text/stems.h"
#include "util/error.h"

#define CACHE 65536

/* A word that was found before it is asked for, so that the cache of stems can be fetched from memory meanwhile. */
struct ahead {
    bool there;
    struct cdb_stem_key key;
    struct cdb_scan_word word;
};

struct cdb_analyzer {
    struct cdb_chars chars;
    struct cdb_stems *stems; /* NULL: none */
    struct cdb_scanner scanner;
    unsigned turn; /* which of them is told next */
    struct ahead ahead[2];
};

const char *const *cdb_analyzer_languages(void)
{
    return cdb_language_names();
}

static int unknown(const char *language)
{
    struct cdb_buf names = CDB_BUF_INIT;

    cdb_buf_adds(&names, "there is no language ");
    cdb_buf_add_quoted(&names, language, strlen(language));
    cdb_buf_adds(&names, " to analyse text by; choose one of");
    for (const char *const *name = cdb_language_names(); *name != NULL; name++)
        cdb_buf_addf(&names, " %s%s", *name, name[1] != NULL ? "," : "");
    cdb_error_set(CHRONDB_EUSAGE, "unknown_language", "%s", cdb_buf_str(&names));
    cdb_buf_release(&names);
    return CHRONDB_EUSAGE;
}

int cdb_analyzer_new_tuned(struct cdb_analyzer **out, const char *language, size_t cache, bool slow)
{
    struct cdb_language properties;
    struct cdb_analyzer *analyzer;
    int rc;

    *out = NULL;
    if (!cdb_language_find(&properties, language))
        return unknown(language);
    analyzer = calloc(1, sizeof(*analyzer));
    if (analyzer == NULL)
        return cdb_error_memory();
    rc = cdb_chars_init(&analyzer->chars, &properties);
    if (rc == 0 && properties.stems)
        rc = cdb_stems_new(&analyzer->stems, language, &analyzer->chars, cache);
    if (rc < 0) {
        cdb_analyzer_free(analyzer);
        return rc;
    }
    cdb_scanner_init(&analyzer->scanner, &analyzer->chars, slow);
    *out = analyzer;
    return 0;
}

int cdb_analyzer_new(struct cdb_analyzer **out, const char *language)
{
    return cdb_analyzer_new_tuned(out, language, CACHE, false);
}

void cdb_analyzer_free(struct cdb_analyzer *analyzer)
{
    if (analyzer == NULL)
        return;
    cdb_stems_free(analyzer->stems);
    cdb_chars_release(&analyzer->chars);
    free(analyzer);
}

int cdb_analyzer_fold(struct cdb_analyzer *analyzer, const char *text, size_t len, struct cdb_buf *out)
{
    return cdb_chars_fold(&analyzer->chars, text, len, out);
}

/* ---- tokens ------------------------------------------------------------------------------------- */

/* The text as the stemmer gets it. */
static const char *stemmed(const struct cdb_scan_word *word, size_t *len)
{
    *len = word->ascii ? word->form_len : word->word_len;
    return word->ascii ? word->form : word->word;
}

/* Find the word after the one that is told next, and ask the cache for its term. */
static void look_ahead(struct cdb_analyzer *analyzer, struct ahead *ahead)
{
    size_t len;
    const char *text;

    ahead->there = cdb_scanner_next(&analyzer->scanner, &ahead->word);
    if (!ahead->there || !ahead->word.stems || analyzer->stems == NULL)
        return;
    text = stemmed(&ahead->word, &len);
    cdb_stems_prepare(analyzer->stems, text, len, &ahead->key);
}

void cdb_analyzer_begin(struct cdb_analyzer *analyzer, const char *text, size_t len)
{
    cdb_scanner_begin(&analyzer->scanner, text, len);
    look_ahead(analyzer, &analyzer->ahead[0]);
    analyzer->turn = 0;
}

int cdb_analyzer_next(struct cdb_analyzer *analyzer, struct cdb_token *out)
{
    struct ahead *ahead = &analyzer->ahead[analyzer->turn];
    const struct cdb_scan_word *word = &ahead->word;
    const char *text;
    size_t len;

    if (!ahead->there)
        return 1;
    analyzer->turn ^= 1;
    look_ahead(analyzer, &analyzer->ahead[analyzer->turn]);
    *out = (struct cdb_token){word->form, word->form_len, word->form, word->form_len, word->start, word->end};
    if (!word->stems || analyzer->stems == NULL)
        return 0;
    text = stemmed(word, &len);
    return cdb_stems_term(analyzer->stems, &ahead->key, text, len, word->form, word->form_len, &out->term,
                          &out->term_len);
}
