/* SPDX-License-Identifier: MIT
 * Merging a commit into a branch: what is to be done (nothing, forward, a merge), and doing it. */
#include "db/merge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/base.h"
#include "db/merge_decide.h"
#include "db/stamp.h"
#include "store/bases.h"
#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

struct chrondb_merge {
    chrondb *db;
    struct cdb_arena memory;
    struct cdb_decisions decisions;
    bool done;
    /* Afterwards. */
    struct cdb_merging merging;
    char hex[CDB_OID_HEX + 1];
    chrondb_merge_report report;
};

/* A merge that runs. */
struct run {
    struct chrondb_merge *merge;
    const chrondb_merge_options *options;
    const char *ref, *source_name;
    struct cdb_stamp stamp;
    struct cdb_txn txn; /* not with dry_run */
    struct cdb_base base;
    struct cdb_oid source, source_root;
    struct cdb_bases bases;
    struct cdb_merge_state state; /* ours, with the merge's edits */
    struct cdb_foreign_changes foreign;
    struct cdb_point ours, theirs; /* for the strategy newest */
    bool has_points;
};

int chrondb_merge_new(chrondb_merge **out, chrondb *db)
{
    cdb_error_clear();
    struct chrondb_merge *merge = calloc(1, sizeof(*merge));
    if (merge == NULL)
        return cdb_error_memory();
    merge->db = db;
    *out = merge;
    return 0;
}

void chrondb_merge_free(chrondb_merge *merge)
{
    if (merge == NULL)
        return;
    cdb_decisions_release(&merge->decisions);
    free(merge->merging.records);
    cdb_arena_release(&merge->memory);
    free(merge);
}

static int check_not_done(const chrondb_merge *merge)
{
    return merge->done ? cdb_error(CHRONDB_EUSAGE, "usage", "the merge has been run already") : 0;
}

int chrondb_merge_decide(chrondb_merge *merge, const char *key, const char *value, size_t size)
{
    cdb_error_clear();
    int result = check_not_done(merge);
    return result == 0 ? cdb_decisions_add(&merge->decisions, &merge->memory, key, value, size) : result;
}

int chrondb_merge_decide_json(chrondb_merge *merge, const char *line, size_t size)
{
    cdb_error_clear();
    int result = check_not_done(merge);
    return result == 0 ? cdb_decisions_add_json(&merge->decisions, &merge->memory, line, size) : result;
}

/* ---- conflicts --------------------------------------------------------------------------------- */

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
static int newest(struct run *run, const char *key, size_t key_len, enum cdb_merge_verdict *verdict)
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

static int settle(void *context, const char *key, size_t key_len, enum cdb_merge_verdict *verdict,
                  struct cdb_merge_value *given)
{
    struct run *run = context;
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
static int theirs_is_newer(struct run *run, bool *out)
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
static int merge_files(struct run *run, const struct cdb_oid *base_root)
{
    struct cdb_merging *it = &run->merge->merging;
    struct cdb_foreign_changes *changes = &run->foreign;
    bool newer = false;
    size_t kept = 0;
    int result =
        cdb_foreign_merge(run->merge->db->repo->objects, base_root, &run->base.root, &run->source_root, changes);
    it->brought += changes->count;
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

static int tell_conflicts(const struct run *run)
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

/* ---- what the result is -------------------------------------------------------------------------- */

static bool is_put(const struct cdb_merge_edit *edit)
{
    return !cdb_oid_is_zero(&edit->after.blob);
}

static void count_edits(struct run *run)
{
    chrondb_merge_report *report = &run->merge->report;
    for (size_t i = 0; i < run->state.count; i++) {
        report->puts += is_put(&run->state.edits[i]);
        report->deletes += !is_put(&run->state.edits[i]);
    }
    report->conflicts = run->merge->merging.settled;
}

static void finish(struct run *run, enum chrondb_merge_status status, const struct cdb_oid *commit, chrondb_time time)
{
    struct chrondb_merge *merge = run->merge;
    merge->report.status = status;
    merge->report.time = time;
    if (!run->options->dry_run && status != CHRONDB_MERGE_UNCHANGED)
        cdb_oid_format(commit, merge->hex);
}

/* Nothing to do: the state is ours. */
static int leave(struct run *run)
{
    run->state.root = run->base.root;
    finish(run, CHRONDB_MERGE_UNCHANGED, &run->base.head, run->base.time);
    return cdb_decisions_check(&run->merge->decisions, &run->merge->merging, &run->state);
}

/* Are the documents of both the same (and the files beside them)? The trees may differ if another tool made one. */
static int same_documents(const struct run *run, bool *same)
{
    struct cdb_changes changes = {.limit = 1};
    *same = cdb_oid_equal(&run->base.root, &run->source_root);
    if (*same)
        return 0;
    int result = cdb_docs_diff(run->merge->db->repo->objects, &run->base.root, &run->source_root, &changes);
    *same = result == 0 && changes.count == 0 && !changes.foreign;
    cdb_changes_release(&changes);
    return result == 1 ? 0 : result;
}

/* ---- forward ----------------------------------------------------------------------------------- */

static int source_time(struct run *run, chrondb_time *out)
{
    struct cdb_point point;
    cdb_point_init(&point, run->merge->db, run->ref, &run->base.head, &run->source);
    int result = cdb_point_time(&point, out);
    cdb_point_release(&point);
    return result;
}

static int count_changes(struct run *run)
{
    struct cdb_changes changes = {.limit = 0};
    chrondb_merge_report *report = &run->merge->report;
    int result = cdb_docs_diff(run->merge->db->repo->objects, &run->base.root, &run->source_root, &changes);
    for (size_t i = 0; result == 0 && i < changes.count; i++) {
        bool gone = cdb_oid_is_zero(&changes.changes[i].new_blob);
        report->puts += !gone;
        report->deletes += gone;
    }
    cdb_changes_release(&changes);
    return result;
}

/* The branch becomes the source: its past stays as it was. */
static int go_forward(struct run *run)
{
    chrondb_time time;
    run->state.root = run->source_root;
    int result = cdb_decisions_check(&run->merge->decisions, &run->merge->merging, &run->state);
    if (result == 0)
        result = source_time(run, &time);
    if (result == 0)
        result = count_changes(run);
    if (result == 0 && !run->options->dry_run)
        result = cdb_txn_rely(&run->txn, &run->source);
    if (result == 0 && !run->options->dry_run)
        result = cdb_txn_commit(&run->txn, &run->source, time);
    if (result == 0)
        finish(run, CHRONDB_FAST_FORWARD, &run->source, time);
    return result;
}

/* ---- a merge commit ---------------------------------------------------------------------------- */

/* Keys of the edits, taken apart; those of merged documents are emitted. */
static int emit_documents(struct run *run, struct cdb_key *keys, struct cdb_edit *edits)
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

static int write_tree(struct run *run, struct cdb_oid *root)
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

static int write_message(const struct run *run, struct cdb_buf *out)
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
static void tell_index(const struct run *run, const struct cdb_oid *head, chrondb_time time)
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

static int write_merge(struct run *run)
{
    struct cdb_buf message = CDB_BUF_INIT;
    struct cdb_oid parents[2] = {run->base.head, run->source}, root, head;
    chrondb_time time;
    int result = write_message(run, &message);
    if (result == 0)
        result = cdb_stamp_time(&run->stamp, &run->base.time, &time);
    if (result == 0 && run->options->dry_run)
        finish(run, CHRONDB_MERGED, &run->base.head, time);
    if (result != 0 || run->options->dry_run)
        goto out;
    result = write_tree(run, &root);
    if (result == 0)
        result = cdb_stamp_commit(&run->stamp, &run->txn, &root, parents, 2, time, cdb_buf_str(&message), &head);
    if (result == 0)
        result = cdb_txn_rely(&run->txn, &run->source);
    if (result == 0)
        result = cdb_txn_commit(&run->txn, &head, time);
    if (result == 0) {
        tell_index(run, &head, time);
        finish(run, CHRONDB_MERGED, &head, time);
    }
out:
    cdb_buf_release(&message);
    return result;
}

static int merge_states(struct run *run)
{
    struct cdb_merging *it = &run->merge->merging;
    struct cdb_merge_state base, ours = {.root = run->base.root}, theirs = {.root = run->source_root};
    bool same = false;
    int result = cdb_merge_base_state(it, &run->bases, &base);
    if (result != 0)
        return result;
    result = cdb_merge_keys(it, &base, &ours, &theirs, &run->state);
    if (result == 0 && it->foreign)
        result = merge_files(run, &base.root);
    cdb_merge_state_release(&base);
    if (result == 0 && it->record_count > 0)
        result = tell_conflicts(run);
    if (result == 0)
        result = cdb_decisions_check(&run->merge->decisions, it, &run->state);
    if (result == 0 && it->brought == 0)
        result = same_documents(run, &same);
    if (result != 0)
        return result;
    count_edits(run);
    return same ? leave(run) : write_merge(run);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int choose(struct run *run)
{
    struct cdb_objects *objects = run->merge->db->repo->objects;
    const struct cdb_oid *head = &run->base.head;
    bool forward = cdb_oid_is_zero(head);
    if (cdb_oid_equal(head, &run->source))
        return leave(run);
    int result = forward ? 0 : cdb_bases_find(&run->bases, objects, head, 1, &run->source);
    if (result != 0)
        return result;
    if (run->bases.count == 1 && cdb_oid_equal(&run->bases.list[0], &run->source))
        return leave(run);
    if (run->bases.count == 1 && cdb_oid_equal(&run->bases.list[0], head) && !run->options->no_ff)
        result = cdb_bases_on_chain(objects, &run->source, head, &forward);
    if (result != 0)
        return result;
    return forward ? go_forward(run) : merge_states(run);
}

static int load(struct run *run)
{
    struct cdb_repo *repo = run->merge->db->repo;
    struct cdb_oid head = run->txn.base, ignored;
    struct cdb_state state;
    int result = 0;
    memset(&state, 0, sizeof(state));
    if (run->options->dry_run) {
        result = cdb_repo_ref(repo, run->ref, &head);
        if (result == 1)
            memset(&head, 0, sizeof(head));
    }
    if (result >= 0)
        result = cdb_resolve(run->merge->db, run->ref, run->source_name, &ignored, &run->source);
    if (result == 0 && cdb_oid_is_zero(&run->source))
        result = cdb_error(CHRONDB_EUSAGE, "invalid_time", "there was no commit yet");
    if (result == 0)
        result = cdb_base_load(&run->base, repo, &head, run->options->dry_run ? &state : &run->txn.state);
    if (result == 0)
        result = cdb_merge_root(run->merge->db, &run->source, &run->source_root);
    if (result != 0) {
        struct cdb_buf source = CDB_BUF_INIT;
        cdb_buf_add_quoted(&source, run->source_name, strlen(run->source_name));
        cdb_error_context("cannot merge %s", cdb_buf_str(&source));
        cdb_buf_release(&source);
    }
    return result;
}

static int run_merge(struct run *run)
{
    struct cdb_repo *repo = run->merge->db->repo;
    int result = run->options->dry_run ? cdb_repo_attend(repo)
                                       : cdb_txn_begin(&run->txn, repo, run->ref, cdb_stamp_timeout(&run->stamp));
    if (result != 0)
        return result;
    result = load(run);
    if (result == 0)
        result = choose(run);
    if (!run->options->dry_run)
        cdb_txn_end(&run->txn);
    if (run->has_points) {
        cdb_point_release(&run->ours);
        cdb_point_release(&run->theirs);
    }
    cdb_bases_release(&run->bases);
    cdb_merge_state_release(&run->state);
    cdb_foreign_release(&run->foreign);
    return result;
}

int chrondb_merge_run(chrondb_merge *merge, const char *source, const chrondb_merge_options *options)
{
    static const chrondb_write_options no_write = {.size = sizeof(no_write)};
    static const chrondb_merge_options defaults = {.size = sizeof(defaults)};
    struct run run = {.merge = merge, .source_name = source, .options = options != NULL ? options : &defaults};
    struct cdb_buf ref = CDB_BUF_INIT;
    cdb_error_clear();
    int result = check_not_done(merge);
    if (result != 0)
        return result;
    merge->done = true;
    merge->merging = (struct cdb_merging){.db = merge->db,
                                          .memory = &merge->memory,
                                          .settle = settle,
                                          .context = &run,
                                          .progress = run.options->progress,
                                          .progress_context = run.options->progress_context};
    run.stamp.repo = merge->db->repo;
    run.stamp.options = run.options->write != NULL ? run.options->write : &no_write;
    result = cdb_decisions_sort(&merge->decisions);
    if (result == 0)
        result = cdb_stamp_prepare(&run.stamp);
    if (result == 0)
        result = cdb_branch_resolve(merge->db, run.stamp.options->branch, &ref);
    run.ref = cdb_buf_str(&ref);
    if (result == 0)
        result = run_merge(&run);
    cdb_stamp_release(&run.stamp);
    cdb_buf_release(&ref);
    merge->merging.context = NULL;
    return result;
}

/* ---- afterwards -------------------------------------------------------------------------------- */

const chrondb_merge_report *chrondb_merge_get_report(chrondb_merge *merge)
{
    merge->report.commit = merge->hex[0] != '\0' ? merge->hex : NULL;
    return &merge->report;
}

int chrondb_merge_conflict(const chrondb_merge *merge, size_t index, chrondb_conflict *out)
{
    if (index >= merge->merging.record_count)
        return CHRONDB_END;
    const struct cdb_merge_record *record = &merge->merging.records[index];
    const struct cdb_merge_conflict *conflict = &record->conflict;
    *out = (chrondb_conflict){.key = record->key,
                              .path = conflict->path.ptr,
                              .base = conflict->base.ptr,
                              .base_size = conflict->base.len,
                              .ours = conflict->ours.ptr,
                              .ours_size = conflict->ours.len,
                              .theirs = conflict->theirs.ptr,
                              .theirs_size = conflict->theirs.len};
    return 0;
}
