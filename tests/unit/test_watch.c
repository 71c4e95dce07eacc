/* SPDX-License-Identifier: MIT
 *
 * chrondb_watch: what is told of commits of ours, of plain git, of branches that are forced, removed and made anew;
 * with inotify and without. At the end random histories: whoever applies the changes has what a snapshot has. Another
 * seed: CHRONDB_TEST_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <unistd.h>

#include "chrondb.h"
#include "random.h"
#include "scratch.h"
#include "util/buf.h"

#define SECOND 1000

struct world {
    char *directory, *path;
    chrondb *db;
    chrondb_watch *watch;
    char warning[200];
};

static void check(int result)
{
    if (result != 0)
        fail_msg("%d: %s", result, chrondb_last_error()->message);
}

static void notice(void *context, int level, const char *text)
{
    struct world *world = context;
    if (level == CHRONDB_WARNING)
        snprintf(world->warning, sizeof(world->warning), "%s", text);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    chrondb_open_options options = {
        .size = sizeof(options), .flags = CHRONDB_OPEN_CREATE, .notice = notice, .notice_context = world};
    assert_non_null(world);
    setenv("CHRONDB_TEST_NOW", "2026-11-21T10:00:00Z", 1);
    unsetenv("CHRONDB_TEST_NO_INOTIFY");
    unsetenv("CHRONDB_TEST_NO_CATALOG");
    world->directory = scratch_new();
    world->path = scratch_path(world->directory, "db");
    check(chrondb_open(&world->db, world->path, &options));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    chrondb_watch_free(world->watch);
    chrondb_close(world->db);
    free(world->path);
    scratch_remove(world->directory);
    free(world);
    return 0;
}

/* ---- acting -------------------------------------------------------------------------------------------- */

/* A shell script in the repository, with plain git; it must succeed. */
static void git(const struct world *world, const char *format, ...)
{
    struct cdb_buf command = CDB_BUF_INIT;
    va_list args;
    cdb_buf_addf(&command,
                 "cd '%s' && export GIT_DIR=. GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A "
                 "GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent && { ",
                 world->path);
    va_start(args, format);
    cdb_buf_vaddf(&command, format, args);
    va_end(args);
    cdb_buf_adds(&command, " ; } >/dev/null");
    if (system(command.ptr) != 0)
        fail_msg("failed: %s", command.ptr);
    cdb_buf_release(&command);
}

/* "KEY=VALUE KEY= ..." as one commit of a branch; no value: a deletion. */
static void commit(const struct world *world, const char *branch, const char *changes)
{
    chrondb_write_options write = {.size = sizeof(write), .branch = branch};
    chrondb_batch *batch = NULL;
    char *copy = strdup(changes), *rest = NULL;
    check(chrondb_batch_new(&batch, world->db));
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        check(*value != '\0' ? chrondb_batch_put(batch, word, value, strlen(value), NULL)
                             : chrondb_batch_delete(batch, word, NULL));
    }
    check(chrondb_batch_commit(batch, &write));
    chrondb_batch_free(batch);
    free(copy);
}

static void open_watch(struct world *world, const chrondb_watch_options *options)
{
    chrondb_watch_free(world->watch);
    world->watch = NULL;
    check(chrondb_watch_open(&world->watch, world->db, options));
}

/* What is told until there is no more: "KEY=VALUE KEY= | ...", a bar between commits, '+' before a creation. */
static char *told(struct world *world)
{
    struct cdb_buf out = CDB_BUF_INIT;
    char last[CHRONDB_HEX_SIZE + 1] = "";
    chrondb_event event;
    int result;
    while ((result = chrondb_watch_next(world->watch, &event)) == 0) {
        if (out.len > 0)
            cdb_buf_adds(&out, strcmp(last, event.commit) == 0 ? " " : " | ");
        strcpy(last, event.commit);
        cdb_buf_addf(&out, "%s%s=", event.op == CHRONDB_OP_CREATE ? "+" : "", event.key);
        assert_true((event.op == CHRONDB_OP_DELETE) == (event.value == NULL));
        cdb_buf_add(&out, event.value, event.value_size);
    }
    if (result != CHRONDB_END)
        cdb_buf_addf(&out, "%s%s", out.len > 0 ? " " : "", chrondb_last_error()->name);
    char *text = strdup(cdb_buf_str(&out));
    cdb_buf_release(&out);
    return text;
}

static void tells(struct world *world, const char *expected)
{
    char *actual = told(world);
    assert_string_equal(actual, expected);
    free(actual);
}

static bool is_readable(const struct world *world, int timeout_ms)
{
    struct pollfd fd = {.fd = chrondb_watch_fd(world->watch), .events = POLLIN};
    int result = poll(&fd, 1, timeout_ms);
    assert_true(result >= 0);
    return result == 1;
}

/* It wakes up, and tells that. It may have to be asked again, since more than one thing can happen. */
static void wakes_and_tells(struct world *world, const char *expected)
{
    char *actual = NULL;
    for (int i = 0; i < 100 && (actual == NULL || *actual == '\0'); i++) {
        free(actual);
        assert_true(is_readable(world, 10 * SECOND));
        actual = told(world);
    }
    assert_string_equal(actual, expected);
    free(actual);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void test_changes(void **state)
{
    struct world *world = *state;
    chrondb_event event;
    commit(world, NULL, "a:1=1 b:1=1");
    open_watch(world, NULL);
    tells(world, "");
    assert_false(is_readable(world, 0));
    commit(world, NULL, "b:1=2 a:1= c=1");
    commit(world, NULL, "a:1=3");
    wakes_and_tells(world, "a:1= b:1=2 +c=1 | +a:1=3");
    tells(world, "");
    assert_false(is_readable(world, 0));
    commit(world, NULL, "k=\"x\"");
    check(chrondb_watch_next(world->watch, &event));
    assert_string_equal(event.branch, "main");
    assert_int_equal(event.time.seconds, 1795255200);
    assert_int_equal(event.time.nanoseconds, 3);
    assert_int_equal(event.value_size, 3);
    assert_int_equal(chrondb_watch_next(world->watch, &event), CHRONDB_END);
}

static void test_prefix_and_table(void **state)
{
    struct world *world = *state;
    chrondb_watch_options options = {.size = sizeof(options), .prefix = "user:1"};
    open_watch(world, &options);
    commit(world, NULL, "user:1=1 user:12=1 user:2=1 user=1 users:1=1");
    commit(world, NULL, "user:2=2");
    commit(world, NULL, "user:1=2");
    tells(world, "+user:1=1 +user:12=1 | user:1=2");
    options = (chrondb_watch_options){.size = sizeof(options), .table = "user", .since = "2020"};
    open_watch(world, &options);
    tells(world, "+user:1=1 +user:12=1 +user:2=1 | user:2=2 | user:1=2");
    options.table = "";
    open_watch(world, &options);
    tells(world, "+user=1");
    options.prefix = "x";
    open_watch(world, &options);
    tells(world, "");
}

static void test_since(void **state)
{
    struct world *world = *state;
    chrondb_watch_options options = {.size = sizeof(options), .since = "main~1"};
    commit(world, NULL, "k=1");
    setenv("CHRONDB_TEST_NOW", "2026-11-21T10:00:05Z", 1);
    commit(world, NULL, "k=2");
    check(chrondb_tag_create(world->db, "v2", NULL, NULL, 0, 0, NULL, NULL));
    setenv("CHRONDB_TEST_NOW", "2026-11-21T10:00:09Z", 1);
    commit(world, NULL, "k=3");
    open_watch(world, &options);
    tells(world, "k=3");
    options.since = "v2";
    open_watch(world, &options);
    tells(world, "k=3");
    options.since = "2026-11-21T10:00:04Z";
    open_watch(world, &options);
    tells(world, "k=2 | k=3");
    options.since = "1 month ago";
    open_watch(world, &options);
    tells(world, "+k=1 | k=2 | k=3");
    options.since = "now";
    open_watch(world, &options);
    tells(world, "");
    options.since = "no such moment";
    assert_int_equal(chrondb_watch_open(&world->watch, world->db, &options), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->name, "invalid_time");
}

static void test_an_empty_database(void **state)
{
    struct world *world = *state;
    open_watch(world, NULL);
    tells(world, "");
    commit(world, NULL, "k=1");
    wakes_and_tells(world, "+k=1");
    assert_string_equal(world->warning, "");
}

/* A branch in folders that are not there yet, and that go when the ref is packed. */
static void test_a_branch_that_comes_and_goes(void **state)
{
    struct world *world = *state;
    chrondb_watch_options options = {.size = sizeof(options), .branch = "a/b/c"};
    commit(world, NULL, "k=1");
    commit(world, NULL, "k=2");
    open_watch(world, &options);
    assert_string_equal(world->warning, "there is no branch 'a/b/c': it is waited for");
    tells(world, "");
    commit(world, NULL, "k=3");
    tells(world, "");
    check(chrondb_branch_create(world->db, "a/b/c", NULL, "main~1", 0, NULL, NULL));
    wakes_and_tells(world, "+k=1 | k=2");
    git(world, "git pack-refs --all --prune && test ! -e refs/heads/a");
    tells(world, "");
    commit(world, "a/b/c", "k=4");
    wakes_and_tells(world, "k=4");
    git(world, "git pack-refs --all --prune && git update-ref refs/heads/a/b/c main");
    wakes_and_tells(world, "k=3"); /* main does not have k=4 in its past */
    git(world, "git update-ref -d refs/heads/a/b/c");
    tells(world, "");
    git(world, "git update-ref refs/heads/a/b/c main~1 && git pack-refs --all --prune");
    wakes_and_tells(world, "k=2");
    options.branch = "no..name";
    chrondb_watch *none = NULL;
    assert_int_equal(chrondb_watch_open(&none, world->db, &options), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->name, "no_branch");
}

static void test_a_forced_branch(void **state)
{
    struct world *world = *state;
    commit(world, NULL, "k=1 l=1");
    commit(world, NULL, "k=2 m=1");
    commit(world, NULL, "l=");
    open_watch(world, NULL);
    git(world, "git update-ref refs/heads/main main~2");
    wakes_and_tells(world, "k=1 +l=1 m=");
    commit(world, NULL, "k=5");
    wakes_and_tells(world, "k=5");
    git(world, "git update-ref refs/heads/main $(git commit-tree -m x $(git mktree </dev/null))");
    wakes_and_tells(world, "k= l=");
    commit(world, NULL, "k=6");
    commit(world, NULL, "k=7");
    wakes_and_tells(world, "+k=6 | k=7");
}

/* Changes against the first parent; the side's commits are not told one by one. */
static void test_a_merge(void **state)
{
    struct world *world = *state;
    chrondb_merge *merge = NULL;
    commit(world, NULL, "k=1");
    check(chrondb_branch_create(world->db, "side", NULL, NULL, 0, NULL, NULL));
    commit(world, "side", "a=1");
    commit(world, "side", "a=2 b=1");
    commit(world, NULL, "k=2");
    open_watch(world, NULL);
    check(chrondb_merge_new(&merge, world->db));
    check(chrondb_merge_run(merge, "side", NULL));
    chrondb_merge_free(merge);
    commit(world, NULL, "k=3");
    wakes_and_tells(world, "+a=2 +b=1 | k=3");
}

/* Trees of other tools: a document beside the fan-out, files that are none, a commit that changes nothing. */
static void test_plain_git(void **state)
{
    struct world *world = *state;
    commit(world, NULL, "user:1=1");
    open_watch(world, NULL);
    git(world, "blob=$(echo '{\"n\":2}' | git hash-object -w --stdin) && "
               "user=$(printf '100644 blob %%s\\t1.json\\n100644 blob %%s\\tREADME\\n' $blob $blob | git mktree) && "
               "root=$(printf '040000 tree %%s\\tuser\\n' $user | git mktree) && "
               "one=$(git commit-tree -p main -m one $root) && two=$(git commit-tree -p $one -m two $root) && "
               "git update-ref refs/heads/main $two");
    wakes_and_tells(world, "user:1={\"n\":2}\n");
}

/* More commits than are read without asking the catalog. */
static void test_a_long_way(void **state)
{
    struct world *world = *state;
    chrondb_import_options options = {.size = sizeof(options), .mode = CHRONDB_IMPORT_EACH};
    chrondb_watch_options watch = {.size = sizeof(watch)};
    chrondb_import *import = NULL;
    struct cdb_buf expected = CDB_BUF_INIT;
    char line[64];
    open_watch(world, &watch);
    check(chrondb_import_open(&import, world->db, &options));
    for (int i = 0; i < 1300; i++) {
        snprintf(line, sizeof(line), "{\"key\":\"k\",\"value\":%d}", i);
        check(chrondb_import_line(import, line, strlen(line)));
        cdb_buf_addf(&expected, "%sk=%d", i > 0 ? " | " : "+", i);
    }
    check(chrondb_import_finish(import));
    chrondb_import_free(import);
    wakes_and_tells(world, expected.ptr);
    git(world, "git update-ref refs/keep/end main");
    for (int round = 0; round < 2; round++) { /* with the catalog, and without */
        watch.since = "2020";
        open_watch(world, &watch);
        tells(world, expected.ptr);
        watch.since = "main~600";
        open_watch(world, &watch);
        tells(world, strstr(expected.ptr, "k=700"));
        git(world, "git update-ref refs/heads/main main~1200");
        tells(world, "k=99");
        git(world, "git update-ref refs/heads/main refs/keep/end");
        tells(world, strstr(expected.ptr, "k=100 "));
        git(world, "git update-ref refs/heads/main $(git commit-tree -m x $(git rev-parse main~1^{tree}))");
        tells(world, "k=1298");
        git(world, "git update-ref refs/heads/main refs/keep/end"); /* another past */
        tells(world, "k=1299");
        setenv("CHRONDB_TEST_NO_CATALOG", "1", 1);
    }
    cdb_buf_release(&expected);
}

static void test_many_changes_at_once(void **state)
{
    struct world *world = *state;
    chrondb_import_options options = {.size = sizeof(options), .mode = CHRONDB_IMPORT_ONE};
    chrondb_import *import = NULL;
    chrondb_event event;
    char line[64], key[16];
    open_watch(world, NULL);
    check(chrondb_import_open(&import, world->db, &options));
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "{\"key\":\"t:%05d\",\"value\":%d}", i * 7919 % 5000, i);
        check(chrondb_import_line(import, line, strlen(line)));
    }
    check(chrondb_import_finish(import));
    chrondb_import_free(import);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "t:%05d", i);
        check(chrondb_watch_next(world->watch, &event));
        assert_string_equal(event.key, key);
        assert_int_equal(event.op, CHRONDB_OP_CREATE);
    }
    tells(world, "");
}

static void test_the_database_is_removed(void **state)
{
    struct world *world = *state;
    commit(world, NULL, "k=1");
    open_watch(world, NULL);
    tells(world, "");
    git(world, "mv ../db ../moved && mkdir ../db"); /* it is the same database, elsewhere */
    commit(world, NULL, "k=2");
    wakes_and_tells(world, "k=2");
    git(world, "rm -rf ../moved");
    wakes_and_tells(world, "no_database");
    assert_false(is_readable(world, 0));
    tells(world, "no_database");
}

static void test_without_inotify(void **state)
{
    struct world *world = *state;
    setenv("CHRONDB_TEST_NO_INOTIFY", "1", 1);
    test_a_branch_that_comes_and_goes(state);
    open_watch(world, NULL);
    tells(world, "");
    git(world, "rm -rf ../db");
    wakes_and_tells(world, "no_database");
}

/* ---- random histories ----------------------------------------------------------------------------------- */

#define KEYS 12

struct replica {
    char *values[KEYS]; /* NULL: not there */
};

static void key_name(size_t index, char key[16])
{
    snprintf(key, 16, index % 3 == 0 ? "k%zu" : "t%zu:1", index);
}

/* Each change fits what there was. */
static void apply(struct replica *replica, const chrondb_event *event)
{
    size_t index = (size_t)strtoul(event->key + 1, NULL, 10);
    char key[16];
    key_name(index, key);
    assert_string_equal(event->key, key);
    assert_true((event->op == CHRONDB_OP_CREATE) == (replica->values[index] == NULL));
    free(replica->values[index]);
    replica->values[index] = event->value != NULL ? strndup(event->value, event->value_size) : NULL;
}

static void compare(struct world *world, const struct replica *replica, const char *branch)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {0};
    char key[16];
    if (chrondb_snapshot_open(&snapshot, world->db, branch, NULL) != 0)
        return; /* it is not there just now */
    for (size_t i = 0; i < KEYS && chrondb_snapshot_commit(snapshot) != NULL; i++) {
        key_name(i, key);
        int result = chrondb_get(snapshot, key, &value);
        assert_int_equal(result, replica->values[i] != NULL ? 0 : CHRONDB_NOTFOUND);
        if (result == 0)
            assert_string_equal(value.data, replica->values[i]);
    }
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
}

static void write_something(struct world *world, struct random *random, const char *branch)
{
    struct cdb_buf changes = CDB_BUF_INIT;
    char key[16];
    for (size_t i = 0; i < KEYS; i++)
        if (random_chance(random, 25)) {
            key_name(i, key);
            cdb_buf_addf(&changes, "%s=%zu ", key, random_below(random, 1000));
        }
    if (changes.len > 0)
        commit(world, branch, changes.ptr);
    cdb_buf_release(&changes);
}

static void do_something(struct world *world, struct random *random, const char *branch)
{
    const char *ref = strcmp(branch, "main") == 0 ? "main" : "topic/one";
    switch (random_below(random, 24)) {
    case 0:
        git(world, "git update-ref refs/heads/%s $(git rev-list --all | sed -n '%zup;$p' | head -n1)", ref,
            1 + random_below(random, 40));
        break;
    case 1:
        git(world, "git pack-refs --all --prune");
        break;
    case 2:
        if (strcmp(ref, "main") != 0)
            git(world, "git update-ref -d refs/heads/%s; rmdir refs/heads/topic 2>/dev/null || :", ref);
        break;
    case 3:
        git(world, "git update-ref refs/heads/%s main", ref);
        break;
    case 4:
        check(chrondb_gc(world->db, NULL, NULL, NULL));
        break;
    case 5:
        git(world, "rm -rf chrondb/index");
        break;
    case 6:
        git(world, "test ! -e refs/heads/%s || git update-ref refs/heads/%s refs/heads/%s~1 2>/dev/null || :", ref, ref,
            ref);
        break;
    default: {
        chrondb_ref made;
        if (chrondb_branch_create(world->db, branch, NULL, NULL, 0, NULL, &made) != 0 &&
            strcmp(chrondb_last_error()->name, "exists") != 0)
            check(CHRONDB_ESYSTEM);
        write_something(world, random, branch);
    }
    }
}

static void test_random_histories(void **state)
{
    struct world *world = *state;
    struct random random = random_seed(7);
    struct replica replicas[2] = {0};
    static const char *const branches[] = {"main", "topic/one"};
    chrondb_watch *watches[2];
    chrondb_event event;
    size_t changes = 0;
    commit(world, NULL, "k0=1");
    for (size_t b = 0; b < 2; b++) {
        chrondb_watch_options options = {.size = sizeof(options), .branch = branches[b], .since = "2020"};
        check(chrondb_watch_open(&watches[b], world->db, &options));
    }
    for (int step = 0; step < 150; step++) {
        do_something(world, &random, branches[random_below(&random, 2)]);
        for (size_t b = 0; b < 2; b++) {
            int result = 0;
            if (random_chance(&random, 40))
                continue; /* several things at once */
            while ((result = chrondb_watch_next(watches[b], &event)) == 0) {
                apply(&replicas[b], &event);
                changes++;
                if (random_chance(&random, 2)) /* while it is telling */
                    do_something(world, &random, branches[random_below(&random, 2)]);
            }
            if (result != CHRONDB_END)
                fail_msg("%s", chrondb_last_error()->message);
            compare(world, &replicas[b], branches[b]);
        }
    }
    printf("%zu changes\n", changes);
    assert_true(changes > 300);
    for (size_t b = 0; b < 2; b++) {
        chrondb_watch_free(watches[b]);
        for (size_t i = 0; i < KEYS; i++)
            free(replicas[b].values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefix_and_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_since, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_branch_that_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_forced_branch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_git, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_changes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_database_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_inotify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_histories, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
