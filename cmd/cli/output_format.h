/* SPDX-License-Identifier: MIT
 *
 * Inside of the output: what a format sees, and what it writes to.
 */
#ifndef CLI_OUTPUT_FORMAT_H
#define CLI_OUTPUT_FORMAT_H

#include "cli/output.h"
#include "cli/text.h"

enum cli_value {
    CLI_VALUE_STRING,  /* text to be quoted */
    CLI_VALUE_COMMIT,  /* hexadecimal digits */
    CLI_VALUE_JSON,    /* a document */
    CLI_VALUE_LITERAL, /* a number, true, false: as it is */
    CLI_VALUE_NULL
};

struct cli_output_format {
    void (*begin)(struct cli_output *out);
    void (*member)(struct cli_output *out, const char *name, enum cli_value type, const char *value, size_t size);
    void (*open)(struct cli_output *out, const char *name, char bracket);
    void (*close)(struct cli_output *out, char bracket);
    void (*end)(struct cli_output *out);
    void (*finish)(struct cli_output *out, bool complete);
};

extern const struct cli_output_format cli_output_as_json, cli_output_as_text, cli_output_as_raw;

enum {
    CLI_OUTPUT_DEPTH = 8,     /* brackets open at a time */
    CLI_OUTPUT_COLUMNS = 32,  /* members that get a column of their own */
    CLI_OUTPUT_BUFFER = 65536 /* bytes per write */
};

/* A column of the text format, and what the record being built has there. Names are literals of the commands. */
struct cli_column {
    const char *name;
    size_t width;
    size_t start, size; /* in out->line */
};

struct cli_output {
    const struct cli_output_format *format;
    struct cli_error *error;
    enum cli_kind kind;
    const char *raw_member;
    bool array;    /* the records are elements of one JSON array */
    bool terminal; /* people read it, now or through the pager */
    bool pretty, color, paged, quiet;
    int pager; /* its process id, or 0 */
    int fd;    /* standard output, or where it was diverted to */

    uint64_t records;        /* complete ones */
    struct cli_text line;    /* the record being built */
    struct cli_text invalid; /* why its document is none; empty: it is one */
    const char *key;         /* its member "key", for errors, or NULL */
    chrondb_buffer layout;

    cli_output_mark mark; /* of the document that comes next, or NULL */
    void *mark_context;
    chrondb_mark *marks; /* what is to be seen: parts of the document, then of the line */
    size_t mark_count, mark_room;

    char brackets[CLI_OUTPUT_DEPTH];
    int depth;
    bool first_member;

    struct cli_column columns[CLI_OUTPUT_COLUMNS]; /* text: */
    size_t column_count;
    size_t column;         /* of the member being written */
    struct cli_text cells; /* rows that wait until the widths are known */
    bool widths_known;

    struct cli_text pending; /* bytes that wait for write(2) */
    bool write_failed;
};

/* Bytes for standard output. */
void cli_output_write(struct cli_output *out, const char *data, size_t size);
/* How JSON is to be laid out for who reads it: CHRONDB_JSON_*, 0 for programs. */
unsigned cli_output_layout(const struct cli_output *out);
/* Between these a part is seen: in reverse, which no colour undoes. */
#define CLI_OUTPUT_MARK   "\x1b[7m"
#define CLI_OUTPUT_UNMARK "\x1b[27m"

/* A document without insignificant white space; safe for terminals if the output goes to one. "null" and
 * CLI_VALUE_NULL if it is none (then out->invalid says why). Borrowed from out->layout. The marks that it adds to
 * out->marks, from number *first_mark on, are parts of it. */
const char *cli_output_compact(struct cli_output *out, const char *document, size_t *size, enum cli_value *type,
                               size_t *first_mark);

#endif
