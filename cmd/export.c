/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/versions.h"

/* ---- a state ---- */

static int print_document(struct cli_output *out, const chrondb_entry *entry)
{
    cli_output_begin(out);
    cli_output_string(out, "key", entry->key);
    cli_output_exact(out, "value", entry->value, entry->value_size);
    return cli_output_end(out);
}

static int export_state(struct cli *cli, chrondb_snapshot *snapshot, const char *prefix)
{
    chrondb_range range = {.size = sizeof range, .prefix = prefix};
    chrondb_list *list = NULL;
    chrondb_entry entry;
    int result = chrondb_list_open(&list, snapshot, &range);
    while (result == 0 && (result = chrondb_list_next(list, &entry)) == 0)
        result = print_document(cli->out, &entry);
    chrondb_list_free(list);
    return result == CHRONDB_END ? 0 : result;
}

/* ---- history ---- */

/* What an import needs to make the commit again. */
static int end_line(struct cli_output *out, const chrondb_version_info *commit)
{
    cli_output_time(out, "time", commit->time);
    cli_output_string(out, "author", commit->author);
    cli_output_string(out, "message", commit->message);
    cli_output_meta(out, commit, true);
    cli_output_commit(out, "commit", commit->commit);
    return cli_output_end(out);
}

static int print_change(struct cli_output *out, chrondb_log *log, const chrondb_version_info *commit,
                        const chrondb_change *change, size_t index)
{
    bool gone = change->op == CHRONDB_OP_DELETE;
    const char *value = NULL;
    size_t size = 0;
    int result = gone ? 0 : chrondb_log_value(log, index, &value, &size);
    if (result != 0)
        return result;
    cli_output_begin(out);
    cli_output_string(out, "key", change->key);
    cli_output_string(out, "op", gone ? "delete" : "put");
    if (!gone)
        cli_output_exact(out, "value", value, size);
    return end_line(out, commit);
}

static int print_empty(struct cli_output *out, const chrondb_version_info *commit)
{
    cli_output_begin(out);
    cli_output_string(out, "op", "none");
    return end_line(out, commit);
}

static int export_history(struct cli *cli, chrondb_snapshot *snapshot, const char *prefix)
{
    chrondb_history_options options = {.size = sizeof options, .reverse = 1};
    chrondb_log *log = NULL;
    chrondb_version_info commit;
    const chrondb_change *changes;
    size_t count, prefix_size = prefix != NULL ? strlen(prefix) : 0;
    int result = chrondb_log_open(&log, snapshot, &options);
    while (result == 0 && (result = chrondb_log_next(log, &commit, &changes, &count)) == 0) {
        if (count == 0 && prefix == NULL)
            result = print_empty(cli->out, &commit);
        for (size_t i = 0; i < count && result == 0; i++)
            if (prefix == NULL || strncmp(changes[i].key, prefix, prefix_size) == 0)
                result = print_change(cli->out, log, &commit, &changes[i], i);
    }
    chrondb_log_free(log);
    return result == CHRONDB_END ? 0 : result;
}

int cmd_export(struct cli *cli, int argc, char **argv)
{
    const char *when = NULL;
    bool history = false;
    const struct cli_option options[] = {
        {.set = &history, .name = "history", .help = "all changes since the beginning, the oldest first"},
        {.string = &when, .name = "at", .argument = "WHEN", .help = "what there was then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0) {
        const char *prefix = args.count > 0 ? args.values[0] : NULL;
        cli_output_kind(cli->out, CLI_MANY, "value");
        result = history ? export_history(cli, snapshot, prefix) : export_state(cli, snapshot, prefix);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
