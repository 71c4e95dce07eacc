/* The commits that no segment has yet, in memory. */
#ifndef CDB_INDEX_MEMORY_H
#define CDB_INDEX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/bytes.h"
#include "index/catalog.h"

/* A change, as it is in tails and in memory:
 *     0  2  length of the key     2  1  flags     3 20  blob     23  the key */
#define CDB_CHANGE_HEAD    23
#define CDB_CHANGE_EXISTED 1u
#define CDB_CHANGE_FLAGS   1u

static inline size_t cdb_change_key_len(const unsigned char *change)
{
    return cdb_le_get16(change);
}

static inline const char *cdb_change_key(const unsigned char *change)
{
    return (const char *)change + CDB_CHANGE_HEAD;
}

static inline bool cdb_change_existed(const unsigned char *change)
{
    return (change[2] & CDB_CHANGE_EXISTED) != 0;
}

static inline void cdb_change_blob(const unsigned char *change, struct cdb_oid *out)
{
    memcpy(out->id, change + 3, CDB_OID_SIZE);
}

static inline size_t cdb_change_size(const unsigned char *change)
{
    return CDB_CHANGE_HEAD + cdb_change_key_len(change);
}

void cdb_change_encode(unsigned char *out, const struct cdb_catalog_change *change);

struct cdb_memory_commit {
    struct cdb_oid id;
    unsigned char time[CDB_TIME_BYTES];
};

struct cdb_memory_entry {
    const unsigned char *change;
    uint32_t delta;  /* position - from */
    uint32_t prefix; /* the key's first bytes, as a number: most comparisons end there */
};

struct cdb_memory {
    uint64_t from; /* position of the first commit */
    struct cdb_memory_commit *commits;
    size_t commit_count, commit_room;
    struct cdb_memory_entry *entries; /* the first `sorted` by key and position, the others as they came */
    size_t entry_count, entry_room, sorted;
    struct cdb_memory_chunk *chunks; /* what changes are stored in */
    size_t bytes;                    /* of all chunks */
    uint32_t *ids;                   /* a hash table of commit numbers + 1, of the first `hashed` commits */
    size_t id_room, hashed;
};

void cdb_memory_init(struct cdb_memory *memory, uint64_t from);
void cdb_memory_release(struct cdb_memory *memory);
/* Bytes in use. */
size_t cdb_memory_bytes(const struct cdb_memory *memory);

/* Room that lives as long as the memory does; NULL without memory (the error is set). */
unsigned char *cdb_memory_alloc(struct cdb_memory *memory, size_t size);
/* The next commit, and then its changes: these stay where they are. */
int cdb_memory_add_commit(struct cdb_memory *memory, const struct cdb_catalog_commit *commit);
int cdb_memory_add_change(struct cdb_memory *memory, const unsigned char *change);
/* Forget all but the first `count` commits. */
void cdb_memory_cut(struct cdb_memory *memory, size_t count);

void cdb_memory_commit(const struct cdb_memory *memory, size_t index, struct cdb_catalog_commit *out);
/* 0, or 1: it is not there. */
int cdb_memory_find(struct cdb_memory *memory, const struct cdb_oid *id, size_t *index);

/* Put all entries in order. */
int cdb_memory_sort(struct cdb_memory *memory);
/* Of a sorted memory: the first entry whose key is not below. */
size_t cdb_memory_seek(const struct cdb_memory *memory, const char *key, size_t len);
/* Behind the last entry with the same key as entry `first`; the first one with the same key as entry `last`. */
size_t cdb_memory_group_end(const struct cdb_memory *memory, size_t first);
size_t cdb_memory_group_start(const struct cdb_memory *memory, size_t last);

#endif
