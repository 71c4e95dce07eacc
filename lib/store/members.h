/* The objects that are about to be written into one pack, and what each is to stand on. Pure: no files. About 64 bytes
 * an object. */
#ifndef CDB_STORE_MEMBERS_H
#define CDB_STORE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/oid.h"

#define CDB_NO_MEMBER UINT32_MAX
#define CDB_NO_RANK   UINT32_MAX

enum {
    CDB_MEMBER_DELTA = 1,   /* lies in its source as a delta on `base` */
    CDB_MEMBER_EXPAND = 2,  /* its entry cannot be copied: read the object and write it anew */
    CDB_MEMBER_TWICE = 4,   /* there are several copies: the one that is taken is looked at first */
    CDB_MEMBER_PAIRED = 8,  /* the tree was compared with an older one */
    CDB_MEMBER_OPEN = 16,   /* being written: its base comes first */
    CDB_MEMBER_WRITTEN = 32 /* in the new pack */
};

struct cdb_member {
    struct cdb_oid oid;
    uint32_t crc;   /* of the entry */
    uint64_t where; /* in its source */
    uint64_t len;   /* there */
    uint32_t base;  /* another member, or CDB_NO_MEMBER (before cdb_members_sort: a position in the source's index) */
    uint32_t entry; /* in the new pack, once it is written */
    uint32_t rank;  /* in the order of writing, or CDB_NO_RANK */
    uint16_t source;
    uint8_t type; /* CDB_ANY: not known yet */
    uint8_t flags;
    uint8_t height; /* so many deltas stand on it, one on the other */
};

struct cdb_members {
    struct cdb_member *list;
    size_t count, room;
};

/* Make room for so many more at once, and no more: of packs it is known how many. */
int cdb_members_reserve(struct cdb_members *members, size_t more);
int cdb_members_add(struct cdb_members *members, const struct cdb_member *member);
/* In the order of ids, each once: what lies there as a delta is kept rather than what is whole, then the lower source.
 */
void cdb_members_sort(struct cdb_members *members);
/* The index of the object, or CDB_NO_MEMBER. */
uint32_t cdb_members_find(const struct cdb_members *members, const struct cdb_oid *oid);
/* Tell the bases how high what stands on them is; bases that were known from the start. */
void cdb_members_measure(struct cdb_members *members);
/* Let `member` stand on `base` unless it stands on something already, or would, in the end, on itself, or the chain
 * would be longer than `limit`. */
bool cdb_members_link(struct cdb_members *members, uint32_t member, uint32_t base, unsigned limit);
void cdb_members_release(struct cdb_members *members);

#endif
