/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/maintenance.h"
#include "store/pack.h"
#include "store/packrefs.h"
#include "util/error.h"
#include "util/fault.h"

#define TEMPORARY_INDEX "objects/pack/tmp_idx_chrondb_"
#define NAMES_MAX       ((size_t)16 << 20)
#define IDX_TRAILER     40 /* the pack's checksum, which is its name, and the index's */

/* A pack without its index is known by nobody. */
static void remove_if_orphan(int dir, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "objects/pack/%s.idx", name);
    if (!cdb_fs_exists(dir, path))
        cdb_pack_remove(dir, name);
}

/* Packs whose removal was begun. */
static void remove_noted(int dir)
{
    struct cdb_buf names = CDB_BUF_INIT;
    struct cdb_oid oid;
    char *rest = NULL;
    if (cdb_fs_read(dir, CDB_MAINTENANCE_MARK, NAMES_MAX, &names) == 0 && names.ptr != NULL)
        for (char *name = strtok_r(names.ptr, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest))
            if (strlen(name) == CDB_OID_HEX + 5 && strncmp(name, "pack-", 5) == 0 && cdb_oid_parse(name + 5, &oid))
                remove_if_orphan(dir, name);
    cdb_buf_release(&names);
}

/* A pack that was put in place, but its index was not: that tells its name. */
static void remove_unindexed(int dir, const char *index)
{
    struct stat st;
    struct cdb_oid oid;
    char name[CDB_OID_HEX + 6] = "pack-";
    int fd = openat(dir, index, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    bool known = fstat(fd, &st) == 0 && st.st_size > IDX_TRAILER &&
                 cdb_fs_pread_full(fd, oid.id, CDB_OID_SIZE, st.st_size - IDX_TRAILER) == CDB_OID_SIZE;
    close(fd);
    if (!known)
        return;
    cdb_oid_format(&oid, name + 5);
    remove_if_orphan(dir, name);
}

static void remove_pack_leftovers(int dir, const char *role)
{
    char index[64];
    snprintf(index, sizeof(index), TEMPORARY_INDEX "%s", role);
    remove_unindexed(dir, index);
    cdb_pack_remove_temporary(dir, role);
}

static void remove_leftovers(int dir)
{
    int lock = -1;
    remove_noted(dir);
    remove_pack_leftovers(dir, CDB_ROLE_CHECKPOINT);
    remove_pack_leftovers(dir, CDB_ROLE_MERGE);
    if (cdb_lock_take(&lock, dir, CDB_HELP_LOCK, 0) == 0)
        remove_pack_leftovers(dir, CDB_ROLE_HELP);
    else
        cdb_error_clear();
    cdb_lock_release(&lock);
    cdb_pack_refs_sweep(dir);
}

int cdb_maintenance_begin(struct cdb_repo *repo, int wait_ms, int *lock)
{
    int result = cdb_lock_take(lock, repo->dir, CDB_MAINTENANCE_LOCK, wait_ms);
    if (result != 0)
        return result;
    if (cdb_fs_exists(repo->dir, CDB_MAINTENANCE_MARK))
        remove_leftovers(repo->dir);
    result = cdb_fs_write_file(repo->dir, CDB_MAINTENANCE_MARK, "", 0, false);
    CDB_FAULT("maintenance-begun");
    if (result != 0)
        cdb_lock_release(lock);
    return result;
}

void cdb_maintenance_end(struct cdb_repo *repo, int *lock)
{
    unlinkat(repo->dir, CDB_MAINTENANCE_MARK, 0);
    CDB_FAULT("maintenance-ended");
    cdb_lock_release(lock);
}

void cdb_maintenance_sweep(int dir)
{
    int lock = -1;
    if (!cdb_fs_exists(dir, CDB_MAINTENANCE_MARK) || cdb_lock_take(&lock, dir, CDB_MAINTENANCE_LOCK, 0) != 0)
        return;
    remove_leftovers(dir);
    unlinkat(dir, CDB_MAINTENANCE_MARK, 0);
    cdb_lock_release(&lock);
}

int cdb_gc(struct cdb_repo *repo, int wait_ms, cdb_rewrite_progress progress, void *context,
           struct cdb_gc_report *report)
{
    int lock = -1, result = cdb_maintenance_begin(repo, wait_ms, &lock);
    if (result != 0)
        return result;
    result = cdb_repack_measure(repo, &report->before);
    if (result == 0)
        result = cdb_checkpoint_all(repo);
    CDB_FAULT("gc-checkpointed");
    if (result == 0)
        result = cdb_repack_all(repo, progress, context);
    CDB_FAULT("gc-repacked");
    if (result == 0)
        result = cdb_pack_refs(repo, 0);
    CDB_FAULT("gc-refs-packed");
    if (result == 0)
        result = cdb_repack_measure(repo, &report->after);
    cdb_maintenance_end(repo, &lock);
    return result;
}
