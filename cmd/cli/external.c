/* SPDX-License-Identifier: MIT */
#include "cli/external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pass_options(struct cli *cli)
{
    int result = cli_enter_directories(cli);
    if (result == 0 && cli->db_path != NULL && setenv("CHRONDB_DIR", cli->db_path, 1) != 0)
        result = cli_error_memory(&cli->error);
    if (result == 0 && cli->branch != NULL && setenv("CHRONDB_BRANCH", cli->branch, 1) != 0)
        result = cli_error_memory(&cli->error);
    if (result == 0 && cli->index_path != NULL && setenv("CHRONDB_INDEX", cli->index_path, 1) != 0)
        result = cli_error_memory(&cli->error);
    return result;
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
