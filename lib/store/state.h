/* chrondb/state: what the last writer left, read by every command in one small read. It is a hint, never synced:
 * without it, or when it is torn or of another boot, the journal tells everything; only more slowly. It is this
 * machine's own (native integers, a checksum).
 */
#ifndef CDB_STORE_STATE_H
#define CDB_STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/fs.h"
#include "util/oid.h"

#define CDB_STATE_PATH  "chrondb/state"
#define CDB_STATE_KNOWN 16

/* A head that we published: known to be durable, and its effective time (a pure function of the commit, costly to
 * find). */
struct cdb_known {
    uint64_t ref; /* hash of the ref's name; 0: free */
    struct cdb_oid oid;
    int32_t nanoseconds;
    int64_t seconds;
    uint64_t used; /* sequence number of the write: the oldest gives way */
};

struct cdb_state {
    char magic[8];
    char boot[CDB_BOOT_SIZE];
    uint32_t in_progress;  /* a writer is at work, or died at it; also set when recovery is due */
    uint32_t active;       /* the half that records go to */
    uint32_t objects;      /* in the active half */
    uint64_t generation;   /* of the active half, 0: nothing written yet */
    uint64_t salt;         /* of that generation */
    uint64_t tail;         /* in the active half */
    uint64_t last;         /* where its last record begins; the tail: it is not known, or there is none */
    uint64_t sequence;     /* of the last record */
    uint64_t checkpointed; /* generations up to this one are in packs */
    uint64_t filled[2];    /* bytes of each half that were written at least once */
    char ref[256];         /* in progress: the ref whose lock is taken ("" if its name is longer) */
    struct cdb_known known[CDB_STATE_KNOWN];
    uint32_t checksum;
    uint32_t reserved;
};

/* 0; 1 if it does not exist, is torn or damaged (then `state` is zeros). */
int cdb_state_read(int dir, struct cdb_state *state);
/* Sets the checksum and writes. CHRONDB_ESYSTEM, errno set; the caller's error is left alone. */
int cdb_state_write(int fd, struct cdb_state *state);
/* NULL if not known. */
const struct cdb_known *cdb_state_find(const struct cdb_state *state, const struct cdb_oid *oid);
/* What is known of a branch; NULL if nothing is. */
const struct cdb_known *cdb_state_find_ref(const struct cdb_state *state, const char *ref);
void cdb_state_remember(struct cdb_state *state, const char *ref, const struct cdb_oid *oid, chrondb_time time);
/* The branch is gone. */
void cdb_state_forget(struct cdb_state *state, const char *ref);

/* Is there a frozen half whose objects wait for a checkpoint? */
bool cdb_state_checkpoint_pending(const struct cdb_state *state);

#endif
