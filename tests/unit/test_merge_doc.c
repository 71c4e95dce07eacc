/* SPDX-License-Identifier: MIT
 *
 * Three-way merge of documents: by example, and against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "doc/equal.h"
#include "doc/json.h"
#include "doc/merge.h"
#include "merge_model.h"
#include "random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS       8000

static struct cdb_text text(const char *string)
{
    return (struct cdb_text){string, string != NULL ? strlen(string) : 0};
}

static struct cdb_text text_of(const struct cdb_buf *buf)
{
    return (struct cdb_text){buf->ptr, buf->len};
}

static void add_value(struct cdb_buf *out, struct cdb_text value)
{
    cdb_buf_addc(out, ' ');
    if (value.ptr != NULL)
        cdb_buf_add(out, value.ptr, value.len);
    else
        cdb_buf_addc(out, '-');
}

/* "PATH BASE OURS THEIRS", a line. */
static int tell_all(void *context, const struct cdb_merge_conflict *conflict)
{
    struct cdb_buf *out = context;

    cdb_buf_add(out, conflict->path.ptr, conflict->path.len);
    add_value(out, conflict->base);
    add_value(out, conflict->ours);
    add_value(out, conflict->theirs);
    cdb_buf_addc(out, '\n');
    return 0;
}

/* ---- examples ---------------------------------------------------------------------------------- */

static void assert_merged(const char *base, const char *ours, const char *theirs, const char *expected,
                          const char *expected_conflicts)
{
    struct cdb_buf out = CDB_BUF_INIT, conflicts = CDB_BUF_INIT;
    struct cdb_merge_rules rules = {.prefer = CDB_MERGE_OURS, .conflict = tell_all, .context = &conflicts};
    size_t count;

    cdb_buf_adds(&out, "<");
    assert_int_equal(cdb_json_merge(&out, text(base), text(ours), text(theirs), &rules, &count), 0);
    if (strcmp(out.ptr + 1, expected) != 0 || strcmp(cdb_buf_str(&conflicts), expected_conflicts) != 0)
        fail_msg("%s, %s and %s give %s, %s", base, ours, theirs, out.ptr + 1, cdb_buf_str(&conflicts));
    assert_true((count > 0) == (conflicts.len > 0));
    cdb_buf_release(&out);
    cdb_buf_release(&conflicts);
}

static void test_examples(void **state)
{
    static const struct {
        const char *base, *ours, *theirs, *expected, *conflicts;
    } cases[] = {
        /* fields */
        {"{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":2}", ""},
        {"{\"a\":{\"x\":1,\"y\":1}}", "{\"a\":{\"x\":2,\"y\":1}}", "{\"a\":{\"x\":1,\"y\":2}}",
         "{\"a\":{\"x\":2,\"y\":2}}", ""},
        {"{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}", ""},
        {"{\"a\":1,\"b\":1}", "{\"b\":1}", "{\"a\":1}", "{}", ""},
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":2}", "{\"a\":2}", ""},
        {NULL, "{\"a\":1}", "{\"b\":null}", "{\"a\":1,\"b\":null}", ""},
        {"{\"a\":1}", "{\"a\":null}", "{\"a\":1,\"b\":2}", "{\"a\":null,\"b\":2}", ""},
        /* the text is ours */
        {"{\"a\":1,\"b\":1}", "{ \"b\" : 1,\n  \"a\" : 1.0 }\n", "{\"a\":1,\"b\":2}", "{ \"b\" : 2,\n  \"a\" : 1.0 }\n",
         ""},
        {"{\"a\": 1}", "{\"a\": 2}", "{\"a\": 1, \"b\": {\"c\": 1.10}}", "{\"a\": 2, \"b\": {\"c\": 1.10}}", ""},
        {"{\"a\":1,\"b\":1,\"c\":1}", "{\n  \"a\": 1,\n  \"b\": 1,\n  \"c\": 2\n}", "{\"b\":1,\"c\":1}",
         "{\n  \"b\": 1,\n  \"c\": 2\n}", ""},
        /* another spelling is no change */
        {"{\"a\":1,\"b\":[1]}", "{\"b\":[1.0],\"a\":1}", "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", ""},
        {"{\"a\":\"x\"}", "{\"a\":\"\\u0078\"}", "{\"a\":\"y\"}", "{\"a\":\"y\"}", ""},
        {"1.0", "2", "1", "2", ""},
        {"{\"a\":1e2}", "{}", "{\"a\":100}", "{}", ""},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{}", "{\"a\":{\"y\":2,\"x\":1}}", "{}", ""},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", "{\"a\":3}", "{\"a\":3}", ""},
        /* duplicates: the last counts */
        {"{\"a\":1,\"a\":2,\"b\":1}", "{\"a\":1,\"a\":2,\"b\":2}", "{\"a\":3,\"b\":1}", "{\"a\":1,\"a\":3,\"b\":2}",
         ""},
        {"{\"a\":1,\"a\":2,\"b\":1}", "{\"a\":1,\"a\":2,\"b\":2}", "{\"b\":1}", "{\"b\":2}", ""},
        /* conflicts */
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":2}", "/a 1 2 3\n"},
        {"{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"b\":2}", "{\"a\":2,\"b\":2}", "/a 1 2 -\n"},
        {"{\"a\":1}", "{}", "{\"a\":2}", "{}", "/a 1 - 2\n"},
        {"{}", "{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "/a - 1 2\n"},
        {"[1]", "[2]", "[1,1]", "[2]", " [1] [2] [1,1]\n"},
        {"{\"a\":[1,2]}", "{\"a\":[1,3]}", "{\"a\":[0,2]}", "{\"a\":[1,3]}", "/a [1,2] [1,3] [0,2]\n"},
        {"{\"a\":1}", "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":1}}", "{\"a\":{\"x\":1}}", "/a 1 {\"x\":1} {\"y\":1}\n"},
        {"{\"a\":{\"b\":{\"~\":1,\"/\":1}}}", "{\"a\":{\"b\":{\"~\":2,\"/\":2}}}", "{\"a\":{\"b\":{\"~\":3,\"/\":3}}}",
         "{\"a\":{\"b\":{\"~\":2,\"/\":2}}}", "/a/b/~0 1 2 3\n/a/b/~1 1 2 3\n"},
        {"{\"a\":{\"x\":1}}", "{}", "{\"a\":{\"x\":2}}", "{}", "/a {\"x\":1} - {\"x\":2}\n"},
        {NULL, "1", "2", "1", " - 1 2\n"},
        {NULL, "[]", "{}", "[]", " - [] {}\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_merged(cases[i].base, cases[i].ours, cases[i].theirs, cases[i].expected, cases[i].conflicts);
}

/* A marked base is nobody's: only what both sides say the same is settled. */
static void test_marks(void **state)
{
    const char *base = "{\"a\":" CDB_MERGE_MARK_TEXT ",\"b\":1}";
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_merge_rules rules = {.prefer = CDB_MERGE_MARK};
    size_t count;

    (void)state;
    assert_merged(base, "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":1}", "{\"a\":1,\"b\":2}", "");
    assert_merged(base, "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":1}", "/a - 1 2\n");
    assert_merged(base, "{\"b\":1}", "{\"b\":1}", "{\"b\":1}", "");
    assert_merged(base, "{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"b\":1}", "/a - - 1\n");
    assert_merged(CDB_MERGE_MARK_TEXT, "{\"a\":1}", "{\"b\":1}", "{\"a\":1}", " - {\"a\":1} {\"b\":1}\n");
    assert_int_equal(
        cdb_json_merge(&out, text("{\"a\":1,\"b\":1}"), text("{\"a\":2,\"b\":1}"), text("{\"a\":3}"), &rules, &count),
        0);
    assert_string_equal(out.ptr, "{\"a\":" CDB_MERGE_MARK_TEXT "}");
    assert_int_equal(count, 1);
    cdb_buf_release(&out);
}

static void test_errors(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_merge_rules rules = {.prefer = CDB_MERGE_OURS};
    size_t count, half = CHRONDB_MAX_DOCUMENT / 2;
    char *a = malloc(half + 16), *b = malloc(half + 16);

    (void)state;
    cdb_buf_adds(&out, "kept");
    assert_int_equal(cdb_json_merge(&out, text("1"), text("{"), text("2"), &rules, &count), CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "our document"));
    assert_int_equal(cdb_json_merge(&out, text("1"), text("1"), text("x"), &rules, &count), CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "their document"));
    assert_int_equal(cdb_json_merge(&out, text(""), text("1"), text("1"), &rules, &count), CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "the base's document"));
    /* Two that fit, and together do not. */
    assert_true(a != NULL && b != NULL);
    memset(a, 'x', half + 16);
    memset(b, 'x', half + 16);
    memcpy(a, "{\"a\":\"", 6);
    memcpy(b, "{\"b\":\"", 6);
    memcpy(a + half + 14, "\"}", 2);
    memcpy(b + half + 14, "\"}", 2);
    assert_int_equal(cdb_json_merge(&out, text("{}"), (struct cdb_text){a, half + 16}, (struct cdb_text){b, half + 16},
                                    &rules, &count),
                     CHRONDB_EINVALID);
    assert_non_null(strstr(chrondb_last_error()->message, "too large"));
    assert_string_equal(out.ptr, "kept");
    free(a);
    free(b);
    cdb_buf_release(&out);
}

/* As deep as a document may be; what changes is at the bottom. */
static void test_depth(void **state)
{
    struct cdb_buf base = CDB_BUF_INIT, ours = CDB_BUF_INIT, theirs = CDB_BUF_INIT, out = CDB_BUF_INIT;
    struct cdb_merge_rules rules = {.prefer = CDB_MERGE_OURS};
    struct cdb_buf *const texts[] = {&base, &ours, &theirs};
    size_t count;

    (void)state;
    for (size_t k = 0; k < COUNT(texts); k++) {
        for (int i = 1; i < CHRONDB_MAX_DEPTH; i++)
            cdb_buf_adds(texts[k], "{\"a\":");
        cdb_buf_addf(texts[k], "{\"x\":%d,\"y\":%d}", k == 1, k == 2);
        for (int i = 1; i < CHRONDB_MAX_DEPTH; i++)
            cdb_buf_adds(texts[k], "}");
    }
    assert_int_equal(cdb_json_merge(&out, text_of(&base), text_of(&ours), text_of(&theirs), &rules, &count), 0);
    assert_int_equal(count, 0);
    assert_non_null(strstr(out.ptr, "{\"x\":1,\"y\":1}"));
    assert_int_equal(cdb_json_check(out.ptr, out.len), 0);
    cdb_buf_release(&base);
    cdb_buf_release(&ours);
    cdb_buf_release(&theirs);
    cdb_buf_release(&out);
}

static void test_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"1", "1.000", true},
        {"1", "10", false},
        {"0", "-0.0", true},
        {"[1,2]", "[1,2.0]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1}", "{\"a\":2,\"a\":1}", true},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"null", "false", false},
        {"not", "not", true},
        {"not", "nor", false},
        {"1e999999999999999999999", "1e999999999999999999998", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool same;
        assert_int_equal(cdb_json_same(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b), &same), 0);
        if (same != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
}

/* ---- against the model --------------------------------------------------------------------------- */

struct trial {
    struct random random;
    struct merge_values values;
    const struct merge_value *base, *ours, *theirs;
    struct cdb_buf base_text, ours_text, theirs_text;
    size_t clean, in_conflict;
};

static int tell_path(void *context, const struct cdb_merge_conflict *conflict)
{
    struct cdb_buf *out = context;

    cdb_buf_add(out, conflict->path.ptr, conflict->path.len);
    cdb_buf_addc(out, '\n');
    return 0;
}

static void merge(struct trial *trial, bool swapped, enum cdb_merge_side prefer, struct cdb_buf *out,
                  struct cdb_buf *conflicts)
{
    struct cdb_merge_rules rules = {.prefer = prefer, .conflict = tell_path, .context = conflicts};
    struct cdb_text base = trial->base != NULL ? text_of(&trial->base_text) : text(NULL);
    size_t count;

    cdb_buf_clear(out);
    cdb_buf_clear(conflicts);
    assert_int_equal(cdb_json_merge(out, base, text_of(swapped ? &trial->theirs_text : &trial->ours_text),
                                    text_of(swapped ? &trial->ours_text : &trial->theirs_text), &rules, &count),
                     0);
    assert_int_equal(cdb_json_check(cdb_buf_str(out), out->len), 0);
    merge_sort_lines(conflicts);
}

static void complain(const struct trial *trial, const char *what, const struct cdb_buf *got)
{
    fail_msg("%s\nbase:   %s\nours:   %s\ntheirs: %s\ngot:    %s", what, cdb_buf_str(&trial->base_text),
             trial->ours_text.ptr, trial->theirs_text.ptr, cdb_buf_str(got));
}

/* One way of resolving, both ways round. */
static void check_side(struct trial *trial, enum cdb_merge_side prefer, enum merge_choice choice,
                       struct cdb_buf *conflicts)
{
    struct cdb_buf got = CDB_BUF_INIT, got_conflicts = CDB_BUF_INIT, path = CDB_BUF_INIT, other = CDB_BUF_INIT;
    enum cdb_merge_side mirrored = prefer == CDB_MERGE_OURS     ? CDB_MERGE_THEIRS
                                   : prefer == CDB_MERGE_THEIRS ? CDB_MERGE_OURS
                                                                : prefer;

    cdb_buf_clear(conflicts);
    cdb_buf_adds(&path, "");
    const struct merge_value *expected =
        merge_model(&trial->values, trial->base, trial->ours, trial->theirs, choice, "", &path, conflicts);
    merge_sort_lines(conflicts);
    merge(trial, false, prefer, &got, &got_conflicts);
    if (strcmp(cdb_buf_str(conflicts), cdb_buf_str(&got_conflicts)) != 0)
        complain(trial, "other conflicts", &got_conflicts);
    if (!merge_value_equal(expected, merge_value_read(&trial->values, got.ptr, got.len)))
        complain(trial, "another value", &got);
    merge(trial, true, mirrored, &other, &got_conflicts);
    if (strcmp(cdb_buf_str(conflicts), cdb_buf_str(&got_conflicts)) != 0)
        complain(trial, "other conflicts the other way round", &got_conflicts);
    if (!merge_value_equal(expected, merge_value_read(&trial->values, other.ptr, other.len)))
        complain(trial, "another value the other way round", &other);
    cdb_buf_release(&got);
    cdb_buf_release(&got_conflicts);
    cdb_buf_release(&path);
    cdb_buf_release(&other);
}

/* Merged again, nothing changes, not a byte. */
static void check_again(struct trial *trial)
{
    struct cdb_buf once = CDB_BUF_INIT, twice = CDB_BUF_INIT, conflicts = CDB_BUF_INIT;

    merge(trial, false, CDB_MERGE_OURS, &once, &conflicts);
    struct cdb_buf swap = trial->ours_text;
    trial->ours_text = once;
    merge(trial, false, CDB_MERGE_OURS, &twice, &conflicts);
    if (twice.len != once.len || memcmp(twice.ptr, once.ptr, once.len) != 0)
        complain(trial, "merged again it is another text", &twice);
    trial->ours_text = swap;
    cdb_buf_release(&once);
    cdb_buf_release(&twice);
    cdb_buf_release(&conflicts);
}

static const struct merge_value *edited(struct trial *trial, const struct merge_value *value)
{
    for (size_t edits = random_below(&trial->random, 4); edits > 0; edits--)
        value = merge_value_edit(&trial->values, &trial->random, value);
    return value;
}

static void spell(struct trial *trial, const struct merge_value *value, struct cdb_buf *out)
{
    cdb_buf_clear(out);
    if (value != NULL)
        merge_value_spell(&trial->random, value, out);
}

static void test_model(void **state)
{
    struct trial trial = {.random = random_seed(20261121)};
    struct cdb_buf conflicts = CDB_BUF_INIT;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct merge_value *start = merge_value_random(&trial.values, &trial.random, 3);
        trial.ours = edited(&trial, start);
        trial.theirs = edited(&trial, start);
        trial.base = random_chance(&trial.random, 8) ? NULL : start;
        spell(&trial, trial.base, &trial.base_text);
        spell(&trial, trial.ours, &trial.ours_text);
        spell(&trial, trial.theirs, &trial.theirs_text);
        check_side(&trial, CDB_MERGE_OURS, MERGE_TAKE_OURS, &conflicts);
        check_side(&trial, CDB_MERGE_THEIRS, MERGE_TAKE_THEIRS, &conflicts);
        check_side(&trial, CDB_MERGE_MARK, MERGE_TAKE_NONE, &conflicts);
        check_again(&trial);
        trial.clean += conflicts.len == 0;
        trial.in_conflict += conflicts.len > 0;
        merge_values_release(&trial.values);
    }
    assert_true(trial.clean > ROUNDS / 10 && trial.in_conflict > ROUNDS / 10);
    cdb_buf_release(&trial.base_text);
    cdb_buf_release(&trial.ours_text);
    cdb_buf_release(&trial.theirs_text);
    cdb_buf_release(&conflicts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_marks), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_same),  cmocka_unit_test(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
