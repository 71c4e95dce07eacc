/* A thread of the instance's own that does the maintenance that is due, for processes that live long (a command has a
 * process do it). Only for who asked for it: CHRONDB_OPEN_MAINTAIN. */
#ifndef CDB_DB_HELPER_H
#define CDB_DB_HELPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"

/* A part of the handle. */
struct cdb_helper {
    atomic_bool wanted;
    pthread_mutex_t mutex; /* guards what follows */
    bool running, started; /* started: there is a thread to join */
    int64_t ended_ms;      /* when it last did */
    pthread_t thread;
};

void cdb_helper_init(struct cdb_helper *helper);
/* Waits for its end. Nobody else uses the instance any more. */
void cdb_helper_release(struct cdb_helper *helper);

/* After what may have made maintenance due. */
void cdb_helper_wake(chrondb *db);

#endif
