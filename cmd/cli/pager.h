/* SPDX-License-Identifier: MIT
 *
 * Long output for a terminal goes through a pager, as git's does: $CHRONDB_PAGER, else $PAGER, else less. An empty
 * value, or "cat", means none.
 */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

/* Start it and connect standard output to it. Its process id, or -1: there is none, print as usual. */
int cli_pager_start(void);
/* Wait until the user has read enough. Standard output must be closed. */
void cli_pager_wait(int pager);

#endif
