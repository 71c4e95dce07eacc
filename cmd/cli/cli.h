/* SPDX-License-Identifier: MIT
 *
 * One run of chrondb: the global options, the open database, the output, and the error if there was one. A command
 * looks like this:
 *
 *     int cmd_exists(struct cli *cli, int argc, char **argv)
 *     {
 *         const char *when = NULL;
 *         const struct cli_option options[] = {...};
 *         struct cli_args args;
 *         chrondb_snapshot *snapshot = NULL;
 *
 *         int result = cli_start(cli, options, argc, argv, &args);
 *         if (result == 0)
 *             result = cli_snapshot(cli, when, &snapshot);
 *         ...
 *         chrondb_snapshot_free(snapshot);
 *         return result;
 *     }
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "chrondb.h"
#include "cli/command.h"
#include "cli/errors.h"
#include "cli/options.h"
#include "cli/output.h"

struct cli {
    const struct cli_command *command; /* NULL until it is known */
    struct cli_error error;
    struct cli_output *out;
    chrondb *db;

    /* The global options. */
    struct cli_strings directories; /* -C, one after the other */
    const char *db_path;
    const char *branch;
    const char *index_path;
    int format, color;
    bool quiet, verbose;
    bool progress, no_progress;
    int lock_timeout_ms; /* -1: not given */
    bool short_usage, help, version;
    bool list_commands, list_options, list_arguments;
};

enum { CLI_FORMAT_DEFAULT = -1 };

void cli_init(struct cli *cli);
void cli_release(struct cli *cli);

/* Rows of the global options; they point into `cli`. */
#define CLI_GLOBAL_OPTIONS 20
void cli_global_options(struct cli *cli, struct cli_option rows[CLI_GLOBAL_OPTIONS]);

/* Read the arguments of the command, its own options and the global ones; answer -h, --help and the questions of
 * completions; check how many arguments there are; change the directory; make the output. 0: go on. */
int cli_start(struct cli *cli, const struct cli_option *options, int argc, char **argv, struct cli_args *args);
/* Only the global options; with `stop` up to the first argument, which is the command. */
int cli_read_global(struct cli *cli, bool stop, int argc, char **argv, struct cli_args *args);
/* Change to the directories that -C names. */
int cli_enter_directories(struct cli *cli);
/* cli->out, with what the options say; does nothing if it is there. */
int cli_make_output(struct cli *cli);

/* Open the database as the command's flags say. 0, or the library's error. */
int cli_open(struct cli *cli);
/* Open a database at a path; `flags` as for chrondb_open. */
int cli_open_path(struct cli *cli, const char *path, unsigned flags);
/* Where a new database goes if no directory is given: not the nearest database upwards, who makes one wants it here. */
const char *cli_new_path(const struct cli *cli);
/* Create it from a repository that `make` makes, as chrondb_create_from does. */
int cli_create_from(struct cli *cli, const char *path, int (*make)(void *context, const char *repository),
                    void *context);
/* Open it, and its state at `when` (NULL: now) on the branch that is meant. */
int cli_snapshot(struct cli *cli, const char *when, chrondb_snapshot **snapshot);

/* --lock-timeout as the library wants it: 0 is its default, a negative number "do not wait". */
int cli_lock_timeout(const struct cli *cli);

/* Errors are told as JSON objects to who asked for JSON. */
bool cli_errors_as_json(const struct cli *cli);

#endif
