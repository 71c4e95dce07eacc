/* SPDX-License-Identifier: MIT
 *
 * client DIR [CYCLES]: a program made for ChronDB's GraalVM library. It has the two headers and the library only. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libchrondb.h"

static const char *directory;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "client: line %d: %s\n", __LINE__, #condition);                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

struct client {
    graal_isolate_t *isolate;
    graal_isolatethread_t *thread;
    int handle;
};

static char *path(const char *name)
{
    static char text[4][4096];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, sizeof(text[0]), "%s/%s", directory, name);
    return out;
}

static struct client start(const char *name)
{
    struct client client = {NULL, NULL, -1};
    CHECK(graal_create_isolate(NULL, &client.isolate, &client.thread) == 0);
    client.handle = chrondb_open(client.thread, path(name), path("index"));
    CHECK(client.handle >= 0);
    return client;
}

static void stop(struct client *client)
{
    CHECK(chrondb_close(client->thread, client->handle) == 0);
    CHECK(graal_tear_down_isolate(client->thread) == 0);
}

/* The string is what is expected, and is freed. NULL: it failed, and tells why. */
static void expect(const struct client *client, char *string, const char *expected)
{
    char *error = chrondb_last_error(client->thread);
    if (expected == NULL) {
        CHECK(string == NULL && error != NULL && *error != '\0');
    } else {
        if (string == NULL || strcmp(string, expected) != 0)
            fprintf(stderr, "client: %s (%s) instead of %s\n", string != NULL ? string : "NULL",
                    error != NULL ? error : "no error", expected);
        CHECK(string != NULL && strcmp(string, expected) == 0 && error == NULL);
    }
    chrondb_free_string(client->thread, string);
    chrondb_free_string(client->thread, error);
}

static void expect_nothing(const struct client *client, const char *string)
{
    CHECK(string == NULL && chrondb_last_error(client->thread) == NULL);
}

/* ---- what the functions do --------------------------------------------------------------------------- */

static void documents(void)
{
    struct client c = start("data");
    graal_isolatethread_t *t = c.thread;
    int h = c.handle;

    expect(&c, chrondb_put(t, h, "user:1", "{\"name\":\"Alice\",\"price\":1.10}", NULL),
           "{\"name\":\"Alice\",\"price\":1.10,\"id\":\"user:1\"}");
    expect(&c, chrondb_get(t, h, "user:1", NULL), "{\"name\":\"Alice\",\"price\":1.10,\"id\":\"user:1\"}");
    expect(&c, chrondb_get(t, h, "user:1", ""), "{\"name\":\"Alice\",\"price\":1.10,\"id\":\"user:1\"}");
    expect(&c, chrondb_get(t, h, "user:1", "main"), "{\"name\":\"Alice\",\"price\":1.10,\"id\":\"user:1\"}");
    expect(&c, chrondb_put(t, h, "user:2", "{\"id\":7,\"name\":\"Bob\"}", NULL),
           "{\"id\":\"user:2\",\"name\":\"Bob\"}");
    expect(&c, chrondb_put(t, h, "empty", "{}", NULL), "{\"id\":\"empty\"}");
    expect_nothing(&c, chrondb_get(t, h, "user:3", NULL));
    expect(&c, chrondb_list_by_prefix(t, h, "user:2", NULL), "[{\"id\":\"user:2\",\"name\":\"Bob\"}]");
    expect(&c, chrondb_list_by_table(t, h, "user", NULL),
           "[{\"name\":\"Alice\",\"price\":1.10,\"id\":\"user:1\"},{\"id\":\"user:2\",\"name\":\"Bob\"}]");
    expect(&c, chrondb_list_by_table(t, h, "", NULL), "[{\"id\":\"empty\"}]");
    expect(&c, chrondb_list_by_table(t, h, "none", NULL), "[]");
    expect(&c, chrondb_list_by_prefix(t, h, "zzz", NULL), "[]");
    expect(&c, chrondb_query(t, h, "{\"clauses\":[{\"type\":\"fts\",\"field\":\"name\",\"value\":\"bob\"}]}", NULL),
           "{\"results\":[{\"id\":\"user:2\",\"name\":\"Bob\"}],\"total\":1,\"limit\":100,\"offset\":0}");
    expect(&c, chrondb_query(t, h, "{\"clauses\":[{\"type\":\"match-all\"}],\"limit\":1,\"offset\":2}", NULL),
           "{\"results\":[{\"id\":\"user:2\",\"name\":\"Bob\"}],\"total\":3,\"limit\":1,\"offset\":2}");
    CHECK(chrondb_delete(t, h, "user:2", NULL) == 0);
    CHECK(chrondb_delete(t, h, "user:2", NULL) == 1);
    CHECK(chrondb_last_error(t) == NULL);
    expect_nothing(&c, chrondb_get(t, h, "user:2", NULL));
    stop(&c);
}

static void history(void)
{
    struct client c = start("data");
    const char *order[] = {"[{\"commit-id\":\"",        "\"commit-time\":\"",
                           "Z\",\"commit-message\":\"", "\"committer-name\":\"",
                           "\"committer-email\":\"",    "\"document\":{\"n\":2,\"id\":\"past\"}}",
                           ",{\"commit-id\":\"",        "\"document\":{\"n\":1,\"id\":\"past\"}}]"};
    const char *at;

    expect(&c, chrondb_history(c.thread, c.handle, "past", NULL), "[]");
    chrondb_put(c.thread, c.handle, "past", "{\"n\":1}", NULL);
    chrondb_put(c.thread, c.handle, "past", "{\"n\":2}", NULL);
    CHECK(chrondb_delete(c.thread, c.handle, "past", NULL) == 0);
    char *all = chrondb_history(c.thread, c.handle, "past", NULL);
    CHECK(all != NULL);
    at = all;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        at = strstr(at, order[i]);
        if (at == NULL)
            fprintf(stderr, "client: %s is not, or not there, in %s\n", order[i], all);
        CHECK(at != NULL);
        at += strlen(order[i]);
    }
    CHECK(*at == '\0');
    stop(&c);
}

static void branches(void)
{
    struct client c = start("data");
    graal_isolatethread_t *t = c.thread;
    int h = c.handle;

    expect_nothing(&c, chrondb_get(t, h, "draft:1", "draft"));
    expect(&c, chrondb_list_by_prefix(t, h, "", "draft"), "[]");
    expect(&c, chrondb_history(t, h, "draft:1", "draft"), "[]");
    expect(&c, chrondb_query(t, h, "{\"clauses\":[],\"branch\":\"draft\"}", NULL),
           "{\"results\":[],\"total\":0,\"limit\":100,\"offset\":0}");
    CHECK(chrondb_delete(t, h, "draft:1", "draft") == 1);
    expect(&c, chrondb_put(t, h, "draft:1", "{}", "draft"), "{\"id\":\"draft:1\"}");
    expect(&c, chrondb_list_by_prefix(t, h, "", "draft"), "[{\"id\":\"draft:1\"}]");
    expect(&c, chrondb_query(t, h, "{\"clauses\":[],\"branch\":\"draft\"}", NULL),
           "{\"results\":[{\"id\":\"draft:1\"}],\"total\":1,\"limit\":100,\"offset\":0}");
    expect(&c, chrondb_query(t, h, "{\"clauses\":[],\"branch\":\"draft\"}", "main"), NULL);
    expect_nothing(&c, chrondb_get(t, h, "draft:1", NULL));
    expect(&c, chrondb_put(t, h, "draft:1", "{}", "a..b"), NULL);
    expect(&c, chrondb_put(t, h, "draft:1", "{}", "draft/below"), NULL);
    stop(&c);
}

/* ---- what is not as it should be ------------------------------------------------------------------------ */

/* Plain git can commit anything as a document. */
static void garbage(void)
{
    struct client c = start("data");
    graal_isolatethread_t *t = c.thread;
    char command[8192];
    snprintf(command, sizeof(command),
             "cd '%s' && blob=$(printf '{\"a\":\"\\0\"}' | git hash-object -w --stdin) &&"
             " table=$(printf '100644 blob %%s\tbad.json\n' $blob | git mktree) &&"
             " tree=$(printf '040000 tree %%s\tt\n' $table | git mktree) &&"
             " commit=$(git -c user.name=a -c user.email=b commit-tree -m garbage $tree) &&"
             " git update-ref refs/heads/garbage $commit",
             path("data"));
    CHECK(system(command) == 0);
    expect(&c, chrondb_get(t, c.handle, "t:bad", "garbage"), NULL);
    expect(&c, chrondb_list_by_prefix(t, c.handle, "t:", "garbage"), NULL);
    expect(&c, chrondb_list_by_table(t, c.handle, "t", "garbage"), NULL);
    expect(&c, chrondb_history(t, c.handle, "t:bad", "garbage"), NULL);
    expect_nothing(&c, chrondb_get(t, c.handle, "t:none", "garbage"));
    stop(&c);
}

static void bad_arguments(void)
{
    struct client c = start("data");
    graal_isolatethread_t *t = c.thread;
    int h = c.handle, handles[] = {-1, h + 1, 1 << 30};
    static const char *const documents[] = {NULL, "", "{", "[1]", "1", "null", "{\"a\":\"\xff\"}", "{} {}"};
    static const char *const ids[] = {NULL, "", ":", "a:", "\xff"};
    static const char *const queries[] = {NULL, "", "[]", "{\"clauses\":1}", "{\"limit\":-1}", "\xff"};

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        expect(&c, chrondb_put(t, h, "bad", documents[i], NULL), NULL);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        expect(&c, chrondb_put(t, h, ids[i], "{}", NULL), NULL);
        expect(&c, chrondb_get(t, h, ids[i], NULL), NULL);
        expect(&c, chrondb_history(t, h, ids[i], NULL), NULL);
        CHECK(chrondb_delete(t, h, ids[i], NULL) == -1);
        expect(&c, NULL, NULL);
    }
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        expect(&c, chrondb_query(t, h, queries[i], NULL), NULL);
    expect(&c, chrondb_list_by_prefix(t, h, NULL, NULL), NULL);
    expect(&c, chrondb_list_by_table(t, h, NULL, NULL), NULL);
    expect(&c, chrondb_list_by_table(t, h, "\xff", NULL), NULL);
    expect(&c, chrondb_get(t, h, "a", "\xff"), NULL);
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        expect(&c, chrondb_get(t, handles[i], "a", NULL), NULL);
        CHECK(chrondb_close(t, handles[i]) == -1);
        expect(&c, NULL, NULL);
    }
    CHECK(chrondb_open(t, NULL, NULL) == -1);
    expect(&c, NULL, NULL);
    CHECK(chrondb_open(t, "", NULL) == -1);
    expect(&c, NULL, NULL);
    CHECK(chrondb_open(t, "/dev/null", NULL) == -1);
    expect(&c, NULL, NULL);
    CHECK(chrondb_open(t, "/dev/null/below", NULL) == -1);
    expect(&c, NULL, NULL);
    stop(&c);
    CHECK(chrondb_open(t, path("data"), NULL) == -1); /* the isolate is gone */
    CHECK(chrondb_open(NULL, path("data"), NULL) == -1);
    CHECK(chrondb_last_error(NULL) != NULL);
    CHECK(chrondb_get(NULL, 0, "a", NULL) == NULL && chrondb_get(t, 0, "a", NULL) == NULL);
    CHECK(graal_tear_down_isolate(t) != 0 && graal_tear_down_isolate(NULL) != 0);
    CHECK(graal_detach_thread(t) != 0 && graal_detach_thread(NULL) != 0);
    CHECK(graal_attach_thread(c.isolate, &t) != 0 && graal_attach_thread(NULL, NULL) != 0);
    CHECK(graal_get_current_thread(NULL) == NULL && graal_get_current_thread(c.isolate) == NULL);
}

/* ---- isolates and handles --------------------------------------------------------------------------------- */

static void isolates(void)
{
    struct client a = start("data"), b = start("./data/");
    graal_isolatethread_t *again = NULL;
    int second = chrondb_open(a.thread, path("../data"), path("index"));

    (void)second; /* there may be such a place, or not */
    CHECK(a.isolate != b.isolate && a.thread != b.thread);
    CHECK(graal_get_current_thread(a.isolate) == a.thread);
    CHECK(graal_attach_thread(a.isolate, &again) == 0 && again == a.thread);
    second = chrondb_open(a.thread, path("data/."), path("index"));
    CHECK(second >= 0 && second != a.handle);
    chrondb_put(a.thread, second, "shared", "{}", NULL);
    expect(&b, chrondb_get(b.thread, b.handle, "shared", NULL), "{\"id\":\"shared\"}");
    CHECK(chrondb_close(a.thread, second) == 0 && chrondb_close(a.thread, second) == -1);
    expect(&a, NULL, NULL);
    expect(&a, chrondb_get(a.thread, a.handle, "shared", NULL), "{\"id\":\"shared\"}"); /* the other is still open */
    CHECK(chrondb_get(a.thread, second, "shared", NULL) == NULL);
    expect(&b, chrondb_get(b.thread, b.handle, "shared", NULL), "{\"id\":\"shared\"}");
    CHECK(chrondb_last_error(b.thread) == NULL);   /* that was another's */
    CHECK(graal_tear_down_isolate(a.thread) == 0); /* its handle ends with it */
    expect(&b, chrondb_get(b.thread, b.handle, "shared", NULL), "{\"id\":\"shared\"}");
    CHECK(graal_detach_thread(b.thread) == 0 && graal_get_current_thread(b.isolate) == NULL);
    CHECK(graal_attach_thread(b.isolate, &b.thread) == 0);
    expect(&b, chrondb_get(b.thread, b.handle, "shared", NULL), "{\"id\":\"shared\"}");
    stop(&b);
    CHECK(graal_create_isolate(&a, NULL, &a.thread) == 0 && graal_tear_down_isolate(a.thread) == 0);
}

/* ---- strings ---------------------------------------------------------------------------------------------- */

static long resident_kilobytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A client that frees what it gets keeps what it has not freed, however much; twice, or what is not ours, is nothing.
 */
static void strings_freed(void)
{
    struct client c = start("data");
    enum { COUNT = 600, SIZE = 100000 };
    char *document = malloc(SIZE + 20), *held[COUNT];

    CHECK(document != NULL);
    snprintf(document, SIZE, "{\"a\":\"");
    memset(document + 6, 'x', SIZE);
    memcpy(document + 6 + SIZE, "\"}", 3);
    chrondb_free_string(c.thread, chrondb_put(c.thread, c.handle, "large", document, NULL));
    for (int i = 0; i < COUNT; i++)
        held[i] = chrondb_get(c.thread, c.handle, "large", NULL);
    for (int i = 0; i < COUNT; i++) {
        CHECK(strlen(held[i]) > SIZE && held[i][SIZE / 2] == 'x');
        chrondb_free_string(c.thread, held[i]);
        chrondb_free_string(c.thread, held[i]);
    }
    chrondb_free_string(c.thread, document);
    chrondb_free_string(c.thread, document + 1);
    chrondb_free_string(NULL, NULL);
    document[0] = ' ';
    free(document);
    stop(&c);
}

/* A client that frees nothing does not grow without bound; what it got last is there. */
static void strings_kept(void)
{
    struct client c = start("data");
    long before = resident_kilobytes();
    char *last[16] = {NULL};

    for (int i = 0; i < 2000; i++) {
        last[i % 16] = chrondb_get(c.thread, c.handle, "large", NULL);
        CHECK(last[i % 16] != NULL);
    }
    for (int i = 0; i < 16; i++)
        CHECK(strlen(last[i]) > 100000 && last[i][50000] == 'x');
    if (getenv("CLIENT_UNDER_VALGRIND") == NULL)
        CHECK(resident_kilobytes() - before < 120 * 1024); /* of 200 MB */
    stop(&c);
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

struct worker {
    struct client *client;
    int number, errors;
};

static void *work(void *context)
{
    struct worker *worker = context;
    const struct client *c = worker->client;
    graal_isolatethread_t *own = c->thread;
    char id[40], json[60], expected[100];

    if (worker->number % 2 == 1 && graal_attach_thread(c->isolate, &own) != 0)
        worker->errors++;
    for (int i = 0; i < 25; i++) {
        snprintf(id, sizeof(id), "w%d:%d", worker->number, i);
        snprintf(json, sizeof(json), "{\"n\":%d}", i);
        snprintf(expected, sizeof(expected), "{\"n\":%d,\"id\":\"%s\"}", i, id);
        char *put = chrondb_put(own, c->handle, id, json, NULL);
        char *got = chrondb_get(own, c->handle, id, NULL);
        worker->errors += put == NULL || got == NULL || strcmp(put, got) != 0 || strcmp(got, expected) != 0;
        if (chrondb_get(own, c->handle, "a:", NULL) != NULL) /* an error of this thread's */
            worker->errors++;
        char *error = chrondb_last_error(own);
        worker->errors += error == NULL || strstr(error, "a:") == NULL;
        if (worker->number % 4 < 2) {
            chrondb_free_string(own, put);
            chrondb_free_string(own, got);
            chrondb_free_string(own, error);
        }
    }
    if (own != c->thread)
        graal_detach_thread(own);
    return NULL;
}

static void threads(void)
{
    enum { THREADS = 8 };
    struct client clients[2] = {start("threads"), start("threads/../threads")};
    struct worker workers[THREADS];
    pthread_t ids[THREADS];

    for (int i = 0; i < THREADS; i++) {
        workers[i].client = &clients[i / 2 % 2];
        workers[i].number = i;
        workers[i].errors = 0;
        CHECK(pthread_create(&ids[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(ids[i], NULL) == 0);
        CHECK(workers[i].errors == 0);
    }
    stop(&clients[0]);
    stop(&clients[1]);
}

static void *use_until_refused(void *context)
{
    const struct client *c = context;
    while (chrondb_put(c->thread, c->handle, "busy", "{}", NULL) != NULL)
        ;
    return NULL;
}

/* The handle, or the isolate, goes while others are in calls. */
static void ending_beside_calls(void)
{
    for (int round = 0; round < 6; round++) {
        struct client c = start("threads");
        pthread_t ids[3];
        for (int i = 0; i < 3; i++)
            CHECK(pthread_create(&ids[i], NULL, use_until_refused, &c) == 0);
        usleep(4000);
        if (round % 2 == 0)
            CHECK(chrondb_close(c.thread, c.handle) == 0);
        else
            CHECK(graal_tear_down_isolate(c.thread) == 0);
        for (int i = 0; i < 3; i++)
            CHECK(pthread_join(ids[i], NULL) == 0);
        if (round % 2 == 0)
            CHECK(graal_tear_down_isolate(c.thread) == 0);
    }
}

/* A child opens anew, whatever the threads of its parent were at; what the parent opened is an error, and may be
 * closed. */
static void forks(void)
{
    struct client c = start("threads");
    pthread_t ids[3];

    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&ids[i], NULL, use_until_refused, &c) == 0);
    for (int i = 0; i < 8; i++) {
        int status = 0;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            struct client own;
            alarm(60);
            own = start("threads");
            expect(&own, chrondb_put(own.thread, own.handle, "child", "{}", NULL), "{\"id\":\"child\"}");
            expect(&c, chrondb_put(c.thread, c.handle, "child", "{}", NULL), NULL);
            expect(&c, chrondb_get(c.thread, c.handle, "child", NULL), NULL);
            stop(&c);
            expect(&own, chrondb_get(own.thread, own.handle, "child", NULL), "{\"id\":\"child\"}");
            stop(&own);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK(chrondb_close(c.thread, c.handle) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    CHECK(graal_tear_down_isolate(c.thread) == 0);
}

/* ---- open, use, close, again and again ------------------------------------------------------------------------ */

static int count_descriptors(void)
{
    int count = 0;
    DIR *listing = opendir("/proc/self/fd");
    CHECK(listing != NULL);
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

/* Files that are mapped, but the libraries. */
static int count_mappings(void)
{
    char line[4096];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, directory) != NULL;
    fclose(file);
    return count;
}

static void cycles(int count)
{
    int descriptors = count_descriptors();
    for (int i = 0; i < count; i++) {
        struct client c = start("cycles");
        char json[40], expected[80];
        snprintf(json, sizeof(json), "{\"n\":%d}", i / 50);
        snprintf(expected, sizeof(expected), "{\"n\":%d,\"id\":\"n\"}", i / 50);
        if (i % 50 == 0)
            expect(&c, chrondb_put(c.thread, c.handle, "n", json, NULL), expected);
        expect(&c, chrondb_get(c.thread, c.handle, "n", NULL), expected);
        if (i % 10 == 0)
            CHECK(chrondb_query(c.thread, c.handle, "{\"clauses\":[{\"type\":\"match-all\"}]}", NULL) != NULL);
        CHECK(chrondb_list_by_prefix(c.thread, c.handle, "", NULL) != NULL);
        stop(&c);
    }
    CHECK(count_descriptors() == descriptors);
    CHECK(count_mappings() == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    directory = argv[1];
    documents();
    history();
    branches();
    garbage();
    bad_arguments();
    isolates();
    strings_freed();
    strings_kept();
    threads();
    ending_beside_calls();
    if (getenv("CLIENT_UNDER_VALGRIND") == NULL) /* a child has lost what its parent's threads were at, for good */
        forks();
    cycles(argc > 2 ? atoi(argv[2]) : 100);
    return 0;
}
