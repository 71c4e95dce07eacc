/* SPDX-License-Identifier: MIT
 *
 * Unions: documents that at least so many of several scorers find.
 *
 * A window is an array of sums that each scorer adds to. Where only the best are wanted, this is MAXSCORE (Turtle and
 * Flood, "Query evaluation: strategies and optimizations", 1995) by windows: the scorers that even together cannot
 * reach the floor in the window do not produce, they are only asked for the documents that the others found, and only
 * as long as these can still reach it. */
#include <string.h>

#include "query/postings.h"
#include "query/scorer.h"
#include "util/error.h"

struct member {
    struct cdb_scorer *scorer;
    double bound; /* in the window that was bounded last */
};

struct disjunction {
    struct cdb_scorer base;
    struct member *members; /* in the order of their bounds, where these count */
    size_t count;
    uint32_t minimum;
    uint32_t from, to; /* the window that was bounded last */
};

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct disjunction *all = (const struct disjunction *)scorer;

    *doc = CDB_FT_END;
    for (size_t i = 0; i < all->count && target < *doc; i++) {
        struct cdb_scorer *member = all->members[i].scorer;
        uint32_t found;
        int result = member->ops->next(member, target, &found);

        if (result != 0)
            return result;
        *doc = found < *doc ? found : *doc;
    }
    return 0;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    struct disjunction *all = (struct disjunction *)scorer;

    (void)shrink;
    *out = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct member *member = &all->members[i];
        int result = member->scorer->ops->bound(member->scorer, from, to, false, &member->bound);

        if (result != 0)
            return result;
        *out += member->bound;
    }
    all->from = from;
    all->to = *to;
    return 0;
}

/* ---- sums --------------------------------------------------------------------------------------- */

/* Add one scorer's hits to the sums in frame->scores; with `count` frame->freqs counts them. */
static int add(struct cdb_scorer *scorer, uint32_t from, uint32_t to, bool count, struct cdb_frame *frame)
{
    struct cdb_frame *own;
    struct cdb_batch batch;
    int result;

    if (!count && scorer->ops->accumulate != NULL)
        return scorer->ops->accumulate(scorer, from, to, frame->scores, frame->marks);
    own = cdb_frame_take(scorer->run);
    if (own == NULL)
        return CHRONDB_ESYSTEM;
    batch = (struct cdb_batch){own->docs, own->scores, 0};
    result = scorer->ops->produce(scorer, from, to, CDB_NO_FLOOR, &batch);
    if (result != 0)
        batch.count = 0;
    for (size_t i = 0; i < batch.count; i++)
        frame->marks[batch.docs[i] - from] = 1;
    for (size_t i = 0; count && i < batch.count; i++)
        frame->freqs[batch.docs[i] - from]++;
    for (size_t i = 0; scorer->scoring && i < batch.count; i++)
        frame->scores[batch.docs[i] - from] += batch.scores[i];
    cdb_frame_give(scorer->run, own);
    return result;
}

/* The sums as a batch; documents that too few found, or that score less than `floor`, are left out. */
static void collect(const struct disjunction *all, struct cdb_frame *frame, uint32_t from, double floor,
                    struct cdb_batch *batch)
{
    size_t n = cdb_marks_drain(frame->marks, from, batch->docs), kept = 0;

    if (all->minimum > 1) {
        for (size_t i = 0; i < n; i++) {
            uint32_t doc = batch->docs[i];
            bool enough = frame->freqs[doc - from] >= all->minimum;

            frame->freqs[doc - from] = 0;
            batch->docs[kept] = doc;
            kept += enough;
        }
        n = kept;
        kept = 0;
    }
    batch->count = n;
    if (!all->base.run->scores)
        return;
    for (size_t i = 0; i < n; i++) {
        uint32_t doc = batch->docs[i];
        double score = frame->scores[doc - from];

        batch->docs[kept] = doc;
        batch->scores[kept] = score;
        kept += score >= floor;
    }
    batch->count = kept;
}

static int produce_sums(struct disjunction *all, size_t first, uint32_t from, uint32_t to, double floor,
                        struct cdb_batch *batch)
{
    struct cdb_frame *frame = cdb_frame_take(all->base.run);
    int result = 0;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    if (all->base.run->scores)
        memset(frame->scores, 0, (to - from) * sizeof(*frame->scores));
    for (size_t i = first; result == 0 && i < all->count; i++)
        result = add(all->members[i].scorer, from, to, all->minimum > 1, frame);
    collect(all, frame, from, floor, batch);
    cdb_frame_give(all->base.run, frame);
    return result;
}

/* ---- MAXSCORE ----------------------------------------------------------------------------------- */

/* By rising bounds; few, and nearly in order from the window before. */
static void sort_members(struct disjunction *all)
{
    for (size_t i = 1; i < all->count; i++) {
        struct member member = all->members[i];
        size_t at = i;

        for (; at > 0 && all->members[at - 1].bound > member.bound; at--)
            all->members[at] = all->members[at - 1];
        all->members[at] = member;
    }
}

/* How many of the first members stay below the floor together. */
static size_t count_weak(const struct disjunction *all, double floor, double *sum)
{
    size_t weak = 0;

    *sum = 0;
    while (weak < all->count && (*sum + all->members[weak].bound) * CDB_BOUND_SLACK < floor)
        *sum += all->members[weak++].bound;
    return weak;
}

/* Those that can still reach the floor with `more`. */
static void keep_promising(struct cdb_batch *batch, double more, double floor)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->count; i++) {
        double score = batch->scores[i];

        batch->docs[kept] = batch->docs[i];
        batch->scores[kept] = score;
        kept += (score + more) * CDB_BOUND_SLACK >= floor;
    }
    batch->count = kept;
}

static int ask_weak(struct disjunction *all, size_t weak, double sum, double floor, struct cdb_batch *batch)
{
    struct cdb_frame *frame = cdb_frame_take(all->base.run);
    int result = 0;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    while (result == 0 && weak-- > 0) {
        struct cdb_scorer *member = all->members[weak].scorer;

        keep_promising(batch, sum, floor);
        sum -= all->members[weak].bound;
        sum = sum > 0 ? sum : 0;
        if (batch->count > 0)
            result = member->ops->probe(member, batch->docs, batch->count, frame->hits, batch->scores);
    }
    cdb_frame_give(all->base.run, frame);
    return result;
}

/* From so many members on, the order of their bounds is not looked at: sorting them would cost more. */
#define MANY 64

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct disjunction *all = (struct disjunction *)scorer;
    size_t weak = 0;
    double sum = 0;
    int result;

    batch->count = 0;
    if (scorer->scoring && all->minimum == 1 && floor > 0 && all->from == from && all->to == to && all->count <= MANY) {
        sort_members(all);
        weak = count_weak(all, floor, &sum);
    }
    if (weak == all->count)
        return 0;
    result = produce_sums(all, weak, from, to, (floor - sum * CDB_BOUND_SLACK) / CDB_BOUND_SLACK, batch);
    if (result == 0 && weak > 0)
        result = ask_weak(all, weak, sum, floor, batch);
    return result;
}

/* ---- probing ------------------------------------------------------------------------------------ */

/* Where one is enough, all that members find counts. */
static int probe_any(const struct disjunction *all, const uint32_t *docs, size_t count, unsigned char *hits,
                     double *scores)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < all->count; i++) {
        struct cdb_scorer *member = all->members[i].scorer;

        result = member->ops->probe(member, docs, count, hits, scores);
    }
    return result;
}

/* Else members add to other sums first: they count only where enough members match. */
static int probe_several(const struct disjunction *all, const uint32_t *docs, size_t count, unsigned char *hits,
                         double *scores, struct cdb_frame *frame)
{
    int result = 0;

    memset(frame->scores, 0, count * sizeof(*frame->scores));
    for (size_t i = 0; result == 0 && i < all->count; i++) {
        struct cdb_scorer *member = all->members[i].scorer;

        memset(frame->hits, 0, count);
        result = member->ops->probe(member, docs, count, frame->hits, frame->scores);
        for (size_t d = 0; d < count; d++)
            frame->freqs[d] += frame->hits[d];
    }
    for (size_t i = 0; i < count; i++) {
        bool hit = frame->freqs[i] >= all->minimum;

        hits[i] |= hit;
        if (hit && all->base.scoring)
            scores[i] += frame->scores[i];
    }
    memset(frame->freqs, 0, count * sizeof(*frame->freqs));
    return result;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    const struct disjunction *all = (const struct disjunction *)scorer;
    struct cdb_frame *frame;
    int result;

    if (all->minimum == 1)
        return probe_any(all, docs, count, hits, scores);
    frame = cdb_frame_take(scorer->run);
    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    result = probe_several(all, docs, count, hits, scores, frame);
    cdb_frame_give(scorer->run, frame);
    return result;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void finish(struct cdb_scorer *scorer)
{
    const struct disjunction *all = (const struct disjunction *)scorer;

    for (size_t i = 0; i < all->count; i++)
        all->members[i].scorer->ops->finish(all->members[i].scorer);
    scorer->plan->how = scorer->scoring && all->minimum == 1 && all->count <= MANY ? "maxscore" : "exhaustive";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

int cdb_scorer_union(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan, struct cdb_scorer **list,
                     size_t count, uint32_t minimum)
{
    struct disjunction *all;

    *out = list[0];
    if (count == 1)
        return 0;
    all = cdb_scorer_new(run, plan, &ops, sizeof(*all));
    if (all == NULL)
        return CHRONDB_ESYSTEM;
    all->members = cdb_arena_alloc(&run->arena, count * sizeof(*all->members));
    if (all->members == NULL)
        return CHRONDB_ESYSTEM;
    all->count = count;
    all->minimum = minimum;
    for (size_t i = 0; i < count; i++) {
        all->members[i] = (struct member){list[i], list[i]->max};
        all->base.cost += list[i]->cost;
        all->base.max += list[i]->max;
        all->base.slow = all->base.slow || list[i]->slow;
    }
    all->base.cost = all->base.cost < run->docs ? all->base.cost : run->docs;
    *out = &all->base;
    return 0;
}
