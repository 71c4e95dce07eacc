/* SPDX-License-Identifier: MIT
 * Commits: are they there, do they parse, and how do their times go on? */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/verify.h"
#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

#define FUTURE_SECONDS 60
#define STEP_EVERY     1024

/* Commits that are reached by other parents, still to be looked at. */
struct pending {
    struct cdb_oid *list;
    size_t count, room;
};

struct walk {
    struct cdb_verify *it;
    uint32_t ref;
    struct pending pending;
    struct cdb_buf content;
};

static struct cdb_finding about(const struct walk *walk, const struct cdb_oid *commit)
{
    return (struct cdb_finding){.ref = walk->it->refs[walk->ref].name, .commit = commit};
}

/* ---- one commit -------------------------------------------------------------------------------- */

/* Objects that nothing else of this verification reads. */
static int must_exist(struct walk *walk, const struct cdb_oid *oid, int type, const struct cdb_oid *commit)
{
    struct cdb_verify *it = walk->it;
    const struct cdb_finding where = about(walk, commit);
    if ((cdb_oid_map_get(&it->seen, oid) & (CDB_SEEN_GOOD | CDB_SEEN_THERE)) != 0)
        return 0;
    int result = cdb_objects_exists(it->objects, oid);
    if (result == 0)
        return cdb_oid_map_set(&it->seen, oid, cdb_oid_map_get(&it->seen, oid) | CDB_SEEN_THERE);
    result = cdb_verify_unreadable(it, oid, type, result, CDB_ANY, &where);
    return result == 1 ? 0 : result;
}

/* All parents in full; else the first one is walked to, and the others must be there. */
static int note_parents(struct walk *walk, const struct cdb_oid *oid, const struct cdb_commit *commit)
{
    struct pending *pending = &walk->pending;
    int result = 0;
    for (size_t i = 1; i < commit->parent_count && result == 0; i++) {
        struct cdb_oid parent = cdb_commit_parent(commit, i);
        if (!walk->it->full) {
            result = must_exist(walk, &parent, CDB_COMMIT, oid);
            continue;
        }
        if (cdb_oid_map_get(&walk->it->by_id, &parent) != 0)
            continue;
        result = cdb_array_grow(&pending->list, &pending->room, pending->count, sizeof(*pending->list));
        if (result == 0)
            pending->list[pending->count++] = parent;
    }
    return result;
}

/* Read and add it; `time` is its own for now. *parent: the first one, zeros: none. 1: it cannot be read. `child` says
 * so, NULL: a ref. */
static int add_commit(struct walk *walk, const struct cdb_oid *oid, const struct cdb_oid *child, struct cdb_oid *parent)
{
    struct cdb_verify *it = walk->it;
    const struct cdb_finding where = about(walk, child);
    struct cdb_commit parsed;
    memset(parent, 0, sizeof(*parent));
    int result = cdb_verify_read(it, oid, CDB_COMMIT, &where, &walk->content);
    if (result == 0 && cdb_commit_parse(&parsed, cdb_buf_str(&walk->content), walk->content.len) != 0)
        result = cdb_verify_unreadable(it, oid, CDB_COMMIT, CHRONDB_EDAMAGED, CDB_COMMIT, &where);
    if (result == 0)
        result = cdb_array_grow(&it->commits, &it->commit_room, it->commit_count, sizeof(*it->commits));
    if (result != 0)
        return result;
    if (it->commit_count >= UINT32_MAX - 1)
        return cdb_error(CHRONDB_ESYSTEM, "unsupported", "there are too many commits");
    it->commits[it->commit_count++] = (struct cdb_verify_commit){.oid = *oid,
                                                                 .tree = parsed.tree,
                                                                 .ref = walk->ref,
                                                                 .ours = parsed.ours,
                                                                 .merge = parsed.parent_count > 1,
                                                                 .time = parsed.time};
    if (parsed.parent_count > 0)
        *parent = cdb_commit_parent(&parsed, 0);
    result = cdb_oid_map_set(&it->by_id, oid, (uint32_t)it->commit_count);
    if (result == 0 && !it->full)
        result = must_exist(walk, &parsed.tree, CDB_TREE, oid);
    return result == 0 ? note_parents(walk, oid, &parsed) : result;
}

/* ---- a chain ------------------------------------------------------------------------------------- */

/* A commit of ours is later than its parent; another tool's, to the second, not before it. */
static int check_time(struct walk *walk, const struct cdb_verify_commit *commit, chrondb_time own,
                      const chrondb_time *parent)
{
    struct cdb_finding finding = about(walk, &commit->oid);
    bool early = commit->ours ? cdb_time_compare(own, *parent) <= 0 : own.seconds < parent->seconds;
    finding.kind = CDB_KIND_TIME;
    finding.note = true;
    finding.message = commit->ours ? "its time is not after that of its parent: it counts as one nanosecond later"
                                   : "its time is before that of its parent: it counts as one nanosecond later";
    return early ? cdb_verify_tell(walk->it, &finding) : 0;
}

/* Positions and times of the commits from index `first` on, whose last one has the parent `base` (index + 1), from
 * there to the newest. */
static int settle(struct walk *walk, size_t first, uint32_t base, bool broken)
{
    struct cdb_verify *it = walk->it;
    int result = 0;
    for (size_t i = it->commit_count; i-- > first && result == 0;) {
        struct cdb_verify_commit *commit = &it->commits[i];
        const struct cdb_verify_commit *parent = base > 0 ? &it->commits[base - 1] : NULL;
        chrondb_time own = commit->time;
        commit->parent = base;
        commit->position = parent != NULL ? parent->position + 1 : 0;
        commit->broken = parent != NULL ? parent->broken : broken;
        commit->time = cdb_time_effective(own, parent != NULL ? &parent->time : NULL);
        if (parent != NULL)
            result = check_time(walk, commit, own, &parent->time);
        base = (uint32_t)i + 1;
    }
    return result;
}

/* From a commit along the first parents to one that is known. */
static int add_chain(struct walk *walk, const struct cdb_oid *head)
{
    struct cdb_verify *it = walk->it;
    struct cdb_oid at = *head, parent, child;
    size_t first = it->commit_count;
    uint32_t base = 0;
    int result = 0;
    while (result == 0 && !cdb_oid_is_zero(&at) && (base = cdb_oid_map_get(&it->by_id, &at)) == 0) {
        bool begun = it->commit_count > first;
        if (begun)
            child = it->commits[it->commit_count - 1].oid;
        result = add_commit(walk, &at, begun ? &child : NULL, &parent);
        if (result == 0)
            at = parent;
        if (result == 0 && it->commit_count % STEP_EVERY == 0)
            result = cdb_verify_step(it, "commits", it->commit_count, 0);
    }
    if (result != 0 && result != 1)
        return result;
    return settle(walk, first, base, result == 1);
}

static int check_future(struct walk *walk, const struct cdb_verify_commit *commit)
{
    struct cdb_finding finding = about(walk, &commit->oid);
    chrondb_time limit = cdb_time_add_seconds(cdb_time_now(), FUTURE_SECONDS);
    finding.kind = CDB_KIND_TIME;
    finding.note = true;
    finding.message = "its time is in the future";
    return cdb_time_compare(commit->time, limit) > 0 ? cdb_verify_tell(walk->it, &finding) : 0;
}

static int add_ref(struct walk *walk, struct cdb_verify_ref *ref)
{
    if (cdb_oid_is_zero(&ref->commit))
        return 0;
    int result = add_chain(walk, &ref->commit);
    ref->head = cdb_oid_map_get(&walk->it->by_id, &ref->commit);
    if (result == 0 && ref->head != 0 && ref->kind == CDB_REF_BRANCH)
        result = check_future(walk, &walk->it->commits[ref->head - 1]);
    while (result == 0 && walk->pending.count > 0) {
        struct cdb_oid next = walk->pending.list[--walk->pending.count];
        result = add_chain(walk, &next);
    }
    return result;
}

int cdb_verify_commits(struct cdb_verify *it)
{
    struct walk walk = {.it = it};
    int result = 0;
    for (size_t i = 0; i < it->ref_count && result == 0; i++) {
        walk.ref = (uint32_t)i;
        result = add_ref(&walk, &it->refs[i]);
    }
    it->report.commits = it->commit_count;
    free(walk.pending.list);
    cdb_buf_release(&walk.content);
    return result;
}
