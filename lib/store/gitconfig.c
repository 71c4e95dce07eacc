/* SPDX-License-Identifier: MIT */
#include "store/gitconfig.h"

#include <string.h>

#include "util/error.h"

/* ---- bytes, as git sees them ------------------------------------------------------------------- */

/* The C library's tests depend on the locale; git's do not. */
static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(int c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

static char lower(int c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The end of the text looks like a newline, for ever. */
static int peek(const struct cdb_gitconfig *walk)
{
    if (walk->at >= walk->len)
        return '\n';
    if (walk->text[walk->at] == '\r' && walk->at + 1 < walk->len && walk->text[walk->at + 1] == '\n')
        return '\n';
    return (unsigned char)walk->text[walk->at];
}

static bool at_end(const struct cdb_gitconfig *walk)
{
    return walk->at >= walk->len;
}

static int take(struct cdb_gitconfig *walk)
{
    int c = peek(walk);
    if (at_end(walk))
        return c;
    walk->at += c == '\n' && walk->text[walk->at] == '\r' ? 2 : 1;
    walk->line += c == '\n';
    return c;
}

static void skip_line(struct cdb_gitconfig *walk)
{
    while (!at_end(walk) && take(walk) != '\n')
        ;
}

/* ---- pieces ------------------------------------------------------------------------------------ */

static int malformed(size_t line)
{
    int result = cdb_error(CHRONDB_EDAMAGED, "invalid_config", "line %zu is not one of a git configuration file", line);
    cdb_error_set_position(line, 0);
    return result;
}

/* Behind the white space that follows a section's name: "sub"] */
static bool take_subsection(struct cdb_gitconfig *walk)
{
    while (is_space(peek(walk)))
        if (take(walk) == '\n')
            return false;
    if (take(walk) != '"')
        return false;
    cdb_buf_addc(&walk->section, '.');
    for (int c = take(walk); c != '"'; c = take(walk)) {
        if (c == '\\')
            c = take(walk);
        if (c == '\n')
            return false;
        cdb_buf_addc(&walk->section, (char)c);
    }
    return take(walk) == ']';
}

/* Behind its '['. */
static bool take_section(struct cdb_gitconfig *walk)
{
    cdb_buf_clear(&walk->section);
    for (;;) {
        if (at_end(walk))
            return false;
        int c = peek(walk);
        if (is_space(c))
            return take_subsection(walk);
        take(walk);
        if (c == ']')
            return walk->section.len > 0 || walk->section.failed;
        if (!is_name(c) && c != '.')
            return false;
        cdb_buf_addc(&walk->section, lower(c));
    }
}

/* The rest of the header's line belongs to it unless there is a variable. */
static void end_section(struct cdb_gitconfig *walk)
{
    size_t end = walk->at;
    while (peek(walk) != '\n' && is_space(peek(walk)))
        take(walk);
    int c = peek(walk);
    if (c == '\n' || c == '#' || c == ';') {
        skip_line(walk);
        end = walk->at;
    }
    walk->end = end;
}

/* Behind a backslash in a value; -1 if it means nothing. */
static int unescape(int c)
{
    switch (c) {
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case '\\':
    case '"':
        return c;
    default:
        return -1;
    }
}

/* Behind the '=', to the end of the line, and of those that continue it. White space around the value does not count,
 * unless it is quoted. */
static bool take_value(struct cdb_gitconfig *walk)
{
    bool quoted = false;
    size_t spaces = 0;
    for (;;) {
        int c = take(walk);
        if (c == '\n')
            return !quoted;
        if (is_space(c) && !quoted) {
            spaces += walk->value.len > 0;
            continue;
        }
        if (!quoted && (c == '#' || c == ';')) {
            skip_line(walk);
            return true;
        }
        for (; spaces > 0; spaces--)
            cdb_buf_addc(&walk->value, ' ');
        if (c == '\\') {
            c = take(walk);
            if (c == '\n')
                continue;
            if ((c = unescape(c)) < 0)
                return false;
            cdb_buf_addc(&walk->value, (char)c);
        } else if (c == '"') {
            quoted = !quoted;
        } else {
            cdb_buf_addc(&walk->value, (char)c);
        }
    }
}

static bool take_variable(struct cdb_gitconfig *walk)
{
    if (!is_letter(peek(walk)))
        return false;
    cdb_buf_clear(&walk->name);
    cdb_buf_clear(&walk->value);
    cdb_buf_add(&walk->name, cdb_buf_str(&walk->section), walk->section.len);
    if (walk->section.len > 0)
        cdb_buf_addc(&walk->name, '.');
    while (is_name(peek(walk)))
        cdb_buf_addc(&walk->name, lower(take(walk)));
    while (peek(walk) == ' ' || peek(walk) == '\t')
        take(walk);
    int c = take(walk);
    return c == '\n' || (c == '=' && take_value(walk));
}

void cdb_gitconfig_open(struct cdb_gitconfig *walk, const char *text, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors put it there, and git passes over it */
    *walk = (struct cdb_gitconfig){.text = text, .len = len, .line = 1};
    if (len >= sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0)
        walk->at = sizeof(mark) - 1;
}

void cdb_gitconfig_release(struct cdb_gitconfig *walk)
{
    cdb_buf_release(&walk->name);
    cdb_buf_release(&walk->value);
    cdb_buf_release(&walk->section);
}

int cdb_gitconfig_next(struct cdb_gitconfig *walk)
{
    while (!at_end(walk) && (is_space(peek(walk)) || peek(walk) == '#' || peek(walk) == ';')) {
        if (is_space(peek(walk)))
            take(walk);
        else
            skip_line(walk);
    }
    if (at_end(walk))
        return 1;
    size_t line = walk->line;
    bool good;
    walk->start = walk->at;
    if (peek(walk) == '[') {
        take(walk);
        walk->kind = CDB_GITCONFIG_SECTION;
        if ((good = take_section(walk)))
            end_section(walk);
        cdb_buf_clear(&walk->name);
        cdb_buf_add(&walk->name, cdb_buf_str(&walk->section), walk->section.len);
    } else {
        walk->kind = CDB_GITCONFIG_VARIABLE;
        good = take_variable(walk);
        walk->end = walk->at;
    }
    if (walk->section.failed || walk->name.failed || walk->value.failed)
        return cdb_error_memory();
    return good ? 0 : malformed(line);
}

bool cdb_gitconfig_is(const struct cdb_gitconfig *walk, enum cdb_gitconfig_kind kind, const char *name, size_t len)
{
    return walk->kind == kind && walk->name.len == len && memcmp(cdb_buf_str(&walk->name), name, len) == 0;
}

int cdb_gitconfig_get(const char *text, size_t len, const char *name, struct cdb_buf *value)
{
    struct cdb_gitconfig walk;
    bool found = false;
    int result;
    cdb_gitconfig_open(&walk, text, len);
    while ((result = cdb_gitconfig_next(&walk)) == 0) {
        if (!cdb_gitconfig_is(&walk, CDB_GITCONFIG_VARIABLE, name, strlen(name)))
            continue;
        found = true;
        cdb_buf_clear(value);
        cdb_buf_add(value, cdb_buf_str(&walk.value), walk.value.len);
    }
    cdb_gitconfig_release(&walk);
    if (result == 1 && found)
        result = cdb_buf_check(value);
    return result;
}
