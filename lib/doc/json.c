/* SPDX-License-Identifier: MIT */
#include "doc/json.h"

#include <stdlib.h>

#include "chrondb.h"
#include "doc/lexer.h"
#include "doc/string.h"
#include "util/error.h"

int cdb_json_check(const char *text, size_t len)
{
    struct cdb_lexer lexer;
    enum cdb_lex_kind kind;

    if (!cdb_lexer_init(&lexer, text, len))
        return CHRONDB_EINVALID;
    do
        kind = cdb_lexer_next(&lexer);
    while (kind > CDB_LEX_END);
    return kind == CDB_LEX_END ? CHRONDB_OK : CHRONDB_EINVALID;
}

/* ---- the tree ---------------------------------------------------------------------------------- */

/* The text has fewer nodes than bytes, and those fit into 32 bits. */
static struct cdb_json_node *add_node(struct cdb_json *json, uint32_t *capacity)
{
    struct cdb_json_node *nodes;
    uint32_t grown;

    if (json->count == *capacity) {
        grown = *capacity == 0 ? 16 : 2 * *capacity;
        nodes = reallocarray(json->nodes, grown, sizeof(*nodes));
        if (nodes == NULL)
            return NULL;
        json->nodes = nodes;
        *capacity = grown;
    }
    return &json->nodes[json->count++];
}

static int build(struct cdb_json *json, struct cdb_lexer *lexer)
{
    uint32_t open[CHRONDB_MAX_DEPTH]; /* indexes of the nodes of the open containers */
    uint32_t capacity = 0;
    struct cdb_json_node *node;

    for (;;) {
        enum cdb_lex_kind kind = cdb_lexer_next(lexer);

        switch (kind) {
        case CDB_LEX_ERROR:
            return CHRONDB_EINVALID;
        case CDB_LEX_END:
            return CHRONDB_OK;
        case CDB_LEX_CLOSE:
            node = &json->nodes[open[lexer->depth]];
            node->end = (uint32_t)(lexer->at - lexer->text);
            node->next = json->count;
            break;
        default:
            node = add_node(json, &capacity);
            if (node == NULL)
                return cdb_error_memory();
            node->start = (uint32_t)lexer->start;
            node->end = (uint32_t)(kind == CDB_LEX_NAME ? lexer->name_end : (size_t)(lexer->at - lexer->text));
            node->next = json->count;
            node->type = lexer->type;
            if (kind == CDB_LEX_OPEN)
                open[lexer->depth - 1] = json->count - 1;
            break;
        }
    }
}

int cdb_json_parse(struct cdb_json *json, const char *text, size_t len)
{
    struct cdb_lexer lexer;
    int result;

    *json = (struct cdb_json)CDB_JSON_INIT;
    if (!cdb_lexer_init(&lexer, text, len))
        return CHRONDB_EINVALID;
    json->text = lexer.text;
    result = build(json, &lexer);
    if (result != CHRONDB_OK)
        cdb_json_release(json);
    return result;
}

void cdb_json_release(struct cdb_json *json)
{
    free(json->nodes);
    *json = (struct cdb_json)CDB_JSON_INIT;
}

uint32_t cdb_json_member(const struct cdb_json *json, uint32_t object, const char *name, size_t name_len)
{
    const struct cdb_json_node *nodes = json->nodes;
    uint32_t value = 0;

    if (object >= json->count || nodes[object].type != CDB_JSON_OBJECT)
        return 0;
    for (uint32_t member = object + 1; member < nodes[object].next; member = nodes[member + 1].next) {
        const struct cdb_json_node *node = &nodes[member];

        if (cdb_json_string_compare_plain(json->text + node->start, node->end - node->start, name, name_len) == 0)
            value = member + 1;
    }
    return value;
}

void cdb_json_string(const struct cdb_json *json, uint32_t node, struct cdb_buf *out)
{
    const struct cdb_json_node *string = &json->nodes[node];

    cdb_json_string_decode(json->text + string->start, string->end - string->start, out);
}
