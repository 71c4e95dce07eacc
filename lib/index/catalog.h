/* The catalog of a branch: its commits in order with their times, and every key in order with its versions. Derived
 * from git, never the truth: whatever here is missing, damaged or too old is rebuilt by the caller. chrondb-index(5)
 * specifies the files.
 *
 * A branch is its first-parent chain. A commit's place in it is its POSITION: 0 for the first one. The STATE after
 * `end` commits (positions 0 .. end - 1) is what the documents were after the last of these.
 *
 * The files, in one directory that all branches share:
 *
 *     NAME.manifest     one a branch: its segments, oldest first, and the generation of its tail; replaced by a rename
 *     NAME-N.tail       append-only: a record for each commit since the manifest was written
 *     XXXXXXXX.segment  immutable: the commits of a range of positions and what they changed; shared between branches
 *
 * The view that cdb_catalog_open gives is frozen: later writes, merges and removals of files do not change it. What
 * cdb_catalog_add adds is in memory, in that view only, until cdb_catalog_save.
 *
 * Nothing is synced. Every byte that is read is covered by a checksum, and every number that is read is checked before
 * it is used: hostile and half-written files are CHRONDB_EDAMAGED, never a crash, a wrong answer or an endless loop.
 * A view is for one thread at a time.
 *
 * Errors of every function: CHRONDB_ESYSTEM, and CHRONDB_EDAMAGED where the caller must do without, and rebuild.
 */
#ifndef CDB_INDEX_CATALOG_H
#define CDB_INDEX_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/oid.h"

struct cdb_catalog;

struct cdb_catalog_commit {
    struct cdb_oid id;
    chrondb_time time; /* effective: strictly growing along the chain */
    bool merge;        /* has more than one parent */
};

struct cdb_catalog_change {
    const char *key; /* borrowed during the call */
    size_t key_len;
    struct cdb_oid blob; /* zeros: deleted */
    bool existed;        /* was the key there before this commit? */
};

/* ---- opening ---- */

/* Open what the directory `dir` (an open descriptor, borrowed during the call) has for the ref. 0, or 1: nothing that
 * can be used (no manifest, another format, damaged, of another ref). A tail that ends in half a record is used as far
 * as it is whole. */
int cdb_catalog_open(struct cdb_catalog **out, int dir, const char *ref);
/* A view of no commits, for a ref that has no files yet or whose files cannot be used. */
int cdb_catalog_new(struct cdb_catalog **out, const char *ref);
/* Open the catalog of any other branch that has the commit on its chain, cut behind it, as one of `ref`: branches
 * share segments. 0, or 1: there is none. */
int cdb_catalog_borrow(struct cdb_catalog **out, int dir, const char *ref, const struct cdb_oid *commit);
void cdb_catalog_close(struct cdb_catalog *catalog);

/* ---- the timeline ---- */

uint64_t cdb_catalog_count(const struct cdb_catalog *catalog);
/* `position` is less than the count. */
int cdb_catalog_commit(struct cdb_catalog *catalog, uint64_t position, struct cdb_catalog_commit *out);
/* Where a commit is on the chain: 0, or 1: it is not. O(log n) for each segment. */
int cdb_catalog_find(struct cdb_catalog *catalog, const struct cdb_oid *commit, uint64_t *position);
/* The last merge below position `end`, which is at most the count: 0, or 1: there is none. O(log n) where files have
 * it. */
int cdb_catalog_merge_before(struct cdb_catalog *catalog, uint64_t end, uint64_t *position);
/* The last commit at or before a time: 0, or 1: all are later. O(log n). */
int cdb_catalog_at(struct cdb_catalog *catalog, chrondb_time time, uint64_t *position);

/* ---- keys ---- */

struct cdb_catalog_version {
    uint64_t position;   /* of the commit that brought it */
    struct cdb_oid blob; /* zeros: deleted */
};

/* The versions of a key below position `end`, newest first. `each` returns 0 to go on; anything else ends the walk and
 * is returned. */
int cdb_catalog_versions(struct cdb_catalog *catalog, const char *key, size_t key_len, uint64_t end,
                         int (*each)(void *context, const struct cdb_catalog_version *version), void *context);

/* The documents of the state after `end` commits, in the order of their keys' bytes. At the newest end of the catalog
 * the cost does not depend on how many versions they had. */
struct cdb_catalog_cursor;

struct cdb_catalog_range {
    uint64_t end;
    const char *lower; /* the first key that may be, or NULL: from the beginning */
    size_t lower_len;
    const char *upper; /* behind the last one, or NULL: to the end */
    size_t upper_len;
    bool reverse;
};

/* The range's texts are copied. Opening and each step cost O(log n). A cursor must be freed before the catalog is
 * changed
 * (_cut, _add, _save) or closed. */
int cdb_catalog_cursor_open(struct cdb_catalog_cursor **out, struct cdb_catalog *catalog,
                            const struct cdb_catalog_range *range);
/* 0, or 1 at the end. `key` is borrowed until the next call; it is followed by a NUL. */
int cdb_catalog_cursor_next(struct cdb_catalog_cursor *cursor, const char **key, size_t *key_len, struct cdb_oid *blob);
void cdb_catalog_cursor_free(struct cdb_catalog_cursor *cursor);

/* What changed in the commits `from` .. `end` - 1: the keys with versions there, in the order of their bytes. The cost
 * is that of the changes, and a look at every few keys of a segment that begins before `from`. */
struct cdb_catalog_changes;

struct cdb_catalog_key_changes {
    const char *key; /* borrowed until the next call, as all of it; followed by a NUL */
    size_t key_len;
    const struct cdb_catalog_version *versions; /* those in the range, newest first; at least one */
    size_t count;
    bool existed; /* was the key there in the state after `from` commits? */
};

/* As a cursor: to be freed before the catalog is changed or closed. */
int cdb_catalog_changes_open(struct cdb_catalog_changes **out, struct cdb_catalog *catalog, uint64_t from,
                             uint64_t end);
/* 0, or 1 at the end. */
int cdb_catalog_changes_next(struct cdb_catalog_changes *changes, struct cdb_catalog_key_changes *out);
void cdb_catalog_changes_free(struct cdb_catalog_changes *changes);

/* ---- numbers ---- */

/* How many documents and tables there are after `end` commits. O(segments) at the catalog's newest end, else it may
 * cost a walk over the keys. (Keys without a table make one table together, "".) */
int cdb_catalog_totals(struct cdb_catalog *catalog, uint64_t end, uint64_t *documents, uint64_t *tables);

/* Every table with its number of documents (never 0), in the order of the names' bytes, "" first: the keys without a
 * table. O(tables) at the newest end. A nonzero result of `each` ends the walk and is returned. */
int cdb_catalog_tables(struct cdb_catalog *catalog, uint64_t end,
                       int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context);

/* The documents of one table ("": those without). O(log n) at the newest end. */
int cdb_catalog_table_count(struct cdb_catalog *catalog, uint64_t end, const char *table, size_t len, uint64_t *count);

/* ---- changing a view, in memory ---- */

/* Forget the positions from `count` on: the branch was rewritten. */
int cdb_catalog_cut(struct cdb_catalog *catalog, uint64_t count);

/* Add the next commit and what it changed against its first parent: sorted by key, each key once, at most
 * CDB_CATALOG_KEY_MAX bytes long; its time is after the last one's. (CHRONDB_EDAMAGED if that is not so; nothing is
 * added.) Everything is copied, compactly: about 40 bytes and the key for a change. */
#define CDB_CATALOG_KEY_MAX 1024
int cdb_catalog_add(struct cdb_catalog *catalog, const struct cdb_catalog_commit *commit,
                    const struct cdb_catalog_change *changes, size_t count);

/* Bytes that added commits occupy: when to save, where very many are added. */
size_t cdb_catalog_added_bytes(const struct cdb_catalog *catalog);

/* ---- files: writers ---- */

/* The caller of these holds the index lock (one process at a time), since before the view was opened; of _log the
 * database's writer lock instead. */

/* Write what is in memory only (added, or read from the tail) as a segment, and a manifest that names it and begins a
 * new tail. The view stays usable. Records that a writer appended to the old tail meanwhile are carried over, but for
 * those that come between that and the manifest: hold the writer lock too, if they are not to be caught up with again;
 * _prepare (writes the segment, the long part, and needs no writer lock) before makes that short. What changes after
 * _prepare undoes it. _save returns 1, and wrote nothing, if files of the view are gone (the lock was not held). */
int cdb_catalog_prepare(struct cdb_catalog *catalog, int dir);
int cdb_catalog_save(struct cdb_catalog *catalog, int dir);

/* How long the tail was, and is, in bytes; both 0 if nothing was appended. */
struct cdb_catalog_logged {
    uint64_t before, after;
};

/* After a commit, before it is acknowledged to others: append it to the branch's tail, if the tail ends at the commit's
 * parent (`before`; zeros: none). 0; 1: it does not (no manifest, or behind), or the changes are too large for a tail
 * (about 1 MiB): nothing is written, readers catch up. A branch's first commit begins its files. 8 system calls, no
 * sync. `logged` may be NULL. */
int cdb_catalog_log(int dir, const char *ref, const struct cdb_oid *before, const struct cdb_catalog_commit *commit,
                    const struct cdb_catalog_change *changes, size_t count, struct cdb_catalog_logged *logged);

/* Was the tail, when it was opened, so long that it is worth a segment? Costs nothing. */
bool cdb_catalog_save_due(const struct cdb_catalog *catalog);
/* Merge segments of the branch as the policy says, or all of them into one; new manifests are published. 0 also if
 * there is nothing that can be merged. */
int cdb_catalog_merge(int dir, const char *ref, bool all);

/* Remove files that no manifest names: leftovers of dead writers, merged segments, manifests of refs that `exists`
 * (asked with the full name) denies. */
int cdb_catalog_sweep(int dir, bool (*exists)(void *context, const char *ref), void *context);

/* ---- policy (pure) ---- */

struct cdb_catalog_size {
    uint64_t commits, bytes;
};

/* Which adjacent segments to merge into one, oldest first: *first and the number, 0 for none. Afterwards n commits lie
 * in about log(n) segments and each was copied about that often. */
size_t cdb_catalog_merge_plan(const struct cdb_catalog_size *segments, size_t count, size_t *first);

#endif
