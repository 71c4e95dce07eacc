/* SPDX-License-Identifier: MIT
 *
 * Progress on standard error, for people: how many, how fast and how long still, after half a second, and then a few
 * times a second.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <time.h>

#include "cli/cli.h"

enum { CLI_PROGRESS_NOUN = 64 };

struct cli_progress {
    bool enabled;
    bool shown;                   /* a line stands there that is to be cleared */
    char noun[CLI_PROGRESS_NOUN]; /* "operations" */
    uint64_t total;               /* 0: unknown */
    uint64_t bytes_total;         /* of the input; 0: unknown */
    struct timespec started, next;
};

void cli_progress_start(struct cli_progress *progress, const struct cli *cli, const char *noun, uint64_t total);
/* So many are done; cheap enough to be called for each. */
void cli_progress_update(struct cli_progress *progress, uint64_t done);
/* The same where the work is an input: how far it is read tells the time left, if `bytes_total` was set. */
void cli_progress_update_bytes(struct cli_progress *progress, uint64_t done, uint64_t bytes);
/* A chrondb_progress, for what the library tells; its context is a struct cli_progress that was started. A new phase
 * counts anew. Never cancels. */
int cli_progress_phase(void *progress, const char *phase, uint64_t done, uint64_t total);
/* The same for work between whose steps a signal may end it: cancels once one has come (cli/interrupt.h). */
int cli_progress_until_interrupt(void *progress, const char *phase, uint64_t done, uint64_t total);
/* Clear the line: at the end, or before something else is printed. */
void cli_progress_stop(struct cli_progress *progress);

#endif
