/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/external.h"
#include "cli/interrupt.h"
#include "cli/range.h"
#include "cli/versions.h"

struct watching {
    struct cli *cli;
    chrondb_watch *watch;
    const char *command; /* --exec, or NULL */
    bool once, since;
    uint64_t limit, told;
    bool failed;                      /* the command, once at least */
    char first[CHRONDB_HEX_SIZE + 1]; /* the commit of the first change */
};

static int print_event(struct cli_output *out, const chrondb_event *event)
{
    cli_output_begin(out);
    cli_output_string(out, "key", event->key);
    cli_output_string(out, "op", cli_op_word(event->op));
    cli_output_commit(out, "commit", event->commit);
    cli_output_time(out, "time", event->time);
    cli_output_json(out, "value", event->value, event->value_size);
    return cli_output_end(out);
}

static void tell_failure(struct watching *it, const chrondb_event *event, int status)
{
    struct cli_text text = {0};
    it->failed = true;
    if (it->cli->quiet || cli_interrupted()) /* then it may have been ended too */
        return;
    cli_text_addf(&text, "the command for '%s' in commit %.12s ", event->key, event->commit);
    if (status > 128)
        cli_text_addf(&text, "was ended by signal %d", status - 128);
    else
        cli_text_addf(&text, "failed with status %d", status);
    cli_notice_print("warning", cli_text_string(&text));
    cli_text_release(&text);
}

/* The record is a file of its own, in memory: the command may read it or not, and keep it. */
static int execute(struct watching *it, const chrondb_event *event)
{
    struct cli *cli = it->cli;
    int status = 0, file = memfd_create("record", MFD_CLOEXEC);
    if (file < 0)
        return cli_error_errno(&cli->error, NULL, "cannot make a file in memory");
    cli_output_divert(cli->out, file);
    int result = print_event(cli->out, event);
    if (result == 0)
        result = cli_output_flush(cli->out);
    if (result == 0 && lseek(file, 0, SEEK_SET) != 0)
        result = cli_error_errno(&cli->error, NULL, "cannot read a file in memory");
    if (result == 0)
        result = cli_run_shell(cli, it->command, file, &status);
    if (result == 0 && status != 0)
        tell_failure(it, event, status);
    close(file);
    return result;
}

/* Is the watch at its end with that change behind it? */
static bool ends_before(const struct watching *it, const chrondb_event *event)
{
    return it->once && !it->since && it->told > 0 && strcmp(it->first, event->commit) != 0;
}

/* Is it, where there is nothing more to tell now? */
static bool ends_here(const struct watching *it)
{
    return it->once && (it->since || it->told > 0);
}

static int tell(struct watching *it, const chrondb_event *event)
{
    if (it->told++ == 0)
        memcpy(it->first, event->commit, sizeof it->first);
    return it->command != NULL ? execute(it, event) : print_event(it->cli->out, event);
}

static int go_on(struct watching *it)
{
    chrondb_event event;
    while (it->told < it->limit) {
        if (cli_interrupted())
            return CLI_INTERRUPTED;
        int result = chrondb_watch_next(it->watch, &event);
        if ((result == 0 && ends_before(it, &event)) || (result == CHRONDB_END && ends_here(it)))
            break;
        if (result == 0)
            result = tell(it, &event);
        else if (result == CHRONDB_END)
            result = cli_output_wait(it->cli->out, chrondb_watch_fd(it->watch));
        if (result != 0)
            return result;
    }
    return it->failed || (it->once && it->told == 0 && it->limit > 0) ? CLI_NO : 0;
}

static int start(struct watching *it, const chrondb_watch_options *options)
{
    struct cli *cli = it->cli;
    int result = cli_open(cli);
    if (result == 0)
        result = cli_interrupt_catch(&cli->error);
    if (result == 0)
        result = chrondb_watch_open(&it->watch, cli->db, options);
    if (result == 0 && it->command != NULL)
        result = cli_export_options(cli, chrondb_path(cli->db));
    if (result == 0) {
        cli_output_kind(cli->out, it->command != NULL ? CLI_ONE : CLI_MANY, "key");
        result = go_on(it);
    }
    cli_interrupt_release();
    chrondb_watch_free(it->watch);
    return result;
}

int cmd_watch(struct cli *cli, int argc, char **argv)
{
    chrondb_watch_options watch = {.size = sizeof watch};
    struct watching it = {.cli = cli, .limit = CLI_NO_LIMIT};
    const struct cli_option options[] = {
        CLI_TABLE_OPTION(watch),
        {.string = &watch.since, .name = "since", .argument = "WHEN", .help = "first what has changed since then"},
        {.set = &it.once, .name = "once", .help = "end when the next commit, or what came --since, has been told"},
        {.number = &it.limit, .letter = 'n', .name = "limit", .argument = "N", .help = "end after so many changes"},
        {.string = &it.command,
         .name = "exec",
         .argument = "COMMAND",
         .help = "run it by sh for each change, the record on its standard input"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    watch.prefix = args.count > 0 ? args.values[0] : NULL;
    watch.branch = cli->branch;
    it.since = watch.since != NULL;
    return start(&it, &watch);
}
