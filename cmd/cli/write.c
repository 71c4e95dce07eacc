/* SPDX-License-Identifier: MIT */
#include "cli/write.h"

void cli_write_release(struct cli_write *write)
{
    cli_strings_release(&write->meta);
}

chrondb_condition cli_condition(const struct cli_precondition *precondition)
{
    chrondb_condition condition = {.size = sizeof condition, .match = precondition->if_match};
    if (precondition->if_absent)
        condition.flags |= CHRONDB_IF_ABSENT;
    if (precondition->if_exists)
        condition.flags |= CHRONDB_IF_EXISTS;
    return condition;
}

int cli_batch_new(struct cli *cli, chrondb_batch **batch)
{
    int result = cli_open(cli);
    return result == 0 ? chrondb_batch_new(batch, cli->db) : result;
}

chrondb_write_options cli_write_options(const struct cli *cli, const struct cli_write *write)
{
    chrondb_write_options options = {.size = sizeof options,
                                     .branch = cli->branch,
                                     .message = write->message,
                                     .author = write->author,
                                     .meta = write->meta.items,
                                     .meta_count = write->meta.count,
                                     .time = write->time,
                                     .force_time = write->force,
                                     .lock_timeout_ms = cli_lock_timeout(cli)};
    return options;
}

int cli_batch_commit(struct cli *cli, chrondb_batch *batch, const struct cli_write *write)
{
    chrondb_write_options options = cli_write_options(cli, write);
    return chrondb_batch_commit(batch, &options);
}

const char *cli_status_word(enum chrondb_status status)
{
    static const char *const words[] = {
        [CHRONDB_CREATED] = "created",     [CHRONDB_UPDATED] = "updated", [CHRONDB_DELETED] = "deleted",
        [CHRONDB_UNCHANGED] = "unchanged", [CHRONDB_CHECKED] = "checked",
    };
    return words[status];
}

static int print_result(struct cli_output *out, const chrondb_result *result)
{
    bool known = result->commit[0] != '\0';
    cli_output_begin(out);
    cli_output_string(out, "key", result->key);
    cli_output_commit(out, "commit", known ? result->commit : NULL);
    if (known)
        cli_output_time(out, "time", result->time);
    else
        cli_output_null(out, "time");
    cli_output_string(out, "status", cli_status_word(result->status));
    return cli_output_end(out);
}

int cli_print_results(struct cli *cli, const chrondb_batch *batch, enum cli_kind kind)
{
    int result = 0;
    cli_output_kind(cli->out, kind, "commit");
    for (size_t i = 0; i < chrondb_batch_size(batch) && result == 0; i++)
        result = print_result(cli->out, chrondb_batch_result(batch, i));
    return result;
}

void cli_output_batch_commit(struct cli_output *out, const chrondb_batch *batch)
{
    const char *commit = chrondb_batch_commit_id(batch);
    cli_output_commit(out, "commit", commit);
    if (commit != NULL)
        cli_output_time(out, "time", chrondb_batch_time(batch));
    else
        cli_output_null(out, "time");
}
