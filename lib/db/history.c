/* SPDX-License-Identifier: MIT
 * What happened: to a key (history), on a branch (log), between two moments (diff). */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/version_info.h"
#include "doc/json.h"
#include "util/error.h"
#include "util/options.h"
#include "util/time.h"

/* The merge patch between two documents; absent where there is none, or a document is not JSON. */
static int make_patch(struct cdb_buf *out, const struct cdb_buf *before, const struct cdb_buf *after, bool *has)
{
    cdb_buf_clear(out);
    int result = cdb_json_diff(out, cdb_buf_str(before), before->len, cdb_buf_str(after), after->len);
    *has = result == 0;
    return result == CHRONDB_ESYSTEM ? result : 0;
}

/* Bounds given as WHEN. */
struct bounds {
    chrondb_time since, until;
    const chrondb_time *since_or_null, *until_or_null;
};

static int resolve_bounds(chrondb_snapshot *snapshot, const chrondb_history_options *options, struct bounds *out)
{
    int result = 0;
    memset(out, 0, sizeof(*out));
    if (options->since != NULL) {
        result = cdb_resolve_time(snapshot->db, snapshot->ref, options->since, &out->since);
        out->since_or_null = &out->since;
    }
    if (result == 0 && options->until != NULL) {
        result = cdb_resolve_time(snapshot->db, snapshot->ref, options->until, &out->until);
        out->until_or_null = &out->until;
    }
    return result;
}

/* ---- history ----------------------------------------------------------------------------------- */

struct chrondb_history {
    struct cdb_repo *repo;
    char *key;
    struct cdb_versions versions;
    size_t next;
    bool reverse, no_value, patch;
    struct cdb_version_info info;
    struct cdb_buf value, old_value, patch_text;
};

int chrondb_history_open(chrondb_history **out, chrondb_snapshot *snapshot, const char *key_text,
                         const chrondb_history_options *options)
{
    if (out == NULL || snapshot == NULL || key_text == NULL)
        return cdb_error_null();
    chrondb_history_options asked;
    struct cdb_key key;
    struct bounds bounds;
    bool ever = false;
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_history_options");
    if (result != 0)
        return result;
    struct chrondb_history *history = calloc(1, sizeof(*history));
    if (history == NULL || (history->key = strdup(key_text)) == NULL) {
        free(history);
        return cdb_error_memory();
    }
    history->repo = snapshot->db->repo;
    history->reverse = asked.reverse != 0;
    history->no_value = asked.no_value != 0;
    history->patch = asked.patch != 0;
    result = cdb_key_parse(&key, key_text, strlen(key_text));
    if (result == 0)
        result = resolve_bounds(snapshot, &asked, &bounds);
    if (result == 0)
        result = cdb_versions_all(&snapshot->point, &key, asked.limit, bounds.since_or_null, bounds.until_or_null,
                                  &history->versions, &ever);
    if (result == 0 && !ever) {
        cdb_error_set(CHRONDB_NOTFOUND, "not_found", "not found, now or ever");
        cdb_error_about("cannot tell the history of", key_text);
        result = CHRONDB_NOTFOUND;
    }
    if (result != 0) {
        chrondb_history_free(history);
        return result;
    }
    *out = history;
    return 0;
}

static int read_values(struct chrondb_history *history, const struct cdb_version *version, chrondb_version_info *out)
{
    bool has_new = !cdb_oid_is_zero(&version->blob), has_old = !cdb_oid_is_zero(&version->old_blob), has = false;
    int result = 0;
    if (has_new && (!history->no_value || history->patch)) {
        result = cdb_blob_document(history->repo, &version->blob, &history->value);
        if (result == 0 && !history->no_value) {
            out->value = cdb_buf_str(&history->value);
            out->value_size = history->value.len;
        }
    }
    if (result == 0 && history->patch && has_new && has_old) {
        result = cdb_blob_document(history->repo, &version->old_blob, &history->old_value);
        if (result == 0)
            result = make_patch(&history->patch_text, &history->old_value, &history->value, &has);
        if (result == 0 && has) {
            out->patch = cdb_buf_str(&history->patch_text);
            out->patch_size = history->patch_text.len;
        }
    }
    return result;
}

int chrondb_history_next(chrondb_history *history, chrondb_version_info *version)
{
    if (history == NULL || version == NULL)
        return cdb_error_null();
    int result = cdb_enter(history->repo);
    if (result != 0 || history->next >= history->versions.count)
        return result != 0 ? result : CHRONDB_END;
    size_t index = history->reverse ? history->versions.count - 1 - history->next : history->next;
    const struct cdb_version *found = &history->versions.versions[index];
    history->next++;
    result = cdb_version_info_read(&history->info, history->repo, &found->commit, found->time, version);
    if (result != 0)
        return result;
    version->key = history->key;
    version->op = cdb_op_of(&found->old_blob, &found->blob);
    result = read_values(history, found, version);
    if (result != 0)
        cdb_error_about("cannot read", history->key);
    return result;
}

void chrondb_history_free(chrondb_history *history)
{
    if (history == NULL)
        return;
    free(history->key);
    cdb_versions_release(&history->versions);
    cdb_version_info_release(&history->info);
    cdb_buf_release(&history->value);
    cdb_buf_release(&history->old_value);
    cdb_buf_release(&history->patch_text);
    free(history);
}

/* ---- log ---------------------------------------------------------------------------------------- */

struct chrondb_log {
    struct cdb_repo *repo;
    struct cdb_point *point;      /* the snapshot's */
    struct cdb_timeline timeline; /* where the catalog is of no use; newest first */
    bool loaded;
    uint64_t first, end; /* [first, end) are the positions still to come */
    bool reverse;
    struct cdb_version_info info;
    struct cdb_buf content, value;
    struct cdb_changes found;
    chrondb_change *changes;
};

/* The chain, without the catalog. */
static int load_timeline(struct chrondb_log *log)
{
    cdb_point_lose(log->point);
    int result = cdb_timeline_load(&log->timeline, log->repo->objects, &log->point->commit);
    log->loaded = result == 0;
    return result;
}

/* How many commits of the chain are not later than a time (`and_equal`), or earlier: 0, or CDB_WITHOUT. */
static int count_until(struct chrondb_log *log, chrondb_time time, bool and_equal, uint64_t *count)
{
    struct cdb_catalog_commit commit;
    struct cdb_view *view = cdb_point_view(log->point);
    int result = view != NULL ? cdb_view_at(view, time, count) : CDB_WITHOUT;
    if (result == 0)
        result = cdb_view_commit(view, *count, &commit);
    if (result == 0)
        *count += and_equal || cdb_time_compare(commit.time, time) < 0;
    else if (result == 1)
        *count = 0;
    return result == 1 ? 0 : result;
}

static uint64_t count_in_timeline(const struct cdb_timeline *timeline, chrondb_time time, bool and_equal)
{
    size_t index = cdb_timeline_at(timeline, time);
    if (index < timeline->count && !and_equal && cdb_time_compare(timeline->moments[index].time, time) == 0)
        index++;
    return timeline->count - index;
}

/* The positions within the bounds: 0, or CDB_WITHOUT. */
static int cut_by_catalog(struct chrondb_log *log, const struct bounds *bounds)
{
    if (cdb_oid_is_zero(&log->point->commit))
        return 0;
    if (cdb_point_view(log->point) == NULL)
        return CDB_WITHOUT;
    uint64_t until = log->end = log->point->end;
    int result = bounds->until_or_null != NULL ? count_until(log, bounds->until, true, &until) : 0;
    if (result == 0 && bounds->since_or_null != NULL)
        result = count_until(log, bounds->since, false, &log->first);
    log->end = until < log->end ? until : log->end;
    return result;
}

static int cut_by_timeline(struct chrondb_log *log, const struct bounds *bounds)
{
    int result = load_timeline(log);
    log->end = log->timeline.count;
    if (result == 0 && bounds->until_or_null != NULL)
        log->end = count_in_timeline(&log->timeline, bounds->until, true);
    log->first = 0;
    if (result == 0 && bounds->since_or_null != NULL)
        log->first = count_in_timeline(&log->timeline, bounds->since, false);
    return result;
}

/* The commit at a position. */
static int moment_at(struct chrondb_log *log, uint64_t position, struct cdb_moment *out)
{
    struct cdb_catalog_commit commit;
    struct cdb_view *view = log->loaded ? NULL : cdb_point_view(log->point);
    if (view != NULL && cdb_view_commit(view, position, &commit) == 0) {
        *out = (struct cdb_moment){commit.id, commit.time};
        return 0;
    }
    int result = log->loaded ? 0 : load_timeline(log);
    if (result == 0)
        *out = log->timeline.moments[log->timeline.count - 1 - (size_t)position];
    return result;
}

int chrondb_log_open(chrondb_log **out, chrondb_snapshot *snapshot, const chrondb_history_options *options)
{
    if (out == NULL || snapshot == NULL)
        return cdb_error_null();
    chrondb_history_options asked;
    struct bounds bounds;
    int result = cdb_enter(snapshot->db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_history_options");
    if (result != 0)
        return result;
    struct chrondb_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return cdb_error_memory();
    log->repo = snapshot->db->repo;
    log->point = &snapshot->point;
    log->reverse = asked.reverse != 0;
    result = resolve_bounds(snapshot, &asked, &bounds);
    if (result == 0 && cut_by_catalog(log, &bounds) != 0)
        result = cut_by_timeline(log, &bounds);
    if (result != 0) {
        chrondb_log_free(log);
        return result;
    }
    if (log->first > log->end)
        log->first = log->end;
    if (asked.limit > 0 && log->end - log->first > asked.limit)
        log->first = log->end - asked.limit;
    *out = log;
    return 0;
}

/* Root trees of a commit and of its first parent. */
static int trees_of(struct chrondb_log *log, const struct cdb_oid *oid, struct cdb_oid *before, struct cdb_oid *after)
{
    struct cdb_commit commit;
    int result = cdb_commit_read(log->repo->objects, oid, &log->content, &commit);
    memset(before, 0, sizeof(*before));
    if (result != 0)
        return result;
    *after = commit.tree;
    if (commit.parent_count == 0)
        return 0;
    struct cdb_oid parent = cdb_commit_parent(&commit, 0);
    result = cdb_commit_read(log->repo->objects, &parent, &log->content, &commit);
    if (result == 0)
        *before = commit.tree;
    return result;
}

static int find_changes(struct chrondb_log *log, const struct cdb_oid *oid)
{
    struct cdb_oid before, after;
    int result = trees_of(log, oid, &before, &after);
    cdb_changes_release(&log->found);
    if (result == 0)
        result = cdb_docs_diff(log->repo->objects, &before, &after, &log->found);
    if (result != 0)
        return result;
    chrondb_change *grown = realloc(log->changes, (log->found.count + 1) * sizeof(*grown));
    if (grown == NULL)
        return cdb_error_memory();
    log->changes = grown;
    for (size_t i = 0; i < log->found.count; i++) {
        const struct cdb_change *change = &log->found.changes[i];
        log->changes[i] = (chrondb_change){change->key, cdb_op_of(&change->old_blob, &change->new_blob)};
    }
    return 0;
}

int chrondb_log_next(chrondb_log *log, chrondb_version_info *version, const chrondb_change **changes,
                     size_t *change_count)
{
    if (log == NULL || version == NULL || changes == NULL || change_count == NULL)
        return cdb_error_null();
    struct cdb_moment moment;
    int result = cdb_enter(log->repo);
    if (result != 0 || log->first >= log->end)
        return result != 0 ? result : CHRONDB_END;
    result = moment_at(log, log->reverse ? log->first++ : --log->end, &moment);
    if (result == 0)
        result = find_changes(log, &moment.commit);
    if (result == 0)
        result = cdb_version_info_read(&log->info, log->repo, &moment.commit, moment.time, version);
    *changes = log->changes;
    *change_count = log->found.count;
    return result;
}

int chrondb_log_value(chrondb_log *log, size_t index, const char **value, size_t *size)
{
    if (log == NULL || value == NULL || size == NULL)
        return cdb_error_null();
    struct cdb_buf *text = &log->value;
    cdb_error_clear();
    *value = NULL;
    *size = 0;
    int result = cdb_enter(log->repo);
    if (result != 0)
        return result;
    if (index >= log->found.count)
        return cdb_error(CHRONDB_EUSAGE, "usage", "the commit has not so many changes");
    const struct cdb_change *change = &log->found.changes[index];
    result = cdb_oid_is_zero(&change->new_blob) ? cdb_error(CHRONDB_NOTFOUND, "not_found", "not found")
                                                : cdb_blob_document(log->repo, &change->new_blob, text);
    if (result != 0) {
        cdb_error_about("cannot read", change->key);
        return result;
    }
    *value = cdb_buf_str(text);
    *size = text->len;
    return 0;
}

void chrondb_log_free(chrondb_log *log)
{
    if (log == NULL)
        return;
    cdb_timeline_release(&log->timeline);
    cdb_changes_release(&log->found);
    cdb_version_info_release(&log->info);
    cdb_buf_release(&log->content);
    cdb_buf_release(&log->value);
    free(log->changes);
    free(log);
}

/* ---- diff --------------------------------------------------------------------------------------- */

struct chrondb_diff {
    struct cdb_repo *repo;
    struct cdb_changes changes;
    size_t next;
    struct cdb_buf old_value, new_value, patch;
};

static bool has_prefix(const struct cdb_change *change, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(prefixes[i]);
        if (change->key_len >= len && memcmp(change->key, prefixes[i], len) == 0)
            return true;
    }
    return count == 0;
}

int chrondb_diff_open(chrondb_diff **out, chrondb_snapshot *from, chrondb_snapshot *to, const char *const *prefixes,
                      size_t count)
{
    if (out == NULL || from == NULL || to == NULL || (prefixes == NULL && count > 0))
        return cdb_error_null();
    int result = cdb_enter(to->db->repo);
    if (result == 0 && from->db != to->db)
        result = cdb_error(CHRONDB_EUSAGE, "usage", "the snapshots are of two databases");
    if (result != 0)
        return result;
    struct chrondb_diff *diff = calloc(1, sizeof(*diff));
    if (diff == NULL)
        return cdb_error_memory();
    diff->repo = to->db->repo;
    result = cdb_docs_diff(diff->repo->objects, &from->root, &to->root, &diff->changes);
    if (result != 0) {
        chrondb_diff_free(diff);
        return result;
    }
    size_t kept = 0;
    for (size_t i = 0; i < diff->changes.count; i++)
        if (has_prefix(&diff->changes.changes[i], prefixes, count))
            diff->changes.changes[kept++] = diff->changes.changes[i];
    diff->changes.count = kept;
    *out = diff;
    return 0;
}

int chrondb_diff_next(chrondb_diff *diff, chrondb_difference *difference)
{
    if (diff == NULL || difference == NULL)
        return cdb_error_null();
    int result = cdb_enter(diff->repo);
    if (result != 0 || diff->next >= diff->changes.count)
        return result != 0 ? result : CHRONDB_END;
    const struct cdb_change *change = &diff->changes.changes[diff->next++];
    bool has_old = !cdb_oid_is_zero(&change->old_blob), has_new = !cdb_oid_is_zero(&change->new_blob), has = false;
    *difference = (chrondb_difference){.key = change->key, .op = cdb_op_of(&change->old_blob, &change->new_blob)};
    if (has_old)
        result = cdb_blob_document(diff->repo, &change->old_blob, &diff->old_value);
    if (result == 0 && has_new)
        result = cdb_blob_document(diff->repo, &change->new_blob, &diff->new_value);
    if (result == 0 && has_old && has_new)
        result = make_patch(&diff->patch, &diff->old_value, &diff->new_value, &has);
    if (result != 0) {
        cdb_error_about("cannot compare", change->key);
        return result;
    }
    if (has_old) {
        difference->old_value = cdb_buf_str(&diff->old_value);
        difference->old_size = diff->old_value.len;
    }
    if (has_new) {
        difference->new_value = cdb_buf_str(&diff->new_value);
        difference->new_size = diff->new_value.len;
    }
    if (has) {
        difference->patch = cdb_buf_str(&diff->patch);
        difference->patch_size = diff->patch.len;
    }
    return 0;
}

void chrondb_diff_free(chrondb_diff *diff)
{
    if (diff == NULL)
        return;
    cdb_changes_release(&diff->changes);
    cdb_buf_release(&diff->old_value);
    cdb_buf_release(&diff->new_value);
    cdb_buf_release(&diff->patch);
    free(diff);
}
