/* SPDX-License-Identifier: MIT */
#include "cli/merging.h"
#include "cli/remotes.h"

/* What was fetched, as one id: whatever moves meanwhile, that is merged. */
static int merge_fetched(struct cli *cli, const char *remote, const char *branch, const struct cli_merging *merging)
{
    struct cli_fetched fetched;
    struct cli_text source = {0}, name = {0};
    int result = cli_fetched_load(cli, &fetched);
    const char *id = result == 0 ? cli_fetched_find(&fetched, remote, branch) : NULL;
    if (result == 0 && id == NULL)
        result =
            cli_error_set(&cli->error, CHRONDB_EUSAGE, "no_branch", "'%s' has no branch '%s' any more", remote, branch);
    if (result == 0) {
        cli_text_addf(&source, "commit:%s", id);
        cli_text_addf(&name, "%s/%s", remote, branch);
        result = source.failed || name.failed ? cli_error_memory(&cli->error)
                                              : cli_merge(cli, source.data, name.data, merging);
    }
    cli_text_release(&source);
    cli_text_release(&name);
    cli_fetched_release(&fetched);
    return result;
}

static int run(struct cli *cli, const char *name, const char *branch, const struct cli_merging *merging)
{
    struct cli_remotes remotes;
    struct cli_text own_branch = {0};
    const struct cli_remote *remote;
    int result = cli_remotes_open(cli, name, &remotes, &remote);
    if (result == 0)
        result = cli_branch_name(cli, &own_branch);
    if (branch == NULL)
        branch = cli_text_string(&own_branch);
    if (result == 0)
        result = cli_fetch(cli, remote, branch, false);
    if (result == 0)
        result = merge_fetched(cli, remote->name, branch, merging);
    cli_text_release(&own_branch);
    cli_remotes_release(&remotes);
    return result;
}

int cmd_pull(struct cli *cli, int argc, char **argv)
{
    struct cli_merging merging = {.strategy = CHRONDB_MERGE_FAIL};
    const struct cli_option options[] = {
        CLI_MERGE_OPTIONS(merging),
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = run(cli, args.values[0], args.count > 1 ? args.values[1] : NULL, &merging);
    cli_merging_release(&merging);
    return result;
}
