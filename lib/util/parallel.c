/* SPDX-License-Identifier: MIT */
#include "util/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "util/error.h"
#include "util/thread.h"

struct crew {
    const struct cdb_parallel *parallel;
    size_t count;
    atomic_size_t taken;
    atomic_bool stop;
    pthread_mutex_t mutex; /* guards what follows */
    int result;
    const char *name; /* static, as all names of errors */
    char message[512];
};

struct member {
    struct crew *crew;
    unsigned thread;
};

/* The error as its thread has it: the caller's thread sets it again. */
static void keep_error(struct crew *crew, int result)
{
    pthread_mutex_lock(&crew->mutex);
    if (crew->result == 0) {
        crew->result = result;
        crew->name = chrondb_last_error()->name;
        snprintf(crew->message, sizeof(crew->message), "%s", chrondb_last_error()->message);
    }
    pthread_mutex_unlock(&crew->mutex);
    atomic_store(&crew->stop, true);
}

static int run(struct crew *crew, unsigned thread)
{
    const struct cdb_parallel *parallel = crew->parallel;
    int result = 0;
    while (result == 0 && !atomic_load(&crew->stop)) {
        size_t from = atomic_fetch_add(&crew->taken, parallel->chunk);
        if (from >= crew->count)
            break;
        size_t left = crew->count - from, to = from + (left < parallel->chunk ? left : parallel->chunk);
        result = parallel->work(parallel->context, thread, from, to);
        if (result == 0 && thread == 0 && parallel->step != NULL)
            result = parallel->step(parallel->context, to);
    }
    return result;
}

static void *run_thread(void *context)
{
    const struct member *member = context;
    int result = run(member->crew, member->thread);
    if (result != 0)
        keep_error(member->crew, result);
    return NULL;
}

static size_t threads_for(const struct cdb_parallel *parallel, size_t count)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = processors < 1 ? 1 : (size_t)processors, chunks = count / parallel->chunk + 1;
    if (wanted > CDB_PARALLEL_MAX)
        wanted = CDB_PARALLEL_MAX;
    return wanted < chunks ? wanted : chunks;
}

static size_t start(pthread_t *threads, struct member *members, struct crew *crew, size_t wanted)
{
    size_t started = 0;
    while (started + 1 < wanted) {
        members[started] = (struct member){crew, (unsigned)started + 1};
        if (cdb_thread_start(&threads[started], NULL, run_thread, &members[started]) != 0)
            break;
        started++;
    }
    return started;
}

int cdb_parallel_run(const struct cdb_parallel *parallel, size_t count)
{
    struct crew crew = {.parallel = parallel, .count = count, .result = 0};
    struct member members[CDB_PARALLEL_MAX];
    pthread_t threads[CDB_PARALLEL_MAX];
    if (count == 0)
        return 0;
    pthread_mutex_init(&crew.mutex, NULL);
    size_t started = start(threads, members, &crew, threads_for(parallel, count));
    int result = run(&crew, 0);
    if (result != 0)
        atomic_store(&crew.stop, true);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&crew.mutex);
    if (result == 0 && crew.result != 0) {
        cdb_error_set(crew.result, crew.name, "%s", crew.message);
        result = crew.result;
    }
    return result;
}
