/* SPDX-License-Identifier: MIT */
#include "cli/remotes.h"

#include <stdlib.h>
#include <string.h>

/* ---- the remotes ----------------------------------------------------------------------------------- */

void cli_remotes_release(struct cli_remotes *remotes)
{
    free(remotes->list);
    cli_git_release(&remotes->listed);
}

static struct cli_remote *remote_of(struct cli_remotes *remotes, const char *name)
{
    for (size_t i = 0; i < remotes->count; i++)
        if (strcmp(remotes->list[i].name, name) == 0)
            return &remotes->list[i];
    struct cli_remote *grown = realloc(remotes->list, (remotes->count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    remotes->list = grown;
    grown[remotes->count] = (struct cli_remote){.name = name};
    return &grown[remotes->count++];
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), length = strlen(end);
    return size > length && strcmp(text + size - length, end) == 0;
}

/* "remote.NAME.url\nURL": of several URLs the first is fetched from. */
static int take_variable(struct cli *cli, struct cli_remotes *remotes, char *variable)
{
    static const char section[] = "remote.", url[] = ".url", push_url[] = ".pushurl";
    char *value = strchr(variable, '\n');
    if (value == NULL || strncmp(variable, section, sizeof section - 1) != 0)
        return 0;
    *value++ = '\0';
    bool pushes = ends_with(variable, push_url);
    if (strlen(variable) < sizeof section + strlen(pushes ? push_url : url))
        return 0;
    variable[strlen(variable) - strlen(pushes ? push_url : url)] = '\0';
    struct cli_remote *remote = remote_of(remotes, variable + sizeof section - 1);
    if (remote == NULL)
        return cli_error_memory(&cli->error);
    const char **place = pushes ? &remote->push_url : &remote->url;
    *place = *place != NULL ? *place : value;
    return 0;
}

static int compare_remotes(const void *left, const void *right)
{
    const struct cli_remote *a = left, *b = right;
    return strcmp(a->name, b->name);
}

int cli_remotes_load(struct cli *cli, struct cli_remotes *out)
{
    static const char *const arguments[] = {"config", "-z", "--get-regexp", "^remote\\..*\\.(url|pushurl)$", NULL};
    *out = (struct cli_remotes){.listed = {.repository = chrondb_path(cli->db)}};
    int result = cli_git_run(cli, &out->listed, arguments);
    if (result == 0 && out->listed.status > 1) /* 1: there are none */
        result = cli_git_failed(cli, &out->listed, "cannot list the remotes");
    char *end = out->listed.out.data + out->listed.out.size;
    for (char *at = out->listed.out.data; result == 0 && at != NULL && at < end;) {
        char *next = at + strlen(at) + 1;
        result = take_variable(cli, out, at);
        at = next;
    }
    if (out->count > 1)
        qsort(out->list, out->count, sizeof *out->list, compare_remotes);
    return result;
}

const struct cli_remote *cli_remotes_find(const struct cli_remotes *remotes, const char *name)
{
    for (size_t i = 0; i < remotes->count; i++)
        if (strcmp(remotes->list[i].name, name) == 0)
            return &remotes->list[i];
    return NULL;
}

static int choose(struct cli *cli, const struct cli_remotes *remotes, const char *name, const struct cli_remote **out)
{
    *out = cli_remotes_find(remotes, name != NULL ? name : "origin");
    if (*out == NULL && name == NULL && remotes->count == 1)
        *out = &remotes->list[0];
    if (*out != NULL && (*out)->name[0] != '-')
        return 0;
    if (name != NULL)
        return cli_error_set(&cli->error, CHRONDB_EUSAGE, "no_remote",
                             "there is no remote '%s' ('chrondb remote add NAME URL' makes one)", name);
    if (remotes->count == 0)
        return cli_error_set(&cli->error, CHRONDB_EUSAGE, "no_remote",
                             "there is no remote yet ('chrondb remote add origin URL' makes one)");
    return cli_error_set(
        &cli->error, CHRONDB_EUSAGE, "no_remote",
        "there are several remotes, none of them called 'origin': say which ('chrondb remote' lists them)");
}

int cli_remotes_open(struct cli *cli, const char *name, struct cli_remotes *remotes, const struct cli_remote **out)
{
    *remotes = (struct cli_remotes){0};
    int result = cli_open(cli);
    if (result == 0)
        result = chrondb_ready_for_git(cli->db, cli_lock_timeout(cli));
    if (result == 0)
        result = cli_remotes_load(cli, remotes);
    return result == 0 ? choose(cli, remotes, name, out) : result;
}

int cli_branch_name(struct cli *cli, struct cli_text *out)
{
    static const char heads[] = "refs/heads/";
    chrondb_buffer value = {0};
    const char *name = cli->branch;
    int result = 0;
    if (name == NULL) {
        result = chrondb_config_get(cli->db, "branch", &value);
        name = value.data;
    }
    if (result == 0) {
        cli_text_adds(out, strncmp(name, heads, sizeof heads - 1) == 0 ? name + sizeof heads - 1 : name);
        result = out->failed ? cli_error_memory(&cli->error) : 0;
    }
    chrondb_buffer_free(&value);
    return result;
}

/* ---- what was fetched ------------------------------------------------------------------------------ */

void cli_fetched_release(struct cli_fetched *fetched)
{
    for (size_t i = 0; i < fetched->count; i++)
        free(fetched->list[i].name);
    free(fetched->list);
}

struct loading {
    struct cli *cli;
    struct cli_fetched *out;
    bool tags;
};

static int add(void *context, const chrondb_ref *ref)
{
    const struct loading *loading = context;
    struct cli_fetched *out = loading->out;
    if (out->count == out->room) {
        size_t room = out->room * 2 + 16;
        struct cli_named *grown = realloc(out->list, room * sizeof *grown);
        if (grown == NULL)
            return cli_error_memory(&loading->cli->error);
        out->list = grown;
        out->room = room;
    }
    struct cli_named *named = &out->list[out->count];
    named->is_tag = loading->tags;
    memcpy(named->id, ref->object[0] != '\0' ? ref->object : ref->commit, sizeof named->id);
    named->name = strdup(ref->name);
    out->count += named->name != NULL;
    return named->name != NULL ? 0 : cli_error_memory(&loading->cli->error);
}

int cli_fetched_load(struct cli *cli, struct cli_fetched *out)
{
    struct loading loading = {.cli = cli, .out = out};
    *out = (struct cli_fetched){0};
    int result = chrondb_remote_branch_list(cli->db, add, &loading);
    loading.tags = true;
    return result == 0 ? chrondb_tag_list(cli->db, add, &loading) : result;
}

const char *cli_fetched_find(const struct cli_fetched *fetched, const char *remote, const char *branch)
{
    size_t size = strlen(remote);
    for (size_t i = 0; i < fetched->count; i++) {
        const struct cli_named *named = &fetched->list[i];
        if (!named->is_tag && strncmp(named->name, remote, size) == 0 && named->name[size] == '/' &&
            strcmp(named->name + size + 1, branch) == 0)
            return named->id;
    }
    return NULL;
}

int cli_print_moved(struct cli *cli, const char *ref, bool is_tag, const char *old, const char *id, const char *status)
{
    cli_output_begin(cli->out);
    cli_output_string(cli->out, "ref", ref);
    cli_output_string(cli->out, "type", is_tag ? "tag" : "branch");
    cli_output_commit(cli->out, "old", old);
    cli_output_commit(cli->out, "new", id);
    cli_output_string(cli->out, "status", status);
    return cli_output_end(cli->out);
}

/* ---- fetching -------------------------------------------------------------------------------------- */

/* What is fetched goes where we say, whatever the repository's configuration says of the remote: that of a mirror would
 * overwrite the database's own branches. */
int cli_fetch(struct cli *cli, const struct cli_remote *remote, const char *branch, bool prune)
{
    struct cli_git git = {.repository = chrondb_path(cli->db), .talks = true};
    struct cli_text refspec = {0};
    const char *name = branch != NULL ? branch : "*";
    cli_text_addf(&refspec, "+refs/heads/%s:refs/remotes/%s/%s", name, remote->name, name);
    const char *const arguments[] = {"fetch",
                                     "--no-write-fetch-head",
                                     "--refmap=",
                                     cli_git_progress(cli, "--quiet"),
                                     prune ? "--prune" : "--no-prune",
                                     "--",
                                     remote->name,
                                     cli_text_string(&refspec),
                                     NULL};
    int result = refspec.failed ? cli_error_memory(&cli->error) : cli_git_run_patiently(cli, &git, arguments);
    if (result == 0 && git.status != 0 && branch != NULL && cli_git_said(&git, "couldn't find remote ref"))
        result = cli_error_set(&cli->error, CHRONDB_EUSAGE, "no_branch",
                               "'%s' has no branch '%s' ('chrondb push %s %s' makes it)", remote->name, branch,
                               remote->name, branch);
    else if (result == 0 && git.status != 0)
        result = cli_git_failed(cli, &git, "cannot fetch from '%s'", remote->name);
    cli_text_release(&refspec);
    cli_git_release(&git);
    return result;
}
