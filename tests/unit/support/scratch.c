/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *parent(void)
{
    const char *given = getenv("TMPDIR");

    if (given != NULL && *given != '\0')
        return given;
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

char *scratch_new(void)
{
    char *path;

    assert_true(asprintf(&path, "%s/chrondb-test-XXXXXX", parent()) > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_remove(char *path)
{
    if (path == NULL)
        return;
    assert_int_equal(nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS), 0);
    free(path);
}

char *scratch_path(const char *path, const char *name)
{
    char *full;

    assert_true(asprintf(&full, "%s/%s", path, name) > 0);
    return full;
}

void scratch_write(const char *path, const char *name, const void *data, size_t len)
{
    char *full = scratch_path(path, name);

    for (size_t i = strlen(path) + 1; full[i] != '\0'; i++) {
        if (full[i] != '/')
            continue;
        full[i] = '\0';
        (void)mkdir(full, 0777);
        full[i] = '/';
    }
    FILE *file = fopen(full, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(full);
}
