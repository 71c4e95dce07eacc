/* The inside of an open pack: what packfile.c, which finds entries, and unpack.c, which reads them, share. */
#ifndef CDB_STORE_PACKFILE_INSIDE_H
#define CDB_STORE_PACKFILE_INSIDE_H

#include "store/bytes.h"
#include "store/packfile.h"

#define CDB_PACK_HEADER  ((size_t)12)
#define CDB_PACK_TRAILER ((size_t)20)

struct cdb_packfile {
    atomic_uint references;
    uint64_t serial;
    char *name;
    struct cdb_bytes idx, pack;
    uint32_t count, large_count;
    uint32_t fanout[256];
    bool first_version;
    size_t oids, crcs, offsets, large; /* where the tables begin in the index; crcs, large: not in version 1 */
    size_t oid_stride, offset_stride;
    unsigned char checksum[CDB_OID_SIZE]; /* of the pack */
};

#endif
