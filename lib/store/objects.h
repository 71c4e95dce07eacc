/* The object store: git objects read from loose files, packs and alternates, and, as a last resort, from the journal.
 *
 * Reading tries the packs that are open already, then loose files, then all packs (packs.h), the alternates' loose
 * files, and the fallback. Every object is checked against its hash.
 * Safe for threads, except that a deflater belongs to one writer at a time.
 *
 * Format sources: gitformat-loose (zlib stream of "TYPE SIZE\0" and the content), git's Documentation.
 */
#ifndef CDB_STORE_OBJECTS_H
#define CDB_STORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_TREE_MAX   ((size_t)256 << 20)
#define CDB_COMMIT_MAX ((size_t)16 << 20)

#define CDB_TOO_LARGE "larger than chrondb allows" /* what is said of an object beyond a limit */

struct cdb_objects;

/* Finds an object elsewhere: 0 and the content appended to `out`, 1 if it is not there, or an error. */
typedef int (*cdb_objects_fallback)(void *context, const struct cdb_oid *oid, int *type, struct cdb_buf *out);

/* `dir` is the database's directory, borrowed. */
int cdb_objects_new(struct cdb_objects **out, int dir);
void cdb_objects_free(struct cdb_objects *objects);
void cdb_objects_set_fallback(struct cdb_objects *objects, cdb_objects_fallback fallback, void *context);

/* Replace `out` by the content of the object. `type`: CDB_ANY or what it must be. 0, or CHRONDB_EDAMAGED (missing,
 * damaged, of another type, larger than `max`), the message names the object. */
int cdb_objects_read(struct cdb_objects *objects, const struct cdb_oid *oid, int type, size_t max, struct cdb_buf *out);
/* The same for CDB_ANY, telling the type. Missing is 1, without an error set. */
int cdb_objects_find(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                     struct cdb_buf *out);

/* Is there an object of that id? It is not read. 0; 1: it is not there; or an error. */
int cdb_objects_exists(struct cdb_objects *objects, const struct cdb_oid *oid);
/* The object directories that alternates name, `index` from 0: a descriptor, borrowed; -1 at the end. */
int cdb_objects_alternate(struct cdb_objects *objects, size_t index);
/* Keep the content of a tree or commit that will soon be read: one that has been read, or is about to be committed. */
void cdb_objects_keep(struct cdb_objects *objects, const struct cdb_oid *oid, int type, const void *data, size_t len);
/* Nothing is kept any more: what was to be committed was not. */
void cdb_objects_forget(struct cdb_objects *objects);

/* For processes that go on and on: what was removed since it was opened is no longer held open. */
void cdb_objects_let_go(struct cdb_objects *objects);

/* The one object whose id starts with these 4 to 40 hex digits: 0; 1 if there is none; 2 if there are several. */
int cdb_objects_abbreviation(struct cdb_objects *objects, const char *hex, size_t len, struct cdb_oid *out);

/* The id of the object with that content. */
int cdb_object_hash(struct cdb_oid *out, int type, const void *data, size_t len);

struct cdb_deflater;
int cdb_deflater_new(struct cdb_deflater **out);
void cdb_deflater_free(struct cdb_deflater *deflater);
/* Append the zlib stream of `data`. */
int cdb_deflate(struct cdb_deflater *deflater, const void *data, size_t len, struct cdb_buf *out);
/* Append the bytes of the loose file. What fits into one block of a file system is stored, not compressed: a file would
 * not get smaller, and a checkpoint compresses it anyway. */
int cdb_object_encode(struct cdb_deflater *deflater, int type, const void *data, size_t len, struct cdb_buf *loose);
/* The reverse: content appended to `out`; checked against the hash. CHRONDB_EDAMAGED if it is not what it says. */
int cdb_object_decode(const struct cdb_oid *oid, const void *loose, size_t len, size_t max, int *type,
                      struct cdb_buf *out);

/* "objects/xx/yyyy..." */
#define CDB_LOOSE_PATH 52
void cdb_loose_path(const struct cdb_oid *oid, char out[CDB_LOOSE_PATH]);
/* Put a loose file in place, atomically, not synced unless `sync`; one that exists stays and is freshened instead.
 * `freshen`: that is likely, so look first. One writer at a time: the temporary file has a fixed name in the object's
 * directory, so a crash leaves at most one. */
int cdb_loose_write(int dir, const struct cdb_oid *oid, const void *loose, size_t len, bool freshen, bool sync);

/* Make the directories of loose files. Else each is made when it is first needed, and the first hundred writes make
 * most of them: twice their time. */
void cdb_loose_prepare(int dir);

/* What the writer makes in objects/xx before it gets its name; git, too, removes old files of that prefix. */
#define CDB_LOOSE_TEMPORARY "tmp_obj_chrondb"
/* Remove what a dead writer left half-written. */
void cdb_loose_sweep(int dir);
/* Was the file cut short by a power cut: is it no whole zlib stream? False for what cannot be read. */
bool cdb_loose_is_torn(int dir, const char *path);

#endif
