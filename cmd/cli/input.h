/* SPDX-License-Identifier: MIT
 *
 * What commands read: whole documents and lines, from files or standard input, never more than they may have.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/errors.h"

struct cli_input {
    int fd;
    const char *path; /* NULL: standard input */
    struct cli_error *error;
    struct cli_text data; /* read, from `start` on not yet consumed */
    size_t start;
    bool end;    /* of the file */
    size_t line; /* number of the line that _line returned last, from 1 */
};

/* NULL or "-": standard input. */
int cli_input_open(struct cli_input *input, const char *path, struct cli_error *error);
void cli_input_close(struct cli_input *input);

/* All of it, at most CHRONDB_MAX_DOCUMENT bytes; else CHRONDB_EINVALID before the rest is read. Borrowed until close.
 */
int cli_input_all(struct cli_input *input, const char **data, size_t *size);

/* The next line that is not blank, without its end. 0, CHRONDB_END, or an error (a line of over `max` bytes:
 * CHRONDB_EINVALID). Borrowed until the next call. */
int cli_input_line(struct cli_input *input, size_t max, const char **line, size_t *size);

#endif
