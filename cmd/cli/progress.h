/* SPDX-License-Identifier: MIT
 *
 * Progress on standard error, for people: after half a second, and then a few times a second.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <time.h>

#include "cli/cli.h"

struct cli_progress {
    bool enabled;
    bool shown;       /* a line stands there that is to be cleared */
    const char *noun; /* "operations" */
    uint64_t total;   /* 0: unknown */
    struct timespec started, next;
};

void cli_progress_start(struct cli_progress *progress, const struct cli *cli, const char *noun, uint64_t total);
/* So many are done; cheap enough to be called for each. */
void cli_progress_update(struct cli_progress *progress, uint64_t done);
/* Clear the line. */
void cli_progress_stop(struct cli_progress *progress);

#endif
