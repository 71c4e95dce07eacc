/* SPDX-License-Identifier: MIT
 * A frozen state, and one document of it. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"

int cdb_blob_document(struct cdb_repo *repo, const struct cdb_oid *blob, struct cdb_buf *out)
{
    return cdb_objects_read(repo->objects, blob, CDB_BLOB, CHRONDB_MAX_DOCUMENT, out);
}

static int load_root(struct chrondb_snapshot *snapshot)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    int result = cdb_commit_read(snapshot->db->repo->objects, &snapshot->commit, &content, &commit);
    if (result == 0)
        snapshot->root = commit.tree;
    cdb_buf_release(&content);
    return result;
}

int chrondb_snapshot_open(chrondb_snapshot **out, chrondb *db, const char *branch, const char *when)
{
    if (out == NULL || db == NULL)
        return cdb_error_null();
    struct cdb_buf ref = CDB_BUF_INIT;
    struct cdb_oid head;
    int result = cdb_enter(db->repo);
    if (result != 0)
        return result;
    struct chrondb_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return cdb_error_memory();
    snapshot->db = db;
    result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_branch_resolve(db, branch, &ref);
    if (result == 0)
        result = cdb_resolve(db, ref.ptr, when, &head, &snapshot->commit);
    if (result == 0 && !cdb_oid_is_zero(&snapshot->commit)) {
        cdb_oid_format(&snapshot->commit, snapshot->hex);
        result = load_root(snapshot);
    }
    snapshot->ref = ref.ptr; /* taken over */
    if (result == 0)
        cdb_point_init(&snapshot->point, db, snapshot->ref, &head, &snapshot->commit);
    if (result != 0) {
        chrondb_snapshot_free(snapshot);
        return result;
    }
    *out = snapshot;
    return 0;
}

void chrondb_snapshot_free(chrondb_snapshot *snapshot)
{
    if (snapshot == NULL || !cdb_is_ours(snapshot->db->repo))
        return;
    cdb_point_release(&snapshot->point);
    free(snapshot->ref);
    free(snapshot);
}

const char *chrondb_snapshot_commit(const chrondb_snapshot *snapshot)
{
    return snapshot != NULL && snapshot->hex[0] != '\0' ? snapshot->hex : NULL;
}

int chrondb_snapshot_time(chrondb_snapshot *snapshot, chrondb_time *time)
{
    if (snapshot == NULL || time == NULL)
        return cdb_error_null();
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0 && !snapshot->has_time && !cdb_oid_is_zero(&snapshot->commit))
        result = cdb_point_time(&snapshot->point, &snapshot->time);
    snapshot->has_time = result == 0;
    *time = snapshot->time;
    return result;
}

/* ---- one document ------------------------------------------------------------------------------ */

static int find(chrondb_snapshot *snapshot, const char *key_text, struct cdb_lookup *lookup)
{
    struct cdb_key key;
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0)
        result = cdb_key_parse(&key, key_text, strlen(key_text));
    if (result == 0)
        result = cdb_docs_find(snapshot->db->repo->objects, &snapshot->root, &key, NULL, lookup);
    if (result == 0 && !lookup->found) {
        cdb_error_set(CHRONDB_NOTFOUND, "not_found", "not found");
        result = CHRONDB_NOTFOUND;
    }
    return result;
}

int chrondb_get(chrondb_snapshot *snapshot, const char *key, chrondb_buffer *value)
{
    if (snapshot == NULL || key == NULL || value == NULL)
        return cdb_error_null();
    struct cdb_lookup lookup;
    struct cdb_buf content = CDB_BUF_INIT;
    value->size = 0;
    int result = find(snapshot, key, &lookup);
    if (result == 0)
        result = cdb_blob_document(snapshot->db->repo, &lookup.blob, &content);
    if (result == 0)
        result = cdb_buffer_set(value, cdb_buf_str(&content), content.len);
    if (result != 0 && !(result == CHRONDB_EUSAGE))
        cdb_error_about("cannot get", key);
    cdb_buf_release(&content);
    return result;
}

int chrondb_exists(chrondb_snapshot *snapshot, const char *key)
{
    if (snapshot == NULL || key == NULL)
        return cdb_error_null();
    struct cdb_lookup lookup;
    int result = find(snapshot, key, &lookup);
    if (result != 0 && result != CHRONDB_EUSAGE)
        cdb_error_about("cannot find", key);
    return result;
}

int chrondb_get_at(chrondb *db, const char *branch, const char *when, const char *key, chrondb_buffer *value)
{
    if (db == NULL || key == NULL || value == NULL)
        return cdb_error_null();
    chrondb_snapshot *snapshot = NULL;
    value->size = 0;
    int result = chrondb_snapshot_open(&snapshot, db, branch, when);
    if (result == 0)
        result = chrondb_get(snapshot, key, value);
    chrondb_snapshot_free(snapshot);
    return result;
}
