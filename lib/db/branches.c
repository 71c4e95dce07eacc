/* SPDX-License-Identifier: MIT */
#include "db/branches.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define PACKED_MAX ((size_t)256 << 20)

void cdb_branches_release(struct cdb_branches *branches)
{
    free(branches->names);
    cdb_arena_release(&branches->memory);
    memset(branches, 0, sizeof(*branches));
}

static int add(struct cdb_branches *out, const char *name, size_t len)
{
    const char *copy = cdb_arena_copy(&out->memory, name, len);
    if (copy == NULL || cdb_array_grow(&out->names, &out->room, out->count, sizeof(*out->names)) != 0)
        return CHRONDB_ESYSTEM;
    if (cdb_ref_name_valid(copy))
        out->names[out->count++] = copy;
    return 0;
}

/* ---- loose ------------------------------------------------------------------------------------- */

/* Directories that are still to be read. */
struct folders {
    const char **paths;
    size_t count, room;
    struct cdb_arena memory;
};

static int add_folder(struct folders *folders, const char *path, size_t len)
{
    const char *copy = cdb_arena_copy(&folders->memory, path, len);
    if (copy == NULL || cdb_array_grow(&folders->paths, &folders->room, folders->count, sizeof(*folders->paths)) != 0)
        return CHRONDB_ESYSTEM;
    folders->paths[folders->count++] = copy;
    return 0;
}

static bool is_folder(DIR *listing, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    int fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int read_folder(int dir, const char *path, struct folders *folders, struct cdb_branches *out)
{
    struct cdb_buf name = CDB_BUF_INIT;
    DIR *listing = cdb_fs_opendir(dir, path);
    int result = 0;
    for (struct dirent *entry; result == 0 && listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        cdb_buf_clear(&name);
        cdb_buf_addf(&name, "%s/%s", path, entry->d_name);
        if ((result = cdb_buf_check(&name)) == 0)
            result = is_folder(listing, entry) ? add_folder(folders, name.ptr, name.len) : add(out, name.ptr, name.len);
    }
    if (listing != NULL)
        closedir(listing);
    cdb_buf_release(&name);
    return result;
}

static int read_loose(int dir, const char *top, struct cdb_branches *out)
{
    struct folders folders = {0};
    int result = add_folder(&folders, top, strlen(top));
    while (result == 0 && folders.count > 0)
        result = read_folder(dir, folders.paths[--folders.count], &folders, out);
    free(folders.paths);
    cdb_arena_release(&folders.memory);
    return result;
}

/* ---- packed ------------------------------------------------------------------------------------ */

static int read_packed(int dir, const char *top, struct cdb_branches *out)
{
    size_t top_len = strlen(top);
    struct cdb_buf file = CDB_BUF_INIT;
    int result = cdb_fs_read(dir, "packed-refs", PACKED_MAX, &file);
    for (const char *line = cdb_buf_str(&file); result == 0 && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *name = line + CDB_OID_HEX + 1;
        if (len > CDB_OID_HEX + 1 && line[CDB_OID_HEX] == ' ' && strncmp(name, top, top_len) == 0 &&
            name[top_len] == '/')
            result = add(out, name, len - CDB_OID_HEX - 1);
        line += len + (line[len] == '\n');
    }
    cdb_buf_release(&file);
    return result == 1 ? 0 : result;
}

/* ---- both -------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static void sort_unique(struct cdb_branches *branches)
{
    size_t kept = 0;
    if (branches->count > 1)
        qsort(branches->names, branches->count, sizeof(*branches->names), compare);
    for (size_t i = 0; i < branches->count; i++)
        if (kept == 0 || strcmp(branches->names[kept - 1], branches->names[i]) != 0)
            branches->names[kept++] = branches->names[i];
    branches->count = kept;
}

static void move_to_front(struct cdb_branches *branches, const char *name)
{
    size_t at = 0;
    while (at < branches->count && strcmp(branches->names[at], name) != 0)
        at++;
    if (at == branches->count)
        return;
    name = branches->names[at];
    memmove(branches->names + 1, branches->names, at * sizeof(*branches->names));
    branches->names[0] = name;
}

/* Loose ones first: what is packed in between is then found packed. */
int cdb_refs_list(struct cdb_branches *out, const struct cdb_repo *repo, const char *folder)
{
    memset(out, 0, sizeof(*out));
    int result = read_loose(repo->dir, folder, out);
    if (result == 0)
        result = read_packed(repo->dir, folder, out);
    if (result != 0)
        cdb_branches_release(out);
    else
        sort_unique(out);
    return result;
}

int cdb_branches_list(struct cdb_branches *out, const struct cdb_repo *repo)
{
    struct cdb_buf head = CDB_BUF_INIT;
    int result = cdb_refs_list(out, repo, "refs/heads");
    if (result != 0)
        return result;
    if (cdb_ref_branch(repo->dir, NULL, &head) == 0)
        move_to_front(out, cdb_buf_str(&head));
    cdb_error_clear();
    cdb_buf_release(&head);
    return 0;
}
