/* SPDX-License-Identifier: MIT
 *
 * Versions and commits as records, for history, log and diff.
 */
#ifndef CLI_VERSIONS_H
#define CLI_VERSIONS_H

#include "cli/cli.h"
#include "cli/range.h"

/* Rows for the members that history and log share; `limit` is a uint64_t that starts as CLI_NO_LIMIT, `when` the moment
 * to look back from. */
#define CLI_VERSION_OPTIONS(options, limit, reverse, when)                                                             \
    {.string = &(when), .name = "at", .argument = "WHEN", .help = "look back from there, not from now"},               \
        {.number = &(limit), .letter = 'n', .name = "limit", .argument = "N", .help = "at most so many, the newest"},  \
        {.string = &(options).since, .name = "since", .argument = "WHEN", .help = "not older than that"},              \
        {.string = &(options).until, .name = "until", .argument = "WHEN", .help = "not newer than that"},              \
    {                                                                                                                  \
        .set = &(reverse), .name = "reverse", .help = "the oldest first"                                               \
    }

const char *cli_op_word(enum chrondb_op op);
/* The members "commit", "time", "author", "message", and "meta" if there is any. */
void cli_output_version(struct cli_output *out, const chrondb_version_info *version);
/* The member "meta" if there is any: an object, where of equal names the last counts; or, if `exact` and an object
 * could not tell all, an array of "NAME=VALUE". */
void cli_output_meta(struct cli_output *out, const chrondb_version_info *version, bool exact);

#endif
