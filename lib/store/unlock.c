/* SPDX-License-Identifier: MIT
 * Locks of git's that are in the way of git commands, and what those that died left of packs. Git itself never removes
 * what a dead one locked; of a repository with preciousObjects it removes nothing at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/refs.h"
#include "store/repo.h"
#include "store/txn.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define LOOK_EVERY_MS 250
#define DEPTH_MAX     64 /* of folders of refs; locks below are left to whoever meets them */
#define PACKS         "objects/pack"

struct locks {
    const char **paths;
    size_t count, room;
    struct cdb_arena memory;
};

static void locks_release(struct locks *locks)
{
    free(locks->paths);
    cdb_arena_release(&locks->memory);
}

static int add(struct locks *locks, const char *path)
{
    const char *copy = cdb_arena_copy(&locks->memory, path, strlen(path));
    if (copy == NULL || cdb_array_grow(&locks->paths, &locks->room, locks->count, sizeof(*locks->paths)) != 0)
        return CHRONDB_ESYSTEM;
    locks->paths[locks->count++] = copy;
    return 0;
}

static bool is_lock(const char *name)
{
    size_t len = strlen(name), suffix = strlen(".lock");
    return len > suffix && strcmp(name + len - suffix, ".lock") == 0;
}

/* No ref may be called so: a file of that name is a lock. */
static int find_in_folder(int dir, const char *folder, int depth, struct locks *out)
{
    struct cdb_buf path = CDB_BUF_INIT;
    DIR *listing = cdb_fs_opendir(dir, folder);
    int result = 0;
    for (struct dirent *entry; result == 0 && listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        cdb_buf_clear(&path);
        cdb_buf_addf(&path, "%s/%s", folder, entry->d_name);
        result = cdb_buf_check(&path);
        if (result == 0 && is_lock(entry->d_name))
            result = add(out, path.ptr);
        else if (result == 0 && entry->d_type != DT_REG && depth < DEPTH_MAX)
            result = find_in_folder(dir, path.ptr, depth + 1, out);
    }
    if (listing != NULL)
        closedir(listing);
    cdb_buf_release(&path);
    return result;
}

static int find(int dir, struct locks *out)
{
    static const char *const files[] = {"config.lock", "packed-refs.lock", "shallow.lock"};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(files) / sizeof(files[0]); i++)
        result = cdb_fs_exists(dir, files[i]) ? add(out, files[i]) : 0;
    if (result == 0)
        result = find_in_folder(dir, "refs/remotes", 0, out);
    return result == 0 ? find_in_folder(dir, "refs/tags", 0, out) : result;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A fetch or a push marks the pack that it receives until a ref needs it: "fetch-pack PID on HOST". What somebody
 * marked for good says something else. */
static bool is_received(int dir, const char *keep)
{
    char text[32] = "";
    ssize_t n = cdb_fs_read_head(dir, keep, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return has_prefix(text, "fetch-pack ") || has_prefix(text, "receive-pack ");
}

/* Packs that git was receiving: nobody needs to wait for them. */
static int find_litter(int dir, struct locks *out)
{
    struct cdb_buf path = CDB_BUF_INIT;
    DIR *listing = cdb_fs_opendir(dir, PACKS);
    int result = 0;
    for (struct dirent *entry; result == 0 && listing != NULL && (entry = readdir(listing)) != NULL;) {
        const char *name = entry->d_name, *suffix = strrchr(name, '.');
        bool keep = suffix != NULL && strcmp(suffix, ".keep") == 0;
        bool temporary = has_prefix(name, "tmp_") && strstr(name, "_chrondb_") == NULL;
        cdb_buf_clear(&path);
        cdb_buf_addf(&path, PACKS "/%s", name);
        result = cdb_buf_check(&path);
        if (result == 0 && (temporary || (keep && is_received(dir, path.ptr))))
            result = add(out, path.ptr);
    }
    if (listing != NULL)
        closedir(listing);
    cdb_buf_release(&path);
    return result;
}

/* Under the writer lock, as everybody of ours that removes locks. Other writers need not wait meanwhile. */
static int sweep(struct cdb_repo *repo, const struct locks *locks, int timeout_ms)
{
    struct cdb_txn txn;
    int result = cdb_txn_begin_exclusive(&txn, repo, timeout_ms);
    if (result != 0)
        return result;
    for (size_t i = 0; i < locks->count; i++)
        if (cdb_git_lock_sweep(repo->dir, repo->path, locks->paths[i]))
            cdb_repo_notice(repo, CHRONDB_NOTE, "removed '%s', left by a git command that died", locks->paths[i]);
    cdb_txn_end(&txn);
    return 0;
}

static const char *still_there(const struct cdb_repo *repo, const struct locks *locks)
{
    for (size_t i = 0; i < locks->count; i++)
        if (cdb_fs_exists(repo->dir, locks->paths[i]))
            return locks->paths[i];
    return NULL;
}

static int busy(const char *lock)
{
    int result = cdb_error(CHRONDB_EBUSY, "busy", "'%s' is held, a git command at work; try again", lock);
    cdb_error_set_path(lock);
    return result;
}

int cdb_repo_unlock_git(struct cdb_repo *repo, int timeout_ms)
{
    const struct timespec pause = {0, LOOK_EVERY_MS * 1000000};
    int64_t deadline = cdb_monotonic_ms() + timeout_ms;
    struct locks locks = {0}, litter = {0};
    const char *lock = NULL;
    int result = find_litter(repo->dir, &litter);
    if (result == 0 && litter.count > 0)
        result = sweep(repo, &litter, timeout_ms);
    locks_release(&litter);
    if (result == 0)
        result = find(repo->dir, &locks);
    for (bool waited = false; result == 0 && (lock = still_there(repo, &locks)) != NULL; waited = true) {
        int64_t left = deadline - cdb_monotonic_ms();
        if (waited && left <= 0)
            result = busy(lock);
        if (waited && result == 0)
            nanosleep(&pause, NULL);
        if (result == 0)
            result = sweep(repo, &locks, left > 0 ? (int)left : 0);
    }
    locks_release(&locks);
    return result;
}
