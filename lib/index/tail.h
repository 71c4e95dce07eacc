/* The tail of a branch: what its last commits changed, a record each. chrondb-index(5) has the layout. Header and
 * records end in the same kind of trailer, so that a writer finds what the tail ends in with one small read. */
#ifndef CDB_INDEX_TAIL_H
#define CDB_INDEX_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "index/catalog.h"
#include "util/buf.h"

#define CDB_TAIL_VERSION    1
#define CDB_TAIL_HEADER     60
#define CDB_TAIL_TRAILER    28
#define CDB_TAIL_RECORD     44 /* before the changes */
#define CDB_TAIL_RECORD_MAX (1u << 20)
#define CDB_TAIL_MAX        (64u << 20)  /* bytes of a tail that are looked at */
#define CDB_TAIL_DUE        (256u << 10) /* worth a segment */

struct cdb_tail_record {
    const unsigned char *data;
    size_t len;
    struct cdb_oid before;
    struct cdb_catalog_commit commit;
    const unsigned char *changes, *end;
    uint32_t change_count;
};

/* `last`: the commit before the first record; zeros: none. */
void cdb_tail_put_header(struct cdb_buf *out, uint64_t generation, uint64_t base, const struct cdb_oid *last);
/* 0; 1: too large for a tail. */
int cdb_tail_put_record(struct cdb_buf *out, uint64_t generation, const struct cdb_oid *before,
                        const struct cdb_catalog_commit *commit, const struct cdb_catalog_change *changes,
                        size_t count);

/* The same record in a tail of another generation. */
void cdb_tail_copy_record(struct cdb_buf *out, uint64_t generation, const struct cdb_tail_record *record);

/* Is it the header of this generation? */
bool cdb_tail_get_header(const unsigned char *data, size_t len, uint64_t generation, uint64_t *base,
                         struct cdb_oid *last);
/* The record at `at`: false if there is no whole one whose changes are keys in order. */
bool cdb_tail_get_record(struct cdb_tail_record *out, const unsigned char *data, size_t len, size_t at,
                         uint64_t generation);
/* The last CDB_TAIL_TRAILER bytes of a header or record; false if they are none. */
bool cdb_tail_get_trailer(const unsigned char *trailer, uint64_t generation, struct cdb_oid *id);

/* A new file. */
int cdb_tail_create(int dir, const char *ref, uint64_t generation, const struct cdb_buf *data);

#endif
