/* SPDX-License-Identifier: MIT
 *
 * After a command: the housekeeping that is due, in a process of its own, so that nobody waits for it.
 */
#ifndef CLI_MAINTENANCE_H
#define CLI_MAINTENANCE_H

#include "cli/cli.h"

/* Closes the database if something is due. Standard output must have been written. */
void cli_maintenance(struct cli *cli);

#endif
