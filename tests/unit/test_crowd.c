/* SPDX-License-Identifier: MIT
 *
 * Many at once on one database: 16 threads with handles by several spellings, and two other processes. No operation
 * fails, and what they wrote is one line of history. 1,600 operations in all; CHRONDB_TEST_LONG=1: 10,000;
 * CHRONDB_TEST_OPERATIONS: so many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chrondb.h"
#include "scratch.h"

#define THREADS   16
#define PROCESSES 2
#define HANDLES   4

struct worker {
    chrondb *db;
    int number, operations, writes;
    bool failed;
};

static int operations_in_all(void)
{
    const char *text = getenv("CHRONDB_TEST_OPERATIONS");

    if (text != NULL)
        return atoi(text);
    return getenv("CHRONDB_TEST_LONG") != NULL ? 10000 : 1600;
}

static bool complain(struct worker *worker, const char *what)
{
    fprintf(stderr, "worker %d cannot %s: %s\n", worker->number, what, chrondb_last_error()->message);
    worker->failed = true;
    return false;
}

static bool write_one(struct worker *worker, const char *key, int i)
{
    char text[64];
    chrondb_result result;
    int status;

    snprintf(text, sizeof(text), "{\"by\":%d,\"n\":%d}", worker->number, i);
    if (i % 5 == 3)
        status = chrondb_patch(worker->db, key, text, strlen(text), NULL, NULL, &result);
    else
        status = chrondb_put(worker->db, key, text, strlen(text), NULL, NULL, &result);
    if (status != 0)
        return complain(worker, "write");
    worker->writes += result.status != CHRONDB_UNCHANGED;
    return true;
}

/* What it has just written is what it reads, whoever else writes. */
static bool read_back(struct worker *worker, const char *key, int i, chrondb_buffer *value)
{
    char text[64];

    snprintf(text, sizeof(text), "{\"by\":%d,\"n\":%d}", worker->number, i);
    if (chrondb_get_at(worker->db, NULL, NULL, key, value) != 0)
        return complain(worker, "read");
    if (strcmp(value->data, text) != 0) {
        fprintf(stderr, "worker %d: %s is %s, not %s\n", worker->number, key, value->data, text);
        worker->failed = true;
    }
    return !worker->failed;
}

static bool look_around(struct worker *worker, const char *key)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_history *history = NULL;
    chrondb_search *search = NULL;
    chrondb_version_info version;
    chrondb_search_options options = {.size = sizeof(options), .limit = 3, .total = 1};
    uint64_t count = 0;
    bool good = chrondb_snapshot_open(&snapshot, worker->db, NULL, NULL) == 0 &&
                chrondb_count(snapshot, NULL, &count) == 0 && count > 0 &&
                chrondb_history_open(&history, snapshot, key, NULL) == 0 &&
                chrondb_history_next(history, &version) == 0 &&
                (worker->number % 8 != 0 || chrondb_search_open(&search, snapshot, "by:[0 TO 3]", &options) == 0);

    chrondb_search_free(search);
    chrondb_history_free(history);
    chrondb_snapshot_free(snapshot);
    return good ? true : complain(worker, "look around");
}

static void *work(void *context)
{
    struct worker *worker = context;
    chrondb_buffer value = {NULL, 0, 0};
    char key[40];

    for (int i = 0; i < worker->operations && !worker->failed; i++) {
        snprintf(key, sizeof(key), "w%d:%d", worker->number, i / 5 % 7);
        if (write_one(worker, key, i) && read_back(worker, key, i, &value) && i % 10 == 9)
            look_around(worker, key);
    }
    chrondb_buffer_free(&value);
    return NULL;
}

/* The threads of one process; how many commits they made, or -1. */
static int run_threads(const char *path, int first, int threads, int operations)
{
    static const chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_MAINTAIN};
    struct worker workers[THREADS] = {{0}};
    pthread_t ids[THREADS];
    chrondb *handles[HANDLES] = {NULL};
    char spelling[HANDLES][4096];
    int writes = 0;

    snprintf(spelling[0], sizeof(spelling[0]), "%s", path);
    snprintf(spelling[1], sizeof(spelling[1]), "%s/", path);
    snprintf(spelling[2], sizeof(spelling[2]), "%s/../db/.", path);
    snprintf(spelling[3], sizeof(spelling[3]), "//%s//", path);
    for (int i = 0; i < HANDLES; i++)
        if (chrondb_open(&handles[i], spelling[i], &options) != 0)
            return -1;
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.db = handles[i % HANDLES], .number = first + i, .operations = operations};
        if (pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            return -1;
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        writes = workers[i].failed || writes < 0 ? -1 : writes + workers[i].writes;
    }
    for (int i = 0; i < HANDLES; i++)
        chrondb_close(handles[i]);
    return writes;
}

static void expect_one_line(const char *path, int commits)
{
    chrondb *db = NULL;
    chrondb_snapshot *snapshot = NULL;
    chrondb_log *log = NULL;
    chrondb_version_info version;
    const chrondb_change *changes;
    size_t count;
    int found = 0;
    chrondb_time later = {INT64_MAX, 0};

    assert_int_equal(chrondb_open(&db, path, NULL), 0);
    assert_int_equal(chrondb_snapshot_open(&snapshot, db, NULL, NULL), 0);
    assert_int_equal(chrondb_log_open(&log, snapshot, NULL), 0);
    while (chrondb_log_next(log, &version, &changes, &count) == 0) {
        assert_int_equal(count, 1);
        assert_true(version.time.seconds < later.seconds ||
                    (version.time.seconds == later.seconds && version.time.nanoseconds < later.nanoseconds));
        later = version.time;
        found++;
    }
    assert_int_equal(found, commits);
    chrondb_log_free(log);
    chrondb_snapshot_free(snapshot);
    chrondb_close(db);
}

static void test_crowd(void **state)
{
    char *directory = scratch_new(), *path = scratch_path(directory, "db");
    chrondb_open_options create = {.size = sizeof(create), .flags = CHRONDB_OPEN_CREATE};
    int operations = operations_in_all() / (THREADS + PROCESSES), told[2], commits = 0;
    chrondb *db = NULL;

    (void)state;
    assert_int_equal(chrondb_open(&db, path, &create), 0);
    chrondb_close(db);
    assert_int_equal(pipe(told), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int writes = run_threads(path, THREADS + i, 1, operations);
            _exit(write(told[1], &writes, sizeof(writes)) == sizeof(writes) ? 0 : 1);
        }
    }
    commits = run_threads(path, 0, THREADS, operations);
    assert_true(commits > 0);
    for (int i = 0; i < PROCESSES; i++) {
        int writes = -1;
        assert_int_equal(read(told[0], &writes, sizeof(writes)), sizeof(writes));
        assert_true(writes > 0);
        commits += writes;
    }
    while (wait(NULL) > 0)
        ;
    expect_one_line(path, commits);
    close(told[0]);
    close(told[1]);
    free(path);
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crowd)};

    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
