/* Object directories as they lie: every loose file, every pack. What readers do not notice, because another copy is
 * good, or because nobody asks for the object, is noticed here. Nothing is written, and nothing is mapped: a disk that
 * cannot be read is told like a file that is damaged. */
#ifndef CDB_STORE_CHECK_H
#define CDB_STORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"
#include "util/oid_map.h"

/* What is known of an object. */
enum {
    CDB_SEEN_TYPE = 7,      /* enum cdb_type, of a good copy */
    CDB_SEEN_GOOD = 8,      /* a copy hashes to its id */
    CDB_SEEN_BAD = 16,      /* a copy is damaged */
    CDB_SEEN_LARGE = 32,    /* a copy is larger than what is read here */
    CDB_SEEN_JSON = 64,     /* it is a blob, and a document */
    CDB_SEEN_MISSING = 128, /* no copy was found */
    CDB_SEEN_THERE = 256    /* it was found, but not read */
};

#define CDB_CHECK_MAX ((size_t)256 << 20) /* larger objects are not read */

struct cdb_check {
    struct cdb_objects *objects; /* for what deltas stand on elsewhere */
    bool full;                   /* packs too, not only their indexes */
    struct cdb_oid_map *seen;    /* what was read is added */
    /* A file is damaged; or, if `object` is not NULL, that object in it. All is borrowed. */
    int (*tell)(void *context, const char *path, const struct cdb_oid *object, const char *message);
    int (*step)(void *context, const char *phase, uint64_t done, uint64_t total);
    void *context;
    uint64_t read; /* objects, so far */
};

/* `dir`: an object directory, borrowed; `name`: how to call it. 0, or an error; what `tell` and `step` return, if it is
 * not 0. */
int cdb_check_directory(struct cdb_check *check, int dir, const char *name);

/* What of these flags the content of an object deserves. */
unsigned cdb_check_content(const struct cdb_oid *oid, int type, const void *data, size_t len);

/* What the thread's last error was: no memory, or an object beyond the limit. */
bool cdb_check_is_memory(void);
bool cdb_check_is_large(void);

/* ---- check_pack.c ---- */

/* The pack NAME in `dir`, which is a directory of packs called `shown`. */
int cdb_check_pack(struct cdb_check *check, int dir, const char *shown, const char *name);
/* Does the file end with the SHA-1 of all that comes before? Those that git writes do. 1, 0, 2: it is not there, or an
 * error. */
int cdb_check_trailer(int dir, const char *file);
/* Add to what is known. */
int cdb_check_note(struct cdb_check *check, const struct cdb_oid *oid, unsigned flags);

#endif
