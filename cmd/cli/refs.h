/* SPDX-License-Identifier: MIT
 *
 * What `branch` and `tag` share: the record of a ref.
 */
#ifndef CLI_REFS_H
#define CLI_REFS_H

#include "cli/cli.h"

/* "commit" and "time", null where there is none. */
void cli_print_commit(struct cli_output *out, const chrondb_ref *ref);

/* A flag that has arguments of its own got the wrong number: tell how it is used ("branch -m OLD NEW"). */
int cli_usage_of(struct cli *cli, const char *usage);

#endif
