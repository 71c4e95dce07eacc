/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/output_format.h"
#include "cli/pager.h"

static bool want_color(enum cli_color color, bool terminal)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (color != CLI_COLOR_AUTO)
        return color == CLI_COLOR_ALWAYS;
    return terminal && (no_color == NULL || *no_color == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

struct cli_output *cli_output_new(enum cli_format format, bool explicit_format, enum cli_color color, bool quiet,
                                  struct cli_error *error)
{
    struct cli_output *out = calloc(1, sizeof *out);
    if (out == NULL)
        return NULL;
    out->error = error;
    out->fd = STDOUT_FILENO;
    out->quiet = quiet;
    out->format = format == CLI_TEXT  ? &cli_output_as_text
                  : format == CLI_RAW ? &cli_output_as_raw
                                      : &cli_output_as_json;
    out->array = format == CLI_JSON;
    out->terminal = isatty(STDOUT_FILENO);
    /* Who asks a terminal for NDJSON wants lines. */
    out->pretty = (out->terminal && !(format == CLI_NDJSON && explicit_format)) || format == CLI_TEXT;
    out->color = format != CLI_RAW && want_color(color, out->terminal);
    return out;
}

void cli_output_free(struct cli_output *out)
{
    if (out == NULL)
        return;
    cli_text_release(&out->line);
    cli_text_release(&out->invalid);
    cli_text_release(&out->cells);
    cli_text_release(&out->pending);
    chrondb_buffer_free(&out->layout);
    free(out->marks);
    free(out);
}

void cli_output_kind(struct cli_output *out, enum cli_kind kind, const char *raw_member)
{
    out->kind = kind;
    out->raw_member = raw_member;
}

void cli_output_page(struct cli_output *out)
{
    out->paged = out->terminal;
}

/* ---- bytes ---- */

/* The reader has gone: end without a word, as programs in a pipe do, also where SIGPIPE was being ignored. */
static void end_quietly(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

static void write_all(struct cli_output *out, const char *data, size_t size)
{
    if (out->paged && out->pager == 0)
        out->pager = cli_pager_start();
    while (size > 0 && !out->write_failed) {
        ssize_t n = write(out->fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno == EPIPE)
                end_quietly();
            cli_error_errno(out->error, NULL, "cannot write to standard output");
            out->write_failed = true;
            return;
        }
        data += n;
        size -= (size_t)n;
    }
}

static void flush(struct cli_output *out)
{
    write_all(out, out->pending.data, out->pending.size);
    cli_text_clear(&out->pending);
}

void cli_output_write(struct cli_output *out, const char *data, size_t size)
{
    if (out->pending.size + size > CLI_OUTPUT_BUFFER)
        flush(out);
    if (size > CLI_OUTPUT_BUFFER)
        write_all(out, data, size);
    else
        cli_text_add(&out->pending, data, size);
}

static const char *key_of(const struct cli_output *out)
{
    return out->key != NULL ? out->key : "a stored document";
}

/* Note what is to be seen of the document in out->layout. */
static void note_marks(struct cli_output *out)
{
    const chrondb_mark *marks = NULL;
    size_t count = 0;
    if (out->mark(out->mark_context, out->layout.data, out->layout.size, &marks, &count) != 0) {
        cli_error_context(out->error, "cannot show '%s'", key_of(out));
        return;
    }
    if (count > out->mark_room - out->mark_count) {
        chrondb_mark *grown = realloc(out->marks, (out->mark_count + count) * sizeof *grown);
        if (grown == NULL) {
            cli_error_memory(out->error);
            return;
        }
        out->marks = grown;
        out->mark_room = out->mark_count + count;
    }
    if (count > 0)
        memcpy(out->marks + out->mark_count, marks, count * sizeof *marks);
    out->mark_count += count;
}

const char *cli_output_compact(struct cli_output *out, const char *document, size_t *size, enum cli_value *type,
                               size_t *first_mark)
{
    *first_mark = out->mark_count;
    int result = chrondb_json_format(&out->layout, document, *size, out->terminal ? CHRONDB_JSON_SAFE : 0);
    if (result != 0) {
        if (result != CHRONDB_EINVALID)
            cli_error_context(out->error, "cannot show '%s'", key_of(out));
        else if (out->invalid.size == 0)
            cli_text_adds(&out->invalid, chrondb_last_error()->message);
        *type = CLI_VALUE_NULL;
        *size = 4;
        return "null";
    }
    if (out->mark != NULL)
        note_marks(out);
    *size = out->layout.size;
    return out->layout.data;
}

/* ---- records ---- */

void cli_output_begin(struct cli_output *out)
{
    cli_text_clear(&out->line);
    cli_text_clear(&out->invalid);
    out->key = NULL;
    out->depth = 0;
    out->first_member = true;
    out->mark_count = 0;
    out->format->begin(out);
}

/* Git can commit any file as a document; one that is none ends no list. */
static void tell_invalid(struct cli_output *out)
{
    struct cli_text text = {0};
    cli_output_open_object(out, "error");
    cli_output_string(out, "code", "invalid_json");
    cli_output_string(out, "message", cli_text_string(&out->invalid));
    cli_output_close(out);
    cli_text_addf(&text, "cannot show '%s': %s", key_of(out), cli_text_string(&out->invalid));
    if (!out->quiet)
        cli_notice_print("warning", cli_text_string(&text));
    cli_text_release(&text);
}

int cli_output_end(struct cli_output *out)
{
    if (out->invalid.size > 0)
        tell_invalid(out);
    out->format->end(out);
    out->records++;
    if (out->line.failed || out->invalid.failed || out->cells.failed || out->pending.failed)
        cli_error_memory(out->error);
    if (out->terminal) /* somebody is waiting for it */
        flush(out);
    return out->error->code;
}

static void member(struct cli_output *out, const char *name, enum cli_value type, const char *value, size_t size)
{
    if (value == NULL)
        out->format->member(out, name, CLI_VALUE_NULL, "null", 4);
    else
        out->format->member(out, name, type, value, size);
    out->first_member = false;
}

void cli_output_string(struct cli_output *out, const char *name, const char *value)
{
    if (out->depth == 0 && name != NULL && strcmp(name, "key") == 0)
        out->key = value;
    member(out, name, CLI_VALUE_STRING, value, value != NULL ? strlen(value) : 0);
}

void cli_output_bytes(struct cli_output *out, const char *name, const char *value, size_t size)
{
    member(out, name, CLI_VALUE_STRING, value, size);
}

void cli_output_commit(struct cli_output *out, const char *name, const char *hex)
{
    member(out, name, CLI_VALUE_COMMIT, hex, hex != NULL ? strlen(hex) : 0);
}

void cli_output_json(struct cli_output *out, const char *name, const char *document, size_t size)
{
    member(out, name, CLI_VALUE_JSON, document, size);
}

bool cli_output_paints(const struct cli_output *out)
{
    return out->color && out->format != &cli_output_as_raw;
}

void cli_output_marked(struct cli_output *out, const char *name, const char *document, size_t size,
                       cli_output_mark mark, void *context)
{
    out->mark = mark;
    out->mark_context = context;
    cli_output_json(out, name, document, size);
    out->mark = NULL;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* White space around a value is the line's, not the document's. */
static bool fits_line(const char *document, size_t size)
{
    return size > 0 && !is_space(document[0]) && !is_space(document[size - 1]) &&
           memchr(document, '\n', size) == NULL && memchr(document, '\r', size) == NULL;
}

void cli_output_exact(struct cli_output *out, const char *name, const char *document, size_t size)
{
    bool fits = fits_line(document, size);
    if (out->format != &cli_output_as_json || cli_output_layout(out) != 0 || !fits ||
        chrondb_json_check(document, size) != 0)
        cli_output_json(out, name, document, size);
    else
        member(out, name, CLI_VALUE_LITERAL, document, size);
    if (!fits && out->invalid.size == 0 && out->format == &cli_output_as_json)
        member(out, "text", CLI_VALUE_STRING, document, size);
}

void cli_output_number(struct cli_output *out, const char *name, uint64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, value);
    member(out, name, CLI_VALUE_LITERAL, text, (size_t)size);
}

void cli_output_real(struct cli_output *out, const char *name, double value)
{
    char text[32];
    int size = 0;
    if (!isfinite(value)) {
        cli_output_null(out, name);
        return;
    }
    /* Fewer than FLT_DIG digits need not be tried: zeros at the end are not printed. */
    for (int digits = fabs(value) < (double)FLT_MIN ? 1 : FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
        size = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            break;
    }
    member(out, name, CLI_VALUE_LITERAL, text, (size_t)size);
}

void cli_output_bool(struct cli_output *out, const char *name, bool value)
{
    const char *text = value ? "true" : "false";
    member(out, name, CLI_VALUE_LITERAL, text, strlen(text));
}

void cli_output_null(struct cli_output *out, const char *name)
{
    member(out, name, CLI_VALUE_NULL, NULL, 0);
}

void cli_output_time(struct cli_output *out, const char *name, chrondb_time value)
{
    char text[CHRONDB_TIME_SIZE];
    chrondb_time_format(value, text);
    cli_output_string(out, name, text);
}

static void open_bracket(struct cli_output *out, const char *name, char bracket)
{
    out->format->open(out, name, bracket);
    out->brackets[out->depth++ % CLI_OUTPUT_DEPTH] = bracket;
    out->first_member = true;
}

void cli_output_open_array(struct cli_output *out, const char *name)
{
    open_bracket(out, name, '[');
}

void cli_output_open_object(struct cli_output *out, const char *name)
{
    open_bracket(out, name, '{');
}

void cli_output_close(struct cli_output *out)
{
    out->depth--;
    out->format->close(out, out->brackets[out->depth % CLI_OUTPUT_DEPTH]);
    out->first_member = false;
}

/* ---- other than records ---- */

unsigned cli_output_layout(const struct cli_output *out)
{
    return (out->pretty ? CHRONDB_JSON_PRETTY : 0) | (out->color ? CHRONDB_JSON_COLOR : 0) |
           (out->terminal ? CHRONDB_JSON_SAFE : 0);
}

int cli_output_document(struct cli_output *out, const char *document, size_t size)
{
    unsigned flags = cli_output_layout(out);
    bool raw = out->format == &cli_output_as_raw;
    if (flags != 0 && !raw && chrondb_json_format(&out->layout, document, size, flags) == 0)
        return cli_output_text(out, out->layout.data, out->layout.size);
    if (!out->terminal)
        return cli_output_text(out, document, size);
    /* Raw, or a file of other tools that is no JSON: shown all the same. */
    cli_text_clear(&out->line);
    cli_text_add_lines_safe(&out->line, document, size);
    return cli_output_text(out, cli_text_string(&out->line), out->line.size);
}

int cli_output_text(struct cli_output *out, const char *text, size_t size)
{
    cli_output_write(out, text, size);
    if (size == 0 || text[size - 1] != '\n')
        cli_output_write(out, "\n", 1);
    if (out->line.failed || out->pending.failed)
        cli_error_memory(out->error);
    return out->error->code;
}

int cli_output_flush(struct cli_output *out)
{
    out->format->finish(out, false); /* rows that wait for others */
    flush(out);
    if (out->pending.failed)
        cli_error_memory(out->error);
    return out->error->code;
}

void cli_output_divert(struct cli_output *out, int fd)
{
    out->fd = fd;
    out->terminal = out->color = false;
    out->pretty = out->format == &cli_output_as_text;
}

int cli_output_wait(struct cli_output *out, int fd)
{
    struct pollfd fds[] = {
        {.fd = fd, .events = POLLIN}, {.fd = cli_interrupt_fd(), .events = POLLIN}, {.fd = STDOUT_FILENO}};
    int result = cli_output_flush(out);
    if (result != 0)
        return result;
    while (poll(fds, sizeof fds / sizeof *fds, -1) < 0)
        if (errno != EINTR)
            return cli_error_errno(out->error, NULL, "cannot wait");
    if (fds[2].revents & (POLLERR | POLLHUP)) {
        end_quietly();
        errno = EPIPE;
        return cli_error_errno(out->error, NULL, "cannot write to standard output");
    }
    return 0;
}

int cli_output_finish(struct cli_output *out, bool complete)
{
    out->format->finish(out, complete);
    if (out->cells.failed || out->pending.failed)
        cli_error_memory(out->error);
    if (out->pending.size > 0)
        flush(out);
    /* Some file systems tell only now that they could not write. */
    if (close(STDOUT_FILENO) != 0 && !out->write_failed) {
        cli_error_errno(out->error, NULL, "cannot write to standard output");
        out->write_failed = true;
    }
    if (out->pager > 0)
        cli_pager_wait(out->pager);
    return out->write_failed || out->pending.failed ? CHRONDB_ESYSTEM : 0;
}
