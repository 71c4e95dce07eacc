/* How far an import came, in chrondb/resume-XXXX: written, synced, before each window is published, so that the same
 * lines given again can go on. It tells of the last two windows: the newer one may not have been published.
 *
 *     chrondb import 1
 *     FIRST                      checksum of the first line
 *     LINES BYTES SUM HEAD       so many lines, of so many bytes and that checksum, are in HEAD and before it
 *     LINES BYTES SUM HEAD
 */
#ifndef CDB_DB_RESUME_H
#define CDB_DB_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "store/repo.h"

/* What was read so far. Checksums guard against mistakes, not against adversaries. */
struct cdb_progress_mark {
    uint64_t lines, bytes, sum;
    struct cdb_oid head;
};

struct cdb_resume {
    struct cdb_repo *repo;
    char path[64];
    uint64_t first;
    struct cdb_progress_mark now;      /* counts the lines */
    struct cdb_progress_mark noted[2]; /* older, newer; no lines: none */
};

/* `what` names the branch and the mode: an import continues its own kind only. */
void cdb_resume_init(struct cdb_resume *resume, struct cdb_repo *repo, const char *what);
/* Count a line. */
void cdb_resume_count(struct cdb_resume *resume, const char *line, size_t len);
/* What an interrupted import had done below `head`: 0, or 1: nothing that is known. The first line is the check whether
 * it was the same input. */
int cdb_resume_find(struct cdb_resume *resume, const struct cdb_oid *head, uint64_t first,
                    struct cdb_progress_mark *out);
/* The checksum of a first line. */
uint64_t cdb_resume_first(const char *line, size_t len);
/* The lines up to `mark` are about to be published as `head`. */
int cdb_resume_note(struct cdb_resume *resume, const struct cdb_progress_mark *mark, const struct cdb_oid *head);
/* The import is complete. */
void cdb_resume_clear(struct cdb_resume *resume);

#endif
