/* SPDX-License-Identifier: MIT */
#include "cli/value.h"
#include "cli/write.h"

int cmd_patch(struct cli *cli, int argc, char **argv)
{
    struct cli_write write = {0};
    struct cli_precondition precondition = {0};
    const struct cli_option options[] = {
        CLI_PRECONDITION_OPTIONS(precondition, "a missing document is a conflict"),
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;
    struct cli_value_source value = {0};
    chrondb_batch *batch = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        goto out;
    const char *key = args.values[0];
    chrondb_condition condition = cli_condition(&precondition);

    if ((result = chrondb_key_check(key)) != 0 ||
        (result = cli_value_read(cli, &value, "patch", key, args.values + 1, args.count - 1)) != 0 ||
        (result = cli_batch_new(cli, &batch)) != 0 ||
        (result = chrondb_batch_patch(batch, key, value.data, value.size, &condition)) != 0 ||
        (result = cli_batch_commit(cli, batch, &write)) != 0)
        goto out;
    result = cli_print_results(cli, batch, CLI_ONE);
out:
    chrondb_batch_free(batch);
    cli_value_release(&value);
    cli_write_release(&write);
    return result;
}
