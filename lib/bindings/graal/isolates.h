/* Isolates, their threads, the handles in them, and the calls that are under way: what a client gives is looked up
 * here before it is believed. Safe for threads. */
#ifndef GRAAL_ISOLATES_H
#define GRAAL_ISOLATES_H

#include <stdbool.h>
#include <stddef.h>

#include "bindings/graal/graal_isolate.h"

struct chrondb;
struct handle;

enum { GRAAL_NO_MEMORY = 1, GRAAL_NO_ISOLATE = 2 };

int isolates_create(graal_isolate_t **isolate, graal_isolatethread_t **thread);
int isolates_attach(graal_isolate_t *isolate, graal_isolatethread_t **thread);
graal_isolatethread_t *isolates_current(graal_isolate_t *isolate);
int isolates_detach(graal_isolatethread_t *thread);
int isolates_tear_down(graal_isolatethread_t *thread);

/* ---- calls --------------------------------------------------------------------------------------- */

/* A call in an isolate, with a handle or without: meanwhile neither goes away. */
struct call {
    graal_isolate_t *isolate;
    struct handle *handle;
    struct chrondb *db; /* the handle's */
};

/* The calling thread has no error any more; false, and it has one: there is no such isolate thread. */
bool call_begin(struct call *call, graal_isolatethread_t *thread);
/* Or no such handle. */
bool call_begin_with(struct call *call, graal_isolatethread_t *thread, int handle);
void call_end(struct call *call);

/* The database's number in the isolate, which takes it over; -1 without memory. */
int call_add_handle(struct call *call, struct chrondb *db);
/* False: there is none of that number. */
bool call_close_handle(struct call *call, int number);

/* A copy of the text, the client's; NULL, and the error is set, without memory. */
char *call_give(struct call *call, const char *text, size_t len);

/* ---- errors: the calling thread's last, in an isolate ------------------------------------------------ */

/* The call failed: the library's last error, behind `context` if it is not NULL. */
void call_fail(const struct call *call, const char *context);
/* A reason of ours. */
void call_refuse(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A string of the client's, or NULL. */
char *call_last_error(graal_isolatethread_t *thread);

#endif
