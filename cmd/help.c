/* SPDX-License-Identifier: MIT */
#include "cli/usage.h"

static int print_overview(struct cli *cli)
{
    struct cli_text text = {0};
    cli_usage_overview(&text);
    int result = text.failed ? cli_error_memory(&cli->error) : cli_output_text(cli->out, text.data, text.size);
    cli_text_release(&text);
    return result;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    char help_option[] = "--help";
    char *help_argv[] = {NULL, help_option, NULL};
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    if (args.count == 0)
        return print_overview(cli);
    const struct cli_command *command = cli_command_find(args.values[0]);
    if (command == NULL) {
        cli_usage_man(args.values[0]); /* another one's command may have a page */
        return cli_usage_unknown(cli, args.values[0]);
    }
    /* The command knows its own options. */
    cli->command = command;
    help_argv[0] = args.values[0];
    return command->run(cli, 2, help_argv);
}
