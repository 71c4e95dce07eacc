/* SPDX-License-Identifier: MIT */
#include "util/background.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/error.h"
#include "util/thread.h"

/* A call from one thread to the other. */
struct call {
    int (*work)(void *context); /* NULL: none */
    void *context;
    bool done;
    int result;
    const chrondb_error *error; /* of who did it, who waits until it was copied */
};

struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct call below, above; /* for the thread of the lowest priority, for the one that waits for it */
};

static _Thread_local struct pair *pair_of_work;

/* Of the processor and of the disk what nobody else wants; see ioprio_set(2), which the C library does not have. On
 * Linux both are the thread's. */
static void yield_always(void)
{
#ifdef CHRONDB_TEST_HOOKS
    if (getenv("CHRONDB_TEST_FOREGROUND_MAINTENANCE") != NULL)
        return;
#endif
#if defined(SYS_gettid) && defined(SYS_ioprio_set)
    enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13, LOWEST = 19 };

    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), LOWEST);
    (void)syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT);
#endif
}

/* The caller holds the mutex, which is free during the work. */
static void answer(struct pair *pair, struct call *call)
{
    int (*work)(void *) = call->work;

    call->work = NULL;
    pthread_mutex_unlock(&pair->mutex);
    int result = work(call->context);
    pthread_mutex_lock(&pair->mutex);
    call->result = result;
    call->error = chrondb_last_error();
    call->done = true;
    pthread_cond_broadcast(&pair->changed);
    while (call->done)
        pthread_cond_wait(&pair->changed, &pair->mutex);
}

/* The caller holds the mutex. */
static int collect(struct pair *pair, struct call *call)
{
    int result = call->result;

    cdb_error_copy(call->error);
    call->done = false;
    pthread_cond_broadcast(&pair->changed);
    return result;
}

int cdb_urgent(int (*work)(void *context), void *context)
{
    struct pair *pair = pair_of_work;

    if (pair == NULL)
        return work(context);
    pthread_mutex_lock(&pair->mutex);
    pair->above = (struct call){.work = work, .context = context};
    pthread_cond_broadcast(&pair->changed);
    while (!pair->above.done)
        pthread_cond_wait(&pair->changed, &pair->mutex);
    int result = collect(pair, &pair->above);
    pthread_mutex_unlock(&pair->mutex);
    return result;
}

static void *run(void *context)
{
    struct pair *pair = context;

    yield_always();
    pair_of_work = pair;
    pthread_mutex_lock(&pair->mutex);
    answer(pair, &pair->below);
    pthread_mutex_unlock(&pair->mutex);
    return NULL;
}

int cdb_background(int (*work)(void *context), void *context)
{
    struct pair pair = {.below = {.work = work, .context = context}};
    pthread_t thread;

    pthread_mutex_init(&pair.mutex, NULL);
    pthread_cond_init(&pair.changed, NULL);
    int result = cdb_thread_start(&thread, NULL, run, &pair);
    if (result != 0) {
        result = work(context);
    } else {
        pthread_mutex_lock(&pair.mutex);
        while (!pair.below.done) {
            if (pair.above.work != NULL)
                answer(&pair, &pair.above);
            else
                pthread_cond_wait(&pair.changed, &pair.mutex);
        }
        result = collect(&pair, &pair.below);
        pthread_mutex_unlock(&pair.mutex);
        pthread_join(thread, NULL);
    }
    pthread_cond_destroy(&pair.changed);
    pthread_mutex_destroy(&pair.mutex);
    return result;
}
