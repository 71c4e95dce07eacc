/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/handle.h"
#include "db/wait.h"
#include "store/lock.h"
#include "util/background.h"
#include "util/error.h"
#include "util/options.h"

/* One instance a database and process: the only state of the library that outlives a call's handle. */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct chrondb *registry;

/* ---- fork ---------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&registry_mutex);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&registry_mutex);
}

/* The child begins anew. What its parent's threads were doing cannot be finished or freed here, but a lock that they
 * hold must not live on with the child. */
static void after_fork_in_child(void)
{
    registry = NULL;
    cdb_locks_forget();
    pthread_mutex_unlock(&registry_mutex);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

int cdb_enter(const struct cdb_repo *repo)
{
    cdb_error_clear();
    if (cdb_is_ours(repo))
        return 0;
    return cdb_error(CHRONDB_EUSAGE, "wrong_process",
                     "the database was opened before this process was forked; open it anew in the child");
}

/* ---- instances ------------------------------------------------------------------------------------ */

const char *chrondb_version(void)
{
    return CHRONDB_VERSION;
}

/* The instance of a directory, with one more reference. The caller holds the mutex. */
static struct chrondb *shared_instance(dev_t device, ino_t inode)
{
    for (struct chrondb *db = registry; db != NULL; db = db->next) {
        if (db->repo->device == device && db->repo->inode == inode && cdb_is_ours(db->repo)) {
            db->references++;
            return db;
        }
    }
    return NULL;
}

static struct chrondb *find_shared(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return NULL;
    pthread_mutex_lock(&registry_mutex);
    struct chrondb *db = shared_instance(st.st_dev, st.st_ino);
    pthread_mutex_unlock(&registry_mutex);
    return db;
}

static void destroy(struct chrondb *db)
{
    cdb_helper_release(&db->helper);
    cdb_db_index_release(&db->index);
    cdb_repo_close(db->repo);
    free(db);
}

/* Takes the repository over; without memory it is closed. */
static struct chrondb *share(struct cdb_repo *repo, const char *index_path)
{
    struct chrondb *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL || cdb_db_index_init(&fresh->index, repo, index_path) != 0) {
        if (fresh == NULL)
            cdb_error_set_memory();
        free(fresh);
        cdb_repo_close(repo);
        return NULL;
    }
    fresh->repo = repo;
    cdb_helper_init(&fresh->helper);
    pthread_mutex_lock(&registry_mutex);
    struct chrondb *db = shared_instance(repo->device, repo->inode);
    if (db == NULL) {
        fresh->references = 1;
        fresh->next = registry;
        registry = db = fresh;
    }
    pthread_mutex_unlock(&registry_mutex);
    if (db != fresh) /* another thread opened it meanwhile */
        destroy(fresh);
    return db;
}

static int give(chrondb **out, struct chrondb *db, unsigned flags)
{
    if ((flags & CHRONDB_OPEN_MAINTAIN) != 0)
        atomic_store(&db->helper.wanted, true);
    *out = db;
    return 0;
}

static int read_arguments(const char *path, const chrondb_open_options *options, chrondb_open_options *asked)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    cdb_error_clear();
    int result = cdb_options_read(asked, sizeof(*asked), options, "chrondb_open_options");
    if (result == 0 && (path == NULL || *path == '\0'))
        result = cdb_error(CHRONDB_EUSAGE, "usage", "the path of the database is empty");
    if (result == 0 && strlen(path) >= PATH_MAX)
        result = cdb_error(CHRONDB_EUSAGE, "usage", "the path of the database is too long");
    return result;
}

static int open_as_asked(chrondb **out, const char *path, const chrondb_open_options *asked, unsigned flags)
{
    struct cdb_repo *repo = NULL;
    struct chrondb *db = find_shared(path);
    if (db != NULL)
        return give(out, db, asked->flags);
    int result = cdb_repo_open(&repo, path, flags, asked->notice, asked->notice_context);
    if (result != 0)
        return result;
    db = share(repo, asked->index_path);
    return db != NULL ? give(out, db, asked->flags) : CHRONDB_ESYSTEM;
}

int chrondb_open(chrondb **out, const char *path, const chrondb_open_options *options)
{
    if (out == NULL)
        return cdb_error_null();
    chrondb_open_options asked;
    int result = read_arguments(path, options, &asked);
    if (result != 0)
        return result;
    unsigned flags = (asked.flags & CHRONDB_OPEN_CREATE) != 0 ? CDB_CREATE : 0;
    flags |= (asked.flags & CHRONDB_OPEN_ADOPT) != 0 ? CDB_ADOPT : 0;
    return open_as_asked(out, path, &asked, flags);
}

static int create_from(const char *path, struct cdb_maker *maker)
{
    const struct cdb_layout_content content = {maker, cdb_maker_fill};
    struct cdb_buf found = CDB_BUF_INIT;
    enum cdb_place place;
    int result = cdb_place_examine(path, &place, &found);
    if (result == 0 && (place == CDB_PLACE_ABSENT || place == CDB_PLACE_EMPTY || place == CDB_PLACE_UNFINISHED))
        result = cdb_layout_create(path, place, &content);
    else if (result == 0) {
        result =
            cdb_error(CHRONDB_ENODB, "exists", "there is something at '%s' already; choose another directory", path);
        cdb_error_set_path(path);
    }
    cdb_buf_release(&found);
    return result;
}

int chrondb_create_from(chrondb **out, const char *path, const chrondb_open_options *options,
                        int (*make)(void *context, const char *repository), void *context)
{
    if (out == NULL || make == NULL)
        return cdb_error_null();
    struct cdb_maker maker = {make, context};
    chrondb_open_options asked;
    int result = read_arguments(path, options, &asked);
    if (result == 0)
        result = create_from(path, &maker);
    return result == 0 ? open_as_asked(out, path, &asked, CDB_CREATED) : result;
}

int chrondb_ready_for_git(chrondb *db, int lock_timeout_ms)
{
    if (db == NULL)
        return cdb_error_null();
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    return result == 0 ? cdb_repo_unlock_git(db->repo, cdb_lock_wait(lock_timeout_ms)) : result;
}

void chrondb_close(chrondb *db)
{
    if (db == NULL || !cdb_is_ours(db->repo))
        return;
    pthread_mutex_lock(&registry_mutex);
    bool last = --db->references == 0;
    for (struct chrondb **link = &registry; last && *link != NULL; link = &(*link)->next) {
        if (*link == db) {
            *link = db->next;
            break;
        }
    }
    pthread_mutex_unlock(&registry_mutex);
    if (last)
        destroy(db);
}

const char *chrondb_path(const chrondb *db)
{
    return db != NULL ? db->repo->path : NULL;
}

int chrondb_was_created(const chrondb *db)
{
    return db != NULL && (db->repo->created || db->repo->adopted);
}

static int maintain(void *context)
{
    chrondb *db = context;
    int result = cdb_maintain(db->repo);
    if (cdb_db_index_maintain(db, false, NULL, NULL) != 0 && result == 0) { /* everything works without it */
        cdb_repo_notice(db->repo, CHRONDB_NOTE, "the index was not brought up to date: %s",
                        chrondb_last_error()->message);
        cdb_error_clear();
    }
    return result;
}

int chrondb_maintain(chrondb *db)
{
    if (db == NULL)
        return cdb_error_null();
    int result = cdb_enter(db->repo);
    return result == 0 ? cdb_background(maintain, db) : result;
}

int chrondb_maintenance_due(const chrondb *db)
{
    return db != NULL && (db->repo->checkpoint_due || db->index.due);
}

/* ---- which database ---------------------------------------------------------------------------- */

int cdb_buffer_set(chrondb_buffer *out, const void *data, size_t size)
{
    if (out->capacity <= size) {
        char *grown = realloc(out->data, size + 1);
        if (grown == NULL)
            return cdb_error_memory();
        out->data = grown;
        out->capacity = size + 1;
    }
    if (size > 0)
        memcpy(out->data, data, size);
    out->data[size] = '\0';
    out->size = size;
    return 0;
}

int chrondb_discover(chrondb_buffer *path)
{
    if (path == NULL)
        return cdb_error_null();
    const char *given = getenv("CHRONDB_DIR");
    char directory[PATH_MAX];
    struct cdb_buf candidate = CDB_BUF_INIT;
    cdb_error_clear();
    if (given != NULL && *given != '\0')
        return cdb_buffer_set(path, given, strlen(given));
    int result = getcwd(directory, sizeof(directory)) == NULL ? 1 : 0;
    while (result == 0) {
        struct stat st;
        size_t len = strlen(directory);
        cdb_buf_clear(&candidate);
        cdb_buf_addf(&candidate, "%s/.chrondb", len == 1 ? "" : directory);
        if ((result = cdb_buf_check(&candidate)) != 0)
            break;
        if (stat(candidate.ptr, &st) == 0 && S_ISDIR(st.st_mode)) {
            result = cdb_buffer_set(path, candidate.ptr, candidate.len);
            cdb_buf_release(&candidate);
            return result;
        }
        char *slash = strrchr(directory, '/');
        if (slash == NULL || len == 1)
            result = 1;
        else
            slash[slash == directory ? 1 : 0] = '\0';
    }
    cdb_buf_release(&candidate);
    if (result < 0)
        return result;
    result = cdb_buffer_set(path, ".chrondb", 8);
    return result != 0 ? result : CHRONDB_NOTFOUND;
}
