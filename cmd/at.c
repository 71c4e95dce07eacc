/* SPDX-License-Identifier: MIT */
#include "cli/lookup.h"

int cmd_at(struct cli *cli, int argc, char **argv)
{
    bool records = false;
    const struct cli_option options[] = {
        {.set = &records, .name = "records", .help = "print a record for each key"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    return result != 0 ? result : cli_lookup(cli, args.values[0], args.values + 1, args.count - 1, records);
}
