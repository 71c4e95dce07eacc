/* What the two parts of a recovery share: recover.c decides and finishes the last write, replay.c puts right what a
 * power cut took. */
#ifndef CDB_STORE_RECOVERY_H
#define CDB_STORE_RECOVERY_H

#include "store/repo.h"

/* Everything about one branch that the journal tells. */
struct cdb_branch {
    char *ref;
    struct cdb_oid head; /* after its last record; zeros: it was deleted */
    chrondb_time time;
    uint64_t generation;  /* of that record */
    const char *new_name; /* deleted because it got this name (in the record, not NUL-terminated); or NULL */
    size_t new_name_len;
};

struct cdb_recovery {
    struct cdb_repo *repo;
    struct cdb_state *state;
    int wait_ms;                /* for a live git command that holds a branch's lock */
    struct cdb_half halves[2];  /* by generation */
    int index[2];               /* which half of the file each is */
    struct cdb_record *records; /* of both halves, in order */
    size_t record_count, record_room;
    struct cdb_branch *branches;
    size_t branch_count, branch_room;
    bool records_lost;          /* the journal has not all that the state knows of */
    size_t objects, refs, torn; /* put right; removed */
};

/* "REF.lock", allocated; NULL with the error set. */
char *cdb_recovery_lock_name(const char *ref);

/* A record's ref is used as a path: only what chrondb itself would have written. */
bool cdb_recovery_ref_is_sane(const char *ref);

/* Objects and branches as the journal has them; what was pushed meanwhile is merged. All of it synced. CHRONDB_EBUSY
 * if a branch's lock is not free in time. */
int cdb_replay(struct cdb_recovery *recovery);

#endif
