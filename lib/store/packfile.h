/* Reading one pack: its index (version 1 or 2) and its entries; deltas put together. Nothing in the
 * files is trusted: sizes are checked before memory is taken, chains of deltas and the work they make are bounded.
 * Source: gitformat-pack. Immutable once open, so safe for threads. */
#ifndef CDB_STORE_PACKFILE_H
#define CDB_STORE_PACKFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_OFS_DELTA     6
#define CDB_REF_DELTA     7
#define CDB_CHAIN_LIMIT   10000               /* deltas on deltas that are read */
#define CDB_CHAIN_WORK    ((uint64_t)4 << 30) /* bytes that one object may take to be put together */
#define CDB_BASE_MAX      ((size_t)256 << 20) /* what a delta may stand on */
#define CDB_PACK_NAME_MAX 250

struct cdb_packfile;

/* Open "NAME.idx" in the directory `dir`. 0; 1 if it is not there; CHRONDB_EDAMAGED, CHRONDB_ESYSTEM. */
int cdb_packfile_open(struct cdb_packfile **out, int dir, const char *name);
/* Open its "NAME.pack" too, in the same directory, if that was not done yet. The same results. Not safe for threads
 * (what is needed before any entry is read). */
int cdb_packfile_open_pack(struct cdb_packfile *file, int dir);
/* Have both files in memory, once both are open, for those who read all of them. Not safe for threads. */
int cdb_packfile_map(struct cdb_packfile *file);
/* The same as both openings, of files in memory, borrowed. */
int cdb_packfile_view(struct cdb_packfile **out, const void *idx, size_t idx_len, const void *pack, size_t pack_len);
void cdb_packfile_hold(struct cdb_packfile *file);
void cdb_packfile_release(struct cdb_packfile *file);

const char *cdb_packfile_name(const struct cdb_packfile *file);
size_t cdb_packfile_bytes(const struct cdb_packfile *file); /* of the pack */

/* Objects by their position in the index, 0 .. count - 1, in the order of ids. */
uint32_t cdb_packfile_count(const struct cdb_packfile *file);
int cdb_packfile_oid(const struct cdb_packfile *file, uint32_t position, struct cdb_oid *out);
/* Where the entry begins; 0: not in the pack, or unreadable. */
uint64_t cdb_packfile_offset(const struct cdb_packfile *file, uint32_t position);
/* The CRC-32 of the entry's bytes; false: the index has none (version 1), or is unreadable. */
bool cdb_packfile_crc(const struct cdb_packfile *file, uint32_t position, uint32_t *out);
/* 0, or 1: it is not there; CHRONDB_EDAMAGED: the index cannot be read. */
int cdb_packfile_find(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position);
/* The first position whose id is not less; count if there is none. 0, or CHRONDB_EDAMAGED. */
int cdb_packfile_lower(const struct cdb_packfile *file, const struct cdb_oid *oid, uint32_t *position);

struct cdb_packed {
    int type;                /* CDB_COMMIT .. CDB_TAG, CDB_OFS_DELTA, CDB_REF_DELTA */
    size_t size;             /* of the content, or of the delta */
    uint64_t base;           /* CDB_OFS_DELTA: where its base begins */
    struct cdb_oid base_oid; /* CDB_REF_DELTA */
    uint64_t start;          /* of the zlib stream, which ends somewhere before `avail` bytes */
    size_t avail;
};

/* What stands at the offset: false if it is no entry, or cannot be read. */
bool cdb_packfile_entry(const struct cdb_packfile *file, uint64_t offset, struct cdb_packed *out);
/* The pack's bytes from there on, once it is in memory; else NULL. */
const unsigned char *cdb_packfile_data(const struct cdb_packfile *file, uint64_t offset);

struct libdeflate_decompressor;

/* Help for cdb_packfile_read. Any member may be NULL. */
struct cdb_packfile_help {
    void *context;
    struct libdeflate_decompressor *inflater; /* for this call; else one is made */
    /* Another pack that has the base of a REF_DELTA, held: 0; 1 if there is none, or an error. */
    int (*find)(void *context, const struct cdb_oid *oid, struct cdb_packfile **file, uint64_t *offset);
    /* Its content appended to `out`: 0; 1 if it is not there, or an error. */
    int (*read)(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out);
    /* A cache of contents by pack and offset: true, and the content appended, if it has that one. */
    bool (*recall)(void *context, uint64_t serial, uint64_t offset, int *type, struct cdb_buf *out);
    void (*remember)(void *context, uint64_t serial, uint64_t offset, int type, const char *data, size_t len);
};

/* Append the content of the object at `offset`, which is not checked against its id. 0; CHRONDB_EDAMAGED with the
 * reason, without the object's name ("larger than chrondb allows" beyond `max`), in *why, no error set;
 * CHRONDB_ESYSTEM.
 */
int cdb_packfile_read(struct cdb_packfile *file, uint64_t offset, size_t max, const struct cdb_packfile_help *help,
                      int *type, struct cdb_buf *out, const char **why);

#endif
