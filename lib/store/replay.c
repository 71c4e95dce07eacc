/* SPDX-License-Identifier: MIT
 *
 * After a power cut: files that were not synced may be gone, empty or full of zeros, also where their names survived.
 * The journal has every object that no checkpoint has made durable, and where every branch was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/docs.h"
#include "store/edit.h"
#include "store/identity.h"
#include "store/publish.h"
#include "store/recovery.h"
#include "store/refs.h"
#include "store/retire.h"
#include "store/timeline.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/time.h"

#define PUSHED_MAX  1000 /* commits of a push that are looked at */
#define FOLDER_SIZE 11   /* "objects/xx" */
#define REF_DEPTH   16

static int sync_all(const struct cdb_repo *repo)
{
    return syncfs(repo->dir) == 0 ? 0 : cdb_error_errno(repo->path, "cannot sync '%s'", repo->path);
}

/* ---- objects ------------------------------------------------------------------------------------- */

/* Half-written loose objects of writes that never came to their commit point, and of pushes: nothing needs them, and
 * git fsck calls them damage. Those that are needed are in the journal. */
static void remove_torn(struct cdb_recovery *recovery)
{
    int dir = recovery->repo->dir;
    for (unsigned first = 0; first < 256; first++) {
        char folder[FOLDER_SIZE], path[CDB_LOOSE_PATH];
        snprintf(folder, sizeof(folder), "objects/%02x", first & 0xff);
        DIR *listing = cdb_fs_opendir(dir, folder);
        if (listing == NULL)
            continue;
        for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
            if (strlen(entry->d_name) != CDB_OID_HEX - 2)
                continue;
            snprintf(path, sizeof(path), "%s/%.38s", folder, entry->d_name);
            recovery->torn += cdb_loose_is_torn(dir, path) && unlinkat(dir, path, 0) == 0;
        }
        closedir(listing);
    }
}

static int restore(struct cdb_recovery *recovery, const struct cdb_record_object *object, struct cdb_buf *content)
{
    char path[CDB_LOOSE_PATH];
    int type, dir = recovery->repo->dir;
    cdb_buf_clear(content);
    int result = cdb_object_decode(&object->oid, object->loose, object->loose_len, CDB_TREE_MAX, &type, content);
    if (result != 0)
        return result;
    cdb_loose_path(&object->oid, path);
    if (unlinkat(dir, path, 0) != 0 && errno != ENOENT)
        return cdb_error_errno(path, "cannot remove '%s'", path);
    result = cdb_loose_write(dir, &object->oid, object->loose, object->loose_len, false, false);
    recovery->objects++;
    CDB_FAULT("recover-object");
    return result;
}

/* `files` reads what is on disk, without help of the journal. */
static int restore_objects(struct cdb_recovery *recovery, struct cdb_objects *files)
{
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0;
    for (size_t i = 0; result == 0 && i < recovery->record_count; i++) {
        const struct cdb_record *record = &recovery->records[i];
        const unsigned char *cursor = record->objects;
        struct cdb_record_object object;
        if (record->generation <= recovery->state->checkpointed && !recovery->records_lost)
            continue;
        while (result == 0 && cdb_record_object(record, &cursor, &object)) {
            int type, found = cdb_objects_find(files, &object.oid, CDB_TREE_MAX, &type, &content);
            if (found == CHRONDB_ESYSTEM)
                result = found;
            else if (found != 0)
                result = restore(recovery, &object, &content);
        }
    }
    cdb_buf_release(&content);
    return result;
}

/* ---- moving a branch ------------------------------------------------------------------------------ */

/* The journal knows nothing of a merge: if the power goes again, the new name must not come without its content. */
static int sync_written(const struct cdb_repo *repo, const char *path)
{
    int fd = openat(repo->dir, path, O_RDONLY | O_CLOEXEC);
    int result = fd >= 0 && fsync(fd) == 0 ? 0 : cdb_error_errno(path, "cannot sync '%s'", path);
    if (fd >= 0)
        close(fd);
    return result;
}

static int publish(struct cdb_recovery *recovery, const char *ref, const struct cdb_oid *head)
{
    struct cdb_repo *repo = recovery->repo;
    char *lock = cdb_recovery_lock_name(ref);
    ino_t inode;
    int result = lock == NULL ? CHRONDB_ESYSTEM : cdb_publish_lock(repo, lock, recovery->wait_ms, &inode);
    if (result == 0) {
        result = cdb_publish_write(repo, lock, head, inode);
        if (result == 0)
            result = sync_written(repo, lock);
        CDB_FAULT("recover-ref-written");
        if (result == 0)
            result = cdb_publish_rename(repo, lock, ref, inode);
        if (result != 0)
            cdb_publish_drop(repo, lock, inode);
    }
    cdb_publish_done(repo);
    free(lock);
    recovery->refs++;
    return result;
}

/* ---- what was pushed after the cut ---------------------------------------------------------------- */

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

static int tree_of(struct cdb_objects *objects, const struct cdb_oid *commit_id, struct cdb_oid *tree)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    int result = 0;
    memset(tree, 0, sizeof(*tree));
    if (!cdb_oid_is_zero(commit_id)) {
        result = cdb_commit_read(objects, commit_id, &content, &commit);
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
    int result = tree_of(repo->objects, common, &common_tree);
    if (result == 0)
        result = tree_of(repo->objects, ours, &our_tree);
    if (result == 0)
        result = tree_of(repo->objects, pushed, &pushed_tree);
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

static int write_merge(struct cdb_repo *repo, const struct cdb_branch *branch, const struct cdb_oid *pushed,
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

static int merge_branch(struct cdb_recovery *recovery, struct cdb_branch *branch, const struct cdb_oid *pushed)
{
    struct cdb_repo *repo = recovery->repo;
    struct loose_writer writer = {.dir = repo->dir};
    struct cdb_oid common, tree, merge;
    chrondb_time time;
    int result = cdb_deflater_new(&writer.deflater);
    if (result == 0)
        result = cdb_timeline_common(repo->objects, &branch->head, pushed, &common);
    if (result == 0)
        result = merge_trees(repo, &common, &branch->head, pushed, &writer, &tree);
    if (result == 0)
        result = write_merge(repo, branch, pushed, &tree, &writer, &merge, &time);
    if (result == 0)
        result = sync_all(repo); /* git has synced nothing of the push, and the journal knows nothing of the merge */
    CDB_FAULT("recover-merged");
    if (result == 0)
        result = publish(recovery, branch->ref, &merge);
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

/* ---- branches ------------------------------------------------------------------------------------- */

/* Did the branch once stand there, as the journal tells? */
static bool is_journalled(const struct cdb_recovery *recovery, const char *ref, const struct cdb_oid *head)
{
    size_t len = strlen(ref);
    for (size_t i = 0; i < recovery->record_count; i++) {
        const struct cdb_record *record = &recovery->records[i];
        if (record->ref_len == len && memcmp(record->ref, ref, len) == 0 &&
            (cdb_oid_equal(&record->before, head) || cdb_oid_equal(&record->after, head)))
            return true;
        if (record->former_len == len && memcmp(record->former, ref, len) == 0 && cdb_oid_equal(&record->after, head))
            return true;
    }
    return false;
}

/* Are the documents and trees there that a commit changed? *parent becomes zeros if it has none. 0 or an error. */
static int check_commit(struct cdb_objects *objects, const struct cdb_oid *commit_id, struct cdb_oid *parent)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_changes changes = {0};
    struct cdb_commit commit;
    struct cdb_oid tree, before;
    int type, result = cdb_commit_read(objects, commit_id, &content, &commit);
    memset(parent, 0, sizeof(*parent));
    if (result == 0) {
        tree = commit.tree;
        if (commit.parent_count > 0)
            *parent = cdb_commit_parent(&commit, 0);
        result = tree_of(objects, parent, &before);
    }
    if (result == 0)
        result = cdb_docs_diff(objects, &before, &tree, &changes);
    for (size_t i = 0; result == 0 && i < changes.count; i++)
        if (!cdb_oid_is_zero(&changes.changes[i].new_blob))
            result = cdb_objects_find(objects, &changes.changes[i].new_blob, CHRONDB_MAX_DOCUMENT, &type, &content);
    cdb_changes_release(&changes);
    cdb_buf_release(&content);
    return result == 1 ? CHRONDB_EDAMAGED : result;
}

int cdb_push_survived(struct cdb_objects *objects, const struct cdb_oid *head,
                      bool (*is_ours)(const void *context, const struct cdb_oid *commit), const void *context)
{
    struct cdb_oid at = *head, parent;
    int result = 0;
    for (int i = 0; result == 0 && i < PUSHED_MAX && !cdb_oid_is_zero(&at) && !is_ours(context, &at); i++) {
        result = check_commit(objects, &at, &parent);
        at = parent;
    }
    return result == CHRONDB_EDAMAGED ? 0 : result < 0 ? result : 1;
}

struct standing {
    const struct cdb_recovery *recovery;
    const char *ref;
    const struct cdb_oid *base;
};

static bool is_ours(const void *context, const struct cdb_oid *commit)
{
    const struct standing *standing = context;
    return cdb_oid_equal(commit, standing->base) || is_journalled(standing->recovery, standing->ref, commit);
}

/* A head that is not ours was pushed on top of `base`; did it survive? 1, 0, or an error. */
static int survived(struct cdb_recovery *recovery, const char *ref, const struct cdb_oid *head,
                    const struct cdb_oid *base)
{
    struct standing standing = {recovery, ref, base};
    return cdb_push_survived(recovery->repo->objects, head, is_ours, &standing);
}

static int put_back(struct cdb_recovery *recovery, const char *ref, const struct cdb_oid *head, bool was_pushed)
{
    if (was_pushed)
        cdb_repo_notice(recovery->repo, CHRONDB_WARNING,
                        "what was pushed to '%s' before a power cut did not survive it: back to the last write", ref);
    return publish(recovery, ref, head);
}

/* It was deleted, or got another name. What was pushed there later stays. */
static int recover_deletion(struct cdb_recovery *recovery, const struct cdb_branch *branch, bool durable)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_oid now;
    char *to = branch->new_name != NULL ? strndup(branch->new_name, branch->new_name_len) : NULL;
    int status = cdb_ref_read(repo->dir, branch->ref, &now);
    bool head = to != NULL && cdb_ref_is_head(repo->dir, branch->ref) == 1, remove = status != 1 && !durable;
    if (status == 0 && remove && !is_journalled(recovery, branch->ref, &now)) {
        int alive = survived(recovery, branch->ref, &now, &branch->head);
        remove = alive == 0;
        status = alive < 0 ? alive : 0;
    }
    if (status != CHRONDB_ESYSTEM && (remove || (head && status == 1))) {
        recovery->refs++;
        status = cdb_retire_now(repo, branch->ref, head ? to : NULL, recovery->wait_ms);
    }
    free(to);
    return status == 1 || status == CHRONDB_EDAMAGED ? 0 : status;
}

static bool is_branch(const struct cdb_branch *branch)
{
    return strncmp(branch->ref, CDB_HEADS, strlen(CDB_HEADS)) == 0;
}

/* The branch contains our head already: nothing; is behind it: forward; has diverged: merged. What a checkpoint has
 * made durable can only be lost, by a push that was not. */
static int recover_branch(struct cdb_recovery *recovery, struct cdb_branch *branch)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_oid now;
    bool contained = false;
    int status = cdb_ref_read(repo->dir, branch->ref, &now);
    if (status == CHRONDB_ESYSTEM)
        return status;
    if (status == 0 && cdb_oid_equal(&now, &branch->head))
        return 0;
    bool durable = branch->generation <= recovery->state->checkpointed && !recovery->records_lost;
    if (cdb_oid_is_zero(&branch->head))
        return recover_deletion(recovery, branch, durable);
    if (status != 0)
        return status == 1 && durable ? 0 : put_back(recovery, branch->ref, &branch->head, false);
    if (is_journalled(recovery, branch->ref, &now))
        return durable ? 0 : publish(recovery, branch->ref, &branch->head);
    if (!is_branch(branch)) /* a tag that git has moved */
        return 0;
    status = survived(recovery, branch->ref, &now, &branch->head);
    if (status == 0)
        return put_back(recovery, branch->ref, &branch->head, true);
    if (status < 0 || durable)
        return status < 0 ? status : 0;
    status = cdb_timeline_contains(repo->objects, &now, &branch->head, &contained);
    if (status == 0 && !contained) {
        bool behind = false;
        status = cdb_timeline_contains(repo->objects, &branch->head, &now, &behind);
        if (status == 0)
            status = behind ? publish(recovery, branch->ref, &branch->head) : merge_branch(recovery, branch, &now);
    }
    return status;
}

static int recover_branches(struct cdb_recovery *recovery)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < recovery->branch_count; i++) {
        struct cdb_branch *branch = &recovery->branches[i];
        result = recover_branch(recovery, branch);
        if (result == 0 && cdb_oid_is_zero(&branch->head))
            cdb_state_forget(recovery->state, branch->ref);
        else if (result == 0 && is_branch(branch) && branch->generation > recovery->state->checkpointed)
            cdb_state_remember(recovery->state, branch->ref, &branch->head, branch->time);
    }
    return result;
}

/* A branch that the journal has forgotten: only a push can have been lost there; the state may know where it was. */
static int recover_known(struct cdb_recovery *recovery, const char *ref)
{
    const struct cdb_known *known = cdb_state_find_ref(recovery->state, ref);
    struct cdb_oid now, head;
    int status = known == NULL ? 1 : cdb_ref_read(recovery->repo->dir, ref, &now);
    if (known == NULL || (status == 0 && cdb_oid_equal(&now, &known->oid)))
        return 0;
    for (size_t i = 0; i < recovery->branch_count; i++)
        if (strcmp(recovery->branches[i].ref, ref) == 0)
            return 0;
    head = known->oid;
    if (status == 0)
        status = survived(recovery, ref, &now, &head) == 0 ? CHRONDB_EDAMAGED : 0;
    return status == CHRONDB_EDAMAGED ? put_back(recovery, ref, &head, true) : 0;
}

/* Git syncs no refs: one may be there without what it held. */
static bool is_torn_ref(int dir, const char *ref)
{
    char text[CDB_OID_HEX];
    ssize_t n = cdb_fs_read_head(dir, ref, text, sizeof(text));
    bool zeros = n >= 0 && cdb_fs_exists(dir, ref);
    for (ssize_t i = 0; i < n; i++)
        zeros = zeros && text[i] == '\0';
    return zeros;
}

/* Nobody knows what it held, and git takes no push while it is there. It is what packed-refs says, or gone. */
static int remove_torn_ref(struct cdb_recovery *recovery, const char *ref)
{
    struct cdb_repo *repo = recovery->repo;
    char *lock = cdb_recovery_lock_name(ref);
    ino_t inode;
    int result = lock == NULL ? CHRONDB_ESYSTEM : cdb_publish_lock(repo, lock, recovery->wait_ms, &inode);
    if (result == 0) {
        if (is_torn_ref(repo->dir, ref) && unlinkat(repo->dir, ref, 0) == 0) {
            cdb_repo_notice(repo, CHRONDB_WARNING, "what was pushed to '%s' before a power cut did not survive it",
                            ref);
            recovery->refs++;
        }
        cdb_publish_drop(repo, lock, inode);
    }
    cdb_publish_done(repo);
    free(lock);
    return result;
}

/* One that HEAD names stays, and so do all where our own records are gone: a database that has lost something shall not
 * look like one that never had it. */
static int recover_ref(struct cdb_recovery *recovery, const char *ref)
{
    int result = recover_known(recovery, ref);
    if (result != 0 || recovery->state->generation == 0 || recovery->records_lost ||
        !is_torn_ref(recovery->repo->dir, ref))
        return result;
    result = cdb_ref_is_head(recovery->repo->dir, ref);
    return result == 0 ? remove_torn_ref(recovery, ref) : result == 1 ? 0 : result;
}

static int recover_refs_below(struct cdb_recovery *recovery, const char *folder, int depth)
{
    DIR *listing = cdb_fs_opendir(recovery->repo->dir, folder);
    struct cdb_buf path = CDB_BUF_INIT;
    int result = 0;
    if (listing == NULL)
        return 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;) {
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        cdb_buf_clear(&path);
        cdb_buf_addf(&path, "%s/%s", folder, entry->d_name);
        if ((result = cdb_buf_check(&path)) != 0)
            break;
        if (fstatat(recovery->repo->dir, path.ptr, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            result = depth > 0 ? recover_refs_below(recovery, path.ptr, depth - 1) : 0;
        else if (S_ISREG(st.st_mode) && cdb_recovery_ref_is_sane(path.ptr))
            result = recover_ref(recovery, path.ptr);
    }
    closedir(listing);
    cdb_buf_release(&path);
    return result;
}

/* ---- locks ---------------------------------------------------------------------------------------- */

static void drop_if_ours(struct cdb_repo *repo, const char *ref)
{
    struct cdb_oid content;
    char *lock = ref[0] != '\0' && cdb_recovery_ref_is_sane(ref) ? cdb_recovery_lock_name(ref) : NULL;
    ino_t inode;
    if (lock != NULL && cdb_publish_is_ours(repo, lock, &content, &inode))
        cdb_publish_drop(repo, lock, inode);
    free(lock);
}

/* A lock of ours from before the cut, where both links survived it. Which branch's, the state may not know any more. */
static void drop_own_locks(struct cdb_recovery *recovery)
{
    struct cdb_buf head = CDB_BUF_INIT;
    drop_if_ours(recovery->repo, recovery->state->ref);
    for (size_t i = 0; i < recovery->branch_count; i++)
        drop_if_ours(recovery->repo, recovery->branches[i].ref);
    if (cdb_ref_branch(recovery->repo->dir, NULL, &head) == 0)
        drop_if_ours(recovery->repo, head.ptr);
    cdb_buf_release(&head);
}

/* ---- all ------------------------------------------------------------------------------------------ */

/* A record that was cut short, but whose header survived, would pass for one that the state does not know of. */
static void clear_tail(const struct cdb_recovery *recovery)
{
    static const char zeros[CDB_RECORD_HEADER];
    const struct cdb_state *state = recovery->state;
    if (state->generation == 0 || state->tail + sizeof(zeros) > CDB_JOURNAL_HALF)
        return;
    int fd = openat(recovery->repo->dir, CDB_JOURNAL_PATH, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)cdb_fs_pwrite_full(fd, zeros, sizeof(zeros), (off_t)(state->active * CDB_JOURNAL_HALF + state->tail));
    close(fd);
}

int cdb_replay(struct cdb_recovery *recovery)
{
    struct cdb_repo *repo = recovery->repo;
    struct cdb_objects *files = NULL;
    int result = cdb_objects_new(&files, repo->dir);
    drop_own_locks(recovery);
    if (result == 0) {
        remove_torn(recovery);
        result = restore_objects(recovery, files);
    }
    if (result == 0)
        result = recover_branches(recovery);
    if (result == 0)
        result = recover_refs_below(recovery, "refs", REF_DEPTH);
    if (result == 0)
        clear_tail(recovery);
    if (result == 0 && (recovery->records_lost || recovery->objects + recovery->refs + recovery->torn > 0))
        result = sync_all(repo);
    if (result == 0 && recovery->objects + recovery->refs > 0)
        cdb_repo_notice(repo, CHRONDB_NOTE, "recovered %zu objects and %zu branches after a power cut",
                        recovery->objects, recovery->refs);
    if (result == 0 && recovery->torn > 0)
        cdb_repo_notice(repo, CHRONDB_NOTE, "removed %zu half-written objects", recovery->torn);
    cdb_objects_free(files);
    return result;
}
