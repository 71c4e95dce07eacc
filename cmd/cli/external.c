/* SPDX-License-Identifier: MIT */
#include "cli/external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int set(struct cli *cli, const char *name, const char *value)
{
    return value == NULL || setenv(name, value, 1) == 0 ? 0 : cli_error_memory(&cli->error);
}

int cli_export_options(struct cli *cli, const char *db_path)
{
    int result = set(cli, "CHRONDB_DIR", db_path);
    if (result == 0)
        result = set(cli, "CHRONDB_BRANCH", cli->branch);
    return result == 0 ? set(cli, "CHRONDB_INDEX", cli->index_path) : result;
}

static int pass_options(struct cli *cli)
{
    int result = cli_enter_directories(cli);
    return result == 0 ? cli_export_options(cli, cli->db_path) : result;
}

int cli_run_external(struct cli *cli, char **argv)
{
    char *name = argv[0];
    struct cli_text program = {0};
    int result = 0;

    if (strchr(name, '/') != NULL) /* a path is not a command's name */
        return 0;
    cli_text_addf(&program, "chrondb-%s", name);
    result = program.failed ? cli_error_memory(&cli->error) : pass_options(cli);
    if (result == 0) {
        argv[0] = program.data;
        execvp(program.data, argv);
        argv[0] = name;
        /* EACCES: a directory of PATH that we may not look into. */
        if (errno != ENOENT && errno != EACCES && errno != ENOTDIR)
            result = cli_error_errno(&cli->error, program.data, "cannot run '%s'", program.data);
    }
    cli_text_release(&program);
    return result;
}

int cli_run_shell(struct cli *cli, const char *command, int input, int *status)
{
    int ended = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(input, STDIN_FILENO) >= 0)
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        return cli_error_errno(&cli->error, NULL, "cannot start a process");
    while (waitpid(pid, &ended, 0) < 0)
        if (errno != EINTR)
            return cli_error_errno(&cli->error, NULL, "cannot wait for a process");
    *status = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
    return 0;
}
