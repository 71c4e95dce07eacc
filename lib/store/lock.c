/* SPDX-License-Identifier: MIT */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/array.h"
#include "util/error.h"
#include "util/thread.h"

/* ---- descriptors ---------------------------------------------------------------------------------- */

#define KNOWN_MAX 64

/* Of locks that are held or waited for, plus one; 0: free. A lock belongs to the open file, which a child that is
 * forked shares: unless it lets go, the lock outlives its owner. What finds no room here is as safe as a child is
 * short. */
static atomic_int known[KNOWN_MAX];

static void know(int fd)
{
    for (int i = 0; i < KNOWN_MAX; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&known[i], &none, fd + 1))
            return;
    }
}

/* Before it is closed: the number may be another file's right after. */
static void forget(int fd)
{
    for (int i = 0; i < KNOWN_MAX; i++) {
        int wanted = fd + 1;
        if (atomic_compare_exchange_strong(&known[i], &wanted, 0))
            return;
    }
}

static void close_known(int fd)
{
    forget(fd);
    close(fd);
}

void cdb_locks_forget(void)
{
    for (int i = 0; i < KNOWN_MAX; i++) {
        int fd = atomic_exchange(&known[i], 0) - 1;
        if (fd >= 0)
            close(fd);
    }
}

/* ---- waiting -------------------------------------------------------------------------------------- */

/* The kernel queues waiters but knows no timeout, and a signal handler is not a library's to install: so a thread
 * waits in the kernel, and we wait for the thread. If we give up, the thread owns the descriptor and lets go of the
 * lock as soon as it gets it (in a command the process ends before). */
struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t done_changed;
    int fd;
    int error; /* errno of the wait */
    bool done, abandoned;
};

static int set_lock(int fd, int command)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, command, &lock);
}

static void waiter_free(struct waiter *waiter)
{
    pthread_mutex_destroy(&waiter->mutex);
    pthread_cond_destroy(&waiter->done_changed);
    free(waiter);
}

static void *wait_in_kernel(void *context)
{
    struct waiter *waiter = context;
    int status;
    while ((status = set_lock(waiter->fd, F_OFD_SETLKW)) != 0 && errno == EINTR)
        ;
    int error = status == 0 ? 0 : errno;
    pthread_mutex_lock(&waiter->mutex);
    bool abandoned = waiter->abandoned;
    waiter->error = error;
    waiter->done = true;
    pthread_cond_signal(&waiter->done_changed);
    pthread_mutex_unlock(&waiter->mutex);
    if (abandoned) {
        close_known(waiter->fd);
        waiter_free(waiter);
    }
    return NULL;
}

static int start_thread(struct waiter *waiter)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, (size_t)256 << 10);
    int error = cdb_thread_start(&thread, &attributes, wait_in_kernel, waiter);
    pthread_attr_destroy(&attributes);
    return error;
}

static struct waiter *waiter_new(int fd)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    pthread_condattr_t attributes;
    if (waiter == NULL)
        return NULL;
    waiter->fd = fd;
    pthread_mutex_init(&waiter->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->done_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return waiter;
}

/* 0: we have the lock; an errno; ETIMEDOUT: the descriptor is no longer ours. */
static int wait_for_lock(int fd, int timeout_ms)
{
    struct timespec until;
    struct waiter *waiter = waiter_new(fd);
    if (waiter == NULL)
        return ENOMEM;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int error = start_thread(waiter);
    if (error != 0) {
        waiter_free(waiter);
        return error;
    }
    pthread_mutex_lock(&waiter->mutex);
    while (!waiter->done && error == 0)
        error = pthread_cond_timedwait(&waiter->done_changed, &waiter->mutex, &until);
    bool done = waiter->done;
    error = done ? waiter->error : ETIMEDOUT;
    waiter->abandoned = !done;
    pthread_mutex_unlock(&waiter->mutex);
    if (done)
        waiter_free(waiter);
    return error;
}

/* ---- taking --------------------------------------------------------------------------------------- */

static int busy(const char *path, int timeout_ms)
{
    int result = timeout_ms > 0
                     ? cdb_error(CHRONDB_EBUSY, "busy", "another writer held the lock for all of %.1f s; try again",
                                 timeout_ms / 1000.0)
                     : cdb_error(CHRONDB_EBUSY, "busy", "another writer holds the lock; try again");
    cdb_error_set_path(path);
    return result;
}

/* While we waited, somebody may have removed the file: then others lock another one. */
static bool is_current(int fd, int dir, const char *path)
{
    struct stat ours, current;
    return fstat(fd, &ours) == 0 && fstatat(dir, path, &current, 0) == 0 && ours.st_ino == current.st_ino &&
           ours.st_dev == current.st_dev;
}

int cdb_lock_take(int *fd, int dir, const char *path, int timeout_ms)
{
    int64_t start = cdb_monotonic_ms();
    int file = openat(dir, path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return cdb_error_errno(path, "cannot open the lock '%s'", path);
    know(file);
    if (set_lock(file, F_OFD_SETLK) == 0) {
        *fd = file;
        return 0;
    }
    int error = errno;
    if ((error == EAGAIN || error == EACCES) && timeout_ms > 0)
        error = wait_for_lock(file, timeout_ms);
    if (error == 0 && is_current(file, dir, path)) {
        *fd = file;
        return 0;
    }
    if (error == 0) {
        int64_t left = timeout_ms - (cdb_monotonic_ms() - start);
        close_known(file);
        return cdb_lock_take(fd, dir, path, left > 0 ? (int)left : 0);
    }
    if (error != ETIMEDOUT)
        close_known(file);
    if (error == EAGAIN || error == EACCES || error == ETIMEDOUT)
        return busy(path, timeout_ms);
    errno = error;
    return cdb_error_errno(path, "cannot lock '%s'", path);
}

void cdb_lock_release(int *fd)
{
    struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (*fd < 0)
        return;
    fcntl(*fd, F_OFD_SETLK, &unlock);
    close_known(*fd);
    *fd = -1;
}

bool cdb_lock_is_held(int dir, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool held = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(file);
    return held;
}
