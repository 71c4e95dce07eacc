/* The parts of a verification: what they share. Each part tells what it finds and goes on; a result but 0 ends it all.
 * Everything works on the refs as they were at its beginning; objects that move meanwhile are found where they went. */
#ifndef CDB_DB_VERIFY_H
#define CDB_DB_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "index/ft_segment.h"
#include "store/check.h"
#include "store/docs.h"
#include "store/repo.h"
#include "util/arena.h"
#include "util/oid_map.h"

/* The kinds of findings: stable, chrondb-verify(1) lists them. */
#define CDB_KIND_CONFIG    "config"
#define CDB_KIND_REF       "ref"
#define CDB_KIND_JOURNAL   "journal"
#define CDB_KIND_FILE      "damaged_file"
#define CDB_KIND_DAMAGED   "damaged_object"
#define CDB_KIND_MISSING   "missing_object"
#define CDB_KIND_WRONG     "wrong_object"
#define CDB_KIND_TREE      "malformed_tree"
#define CDB_KIND_CANONICAL "not_canonical"
#define CDB_KIND_FOREIGN   "foreign_path"
#define CDB_KIND_DOCUMENT  "invalid_document"
#define CDB_KIND_TIME      "time"
#define CDB_KIND_UNCHECKED "unchecked"
#define CDB_KIND_INDEX     "index"

#define CDB_VERIFY_ENDED (-1000) /* the caller's function wants no more */

/* Any member but kind and message may be NULL. */
struct cdb_finding {
    const char *kind;
    bool note; /* nothing is wrong */
    const char *ref;
    const struct cdb_oid *commit;
    const char *path, *key;
    const struct cdb_oid *object;
    const char *message;
};

enum cdb_ref_kind { CDB_REF_BRANCH, CDB_REF_TAG, CDB_REF_OTHER };

struct cdb_verify_ref {
    const char *name; /* in full; in the arena */
    enum cdb_ref_kind kind;
    struct cdb_oid object; /* what it names, tag objects passed over */
    int type;              /* of that; CDB_ANY: it cannot be read */
    struct cdb_oid commit; /* the same if it is one; else zeros */
    uint32_t head;         /* that commit, in the commits: index + 1; 0: it cannot be read */
};

/* A commit that can be read. */
struct cdb_verify_commit {
    struct cdb_oid oid, tree;
    uint32_t parent;   /* the first one: index + 1; 0: there is none, or it cannot be read */
    uint32_t position; /* on its first-parent chain */
    uint32_t ref;      /* of those that reach it, the first */
    bool ours, merge;
    bool broken; /* a first parent before it cannot be read: positions and times are not known */
    chrondb_time time;
};

struct cdb_verify {
    chrondb *db;
    struct cdb_objects *objects;
    bool full;
    const chrondb_verify_options *options;
    chrondb_verify_report report;
    int ended; /* what the caller's function returned */

    struct cdb_arena arena;
    struct cdb_verify_ref *refs; /* branches, the default one first; tags; others */
    size_t ref_count, ref_room;

    struct cdb_verify_commit *commits; /* a chain is together, its newest first */
    size_t commit_count, commit_room;
    struct cdb_oid_map by_id; /* commits: index + 1 */

    struct cdb_oid_map seen; /* CDB_SEEN_* of objects */
    struct cdb_oid_map told; /* objects that were told of as part of the database */
    struct bad_copy *bad;    /* damaged copies of objects, see verify.c */
    size_t bad_count, bad_room;
    struct cdb_oid_map bad_by_id; /* index + 1 */
};

/* Tell it. 0, or CDB_VERIFY_ENDED. */
int cdb_verify_tell(struct cdb_verify *it, const struct cdb_finding *finding);
/* How far it is; 0, or CHRONDB_EBUSY "cancelled". */
int cdb_verify_step(struct cdb_verify *it, const char *phase, uint64_t done, uint64_t total);

/* Read an object that must be of that type. 0; 1: it cannot be, which was told as `about` (whose kind, object and
 * message are not used); or an error. */
int cdb_verify_read(struct cdb_verify *it, const struct cdb_oid *oid, int type, const struct cdb_finding *about,
                    struct cdb_buf *out);
/* The object was read, but files have damaged copies of it: told as `about`, once. */
int cdb_verify_copies(struct cdb_verify *it, const struct cdb_oid *oid, const struct cdb_finding *about);
/* Tell that such a read failed: *after* the failure, whose result and, if it is 0, type these are. 1, or an error. */
int cdb_verify_unreadable(struct cdb_verify *it, const struct cdb_oid *oid, int wanted, int result, int type,
                          const struct cdb_finding *about);

/* ---- verify_refs.c: refs, HEAD, the configuration, the journal ---- */

/* Fills it->refs. */
int cdb_verify_refs(struct cdb_verify *it);
int cdb_verify_config(struct cdb_verify *it);

/* ---- verify_journal.c ---- */

int cdb_verify_journal(struct cdb_verify *it);

/* ---- verify_commits.c ---- */

/* The first-parent chains of all refs; with it->full all commits that they reach. */
int cdb_verify_commits(struct cdb_verify *it);

/* ---- verify_trees.c ---- */

/* The trees of the refs; with it->full those of all commits. */
int cdb_verify_trees(struct cdb_verify *it);

/* ---- verify_index.c, verify_words.c, verify_postings.c: what the files of the index say of a branch ---- */

/* A branch's first-parent chain by positions. */
struct cdb_verify_chain {
    struct cdb_verify *it;
    const struct cdb_verify_ref *ref;
    uint32_t *commits; /* index, by position */
    size_t count;
    int dir; /* of the index */
};

int cdb_verify_index(struct cdb_verify *it);
int cdb_verify_words(struct cdb_verify_chain *chain);
/* verify_postings.c: are the words of a shelf's part those of its documents, as far as the first `end` commits brought
 * them? Also CHRONDB_EDAMAGED: it cannot be read. */
struct cdb_shelf_part;
int cdb_verify_postings(const struct cdb_verify_chain *chain, const struct cdb_shelf_part *part, const char *language,
                        uint64_t end);
/* What the first `end` commits changed, and all documents below a root, as git has them. A result of `each` that is not
 * 0 ends the walk. 1: something cannot be read, which is told elsewhere. */
int cdb_verify_changes(const struct cdb_verify_chain *chain, uint64_t end,
                       int (*each)(void *context, uint64_t position, const struct cdb_change *change), void *context);
int cdb_verify_documents(const struct cdb_verify_chain *chain, const struct cdb_oid *root,
                         int (*each)(void *context, const char *key, size_t len, const struct cdb_oid *blob),
                         void *context);
const struct cdb_verify_commit *cdb_verify_at(const struct cdb_verify_chain *chain, uint64_t position);
/* A number for a key and what is said of it. */
uint64_t cdb_verify_hash(const char *key, size_t len, const struct cdb_oid *blob, uint64_t more);

#endif
