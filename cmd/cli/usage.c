/* SPDX-License-Identifier: MIT */
#include "cli/usage.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/suggest.h"

extern char **environ;

enum { MARGIN = 4, MAX_LEFT = 30 };

/* ---- options ---- */

/* "-m, --message TEXT" */
static void add_spelling(struct cli_text *text, const struct cli_option *option)
{
    if (option->letter != 0)
        cli_text_addf(text, "-%c%s", option->letter, option->name != NULL ? ", " : "");
    if (option->name != NULL)
        cli_text_addf(text, "--%s", option->name);
    if (cli_option_takes_argument(option))
        cli_text_addf(text, option->implied != NULL ? "[=%s]" : " %s", option->argument);
}

static size_t spelling_width(const struct cli_option *option)
{
    struct cli_text text = {0};
    add_spelling(&text, option);
    size_t width = text.size;
    cli_text_release(&text);
    return width;
}

static void add_options(struct cli_text *text, const struct cli_option *options)
{
    size_t width = 0;
    for (const struct cli_option *o = options; !cli_option_is_end(o); o++) {
        size_t w = o->help != NULL ? spelling_width(o) : 0;
        if (w > width && w <= MAX_LEFT)
            width = w;
    }
    for (const struct cli_option *o = options; !cli_option_is_end(o); o++) {
        if (o->help == NULL)
            continue;
        size_t w = spelling_width(o);
        cli_text_pad(text, MARGIN);
        add_spelling(text, o);
        if (w > width) {
            cli_text_addc(text, '\n');
            cli_text_pad(text, MARGIN);
            w = 0;
        }
        cli_text_pad(text, width - w + 2);
        cli_text_addf(text, "%s\n", o->help);
    }
}

/* ---- commands ---- */

static void add_synopsis(struct cli_text *text, const struct cli_command *command)
{
    const char *arguments = command->arguments;
    for (const char *lead = "usage:"; lead != NULL; lead = *arguments != '\0' ? "   or:" : NULL) {
        size_t size = strcspn(arguments, "\n");
        cli_text_addf(text, "%s chrondb %s [OPTIONS]%s%.*s\n", lead, command->name, size > 0 ? " " : "", (int)size,
                      arguments);
        arguments += size;
        arguments += *arguments == '\n';
    }
}

static void add_command(struct cli_text *text, const struct cli_command *command, const struct cli_option *options)
{
    add_synopsis(text, command);
    cli_text_addf(text, "\n%s\n", command->summary);
    if (options != NULL && !cli_option_is_end(options)) {
        cli_text_addc(text, '\n');
        add_options(text, options);
    }
}

void cli_usage_overview(struct cli_text *text)
{
    cli_text_adds(text, "usage: chrondb [-C DIR] [--db DIR] [-b BRANCH] [--format FORMAT] COMMAND [ARGUMENT...]\n"
                        "\n"
                        "A database of JSON documents that never forgets.\n"
                        "\n");
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        cli_text_addf(text, "    %-14s %s\n", c->name, c->summary);
    cli_text_adds(text, "\n`chrondb COMMAND -h` lists a command's options, `chrondb help COMMAND` explains it.\n");
}

int cli_usage_unknown(struct cli *cli, const char *command)
{
    struct cli_suggestion best;
    cli_suggestion_init(&best, command);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        cli_suggestion_offer(&best, c->name);
    if (best.word != NULL)
        return cli_error_usage(&cli->error, "no such command '%s'; did you mean '%s'?", command, best.word);
    return cli_error_usage(&cli->error, "no such command '%s' (chrondb help lists them)", command);
}

/* ---- what completions ask for ---- */

static void list_option(struct cli_text *text, const struct cli_option *option)
{
    if (option->name == NULL) {
        cli_text_addf(text, "-%c\t%s\n", option->letter, option->help);
        return;
    }
    if (option->choices == NULL || option->implied != NULL)
        cli_text_addf(text, "--%s%s\t%s\n", option->name,
                      cli_option_takes_argument(option) && option->implied == NULL ? "=" : "", option->help);
    for (const struct cli_choice *c = option->choices; c != NULL && c->word != NULL; c++)
        cli_text_addf(text, "--%s=%s\t%s\n", option->name, c->word, c->help);
}

static void list_options(struct cli_text *text, const struct cli_option *const tables[CLI_OPTION_TABLES])
{
    for (int i = 0; i < CLI_OPTION_TABLES; i++)
        for (const struct cli_option *o = tables[i]; o != NULL && !cli_option_is_end(o); o++)
            if (o->help != NULL)
                list_option(text, o);
}

static void list_commands(struct cli_text *text)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        cli_text_addf(text, "%s\t%s\n", c->name, c->summary);
}

/* ---- manual pages ---- */

static bool have_page(const char *page)
{
    posix_spawn_file_actions_t actions;
    char *argv[] = {"man", "-w", (char *)page, NULL};
    pid_t pid;
    int status = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, "man", &actions, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&actions);
    return status == 0;
}

void cli_usage_man(const char *command)
{
    char page[64];
    int size = snprintf(page, sizeof page, "chrondb%s%s", command != NULL ? "-" : "", command != NULL ? command : "");
    if (size > 0 && (size_t)size < sizeof page && isatty(STDOUT_FILENO) && have_page(page))
        execlp("man", "man", page, (char *)NULL);
}

/* ---- the answer ---- */

static void add_usage(struct cli *cli, struct cli_text *text, const struct cli_option *const tables[CLI_OPTION_TABLES])
{
    if (cli->help)
        cli_usage_man(cli->command != NULL ? cli->command->name : NULL);
    if (cli->command != NULL)
        add_command(text, cli->command, tables[0]);
    else
        cli_usage_overview(text);
    if (cli->help || cli->command == NULL) {
        cli_text_adds(text, "\nOptions of every command:\n\n");
        add_options(text, tables[1]);
    } else
        cli_text_adds(text, "\n`chrondb -h` lists the options of every command.\n");
}

int cli_usage_answer(struct cli *cli, const struct cli_option *const tables[CLI_OPTION_TABLES])
{
    struct cli_text text = {0};
    if (cli->list_options)
        list_options(&text, tables);
    else if (cli->list_commands)
        list_commands(&text);
    else if (cli->list_arguments)
        cli_text_adds(&text, cli->command != NULL ? cli->command->complete : "commands");
    else if (cli->version)
        cli_text_addf(&text, "chrondb %s", chrondb_version());
    else if (cli->help || cli->short_usage)
        add_usage(cli, &text, tables);
    else
        return 0;
    int result = text.failed ? cli_error_memory(&cli->error) : cli_output_text(cli->out, text.data, text.size);
    cli_text_release(&text);
    return result != 0 ? result : CLI_DONE;
}
