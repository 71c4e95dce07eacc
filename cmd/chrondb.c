/* SPDX-License-Identifier: MIT
 *
 * chrondb: the command line. main finds the command, runs it, and tells what became of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/external.h"
#include "cli/interrupt.h"
#include "cli/maintenance.h"
#include "cli/usage.h"

enum {
    NONE = 0,
    READ = CLI_COMMAND_READ,
    WRITE = CLI_COMMAND_WRITE,
    CREATE = CLI_COMMAND_CREATE,
    PAGE = CLI_COMMAND_PAGE,
    ANY = -1 /* number of arguments */
};

const struct cli_command cli_commands[] = {
    {"init", cmd_init, NONE, 0, 1, "[DIR] [--adopt]", "create a database", "directories"},
    {"put", cmd_put, WRITE | CREATE, 1, ANY, "KEY [VALUE | @FILE | - | FIELD...]", "store a document", "keys"},
    {"get", cmd_get, READ, 1, ANY, "KEY\nKEY... --records", "print a document", "keys"},
    {"patch", cmd_patch, WRITE, 1, ANY, "KEY [MERGE-PATCH | @FILE | - | FIELD...]", "change parts of a document",
     "keys"},
    {"delete", cmd_delete, WRITE, 1, ANY, "KEY...", "delete documents", "keys"},
    {"list", cmd_list, READ | PAGE, 0, 1, "[PREFIX | --table TABLE]", "print documents in the order of their keys",
     "keys"},
    {"count", cmd_count, READ, 0, 1, "[PREFIX | --table TABLE]", "count documents", "keys"},
    {"tables", cmd_tables, READ | PAGE, 0, 0, "", "print the tables and how many documents they have", ""},
    {"exists", cmd_exists, READ, 1, 1, "KEY", "tell by the exit status whether a document exists", "keys"},
    {"search", cmd_search, READ | PAGE, 0, ANY, "QUERY\n--ast JSON|@FILE|-", "find documents by words and fields", ""},
    {"batch", cmd_batch, WRITE | CREATE, 0, 1, "[FILE]", "do many operations as one commit, all of them or none",
     "files"},
    {"at", cmd_at, READ, 2, ANY, "WHEN KEY\nWHEN KEY... --records", "print a document as it was", "moments keys"},
    {"history", cmd_history, READ | PAGE, 1, 1, "KEY", "print the versions of a document", "keys"},
    {"log", cmd_log, READ | PAGE, 0, 0, "", "print the commits and what they changed", ""},
    {"diff", cmd_diff, READ | PAGE, 1, ANY, "A [B] [-- KEY|PREFIX...]", "print what changed between two moments",
     "moments moments keys"},
    {"blame", cmd_blame, READ | PAGE, 1, 1, "KEY", "print which commit last changed each field of a document", "keys"},
    {"restore", cmd_restore, WRITE, 0, 1, "KEY --at WHEN\n--table TABLE --at WHEN\n--all --at WHEN",
     "bring an old state back", "keys"},
    {"watch", cmd_watch, READ, 0, 1, "[PREFIX]", "print changes as they happen", "keys"},
    {"branch", cmd_branch, READ | PAGE, 0, 2, "[NAME [START]]\n-d NAME\n-m OLD NEW\n-r", "list and change branches",
     "branches moments"},
    {"tag", cmd_tag, READ | PAGE, 0, 2, "[NAME [WHEN]]\n-d NAME", "list and change tags: names of moments",
     "tags moments"},
    {"merge", cmd_merge, WRITE, 1, 1, "SOURCE", "bring what another branch has into a branch", "moments"},
    {"clone", cmd_clone, NONE, 1, 2, "URL [DIR]", "make a database of one on another machine", "any directories"},
    {"remote", cmd_remote, READ | PAGE, 0, 3, "\nadd NAME URL\nremove NAME\nrename OLD NEW\nset-url NAME URL",
     "list and change the machines that are known", "remote_verbs remotes remotes"},
    {"fetch", cmd_fetch, WRITE, 0, 1, "[REMOTE]", "get what another machine has, without merging it", "remotes"},
    {"pull", cmd_pull, WRITE, 0, 2, "[REMOTE [BRANCH]]", "fetch, and merge it into the branch", "remotes branches"},
    {"push", cmd_push, WRITE, 0, ANY, "[REMOTE [BRANCH...]]", "give another machine what it has not",
     "remotes branches"},
    {"import", cmd_import, WRITE | CREATE, 0, 1, "[FILE]", "store many documents from lines of JSON", "files"},
    {"export", cmd_export, READ, 0, 1, "[PREFIX]", "print documents, or all history, as lines to import", "keys"},
    {"checkout", cmd_checkout, READ, 1, 2, "DIR [PREFIX]", "write documents as plain files", "directories"},
    {"backup", cmd_backup, READ, 1, 1, "FILE|- [--since WHEN|FILE]", "write all of it, or what is new, into one file",
     "files"},
    {"restore-backup", cmd_restore_backup, NONE, 1, 2, "FILE|- [DIR]", "make a database of a backup, or go on with one",
     "files directories"},
    {"info", cmd_info, READ, 0, 0, "", "tell what the database is", ""},
    {"config", cmd_config, READ, 1, 3, "[get] NAME\n[set] NAME VALUE\nunset NAME\nlist", "read and change settings",
     "settings"},
    {"verify", cmd_verify, READ, 0, 0, "", "look whether the database is sound", ""},
    {"gc", cmd_gc, READ, 0, 0, "", "tidy up now, and thoroughly", ""},
    {"reindex", cmd_reindex, READ, 0, 0, "", "build the index anew", ""},
    {"help", cmd_help, NONE, 0, 1, "[COMMAND]", "explain a command", "commands"},
    {NULL, NULL, NONE, 0, 0, NULL, NULL, NULL},
};

const struct cli_command *cli_command_find(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* A closed standard stream would hand its number to the next file we open, and our output would go into the
 * database. So the numbers are taken, in a way that makes their use fail. */
static int take_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
            return -1;
    return 0;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    cli->command = cli_command_find(argv[0]);
    if (cli->command != NULL)
        return cli->command->run(cli, argc, argv);
    int result = cli_run_external(cli, argv);
    if (result != 0)
        return result;
    struct cli_args rest;
    cli_usage_unknown(cli, argv[0]);
    cli_read_global(cli, false, argc, argv, &rest); /* a --format says how to tell it */
    return cli->error.code;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct cli_option global[CLI_GLOBAL_OPTIONS];
    const struct cli_option *const tables[CLI_OPTION_TABLES] = {NULL, global};
    struct cli_args args;

    if (take_standard_streams() != 0)
        return cli_error_errno(&cli->error, "/dev/null", "cannot open /dev/null");
    int result = cli_read_global(cli, true, argc, argv, &args);
    if (result != 0)
        return result;
    if (args.count > 0)
        return run_command(cli, args.count, args.values);
    cli_global_options(cli, global);
    result = cli_make_output(cli);
    if (result == 0)
        result = cli_usage_answer(cli, tables);
    return result != 0 ? result : cli_error_usage(&cli->error, "no command given (chrondb help lists them)");
}

/* Nothing is printed after this but errors. */
static int finish(struct cli *cli, int result)
{
    if (result < 0 || result == CHRONDB_NOTFOUND)
        cli_error_adopt(&cli->error);
    bool complete = (result >= 0 && result != CLI_INTERRUPTED) || result == CHRONDB_ECONFLICT; /* merge lists them */
    if (cli->out != NULL && cli_output_finish(cli->out, complete) != 0 && result >= 0)
        result = CHRONDB_ESYSTEM;
    if (cli->error.code != 0)
        cli_error_print(&cli->error, cli_errors_as_json(cli));
    return result;
}

int main(int argc, char **argv)
{
    struct cli cli;
    cli_init(&cli);
    int result = finish(&cli, run(&cli, argc, argv));
    if (result >= 0)
        cli_maintenance(&cli);
    cli_release(&cli);
    if (result == CLI_INTERRUPTED)
        cli_interrupt_die();
    return cli_exit_status(result);
}
