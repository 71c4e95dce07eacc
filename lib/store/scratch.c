/* SPDX-License-Identifier: MIT */
#include "store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/pack.h"
#include "util/error.h"
#include "util/fs.h"

#define TRIES 16

static void path_of(const char *name, char out[96])
{
    snprintf(out, 96, CDB_SCRATCH_PATH "/%.47s", name);
}

/* A sweeper may have taken it for a dead one's between its creation and its lock. */
static bool is_linked(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int cdb_scratch_begin(struct cdb_scratch *scratch, int dir)
{
    char path[96];
    int result = CHRONDB_EBUSY;
    *scratch = (struct cdb_scratch){.dir = dir, .lock = -1};
    for (int tries = 0; tries < TRIES && result != 0; tries++) {
        uint64_t random;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return cdb_error_errno(NULL, "cannot get random bytes");
        snprintf(scratch->name, sizeof(scratch->name), "i%ld-%016llx", (long)getpid(), (unsigned long long)random);
        path_of(scratch->name, path);
        result = cdb_fs_mkdir(dir, CDB_SCRATCH_PATH);
        if (result == 0)
            result = cdb_lock_take(&scratch->lock, dir, path, 0);
        if (result == CHRONDB_ESYSTEM && errno != ENOENT)
            return result;
        if (result == 0 && !is_linked(scratch->lock)) {
            cdb_lock_release(&scratch->lock);
            result = CHRONDB_EBUSY;
        }
    }
    return result;
}

static void aside_of(const char *name, char out[96])
{
    snprintf(out, 96, CDB_SCRATCH_PATH "/%.47s.d", name);
}

/* Paths in the file are relative to the directory of objects that has it. */
int cdb_scratch_aside(struct cdb_scratch *scratch, int *out)
{
    static const char alternates[] = "../../../../objects\n";
    static const char *const folders[] = {"objects", "objects/pack", "objects/info"};
    char path[96];
    aside_of(scratch->name, path);
    int result = cdb_fs_mkdir(scratch->dir, path);
    *out = result == 0 ? openat(scratch->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (result == 0 && *out < 0)
        result = cdb_error_errno(path, "cannot open '%s'", path);
    for (size_t i = 0; result == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        result = cdb_fs_mkdir(*out, folders[i]);
    if (result == 0)
        result = cdb_fs_write_file(*out, "objects/info/alternates", alternates, strlen(alternates), false);
    if (result != 0 && *out >= 0) {
        close(*out);
        *out = -1;
    }
    return result;
}

void cdb_scratch_end(struct cdb_scratch *scratch)
{
    char path[96];
    if (scratch->lock < 0)
        return;
    aside_of(scratch->name, path);
    if (cdb_fs_exists(scratch->dir, path))
        cdb_fs_remove_tree(scratch->dir, path);
    path_of(scratch->name, path);
    unlinkat(scratch->dir, path, 0);
    cdb_lock_release(&scratch->lock);
    unlinkat(scratch->dir, CDB_SCRATCH_PATH, AT_REMOVEDIR); /* unless others are at work */
}

void cdb_scratch_sweep(int dir)
{
    if (!cdb_fs_exists(dir, CDB_SCRATCH_PATH))
        return;
    DIR *listing = cdb_fs_opendir(dir, CDB_SCRATCH_PATH);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        char path[96];
        int lock = -1;
        if (entry->d_name[0] != 'i' || strlen(entry->d_name) >= 48)
            continue;
        path_of(entry->d_name, path);
        if (cdb_lock_take(&lock, dir, path, 0) != 0)
            continue;
        cdb_pack_remove_temporary(dir, entry->d_name);
        aside_of(entry->d_name, path);
        cdb_fs_remove_tree(dir, path);
        path_of(entry->d_name, path);
        unlinkat(dir, path, 0);
        cdb_lock_release(&lock);
    }
    if (listing != NULL)
        closedir(listing);
    unlinkat(dir, CDB_RESUME_TEMPORARY, 0);
    unlinkat(dir, CDB_SCRATCH_PATH, AT_REMOVEDIR);
    cdb_error_clear();
}
