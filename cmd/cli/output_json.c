/* SPDX-License-Identifier: MIT
 *
 * Records as JSON: one a line, or the elements of one array; indented and coloured for people.
 */
#include <string.h>

#include "cli/output_format.h"

static void begin(struct cli_output *out)
{
    cli_text_addc(&out->line, '{');
}

static void name_member(struct cli_output *out, const char *name)
{
    if (!out->first_member)
        cli_text_addc(&out->line, ',');
    if (name != NULL) {
        cli_text_add_json(&out->line, name, strlen(name));
        cli_text_addc(&out->line, ':');
    }
}

/* The marks of the document that stands at the end of the line become those of the line. */
static void shift_marks(struct cli_output *out, size_t mark)
{
    for (; mark < out->mark_count; mark++) {
        out->marks[mark].start += out->line.size;
        out->marks[mark].end += out->line.size;
    }
}

static void member(struct cli_output *out, const char *name, enum cli_value type, const char *value, size_t size)
{
    size_t mark;
    name_member(out, name);
    if (type == CLI_VALUE_STRING || type == CLI_VALUE_COMMIT)
        cli_text_add_json(&out->line, value, size);
    else if (type == CLI_VALUE_JSON) {
        value = cli_output_compact(out, value, &size, &type, &mark);
        shift_marks(out, mark);
        cli_text_add(&out->line, value, size);
    } else
        cli_text_add(&out->line, value, size);
}

static void open_bracket(struct cli_output *out, const char *name, char bracket)
{
    name_member(out, name);
    cli_text_addc(&out->line, bracket);
}

static void close_bracket(struct cli_output *out, char bracket)
{
    cli_text_addc(&out->line, bracket == '[' ? ']' : '}');
}

/* The elements of an indented array stand two blanks to the right. */
static void write_indented(struct cli_output *out, const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *next = newline != NULL ? newline + 1 : end;
        cli_output_write(out, "  ", 2);
        cli_output_write(out, text, (size_t)(next - text));
        text = next;
    }
}

/* A copy of the line as it was laid out, with the marks painted. The layout differs from the line by white space
 * outside of strings, where the line has none, and by colours, which the line cannot hold. */
static void paint(struct cli_output *out, struct cli_text *painted)
{
    const char *line = out->line.data, *text = out->layout.data;
    const chrondb_mark *mark = out->marks, *end = out->marks + out->mark_count;
    size_t at = 0; /* in the line */
    for (size_t i = 0; i < out->layout.size;) {
        size_t colour = text[i] == '\x1b' ? strcspn(text + i, "m") + 1 : 0;
        if (colour > 0 || text[i] != line[at]) {
            size_t size = colour > 0 ? colour : 1;
            cli_text_add(painted, text + i, size);
            i += size;
            continue;
        }
        if (mark < end && at == mark->start)
            cli_text_adds(painted, CLI_OUTPUT_MARK);
        cli_text_addc(painted, text[i++]);
        at++;
        if (mark < end && at == mark->end) {
            cli_text_adds(painted, CLI_OUTPUT_UNMARK);
            mark++;
        }
    }
}

static void write_record(struct cli_output *out, bool element)
{
    const char *text = cli_text_string(&out->line);
    size_t size = out->line.size;
    unsigned flags = cli_output_layout(out);
    struct cli_text painted = {0};
    if (flags != 0) {
        if (chrondb_json_format(&out->layout, text, size, flags) != 0) {
            cli_error_adopt(out->error);
            return;
        }
        text = out->layout.data;
        size = out->layout.size;
    }
    if (flags != 0 && out->mark_count > 0) {
        paint(out, &painted);
        text = cli_text_string(&painted);
        size = painted.size;
        if (painted.failed)
            cli_error_memory(out->error);
    }
    if (element && out->pretty)
        write_indented(out, text, size);
    else
        cli_output_write(out, text, size);
    cli_text_release(&painted);
}

static void end(struct cli_output *out)
{
    bool element = out->array && out->kind == CLI_MANY;
    cli_text_addc(&out->line, '}');
    if (out->line.failed || out->error->code != 0)
        return;
    if (element)
        cli_output_write(out, out->records == 0 ? "[\n" : ",\n", 2);
    write_record(out, element);
    if (!element)
        cli_output_write(out, "\n", 1);
}

static void finish(struct cli_output *out, bool complete)
{
    if (!complete || !out->array || out->kind != CLI_MANY)
        return;
    if (out->records == 0)
        cli_output_write(out, "[]\n", 3);
    else
        cli_output_write(out, "\n]\n", 3);
}

const struct cli_output_format cli_output_as_json = {begin, member, open_bracket, close_bracket, end, finish};
