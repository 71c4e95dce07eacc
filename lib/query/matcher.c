/* SPDX-License-Identifier: MIT */
#include "query/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "query/interval.h"
#include "text/analyzer.h"
#include "util/array.h"
#include "util/error.h"

/* ---- collecting --------------------------------------------------------------------------------- */

static int prepare_phrase(struct cdb_matchers *matchers, struct cdb_matcher *matcher)
{
    const struct cdb_plan *plan = matcher->plan;

    matcher->places = cdb_arena_alloc(&matchers->arena, plan->term_count * sizeof(*matcher->places));
    matcher->positions = cdb_arena_alloc(&matchers->arena, plan->term_count * sizeof(*matcher->positions));
    if (matcher->places == NULL || matcher->positions == NULL)
        return CHRONDB_ESYSTEM;
    memset(matcher->places, 0, plan->term_count * sizeof(*matcher->places));
    return cdb_phrase_init(&matcher->phrase, &matchers->arena, plan->words, plan->word_count, plan->slop);
}

/* Recursion is as deep as the query's tree. What must not match is left out, and so are the words that exact values are
 * only found by. */
static int collect(struct cdb_matchers *matchers, const struct cdb_plan *plan)
{
    const struct cdb_plan_list *lists[2] = {&plan->required, &plan->optional};
    struct cdb_matcher *matcher;
    int result = 0;

    if (plan->kind == CDB_PLAN_BOOLEAN) {
        for (size_t l = 0; l < 2; l++)
            for (size_t i = 0; result == 0 && i < lists[l]->count; i++)
                result = collect(matchers, lists[l]->items[i]);
        return result;
    }
    if (plan->kind == CDB_PLAN_NONE || plan->kind == CDB_PLAN_ALL || plan->kind == CDB_PLAN_KEYS ||
        (plan->kind == CDB_PLAN_TERM && plan->node->kind == CDB_QUERY_EXACT) ||
        (plan->kind == CDB_PLAN_VALUES && plan->intervals[0].all))
        return 0;
    if (cdb_array_grow(&matchers->list, &matchers->room, matchers->count, sizeof(*matchers->list)) != 0)
        return CHRONDB_ESYSTEM;
    matcher = &matchers->list[matchers->count++];
    memset(matcher, 0, sizeof(*matcher));
    matcher->plan = plan;
    return plan->kind == CDB_PLAN_PHRASE ? prepare_phrase(matchers, matcher) : 0;
}

int cdb_matchers_init(struct cdb_matchers *matchers, struct cdb_analyzer *analyzer, const struct cdb_query_node *query)
{
    struct cdb_plan_tree tree;
    int result;

    memset(matchers, 0, sizeof(*matchers));
    result = cdb_plan_make(&tree, &matchers->arena, analyzer, query);
    return result == 0 ? collect(matchers, tree.root) : result;
}

void cdb_matchers_release(struct cdb_matchers *matchers)
{
    for (size_t i = 0; i < matchers->count; i++)
        for (size_t t = 0; matchers->list[i].places != NULL && t < matchers->list[i].plan->term_count; t++)
            free(matchers->list[i].places[t].list);
    free(matchers->list);
    free(matchers->tokens);
    cdb_arena_release(&matchers->arena);
    memset(matchers, 0, sizeof(*matchers));
}

/* ---- fields ------------------------------------------------------------------------------------- */

bool cdb_matchers_enter(struct cdb_matchers *matchers, const char *path, size_t len)
{
    bool any = false;

    for (size_t i = 0; i < matchers->count; i++) {
        const struct cdb_query_string *field = &matchers->list[i].plan->field;

        matchers->list[i].active =
            field->ptr == NULL || (len >= field->len && memcmp(path, field->ptr, field->len) == 0 &&
                                   (len == field->len || path[field->len] == '.'));
        any = any || matchers->list[i].active;
    }
    return any;
}

/* ---- words -------------------------------------------------------------------------------------- */

static bool is_same(const struct cdb_query_string *a, const char *b, size_t len)
{
    return a->len == len && memcmp(a->ptr, b, len) == 0;
}

static bool is_form(const struct cdb_plan *plan, const struct cdb_token *token)
{
    size_t dead;

    if (plan->fuzzy != NULL)
        return cdb_fuzzy_matches(plan->fuzzy, token->form, token->form_len, 0, &dead);
    if (plan->pattern != NULL)
        return cdb_pattern_matches(plan->pattern, token->form, token->form_len);
    return token->form_len >= plan->prefix.len && memcmp(token->form, plan->prefix.ptr, plan->prefix.len) == 0;
}

static int note_place(struct cdb_matcher *matcher, const struct cdb_token *token, uint64_t position)
{
    for (size_t t = 0; t < matcher->plan->term_count; t++) {
        struct cdb_matcher_places *places = &matcher->places[t];

        if (!is_same(&matcher->plan->terms[t].text, token->term, token->term_len))
            continue;
        if (cdb_array_grow(&places->list, &places->room, places->count, sizeof(*places->list)) != 0)
            return CHRONDB_ESYSTEM;
        places->list[places->count++] = position;
    }
    return 0;
}

/* Note the token for phrases; does it match by itself? 1, 0, or an error. */
static int look_at(struct cdb_matchers *matchers, const struct cdb_token *token, uint64_t position)
{
    bool match = false;

    for (size_t i = 0; i < matchers->count; i++) {
        struct cdb_matcher *matcher = &matchers->list[i];

        if (!matcher->active)
            continue;
        if (matcher->plan->kind == CDB_PLAN_TERM)
            match = match || is_same(&matcher->plan->terms[0].text, token->term, token->term_len);
        else if (matcher->plan->kind == CDB_PLAN_FORMS)
            match = match || is_form(matcher->plan, token);
        else if (matcher->plan->kind == CDB_PLAN_PHRASE && note_place(matcher, token, position) != 0)
            return CHRONDB_ESYSTEM;
    }
    return match;
}

/* ---- phrases ------------------------------------------------------------------------------------ */

struct reporting {
    const struct cdb_matchers *matchers;
    const struct cdb_matcher *matcher;
    int (*found)(void *context, size_t start, size_t end);
    void *context;
    int result;
};

static void report_token(struct reporting *reporting, uint64_t position)
{
    const struct cdb_matcher_token *token = &reporting->matchers->tokens[position];

    if (reporting->result == 0)
        reporting->result = reporting->found(reporting->context, token->start, token->end);
}

static void report_phrase(void *context, uint64_t position)
{
    struct reporting *reporting = context;

    for (size_t i = 0; i < reporting->matcher->plan->word_count; i++)
        report_token(reporting, position + i);
}

/* Without slop the places of the phrase; with it, if it is there at all, all its words. */
static int report(struct reporting *reporting, struct cdb_matcher *matcher)
{
    size_t terms = matcher->plan->term_count;

    for (size_t t = 0; t < terms; t++)
        matcher->positions[t] = (struct cdb_positions){matcher->places[t].list, matcher->places[t].count};
    reporting->matcher = matcher;
    if (matcher->plan->slop == 0) {
        cdb_phrase_each(&matcher->phrase, matcher->positions, report_phrase, reporting);
    } else if (cdb_phrase_freq(&matcher->phrase, matcher->positions) > 0) {
        for (size_t t = 0; t < terms; t++)
            for (size_t i = 0; i < matcher->places[t].count; i++)
                report_token(reporting, matcher->places[t].list[i]);
    }
    for (size_t t = 0; t < terms; t++)
        matcher->places[t].count = 0;
    return reporting->result;
}

int cdb_matchers_text(struct cdb_matchers *matchers, struct cdb_analyzer *analyzer, const char *text, size_t len,
                      int (*found)(void *context, size_t start, size_t end), void *context)
{
    struct reporting reporting = {matchers, NULL, found, context, 0};
    struct cdb_token token;
    int result;

    matchers->token_count = 0;
    cdb_analyzer_begin(analyzer, text, len);
    while ((result = cdb_analyzer_next(analyzer, &token)) == 0) {
        if (cdb_array_grow(&matchers->tokens, &matchers->token_room, matchers->token_count,
                           sizeof(*matchers->tokens)) != 0)
            return CHRONDB_ESYSTEM;
        matchers->tokens[matchers->token_count] = (struct cdb_matcher_token){token.start, token.end};
        result = look_at(matchers, &token, matchers->token_count++);
        if (result > 0)
            result = found(context, token.start, token.end);
        if (result != 0)
            return result;
    }
    for (size_t i = 0; result > 0 && i < matchers->count; i++)
        if (matchers->list[i].active && matchers->list[i].plan->kind == CDB_PLAN_PHRASE &&
            report(&reporting, &matchers->list[i]) != 0)
            return reporting.result;
    return result < 0 ? result : 0;
}

/* ---- values ------------------------------------------------------------------------------------- */

bool cdb_matchers_value(const struct cdb_matchers *matchers, enum cdb_json_type type, const char *text, size_t len)
{
    for (size_t i = 0; i < matchers->count; i++) {
        const struct cdb_plan *plan = matchers->list[i].plan;

        if (!matchers->list[i].active || plan->kind != CDB_PLAN_VALUES)
            continue;
        for (size_t v = 0; v < plan->interval_count; v++)
            if (cdb_interval_has(&plan->intervals[v], type, text, len))
                return true;
    }
    return false;
}
