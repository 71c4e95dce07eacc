/* SPDX-License-Identifier: MIT */
#include "cli/versions.h"

static int print_version(struct cli_output *out, const chrondb_version_info *version,
                         const chrondb_history_options *options)
{
    cli_output_begin(out);
    cli_output_string(out, "key", version->key);
    cli_output_string(out, "op", cli_op_word(version->op));
    cli_output_version(out, version);
    if (!options->no_value)
        cli_output_json(out, "value", version->value, version->value_size);
    if (options->patch)
        cli_output_json(out, "patch", version->patch, version->patch_size);
    return cli_output_end(out);
}

static int print_history(struct cli *cli, chrondb_snapshot *snapshot, const char *key,
                         const chrondb_history_options *options, bool none)
{
    chrondb_history *history = NULL;
    chrondb_version_info version;
    cli_output_kind(cli->out, CLI_MANY, options->no_value ? "commit" : "value");
    int result = chrondb_history_open(&history, snapshot, key, options);
    if (result != 0 || none)
        goto out;
    while ((result = chrondb_history_next(history, &version)) == 0)
        if ((result = print_version(cli->out, &version, options)) != 0)
            break;
    if (result == CHRONDB_END)
        result = 0;
out:
    chrondb_history_free(history);
    return result;
}

int cmd_history(struct cli *cli, int argc, char **argv)
{
    chrondb_history_options range = {.size = sizeof range};
    const char *when = NULL;
    uint64_t limit = CLI_NO_LIMIT;
    bool reverse = false, no_value = false, patch = false;
    const struct cli_option options[] = {
        CLI_VERSION_OPTIONS(range, limit, reverse, when),
        {.set = &no_value, .name = "no-value", .help = "without the documents"},
        {.set = &patch, .letter = 'p', .name = "patch", .help = "with the change from the version before"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0) {
        range.limit = limit != CLI_NO_LIMIT ? limit : 0;
        range.reverse = reverse;
        range.no_value = no_value;
        range.patch = patch;
        result = print_history(cli, snapshot, args.values[0], &range, limit == 0);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
