/* SPDX-License-Identifier: MIT
 * What the database is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/handle.h"
#include "store/refs.h"
#include "util/error.h"
#include "util/fs.h"

struct totals {
    uint64_t documents, tables;
};

static int add_table(void *context, const char *table, uint64_t count)
{
    struct totals *totals = context;
    totals->documents += count;
    totals->tables += *table != '\0';
    return 0;
}

/* Counts the files of a directory whose names have a length or an ending, and adds their sizes. */
static void count_files(int dir, const char *path, size_t name_len, const char *suffix, uint64_t *count,
                        uint64_t *bytes)
{
    DIR *listing = cdb_fs_opendir(dir, path);
    if (listing == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        struct stat st;
        size_t len = strlen(entry->d_name), suffix_len = strlen(suffix);
        if (fstatat(dirfd(listing), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        *bytes += (uint64_t)st.st_blocks * 512;
        if ((name_len > 0 && len == name_len) ||
            (suffix_len > 0 && len > suffix_len && strcmp(entry->d_name + len - suffix_len, suffix) == 0))
            (*count)++;
    }
    closedir(listing);
}

static void measure_disk(int dir, chrondb_info *info)
{
    char path[16];
    uint64_t ignored = 0;
    struct stat st;
    for (unsigned first = 0; first < 256; first++) {
        snprintf(path, sizeof(path), "objects/%02x", first);
        count_files(dir, path, CDB_OID_HEX - 2, "", &info->loose_objects, &info->disk_bytes);
    }
    count_files(dir, "objects/pack", 0, ".pack", &info->packs, &info->disk_bytes);
    count_files(dir, "chrondb", 0, "", &ignored, &info->disk_bytes);
    count_files(dir, ".", 0, "", &ignored, &info->disk_bytes);
    if (fstatat(dir, CDB_JOURNAL_PATH, &st, 0) == 0)
        info->journal_bytes = (uint64_t)st.st_blocks * 512;
}

int chrondb_get_info(chrondb *db, const char *branch, chrondb_info *info)
{
    chrondb_snapshot *snapshot = NULL;
    struct cdb_timeline timeline = {NULL, 0};
    struct totals totals = {0, 0};
    cdb_error_clear();
    int result = chrondb_snapshot_open(&snapshot, db, branch, NULL);
    if (result != 0)
        return result;
    *info = (chrondb_info){.size = info->size, .path = db->repo->path, .format = CDB_FORMAT_VERSION};
    memcpy(info->head, snapshot->hex, sizeof(info->head));
    const char *name = snapshot->ref;
    if (strncmp(name, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        name += strlen(CDB_HEADS);
    size_t len = strlen(name) < sizeof(info->branch) ? strlen(name) : sizeof(info->branch) - 1;
    memcpy(info->branch, name, len);
    info->branch[len] = '\0';
    result = cdb_docs_tables(db->repo->objects, &snapshot->root, add_table, &totals);
    if (result == 0)
        result = cdb_timeline_load(&timeline, db->repo->objects, &snapshot->commit);
    if (result == 0) {
        info->documents = totals.documents;
        info->tables = totals.tables;
        info->commits = timeline.count;
        if (timeline.count > 0)
            info->time = timeline.moments[0].time;
        measure_disk(db->repo->dir, info);
    }
    cdb_timeline_release(&timeline);
    chrondb_snapshot_free(snapshot);
    return result;
}
