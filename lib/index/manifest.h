/* What a branch's index consists of: chrondb-index(5) has the layout. */
#ifndef CDB_INDEX_MANIFEST_H
#define CDB_INDEX_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/buf.h"
#include "util/oid.h"

#define CDB_MANIFEST_VERSION 1
#define CDB_MANIFEST_MAX     (1u << 20) /* bytes */
#define CDB_MANIFEST_REF_MAX 4096

struct cdb_manifest_segment {
    uint64_t name;
    uint64_t from, to; /* what it holds: positions from .. to - 1 */
    uint64_t until;    /* what of it counts: from .. until - 1 */
    uint64_t bytes;    /* of the file */
};

struct cdb_manifest {
    char *ref;
    uint64_t generation; /* of the tail */
    uint64_t count;      /* commits in the segments */
    struct cdb_oid last; /* the last of these; zeros: none */
    chrondb_time time;   /* of that one */
    struct cdb_manifest_segment *segments;
    size_t segment_count;
    uint32_t crc; /* what tells two of them apart */
};

void cdb_manifest_release(struct cdb_manifest *manifest);
/* 0; 1: it is none, or of another version; CHRONDB_ESYSTEM. */
int cdb_manifest_decode(struct cdb_manifest *out, const void *data, size_t len);
void cdb_manifest_encode(struct cdb_buf *out, const struct cdb_manifest *manifest);
/* What a writer needs of it, without a copy. False if it is none of this ref's. */
bool cdb_manifest_peek(const void *data, size_t len, const char *ref, uint64_t *generation);
/* Is it a sound one, of a version that we do not know? */
bool cdb_manifest_is_newer(const void *data, size_t len);

/* The file of a ref. 0; 1: there is none that can be used; CHRONDB_ESYSTEM. */
int cdb_manifest_read(struct cdb_manifest *out, int dir, const char *ref);
/* Publish: what readers open from now on. */
int cdb_manifest_write(int dir, const struct cdb_manifest *manifest);

#endif
