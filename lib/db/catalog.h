/* Catalogs for those who answer: a branch's catalog, brought to the commit that is asked about.
 *
 * Whoever asks must be able to do without: every function that returns a number other than 0 and 1 means that the
 * catalog is of no use (damaged, or far behind); no error is set then, and the tree walk answers.
 */
#ifndef CDB_DB_CATALOG_H
#define CDB_DB_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"
#include "index/catalog.h"
#include "store/timeline.h"
#include "util/oid.h"

#define CDB_WITHOUT (-1) /* answer without the catalog */

/* ---- a view: frozen, shared by those who ask for the same, safe for threads ---- */

struct cdb_view;

/* The catalog of the first-parent chain that ends at `head`. It is caught up if that is cheap: 0, or 1: do without.
 * `is_head`: it is the branch's head, so that the files may be brought there too. */
int cdb_view_get(chrondb *db, const char *ref, const struct cdb_oid *head, bool is_head, struct cdb_view **out);
void cdb_view_release(struct cdb_view *view);
/* Do not keep the last one for those who will ask for it again, nor its files open. */
void cdb_view_forget(chrondb *db);
/* How many of its commits the files had when it was opened. */
uint64_t cdb_view_covered(const struct cdb_view *view);

int cdb_view_find(struct cdb_view *view, const struct cdb_oid *commit, uint64_t *position);
int cdb_view_at(struct cdb_view *view, chrondb_time time, uint64_t *position);
int cdb_view_commit(struct cdb_view *view, uint64_t position, struct cdb_catalog_commit *out);

/* The last merge below position `end`: 0, or 1: there is none. */
int cdb_view_merge_before(struct cdb_view *view, uint64_t end, uint64_t *position);

/* One that changed a key against its first parent. */
struct cdb_view_version {
    struct cdb_catalog_commit commit;
    struct cdb_oid blob, old_blob; /* zeros: not there */
};

/* Those at positions `from` .. `end` - 1, newest first, down to the first merge, to the first that is older than
 * `since` (or NULL), or to `limit` (0: all) of them. *list is the caller's to free. */
int cdb_view_versions(struct cdb_view *view, uint64_t from, uint64_t end, const char *key, size_t key_len,
                      uint64_t limit, const chrondb_time *since, struct cdb_view_version **list, size_t *count);

int cdb_view_cursor_open(struct cdb_view *view, const struct cdb_catalog_range *range, struct cdb_catalog_cursor **out);
int cdb_view_cursor_next(struct cdb_view *view, struct cdb_catalog_cursor *cursor, const char **key, size_t *key_len,
                         struct cdb_oid *blob);
void cdb_view_cursor_free(struct cdb_view *view, struct cdb_catalog_cursor *cursor);
/* The document of a key in the state after `end` commits; 1: there is none. */
int cdb_view_document(struct cdb_view *view, uint64_t end, const char *key, size_t key_len, struct cdb_oid *blob);

/* What changed in the commits `from` .. `end` - 1. What a step gives is borrowed until the next one. */
int cdb_view_changes_open(struct cdb_view *view, uint64_t from, uint64_t end, struct cdb_catalog_changes **out);
int cdb_view_changes_next(struct cdb_view *view, struct cdb_catalog_changes *changes,
                          struct cdb_catalog_key_changes *out);
void cdb_view_changes_free(struct cdb_view *view, struct cdb_catalog_changes *changes);

/* The commits of the chain. */
uint64_t cdb_view_count(struct cdb_view *view);

/* `tables` counts the keys without a table as one. */
int cdb_view_totals(struct cdb_view *view, uint64_t end, uint64_t *documents, uint64_t *tables);
int cdb_view_table_count(struct cdb_view *view, uint64_t end, const char *table, uint64_t *count);
/* `each` must not ask the view. */
int cdb_view_tables(struct cdb_view *view, uint64_t end,
                    int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context);

/* ---- a commit, as it was reached through a branch ---- */

struct cdb_point {
    chrondb *db;
    const char *ref;             /* borrowed */
    struct cdb_oid head, commit; /* of the branch; zeros: none */
    struct cdb_view *view;       /* NULL: there is none, or it was not looked for */
    uint64_t end;                /* the commit's position + 1 */
    bool looked, lost;
    bool aside; /* the view is of the commit's own chain: it is not on the branch's */
};

void cdb_point_init(struct cdb_point *point, chrondb *db, const char *ref, const struct cdb_oid *head,
                    const struct cdb_oid *commit);
void cdb_point_release(struct cdb_point *point);
/* The view that has the commit, at point->end; NULL: do without. */
struct cdb_view *cdb_point_view(struct cdb_point *point);
/* After a function failed: without it from now on. */
void cdb_point_lose(struct cdb_point *point);
/* Let times be found in it. The point must outlive their use. */
void cdb_point_times(struct cdb_point *point, struct cdb_times *times);
/* The commit's effective time. */
int cdb_point_time(struct cdb_point *point, chrondb_time *out);

/* ---- writers ---- */

/* Behind the commit point, under the writer lock: tell the index. Never fails the write. `changes` get sorted. */
void cdb_catalog_append(chrondb *db, const char *ref, const struct cdb_oid *before,
                        const struct cdb_catalog_commit *commit, struct cdb_catalog_change *changes, size_t count);

#endif
