/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

int cmd_patch(struct cli *cli, int argc, char **argv)
{
    return cli_write_value(cli, argc, argv, chrondb_batch_patch, "a missing document is a conflict");
}
