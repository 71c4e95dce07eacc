/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/remotes.h"

/* Which is the first of what is left of both lists? < 0: of `before` alone; 0: both have it. */
static int compare(const struct cli_fetched *before, size_t i, const struct cli_fetched *after, size_t k)
{
    if (i == before->count || k == after->count)
        return i == before->count ? 1 : -1;
    const struct cli_named *a = &before->list[i], *b = &after->list[k];
    return a->is_tag != b->is_tag ? (int)a->is_tag - (int)b->is_tag : strcmp(a->name, b->name);
}

/* What is different now: both lists are in one order. */
static int print_moved(struct cli *cli, const struct cli_fetched *before, const struct cli_fetched *after)
{
    size_t i = 0, k = 0;
    int result = 0;
    cli_output_kind(cli->out, CLI_MANY, "ref");
    while (result == 0 && (i < before->count || k < after->count)) {
        int order = compare(before, i, after, k);
        const struct cli_named *old = &before->list[i], *now = &after->list[k];
        if (order < 0)
            result = cli_print_moved(cli, old->name, old->is_tag, old->id, NULL, "deleted");
        else if (order > 0)
            result = cli_print_moved(cli, now->name, now->is_tag, NULL, now->id, "created");
        else if (strcmp(old->id, now->id) != 0)
            result = cli_print_moved(cli, now->name, now->is_tag, old->id, now->id, "updated");
        i += order <= 0;
        k += order >= 0;
    }
    return result;
}

static int run(struct cli *cli, const char *name, bool prune)
{
    struct cli_remotes remotes;
    struct cli_fetched before = {0}, after = {0};
    const struct cli_remote *remote;
    int result = cli_remotes_open(cli, name, &remotes, &remote);
    if (result == 0)
        result = cli_fetched_load(cli, &before);
    if (result == 0)
        result = cli_fetch(cli, remote, NULL, prune);
    if (result == 0)
        result = cli_fetched_load(cli, &after);
    if (result == 0)
        result = print_moved(cli, &before, &after);
    cli_fetched_release(&before);
    cli_fetched_release(&after);
    cli_remotes_release(&remotes);
    return result;
}

int cmd_fetch(struct cli *cli, int argc, char **argv)
{
    bool prune = false;
    const struct cli_option options[] = {
        {.set = &prune, .name = "prune", .help = "forget the branches that the remote has no more"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    return result == 0 ? run(cli, args.values[0], prune) : result;
}
