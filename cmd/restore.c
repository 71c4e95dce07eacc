/* SPDX-License-Identifier: MIT */
#include "cli/write.h"

static int print_all(struct cli *cli, const chrondb_batch *batch)
{
    cli_output_kind(cli->out, CLI_ONE, "commit");
    cli_output_begin(cli->out);
    cli_output_batch_commit(cli->out, batch);
    cli_output_string(cli->out, "status", chrondb_batch_commit_id(batch) != NULL ? "updated" : "unchanged");
    return cli_output_end(cli->out);
}

/* `key`: NULL for everything. */
static int restore(struct cli *cli, const char *key, const char *when, const struct cli_write *write)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_batch *batch = NULL;
    int result = cli_snapshot(cli, when, &snapshot);
    if (result == 0)
        result = cli_batch_new(cli, &batch);
    if (result == 0)
        result = key != NULL ? chrondb_batch_restore(batch, key, snapshot, NULL)
                             : chrondb_batch_restore_all(batch, snapshot);
    if (result == 0)
        result = cli_batch_commit(cli, batch, write);
    if (result == 0)
        result = key != NULL ? cli_print_results(cli, batch, CLI_ONE) : print_all(cli, batch);
    chrondb_batch_free(batch);
    chrondb_snapshot_free(snapshot);
    return result;
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
    struct cli_write write = {0};
    const char *when = NULL;
    bool all = false;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "the moment whose state is to come back"},
        {.set = &all, .name = "all", .help = "the whole database"},
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && all == (args.count > 0))
        result = cli_error_usage(&cli->error, "restore needs either a KEY or --all");
    if (result == 0 && when == NULL)
        result = cli_error_usage(&cli->error, "restore needs --at WHEN");
    if (result == 0)
        result = restore(cli, all ? NULL : args.values[0], when, &write);
    cli_write_release(&write);
    return result;
}
