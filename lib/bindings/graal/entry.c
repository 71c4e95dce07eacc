/* SPDX-License-Identifier: MIT
 *
 * The exported functions. This file alone sees libchrondb.h, whose names chrondb.h has too; the library below it is
 * linked under other names (cmake/graal.cmake). */
#include "bindings/graal/libchrondb.h"

#include "bindings/graal/isolates.h"
#include "bindings/graal/operations.h"
#include "bindings/graal/strings.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- graal_isolate.h --------------------------------------------------------------------------------- */

EXPORT int graal_create_isolate(void *params, graal_isolate_t **isolate, graal_isolatethread_t **thread)
{
    (void)params;
    return isolates_create(isolate, thread);
}

EXPORT int graal_attach_thread(graal_isolate_t *isolate, graal_isolatethread_t **thread)
{
    return isolates_attach(isolate, thread);
}

EXPORT graal_isolatethread_t *graal_get_current_thread(graal_isolate_t *isolate)
{
    return isolates_current(isolate);
}

EXPORT int graal_detach_thread(graal_isolatethread_t *thread)
{
    return isolates_detach(thread);
}

EXPORT int graal_tear_down_isolate(graal_isolatethread_t *thread)
{
    return isolates_tear_down(thread);
}

/* ---- libchrondb.h ------------------------------------------------------------------------------------- */

EXPORT int chrondb_open(graal_isolatethread_t *thread, const char *data_path, const char *index_path)
{
    struct call call;
    if (!call_begin(&call, thread))
        return -1;
    int handle = operation_open(&call, data_path, index_path);
    call_end(&call);
    return handle;
}

EXPORT int chrondb_close(graal_isolatethread_t *thread, int handle)
{
    struct call call;
    if (!call_begin(&call, thread))
        return -1;
    bool closed = call_close_handle(&call, handle);
    call_end(&call);
    return closed ? 0 : -1;
}

/* The body of a function on a handle: what `operation` says, or `failure` where there is no such handle. */
#define ON_HANDLE(type, failure, operation)                                                                            \
    do {                                                                                                               \
        struct call call;                                                                                              \
        if (!call_begin_with(&call, thread, handle))                                                                   \
            return failure;                                                                                            \
        type result = operation;                                                                                       \
        call_end(&call);                                                                                               \
        return result;                                                                                                 \
    } while (0)

EXPORT char *chrondb_put(graal_isolatethread_t *thread, int handle, const char *id, const char *json_doc,
                         const char *branch)
{
    ON_HANDLE(char *, NULL, operation_put(&call, id, json_doc, branch));
}

EXPORT char *chrondb_get(graal_isolatethread_t *thread, int handle, const char *id, const char *branch)
{
    ON_HANDLE(char *, NULL, operation_get(&call, id, branch));
}

EXPORT int chrondb_delete(graal_isolatethread_t *thread, int handle, const char *id, const char *branch)
{
    ON_HANDLE(int, -1, operation_delete(&call, id, branch));
}

EXPORT char *chrondb_list_by_prefix(graal_isolatethread_t *thread, int handle, const char *prefix, const char *branch)
{
    ON_HANDLE(char *, NULL, operation_list_by_prefix(&call, prefix, branch));
}

EXPORT char *chrondb_list_by_table(graal_isolatethread_t *thread, int handle, const char *table, const char *branch)
{
    ON_HANDLE(char *, NULL, operation_list_by_table(&call, table, branch));
}

EXPORT char *chrondb_history(graal_isolatethread_t *thread, int handle, const char *id, const char *branch)
{
    ON_HANDLE(char *, NULL, operation_history(&call, id, branch));
}

EXPORT char *chrondb_query(graal_isolatethread_t *thread, int handle, const char *query_json, const char *branch)
{
    ON_HANDLE(char *, NULL, operation_query(&call, query_json, branch));
}

EXPORT void chrondb_free_string(graal_isolatethread_t *thread, char *string)
{
    (void)thread; /* strings outlive the thread that asked for them */
    strings_take_back(string);
}

EXPORT char *chrondb_last_error(graal_isolatethread_t *thread)
{
    return call_last_error(thread);
}
