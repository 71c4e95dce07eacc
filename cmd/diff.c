/* SPDX-License-Identifier: MIT */
#include "cli/versions.h"

static int print_difference(struct cli_output *out, const chrondb_difference *difference)
{
    cli_output_begin(out);
    cli_output_string(out, "key", difference->key);
    cli_output_string(out, "op", cli_op_word(difference->op));
    cli_output_json(out, "old", difference->old_value, difference->old_size);
    cli_output_json(out, "new", difference->new_value, difference->new_size);
    cli_output_json(out, "patch", difference->patch, difference->patch_size);
    return cli_output_end(out);
}

static int print_diff(struct cli *cli, chrondb_snapshot *from, chrondb_snapshot *to, char **prefixes, int count,
                      bool *different)
{
    chrondb_diff *diff = NULL;
    chrondb_difference difference;
    cli_output_kind(cli->out, CLI_MANY, "key");
    int result = chrondb_diff_open(&diff, from, to, (const char *const *)prefixes, (size_t)count);
    while (result == 0 && (result = chrondb_diff_next(diff, &difference)) == 0) {
        *different = true;
        result = print_difference(cli->out, &difference);
    }
    chrondb_diff_free(diff);
    return result == CHRONDB_END ? 0 : result;
}

int cmd_diff(struct cli *cli, int argc, char **argv)
{
    bool exit_code = false, different = false;
    const struct cli_option options[] = {
        {.set = &exit_code, .name = "exit-code", .help = "exit with 1 if there are differences"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *from = NULL, *to = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    int moments = args.separator;
    if (moments < 1 || moments > 2)
        return cli_error_usage(&cli->error, "diff needs one or two moments; keys stand behind '--': chrondb diff %s",
                               cli->command->arguments);
    result = cli_snapshot(cli, args.values[0], &from);
    if (result == 0)
        result = cli_snapshot(cli, moments > 1 ? args.values[1] : NULL, &to);
    if (result == 0)
        result = print_diff(cli, from, to, args.values + moments, args.count - moments, &different);
    chrondb_snapshot_free(to);
    chrondb_snapshot_free(from);
    return result == 0 && exit_code && different ? CLI_NO : result;
}
