/* SPDX-License-Identifier: MIT
 *
 * What `merge` and `pull` share: options, decisions, and how a merge and its conflicts are told.
 */
#ifndef CLI_MERGING_H
#define CLI_MERGING_H

#include "cli/write.h"

struct cli_merging {
    const char *decisions; /* a file, "-", or NULL */
    int strategy;
    bool dry_run, no_ff;
    struct cli_write write;
};

extern const struct cli_choice cli_merge_strategies[];

#define CLI_MERGE_OPTIONS(merging)                                                                                     \
    {.choice = &(merging).strategy,                                                                                    \
     .choices = cli_merge_strategies,                                                                                  \
     .name = "strategy",                                                                                               \
     .argument = "fail|ours|theirs|newest",                                                                            \
     .help = "what becomes of a conflict"},                                                                            \
        {.string = &(merging).decisions,                                                                               \
         .name = "resolve",                                                                                            \
         .argument = "FILE",                                                                                           \
         .help = "what keys in conflict are to be, as lines of JSON"},                                                 \
        {.set = &(merging).dry_run, .name = "dry-run", .help = "only tell what would come of it"},                     \
        {.set = &(merging).no_ff, .name = "no-ff", .help = "make a commit also where the branch could go forward"},    \
        CLI_WRITE_OPTIONS((merging).write)

void cli_merging_release(struct cli_merging *merging);

/* Merge `source` (a WHEN) into the branch that is meant, and print the report, or the conflicts. `source_name` is what
 * messages call it; NULL: as it is given. */
int cli_merge(struct cli *cli, const char *source, const char *source_name, const struct cli_merging *merging);

#endif
