/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/ast.h"
#include "query/parse.h"
#include "util/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The text in memory of exactly its size, which is gone before anything is looked at. */
static int parse_bytes(struct cdb_query_ast *out, struct cdb_arena *arena, const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    int result;

    assert_non_null(copy);
    memcpy(copy, text, len);
    cdb_error_clear();
    memset(out, 0xa5, sizeof(*out));
    result = cdb_query_ast_parse(out, arena, copy, len);
    free(copy);
    return result;
}

static struct cdb_query_ast parse(struct cdb_arena *arena, const char *text)
{
    struct cdb_query_ast ast;

    if (parse_bytes(&ast, arena, text, strlen(text)) != CHRONDB_OK)
        fail_msg("%s: %s", text, chrondb_last_error()->message);
    assert_non_null(ast.root);
    return ast;
}

/* The query of one clause. */
static struct cdb_query_ast parse_clause(struct cdb_arena *arena, const char *clause)
{
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_query_ast ast;

    cdb_buf_addf(&text, "{\"clauses\":[%s]}", clause);
    ast = parse(arena, cdb_buf_str(&text));
    cdb_buf_release(&text);
    return ast;
}

struct row {
    const char *clause;
    const char *query;
};

/* What the language can say: both are one tree. */
static void test_same_as_text(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"match-all\"}", "*:*"},
        {"{\"type\":\"match_all\",\"boost\":2}", "*:*^2"},
        {"{\"type\":\"fts\",\"field\":\"name\",\"value\":\"alice\"}", "name:alice"},
        {"{\"type\":\"fts\",\"value\":\"alice smith\"}", "alice\\ smith"},
        {"{\"type\":\"fts\",\"field\":null,\"value\":\"a\",\"analyzer\":\"fts\",\"boost\":null}", "a"},
        {"{\"type\":\"fts\",\"field\":\"age\",\"value\":25}", "age:25"},
        {"{\"type\":\"fts\",\"field\":\"active\",\"value\":true}", "active:true"},
        {"{\"type\":\"fts\",\"field\":\"note\",\"value\":null}", "note:null"},
        {"{\"type\":\"fts\",\"value\":\"a*\",\"operator\":\"or\"}", "a\\*"},
        {"{\"type\":\"term\",\"field\":\"name\",\"value\":\"Alice\"}", "name:=\"Alice\""},
        {"{\"type\":\"term\",\"field\":\"age\",\"value\":25,\"value-type\":\"string\"}", "age:=\"25\""},
        {"{\"type\":\"wildcard\",\"field\":\"name\",\"value\":\"j?h*\"}", "name:j?h*"},
        {"{\"type\":\"wildcard\",\"value\":\"a\\\\*b*\"}", "a\\*b*"},
        {"{\"type\":\"wildcard\",\"field\":\"name\",\"value\":\"*\"}", "name:*"},
        {"{\"type\":\"wildcard\",\"value\":\"**\"}", "*"},
        {"{\"type\":\"wildcard\",\"value\":\"plain\"}", "plain"},
        {"{\"type\":\"prefix\",\"field\":\"name\",\"value\":\"al*\"}", "name:al\\**"},
        {"{\"type\":\"prefix\",\"field\":\"name\",\"value\":\"\"}", "_exists_:name"},
        {"{\"type\":\"phrase\",\"field\":\"t\",\"value\":\"a \\u00e9\",\"slop\":3}", "t:\"a \xc3\xa9\"~3"},
        {"{\"type\":\"fuzzy\",\"value\":\"roam\"}", "roam~"},
        {"{\"type\":\"fuzzy\",\"value\":\"roam\",\"distance\":1}", "roam~1"},
        {"{\"type\":\"fuzzy\",\"value\":\"roam\",\"max-edits\":2}", "roam~2"},
        {"{\"type\":\"fuzzy\",\"value\":\"roam\",\"max_edits\":1,\"boost\":1.5}", "roam~1^1.5"},
        {"{\"type\":\"range\",\"field\":\"d\",\"lower\":\"2026-01-01\",\"upper\":\"2026-02-01\",\"include-upper?\":"
         "false}",
         "d:[\"2026-01-01\" TO \"2026-02-01\"}"},
        {"{\"type\":\"range\",\"field\":\"d\",\"lower\":\"a\",\"upper\":null,\"include_lower\":false}", "d:>\"a\""},
        {"{\"type\":\"range\",\"field\":\"d\"}", "d:*"},
        {"{\"type\":\"exists\",\"field\":\"a.b\"}", "_exists_:a.b"},
        {"{\"type\":\"missing\",\"field\":\"a.b\"}", "_missing_:a.b"},
        {"{\"type\":\"key\",\"value\":\"user:1\"}", "key:user:1"},
        {"{\"type\":\"key\",\"prefix\":\"user:\"}", "key:user:*"},
        {"{\"type\":\"key\",\"pattern\":\"user:?\"}", "key:user:?"},
        {"{\"type\":\"key\",\"lower\":\"a\",\"upper\":\"b\",\"include-upper\":false}", "key:[a TO b}"},
        {"{\"type\":\"key\",\"prefix\":\"\"}", "*:*"},
        {"{\"type\":\"fts\",\"field\":\"key\",\"value\":\"x\"}", "\\key:x"},
        {"{\"type\":\"query\",\"value\":\"a b -c\"}", "a b -c"},
        {"{\"type\":\"boolean\"}", "*:*"},
        {"{\"type\":\"boolean\",\"must\":[],\"should\":null}", "*:*"},
        {"{\"type\":\"boolean\",\"must\":{\"type\":\"fts\",\"value\":\"a\"}}", "a"},
        {"{\"type\":\"boolean\",\"boost\":2,\"should\":[{\"type\":\"fts\",\"value\":\"a\",\"boost\":3}]}", "a^6"},
        {"{\"type\":\"boolean\",\"must_not\":[{\"type\":\"fts\",\"value\":\"a\"}]}", "NOT a"},
        {"{\"type\":\"boolean\",\"should\":[{\"type\":\"fts\",\"value\":\"a\"},{\"type\":\"fts\",\"value\":\"b\"}]}",
         "a OR b"},
        {"{\"type\":\"boolean\",\"minimum-should-match\":1,\"boost\":0.5,\"should\":[{\"type\":\"fts\",\"value\":\"a\"}"
         ","
         "{\"type\":\"fts\",\"value\":\"b\"}]}",
         "(a OR b)^0.5"},
        {"{\"type\":\"boolean\",\"must-not\":{\"type\":\"fts\",\"value\":\"c\"},\"must\":{\"type\":\"fts\",\"value\":"
         "\"a\"},\"should\":[{\"type\":\"boolean\",\"must-not\":{\"type\":\"fts\",\"value\":\"b\"}}]}",
         "+a (NOT b) -c"},
        {"{\"type\":\"fts\",\"value\":\"a\"},{\"type\":\"boolean\",\"must\":[{\"type\":\"exists\",\"field\":\"f\"},"
         "{\"type\":\"fts\",\"value\":\"b\"}]}",
         "a AND (_exists_:f AND b)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct cdb_buf printed = CDB_BUF_INIT;
        const struct cdb_query_node *text = NULL;
        struct cdb_query_ast ast = parse_clause(&arena, rows[i].clause);

        cdb_query_print(&printed, ast.root, CDB_QUERY_OR);
        if (cdb_query_parse(&text, &arena, rows[i].query, strlen(rows[i].query), CDB_QUERY_OR) != CHRONDB_OK)
            fail_msg("%s: %s", rows[i].query, chrondb_last_error()->message);
        if (!cdb_query_equal(ast.root, text))
            fail_msg("%s\nis %s\nand not %s", rows[i].clause, cdb_buf_str(&printed), rows[i].query);
        cdb_buf_release(&printed);
        cdb_arena_release(&arena);
    }
}

/* What it cannot say, as it is printed. */
static void test_other(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"boolean\",\"filter\":[{\"type\":\"fts\",\"value\":\"a\"}]}", "#a"},
        {"{\"type\":\"boolean\",\"filter\":{\"type\":\"fts\",\"value\":\"a\"},\"must\":{\"type\":\"fts\",\"value\":"
         "\"b\"},"
         "\"should\":{\"type\":\"fts\",\"value\":\"c\"},\"must-not\":{\"type\":\"fts\",\"value\":\"d\"}}",
         "+b #a c -d"},
        {"{\"type\":\"boolean\",\"minimum-should-match\":2,\"should\":[{\"type\":\"fts\",\"value\":\"a\"},"
         "{\"type\":\"fts\",\"value\":\"b\"},{\"type\":\"fts\",\"value\":\"c\"}]}",
         "(a OR b OR c)~2"},
        {"{\"type\":\"fts\",\"value\":\"\"}", "\"\""},
        {"{\"type\":\"term\",\"field\":\"age\",\"value\":-2.5e3}", "age:=-2.5e3"},
        {"{\"type\":\"range\",\"field\":\"age\",\"lower\":25,\"upper\":35,\"include-lower?\":true,\"include-upper?\":"
         "false,"
         "\"value-type\":\"long\"}",
         "age:[25 TO 35}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct cdb_buf printed = CDB_BUF_INIT;
        struct cdb_query_ast ast = parse_clause(&arena, rows[i].clause);

        cdb_query_print(&printed, ast.root, CDB_QUERY_OR);
        assert_string_equal(cdb_buf_str(&printed), rows[i].query);
        cdb_buf_release(&printed);
        cdb_arena_release(&arena);
    }
}

static void check_value(const struct cdb_query_value *value, enum cdb_query_type type, const char *text)
{
    assert_int_equal(value->type, type);
    assert_int_equal(value->text.len, strlen(text));
    assert_string_equal(value->text.ptr, text);
}

static void test_types(void **state)
{
    static const struct {
        const char *json;
        const char *value_type;
        enum cdb_query_type type;
        const char *text;
    } rows[] = {
        {"25", NULL, CDB_QUERY_NUMBER, "25"},
        {"9007199254740993", NULL, CDB_QUERY_NUMBER, "9007199254740993"},
        {"-2.5E+3", "double", CDB_QUERY_NUMBER, "-2.5E+3"},
        {"\"25\"", NULL, CDB_QUERY_STRING, "25"},
        {"\"25\"", "long", CDB_QUERY_NUMBER, "25"},
        {"\"-2.5\"", "number", CDB_QUERY_NUMBER, "-2.5"},
        {"25", "string", CDB_QUERY_STRING, "25"},
        {"true", NULL, CDB_QUERY_TRUE, "true"},
        {"false", NULL, CDB_QUERY_FALSE, "false"},
        {"null", NULL, CDB_QUERY_NULL, "null"},
        {"null", "string", CDB_QUERY_STRING, "null"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct cdb_buf text = CDB_BUF_INIT;

        cdb_buf_addf(&text, "{\"type\":\"term\",\"field\":\"f\",\"value\":%s%s%s%s}", rows[i].json,
                     rows[i].value_type != NULL ? ",\"value_type\":\"" : "",
                     rows[i].value_type != NULL ? rows[i].value_type : "", rows[i].value_type != NULL ? "\"" : "");
        check_value(&parse_clause(&arena, text.ptr).root->exact, rows[i].type, rows[i].text);
        cdb_buf_release(&text);
        cdb_arena_release(&arena);
    }
}

static void test_whole(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_ast ast =
        parse(&arena, "{\"clauses\":[{\"type\":\"fts\",\"field\":\"name\",\"value\":\"alice\"},{\"type\":\"range\","
                      "\"field\":\"age\",\"lower\":25,\"upper\":35,\"include-lower?\":true,\"include-upper?\":false,"
                      "\"value-type\":\"long\"}],\"sort\":[{\"field\":\"age\",\"direction\":\"asc\"},{\"field\":\"n\","
                      "\"direction\":\"desc\",\"type\":\"string\"},{\"field\":\"x\"}],\"limit\":10,\"offset\":0,"
                      "\"branch\":\"main\",\"after\":\"CURSOR\"}");

    (void)state;
    assert_int_equal(ast.root->kind, CDB_QUERY_BOOLEAN);
    assert_int_equal(ast.root->boolean.must.count, 2);
    assert_int_equal(ast.root->boolean.minimum_should, 0);
    check_value(&ast.root->boolean.must.nodes[1]->range.lower, CDB_QUERY_NUMBER, "25");
    assert_true(ast.root->boolean.must.nodes[1]->range.include_lower);
    assert_false(ast.root->boolean.must.nodes[1]->range.include_upper);
    assert_int_equal(ast.sort_count, 3);
    assert_string_equal(ast.sort[0].field.ptr, "age");
    assert_false(ast.sort[0].descending);
    assert_string_equal(ast.sort[1].field.ptr, "n");
    assert_true(ast.sort[1].descending);
    assert_false(ast.sort[2].descending);
    assert_true(ast.has_limit && ast.has_offset);
    assert_int_equal(ast.limit, 10);
    assert_int_equal(ast.offset, 0);
    assert_string_equal(ast.branch.ptr, "main");
    assert_string_equal(ast.after.ptr, "CURSOR");

    ast = parse(&arena, "{}");
    assert_int_equal(ast.root->kind, CDB_QUERY_ALL);
    assert_int_equal(ast.sort_count, 0);
    assert_false(ast.has_limit || ast.has_offset);
    assert_null(ast.branch.ptr);
    assert_null(ast.after.ptr);

    ast = parse(&arena, "{\"clauses\":{\"type\":\"query\",\"value\":\"a b\",\"default-operator\":\"and\"},\"sort\":"
                        "{\"field\":\"a\",\"direction\":\"desc\"},\"limit\":9223372036854775807,\"offset\":null,"
                        "\"after\":null,\"branch\":null}");
    assert_int_equal(ast.root->boolean.must.count, 2);
    assert_int_equal(ast.root->boolean.must.nodes[0]->text.op, CDB_QUERY_AND);
    assert_int_equal(ast.sort_count, 1);
    assert_true(ast.sort[0].descending);
    assert_true(ast.has_limit && ast.limit == INT64_MAX);
    assert_false(ast.has_offset);
    assert_null(ast.branch.ptr);
    cdb_arena_release(&arena);
}

/* ---- errors ------------------------------------------------------------------------------------ */

static void expect_error(const char *json, size_t len, size_t line, size_t column, const char *message)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    const chrondb_error *error = chrondb_last_error();
    struct cdb_query_ast ast;

    if (parse_bytes(&ast, &arena, json, len) != CHRONDB_EUSAGE)
        fail_msg("%s: %s", json, error->code == 0 ? "no error" : error->message);
    if (strcmp(error->message, message) != 0 || error->line != line || error->column != column)
        fail_msg("%s\n is      %zu:%zu %s\n must be %zu:%zu %s", json, error->line, error->column, error->message, line,
                 column, message);
    assert_string_equal(error->name, "invalid_query");
    cdb_arena_release(&arena);
}

#define AT         "not a valid query at "
#define TYPE_NAMES "match-all, term, wildcard, fts, phrase, prefix, fuzzy, range, exists, missing, boolean, key, query"

static void test_errors(void **state)
{
    static const struct {
        const char *json;
        size_t column;
        const char *message;
    } rows[] = {
        {"", 1, "not valid JSON at line 1, column 1: expected a value, found nothing: the text is empty"},
        {"{\"a\":1,}", 8, "not valid JSON at line 1, column 8: trailing comma before '}'"},
        {"[]", 1, AT "$: expected an object, but it is an array"},
        {"{\"clause\":[]}", 2,
         AT "$: a query has no member 'clause'; it may have after, branch, clauses, limit, offset, sort"},
        {"{\"clauses\":[1]}", 13, AT "$.clauses[0]: expected an object, but it is a number"},
        {"{\"clauses\":\"a\"}", 12, AT "$.clauses: expected an object, but it is a string"},
        {"{\"clauses\":[{}]}", 13, AT "$.clauses[0]: a clause needs the member type"},
        {"{\"clauses\":[{\"type\":5}]}", 21, AT "$.clauses[0].type: expected a string, but it is a number"},
        {"{\"clauses\":[{\"type\":\"like\"}]}", 21, AT "$.clauses[0].type: expected one of " TYPE_NAMES},
        {"{\"clauses\":[{\"type\":\"fts\",\"feild\":\"a\"}]}", 27,
         AT "$.clauses[0]: a fts has no member 'feild'; it may have analyzer, boost, field, operator, type, value"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":\"a\",\"slop\":1}]}", 39,
         AT "$.clauses[0]: a fts has no member 'slop'; it may have analyzer, boost, field, operator, type, value"},
        {"{\"clauses\":[{\"type\":\"fts\"}]}", 13, AT "$.clauses[0]: a fts needs the member value"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":[]}]}", 35,
         AT "$.clauses[0].value: expected a string, a number, true, false or null, but it is an array"},
        {"{\"clauses\":[{\"type\":\"term\",\"value\":\"a\"}]}", 13, AT "$.clauses[0]: a term needs the member field"},
        {"{\"clauses\":[{\"type\":\"term\",\"field\":null,\"value\":\"a\"}]}", 13,
         AT "$.clauses[0]: a term needs the member field"},
        {"{\"clauses\":[{\"type\":\"term\",\"field\":1,\"value\":\"a\"}]}", 36,
         AT "$.clauses[0].field: expected a string, but it is a number"},
        {"{\"clauses\":[{\"type\":\"prefix\",\"value\":1}]}", 38,
         AT "$.clauses[0].value: expected a string, but it is a number"},
        {"{\"clauses\":[{\"type\":\"wildcard\",\"value\":\"a\\\\\"}]}", 40,
         AT "$.clauses[0].value: expected a character behind the '\\' at its end"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":\"\\ud800\"}]}", 35,
         AT "$.clauses[0].value: half of a surrogate pair is no character"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"lower\":1,\"upper\":\"x\"}]}", 59,
         AT "$.clauses[0].upper: the bounds of a range must be of one type"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"lower\":\"x\",\"value-type\":\"long\"}]}", 49,
         AT "$.clauses[0].lower: expected a number, since the value-type is long"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"lower\":\"1 \",\"value-type\":\"long\"}]}", 49,
         AT "$.clauses[0].lower: expected a number, since the value-type is long"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"value-type\":\"date\",\"lower\":1}]}", 54,
         AT "$.clauses[0].value-type: expected one of string, long, double, number"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"include-lower?\":1}]}", 58,
         AT "$.clauses[0].include-lower: expected true or false, but it is a number"},
        {"{\"clauses\":[{\"type\":\"range\",\"field\":\"a\",\"include-lower?\":true,\"include_lower\":true}]}", 63,
         AT "$.clauses[0]: the member include-lower is given twice"},
        {"{\"clauses\":[{\"type\":\"fuzzy\",\"value\":\"a\",\"distance\":3}]}", 52,
         AT "$.clauses[0].distance: expected a whole number from 1 to 2"},
        {"{\"clauses\":[{\"type\":\"fuzzy\",\"value\":\"a\",\"distance\":1,\"max-edits\":1}]}", 13,
         AT "$.clauses[0]: distance and max-edits are the same"},
        {"{\"clauses\":[{\"type\":\"phrase\",\"value\":\"a\",\"slop\":-1}]}", 49,
         AT "$.clauses[0].slop: expected a whole number from 0 to 1000000"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":\"a\",\"boost\":1e3}]}", 47,
         AT "$.clauses[0].boost: expected a number from 0 to 1000000 without an exponent"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":\"a\",\"boost\":-1}]}", 47,
         AT "$.clauses[0].boost: expected a number from 0 to 1000000 without an exponent"},
        {"{\"clauses\":[{\"type\":\"fts\",\"value\":\"a\",\"operator\":\"xor\"}]}", 50,
         AT "$.clauses[0].operator: expected one of or, and"},
        {"{\"clauses\":[{\"type\":\"key\"}]}", 13,
         AT "$.clauses[0]: expected one of value, prefix, pattern, and lower with upper"},
        {"{\"clauses\":[{\"type\":\"key\",\"value\":\"a\",\"prefix\":\"b\"}]}", 13,
         AT "$.clauses[0]: expected one of value, prefix, pattern, and lower with upper"},
        {"{\"clauses\":[{\"type\":\"key\",\"lower\":1}]}", 13, AT "$.clauses[0]: keys are strings"},
        {"{\"clauses\":[{\"type\":\"boolean\",\"must\":[{\"type\":\"exists\"}]}]}", 39,
         AT "$.clauses[0].must[0]: exists needs the member field"},
        {"{\"clauses\":[{\"type\":\"boolean\",\"must-not\":{\"type\":\"fts\"}}]}", 42,
         AT "$.clauses[0].must-not: a fts needs the member value"},
        {"{\"clauses\":[{\"type\":\"boolean\",\"should\":[{\"type\":\"match-all\"}],\"minimum-should-match\":2}]}", 86,
         AT "$.clauses[0].minimum-should-match: expected a whole number from 1 to 1"},
        {"{\"clauses\":[{\"type\":\"query\",\"value\":\"a AND\"}]}", 37,
         AT
         "$.clauses[0].value: not a valid query at column 6: expected something to look for behind AND, but the query "
         "ends"},
        {"{\"clauses\":[{\"type\":\"boolean\",\"boost\":2000,\"must\":[{\"type\":\"fts\",\"value\":\"a\",\"boost\":"
         "1000},"
         "{\"type\":\"fts\",\"value\":\"b\"}]}]}",
         12, AT "$.clauses: boosts within each other multiply to more than 1000000"},
        {"{\"limit\":-1}", 10, AT "$.limit: expected a whole number from 0 to 9223372036854775807"},
        {"{\"limit\":1.5}", 10, AT "$.limit: expected a whole number from 0 to 9223372036854775807"},
        {"{\"limit\":9223372036854775808}", 10, AT "$.limit: expected a whole number from 0 to 9223372036854775807"},
        {"{\"offset\":\"1\"}", 11, AT "$.offset: expected a number, but it is a string"},
        {"{\"after\":1}", 10, AT "$.after: expected a string, but it is a number"},
        {"{\"branch\":false}", 11, AT "$.branch: expected a string, but it is false"},
        {"{\"sort\":\"age\"}", 9, AT "$.sort: expected an object, but it is a string"},
        {"{\"sort\":[{\"field\":\"a\"},{\"direction\":\"asc\"}]}", 24,
         AT "$.sort[1]: a sort key needs the member field"},
        {"{\"sort\":[{\"field\":\"a\",\"direction\":\"up\"}]}", 35,
         AT "$.sort[0].direction: expected one of asc, desc"},
        {"{\"sort\":[{\"field\":\"a\",\"order\":\"asc\"}]}", 23,
         AT "$.sort[0]: a sort key has no member 'order'; it may have direction, field, type"},
    };

    static const char *const lines = "{\n \"clauses\": [\n  {\"type\": 1}]}";

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_error(rows[i].json, strlen(rows[i].json), 1, rows[i].column, rows[i].message);
    expect_error("{\"\xc3\xa9\":1,\n\"\xc3\xa9\":}", 15, 2, 5,
                 "not valid JSON at line 2, column 5: expected a value, found '}'");
    expect_error("{\"branch\":\"\xc3\xa9\",\"after\":1}", 25, 1, 23,
                 AT "$.after: expected a string, but it is a number");
    expect_error(lines, strlen(lines), 3, 12, AT "$.clauses[0].type: expected a string, but it is a number");
}

/* ---- limits ------------------------------------------------------------------------------------ */

static void repeat(struct cdb_buf *out, const char *text, size_t count)
{
    for (; count > 0; count--)
        cdb_buf_adds(out, text);
}

static void nest(struct cdb_buf *out, size_t depth)
{
    cdb_buf_clear(out);
    cdb_buf_adds(out, "{\"clauses\":");
    repeat(out, "{\"type\":\"boolean\",\"must\":", depth);
    cdb_buf_adds(out, "{\"type\":\"match-all\"}");
    repeat(out, "}", depth + 1);
}

static int parse_buf(struct cdb_buf *text)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_ast ast;
    int result;

    assert_int_equal(cdb_buf_check(text), 0);
    result = parse_bytes(&ast, &arena, text->ptr, text->len);
    cdb_arena_release(&arena);
    return result;
}

static void test_limits(void **state)
{
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    nest(&text, CDB_QUERY_MAX_DEPTH);
    assert_int_equal(parse_buf(&text), CHRONDB_OK);
    nest(&text, CDB_QUERY_MAX_DEPTH + 1);
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_non_null(strstr(chrondb_last_error()->message, ".must.must: more than 100 booleans within each other"));

    cdb_buf_clear(&text);
    cdb_buf_adds(&text, "{\"clauses\":[{\"type\":\"query\",\"value\":\"");
    repeat(&text, "a ", CDB_QUERY_MAX_CLAUSES - 1);
    cdb_buf_adds(&text, "\"},{\"type\":\"match-all\"}]}");
    assert_int_equal(parse_buf(&text), CHRONDB_OK);
    text.len -= 2;
    cdb_buf_adds(&text, ",{\"type\":\"match-all\"}]}");
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->message, AT "$.clauses[2]: more than 4096 clauses");

    cdb_buf_clear(&text);
    cdb_buf_adds(&text, "{\"clauses\":[{\"type\":\"fts\",\"value\":\"");
    repeat(&text, "x", CDB_QUERY_MAX_TEXT + 1);
    cdb_buf_adds(&text, "\"}]}");
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->message,
                        AT "$.clauses[0].value: a text in a query has at most 65536 bytes");

    cdb_buf_clear(&text);
    cdb_buf_adds(&text, "{\"sort\":[{\"field\":\"a\"}");
    repeat(&text, ",{\"field\":\"a\"}", CDB_QUERY_MAX_SORT);
    cdb_buf_adds(&text, "]}");
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->message, AT "$.sort[16]: more than 16 sort keys");

    cdb_buf_clear(&text);
    repeat(&text, " ", CDB_QUERY_MAX_AST + 1);
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_int_equal(chrondb_last_error()->line, 1);

    cdb_buf_clear(&text);
    repeat(&text, "[", 65536);
    assert_int_equal(parse_buf(&text), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->name, "invalid_query");
    cdb_buf_release(&text);
}

/* Parentheses in a part in the language count with the booleans around it. */
static void test_depth_of_parts(void **state)
{
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        cdb_buf_clear(&text);
        cdb_buf_adds(&text, "{\"clauses\":");
        repeat(&text, "{\"type\":\"boolean\",\"must\":", 50);
        cdb_buf_adds(&text, "{\"type\":\"query\",\"value\":\"");
        repeat(&text, "(", 49 + extra);
        cdb_buf_adds(&text, "a");
        repeat(&text, ")", 49 + extra);
        cdb_buf_adds(&text, "\"}");
        repeat(&text, "}", 51);
        assert_int_equal(parse_buf(&text), extra == 0 ? CHRONDB_OK : CHRONDB_EUSAGE);
    }
    assert_non_null(strstr(chrondb_last_error()->message, "more than 100 parentheses within each other"));
    cdb_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_text),   cmocka_unit_test(test_other),  cmocka_unit_test(test_types),
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_errors), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth_of_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
