/* SPDX-License-Identifier: MIT */
#include "bindings/graal/isolates.h"

#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/graal/pointers.h"
#include "bindings/graal/strings.h"
#include "chrondb.h"
#include "util/array.h"
#include "util/error.h"

struct handle {
    int number;
    unsigned users; /* calls under way */
    bool closed;    /* the last of them closes the database */
    chrondb *db;
};

struct graal_isolate {
    struct pointer pointer;
    uint64_t serial;
    struct graal_isolatethread *threads;
    struct handle **handles; /* in the order of their numbers */
    size_t handle_count, handle_room;
    int next_handle; /* numbers are not used again */
    unsigned calls;
    struct string_pool strings;
};

struct graal_isolatethread {
    struct pointer pointer;
    struct graal_isolate *isolate;
    pthread_t owner;
    struct graal_isolatethread *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all of this file but errors */
static pthread_cond_t call_ended = PTHREAD_COND_INITIALIZER;
static struct pointers isolates, threads; /* the living */
static uint64_t last_serial;
static struct string_pool nobodys; /* for errors of calls in no isolate */

/* ---- forks ---------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
    strings_lock();
}

static void after_fork(void)
{
    strings_unlock();
    pthread_mutex_unlock(&mutex);
}

/* The threads that were in calls are not there. */
static void end_calls(struct pointer *pointer)
{
    graal_isolate_t *isolate = (graal_isolate_t *)(void *)pointer; /* its first member */
    isolate->calls = 0;
    for (size_t i = 0; i < isolate->handle_count; i++)
        isolate->handles[i]->users = 0;
}

/* What its parent opened is an error in the child, but isolates and strings are as good as there. */
static void after_fork_in_child(void)
{
    pointers_each(&isolates, end_calls);
    pthread_cond_init(&call_ended, NULL);
    after_fork();
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- errors -------------------------------------------------------------------------------------- */

#define MESSAGE_SIZE 4096

static _Thread_local struct {
    uint64_t serial; /* of the isolate; 0: none */
    bool failed;
    char message[MESSAGE_SIZE];
} last;

static uint64_t serial_of(const struct call *call)
{
    return call->isolate != NULL ? call->isolate->serial : 0;
}

static void begin_without_error(const struct call *call)
{
    last.serial = serial_of(call);
    last.failed = false;
    last.message[0] = '\0';
}

void call_refuse(const struct call *call, const char *format, ...)
{
    va_list args;
    last.serial = serial_of(call);
    last.failed = true;
    va_start(args, format);
    if (vsnprintf(last.message, sizeof(last.message), format, args) < 0 || last.message[0] == '\0')
        snprintf(last.message, sizeof(last.message), "failed");
    va_end(args);
}

void call_fail(const struct call *call, const char *context)
{
    const char *message = chrondb_last_error()->message;
    if (context != NULL)
        call_refuse(call, "%s: %s", context, message);
    else
        call_refuse(call, "%s", message);
}

/* ---- isolates and threads -------------------------------------------------------------------------- */

/* The caller of these holds the mutex. */

static graal_isolate_t *find_isolate(const graal_isolate_t *address)
{
    return (graal_isolate_t *)(void *)pointers_find(&isolates, address); /* its first member */
}

static graal_isolatethread_t *find_thread(const graal_isolatethread_t *address)
{
    return (graal_isolatethread_t *)(void *)pointers_find(&threads, address);
}

static graal_isolatethread_t *current(const graal_isolate_t *isolate)
{
    graal_isolatethread_t *thread = isolate->threads;
    while (thread != NULL && !pthread_equal(thread->owner, pthread_self()))
        thread = thread->next;
    return thread;
}

static void add_thread(graal_isolate_t *isolate, graal_isolatethread_t *thread)
{
    thread->isolate = isolate;
    thread->owner = pthread_self();
    thread->next = isolate->threads;
    isolate->threads = thread;
    pointers_add(&threads, &thread->pointer, thread);
}

static void remove_thread(graal_isolatethread_t *thread)
{
    struct graal_isolatethread **link = &thread->isolate->threads;
    while (*link != thread)
        link = &(*link)->next;
    *link = thread->next;
    pointers_remove(&threads, &thread->pointer);
    free(thread);
}

int isolates_create(graal_isolate_t **out, graal_isolatethread_t **thread_out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    graal_isolate_t *isolate = calloc(1, sizeof(*isolate));
    graal_isolatethread_t *thread = calloc(1, sizeof(*thread));
    if (isolate == NULL || thread == NULL) {
        free(isolate);
        free(thread);
        return GRAAL_NO_MEMORY;
    }
    pthread_mutex_lock(&mutex);
    isolate->serial = ++last_serial;
    pointers_add(&isolates, &isolate->pointer, isolate);
    add_thread(isolate, thread);
    pthread_mutex_unlock(&mutex);
    if (out != NULL)
        *out = isolate;
    if (thread_out != NULL)
        *thread_out = thread;
    return 0;
}

int isolates_attach(graal_isolate_t *address, graal_isolatethread_t **out)
{
    graal_isolatethread_t *fresh = calloc(1, sizeof(*fresh));
    int result = fresh != NULL ? 0 : GRAAL_NO_MEMORY;
    if (out == NULL || fresh == NULL) {
        free(fresh);
        return out == NULL ? GRAAL_NO_ISOLATE : result;
    }
    pthread_mutex_lock(&mutex);
    graal_isolate_t *isolate = find_isolate(address);
    graal_isolatethread_t *thread = isolate != NULL ? current(isolate) : NULL;
    if (isolate == NULL) {
        result = GRAAL_NO_ISOLATE;
    } else if (thread == NULL) {
        add_thread(isolate, fresh);
        thread = fresh;
        fresh = NULL;
    }
    pthread_mutex_unlock(&mutex);
    free(fresh);
    if (result == 0)
        *out = thread;
    return result;
}

graal_isolatethread_t *isolates_current(graal_isolate_t *address)
{
    pthread_mutex_lock(&mutex);
    graal_isolate_t *isolate = find_isolate(address);
    graal_isolatethread_t *thread = isolate != NULL ? current(isolate) : NULL;
    pthread_mutex_unlock(&mutex);
    return thread;
}

int isolates_detach(graal_isolatethread_t *address)
{
    pthread_mutex_lock(&mutex);
    graal_isolatethread_t *thread = find_thread(address);
    if (thread != NULL)
        remove_thread(thread);
    pthread_mutex_unlock(&mutex);
    return thread != NULL ? 0 : GRAAL_NO_ISOLATE;
}

static void free_isolate(graal_isolate_t *isolate)
{
    for (size_t i = 0; i < isolate->handle_count; i++) {
        chrondb_close(isolate->handles[i]->db);
        free(isolate->handles[i]);
    }
    strings_release(&isolate->strings);
    free(isolate->handles);
    free(isolate);
}

int isolates_tear_down(graal_isolatethread_t *address)
{
    pthread_mutex_lock(&mutex);
    graal_isolatethread_t *thread = find_thread(address);
    graal_isolate_t *isolate = thread != NULL ? thread->isolate : NULL;
    while (isolate != NULL && isolate->threads != NULL) /* no call begins any more */
        remove_thread(isolate->threads);
    if (isolate != NULL)
        pointers_remove(&isolates, &isolate->pointer);
    while (isolate != NULL && isolate->calls > 0)
        pthread_cond_wait(&call_ended, &mutex);
    pthread_mutex_unlock(&mutex);
    if (isolate == NULL)
        return GRAAL_NO_ISOLATE;
    free_isolate(isolate);
    return 0;
}

/* ---- handles --------------------------------------------------------------------------------------- */

/* Where the handle is, or would be. The caller holds the mutex. */
static size_t position_of(const graal_isolate_t *isolate, int number)
{
    size_t low = 0, high = isolate->handle_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (isolate->handles[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct handle *find_handle(const graal_isolate_t *isolate, int number)
{
    size_t at = position_of(isolate, number);
    return at < isolate->handle_count && isolate->handles[at]->number == number ? isolate->handles[at] : NULL;
}

int call_add_handle(struct call *call, struct chrondb *db)
{
    graal_isolate_t *isolate = call->isolate;
    struct handle *handle = calloc(1, sizeof(*handle));
    int number = -1;
    pthread_mutex_lock(&mutex);
    if (handle != NULL && isolate->next_handle < INT_MAX &&
        cdb_array_grow(&isolate->handles, &isolate->handle_room, isolate->handle_count, sizeof(struct handle *)) == 0) {
        number = isolate->next_handle++;
        *handle = (struct handle){.number = number, .db = db};
        isolate->handles[isolate->handle_count++] = handle;
    }
    pthread_mutex_unlock(&mutex);
    if (number < 0) {
        free(handle);
        call_refuse(call, "there are too many handles, or there is no memory for another");
    }
    return number;
}

/* Nobody else knows it. */
static void destroy_handle(struct handle *handle)
{
    chrondb_close(handle->db);
    free(handle);
}

bool call_close_handle(struct call *call, int number)
{
    graal_isolate_t *isolate = call->isolate;
    pthread_mutex_lock(&mutex);
    struct handle *handle = find_handle(isolate, number);
    bool unused = handle != NULL && handle->users == 0;
    if (handle != NULL) {
        size_t at = position_of(isolate, number);
        size_t behind = --isolate->handle_count - at;
        memmove(&isolate->handles[at], &isolate->handles[at + 1], behind * sizeof(struct handle *));
        handle->closed = true;
    }
    pthread_mutex_unlock(&mutex);
    if (unused)
        destroy_handle(handle);
    if (handle == NULL)
        call_refuse(call, "there is no open database with the handle %d", number);
    return handle != NULL;
}

/* ---- calls ----------------------------------------------------------------------------------------- */

/* The caller holds the mutex. */
static bool enter(struct call *call, const graal_isolatethread_t *address)
{
    graal_isolatethread_t *thread = find_thread(address);
    *call = (struct call){.isolate = thread != NULL ? thread->isolate : NULL};
    if (thread != NULL)
        thread->isolate->calls++;
    return thread != NULL;
}

static void refuse_thread(const struct call *call, const graal_isolatethread_t *thread)
{
    if (thread == NULL)
        call_refuse(call, "the isolate thread is NULL; graal_create_isolate gives one");
    else
        call_refuse(call, "that is no isolate thread, or its isolate has been torn down");
}

bool call_begin(struct call *call, graal_isolatethread_t *thread)
{
    pthread_mutex_lock(&mutex);
    bool good = enter(call, thread);
    pthread_mutex_unlock(&mutex);
    begin_without_error(call);
    if (!good)
        refuse_thread(call, thread);
    return good;
}

bool call_begin_with(struct call *call, graal_isolatethread_t *thread, int number)
{
    pthread_mutex_lock(&mutex);
    bool good = enter(call, thread);
    if (good && (call->handle = find_handle(call->isolate, number)) != NULL) {
        call->handle->users++;
        call->db = call->handle->db;
    }
    pthread_mutex_unlock(&mutex);
    begin_without_error(call);
    if (!good)
        refuse_thread(call, thread);
    else if (call->handle == NULL)
        call_refuse(call, "there is no open database with the handle %d", number);
    if (good && call->handle == NULL)
        call_end(call);
    return good && call->handle != NULL;
}

void call_end(struct call *call)
{
    struct handle *handle = call->handle;
    if (call->isolate == NULL)
        return;
    pthread_mutex_lock(&mutex);
    bool last_user = handle != NULL && --handle->users == 0 && handle->closed;
    pthread_mutex_unlock(&mutex);
    if (last_user)
        destroy_handle(handle);
    pthread_mutex_lock(&mutex);
    if (--call->isolate->calls == 0)
        pthread_cond_broadcast(&call_ended);
    pthread_mutex_unlock(&mutex);
    *call = (struct call){.isolate = NULL};
}

char *call_give(struct call *call, const char *text, size_t len)
{
    char *given = strings_give(&call->isolate->strings, text, len);
    if (given == NULL)
        call_refuse(call, "out of memory");
    return given;
}

/* Not a call of its own: the error stays. */
char *call_last_error(graal_isolatethread_t *thread)
{
    struct call call;
    pthread_mutex_lock(&mutex);
    bool good = enter(&call, thread);
    pthread_mutex_unlock(&mutex);
    bool told = last.failed && last.serial == serial_of(&call);
    struct string_pool *pool = good ? &call.isolate->strings : &nobodys;
    char *message = told ? strings_give(pool, last.message, strlen(last.message)) : NULL;
    call_end(&call);
    return message;
}
