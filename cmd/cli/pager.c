/* SPDX-License-Identifier: MIT */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A signal handler gets no context; so this one number is global. */
static volatile sig_atomic_t running_pager;

/* A small system may have no less; then the output goes to the terminal as it is. */
static bool in_path(const char *program)
{
    const char *directory = getenv("PATH");
    while (directory != NULL && *directory != '\0') {
        char path[PATH_MAX];
        size_t size = strcspn(directory, ":");
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)size, directory, program);
        if (n > 0 && (size_t)n < sizeof path && access(path, X_OK) == 0)
            return true;
        directory += size;
        directory += *directory == ':';
    }
    return false;
}

static const char *pager_command(void)
{
    const char *command = getenv("CHRONDB_PAGER");
    if (command == NULL)
        command = getenv("PAGER");
    if (command == NULL)
        return in_path("less") ? "less" : NULL;
    return *command == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

void cli_pager_wait(int pager)
{
    while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
        ;
    running_pager = 0;
}

/* Ctrl-C stops us, but not the pager, which still owns the terminal: the shell must not come back before it ends.
 * Only async-signal-safe calls. */
static void wait_and_die(int signal_number)
{
    close(STDOUT_FILENO);
    if (running_pager > 0)
        waitpid(running_pager, NULL, 0);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run_pager(const char *command, int input)
{
    dup2(input, STDIN_FILENO);
    /* Colours pass, one screenful ends by itself, and the text stays on the screen. */
    setenv("LESS", "FRX", 0);
    setenv("LV", "-c", 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

int cli_pager_start(void)
{
    const char *command = pager_command();
    int ends[2];
    if (command == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        run_pager(command, ends[0]);
    close(ends[0]);
    if (pid > 0) {
        dup2(ends[1], STDOUT_FILENO);
        running_pager = pid;
        signal(SIGINT, wait_and_die);
        signal(SIGTERM, wait_and_die);
        signal(SIGHUP, wait_and_die);
    }
    close(ends[1]);
    return pid;
}
