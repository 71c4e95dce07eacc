/* SPDX-License-Identifier: MIT
 *
 * The versions of a key: a commit is one if the key differs from all its parents. All of them are found if all parents
 * of every merge are followed. Those that led to the present value are what `git log -- PATH` lists: at a merge, a
 * parent that has the same value is followed alone.
 *
 * The catalog knows what changed against first parents, and where merges are: wherever a chain is followed that it has,
 * it tells the versions down to the next merge (that changed the key, if not all are wanted). What it cannot tell is
 * walked, reading every commit on the way, but of the trees only those that changed. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

/* A commit still to be looked at, with what is known of the key there. */
struct visit {
    struct cdb_oid commit;
    chrondb_time time;
    struct cdb_lookup *lookup;  /* NULL: not looked for yet */
    bool is_version;            /* the catalog said so: */
    struct cdb_version version; /* nothing more is to be done */
};

struct finder {
    struct cdb_repo *repo;
    struct cdb_point *point;
    const struct cdb_key *key;
    uint64_t limit;
    const chrondb_time *since, *until;
    struct cdb_versions *out;
    bool line; /* only down to a merge */
    bool all;  /* whatever any parent of a merge had */
    bool ever, done;
    struct cdb_times times, queued; /* the latter as a set */
    struct visit *queue;            /* a heap, the latest first */
    size_t count, room;
    struct cdb_buf content;
};

void cdb_versions_release(struct cdb_versions *versions)
{
    free(versions->versions);
    memset(versions, 0, sizeof(*versions));
}

static int add_version(struct cdb_versions *versions, const struct cdb_version *version)
{
    if (cdb_array_grow(&versions->versions, &versions->room, versions->count, sizeof(*versions->versions)) != 0)
        return CHRONDB_ESYSTEM;
    versions->versions[versions->count++] = *version;
    return 0;
}

/* Of those of one time it must not depend on how they were found. */
static bool is_before(const struct visit *a, const struct visit *b)
{
    int order = cdb_time_compare(a->time, b->time);
    return order > 0 || (order == 0 && memcmp(&a->commit, &b->commit, sizeof(a->commit)) < 0);
}

/* Takes the lookup. */
static int insert(struct finder *finder, struct visit *visit)
{
    if (cdb_array_grow(&finder->queue, &finder->room, finder->count, sizeof(*finder->queue)) != 0) {
        free(visit->lookup);
        return CHRONDB_ESYSTEM;
    }
    size_t at = finder->count++;
    for (; at > 0 && is_before(visit, &finder->queue[(at - 1) / 2]); at = (at - 1) / 2)
        finder->queue[at] = finder->queue[(at - 1) / 2];
    finder->queue[at] = *visit;
    return 0;
}

static struct visit take_first(struct finder *finder)
{
    struct visit first = finder->queue[0], last = finder->queue[--finder->count];
    size_t at = 0;
    for (size_t child = 1; child < finder->count; child = 2 * at + 1) {
        if (child + 1 < finder->count && is_before(&finder->queue[child + 1], &finder->queue[child]))
            child++;
        if (!is_before(&finder->queue[child], &last))
            break;
        finder->queue[at] = finder->queue[child];
        at = child;
    }
    if (finder->count > 0)
        finder->queue[at] = last;
    return first;
}

/* 0; 1: another child was here; or an error. */
static int set_queued(struct finder *finder, const struct cdb_oid *commit)
{
    static const chrondb_time no_time;
    size_t before = finder->queued.count;
    int result = cdb_times_add(&finder->queued, commit, no_time);
    return result == 0 && finder->queued.count == before ? 1 : result;
}

/* Takes the lookup. */
static int enqueue(struct finder *finder, const struct cdb_oid *commit, struct cdb_lookup *lookup)
{
    struct visit visit = {.commit = *commit, .lookup = lookup};
    int result = set_queued(finder, commit);
    if (result == 0)
        result = cdb_times_get(&finder->times, commit, &visit.time);
    if (result == 0)
        return insert(finder, &visit);
    free(lookup);
    return result == 1 ? 0 : result;
}

/* The key in a commit. */
static int look(struct finder *finder, const struct cdb_oid *commit_id, const struct cdb_lookup *before,
                struct cdb_lookup **out)
{
    struct cdb_commit commit;
    struct cdb_lookup *lookup = malloc(sizeof(*lookup));
    if (lookup == NULL)
        return cdb_error_memory();
    int result = cdb_commit_read(finder->repo->objects, commit_id, &finder->content, &commit);
    if (result == 0)
        result = cdb_docs_find(finder->repo->objects, &commit.tree, finder->key, before, lookup);
    if (result != 0) {
        free(lookup);
        return result;
    }
    *out = lookup;
    return 0;
}

static bool same_value(const struct cdb_lookup *a, const struct cdb_lookup *b)
{
    return a->found == b->found && (!a->found || cdb_oid_equal(&a->blob, &b->blob));
}

/* Look at the parents; queue those to follow. `version` is filled if the commit is one. */
static int examine(struct finder *finder, const struct visit *visit, struct cdb_version *version, bool *is_version)
{
    struct cdb_commit commit;
    struct cdb_oid *parents = NULL;
    struct cdb_lookup **lookups = NULL;
    size_t count = 0, same = SIZE_MAX;
    int result = cdb_commit_read(finder->repo->objects, &visit->commit, &finder->content, &commit);
    if (result != 0)
        return result;
    *version = (struct cdb_version){.commit = visit->commit, .time = visit->time};
    if (visit->lookup->found)
        version->blob = visit->lookup->blob;
    *is_version = commit.parent_count == 0 && visit->lookup->found;
    if (commit.parent_count == 0)
        return 0;
    count = commit.parent_count;
    parents = malloc(count * sizeof(*parents));
    lookups = calloc(count, sizeof(struct cdb_lookup *));
    if (parents == NULL || lookups == NULL) {
        result = cdb_error_memory();
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        parents[i] = cdb_commit_parent(&commit, i);
    for (size_t i = 0; result == 0 && (same == SIZE_MAX || finder->all) && i < count; i++) {
        result = look(finder, &parents[i], visit->lookup, &lookups[i]);
        if (result == 0 && same_value(lookups[i], visit->lookup))
            same = i;
        if (result == 0 && lookups[i]->found && cdb_oid_is_zero(&version->old_blob))
            version->old_blob = lookups[i]->blob;
    }
    *is_version = same == SIZE_MAX;
    version->merge = *is_version && count > 1;
    for (size_t i = 0; result == 0 && i < count && !(finder->line && version->merge); i++) {
        if (lookups[i] == NULL || (same != SIZE_MAX && i != same && !finder->all))
            continue;
        struct cdb_lookup *lookup = lookups[i];
        lookups[i] = NULL;
        result = enqueue(finder, &parents[i], lookup);
    }
out:
    for (size_t i = 0; lookups != NULL && i < count; i++)
        free(lookups[i]);
    free(lookups);
    free(parents);
    return result;
}

/* One that was found, in the order of time. */
static int take(struct finder *finder, const struct cdb_version *version)
{
    finder->ever = true;
    if (finder->since != NULL && cdb_time_compare(version->time, *finder->since) < 0) {
        finder->done = true; /* whatever comes is older still */
        return 0;
    }
    if (finder->until != NULL && cdb_time_compare(version->time, *finder->until) > 0)
        return 0;
    int result = add_version(finder->out, version);
    finder->done = finder->limit > 0 && finder->out->count >= finder->limit;
    return result;
}

static int walk(struct finder *finder, struct visit *visit)
{
    struct cdb_version version;
    bool is_version = false;
    int result = visit->lookup == NULL ? look(finder, &visit->commit, NULL, &visit->lookup) : 0;
    if (result == 0)
        result = examine(finder, visit, &version, &is_version);
    return result == 0 && is_version ? take(finder, &version) : result;
}

/* What the catalog found below a commit: taken, or queued where it is a merge. *here: the commit itself is that merge,
 * and must be walked. */
static int take_found(struct finder *finder, const struct visit *visit, const struct cdb_view_version *list,
                      size_t count, bool *here)
{
    int result = 0;
    for (size_t i = 0; result == 0 && !finder->done && i < count; i++) {
        const struct cdb_catalog_commit *commit = &list[i].commit;
        bool itself = cdb_oid_equal(&commit->id, &visit->commit);
        if (commit->merge && itself) {
            *here = true;
            return 0;
        }
        if (commit->merge) {
            result = cdb_times_add(&finder->times, &commit->id, commit->time);
            return result == 0 ? enqueue(finder, &commit->id, NULL) : result;
        }
        if (!itself && (result = set_queued(finder, &commit->id)) != 0) /* another way led here before */
            return result == 1 ? 0 : result;
        struct cdb_version version = {commit->id, list[i].blob, list[i].old_blob, commit->time, false};
        result = take(finder, &version);
    }
    return result;
}

/* Follow the only way there is through the catalog: 0 or an error; 1: that cannot be. */
static int follow(struct finder *finder, const struct visit *visit)
{
    struct cdb_view_version *list = NULL;
    struct cdb_view *view = cdb_point_view(finder->point);
    size_t count = 0;
    uint64_t position, limit = 0;
    bool here = false;
    if (view == NULL || finder->count > 0)
        return 1;
    int status = cdb_view_find(view, &visit->commit, &position);
    if (finder->limit > 0 && finder->until == NULL)
        limit = finder->limit - finder->out->count;
    if (status == 0)
        status = cdb_view_versions(view, 0, position + 1, finder->key->key, finder->key->key_len, limit, finder->since,
                                   &list, &count);
    if (status == CDB_WITHOUT)
        cdb_point_lose(finder->point);
    if (status != 0)
        return 1;
    int result = take_found(finder, visit, list, count, &here);
    free(list);
    return result == 0 && here ? 1 : result;
}

/* What the catalog found between two merges, to be taken when nothing later can come. */
static int queue_found(struct finder *finder, const struct visit *visit, const struct cdb_view_version *list,
                       size_t count)
{
    int result = 0;
    for (size_t i = 0; result >= 0 && i < count; i++) {
        const struct cdb_catalog_commit *commit = &list[i].commit;
        struct visit found = {.commit = commit->id,
                              .time = commit->time,
                              .is_version = true,
                              .version = {commit->id, list[i].blob, list[i].old_blob, commit->time, false}};
        bool itself = cdb_oid_equal(&commit->id, &visit->commit);
        result = itself ? 0 : set_queued(finder, &commit->id);
        if (result == 0)
            result = insert(finder, &found);
    }
    return result < 0 ? result : 0;
}

/* The same for all versions: down to the next merge, whose parents are all looked at. */
static int follow_to_merge(struct finder *finder, const struct visit *visit)
{
    struct cdb_view_version *list = NULL;
    struct cdb_view *view = cdb_point_view(finder->point);
    struct cdb_catalog_commit merge;
    size_t count = 0;
    uint64_t position, before = 0, limit = 0;
    bool has_merge = false;
    if (view == NULL)
        return 1;
    int status = cdb_view_find(view, &visit->commit, &position);
    if (status == 0) {
        status = cdb_view_merge_before(view, position + 1, &before);
        has_merge = status == 0;
        status = status == 1 ? 0 : status;
    }
    if (has_merge && before == position)
        return 1;
    if (has_merge)
        status = cdb_view_commit(view, before, &merge);
    if (finder->limit > 0 && finder->until == NULL)
        limit = finder->limit - finder->out->count;
    if (status == 0)
        status = cdb_view_versions(view, has_merge ? before + 1 : 0, position + 1, finder->key->key,
                                   finder->key->key_len, limit, finder->since, &list, &count);
    if (status == CDB_WITHOUT)
        cdb_point_lose(finder->point);
    if (status != 0)
        return 1;
    int result = queue_found(finder, visit, list, count);
    free(list);
    if (result == 0 && has_merge)
        result = cdb_times_add(&finder->times, &merge.id, merge.time);
    return result == 0 && has_merge ? enqueue(finder, &merge.id, NULL) : result;
}

static int visit_next(struct finder *finder)
{
    struct visit visit = take_first(finder);
    if (visit.is_version)
        return take(finder, &visit.version);
    int result = finder->all ? follow_to_merge(finder, &visit) : follow(finder, &visit);
    if (result == 1)
        result = walk(finder, &visit);
    free(visit.lookup);
    return result;
}

static int find(struct finder *finder, const struct cdb_oid *from)
{
    int result = cdb_oid_is_zero(from) ? 0 : enqueue(finder, from, NULL);
    while (result == 0 && finder->count > 0 && !finder->done)
        result = visit_next(finder);
    while (finder->count > 0)
        free(finder->queue[--finder->count].lookup);
    free(finder->queue);
    return result;
}

static int run(struct finder *finder, const struct cdb_oid *from)
{
    struct cdb_repo *repo = finder->point->db->repo;
    finder->repo = repo;
    cdb_times_init(&finder->times, repo->objects);
    cdb_times_init(&finder->queued, repo->objects);
    cdb_point_times(finder->point, &finder->times);
    int result = find(finder, from);
    cdb_times_release(&finder->times);
    cdb_times_release(&finder->queued);
    cdb_buf_release(&finder->content);
    return result;
}

int cdb_versions_find(struct cdb_point *point, const struct cdb_key *key, uint64_t limit, const chrondb_time *since,
                      const chrondb_time *until, struct cdb_versions *out, bool *ever)
{
    struct finder finder = {.point = point, .key = key, .limit = limit, .since = since, .until = until, .out = out};
    int result = run(&finder, &point->commit);
    *ever = finder.ever;
    return result;
}

int cdb_versions_all(struct cdb_point *point, const struct cdb_key *key, uint64_t limit, const chrondb_time *since,
                     const chrondb_time *until, struct cdb_versions *out, bool *ever)
{
    struct finder finder = {
        .point = point, .key = key, .limit = limit, .since = since, .until = until, .all = true, .out = out};
    int result = run(&finder, &point->commit);
    *ever = finder.ever;
    return result;
}

int cdb_versions_line(struct cdb_point *point, const struct cdb_oid *from, const struct cdb_key *key, uint64_t limit,
                      struct cdb_versions *out)
{
    struct finder finder = {.point = point, .key = key, .limit = limit, .line = true, .out = out};
    return run(&finder, from);
}
