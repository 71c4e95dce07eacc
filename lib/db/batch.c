/* SPDX-License-Identifier: MIT
 * A batch: operations collected without a lock. Committing them is commit.c's. */
#include "db/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doc/json.h"
#include "util/array.h"
#include "util/error.h"
#include "util/options.h"

int chrondb_batch_new(chrondb_batch **out, chrondb *db)
{
    if (out == NULL || db == NULL)
        return cdb_error_null();
    int result = cdb_enter(db->repo);
    if (result != 0)
        return result;
    struct chrondb_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return cdb_error_memory();
    batch->db = db;
    *out = batch;
    return 0;
}

void chrondb_batch_free(chrondb_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->ops);
    free(batch->results);
    cdb_arena_release(&batch->memory);
    free(batch);
}

/* One more operation, its key checked and copied. */
static int add(chrondb_batch *batch, enum cdb_op_kind kind, const char *key, const chrondb_condition *given,
               struct cdb_op **out)
{
    chrondb_condition condition;
    struct cdb_key parsed;
    int result = cdb_key_parse(&parsed, key, strlen(key));
    if (result == 0)
        result = cdb_options_read(&condition, sizeof(condition), given, "chrondb_condition");
    if (result != 0)
        return result;
    if (batch->committed || batch->all != NULL)
        return cdb_error(CHRONDB_EUSAGE, "usage",
                         batch->committed ? "the batch was committed already"
                                          : "restoring everything or a table stands alone in a batch");
    if (cdb_array_grow(&batch->ops, &batch->room, batch->count, sizeof(*batch->ops)) != 0)
        return CHRONDB_ESYSTEM;
    struct cdb_op *op = &batch->ops[batch->count];
    memset(op, 0, sizeof(*op));
    op->kind = kind;
    op->key = cdb_arena_copy(&batch->memory, key, strlen(key));
    if (op->key == NULL)
        return CHRONDB_ESYSTEM;
    op->flags = condition.flags;
    if (condition.match != NULL) {
        op->match = cdb_arena_copy(&batch->memory, condition.match, strlen(condition.match));
        if (op->match == NULL)
            return CHRONDB_ESYSTEM;
    }
    batch->count++;
    *out = op;
    return 0;
}

static int add_text(chrondb_batch *batch, struct cdb_op *op, const char *text, size_t size)
{
    op->text = cdb_arena_copy(&batch->memory, text, size);
    op->size = size;
    return op->text != NULL ? 0 : CHRONDB_ESYSTEM;
}

int chrondb_batch_put(chrondb_batch *batch, const char *key, const char *value, size_t size,
                      const chrondb_condition *condition)
{
    if (batch == NULL || key == NULL || (value == NULL && size > 0))
        return cdb_error_null();
    struct cdb_op *op;
    int result = cdb_enter(batch->db->repo);
    if (result == 0)
        result = cdb_json_check(value, size);
    if (result == 0 && (result = add(batch, CDB_OP_PUT, key, condition, &op)) == 0) {
        result = add_text(batch, op, value, size);
        if (result == 0)
            result = cdb_object_hash(&op->blob, CDB_BLOB, value, size);
        batch->count -= result != 0;
    }
    if (result != 0 && result != CHRONDB_EUSAGE)
        cdb_error_about("cannot put", key);
    return result;
}

int chrondb_batch_patch(chrondb_batch *batch, const char *key, const char *patch, size_t size,
                        const chrondb_condition *condition)
{
    if (batch == NULL || key == NULL || (patch == NULL && size > 0))
        return cdb_error_null();
    struct cdb_op *op;
    int result = cdb_enter(batch->db->repo);
    if (result == 0)
        result = cdb_json_check(patch, size);
    if (result == 0 && (result = add(batch, CDB_OP_PATCH, key, condition, &op)) == 0) {
        result = add_text(batch, op, patch, size);
        batch->count -= result != 0;
    }
    if (result != 0 && result != CHRONDB_EUSAGE)
        cdb_error_about("cannot patch", key);
    return result;
}

int chrondb_batch_delete(chrondb_batch *batch, const char *key, const chrondb_condition *condition)
{
    if (batch == NULL || key == NULL)
        return cdb_error_null();
    struct cdb_op *op;
    int result = cdb_enter(batch->db->repo);
    return result == 0 ? add(batch, CDB_OP_DELETE, key, condition, &op) : result;
}

int chrondb_batch_check(chrondb_batch *batch, const char *key, const chrondb_condition *condition)
{
    if (batch == NULL || key == NULL)
        return cdb_error_null();
    struct cdb_op *op;
    int result = cdb_enter(batch->db->repo);
    if (result == 0)
        result = add(batch, CDB_OP_CHECK, key, condition, &op);
    if (result == 0 && op->flags == 0 && op->match == NULL) {
        batch->count--;
        result = cdb_error(CHRONDB_EUSAGE, "usage", "a check needs a condition");
    }
    return result;
}

/* What another database has, the commit of this one would lack. */
static int check_snapshot(const chrondb_batch *batch, const chrondb_snapshot *snapshot)
{
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0 && snapshot->db != batch->db)
        result = cdb_error(CHRONDB_EUSAGE, "usage", "the snapshot is of another database");
    return result;
}

int chrondb_batch_restore(chrondb_batch *batch, const char *key, chrondb_snapshot *snapshot,
                          const chrondb_condition *condition)
{
    if (batch == NULL || key == NULL || snapshot == NULL)
        return cdb_error_null();
    struct cdb_op *op;
    struct cdb_key parsed;
    struct cdb_lookup lookup;
    int result = check_snapshot(batch, snapshot);
    if (result == 0)
        result = cdb_key_parse(&parsed, key, strlen(key));
    if (result == 0)
        result = cdb_docs_find(snapshot->db->repo->objects, &snapshot->root, &parsed, NULL, &lookup);
    if (result == 0 && !lookup.found) {
        result = cdb_error(CHRONDB_NOTFOUND, "not_found", "it was not there at that time");
        cdb_error_about("cannot restore", key);
    }
    if (result == 0 && (result = add(batch, CDB_OP_RESTORE, key, condition, &op)) == 0)
        op->blob = lookup.blob;
    return result;
}

/* `table` NULL: everything. */
static int restore_many(chrondb_batch *batch, const char *table, chrondb_snapshot *snapshot)
{
    struct cdb_op *op;
    int result = check_snapshot(batch, snapshot);
    if (result != 0)
        return result;
    if (batch->count > 0)
        return cdb_error(CHRONDB_EUSAGE, "usage", "restoring everything or a table stands alone in a batch");
    if (table != NULL && (batch->all_table = cdb_arena_copy(&batch->memory, table, strlen(table))) == NULL)
        return CHRONDB_ESYSTEM;
    result = add(batch, CDB_OP_RESTORE_ALL, "all", NULL, &op); /* any valid key: it is not used */
    if (result != 0)
        return result;
    op->key = "";
    batch->all_root = snapshot->root;
    batch->all = op;
    return 0;
}

int chrondb_batch_restore_all(chrondb_batch *batch, chrondb_snapshot *snapshot)
{
    if (batch == NULL || snapshot == NULL)
        return cdb_error_null();
    return restore_many(batch, NULL, snapshot);
}

int chrondb_batch_restore_table(chrondb_batch *batch, const char *table, chrondb_snapshot *snapshot)
{
    if (batch == NULL || table == NULL || snapshot == NULL)
        return cdb_error_null();
    return restore_many(batch, table, snapshot);
}

/* ---- operations as JSON ------------------------------------------------------------------------ */

static int invalid(const char *what)
{
    return cdb_error(CHRONDB_EINVALID, "invalid_operation", "not an operation: %s", what);
}

/* A member that must be a string; *out is empty (not NULL) if it is absent and `required` is false. */
static int string_member(const struct cdb_json *json, const char *name, bool required, struct cdb_buf *out, bool *has)
{
    char text[96];
    uint32_t node = cdb_json_member(json, 0, name, strlen(name));
    *has = node != 0;
    if (node == 0 && !required)
        return 0;
    if (node == 0 || json->nodes[node].type != CDB_JSON_STRING) {
        snprintf(text, sizeof(text), node == 0 ? "\"%s\" is missing" : "\"%s\" must be a string", name);
        return invalid(text);
    }
    cdb_json_string(json, node, out);
    if (!out->failed && memchr(cdb_buf_str(out), '\0', out->len) != NULL) {
        snprintf(text, sizeof(text), "\"%s\" holds a NUL", name);
        return invalid(text);
    }
    return cdb_buf_check(out);
}

static int flag_member(const struct cdb_json *json, const char *name, unsigned flag, unsigned *flags)
{
    char text[96];
    uint32_t node = cdb_json_member(json, 0, name, strlen(name));
    if (node == 0 || json->nodes[node].type == CDB_JSON_FALSE)
        return 0;
    if (json->nodes[node].type != CDB_JSON_TRUE) {
        snprintf(text, sizeof(text), "\"%s\" must be true or false", name);
        return invalid(text);
    }
    *flags |= flag;
    return 0;
}

/* Names that mean nothing are mistakes. */
static int check_names(const struct cdb_json *json)
{
    static const char *const names[] = {"op", "key", "value", "if_absent", "if_exists", "if_match"};
    struct cdb_buf name = CDB_BUF_INIT, text = CDB_BUF_INIT;
    int result = 0;
    for (uint32_t at = 1; result == 0 && at < json->nodes[0].next; at = json->nodes[at + 1].next) {
        bool known = false;
        cdb_buf_clear(&name);
        cdb_json_string(json, at, &name);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            known = known || (strlen(names[i]) == name.len && memcmp(names[i], cdb_buf_str(&name), name.len) == 0);
        if (!known) {
            cdb_buf_adds(&text, "unknown member ");
            cdb_buf_add_quoted(&text, cdb_buf_str(&name), name.len);
            result = invalid(cdb_buf_str(&text));
        }
    }
    cdb_buf_release(&name);
    cdb_buf_release(&text);
    return result;
}

static int dispatch(chrondb_batch *batch, const struct cdb_json *json, const char *op, const char *key,
                    const chrondb_condition *condition)
{
    uint32_t value = cdb_json_member(json, 0, "value", 5);
    bool takes_value = strcmp(op, "put") == 0 || strcmp(op, "patch") == 0;
    if (!takes_value && strcmp(op, "delete") != 0 && strcmp(op, "check") != 0)
        return invalid("\"op\" must be \"put\", \"patch\", \"delete\" or \"check\"");
    if (takes_value && value == 0)
        return invalid("\"value\" is missing");
    if (!takes_value && value != 0)
        return invalid("\"value\" goes with put and patch only");
    const char *text = json->text + json->nodes[value].start;
    size_t size = json->nodes[value].end - json->nodes[value].start;
    if (strcmp(op, "put") == 0)
        return chrondb_batch_put(batch, key, text, size, condition);
    if (strcmp(op, "patch") == 0)
        return chrondb_batch_patch(batch, key, text, size, condition);
    if (strcmp(op, "delete") == 0)
        return chrondb_batch_delete(batch, key, condition);
    return chrondb_batch_check(batch, key, condition);
}

int chrondb_batch_add_json(chrondb_batch *batch, const char *line, size_t size, const chrondb_condition *defaults)
{
    if (batch == NULL || (line == NULL && size > 0))
        return cdb_error_null();
    struct cdb_json json = CDB_JSON_INIT;
    struct cdb_buf op = CDB_BUF_INIT, key = CDB_BUF_INIT, match = CDB_BUF_INIT;
    chrondb_condition condition = {.size = sizeof(condition)};
    bool has;
    int result = cdb_enter(batch->db->repo);
    if (result == 0)
        result = cdb_json_parse(&json, line, size);
    if (result == 0 && json.nodes[0].type != CDB_JSON_OBJECT)
        result = invalid("it must be a JSON object");
    if (result == 0)
        result = check_names(&json);
    if (result == 0)
        result = string_member(&json, "op", true, &op, &has);
    if (result == 0)
        result = string_member(&json, "key", true, &key, &has);
    if (result == 0)
        result = flag_member(&json, "if_absent", CHRONDB_IF_ABSENT, &condition.flags);
    if (result == 0)
        result = flag_member(&json, "if_exists", CHRONDB_IF_EXISTS, &condition.flags);
    if (result == 0)
        result = string_member(&json, "if_match", false, &match, &has);
    if (result == 0 && has)
        condition.match = match.ptr;
    bool states_none = condition.flags == 0 && condition.match == NULL;
    if (result == 0)
        result = dispatch(batch, &json, cdb_buf_str(&op), cdb_buf_str(&key), states_none ? defaults : &condition);
    cdb_json_release(&json);
    cdb_buf_release(&op);
    cdb_buf_release(&key);
    cdb_buf_release(&match);
    return result;
}
