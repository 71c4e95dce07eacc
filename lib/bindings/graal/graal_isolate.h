/* SPDX-License-Identifier: MIT
 *
 * graal_isolate.h: what programs made for a GraalVM library need of it, here without a GraalVM. See libchrondb.h.
 *
 * An isolate is a world of its own: its handles, strings and errors are not those of another one. Unlike GraalVM's it
 * has no heap to set up and no thread that must be attached: it costs nothing, and calls may come from any thread,
 * with any isolate thread of the isolate. The functions return 0, or another number if they failed: 1, there is no
 * memory; 2, a pointer is NULL, or not one of a living isolate.
 */
#ifndef GRAAL_ISOLATE_H
#define GRAAL_ISOLATE_H

#if defined(__cplusplus)
extern "C" {
#endif

typedef struct graal_isolate graal_isolate_t;
typedef struct graal_isolatethread graal_isolatethread_t;

/* What graal_create_isolate takes in GraalVM; none of it has a meaning here. */
typedef struct graal_create_isolate_params {
    int version;
    unsigned long reserved_address_space_size;
} graal_create_isolate_params_t;

/* A new isolate, with the calling thread attached to it. `params` may be NULL and is not looked at. Where `isolate` or
 * `thread` is NULL, it is not told. */
int graal_create_isolate(void *params, graal_isolate_t **isolate, graal_isolatethread_t **thread);

/* Attach the calling thread; the isolate thread that it has already, if it is attached. */
int graal_attach_thread(graal_isolate_t *isolate, graal_isolatethread_t **thread);

/* The calling thread's, or NULL: it is not attached. */
graal_isolatethread_t *graal_get_current_thread(graal_isolate_t *isolate);

/* The isolate thread must not be used any more. The isolate stays, also without threads. */
int graal_detach_thread(graal_isolatethread_t *thread);

/* The end of the isolate, all its threads, handles and strings. Waits for calls that other threads are in. */
int graal_tear_down_isolate(graal_isolatethread_t *thread);

#if defined(__cplusplus)
}
#endif
#endif
