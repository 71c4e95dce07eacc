/* SPDX-License-Identifier: MIT */
#include "store/refwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store/refs.h"
#include "util/error.h"

#define TICK_NS     50000000
#define EVENT_BYTES 8192 /* of a read; one event has at most NAME_MAX + 1 and a few */

/* A ref is moved by a rename into place, or by who writes its file; directories come and go. */
#define MASK                                                                                                           \
    (IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* One directory on the way to the ref's file. */
struct step {
    const char *name; /* of what is looked for in it: the next directory, or the file */
    size_t path_len;  /* of its own path, in `path` */
    int wd;           /* -1: it is not watched, since it is not there */
};

struct cdb_ref_watch {
    int dir;
    char *path, *names; /* the ref; and the same cut into names */
    struct step *steps; /* from the repository down */
    size_t count;
    int epoll, inotify, timer; /* the last two: -1, or in epoll */
    bool first;
};

/* ---- the clock ------------------------------------------------------------------------------------- */

static int add_to_epoll(struct cdb_ref_watch *watch, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int start_clock(struct cdb_ref_watch *watch)
{
    struct itimerspec tick = {{0, TICK_NS}, {0, TICK_NS}};
    if (watch->timer >= 0)
        return 0;
    watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (watch->timer < 0 || timerfd_settime(watch->timer, 0, &tick, NULL) != 0 ||
        add_to_epoll(watch, watch->timer) != 0)
        return cdb_error_errno(NULL, "cannot start a clock");
    return 0;
}

static bool take_ticks(struct cdb_ref_watch *watch)
{
    uint64_t ticks;
    return watch->timer >= 0 && read(watch->timer, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks);
}

/* On these the kernel does not see what other machines do. Numbers: statfs(2), linux/magic.h. */
static bool is_shared(int dir)
{
    static const unsigned long shared[] = {
        0x6969 /* NFS */,        0x517b /* SMB */,      0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
        0x01021997 /* 9P */,     0x65735546 /* FUSE */, 0x00c36400 /* Ceph */, 0x5346414f /* AFS */,
        0x6b414653 /* AFS */,    0x73757245 /* Coda */, 0x01161970 /* GFS2 */, 0x7461636f /* OCFS2 */,
        0x0bd00bd0 /* Lustre */, 0x786f4256 /* vbox */, 0x47504653 /* GPFS */,
    };
    struct statfs fs;
    if (fstatfs(dir, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if ((unsigned long)fs.f_type == shared[i])
            return true;
    return false;
}

/* ---- directories ----------------------------------------------------------------------------------- */

/* The watch of one directory; -1 with errno. There is no inotify_add_watch that takes a descriptor. */
static int watch_directory(struct cdb_ref_watch *watch, const struct step *step)
{
    char link[32], path[CDB_REF_NAME_MAX + 1];
    memcpy(path, watch->path, step->path_len);
    path[step->path_len] = '\0';
    int fd = openat(watch->dir, step->path_len > 0 ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int wd = inotify_add_watch(watch->inotify, link, MASK);
    if (wd < 0 && errno == ENOENT) /* no /proc */
        errno = ENOSYS;
    int saved = errno;
    close(fd);
    errno = saved;
    return wd;
}

/* Watch the directories that are there, from the top down: whatever comes up below one is noted by it. False: that
 * cannot be. */
static bool watch_directories(struct cdb_ref_watch *watch)
{
    bool there = true, possible = true;
    for (size_t i = 0; i < watch->count; i++) {
        struct step *step = &watch->steps[i];
        int wd = there ? watch_directory(watch, step) : -1;
        if (wd < 0 && there && errno != ENOENT && errno != ENOTDIR)
            possible = false;
        there = wd >= 0;
        if (step->wd >= 0 && step->wd != wd)
            inotify_rm_watch(watch->inotify, step->wd); /* fails if the directory is gone, and its watch with it */
        step->wd = wd;
    }
    return possible;
}

static bool is_about(const struct cdb_ref_watch *watch, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        return true;
    for (size_t i = 0; i < watch->count; i++) {
        const struct step *step = &watch->steps[i];
        if (step->wd != event->wd)
            continue;
        if (*name == '\0' || strcmp(name, step->name) == 0)
            return true;
        /* The whole database may be on its way out: what is deleted last is of the repository's directory. */
        if (i == 0 && (strcmp(name, "packed-refs") == 0 || (event->mask & IN_DELETE) != 0))
            return true;
    }
    return false;
}

/* Take all events: is one of them about the ref? */
static bool take_events(struct cdb_ref_watch *watch)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    bool found = false;
    for (;;) {
        ssize_t size = watch->inotify >= 0 ? read(watch->inotify, bytes, sizeof(bytes)) : -1;
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return found;
        for (char *at = bytes; at < bytes + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            found = found || is_about(watch, event);
            at += sizeof(*event) + event->len;
        }
    }
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static int cut_path(struct cdb_ref_watch *watch, const char *ref)
{
    size_t room = 1;
    for (const char *p = ref; *p != '\0'; p++)
        room += *p == '/';
    if (strlen(ref) > CDB_REF_NAME_MAX)
        return cdb_error(CHRONDB_EUSAGE, "no_branch", "the name of the branch is too long");
    watch->path = strdup(ref);
    watch->names = strdup(ref);
    watch->steps = calloc(room, sizeof(*watch->steps));
    if (watch->path == NULL || watch->names == NULL || watch->steps == NULL)
        return cdb_error_memory();
    for (char *name = watch->names; name != NULL;) {
        char *slash = strchr(name, '/');
        size_t start = (size_t)(name - watch->names);
        watch->steps[watch->count++] = (struct step){name, start > 0 ? start - 1 : 0, -1};
        if (slash != NULL)
            *slash++ = '\0';
        name = slash;
    }
    return 0;
}

static bool switched_off(void)
{
#ifdef CHRONDB_TEST_HOOKS
    return getenv("CHRONDB_TEST_NO_INOTIFY") != NULL;
#else
    return false;
#endif
}

static int start(struct cdb_ref_watch *watch)
{
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epoll < 0)
        return cdb_error_errno(NULL, "cannot watch files");
    if (!switched_off())
        watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool notified = watch->inotify >= 0 && add_to_epoll(watch, watch->inotify) == 0 && watch_directories(watch);
    return notified && !is_shared(watch->dir) ? 0 : start_clock(watch);
}

int cdb_ref_watch_open(struct cdb_ref_watch **out, int dir, const char *ref)
{
    struct cdb_ref_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return cdb_error_memory();
    *watch = (struct cdb_ref_watch){.dir = dir, .epoll = -1, .inotify = -1, .timer = -1, .first = true};
    int result = cut_path(watch, ref);
    if (result == 0)
        result = start(watch);
    if (result != 0) {
        cdb_ref_watch_free(watch);
        return result;
    }
    *out = watch;
    return 0;
}

void cdb_ref_watch_free(struct cdb_ref_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->epoll >= 0)
        close(watch->epoll);
    if (watch->inotify >= 0)
        close(watch->inotify);
    if (watch->timer >= 0)
        close(watch->timer);
    free(watch->path);
    free(watch->names);
    free(watch->steps);
    free(watch);
}

int cdb_ref_watch_fd(const struct cdb_ref_watch *watch)
{
    return watch->epoll;
}

bool cdb_ref_watch_take(struct cdb_ref_watch *watch)
{
    bool moved = watch->first;
    watch->first = false;
    if (take_ticks(watch))
        moved = true;
    if (!take_events(watch))
        return moved;
    /* Directories may have come or gone. Without a clock (there are no descriptors left) the watches there are must do.
     */
    if (!watch_directories(watch) && start_clock(watch) != 0)
        cdb_error_clear();
    return true;
}
