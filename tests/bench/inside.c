/* SPDX-License-Identifier: MIT
 *
 * inside DATABASE get|put COUNT DOCUMENTS: what one of COUNT calls takes in this process, in microseconds: elapsed, and
 * of the processor. For python.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chrondb.h"

static double now(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static int get(chrondb *db, const char *key, chrondb_buffer *value)
{
    chrondb_snapshot *snapshot = NULL;
    int result = chrondb_snapshot_open(&snapshot, db, NULL, NULL);
    if (result == 0)
        result = chrondb_get(snapshot, key, value);
    chrondb_snapshot_free(snapshot);
    return result;
}

static int put(chrondb *db, const char *key, const char *text)
{
    chrondb_batch *batch = NULL;
    int result = chrondb_batch_new(&batch, db);
    if (result == 0)
        result = chrondb_batch_put(batch, key, text, strlen(text), NULL);
    if (result == 0)
        result = chrondb_batch_commit(batch, NULL);
    chrondb_batch_free(batch);
    return result;
}

int main(int argc, char **argv)
{
    chrondb_open_options options = {.size = sizeof(options)};
    chrondb_buffer value = {0};
    chrondb *db;
    if (argc != 5 || chrondb_open(&db, argv[1], &options) != 0)
        return 2;
    long count = atol(argv[3]), documents = atol(argv[4]);
    int failed = get(db, "user:1", &value) != 0;
    double elapsed = now(CLOCK_MONOTONIC), used = now(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < count; i++) {
        char key[64], text[512];
        snprintf(key, sizeof(key), "user:%ld", i * 7919 % documents);
        snprintf(text, sizeof(text), "{\"name\":\"Name %ld\",\"round\":%.0f,\"city\":\"Lisbon\"}", i, elapsed);
        failed |= (argv[2][0] == 'g' ? get(db, key, &value) : put(db, key, text)) != 0;
    }
    printf("%.3f %.3f\n", (now(CLOCK_MONOTONIC) - elapsed) / (double)count,
           (now(CLOCK_THREAD_CPUTIME_ID) - used) / (double)count);
    chrondb_buffer_free(&value);
    chrondb_close(db);
    return failed;
}
