/* Temporary packs of those that write without the writer lock (imports, backups that are restored): each has a name of
 * its own, and a file chrondb/import/NAME whose lock it holds while it lives. What a dead one left is removed by the
 * next writer; where there was none, looking costs that one system call. */
#ifndef CDB_STORE_SCRATCH_H
#define CDB_STORE_SCRATCH_H

#define CDB_SCRATCH_PATH     "chrondb/import"
#define CDB_RESUME_TEMPORARY "chrondb/resume.tmp" /* written under the writer lock, by an import that has a scratch */

struct cdb_scratch {
    int dir, lock;
    char name[48]; /* the role for cdb_pack_new */
};

int cdb_scratch_begin(struct cdb_scratch *scratch, int dir);
/* Its own directory of objects, empty, that has those of the database behind it: what is put there is no part of the
 * database yet. `out`: a descriptor of the directory that holds objects/; gone with the scratch. */
int cdb_scratch_aside(struct cdb_scratch *scratch, int *out);
void cdb_scratch_end(struct cdb_scratch *scratch);
/* Remove what the dead left. */
void cdb_scratch_sweep(int dir);

#endif
