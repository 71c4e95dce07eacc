/* The same work for many items, on all processors. */
#ifndef CDB_UTIL_PARALLEL_H
#define CDB_UTIL_PARALLEL_H

#include <stddef.h>

#define CDB_PARALLEL_MAX 4 /* threads, the caller's among them */

struct cdb_parallel {
    /* Items from .. to - 1. `thread` is below CDB_PARALLEL_MAX: what belongs to it is nobody else's meanwhile. */
    int (*work)(void *context, unsigned thread, size_t from, size_t to);
    /* On the caller's thread, now and then: so many items have been taken. Or NULL. */
    int (*step)(void *context, size_t taken);
    void *context;
    size_t chunk; /* items that a thread takes at a time */
};

/* 0, or the first result that was not, with its error; what was not begun then is left out. Works with no other thread
 * too. */
int cdb_parallel_run(const struct cdb_parallel *parallel, size_t count);

#endif
