/* A query as a tree: what the query language (parse.h) and its JSON form (ast.h) both mean, before anything is analysed
 * and before any index is asked. Nodes and their texts live in the arena that the parser was given and are never
 * changed after it returned. The tree is no deeper than CDB_QUERY_TREE_DEPTH, so functions may recurse on it, and has
 * at most CDB_QUERY_MAX_CLAUSES nodes that are not BOOLEAN. */
#ifndef CDB_QUERY_NODE_H
#define CDB_QUERY_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"

#define CDB_QUERY_MAX_DEPTH 100 /* parentheses within parentheses, booleans within booleans */
#define CDB_QUERY_TREE_DEPTH                                                                                           \
    (2 * CDB_QUERY_MAX_DEPTH + 3) /* nodes from the root to a leaf: "a OR b AND c" has two above b */
#define CDB_QUERY_MAX_CLAUSES 4096
#define CDB_QUERY_MAX_TEXT    ((size_t)64 * 1024) /* bytes, of a query and of any single text in a tree */
#define CDB_QUERY_MAX_SLOP    1000000
#define CDB_QUERY_MAX_BOOST   1000000 /* of a node, and of all nodes from the root to any other multiplied */

enum cdb_query_kind {
    CDB_QUERY_ALL,         /* *:*; every document */
    CDB_QUERY_TEXT,        /* name:alice; words to be analysed */
    CDB_QUERY_PHRASE,      /* name:"Alice Smith"~2 */
    CDB_QUERY_EXACT,       /* name:=Alice; a scalar, not analysed */
    CDB_QUERY_WILDCARD,    /* jo*, j?hn */
    CDB_QUERY_FUZZY,       /* roam~ */
    CDB_QUERY_RANGE,       /* age:[25 TO 35] */
    CDB_QUERY_EXISTS,      /* _exists_:email; also email:* */
    CDB_QUERY_MISSING,     /* _missing_:email */
    CDB_QUERY_KEY,         /* key:user\:1 */
    CDB_QUERY_KEY_PATTERN, /* key:user:* */
    CDB_QUERY_KEY_RANGE,   /* key:[user:1 TO user:5} */
    CDB_QUERY_BOOLEAN
};

enum cdb_query_operator { CDB_QUERY_OR, CDB_QUERY_AND };

/* UTF-8 with escapes resolved; a NUL behind it is not counted, and NULs may be within. */
struct cdb_query_string {
    const char *ptr;
    size_t len;
};

/* What a value in the query can stand for. */
enum cdb_query_type {
    CDB_QUERY_OPEN,    /* of a range: no bound on this side; no text */
    CDB_QUERY_UNTYPED, /* written without quotes: a string, or the number, true, false or null that it reads as */
    CDB_QUERY_STRING,  /* in quotes, or a JSON string */
    CDB_QUERY_NUMBER,  /* a JSON number: the text is its spelling. Numbers and literals come from the JSON form only */
    CDB_QUERY_TRUE,
    CDB_QUERY_FALSE,
    CDB_QUERY_NULL
};

struct cdb_query_value {
    enum cdb_query_type type;
    struct cdb_query_string text; /* of TRUE, FALSE and NULL "true", "false", "null" */
};

struct cdb_query_text {
    struct cdb_query_string text; /* never in quotes: `age:25` may mean the number, `active:true` the literal */
    enum cdb_query_operator op;   /* between its words when analysis finds several; it may find none */
};

struct cdb_query_phrase {
    struct cdb_query_string text;
    uint32_t slop; /* 0 to CDB_QUERY_MAX_SLOP */
};

struct cdb_query_fuzzy {
    struct cdb_query_string text;
    unsigned distance; /* 1 or 2 */
};

enum cdb_query_piece_kind {
    CDB_QUERY_LITERAL,
    CDB_QUERY_STAR, /* any characters, or none */
    CDB_QUERY_ONE   /* one character */
};

struct cdb_query_piece {
    enum cdb_query_piece_kind kind;
    struct cdb_query_string text; /* of a LITERAL; not empty */
};

/* At least one piece that is not LITERAL, and one that is not STAR; no two of LITERAL or of STAR side by side. */
struct cdb_query_pattern {
    const struct cdb_query_piece *pieces;
    size_t count;
};

/* One of the bounds may be OPEN, never both. A bound in the JSON form has a type other than UNTYPED; both the same. */
struct cdb_query_range {
    struct cdb_query_value lower, upper;
    bool include_lower, include_upper; /* false where the bound is OPEN */
};

struct cdb_query_node;

struct cdb_query_list {
    struct cdb_query_node *const *nodes;
    size_t count;
};

/* A document matches if it matches all of must and filter, none of must_not, and minimum_should of should. A boolean
 * without must, filter and should is everything that must_not does not match. The score is the sum of those of must and
 * should. Never empty, and never just one node of must or should (that node would stand in its place). */
struct cdb_query_boolean {
    struct cdb_query_list must, should, must_not, filter;
    uint32_t minimum_should; /* resolved: by default 1 if there is should without must and filter, else 0 */
};

struct cdb_query_node {
    enum cdb_query_kind kind;
    float boost;        /* 0 to CDB_QUERY_MAX_BOOST, 1 by default, in steps of a millionth */
    uint32_t pos, size; /* where it is in the text, in bytes; 0 in the JSON form, but for the parts of a "query" */
    struct cdb_query_string field; /* a dotted path; ptr NULL: the unnamed field. KEY*, ALL and BOOLEAN have none,
                                      EXACT, RANGE, EXISTS and MISSING always one */
    union {
        struct cdb_query_text text;
        struct cdb_query_phrase phrase;
        struct cdb_query_value exact;
        struct cdb_query_pattern pattern; /* WILDCARD, KEY_PATTERN */
        struct cdb_query_fuzzy fuzzy;
        struct cdb_query_range range; /* RANGE, KEY_RANGE, whose bounds are STRING or OPEN */
        struct cdb_query_string key;
        struct cdb_query_boolean boolean;
    };
};

/* A pattern whose only STAR is its last piece and which has no ONE: what stands before it. */
bool cdb_query_pattern_is_prefix(const struct cdb_query_pattern *pattern, struct cdb_query_string *prefix);

/* The same meaning, node for node? Positions do not count. */
bool cdb_query_equal(const struct cdb_query_node *a, const struct cdb_query_node *b);

/* Append the tree in the query language, for that default operator: parsed again it is an equal tree, where the
 * language can say it. It cannot say, and these are how they look: a `filter` (#a) and a minimum_should that is not the
 * default ((a b c)~2), as Lucene prints them; a TEXT of no characters (""); a TEXT with the other operator, and numbers
 * and literals of one type only (both look like any). Failure to allocate shows in the buffer. */
void cdb_query_print(struct cdb_buf *out, const struct cdb_query_node *node, enum cdb_query_operator default_op);

#endif
