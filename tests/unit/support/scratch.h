/* SPDX-License-Identifier: MIT
 *
 * A directory of a test's own, in memory if there is such a file system: a sync costs nothing there. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>

/* Its absolute path, to be given to scratch_remove. */
char *scratch_new(void);
/* With all that is in it; frees the path. NULL is left alone. */
void scratch_remove(char *path);
/* "PATH/NAME", allocated. */
char *scratch_path(const char *path, const char *name);
/* Write a file, its parents too. */
void scratch_write(const char *path, const char *name, const void *data, size_t len);

#endif
