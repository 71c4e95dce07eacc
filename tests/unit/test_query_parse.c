/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/lex.h"
#include "query/parse.h"
#include "util/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The text in memory of exactly its size, so that a sanitizer sees a read behind it; the tree must not need it. */
static int parse_bytes(const struct cdb_query_node **out, struct cdb_arena *arena, const char *text, size_t len,
                       enum cdb_query_operator op)
{
    char *copy = malloc(len > 0 ? len : 1);
    int result;

    assert_non_null(copy);
    memcpy(copy, text, len);
    cdb_error_clear();
    result = cdb_query_parse(out, arena, copy, len, op);
    free(copy);
    return result;
}

static const struct cdb_query_node *parse(struct cdb_arena *arena, const char *text, enum cdb_query_operator op)
{
    const struct cdb_query_node *root = NULL;

    if (parse_bytes(&root, arena, text, strlen(text), op) != CHRONDB_OK)
        fail_msg("%s: %s", text, chrondb_last_error()->message);
    assert_non_null(root);
    return root;
}

/* ---- a tree as it is, without the language's abbreviations: what the tables below are checked against ---- */

static void dump_string(struct cdb_buf *out, struct cdb_query_string string)
{
    cdb_buf_addf(out, " '%.*s'", (int)string.len, string.ptr);
}

static void dump_value(struct cdb_buf *out, const struct cdb_query_value *value)
{
    static const char *const types[] = {"open", "any", "string", "number", "true", "false", "null"};

    cdb_buf_addf(out, " %s", types[value->type]);
    if (value->type != CDB_QUERY_OPEN)
        dump_string(out, value->text);
}

static void dump(struct cdb_buf *out, const struct cdb_query_node *node);

static void dump_list(struct cdb_buf *out, const char *name, const struct cdb_query_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        cdb_buf_addf(out, " %s", name);
        dump(out, list->nodes[i]);
    }
}

static void dump_body(struct cdb_buf *out, const struct cdb_query_node *node)
{
    switch (node->kind) {
    case CDB_QUERY_TEXT:
        dump_string(out, node->text.text);
        cdb_buf_adds(out, node->text.op == CDB_QUERY_AND ? " and" : "");
        break;
    case CDB_QUERY_PHRASE:
        dump_string(out, node->phrase.text);
        cdb_buf_addf(out, " ~%u", node->phrase.slop);
        break;
    case CDB_QUERY_EXACT:
        dump_value(out, &node->exact);
        break;
    case CDB_QUERY_WILDCARD:
    case CDB_QUERY_KEY_PATTERN:
        for (size_t i = 0; i < node->pattern.count; i++) {
            if (node->pattern.pieces[i].kind == CDB_QUERY_LITERAL)
                dump_string(out, node->pattern.pieces[i].text);
            else
                cdb_buf_adds(out, node->pattern.pieces[i].kind == CDB_QUERY_STAR ? " *" : " ?");
        }
        break;
    case CDB_QUERY_FUZZY:
        dump_string(out, node->fuzzy.text);
        cdb_buf_addf(out, " ~%u", node->fuzzy.distance);
        break;
    case CDB_QUERY_RANGE:
    case CDB_QUERY_KEY_RANGE:
        cdb_buf_adds(out, node->range.include_lower ? " >=" : " >");
        dump_value(out, &node->range.lower);
        cdb_buf_adds(out, node->range.include_upper ? " <=" : " <");
        dump_value(out, &node->range.upper);
        break;
    case CDB_QUERY_KEY:
        dump_string(out, node->key);
        break;
    case CDB_QUERY_BOOLEAN:
        dump_list(out, "+", &node->boolean.must);
        dump_list(out, "#", &node->boolean.filter);
        dump_list(out, "", &node->boolean.should);
        dump_list(out, "-", &node->boolean.must_not);
        break;
    case CDB_QUERY_ALL:
    case CDB_QUERY_EXISTS:
    case CDB_QUERY_MISSING:
        break;
    }
}

static void dump(struct cdb_buf *out, const struct cdb_query_node *node)
{
    static const char *const kinds[] = {"all",    "text",    "phrase", "exact",       "wildcard",  "fuzzy", "range",
                                        "exists", "missing", "key",    "key-pattern", "key-range", "bool"};

    cdb_buf_addf(out, "(%s", kinds[node->kind]);
    if (node->field.ptr != NULL)
        cdb_buf_addf(out, " %.*s:", (int)node->field.len, node->field.ptr);
    dump_body(out, node);
    if (node->boost < 1 || node->boost > 1)
        cdb_buf_addf(out, " ^%g", (double)node->boost);
    cdb_buf_adds(out, ")");
}

struct row {
    const char *query;
    const char *tree;
};

static void check_rows(const struct row *rows, size_t count, enum cdb_query_operator op)
{
    for (size_t i = 0; i < count; i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct cdb_buf tree = CDB_BUF_INIT;

        dump(&tree, parse(&arena, rows[i].query, op));
        if (strcmp(cdb_buf_str(&tree), rows[i].tree) != 0)
            fail_msg("%s\n is      %s\n must be %s", rows[i].query, cdb_buf_str(&tree), rows[i].tree);
        cdb_buf_release(&tree);
        cdb_arena_release(&arena);
    }
}

static void test_clauses(void **state)
{
    static const struct row rows[] = {
        {"alice", "(text 'alice')"},
        {" \t\n alice \xe3\x80\x80", "(text 'alice')"},
        {"caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", "(bool (text 'caf\xc3\xa9') (text '\xe6\x97\xa5\xe6\x9c\xac'))"},
        {"name:alice", "(text name: 'alice')"},
        {"name: alice", "(text name: 'alice')"},
        {"address.city:paris", "(text address.city: 'paris')"},
        {"x/y-z_1:v", "(text x/y-z_1: 'v')"},
        {"stra\xc3\x9f"
         "e:gr\xc3\xbcn",
         "(text stra\xc3\x9f"
         "e: 'gr\xc3\xbcn')"},
        {"\"first name\":alice", "(text first name: 'alice')"},
        {"first\\ name:alice", "(text first name: 'alice')"},
        {"\"\":alice", "(text : 'alice')"},
        {"\\2024:x \\key:y \"key\":z", "(bool (text 2024: 'x') (text key: 'y') (text key: 'z'))"},
        {"\\_exists_:x", "(text _exists_: 'x')"},
        {"age:25", "(text age: '25')"},
        {"age:-5", "(text age: '-5')"},
        {"age:+5", "(text age: '+5')"},
        {"-5", "(bool -(text '5'))"},
        {"active:true note:null", "(bool (text active: 'true') (text note: 'null'))"},
        {"\"time travel\"", "(phrase 'time travel' ~0)"},
        {"\"time travel\"~3", "(phrase 'time travel' ~3)"},
        {"title:\"say \\\"hi\\\" \\\\ (a* OR b)\"", "(phrase title: 'say \"hi\" \\ (a* OR b)' ~0)"},
        {"\"\"", "(phrase '' ~0)"},
        {"jo*", "(wildcard 'jo' *)"},
        {"j?hn", "(wildcard 'j' ? 'hn')"},
        {"*son", "(wildcard * 'son')"},
        {"a**b?*", "(wildcard 'a' * 'b' ? *)"},
        {"a\\*b*", "(wildcard 'a*b' *)"},
        {"a\\*b\\?", "(text 'a*b?')"},
        {"name:jo*", "(wildcard name: 'jo' *)"},
        {"*", "(all)"},
        {"***", "(all)"},
        {"*:*", "(all)"},
        {"*:*^2", "(all ^2)"},
        {"name:*", "(exists name:)"},
        {"name:[* TO *]", "(exists name:)"},
        {"?", "(wildcard ?)"},
        {"roam~", "(fuzzy 'roam' ~2)"},
        {"roam~1", "(fuzzy 'roam' ~1)"},
        {"name:roam~2", "(fuzzy name: 'roam' ~2)"},
        {"roam\\~", "(text 'roam~')"},
        {"~/notes", "(text '~/notes')"},
        {"home:x.org/~alice", "(text home: 'x.org/~alice')"},
        {"a\\/~1", "(fuzzy 'a/' ~1)"},
        {"age:[25 TO 35]", "(range age: >= any '25' <= any '35')"},
        {"age:{25 TO *]", "(range age: > any '25' < open)"},
        {"age:[* TO 5}", "(range age: > open < any '5')"},
        {"age:[-5 TO 5]", "(range age: >= any '-5' <= any '5')"},
        {"age: [ 25   TO 35 ]", "(range age: >= any '25' <= any '35')"},
        {"joined:[2026-01-01 TO 2026-02-01}", "(range joined: >= any '2026-01-01' < any '2026-02-01')"},
        {"t:[2026-01-01T10:00:00Z TO *]", "(range t: >= any '2026-01-01T10:00:00Z' < open)"},
        {"n:[\"a b\" TO \"*\"}", "(range n: >= string 'a b' < string '*')"},
        {"n:[\\* TO TO]", "(range n: >= any '*' <= any 'TO')"},
        {"n:[TO TO TO]", "(range n: >= any 'TO' <= any 'TO')"},
        {"price:>=9.5", "(range price: >= any '9.5' < open)"},
        {"price:>9.5", "(range price: > any '9.5' < open)"},
        {"price:<=9.5", "(range price: > open <= any '9.5')"},
        {"price:< 9.5", "(range price: > open < any '9.5')"},
        {"n:>\"25\"", "(range n: > string '25' < open)"},
        {"t:>=2026-01-01T10:00:00+02:00", "(range t: >= any '2026-01-01T10:00:00+02:00' < open)"},
        {"name:=Alice", "(exact name: any 'Alice')"},
        {"name:=\"Alice Smith\"", "(exact name: string 'Alice Smith')"},
        {"name:=Who?*~", "(exact name: any 'Who?*~')"},
        {"age:=25^2", "(exact age: any '25' ^2)"},
        {"_exists_:email", "(exists email:)"},
        {"_exists_:address.city", "(exists address.city:)"},
        {"_exists_:\"first name\"", "(exists first name:)"},
        {"_missing_:email", "(missing email:)"},
        {"key:user\\:1", "(key 'user:1')"},
        {"key:user:1", "(key 'user:1')"},
        {"key:\"user:1\"", "(key 'user:1')"},
        {"key:=user:1", "(key 'user:1')"},
        {"key:user:*", "(key-pattern 'user:' *)"},
        {"key:*", "(all)"},
        {"key:[user:1 TO user:5}", "(key-range >= string 'user:1' < string 'user:5')"},
        {"key:>=\"user:1\"", "(key-range >= string 'user:1' < open)"},
        {"key:(user:1 OR user:2*)", "(bool (key 'user:1') (key-pattern 'user:2' *))"},
        {"homepage:https://x.org/y", "(text homepage: 'https://x.org/y')"},
        {"https://x.org/y", "(text 'https://x.org/y')"},
        {"a:b:c", "(text a: 'b:c')"},
        {"t:10:30", "(text t: '10:30')"},
        {"10\\:30", "(text '10:30')"},
        {"c++ e-mail AT&T a|b 50%", "(bool (text 'c++') (text 'e-mail') (text 'AT&T') (text 'a|b') (text '50%'))"},
        {"a[0] b]", "(bool (text 'a[0]') (text 'b]'))"},
        {"state:OR", "(text state: 'OR')"},
        {"and or not to TO ANDROID",
         "(bool (text 'and') (text 'or') (text 'not') (text 'to') (text 'TO') (text 'ANDROID'))"},
        {"\\AND \\-5 \\(a\\) a\\ b", "(bool (text 'AND') (text '-5') (text '(a)') (text 'a b'))"},
        {"AND:x", "(text AND: 'x')"},
        {"name:\"Alice Smith\"^2", "(phrase name: 'Alice Smith' ~0 ^2)"},
        {"\"a b\"~3^0.5", "(phrase 'a b' ~3 ^0.5)"},
        {"a^0 b^1 c^2.50", "(bool (text 'a' ^0) (text 'b') (text 'c' ^2.5))"},
        {"age:[1 TO 2]^3 key:k^4 roam~1^5 jo*^6",
         "(bool (range age: >= any '1' <= any '2' ^3) (key 'k' ^4) (fuzzy 'roam' ~1 ^5) (wildcard 'jo' * ^6))"},
        {"foo\"bar\"baz", "(bool (text 'foo') (phrase 'bar' ~0) (text 'baz'))"},
    };

    (void)state;
    check_rows(rows, COUNT(rows), CDB_QUERY_OR);
}

static void test_booleans(void **state)
{
    static const struct row rows[] = {
        {"a b", "(bool (text 'a') (text 'b'))"},
        {"a OR b || c", "(bool (text 'a') (text 'b') (text 'c'))"},
        {"a||b", "(bool (text 'a') (text 'b'))"},
        {"a AND b && c", "(bool +(text 'a') +(text 'b') +(text 'c'))"},
        {"a&&b", "(bool +(text 'a') +(text 'b'))"},
        {"a AND b OR c", "(bool (bool +(text 'a') +(text 'b')) (text 'c'))"},
        {"a OR b AND c", "(bool (text 'a') (bool +(text 'b') +(text 'c')))"},
        {"a b AND c", "(bool (text 'a') (bool +(text 'b') +(text 'c')))"},
        {"a AND b c AND d", "(bool (bool +(text 'a') +(text 'b')) (bool +(text 'c') +(text 'd')))"},
        {"(a OR b) AND c", "(bool +(bool (text 'a') (text 'b')) +(text 'c'))"},
        {"(a OR b)AND(c)", "(bool +(bool (text 'a') (text 'b')) +(text 'c'))"},
        {"a OR (b OR c)", "(bool (text 'a') (bool (text 'b') (text 'c')))"},
        {"((a))", "(text 'a')"},
        {"NOT a", "(bool -(text 'a'))"},
        {"!a", "(bool -(text 'a'))"},
        {"! a", "(bool -(text 'a'))"},
        {"-a", "(bool -(text 'a'))"},
        {"NOT NOT a", "(text 'a')"},
        {"!!!a", "(bool -(text 'a'))"},
        {"NOT (NOT a)", "(bool -(bool -(text 'a')))"},
        {"NOT a AND b", "(bool +(text 'b') -(text 'a'))"},
        {"NOT a AND NOT b", "(bool -(text 'a') -(text 'b'))"},
        {"NOT (a AND b)", "(bool -(bool +(text 'a') +(text 'b')))"},
        {"a AND NOT b", "(bool +(text 'a') -(text 'b'))"},
        {"a AND -b", "(bool +(text 'a') -(text 'b'))"},
        {"+a AND b", "(bool +(text 'a') +(text 'b'))"},
        /* where OR joins it, NOT is everything else; where nothing does, it prohibits */
        {"a OR NOT b", "(bool (text 'a') (bool -(text 'b')))"},
        {"NOT a OR b", "(bool (bool -(text 'a')) (text 'b'))"},
        {"a NOT b", "(bool (text 'a') -(text 'b'))"},
        {"NOT a b", "(bool (text 'b') -(text 'a'))"},
        {"a NOT b OR c", "(bool (text 'a') (text 'c') -(text 'b'))"},
        {"a OR NOT b c", "(bool (text 'a') (bool -(text 'b')) (text 'c'))"},
        {"a b NOT c", "(bool (text 'a') (text 'b') -(text 'c'))"},
        {"a NOT b AND c", "(bool (text 'a') (bool +(text 'c') -(text 'b')))"},
        {"+a -b c", "(bool +(text 'a') (text 'c') -(text 'b'))"},
        {"+a OR b OR -c", "(bool +(text 'a') (text 'b') -(text 'c'))"},
        {"+a", "(text 'a')"},
        {"(+a)^2", "(text 'a' ^2)"},
        {"-a -b", "(bool -(text 'a') -(text 'b'))"},
        {"+a b AND c", "(bool +(text 'a') (bool +(text 'b') +(text 'c')))"},
        {"+(a b) -\"c d\"", "(bool +(bool (text 'a') (text 'b')) -(phrase 'c d' ~0))"},
        {"-name:alice", "(bool -(text name: 'alice'))"},
        {"title:(a OR b)", "(bool (text title: 'a') (text title: 'b'))"},
        {"title:(a b AND body:c \"d e\")",
         "(bool (text title: 'a') (bool +(text title: 'b') +(text body: 'c')) (phrase title: 'd e' ~0))"},
        {"age:(>5 AND <=9 AND -7 OR =3 OR [1 TO 2])",
         "(bool (bool +(range age: > any '5' < open) +(range age: > open <= any '9') -(text age: '7')) "
         "(exact age: any '3') (range age: >= any '1' <= any '2'))"},
        {"title:(* -a)", "(bool (exists title:) -(text title: 'a'))"},
        {"(a b)^2", "(bool (text 'a') (text 'b') ^2)"},
        {"((a b)^2)^3", "(bool (text 'a') (text 'b') ^6)"},
        {"title:(a^2 b)^0.5", "(bool (text title: 'a' ^2) (text title: 'b') ^0.5)"},
        {"a(b)c", "(bool (text 'a') (text 'b') (text 'c'))"},
    };
    static const struct row and_rows[] = {
        {"a b", "(bool +(text 'a' and) +(text 'b' and))"},
        {"a b OR c", "(bool (bool +(text 'a' and) +(text 'b' and)) (text 'c' and))"},
        {"a OR b c", "(bool (text 'a' and) (bool +(text 'b' and) +(text 'c' and)))"},
        {"a AND b c", "(bool +(text 'a' and) +(text 'b' and) +(text 'c' and))"},
        {"a NOT b", "(bool +(text 'a' and) -(text 'b' and))"},
        {"NOT a b", "(bool +(text 'b' and) -(text 'a' and))"},
        {"a OR NOT b", "(bool (text 'a' and) (bool -(text 'b' and)))"},
        {"+a -b c", "(bool +(text 'a' and) +(text 'c' and) -(text 'b' and))"},
        {"+a OR b OR -c", "(bool +(text 'a' and) (text 'b' and) -(text 'c' and))"},
        {"title:(a b)", "(bool +(text title: 'a' and) +(text title: 'b' and))"},
    };

    (void)state;
    check_rows(rows, COUNT(rows), CDB_QUERY_OR);
    check_rows(and_rows, COUNT(and_rows), CDB_QUERY_AND);
}

static void test_minimum_and_places(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    const char *text = "  +a  (b AND NOT c)^2 name:\"x\"~1 ";
    const struct cdb_query_node *root = parse(&arena, text, CDB_QUERY_OR);
    const struct cdb_query_boolean *boolean = &root->boolean;

    (void)state;
    assert_int_equal(boolean->minimum_should, 0);
    assert_int_equal(root->pos, 2);
    assert_int_equal(root->size, strlen("+a  (b AND NOT c)^2 name:\"x\"~1"));
    assert_int_equal(boolean->must.nodes[0]->pos, 3);
    assert_int_equal(boolean->must.nodes[0]->size, 1);
    assert_int_equal(boolean->should.nodes[0]->pos, 7);
    assert_int_equal(boolean->should.nodes[0]->size, strlen("b AND NOT c"));
    assert_int_equal(boolean->should.nodes[1]->pos, 22);
    assert_int_equal(boolean->should.nodes[1]->size, strlen("name:\"x\"~1"));
    assert_int_equal(parse(&arena, "a b", CDB_QUERY_OR)->boolean.minimum_should, 1);
    assert_int_equal(parse(&arena, "a -b", CDB_QUERY_OR)->boolean.minimum_should, 1);
    assert_int_equal(parse(&arena, "a AND b", CDB_QUERY_OR)->boolean.minimum_should, 0);
    cdb_arena_release(&arena);
}

static void test_prefixes(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_string prefix = {NULL, 0};

    (void)state;
    assert_true(cdb_query_pattern_is_prefix(&parse(&arena, "a\\*b*", CDB_QUERY_OR)->pattern, &prefix));
    assert_int_equal(prefix.len, 3);
    assert_memory_equal(prefix.ptr, "a*b", 4);
    assert_false(cdb_query_pattern_is_prefix(&parse(&arena, "a?*", CDB_QUERY_OR)->pattern, &prefix));
    assert_false(cdb_query_pattern_is_prefix(&parse(&arena, "*a", CDB_QUERY_OR)->pattern, &prefix));
    assert_false(cdb_query_pattern_is_prefix(&parse(&arena, "a?", CDB_QUERY_OR)->pattern, &prefix));
    cdb_arena_release(&arena);
}

/* ---- errors ------------------------------------------------------------------------------------ */

static void expect_error(const char *query, size_t len, size_t line, size_t column, const char *message)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    const struct cdb_query_node *root = NULL;
    const chrondb_error *error = chrondb_last_error();
    struct cdb_buf expected = CDB_BUF_INIT;

    if (parse_bytes(&root, &arena, query, len, CDB_QUERY_OR) != CHRONDB_EUSAGE)
        fail_msg("%s: no error", query);
    if (memchr(query, '\n', len) != NULL)
        cdb_buf_addf(&expected, "not a valid query at line %zu, column %zu: %s", line, column, message);
    else
        cdb_buf_addf(&expected, "not a valid query at column %zu: %s", column, message);
    assert_string_equal(error->name, "invalid_query");
    if (strcmp(error->message, expected.ptr) != 0)
        fail_msg("%s\n is      %s\n must be %s", query, error->message, expected.ptr);
    assert_int_equal(error->line, line);
    assert_int_equal(error->column, column);
    cdb_buf_release(&expected);
    cdb_arena_release(&arena);
}

#define ESCAPED_WORD "; put an operator in quotes to look for it as a word"
#define DISTANCE     "expected 1 or 2 behind '~', the number of differences (2 if left out); write \\~ for the character"
#define SLOP         "expected a number of positions from 0 to 1000000 behind the '~' of a phrase"
#define BOOST        "expected a number from 0 to 1000000 behind '^', such as 2 or 0.5; write \\^ for the character"
#define EXACT        "keys and names of fields are exact, they cannot have a '~'"
#define SPACES       "; put a bound with white space in quotes"
#define TO           "expected TO between the bounds of the range, as in [25 TO 35]" SPACES
#define NAME         "the name of a field cannot be a pattern; "
#define COLON                                                                                                          \
    "is this a field or a text with a colon? Write the text in quotes, or the field with a \\ before its first digit"

static void test_errors(void **state)
{
    static const struct {
        const char *query;
        size_t column;
        const char *message;
    } rows[] = {
        {"", 1, "it is empty; write *:* for every document"},
        {"  ", 3, "it is empty; write *:* for every document"},
        {"a AND", 6, "expected something to look for behind AND, but the query ends"},
        {"a OR ", 6, "expected something to look for behind OR, but the query ends"},
        {"AND a", 1, "expected something to look for, but there is AND" ESCAPED_WORD},
        {"a AND OR b", 7, "expected something to look for behind AND, but there is OR" ESCAPED_WORD},
        {"a || && b", 6, "expected something to look for behind OR, but there is &&" ESCAPED_WORD},
        {"a AND || b", 7, "expected something to look for behind AND, but there is ||" ESCAPED_WORD},
        {"NOT", 4, "expected something to look for behind NOT, but the query ends"},
        {"a NOT AND b", 7, "expected something to look for behind NOT, but there is AND" ESCAPED_WORD},
        {"()", 2, "expected something to look for behind '(', but there is a ')'"},
        {"a (b OR )", 9, "expected something to look for behind OR, but there is a ')'"},
        {"((a b)", 1, "expected a ')' that closes this '('; write \\( for the character"},
        {"a OR (b", 6, "expected a ')' that closes this '('; write \\( for the character"},
        {"a) b", 2, "this ')' closes nothing; write \\) for the character"},
        {")", 1, "expected something to look for, but there is a ')'"},
        {"(a b)~2", 6, "only a word or a phrase can have a '~', not a group"},
        {"a - b", 4, "expected something to look for directly behind '-'; write \\- for the character"},
        {"a +", 4, "expected something to look for directly behind '+'; write \\+ for the character"},
        {"+)", 2, "expected something to look for behind '+', but there is a ')'"},
        {"--help", 1, "one of NOT, + and - is enough before a clause; write \\- for the character"},
        {"NOT -a", 5, "one of NOT, + and - is enough before a clause; write \\- for the character"},
        {"NOT NOT +a", 9, "one of NOT, + and - is enough before a clause; write \\+ for the character"},
        {"-!a", 1, "one of NOT, + and - is enough before a clause; write \\- for the character"},
        {"a \"b c", 3, "expected another '\"' that closes this one; write \\\" for the character"},
        {"\"a\\\"", 1, "expected another '\"' that closes this one; write \\\" for the character"},
        {"\"a\\", 1, "expected another '\"' that closes this one; write \\\" for the character"},
        {"abc\\", 4, "expected a character behind '\\'; write \\\\ for '\\' itself"},
        {"name:", 6, "expected what to look for directly behind 'name:'; write \\: for the character"},
        {"name: )", 7, "expected what to look for directly behind 'name:'; write \\: for the character"},
        {"name: AND b", 7, "expected what to look for directly behind 'name:'; write \\: for the character"},
        {"name: age:5", 7, "expected what to look for directly behind 'name:'; write \\: for the character"},
        {"name :alice", 6, "expected a field before ':'; write \\: for the character"},
        {"na*me:alice", 1, NAME "leave the field out to search all text, or write \\* or \\? for the character"},
        {"*:alice", 1, NAME "leave the field out to search all text, or write \\* or \\? for the character"},
        {"*:*a", 1, "leave *: out to search all text; every document is *:*"},
        {"10:30", 1, COLON},
        {"a 2026-01-01T10:00:00Z", 3, COLON},
        {"roam~3", 6, DISTANCE},
        {"roam~0.8", 6, DISTANCE},
        {"roam~11", 6, DISTANCE},
        {"roam~x", 6, DISTANCE},
        {"roam~1x", 6, DISTANCE},
        {"jo*~", 4, "a word with * or ? cannot be fuzzy too; write \\~ for the character"},
        {"\"a b\"~", 7, SLOP},
        {"\"a b\"~1.5", 7, SLOP},
        {"\"a b\"~x", 7, SLOP},
        {"\"a b\"~1000001", 7, SLOP},
        {"\"a b\"~99999999999999999999999", 7, SLOP},
        {"a^", 3, BOOST},
        {"a^x", 3, BOOST},
        {"a^-1", 3, BOOST},
        {"a^1.", 3, BOOST},
        {"a^1.2.3", 3, BOOST},
        {"a^1000000.000001", 3, BOOST},
        {"a^99999999999999999999999", 3, BOOST},
        {"a^2^3", 3, BOOST},
        {"a^2x", 3, BOOST},
        {"^2", 1, "expected something to look for before '^'; write \\^ for the character"},
        {"(a^1000)^2000", 10, "boosts within each other multiply to more than 1000000"},
        {"x (a^1000 b)^2000", 4, "boosts within each other multiply to more than 1000000"},
        {"[1 TO 2]", 1,
         "a range needs a field and a colon before it, as in age:[25 TO 35]; write \\[ for the character"},
        {"x ]", 3, "this ']' closes nothing; write \\] for the character"},
        {"}", 1, "this '}' closes nothing; write \\} for the character"},
        {"age:[25 35]", 9, TO},
        {"age:[25 to 35]", 9, TO},
        {"age:[25]", 8, TO},
        {"age:[25 TO 35", 5, "expected a ']' or '}' that closes this '['"},
        {"age:{25 TO 35 40}", 15, "expected ']' or '}' behind the bounds of the range" SPACES},
        {"age:[ TO 5]", 10, TO},
        {"age:[1 TO ]", 11, "expected a bound of the range, or * for none"},
        {"age:[]", 6, "expected a bound of the range, or * for none"},
        {"n:[a* TO b]", 4, "a bound of a range cannot be a pattern; write \\* or \\? for the character"},
        {"n:[\"a TO b]", 4, "expected another '\"' that closes this one; write \\\" for the character"},
        {">5", 1,
         "a comparison needs a field and a colon before it, as in age:>=25; write \\> for the character, or put the "
         "text in quotes"},
        {"age>=25", 4,
         "a comparison needs a field and a colon before it, as in age:>=25; write \\> for the character, or put the "
         "text in quotes"},
        {"name=alice", 5,
         "a comparison needs a field and a colon before it, as in age:>=25; write \\= for the character, or put the "
         "text in quotes"},
        {"age:>=", 7, "expected a value behind '>='; put one that begins with a special character in quotes"},
        {"age:> ", 7, "expected a value behind '>'; put one that begins with a special character in quotes"},
        {"name:==x", 7, "expected a value behind '='; put one that begins with a special character in quotes"},
        {"age:>=(5)", 7, "expected a value behind '>='; put one that begins with a special character in quotes"},
        {"age:=>5", 6, "expected a value behind '='; put one that begins with a special character in quotes"},
        {"age:>*", 6, "expected a value; FIELD:* finds what has the field at all"},
        {"age:!=5", 5, "there is no != ; write NOT before the field, or \\! for the character"},
        {"_exists_:(a b)", 10, "expected the name of one field; write (_exists_:a OR _exists_:b) for several"},
        {"_exists_:em*", 10, NAME "write \\* or \\? for the character"},
        {"_exists_:>5", 10, "expected the name of one field"},
        {"_exists_:[1 TO 2]", 10, "expected the name of one field"},
        {"_exists_:email~1", 15, EXACT "; write \\~ for the character"},
        {"key:\"a b\"~2", 10, EXACT},
        {"key:abc~", 8, EXACT "; write \\~ for the character"},
        /* characters count, not bytes */
        {"\xc3\xa4\xe6\x97\xa5 AND", 7, "expected something to look for behind AND, but the query ends"},
        {"\xf0\x9f\x98\x80 )", 3, "this ')' closes nothing; write \\) for the character"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_error(rows[i].query, strlen(rows[i].query), 1, rows[i].column, rows[i].message);
    expect_error("a\nAND\n  (b", 10, 3, 3, "expected a ')' that closes this '('; write \\( for the character");
}

static void test_encoding(void **state)
{
    (void)state;
    expect_error("caf\xe9 x", 6, 1, 4, "byte 4 (0xe9) is not UTF-8; is this text in another encoding?");
    expect_error("\xc3\xa9\xff", 3, 1, 2, "byte 3 (0xff) is not UTF-8; is this text in another encoding?");
    expect_error("\xe6\x97", 2, 1, 1, "byte 1 (0xe6) is not UTF-8; is this text in another encoding?");
    expect_error("\"\xed\xa0\x80\"", 5, 1, 2, "byte 2 (0xed) is not UTF-8; is this text in another encoding?");
}

static void test_nul(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    const struct cdb_query_node *root = NULL;

    (void)state;
    assert_int_equal(parse_bytes(&root, &arena, "a\0b", 3, CDB_QUERY_OR), CHRONDB_OK);
    assert_int_equal(root->text.text.len, 3);
    assert_memory_equal(root->text.text.ptr, "a\0b", 4);
    cdb_arena_release(&arena);
}

/* ---- the place, shown -------------------------------------------------------------------------- */

static void expect_mark(const char *text, size_t line, size_t column, const char *expected)
{
    struct cdb_buf out = CDB_BUF_INIT;

    cdb_query_mark(&out, text, strlen(text), line, column);
    assert_string_equal(cdb_buf_str(&out), expected);
    cdb_buf_release(&out);
}

static void test_mark(void **state)
{
    char text[2001] = "";
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    expect_mark("a (b", 1, 3, "a (b\n  ^");
    expect_mark("a AND", 1, 6, "a AND\n     ^");
    expect_mark("", 1, 1, "\n^");
    expect_mark("a", 7, 99, "a\n ^");
    expect_mark("a\nbc )\nd", 2, 4, "bc )\n   ^");
    expect_mark("\xe6\x97\xa5\xe6\x9c\xac )", 1, 4, "\xe6\x97\xa5\xe6\x9c\xac )\n     ^"); /* two cells each */
    expect_mark("e\xcc\x81 )", 1, 4, "e\xcc\x81 )\n  ^");                                  /* a combining accent */
    expect_mark("a\tb\x1b[31m )", 1, 10, "a b?[31m )\n         ^");
    expect_mark("a\xff )", 1, 4, "a? )\n   ^");
    memset(text, 'x', sizeof(text) - 1);
    text[1000] = ')';
    cdb_query_mark(&out, text, strlen(text), 1, 1001);
    assert_int_equal(out.len, 3 + 48 + 24 + 3 + 1 + 3 + 48 + 1);
    assert_memory_equal(out.ptr, "...xxx", 6);
    assert_int_equal(out.ptr[3 + 48], ')');
    assert_memory_equal(out.ptr + 3 + 48 + 24, "...\n    ", 8);
    cdb_buf_release(&out);
}

/* ---- limits ------------------------------------------------------------------------------------ */

static void expect_long_error(struct cdb_buf *text, size_t column, const char *message)
{
    assert_int_equal(cdb_buf_check(text), 0);
    expect_error(text->ptr, text->len, 1, column, message);
    cdb_buf_clear(text);
}

static void repeat(struct cdb_buf *out, const char *text, size_t count)
{
    for (; count > 0; count--)
        cdb_buf_adds(out, text);
}

static void test_limits(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    repeat(&text, "(", 100);
    cdb_buf_adds(&text, "a");
    repeat(&text, ")", 100);
    assert_int_equal(parse(&arena, text.ptr, CDB_QUERY_OR)->kind, CDB_QUERY_TEXT);
    cdb_buf_clear(&text);

    repeat(&text, "(", CDB_QUERY_MAX_TEXT);
    expect_long_error(&text, 101, "more than 100 parentheses within each other");
    repeat(&text, "NOT(", CDB_QUERY_MAX_TEXT / 4);
    expect_long_error(&text, 4 * 101, "more than 100 parentheses within each other");
    repeat(&text, "x:(", CDB_QUERY_MAX_TEXT / 3);
    expect_long_error(&text, 3 * 101, "more than 100 parentheses within each other");
    repeat(&text, "!", CDB_QUERY_MAX_TEXT - 1);
    cdb_buf_adds(&text, "a");
    assert_int_equal(parse(&arena, text.ptr, CDB_QUERY_OR)->kind, CDB_QUERY_BOOLEAN);
    cdb_buf_clear(&text);

    repeat(&text, "a ", CDB_QUERY_MAX_CLAUSES);
    assert_int_equal(parse(&arena, text.ptr, CDB_QUERY_OR)->boolean.should.count, CDB_QUERY_MAX_CLAUSES);
    cdb_buf_adds(&text, "b");
    expect_long_error(&text, 2 * CDB_QUERY_MAX_CLAUSES + 1, "more than 4096 clauses");

    repeat(&text, "x", CDB_QUERY_MAX_TEXT);
    assert_int_equal(parse(&arena, text.ptr, CDB_QUERY_OR)->text.text.len, CDB_QUERY_MAX_TEXT);
    cdb_buf_adds(&text, "x");
    expect_long_error(&text, CDB_QUERY_MAX_TEXT + 1, "a query has at most 65536 bytes, this one has 65537");

    repeat(&text, "?", CDB_QUERY_MAX_TEXT);
    assert_int_equal(parse(&arena, text.ptr, CDB_QUERY_OR)->pattern.count, CDB_QUERY_MAX_TEXT);
    cdb_buf_release(&text);
    cdb_arena_release(&arena);
}

/* The deepest tree that a text can make is as deep as the header says. */
static size_t depth_of(const struct cdb_query_node *node)
{
    const struct cdb_query_list *lists[] = {&node->boolean.must, &node->boolean.should, &node->boolean.must_not};
    size_t deepest = 0;

    for (size_t i = 0; node->kind == CDB_QUERY_BOOLEAN && i < COUNT(lists); i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            size_t depth = depth_of(lists[i]->nodes[k]);

            deepest = depth > deepest ? depth : deepest;
        }
    }
    return deepest + 1;
}

static void test_depth_of_tree(void **state)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf text = CDB_BUF_INIT;

    (void)state;
    repeat(&text, "x OR y AND (", 100);
    cdb_buf_adds(&text, "x OR NOT y");
    repeat(&text, ")", 100);
    assert_int_equal(depth_of(parse(&arena, text.ptr, CDB_QUERY_OR)), CDB_QUERY_TREE_DEPTH);
    cdb_buf_release(&text);
    cdb_arena_release(&arena);
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void test_print(void **state)
{
    static const struct row rows[] = {
        {"a  b", "a OR b"},
        {"a AND b AND NOT c", "a AND b AND NOT c"},
        {"a OR b AND c", "a OR (b AND c)"},
        {"a NOT b", "a -b"},
        {"+a b -c", "+a b -c"},
        {"NOT a OR b", "(NOT a) OR b"},
        {"NOT(a b)^2", "NOT (a OR b)^2"},
        {"(a b)^2.5", "(a OR b)^2.5"},
        {"title:(a b)", "title:a OR title:b"},
        {"age:>=5", "age:[5 TO *]"},
        {"a^0.000001 b^1000000 c^1.0000001", "a^0.000001 OR b^1000000 OR c"},
        {"homepage:https://x.org", "homepage:https://x.org"},
        {"https://x.org", "https\\://x.org"},
        {"x:\\//y", "x:\\//y"},
        {"\"first name\":=\"a \\\"b\"", "first\\ name:=\"a \\\"b\""},
        {"\\AND \\2024:x \\key:y", "\\AND OR \\2024:x OR \\key:y"},
        {"_exists_:\"\"", "_exists_:\"\""},
        {"key:user\\:1", "key:user:1"},
        {"key:[a TO b}", "key:[\"a\" TO \"b\"}"},
        {"a\\&&b x\\|||y", "a\\&&b OR x| OR y"},
        {"a\\/~1", "a\\/~1"},
        {"name:*", "_exists_:name"},
        {"*", "*:*"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct cdb_buf text = CDB_BUF_INIT;

        cdb_query_print(&text, parse(&arena, rows[i].query, CDB_QUERY_OR), CDB_QUERY_OR);
        assert_string_equal(cdb_buf_str(&text), rows[i].tree);
        cdb_buf_release(&text);
        cdb_arena_release(&arena);
    }
}

static void check_round_trip(const struct cdb_query_node *node, enum cdb_query_operator op)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf text = CDB_BUF_INIT, again = CDB_BUF_INIT;
    const struct cdb_query_node *parsed;

    cdb_query_print(&text, node, op);
    parsed = parse(&arena, cdb_buf_str(&text), op);
    if (!cdb_query_equal(node, parsed)) {
        dump(&again, node);
        cdb_buf_adds(&again, "\nbecame ");
        dump(&again, parsed);
        fail_msg("%s\n%s", cdb_buf_str(&text), cdb_buf_str(&again));
    }
    cdb_buf_release(&text);
    cdb_buf_release(&again);
    cdb_arena_release(&arena);
}

/* xorshift64*: the same numbers on every machine. */
struct random {
    uint64_t state;
    struct cdb_query_builder builder;
    enum cdb_query_operator op;
};

static unsigned pick(struct random *random, unsigned count)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (unsigned)((random->state * UINT64_C(2685821657736338717)) >> 33) % count;
}

/* Not empty, without NUL; full of what is special somewhere. */
static struct cdb_query_string random_text(struct random *random)
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "AND",
                                        "OR",
                                        "NOT",
                                        "TO",
                                        "key",
                                        "_exists_",
                                        "_missing_",
                                        "7",
                                        " ",
                                        "\t",
                                        "\n",
                                        "\\",
                                        "\"",
                                        "(",
                                        ")",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        "*",
                                        "?",
                                        "~",
                                        "^",
                                        ":",
                                        "/",
                                        "//",
                                        "&",
                                        "&&",
                                        "|",
                                        "||",
                                        "!",
                                        "+",
                                        "-",
                                        "=",
                                        "<",
                                        ">",
                                        "\xc3\xa9",
                                        "#",
                                        "\xe3\x80\x80",
                                        "2",
                                        ".",
                                        ",",
                                        "'",
                                        "$",
                                        "%",
                                        "@",
                                        ";",
                                        "\xc2\xa0"};
    struct cdb_buf buf = CDB_BUF_INIT;
    struct cdb_query_string result;

    for (unsigned count = 1 + pick(random, 4); count > 0; count--)
        cdb_buf_adds(&buf, parts[pick(random, COUNT(parts))]);
    result.len = buf.len;
    result.ptr = cdb_arena_copy(random->builder.arena, buf.ptr, buf.len);
    cdb_buf_release(&buf);
    return result;
}

static struct cdb_query_value random_value(struct random *random, bool is_key)
{
    bool is_string = is_key || pick(random, 2) == 0;

    return (struct cdb_query_value){is_string ? CDB_QUERY_STRING : CDB_QUERY_UNTYPED, random_text(random)};
}

static struct cdb_query_range random_range(struct random *random, bool is_key)
{
    struct cdb_query_range range = {.include_lower = pick(random, 2), .include_upper = pick(random, 2)};
    unsigned open = pick(random, 3);

    if (open != 1)
        range.lower = random_value(random, is_key);
    if (open != 2)
        range.upper = random_value(random, is_key);
    return range;
}

static struct cdb_query_node *random_pattern(struct random *random, bool is_key, struct cdb_query_string field)
{
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_query_pattern pattern;
    bool ok;

    for (unsigned count = 1 + pick(random, 3); count > 0; count--) {
        cdb_buf_adds(&text, "\\");
        cdb_buf_adds(&text, random_text(random).ptr);
        if (text.ptr[text.len - 1] == '\\')
            cdb_buf_adds(&text, "\\");
        cdb_buf_adds(&text, pick(random, 2) == 0 ? "*" : "?");
    }
    ok = cdb_query_read_pattern(random->builder.arena, text.ptr, text.len, &pattern);
    cdb_buf_release(&text);
    return ok ? cdb_query_new_pattern(&random->builder, pattern, is_key, field, random->op) : NULL;
}

static struct cdb_query_node *random_leaf(struct random *random)
{
    struct cdb_query_node *node = cdb_query_new(&random->builder, (enum cdb_query_kind)pick(random, CDB_QUERY_BOOLEAN));

    assert_non_null(node);
    if (pick(random, 2) == 0 || node->kind == CDB_QUERY_EXACT || node->kind == CDB_QUERY_RANGE ||
        node->kind == CDB_QUERY_EXISTS || node->kind == CDB_QUERY_MISSING)
        node->field = pick(random, 9) == 0 ? (struct cdb_query_string){"", 0} : random_text(random);
    switch (node->kind) {
    case CDB_QUERY_TEXT:
        node->text = (struct cdb_query_text){random_text(random), random->op};
        break;
    case CDB_QUERY_PHRASE:
        node->phrase = (struct cdb_query_phrase){random_text(random), pick(random, 2) * 3};
        break;
    case CDB_QUERY_EXACT:
        node->exact = random_value(random, false);
        break;
    case CDB_QUERY_FUZZY:
        node->fuzzy = (struct cdb_query_fuzzy){random_text(random), 1 + pick(random, 2)};
        break;
    case CDB_QUERY_RANGE:
        return cdb_query_new_range(&random->builder, random_range(random, false), false, node->field);
    case CDB_QUERY_KEY_RANGE:
        return cdb_query_new_range(&random->builder, random_range(random, true), true, node->field);
    case CDB_QUERY_WILDCARD:
        return random_pattern(random, false, node->field);
    case CDB_QUERY_KEY_PATTERN:
        return random_pattern(random, true, node->field);
    case CDB_QUERY_KEY:
        node->key = random_text(random);
        node->field = (struct cdb_query_string){NULL, 0};
        break;
    case CDB_QUERY_ALL:
        node->field = (struct cdb_query_string){NULL, 0};
        break;
    default:
        break;
    }
    return node;
}

static struct cdb_query_node *random_node(struct random *random, unsigned depth)
{
    struct cdb_query_items items = {0};
    struct cdb_query_node *node;

    if (depth == 0 || pick(random, 3) == 0) {
        node = random_leaf(random);
    } else {
        for (unsigned count = 1 + pick(random, 4); count > 0; count--)
            assert_true(cdb_query_items_add(&random->builder, &items, random_node(random, depth - 1),
                                            (enum cdb_query_occur)pick(random, CDB_QUERY_FILTER)));
        node = cdb_query_new_boolean(&random->builder, &items, cdb_query_default_minimum(&items));
    }
    assert_non_null(node);
    if (pick(random, 4) == 0)
        assert_true(cdb_query_boost(node, (float)pick(random, 4) / 2));
    return node;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct cdb_arena arena = CDB_ARENA_INIT;
        struct random random = {seed * UINT64_C(0x9e3779b97f4a7c15), {&arena, 0}, (enum cdb_query_operator)(seed % 2)};

        check_round_trip(random_node(&random, 1 + (unsigned)(seed / 1000)), random.op);
        cdb_arena_release(&arena);
    }
}

/* Boosts keep their millionths. */
static void test_boosts(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[32];
        float boost = 0, again = 0;
        uint64_t millionths;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        millionths = (random >> 20) % (UINT64_C(1000000000000) >> (i % 40));
        snprintf(text, sizeof(text), "%u.%06u", (unsigned)(millionths / 1000000), (unsigned)(millionths % 1000000));
        assert_true(cdb_query_read_boost(text, strlen(text), &boost));
        millionths = cdb_query_boost_millionths(boost);
        snprintf(text, sizeof(text), "%u.%06u", (unsigned)(millionths / 1000000), (unsigned)(millionths % 1000000));
        assert_true(cdb_query_read_boost(text, strlen(text), &again));
        assert_true(boost >= again && boost <= again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clauses),  cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_minimum_and_places),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_nul),      cmocka_unit_test(test_mark),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_depth_of_tree),
        cmocka_unit_test(test_print),    cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_boosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
