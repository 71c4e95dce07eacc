/* SPDX-License-Identifier: MIT
 * The journal beside what the state says of it. What is behind the end of a chain of records is what an earlier
 * generation left, so only the state tells that a record is missing. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "db/handle.h"
#include "db/verify.h"
#include "util/error.h"

#define TRIES   20
#define WAIT_NS 5000000

static int tell(struct cdb_verify *it, const char *message)
{
    return cdb_verify_tell(
        it, &(struct cdb_finding){.kind = CDB_KIND_JOURNAL, .path = CDB_JOURNAL_PATH, .message = message});
}

/* Are both from the same moment, without a writer in between? */
static bool read_both(struct cdb_verify *it, struct cdb_state *state, struct cdb_half halves[2], int index[2],
                      int *result)
{
    struct cdb_state before;
    int dir = it->db->repo->dir;
    memset(halves, 0, 2 * sizeof(*halves));
    *result = 0;
    if (cdb_state_read(dir, &before) != 0 || before.in_progress)
        return false;
    *result = cdb_journal_read(dir, halves, index);
    return *result == 0 && cdb_state_read(dir, state) == 0 && memcmp(&before, state, sizeof(before)) == 0;
}

static void release(struct cdb_half halves[2])
{
    cdb_half_release(&halves[0]);
    cdb_half_release(&halves[1]);
}

/* Every object of a half that counts, beside its id. */
static int check_objects(struct cdb_verify *it, const struct cdb_half *half)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_record record;
    int result = 0;
    for (uint64_t offset = 0; result == 0 && cdb_half_record(half, &offset, &record);) {
        const unsigned char *cursor = record.objects;
        struct cdb_record_object object;
        while (result == 0 && cdb_record_object(&record, &cursor, &object)) {
            int type;
            cdb_buf_clear(&content);
            if (cdb_object_decode(&object.oid, object.loose, object.loose_len, CDB_CHECK_MAX, &type, &content) == 0)
                continue;
            if (cdb_check_is_memory())
                result = CHRONDB_ESYSTEM;
            else
                result = cdb_verify_tell(it, &(struct cdb_finding){.kind = CDB_KIND_JOURNAL,
                                                                   .path = CDB_JOURNAL_PATH,
                                                                   .object = &object.oid,
                                                                   .message = "a record holds another object"});
        }
    }
    cdb_buf_release(&content);
    return result;
}

static const char *compare(const struct cdb_state *state, const struct cdb_half halves[2], const int index[2])
{
    const struct cdb_half *active = (uint32_t)index[0] == state->active ? &halves[0] : &halves[1];
    const struct cdb_half *other = active == &halves[0] ? &halves[1] : &halves[0];
    uint64_t first = state->tail > 0 ? active->first : state->sequence + 1;
    if (state->tail >= CDB_JOURNAL_HALF || state->checkpointed >= state->generation)
        return NULL; /* it was begun anew, all before was synced */
    if (state->tail > 0 && (active->generation != state->generation || active->salt != state->salt))
        return "its active half has not the records that were written last";
    if (state->tail > 0 && (active->tail != state->tail || active->last != state->sequence))
        return "its records end before the last one that was written";
    if (state->checkpointed + 1 < state->generation &&
        (other->generation + 1 != state->generation || other->last + 1 != first))
        return "records that no checkpoint has made superfluous are missing";
    return NULL;
}

/* A state that is missing or of another boot is put right by whoever opens the database to write: there is nothing to
 * compare with where that cannot be. */
static bool is_settled(const struct cdb_verify *it, const struct cdb_state *state)
{
    return memcmp(state->boot, it->db->repo->boot, CDB_BOOT_SIZE) == 0 && state->generation > 0;
}

int cdb_verify_journal(struct cdb_verify *it)
{
    static const struct timespec pause = {0, WAIT_NS};
    struct cdb_half halves[2];
    struct cdb_state state;
    int index[2], result = 0;
    bool quiet = false;
    for (int i = 0; i < TRIES && !quiet; i++) {
        quiet = read_both(it, &state, halves, index, &result);
        if (result != 0 || quiet)
            break;
        release(halves);
        nanosleep(&pause, NULL);
    }
    if (result != 0 && !cdb_check_is_memory())
        return tell(it, "it cannot be read");
    if (!quiet)
        return result; /* writers are at it, and will be heard of if something is wrong */
    const char *message = is_settled(it, &state) ? compare(&state, halves, index) : NULL;
    if (message != NULL)
        result = tell(it, message);
    for (int i = 0; i < 2 && result == 0; i++)
        if (halves[i].generation > state.checkpointed)
            result = check_objects(it, &halves[i]);
    release(halves);
    return result;
}
