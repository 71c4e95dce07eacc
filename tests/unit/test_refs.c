/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"
#include "scratch.h"
#include "store.h"
#include "store/refs.h"

#define ONE   "1111111111111111111111111111111111111111"
#define TWO   "2222222222222222222222222222222222222222"
#define MIXED "aBcDeF0123456789aBcDeF0123456789aBcDeF01"

/* A directory with a repository's refs. */
struct fixture {
    char *path;
    int dir;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->path = scratch_new();
    fixture->dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->dir >= 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->dir);
    scratch_remove(fixture->path);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, const char *name, const char *text)
{
    scratch_write(fixture->path, name, text, strlen(text));
}

static void expect_ref(struct fixture *fixture, const char *ref, const char *hex)
{
    struct cdb_oid oid, expected;

    assert_true(cdb_oid_parse(hex, &expected));
    if (cdb_ref_read(fixture->dir, ref, &oid) != 0)
        fail_msg("%s: %s", ref, chrondb_last_error()->message);
    assert_true(cdb_oid_equal(&oid, &expected));
}

static void expect_status(struct fixture *fixture, const char *ref, int status)
{
    struct cdb_oid oid;
    int result = cdb_ref_read(fixture->dir, ref, &oid);

    if (result != status)
        fail_msg("%s: %d instead of %d", ref, result, status);
}

static void expect_branch(struct fixture *fixture, const char *branch, const char *full)
{
    struct cdb_buf out = CDB_BUF_INIT;

    if (cdb_ref_branch(fixture->dir, branch, &out) != 0)
        fail_msg("%s: %s", branch != NULL ? branch : "HEAD", chrondb_last_error()->message);
    assert_string_equal(out.ptr, full);
    cdb_buf_release(&out);
}

static void expect_no_branch(struct fixture *fixture, const char *branch)
{
    struct cdb_buf out = CDB_BUF_INIT;

    if (cdb_ref_branch(fixture->dir, branch, &out) != CHRONDB_EUSAGE)
        fail_msg("%s is %s", branch != NULL ? branch : "HEAD", cdb_buf_str(&out));
    assert_string_equal(chrondb_last_error()->name, "no_branch");
    cdb_buf_release(&out);
}

/* ---- loose ------------------------------------------------------------------------------------- */

static void test_loose(void **state)
{
    put(*state, "refs/heads/main", ONE "\n");
    put(*state, "refs/heads/bare", TWO);
    put(*state, "refs/heads/blank", TWO " \t\r\n\n");
    put(*state, "refs/heads/deep/er/x", MIXED "\n");
    expect_ref(*state, "refs/heads/main", ONE);
    expect_ref(*state, "refs/heads/bare", TWO);
    expect_ref(*state, "refs/heads/blank", TWO);
    expect_ref(*state, "refs/heads/deep/er/x", MIXED);
    expect_status(*state, "refs/heads/none", 1);
    expect_status(*state, "refs/heads/deep", 1);
    expect_status(*state, "refs/heads/deep/er", 1);
    expect_status(*state, "refs/heads/main/below", 1);
    expect_status(*state, "refs/none/none", 1);
}

static void test_hostile_files(void **state)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        " ",
                                        "x",
                                        "111111111111111111111111111111111111111\n",
                                        ONE "1\n",
                                        "111111111111111111111111111111111111111g\n",
                                        " " ONE "\n",
                                        ONE "\n" TWO "\n",
                                        "ref:",
                                        "ref: ",
                                        "ref: \n",
                                        "ref: main\n",
                                        "ref: HEAD\n",
                                        "ref: ../../etc/passwd\n",
                                        "ref: refs/../../x\n",
                                        "ref: refs/heads/a..b\n",
                                        "ref: refs/heads/x.lock\n",
                                        "ref: refs/heads/a b\n",
                                        "ref: refs/heads/a\nref: refs/heads/b\n",
                                        "ref: /refs/heads/a\n",
                                        "REF: refs/heads/a\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(*state, "refs/heads/x", texts[i]);
        expect_status(*state, "refs/heads/x", CHRONDB_EDAMAGED);
        assert_string_equal(chrondb_last_error()->path, "refs/heads/x");
    }
    char *long_text = calloc(1, 100001);
    assert_non_null(long_text);
    memset(long_text, '1', 100000);
    put(*state, "refs/heads/x", long_text);
    expect_status(*state, "refs/heads/x", CHRONDB_EDAMAGED);
    memset(long_text, ' ', 100000);
    memcpy(long_text, "ref:", 4);
    put(*state, "refs/heads/x", long_text);
    expect_status(*state, "refs/heads/x", CHRONDB_EDAMAGED);
    free(long_text);
    scratch_write(((struct fixture *)*state)->path, "refs/heads/x", "1\0" ONE, 42);
    expect_status(*state, "refs/heads/x", CHRONDB_EDAMAGED);
}

/* What cannot be read is not what is not there: a write would begin a second history. */
static void test_unreadable(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "refs/heads/main", ONE "\n");
    assert_int_equal(symlinkat("loop", fixture->dir, "refs/heads/loop"), 0);
    expect_status(fixture, "refs/heads/loop", CHRONDB_ESYSTEM);
    if (geteuid() == 0)
        return; /* root reads everything */
    assert_int_equal(fchmodat(fixture->dir, "refs/heads/main", 0, 0), 0);
    expect_status(fixture, "refs/heads/main", CHRONDB_ESYSTEM);
}

/* ---- packed ------------------------------------------------------------------------------------- */

static void test_packed(void **state)
{
    put(*state, "packed-refs",
        "# pack-refs with: peeled fully-peeled sorted \n" ONE " refs/heads/main\n" TWO " refs/heads/main2\n" ONE
        " refs/tags/v1\n^" TWO "\n" TWO " refs/heads/last");
    expect_ref(*state, "refs/heads/main", ONE);
    expect_ref(*state, "refs/heads/main2", TWO);
    expect_ref(*state, "refs/tags/v1", ONE);
    expect_ref(*state, "refs/heads/last", TWO); /* no newline at the end */
    expect_status(*state, "refs/heads/mai", 1);
    expect_status(*state, "refs/heads/main22", 1);
    put(*state, "refs/heads/main", TWO "\n"); /* the loose one is newer */
    expect_ref(*state, "refs/heads/main", TWO);
    put(*state, "refs/heads/last/.keep", ""); /* an empty directory, as git leaves them */
    expect_ref(*state, "refs/heads/last", TWO);
}

static void test_hostile_packed(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"", 1},
        {"\n\n\n", 1},
        {"#", 1},
        {ONE, 1},
        {ONE " ", 1},
        {"x refs/heads/main\n", 1},
        {ONE "\trefs/heads/main\n", 1},
        {ONE " refs/heads/main \n", 1},
        {ONE "  refs/heads/main\n", 1},
        {ONE " refs/heads/main\r\n", 1},
        {"g111111111111111111111111111111111111111 refs/heads/main\n", CHRONDB_EDAMAGED},
        {"\n" ONE " refs/heads/main\n", 0},
        {ONE " refs/heads/main\n" TWO " refs/heads/main\n", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(*state, "packed-refs", cases[i].text);
        expect_status(*state, "refs/heads/main", cases[i].status);
    }
    static const char with_nul[] = ONE " refs/heads/ma\0n\n";
    scratch_write(((struct fixture *)*state)->path, "packed-refs", with_nul, sizeof(with_nul) - 1);
    expect_status(*state, "refs/heads/main", 1);
}

static void test_random_packed(void **state)
{
    static const char alphabet[] = "1 \n^#refs/heads/main";
    struct random random = random_seed(10);
    char text[300];

    for (int i = 0; i < 3000; i++) {
        size_t len = random_below(&random, sizeof(text) - 1);
        for (size_t k = 0; k < len; k++)
            text[k] = alphabet[random_below(&random, sizeof(alphabet))];
        scratch_write(((struct fixture *)*state)->path, "packed-refs", text, len);
        expect_status(*state, "refs/heads/main", 1);
    }
}

/* ---- symbolic ------------------------------------------------------------------------------------ */

static void test_symbolic(void **state)
{
    put(*state, "HEAD", "ref: refs/heads/main\n");
    put(*state, "refs/heads/alias", "ref:refs/heads/main");
    put(*state, "refs/heads/again", "ref: \t refs/heads/alias \n");
    put(*state, "refs/remotes/origin/HEAD", "ref: refs/heads/packed\n");
    put(*state, "packed-refs", TWO " refs/heads/packed\n");
    expect_status(*state, "HEAD", 1); /* there is no commit yet */
    expect_branch(*state, NULL, "refs/heads/main");
    expect_branch(*state, "", "refs/heads/main");
    put(*state, "refs/heads/main", ONE "\n");
    expect_ref(*state, "HEAD", ONE);
    expect_ref(*state, "refs/heads/alias", ONE);
    expect_ref(*state, "refs/heads/again", ONE);
    expect_ref(*state, "refs/remotes/origin/HEAD", TWO);
    expect_branch(*state, NULL, "refs/heads/main");
    expect_branch(*state, "main", "refs/heads/main");
    expect_branch(*state, "again", "refs/heads/main"); /* a write goes to what it names */
    expect_branch(*state, "none", "refs/heads/none");
}

static void test_loops(void **state)
{
    put(*state, "HEAD", "ref: refs/heads/a\n");
    put(*state, "refs/heads/a", "ref: refs/heads/b\n");
    put(*state, "refs/heads/b", "ref: refs/heads/a\n");
    put(*state, "refs/heads/self", "ref: refs/heads/self\n");
    expect_status(*state, "HEAD", CHRONDB_EDAMAGED);
    expect_status(*state, "refs/heads/a", CHRONDB_EDAMAGED);
    expect_status(*state, "refs/heads/self", CHRONDB_EDAMAGED);
}

static void test_head(void **state)
{
    struct fixture *fixture = *state;
    struct cdb_buf out = CDB_BUF_INIT;

    put(fixture, "HEAD", ONE "\n");
    expect_no_branch(fixture, NULL); /* detached */
    assert_non_null(strstr(chrondb_last_error()->message, "HEAD"));
    put(fixture, "HEAD", "");
    assert_int_equal(cdb_ref_branch(fixture->dir, NULL, &out), CHRONDB_EDAMAGED);
    put(fixture, "HEAD", "nonsense\n");
    assert_int_equal(cdb_ref_branch(fixture->dir, NULL, &out), CHRONDB_EDAMAGED);
    put(fixture, "HEAD", "ref: refs/heads/main\n");
    put(fixture, "refs/heads/main", "torn");
    expect_branch(fixture, NULL, "refs/heads/main"); /* that it is damaged is told by who reads it */
    expect_status(fixture, "refs/heads/main", CHRONDB_EDAMAGED);
    cdb_buf_release(&out);
}

/* ---- names -------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    static const char *const good[] = {
        "refs/heads/main", "a",         "a/b",           "refs/heads/\xc3\xa4", "refs/heads/a-b_c.d",
        "refs/heads/@",    "a.lockx/b", "refs/heads/-x", "refs/heads/a@b"};
    static const char *const bad[] = {"",       "/",        "/a",    "a/",  "a//b",  ".a",  "a/.b",   "a..b", "a.",
                                      "a.lock", "a.lock/b", "a b",   "a~1", "a^",    "a:b", "a?",     "a*",   "a[b",
                                      "a\\b",   "a\x01",    "a\x7f", "a\n", "a@{1}", "..",  "a/../b", "a/..", "./a"};
    char long_name[1200];
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!cdb_ref_name_valid(good[i]))
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (cdb_ref_name_valid(bad[i]))
            fail_msg("'%s' is accepted", bad[i]);
    memset(long_name, 'n', sizeof(long_name));
    long_name[1000] = '\0';
    assert_true(cdb_ref_name_valid(long_name));
    long_name[1000] = 'n';
    long_name[1001] = '\0';
    assert_false(cdb_ref_name_valid(long_name));
}

static void test_branch_names(void **state)
{
    static const char *const bad[] = {"-x", "--all", "a b", "../x", "a..b", "x.lock", "/", "a/", "@{-1}", "a\nb"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_no_branch(*state, bad[i]);
    expect_branch(*state, "feature/x", "refs/heads/feature/x");
    expect_branch(*state, "refs/heads/main", "refs/heads/main");
    expect_branch(*state, "@", "refs/heads/@");
}

static void test_any_branch(void **state)
{
    struct fixture *fixture = *state;

    assert_false(cdb_ref_any_branch(fixture->dir));
    put(fixture, "packed-refs", "# pack-refs\n" ONE " refs/tags/x\n");
    put(fixture, "refs/tags/x", ONE);
    put(fixture, "refs/heads/main.lock", "");
    put(fixture, "refs/heads/deep/er/.x", "");
    assert_false(cdb_ref_any_branch(fixture->dir));
    put(fixture, "refs/heads/deep/er/branch", ONE);
    assert_true(cdb_ref_any_branch(fixture->dir));
    put(fixture, "packed-refs", ONE " refs/heads/x\n");
    assert_int_equal(unlinkat(fixture->dir, "refs/heads/deep/er/branch", 0), 0);
    assert_true(cdb_ref_any_branch(fixture->dir));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_loose),          TEST(test_hostile_files), TEST(test_unreadable),   TEST(test_packed),
        TEST(test_hostile_packed), TEST(test_random_packed), TEST(test_symbolic),     TEST(test_loops),
        TEST(test_head),           TEST(test_names),         TEST(test_branch_names), TEST(test_any_branch),
    };

    return cmocka_run_group_tests_name("refs", tests, NULL, NULL);
}
