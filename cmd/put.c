/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

int cmd_put(struct cli *cli, int argc, char **argv)
{
    return cli_write_value(cli, argc, argv, chrondb_batch_put, "only if there is one already");
}
