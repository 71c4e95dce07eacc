/* SPDX-License-Identifier: MIT
 * The commit of a merge: documents, trees, the commit itself, and what the index is told. */
#include "db/merge_run.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"

/* Keys of the edits, taken apart; those of merged documents are emitted. */
static int emit_documents(struct cdb_merge_run *run, struct cdb_key *keys, struct cdb_edit *edits)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < run->state.count; i++) {
        const struct cdb_merge_edit *edit = &run->state.edits[i];
        edits[i] = (struct cdb_edit){&keys[i], edit->after.blob};
        result = cdb_key_parse(&keys[i], edit->key, edit->key_len);
        if (result == 0 && edit->after.text != NULL)
            result = cdb_txn_emit(&run->txn, CDB_BLOB, edit->after.text, edit->after.size, &edit->after.blob);
    }
    return result;
}

static int write_tree(struct cdb_merge_run *run, struct cdb_oid *root)
{
    struct cdb_objects *objects = run->merge->db->repo->objects;
    struct cdb_fresh_trees fresh = {.emit = cdb_txn_emit, .emit_context = &run->txn};
    size_t count = run->state.count;
    struct cdb_key *keys = calloc(count + 1, sizeof(*keys));
    struct cdb_edit *edits = calloc(count + 1, sizeof(*edits));
    bool files = run->foreign.count > 0;
    struct cdb_edit_request request = {.objects = objects,
                                       .root = run->base.root,
                                       .foreign = run->base.foreign,
                                       .trusted = run->base.trusted,
                                       .edits = edits,
                                       .count = count,
                                       .emit = files ? cdb_fresh_emit : cdb_txn_emit,
                                       .emit_context = files ? (void *)&fresh : (void *)&run->txn};
    int result = keys != NULL && edits != NULL ? emit_documents(run, keys, edits) : cdb_error_memory();
    *root = run->base.root;
    if (result == 0 && count > 0)
        result = cdb_docs_edit(&request, root);
    if (result == 0 && files)
        result = cdb_foreign_apply(objects, &fresh, &run->foreign, root);
    cdb_fresh_release(&fresh);
    free(keys);
    free(edits);
    return result;
}

static int write_message(const struct cdb_merge_run *run, struct cdb_buf *out)
{
    const char *given = cdb_stamp_message(&run->stamp);
    cdb_buf_adds(out, given);
    if (*given == '\0') {
        cdb_buf_adds(out, "merge ");
        cdb_commit_escape(out, run->source_name, strlen(run->source_name), false);
    }
    return cdb_buf_check(out);
}

/* Behind the commit point. What cannot be told to the index now, it learns later. */
static void tell_index(const struct cdb_merge_run *run, const struct cdb_oid *head, chrondb_time time)
{
    struct cdb_catalog_commit told = {*head, time, true};
    struct cdb_catalog_change *changes = calloc(run->state.count + 1, sizeof(*changes));
    for (size_t i = 0; changes != NULL && i < run->state.count; i++) {
        const struct cdb_merge_edit *edit = &run->state.edits[i];
        changes[i] =
            (struct cdb_catalog_change){edit->key, edit->key_len, edit->after.blob, !cdb_oid_is_zero(&edit->before)};
    }
    if (changes != NULL)
        cdb_catalog_append(run->merge->db, run->ref, &run->base.head, &told, changes, run->state.count);
    free(changes);
}

int cdb_merge_write(struct cdb_merge_run *run, struct cdb_oid *head, chrondb_time *time)
{
    struct cdb_buf message = CDB_BUF_INIT;
    struct cdb_oid parents[2] = {run->base.head, run->source}, root;
    int result = write_message(run, &message);
    if (result == 0)
        result = cdb_stamp_time(&run->stamp, &run->base.time, time);
    if (result == 0)
        result = write_tree(run, &root);
    if (result == 0)
        result = cdb_stamp_commit(&run->stamp, &run->txn, &root, parents, 2, *time, cdb_buf_str(&message), head);
    if (result == 0)
        result = cdb_txn_rely(&run->txn, &run->source);
    if (result == 0)
        result = cdb_txn_commit(&run->txn, head, *time);
    if (result == 0)
        tell_index(run, head, *time);
    cdb_buf_release(&message);
    return result;
}
