/* SPDX-License-Identifier: MIT
 *
 * What put and patch share: a key, and a value that is an argument, @FILE, standard input, or fields.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "cli/cli.h"

/* Run the command, whose arguments are the key and what gives the value: `add` puts both into a batch.
 * `if_exists_help` is what --if-exists says of itself. */
int cli_write_value(struct cli *cli, int argc, char **argv,
                    int (*add)(chrondb_batch *batch, const char *key, const char *value, size_t size,
                               const chrondb_condition *condition),
                    const char *if_exists_help);

#endif
