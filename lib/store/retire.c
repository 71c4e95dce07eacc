/* SPDX-License-Identifier: MIT
 *
 * Format source: git's documentation of packed-refs, gitrepository-layout(5); the order of the steps is that of git's
 * files backend. */
#include "store/retire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define PACKED_REFS      "packed-refs"
#define PACKED_REFS_LOCK "packed-refs.lock"
#define HEAD_LOCK        "HEAD.lock"
#define LOCKS            "chrondb/retire.tmp"
#define UNPACKED         "chrondb/unpacked.tmp"
#define NEW_HEAD         "chrondb/head.tmp"
#define PACKED_MAX       ((size_t)1 << 30)

/* ---- the file packed-refs ------------------------------------------------------------------------- */

bool cdb_packed_refs_without(const char *text, size_t len, const char *ref, struct cdb_buf *out)
{
    size_t ref_len = strlen(ref);
    bool found = false, skip = false;
    for (size_t at = 0; at < len;) {
        const char *line = text + at, *newline = memchr(line, '\n', len - at);
        size_t line_len = newline != NULL ? (size_t)(newline - line) + 1 : len - at;
        size_t bare = line_len - (newline != NULL);
        if (line[0] != '^') /* such a line belongs to the one before */
            skip = bare == CDB_OID_HEX + 1 + ref_len && line[CDB_OID_HEX] == ' ' &&
                   memcmp(line + CDB_OID_HEX + 1, ref, ref_len) == 0;
        if (!skip)
            cdb_buf_add(out, line, line_len);
        found = found || skip;
        at += line_len;
    }
    return found;
}

/* ---- temporary files ------------------------------------------------------------------------------ */

/* A fresh file, never one that is another link of something that counts. */
static int write_fresh(int dir, const char *path, const void *data, size_t len, mode_t mode, bool sync)
{
    unlinkat(dir, path, 0);
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cdb_error_errno(path, "cannot create '%s'", path);
    bool good = (mode == 0 || fchmod(fd, mode) == 0) && cdb_fs_write_full(fd, data, len) == 0;
    int result = good && (!sync || fsync(fd) == 0) ? 0 : cdb_error_errno(path, "cannot write '%s'", path);
    close(fd);
    return result;
}

/* The permissions that a file has; 0 if there is none. */
static mode_t mode_of(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ? st.st_mode & 07777 : 0;
}

static ino_t inode_of(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

void cdb_retire_sweep(int dir)
{
    char lock[CDB_REF_NAME_MAX + 8] = "";
    ssize_t n = cdb_fs_read_head(dir, LOCKS, lock, sizeof(lock) - 1);
    if (n > 5 && strncmp(lock, "refs/", 5) == 0 && strcmp(lock + n - 5, ".lock") == 0) {
        lock[n - 5] = '\0';
        bool valid = cdb_ref_name_valid(lock);
        lock[n - 5] = '.';
        if (valid)
            cdb_git_lock_drop(dir, LOCKS, lock);
    }
    cdb_git_lock_drop(dir, LOCKS, PACKED_REFS_LOCK);
    cdb_git_lock_drop(dir, LOCKS, HEAD_LOCK);
    unlinkat(dir, LOCKS, 0);
    unlinkat(dir, UNPACKED, 0);
    unlinkat(dir, NEW_HEAD, 0);
}

/* ---- locks ---------------------------------------------------------------------------------------- */

static int take(struct cdb_retire *retire, const char *lock, int64_t deadline, ino_t *inode)
{
    struct cdb_repo *repo = retire->repo;
    bool removed = false;
    int64_t left = deadline - cdb_monotonic_ms();
    int result = cdb_git_lock_take(repo->dir, repo->path, LOCKS, lock, left > 0 ? (int)left : 0, &removed);
    if (removed)
        cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", lock);
    *inode = result == 0 ? inode_of(repo->dir, lock) : 0;
    return result;
}

/* What somebody else has put in the lock's place stays. */
static void drop(const struct cdb_retire *retire, const char *lock, ino_t *inode)
{
    if (*inode != 0 && inode_of(retire->repo->dir, lock) == *inode)
        unlinkat(retire->repo->dir, lock, 0);
    *inode = 0;
}

/* Somebody removed it, as git advises people to do, and perhaps a git has its own there now. */
static int check_lock(const struct cdb_retire *retire, const char *lock, ino_t inode)
{
    if (inode == 0 || inode_of(retire->repo->dir, lock) == inode)
        return 0;
    int result = cdb_error(CHRONDB_EBUSY, "busy", "somebody removed our lock '%s'; try again", lock);
    cdb_error_set_path(lock);
    return result;
}

/* ---- preparing ------------------------------------------------------------------------------------ */

static int unpack(struct cdb_retire *retire)
{
    struct cdb_buf before = CDB_BUF_INIT, after = CDB_BUF_INIT;
    int dir = retire->repo->dir, result = cdb_fs_read(dir, PACKED_REFS, PACKED_MAX, &before);
    if (result == 0 && cdb_packed_refs_without(cdb_buf_str(&before), before.len, retire->ref, &after)) {
        result = cdb_buf_check(&after);
        if (result == 0)
            result = write_fresh(dir, UNPACKED, cdb_buf_str(&after), after.len, mode_of(dir, PACKED_REFS), true);
        retire->unpack = result == 0;
        retire->known = result == 0 && cdb_ref_read(dir, retire->ref, &retire->old) == 0;
    }
    cdb_buf_release(&before);
    cdb_buf_release(&after);
    return result == 1 ? 0 : result;
}

static int write_head(struct cdb_retire *retire, const char *target, bool sync)
{
    struct cdb_buf text = CDB_BUF_INIT;
    int dir = retire->repo->dir;
    cdb_buf_addf(&text, "ref: %s\n", target);
    int result = cdb_buf_check(&text);
    if (result == 0)
        result = write_fresh(dir, NEW_HEAD, cdb_buf_str(&text), text.len, mode_of(dir, "HEAD"), sync);
    cdb_buf_release(&text);
    return result;
}

static int prepare_head(struct cdb_retire *retire, int64_t deadline)
{
    int result = take(retire, HEAD_LOCK, deadline, &retire->head_inode);
    if (result != 0)
        return result;
    result = cdb_ref_target(retire->repo->dir, "HEAD", &retire->old_head);
    if (result != 1)
        cdb_buf_clear(&retire->old_head);
    if (retire->ref != NULL && result < 0)
        return result;
    retire->move_head = retire->ref == NULL || strcmp(cdb_buf_str(&retire->old_head), retire->ref) == 0;
    return retire->move_head ? write_head(retire, retire->to, true) : 0;
}

int cdb_retire_prepare(struct cdb_retire *retire, struct cdb_repo *repo, const char *ref, bool lock, const char *to,
                       int timeout_ms)
{
    int64_t deadline = cdb_monotonic_ms() + timeout_ms;
    *retire = (struct cdb_retire){.repo = repo, .ref = ref, .to = to};
    cdb_retire_sweep(repo->dir);
    if (lock && asprintf(&retire->ref_lock, "%s.lock", ref) < 0) {
        retire->ref_lock = NULL;
        return cdb_error_memory();
    }
    const char *named = lock ? retire->ref_lock : "";
    int result = write_fresh(repo->dir, LOCKS, named, strlen(named), 0, false);
    CDB_FAULT("retire-begun");
    if (result == 0 && lock)
        result = take(retire, retire->ref_lock, deadline, &retire->ref_inode);
    if (result == 0 && ref != NULL)
        result = take(retire, PACKED_REFS_LOCK, deadline, &retire->packed_inode);
    if (result == 0 && ref != NULL)
        result = unpack(retire);
    if (result == 0 && to != NULL)
        result = prepare_head(retire, deadline);
    CDB_FAULT("retire-prepared");
    return result;
}

/* ---- doing it ------------------------------------------------------------------------------------- */

static int rename_synced(int dir, const char *from, const char *to)
{
    if (renameat(dir, from, dir, to) != 0)
        return cdb_error_errno(to, "cannot update '%s'", to);
    return cdb_fs_sync_dir(dir, ".");
}

/* Back to what there was, for a failure; as well as can be. Nothing is synced: what cannot be must not be in the way.
 */
static void undo(struct cdb_retire *retire)
{
    int dir = retire->repo->dir;
    char text[CDB_OID_HEX + 2];
    struct cdb_oid now;
    if (retire->move_head && retire->old_head.len > 0 && write_head(retire, cdb_buf_str(&retire->old_head), false) == 0)
        (void)rename_synced(dir, NEW_HEAD, "HEAD");
    if (!retire->known || cdb_ref_read(dir, retire->ref, &now) != 1)
        return;
    cdb_oid_format(&retire->old, text);
    text[CDB_OID_HEX] = '\n';
    if (cdb_fs_mkdir_parents(dir, retire->ref) == 0 && write_fresh(dir, UNPACKED, text, CDB_OID_HEX + 1, 0, false) == 0)
        (void)renameat(dir, UNPACKED, dir, retire->ref);
}

/* Git's log of the ref goes with it: it would be in the way of one below that name. */
static void remove_log(int dir, const char *ref)
{
    char path[sizeof("logs/") + CDB_REF_NAME_MAX];
    snprintf(path, sizeof(path), "logs/%s", ref);
    if (unlinkat(dir, path, 0) == 0)
        cdb_retire_folders(dir, path);
}

static int change(struct cdb_retire *retire)
{
    int dir = retire->repo->dir;
    int result = retire->move_head ? rename_synced(dir, NEW_HEAD, "HEAD") : 0;
    CDB_FAULT("retire-head-renamed");
    if (result == 0 && retire->unpack)
        result = rename_synced(dir, UNPACKED, PACKED_REFS);
    CDB_FAULT("retire-unpacked");
    if (result == 0 && retire->ref != NULL && unlinkat(dir, retire->ref, 0) != 0 && errno != ENOENT &&
        errno != EISDIR && errno != ENOTDIR)
        result = cdb_error_errno(retire->ref, "cannot remove '%s'", retire->ref);
    CDB_FAULT("retire-unlinked");
    return result;
}

int cdb_retire_apply(struct cdb_retire *retire)
{
    int result = check_lock(retire, PACKED_REFS_LOCK, retire->packed_inode);
    if (result == 0)
        result = check_lock(retire, HEAD_LOCK, retire->head_inode);
    if (result == 0 && retire->ref_lock != NULL)
        result = check_lock(retire, retire->ref_lock, retire->ref_inode);
    if (result != 0)
        return result;
    result = change(retire);
    if (result != 0)
        undo(retire);
    else if (retire->ref != NULL)
        remove_log(retire->repo->dir, retire->ref);
    return result;
}

void cdb_retire_release(struct cdb_retire *retire)
{
    int dir = retire->repo->dir;
    drop(retire, HEAD_LOCK, &retire->head_inode);
    drop(retire, PACKED_REFS_LOCK, &retire->packed_inode);
    if (retire->ref_lock != NULL)
        drop(retire, retire->ref_lock, &retire->ref_inode);
    unlinkat(dir, NEW_HEAD, 0);
    unlinkat(dir, UNPACKED, 0);
    unlinkat(dir, LOCKS, 0);
    free(retire->ref_lock);
    retire->ref_lock = NULL;
    cdb_buf_release(&retire->old_head);
}

void cdb_retire_folders(int dir, const char *ref)
{
    char path[CDB_REF_NAME_MAX + 1];
    size_t len = strlen(ref);
    if (len >= sizeof(path))
        return;
    memcpy(path, ref, len + 1);
    const char *top = strchr(path + strlen("refs/"), '/');
    for (char *slash; top != NULL && (slash = strrchr(path, '/')) != NULL && slash > top;) {
        *slash = '\0';
        if (unlinkat(dir, path, AT_REMOVEDIR) != 0)
            return;
    }
}

int cdb_retire_now(struct cdb_repo *repo, const char *ref, const char *to, int timeout_ms)
{
    struct cdb_retire retire;
    int result = cdb_retire_prepare(&retire, repo, ref, true, to, timeout_ms);
    if (result == 0)
        result = cdb_retire_apply(&retire);
    cdb_retire_release(&retire);
    if (result == 0)
        cdb_retire_folders(repo->dir, ref);
    return result;
}
