/* The words of a state, for one search: the branch's index of words, and what it lacks, built in memory. */
#ifndef CDB_DB_FT_VIEW_H
#define CDB_DB_FT_VIEW_H

#include "chrondb.h"
#include "db/catalog.h"
#include "db/ft_run.h"
#include "index/ft_view.h"
#include "index/shelf_view.h"

/* Which state. */
struct cdb_ft_state {
    chrondb *db;
    const char *ref;                   /* borrowed, as long as the reader lives */
    struct cdb_oid head, commit, root; /* of the branch; the state's, and its tree; zeros: none */
    chrondb_progress progress;         /* or NULL */
    void *context;
};

struct cdb_ft_reader {
    struct cdb_ft_state state;
    struct cdb_buf language;
    struct cdb_ft_view view; /* frozen */
    uint64_t caught_up;      /* documents that are in memory only */
    /* private: */
    struct cdb_point point;
    struct cdb_shelf_view *base;
    struct cdb_ft_made made[2];
    size_t made_count;
    bool aside; /* the state is not on the branch's chain */
};

/* How much of the files is believed. */
enum cdb_ft_trust {
    CDB_FT_ALL,
    CDB_FT_ANEW, /* they turned out to be damaged: they are built anew, if that is possible */
    CDB_FT_NONE  /* not even then: all is built in memory */
};

/* Few documents that the files lack are read now; where there are many, the files are brought up to date first, and if
 * that cannot be (a read-only file system, another process at it that does not come to an end) all are built in memory,
 * which is told. Errors: CHRONDB_EDAMAGED: go on with less trust; CHRONDB_EBUSY "cancelled"; CHRONDB_ESYSTEM. */
int cdb_ft_reader_open(struct cdb_ft_reader **out, const struct cdb_ft_state *state, enum cdb_ft_trust trust);
void cdb_ft_reader_close(struct cdb_ft_reader *reader);

/* The document of a key that the state has: in the catalog, or in its tree. 0; CHRONDB_EDAMAGED: it has none. */
int cdb_ft_reader_find(struct cdb_ft_reader *reader, const char *key_text, size_t len, struct cdb_oid *blob);

#endif
