/* SPDX-License-Identifier: MIT
 *
 * The versions of a key, as `git log -- PATH` with its default simplification lists them: a commit is one if the key
 * differs from all its parents; at a merge, a parent that has the same value is followed alone. Without the catalog
 * this reads every commit on the way, but of the trees only those that changed. */
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
    struct cdb_lookup *lookup;
};

struct finder {
    struct cdb_repo *repo;
    const struct cdb_key *key;
    struct cdb_times times, queued; /* the latter as a set */
    struct visit *queue;            /* latest last */
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

/* Takes the lookup. */
static int enqueue(struct finder *finder, const struct cdb_oid *commit, struct cdb_lookup *lookup)
{
    static const chrondb_time no_time;
    size_t before = finder->queued.count;
    struct visit visit = {.commit = *commit, .lookup = lookup};
    int result = cdb_times_add(&finder->queued, commit, no_time);
    if (result == 0 && finder->queued.count == before) { /* another child was here */
        free(lookup);
        return 0;
    }
    if (result == 0)
        result = cdb_times_get(&finder->times, commit, &visit.time);
    if (result == 0)
        result = cdb_array_grow(&finder->queue, &finder->room, finder->count, sizeof(*finder->queue));
    if (result != 0) {
        free(lookup);
        return result;
    }
    size_t at = finder->count++;
    for (; at > 0 && cdb_time_compare(finder->queue[at - 1].time, visit.time) > 0; at--)
        finder->queue[at] = finder->queue[at - 1];
    finder->queue[at] = visit;
    return 0;
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
    for (size_t i = 0; result == 0 && same == SIZE_MAX && i < count; i++) {
        result = look(finder, &parents[i], visit->lookup, &lookups[i]);
        if (result == 0 && same_value(lookups[i], visit->lookup))
            same = i;
        if (result == 0 && lookups[i]->found && cdb_oid_is_zero(&version->old_blob))
            version->old_blob = lookups[i]->blob;
    }
    *is_version = same == SIZE_MAX;
    for (size_t i = 0; result == 0 && i < count; i++) {
        if (lookups[i] == NULL || (same != SIZE_MAX && i != same))
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

int cdb_versions_find(struct cdb_repo *repo, const struct cdb_oid *head, const struct cdb_key *key, uint64_t limit,
                      const chrondb_time *since, const chrondb_time *until, struct cdb_versions *out, bool *ever)
{
    struct finder finder = {.repo = repo, .key = key};
    struct cdb_lookup *lookup = NULL;
    int result = 0;
    *ever = false;
    cdb_times_init(&finder.times, repo->objects);
    cdb_times_init(&finder.queued, repo->objects);
    if (!cdb_oid_is_zero(head)) {
        result = look(&finder, head, NULL, &lookup);
        if (result == 0)
            result = enqueue(&finder, head, lookup);
    }
    while (result == 0 && finder.count > 0 && (limit == 0 || out->count < limit)) {
        struct visit visit = finder.queue[--finder.count];
        struct cdb_version version;
        bool is_version = false;
        result = examine(&finder, &visit, &version, &is_version);
        free(visit.lookup);
        if (result != 0 || !is_version)
            continue;
        *ever = true;
        if (since != NULL && cdb_time_compare(version.time, *since) < 0)
            break; /* whatever comes is older still */
        if (until == NULL || cdb_time_compare(version.time, *until) <= 0)
            result = add_version(out, &version);
    }
    while (finder.count > 0)
        free(finder.queue[--finder.count].lookup);
    free(finder.queue);
    cdb_times_release(&finder.times);
    cdb_times_release(&finder.queued);
    cdb_buf_release(&finder.content);
    return result;
}
