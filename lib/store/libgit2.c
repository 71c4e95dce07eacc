/* SPDX-License-Identifier: MIT */
#include "store/libgit2.h"

#include <git2.h>
#include <pthread.h>

static void start(void)
{
    git_libgit2_init();
}

void cdb_libgit2_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}
