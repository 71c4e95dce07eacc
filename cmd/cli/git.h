/* SPDX-License-Identifier: MIT
 *
 * The git program, for what goes to other machines: it knows the protocols, and the user's credentials, ssh
 * configuration and proxies. Found in PATH; never run by a shell.
 */
#ifndef CLI_GIT_H
#define CLI_GIT_H

#include "cli/cli.h"

struct cli_git {
    const char *repository; /* that it works in, or NULL */
    bool talks;             /* over a network, perhaps for long: its progress is shown where progress is */
    int status;             /* its exit status; 128 + the signal that ended it */
    struct cli_text out;    /* what it printed */
    struct cli_text err;    /* the last that it said on standard error, without progress */
};

void cli_git_release(struct cli_git *git);

/* Run git with these arguments (the last one is NULL). What an earlier run printed is dropped. 0 whatever its status;
 * CHRONDB_ESYSTEM "no_git" where there is none; CLI_INTERRUPTED: a signal came, git has ended, the error is set. */
int cli_git_run(struct cli *cli, struct cli_git *git, const char *const *arguments);

/* The same for what changes refs, here or there: as long as git meets others who change them at this very moment (their
 * lock is there, or a ref is not any more what git has just read) it is run again, until --lock-timeout is over. What
 * the last run said is what counts. */
int cli_git_run_patiently(struct cli *cli, struct cli_git *git, const char *const *arguments);

/* Is git's progress shown, if it talks? Then it is to get the argument "--progress", else this one. */
const char *cli_git_progress(const struct cli *cli, const char *otherwise);

/* The error of a run that failed: "FORMAT: " and what git said. */
int cli_git_failed(struct cli *cli, const struct cli_git *git, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Did it say that? */
bool cli_git_said(const struct cli_git *git, const char *words);

#endif
