/* SPDX-License-Identifier: MIT
 *
 * chrondb.h as a program sees it: handles, errors, buffers, iterators, threads. What documents do is in
 * test_property.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chrondb.h"
#include "fixture.h"
#include "scratch.h"

static int put_with(chrondb *db, const char *key, const char *value, const chrondb_condition *condition,
                    const chrondb_write_options *options, char commit[CHRONDB_HEX_SIZE + 1])
{
    chrondb_batch *batch = NULL;
    int status = chrondb_batch_new(&batch, db);

    if (status == 0)
        status = chrondb_batch_put(batch, key, value, strlen(value), condition);
    if (status == 0)
        status = chrondb_batch_commit(batch, options);
    if (status == 0 && commit != NULL)
        snprintf(commit, CHRONDB_HEX_SIZE + 1, "%s", chrondb_batch_result(batch, 0)->commit);
    if (status == 0)
        chrondb_batch_free(batch);
    else { /* the error must outlive the batch */
        char message[300];
        snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
        chrondb_batch_free(batch);
        assert_string_equal(chrondb_last_error()->message, message);
    }
    return status;
}

static int put(chrondb *db, const char *key, const char *value)
{
    return put_with(db, key, value, NULL, NULL, NULL);
}

static chrondb_snapshot *now(chrondb *db)
{
    chrondb_snapshot *snapshot = NULL;

    if (chrondb_snapshot_open(&snapshot, db, NULL, NULL) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    return snapshot;
}

static void expect_document(chrondb *db, const char *key, const char *value)
{
    chrondb_snapshot *snapshot = now(db);
    chrondb_buffer buffer = {NULL, 0, 0};
    int status = chrondb_get(snapshot, key, &buffer);

    assert_int_equal(status, value != NULL ? CHRONDB_OK : CHRONDB_NOTFOUND);
    if (value != NULL)
        assert_string_equal(buffer.data, value);
    chrondb_buffer_free(&buffer);
    chrondb_snapshot_free(snapshot);
}

/* ---- handles ------------------------------------------------------------------------------------- */

static void test_one_instance(void **state)
{
    struct fixture *fixture = *state;
    chrondb *again = NULL;
    char spelling[PATH_MAX], link[PATH_MAX], before[PATH_MAX];

    assert_string_equal(chrondb_version(), CHRONDB_VERSION);
    assert_int_equal(chrondb_was_created(fixture->db), 1);
    assert_true(chrondb_path(fixture->db)[0] == '/');
    assert_non_null(getcwd(before, sizeof(before)));
    snprintf(link, sizeof(link), "%s/link", fixture->directory);
    assert_int_equal(symlink("db", link), 0);
    assert_int_equal(chdir(fixture->directory), 0);
    static const char *const forms[] = {"db", "./db", "db/", "db/.", "link", "../%s/db", "link/../db//", "%s/db"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strncmp(forms[i], "../", 3) == 0)
            snprintf(spelling, sizeof(spelling), "..%s/db", strrchr(fixture->directory, '/'));
        else if (forms[i][0] == '%')
            snprintf(spelling, sizeof(spelling), "%s/db", fixture->directory);
        else
            snprintf(spelling, sizeof(spelling), "%s", forms[i]);
        assert_int_equal(chrondb_open(&again, spelling, i % 2 == 0 ? NULL : &fixture_create), 0);
        assert_true(again == fixture->db);
        chrondb_close(again);
    }
    assert_int_equal(chdir(before), 0);
    assert_int_equal(put(fixture->db, "k", "1"), 0); /* still open */
    chrondb_close(NULL);
}

static void test_reopened(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    chrondb_close(fixture->db);
    assert_int_equal(chrondb_open(&fixture->db, fixture->path, NULL), 0);
    assert_int_equal(chrondb_was_created(fixture->db), 0);
    expect_document(fixture->db, "k", "1");
}

/* A child has instances of its own: its parent's locks are not its own. */
static void test_fork(void **state)
{
    struct fixture *fixture = *state;
    int status;

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        chrondb *own = NULL;
        bool good = chrondb_open(&own, fixture->path, NULL) == 0 && own != fixture->db && put(own, "child", "2") == 0;
        chrondb_close(own);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_document(fixture->db, "child", "2");
    assert_int_equal(put(fixture->db, "k", "3"), 0);
}

/* The directory may be renamed under an open handle. */
static void test_moved(void **state)
{
    struct fixture *fixture = *state;
    char *moved = scratch_path(fixture->directory, "moved");
    chrondb *again = NULL;

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    assert_int_equal(rename(fixture->path, moved), 0);
    assert_int_equal(put(fixture->db, "k", "2"), 0);
    expect_document(fixture->db, "k", "2");
    assert_int_equal(chrondb_open(&again, moved, NULL), 0);
    assert_true(again == fixture->db);
    chrondb_close(again);
    free(moved);
}

static void test_open_errors(void **state)
{
    struct fixture *fixture = *state;
    char *path = scratch_path(fixture->directory, "other");
    char *long_path = calloc(1, 2 * PATH_MAX);
    chrondb *db = NULL;

    expect_error(chrondb_open(&db, path, NULL), CHRONDB_ENODB, "no_database");
    assert_non_null(strstr(chrondb_last_error()->message, path));
    assert_int_equal(access(path, F_OK), -1);
    expect_error(chrondb_open(&db, "", &fixture_create), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_open(&db, NULL, &fixture_create), CHRONDB_EUSAGE, "usage");
    assert_non_null(long_path);
    memset(long_path, 'x', 2 * PATH_MAX - 1);
    expect_error(chrondb_open(&db, long_path, &fixture_create), CHRONDB_EUSAGE, "usage");
    scratch_write(fixture->directory, "other", "a file", 6);
    expect_error(chrondb_open(&db, path, &fixture_create), CHRONDB_ENODB, "not_a_database");
    assert_int_equal(unlink(path), 0);
    scratch_write(fixture->directory, "other/file", "a file", 6);
    expect_error(chrondb_open(&db, path, &fixture_create), CHRONDB_ENODB, "not_a_database");
    assert_null(db);

    chrondb_close(fixture->db);
    scratch_write(fixture->path, "chrondb/format", "2\n", 2);
    expect_error(chrondb_open(&fixture->db, fixture->path, &fixture_create), CHRONDB_ENODB, "unsupported");
    scratch_write(fixture->path, "chrondb/format", "1\n", 2);
    assert_int_equal(chrondb_open(&fixture->db, fixture->path, &fixture_create), 0);
    free(path);
    free(long_path);
}

/* A directory "other" of these files, each a name and a content; what opening it says. */
struct place {
    const char *files[6][2];
    unsigned flags;
    int code;
    const char *name, *words;
};

#define HEAD_FILE                                                                                                      \
    {                                                                                                                  \
        "HEAD", "ref: refs/heads/main\n"                                                                               \
    }
#define BARE(config)                                                                                                   \
    {                                                                                                                  \
        HEAD_FILE, {"objects/info/x", ""}, {"refs/heads/x", ""},                                                       \
        {                                                                                                              \
            "config", config                                                                                           \
        }                                                                                                              \
    }
#define BARE_CONFIG "[core]\n\tbare = true\n"

static const struct place places[] = {
    {{{"lost+found/x", ""}}, 0, CHRONDB_ENODB, "no_database", "the directory is empty"},
    {{{"chrondb/lock", ""}, HEAD_FILE}, 0, CHRONDB_ENODB, "no_database", "its creation was cut short"},
    {{{".git/HEAD", ""}}, CHRONDB_OPEN_CREATE, CHRONDB_ENODB, "not_a_database", "a git work tree"},
    {{{"file", ""}}, CHRONDB_OPEN_ADOPT, CHRONDB_ENODB, "not_a_database", "it holds 'file'"},
    {BARE(BARE_CONFIG), CHRONDB_OPEN_CREATE, CHRONDB_ENODB, "not_a_database", "init --adopt"},
    {BARE("[core]\n\tbare = false\n"), CHRONDB_OPEN_ADOPT, CHRONDB_ENODB, "not_a_database", "not a bare repository"},
    {BARE(BARE_CONFIG "[extensions]\n\tobjectformat = sha256\n"), CHRONDB_OPEN_ADOPT, CHRONDB_ENODB, "not_a_database",
     "not named by SHA-1"},
    {BARE(BARE_CONFIG "[extensions]\n\trefstorage = reftable\n"), CHRONDB_OPEN_ADOPT, CHRONDB_ENODB, "not_a_database",
     "not kept as files"},
    {BARE("[core\n"), CHRONDB_OPEN_ADOPT, CHRONDB_ENODB, "not_a_database", "its config cannot be read"},
    {{HEAD_FILE, {"objects/x", ""}, {"refs/x", ""}, {"config", BARE_CONFIG}, {"shallow", ""}},
     CHRONDB_OPEN_ADOPT,
     CHRONDB_ENODB,
     "not_a_database",
     "a shallow clone"},
    {{{"chrondb/format", "one\n"}}, CHRONDB_OPEN_CREATE, CHRONDB_EDAMAGED, "damaged", "does not hold a format version"},
    {{{"chrondb/format", "2\n"}}, CHRONDB_OPEN_CREATE, CHRONDB_ENODB, "unsupported", "use a newer chrondb"},
};

static void test_open_tells_what_is_there(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct place *place = &places[i];
        chrondb_open_options options = {.size = sizeof(options), .flags = place->flags};
        char name[32], file[64];
        chrondb *db = NULL;
        snprintf(name, sizeof(name), "place%zu", i);
        char *path = scratch_path(fixture->directory, name);
        for (size_t f = 0; f < 6 && place->files[f][0] != NULL; f++) {
            snprintf(file, sizeof(file), "%s/%s", name, place->files[f][0]);
            scratch_write(fixture->directory, file, place->files[f][1], strlen(place->files[f][1]));
        }
        expect_error(chrondb_open(&db, path, &options), place->code, place->name);
        assert_non_null(strstr(chrondb_last_error()->message, path));
        if (strstr(chrondb_last_error()->message, place->words) == NULL)
            fail_msg("'%s' is not in: %s", place->words, chrondb_last_error()->message);
        assert_null(db);
        free(path);
    }
}

/* What the system refuses is told with its reason, and the path. */
static void test_open_tells_what_failed(void **state)
{
    struct fixture *fixture = *state;
    char *loop = scratch_path(fixture->directory, "loop"), *below = scratch_path(fixture->path, "HEAD/db");
    char *closed = scratch_path(fixture->directory, "closed"), *inside = scratch_path(closed, "db");
    chrondb *db = NULL;

    assert_int_equal(symlink("loop", loop), 0);
    expect_error(chrondb_open(&db, loop, &fixture_create), CHRONDB_ESYSTEM, "io_error");
    assert_string_equal(chrondb_last_error()->path, loop);
    assert_non_null(strstr(chrondb_last_error()->message, strerror(ELOOP)));
    expect_error(chrondb_open(&db, below, &fixture_create), CHRONDB_ENODB, "not_a_database");
    assert_int_equal(mkdir(closed, 0700), 0);
    if (geteuid() == 0 && seteuid(65534) == 0) { /* in what is root's */
        int status = chrondb_open(&db, inside, &fixture_create);
        assert_int_equal(seteuid(0), 0);
        expect_error(status, CHRONDB_ESYSTEM, "permission_denied");
        assert_non_null(strstr(chrondb_last_error()->message, strerror(EACCES)));
    }
    assert_null(db);
    free(loop);
    free(below);
    free(closed);
    free(inside);
}

static void test_discover(void **state)
{
    struct fixture *fixture = *state;
    chrondb_buffer path = {NULL, 0, 0};
    char before[PATH_MAX], expected[PATH_MAX + 20], resolved[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    scratch_write(fixture->directory, "a/b/c/x", "", 0);
    scratch_write(fixture->directory, "a/.chrondb/x", "", 0);
    scratch_write(fixture->directory, "a/b/.chrondb", "", 0); /* a file is none */
    snprintf(expected, sizeof(expected), "%s/a/b/c", fixture->directory);
    assert_int_equal(chdir(expected), 0);
    assert_non_null(realpath(fixture->directory, resolved));
    snprintf(expected, sizeof(expected), "%s/a/.chrondb", resolved);
    unsetenv("CHRONDB_DIR");
    assert_int_equal(chrondb_discover(&path), 0);
    assert_string_equal(path.data, expected);
    setenv("CHRONDB_DIR", "given", 1);
    assert_int_equal(chrondb_discover(&path), 0);
    assert_string_equal(path.data, "given");
    setenv("CHRONDB_DIR", "", 1);
    assert_int_equal(chrondb_discover(&path), 0);
    assert_string_equal(path.data, expected);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(chrondb_discover(&path), access("/.chrondb", F_OK) == 0 ? CHRONDB_OK : CHRONDB_NOTFOUND);
    unsetenv("CHRONDB_DIR");
    assert_int_equal(chdir(before), 0);
    chrondb_buffer_free(&path);
}

/* ---- errors -------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    struct fixture *fixture = *state;
    chrondb_condition absent = {.size = sizeof(absent), .flags = CHRONDB_IF_ABSENT};
    chrondb_condition exists = {.size = sizeof(exists), .flags = CHRONDB_IF_EXISTS};
    chrondb_condition bad_match = {.size = sizeof(bad_match), .match = "xyz"};
    char commit[CHRONDB_HEX_SIZE + 1];
    const chrondb_error *error;

    expect_error(put(fixture->db, "user:1", "{\n  \"a\": tru\n}"), CHRONDB_EINVALID, "invalid_json");
    error = chrondb_last_error();
    assert_string_equal(error->key, "user:1");
    assert_int_equal(error->line, 2);
    assert_true(error->column >= 8 && error->column <= 11);
    assert_non_null(strstr(error->message, "cannot put 'user:1': "));

    static const char *const keys[] = {"", ":", ":x", "user:", "\xff", "a:\xc0\x80"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        expect_error(put(fixture->db, keys[i], "1"), CHRONDB_EUSAGE, "invalid_key");
    assert_int_equal(put_with(fixture->db, "user:1", "1", NULL, NULL, commit), 0);

    expect_error(put_with(fixture->db, "user:1", "2", &absent, NULL, NULL), CHRONDB_ECONFLICT, "conflict");
    error = chrondb_last_error();
    assert_string_equal(error->key, "user:1");
    assert_string_equal(error->current, commit);
    expect_error(put_with(fixture->db, "user:2", "2", &exists, NULL, NULL), CHRONDB_ECONFLICT, "conflict");
    assert_null(chrondb_last_error()->current);
    assert_string_equal(chrondb_last_error()->key, "user:2");
    expect_error(put_with(fixture->db, "user:1", "2", &bad_match, NULL, NULL), CHRONDB_EUSAGE, "usage");
    expect_document(fixture->db, "user:1", "1");
    expect_document(fixture->db, "user:2", NULL);
    error = chrondb_last_error();
    assert_int_equal(error->code, CHRONDB_NOTFOUND);
    assert_string_equal(error->name, "not_found");
    assert_string_equal(error->key, "user:2");
}

static void test_write_errors(void **state)
{
    struct fixture *fixture = *state;
    static const char *const metas[] = {"novalue", "=x", "\xff=x"};
    static const char *const authors[] = {"", "nobody", "A <a", "<", "A a>"};
    static const char *const times[] = {"", "now then", "3000-01-01", "user:1@{0}", "0000", "main"};
    chrondb_write_options options = {.size = sizeof(options)};

    for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
        options.meta = &metas[i];
        options.meta_count = 1;
        expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "invalid_meta");
    }
    options.meta_count = 0;
    for (size_t i = 0; i < sizeof(authors) / sizeof(authors[0]); i++) {
        options.author = authors[i];
        expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "invalid_author");
    }
    options.author = NULL;
    assert_int_equal(put(fixture->db, "other", "1"), 0);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        options.time = times[i];
        expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "invalid_time");
    }
    options.time = NULL;
    options.message = "\xff";
    expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "usage");
    options.message = NULL;
    options.branch = "none";
    expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "no_branch");
    options.branch = "a..b";
    expect_error(put_with(fixture->db, "k", "1", NULL, &options, NULL), CHRONDB_EUSAGE, "no_branch");
    expect_document(fixture->db, "k", NULL);
}

static void test_read_errors(void **state)
{
    struct fixture *fixture = *state;
    static const char *const whens[] = {"nonsense", "none:", "12345", "k@{9}", "commit:ffff", "ref:none", "main~99"};
    chrondb_snapshot *snapshot = NULL;
    chrondb_history *history = NULL;
    chrondb_history_options options = {.size = sizeof(options), .since = "nonsense"};

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    for (size_t i = 0; i < sizeof(whens) / sizeof(whens[0]); i++)
        expect_error(chrondb_snapshot_open(&snapshot, fixture->db, NULL, whens[i]), CHRONDB_EUSAGE, "invalid_time");
    expect_error(chrondb_snapshot_open(&snapshot, fixture->db, "none", NULL), CHRONDB_EUSAGE, "no_branch");
    assert_null(snapshot);
    snapshot = now(fixture->db);
    expect_error(chrondb_history_open(&history, snapshot, "k", &options), CHRONDB_EUSAGE, "invalid_time");
    expect_error(chrondb_history_open(&history, snapshot, "none", NULL), CHRONDB_NOTFOUND, "not_found");
    expect_error(chrondb_history_open(&history, snapshot, ":", NULL), CHRONDB_EUSAGE, "invalid_key");
    assert_null(history);
    chrondb_snapshot_free(snapshot);
}

static void *fail_elsewhere(void *context)
{
    struct fixture *fixture = context;

    if (chrondb_last_error()->code != 0) /* a thread of its own */
        return NULL;
    expect_error(put(fixture->db, "elsewhere:", "1"), CHRONDB_EUSAGE, "invalid_key");
    return context;
}

static void test_errors_are_the_threads(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    void *result;

    expect_error(put(fixture->db, "here", "x"), CHRONDB_EINVALID, "invalid_json");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, fixture), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(chrondb_last_error()->code, CHRONDB_EINVALID);
    assert_string_equal(chrondb_last_error()->key, "here");
}

/* ---- snapshots, buffers, iterators ----------------------------------------------------------------- */

static void test_empty_database(void **state)
{
    struct fixture *fixture = *state;
    chrondb_snapshot *snapshot = now(fixture->db);
    chrondb_buffer value = {NULL, 0, 0};
    chrondb_list *list = NULL;
    chrondb_log *log = NULL;
    chrondb_entry entry;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t change_count;
    uint64_t count = 7;
    chrondb_time time = {1, 1};
    chrondb_info info = {.size = sizeof(info)};

    assert_null(chrondb_snapshot_commit(snapshot));
    assert_int_equal(chrondb_snapshot_time(snapshot, &time), 0);
    assert_true(time.seconds == 0 && time.nanoseconds == 0);
    assert_int_equal(chrondb_get(snapshot, "k", &value), CHRONDB_NOTFOUND);
    assert_int_equal(chrondb_list_open(&list, snapshot, NULL), 0);
    assert_int_equal(chrondb_list_next(list, &entry), CHRONDB_END);
    chrondb_list_free(list);
    assert_int_equal(chrondb_count(snapshot, NULL, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(chrondb_log_open(&log, snapshot, NULL), 0);
    assert_int_equal(chrondb_log_next(log, &version, &changes, &change_count), CHRONDB_END);
    chrondb_log_free(log);
    chrondb_snapshot_free(snapshot);
    assert_int_equal(chrondb_snapshot_open(&snapshot, fixture->db, NULL, "2000-01-01"), 0);
    assert_null(chrondb_snapshot_commit(snapshot));
    chrondb_snapshot_free(snapshot);
    assert_int_equal(chrondb_get_info(fixture->db, NULL, &info), 0);
    assert_string_equal(info.head, "");
    assert_string_equal(info.branch, "main");
    assert_true(info.documents == 0 && info.commits == 0 && info.format == 1);
    assert_string_equal(info.path, chrondb_path(fixture->db));
    chrondb_buffer_free(&value);
}

static void test_snapshots_stand_still(void **state)
{
    struct fixture *fixture = *state;
    chrondb_buffer value = {NULL, 0, 0};
    char *memory;

    assert_int_equal(put(fixture->db, "k", "\"before before before\""), 0);
    chrondb_snapshot *before = now(fixture->db);
    assert_int_equal(put(fixture->db, "k", "\"after\""), 0);
    assert_int_equal(put(fixture->db, "new", "1"), 0);
    chrondb_snapshot *after = now(fixture->db);
    assert_int_equal(chrondb_get(before, "k", &value), 0);
    assert_string_equal(value.data, "\"before before before\"");
    memory = value.data;
    assert_int_equal(chrondb_get(after, "k", &value), 0); /* a shorter one: the same memory */
    assert_string_equal(value.data, "\"after\"");
    assert_int_equal(value.size, 7);
    assert_true(value.data == memory);
    assert_int_equal(chrondb_exists(before, "new"), CHRONDB_NOTFOUND);
    assert_int_equal(chrondb_get(before, "new", &value), CHRONDB_NOTFOUND);
    assert_int_equal(value.size, 0);
    chrondb_buffer_free(&value);
    assert_true(value.data == NULL && value.size == 0 && value.capacity == 0);
    chrondb_buffer_free(&value);
    chrondb_buffer_free(NULL);
    chrondb_snapshot_free(before);
    chrondb_snapshot_free(after);
}

static void test_free_nothing(void **state)
{
    (void)state;
    chrondb_snapshot_free(NULL);
    chrondb_list_free(NULL);
    chrondb_batch_free(NULL);
    chrondb_history_free(NULL);
    chrondb_log_free(NULL);
    chrondb_diff_free(NULL);
}

/* An iterator that is given up half-way. */
static void test_abandoned_iterators(void **state)
{
    struct fixture *fixture = *state;
    chrondb_entry entry;
    chrondb_version_info version;
    const chrondb_change *changes;
    chrondb_difference difference;
    size_t count;

    for (int i = 0; i < 5; i++) {
        char text[16];
        snprintf(text, sizeof(text), "{\"a\":%d}", i);
        assert_int_equal(put(fixture->db, "k", text), 0);
        snprintf(text, sizeof(text), "k%d", i);
        assert_int_equal(put(fixture->db, text, "1"), 0);
    }
    chrondb_snapshot *snapshot = now(fixture->db), *before = NULL;
    chrondb_list *list = NULL;
    chrondb_history *history = NULL;
    chrondb_log *log = NULL;
    chrondb_diff *diff = NULL;
    assert_int_equal(chrondb_snapshot_open(&before, fixture->db, NULL, "main~4"), 0);
    assert_int_equal(chrondb_list_open(&list, snapshot, NULL), 0);
    assert_int_equal(chrondb_list_next(list, &entry), 0);
    assert_int_equal(chrondb_history_open(&history, snapshot, "k", NULL), 0);
    assert_int_equal(chrondb_history_next(history, &version), 0);
    assert_int_equal(chrondb_log_open(&log, snapshot, NULL), 0);
    assert_int_equal(chrondb_log_next(log, &version, &changes, &count), 0);
    assert_int_equal(chrondb_diff_open(&diff, before, snapshot, NULL, 0), 0);
    assert_int_equal(chrondb_diff_next(diff, &difference), 0);
    chrondb_list_free(list);
    chrondb_history_free(history);
    chrondb_log_free(log);
    chrondb_diff_free(diff);
    chrondb_snapshot_free(before);
    chrondb_snapshot_free(snapshot);
}

/* ---- batches ------------------------------------------------------------------------------------ */

static void test_batch_rules(void **state)
{
    struct fixture *fixture = *state;
    chrondb_batch *batch = NULL;
    chrondb_snapshot *snapshot = now(fixture->db);

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0); /* nothing to do */
    assert_null(chrondb_batch_commit_id(batch));
    assert_int_equal(chrondb_batch_size(batch), 0);
    expect_error(chrondb_batch_commit(batch, NULL), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_batch_put(batch, "k", "1", 1, NULL), CHRONDB_EUSAGE, "usage");
    chrondb_batch_free(batch);

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    expect_error(chrondb_batch_check(batch, "k", NULL), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_batch_restore(batch, "k", snapshot, NULL), CHRONDB_NOTFOUND, "not_found");
    expect_error(chrondb_batch_put(batch, "k", "{", 1, NULL), CHRONDB_EINVALID, "invalid_json");
    expect_error(chrondb_batch_patch(batch, "k", "{", 1, NULL), CHRONDB_EINVALID, "invalid_json");
    assert_int_equal(chrondb_batch_size(batch), 0); /* what failed is not in it */
    assert_int_equal(chrondb_batch_put(batch, "k", "1", 1, NULL), 0);
    assert_null(chrondb_batch_result(batch, 0)); /* not committed yet */
    assert_null(chrondb_batch_commit_id(batch));
    expect_error(chrondb_batch_restore_all(batch, snapshot), CHRONDB_EUSAGE, "usage");
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    assert_int_equal(strlen(chrondb_batch_commit_id(batch)), CHRONDB_HEX_SIZE);
    chrondb_batch_free(batch);

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    assert_int_equal(chrondb_batch_restore_all(batch, snapshot), 0);
    expect_error(chrondb_batch_put(batch, "k", "1", 1, NULL), CHRONDB_EUSAGE, "usage");
    chrondb_snapshot_free(snapshot); /* it may go before the commit */
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    expect_document(fixture->db, "k", NULL);
    chrondb_batch_free(batch);
}

/* A batch that failed may be tried again. */
static void test_batch_again(void **state)
{
    struct fixture *fixture = *state;
    chrondb_condition absent = {.size = sizeof(absent), .flags = CHRONDB_IF_ABSENT};
    chrondb_batch *batch = NULL, *remove = NULL;

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    assert_int_equal(chrondb_batch_put(batch, "other", "1", 1, NULL), 0);
    assert_int_equal(chrondb_batch_put(batch, "k", "2", 1, &absent), 0);
    for (int i = 0; i < 3; i++)
        expect_error(chrondb_batch_commit(batch, NULL), CHRONDB_ECONFLICT, "conflict");
    expect_document(fixture->db, "other", NULL);
    assert_int_equal(chrondb_batch_new(&remove, fixture->db), 0);
    assert_int_equal(chrondb_batch_delete(remove, "k", NULL), 0);
    assert_int_equal(chrondb_batch_commit(remove, NULL), 0);
    chrondb_batch_free(remove);
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    assert_int_equal(chrondb_batch_status(batch, 1), CHRONDB_CREATED);
    expect_document(fixture->db, "other", "1");
    expect_document(fixture->db, "k", "2");
    chrondb_batch_free(batch);
}

/* A key that the batch itself put there has no last commit. */
static void test_conflict_within_a_batch(void **state)
{
    struct fixture *fixture = *state;
    chrondb_condition absent = {.size = sizeof(absent), .flags = CHRONDB_IF_ABSENT};
    chrondb_batch *batch = NULL;

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    assert_int_equal(chrondb_batch_put(batch, "k", "1", 1, NULL), 0);
    assert_int_equal(chrondb_batch_put(batch, "k", "2", 1, &absent), 0);
    expect_error(chrondb_batch_commit(batch, NULL), CHRONDB_ECONFLICT, "conflict");
    assert_null(chrondb_last_error()->current);
    assert_string_equal(chrondb_last_error()->message,
                        "cannot put 'k': it exists already; this batch has put it there");
    chrondb_batch_free(batch);
}

static void test_batch_json(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"op\":\"put\"}",
        "{\"op\":\"put\",\"key\":\"k\"}",
        "{\"op\":\"put\",\"key\":1,\"value\":1}",
        "{\"op\":\"fly\",\"key\":\"k\"}",
        "{\"op\":\"delete\",\"key\":\"k\",\"value\":1}",
        "{\"op\":\"put\",\"key\":\"k\",\"value\":1,\"if_absent\":1}",
        "{\"op\":\"put\",\"key\":\"k\",\"value\":1,\"typo\":1}",
        "{\"op\":\"put\",\"key\":\"a\\u0000b\",\"value\":1}",
        "{\"op\":\"put\",\"key\":\"k\",\"value\":1}x",
    };
    static const char *const good[] = {
        "{\"op\":\"put\",\"key\":\"k\",\"value\":{\"a\": 1.10 }}",
        "{\"value\":{\"b\":2},\"\\u006bey\":\"k\",\"op\":\"patch\"}",
        "{\"op\":\"check\",\"key\":\"k\",\"if_exists\":true,\"if_absent\":false}",
        "{\"op\":\"put\",\"key\":\"\\u00e9:\\ud83d\\ude00\",\"value\":null}",
    };
    chrondb_batch *batch = NULL;

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (chrondb_batch_add_json(batch, bad[i], strlen(bad[i]), NULL) != CHRONDB_EINVALID)
            fail_msg("%s: %s", bad[i], chrondb_last_error()->message);
    assert_int_equal(chrondb_batch_size(batch), 0);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (chrondb_batch_add_json(batch, good[i], strlen(good[i]), NULL) != 0)
            fail_msg("%s: %s", good[i], chrondb_last_error()->message);
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    chrondb_batch_free(batch);
    expect_document(fixture->db, "k", "{\"a\": 1.10, \"b\": 2 }");
    expect_document(fixture->db, "é:😀", "null");
}

/* ---- large documents ------------------------------------------------------------------------------ */

static void test_large(void **state)
{
    struct fixture *fixture = *state;
    chrondb_snapshot *snapshot;
    chrondb_batch *batch = NULL;
    chrondb_buffer value = {NULL, 0, 0};
    size_t size = (size_t)5 << 20;
    char *text = malloc(CHRONDB_MAX_DOCUMENT + 1);

    assert_non_null(text);
    for (size_t i = 0; i < CHRONDB_MAX_DOCUMENT + 1; i++)
        text[i] = (char)('a' + (i * i) % 23);
    text[0] = '"';
    text[CHRONDB_MAX_DOCUMENT] = '"';
    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    expect_error(chrondb_batch_put(batch, "k", text, CHRONDB_MAX_DOCUMENT + 1, NULL), CHRONDB_EINVALID, "invalid_json");
    text[size - 1] = '"';
    assert_int_equal(chrondb_batch_put(batch, "k", text, size, NULL), 0);
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    chrondb_batch_free(batch);
    snapshot = now(fixture->db);
    assert_int_equal(chrondb_get(snapshot, "k", &value), 0);
    assert_int_equal(value.size, size);
    assert_memory_equal(value.data, text, size);
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
    free(text);
}

/* ---- clocks, notices, branches ------------------------------------------------------------------- */

static void keep_notice(void *context, int level, const char *text)
{
    if (level == CHRONDB_WARNING)
        snprintf(context, 300, "%s", text);
}

static void test_clock_warning(void **state)
{
    struct fixture *fixture = *state;
    char warning[300] = "";
    chrondb_open_options options = {.size = sizeof(options), .notice = keep_notice, .notice_context = warning};

    chrondb_close(fixture->db);
    assert_int_equal(chrondb_open(&fixture->db, fixture->path, &options), 0);
    setenv("CHRONDB_TEST_NOW", "2030-01-01T00:00:00Z", 1);
    assert_int_equal(put(fixture->db, "k", "1"), 0);
    assert_string_equal(warning, "");
    setenv("CHRONDB_TEST_NOW", "2029-12-31T23:59:00Z", 1);
    assert_int_equal(put(fixture->db, "k", "2"), 0);
    assert_string_equal(warning, ""); /* a minute is nothing */
    setenv("CHRONDB_TEST_NOW", "2029-12-31T23:58:00Z", 1);
    assert_int_equal(put(fixture->db, "k", "3"), 0);
    assert_non_null(strstr(warning, "2030-01-01T00:00:00"));
    unsetenv("CHRONDB_TEST_NOW");
}

static void test_branches(void **state)
{
    struct fixture *fixture = *state;
    chrondb_write_options options = {.size = sizeof(options), .branch = "other"};
    chrondb_snapshot *snapshot = NULL;
    char commit[CHRONDB_HEX_SIZE + 1], *name;
    chrondb_info info = {.size = sizeof(info)};

    assert_int_equal(put_with(fixture->db, "k", "1", NULL, NULL, commit), 0);
    name = scratch_path(fixture->path, "refs/heads/other");
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", commit) > 0 && fclose(file) == 0);
    assert_int_equal(put_with(fixture->db, "k", "2", NULL, &options, NULL), 0);
    expect_document(fixture->db, "k", "1");
    assert_int_equal(chrondb_snapshot_open(&snapshot, fixture->db, "other", NULL), 0);
    assert_int_equal(chrondb_exists(snapshot, "k"), 0);
    assert_string_not_equal(chrondb_snapshot_commit(snapshot), commit);
    chrondb_snapshot_free(snapshot);
    assert_int_equal(chrondb_get_info(fixture->db, "other", &info), 0);
    assert_string_equal(info.branch, "other");
    assert_int_equal(info.commits, 2);
    free(name);
}

/* The first write of an empty database may name its branch. */
static void test_first_branch(void **state)
{
    struct fixture *fixture = *state;
    chrondb_write_options options = {.size = sizeof(options), .branch = "first"};
    chrondb_snapshot *snapshot = NULL;

    assert_int_equal(put_with(fixture->db, "k", "1", NULL, &options, NULL), 0);
    assert_int_equal(chrondb_snapshot_open(&snapshot, fixture->db, "first", NULL), 0);
    assert_int_equal(chrondb_exists(snapshot, "k"), 0);
    chrondb_snapshot_free(snapshot);
    expect_document(fixture->db, "k", NULL);
}

static void test_time_text(void **state)
{
    static const struct {
        chrondb_time time;
        const char *text;
    } cases[] = {
        {{0, 0}, "1970-01-01T00:00:00.000000000Z"},
        {{-1, 999999999}, "1969-12-31T23:59:59.999999999Z"},
        {{1795247040, 123456789}, "2026-11-21T07:44:00.123456789Z"},
        {{-62167219200, 0}, "0000-01-01T00:00:00.000000000Z"},
        {{253402300799, 999999999}, "9999-12-31T23:59:59.999999999Z"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[CHRONDB_TIME_SIZE];
        chrondb_time_format(cases[i].time, text);
        assert_string_equal(text, cases[i].text);
    }
    char text[CHRONDB_TIME_SIZE];
    chrondb_time_format((chrondb_time){INT64_MAX, 999999999}, text);
    assert_true(strlen(text) < CHRONDB_TIME_SIZE);
    chrondb_time_format((chrondb_time){INT64_MIN, 0}, text);
    assert_true(strlen(text) < CHRONDB_TIME_SIZE);
}

/* ---- locks -------------------------------------------------------------------------------------- */

static long milliseconds(void)
{
    struct timespec clock;

    clock_gettime(CLOCK_MONOTONIC, &clock);
    return clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
}

static void test_busy(void **state)
{
    struct fixture *fixture = *state;
    char *name = scratch_path(fixture->path, "chrondb/lock");
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    chrondb_write_options options = {.size = sizeof(options), .lock_timeout_ms = -1};

    assert_int_equal(put(fixture->db, "k", "1"), 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    long start = milliseconds();
    expect_error(put_with(fixture->db, "k", "2", NULL, &options, NULL), CHRONDB_EBUSY, "busy");
    assert_true(milliseconds() - start < 5000);
    options.lock_timeout_ms = 300;
    start = milliseconds();
    expect_error(put_with(fixture->db, "k", "2", NULL, &options, NULL), CHRONDB_EBUSY, "busy");
    assert_true(milliseconds() - start >= 299);
    expect_document(fixture->db, "k", "1"); /* readers do not wait */
    close(fd);
    assert_int_equal(put_with(fixture->db, "k", "2", NULL, &options, NULL), 0);
    free(name);
}

/* ---- threads ------------------------------------------------------------------------------------ */

#define THREADS 8
#define WRITES  30

struct worker {
    chrondb *db;
    int number;
    unsigned increments, conflicts;
    bool good;
};

/* Read, add one, write if nobody else did meanwhile. */
static bool increment(struct worker *worker, chrondb_buffer *value)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_condition condition = {.size = sizeof(condition)};
    char text[32], match[CHRONDB_HEX_SIZE + 1] = "";
    chrondb_history *history = NULL;
    chrondb_version_info version;
    chrondb_history_options newest = {.size = sizeof(newest), .limit = 1, .no_value = 1};

    if (chrondb_snapshot_open(&snapshot, worker->db, NULL, NULL) != 0 || chrondb_get(snapshot, "counter", value) != 0 ||
        chrondb_history_open(&history, snapshot, "counter", &newest) != 0 ||
        chrondb_history_next(history, &version) != 0)
        return false;
    snprintf(match, sizeof(match), "%s", version.commit);
    snprintf(text, sizeof(text), "%ld", strtol(value->data, NULL, 10) + 1);
    chrondb_history_free(history);
    chrondb_snapshot_free(snapshot);
    condition.match = match;
    int status = put_with(worker->db, "counter", text, &condition, NULL, NULL);
    worker->increments += status == 0;
    worker->conflicts += status == CHRONDB_ECONFLICT;
    return status == 0 || status == CHRONDB_ECONFLICT;
}

static bool write_and_read(struct worker *worker, int i, chrondb_buffer *value)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_list *list = NULL;
    chrondb_entry entry;
    char key[40], text[40];

    snprintf(key, sizeof(key), "thread%d:%d", worker->number, i);
    snprintf(text, sizeof(text), "{\"n\":%d}", i);
    if (put(worker->db, key, text) != 0 || chrondb_snapshot_open(&snapshot, worker->db, NULL, NULL) != 0)
        return false;
    bool good = chrondb_get(snapshot, key, value) == 0 && strcmp(value->data, text) == 0;
    snprintf(key, sizeof(key), "thread%d:", worker->number);
    chrondb_range range = {.size = sizeof(range), .prefix = key};
    int count = 0;
    good = good && chrondb_list_open(&list, snapshot, &range) == 0;
    while (good && chrondb_list_next(list, &entry) == 0)
        count++;
    chrondb_list_free(list);
    chrondb_snapshot_free(snapshot);
    return good && count == i + 1;
}

static void *work(void *context)
{
    struct worker *worker = context;
    chrondb_buffer value = {NULL, 0, 0};

    worker->good = true;
    for (int i = 0; worker->good && i < WRITES; i++) {
        worker->good = write_and_read(worker, i, &value) && increment(worker, &value);
        if (chrondb_maintenance_due(worker->db) || i % 10 == 9)
            worker->good = worker->good && chrondb_maintain(worker->db) == 0;
    }
    if (!worker->good)
        fprintf(stderr, "thread %d: %s\n", worker->number, chrondb_last_error()->message);
    chrondb_buffer_free(&value);
    return NULL;
}

static void run_threads(struct fixture *fixture, chrondb *second)
{
    struct worker workers[THREADS] = {{0}};
    pthread_t threads[THREADS];
    unsigned increments = 0;
    char text[32];
    chrondb_snapshot *snapshot;
    chrondb_log *log = NULL;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t change_count, commits = 0;
    chrondb_time last = {INT64_MAX, 0};

    assert_int_equal(put(fixture->db, "counter", "0"), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i].db = i % 2 == 0 ? fixture->db : second;
        workers[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].good);
        increments += workers[i].increments;
    }
    snprintf(text, sizeof(text), "%u", increments);
    expect_document(fixture->db, "counter", text);

    /* All in one line, none lost, each later than the one before. */
    snapshot = now(fixture->db);
    assert_int_equal(chrondb_log_open(&log, snapshot, NULL), 0);
    while (chrondb_log_next(log, &version, &changes, &change_count) == 0) {
        assert_int_equal(change_count, 1);
        assert_true(version.time.seconds < last.seconds ||
                    (version.time.seconds == last.seconds && version.time.nanoseconds < last.nanoseconds));
        last = version.time;
        commits++;
    }
    assert_int_equal(commits, 1 + THREADS * WRITES + increments);
    chrondb_log_free(log);
    chrondb_snapshot_free(snapshot);
}

static void test_threads_one_handle(void **state)
{
    struct fixture *fixture = *state;

    run_threads(fixture, fixture->db);
}

static void test_threads_two_handles(void **state)
{
    struct fixture *fixture = *state;
    char *other = scratch_path(fixture->directory, "./db/");
    chrondb *second = NULL;

    assert_int_equal(chrondb_open(&second, other, NULL), 0);
    run_threads(fixture, second);
    chrondb_close(second);
    free(other);
}

static void *open_and_close(void *context)
{
    struct worker *worker = context;
    struct fixture *fixture = (struct fixture *)(void *)worker->db;

    worker->good = true;
    for (int i = 0; worker->good && i < 50; i++) {
        chrondb *db = NULL;
        char key[40];
        snprintf(key, sizeof(key), "k%d", worker->number);
        worker->good =
            chrondb_open(&db, fixture->path, &fixture_create) == 0 && (i % 10 != 0 || put(db, key, "1") == 0);
        chrondb_close(db);
    }
    return NULL;
}

/* Opened and closed by many at once: now the first, now the last. */
static void test_threads_open(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[THREADS] = {{0}};
    pthread_t threads[THREADS];

    chrondb_close(fixture->db);
    fixture->db = NULL;
    for (int i = 0; i < THREADS; i++) {
        workers[i].db = (chrondb *)(void *)fixture;
        workers[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].good);
    }
    assert_int_equal(chrondb_open(&fixture->db, fixture->path, NULL), 0);
    expect_document(fixture->db, "k7", "1");
}

/* ---- a small stack ------------------------------------------------------------------------------ */

static void *live_small(void *context)
{
    struct fixture *fixture = context;
    char deep[2 * CHRONDB_MAX_DEPTH + 1], patch[6 * CHRONDB_MAX_DEPTH];
    chrondb_batch *batch = NULL;
    size_t len = 0;

    memset(deep, '[', CHRONDB_MAX_DEPTH);
    memset(deep + CHRONDB_MAX_DEPTH, ']', CHRONDB_MAX_DEPTH);
    deep[2 * CHRONDB_MAX_DEPTH] = '\0';
    assert_int_equal(put(fixture->db, "deep", deep), 0);
    for (int i = 0; i < CHRONDB_MAX_DEPTH - 1; i++, len += 5)
        memcpy(patch + len, "{\"a\":", 5);
    patch[len++] = '1';
    memset(patch + len, '}', CHRONDB_MAX_DEPTH - 1);
    len += CHRONDB_MAX_DEPTH - 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
        assert_int_equal(chrondb_batch_patch(batch, "deep", patch, len, NULL), 0);
        assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
        chrondb_batch_free(batch);
    }
    for (int i = 0; i < 80; i++) {
        char key[16];
        snprintf(key, sizeof(key), "t:%d", i);
        assert_int_equal(put(fixture->db, key, "1"), 0);
    }
    chrondb_snapshot *snapshot = now(fixture->db), *before = NULL;
    chrondb_history_options options = {.size = sizeof(options), .patch = 1};
    chrondb_history *history = NULL;
    chrondb_version_info version;
    chrondb_diff *diff = NULL;
    chrondb_difference difference;
    chrondb_info info = {.size = sizeof(info)};
    assert_int_equal(chrondb_history_open(&history, snapshot, "deep", &options), 0);
    while (chrondb_history_next(history, &version) == 0)
        ;
    chrondb_history_free(history);
    assert_int_equal(chrondb_snapshot_open(&before, fixture->db, NULL, "main~70"), 0);
    assert_int_equal(chrondb_diff_open(&diff, before, snapshot, NULL, 0), 0);
    while (chrondb_diff_next(diff, &difference) == 0)
        ;
    chrondb_diff_free(diff);
    chrondb_snapshot_free(before);
    chrondb_snapshot_free(snapshot);
    assert_int_equal(chrondb_get_info(fixture->db, NULL, &info), 0);
    assert_int_equal(chrondb_maintain(fixture->db), 0);
    return NULL;
}

static void test_small_stack(void **state)
{
    pthread_attr_t attributes;
    pthread_t thread;

    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attributes, live_small, *state), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

/* ---- maintenance beside writers -------------------------------------------------------------------- */

struct writing {
    chrondb *db;
    uint64_t last; /* progress */
    unsigned written;
};

/* More loose files than the journal takes without a checkpoint. */
static int write_meanwhile(void *context, const char *phase, uint64_t done, uint64_t total)
{
    struct writing *writing = context;
    (void)total;

    if (strcmp(phase, "writing objects") != 0 || done < writing->last + 1500)
        return 0;
    writing->last = done;
    for (int i = 0; i < 350; i++) {
        char key[32];
        snprintf(key, sizeof(key), "late:%u", writing->written++);
        if (put(writing->db, key, "[]") != 0)
            fail_msg("put %u, after %u of %u objects: %s", writing->written, (unsigned)done, (unsigned)total,
                     chrondb_last_error()->message);
    }
    return 0;
}

static void test_checkpoints_while_packs_are_merged(void **state)
{
    struct fixture *fixture = *state;
    struct writing writing = {.db = fixture->db};
    chrondb_gc_report report = {.size = sizeof(report)};
    chrondb_batch *batch = NULL;
    chrondb_info info = {.size = sizeof(info)};

    assert_int_equal(chrondb_batch_new(&batch, fixture->db), 0);
    for (int i = 0; i < 10000; i++) {
        char key[32], value[32];
        snprintf(key, sizeof(key), "early:%d", i);
        snprintf(value, sizeof(value), "{\"n\":%d}", i);
        assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    }
    assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
    chrondb_batch_free(batch);
    assert_int_equal(chrondb_gc(fixture->db, write_meanwhile, &writing, &report), 0);
    assert_true(writing.written >= 5 * 350);
    assert_int_equal(chrondb_get_info(fixture->db, NULL, &info), 0);
    assert_in_range(info.loose_objects, 1, 5000);
    expect_document(fixture->db, "late:0", "[]");
}

static int clean_environment(void **state)
{
    static const char *const names[] = {"CHRONDB_DIR", "CHRONDB_BRANCH",  "CHRONDB_TEST_NOW",   "CHRONDB_TEST_FAULT",
                                        "GIT_DIR",     "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"};
    (void)state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_instance),
        TEST(test_reopened),
        TEST(test_fork),
        TEST(test_moved),
        TEST(test_open_errors),
        TEST(test_open_tells_what_is_there),
        TEST(test_open_tells_what_failed),
        TEST(test_discover),
        TEST(test_errors),
        TEST(test_write_errors),
        TEST(test_read_errors),
        TEST(test_errors_are_the_threads),
        TEST(test_empty_database),
        TEST(test_snapshots_stand_still),
        TEST(test_free_nothing),
        TEST(test_abandoned_iterators),
        TEST(test_batch_rules),
        TEST(test_batch_again),
        TEST(test_conflict_within_a_batch),
        TEST(test_batch_json),
        TEST(test_large),
        TEST(test_clock_warning),
        TEST(test_branches),
        TEST(test_first_branch),
        TEST(test_time_text),
        TEST(test_busy),
        TEST(test_threads_one_handle),
        TEST(test_threads_two_handles),
        TEST(test_threads_open),
        TEST(test_small_stack),
        TEST(test_checkpoints_while_packs_are_merged),
    };

    return cmocka_run_group_tests_name("library", tests, clean_environment, NULL);
}
