/* SPDX-License-Identifier: MIT */
#include "query/members.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "query/lex.h"
#include "util/error.h"
#include "util/utf8.h"

#define REASON_SIZE ((size_t)1024)
#define NAME_SIZE   ((size_t)32) /* longer than any */

static const char *const names[CDB_QUERY_MEMBERS] = {
    [CDB_QUERY_M_AFTER] = "after",
    [CDB_QUERY_M_ANALYZER] = "analyzer",
    [CDB_QUERY_M_BOOST] = "boost",
    [CDB_QUERY_M_BRANCH] = "branch",
    [CDB_QUERY_M_CLAUSES] = "clauses",
    [CDB_QUERY_M_DEFAULT_OPERATOR] = "default-operator",
    [CDB_QUERY_M_DIRECTION] = "direction",
    [CDB_QUERY_M_DISTANCE] = "distance",
    [CDB_QUERY_M_FIELD] = "field",
    [CDB_QUERY_M_FILTER] = "filter",
    [CDB_QUERY_M_INCLUDE_LOWER] = "include-lower",
    [CDB_QUERY_M_INCLUDE_UPPER] = "include-upper",
    [CDB_QUERY_M_LIMIT] = "limit",
    [CDB_QUERY_M_LOWER] = "lower",
    [CDB_QUERY_M_MAX_EDITS] = "max-edits",
    [CDB_QUERY_M_MINIMUM_SHOULD_MATCH] = "minimum-should-match",
    [CDB_QUERY_M_MUST] = "must",
    [CDB_QUERY_M_MUST_NOT] = "must-not",
    [CDB_QUERY_M_OFFSET] = "offset",
    [CDB_QUERY_M_OPERATOR] = "operator",
    [CDB_QUERY_M_PATTERN] = "pattern",
    [CDB_QUERY_M_PREFIX] = "prefix",
    [CDB_QUERY_M_SHOULD] = "should",
    [CDB_QUERY_M_SLOP] = "slop",
    [CDB_QUERY_M_SORT] = "sort",
    [CDB_QUERY_M_TYPE] = "type",
    [CDB_QUERY_M_UPPER] = "upper",
    [CDB_QUERY_M_VALUE] = "value",
    [CDB_QUERY_M_VALUE_TYPE] = "value-type",
};

/* ---- saying what is wrong ---------------------------------------------------------------------- */

/* From the outside in, without recursion: the path is shorter than what JSON may nest. */
static void add_path(struct cdb_buf *out, const struct cdb_query_path *path)
{
    const struct cdb_query_path *steps[4 * CDB_QUERY_MAX_DEPTH];
    size_t count = 0;

    for (; path->above != NULL && count < sizeof(steps) / sizeof(*steps); path = path->above)
        steps[count++] = path;
    cdb_buf_addc(out, '$');
    while (count-- > 0) {
        if (steps[count]->name != NULL)
            cdb_buf_addf(out, ".%s", steps[count]->name);
        else
            cdb_buf_addf(out, "[%zu]", steps[count]->index);
    }
}

static int fail(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path, const char *reason)
{
    struct cdb_buf where = CDB_BUF_INIT;
    size_t line, column;

    add_path(&where, path);
    cdb_error_set(CHRONDB_EUSAGE, "invalid_query", "not a valid query at %s: %s", cdb_buf_str(&where), reason);
    cdb_query_place(in->json.text, in->len, in->json.nodes[node].start, &line, &column);
    cdb_error_set_position(line, column);
    cdb_buf_release(&where);
    return CHRONDB_EUSAGE;
}

int cdb_query_json_fail(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                        const char *format, ...)
{
    char reason[REASON_SIZE];
    va_list args;

    va_start(args, format);
    if (vsnprintf(reason, sizeof(reason), format, args) < 0)
        reason[0] = '\0';
    va_end(args);
    return fail(in, node, path, reason);
}

int cdb_query_json_fail_within(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path)
{
    char reason[REASON_SIZE];

    if (chrondb_last_error()->code != CHRONDB_EUSAGE)
        return chrondb_last_error()->code;
    snprintf(reason, sizeof(reason), "%s", chrondb_last_error()->message);
    return fail(in, node, path, reason);
}

static const char *type_name(enum cdb_json_type type)
{
    static const char *const type_names[] = {"null", "false", "true", "a number", "a string", "an array", "an object"};

    return type_names[type];
}

static int fail_type(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                     const char *expected)
{
    return cdb_query_json_fail(in, node, path, "expected %s, but it is %s", expected,
                               type_name((enum cdb_json_type)in->json.nodes[node].type));
}

const char *cdb_query_member_name(enum cdb_query_member member)
{
    return names[member];
}

struct cdb_query_path cdb_query_member_path(const struct cdb_query_path *above, enum cdb_query_member member)
{
    return (struct cdb_query_path){above, names[member], 0};
}

/* ---- members ----------------------------------------------------------------------------------- */

/* The string at `node` in the spelling of our names. False if it is longer than any. */
static bool read_name(const struct cdb_query_json *in, uint32_t node, char out[NAME_SIZE])
{
    struct cdb_buf name = CDB_BUF_INIT;
    bool fits;

    cdb_json_string(&in->json, node, &name);
    fits = !name.failed && name.len < NAME_SIZE && memchr(cdb_buf_str(&name), '\0', name.len) == NULL;
    if (fits) {
        memcpy(out, cdb_buf_str(&name), name.len + 1);
        for (char *c = out; *c != '\0'; c++)
            *c = *c == '_' ? '-' : *c;
    }
    cdb_buf_release(&name);
    return fits;
}

static enum cdb_query_member find_member(const struct cdb_query_json *in, uint32_t node)
{
    char name[NAME_SIZE];
    size_t len;

    if (!read_name(in, node, name))
        return CDB_QUERY_MEMBERS;
    len = strlen(name);
    if (len > 0 && name[len - 1] == '?')
        name[len - 1] = '\0';
    for (size_t i = 0; i < CDB_QUERY_MEMBERS; i++)
        if (strcmp(names[i], name) == 0)
            return (enum cdb_query_member)i;
    return CDB_QUERY_MEMBERS;
}

static void add_allowed(struct cdb_buf *out, uint32_t allowed)
{
    const char *separator = "";

    for (size_t i = 0; i < CDB_QUERY_MEMBERS; i++) {
        if ((allowed >> i & 1) == 0)
            continue;
        cdb_buf_addf(out, "%s%s", separator, names[i]);
        separator = ", ";
    }
}

static int fail_member(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                       uint32_t allowed, const char *what)
{
    struct cdb_buf name = CDB_BUF_INIT, quoted = CDB_BUF_INIT, list = CDB_BUF_INIT;
    int result;

    cdb_json_string(&in->json, node, &name);
    cdb_buf_add_quoted(&quoted, cdb_buf_str(&name), name.len);
    add_allowed(&list, allowed);
    result = cdb_query_json_fail(in, node, path, "%s has no member %s; it may have %s", what, cdb_buf_str(&quoted),
                                 cdb_buf_str(&list));
    cdb_buf_release(&name);
    cdb_buf_release(&quoted);
    cdb_buf_release(&list);
    return result;
}

int cdb_query_read_members(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                           uint32_t allowed, const char *what, struct cdb_query_members *out)
{
    const struct cdb_json_node *nodes = in->json.nodes;
    uint32_t seen = 0;

    *out = (struct cdb_query_members){{0}};
    if (nodes[node].type != CDB_JSON_OBJECT)
        return fail_type(in, node, path, "an object");
    for (uint32_t name = node + 1; name < nodes[node].next; name = nodes[name + 1].next) {
        enum cdb_query_member member = find_member(in, name);

        if (member == CDB_QUERY_MEMBERS || (allowed >> member & 1) == 0)
            return fail_member(in, name, path, allowed, what);
        if ((seen >> member & 1) != 0)
            return cdb_query_json_fail(in, name, path, "the member %s is given twice", names[member]);
        seen |= UINT32_C(1) << member;
        if (nodes[name + 1].type != CDB_JSON_NULL || member == CDB_QUERY_M_VALUE)
            out->at[member] = name + 1;
    }
    return CHRONDB_OK;
}

uint32_t cdb_query_find_type(const struct cdb_query_json *in, uint32_t node)
{
    const struct cdb_json_node *nodes = in->json.nodes;

    if (nodes[node].type != CDB_JSON_OBJECT)
        return 0;
    for (uint32_t name = node + 1; name < nodes[node].next; name = nodes[name + 1].next)
        if (find_member(in, name) == CDB_QUERY_M_TYPE)
            return name + 1;
    return 0;
}

int cdb_query_require(const struct cdb_query_json *in, uint32_t object, const struct cdb_query_path *path,
                      const struct cdb_query_members *members, enum cdb_query_member member, const char *what)
{
    if (members->at[member] != 0)
        return CHRONDB_OK;
    return cdb_query_json_fail(in, object, path, "%s needs the member %s", what, names[member]);
}

/* ---- values ------------------------------------------------------------------------------------ */

static bool is_utf8(const char *text, size_t len)
{
    for (size_t at = 0, width; at < len; at += width)
        if ((width = cdb_utf8_width(text + at, len - at)) == 0)
            return false;
    return true;
}

/* Only half of a surrogate pair makes a string of JSON that is not UTF-8. */
static int take_string(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                       struct cdb_query_string *out)
{
    struct cdb_buf text = CDB_BUF_INIT;
    int result = CHRONDB_OK;

    cdb_json_string(&in->json, node, &text);
    if (text.len > CDB_QUERY_MAX_TEXT)
        result = cdb_query_json_fail(in, node, path, "a text in a query has at most %zu bytes", CDB_QUERY_MAX_TEXT);
    else if (!is_utf8(cdb_buf_str(&text), text.len))
        result = cdb_query_json_fail(in, node, path, "half of a surrogate pair is no character");
    if (result == CHRONDB_OK && (result = cdb_buf_check(&text)) == CHRONDB_OK) {
        out->len = text.len;
        out->ptr = cdb_arena_copy(in->builder.arena, cdb_buf_str(&text), text.len);
        result = out->ptr != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
    }
    cdb_buf_release(&text);
    return result;
}

int cdb_query_read_string(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          struct cdb_query_string *out)
{
    struct cdb_query_path here = cdb_query_member_path(path, member);
    uint32_t node = members->at[member];

    if (node == 0)
        return CHRONDB_OK;
    if (in->json.nodes[node].type != CDB_JSON_STRING)
        return fail_type(in, node, &here, "a string");
    return take_string(in, node, &here, out);
}

int cdb_query_read_bool(const struct cdb_query_json *in, const struct cdb_query_path *path,
                        const struct cdb_query_members *members, enum cdb_query_member member, bool *out)
{
    struct cdb_query_path here = cdb_query_member_path(path, member);
    uint32_t node = members->at[member];

    if (node == 0)
        return CHRONDB_OK;
    if (in->json.nodes[node].type != CDB_JSON_TRUE && in->json.nodes[node].type != CDB_JSON_FALSE)
        return fail_type(in, node, &here, "true or false");
    *out = in->json.nodes[node].type == CDB_JSON_TRUE;
    return CHRONDB_OK;
}

int cdb_query_read_count(const struct cdb_query_json *in, const struct cdb_query_path *path,
                         const struct cdb_query_members *members, enum cdb_query_member member, uint64_t low,
                         uint64_t high, uint64_t *out)
{
    struct cdb_query_path here = cdb_query_member_path(path, member);
    uint32_t node = members->at[member];
    uint64_t value = 0;
    bool fits = true;

    if (node == 0)
        return CHRONDB_OK;
    if (in->json.nodes[node].type != CDB_JSON_NUMBER)
        return fail_type(in, node, &here, "a number");
    for (uint32_t at = in->json.nodes[node].start; fits && at < in->json.nodes[node].end; at++) {
        char c = in->json.text[at];

        fits = c >= '0' && c <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(c - '0'), &value);
    }
    if (!fits || value < low || value > high)
        return cdb_query_json_fail(in, node, &here, "expected a whole number from %" PRIu64 " to %" PRIu64, low, high);
    *out = value;
    return CHRONDB_OK;
}

int cdb_query_read_choice(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          const char *const *words, size_t count, size_t *out)
{
    struct cdb_query_path here = cdb_query_member_path(path, member);
    uint32_t node = members->at[member];
    struct cdb_buf list = CDB_BUF_INIT;
    char word[NAME_SIZE];
    int result;

    if (node == 0)
        return CHRONDB_OK;
    if (in->json.nodes[node].type != CDB_JSON_STRING)
        return fail_type(in, node, &here, "a string");
    if (read_name(in, node, word)) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(words[i], word) == 0) {
                *out = i;
                return CHRONDB_OK;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        cdb_buf_addf(&list, "%s%s", i == 0 ? "" : ", ", words[i]);
    result = cdb_query_json_fail(in, node, &here, "expected one of %s", cdb_buf_str(&list));
    cdb_buf_release(&list);
    return result;
}

int cdb_query_read_scalar(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          struct cdb_query_value *out)
{
    static const enum cdb_query_type types[] = {CDB_QUERY_NULL, CDB_QUERY_FALSE, CDB_QUERY_TRUE, CDB_QUERY_NUMBER,
                                                CDB_QUERY_STRING};
    struct cdb_query_path here = cdb_query_member_path(path, member);
    uint32_t node = members->at[member];
    const struct cdb_json_node *value;
    size_t len;

    if (node == 0)
        return CHRONDB_OK;
    value = &in->json.nodes[node];
    if (value->type == CDB_JSON_ARRAY || value->type == CDB_JSON_OBJECT)
        return fail_type(in, node, &here, "a string, a number, true, false or null");
    out->type = types[value->type];
    if (value->type == CDB_JSON_STRING)
        return take_string(in, node, &here, &out->text);
    len = value->end - value->start;
    if (len > CDB_QUERY_MAX_TEXT)
        return cdb_query_json_fail(in, node, &here, "a number in a query has at most %zu bytes", CDB_QUERY_MAX_TEXT);
    out->text.ptr = cdb_arena_copy(in->builder.arena, in->json.text + value->start, len);
    out->text.len = len;
    return out->text.ptr != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}
