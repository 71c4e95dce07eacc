/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_AFTER_MS = 500, EVERY_MS = 200 };

static struct timespec add_ms(struct timespec time, long ms)
{
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static double seconds_between(struct timespec from, struct timespec to)
{
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

void cli_progress_start(struct cli_progress *progress, const struct cli *cli, const char *noun, uint64_t total)
{
    *progress = (struct cli_progress){.noun = noun, .total = total};
    progress->enabled = !cli->no_progress && (cli->progress || (!cli->quiet && isatty(STDERR_FILENO)));
    clock_gettime(CLOCK_MONOTONIC, &progress->started);
    progress->next = add_ms(progress->started, FIRST_AFTER_MS);
}

static void print(struct cli_progress *progress, uint64_t done, double elapsed)
{
    char line[160];
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    int size;
    if (progress->total > 0 && rate > 0 && done <= progress->total)
        size = snprintf(line, sizeof line, "\r%" PRIu64 " of %" PRIu64 " %s (%.0f/s, %.0f s left)\033[K", done,
                        progress->total, progress->noun, rate, (double)(progress->total - done) / rate);
    else
        size = snprintf(line, sizeof line, "\r%" PRIu64 " %s (%.0f/s)\033[K", done, progress->noun, rate);
    ssize_t written = size > 0 ? write(STDERR_FILENO, line, (size_t)size) : 0;
    (void)written;
    progress->shown = true;
}

void cli_progress_update(struct cli_progress *progress, uint64_t done)
{
    struct timespec now;
    if (!progress->enabled)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (seconds_between(progress->next, now) < 0)
        return;
    print(progress, done, seconds_between(progress->started, now));
    progress->next = add_ms(now, EVERY_MS);
}

void cli_progress_stop(struct cli_progress *progress)
{
    static const char clear[] = "\r\033[K";
    ssize_t written = progress->shown ? write(STDERR_FILENO, clear, sizeof clear - 1) : 0;
    (void)written;
    progress->shown = false;
}
