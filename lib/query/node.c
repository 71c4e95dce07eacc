/* SPDX-License-Identifier: MIT */
#include "query/node.h"

#include <string.h>

bool cdb_query_pattern_is_prefix(const struct cdb_query_pattern *pattern, struct cdb_query_string *prefix)
{
    if (pattern->count != 2 || pattern->pieces[0].kind != CDB_QUERY_LITERAL ||
        pattern->pieces[1].kind != CDB_QUERY_STAR)
        return false;
    *prefix = pattern->pieces[0].text;
    return true;
}

static bool same_string(struct cdb_query_string a, struct cdb_query_string b)
{
    if (a.ptr == NULL || b.ptr == NULL)
        return a.ptr == b.ptr;
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static bool same_value(const struct cdb_query_value *a, const struct cdb_query_value *b)
{
    return a->type == b->type && (a->type == CDB_QUERY_OPEN || same_string(a->text, b->text));
}

static bool same_range(const struct cdb_query_range *a, const struct cdb_query_range *b)
{
    return same_value(&a->lower, &b->lower) && same_value(&a->upper, &b->upper) &&
           a->include_lower == b->include_lower && a->include_upper == b->include_upper;
}

static bool same_pattern(const struct cdb_query_pattern *a, const struct cdb_query_pattern *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->pieces[i].kind != b->pieces[i].kind ||
            (a->pieces[i].kind == CDB_QUERY_LITERAL && !same_string(a->pieces[i].text, b->pieces[i].text)))
            return false;
    return true;
}

static bool same_list(const struct cdb_query_list *a, const struct cdb_query_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!cdb_query_equal(a->nodes[i], b->nodes[i]))
            return false;
    return true;
}

static bool same_boolean(const struct cdb_query_boolean *a, const struct cdb_query_boolean *b)
{
    return a->minimum_should == b->minimum_should && same_list(&a->must, &b->must) &&
           same_list(&a->should, &b->should) && same_list(&a->must_not, &b->must_not) &&
           same_list(&a->filter, &b->filter);
}

bool cdb_query_equal(const struct cdb_query_node *a, const struct cdb_query_node *b)
{
    if (a->kind != b->kind || a->boost < b->boost || a->boost > b->boost || !same_string(a->field, b->field))
        return false;
    switch (a->kind) {
    case CDB_QUERY_TEXT:
        return same_string(a->text.text, b->text.text) && a->text.op == b->text.op;
    case CDB_QUERY_PHRASE:
        return same_string(a->phrase.text, b->phrase.text) && a->phrase.slop == b->phrase.slop;
    case CDB_QUERY_EXACT:
        return same_value(&a->exact, &b->exact);
    case CDB_QUERY_WILDCARD:
    case CDB_QUERY_KEY_PATTERN:
        return same_pattern(&a->pattern, &b->pattern);
    case CDB_QUERY_FUZZY:
        return same_string(a->fuzzy.text, b->fuzzy.text) && a->fuzzy.distance == b->fuzzy.distance;
    case CDB_QUERY_RANGE:
    case CDB_QUERY_KEY_RANGE:
        return same_range(&a->range, &b->range);
    case CDB_QUERY_KEY:
        return same_string(a->key, b->key);
    case CDB_QUERY_BOOLEAN:
        return same_boolean(&a->boolean, &b->boolean);
    case CDB_QUERY_ALL:
    case CDB_QUERY_EXISTS:
    case CDB_QUERY_MISSING:
        break;
    }
    return true;
}
