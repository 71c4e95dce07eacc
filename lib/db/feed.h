/* The index, told of commits as import makes them: what they change is at hand then and has not to be found out again
 * from their trees. A convenience: whatever is not told here, maintenance reads from git. */
#ifndef CDB_DB_FEED_H
#define CDB_DB_FEED_H

#include "chrondb.h"
#include "index/catalog.h"
#include "util/arena.h"

/* Zero-initialise. */
struct cdb_feed {
    chrondb *db;
    const char *ref;             /* borrowed */
    bool open;                   /* the index is locked for us */
    int dir, lock;               /* of the index */
    struct cdb_catalog *catalog; /* up to the last commit that was told */
    /* What the next commit changes. */
    struct cdb_arena keys;
    struct cdb_catalog_change *changes;
    size_t count, room;
    size_t bytes;
    bool too_many;
};

/* A document changes; `existed`: was it there before this change? */
void cdb_feed_change(struct cdb_feed *feed, const char *key, size_t key_len, const struct cdb_oid *blob, bool existed);
/* The changes so far are of this commit, which stands on `parent`. */
void cdb_feed_commit(struct cdb_feed *feed, const struct cdb_oid *parent, const struct cdb_catalog_commit *commit);
/* The changes so far are of no commit. */
void cdb_feed_forget(struct cdb_feed *feed);
/* Before the branch is moved: write what can be written without a lock. */
void cdb_feed_prepare(struct cdb_feed *feed);
/* The branch has moved to the last commit, and the caller holds the writer lock: publish. */
void cdb_feed_save(struct cdb_feed *feed);
/* The commits told so far will not be; or the feed is not needed any more. */
void cdb_feed_close(struct cdb_feed *feed);

#endif
