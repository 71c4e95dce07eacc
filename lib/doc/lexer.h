/* The one reader of JSON text: the checker, the tree and the printer all run on it. It knows the whole grammar: what
 * it hands out is the beginning of a document, and after CDB_LEX_END the text was one. Commas and colons are not
 * handed out. It allocates nothing and reads nothing behind the end. */
#ifndef CDB_DOC_LEXER_H
#define CDB_DOC_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "doc/json.h"

enum cdb_lex_kind {
    CDB_LEX_ERROR, /* the thread's last error is set; calling again is not allowed */
    CDB_LEX_END,
    CDB_LEX_VALUE, /* a null, boolean, number or string */
    CDB_LEX_NAME,  /* of a member, with its quotes; its colon has been read */
    CDB_LEX_OPEN,
    CDB_LEX_CLOSE
};

enum cdb_lex_state {
    CDB_LEX_AT_VALUE,
    CDB_LEX_AT_FIRST_ELEMENT, /* or at the ']' of an empty array */
    CDB_LEX_AT_FIRST_NAME,    /* or at the '}' of an empty object */
    CDB_LEX_AFTER_VALUE
};

struct cdb_lexer {
    const char *text;
    const char *at;
    const char *end;
    size_t start;            /* of the token, as an offset; it ends at `at`, a name at `name_end` */
    size_t name_end;         /* after CDB_LEX_NAME */
    enum cdb_json_type type; /* of the token */
    enum cdb_lex_state state;
    unsigned depth; /* open arrays and objects, the one just opened included, the one just closed not */
    bool in_object; /* is the innermost of them an object? */
    unsigned max_depth;
    uint64_t objects[(CHRONDB_MAX_DEPTH + 1 + 63) / 64]; /* the same for all of them, a bit each */
};

/* A line that holds a document as a member: its name and value, or its text in a string, where a byte may take six. */
#define CDB_LINE_MAX (CHRONDB_MAX_DOCUMENT * 7)

/* False, with the error set, if the text is too large. */
bool cdb_lexer_init(struct cdb_lexer *lexer, const char *text, size_t len);
/* The same for such a line: at most CDB_LINE_MAX bytes, and one level deeper. */
bool cdb_lexer_init_line(struct cdb_lexer *lexer, const char *text, size_t len);
enum cdb_lex_kind cdb_lexer_next(struct cdb_lexer *lexer);

static inline bool cdb_json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
