/* SPDX-License-Identifier: MIT */
#include "store/txn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/maintenance.h"
#include "store/pack.h"
#include "store/publish.h"
#include "store/refs.h"
#include "store/scratch.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define LOOK_AGAIN_MS 20
#define PATIENCE_MS   100
#define GRACE_MS      1000 /* also for who does not want to wait */

/* ---- policy ------------------------------------------------------------------------------------ */

enum cdb_journal_plan cdb_journal_plan(const struct cdb_state *state, uint64_t record_len, uint32_t objects)
{
    bool fits = state->tail + record_len <= CDB_JOURNAL_HALF;
    bool full = !fits || (state->tail > 0 && state->objects + (uint64_t)objects > CDB_JOURNAL_OBJECTS);
    bool other_is_free = !cdb_state_checkpoint_pending(state);
    if (state->generation == 0 || (full && other_is_free))
        return record_len <= CDB_JOURNAL_HALF ? CDB_JOURNAL_SWITCH : CDB_JOURNAL_NO_ROOM;
    return fits ? CDB_JOURNAL_APPEND : CDB_JOURNAL_NO_ROOM;
}

bool cdb_journal_must_wait(const struct cdb_state *state)
{
    return cdb_state_checkpoint_pending(state) &&
           (state->tail > CDB_JOURNAL_HALF / 10 * 9 || state->objects > CDB_JOURNAL_OBJECTS_CAP);
}

bool cdb_checkpoint_due(const struct cdb_state *state)
{
    return cdb_state_checkpoint_pending(state) && (state->objects < 16 || state->sequence % 32 == 0);
}

/* ---- beginning --------------------------------------------------------------------------------- */

static int lock_mutex(struct cdb_txn *txn, int timeout_ms)
{
    struct timespec until;
    int error = pthread_mutex_trylock(&txn->repo->write_mutex);
    if (error != 0 && timeout_ms > 0) {
        clock_gettime(CLOCK_REALTIME, &until); /* POSIX has no other clock here */
        until.tv_sec += timeout_ms / 1000 + 1;
        error = pthread_mutex_timedlock(&txn->repo->write_mutex, &until);
    }
    txn->mutex_held = error == 0;
    return error == 0 ? 0 : cdb_error(CHRONDB_EBUSY, "busy", "another thread is writing; try again");
}

/* The header of a record at an offset of the file: its length, or 0. */
static size_t peek(int fd, uint64_t at, struct cdb_record *out)
{
    unsigned char header[CDB_RECORD_HEADER];
    memset(out, 0, sizeof(*out));
    return cdb_fs_pread_full(fd, header, sizeof(header), (off_t)at) == (ssize_t)sizeof(header)
               ? cdb_record_peek(out, header)
               : 0;
}

/* The state is believed only if the journal goes with it: ends where the state says, and is not newer. A disk that was
 * away without a boot, a backup put back, a journal removed by hand would make us write over, or behind, what nobody
 * would then find. */
bool cdb_journal_agrees(const struct cdb_state *state, int fd)
{
    struct cdb_record record;
    struct stat st;
    uint64_t half = state->active * CDB_JOURNAL_HALF, other = CDB_JOURNAL_HALF - half;
    if (state->generation == 0)
        return fd < 0 || (peek(fd, 0, &record) == 0 && peek(fd, CDB_JOURNAL_HALF, &record) == 0);
    if (fd < 0)
        return state->checkpointed >= state->generation;
    if (fstat(fd, &st) != 0 ||
        (state->tail > 0 && (uint64_t)st.st_size < half + state->tail)) /* cut in the middle of the last record */
        return false;
    if (state->last < state->tail &&
        (peek(fd, half + state->last, &record) != state->tail - state->last || record.generation != state->generation ||
         record.salt != state->salt || record.sequence != state->sequence))
        return false;
    if (state->tail + CDB_RECORD_HEADER <= CDB_JOURNAL_HALF && peek(fd, half + state->tail, &record) != 0 &&
        record.generation == state->generation && record.salt == state->salt && record.sequence > state->sequence)
        return false;
    return peek(fd, other, &record) == 0 || record.generation < state->generation;
}

static int recover_if_needed(struct cdb_txn *txn, int wait_ms)
{
    struct cdb_repo *repo = txn->repo;
    bool missing = cdb_state_read(repo->dir, &txn->state) != 0;
    if (txn->journal < 0)
        txn->journal = openat(repo->dir, CDB_JOURNAL_PATH, O_RDWR | O_CLOEXEC);
    if (txn->journal < 0 && errno != ENOENT)
        return cdb_error_errno(CDB_JOURNAL_PATH, "cannot open '%s'", CDB_JOURNAL_PATH);
    bool same_boot =
        !missing && cdb_fs_boot_known(repo->boot) && memcmp(txn->state.boot, repo->boot, CDB_BOOT_SIZE) == 0;
    if (same_boot && txn->state.in_progress)
        return cdb_recover(repo, &txn->state, true, wait_ms);
    if (same_boot && cdb_journal_agrees(&txn->state, txn->journal))
        return 0;
    return cdb_recover(repo, &txn->state, false, wait_ms);
}

/* Who is at maintenance does it too, now and then: so we look again before that is done; but not for ever, since it
 * yields to everybody. */
static int help_with_checkpoint(struct cdb_repo *repo, int64_t since, int64_t deadline)
{
    bool patient = cdb_monotonic_ms() < since + PATIENCE_MS;
    int result = patient ? cdb_checkpoint(repo, LOOK_AGAIN_MS) : cdb_checkpoint_beside(repo, LOOK_AGAIN_MS);
    if (result == CHRONDB_EBUSY && cdb_monotonic_ms() < deadline + GRACE_MS) {
        cdb_error_clear();
        return 0;
    }
    return result;
}

static int milliseconds_left(int timeout_ms, int64_t deadline)
{
    int64_t left = timeout_ms <= 0 ? 0 : deadline - cdb_monotonic_ms();
    return left > 0 ? (int)left : 0;
}

/* The writer lock, and room in the journal: where a checkpoint is overdue, help with it. */
static int lock_database(struct cdb_txn *txn, int timeout_ms, int64_t deadline)
{
    int64_t since = cdb_monotonic_ms();
    for (;;) {
        int left = milliseconds_left(timeout_ms, deadline);
        int result = cdb_lock_take(&txn->lock, txn->repo->dir, CDB_LOCK_PATH, left);
        if (result != 0)
            return result;
        result = recover_if_needed(txn, left);
        if (result != 0 || !cdb_journal_must_wait(&txn->state))
            return result;
        cdb_lock_release(&txn->lock); /* the checkpoint needs it */
        result = help_with_checkpoint(txn->repo, since, deadline);
        if (result != 0)
            return result;
    }
}

/* From here on a crash is noticed. */
static int mark_in_progress(struct cdb_txn *txn)
{
    struct cdb_state *state = &txn->state;
    txn->state_file = openat(txn->repo->dir, CDB_STATE_PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (txn->state_file < 0)
        return cdb_error_errno(CDB_STATE_PATH, "cannot open '%s'", CDB_STATE_PATH);
    memcpy(state->boot, txn->repo->boot, CDB_BOOT_SIZE);
    state->in_progress = 1;
    memset(state->ref, 0, sizeof(state->ref));
    if (strlen(txn->ref) < sizeof(state->ref))
        memcpy(state->ref, txn->ref, strlen(txn->ref));
    if (cdb_state_write(txn->state_file, state) != 0)
        return cdb_error_errno(CDB_STATE_PATH, "cannot write '%s'", CDB_STATE_PATH);
    return 0;
}

static int lock_branch(struct cdb_txn *txn, int wait_ms)
{
    int result = cdb_publish_lock(txn->repo, txn->ref_lock, wait_ms, &txn->ref_inode);
    txn->ref_locked = result == 0;
    if (result == 0)
        result = cdb_ref_read(txn->repo->dir, txn->ref, &txn->base);
    if (result == 1) {
        memset(&txn->base, 0, sizeof(txn->base));
        result = 0;
    }
    return result;
}

/* The branch's file holds nothing of sense, as after a power cut: what the journal tells is put right. */
static int repair_branch(struct cdb_txn *txn, int wait_ms)
{
    if (txn->ref_locked)
        cdb_publish_drop(txn->repo, txn->ref_lock, txn->ref_inode);
    txn->ref_locked = false;
    close(txn->state_file);
    txn->state_file = -1;
    int result = cdb_recover(txn->repo, &txn->state, false, wait_ms);
    if (result == 0)
        result = mark_in_progress(txn);
    return result == 0 ? lock_branch(txn, wait_ms) : result;
}

/* What others, who do not take the writer lock, left when they were killed. */
static void sweep(int dir)
{
    cdb_scratch_sweep(dir);
    cdb_maintenance_sweep(dir);
}

/* Up to the writer lock, with a mark that we are at work. On failure there is something to end. */
static int begin(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms, int64_t deadline)
{
    memset(txn, 0, sizeof(*txn));
    txn->repo = repo;
    txn->lock = txn->state_file = txn->journal = -1;
    int result = CHRONDB_ESYSTEM;
    if ((txn->ref = strdup(ref)) == NULL || asprintf(&txn->ref_lock, "%s.lock", ref) < 0)
        result = cdb_error_memory();
    else
        result = lock_mutex(txn, timeout_ms);
    if (result == 0)
        result = lock_database(txn, timeout_ms, deadline);
    CDB_FAULT("locked");
    if (result == 0)
        result = mark_in_progress(txn);
    CDB_FAULT("in-progress");
    if (result == 0)
        sweep(repo->dir);
    return result;
}

/* Its tables are made but once in a process that writes again and again. */
static int take_deflater(struct cdb_txn *txn)
{
    txn->deflater = atomic_exchange(&txn->repo->deflater, NULL);
    return txn->deflater != NULL ? 0 : cdb_deflater_new(&txn->deflater);
}

static int begin_on(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms, bool any)
{
    int64_t deadline = cdb_monotonic_ms() + timeout_ms;
    int result = begin(txn, repo, ref, timeout_ms, deadline);
    int left = milliseconds_left(timeout_ms, deadline);
    if (result == 0)
        result = lock_branch(txn, left);
    if (result == CHRONDB_EDAMAGED)
        result = repair_branch(txn, left);
    if (result == CHRONDB_EDAMAGED && any && txn->ref_locked) {
        memset(&txn->base, 0, sizeof(txn->base));
        cdb_error_clear();
        result = 0;
    }
    if (result == 0)
        result = take_deflater(txn);
    if (result != 0)
        cdb_txn_end(txn);
    return result;
}

int cdb_txn_begin(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms)
{
    return begin_on(txn, repo, ref, timeout_ms, false);
}

int cdb_txn_begin_any(struct cdb_txn *txn, struct cdb_repo *repo, const char *ref, int timeout_ms)
{
    return begin_on(txn, repo, ref, timeout_ms, true);
}

int cdb_txn_begin_exclusive(struct cdb_txn *txn, struct cdb_repo *repo, int timeout_ms)
{
    int result = begin(txn, repo, "", timeout_ms, cdb_monotonic_ms() + timeout_ms);
    if (result != 0)
        cdb_txn_end(txn);
    return result;
}

/* ---- objects ----------------------------------------------------------------------------------- */

/* From a record in memory to a pack on disk: what was emitted so far moves. */
static int become_large(struct cdb_txn *txn)
{
    struct cdb_record record = {.objects = (const unsigned char *)cdb_buf_str(&txn->objects),
                                .end = (const unsigned char *)cdb_buf_str(&txn->objects) + txn->objects.len};
    const unsigned char *cursor = record.objects;
    struct cdb_record_object object;
    int result = cdb_pack_new(&txn->pack, txn->repo->dir, "w");
    while (result == 0 && txn->objects.len > 0 && cdb_record_object(&record, &cursor, &object)) {
        int type;
        cdb_buf_clear(&txn->scratch);
        result = cdb_object_decode(&object.oid, object.loose, object.loose_len, CDB_TREE_MAX, &type, &txn->scratch);
        if (result == 0)
            result = cdb_pack_add(txn->pack, type, cdb_buf_str(&txn->scratch), txn->scratch.len, &object.oid);
    }
    cdb_buf_clear(&txn->objects);
    txn->object_count = 0;
    return result;
}

int cdb_txn_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    struct cdb_txn *txn = context;
    if (txn->pack != NULL)
        return cdb_pack_add(txn->pack, type, data, len, oid);
    cdb_buf_clear(&txn->scratch);
    int result = cdb_object_encode(txn->deflater, type, data, len, &txn->scratch);
    if (result != 0)
        return result;
    txn->kept = true;
    cdb_objects_keep(txn->repo->objects, oid, type, data, len);
    cdb_record_add_object(&txn->objects, type, oid, txn->scratch.ptr, txn->scratch.len);
    txn->object_count++;
    if (txn->objects.failed)
        return cdb_error_memory();
    return txn->objects.len > CDB_RECORD_MAX || txn->object_count > CDB_JOURNAL_OBJECTS ? become_large(txn) : 0;
}

static int write_loose_files(struct cdb_txn *txn)
{
    struct cdb_record record = {.objects = (const unsigned char *)cdb_buf_str(&txn->objects),
                                .end = (const unsigned char *)cdb_buf_str(&txn->objects) + txn->objects.len};
    const unsigned char *cursor = record.objects;
    struct cdb_record_object object;
    int result = 0;
    while (result == 0 && txn->objects.len > 0 && cdb_record_object(&record, &cursor, &object)) {
        /* A document may well be there already (a value that comes back); a tree or a commit hardly ever. */
        bool freshen = object.type == CDB_BLOB;
        result = cdb_loose_write(txn->repo->dir, &object.oid, object.loose, object.loose_len, freshen, false);
        CDB_FAULT("object-written");
    }
    return result;
}

/* ---- the journal ------------------------------------------------------------------------------- */

static int journal_error(void)
{
    return cdb_error_errno(CDB_JOURNAL_PATH, "cannot write '%s'", CDB_JOURNAL_PATH);
}

/* Zeros ahead of the tail, so that later appends overwrite blocks that exist: their sync changes no metadata. */
static int fill_ahead(struct cdb_state *state, int fd, uint64_t end)
{
    uint64_t *filled = &state->filled[state->active];
    if (end <= *filled)
        return 0;
    uint64_t until = (end + CDB_JOURNAL_FILL - 1) / CDB_JOURNAL_FILL * CDB_JOURNAL_FILL;
    if (until > CDB_JOURNAL_HALF)
        until = CDB_JOURNAL_HALF;
    char *zeros = calloc(1, (size_t)(until - end) + 1);
    if (zeros == NULL)
        return cdb_error_memory();
    off_t at = (off_t)((uint64_t)state->active * CDB_JOURNAL_HALF + end);
    int result = cdb_fs_pwrite_full(fd, zeros, (size_t)(until - end), at) == 0 ? 0 : journal_error();
    free(zeros);
    if (result == 0)
        *filled = until;
    return result;
}

int cdb_journal_begin_generation(struct cdb_state *state)
{
    if (getrandom(&state->salt, sizeof(state->salt), 0) != (ssize_t)sizeof(state->salt))
        return cdb_error_errno(NULL, "cannot get random bytes");
    if (state->generation > 0)
        state->active ^= 1;
    state->generation++;
    state->tail = state->last = 0;
    state->objects = 0;
    return 0;
}

/* Append one record and sync: the commit point. `at` and `fd` allow to take it back. */
static int append(struct cdb_txn *txn, const struct cdb_oid *head, chrondb_time time, struct cdb_state *state, int fd)
{
    struct cdb_record record = {.generation = state->generation,
                                .sequence = state->sequence + 1,
                                .salt = state->salt,
                                .before = txn->base,
                                .after = *head,
                                .time = time,
                                .ref = txn->ref,
                                .ref_len = strlen(txn->ref),
                                .former = txn->former,
                                .former_len = txn->former != NULL ? strlen(txn->former) : 0,
                                .object_count = txn->object_count};
    cdb_buf_clear(&txn->scratch);
    cdb_record_encode(&txn->scratch, &record, &txn->objects);
    int result = cdb_buf_check(&txn->scratch);
    if (result != 0)
        return result;
    off_t at = (off_t)((uint64_t)state->active * CDB_JOURNAL_HALF + state->tail);
    if ((result = fill_ahead(state, fd, state->tail + txn->scratch.len)) != 0)
        return result;
    if (cdb_fs_pwrite_full(fd, txn->scratch.ptr, txn->scratch.len, at) != 0)
        return journal_error();
    CDB_FAULT("journal-written");
    if (fdatasync(fd) != 0)
        return journal_error();
    CDB_FAULT("journal-synced");
    state->last = state->tail;
    state->tail += txn->scratch.len;
    state->objects += txn->object_count;
    state->sequence++;
    return 0;
}

/* Take the record at `at` back, so that no recovery finishes what we report as failed. */
static void take_back(int fd, const struct cdb_state *before)
{
    static const char zeros[CDB_RECORD_HEADER];
    off_t at = (off_t)((uint64_t)before->active * CDB_JOURNAL_HALF + before->tail);
    if (cdb_fs_pwrite_full(fd, zeros, sizeof(zeros), at) == 0)
        fdatasync(fd);
}

/* The first write: the journal's name must be as durable as what it will hold, and so must the database's, which its
 * creator may just have renamed into place, or have died after. */
static int create_journal(struct cdb_txn *txn)
{
    int dir = txn->repo->dir;
    txn->journal = openat(dir, CDB_JOURNAL_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (txn->journal < 0)
        return cdb_error_errno(CDB_JOURNAL_PATH, "cannot create '%s'", CDB_JOURNAL_PATH);
    memset(txn->state.filled, 0, sizeof(txn->state.filled));
    int above = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0) { /* what we may not open or sync is not ours to worry about */
        (void)fsync(above);
        close(above);
    }
    int result = cdb_fs_sync_dir(dir, ".");
    return result == 0 ? cdb_fs_sync_dir(dir, "chrondb") : result;
}

static int ready_journal(struct cdb_txn *txn)
{
    struct stat st;
    if (txn->journal >= 0 && (txn->state.generation > 0 || (fstat(txn->journal, &st) == 0 && st.st_size > 0)))
        return 0;
    if (txn->journal >= 0)
        close(txn->journal);
    return create_journal(txn);
}

static uint64_t record_length(const struct cdb_txn *txn)
{
    size_t former = txn->former != NULL ? strlen(txn->former) : 0;
    return CDB_RECORD_FIXED + strlen(txn->ref) + former + txn->objects.len;
}

/* ---- committing -------------------------------------------------------------------------------- */

/* What we did not publish came by a push, or a fetch: git synced nothing of it. */
int cdb_txn_rely(struct cdb_txn *txn, const struct cdb_oid *commit)
{
    if (cdb_oid_is_zero(commit) || cdb_state_find(&txn->state, commit) != NULL)
        return 0;
    return syncfs(txn->repo->dir) == 0 ? 0 : cdb_error_errno(txn->repo->path, "cannot sync '%s'", txn->repo->path);
}

static int publish(struct cdb_txn *txn, const struct cdb_oid *head)
{
    int result = txn->publish != NULL ? txn->publish(txn->publish_context, txn, head)
                                      : cdb_publish_rename(txn->repo, txn->ref_lock, txn->ref, txn->ref_inode);
    if (result == 0 && !cdb_oid_is_zero(head))
        txn->ref_locked = false;
    return result;
}

/* Of tags it need not know: only branches are written again and again. */
static void remember(const struct cdb_txn *txn, struct cdb_state *state, const struct cdb_oid *head, chrondb_time time)
{
    if (cdb_oid_is_zero(head))
        cdb_state_forget(state, txn->ref);
    else if (strncmp(txn->ref, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        cdb_state_remember(state, txn->ref, head, time);
    if (txn->former != NULL)
        cdb_state_forget(state, txn->former);
}

int cdb_txn_commit(struct cdb_txn *txn, const struct cdb_oid *head, chrondb_time time)
{
    struct cdb_state after;
    int result = cdb_oid_is_zero(head) ? 0 : cdb_txn_rely(txn, &txn->base);
    if (result == 0)
        result = ready_journal(txn);
    if (result == 0 && txn->pack == NULL &&
        cdb_journal_plan(&txn->state, record_length(txn), txn->object_count) == CDB_JOURNAL_NO_ROOM)
        result = become_large(txn);
    if (result == 0)
        result = txn->pack != NULL ? cdb_pack_finish(txn->pack) : write_loose_files(txn);
    CDB_FAULT("objects-written");
    if (result == 0 && !cdb_oid_is_zero(head))
        result = cdb_publish_write(txn->repo, txn->ref_lock, head, txn->ref_inode);
    CDB_FAULT("ref-lock-written");
    after = txn->state;
    if (result == 0 && cdb_journal_plan(&after, record_length(txn), txn->object_count) == CDB_JOURNAL_SWITCH)
        result = cdb_journal_begin_generation(&after);
    if (result != 0)
        return result;
    struct cdb_state before = after;
    result = append(txn, head, time, &after, txn->journal);
    if (result == 0)
        result = publish(txn, head);
    if (result != 0) {
        take_back(txn->journal, &before);
        return result;
    }
    CDB_FAULT("ref-renamed");
    remember(txn, &after, head, time);
    txn->state = after;
    txn->repo->checkpoint_due = cdb_checkpoint_due(&after);
    txn->committed = true;
    return 0;
}

void cdb_txn_end(struct cdb_txn *txn)
{
    if (!txn->committed && txn->kept)
        cdb_objects_forget(txn->repo->objects);
    if (txn->ref_locked)
        cdb_publish_drop(txn->repo, txn->ref_lock, txn->ref_inode);
    if (txn->state_file >= 0) {
        cdb_publish_done(txn->repo);
        CDB_FAULT("ref-temporary-removed");
        txn->state.in_progress = 0;
        memset(txn->state.ref, 0, sizeof(txn->state.ref));
        (void)cdb_state_write(txn->state_file, &txn->state); /* failing, the next command recovers needlessly */
        close(txn->state_file);
    }
    if (txn->journal >= 0)
        close(txn->journal);
    CDB_FAULT("state-written");
    cdb_lock_release(&txn->lock);
    if (txn->mutex_held)
        pthread_mutex_unlock(&txn->repo->write_mutex);
    cdb_pack_free(txn->pack);
    if (txn->deflater != NULL)
        cdb_deflater_free(atomic_exchange(&txn->repo->deflater, txn->deflater));
    cdb_buf_release(&txn->objects);
    cdb_buf_release(&txn->scratch);
    free(txn->ref);
    free(txn->ref_lock);
    memset(txn, 0, sizeof(*txn));
}
