/* SPDX-License-Identifier: MIT */
#include "db/helper.h"

#include "db/handle.h"
#include "util/array.h"
#include "util/thread.h"

#define STACK_SIZE ((size_t)256 << 10)
#define PAUSE_MS   200 /* what stays due, as on a full disk, is not tried without a break */

void cdb_helper_init(struct cdb_helper *helper)
{
    pthread_mutex_init(&helper->mutex, NULL);
    helper->ended_ms = INT64_MIN / 2;
}

void cdb_helper_release(struct cdb_helper *helper)
{
    if (helper->started)
        pthread_join(helper->thread, NULL);
    pthread_mutex_destroy(&helper->mutex);
}

/* A failure needs no report: what is due stays due. */
static void *maintain(void *context)
{
    chrondb *db = context;
    (void)chrondb_maintain(db);
    pthread_mutex_lock(&db->helper.mutex);
    db->helper.running = false;
    db->helper.ended_ms = cdb_monotonic_ms();
    pthread_mutex_unlock(&db->helper.mutex);
    return NULL;
}

static int start(chrondb *db)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int error = cdb_thread_start(&db->helper.thread, &attributes, maintain, db);
    pthread_attr_destroy(&attributes);
    return error;
}

void cdb_helper_wake(chrondb *db)
{
    struct cdb_helper *helper = &db->helper;
    if (!atomic_load(&helper->wanted) || chrondb_maintenance_due(db) == 0)
        return;
    pthread_mutex_lock(&helper->mutex);
    if (!helper->running && cdb_monotonic_ms() - helper->ended_ms >= PAUSE_MS) {
        if (helper->started)
            pthread_join(helper->thread, NULL); /* it has ended */
        helper->running = helper->started = start(db) == 0;
    }
    pthread_mutex_unlock(&helper->mutex);
}
