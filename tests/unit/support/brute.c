/* SPDX-License-Identifier: MIT */
#include "brute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/array.h"

static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    assert_int_equal(cdb_array_grow(&list, room, count, size), 0);
    return list;
}

static char *copy(const char *text, size_t len)
{
    char *out = malloc(len + 1);

    assert_non_null(out);
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
    return out;
}

/* ---- words ------------------------------------------------------------------------------------------ */

void brute_analyze(struct cdb_analyzer *analyzer, const char *text, size_t len, struct brute_token **tokens,
                   size_t *count)
{
    struct cdb_token token;
    size_t room = 0;
    int status;

    *tokens = NULL;
    *count = 0;
    cdb_analyzer_begin(analyzer, text, len);
    while ((status = cdb_analyzer_next(analyzer, &token)) == 0) {
        *tokens = grown(*tokens, *count, &room, sizeof(**tokens));
        (*tokens)[(*count)++] =
            (struct brute_token){copy(token.term, token.term_len), copy(token.form, token.form_len)};
    }
    assert_int_equal(status, 1);
}

void brute_tokens_free(struct brute_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(tokens[i].term);
        free(tokens[i].form);
    }
    free(tokens);
}

/* ---- documents -------------------------------------------------------------------------------------- */

struct reader {
    struct brute *brute;
    struct brute_document *document;
    struct cdb_json json;
};

static void add_scalar(struct reader *reader, uint32_t node, const struct cdb_buf *path)
{
    const struct cdb_json_node *at = &reader->json.nodes[node];
    struct brute_document *document = reader->document;
    struct cdb_buf text = CDB_BUF_INIT;

    document->scalars = grown(document->scalars, document->count, &document->room, sizeof(*document->scalars));
    struct brute_scalar *scalar = &document->scalars[document->count++];
    memset(scalar, 0, sizeof(*scalar));
    scalar->path = copy(cdb_buf_str(path), path->len);
    scalar->path_len = path->len;
    scalar->type = at->type;
    if (scalar->type == CDB_JSON_STRING)
        cdb_json_string(&reader->json, node, &text);
    else
        cdb_buf_add(&text, reader->json.text + at->start, at->end - at->start);
    scalar->text = copy(cdb_buf_str(&text), text.len);
    scalar->len = text.len;
    if (scalar->type == CDB_JSON_STRING)
        brute_analyze(reader->brute->analyzer, scalar->text, scalar->len, &scalar->tokens, &scalar->count);
    cdb_buf_release(&text);
}

static void add_value(struct reader *reader, uint32_t node, struct cdb_buf *path, unsigned names);

static void add_members(struct reader *reader, uint32_t object, struct cdb_buf *path, unsigned names)
{
    const struct cdb_json_node *nodes = reader->json.nodes;
    size_t len = path->len;

    for (uint32_t name = object + 1; name < nodes[object].next; name = nodes[name + 1].next) {
        struct cdb_buf text = CDB_BUF_INIT;
        cdb_json_string(&reader->json, name, &text);
        if (cdb_json_member(&reader->json, object, cdb_buf_str(&text), text.len) == name + 1) { /* the last counts */
            if (names > 0)
                cdb_buf_addc(path, '.');
            cdb_buf_add(path, text.ptr, text.len);
            add_value(reader, name + 1, path, names + 1);
            path->len = len;
        }
        cdb_buf_release(&text);
    }
}

static void add_value(struct reader *reader, uint32_t node, struct cdb_buf *path, unsigned names)
{
    const struct cdb_json_node *nodes = reader->json.nodes;

    if (nodes[node].type == CDB_JSON_OBJECT)
        add_members(reader, node, path, names);
    else if (nodes[node].type == CDB_JSON_ARRAY)
        for (uint32_t element = node + 1; element < nodes[node].next; element = nodes[element].next)
            add_value(reader, element, path, names);
    else
        add_scalar(reader, node, path);
}

void brute_add(struct brute *brute, const chrondb_entry *entry)
{
    struct cdb_buf path = CDB_BUF_INIT;
    struct reader reader = {.brute = brute, .json = CDB_JSON_INIT};

    brute->list = grown(brute->list, brute->count, &brute->room, sizeof(*brute->list));
    reader.document = &brute->list[brute->count++];
    memset(reader.document, 0, sizeof(*reader.document));
    reader.document->key = copy(entry->key, strlen(entry->key));
    reader.document->json = copy(entry->value, entry->value_size);
    reader.document->len = entry->value_size;
    assert_int_equal(cdb_json_parse(&reader.json, reader.document->json, reader.document->len), 0);
    add_value(&reader, 0, &path, 0);
    cdb_json_release(&reader.json);
    cdb_buf_release(&path);
}

void brute_open(struct brute *brute, struct cdb_analyzer *analyzer, chrondb_snapshot *snapshot)
{
    chrondb_list *list = NULL;
    chrondb_entry entry;
    int status;

    memset(brute, 0, sizeof(*brute));
    brute->analyzer = analyzer;
    assert_int_equal(chrondb_list_open(&list, snapshot, NULL), 0);
    while ((status = chrondb_list_next(list, &entry)) == 0)
        brute_add(brute, &entry);
    assert_int_equal(status, CHRONDB_END);
    chrondb_list_free(list);
}

void brute_close(struct brute *brute)
{
    for (size_t i = 0; i < brute->count; i++) {
        struct brute_document *document = &brute->list[i];
        for (size_t j = 0; j < document->count; j++) {
            free(document->scalars[j].path);
            free(document->scalars[j].text);
            brute_tokens_free(document->scalars[j].tokens, document->scalars[j].count);
        }
        free(document->scalars);
        free(document->key);
        free(document->json);
    }
    free(brute->list);
    memset(brute, 0, sizeof(*brute));
}

/* ---- values ----------------------------------------------------------------------------------------- */

/* A number: 0.DIGITS * 10^exponent, with a first digit that is not 0; no digits: zero. */
struct decimal {
    bool negative;
    char *digits;
    __int128 exponent; /* far beyond what the texts of these tests can say */
};

static struct decimal read_decimal(const char *text)
{
    struct decimal out = {.negative = *text == '-', .digits = copy(text, strlen(text))};
    size_t count = 0;
    bool point = false;

    for (text += out.negative; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (count > 0 || *text != '0')
            out.digits[count++] = *text;
        if (count > 0 && !point)
            out.exponent++;
        if (count == 0 && point)
            out.exponent--;
    }
    while (count > 0 && out.digits[count - 1] == '0')
        count--;
    out.digits[count] = '\0';
    if (*text != '\0') {
        bool negative = *++text == '-';
        __int128 exponent = 0;
        for (text += *text == '-' || *text == '+'; *text != '\0'; text++)
            exponent = exponent * 10 + (*text - '0');
        out.exponent += negative ? -exponent : exponent;
    }
    return out;
}

static int compare_numbers(const char *a_text, const char *b_text)
{
    struct decimal a = read_decimal(a_text), b = read_decimal(b_text);
    int a_sign = *a.digits == '\0' ? 0 : a.negative ? -1 : 1, b_sign = *b.digits == '\0' ? 0 : b.negative ? -1 : 1;
    int order = (a_sign > b_sign) - (a_sign < b_sign);

    if (order == 0 && a_sign != 0) {
        order = (a.exponent > b.exponent) - (a.exponent < b.exponent);
        if (order == 0)
            order = strcmp(a.digits, b.digits);
        order *= a_sign;
    }
    free(a.digits);
    free(b.digits);
    return order;
}

static int rank(enum cdb_json_type type)
{
    static const int ranks[] = {
        [CDB_JSON_NULL] = 0, [CDB_JSON_FALSE] = 1, [CDB_JSON_TRUE] = 2, [CDB_JSON_NUMBER] = 3, [CDB_JSON_STRING] = 4};

    return ranks[type];
}

int brute_compare(const struct brute_scalar *a, const struct brute_scalar *b)
{
    size_t shorter = a->len < b->len ? a->len : b->len;

    if (a->type != b->type)
        return rank(a->type) - rank(b->type);
    if (a->type == CDB_JSON_NUMBER)
        return compare_numbers(a->text, b->text);
    if (a->type != CDB_JSON_STRING)
        return 0;
    int order = memcmp(a->text, b->text, shorter);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

bool brute_within(const struct brute_scalar *scalar, const char *field, size_t len)
{
    return field == NULL || (scalar->path_len >= len && memcmp(scalar->path, field, len) == 0 &&
                             (scalar->path_len == len || scalar->path[len] == '.'));
}

const struct brute_scalar *brute_extreme(const struct brute_document *document, const char *field, bool largest)
{
    const struct brute_scalar *found = NULL;

    for (size_t i = 0; i < document->count; i++) {
        const struct brute_scalar *scalar = &document->scalars[i];
        if (!brute_within(scalar, field, strlen(field)))
            continue;
        if (found == NULL || (largest ? brute_compare(scalar, found) > 0 : brute_compare(scalar, found) < 0))
            found = scalar;
    }
    return found;
}
