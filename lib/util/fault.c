/* SPDX-License-Identifier: MIT */
#include "util/fault.h"

#ifdef CHRONDB_TEST_HOOKS
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name)
{
    const char *path = getenv("CHRONDB_TEST_FAULT_LOG");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    if (write(fd, name, strlen(name)) < 0 || write(fd, "\n", 1) < 0)
        abort(); /* a test that must not go on unnoticed */
    close(fd);
}

void cdb_fault_reached(const char *name)
{
    static int reached; /* of the one point that the environment names; tests are single-threaded there */
    const char *wanted = getenv("CHRONDB_TEST_FAULT");
    size_t len = strlen(name);
    note(name);
    if (wanted == NULL || strncmp(wanted, name, len) != 0)
        return;
    if (strcmp(wanted + len, "@stop") == 0) {
        kill(getpid(), SIGSTOP);
        return;
    }
    if (wanted[len] != '\0' && wanted[len] != ':')
        return;
    long count = wanted[len] == ':' ? strtol(wanted + len + 1, NULL, 10) : 1;
    if (++reached == count)
        kill(getpid(), SIGKILL);
}
#else
typedef int cdb_fault_unused; /* ISO C forbids an empty translation unit */
#endif
