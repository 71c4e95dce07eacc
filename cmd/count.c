/* SPDX-License-Identifier: MIT */
#include "cli/range.h"

int cmd_count(struct cli *cli, int argc, char **argv)
{
    chrondb_range range = {.size = sizeof range};
    const char *when = NULL;
    const struct cli_option options[] = {
        CLI_TABLE_OPTION(range),
        {.string = &when, .name = "at", .argument = "WHEN", .help = "how many there were then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;
    uint64_t count = 0;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0) {
        range.prefix = args.count > 0 ? args.values[0] : NULL;
        result = chrondb_count(snapshot, &range, &count);
    }
    if (result == 0) {
        cli_output_kind(cli->out, CLI_ONE, "count");
        cli_output_begin(cli->out);
        cli_output_number(cli->out, "count", count);
        result = cli_output_end(cli->out);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
