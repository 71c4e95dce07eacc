/* SPDX-License-Identifier: MIT */
#include "db/merge_decide.h"

#include <stdlib.h>
#include <string.h>

#include "doc/equal.h"
#include "doc/json.h"
#include "util/array.h"
#include "util/error.h"

void cdb_decisions_release(struct cdb_decisions *decisions)
{
    free(decisions->list);
    memset(decisions, 0, sizeof(*decisions));
}

int cdb_decisions_add(struct cdb_decisions *decisions, struct cdb_arena *memory, const char *key, const char *text,
                      size_t size)
{
    struct cdb_key parsed;
    int result = cdb_key_parse(&parsed, key, strlen(key));
    if (result == 0 && text != NULL && (result = cdb_json_check(text, size)) != 0)
        cdb_error_about("cannot take a decision for", key);
    if (result == 0)
        result = cdb_array_grow(&decisions->list, &decisions->room, decisions->count, sizeof(*decisions->list));
    if (result != 0)
        return result;
    struct cdb_decision *decision = &decisions->list[decisions->count];
    memset(decision, 0, sizeof(*decision));
    decision->key = cdb_arena_copy(memory, key, strlen(key));
    decision->key_len = strlen(key);
    if (decision->key == NULL)
        return CHRONDB_ESYSTEM;
    if (text != NULL)
        result = cdb_merge_value_set(&decision->value, memory, text, size);
    decisions->count += result == 0;
    return result;
}

/* ---- as JSON ----------------------------------------------------------------------------------- */

static int invalid(const char *what)
{
    return cdb_error(CHRONDB_EINVALID, "invalid_decision",
                     "not a decision, {\"key\":KEY,\"value\":VALUE} or {\"key\":KEY,\"delete\":true}: %s", what);
}

static int check_names(const struct cdb_json *json)
{
    struct cdb_buf name = CDB_BUF_INIT;
    int result = 0;
    for (uint32_t at = 1; result == 0 && at < json->nodes[0].next; at = json->nodes[at + 1].next) {
        cdb_buf_clear(&name);
        cdb_json_string(json, at, &name);
        const char *text = cdb_buf_str(&name);
        bool known = strcmp(text, "key") == 0 || strcmp(text, "value") == 0 || strcmp(text, "delete") == 0;
        if (!known || strlen(text) != name.len) /* it may hold a NUL */
            result = invalid("it has another member");
    }
    cdb_buf_release(&name);
    return result;
}

int cdb_decisions_add_json(struct cdb_decisions *decisions, struct cdb_arena *memory, const char *line, size_t size)
{
    struct cdb_json json = CDB_JSON_INIT;
    struct cdb_buf key = CDB_BUF_INIT;
    int result = cdb_json_parse(&json, line, size);
    if (result == 0 && json.nodes[0].type != CDB_JSON_OBJECT)
        result = invalid("it is no object");
    if (result == 0)
        result = check_names(&json);
    if (result != 0)
        goto out;
    uint32_t name = cdb_json_member(&json, 0, "key", 3), value = cdb_json_member(&json, 0, "value", 5);
    uint32_t removal = cdb_json_member(&json, 0, "delete", 6);
    if (name == 0 || json.nodes[name].type != CDB_JSON_STRING) {
        result = invalid("\"key\" must be a string");
    } else if ((value != 0) == (removal != 0) || (removal != 0 && json.nodes[removal].type != CDB_JSON_TRUE)) {
        result = invalid("it must have either a \"value\" or \"delete\":true");
    } else {
        cdb_json_string(&json, name, &key);
        result = cdb_buf_check(&key);
    }
    if (result == 0 && memchr(cdb_buf_str(&key), '\0', key.len) != NULL)
        result = invalid("\"key\" holds a NUL");
    if (result == 0)
        result =
            cdb_decisions_add(decisions, memory, cdb_buf_str(&key), value != 0 ? line + json.nodes[value].start : NULL,
                              value != 0 ? json.nodes[value].end - json.nodes[value].start : 0);
out:
    cdb_buf_release(&key);
    cdb_json_release(&json);
    return result;
}

/* ---- looking up -------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const struct cdb_decision *a = left, *b = right;
    return cdb_bytes_compare(a->key, a->key_len, b->key, b->key_len);
}

static int bad_decision(const struct cdb_decision *decision, const char *why)
{
    int result = cdb_error(CHRONDB_EUSAGE, "invalid_decision", "%s", why);
    cdb_error_about("cannot take the decision for", decision->key);
    return result;
}

int cdb_decisions_sort(struct cdb_decisions *decisions)
{
    if (decisions->count > 1)
        qsort(decisions->list, decisions->count, sizeof(*decisions->list), compare);
    for (size_t i = 1; i < decisions->count; i++)
        if (compare(&decisions->list[i - 1], &decisions->list[i]) == 0)
            return bad_decision(&decisions->list[i], "the key has two");
    return 0;
}

struct cdb_decision *cdb_decisions_find(const struct cdb_decisions *decisions, const char *key, size_t key_len)
{
    struct cdb_decision wanted = {.key = key, .key_len = key_len};
    return decisions->count == 0
               ? NULL
               : bsearch(&wanted, decisions->list, decisions->count, sizeof(*decisions->list), compare);
}

static int check_one(const struct cdb_decision *decision, struct cdb_merging *it, const struct cdb_merge_state *state)
{
    struct cdb_buf buf = CDB_BUF_INIT;
    struct cdb_merge_value value;
    struct cdb_text text = {NULL, 0};
    bool same = false;
    int result = cdb_merge_state_find(it, state, decision->key, decision->key_len, &value);
    if (result == 0)
        result = cdb_merge_value_read(it, &value, &buf, &text);
    if (result == 0 && text.ptr != NULL && decision->value.text != NULL)
        result = cdb_json_same(text.ptr, text.len, decision->value.text, decision->value.size, &same);
    else
        same = text.ptr == NULL && decision->value.text == NULL;
    if (result == 0 && !same)
        result = bad_decision(decision, "the key is not in conflict, and the merge makes something else of it");
    cdb_buf_release(&buf);
    return result;
}

int cdb_decisions_check(const struct cdb_decisions *decisions, struct cdb_merging *it,
                        const struct cdb_merge_state *state)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < decisions->count; i++)
        if (!decisions->list[i].used)
            result = check_one(&decisions->list[i], it, state);
    return result;
}
