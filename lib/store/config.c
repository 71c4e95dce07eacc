/* SPDX-License-Identifier: MIT */
#include "store/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/gitconfig.h"
#include "store/lock.h"
#include "store/txn.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define CONFIG_LOCK "config.lock"
#define TEMPORARY   "chrondb/config.tmp" /* becomes config; config.lock is a link of it */
#define CONFIG_MAX  ((size_t)4 << 20)

/* Sections are called by their names, as they are: only their case may differ. */
#define OUR_SECTION "chrondb"

static int explain(const struct cdb_repo *repo, int result)
{
    if (result != CHRONDB_EDAMAGED)
        return result;
    cdb_error_context("cannot read '%s/%s'", repo->path, CDB_CONFIG_PATH);
    cdb_error_set_path(CDB_CONFIG_PATH);
    return result;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool mentions_us(const struct cdb_buf *text)
{
    size_t len = strlen(OUR_SECTION);
    for (size_t i = 0; i + len <= text->len; i++)
        if (strncasecmp(text->ptr + i, OUR_SECTION, len) == 0)
            return true;
    return false;
}

int cdb_config_read(const struct cdb_repo *repo, const char *name, struct cdb_buf *value)
{
    struct cdb_buf text = CDB_BUF_INIT;
    int result = cdb_fs_read(repo->dir, CDB_CONFIG_PATH, CONFIG_MAX, &text);
    if (result == 0)
        result = mentions_us(&text) ? explain(repo, cdb_gitconfig_get(text.ptr, text.len, name, value)) : 1;
    cdb_buf_release(&text);
    return result;
}

static int collect(struct cdb_bundle_note *note, const struct cdb_buf *text)
{
    struct cdb_gitconfig walk;
    int result;
    cdb_gitconfig_open(&walk, text->ptr, text->len);
    while ((result = cdb_gitconfig_next(&walk)) == 0) {
        const char *name = cdb_buf_str(&walk.name), *value = cdb_buf_str(&walk.value);
        if (walk.kind != CDB_GITCONFIG_VARIABLE || !cdb_bundle_is_setting(name, walk.name.len) ||
            strlen(value) != walk.value.len || strchr(value, '\n') != NULL)
            continue;
        if ((result = cdb_bundle_add_setting(note, name, value, walk.value.len)) != 0)
            break;
    }
    cdb_gitconfig_release(&walk);
    return result == 1 ? 0 : result;
}

int cdb_config_collect(const struct cdb_repo *repo, struct cdb_bundle_note *note)
{
    struct cdb_buf text = CDB_BUF_INIT;
    int result = cdb_fs_read(repo->dir, CDB_CONFIG_PATH, CONFIG_MAX, &text);
    if (result == 0 && mentions_us(&text))
        result = explain(repo, collect(note, &text));
    cdb_buf_release(&text);
    return result == 1 ? 0 : result;
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* A change under way. The new file is TEMPORARY; git's lock is a second name of it, or, where there are no hard links,
 * a file of its own. */
struct change {
    struct cdb_repo *repo;
    int fd;
    ino_t file, lock;
};

static ino_t inode_of(const struct change *change, const char *path)
{
    struct stat st;
    return fstatat(change->repo->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

void cdb_config_sweep(int dir)
{
    cdb_git_lock_drop(dir, TEMPORARY, CONFIG_LOCK);
    unlinkat(dir, TEMPORARY, 0);
}

/* The temporary is a fresh file, never the old one: a change that was cut short may have made that the configuration
 * itself. */
static int begin(struct change *change, struct cdb_repo *repo, int timeout_ms)
{
    bool removed = false;
    *change = (struct change){.repo = repo};
    cdb_config_sweep(repo->dir);
    change->fd = openat(repo->dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (change->fd < 0)
        return cdb_error_errno(TEMPORARY, "cannot create '%s'", TEMPORARY);
    change->file = inode_of(change, TEMPORARY);
    CDB_FAULT("config-temporary");
    int result = cdb_git_lock_take(repo->dir, repo->path, TEMPORARY, CONFIG_LOCK, timeout_ms, &removed);
    if (result == 0)
        change->lock = inode_of(change, CONFIG_LOCK);
    if (removed)
        cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", CONFIG_LOCK);
    CDB_FAULT("config-locked");
    return result;
}

/* What somebody else has put in the lock's place stays. */
static void end(struct change *change)
{
    if (change->lock != 0 && inode_of(change, CONFIG_LOCK) == change->lock)
        unlinkat(change->repo->dir, CONFIG_LOCK, 0);
    if (change->fd >= 0) {
        close(change->fd);
        unlinkat(change->repo->dir, TEMPORARY, 0);
    }
}

/* The configuration as it stands under the lock; none is an empty one. A link is not replaced: who made it wants the
 * file behind it to change. */
static int read_current(const struct change *change, struct cdb_buf *text)
{
    struct stat st;
    int dir = change->repo->dir;
    if (fstatat(dir, CDB_CONFIG_PATH, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : cdb_error_errno(CDB_CONFIG_PATH, "cannot examine '%s'", CDB_CONFIG_PATH);
    if (!S_ISREG(st.st_mode)) {
        int result = cdb_error(CHRONDB_ESYSTEM, "io_error", "'%s' is no regular file; change it with 'git config'",
                               CDB_CONFIG_PATH);
        cdb_error_set_path(CDB_CONFIG_PATH);
        return result;
    }
    if (fchmod(change->fd, st.st_mode & 07777) != 0)
        return cdb_error_errno(TEMPORARY, "cannot change the mode of '%s'", TEMPORARY);
    int result = cdb_fs_read(dir, CDB_CONFIG_PATH, CONFIG_MAX, text);
    return result == 1 ? 0 : result;
}

static int put_in_place(struct change *change)
{
    int dir = change->repo->dir;
    const char *from = change->lock == change->file ? CONFIG_LOCK : TEMPORARY;
    if (inode_of(change, CONFIG_LOCK) != change->lock) { /* as git advises people to do, when a git died */
        int result = cdb_error(CHRONDB_EBUSY, "busy", "somebody removed our lock '%s'; try again", CONFIG_LOCK);
        cdb_error_set_path(CONFIG_LOCK);
        return result;
    }
    if (renameat(dir, from, dir, CDB_CONFIG_PATH) != 0)
        return cdb_error_errno(CDB_CONFIG_PATH, "cannot update '%s'", CDB_CONFIG_PATH);
    CDB_FAULT("config-renamed");
    return cdb_fs_sync_dir(dir, ".");
}

static int replace(struct change *change, const struct cdb_buf *text)
{
    if (cdb_fs_write_full(change->fd, cdb_buf_str(text), text->len) != 0 || fsync(change->fd) != 0)
        return cdb_error_errno(CONFIG_LOCK, "cannot write '%s'", CONFIG_LOCK);
    CDB_FAULT("config-written");
    return put_in_place(change);
}

/* What is there may have been written by a git, which syncs nothing, or by one of us that died before its sync. */
static int sync_current(int dir)
{
    int fd = openat(dir, CDB_CONFIG_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return cdb_fs_sync_dir(dir, ".");
    bool synced = fd >= 0 && fsync(fd) == 0;
    int result = synced ? 0 : cdb_error_errno(CDB_CONFIG_PATH, "cannot sync '%s'", CDB_CONFIG_PATH);
    if (fd >= 0)
        close(fd);
    return result == 0 ? cdb_fs_sync_dir(dir, ".") : result;
}

static int edit(struct change *change, const char *name, const char *value, enum cdb_config_change *done)
{
    struct cdb_buf before = CDB_BUF_INIT, after = CDB_BUF_INIT;
    size_t found = 0;
    int result = read_current(change, &before);
    if (result == 0)
        result =
            explain(change->repo, cdb_gitconfig_edit(cdb_buf_str(&before), before.len, name, value, &after, &found));
    bool same =
        result == 0 && after.len == before.len && (before.len == 0 || memcmp(after.ptr, before.ptr, before.len) == 0);
    *done = same ? CDB_CONFIG_UNCHANGED : value == NULL ? CDB_CONFIG_REMOVED : CDB_CONFIG_UPDATED;
    if (!same && found == 0)
        *done = CDB_CONFIG_CREATED;
    if (result == 0)
        result = same ? sync_current(change->repo->dir) : replace(change, &after);
    cdb_buf_release(&before);
    cdb_buf_release(&after);
    return result;
}

int cdb_config_write(struct cdb_repo *repo, const char *name, const char *value, int timeout_ms,
                     enum cdb_config_change *done)
{
    struct change change;
    struct cdb_txn txn;
    int64_t deadline = cdb_monotonic_ms() + timeout_ms;
    int result = cdb_txn_begin_exclusive(&txn, repo, timeout_ms);
    if (result != 0)
        return result;
    int64_t left = timeout_ms <= 0 ? 0 : deadline - cdb_monotonic_ms();
    result = begin(&change, repo, left > 0 ? (int)left : 0);
    if (result == 0)
        result = edit(&change, name, value, done);
    end(&change);
    CDB_FAULT("config-ended");
    cdb_txn_end(&txn);
    return result;
}
