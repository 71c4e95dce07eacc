/* SPDX-License-Identifier: MIT
 *
 * Commands of others: chrondb-NAME, somewhere in PATH.
 */
#ifndef CLI_EXTERNAL_H
#define CLI_EXTERNAL_H

#include "cli/cli.h"

/* Become chrondb-NAME, with argv behind it; our global options are in its environment. Returns 0 if there is no such
 * program, or an error. */
int cli_run_external(struct cli *cli, char **argv);

#endif
