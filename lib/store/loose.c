/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "store/objects.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define PARENT 10 /* "objects/xx" */
#define TRIES  16 /* others remove what they need no more, also just after we made or found it */

static int make_directory(int dir, const char *path)
{
    cdb_fs_spread(dir, "objects");
    return mkdirat(dir, path, 0777) == 0 || errno == EEXIST ? 0 : -1;
}

void cdb_loose_prepare(int dir)
{
    char path[PARENT + 1];
    cdb_fs_spread(dir, "objects");
    for (unsigned first = 0; first < 256; first++) {
        snprintf(path, sizeof(path), "objects/%02x", first);
        (void)mkdirat(dir, path, 0777); /* who needs it will say why it cannot be */
    }
}

static int create_temporary(int dir, const char *temporary)
{
    char parent[PARENT + 1];
    int fd = -1;
    snprintf(parent, sizeof(parent), "%.10s", temporary);
    for (int tries = 0; tries < TRIES; tries++) {
        fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
        if (fd >= 0)
            break;
        if (errno == EEXIST ? unlinkat(dir, temporary, 0) != 0 /* a dead writer's */
                            : errno != ENOENT || make_directory(dir, parent) != 0)
            break;
    }
    return fd;
}

static int write_temporary(int dir, const char *temporary, const void *loose, size_t len, bool sync)
{
    int fd = create_temporary(dir, temporary);
    if (fd < 0)
        return cdb_error_errno(temporary, "cannot create '%s'", temporary);
    int result = 0;
    if (cdb_fs_write_full(fd, loose, len) != 0 || (sync && fsync(fd) != 0))
        result = cdb_error_errno(temporary, "cannot write '%s'", temporary);
    if (close(fd) != 0 && result == 0)
        result = cdb_error_errno(temporary, "cannot write '%s'", temporary);
    if (result != 0)
        unlinkat(dir, temporary, 0);
    return result;
}

/* A file that is there already may be the only durable one of its object: it is never replaced by one that is not
 * synced. 0; 1: it went the moment we looked at it, a checkpoint has packed it or git has pruned it; or -1. */
static int put_in_place(int dir, const char *temporary, const char *path)
{
    if (renameat2(dir, temporary, dir, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EINVAL || errno == ENOSYS) { /* a file system that cannot */
        if (!cdb_fs_exists(dir, path))
            return renameat(dir, temporary, dir, path);
        errno = EEXIST;
    }
    if (errno != EEXIST)
        return -1;
    unlinkat(dir, temporary, 0);
    return utimensat(dir, path, NULL, 0) == 0 || errno != ENOENT ? 0 : 1;
}

int cdb_loose_write(int dir, const struct cdb_oid *oid, const void *loose, size_t len, bool freshen, bool sync)
{
    char path[CDB_LOOSE_PATH], temporary[PARENT + 1 + sizeof(CDB_LOOSE_TEMPORARY)];
    cdb_loose_path(oid, path);
    /* Git's pruning spares what is young: an object that is there already is made young again. */
    if (freshen && utimensat(dir, path, NULL, 0) == 0)
        return 0;
    snprintf(temporary, sizeof(temporary), "%.10s/%s", path, CDB_LOOSE_TEMPORARY);
    int placed = 1;
    for (int tries = 0; placed == 1 && tries < TRIES; tries++) {
        int result = write_temporary(dir, temporary, loose, len, sync);
        if (result != 0)
            return result;
        CDB_FAULT("loose-before-rename");
        placed = put_in_place(dir, temporary, path);
    }
    if (placed == 0)
        return 0;
    int result = cdb_error_errno(path, "cannot create '%s'", path);
    unlinkat(dir, temporary, 0);
    return result;
}

/* A zlib stream has its own end and checksum: that is enough to tell a file that a power cut left empty, short or full
 * of zeros, without knowing what it is. */
static bool is_whole(int fd)
{
    unsigned char in[16384], out[16384];
    z_stream stream = {.next_in = NULL};
    ssize_t n;
    int status = Z_OK;
    if (inflateInit(&stream) != Z_OK)
        return true; /* out of memory is no verdict */
    while (status == Z_OK && (n = read(fd, in, sizeof(in))) != 0) {
        if (n < 0) {
            status = Z_STREAM_END;
            break;
        }
        stream.next_in = in;
        stream.avail_in = (uInt)n;
        while (status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0)) {
            stream.next_out = out;
            stream.avail_out = sizeof(out);
            status = inflate(&stream, Z_NO_FLUSH);
        }
        if (status == Z_BUF_ERROR)
            status = Z_OK; /* it wants more */
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END || status == Z_MEM_ERROR;
}

bool cdb_loose_is_torn(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool torn = !is_whole(fd);
    close(fd);
    return torn;
}

void cdb_loose_sweep(int dir)
{
    char temporary[PARENT + 1 + sizeof(CDB_LOOSE_TEMPORARY)];
    for (unsigned first = 0; first < 256; first++) {
        snprintf(temporary, sizeof(temporary), "objects/%02x/%s", first, CDB_LOOSE_TEMPORARY);
        unlinkat(dir, temporary, 0);
    }
}
