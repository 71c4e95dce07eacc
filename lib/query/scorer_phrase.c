/* SPDX-License-Identifier: MIT
 *
 * Phrases: in each leaf field that has all the words, the documents with all of them, and of these the positions. A
 * document in which the phrase would score too little even if it were there as often as its rarest word is not looked
 * into. */
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "query/phrase.h"
#include "query/postings.h"
#include "query/scorer.h"
#include "util/error.h"

/* A leaf field with all the words. */
struct field {
    struct cdb_list *lists;         /* by term */
    struct cdb_ft_postings *places; /* the same once more: these stand where positions are read */
    uint32_t *order;                /* the terms, the rarest first */
    uint32_t cost;                  /* documents of that */
};

struct words {
    struct cdb_scorer base;
    struct cdb_phrase phrase;
    struct cdb_ft_norms norms;
    struct field *fields;
    size_t field_count, terms;
    struct cdb_positions *positions; /* by term */
    uint64_t **lists;
    size_t *rooms;
};

/* ---- bounds ------------------------------------------------------------------------------------- */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct words *words = (const struct words *)scorer;

    *doc = CDB_FT_END;
    for (size_t f = 0; f < words->field_count; f++) {
        const struct field *field = &words->fields[f];
        uint32_t at;
        int result = cdb_lists_next(&field->lists[field->order[0]], 1, target, &at);

        if (result != 0)
            return result;
        *doc = at < *doc ? at : *doc;
    }
    return 0;
}

/* Of one field: a phrase is there as often as its rarest word at most; with slop, as all words together. */
static double together(const struct words *words, double so_far, double one, bool first)
{
    if (words->phrase.slop > 0)
        return so_far + one;
    return first || one < so_far ? one : so_far;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    const struct words *words = (const struct words *)scorer;

    (void)shrink;
    *out = 0;
    for (size_t f = 0; scorer->scoring && f < words->field_count; f++) {
        double sum = 0, one;
        uint32_t freq;

        for (size_t t = 0; t < words->terms; t++) {
            int result =
                cdb_list_bound(&words->fields[f].lists[t], scorer->plan->similarity, from, to, false, &one, &freq);

            if (result != 0)
                return result;
            sum = together(words, sum, one, t == 0);
        }
        *out += sum;
    }
    return 0;
}

static int find_max(struct words *words)
{
    double sum = 0, one;

    for (size_t f = 0; f < words->field_count; f++) {
        for (size_t t = 0; t < words->terms; t++) {
            int result = cdb_lists_max(&words->fields[f].lists[t], 1, words->base.plan->similarity, &one);

            if (result != 0)
                return result;
            sum = together(words, sum, one, t == 0);
        }
        words->base.max += sum;
    }
    return 0;
}

/* ---- positions ---------------------------------------------------------------------------------- */

/* Candidates are often next to each other. */
static uint32_t advance(struct cdb_ft_postings *postings, uint32_t doc)
{
    for (unsigned i = 0; i < 4 && postings->count > 0 && postings->doc < doc; i++)
        cdb_ft_next(postings);
    return cdb_ft_advance(postings, doc);
}

static int read_positions(struct words *words, struct cdb_ft_postings *postings, size_t term, uint32_t doc)
{
    struct cdb_ft_positions positions;
    size_t count = 0;

    if (advance(postings, doc) != doc)
        return postings->result != 0 ? postings->result : cdb_index_damaged("a list of postings is not what it was");
    cdb_ft_positions(&positions, postings);
    while (cdb_ft_position_next(&positions)) {
        if (count == words->rooms[term]) {
            size_t room = count == 0 ? 64 : 2 * count;
            uint64_t *list = cdb_arena_alloc(&words->base.run->arena, room * sizeof(*list));

            if (list == NULL)
                return CHRONDB_ESYSTEM;
            if (count > 0)
                memcpy(list, words->lists[term], count * sizeof(*list));
            words->lists[term] = list;
            words->rooms[term] = room;
        }
        words->lists[term][count++] = positions.position;
    }
    words->positions[term] = (struct cdb_positions){words->lists[term], count};
    return postings->result;
}

static int read_freq(struct words *words, struct field *field, uint32_t doc, float *freq)
{
    for (size_t t = 0; t < words->terms; t++) {
        int result = read_positions(words, &field->places[t], t, doc);

        if (result != 0)
            return result;
    }
    *freq = cdb_phrase_freq(&words->phrase, words->positions);
    return 0;
}

/* ---- documents with all words ------------------------------------------------------------------- */

/* Candidates, and a frequency that the phrase cannot have more of there. */
struct candidates {
    uint32_t *docs, *most;
    size_t count;
};

/* Those that have the term too. */
static int keep_with(const struct words *words, struct cdb_list *list, struct candidates *c, struct cdb_frame *frame)
{
    uint32_t freqs[CDB_WINDOW];
    size_t kept = 0;
    int result;

    if (c->count == 0)
        return 0;
    memset(freqs, 0, c->count * sizeof(*freqs));
    result = cdb_list_look_up(list, c->docs, c->count, words->base.scoring, freqs, frame->freqs);
    for (size_t i = 0; i < c->count; i++) {
        uint32_t freq = freqs[i], most = c->most[i];

        c->docs[kept] = c->docs[i];
        if (words->phrase.slop > 0)
            c->most[kept] = most > UINT32_MAX - freq ? UINT32_MAX : most + freq;
        else
            c->most[kept] = most < freq ? most : freq;
        kept += freq != 0;
    }
    c->count = kept;
    return result;
}

/* Those in which it can reach the floor, with how often it is in the fields before. */
static int keep_promising(struct words *words, struct candidates *c, double floor, uint32_t from,
                          const struct cdb_frame *sums)
{
    const struct cdb_similarity *similarity = words->base.plan->similarity;
    unsigned char norms[CDB_WINDOW];
    size_t kept = 0;
    int result = cdb_ft_norms_get(&words->norms, c->docs, c->count, norms);

    if (result != 0)
        return result;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t at = c->docs[i] - from;
        bool before = sums->marks[at] != 0;
        double best = before ? (double)cdb_similarity_any(similarity, c->most[i] + sums->scores[at], norms[i])
                             : (double)cdb_similarity_score(similarity, c->most[i], norms[i]);

        c->docs[kept] = c->docs[i];
        c->most[kept] = c->most[i];
        kept += best * CDB_BOUND_SLACK >= floor;
    }
    c->count = kept;
    return 0;
}

/* Add the frequencies of the phrase in the candidates to sums[doc - from]. */
static int add_freqs(struct words *words, struct field *field, const struct candidates *c, uint32_t from,
                     struct cdb_frame *sums)
{
    for (size_t i = 0; i < c->count; i++) {
        uint32_t at = c->docs[i] - from;
        float freq;
        int result = read_freq(words, field, c->docs[i], &freq);

        if (result != 0)
            return result;
        if (freq <= 0)
            continue;
        if (!sums->marks[at])
            sums->scores[at] = 0;
        sums->marks[at] = 1;
        sums->scores[at] += freq;
    }
    return 0;
}

/* Scores of documents whose frequencies are sums[doc - from]; added if there is an index of their places. */
static int score(struct words *words, const uint32_t *docs, size_t count, uint32_t from, const double *sums,
                 const uint32_t *index, double *scores)
{
    unsigned char norms[CDB_WINDOW];
    int result = cdb_ft_norms_get(&words->norms, docs, count, norms);

    for (size_t i = 0; result == 0 && i < count; i++) {
        float one = cdb_similarity_any(words->base.plan->similarity, sums[docs[i] - from], norms[i]);

        if (index == NULL)
            scores[i] = one;
        else
            scores[index[i]] += one;
    }
    return result;
}

/* ---- producing ---------------------------------------------------------------------------------- */

/* A window's work: candidates in `work`, frequencies of the phrase in the marks and scores of `sums`. */
static int produce_field(struct words *words, struct field *field, uint32_t from, uint32_t to, double floor,
                         struct cdb_frame *work, struct cdb_frame *sums)
{
    struct candidates c = {work->docs, work->index, 0};
    bool scoring = words->base.scoring;
    int result = cdb_list_copy(&field->lists[field->order[0]], from, to, c.docs, scoring ? c.most : NULL, &c.count);

    if (!scoring)
        memset(c.most, 0, c.count * sizeof(*c.most));
    for (size_t t = 1; result == 0 && t < words->terms; t++)
        result = keep_with(words, &field->lists[field->order[t]], &c, work);
    if (result == 0 && floor > 0 && c.count > 0)
        result = keep_promising(words, &c, floor, from, sums);
    return result == 0 ? add_freqs(words, field, &c, from, sums) : result;
}

static int produce_frames(struct words *words, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch,
                          struct cdb_frame *work, struct cdb_frame *sums)
{
    int result = 0;

    /* What a document has in fields that come later is not known before: only the last one may leave some out. */
    if (!words->base.scoring)
        floor = CDB_NO_FLOOR;
    for (size_t f = 0; result == 0 && f < words->field_count; f++)
        result = produce_field(words, &words->fields[f], from, to, f + 1 < words->field_count ? CDB_NO_FLOOR : floor,
                               work, sums);
    batch->count = cdb_marks_drain(sums->marks, from, batch->docs);
    if (result == 0 && words->base.scoring)
        return score(words, batch->docs, batch->count, from, sums->scores, NULL, batch->scores);
    if (result == 0 && words->base.run->scores)
        memset(batch->scores, 0, batch->count * sizeof(*batch->scores));
    return result;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct cdb_frame *work = cdb_frame_take(scorer->run), *sums;
    int result;

    batch->count = 0;
    if (work == NULL)
        return CHRONDB_ESYSTEM;
    sums = cdb_frame_take(scorer->run);
    if (sums == NULL)
        return CHRONDB_ESYSTEM;
    result = produce_frames((struct words *)scorer, from, to, floor, batch, work, sums);
    cdb_frame_give(scorer->run, sums);
    cdb_frame_give(scorer->run, work);
    return result;
}

/* ---- probing ------------------------------------------------------------------------------------ */

static int probe_field(struct words *words, struct field *field, const uint32_t *docs, size_t count,
                       struct cdb_frame *work, struct cdb_frame *sums)
{
    struct candidates c = {work->docs, work->index, count};
    int result = 0;

    memcpy(c.docs, docs, count * sizeof(*docs));
    memset(c.most, 0, count * sizeof(*c.most)); /* no floor here */
    for (size_t t = 0; result == 0 && t < words->terms; t++)
        result = keep_with(words, &field->lists[field->order[t]], &c, work);
    return result == 0 ? add_freqs(words, field, &c, docs[0], sums) : result;
}

static int probe_frames(struct words *words, const uint32_t *docs, size_t count, unsigned char *hits, double *scores,
                        struct cdb_frame *work, struct cdb_frame *sums)
{
    uint32_t from = docs[0];
    size_t n = 0;
    int result = 0;

    for (size_t f = 0; result == 0 && f < words->field_count; f++)
        result = probe_field(words, &words->fields[f], docs, count, work, sums);
    for (size_t i = 0; i < count; i++) {
        uint32_t at = docs[i] - from;

        if (!sums->marks[at])
            continue;
        sums->marks[at] = 0;
        hits[i] = 1;
        work->docs[n] = docs[i];
        work->index[n++] = (uint32_t)i;
    }
    if (result == 0 && n > 0 && words->base.scoring)
        return score(words, work->docs, n, from, sums->scores, work->index, scores);
    return result;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    struct cdb_frame *work = cdb_frame_take(scorer->run), *sums;
    int result;

    if (work == NULL)
        return CHRONDB_ESYSTEM;
    sums = cdb_frame_take(scorer->run);
    if (sums == NULL)
        return CHRONDB_ESYSTEM;
    result = probe_frames((struct words *)scorer, docs, count, hits, scores, work, sums);
    cdb_frame_give(scorer->run, sums);
    cdb_frame_give(scorer->run, work);
    return result;
}

static void finish(struct cdb_scorer *scorer)
{
    const struct words *words = (const struct words *)scorer;

    for (size_t f = 0; f < words->field_count; f++)
        cdb_lists_finish(words->fields[f].lists, words->terms, scorer->plan);
    scorer->plan->how = "positions";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

/* ---- making ------------------------------------------------------------------------------------- */

/* The term's entry for a leaf field, or NULL. */
static const struct cdb_ft_entry *find_entry(const struct cdb_term_part *part, uint32_t field)
{
    size_t low = 0, high = part->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (part->entries[middle].field < field)
            low = middle + 1;
        else
            high = middle;
    }
    return low < part->count && part->entries[low].field == field ? &part->entries[low] : NULL;
}

/* Open all terms in a leaf field; count 0 if one of them is not there. */
static int open_field(struct words *words, struct field *field, uint32_t number, bool *whole)
{
    struct cdb_run *run = words->base.run;
    const struct cdb_plan *plan = words->base.plan;
    struct cdb_term_part all = {plan->terms[0].parts[run->part].range, NULL, words->terms};
    uint64_t cost;
    int result;

    *whole = false;
    all.entries = cdb_arena_alloc(&run->arena, words->terms * sizeof(*all.entries));
    field->places = cdb_arena_alloc(&run->arena, words->terms * sizeof(*field->places));
    field->order = cdb_arena_alloc(&run->arena, words->terms * sizeof(*field->order));
    if (all.entries == NULL || field->places == NULL || field->order == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t t = 0; t < words->terms; t++) {
        const struct cdb_ft_entry *entry = find_entry(&plan->terms[t].parts[run->part], number);
        size_t at = t;

        if (entry == NULL)
            return 0;
        all.entries[t] = *entry;
        for (; at > 0 && all.entries[field->order[at - 1]].df > entry->df; at--)
            field->order[at] = field->order[at - 1];
        field->order[at] = (uint32_t)t;
    }
    *whole = true;
    field->cost = all.entries[field->order[0]].df;
    words->base.cost += field->cost;
    result = cdb_lists_open(&field->lists, run, &all, &cost);
    for (size_t t = 0; result == 0 && t < words->terms; t++)
        result = cdb_ft_postings_open(&field->places[t], run->segment, &all.entries[t]);
    return result;
}

/* The one with the most documents last. */
static int compare_fields(const void *a, const void *b)
{
    const struct field *x = a, *y = b;

    return x->cost < y->cost ? -1 : x->cost > y->cost;
}

static int open_fields(struct words *words)
{
    struct cdb_run *run = words->base.run;
    const struct cdb_term_part *first = &words->base.plan->terms[0].parts[run->part];
    int result = 0;

    words->fields = cdb_arena_alloc(&run->arena, (first->count + 1) * sizeof(*words->fields));
    if (words->fields == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; result == 0 && i < first->count; i++) {
        bool whole;

        result = open_field(words, &words->fields[words->field_count], first->entries[i].field, &whole);
        words->field_count += result == 0 && whole;
    }
    if (result == 0 && words->field_count > 1)
        qsort(words->fields, words->field_count, sizeof(*words->fields), compare_fields);
    return result;
}

static int prepare(struct words *words)
{
    struct cdb_run *run = words->base.run;
    const struct cdb_plan *plan = words->base.plan;
    size_t n = words->terms;

    words->positions = cdb_arena_alloc(&run->arena, n * sizeof(*words->positions));
    words->lists = cdb_arena_alloc(&run->arena, n * sizeof(*words->lists));
    words->rooms = cdb_arena_alloc(&run->arena, n * sizeof(*words->rooms));
    if (words->positions == NULL || words->lists == NULL || words->rooms == NULL)
        return CHRONDB_ESYSTEM;
    memset(words->rooms, 0, n * sizeof(*words->rooms));
    return cdb_phrase_init(&words->phrase, &run->arena, plan->words, plan->word_count, plan->slop);
}

int cdb_scorer_phrase(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    struct words *words;
    int result;

    for (size_t t = 0; t < plan->term_count; t++)
        if (plan->terms[t].parts[run->part].count == 0)
            return 0;
    words = cdb_scorer_new(run, plan, &ops, sizeof(*words));
    if (words == NULL)
        return CHRONDB_ESYSTEM;
    words->terms = plan->term_count;
    result = open_fields(words);
    if (result != 0 || words->field_count == 0)
        return result;
    result = prepare(words);
    plan->df += words->base.cost;
    if (result == 0 && words->base.scoring)
        result = cdb_ft_norms_open(&words->norms, run->segment, plan->terms[0].parts[run->part].range.field);
    if (result == 0 && words->base.scoring)
        result = find_max(words);
    *out = &words->base;
    return result;
}
