/* SPDX-License-Identifier: MIT */
#include "query/clause.h"

#include <string.h>

#include "util/error.h"
#include "util/utf8.h"

#define NAME_SHOWN ((size_t)64)

static const struct special {
    const char *name;
    enum cdb_query_target_kind kind;
} specials[] = {
    {"key", CDB_QUERY_TARGET_KEY},
    {"_exists_", CDB_QUERY_TARGET_EXISTS},
    {"_missing_", CDB_QUERY_TARGET_MISSING},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- fields ------------------------------------------------------------------------------------ */

/* What a word before a colon means; the reader stands at the colon. */
static int name_target(struct cdb_query_reader *in, const struct cdb_query_span *span, struct cdb_query_target *target)
{
    const char *name = in->lex.text + span->start;
    size_t len = span->end - span->start;

    if (len == 0)
        return cdb_query_fail(&in->lex, span->start, "expected a field before ':'; write \\: for the character");
    if (len == 1 && *name == '*' && cdb_query_peek(&in->lex, 1) == '*') {
        target->kind = CDB_QUERY_TARGET_ALL;
        return CHRONDB_OK;
    }
    if (span->wildcards > 0)
        return cdb_query_fail(
            &in->lex, span->start,
            "the name of a field cannot be a pattern; leave the field out to search all text, or write "
            "\\* or \\? for the character");
    if (is_digit(*name))
        return cdb_query_fail(
            &in->lex, span->start,
            "is this a field or a text with a colon? Write the text in quotes, or the field with a \\ "
            "before its first digit");
    for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
        if (strlen(specials[i].name) == len && memcmp(specials[i].name, name, len) == 0) {
            target->kind = specials[i].kind;
            return CHRONDB_OK;
        }
    }
    return cdb_query_unescape(in->builder->arena, name, len, &target->field) ? CHRONDB_OK : CHRONDB_ESYSTEM;
}

/* A quoted text with a colon directly behind it is a field too. */
static int find_name(struct cdb_query_reader *in, struct cdb_query_span *span, bool *found, bool *is_quoted)
{
    struct cdb_query_lex *lex = &in->lex;
    size_t end;
    int result;

    *is_quoted = cdb_query_peek(lex, 0) == '"';
    if (memchr("=<>[{", cdb_query_peek(lex, 0), 5) != NULL)
        return CHRONDB_OK;
    result = *is_quoted ? cdb_query_scan_quoted(lex, span) : cdb_query_scan_word(lex, CDB_QUERY_WORD_CLAUSE, span);
    if (result != CHRONDB_OK)
        return result;
    end = *is_quoted ? span->end + 1 : span->end;
    *found = end < lex->len && lex->text[end] == ':';
    if (*found)
        lex->at = end;
    return CHRONDB_OK;
}

int cdb_query_read_target(struct cdb_query_reader *in, struct cdb_query_target *target, bool *named)
{
    struct cdb_query_span span = {0};
    size_t start = in->lex.at;
    bool is_quoted = false;
    int result;

    *named = false;
    if (target->kind == CDB_QUERY_TARGET_KEY)
        return CHRONDB_OK; /* colons within key:(...) are a part of the keys */
    result = find_name(in, &span, named, &is_quoted);
    if (result != CHRONDB_OK || !*named)
        return result;
    *target = (struct cdb_query_target){.start = start};
    if (!is_quoted)
        result = name_target(in, &span, target);
    else if (!cdb_query_unescape(in->builder->arena, in->lex.text + span.start, span.end - span.start, &target->field))
        result = CHRONDB_ESYSTEM;
    target->end = ++in->lex.at;
    if (result == CHRONDB_OK && target->kind != CDB_QUERY_TARGET_ALL)
        cdb_query_skip_space(&in->lex);
    return result;
}

/* ---- what stands behind a clause ---------------------------------------------------------------- */

/* Digits and points behind a '~', whole. */
static struct cdb_query_span take_number(struct cdb_query_reader *in)
{
    struct cdb_query_span span = {in->lex.at, in->lex.at, 0};

    while (is_digit(cdb_query_peek(&in->lex, 0)) || cdb_query_peek(&in->lex, 0) == '.')
        in->lex.at++;
    span.end = in->lex.at;
    return span;
}

static int read_distance(struct cdb_query_reader *in, unsigned *out)
{
    struct cdb_query_span span;
    char digit;

    in->lex.at++;
    span = take_number(in);
    digit = span.end > span.start ? in->lex.text[span.start] : '2';
    if (!cdb_query_at_delimiter(&in->lex) || span.end - span.start > 1 || (digit != '1' && digit != '2'))
        return cdb_query_fail(
            &in->lex, span.start,
            "expected 1 or 2 behind '~', the number of differences (2 if left out); write \\~ for the "
            "character");
    *out = (unsigned)(digit - '0');
    return CHRONDB_OK;
}

static int read_slop(struct cdb_query_reader *in, uint32_t *out)
{
    struct cdb_query_span span;
    uint32_t slop = 0;

    in->lex.at++;
    span = take_number(in);
    for (size_t at = span.start; at < span.end && slop <= CDB_QUERY_MAX_SLOP && in->lex.text[at] != '.'; at++)
        slop = slop * 10 + (uint32_t)(in->lex.text[at] - '0');
    if (span.end == span.start || memchr(in->lex.text + span.start, '.', span.end - span.start) != NULL ||
        slop > CDB_QUERY_MAX_SLOP || !cdb_query_at_delimiter(&in->lex))
        return cdb_query_fail(&in->lex, span.start,
                              "expected a number of positions from 0 to %d behind the '~' of a phrase",
                              CDB_QUERY_MAX_SLOP);
    *out = slop;
    return CHRONDB_OK;
}

int cdb_query_read_boost_suffix(struct cdb_query_reader *in, struct cdb_query_node *node)
{
    struct cdb_query_span span;
    float boost = 1;

    if (cdb_query_peek(&in->lex, 0) != '^')
        return CHRONDB_OK;
    in->lex.at++;
    span = take_number(in);
    if (!cdb_query_read_boost(in->lex.text + span.start, span.end - span.start, &boost) ||
        !cdb_query_at_delimiter(&in->lex) || cdb_query_peek(&in->lex, 0) == '^')
        return cdb_query_fail(
            &in->lex, span.start,
            "expected a number from 0 to %d behind '^', such as 2 or 0.5; write \\^ for the character",
            CDB_QUERY_MAX_BOOST);
    if (!cdb_query_boost(node, boost))
        return cdb_query_fail(&in->lex, span.start, "boosts within each other multiply to more than %d",
                              CDB_QUERY_MAX_BOOST);
    return CHRONDB_OK;
}

/* ---- words and phrases -------------------------------------------------------------------------- */

static bool is_presence(const struct cdb_query_target *target)
{
    return target->kind == CDB_QUERY_TARGET_EXISTS || target->kind == CDB_QUERY_TARGET_MISSING;
}

static bool looks_at_key(const struct cdb_query_target *target)
{
    return target->kind == CDB_QUERY_TARGET_KEY;
}

/* _exists_:FIELD and _missing_:FIELD. */
static int new_presence(struct cdb_query_reader *in, const struct cdb_query_target *target,
                        struct cdb_query_string name, struct cdb_query_node **out)
{
    *out = cdb_query_new(in->builder, target->kind == CDB_QUERY_TARGET_EXISTS ? CDB_QUERY_EXISTS : CDB_QUERY_MISSING);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    (*out)->field = name;
    return CHRONDB_OK;
}

static int read_quoted(struct cdb_query_reader *in, const struct cdb_query_target *target, struct cdb_query_node **out)
{
    struct cdb_query_string text = {NULL, 0};
    struct cdb_query_span span;
    int result = cdb_query_scan_quoted(&in->lex, &span);

    if (result != CHRONDB_OK)
        return result;
    in->lex.at = span.end + 1;
    if (!cdb_query_unescape(in->builder->arena, in->lex.text + span.start, span.end - span.start, &text))
        return CHRONDB_ESYSTEM;
    if (target->kind != CDB_QUERY_TARGET_FIELD && cdb_query_peek(&in->lex, 0) == '~')
        return cdb_query_fail(&in->lex, in->lex.at, "keys and names of fields are exact, they cannot have a '~'");
    if (is_presence(target))
        return new_presence(in, target, text, out);
    *out = cdb_query_new(in->builder, looks_at_key(target) ? CDB_QUERY_KEY : CDB_QUERY_PHRASE);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    if (looks_at_key(target)) {
        (*out)->key = text;
        return CHRONDB_OK;
    }
    (*out)->field = target->field;
    (*out)->phrase.text = text;
    return cdb_query_peek(&in->lex, 0) == '~' ? read_slop(in, &(*out)->phrase.slop) : CHRONDB_OK;
}

/* The word at `span` with the '~' that the reader stands at. */
static int read_fuzzy(struct cdb_query_reader *in, const struct cdb_query_target *target, struct cdb_query_span span,
                      struct cdb_query_node **out)
{
    if (target->kind != CDB_QUERY_TARGET_FIELD)
        return cdb_query_fail(
            &in->lex, in->lex.at,
            "keys and names of fields are exact, they cannot have a '~'; write \\~ for the character");
    if (span.wildcards > 0)
        return cdb_query_fail(&in->lex, in->lex.at,
                              "a word with * or ? cannot be fuzzy too; write \\~ for the character");
    *out = cdb_query_new(in->builder, CDB_QUERY_FUZZY);
    if (*out == NULL ||
        !cdb_query_unescape(in->builder->arena, in->lex.text + span.start, span.end - span.start, &(*out)->fuzzy.text))
        return CHRONDB_ESYSTEM;
    (*out)->field = target->field;
    return read_distance(in, &(*out)->fuzzy.distance);
}

/* A word where none can be, or none that makes sense. `spaced`: white space stands between it and its "field:". */
static int check_word(const struct cdb_query_reader *in, const struct cdb_query_target *target,
                      struct cdb_query_span span, bool named, bool spaced)
{
    const struct cdb_query_lex *lex = &in->lex;
    bool is_operator = cdb_query_at_word(lex, "AND") || cdb_query_at_word(lex, "OR") || cdb_query_at_word(lex, "NOT");
    bool is_field = span.end < lex->len && lex->text[span.end] == ':';

    if (named && (span.end == span.start || (spaced && (is_operator || is_field))))
        return cdb_query_fail(lex, span.start,
                              "expected what to look for directly behind '%.*s'; write \\: for the character",
                              (int)cdb_utf8_cut(lex->text + target->start, target->end - target->start, NAME_SHOWN),
                              lex->text + target->start);
    if (span.end == span.start)
        return cdb_query_fail(lex, span.start,
                              "expected something to look for before '%c'; write \\%c for the character",
                              lex->text[span.start], lex->text[span.start]);
    if (named && span.end - span.start >= 2 && memcmp(lex->text + span.start, "!=", 2) == 0)
        return cdb_query_fail(lex, span.start, "there is no != ; write NOT before the field, or \\! for the character");
    if (!named && memchr("]}", lex->text[span.start], 2) != NULL)
        return cdb_query_fail(lex, span.start, "this '%c' closes nothing; write \\%c for the character",
                              lex->text[span.start], lex->text[span.start]);
    if (is_presence(target) && span.wildcards > 0)
        return cdb_query_fail(lex, span.start,
                              "the name of a field cannot be a pattern; write \\* or \\? for the character");
    return CHRONDB_OK;
}

static int read_word(struct cdb_query_reader *in, const struct cdb_query_target *target, bool named,
                     struct cdb_query_node **out)
{
    bool spaced = named && in->lex.text[in->lex.at - 1] != ':';
    struct cdb_query_pattern pattern = {NULL, 0};
    struct cdb_query_string text = {NULL, 0};
    struct cdb_query_span span;
    bool is_value = looks_at_key(target) || (named && !spaced);
    int result = cdb_query_scan_word(&in->lex, is_value ? CDB_QUERY_WORD_VALUE : CDB_QUERY_WORD_CLAUSE, &span);

    if (result == CHRONDB_OK)
        result = check_word(in, target, span, named, spaced);
    if (result != CHRONDB_OK)
        return result;
    in->lex.at = span.end;
    if (cdb_query_peek(&in->lex, 0) == '~')
        return read_fuzzy(in, target, span, out);
    if (is_presence(target))
        return cdb_query_unescape(in->builder->arena, in->lex.text + span.start, span.end - span.start, &text)
                   ? new_presence(in, target, text, out)
                   : CHRONDB_ESYSTEM;
    if (!cdb_query_read_pattern(in->builder->arena, in->lex.text + span.start, span.end - span.start, &pattern))
        return CHRONDB_ESYSTEM;
    *out = cdb_query_new_pattern(in->builder, pattern, looks_at_key(target), target->field, in->default_op);
    return *out != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}

/* The star of "*:*". */
static int read_all(struct cdb_query_reader *in, size_t start, struct cdb_query_node **out)
{
    in->lex.at++;
    if (!cdb_query_at_delimiter(&in->lex))
        return cdb_query_fail(&in->lex, start, "leave *: out to search all text; every document is *:*");
    *out = cdb_query_new(in->builder, CDB_QUERY_ALL);
    return *out != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}

static int read_unboosted(struct cdb_query_reader *in, const struct cdb_query_target *target, bool named, size_t start,
                          struct cdb_query_node **out)
{
    char c = cdb_query_peek(&in->lex, 0);

    if (target->kind == CDB_QUERY_TARGET_ALL)
        return read_all(in, start, out);
    if (c == '"')
        return read_quoted(in, target, out);
    if (c == '[' || c == '{')
        return cdb_query_read_range(in, target, out);
    if (c == '=' || c == '<' || c == '>')
        return cdb_query_read_comparison(in, target, out);
    return read_word(in, target, named, out);
}

int cdb_query_read_clause(struct cdb_query_reader *in, const struct cdb_query_target *target, bool named, size_t start,
                          struct cdb_query_node **out)
{
    int result = read_unboosted(in, target, named, start, out);

    if (result == CHRONDB_OK)
        result = cdb_query_read_boost_suffix(in, *out);
    if (result != CHRONDB_OK)
        return result;
    if (++in->builder->clauses > CDB_QUERY_MAX_CLAUSES)
        return cdb_query_fail(&in->lex, start, "more than %d clauses", CDB_QUERY_MAX_CLAUSES);
    (*out)->pos = (uint32_t)start;
    (*out)->size = (uint32_t)(in->lex.at - start);
    return CHRONDB_OK;
}
