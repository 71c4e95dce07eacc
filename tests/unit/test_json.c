/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "doc/json.h"
#include "doc/string.h"
#include "util/error.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) literal, sizeof(literal) - 1

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

/* ---- what is JSON ------------------------------------------------------------------------------ */

struct text {
    const char *text;
    size_t len;
};

static const struct text valid[] = {
    /* scalars alone */
    {TEXT("null")},
    {TEXT("true")},
    {TEXT("false")},
    {TEXT("0")},
    {TEXT("-0")},
    {TEXT("42")},
    {TEXT("-0.1")},
    {TEXT("\"\"")},
    {TEXT("\"asd\"")},
    {TEXT("[]")},
    {TEXT("{}")},
    /* white space */
    {TEXT(" null")},
    {TEXT("null ")},
    {TEXT("\t\n\r null \t\n\r")},
    {TEXT("[ ]")},
    {TEXT("{ }")},
    {TEXT("[\n\n]")},
    {TEXT(" [] ")},
    {TEXT("[true ]")},
    {TEXT("[ 1 , 2 ]")},
    {TEXT("{ \"a\" : 1 , \"b\" : 2 }")},
    {TEXT("{\"a\"\t:\r\n1}")},
    {TEXT("[1\n]")},
    {TEXT("[1\n,1\n,1]")},
    /* numbers */
    {TEXT("[123e65]")},
    {TEXT("[0e+1]")},
    {TEXT("[0e1]")},
    {TEXT("[ 4]")},
    {TEXT("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]")},
    {TEXT("[20e1]")},
    {TEXT("[-0]")},
    {TEXT("[-123]")},
    {TEXT("[-1]")},
    {TEXT("[1E22]")},
    {TEXT("[1E-2]")},
    {TEXT("[1E+2]")},
    {TEXT("[123e45]")},
    {TEXT("[123.456e78]")},
    {TEXT("[1e-2]")},
    {TEXT("[1e+2]")},
    {TEXT("[123]")},
    {TEXT("[123.456789]")},
    {TEXT("1.10")},
    {TEXT("1e9999")},
    {TEXT("-1e-9999")},
    {TEXT("1e00000")},
    {TEXT("0.0")},
    {TEXT("0e0")},
    {TEXT("0E-0")},
    {TEXT("10")},
    {TEXT("100000000000000000000000000000000000000000000000000000000001")},
    {TEXT("18446744073709551616")},
    {TEXT("3.141592653589793238462643383279502884197169399375105820974944592307816406286")},
    /* strings */
    {TEXT("[\"\\u0060\\u012a\\u12AB\"]")},
    {TEXT("[\"\\uD801\\udc37\"]")},
    {TEXT("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]")},
    {TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]")},
    {TEXT("[\"\\\\u0000\"]")},
    {TEXT("[\"\\\"\"]")},
    {TEXT("[\"a/*b*/c/*d//e\"]")},
    {TEXT("[\"\\\\a\"]")},
    {TEXT("[\"\\\\n\"]")},
    {TEXT("[\"\\u0012\"]")},
    {TEXT("[\"\\uFFFF\"]")},
    {TEXT("[\"asd\"]")},
    {TEXT("[ \"asd\"]")},
    {TEXT("[\"\\uDBFF\\uDFFF\"]")},
    {TEXT("[\"new\\u00A0line\"]")},
    {TEXT("[\"\xf4\x8f\xbf\xbf\"]")},
    {TEXT("[\"\xef\xbf\xbf\"]")},
    {TEXT("[\"\\u0000\"]")},
    {TEXT("[\"\\u002c\"]")},
    {TEXT("[\"\xcf\x80\"]")},
    {TEXT("[\"\xf0\x9b\xbf\xbf\"]")},
    {TEXT("[\"asd \"]")},
    {TEXT("\" \"")},
    {TEXT("[\"\\uD834\\uDd1e\"]")},
    {TEXT("[\"\\u0821\"]")},
    {TEXT("[\"\\u0123\"]")},
    {TEXT("[\"\xe2\x80\xa8\"]")},
    {TEXT("[\"\xe2\x80\xa9\"]")},
    {TEXT("[\"\\u0061\\u30af\\u30EA\\u30b9\"]")},
    {TEXT("[\"new\\u000Aline\"]")},
    {TEXT("[\"\x7f\"]")},
    {TEXT("[\"\xc2\x80\"]")},
    {TEXT("[\"\xc2\x9b\"]")},
    {TEXT("[\"\\uA66D\"]")},
    {TEXT("[\"\\u005C\"]")},
    {TEXT("[\"\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82\"]")},
    {TEXT("[\"\\u0022\"]")},
    {TEXT("[\"\\uDBFF\\uDFFE\"]")},
    {TEXT("[\"\\uD83F\\uDFFE\"]")},
    {TEXT("[\"\\u200B\"]")},
    {TEXT("[\"\\u2064\"]")},
    {TEXT("[\"\\uFDD0\"]")},
    {TEXT("[\"\\uFFFE\"]")},
    {TEXT("\"\xed\x9f\xbf\"")},     /* U+D7FF, before the surrogates */
    {TEXT("\"\xee\x80\x80\"")},     /* U+E000, behind them */
    {TEXT("\"\xe0\xa0\x80\"")},     /* U+0800, the first of three bytes */
    {TEXT("\"\xf0\x90\x80\x80\"")}, /* U+10000, the first of four */
    {TEXT("\"\xef\xbb\xbf\"")},     /* a BOM is a character inside of a string */
    {TEXT("\"\\ufeff\"")},
    /* lone surrogates as escapes are grammatical */
    {TEXT("[\"\\uDADA\"]")},
    {TEXT("[\"\\uD888\\u1234\"]")},
    {TEXT("[\"\\uD800\\n\"]")},
    {TEXT("[\"\\uDd1ea\"]")},
    {TEXT("[\"\\uD800\\uD800\\n\"]")},
    {TEXT("[\"\\ud800\"]")},
    {TEXT("[\"\\ud800abc\"]")},
    {TEXT("[\"\\uDd1e\\uD834\"]")},
    {TEXT("[\"\\uDFAA\"]")},
    /* arrays and objects */
    {TEXT("[[]   ]")},
    {TEXT("[\"\"]")},
    {TEXT("[false]")},
    {TEXT("[null, 1, \"1\", {}]")},
    {TEXT("[null]")},
    {TEXT(" [1]")},
    {TEXT("[1,null,null,null,2]")},
    {TEXT("[2] ")},
    {TEXT("[[[[[[]]]]]]")},
    {TEXT("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}")},
    {TEXT("{\"asd\":\"sdf\"}")},
    {TEXT("{\"a\":\"b\",\"a\":\"c\"}")},
    {TEXT("{\"a\":\"b\",\"a\":\"b\"}")},
    {TEXT("{\"\":0}")},
    {TEXT("{\"foo\\u0000bar\": 42}")},
    {TEXT("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }")},
    {TEXT("{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxx\"}")},
    {TEXT("{\"a\":[]}")},
    {TEXT("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }")},
    {TEXT("{\n\"a\": \"b\"\n}")},
    {TEXT("{\"a\":{\"b\":{\"c\":{}}}}")},
    {TEXT("[{},[],{},[]]")},
};

static const struct text invalid[] = {
    /* nothing, or only white space */
    {TEXT("")},
    {TEXT(" ")},
    {TEXT("\n\t\r ")},
    /* not only one value */
    {TEXT("1 2")},
    {TEXT("[][]")},
    {TEXT("{}}")},
    {TEXT("[]]")},
    {TEXT("{\"a\":true} \"x\"")},
    {TEXT("[1]x")},
    {TEXT("\"a\"\"b\"")},
    {TEXT("1,")},
    {TEXT("null\0")},
    {TEXT("123\0")},
    {TEXT("{}\0")},
    {TEXT("[\"asd]")},
    {TEXT("]")},
    {TEXT("}")},
    {TEXT(",")},
    {TEXT(":")},
    {TEXT("\\")},
    /* other white space */
    {TEXT("\x0cnull")},
    {TEXT("[\x0b]")},
    {TEXT("[\xc2\xa0]")},
    {TEXT("[\xe2\x81\xa0]")},
    {TEXT("\xe2\x80\xa8null")},
    {TEXT("[\0]")},
    {TEXT("\x1f{}")},
    /* byte order marks, other encodings */
    {TEXT("\xef\xbb\xbf{}")},
    {TEXT("\xef\xbb\xbf")},
    {TEXT("{}\xef\xbb\xbf")},
    {TEXT("\xff\xfe{\0}\0")},
    {TEXT("\xfe\xff\0{\0}")},
    {TEXT("{\0}\0")},
    {TEXT("\0{\0}")},
    {TEXT("\xef\xbb{}")},
    {TEXT("\xe5")},
    /* literals */
    {TEXT("nul")},
    {TEXT("n")},
    {TEXT("nulll")},
    {TEXT("Null")},
    {TEXT("NULL")},
    {TEXT("tru")},
    {TEXT("True")},
    {TEXT("TRUE")},
    {TEXT("truee")},
    {TEXT("fals")},
    {TEXT("False")},
    {TEXT("nul\0")},
    {TEXT("undefined")},
    {TEXT("None")},
    {TEXT("NaN")},
    {TEXT("nan")},
    {TEXT("-NaN")},
    {TEXT("Infinity")},
    {TEXT("-Infinity")},
    {TEXT("+Infinity")},
    {TEXT("inf")},
    {TEXT("-inf")},
    {TEXT("[nottrue]")},
    {TEXT("asd")},
    /* numbers */
    {TEXT("-")},
    {TEXT("+1")},
    {TEXT("++1234")},
    {TEXT("-01")},
    {TEXT("-1.0.")},
    {TEXT("-2.")},
    {TEXT(".-1")},
    {TEXT(".2e-3")},
    {TEXT("0.1.2")},
    {TEXT("0.3e+")},
    {TEXT("0.3e")},
    {TEXT("0.e1")},
    {TEXT("0E+")},
    {TEXT("0E")},
    {TEXT("0e+")},
    {TEXT("0e")},
    {TEXT("1.0e+")},
    {TEXT("1.0e-")},
    {TEXT("1.0e")},
    {TEXT("1 000.0")},
    {TEXT("1eE2")},
    {TEXT("2.e+3")},
    {TEXT("2.e-3")},
    {TEXT("2.e3")},
    {TEXT("9.e+")},
    {TEXT("0x1")},
    {TEXT("0x42")},
    {TEXT("0b1")},
    {TEXT("0o7")},
    {TEXT("1+2")},
    {TEXT("-foo")},
    {TEXT("- 1")},
    {TEXT("-012")},
    {TEXT("012")},
    {TEXT("00")},
    {TEXT("-.123")},
    {TEXT("-1x")},
    {TEXT("1ea")},
    {TEXT("1.")},
    {TEXT("1.8011670033376514H-308")},
    {TEXT("1.2a-3")},
    {TEXT("1_000")},
    {TEXT("1,000")},
    {TEXT("1e1.5")},
    {TEXT("1e++1")},
    {TEXT("--1")},
    {TEXT("1-")},
    {TEXT("1n")},
    {TEXT("1f")},
    {TEXT("123\xe5")},
    {TEXT("\xef\xbc\x91")}, /* a fullwidth digit */
    /* strings */
    {TEXT("\"")},
    {TEXT("\"a")},
    {TEXT("\"\\\"")},
    {TEXT("\"\\")},
    {TEXT("'a'")},
    {TEXT("[\"\\uD800\\\"]")},
    {TEXT("[\"\\uD800\\u\"]")},
    {TEXT("[\"\\uD800\\u1\"]")},
    {TEXT("[\"\\uD800\\u1x\"]")},
    {TEXT("[\xc3\xa9]")},
    {TEXT("[\"\\\0\"]")},
    {TEXT("[\"\\x00\"]")},
    {TEXT("[\"\\\\\\\"]")},
    {TEXT("[\"\\\t\"]")},
    {TEXT("[\"\\\xf0\x9f\x8c\x80\"]")},
    {TEXT("[\"\\u00A\"]")},
    {TEXT("[\"\\u00")},
    {TEXT("\"\\u")},
    {TEXT("\"\\u12")},
    {TEXT("\"\\u123")},
    {TEXT("\"\\u1234")},
    {TEXT("\"\\u 123\"")},
    {TEXT("\"\\U0041\"")},
    {TEXT("\"\\uqqqq\"")},
    {TEXT("\"\\u+123\"")},
    {TEXT("\"\\u00g0\"")},
    {TEXT("[\"\\a\"]")},
    {TEXT("[\"\\'\"]")},
    {TEXT("[\"\\0\"]")},
    {TEXT("[\"\\v\"]")},
    {TEXT("[\"a\0a\"]")},
    {TEXT("[\"new\nline\"]")},
    {TEXT("\"\r\"")},
    {TEXT("[\"\t\"]")},
    {TEXT("\"\x1f\"")},
    {TEXT("\"\x1b[31m\"")},
    {TEXT("\"\0\"")},
    {TEXT("\"\"\"\"\"\"")},
    {TEXT("`a`")},
    {TEXT("[\xe2\x80\x9c"
          "a\xe2\x80\x9d]")},
    {TEXT("\\u0020\"asd\"")},
    /* not UTF-8 */
    {TEXT("\"\x80\"")},
    {TEXT("\"\xbf\"")},
    {TEXT("\"\xc0\x80\"")},
    {TEXT("\"\xc1\xbf\"")},
    {TEXT("\"\xc0\xaf\"")},
    {TEXT("\"\xc2\"")},
    {TEXT("\"\xc3\x28\"")},
    {TEXT("\"\xe0\x80\xaf\"")},
    {TEXT("\"\xe0\x9f\xbf\"")},
    {TEXT("\"\xe2\x82\"")},
    {TEXT("\"\xe2\x28\xa1\"")},
    {TEXT("\"\xe2\x82\x28\"")},
    {TEXT("\"\xed\xa0\x80\"")},
    {TEXT("\"\xed\xbf\xbf\"")},
    {TEXT("\"\xed\xa0\xbd\xed\xb8\x80\"")},
    {TEXT("\"\xf0\x80\x80\xaf\"")},
    {TEXT("\"\xf0\x8f\xbf\xbf\"")},
    {TEXT("\"\xf0\x9f\x98\"")},
    {TEXT("\"\xf0\x28\x8c\xbc\"")},
    {TEXT("\"\xf0\x90\x28\xbc\"")},
    {TEXT("\"\xf0\x90\x8c\x28\"")},
    {TEXT("\"\xf4\x90\x80\x80\"")},
    {TEXT("\"\xf5\x80\x80\x80\"")},
    {TEXT("\"\xf8\x88\x80\x80\x80\"")},
    {TEXT("\"\xfc\x84\x80\x80\x80\x80\"")},
    {TEXT("\"\xfe\"")},
    {TEXT("\"\xff\"")},
    {TEXT("\"\xf0\x9f\x98")},
    {TEXT("\"\xc3")},
    {TEXT("\"12345678\xc3")},
    {TEXT("{\"\x80\":1}")},
    {TEXT("[\"\x81\"]")},
    /* arrays */
    {TEXT("[")},
    {TEXT("[1")},
    {TEXT("[1,")},
    {TEXT("[1,]")},
    {TEXT("[,]")},
    {TEXT("[,1]")},
    {TEXT("[1,,2]")},
    {TEXT("[1,,]")},
    {TEXT("[\"\",]")},
    {TEXT("[1 true]")},
    {TEXT("[\"a\":1]")},
    {TEXT("[\"a\" \"b\"]")},
    {TEXT("[1:2]")},
    {TEXT("[1;2]")},
    {TEXT("[3[4]]")},
    {TEXT("[1}")},
    {TEXT("[*]")},
    {TEXT("[-]")},
    {TEXT("[\n1,\n1\n,1")},
    {TEXT("[{}")},
    {TEXT("[<null>]")},
    {TEXT("[(1)]")},
    {TEXT("[\"x\"]]")},
    {TEXT("[[]")},
    {TEXT("[[[[")},
    {TEXT("[ , ]")},
    {TEXT("[#]")},
    /* objects */
    {TEXT("{")},
    {TEXT("{\"a\"")},
    {TEXT("{\"a\":")},
    {TEXT("{\"a\":1")},
    {TEXT("{\"a\":1,")},
    {TEXT("{\"a\":1,}")},
    {TEXT("{\"a\":1,,}")},
    {TEXT("{\"a\":1,,\"b\":2}")},
    {TEXT("{,}")},
    {TEXT("{,\"a\":1}")},
    {TEXT("{\"a\"}")},
    {TEXT("{\"a\" 1}")},
    {TEXT("{\"a\",1}")},
    {TEXT("{\"a\"::1}")},
    {TEXT("{\"a\":}")},
    {TEXT("{:1}")},
    {TEXT("{1:1}")},
    {TEXT("{null:null}")},
    {TEXT("{a:1}")},
    {TEXT("{'a':1}")},
    {TEXT("{[]:1}")},
    {TEXT("{\"a\":'b'}")},
    {TEXT("{\"a\":1 \"b\":2}")},
    {TEXT("{\"a\":1]")},
    {TEXT("{\"a\":1;\"b\":2}")},
    {TEXT("{\"a\"=1}")},
    {TEXT("{\"a\":\"a")},
    {TEXT("{\"a\":\"b\"}#")},
    {TEXT("{\"x\", null}")},
    {TEXT("{\"a\":/*comment*/\"b\"}")},
    {TEXT("{\"a\":\"b\"}/**/")},
    {TEXT("{\"a\":\"b\"}//")},
    {TEXT("//c\n{}")},
    {TEXT("{\"a\":1}\n# c")},
    {TEXT("{\"id\":0,,,,,}")},
    {TEXT("{\"a\":\"a\" 123}")},
    {TEXT("{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}")},
    {TEXT("{[")},
    {TEXT("{]")},
    {TEXT("{\"a\":[}")},
    {TEXT("{\"a\":{\"b\":[{\"c\":]}}")},
    {TEXT("({})")},
    {TEXT("{{}}")},
    {TEXT("{\"a\":1}{\"b\":2}")},
};

/* Laid out anew a text is valid, laid out once more it stays; and from the compact form the pretty one is the same. */
static void check_format(const char *text, size_t len, unsigned flags)
{
    struct cdb_buf once = CDB_BUF_INIT;
    struct cdb_buf twice = CDB_BUF_INIT;

    cdb_json_format(&once, text, len, flags);
    assert_int_equal(cdb_json_check(once.ptr, once.len), 0);
    cdb_json_format(&twice, once.ptr, once.len, flags);
    assert_string_equal(once.ptr, twice.ptr);
    cdb_buf_clear(&once);
    cdb_buf_clear(&twice);
    cdb_json_format(&once, text, len, 0);
    cdb_json_format(&twice, once.ptr, once.len, flags);
    cdb_buf_clear(&once);
    cdb_json_format(&once, text, len, flags);
    assert_string_equal(once.ptr, twice.ptr);
    cdb_buf_release(&once);
    cdb_buf_release(&twice);
}

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        char *text = exact_copy(valid[i].text, valid[i].len);
        struct cdb_json json;
        int result = cdb_json_check(text, valid[i].len);

        if (result != 0)
            fail_msg("refused: %s: %s", valid[i].text, chrondb_last_error()->message);
        assert_int_equal(cdb_json_parse(&json, text, valid[i].len), 0);
        assert_true(json.count > 0);
        assert_int_equal(json.nodes[0].next, json.count);
        cdb_json_release(&json);
        check_format(text, valid[i].len, 0);
        check_format(text, valid[i].len, CHRONDB_JSON_PRETTY);
        check_format(text, valid[i].len, CHRONDB_JSON_SAFE);
        free(text);
    }
}

static void assert_refused(const char *text, size_t len)
{
    const chrondb_error *error = chrondb_last_error();
    char begin[80];

    assert_int_equal(error->code, CHRONDB_EINVALID);
    assert_string_equal(error->name, "invalid_json");
    assert_in_range(error->line, 1, len + 1);
    assert_in_range(error->column, 1, len + 1);
    snprintf(begin, sizeof(begin), "not valid JSON at line %zu, column %zu: ", error->line, error->column);
    assert_memory_equal(error->message, begin, strlen(begin));
    assert_true(strlen(error->message) > strlen(begin) + 8);
    for (const char *c = error->message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fail_msg("a control character in the message about %s", text);
}

static void test_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        char *text = exact_copy(invalid[i].text, invalid[i].len);
        struct cdb_json json;

        cdb_error_clear();
        if (cdb_json_check(text, invalid[i].len) != CHRONDB_EINVALID)
            fail_msg("accepted: %s", invalid[i].text);
        assert_refused(invalid[i].text, invalid[i].len);
        cdb_error_clear();
        assert_int_equal(cdb_json_parse(&json, text, invalid[i].len), CHRONDB_EINVALID);
        assert_refused(invalid[i].text, invalid[i].len);
        assert_null(json.nodes);
        assert_int_equal(json.count, 0);
        free(text);
    }
    assert_true(COUNT(valid) + COUNT(invalid) >= 300);
}

/* Every proper beginning of a container or string is invalid, and is refused without a look behind its end. */
static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        size_t start = strspn(valid[i].text, " \t\r\n");
        size_t end = valid[i].len;

        while (end > 0 && strchr(" \t\r\n", valid[i].text[end - 1]) != NULL)
            end--;
        if (strchr("[{\"", valid[i].text[start]) == NULL)
            continue;
        for (size_t len = 0; len < end; len++) {
            char *text = exact_copy(valid[i].text, len);

            if (cdb_json_check(text, len) != CHRONDB_EINVALID)
                fail_msg("accepted %zu bytes of %s", len, valid[i].text);
            assert_refused(text, len);
            free(text);
        }
    }
}

/* ---- messages ---------------------------------------------------------------------------------- */

static void test_messages(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        size_t line, column;
        const char *detail;
    } cases[] = {
        {TEXT(""), 1, 1, "expected a value, found nothing: the text is empty"},
        {TEXT(" \n "), 2, 2, "expected a value, found the end of the text"},
        {TEXT("{\"a\":1,\n \"b\":2,\n}"), 3, 1, "trailing comma before '}'"},
        {TEXT("[1, ]"), 1, 5, "trailing comma before ']'"},
        {TEXT("{\n  \"a\": 1\n  \"b\": 2\n}"), 3, 3, "expected ',' or '}' after a member, found '\"'"},
        {TEXT("[1 2]"), 1, 4, "expected ',' or ']' after an element, found '2'"},
        {TEXT("[1}"), 1, 3, "expected ',' or ']' after an element, found '}'"},
        {TEXT("[1"), 1, 3, "expected ',' or ']' after an element, found the end of the text"},
        {TEXT("{\"a\":1"), 1, 7, "expected ',' or '}' after a member, found the end of the text"},
        {TEXT("{"), 1, 2, "expected a name in double quotes or '}', found the end of the text"},
        {TEXT("{\"a\":1,"), 1, 8, "expected a name in double quotes, found the end of the text"},
        {TEXT("{name: 1}"), 1, 2, "expected a name in double quotes or '}', found 'name'"},
        {TEXT("{'a': 1}"), 1, 2, "expected a name in double quotes or '}', found a single quote"},
        {TEXT("{\"a\" 1}"), 1, 6, "expected ':' after a name, found '1'"},
        {TEXT("{\"a\""), 1, 5, "expected ':' after a name, found the end of the text"},
        {TEXT("['a']"), 1, 2, "expected a value, found a single quote (strings are quoted with \")"},
        {TEXT("[NaN]"), 1, 2, "expected a value, found 'NaN' (JSON has no NaN and no infinity)"},
        {TEXT("-Infinity"), 1, 2, "expected a value, found 'Infinity' (JSON has no NaN and no infinity)"},
        {TEXT("True"), 1, 1, "expected a value, found 'True' (it is written true)"},
        {TEXT("undefined"), 1, 1, "expected a value, found 'undefined' (JSON has null)"},
        {TEXT("Alice"), 1, 1, "expected a value, found 'Alice' (strings are quoted with \")"},
        {TEXT("nullx"), 1, 1, "expected a value, found 'nullx' (strings are quoted with \")"},
        {TEXT("+1"), 1, 1, "expected a value, found '+' (a number has no + in front)"},
        {TEXT(".5"), 1, 1, "expected a value, found '.' (a number has a digit before the point)"},
        {TEXT("[01]"), 1, 2, "a number has no leading zeros"},
        {TEXT("-00"), 1, 2, "a number has no leading zeros"},
        {TEXT("0x1F"), 1, 1, "JSON has no hexadecimal numbers"},
        {TEXT("1.]"), 1, 3, "expected a digit behind the point of a number, found ']'"},
        {TEXT("-"), 1, 2, "expected a digit after the '-' of a number, found the end of the text"},
        {TEXT("1e+"), 1, 4, "expected a digit in the exponent of a number, found the end of the text"},
        {TEXT("{} x"), 1, 4, "expected nothing after the value, found 'x'"},
        {TEXT("{} // c"), 1, 4, "expected nothing after the value, found a comment (JSON has none)"},
        {TEXT("[1, # c\n2]"), 1, 5, "expected a value, found a comment (JSON has none)"},
        {TEXT("[/* c */]"), 1, 2, "expected a value, found a comment (JSON has none)"},
        {TEXT("[\"abc"), 1, 2, "the string that begins here has no closing quote"},
        {TEXT("[\"abc\\"), 1, 2, "the string that begins here has no closing quote"},
        {TEXT("[\"ab\ncd\"]"), 1, 5, "line break in a string (written \\n, or the closing quote is missing)"},
        {TEXT("\"a\tb\""), 1, 3, "tab in a string (written \\t)"},
        {TEXT("\"a\rb\""), 1, 3, "carriage return in a string (written \\r)"},
        {TEXT("\"\x1b[0m\""), 1, 2, "control character \\x1b in a string (written \\u001b)"},
        {TEXT("\x1b[0m"), 1, 1, "expected a value, found '\\x1b'"},
        {TEXT("\"\\q\""), 1, 2, "unknown escape in a string: \\ before 'q' (a backslash is written \\\\)"},
        {TEXT("\"\\\n\""), 1, 2, "unknown escape in a string: \\ before '\\x0a' (a backslash is written \\\\)"},
        {TEXT("\"\\u12g4\""), 1, 2, "\\u needs four hexadecimal digits, found 'g4'"},
        {TEXT("\"\\u12"), 1, 2, "\\u needs four hexadecimal digits, found the end of the text"},
        {TEXT("\"a\x80\""), 1, 3, "not UTF-8: byte \\x80 in a string (lone continuation byte)"},
        {TEXT("\"\xc0\xaf\""), 1, 2, "not UTF-8: byte \\xc0 in a string (overlong form)"},
        {TEXT("\"\xe0\x80\x80\""), 1, 2, "not UTF-8: byte \\xe0 in a string (overlong form)"},
        {TEXT("\"\xed\xa0\x80\""), 1, 2, "not UTF-8: byte \\xed in a string (surrogate)"},
        {TEXT("\"\xf4\x90\x80\x80\""), 1, 2,
         "not UTF-8: byte \\xf4 in a string (nothing above U+10FFFF is a character)"},
        {TEXT("\"\xff\""), 1, 2, "not UTF-8: byte \\xff in a string (nothing above U+10FFFF is a character)"},
        {TEXT("\"\xc3\""), 1, 2, "not UTF-8: byte \\xc3 in a string (character cut short)"},
        {TEXT("\"\xe6\xbc"), 1, 2, "not UTF-8: byte \\xe6 in a string (character cut short)"},
        {TEXT("\xef\xbb\xbf{}"), 1, 1, "the text begins with a byte order mark (BOM); remove it"},
        {TEXT("\xff\xfe{\0"), 1, 1, "the text is UTF-16; documents are UTF-8"},
        {TEXT("\xe2\x80\x9cx\xe2\x80\x9d"), 1, 1, "expected a value, found '\xe2\x80\x9c'"},
        {TEXT("[\xff]"), 1, 2, "expected a value, found '\\xff'"},
        {TEXT("{}\0"), 1, 3, "expected nothing after the value, found '\\x00'"},
        {TEXT("\r\n\r\n [\r\n x]"), 4, 2, "expected a value, found 'x' (strings are quoted with \")"},
        {TEXT("\"\xc3\xa9\" x"), 1, 6, "expected nothing after the value, found 'x'"}, /* columns are bytes */
        {TEXT("abcdefghijklmnopqrstuvwxyz0123456789"), 1, 1,
         "expected a value, found 'abcdefghijklmnopqrstuvwx' (strings are quoted with \")"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const chrondb_error *error = chrondb_last_error();
        char *text = exact_copy(cases[i].text, cases[i].len);
        char expected[300];

        assert_int_equal(cdb_json_check(text, cases[i].len), CHRONDB_EINVALID);
        snprintf(expected, sizeof(expected), "not valid JSON at line %zu, column %zu: %s", cases[i].line,
                 cases[i].column, cases[i].detail);
        assert_string_equal(error->message, expected);
        assert_int_equal(error->line, cases[i].line);
        assert_int_equal(error->column, cases[i].column);
        free(text);
    }
}

/* ---- limits ------------------------------------------------------------------------------------ */

static char *nested(unsigned depth, const char *open, const char *middle, const char *close, size_t *len)
{
    struct cdb_buf buf = CDB_BUF_INIT;

    for (unsigned i = 0; i < depth; i++)
        cdb_buf_adds(&buf, open);
    cdb_buf_adds(&buf, middle);
    for (unsigned i = 0; i < depth; i++)
        cdb_buf_adds(&buf, close);
    *len = buf.len;
    return buf.ptr;
}

static void test_depth(void **state)
{
    static const char *const shapes[][3] = {
        {"[", "", "]"}, {"{\"a\":", "1", "}"}, {"[1,", "0", "]"}, {" [ ", "null", " ] "}};

    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct cdb_json json;
        size_t len;
        char *text = nested(CHRONDB_MAX_DEPTH, shapes[i][0], shapes[i][1], shapes[i][2], &len);

        assert_int_equal(cdb_json_check(text, len), 0);
        assert_int_equal(cdb_json_parse(&json, text, len), 0);
        cdb_json_release(&json);
        check_format(text, len, CHRONDB_JSON_PRETTY);
        free(text);
        text = nested(CHRONDB_MAX_DEPTH + 1, shapes[i][0], shapes[i][1], shapes[i][2], &len);
        assert_int_equal(cdb_json_check(text, len), CHRONDB_EINVALID);
        assert_non_null(strstr(chrondb_last_error()->message, "nested too deep, in more than 1000 arrays and objects"));
        assert_int_equal(cdb_json_parse(&json, text, len), CHRONDB_EINVALID);
        free(text);
        text = nested(500000, shapes[i][0], shapes[i][1], "", &len);
        assert_int_equal(cdb_json_check(text, len), CHRONDB_EINVALID);
        free(text);
    }
}

/* Kinds of containers are told apart at every depth. */
static void test_closers_match_at_every_depth(void **state)
{
    (void)state;
    for (unsigned wrong = 0; wrong <= CHRONDB_MAX_DEPTH; wrong += wrong < 130 ? 1 : 87) {
        struct cdb_buf text = CDB_BUF_INIT;
        int expected = wrong == CHRONDB_MAX_DEPTH ? CHRONDB_OK : CHRONDB_EINVALID;

        for (unsigned i = 0; i < CHRONDB_MAX_DEPTH; i++)
            cdb_buf_adds(&text, i % 3 == 0 ? "[" : "{\"a\":");
        cdb_buf_adds(&text, "0");
        for (unsigned i = CHRONDB_MAX_DEPTH; i-- > 0;)
            cdb_buf_addc(&text, (i % 3 == 0) != (i == wrong) ? ']' : '}');
        assert_int_equal(cdb_json_check(text.ptr, text.len), expected);
        cdb_buf_release(&text);
    }
}

static void test_size(void **state)
{
    size_t len = CHRONDB_MAX_DOCUMENT + 1;
    char *text = malloc(len);
    struct cdb_json json;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    text[0] = '"';
    text[len - 1] = '"';
    assert_int_equal(cdb_json_check(text, len), CHRONDB_EINVALID);
    assert_string_equal(chrondb_last_error()->message, "too large: 67108865 bytes, a document has at most 67108864");
    assert_string_equal(chrondb_last_error()->name, "invalid_json");
    assert_int_equal(cdb_json_parse(&json, text, len), CHRONDB_EINVALID);
    text[len - 2] = '"';
    assert_int_equal(cdb_json_check(text, len - 1), 0);
    assert_int_equal(cdb_json_parse(&json, text, len - 1), 0);
    assert_int_equal(json.nodes[0].end, CHRONDB_MAX_DOCUMENT);
    cdb_json_release(&json);
    free(text);
}

/* ---- strings byte by byte ---------------------------------------------------------------------- */

/* Every byte at every place around the words that the reader takes at once. */
static void test_every_byte_at_every_offset(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char *text = malloc(len + 2);
                bool good = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

                assert_non_null(text);
                memset(text, '~', len + 2);
                text[0] = text[len + 1] = '"';
                text[1 + at] = (char)byte;
                /* A backslash before '~' is no escape; before the last quote it leaves the string open. */
                if ((cdb_json_check(text, len + 2) == 0) != good)
                    fail_msg("byte %02x at %zu of %zu", byte, at, len);
                free(text);
            }
        }
    }
}

/* Writes `value` in the form of UTF-8 with `width` bytes, whether it is the right one or not. */
static void encode(uint32_t value, size_t width, char *out)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = width; i-- > 1;) {
        out[i] = (char)(0x80 | (value & 0x3f));
        value >>= 6;
    }
    out[0] = (char)(marks[width] | value);
}

static void test_every_code_point_in_every_form(void **state)
{
    static const uint32_t ends[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    char text[8];

    (void)state;
    for (size_t width = 2; width <= 4; width++) {
        for (uint32_t point = 0; point < ends[width]; point++) {
            bool good = point >= ends[width - 1] && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);

            text[0] = text[width + 1] = '"';
            encode(point, width, text + 1);
            if ((cdb_json_check(text, width + 2) == 0) != good)
                fail_msg("U+%04X in %zu bytes", point, width);
        }
    }
}

static void test_every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0x80; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            char text[4] = {'"', (char)first, (char)second, '"'};
            bool good = first >= 0xc2 && first < 0xe0 && second >= 0x80 && second < 0xc0;

            if ((cdb_json_check(text, sizeof(text)) == 0) != good)
                fail_msg("bytes %02x %02x", first, second);
        }
    }
}

/* ---- the tree ---------------------------------------------------------------------------------- */

static void assert_node(const struct cdb_json *json, uint32_t node, enum cdb_json_type type, uint32_t next,
                        const char *text)
{
    assert_true(node < json->count);
    assert_int_equal(json->nodes[node].type, type);
    assert_int_equal(json->nodes[node].next, next);
    assert_int_equal(json->nodes[node].end - json->nodes[node].start, strlen(text));
    assert_memory_equal(json->text + json->nodes[node].start, text, strlen(text));
}

static void test_tree(void **state)
{
    static const char text[] = " { \"a\" : [ 1.10 , { } , \"x\\\"\" ] , \"b\":null,\"c\":{\"d\":true} } ";
    struct cdb_json json;

    (void)state;
    assert_int_equal(cdb_json_parse(&json, text, strlen(text)), 0);
    assert_ptr_equal(json.text, text);
    assert_int_equal(json.count, 12);
    assert_node(&json, 0, CDB_JSON_OBJECT, 12,
                "{ \"a\" : [ 1.10 , { } , \"x\\\"\" ] , \"b\":null,\"c\":{\"d\":true} }");
    assert_node(&json, 1, CDB_JSON_STRING, 2, "\"a\"");
    assert_node(&json, 2, CDB_JSON_ARRAY, 6, "[ 1.10 , { } , \"x\\\"\" ]");
    assert_node(&json, 3, CDB_JSON_NUMBER, 4, "1.10");
    assert_node(&json, 4, CDB_JSON_OBJECT, 5, "{ }");
    assert_node(&json, 5, CDB_JSON_STRING, 6, "\"x\\\"\"");
    assert_node(&json, 6, CDB_JSON_STRING, 7, "\"b\"");
    assert_node(&json, 7, CDB_JSON_NULL, 8, "null");
    assert_node(&json, 8, CDB_JSON_STRING, 9, "\"c\"");
    assert_node(&json, 9, CDB_JSON_OBJECT, 12, "{\"d\":true}");
    assert_node(&json, 10, CDB_JSON_STRING, 11, "\"d\"");
    assert_node(&json, 11, CDB_JSON_TRUE, 12, "true");
    cdb_json_release(&json);
    cdb_json_release(&json);
    assert_int_equal(cdb_json_parse(&json, "false", 5), 0);
    assert_node(&json, 0, CDB_JSON_FALSE, 1, "false");
    cdb_json_release(&json);
}

static void test_member(void **state)
{
    static const char text[] = "{\"a\":1,\"\\u0062\":2,\"\":3,\"a\":4,\"x\\u0000y\":5,\"o\":{\"b\":6,\"deep\":7},"
                               "\"\xc3\xa9\":8,\"\\ud83d\\ude00\":9,\"\\ud83d\":10,\"n\\n\":11,\"prefix\":12}";
    static const struct {
        const char *name;
        size_t len;
        const char *value;
    } cases[] = {
        {TEXT("a"), "4"}, /* of two the last */
        {TEXT("b"), "2"},
        {TEXT(""), "3"},
        {TEXT("x\0y"), "5"},
        {TEXT("\xc3\xa9"), "8"},
        {TEXT("\xf0\x9f\x98\x80"), "9"},
        {TEXT("\xed\xa0\xbd"), "10"},
        {TEXT("n\n"), "11"},
        {TEXT("prefix"), "12"},
        {TEXT("deep"), NULL},
        {TEXT("x"), NULL},
        {TEXT("prefi"), NULL},
        {TEXT("prefixx"), NULL},
        {TEXT("\\u0062"), NULL},
        {TEXT("A"), NULL},
    };
    struct cdb_json json;
    uint32_t object;

    (void)state;
    assert_int_equal(cdb_json_parse(&json, text, strlen(text)), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t value = cdb_json_member(&json, 0, cases[i].name, cases[i].len);

        if (cases[i].value == NULL)
            assert_int_equal(value, 0);
        else
            assert_node(&json, value, CDB_JSON_NUMBER, value + 1, cases[i].value);
    }
    object = cdb_json_member(&json, 0, "o", 1);
    assert_int_equal(json.nodes[object].type, CDB_JSON_OBJECT);
    assert_node(&json, cdb_json_member(&json, object, "deep", 4), CDB_JSON_NUMBER, object + 5, "7");
    assert_int_equal(cdb_json_member(&json, object, "a", 1), 0);
    assert_int_equal(cdb_json_member(&json, 1, "a", 1), 0); /* no object */
    assert_int_equal(cdb_json_member(&json, json.count, "a", 1), 0);
    cdb_json_release(&json);
}

/* ---- decoding and quoting ---------------------------------------------------------------------- */

static const struct {
    const char *text;
    size_t len;
    const char *decoded;
    size_t decoded_len;
} strings[] = {
    {TEXT("\"\""), TEXT("")},
    {TEXT("\"abc\""), TEXT("abc")},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\/\b\f\n\r\t")},
    {TEXT("\"a\\u0041b\""), TEXT("aAb")},
    {TEXT("\"\\u0000\""), TEXT("\0")},
    {TEXT("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""), TEXT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
    {TEXT("\"\\uABCD\\uabcd\""), TEXT("\xea\xaf\x8d\xea\xaf\x8d")},
    {TEXT("\"\\ud83d\\ude00\""), TEXT("\xf0\x9f\x98\x80")},
    {TEXT("\"\\uDBFF\\uDFFF\\uD800\\uDC00\""), TEXT("\xf4\x8f\xbf\xbf\xf0\x90\x80\x80")},
    {TEXT("\"\\ud83d\""), TEXT("\xed\xa0\xbd")},
    {TEXT("\"\\ude00\\ud83d\""), TEXT("\xed\xb8\x80\xed\xa0\xbd")},
    {TEXT("\"\\ud83d\\ud83d\\ude00\""), TEXT("\xed\xa0\xbd\xf0\x9f\x98\x80")},
    {TEXT("\"\\ud83dx\""), TEXT("\xed\xa0\xbdx")},
    {TEXT("\"\\ud83d\\n\""), TEXT("\xed\xa0\xbd\n")},
    {TEXT("\"\\ud83d\\\\ude00\""), TEXT("\xed\xa0\xbd\\ude00")},
    {TEXT("\"\xc3\xa9\\u00e9\""), TEXT("\xc3\xa9\xc3\xa9")},
};

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        char *text = exact_copy(strings[i].text, strings[i].len);
        struct cdb_buf out = CDB_BUF_INIT;
        struct cdb_json json;

        assert_int_equal(cdb_json_parse(&json, text, strings[i].len), 0);
        cdb_buf_adds(&out, "<");
        cdb_json_string(&json, 0, &out);
        assert_int_equal(out.len, strings[i].decoded_len + 1);
        assert_memory_equal(out.ptr + 1, strings[i].decoded, strings[i].decoded_len);
        cdb_buf_release(&out);
        cdb_json_release(&json);
        free(text);
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void test_compare_as_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        for (size_t k = 0; k < COUNT(strings); k++) {
            size_t common =
                strings[i].decoded_len < strings[k].decoded_len ? strings[i].decoded_len : strings[k].decoded_len;
            int expected = memcmp(strings[i].decoded, strings[k].decoded, common);

            if (expected == 0)
                expected = (strings[i].decoded_len > strings[k].decoded_len) -
                           (strings[i].decoded_len < strings[k].decoded_len);
            assert_int_equal(
                sign(cdb_json_string_compare(strings[i].text, strings[i].len, strings[k].text, strings[k].len)),
                sign(expected));
            assert_int_equal(sign(cdb_json_string_compare_plain(strings[i].text, strings[i].len, strings[k].decoded,
                                                                strings[k].decoded_len)),
                             sign(expected));
        }
    }
    assert_int_equal(cdb_json_string_hash(TEXT("\"a\\u0062c\"")), cdb_json_string_hash(TEXT("\"abc\"")));
    assert_int_equal(cdb_json_string_hash(TEXT("\"\\ud83d\\ude00\"")),
                     cdb_json_string_hash(TEXT("\"\xf0\x9f\x98\x80\"")));
    assert_int_not_equal(cdb_json_string_hash(TEXT("\"abc\"")), cdb_json_string_hash(TEXT("\"abd\"")));
}

static void test_quote(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *quoted;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("abc"), "\"abc\""},
        {TEXT("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {TEXT("\0\x01\x1f \x7f"), "\"\\u0000\\u0001\\u001f \\u007f\""},
        {TEXT("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0\xc3\xa9"), "\"\\u0080\\u009b\\u009f\xc2\xa0\xc3\xa9\""},
        {TEXT("\xe6\xbc\xa2\xf0\x9f\x98\x80"), "\"\xe6\xbc\xa2\xf0\x9f\x98\x80\""},
        {TEXT("a\x80z"), "\"a\xef\xbf\xbdz\""},
        {TEXT("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {TEXT("\xed\xa0\x80"), "\"\\ud800\""},
        {TEXT("a\xed\xbf\xbfz"), "\"a\\udfffz\""},
        {TEXT("\xed\x9f\xbf\xed\xa0"), "\"\xed\x9f\xbf\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = exact_copy(cases[i].text, cases[i].len);
        struct cdb_buf out = CDB_BUF_INIT;

        cdb_json_quote(&out, text, cases[i].len);
        assert_string_equal(out.ptr, cases[i].quoted);
        assert_int_equal(cdb_json_check(out.ptr, out.len), 0);
        cdb_buf_release(&out);
        free(text);
    }
}

/* Quoted and decoded, every character is what it was. */
static void test_quote_every_code_point(void **state)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    struct cdb_buf decoded = CDB_BUF_INIT;

    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 97) {
        char text[4];
        size_t width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

        if (point >= 0xd800 && point < 0xe000)
            continue;
        encode(point, width, text);
        cdb_buf_clear(&quoted);
        cdb_buf_clear(&decoded);
        cdb_json_quote(&quoted, text, width);
        assert_int_equal(cdb_json_check(quoted.ptr, quoted.len), 0);
        cdb_json_string_decode(quoted.ptr, quoted.len, &decoded);
        assert_int_equal(decoded.len, width);
        assert_memory_equal(decoded.ptr, text, width);
    }
    cdb_buf_release(&quoted);
    cdb_buf_release(&decoded);
}

/* ---- layout ------------------------------------------------------------------------------------ */

#define S(text) "\x1b[1;39m" text "\x1b[0m"
#define N(text) "\x1b[34;1m" text "\x1b[0m"

static void test_format(void **state)
{
    static const struct {
        const char *text;
        unsigned flags;
        const char *expected;
    } cases[] = {
        {" { \"a\" : [ 1.10 , 1e9999 , \"x y\\t\" ] ,\r\n\"b\" : { } , \"a\" : [ ] } \n", 0,
         "{\"a\":[1.10,1e9999,\"x y\\t\"],\"b\":{},\"a\":[]}"},
        {"\" \\\" \\\\\" ", 0, "\" \\\" \\\\\""},
        {" 1 ", 0, "1"},
        {"[\"\\\\\", \"b c\"]", 0, "[\"\\\\\",\"b c\"]"},
        {"{\"a\":[1.10,{\"x\":[]},[[2]]],\"b\":{},\"c\":null}", CHRONDB_JSON_PRETTY,
         "{\n  \"a\": [\n    1.10,\n    {\n      \"x\": []\n    },\n    [\n      [\n        2\n      ]\n    ]\n  ],\n"
         "  \"b\": {},\n  \"c\": null\n}"},
        {"[ ]", CHRONDB_JSON_PRETTY, "[]"},
        {"[[],{}]", CHRONDB_JSON_PRETTY, "[\n  [],\n  {}\n]"},
        {" true ", CHRONDB_JSON_PRETTY, "true"},
        {"\"a\x7f\xc2\x9b\xc2\xa0\"", CHRONDB_JSON_SAFE, "\"a\\u007f\\u009b\xc2\xa0\""},
        {"{\"\x7f\" : \"\xc2\x80\\n\"}", CHRONDB_JSON_SAFE | CHRONDB_JSON_PRETTY,
         "{\n  \"\\u007f\": \"\\u0080\\n\"\n}"},
        {"\"a\x7f\xc2\x9b\"", CHRONDB_JSON_PRETTY, "\"a\x7f\xc2\x9b\""},
        {"null", CHRONDB_JSON_COLOR, "\x1b[0;90mnull\x1b[0m"},
        {"{ \"a\" : [ \"x\" , 1 , true ] }", CHRONDB_JSON_COLOR,
         S("{") N("\"a\"") S(":")
             S("[") "\x1b[0;32m\"x\"\x1b[0m" S(",") "\x1b[0;39m1\x1b[0m" S(",") "\x1b[0;39mtrue\x1b[0m" S("]") S("}")},
        {"{\"a\":\"\x7f\"}", CHRONDB_JSON_COLOR | CHRONDB_JSON_SAFE | CHRONDB_JSON_PRETTY,
         S("{") "\n  " N("\"a\"") S(":") " \x1b[0;32m\"\\u007f\"\x1b[0m\n" S("}")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);
        char *text = exact_copy(cases[i].text, len);
        struct cdb_buf out = CDB_BUF_INIT;

        cdb_buf_adds(&out, "<");
        cdb_json_format(&out, text, len, cases[i].flags);
        assert_string_equal(out.ptr + 1, cases[i].expected);
        assert_int_equal(out.len, strlen(cases[i].expected) + 1);
        cdb_buf_release(&out);
        free(text);
    }
}

/* It is not meant for texts that are invalid, but does no harm to them. */
static void test_format_survives_what_is_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            char *text = exact_copy(invalid[i].text, invalid[i].len);
            struct cdb_buf out = CDB_BUF_INIT;

            cdb_json_format(&out, text, invalid[i].len, flags);
            assert_false(out.failed);
            cdb_buf_release(&out);
            free(text);
        }
    }
}

/* ---- the public functions ---------------------------------------------------------------------- */

static void test_public(void **state)
{
    chrondb_buffer out = {NULL, 0, 0};
    char *memory;

    (void)state;
    assert_int_equal(chrondb_json_check("{}", 2), 0);
    assert_int_equal(chrondb_json_check("{", 1), CHRONDB_EINVALID);
    assert_int_equal(chrondb_last_error()->column, 2);
    assert_int_equal(chrondb_json_check(NULL, 0), CHRONDB_EINVALID);

    assert_int_equal(chrondb_json_format(&out, "[ 1, 2 ]", 8, 0), 0);
    assert_string_equal(out.data, "[1,2]");
    assert_int_equal(out.size, 5);
    memory = out.data;
    assert_int_equal(chrondb_json_format(&out, "[3]", 3, CHRONDB_JSON_PRETTY), 0);
    assert_string_equal(out.data, "[\n  3\n]");
    assert_ptr_equal(out.data, memory); /* used again */
    assert_int_equal(chrondb_json_format(&out, "[3", 2, 0), CHRONDB_EINVALID);
    assert_int_equal(out.size, 0);
    assert_string_equal(chrondb_last_error()->name, "invalid_json");

    assert_int_equal(chrondb_json_merge_patch(&out, TEXT("{\"a\":1}"), TEXT("{\"b\":[1,2]}")), 0);
    assert_string_equal(out.data, "{\"a\":1,\"b\":[1,2]}");
    /* A result may be an input. */
    assert_int_equal(chrondb_json_merge_patch(&out, out.data, out.size, TEXT("{\"a\":null}")), 0);
    assert_string_equal(out.data, "{\"b\":[1,2]}");
    assert_int_equal(chrondb_json_merge_patch(&out, TEXT("{\"a\": 1}"), out.data, out.size), 0);
    assert_string_equal(out.data, "{\"a\": 1, \"b\": [1,2]}");
    assert_int_equal(chrondb_json_format(&out, out.data, out.size, 0), 0);
    assert_string_equal(out.data, "{\"a\":1,\"b\":[1,2]}");
    assert_int_equal(chrondb_json_format(&out, out.data + 5, 1, 0), 0);
    assert_string_equal(out.data, "1");
    assert_int_equal(chrondb_json_merge_patch(&out, TEXT("{}"), TEXT("{\"a\":}")), CHRONDB_EINVALID);
    assert_int_equal(out.size, 0);
    chrondb_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_closers_match_at_every_depth),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_every_byte_at_every_offset),
        cmocka_unit_test(test_every_code_point_in_every_form),
        cmocka_unit_test(test_every_pair_of_bytes),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_compare_as_decoded),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_every_code_point),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_survives_what_is_invalid),
        cmocka_unit_test(test_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
