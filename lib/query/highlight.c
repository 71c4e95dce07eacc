/* SPDX-License-Identifier: MIT */
#include "query/highlight.h"

#include <stdlib.h>
#include <string.h>

#include "doc/json.h"
#include "doc/string.h"
#include "query/matcher.h"
#include "text/analyzer.h"
#include "util/array.h"
#include "util/error.h"

/* Names from the root to where the walk is, joined by dots. */
struct level {
    uint32_t end;    /* the node behind this object or array */
    size_t path_len; /* of its path */
    bool is_object, has_path;
};

struct marking {
    struct cdb_matchers matchers;
    struct cdb_analyzer *analyzer;
    struct cdb_json json;
    struct cdb_buf path;
    bool has_path; /* else at the root: the next name stands without a dot */
    struct level *levels;
    size_t depth, level_room;
    struct cdb_buf decoded;
    uint32_t *places; /* of each byte of it, and of its end: the offset in the JSON text */
    size_t place_room;
    struct cdb_highlight *marks;
    size_t count, room;
};

static int add_mark(struct marking *marking, size_t start, size_t end)
{
    if (cdb_array_grow(&marking->marks, &marking->room, marking->count, sizeof(*marking->marks)) != 0)
        return CHRONDB_ESYSTEM;
    marking->marks[marking->count++] = (struct cdb_highlight){start, end};
    return 0;
}

/* ---- strings ------------------------------------------------------------------------------------ */

static unsigned hex4(const char *p)
{
    unsigned value = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];

        value = value << 4 | (c <= '9' ? c - '0' + 0u : (c | 0x20u) - 'a' + 10u);
    }
    return value;
}

/* Of what stands at `at` in a valid JSON string: how many bytes it has, and how many it decodes to. */
static size_t measure(const char *at, const char *end, size_t *decoded)
{
    unsigned unit;

    *decoded = 1;
    if (*at != '\\')
        return 1;
    if (at[1] != 'u')
        return 2;
    unit = hex4(at + 2);
    *decoded = unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        unsigned low = hex4(at + 8);

        if (low >= 0xdc00 && low < 0xe000) {
            *decoded = 4;
            return 12;
        }
    }
    return 6;
}

/* Decode the string, with the place of each byte. An escape's bytes all have the place of its start. */
static int decode(struct marking *marking, const struct cdb_json_node *node)
{
    const char *text = marking->json.text;
    size_t n = 0, at = node->start + 1, end = node->end - 1;

    cdb_buf_clear(&marking->decoded);
    cdb_json_string_decode(text + node->start, node->end - node->start, &marking->decoded);
    if (cdb_buf_check(&marking->decoded) != 0)
        return CHRONDB_ESYSTEM;
    if (marking->place_room < marking->decoded.len + 1) {
        uint32_t *places = realloc(marking->places, (marking->decoded.len + 1) * sizeof(*places));

        if (places == NULL)
            return cdb_error_memory();
        marking->places = places;
        marking->place_room = marking->decoded.len + 1;
    }
    while (at < end) {
        size_t decoded, len = measure(text + at, text + end, &decoded);

        for (size_t i = 0; i < decoded && n < marking->decoded.len; i++)
            marking->places[n++] = (uint32_t)at;
        at += len;
    }
    while (n <= marking->decoded.len)
        marking->places[n++] = (uint32_t)end;
    return 0;
}

/* The place behind byte `at` - 1: an escape is marked as a whole. */
static size_t place_behind(const struct marking *marking, size_t at)
{
    while (at < marking->decoded.len && marking->places[at] == marking->places[at - 1])
        at++;
    return marking->places[at];
}

static int mark_token(void *context, size_t start, size_t end)
{
    struct marking *marking = context;

    return add_mark(marking, marking->places[start], place_behind(marking, end));
}

static int mark_string(struct marking *marking, const struct cdb_json_node *node)
{
    int result = decode(marking, node);

    if (result == 0)
        result = cdb_matchers_text(&marking->matchers, marking->analyzer, cdb_buf_str(&marking->decoded),
                                   marking->decoded.len, mark_token, marking);
    return result;
}

/* ---- scalars ------------------------------------------------------------------------------------ */

static int mark_scalar(struct marking *marking, const struct cdb_json_node *node)
{
    const char *text = marking->json.text + node->start;
    size_t len = node->end - node->start;
    bool is_string = node->type == CDB_JSON_STRING;
    int result = 0;

    if (!cdb_matchers_enter(&marking->matchers, marking->has_path ? cdb_buf_str(&marking->path) : "",
                            marking->path.len))
        return 0;
    if (is_string)
        result = mark_string(marking, node);
    if (result == 0 &&
        cdb_matchers_value(&marking->matchers, node->type, is_string ? cdb_buf_str(&marking->decoded) : text,
                           is_string ? marking->decoded.len : len))
        result = add_mark(marking, node->start + is_string, node->end - is_string);
    return result;
}

/* ---- the walk ----------------------------------------------------------------------------------- */

static void leave(struct marking *marking, uint32_t node)
{
    while (marking->depth > 0 && node >= marking->levels[marking->depth - 1].end)
        marking->depth--;
    if (marking->depth > 0) {
        const struct level *level = &marking->levels[marking->depth - 1];

        marking->has_path = level->has_path;
        marking->path.len = level->path_len;
    }
}

static int enter(struct marking *marking, const struct cdb_json_node *node)
{
    if (cdb_array_grow(&marking->levels, &marking->level_room, marking->depth, sizeof(*marking->levels)) != 0)
        return CHRONDB_ESYSTEM;
    marking->levels[marking->depth++] =
        (struct level){node->next, marking->path.len, node->type == CDB_JSON_OBJECT, marking->has_path};
    return 0;
}

static int add_name(struct marking *marking, uint32_t node)
{
    if (marking->has_path)
        cdb_buf_addc(&marking->path, '.');
    cdb_json_string(&marking->json, node, &marking->path);
    marking->has_path = true;
    return cdb_buf_check(&marking->path);
}

/* Nodes are in the order of the text: no recursion. */
static int walk(struct marking *marking)
{
    int result = 0;

    for (uint32_t i = 0; result == 0 && i < marking->json.count; i++) {
        const struct cdb_json_node *node = &marking->json.nodes[i];

        leave(marking, i);
        if (marking->depth > 0 && marking->levels[marking->depth - 1].is_object) {
            result = add_name(marking, i);
            node = &marking->json.nodes[++i];
        }
        if (result == 0)
            result = node->type >= CDB_JSON_ARRAY ? enter(marking, node) : mark_scalar(marking, node);
    }
    return result;
}

/* ---- marks -------------------------------------------------------------------------------------- */

static int compare_marks(const void *a, const void *b)
{
    const struct cdb_highlight *x = a, *y = b;

    return x->start != y->start ? (x->start < y->start ? -1 : 1) : (x->end < y->end) - (x->end > y->end);
}

/* In order, those that overlap as one. */
static void tidy(struct marking *marking)
{
    struct cdb_highlight *marks = marking->marks;
    size_t kept = 0;

    if (marking->count > 1)
        qsort(marks, marking->count, sizeof(*marks), compare_marks);
    for (size_t i = 0; i < marking->count; i++) {
        if (marks[i].start == marks[i].end)
            continue;
        if (kept > 0 && marks[i].start < marks[kept - 1].end)
            marks[kept - 1].end = marks[i].end > marks[kept - 1].end ? marks[i].end : marks[kept - 1].end;
        else
            marks[kept++] = marks[i];
    }
    marking->count = kept;
}

static int mark(struct marking *marking, const struct cdb_query_node *query, const char *json, size_t len)
{
    int result = cdb_matchers_init(&marking->matchers, marking->analyzer, query);

    if (result == 0)
        result = cdb_json_parse(&marking->json, json, len);
    if (result == 0)
        result = walk(marking);
    if (result == 0)
        tidy(marking);
    return result;
}

int cdb_highlight(struct cdb_highlight **marks, size_t *count, const struct cdb_query_node *query,
                  struct cdb_analyzer *analyzer, const char *json, size_t len)
{
    struct marking marking = {
        .analyzer = analyzer, .json = CDB_JSON_INIT, .path = CDB_BUF_INIT, .decoded = CDB_BUF_INIT};
    int result = mark(&marking, query, json, len);

    cdb_matchers_release(&marking.matchers);
    cdb_json_release(&marking.json);
    cdb_buf_release(&marking.path);
    cdb_buf_release(&marking.decoded);
    free(marking.levels);
    free(marking.places);
    if (result != 0 || marking.count == 0) {
        free(marking.marks);
        marking.marks = NULL;
        marking.count = 0;
    }
    *marks = marking.marks;
    *count = marking.count;
    return result;
}
