/* SPDX-License-Identifier: MIT
 *
 * Programs of others: commands that are chrondb-NAME, somewhere in PATH, and what the shell runs for us.
 */
#ifndef CLI_EXTERNAL_H
#define CLI_EXTERNAL_H

#include "cli/cli.h"

/* Become chrondb-NAME, with argv behind it; our global options are in its environment. Returns 0 if there is no such
 * program, or an error. */
int cli_run_external(struct cli *cli, char **argv);

/* Tell programs that we start, through the environment, which database, branch and index we use. `db_path` may be NULL:
 * they find out themselves. */
int cli_export_options(struct cli *cli, const char *db_path);
/* Run `sh -c COMMAND` with that standard input, and wait for it. *status: its exit status, or 128 and the signal that
 * ended it. 0, or CHRONDB_ESYSTEM. */
int cli_run_shell(struct cli *cli, const char *command, int input, int *status);

#endif
