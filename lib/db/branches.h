/* All the branches of a database, or all its tags. */
#ifndef CDB_DB_BRANCHES_H
#define CDB_DB_BRANCHES_H

#include <stddef.h>

#include "store/repo.h"
#include "util/arena.h"

struct cdb_branches {
    const char **names; /* in full; the default branch first, then sorted */
    size_t count, room;
    struct cdb_arena memory;
};

int cdb_branches_list(struct cdb_branches *out, const struct cdb_repo *repo);
/* The refs below a folder ("refs/tags"), sorted. */
int cdb_refs_list(struct cdb_branches *out, const struct cdb_repo *repo, const char *folder);
void cdb_branches_release(struct cdb_branches *branches);

#endif
