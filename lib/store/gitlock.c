/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/lock.h"
#include "util/array.h"
#include "util/buf.h"
#include "util/error.h"
#include "util/fs.h"

#define ARGUMENTS_MAX    ((size_t)256 << 10)
#define KERNEL_THREAD    0x00200000u /* PF_KTHREAD, in the ninth field of /proc/PID/stat */
#define START_SLACK      2           /* seconds: process start times are rounded, clocks drift */
#define EXAMINE_EVERY_MS 250         /* looking at every process is not cheap */

enum cdb_verdict cdb_git_lock_judge(int64_t age_seconds, enum cdb_presence owner)
{
    if (age_seconds <= CDB_STALE_SECONDS || owner == CDB_PRESENT)
        return CDB_WAIT;
    if (owner == CDB_UNKNOWN && age_seconds <= CDB_UNKNOWN_SECONDS)
        return CDB_WAIT;
    return CDB_REMOVE;
}

/* ---- does a process work in the repository? ---- */

static bool is_inside(const char *path, const char *repository)
{
    size_t len = strlen(repository);
    return strncmp(path, repository, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static enum cdb_presence link_presence(int proc, const char *name, const char *repository)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(proc, name, target, sizeof(target) - 1);
    if (n < 0)
        return errno == ENOENT || errno == ESRCH ? CDB_ABSENT : CDB_UNKNOWN;
    target[n] = '\0';
    return is_inside(target, repository) ? CDB_PRESENT : CDB_ABSENT;
}

/* Is it the database's directory as chrondb opens it (repo.c)? Such a process is one of ours: it may wait for the very
 * lock we look at, and takes git's locks only under the writer lock, which we hold (or as maintenance). Nobody inherits
 * such a descriptor by an exec (as from `flock DIR git ...`), and opendir(3) opens it in another way. */
static bool is_handle(int fds, const char *fd, const char *repository)
{
    char target[PATH_MAX], path[64], info[512];
    ssize_t n = readlinkat(fds, fd, target, sizeof(target) - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    if (strcmp(target, repository) != 0)
        return false;
    snprintf(path, sizeof(path), "../fdinfo/%.16s", fd);
    n = cdb_fs_read_head(fds, path, info, sizeof(info) - 1);
    if (n <= 0)
        return false;
    info[n] = '\0';
    const char *line = strstr(info, "flags:");
    unsigned long flags = line != NULL ? strtoul(line + strlen("flags:"), NULL, 8) : 0;
    return (flags & (O_CLOEXEC | O_DIRECTORY | O_NONBLOCK)) == (O_CLOEXEC | O_DIRECTORY);
}

static enum cdb_presence files_presence(int proc, const char *repository, bool *ours)
{
    enum cdb_presence found = CDB_ABSENT;
    int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        bool gone = errno == ENOENT || errno == ESRCH;
        if (fd >= 0)
            close(fd);
        return gone ? CDB_ABSENT : CDB_UNKNOWN;
    }
    for (struct dirent *entry; !*ours && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.' && link_presence(dirfd(dir), entry->d_name, repository) == CDB_PRESENT) {
            found = CDB_PRESENT;
            *ours = is_handle(dirfd(dir), entry->d_name, repository);
        }
    closedir(dir);
    return found;
}

/* A word such as "/srv/db", "--git-dir=../db" or "GIT_DIR=db", seen from the process's directory. */
static bool word_names(const char *word, const char *cwd, const char *repository)
{
    char joined[PATH_MAX], resolved[PATH_MAX];
    const char *equals = strchr(word, '=');
    const char *path = equals != NULL ? equals + 1 : word;
    if (*path == '\0' || *path == '-' || strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/", 6) == 0)
        return false; /* it would be looked up among our own files, not the other process's */
    int n = *path == '/' ? snprintf(joined, sizeof(joined), "%s", path)
                         : snprintf(joined, sizeof(joined), "%s/%s", cwd, path);
    return n > 0 && (size_t)n < sizeof(joined) && realpath(joined, resolved) != NULL && is_inside(resolved, repository);
}

static enum cdb_presence words_presence(int proc, const char *file, const char *prefix, const char *cwd,
                                        const char *repository)
{
    char *words = malloc(ARGUMENTS_MAX + 1);
    enum cdb_presence found = CDB_ABSENT;
    if (words == NULL)
        return CDB_UNKNOWN;
    ssize_t n = cdb_fs_read_head(proc, file, words, ARGUMENTS_MAX);
    if (n < 0 && errno != ESRCH) /* which also kernel threads say */
        found = CDB_UNKNOWN;
    for (ssize_t at = 0; at < n && found == CDB_ABSENT;) {
        words[n] = '\0';
        const char *word = words + at;
        if (strncmp(word, prefix, strlen(prefix)) == 0 && word_names(word, cwd, repository))
            found = CDB_PRESENT;
        at += (ssize_t)strlen(word) + 1;
    }
    free(words);
    return found;
}

static enum cdb_presence process_presence(int proc, const char *repository)
{
    char cwd[PATH_MAX] = "/";
    bool ours = false;
    enum cdb_presence more = files_presence(proc, repository, &ours);
    if (ours)
        return CDB_ABSENT;
    enum cdb_presence found = link_presence(proc, "cwd", repository);
    if (found == CDB_PRESENT)
        return found;
    ssize_t n = readlinkat(proc, "cwd", cwd, sizeof(cwd) - 1);
    if (n > 0)
        cwd[n] = '\0';
    if (more == CDB_ABSENT)
        more = words_presence(proc, "cmdline", "", cwd, repository);
    if (more == CDB_ABSENT)
        more = words_presence(proc, "environ", "GIT_", cwd, repository);
    return more == CDB_ABSENT ? found : more;
}

/* ---- which processes matter? ---- */

/* The start of a process in seconds of the real-time clock; false if it is gone, or no process but a kernel thread. */
static bool start_time(int proc, int64_t *seconds)
{
    char text[1024];
    struct timespec boot, now;
    ssize_t n = cdb_fs_read_head(proc, "stat", text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *p = strrchr(text, ')'); /* the command's name may hold anything */
    for (int field = 2; p != NULL && field < 22; field++) {
        if (field == 9 && (strtoul(p + 1, NULL, 10) & KERNEL_THREAD) != 0)
            return false;
        p = strchr(p + 1, ' ');
    }
    if (p == NULL)
        return false;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    *seconds = now.tv_sec - boot.tv_sec + (int64_t)(strtoull(p + 1, NULL, 10) / (unsigned long)sysconf(_SC_CLK_TCK));
    return true;
}

/* Programs that let nobody look at them (they guard keys, or have more rights than we) and run wherever people log in:
 * were they suspects, no dead git's lock would go before its ten minutes. None of them touches a repository itself. */
static bool is_harmless(int proc, const char *pid)
{
    static const char *const names[] = {"(sd-pam)",  "systemd",   "sshd",        "sshd-session",
                                        "ssh-agent", "gpg-agent", "dbus-daemon", "gnome-keyring-d",
                                        "sudo",      "su",        "login"};
    char name[64];
    bool found = strcmp(pid, "1") == 0;
    ssize_t n = cdb_fs_read_head(proc, "comm", name, sizeof(name) - 1);
    name[n > 0 ? n - 1 : 0] = '\0'; /* it ends with a newline */
    for (size_t i = 0; !found && i < sizeof(names) / sizeof(names[0]); i++)
        found = strcmp(name, names[i]) == 0;
    return found;
}

/* Could it have created a file of that owner: is one of its four user ids this one, or did it start as root? */
static bool may_own(int proc, unsigned uid)
{
    char text[2048];
    unsigned ids[4];
    ssize_t n = cdb_fs_read_head(proc, "status", text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *line = strstr(text, "\nUid:");
    if (line == NULL || sscanf(line + 5, "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
        return true;
    return ids[0] == uid || ids[1] == uid || ids[2] == uid || ids[3] == uid;
}

enum cdb_presence cdb_git_lock_owner(const char *path, int64_t lock_time, unsigned uid, int *pid)
{
    enum cdb_presence found = CDB_ABSENT;
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return CDB_UNKNOWN;
    for (struct dirent *entry; found != CDB_PRESENT && (entry = readdir(processes)) != NULL;) {
        int64_t started;
        if (!isdigit((unsigned char)entry->d_name[0]) || strtol(entry->d_name, NULL, 10) == (long)getpid())
            continue;
        int proc = openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
            continue;
        if (start_time(proc, &started) && started <= lock_time + START_SLACK && may_own(proc, uid)) {
            enum cdb_presence presence = process_presence(proc, path);
            if (presence == CDB_UNKNOWN && is_harmless(proc, entry->d_name))
                presence = CDB_ABSENT;
            if (presence != CDB_ABSENT) {
                found = presence;
                *pid = (int)strtol(entry->d_name, NULL, 10);
            }
        }
        close(proc);
    }
    closedir(processes);
    return found;
}

/* ---- taking and sweeping ---- */

/* The age counts from the last change, but also from when we first saw it, if the clock says that it is of the future.
 */
static int64_t lock_age(const struct stat *st, int64_t watched_seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = now.tv_sec - st->st_mtime;
    return age > watched_seconds ? age : watched_seconds;
}

static bool is_same_file(int dir, const char *path, const struct stat *st)
{
    struct stat other;
    return fstatat(dir, path, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_ino == st->st_ino &&
           other.st_dev == st->st_dev;
}

/* Of ours, one that is not taken under the writer lock: as long as the maintenance lives, however slow it is. */
static bool is_of_maintenance(int dir, const struct stat *lock)
{
    return (is_same_file(dir, CDB_PACKED_REFS_TEMPORARY, lock) || is_same_file(dir, CDB_PRUNE_TEMPORARY, lock)) &&
           cdb_lock_is_held(dir, CDB_MAINTENANCE_LOCK);
}

/* May it go? Then it goes; true if it did (or went by itself). Nobody of ours removes locks at the same time: the
 * caller holds the writer lock. A git that takes the lock between our look and our unlink has a new file: compare
 * again. */
static bool remove_if_stale(int dir, const char *repository, const char *lock, int64_t watched_seconds, int *owner)
{
    struct stat before, after;
    if (fstatat(dir, lock, &before, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    int64_t age = lock_age(&before, watched_seconds);
    if (cdb_git_lock_judge(age, CDB_ABSENT) == CDB_WAIT || is_of_maintenance(dir, &before))
        return false;
    /* The time of its last change of status: nothing sets that one back. */
    enum cdb_presence presence = cdb_git_lock_owner(repository, before.st_ctime, before.st_uid, owner);
    if (cdb_git_lock_judge(age, presence) == CDB_WAIT)
        return false;
    if (fstatat(dir, lock, &after, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    if (after.st_ino != before.st_ino || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
        return false;
    return unlinkat(dir, lock, 0) == 0;
}

static int busy(const char *lock, int owner)
{
    char who[48] = "";
    if (owner > 0)
        snprintf(who, sizeof(who), " by process %d", owner);
    int result = cdb_error(CHRONDB_EBUSY, "busy", "'%s' is held%s, a git command at work; try again", lock, who);
    cdb_error_set_path(lock);
    return result;
}

/* For tests: a file system that has no hard links. */
static bool without_links(void)
{
#ifdef CHRONDB_TEST_HOOKS
    return getenv("CHRONDB_TEST_NO_LINKS") != NULL;
#else
    return false;
#endif
}

/* The lock as a link of `ours`; 0, or an errno. Where the file system has no hard links it is a new file: then a crash
 * leaves a lock that is only removed for its age. */
static int try_lock(int dir, const char *ours, const char *lock)
{
    if (!without_links() && linkat(dir, ours, dir, lock, 0) == 0)
        return 0;
    if (!without_links() && errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != EXDEV)
        return errno;
    int fd = openat(dir, lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int cdb_git_lock_take(int dir, const char *repository, const char *ours, const char *lock, int timeout_ms,
                      bool *removed)
{
    int owner = 0;
    int64_t start = cdb_monotonic_ms(), examined = -EXAMINE_EVERY_MS;
    struct timespec pause = {0, 1000000};
    if (removed != NULL)
        *removed = false;
    for (;;) {
        int error = try_lock(dir, ours, lock);
        if (error == 0)
            return 0;
        if (error == ENOENT) {
            int result = cdb_fs_mkdir_parents(dir, lock);
            if (result == 0 && (error = try_lock(dir, ours, lock)) == 0)
                return 0;
            if (result != 0)
                return result;
        }
        if (error != EEXIST) {
            errno = error;
            return cdb_error_errno(lock, "cannot create '%s'", lock);
        }
        int64_t waited = cdb_monotonic_ms() - start;
        if (removed != NULL && waited - examined >= EXAMINE_EVERY_MS) {
            examined = waited;
            if (remove_if_stale(dir, repository, lock, waited / 1000, &owner)) {
                *removed = true;
                continue;
            }
        }
        if (waited >= timeout_ms)
            return busy(lock, owner);
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 20000000)
            pause.tv_nsec += pause.tv_nsec / 2;
    }
}

void cdb_git_lock_drop(int dir, const char *ours, const char *lock)
{
    struct stat a, b;
    if (fstatat(dir, ours, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(dir, lock, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
        a.st_ino == b.st_ino && a.st_dev == b.st_dev)
        unlinkat(dir, lock, 0);
}

bool cdb_git_lock_sweep(int dir, const char *repository, const char *lock)
{
    int owner = 0;
    return cdb_fs_exists(dir, lock) && remove_if_stale(dir, repository, lock, 0, &owner);
}
