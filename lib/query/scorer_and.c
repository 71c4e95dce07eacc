/* SPDX-License-Identifier: MIT
 *
 * Conjunctions: documents that all of some scorers find and none of others, with what optional ones add. The scorer
 * that finds least produces, the others are asked, those that find less first. */
#include <stdlib.h>
#include <string.h>

#include "query/scorer.h"
#include "util/error.h"

struct conjunction {
    struct cdb_scorer base;
    struct cdb_scorer_list required, excluded, optional;
    double *bounds; /* of required, then of optional, in the window that was bounded last */
    uint32_t from, to;
};

/* ---- bounds ------------------------------------------------------------------------------------- */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct conjunction *all = (const struct conjunction *)scorer;
    uint32_t found = target;
    size_t agreed = 0;

    /* Leap until all say the same, or for so long; it need not be a match. */
    for (size_t i = 0, steps = 0; agreed < all->required.count && steps < 2 * all->required.count; steps++) {
        struct cdb_scorer *member = all->required.items[i];
        int result = member->ops->next(member, target, &found);

        if (result != 0)
            return result;
        agreed = found == target ? agreed + 1 : 1;
        target = found;
        i = i + 1 < all->required.count ? i + 1 : 0;
        if (found == CDB_FT_END)
            break;
    }
    *doc = target;
    return 0;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    struct conjunction *all = (struct conjunction *)scorer;
    size_t required = all->required.count;

    (void)shrink;
    *out = 0;
    for (size_t i = 0; i < required + all->optional.count; i++) {
        struct cdb_scorer *member = i < required ? all->required.items[i] : all->optional.items[i - required];
        int result = member->ops->bound(member, from, to, false, &all->bounds[i]);

        if (result != 0)
            return result;
        *out += all->bounds[i];
    }
    all->from = from;
    all->to = *to;
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------- */

/* Candidates: places in `index` go along where it is not NULL. */
struct candidates {
    uint32_t *docs, *index;
    double *scores;
    size_t count;
};

/* Those whose hit is `keep`. */
static void filter(struct candidates *c, const unsigned char *hits, unsigned char keep, bool scores)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->count; i++) {
        c->docs[kept] = c->docs[i];
        if (scores)
            c->scores[kept] = c->scores[i];
        if (c->index != NULL)
            c->index[kept] = c->index[i];
        kept += hits[i] == keep;
    }
    c->count = kept;
}

/* Those that can reach the floor with `more`. */
static void keep_promising(struct candidates *c, double more, double floor)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->count; i++) {
        double score = c->scores[i];

        c->docs[kept] = c->docs[i];
        c->scores[kept] = score;
        if (c->index != NULL)
            c->index[kept] = c->index[i];
        kept += (score + more) * CDB_BOUND_SLACK >= floor;
    }
    c->count = kept;
}

static int ask(struct cdb_scorer *member, struct candidates *c, unsigned char *hits)
{
    memset(hits, 0, c->count);
    return member->ops->probe(member, c->docs, c->count, hits, c->scores);
}

/* Of candidates, found by the first `known` of the required ones: the matches. */
static int refine(const struct conjunction *all, size_t known, struct candidates *c, double floor,
                  struct cdb_frame *frame)
{
    bool scores = all->base.run->scores, prune = scores && floor > 0;
    double more = 0;
    size_t required = all->required.count;
    int result = 0;

    for (size_t i = known; i < required + all->optional.count; i++)
        more += all->bounds[i];
    for (size_t i = known; result == 0 && i < required && c->count > 0; i++) {
        if (prune)
            keep_promising(c, more, floor);
        more -= all->bounds[i];
        more = more > 0 ? more : 0;
        if (c->count > 0)
            result = ask(all->required.items[i], c, frame->hits);
        if (result == 0)
            filter(c, frame->hits, 1, scores);
    }
    if (prune)
        keep_promising(c, more, floor);
    for (size_t i = 0; result == 0 && i < all->excluded.count && c->count > 0; i++) {
        result = ask(all->excluded.items[i], c, frame->hits);
        if (result == 0)
            filter(c, frame->hits, 0, scores);
    }
    for (size_t i = 0; result == 0 && scores && i < all->optional.count && c->count > 0; i++)
        result = ask(all->optional.items[i], c, frame->hits);
    return result;
}

/* What the others can add to what the first one scores, if this window was bounded. */
static double lead_floor(const struct conjunction *all, double floor)
{
    double more = 0;

    for (size_t i = 1; i < all->required.count + all->optional.count; i++)
        more += all->bounds[i];
    floor = floor / CDB_BOUND_SLACK - more * CDB_BOUND_SLACK;
    return floor > 0 ? floor : CDB_NO_FLOOR;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct conjunction *all = (struct conjunction *)scorer;
    struct cdb_scorer *lead = all->required.items[0];
    struct cdb_frame *frame;
    struct candidates c;
    int result;

    if (!scorer->scoring || all->from != from || all->to != to)
        floor = CDB_NO_FLOOR;
    result = lead->ops->produce(lead, from, to, floor > 0 ? lead_floor(all, floor) : CDB_NO_FLOOR, batch);
    if (result != 0 || batch->count == 0)
        return result;
    frame = cdb_frame_take(scorer->run);
    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    c = (struct candidates){batch->docs, NULL, batch->scores, batch->count};
    result = refine(all, 1, &c, floor, frame);
    batch->count = c.count;
    cdb_frame_give(scorer->run, frame);
    return result;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    struct conjunction *all = (struct conjunction *)scorer;
    struct cdb_frame *frame = cdb_frame_take(scorer->run);
    struct candidates c;
    int result;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    c = (struct candidates){frame->docs, frame->index, frame->scores, count};
    for (size_t i = 0; i < count; i++) {
        c.docs[i] = docs[i];
        c.index[i] = (uint32_t)i;
        c.scores[i] = 0;
    }
    result = refine(all, 0, &c, CDB_NO_FLOOR, frame);
    for (size_t i = 0; result == 0 && i < c.count; i++) {
        hits[c.index[i]] = 1;
        if (scorer->scoring)
            scores[c.index[i]] += c.scores[i];
    }
    cdb_frame_give(scorer->run, frame);
    return result;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void finish_list(const struct cdb_scorer_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->items[i]->ops->finish(list->items[i]);
}

static void finish(struct cdb_scorer *scorer)
{
    const struct conjunction *all = (const struct conjunction *)scorer;

    finish_list(&all->required);
    finish_list(&all->optional);
    finish_list(&all->excluded);
    scorer->plan->how = "leapfrog";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

/* What is cheap to ask and finds little comes first; what has to read documents, last. */
static int compare_costs(const void *a, const void *b)
{
    const struct cdb_scorer *x = *(struct cdb_scorer *const *)a, *y = *(struct cdb_scorer *const *)b;

    if (x->slow != y->slow)
        return x->slow ? 1 : -1;
    return x->cost < y->cost ? -1 : x->cost > y->cost;
}

int cdb_scorer_conjunction(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan,
                           struct cdb_scorer_list required, struct cdb_scorer_list optional,
                           struct cdb_scorer_list excluded)
{
    struct conjunction *all = cdb_scorer_new(run, plan, &ops, sizeof(*all));
    size_t scoring = required.count + optional.count;

    if (all == NULL)
        return CHRONDB_ESYSTEM;
    qsort(required.items, required.count, sizeof(struct cdb_scorer *), compare_costs);
    if (excluded.count > 1)
        qsort(excluded.items, excluded.count, sizeof(struct cdb_scorer *), compare_costs);
    all->required = required;
    all->optional = optional;
    all->excluded = excluded;
    all->bounds = cdb_arena_alloc(&run->arena, scoring * sizeof(*all->bounds));
    if (all->bounds == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < scoring; i++) {
        const struct cdb_scorer *member = i < required.count ? required.items[i] : optional.items[i - required.count];

        all->bounds[i] = member->max;
        all->base.max += member->max;
        all->base.slow = all->base.slow || member->slow;
    }
    all->base.cost = required.items[0]->cost;
    *out = &all->base;
    return 0;
}
