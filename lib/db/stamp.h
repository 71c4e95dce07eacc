/* What chrondb_write_options say of a commit: who, when, with which message, and the commit made of it. */
#ifndef CDB_DB_STAMP_H
#define CDB_DB_STAMP_H

#include <stddef.h>

#include "chrondb.h"
#include "store/txn.h"
#include "util/buf.h"

/* Set the first two. */
struct cdb_stamp {
    struct cdb_repo *repo;
    const chrondb_write_options *options; /* borrowed */
    struct cdb_buf author, committer;
};

/* All that can fail without the lock. CHRONDB_EUSAGE "usage", "invalid_meta", "invalid_time", "invalid_author". */
int cdb_stamp_prepare(struct cdb_stamp *stamp);
void cdb_stamp_release(struct cdb_stamp *stamp);

/* For cdb_txn_begin. */
int cdb_stamp_timeout(const struct cdb_stamp *stamp);

/* The time of a commit on one of time `parent` (NULL: there is none). CHRONDB_EUSAGE "invalid_time". */
int cdb_stamp_time(const struct cdb_stamp *stamp, const chrondb_time *parent, chrondb_time *out);

/* The message that the options give, or "": the caller's own. */
const char *cdb_stamp_message(const struct cdb_stamp *stamp);

/* Make the commit: emitted, not yet committed. */
int cdb_stamp_commit(const struct cdb_stamp *stamp, struct cdb_txn *txn, const struct cdb_oid *tree,
                     const struct cdb_oid *parents, size_t parent_count, chrondb_time time, const char *message,
                     struct cdb_oid *commit);

#endif
