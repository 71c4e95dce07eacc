/* SPDX-License-Identifier: MIT
 *
 * The query with a caret under the place of an error. */
#include <string.h>
#include <utf8proc.h>

#include "query/lex.h"
#include "util/utf8.h"

#define BEFORE 48 /* cells that are shown before and behind the place */
#define BEHIND 24

/* One character as it is shown. */
struct cell {
    size_t bytes; /* of the text; at least 1 */
    size_t width; /* on a terminal */
    bool plain;   /* shown as it is; else as one character of ours */
};

static struct cell cell_at(const char *text, size_t len)
{
    size_t bytes = cdb_utf8_width(text, len);
    utf8proc_int32_t code = 0;
    int width;

    if (bytes == 0 || cdb_utf8_is_control(text, bytes))
        return (struct cell){bytes > 0 ? bytes : 1, 1, false};
    utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &code);
    width = utf8proc_charwidth(code);
    return (struct cell){bytes, width > 0 ? (size_t)width : 0, true};
}

static void add_cell(struct cdb_buf *out, const char *text, struct cell cell)
{
    if (cell.plain)
        cdb_buf_add(out, text, cell.bytes);
    else
        cdb_buf_addc(out, *text == '\t' ? ' ' : '?');
}

/* The first and the last offset to show: about so many cells on both sides of `place`. */
static void choose(const char *text, size_t len, size_t place, size_t *first, size_t *last)
{
    size_t before = 0, behind = 0;
    struct cell cell;

    for (size_t at = 0; at < place; at += cell.bytes) {
        cell = cell_at(text + at, len - at);
        before += cell.width;
    }
    for (*first = 0; before > BEFORE; *first += cell.bytes) {
        cell = cell_at(text + *first, len - *first);
        before -= cell.width < before ? cell.width : before;
    }
    for (*last = place; *last < len && behind < BEHIND; *last += cell.bytes) {
        cell = cell_at(text + *last, len - *last);
        behind += cell.width;
    }
}

static void add_marked(struct cdb_buf *out, const char *text, size_t len, size_t place)
{
    size_t first = 0, last = 0, indent = 0;
    struct cell cell;

    choose(text, len, place, &first, &last);
    if (first > 0) {
        cdb_buf_adds(out, "...");
        indent = 3;
    }
    for (size_t at = first; at < last; at += cell.bytes) {
        cell = cell_at(text + at, len - at);
        add_cell(out, text + at, cell);
        indent += at < place ? cell.width : 0;
    }
    cdb_buf_adds(out, last < len ? "...\n" : "\n");
    for (; indent > 0; indent--)
        cdb_buf_addc(out, ' ');
    cdb_buf_addc(out, '^');
}

void cdb_query_mark(struct cdb_buf *out, const char *text, size_t len, size_t line, size_t column)
{
    const char *end = text + len;
    const char *newline;
    size_t place = 0;

    for (; line > 1 && text < end && (newline = memchr(text, '\n', (size_t)(end - text))) != NULL; line--)
        text = newline + 1;
    newline = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
    len = (size_t)((newline != NULL ? newline : end) - text);
    for (; column > 1 && place < len; column--)
        place += cell_at(text + place, len - place).bytes;
    add_marked(out, text, len, place);
}
