/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a query, with both default operators: refused with a place in the text, or a tree that keeps what its
 * header promises and that means the same when it is printed and read again. */
#include "fuzz/fuzz.h"
#include "query/lex.h"
#include "query/parse.h"
#include "util/error.h"
#include "util/utf8.h"

static void check_error(const char *text, size_t len)
{
    const chrondb_error *error = chrondb_last_error();
    struct cdb_buf mark = CDB_BUF_INIT;
    size_t lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    CHECK(error->code == CHRONDB_EUSAGE && strcmp(error->name, "invalid_query") == 0);
    CHECK(error->line >= 1 && error->line <= lines);
    CHECK(error->column >= 1 && error->column <= len + 1);
    CHECK(strstr(error->message, "not a valid query at ") == error->message);
    cdb_query_mark(&mark, text, len, error->line, error->column);
    CHECK(!mark.failed && mark.len > 1 && mark.ptr[mark.len - 1] == '^' && mark.len < 2000);
    CHECK(memchr(mark.ptr, '\n', mark.len) == strrchr(mark.ptr, '\n'));
    cdb_buf_release(&mark);
}

/* ---- the promises of node.h -------------------------------------------------------------------- */

static void check_string(struct cdb_query_string string)
{
    CHECK(string.ptr != NULL && string.len <= CDB_QUERY_MAX_TEXT && string.ptr[string.len] == '\0');
    for (size_t at = 0, width; at < string.len; at += width)
        CHECK((width = cdb_utf8_width(string.ptr + at, string.len - at)) > 0);
}

static void check_value(const struct cdb_query_value *value)
{
    CHECK(value->type <= CDB_QUERY_STRING);
    if (value->type != CDB_QUERY_OPEN)
        check_string(value->text);
}

static void check_pattern(const struct cdb_query_pattern *pattern)
{
    size_t literals = 0, stars = 0;

    for (size_t i = 0; i < pattern->count; i++) {
        enum cdb_query_piece_kind kind = pattern->pieces[i].kind;

        literals += kind == CDB_QUERY_LITERAL;
        stars += kind == CDB_QUERY_STAR;
        CHECK(i == 0 || kind == CDB_QUERY_ONE || kind != pattern->pieces[i - 1].kind);
        if (kind == CDB_QUERY_LITERAL) {
            check_string(pattern->pieces[i].text);
            CHECK(pattern->pieces[i].text.len > 0);
        }
    }
    CHECK(literals < pattern->count && stars < pattern->count);
}

static void check_range(const struct cdb_query_range *range)
{
    check_value(&range->lower);
    check_value(&range->upper);
    CHECK(range->lower.type != CDB_QUERY_OPEN || range->upper.type != CDB_QUERY_OPEN);
    CHECK(range->lower.type != CDB_QUERY_OPEN || !range->include_lower);
    CHECK(range->upper.type != CDB_QUERY_OPEN || !range->include_upper);
}

static size_t check_node(const struct cdb_query_node *node, size_t len, size_t depth);

static size_t check_list(const struct cdb_query_list *list, size_t len, size_t depth)
{
    size_t clauses = 0;

    for (size_t i = 0; i < list->count; i++)
        clauses += check_node(list->nodes[i], len, depth + 1);
    return clauses;
}

static size_t check_boolean(const struct cdb_query_boolean *boolean, size_t len, size_t depth)
{
    CHECK(boolean->filter.count == 0);
    CHECK(boolean->must.count + boolean->should.count + boolean->must_not.count > 0);
    CHECK(boolean->must_not.count > 0 || boolean->must.count + boolean->should.count > 1);
    CHECK(boolean->minimum_should == (boolean->should.count > 0 && boolean->must.count == 0));
    return check_list(&boolean->must, len, depth) + check_list(&boolean->should, len, depth) +
           check_list(&boolean->must_not, len, depth);
}

static void check_clause(const struct cdb_query_node *node)
{
    bool needs_field = node->kind == CDB_QUERY_EXACT || node->kind == CDB_QUERY_RANGE ||
                       node->kind == CDB_QUERY_EXISTS || node->kind == CDB_QUERY_MISSING;
    bool is_fieldless = node->kind == CDB_QUERY_ALL || node->kind == CDB_QUERY_KEY ||
                        node->kind == CDB_QUERY_KEY_PATTERN || node->kind == CDB_QUERY_KEY_RANGE;

    CHECK(!needs_field || node->field.ptr != NULL);
    CHECK(!is_fieldless || node->field.ptr == NULL);
    if (node->field.ptr != NULL)
        check_string(node->field);
    if (node->kind == CDB_QUERY_TEXT)
        check_string(node->text.text);
    else if (node->kind == CDB_QUERY_PHRASE)
        check_string(node->phrase.text);
    else if (node->kind == CDB_QUERY_EXACT)
        check_value(&node->exact);
    else if (node->kind == CDB_QUERY_WILDCARD || node->kind == CDB_QUERY_KEY_PATTERN)
        check_pattern(&node->pattern);
    else if (node->kind == CDB_QUERY_RANGE || node->kind == CDB_QUERY_KEY_RANGE)
        check_range(&node->range);
    else if (node->kind == CDB_QUERY_KEY)
        check_string(node->key);
    else if (node->kind == CDB_QUERY_FUZZY)
        CHECK(node->fuzzy.distance == 1 || node->fuzzy.distance == 2);
}

/* How many clauses are in it. */
static size_t check_node(const struct cdb_query_node *node, size_t len, size_t depth)
{
    CHECK(depth <= CDB_QUERY_TREE_DEPTH && node->kind <= CDB_QUERY_BOOLEAN);
    CHECK(node->boost >= 0 && node->boost <= CDB_QUERY_MAX_BOOST);
    CHECK(node->size > 0 && node->pos <= len && node->size <= len - node->pos);
    if (node->kind == CDB_QUERY_BOOLEAN)
        return check_boolean(&node->boolean, len, depth);
    check_clause(node);
    return 1;
}

/* ---- both ways --------------------------------------------------------------------------------- */

/* Printing adds escapes and parentheses, so only a printed text that is too long or too deep may be refused. */
static void check_print(const struct cdb_query_node *root, enum cdb_query_operator op)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf text = CDB_BUF_INIT;
    const struct cdb_query_node *again = NULL;

    cdb_query_print(&text, root, op);
    CHECK(!text.failed && text.len > 0);
    if (cdb_query_parse(&again, &arena, text.ptr, text.len, op) == CHRONDB_OK)
        CHECK(cdb_query_equal(root, again));
    else
        CHECK(text.len > CDB_QUERY_MAX_TEXT || strstr(chrondb_last_error()->message, "more than 100 paren") != NULL);
    cdb_buf_release(&text);
    cdb_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";

    for (int op = CDB_QUERY_OR; op <= CDB_QUERY_AND; op++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        const struct cdb_query_node *root = NULL;

        if (cdb_query_parse(&root, &arena, text, size, (enum cdb_query_operator)op) == CHRONDB_OK) {
            CHECK(check_node(root, size, 1) <= CDB_QUERY_MAX_CLAUSES);
            check_print(root, (enum cdb_query_operator)op);
        } else {
            check_error(text, size);
        }
        cdb_arena_release(&arena);
    }
    return 0;
}
