/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static int print_report(struct cli_output *out, const chrondb_gc_report *report)
{
    cli_output_kind(out, CLI_ONE, NULL);
    cli_output_begin(out);
    cli_output_number(out, "objects", report->objects);
    cli_output_number(out, "packs_before", report->packs_before);
    cli_output_number(out, "packs_after", report->packs_after);
    cli_output_number(out, "loose_before", report->loose_before);
    cli_output_number(out, "loose_after", report->loose_after);
    cli_output_number(out, "bytes_before", report->bytes_before);
    cli_output_number(out, "bytes_after", report->bytes_after);
    return cli_output_end(out);
}

int cmd_gc(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    struct cli_progress progress;
    chrondb_gc_report report = {.size = sizeof report};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_open(cli);
    if (result == 0)
        result = cli_interrupt_catch(&cli->error);
    if (result != 0)
        return result;
    cli_progress_start(&progress, cli, "objects", 0);
    result = chrondb_gc(cli->db, cli_progress_until_interrupt, &progress, &report);
    cli_progress_stop(&progress);
    result = cli_interrupt_end(&cli->error, result, "interrupted; nothing is lost");
    return result == 0 ? print_report(cli->out, &report) : result;
}
