/* What the public functions share: the handle, and what a snapshot is made of. */
#ifndef CDB_DB_HANDLE_H
#define CDB_DB_HANDLE_H

#include <stdbool.h>
#include <unistd.h>

#include "chrondb.h"
#include "db/catalog.h"
#include "db/helper.h"
#include "db/index.h"
#include "store/docs.h"
#include "store/repo.h"
#include "store/timeline.h"

struct chrondb {
    struct cdb_repo *repo;
    struct cdb_db_index index;
    struct cdb_helper helper;
    int references;
    struct chrondb *next;
};

/* Is it of this process? In a child after a fork its mutexes may be held for ever, and its threads are not there. */
static inline bool cdb_is_ours(const struct cdb_repo *repo)
{
    return repo->owner == getpid();
}

/* A public function begins: there is no error yet. CHRONDB_EUSAGE "wrong_process". */
int cdb_enter(const struct cdb_repo *repo);

struct chrondb_snapshot {
    chrondb *db;
    char *ref;             /* the branch it was asked on, in full */
    struct cdb_oid commit; /* zeros: empty */
    struct cdb_oid root;
    struct cdb_point point; /* the commit again, in the catalog */
    chrondb_time time;
    bool has_time; /* effective times are only computed when asked for */
    char hex[CDB_OID_HEX + 1];
};

/* Which commit WHEN means on a branch (full name): zeros if it was before the first one. `text` NULL: the head, which
 * is told too. */
int cdb_resolve(chrondb *db, const char *ref, const char *text, struct cdb_oid *head, struct cdb_oid *out);
/* Which moment WHEN means: a time itself, or the effective time of a commit. "now" is the head's. */
int cdb_resolve_time(chrondb *db, const char *ref, const char *text, chrondb_time *out);

/* The branch's full name; it must exist, or be the default one, or the first of an empty database. */
int cdb_branch_resolve(chrondb *db, const char *branch, struct cdb_buf *ref);

/* The same for a write, which may make it: with `create` a valid name that is not there is one too. CHRONDB_EUSAGE
 * ("no_branch", "invalid_name"), CHRONDB_ECONFLICT ("in_the_way"). */
int cdb_branch_for_write(chrondb *db, const char *branch, bool create, struct cdb_buf *ref);

/* One version of a key. */
struct cdb_version {
    struct cdb_oid commit, blob, old_blob; /* zeros: not there (after, before) */
    chrondb_time time;
    bool merge; /* cdb_versions_line only: it has several parents, all of them with another value */
};

struct cdb_versions {
    struct cdb_version *versions;
    size_t count, room;
};

/* The versions of a key below a point's commit that led to its present value, newest first, at most `limit` (0: all)
 * that are not newer than `until` and not older than `since` (NULL: no bound). *ever: was there any, bounds aside? */
int cdb_versions_find(struct cdb_point *point, const struct cdb_key *key, uint64_t limit, const chrondb_time *since,
                      const chrondb_time *until, struct cdb_versions *out, bool *ever);
/* The same of all versions, also those of which a merge took nothing over. Reads every commit that is on no branch's
 * first-parent chain. */
int cdb_versions_all(struct cdb_point *point, const struct cdb_key *key, uint64_t limit, const chrondb_time *since,
                     const chrondb_time *until, struct cdb_versions *out, bool *ever);
/* The same from a commit below the point's on, down to the first merge that is one: a line, in which each version was
 * made of the one behind it. */
int cdb_versions_line(struct cdb_point *point, const struct cdb_oid *from, const struct cdb_key *key, uint64_t limit,
                      struct cdb_versions *out);
void cdb_versions_release(struct cdb_versions *versions);

/* Read a document's blob. */
int cdb_blob_document(struct cdb_repo *repo, const struct cdb_oid *blob, struct cdb_buf *out);

/* Copy into a public buffer. */
int cdb_buffer_set(chrondb_buffer *out, const void *data, size_t size);

#endif
