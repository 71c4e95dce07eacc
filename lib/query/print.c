/* SPDX-License-Identifier: MIT
 *
 * A tree in the query language. */
#include <string.h>

#include "query/build.h"
#include "query/lex.h"
#include "query/node.h"
#include "util/utf8.h"

/* Where a text stands, and so what must be escaped in it. */
enum place { FIELD, LONE_WORD, WORD_OF_FIELD, BOUND };

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_special(const char *text, size_t len, size_t at, enum place place)
{
    char c = text[at];

    if (cdb_query_space(text + at, len - at) > 0 || is_one_of(c, "\\\"*?"))
        return true;
    if (place == BOUND)
        return c == ']' || c == '}';
    if (is_one_of(c, "()~^"))
        return true;
    if ((c == '&' || c == '|') && at + 1 < len && text[at + 1] == c)
        return true;
    return place != WORD_OF_FIELD && is_one_of(c, ":=<>");
}

/* Is it special only because the text begins with it? */
static bool is_special_first(const char *text, size_t len, enum place place)
{
    if (len == 0 || place == BOUND)
        return false;
    if (place == FIELD && text[0] >= '0' && text[0] <= '9')
        return true;
    if (place == WORD_OF_FIELD)
        return is_one_of(text[0], "[{=<>") || (len > 1 && (memcmp(text, "!=", 2) == 0 || memcmp(text, "//", 2) == 0));
    return is_one_of(text[0], "+-![{]}");
}

static void add_escaped(struct cdb_buf *out, struct cdb_query_string string, enum place place, bool is_first)
{
    for (size_t at = 0, width; at < string.len; at += width) {
        width = cdb_utf8_width(string.ptr + at, string.len - at);
        width = width > 0 ? width : 1;
        if (is_special(string.ptr, string.len, at, place) ||
            (is_first && at == 0 && is_special_first(string.ptr, string.len, place)))
            cdb_buf_addc(out, '\\');
        cdb_buf_add(out, string.ptr + at, width);
    }
}

static void add_quoted(struct cdb_buf *out, struct cdb_query_string string)
{
    cdb_buf_addc(out, '"');
    for (size_t at = 0; at < string.len; at++) {
        if (string.ptr[at] == '"' || string.ptr[at] == '\\')
            cdb_buf_addc(out, '\\');
        cdb_buf_addc(out, string.ptr[at]);
    }
    cdb_buf_addc(out, '"');
}

static bool is_among(struct cdb_query_string string, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == string.len && memcmp(words[i], string.ptr, string.len) == 0)
            return true;
    return false;
}

static void add_field_name(struct cdb_buf *out, struct cdb_query_string field)
{
    static const char *const special[] = {"key", "_exists_", "_missing_"};

    if (field.len == 0)
        cdb_buf_adds(out, "\"\"");
    if (is_among(field, special, sizeof(special) / sizeof(*special)))
        cdb_buf_addc(out, '\\');
    add_escaped(out, field, FIELD, true);
}

static void add_field(struct cdb_buf *out, const struct cdb_query_node *node)
{
    if (node->field.ptr == NULL)
        return;
    add_field_name(out, node->field);
    cdb_buf_addc(out, ':');
}

/* A word behind its field, or without one. */
static void add_word(struct cdb_buf *out, const struct cdb_query_node *node, struct cdb_query_string text)
{
    static const char *const operators[] = {"AND", "OR", "NOT"};
    bool is_lone = node->field.ptr == NULL && node->kind != CDB_QUERY_KEY;

    if (text.len == 0)
        cdb_buf_adds(out, "\"\"");
    if (is_lone && is_among(text, operators, sizeof(operators) / sizeof(*operators)))
        cdb_buf_addc(out, '\\');
    add_escaped(out, text, is_lone ? LONE_WORD : WORD_OF_FIELD, true);
}

static void add_pattern(struct cdb_buf *out, const struct cdb_query_node *node)
{
    enum place place = node->field.ptr == NULL && node->kind != CDB_QUERY_KEY_PATTERN ? LONE_WORD : WORD_OF_FIELD;

    for (size_t i = 0; i < node->pattern.count; i++) {
        const struct cdb_query_piece *piece = &node->pattern.pieces[i];

        if (piece->kind == CDB_QUERY_LITERAL)
            add_escaped(out, piece->text, place, i == 0);
        else
            cdb_buf_addc(out, piece->kind == CDB_QUERY_STAR ? '*' : '?');
    }
}

/* A '~' behind a '/' would be a character, but not behind an escaped one. */
static void add_fuzzy(struct cdb_buf *out, const struct cdb_query_node *node)
{
    struct cdb_query_string text = node->fuzzy.text;

    if (text.len > 0 && text.ptr[text.len - 1] == '/') {
        text.len--;
        if (text.len > 0)
            add_word(out, node, text);
        cdb_buf_adds(out, "\\/");
    } else {
        add_word(out, node, text);
    }
    cdb_buf_addf(out, "~%u", node->fuzzy.distance);
}

static void add_value(struct cdb_buf *out, const struct cdb_query_value *value, enum place place)
{
    if (value->type == CDB_QUERY_OPEN)
        cdb_buf_addc(out, '*');
    else if (value->type == CDB_QUERY_STRING)
        add_quoted(out, value->text);
    else
        add_escaped(out, value->text, place, true);
}

static void add_range(struct cdb_buf *out, const struct cdb_query_range *range)
{
    cdb_buf_addc(out, range->include_lower || range->lower.type == CDB_QUERY_OPEN ? '[' : '{');
    add_value(out, &range->lower, BOUND);
    cdb_buf_adds(out, " TO ");
    add_value(out, &range->upper, BOUND);
    cdb_buf_addc(out, range->include_upper || range->upper.type == CDB_QUERY_OPEN ? ']' : '}');
}

static void add_boost(struct cdb_buf *out, float boost)
{
    uint64_t millionths = cdb_query_boost_millionths(boost);
    uint64_t fraction = millionths % 1000000;
    int places = 6;

    if (millionths == 1000000)
        return;
    cdb_buf_addf(out, "^%llu", (unsigned long long)(millionths / 1000000));
    if (fraction == 0)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        places--;
    cdb_buf_addf(out, ".%0*llu", places, (unsigned long long)fraction);
}

static void add_clause(struct cdb_buf *out, const struct cdb_query_node *node)
{
    add_field(out, node);
    switch (node->kind) {
    case CDB_QUERY_TEXT:
        add_word(out, node, node->text.text);
        break;
    case CDB_QUERY_PHRASE:
        add_quoted(out, node->phrase.text);
        if (node->phrase.slop > 0)
            cdb_buf_addf(out, "~%u", (unsigned)node->phrase.slop);
        break;
    case CDB_QUERY_EXACT:
        cdb_buf_addc(out, '=');
        add_value(out, &node->exact, WORD_OF_FIELD);
        break;
    case CDB_QUERY_KEY_PATTERN:
        cdb_buf_adds(out, "key:");
        add_pattern(out, node);
        break;
    case CDB_QUERY_WILDCARD:
        add_pattern(out, node);
        break;
    case CDB_QUERY_FUZZY:
        add_fuzzy(out, node);
        break;
    case CDB_QUERY_KEY_RANGE:
        cdb_buf_adds(out, "key:");
        add_range(out, &node->range);
        break;
    case CDB_QUERY_RANGE:
        add_range(out, &node->range);
        break;
    case CDB_QUERY_KEY:
        cdb_buf_adds(out, "key:");
        add_word(out, node, node->key);
        break;
    default: /* ALL */
        cdb_buf_adds(out, "*:*");
        break;
    }
}

static void add_presence(struct cdb_buf *out, const struct cdb_query_node *node)
{
    struct cdb_query_node name = {.kind = CDB_QUERY_TEXT, .field = {"", 0}};

    cdb_buf_adds(out, node->kind == CDB_QUERY_EXISTS ? "_exists_:" : "_missing_:");
    add_word(out, &name, node->field);
}

/* ---- booleans ---------------------------------------------------------------------------------- */

static void add_boolean(struct cdb_buf *out, const struct cdb_query_boolean *boolean, enum cdb_query_operator op);

static bool has_other_minimum(const struct cdb_query_boolean *boolean)
{
    return boolean->minimum_should !=
           (boolean->should.count > 0 && boolean->must.count == 0 && boolean->filter.count == 0);
}

/* A part of something larger: a boolean in parentheses. */
static void add_part(struct cdb_buf *out, const struct cdb_query_node *node, enum cdb_query_operator op)
{
    if (node->kind == CDB_QUERY_BOOLEAN) {
        cdb_buf_addc(out, '(');
        add_boolean(out, &node->boolean, op);
        cdb_buf_addc(out, ')');
        if (has_other_minimum(&node->boolean))
            cdb_buf_addf(out, "~%u", (unsigned)node->boolean.minimum_should);
    } else if (node->kind == CDB_QUERY_EXISTS || node->kind == CDB_QUERY_MISSING) {
        add_presence(out, node);
    } else {
        add_clause(out, node);
    }
    add_boost(out, node->boost);
}

struct joiner {
    struct cdb_buf *out;
    const char *separator;
    bool is_first;
    enum cdb_query_operator op;
};

static void join(struct joiner *joiner, const struct cdb_query_list *list, const char *mark)
{
    for (size_t i = 0; i < list->count; i++) {
        cdb_buf_adds(joiner->out, joiner->is_first ? "" : joiner->separator);
        cdb_buf_adds(joiner->out, mark);
        add_part(joiner->out, list->nodes[i], joiner->op);
        joiner->is_first = false;
    }
}

/* As deep as a tree is at most. */
static void add_boolean(struct cdb_buf *out, const struct cdb_query_boolean *boolean, enum cdb_query_operator op)
{
    bool has_marks = boolean->filter.count > 0 ||
                     (boolean->should.count > 0 && boolean->must.count + boolean->must_not.count > 0) ||
                     (boolean->must.count == 1 && boolean->must_not.count == 0);
    struct joiner joiner = {out, NULL, true, op};

    if (has_marks) {
        joiner.separator = op == CDB_QUERY_OR ? " " : " OR ";
        join(&joiner, &boolean->must, "+");
        join(&joiner, &boolean->filter, "#");
        join(&joiner, &boolean->should, "");
        join(&joiner, &boolean->must_not, "-");
    } else {
        joiner.separator = boolean->should.count > 0 ? " OR " : " AND ";
        join(&joiner, &boolean->should, "");
        join(&joiner, &boolean->must, "");
        join(&joiner, &boolean->must_not, "NOT ");
    }
}

void cdb_query_print(struct cdb_buf *out, const struct cdb_query_node *node, enum cdb_query_operator default_op)
{
    if (node->kind == CDB_QUERY_BOOLEAN && node->boost >= 1 && node->boost <= 1 && !has_other_minimum(&node->boolean))
        add_boolean(out, &node->boolean, default_op);
    else
        add_part(out, node, default_op);
}
