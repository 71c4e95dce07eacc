/* SPDX-License-Identifier: MIT */
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/objects.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

/* Made in one of the directories of loose files, which the file system keeps apart (loose.c): were it made in ours,
 * every put would have to pass there over all that were removed before. A dead writer's is found there as theirs are.
 */
static int create_apart(int dir, char *path, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(path, size, "objects/%02lx/%s", (unsigned long)now.tv_nsec & 0xff, CDB_LOOSE_TEMPORARY);
    return openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

/* With its block allocated now, ext4 has nothing to flush when the file replaces the branch (auto_da_alloc): 0.2 ms
 * less. The commit is in the journal, the branch needs no flush. Where it fails nothing is lost. */
static void allocate(int fd)
{
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, CDB_OID_HEX + 1);
    close(fd);
}

/* A fresh file, never the old one: that may be another link of the branch itself. */
static int create_temporary(int dir)
{
    char apart[64];
    int fd = create_apart(dir, apart, sizeof(apart));
    if (fd >= 0) {
        allocate(fd);
        if (renameat(dir, apart, dir, CDB_REF_TEMPORARY) == 0)
            return 0;
        unlinkat(dir, apart, 0);
    }
    if (unlinkat(dir, CDB_REF_TEMPORARY, 0) != 0 && errno != ENOENT)
        return cdb_error_errno(CDB_REF_TEMPORARY, "cannot remove '%s'", CDB_REF_TEMPORARY);
    fd = openat(dir, CDB_REF_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cdb_error_errno(CDB_REF_TEMPORARY, "cannot create '%s'", CDB_REF_TEMPORARY);
    allocate(fd);
    return 0;
}

void cdb_publish_sweep(struct cdb_repo *repo)
{
    static const char *const locks[] = {"HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"};
    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
        if (cdb_git_lock_sweep(repo->dir, repo->path, locks[i]))
            cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", locks[i]);
}

static ino_t inode_of(struct cdb_repo *repo, const char *path)
{
    struct stat st;
    return fstatat(repo->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* Somebody removed our lock file, as git advises people to do, and perhaps a git has its own there now. */
static int stolen(const char *ref_lock)
{
    int result = cdb_error(CHRONDB_EBUSY, "busy", "somebody removed our lock '%s'; try again", ref_lock);
    cdb_error_set_path(ref_lock);
    return result;
}

int cdb_publish_lock(struct cdb_repo *repo, const char *ref_lock, int timeout_ms, ino_t *inode)
{
    bool removed = false;
    int result = create_temporary(repo->dir);
    CDB_FAULT("ref-temporary");
    if (result == 0)
        result = cdb_git_lock_take(repo->dir, repo->path, CDB_REF_TEMPORARY, ref_lock, timeout_ms, &removed);
    if (removed)
        cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", ref_lock);
    *inode = result == 0 ? inode_of(repo, ref_lock) : 0;
    if (result == 0)
        cdb_publish_sweep(repo);
    CDB_FAULT("ref-locked");
    return result;
}

int cdb_publish_write(struct cdb_repo *repo, const char *ref_lock, const struct cdb_oid *head, ino_t inode)
{
    char text[CDB_OID_HEX + 2];
    struct stat st;
    cdb_oid_format(head, text);
    text[CDB_OID_HEX] = '\n';
    int fd = openat(repo->dir, ref_lock, O_WRONLY | O_CLOEXEC); /* not truncated: that would give its block back */
    if (fd < 0 ? errno == ENOENT : fstat(fd, &st) == 0 && st.st_ino != inode) {
        if (fd >= 0)
            close(fd);
        return stolen(ref_lock);
    }
    int result = fd >= 0 && cdb_fs_write_full(fd, text, CDB_OID_HEX + 1) == 0
                     ? 0
                     : cdb_error_errno(ref_lock, "cannot write '%s'", ref_lock);
    if (fd >= 0 && close(fd) != 0 && result == 0)
        result = cdb_error_errno(ref_lock, "cannot write '%s'", ref_lock);
    return result;
}

int cdb_publish_rename(struct cdb_repo *repo, const char *ref_lock, const char *ref, ino_t inode)
{
    if (inode_of(repo, ref_lock) != inode)
        return stolen(ref_lock);
    if (renameat(repo->dir, ref_lock, repo->dir, ref) == 0)
        return 0;
    /* Git leaves empty directories where a branch "main/x" was; it removes them just like this. */
    if (errno == EISDIR && unlinkat(repo->dir, ref, AT_REMOVEDIR) == 0 &&
        renameat(repo->dir, ref_lock, repo->dir, ref) == 0)
        return 0;
    return cdb_error_errno(ref, "cannot update '%s'", ref);
}

void cdb_publish_drop(struct cdb_repo *repo, const char *ref_lock, ino_t inode)
{
    if (inode_of(repo, ref_lock) == inode)
        unlinkat(repo->dir, ref_lock, 0);
}

void cdb_publish_done(struct cdb_repo *repo)
{
    unlinkat(repo->dir, CDB_REF_TEMPORARY, 0);
}

bool cdb_publish_is_ours(struct cdb_repo *repo, const char *ref_lock, struct cdb_oid *content, ino_t *inode)
{
    struct stat temporary, lock;
    char text[CDB_OID_HEX + 1];
    memset(content, 0, sizeof(*content));
    if (fstatat(repo->dir, CDB_REF_TEMPORARY, &temporary, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstatat(repo->dir, ref_lock, &lock, AT_SYMLINK_NOFOLLOW) != 0 || temporary.st_ino != lock.st_ino ||
        temporary.st_dev != lock.st_dev)
        return false;
    *inode = lock.st_ino;
    if (cdb_fs_read_head(repo->dir, ref_lock, text, sizeof(text)) == (ssize_t)sizeof(text) && text[CDB_OID_HEX] == '\n')
        cdb_oid_parse(text, content);
    return true;
}
