/* Which object stands on which: the commits among the members are walked, newest first, and each is compared with its
 * first parent; the older tree or document of a pair is to be a delta on the newer one at the same path, so that the
 * present reads quickest. What is found is only a plan: whether a delta is worth it is seen when it is made. */
#ifndef CDB_STORE_PAIRS_H
#define CDB_STORE_PAIRS_H

#include "store/members.h"
#include "util/buf.h"

struct cdb_pairs_help {
    void *context;
    /* Replace `out` by the content of an member: 0; CHRONDB_EDAMAGED (it is passed over), or another error. */
    int (*read)(void *context, uint32_t member, struct cdb_buf *out);
    /* Called for each commit; nonzero ends the walk and is returned. May be NULL. */
    int (*progress)(void *context, uint64_t done, uint64_t total);
};

/* Sets the base of members that have none, and the rank of those that were met. */
int cdb_pairs_find(struct cdb_members *members, unsigned chain_limit, const struct cdb_pairs_help *help);

#endif
