/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

static int print_table(void *context, const char *table, uint64_t count)
{
    struct cli_output *out = context;
    cli_output_begin(out);
    cli_output_string(out, "table", *table != '\0' ? table : NULL);
    cli_output_number(out, "count", count);
    return cli_output_end(out);
}

int cmd_tables(struct cli *cli, int argc, char **argv)
{
    const char *when = NULL;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "what there was then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0) {
        cli_output_kind(cli->out, CLI_MANY, "table");
        result = chrondb_tables(snapshot, print_table, cli->out);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
