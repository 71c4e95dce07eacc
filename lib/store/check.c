/* SPDX-License-Identifier: MIT
 * Object directories: their loose files, and which packs and other files of git's there are. */
#include "store/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doc/json.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/parallel.h"

#define LOOSE_CHUNK  64
#define LOOSE_DIGITS (CDB_OID_HEX - 2)
#define PATH_ROOM    512

unsigned cdb_check_content(const struct cdb_oid *oid, int type, const void *data, size_t len)
{
    struct cdb_oid actual;
    cdb_object_hash(&actual, type, data, len);
    if (!cdb_oid_equal(&actual, oid))
        return CDB_SEEN_BAD;
    bool document = type == CDB_BLOB && len <= CHRONDB_MAX_DOCUMENT && cdb_json_check(data, len) == 0;
    return CDB_SEEN_GOOD | (unsigned)type | (document ? CDB_SEEN_JSON : 0);
}

int cdb_check_note(struct cdb_check *check, const struct cdb_oid *oid, unsigned flags)
{
    check->read++;
    return flags == 0 ? 0 : cdb_oid_map_set(check->seen, oid, cdb_oid_map_get(check->seen, oid) | flags);
}

/* ---- loose files ------------------------------------------------------------------------------- */

struct loose {
    struct cdb_oid oid;
    unsigned flags; /* 0: it has gone */
};

struct loose_files {
    struct cdb_check *check;
    int dir;
    struct loose *list;
    size_t count, room;
};

static void loose_name(const struct cdb_oid *oid, char out[CDB_OID_HEX + 2])
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    snprintf(out, CDB_OID_HEX + 2, "%.2s/%.38s", hex, hex + 2);
}

static int list_folder(struct loose_files *files, unsigned first)
{
    char folder[4], hex[CDB_OID_HEX + 1];
    snprintf(folder, sizeof(folder), "%02x", first & 255);
    DIR *listing = cdb_fs_opendir(files->dir, folder);
    int result = 0;
    if (listing == NULL)
        return errno == ENOENT || errno == ENOTDIR ? 0 : cdb_error_errno(folder, "cannot list 'objects/%s'", folder);
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;) {
        struct loose loose = {.flags = 0};
        if (strlen(entry->d_name) != LOOSE_DIGITS)
            continue;
        memcpy(hex, folder, 2);
        memcpy(hex + 2, entry->d_name, LOOSE_DIGITS + 1);
        if (!cdb_oid_parse(hex, &loose.oid))
            continue;
        result = cdb_array_grow(&files->list, &files->room, files->count, sizeof(*files->list));
        if (result == 0)
            files->list[files->count++] = loose;
    }
    closedir(listing);
    return result;
}

bool cdb_check_is_memory(void)
{
    return strcmp(chrondb_last_error()->name, "out_of_memory") == 0;
}

bool cdb_check_is_large(void)
{
    return strstr(chrondb_last_error()->message, CDB_TOO_LARGE) != NULL;
}

static bool is_long(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, 0) == 0 && st.st_size > (off_t)CDB_CHECK_MAX;
}

/* The content is inflated up to the limit, and no further. */
static int read_loose(const struct loose_files *files, struct loose *loose, struct cdb_buf *file,
                      struct cdb_buf *content)
{
    char name[CDB_OID_HEX + 2];
    int type = CDB_ANY;
    loose_name(&loose->oid, name);
    cdb_buf_clear(file);
    cdb_buf_clear(content);
    int result = cdb_fs_read(files->dir, name, CDB_CHECK_MAX, file);
    if (result == 1)
        return 0;
    if (result == 0)
        result = cdb_object_decode(&loose->oid, file->ptr, file->len, CDB_CHECK_MAX, &type, content);
    if (result == 0)
        loose->flags = cdb_check_content(&loose->oid, type, cdb_buf_str(content), content->len);
    else if (cdb_check_is_memory())
        return result;
    else
        loose->flags = cdb_check_is_large() || is_long(files->dir, name) ? CDB_SEEN_LARGE : CDB_SEEN_BAD;
    return 0;
}

static int read_some(void *context, unsigned thread, size_t from, size_t to)
{
    struct loose_files *files = context;
    struct cdb_buf file = CDB_BUF_INIT, content = CDB_BUF_INIT;
    int result = 0;
    (void)thread;
    for (size_t i = from; i < to && result == 0; i++)
        result = read_loose(files, &files->list[i], &file, &content);
    cdb_buf_release(&file);
    cdb_buf_release(&content);
    return result;
}

static int step_loose(void *context, size_t taken)
{
    struct loose_files *files = context;
    return files->check->step(files->check->context, "loose objects", taken, files->count);
}

static int tell_loose(struct cdb_check *check, const char *name, const struct loose *loose)
{
    char file[CDB_OID_HEX + 2], path[PATH_ROOM];
    loose_name(&loose->oid, file);
    snprintf(path, sizeof(path), "%s/%s", name, file);
    return check->tell(check->context, path, &loose->oid, "the file does not hold the object that it is named after");
}

static int check_loose(struct cdb_check *check, int dir, const char *name)
{
    struct loose_files files = {.check = check, .dir = dir};
    const struct cdb_parallel parallel = {read_some, step_loose, &files, LOOSE_CHUNK};
    int result = 0;
    for (unsigned first = 0; first < 256 && result == 0; first++)
        result = list_folder(&files, first);
    if (result == 0)
        result = cdb_parallel_run(&parallel, files.count);
    for (size_t i = 0; i < files.count && result == 0; i++) {
        result = cdb_check_note(check, &files.list[i].oid, files.list[i].flags);
        if (result == 0 && (files.list[i].flags & CDB_SEEN_BAD) != 0)
            result = tell_loose(check, name, &files.list[i]);
    }
    free(files.list);
    return result;
}

/* ---- packs, and what else git keeps ------------------------------------------------------------ */

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* Files of git's that only speed it up. */
static int check_helper(struct cdb_check *check, int dir, const char *shown, const char *file)
{
    char path[2 * PATH_ROOM];
    int good = cdb_check_trailer(dir, file);
    if (good != 0)
        return good < 0 ? good : 0;
    snprintf(path, sizeof(path), "%s/%s", shown, file);
    return check->tell(check->context, path, NULL, "its checksum is not that of its content; git writes it anew");
}

static int check_entry(struct cdb_check *check, int dir, const char *shown, const char *entry)
{
    static const char *const helpers[] = {".rev", ".bitmap", ".mtimes", "-pack-index", "commit-graph", ".graph"};
    int result = 0;
    if (ends_with(entry, ".idx")) {
        char *name = strndup(entry, strlen(entry) - 4);
        result = name != NULL ? cdb_check_pack(check, dir, shown, name) : cdb_error_memory();
        free(name);
    }
    for (size_t i = 0; check->full && result == 0 && i < sizeof(helpers) / sizeof(*helpers); i++)
        if (ends_with(entry, helpers[i]) || strcmp(entry, helpers[i]) == 0)
            result = check_helper(check, dir, shown, entry);
    return result;
}

/* The names first: checking takes long, and the directory changes meanwhile. */
static int list_names(int dir, char ***names, size_t *count)
{
    DIR *listing = cdb_fs_opendir(dir, ".");
    size_t room = 0;
    int result = 0;
    if (listing == NULL)
        return cdb_error_errno(NULL, "cannot list the packs");
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        result = cdb_array_grow((void *)names, &room, *count, sizeof(**names));
        if (result == 0 && ((*names)[*count] = strdup(entry->d_name)) == NULL)
            result = cdb_error_memory();
        *count += result == 0;
    }
    closedir(listing);
    return result;
}

/* A folder of the object directory. */
static int check_folder(struct cdb_check *check, int objects, const char *name, const char *folder)
{
    char shown[PATH_ROOM];
    char **names = NULL;
    size_t count = 0;
    int dir = openat(objects, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : cdb_error_errno(folder, "cannot open '%s/%s'", name, folder);
    snprintf(shown, sizeof(shown), "%s/%s", name, folder);
    int result = list_names(dir, &names, &count);
    for (size_t i = 0; i < count && result == 0; i++)
        result = check_entry(check, dir, shown, names[i]);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free((void *)names);
    close(dir);
    return result;
}

int cdb_check_directory(struct cdb_check *check, int dir, const char *name)
{
    int result = check_loose(check, dir, name);
    if (result == 0)
        result = check_folder(check, dir, name, "pack");
    if (result == 0)
        result = check_folder(check, dir, name, "info");
    if (result == 0)
        result = check_folder(check, dir, name, "info/commit-graphs");
    return result;
}
