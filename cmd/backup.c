/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static int print_report(struct cli_output *out, const char *file, const chrondb_backup_report *report)
{
    cli_output_kind(out, CLI_ONE, "file");
    cli_output_begin(out);
    cli_output_string(out, "file", file);
    cli_output_number(out, "bytes", report->bytes);
    cli_output_number(out, "objects", report->objects);
    cli_output_number(out, "commits", report->commits);
    cli_output_number(out, "branches", report->branches);
    cli_output_number(out, "tags", report->tags);
    cli_output_bool(out, "incremental", report->incremental);
    return cli_output_end(out);
}

/* A file of that name, if there is one; else a moment. */
static void read_since(const char *since, chrondb_backup_options *options)
{
    if (since != NULL && access(since, F_OK) == 0)
        options->since_file = since;
    else
        options->since = since;
}

static int run(struct cli *cli, const char *file, const chrondb_backup_options *asked, chrondb_backup_report *report)
{
    struct cli_progress progress;
    chrondb_backup_options options = *asked;
    int result = cli_interrupt_catch(&cli->error);
    if (result != 0)
        return result;
    cli_progress_start(&progress, cli, "objects", 0);
    options.progress = cli_progress_until_interrupt;
    options.progress_context = &progress;
    result = chrondb_backup(cli->db, file, &options, report);
    cli_progress_stop(&progress);
    return cli_interrupt_end(&cli->error, result, "interrupted; no backup was written");
}

int cmd_backup(struct cli *cli, int argc, char **argv)
{
    const char *since = NULL;
    const struct cli_option options[] = {
        {.string = &since,
         .name = "since",
         .argument = "WHEN|FILE",
         .help = "only what is new since then, or since that backup"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_backup_report report = {.size = sizeof report};
    chrondb_backup_options backup = {.size = sizeof backup, .fd = STDOUT_FILENO};

    int result = cli_start(cli, options, argc, argv, &args);
    const char *file = result == 0 ? args.values[0] : NULL;
    bool to_stdout = file != NULL && strcmp(file, "-") == 0;
    if (result == 0 && to_stdout && isatty(STDOUT_FILENO))
        result = cli_error_usage(&cli->error, "a backup is not for a terminal: name a file, or redirect the output");
    if (result == 0)
        result = cli_open(cli);
    if (result != 0)
        return result;
    backup.branch = cli->branch;
    backup.lock_timeout_ms = cli_lock_timeout(cli);
    read_since(since, &backup);
    result = run(cli, to_stdout ? NULL : file, &backup, &report);
    return result == 0 && !to_stdout ? print_report(cli->out, file, &report) : result;
}
