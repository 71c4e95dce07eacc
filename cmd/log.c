/* SPDX-License-Identifier: MIT */
#include "cli/versions.h"

static int print_commit(struct cli_output *out, const chrondb_version_info *commit, const chrondb_change *changes,
                        size_t count)
{
    cli_output_begin(out);
    cli_output_version(out, commit);
    cli_output_open_array(out, "changes");
    for (size_t i = 0; i < count; i++) {
        cli_output_open_object(out, NULL);
        cli_output_string(out, "key", changes[i].key);
        cli_output_string(out, "op", cli_op_word(changes[i].op));
        cli_output_close(out);
    }
    cli_output_close(out);
    return cli_output_end(out);
}

static int print_log(struct cli *cli, chrondb_snapshot *snapshot, const chrondb_history_options *options)
{
    chrondb_log *log = NULL;
    chrondb_version_info commit;
    const chrondb_change *changes;
    size_t count;
    cli_output_kind(cli->out, CLI_MANY, "commit");
    int result = chrondb_log_open(&log, snapshot, options);
    while (result == 0 && (result = chrondb_log_next(log, &commit, &changes, &count)) == 0)
        result = print_commit(cli->out, &commit, changes, count);
    chrondb_log_free(log);
    return result == CHRONDB_END ? 0 : result;
}

int cmd_log(struct cli *cli, int argc, char **argv)
{
    chrondb_history_options range = {.size = sizeof range};
    const char *when = NULL;
    uint64_t limit = CLI_NO_LIMIT;
    bool reverse = false;
    const struct cli_option options[] = {
        CLI_VERSION_OPTIONS(range, limit, reverse, when),
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0 && limit > 0) {
        range.limit = limit != CLI_NO_LIMIT ? limit : 0;
        range.reverse = reverse;
        result = print_log(cli, snapshot, &range);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
