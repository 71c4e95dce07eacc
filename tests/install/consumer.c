/* SPDX-License-Identifier: MIT
 *
 * consumer DIR: a program of somebody else. It has only what was installed. */
#include <chrondb.h>
#include <stdio.h>
#include <string.h>

#define DOCUMENT "{\"name\":\"Alice\"}"

static int fail(const char *what)
{
    fprintf(stderr, "consumer: %s: %s\n", what, chrondb_last_error()->message);
    return 1;
}

int main(int argc, char **argv)
{
    chrondb_open_options options = {.size = sizeof options, .flags = CHRONDB_OPEN_CREATE};
    chrondb *db = NULL;
    chrondb_batch *batch = NULL;
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {0};
    int result = 1;

    if (argc != 2 || strcmp(chrondb_version(), CHRONDB_VERSION) != 0) {
        fprintf(stderr, "consumer: library %s, header %s\n", chrondb_version(), CHRONDB_VERSION);
        return 1;
    }
    if (chrondb_open(&db, argv[1], &options) != 0)
        return fail("open");
    if (chrondb_batch_new(&batch, db) != 0 ||
        chrondb_batch_put(batch, "user:1", DOCUMENT, strlen(DOCUMENT), NULL) != 0 ||
        chrondb_batch_commit(batch, NULL) != 0) {
        fail("put");
        goto out;
    }
    if (chrondb_snapshot_open(&snapshot, db, NULL, NULL) != 0 || chrondb_get(snapshot, "user:1", &value) != 0) {
        fail("get");
        goto out;
    }
    if (value.size != strlen(DOCUMENT) || memcmp(value.data, DOCUMENT, value.size) != 0) {
        fprintf(stderr, "consumer: not what was put: %s\n", value.data);
        goto out;
    }
    result = 0;
out:
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
    chrondb_batch_free(batch);
    chrondb_close(db);
    return result;
}
