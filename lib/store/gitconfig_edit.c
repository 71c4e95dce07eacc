/* SPDX-License-Identifier: MIT
 * A configuration with one variable changed, and all else as it was. */
#include <string.h>

#include "store/gitconfig.h"

/* The name of a variable in three parts, as they are written: [section "sub"] variable. */
struct parts {
    const char *section, *sub, *variable; /* `sub` has no length if there is none */
    size_t section_len, sub_len;
    size_t prefix_len; /* of section and subsection, as `name` of a header has them */
};

static struct parts split(const char *name)
{
    const char *first = strchr(name, '.'), *last = strrchr(name, '.');
    struct parts parts = {.section = name, .sub = name, .variable = name};
    if (first == NULL) /* git has no such variables */
        return parts;
    parts.section_len = (size_t)(first - name);
    parts.prefix_len = (size_t)(last - name);
    if (last > first) {
        parts.sub = first + 1;
        parts.sub_len = (size_t)(last - first) - 1;
    }
    parts.variable = last + 1;
    return parts;
}

static void add_header(struct cdb_buf *out, const struct parts *parts)
{
    cdb_buf_addf(out, "[%.*s", (int)parts->section_len, parts->section);
    if (parts->sub_len > 0)
        cdb_buf_addf(out, " \"%.*s\"", (int)parts->sub_len, parts->sub);
    cdb_buf_adds(out, "]\n");
}

/* As git writes it: quoted where it would otherwise be read in another way. */
static void add_variable(struct cdb_buf *out, const struct parts *parts, const char *value)
{
    size_t len = strlen(value);
    bool quoted = len == 0 || value[0] == ' ' || value[len - 1] == ' ' || strpbrk(value, ";#\r") != NULL;
    cdb_buf_addf(out, "%s = %s", parts->variable, quoted ? "\"" : "");
    for (const char *p = value; *p != '\0'; p++) {
        switch (*p) {
        case '\n':
            cdb_buf_adds(out, "\\n");
            break;
        case '\t':
            cdb_buf_adds(out, "\\t");
            break;
        case '\b':
            cdb_buf_adds(out, "\\b");
            break;
        case '"':
        case '\\':
            cdb_buf_addc(out, '\\');
            /* fall through */
        default:
            cdb_buf_addc(out, *p);
        }
    }
    cdb_buf_adds(out, quoted ? "\"\n" : "\n");
}

/* Where things are in the text: one walk before the change. */
struct plan {
    size_t found;       /* variables of the name */
    size_t last_start;  /* the last of them */
    bool last_same;     /* and it has the value already */
    bool has_section;   /* there is a section for it */
    size_t section_end; /* behind the last piece of such a section */
};

static int look(const char *text, size_t len, const char *name, const char *value, struct plan *plan)
{
    struct cdb_gitconfig walk;
    size_t prefix_len = split(name).prefix_len;
    bool inside = false;
    int result;
    *plan = (struct plan){.found = 0};
    cdb_gitconfig_open(&walk, text, len);
    while ((result = cdb_gitconfig_next(&walk)) == 0) {
        if (walk.kind == CDB_GITCONFIG_SECTION)
            inside = cdb_gitconfig_is(&walk, CDB_GITCONFIG_SECTION, name, prefix_len);
        if (inside) {
            plan->has_section = true;
            plan->section_end = walk.end;
        }
        if (cdb_gitconfig_is(&walk, CDB_GITCONFIG_VARIABLE, name, strlen(name))) {
            plan->found++;
            plan->last_start = walk.start;
            plan->last_same = value != NULL && strlen(value) == walk.value.len &&
                              memcmp(cdb_buf_str(&walk.value), value, walk.value.len) == 0;
        }
    }
    cdb_gitconfig_release(&walk);
    return result == 1 ? 0 : result;
}

/* Where the line of an offset begins, if there is only white space before it; else the offset itself. */
static size_t line_start(const char *text, size_t at)
{
    size_t start = at;
    while (start > 0 && (text[start - 1] == ' ' || text[start - 1] == '\t'))
        start--;
    return start == 0 || text[start - 1] == '\n' ? start : at;
}

/* A variable goes: with its line, or, behind a header, without it. */
static void remove_variable(struct cdb_buf *out, const char *text, size_t *copied, size_t start, size_t end)
{
    size_t from = start;
    while (from > *copied && (text[from - 1] == ' ' || text[from - 1] == '\t'))
        from--;
    cdb_buf_add(out, text + *copied, from - *copied);
    if (from > 0 && text[from - 1] != '\n')
        cdb_buf_addc(out, '\n');
    *copied = end;
}

/* All that have the name go, but the last one is replaced if there is a value. */
static int replace(const char *text, size_t len, const char *name, const char *value, const struct plan *plan,
                   struct cdb_buf *out)
{
    struct parts parts = split(name);
    struct cdb_gitconfig walk;
    size_t copied = 0;
    int result;
    cdb_gitconfig_open(&walk, text, len);
    while ((result = cdb_gitconfig_next(&walk)) == 0) {
        if (!cdb_gitconfig_is(&walk, CDB_GITCONFIG_VARIABLE, name, strlen(name)))
            continue;
        if (value != NULL && walk.start == plan->last_start) {
            cdb_buf_add(out, text + copied, walk.start - copied);
            add_variable(out, &parts, value);
            copied = walk.end;
        } else {
            remove_variable(out, text, &copied, walk.start, walk.end);
        }
    }
    cdb_buf_add(out, text + copied, len - copied);
    cdb_gitconfig_release(&walk);
    return result == 1 ? 0 : result;
}

/* So that what follows stands in a line of its own. At the end of the text the last line may lack its newline, or be
 * about to be continued: a backslash stands before the end, or before the last newline. */
static void end_line(struct cdb_buf *out, const char *text, size_t at, size_t len)
{
    size_t last = at;
    if (at > 0 && text[at - 1] != '\n')
        cdb_buf_addc(out, '\n');
    if (last > 0 && text[last - 1] == '\n')
        last--;
    if (last > 0 && text[last - 1] == '\r')
        last--;
    if (at == len && last > 0 && text[last - 1] == '\\')
        cdb_buf_addc(out, '\n');
}

static void insert(const char *text, size_t len, const char *name, const char *value, const struct plan *plan,
                   struct cdb_buf *out)
{
    struct parts parts = split(name);
    size_t at = plan->has_section ? plan->section_end : len;
    cdb_buf_add(out, text, at);
    end_line(out, text, at, len);
    if (!plan->has_section)
        add_header(out, &parts);
    cdb_buf_addc(out, '\t');
    add_variable(out, &parts, value);
    cdb_buf_add(out, text + at, len - at);
}

static bool is_blank(const char *text, size_t from, size_t to)
{
    for (; from < to; from++)
        if (text[from] == '\0' || strchr(" \t\r\n", text[from]) == NULL)
            return false;
    return true;
}

/* Drop the headers of the section behind which there is nothing: no variable, and no comment either. */
static int remove_empty(struct cdb_buf *text, const char *name)
{
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_gitconfig walk;
    size_t prefix_len = split(name).prefix_len;
    size_t copied = 0, header = 0, behind = 0; /* `behind`: a header that may be empty ends there; 0: there is none */
    int result;
    cdb_gitconfig_open(&walk, cdb_buf_str(text), text->len);
    do {
        result = cdb_gitconfig_next(&walk);
        size_t next = result == 0 ? walk.start : text->len;
        bool ends = result == 1 || (result == 0 && walk.kind == CDB_GITCONFIG_SECTION);
        if (behind > 0 && ends && is_blank(text->ptr, behind, next)) {
            cdb_buf_add(&out, text->ptr + copied, header - copied);
            copied = result == 1 ? next : line_start(text->ptr, next);
        }
        behind = 0;
        if (result == 0 && cdb_gitconfig_is(&walk, CDB_GITCONFIG_SECTION, name, prefix_len)) {
            const char *bracket = memchr(text->ptr + walk.start, ']', walk.end - walk.start);
            header = line_start(text->ptr, walk.start);
            /* The subsections of our names hold no bracket: behind the first one is the rest of the line. */
            if (bracket != NULL)
                behind = (size_t)(bracket - text->ptr) + 1;
        }
    } while (result == 0);
    cdb_buf_add(&out, cdb_buf_str(text) + copied, text->len - copied);
    cdb_gitconfig_release(&walk);
    cdb_buf_release(text);
    *text = out;
    return result == 1 ? 0 : result;
}

int cdb_gitconfig_edit(const char *text, size_t len, const char *name, const char *value, struct cdb_buf *out,
                       size_t *found)
{
    struct cdb_buf edited = CDB_BUF_INIT;
    struct plan plan;
    int result = look(text, len, name, value, &plan);
    if (result == 0)
        *found = plan.found;
    if (result == 0 && (plan.found == 1 ? plan.last_same : plan.found == 0 && value == NULL))
        cdb_buf_add(&edited, text, len); /* however it is written */
    else if (result == 0 && plan.found > 0)
        result = replace(text, len, name, value, &plan, &edited);
    else if (result == 0)
        insert(text, len, name, value, &plan, &edited);
    if (result == 0 && value == NULL && plan.found > 0 && !edited.failed)
        result = remove_empty(&edited, name);
    if (result == 0)
        result = cdb_buf_check(&edited);
    if (result == 0) {
        cdb_buf_add(out, cdb_buf_str(&edited), edited.len);
        result = cdb_buf_check(out);
    }
    cdb_buf_release(&edited);
    return result;
}
