/* SPDX-License-Identifier: MIT */
#include "query/ast.h"

#include <stdio.h>
#include <string.h>

#include "query/ast_clause.h"
#include "query/lex.h"
#include "query/members.h"
#include "util/error.h"

#define BIT CDB_QUERY_BIT

static const char *const directions[] = {"asc", "desc"};

/* ---- sort -------------------------------------------------------------------------------------- */

static int read_sort_key(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                         struct cdb_query_sort *out)
{
    static const char *const types[] = {"string", "long", "double"}; /* ChronDB's; the values decide here */
    struct cdb_query_members members;
    size_t direction = 0, type = 0;
    int result =
        cdb_query_read_members(in, node, path, BIT(FIELD) | BIT(DIRECTION) | BIT(TYPE), "a sort key", &members);

    if (result == CHRONDB_OK)
        result = cdb_query_require(in, node, path, &members, CDB_QUERY_M_FIELD, "a sort key");
    if (result == CHRONDB_OK)
        result = cdb_query_read_string(in, path, &members, CDB_QUERY_M_FIELD, &out->field);
    if (result == CHRONDB_OK)
        result = cdb_query_read_choice(in, path, &members, CDB_QUERY_M_DIRECTION, directions, 2, &direction);
    if (result == CHRONDB_OK)
        result = cdb_query_read_choice(in, path, &members, CDB_QUERY_M_TYPE, types, 3, &type);
    out->descending = direction == 1;
    return result;
}

/* One key, or an array of them. */
static int read_sort(struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                     struct cdb_query_ast *out)
{
    const struct cdb_json_node *nodes = in->json.nodes;
    struct cdb_query_sort *sort = cdb_arena_alloc(in->builder.arena, CDB_QUERY_MAX_SORT * sizeof(*sort));
    int result = CHRONDB_OK;

    if (sort == NULL)
        return CHRONDB_ESYSTEM;
    memset(sort, 0, CDB_QUERY_MAX_SORT * sizeof(*sort));
    out->sort = sort;
    if (nodes[node].type != CDB_JSON_ARRAY) {
        out->sort_count = 1;
        return read_sort_key(in, node, path, sort);
    }
    for (uint32_t key = node + 1; key < nodes[node].next && result == CHRONDB_OK; key = nodes[key].next) {
        struct cdb_query_path here = {path, NULL, out->sort_count};

        if (out->sort_count == CDB_QUERY_MAX_SORT)
            return cdb_query_json_fail(in, key, &here, "more than %d sort keys", CDB_QUERY_MAX_SORT);
        result = read_sort_key(in, key, &here, &sort[out->sort_count++]);
    }
    return result;
}

/* ---- the whole --------------------------------------------------------------------------------- */

static int read_clauses(struct cdb_query_json *in, const struct cdb_query_members *members,
                        const struct cdb_query_path *root, struct cdb_query_ast *out)
{
    struct cdb_query_path path = cdb_query_member_path(root, CDB_QUERY_M_CLAUSES);
    struct cdb_query_items items = {0};
    const struct cdb_query_node *node;
    uint32_t clauses = members->at[CDB_QUERY_M_CLAUSES];
    int result = CHRONDB_OK;

    if (clauses != 0)
        result = cdb_query_read_clauses(in, clauses, &path, 0, CDB_QUERY_MUST, &items);
    if (result != CHRONDB_OK)
        return result;
    out->root = items.first == NULL ? cdb_query_new(&in->builder, CDB_QUERY_ALL)
                                    : cdb_query_new_boolean(&in->builder, &items, 0);
    if (out->root == NULL)
        return CHRONDB_ESYSTEM;
    node = cdb_query_overboosted(out->root);
    return node == NULL ? CHRONDB_OK
                        : cdb_query_json_fail(in, clauses, &path, "boosts within each other multiply to more than %d",
                                              CDB_QUERY_MAX_BOOST);
}

static int read_root(struct cdb_query_json *in, struct cdb_query_ast *out)
{
    struct cdb_query_path root = {NULL, NULL, 0};
    struct cdb_query_path sort = cdb_query_member_path(&root, CDB_QUERY_M_SORT);
    struct cdb_query_members members;
    int result = cdb_query_read_members(in, 0, &root,
                                        BIT(CLAUSES) | BIT(SORT) | BIT(LIMIT) | BIT(OFFSET) | BIT(AFTER) | BIT(BRANCH),
                                        "a query", &members);

    if (result == CHRONDB_OK)
        result = read_clauses(in, &members, &root, out);
    if (result == CHRONDB_OK && members.at[CDB_QUERY_M_SORT] != 0)
        result = read_sort(in, members.at[CDB_QUERY_M_SORT], &sort, out);
    out->has_limit = members.at[CDB_QUERY_M_LIMIT] != 0;
    out->has_offset = members.at[CDB_QUERY_M_OFFSET] != 0;
    if (result == CHRONDB_OK)
        result = cdb_query_read_count(in, &root, &members, CDB_QUERY_M_LIMIT, 0, INT64_MAX, &out->limit);
    if (result == CHRONDB_OK)
        result = cdb_query_read_count(in, &root, &members, CDB_QUERY_M_OFFSET, 0, INT64_MAX, &out->offset);
    if (result == CHRONDB_OK)
        result = cdb_query_read_string(in, &root, &members, CDB_QUERY_M_AFTER, &out->after);
    if (result == CHRONDB_OK)
        result = cdb_query_read_string(in, &root, &members, CDB_QUERY_M_BRANCH, &out->branch);
    return result;
}

/* It came as an argument, so it is one: not CHRONDB_EINVALID as for a document. And its columns, like those of all
 * queries, count characters. */
static int fail_json(const char *json, size_t len)
{
    static const char *const prefix = "not valid JSON at line ";
    const chrondb_error *error = chrondb_last_error();
    const char *reason = error->message, *start = json, *newline;
    char message[1024];
    size_t line = error->line, column = error->column;

    if (error->code != CHRONDB_EINVALID)
        return error->code;
    if (strncmp(reason, prefix, strlen(prefix)) == 0 && strstr(reason, ": ") != NULL)
        reason = strstr(reason, ": ") + 2;
    snprintf(message, sizeof(message), "%s", reason);
    for (; line > 1 && (newline = memchr(start, '\n', len - (size_t)(start - json))) != NULL; line--)
        start = newline + 1;
    cdb_query_place(json, len, (size_t)(start - json) + column - 1, &line, &column);
    cdb_error_set(CHRONDB_EUSAGE, "invalid_query", "%s%zu, column %zu: %s", prefix, line, column, message);
    cdb_error_set_position(line, column);
    return CHRONDB_EUSAGE;
}

int cdb_query_ast_parse(struct cdb_query_ast *out, struct cdb_arena *arena, const char *json, size_t len)
{
    struct cdb_query_json in = {CDB_JSON_INIT, len, {arena, 0}};
    int result;

    *out = (struct cdb_query_ast){0};
    if (len > CDB_QUERY_MAX_AST) {
        cdb_error_set(CHRONDB_EUSAGE, "invalid_query", "a query as JSON has at most %zu bytes, this one has %zu",
                      CDB_QUERY_MAX_AST, len);
        cdb_error_set_position(1, 1);
        return CHRONDB_EUSAGE;
    }
    if (cdb_json_parse(&in.json, json, len) != CHRONDB_OK)
        return fail_json(len > 0 ? json : "", len);
    result = read_root(&in, out);
    cdb_json_release(&in.json);
    return result;
}
