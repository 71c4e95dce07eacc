/* SPDX-License-Identifier: MIT
 *
 * Random queries (search_random.h). */
#include <string.h>

#include "search_random.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A backslash before all that might mean something. */
static void add_escaped(struct cdb_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain =
            c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!plain && !(c == '.' && i > 0))
            cdb_buf_addc(out, '\\');
        cdb_buf_addc(out, (char)c);
    }
}

static void add_quoted(struct cdb_buf *out, const char *text)
{
    cdb_buf_addc(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            cdb_buf_addc(out, '\\');
        cdb_buf_addc(out, *p);
    }
    cdb_buf_addc(out, '"');
}

static void add_field(struct random *random, struct cdb_buf *out)
{
    const char *field = random_search_field(random);

    add_escaped(out, field, strlen(field));
    cdb_buf_addc(out, ':');
}

static void add_field_perhaps(struct random *random, struct cdb_buf *out)
{
    if (random_chance(random, 60))
        add_field(random, out);
}

/* The size of the character at `text`. */
static size_t step(const char *text)
{
    size_t size = 1;

    while (((unsigned char)text[size] & 0xC0) == 0x80)
        size++;
    return size;
}

/* ---- clauses ------------------------------------------------------------------------------------- */

static void add_term(struct random *random, struct cdb_buf *out)
{
    size_t chance = random_below(random, 100);
    const char *text = random_search_word(random);

    add_field_perhaps(random, out);
    if (chance < 12)
        text = random_search_number(random);
    else if (chance < 16)
        text = random_search_date(random);
    else if (chance < 20)
        text = random_chance(random, 50) ? "true" : "false";
    else if (chance < 22)
        text = "null";
    else if (chance < 24)
        text = "!?"; /* no word at all */
    else if (chance < 27)
        text = random_search_long(random);
    add_escaped(out, text, strlen(text));
}

static void add_phrase(struct random *random, struct cdb_buf *out)
{
    struct cdb_buf text = CDB_BUF_INIT;
    size_t count = random_chance(random, 80) ? 2 : random_below(random, 5);

    add_field_perhaps(random, out);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cdb_buf_addc(&text, ' ');
        /* The common ones, for it to be found somewhere; now and then the same again. */
        const char *word = random_search_word(random);
        for (unsigned tries = 0; tries < 2 && strlen(word) > 6; tries++)
            word = random_search_word(random);
        cdb_buf_adds(&text, word);
    }
    add_quoted(out, cdb_buf_str(&text));
    if (random_chance(random, 40))
        cdb_buf_addf(out, "~%zu", random_below(random, 6));
    cdb_buf_release(&text);
}

static void add_wildcard(struct random *random, struct cdb_buf *out)
{
    const char *word = random_search_word(random);
    size_t len = strlen(word), from = 0, kind = random_below(random, 5);

    add_field_perhaps(random, out);
    if (kind == 0) { /* *end */
        while (from < len && random_chance(random, 50))
            from += step(word + from);
        cdb_buf_addc(out, '*');
        add_escaped(out, word + from, len - from);
        if (random_chance(random, 20))
            cdb_buf_addc(out, '*');
        return;
    }
    for (size_t i = 0; i < len; i += step(word + i)) {
        if (kind < 3 && i > 0 && random_chance(random, 40)) /* begin* */
            break;
        if (kind >= 3 && random_chance(random, 25))
            cdb_buf_addc(out, kind == 3 ? '?' : '*');
        else
            add_escaped(out, word + i, step(word + i));
    }
    cdb_buf_addc(out, kind == 3 && random_chance(random, 80) ? '?' : '*');
}

static void add_fuzzy(struct random *random, struct cdb_buf *out)
{
    static const char *const marks[] = {"~", "~1", "~2"};
    const char *word = random_search_word(random);
    size_t edits = random_below(random, 3), len = strlen(word);

    add_field_perhaps(random, out);
    for (size_t i = 0; i < len; i += step(word + i)) {
        bool edit = edits > 0 && random_chance(random, 30);
        edits -= edit;
        if (!edit || random_chance(random, 30))
            add_escaped(out, word + i, step(word + i));
        if (edit && random_chance(random, 60))
            cdb_buf_adds(out, random_chance(random, 50) ? "e" : "é");
    }
    if (out->len == 0 || out->ptr[out->len - 1] == ':')
        cdb_buf_addc(out, 'a');
    cdb_buf_adds(out, marks[random_below(random, COUNT(marks))]);
}

static void add_bound(struct random *random, struct cdb_buf *out, size_t kind)
{
    const char *text = kind == 0   ? random_search_number(random)
                       : kind == 1 ? random_search_date(random)
                       : kind == 2 ? random_search_word(random)
                                   : random_search_long(random);

    if (random_chance(random, 15))
        add_quoted(out, text);
    else
        add_escaped(out, text, strlen(text));
}

static void add_range(struct random *random, struct cdb_buf *out)
{
    static const char *const comparisons[] = {">", ">=", "<", "<="};
    size_t kind = random_below(random, 8);

    kind = kind < 4 ? 0 : kind - 4; /* mostly numbers */
    add_field(random, out);
    if (random_chance(random, 30)) {
        cdb_buf_adds(out, comparisons[random_below(random, COUNT(comparisons))]);
        add_bound(random, out, kind);
        return;
    }
    size_t open = random_below(random, 10);
    cdb_buf_addc(out, random_chance(random, 60) ? '[' : '{');
    if (open == 0)
        cdb_buf_addc(out, '*');
    else
        add_bound(random, out, kind);
    cdb_buf_adds(out, " TO ");
    if (open == 1)
        cdb_buf_addc(out, '*');
    else
        add_bound(random, out, random_chance(random, 90) ? kind : random_below(random, 4));
    cdb_buf_addc(out, random_chance(random, 60) ? ']' : '}');
}

static void add_exact(struct random *random, struct cdb_buf *out)
{
    size_t chance = random_below(random, 100);
    const char *text = chance < 30   ? random_search_number(random)
                       : chance < 50 ? random_search_word(random)
                       : chance < 70 ? random_search_long(random)
                       : chance < 80 ? random_search_date(random)
                       : chance < 90 ? (random_chance(random, 50) ? "true" : "false")
                                     : "null";

    add_field(random, out);
    cdb_buf_addc(out, '=');
    if (random_chance(random, 40))
        add_quoted(out, random_chance(random, 20) ? "" : text);
    else
        add_escaped(out, text, strlen(text));
}

static void add_presence(struct random *random, struct cdb_buf *out)
{
    const char *field = random_search_field(random);

    if (random_chance(random, 20)) {
        add_field(random, out);
        cdb_buf_addc(out, '*');
        return;
    }
    cdb_buf_adds(out, random_chance(random, 70) ? "_exists_:" : "_missing_:");
    add_escaped(out, field, strlen(field));
}

static void add_key_clause(struct random *random, struct cdb_buf *out)
{
    struct cdb_buf key = CDB_BUF_INIT, other = CDB_BUF_INIT;
    size_t kind = random_below(random, 3);

    random_search_key(random, 20, &key);
    random_search_key(random, 20, &other);
    cdb_buf_adds(out, "key:");
    if (kind == 0)
        add_escaped(out, key.ptr, key.len);
    if (kind == 1) {
        size_t len = 1 + random_below(random, key.len);
        while (((unsigned char)key.ptr[len] & 0xC0) == 0x80)
            len++;
        add_escaped(out, key.ptr, len);
        cdb_buf_addc(out, random_chance(random, 70) ? '*' : '?');
    }
    if (kind == 2) {
        cdb_buf_addc(out, random_chance(random, 50) ? '[' : '{');
        add_escaped(out, key.ptr, key.len);
        cdb_buf_adds(out, " TO ");
        add_escaped(out, other.ptr, other.len);
        cdb_buf_addc(out, random_chance(random, 50) ? ']' : '}');
    }
    cdb_buf_release(&key);
    cdb_buf_release(&other);
}

/* ---- trees --------------------------------------------------------------------------------------- */

static void add_clauses(struct random *random, struct cdb_buf *out, unsigned levels);

static void add_group(struct random *random, struct cdb_buf *out, unsigned levels)
{
    if (random_chance(random, 10))
        add_field(random, out);
    cdb_buf_addc(out, '(');
    add_clauses(random, out, levels - 1);
    cdb_buf_addc(out, ')');
}

static void add_clause(struct random *random, struct cdb_buf *out, unsigned levels)
{
    static const char *const boosts[] = {"^2", "^0.5", "^0", "^3.25"};
    size_t chance = random_below(random, levels > 0 ? 125 : 100);

    if (chance < 40)
        add_term(random, out);
    else if (chance < 52)
        add_phrase(random, out);
    else if (chance < 62)
        add_wildcard(random, out);
    else if (chance < 68)
        add_fuzzy(random, out);
    else if (chance < 80)
        add_range(random, out);
    else if (chance < 88)
        add_exact(random, out);
    else if (chance < 93)
        add_presence(random, out);
    else if (chance < 97)
        add_key_clause(random, out);
    else if (chance < 100)
        cdb_buf_adds(out, "*:*");
    else
        add_group(random, out, levels);
    if (random_chance(random, 10))
        cdb_buf_adds(out, boosts[random_below(random, COUNT(boosts))]);
}

static void add_clauses(struct random *random, struct cdb_buf *out, unsigned levels)
{
    static const char *const joints[] = {" ", " ", " ", " ", " AND ", " AND ", " AND ", " OR ", " && ", " || "};
    static const char *const modes[] = {"", "", "", "", "", "", "+", "-", "NOT ", "!"};
    size_t count = random_chance(random, 40) ? 1 : 1 + random_below(random, random_chance(random, 5) ? 12 : 4);

    for (size_t i = 0; i < count; i++) {
        const char *joint = joints[random_below(random, COUNT(joints))];
        if (i > 0)
            cdb_buf_adds(out, joint);
        /* "+" and "-" beside AND and OR are refused. */
        cdb_buf_adds(out, modes[random_below(random, COUNT(modes))]);
        add_clause(random, out, levels);
    }
}

void random_search_query(struct random *random, struct cdb_buf *out)
{
    add_clauses(random, out, random_chance(random, 60) ? 2 : 0);
}

void random_search_sort(struct random *random, struct cdb_buf *out)
{
    size_t count = 1 + random_below(random, 3);

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cdb_buf_addc(out, ',');
        if (random_chance(random, 10))
            cdb_buf_adds(out, random_chance(random, 50) ? "_score" : "_key");
        else
            cdb_buf_adds(out, random_search_field(random));
        if (random_chance(random, 50))
            cdb_buf_adds(out, random_chance(random, 70) ? ":desc" : ":asc");
    }
}
