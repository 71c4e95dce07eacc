/* SPDX-License-Identifier: MIT */
#include "bindings/graal/strings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/graal/pointers.h"

struct keeper;

struct string {
    struct pointer pointer;
    struct string_pool *pool;
    struct string *older, *newer; /* in the pool */
    struct keeper *keeper;        /* NULL: it is the client's alone */
    struct string *before, *behind;
    size_t size;
    char text[];
};

/* Strings that may have to go, of one thread, in the order in which they were given. */
struct keeper {
    struct string *first, *last;
    size_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all of this file, and pools */
static struct pointers live;
static size_t kept_bytes;
static struct keeper orphans; /* of threads that have ended */

static pthread_key_t key; /* the calling thread's keeper */
static bool has_key;

/* ---- keepers -------------------------------------------------------------------------------------- */

static void append(struct keeper *keeper, struct string *string)
{
    string->keeper = keeper;
    string->before = keeper->last;
    string->behind = NULL;
    *(keeper->last != NULL ? &keeper->last->behind : &keeper->first) = string;
    keeper->last = string;
    keeper->count++;
    kept_bytes += string->size;
}

static void leave(struct string *string)
{
    struct keeper *keeper = string->keeper;
    if (keeper == NULL)
        return;
    *(string->before != NULL ? &string->before->behind : &keeper->first) = string->behind;
    *(string->behind != NULL ? &string->behind->before : &keeper->last) = string->before;
    keeper->count--;
    kept_bytes -= string->size;
    string->keeper = NULL;
}

static void destroy(struct string *string)
{
    leave(string);
    pointers_remove(&live, &string->pointer);
    *(string->newer != NULL ? &string->newer->older : &string->pool->newest) = string->older;
    if (string->older != NULL)
        string->older->newer = string->newer;
    free(string);
}

static void trim(struct keeper *keeper)
{
    while (keeper->count > STRINGS_KEPT && kept_bytes > STRINGS_LIMIT) {
        struct string *oldest = keeper->first;
        if (oldest->pool->gives_back)
            leave(oldest);
        else
            destroy(oldest);
    }
}

/* A thread has ended: what it was given may be used by others. */
static void abandon(void *context)
{
    struct keeper *keeper = context;
    pthread_mutex_lock(&mutex);
    while (keeper->first != NULL) {
        struct string *string = keeper->first;
        leave(string);
        append(&orphans, string);
    }
    pthread_mutex_unlock(&mutex);
    free(keeper);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, abandon) == 0;
}

static struct keeper *own_keeper(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    struct keeper *keeper = has_key ? pthread_getspecific(key) : NULL;
    if (keeper == NULL && has_key && (keeper = calloc(1, sizeof(*keeper))) != NULL &&
        pthread_setspecific(key, keeper) != 0) {
        free(keeper);
        keeper = NULL;
    }
    return keeper != NULL ? keeper : &orphans;
}

/* ---- giving and taking ----------------------------------------------------------------------------- */

char *strings_give(struct string_pool *pool, const char *text, size_t len)
{
    struct keeper *keeper = own_keeper();
    struct string *string = malloc(sizeof(*string) + len + 1);
    if (string == NULL)
        return NULL;
    memset(string, 0, sizeof(*string));
    if (len > 0)
        memcpy(string->text, text, len);
    string->text[len] = '\0';
    string->size = sizeof(*string) + len + 1;
    pthread_mutex_lock(&mutex);
    pointers_add(&live, &string->pointer, string->text);
    string->pool = pool;
    string->older = pool->newest;
    if (pool->newest != NULL)
        pool->newest->newer = string;
    pool->newest = string;
    if (!pool->gives_back)
        append(keeper, string);
    trim(&orphans);
    trim(keeper);
    pthread_mutex_unlock(&mutex);
    return string->text;
}

void strings_take_back(const char *text)
{
    if (text == NULL)
        return;
    pthread_mutex_lock(&mutex);
    struct string *string = (struct string *)(void *)pointers_find(&live, text); /* its first member */
    if (string != NULL) {
        string->pool->gives_back = true;
        destroy(string);
    }
    pthread_mutex_unlock(&mutex);
}

void strings_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void strings_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void strings_release(struct string_pool *pool)
{
    pthread_mutex_lock(&mutex);
    while (pool->newest != NULL)
        destroy(pool->newest);
    pthread_mutex_unlock(&mutex);
}
