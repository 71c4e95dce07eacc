/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

static int print_info(struct cli_output *out, const chrondb_info *info)
{
    bool commits = info->head[0] != '\0';
    cli_output_kind(out, CLI_ONE, NULL);
    cli_output_begin(out);
    cli_output_string(out, "path", info->path);
    cli_output_string(out, "branch", info->branch);
    cli_output_string(out, "head", commits ? info->head : NULL);
    if (commits)
        cli_output_time(out, "time", info->time);
    else
        cli_output_null(out, "time");
    cli_output_number(out, "documents", info->documents);
    cli_output_number(out, "tables", info->tables);
    cli_output_number(out, "commits", info->commits);
    cli_output_number(out, "loose_objects", info->loose_objects);
    cli_output_number(out, "packs", info->packs);
    cli_output_number(out, "bytes", info->disk_bytes);
    cli_output_number(out, "journal_bytes", info->journal_bytes);
    cli_output_number(out, "index_bytes", info->index_bytes);
    cli_output_number(out, "index_commits", info->index_commits);
    cli_output_number(out, "index_segments", info->index_segments);
    cli_output_number(out, "search_commits", info->search_commits);
    cli_output_number(out, "search_documents", info->search_documents);
    cli_output_number(out, "search_versions", info->search_versions);
    cli_output_number(out, "search_segments", info->search_segments);
    cli_output_number(out, "search_bytes", info->search_bytes);
    cli_output_string(out, "search_language", info->search_language[0] != '\0' ? info->search_language : NULL);
    cli_output_number(out, "format", (uint64_t)info->format);
    return cli_output_end(out);
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    chrondb_info info = {.size = sizeof info};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_open(cli);
    if (result == 0)
        result = chrondb_get_info(cli->db, cli->branch, &info);
    if (result == 0)
        result = print_info(cli->out, &info);
    return result;
}
