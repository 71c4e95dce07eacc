/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/refs.h"
#include "cli/remotes.h"

static int print_remote(struct cli *cli, const struct cli_remote *remote, const char *status)
{
    cli_output_begin(cli->out);
    cli_output_string(cli->out, "name", remote->name);
    cli_output_string(cli->out, "url", remote->url);
    if (remote->push_url != NULL)
        cli_output_string(cli->out, "push_url", remote->push_url);
    if (status != NULL)
        cli_output_string(cli->out, "status", status);
    return cli_output_end(cli->out);
}

static int print_one(struct cli *cli, const struct cli_remote *remote, const char *status)
{
    cli_output_kind(cli->out, CLI_ONE, "name");
    return print_remote(cli, remote, status);
}

static int list(struct cli *cli, const struct cli_remotes *remotes)
{
    int result = 0;
    cli_output_kind(cli->out, CLI_MANY, "name");
    for (size_t i = 0; result == 0 && i < remotes->count; i++)
        result = print_remote(cli, &remotes->list[i], NULL);
    return result;
}

/* One command of git's on the remotes. */
static int run_git(struct cli *cli, const char *const *arguments, const char *verb, const char *name,
                   const char *new_name)
{
    struct cli_git git = {.repository = chrondb_path(cli->db)};
    int result = cli_git_run(cli, &git, arguments);
    if (result == 0 && cli_git_said(&git, "not a valid remote name"))
        result =
            cli_error_set(&cli->error, CHRONDB_EUSAGE, "invalid_name", "'%s' is no name that git allows", new_name);
    else if (result == 0 && git.status != 0)
        result = cli_git_failed(cli, &git, "cannot %s remote '%s'", verb, name);
    cli_git_release(&git);
    return result;
}

/* Git takes a path as seen from wherever it runs; what is stored must mean the same everywhere. Others than paths have
 * a ':' before any '/': "https://...", "host:path". */
static int absolute(struct cli *cli, const char *url, struct cli_text *out)
{
    size_t size = strcspn(url, ":/");
    bool is_path = *url == '/' || url[size] != ':';
    if (*url == '\0' || *url == '-')
        return cli_error_set(&cli->error, CHRONDB_EUSAGE, "invalid_value", "'%s' is no URL", url);
    char *real = is_path ? realpath(url, NULL) : NULL;
    char *here = is_path && real == NULL && *url != '/' ? getcwd(NULL, 0) : NULL;
    if (here != NULL)
        cli_text_addf(out, "%s/", here);
    cli_text_adds(out, real != NULL ? real : url);
    free(real);
    free(here);
    return out->failed ? cli_error_memory(&cli->error) : 0;
}

static int not_there(struct cli *cli, const char *name)
{
    return cli_error_set(&cli->error, CHRONDB_NOTFOUND, "not_found", "there is no remote '%s'", name);
}

static int exists(struct cli *cli, const struct cli_remote *remote)
{
    return cli_error_set(&cli->error, CHRONDB_ECONFLICT, "exists", "there is a remote '%s' already: %s", remote->name,
                         remote->url != NULL ? remote->url : "it has no URL");
}

static int add(struct cli *cli, const struct cli_remotes *remotes, const char *name, const char *url)
{
    const char *const arguments[] = {"remote", "add", "--", name, url, NULL};
    const struct cli_remote *found = cli_remotes_find(remotes, name), made = {.name = name, .url = url};
    if (found != NULL && found->url != NULL && strcmp(found->url, url) == 0)
        return print_one(cli, found, "unchanged");
    if (found != NULL)
        return exists(cli, found);
    int result = run_git(cli, arguments, "add", name, name);
    return result == 0 ? print_one(cli, &made, "created") : result;
}

static int set_url(struct cli *cli, const struct cli_remotes *remotes, const char *name, const char *url)
{
    const char *const arguments[] = {"remote", "set-url", "--", name, url, NULL};
    const struct cli_remote *found = cli_remotes_find(remotes, name);
    if (found == NULL)
        return not_there(cli, name);
    struct cli_remote changed = *found;
    changed.url = url;
    if (found->url != NULL && strcmp(found->url, url) == 0)
        return print_one(cli, found, "unchanged");
    int result = run_git(cli, arguments, "change", name, name);
    return result == 0 ? print_one(cli, &changed, "updated") : result;
}

static int delete (struct cli *cli, const struct cli_remotes *remotes, const char *name)
{
    const char *const arguments[] = {"remote", "remove", "--", name, NULL};
    const struct cli_remote *found = cli_remotes_find(remotes, name);
    if (found == NULL)
        return not_there(cli, name);
    int result = run_git(cli, arguments, "remove", name, name);
    return result == 0 ? print_one(cli, found, "deleted") : result;
}

static int move(struct cli *cli, const struct cli_remotes *remotes, const char *from, const char *to)
{
    const char *const arguments[] = {"remote", "rename", "--", from, to, NULL};
    const struct cli_remote *found = cli_remotes_find(remotes, from);
    if (found == NULL)
        return not_there(cli, from);
    if (cli_remotes_find(remotes, to) != NULL && strcmp(from, to) != 0)
        return exists(cli, cli_remotes_find(remotes, to));
    struct cli_remote renamed = *found;
    renamed.name = to;
    int result = strcmp(from, to) == 0 ? 0 : run_git(cli, arguments, "rename", from, to);
    return result == 0 ? print_one(cli, &renamed, strcmp(from, to) == 0 ? "unchanged" : "renamed") : result;
}

static int change(struct cli *cli, const struct cli_remotes *remotes, const struct cli_args *args)
{
    const char *verb = args->values[0], *name = args->values[1], *second = args->count > 2 ? args->values[2] : "";
    struct cli_text url = {0};
    bool takes_url = strcmp(verb, "add") == 0 || strcmp(verb, "set-url") == 0;
    int result = takes_url ? absolute(cli, second, &url) : 0;
    if (result != 0)
        ;
    else if (strcmp(verb, "add") == 0)
        result = add(cli, remotes, name, cli_text_string(&url));
    else if (takes_url)
        result = set_url(cli, remotes, name, cli_text_string(&url));
    else if (strcmp(verb, "rename") == 0)
        result = move(cli, remotes, name, second);
    else
        result = delete (cli, remotes, name);
    cli_text_release(&url);
    return result;
}

static int check(struct cli *cli, const struct cli_args *args)
{
    static const char *const verbs[][2] = {
        {"add", "NAME URL"}, {"remove", "NAME"}, {"rename", "OLD NEW"}, {"set-url", "NAME URL"}};
    if (args->count == 0)
        return 0;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct cli_text usage = {0};
        if (strcmp(args->values[0], verbs[i][0]) != 0)
            continue;
        cli_text_addf(&usage, "remote %s %s", verbs[i][0], verbs[i][1]);
        int wanted = strchr(verbs[i][1], ' ') != NULL ? 3 : 2;
        int result = args->count == wanted ? 0 : cli_usage_of(cli, cli_text_string(&usage));
        if (result == 0 && args->values[1][0] == '-')
            result = cli_error_set(&cli->error, CHRONDB_EUSAGE, "invalid_name", "'%s' is no name of a remote",
                                   args->values[1]);
        cli_text_release(&usage);
        return result;
    }
    return cli_error_usage(&cli->error, "'%s' is not one of add, remove, rename, set-url", args->values[0]);
}

int cmd_remote(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    struct cli_remotes remotes = {0};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = check(cli, &args);
    if (result == 0)
        result = cli_open(cli);
    if (result == 0 && args.count > 0)
        result = chrondb_ready_for_git(cli->db, cli_lock_timeout(cli));
    if (result == 0)
        result = cli_remotes_load(cli, &remotes);
    if (result == 0)
        result = args.count == 0 ? list(cli, &remotes) : change(cli, &remotes, &args);
    cli_remotes_release(&remotes);
    return result;
}
