/* A commit as the library tells it: names and messages as text, the meta data decoded. */
#ifndef CDB_DB_VERSION_INFO_H
#define CDB_DB_VERSION_INFO_H

#include "chrondb.h"
#include "store/repo.h"
#include "store/timeline.h"

/* The memory behind a chrondb_version_info. Zero-initialise. */
struct cdb_version_info {
    char commit[CDB_OID_HEX + 1];
    struct cdb_buf content, author, committer, message, decoded, meta_text;
    const char **meta;
    size_t meta_count;
};

void cdb_version_info_release(struct cdb_version_info *info);
/* Set all of `out` that a commit says; borrowed from `info` until its next use. `time` is the effective one. */
int cdb_version_info_read(struct cdb_version_info *info, struct cdb_repo *repo, const struct cdb_oid *oid,
                          chrondb_time time, chrondb_version_info *out);

/* What became of a document: its blobs before and after (zeros: none). */
static inline enum chrondb_op cdb_op_of(const struct cdb_oid *before, const struct cdb_oid *after)
{
    if (cdb_oid_is_zero(after))
        return CHRONDB_OP_DELETE;
    return cdb_oid_is_zero(before) ? CHRONDB_OP_CREATE : CHRONDB_OP_UPDATE;
}

#endif
