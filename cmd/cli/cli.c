/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/usage.h"

static const struct cli_choice formats[] = {{"ndjson", CLI_NDJSON, "one JSON object a line (the default)"},
                                            {"json", CLI_JSON, "one JSON array or object"},
                                            {"text", CLI_TEXT, "aligned, for people"},
                                            {"raw", CLI_RAW, "values only"},
                                            {NULL, 0, NULL}};

static const struct cli_choice colors[] = {{"auto", CLI_COLOR_AUTO, "on a terminal, unless NO_COLOR is set"},
                                           {"always", CLI_COLOR_ALWAYS, "also into files and pipes"},
                                           {"never", CLI_COLOR_NEVER, "never"},
                                           {NULL, 0, NULL}};

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

void cli_init(struct cli *cli)
{
    *cli = (struct cli){.format = CLI_FORMAT_DEFAULT, .color = CLI_COLOR_AUTO, .lock_timeout_ms = -1};
    cli->branch = environment("CHRONDB_BRANCH");
    cli->index_path = environment("CHRONDB_INDEX");
}

void cli_release(struct cli *cli)
{
    chrondb_close(cli->db);
    cli_output_free(cli->out);
    cli_error_release(&cli->error);
    cli_strings_release(&cli->directories);
}

void cli_global_options(struct cli *cli, struct cli_option rows[CLI_GLOBAL_OPTIONS])
{
    const struct cli_option all[] = {
        {.list = &cli->directories, .letter = 'C', .argument = "DIR", .help = "run as if started in DIR"},
        {.string = &cli->db_path, .name = "db", .argument = "DIR", .help = "the database's directory"},
        {.string = &cli->branch, .letter = 'b', .name = "branch", .argument = "BRANCH", .help = "the branch to use"},
        {.string = &cli->index_path, .name = "index", .argument = "DIR", .help = "the directory of the index"},
        {.choice = &cli->format,
         .choices = formats,
         .name = "format",
         .argument = "ndjson|json|text|raw",
         .help = "how to print records"},
        {.set = &cli->quiet, .letter = 'q', .name = "quiet", .help = "no warnings"},
        {.set = &cli->verbose, .letter = 'v', .name = "verbose", .help = "tell what happens on the side"},
        {.choice = &cli->color,
         .choices = colors,
         .implied = "always",
         .name = "color",
         .argument = "auto|always|never",
         .help = "when to use colours"},
        {.set = &cli->progress, .name = "progress", .help = "show progress, even if standard error is no terminal"},
        {.set = &cli->no_progress, .name = "no-progress", .help = "never show progress"},
        {.milliseconds = &cli->lock_timeout_ms,
         .name = "lock-timeout",
         .argument = "SECONDS",
         .help = "how long to wait for other writers (30)"},
        {.set = &cli->version, .name = "version", .help = "print the version"},
        {.set = &cli->short_usage, .letter = 'h', .help = "print a short usage"},
        {.set = &cli->help, .name = "help", .help = "show the manual page"},
        {.set = &cli->list_commands, .name = "list-commands"},
        {.set = &cli->list_options, .name = "list-options"},
        {.set = &cli->list_arguments, .name = "list-arguments"},
        CLI_OPTION_END,
    };
    _Static_assert(sizeof all / sizeof *all <= CLI_GLOBAL_OPTIONS, "CLI_GLOBAL_OPTIONS is too small");
    memcpy(rows, all, sizeof all);
}

bool cli_errors_as_json(const struct cli *cli)
{
    return cli->format == CLI_JSON || cli->format == CLI_NDJSON;
}

int cli_lock_timeout(const struct cli *cli)
{
    if (cli->lock_timeout_ms < 0)
        return 0;
    return cli->lock_timeout_ms > 0 ? cli->lock_timeout_ms : -1;
}

/* ---- the start of a command ---- */

int cli_make_output(struct cli *cli)
{
    bool given = cli->format != CLI_FORMAT_DEFAULT;
    if (cli->out == NULL)
        cli->out = cli_output_new(given ? (enum cli_format)cli->format : CLI_NDJSON, given, (enum cli_color)cli->color,
                                  cli->quiet, &cli->error);
    return cli->out != NULL ? 0 : cli_error_memory(&cli->error);
}

int cli_enter_directories(struct cli *cli)
{
    for (size_t i = 0; i < cli->directories.count; i++) {
        const char *directory = cli->directories.items[i];
        if (*directory != '\0' && chdir(directory) != 0)
            return cli_error_errno(&cli->error, directory, "cannot change to '%s'", directory);
    }
    return 0;
}

/* What a script has left empty by mistake must not mean the default. */
static int check_names(struct cli *cli)
{
    if (cli->branch != NULL && *cli->branch == '\0')
        return cli_error_usage(&cli->error, "the name of the branch is empty");
    if (cli->index_path != NULL && *cli->index_path == '\0')
        return cli_error_usage(&cli->error, "the path of the index is empty");
    return 0;
}

static int check_count(struct cli *cli, int count)
{
    const struct cli_command *command = cli->command;
    const char *complaint = NULL;
    if (count < command->min_args)
        complaint = count == 0 ? "needs an argument" : "needs one more argument";
    else if (command->max_args >= 0 && count > command->max_args)
        complaint = command->max_args == 0 ? "takes no arguments" : "takes fewer arguments";
    if (complaint == NULL)
        return 0;
    const char *arguments = *command->arguments != '\0' ? command->arguments : "[OPTIONS]";
    return cli_error_usage(&cli->error, "%s %s: chrondb %s %.*s", command->name, complaint, command->name,
                           (int)strcspn(arguments, "\n"), arguments);
}

int cli_start(struct cli *cli, const struct cli_option *options, int argc, char **argv, struct cli_args *args)
{
    struct cli_option global[CLI_GLOBAL_OPTIONS];
    const struct cli_option *const tables[CLI_OPTION_TABLES] = {options, global};

    cli_global_options(cli, global);
    int result = cli_options_parse(tables, false, argc, argv, args, &cli->error);
    if (result == 0)
        result = cli_make_output(cli);
    if (result == 0)
        result = cli_usage_answer(cli, tables);
    if (result == 0)
        result = check_names(cli);
    if (result == 0)
        result = check_count(cli, args->count);
    if (result == 0)
        result = cli_enter_directories(cli);
    if (result == 0 && (cli->command->flags & CLI_COMMAND_PAGE))
        cli_output_page(cli->out);
    return result;
}

int cli_read_global(struct cli *cli, bool stop, int argc, char **argv, struct cli_args *args)
{
    struct cli_option global[CLI_GLOBAL_OPTIONS];
    const struct cli_option *const tables[CLI_OPTION_TABLES] = {NULL, global};
    cli_global_options(cli, global);
    return cli_options_parse(tables, stop, argc, argv, args, &cli->error);
}

/* ---- the database ---- */

static void notice(void *context, int level, const char *text)
{
    const struct cli *cli = context;
    bool warning = level == CHRONDB_WARNING;
    if (warning ? !cli->quiet : cli->verbose)
        cli_notice_print(warning ? "warning" : "note", text);
}

static chrondb_open_options open_options(struct cli *cli, unsigned flags)
{
    chrondb_open_options options = {
        .size = sizeof options, .flags = flags, .notice = notice, .notice_context = cli, .index_path = cli->index_path};
    return options;
}

int cli_open_path(struct cli *cli, const char *path, unsigned flags)
{
    chrondb_open_options options = open_options(cli, flags);
    return chrondb_open(&cli->db, path, &options);
}

int cli_create_from(struct cli *cli, const char *path, int (*make)(void *context, const char *repository),
                    void *context)
{
    chrondb_open_options options = open_options(cli, 0);
    return chrondb_create_from(&cli->db, path, &options, make, context);
}

int cli_open(struct cli *cli)
{
    chrondb_buffer found = {0};
    const char *path = cli->db_path;
    if (cli->db != NULL)
        return 0;
    int result = 0;
    if (path == NULL) {
        result = chrondb_discover(&found);
        path = found.data;
    }
    if (result >= 0) /* not found: opening says so, or creates it */
        result = cli_open_path(cli, path, cli->command->flags & CLI_COMMAND_CREATE ? CHRONDB_OPEN_CREATE : 0);
    chrondb_buffer_free(&found);
    return result;
}

const char *cli_new_path(const struct cli *cli)
{
    const char *path = getenv("CHRONDB_DIR");
    if (cli->db_path != NULL)
        return cli->db_path;
    return path != NULL && *path != '\0' ? path : ".chrondb";
}

int cli_snapshot(struct cli *cli, const char *when, chrondb_snapshot **snapshot)
{
    int result = cli_open(cli);
    if (result == 0)
        result = chrondb_snapshot_open(snapshot, cli->db, cli->branch, when);
    return result;
}
