/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "store/gitconfig.h"

#define NAME "chrondb.search.language"

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

/* `expected` NULL: it is not set. */
static void assert_value(const char *text, const char *name, const char *expected)
{
    struct cdb_buf value = CDB_BUF_INIT;
    char *copy = exact_copy(text, strlen(text));
    int result = cdb_gitconfig_get(copy, strlen(text), name, &value);

    if (result != (expected == NULL ? 1 : 0) || (expected != NULL && strcmp(cdb_buf_str(&value), expected) != 0))
        fail_msg("%s in\n%s\nis %d '%s', not '%s'", name, text, result, cdb_buf_str(&value),
                 expected != NULL ? expected : "unset");
    cdb_buf_release(&value);
    free(copy);
}

static void assert_malformed(const char *text, size_t len, size_t line)
{
    struct cdb_buf value = CDB_BUF_INIT;
    char *copy = exact_copy(text, len);

    if (cdb_gitconfig_get(copy, len, NAME, &value) != CHRONDB_EDAMAGED)
        fail_msg("this is taken for a configuration:\n%.*s", (int)len, text);
    assert_string_equal(chrondb_last_error()->name, "invalid_config");
    assert_int_equal(chrondb_last_error()->line, line);
    cdb_buf_release(&value);
    free(copy);
}

static void assert_edited(const char *text, const char *name, const char *value, const char *expected, size_t times)
{
    struct cdb_buf out = CDB_BUF_INIT;
    char *copy = exact_copy(text, strlen(text));
    size_t found = 77;

    assert_int_equal(cdb_gitconfig_edit(copy, strlen(text), name, value, &out, &found), 0);
    if (strcmp(cdb_buf_str(&out), expected) != 0)
        fail_msg("%s set to %s in\n%s\ngives\n%s\nnot\n%s", name, value != NULL ? value : "nothing", text,
                 cdb_buf_str(&out), expected);
    assert_int_equal(found, times);
    cdb_buf_release(&out);
    free(copy);
    assert_value(expected, name, value);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static void test_names(void **state)
{
    (void)state;
    assert_value("[chrondb \"search\"]\n\tlanguage = german\n", NAME, "german");
    assert_value("[CHRONDB \"search\"]LANGUAGE=german", NAME, "german");
    assert_value("[chrondb.Search] language = german # as once\n", NAME, "german");
    assert_value("[chrondb\t \"s\\earch\"]\nlanguage = german", NAME, "german");
    assert_value("\xEF\xBB\xBF[chrondb \"search\"]\r\n  language = german\r\n", NAME, "german");
    assert_value("[chrondb \"search\"][core]language = german\n", NAME, NULL);
    assert_value("[chrondb \"Search\"]\nlanguage = german\n", NAME, NULL);
    assert_value("[chrondb \"search\\\"]\"]\nlanguage = german\n", NAME, NULL);
    assert_value("[chrondb]\nlanguage = german\nbranch = x\n", NAME, NULL);
    assert_value("[chrondb]\nlanguage = german\nbranch = x\n", "chrondb.branch", "x");
    assert_value("[chrondb \"search\"]\n; language = german\n# language = french\n", NAME, NULL);
    assert_value("[chrondb \"search\"]\nlanguage = german\n[a]\n[chrondb \"search\"]\nlanguage = french\n", NAME,
                 "french");
    assert_value("", NAME, NULL);
    assert_value("\n\n# nothing", NAME, NULL);
}

static void test_values(void **state)
{
    static const char *const pairs[][2] = {
        {"german", "german"},
        {" \t german \t ", "german"},
        {"german ; really", "german"},
        {"\"a # b\"", "a # b"},
        {"a\\\n  b", "a  b"},
        {"a b  c", "a b  c"},
        {"\" a \"", " a "},
        {"a\"b\"c", "abc"},
        {"\\\"a\\\\\\t\\n\\b", "\"a\\\t\n\b"},
        {"", ""},
        {"\"\"", ""},
        {"a\\\r\nb\r", "ab"},
        {"a \"b\\\nc\" # d\\", "a bc"},
        {"#", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct cdb_buf text = CDB_BUF_INIT;

        cdb_buf_addf(&text, "[chrondb \"search\"]\nlanguage =%s\n[core]\nlanguage = other\n", pairs[i][0]);
        assert_value(text.ptr, NAME, pairs[i][1]);
        cdb_buf_clear(&text);
        cdb_buf_addf(&text, "[chrondb \"search\"]\nlanguage=%s", pairs[i][0]);
        assert_value(text.ptr, NAME, pairs[i][1]);
        cdb_buf_release(&text);
    }
    assert_value("[chrondb \"search\"]\nlanguage\n", NAME, "");
    assert_value("[chrondb \"search\"]\nlanguage", NAME, "");
}

static void test_malformed(void **state)
{
    static const struct {
        const char *text;
        size_t line;
    } wrong[] = {
        {"[chrondb", 1},
        {"[chrondb \"search\"\nx = 1", 1},
        {"[chrondb \"sea\nrch\"]", 1},
        {"[a]\nx = \"b\nc\n", 2},
        {"[a]\n\n\nx = \\q\n", 4},
        {"[a]\n=b\n", 2},
        {"[a]\nx # c\n", 2},
        {"[a]\nx y\n", 2},
        {"[a b]\n", 1},
        {"[]\n", 1},
        {"[a\"b\"]\n", 1},
        {"[a]\n1x = 2\n", 2},
        {"[a]\nx_y = 2\n", 2},
        {"<<<<<<< ours\n", 1},
        {"[a]\nx = 1\n[b \"c\"", 3},
        {"[a \"\\\n\"]\n", 1},
        {"[a]\nx = a\\\n\"b\n", 2},
        {"[a\x80]\n", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_malformed(wrong[i].text, strlen(wrong[i].text), wrong[i].line);
    assert_malformed("[a]\n\0 = 1\n", 9, 2);
    assert_malformed("[a\0]\n", 5, 1);
}

/* ---- changing ----------------------------------------------------------------------------------- */

static void test_set(void **state)
{
    (void)state;
    assert_edited("", NAME, "german", "[chrondb \"search\"]\n\tlanguage = german\n", 0);
    assert_edited("[core]\n\tbare = true", NAME, "german",
                  "[core]\n\tbare = true\n[chrondb \"search\"]\n\tlanguage = german\n", 0);
    assert_edited("[core]\n", "chrondb.branch", "x", "[core]\n[chrondb]\n\tbranch = x\n", 0);
    assert_edited("[chrondb]\n\ta = 1\n[chrondb \"search\"]\n\ta = 1 # one\n\n[gc]\n", NAME, "german",
                  "[chrondb]\n\ta = 1\n[chrondb \"search\"]\n\ta = 1 # one\n\tlanguage = german\n\n[gc]\n", 0);
    assert_edited("[chrondb \"search\"] # empty", NAME, "german", "[chrondb \"search\"] # empty\n\tlanguage = german\n",
                  0);
    assert_edited("[chrondb \"search\"][gc]\nauto = 0\n", NAME, "german",
                  "[chrondb \"search\"]\n\tlanguage = german\n[gc]\nauto = 0\n", 0);
    assert_edited("# a\n[chrondb \"search\"]\n  LANGUAGE=french ; b\n# c\n", NAME, "german",
                  "# a\n[chrondb \"search\"]\n  language = german\n# c\n", 1);
    assert_edited("[chrondb \"search\"] language=a\\\n  b\n[gc]\n", NAME, "german",
                  "[chrondb \"search\"] language = german\n[gc]\n", 1);
    assert_edited("[chrondb \"search\"]\nlanguage", NAME, "german", "[chrondb \"search\"]\nlanguage = german\n", 1);
    /* A line that would be continued. */
    assert_edited("[a]\nb = c\\", NAME, "x", "[a]\nb = c\\\n\n[chrondb \"search\"]\n\tlanguage = x\n", 0);
    assert_edited("[a]\nb = c\\\r\n", NAME, "x", "[a]\nb = c\\\r\n\n[chrondb \"search\"]\n\tlanguage = x\n", 0);
    assert_edited("[chrondb \"search\"]\nb = c\\\n", NAME, "x", "[chrondb \"search\"]\nb = c\\\n\n\tlanguage = x\n", 0);
    /* Once is enough: the last one counts, and stays. */
    assert_edited("[chrondb.search] language = a\n\tlanguage = b\n[gc]\n[chrondb \"search\"]\n\tlanguage = c\n", NAME,
                  "german", "[chrondb.search]\n[gc]\n[chrondb \"search\"]\n\tlanguage = german\n", 3);
    /* Nothing to do: not a byte changes. */
    assert_edited("[CHRONDB \"search\"]\r\nlanguage=\"german\" # so\r\n", NAME, "german",
                  "[CHRONDB \"search\"]\r\nlanguage=\"german\" # so\r\n", 1);
    assert_edited("[a]\r\nb = 1\r\n", NAME, "german", "[a]\r\nb = 1\r\n[chrondb \"search\"]\n\tlanguage = german\n", 0);
}

static void test_any_value_comes_back(void **state)
{
    static const char *const values[] = {"",    " ",      " a",   "a ",    "a;b",  "#",         "\"", "\\",
                                         "a\\", "a\nb",   "\t",   "\ta",   "a\r",  "a\r\nb",    "\b", "\xC3\xA4",
                                         "a=b", "[c]\nd", "a  b", "\"a\"", "\x01", "x \\\n # y"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct cdb_buf out = CDB_BUF_INIT;
        size_t found;

        assert_int_equal(cdb_gitconfig_edit("[a]\nb = 1\n", 10, NAME, values[i], &out, &found), 0);
        assert_value(out.ptr, NAME, values[i]);
        assert_value(out.ptr, "a.b", "1");
        cdb_buf_release(&out);
    }
}

static void test_remove(void **state)
{
    (void)state;
    assert_edited("", NAME, NULL, "", 0);
    assert_edited("[gc]\n\tauto = 0", NAME, NULL, "[gc]\n\tauto = 0", 0);
    assert_edited("[gc]\n\tauto = 0\n[chrondb \"search\"]\n\tlanguage = german\n", NAME, NULL, "[gc]\n\tauto = 0\n", 1);
    assert_edited("[chrondb \"search\"]\n\tlanguage = german\n[gc]\n\tauto = 0\n", NAME, NULL, "[gc]\n\tauto = 0\n", 1);
    assert_edited("[chrondb \"search\"] language = german\n[gc]\n", NAME, NULL, "[gc]\n", 1);
    assert_edited("[chrondb \"search\"]\n\ta = 1\n\tlanguage = german # b\n", NAME, NULL,
                  "[chrondb \"search\"]\n\ta = 1\n", 1);
    assert_edited("[chrondb \"search\"]\n\t# why\n\tlanguage = german\n", NAME, NULL, "[chrondb \"search\"]\n\t# why\n",
                  1);
    assert_edited("[chrondb \"search\"] # why\n\tlanguage = german\n", NAME, NULL, "[chrondb \"search\"] # why\n", 1);
    assert_edited("[chrondb \"search\"]\nlanguage = a\n[gc]\n[chrondb \"search\"]\nlanguage\nx = 1\nlanguage = b", NAME,
                  NULL, "[gc]\n[chrondb \"search\"]\nx = 1\n", 3);
    assert_edited("[chrondb]\nbranch = a\n[chrondb \"search\"]\nlanguage = a\n", "chrondb.branch", NULL,
                  "[chrondb \"search\"]\nlanguage = a\n", 1);
}

static void test_what_is_malformed_is_not_changed(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;
    size_t found;

    (void)state;
    assert_int_equal(cdb_gitconfig_edit("[a]\n<\n", 6, NAME, "x", &out, &found), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_gitconfig_edit("[a]\n<\n", 6, NAME, NULL, &out, &found), CHRONDB_EDAMAGED);
    assert_int_equal(out.len, 0);
    cdb_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_any_value_comes_back),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_what_is_malformed_is_not_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
