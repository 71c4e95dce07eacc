/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "index/catalog.h"
#include "index/files.h"
#include "index/manifest.h"
#include "index/shelf.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

/* What a first commit of a branch is writing now is named by no manifest yet; it holds another lock. */
#define YOUNG_SECONDS 60

/* What manifests and shelves name: files of all kinds, and the generations of tails. */
struct named {
    uint64_t *list;
    size_t count, room;
    bool unknown; /* there are some that cannot be read, but are not ours to remove */
};

static int add_name(struct named *named, uint64_t name)
{
    int result = cdb_array_grow((void *)&named->list, &named->room, named->count, sizeof(*named->list));

    if (result == 0)
        named->list[named->count++] = name;
    return result;
}

static int compare_names(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static bool is_named(const struct named *named, uint64_t name)
{
    return named->count > 0 && bsearch(&name, named->list, named->count, sizeof(*named->list), compare_names) != NULL;
}

/* Is it in the place where this ref's manifest or shelf is looked for? */
static bool is_in_place(const char *ref, const char *file, void (*place)(char out[CDB_FILE_NAME_SIZE], const char *ref))
{
    char expected[CDB_FILE_NAME_SIZE];

    place(expected, ref);
    return strcmp(expected, file) == 0;
}

static int take_manifest(struct named *named, int dir, const char *file, bool (*exists)(void *context, const char *ref),
                         void *context)
{
    struct cdb_manifest manifest = {.ref = NULL};
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_read(dir, file, CDB_MANIFEST_MAX, &data);
    bool newer = result == 0 && cdb_manifest_is_newer(data.ptr, data.len);

    if (result == 0 && !newer)
        result = cdb_manifest_decode(&manifest, data.ptr, data.len);
    cdb_buf_release(&data);
    if (newer) {
        named->unknown = true;
        return 0;
    }
    if (result < 0)
        return result;
    if (result > 0 || !is_in_place(manifest.ref, file, cdb_file_manifest) || !exists(context, manifest.ref)) {
        unlinkat(dir, file, 0);
        cdb_manifest_release(&manifest);
        return 0;
    }
    result = add_name(named, manifest.generation);
    for (size_t i = 0; result == 0 && i < manifest.segment_count; i++)
        result = add_name(named, manifest.segments[i].name);
    cdb_manifest_release(&manifest);
    return result;
}

static int take_shelf(struct named *named, int dir, const char *file, bool (*exists)(void *context, const char *ref),
                      void *context)
{
    struct cdb_shelf shelf = {.ref = NULL};
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_read(dir, file, CDB_SHELF_MAX, &data);
    bool newer = result == 0 && cdb_shelf_is_newer(data.ptr, data.len);

    if (result == 0 && !newer)
        result = cdb_shelf_decode(&shelf, data.ptr, data.len);
    cdb_buf_release(&data);
    if (newer) {
        named->unknown = true;
        return 0;
    }
    if (result < 0)
        return result;
    if (result > 0 || !is_in_place(shelf.ref, file, cdb_file_search) || !exists(context, shelf.ref)) {
        unlinkat(dir, file, 0);
        cdb_shelf_release(&shelf);
        return 0;
    }
    for (size_t i = 0; result == 0 && i < shelf.segment_count; i++) {
        result = add_name(named, shelf.segments[i].name);
        if (result == 0)
            result = add_name(named, shelf.segments[i].ends);
    }
    cdb_shelf_release(&shelf);
    return result;
}

static bool is_young(int dir, const char *file)
{
    struct stat st;

    return fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime > time(NULL) - YOUNG_SECONDS;
}

static void sweep_file(const struct named *named, int dir, const char *file)
{
    uint64_t number;
    bool segment = cdb_file_number(file, CDB_FILE_SEGMENT, &number) || cdb_file_number(file, CDB_FILE_TEXT, &number) ||
                   cdb_file_number(file, CDB_FILE_ENDS, &number);
    bool tail = !segment && cdb_file_number(file, CDB_FILE_TAIL, &number);

    if (segment ? !is_named(named, number)
                : (tail && !is_named(named, number) && !is_young(dir, file)) ||
                      (cdb_file_ends(file, CDB_FILE_TEMPORARY) && !is_young(dir, file)))
        unlinkat(dir, file, 0);
}

/* Call `each` for every name in the directory. */
static int list(int dir, char ***out, size_t *count)
{
    DIR *listing = cdb_fs_opendir(dir, ".");
    const struct dirent *entry;
    size_t room = 0;
    int result = 0;

    *out = NULL;
    *count = 0;
    if (listing == NULL)
        return errno == ENOENT ? 0 : cdb_error_errno(NULL, "cannot list the index");
    while (result == 0 && (entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        result = cdb_array_grow((void *)out, &room, *count, sizeof(**out));
        if (result == 0 && ((*out)[*count] = strdup(entry->d_name)) == NULL)
            result = cdb_error_memory();
        if (result == 0)
            ++*count;
    }
    closedir(listing);
    return result;
}

int cdb_catalog_sweep(int dir, bool (*exists)(void *context, const char *ref), void *context)
{
    struct named named = {.list = NULL};
    char **files;
    size_t count;
    int result = list(dir, &files, &count);

    for (size_t i = 0; result == 0 && i < count; i++) {
        if (cdb_file_ends(files[i], CDB_FILE_MANIFEST))
            result = take_manifest(&named, dir, files[i], exists, context);
        else if (cdb_file_ends(files[i], CDB_FILE_SEARCH))
            result = take_shelf(&named, dir, files[i], exists, context);
    }
    if (named.count > 1)
        qsort(named.list, named.count, sizeof(*named.list), compare_names);
    for (size_t i = 0; result == 0 && !named.unknown && i < count; i++)
        sweep_file(&named, dir, files[i]);
    for (size_t i = 0; i < count; i++)
        free(files[i]);
    free(files);
    free(named.list);
    return result;
}
