/* SPDX-License-Identifier: MIT
 *
 * What commands read: whole documents and lines, from files or standard input, never more than they may have.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdint.h>

#include "cli/errors.h"

/* The most that a line may have, which holds a document, its key, and a little around them. */
#define CLI_INPUT_DOCUMENT_LINE (CHRONDB_MAX_DOCUMENT + 65536)

struct cli_input {
    int fd;
    const char *path; /* NULL: standard input */
    struct cli_error *error;
    size_t chunk;       /* bytes to read at a time; 0: 64 KiB */
    bool interruptible; /* a signal ends the waiting for more: CLI_INTERRUPTED (cli/interrupt.h) */

    struct cli_text data; /* read, from `start` on not yet consumed */
    size_t start;
    bool end;       /* of the file */
    bool skipping;  /* what comes belongs to a line that was too long */
    size_t line;    /* number of the line that _line returned last, from 1 */
    uint64_t bytes; /* read so far */
};

/* NULL or "-": standard input. */
int cli_input_open(struct cli_input *input, const char *path, struct cli_error *error);
void cli_input_close(struct cli_input *input);

/* For messages: the name of the file, which stands between quotes, or "standard input", which does not. */
const char *cli_input_name(const struct cli_input *input);
const char *cli_input_quote(const struct cli_input *input);

/* All of it, at most CHRONDB_MAX_DOCUMENT bytes; else CHRONDB_EINVALID before the rest is read. Borrowed until close.
 */
int cli_input_all(struct cli_input *input, const char **data, size_t *size);

/* How many bytes the rest of the file has; 0 if that is not known. */
uint64_t cli_input_size(const struct cli_input *input);

/* The next line that is not blank, without its end and, at the start of the file, without a byte order mark. 0,
 * CHRONDB_END, or an error. Borrowed until the next call. A line of over `max` bytes is CHRONDB_EINVALID, and never
 * held as a whole; the next call goes on behind it. */
int cli_input_line(struct cli_input *input, size_t max, const char **line, size_t *size);

/* The error of `input` is one of the last line: put "BEFORE NUMBER: " in front of it. */
void cli_input_blame_line(struct cli_input *input, const char *before);

#endif
