/* SPDX-License-Identifier: MIT */
#include "query/scorer.h"

#include <string.h>

#include "util/error.h"

struct cdb_frame *cdb_frame_take_plain(struct cdb_run *run)
{
    struct cdb_frame *frame = run->frames;

    if (frame != NULL) {
        run->frames = frame->next;
        return frame;
    }
    frame = cdb_arena_alloc(&run->arena, sizeof(*frame));
    if (frame != NULL)
        frame->zeroed = false;
    return frame;
}

struct cdb_frame *cdb_frame_take(struct cdb_run *run)
{
    struct cdb_frame *frame = cdb_frame_take_plain(run);

    if (frame != NULL && !frame->zeroed) {
        memset(frame->marks, 0, sizeof(frame->marks));
        memset(frame->freqs, 0, sizeof(frame->freqs));
        frame->zeroed = true;
    }
    return frame;
}

void cdb_frame_give(struct cdb_run *run, struct cdb_frame *frame)
{
    frame->next = run->frames;
    run->frames = frame;
}

int cdb_run_is_alive(const struct cdb_run *run, uint32_t doc)
{
    uint32_t from, until;
    int result;

    if (run->ends != NULL && cdb_ends_has(run->ends, doc)) {
        if (run->view->present)
            return 0;
        result = cdb_ends_until(run->ends, doc, &until);
        if (result != 0)
            return result;
        if (until < run->view->end)
            return 0;
    }
    if (run->view->present || cdb_ft_info(run->segment)->max_from < run->view->end)
        return 1;
    result = cdb_ft_from(run->segment, doc, &from);
    return result != 0 ? result : from < run->view->end;
}

/* In the present, without a call for each. */
static size_t keep_present(const struct cdb_ends *ends, uint32_t *docs, double *scores, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t doc = docs[i];

        docs[kept] = doc;
        if (scores != NULL)
            scores[kept] = scores[i];
        kept += !cdb_ends_has(ends, doc);
    }
    return kept;
}

int cdb_run_keep_alive(const struct cdb_run *run, uint32_t *docs, double *scores, size_t *count)
{
    size_t kept = 0;

    if (run->ends == NULL && (run->view->present || cdb_ft_info(run->segment)->max_from < run->view->end))
        return 0;
    if (run->view->present) {
        *count = keep_present(run->ends, docs, scores, *count);
        return 0;
    }
    for (size_t i = 0; i < *count; i++) {
        int alive = cdb_run_is_alive(run, docs[i]);

        if (alive < 0)
            return alive;
        if (alive == 0)
            continue;
        docs[kept] = docs[i];
        if (scores != NULL)
            scores[kept] = scores[i];
        kept++;
    }
    *count = kept;
    return 0;
}

void *cdb_scorer_new(struct cdb_run *run, struct cdb_plan *plan, const struct cdb_scorer_ops *ops, size_t size)
{
    struct cdb_scorer *scorer = cdb_arena_alloc(&run->arena, size);

    if (scorer == NULL)
        return NULL;
    memset(scorer, 0, size);
    scorer->ops = ops;
    scorer->run = run;
    scorer->plan = plan;
    scorer->scoring = run->scores && plan->scoring;
    return scorer;
}

/* ---- from the plan ------------------------------------------------------------------------------ */

/* The scorers of a list that find something, with room for one more. */
static int make_list(struct cdb_scorer_list *out, struct cdb_run *run, const struct cdb_plan_list *plans)
{
    int result = 0;

    out->count = 0;
    out->items = cdb_arena_alloc(&run->arena, (plans->count + 1) * sizeof(struct cdb_scorer *));
    if (out->items == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; result == 0 && i < plans->count; i++) {
        result = cdb_scorer_make(&out->items[out->count], run, plans->items[i]);
        if (result == 0 && out->items[out->count] != NULL)
            out->count++;
    }
    return result;
}

static int make_boolean(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    struct cdb_scorer_list required, optional = {NULL, 0}, excluded;
    int result = make_list(&required, run, &plan->required);

    /* What can match nothing is not looked at any further. */
    if (result != 0 || required.count < plan->required.count)
        return result;
    result = make_list(&optional, run, &plan->optional);
    if (result == 0 && optional.count < plan->minimum)
        return 0;
    if (result == 0)
        result = make_list(&excluded, run, &plan->excluded);
    if (result == 0 && plan->minimum > 0) {
        result = cdb_scorer_union(&required.items[required.count++], run, plan, optional.items, optional.count,
                                  plan->minimum);
        optional.count = 0;
    } else if (result == 0 && required.count == 0) {
        result = cdb_scorer_all(&required.items[required.count++], run, plan);
        if (result == 0) {
            required.items[0]->scoring = false;
            required.items[0]->max = 0;
        }
    }
    if (result != 0)
        return result;
    if (required.count == 1 && optional.count == 0 && excluded.count == 0) {
        *out = required.items[0];
        return 0;
    }
    return cdb_scorer_conjunction(out, run, plan, required, optional, excluded);
}

int cdb_scorer_make(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    *out = NULL;
    switch (plan->kind) {
    case CDB_PLAN_NONE:
        return 0;
    case CDB_PLAN_ALL:
        return cdb_scorer_all(out, run, plan);
    case CDB_PLAN_TERM:
        return cdb_scorer_term(out, run, plan);
    case CDB_PLAN_PHRASE:
        return cdb_scorer_phrase(out, run, plan);
    case CDB_PLAN_VALUES:
        return cdb_scorer_values(out, run, plan);
    case CDB_PLAN_FORMS:
        return cdb_scorer_forms(out, run, plan);
    case CDB_PLAN_KEYS:
        return cdb_scorer_keys(out, run, plan);
    case CDB_PLAN_BOOLEAN:
        return make_boolean(out, run, plan);
    }
    return 0;
}
