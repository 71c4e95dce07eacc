/* SPDX-License-Identifier: MIT
 *
 * What holds for all of chrondb.h: structs of other versions, children after a fork, writes of one document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chrondb.h"
#include "fixture.h"
#include "scratch.h"

static void expect_document(chrondb *db, const char *branch, const char *key, const char *value)
{
    chrondb_buffer buffer = {NULL, 0, 0};
    int status = chrondb_get_at(db, branch, NULL, key, &buffer);

    assert_int_equal(status, value != NULL ? CHRONDB_OK : CHRONDB_NOTFOUND);
    assert_string_equal(status == 0 ? buffer.data : "", value != NULL ? value : "");
    chrondb_buffer_free(&buffer);
}

/* ---- structs of other versions --------------------------------------------------------------------- */

/* A program built with a later header. */
struct later_write_options {
    chrondb_write_options known;
    const char *later;
};

static void test_later_struct(void **state)
{
    struct fixture *fixture = *state;
    struct later_write_options options = {.known = {.size = sizeof(options), .message = "hello"}};
    chrondb_result result;

    good(chrondb_put(fixture->db, "k", "1", 1, NULL, &options.known, &result));
    options.later = "set";
    expect_error(chrondb_put(fixture->db, "k", "2", 1, NULL, &options.known, NULL), CHRONDB_EUSAGE, "usage");
    assert_non_null(strstr(chrondb_last_error()->message, "chrondb_write_options"));
    assert_non_null(strstr(chrondb_last_error()->message, CHRONDB_VERSION));
    expect_document(fixture->db, NULL, "k", "1");
}

/* A program built with an earlier one: behind its struct is something else. */
static void test_earlier_struct(void **state)
{
    struct fixture *fixture = *state;
    chrondb_write_options options;

    memset(&options, 0xa5, sizeof(options));
    memset(&options, 0, offsetof(chrondb_write_options, meta));
    options.size = offsetof(chrondb_write_options, meta);
    options.message = "as before";
    good(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL));
}

static int make_nothing(void *context, const char *repository)
{
    (void)context;
    (void)repository;
    return 0;
}

static void test_no_size(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, (size_t)1 << 20, SIZE_MAX};
    chrondb_snapshot *snapshot = NULL;
    chrondb *db = NULL;
    chrondb_list *list = NULL;
    chrondb_log *log = NULL;
    chrondb_history *history = NULL;
    chrondb_import *import = NULL;
    chrondb_search *search = NULL;
    chrondb_merge *merge = NULL;
    chrondb_watch *watch = NULL;
    char *file = scratch_path(fixture->directory, "backup"), *elsewhere = scratch_path(fixture->directory, "elsewhere");
    uint64_t count;

    good(chrondb_put(fixture->db, "k", "1", 1, NULL, NULL, NULL));
    good(chrondb_snapshot_open(&snapshot, fixture->db, NULL, NULL));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        chrondb_open_options open = {.size = sizes[i]};
        chrondb_range range = {.size = sizes[i]};
        chrondb_write_options write = {.size = sizes[i]};
        chrondb_condition condition = {.size = sizes[i]};
        chrondb_history_options past = {.size = sizes[i]};
        chrondb_import_options importing = {.size = sizes[i]};
        chrondb_search_options searching = {.size = sizes[i]};
        chrondb_merge_options merging = {.size = sizes[i]};
        chrondb_info info = {.size = sizes[i]};
        chrondb_gc_report gc = {.size = sizes[i]};
        chrondb_reindex_report reindex = {.size = sizes[i]};
        chrondb_watch_options watching = {.size = sizes[i]};
        chrondb_verify_options verifying = {.size = sizes[i]};
        chrondb_verify_report verified = {.size = sizes[i]};
        chrondb_comparison comparison = {.size = sizes[i]};
        chrondb_backup_options backing = {.size = sizes[i]};
        chrondb_backup_report backed = {.size = sizes[i]};
        chrondb_restore_options restoring = {.size = sizes[i]};
        chrondb_restore_report restored = {.size = sizes[i]};
        expect_error(chrondb_open(&db, fixture->path, &open), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_list_open(&list, snapshot, &range), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_count(snapshot, &range, &count), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_put(fixture->db, "k", "2", 1, NULL, &write, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_put(fixture->db, "k", "2", 1, &condition, NULL, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_patch(fixture->db, "k", "2", 1, &condition, NULL, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_delete(fixture->db, "k", &condition, NULL, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_history_open(&history, snapshot, "k", &past), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_log_open(&log, snapshot, &past), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_import_open(&import, fixture->db, &importing), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_search_open(&search, snapshot, "*:*", &searching), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_search_open_ast(&search, snapshot, "{}", 2, &searching), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_get_info(fixture->db, NULL, &info), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_gc(fixture->db, NULL, NULL, &gc), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_reindex(fixture->db, NULL, NULL, &reindex), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_create_from(&db, elsewhere, &open, make_nothing, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_watch_open(&watch, fixture->db, &watching), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_verify(fixture->db, &verifying, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_verify(fixture->db, NULL, &verified), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_compare(fixture->db, NULL, NULL, NULL, &comparison), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_backup(fixture->db, file, &backing, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_backup(fixture->db, file, NULL, &backed), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_restore_backup(elsewhere, file, &restoring, NULL), CHRONDB_EUSAGE, "usage");
        expect_error(chrondb_restore_backup(elsewhere, file, NULL, &restored), CHRONDB_EUSAGE, "usage");
        good(chrondb_merge_new(&merge, fixture->db));
        expect_error(chrondb_merge_run(merge, "main", &merging), CHRONDB_EUSAGE, "usage");
        chrondb_merge_free(merge);
    }
    assert_true(db == NULL && list == NULL && log == NULL && history == NULL && import == NULL && search == NULL);
    assert_null(watch);
    assert_true(access(file, F_OK) != 0 && access(elsewhere, F_OK) != 0);
    free(file);
    free(elsewhere);
    chrondb_snapshot_free(snapshot);
    expect_document(fixture->db, NULL, "k", "1");
}

static void test_reports(void **state)
{
    struct fixture *fixture = *state;
    struct {
        chrondb_info known;
        char later[64];
    } info;

    memset(&info, 0x5a, sizeof(info));
    info.known.size = sizeof(info);
    good(chrondb_get_info(fixture->db, NULL, &info.known));
    assert_int_equal(info.known.size, sizeof(info));
    assert_string_equal(info.known.branch, "main");
    for (size_t i = 0; i < sizeof(info.later); i++)
        assert_int_equal(info.later[i], 0);
    memset(&info, 0x5a, sizeof(info));
    info.known.size = offsetof(chrondb_info, head);
    good(chrondb_get_info(fixture->db, NULL, &info.known));
    assert_string_equal(info.known.branch, "main");
    for (const char *p = info.known.head; p < (const char *)(&info + 1); p++)
        assert_int_equal(*p, 0x5a);
}

/* ---- one document ------------------------------------------------------------------------------------ */

static void test_single_writes(void **state)
{
    struct fixture *fixture = *state;
    chrondb_condition absent = {.size = sizeof(absent), .flags = CHRONDB_IF_ABSENT};
    chrondb_result first, result;
    chrondb_buffer value = {NULL, 0, 0};
    const char *key = "user:1";

    good(chrondb_put(fixture->db, key, "{\"a\": 1.0}", 10, &absent, NULL, &first));
    assert_ptr_equal(first.key, key);
    assert_int_equal(first.status, CHRONDB_CREATED);
    assert_int_equal(strlen(first.commit), CHRONDB_HEX_SIZE);
    expect_error(chrondb_put(fixture->db, key, "2", 1, &absent, NULL, &result), CHRONDB_ECONFLICT, "conflict");
    assert_string_equal(chrondb_last_error()->current, first.commit);
    good(chrondb_put(fixture->db, key, "{\"a\": 1.0}", 10, NULL, NULL, &result));
    assert_int_equal(result.status, CHRONDB_UNCHANGED);
    assert_string_equal(result.commit, first.commit);
    good(chrondb_patch(fixture->db, key, "{\"b\":2}", 7, NULL, NULL, &result));
    assert_int_equal(result.status, CHRONDB_UPDATED);
    expect_document(fixture->db, NULL, key, "{\"a\": 1.0, \"b\": 2}");
    good(chrondb_get_at(fixture->db, NULL, first.commit, key, &value));
    assert_string_equal(value.data, "{\"a\": 1.0}");
    good(chrondb_delete(fixture->db, key, NULL, NULL, &result));
    assert_int_equal(result.status, CHRONDB_DELETED);
    expect_error(chrondb_delete(fixture->db, key, NULL, NULL, &result), CHRONDB_NOTFOUND, "not_found");
    expect_error(chrondb_patch(fixture->db, key, "{}", 2, NULL, NULL, &result), CHRONDB_NOTFOUND, "not_found");
    expect_error(chrondb_get_at(fixture->db, NULL, NULL, key, &value), CHRONDB_NOTFOUND, "not_found");
    assert_int_equal(value.size, 0);
    expect_error(chrondb_put(fixture->db, key, "{", 1, NULL, NULL, &result), CHRONDB_EINVALID, "invalid_json");
    expect_error(chrondb_get_at(fixture->db, "none", NULL, key, &value), CHRONDB_EUSAGE, "no_branch");
    expect_error(chrondb_get_at(fixture->db, NULL, "whenever", key, &value), CHRONDB_EUSAGE, "invalid_time");
    chrondb_buffer_free(&value);
}

/* What one database has is nothing to another. */
static void test_snapshots_of_another_database(void **state)
{
    struct fixture *fixture = *state, other;
    chrondb_snapshot *here = NULL, *there = NULL;
    chrondb_batch *batch = NULL;
    chrondb_diff *diff = NULL;

    fixture_open(&other);
    good(chrondb_put(other.db, "k", "\"elsewhere\"", 11, NULL, NULL, NULL));
    good(chrondb_snapshot_open(&there, other.db, NULL, NULL));
    good(chrondb_snapshot_open(&here, fixture->db, NULL, NULL));
    good(chrondb_batch_new(&batch, fixture->db));
    expect_error(chrondb_batch_restore(batch, "k", there, NULL), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_batch_restore_all(batch, there), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_batch_restore_table(batch, "", there), CHRONDB_EUSAGE, "usage");
    expect_error(chrondb_diff_open(&diff, here, there, NULL, 0), CHRONDB_EUSAGE, "usage");
    chrondb_batch_free(batch);
    chrondb_snapshot_free(here);
    chrondb_snapshot_free(there);
    fixture_close(&other);
}

static void test_new_branch(void **state)
{
    struct fixture *fixture = *state;
    chrondb_write_options options = {.size = sizeof(options), .branch = "draft"};
    chrondb_snapshot *snapshot = NULL;
    uint64_t count = 0;

    good(chrondb_put(fixture->db, "main:1", "1", 1, NULL, NULL, NULL));
    expect_error(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL), CHRONDB_EUSAGE, "no_branch");
    options.create_branch = 1;
    good(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL));
    good(chrondb_put(fixture->db, "k", "2", 1, NULL, &options, NULL));
    good(chrondb_snapshot_open(&snapshot, fixture->db, "draft", NULL));
    good(chrondb_count(snapshot, NULL, &count));
    assert_int_equal(count, 1); /* it has no past of main's */
    chrondb_snapshot_free(snapshot);
    expect_document(fixture->db, "draft", "k", "2");
    expect_document(fixture->db, NULL, "k", NULL);
    options.branch = "draft/one";
    expect_error(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL), CHRONDB_ECONFLICT, "in_the_way");
    options.branch = "two/three";
    good(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL));
    options.branch = "two";
    expect_error(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL), CHRONDB_ECONFLICT, "in_the_way");
    options.branch = "a..b";
    expect_error(chrondb_put(fixture->db, "k", "1", 1, NULL, &options, NULL), CHRONDB_EUSAGE, "invalid_name");
    options.branch = "none";
    expect_error(chrondb_delete(fixture->db, "k", NULL, &options, NULL), CHRONDB_NOTFOUND, "not_found");
    expect_error(chrondb_snapshot_open(&snapshot, fixture->db, "none", NULL), CHRONDB_EUSAGE, "no_branch");
}

/* ---- forks ------------------------------------------------------------------------------------------- */

struct opened {
    chrondb *db;
    chrondb_snapshot *snapshot;
    chrondb_list *list;
    chrondb_history *history;
    chrondb_log *log;
    chrondb_diff *diff;
    chrondb_batch *batch;
    chrondb_merge *merge;
    chrondb_search *search;
    chrondb_import *import;
    chrondb_blame *blame;
    chrondb_watch *watch;
};

static bool refused(int status)
{
    return status == CHRONDB_EUSAGE && strcmp(chrondb_last_error()->name, "wrong_process") == 0;
}

static int ignore_ref(void *context, const chrondb_ref *ref)
{
    (void)context;
    (void)ref;
    return 0;
}

static int ignore_table(void *context, const char *table, uint64_t count)
{
    (void)context;
    (void)table;
    (void)count;
    return 0;
}

static int ignore_setting(void *context, const chrondb_setting *setting)
{
    (void)context;
    (void)setting;
    return 0;
}

/* Which call was not refused, or 0: every function that takes something of the library's. */
#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        if (!refused(call)) {                                                                                          \
            fprintf(stderr, "in a child: %s: %s\n", #call, chrondb_last_error()->message);                             \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static bool reads_are_refused(struct opened *opened)
{
    chrondb *db = opened->db;
    chrondb_snapshot *snapshot = opened->snapshot, *another = NULL;
    chrondb_buffer value = {NULL, 0, 0};
    chrondb_entry entry;
    chrondb_version_info version;
    const chrondb_change *changes;
    chrondb_difference difference;
    chrondb_blame_field field;
    chrondb_event event;
    chrondb_hit hit;
    chrondb_time time;
    const chrondb_mark *marks;
    const char *text;
    size_t size;
    uint64_t number;
    struct opened more = {0};

    REFUSED(chrondb_snapshot_open(&another, db, NULL, NULL));
    REFUSED(chrondb_snapshot_time(snapshot, &time));
    REFUSED(chrondb_get(snapshot, "k", &value));
    REFUSED(chrondb_get_at(db, NULL, NULL, "k", &value));
    REFUSED(chrondb_exists(snapshot, "k"));
    REFUSED(chrondb_count(snapshot, NULL, &number));
    REFUSED(chrondb_tables(snapshot, ignore_table, NULL));
    REFUSED(chrondb_list_open(&more.list, snapshot, NULL));
    REFUSED(chrondb_list_next(opened->list, &entry));
    REFUSED(chrondb_history_open(&more.history, snapshot, "k", NULL));
    REFUSED(chrondb_history_next(opened->history, &version));
    REFUSED(chrondb_log_open(&more.log, snapshot, NULL));
    REFUSED(chrondb_log_next(opened->log, &version, &changes, &size));
    REFUSED(chrondb_log_value(opened->log, 0, &text, &size));
    REFUSED(chrondb_diff_open(&more.diff, snapshot, snapshot, NULL, 0));
    REFUSED(chrondb_diff_next(opened->diff, &difference));
    REFUSED(chrondb_blame_open(&more.blame, snapshot, "k"));
    REFUSED(chrondb_blame_next(opened->blame, &field));
    REFUSED(chrondb_watch_open(&more.watch, db, NULL));
    REFUSED(chrondb_watch_next(opened->watch, &event));
    REFUSED(chrondb_search_open(&more.search, snapshot, "*:*", NULL));
    REFUSED(chrondb_search_open_ast(&more.search, snapshot, "{}", 2, NULL));
    REFUSED(chrondb_search_next(opened->search, &hit));
    REFUSED(chrondb_search_highlight(opened->search, "1", 1, &marks, &size));
    REFUSED(chrondb_branch_list(db, ignore_ref, NULL));
    REFUSED(chrondb_tag_list(db, ignore_ref, NULL));
    REFUSED(chrondb_remote_branch_list(db, ignore_ref, NULL));
    REFUSED(chrondb_config_get(db, "branch", &value));
    REFUSED(chrondb_config_list(db, ignore_setting, NULL));
    return true;
}

static bool writes_are_refused(struct opened *opened)
{
    chrondb *db = opened->db;
    chrondb_snapshot *snapshot = opened->snapshot;
    chrondb_batch *batch = opened->batch;
    struct opened more = {0};

    REFUSED(chrondb_put(db, "k", "1", 1, NULL, NULL, NULL));
    REFUSED(chrondb_patch(db, "k", "{}", 2, NULL, NULL, NULL));
    REFUSED(chrondb_delete(db, "k", NULL, NULL, NULL));
    REFUSED(chrondb_batch_new(&more.batch, db));
    REFUSED(chrondb_batch_put(batch, "k", "1", 1, NULL));
    REFUSED(chrondb_batch_patch(batch, "k", "{}", 2, NULL));
    REFUSED(chrondb_batch_delete(batch, "k", NULL));
    REFUSED(chrondb_batch_check(batch, "k", NULL));
    REFUSED(chrondb_batch_restore(batch, "k", snapshot, NULL));
    REFUSED(chrondb_batch_restore_all(batch, snapshot));
    REFUSED(chrondb_batch_restore_table(batch, "", snapshot));
    REFUSED(chrondb_batch_add_json(batch, "{\"op\":\"check\",\"key\":\"k\"}", 27, NULL));
    REFUSED(chrondb_batch_commit(batch, NULL));
    REFUSED(chrondb_import_open(&more.import, db, NULL));
    REFUSED(chrondb_import_line(opened->import, "{\"key\":\"i\",\"value\":1}", 21));
    REFUSED(chrondb_import_finish(opened->import));
    REFUSED(chrondb_import_stop(opened->import));
    REFUSED(chrondb_merge_new(&more.merge, db));
    REFUSED(chrondb_merge_decide(opened->merge, "k", "1", 1));
    REFUSED(chrondb_merge_decide_json(opened->merge, "{\"key\":\"k\",\"delete\":true}", 26));
    REFUSED(chrondb_merge_run(opened->merge, "main", NULL));
    REFUSED(chrondb_branch_create(db, "b", NULL, NULL, 0, NULL, NULL));
    REFUSED(chrondb_branch_delete(db, "b", 0, NULL));
    REFUSED(chrondb_branch_rename(db, "b", "c", 0, NULL, NULL));
    REFUSED(chrondb_tag_create(db, "b", NULL, NULL, 0, 0, NULL, NULL));
    REFUSED(chrondb_tag_delete(db, "b", 0, NULL));
    REFUSED(chrondb_config_set(db, "search.language", "german", 0, NULL));
    REFUSED(chrondb_config_unset(db, "search.language", 0, NULL));
    return true;
}

static bool care_is_refused(struct opened *opened)
{
    chrondb *db = opened->db;
    chrondb_info info = {.size = sizeof(info)};
    chrondb_comparison comparison = {.size = sizeof(comparison)};

    REFUSED(chrondb_ready_for_git(db, 0));
    REFUSED(chrondb_compare(db, NULL, NULL, NULL, &comparison));
    REFUSED(chrondb_get_info(db, NULL, &info));
    REFUSED(chrondb_maintain(db));
    REFUSED(chrondb_gc(db, NULL, NULL, NULL));
    REFUSED(chrondb_reindex(db, NULL, NULL, NULL));
    REFUSED(chrondb_verify(db, NULL, NULL));
    REFUSED(chrondb_backup(db, "/nonexistent/backup", NULL, NULL));
    return true;
}

static void free_everything(struct opened *opened)
{
    chrondb_list_free(opened->list);
    chrondb_history_free(opened->history);
    chrondb_log_free(opened->log);
    chrondb_diff_free(opened->diff);
    chrondb_blame_free(opened->blame);
    chrondb_watch_free(opened->watch);
    chrondb_batch_free(opened->batch);
    chrondb_merge_free(opened->merge);
    chrondb_search_free(opened->search);
    chrondb_import_free(opened->import);
    chrondb_snapshot_free(opened->snapshot);
}

/* Whatever the child tries, it is told; it never waits for its parent's threads. */
static int use_inherited(struct opened *opened)
{
    if (!reads_are_refused(opened) || !writes_are_refused(opened) || !care_is_refused(opened))
        return 1;
    free_everything(opened);
    chrondb_close(opened->db);
    return 0;
}

static void open_everything(struct opened *opened, chrondb *db)
{
    opened->db = db;
    good(chrondb_put(db, "k", "1", 1, NULL, NULL, NULL));
    good(chrondb_snapshot_open(&opened->snapshot, db, NULL, NULL));
    good(chrondb_list_open(&opened->list, opened->snapshot, NULL));
    good(chrondb_history_open(&opened->history, opened->snapshot, "k", NULL));
    good(chrondb_log_open(&opened->log, opened->snapshot, NULL));
    good(chrondb_diff_open(&opened->diff, opened->snapshot, opened->snapshot, NULL, 0));
    good(chrondb_batch_new(&opened->batch, db));
    good(chrondb_batch_put(opened->batch, "batch", "1", 1, NULL));
    good(chrondb_merge_new(&opened->merge, db));
    good(chrondb_search_open(&opened->search, opened->snapshot, "*:*", NULL));
    good(chrondb_import_open(&opened->import, db, NULL));
    good(chrondb_blame_open(&opened->blame, opened->snapshot, "k"));
    good(chrondb_watch_open(&opened->watch, db, NULL));
}

static void use_up_everything(struct opened *opened)
{
    chrondb_entry entry;
    chrondb_blame_field field;
    chrondb_event event;

    good(chrondb_list_next(opened->list, &entry));
    good(chrondb_blame_next(opened->blame, &field));
    good(chrondb_batch_commit(opened->batch, NULL));
    good(chrondb_import_line(opened->import, "{\"key\":\"i\",\"value\":1}", 21));
    good(chrondb_import_finish(opened->import));
    while (chrondb_watch_next(opened->watch, &event) == 0)
        ;
    free_everything(opened);
}

static void join_child(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_inherited(void **state)
{
    struct fixture *fixture = *state;
    struct opened opened = {0};

    open_everything(&opened, fixture->db);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(use_inherited(&opened));
    }
    join_child(child);
    use_up_everything(&opened); /* it went on as before */
    expect_document(fixture->db, NULL, "batch", "1");
    expect_document(fixture->db, NULL, "i", "1");
}

struct writing {
    chrondb *db;
    atomic_bool stop;
    bool failed;
};

static void *write_on(void *context)
{
    struct writing *writing = context;
    char key[32];

    for (int i = 0; !atomic_load(&writing->stop); i++) {
        snprintf(key, sizeof(key), "writer:%d", i % 10);
        writing->failed = writing->failed || chrondb_put(writing->db, key, i % 2 == 0 ? "1" : "2", 1, NULL, NULL, NULL);
    }
    return NULL;
}

/* Forked while another thread writes: the child opens and writes, whatever that thread held. */
static void test_fork_beside_writer(void **state)
{
    struct fixture *fixture = *state;
    struct writing writing = {.db = fixture->db};
    pthread_t thread;
    pid_t children[12];
    enum { CHILDREN = sizeof(children) / sizeof(children[0]) };

#ifdef __SANITIZE_ADDRESS__
    skip(); /* its allocator is not made for this: a child finds locks taken that nobody gives back */
#endif
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
    for (int i = 0; i < CHILDREN; i++) {
        usleep(3000);
        children[i] = fork();
        if (children[i] == 0) {
            chrondb *own = NULL;
            char key[32];
            alarm(60);
            snprintf(key, sizeof(key), "child:%d", i);
            bool done =
                chrondb_open(&own, fixture->path, NULL) == 0 && chrondb_put(own, key, "1", 1, NULL, NULL, NULL) == 0;
            chrondb_close(own);
            if (!done)
                fprintf(stderr, "child %d: %s\n", i, chrondb_last_error()->message);
            _exit(done ? 0 : 1);
        }
    }
    for (int i = 0; i < CHILDREN; i++)
        join_child(children[i]);
    atomic_store(&writing.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(writing.failed);
    for (int i = 0; i < CHILDREN; i++) {
        char key[32];
        snprintf(key, sizeof(key), "child:%d", i);
        expect_document(fixture->db, NULL, key, "1");
    }
}

/* A process forks while a thread of it writes, and is killed: its child, which lives on, holds no lock. */
static void test_orphan_holds_nothing(void **state)
{
    struct fixture *fixture = *state;
    chrondb_write_options options = {.size = sizeof(options), .lock_timeout_ms = 20000};
    int alive[2], status;

    for (int round = 0; round < 5; round++) {
        assert_int_equal(pipe(alive), 0);
        pid_t child = fork();
        if (child == 0) {
            struct writing writing = {.db = NULL};
            pthread_t thread;
            char byte;
            close(alive[1]);
            if (chrondb_open(&writing.db, fixture->path, NULL) != 0 ||
                pthread_create(&thread, NULL, write_on, &writing) != 0)
                _exit(1);
            usleep(5000);
            for (int i = 0; i < 8; i++)
                if (fork() == 0) /* lives until the test closes the pipe */
                    _exit(read(alive[0], &byte, 1) == 0 ? 0 : 1);
            kill(getpid(), SIGKILL);
        }
        close(alive[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        good(chrondb_put(fixture->db, "after", round % 2 == 0 ? "1" : "2", 1, NULL, &options, NULL));
        close(alive[1]);
    }
}

/* ---- other processes --------------------------------------------------------------------------------- */

/* What another process writes is seen by a handle that stays open, at its next call. */
static void test_others_write(void **state)
{
    struct fixture *fixture = *state;
    int go[2], done[2];
    char byte = 0, text[16];

    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        chrondb *own = NULL;
        bool right = chrondb_open(&own, fixture->path, NULL) == 0;
        for (int i = 0; right && i < 20; i++) {
            snprintf(text, sizeof(text), "%d", i);
            right = read(go[0], &byte, 1) == 1 && chrondb_put(own, "k", text, strlen(text), NULL, NULL, NULL) == 0 &&
                    (i != 10 || chrondb_gc(own, NULL, NULL, NULL) == 0) && write(done[1], &byte, 1) == 1;
        }
        _exit(right ? 0 : 1);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write(go[1], &byte, 1), 1);
        assert_int_equal(read(done[0], &byte, 1), 1);
        snprintf(text, sizeof(text), "%d", i);
        expect_document(fixture->db, NULL, "k", text);
    }
    join_child(child);
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(done[i]);
    }
}

/* ---- small stacks --------------------------------------------------------------------------------------- */

static void search_deep(chrondb_snapshot *snapshot)
{
    static const char *const queries[] = {"one OR two",
                                          "\"one two\"~3 AND NOT three",
                                          "name:t* OR name:w?o OR two~2",
                                          "n:[1 TO 50] AND a.b.c:x",
                                          "key:user:* OR note:null",
                                          "((((((((((one))))))))))",
                                          "name:=\"one two\"^2",
                                          "_exists_:n -_missing_:name"};
    static const char *const facets[] = {"n", "name"};
    static const char ast[] = "{\"clauses\":[{\"type\":\"boolean\",\"should\":[{\"type\":\"fuzzy\",\"field\":\"name\","
                              "\"value\":\"oen\"},{\"type\":\"range\",\"field\":\"n\",\"lower\":2}]}],"
                              "\"sort\":[{\"field\":\"n\"}],\"limit\":5}";
    chrondb_search_options options = {
        .size = sizeof(options), .total = 1, .explain = 1, .facets = facets, .facet_count = 2};
    chrondb_search_stats stats = {.size = sizeof(stats)};
    chrondb_search *search = NULL;
    chrondb_hit hit;
    const chrondb_mark *marks;
    size_t count;

    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        options.sort = i % 2 == 0 ? NULL : "n:desc,_key";
        good(chrondb_search_open(&search, snapshot, queries[i], &options));
        while (chrondb_search_next(search, &hit) == 0)
            good(chrondb_search_highlight(search, hit.value, hit.value_size, &marks, &count));
        chrondb_search_get_stats(search, &stats);
        chrondb_search_free(search);
    }
    good(chrondb_search_open_ast(&search, snapshot, ast, strlen(ast), NULL));
    while (chrondb_search_next(search, &hit) == 0)
        ;
    chrondb_search_free(search);
}

static void merge_deep(chrondb *db)
{
    chrondb_write_options draft = {.size = sizeof(draft), .branch = "draft"};
    chrondb_merge_options options = {.size = sizeof(options), .strategy = CHRONDB_MERGE_NEWEST};
    char patch[6 * CHRONDB_MAX_DEPTH];
    chrondb_merge *merge = NULL;
    size_t len = 0;

    for (int i = 0; i < CHRONDB_MAX_DEPTH - 1; i++, len += 5)
        memcpy(patch + len, "{\"a\":", 5);
    patch[len++] = '1';
    memset(patch + len, '}', CHRONDB_MAX_DEPTH - 1);
    len += CHRONDB_MAX_DEPTH - 1;
    good(chrondb_put(db, "deep", patch, len, NULL, NULL, NULL));
    good(chrondb_branch_create(db, "draft", NULL, NULL, 0, NULL, NULL));
    patch[len - CHRONDB_MAX_DEPTH] = '2';
    good(chrondb_put(db, "deep", patch, len, NULL, &draft, NULL));
    patch[len - CHRONDB_MAX_DEPTH] = '3';
    good(chrondb_patch(db, "deep", patch, len, NULL, NULL, NULL));
    good(chrondb_merge_new(&merge, db));
    good(chrondb_merge_run(merge, "draft", &options));
    chrondb_merge_free(merge);
    good(chrondb_tag_create(db, "v1", NULL, NULL, 0, 0, NULL, NULL));
    good(chrondb_tag_list(db, ignore_ref, NULL));
    good(chrondb_branch_list(db, ignore_ref, NULL));
    good(chrondb_branch_rename(db, "draft", "other/draft", 0, NULL, NULL));
    good(chrondb_branch_delete(db, "other/draft", 0, NULL));
    good(chrondb_tag_delete(db, "v1", 0, NULL));
}

static int make_bare(void *context, const char *repository)
{
    char command[8192];

    snprintf(command, sizeof(command), "git clone -q --bare '%s' '%s'", (const char *)context, repository);
    return system(command) == 0 ? 0 : CHRONDB_ESYSTEM; /* NOLINT(cert-env33-c): the paths are ours */
}

/* What takes the database as a whole. */
static void care_deep(struct fixture *fixture)
{
    chrondb *db = fixture->db, *copy = NULL;
    chrondb_verify_options verify = {.size = sizeof(verify), .full = 1};
    chrondb_verify_report verified = {.size = sizeof(verified)};
    chrondb_comparison comparison = {.size = sizeof(comparison)};
    chrondb_backup_options later = {.size = sizeof(later), .since = "main~1"};
    chrondb_watch_options since = {.size = sizeof(since), .since = "main~3"};
    chrondb_watch *watch = NULL;
    chrondb_event event;
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;
    chrondb_batch *batch = NULL;
    char *full = scratch_path(fixture->directory, "full"), *rest = scratch_path(fixture->directory, "rest");
    char *restored = scratch_path(fixture->directory, "restored"), *clone = scratch_path(fixture->directory, "clone");
    int result;

    good(chrondb_backup(db, full, NULL, NULL));
    good(chrondb_restore_backup(restored, full, NULL, NULL));
    good(chrondb_snapshot_open(&snapshot, db, NULL, "main~1"));
    good(chrondb_batch_new(&batch, db));
    good(chrondb_batch_restore_table(batch, "user", snapshot));
    good(chrondb_batch_commit(batch, NULL));
    chrondb_batch_free(batch);
    chrondb_snapshot_free(snapshot);
    good(chrondb_put(db, "late", "1", 1, NULL, NULL, NULL));
    good(chrondb_backup(db, rest, &later, NULL));
    good(chrondb_restore_backup(restored, rest, NULL, NULL));
    good(chrondb_verify(db, &verify, &verified));
    assert_int_equal(verified.errors, 0);
    good(chrondb_compare(db, NULL, NULL, "main~2", &comparison));
    assert_int_equal(comparison.our_news, 1);
    good(chrondb_watch_open(&watch, db, &since));
    while ((result = chrondb_watch_next(watch, &event)) == 0)
        ;
    assert_int_equal(result, CHRONDB_END);
    chrondb_watch_free(watch);
    good(chrondb_snapshot_open(&snapshot, db, NULL, NULL));
    good(chrondb_blame_open(&blame, snapshot, "deep"));
    while ((result = chrondb_blame_next(blame, &field)) == 0)
        ;
    assert_int_equal(result, CHRONDB_END);
    chrondb_blame_free(blame);
    chrondb_snapshot_free(snapshot);
    good(chrondb_create_from(&copy, clone, NULL, make_bare, fixture->path));
    assert_int_equal(chrondb_was_created(copy), 1);
    expect_error(chrondb_create_from(&copy, clone, NULL, make_bare, fixture->path), CHRONDB_ENODB, "exists");
    good(chrondb_ready_for_git(copy, 0));
    good(chrondb_remote_branch_list(copy, ignore_ref, NULL));
    chrondb_close(copy);
    free(full);
    free(rest);
    free(restored);
    free(clone);
}

static void *live_small(void *context)
{
    struct fixture *fixture = context;
    chrondb *db = fixture->db;
    struct opened opened = {0};
    chrondb_info info = {.size = sizeof(info)};
    chrondb_snapshot *snapshot = NULL;
    chrondb_difference difference;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t count;
    char line[200];

    open_everything(&opened, db);
    for (int i = 0; i < 300; i++) {
        snprintf(line, sizeof(line),
                 "{\"key\":\"user:%d\",\"value\":{\"name\":\"one two %d\",\"n\":%d,\"a\":{\"b\":{\"c\":\"x\"}}}}", i, i,
                 i);
        good(chrondb_import_line(opened.import, line, strlen(line)));
    }
    while (chrondb_history_next(opened.history, &version) == 0)
        ;
    while (chrondb_log_next(opened.log, &version, &changes, &count) == 0)
        ;
    good(chrondb_tables(opened.snapshot, ignore_table, NULL));
    use_up_everything(&opened);
    merge_deep(db);
    good(chrondb_config_set(db, "search.language", "german", 0, NULL));
    good(chrondb_config_list(db, ignore_setting, NULL));
    good(chrondb_config_unset(db, "search.language", 0, NULL));
    good(chrondb_snapshot_open(&opened.snapshot, db, NULL, "1 hour ago"));
    good(chrondb_snapshot_open(&snapshot, db, NULL, NULL));
    good(chrondb_diff_open(&opened.diff, opened.snapshot, snapshot, NULL, 0));
    while (chrondb_diff_next(opened.diff, &difference) == 0)
        ;
    chrondb_diff_free(opened.diff);
    search_deep(snapshot);
    good(chrondb_reindex(db, NULL, NULL, NULL));
    search_deep(snapshot);
    chrondb_snapshot_free(snapshot);
    chrondb_snapshot_free(opened.snapshot);
    care_deep(fixture);
    good(chrondb_gc(db, NULL, NULL, NULL));
    good(chrondb_maintain(db));
    good(chrondb_get_info(db, NULL, &info));
    return context;
}

static void test_small_stack(void **state)
{
    struct fixture *fixture = *state;
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;

    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attributes, live_small, fixture), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    pthread_attr_destroy(&attributes);
}

/* ---- what is left -------------------------------------------------------------------------------------- */

static int count_descriptors(void)
{
    int count = 0;
    DIR *listing = opendir("/proc/self/fd");

    assert_non_null(listing);
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

static int count_mappings(const char *directory)
{
    char line[4096];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "r");

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, directory) != NULL;
    fclose(file);
    return count;
}

/* Opened, used, closed: no descriptor and no mapping stays. 100 times; CHRONDB_TEST_LONG=1: 10,000 times;
 * CHRONDB_TEST_CYCLES: so many times. */
static void test_cycles(void **state)
{
    struct fixture *fixture = *state;
    const char *given = getenv("CHRONDB_TEST_CYCLES"), *is_long = getenv("CHRONDB_TEST_LONG");
    int cycles = given != NULL ? atoi(given) : is_long != NULL ? 10000 : 100;
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_MAINTAIN};

    chrondb_close(fixture->db);
    int descriptors = count_descriptors();
    for (int i = 0; i < cycles; i++) {
        struct opened opened = {0};
        chrondb_entry entry;
        chrondb_buffer value = {NULL, 0, 0};
        good(chrondb_open(&fixture->db, fixture->path, &options));
        if (i % 20 == 0) {
            open_everything(&opened, fixture->db);
            use_up_everything(&opened);
        }
        good(chrondb_get_at(fixture->db, NULL, NULL, "k", &value));
        good(chrondb_snapshot_open(&opened.snapshot, fixture->db, NULL, NULL));
        good(chrondb_list_open(&opened.list, opened.snapshot, NULL));
        good(chrondb_list_next(opened.list, &entry));
        good(chrondb_search_open(&opened.search, opened.snapshot, "*:*", NULL));
        chrondb_search_free(opened.search);
        chrondb_list_free(opened.list);
        chrondb_snapshot_free(opened.snapshot);
        chrondb_buffer_free(&value);
        chrondb_close(fixture->db);
    }
    fixture->db = NULL;
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(count_mappings(fixture->directory), 0);
}

/* Maintenance by the library's own thread: what is due gets done without a call for it, and closing waits for it. */
static void test_maintained(void **state)
{
    struct fixture *fixture = *state;
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_MAINTAIN};
    chrondb_info info = {.size = sizeof(info)};
    char key[32], value[32];

    chrondb_close(fixture->db);
    good(chrondb_open(&fixture->db, fixture->path, &options));
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof(key), "user:%d", i);
        snprintf(value, sizeof(value), "{\"n\":%d}", i);
        good(chrondb_put(fixture->db, key, value, strlen(value), NULL, NULL, NULL));
    }
    chrondb_close(fixture->db);
    good(chrondb_open(&fixture->db, fixture->path, NULL));
    good(chrondb_get_info(fixture->db, NULL, &info));
    assert_true(info.packs > 0);
    expect_document(fixture->db, NULL, "user:1499", "{\"n\":1499}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_later_struct),
        TEST(test_earlier_struct),
        TEST(test_no_size),
        TEST(test_reports),
        TEST(test_single_writes),
        TEST(test_new_branch),
        TEST(test_snapshots_of_another_database),
        TEST(test_inherited),
        TEST(test_fork_beside_writer),
        TEST(test_orphan_holds_nothing),
        TEST(test_others_write),
        TEST(test_small_stack),
        TEST(test_cycles),
        TEST(test_maintained),
    };

    cmocka_set_test_filter(getenv("CHRONDB_TEST_ONLY"));
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
