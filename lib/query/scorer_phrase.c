/* SPDX-License-Identifier: MIT
 *
 * Phrases: in each leaf field that has all the words, the documents with all of them, and of these the positions. A
 * document in which the phrase would score too little even if it were there as often as its rarest word is not looked
 * into. */
#include <string.h>

#include "query/phrase_fields.h"
#include "query/scorer.h"
#include "util/error.h"

struct words {
    struct cdb_scorer base;
    struct cdb_phrase_reader reader;
    struct cdb_phrase_fields fields;
    struct cdb_ft_norms norms;
    size_t terms;
};

/* ---- bounds ------------------------------------------------------------------------------------- */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct words *words = (const struct words *)scorer;

    *doc = cdb_phrase_pile_next(&words->fields.pile, target);
    for (size_t f = 0; f < words->fields.count; f++) {
        const struct cdb_phrase_field *field = &words->fields.list[f];
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
    if (words->reader.phrase.slop > 0)
        return so_far + one;
    return first || one < so_far ? one : so_far;
}

/* A document of the pile may be as short as they get. */
static double pile_max(const struct words *words)
{
    const struct cdb_phrase_pile *pile = &words->fields.pile;

    return pile->count == 0 ? 0 : (double)cdb_similarity_any(words->base.plan->similarity, (double)pile->max, 1);
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    const struct words *words = (const struct words *)scorer;

    (void)shrink;
    *out = 0;
    for (size_t f = 0; scorer->scoring && f < words->fields.count; f++) {
        double sum = 0, one;
        uint32_t freq;

        for (size_t t = 0; t < words->terms; t++) {
            int result =
                cdb_list_bound(&words->fields.list[f].lists[t], scorer->plan->similarity, from, to, false, &one, &freq);

            if (result != 0)
                return result;
            sum = together(words, sum, one, t == 0);
        }
        *out += sum;
    }
    if (scorer->scoring && cdb_phrase_pile_next(&words->fields.pile, from) < *to)
        *out += pile_max(words);
    return 0;
}

static int find_max(struct words *words)
{
    words->base.max = pile_max(words);
    for (size_t f = 0; f < words->fields.count; f++) {
        double sum = 0, one;

        for (size_t t = 0; t < words->terms; t++) {
            int result = cdb_lists_max(&words->fields.list[f].lists[t], 1, words->base.plan->similarity, &one);

            if (result != 0)
                return result;
            sum = together(words, sum, one, t == 0);
        }
        words->base.max += sum;
    }
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
        if (words->reader.phrase.slop > 0)
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

static void add_freq(struct cdb_frame *sums, uint32_t at, float freq)
{
    if (freq <= 0)
        return;
    if (!sums->marks[at])
        sums->scores[at] = 0;
    sums->marks[at] = 1;
    sums->scores[at] += freq;
}

/* Those of the pile in [from, to). */
static void add_pile(const struct words *words, uint32_t from, uint32_t to, struct cdb_frame *sums)
{
    const struct cdb_phrase_pile *pile = &words->fields.pile;

    for (size_t i = cdb_docs_seek(pile->docs, 0, pile->count, from); i < pile->count && pile->docs[i] < to; i++)
        add_freq(sums, pile->docs[i] - from, pile->freqs[i]);
}

/* Add the frequencies of the phrase in the candidates to sums[doc - from]. */
static int add_freqs(struct words *words, struct cdb_phrase_field *field, const struct candidates *c, uint32_t from,
                     struct cdb_frame *sums)
{
    for (size_t i = 0; i < c->count; i++) {
        float freq;
        int result = cdb_phrase_read(&words->reader, field->places, c->docs[i], &freq);

        if (result != 0)
            return result;
        add_freq(sums, c->docs[i] - from, freq);
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
static int produce_field(struct words *words, struct cdb_phrase_field *field, uint32_t from, uint32_t to, double floor,
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
    add_pile(words, from, to, sums);
    for (size_t f = 0; result == 0 && f < words->fields.count; f++)
        result = produce_field(words, &words->fields.list[f], from, to,
                               f + 1 < words->fields.count ? CDB_NO_FLOOR : floor, work, sums);
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

static int probe_field(struct words *words, struct cdb_phrase_field *field, const uint32_t *docs, size_t count,
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

    add_pile(words, from, docs[count - 1] + 1, sums);
    for (size_t f = 0; result == 0 && f < words->fields.count; f++)
        result = probe_field(words, &words->fields.list[f], docs, count, work, sums);
    for (size_t i = 0; i < count; i++) {
        uint32_t at = docs[i] - from;

        if (!sums->marks[at])
            continue;
        hits[i] = 1;
        work->docs[n] = docs[i];
        work->index[n++] = (uint32_t)i;
    }
    memset(sums->marks, 0, docs[count - 1] - from + 1); /* the pile marks others too */
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

    for (size_t f = 0; f < words->fields.count; f++)
        cdb_lists_finish(words->fields.list[f].lists, words->terms, scorer->plan);
    scorer->plan->how = "positions";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

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
    result = cdb_phrase_reader_init(&words->reader, run, plan);
    if (result == 0)
        result = cdb_phrase_fields_open(&words->fields, &words->reader, run, plan);
    if (result != 0 || (words->fields.count == 0 && words->fields.pile.count == 0))
        return result;
    words->base.cost = words->fields.cost < run->docs ? words->fields.cost : run->docs;
    plan->df += words->base.cost;
    if (words->base.scoring)
        result = cdb_ft_norms_open(&words->norms, run->segment, plan->terms[0].parts[run->part].range.field);
    if (result == 0 && words->base.scoring)
        result = find_max(words);
    *out = &words->base;
    return result;
}
