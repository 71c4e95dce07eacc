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

/* What to bring back: a key, or a table, or everything. */
struct target {
    const char *key, *table;
};

static int add(chrondb_batch *batch, const struct target *target, chrondb_snapshot *snapshot)
{
    if (target->key != NULL)
        return chrondb_batch_restore(batch, target->key, snapshot, NULL);
    return target->table != NULL ? chrondb_batch_restore_table(batch, target->table, snapshot)
                                 : chrondb_batch_restore_all(batch, snapshot);
}

static int restore(struct cli *cli, const struct target *target, const char *when, const struct cli_write *write)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_batch *batch = NULL;
    int result = cli_snapshot(cli, when, &snapshot);
    if (result == 0)
        result = cli_batch_new(cli, &batch);
    if (result == 0)
        result = add(batch, target, snapshot);
    if (result == 0)
        result = cli_batch_commit(cli, batch, write);
    if (result == 0)
        result = target->key != NULL ? cli_print_results(cli, batch, CLI_ONE) : print_all(cli, batch);
    chrondb_batch_free(batch);
    chrondb_snapshot_free(snapshot);
    return result;
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
    struct cli_write write = {0};
    struct target target = {NULL, NULL};
    const char *when = NULL;
    bool all = false;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "the moment whose state is to come back"},
        {.string = &target.table,
         .name = "table",
         .argument = "TABLE",
         .help = "this table; '' is the keys without one"},
        {.set = &all, .name = "all", .help = "the whole database"},
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && all + (target.table != NULL) + args.count != 1)
        result = cli_error_usage(&cli->error, "restore needs either a KEY, or --table TABLE, or --all");
    if (result == 0 && when == NULL)
        result = cli_error_usage(&cli->error, "restore needs --at WHEN");
    if (result == 0)
        target.key = args.count > 0 ? args.values[0] : NULL;
    if (result == 0)
        result = restore(cli, &target, when, &write);
    cli_write_release(&write);
    return result;
}
