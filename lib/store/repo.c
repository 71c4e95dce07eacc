/* SPDX-License-Identifier: MIT */
#include "store/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/refs.h"
#include "store/timeline.h"
#include "util/error.h"

#define CREATE_RACES 8

void cdb_repo_notice(const struct cdb_repo *repo, int level, const char *format, ...)
{
    struct cdb_buf text = CDB_BUF_INIT;
    va_list args;
    if (repo->notice == NULL)
        return;
    va_start(args, format);
    cdb_buf_vaddf(&text, format, args);
    va_end(args);
    if (!text.failed)
        repo->notice(repo->notice_context, level, text.ptr);
    cdb_buf_release(&text);
}

/* ---- the journal as the last resort ------------------------------------------------------------ */

static int find_in_halves(const struct cdb_half halves[2], const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    int result = cdb_half_find(&halves[1], oid, type, out);
    return result == 1 ? cdb_half_find(&halves[0], oid, type, out) : result;
}

static int find_in_journal(void *context, const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    struct cdb_repo *repo = context;
    struct cdb_half halves[2];
    int index[2];
    pthread_mutex_lock(&repo->mutex);
    bool loaded = repo->overlay;
    int result = loaded ? find_in_halves(repo->halves, oid, type, out) : 1;
    pthread_mutex_unlock(&repo->mutex);
    if (loaded)
        return result;
    result = cdb_journal_read(repo->dir, halves, index);
    if (result != 0)
        return result;
    result = find_in_halves(halves, oid, type, out);
    cdb_half_release(&halves[0]);
    cdb_half_release(&halves[1]);
    return result;
}

static void drop_overlay(struct cdb_repo *repo)
{
    pthread_mutex_lock(&repo->mutex);
    if (repo->overlay) {
        cdb_half_release(&repo->halves[0]);
        cdb_half_release(&repo->halves[1]);
        repo->overlay = false;
    }
    pthread_mutex_unlock(&repo->mutex);
}

static int load_overlay(struct cdb_repo *repo, const struct cdb_state *state)
{
    struct cdb_half halves[2];
    int index[2];
    int result = cdb_journal_read(repo->dir, halves, index);
    if (result != 0)
        return result;
    pthread_mutex_lock(&repo->mutex);
    if (repo->overlay) {
        cdb_half_release(&repo->halves[0]);
        cdb_half_release(&repo->halves[1]);
    }
    repo->halves[0] = halves[0];
    repo->halves[1] = halves[1];
    repo->checkpointed = state->checkpointed;
    repo->overlay = true;
    pthread_mutex_unlock(&repo->mutex);
    return 0;
}

static bool has_overlay(struct cdb_repo *repo)
{
    pthread_mutex_lock(&repo->mutex);
    bool loaded = repo->overlay;
    pthread_mutex_unlock(&repo->mutex);
    return loaded;
}

/* What the journal knows of a ref. */
struct journalled {
    bool any;            /* is there any record? */
    bool durable;        /* a checkpoint has seen to the last one */
    bool passed;         /* the ref stands where it once stood */
    struct cdb_oid head; /* after the last record; zeros: it was deleted */
};

static void look_into_journal(struct cdb_repo *repo, const char *ref, const struct cdb_oid *now, struct journalled *out)
{
    size_t len = strlen(ref);
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&repo->mutex);
    for (int i = 0; repo->overlay && i < 2; i++) {
        struct cdb_record record;
        for (uint64_t offset = 0; cdb_half_record(&repo->halves[i], &offset, &record);) {
            if (record.former_len == len && memcmp(record.former, ref, len) == 0)
                out->any = false; /* HEAD may not have followed to its new name yet: what is in the file counts */
            if (record.ref_len != len || memcmp(record.ref, ref, len) != 0)
                continue;
            out->any = true;
            out->durable = record.generation <= repo->checkpointed;
            out->passed = out->passed || cdb_oid_equal(now, &record.before) || cdb_oid_equal(now, &record.after);
            out->head = record.after;
        }
    }
    pthread_mutex_unlock(&repo->mutex);
}

static bool is_journalled_head(const void *context, const struct cdb_oid *commit)
{
    const struct journalled *journalled = context;
    return cdb_oid_equal(commit, &journalled->head);
}

/* A head that the journal does not know stands there: does it contain ours, and is all of it there? 1, 0, an error. */
static int is_ahead(struct cdb_repo *repo, const struct cdb_oid *now, const struct journalled *journalled)
{
    bool contained = false;
    int result = cdb_timeline_contains(repo->objects, now, &journalled->head, &contained);
    if (result == 0 && contained)
        result = cdb_push_survived(repo->objects, now, is_journalled_head, journalled);
    return result == CHRONDB_EDAMAGED ? 0 : result;
}

/* As recovery would decide it, but that nothing is merged: what was pushed after a power cut is not seen before. */
int cdb_repo_ref(struct cdb_repo *repo, const char *ref, struct cdb_oid *out)
{
    static const struct cdb_oid none;
    struct journalled journalled;
    struct cdb_state state;
    int result = cdb_ref_read(repo->dir, ref, out);
    if (result == CHRONDB_EDAMAGED && !has_overlay(repo)) { /* the next write puts it right */
        cdb_state_read(repo->dir, &state);
        (void)load_overlay(repo, &state);
    }
    look_into_journal(repo, ref, result == 0 ? out : &none, &journalled);
    if (!journalled.any || (result < 0 && result != CHRONDB_EDAMAGED) ||
        (result >= 0 && (journalled.durable || (result == 0 && cdb_oid_equal(out, &journalled.head)))))
        return result;
    if (result == 0 && !journalled.passed && strncmp(ref, CDB_HEADS, strlen(CDB_HEADS)) != 0)
        return 0; /* a tag that git has moved */
    if (result == 0 && !journalled.passed && (result = is_ahead(repo, out, &journalled)) != 0)
        return result < 0 ? result : 0;
    *out = journalled.head;
    return cdb_oid_is_zero(out);
}

/* ---- attending --------------------------------------------------------------------------------- */

static bool is_clean(const struct cdb_repo *repo, const struct cdb_state *state)
{
    return !state->in_progress && cdb_fs_boot_known(repo->boot) && memcmp(state->boot, repo->boot, CDB_BOOT_SIZE) == 0;
}

int cdb_repo_attend(struct cdb_repo *repo)
{
    struct cdb_state state;
    int lock = -1;
    int missing = cdb_state_read(repo->dir, &state);
    if (is_clean(repo, &state) || (missing != 0 && !cdb_fs_exists(repo->dir, CDB_JOURNAL_PATH))) {
        drop_overlay(repo);
        return 0;
    }
    bool same_boot = missing == 0 && memcmp(state.boot, repo->boot, CDB_BOOT_SIZE) == 0;
    if (cdb_lock_is_held(repo->dir,
                         CDB_LOCK_PATH)) /* a live writer: it recovers, or is only in the middle of a write */
        return same_boot ? 0 : load_overlay(repo, &state);
    int result = cdb_lock_take(&lock, repo->dir, CDB_LOCK_PATH, 0);
    if (result != 0) /* read-only, or another was faster */
        return same_boot ? 0 : load_overlay(repo, &state);
    cdb_state_read(repo->dir, &state);
    struct cdb_state recovered = state;
    result = is_clean(repo, &state) ? 0 : cdb_recover(repo, &recovered, true, 0);
    cdb_lock_release(&lock);
    if (result == CHRONDB_ESYSTEM || result == CHRONDB_EBUSY) /* full disk ...: what can be read shall be */
        return same_boot ? 0 : load_overlay(repo, &state);
    if (result == 0)
        drop_overlay(repo);
    return result;
}

/* ---- opening ----------------------------------------------------------------------------------- */

static int no_database(const char *path, enum cdb_place place, const char *found)
{
    switch (place) {
    case CDB_PLACE_ABSENT:
        return cdb_error(CHRONDB_ENODB, "no_database", "no database at '%s'", path);
    case CDB_PLACE_EMPTY:
        return cdb_error(CHRONDB_ENODB, "no_database", "no database at '%s': the directory is empty", path);
    case CDB_PLACE_UNFINISHED:
        return cdb_error(CHRONDB_ENODB, "no_database",
                         "no database at '%s' yet: its creation was cut short; the next write finishes it", path);
    case CDB_PLACE_BARE:
        return cdb_error(CHRONDB_ENODB, "not_a_database",
                         "'%s' is a git repository, not a database: 'chrondb init --adopt' makes it one", path);
    case CDB_PLACE_WORK_TREE:
        return cdb_error(CHRONDB_ENODB, "not_a_database",
                         "'%s' is a git work tree, not a database: choose another directory", path);
    default:
        return cdb_error(CHRONDB_ENODB, "not_a_database", "'%s' is not a database: %s%s; choose another directory",
                         path, *found != '\0' ? "it holds " : "it is no directory", found);
    }
}

/* Make the place a database, or say why not. Racing creators end here again, with one database. */
static int prepare(const char *path, unsigned flags, bool *created, bool *adopted)
{
    for (int race = 0; race < CREATE_RACES; race++) {
        enum cdb_place place;
        struct cdb_buf found = CDB_BUF_INIT;
        int result = cdb_place_examine(path, &place, &found);
        if (result == 0 && place == CDB_PLACE_DATABASE) {
            cdb_buf_release(&found);
            return 0;
        }
        bool creatable = place == CDB_PLACE_ABSENT || place == CDB_PLACE_EMPTY || place == CDB_PLACE_UNFINISHED;
        if (result == 0 && creatable && (flags & CDB_CREATE) != 0) {
            result = cdb_layout_create(path, place, NULL);
            *created = result == 0;
        } else if (result == 0 && place == CDB_PLACE_BARE && (flags & CDB_ADOPT) != 0) {
            result = cdb_layout_adopt(path);
            *adopted = result == 0;
        } else if (result == 0) {
            result = no_database(path, place, cdb_buf_str(&found));
            cdb_error_set_path(path);
        }
        cdb_buf_release(&found);
        if (result != 0)
            return result;
    }
    return cdb_error(CHRONDB_EBUSY, "busy", "the database at '%s' is created and removed again and again", path);
}

static struct cdb_repo *repo_new(void)
{
    struct cdb_repo *repo = calloc(1, sizeof(*repo));
    if (repo == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    repo->dir = -1;
    repo->owner = getpid();
    pthread_mutex_init(&repo->write_mutex, NULL);
    pthread_mutex_init(&repo->mutex, NULL);
    cdb_fs_boot_id(repo->boot);
    return repo;
}

static int open_directory(struct cdb_repo *repo, const char *path)
{
    struct stat st;
    repo->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (repo->dir < 0)
        return errno == ENOENT || errno == ENOTDIR ? 1 : cdb_error_errno(path, "cannot open '%s'", path);
    if (!cdb_fs_exists(repo->dir, "chrondb/format"))
        return 1;
    repo->path = realpath(path, NULL);
    if (repo->path == NULL || fstat(repo->dir, &st) != 0)
        return cdb_error_errno(path, "cannot examine '%s'", path);
    repo->device = st.st_dev;
    repo->inode = st.st_ino;
    return cdb_layout_check_format(repo->dir, repo->path);
}

int cdb_repo_open(struct cdb_repo **out, const char *path, unsigned flags,
                  void (*notice)(void *context, int level, const char *text), void *notice_context)
{
    struct cdb_repo *repo = repo_new();
    if (repo == NULL)
        return CHRONDB_ESYSTEM;
    repo->notice = notice;
    repo->notice_context = notice_context;
    repo->created = (flags & CDB_CREATED) != 0;
    int result = open_directory(repo, path); /* the common case: it is there */
    if (result == 1) {
        if (repo->dir >= 0)
            close(repo->dir);
        repo->dir = -1;
        result = prepare(path, flags, &repo->created, &repo->adopted);
        if (result == 0)
            result = open_directory(repo, path);
        if (result == 1)
            result = no_database(path, CDB_PLACE_ABSENT, "");
    }
    if (result == 0)
        result = cdb_objects_new(&repo->objects, repo->dir);
    if (result == 0) {
        cdb_objects_set_fallback(repo->objects, find_in_journal, repo);
        result = cdb_repo_attend(repo);
    }
    if (result != 0) {
        cdb_repo_close(repo);
        return result;
    }
    *out = repo;
    return 0;
}

void cdb_repo_close(struct cdb_repo *repo)
{
    if (repo == NULL)
        return;
    drop_overlay(repo);
    cdb_objects_free(repo->objects);
    cdb_deflater_free(atomic_load(&repo->deflater));
    if (repo->dir >= 0)
        close(repo->dir);
    pthread_mutex_destroy(&repo->write_mutex);
    pthread_mutex_destroy(&repo->mutex);
    free(repo->path);
    free(repo);
}
