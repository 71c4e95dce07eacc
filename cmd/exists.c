/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

int cmd_exists(struct cli *cli, int argc, char **argv)
{
    const char *when = NULL;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "whether it existed then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0)
        result = chrondb_exists(snapshot, args.values[0]);
    if (result != 0 && result != CHRONDB_NOTFOUND)
        goto out;

    /* The exit status is the answer; words only for who asked for them. */
    bool exists = result == 0;
    result = exists ? 0 : CLI_NO;
    if (cli->format != CLI_FORMAT_DEFAULT) {
        cli_output_kind(cli->out, CLI_ONE, "exists");
        cli_output_begin(cli->out);
        cli_output_string(cli->out, "key", args.values[0]);
        cli_output_bool(cli->out, "exists", exists);
        if (cli_output_end(cli->out) != 0)
            result = cli->error.code;
    }
out:
    chrondb_snapshot_free(snapshot);
    return result;
}
