/* SPDX-License-Identifier: MIT */
#include "query/ast_clause.h"

#include <string.h>

#include "query/lex.h"
#include "query/parse.h"
#include "util/error.h"

#define BIT CDB_QUERY_BIT

/* A clause while it is read. */
struct clause {
    struct cdb_query_json *in;
    uint32_t node;
    const struct cdb_query_path *path;
    unsigned depth;
    const char *what; /* for messages: "a range" */
    struct cdb_query_members members;
    struct cdb_query_string field;
};

static const char *const operators[] = {"or", "and"};

static bool has(const struct clause *clause, enum cdb_query_member member)
{
    return clause->members.at[member] != 0;
}

static int require(const struct clause *clause, enum cdb_query_member member)
{
    return cdb_query_require(clause->in, clause->node, clause->path, &clause->members, member, clause->what);
}

/* A member that must be there and be a string. */
static int read_text(const struct clause *clause, enum cdb_query_member member, struct cdb_query_string *out)
{
    int result = require(clause, member);

    return result != CHRONDB_OK ? result
                                : cdb_query_read_string(clause->in, clause->path, &clause->members, member, out);
}

/* A node of the kind, with the clause's field. */
static int make(const struct clause *clause, enum cdb_query_kind kind, struct cdb_query_node **out)
{
    *out = cdb_query_new(&clause->in->builder, kind);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    (*out)->field = clause->field;
    return CHRONDB_OK;
}

static int made(const struct cdb_query_node *node)
{
    return node != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}

/* ---- values ------------------------------------------------------------------------------------ */

/* A string that says a number, where the clause says that it is one. */
static bool is_number(struct cdb_query_string text)
{
    return text.len > 0 && (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9')) &&
           text.ptr[text.len - 1] >= '0' && text.ptr[text.len - 1] <= '9' &&
           cdb_json_check(text.ptr, text.len) == CHRONDB_OK;
}

/* A scalar, of the type that the clause asks for. */
static int read_value(const struct clause *clause, enum cdb_query_member member, struct cdb_query_value *out)
{
    static const char *const types[] = {"string", "long", "double", "number"};
    struct cdb_query_path here = cdb_query_member_path(clause->path, member);
    size_t type = 0;
    int result = cdb_query_read_scalar(clause->in, clause->path, &clause->members, member, out);

    if (result == CHRONDB_OK)
        result =
            cdb_query_read_choice(clause->in, clause->path, &clause->members, CDB_QUERY_M_VALUE_TYPE, types, 4, &type);
    if (result != CHRONDB_OK || !has(clause, member) || !has(clause, CDB_QUERY_M_VALUE_TYPE))
        return result;
    if (type == 0)
        out->type = CDB_QUERY_STRING;
    else if (out->type == CDB_QUERY_STRING && is_number(out->text))
        out->type = CDB_QUERY_NUMBER;
    else if (out->type != CDB_QUERY_NUMBER)
        return cdb_query_json_fail(clause->in, clause->members.at[member], &here,
                                   "expected a number, since the value-type is %s", types[type]);
    return CHRONDB_OK;
}

static int read_range(const struct clause *clause, struct cdb_query_range *out)
{
    struct cdb_query_path upper = cdb_query_member_path(clause->path, CDB_QUERY_M_UPPER);
    int result;

    *out = (struct cdb_query_range){.include_lower = true, .include_upper = true};
    result = read_value(clause, CDB_QUERY_M_LOWER, &out->lower);
    if (result == CHRONDB_OK)
        result = read_value(clause, CDB_QUERY_M_UPPER, &out->upper);
    if (result == CHRONDB_OK)
        result = cdb_query_read_bool(clause->in, clause->path, &clause->members, CDB_QUERY_M_INCLUDE_LOWER,
                                     &out->include_lower);
    if (result == CHRONDB_OK)
        result = cdb_query_read_bool(clause->in, clause->path, &clause->members, CDB_QUERY_M_INCLUDE_UPPER,
                                     &out->include_upper);
    if (result == CHRONDB_OK && has(clause, CDB_QUERY_M_LOWER) && has(clause, CDB_QUERY_M_UPPER) &&
        out->lower.type != out->upper.type)
        return cdb_query_json_fail(clause->in, clause->members.at[CDB_QUERY_M_UPPER], &upper,
                                   "the bounds of a range must be of one type");
    return result;
}

static int read_operator(const struct clause *clause, enum cdb_query_member member, enum cdb_query_operator *out)
{
    size_t choice = CDB_QUERY_OR;
    int result = cdb_query_read_choice(clause->in, clause->path, &clause->members, member, operators, 2, &choice);

    *out = (enum cdb_query_operator)choice;
    return result;
}

/* ---- the types --------------------------------------------------------------------------------- */

static int read_all(struct clause *clause, struct cdb_query_node **out)
{
    return make(clause, CDB_QUERY_ALL, out);
}

static int read_term(struct clause *clause, struct cdb_query_node **out)
{
    int result = make(clause, CDB_QUERY_EXACT, out);

    if (result == CHRONDB_OK)
        result = require(clause, CDB_QUERY_M_VALUE);
    return result == CHRONDB_OK ? read_value(clause, CDB_QUERY_M_VALUE, &(*out)->exact) : result;
}

static int read_fts(struct clause *clause, struct cdb_query_node **out)
{
    static const char *const analyzers[] = {"fts"}; /* ChronDB writes it; there is one for a database here */
    struct cdb_query_value value = {CDB_QUERY_OPEN, {NULL, 0}};
    size_t analyzer = 0;
    int result = make(clause, CDB_QUERY_TEXT, out);

    if (result == CHRONDB_OK)
        result = require(clause, CDB_QUERY_M_VALUE);
    if (result == CHRONDB_OK)
        result = cdb_query_read_scalar(clause->in, clause->path, &clause->members, CDB_QUERY_M_VALUE, &value);
    if (result == CHRONDB_OK)
        result = cdb_query_read_choice(clause->in, clause->path, &clause->members, CDB_QUERY_M_ANALYZER, analyzers, 1,
                                       &analyzer);
    if (result != CHRONDB_OK)
        return result;
    (*out)->text.text = value.text;
    return read_operator(clause, CDB_QUERY_M_OPERATOR, &(*out)->text.op);
}

static int read_phrase(struct clause *clause, struct cdb_query_node **out)
{
    uint64_t slop = 0;
    int result = make(clause, CDB_QUERY_PHRASE, out);

    if (result == CHRONDB_OK)
        result = read_text(clause, CDB_QUERY_M_VALUE, &(*out)->phrase.text);
    if (result == CHRONDB_OK)
        result = cdb_query_read_count(clause->in, clause->path, &clause->members, CDB_QUERY_M_SLOP, 0,
                                      CDB_QUERY_MAX_SLOP, &slop);
    if (result == CHRONDB_OK)
        (*out)->phrase.slop = (uint32_t)slop;
    return result;
}

static int make_prefix(struct clause *clause, bool is_key, enum cdb_query_member member, struct cdb_query_node **out)
{
    struct cdb_query_piece *pieces = cdb_arena_alloc(clause->in->builder.arena, 2 * sizeof(*pieces));
    struct cdb_query_string text = {NULL, 0};
    struct cdb_query_pattern pattern;
    int result = pieces != NULL ? read_text(clause, member, &text) : CHRONDB_ESYSTEM;

    if (result != CHRONDB_OK)
        return result;
    pieces[0] = (struct cdb_query_piece){CDB_QUERY_LITERAL, text};
    pieces[1] = (struct cdb_query_piece){CDB_QUERY_STAR, {NULL, 0}};
    pattern = text.len > 0 ? (struct cdb_query_pattern){pieces, 2} : (struct cdb_query_pattern){pieces + 1, 1};
    *out = cdb_query_new_pattern(&clause->in->builder, pattern, is_key, clause->field, CDB_QUERY_OR);
    return made(*out);
}

static int make_pattern(struct clause *clause, bool is_key, enum cdb_query_member member, struct cdb_query_node **out)
{
    struct cdb_query_path here = cdb_query_member_path(clause->path, member);
    struct cdb_query_string text = {NULL, 0};
    struct cdb_query_pattern pattern;
    int result = read_text(clause, member, &text);

    if (result != CHRONDB_OK)
        return result;
    if (!cdb_query_escapes_are_whole(text.ptr, text.len))
        return cdb_query_json_fail(clause->in, clause->members.at[member], &here,
                                   "expected a character behind the '\\' at its end");
    if (!cdb_query_read_pattern(clause->in->builder.arena, text.ptr, text.len, &pattern))
        return CHRONDB_ESYSTEM;
    *out = cdb_query_new_pattern(&clause->in->builder, pattern, is_key, clause->field, CDB_QUERY_OR);
    return made(*out);
}

static int read_prefix(struct clause *clause, struct cdb_query_node **out)
{
    return make_prefix(clause, false, CDB_QUERY_M_VALUE, out);
}

static int read_wildcard(struct clause *clause, struct cdb_query_node **out)
{
    return make_pattern(clause, false, CDB_QUERY_M_VALUE, out);
}

static int read_fuzzy(struct clause *clause, struct cdb_query_node **out)
{
    enum cdb_query_member member = has(clause, CDB_QUERY_M_MAX_EDITS) ? CDB_QUERY_M_MAX_EDITS : CDB_QUERY_M_DISTANCE;
    uint64_t distance = 2;
    int result = make(clause, CDB_QUERY_FUZZY, out);

    if (result == CHRONDB_OK && has(clause, CDB_QUERY_M_MAX_EDITS) && has(clause, CDB_QUERY_M_DISTANCE))
        return cdb_query_json_fail(clause->in, clause->node, clause->path, "distance and max-edits are the same");
    if (result == CHRONDB_OK)
        result = read_text(clause, CDB_QUERY_M_VALUE, &(*out)->fuzzy.text);
    if (result == CHRONDB_OK)
        result = cdb_query_read_count(clause->in, clause->path, &clause->members, member, 1, 2, &distance);
    if (result == CHRONDB_OK)
        (*out)->fuzzy.distance = (unsigned)distance;
    return result;
}

static int read_range_clause(struct clause *clause, struct cdb_query_node **out)
{
    struct cdb_query_range range;
    int result = read_range(clause, &range);

    if (result != CHRONDB_OK)
        return result;
    *out = cdb_query_new_range(&clause->in->builder, range, false, clause->field);
    return made(*out);
}

static int read_exists(struct clause *clause, struct cdb_query_node **out)
{
    return make(clause, CDB_QUERY_EXISTS, out);
}

static int read_missing(struct clause *clause, struct cdb_query_node **out)
{
    return make(clause, CDB_QUERY_MISSING, out);
}

/* One key, those with a prefix, those of a pattern, or those of a range. */
static int read_key(struct clause *clause, struct cdb_query_node **out)
{
    bool is_range = has(clause, CDB_QUERY_M_LOWER) || has(clause, CDB_QUERY_M_UPPER);
    int forms =
        is_range + has(clause, CDB_QUERY_M_VALUE) + has(clause, CDB_QUERY_M_PREFIX) + has(clause, CDB_QUERY_M_PATTERN);
    struct cdb_query_range range;
    int result;

    if (forms != 1)
        return cdb_query_json_fail(clause->in, clause->node, clause->path,
                                   "expected one of value, prefix, pattern, and lower with upper");
    if (has(clause, CDB_QUERY_M_PREFIX))
        return make_prefix(clause, true, CDB_QUERY_M_PREFIX, out);
    if (has(clause, CDB_QUERY_M_PATTERN))
        return make_pattern(clause, true, CDB_QUERY_M_PATTERN, out);
    if (has(clause, CDB_QUERY_M_VALUE)) {
        result = make(clause, CDB_QUERY_KEY, out);
        return result == CHRONDB_OK ? read_text(clause, CDB_QUERY_M_VALUE, &(*out)->key) : result;
    }
    result = read_range(clause, &range);
    if (result != CHRONDB_OK)
        return result;
    if ((range.lower.type != CDB_QUERY_OPEN && range.lower.type != CDB_QUERY_STRING) ||
        (range.upper.type != CDB_QUERY_OPEN && range.upper.type != CDB_QUERY_STRING))
        return cdb_query_json_fail(clause->in, clause->node, clause->path, "keys are strings");
    *out = cdb_query_new_range(&clause->in->builder, range, true, clause->field);
    return made(*out);
}

/* A part in the query language. Its clauses count as ours. */
static int read_query(struct clause *clause, struct cdb_query_node **out)
{
    struct cdb_query_path here = cdb_query_member_path(clause->path, CDB_QUERY_M_VALUE);
    enum cdb_query_operator op = CDB_QUERY_OR;
    struct cdb_query_string text = {NULL, 0};
    int result = read_text(clause, CDB_QUERY_M_VALUE, &text);

    if (result == CHRONDB_OK)
        result = read_operator(clause, CDB_QUERY_M_DEFAULT_OPERATOR, &op);
    if (result != CHRONDB_OK)
        return result;
    result = cdb_query_parse_within(out, &clause->in->builder, text.ptr, text.len, op, clause->depth + 1);
    return result == CHRONDB_EUSAGE
               ? cdb_query_json_fail_within(clause->in, clause->members.at[CDB_QUERY_M_VALUE], &here)
               : result;
}

static int read_boolean(struct clause *clause, struct cdb_query_node **out)
{
    static const enum cdb_query_member lists[CDB_QUERY_OCCURS] = {
        [CDB_QUERY_MUST] = CDB_QUERY_M_MUST,
        [CDB_QUERY_SHOULD] = CDB_QUERY_M_SHOULD,
        [CDB_QUERY_MUST_NOT] = CDB_QUERY_M_MUST_NOT,
        [CDB_QUERY_FILTER] = CDB_QUERY_M_FILTER,
    };
    struct cdb_query_items items = {0};
    uint64_t minimum;
    int result = CHRONDB_OK;

    if (clause->depth == CDB_QUERY_MAX_DEPTH)
        return cdb_query_json_fail(clause->in, clause->node, clause->path, "more than %d booleans within each other",
                                   CDB_QUERY_MAX_DEPTH);
    for (size_t i = 0; i < CDB_QUERY_OCCURS && result == CHRONDB_OK; i++) {
        struct cdb_query_path here = cdb_query_member_path(clause->path, lists[i]);

        if (has(clause, lists[i]))
            result = cdb_query_read_clauses(clause->in, clause->members.at[lists[i]], &here, clause->depth + 1,
                                            (enum cdb_query_occur)i, &items);
    }
    if (result != CHRONDB_OK)
        return result;
    minimum = cdb_query_default_minimum(&items);
    result = cdb_query_read_count(clause->in, clause->path, &clause->members, CDB_QUERY_M_MINIMUM_SHOULD_MATCH, minimum,
                                  items.counts[CDB_QUERY_SHOULD], &minimum);
    if (result != CHRONDB_OK)
        return result;
    if (items.first == NULL)
        return make(clause, CDB_QUERY_ALL, out);
    *out = cdb_query_new_boolean(&clause->in->builder, &items, (uint32_t)minimum);
    return made(*out);
}

static const struct clause_type {
    const char *name;
    const char *what;
    uint32_t allowed; /* beside type and boost */
    bool needs_field;
    int (*read)(struct clause *clause, struct cdb_query_node **out);
} clause_types[] = {
    {"match-all", "match-all", 0, false, read_all},
    {"term", "a term", BIT(FIELD) | BIT(VALUE) | BIT(VALUE_TYPE), true, read_term},
    {"wildcard", "a wildcard", BIT(FIELD) | BIT(VALUE), false, read_wildcard},
    {"fts", "a fts", BIT(FIELD) | BIT(VALUE) | BIT(OPERATOR) | BIT(ANALYZER), false, read_fts},
    {"phrase", "a phrase", BIT(FIELD) | BIT(VALUE) | BIT(SLOP), false, read_phrase},
    {"prefix", "a prefix", BIT(FIELD) | BIT(VALUE), false, read_prefix},
    {"fuzzy", "a fuzzy", BIT(FIELD) | BIT(VALUE) | BIT(DISTANCE) | BIT(MAX_EDITS), false, read_fuzzy},
    {"range", "a range",
     BIT(FIELD) | BIT(LOWER) | BIT(UPPER) | BIT(INCLUDE_LOWER) | BIT(INCLUDE_UPPER) | BIT(VALUE_TYPE), true,
     read_range_clause},
    {"exists", "exists", BIT(FIELD), true, read_exists},
    {"missing", "missing", BIT(FIELD), true, read_missing},
    {"boolean", "a boolean", BIT(MUST) | BIT(SHOULD) | BIT(MUST_NOT) | BIT(FILTER) | BIT(MINIMUM_SHOULD_MATCH), false,
     read_boolean},
    {"key", "a key",
     BIT(VALUE) | BIT(PREFIX) | BIT(PATTERN) | BIT(LOWER) | BIT(UPPER) | BIT(INCLUDE_LOWER) | BIT(INCLUDE_UPPER), false,
     read_key},
    {"query", "a query", BIT(VALUE) | BIT(DEFAULT_OPERATOR), false, read_query},
};

#define TYPES (sizeof(clause_types) / sizeof(*clause_types))

/* ---- one clause -------------------------------------------------------------------------------- */

static int find_type(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                     const struct clause_type **out)
{
    struct cdb_query_members members = {{0}};
    const char *type_names[TYPES];
    size_t choice = 0;
    int result;

    if (in->json.nodes[node].type != CDB_JSON_OBJECT)
        return cdb_query_read_members(in, node, path, 0, "a clause", &members);
    members.at[CDB_QUERY_M_TYPE] = cdb_query_find_type(in, node);
    for (size_t i = 0; i < TYPES; i++)
        type_names[i] = clause_types[i].name;
    result = cdb_query_require(in, node, path, &members, CDB_QUERY_M_TYPE, "a clause");
    if (result == CHRONDB_OK)
        result = cdb_query_read_choice(in, path, &members, CDB_QUERY_M_TYPE, type_names, TYPES, &choice);
    *out = &clause_types[choice];
    return result;
}

static int read_boost(const struct clause *clause, struct cdb_query_node *node)
{
    struct cdb_query_path here = cdb_query_member_path(clause->path, CDB_QUERY_M_BOOST);
    uint32_t at = clause->members.at[CDB_QUERY_M_BOOST];
    const struct cdb_json_node *value = &clause->in->json.nodes[at];
    float boost = 1;

    if (at == 0)
        return CHRONDB_OK;
    if (value->type != CDB_JSON_NUMBER ||
        !cdb_query_read_boost(clause->in->json.text + value->start, value->end - value->start, &boost) ||
        !cdb_query_boost(node, boost))
        return cdb_query_json_fail(clause->in, at, &here, "expected a number from 0 to %d without an exponent",
                                   CDB_QUERY_MAX_BOOST);
    return CHRONDB_OK;
}

static int read_clause(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path, unsigned depth,
                       struct cdb_query_node **out)
{
    struct clause clause = {.in = in, .node = node, .path = path, .depth = depth};
    const struct clause_type *type = clause_types;
    size_t clauses = in->builder.clauses;
    int result = find_type(in, node, path, &type);

    if (result != CHRONDB_OK)
        return result;
    clause.what = type->what;
    result =
        cdb_query_read_members(in, node, path, type->allowed | BIT(TYPE) | BIT(BOOST), type->what, &clause.members);
    if (result == CHRONDB_OK && type->needs_field)
        result = require(&clause, CDB_QUERY_M_FIELD);
    if (result == CHRONDB_OK)
        result = cdb_query_read_string(in, path, &clause.members, CDB_QUERY_M_FIELD, &clause.field);
    if (result == CHRONDB_OK)
        result = type->read(&clause, out);
    if (result != CHRONDB_OK)
        return result;
    if (in->builder.clauses == clauses && ++in->builder.clauses > CDB_QUERY_MAX_CLAUSES)
        return cdb_query_json_fail(in, node, path, "more than %d clauses", CDB_QUERY_MAX_CLAUSES);
    return read_boost(&clause, *out);
}

int cdb_query_read_clauses(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path, unsigned depth,
                           enum cdb_query_occur occur, struct cdb_query_items *items)
{
    const struct cdb_json_node *nodes = in->json.nodes;
    struct cdb_query_path here = {path, NULL, 0};
    struct cdb_query_node *clause = NULL;
    int result;

    if (nodes[node].type != CDB_JSON_ARRAY) {
        result = read_clause(in, node, path, depth, &clause);
        return result != CHRONDB_OK                                      ? result
               : cdb_query_items_add(&in->builder, items, clause, occur) ? CHRONDB_OK
                                                                         : CHRONDB_ESYSTEM;
    }
    for (uint32_t element = node + 1; element < nodes[node].next; element = nodes[element].next, here.index++) {
        result = read_clause(in, element, &here, depth, &clause);
        if (result != CHRONDB_OK)
            return result;
        if (!cdb_query_items_add(&in->builder, items, clause, occur))
            return CHRONDB_ESYSTEM;
    }
    return CHRONDB_OK;
}
