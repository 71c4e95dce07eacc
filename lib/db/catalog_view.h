/* The inside of a view of a catalog. */
#ifndef CDB_DB_CATALOG_VIEW_H
#define CDB_DB_CATALOG_VIEW_H

#include <pthread.h>

#include "db/catalog.h"

#define CDB_WITHOUT_MS 10000 /* that there is no catalog is believed so long */

struct cdb_view {
    chrondb *db;
    unsigned references; /* guarded by the index's mutex */
    char *ref;
    struct cdb_oid head;
    uint64_t covered;
    int64_t expires;       /* of a view without a catalog */
    pthread_mutex_t mutex; /* guards what follows */
    struct cdb_catalog *catalog;
    bool lost; /* a function failed: nothing more is asked */
};

#endif
