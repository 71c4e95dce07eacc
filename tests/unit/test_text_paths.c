/* SPDX-License-Identifier: MIT
 *
 * What makes the analyser fast changes none of its answers: random text, with and without the path for ASCII, with and
 * without the cache of stems; and the forms that come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "text/analyzer.h"

static const char *const pieces[] = {
    "a",      "I",      "walking", "Runs",   "happily",  "0",      "15",     ".",      ",",      "'",
    " ",      "-",      "_",       "\u00e9", "\u0301",   "\u00df", "\u0130", "\u0131", "\u2019", "\u00ad",
    "\u200b", "\u0439", "\u03c2",  "\u0627", "\u0640",   "\u093f", "\u0e33", "\u0345", "\u6771", "\u30ab",
    "\u3099", "\uff9e", "\u1100",  "\u1161", "\u11a8",   "\uac00", "\u3131", "\ufdfa", "\ufe70", "\U0001f600",
    "\u0f71", "\u0663", "\xff",    "\xc3",   "\xe6\x9d", "\uff27", "\u0219", "\u0142", "\u20dd", "\u094d",
};

/* Made of the pieces, or of ASCII alone. */
static void random_text(struct random *random, bool ascii, struct cdb_buf *out)
{
    size_t count = random_below(random, random_chance(random, 5) ? 400 : 30);

    cdb_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        if (!ascii)
            cdb_buf_adds(out, pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))]);
        else if (random_chance(random, 70))
            cdb_buf_addc(out, (char)('a' + random_below(random, 6)));
        else if (random_chance(random, 70))
            cdb_buf_addc(out, "aZI09'.,- s"[random_below(random, 11)]);
        else
            cdb_buf_addc(out, (char)random_below(random, 128));
    }
}

static struct cdb_analyzer *make(const char *language, size_t cache, bool slow)
{
    struct cdb_analyzer *analyzer;

    assert_int_equal(cdb_analyzer_new_tuned(&analyzer, language, cache, slow), 0);
    return analyzer;
}

/* Both find the same. The text is in memory of exactly its size. */
static void compare(struct cdb_analyzer *a, struct cdb_analyzer *b, const struct cdb_buf *text)
{
    char *exact = malloc(text->len > 0 ? text->len : 1);
    struct cdb_token x, y;
    int rc;

    if (text->len > 0)
        memcpy(exact, text->ptr, text->len);
    cdb_analyzer_begin(a, exact, text->len);
    cdb_analyzer_begin(b, exact, text->len);
    do {
        rc = cdb_analyzer_next(a, &x);
        assert_int_equal(cdb_analyzer_next(b, &y), rc);
        if (rc == 0 && (x.start != y.start || x.end != y.end || x.form_len != y.form_len || x.term_len != y.term_len ||
                        memcmp(x.form, y.form, x.form_len) != 0 || memcmp(x.term, y.term, x.term_len) != 0))
            fail_msg("\"%s\": %.*s/%.*s and %.*s/%.*s", cdb_buf_str(text), (int)x.form_len, x.form, (int)x.term_len,
                     x.term, (int)y.form_len, y.form, (int)y.term_len, y.term);
    } while (rc == 0);
    assert_int_equal(rc, 1);
    free(exact);
}

static void fast_path(void **state)
{
    static const char *const languages[] = {"none", "english", "french", "turkish"};
    struct random random = random_seed(4);
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    for (size_t l = 0; l < sizeof(languages) / sizeof(languages[0]); l++) {
        struct cdb_analyzer *fast = make(languages[l], 1024, false), *slow = make(languages[l], 1024, true);

        for (int i = 0; i < 10000; i++) {
            random_text(&random, i % 4 != 0, &text);
            compare(fast, slow, &text);
        }
        cdb_analyzer_free(fast);
        cdb_analyzer_free(slow);
    }
    cdb_buf_release(&text);
}

static void cache(void **state)
{
    struct random random = random_seed(5);
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    for (const char *const *language = cdb_analyzer_languages(); *language != NULL; language++) {
        struct cdb_analyzer *tiny = make(*language, 8, false), *large = make(*language, 65536, false);
        struct cdb_analyzer *none = make(*language, 0, false);

        for (int i = 0; i < 500; i++) {
            random_text(&random, i % 2 == 0, &text);
            compare(tiny, none, &text);
            compare(large, none, &text);
        }
        cdb_analyzer_free(tiny);
        cdb_analyzer_free(large);
        cdb_analyzer_free(none);
    }
    cdb_buf_release(&text);
}

/* What analyzer.h promises of every token. */
static void check_token(struct cdb_analyzer *analyzer, const struct cdb_buf *text, const struct cdb_token *token,
                        struct cdb_buf *folded)
{
    assert_in_range(token->form_len, 1, CDB_FORM_MAX);
    assert_in_range(token->term_len, 1, CDB_FORM_MAX);
    assert_true(token->start < token->end && token->end <= text->len);
    cdb_buf_clear(folded);
    assert_int_equal(cdb_analyzer_fold(analyzer, text->ptr + token->start, token->end - token->start, folded), 0);
    if (folded->len != token->form_len || memcmp(folded->ptr, token->form, token->form_len) != 0)
        fail_msg("\"%s\": \"%s\" is folded to %.*s", cdb_buf_str(text), cdb_buf_str(folded), (int)token->form_len,
                 token->form);
}

static void forms(void **state)
{
    struct random random = random_seed(6);
    struct cdb_buf text = CDB_BUF_INIT, folded = CDB_BUF_INIT, again = CDB_BUF_INIT;
    struct cdb_analyzer *analyzer = make("english", 1024, false);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct cdb_token token;
        size_t last = 0;

        random_text(&random, i % 4 == 0, &text);
        cdb_analyzer_begin(analyzer, cdb_buf_str(&text), text.len);
        for (bool first = true; cdb_analyzer_next(analyzer, &token) == 0; first = false) {
            assert_true(first || token.start > last);
            last = token.start;
            check_token(analyzer, &text, &token, &folded);
        }
        cdb_buf_clear(&folded);
        assert_int_equal(cdb_analyzer_fold(analyzer, cdb_buf_str(&text), text.len, &folded), 0);
        cdb_buf_clear(&again);
        assert_int_equal(cdb_analyzer_fold(analyzer, cdb_buf_str(&folded), folded.len, &again), 0);
        if (strcmp(cdb_buf_str(&folded), cdb_buf_str(&again)) != 0)
            fail_msg("\"%s\" is folded to \"%s\" and then \"%s\"", cdb_buf_str(&text), cdb_buf_str(&folded),
                     cdb_buf_str(&again));
    }
    cdb_buf_release(&text);
    cdb_buf_release(&folded);
    cdb_buf_release(&again);
    cdb_analyzer_free(analyzer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_path),
        cmocka_unit_test(cache),
        cmocka_unit_test(forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
