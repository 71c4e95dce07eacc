/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static int print_finding(void *context, const chrondb_finding *finding)
{
    struct cli_output *out = context;
    cli_output_begin(out);
    cli_output_string(out, "kind", finding->kind);
    cli_output_string(out, "severity", finding->is_error ? "error" : "note");
    cli_output_string(out, "ref", finding->ref);
    cli_output_commit(out, "commit", finding->commit);
    cli_output_string(out, "path", finding->path);
    cli_output_string(out, "key", finding->key);
    cli_output_commit(out, "object", finding->object);
    cli_output_string(out, "message", finding->message);
    return cli_output_end(out);
}

static void add_count(struct cli_text *text, uint64_t count, const char *one, const char *many)
{
    cli_text_addf(text, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

/* What was found, for people. */
static void add_findings(struct cli_text *text, const chrondb_verify_report *report)
{
    if (report->errors > 0)
        add_count(text, report->errors, "error", "errors");
    if (report->errors > 0 && report->notes > 0)
        cli_text_adds(text, ", ");
    if (report->notes > 0)
        add_count(text, report->notes, "note", "notes");
    if (report->errors + report->notes == 0)
        cli_text_adds(text, "nothing found");
}

static void add_looked_at(struct cli_text *text, const chrondb_verify_report *report)
{
    cli_text_adds(text, " in ");
    add_count(text, report->refs, "ref", "refs");
    cli_text_adds(text, ", ");
    add_count(text, report->commits, "commit", "commits");
    cli_text_adds(text, ", ");
    add_count(text, report->documents, "document", "documents");
    cli_text_adds(text, ", ");
    add_count(text, report->objects, "object", "objects");
}

static int summarize(struct cli *cli, const chrondb_verify_report *report)
{
    struct cli_text text = {0};
    int result = report->errors > 0 ? CLI_DAMAGED : 0;
    add_findings(&text, report);
    add_looked_at(&text, report);
    if (result != 0)
        cli_error_set(&cli->error, CHRONDB_EDAMAGED, "damaged", "%s: %s", chrondb_path(cli->db),
                      cli_text_string(&text));
    else if (!cli->quiet)
        cli_notice_print("verified", cli_text_string(&text));
    cli_text_release(&text);
    return result;
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
    bool full = false;
    const struct cli_option options[] = {
        {.set = &full, .name = "full", .help = "all objects, all history, and all that the index says"},
        CLI_OPTION_END,
    };
    struct cli_progress progress;
    chrondb_verify_options verify = {.size = sizeof verify,
                                     .finding = print_finding,
                                     .progress = cli_progress_until_interrupt,
                                     .progress_context = &progress};
    chrondb_verify_report report = {.size = sizeof report};
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_open(cli);
    if (result == 0)
        result = cli_interrupt_catch(&cli->error);
    if (result != 0)
        return result;
    verify.branch = cli->branch;
    verify.full = full;
    verify.finding_context = cli->out;
    cli_output_kind(cli->out, CLI_MANY, "message");
    cli_progress_start(&progress, cli, "objects", 0);
    result = chrondb_verify(cli->db, &verify, &report);
    cli_progress_stop(&progress);
    result = cli_interrupt_end(&cli->error, result, "interrupted");
    if (result == 0)
        result = summarize(cli, &report);
    chrondb_close(cli->db); /* nothing is tidied up behind what only looked */
    cli->db = NULL;
    return result;
}
