/* SPDX-License-Identifier: MIT
 *
 * Any bytes as text, in the language that the first one chooses: what analyzer.h promises of tokens and of folding, and
 * the same tokens without the path for ASCII and without a cache. */
#include "fuzz/fuzz.h"
#include "text/analyzer.h"
#include "util/utf8.h"

static void check_utf8(const char *text, size_t len)
{
    for (size_t at = 0, width; at < len; at += width) {
        width = cdb_utf8_width(text + at, len - at);
        CHECK(width > 0);
    }
}

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void check_token(struct cdb_analyzer *analyzer, const char *text, size_t len, const struct cdb_token *token,
                        struct cdb_buf *folded)
{
    CHECK(token->form_len > 0 && token->form_len <= CDB_FORM_MAX);
    CHECK(token->term_len > 0 && token->term_len <= CDB_FORM_MAX);
    check_utf8(token->form, token->form_len);
    check_utf8(token->term, token->term_len);
    CHECK(token->start < token->end && token->end <= len);
    cdb_buf_clear(folded);
    CHECK(cdb_analyzer_fold(analyzer, text + token->start, token->end - token->start, folded) == 0);
    CHECK(is_same(folded->ptr, folded->len, token->form, token->form_len));
}

static void check_tokens(struct cdb_analyzer *analyzer, struct cdb_analyzer *plain, const char *text, size_t len)
{
    struct cdb_buf folded = CDB_BUF_INIT;
    struct cdb_token token, other;
    size_t count = 0, last = 0;
    int rc;

    cdb_analyzer_begin(analyzer, text, len);
    cdb_analyzer_begin(plain, text, len);
    while ((rc = cdb_analyzer_next(analyzer, &token)) == 0) {
        CHECK(cdb_analyzer_next(plain, &other) == 0);
        check_token(analyzer, text, len, &token, &folded);
        CHECK(count++ == 0 || token.start > last);
        last = token.start;
        CHECK(token.start == other.start && token.end == other.end);
        CHECK(is_same(token.form, token.form_len, other.form, other.form_len));
        CHECK(is_same(token.term, token.term_len, other.term, other.term_len));
    }
    CHECK(rc == 1);
    CHECK(cdb_analyzer_next(plain, &other) == 1);
    cdb_buf_release(&folded);
}

static void check_fold(struct cdb_analyzer *analyzer, const char *text, size_t len)
{
    struct cdb_buf folded = CDB_BUF_INIT, again = CDB_BUF_INIT;

    CHECK(cdb_analyzer_fold(analyzer, text, len, &folded) == 0);
    check_utf8(folded.ptr, folded.len);
    CHECK(cdb_analyzer_fold(analyzer, cdb_buf_str(&folded), folded.len, &again) == 0);
    CHECK(is_same(cdb_buf_str(&folded), folded.len, cdb_buf_str(&again), again.len));
    cdb_buf_release(&folded);
    cdb_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const *languages = cdb_analyzer_languages();
    struct cdb_analyzer *analyzer, *plain;
    size_t count = 0;

    if (size == 0)
        return 0;
    while (languages[count] != NULL)
        count++;
    CHECK(cdb_analyzer_new_tuned(&analyzer, languages[data[0] % count], 16, false) == 0);
    CHECK(cdb_analyzer_new_tuned(&plain, languages[data[0] % count], 0, true) == 0);
    check_tokens(analyzer, plain, (const char *)data + 1, size - 1);
    check_fold(analyzer, (const char *)data + 1, size - 1);
    cdb_analyzer_free(analyzer);
    cdb_analyzer_free(plain);
    return 0;
}
