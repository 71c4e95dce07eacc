/* SPDX-License-Identifier: MIT */
#include "db/line.h"

#include <string.h>

#include "db/base.h"
#include "db/when.h"
#include "doc/json.h"
#include "doc/lexer.h"
#include "store/identity.h"
#include "store/key.h"
#include "util/error.h"
#include "util/time.h"

enum member { KEY, VALUE, OP, TIME, AUTHOR, MESSAGE, META, GROUP, TEXT, MEMBERS };

static const char *const names[MEMBERS] = {"key", "value", "op", "time", "author", "message", "meta", "commit", "text"};

/* The texts of the members' values; NULL: absent. */
struct members {
    const char *text[MEMBERS];
    size_t len[MEMBERS];
    enum cdb_json_type type[MEMBERS];
};

static int invalid(const char *what)
{
    return cdb_error(CHRONDB_EINVALID, "invalid_line", "not a line to import: %s", what);
}

static int invalid_member(enum member member, const char *what)
{
    return cdb_error(CHRONDB_EINVALID, "invalid_line", "not a line to import: \"%s\" %s", names[member], what);
}

/* ---- members ----------------------------------------------------------------------------------- */

/* A JSON string's text (with its quotes), decoded. */
static void decode(const char *text, size_t len, struct cdb_buf *out)
{
    struct cdb_json_node node = {.start = 0, .end = (uint32_t)len, .next = 1, .type = CDB_JSON_STRING};
    struct cdb_json json = {.text = text, .nodes = &node, .count = 1};
    cdb_buf_clear(out);
    cdb_json_string(&json, 0, out);
}

static int unknown_name(const char *text, size_t len, struct cdb_buf *scratch)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    decode(text, len, scratch);
    cdb_buf_add_quoted(&quoted, cdb_buf_str(scratch), scratch->len);
    int result =
        cdb_error(CHRONDB_EINVALID, "invalid_line", "not a line to import: unknown member %s", cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return result;
}

/* Names are compared as they are written; an escaped one is decoded first. */
static int find_name(const char *text, size_t len, struct cdb_buf *scratch, enum member *out)
{
    const char *name = text + 1;
    size_t name_len = len - 2;
    if (memchr(text, '\\', len) != NULL) {
        decode(text, len, scratch);
        name = cdb_buf_str(scratch);
        name_len = scratch->len;
    }
    for (int i = 0; i < MEMBERS; i++) {
        if (strlen(names[i]) == name_len && memcmp(names[i], name, name_len) == 0) {
            *out = (enum member)i;
            return 0;
        }
    }
    return unknown_name(text, len, scratch);
}

/* Read the value behind a name: its text. */
static bool read_value(struct cdb_lexer *lexer, enum member member, struct members *out)
{
    enum cdb_lex_kind kind = cdb_lexer_next(lexer);
    unsigned depth = lexer->depth;
    if (kind == CDB_LEX_ERROR)
        return false;
    out->text[member] = lexer->text + lexer->start;
    out->type[member] = lexer->type;
    while (kind != CDB_LEX_VALUE && !(kind == CDB_LEX_CLOSE && lexer->depth < depth)) {
        kind = cdb_lexer_next(lexer);
        if (kind == CDB_LEX_ERROR)
            return false;
        if (kind == CDB_LEX_VALUE)
            kind = CDB_LEX_NAME; /* one of a value's own */
    }
    out->len[member] = (size_t)(lexer->at - out->text[member]);
    return true;
}

static int read_members(const char *line, size_t len, struct members *out, struct cdb_buf *scratch)
{
    struct cdb_lexer lexer;
    memset(out, 0, sizeof(*out));
    if (!cdb_lexer_init_line(&lexer, line, len))
        return CHRONDB_EINVALID;
    enum cdb_lex_kind kind = cdb_lexer_next(&lexer);
    if (kind == CDB_LEX_VALUE || (kind == CDB_LEX_OPEN && !lexer.in_object))
        return invalid("it must be a JSON object");
    while ((kind = kind == CDB_LEX_ERROR ? kind : cdb_lexer_next(&lexer)) == CDB_LEX_NAME) {
        enum member member;
        int result = find_name(line + lexer.start, lexer.name_end - lexer.start, scratch, &member);
        if (result != 0)
            return result;
        if (!read_value(&lexer, member, out))
            return CHRONDB_EINVALID;
    }
    if (kind == CDB_LEX_CLOSE)
        kind = cdb_lexer_next(&lexer);
    return kind == CDB_LEX_END ? 0 : CHRONDB_EINVALID;
}

/* A member that must be a string, decoded. 1: it is absent. */
static int get_string(const struct members *members, enum member member, struct cdb_buf *out)
{
    cdb_buf_clear(out);
    if (members->text[member] == NULL)
        return 1;
    if (members->type[member] != CDB_JSON_STRING)
        return invalid_member(member, "must be a string");
    decode(members->text[member], members->len[member], out);
    if (out->failed)
        return cdb_error_memory();
    return memchr(cdb_buf_str(out), '\0', out->len) != NULL ? invalid_member(member, "holds a NUL") : 0;
}

/* ---- what they mean ---------------------------------------------------------------------------- */

static int parse_op(struct cdb_line *line, const struct members *members)
{
    int result = get_string(members, OP, &line->scratch);
    const char *op = cdb_buf_str(&line->scratch);
    line->op = CDB_LINE_PUT;
    if (result != 0)
        return result == 1 ? 0 : result;
    if (strcmp(op, "delete") == 0)
        line->op = CDB_LINE_DELETE;
    else if (strcmp(op, "none") == 0)
        line->op = CDB_LINE_NONE;
    else if (strcmp(op, "put") != 0)
        return invalid("\"op\" must be \"put\", \"delete\" or \"none\"");
    return 0;
}

static int parse_key(struct cdb_line *line, const struct members *members)
{
    struct cdb_key key;
    int result = get_string(members, KEY, &line->key);
    if (line->op == CDB_LINE_NONE)
        return result == 1 ? 0 : result < 0 ? result : invalid("\"key\" does not go with \"none\"");
    if (result == 1)
        return invalid("\"key\" is missing");
    return result == 0 ? cdb_key_parse(&key, cdb_buf_str(&line->key), line->key.len) : result;
}

static int parse_value(struct cdb_line *line, const struct members *members)
{
    bool has_text = members->text[TEXT] != NULL;
    line->value = members->text[VALUE];
    line->value_len = members->len[VALUE];
    if (line->op != CDB_LINE_PUT)
        return line->value == NULL && !has_text ? 0 : invalid("\"value\" goes with \"put\" only");
    if (line->value == NULL && !has_text)
        return invalid("\"value\" is missing");
    if (!has_text && line->value_len > CHRONDB_MAX_DOCUMENT)
        return cdb_error(CHRONDB_EINVALID, "invalid_json", "too large: %zu bytes, a document has at most %zu",
                         line->value_len, CHRONDB_MAX_DOCUMENT);
    if (!has_text)
        return 0;
    int result = get_string(members, TEXT, &line->text);
    if (result == 0)
        result = cdb_json_check(cdb_buf_str(&line->text), line->text.len);
    if (result == CHRONDB_EINVALID)
        cdb_error_context("\"text\" is no document");
    line->value = cdb_buf_str(&line->text);
    line->value_len = line->text.len;
    return result;
}

/* A moment that does not depend on when it is read. */
static int parse_time(struct cdb_line *line, const struct members *members)
{
    static const chrondb_time one = {0, 0}, other = {100000000, 0};
    struct cdb_when when, again;
    int result = get_string(members, TIME, &line->scratch);
    line->has_time = result == 0;
    if (result != 0)
        return result == 1 ? 0 : result;
    if (cdb_time_parse(cdb_buf_str(&line->scratch), line->scratch.len, &line->time))
        return 0;
    cdb_when_parse(&when, cdb_buf_str(&line->scratch), line->scratch.len, one);
    cdb_when_parse(&again, cdb_buf_str(&line->scratch), line->scratch.len, other);
    line->time = when.time;
    if (when.kind == CDB_WHEN_TIME && again.kind == CDB_WHEN_TIME && cdb_time_compare(when.time, again.time) == 0)
        return 0;
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, cdb_buf_str(&line->scratch), line->scratch.len);
    result = cdb_error(CHRONDB_EUSAGE, "invalid_time",
                       "cannot tell when %s is: expected a moment such as 2026-11-21T07:44:00Z or @1700000000",
                       cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return result;
}

/* {"NAME":"VALUE"} or ["NAME=VALUE"]. */
static int parse_meta(struct cdb_line *line, const struct members *members)
{
    struct cdb_lexer lexer;
    size_t start = 0;
    cdb_buf_clear(&line->meta);
    if (members->text[META] == NULL)
        return 0;
    if (members->type[META] != CDB_JSON_OBJECT && members->type[META] != CDB_JSON_ARRAY)
        return invalid_member(META, "must be an object or an array of strings");
    if (!cdb_lexer_init_line(&lexer, members->text[META], members->len[META]))
        return CHRONDB_EINVALID;
    (void)cdb_lexer_next(&lexer);
    for (enum cdb_lex_kind kind; (kind = cdb_lexer_next(&lexer)) != CDB_LEX_CLOSE;) {
        bool name = kind == CDB_LEX_NAME;
        if (!name && (kind != CDB_LEX_VALUE || lexer.type != CDB_JSON_STRING))
            return invalid_member(META, "must hold strings only");
        const char *text = lexer.text + lexer.start;
        decode(text, name ? lexer.name_end - lexer.start : (size_t)(lexer.at - text), &line->scratch);
        if (name && line->scratch.len > 0 && memchr(line->scratch.ptr, '=', line->scratch.len) != NULL)
            return invalid_member(META, "has a name with '='");
        cdb_buf_add(&line->meta, cdb_buf_str(&line->scratch), line->scratch.len);
        if (name) {
            cdb_buf_addc(&line->meta, '=');
            continue;
        }
        if (line->meta.failed || line->scratch.failed)
            return cdb_error_memory();
        int result = cdb_meta_check(cdb_buf_str(&line->meta) + start, line->meta.len - start);
        if (result != 0)
            return result;
        cdb_buf_addc(&line->meta, '\0');
        start = line->meta.len;
    }
    return cdb_buf_check(&line->meta);
}

static int parse_author(struct cdb_line *line, const struct members *members)
{
    int result = get_string(members, AUTHOR, &line->scratch);
    line->has_author = result == 0;
    cdb_buf_clear(&line->author);
    return result == 0 ? cdb_identity_parse(cdb_buf_str(&line->scratch), &line->author) : result == 1 ? 0 : result;
}

int cdb_line_parse(struct cdb_line *out, const char *line, size_t len)
{
    struct members members;
    int result = read_members(line, len, &members, &out->scratch);
    if (result == 0)
        result = parse_op(out, &members);
    if (result == 0)
        result = parse_key(out, &members);
    if (result == 0)
        result = parse_value(out, &members);
    if (result == 0)
        result = parse_time(out, &members);
    if (result == 0)
        result = parse_author(out, &members);
    if (result == 0)
        result = parse_meta(out, &members);
    if (result == 0) {
        result = get_string(&members, MESSAGE, &out->message);
        out->has_message = result == 0;
        if (result == 0 && cdb_utf8_check(cdb_buf_str(&out->message), out->message.len) != out->message.len)
            result = invalid_member(MESSAGE, "is not UTF-8");
        result = result == 1 ? 0 : result;
    }
    if (result == 0) {
        result = get_string(&members, GROUP, &out->group);
        out->has_group = result == 0;
        result = result == 1 ? 0 : result;
    }
    return result;
}

void cdb_line_release(struct cdb_line *line)
{
    cdb_buf_release(&line->key);
    cdb_buf_release(&line->author);
    cdb_buf_release(&line->message);
    cdb_buf_release(&line->group);
    cdb_buf_release(&line->meta);
    cdb_buf_release(&line->text);
    cdb_buf_release(&line->scratch);
}
