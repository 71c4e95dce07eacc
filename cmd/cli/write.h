/* SPDX-License-Identifier: MIT
 *
 * What all commands that commit have in common: options, preconditions, and how results are told.
 */
#ifndef CLI_WRITE_H
#define CLI_WRITE_H

#include "cli/cli.h"

struct cli_write {
    const char *message, *author, *time;
    struct cli_strings meta;
    bool force;
};

#define CLI_WRITE_OPTIONS(write)                                                                                       \
    {.string = &(write).message,                                                                                       \
     .letter = 'm',                                                                                                    \
     .name = "message",                                                                                                \
     .argument = "TEXT",                                                                                               \
     .help = "the commit's message"},                                                                                  \
        {.string = &(write).author, .name = "author", .argument = "'NAME <MAIL>'", .help = "who changed it"},          \
        {.list = &(write).meta, .name = "meta", .argument = "NAME=VALUE", .help = "kept with the commit; repeatable"}, \
        {.string = &(write).time, .name = "time", .argument = "WHEN", .help = "when it happened"},                     \
    {                                                                                                                  \
        .set = &(write).force, .name = "force", .help = "allow a --time in the future or before the last commit"       \
    }

struct cli_precondition {
    bool if_absent, if_exists;
    const char *if_match;
};

#define CLI_PRECONDITION_OPTIONS(precondition, if_exists_help)                                                         \
    {.set = &(precondition).if_absent, .name = "if-absent", .help = "only if there is no such document"},              \
        {.set = &(precondition).if_exists, .name = "if-exists", .help = if_exists_help},                               \
    {                                                                                                                  \
        .string = &(precondition).if_match, .name = "if-match", .argument = "COMMIT",                                  \
        .help = "only if COMMIT is the last one of the key"                                                            \
    }

void cli_write_release(struct cli_write *write);
chrondb_condition cli_condition(const struct cli_precondition *precondition);

/* What was given, for the library; borrows both. */
chrondb_write_options cli_write_options(const struct cli *cli, const struct cli_write *write);

/* Open the database and start a batch. */
int cli_batch_new(struct cli *cli, chrondb_batch **batch);
int cli_batch_commit(struct cli *cli, chrondb_batch *batch, const struct cli_write *write);

/* "created", "updated", "deleted", "unchanged" or "checked". */
const char *cli_status_word(enum chrondb_status status);

/* One record for each result of a committed batch: {"key","commit","time","status"}. */
int cli_print_results(struct cli *cli, const chrondb_batch *batch, enum cli_kind kind);
/* The members "commit" and "time" of the whole batch; null if it changed nothing. */
void cli_output_batch_commit(struct cli_output *out, const chrondb_batch *batch);

#endif
