/* SPDX-License-Identifier: MIT
 *
 * Which keys: a prefix or a table, for list and count.
 */
#ifndef CLI_RANGE_H
#define CLI_RANGE_H

#include "cli/cli.h"

#define CLI_TABLE_OPTION(range)                                                                                        \
    {                                                                                                                  \
        .string = &(range).table, .name = "table", .argument = "TABLE",                                                \
        .help = "only this table; '' is the keys without one"                                                          \
    }

/* A limit that was not given; given as 0 it means none at all. */
#define CLI_NO_LIMIT UINT64_MAX

#endif
