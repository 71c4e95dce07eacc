/* SPDX-License-Identifier: MIT
 * How far work has come, told to who asked for it. */
#ifndef CDB_DB_PROGRESS_H
#define CDB_DB_PROGRESS_H

#include "chrondb.h"
#include "util/error.h"

/* `progress` may be NULL. 0, or CHRONDB_EBUSY "cancelled". */
static inline int cdb_progress_tell(chrondb_progress progress, void *context, const char *phase, uint64_t done,
                                    uint64_t total)
{
    if (progress == NULL || progress(context, phase, done, total) == 0)
        return 0;
    return cdb_error(CHRONDB_EBUSY, "cancelled", "cancelled");
}

#endif
