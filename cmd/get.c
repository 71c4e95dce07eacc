/* SPDX-License-Identifier: MIT */
#include "cli/lookup.h"

int cmd_get(struct cli *cli, int argc, char **argv)
{
    bool records = false;
    const char *when = NULL;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "as it was then"},
        {.set = &records, .name = "records", .help = "print a record for each key"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    return result != 0 ? result : cli_lookup(cli, when, args.values, args.count, records);
}
