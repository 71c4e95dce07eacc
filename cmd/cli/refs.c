/* SPDX-License-Identifier: MIT */
#include "cli/refs.h"

void cli_print_commit(struct cli_output *out, const chrondb_ref *ref)
{
    cli_output_commit(out, "commit", ref->commit[0] != '\0' ? ref->commit : NULL);
    if (ref->has_time)
        cli_output_time(out, "time", ref->time);
    else
        cli_output_null(out, "time");
}

int cli_usage_of(struct cli *cli, const char *usage)
{
    return cli_error_usage(&cli->error, "these are not the arguments of chrondb %s", usage);
}
