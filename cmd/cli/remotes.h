/* SPDX-License-Identifier: MIT
 *
 * The machines that a database knows, and what was fetched from them: what `remote`, `fetch`, `push` and `pull` share.
 */
#ifndef CLI_REMOTES_H
#define CLI_REMOTES_H

#include "cli/git.h"

struct cli_remote {
    const char *name, *url;
    const char *push_url; /* NULL: the same */
};

struct cli_remotes {
    struct cli_remote *list; /* by name */
    size_t count;
    struct cli_git listed; /* they point into what git printed */
};

void cli_remotes_release(struct cli_remotes *remotes);
/* Those of cli->db. To be released in any case. */
int cli_remotes_load(struct cli *cli, struct cli_remotes *out);
const struct cli_remote *cli_remotes_find(const struct cli_remotes *remotes, const char *name);
/* Open the database, wait for locks of git's, load the remotes, and find the one that is meant: `name`, or, if it is
 * NULL, "origin" or the only one there is. CHRONDB_EUSAGE "no_remote". */
int cli_remotes_open(struct cli *cli, const char *name, struct cli_remotes *remotes, const struct cli_remote **out);

/* The branch that -b names, or the default one, without refs/heads/. To be freed by cli_text_release. */
int cli_branch_name(struct cli *cli, struct cli_text *out);

/* ---- what a ref of the database is ---- */

struct cli_named {
    char *name; /* "origin/main" */
    bool is_tag;
    char id[CHRONDB_HEX_SIZE + 1]; /* the commit; of an annotated tag the tag's own id */
};

/* Branches of remotes, and tags: in the order of their names, the tags behind. */
struct cli_fetched {
    struct cli_named *list;
    size_t count, room;
};

void cli_fetched_release(struct cli_fetched *fetched);
int cli_fetched_load(struct cli *cli, struct cli_fetched *out);
/* The id of a branch of a remote, or NULL. */
const char *cli_fetched_find(const struct cli_fetched *fetched, const char *remote, const char *branch);

/* A record of a ref that moved: {"ref","type","old","new","status"}. `old` or `id` NULL: there was, or is, none. */
int cli_print_moved(struct cli *cli, const char *ref, bool is_tag, const char *old, const char *id, const char *status);

/* git fetch: all of the remote, or (`branch`) one branch of it. CHRONDB_EUSAGE "no_branch": it has none of that name.
 */
int cli_fetch(struct cli *cli, const struct cli_remote *remote, const char *branch, bool prune);

#endif
