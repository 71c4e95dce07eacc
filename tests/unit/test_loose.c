/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"
#include "util/fs.h"

static struct store store;

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

static void put_file(const char *path, const void *data, size_t len)
{
    int fd = openat(store.dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(cdb_fs_write_full(fd, data, len), 0);
    close(fd);
}

static void prepared_directories_take_what_comes(void **state)
{
    (void)state;
    char path[32];
    struct cdb_oid before = store_blob(&store, "made before");
    cdb_loose_prepare(store.dir);
    for (unsigned first = 0; first < 256; first++) {
        snprintf(path, sizeof(path), "objects/%02x", first);
        assert_true(cdb_fs_exists(store.dir, path));
    }
    cdb_loose_prepare(store.dir);
    struct cdb_oid after = store_blob(&store, "made after");
    char loose[CDB_LOOSE_PATH];
    cdb_loose_path(&before, loose);
    assert_true(cdb_fs_exists(store.dir, loose));
    cdb_loose_path(&after, loose);
    assert_true(cdb_fs_exists(store.dir, loose));
}

/* The file that is there may be the only durable one. */
static void a_file_that_is_there_stays(void **state)
{
    (void)state;
    struct stat first, second;
    char path[CDB_LOOSE_PATH];
    struct cdb_oid oid = store_blob(&store, "the same");
    cdb_loose_path(&oid, path);
    assert_int_equal(fstatat(store.dir, path, &first, 0), 0);
    for (int freshen = 0; freshen < 2; freshen++) {
        assert_int_equal(cdb_loose_write(store.dir, &oid, "other", 5, freshen != 0, false), 0);
        assert_int_equal(fstatat(store.dir, path, &second, 0), 0);
        assert_int_equal(first.st_ino, second.st_ino);
        assert_int_equal(first.st_size, second.st_size);
    }
}

static void a_dead_writers_file_is_no_hindrance(void **state)
{
    (void)state;
    char path[CDB_LOOSE_PATH], dead[64];
    struct cdb_oid oid = store_blob(&store, "to be written again");
    cdb_loose_path(&oid, path);
    assert_int_equal(unlinkat(store.dir, path, 0), 0);
    snprintf(dead, sizeof(dead), "%.10s/%s", path, CDB_LOOSE_TEMPORARY);
    put_file(dead, "half", 4);
    assert_int_equal(store_blob(&store, "to be written again").id[0], oid.id[0]);
    assert_true(cdb_fs_exists(store.dir, path));
    assert_false(cdb_fs_exists(store.dir, dead));
    put_file(dead, "half", 4);
    cdb_loose_sweep(store.dir);
    assert_false(cdb_fs_exists(store.dir, dead));
}

struct remover {
    char path[CDB_LOOSE_PATH];
    atomic_bool done;
};

static void *remove_again_and_again(void *context)
{
    struct remover *remover = context;
    while (!atomic_load(&remover->done))
        unlinkat(store.dir, remover->path, 0);
    return NULL;
}

/* As a checkpoint does that has packed it. */
static void a_file_that_goes_while_it_is_written_again_is_no_error(void **state)
{
    (void)state;
    struct remover remover = {.done = false};
    pthread_t thread;
    struct cdb_oid oid = store_blob(&store, "in a pack by now");
    cdb_loose_path(&oid, remover.path);
    assert_int_equal(pthread_create(&thread, NULL, remove_again_and_again, &remover), 0);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(cdb_loose_write(store.dir, &oid, "a file", 6, false, false), 0);
    atomic_store(&remover.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_file_that_is_cut_anywhere_is_torn(void **state)
{
    (void)state;
    char path[CDB_LOOSE_PATH], data[256];
    struct cdb_oid oid = store_blob(&store, "{\"name\":\"what a power cut may leave half of\"}");
    cdb_loose_path(&oid, path);
    assert_false(cdb_loose_is_torn(store.dir, path));
    ssize_t len = cdb_fs_read_head(store.dir, path, data, sizeof(data));
    assert_true(len > 20 && len < (ssize_t)sizeof(data));
    for (ssize_t cut = 0; cut < len; cut++) {
        put_file("objects/cut", data, (size_t)cut);
        assert_true(cdb_loose_is_torn(store.dir, "objects/cut"));
    }
    memset(data, 0, sizeof(data));
    put_file("objects/cut", data, (size_t)len);
    assert_true(cdb_loose_is_torn(store.dir, "objects/cut"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prepared_directories_take_what_comes, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_file_that_is_there_stays, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_dead_writers_file_is_no_hindrance, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_file_that_goes_while_it_is_written_again_is_no_error, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_anywhere_is_torn, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
