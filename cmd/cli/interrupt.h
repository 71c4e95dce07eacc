/* SPDX-License-Identifier: MIT
 *
 * Ctrl-C and SIGTERM for work that can stop in good order: the first one is noted, and asked for between two steps; a
 * second one ends the process at once. Where they were ignored they stay so.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "cli/errors.h"

/* Note them from now on. 0, or CHRONDB_ESYSTEM. */
int cli_interrupt_catch(struct cli_error *error);
/* They act as before. */
void cli_interrupt_release(void);
/* The same at the end of work of the library's that was cancelled if one came: `result` is what it returned. Then
 * CLI_INTERRUPTED, and the error is `message`; else `result`. */
int cli_interrupt_end(struct cli_error *error, int result, const char *message);

/* Has one come? */
bool cli_interrupted(void);
/* Wait until there is something to read, or one comes: then true. Between them none is missed. */
bool cli_interrupt_wait(int fd);

/* For poll(2): readable once one has come; -1 where none is noted. */
int cli_interrupt_fd(void);

/* End by the one that came, so that who started us sees it. Returns only if none came. */
void cli_interrupt_die(void);

#endif
