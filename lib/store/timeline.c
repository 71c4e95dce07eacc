/* SPDX-License-Identifier: MIT */
#include "store/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

int cdb_commit_read(struct cdb_objects *objects, const struct cdb_oid *oid, struct cdb_buf *content,
                    struct cdb_commit *out)
{
    int result = cdb_objects_read(objects, oid, CDB_COMMIT, CDB_COMMIT_MAX, content);
    if (result == 0)
        result = cdb_commit_parse(out, cdb_buf_str(content), content->len);
    if (result == CHRONDB_EDAMAGED) {
        char hex[CDB_OID_HEX + 1];
        cdb_oid_format(oid, hex);
        cdb_error_context("cannot read commit %s", hex);
    }
    return result;
}

/* ---- known times ------------------------------------------------------------------------------- */

struct cdb_times_slot {
    struct cdb_oid oid;
    bool used;
    chrondb_time time;
};

void cdb_times_init(struct cdb_times *times, struct cdb_objects *objects)
{
    memset(times, 0, sizeof(*times));
    times->objects = objects;
}

void cdb_times_release(struct cdb_times *times)
{
    free(times->slots);
    times->slots = NULL;
    times->count = times->room = 0;
}

/* The slot of a commit, or the free one where it belongs. */
static struct cdb_times_slot *find(const struct cdb_times *times, const struct cdb_oid *oid)
{
    size_t hash;
    memcpy(&hash, oid->id, sizeof(hash));
    size_t i = hash & (times->room - 1);
    while (times->slots[i].used && !cdb_oid_equal(&times->slots[i].oid, oid))
        i = (i + 1) & (times->room - 1);
    return &times->slots[i];
}

int cdb_times_add(struct cdb_times *times, const struct cdb_oid *oid, chrondb_time time)
{
    if ((times->count + 1) * 4 > times->room * 3) {
        struct cdb_times old = *times;
        times->room = old.room == 0 ? 64 : old.room * 2;
        times->slots = calloc(times->room, sizeof(*times->slots));
        if (times->slots == NULL) {
            *times = old;
            return cdb_error_memory();
        }
        for (size_t i = 0; i < old.room; i++)
            if (old.slots[i].used)
                *find(times, &old.slots[i].oid) = old.slots[i];
        free(old.slots);
    }
    struct cdb_times_slot *slot = find(times, oid);
    times->count += !slot->used;
    *slot = (struct cdb_times_slot){*oid, true, time};
    return 0;
}

static const chrondb_time *known(const struct cdb_times *times, const struct cdb_oid *oid)
{
    if (times->room == 0)
        return NULL;
    const struct cdb_times_slot *slot = find(times, oid);
    return slot->used ? &slot->time : NULL;
}

/* Known, or to be found elsewhere: *out is NULL if it is neither. */
static int look_up(struct cdb_times *times, const struct cdb_oid *oid, const chrondb_time **out)
{
    chrondb_time time;
    *out = known(times, oid);
    if (*out != NULL || times->find == NULL || times->find(times->find_context, oid, &time) != 0)
        return 0;
    int result = cdb_times_add(times, oid, time);
    *out = known(times, oid);
    return result;
}

/* A chain of commits with their own times, newest first. */
static int walk_back(struct cdb_times *times, const struct cdb_oid *head, struct cdb_timeline *chain,
                     const chrondb_time **anchor)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid at = *head;
    size_t room = 0;
    int result = 0;
    *anchor = NULL;
    while ((result = look_up(times, &at, anchor)) == 0 && *anchor == NULL) {
        struct cdb_commit commit;
        if ((result = cdb_array_grow(&chain->moments, &room, chain->count, sizeof(*chain->moments))) != 0)
            break;
        if ((result = cdb_commit_read(times->objects, &at, &content, &commit)) != 0)
            break;
        chain->moments[chain->count++] = (struct cdb_moment){at, commit.time};
        if (commit.parent_count == 0)
            break;
        at = cdb_commit_parent(&commit, 0);
    }
    cdb_buf_release(&content);
    return result;
}

int cdb_times_get(struct cdb_times *times, const struct cdb_oid *oid, chrondb_time *out)
{
    struct cdb_timeline chain = {NULL, 0};
    const chrondb_time *anchor;
    chrondb_time time = {0, 0};
    int result = walk_back(times, oid, &chain, &anchor);
    bool has_parent = anchor != NULL;
    if (has_parent)
        time = *anchor;
    for (size_t i = chain.count; result == 0 && i-- > 0;) {
        time = cdb_time_effective(chain.moments[i].time, has_parent ? &time : NULL);
        has_parent = true;
        result = cdb_times_add(times, &chain.moments[i].commit, time);
    }
    *out = time;
    free(chain.moments);
    return result;
}

/* ---- a chain ------------------------------------------------------------------------------------ */

int cdb_timeline_load(struct cdb_timeline *out, struct cdb_objects *objects, const struct cdb_oid *head)
{
    struct cdb_times none;
    const chrondb_time *anchor, *parent = NULL;
    out->moments = NULL;
    out->count = 0;
    if (cdb_oid_is_zero(head))
        return 0;
    cdb_times_init(&none, objects);
    int result = walk_back(&none, head, out, &anchor);
    for (size_t i = out->count; i-- > 0;) {
        out->moments[i].time = cdb_time_effective(out->moments[i].time, parent);
        parent = &out->moments[i].time;
    }
    return result;
}

void cdb_timeline_release(struct cdb_timeline *timeline)
{
    free(timeline->moments);
    timeline->moments = NULL;
    timeline->count = 0;
}

size_t cdb_timeline_at(const struct cdb_timeline *timeline, chrondb_time time)
{
    size_t low = 0, high = timeline->count; /* times strictly fall from 0 on */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cdb_time_compare(timeline->moments[middle].time, time) <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- ancestry ---------------------------------------------------------------------------------- */

/* Collect a commit and its ancestors, up to `wanted` if that is one (or NULL): then *found. `seen` is used as a set. */
static int collect_ancestors(struct cdb_times *seen, const struct cdb_oid *head, const struct cdb_oid *wanted,
                             bool *found)
{
    static const chrondb_time no_time;
    struct cdb_oid *queue = NULL;
    size_t count = 0, room = 0, next = 0;
    struct cdb_buf content = CDB_BUF_INIT;
    int result = cdb_array_grow(&queue, &room, count, sizeof(*queue));
    if (result == 0) {
        queue[count++] = *head;
        result = cdb_times_add(seen, head, no_time);
    }
    while (result == 0 && next < count && !*found) {
        struct cdb_commit commit;
        struct cdb_oid at = queue[next++];
        if (wanted != NULL && (*found = cdb_oid_equal(&at, wanted)))
            break;
        result = cdb_commit_read(seen->objects, &at, &content, &commit);
        for (size_t i = 0; result == 0 && i < commit.parent_count; i++) {
            struct cdb_oid parent = cdb_commit_parent(&commit, i);
            if (known(seen, &parent) != NULL)
                continue;
            if ((result = cdb_array_grow(&queue, &room, count, sizeof(*queue))) != 0)
                break;
            queue[count++] = parent;
            result = cdb_times_add(seen, &parent, no_time);
        }
    }
    cdb_buf_release(&content);
    free(queue);
    return result;
}

int cdb_timeline_contains(struct cdb_objects *objects, const struct cdb_oid *head, const struct cdb_oid *wanted,
                          bool *out)
{
    struct cdb_times seen;
    cdb_times_init(&seen, objects);
    *out = false;
    int result = collect_ancestors(&seen, head, wanted, out);
    cdb_times_release(&seen);
    return result;
}

int cdb_timeline_common(struct cdb_objects *objects, const struct cdb_oid *ours, const struct cdb_oid *theirs,
                        struct cdb_oid *out)
{
    struct cdb_times seen;
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid at = *ours;
    bool ignored = false;
    cdb_times_init(&seen, objects);
    memset(out, 0, sizeof(*out));
    int result = collect_ancestors(&seen, theirs, NULL, &ignored);
    while (result == 0 && known(&seen, &at) == NULL) {
        struct cdb_commit commit;
        result = cdb_commit_read(objects, &at, &content, &commit);
        if (result != 0 || commit.parent_count == 0)
            goto out;
        at = cdb_commit_parent(&commit, 0);
    }
    if (result == 0)
        *out = at;
out:
    cdb_buf_release(&content);
    cdb_times_release(&seen);
    return result;
}
