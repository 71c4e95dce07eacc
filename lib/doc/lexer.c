/* SPDX-License-Identifier: MIT */
#include "doc/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/error.h"
#include "util/utf8.h"

#define FOUND_SIZE  CDB_UTF8_QUOTE_SIZE
#define DETAIL_SIZE ((size_t)1024)
#define WORD_SHOWN  ((size_t)24)

#define ONES UINT64_C(0x0101010101010101)

/* ---- saying what is wrong: only for texts that are refused ------------------------------------- */

static enum cdb_lex_kind fail(struct cdb_lexer *lexer, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum cdb_lex_kind fail(struct cdb_lexer *lexer, const char *where, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    const char *line_start = lexer->text;
    const char *newline;
    size_t line = 1, column;
    va_list args;

    va_start(args, format);
    if (vsnprintf(detail, sizeof(detail), format, args) < 0)
        detail[0] = '\0';
    va_end(args);
    while (line_start < where && (newline = memchr(line_start, '\n', (size_t)(where - line_start))) != NULL) {
        line_start = newline + 1;
        line++;
    }
    column = (size_t)(where - line_start) + 1;
    cdb_error_set(CHRONDB_EINVALID, "invalid_json", "not valid JSON at line %zu, column %zu: %s", line, column, detail);
    cdb_error_set_position(line, column);
    return CDB_LEX_ERROR;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$';
}

static size_t word_length(const struct cdb_lexer *lexer, const char *where)
{
    const char *p = where;

    while (p < lexer->end && is_word(*p))
        p++;
    return (size_t)(p - where);
}

/* What stands at `where`, for people. */
static const char *found(const struct cdb_lexer *lexer, const char *where, char out[FOUND_SIZE])
{
    size_t left = (size_t)(lexer->end - where);
    size_t word = word_length(lexer, where);
    size_t width = cdb_utf8_width(where, left);

    if (left == 0)
        return lexer->text == lexer->end ? "nothing: the text is empty" : "the end of the text";
    if (*where == '\'')
        return "a single quote";
    if (word > WORD_SHOWN)
        word = WORD_SHOWN;
    cdb_utf8_quote(out, where, word > 0 ? word : width > 0 ? width : 1);
    return out;
}

static bool is_comment(const struct cdb_lexer *lexer, const char *where)
{
    if (where == lexer->end)
        return false;
    return *where == '#' || (*where == '/' && where + 1 < lexer->end && (where[1] == '/' || where[1] == '*'));
}

static bool is_after_comma(const struct cdb_lexer *lexer, const char *where)
{
    while (where > lexer->text && cdb_json_is_space(where[-1]))
        where--;
    return where > lexer->text && where[-1] == ',';
}

static enum cdb_lex_kind fail_expected(struct cdb_lexer *lexer, const char *what)
{
    char text[FOUND_SIZE];

    if (is_comment(lexer, lexer->at))
        return fail(lexer, lexer->at, "expected %s, found a comment (JSON has none)", what);
    return fail(lexer, lexer->at, "expected %s, found %s", what, found(lexer, lexer->at, text));
}

static enum cdb_lex_kind fail_word(struct cdb_lexer *lexer, const char *where)
{
    static const char *const literals[] = {"null", "true", "false"};
    static const char *const strangers[] = {"nan", "inf", "infinity"};
    char text[FOUND_SIZE];
    size_t len = word_length(lexer, where);

    found(lexer, where, text);
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
        if (len == strlen(literals[i]) && strncasecmp(where, literals[i], len) == 0)
            return fail(lexer, where, "expected a value, found %s (it is written %s)", text, literals[i]);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        if (len == strlen(strangers[i]) && strncasecmp(where, strangers[i], len) == 0)
            return fail(lexer, where, "expected a value, found %s (JSON has no NaN and no infinity)", text);
    if (len == 9 && memcmp(where, "undefined", 9) == 0)
        return fail(lexer, where, "expected a value, found %s (JSON has null)", text);
    return fail(lexer, where, "expected a value, found %s (strings are quoted with \")", text);
}

static enum cdb_lex_kind fail_value(struct cdb_lexer *lexer)
{
    const char *at = lexer->at;
    size_t left = (size_t)(lexer->end - at);

    if (left == 0)
        return fail_expected(lexer, "a value");
    if (at == lexer->text && left >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        return fail(lexer, at, "the text begins with a byte order mark (BOM); remove it");
    if (at == lexer->text && left >= 2 && (memcmp(at, "\xff\xfe", 2) == 0 || memcmp(at, "\xfe\xff", 2) == 0))
        return fail(lexer, at, "the text is UTF-16; documents are UTF-8");
    if (*at == '\'')
        return fail(lexer, at, "expected a value, found a single quote (strings are quoted with \")");
    if ((*at == ']' || *at == '}') && is_after_comma(lexer, at))
        return fail(lexer, at, "trailing comma before '%c'", *at);
    if (*at == '+')
        return fail(lexer, at, "expected a value, found '+' (a number has no + in front)");
    if (*at == '.')
        return fail(lexer, at, "expected a value, found '.' (a number has a digit before the point)");
    if (is_word(*at))
        return fail_word(lexer, at);
    return fail_expected(lexer, "a value");
}

static enum cdb_lex_kind fail_name(struct cdb_lexer *lexer)
{
    const char *at = lexer->at;

    if (at < lexer->end && *at == '}' && is_after_comma(lexer, at))
        return fail(lexer, at, "trailing comma before '}'");
    if (lexer->state == CDB_LEX_AT_FIRST_NAME)
        return fail_expected(lexer, "a name in double quotes or '}'");
    return fail_expected(lexer, "a name in double quotes");
}

static enum cdb_lex_kind fail_control(struct cdb_lexer *lexer, const char *where)
{
    switch (*where) {
    case '\n':
        return fail(lexer, where, "line break in a string (written \\n, or the closing quote is missing)");
    case '\r':
        return fail(lexer, where, "carriage return in a string (written \\r)");
    case '\t':
        return fail(lexer, where, "tab in a string (written \\t)");
    default:
        return fail(lexer, where, "control character \\x%02x in a string (written \\u%04x)", (unsigned)*where,
                    (unsigned)*where);
    }
}

static enum cdb_lex_kind fail_utf8(struct cdb_lexer *lexer, const char *where)
{
    const unsigned char *c = (const unsigned char *)where;
    size_t left = (size_t)(lexer->end - where);
    bool continued = left > 1 && (c[1] & 0xc0) == 0x80;
    const char *what;

    if (c[0] < 0xc0)
        what = "lone continuation byte";
    else if (c[0] < 0xc2 || (continued && ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90))))
        what = "overlong form";
    else if (continued && c[0] == 0xed && c[1] > 0x9f)
        what = "surrogate";
    else if (c[0] > 0xf4 || (continued && c[0] == 0xf4 && c[1] > 0x8f))
        what = "nothing above U+10FFFF is a character";
    else
        what = "character cut short";
    return fail(lexer, where, "not UTF-8: byte \\x%02x in a string (%s)", c[0], what);
}

static enum cdb_lex_kind fail_unclosed(struct cdb_lexer *lexer)
{
    return fail(lexer, lexer->at, "the string that begins here has no closing quote");
}

/* ---- tokens ------------------------------------------------------------------------------------ */

/* The high bit of the first byte (in memory, on little-endian machines) that is no plain ASCII character of a
 * string is set: of '"', '\', control characters and all beyond ASCII. Borrows go to later bytes only. */
static inline uint64_t special_bytes(uint64_t word)
{
    return (word | (word - ONES * 0x20) | ((word ^ (ONES * '"')) - ONES) | ((word ^ (ONES * '\\')) - ONES)) &
           (ONES * 0x80);
}

static inline const char *skip_plain(const char *p, const char *end)
{
    uint64_t word, special;

    while (end - p >= 8) {
        memcpy(&word, p, sizeof(word));
        special = special_bytes(word);
        if (special != 0) {
            if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
                return p + __builtin_ctzll(special) / 8;
            break;
        }
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* `p` is at the backslash. Returns what is behind the escape, or NULL after an error. */
static const char *skip_escape(struct cdb_lexer *lexer, const char *p)
{
    char text[FOUND_SIZE];

    if (lexer->end - p < 2) {
        fail_unclosed(lexer);
        return NULL;
    }
    if (p[1] != 'u') {
        if (strchr("\"\\/bfnrt", p[1]) != NULL && p[1] != '\0')
            return p + 2;
        fail(lexer, p, "unknown escape in a string: \\ before %s (a backslash is written \\\\)",
             found(lexer, p + 1, text));
        return NULL;
    }
    for (const char *digit = p + 2; digit < p + 6; digit++) {
        if (digit == lexer->end || !is_hex(*digit)) {
            fail(lexer, p, "\\u needs four hexadecimal digits, found %s", found(lexer, digit, text));
            return NULL;
        }
    }
    return p + 6;
}

/* At the opening quote; afterwards behind the closing one. */
static bool read_string(struct cdb_lexer *lexer)
{
    const char *p = lexer->at + 1;
    size_t width;

    for (;;) {
        p = skip_plain(p, lexer->end);
        if (p == lexer->end) {
            fail_unclosed(lexer);
            return false;
        }
        if (*p == '"') {
            lexer->at = p + 1;
            return true;
        }
        if (*p == '\\') {
            p = skip_escape(lexer, p);
            if (p == NULL)
                return false;
            continue;
        }
        if ((unsigned char)*p < 0x20) {
            fail_control(lexer, p);
            return false;
        }
        do {
            width = cdb_utf8_width(p, (size_t)(lexer->end - p));
            if (width == 0) {
                fail_utf8(lexer, p);
                return false;
            }
            p += width;
        } while (p < lexer->end && (unsigned char)*p >= 0x80);
    }
}

/* One digit or more, or NULL after an error. */
static const char *skip_digits(struct cdb_lexer *lexer, const char *p, const char *where)
{
    char text[FOUND_SIZE];

    if (p == lexer->end || !is_digit(*p)) {
        fail(lexer, p, "expected a digit %s of a number, found %s", where, found(lexer, p, text));
        return NULL;
    }
    while (p < lexer->end && is_digit(*p))
        p++;
    return p;
}

static bool read_number(struct cdb_lexer *lexer)
{
    const char *p = lexer->at;
    const char *end = lexer->end;

    if (*p == '-') {
        p++;
        if (p < end && is_word(*p) && !is_digit(*p)) {
            fail_word(lexer, p);
            return false;
        }
    }
    if (p < end && *p == '0') {
        p++;
        if (p < end && is_digit(*p)) {
            fail(lexer, p - 1, "a number has no leading zeros");
            return false;
        }
        if (p < end && (*p == 'x' || *p == 'X')) {
            fail(lexer, p - 1, "JSON has no hexadecimal numbers");
            return false;
        }
    } else if ((p = skip_digits(lexer, p, "after the '-'")) == NULL) {
        return false;
    }
    if (p < end && *p == '.' && (p = skip_digits(lexer, p + 1, "behind the point")) == NULL)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if ((p = skip_digits(lexer, p, "in the exponent")) == NULL)
            return false;
    }
    lexer->at = p;
    return true;
}

static bool read_literal(struct cdb_lexer *lexer, const char *literal, size_t len)
{
    const char *at = lexer->at;

    if ((size_t)(lexer->end - at) < len || memcmp(at, literal, len) != 0 ||
        (at + len < lexer->end && is_word(at[len]))) {
        fail_word(lexer, at);
        return false;
    }
    lexer->at = at + len;
    return true;
}

/* ---- the grammar ------------------------------------------------------------------------------- */

static inline void skip_space(struct cdb_lexer *lexer)
{
    const char *p = lexer->at;

    while (p < lexer->end && cdb_json_is_space(*p))
        p++;
    lexer->at = p;
}

static enum cdb_lex_kind open_container(struct cdb_lexer *lexer, bool object)
{
    uint64_t bit;

    if (lexer->depth == lexer->max_depth)
        return fail(lexer, lexer->at, "nested too deep, in more than %d arrays and objects", CHRONDB_MAX_DEPTH);
    bit = UINT64_C(1) << (lexer->depth % 64);
    if (object)
        lexer->objects[lexer->depth / 64] |= bit;
    else
        lexer->objects[lexer->depth / 64] &= ~bit;
    lexer->depth++;
    lexer->in_object = object;
    lexer->at++;
    lexer->type = object ? CDB_JSON_OBJECT : CDB_JSON_ARRAY;
    lexer->state = object ? CDB_LEX_AT_FIRST_NAME : CDB_LEX_AT_FIRST_ELEMENT;
    return CDB_LEX_OPEN;
}

static enum cdb_lex_kind close_container(struct cdb_lexer *lexer)
{
    unsigned outer;

    lexer->start = (size_t)(lexer->at - lexer->text);
    lexer->at++;
    lexer->type = lexer->in_object ? CDB_JSON_OBJECT : CDB_JSON_ARRAY;
    lexer->state = CDB_LEX_AFTER_VALUE;
    lexer->depth--;
    if (lexer->depth > 0) {
        outer = lexer->depth - 1;
        lexer->in_object = (lexer->objects[outer / 64] >> (outer % 64) & 1) != 0;
    }
    return CDB_LEX_CLOSE;
}

static enum cdb_lex_kind next_value(struct cdb_lexer *lexer)
{
    bool good;

    if (lexer->at == lexer->end)
        return fail_value(lexer);
    lexer->start = (size_t)(lexer->at - lexer->text);
    lexer->state = CDB_LEX_AFTER_VALUE;
    switch (*lexer->at) {
    case '"':
        lexer->type = CDB_JSON_STRING;
        good = read_string(lexer);
        break;
    case '{':
    case '[':
        return open_container(lexer, *lexer->at == '{');
    case 'n':
        lexer->type = CDB_JSON_NULL;
        good = read_literal(lexer, "null", 4);
        break;
    case 't':
        lexer->type = CDB_JSON_TRUE;
        good = read_literal(lexer, "true", 4);
        break;
    case 'f':
        lexer->type = CDB_JSON_FALSE;
        good = read_literal(lexer, "false", 5);
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        lexer->type = CDB_JSON_NUMBER;
        good = read_number(lexer);
        break;
    default:
        return fail_value(lexer);
    }
    return good ? CDB_LEX_VALUE : CDB_LEX_ERROR;
}

static enum cdb_lex_kind next_name(struct cdb_lexer *lexer)
{
    if (lexer->at == lexer->end || *lexer->at != '"')
        return fail_name(lexer);
    lexer->start = (size_t)(lexer->at - lexer->text);
    lexer->type = CDB_JSON_STRING;
    if (!read_string(lexer))
        return CDB_LEX_ERROR;
    lexer->name_end = (size_t)(lexer->at - lexer->text);
    skip_space(lexer);
    if (lexer->at == lexer->end || *lexer->at != ':')
        return fail_expected(lexer, "':' after a name");
    lexer->at++;
    lexer->state = CDB_LEX_AT_VALUE;
    return CDB_LEX_NAME;
}

static enum cdb_lex_kind next_after_value(struct cdb_lexer *lexer)
{
    bool ended = lexer->at == lexer->end;

    if (lexer->depth == 0)
        return ended ? CDB_LEX_END : fail_expected(lexer, "nothing after the value");
    if (!ended && *lexer->at == ',') {
        lexer->at++;
        skip_space(lexer);
        return lexer->in_object ? next_name(lexer) : next_value(lexer);
    }
    if (!ended && *lexer->at == (lexer->in_object ? '}' : ']'))
        return close_container(lexer);
    return fail_expected(lexer, lexer->in_object ? "',' or '}' after a member" : "',' or ']' after an element");
}

static bool init(struct cdb_lexer *lexer, const char *text, size_t len, unsigned max_depth)
{
    lexer->text = len > 0 ? text : "";
    lexer->at = lexer->text;
    lexer->end = lexer->text + len;
    lexer->start = 0;
    lexer->name_end = 0;
    lexer->type = CDB_JSON_NULL;
    lexer->state = CDB_LEX_AT_VALUE;
    lexer->depth = 0;
    lexer->in_object = false;
    lexer->max_depth = max_depth;
    memset(lexer->objects, 0, sizeof(lexer->objects));
    return true;
}

bool cdb_lexer_init(struct cdb_lexer *lexer, const char *text, size_t len)
{
    if (len <= CHRONDB_MAX_DOCUMENT)
        return init(lexer, text, len, CHRONDB_MAX_DEPTH);
    cdb_error_set(CHRONDB_EINVALID, "invalid_json", "too large: %zu bytes, a document has at most %zu", len,
                  CHRONDB_MAX_DOCUMENT);
    return false;
}

bool cdb_lexer_init_line(struct cdb_lexer *lexer, const char *text, size_t len)
{
    if (len <= CDB_LINE_MAX)
        return init(lexer, text, len, CHRONDB_MAX_DEPTH + 1);
    cdb_error_set(CHRONDB_EINVALID, "invalid_json", "too large: a line of %zu bytes, it may have %zu", len,
                  CDB_LINE_MAX);
    return false;
}

enum cdb_lex_kind cdb_lexer_next(struct cdb_lexer *lexer)
{
    skip_space(lexer);
    switch (lexer->state) {
    case CDB_LEX_AFTER_VALUE:
        return next_after_value(lexer);
    case CDB_LEX_AT_FIRST_NAME:
        if (lexer->at < lexer->end && *lexer->at == '}')
            return close_container(lexer);
        return next_name(lexer);
    case CDB_LEX_AT_FIRST_ELEMENT:
        if (lexer->at < lexer->end && *lexer->at == ']')
            return close_container(lexer);
        return next_value(lexer);
    case CDB_LEX_AT_VALUE:
    default:
        return next_value(lexer);
    }
}
