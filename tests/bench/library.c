/* SPDX-License-Identifier: MIT
 *
 * library DIR KEYS RUNS: the library in one process, warm, on the database DIR/db that has the documents "user:1" to
 * "user:KEYS": what a read and a durable write of one document cost, in turn with a bare fdatasync on the same disk,
 * and with SQLite's library (WAL, synchronous=FULL), if it was there when this was compiled. Prints a table, and 1 if
 * a target is missed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chrondb.h"
#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

#define BLOCK   4096
#define BATCH   64 /* reads are timed so many at a time: the clock is not what is measured */
#define TARGETS 2

enum { GET, GET_SNAPSHOT, PUT, SYNC, SQLITE_GET, SQLITE_PUT, SERIES };

static const char *const names[SERIES] = {
    "get", "get, from one snapshot", "put", "bare fdatasync of 4 KiB", "sqlite3 get", "sqlite3 put, with its history"};

struct series {
    double *micros;
    size_t count;
};

static struct series series[SERIES];
static unsigned long keys, runs;
static uint64_t seed = 88172645463325252u;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "library: %s: %s\n", what, why);
    exit(2);
}

static void check(int result, const char *what)
{
    if (result != 0)
        die(what, chrondb_last_error()->message);
}

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec * 1e6 + (double)clock.tv_nsec / 1e3;
}

static void note(int which, double since, unsigned times)
{
    series[which].micros[series[which].count++] = (now() - since) / times;
}

/* xorshift: the same keys in every run. */
static const char *any_key(void)
{
    static char key[32];
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    snprintf(key, sizeof(key), "user:%" PRIu64, seed % keys + 1);
    return key;
}

static const char *any_document(void)
{
    static char text[400];
    static unsigned n;
    n++;
    snprintf(text, sizeof(text),
             "{\"name\":\"Alice %u\",\"age\":%u,\"city\":\"Paris\",\"active\":true,\"bio\":\"%0*u %s\"}", n, n % 90, 40,
             n, "She reads, walks, and writes of what she has seen; this text makes the document as long as they are.");
    return text;
}

/* ---- the disk ----------------------------------------------------------------------------------------- */

static int open_blocks(const char *dir)
{
    char path[4096], block[BLOCK] = {0};
    snprintf(path, sizeof(path), "%s/blocks", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (int i = 0; i < 64; i++)
        if (fd < 0 || write(fd, block, sizeof(block)) != BLOCK)
            die(path, strerror(errno));
    if (fsync(fd) != 0)
        die(path, strerror(errno));
    return fd;
}

static void sync_block(int fd, unsigned long i)
{
    char block[BLOCK];
    memset(block, (int)(i & 0xff), sizeof(block));
    double start = now();
    if (pwrite(fd, block, sizeof(block), (off_t)(i % 64) * BLOCK) != BLOCK || fdatasync(fd) != 0)
        die("fdatasync", strerror(errno));
    note(SYNC, start, 1);
}

/* ---- chrondb ------------------------------------------------------------------------------------------ */

static void get(chrondb *db, unsigned times)
{
    static chrondb_buffer value;
    double start = now();
    for (unsigned i = 0; i < times; i++)
        check(chrondb_get_at(db, NULL, NULL, any_key(), &value), "get");
    note(GET, start, times);
}

static void get_from_snapshot(chrondb_snapshot *snapshot, unsigned times)
{
    static chrondb_buffer value;
    double start = now();
    for (unsigned i = 0; i < times; i++)
        check(chrondb_get(snapshot, any_key(), &value), "get");
    note(GET_SNAPSHOT, start, times);
}

static void put(chrondb *db)
{
    const char *key = any_key(), *text = any_document();
    double start = now();
    check(chrondb_put(db, key, text, strlen(text), NULL, NULL, NULL), "put");
    note(PUT, start, 1);
}

/* ---- SQLite ------------------------------------------------------------------------------------------- */

#ifdef HAVE_SQLITE
static sqlite3 *lite;
static sqlite3_stmt *lite_get, *lite_put, *lite_history;

static void lite_check(int result, const char *what)
{
    if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW)
        die(what, sqlite3_errmsg(lite));
}

static void lite_run(sqlite3_stmt *statement, const char *key, const char *text)
{
    lite_check(sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC), "bind");
    lite_check(sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC), "bind");
    lite_check(sqlite3_step(statement), "put");
    lite_check(sqlite3_reset(statement), "put");
}

static void lite_execute(const char *sql)
{
    lite_check(sqlite3_exec(lite, sql, NULL, NULL, NULL), sql);
}

static void lite_open(const char *dir)
{
    char path[4096], key[32];
    snprintf(path, sizeof(path), "%s/sqlite.db", dir);
    lite_check(sqlite3_open(path, &lite), path);
    lite_execute("pragma journal_mode=wal; pragma synchronous=full;"
                 "create table documents(key text primary key, value text) without rowid;"
                 "create table history(id integer primary key, key text, time text, value text);"
                 "create index history_key on history(key, id); begin");
    lite_check(sqlite3_prepare_v2(lite, "select value from documents where key = ?", -1, &lite_get, NULL), "prepare");
    lite_check(sqlite3_prepare_v2(lite, "insert or replace into documents values(?, ?)", -1, &lite_put, NULL),
               "prepare");
    lite_check(sqlite3_prepare_v2(lite, "insert into history(key, time, value) values(?1, datetime('now'), ?2)", -1,
                                  &lite_history, NULL),
               "prepare");
    for (unsigned long i = 1; i <= keys; i++) {
        const char *text = any_document();
        snprintf(key, sizeof(key), "user:%lu", i);
        lite_run(lite_put, key, text);
        lite_run(lite_history, key, text);
    }
    lite_execute("commit");
}

static void lite_read(unsigned times)
{
    static char copy[1000];
    double start = now();
    for (unsigned i = 0; i < times; i++) {
        lite_check(sqlite3_bind_text(lite_get, 1, any_key(), -1, SQLITE_TRANSIENT), "bind");
        if (sqlite3_step(lite_get) != SQLITE_ROW)
            die("sqlite3 get", "no row");
        snprintf(copy, sizeof(copy), "%s", (const char *)sqlite3_column_text(lite_get, 0));
        lite_check(sqlite3_reset(lite_get), "get");
    }
    note(SQLITE_GET, start, times);
}

static void lite_write(void)
{
    const char *key = any_key(), *text = any_document();
    double start = now();
    lite_execute("begin immediate");
    lite_run(lite_put, key, text);
    lite_run(lite_history, key, text);
    lite_execute("commit");
    note(SQLITE_PUT, start, 1);
}
#endif

/* ---- the table ------------------------------------------------------------------------------------------ */

static int by_size(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double quantile(const struct series *of, double part)
{
    return of->count == 0 ? 0 : of->micros[(size_t)(part * (double)(of->count - 1))];
}

static int report(void)
{
    static const struct {
        int which;
        double limit;
    } targets[TARGETS] = {{GET, 50}, {PUT, 600}};
    int missed = 0;
    printf("  %-34s %10s  %10s  %10s  %10s\n", "microseconds", "median", "10 %", "90 %", "99 %");
    for (int i = 0; i < SERIES; i++) {
        qsort(series[i].micros, series[i].count, sizeof(double), by_size);
        if (series[i].count > 0)
            printf("  %-34s %10.1f  %10.1f  %10.1f  %10.1f\n", names[i], quantile(&series[i], 0.5),
                   quantile(&series[i], 0.1), quantile(&series[i], 0.9), quantile(&series[i], 0.99));
    }
    for (int i = 0; i < TARGETS; i++) {
        double median = quantile(&series[targets[i].which], 0.5);
        printf("  %-34s %10.1f  (target <= %.0f%s)\n", names[targets[i].which], median, targets[i].limit,
               median <= targets[i].limit ? "" : ": MISSED");
        missed |= median > targets[i].limit;
    }
    return missed;
}

static void measure(chrondb *db, const char *dir)
{
    chrondb_snapshot *snapshot = NULL;
    int fd = open_blocks(dir);
    for (unsigned long i = 0; i < runs; i++) {
        get(db, BATCH);
#ifdef HAVE_SQLITE
        lite_read(BATCH);
#endif
        put(db);
        sync_block(fd, i);
#ifdef HAVE_SQLITE
        lite_write();
#endif
    }
    check(chrondb_snapshot_open(&snapshot, db, NULL, NULL), "snapshot");
    for (unsigned long i = 0; i < runs; i++)
        get_from_snapshot(snapshot, BATCH);
    chrondb_snapshot_free(snapshot);
    close(fd);
}

int main(int argc, char **argv)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_MAINTAIN};
    chrondb *db = NULL;
    char path[4096];
    if (argc != 4 || (keys = strtoul(argv[2], NULL, 10)) == 0 || (runs = strtoul(argv[3], NULL, 10)) == 0)
        die("usage", "library DIR KEYS RUNS");
    for (int i = 0; i < SERIES; i++)
        if ((series[i].micros = calloc(runs + 200, sizeof(double))) == NULL)
            die("memory", strerror(errno));
    snprintf(path, sizeof(path), "%s/db", argv[1]);
    check(chrondb_open(&db, path, &options), "open");
#ifdef HAVE_SQLITE
    lite_open(argv[1]);
#endif
    for (int i = 0; i < 200; i++) /* warm */
        get(db, BATCH);
    series[GET].count = 0;
    measure(db, argv[1]);
#ifdef HAVE_SQLITE
    sqlite3_finalize(lite_get);
    sqlite3_finalize(lite_put);
    sqlite3_finalize(lite_history);
    sqlite3_close(lite);
#endif
    chrondb_close(db);
    return report();
}
