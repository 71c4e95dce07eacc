/* Bringing the index of words of a branch up to date, in files. The caller holds the index lock. */
#ifndef CDB_DB_FT_MAINTAIN_H
#define CDB_DB_FT_MAINTAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"

struct cdb_ft_work {
    chrondb *db;
    int dir;         /* of the index, borrowed */
    const char *ref; /* borrowed */
    bool all;        /* merge all: what is alive into one segment, what is not into another one */
    bool shared; /* with `all`: another branch's shelf was merged so before. Where this one is large it goes on to share
                    the other's segments, rather than to have copies of its own */
    /* Told now and then; total 0: not known. Not 0 ends the work with that. Or NULL. */
    int (*step)(void *context, const char *phase, uint64_t done, uint64_t total);
    void *context;
};

/* To where the branch's catalog ends. 0; CDB_INDEX_LOST: the catalog is damaged; an error. */
int cdb_ft_maintain(struct cdb_ft_work *work);

/* A shelf turned out to be damaged, or names what is: forget it. */
void cdb_ft_drop(int dir, const char *ref);

#endif
