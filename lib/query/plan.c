/* SPDX-License-Identifier: MIT */
#include "query/plan.h"

#include <string.h>

#include "query/plan_build.h"
#include "text/analyzer.h"
#include "util/array.h"
#include "util/error.h"

/* Recursion in this file follows the query's tree, which is at most CDB_QUERY_TREE_DEPTH deep. */

struct cdb_plan *cdb_plan_new(struct cdb_planner *planner, const struct cdb_query_node *node, enum cdb_plan_kind kind)
{
    struct cdb_plan *plan = cdb_arena_alloc(planner->arena, sizeof(*plan));

    if (plan == NULL)
        return NULL;
    memset(plan, 0, sizeof(*plan));
    plan->kind = kind;
    plan->node = node;
    plan->field = node->field;
    plan->boost = planner->boost;
    plan->scoring = planner->scoring;
    plan->how = "";
    return plan;
}

int cdb_plan_append(struct cdb_planner *planner, struct cdb_plan_list *list, struct cdb_plan *plan)
{
    if (plan == NULL)
        return CHRONDB_ESYSTEM;
    /* Room doubles at each power of two; what is outgrown stays in the arena. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count == 0 ? 1 : 2 * list->count;
        struct cdb_plan **items = cdb_arena_alloc(planner->arena, room * sizeof(struct cdb_plan *));

        if (items == NULL)
            return CHRONDB_ESYSTEM;
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(struct cdb_plan *));
        list->items = items;
    }
    list->items[list->count++] = plan;
    return 0;
}

/* ---- words -------------------------------------------------------------------------------------- */

/* The terms of a text, in order, in the arena. */
static int analyse(struct cdb_planner *planner, const struct cdb_query_string *text, size_t max,
                   struct cdb_query_string **out, size_t *count)
{
    struct cdb_query_string *terms = NULL, *copy;
    struct cdb_token token;
    size_t room = 0, n = 0;
    int result = 0;

    cdb_analyzer_begin(planner->analyzer, text->ptr, text->len);
    while (result == 0 && n < max) {
        result = cdb_analyzer_next(planner->analyzer, &token);
        if (result == 0 && n == room) {
            room = room == 0 ? 4 : 2 * room;
            copy = cdb_arena_alloc(planner->arena, room * sizeof(*copy));
            if (copy == NULL)
                return CHRONDB_ESYSTEM;
            if (n > 0)
                memcpy(copy, terms, n * sizeof(*copy));
            terms = copy;
        }
        if (result == 0) {
            terms[n].ptr = cdb_arena_copy(planner->arena, token.term, token.term_len);
            terms[n].len = token.term_len;
            if (terms[n++].ptr == NULL)
                return CHRONDB_ESYSTEM;
        }
    }
    *out = terms;
    *count = n;
    return result < 0 ? result : 0;
}

static struct cdb_plan *make_term(struct cdb_planner *planner, const struct cdb_query_node *node,
                                  struct cdb_query_string text)
{
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_TERM);

    if (plan == NULL)
        return NULL;
    plan->terms = cdb_arena_alloc(planner->arena, sizeof(*plan->terms));
    if (plan->terms == NULL)
        return NULL;
    *plan->terms = (struct cdb_plan_term){text, NULL, 0, true};
    plan->term_count = 1;
    if (plan->scoring)
        plan->leaf = planner->leaves++;
    return plan;
}

/* One term, several joined by `op`, or none. */
static struct cdb_plan *make_terms(struct cdb_planner *planner, const struct cdb_query_node *node,
                                   const struct cdb_query_string *terms, size_t count, enum cdb_query_operator op)
{
    struct cdb_plan *plan;

    if (count == 0)
        return cdb_plan_new(planner, node, CDB_PLAN_NONE);
    if (count == 1)
        return make_term(planner, node, terms[0]);
    plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    if (plan == NULL)
        return NULL;
    plan->minimum = op == CDB_QUERY_OR ? 1 : 0;
    for (size_t i = 0; i < count; i++)
        if (cdb_plan_append(planner, op == CDB_QUERY_OR ? &plan->optional : &plan->required,
                            make_term(planner, node, terms[i])) != 0)
            return NULL;
    return plan;
}

/* Words; or, in a field, the number or literal that they read as. */
static struct cdb_plan *plan_text(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_query_value value = {CDB_QUERY_UNTYPED, node->text.text};
    struct cdb_plan_bound readings[2];
    struct cdb_query_string *terms;
    struct cdb_plan *words, *plan;
    size_t count;

    if (analyse(planner, &node->text.text, SIZE_MAX, &terms, &count) != 0)
        return NULL;
    words = make_terms(planner, node, terms, count, node->text.op);
    if (words == NULL || node->field.ptr == NULL || cdb_plan_readings(&value, readings) < 2)
        return words;
    plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    if (plan == NULL)
        return NULL;
    plan->minimum = 1;
    if (cdb_plan_append(planner, &plan->optional, words) != 0 ||
        cdb_plan_append(planner, &plan->optional, cdb_plan_equal(planner, node, &readings[1])) != 0)
        return NULL;
    return plan;
}

/* The distinct terms, and which of them each word is. Sorted by their bytes to find equal ones. */
static int number_terms(struct cdb_planner *planner, struct cdb_plan *plan, const struct cdb_query_string *words)
{
    size_t slots = 16, n = plan->word_count;
    uint32_t *table;

    while (slots < 2 * n)
        slots *= 2;
    table = cdb_arena_alloc(planner->arena, slots * sizeof(*table));
    plan->words = cdb_arena_alloc(planner->arena, n * sizeof(*plan->words));
    plan->terms = cdb_arena_alloc(planner->arena, n * sizeof(*plan->terms));
    if (table == NULL || plan->words == NULL || plan->terms == NULL)
        return CHRONDB_ESYSTEM;
    memset(table, 0, slots * sizeof(*table));
    for (size_t i = 0; i < n; i++) {
        size_t slot = (size_t)cdb_bytes_hash(words[i].ptr, words[i].len) & (slots - 1);

        while (table[slot] != 0 &&
               cdb_bytes_compare(plan->terms[table[slot] - 1].text.ptr, plan->terms[table[slot] - 1].text.len,
                                 words[i].ptr, words[i].len) != 0)
            slot = (slot + 1) & (slots - 1);
        if (table[slot] == 0) {
            plan->terms[plan->term_count++] = (struct cdb_plan_term){words[i], NULL, 0, true};
            table[slot] = (uint32_t)plan->term_count;
        }
        plan->words[i] = table[slot] - 1;
    }
    return 0;
}

/* Words of different scalars are CDB_POSITION_GAP or more apart, but for the places that they have in the phrase. */
static uint32_t limit_slop(uint32_t slop, size_t words)
{
    uint32_t most = words > CDB_POSITION_GAP ? 0 : (uint32_t)(CDB_POSITION_GAP - words);

    return slop < most ? slop : most;
}

static struct cdb_plan *plan_phrase(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_query_string *words;
    struct cdb_plan *plan;
    size_t count;

    if (analyse(planner, &node->phrase.text, SIZE_MAX, &words, &count) != 0)
        return NULL;
    if (count < 2)
        return make_terms(planner, node, words, count, CDB_QUERY_AND);
    plan = cdb_plan_new(planner, node, CDB_PLAN_PHRASE);
    if (plan == NULL)
        return NULL;
    plan->word_count = count;
    plan->slop = limit_slop(node->phrase.slop, count);
    if (number_terms(planner, plan, words) != 0)
        return NULL;
    if (plan->scoring)
        plan->leaf = planner->leaves++;
    return plan;
}

/* A string has its words where it is: those are looked for first, and it is compared where they are. */
#define EXACT_WORDS 8

struct cdb_plan *cdb_plan_with_words(struct cdb_planner *planner, const struct cdb_query_node *node,
                                     const struct cdb_query_string *text, struct cdb_plan *values)
{
    struct cdb_query_string *terms;
    struct cdb_plan *plan;
    bool scoring = planner->scoring;
    size_t count;
    int result = analyse(planner, text, EXACT_WORDS, &terms, &count);

    if (result != 0 || count == 0 || values == NULL)
        return result != 0 ? NULL : values;
    plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    if (plan == NULL)
        return NULL;
    planner->scoring = false;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = cdb_plan_append(planner, &plan->required, make_term(planner, node, terms[i]));
    planner->scoring = scoring;
    if (result == 0)
        result = cdb_plan_append(planner, &plan->required, values);
    return result == 0 ? plan : NULL;
}

/* ---- patterns ----------------------------------------------------------------------------------- */

/* What stands in a pattern, as forms have it. */
static int fold_pieces(struct cdb_planner *planner, const struct cdb_query_pattern *from, struct cdb_query_pattern *to)
{
    struct cdb_query_piece *pieces = cdb_arena_alloc(planner->arena, from->count * sizeof(*pieces));
    struct cdb_buf buf = CDB_BUF_INIT;
    int result = pieces == NULL ? CHRONDB_ESYSTEM : 0;

    *to = (struct cdb_query_pattern){pieces, from->count};
    for (size_t i = 0; result == 0 && i < from->count; i++) {
        pieces[i] = from->pieces[i];
        if (pieces[i].kind != CDB_QUERY_LITERAL)
            continue;
        cdb_buf_clear(&buf);
        result = cdb_analyzer_fold(planner->analyzer, pieces[i].text.ptr, pieces[i].text.len, &buf);
        if (result == 0)
            result = cdb_buf_check(&buf);
        if (result == 0) {
            pieces[i].text.ptr = cdb_arena_copy(planner->arena, cdb_buf_str(&buf), buf.len);
            pieces[i].text.len = buf.len;
            result = pieces[i].text.ptr == NULL ? CHRONDB_ESYSTEM : 0;
        }
    }
    cdb_buf_release(&buf);
    return result;
}

static int set_pattern(struct cdb_planner *planner, struct cdb_plan *plan, const struct cdb_query_pattern *pieces)
{
    if (cdb_query_pattern_is_prefix(pieces, &plan->prefix))
        return 0;
    plan->pattern = cdb_arena_alloc(planner->arena, sizeof(*plan->pattern));
    if (plan->pattern == NULL || cdb_pattern_init(plan->pattern, planner->arena, pieces) != 0)
        return CHRONDB_ESYSTEM;
    plan->prefix = plan->pattern->prefix;
    return 0;
}

static struct cdb_plan *plan_wildcard(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_FORMS);
    struct cdb_query_pattern folded;

    if (plan == NULL || fold_pieces(planner, &node->pattern, &folded) != 0 || set_pattern(planner, plan, &folded) != 0)
        return NULL;
    return plan;
}

static struct cdb_plan *plan_fuzzy(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_FORMS);
    struct cdb_buf buf = CDB_BUF_INIT;
    int result;

    if (plan == NULL)
        return NULL;
    plan->fuzzy = cdb_arena_alloc(planner->arena, sizeof(*plan->fuzzy));
    if (plan->fuzzy == NULL)
        return NULL;
    result = cdb_analyzer_fold(planner->analyzer, node->fuzzy.text.ptr, node->fuzzy.text.len, &buf);
    if (result == 0)
        result = cdb_buf_check(&buf);
    if (result == 0)
        result = cdb_fuzzy_init(plan->fuzzy, planner->arena, cdb_buf_str(&buf), buf.len, node->fuzzy.distance);
    cdb_buf_release(&buf);
    return result == 0 ? plan : NULL;
}

/* ---- keys --------------------------------------------------------------------------------------- */

static struct cdb_plan *plan_keys(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_KEYS);

    if (plan == NULL)
        return NULL;
    if (node->kind == CDB_QUERY_KEY) {
        plan->lower = plan->upper = node->key;
        plan->has_lower = plan->has_upper = plan->include_lower = plan->include_upper = true;
    } else if (node->kind == CDB_QUERY_KEY_RANGE) {
        plan->lower = node->range.lower.text;
        plan->upper = node->range.upper.text;
        plan->has_lower = node->range.lower.type != CDB_QUERY_OPEN;
        plan->has_upper = node->range.upper.type != CDB_QUERY_OPEN;
        plan->include_lower = node->range.include_lower;
        plan->include_upper = node->range.include_upper;
    } else if (set_pattern(planner, plan, &node->pattern) != 0) {
        return NULL;
    }
    return plan;
}

/* ---- booleans ----------------------------------------------------------------------------------- */

/* Is it of text without words, or of nothing else? Such a clause has no say in the list that it stands in. */
static bool is_mute(const struct cdb_plan *plan)
{
    enum cdb_query_kind kind = plan->node->kind;

    return plan->kind == CDB_PLAN_NONE &&
           (kind == CDB_QUERY_TEXT || kind == CDB_QUERY_PHRASE || kind == CDB_QUERY_BOOLEAN);
}

static int plan_list(struct cdb_planner *planner, const struct cdb_query_list *from, struct cdb_plan_list *to,
                     bool scoring)
{
    bool before = planner->scoring;
    int result = 0;

    planner->scoring = before && scoring;
    for (size_t i = 0; result == 0 && i < from->count; i++) {
        struct cdb_plan *plan = cdb_plan_node(planner, from->nodes[i]);

        if (plan == NULL || !is_mute(plan))
            result = cdb_plan_append(planner, to, plan);
    }
    planner->scoring = before;
    return result;
}

/* How many of the optional clauses must match, now that mute ones are gone. */
static uint32_t count_needed(const struct cdb_query_boolean *boolean, const struct cdb_plan *plan)
{
    uint32_t needed = boolean->minimum_should;

    if (needed > plan->optional.count && needed <= boolean->should.count)
        return (uint32_t)plan->optional.count;
    if (needed == 0 && plan->required.count == 0 && boolean->must.count + boolean->filter.count > 0)
        return plan->optional.count > 0;
    return needed;
}

static struct cdb_plan *plan_boolean(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    const struct cdb_query_boolean *boolean = &node->boolean;
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    size_t asked = boolean->must.count + boolean->filter.count + boolean->should.count + boolean->must_not.count;

    if (plan == NULL || plan_list(planner, &boolean->must, &plan->required, true) != 0 ||
        plan_list(planner, &boolean->filter, &plan->required, false) != 0 ||
        plan_list(planner, &boolean->should, &plan->optional, true) != 0 ||
        plan_list(planner, &boolean->must_not, &plan->excluded, false) != 0)
        return NULL;
    plan->minimum = count_needed(boolean, plan);
    if (asked > 0 && plan->required.count + plan->optional.count + plan->excluded.count == 0)
        plan->kind = CDB_PLAN_NONE;
    return plan;
}

/* ---- the tree ----------------------------------------------------------------------------------- */

static struct cdb_plan *plan_one(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    switch (node->kind) {
    case CDB_QUERY_ALL:
        return cdb_plan_new(planner, node, CDB_PLAN_ALL);
    case CDB_QUERY_TEXT:
        return plan_text(planner, node);
    case CDB_QUERY_PHRASE:
        return plan_phrase(planner, node);
    case CDB_QUERY_WILDCARD:
        return plan_wildcard(planner, node);
    case CDB_QUERY_FUZZY:
        return plan_fuzzy(planner, node);
    case CDB_QUERY_EXACT:
    case CDB_QUERY_RANGE:
    case CDB_QUERY_EXISTS:
    case CDB_QUERY_MISSING:
        return cdb_plan_values(planner, node);
    case CDB_QUERY_KEY:
    case CDB_QUERY_KEY_PATTERN:
    case CDB_QUERY_KEY_RANGE:
        return plan_keys(planner, node);
    case CDB_QUERY_BOOLEAN:
        return plan_boolean(planner, node);
    }
    return cdb_plan_new(planner, node, CDB_PLAN_NONE);
}

struct cdb_plan *cdb_plan_node(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    double before = planner->boost;
    struct cdb_plan *plan;

    planner->boost *= node->boost;
    plan = plan_one(planner, node);
    planner->boost = before;
    return plan;
}

int cdb_plan_make(struct cdb_plan_tree *tree, struct cdb_arena *arena, struct cdb_analyzer *analyzer,
                  const struct cdb_query_node *query)
{
    struct cdb_planner planner = {arena, analyzer, 1.0, true, 0};

    tree->root = cdb_plan_node(&planner, query);
    tree->leaves = planner.leaves;
    return tree->root == NULL ? CHRONDB_ESYSTEM : 0;
}
