/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"

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

/* A noun may be borrowed from who tells the progress, and on a terminal. */
static void set_noun(struct cli_progress *progress, const char *noun)
{
    struct cli_text safe = {0};
    cli_text_add_safe(&safe, noun, strlen(noun));
    snprintf(progress->noun, sizeof progress->noun, "%s", cli_text_string(&safe));
    cli_text_release(&safe);
}

void cli_progress_start(struct cli_progress *progress, const struct cli *cli, const char *noun, uint64_t total)
{
    *progress = (struct cli_progress){.total = total};
    progress->enabled = !cli->no_progress && (cli->progress || (!cli->quiet && isatty(STDERR_FILENO)));
    set_noun(progress, noun);
    clock_gettime(CLOCK_MONOTONIC, &progress->started);
    progress->next = add_ms(progress->started, FIRST_AFTER_MS);
}

/* ---- the line ---- */

static void add_size(struct cli_text *line, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1000;
    cli_text_addf(line, "%.*f %s", size < 10 && unit > 0 ? 1 : 0, size, units[unit]);
}

static void add_left(struct cli_text *line, double seconds)
{
    if (seconds < 100)
        cli_text_addf(line, ", %.0f s left", seconds);
    else if (seconds < 100 * 60)
        cli_text_addf(line, ", %.0f min left", seconds / 60);
    else
        cli_text_addf(line, ", %.1f h left", seconds / 3600);
}

/* What is done, in the measure that tells most about what is left. */
struct progress_so_far {
    uint64_t done, bytes;
    double elapsed;
};

static void add_counts(struct cli_text *line, const struct cli_progress *progress, const struct progress_so_far *far)
{
    cli_text_addf(line, "%" PRIu64, far->done);
    if (progress->total > 0)
        cli_text_addf(line, " of %" PRIu64, progress->total);
    cli_text_addf(line, " %s", progress->noun);
    if (far->bytes == 0)
        return;
    cli_text_adds(line, ", ");
    add_size(line, far->bytes);
    if (progress->bytes_total > 0) {
        cli_text_adds(line, " of ");
        add_size(line, progress->bytes_total);
    }
}

static void add_rates(struct cli_text *line, const struct cli_progress *progress, const struct progress_so_far *far)
{
    uint64_t done = progress->bytes_total > 0 ? far->bytes : far->done;
    uint64_t total = progress->bytes_total > 0 ? progress->bytes_total : progress->total;
    if (far->done == 0 || far->elapsed < EVERY_MS / 1000.0)
        return; /* a phase that has only begun has no rate yet */
    cli_text_addf(line, " (%.0f/s", (double)far->done / far->elapsed);
    if (done > 0 && done <= total)
        add_left(line, (double)(total - done) * far->elapsed / (double)done);
    cli_text_addc(line, ')');
}

static void write_line(struct cli_progress *progress, const struct progress_so_far *far)
{
    struct cli_text line = {0};
    cli_text_addc(&line, '\r');
    add_counts(&line, progress, far);
    add_rates(&line, progress, far);
    cli_text_adds(&line, "\033[K");
    ssize_t written = line.size > 0 ? write(STDERR_FILENO, line.data, line.size) : 0;
    (void)written;
    cli_text_release(&line);
    progress->shown = true;
}

/* ---- updates ---- */

void cli_progress_update(struct cli_progress *progress, uint64_t done)
{
    cli_progress_update_bytes(progress, done, 0);
}

void cli_progress_update_bytes(struct cli_progress *progress, uint64_t done, uint64_t bytes)
{
    struct timespec now;
    if (!progress->enabled)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (seconds_between(progress->next, now) < 0)
        return;
    write_line(progress, &(struct progress_so_far){done, bytes, seconds_between(progress->started, now)});
    progress->next = add_ms(now, EVERY_MS);
}

int cli_progress_phase(void *context, const char *phase, uint64_t done, uint64_t total)
{
    struct cli_progress *progress = context;
    if (!progress->enabled)
        return 0;
    if (strncmp(progress->noun, phase, sizeof progress->noun - 1) != 0) {
        set_noun(progress, phase);
        clock_gettime(CLOCK_MONOTONIC, &progress->started);
    }
    progress->total = total;
    cli_progress_update(progress, done);
    return 0;
}

int cli_progress_until_interrupt(void *progress, const char *phase, uint64_t done, uint64_t total)
{
    cli_progress_phase(progress, phase, done, total);
    return cli_interrupted();
}

void cli_progress_stop(struct cli_progress *progress)
{
    static const char clear[] = "\r\033[K";
    ssize_t written = progress->shown ? write(STDERR_FILENO, clear, sizeof clear - 1) : 0;
    (void)written;
    progress->shown = false;
}
