/* SPDX-License-Identifier: MIT */
#include "cli/merging.h"

#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

const struct cli_choice cli_merge_strategies[] = {
    {"fail", CHRONDB_MERGE_FAIL, "a conflict fails the merge (the default)"},
    {"ours", CHRONDB_MERGE_OURS, "the branch's value"},
    {"theirs", CHRONDB_MERGE_THEIRS, "the source's value"},
    {"newest", CHRONDB_MERGE_NEWEST, "that of the later change"},
    {NULL, 0, NULL}};

static int read_decisions(struct cli *cli, const char *path, chrondb_merge *merge)
{
    struct cli_input input = {.fd = -1};
    const char *line;
    size_t size;
    int result = cli_input_open(&input, path, &cli->error);
    if (result != 0)
        return result;
    while ((result = cli_input_line(&input, CLI_INPUT_DOCUMENT_LINE, &line, &size)) == 0) {
        if ((result = chrondb_merge_decide_json(merge, line, size)) != 0) {
            cli_error_adopt(&cli->error);
            cli_input_blame_line(&input, "line");
            break;
        }
    }
    cli_input_close(&input);
    return result == CHRONDB_END ? 0 : result;
}

static int print_report(struct cli_output *out, const chrondb_merge_report *report)
{
    static const char *const words[] = {
        [CHRONDB_MERGE_UNCHANGED] = "unchanged", [CHRONDB_FAST_FORWARD] = "fast-forward", [CHRONDB_MERGED] = "merged"};
    cli_output_kind(out, CLI_ONE, "commit");
    cli_output_begin(out);
    cli_output_commit(out, "commit", report->commit);
    if (report->commit != NULL)
        cli_output_time(out, "time", report->time);
    else
        cli_output_null(out, "time");
    cli_output_string(out, "status", words[report->status]);
    cli_output_number(out, "puts", report->puts);
    cli_output_number(out, "deletes", report->deletes);
    cli_output_number(out, "conflicts", report->conflicts);
    return cli_output_end(out);
}

/* A null may be a value, too: which side has deleted is said. */
static int print_conflict(struct cli_output *out, const chrondb_conflict *conflict)
{
    cli_output_begin(out);
    cli_output_string(out, "key", conflict->key);
    cli_output_string(out, "path", conflict->path);
    cli_output_json(out, "base", conflict->base, conflict->base_size);
    cli_output_json(out, "ours", conflict->ours, conflict->ours_size);
    cli_output_json(out, "theirs", conflict->theirs, conflict->theirs_size);
    if (conflict->key != NULL && (conflict->ours == NULL || conflict->theirs == NULL))
        cli_output_string(out, "deleted", conflict->ours == NULL ? "ours" : "theirs");
    return cli_output_end(out);
}

/* They are the answer; the error is told as well. */
static int print_conflicts(struct cli *cli, const chrondb_merge *merge)
{
    struct cli_error failure = {0};
    chrondb_conflict conflict;
    int result = 0;
    cli_error_adopt(&failure);
    cli_output_kind(cli->out, CLI_MANY, "key");
    for (size_t i = 0; result == 0 && chrondb_merge_conflict(merge, i, &conflict) == 0; i++)
        result = print_conflict(cli->out, &conflict);
    if (result != 0) {
        cli_error_release(&failure);
        return result;
    }
    cli->error = failure;
    return failure.code;
}

static int run(struct cli *cli, chrondb_merge *merge, const char *source, chrondb_merge_options options)
{
    struct cli_progress progress;
    int result = cli_interrupt_catch(&cli->error);
    if (result != 0)
        return result;
    options.progress = cli_progress_until_interrupt;
    options.progress_context = &progress;
    cli_progress_start(&progress, cli, "documents", 0);
    result = chrondb_merge_run(merge, source, &options);
    cli_progress_stop(&progress);
    return cli_interrupt_end(&cli->error, result, "interrupted; nothing was written");
}

void cli_merging_release(struct cli_merging *merging)
{
    cli_write_release(&merging->write);
}

int cli_merge(struct cli *cli, const char *source, const char *source_name, const struct cli_merging *merging)
{
    chrondb_write_options recorded = cli_write_options(cli, &merging->write);
    chrondb_merge_options options = {.size = sizeof options,
                                     .write = &recorded,
                                     .strategy = (enum chrondb_merge_strategy)merging->strategy,
                                     .dry_run = merging->dry_run,
                                     .no_ff = merging->no_ff,
                                     .source_name = source_name};
    chrondb_merge *merge = NULL;
    int result = cli_open(cli);
    if (result == 0)
        result = chrondb_merge_new(&merge, cli->db);
    if (result == 0 && merging->decisions != NULL)
        result = read_decisions(cli, merging->decisions, merge);
    if (result == 0)
        result = run(cli, merge, source, options);
    if (result == 0)
        result = print_report(cli->out, chrondb_merge_get_report(merge));
    else if (result == CHRONDB_ECONFLICT)
        result = print_conflicts(cli, merge);
    chrondb_merge_free(merge);
    return result;
}
