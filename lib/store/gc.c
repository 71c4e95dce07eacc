/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/maintenance.h"
#include "store/packrefs.h"
#include "util/error.h"
#include "util/fault.h"

#define MARK "chrondb/maintaining" /* there is work that may leave something behind */

static void remove_leftovers(int dir)
{
    static const char *const files[] = {"objects/pack/tmp_pack_chrondb_m", "objects/pack/tmp_idx_chrondb_m"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(dir, files[i], 0);
    cdb_pack_refs_sweep(dir);
}

int cdb_maintenance_begin(struct cdb_repo *repo, int wait_ms, int *lock)
{
    int result = cdb_lock_take(lock, repo->dir, CDB_MAINTENANCE_LOCK, wait_ms);
    if (result != 0)
        return result;
    if (cdb_fs_exists(repo->dir, MARK))
        remove_leftovers(repo->dir);
    result = cdb_fs_write_file(repo->dir, MARK, "", 0, false);
    CDB_FAULT("maintenance-begun");
    if (result != 0)
        cdb_lock_release(lock);
    return result;
}

void cdb_maintenance_end(struct cdb_repo *repo, int *lock)
{
    unlinkat(repo->dir, MARK, 0);
    CDB_FAULT("maintenance-ended");
    cdb_lock_release(lock);
}

void cdb_maintenance_sweep(int dir)
{
    int lock = -1;
    if (!cdb_fs_exists(dir, MARK) || cdb_lock_take(&lock, dir, CDB_MAINTENANCE_LOCK, 0) != 0)
        return;
    remove_leftovers(dir);
    unlinkat(dir, MARK, 0);
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
        result = cdb_pack_refs(repo);
    CDB_FAULT("gc-refs-packed");
    if (result == 0)
        result = cdb_repack_measure(repo, &report->after);
    cdb_maintenance_end(repo, &lock);
    return result;
}
