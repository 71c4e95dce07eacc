/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

static int print_field(struct cli_output *out, const chrondb_blame_field *field)
{
    cli_output_begin(out);
    cli_output_bytes(out, "path", field->path, field->path_size);
    cli_output_json(out, "value", field->value, field->value_size);
    cli_output_commit(out, "commit", field->commit);
    cli_output_time(out, "time", field->time);
    cli_output_string(out, "author", field->author);
    return cli_output_end(out);
}

int cmd_blame(struct cli *cli, int argc, char **argv)
{
    const char *when = NULL;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "the document as it was then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0)
        result = chrondb_blame_open(&blame, snapshot, args.values[0]);
    if (result == 0) {
        cli_output_kind(cli->out, CLI_MANY, "commit");
        while ((result = chrondb_blame_next(blame, &field)) == 0)
            if ((result = print_field(cli->out, &field)) != 0)
                break;
        if (result == CHRONDB_END)
            result = 0;
    }
    chrondb_blame_free(blame);
    chrondb_snapshot_free(snapshot);
    return result;
}
