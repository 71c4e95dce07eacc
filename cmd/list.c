/* SPDX-License-Identifier: MIT */
#include "cli/range.h"

static int print_entry(struct cli_output *out, const chrondb_entry *entry)
{
    cli_output_begin(out);
    cli_output_string(out, "key", entry->key);
    if (entry->value != NULL)
        cli_output_json(out, "value", entry->value, entry->value_size);
    return cli_output_end(out);
}

static int print_range(struct cli *cli, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    chrondb_list *list = NULL;
    chrondb_entry entry;
    cli_output_kind(cli->out, CLI_MANY, range->keys_only ? "key" : "value");
    int result = chrondb_list_open(&list, snapshot, range);
    while (result == 0 && (result = chrondb_list_next(list, &entry)) == 0)
        result = print_entry(cli->out, &entry);
    chrondb_list_free(list);
    return result == CHRONDB_END ? 0 : result;
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
    chrondb_range range = {.size = sizeof range};
    const char *when = NULL;
    bool keys = false, reverse = false;
    uint64_t limit = CLI_NO_LIMIT;
    const struct cli_option options[] = {
        CLI_TABLE_OPTION(range),
        {.set = &keys, .name = "keys", .help = "only the keys"},
        {.number = &limit, .letter = 'n', .name = "limit", .argument = "N", .help = "at most so many"},
        {.string = &range.after, .name = "after", .argument = "KEY", .help = "start behind this key"},
        {.set = &reverse, .name = "reverse", .help = "the last keys first"},
        {.string = &when, .name = "at", .argument = "WHEN", .help = "what there was then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0 && limit > 0) {
        range.prefix = args.count > 0 ? args.values[0] : NULL;
        range.limit = limit != CLI_NO_LIMIT ? limit : 0;
        range.keys_only = keys;
        range.reverse = reverse;
        result = print_range(cli, snapshot, &range);
    }
    chrondb_snapshot_free(snapshot);
    return result;
}
