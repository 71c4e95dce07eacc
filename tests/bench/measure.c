/* SPDX-License-Identifier: MIT
 *
 * measure [-n RUNS] [-w WARMUP] LABEL COMMAND [ARG...] [:: LABEL COMMAND [ARG...]]...
 *
 * Time whole processes, one after the other in turn (A B A B ...), so that a machine that drifts drifts for all of
 * them alike. Every %n in an argument is the number of the round, warm-up included. Standard input and output are
 * /dev/null. Prints a line for each: label, median, 10th and 90th percentile in milliseconds, the largest resident set
 * in KiB, the 99th percentile and the longest time, separated by tabs. A command that fails ends the measurement with
 * status 1. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEPARATOR "::"
#define MAX_ARGS  64

struct subject {
    const char *label;
    char **argv;
    double *milliseconds;
    long max_rss;
};

static _Noreturn void fail(const char *what, const char *about)
{
    fprintf(stderr, "measure: %s: %s\n", what, about);
    exit(1);
}

static int number(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 0 || value > 1000000)
        fail("not a number", text);
    return (int)value;
}

/* A copy of `text` with the round in place of every %n. */
static char *expand(const char *text, int round)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    if (!stream)
        fail("no memory", strerror(errno));
    for (const char *p = text; *p; p++) {
        if (p[0] == '%' && p[1] == 'n') {
            fprintf(stream, "%d", round);
            p++;
        } else {
            fputc(*p, stream);
        }
    }
    if (fclose(stream))
        fail("no memory", strerror(errno));
    return out;
}

static void run_child(char **argv)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}

static double elapsed(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) * 1e3 + (double)(to->tv_nsec - from->tv_nsec) / 1e6;
}

static double run(struct subject *subject, int round)
{
    char *argv[MAX_ARGS + 1];
    int argc = 0;
    for (; subject->argv[argc]; argc++)
        argv[argc] = expand(subject->argv[argc], round);
    argv[argc] = NULL;

    struct timespec start, end;
    struct rusage usage;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = fork();
    if (pid < 0)
        fail("cannot fork", strerror(errno));
    if (pid == 0)
        run_child(argv);
    if (wait4(pid, &status, 0, &usage) != pid)
        fail("cannot wait", strerror(errno));
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s: ended with %s %d\n", subject->label, WIFEXITED(status) ? "status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        exit(1);
    }
    if (usage.ru_maxrss > subject->max_rss)
        subject->max_rss = usage.ru_maxrss;
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return elapsed(&start, &end);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Split the arguments into subjects; returns how many. */
static size_t collect(struct subject *subjects, char **args, int count)
{
    size_t found = 0;
    int start = 0;
    for (int i = 0; i <= count; i++) {
        if (i < count && strcmp(args[i], SEPARATOR) != 0)
            continue;
        if (i - start < 2)
            fail("usage", "measure [-n RUNS] [-w WARMUP] LABEL COMMAND [ARG...] [:: LABEL COMMAND [ARG...]]...");
        if (i - start - 1 > MAX_ARGS)
            fail("too many arguments", args[start]);
        args[i] = NULL;
        subjects[found].label = args[start];
        subjects[found].argv = args + start + 1;
        found++;
        start = i + 1;
    }
    return found;
}

int main(int argc, char **argv)
{
    int runs = 51, warmup = 3, option;
    while ((option = getopt(argc, argv, "+n:w:")) != -1) {
        if (option == 'n')
            runs = number(optarg);
        else if (option == 'w')
            warmup = number(optarg);
        else
            return 2;
    }
    if (runs < 1)
        fail("not a number of runs", "0");

    struct subject *subjects = calloc((size_t)argc, sizeof *subjects);
    if (!subjects)
        fail("no memory", strerror(errno));
    size_t count = collect(subjects, argv + optind, argc - optind);
    for (size_t i = 0; i < count; i++) {
        subjects[i].milliseconds = calloc((size_t)runs, sizeof(double));
        if (!subjects[i].milliseconds)
            fail("no memory", strerror(errno));
    }
    for (int round = 0; round < warmup + runs; round++) {
        for (size_t i = 0; i < count; i++) {
            double time = run(&subjects[i], round);
            if (round >= warmup)
                subjects[i].milliseconds[round - warmup] = time;
        }
    }
    for (size_t i = 0; i < count; i++) {
        double *t = subjects[i].milliseconds;
        qsort(t, (size_t)runs, sizeof *t, compare);
        printf("%s\t%.3f\t%.3f\t%.3f\t%ld\t%.3f\t%.3f\n", subjects[i].label, t[runs / 2], t[runs / 10],
               t[runs - 1 - runs / 10], subjects[i].max_rss, t[runs - 1 - runs / 100], t[runs - 1]);
        free(t);
    }
    free(subjects);
    return fflush(stdout) == 0 ? 0 : 1;
}
