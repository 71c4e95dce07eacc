/* Writing a bundle: the refs are given, the rest is found. */
#ifndef CDB_STORE_BACKUP_H
#define CDB_STORE_BACKUP_H

#include "store/bundle.h"
#include "store/repo.h"
#include "store/rewrite.h"

struct cdb_backup {
    struct cdb_repo *repo;
    struct cdb_bundle *bundle;    /* its refs and bases, without the note, which is added */
    struct cdb_bundle_note *note; /* its head and bases; settings are added */
    cdb_rewrite_progress progress;
    void *progress_context;
    /* Afterwards. */
    uint64_t bytes, objects, commits;
};

/* Write it to `fd`, a file or a pipe; `name` is for messages. Nothing is synced. CHRONDB_EDAMAGED: an object is missing
 * or damaged; what was written till then is no whole bundle. */
int cdb_backup_write(struct cdb_backup *backup, int fd, const char *name);
/* Sync the file that was written, and read it again from the disk: is every object there, and whole? CHRONDB_EDAMAGED.
 */
int cdb_backup_verify(const struct cdb_backup *backup, int fd, const char *name);

#endif
