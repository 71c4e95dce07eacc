/* SPDX-License-Identifier: MIT
 * Threads of the library's own, in programs that are not ours. */
#ifndef CDB_UTIL_THREAD_H
#define CDB_UTIL_THREAD_H

#include <pthread.h>

/* pthread_create, with all signals blocked in the new thread: they are for the program's own. 0, or an errno; no error
 * is set, since there is always another way. */
int cdb_thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *context), void *context);

#endif
