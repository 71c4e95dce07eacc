/* SPDX-License-Identifier: MIT */
#include "cli/refs.h"
#include "cli/write.h"

/* `status` NULL: one of a list. */
static int print_tag(struct cli_output *out, const chrondb_ref *ref, const char *status)
{
    cli_output_begin(out);
    cli_output_string(out, "tag", ref->name);
    cli_print_commit(out, ref);
    cli_output_commit(out, "object", ref->object[0] != '\0' ? ref->object : NULL);
    if (ref->previous[0] != '\0')
        cli_output_commit(out, "previous", ref->previous);
    if (status != NULL)
        cli_output_string(out, "status", status);
    return cli_output_end(out);
}

static int print_one(struct cli *cli, const chrondb_ref *ref, const char *status)
{
    cli_output_kind(cli->out, CLI_ONE, "commit");
    return print_tag(cli->out, ref, status);
}

static int print_listed(void *context, const chrondb_ref *ref)
{
    return print_tag(context, ref, NULL);
}

static int run_list(struct cli *cli)
{
    cli_output_kind(cli->out, CLI_MANY, "tag");
    return chrondb_tag_list(cli->db, print_listed, cli->out);
}

static int run_create(struct cli *cli, const char *name, const char *when, bool force)
{
    enum chrondb_status status;
    chrondb_ref ref;
    int result = chrondb_tag_create(cli->db, name, cli->branch, when, force, cli_lock_timeout(cli), &status, &ref);
    return result == 0 ? print_one(cli, &ref, cli_status_word(status)) : result;
}

static int run_delete(struct cli *cli, const char *name)
{
    chrondb_ref ref;
    int result = chrondb_tag_delete(cli->db, name, cli_lock_timeout(cli), &ref);
    return result == 0 ? print_one(cli, &ref, "deleted") : result;
}

int cmd_tag(struct cli *cli, int argc, char **argv)
{
    bool remove = false, force = false;
    const struct cli_option options[] = {
        {.set = &remove, .letter = 'd', .name = "delete", .help = "delete the tag; its commit stays"},
        {.set = &force, .letter = 'f', .name = "force", .help = "move the tag if it is there"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    if (remove && (force || args.count != 1))
        return cli_usage_of(cli, "tag -d NAME");
    if (force && args.count == 0)
        return cli_usage_of(cli, "tag --force NAME [WHEN]");
    result = cli_open(cli);
    if (result != 0)
        return result;
    if (remove)
        return run_delete(cli, args.values[0]);
    return args.count > 0 ? run_create(cli, args.values[0], args.values[1], force) : run_list(cli);
}
