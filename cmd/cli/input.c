/* SPDX-License-Identifier: MIT */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { CHUNK = 65536 };

static const char byte_order_mark[] = "\xEF\xBB\xBF";

const char *cli_input_quote(const struct cli_input *input)
{
    return input->path != NULL ? "'" : "";
}

const char *cli_input_name(const struct cli_input *input)
{
    return input->path != NULL ? input->path : "standard input";
}

int cli_input_open(struct cli_input *input, const char *path, struct cli_error *error)
{
    *input = (struct cli_input){.fd = STDIN_FILENO, .error = error};
    if (path == NULL || strcmp(path, "-") == 0)
        return 0;
    input->path = path;
    input->fd = open(path, O_RDONLY | O_CLOEXEC);
    return input->fd >= 0 ? 0 : cli_error_errno(error, path, "cannot open '%s'", path);
}

void cli_input_close(struct cli_input *input)
{
    if (input->path != NULL && input->fd >= 0)
        close(input->fd);
    cli_text_release(&input->data);
    input->fd = -1;
}

static int read_more(struct cli_input *input)
{
    size_t chunk = input->chunk > 0 ? input->chunk : CHUNK;
    if (!cli_text_reserve(&input->data, chunk))
        return cli_error_memory(input->error);
    ssize_t n;
    do {
        if (input->interruptible && cli_interrupt_wait(input->fd))
            return CLI_INTERRUPTED;
        n = read(input->fd, input->data.data + input->data.size, chunk);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cli_error_errno(input->error, input->path, "cannot read %s%s%s", cli_input_quote(input),
                               cli_input_name(input), cli_input_quote(input));
    input->data.size += (size_t)n;
    input->bytes += (uint64_t)n;
    input->data.data[input->data.size] = '\0';
    input->end = n == 0;
    return 0;
}

static int too_large(struct cli_input *input)
{
    cli_error_set(input->error, CHRONDB_EINVALID, "invalid_json", "%s%s%s is larger than a document may be (%zu MiB)",
                  cli_input_quote(input), cli_input_name(input), cli_input_quote(input), CHRONDB_MAX_DOCUMENT >> 20);
    return CHRONDB_EINVALID;
}

int cli_input_all(struct cli_input *input, const char **data, size_t *size)
{
    struct stat st;
    if (fstat(input->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if (st.st_size > (off_t)CHRONDB_MAX_DOCUMENT)
            return too_large(input);
        cli_text_reserve(&input->data, (size_t)st.st_size + CHUNK); /* if it fails, so will the reading */
    }
    while (!input->end) {
        int result = read_more(input);
        if (result != 0)
            return result;
        if (input->data.size > CHRONDB_MAX_DOCUMENT)
            return too_large(input);
    }
    *data = input->data.data;
    *size = input->data.size;
    return 0;
}

uint64_t cli_input_size(const struct cli_input *input)
{
    struct stat st;
    if (fstat(input->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    off_t at = lseek(input->fd, 0, SEEK_CUR);
    return at >= 0 && at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
}

/* ---- lines ---- */

static int too_long(struct cli_input *input, size_t max, bool complete, size_t end)
{
    input->skipping = !complete;
    input->start = end;
    input->line++;
    return cli_error_set(input->error, CHRONDB_EINVALID, "invalid_json", "line %zu is longer than %zu MiB", input->line,
                         max >> 20);
}

/* The rest of a line that was too long. */
static int skip(struct cli_input *input)
{
    while (input->skipping) {
        const char *base = cli_text_string(&input->data);
        const char *newline = memchr(base + input->start, '\n', input->data.size - input->start);
        if (newline != NULL || input->end) {
            input->start = newline != NULL ? (size_t)(newline + 1 - base) : input->data.size;
            input->skipping = false;
            return 0;
        }
        cli_text_clear(&input->data);
        input->start = 0;
        int result = read_more(input);
        if (result != 0)
            return result;
    }
    return 0;
}

/* Read until there is a line end behind `start`; its position, or the end of the data if the file ends first. */
static int find_line_end(struct cli_input *input, size_t max, size_t *end)
{
    size_t seen = input->start;
    for (;;) {
        const char *base = cli_text_string(&input->data);
        const char *newline = memchr(base + seen, '\n', input->data.size - seen);
        *end = newline != NULL ? (size_t)(newline - base) : input->data.size;
        if (*end - input->start > max)
            return too_long(input, max, newline != NULL, newline != NULL ? *end + 1 : *end);
        if (newline != NULL || input->end)
            return 0;
        if (input->start > 0) { /* consumed bytes make room */
            input->data.size -= input->start;
            memmove(input->data.data, input->data.data + input->start, input->data.size);
            input->start = 0;
        }
        seen = input->data.size;
        int result = read_more(input);
        if (result != 0)
            return result;
    }
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(" \t\r", line[i]) == NULL || line[i] == '\0')
            return false;
    return true;
}

int cli_input_line(struct cli_input *input, size_t max, const char **line, size_t *size)
{
    for (;;) {
        size_t end = 0;
        int result = skip(input);
        if (result == 0)
            result = find_line_end(input, max, &end);
        if (result != 0)
            return result;
        if (input->end && input->start >= input->data.size)
            return CHRONDB_END;
        *line = input->data.data + input->start;
        *size = end - input->start;
        input->start = end < input->data.size ? end + 1 : end;
        if (input->line++ == 0 && *size >= 3 && memcmp(*line, byte_order_mark, 3) == 0) {
            *line += 3;
            *size -= 3;
        }
        if (!is_blank(*line, *size))
            return 0;
    }
}

/* The library knows the text of a line, not where it stands. */
static void forget_line_one(struct cli_error *error)
{
    static const char position[] = "line 1, column ";
    char *found = error->message.data != NULL ? strstr(error->message.data, position) : NULL;
    size_t extra = strlen("line 1, ");
    if (found == NULL)
        return;
    memmove(found, found + extra, strlen(found + extra) + 1);
    error->message.size -= extra;
}

void cli_input_blame_line(struct cli_input *input, const char *before)
{
    forget_line_one(input->error);
    cli_error_context(input->error, "%s %zu", before, input->line);
    input->error->line = input->line;
}
