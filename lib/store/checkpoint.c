/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/maintenance.h"
#include "store/refs.h"
#include "store/repack.h"
#include "store/repo.h"
#include "store/rewrite.h"
#include "store/txn.h"
#include "util/background.h"
#include "util/error.h"
#include "util/fault.h"

#define WRITER_WAIT_MS 60000

/* The journal has every object of its records: no loose file has to be read. */
static int pack_half(struct cdb_repo *repo, const struct cdb_half *half, const char *role)
{
    struct cdb_rewrite *rewrite = NULL;
    struct cdb_record record;
    struct cdb_record_object object;
    int result = cdb_rewrite_new(&rewrite, repo->dir, repo->objects);
    for (uint64_t offset = 0; result == 0 && cdb_half_record(half, &offset, &record);) {
        const unsigned char *cursor = record.objects;
        while (result == 0 && cdb_record_object(&record, &cursor, &object))
            result = cdb_rewrite_add_encoded(rewrite, &object.oid, object.loose, object.loose_len);
    }
    if (result == 0)
        result = cdb_rewrite_run(rewrite, role, NULL, NULL);
    cdb_rewrite_free(rewrite);
    return result;
}

/* It is gone, and shall be. */
static int sync_former(struct cdb_repo *repo, const struct cdb_record *record)
{
    char former[CDB_JOURNAL_REF_MAX + 1] = "";
    memcpy(former, record->former, record->former_len);
    former[record->former_len] = '\0';
    return cdb_ref_name_valid(former) ? cdb_fs_sync_path(repo->dir, former) : 0;
}

/* What the records say of branches must not be needed any more either. (Not syncfs: it would flush everything that
 * writers have just written, and they would wait for it.) */
static int sync_branches(struct cdb_repo *repo, const struct cdb_half *half)
{
    struct cdb_record record;
    char last[CDB_JOURNAL_REF_MAX + 1] = "";
    int result = cdb_fs_sync_path(repo->dir, "packed-refs");
    for (uint64_t offset = 0; result == 0 && cdb_half_record(half, &offset, &record);) {
        if (record.former_len == 0 && record.ref_len == strlen(last) && memcmp(record.ref, last, record.ref_len) == 0)
            continue;
        memcpy(last, record.ref, record.ref_len);
        last[record.ref_len] = '\0';
        if (cdb_ref_name_valid(last))
            result = cdb_fs_sync_path(repo->dir, last);
        if (result == 0)
            result = sync_former(repo, &record);
    }
    return result;
}

/* A half that is used up. */
struct used {
    struct cdb_repo *repo;
    uint64_t generation;
};

/* Now it may be used again. */
static int mark(void *context)
{
    const struct used *used = context;
    struct cdb_repo *repo = used->repo;
    uint64_t generation = used->generation;
    struct cdb_state state;
    int lock = -1, result = cdb_lock_take(&lock, repo->dir, CDB_LOCK_PATH, WRITER_WAIT_MS);
    if (result != 0)
        return result;
    if (cdb_state_read(repo->dir, &state) == 0 && state.checkpointed < generation && generation < state.generation) {
        int fd = openat(repo->dir, CDB_STATE_PATH, O_WRONLY | O_CLOEXEC);
        state.checkpointed = generation;
        if (fd < 0 || cdb_state_write(fd, &state) != 0)
            result = cdb_error_errno(CDB_STATE_PATH, "cannot write '%s'", CDB_STATE_PATH);
        if (fd >= 0)
            close(fd);
    }
    cdb_lock_release(&lock);
    return result;
}

static void remove_loose_files(struct cdb_repo *repo, const struct cdb_half *half)
{
    struct cdb_record record;
    struct cdb_record_object object;
    char path[CDB_LOOSE_PATH];
    for (uint64_t offset = 0; cdb_half_record(half, &offset, &record);) {
        const unsigned char *cursor = record.objects;
        while (cdb_record_object(&record, &cursor, &object)) {
            cdb_loose_path(&object.oid, path);
            unlinkat(repo->dir, path, 0);
            CDB_FAULT("checkpoint-unlinked");
        }
    }
}

/* The half of that generation, or NULL. *whole: it has all its records, as the numbers of the next ones tell. */
static const struct cdb_half *frozen_half(const struct cdb_half halves[2], const struct cdb_state *state, bool *whole)
{
    const struct cdb_half *frozen = NULL;
    uint64_t next = state->sequence + 1; /* where the active half is empty */
    for (int i = 0; i < 2; i++) {
        if (halves[i].generation == state->generation - 1)
            frozen = &halves[i];
        if (halves[i].generation == state->generation)
            next = halves[i].first;
    }
    *whole = frozen != NULL && frozen->last + 1 == next;
    return frozen;
}

/* The loose files go before the half is marked: a process that dies in between leaves none behind for ever. */
int cdb_checkpoint_frozen(struct cdb_repo *repo, const char *role)
{
    struct cdb_state state;
    struct cdb_half halves[2];
    int index[2];
    bool whole;
    if (cdb_state_read(repo->dir, &state) != 0 || !cdb_state_checkpoint_pending(&state))
        return 0;
    int result = cdb_journal_read(repo->dir, halves, index);
    if (result != 0)
        return result;
    const struct cdb_half *frozen = frozen_half(halves, &state, &whole);
    if (frozen != NULL)
        result = pack_half(repo, frozen, role);
    CDB_FAULT("checkpoint-packed");
    if (result == 0 && frozen != NULL)
        result = sync_branches(repo, frozen);
    /* The journal was damaged or removed: what it had is in loose files, which stay. Writers must not wait for ever. */
    if (result == 0 && !whole && syncfs(repo->dir) != 0)
        result = cdb_error_errno(repo->path, "cannot sync '%s'", repo->path);
    CDB_FAULT("checkpoint-synced");
    if (result == 0 && frozen != NULL)
        remove_loose_files(repo, frozen);
    if (result == 0)
        result = cdb_urgent(mark, &(struct used){repo, state.generation - 1});
    CDB_FAULT("checkpoint-marked");
    cdb_half_release(&halves[0]);
    cdb_half_release(&halves[1]);
    return result;
}

/* Begin the other half, though there is room in this one. */
static int freeze_active(struct cdb_repo *repo, struct cdb_state *state)
{
    int fd = openat(repo->dir, CDB_JOURNAL_PATH, O_RDONLY | O_CLOEXEC);
    bool agrees = fd >= 0 && cdb_journal_agrees(state, fd);
    if (fd >= 0)
        close(fd);
    if (!agrees)
        return 0; /* the next write recovers */
    int result = cdb_journal_begin_generation(state);
    if (result != 0)
        return result;
    fd = openat(repo->dir, CDB_STATE_PATH, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || cdb_state_write(fd, state) != 0)
        result = cdb_error_errno(CDB_STATE_PATH, "cannot write '%s'", CDB_STATE_PATH);
    if (fd >= 0)
        close(fd);
    return result;
}

static int freeze(void *context)
{
    struct cdb_repo *repo = context;
    struct cdb_state state;
    int lock = -1, result = cdb_lock_take(&lock, repo->dir, CDB_LOCK_PATH, WRITER_WAIT_MS);
    if (result != 0)
        return result;
    bool clean = cdb_state_read(repo->dir, &state) == 0 && !state.in_progress && cdb_fs_boot_known(repo->boot) &&
                 memcmp(state.boot, repo->boot, CDB_BOOT_SIZE) == 0;
    if (clean && state.generation > 0 && state.tail > 0 && !cdb_state_checkpoint_pending(&state))
        result = freeze_active(repo, &state);
    CDB_FAULT("gc-frozen");
    cdb_lock_release(&lock);
    return result;
}

int cdb_checkpoint_all(struct cdb_repo *repo)
{
    int result = cdb_checkpoint_frozen(repo, CDB_ROLE_CHECKPOINT);
    if (result == 0)
        result = cdb_urgent(freeze, repo);
    return result == 0 ? cdb_checkpoint_frozen(repo, CDB_ROLE_CHECKPOINT) : result;
}

int cdb_checkpoint(struct cdb_repo *repo, int wait_ms)
{
    int lock = -1;
    int result = cdb_maintenance_begin(repo, wait_ms, &lock);
    if (result == 0)
        result = cdb_checkpoint_frozen(repo, CDB_ROLE_CHECKPOINT);
    if (lock >= 0)
        cdb_maintenance_end(repo, &lock);
    return result;
}

/* Both make the same pack of it, and what either removes or marks is removed and marked. */
int cdb_checkpoint_beside(struct cdb_repo *repo, int wait_ms)
{
    int lock = -1;
    int result = cdb_lock_take(&lock, repo->dir, CDB_HELP_LOCK, wait_ms);
    if (result == 0)
        result = cdb_checkpoint_frozen(repo, CDB_ROLE_HELP);
    cdb_lock_release(&lock);
    return result;
}

int cdb_maintain(struct cdb_repo *repo)
{
    int lock = -1;
    int result = cdb_maintenance_begin(repo, 0, &lock);
    if (result != 0)
        return result == CHRONDB_EBUSY ? 0 : result; /* somebody is at it */
    result = cdb_checkpoint_frozen(repo, CDB_ROLE_CHECKPOINT);
    if (result == 0)
        result = cdb_repack(repo);
    if (result == 0)
        result = cdb_pack_refs(repo, CDB_LOOSE_REFS_MANY);
    cdb_maintenance_end(repo, &lock);
    return result;
}
