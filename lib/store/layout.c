/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/libgit2.h"
#include "store/lock.h"
#include "store/repo.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define FORMAT_PATH    "chrondb/format"
#define FILLING_PATH   "chrondb/filling" /* becomes the format: what is here is a content that is not whole yet */
#define CONFIG_LOCK    "config.lock"
#define HEAD_TEXT      "ref: refs/heads/main\n"
#define NAME_PART_MAX  150 /* of the database's name in that of a temporary directory */
#define CREATE_WAIT_MS 30000
#define CREATE_TRIES   8

static const char config_text[] = "[core]\n"
                                  "\trepositoryformatversion = 1\n"
                                  "\tfilemode = true\n"
                                  "\tbare = true\n"
                                  "[extensions]\n"
                                  "\tpreciousObjects = true\n"
                                  "[gc]\n"
                                  "\tauto = 0\n";

/* ---- what is there ----------------------------------------------------------------------------- */

static bool is_ignorable(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

/* Is everything in the directory a part of a creation of ours that has not come to its end? `extra` gets the name of
 * something that is not. */
static bool only_ours(DIR *dir, bool *empty, struct cdb_buf *extra)
{
    static const char *const ours[] = {"chrondb", "HEAD", "config", "objects", "refs", "packed-refs"};
    *empty = true;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (is_ignorable(entry->d_name))
            continue;
        *empty = false;
        bool known = false;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            known = known || strcmp(entry->d_name, ours[i]) == 0;
        if (!known) {
            if (extra != NULL && extra->len == 0)
                cdb_buf_add_quoted(extra, entry->d_name, strlen(entry->d_name));
            return false;
        }
    }
    return true;
}

/* Is there anything but directories? */
static bool has_files(int dir, const char *path, int depth)
{
    DIR *listing = cdb_fs_opendir(dir, path);
    bool found = listing == NULL && errno != ENOENT;
    for (struct dirent *entry; !found && listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        found = entry->d_type == DT_REG || depth == 0 || has_files(dirfd(listing), entry->d_name, depth - 1);
    }
    if (listing != NULL)
        closedir(listing);
    return found;
}

/* Is it absent, or what we write there, whole or as a power cut may leave it? */
static bool is_ours(int dir, const char *path, const char *text)
{
    char content[512];
    size_t len = strlen(text);
    ssize_t n = cdb_fs_read_head(dir, path, content, sizeof(content));
    bool ours = n >= 0 && (size_t)n <= len;
    for (ssize_t i = 0; ours && i < n; i++)
        ours = content[i] == text[i] || content[i] == '\0';
    return ours;
}

/* Is nothing there that could be lost, but for what is in chrondb/? */
static bool is_bare_beginning(int dir)
{
    return !cdb_fs_exists(dir, "packed-refs") && is_ours(dir, "HEAD", HEAD_TEXT) &&
           is_ours(dir, "config", config_text) && !has_files(dir, "objects", 2) && !has_files(dir, "refs", 2);
}

/* Did a creation end here: chrondb/ with nothing but our own files of a beginning, and nothing that could be lost? A
 * repository whose adoption was cut short, or a database that lost its format file, is none. */
static bool creation_began(int dir)
{
    DIR *listing = cdb_fs_opendir(dir, "chrondb");
    if (listing == NULL)
        return false;
    bool began = true;
    for (struct dirent *entry; began && (entry = readdir(listing)) != NULL;)
        began = is_ignorable(entry->d_name) || strcmp(entry->d_name, "lock") == 0 ||
                strcmp(entry->d_name, "format.tmp") == 0 || strcmp(entry->d_name, "filling") == 0;
    closedir(listing);
    if (began && cdb_fs_exists(dir, FILLING_PATH)) /* all of it is a copy */
        return true;
    return began && is_bare_beginning(dir);
}

static enum cdb_place examine_without_format(int dir, struct cdb_buf *found)
{
    bool empty;
    DIR *listing = cdb_fs_opendir(dir, ".");
    if (listing == NULL)
        return CDB_PLACE_OTHER;
    bool ours = only_ours(listing, &empty, found);
    closedir(listing);
    if (empty)
        return CDB_PLACE_EMPTY;
    if (ours && creation_began(dir))
        return CDB_PLACE_UNFINISHED;
    if (cdb_fs_exists(dir, ".git"))
        return CDB_PLACE_WORK_TREE;
    if (cdb_fs_exists(dir, "HEAD") && cdb_fs_exists(dir, "objects") && cdb_fs_exists(dir, "refs"))
        return CDB_PLACE_BARE;
    return CDB_PLACE_OTHER;
}

/* The format is looked for once more at the end: a racing creator may have come to its end, and written documents,
 * while the rest was examined. */
static enum cdb_place examine_directory(int dir, struct cdb_buf *found)
{
    if (cdb_fs_exists(dir, FORMAT_PATH))
        return CDB_PLACE_DATABASE;
    enum cdb_place place = examine_without_format(dir, found);
    return cdb_fs_exists(dir, FORMAT_PATH) ? CDB_PLACE_DATABASE : place;
}

int cdb_place_examine(const char *path, enum cdb_place *place, struct cdb_buf *found)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT) {
        *place = CDB_PLACE_ABSENT;
        return 0;
    }
    if (dir < 0 && errno == ENOTDIR) {
        *place = CDB_PLACE_OTHER;
        return 0;
    }
    if (dir < 0)
        return cdb_error_errno(path, "cannot open '%s'", path);
    *place = examine_directory(dir, found);
    close(dir);
    return 0;
}

int cdb_layout_check_format(int dir, const char *path)
{
    char text[32];
    ssize_t n = cdb_fs_read_head(dir, FORMAT_PATH, text, sizeof(text) - 1);
    if (n < 0)
        return cdb_error_errno(FORMAT_PATH, "cannot read '%s/%s'", path, FORMAT_PATH);
    text[n] = '\0';
    char *end;
    long version = strtol(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || strcmp(end, "\n") != 0)
        return cdb_error(CHRONDB_EDAMAGED, "damaged", "'%s/%s' does not hold a format version", path, FORMAT_PATH);
    if (version > CDB_FORMAT_VERSION)
        return cdb_error(CHRONDB_ENODB, "unsupported",
                         "the database at '%s' has format %ld, this chrondb knows up to %d: use a newer chrondb", path,
                         version, CDB_FORMAT_VERSION);
    return 0;
}

/* ---- creating ---------------------------------------------------------------------------------- */

static int write_layout(int dir)
{
    static const char *const folders[] = {"objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        result = cdb_fs_mkdir(dir, folders[i]);
    CDB_FAULT("create-folders");
    if (result == 0)
        result = cdb_fs_write_file(dir, "config", config_text, sizeof(config_text) - 1, false);
    if (result == 0)
        result = cdb_fs_write_file(dir, "HEAD", HEAD_TEXT, sizeof(HEAD_TEXT) - 1, false);
    CDB_FAULT("create-layout");
    return result;
}

static int write_version(int dir, const char *path)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", CDB_FORMAT_VERSION);
    return cdb_fs_write_file(dir, path, text, (size_t)n, true);
}

/* The format file comes last, when everything else is durable: with it the database is one. */
static int write_format(int dir, bool filled)
{
    const char *from = filled ? FILLING_PATH : "chrondb/format.tmp";
    if (syncfs(dir) != 0)
        return cdb_error_errno(".", "cannot sync the new database");
    CDB_FAULT("create-synced");
    int result = filled ? 0 : write_version(dir, from);
    CDB_FAULT("create-format-written");
    if (result == 0 && renameat(dir, from, dir, FORMAT_PATH) != 0)
        result = cdb_error_errno(FORMAT_PATH, "cannot create '%s'", FORMAT_PATH);
    CDB_FAULT("create-format-renamed");
    if (result == 0)
        result = cdb_fs_sync_dir(dir, "chrondb");
    if (result == 0)
        result = cdb_fs_sync_dir(dir, ".");
    CDB_FAULT("create-complete");
    return result;
}

static int faster(void)
{
    return cdb_error(CHRONDB_ECONFLICT, "exists", "somebody else has just made a database there");
}

static bool was_removed(int dir)
{
    struct stat st;
    return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

/* A content that did not become whole. */
static void remove_content(int dir)
{
    static const char *const files[] = {"packed-refs", "HEAD", "config"};
    cdb_fs_remove_tree(dir, "objects");
    cdb_fs_remove_tree(dir, "refs");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(dir, files[i], 0);
}

/* What a creation has made, chrondb/ too unless something else is in it. */
static void remove_beginning(int dir)
{
    static const char *const files[] = {FILLING_PATH, "chrondb/format.tmp", CDB_LOCK_PATH};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(dir, files[i], 0);
    unlinkat(dir, "chrondb", AT_REMOVEDIR);
}

/* Between the first look and the lock somebody may have put something there: what is not of our making is neither
 * written over nor removed. */
static int check_untouched(int dir)
{
    bool empty;
    DIR *listing = cdb_fs_opendir(dir, ".");
    if (listing == NULL)
        return cdb_error_errno(".", "cannot list the directory of the new database");
    bool untouched = only_ours(listing, &empty, NULL) && is_bare_beginning(dir);
    closedir(listing);
    if (untouched)
        return 0;
    remove_beginning(dir);
    return cdb_error(CHRONDB_ENODB, "not_a_database",
                     "somebody else has just put something there; choose another directory");
}

static int write_and_fill(int dir, const struct cdb_layout_content *content)
{
    int result = write_layout(dir);
    if (result == 0)
        result = content->fill(content->context, dir);
    CDB_FAULT("restore-content");
    if (result == 0)
        result = write_format(dir, true);
    if (result != 0 && !cdb_fs_exists(dir, FORMAT_PATH)) {
        remove_content(dir);
        remove_beginning(dir);
    }
    return result;
}

/* While it is made, a mark tells that nothing here is the only copy of anything. That must be so. */
static int write_content(int dir, const struct cdb_layout_content *content)
{
    int result = check_untouched(dir);
    if (result != 0)
        return result;
    result = write_version(dir, FILLING_PATH);
    if (result == 0)
        result = cdb_fs_sync_dir(dir, "chrondb");
    CDB_FAULT("restore-filling");
    if (result != 0) {
        remove_beginning(dir);
        return result;
    }
    result = check_untouched(dir);
    return result == 0 ? write_and_fill(dir, content) : result;
}

/* Under the database's own lock, which stays taken, in a directory that exists: a racing creator waits, and finds it
 * done. */
static int fill(int dir, int *lock, const struct cdb_layout_content *content)
{
    cdb_fs_spread(dir, "."); /* chrondb/ and refs/ away from a neighbour's churn */
    int result = cdb_fs_mkdir(dir, "chrondb");
    CDB_FAULT("create-began");
    if (result == 0) /* by which a creation that was cut short is known, in whatever order the rest becomes durable */
        result = cdb_fs_sync_dir(dir, ".");
    if (result == 0)
        result = cdb_lock_take(lock, dir, CDB_LOCK_PATH, CREATE_WAIT_MS);
    if (result == 0 && cdb_fs_exists(dir, FORMAT_PATH))
        return content != NULL ? faster() : 0;
    if (result == 0 && cdb_fs_exists(dir, FILLING_PATH)) {
        remove_content(dir);
        unlinkat(dir, FILLING_PATH, 0);
    }
    if (result == 0 && content != NULL)
        return write_content(dir, content);
    if (result == 0)
        result = check_untouched(dir);
    if (result == 0)
        result = write_layout(dir);
    return result == 0 ? write_format(dir, false) : result;
}

/* ---- creating aside ------------------------------------------------------------------------------ */

/* A directory ".BASE.chrondb-new-PID-RANDOM" whose lock is free is a dead creator's: a live one holds it until the
 * rename. One without a lock may be just beginning. */
static bool is_dead(int parent, const char *name, const char *pid, int *lock)
{
    struct stat st, named;
    bool dead = false;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && !cdb_fs_exists(fd, CDB_LOCK_PATH)) {
        long process = strtol(pid, NULL, 10);
        bool alive = process > 0 && (kill((pid_t)process, 0) == 0 || errno != ESRCH);
        dead = !alive || time(NULL) - st.st_mtime > CDB_STALE_SECONDS;
    } else if (cdb_lock_take(lock, fd, CDB_LOCK_PATH, 0) == 0) {
        dead = fstat(fd, &st) == 0 && fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_ino == named.st_ino && st.st_dev == named.st_dev; /* not renamed into place meanwhile */
    }
    close(fd);
    return dead;
}

static void sweep_unfinished(int parent, const char *prefix)
{
    size_t len = strlen(prefix);
    DIR *dir = cdb_fs_opendir(parent, ".");
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int lock = -1;
        if (strncmp(entry->d_name, prefix, len) != 0)
            continue;
        if (is_dead(dirfd(dir), entry->d_name, entry->d_name + len, &lock))
            cdb_fs_remove_tree(dirfd(dir), entry->d_name);
        cdb_lock_release(&lock);
    }
    closedir(dir);
}

/* A racing creator that sweeps may take our directory for a dead one's in the moment before it is locked (it may not
 * see our process): begin again. */
static int fill_aside(int parent, const char *aside, const struct cdb_layout_content *content, int *dir, int *lock)
{
    for (int tries = 0;; tries++) {
        int result = 0;
        if (mkdirat(parent, aside, 0777) != 0 || (*dir = openat(parent, aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
            result = cdb_error_errno(aside, "cannot create '%s'", aside);
        CDB_FAULT("create-aside");
        if (result == 0)
            result = fill(*dir, lock, content);
        if (result == 0 || tries == CREATE_TRIES || cdb_fs_exists(parent, aside) || (*dir >= 0 && !was_removed(*dir)))
            return result;
        cdb_lock_release(lock);
        if (*dir >= 0)
            close(*dir);
        *dir = -1;
    }
}

/* To where nothing is, not even an empty directory: others may be at work in it. EEXIST otherwise. */
static int rename_to_nothing(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    return errno == EINVAL || errno == ENOSYS ? renameat(dir, from, dir, to) : -1;
}

/* The lock is held until nothing is left to do, so that nobody takes it for a dead one's. */
static int build_and_rename(int parent, const char *aside, const char *base, const struct cdb_layout_content *content)
{
    int dir = -1, lock = -1;
    int result = fill_aside(parent, aside, content, &dir, &lock);
    CDB_FAULT("create-filled");
    if (result == 0 && rename_to_nothing(parent, aside, base) != 0) {
        if (errno != EEXIST && errno != ENOTEMPTY)
            result = cdb_error_errno(base, "cannot create '%s'", base);
        else /* another creator was faster */
            result = content != NULL ? faster() : 0;
    }
    CDB_FAULT("create-renamed");
    if (result == 0)
        result = cdb_fs_sync_dir(parent, ".");
    if (cdb_fs_exists(parent, aside))
        cdb_fs_remove_tree(parent, aside);
    cdb_lock_release(&lock);
    if (dir >= 0)
        close(dir);
    return result;
}

/* Build it beside the place and rename it there: nobody ever sees a part of it. */
static int create_aside(const char *path, const struct cdb_layout_content *content)
{
    struct cdb_buf parent = CDB_BUF_INIT, prefix = CDB_BUF_INIT, aside = CDB_BUF_INIT;
    uint64_t random = 0;
    int parent_fd = -1, result = 0;
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return cdb_error_errno(NULL, "cannot get random bytes");
    cdb_buf_add(&parent, slash == NULL ? "." : path, slash == NULL ? 1 : (size_t)(slash - path) + 1);
    cdb_buf_addf(&prefix, ".%.*s.chrondb-new-", NAME_PART_MAX, base);
    cdb_buf_addf(&aside, "%s%ld-%016llx", cdb_buf_str(&prefix), (long)getpid(), (unsigned long long)random);
    if (parent.failed || prefix.failed || aside.failed)
        result = cdb_error_memory();
    else if (slash != NULL) /* ends with the slash, so that the parent itself is made too */
        result = cdb_fs_mkdir_parents(AT_FDCWD, parent.ptr);
    if (result == 0 && (parent_fd = open(parent.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        result = cdb_error_errno(parent.ptr, "cannot open '%s'", parent.ptr);
    if (result == 0) {
        sweep_unfinished(parent_fd, prefix.ptr);
        result = build_and_rename(parent_fd, aside.ptr, base, content);
    }
    if (parent_fd >= 0)
        close(parent_fd);
    cdb_buf_release(&parent);
    cdb_buf_release(&prefix);
    cdb_buf_release(&aside);
    return result;
}

int cdb_layout_create(const char *path, enum cdb_place place, const struct cdb_layout_content *content)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (place == CDB_PLACE_ABSENT) {
        char *trimmed = strndup(path, len);
        if (trimmed == NULL)
            return cdb_error_memory();
        int result = create_aside(trimmed, content);
        free(trimmed);
        return result;
    }
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cdb_error_errno(path, "cannot open '%s'", path);
    int lock = -1, result = fill(dir, &lock, content);
    cdb_lock_release(&lock);
    close(dir);
    return result;
}

/* ---- adopting ---------------------------------------------------------------------------------- */

static int refuse(const char *path, const char *why)
{
    return cdb_error(CHRONDB_ENODB, "not_a_database", "cannot adopt '%s': %s", path, why);
}

static int check_config(const char *path, git_config *config)
{
    git_buf text = {NULL, 0, 0};
    int bare = 0, result = 0;
    if (git_config_get_bool(&bare, config, "core.bare") != 0 || !bare)
        result = refuse(path, "it is not a bare repository");
    if (result == 0 && git_config_get_string_buf(&text, config, "extensions.objectformat") == 0 &&
        strcasecmp(text.ptr, "sha1") != 0)
        result = refuse(path, "its objects are not named by SHA-1");
    git_buf_dispose(&text);
    if (result == 0 && git_config_get_string_buf(&text, config, "extensions.refstorage") == 0 &&
        strcasecmp(text.ptr, "files") != 0)
        result = refuse(path, "its refs are not kept as files");
    git_buf_dispose(&text);
    return result;
}

static int set_config(const char *path, git_config *config)
{
    if (git_config_set_int32(config, "core.repositoryformatversion", 1) != 0 ||
        git_config_set_bool(config, "extensions.preciousObjects", 1) != 0 ||
        git_config_set_int32(config, "gc.auto", 0) != 0) {
        const git_error *error = git_error_last();
        return cdb_error(CHRONDB_ESYSTEM, "io_error", "cannot change '%s/config': %s", path,
                         error != NULL ? error->message : "unknown");
    }
    return 0;
}

/* An adoption, or a git config, that died has left its lock: it goes once it is old enough. If it is a live one's, the
 * change fails and tells so. */
static void wait_for_config(int dir, const char *path)
{
    struct timespec pause = {0, 50000000};
    int64_t until = cdb_monotonic_ms() + (CDB_STALE_SECONDS + 2) * 1000;
    char *absolute = realpath(path, NULL);
    while (absolute != NULL && cdb_fs_exists(dir, CONFIG_LOCK) && !cdb_git_lock_sweep(dir, absolute, CONFIG_LOCK) &&
           cdb_monotonic_ms() < until)
        nanosleep(&pause, NULL);
    free(absolute);
}

/* `path` is that of the directory `dir`. */
static int open_config(int dir, const char *path, git_config **config)
{
    struct cdb_buf file = CDB_BUF_INIT;
    cdb_buf_addf(&file, "%s/config", path);
    cdb_libgit2_start();
    int result = cdb_buf_check(&file);
    if (result == 0 && cdb_fs_exists(dir, "shallow"))
        result = refuse(path, "it is a shallow clone, a part of its past is missing: git fetch --unshallow");
    if (result == 0 && git_config_open_ondisk(config, file.ptr) != 0)
        result = refuse(path, "its config cannot be read");
    if (result == 0) {
        wait_for_config(dir, path);
        result = check_config(path, *config);
    }
    cdb_buf_release(&file);
    return result;
}

int cdb_layout_adopt_config(int dir, const char *path)
{
    git_config *config = NULL;
    int result = open_config(dir, path, &config);
    if (result == 0)
        result = set_config(path, config);
    git_config_free(config);
    return result;
}

int cdb_layout_adopt(const char *path)
{
    git_config *config = NULL;
    int lock = -1;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cdb_error_errno(path, "cannot open '%s'", path);
    int result = open_config(dir, path, &config);
    if (result == 0)
        result = cdb_fs_mkdir(dir, "chrondb");
    if (result == 0)
        result = cdb_lock_take(&lock, dir, CDB_LOCK_PATH, CREATE_WAIT_MS);
    if (result == 0 && !cdb_fs_exists(dir, FORMAT_PATH) && (result = set_config(path, config)) == 0)
        result = write_format(dir, false);
    git_config_free(config);
    cdb_lock_release(&lock);
    close(dir);
    return result;
}
