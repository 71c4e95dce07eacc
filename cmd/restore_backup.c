/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/write.h"

static int print_report(struct cli *cli, const chrondb_restore_report *report)
{
    struct cli_output *out = cli->out;
    cli_output_kind(out, CLI_ONE, "path");
    cli_output_begin(out);
    cli_output_string(out, "path", chrondb_path(cli->db));
    cli_output_string(out, "status", cli_status_word(report->status));
    cli_output_number(out, "bytes", report->bytes);
    cli_output_number(out, "objects", report->objects);
    cli_output_number(out, "commits", report->commits);
    cli_output_number(out, "branches", report->branches);
    cli_output_number(out, "tags", report->tags);
    cli_output_bool(out, "incremental", report->incremental);
    return cli_output_end(out);
}

static int run(struct cli *cli, const char *path, const char *file, chrondb_restore_report *report)
{
    struct cli_progress progress;
    chrondb_restore_options options = {.size = sizeof options, .fd = STDIN_FILENO};
    int result = cli_interrupt_catch(&cli->error);
    if (result != 0)
        return result;
    cli_progress_start(&progress, cli, "objects", 0);
    options.progress = cli_progress_until_interrupt;
    options.progress_context = &progress;
    options.lock_timeout_ms = cli_lock_timeout(cli);
    result = chrondb_restore_backup(path, file, &options, report);
    cli_progress_stop(&progress);
    return cli_interrupt_end(&cli->error, result, "interrupted; nothing was restored");
}

int cmd_restore_backup(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    chrondb_restore_report report = {.size = sizeof report};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && args.count > 1 && cli->db_path != NULL)
        result = cli_error_usage(&cli->error, "give the directory either as an argument or with --db");
    if (result != 0)
        return result;
    const char *file = strcmp(args.values[0], "-") == 0 ? NULL : args.values[0];
    const char *path = args.count > 1 ? args.values[1] : cli_new_path(cli);
    if (file == NULL && isatty(STDIN_FILENO))
        return cli_error_usage(&cli->error,
                               "a backup does not come from a terminal: name a file, or redirect the input");
    (void)cli_open_path(cli, path, 0); /* if it is there; what else is there is told below */
    result = run(cli, path, file, &report);
    if (result == 0 && cli->db == NULL)
        result = cli_open_path(cli, path, 0);
    return result == 0 ? print_report(cli, &report) : result;
}
