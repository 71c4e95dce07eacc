/* Tells when a ref may have been moved, by whatever program: inotify on the directories that lead to its file, and on
 * the repository's for packed-refs. Where there is none of that, a clock that ticks.
 */
#ifndef CDB_STORE_REFWATCH_H
#define CDB_STORE_REFWATCH_H

#include <stdbool.h>

struct cdb_ref_watch;

/* `dir` is the repository, `ref` a full name; both borrowed. The ref need not exist. CHRONDB_ESYSTEM. */
int cdb_ref_watch_open(struct cdb_ref_watch **out, int dir, const char *ref);
void cdb_ref_watch_free(struct cdb_ref_watch *watch);

/* A descriptor that poll(2) finds readable when _take has something to do. */
int cdb_ref_watch_fd(const struct cdb_ref_watch *watch);

/* Take what was noted. True: the ref, or all the repository, may have changed since the last call, or it is the first.
 * Whoever reads the ref after this misses nothing: what happens from now on is noted again. */
bool cdb_ref_watch_take(struct cdb_ref_watch *watch);

#endif
