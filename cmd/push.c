/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cli/remotes.h"

#define HEADS "refs/heads/"
#define TAGS  "refs/tags/"

/* A branch to push. */
struct branch {
    char *name;
    char id[CHRONDB_HEX_SIZE + 1];
    const char *fetched; /* what the remote had when it was last heard of; NULL: nothing */
    bool has_news;       /* for that */
};

struct push {
    struct cli *cli;
    const struct cli_remote *remote;
    struct cli_fetched fetched;
    struct branch *list;
    size_t count;
    bool tags;
    struct cli_git git;
    /* What became of it. */
    struct cli_text rejected; /* the first ref, and why */
    bool behind;              /* all that was rejected is: the remote has what is not here */
    size_t rejections;
};

static void push_release(struct push *push)
{
    for (size_t i = 0; i < push->count; i++)
        free(push->list[i].name);
    free(push->list);
    cli_fetched_release(&push->fetched);
    cli_git_release(&push->git);
    cli_text_release(&push->rejected);
}

/* ---- what to push ---------------------------------------------------------------------------------- */

struct wanted {
    struct push *push;
    char **names;
    size_t count; /* 0: all */
};

static int add_branch(void *context, const chrondb_ref *ref)
{
    struct wanted *wanted = context;
    struct push *push = wanted->push;
    bool found = wanted->count == 0;
    for (size_t i = 0; !found && i < wanted->count; i++)
        found = strcmp(wanted->names[i], ref->name) == 0;
    if (!found || ref->commit[0] == '\0')
        return 0;
    struct branch *grown = realloc(push->list, (push->count + 1) * sizeof *grown);
    if (grown == NULL)
        return cli_error_memory(&push->cli->error);
    push->list = grown;
    struct branch *branch = &grown[push->count];
    *branch = (struct branch){.name = strdup(ref->name), .has_news = true};
    memcpy(branch->id, ref->commit, sizeof branch->id);
    push->count += branch->name != NULL;
    return branch->name != NULL ? 0 : cli_error_memory(&push->cli->error);
}

static int check_all_found(const struct push *push, const struct wanted *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < push->count; k++)
            found = strcmp(push->list[k].name, wanted->names[i]) == 0;
        if (!found)
            return cli_error_set(&push->cli->error, CHRONDB_EUSAGE, "no_branch", "there is no branch '%s' to push",
                                 wanted->names[i]);
    }
    return 0;
}

/* The branches by name; else the one that is meant, or all. */
static int find_branches(struct push *push, char **names, size_t count, bool all)
{
    struct cli_text own = {0};
    struct wanted wanted = {push, names, count};
    char *one[1];
    int result = cli_branch_name(push->cli, &own);
    if (result == 0 && count == 0 && !all) {
        one[0] = own.data;
        wanted.names = one;
        wanted.count = 1;
    }
    if (result == 0)
        result = chrondb_branch_list(push->cli->db, add_branch, &wanted);
    if (result == 0)
        result = check_all_found(push, &wanted);
    cli_text_release(&own);
    return result;
}

/* Would the remote get anything but merges of what it has? */
static int look_for_news(struct push *push)
{
    int result = cli_fetched_load(push->cli, &push->fetched);
    for (size_t i = 0; result == 0 && i < push->count; i++) {
        struct branch *branch = &push->list[i];
        chrondb_comparison comparison = {.size = sizeof comparison};
        struct cli_text ours = {0}, theirs = {0};
        branch->fetched = cli_fetched_find(&push->fetched, push->remote->name, branch->name);
        if (branch->fetched == NULL || strcmp(branch->fetched, branch->id) == 0)
            continue;
        cli_text_addf(&ours, "commit:%s", branch->id);
        cli_text_addf(&theirs, "commit:%s", branch->fetched);
        result = chrondb_compare(push->cli->db, NULL, cli_text_string(&ours), cli_text_string(&theirs), &comparison);
        branch->has_news = result == 0 && comparison.our_news;
        cli_text_release(&ours);
        cli_text_release(&theirs);
    }
    return result;
}

/* Nothing is left out of a push but where the remote still has what it had. Lines "ID\tREF". */
static int ask_remote(struct push *push)
{
    const char *const arguments[] = {"ls-remote", "--heads", "--quiet", "--", push->remote->name, NULL};
    bool needed = false;
    for (size_t i = 0; i < push->count; i++)
        needed |= !push->list[i].has_news;
    if (!needed)
        return 0;
    int result = cli_git_run(push->cli, &push->git, arguments);
    if (result == 0 && push->git.status != 0)
        result = cli_git_failed(push->cli, &push->git, "cannot ask '%s'", push->remote->name);
    for (size_t i = 0; result == 0 && i < push->count; i++) {
        struct branch *branch = &push->list[i];
        struct cli_text line = {0};
        if (branch->has_news)
            continue;
        cli_text_addf(&line, "%s\t" HEADS "%s\n", branch->fetched, branch->name);
        branch->has_news = !cli_git_said(&push->git, cli_text_string(&line));
        cli_text_release(&line);
    }
    return result;
}

/* ---- pushing --------------------------------------------------------------------------------------- */

static int push_refs(struct push *push)
{
    const char *const fixed[] = {
        "-c", "core.abbrev=40",  "push", "--porcelain", cli_git_progress(push->cli, "--no-progress"),
        "--", push->remote->name};
    size_t count = sizeof fixed / sizeof *fixed;
    const char **arguments = calloc(count + push->count + 2, sizeof *arguments);
    struct cli_text *refspecs = calloc(push->count + 1, sizeof *refspecs);
    if (arguments == NULL || refspecs == NULL) {
        free(arguments);
        free(refspecs);
        return cli_error_memory(&push->cli->error);
    }
    memcpy(arguments, fixed, sizeof fixed);
    for (size_t i = 0; i < push->count; i++) {
        if (!push->list[i].has_news)
            continue;
        /* the commit, as it is told: names can be those of several refs, and branches may move */
        cli_text_addf(&refspecs[i], "%s:" HEADS "%s", push->list[i].id, push->list[i].name);
        arguments[count++] = cli_text_string(&refspecs[i]);
    }
    if (push->tags)
        arguments[count++] = TAGS "*:" TAGS "*";
    push->git.talks = true;
    int result = cli_git_run_patiently(push->cli, &push->git, arguments);
    for (size_t i = 0; i < push->count; i++)
        cli_text_release(&refspecs[i]);
    free(refspecs);
    free(arguments);
    return result;
}

/* ---- what became of it ----------------------------------------------------------------------------- */

/* A line of `git push --porcelain`: FLAG \t FROM:TO \t SUMMARY (REASON). */
struct line {
    char flag;
    char *to, *summary;
    const char *reason; /* or "" */
};

static bool parse_line(char *text, struct line *out)
{
    char *from = text[0] != '\0' && text[1] == '\t' ? text + 2 : NULL;
    char *summary = from != NULL ? strchr(from, '\t') : NULL;
    char *colon = from != NULL ? strchr(from, ':') : NULL;
    if (summary == NULL || colon == NULL || colon > summary)
        return false;
    *summary++ = '\0';
    *out = (struct line){.flag = *text, .to = colon + 1, .summary = summary, .reason = ""};
    char *paren = strstr(summary, " (");
    size_t size = strlen(summary);
    if (paren != NULL && summary[size - 1] == ')') {
        summary[size - 1] = '\0';
        *paren = '\0';
        out->reason = paren + 2;
    }
    return true;
}

static const char *id_of(const struct push *push, const char *name)
{
    for (size_t i = 0; i < push->count; i++)
        if (strcmp(push->list[i].name, name) == 0)
            return push->list[i].id;
    return NULL;
}

static const char *id_of_tag(const struct push *push, const char *name)
{
    for (size_t i = 0; i < push->fetched.count; i++)
        if (push->fetched.list[i].is_tag && strcmp(push->fetched.list[i].name, name) == 0)
            return push->fetched.list[i].id;
    return NULL;
}

static void note_rejection(struct push *push, const char *name, const struct line *line)
{
    bool behind = strcmp(line->reason, "fetch first") == 0 || strcmp(line->reason, "non-fast-forward") == 0;
    if (push->rejections++ == 0)
        cli_text_addf(&push->rejected, "'%s' to '%s'", name, push->remote->name);
    if (push->rejections == 1 && !behind)
        cli_text_addf(&push->rejected, ": %s", *line->reason != '\0' ? line->reason : line->summary);
    push->behind = behind && (push->behind || push->rejections == 1);
}

static int tell(struct push *push, const struct line *line)
{
    bool is_tag = strncmp(line->to, TAGS, strlen(TAGS)) == 0;
    const char *name = line->to + strlen(is_tag ? TAGS : HEADS);
    const char *id = is_tag ? id_of_tag(push, name) : id_of(push, name);
    char old[CHRONDB_HEX_SIZE + 1] = "";
    bool moved =
        line->flag == ' ' && strlen(line->summary) > CHRONDB_HEX_SIZE && line->summary[CHRONDB_HEX_SIZE] == '.';
    if (moved)
        memcpy(old, line->summary, CHRONDB_HEX_SIZE);
    if (line->flag == '!')
        note_rejection(push, name, line);
    const char *status = line->flag == '*'   ? "created"
                         : line->flag == '=' ? "unchanged"
                         : line->flag == '!' ? "rejected"
                                             : "updated";
    return cli_print_moved(push->cli, name, is_tag, line->flag == '=' ? id : moved ? old : NULL, id, status);
}

/* What the remote itself says: "remote: ..." */
static void add_remote_words(const struct push *push, struct cli_text *out)
{
    static const char sign[] = "remote: ";
    const char *line = cli_text_string(&push->git.err);
    while (line != NULL && *line != '\0' && out->size < 1000) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, sign, sizeof sign - 1) == 0) {
            const char *words = line + sizeof sign - 1;
            size_t length = size - (sizeof sign - 1);
            while (length > 0 && words[length - 1] == ' ')
                length--;
            if (length > 0)
                cli_text_adds(out, "; ");
            cli_text_add(out, words, length);
        }
        line += size + (line[size] == '\n');
    }
}

static int tell_rejections(struct push *push)
{
    struct cli_text more = {0}, words = {0};
    if (push->rejections > 1)
        cli_text_addf(&more, ", and %zu more", push->rejections - 1);
    add_remote_words(push, &words);
    int result =
        push->behind
            ? cli_error_set(&push->cli->error, CHRONDB_ECONFLICT, "behind",
                            "cannot push %s%s: it has what is not here yet: run 'chrondb pull', then push again",
                            cli_text_string(&push->rejected), cli_text_string(&more))
            : cli_error_set(&push->cli->error, CHRONDB_ECONFLICT, "rejected", "cannot push %s%s%s",
                            cli_text_string(&push->rejected), cli_text_string(&more), cli_text_string(&words));
    cli_text_release(&more);
    cli_text_release(&words);
    return result;
}

static int tell_all(struct push *push)
{
    struct cli_text report = {0};
    int result = 0;
    cli_text_adds(&report, cli_text_string(&push->git.out));
    for (char *at = report.data; result == 0 && at != NULL && *at != '\0';) {
        struct line line;
        char *end = at + strcspn(at, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        if (parse_line(at, &line))
            result = tell(push, &line);
        at = next;
    }
    cli_text_release(&report);
    if (result == 0 && push->rejections > 0)
        return tell_rejections(push);
    if (result == 0 && push->git.status != 0)
        return cli_git_failed(push->cli, &push->git, "cannot push to '%s'", push->remote->name);
    return result;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int run_push(struct push *push)
{
    size_t news = 0;
    int result = look_for_news(push);
    if (result == 0)
        result = ask_remote(push);
    cli_output_kind(push->cli->out, CLI_MANY, "ref");
    for (size_t i = 0; result == 0 && i < push->count; i++) {
        const struct branch *branch = &push->list[i];
        news += branch->has_news;
        if (!branch->has_news)
            result = cli_print_moved(push->cli, branch->name, false, branch->fetched, branch->fetched, "unchanged");
    }
    if (result != 0 || (news == 0 && !push->tags))
        return result;
    result = push_refs(push);
    return result == 0 ? tell_all(push) : result;
}

int cmd_push(struct cli *cli, int argc, char **argv)
{
    bool all = false, tags = false;
    const struct cli_option options[] = {
        {.set = &all, .name = "all", .help = "push all branches"},
        {.set = &tags, .name = "tags", .help = "push all tags too"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    struct cli_remotes remotes = {0};
    struct push push = {.cli = cli};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0 && all && args.count > 1)
        result = cli_error_usage(&cli->error, "give either branches or --all");
    if (result == 0)
        result = cli_remotes_open(cli, args.values[0], &remotes, &push.remote);
    if (result == 0) {
        push.tags = tags;
        push.git.repository = chrondb_path(cli->db);
        result = find_branches(&push, args.values + (args.count > 0), args.count > 1 ? (size_t)args.count - 1 : 0, all);
    }
    if (result == 0)
        result = run_push(&push);
    push_release(&push);
    cli_remotes_release(&remotes);
    return result;
}
