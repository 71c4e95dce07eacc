/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a query in JSON: refused with a place in the text, or a tree that can be printed and is the same when it
 * is read again. */
#include "fuzz/fuzz.h"
#include "query/ast.h"
#include "util/error.h"

static void check_error(size_t size)
{
    const chrondb_error *error = chrondb_last_error();

    CHECK(error->code == CHRONDB_EUSAGE && strcmp(error->name, "invalid_query") == 0);
    CHECK(error->line >= 1 && error->line <= size + 1);
    CHECK(error->column >= 1 && error->column <= size + 1);
    CHECK(error->message[0] != '\0');
}

/* How many clauses are in it. */
static size_t check_node(const struct cdb_query_node *node, size_t depth)
{
    const struct cdb_query_boolean *boolean = &node->boolean;
    const struct cdb_query_list *lists[] = {&boolean->must, &boolean->should, &boolean->must_not, &boolean->filter};
    size_t clauses = 0, count = 0;

    CHECK(depth <= CDB_QUERY_TREE_DEPTH && node->kind <= CDB_QUERY_BOOLEAN);
    CHECK(node->boost >= 0 && node->boost <= CDB_QUERY_MAX_BOOST);
    if (node->kind != CDB_QUERY_BOOLEAN)
        return 1;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        count += lists[i]->count;
        for (size_t k = 0; k < lists[i]->count; k++)
            clauses += check_node(lists[i]->nodes[k], depth + 1);
    }
    CHECK(count > 0 && boolean->minimum_should <= boolean->should.count);
    CHECK(boolean->minimum_should > 0 || boolean->should.count == 0 || boolean->must.count + boolean->filter.count > 0);
    return clauses;
}

static void check_again(const struct cdb_query_ast *ast, const char *text, size_t size)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf printed = CDB_BUF_INIT;
    struct cdb_query_ast again;

    cdb_query_print(&printed, ast->root, CDB_QUERY_OR);
    CHECK(!printed.failed && printed.len > 0);
    CHECK(cdb_query_ast_parse(&again, &arena, text, size) == CHRONDB_OK);
    CHECK(cdb_query_equal(ast->root, again.root) && ast->sort_count == again.sort_count);
    cdb_buf_release(&printed);
    cdb_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_ast ast;

    if (cdb_query_ast_parse(&ast, &arena, text, size) == CHRONDB_OK) {
        CHECK(ast.root != NULL && check_node(ast.root, 1) <= CDB_QUERY_MAX_CLAUSES);
        CHECK(ast.sort_count <= CDB_QUERY_MAX_SORT && ast.limit <= INT64_MAX && ast.offset <= INT64_MAX);
        check_again(&ast, text, size);
    } else {
        check_error(size);
    }
    cdb_arena_release(&arena);
    return 0;
}
