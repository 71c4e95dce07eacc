/* SPDX-License-Identifier: MIT */
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/write.h"

/* No lock is held while the lines come in, however slowly. `defaults` holds for operations that state no condition. */
static int read_operations(struct cli *cli, struct cli_input *input, chrondb_batch *batch,
                           const chrondb_condition *defaults)
{
    struct cli_progress progress;
    const char *line;
    size_t size;
    int result;
    cli_progress_start(&progress, cli, "operations read", 0);
    while ((result = cli_input_line(input, CLI_INPUT_DOCUMENT_LINE, &line, &size)) == 0) {
        if ((result = chrondb_batch_add_json(batch, line, size, defaults)) != 0) {
            cli_error_adopt(&cli->error);
            cli_input_blame_line(input, "line");
            break;
        }
        cli_progress_update(&progress, chrondb_batch_size(batch));
    }
    cli_progress_stop(&progress);
    return result == CHRONDB_END ? 0 : result;
}

static int print_batch(struct cli *cli, const chrondb_batch *batch)
{
    uint64_t counts[CHRONDB_CHECKED + 1] = {0};
    for (size_t i = 0; i < chrondb_batch_size(batch); i++)
        counts[chrondb_batch_status(batch, i)]++;
    cli_output_kind(cli->out, CLI_ONE, "commit");
    cli_output_begin(cli->out);
    cli_output_batch_commit(cli->out, batch);
    cli_output_string(cli->out, "status", chrondb_batch_commit_id(batch) != NULL ? "committed" : "unchanged");
    cli_output_number(cli->out, "created", counts[CHRONDB_CREATED]);
    cli_output_number(cli->out, "updated", counts[CHRONDB_UPDATED]);
    cli_output_number(cli->out, "deleted", counts[CHRONDB_DELETED]);
    cli_output_number(cli->out, "unchanged", counts[CHRONDB_UNCHANGED]);
    return cli_output_end(cli->out);
}

int cmd_batch(struct cli *cli, int argc, char **argv)
{
    struct cli_write write = {0};
    struct cli_precondition precondition = {0};
    const struct cli_option options[] = {
        CLI_PRECONDITION_OPTIONS(precondition, "a missing document is a conflict; for a delete no error"),
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;
    struct cli_input input = {.fd = -1};
    chrondb_batch *batch = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_input_open(&input, args.count > 0 ? args.values[0] : NULL, &cli->error);
    if (result == 0)
        result = cli_batch_new(cli, &batch);
    chrondb_condition defaults = cli_condition(&precondition);
    if (result == 0)
        result = read_operations(cli, &input, batch, &defaults);
    if (result == 0)
        result = cli_batch_commit(cli, batch, &write);
    if (result == 0)
        result = print_batch(cli, batch);
    chrondb_batch_free(batch);
    cli_input_close(&input);
    cli_write_release(&write);
    return result;
}
