/* SPDX-License-Identifier: MIT
 *
 * After a writer that died, or a boot. Same boot: all files are as they were written; the last record is finished if
 * our lock on its branch still stands, else it never was. Another boot: what was not synced may be gone or empty, so
 * every journalled object is looked at, and every branch (replay.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/config.h"
#include "store/lock.h"
#include "store/pack.h"
#include "store/publish.h"
#include "store/recovery.h"
#include "store/refs.h"
#include "store/retire.h"
#include "store/timeline.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

char *cdb_recovery_lock_name(const char *ref)
{
    char *lock;
    if (asprintf(&lock, "%s.lock", ref) >= 0)
        return lock;
    cdb_error_set_memory();
    return NULL;
}

bool cdb_recovery_ref_is_sane(const char *ref)
{
    return cdb_ref_name_valid(ref) && strncmp(ref, "refs/", 5) == 0;
}

/* ---- what there is ------------------------------------------------------------------------------- */

/* *out: the one of that name, made if need be; NULL if it cannot be one of ours. */
static int find_branch(struct cdb_recovery *recovery, const char *name, size_t len, struct cdb_branch **out)
{
    *out = NULL;
    for (size_t i = 0; i < recovery->branch_count && *out == NULL; i++)
        if (strlen(recovery->branches[i].ref) == len && memcmp(recovery->branches[i].ref, name, len) == 0)
            *out = &recovery->branches[i];
    if (*out != NULL)
        return 0;
    char *ref = strndup(name, len);
    if (ref == NULL)
        return cdb_error_memory();
    int result = cdb_array_grow(&recovery->branches, &recovery->branch_room, recovery->branch_count,
                                sizeof(*recovery->branches));
    if (result != 0 || !cdb_recovery_ref_is_sane(ref)) {
        free(ref);
        return result;
    }
    *out = &recovery->branches[recovery->branch_count++];
    **out = (struct cdb_branch){.ref = ref};
    return 0;
}

static int note_branch(struct cdb_recovery *recovery, const struct cdb_record *record)
{
    struct cdb_branch *branch;
    int result = find_branch(recovery, record->ref, record->ref_len, &branch);
    if (result != 0 || branch == NULL)
        return result;
    branch->head = record->after;
    branch->time = record->time;
    branch->generation = record->generation;
    branch->new_name = NULL;
    if (record->former_len == 0)
        return 0;
    result = find_branch(recovery, record->former, record->former_len, &branch);
    if (result != 0 || branch == NULL)
        return result;
    memset(&branch->head, 0, sizeof(branch->head));
    branch->time = record->time;
    branch->generation = record->generation;
    branch->new_name = record->ref;
    branch->new_name_len = record->ref_len;
    return 0;
}

static int load(struct cdb_recovery *recovery)
{
    int result = cdb_journal_read(recovery->repo->dir, recovery->halves, recovery->index);
    for (int i = 0; i < 2 && result == 0; i++) {
        struct cdb_record record;
        for (uint64_t offset = 0; result == 0 && cdb_half_record(&recovery->halves[i], &offset, &record);) {
            result = cdb_array_grow(&recovery->records, &recovery->record_room, recovery->record_count,
                                    sizeof(*recovery->records));
            if (result == 0) {
                recovery->records[recovery->record_count++] = record;
                result = note_branch(recovery, &record);
            }
        }
    }
    return result;
}

static void release(struct cdb_recovery *recovery)
{
    for (size_t i = 0; i < recovery->branch_count; i++)
        free(recovery->branches[i].ref);
    free(recovery->branches);
    free(recovery->records);
    cdb_half_release(&recovery->halves[0]);
    cdb_half_release(&recovery->halves[1]);
}

/* The journal was removed, cut short or damaged. Its chain cannot be continued, so the next write begins a generation
 * that is newer than any; what the journal should have had is synced before (by the caller). */
static void begin_anew(struct cdb_recovery *recovery, uint64_t generation)
{
    struct cdb_state *state = recovery->state;
    if (generation > state->generation)
        state->generation = generation;
    state->tail = state->last = CDB_JOURNAL_HALF;
    state->objects = 0;
    memset(state->filled, 0, sizeof(state->filled));
    state->checkpointed = state->generation;
    recovery->records_lost = true;
}

/* What the journal says the state is; of the old one, only what does not depend on the boot. */
static void rebuild_state(struct cdb_recovery *recovery)
{
    struct cdb_state *state = recovery->state;
    const struct cdb_half *older = &recovery->halves[0], *newest = &recovery->halves[1];
    uint64_t known_to_be_packed = state->checkpointed, known_generation = state->generation;
    state->active = newest->generation == 0 ? 0 : (uint32_t)recovery->index[1];
    state->generation = newest->generation;
    state->salt = newest->salt;
    state->tail = newest->tail;
    state->last = newest->last_at;
    state->objects = newest->objects;
    bool older_counts = older->generation != 0 && older->generation + 1 == newest->generation;
    if (newest->generation == 0)
        state->checkpointed = 0;
    else if (!older_counts || known_to_be_packed >= newest->generation)
        state->checkpointed = newest->generation - 1;
    else
        state->checkpointed = known_to_be_packed < newest->generation - 2 ? newest->generation - 2 : known_to_be_packed;
    memcpy(state->boot, recovery->repo->boot, CDB_BOOT_SIZE);
    if (state->sequence > newest->last)
        begin_anew(recovery, known_generation);
    else
        state->sequence = newest->last;
}

/* ---- the same boot ------------------------------------------------------------------------------- */

static int sync_journal(const struct cdb_recovery *recovery)
{
    int fd = openat(recovery->repo->dir, CDB_JOURNAL_PATH, O_WRONLY | O_CLOEXEC);
    int result =
        fd >= 0 && fdatasync(fd) == 0 ? 0 : cdb_error_errno(CDB_JOURNAL_PATH, "cannot sync '%s'", CDB_JOURNAL_PATH);
    if (fd >= 0)
        close(fd);
    return result;
}

/* The last record was never published, and now cannot be: no later recovery may find it. */
static int take_back(struct cdb_recovery *recovery)
{
    static const char zeros[CDB_RECORD_HEADER];
    struct cdb_state *state = recovery->state;
    int fd = openat(recovery->repo->dir, CDB_JOURNAL_PATH, O_WRONLY | O_CLOEXEC);
    off_t at = (off_t)(state->active * CDB_JOURNAL_HALF + state->last);
    bool good = fd >= 0 && cdb_fs_pwrite_full(fd, zeros, sizeof(zeros), at) == 0 && fdatasync(fd) == 0;
    int result = good ? 0 : cdb_error_errno(CDB_JOURNAL_PATH, "cannot write '%s'", CDB_JOURNAL_PATH);
    if (fd >= 0)
        close(fd);
    state->tail = state->last;
    state->sequence--;
    return result;
}

/* 1: it is published already (or something is that contains it). */
static int is_published(struct cdb_repo *repo, const char *ref, const struct cdb_oid *head)
{
    struct cdb_oid now;
    bool contained = false;
    int result = cdb_ref_read(repo->dir, ref, &now);
    if (result == 0 && !cdb_oid_equal(&now, head))
        result = cdb_timeline_contains(repo->objects, &now, head, &contained);
    else if (result == 0)
        contained = true;
    return result < 0 ? result : contained;
}

/* Everything of a record of a deletion or a renaming that may be missing yet, in any order of the steps. */
static int finish_edit(struct cdb_recovery *recovery, const char *ref, const struct cdb_record *record)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_oid now;
    int result = 0;
    if (cdb_oid_is_zero(&record->after)) {
        cdb_state_forget(recovery->state, ref);
        return cdb_retire_now(repo, ref, NULL, recovery->wait_ms);
    }
    char *former = strndup(record->former, record->former_len);
    if (former == NULL)
        return cdb_error_memory();
    if (record->former_len > 0 && cdb_recovery_ref_is_sane(former)) {
        cdb_state_forget(recovery->state, former);
        result = cdb_ref_read(repo->dir, former, &now);
        bool gone = result == 1 || (result == 0 && cdb_oid_equal(&now, &record->after));
        result = result == CHRONDB_ESYSTEM ? result : gone ? cdb_retire_now(repo, former, ref, recovery->wait_ms) : 0;
    }
    free(former);
    return result;
}

/* Without our lock: 1: the record has come true, or somebody has moved the ref since; 0: it never did. */
static int is_done(struct cdb_repo *repo, const char *ref, const struct cdb_record *record)
{
    struct cdb_oid now;
    bool removal = cdb_oid_is_zero(&record->after);
    if (!removal && strncmp(ref, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        return is_published(repo, ref, &record->after);
    int result = cdb_ref_read(repo->dir, ref, &now);
    if (result == CHRONDB_ESYSTEM)
        return result;
    return result == 0 ? !cdb_oid_equal(&now, &record->before) : removal;
}

/* The end of a write whose lock still stands. */
static int finish_publishing(struct cdb_recovery *recovery, const char *ref, const char *lock, ino_t inode,
                             const struct cdb_record *record)
{
    struct cdb_repo *repo = recovery->repo;
    bool removal = cdb_oid_is_zero(&record->after);
    int result = sync_journal(recovery);
    CDB_FAULT("recover-before-rename");
    if (removal)
        cdb_publish_drop(repo, lock, inode); /* it is taken again */
    else if (result == 0)
        result = cdb_publish_rename(repo, lock, ref, inode);
    if (result == 0 && !removal)
        cdb_state_remember(recovery->state, ref, &record->after, record->time);
    if (result == 0)
        result = finish_edit(recovery, ref, record);
    if (result == 0)
        cdb_repo_notice(repo, CHRONDB_NOTE, "finished the last write of a process that died");
    return result;
}

/* `record` (or NULL): journalled after the last write that ended. */
static int finish(struct cdb_recovery *recovery, const char *ref, const char *lock, const struct cdb_record *record)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_oid in_lock;
    int result = 0;
    ino_t inode = 0;
    bool ours = cdb_publish_is_ours(repo, lock, &in_lock, &inode);
    if (record != NULL && ours && cdb_oid_equal(&in_lock, &record->after))
        return finish_publishing(recovery, ref, lock, inode, record);
    if (ours)
        cdb_publish_drop(repo, lock, inode);
    if (record == NULL)
        return 0;
    bool removal = cdb_oid_is_zero(&record->after);
    result = is_done(repo, ref, record);
    if (result != 1)
        return result == 0 ? take_back(recovery) : result;
    if (!removal)
        cdb_state_remember(recovery->state, ref, &record->after, record->time);
    return removal ? 0 : finish_edit(recovery, ref, record);
}

static int finish_last_write(struct cdb_recovery *recovery, uint64_t acknowledged)
{
    const struct cdb_record *record =
        recovery->record_count > 0 ? &recovery->records[recovery->record_count - 1] : NULL;
    const char *in_state = recovery->state->ref;
    if (record != NULL && (record->sequence <= acknowledged || recovery->records_lost))
        record = NULL;
    char *ref = in_state[0] != '\0' || record == NULL ? strdup(in_state) : strndup(record->ref, record->ref_len);
    if (ref == NULL)
        return cdb_error_memory();
    if (record != NULL && (record->ref_len != strlen(ref) || memcmp(record->ref, ref, record->ref_len) != 0))
        record = NULL;
    char *lock = cdb_recovery_lock_name(ref);
    int result = lock == NULL ? CHRONDB_ESYSTEM : 0;
    if (result == 0 && cdb_recovery_ref_is_sane(ref))
        result = finish(recovery, ref, lock, record);
    free(ref);
    free(lock);
    return result;
}

/* ---- both -------------------------------------------------------------------------------------- */

static void sweep_temporaries(struct cdb_repo *repo)
{
    cdb_publish_done(repo);
    cdb_config_sweep(repo->dir);
    cdb_retire_sweep(repo->dir);
    cdb_loose_sweep(repo->dir);
    cdb_pack_remove_temporary(repo->dir, "w");
}

static int write_state(struct cdb_recovery *recovery)
{
    struct cdb_repo *repo = recovery->repo;
    int fd = openat(repo->dir, CDB_STATE_PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    recovery->state->in_progress = 0;
    memset(recovery->state->ref, 0, sizeof(recovery->state->ref));
    int result = fd >= 0 && cdb_state_write(fd, recovery->state) == 0
                     ? 0
                     : cdb_error_errno(CDB_STATE_PATH, "cannot write '%s'", CDB_STATE_PATH);
    if (fd >= 0)
        close(fd);
    return result;
}

int cdb_recover(struct cdb_repo *repo, struct cdb_state *state, bool trusted, int wait_ms)
{
    struct cdb_recovery recovery = {.repo = repo, .state = state, .wait_ms = wait_ms};
    bool same_boot = cdb_fs_boot_known(repo->boot) && memcmp(state->boot, repo->boot, CDB_BOOT_SIZE) == 0;
    uint64_t acknowledged = state->sequence;
    int result = load(&recovery);
    if (result != 0)
        goto out;
    rebuild_state(&recovery);
    cdb_retire_sweep(repo->dir); /* its locks would be waited for */
    /* At most one write can have died: more records than that, and the state is older than the files. */
    if (same_boot && trusted && recovery.halves[1].last <= acknowledged + 1) {
        result = finish_last_write(&recovery, acknowledged);
        if (result == 0 && recovery.records_lost && syncfs(repo->dir) != 0)
            result = cdb_error_errno(repo->path, "cannot sync '%s'", repo->path);
    } else {
        result = cdb_replay(&recovery);
    }
    if (recovery.records_lost)
        cdb_repo_notice(repo, CHRONDB_WARNING, "the journal was damaged or removed; begun anew");
    CDB_FAULT("recover-replayed");
    if (result == 0) {
        cdb_publish_sweep(repo);
        sweep_temporaries(repo);
        result = write_state(&recovery);
    }
out:
    release(&recovery);
    if (result != 0)
        cdb_error_context("cannot recover the database at '%s'", repo->path);
    return result;
}
