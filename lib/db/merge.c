/* SPDX-License-Identifier: MIT
 * Merging a commit into a branch. What is to be done (nothing, forward, a merge), and what with each key, is found out
 * without any lock, however long that takes; then, with the lock, it is written, unless the branch has moved. */
#include "db/merge_run.h"

#include <stdlib.h>
#include <string.h>

#include "db/compare.h"
#include "store/bases.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/options.h"

#define PLANS 4 /* without the lock; the one after them is made with it */

int chrondb_merge_new(chrondb_merge **out, chrondb *db)
{
    if (out == NULL || db == NULL)
        return cdb_error_null();
    int result = cdb_enter(db->repo);
    if (result != 0)
        return result;
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
    int result = cdb_enter(merge->db->repo);
    if (result != 0)
        return result;
    return merge->done ? cdb_error(CHRONDB_EUSAGE, "usage", "the merge has been run already") : 0;
}

int chrondb_merge_decide(chrondb_merge *merge, const char *key, const char *value, size_t size)
{
    if (merge == NULL || key == NULL)
        return cdb_error_null();
    int result = check_not_done(merge);
    return result == 0 ? cdb_decisions_add(&merge->decisions, &merge->memory, key, value, size) : result;
}

int chrondb_merge_decide_json(chrondb_merge *merge, const char *line, size_t size)
{
    if (merge == NULL || (line == NULL && size > 0))
        return cdb_error_null();
    int result = check_not_done(merge);
    return result == 0 ? cdb_decisions_add_json(&merge->decisions, &merge->memory, line, size) : result;
}

/* ---- the plan ---------------------------------------------------------------------------------- */

static bool is_put(const struct cdb_merge_edit *edit)
{
    return !cdb_oid_is_zero(&edit->after.blob);
}

static void count_edits(struct cdb_merge_run *run)
{
    chrondb_merge_report *report = &run->merge->report;
    for (size_t i = 0; i < run->state.count; i++) {
        report->puts += is_put(&run->state.edits[i]);
        report->deletes += !is_put(&run->state.edits[i]);
    }
    report->conflicts = run->merge->merging.settled;
}

/* Nothing to do: the state is ours. */
static int plan_nothing(struct cdb_merge_run *run)
{
    run->outcome = CDB_MERGE_LEAVE;
    run->state.root = run->base.root;
    return cdb_decisions_check(&run->merge->decisions, &run->merge->merging, &run->state);
}

static int count_changes(struct cdb_merge_run *run)
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
static int plan_forward(struct cdb_merge_run *run)
{
    struct cdb_point point;
    run->outcome = CDB_MERGE_FORWARD;
    run->state.root = run->source_root;
    int result = cdb_decisions_check(&run->merge->decisions, &run->merge->merging, &run->state);
    if (result != 0)
        return result;
    cdb_point_init(&point, run->merge->db, run->ref, &run->base.head, &run->source);
    result = cdb_point_time(&point, &run->source_time);
    cdb_point_release(&point);
    return result == 0 ? count_changes(run) : result;
}

static int plan_commit(struct cdb_merge_run *run)
{
    struct cdb_merging *it = &run->merge->merging;
    struct cdb_merge_state base, ours = {.root = run->base.root}, theirs = {.root = run->source_root};
    int result = cdb_merge_base_state(it, &run->bases, &base);
    if (result != 0)
        return result;
    result = cdb_merge_keys(it, &base, &ours, &theirs, &run->state);
    if (result == 0 && it->foreign)
        result = cdb_merge_files(run, &base.root);
    cdb_merge_state_release(&base);
    if (result == 0 && it->record_count > 0)
        result = cdb_merge_tell_conflicts(run);
    if (result == 0)
        result = cdb_decisions_check(&run->merge->decisions, it, &run->state);
    if (result != 0)
        return result;
    count_edits(run);
    run->outcome = CDB_MERGE_COMMIT;
    return 0;
}

/* Both have the same, but for merges: databases that pull from each other by turns come to rest. Where the branch has
 * news, though, the source is merged whatever it has: else nobody could push the branch to where the source is from.
 * `below`: the source stands on the branch's head. */
static int is_at_rest(struct cdb_merge_run *run, bool below, bool *out)
{
    bool our_news = false, their_news = false;
    int result = cdb_same_documents(run->merge->db, &run->base.root, &run->source_root, out);
    if (result == 0 && *out)
        result = cdb_bases_news(run->merge->db->repo->objects, &run->base.head, &run->source, &our_news, &their_news);
    *out = *out && !their_news && (!our_news || below);
    return result;
}

static int choose(struct cdb_merge_run *run)
{
    struct cdb_objects *objects = run->merge->db->repo->objects;
    const struct cdb_oid *head = &run->base.head;
    bool forward = cdb_oid_is_zero(head);
    if (cdb_oid_equal(head, &run->source))
        return plan_nothing(run);
    int result = forward ? 0 : cdb_bases_find(&run->bases, objects, head, 1, &run->source);
    if (result != 0)
        return result;
    if (run->bases.count == 1 && cdb_oid_equal(&run->bases.list[0], &run->source))
        return plan_nothing(run);
    bool rest = false, below = run->bases.count == 1 && cdb_oid_equal(&run->bases.list[0], head);
    if (below && !run->options->no_ff)
        result = cdb_bases_on_chain(objects, &run->source, head, &forward);
    if (result == 0 && !forward)
        result = is_at_rest(run, below, &rest);
    if (result != 0)
        return result;
    return rest ? plan_nothing(run) : forward ? plan_forward(run) : plan_commit(run);
}

static int load(struct cdb_merge_run *run, const struct cdb_oid *head)
{
    struct cdb_repo *repo = run->merge->db->repo;
    struct cdb_oid ignored;
    struct cdb_state state;
    int result = cdb_resolve(run->merge->db, run->ref, run->when, &ignored, &run->source);
    if (result == 0 && cdb_oid_is_zero(&run->source))
        result = cdb_error(CHRONDB_EUSAGE, "invalid_time", "there was no commit yet");
    cdb_state_read(repo->dir, &state); /* times that it knows are right for ever */
    if (result == 0)
        result = cdb_base_load(&run->base, repo, head, &state);
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

static int plan(struct cdb_merge_run *run, const struct cdb_oid *head)
{
    int result = load(run, head);
    return result == 0 ? choose(run) : result;
}

static int plan_unlocked(struct cdb_merge_run *run)
{
    struct cdb_repo *repo = run->merge->db->repo;
    struct cdb_oid head = {{0}};
    int result = cdb_repo_attend(repo);
    if (result == 0)
        result = cdb_repo_ref(repo, run->ref, &head);
    if (result == 1) /* it has no commit yet */
        memset(&head, 0, sizeof(head));
    result = result < 0 ? result : plan(run, &head);
    CDB_FAULT("merge-planned");
    return result;
}

static void release_plan(struct cdb_merge_run *run)
{
    if (run->has_points) {
        cdb_point_release(&run->ours);
        cdb_point_release(&run->theirs);
        run->has_points = false;
    }
    cdb_bases_release(&run->bases);
    cdb_merge_state_release(&run->state);
    cdb_foreign_release(&run->foreign);
}

/* Everything that a plan made; the decisions stay. */
static void forget_plan(struct cdb_merge_run *run)
{
    struct cdb_merging *it = &run->merge->merging;
    release_plan(run);
    run->merge->report = (chrondb_merge_report){0};
    it->record_count = it->settled = 0;
    it->foreign = false;
    for (size_t i = 0; i < run->merge->decisions.count; i++)
        run->merge->decisions.list[i].used = false;
}

/* ---- doing it ---------------------------------------------------------------------------------- */

static void finish(struct cdb_merge_run *run, enum chrondb_merge_status status, const struct cdb_oid *commit,
                   chrondb_time time)
{
    struct chrondb_merge *merge = run->merge;
    merge->report.status = status;
    merge->report.time = time;
    if (commit != NULL)
        cdb_oid_format(commit, merge->hex);
}

/* What there is to tell where nothing is written. */
static int finish_dry(struct cdb_merge_run *run)
{
    chrondb_time time = run->base.time;
    int result = 0;
    if (run->outcome == CDB_MERGE_COMMIT)
        result = cdb_stamp_time(&run->stamp, &run->base.time, &time);
    if (run->outcome == CDB_MERGE_FORWARD)
        time = run->source_time;
    finish(run,
           run->outcome == CDB_MERGE_LEAVE     ? CHRONDB_MERGE_UNCHANGED
           : run->outcome == CDB_MERGE_FORWARD ? CHRONDB_FAST_FORWARD
                                               : CHRONDB_MERGED,
           NULL, time);
    return result;
}

static int execute(struct cdb_merge_run *run)
{
    struct cdb_oid head = run->source;
    chrondb_time time = run->source_time;
    int result = 0;
    if (run->outcome == CDB_MERGE_COMMIT) {
        result = cdb_merge_write(run, &head, &time);
    } else {
        result = cdb_txn_rely(&run->txn, &run->source);
        if (result == 0)
            result = cdb_txn_commit(&run->txn, &run->source, time);
    }
    if (result == 0)
        finish(run, run->outcome == CDB_MERGE_COMMIT ? CHRONDB_MERGED : CHRONDB_FAST_FORWARD, &head, time);
    return result;
}

/* With the lock. 0; 1: the branch has moved, the plan is of no use any more (if `last`: another was made); an error. */
static int write_planned(struct cdb_merge_run *run, bool last)
{
    int result = cdb_txn_begin(&run->txn, run->merge->db->repo, run->ref, cdb_stamp_timeout(&run->stamp));
    if (result != 0)
        return result;
    if (!cdb_oid_equal(&run->txn.base, &run->base.head)) {
        forget_plan(run);
        result = last ? plan(run, &run->txn.base) : 1;
    }
    if (result == 0)
        result = run->outcome == CDB_MERGE_LEAVE ? finish_dry(run) : execute(run);
    cdb_txn_end(&run->txn);
    return result;
}

static int run_merge(struct cdb_merge_run *run)
{
    int result = 1;
    for (int tries = 1; result == 1 && tries <= PLANS; tries++) {
        result = plan_unlocked(run);
        if (result == 0)
            result = run->options->dry_run || run->outcome == CDB_MERGE_LEAVE ? finish_dry(run)
                                                                              : write_planned(run, tries == PLANS);
    }
    return result;
}

int chrondb_merge_run(chrondb_merge *merge, const char *source, const chrondb_merge_options *options)
{
    if (merge == NULL || source == NULL)
        return cdb_error_null();
    chrondb_merge_options asked;
    chrondb_write_options write;
    struct cdb_merge_run run = {.merge = merge, .when = source, .options = &asked};
    struct cdb_buf ref = CDB_BUF_INIT;
    int result = check_not_done(merge);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_merge_options");
    if (result == 0)
        result = cdb_options_read(&write, sizeof(write), asked.write, "chrondb_write_options");
    if (result != 0)
        return result;
    merge->done = true;
    run.source_name = run.options->source_name != NULL ? run.options->source_name : source;
    merge->merging = (struct cdb_merging){.db = merge->db,
                                          .memory = &merge->memory,
                                          .settle = cdb_merge_settle,
                                          .context = &run,
                                          .progress = asked.progress,
                                          .progress_context = asked.progress_context};
    run.stamp.repo = merge->db->repo;
    run.stamp.options = &write;
    result = cdb_decisions_sort(&merge->decisions);
    if (result == 0)
        result = cdb_stamp_prepare(&run.stamp);
    if (result == 0)
        result = cdb_branch_resolve(merge->db, write.branch, &ref);
    run.ref = cdb_buf_str(&ref);
    if (result == 0)
        result = run_merge(&run);
    release_plan(&run);
    cdb_stamp_release(&run.stamp);
    cdb_buf_release(&ref);
    merge->merging.context = NULL;
    if (result == 0)
        cdb_helper_wake(merge->db);
    return result;
}

/* ---- afterwards -------------------------------------------------------------------------------- */

const chrondb_merge_report *chrondb_merge_get_report(chrondb_merge *merge)
{
    if (merge == NULL)
        return NULL;
    merge->report.commit = merge->hex[0] != '\0' ? merge->hex : NULL;
    return &merge->report;
}

int chrondb_merge_conflict(const chrondb_merge *merge, size_t index, chrondb_conflict *out)
{
    if (merge == NULL || out == NULL)
        return cdb_error_null();
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
