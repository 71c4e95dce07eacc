/* SPDX-License-Identifier: MIT
 *
 * saver DATABASE ROUNDS SEED: what a program does that keeps its state in a database, ROUNDS times, each in a process
 * of its own that is killed at a random moment: open, read the state, write the next one, and again. No state that was
 * acknowledged is lost, none comes back, and opening is all that is done after a kill. Prints how many rounds were
 * killed before, in and after a write, and how many states were saved. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chrondb.h"

/* What a process tells of itself, each a line of a pipe: too short to be torn. */
enum { READ = 'r', WRITING = 'w', SAVED = 's', FAILED = 'f' };

struct told {
    int what;
    unsigned long state;
};

static void tell(int out, int what, unsigned long state)
{
    struct told told = {what, state};
    if (write(out, &told, sizeof(told)) != sizeof(told))
        _exit(2);
}

static void fail(int out, const char *what)
{
    fprintf(stderr, "saver: cannot %s: %s\n", what, chrondb_last_error()->message);
    tell(out, FAILED, 0);
    _exit(1);
}

static void die(int number)
{
    (void)number;
    kill(getpid(), SIGKILL);
}

static void die_after(long microseconds)
{
    struct itimerval timer = {{0, 0}, {microseconds / 1000000, microseconds % 1000000}};
    signal(SIGALRM, die);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Opens anew for each state, as the next process would. */
static void save_states(const char *path, int out, int flags)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE | (unsigned)flags};
    chrondb_buffer value = {NULL, 0, 0};
    for (int i = 0; i < 4; i++) {
        chrondb *db = NULL;
        char text[64];
        if (chrondb_open(&db, path, &options) != 0)
            fail(out, "open");
        int result = chrondb_get_at(db, NULL, NULL, "state", &value);
        if (result < 0)
            fail(out, "read");
        unsigned long state = result == 0 ? strtoul(value.data, NULL, 10) : 0;
        tell(out, READ, state);
        snprintf(text, sizeof(text), "%lu", state + 1);
        tell(out, WRITING, state + 1);
        if (chrondb_put(db, "state", text, strlen(text), NULL, NULL, NULL) != 0)
            fail(out, "write");
        tell(out, SAVED, state + 1);
        chrondb_close(db);
    }
    chrondb_buffer_free(&value);
}

struct saver {
    const char *path;
    unsigned long saved;    /* the last state that was acknowledged */
    unsigned long possible; /* or this one, if the write that was cut short came through */
    unsigned long before, in, after;
    long microseconds; /* that a state takes, about */
};

static void wrong(const char *what, const struct saver *saver, unsigned long state)
{
    fprintf(stderr, "saver: %s: the state is %lu, acknowledged was %lu, begun %lu\n", what, state, saver->saved,
            saver->possible);
    exit(1);
}

static void listen(struct saver *saver, int in)
{
    struct told told = {READ, 0};
    int last = 0;
    while (read(in, &told, sizeof(told)) == sizeof(told)) {
        last = told.what;
        if (told.what == FAILED)
            exit(1);
        if (told.what == READ && told.state != saver->saved && told.state != saver->possible)
            wrong(told.state < saver->saved ? "lost" : "come from nowhere", saver, told.state);
        if (told.what == WRITING)
            saver->possible = told.state;
        else /* what was read was there, so it counts */
            saver->saved = saver->possible = told.state;
    }
    saver->before += last == 0 || last == READ;
    saver->in += last == WRITING;
    saver->after += last == SAVED;
}

static void run_round(struct saver *saver, int flags)
{
    struct timespec began, ended;
    int ends[2], status = 0;
    unsigned long states = saver->saved;
    long moment = 1 + random() % (4 * saver->microseconds);
    if (pipe(ends) != 0)
        exit(2);
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        die_after(moment);
        save_states(saver->path, ends[1], flags);
        _exit(0);
    }
    close(ends[1]);
    listen(saver, ends[0]);
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0))
        exit(1);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long took = (ended.tv_sec - began.tv_sec) * 1000000 + (ended.tv_nsec - began.tv_nsec) / 1000;
    if (saver->saved >= states + 4) /* on any machine, under any load */
        saver->microseconds = (3 * saver->microseconds + took / 4) / 4 + 1;
    else if (saver->saved == states)
        saver->microseconds += saver->microseconds / 16 + 1;
}

int main(int argc, char **argv)
{
    static const int flags[] = {0, CHRONDB_OPEN_MAINTAIN};
    struct saver saver = {.microseconds = 1000};
    if (argc != 4)
        return 2;
    saver.path = argv[1];
    srandom((unsigned)strtoul(argv[3], NULL, 10));
    for (int rounds = atoi(argv[2]), i = 0; i < rounds; i++)
        run_round(&saver, flags[i % 8 == 7]);
    printf("%lu %lu %lu %lu\n", saver.before, saver.in, saver.after, saver.saved);
    return 0;
}
