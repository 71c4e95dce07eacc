/* SPDX-License-Identifier: MIT */
#include "query/build.h"

#define MILLION 1000000
#define PLACES  6

struct cdb_query_node *cdb_query_new(struct cdb_query_builder *builder, enum cdb_query_kind kind)
{
    struct cdb_query_node *node = cdb_arena_alloc(builder->arena, sizeof(*node));

    if (node != NULL)
        *node = (struct cdb_query_node){.kind = kind, .boost = 1};
    return node;
}

struct cdb_query_node *cdb_query_new_pattern(struct cdb_query_builder *builder, struct cdb_query_pattern pattern,
                                             bool is_key, struct cdb_query_string field, enum cdb_query_operator op)
{
    struct cdb_query_string literal = {"", 0};
    struct cdb_query_node *node;
    bool is_open = pattern.count == 1 && pattern.pieces[0].kind == CDB_QUERY_STAR;
    bool is_literal = pattern.count == 0 || (pattern.count == 1 && pattern.pieces[0].kind == CDB_QUERY_LITERAL);

    if (is_open)
        return cdb_query_new_range(builder, (struct cdb_query_range){0}, is_key, field);
    node = cdb_query_new(builder, is_key ? CDB_QUERY_KEY_PATTERN : CDB_QUERY_WILDCARD);
    if (node == NULL)
        return NULL;
    if (pattern.count > 0 && is_literal)
        literal = pattern.pieces[0].text;
    if (!is_key)
        node->field = field;
    if (!is_literal) {
        node->pattern = pattern;
    } else if (is_key) {
        node->kind = CDB_QUERY_KEY;
        node->key = literal;
    } else {
        node->kind = CDB_QUERY_TEXT;
        node->text = (struct cdb_query_text){literal, op};
    }
    return node;
}

struct cdb_query_node *cdb_query_new_range(struct cdb_query_builder *builder, struct cdb_query_range range, bool is_key,
                                           struct cdb_query_string field)
{
    bool is_open = range.lower.type == CDB_QUERY_OPEN && range.upper.type == CDB_QUERY_OPEN;
    struct cdb_query_node *node = cdb_query_new(builder, is_key ? CDB_QUERY_KEY_RANGE : CDB_QUERY_RANGE);

    if (node == NULL)
        return NULL;
    if (!is_key)
        node->field = field;
    range.include_lower = range.include_lower && range.lower.type != CDB_QUERY_OPEN;
    range.include_upper = range.include_upper && range.upper.type != CDB_QUERY_OPEN;
    if (!is_open)
        node->range = range;
    else
        node->kind = is_key || field.ptr == NULL ? CDB_QUERY_ALL : CDB_QUERY_EXISTS;
    return node;
}

/* ---- booleans ---------------------------------------------------------------------------------- */

bool cdb_query_items_add(struct cdb_query_builder *builder, struct cdb_query_items *items, struct cdb_query_node *node,
                         enum cdb_query_occur occur)
{
    struct cdb_query_item *item = cdb_arena_alloc(builder->arena, sizeof(*item));

    if (item == NULL)
        return false;
    *item = (struct cdb_query_item){node, occur, NULL};
    if (items->first == NULL)
        items->first = item;
    else
        items->last->next = item;
    items->last = item;
    items->counts[occur]++;
    return true;
}

uint32_t cdb_query_default_minimum(const struct cdb_query_items *items)
{
    return items->counts[CDB_QUERY_SHOULD] > 0 && items->counts[CDB_QUERY_MUST] == 0 &&
           items->counts[CDB_QUERY_FILTER] == 0;
}

static bool collect(struct cdb_query_builder *builder, const struct cdb_query_items *items, enum cdb_query_occur occur,
                    struct cdb_query_list *out)
{
    size_t count = items->counts[occur], n = 0;
    struct cdb_query_node **nodes;

    *out = (struct cdb_query_list){NULL, 0};
    if (count == 0)
        return true;
    nodes = cdb_arena_alloc(builder->arena, count * sizeof(struct cdb_query_node *));
    if (nodes == NULL)
        return false;
    for (const struct cdb_query_item *item = items->first; item != NULL; item = item->next)
        if (item->occur == occur)
            nodes[n++] = item->node;
    *out = (struct cdb_query_list){nodes, count};
    return true;
}

struct cdb_query_node *cdb_query_new_boolean(struct cdb_query_builder *builder, const struct cdb_query_items *items,
                                             uint32_t minimum_should)
{
    struct cdb_query_node *node;

    if (items->first == items->last && items->counts[CDB_QUERY_MUST] + items->counts[CDB_QUERY_SHOULD] == 1)
        return items->first->node;
    node = cdb_query_new(builder, CDB_QUERY_BOOLEAN);
    if (node == NULL || !collect(builder, items, CDB_QUERY_MUST, &node->boolean.must) ||
        !collect(builder, items, CDB_QUERY_SHOULD, &node->boolean.should) ||
        !collect(builder, items, CDB_QUERY_MUST_NOT, &node->boolean.must_not) ||
        !collect(builder, items, CDB_QUERY_FILTER, &node->boolean.filter))
        return NULL;
    node->boolean.minimum_should = minimum_should;
    return node;
}

/* ---- boosts ------------------------------------------------------------------------------------ */

/* By hand, since strtod and printf obey the locale. */
bool cdb_query_read_boost(const char *text, size_t len, float *out)
{
    uint64_t millionths = 0;
    size_t at = 0, places = 0;

    for (; at < len && text[at] >= '0' && text[at] <= '9'; at++) {
        millionths = millionths * 10 + (uint64_t)(text[at] - '0');
        if (millionths > CDB_QUERY_MAX_BOOST)
            return false;
    }
    if (at == 0 || (at < len && (text[at] != '.' || at + 1 == len)))
        return false;
    for (at++; at < len && text[at] >= '0' && text[at] <= '9'; at++, places++) {
        if (places < PLACES)
            millionths = millionths * 10 + (uint64_t)(text[at] - '0');
        else if (places == PLACES && text[at] >= '5')
            millionths++;
    }
    for (; places < PLACES; places++)
        millionths *= 10;
    if (at < len || millionths > (uint64_t)CDB_QUERY_MAX_BOOST * MILLION)
        return false;
    *out = (float)((double)millionths / MILLION);
    return true;
}

/* A float of such a size is nearer to the millionths that it was made of than to any that make another float. */
uint64_t cdb_query_boost_millionths(float boost)
{
    return (uint64_t)((double)boost * MILLION + 0.5);
}

bool cdb_query_boost(struct cdb_query_node *node, float boost)
{
    double product = (double)node->boost * (double)boost;

    if (product > CDB_QUERY_MAX_BOOST)
        return false;
    node->boost = (float)((double)(uint64_t)(product * MILLION + 0.5) / MILLION);
    return true;
}

static const struct cdb_query_node *find_overboosted(const struct cdb_query_node *node, double above);

static const struct cdb_query_node *find_in(const struct cdb_query_list *list, double above)
{
    const struct cdb_query_node *found = NULL;

    for (size_t i = 0; i < list->count && found == NULL; i++)
        found = find_overboosted(list->nodes[i], above);
    return found;
}

/* As deep as a tree is at most. */
static const struct cdb_query_node *find_overboosted(const struct cdb_query_node *node, double above)
{
    const struct cdb_query_node *found = NULL;

    above *= (double)node->boost;
    if (above > CDB_QUERY_MAX_BOOST)
        return node;
    if (node->kind != CDB_QUERY_BOOLEAN)
        return NULL;
    if ((found = find_in(&node->boolean.must, above)) == NULL &&
        (found = find_in(&node->boolean.should, above)) == NULL &&
        (found = find_in(&node->boolean.must_not, above)) == NULL)
        found = find_in(&node->boolean.filter, above);
    return found;
}

const struct cdb_query_node *cdb_query_overboosted(const struct cdb_query_node *root)
{
    return find_overboosted(root, 1);
}
