/* SPDX-License-Identifier: MIT
 *
 * Records for people: one as lines of name and value, many as a table. The widths of a table's columns are those of
 * its first rows; a longer cell behind them pushes its row to the right.
 */
#include <ctype.h>
#include <string.h>

#include "cli/output_format.h"

enum { FIRST_ROWS = 200, FIRST_BYTES = 65536, COMMIT_DIGITS = 12, GAP = 2 };

/* Cells hold no control characters, so these can stand between them. */
static const char cell_end = '\t', row_end = '\n';

static void begin(struct cli_output *out)
{
    for (size_t i = 0; i < out->column_count; i++)
        out->columns[i].size = 0;
}

/* The column of that name; the last one serves all that find no place. */
static size_t find_column(struct cli_output *out, const char *name)
{
    for (size_t i = 0; i < out->column_count; i++)
        if (strcmp(out->columns[i].name, name) == 0)
            return i;
    if (out->column_count == CLI_OUTPUT_COLUMNS)
        return CLI_OUTPUT_COLUMNS - 1;
    out->columns[out->column_count] = (struct cli_column){name, strlen(name), 0, 0};
    return out->column_count++;
}

static void start_cell(struct cli_output *out, const char *name)
{
    out->column = find_column(out, name);
    out->columns[out->column].start = out->line.size;
}

static void end_cell(struct cli_output *out)
{
    struct cli_column *column = &out->columns[out->column];
    column->size = out->line.size - column->start;
}

/* Members of an object stand as name=value, those of an array's elements as their values alone. */
static void name_nested(struct cli_output *out, const char *name)
{
    bool element = out->depth >= 2;
    if (!out->first_member)
        cli_text_adds(&out->line, element ? " " : ", ");
    if (!element && name != NULL) {
        cli_text_add_safe(&out->line, name, strlen(name));
        cli_text_addc(&out->line, '=');
    }
}

/* With the marks from that number on. */
static void add_marked(struct cli_output *out, const char *value, size_t size, size_t mark)
{
    size_t at = 0;
    for (; mark < out->mark_count; mark++) {
        const chrondb_mark *part = &out->marks[mark];
        cli_text_add_safe(&out->line, value + at, part->start - at);
        cli_text_adds(&out->line, CLI_OUTPUT_MARK);
        cli_text_add_safe(&out->line, value + part->start, part->end - part->start);
        cli_text_adds(&out->line, CLI_OUTPUT_UNMARK);
        at = part->end;
    }
    cli_text_add_safe(&out->line, value + at, size - at);
}

static void member(struct cli_output *out, const char *name, enum cli_value type, const char *value, size_t size)
{
    size_t mark = out->mark_count;
    if (out->depth == 0)
        start_cell(out, name);
    else
        name_nested(out, name);
    if (type == CLI_VALUE_JSON)
        value = cli_output_compact(out, value, &size, &type, &mark);
    if (type == CLI_VALUE_COMMIT && size > COMMIT_DIGITS)
        size = COMMIT_DIGITS;
    if (type == CLI_VALUE_NULL)
        cli_text_addc(&out->line, '-');
    else
        add_marked(out, value, size, mark);
    if (out->depth == 0)
        end_cell(out);
}

static void open_bracket(struct cli_output *out, const char *name, char bracket)
{
    (void)bracket;
    if (out->depth == 0)
        start_cell(out, name);
    else if (!out->first_member)
        cli_text_adds(&out->line, ", ");
}

static void close_bracket(struct cli_output *out, char bracket)
{
    (void)bracket;
    if (out->depth == 0)
        end_cell(out);
}

/* ---- one record ---- */

static void write_lines(struct cli_output *out)
{
    struct cli_text text = {0};
    size_t width = 0;
    for (size_t i = 0; i < out->column_count; i++)
        if (out->columns[i].width > width)
            width = out->columns[i].width;
    for (size_t i = 0; i < out->column_count; i++) {
        const struct cli_column *column = &out->columns[i];
        cli_text_adds(&text, column->name);
        cli_text_pad(&text, width - strlen(column->name) + GAP);
        cli_text_add(&text, cli_text_string(&out->line) + column->start, column->size);
        cli_text_addc(&text, '\n');
    }
    if (text.failed)
        cli_error_memory(out->error);
    else
        cli_output_write(out, text.data, text.size);
    cli_text_release(&text);
}

/* ---- many ---- */

static void add_padded(struct cli_text *text, const struct cli_column *column, const char *cell, size_t size, bool last)
{
    size_t width = cli_utf8_width(cell, size);
    cli_text_add(text, cell, size);
    if (!last)
        cli_text_pad(text, (width < column->width ? column->width - width : 0) + GAP);
}

static void write_header(struct cli_output *out, struct cli_text *text)
{
    for (size_t i = 0; i < out->column_count; i++) {
        const struct cli_column *column = &out->columns[i];
        size_t start = text->size;
        add_padded(text, column, column->name, strlen(column->name), i + 1 == out->column_count);
        for (; start < text->size; start++)
            text->data[start] = (char)toupper((unsigned char)text->data[start]);
    }
    cli_text_addc(text, '\n');
}

/* A row's cells, each with its end, as add_row left them. */
static void write_row(struct cli_output *out, struct cli_text *text, const char *row, const char *end)
{
    for (size_t i = 0; row < end; i++) {
        const char *stop = memchr(row, cell_end, (size_t)(end - row));
        if (stop == NULL)
            break;
        add_padded(text, &out->columns[i], row, (size_t)(stop - row), stop + 1 == end);
        row = stop + 1;
    }
    cli_text_addc(text, '\n');
}

static void write_rows(struct cli_output *out)
{
    struct cli_text text = {0};
    const char *row = cli_text_string(&out->cells), *end = row + out->cells.size;
    if (!out->widths_known)
        write_header(out, &text);
    out->widths_known = true;
    while (row < end) {
        const char *stop = memchr(row, row_end, (size_t)(end - row));
        if (stop == NULL)
            break;
        write_row(out, &text, row, stop);
        row = stop + 1;
    }
    if (text.failed)
        cli_error_memory(out->error);
    else
        cli_output_write(out, text.data, text.size);
    cli_text_release(&text);
    cli_text_clear(&out->cells);
}

static void add_row(struct cli_output *out)
{
    for (size_t i = 0; i < out->column_count; i++) {
        struct cli_column *column = &out->columns[i];
        const char *cell = cli_text_string(&out->line) + column->start;
        size_t width = cli_utf8_width(cell, column->size);
        if (!out->widths_known && width > column->width)
            column->width = width;
        cli_text_add(&out->cells, cell, column->size);
        cli_text_addc(&out->cells, cell_end);
    }
    cli_text_addc(&out->cells, row_end);
}

static void end(struct cli_output *out)
{
    if (out->line.failed || out->error->code != 0)
        return;
    if (out->kind == CLI_ONE) {
        write_lines(out);
        return;
    }
    add_row(out);
    if (out->widths_known || out->records >= FIRST_ROWS || out->cells.size >= FIRST_BYTES)
        write_rows(out);
}

static void finish(struct cli_output *out, bool complete)
{
    (void)complete;
    if (out->kind == CLI_MANY && out->cells.size > 0)
        write_rows(out);
}

const struct cli_output_format cli_output_as_text = {begin, member, open_bracket, close_bracket, end, finish};
