/* SPDX-License-Identifier: MIT */
#include "query/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/utf8.h"

#define DETAIL_SIZE ((size_t)1024)

/* ---- saying what is wrong ---------------------------------------------------------------------- */

void cdb_query_place(const char *text, size_t len, size_t pos, size_t *line, size_t *column)
{
    *line = *column = 1;
    for (size_t at = 0; at < pos && at < len;) {
        size_t width = cdb_utf8_width(text + at, len - at);

        *column = text[at] == '\n' ? 1 : *column + 1;
        *line += text[at] == '\n';
        at += width > 0 ? width : 1;
    }
}

int cdb_query_fail(const struct cdb_query_lex *lex, size_t pos, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    size_t line, column;
    va_list args;

    va_start(args, format);
    if (vsnprintf(detail, sizeof(detail), format, args) < 0)
        detail[0] = '\0';
    va_end(args);
    cdb_query_place(lex->text, lex->len, pos, &line, &column);
    if (memchr(lex->text, '\n', lex->len) == NULL)
        cdb_error_set(CHRONDB_EUSAGE, "invalid_query", "not a valid query at column %zu: %s", column, detail);
    else
        cdb_error_set(CHRONDB_EUSAGE, "invalid_query", "not a valid query at line %zu, column %zu: %s", line, column,
                      detail);
    cdb_error_set_position(line, column);
    return CHRONDB_EUSAGE;
}

int cdb_query_lex_init(struct cdb_query_lex *lex, const char *text, size_t len)
{
    *lex = (struct cdb_query_lex){len > 0 ? text : "", len, 0};
    if (len > CDB_QUERY_MAX_TEXT)
        return cdb_query_fail(lex, CDB_QUERY_MAX_TEXT, "a query has at most %zu bytes, this one has %zu",
                              CDB_QUERY_MAX_TEXT, len);
    for (size_t at = 0, width; at < len; at += width) {
        width = cdb_utf8_width(text + at, len - at);
        if (width == 0)
            return cdb_query_fail(lex, at, "byte %zu (0x%02x) is not UTF-8; is this text in another encoding?", at + 1,
                                  (unsigned char)text[at]);
    }
    return CHRONDB_OK;
}

/* ---- characters -------------------------------------------------------------------------------- */

size_t cdb_query_space(const char *text, size_t len)
{
    const unsigned char *c = (const unsigned char *)text;

    if (len == 0)
        return 0;
    if (c[0] < 0x80)
        return c[0] == ' ' || (c[0] >= '\t' && c[0] <= '\r') ? 1 : 0;
    if (len >= 2 && c[0] == 0xc2)
        return c[1] == 0x85 || c[1] == 0xa0 ? 2 : 0;
    if (len < 3)
        return 0;
    switch (c[0] << 16 | c[1] << 8 | c[2]) {
    case 0xe19a80: /* U+1680, U+2028, U+2029, U+202F, U+205F, U+3000 */
    case 0xe280a8:
    case 0xe280a9:
    case 0xe280af:
    case 0xe2819f:
    case 0xe38080:
        return 3;
    default: /* U+2000 to U+200A */
        return c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0x80 && c[2] <= 0x8a ? 3 : 0;
    }
}

void cdb_query_skip_space(struct cdb_query_lex *lex)
{
    size_t width;

    while ((width = cdb_query_space(lex->text + lex->at, lex->len - lex->at)) > 0)
        lex->at += width;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool begins_with(const struct cdb_query_lex *lex, size_t at, const char *text)
{
    size_t len = strlen(text);

    return lex->len - at >= len && memcmp(lex->text + at, text, len) == 0;
}

bool cdb_query_at_sign(const struct cdb_query_lex *lex, const char *sign)
{
    return begins_with(lex, lex->at, sign);
}

static bool is_delimiter(const struct cdb_query_lex *lex, size_t at)
{
    return at == lex->len || is_one_of(lex->text[at], "()\"^") || begins_with(lex, at, "&&") ||
           begins_with(lex, at, "||") || cdb_query_space(lex->text + at, lex->len - at) > 0;
}

bool cdb_query_at_delimiter(const struct cdb_query_lex *lex)
{
    return is_delimiter(lex, lex->at);
}

bool cdb_query_at_word(const struct cdb_query_lex *lex, const char *word)
{
    return begins_with(lex, lex->at, word) && is_delimiter(lex, lex->at + strlen(word));
}

/* ---- words ------------------------------------------------------------------------------------- */

/* `escaped` is where the last escape ended. */
static bool ends_word(const struct cdb_query_lex *lex, size_t at, enum cdb_query_word_mode mode, size_t escaped)
{
    char c = lex->text[at];

    if (mode == CDB_QUERY_WORD_BOUND)
        return is_one_of(c, "]}\"") || cdb_query_space(lex->text + at, lex->len - at) > 0;
    if (is_delimiter(lex, at))
        return true;
    if (c == '~' && mode != CDB_QUERY_WORD_EXACT)
        return at > lex->at && (lex->text[at - 1] != '/' || at == escaped);
    return c == ':' && mode == CDB_QUERY_WORD_CLAUSE && !begins_with(lex, at, "://");
}

int cdb_query_scan_word(const struct cdb_query_lex *lex, enum cdb_query_word_mode mode, struct cdb_query_span *span)
{
    size_t at = lex->at, escaped = 0;

    *span = (struct cdb_query_span){at, at, 0};
    while (at < lex->len && !ends_word(lex, at, mode, escaped)) {
        char c = lex->text[at];

        if (c == '\\') {
            if (++at == lex->len)
                return cdb_query_fail(lex, at - 1, "expected a character behind '\\'; write \\\\ for '\\' itself");
            escaped = at + cdb_utf8_width(lex->text + at, lex->len - at);
        } else if (mode == CDB_QUERY_WORD_CLAUSE && is_one_of(c, "=<>")) {
            return cdb_query_fail(
                lex, at,
                "a comparison needs a field and a colon before it, as in age:>=25; write \\%c for the "
                "character, or put the text in quotes",
                c);
        } else if (c == '*' || c == '?') {
            span->wildcards++;
        }
        at += cdb_utf8_width(lex->text + at, lex->len - at);
    }
    span->end = at;
    return CHRONDB_OK;
}

int cdb_query_scan_quoted(const struct cdb_query_lex *lex, struct cdb_query_span *span)
{
    size_t at = lex->at + 1;

    *span = (struct cdb_query_span){at, at, 0};
    for (; at < lex->len && lex->text[at] != '"'; at++)
        if (lex->text[at] == '\\' && at + 1 < lex->len)
            at++; /* a byte of a longer character behind it is neither quote nor backslash */
    if (at == lex->len)
        return cdb_query_fail(lex, lex->at, "expected another '\"' that closes this one; write \\\" for the character");
    span->end = at;
    return CHRONDB_OK;
}

bool cdb_query_escapes_are_whole(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len)
        at += text[at] == '\\' ? 2 : 1;
    return at == len;
}

bool cdb_query_unescape(struct cdb_arena *arena, const char *text, size_t len, struct cdb_query_string *out)
{
    char *copy = cdb_arena_copy(arena, text, len);
    size_t n = 0;

    if (copy == NULL)
        return false;
    for (size_t at = 0; at < len; at++) {
        if (text[at] == '\\' && at + 1 < len)
            at++;
        copy[n++] = text[at];
    }
    copy[n] = '\0';
    *out = (struct cdb_query_string){copy, n};
    return true;
}

/* A literal takes at most one piece between two wildcards. */
static size_t count_pieces(const char *text, size_t len)
{
    size_t count = 1;

    for (size_t at = 0; at < len; at++) {
        if (text[at] == '\\')
            at++;
        else if (text[at] == '*' || text[at] == '?')
            count += 2;
    }
    return count;
}

bool cdb_query_read_pattern(struct cdb_arena *arena, const char *text, size_t len, struct cdb_query_pattern *out)
{
    struct cdb_query_piece *pieces = cdb_arena_alloc(arena, count_pieces(text, len) * sizeof(*pieces));
    size_t count = 0;

    if (pieces == NULL)
        return false;
    for (size_t at = 0, start; at < len;) {
        if (text[at] == '*' || text[at] == '?') {
            enum cdb_query_piece_kind kind = text[at++] == '*' ? CDB_QUERY_STAR : CDB_QUERY_ONE;

            if (kind == CDB_QUERY_ONE || count == 0 || pieces[count - 1].kind != CDB_QUERY_STAR)
                pieces[count++] = (struct cdb_query_piece){kind, {NULL, 0}};
            continue;
        }
        for (start = at; at < len && text[at] != '*' && text[at] != '?'; at++)
            at += text[at] == '\\' && at + 1 < len;
        pieces[count].kind = CDB_QUERY_LITERAL;
        if (!cdb_query_unescape(arena, text + start, at - start, &pieces[count++].text))
            return false;
    }
    *out = (struct cdb_query_pattern){pieces, count};
    return true;
}
