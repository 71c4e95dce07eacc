/* SPDX-License-Identifier: MIT */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

static const char *name_of(const struct cli_input *input)
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
    if (!cli_text_reserve(&input->data, CHUNK))
        return cli_error_memory(input->error);
    ssize_t n;
    do
        n = read(input->fd, input->data.data + input->data.size, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cli_error_errno(input->error, input->path, "cannot read '%s'", name_of(input));
    input->data.size += (size_t)n;
    input->data.data[input->data.size] = '\0';
    input->end = n == 0;
    return 0;
}

static int too_large(struct cli_input *input)
{
    cli_error_set(input->error, CHRONDB_EINVALID, "invalid_json", "'%s' is larger than a document may be (%zu MiB)",
                  name_of(input), CHRONDB_MAX_DOCUMENT >> 20);
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

/* Read until there is a line end behind `start`; its position, or the end of the data if the file ends first. */
static int find_line_end(struct cli_input *input, size_t max, size_t *end)
{
    size_t seen = input->start;
    for (;;) {
        const char *base = cli_text_string(&input->data);
        const char *newline = memchr(base + seen, '\n', input->data.size - seen);
        *end = newline != NULL ? (size_t)(newline - base) : input->data.size;
        if (*end - input->start > max)
            return cli_error_set(input->error, CHRONDB_EINVALID, "invalid_json", "line %zu is longer than %zu MiB",
                                 input->line + 1, max >> 20);
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
        size_t end;
        int result = find_line_end(input, max, &end);
        if (result != 0)
            return result;
        if (input->end && input->start >= input->data.size)
            return CHRONDB_END;
        *line = input->data.data + input->start;
        *size = end - input->start;
        input->start = end < input->data.size ? end + 1 : end;
        input->line++;
        if (!is_blank(*line, *size))
            return 0;
    }
}
