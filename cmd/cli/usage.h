/* SPDX-License-Identifier: MIT
 *
 * What the rows of commands and options say, in words: -h, --help, the overview, and the lists that completions ask
 * for.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/cli.h"

/* If one of -h, --help, --version, --list-... was given: answer, return CLI_DONE. Else 0. */
int cli_usage_answer(struct cli *cli, const struct cli_option *const tables[CLI_OPTION_TABLES]);
/* The commands, and the global options. */
void cli_usage_overview(struct cli_text *text);
/* "no such command", and the nearest one: CHRONDB_EUSAGE. */
int cli_usage_unknown(struct cli *cli, const char *command);
/* Show the manual page "chrondb-NAME" (NULL: "chrondb") if that is possible and a person asks. Does not return then. */
void cli_usage_man(const char *command);

#endif
