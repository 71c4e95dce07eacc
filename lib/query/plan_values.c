/* SPDX-License-Identifier: MIT
 *
 * Plans about values: what a text of the query can stand for, and the intervals that it means. A range whose bounds
 * both read as numbers (an open one reads as anything) is one of numbers; any other is one of strings. */
#include <string.h>

#include "query/plan_build.h"

/* ---- what a value can be ------------------------------------------------------------------------ */

static bool is_text(const struct cdb_query_string *text, const char *word)
{
    return text->len == strlen(word) && memcmp(text->ptr, word, text->len) == 0;
}

static struct cdb_plan_bound make_bound(enum cdb_json_type type, struct cdb_query_string text)
{
    struct cdb_plan_bound bound = {false, true, type, text, {0}};

    cdb_value_encode(&bound.value, type, text.ptr, text.len);
    return bound;
}

/* The number or literal; false if it is none. */
static bool read_scalar(const struct cdb_query_string *text, struct cdb_plan_bound *out)
{
    static const struct {
        const char *word;
        enum cdb_json_type type;
    } words[] = {{"null", CDB_JSON_NULL}, {"false", CDB_JSON_FALSE}, {"true", CDB_JSON_TRUE}};
    struct cdb_value value;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_text(text, words[i].word)) {
            *out = make_bound(words[i].type, *text);
            return true;
        }
    }
    if (!cdb_value_number(&value, text->ptr, text->len))
        return false;
    *out = make_bound(CDB_JSON_NUMBER, *text);
    return true;
}

size_t cdb_plan_readings(const struct cdb_query_value *value, struct cdb_plan_bound out[2])
{
    switch (value->type) {
    case CDB_QUERY_UNTYPED:
        out[0] = make_bound(CDB_JSON_STRING, value->text);
        return read_scalar(&value->text, &out[1]) ? 2 : 1;
    case CDB_QUERY_STRING:
        out[0] = make_bound(CDB_JSON_STRING, value->text);
        return 1;
    case CDB_QUERY_NUMBER:
    case CDB_QUERY_TRUE:
    case CDB_QUERY_FALSE:
    case CDB_QUERY_NULL:
        return read_scalar(&value->text, &out[0]) ? 1 : 0;
    case CDB_QUERY_OPEN:
        break;
    }
    return 0;
}

/* ---- plans -------------------------------------------------------------------------------------- */

static struct cdb_plan *plan_interval(struct cdb_planner *planner, const struct cdb_query_node *node,
                                      const struct cdb_plan_interval *interval)
{
    struct cdb_plan *plan = cdb_plan_new(planner, node, CDB_PLAN_VALUES);

    if (plan == NULL)
        return NULL;
    plan->intervals = cdb_arena_alloc(planner->arena, sizeof(*plan->intervals));
    if (plan->intervals == NULL)
        return NULL;
    *plan->intervals = *interval;
    plan->interval_count = 1;
    return plan;
}

struct cdb_plan *cdb_plan_equal(struct cdb_planner *planner, const struct cdb_query_node *node,
                                const struct cdb_plan_bound *value)
{
    struct cdb_plan_interval interval = {*value, *value, {0}, {0}, false};

    return plan_interval(planner, node, &interval);
}

static struct cdb_plan *plan_exact(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    struct cdb_plan_bound readings[2];
    struct cdb_plan *plans[2], *plan;
    size_t count = cdb_plan_readings(&node->exact, readings);

    for (size_t i = 0; i < count; i++) {
        plans[i] = cdb_plan_equal(planner, node, &readings[i]);
        if (readings[i].type == CDB_JSON_STRING)
            plans[i] = cdb_plan_with_words(planner, node, &readings[i].text, plans[i]);
        if (plans[i] == NULL)
            return NULL;
    }
    if (count < 2)
        return count == 1 ? plans[0] : cdb_plan_new(planner, node, CDB_PLAN_NONE);
    plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    if (plan == NULL)
        return NULL;
    plan->minimum = 1;
    for (size_t i = 0; i < count; i++)
        if (cdb_plan_append(planner, &plan->optional, plans[i]) != 0)
            return NULL;
    return plan;
}

/* Do both bounds read as numbers? */
static bool are_numbers(const struct cdb_query_range *range)
{
    const struct cdb_query_value *bounds[2] = {&range->lower, &range->upper};

    for (size_t i = 0; i < 2; i++) {
        struct cdb_value value;

        if (bounds[i]->type != CDB_QUERY_OPEN && bounds[i]->type != CDB_QUERY_NUMBER &&
            (bounds[i]->type != CDB_QUERY_UNTYPED ||
             !cdb_value_number(&value, bounds[i]->text.ptr, bounds[i]->text.len)))
            return false;
    }
    return true;
}

static bool is_literal(const struct cdb_query_value *value)
{
    return value->type == CDB_QUERY_TRUE || value->type == CDB_QUERY_FALSE || value->type == CDB_QUERY_NULL;
}

/* `type` for what is no literal of the JSON form. */
static struct cdb_plan_bound read_bound(const struct cdb_query_value *value, bool included, enum cdb_json_type type)
{
    struct cdb_plan_bound bound = {true, false, type, {NULL, 0}, {0}};

    if (value->type == CDB_QUERY_OPEN)
        return bound;
    if (!is_literal(value) || !read_scalar(&value->text, &bound))
        bound = make_bound(type, value->text);
    bound.included = included;
    return bound;
}

static struct cdb_plan *plan_range(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    const struct cdb_query_range *range = &node->range;
    bool literal = is_literal(&range->lower) || is_literal(&range->upper), numbers = are_numbers(range);
    enum cdb_json_type type = numbers ? CDB_JSON_NUMBER : CDB_JSON_STRING;
    enum cdb_value_kind first = literal ? CDB_VALUE_NULL : numbers ? CDB_VALUE_NUMBER : CDB_VALUE_STRING;
    enum cdb_value_kind last = literal ? CDB_VALUE_TRUE : first;
    struct cdb_plan_interval interval = {
        read_bound(&range->lower, range->include_lower, type),
        read_bound(&range->upper, range->include_upper, type),
        {0},
        {0},
        false,
    };

    cdb_value_floor(&interval.floor, first);
    cdb_value_floor(&interval.ceiling, last + 1);
    return plan_interval(planner, node, &interval);
}

struct cdb_plan *cdb_plan_values(struct cdb_planner *planner, const struct cdb_query_node *node)
{
    static const struct cdb_plan_interval any = {.all = true};
    struct cdb_plan *plan, *exists;

    if (node->kind == CDB_QUERY_EXACT)
        return plan_exact(planner, node);
    if (node->kind == CDB_QUERY_RANGE)
        return plan_range(planner, node);
    if (node->kind == CDB_QUERY_EXISTS)
        return plan_interval(planner, node, &any);
    plan = cdb_plan_new(planner, node, CDB_PLAN_BOOLEAN);
    exists = plan_interval(planner, node, &any);
    if (plan == NULL || exists == NULL)
        return NULL;
    exists->scoring = false;
    if (cdb_plan_append(planner, &plan->required, cdb_plan_new(planner, node, CDB_PLAN_ALL)) != 0 ||
        cdb_plan_append(planner, &plan->excluded, exists) != 0)
        return NULL;
    return plan;
}
