/* The journal: a redo log of the last writes. A write is committed when its record is synced here; loose objects and
 * the branch's new head are published without syncs and are made durable later, many at a time, by a checkpoint.
 *
 * The file has two halves of CDB_JOURNAL_HALF bytes. One is active: records are appended to it. When it is full, the
 * other one, whose objects a checkpoint has put into a pack meanwhile, becomes the active one with the next generation.
 * A half's records form a chain: the first begins at the half's first byte, each next one where the one before ends,
 * all with the same generation and consecutive sequence numbers; what does not continue the chain is what an earlier
 * generation left.
 *
 * Record (integers little-endian):
 *      0  4  "CDBR"
 *      4  4  length of the whole record
 *      8  8  generation, from 1
 *     16  8  sequence number, from 1, never reused
 *     24  4  CRC-32 of the payload
 *     28  4  number of objects
 *     32  2  length of the ref's name
 *     34  2  length of its former name, if it was renamed; else 0
 *     36  8  salt: random for each generation, so that no document can hold what would pass for a record
 *     44  4  CRC-32 of bytes 0 to 43
 *   payload:
 *     48 20  id of the branch's head before (zeros: none)
 *     68 20  id of its head after (zeros: it is deleted)
 *     88  8  effective time of the commit: seconds, signed
 *     96  4  and nanoseconds
 *    100     the ref's name ("refs/heads/main"), and its former one, which is deleted
 *            the objects: type (1), id (20), length (4), and the bytes of the loose file, a zlib stream
 *
 * Encoding and decoding work on memory; they are fuzzed and tested without files.
 */
#ifndef CDB_STORE_JOURNAL_H
#define CDB_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/buf.h"
#include "util/oid.h"

#define CDB_JOURNAL_PATH        "chrondb/journal"
#define CDB_JOURNAL_HALF        ((uint64_t)4 << 20)
#define CDB_RECORD_HEADER       48
#define CDB_RECORD_FIXED        100
#define CDB_JOURNAL_REF_MAX     1024
#define CDB_JOURNAL_FILL        ((uint64_t)512 << 10) /* written ahead of the tail, so that appends change no metadata */
#define CDB_JOURNAL_OBJECTS     1800                  /* in one half: bounds the loose files */
#define CDB_JOURNAL_OBJECTS_CAP 3000                  /* while the other half waits for its checkpoint */
#define CDB_RECORD_MAX          ((size_t)1 << 20)     /* a larger write goes into a pack first */

/* A decoded record: views into the bytes it was decoded from. */
struct cdb_record {
    uint64_t generation, sequence, salt;
    struct cdb_oid before, after;
    chrondb_time time;
    const char *ref; /* not NUL-terminated */
    size_t ref_len;
    const char *former; /* not NUL-terminated; follows `ref` */
    size_t former_len;  /* 0: this is no renaming */
    uint32_t object_count;
    const unsigned char *objects; /* for cdb_record_object */
    const unsigned char *end;
};

struct cdb_record_object {
    int type;
    struct cdb_oid oid;
    const unsigned char *loose;
    uint32_t loose_len;
};

/* One object for a record, appended to `out` (the objects part is built before the rest is known). */
void cdb_record_add_object(struct cdb_buf *out, int type, const struct cdb_oid *oid, const void *loose, size_t len);
/* The whole record; `objects` as cdb_record_add_object made it. */
void cdb_record_encode(struct cdb_buf *out, const struct cdb_record *record, const struct cdb_buf *objects);
/* The record's length, or 0 if there is no whole, undamaged record at the start of `data`. */
size_t cdb_record_decode(struct cdb_record *out, const unsigned char *data, size_t len);
/* What the first CDB_RECORD_HEADER bytes of a record tell (generation, sequence, salt), and its length: 0 if they are
 * not a record's. The payload is not looked at. */
size_t cdb_record_peek(struct cdb_record *out, const unsigned char header[CDB_RECORD_HEADER]);
/* Step through the objects: `cursor` starts as record->objects. False at the end. */
bool cdb_record_object(const struct cdb_record *record, const unsigned char **cursor, struct cdb_record_object *out);

/* A half in memory: its chain of records. */
struct cdb_half {
    unsigned char *data;
    size_t len;          /* bytes read */
    uint64_t tail;       /* where the chain ends; 0: the half is empty */
    uint64_t last_at;    /* where its last record begins */
    uint64_t generation; /* 0: empty */
    uint64_t salt;
    uint64_t first, last; /* sequence numbers */
    uint32_t objects;
};

/* Find the chain in `data` (len bytes of a half). */
void cdb_half_scan(struct cdb_half *half);
/* Step through the records: `offset` starts as 0. False at the end. */
bool cdb_half_record(const struct cdb_half *half, uint64_t *offset, struct cdb_record *out);

/* Read both halves, in order of their generations (an empty one first). A journal that does not exist is two empty
 * halves. */
int cdb_journal_read(int dir, struct cdb_half halves[2], int index[2]);
void cdb_half_release(struct cdb_half *half);

/* The object in the latest record that has it: 0 (content appended), 1 not there, or an error. */
int cdb_half_find(const struct cdb_half *half, const struct cdb_oid *oid, int *type, struct cdb_buf *out);

#endif
