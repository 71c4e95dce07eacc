/* SPDX-License-Identifier: MIT */
#include "cli/maintenance.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A failure needs no report: what is due stays due, and the next command tries again. */
static void maintain(const char *path, const char *index_path)
{
    chrondb_open_options options = {.size = sizeof options, .index_path = index_path};
    chrondb *db = NULL;
    if (chrondb_open(&db, path, &options) == 0)
        chrondb_maintain(db);
    chrondb_close(db);
}

/* A path that stays the same in another working directory. */
static char *absolute(const char *path)
{
    char *here = *path != '/' ? getcwd(NULL, 0) : NULL, *joined = NULL;
    if (*path == '/')
        return strdup(path);
    if (here != NULL && asprintf(&joined, "%s/%s", here, path) < 0)
        joined = NULL;
    free(here);
    return joined;
}

/* Nothing of the caller's may be kept waiting: not its terminal, not the pipes that it reads from us, not its
 * working directory. */
static void detach(void)
{
    setsid();
    if (chdir("/") != 0)
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
    char *index_path = cli->index_path != NULL ? absolute(cli->index_path) : NULL;
    if (path == NULL || (cli->index_path != NULL && index_path == NULL)) {
        free(path);
        free(index_path);
        return;
    }
    chrondb_close(cli->db);
    cli->db = NULL;
    if (in_foreground())
        maintain(path, index_path);
    else if (fork() == 0) {
        detach();
        maintain(path, index_path);
        _exit(0);
    }
    free(path);
    free(index_path);
}
