/* SPDX-License-Identifier: MIT
 *
 * What of branches and tags is a matter of text: a ref taken out of packed-refs, and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/refs.h"
#include "store/retire.h"
#include "store/state.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"

static void without(const char *text, const char *ref, const char *expected)
{
    struct cdb_buf out = CDB_BUF_INIT;
    bool found = cdb_packed_refs_without(text, strlen(text), ref, &out);
    assert_false(out.failed);
    assert_int_equal(found, strcmp(text, expected) != 0);
    assert_string_equal(cdb_buf_str(&out), expected);
    cdb_buf_release(&out);
}

static void test_without(void **state)
{
    static const char header[] = "# pack-refs with: peeled fully-peeled sorted \n";
    char text[512], expected[512];
    (void)state;

    snprintf(text, sizeof(text), "%s" A " refs/heads/a\n" A " refs/tags/t\n^" B "\n" B " refs/tags/u\n", header);
    snprintf(expected, sizeof(expected), "%s" A " refs/tags/t\n^" B "\n" B " refs/tags/u\n", header);
    without(text, "refs/heads/a", expected);
    snprintf(expected, sizeof(expected), "%s" A " refs/heads/a\n" B " refs/tags/u\n", header);
    without(text, "refs/tags/t", expected); /* with what it peels to */
    snprintf(expected, sizeof(expected), "%s" A " refs/heads/a\n" A " refs/tags/t\n^" B "\n", header);
    without(text, "refs/tags/u", expected);
    without(text, "refs/heads", text);
    without(text, "refs/heads/aa", text);
    without(text, "", text);
    without("", "refs/heads/a", "");
}

/* A line that is cut short, lines twice, and lines that git would not write. */
static void test_without_odd(void **state)
{
    (void)state;
    without(A " refs/heads/a", "refs/heads/a", "");
    without(A " refs/heads/a\n" B " refs/heads/a\n", "refs/heads/a", "");
    without("^" A "\n" A "\trefs/heads/a\n\n" A "\n", "refs/heads/a", "^" A "\n" A "\trefs/heads/a\n\n" A "\n");
    without(A " refs/heads/a\r\n", "refs/heads/a", A " refs/heads/a\r\n");
    without(A " refs/heads/a\n^" B "\n^" B, "refs/heads/a", "");
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "a/b", "a.b", "\xc3\xa4", "a@b", "refs/x", "heads"};
    static const char *const bad[] = {"",    "-a",     "a b",  "HEAD",   "@",        "a..b", ".a",
                                      "a/.", "a.lock", "a//b", "a\x01b", "\xff\xff", "a/",   "\xc2\x9b"};
    struct cdb_buf out = CDB_BUF_INIT;
    char name[300], full[320];
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(cdb_ref_new_name(CDB_TAGS, "tag", good[i], &out), 0);
        snprintf(full, sizeof(full), "refs/tags/%s", good[i]);
        assert_string_equal(out.ptr, full);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(cdb_ref_new_name(CDB_HEADS, "branch", bad[i], &out), CHRONDB_EUSAGE);
        assert_string_equal(chrondb_last_error()->name, "invalid_name");
    }
    assert_int_equal(cdb_ref_new_name(CDB_HEADS, "branch", "refs/heads/x", &out), 0);
    assert_string_equal(out.ptr, "refs/heads/x");
    memset(name, 'n', 251);
    name[250] = '\0';
    assert_int_equal(cdb_ref_new_name(CDB_HEADS, "branch", name, &out), 0);
    name[250] = 'n';
    name[251] = '\0';
    assert_int_equal(cdb_ref_new_name(CDB_HEADS, "branch", name, &out), CHRONDB_EUSAGE);
    cdb_buf_release(&out);
}

static void test_forget(void **state)
{
    struct cdb_state known;
    struct cdb_oid oid;
    (void)state;

    memset(&known, 0, sizeof(known));
    memset(&oid, 7, sizeof(oid));
    cdb_state_remember(&known, "refs/heads/a", &oid, (chrondb_time){1, 2});
    cdb_state_remember(&known, "refs/heads/b", &oid, (chrondb_time){1, 2});
    cdb_state_forget(&known, "refs/heads/a");
    cdb_state_forget(&known, "refs/heads/none");
    assert_null(cdb_state_find_ref(&known, "refs/heads/a"));
    assert_non_null(cdb_state_find_ref(&known, "refs/heads/b"));
    assert_non_null(cdb_state_find(&known, &oid));
    cdb_state_forget(&known, "refs/heads/b");
    assert_null(cdb_state_find(&known, &oid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_without_odd),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
