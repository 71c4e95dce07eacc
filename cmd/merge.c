/* SPDX-License-Identifier: MIT */
#include "cli/merging.h"

int cmd_merge(struct cli *cli, int argc, char **argv)
{
    struct cli_merging merging = {.strategy = CHRONDB_MERGE_FAIL};
    const char *into = NULL;
    const struct cli_option options[] = {
        {.string = &into, .name = "into", .argument = "BRANCH", .help = "the branch to merge into, as -b does"},
        CLI_MERGE_OPTIONS(merging),
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && into != NULL)
        cli->branch = into;
    if (result == 0)
        result = cli_merge(cli, args.values[0], NULL, &merging);
    cli_merging_release(&merging);
    return result;
}
