/* SPDX-License-Identifier: MIT */
#include "store/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define TRIES         16
#define NAME_PART_MAX 150 /* of the file's name in that of the temporary */
#define MARK          ".chrondb-new-"
#define DIGITS        16

/* The file behind links; one that is not there yet as it is called. */
static int resolve(struct cdb_newfile *file, const char *path)
{
    struct stat st;
    if (*path == '\0' || path[strlen(path) - 1] == '/')
        return cdb_error(CHRONDB_EUSAGE, "not_a_file", "'%s' is no name of a file", path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return cdb_error(CHRONDB_EUSAGE, "not_a_file", "'%s' is there, and is no file%s", path,
                         S_ISDIR(st.st_mode) ? " but a directory" : "; '-' writes to the standard output");
    file->path = realpath(path, NULL);
    if (file->path == NULL)
        file->path = strdup(path);
    return file->path != NULL ? 0 : cdb_error_memory();
}

static int open_folder(struct cdb_newfile *file)
{
    const char *slash = strrchr(file->path, '/');
    file->name = strdup(slash != NULL ? slash + 1 : file->path);
    char *folder = slash == NULL ? strdup(".") : strndup(file->path, (size_t)(slash - file->path) + 1);
    int result = file->name != NULL && folder != NULL ? 0 : cdb_error_memory();
    if (result == 0 && (file->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        result = cdb_error_errno(folder, "cannot open the directory '%s'", folder);
    free(folder);
    return result;
}

/* ".NAME.chrondb-new-" and random digits: of a writer that is dead if its lock is free. */
static void sweep(const struct cdb_newfile *file, const char *prefix)
{
    size_t len = strlen(prefix);
    DIR *listing = cdb_fs_opendir(file->dir, ".");
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        int lock = -1;
        if (strncmp(entry->d_name, prefix, len) != 0 || strlen(entry->d_name) != len + DIGITS ||
            strspn(entry->d_name + len, "0123456789abcdef") != DIGITS)
            continue;
        if (cdb_lock_take(&lock, file->dir, entry->d_name, 0) == 0)
            unlinkat(file->dir, entry->d_name, 0);
        cdb_lock_release(&lock);
    }
    if (listing != NULL)
        closedir(listing);
    cdb_error_clear();
}

/* Somebody who sweeps may take it for a dead one's before it is locked. */
static bool is_linked(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static int create(struct cdb_newfile *file, const char *prefix)
{
    int result = CHRONDB_EBUSY;
    for (int tries = 0; tries < TRIES && result == CHRONDB_EBUSY; tries++) {
        uint64_t random;
        free(file->temporary);
        file->temporary = NULL;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return cdb_error_errno(NULL, "cannot get random bytes");
        if (asprintf(&file->temporary, "%s%016llx", prefix, (unsigned long long)random) < 0) {
            file->temporary = NULL;
            return cdb_error_memory();
        }
        result = cdb_lock_take(&file->fd, file->dir, file->temporary, 0);
        if (result == CHRONDB_ESYSTEM)
            cdb_error_context("cannot write '%s'", file->path);
        if (result == 0 && !is_linked(file->fd)) {
            cdb_lock_release(&file->fd);
            result = CHRONDB_EBUSY;
        }
    }
    return result;
}

/* Whoever could not read the old one shall not read the new one. */
static int keep_mode(const struct cdb_newfile *file)
{
    struct stat st;
    if (fstatat(file->dir, file->name, &st, 0) != 0 || fchmod(file->fd, st.st_mode & 0777) == 0)
        return 0;
    return cdb_error_errno(file->path, "cannot change the mode of the new '%s'", file->path);
}

int cdb_newfile_begin(struct cdb_newfile *file, const char *path)
{
    char *prefix = NULL;
    *file = (struct cdb_newfile){.dir = -1, .fd = -1};
    int result = resolve(file, path);
    if (result == 0)
        result = open_folder(file);
    if (result == 0 && asprintf(&prefix, ".%.*s" MARK, NAME_PART_MAX, file->name) < 0) {
        prefix = NULL;
        result = cdb_error_memory();
    }
    if (result == 0) {
        sweep(file, prefix);
        result = create(file, prefix);
    }
    if (result == 0)
        result = keep_mode(file);
    free(prefix);
    if (result != 0)
        cdb_newfile_release(file);
    return result;
}

int cdb_newfile_finish(struct cdb_newfile *file)
{
    if (renameat(file->dir, file->temporary, file->dir, file->name) != 0)
        return cdb_error_errno(file->path, "cannot put '%s' in place", file->path);
    free(file->temporary);
    file->temporary = NULL;
    CDB_FAULT("newfile-renamed");
    return fsync(file->dir) == 0 ? 0 : cdb_error_errno(file->path, "cannot sync the directory of '%s'", file->path);
}

void cdb_newfile_release(struct cdb_newfile *file)
{
    if (file->temporary != NULL && file->fd >= 0)
        unlinkat(file->dir, file->temporary, 0);
    cdb_lock_release(&file->fd);
    if (file->dir >= 0)
        close(file->dir);
    free(file->path);
    free(file->name);
    free(file->temporary);
    *file = (struct cdb_newfile){.dir = -1, .fd = -1};
}
