/* SPDX-License-Identifier: MIT
 *
 * Readers beside a writer that logs, saves, merges and sweeps all the time: each sees all that was logged before it
 * looked, and never an error. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain.h"
#include "random.h"
#include "scratch.h"

#define REF     "refs/heads/main"
#define READERS 3
#define COMMITS 1500

struct shared {
    _Atomic uint64_t logged;
    _Atomic uint64_t looks;
    _Atomic bool over;
};

static int count_keys(struct cdb_catalog *catalog, uint64_t *count)
{
    struct cdb_catalog_range range = {.end = cdb_catalog_count(catalog)};
    struct cdb_catalog_cursor *cursor;
    const char *key;
    size_t len;
    struct cdb_oid blob;
    int result = cdb_catalog_cursor_open(&cursor, catalog, &range);

    for (*count = 0; result == 0; ++*count)
        result = cdb_catalog_cursor_next(cursor, &key, &len, &blob);
    --*count;
    cdb_catalog_cursor_free(cursor);
    return result;
}

/* 0, or the number of what was wrong. */
static int look(int dir, struct shared *shared)
{
    uint64_t logged = atomic_load(&shared->logged), keys, documents, tables;
    struct cdb_catalog *catalog;
    int wrong = 0;

    if (cdb_catalog_open(&catalog, dir, REF) != 0)
        return 1;
    if (cdb_catalog_count(catalog) < logged)
        wrong = 2;
    else if (count_keys(catalog, &keys) != 1)
        wrong = 3;
    else if (cdb_catalog_totals(catalog, cdb_catalog_count(catalog), &documents, &tables) != 0)
        wrong = 4;
    else if (documents != keys)
        wrong = 5;
    cdb_catalog_close(catalog);
    atomic_fetch_add(&shared->looks, 1);
    return wrong;
}

static pid_t start_reader(int dir, struct shared *shared)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    int wrong = 0;
    while (wrong == 0 && !atomic_load(&shared->over))
        wrong = look(dir, shared);
    _exit(wrong);
}

static bool keep(void *context, const char *ref)
{
    (void)context;
    return strcmp(ref, REF) == 0;
}

static void save(int dir)
{
    struct cdb_catalog *catalog;

    assert_int_equal(cdb_catalog_open(&catalog, dir, REF), 0);
    assert_int_equal(cdb_catalog_save(catalog, dir), 0);
    cdb_catalog_close(catalog);
    assert_int_equal(cdb_catalog_merge(dir, REF, false), 0);
    assert_int_equal(cdb_catalog_sweep(dir, keep, NULL), 0);
}

static void write_all(struct random *random, int dir, struct shared *shared)
{
    struct chain_keys keys;
    struct chain chain;

    chain_keys_init(&keys, 200);
    chain_init(&chain, &keys);
    for (size_t i = 0; i < COMMITS; i++) {
        chain_commit(&chain, random, 1 + random_below(random, 3), keys.count);
        assert_int_equal(chain_log(&chain, i, dir, REF), 0);
        atomic_store(&shared->logged, i + 1);
        if (random_chance(random, 10))
            save(dir);
    }
    chain_release(&chain);
    chain_keys_release(&keys);
}

static void test_readers(void **state)
{
    struct random random = random_seed(11);
    char *path = scratch_new();
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t readers[READERS];

    (void)state;
    assert_true(dir >= 0 && shared != MAP_FAILED);
    /* Readers begin when there is something. */
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        write_all(&random, dir, shared);
        _exit(0);
    }
    while (atomic_load(&shared->logged) == 0)
        usleep(100);
    for (int i = 0; i < READERS; i++)
        readers[i] = start_reader(dir, shared);
    int status;
    assert_int_equal(waitpid(writer, &status, 0), writer);
    atomic_store(&shared->over, true);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(waitpid(readers[i], &status, 0), readers[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    printf("%llu looks\n", (unsigned long long)atomic_load(&shared->looks));
    assert_true(atomic_load(&shared->looks) > 0);
    munmap(shared, sizeof(*shared));
    close(dir);
    scratch_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
