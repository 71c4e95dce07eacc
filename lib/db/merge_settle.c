/* SPDX-License-Identifier: MIT
 * What is in conflict: decided by somebody, by a strategy, or recorded. */
#include "db/merge_run.h"

#include <inttypes.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

static int last_change(struct cdb_point *point, const struct cdb_key *key, struct cdb_version *out)
{
    struct cdb_versions versions = {0};
    bool ever;
    memset(out, 0, sizeof(*out));
    out->time.seconds = INT64_MIN;
    int result = cdb_versions_find(point, key, 1, NULL, NULL, &versions, &ever);
    if (result == 0 && versions.count > 0)
        *out = versions.versions[0];
    cdb_versions_release(&versions);
    return result;
}

/* The side that changed the key last. At one moment the greater id is the later, so that both sides say the same. */
static int newest(struct cdb_merge_run *run, const char *key, size_t key_len, enum cdb_merge_verdict *verdict)
{
    struct cdb_key parsed;
    struct cdb_version ours, theirs;
    if (!run->has_points) {
        cdb_point_init(&run->ours, run->merge->db, run->ref, &run->base.head, &run->base.head);
        cdb_point_init(&run->theirs, run->merge->db, run->ref, &run->base.head, &run->source);
        run->has_points = true;
    }
    int result = cdb_key_parse(&parsed, key, key_len);
    if (result == 0)
        result = last_change(&run->ours, &parsed, &ours);
    if (result == 0)
        result = last_change(&run->theirs, &parsed, &theirs);
    if (result != 0)
        return result;
    int order = cdb_time_compare(ours.time, theirs.time);
    if (order == 0)
        order = memcmp(ours.commit.id, theirs.commit.id, sizeof(ours.commit.id));
    *verdict = order >= 0 ? CDB_VERDICT_OURS : CDB_VERDICT_THEIRS;
    return 0;
}

int cdb_merge_settle(void *context, const char *key, size_t key_len, enum cdb_merge_verdict *verdict,
                     struct cdb_merge_value *given)
{
    struct cdb_merge_run *run = context;
    struct cdb_decision *decision = cdb_decisions_find(&run->merge->decisions, key, key_len);
    if (decision != NULL) {
        decision->used = true;
        *given = decision->value;
        *verdict = CDB_VERDICT_GIVEN;
        return 0;
    }
    switch (run->options->strategy) {
    case CHRONDB_MERGE_OURS:
        *verdict = CDB_VERDICT_OURS;
        return 0;
    case CHRONDB_MERGE_THEIRS:
        *verdict = CDB_VERDICT_THEIRS;
        return 0;
    case CHRONDB_MERGE_NEWEST:
        return newest(run, key, key_len, verdict);
    default:
        *verdict = CDB_VERDICT_FAIL;
        return 0;
    }
}

static int record_file(struct cdb_merging *it, const char *path)
{
    int result = cdb_array_grow(&it->records, &it->record_room, it->record_count, sizeof(*it->records));
    const char *copy = result == 0 ? cdb_arena_copy(it->memory, path, strlen(path)) : NULL;
    if (copy == NULL)
        return CHRONDB_ESYSTEM;
    it->records[it->record_count++] = (struct cdb_merge_record){.conflict = {.path = {copy, strlen(copy)}}};
    return 0;
}

/* A file has no history of its own here: the newest is that of the newest head. */
static int theirs_is_newer(struct cdb_merge_run *run, bool *out)
{
    struct cdb_point point;
    chrondb_time time;
    cdb_point_init(&point, run->merge->db, run->ref, &run->base.head, &run->source);
    int result = cdb_point_time(&point, &time);
    cdb_point_release(&point);
    int order = result == 0 ? cdb_time_compare(time, run->base.time) : 0;
    if (result == 0 && order == 0)
        order = memcmp(run->source.id, run->base.head.id, sizeof(run->source.id));
    *out = order > 0;
    return result;
}

/* Files that are no documents: taken, or recorded, or given up. */
int cdb_merge_files(struct cdb_merge_run *run, const struct cdb_oid *base_root)
{
    struct cdb_merging *it = &run->merge->merging;
    struct cdb_foreign_changes *changes = &run->foreign;
    bool newer = false;
    size_t kept = 0;
    int result =
        cdb_foreign_merge(run->merge->db->repo->objects, base_root, &run->base.root, &run->source_root, changes);
    if (result == 0 && run->options->strategy == CHRONDB_MERGE_NEWEST)
        result = theirs_is_newer(run, &newer);
    bool take = run->options->strategy == CHRONDB_MERGE_THEIRS || newer;
    for (size_t i = 0; result == 0 && i < changes->count; i++) {
        const struct cdb_foreign_change *change = &changes->list[i];
        if (change->conflict && run->options->strategy == CHRONDB_MERGE_FAIL)
            result = record_file(it, change->path);
        else if (change->conflict)
            it->settled++;
        if (!change->conflict || take)
            changes->list[kept++] = *change;
    }
    changes->count = kept;
    return result;
}

int cdb_merge_tell_conflicts(const struct cdb_merge_run *run)
{
    const struct cdb_merging *it = &run->merge->merging;
    struct cdb_buf source = CDB_BUF_INIT;
    cdb_buf_add_quoted(&source, run->source_name, strlen(run->source_name));
    int result = cdb_error(CHRONDB_ECONFLICT, "merge_conflict",
                           "cannot merge %s: %zu conflict%s; nothing was written (decide with --resolve FILE, or by "
                           "--strategy ours, theirs or newest)",
                           cdb_buf_str(&source), it->record_count, it->record_count == 1 ? "" : "s");
    cdb_buf_release(&source);
    return result;
}
