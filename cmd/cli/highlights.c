/* SPDX-License-Identifier: MIT */
#include "cli/highlights.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An array or object that is open: where we are in it. */
struct level {
    bool array;
    uint64_t index;   /* of an array: the element */
    const char *name; /* of an object: the member's name, with its quotes; NULL: the next string is a name */
    size_t name_size;
};

struct walk {
    struct cli_text *out;
    const char *json, *at, *end;
    const chrondb_mark *mark, *last; /* the next one; behind all */
    struct level *levels;
    size_t depth, room;
    bool first;
};

/* ---- what stands in a string --------------------------------------------------------------------- */

/* The size of the character at `text`, as it is written: an escape, or UTF-8. A pair of surrogates is one. */
static size_t character(const char *text, const char *end)
{
    size_t size = 1;
    if (text[0] == '\\') {
        size = end - text >= 6 && text[1] == 'u' ? 6 : 2;
        bool high = size == 6 && (text[2] == 'd' || text[2] == 'D') && strchr("89abAB", text[3]) != NULL;
        if (high && end - text >= 12 && text[6] == '\\' && text[7] == 'u' && (text[8] == 'd' || text[8] == 'D') &&
            strchr("cdefCDEF", text[9]) != NULL)
            size = 12;
    } else
        while (text + size < end && ((unsigned char)text[size] & 0xC0) == 0x80)
            size++;
    return size;
}

static uint64_t characters(const char *text, const char *end)
{
    uint64_t count = 0;
    for (; text < end; count++)
        text += character(text, end);
    return count;
}

/* Behind the string that begins at `text`, at its quote. */
static const char *behind_string(const char *text, const char *end)
{
    for (text++; text < end && *text != '"'; text++)
        text += *text == '\\';
    return text < end ? text + 1 : end;
}

/* ---- what is told ---------------------------------------------------------------------------------- */

static void add_path(struct walk *walk)
{
    cli_text_addc(walk->out, '[');
    for (size_t i = 0; i < walk->depth; i++) {
        const struct level *level = &walk->levels[i];
        if (i > 0)
            cli_text_addc(walk->out, ',');
        if (level->array)
            cli_text_addf(walk->out, "%llu", (unsigned long long)level->index);
        else
            cli_text_add(walk->out, level->name, level->name_size);
    }
    cli_text_addc(walk->out, ']');
}

/* All marks of the scalar. */
static void add_marks(struct walk *walk, const char *scalar, const char *end)
{
    for (; walk->mark < walk->last && walk->mark->start < (size_t)(end - walk->json); walk->mark++) {
        const char *from = walk->json + walk->mark->start, *to = walk->json + walk->mark->end;
        cli_text_adds(walk->out, walk->first ? "{\"path\":" : ",{\"path\":");
        walk->first = false;
        add_path(walk);
        if (*scalar == '"')
            cli_text_addf(walk->out, ",\"start\":%llu,\"end\":%llu", (unsigned long long)characters(scalar + 1, from),
                          (unsigned long long)characters(scalar + 1, to));
        cli_text_adds(walk->out, ",\"text\":\"");
        cli_text_add(walk->out, from, (size_t)(to - from));
        cli_text_adds(walk->out, "\"}");
    }
}

/* ---- the walk -------------------------------------------------------------------------------------- */

static bool open_level(struct walk *walk, bool array)
{
    if (walk->depth == walk->room) {
        size_t room = walk->room > 0 ? walk->room * 2 : 16;
        struct level *levels = realloc(walk->levels, room * sizeof *levels);
        if (levels == NULL) {
            walk->out->failed = true;
            return false;
        }
        walk->levels = levels;
        walk->room = room;
    }
    walk->levels[walk->depth++] = (struct level){.array = array};
    return true;
}

static void read_scalar(struct walk *walk)
{
    const char *start = walk->at;
    struct level *level = walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;
    if (*start == '"')
        walk->at = behind_string(start, walk->end);
    else
        while (walk->at < walk->end && strchr(",]}", *walk->at) == NULL)
            walk->at++;
    if (level != NULL && !level->array && level->name == NULL) {
        level->name = start;
        level->name_size = (size_t)(walk->at - start);
        walk->at++; /* the colon */
    } else
        add_marks(walk, start, walk->at);
}

/* One token; false without memory. */
static bool read_token(struct walk *walk)
{
    switch (*walk->at) {
    case '{':
    case '[':
        return open_level(walk, *walk->at++ == '[');
    case '}':
    case ']':
        walk->depth--;
        walk->at++;
        return true;
    case ',':
        walk->levels[walk->depth - 1].index++;
        walk->levels[walk->depth - 1].name = NULL;
        walk->at++;
        return true;
    default:
        read_scalar(walk);
        return true;
    }
}

void cli_highlights_add(struct cli_text *out, const char *json, size_t size, const chrondb_mark *marks, size_t count)
{
    struct walk walk = {
        .out = out, .json = json, .at = json, .end = json + size, .mark = marks, .last = marks + count, .first = true};
    cli_text_addc(out, '[');
    while (walk.at < walk.end && walk.mark < walk.last && read_token(&walk))
        continue;
    cli_text_addc(out, ']');
    free(walk.levels);
}
