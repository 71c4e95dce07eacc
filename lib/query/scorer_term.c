/* SPDX-License-Identifier: MIT
 *
 * A term in a field: one list of postings for each leaf field that it occurs in, whose frequencies add up. */
#include <string.h>

#include "index/bytes.h"
#include "query/postings.h"
#include "query/scorer.h"
#include "util/error.h"

struct term {
    struct cdb_scorer base;
    struct cdb_ft_norms norms;
    struct cdb_list *lists; /* the longest first */
    size_t count;
    bool short_others;  /* all but the first are much shorter than that */
    uint32_t from, to;  /* the window that was bounded last: */
    double main_bound;  /* what the first list alone can make a document score there, */
    uint32_t main_freq; /* and how often at most the term is in a document there by the first list */
};

/* ---- scores ------------------------------------------------------------------------------------- */

/* Add the scores of docs[0 .. count - 1], whose places in `scores` are index[...] (NULL: the same). */
static int add_scores(struct term *term, const uint32_t *docs, const uint32_t *freqs, size_t count,
                      const uint32_t *index, double *scores)
{
    const struct cdb_similarity *similarity = term->base.plan->similarity;
    unsigned char norms[CDB_WINDOW];
    int result = cdb_ft_norms_get(&term->norms, docs, count, norms);

    if (result != 0)
        return result;
    if (index == NULL)
        for (size_t i = 0; i < count; i++)
            scores[i] = cdb_similarity_score(similarity, freqs[i], norms[i]);
    else
        for (size_t i = 0; i < count; i++)
            scores[index[i]] += cdb_similarity_score(similarity, freqs[i], norms[i]);
    return 0;
}

/* ---- producing ---------------------------------------------------------------------------------- */

/* Add a few documents and their frequencies (NULL: of no interest); where a document is in both, these add up. */
static int merge(uint32_t *docs, uint32_t *freqs, size_t *count, uint32_t *more_docs, uint32_t *more_freqs, size_t more)
{
    size_t i = 0, left = 0;

    for (size_t j = 0; j < more; j++) {
        i = cdb_docs_seek(docs, i, *count, more_docs[j]);
        if (i < *count && docs[i] == more_docs[j]) {
            if (freqs != NULL)
                freqs[i] += more_freqs[j];
            continue;
        }
        more_docs[left] = more_docs[j];
        if (freqs != NULL)
            more_freqs[left] = more_freqs[j];
        left++;
    }
    if (left > CDB_WINDOW - *count)
        return cdb_index_damaged("lists of postings have more documents than they say");
    /* From the end, in stretches: few documents stand between many. */
    for (size_t rest = *count; left > 0; left--) {
        size_t at = cdb_docs_seek(docs, 0, rest, more_docs[left - 1]);

        memmove(docs + at + left, docs + at, (rest - at) * sizeof(*docs));
        docs[at + left - 1] = more_docs[left - 1];
        if (freqs != NULL) {
            memmove(freqs + at + left, freqs + at, (rest - at) * sizeof(*freqs));
            freqs[at + left - 1] = more_freqs[left - 1];
        }
        rest = at;
        ++*count;
    }
    return 0;
}

/* The lists from number `first` on, whose documents are few, added to what there is. */
static int add_short(struct term *term, size_t first, uint32_t from, uint32_t to, uint32_t *docs, uint32_t *freqs,
                     size_t *count)
{
    struct cdb_frame *frame = cdb_frame_take_plain(term->base.run);
    int result = frame == NULL ? CHRONDB_ESYSTEM : 0;

    for (size_t i = first; result == 0 && i < term->count; i++) {
        size_t more;

        result = cdb_list_copy(&term->lists[i], from, to, frame->docs, freqs != NULL ? frame->index : NULL, &more);
        if (result == 0 && more > 0)
            result = merge(docs, freqs, count, frame->docs, frame->index, more);
    }
    if (frame != NULL)
        cdb_frame_give(term->base.run, frame);
    return result;
}

/* All documents of the window. */
static int find_all(struct term *term, uint32_t from, uint32_t to, uint32_t *docs, uint32_t *freqs, size_t *count)
{
    struct cdb_frame *frame;
    int result = 0;

    if (term->count == 1)
        return cdb_list_copy(&term->lists[0], from, to, docs, freqs, count);
    if (term->short_others) {
        result = cdb_list_copy(&term->lists[0], from, to, docs, freqs, count);
        return result == 0 ? add_short(term, 1, from, to, docs, freqs, count) : result;
    }
    frame = cdb_frame_take(term->base.run);
    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; result == 0 && i < term->count; i++)
        result = cdb_list_add(&term->lists[i], from, to, term->base.scoring, frame);
    *count = cdb_frame_drain(frame, from, docs, freqs);
    cdb_frame_give(term->base.run, frame);
    return result;
}

/* The first list alone is not enough for the floor: those documents of the others that can reach it. */
static int find_in_others(struct term *term, uint32_t from, uint32_t to, double floor, uint32_t *docs, uint32_t *freqs,
                          size_t *count)
{
    const struct cdb_similarity *similarity = term->base.plan->similarity;
    struct cdb_list *first = &term->lists[0];
    size_t kept = 0;
    int result;

    *count = 0;
    result = add_short(term, 1, from, to, docs, freqs, count);
    for (size_t i = 0; result == 0 && i < *count; i++) {
        uint32_t doc = docs[i], freq = freqs[i];
        double best = cdb_similarity_any(similarity, (double)freq + term->main_freq, cdb_ft_norm(&term->norms, doc));

        if (best * CDB_BOUND_SLACK < floor)
            continue;
        result = cdb_list_at(first, doc, &freq);
        docs[kept] = doc;
        freqs[kept++] = freq;
    }
    *count = kept;
    return result == 0 ? term->norms.result : result;
}

static int produce_frame(struct term *term, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch,
                         struct cdb_frame *frame)
{
    uint32_t *freqs = frame->index;
    bool scoring = term->base.scoring;
    bool others = scoring && floor > 0 && term->short_others && term->from == from && term->to == to &&
                  term->main_bound * CDB_BOUND_SLACK < floor;
    int result = others ? find_in_others(term, from, to, floor, batch->docs, freqs, &batch->count)
                        : find_all(term, from, to, batch->docs, scoring ? freqs : NULL, &batch->count);

    if (result == 0 && scoring)
        return add_scores(term, batch->docs, freqs, batch->count, NULL, batch->scores);
    if (result == 0 && term->base.run->scores)
        memset(batch->scores, 0, batch->count * sizeof(*batch->scores));
    return result;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct cdb_frame *frame = cdb_frame_take_plain(scorer->run);
    int result;

    batch->count = 0;
    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    result = produce_frame((struct term *)scorer, from, to, floor, batch, frame);
    cdb_frame_give(scorer->run, frame);
    return result;
}

/* ---- sums --------------------------------------------------------------------------------------- */

/* A window's sums. */
struct sums {
    const struct cdb_similarity *similarity;
    const unsigned char *norms; /* by document - from */
    uint32_t from;
    double *scores;
    unsigned char *marks;
};

static void add_run(const struct sums *sums, const uint32_t *docs, const uint32_t *freqs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at = docs[i] - sums->from;

        sums->scores[at] += cdb_similarity_score(sums->similarity, freqs[i], sums->norms[at]);
        sums->marks[at] = 1;
    }
}

/* Documents of the other lists, few: those before `limit` that were not yet added. */
struct others {
    uint32_t *docs, *freqs;
    size_t count, next;
};

/* A run of the first list, and the others' documents up to its end. One that is in both scores once. */
static void add_with_others(const struct sums *sums, const struct cdb_list_run *run, struct others *others)
{
    size_t i = 0;

    while (others->next < others->count && others->docs[others->next] <= run->docs[run->count - 1]) {
        uint32_t freq = others->freqs[others->next];
        size_t at = cdb_docs_seek(run->docs, i, run->count, others->docs[others->next]);

        add_run(sums, run->docs + i, run->freqs + i, at - i);
        i = at;
        if (run->docs[at] == others->docs[others->next])
            freq += run->freqs[i++];
        add_run(sums, &others->docs[others->next++], &freq, 1);
    }
    add_run(sums, run->docs + i, run->freqs + i, run->count - i);
}

static int accumulate_frame(struct term *term, const struct sums *sums, uint32_t to, struct cdb_frame *frame)
{
    struct others others = {frame->docs, frame->index, 0, 0};
    struct cdb_list_run run;
    int result = term->count > 1 ? add_short(term, 1, sums->from, to, others.docs, others.freqs, &others.count) : 0;

    if (result == 0)
        result = cdb_list_run(&term->lists[0], sums->from, to, true, &run);
    while (result == 0 && run.count > 0) {
        add_with_others(sums, &run, &others);
        result = cdb_list_pass(&term->lists[0], to, true, &run);
    }
    if (result == 0)
        add_run(sums, others.docs + others.next, others.freqs + others.next, others.count - others.next);
    return result;
}

/* The norms of a window: where they lie, or copied, if only some documents have one. */
static int window_norms(struct term *term, uint32_t from, uint32_t to, struct cdb_frame *frame,
                        const unsigned char **norms)
{
    if (term->norms.dense) {
        *norms = cdb_pages_get(term->norms.pages, term->norms.offset + from, to - from);
        return *norms == NULL ? CHRONDB_EDAMAGED : 0;
    }
    for (uint32_t i = 0; i < to - from; i++)
        frame->docs[i] = from + i;
    *norms = frame->hits;
    return cdb_ft_norms_get(&term->norms, frame->docs, to - from, frame->hits);
}

static int accumulate(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double *scores, unsigned char *marks)
{
    struct term *term = (struct term *)scorer;
    struct cdb_frame *frame = cdb_frame_take(scorer->run);
    struct sums sums = {scorer->plan->similarity, NULL, from, scores, marks};
    int result;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    result = window_norms(term, from, to, frame, &sums.norms);
    if (result == 0)
        result = accumulate_frame(term, &sums, to, frame);
    cdb_frame_give(scorer->run, frame);
    return result;
}

/* ---- probing ------------------------------------------------------------------------------------ */

static int probe_frame(struct term *term, const uint32_t *docs, size_t count, unsigned char *hits, double *scores,
                       struct cdb_frame *frame)
{
    uint32_t freqs[CDB_WINDOW];
    size_t n = 0;
    int result = 0;

    memset(freqs, 0, count * sizeof(*freqs));
    for (size_t i = 0; result == 0 && i < term->count; i++)
        result = cdb_list_look_up(&term->lists[i], docs, count, term->base.scoring, freqs, frame->freqs);
    for (size_t i = 0; i < count; i++) {
        uint32_t freq = freqs[i];

        frame->docs[n] = docs[i];
        frame->index[n] = (uint32_t)i;
        freqs[n] = freq;
        hits[i] |= freq != 0;
        n += freq != 0;
    }
    if (result == 0 && term->base.scoring && n > 0)
        result = add_scores(term, frame->docs, freqs, n, frame->index, scores);
    return result;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    struct cdb_frame *frame = cdb_frame_take(scorer->run);
    int result;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    result = probe_frame((struct term *)scorer, docs, count, hits, scores, frame);
    cdb_frame_give(scorer->run, frame);
    return result;
}

/* ---- bounds ------------------------------------------------------------------------------------- */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    struct term *term = (struct term *)scorer;

    return cdb_lists_next(term->lists, term->count, target, doc);
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    struct term *term = (struct term *)scorer;

    int result;

    *out = 0;
    if (!scorer->scoring)
        return 0;
    result = cdb_list_bound(&term->lists[0], scorer->plan->similarity, from, to, shrink, out, &term->main_freq);
    term->main_bound = *out;
    for (size_t i = 1; result == 0 && i < term->count; i++) {
        uint32_t freq;
        double one;

        result = cdb_list_bound(&term->lists[i], scorer->plan->similarity, from, to, false, &one, &freq);
        *out += one;
    }
    term->from = from;
    term->to = *to;
    return result;
}

static void finish(struct cdb_scorer *scorer)
{
    struct term *term = (struct term *)scorer;

    cdb_lists_finish(term->lists, term->count, scorer->plan);
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};
static const struct cdb_scorer_ops quick_ops = {next, bound, produce, accumulate, probe, finish};

/* The longest list is so many times as long as all others together. */
#define SHORT 8

static uint64_t sum_others(const struct term *term)
{
    uint64_t sum = 0;

    for (size_t i = 1; i < term->count; i++)
        sum += term->lists[i].df;
    return sum;
}

int cdb_scorer_term(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    const struct cdb_term_part *part = &plan->terms[0].parts[run->part];
    struct term *term;
    int result;

    if (part->count == 0)
        return 0;
    term = cdb_scorer_new(run, plan, &ops, sizeof(*term));
    if (term == NULL)
        return CHRONDB_ESYSTEM;
    result = cdb_lists_open(&term->lists, &term->count, run, plan, part, &term->base.cost);
    if (result == 0 && term->base.scoring)
        result = cdb_ft_norms_open(&term->norms, run->segment, part->range.field);
    if (result == 0 && term->base.scoring)
        result = cdb_lists_max(term->lists, term->count, plan->similarity, &term->base.max);
    term->short_others = term->count > 1 && result == 0 && sum_others(term) * SHORT <= (uint64_t)term->lists[0].df;
    if (term->base.scoring && (term->count == 1 || term->short_others)) {
        term->base.ops = &quick_ops;
        term->base.wide =
            result == 0 && cdb_list_is_thin(&term->lists[0]) && sum_others(term) <= CDB_WINDOW - CDB_FT_BLOCK;
    }
    *out = &term->base;
    return result;
}
