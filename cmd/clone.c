/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/git.h"

struct cloning {
    struct cli *cli;
    const char *url;
};

static int fail(struct cloning *it, const struct cli_git *git)
{
    return cli_git_failed(it->cli, git, "cannot clone '%s'", it->url);
}

/* What HEAD of the new repository names, if it names a branch that is there, or if there is none at all. 0, 1, or an
 * error. */
static int check_head(struct cloning *it, struct cli_git *git, const char *branches)
{
    static const char *const ask[] = {"symbolic-ref", "-q", "HEAD", NULL};
    struct cli_text line = {0};
    int result = cli_git_run(it->cli, git, ask);
    if (result != 0 || git->status != 0)
        return result != 0 ? result : 1;
    cli_text_adds(&line, cli_text_string(&git->out)); /* "refs/heads/main\n" */
    bool found = *branches == '\0';
    for (const char *at = branches; !found && at != NULL && *at != '\0';) {
        found = strncmp(at, cli_text_string(&line), line.size) == 0;
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    if (line.failed)
        result = cli_error_memory(&it->cli->error);
    cli_text_release(&line);
    return result != 0 ? result : found ? 0 : 1;
}

/* The branch to take where the remote's HEAD names none. */
static void choose_branch(const char *branches, struct cli_text *out)
{
    static const char *const usual[] = {"refs/heads/main\n", "refs/heads/master\n"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const char *found = strstr(branches, usual[i]);
        if (found != NULL && (found == branches || found[-1] == '\n')) {
            branches = found;
            break;
        }
    }
    cli_text_add(out, branches, strcspn(branches, "\n"));
}

static int set_head(struct cloning *it, struct cli_git *git)
{
    static const char *const list[] = {"for-each-ref", "--format=%(refname)", "refs/heads", NULL};
    struct cli_text branches = {0}, chosen = {0};
    int result = cli_git_run(it->cli, git, list);
    if (result == 0 && git->status != 0)
        result = fail(it, git);
    if (result == 0) {
        cli_text_adds(&branches, cli_text_string(&git->out));
        result = check_head(it, git, cli_text_string(&branches));
    }
    if (result == 1) {
        choose_branch(branches.size > 0 ? branches.data : "refs/heads/main", &chosen);
        const char *const set[] = {"symbolic-ref", "HEAD", cli_text_string(&chosen), NULL};
        result = chosen.failed ? cli_error_memory(&it->cli->error) : cli_git_run(it->cli, git, set);
        if (result == 0 && git->status != 0)
            result = fail(it, git);
    }
    cli_text_release(&branches);
    cli_text_release(&chosen);
    return result;
}

/* A bare repository with all branches, also as those of the remote "origin", and all tags. Nothing is shared with a
 * repository on the same machine: what happens to one must not happen to the other. */
static int make(void *context, const char *repository)
{
    struct cloning *it = context;
    struct cli_git git = {.talks = true};
    const char *const arguments[] = {"clone",
                                     "--bare",
                                     "--no-local",
                                     "--no-shared",
                                     "--no-dissociate",
                                     "--reject-shallow",
                                     "--template=",
                                     "--origin=origin",
                                     "--config=remote.origin.fetch=+refs/heads/*:refs/remotes/origin/*",
                                     cli_git_progress(it->cli, "--quiet"),
                                     "--",
                                     it->url,
                                     repository,
                                     NULL};
    int result = cli_git_run(it->cli, &git, arguments);
    if (result == 0 && git.status != 0)
        result = fail(it, &git);
    git.talks = false;
    git.repository = repository;
    if (result == 0)
        result = set_head(it, &git);
    cli_git_release(&git);
    return result;
}

static int print_database(struct cli *cli)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer branch = {0};
    int result = chrondb_config_get(cli->db, "branch", &branch);
    if (result == 0)
        result = chrondb_snapshot_open(&snapshot, cli->db, NULL, NULL);
    if (result == 0) {
        cli_output_kind(cli->out, CLI_ONE, "path");
        cli_output_begin(cli->out);
        cli_output_string(cli->out, "path", chrondb_path(cli->db));
        cli_output_string(cli->out, "branch", branch.data);
        cli_output_commit(cli->out, "commit", chrondb_snapshot_commit(snapshot));
        result = cli_output_end(cli->out);
    }
    chrondb_snapshot_free(snapshot);
    chrondb_buffer_free(&branch);
    return result;
}

int cmd_clone(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    const char *path = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && (args.values[0][0] == '\0' || args.values[0][0] == '-'))
        result = cli_error_set(&cli->error, CHRONDB_EUSAGE, "invalid_value", "'%s' is no URL", args.values[0]);
    if (result == 0 && args.count > 1 && cli->db_path != NULL)
        result = cli_error_usage(&cli->error, "give the directory either as an argument or with --db");
    if (result == 0)
        path = args.count > 1 ? args.values[1] : cli_new_path(cli);
    if (result == 0) {
        struct cloning cloning = {cli, args.values[0]};
        result = cli_create_from(cli, path, make, &cloning);
    }
    return result == 0 ? print_database(cli) : result;
}
