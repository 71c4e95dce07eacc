/* SPDX-License-Identifier: MIT
 *
 * Documents by their keys, for get and at.
 */
#ifndef CLI_LOOKUP_H
#define CLI_LOOKUP_H

#include "cli/cli.h"

/* Print the document of the only key, or with `records` a record for each: {"key","value"} or {"key","found":false}.
 * CHRONDB_NOTFOUND or CLI_NO if one is missing. */
int cli_lookup(struct cli *cli, const char *when, char **keys, int count, bool records);

#endif
