/* SPDX-License-Identifier: MIT */
#include "util/thread.h"

#include <signal.h>

int cdb_thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited; it cannot fail */
    int error = pthread_create(thread, attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
