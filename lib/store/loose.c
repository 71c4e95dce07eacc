/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/objects.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define TEMPORARY "chrondb/object.tmp"

static int write_temporary(int dir, const void *loose, size_t len, bool sync)
{
    int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
    if (fd < 0 && errno == EACCES && unlinkat(dir, TEMPORARY, 0) == 0) /* a dead writer's, read-only as it should be */
        fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return cdb_error_errno(TEMPORARY, "cannot create '%s'", TEMPORARY);
    int result = 0;
    if (cdb_fs_write_full(fd, loose, len) != 0 || (sync && fsync(fd) != 0))
        result = cdb_error_errno(TEMPORARY, "cannot write '%s'", TEMPORARY);
    if (close(fd) != 0 && result == 0)
        result = cdb_error_errno(TEMPORARY, "cannot write '%s'", TEMPORARY);
    if (result != 0)
        unlinkat(dir, TEMPORARY, 0);
    return result;
}

int cdb_loose_write(int dir, const struct cdb_oid *oid, const void *loose, size_t len, bool replace, bool sync)
{
    char path[CDB_LOOSE_PATH], parent[16];
    cdb_loose_path(oid, path);
    /* Git's pruning spares what is young: an object that is there already is made young again. */
    if (!replace && utimensat(dir, path, NULL, 0) == 0)
        return 0;
    int result = write_temporary(dir, loose, len, sync);
    if (result != 0)
        return result;
    CDB_FAULT("loose-before-rename");
    if (renameat(dir, TEMPORARY, dir, path) == 0)
        return 0;
    if (errno == ENOENT) {
        snprintf(parent, sizeof(parent), "%.10s", path); /* objects/xx */
        if ((result = cdb_fs_mkdir(dir, parent)) != 0)
            return result;
        if (renameat(dir, TEMPORARY, dir, path) == 0)
            return 0;
    }
    result = cdb_error_errno(path, "cannot create '%s'", path);
    unlinkat(dir, TEMPORARY, 0);
    return result;
}
