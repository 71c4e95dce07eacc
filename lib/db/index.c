/* SPDX-License-Identifier: MIT */
#include "db/index.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/handle.h"
#include "store/lock.h"
#include "util/error.h"
#include "util/fs.h"

#define LOCK    "lock"
#define ATTEMPT "attempt"
#define DAMAGED "damaged"

#define AFTER_FAILURE_SECONDS 300
#define AFTER_DEATH_SECONDS   30
#define NAME_DIGITS           16

/* ---- where ------------------------------------------------------------------------------------- */

/* Several databases may be given the same directory: each has its own below it, named by a hash of its path. */
static int outside(const struct cdb_repo *repo, const char *given, struct cdb_buf *out)
{
    char here[PATH_MAX], hex[CDB_OID_HEX + 1];
    struct cdb_oid hash;
    if (*given != '/' && getcwd(here, sizeof(here)) == NULL)
        return cdb_error_errno(given, "cannot tell where '%s' is", given);
    int result = cdb_object_hash(&hash, CDB_BLOB, repo->path, strlen(repo->path));
    if (result != 0)
        return result;
    cdb_oid_format(&hash, hex);
    if (*given != '/')
        cdb_buf_addf(out, "%s/", here);
    cdb_buf_addf(out, "%s/%.*s", given, NAME_DIGITS, hex);
    return cdb_buf_check(out);
}

int cdb_db_index_init(struct cdb_db_index *index, const struct cdb_repo *repo, const char *given)
{
    struct cdb_buf path = CDB_BUF_INIT;
    memset(index, 0, sizeof(*index));
    if (given != NULL && *given != '\0') {
        int result = outside(repo, given, &path);
        if (result != 0) {
            cdb_buf_release(&path);
            return result;
        }
    }
    index->path = path.ptr;
    pthread_mutex_init(&index->mutex, NULL);
    return 0;
}

void cdb_db_index_release(struct cdb_db_index *index)
{
    cdb_view_release(index->view);
    pthread_mutex_destroy(&index->mutex);
    free(index->path);
}

static const char *path_of(const chrondb *db)
{
    return db->index.path != NULL ? db->index.path : CDB_INDEX_PATH;
}

int cdb_db_index_directory(chrondb *db, bool create)
{
    const char *path = path_of(db);
    int base = db->index.path != NULL ? AT_FDCWD : db->repo->dir;
    int dir = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 || !create)
        return dir;
    if (errno == ENOENT && (cdb_fs_mkdir_parents(base, path) != 0 || cdb_fs_mkdir(base, path) != 0))
        return -1;
    dir = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        cdb_error_set_errno(path, "cannot open directory '%s'", path);
    return dir;
}

/* ---- who --------------------------------------------------------------------------------------- */

int cdb_db_index_lock(chrondb *db, int wait_ms, int *dir, int *lock)
{
    *lock = -1;
    *dir = cdb_db_index_directory(db, true);
    if (*dir < 0)
        return CHRONDB_ESYSTEM;
    int result = cdb_lock_take(lock, *dir, LOCK, wait_ms);
    if (result != 0) {
        close(*dir);
        *dir = -1;
    }
    return result;
}

void cdb_db_index_unlock(int *dir, int *lock)
{
    cdb_lock_release(lock);
    if (dir != NULL && *dir >= 0) {
        close(*dir);
        *dir = -1;
    }
}

/* ---- when -------------------------------------------------------------------------------------- */

/* Somebody is at it, or has just failed (then the file is not empty), or died. */
static bool tried_just_now(int dir)
{
    struct stat st;
    if (fstatat(dir, ATTEMPT, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    time_t age = time(NULL) - st.st_mtime, wait = st.st_size > 0 ? AFTER_FAILURE_SECONDS : AFTER_DEATH_SECONDS;
    if (age < wait && age > -wait)
        return true;
    return cdb_lock_is_held(dir, LOCK);
}

/* Could a directory that is not there be made? */
static bool may_create(const chrondb *db)
{
    if (db->index.path == NULL)
        return faccessat(db->repo->dir, "chrondb", W_OK, AT_EACCESS) == 0;
    char *path = strdup(db->index.path);
    bool may = false;
    for (char *slash = path != NULL ? strrchr(path, '/') : NULL; slash != NULL; slash = strrchr(path, '/')) {
        *slash = '\0';
        may = faccessat(AT_FDCWD, *path != '\0' ? path : "/", W_OK, AT_EACCESS) == 0;
        if (may || errno != ENOENT)
            break;
    }
    free(path);
    return may;
}

void cdb_db_index_set_due(chrondb *db)
{
    if (db->index.due)
        return;
    int dir = cdb_db_index_directory(db, false);
    if (dir < 0) {
        db->index.due = errno == ENOENT && may_create(db);
        return;
    }
    db->index.due = faccessat(dir, ".", W_OK, AT_EACCESS) == 0 && !tried_just_now(dir);
    close(dir);
}

void cdb_db_index_set_damaged(chrondb *db, const char *ref)
{
    int dir = cdb_db_index_directory(db, false);
    int fd = dir < 0 ? -1 : openat(dir, DAMAGED, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    cdb_db_index_set_due(db);
    if (!atomic_exchange(&db->index.told, true))
        cdb_repo_notice(db->repo, CHRONDB_NOTE, "the index of '%s' is damaged: answered without it%s", ref,
                        fd >= 0 ? "; it will be built anew" : "");
}

/* ---- what is there ------------------------------------------------------------------------------ */

static bool has_ending(const char *name, const char *ending)
{
    size_t len = strlen(name), ending_len = strlen(ending);
    return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

/* Calls `each` for every regular file. */
static void for_files(int dir, void (*each)(void *context, int dir, const char *name, const struct stat *st),
                      void *context)
{
    DIR *listing = dir < 0 ? NULL : cdb_fs_opendir(dir, ".");
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        struct stat st;
        if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            each(context, dir, entry->d_name, &st);
    }
    if (listing != NULL)
        closedir(listing);
}

struct measure {
    uint64_t bytes, segments;
};

static void measure_file(void *context, int dir, const char *name, const struct stat *st)
{
    struct measure *measure = context;
    (void)dir;
    measure->bytes += (uint64_t)st->st_blocks * 512;
    measure->segments += has_ending(name, ".segment");
}

void cdb_db_index_measure(chrondb *db, uint64_t *bytes, uint64_t *segments)
{
    struct measure measure = {0, 0};
    int dir = cdb_db_index_directory(db, false);
    for_files(dir, measure_file, &measure);
    if (dir >= 0)
        close(dir);
    *bytes = measure.bytes;
    *segments = measure.segments;
}

static void remove_file(void *context, int dir, const char *name, const struct stat *st)
{
    (void)context;
    (void)st;
    if (strcmp(name, LOCK) != 0 && strcmp(name, ATTEMPT) != 0)
        unlinkat(dir, name, 0);
}

void cdb_db_index_wipe(int dir)
{
    for_files(dir, remove_file, NULL);
}

bool cdb_db_index_is_damaged(int dir)
{
    return cdb_fs_exists(dir, DAMAGED);
}

static void write_attempt(int dir, const char *text)
{
    int fd = openat(dir, ATTEMPT, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    (void)futimens(fd, NULL);
    (void)cdb_fs_write_full(fd, text, strlen(text));
    close(fd);
}

void cdb_db_index_attempt_begin(int dir)
{
    write_attempt(dir, "");
}

void cdb_db_index_attempt_end(chrondb *db, int dir, int result)
{
    struct cdb_db_index *index = &db->index;
    if (result == 0 || result == CHRONDB_EBUSY) /* the latter may be tried again at once */
        unlinkat(dir, ATTEMPT, 0);
    else
        write_attempt(dir, "failed\n");
    if (result != 0)
        return;
    index->due = false;
    pthread_mutex_lock(&index->mutex);
    struct cdb_view *view = index->view;
    index->view = NULL; /* it may know less than the files now */
    pthread_mutex_unlock(&index->mutex);
    cdb_view_release(view);
}
