/* Documents in a root tree: one by its key, all of them, and what differs between two. */
#ifndef CDB_STORE_DOCS_H
#define CDB_STORE_DOCS_H

#include <stddef.h>
#include <stdint.h>

#include "store/fan.h"
#include "store/key.h"
#include "store/objects.h"

/* ---- one document ---- */

#define CDB_LOOKUP_MAX (2 * (CDB_FAN_DEPTH + 2))

/* The trees that a lookup went through. The same key looked up below another root gives the same answer from where both
 * meet the same tree at the same step: those who follow a key through many commits save most of the reading. */
struct cdb_lookup {
    struct cdb_oid trees[CDB_LOOKUP_MAX];
    unsigned char steps[CDB_LOOKUP_MAX]; /* which step each was: digits used, and in the root or in a table */
    size_t count;
    bool plain; /* each item was on one level only, as chrondb writes it: `trees` may be compared */
    bool found;
    struct cdb_oid blob;
};

/* Look a key up below a root tree (zeros: empty). Nothing found is success too. `before` (or NULL): an earlier lookup
 * of the same key. */
int cdb_docs_find(struct cdb_objects *objects, const struct cdb_oid *root, const struct cdb_key *key,
                  const struct cdb_lookup *before, struct cdb_lookup *out);

/* ---- all documents ---- */

/* Which keys; all that are set must hold. */
struct cdb_filter {
    const char *prefix; /* or NULL */
    const char *table;  /* or NULL; "": the keys without a table */
};

/* All documents below a root tree that pass the filter: their names are whole keys, sorted. */
int cdb_docs_collect(struct cdb_objects *objects, const struct cdb_oid *root, const struct cdb_filter *filter,
                     struct cdb_items *out);

/* Every table with its number of documents, sorted by name, "" first (the keys without a table); one whose documents
 * are all gone is left out. A nonzero result of `each` ends the walk and is returned. */
int cdb_docs_tables(struct cdb_objects *objects, const struct cdb_oid *root,
                    int (*each)(void *context, const char *table, uint64_t count), void *context);

/* ---- differences ---- */

struct cdb_change {
    const char *key;
    size_t key_len;
    struct cdb_oid old_blob, new_blob; /* zeros: not there */
};

struct cdb_changes {
    /* What is wanted, set by the caller; zeros: everything. */
    const struct cdb_filter *filter;
    const char *after; /* only keys behind this one */
    size_t keep;       /* only so many, the first of them: memory is bounded by that. 0: all */
    size_t limit;      /* stop, with result 1, where there are more; 0: no limit */
    /* What was found. */
    struct cdb_change *changes;
    size_t count, room;
    bool more;        /* with `keep`: there are others behind these */
    bool foreign;     /* where they differ there is also what belongs to no key (see foreign.h) */
    const char *last; /* with `keep`: none that is wanted is behind it; NULL: not known yet */
    struct cdb_arena keys;
};

void cdb_changes_release(struct cdb_changes *changes);

/* What differs between two root trees (zeros: empty), sorted by key. Costs what differs, not what is there; `filter`
 * saves the tables that have nothing of it. 0, 1 (more than out->limit), or an error. */
int cdb_docs_diff(struct cdb_objects *objects, const struct cdb_oid *from, const struct cdb_oid *to,
                  struct cdb_changes *out);

/* ---- for those who change trees ---- */

/* A table may stand on several levels of the root if another tool put it there: its trees, deepest first. */
struct cdb_table {
    const char *name; /* raw; "" with untabled */
    size_t name_len;
    bool untabled;
    const struct cdb_item *trees; /* consecutive items of equal name, deepest first */
    size_t tree_count;
};

/* The next group of equal names in sorted items; `at` starts as 0. */
bool cdb_table_next(const struct cdb_items *items, size_t *at, struct cdb_table *out);

/* Every document of a table, names are ids, sorted, the deepest of equal ones only. */
int cdb_table_collect(struct cdb_objects *objects, const struct cdb_table *table, struct cdb_items *out);

#endif
