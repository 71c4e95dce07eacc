/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/progress.h"

static int print_report(struct cli_output *out, const chrondb_reindex_report *report)
{
    cli_output_kind(out, CLI_ONE, NULL);
    cli_output_begin(out);
    cli_output_number(out, "branches", report->branches);
    cli_output_number(out, "commits", report->commits);
    cli_output_number(out, "keys", report->keys);
    cli_output_number(out, "bytes", report->bytes);
    return cli_output_end(out);
}

int cmd_reindex(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    struct cli_progress progress;
    chrondb_reindex_report report = {.size = sizeof report};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_open(cli);
    if (result != 0)
        return result;
    cli_progress_start(&progress, cli, "commits", 0);
    result = chrondb_reindex(cli->db, cli_progress_phase, &progress, &report);
    cli_progress_stop(&progress);
    return result == 0 ? print_report(cli->out, &report) : result;
}
