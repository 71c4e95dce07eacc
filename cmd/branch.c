/* SPDX-License-Identifier: MIT */
#include "cli/refs.h"
#include "cli/write.h"

/* `status` NULL: one of a list. `former`: the name that it had, or NULL. */
static int print_branch(struct cli_output *out, const chrondb_ref *ref, const char *status, const char *former)
{
    cli_output_begin(out);
    cli_output_string(out, "branch", ref->name);
    cli_print_commit(out, ref);
    cli_output_bool(out, "default", ref->is_default != 0);
    if (former != NULL)
        cli_output_string(out, "former", former);
    if (status != NULL)
        cli_output_string(out, "status", status);
    return cli_output_end(out);
}

static int print_one(struct cli *cli, const chrondb_ref *ref, const char *status, const char *former)
{
    cli_output_kind(cli->out, CLI_ONE, "commit");
    return print_branch(cli->out, ref, status, former);
}

static int print_listed(void *context, const chrondb_ref *ref)
{
    return print_branch(context, ref, NULL, NULL);
}

static int run_list(struct cli *cli, bool remotes)
{
    cli_output_kind(cli->out, CLI_MANY, "branch");
    return remotes ? chrondb_remote_branch_list(cli->db, print_listed, cli->out)
                   : chrondb_branch_list(cli->db, print_listed, cli->out);
}

static int run_create(struct cli *cli, const char *name, const char *start)
{
    enum chrondb_status status;
    chrondb_ref ref;
    int result = chrondb_branch_create(cli->db, name, cli->branch, start, cli_lock_timeout(cli), &status, &ref);
    return result == 0 ? print_one(cli, &ref, cli_status_word(status), NULL) : result;
}

static int run_delete(struct cli *cli, const char *name)
{
    chrondb_ref ref;
    int result = chrondb_branch_delete(cli->db, name, cli_lock_timeout(cli), &ref);
    return result == 0 ? print_one(cli, &ref, "deleted", NULL) : result;
}

static int run_rename(struct cli *cli, const char *from, const char *to)
{
    enum chrondb_status status;
    chrondb_ref ref;
    int result = chrondb_branch_rename(cli->db, from, to, cli_lock_timeout(cli), &status, &ref);
    if (result != 0)
        return result;
    return print_one(cli, &ref, status == CHRONDB_UPDATED ? "renamed" : "unchanged", from);
}

int cmd_branch(struct cli *cli, int argc, char **argv)
{
    bool remove = false, move = false, remotes = false;
    const struct cli_option options[] = {
        {.set = &remove, .letter = 'd', .name = "delete", .help = "delete the branch; its commits stay"},
        {.set = &move, .letter = 'm', .name = "move", .help = "rename the branch OLD to NEW"},
        {.set = &remotes, .letter = 'r', .name = "remotes", .help = "list what was fetched from other machines"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    if (remove && (move || args.count != 1))
        return cli_usage_of(cli, "branch -d NAME");
    if (move && args.count != 2)
        return cli_usage_of(cli, "branch -m OLD NEW");
    if (remotes && args.count > 0)
        return cli_usage_of(cli, "branch -r");
    result = cli_open(cli);
    if (result != 0)
        return result;
    if (remove)
        return run_delete(cli, args.values[0]);
    if (move)
        return run_rename(cli, args.values[0], args.values[1]);
    return args.count > 0 ? run_create(cli, args.values[0], args.values[1]) : run_list(cli, remotes);
}
