/* Variables of the repository's own git configuration, DIR/config: that file alone, without what it includes and
 * without the user's and the system's, which would give one database several meanings. Names are spelled as in
 * gitconfig.h. */
#ifndef CDB_STORE_CONFIG_H
#define CDB_STORE_CONFIG_H

#include "store/bundle.h"
#include "store/repo.h"

#define CDB_CONFIG_PATH "config"

/* The value of a variable, instead of the content of `value`. 0; 1 if it is not set, or there is no file;
 * CHRONDB_EDAMAGED "invalid_config" (naming file and line) or "damaged" (too large, no file); CHRONDB_ESYSTEM.
 * Costs one small read; what does not hold the word "chrondb" is not even parsed, so that a variable of ours is never
 * taken for unset in a file that cannot be understood, and a database without settings does not suffer from one. */
int cdb_config_read(const struct cdb_repo *repo, const char *name, struct cdb_buf *value);

/* Add all variables "chrondb.*" to a backup's note, in the order of the file; a value of several lines, which is no
 * setting of ours, is left out. Errors as _read. */
int cdb_config_collect(const struct cdb_repo *repo, struct cdb_bundle_note *note);

enum cdb_config_change { CDB_CONFIG_UNCHANGED, CDB_CONFIG_CREATED, CDB_CONFIG_UPDATED, CDB_CONFIG_REMOVED };

/* Set a variable (exactly once), or with `value` NULL remove it. Holds the writer lock and git's own config.lock, for
 * each of which it waits, `timeout_ms` in all; the new file is synced and renamed into place. Durable when it returns
 * 0, unchanged or not. Errors: CHRONDB_EBUSY; as _read. */
int cdb_config_write(struct cdb_repo *repo, const char *name, const char *value, int timeout_ms,
                     enum cdb_config_change *done);

/* Remove what a writer left that died. The caller holds the writer lock. */
void cdb_config_sweep(int dir);

#endif
