/* The characters of the query language: where words end, what escapes mean, and saying where a query is wrong.
 * Positions are offsets in bytes here; people are told lines and columns, which count characters. A query is checked
 * once, at the beginning (cdb_query_lex_init): all functions here count on valid UTF-8, but for those that say so. */
#ifndef CDB_QUERY_LEX_H
#define CDB_QUERY_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "query/node.h"

struct cdb_query_lex {
    const char *text; /* borrowed */
    size_t len;
    size_t at;
};

/* 0, or CHRONDB_EUSAGE "invalid_query": longer than CDB_QUERY_MAX_TEXT, or not UTF-8. */
int cdb_query_lex_init(struct cdb_query_lex *lex, const char *text, size_t len);

/* Set CHRONDB_EUSAGE "invalid_query", "not a valid query at column 7: ..." with line and column of `pos`, and return
 * it. The text may be anything. */
int cdb_query_fail(const struct cdb_query_lex *lex, size_t pos, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The line and the column of an offset, from 1; columns count characters, and bytes that are none. */
void cdb_query_place(const char *text, size_t len, size_t pos, size_t *line, size_t *column);

/* Append two lines without a last newline: the line of the query that the error is in, and a caret below the place, as
 * a terminal shows it (wide characters take two cells, marks none). Of a long line only what is around the place.
 * `line` and `column` are those of the error; `text` may be anything: what is no character is shown as '?'. */
void cdb_query_mark(struct cdb_buf *out, const char *text, size_t len, size_t line, size_t column);

/* How many bytes of white space the text begins with: the width of its first character if that is a space in Unicode
 * (no-break and ideographic ones included), else 0. */
size_t cdb_query_space(const char *text, size_t len);
void cdb_query_skip_space(struct cdb_query_lex *lex);

static inline bool cdb_query_at_end(const struct cdb_query_lex *lex)
{
    return lex->at == lex->len;
}

/* The byte there, or `ahead` behind it; NUL at the end. */
static inline char cdb_query_peek(const struct cdb_query_lex *lex, size_t ahead)
{
    return lex->len - lex->at > ahead ? lex->text[lex->at + ahead] : '\0';
}

/* Is the next thing this operator, as a sign ("&&") or as a whole word ("AND")? `AND:x` is a field. */
bool cdb_query_at_sign(const struct cdb_query_lex *lex, const char *sign);
bool cdb_query_at_word(const struct cdb_query_lex *lex, const char *word);

/* Does a word end here, whatever it is part of? White space, parentheses, a quote, && and ||, ^, the end. */
bool cdb_query_at_delimiter(const struct cdb_query_lex *lex);

enum cdb_query_word_mode {
    CDB_QUERY_WORD_CLAUSE, /* ends at a colon too, unless that begins "://"; must not hold = < > */
    CDB_QUERY_WORD_VALUE,  /* behind "field:"; in both, ~ ends it, but at its start and behind / it is a character */
    CDB_QUERY_WORD_EXACT,  /* behind "field:=" and the like: ~ * ? are characters */
    CDB_QUERY_WORD_BOUND   /* within the brackets of a range: ends at white space, a quote, ] and } */
};

/* A word or a quoted text as it is spelt: offsets, without the quotes. */
struct cdb_query_span {
    size_t start, end;
    size_t wildcards; /* * and ? that are not escaped; 0 in quotes */
};

/* Find the end of the word at lex->at, which is not moved; the span may be empty. Errors: a `\` at the end of the
 * query; = < > in a clause. */
int cdb_query_scan_word(const struct cdb_query_lex *lex, enum cdb_query_word_mode mode, struct cdb_query_span *span);
/* The same for a text in quotes; the opening one is at lex->at, the closing one at span->end. */
int cdb_query_scan_quoted(const struct cdb_query_lex *lex, struct cdb_query_span *span);

/* Text with its escapes resolved: `\` stands for the character behind it. False without memory (the error is set). The
 * text must not end with half an escape; `cdb_query_escapes_are_whole` tells. */
bool cdb_query_unescape(struct cdb_arena *arena, const char *text, size_t len, struct cdb_query_string *out);
bool cdb_query_escapes_are_whole(const char *text, size_t len);

/* The same, with * and ? as wildcards. */
bool cdb_query_read_pattern(struct cdb_arena *arena, const char *text, size_t len, struct cdb_query_pattern *out);

#endif
