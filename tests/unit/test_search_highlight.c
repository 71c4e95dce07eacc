/* SPDX-License-Identifier: MIT
 *
 * Which bytes of a document are marked for a query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/highlight.h"
#include "query/parse.h"
#include "random.h"
#include "search_random.h"
#include "text/analyzer.h"
#include "util/arena.h"
#include "util/buf.h"

static struct cdb_analyzer *analyzer;

/* The document with [ and ] around what is marked. */
static void mark(struct cdb_buf *out, const char *query, const char *json)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    const struct cdb_query_node *tree;
    struct cdb_highlight *marks;
    size_t count, at = 0;

    if (cdb_query_parse(&tree, &arena, query, strlen(query), CDB_QUERY_OR) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    assert_int_equal(cdb_highlight(&marks, &count, tree, analyzer, json, strlen(json)), 0);
    assert_true((marks != NULL) == (count > 0));
    for (size_t i = 0; i < count; i++) {
        assert_true(marks[i].start >= at && marks[i].start < marks[i].end && marks[i].end <= strlen(json));
        cdb_buf_add(out, json + at, marks[i].start - at);
        cdb_buf_addc(out, '[');
        cdb_buf_add(out, json + marks[i].start, marks[i].end - marks[i].start);
        cdb_buf_addc(out, ']');
        at = marks[i].end;
    }
    cdb_buf_adds(out, json + at);
    free(marks);
    cdb_arena_release(&arena);
}

static void test_marks(void **state)
{
    static const struct {
        const char *query, *json, *marked;
    } cases[] = {
        {"design", "{\"a\":\"Designs, and designing\"}", "{\"a\":\"[Designs], and [designing]\"}"},
        {"a:design", "{\"a\":\"design\",\"b\":\"design\"}", "{\"a\":\"[design]\",\"b\":\"design\"}"},
        {"a:x", "{\"a\":{\"b\":\"x\"},\"ab\":\"x\",\"a.c\":\"x\"}",
         "{\"a\":{\"b\":\"[x]\"},\"ab\":\"x\",\"a.c\":\"[x]\"}"},
        {"a.b:x", "{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"},{\"c\":\"x\"}]}",
         "{\"a\":[{\"b\":\"[x]\"},{\"b\":\"y\"},{\"c\":\"x\"}]}"},
        {"x", "[\"x\",[\"y\",\"x\"]]", "[\"[x]\",[\"y\",\"[x]\"]]"},
        {"x", "\"x y\"", "\"[x] y\""},
        {"\"time travel\"", "{\"a\":\"time travel, travel time\"}", "{\"a\":\"[time] [travel], travel time\"}"},
        {"\"time travel\"", "{\"a\":[\"time\",\"travel\"]}", "{\"a\":[\"time\",\"travel\"]}"},
        {"\"travel time\"~2", "{\"a\":\"time travel\"}", "{\"a\":\"[time] [travel]\"}"},
        {"jo* *son", "{\"a\":\"John Jackson Smith\"}", "{\"a\":\"[John] [Jackson] Smith\"}"},
        {"roam~1", "{\"a\":\"foam roams roast\"}", "{\"a\":\"[foam] [roams] roast\"}"},
        {"-x y", "{\"a\":\"x y\"}", "{\"a\":\"x [y]\"}"},
        {"n:25", "{\"n\":25,\"m\":25}", "{\"n\":[25],\"m\":25}"},
        {"n:25", "{\"n\":[2.5e1,\"25 x\"]}", "{\"n\":[[2.5e1],\"[25] x\"]}"},
        {"n:[2 TO 3]", "{\"n\":[1,2.5,\"2.5\"]}", "{\"n\":[1,[2.5],\"2.5\"]}"},
        {"b:true", "{\"b\":[true,false,null]}", "{\"b\":[[true],false,null]}"},
        {"a:=\"x y\"", "{\"a\":[\"x y\",\"x\",\"y x\"]}", "{\"a\":[\"[x y]\",\"x\",\"y x\"]}"},
        {"_exists_:a", "{\"a\":\"x\"}", "{\"a\":\"x\"}"},
        {"*:* key:a", "{\"a\":\"a\"}", "{\"a\":\"a\"}"},
        /* Escapes are marked whole. */
        {"café", "{\"a\":\"caf\\u00e9 x\"}", "{\"a\":\"[caf\\u00e9] x\"}"},
        {"x", "{\"a\":\"\\nx\\t\\\"x\\\"\"}", "{\"a\":\"\\n[x]\\t\\\"[x]\\\"\"}"},
        {"x", "{\"a\":\"\\ud83d\\ude00x \\ud83dx\"}", "{\"a\":\"\\ud83d\\ude00[x] \\ud83d[x]\"}"},
        {"\\u0061:x", "{\"a\":\"x\"}", "{\"a\":\"x\"}"},
        {"a:x", "{\"\\u0061\":\"x\"}", "{\"\\u0061\":\"[x]\"}"},
        /* Bigrams overlap. */
        {"東京都", "{\"a\":\"東京都庁\"}", "{\"a\":\"[東京都]庁\"}"},
        {"x", "{}", "{}"},
        {"x", "{\"a\":{},\"b\":[],\"c\":\"x\"}", "{\"a\":{},\"b\":[],\"c\":\"[x]\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cdb_buf out = CDB_BUF_INIT;

        mark(&out, cases[i].query, cases[i].json);
        if (strcmp(cdb_buf_str(&out), cases[i].marked) != 0)
            fail_msg("%s: %s, not %s", cases[i].query, cdb_buf_str(&out), cases[i].marked);
        cdb_buf_release(&out);
    }
}

/* Whatever is asked, marks are in order and within the document. */
static void test_marks_at_random(void **state)
{
    struct random random = random_seed(11);
    size_t marked = 0;

    (void)state;
    for (size_t i = 0; i < 3000; i++) {
        struct cdb_buf query = CDB_BUF_INIT, json = CDB_BUF_INIT, out = CDB_BUF_INIT;

        random_search_query(&random, &query);
        random_search_document(&random, &json);
        mark(&out, query.ptr, json.ptr);
        marked += out.len > json.len;
        cdb_buf_release(&query);
        cdb_buf_release(&json);
        cdb_buf_release(&out);
    }
    assert_true(marked > 100);
}

static int set_up(void **state)
{
    (void)state;
    return cdb_analyzer_new(&analyzer, "english");
}

static int tear_down(void **state)
{
    (void)state;
    cdb_analyzer_free(analyzer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks), cmocka_unit_test(test_marks_at_random)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
