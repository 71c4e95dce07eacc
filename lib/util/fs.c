/* SPDX-License-Identifier: MIT */
#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <linux/fs.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

static ssize_t read_up_to(int fd, void *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, (char *)data + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int cdb_fs_read(int dir, const char *path, size_t max, struct cdb_buf *out)
{
    int result = CHRONDB_ESYSTEM;
    struct stat st;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 1 : cdb_error_errno(path, "cannot open '%s'", path);
    if (fstat(fd, &st) != 0) {
        cdb_error_set_errno(path, "cannot examine '%s'", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > max) {
        result = cdb_error(CHRONDB_EDAMAGED, "damaged", "'%s' is not a file of at most %zu bytes", path, max);
        cdb_error_set_path(path);
        goto out;
    }
    if (!cdb_buf_reserve(out, (size_t)st.st_size)) {
        cdb_error_set_memory();
        goto out;
    }
    ssize_t n = read_up_to(fd, out->ptr + out->len, (size_t)st.st_size);
    if (n < 0) {
        cdb_error_set_errno(path, "cannot read '%s'", path);
        goto out;
    }
    out->len += (size_t)n;
    if (out->ptr != NULL)
        out->ptr[out->len] = '\0';
    result = 0;
out:
    close(fd);
    return result;
}

/* One read: of a file, fewer bytes than were asked for are its end. */
ssize_t cdb_fs_read_head(int dir, const char *path, void *out, size_t len)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    ssize_t n;
    while ((n = read(fd, out, len)) < 0 && errno == EINTR)
        ;
    int saved = errno;
    close(fd);
    errno = saved;
    return n;
}

int cdb_fs_write_full(int fd, const void *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

int cdb_fs_pwrite_full(int fd, const void *data, size_t len, off_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(fd, (const char *)data + done, len - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

ssize_t cdb_fs_pread_full(int fd, void *data, size_t len, off_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)data + done, len - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int cdb_fs_write_file(int dir, const char *path, const void *data, size_t len, bool sync)
{
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cdb_error_errno(path, "cannot create '%s'", path);
    bool good = cdb_fs_write_full(fd, data, len) == 0 && (!sync || fsync(fd) == 0);
    if (!good)
        cdb_error_set_errno(path, "cannot write '%s'", path);
    if (close(fd) != 0 && good) {
        cdb_error_set_errno(path, "cannot write '%s'", path);
        good = false;
    }
    return good ? 0 : CHRONDB_ESYSTEM;
}

bool cdb_fs_exists(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

DIR *cdb_fs_opendir(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing == NULL && fd >= 0)
        close(fd);
    return listing;
}

int cdb_fs_mkdir(int dir, const char *path)
{
    if (mkdirat(dir, path, 0777) == 0 || errno == EEXIST)
        return 0;
    return cdb_error_errno(path, "cannot create directory '%s'", path);
}

/* What we make is a few levels deep. */
static void remove_below(int dir, const char *path, int depth)
{
    DIR *listing = cdb_fs_opendir(dir, path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(listing), entry->d_name, 0) != 0 && depth > 0)
            remove_below(dirfd(listing), entry->d_name, depth - 1);
    }
    if (listing != NULL)
        closedir(listing);
    unlinkat(dir, path, AT_REMOVEDIR);
}

void cdb_fs_remove_tree(int dir, const char *path)
{
    remove_below(dir, path, 16);
}

int cdb_fs_mkdir_parents(int dir, const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return cdb_error_memory();
    int result = 0;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && result == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        result = cdb_fs_mkdir(dir, copy);
        *slash = '/';
    }
    free(copy);
    return result;
}

int cdb_fs_sync_dir(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cdb_error_errno(path, "cannot open directory '%s'", path);
    int result = fsync(fd) == 0 ? 0 : cdb_error_errno(path, "cannot sync directory '%s'", path);
    close(fd);
    return result;
}

int cdb_fs_sync_path(int dir, const char *path)
{
    char *name = strdup(path);
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), result = name == NULL ? cdb_error_memory() : 0;
    if (fd >= 0 && result == 0 && fsync(fd) != 0)
        result = cdb_error_errno(path, "cannot sync '%s'", path);
    if (fd >= 0)
        close(fd);
    for (char *slash = name != NULL ? strrchr(name, '/') : NULL; slash != NULL && result == 0;
         slash = strrchr(name, '/')) {
        *slash = '\0';
        if (cdb_fs_exists(dir, name))
            result = cdb_fs_sync_dir(dir, name);
    }
    free(name);
    return result;
}

void cdb_fs_spread(int dir, const char *path)
{
#ifdef FS_TOPDIR_FL
    int flags = 0, fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
        flags |= FS_TOPDIR_FL;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    close(fd);
#else
    (void)dir;
    (void)path;
#endif
}

void cdb_fs_boot_id(char out[CDB_BOOT_SIZE])
{
#ifdef CHRONDB_TEST_HOOKS
    const char *given = getenv("CHRONDB_TEST_BOOT_ID");
    if (given != NULL && strlen(given) == CDB_BOOT_SIZE) {
        memcpy(out, given, CDB_BOOT_SIZE);
        return;
    }
#endif
    if (cdb_fs_read_head(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out, CDB_BOOT_SIZE) != CDB_BOOT_SIZE)
        memset(out, '0', CDB_BOOT_SIZE);
}

bool cdb_fs_boot_known(const char boot[CDB_BOOT_SIZE])
{
    for (int i = 0; i < CDB_BOOT_SIZE; i++)
        if (boot[i] != '0')
            return true;
    return false;
}
