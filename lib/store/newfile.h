/* A file that is there whole or not at all: written beside its place under another name, renamed at the end. What was
 * there stays till then. A dead one's file is removed by the next for the same place: a live one holds a lock on it. */
#ifndef CDB_STORE_NEWFILE_H
#define CDB_STORE_NEWFILE_H

#include <stdbool.h>

struct cdb_newfile {
    int dir, fd;     /* of the folder; of the new file, to read and write */
    char *path;      /* as it was given, or what that links to; for messages too */
    char *name;      /* in the folder */
    char *temporary; /* likewise */
};

/* CHRONDB_EUSAGE "not_a_file": something else than a file is there. CHRONDB_ESYSTEM. Nothing to release then. */
int cdb_newfile_begin(struct cdb_newfile *file, const char *path);
/* Rename it into place, durable when it returns 0: what was written must be synced. */
int cdb_newfile_finish(struct cdb_newfile *file);
/* Drop it, unless it was finished. */
void cdb_newfile_release(struct cdb_newfile *file);

#endif
