/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "chrondb.h"
#include "doc/json.h"
#include "doc/lexer.h"
#include "util/utf8.h"

/* The colours of jq. */
#define COLOR_STRUCTURE "\x1b[1;39m"
#define COLOR_NAME      "\x1b[34;1m"
#define COLOR_NULL      "\x1b[0;90m"
#define COLOR_STRING    "\x1b[0;32m"
#define COLOR_OTHER     "\x1b[0;39m"
#define COLOR_END       "\x1b[0m"

/* ---- compact, nothing else: what records are made of ------------------------------------------- */

/* Behind the string whose opening quote is at `p`. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

/* Copies the runs between white space: one, for a text that is compact already. */
static void compact(struct cdb_buf *out, const char *text, size_t len)
{
    const char *end = text + len;
    const char *run = text;
    const char *p = text;

    if (!cdb_buf_reserve(out, len))
        return;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (cdb_json_is_space(*p)) {
            cdb_buf_add(out, run, (size_t)(p - run));
            while (p < end && cdb_json_is_space(*p))
                p++;
            run = p;
        } else {
            p++;
        }
    }
    cdb_buf_add(out, run, (size_t)(p - run));
}

/* ---- the other layouts ------------------------------------------------------------------------- */

struct printer {
    struct cdb_buf *out;
    unsigned flags;
    bool first;    /* nothing has been printed in the innermost array or object */
    bool has_name; /* the name of the next value has been printed */
};

static void add_colored(struct printer *printer, const char *color, const char *text, size_t len)
{
    if (printer->flags & CHRONDB_JSON_COLOR)
        cdb_buf_adds(printer->out, color);
    cdb_buf_add(printer->out, text, len);
    if (printer->flags & CHRONDB_JSON_COLOR)
        cdb_buf_adds(printer->out, COLOR_END);
}

static void add_structure(struct printer *printer, const char *text)
{
    add_colored(printer, COLOR_STRUCTURE, text, strlen(text));
}

static void add_line(struct printer *printer, unsigned depth)
{
    if (!(printer->flags & CHRONDB_JSON_PRETTY))
        return;
    if (!cdb_buf_reserve(printer->out, 1 + 2 * (size_t)depth))
        return;
    cdb_buf_addc(printer->out, '\n');
    memset(printer->out->ptr + printer->out->len, ' ', 2 * (size_t)depth);
    printer->out->len += 2 * (size_t)depth;
    printer->out->ptr[printer->out->len] = '\0';
}

/* Only DEL and C1 can stand in a valid string as they are. */
static void add_safe(struct cdb_buf *out, const char *text, size_t len)
{
    size_t plain = 0;
    size_t width;

    for (size_t i = 0; i < len; i += width) {
        width = cdb_utf8_width(text + i, len - i);
        if (width == 0)
            width = 1;
        if (!cdb_utf8_is_control(text + i, width))
            continue;
        cdb_buf_add(out, text + plain, i - plain);
        cdb_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)text[i + width - 1]);
        plain = i + width;
    }
    cdb_buf_add(out, text + plain, len - plain);
}

static void add_token(struct printer *printer, const char *color, const char *text, size_t len)
{
    if (!(printer->flags & CHRONDB_JSON_SAFE) || *text != '"') {
        add_colored(printer, color, text, len);
        return;
    }
    if (printer->flags & CHRONDB_JSON_COLOR)
        cdb_buf_adds(printer->out, color);
    add_safe(printer->out, text, len);
    if (printer->flags & CHRONDB_JSON_COLOR)
        cdb_buf_adds(printer->out, COLOR_END);
}

static const char *value_color(enum cdb_json_type type)
{
    switch (type) {
    case CDB_JSON_NULL:
        return COLOR_NULL;
    case CDB_JSON_STRING:
        return COLOR_STRING;
    default:
        return COLOR_OTHER;
    }
}

/* What stands between the things of an array or object. `depth`: how many are open around the next thing. */
static void separate(struct printer *printer, unsigned depth)
{
    if (printer->has_name) {
        printer->has_name = false;
    } else if (depth > 0) {
        if (!printer->first)
            add_structure(printer, ",");
        add_line(printer, depth);
    }
    printer->first = false;
}

static void print(struct printer *printer, const struct cdb_lexer *lexer, enum cdb_lex_kind kind)
{
    const char *text = lexer->text + lexer->start;
    bool object = lexer->type == CDB_JSON_OBJECT;

    switch (kind) {
    case CDB_LEX_NAME:
        separate(printer, lexer->depth);
        add_token(printer, COLOR_NAME, text, lexer->name_end - lexer->start);
        add_structure(printer, ":");
        if (printer->flags & CHRONDB_JSON_PRETTY)
            cdb_buf_addc(printer->out, ' ');
        printer->has_name = true;
        break;
    case CDB_LEX_VALUE:
        separate(printer, lexer->depth);
        add_token(printer, value_color(lexer->type), text, (size_t)(lexer->at - text));
        break;
    case CDB_LEX_OPEN:
        separate(printer, lexer->depth - 1);
        add_structure(printer, object ? "{" : "[");
        printer->first = true;
        break;
    case CDB_LEX_CLOSE:
        if (!printer->first)
            add_line(printer, lexer->depth);
        add_structure(printer, object ? "}" : "]");
        printer->first = false;
        break;
    default:
        break;
    }
}

void cdb_json_format(struct cdb_buf *out, const char *text, size_t len, unsigned flags)
{
    struct printer printer = {.out = out, .flags = flags, .first = true};
    struct cdb_lexer lexer;
    enum cdb_lex_kind kind;

    if ((flags & (CHRONDB_JSON_PRETTY | CHRONDB_JSON_COLOR | CHRONDB_JSON_SAFE)) == 0) {
        compact(out, text, len);
        return;
    }
    if (!cdb_lexer_init(&lexer, text, len))
        return;
    while ((kind = cdb_lexer_next(&lexer)) > CDB_LEX_END && !out->failed)
        print(&printer, &lexer, kind);
}
