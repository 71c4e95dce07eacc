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
#include "index/shelf.h"
#include "store/refs.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/options.h"

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

static void name_branch(const chrondb_snapshot *snapshot, chrondb_info *info)
{
    const char *name = snapshot->ref;
    if (strncmp(name, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        name += strlen(CDB_HEADS);
    size_t len = strlen(name) < sizeof(info->branch) ? strlen(name) : sizeof(info->branch) - 1;
    memcpy(info->branch, name, len);
    info->branch[len] = '\0';
}

/* What the catalog knows at once: 0, or CDB_WITHOUT. */
static int ask_catalog(chrondb_snapshot *snapshot, chrondb_info *info)
{
    struct cdb_catalog_commit last;
    struct cdb_view *view = cdb_point_view(&snapshot->point);
    uint64_t end = snapshot->point.end, documents, tables, untabled;
    if (view == NULL)
        return CDB_WITHOUT;
    int result = cdb_view_totals(view, end, &documents, &tables);
    if (result == 0)
        result = cdb_view_table_count(view, end, "", &untabled);
    if (result == 0)
        result = cdb_view_commit(view, end - 1, &last);
    if (result != 0)
        return CDB_WITHOUT;
    info->documents = documents;
    info->tables = tables - (untabled > 0);
    info->commits = end;
    info->index_commits = cdb_view_covered(view);
    info->time = last.time;
    return 0;
}

/* The branch's shelf of words. */
static void ask_shelf(chrondb *db, const char *ref, chrondb_info *info)
{
    struct cdb_shelf shelf;
    int dir = cdb_db_index_directory(db, false);
    int result = dir < 0 ? 1 : cdb_shelf_read(&shelf, dir, ref);
    if (dir >= 0)
        close(dir);
    cdb_error_clear();
    if (result != 0)
        return;
    info->search_commits = shelf.end < info->commits ? shelf.end : info->commits;
    info->search_segments = shelf.segment_count;
    memcpy(info->search_language, shelf.language, sizeof(shelf.language));
    for (size_t i = 0; i < shelf.segment_count; i++) {
        info->search_versions += shelf.segments[i].docs;
        info->search_documents += shelf.segments[i].docs - shelf.segments[i].dead;
        info->search_bytes += shelf.segments[i].bytes + shelf.segments[i].ends_bytes;
    }
    cdb_shelf_release(&shelf);
}

/* How many commits of the chain the files have. */
static uint64_t covered_by_files(chrondb_snapshot *snapshot, const struct cdb_timeline *timeline)
{
    struct cdb_catalog *catalog = NULL;
    uint64_t position = 0;
    size_t i = 0;
    int dir = cdb_db_index_directory(snapshot->db, false);
    int result = dir < 0 ? 1 : cdb_catalog_open(&catalog, dir, snapshot->ref);
    if (dir >= 0)
        close(dir);
    if (result != 0)
        return 0;
    while (i < timeline->count && (result = cdb_catalog_find(catalog, &timeline->moments[i].commit, &position)) == 1)
        i++;
    cdb_catalog_close(catalog);
    return i < timeline->count && result == 0 ? position + 1 : 0;
}

static int ask_trees(chrondb_snapshot *snapshot, chrondb_info *info)
{
    struct cdb_timeline timeline = {NULL, 0};
    struct totals totals = {0, 0};
    struct cdb_objects *objects = snapshot->db->repo->objects;
    cdb_point_lose(&snapshot->point);
    int result = cdb_docs_tables(objects, &snapshot->root, add_table, &totals);
    if (result == 0)
        result = cdb_timeline_load(&timeline, objects, &snapshot->commit);
    if (result == 0) {
        info->documents = totals.documents;
        info->tables = totals.tables;
        info->commits = timeline.count;
        info->index_commits = covered_by_files(snapshot, &timeline);
        if (timeline.count > 0)
            info->time = timeline.moments[0].time;
        cdb_error_clear();
    }
    cdb_timeline_release(&timeline);
    return result;
}

static int measure(chrondb_snapshot *snapshot, chrondb_info *info)
{
    chrondb *db = snapshot->db;
    memcpy(info->head, snapshot->hex, sizeof(info->head));
    name_branch(snapshot, info);
    int result = ask_catalog(snapshot, info) == 0 ? 0 : ask_trees(snapshot, info);
    if (result != 0)
        return result;
    measure_disk(db->repo->dir, info);
    ask_shelf(db, snapshot->ref, info);
    cdb_db_index_measure(db, &info->index_bytes, &info->index_segments);
    if (db->index.path == NULL)
        info->disk_bytes += info->index_bytes;
    return 0;
}

int chrondb_get_info(chrondb *db, const char *branch, chrondb_info *info)
{
    if (db == NULL || info == NULL)
        return cdb_error_null();
    chrondb_info known = {.path = db->repo->path, .format = CDB_FORMAT_VERSION};
    chrondb_snapshot *snapshot = NULL;
    cdb_error_clear();
    int result = cdb_report_check(info, "chrondb_info");
    if (result == 0)
        result = chrondb_snapshot_open(&snapshot, db, branch, NULL);
    if (result == 0)
        result = measure(snapshot, &known);
    if (result == 0)
        cdb_report_write(info, &known, sizeof(known));
    chrondb_snapshot_free(snapshot);
    return result;
}
