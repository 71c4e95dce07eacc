/* The shelf that has most in common with a chain of commits: the branch's own, or, where that was rewritten or is new,
 * another branch's. */
#ifndef CDB_DB_FT_BASE_H
#define CDB_DB_FT_BASE_H

#include <stdint.h>

#include "chrondb.h"
#include "index/shelf.h"
#include "util/oid.h"

/* A first-parent chain: its commits by their positions, as a catalog has them. */
struct cdb_chain {
    uint64_t count;
    int (*at)(void *context, uint64_t position, struct cdb_oid *out); /* 0, or an error; position is below count */
    void *context;
};

struct cdb_ft_base {
    struct cdb_shelf shelf; /* the caller's to release; its ref is NULL if there is none */
    uint64_t common;        /* so many commits of the chain it knows, and knows right */
};

/* Look in the index directory for shelves of this language. `end`: what of the chain matters. 0, or an error. */
int cdb_ft_base_find(struct cdb_ft_base *out, chrondb *db, int dir, const char *ref, const char *language,
                     const struct cdb_chain *chain, uint64_t end);
/* The same among those of other branches only. */
int cdb_ft_base_borrow(struct cdb_ft_base *out, chrondb *db, int dir, const char *ref, const char *language,
                       const struct cdb_chain *chain, uint64_t end);

/* Marks for a shelf that covers `end` commits of the chain; their number in *count. */
int cdb_ft_base_marks(const struct cdb_chain *chain, uint64_t end, struct cdb_shelf_mark marks[CDB_SHELF_MARKS_MAX],
                      size_t *count);

#endif
