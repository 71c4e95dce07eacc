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

#define TEMPORARY "tmp_obj_chrondb" /* git, too, removes old files of that prefix */
#define PARENT    10                /* "objects/xx" */

static int create_temporary(int dir, const char *temporary)
{
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0 && errno == EEXIST && unlinkat(dir, temporary, 0) == 0) /* a dead writer's */
        fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0 && errno == ENOENT) {
        char parent[PARENT + 1];
        snprintf(parent, sizeof(parent), "%.10s", temporary);
        if (mkdirat(dir, parent, 0777) == 0 || errno == EEXIST)
            fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
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

int cdb_loose_write(int dir, const struct cdb_oid *oid, const void *loose, size_t len, bool freshen, bool sync)
{
    char path[CDB_LOOSE_PATH], temporary[PARENT + 1 + sizeof(TEMPORARY)];
    cdb_loose_path(oid, path);
    /* Git's pruning spares what is young: an object that is there already is made young again. */
    if (freshen && utimensat(dir, path, NULL, 0) == 0)
        return 0;
    snprintf(temporary, sizeof(temporary), "%.10s/%s", path, TEMPORARY);
    int result = write_temporary(dir, temporary, loose, len, sync);
    if (result != 0)
        return result;
    CDB_FAULT("loose-before-rename");
    if (renameat(dir, temporary, dir, path) == 0)
        return 0;
    result = cdb_error_errno(path, "cannot create '%s'", path);
    unlinkat(dir, temporary, 0);
    return result;
}

void cdb_loose_sweep(int dir)
{
    char temporary[PARENT + 1 + sizeof(TEMPORARY)];
    for (unsigned first = 0; first < 256; first++) {
        snprintf(temporary, sizeof(temporary), "objects/%02x/%s", first, TEMPORARY);
        unlinkat(dir, temporary, 0);
    }
}
