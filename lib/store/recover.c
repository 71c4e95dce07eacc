/* SPDX-License-Identifier: MIT
 *
 * After a writer that died, or a boot. Same boot: all files are as they were written; the last record is finished if
 * our lock on its branch still stands, else it never was. Another boot: what was not synced may be gone or empty, so
 * every journalled object is looked at, and every branch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/docs.h"
#include "store/edit.h"
#include "store/identity.h"
#include "store/lock.h"
#include "store/publish.h"
#include "store/refs.h"
#include "store/repo.h"
#include "store/timeline.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/time.h"

#define LOCK_WAIT_MS 30000

struct recovery {
    struct cdb_repo *repo;
    struct cdb_state *state;
    struct cdb_half halves[2]; /* by generation */
    int index[2];              /* which half of the file each is */
    size_t objects, refs;      /* put right */
};

/* What the journal says the state is; of the old one, only what does not depend on the boot. */
static void rebuild_state(struct recovery *recovery)
{
    struct cdb_state *state = recovery->state;
    const struct cdb_half *older = &recovery->halves[0], *newest = &recovery->halves[1];
    uint64_t known_to_be_packed = state->checkpointed;
    state->active = newest->generation == 0 ? 0 : (uint32_t)recovery->index[1];
    state->generation = newest->generation;
    state->salt = newest->salt;
    state->tail = newest->tail;
    state->objects = newest->objects;
    if (newest->last > state->sequence || newest->generation == 0)
        state->sequence = newest->last > state->sequence ? newest->last : state->sequence;
    bool older_counts = older->generation != 0 && older->generation + 1 == newest->generation;
    if (newest->generation == 0)
        state->checkpointed = 0;
    else if (!older_counts || known_to_be_packed >= newest->generation)
        state->checkpointed = newest->generation - 1;
    else
        state->checkpointed = known_to_be_packed < newest->generation - 2 ? newest->generation - 2 : known_to_be_packed;
    memcpy(state->boot, recovery->repo->boot, CDB_BOOT_SIZE);
}

static char *ref_of(const struct cdb_record *record)
{
    char *ref = strndup(record->ref, record->ref_len);
    if (ref == NULL)
        cdb_error_set_memory();
    return ref;
}

static char *lock_of(const char *ref)
{
    char *lock;
    if (asprintf(&lock, "%s.lock", ref) >= 0)
        return lock;
    cdb_error_set_memory();
    return NULL;
}

/* A record's ref is used as a path: only what chrondb itself would have written. */
static bool ref_is_sane(const char *ref)
{
    return cdb_ref_name_valid(ref) && strncmp(ref, "refs/", 5) == 0;
}

/* ---- the same boot ------------------------------------------------------------------------------- */

static bool last_record(const struct recovery *recovery, struct cdb_record *out, uint64_t *offset)
{
    bool found = false;
    uint64_t next = 0;
    struct cdb_record record;
    for (uint64_t at = 0; cdb_half_record(&recovery->halves[1], &next, &record); at = next) {
        *out = record;
        *offset = at;
        found = true;
    }
    return found;
}

static int sync_journal(const struct recovery *recovery)
{
    int fd = openat(recovery->repo->dir, CDB_JOURNAL_PATH, O_WRONLY | O_CLOEXEC);
    int result =
        fd >= 0 && fdatasync(fd) == 0 ? 0 : cdb_error_errno(CDB_JOURNAL_PATH, "cannot sync '%s'", CDB_JOURNAL_PATH);
    if (fd >= 0)
        close(fd);
    return result;
}

/* A record that was never published, and now cannot be: no later recovery may find it. */
static int take_back(struct recovery *recovery, uint64_t offset)
{
    static const char zeros[CDB_RECORD_HEADER];
    struct cdb_state *state = recovery->state;
    int fd = openat(recovery->repo->dir, CDB_JOURNAL_PATH, O_WRONLY | O_CLOEXEC);
    off_t at = (off_t)(state->active * CDB_JOURNAL_HALF + offset);
    bool good = fd >= 0 && cdb_fs_pwrite_full(fd, zeros, sizeof(zeros), at) == 0 && fdatasync(fd) == 0;
    int result = good ? 0 : cdb_error_errno(CDB_JOURNAL_PATH, "cannot write '%s'", CDB_JOURNAL_PATH);
    if (fd >= 0)
        close(fd);
    state->tail = offset;
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

static int finish_last_write(struct recovery *recovery, uint64_t acknowledged)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_record record;
    struct cdb_oid in_lock;
    uint64_t offset = 0;
    bool has_record = last_record(recovery, &record, &offset);
    char *ref = recovery->state->ref[0] != '\0' ? strdup(recovery->state->ref)
                : has_record                    ? ref_of(&record)
                                                : strdup("");
    char *lock = ref != NULL ? lock_of(ref) : NULL;
    int result = lock == NULL ? cdb_error_memory() : 0;
    if (result != 0 || !ref_is_sane(ref))
        goto out;
    bool ours = cdb_publish_is_ours(repo, lock, &in_lock);
    bool pending = has_record && record.sequence > acknowledged && record.ref_len == strlen(ref) &&
                   memcmp(record.ref, ref, record.ref_len) == 0;
    if (pending && ours && cdb_oid_equal(&in_lock, &record.after)) {
        result = sync_journal(recovery);
        CDB_FAULT("recover-before-rename");
        if (result == 0)
            result = cdb_publish_rename(repo, lock, ref);
        if (result == 0) {
            cdb_state_remember(recovery->state, ref, &record.after, record.time);
            cdb_repo_notice(repo, CHRONDB_NOTE, "finished the last write of a process that died");
        }
        goto out;
    }
    if (ours)
        cdb_publish_drop(repo, lock);
    if (pending) {
        result = is_published(repo, ref, &record.after);
        if (result == 1)
            cdb_state_remember(recovery->state, ref, &record.after, record.time);
        result = result == 0 ? take_back(recovery, offset) : result < 0 ? result : 0;
    }
out:
    free(ref);
    free(lock);
    return result;
}

/* ---- another boot: objects ------------------------------------------------------------------------- */

static int restore_objects(struct recovery *recovery, const struct cdb_record *record)
{
    struct cdb_repo *repo = recovery->repo;
    const unsigned char *cursor = record->objects;
    struct cdb_record_object object;
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0;
    while (result == 0 && cdb_record_object(record, &cursor, &object)) {
        int type;
        int found = cdb_objects_find(repo->objects, &object.oid, CDB_TREE_MAX, &type, &content);
        if (found == 0)
            continue;
        if (found == CHRONDB_ESYSTEM) {
            result = found;
            break;
        }
        cdb_buf_clear(&content);
        result = cdb_object_decode(&object.oid, object.loose, object.loose_len, CDB_TREE_MAX, &type, &content);
        if (result == 0)
            result = cdb_loose_write(repo->dir, &object.oid, object.loose, object.loose_len, false, false);
        recovery->objects++;
        CDB_FAULT("recover-object");
    }
    cdb_buf_release(&content);
    return result;
}

/* ---- another boot: branches ------------------------------------------------------------------------- */

/* Everything about one branch that the journal tells. */
struct branch {
    char *ref;
    struct cdb_oid head; /* after the last record */
    chrondb_time time;
};

static int publish(struct cdb_repo *repo, const char *ref, const struct cdb_oid *head)
{
    char *lock = lock_of(ref);
    int result = lock == NULL ? CHRONDB_ESYSTEM : cdb_publish_lock(repo, lock, LOCK_WAIT_MS);
    if (result == 0) {
        result = cdb_publish_write(repo, lock, head);
        CDB_FAULT("recover-ref-written");
        if (result == 0)
            result = cdb_publish_rename(repo, lock, ref);
        if (result != 0)
            cdb_publish_drop(repo, lock);
    }
    cdb_publish_done(repo);
    free(lock);
    return result;
}

struct loose_writer {
    int dir;
    struct cdb_deflater *deflater;
    struct cdb_buf loose;
};

static int emit_loose(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    struct loose_writer *writer = context;
    cdb_buf_clear(&writer->loose);
    int result = cdb_object_encode(writer->deflater, type, data, len, &writer->loose);
    return result != 0 ? result : cdb_loose_write(writer->dir, oid, writer->loose.ptr, writer->loose.len, true, false);
}

/* The newest head before the cut that the pushed one stands on; zeros if there is none. */
static int find_common(struct recovery *recovery, const struct branch *branch, const struct cdb_oid *pushed,
                       struct cdb_oid *out)
{
    size_t len = strlen(branch->ref);
    int result = 0;
    memset(out, 0, sizeof(*out));
    for (int i = 0; i < 2; i++) { /* oldest first: a later one that fits replaces it */
        struct cdb_record record;
        for (uint64_t offset = 0; result == 0 && cdb_half_record(&recovery->halves[i], &offset, &record);) {
            bool contained = false;
            if (record.ref_len != len || memcmp(record.ref, branch->ref, len) != 0 || cdb_oid_is_zero(&record.before))
                continue;
            result = cdb_timeline_contains(recovery->repo->objects, pushed, &record.before, &contained);
            if (contained)
                *out = record.before;
        }
    }
    return result;
}

static int tree_of(struct cdb_repo *repo, const struct cdb_oid *commit_id, struct cdb_oid *tree)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    int result = 0;
    memset(tree, 0, sizeof(*tree));
    if (!cdb_oid_is_zero(commit_id)) {
        result = cdb_commit_read(repo->objects, commit_id, &content, &commit);
        if (result == 0)
            *tree = commit.tree;
    }
    cdb_buf_release(&content);
    return result;
}

/* Our documents, with what the push changed since `common`: the push came later, so it wins key by key; the versions
 * that it replaces are in the history. */
static int merge_trees(struct cdb_repo *repo, const struct cdb_oid *common, const struct cdb_oid *ours,
                       const struct cdb_oid *pushed, struct loose_writer *writer, struct cdb_oid *tree)
{
    struct cdb_oid common_tree, our_tree, pushed_tree;
    struct cdb_changes changes = {0};
    struct cdb_key *keys = NULL;
    struct cdb_edit *edits = NULL;
    int result = tree_of(repo, common, &common_tree);
    if (result == 0)
        result = tree_of(repo, ours, &our_tree);
    if (result == 0)
        result = tree_of(repo, pushed, &pushed_tree);
    if (result == 0)
        result = cdb_docs_diff(repo->objects, &common_tree, &pushed_tree, &changes);
    if (result != 0)
        goto out;
    keys = malloc((changes.count + 1) * sizeof(*keys));
    edits = malloc((changes.count + 1) * sizeof(*edits));
    if (keys == NULL || edits == NULL) {
        result = cdb_error_memory();
        goto out;
    }
    for (size_t i = 0; result == 0 && i < changes.count; i++) {
        result = cdb_key_parse(&keys[i], changes.changes[i].key, changes.changes[i].key_len);
        edits[i] = (struct cdb_edit){&keys[i], changes.changes[i].new_blob};
    }
    struct cdb_edit_request request = {.objects = repo->objects,
                                       .root = our_tree,
                                       .edits = edits,
                                       .count = changes.count,
                                       .emit = emit_loose,
                                       .emit_context = writer};
    if (result == 0)
        result = cdb_docs_edit(&request, tree);
out:
    cdb_changes_release(&changes);
    free(keys);
    free(edits);
    return result;
}

static int write_merge(struct cdb_repo *repo, const struct branch *branch, const struct cdb_oid *pushed,
                       const struct cdb_oid *tree, struct loose_writer *writer, struct cdb_oid *out, chrondb_time *time)
{
    struct cdb_oid parents[2] = {branch->head, *pushed};
    struct cdb_buf author = CDB_BUF_INIT, content = CDB_BUF_INIT;
    int result = cdb_identity(repo->path, NULL, &author);
    *time = cdb_time_effective(cdb_time_now(), &branch->time);
    struct cdb_commit_spec spec = {.tree = *tree,
                                   .parents = parents,
                                   .parent_count = 2,
                                   .author = cdb_buf_str(&author),
                                   .committer = cdb_buf_str(&author),
                                   .time = *time,
                                   .message =
                                       "merge what was pushed after a power cut with what was written before it"};
    if (result == 0) {
        cdb_commit_encode(&content, &spec);
        result = cdb_buf_check(&content);
    }
    if (result == 0)
        result = cdb_object_hash(out, CDB_COMMIT, content.ptr, content.len);
    if (result == 0)
        result = emit_loose(writer, CDB_COMMIT, content.ptr, content.len, out);
    cdb_buf_release(&author);
    cdb_buf_release(&content);
    return result;
}

static int merge_branch(struct recovery *recovery, struct branch *branch, const struct cdb_oid *pushed)
{
    struct cdb_repo *repo = recovery->repo;
    struct loose_writer writer = {.dir = repo->dir};
    struct cdb_oid common, tree, merge;
    chrondb_time time;
    int result = cdb_deflater_new(&writer.deflater);
    if (result == 0)
        result = find_common(recovery, branch, pushed, &common);
    if (result == 0)
        result = merge_trees(repo, &common, &branch->head, pushed, &writer, &tree);
    if (result == 0)
        result = write_merge(repo, branch, pushed, &tree, &writer, &merge, &time);
    if (result == 0)
        result = publish(repo, branch->ref, &merge);
    if (result == 0) {
        branch->head = merge;
        branch->time = time;
        cdb_repo_notice(repo, CHRONDB_WARNING,
                        "'%s' was pushed to after a power cut: merged with the writes from before it", branch->ref);
    }
    cdb_deflater_free(writer.deflater);
    cdb_buf_release(&writer.loose);
    return result;
}

static int recover_branch(struct recovery *recovery, struct branch *branch)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_oid now;
    bool contained = false, behind = false;
    int status = cdb_ref_read(repo->dir, branch->ref, &now);
    if (status == CHRONDB_ESYSTEM)
        return status;
    bool lost = status != 0; /* no ref, or an empty file */
    if (!lost && cdb_oid_equal(&now, &branch->head))
        return 0;
    if (!lost) {
        status = cdb_timeline_contains(repo->objects, &now, &branch->head, &contained);
        if (status == CHRONDB_ESYSTEM)
            return status;
        lost = status != 0; /* it names what did not survive */
    }
    if (!lost && contained)
        return 0;
    if (!lost && (status = cdb_timeline_contains(repo->objects, &branch->head, &now, &behind)) != 0)
        return status;
    recovery->refs++;
    if (lost || behind)
        return publish(repo, branch->ref, &branch->head);
    return merge_branch(recovery, branch, &now);
}

/* Is this the branch's last record of those that no checkpoint has made durable? */
static bool is_last_of_branch(const struct recovery *recovery, const struct cdb_record *record)
{
    for (int i = 0; i < 2; i++) {
        struct cdb_record other;
        for (uint64_t offset = 0; cdb_half_record(&recovery->halves[i], &offset, &other);)
            if (other.sequence > record->sequence && other.ref_len == record->ref_len &&
                memcmp(other.ref, record->ref, record->ref_len) == 0)
                return false;
    }
    return true;
}

static int replay(struct recovery *recovery)
{
    struct cdb_record record;
    int result = 0;
    for (int i = 0; result == 0 && i < 2; i++) {
        const struct cdb_half *half = &recovery->halves[i];
        if (half->generation <= recovery->state->checkpointed)
            continue;
        for (uint64_t offset = 0; result == 0 && cdb_half_record(half, &offset, &record);)
            result = restore_objects(recovery, &record);
    }
    for (int i = 0; result == 0 && i < 2; i++) {
        const struct cdb_half *half = &recovery->halves[i];
        if (half->generation <= recovery->state->checkpointed)
            continue;
        for (uint64_t offset = 0; result == 0 && cdb_half_record(half, &offset, &record);) {
            if (!is_last_of_branch(recovery, &record))
                continue;
            struct branch branch = {ref_of(&record), record.after, record.time};
            if (branch.ref == NULL)
                result = CHRONDB_ESYSTEM;
            else if (ref_is_sane(branch.ref))
                result = recover_branch(recovery, &branch);
            if (result == 0)
                cdb_state_remember(recovery->state, branch.ref, &branch.head, branch.time);
            free(branch.ref);
        }
    }
    return result;
}

/* ---- both -------------------------------------------------------------------------------------- */

static void sweep_locks(struct cdb_repo *repo)
{
    static const char *const locks[] = {"HEAD.lock", "packed-refs.lock", "config.lock"};
    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
        if (cdb_git_lock_sweep(repo->dir, repo->path, locks[i]))
            cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", locks[i]);
}

/* A lock of ours from before a power cut, where both links survived it. */
static void drop_own_lock(struct recovery *recovery)
{
    struct cdb_oid content;
    const char *ref = recovery->state->ref;
    char *lock = ref[0] != '\0' && ref_is_sane(ref) ? lock_of(ref) : NULL;
    if (lock != NULL && cdb_publish_is_ours(recovery->repo, lock, &content))
        cdb_publish_drop(recovery->repo, lock);
    free(lock);
}

static int write_state(struct recovery *recovery)
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

int cdb_recover(struct cdb_repo *repo, struct cdb_state *state)
{
    struct recovery recovery = {.repo = repo, .state = state};
    bool same_boot = cdb_fs_boot_known(repo->boot) && memcmp(state->boot, repo->boot, CDB_BOOT_SIZE) == 0;
    uint64_t acknowledged = state->sequence;
    int result = cdb_journal_read(repo->dir, recovery.halves, recovery.index);
    if (result != 0)
        goto out;
    rebuild_state(&recovery);
    if (same_boot) {
        result = finish_last_write(&recovery, acknowledged);
    } else {
        drop_own_lock(&recovery);
        result = replay(&recovery);
        CDB_FAULT("recover-replayed");
        if (result == 0 && syncfs(repo->dir) != 0)
            result = cdb_error_errno(repo->path, "cannot sync '%s'", repo->path);
        if (result == 0 && recovery.objects + recovery.refs > 0)
            cdb_repo_notice(repo, CHRONDB_NOTE, "recovered %zu objects and %zu branches after a power cut",
                            recovery.objects, recovery.refs);
    }
    if (result == 0) {
        sweep_locks(repo);
        cdb_publish_done(repo);
        cdb_loose_sweep(repo->dir);
        unlinkat(repo->dir, "objects/pack/tmp_pack_chrondb_w", 0);
        unlinkat(repo->dir, "objects/pack/tmp_idx_chrondb_w", 0);
        result = write_state(&recovery);
    }
out:
    cdb_half_release(&recovery.halves[0]);
    cdb_half_release(&recovery.halves[1]);
    if (result != 0)
        cdb_error_context("cannot recover the database at '%s'", repo->path);
    return result;
}
