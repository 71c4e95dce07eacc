/* SPDX-License-Identifier: MIT */
#include "cli/maintenance.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A failure needs no report: what is due stays due, and the next writer tries again. */
static void maintain(const char *path)
{
    chrondb *db = NULL;
    if (chrondb_open(&db, path, NULL) == 0)
        chrondb_maintain(db);
    chrondb_close(db);
}

/* Nothing of the caller's may be kept waiting: not its terminal, not the pipes that it reads from us, not its
 * working directory. */
static void detach(void)
{
    setsid();
    if (chdir("/") != 0 || nice(19) < 0)
        (void)0; /* it works all the same */
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
        dup2(null, fd);
#ifdef SYS_close_range
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
#else
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
#endif
}

static bool in_foreground(void)
{
#ifdef CHRONDB_TEST_HOOKS
    return getenv("CHRONDB_TEST_FOREGROUND_MAINTENANCE") != NULL;
#else
    return false;
#endif
}

void cli_maintenance(struct cli *cli)
{
    if (cli->db == NULL || !chrondb_maintenance_due(cli->db))
        return;
    char *path = strdup(chrondb_path(cli->db));
    if (path == NULL)
        return;
    chrondb_close(cli->db);
    cli->db = NULL;
    if (in_foreground())
        maintain(path);
    else if (fork() == 0) {
        detach();
        maintain(path);
        _exit(0);
    }
    free(path);
}
