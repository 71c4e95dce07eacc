/* SPDX-License-Identifier: MIT
 *
 * Import through the public header: what becomes a commit, what is refused, what goes on after an interruption, and
 * what happens when somebody else writes meanwhile. */
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
#include "fixture.h"
#include "scratch.h"

struct importing {
    struct fixture base;
    chrondb_import *import;
    chrondb_import_report report;
};

static int set_up(void **state)
{
    struct importing *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture_open(&fixture->base);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct importing *fixture = *state;
    chrondb_import_free(fixture->import);
    fixture_close(&fixture->base);
    free(fixture);
    return 0;
}

static void fails(int status, int code, const char *name, const char *words)
{
    const chrondb_error *error = chrondb_last_error();
    if (status != code || strcmp(error->name, name) != 0 || strstr(error->message, words) == NULL)
        fail_msg("%d '%s' instead of %d '%s' (%s): %s", status, error->name, code, name, words, error->message);
}

static void begin(struct importing *fixture, enum chrondb_import_mode mode, uint64_t every)
{
    chrondb_import_options options = {.size = sizeof(options), .mode = mode, .every = every};
    options.author = "A <a@example.org>";
    good(chrondb_import_open(&fixture->import, fixture->base.db, &options));
}

static int line(struct importing *fixture, const char *text)
{
    return chrondb_import_line(fixture->import, text, strlen(text));
}

static void end(struct importing *fixture, bool finish)
{
    if (finish)
        good(chrondb_import_finish(fixture->import));
    fixture->report = (chrondb_import_report){.size = sizeof(fixture->report)};
    chrondb_import_get_report(fixture->import, &fixture->report);
    chrondb_import_free(fixture->import);
    fixture->import = NULL;
}

static void put(struct importing *fixture, const char *key, const char *value)
{
    chrondb_batch *batch = NULL;
    good(chrondb_batch_new(&batch, fixture->base.db));
    good(chrondb_batch_put(batch, key, value, strlen(value), NULL));
    good(chrondb_batch_commit(batch, NULL));
    chrondb_batch_free(batch);
}

/* The log, oldest first: "MESSAGE;MESSAGE;" */
static void log_is(struct importing *fixture, const char *expected)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_log *log = NULL;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t count;
    char text[4096] = "";
    chrondb_time last = {INT64_MIN, 0};
    chrondb_history_options options = {.size = sizeof(options), .reverse = 1};
    good(chrondb_snapshot_open(&snapshot, fixture->base.db, NULL, NULL));
    good(chrondb_log_open(&log, snapshot, &options));
    while (chrondb_log_next(log, &version, &changes, &count) == 0) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s;", version.message);
        assert_true(version.time.seconds > last.seconds ||
                    (version.time.seconds == last.seconds && version.time.nanoseconds > last.nanoseconds));
        last = version.time;
    }
    chrondb_log_free(log);
    chrondb_snapshot_free(snapshot);
    assert_string_equal(text, expected);
}

static void value_is(struct importing *fixture, const char *key, const char *expected)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {NULL, 0, 0};
    good(chrondb_snapshot_open(&snapshot, fixture->base.db, NULL, NULL));
    int status = chrondb_get(snapshot, key, &value);
    if (expected == NULL)
        assert_int_equal(status, CHRONDB_NOTFOUND);
    else
        assert_string_equal(value.data, expected);
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
}

/* ---- what becomes a commit --------------------------------------------------------------------------- */

static void test_one_commit(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_ONE, 0);
    good(line(fixture, "{\"key\":\"a:1\",\"value\": {\"n\" : 1.10} ,\"commit\":\"x\"}\r\n"));
    good(line(fixture, "{\"value\":[],\"op\":\"put\",\"key\":\"b\",\"commit\":\"y\"}"));
    good(line(fixture, "{\"key\":\"a:1\",\"value\":\"\\u00e9\",\"time\":\"2001-02-03T04:05:06.5Z\"}"));
    good(line(fixture, "{\"key\":\"gone\",\"op\":\"delete\"}"));
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 1);
    assert_int_equal(fixture->report.lines, 4);
    assert_int_equal(fixture->report.durable_lines, 4);
    value_is(fixture, "a:1", "\"\\u00e9\"");
    value_is(fixture, "b", "[]");
    log_is(fixture, "put 3;");
    begin(fixture, CHRONDB_IMPORT_ONE, 0); /* the same again changes nothing */
    good(line(fixture, "{\"key\":\"b\",\"value\":[]}"));
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 0);
    log_is(fixture, "put 3;");
}

static void test_each(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    good(line(fixture, "{\"key\":\"a\",\"value\":1,\"message\":\"first\"}"));
    good(line(fixture, "{\"key\":\"a\",\"value\":1}"));
    good(line(fixture, "{\"key\":\"a\",\"value\":2,\"author\":\"B <b@example.org>\",\"meta\":{\"k\":\"v\"}}"));
    good(line(fixture, "{\"key\":\"b\",\"value\":1,\"commit\":\"g\"}"));
    good(line(fixture, "{\"key\":\"c\",\"value\":1,\"commit\":\"g\"}"));
    good(line(fixture, "{\"key\":\"b\",\"op\":\"delete\",\"commit\":\"h\"}"));
    good(line(fixture, "{\"op\":\"none\",\"message\":\"nothing\"}"));
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 5);
    assert_int_equal(fixture->report.puts, 4);
    assert_int_equal(fixture->report.deletes, 1);
    log_is(fixture, "first;put a;put 2;delete b;nothing;");
}

static void test_every_and_groups(void **state)
{
    struct importing *fixture = *state;
    char text[64];
    begin(fixture, CHRONDB_IMPORT_EVERY, 3);
    for (int i = 0; i < 7; i++) {
        snprintf(text, sizeof(text), "{\"key\":\"t:%d\",\"value\":%d}", i, i);
        good(line(fixture, text));
    }
    end(fixture, true);
    begin(fixture, CHRONDB_IMPORT_GROUPS, 0);
    good(line(fixture, "{\"key\":\"x\",\"value\":1}"));
    good(line(fixture, "{\"key\":\"y\",\"value\":1}"));
    good(line(fixture, "{\"key\":\"y\",\"value\":2,\"commit\":\"1\"}"));
    good(line(fixture, "{\"key\":\"y\",\"value\":3,\"commit\":\"2\"}"));
    end(fixture, true);
    log_is(fixture, "put 3;put 3;put t:6;put 2;put y;put y;");
}

/* ---- what is refused --------------------------------------------------------------------------------- */

static void test_bad_lines(void **state)
{
    struct importing *fixture = *state;
    static const struct {
        const char *text;
        int code;
        const char *name, *words;
    } bad[] = {
        {"", CHRONDB_EINVALID, "invalid_json", ""},
        {"[]", CHRONDB_EINVALID, "invalid_line", "object"},
        {"{\"key\":\"a\"", CHRONDB_EINVALID, "invalid_json", "column"},
        {"{\"key\":\"a\"}", CHRONDB_EINVALID, "invalid_line", "\"value\" is missing"},
        {"{\"value\":1}", CHRONDB_EINVALID, "invalid_line", "\"key\" is missing"},
        {"{\"key\":1,\"value\":1}", CHRONDB_EINVALID, "invalid_line", "must be a string"},
        {"{\"key\":\"a\",\"value\":1,\"oops\":1}", CHRONDB_EINVALID, "invalid_line", "'oops'"},
        {"{\"key\":\":a\",\"value\":1}", CHRONDB_EUSAGE, "invalid_key", "empty"},
        {"{\"key\":\"a\\u0000b\",\"value\":1}", CHRONDB_EINVALID, "invalid_line", "NUL"},
        {"{\"key\":\"a\",\"op\":\"delete\",\"value\":1}", CHRONDB_EINVALID, "invalid_line", "\"put\" only"},
        {"{\"key\":\"a\",\"op\":\"patch\",\"value\":1}", CHRONDB_EINVALID, "invalid_line", "\"op\""},
        {"{\"key\":\"a\",\"op\":\"none\"}", CHRONDB_EINVALID, "invalid_line", "\"key\""},
        {"{\"key\":\"a\",\"op\":\"put\\u0000x\",\"value\":1}", CHRONDB_EINVALID, "invalid_line", "NUL"},
        {"{\"key\":\"a\",\"value\":1} x", CHRONDB_EINVALID, "invalid_json", "column 23"},
        {"{\"key\":\"a\",\"value\":01}", CHRONDB_EINVALID, "invalid_json", "column"},
        {"{\"key\":\"a\",\"text\":\"{\"}", CHRONDB_EINVALID, "invalid_json", "\"text\""},
        {"{\"key\":\"a\",\"value\":1,\"time\":\"yesterday\"}", CHRONDB_EUSAGE, "invalid_time", "yesterday"},
        {"{\"key\":\"a\",\"value\":1,\"time\":\"3 days ago\"}", CHRONDB_EUSAGE, "invalid_time", "3 days ago"},
        {"{\"key\":\"a\",\"value\":1,\"time\":\"9000\"}", CHRONDB_EUSAGE, "invalid_time", "future"},
        {"{\"key\":\"a\",\"value\":1,\"time\":\"1999\"}", CHRONDB_EUSAGE, "invalid_time", "before it"},
        {"{\"key\":\"a\",\"value\":1,\"author\":\"nobody\"}", CHRONDB_EUSAGE, "invalid_author", ""},
        {"{\"key\":\"a\",\"value\":1,\"meta\":[\"x\"]}", CHRONDB_EUSAGE, "invalid_meta", "NAME=VALUE"},
        {"{\"key\":\"a\",\"value\":1,\"meta\":{\"x\":1}}", CHRONDB_EINVALID, "invalid_line", "strings"},
        {"{\"key\":\"a\",\"value\":1,\"meta\":\"x=1\"}", CHRONDB_EINVALID, "invalid_line", "\"meta\""},
    };
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    good(line(fixture, "{\"key\":\"a\",\"value\":1,\"time\":\"2000-01-01\"}"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        fails(line(fixture, bad[i].text), bad[i].code, bad[i].name, bad[i].words);
    good(line(fixture, "{\"key\":\"a\",\"value\":2,\"time\":\"@1000000000\"}"));
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 2);
    assert_int_equal(fixture->report.lines, 2);
    log_is(fixture, "put a;put a;");
}

static void test_deep_and_exact(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_ONE, 0);
    for (int extra = 0; extra < 2; extra++) {
        char deep[4096];
        int depth = CHRONDB_MAX_DEPTH + extra;
        int at = snprintf(deep, sizeof(deep), "{\"key\":\"deep\",\"value\":");
        memset(deep + at, '[', (size_t)depth);
        memset(deep + at + depth, ']', (size_t)depth);
        snprintf(deep + at + 2 * depth, 8, "}");
        if (extra == 0)
            good(line(fixture, deep));
        else
            fails(line(fixture, deep), CHRONDB_EINVALID, "invalid_json", "too deep");
    }
    good(line(fixture, "{\"key\":\"exact\",\"value\":0,\"text\":\"{\\n  \\\"a\\\": 1\\n}\\n\"}"));
    end(fixture, true);
    value_is(fixture, "exact", "{\n  \"a\": 1\n}\n");
    begin(fixture, CHRONDB_IMPORT_ONE, 0); /* a final newline less is no change */
    good(line(fixture, "{\"key\":\"exact\",\"text\":\"{\\n  \\\"a\\\": 1\\n}\"}"));
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 0);
}

/* ---- interruptions ------------------------------------------------------------------------------- */

static void give(struct importing *fixture, int from, int to)
{
    char text[64];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof(text), "{\"key\":\"k%d\",\"value\":%d}", i % 3, i);
        good(line(fixture, text));
    }
}

static void test_resume(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_EVERY, 2);
    give(fixture, 0, 7);
    good(chrondb_import_stop(fixture->import));
    end(fixture, false);
    assert_int_equal(fixture->report.commits, 3);
    assert_int_equal(fixture->report.durable_lines, 6);
    begin(fixture, CHRONDB_IMPORT_EVERY, 2); /* interrupted again, without a word: nothing of it is there */
    give(fixture, 0, 9);
    end(fixture, false);
    put(fixture, "between", "1");
    begin(fixture, CHRONDB_IMPORT_EVERY, 2);
    give(fixture, 0, 9);
    end(fixture, true);
    assert_int_equal(fixture->report.resumed, 6);
    assert_int_equal(fixture->report.lines, 3);
    assert_int_equal(fixture->report.commits, 2);
    log_is(fixture, "put 2;put 2;put 2;put between;put 2;put k2;");
    begin(fixture, CHRONDB_IMPORT_EVERY, 2); /* it was complete: now it is a new import */
    give(fixture, 0, 2);
    end(fixture, true);
    assert_int_equal(fixture->report.resumed, 0);
}

static void test_resume_of_others(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    give(fixture, 0, 5);
    good(chrondb_import_stop(fixture->import));
    end(fixture, false);
    begin(fixture, CHRONDB_IMPORT_EACH, 0); /* other lines */
    good(line(fixture, "{\"key\":\"other\",\"value\":1}"));
    end(fixture, false);
    begin(fixture, CHRONDB_IMPORT_EACH, 0); /* that begin alike */
    give(fixture, 0, 4);
    fails(line(fixture, "{\"key\":\"other\",\"value\":1}"), CHRONDB_ECONFLICT, "not_resumable", "--restart");
    end(fixture, false);
    begin(fixture, CHRONDB_IMPORT_EACH, 0); /* and fewer */
    give(fixture, 0, 4);
    fails(chrondb_import_finish(fixture->import), CHRONDB_ECONFLICT, "not_resumable", "fewer");
    end(fixture, false);
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    give(fixture, 0, 6);
    end(fixture, true);
    assert_int_equal(fixture->report.resumed, 5);
    log_is(fixture, "put k0;put k1;put k2;put k0;put k1;put k2;");
}

static void test_one_commit_stopped(void **state)
{
    struct importing *fixture = *state;
    begin(fixture, CHRONDB_IMPORT_ONE, 0);
    give(fixture, 0, 5);
    good(chrondb_import_stop(fixture->import));
    end(fixture, false);
    assert_int_equal(fixture->report.commits, 0);
    value_is(fixture, "k0", NULL);
    log_is(fixture, "");
}

/* ---- beside others --------------------------------------------------------------------------------- */

static void test_beside_a_writer(void **state)
{
    struct importing *fixture = *state;
    char text[128];
    put(fixture, "base", "1");
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    good(line(fixture, "{\"key\":\"t:1\",\"value\":1,\"message\":\"one\",\"meta\":{\"a\":\"b\"}}"));
    good(line(fixture, "{\"key\":\"base\",\"op\":\"delete\",\"message\":\"two\"}"));
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "{\"key\":\"t:%d\",\"value\":%d,\"commit\":\"c\",\"message\":\"three\"}", i, i);
        good(line(fixture, text));
    }
    put(fixture, "t:1", "\"theirs\"");
    put(fixture, "t:1000", "\"theirs\"");
    end(fixture, true);
    log_is(fixture, "put base;put t:1;put t:1000;one;two;three;");
    value_is(fixture, "t:1", "1");
    value_is(fixture, "t:99", "99");
    value_is(fixture, "t:1000", "\"theirs\"");
    value_is(fixture, "base", NULL);
}

static void test_two_imports(void **state)
{
    struct importing *fixture = *state;
    chrondb_import *other = NULL;
    chrondb_import_options options = {.size = sizeof(options), .mode = CHRONDB_IMPORT_ONE};
    static const char text[] = "{\"key\":\"x\",\"value\":1}";
    begin(fixture, CHRONDB_IMPORT_EACH, 0);
    good(chrondb_import_open(&other, fixture->base.db, &options));
    give(fixture, 0, 3);
    good(chrondb_import_line(other, text, strlen(text)));
    put(fixture, "sweeper", "1"); /* looks for what dead imports left, and leaves these alone */
    good(chrondb_import_finish(other));
    end(fixture, true);
    chrondb_import_free(other);
    log_is(fixture, "put sweeper;put x;put k0;put k1;put k2;");
}

/* Many tables, and a document that grows: memory is bounded, and what was put aside is found again. */
static void test_many(void **state)
{
    struct importing *fixture = *state;
    char text[256], key[64];
    begin(fixture, CHRONDB_IMPORT_EVERY, 1000);
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "{\"key\":\"table%d:%d\",\"value\":{\"n\":%d,\"text\":\"%0*d\"}}", i % 300,
                 i % 7000, i, i % 50 + 1, i);
        good(line(fixture, text));
    }
    end(fixture, true);
    assert_int_equal(fixture->report.commits, 20);
    for (int i = 13001; i < 20000; i += 97) {
        snprintf(key, sizeof(key), "table%d:%d", i % 300, i % 7000);
        snprintf(text, sizeof(text), "{\"n\":%d,\"text\":\"%0*d\"}", i, i % 50 + 1, i);
        value_is(fixture, key, text);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_commit),
        TEST(test_each),
        TEST(test_every_and_groups),
        TEST(test_bad_lines),
        TEST(test_deep_and_exact),
        TEST(test_resume),
        TEST(test_resume_of_others),
        TEST(test_one_commit_stopped),
        TEST(test_beside_a_writer),
        TEST(test_two_imports),
        TEST(test_many),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
