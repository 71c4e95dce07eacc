/* SPDX-License-Identifier: MIT
 * Committing a batch: conditions and operations under the lock, then one commit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/base.h"
#include "db/batch.h"
#include "db/stamp.h"
#include "doc/json.h"
#include "store/edit.h"
#include "store/txn.h"
#include "util/array.h"
#include "util/error.h"
#include "util/options.h"

/* ---- the keys of a batch -------------------------------------------------------------------------- */

/* A key as it was before the batch, and as the operations so far make it. */
struct slot {
    const char *key_text;
    struct cdb_key key;
    struct cdb_oid before, now; /* zeros: not there */
    const char *text;           /* of `now`, if the batch brought it */
    size_t size;
};

struct slots {
    struct slot **list; /* in order of first use */
    size_t count, room;
    size_t *index; /* open addressing, position + 1 */
    size_t index_room;
};

struct commit {
    chrondb_batch *batch;
    struct cdb_repo *repo;
    struct cdb_point base; /* the head when the locks were taken */
    struct cdb_stamp stamp;
    struct cdb_txn txn;
    struct cdb_oid base_root, trusted_root;
    bool foreign;
    chrondb_time parent_time;
    struct slots slots;
    struct cdb_buf scratch, message;
};

static size_t index_of(const struct slots *slots, const char *key)
{
    uint64_t hash = cdb_bytes_hash(key, strlen(key));
    size_t i = (size_t)(hash ^ hash >> 32) & (slots->index_room - 1);
    while (slots->index[i] != 0 && strcmp(slots->list[slots->index[i] - 1]->key_text, key) != 0)
        i = (i + 1) & (slots->index_room - 1);
    return i;
}

static int slots_grow(struct slots *slots)
{
    size_t room = slots->room == 0 ? 16 : slots->room * 2;
    struct slot **list = realloc(slots->list, room * sizeof(struct slot *));
    if (list == NULL)
        return cdb_error_memory();
    slots->list = list;
    size_t *index = calloc(room * 2, sizeof(*index));
    if (index == NULL)
        return cdb_error_memory();
    free(slots->index);
    slots->index = index;
    slots->index_room = room * 2;
    slots->room = room;
    for (size_t i = 0; i < slots->count; i++)
        slots->index[index_of(slots, slots->list[i]->key_text)] = i + 1;
    return 0;
}

static int slots_get(struct commit *commit, const char *key, struct slot **out)
{
    struct slots *slots = &commit->slots;
    struct cdb_lookup lookup;
    int result = slots->count == slots->room ? slots_grow(slots) : 0;
    if (result != 0)
        return result;
    size_t i = index_of(slots, key);
    if (slots->index[i] != 0) {
        *out = slots->list[slots->index[i] - 1];
        return 0;
    }
    struct slot *slot = cdb_arena_alloc(&commit->batch->memory, sizeof(*slot));
    if (slot == NULL)
        return CHRONDB_ESYSTEM;
    memset(slot, 0, sizeof(*slot));
    slot->key_text = key;
    result = cdb_key_parse(&slot->key, key, strlen(key));
    if (result == 0)
        result = cdb_docs_find(commit->repo->objects, &commit->base_root, &slot->key, NULL, &lookup);
    if (result != 0)
        return result;
    if (lookup.found)
        slot->before = slot->now = lookup.blob;
    slots->list[slots->count++] = slot;
    slots->index[i] = slots->count;
    *out = slot;
    return 0;
}

/* ---- conditions -------------------------------------------------------------------------------- */

static int last_version(struct commit *commit, const struct cdb_key *key, struct cdb_versions *out)
{
    bool ever;
    return cdb_versions_find(&commit->base, key, 1, NULL, NULL, out, &ever);
}

static int conflict(struct commit *commit, const struct slot *slot, const char *text)
{
    struct cdb_versions versions = {0};
    char hex[CDB_OID_HEX + 1] = "";
    int result = last_version(commit, &slot->key, &versions);
    if (result != 0)
        return result;
    bool there = versions.count > 0 && !cdb_oid_is_zero(&slot->before);
    if (there)
        cdb_oid_format(&versions.versions[0].commit, hex);
    if (there)
        result = cdb_error(CHRONDB_ECONFLICT, "conflict", "%s; its last commit is %s", text, hex);
    else
        result = cdb_error(CHRONDB_ECONFLICT, "conflict", "%s%s", text,
                           cdb_oid_is_zero(&slot->now) ? "" : "; this batch has put it there");
    if (there)
        cdb_error_set_current(hex);
    cdb_versions_release(&versions);
    return result;
}

static int check_match(struct commit *commit, const struct slot *slot, const char *match)
{
    struct cdb_versions versions = {0};
    char hex[CDB_OID_HEX + 1] = "";
    size_t len = strlen(match);
    if (len < 4 || len > CDB_OID_HEX || strspn(match, "0123456789abcdefABCDEF") != len)
        return cdb_error(CHRONDB_EUSAGE, "usage", "the commit to match must be 4 to 40 hex digits");
    int result = last_version(commit, &slot->key, &versions);
    if (result == 0 && versions.count > 0)
        cdb_oid_format(&versions.versions[0].commit, hex);
    cdb_versions_release(&versions);
    if (result == 0 && (cdb_oid_is_zero(&slot->before) || strncasecmp(hex, match, len) != 0))
        result = conflict(commit, slot,
                          cdb_oid_is_zero(&slot->before) ? "it does not exist" : "it was changed since that commit");
    return result;
}

static int check_conditions(struct commit *commit, const struct cdb_op *op, const struct slot *slot)
{
    bool there = !cdb_oid_is_zero(&slot->now);
    if ((op->flags & CHRONDB_IF_ABSENT) != 0 && there)
        return conflict(commit, slot, "it exists already");
    if ((op->flags & CHRONDB_IF_EXISTS) != 0 && !there && op->kind != CDB_OP_DELETE)
        return conflict(commit, slot, "it does not exist");
    return op->match != NULL ? check_match(commit, slot, op->match) : 0;
}

/* ---- operations -------------------------------------------------------------------------------- */

static int set_value(struct commit *commit, struct slot *slot, const struct cdb_oid *blob, const char *text,
                     size_t size, enum chrondb_status *status)
{
    bool there = !cdb_oid_is_zero(&slot->now), same = there && cdb_oid_equal(&slot->now, blob);
    if (there && !same && text != NULL) {
        struct cdb_oid other;
        int result = cdb_document_other_id(text, size, &commit->scratch, &other);
        if (result != 0)
            return result;
        same = cdb_oid_equal(&other, &slot->now);
    }
    *status = same ? CHRONDB_UNCHANGED : there ? CHRONDB_UPDATED : CHRONDB_CREATED;
    if (same)
        return 0;
    slot->now = *blob;
    slot->text = text;
    slot->size = size;
    return 0;
}

static int not_found(const struct slot *slot)
{
    return cdb_error(CHRONDB_NOTFOUND, "not_found",
                     cdb_oid_is_zero(&slot->before) ? "not found" : "not found: it has just been deleted, before this");
}

static int apply_patch(struct commit *commit, const struct cdb_op *op, struct slot *slot, enum chrondb_status *status)
{
    struct cdb_buf current = CDB_BUF_INIT, patched = CDB_BUF_INIT;
    struct cdb_oid blob;
    int result = 0;
    if (cdb_oid_is_zero(&slot->now))
        return not_found(slot);
    const char *text = slot->text;
    size_t size = slot->size;
    if (text == NULL) {
        result = cdb_blob_document(commit->repo, &slot->now, &current);
        text = cdb_buf_str(&current);
        size = current.len;
    }
    if (result == 0)
        result = cdb_json_merge_patch(&patched, text, size, op->text, op->size);
    if (result == 0)
        result = cdb_object_hash(&blob, CDB_BLOB, cdb_buf_str(&patched), patched.len);
    if (result == 0) {
        const char *copy = cdb_arena_copy(&commit->batch->memory, cdb_buf_str(&patched), patched.len);
        result = copy != NULL ? set_value(commit, slot, &blob, copy, patched.len, status) : CHRONDB_ESYSTEM;
    }
    cdb_buf_release(&current);
    cdb_buf_release(&patched);
    return result;
}

static int apply(struct commit *commit, const struct cdb_op *op, struct slot *slot, enum chrondb_status *status)
{
    static const struct cdb_oid nothing;
    switch (op->kind) {
    case CDB_OP_PUT:
    case CDB_OP_RESTORE:
        return set_value(commit, slot, &op->blob, op->text, op->size, status);
    case CDB_OP_PATCH:
        return apply_patch(commit, op, slot, status);
    case CDB_OP_DELETE:
        *status = cdb_oid_is_zero(&slot->now) ? CHRONDB_UNCHANGED : CHRONDB_DELETED;
        if (cdb_oid_is_zero(&slot->now))
            return (op->flags & CHRONDB_IF_EXISTS) != 0 ? 0 : not_found(slot);
        slot->now = nothing;
        slot->text = NULL;
        return 0;
    default:
        *status = CHRONDB_CHECKED;
        return 0;
    }
}

static const char *verb(enum cdb_op_kind kind)
{
    static const char *const verbs[] = {"cannot put", "cannot patch", "cannot delete", "check failed for",
                                        "cannot restore"};
    return kind < sizeof(verbs) / sizeof(verbs[0]) ? verbs[kind] : "cannot write";
}

static int apply_all(struct commit *commit)
{
    chrondb_batch *batch = commit->batch;
    for (size_t i = 0; i < batch->count; i++) {
        const struct cdb_op *op = &batch->ops[i];
        struct slot *slot = NULL;
        int result = slots_get(commit, op->key, &slot);
        if (result == 0)
            result = check_conditions(commit, op, slot);
        if (result == 0)
            result = apply(commit, op, slot, &batch->results[i].status);
        if (result != 0) {
            cdb_error_about(verb(op->kind), op->key);
            return result;
        }
    }
    return 0;
}

/* Restoring everything, or a table, is setting every key that differs. */
static int apply_restore_all(struct commit *commit)
{
    chrondb_batch *batch = commit->batch;
    struct cdb_filter filter = {.table = batch->all_table};
    struct cdb_changes changes = {.filter = &filter};
    int result = cdb_docs_diff(commit->repo->objects, &commit->base_root, &batch->all_root, &changes);
    for (size_t i = 0; result == 0 && i < changes.count; i++) {
        struct slot *slot;
        const char *key = cdb_arena_copy(&batch->memory, changes.changes[i].key, changes.changes[i].key_len);
        result = key == NULL ? CHRONDB_ESYSTEM : slots_get(commit, key, &slot);
        if (result == 0)
            slot->now = changes.changes[i].new_blob;
    }
    batch->results[0].status = changes.count > 0 ? CHRONDB_UPDATED : CHRONDB_UNCHANGED;
    cdb_changes_release(&changes);
    return result;
}

/* ---- the base ---------------------------------------------------------------------------------- */

static int load_base(struct commit *commit)
{
    struct cdb_base base;
    int result = cdb_base_load(&base, commit->repo, &commit->txn.base, &commit->txn.state);
    commit->base_root = base.root;
    commit->trusted_root = base.trusted;
    commit->foreign = base.foreign;
    commit->parent_time = base.time;
    return result;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static bool restores(const chrondb_batch *batch)
{
    return batch->ops[0].kind == CDB_OP_RESTORE || batch->ops[0].kind == CDB_OP_RESTORE_ALL;
}

static int write_message(struct commit *commit, const struct slot *first, size_t puts, size_t deletes)
{
    const char *given = cdb_stamp_message(&commit->stamp);
    if (*given == '\0')
        cdb_default_message(&commit->message, restores(commit->batch) ? "restore" : "put", first->key_text, puts,
                            deletes);
    else
        cdb_buf_adds(&commit->message, given);
    return cdb_buf_check(&commit->message);
}

static int write_tree(struct commit *commit, const struct cdb_edit *edits, size_t count, struct cdb_oid *root)
{
    struct cdb_edit_request request = {.objects = commit->repo->objects,
                                       .root = commit->base_root,
                                       .foreign = commit->foreign,
                                       .trusted = commit->trusted_root,
                                       .edits = edits,
                                       .count = count,
                                       .emit = cdb_txn_emit,
                                       .emit_context = &commit->txn};
    return cdb_docs_edit(&request, root);
}

static int write_commit(struct commit *commit, const struct cdb_oid *root)
{
    chrondb_batch *batch = commit->batch;
    int result = cdb_stamp_commit(&commit->stamp, &commit->txn, root, &commit->txn.base,
                                  cdb_oid_is_zero(&commit->txn.base) ? 0 : 1, batch->time,
                                  cdb_buf_str(&commit->message), &batch->head);
    return result == 0 ? cdb_txn_commit(&commit->txn, &batch->head, batch->time) : result;
}

/* A restored document is in the history already, but perhaps in one that was pushed and that git has not synced. */
static int emit_document(struct commit *commit, const struct slot *slot)
{
    struct cdb_buf document = CDB_BUF_INIT;
    const char *text = slot->text;
    size_t size = slot->size;
    int result = 0;
    if (text == NULL) {
        result = cdb_blob_document(commit->repo, &slot->now, &document);
        text = cdb_buf_str(&document);
        size = document.len;
    }
    if (result == 0)
        result = cdb_txn_emit(&commit->txn, CDB_BLOB, text, size, &slot->now);
    cdb_buf_release(&document);
    return result;
}

/* Behind the commit point. What cannot be told to the index now, it learns later. */
static void tell_index(const struct commit *commit, size_t count)
{
    const chrondb_batch *batch = commit->batch;
    struct cdb_catalog_commit told = {batch->head, batch->time, false};
    struct cdb_catalog_change *changes = malloc((count + 1) * sizeof(*changes));
    size_t n = 0;
    for (size_t i = 0; changes != NULL && i < commit->slots.count && n < count; i++) {
        const struct slot *slot = commit->slots.list[i];
        if (!cdb_oid_equal(&slot->before, &slot->now))
            changes[n++] = (struct cdb_catalog_change){slot->key_text, strlen(slot->key_text), slot->now,
                                                       !cdb_oid_is_zero(&slot->before)};
    }
    if (changes != NULL)
        cdb_catalog_append(batch->db, commit->txn.ref, &batch->base, &told, changes, n);
    free(changes);
}

/* What the operations came to: blobs, trees, the commit. */
static int write_changes(struct commit *commit)
{
    chrondb_batch *batch = commit->batch;
    const struct slot *first = NULL;
    size_t puts = 0, deletes = 0, count = 0;
    struct cdb_oid root;
    struct cdb_edit *edits = malloc((commit->slots.count + 1) * sizeof(*edits));
    int result = edits == NULL ? cdb_error_memory() : 0;
    for (size_t i = 0; result == 0 && i < commit->slots.count; i++) {
        const struct slot *slot = commit->slots.list[i];
        if (cdb_oid_equal(&slot->before, &slot->now))
            continue;
        first = first != NULL ? first : slot;
        puts += !cdb_oid_is_zero(&slot->now);
        deletes += cdb_oid_is_zero(&slot->now);
        edits[count++] = (struct cdb_edit){&slot->key, slot->now};
        if (!cdb_oid_is_zero(&slot->now))
            result = emit_document(commit, slot);
    }
    batch->base = batch->head = commit->txn.base;
    batch->time = commit->parent_time;
    if (result == 0 && count > 0)
        result =
            cdb_stamp_time(&commit->stamp, cdb_oid_is_zero(&batch->base) ? NULL : &commit->parent_time, &batch->time);
    if (result == 0 && count > 0)
        result = write_message(commit, first, puts, deletes);
    if (result == 0 && count > 0)
        result = write_tree(commit, edits, count, &root);
    if (result == 0 && count > 0)
        result = write_commit(commit, &root);
    if (result == 0 && count > 0)
        tell_index(commit, count);
    free(edits);
    return result;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int run(struct commit *commit, const char *ref)
{
    int result = cdb_txn_begin(&commit->txn, commit->repo, ref, cdb_stamp_timeout(&commit->stamp));
    if (result != 0)
        return result;
    cdb_point_init(&commit->base, commit->batch->db, ref, &commit->txn.base, &commit->txn.base);
    result = load_base(commit);
    if (result == 0)
        result = commit->batch->all != NULL ? apply_restore_all(commit) : apply_all(commit);
    if (result == 0)
        result = write_changes(commit);
    cdb_txn_end(&commit->txn);
    cdb_point_release(&commit->base);
    return result;
}

/* Did all operations together change the key? One may have undone the other. */
static bool is_changed(const struct commit *commit, const char *key)
{
    const struct slots *slots = &commit->slots;
    size_t found = slots->index_room > 0 ? slots->index[index_of(slots, key)] : 0;
    return found != 0 && !cdb_oid_equal(&slots->list[found - 1]->before, &slots->list[found - 1]->now);
}

/* A key that the batch changed has the new commit; the others are looked up when asked for. */
static void fill_results(const struct commit *commit)
{
    chrondb_batch *batch = commit->batch;
    bool all = batch->all != NULL && !cdb_oid_equal(&batch->head, &batch->base);
    cdb_oid_format(&batch->head, batch->head_hex);
    for (size_t i = 0; i < batch->count; i++) {
        chrondb_result *result = &batch->results[i];
        result->key = batch->ops[i].key;
        if (all || is_changed(commit, result->key)) {
            memcpy(result->commit, batch->head_hex, sizeof(result->commit));
            result->time = batch->time;
        }
    }
}

int chrondb_batch_commit(chrondb_batch *batch, const chrondb_write_options *options)
{
    if (batch == NULL)
        return cdb_error_null();
    chrondb_write_options write;
    struct commit commit = {.batch = batch, .repo = batch->db->repo};
    struct cdb_buf ref = CDB_BUF_INIT;
    int result = cdb_enter(batch->db->repo);
    if (result == 0)
        result = cdb_options_read(&write, sizeof(write), options, "chrondb_write_options");
    if (result == 0 && batch->committed)
        result = cdb_error(CHRONDB_EUSAGE, "usage", "the batch was committed already");
    if (result != 0)
        return result;
    commit.stamp = (struct cdb_stamp){.repo = commit.repo, .options = &write};
    batch->results = calloc(batch->count + 1, sizeof(*batch->results));
    result = batch->results == NULL ? cdb_error_memory() : 0;
    if (result == 0 && batch->count > 0)
        result = cdb_stamp_prepare(&commit.stamp);
    if (result == 0)
        result = cdb_branch_for_write(batch->db, write.branch, write.create_branch != 0, &ref);
    if (result == 0 && (batch->ref = cdb_arena_copy(&batch->memory, ref.ptr, ref.len)) == NULL)
        result = CHRONDB_ESYSTEM;
    if (result == 0 && batch->count > 0)
        result = run(&commit, batch->ref);
    if (result == 0) {
        batch->committed = true;
        fill_results(&commit);
    } else {
        free(batch->results);
        batch->results = NULL;
    }
    free(commit.slots.list);
    free(commit.slots.index);
    cdb_buf_release(&commit.scratch);
    cdb_stamp_release(&commit.stamp);
    cdb_buf_release(&commit.message);
    cdb_buf_release(&ref);
    if (result == 0)
        cdb_helper_wake(batch->db);
    return result;
}

/* ---- results ----------------------------------------------------------------------------------- */

size_t chrondb_batch_size(const chrondb_batch *batch)
{
    return batch != NULL ? batch->count : 0;
}

enum chrondb_status chrondb_batch_status(const chrondb_batch *batch, size_t index)
{
    return batch != NULL && batch->committed && index < batch->count ? batch->results[index].status : CHRONDB_UNCHANGED;
}

const chrondb_result *chrondb_batch_result(const chrondb_batch *batch, size_t index)
{
    if (batch == NULL || !batch->committed || index >= batch->count)
        return NULL;
    chrondb_result *result = &batch->results[index];
    struct cdb_key key;
    struct cdb_point point;
    struct cdb_versions versions = {0};
    bool ever;
    cdb_point_init(&point, batch->db, batch->ref, &batch->head, &batch->head);
    if (result->commit[0] == '\0' && *result->key == '\0') { /* everything was restored to what it is */
        if (!cdb_oid_is_zero(&batch->base))
            memcpy(result->commit, batch->head_hex, sizeof(result->commit));
        result->time = batch->time;
    } else if (result->commit[0] == '\0' && cdb_key_parse(&key, result->key, strlen(result->key)) == 0 &&
               cdb_versions_find(&point, &key, 1, NULL, NULL, &versions, &ever) == 0 && versions.count > 0) {
        cdb_oid_format(&versions.versions[0].commit, result->commit);
        result->time = versions.versions[0].time;
    }
    cdb_versions_release(&versions);
    cdb_point_release(&point);
    return result;
}

const char *chrondb_batch_commit_id(const chrondb_batch *batch)
{
    return batch != NULL && batch->committed && !cdb_oid_equal(&batch->head, &batch->base) ? batch->head_hex : NULL;
}

chrondb_time chrondb_batch_time(const chrondb_batch *batch)
{
    return batch != NULL ? batch->time : (chrondb_time){0, 0};
}
