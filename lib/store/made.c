/* SPDX-License-Identifier: MIT
 * A new database's content that is a bare repository of somebody else's making. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/repo.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

/* Where what a creation that was cut short left is removed. */
#define MADE "refs/made"
#define REST "objects/made"

static int move(int from, const char *name, int to, const char *target)
{
    return renameat(from, name, to, target) == 0 ? 0 : cdb_error_errno(target, "cannot move '%s'", target);
}

/* The repository takes the place of the empty one; its refs go last, since it is among ours. */
static int hoist(int dir)
{
    int result = 0;
    if (!cdb_fs_exists(dir, MADE "/HEAD") || !cdb_fs_exists(dir, MADE "/objects") || !cdb_fs_exists(dir, MADE "/refs"))
        return cdb_error(CHRONDB_ENODB, "not_a_database", "what was made is no bare git repository");
    cdb_fs_remove_tree(dir, "objects");
    DIR *listing = cdb_fs_opendir(dir, MADE);
    if (listing == NULL)
        return cdb_error_errno(MADE, "cannot open '%s'", MADE);
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "refs") == 0)
            continue;
        if (strcmp(name, "chrondb") == 0)
            result = cdb_error(CHRONDB_ENODB, "not_a_database", "the new repository holds '%s'", name);
        else
            result = move(dirfd(listing), name, dir, name);
    }
    closedir(listing);
    if (result == 0)
        result = move(dir, MADE, dir, REST);
    if (result == 0) {
        cdb_fs_remove_tree(dir, "refs");
        result = move(dir, REST "/refs", dir, "refs");
    }
    cdb_fs_remove_tree(dir, REST);
    return result;
}

int cdb_maker_fill(void *context, int dir)
{
    const struct cdb_maker *maker = context;
    char link[64], path[PATH_MAX + sizeof("/" MADE)];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, path, PATH_MAX);
    if (n <= 0)
        return cdb_error_errno(NULL, "cannot tell where the new database is");
    memcpy(path + n, "/" MADE, sizeof("/" MADE));
    int result = maker->make(maker->context, path);
    CDB_FAULT("clone-made");
    if (result == 0)
        result = hoist(dir);
    path[n] = '\0';
    return result == 0 ? cdb_layout_adopt_config(dir, path) : result;
}
