/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

/* Open or make it, and say which. */
static int open_or_create(struct cli *cli, const char *path, bool adopt, const char **status)
{
    int result = cli_open_path(cli, path, CHRONDB_OPEN_CREATE);
    if (result == CHRONDB_ENODB && adopt) { /* something is there; perhaps a repository */
        *status = "adopted";
        return cli_open_path(cli, path, CHRONDB_OPEN_CREATE | CHRONDB_OPEN_ADOPT);
    }
    *status = result == 0 && chrondb_was_created(cli->db) ? "created" : "exists";
    return result;
}

int cmd_init(struct cli *cli, int argc, char **argv)
{
    bool adopt = false;
    const char *status = NULL;
    const struct cli_option options[] = {
        {.set = &adopt, .name = "adopt", .help = "make a bare git repository a database"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && args.count > 0 && cli->db_path != NULL)
        result = cli_error_usage(&cli->error, "give the directory either as an argument or with --db");
    if (result == 0)
        result = open_or_create(cli, args.count > 0 ? args.values[0] : cli_new_path(cli), adopt, &status);
    if (result == 0) {
        cli_output_kind(cli->out, CLI_ONE, "path");
        cli_output_begin(cli->out);
        cli_output_string(cli->out, "path", chrondb_path(cli->db));
        cli_output_string(cli->out, "status", status);
        result = cli_output_end(cli->out);
    }
    return result;
}
