/* SPDX-License-Identifier: MIT */
#include "store/state.h"

#include <sched.h>
#include <string.h>
#include <zlib.h>

#include "util/array.h"
#include "util/error.h"

static const char magic[8] = "CDBSTAT1";

static uint32_t checksum(const struct cdb_state *state)
{
    return (uint32_t)crc32(0, (const Bytef *)state, (uInt)offsetof(struct cdb_state, checksum));
}

static bool valid(const struct cdb_state *state)
{
    return memcmp(state->magic, magic, sizeof(magic)) == 0 && state->checksum == checksum(state) && state->active < 2 &&
           memchr(state->ref, '\0', sizeof(state->ref)) != NULL;
}

int cdb_state_read(int dir, struct cdb_state *state)
{
    /* A read beside a writer may see half of a new state: look again. A torn one stays torn. */
    for (int tries = 0; tries < 4; tries++) {
        ssize_t n = cdb_fs_read_head(dir, CDB_STATE_PATH, state, sizeof(*state));
        if (n == (ssize_t)sizeof(*state) && valid(state))
            return 0;
        if (n <= 0)
            break;
        sched_yield();
    }
    memset(state, 0, sizeof(*state));
    return 1;
}

int cdb_state_write(int fd, struct cdb_state *state)
{
    memcpy(state->magic, magic, sizeof(magic));
    state->checksum = checksum(state);
    return cdb_fs_pwrite_full(fd, state, sizeof(*state), 0) == 0 ? 0 : CHRONDB_ESYSTEM;
}

static uint64_t hash_name(const char *name)
{
    uint64_t hash = cdb_bytes_hash(name, strlen(name));
    return hash != 0 ? hash : 1;
}

const struct cdb_known *cdb_state_find(const struct cdb_state *state, const struct cdb_oid *oid)
{
    for (int i = 0; i < CDB_STATE_KNOWN; i++)
        if (state->known[i].ref != 0 && cdb_oid_equal(&state->known[i].oid, oid))
            return &state->known[i];
    return NULL;
}

const struct cdb_known *cdb_state_find_ref(const struct cdb_state *state, const char *ref)
{
    uint64_t hash = hash_name(ref);
    for (int i = 0; i < CDB_STATE_KNOWN; i++)
        if (state->known[i].ref == hash)
            return &state->known[i];
    return NULL;
}

void cdb_state_remember(struct cdb_state *state, const char *ref, const struct cdb_oid *oid, chrondb_time time)
{
    uint64_t hash = hash_name(ref);
    struct cdb_known *slot = &state->known[0];
    for (int i = 0; i < CDB_STATE_KNOWN; i++) {
        struct cdb_known *known = &state->known[i];
        if (known->ref == hash) {
            slot = known;
            break;
        }
        if (known->used < slot->used)
            slot = known;
    }
    *slot = (struct cdb_known){
        .ref = hash, .oid = *oid, .nanoseconds = time.nanoseconds, .seconds = time.seconds, .used = state->sequence};
}

void cdb_state_forget(struct cdb_state *state, const char *ref)
{
    uint64_t hash = hash_name(ref);
    for (int i = 0; i < CDB_STATE_KNOWN; i++)
        if (state->known[i].ref == hash)
            state->known[i] = (struct cdb_known){.ref = 0};
}

bool cdb_state_checkpoint_pending(const struct cdb_state *state)
{
    return state->generation > 1 && state->checkpointed < state->generation - 1;
}
