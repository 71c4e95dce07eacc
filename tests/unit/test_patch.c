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
#include "rounds.h"
#include "util/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

static void assert_patched(const char *target, const char *patch, const char *expected)
{
    struct cdb_buf out = CDB_BUF_INIT;
    char *a = exact_copy(target, strlen(target));
    char *b = exact_copy(patch, strlen(patch));

    cdb_buf_adds(&out, "<");
    assert_int_equal(cdb_json_merge_patch(&out, a, strlen(target), b, strlen(patch)), 0);
    if (strcmp(out.ptr + 1, expected) != 0)
        fail_msg("%s patched with %s gives %s, not %s", target, patch, out.ptr + 1, expected);
    assert_int_equal(out.len, strlen(expected) + 1);
    assert_int_equal(cdb_json_check(out.ptr + 1, out.len - 1), 0);
    cdb_buf_release(&out);
    free(a);
    free(b);
}

/* ---- merge patch ------------------------------------------------------------------------------- */

/* RFC 7396, appendix A, all of it. */
static void test_rfc_7396(void **state)
{
    (void)state;
    assert_patched("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    assert_patched("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    assert_patched("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    assert_patched("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    assert_patched("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    assert_patched("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    assert_patched("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
    assert_patched("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    assert_patched("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    assert_patched("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    assert_patched("{\"a\":\"foo\"}", "null", "null");
    assert_patched("{\"a\":\"foo\"}", "\"bar\"", "\"bar\"");
    assert_patched("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    assert_patched("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    assert_patched("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
    /* and the example of section 3 */
    assert_patched("{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},"
                   "\"tags\":[\"example\",\"sample\"],\"content\":\"This will be unchanged\"}",
                   "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":null},"
                   "\"tags\":[\"example\"]}",
                   "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],"
                   "\"content\":\"This will be unchanged\",\"phoneNumber\":\"+01-123-456-7890\"}");
}

#define PRETTY "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"c\": [1, 2]\n}\n"

static void test_text_is_kept(void **state)
{
    static const struct {
        const char *target, *patch, *expected;
    } cases[] = {
        /* nothing changes: byte for byte */
        {PRETTY, "{}", PRETTY},
        {PRETTY, "{\"a\":1}", PRETTY},
        {PRETTY, "{\"b\":{}}", PRETTY},
        {PRETTY, "{\"b\":{\"x\":1.10}}", PRETTY},
        {PRETTY, "{\"z\":null,\"b\":{\"z\":null}}", PRETTY},
        {" { } ", "{}", " { } "},
        {" { } ", "{\"a\":null}", " { } "},
        {"\t5 \n", "5", "\t5 \n"},
        {" [ 1 ] ", "[ 1 ]", " [ 1 ] "},
        {"{\"a\" :\t1 , \"b\":2 }", "{\"a\":1}", "{\"a\" :\t1 , \"b\":2 }"},
        {"{\"\\u0061\":1}", "{\"a\":1}", "{\"\\u0061\":1}"},
        /* a value changes, nothing else */
        {PRETTY, "{\"a\":2}", "{\n  \"a\": 2,\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"c\": [1, 2]\n}\n"},
        {PRETTY, "{\"b\":{\"x\":1.1}}", "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.1\n  },\n  \"c\": [1, 2]\n}\n"},
        {PRETTY, "{\"c\":[1,2]}", "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"c\": [1,2]\n}\n"},
        {"{\"\\u0061\" : 1 }", "{\"a\":1e9999}", "{\"\\u0061\" : 1e9999 }"},
        {" 5\n", "{\"a\": 1.10}", " {\"a\": 1.10}\n"},
        {"{\"a\":1}\n", " [ 1.0 , null ] ", "[ 1.0 , null ]\n"},
        {"{\"a\": 1 , \"b\": 2}", "{\"a\":null,\"b\":{ \"c\" : 3 }}", "{\"b\": { \"c\" : 3 }}"},
        /* members go, their white space with them */
        {PRETTY, "{\"a\":null}", "{\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"c\": [1, 2]\n}\n"},
        {PRETTY, "{\"b\":null}", "{\n  \"a\": 1,\n  \"c\": [1, 2]\n}\n"},
        {PRETTY, "{\"c\":null}", "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10\n  }\n}\n"},
        {PRETTY, "{\"a\":null,\"c\":null}", "{\n  \"b\": {\n    \"x\": 1.10\n  }\n}\n"},
        {PRETTY, "{\"a\":null,\"b\":null,\"c\":null}", "{}\n"},
        {PRETTY, "{\"b\":{\"x\":null}}", "{\n  \"a\": 1,\n  \"b\": {},\n  \"c\": [1, 2]\n}\n"},
        {"{\"a\": 1, \"b\": 2}", "{\"a\":null}", "{\"b\": 2}"},
        {"{\"a\": 1, \"b\": 2}", "{\"b\":null}", "{\"a\": 1}"},
        {"{ \"a\":1 , \"b\":2 , \"c\":3 }", "{\"b\":null}", "{ \"a\":1 , \"c\":3 }"},
        /* members come, laid out as the last one */
        {PRETTY, "{\"d\":4}", "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"c\": [1, 2],\n  \"d\": 4\n}\n"},
        {PRETTY, "{\"b\":{\"y\":2}}",
         "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10,\n    \"y\": 2\n  },\n  \"c\": [1, 2]\n}\n"},
        {PRETTY, "{\"a\":null,\"b\":null,\"c\":null,\"d\":4,\"e\":5}", "{\n  \"d\": 4,\n  \"e\": 5\n}\n"},
        {PRETTY, "{\"c\":null,\"d\":4}", "{\n  \"a\": 1,\n  \"b\": {\n    \"x\": 1.10\n  },\n  \"d\": 4\n}\n"},
        {"{\"a\":1}", "{\"b\": 2, \"c\": 3}", "{\"a\":1,\"b\":2,\"c\":3}"},
        {"{\"a\": 1}", "{\"b\":2,\"c\":3}", "{\"a\": 1, \"b\": 2, \"c\": 3}"},
        {"{ \"a\": 1 }", "{\"b\":2}", "{ \"a\": 1, \"b\": 2 }"},
        {"{\"a\": 1, \"b\": 2}", "{\"c\":3}", "{\"a\": 1, \"b\": 2, \"c\": 3}"},
        {"{\"a\" : 1 ,\"b\" : 2 }", "{\"c\":3}", "{\"a\" : 1 ,\"b\" : 2,\"c\" : 3 }"},
        {"{\"a\":1,\"b\":2}", "{\"b\":null,\"c\":3}", "{\"a\":1,\"c\":3}"},
        {"{ }", "{\"a\": 1, \"b\": 2}", "{\"a\":1,\"b\":2}"},
        {"{\"x\":{ }}", "{\"x\":{\"a\":1}}", "{\"x\":{\"a\":1}}"},
        /* what comes keeps its own text, without its nulls */
        {"{}", "{\"a\":{ \"b\" : 1.10 , \"c\" : null , \"d\" : [ null ] }}",
         "{\"a\":{ \"b\" : 1.10 , \"d\" : [ null ] }}"},
        {"{}", "{\"a\":{ \"b\" : null }}", "{\"a\":{}}"},
        {"{\"a\":1}", "{\"a\":{ \"b\" : { \"c\" : null , \"d\" : 1 } }}", "{\"a\":{ \"b\" : { \"d\" : 1 } }}"},
        {"1", " { \"a\" : null , \"b\" : { } } ", "{ \"b\" : { } }"},
        {"{}", "{\"a\":[{\"b\":null}]}", "{\"a\":[{\"b\":null}]}"},
        {"{\"a\":{\"b\":null}}", "{\"a\":{\"c\":1}}", "{\"a\":{\"b\":null,\"c\":1}}"},
        /* numbers keep their spelling */
        {"{\"n\":1.10,\"m\":1e9999,\"k\":-0}", "{\"x\":1E+2}", "{\"n\":1.10,\"m\":1e9999,\"k\":-0,\"x\":1E+2}"},
        {"{\"n\":1.0}", "{\"n\":1}", "{\"n\":1}"},
        {"{\"n\":18446744073709551617}", "{\"a\":0.10000000000000000000001}",
         "{\"n\":18446744073709551617,\"a\":0.10000000000000000000001}"},
        /* duplicates: the last one counts */
        {"{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":3}", "{\"a\":1,\"b\":0,\"a\":3}"},
        {"{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":null}", "{\"b\":0}"},
        {"{\"a\":1,\"b\":0,\"a\":2}", "{\"b\":null}", "{\"a\":1,\"a\":2}"},
        {"{\"a\":{\"x\":1},\"a\":{\"y\":2}}", "{\"a\":{\"z\":3}}", "{\"a\":{\"x\":1},\"a\":{\"y\":2,\"z\":3}}"},
        {"{}", "{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":0}", "{\"a\":1,\"a\":null}", "{}"},
        {"{\"a\":0}", "{\"a\":null,\"a\":1}", "{\"a\":1}"},
        {"{}", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "{\"a\":{\"c\":2}}"},
        {"5", "{\"a\":1,\"b\":3,\"a\":2}", "{\"b\":3,\"a\":2}"},
        {"5", "{\"a\":1,\"a\":null}", "{}"},
        /* names are compared as what they mean */
        {"{\"\\u0061\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2}"},
        {"{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"\xf0\x9f\x98\x80\":1}", "{\"\\ud83d\\ude00\":2}", "{\"\xf0\x9f\x98\x80\":2}"},
        {"{\"\\ud83d\":1}", "{\"\\ud83d\\ude00\":2}", "{\"\\ud83d\":1,\"\\ud83d\\ude00\":2}"},
        {"{\"a\\u0000b\":1}", "{\"a\":2}", "{\"a\\u0000b\":1,\"a\":2}"},
        {"{\"\":1}", "{\"\":2}", "{\"\":2}"},
        {"{\"a\\/b\":1}", "{\"a/b\":null}", "{}"},
        {"{\"A\":1}", "{\"a\":2}", "{\"A\":1,\"a\":2}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_patched(cases[i].target, cases[i].patch, cases[i].expected);
        /* A patch that was applied has nothing more to do. */
        assert_patched(cases[i].expected, cases[i].patch, cases[i].expected);
    }
}

static void test_merge_patch_errors(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    cdb_buf_adds(&out, "before");
    assert_int_equal(cdb_json_merge_patch(&out, "{}", 2, "{\n,}", 4), CHRONDB_EINVALID);
    assert_string_equal(chrondb_last_error()->message,
                        "merge patch: not valid JSON at line 2, column 1: expected a name "
                        "in double quotes or '}', found ','");
    assert_string_equal(chrondb_last_error()->name, "invalid_json");
    assert_int_equal(chrondb_last_error()->line, 2);
    assert_int_equal(cdb_json_merge_patch(&out, "{", 1, "{}", 2), CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "document to patch: not valid JSON at line 1, column 2: "));
    assert_int_equal(cdb_json_merge_patch(&out, "", 0, "{}", 2), CHRONDB_EINVALID);
    assert_int_equal(cdb_json_merge_patch(&out, "{}", 2, "", 0), CHRONDB_EINVALID);
    assert_string_equal(out.ptr, "before");
    cdb_buf_release(&out);
}

/* {"a":{"a": ... {"NAME":1} ... }} */
static void add_nested(struct cdb_buf *buf, unsigned depth, const char *name)
{
    for (unsigned i = 1; i < depth; i++)
        cdb_buf_adds(buf, "{\"a\":");
    cdb_buf_addf(buf, "{\"%s\":1}", name);
    for (unsigned i = 1; i < depth; i++)
        cdb_buf_adds(buf, "}");
}

static void test_depth(void **state)
{
    struct cdb_buf target = CDB_BUF_INIT;
    struct cdb_buf patch = CDB_BUF_INIT;
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_buf expected = CDB_BUF_INIT;

    (void)state;
    /* The deepest on the deepest: the result is not deeper. */
    add_nested(&target, CHRONDB_MAX_DEPTH, "x");
    add_nested(&patch, CHRONDB_MAX_DEPTH, "y");
    add_nested(&expected, CHRONDB_MAX_DEPTH, "x\":1,\"y");
    assert_int_equal(cdb_json_merge_patch(&out, target.ptr, target.len, patch.ptr, patch.len), 0);
    assert_string_equal(out.ptr, expected.ptr);
    assert_int_equal(cdb_json_check(out.ptr, out.len), 0);
    /* and back again */
    cdb_buf_clear(&patch);
    assert_int_equal(cdb_json_diff(&patch, out.ptr, out.len, target.ptr, target.len), 0);
    cdb_buf_clear(&expected);
    assert_int_equal(cdb_json_merge_patch(&expected, out.ptr, out.len, patch.ptr, patch.len), 0);
    assert_string_equal(expected.ptr, target.ptr);
    /* Where there was nothing. */
    cdb_buf_clear(&out);
    assert_int_equal(cdb_json_merge_patch(&out, "[]", 2, target.ptr, target.len), 0);
    assert_string_equal(out.ptr, target.ptr);
    /* One more is too deep, wherever it is. */
    cdb_buf_clear(&patch);
    add_nested(&patch, CHRONDB_MAX_DEPTH + 1, "y");
    assert_int_equal(cdb_json_merge_patch(&out, target.ptr, target.len, patch.ptr, patch.len), CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "nested too deep"));
    assert_int_equal(cdb_json_merge_patch(&out, patch.ptr, patch.len, target.ptr, target.len), CHRONDB_EINVALID);
    assert_int_equal(cdb_json_diff(&out, patch.ptr, patch.len, target.ptr, target.len), CHRONDB_EINVALID);
    cdb_buf_release(&target);
    cdb_buf_release(&patch);
    cdb_buf_release(&out);
    cdb_buf_release(&expected);
}

/* {"NAME":"xxx..."} of `size` bytes. */
static void add_sized(struct cdb_buf *buf, const char *name, size_t size)
{
    size_t begin = buf->len;

    cdb_buf_addf(buf, "{\"%s\":\"", name);
    assert_true(cdb_buf_reserve(buf, size));
    while (buf->len < begin + size - 2)
        buf->ptr[buf->len++] = 'x';
    cdb_buf_adds(buf, "\"}");
}

static void test_size(void **state)
{
    struct cdb_buf target = CDB_BUF_INIT;
    struct cdb_buf patch = CDB_BUF_INIT;
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    /* {"a":..} and {"b":..} share their braces, and gain a comma. */
    add_sized(&target, "a", CHRONDB_MAX_DOCUMENT / 2);
    add_sized(&patch, "b", CHRONDB_MAX_DOCUMENT / 2 + 1);
    cdb_buf_adds(&out, "before");
    assert_int_equal(cdb_json_merge_patch(&out, target.ptr, target.len, patch.ptr, patch.len), 0);
    assert_int_equal(out.len, CHRONDB_MAX_DOCUMENT + 6);
    cdb_buf_clear(&out);
    cdb_buf_clear(&patch);
    cdb_buf_adds(&out, "before");
    add_sized(&patch, "b", CHRONDB_MAX_DOCUMENT / 2 + 2);
    assert_int_equal(cdb_json_merge_patch(&out, target.ptr, target.len, patch.ptr, patch.len), CHRONDB_EINVALID);
    assert_string_equal(chrondb_last_error()->message,
                        "too large: the patched document would have more than 67108864 bytes");
    assert_string_equal(out.ptr, "before");
    cdb_buf_release(&target);
    cdb_buf_release(&patch);
    cdb_buf_release(&out);
}

/* White space that new members imitate must not multiply without end. */
static void test_imitation_is_bounded(void **state)
{
    struct cdb_buf target = CDB_BUF_INIT;
    struct cdb_buf patch = CDB_BUF_INIT;
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    cdb_buf_adds(&target, "{\"a\":");
    for (unsigned i = 0; i < 1000000; i++)
        cdb_buf_addc(&target, ' ');
    cdb_buf_adds(&target, "1}");
    cdb_buf_adds(&patch, "{");
    for (unsigned i = 0; i < 10000; i++)
        cdb_buf_addf(&patch, "%s\"m%u\":%u", i > 0 ? "," : "", i, i);
    cdb_buf_adds(&patch, "}");
    assert_int_equal(cdb_json_merge_patch(&out, target.ptr, target.len, patch.ptr, patch.len), CHRONDB_EINVALID);
    assert_true(out.cap < 4 * CHRONDB_MAX_DOCUMENT);
    assert_int_equal(out.len, 0);
    cdb_buf_release(&target);
    cdb_buf_release(&patch);
    cdb_buf_release(&out);
}

/* ---- diff -------------------------------------------------------------------------------------- */

static void test_diff(void **state)
{
    static const struct {
        const char *from, *to;
        const char *patch; /* NULL: none can say it */
    } cases[] = {
        {"{}", "{}", "{}"},
        {"{\"a\":1}", "{ \"a\" : 1 }", "{}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{}"},
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
        {"{\"a\":1}", "{\"a\":1.0}", "{\"a\":1.0}"},
        {"{\"a\":1}", "{}", "{\"a\":null}"},
        {"{}", "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"d\":4,\"a\":0}", "{\"d\":4,\"a\":0,\"b\":null}"},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":3}}", "{\"a\":{\"y\":3}}"},
        {"{\"a\":{\"x\":1,\"y\":2},\"b\":{\"c\":{}}}", "{\"a\":{\"y\":2},\"b\":{\"c\":{}}}", "{\"a\":{\"x\":null}}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":{}}", "{\"a\":{\"x\":null}}"},
        {"{\"a\":{}}", "{\"a\":{}}", "{}"},
        {"{\"a\":1}", "{\"a\":{}}", "{\"a\":{}}"},
        {"{\"a\":{}}", "{\"a\":[]}", "{\"a\":[]}"},
        {"{}", "{\"a\":{\"b\":{\"c\":[ 1 , 2 ]}}}", "{\"a\":{\"b\":{\"c\":[1,2]}}}"},
        {"{\"z\":1,\"a\":{\"b\":1},\"c\":1}", "{\"z\":1,\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}"},
        {"{\"a\":{\"b\":1},\"c\":{\"d\":1}}", "{\"a\":{\"b\":2},\"c\":{\"d\":2}}", "{\"a\":{\"b\":2},\"c\":{\"d\":2}}"},
        /* arrays are replaced as a whole, and compared as values */
        {"{\"a\":[1,2]}", "{\"a\":[1,2,3]}", "{\"a\":[1,2,3]}"},
        {"{\"a\":[1,2,3]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
        {"{\"a\":[1, 2]}", "{\"a\":[1,2]}", "{}"},
        {"{\"a\":[{\"x\":1,\"y\":[]}]}", "{\"a\":[{\"y\":[], \"x\":1}]}", "{}"},
        {"{\"a\":[{\"x\":1}]}", "{\"a\":[{\"x\":1,\"y\":2}]}", "{\"a\":[{\"x\":1,\"y\":2}]}"},
        {"{\"a\":[{\"x\":1,\"y\":2}]}", "{\"a\":[{\"x\":1,\"z\":2}]}", "{\"a\":[{\"x\":1,\"z\":2}]}"},
        {"{\"a\":[{\"x\":1}]}", "{\"a\":[{\"x\":0,\"x\":1}]}", "{}"},
        {"{\"a\":[[1],[2]]}", "{\"a\":[[1],[3]]}", "{\"a\":[[1],[3]]}"},
        {"{\"a\":[null]}", "{\"a\":[{\"b\":null}]}", "{\"a\":[{\"b\":null}]}"},
        {"{\"a\":[1]}", "{\"a\":[\"1\"]}", "{\"a\":[\"1\"]}"},
        {"{\"a\":[[]]}", "{\"a\":[{}]}", "{\"a\":[{}]}"},
        /* nulls that are there stay, others cannot be set */
        {"{\"a\":null}", "{\"a\":null}", "{}"},
        {"{\"a\":null,\"b\":1}", "{\"a\":null,\"b\":2}", "{\"b\":2}"},
        {"{\"a\":null}", "{}", "{\"a\":null}"},
        {"{\"a\":null}", "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"b\":null,\"c\":2}}", "{\"a\":{\"c\":2}}"},
        {"{\"a\":1}", "{\"a\":null}", NULL},
        {"{}", "{\"a\":null}", NULL},
        {"{}", "{\"a\":{\"b\":null}}", NULL},
        {"{\"a\":{}}", "{\"a\":{\"b\":{\"c\":1,\"d\":null}}}", NULL},
        {"1", "{\"a\":null}", NULL},
        {"[]", "{\"a\":{\"b\":null}}", NULL},
        {"{}", "{\"a\":null,\"a\":1}", "{\"a\":1}"},
        {"{}", "{\"a\":1,\"a\":null}", NULL},
        /* roots that are no objects */
        {"1", "2", "2"},
        {"1", "1", "1"},
        {"{\"a\":1}", "null", "null"},
        {"null", "{}", "{}"},
        {"null", "{ \"a\" : { } }", "{\"a\":{}}"},
        {"{}", " [ 1 , { \"a\" : null } ] ", "[1,{\"a\":null}]"},
        {"[1,2]", "{\"a\":1}", "{\"a\":1}"},
        /* duplicates, escapes */
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", "{}"},
        {"{\"a\":2}", "{\"a\":1,\"a\":2}", "{}"},
        {"{\"a\":1}", "{\"a\":1,\"b\":5,\"a\":2}", "{\"b\":5,\"a\":2}"},
        {"{\"a\":1,\"a\":2}", "{}", "{\"a\":null}"},
        {"{\"\\u0061\":1}", "{\"a\":1}", "{}"},
        {"{\"\\u0061\":1}", "{}", "{\"\\u0061\":null}"},
        {"{\"a\":\"\\u0061\"}", "{\"a\":\"a\"}", "{\"a\":\"a\"}"}, /* values by their text */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cdb_buf out = CDB_BUF_INIT;
        char *from = exact_copy(cases[i].from, strlen(cases[i].from));
        char *to = exact_copy(cases[i].to, strlen(cases[i].to));
        int result;

        cdb_buf_adds(&out, "<");
        result = cdb_json_diff(&out, from, strlen(cases[i].from), to, strlen(cases[i].to));
        assert_int_equal(result, cases[i].patch == NULL);
        if (strcmp(out.ptr + 1, cases[i].patch == NULL ? "" : cases[i].patch) != 0)
            fail_msg("from %s to %s: %s, not %s", cases[i].from, cases[i].to, out.ptr + 1, cases[i].patch);
        assert_int_equal(out.len, strlen(out.ptr));
        cdb_buf_release(&out);
        free(from);
        free(to);
    }
}

static void test_diff_errors(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    cdb_buf_adds(&out, "before");
    assert_int_equal(cdb_json_diff(&out, "{", 1, "{}", 2), CHRONDB_EINVALID);
    assert_int_equal(cdb_json_diff(&out, "{}", 2, "{", 1), CHRONDB_EINVALID);
    assert_string_equal(chrondb_last_error()->name, "invalid_json");
    assert_string_equal(out.ptr, "before");
    cdb_buf_release(&out);
}

/* ---- many members ------------------------------------------------------------------------------ */

#define MANY 100000u

/* {"k0":"v",...}: members from `first` in steps, which is no fraction of an hour only if none is looked for in a row.
 */
static void add_many(struct cdb_buf *buf, unsigned first, unsigned step, const char *value)
{
    cdb_buf_addc(buf, '{');
    for (unsigned i = first; i < MANY; i += step)
        cdb_buf_addf(buf, "%s\"%s%06u\":%s", i > first ? "," : "", i % 3 == 0 ? "\\u006b" : "k", i, value);
    cdb_buf_addc(buf, '}');
}

static void test_many_members(void **state)
{
    struct cdb_buf from = CDB_BUF_INIT;
    struct cdb_buf to = CDB_BUF_INIT;
    struct cdb_buf patch = CDB_BUF_INIT;
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_buf back = CDB_BUF_INIT;

    (void)state;
    add_many(&from, 0, 1, "\"old\"");
    add_many(&to, 1, 2, "\"new\"");
    assert_int_equal(cdb_json_diff(&patch, from.ptr, from.len, to.ptr, to.len), 0);
    assert_int_equal(cdb_json_merge_patch(&out, from.ptr, from.len, patch.ptr, patch.len), 0);
    assert_string_equal(out.ptr, to.ptr); /* even its text */
    assert_int_equal(cdb_json_diff(&back, out.ptr, out.len, from.ptr, from.len), 0);
    cdb_buf_clear(&out);
    assert_int_equal(cdb_json_merge_patch(&out, to.ptr, to.len, back.ptr, back.len), 0);
    cdb_buf_clear(&patch);
    assert_int_equal(cdb_json_diff(&patch, out.ptr, out.len, from.ptr, from.len), 0);
    assert_string_equal(patch.ptr, "{}");
    cdb_buf_release(&from);
    cdb_buf_release(&to);
    cdb_buf_release(&patch);
    cdb_buf_release(&out);
    cdb_buf_release(&back);
}

/* All of one name. */
static void test_many_duplicates(void **state)
{
    struct cdb_buf from = CDB_BUF_INIT;
    struct cdb_buf to = CDB_BUF_INIT;
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    cdb_buf_adds(&from, "{\"a\":0");
    for (unsigned i = 1; i < MANY; i++)
        cdb_buf_addf(&from, ",\"a\":%u", i);
    cdb_buf_adds(&from, "}");
    cdb_buf_adds(&to, "{\"a\":99999}");
    assert_int_equal(cdb_json_diff(&out, from.ptr, from.len, to.ptr, to.len), 0);
    assert_string_equal(out.ptr, "{}");
    cdb_buf_clear(&out);
    assert_int_equal(cdb_json_merge_patch(&out, from.ptr, from.len, "{\"a\":null}", 10), 0);
    assert_string_equal(out.ptr, "{}");
    cdb_buf_clear(&out);
    assert_int_equal(cdb_json_merge_patch(&out, "{}", 2, from.ptr, from.len), 0);
    assert_string_equal(out.ptr, to.ptr);
    cdb_buf_release(&from);
    cdb_buf_release(&to);
    cdb_buf_release(&out);
}

/* ---- a model of RFC 7396, and random documents ------------------------------------------------- */

/* A value without its layout. Scalars keep their text; members are unique and in the order of the last of each. */
struct value {
    enum cdb_json_type type;
    char *text;           /* of a scalar */
    char **names;         /* of an object's members, decoded, as hexadecimal digits */
    struct value **items; /* of an array or object */
    size_t count;
};

static struct value *value_new(enum cdb_json_type type)
{
    struct value *value = calloc(1, sizeof(*value));

    assert_non_null(value);
    value->type = type;
    return value;
}

static void value_free(struct value *value)
{
    if (value == NULL)
        return;
    for (size_t i = 0; i < value->count; i++) {
        value_free(value->items[i]);
        if (value->names != NULL)
            free(value->names[i]);
    }
    free(value->items);
    free(value->names);
    free(value->text);
    free(value);
}

static void value_append(struct value *value, const char *name, struct value *item)
{
    value->items = realloc(value->items, (value->count + 1) * sizeof(*value->items));
    assert_non_null(value->items);
    value->items[value->count] = item;
    if (name != NULL) {
        value->names = realloc(value->names, (value->count + 1) * sizeof(*value->names));
        assert_non_null(value->names);
        value->names[value->count] = strdup(name);
        assert_non_null(value->names[value->count]);
    }
    value->count++;
}

static size_t value_find(const struct value *object, const char *name)
{
    size_t i = 0;

    while (i < object->count && strcmp(object->names[i], name) != 0)
        i++;
    return i;
}

static void value_remove(struct value *object, size_t index)
{
    value_free(object->items[index]);
    free(object->names[index]);
    object->count--;
    for (size_t i = index; i < object->count; i++) {
        object->items[i] = object->items[i + 1];
        object->names[i] = object->names[i + 1];
    }
}

static struct value *value_of(const struct cdb_json *json, uint32_t node)
{
    const struct cdb_json_node *nodes = json->nodes;
    struct value *value = value_new((enum cdb_json_type)nodes[node].type);

    if (value->type == CDB_JSON_ARRAY) {
        for (uint32_t i = node + 1; i < nodes[node].next; i = nodes[i].next)
            value_append(value, NULL, value_of(json, i));
    } else if (value->type == CDB_JSON_OBJECT) {
        for (uint32_t i = node + 1; i < nodes[node].next; i = nodes[i + 1].next) {
            struct cdb_buf name = CDB_BUF_INIT;
            struct cdb_buf hex = CDB_BUF_INIT;

            cdb_json_string(json, i, &name);
            cdb_buf_adds(&hex, ".");
            for (size_t k = 0; k < name.len; k++)
                cdb_buf_addf(&hex, "%02x", (unsigned char)name.ptr[k]);
            if (value_find(value, hex.ptr) < value->count)
                value_remove(value, value_find(value, hex.ptr));
            value_append(value, hex.ptr, value_of(json, i + 1));
            cdb_buf_release(&name);
            cdb_buf_release(&hex);
        }
    } else {
        value->text = strndup(json->text + nodes[node].start, nodes[node].end - nodes[node].start);
        assert_non_null(value->text);
    }
    return value;
}

static struct value *value_parse(const struct cdb_buf *text)
{
    struct cdb_json json;
    struct value *value;

    assert_int_equal(cdb_json_parse(&json, text->ptr, text->len), 0);
    value = value_of(&json, 0);
    cdb_json_release(&json);
    return value;
}

static struct value *value_copy(const struct value *value)
{
    struct value *copy = value_new(value->type);

    if (value->text != NULL) {
        copy->text = strdup(value->text);
        assert_non_null(copy->text);
    }
    for (size_t i = 0; i < value->count; i++)
        value_append(copy, value->names != NULL ? value->names[i] : NULL, value_copy(value->items[i]));
    return copy;
}

static bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->text != NULL)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->count; i++) {
        size_t other = a->names != NULL ? value_find(b, a->names[i]) : i;

        if (other == b->count || !value_equal(a->items[i], b->items[other]))
            return false;
    }
    return true;
}

/* The pseudo-code of RFC 7396, section 2. Takes the target over, which may be NULL. */
static struct value *model_merge_patch(struct value *target, const struct value *patch)
{
    if (patch->type != CDB_JSON_OBJECT) {
        value_free(target);
        return value_copy(patch);
    }
    if (target == NULL || target->type != CDB_JSON_OBJECT) {
        value_free(target);
        target = value_new(CDB_JSON_OBJECT);
    }
    for (size_t i = 0; i < patch->count; i++) {
        size_t index = value_find(target, patch->names[i]);

        if (patch->items[i]->type == CDB_JSON_NULL) {
            if (index < target->count)
                value_remove(target, index);
        } else if (index < target->count) {
            target->items[index] = model_merge_patch(target->items[index], patch->items[i]);
        } else {
            value_append(target, patch->names[i], model_merge_patch(NULL, patch->items[i]));
        }
    }
    return target;
}

/* Could a merge patch lead to this value from one that has no part of it? */
static bool has_null_member(const struct value *value)
{
    if (value->type == CDB_JSON_OBJECT)
        for (size_t i = 0; i < value->count; i++)
            if (value->items[i]->type == CDB_JSON_NULL || has_null_member(value->items[i]))
                return true;
    return false;
}

static bool can_be_said(const struct value *from, const struct value *to)
{
    if (to->type != CDB_JSON_OBJECT)
        return true;
    if (from->type != CDB_JSON_OBJECT)
        return !has_null_member(to);
    for (size_t i = 0; i < to->count; i++) {
        size_t index = value_find(from, to->names[i]);
        const struct value *new = to->items[i];
        const struct value *old = index < from->count ? from->items[index] : NULL;

        if (old != NULL && value_equal(old, new))
            continue;
        if (new->type == CDB_JSON_NULL)
            return false;
        if (old == NULL ? has_null_member(new) : !can_be_said(old, new))
            return false;
    }
    return true;
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static unsigned random_below(uint64_t *state, unsigned bound)
{
    return (unsigned)((random_next(state) >> 33) % bound);
}

static void random_space(uint64_t *state, struct cdb_buf *out)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n  ", "\t", "\r\n"};

    cdb_buf_adds(out, spaces[random_below(state, COUNT(spaces))]);
}

static void random_value(uint64_t *state, struct cdb_buf *out, unsigned depth)
{
    static const char *const scalars[] = {"null",   "null",         "true", "false",       "0",
                                          "1.10",   "1e9",          "\"\"", "\"s\"",       "\"\\n\"",
                                          "\"{}\"", "\"a,b:\\\"\"", "-0",   "\"\xc3\xa9\""};
    static const char *const names[] = {"\"a\"", "\"b\"",       "\"c\"",        "\"\\u0061\"", "\"\"",
                                        "\"d\"", "\"\\u00e9\"", "\"\xc3\xa9\"", "\"\\ud800\""};
    unsigned kind = random_below(state, depth == 0 ? 4 : 10);
    unsigned count = random_below(state, 6);

    if (kind < 4) {
        cdb_buf_adds(out, scalars[random_below(state, COUNT(scalars))]);
        return;
    }
    cdb_buf_addc(out, kind < 5 ? '[' : '{');
    random_space(state, out);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            cdb_buf_addc(out, ',');
            random_space(state, out);
        }
        if (kind >= 5) {
            cdb_buf_adds(out, names[random_below(state, COUNT(names))]);
            random_space(state, out);
            cdb_buf_addc(out, ':');
            random_space(state, out);
        }
        random_value(state, out, depth - 1);
        random_space(state, out);
    }
    cdb_buf_addc(out, kind < 5 ? ']' : '}');
}

static void random_document(uint64_t *state, struct cdb_buf *out)
{
    cdb_buf_clear(out);
    random_space(state, out);
    random_value(state, out, 4);
    random_space(state, out);
}

struct documents {
    struct cdb_buf from, to, patch, result, again;
};

static void documents_release(struct documents *documents)
{
    cdb_buf_release(&documents->from);
    cdb_buf_release(&documents->to);
    cdb_buf_release(&documents->patch);
    cdb_buf_release(&documents->result);
    cdb_buf_release(&documents->again);
}

static int merge(struct cdb_buf *out, const struct cdb_buf *target, const struct cdb_buf *patch)
{
    cdb_buf_clear(out);
    return cdb_json_merge_patch(out, target->ptr, target->len, patch->ptr, patch->len);
}

static int diff(struct cdb_buf *out, const struct cdb_buf *from, const struct cdb_buf *to)
{
    cdb_buf_clear(out);
    return cdb_json_diff(out, from->ptr, from->len, to->ptr, to->len);
}

static void test_merge_patch_is_as_the_model(void **state)
{
    struct documents d = {CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT};
    uint64_t seed = 7396;
    size_t count = random_rounds(8000, 30000);
    unsigned unchanged = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct value *expected, *patch, *result;
        bool same;

        random_document(&seed, &d.from);
        random_document(&seed, &d.patch);
        assert_int_equal(merge(&d.result, &d.from, &d.patch), 0);
        expected = value_parse(&d.from);
        patch = value_parse(&d.patch);
        result = value_parse(&d.result);
        expected = model_merge_patch(expected, patch);
        if (!value_equal(expected, result))
            fail_msg("%s patched with %s gives %s", d.from.ptr, d.patch.ptr, d.result.ptr);
        /* Once more, it changes nothing, not a byte. */
        assert_int_equal(merge(&d.again, &d.result, &d.patch), 0);
        if (strcmp(d.again.ptr, d.result.ptr) != 0)
            fail_msg("%s patched again with %s gives %s", d.result.ptr, d.patch.ptr, d.again.ptr);
        same = strcmp(d.from.ptr, d.result.ptr) == 0;
        unchanged += same;
        value_free(expected);
        value_free(patch);
        value_free(result);
    }
    assert_in_range(unchanged, 1, count - 1);
    documents_release(&d);
}

static void test_diff_leads_where_it_should(void **state)
{
    struct documents d = {CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT};
    uint64_t seed = 20261121;
    size_t count = random_rounds(8000, 30000);
    unsigned said = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct value *from, *to, *result;
        int status;

        random_document(&seed, &d.from);
        random_document(&seed, &d.to);
        from = value_parse(&d.from);
        to = value_parse(&d.to);
        status = diff(&d.patch, &d.from, &d.to);
        if ((status == 0) != can_be_said(from, to) || status < 0)
            fail_msg("from %s to %s: status %d", d.from.ptr, d.to.ptr, status);
        if (status == 0) {
            said++;
            assert_int_equal(merge(&d.result, &d.from, &d.patch), 0);
            result = value_parse(&d.result);
            if (!value_equal(result, to))
                fail_msg("from %s to %s: %s leads to %s", d.from.ptr, d.to.ptr, d.patch.ptr, d.result.ptr);
            value_free(result);
            /* Smallest: without what is equal, so from there on nothing is left to do. */
            assert_int_equal(diff(&d.again, &d.result, &d.to), 0);
            if (to->type == CDB_JSON_OBJECT)
                assert_string_equal(d.again.ptr, "{}");
            else
                assert_string_equal(d.again.ptr, d.patch.ptr);
            /* Compact. */
            cdb_buf_clear(&d.again);
            cdb_json_format(&d.again, d.patch.ptr, d.patch.len, 0);
            assert_string_equal(d.again.ptr, d.patch.ptr);
        }
        value_free(from);
        value_free(to);
    }
    assert_in_range(said, count / 30, count - count / 30);
    documents_release(&d);
}

static uint32_t count_nodes(const struct cdb_buf *text)
{
    struct cdb_json json;
    uint32_t count;

    assert_int_equal(cdb_json_parse(&json, text->ptr, text->len), 0);
    count = json.count;
    cdb_json_release(&json);
    return count;
}

/* A diff after a patch says no more than the patch did. */
static void test_diff_of_what_a_patch_did(void **state)
{
    struct documents d = {CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT, CDB_BUF_INIT};
    uint64_t seed = 42;
    size_t count = random_rounds(6000, 20000);
    unsigned changed = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        random_document(&seed, &d.from);
        random_document(&seed, &d.patch);
        assert_int_equal(merge(&d.to, &d.from, &d.patch), 0);
        assert_int_equal(diff(&d.again, &d.from, &d.to), 0);
        assert_int_equal(merge(&d.result, &d.from, &d.again), 0);
        assert_true(count_nodes(&d.again) <= count_nodes(&d.patch));
        changed += strcmp(d.again.ptr, "{}") != 0;
        assert_int_equal(diff(&d.again, &d.result, &d.to), 0);
        if (d.again.ptr[0] == '{')
            assert_string_equal(d.again.ptr, "{}");
    }
    assert_in_range(changed, count / 20, count);
    documents_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_7396),
        cmocka_unit_test(test_text_is_kept),
        cmocka_unit_test(test_merge_patch_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_imitation_is_bounded),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_errors),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_many_duplicates),
        cmocka_unit_test(test_merge_patch_is_as_the_model),
        cmocka_unit_test(test_diff_leads_where_it_should),
        cmocka_unit_test(test_diff_of_what_a_patch_did),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
