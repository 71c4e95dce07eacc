/* SPDX-License-Identifier: MIT
 *
 * Every function of chrondb.h without what it needs: an answer, never a crash; and without what it may do without. */
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
#include "scratch.h"

#define REFUSED(call) refused(#call, (call))
#define DONE(call)    done(#call, (call))

static const chrondb_open_options create = {.size = sizeof(create), .flags = CHRONDB_OPEN_CREATE};

static void refused(const char *call, int result)
{
    const chrondb_error *error = chrondb_last_error();
    if (result != CHRONDB_EUSAGE || error->code != result || strcmp(error->name, "usage") != 0)
        fail_msg("%s: %d, '%s': %s", call, result, error->name, error->message);
}

static void done(const char *call, int result)
{
    if (result != 0)
        fail_msg("%s: %d: %s", call, result, chrondb_last_error()->message);
}

static int each_table(void *context, const char *table, uint64_t count)
{
    return context != NULL && table != NULL && count > 0 ? 0 : 1;
}

static int each_ref(void *context, const chrondb_ref *ref)
{
    return context != NULL && ref != NULL ? 0 : 1;
}

static int each_setting(void *context, const chrondb_setting *setting)
{
    return context != NULL && setting != NULL ? 0 : 1;
}

static int make_nothing(void *context, const char *repository)
{
    return context == NULL && repository != NULL ? 1 : 0;
}

static void no_handle(void **state)
{
    chrondb *db = NULL;
    chrondb_buffer buffer = {NULL, 0, 0};
    uint64_t count;
    chrondb_comparison comparison = {.size = sizeof(comparison)};
    chrondb_info info = {.size = sizeof(info)};
    (void)state;
    REFUSED(chrondb_open(NULL, "x", NULL));
    REFUSED(chrondb_open(&db, NULL, NULL));
    REFUSED(chrondb_create_from(NULL, "x", NULL, make_nothing, NULL));
    REFUSED(chrondb_create_from(&db, NULL, NULL, make_nothing, NULL));
    REFUSED(chrondb_create_from(&db, "x", NULL, NULL, NULL));
    REFUSED(chrondb_discover(NULL));
    REFUSED(chrondb_ready_for_git(NULL, 0));
    REFUSED(chrondb_maintain(NULL));
    REFUSED(chrondb_get_at(NULL, NULL, NULL, "k", &buffer));
    REFUSED(chrondb_get(NULL, "k", &buffer));
    REFUSED(chrondb_exists(NULL, "k"));
    REFUSED(chrondb_count(NULL, NULL, &count));
    REFUSED(chrondb_tables(NULL, each_table, &count));
    REFUSED(chrondb_put(NULL, "k", "1", 1, NULL, NULL, NULL));
    REFUSED(chrondb_patch(NULL, "k", "1", 1, NULL, NULL, NULL));
    REFUSED(chrondb_delete(NULL, "k", NULL, NULL, NULL));
    REFUSED(chrondb_branch_list(NULL, each_ref, &count));
    REFUSED(chrondb_tag_list(NULL, each_ref, &count));
    REFUSED(chrondb_remote_branch_list(NULL, each_ref, &count));
    REFUSED(chrondb_branch_create(NULL, "b", NULL, NULL, 0, NULL, NULL));
    REFUSED(chrondb_branch_delete(NULL, "b", 0, NULL));
    REFUSED(chrondb_branch_rename(NULL, "b", "c", 0, NULL, NULL));
    REFUSED(chrondb_tag_create(NULL, "t", NULL, NULL, 0, 0, NULL, NULL));
    REFUSED(chrondb_tag_delete(NULL, "t", 0, NULL));
    REFUSED(chrondb_compare(NULL, NULL, "main", "main", &comparison));
    REFUSED(chrondb_get_info(NULL, NULL, &info));
    REFUSED(chrondb_gc(NULL, NULL, NULL, NULL));
    REFUSED(chrondb_reindex(NULL, NULL, NULL, NULL));
    REFUSED(chrondb_backup(NULL, "f", NULL, NULL));
    REFUSED(chrondb_restore_backup(NULL, "f", NULL, NULL));
    REFUSED(chrondb_verify(NULL, NULL, NULL));
    REFUSED(chrondb_config_get(NULL, "branch", &buffer));
    REFUSED(chrondb_config_set(NULL, "branch", "main", 0, NULL));
    REFUSED(chrondb_config_unset(NULL, "branch", 0, NULL));
    REFUSED(chrondb_config_list(NULL, each_setting, &count));
    assert_null(chrondb_path(NULL));
    assert_int_equal(chrondb_was_created(NULL), 0);
    assert_int_equal(chrondb_maintenance_due(NULL), 0);
    assert_non_null(chrondb_version());
    chrondb_buffer_free(NULL);
    chrondb_time_format((chrondb_time){0, 0}, NULL);
    chrondb_close(NULL);
}

static void no_object(void **state)
{
    chrondb_time time;
    chrondb_entry entry;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t count;
    const char *value;
    chrondb_difference difference;
    chrondb_blame_field field;
    chrondb_event event;
    chrondb_conflict conflict;
    chrondb_hit hit;
    chrondb_step step;
    const chrondb_mark *marks;
    const chrondb_facet *facets;
    chrondb_import_report report = {.size = sizeof(report)};
    chrondb_search_stats stats = {.size = sizeof(stats)};
    (void)state;
    REFUSED(chrondb_snapshot_time(NULL, &time));
    REFUSED(chrondb_list_next(NULL, &entry));
    REFUSED(chrondb_history_next(NULL, &version));
    REFUSED(chrondb_log_next(NULL, &version, &changes, &count));
    REFUSED(chrondb_log_value(NULL, 0, &value, &count));
    REFUSED(chrondb_diff_next(NULL, &difference));
    REFUSED(chrondb_blame_next(NULL, &field));
    REFUSED(chrondb_watch_next(NULL, &event));
    REFUSED(chrondb_batch_put(NULL, "k", "1", 1, NULL));
    REFUSED(chrondb_batch_patch(NULL, "k", "1", 1, NULL));
    REFUSED(chrondb_batch_delete(NULL, "k", NULL));
    REFUSED(chrondb_batch_check(NULL, "k", NULL));
    REFUSED(chrondb_batch_restore(NULL, "k", NULL, NULL));
    REFUSED(chrondb_batch_restore_all(NULL, NULL));
    REFUSED(chrondb_batch_restore_table(NULL, "t", NULL));
    REFUSED(chrondb_batch_add_json(NULL, "{}", 2, NULL));
    REFUSED(chrondb_batch_commit(NULL, NULL));
    REFUSED(chrondb_import_line(NULL, "{}", 2));
    REFUSED(chrondb_import_finish(NULL));
    REFUSED(chrondb_import_stop(NULL));
    REFUSED(chrondb_merge_decide(NULL, "k", "1", 1));
    REFUSED(chrondb_merge_decide_json(NULL, "{}", 2));
    REFUSED(chrondb_merge_run(NULL, "main", NULL));
    REFUSED(chrondb_merge_conflict(NULL, 0, &conflict));
    REFUSED(chrondb_search_next(NULL, &hit));
    REFUSED(chrondb_search_step(NULL, 0, &step));
    REFUSED(chrondb_search_highlight(NULL, "1", 1, &marks, &count));
    assert_null(chrondb_snapshot_commit(NULL));
    assert_int_equal(chrondb_batch_size(NULL), 0);
    assert_int_equal(chrondb_batch_status(NULL, 0), CHRONDB_UNCHANGED);
    assert_null(chrondb_batch_result(NULL, 0));
    assert_null(chrondb_batch_commit_id(NULL));
    assert_int_equal(chrondb_batch_time(NULL).seconds, 0);
    assert_int_equal(chrondb_watch_fd(NULL), -1);
    assert_null(chrondb_merge_get_report(NULL));
    assert_int_equal(chrondb_search_total(NULL), 0);
    assert_null(chrondb_search_cursor(NULL));
    assert_null(chrondb_search_commit(NULL));
    assert_int_equal(chrondb_search_facet(NULL, 0, &facets, NULL), 0);
    chrondb_import_get_report(NULL, &report);
    chrondb_search_get_stats(NULL, &stats);
    chrondb_snapshot_free(NULL);
    chrondb_list_free(NULL);
    chrondb_batch_free(NULL);
    chrondb_import_free(NULL);
    chrondb_history_free(NULL);
    chrondb_log_free(NULL);
    chrondb_diff_free(NULL);
    chrondb_blame_free(NULL);
    chrondb_watch_free(NULL);
    chrondb_merge_free(NULL);
    chrondb_search_free(NULL);
}

static void no_database(void **state)
{
    chrondb_buffer buffer = {NULL, 0, 0};
    (void)state;
    REFUSED(chrondb_key_check(NULL));
    REFUSED(chrondb_key_path(NULL, &buffer));
    REFUSED(chrondb_key_path("k", NULL));
    REFUSED(chrondb_search_ast_branch(NULL, 2, &buffer));
    REFUSED(chrondb_search_ast_branch("{}", 2, NULL));
    REFUSED(chrondb_search_mark(NULL, "q", 1, 1, 1));
    REFUSED(chrondb_search_mark(&buffer, NULL, 1, 1, 1));
    REFUSED(chrondb_json_check(NULL, 1));
    REFUSED(chrondb_json_format(NULL, "1", 1, 0));
    REFUSED(chrondb_json_format(&buffer, NULL, 1, 0));
    REFUSED(chrondb_json_merge_patch(NULL, "1", 1, "1", 1));
    REFUSED(chrondb_json_merge_patch(&buffer, NULL, 1, "1", 1));
    REFUSED(chrondb_json_merge_patch(&buffer, "1", 1, NULL, 1));
}

/* ---- with a handle, but not what else is needed ---- */

static void reads(chrondb *db, chrondb_snapshot *snapshot)
{
    chrondb_buffer buffer = {NULL, 0, 0};
    chrondb_list *list = NULL;
    chrondb_history *history = NULL;
    chrondb_log *log = NULL;
    chrondb_diff *diff = NULL;
    chrondb_blame *blame = NULL;
    chrondb_search *search = NULL;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t count;
    REFUSED(chrondb_snapshot_open(NULL, db, NULL, NULL));
    REFUSED(chrondb_snapshot_open(&snapshot, NULL, NULL, NULL));
    REFUSED(chrondb_snapshot_time(snapshot, NULL));
    REFUSED(chrondb_get(snapshot, NULL, &buffer));
    REFUSED(chrondb_get(snapshot, "k", NULL));
    REFUSED(chrondb_get_at(db, NULL, NULL, NULL, &buffer));
    REFUSED(chrondb_get_at(db, NULL, NULL, "k", NULL));
    REFUSED(chrondb_exists(snapshot, NULL));
    REFUSED(chrondb_count(snapshot, NULL, NULL));
    REFUSED(chrondb_tables(snapshot, NULL, NULL));
    REFUSED(chrondb_list_open(NULL, snapshot, NULL));
    REFUSED(chrondb_list_open(&list, NULL, NULL));
    DONE(chrondb_list_open(&list, snapshot, NULL));
    REFUSED(chrondb_list_next(list, NULL));
    chrondb_list_free(list);
    REFUSED(chrondb_history_open(NULL, snapshot, "k", NULL));
    REFUSED(chrondb_history_open(&history, NULL, "k", NULL));
    REFUSED(chrondb_history_open(&history, snapshot, NULL, NULL));
    DONE(chrondb_history_open(&history, snapshot, "k", NULL));
    REFUSED(chrondb_history_next(history, NULL));
    chrondb_history_free(history);
    REFUSED(chrondb_log_open(NULL, snapshot, NULL));
    REFUSED(chrondb_log_open(&log, NULL, NULL));
    DONE(chrondb_log_open(&log, snapshot, NULL));
    REFUSED(chrondb_log_next(log, NULL, &changes, &count));
    REFUSED(chrondb_log_next(log, &version, NULL, &count));
    REFUSED(chrondb_log_next(log, &version, &changes, NULL));
    REFUSED(chrondb_log_value(log, 0, NULL, &count));
    chrondb_log_free(log);
    REFUSED(chrondb_diff_open(NULL, snapshot, snapshot, NULL, 0));
    REFUSED(chrondb_diff_open(&diff, NULL, snapshot, NULL, 0));
    REFUSED(chrondb_diff_open(&diff, snapshot, NULL, NULL, 0));
    REFUSED(chrondb_diff_open(&diff, snapshot, snapshot, NULL, 1));
    DONE(chrondb_diff_open(&diff, snapshot, snapshot, NULL, 0));
    REFUSED(chrondb_diff_next(diff, NULL));
    chrondb_diff_free(diff);
    REFUSED(chrondb_blame_open(NULL, snapshot, "k"));
    REFUSED(chrondb_blame_open(&blame, NULL, "k"));
    REFUSED(chrondb_blame_open(&blame, snapshot, NULL));
    DONE(chrondb_blame_open(&blame, snapshot, "k"));
    REFUSED(chrondb_blame_next(blame, NULL));
    chrondb_blame_free(blame);
    REFUSED(chrondb_search_open(NULL, snapshot, "1", NULL));
    REFUSED(chrondb_search_open(&search, NULL, "1", NULL));
    REFUSED(chrondb_search_open(&search, snapshot, NULL, NULL));
    REFUSED(chrondb_search_open_ast(NULL, snapshot, "{}", 2, NULL));
    REFUSED(chrondb_search_open_ast(&search, NULL, "{}", 2, NULL));
    REFUSED(chrondb_search_open_ast(&search, snapshot, NULL, 2, NULL));
    DONE(chrondb_search_open(&search, snapshot, "1", NULL));
    REFUSED(chrondb_search_next(search, NULL));
    REFUSED(chrondb_search_step(search, 0, NULL));
    REFUSED(chrondb_search_highlight(search, NULL, 1, NULL, &count));
    assert_int_equal(chrondb_search_facet(search, 0, NULL, NULL), 0);
    chrondb_search_get_stats(search, NULL);
    chrondb_search_free(search);
}

static void writes(chrondb *db, chrondb_snapshot *snapshot)
{
    const chrondb_write_options no_meta = {.size = sizeof(no_meta), .meta_count = 1};
    const chrondb_import_options no_import_meta = {.size = sizeof(no_import_meta), .meta_count = 1};
    chrondb_batch *batch = NULL;
    chrondb_import *import = NULL;
    chrondb_merge *merge = NULL;
    REFUSED(chrondb_put(db, NULL, "1", 1, NULL, NULL, NULL));
    REFUSED(chrondb_put(db, "k", NULL, 1, NULL, NULL, NULL));
    REFUSED(chrondb_put(db, "k", "2", 1, NULL, &no_meta, NULL));
    REFUSED(chrondb_patch(db, NULL, "1", 1, NULL, NULL, NULL));
    REFUSED(chrondb_patch(db, "k", NULL, 1, NULL, NULL, NULL));
    REFUSED(chrondb_delete(db, NULL, NULL, NULL, NULL));
    REFUSED(chrondb_batch_new(NULL, db));
    REFUSED(chrondb_batch_new(&batch, NULL));
    DONE(chrondb_batch_new(&batch, db));
    REFUSED(chrondb_batch_put(batch, NULL, "1", 1, NULL));
    REFUSED(chrondb_batch_put(batch, "k", NULL, 1, NULL));
    REFUSED(chrondb_batch_patch(batch, NULL, "1", 1, NULL));
    REFUSED(chrondb_batch_patch(batch, "k", NULL, 1, NULL));
    REFUSED(chrondb_batch_delete(batch, NULL, NULL));
    REFUSED(chrondb_batch_check(batch, NULL, NULL));
    REFUSED(chrondb_batch_restore(batch, NULL, snapshot, NULL));
    REFUSED(chrondb_batch_restore(batch, "k", NULL, NULL));
    REFUSED(chrondb_batch_restore_all(batch, NULL));
    REFUSED(chrondb_batch_restore_table(batch, NULL, snapshot));
    REFUSED(chrondb_batch_restore_table(batch, "t", NULL));
    REFUSED(chrondb_batch_add_json(batch, NULL, 1, NULL));
    assert_null(chrondb_batch_result(batch, 0));
    chrondb_batch_free(batch);
    REFUSED(chrondb_import_open(NULL, db, NULL));
    REFUSED(chrondb_import_open(&import, NULL, NULL));
    REFUSED(chrondb_import_open(&import, db, &no_import_meta));
    DONE(chrondb_import_open(&import, db, NULL));
    REFUSED(chrondb_import_line(import, NULL, 1));
    chrondb_import_get_report(import, NULL);
    chrondb_import_free(import);
    REFUSED(chrondb_merge_new(NULL, db));
    REFUSED(chrondb_merge_new(&merge, NULL));
    DONE(chrondb_merge_new(&merge, db));
    REFUSED(chrondb_merge_decide(merge, NULL, "1", 1));
    REFUSED(chrondb_merge_decide_json(merge, NULL, 1));
    REFUSED(chrondb_merge_run(merge, NULL, NULL));
    REFUSED(chrondb_merge_conflict(merge, 0, NULL));
    chrondb_merge_free(merge);
}

static void others(chrondb *db)
{
    chrondb_watch *watch = NULL;
    chrondb_buffer buffer = {NULL, 0, 0};
    REFUSED(chrondb_watch_open(NULL, db, NULL));
    REFUSED(chrondb_watch_open(&watch, NULL, NULL));
    DONE(chrondb_watch_open(&watch, db, NULL));
    REFUSED(chrondb_watch_next(watch, NULL));
    chrondb_watch_free(watch);
    REFUSED(chrondb_branch_list(db, NULL, NULL));
    REFUSED(chrondb_tag_list(db, NULL, NULL));
    REFUSED(chrondb_remote_branch_list(db, NULL, NULL));
    REFUSED(chrondb_branch_create(db, NULL, NULL, NULL, 0, NULL, NULL));
    REFUSED(chrondb_branch_delete(db, NULL, 0, NULL));
    REFUSED(chrondb_branch_rename(db, NULL, "b", 0, NULL, NULL));
    REFUSED(chrondb_branch_rename(db, "b", NULL, 0, NULL, NULL));
    REFUSED(chrondb_tag_create(db, NULL, NULL, NULL, 0, 0, NULL, NULL));
    REFUSED(chrondb_tag_delete(db, NULL, 0, NULL));
    REFUSED(chrondb_compare(db, NULL, NULL, NULL, NULL));
    REFUSED(chrondb_get_info(db, NULL, NULL));
    REFUSED(chrondb_config_get(db, NULL, &buffer));
    REFUSED(chrondb_config_get(db, "branch", NULL));
    REFUSED(chrondb_config_set(db, NULL, "x", 0, NULL));
    REFUSED(chrondb_config_set(db, "branch", NULL, 0, NULL));
    REFUSED(chrondb_config_unset(db, NULL, 0, NULL));
    REFUSED(chrondb_config_list(db, NULL, NULL));
    REFUSED(chrondb_create_from(&db, "x", NULL, NULL, NULL));
}

/* All that may be NULL is. */
static void minimal(chrondb *db, const char *directory)
{
    char *file = scratch_path(directory, "backup"), *other = scratch_path(directory, "other");
    chrondb_comparison comparison = {.size = sizeof(comparison)};
    chrondb_merge *merge = NULL;
    chrondb_info info = {.size = sizeof(info)};
    DONE(chrondb_put(db, "k", "2", 1, NULL, NULL, NULL));
    DONE(chrondb_patch(db, "k", "3", 1, NULL, NULL, NULL));
    DONE(chrondb_delete(db, "k", NULL, NULL, NULL));
    DONE(chrondb_branch_create(db, "b", NULL, NULL, 0, NULL, NULL));
    DONE(chrondb_branch_rename(db, "b", "c", 0, NULL, NULL));
    DONE(chrondb_compare(db, NULL, NULL, NULL, &comparison));
    DONE(chrondb_merge_new(&merge, db));
    DONE(chrondb_merge_run(merge, "c", NULL));
    chrondb_merge_free(merge);
    DONE(chrondb_branch_delete(db, "c", 0, NULL));
    DONE(chrondb_tag_create(db, "t", NULL, NULL, 0, 0, NULL, NULL));
    DONE(chrondb_tag_delete(db, "t", 0, NULL));
    DONE(chrondb_get_info(db, NULL, &info));
    DONE(chrondb_config_set(db, "search.language", "german", 0, NULL));
    DONE(chrondb_config_unset(db, "search.language", 0, NULL));
    DONE(chrondb_ready_for_git(db, 0));
    DONE(chrondb_maintain(db));
    DONE(chrondb_gc(db, NULL, NULL, NULL));
    DONE(chrondb_reindex(db, NULL, NULL, NULL));
    DONE(chrondb_verify(db, NULL, NULL));
    DONE(chrondb_backup(db, file, NULL, NULL));
    DONE(chrondb_restore_backup(other, file, NULL, NULL));
    free(file);
    free(other);
}

static void with_handle(void **state)
{
    char *directory = scratch_new(), *path = scratch_path(directory, "db");
    chrondb *db = NULL;
    chrondb_snapshot *snapshot = NULL;
    (void)state;
    DONE(chrondb_open(&db, path, &create));
    DONE(chrondb_put(db, "k", "1", 1, NULL, NULL, NULL));
    DONE(chrondb_snapshot_open(&snapshot, db, NULL, NULL));
    reads(db, snapshot);
    writes(db, snapshot);
    others(db);
    chrondb_snapshot_free(snapshot);
    minimal(db, directory);
    chrondb_close(db);
    free(path);
    scratch_remove(directory);
}

/* ---- all of them ---- */

static char *read_source(const char *name)
{
    const char *root = getenv("CHRONDB_SOURCE_DIR");
    char path[4096];
    size_t room = (size_t)1 << 20;
    char *text = calloc(1, room);
    snprintf(path, sizeof(path), "%s/%s", root != NULL ? root : "..", name);
    FILE *file = fopen(path, "r");
    if (file == NULL || text == NULL)
        fail_msg("cannot read %s", path);
    assert_in_range(fread(text, 1, room - 1, file), 1, room - 2);
    fclose(file);
    return text;
}

/* A function that is new in chrondb.h is to be added here. */
static void none_is_left_out(void **state)
{
    static const char mark[] = "CHRONDB_API ";
    char *header = read_source("lib/chrondb.h"), *test = read_source("tests/unit/test_null.c");
    size_t count = 0;
    (void)state;
    for (const char *at = strstr(header, "\n"
                                         "CHRONDB_API ");
         at != NULL; at = strstr(at + 1, "\n"
                                         "CHRONDB_API ")) {
        const char *end = strchr(at + sizeof(mark), '(');
        char name[80];
        assert_non_null(end);
        const char *start = end;
        while (start[-1] == '_' || (start[-1] >= 'a' && start[-1] <= 'z'))
            start--;
        snprintf(name, sizeof(name), "%.*s(", (int)(end - start), start);
        if (strstr(test, name) == NULL)
            fail_msg("%s) is not called here", name);
        count++;
    }
    assert_in_range(count, 100, 1000);
    free(header);
    free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_handle),   cmocka_unit_test(no_object),        cmocka_unit_test(no_database),
        cmocka_unit_test(with_handle), cmocka_unit_test(none_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
