/* SPDX-License-Identifier: MIT
 *
 * What searches are made of, each by itself: patterns, fuzzy words, phrases, scores, cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "brute.h"
#include "index/bytes.h"
#include "index/ft_build.h"
#include "index/ft_view.h"
#include "query/cursor.h"
#include "query/fuzzy.h"
#include "query/parse.h"
#include "query/pattern.h"
#include "query/phrase.h"
#include "query/search.h"
#include "query/similarity.h"
#include "random.h"
#include "util/array.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- patterns ----------------------------------------------------------------------------------- */

/* "a*b?c": pieces in the arena. */
static struct cdb_query_pattern make_pattern(struct cdb_arena *arena, const char *text)
{
    struct cdb_query_piece *pieces = cdb_arena_alloc(arena, (strlen(text) + 1) * sizeof(*pieces));
    size_t count = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, "*?");

        if (len > 0)
            pieces[count++] = (struct cdb_query_piece){CDB_QUERY_LITERAL, {text, len}};
        text += len;
        if (*text == '*' && (count == 0 || pieces[count - 1].kind != CDB_QUERY_STAR))
            pieces[count++] = (struct cdb_query_piece){CDB_QUERY_STAR, {NULL, 0}};
        if (*text == '?')
            pieces[count++] = (struct cdb_query_piece){CDB_QUERY_ONE, {NULL, 0}};
        text += *text != '\0';
    }
    return (struct cdb_query_pattern){pieces, count};
}

static bool matches(const char *pattern, const char *text)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_pattern pieces = make_pattern(&arena, pattern);
    struct cdb_pattern compiled;
    bool match;

    assert_int_equal(cdb_pattern_init(&compiled, &arena, &pieces), 0);
    match = cdb_pattern_matches(&compiled, text, strlen(text));
    cdb_arena_release(&arena);
    return match;
}

static void test_pattern(void **state)
{
    char longer[CDB_PATTERN_MAX + 3] = "*", text[CDB_PATTERN_MAX + 3];

    (void)state;
    assert_true(matches("jo*", "jo"));
    assert_true(matches("jo*", "john"));
    assert_false(matches("jo*", "ajo"));
    assert_true(matches("j?hn", "john"));
    assert_true(matches("j?hn", "jöhn")); /* a character, not a byte */
    assert_false(matches("j?hn", "jhn"));
    assert_true(matches("*son", "son"));
    assert_true(matches("a*b?c*", "axxbbcb"));
    assert_false(matches("ab*ba", "aba"));
    assert_true(matches("*", ""));
    assert_false(matches("?", ""));
    assert_true(matches("??", "日本"));
    assert_false(matches("??", "日"));
    /* More than one word of states, and more than any word has. */
    memset(longer + 1, 'a', 200);
    memset(text, 'a', 300);
    text[300] = '\0';
    assert_true(matches(longer, text));
    longer[200] = 'b';
    assert_false(matches(longer, text));
    memset(longer + 1, 'a', CDB_PATTERN_MAX + 1);
    memset(text, 'a', CDB_PATTERN_MAX + 1);
    text[CDB_PATTERN_MAX + 1] = '\0';
    assert_false(matches(longer, text));
}

static void random_text(struct random *random, char *out, size_t max, const char *alphabet)
{
    size_t len = random_below(random, max + 1);

    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[random_below(random, strlen(alphabet))];
    out[len] = '\0';
}

static void test_patterns_at_random(void **state)
{
    struct random random = random_seed(7);
    size_t count = random_rounds(4000, 20000), found = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        char pattern[90], text[120];
        struct cdb_query_pattern pieces;
        bool expected;

        random_text(&random, pattern, i % 10 == 0 ? 80 : 6, "ab*?");
        random_text(&random, text, i % 10 == 0 ? 110 : 8, "ab");
        pieces = make_pattern(&arena, pattern);
        if (pieces.count > 0 && strlen(pattern) < 30) { /* brute force would take too long */
            expected = brute_pattern(pieces.pieces, pieces.count, text, strlen(text));
            found += expected;
            if (matches(pattern, text) != expected)
                fail_msg("'%s' '%s'", pattern, text);
        }
        cdb_arena_release(&arena);
    }
    assert_true(found > count / 20);
}

/* ---- fuzzy words -------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A sorted list, as a dictionary has it: what is passed over must not match. */
static void check_list(struct random *random, unsigned distance)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_fuzzy fuzzy;
    char word[10], words[300][10];
    const char *before = "";
    size_t dead = 0;

    random_text(random, word, 8, "abc");
    for (size_t i = 0; i < 300; i++)
        random_text(random, words[i], 9, "abc");
    qsort(words, 300, sizeof(words[0]), compare_words);
    assert_int_equal(cdb_fuzzy_init(&fuzzy, &arena, word, strlen(word), distance), 0);
    for (size_t i = 0; i < 300; i++) {
        bool expected = brute_fuzzy(word, words[i], distance);
        size_t shared = 0;

        while (before[shared] != '\0' && before[shared] == words[i][shared])
            shared++;
        if (dead > 0 && shared >= dead) {
            assert_false(expected);
            continue; /* as after a seek: the word before stays what it was */
        }
        if (cdb_fuzzy_matches(&fuzzy, words[i], strlen(words[i]), shared, &dead) != expected)
            fail_msg("'%s'~%u '%s'", word, distance, words[i]);
        before = words[i];
    }
    cdb_arena_release(&arena);
}

static void test_fuzzy(void **state)
{
    struct random random = random_seed(3);
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_fuzzy fuzzy;
    size_t dead, count = random_rounds(100, 400);

    (void)state;
    for (size_t i = 0; i < count; i++)
        check_list(&random, 1 + i % 2);
    /* Characters, not bytes; and no part is changed twice. */
    assert_int_equal(cdb_fuzzy_init(&fuzzy, &arena, "жук", 6, 1), 0);
    assert_true(cdb_fuzzy_matches(&fuzzy, "жак", 6, 0, &dead));
    assert_false(cdb_fuzzy_matches(&fuzzy, "кук", 4, 0, &dead));
    assert_int_equal(cdb_fuzzy_init(&fuzzy, &arena, "ca", 2, 2), 0);
    assert_false(cdb_fuzzy_matches(&fuzzy, "abc", 3, 0, &dead));
    cdb_arena_release(&arena);
}

/* ---- phrases ------------------------------------------------------------------------------------ */

/* Words joined by spaces. */
static size_t split(char *text, char **words, size_t max)
{
    size_t count = 0;

    for (char *word = strtok(text, " "); word != NULL && count < max; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

static float freq_in(const char *text, const char *phrase, uint32_t slop)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    char text_copy[256], phrase_copy[256], *words[32], *wanted[32];
    struct cdb_positions positions[32];
    struct cdb_phrase compiled;
    uint64_t lists[32][32];
    uint32_t terms[32];
    size_t count, wanted_count;
    float freq;

    snprintf(text_copy, sizeof(text_copy), "%s", text);
    snprintf(phrase_copy, sizeof(phrase_copy), "%s", phrase);
    count = split(text_copy, words, 32);
    wanted_count = split(phrase_copy, wanted, 32);
    for (size_t i = 0; i < wanted_count; i++) {
        for (terms[i] = 0; strcmp(wanted[terms[i]], wanted[i]) != 0;)
            terms[i]++;
        positions[i] = (struct cdb_positions){lists[i], 0};
        for (size_t p = 0; p < count; p++)
            if (strcmp(words[p], wanted[i]) == 0)
                lists[i][positions[i].count++] = p;
    }
    assert_int_equal(cdb_phrase_init(&compiled, &arena, terms, wanted_count, slop), 0);
    freq = cdb_phrase_freq(&compiled, positions);
    cdb_arena_release(&arena);
    return freq;
}

/* What Lucene's SloppyPhraseMatcher makes of them (its algorithm, written down again elsewhere). */
static void test_slop(void **state)
{
    static const struct {
        const char *text, *phrase;
        uint32_t slop;
        float freq;
    } cases[] = {
        {"quick brown fox", "quick fox", 0, 0},
        {"quick brown fox", "quick fox", 1, 0.5f},
        {"quick brown fox", "quick fox", 2, 0.5f},
        {"quick fox", "fox quick", 1, 0},
        {"quick fox", "fox quick", 2, 0.3333333f},
        {"fox brown quick", "quick fox", 2, 0},
        {"fox brown quick", "quick fox", 3, 0.25f},
        {"x a 1 2 3 a 4 5 6 a y", "a a a", 5, 0},
        {"x a 1 2 3 a 4 5 6 a y", "a a a", 6, 0.1428571f},
        {"x a a a y", "a a a", 0, 1},
        {"x a a a y", "a a a", 1, 1},
        {"x a a a a y", "a a a", 0, 2},
        {"x a a a a y", "a a a", 1, 2},
        {"drug druggy drug drug drug", "drug drug", 0, 2},
        {"drug druggy drug drug drug", "drug drug", 1, 2.5f},
        {"h h h x x x h h h x x x h h h", "x x x", 2, 2},
        {"h h h x x x h h h x x x h h h", "x x x", 8, 2.5f},
        {"a b a b a", "a b", 0, 2},
        {"a b a b a", "a b", 4, 2},
        {"a x b x x a b", "a b", 0, 1},
        {"a x b x x a b", "a b", 1, 1.5f},
        {"a x b x x a b", "a b", 3, 1.5f},
        {"b a c b a", "a b c", 2, 0.6666667f},
        {"a b c d e", "a c e", 1, 0},
        {"a b c d e", "a c e", 2, 0.3333333f},
        {"e d c b a", "a b c", 3, 0},
        {"e d c b a", "a b c", 4, 0.2f},
        {"a b a", "b a b", 3, 0},
        {"a b a b b", "b a b", 1, 1},
        {"to be or not to be", "be to", 2, 1},
        {"to be or not to be", "to to", 3, 0.25f},
        {"to be or not to be", "to be", 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        float freq = freq_in(cases[i].text, cases[i].phrase, cases[i].slop);

        if (fabsf(freq - cases[i].freq) > 1e-6f)
            fail_msg("\"%s\"~%u in '%s': %g, not %g", cases[i].phrase, cases[i].slop, cases[i].text, (double)freq,
                     (double)cases[i].freq);
    }
}

/* ---- scores ------------------------------------------------------------------------------------- */

static int no_document(void *context, size_t part, uint32_t doc, struct cdb_buf *json)
{
    (void)context, (void)part, (void)doc, (void)json;
    fail_msg("nobody should ask for a document");
    return 0;
}

/* Four documents; the one of 100 words has the length 96 in a byte. The scores are those of Lucene's formula:
 * idf ln(1 + (4 - df + 0.5) / (df + 0.5)), tf / (tf + 1.2 * (0.25 + 0.75 * dl / 28.5)). */
static void test_scores(void **state)
{
    static const struct {
        const char *query, *key;
        double score;
    } cases[] = {
        {"red", "a", 0.2678587},
        {"red", "b", 0.2978824},
        {"red", "d", 0.2207435},
        {"blue", "b", 0.4969735},
        {"blue", "c", 0.1600218},
        {"\"red red\"", "b", 0.5114584},
        {"\"red blue\"", "b", 0.7527027},
        {"red^2.5 OR blue", "b", 1.2416794},
        {"t:red", "d", 0.2207435},
        {"gre*", "d", 1},
        {"grean~^3", "d", 3},
        {"red -blue", "a", 0.2678587},
    };
    struct cdb_buf file = CDB_BUF_INIT, json = CDB_BUF_INIT;
    struct cdb_ft_builder *builder;
    struct cdb_analyzer *analyzer;
    struct cdb_ft_part part = {NULL, NULL};
    struct cdb_ft_view view = {&part, 1, 1, true};

    (void)state;
    assert_int_equal(cdb_analyzer_new(&analyzer, "none"), 0);
    assert_int_equal(cdb_ft_builder_new(&builder, analyzer), 0);
    cdb_buf_adds(&json, "{\"t\":\"blue");
    for (size_t i = 0; i < 99; i++)
        cdb_buf_adds(&json, " y");
    cdb_buf_adds(&json, "\"}");
    assert_int_equal(cdb_ft_builder_add(builder, "a", 1, 0, "{\"t\":\"red\"}", 11), 0);
    assert_int_equal(cdb_ft_builder_add(builder, "b", 1, 0, "{\"t\":\"red red blue\"}", 20), 0);
    assert_int_equal(cdb_ft_builder_add(builder, "c", 1, 0, json.ptr, json.len), 0);
    cdb_buf_clear(&json);
    cdb_buf_adds(&json, "{\"t\":\"green green red z z z z z z z\"}");
    assert_int_equal(cdb_ft_builder_add(builder, "d", 1, 0, json.ptr, json.len), 0);
    assert_int_equal(cdb_ft_builder_finish(builder, &file), 0);
    assert_int_equal(cdb_ft_segment_view(&part.segment, file.ptr, file.len), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cdb_search_options options = {.analyzer = analyzer, .limit = 10, .document = no_document};
        struct cdb_arena arena = CDB_ARENA_INIT;
        const struct cdb_query_node *query;
        struct cdb_search_result result;
        bool found = false;

        assert_int_equal(cdb_query_parse(&query, &arena, cases[i].query, strlen(cases[i].query), CDB_QUERY_OR), 0);
        assert_int_equal(cdb_search_run(&result, &view, query, &options), 0);
        for (size_t h = 0; h < result.count; h++) {
            if (strcmp(result.hits[h].key, cases[i].key) != 0)
                continue;
            found = true;
            if (fabs((double)result.hits[h].score - cases[i].score) > 1e-6)
                fail_msg("%s: %s scores %.7f", cases[i].query, cases[i].key, (double)result.hits[h].score);
        }
        assert_true(found);
        cdb_search_result_release(&result);
        cdb_arena_release(&arena);
    }
    cdb_ft_segment_close(part.segment);
    cdb_ft_builder_free(builder);
    cdb_analyzer_free(analyzer);
    cdb_buf_release(&file);
    cdb_buf_release(&json);
}

/* A bound must hold in the last bit. */
static void test_scores_are_monotonic(void **state)
{
    struct cdb_similarity similarity;

    (void)state;
    for (float average = 0.5f; average < 5000; average *= 3) {
        cdb_similarity_init(&similarity, 1.2345f, average);
        for (unsigned norm = 1; norm < 256; norm++)
            for (uint32_t freq = 1; freq < 40; freq++) {
                float score = cdb_similarity_score(&similarity, freq, (unsigned char)norm);

                assert_true(score <= cdb_similarity_score(&similarity, freq + 1, (unsigned char)norm));
                assert_true(score <= cdb_similarity_score(&similarity, freq, (unsigned char)(norm - 1)));
            }
    }
}

/* ---- cursors ------------------------------------------------------------------------------------ */

static int decode(struct cdb_cursor *cursor, const char *text)
{
    static struct cdb_arena arena;

    cdb_arena_release(&arena);
    return cdb_cursor_decode(cursor, &arena, text);
}

static void test_cursor(void **state)
{
    struct cdb_weight weights[3] = {{1.5f, 20}, {0, 0}, {0.25f, 1e6f}};
    struct cdb_cursor cursor = {.hash = UINT64_C(0x123456789abcdef0),
                                .score = 7.25f,
                                .weights = weights,
                                .weight_count = 3,
                                .key = "user:é",
                                .key_len = 7};
    struct cdb_cursor again;
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_oid commit;

    (void)state;
    memset(cursor.commit.id, 0xfb, sizeof(cursor.commit.id));
    cdb_cursor_encode(&text, &cursor);
    assert_int_equal(strspn(text.ptr, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), text.len);
    assert_int_equal(decode(&again, text.ptr), 0);
    assert_true(cdb_oid_equal(&again.commit, &cursor.commit) && again.hash == cursor.hash);
    assert_true(again.score == cursor.score && again.weight_count == 3);
    assert_memory_equal(again.weights, weights, sizeof(weights));
    assert_string_equal(again.key, cursor.key);
    assert_int_equal(cdb_search_cursor_commit(text.ptr, &commit), 0);
    assert_true(cdb_oid_equal(&commit, &cursor.commit));
    /* Any character that is another one, and any beginning, is told. */
    for (size_t i = 0; i < text.len; i++) {
        char was = text.ptr[i];

        text.ptr[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(decode(&again, text.ptr), CHRONDB_EUSAGE);
        assert_string_equal(chrondb_last_error()->name, "invalid_cursor");
        text.ptr[i] = '\0';
        assert_int_equal(decode(&again, text.ptr), CHRONDB_EUSAGE);
        text.ptr[i] = was;
    }
    /* What nobody could have been given: the checksum is right. */
    for (size_t bad = 0; bad < 4; bad++) {
        struct cdb_buf made = CDB_BUF_INIT;
        struct cdb_cursor hostile = cursor;

        hostile.score = bad == 0 ? NAN : bad == 1 ? -1 : cursor.score;
        weights[1].weight = bad == 2 ? INFINITY : 0;
        hostile.key_len = bad == 3 ? 0 : cursor.key_len;
        cdb_cursor_encode(&made, &hostile);
        assert_int_equal(decode(&again, made.ptr), CHRONDB_EUSAGE);
        cdb_buf_release(&made);
    }
    assert_int_equal(decode(&again, ""), CHRONDB_EUSAGE);
    assert_int_equal(decode(&again, "é"), CHRONDB_EUSAGE);
    cdb_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern), cmocka_unit_test(test_patterns_at_random),
        cmocka_unit_test(test_fuzzy),   cmocka_unit_test(test_slop),
        cmocka_unit_test(test_scores),  cmocka_unit_test(test_scores_are_monotonic),
        cmocka_unit_test(test_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
