/* SPDX-License-Identifier: MIT */
#include "cli/write.h"

int cmd_delete(struct cli *cli, int argc, char **argv)
{
    struct cli_write write = {0};
    struct cli_precondition precondition = {0};
    const struct cli_option options[] = {
        CLI_PRECONDITION_OPTIONS(precondition, "keys without a document are no error"),
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_batch *batch = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_batch_new(cli, &batch);
    if (result != 0)
        goto out;
    chrondb_condition condition = cli_condition(&precondition);
    for (int i = 0; i < args.count && result == 0; i++)
        result = chrondb_batch_delete(batch, args.values[i], &condition);
    if (result == 0)
        result = cli_batch_commit(cli, batch, &write);
    if (result == 0)
        result = cli_print_results(cli, batch, CLI_MANY);
out:
    chrondb_batch_free(batch);
    cli_write_release(&write);
    return result;
}
