/* SPDX-License-Identifier: MIT */
#include "store/bases.h"

#include <stdlib.h>
#include <string.h>

#include "store/timeline.h"
#include "util/array.h"
#include "util/error.h"

enum {
    OURS = 1,   /* an ancestor of one of ours, or one of them */
    THEIRS = 2, /* likewise */
    STALE = 4,  /* an ancestor of a common one */
    RESULT = 8  /* listed */
};

#define NEWS_SLACK (24 * 3600)       /* seconds: clocks of machines differ */
#define NEWS_STEPS ((size_t)1 << 20) /* commits that are looked at to find that they are no news */

struct commit {
    struct cdb_oid oid;
    int64_t date;
    unsigned flags;
    uint32_t queued;          /* how often it is in the queue */
    uint32_t parent, parents; /* in walk.parents; valid once `read` */
    bool read;
};

struct walk {
    struct cdb_objects *objects;
    struct commit *commits;
    size_t count, room;
    uint32_t *slots; /* of a hash table: an index + 1 */
    size_t slot_count;
    struct cdb_oid *parents; /* of all commits that were read */
    size_t parent_count, parent_room;
    uint32_t *heap; /* the newest first */
    size_t heap_count, heap_room;
    size_t fresh;                /* entries of the queue whose commits are not stale */
    size_t our_news, their_news; /* commits that one side has, as far as is known, and that are no merges */
    int64_t oldest_news;         /* the date of the oldest one that ever was among them */
    struct cdb_buf content;
};

static void walk_release(struct walk *walk)
{
    free(walk->commits);
    free(walk->slots);
    free(walk->parents);
    free(walk->heap);
    cdb_buf_release(&walk->content);
}

/* ---- the commits that were met ------------------------------------------------------------------- */

static size_t slot_of(const struct walk *walk, const struct cdb_oid *oid)
{
    size_t hash;
    memcpy(&hash, oid->id, sizeof(hash));
    size_t i = hash & (walk->slot_count - 1);
    while (walk->slots[i] != 0 && !cdb_oid_equal(&walk->commits[walk->slots[i] - 1].oid, oid))
        i = (i + 1) & (walk->slot_count - 1);
    return i;
}

static int grow_slots(struct walk *walk)
{
    size_t wanted = walk->slot_count == 0 ? 64 : walk->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof(*slots));
    if (slots == NULL)
        return cdb_error_memory();
    free(walk->slots);
    walk->slots = slots;
    walk->slot_count = wanted;
    for (size_t i = 0; i < walk->count; i++)
        walk->slots[slot_of(walk, &walk->commits[i].oid)] = (uint32_t)i + 1;
    return 0;
}

static int read_parents(struct walk *walk, struct commit *commit)
{
    struct cdb_commit parsed;
    int result = cdb_commit_read(walk->objects, &commit->oid, &walk->content, &parsed);
    if (result != 0)
        return result;
    commit->date = parsed.time.seconds;
    commit->parent = (uint32_t)walk->parent_count;
    for (size_t i = 0; result == 0 && i < parsed.parent_count; i++) {
        result = cdb_array_grow(&walk->parents, &walk->parent_room, walk->parent_count, sizeof(*walk->parents));
        if (result == 0)
            walk->parents[walk->parent_count++] = cdb_commit_parent(&parsed, i);
    }
    commit->parents = (uint32_t)walk->parent_count - commit->parent;
    commit->read = true;
    return result;
}

/* The index of a commit, which is read when it is new. */
static int meet(struct walk *walk, const struct cdb_oid *oid, uint32_t *out)
{
    int result = (walk->count + 1) * 2 > walk->slot_count ? grow_slots(walk) : 0;
    if (result != 0)
        return result;
    size_t slot = slot_of(walk, oid);
    if (walk->count > 0 && walk->slots[slot] != 0) {
        *out = walk->slots[slot] - 1;
        return 0;
    }
    result = cdb_array_grow(&walk->commits, &walk->room, walk->count, sizeof(*walk->commits));
    if (result != 0)
        return result;
    struct commit *commit = &walk->commits[walk->count];
    *commit = (struct commit){.oid = *oid};
    result = read_parents(walk, commit);
    if (result != 0)
        return result;
    walk->slots[slot] = (uint32_t)++walk->count;
    *out = (uint32_t)walk->count - 1;
    return 0;
}

/* ---- the queue --------------------------------------------------------------------------------- */

static int order(const struct commit *a, const struct commit *b)
{
    if (a->date != b->date)
        return a->date > b->date ? -1 : 1;
    return memcmp(a->oid.id, b->oid.id, sizeof(a->oid.id));
}

static bool before(const struct walk *walk, uint32_t a, uint32_t b)
{
    return order(&walk->commits[a], &walk->commits[b]) < 0;
}

static int push(struct walk *walk, uint32_t index)
{
    int result = cdb_array_grow(&walk->heap, &walk->heap_room, walk->heap_count, sizeof(*walk->heap));
    if (result != 0)
        return result;
    size_t at = walk->heap_count++;
    for (; at > 0 && before(walk, index, walk->heap[(at - 1) / 2]); at = (at - 1) / 2)
        walk->heap[at] = walk->heap[(at - 1) / 2];
    walk->heap[at] = index;
    walk->commits[index].queued++;
    walk->fresh += (walk->commits[index].flags & STALE) == 0;
    return 0;
}

static uint32_t pop(struct walk *walk)
{
    uint32_t first = walk->heap[0], last = walk->heap[--walk->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < walk->heap_count; at = child) {
        if (child + 1 < walk->heap_count && before(walk, walk->heap[child + 1], walk->heap[child]))
            child++;
        if (!before(walk, walk->heap[child], last))
            break;
        walk->heap[at] = walk->heap[child];
    }
    walk->heap[at] = last;
    walk->commits[first].queued--;
    walk->fresh -= (walk->commits[first].flags & STALE) == 0;
    return first;
}

/* A commit that got more flags. */
static void count_news(struct walk *walk, const struct commit *commit, unsigned before)
{
    unsigned sides = OURS | THEIRS;
    if (commit->parents > 1 || (commit->flags & sides) == (before & sides))
        return;
    walk->our_news -= (before & sides) == OURS;
    walk->their_news -= (before & sides) == THEIRS;
    walk->our_news += (commit->flags & sides) == OURS;
    walk->their_news += (commit->flags & sides) == THEIRS;
    if ((commit->flags & sides) != sides && commit->date < walk->oldest_news)
        walk->oldest_news = commit->date;
}

static int paint(struct walk *walk, const struct cdb_oid *oid, unsigned flags)
{
    uint32_t index;
    int result = meet(walk, oid, &index);
    if (result != 0)
        return result;
    struct commit *commit = &walk->commits[index];
    if ((commit->flags & flags) == flags)
        return 0;
    if ((flags & STALE) != 0 && (commit->flags & STALE) == 0)
        walk->fresh -= commit->queued;
    unsigned before = commit->flags;
    commit->flags |= flags;
    count_news(walk, commit, before);
    return push(walk, index);
}

/* The newest commit of the queue tells its parents what it knows of itself. */
static int step(struct walk *walk)
{
    struct commit *commit = &walk->commits[pop(walk)];
    unsigned flags = commit->flags & (OURS | THEIRS | STALE);
    int result = 0;
    if (flags == (OURS | THEIRS)) {
        commit->flags |= RESULT;
        flags |= STALE;
    }
    uint32_t parent = commit->parent, end = parent + commit->parents;
    for (; result == 0 && parent < end; parent++) {
        struct cdb_oid oid = walk->parents[parent]; /* the array may move */
        result = paint(walk, &oid, flags);
    }
    return result;
}

/* Down to where nothing is left that only one side has. What is in RESULT and not STALE is a common ancestor, the best
 * ones among others that dates in disorder may bring. */
static int paint_down(struct walk *walk, const struct cdb_oid *ours, size_t our_count, const struct cdb_oid *theirs,
                      size_t their_count)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < our_count; i++)
        result = paint(walk, &ours[i], OURS);
    for (size_t i = 0; result == 0 && i < their_count; i++)
        result = paint(walk, &theirs[i], THEIRS);
    while (result == 0 && walk->fresh > 0)
        result = step(walk);
    return result;
}

/* ---- bases ------------------------------------------------------------------------------------- */

struct base {
    struct commit commit;
    bool redundant;
};

static int compare_bases(const void *left, const void *right)
{
    const struct base *a = left, *b = right;
    return order(&a->commit, &b->commit);
}

/* Those that are ancestors of others. */
static int mark_redundant(struct cdb_objects *objects, struct base *bases, size_t count)
{
    struct cdb_oid *others = calloc(count, sizeof(*others));
    int result = others != NULL ? 0 : cdb_error_memory();
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct walk walk = {.objects = objects};
        size_t n = 0;
        uint32_t index;
        for (size_t k = 0; k < count; k++)
            if (k != i && !bases[k].redundant)
                others[n++] = bases[k].commit.oid;
        result = n > 0 && !bases[i].redundant ? paint_down(&walk, &bases[i].commit.oid, 1, others, n) : 0;
        for (size_t k = 0; result == 0 && walk.count > 0 && k < count; k++) {
            result = meet(&walk, &bases[k].commit.oid, &index);
            unsigned other_side = k == i ? THEIRS : OURS;
            if (result == 0 && (walk.commits[index].flags & other_side) != 0)
                bases[k].redundant = true;
        }
        walk_release(&walk);
    }
    free(others);
    return result;
}

static int collect(const struct walk *walk, struct base **out, size_t *count)
{
    size_t room = 0;
    for (size_t i = 0; i < walk->count; i++) {
        if ((walk->commits[i].flags & (RESULT | STALE)) != RESULT)
            continue;
        if (cdb_array_grow(out, &room, *count, sizeof(**out)) != 0)
            return CHRONDB_ESYSTEM;
        (*out)[(*count)++] = (struct base){walk->commits[i], false};
    }
    if (*count > 1)
        qsort(*out, *count, sizeof(**out), compare_bases);
    return 0;
}

int cdb_bases_find(struct cdb_bases *out, struct cdb_objects *objects, const struct cdb_oid *ours, size_t our_count,
                   const struct cdb_oid *theirs)
{
    struct walk walk = {.objects = objects};
    struct base *bases = NULL;
    size_t count = 0;
    *out = (struct cdb_bases){NULL, 0};
    int result = paint_down(&walk, ours, our_count, theirs, 1);
    if (result == 0)
        result = collect(&walk, &bases, &count);
    walk_release(&walk);
    if (result == 0 && count > 1)
        result = mark_redundant(objects, bases, count);
    if (result == 0 && (out->list = calloc(count + 1, sizeof(*out->list))) == NULL)
        result = cdb_error_memory();
    for (size_t i = 0; result == 0 && i < count; i++)
        if (!bases[i].redundant)
            out->list[out->count++] = bases[i].commit.oid;
    free(bases);
    return result;
}

void cdb_bases_release(struct cdb_bases *bases)
{
    free(bases->list);
    *bases = (struct cdb_bases){NULL, 0};
}

/* What passes for news may be a common commit all the same, where its date is later than that of what stands on it: so
 * common ones are followed further, as far back as there may be news. */
int cdb_bases_news(struct cdb_objects *objects, const struct cdb_oid *ours, const struct cdb_oid *theirs,
                   bool *our_news, bool *their_news)
{
    struct walk walk = {.objects = objects, .oldest_news = INT64_MAX};
    int result = paint_down(&walk, ours, 1, theirs, 1);
    for (size_t i = 0; result == 0 && walk.heap_count > 0 && walk.our_news + walk.their_news > 0 && i < NEWS_STEPS;
         i++) {
        if (walk.commits[walk.heap[0]].date < walk.oldest_news - NEWS_SLACK)
            break;
        result = step(&walk);
    }
    *our_news = walk.our_news > 0;
    *their_news = walk.their_news > 0;
    walk_release(&walk);
    return result;
}

int cdb_bases_on_chain(struct cdb_objects *objects, const struct cdb_oid *head, const struct cdb_oid *old, bool *out)
{
    struct walk walk = {.objects = objects};
    struct cdb_oid at = *head;
    int result = paint_down(&walk, old, 1, head, 1);
    *out = false;
    while (result == 0) {
        uint32_t index;
        *out = cdb_oid_equal(&at, old);
        result = meet(&walk, &at, &index);
        /* An older ancestor of `old`: the chain passes it by. */
        if (result != 0 || *out || (walk.commits[index].flags & OURS) != 0 || walk.commits[index].parents == 0)
            break;
        at = walk.parents[walk.commits[index].parent];
    }
    walk_release(&walk);
    return result;
}

static int newest_first(const void *left, const void *right)
{
    return order(left, right);
}

int cdb_bases_missing(struct cdb_oid **out, size_t *count, struct cdb_objects *objects, const struct cdb_oid *ours,
                      size_t our_count, const struct cdb_oid *theirs, size_t their_count)
{
    struct walk walk = {.objects = objects};
    size_t kept = 0;
    *out = NULL;
    *count = 0;
    int result = paint_down(&walk, ours, our_count, theirs, their_count);
    for (size_t i = 0; result == 0 && i < walk.count; i++)
        if ((walk.commits[i].flags & (OURS | THEIRS)) == THEIRS)
            walk.commits[kept++] = walk.commits[i];
    if (result == 0 && (*out = calloc(kept + 1, sizeof(**out))) == NULL)
        result = cdb_error_memory();
    if (result == 0 && kept > 1)
        qsort(walk.commits, kept, sizeof(*walk.commits), newest_first);
    for (size_t i = 0; result == 0 && i < kept; i++)
        (*out)[i] = walk.commits[i].oid;
    *count = result == 0 ? kept : 0;
    walk_release(&walk);
    return result;
}
