/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/write.h"

/* A line may hold a document and its text too, where every byte of it is an escape; and a little around them. */
static const size_t max_line = 7 * CHRONDB_MAX_DOCUMENT + 65536;

enum { CHUNK = 1 << 20, TOLD = 10 /* skipped lines */ };

struct import {
    struct cli *cli;
    chrondb_import *import;
    struct cli_input input;
    struct cli_progress progress;
    bool skip_invalid;
    uint64_t skipped;
};

struct modes {
    bool one, each;
    uint64_t every;
};

#define NO_EVERY UINT64_MAX

/* ---- the start ---- */

static int choose_mode(struct cli *cli, const struct modes *modes, chrondb_import_options *options)
{
    bool every = modes->every != NO_EVERY;
    if (modes->one + modes->each + every > 1)
        return cli_error_usage(&cli->error, "--one-commit, --commit-every and --commit-each exclude each other");
    if (modes->every == 0)
        return cli_error_usage(&cli->error, "--commit-every wants at least one line");
    options->mode = modes->one    ? CHRONDB_IMPORT_ONE
                    : modes->each ? CHRONDB_IMPORT_EACH
                    : every       ? CHRONDB_IMPORT_EVERY
                                  : CHRONDB_IMPORT_GROUPS;
    options->every = every ? modes->every : 0;
    return 0;
}

static int begin(struct import *job, const char *path, const struct cli_write *write, chrondb_import_options *options)
{
    struct cli *cli = job->cli;
    int result = cli_input_open(&job->input, path, &cli->error);
    job->input.chunk = CHUNK;
    job->input.interruptible = true;
    options->branch = cli->branch;
    options->message = write->message;
    options->author = write->author;
    options->meta = write->meta.items;
    options->meta_count = write->meta.count;
    options->force_time = write->force;
    options->lock_timeout_ms = cli_lock_timeout(cli);
    if (result == 0)
        result = cli_open(cli);
    if (result == 0)
        result = chrondb_import_open(&job->import, cli->db, options);
    return result;
}

/* ---- lines ---- */

/* Say which line it was. Whatever is wrong with it, a key or a time too, it is the input that is invalid. */
static int bad_line(struct import *job, bool too_long)
{
    struct cli_error *error = &job->cli->error;
    cli_error_adopt(error);
    if (too_long) {
        cli_error_release(error);
        cli_error_set(error, CHRONDB_EINVALID, "invalid_json", "it is longer than %zu MiB", max_line >> 20);
    }
    cli_input_blame_line(&job->input, "cannot import line");
    error->code = CHRONDB_EINVALID;
    return CHRONDB_EINVALID;
}

static int skip_line(struct import *job)
{
    struct cli *cli = job->cli;
    if (job->skipped++ < TOLD && !cli->quiet) {
        cli_progress_stop(&job->progress);
        cli_notice_print("warning", cli_text_string(&cli->error.message));
    }
    cli_error_release(&cli->error);
    return 0;
}

static int take_line(struct import *job, const char *line, size_t size)
{
    int result = chrondb_import_line(job->import, line, size);
    if (result != CHRONDB_EINVALID && result != CHRONDB_EUSAGE)
        return result;
    return bad_line(job, false);
}

static int read_line(struct import *job)
{
    const char *line;
    size_t size;
    int result = cli_interrupted() ? CLI_INTERRUPTED : cli_input_line(&job->input, max_line, &line, &size);
    if (result == 0)
        result = take_line(job, line, size);
    else if (result == CHRONDB_EINVALID)
        result = bad_line(job, true);
    if (result == CHRONDB_EINVALID && job->skip_invalid)
        result = skip_line(job);
    return result;
}

static int read_lines(struct import *job)
{
    uint64_t lines = 0;
    int result = cli_interrupt_catch(&job->cli->error);
    cli_progress_start(&job->progress, job->cli, "lines", 0);
    job->progress.bytes_total = cli_input_size(&job->input);
    while (result == 0 && (result = read_line(job)) == 0)
        cli_progress_update_bytes(&job->progress, ++lines, job->input.bytes);
    job->progress.bytes_total = 0;
    if (result == CHRONDB_END)
        result = chrondb_import_finish(job->import);
    cli_progress_stop(&job->progress);
    return result;
}

/* ---- the end ---- */

static void add_reached(struct cli_text *text, const struct import *job, const char *advice)
{
    chrondb_import_report report = {.size = sizeof report};
    chrondb_import_get_report(job->import, &report);
    if (report.durable_lines == 0)
        cli_text_adds(text, "; nothing was imported");
    else
        cli_text_addf(text, "; %" PRIu64 " line%s imported before it; %s", report.durable_lines,
                      report.durable_lines == 1 ? " was" : "s were", advice);
}

/* Keep what came before a bad line or a signal, as far as it is whole commits. */
static int stop(struct import *job, int result)
{
    struct cli_error *error = &job->cli->error;
    int stopped = chrondb_import_stop(job->import);
    if (stopped != 0) { /* worse than what was to be told */
        cli_error_release(error);
        cli_error_adopt(error);
        return stopped;
    }
    if (result == CLI_INTERRUPTED)
        cli_error_set(error, CHRONDB_EBUSY, "interrupted", "interrupted");
    add_reached(&error->message, job,
                result == CLI_INTERRUPTED ? "run the same import again to go on"
                                          : "correct it and run the same import again");
    return result;
}

static int fail(struct import *job, int result)
{
    struct cli_error *error = &job->cli->error;
    cli_error_adopt(error);
    if (result != CHRONDB_ECONFLICT)
        add_reached(&error->message, job, "run the same import again to go on");
    return result;
}

static int print_report(struct import *job)
{
    struct cli_output *out = job->cli->out;
    chrondb_import_report report = {.size = sizeof report};
    chrondb_import_get_report(job->import, &report);
    cli_output_kind(out, CLI_ONE, "head");
    cli_output_begin(out);
    cli_output_number(out, "lines", report.lines);
    if (report.resumed > 0)
        cli_output_number(out, "resumed", report.resumed);
    cli_output_number(out, "commits", report.commits);
    cli_output_number(out, "puts", report.puts);
    cli_output_number(out, "deletes", report.deletes);
    cli_output_number(out, "skipped", job->skipped);
    cli_output_commit(out, "head", report.head[0] != '\0' ? report.head : NULL);
    return cli_output_end(out);
}

static void tell_skipped(const struct import *job)
{
    struct cli_text text = {0};
    if (job->skipped <= TOLD || job->cli->quiet)
        return;
    cli_text_addf(&text, "%" PRIu64 " lines were skipped, of which the first %d are told", job->skipped, TOLD);
    cli_notice_print("warning", cli_text_string(&text));
    cli_text_release(&text);
}

static int run(struct import *job)
{
    int result = read_lines(job);
    tell_skipped(job);
    if (result == 0)
        result = print_report(job);
    else if (result == CHRONDB_EINVALID || result == CLI_INTERRUPTED)
        result = stop(job, result);
    else
        result = fail(job, result);
    cli_interrupt_release();
    return result;
}

int cmd_import(struct cli *cli, int argc, char **argv)
{
    struct import job = {.cli = cli, .input = {.fd = -1}};
    struct cli_write write = {0};
    struct modes modes = {.every = NO_EVERY};
    chrondb_import_options import = {.size = sizeof import};
    bool restart = false, no_index = false;
    const struct cli_option options[] = {
        {.set = &modes.one, .name = "one-commit", .help = "all lines are one commit, or nothing is done"},
        {.number = &modes.every, .name = "commit-every", .argument = "N", .help = "a commit for every N lines"},
        {.set = &modes.each, .name = "commit-each", .help = "a commit for each line"},
        {.set = &job.skip_invalid,
         .name = "skip-invalid",
         .help = "leave out lines that cannot be imported, and count them"},
        {.set = &restart, .name = "restart", .help = "do not go on where an interrupted import ended"},
        {.set = &no_index, .name = "no-index", .help = "leave the index of words to background maintenance"},
        {.string = &write.message,
         .letter = 'm',
         .name = "message",
         .argument = "TEXT",
         .help = "of commits whose lines have none"},
        {.string = &write.author,
         .name = "author",
         .argument = "'NAME <MAIL>'",
         .help = "of commits whose lines have none"},
        {.list = &write.meta, .name = "meta", .argument = "NAME=VALUE", .help = "kept with every commit; repeatable"},
        {.set = &write.force, .name = "force", .help = "allow times in the future or before the last commit"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = choose_mode(cli, &modes, &import);
    import.restart = restart;
    import.no_index = no_index;
    import.progress = cli_progress_until_interrupt; /* of the index: all lines are there then */
    import.progress_context = &job.progress;
    if (result == 0)
        result = begin(&job, args.count > 0 ? args.values[0] : NULL, &write, &import);
    if (result == 0)
        result = run(&job);
    chrondb_import_free(job.import);
    cli_input_close(&job.input);
    cli_write_release(&write);
    return result;
}
