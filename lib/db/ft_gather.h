/* What commits changed becomes segments of words: documents are read from git, and built in memory or, by several
 * threads where there are many, into files. */
#ifndef CDB_DB_FT_GATHER_H
#define CDB_DB_FT_GATHER_H

#include <stdint.h>

#include "chrondb.h"
#include "db/ft_run.h"
#include "index/catalog.h"
#include "index/shelf_view.h"

#define CDB_GATHER_FAR 3 /* a result: more documents than the limit allows */

/* Where the changes come from, key by key, in the order of the keys: 0, 1 at the end, or an error. */
struct cdb_ft_feed {
    int (*next)(void *context, struct cdb_catalog_key_changes *out);
    void *context;
};

struct cdb_gather {
    chrondb *db;
    const char *language; /* borrowed */
    struct cdb_ft_feed feed;
    struct cdb_shelf_view *base; /* what the changes come on top of: versions there get their ends; or NULL */
    bool newest_only;            /* leave out versions that were replaced within the changes */
    uint64_t limit;              /* documents, before it is given up with CDB_GATHER_FAR; 0: none */
    int (*step)(void *context, uint64_t done); /* or NULL: now and then, with documents done; not 0 ends it */
    void *step_context;
    uint64_t documents; /* that were gathered */
};

/* Up to two segments, in memory, into made[] (room for two); after an error there are none. */
int cdb_gather_memory(struct cdb_gather *gather, struct cdb_ft_made *made, size_t *count);
/* Segments in `dir`, which become parts of the base (that must be there; after an error it is to be closed). Memory is
 * bounded; files of a gathering that failed are nobody's, and swept. */
int cdb_gather_files(struct cdb_gather *gather, int dir);

#endif
