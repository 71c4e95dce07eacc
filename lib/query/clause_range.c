/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "query/clause.h"
#include "util/error.h"

/* Ranges and comparisons are those of a field or of keys. */
static int check_target(const struct cdb_query_reader *in, const struct cdb_query_target *target)
{
    char c = cdb_query_peek(&in->lex, 0);

    if (target->kind == CDB_QUERY_TARGET_EXISTS || target->kind == CDB_QUERY_TARGET_MISSING)
        return cdb_query_fail(&in->lex, in->lex.at, "expected the name of one field");
    if (target->kind == CDB_QUERY_TARGET_KEY || target->field.ptr != NULL)
        return CHRONDB_OK;
    if (c == '[' || c == '{')
        return cdb_query_fail(&in->lex, in->lex.at,
                              "a range needs a field and a colon before it, as in age:[25 TO 35]; write \\%c for the "
                              "character",
                              c);
    return cdb_query_fail(&in->lex, in->lex.at,
                          "a comparison needs a field and a colon before it, as in age:>=25; write \\%c for the "
                          "character, or put the text in quotes",
                          c);
}

/* A word, or a text in quotes. `span` is its spelling. Keys are strings, in quotes or not. */
static int read_value(struct cdb_query_reader *in, const struct cdb_query_target *target, enum cdb_query_word_mode mode,
                      struct cdb_query_span *span, struct cdb_query_value *out)
{
    struct cdb_query_lex *lex = &in->lex;
    bool is_quoted = cdb_query_peek(lex, 0) == '"';
    int result = is_quoted ? cdb_query_scan_quoted(lex, span) : cdb_query_scan_word(lex, mode, span);

    if (result != CHRONDB_OK)
        return result;
    lex->at = is_quoted ? span->end + 1 : span->end;
    out->type = is_quoted || target->kind == CDB_QUERY_TARGET_KEY ? CDB_QUERY_STRING : CDB_QUERY_UNTYPED;
    return cdb_query_unescape(in->builder->arena, lex->text + span->start, span->end - span->start, &out->text)
               ? CHRONDB_OK
               : CHRONDB_ESYSTEM;
}

/* ---- ranges ------------------------------------------------------------------------------------ */

static int read_bound(struct cdb_query_reader *in, const struct cdb_query_target *target, struct cdb_query_value *out)
{
    struct cdb_query_lex *lex = &in->lex;
    struct cdb_query_span span = {0};
    size_t start;
    int result;

    cdb_query_skip_space(lex);
    start = lex->at;
    result = read_value(in, target, CDB_QUERY_WORD_BOUND, &span, out);
    if (result != CHRONDB_OK)
        return result;
    if (lex->at == start)
        return cdb_query_fail(lex, start, "expected a bound of the range, or * for none");
    if (lex->text[start] == '*' && lex->at == start + 1)
        *out = (struct cdb_query_value){CDB_QUERY_OPEN, {NULL, 0}};
    else if (span.wildcards > 0)
        return cdb_query_fail(lex, start, "a bound of a range cannot be a pattern; write \\* or \\? for the character");
    return CHRONDB_OK;
}

static int expect_to(struct cdb_query_reader *in)
{
    cdb_query_skip_space(&in->lex);
    if (!cdb_query_at_word(&in->lex, "TO"))
        return cdb_query_fail(&in->lex, in->lex.at,
                              "expected TO between the bounds of the range, as in [25 TO 35]; put a bound with white "
                              "space in quotes");
    in->lex.at += 2;
    return CHRONDB_OK;
}

int cdb_query_read_range(struct cdb_query_reader *in, const struct cdb_query_target *target,
                         struct cdb_query_node **out)
{
    struct cdb_query_range range = {.include_lower = cdb_query_peek(&in->lex, 0) == '['};
    size_t start = in->lex.at;
    char end;
    int result = check_target(in, target);

    if (result != CHRONDB_OK)
        return result;
    in->lex.at++;
    if ((result = read_bound(in, target, &range.lower)) != CHRONDB_OK || (result = expect_to(in)) != CHRONDB_OK ||
        (result = read_bound(in, target, &range.upper)) != CHRONDB_OK)
        return result;
    cdb_query_skip_space(&in->lex);
    end = cdb_query_peek(&in->lex, 0);
    if (cdb_query_at_end(&in->lex))
        return cdb_query_fail(&in->lex, start, "expected a ']' or '}' that closes this '%c'", in->lex.text[start]);
    if (end != ']' && end != '}')
        return cdb_query_fail(
            &in->lex, in->lex.at,
            "expected ']' or '}' behind the bounds of the range; put a bound with white space in quotes");
    in->lex.at++;
    range.include_upper = end == ']';
    *out = cdb_query_new_range(in->builder, range, target->kind == CDB_QUERY_TARGET_KEY, target->field);
    return *out != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}

/* ---- comparisons ------------------------------------------------------------------------------- */

static int new_exact(struct cdb_query_reader *in, const struct cdb_query_target *target, struct cdb_query_value value,
                     struct cdb_query_node **out)
{
    bool is_key = target->kind == CDB_QUERY_TARGET_KEY;

    *out = cdb_query_new(in->builder, is_key ? CDB_QUERY_KEY : CDB_QUERY_EXACT);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    if (is_key) {
        (*out)->key = value.text;
    } else {
        (*out)->field = target->field;
        (*out)->exact = value;
    }
    return CHRONDB_OK;
}

int cdb_query_read_comparison(struct cdb_query_reader *in, const struct cdb_query_target *target,
                              struct cdb_query_node **out)
{
    struct cdb_query_lex *lex = &in->lex;
    struct cdb_query_value value = {CDB_QUERY_OPEN, {NULL, 0}};
    struct cdb_query_range range = {0};
    struct cdb_query_span span = {0};
    char sign = cdb_query_peek(lex, 0);
    size_t start;
    bool include = false;
    int result = check_target(in, target);

    if (result != CHRONDB_OK)
        return result;
    lex->at++;
    if (sign != '=' && cdb_query_peek(lex, 0) == '=') {
        lex->at++;
        include = true;
    }
    cdb_query_skip_space(lex);
    start = lex->at;
    result = read_value(in, target, CDB_QUERY_WORD_EXACT, &span, &value);
    if (result != CHRONDB_OK)
        return result;
    if (lex->at == start || (lex->text[start] != '"' && memchr("=<>", lex->text[start], 3) != NULL))
        return cdb_query_fail(lex, start,
                              "expected a value behind '%c%s'; put one that begins with a special character in quotes",
                              sign, include ? "=" : "");
    if (sign == '=')
        return new_exact(in, target, value, out);
    if (lex->text[start] == '*' && lex->at == start + 1)
        return cdb_query_fail(lex, start, "expected a value; FIELD:* finds what has the field at all");
    range.lower = sign == '>' ? value : range.lower;
    range.upper = sign == '<' ? value : range.upper;
    range.include_lower = range.include_upper = include;
    *out = cdb_query_new_range(in->builder, range, target->kind == CDB_QUERY_TARGET_KEY, target->field);
    return *out != NULL ? CHRONDB_OK : CHRONDB_ESYSTEM;
}
