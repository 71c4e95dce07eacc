/* SPDX-License-Identifier: MIT
 *
 * The value of put and patch: an argument, @FILE, standard input, or fields.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "cli/cli.h"
#include "cli/input.h"

struct cli_value_source {
    const char *data; /* valid JSON, borrowed until release */
    size_t size;
    struct cli_input input;
    struct cli_text fields;
};

/* Find and check the value that `args` (what follows the key) give. Errors name the key and what was wanted with it
 * ("put"): CHRONDB_EUSAGE, CHRONDB_EINVALID, CHRONDB_ESYSTEM. Release in any case. */
int cli_value_read(struct cli *cli, struct cli_value_source *source, const char *verb, const char *key, char **args,
                   int count);
void cli_value_release(struct cli_value_source *source);

#endif
