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

/* A manifest or shelf that could be read: whose it is, and what it names. */
struct contents {
    char *ref;
    struct named names;
};

/* The two kinds. `decode` is 0, 1 (it is none), or an error. */
struct kind {
    uint64_t max;
    void (*place)(char out[CDB_FILE_NAME_SIZE], const char *ref);
    bool (*is_newer)(const void *data, size_t len);
    int (*decode)(struct contents *out, const void *data, size_t len);
};

static int take_ref(struct contents *out, const char *ref)
{
    out->ref = strdup(ref);
    return out->ref != NULL ? 0 : cdb_error_memory();
}

static int decode_manifest(struct contents *out, const void *data, size_t len)
{
    struct cdb_manifest manifest = {.ref = NULL};
    int result = cdb_manifest_decode(&manifest, data, len);

    if (result != 0)
        return result;
    result = take_ref(out, manifest.ref);
    if (result == 0)
        result = add_name(&out->names, manifest.generation);
    for (size_t i = 0; result == 0 && i < manifest.segment_count; i++)
        result = add_name(&out->names, manifest.segments[i].name);
    cdb_manifest_release(&manifest);
    return result;
}

static int decode_shelf(struct contents *out, const void *data, size_t len)
{
    struct cdb_shelf shelf = {.ref = NULL};
    int result = cdb_shelf_decode(&shelf, data, len);

    if (result != 0)
        return result;
    result = take_ref(out, shelf.ref);
    for (size_t i = 0; result == 0 && i < shelf.segment_count; i++) {
        result = add_name(&out->names, shelf.segments[i].name);
        if (result == 0)
            result = add_name(&out->names, shelf.segments[i].ends);
    }
    cdb_shelf_release(&shelf);
    return result;
}

static const struct kind manifests = {CDB_MANIFEST_MAX, cdb_file_manifest, cdb_manifest_is_newer, decode_manifest};
static const struct kind shelves = {CDB_SHELF_MAX, cdb_file_search, cdb_shelf_is_newer, decode_shelf};

/* Is it in the place where this ref's is looked for? */
static bool is_in_place(const struct kind *kind, const char *ref, const char *file)
{
    char expected[CDB_FILE_NAME_SIZE];

    kind->place(expected, ref);
    return strcmp(expected, file) == 0;
}

/* What the file names is kept; one that nobody looks for is removed. */
static int take(struct named *named, const struct kind *kind, int dir, const char *file,
                bool (*exists)(void *context, const char *ref), void *context)
{
    struct contents contents = {.ref = NULL};
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_read(dir, file, kind->max, &data);
    bool newer = result == 0 && kind->is_newer(data.ptr, data.len);

    if (newer)
        named->unknown = true;
    else if (result == 0)
        result = kind->decode(&contents, data.ptr, data.len);
    if (result > 0 ||
        (result == 0 && !newer && (!is_in_place(kind, contents.ref, file) || !exists(context, contents.ref)))) {
        unlinkat(dir, file, 0);
        contents.names.count = 0;
        result = 0;
    }
    for (size_t i = 0; result == 0 && i < contents.names.count; i++)
        result = add_name(named, contents.names.list[i]);
    free(contents.names.list);
    free(contents.ref);
    cdb_buf_release(&data);
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
            result = take(&named, &manifests, dir, files[i], exists, context);
        else if (cdb_file_ends(files[i], CDB_FILE_SEARCH))
            result = take(&named, &shelves, dir, files[i], exists, context);
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
