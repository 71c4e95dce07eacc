/* How two commits stand to each other: what one has that the other has not. */
#ifndef CDB_DB_COMPARE_H
#define CDB_DB_COMPARE_H

#include <stdbool.h>

#include "db/handle.h"

struct cdb_comparison {
    bool same;     /* the same documents, and files beside them; the trees may differ if another tool made one */
    bool our_news; /* ours has something for theirs: as chrondb_comparison has it */
    bool their_news;
};

/* Of two root trees. */
int cdb_same_documents(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs, bool *same);

/* Zeros: an empty history. */
int cdb_compare(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs, struct cdb_comparison *out);

#endif
