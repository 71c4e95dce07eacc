/* SPDX-License-Identifier: MIT
 *
 * Which documents a query finds (brute.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "brute.h"

void brute_answer_init(struct brute_answer *answer, const struct brute *brute)
{
    answer->matches = calloc(brute->count + 1, sizeof(*answer->matches));
    answer->scores = calloc(brute->count + 1, sizeof(*answer->scores));
    assert_true(answer->matches != NULL && answer->scores != NULL);
}

void brute_answer_release(struct brute_answer *answer)
{
    free(answer->matches);
    free(answer->scores);
}

/* ---- words -------------------------------------------------------------------------------------------- */

static bool is_in(const struct brute_scalar *scalar, struct cdb_query_string field)
{
    return brute_within(scalar, field.ptr, field.len);
}

/* What BM25 needs to know of a field. */
struct statistics {
    double documents, average;
    unsigned *lengths; /* of each document */
};

static void count_words(const struct brute *brute, struct cdb_query_string field, struct statistics *out)
{
    double sum = 0;

    *out = (struct statistics){.lengths = calloc(brute->count + 1, sizeof(*out->lengths))};
    assert_non_null(out->lengths);
    for (size_t d = 0; d < brute->count; d++) {
        for (size_t i = 0; i < brute->list[d].count; i++)
            if (is_in(&brute->list[d].scalars[i], field))
                out->lengths[d] += (unsigned)brute->list[d].scalars[i].count;
        out->documents += out->lengths[d] > 0;
        sum += out->lengths[d];
    }
    out->average = out->documents > 0 ? sum / out->documents : 1;
}

static unsigned times(const struct brute_scalar *scalar, const struct brute_token *word)
{
    unsigned count = 0;

    for (size_t i = 0; i < scalar->count; i++)
        count += strcmp(scalar->tokens[i].term, word->term) == 0;
    return count;
}

static unsigned times_in(const struct brute_document *document, struct cdb_query_string field,
                         const struct brute_token *word)
{
    unsigned count = 0;

    for (size_t i = 0; i < document->count; i++)
        if (is_in(&document->scalars[i], field))
            count += times(&document->scalars[i], word);
    return count;
}

static double idf_of(const struct brute *brute, struct cdb_query_string field, const struct brute_token *word,
                     double documents)
{
    double df = 0;

    for (size_t d = 0; d < brute->count; d++)
        df += times_in(&brute->list[d], field, word) > 0;
    return brute_idf(documents, df);
}

/* A hit's part, rounded as the library does. */
static void add_hit(struct brute_answer *answer, size_t document, double score)
{
    answer->matches[document] = true;
    answer->scores[document] += (float)score;
}

static void evaluate_word(const struct brute *brute, const struct cdb_query_node *node, const struct brute_token *word,
                          struct brute_answer *answer)
{
    struct statistics statistics;

    count_words(brute, node->field, &statistics);
    double idf = idf_of(brute, node->field, word, statistics.documents);
    for (size_t d = 0; d < brute->count; d++) {
        unsigned tf = times_in(&brute->list[d], node->field, word);
        if (tf > 0)
            add_hit(answer, d, brute_bm25((double)node->boost, idf, tf, statistics.lengths[d], statistics.average));
    }
    free(statistics.lengths);
}

/* All of several words, in a row or nearly so. */
static void evaluate_row(const struct brute *brute, const struct cdb_query_node *node, const struct brute_token *words,
                         size_t count, struct brute_answer *answer)
{
    struct statistics statistics;
    double idf = 0;

    count_words(brute, node->field, &statistics);
    for (size_t i = 0; i < count; i++)
        idf += idf_of(brute, node->field, &words[i], statistics.documents);
    for (size_t d = 0; d < brute->count; d++) {
        const struct brute_document *document = &brute->list[d];
        double sum = 0, frequency;
        bool found = false;
        for (size_t i = 0; i < document->count; i++)
            if (is_in(&document->scalars[i], node->field) &&
                brute_phrase(&document->scalars[i], words, count, node->phrase.slop, &frequency)) {
                found = true;
                sum += frequency;
            }
        if (found)
            add_hit(answer, d, brute_bm25((double)node->boost, idf, sum, statistics.lengths[d], statistics.average));
    }
    free(statistics.lengths);
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* The scalars that a value in a query can stand for: `out` has room for two. */
static size_t read_value(const struct cdb_query_value *value, struct brute_scalar *out)
{
    static const struct {
        const char *text;
        enum cdb_json_type type;
    } literals[] = {{"null", CDB_JSON_NULL}, {"false", CDB_JSON_FALSE}, {"true", CDB_JSON_TRUE}};
    const char *text = value->text.ptr;
    size_t count = 0;

    if (value->type == CDB_QUERY_OPEN)
        return 0;
    if (value->type == CDB_QUERY_UNTYPED || value->type == CDB_QUERY_STRING)
        out[count++] =
            (struct brute_scalar){.type = CDB_JSON_STRING, .text = (char *)(uintptr_t)text, .len = value->text.len};
    if (value->type == CDB_QUERY_STRING)
        return count;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(text, literals[i].text) == 0)
            out[count++] = (struct brute_scalar){.type = literals[i].type};
    if ((*text == '-' || (*text >= '0' && *text <= '9')) && strlen(text) == value->text.len &&
        cdb_json_check(text, value->text.len) == 0)
        out[count++] =
            (struct brute_scalar){.type = CDB_JSON_NUMBER, .text = (char *)(uintptr_t)text, .len = value->text.len};
    return count;
}

static bool has_value(const struct brute_document *document, struct cdb_query_string field,
                      const struct brute_scalar *value)
{
    for (size_t i = 0; i < document->count; i++)
        if (is_in(&document->scalars[i], field) && brute_compare(&document->scalars[i], value) == 0)
            return true;
    return false;
}

static void evaluate_exact(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    struct brute_scalar values[2];
    size_t count = read_value(&node->exact, values);

    for (size_t d = 0; d < brute->count; d++)
        for (size_t i = 0; i < count; i++)
            if (has_value(&brute->list[d], node->field, &values[i]))
                add_hit(answer, d, (double)node->boost);
}

/* Words, or, in a field, the number or literal that the text is. */
static void evaluate_text(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    struct cdb_query_value value = {CDB_QUERY_UNTYPED, node->text.text};
    struct brute_scalar values[2];
    struct brute_token *words;
    size_t count, *found = calloc(brute->count + 1, sizeof(*found));

    assert_non_null(found);
    brute_analyze(brute->analyzer, node->text.text.ptr, node->text.text.len, &words, &count);
    for (size_t i = 0; i < count; i++) {
        struct brute_answer one;
        brute_answer_init(&one, brute);
        evaluate_word(brute, node, &words[i], &one);
        for (size_t d = 0; d < brute->count; d++) {
            found[d] += one.matches[d];
            answer->scores[d] += one.scores[d];
        }
        brute_answer_release(&one);
    }
    for (size_t d = 0; d < brute->count; d++) {
        answer->matches[d] = node->text.op == CDB_QUERY_AND ? count > 0 && found[d] == count : found[d] > 0;
        if (!answer->matches[d])
            answer->scores[d] = 0;
    }
    if (node->field.ptr != NULL && read_value(&value, values) == 2)
        for (size_t d = 0; d < brute->count; d++)
            if (has_value(&brute->list[d], node->field, &values[1]))
                add_hit(answer, d, (double)node->boost);
    brute_tokens_free(words, count);
    free(found);
}

static void evaluate_quoted(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    struct brute_token *words;
    size_t count;

    brute_analyze(brute->analyzer, node->phrase.text.ptr, node->phrase.text.len, &words, &count);
    if (count == 1)
        evaluate_word(brute, node, words, answer);
    else if (count > 1)
        evaluate_row(brute, node, words, count, answer);
    brute_tokens_free(words, count);
}

/* ---- ranges ------------------------------------------------------------------------------------------- */

static bool is_above(const struct brute_scalar *scalar, const struct brute_scalar *bound, bool included)
{
    int order = brute_compare(scalar, bound);

    return order > 0 || (included && order == 0);
}

/* The bounds read as that type; an open one leaves `there` false. False: one of them is no such value. */
static bool read_bound(const struct cdb_query_value *value, enum cdb_json_type type, struct brute_scalar *bound,
                       bool *there)
{
    struct brute_scalar values[2];
    size_t count = read_value(value, values);

    *there = value->type != CDB_QUERY_OPEN;
    for (size_t i = 0; i < count; i++)
        if (values[i].type == type) {
            *bound = values[i];
            return true;
        }
    return !*there;
}

static void evaluate_range(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    static const enum cdb_json_type types[] = {CDB_JSON_NUMBER, CDB_JSON_STRING};
    const struct cdb_query_range *range = &node->range;

    for (size_t t = 0; t < 2; t++) {
        struct brute_scalar lower, upper;
        bool has_lower, has_upper;
        if (!read_bound(&range->lower, types[t], &lower, &has_lower) ||
            !read_bound(&range->upper, types[t], &upper, &has_upper))
            continue;
        for (size_t d = 0; d < brute->count; d++)
            for (size_t i = 0; i < brute->list[d].count && !answer->matches[d]; i++) {
                const struct brute_scalar *scalar = &brute->list[d].scalars[i];
                if (scalar->type == types[t] && is_in(scalar, node->field) &&
                    (!has_lower || is_above(scalar, &lower, range->include_lower)) &&
                    (!has_upper || is_above(&upper, scalar, range->include_upper)))
                    add_hit(answer, d, (double)node->boost);
            }
        break; /* numbers, or else strings */
    }
}

/* ---- forms -------------------------------------------------------------------------------------------- */

static bool form_matches(const struct cdb_query_node *node, const struct cdb_query_piece *pieces, const char *folded,
                         const char *form)
{
    return node->kind == CDB_QUERY_WILDCARD ? brute_pattern(pieces, node->pattern.count, form, strlen(form))
                                            : brute_fuzzy(folded, form, node->fuzzy.distance);
}

static bool has_form(const struct brute_document *document, const struct cdb_query_node *node,
                     const struct cdb_query_piece *pieces, const char *folded)
{
    for (size_t i = 0; i < document->count; i++)
        for (size_t t = 0; t < document->scalars[i].count && is_in(&document->scalars[i], node->field); t++)
            if (form_matches(node, pieces, folded, document->scalars[i].tokens[t].form))
                return true;
    return false;
}

/* Literal text as forms have it. */
static char *fold(const struct brute *brute, struct cdb_query_string text)
{
    struct cdb_buf out = CDB_BUF_INIT;

    assert_int_equal(cdb_analyzer_fold(brute->analyzer, text.ptr, text.len, &out), 0);
    char *copy = strdup(cdb_buf_str(&out));
    assert_non_null(copy);
    cdb_buf_release(&out);
    return copy;
}

static void evaluate_forms(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    bool wildcard = node->kind == CDB_QUERY_WILDCARD;
    size_t count = wildcard ? node->pattern.count : 0;
    struct cdb_query_piece *pieces = calloc(count + 1, sizeof(*pieces));
    char *folded = wildcard ? NULL : fold(brute, node->fuzzy.text);

    assert_non_null(pieces);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = node->pattern.pieces[i];
        if (pieces[i].kind == CDB_QUERY_LITERAL) {
            pieces[i].text.ptr = fold(brute, pieces[i].text);
            pieces[i].text.len = strlen(pieces[i].text.ptr);
        }
    }
    for (size_t d = 0; d < brute->count; d++)
        if (has_form(&brute->list[d], node, pieces, folded))
            add_hit(answer, d, (double)node->boost);
    for (size_t i = 0; i < count; i++)
        if (pieces[i].kind == CDB_QUERY_LITERAL)
            free((char *)(uintptr_t)pieces[i].text.ptr);
    free(pieces);
    free(folded);
}

/* ---- keys and presence -------------------------------------------------------------------------------- */

static bool is_present(const struct brute_document *document, struct cdb_query_string field)
{
    for (size_t i = 0; i < document->count; i++)
        if (is_in(&document->scalars[i], field))
            return true;
    return false;
}

static bool key_in_range(const struct cdb_query_range *range, const char *key)
{
    int lower = range->lower.type == CDB_QUERY_OPEN ? 1 : strcmp(key, range->lower.text.ptr);
    int upper = range->upper.type == CDB_QUERY_OPEN ? 1 : strcmp(range->upper.text.ptr, key);

    return (lower > 0 || (lower == 0 && range->include_lower)) && (upper > 0 || (upper == 0 && range->include_upper));
}

static bool matches_simply(const struct brute_document *document, const struct cdb_query_node *node)
{
    switch (node->kind) {
    case CDB_QUERY_ALL:
        return true;
    case CDB_QUERY_EXISTS:
        return is_present(document, node->field);
    case CDB_QUERY_MISSING:
        return !is_present(document, node->field);
    case CDB_QUERY_KEY:
        return strcmp(document->key, node->key.ptr) == 0;
    case CDB_QUERY_KEY_PATTERN:
        return brute_pattern(node->pattern.pieces, node->pattern.count, document->key, strlen(document->key));
    case CDB_QUERY_KEY_RANGE:
        return key_in_range(&node->range, document->key);
    default:
        fail_msg("a node of kind %d", node->kind);
        return false;
    }
}

/* ---- trees -------------------------------------------------------------------------------------------- */

/* Text without words, or nothing but that: it has no say in the list that it stands in. */
static bool is_mute(const struct brute *brute, const struct cdb_query_node *node)
{
    const struct cdb_query_list *lists[] = {&node->boolean.must, &node->boolean.filter, &node->boolean.should,
                                            &node->boolean.must_not};
    const struct cdb_query_string *text = node->kind == CDB_QUERY_PHRASE ? &node->phrase.text : &node->text.text;
    struct brute_token *words;
    size_t count = 0;

    for (size_t i = 0; node->kind == CDB_QUERY_BOOLEAN && i < 4; i++)
        for (size_t j = 0; j < lists[i]->count; j++, count++)
            if (!is_mute(brute, lists[i]->nodes[j]))
                return false;
    if (node->kind != CDB_QUERY_TEXT && node->kind != CDB_QUERY_PHRASE)
        return count > 0;
    brute_analyze(brute->analyzer, text->ptr, text->len, &words, &count);
    brute_tokens_free(words, count);
    return count == 0; /* what reads as a number or literal has words */
}

/* How many of the list match each document, the scores added to `scores`, if given; how many have a say. */
static size_t evaluate_list(const struct brute *brute, const struct cdb_query_list *list, size_t *counts,
                            double *scores)
{
    size_t heard = 0;

    memset(counts, 0, brute->count * sizeof(*counts));
    for (size_t i = 0; i < list->count; i++) {
        struct brute_answer one;
        if (is_mute(brute, list->nodes[i]))
            continue;
        heard++;
        brute_answer_init(&one, brute);
        brute_evaluate(brute, list->nodes[i], &one);
        for (size_t d = 0; d < brute->count; d++) {
            counts[d] += one.matches[d];
            if (scores != NULL)
                scores[d] += one.scores[d];
        }
        brute_answer_release(&one);
    }
    return heard;
}

static void evaluate_boolean(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    const struct cdb_query_boolean *boolean = &node->boolean;
    size_t *counts = calloc(brute->count + 1, sizeof(*counts)), required, heard, needed = boolean->minimum_should;

    assert_non_null(counts);
    memset(answer->matches, !is_mute(brute, node), brute->count * sizeof(*answer->matches));
    required = evaluate_list(brute, &boolean->must, counts, answer->scores);
    for (size_t d = 0; d < brute->count; d++)
        answer->matches[d] &= counts[d] == required;
    heard = evaluate_list(brute, &boolean->filter, counts, NULL);
    for (size_t d = 0; d < brute->count; d++)
        answer->matches[d] &= counts[d] == heard;
    required += heard;
    evaluate_list(brute, &boolean->must_not, counts, NULL);
    for (size_t d = 0; d < brute->count; d++)
        answer->matches[d] &= counts[d] == 0;
    heard = evaluate_list(brute, &boolean->should, counts, answer->scores);
    if (needed > heard && needed <= boolean->should.count)
        needed = heard;
    else if (needed == 0 && heard > 0 && required == 0 && boolean->must.count + boolean->filter.count > 0)
        needed = 1; /* nothing of what is required has a say */
    for (size_t d = 0; d < brute->count; d++) {
        answer->matches[d] &= counts[d] >= needed;
        answer->scores[d] = answer->matches[d] ? answer->scores[d] * (double)node->boost : 0;
    }
    free(counts);
}

void brute_evaluate(const struct brute *brute, const struct cdb_query_node *node, struct brute_answer *answer)
{
    switch (node->kind) {
    case CDB_QUERY_BOOLEAN:
        evaluate_boolean(brute, node, answer);
        return;
    case CDB_QUERY_TEXT:
        evaluate_text(brute, node, answer);
        return;
    case CDB_QUERY_PHRASE:
        evaluate_quoted(brute, node, answer);
        return;
    case CDB_QUERY_EXACT:
        evaluate_exact(brute, node, answer);
        return;
    case CDB_QUERY_RANGE:
        evaluate_range(brute, node, answer);
        return;
    case CDB_QUERY_WILDCARD:
    case CDB_QUERY_FUZZY:
        evaluate_forms(brute, node, answer);
        return;
    default:
        for (size_t d = 0; d < brute->count; d++)
            if (matches_simply(&brute->list[d], node))
                add_hit(answer, d, (double)node->boost);
    }
}
