/* SPDX-License-Identifier: MIT */
#include "query/postings.h"

#include <string.h>

#include "index/bytes.h"
#include "util/error.h"

size_t cdb_docs_seek(const uint32_t *docs, size_t low, size_t count, uint32_t doc)
{
    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (docs[middle] < doc)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* ---- moving ------------------------------------------------------------------------------------- */

/* Ends within a pile are near. */
static uint32_t advance_pile(struct cdb_list *list, uint32_t target)
{
    const struct cdb_pile *pile = list->pile;
    size_t step = 1, low = list->place, high = low;

    while (high < pile->count && pile->docs[high] < target) {
        low = high + 1;
        high = pile->count - high > step ? high + step : pile->count;
        step *= 2;
    }
    list->place = cdb_docs_seek(pile->docs, low, high, target);
    return list->place < pile->count ? pile->docs[list->place] : CDB_FT_END;
}

static uint32_t advance(struct cdb_list *list, uint32_t target)
{
    if (list->pile != NULL)
        return advance_pile(list, target);
    list->begun = true;
    return cdb_ft_advance(&list->postings, target);
}

/* Of the document that it was advanced to. */
static uint32_t freq_of(struct cdb_list *list)
{
    return list->pile != NULL ? list->pile->freqs[list->place] : cdb_ft_freq(&list->postings);
}

/* Of a list at the end: 0, or what is wrong with it. */
static int check(const struct cdb_list *list)
{
    return list->pile != NULL ? 0 : list->postings.result;
}

/* So many documents have one of the list, at least: blocks are not decoded just to say which is the next. */
#define THICK 64

static bool is_thick(const struct cdb_list *list)
{
    return list->pile == NULL && (uint64_t)list->df * THICK >= list->docs;
}

bool cdb_list_is_thin(const struct cdb_list *list)
{
    return list->pile == NULL && !is_thick(list);
}

static int next_of(struct cdb_list *list, uint32_t target, uint32_t *doc)
{
    if (!is_thick(list)) {
        *doc = advance(list, target);
        return *doc == CDB_FT_END ? check(list) : 0;
    }
    *doc = target;
    if (list->begun && (list->postings.doc == CDB_FT_END || list->postings.doc > target))
        *doc = list->postings.doc;
    return list->postings.result;
}

int cdb_lists_next(struct cdb_list *lists, size_t count, uint32_t target, uint32_t *doc)
{
    *doc = CDB_FT_END;
    for (size_t i = 0; i < count && target < *doc; i++) {
        uint32_t at;
        int result = next_of(&lists[i], target, &at);

        if (result != 0)
            return result;
        *doc = at < *doc ? at : *doc;
    }
    return 0;
}

/* ---- bounds ------------------------------------------------------------------------------------- */

static float best_impact(const struct cdb_similarity *similarity, const struct cdb_ft_impact *impacts, size_t count)
{
    float best = 0;

    for (size_t i = 0; i < count; i++) {
        float score = cdb_similarity_score(similarity, impacts[i].freq, impacts[i].norm);

        best = score > best ? score : best;
    }
    return best;
}

int cdb_lists_max(struct cdb_list *lists, size_t count, const struct cdb_similarity *similarity, double *max)
{
    struct cdb_ft_impact impacts[CDB_FT_IMPACTS];
    size_t n;

    *max = 0;
    for (size_t i = 0; i < count; i++) {
        int result;

        if (lists[i].pile != NULL) { /* whose documents may be as short as they get */
            lists[i].max = cdb_similarity_score(similarity, lists[i].pile->max, 1);
            *max += lists[i].max;
            continue;
        }
        result = cdb_ft_list_impacts(&lists[i].postings, lists[i].unnamed, impacts, &n);

        if (result != 0)
            return result;
        lists[i].max = best_impact(similarity, impacts, n);
        *max += lists[i].max;
    }
    return 0;
}

/* Look at the block with the first document at or after `target`. */
static int look(struct cdb_list *list, const struct cdb_similarity *similarity, uint32_t target)
{
    struct cdb_ft_impact impacts[CDB_FT_IMPACTS];
    size_t n;
    int result;

    if (list->bounded && target <= list->last)
        return 0;
    list->bounded = true;
    list->bound = 0;
    list->freq = 0;
    list->last = CDB_FT_END;
    if (list->begun && list->postings.doc == CDB_FT_END)
        return check(list);
    if (list->begun && target < list->postings.doc)
        target = list->postings.doc;
    result = cdb_ft_shallow(&list->postings, target, &list->last);
    if (result != 0 || list->last == CDB_FT_END)
        return result;
    result = cdb_ft_impacts(&list->postings, list->unnamed, impacts, &n);
    if (result == 0 && n > 0) {
        list->bound = best_impact(similarity, impacts, n);
        list->freq = impacts[0].freq;
    }
    return result;
}

/* Of a thin list the next document is looked for: nearly all windows have none of it. */
static int bound_thin(struct cdb_list *list, uint32_t from, uint32_t to, double *bound, uint32_t *freq)
{
    uint32_t at = advance(list, from);

    *freq = at < to ? UINT32_MAX : 0;
    *bound = at < to ? (double)list->max : 0;
    return at == CDB_FT_END ? check(list) : 0;
}

int cdb_list_bound(struct cdb_list *list, const struct cdb_similarity *similarity, uint32_t from, uint32_t *to,
                   bool shrink, double *bound, uint32_t *freq)
{
    float best = 0;

    *bound = 0;
    *freq = 0;
    if (list->pile != NULL || (!is_thick(list) && (!shrink || *to - from <= CDB_WINDOW)))
        return bound_thin(list, from, *to, bound, freq);
    for (uint32_t target = from; target < *to; target = list->last + 1) {
        int result = look(list, similarity, target);

        if (result != 0)
            return result;
        best = list->bound > best ? list->bound : best;
        *freq = list->freq > *freq ? list->freq : *freq;
        if (list->last >= *to)
            break;
        if (shrink)
            *to = list->last + 1;
    }
    *bound = best;
    return 0;
}

/* ---- windows ------------------------------------------------------------------------------------ */

/* Where the documents of the decoded block that are below `to` end. */
static size_t end_in_block(const struct cdb_ft_postings *postings, uint32_t to)
{
    size_t low = postings->at, high = postings->count;

    if (postings->docs[high - 1] < to)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (postings->docs[middle] < to)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int show_run(struct cdb_list *list, uint32_t doc, uint32_t to, bool freqs, struct cdb_list_run *run)
{
    struct cdb_ft_postings *postings = &list->postings;
    const struct cdb_pile *pile = list->pile;

    run->count = 0;
    if (doc >= to)
        return doc == CDB_FT_END ? check(list) : 0;
    if (pile != NULL) {
        *run = (struct cdb_list_run){pile->docs + list->place, freqs ? pile->freqs + list->place : NULL,
                                     cdb_docs_seek(pile->docs, list->place, pile->count, to) - list->place};
        return 0;
    }
    *run =
        (struct cdb_list_run){postings->docs + postings->at, freqs ? cdb_ft_block_freqs(postings) + postings->at : NULL,
                              end_in_block(postings, to) - postings->at};
    return postings->result;
}

int cdb_list_run(struct cdb_list *list, uint32_t from, uint32_t to, bool freqs, struct cdb_list_run *run)
{
    return show_run(list, advance(list, from), to, freqs, run);
}

int cdb_list_pass(struct cdb_list *list, uint32_t to, bool freqs, struct cdb_list_run *run)
{
    struct cdb_ft_postings *postings = &list->postings;

    if (list->pile != NULL) {
        list->place += run->count;
        run->count = 0;
        return 0;
    }
    if (postings->at + run->count == postings->count)
        return show_run(list, cdb_ft_next_block(postings), to, freqs, run);
    return show_run(list, cdb_ft_advance(postings, to), to, freqs, run);
}

int cdb_list_copy(struct cdb_list *list, uint32_t from, uint32_t to, uint32_t *docs, uint32_t *freqs, size_t *count)
{
    struct cdb_list_run run;
    size_t n = 0, room = to - from < CDB_WINDOW ? to - from : CDB_WINDOW;
    int result = cdb_list_run(list, from, to, freqs != NULL, &run);

    *count = 0;
    while (result == 0 && run.count > 0) {
        /* Documents ascend, so there is room for them: this is for lists that are damaged beyond that. */
        if (run.count > room - n)
            return cdb_index_damaged("a list of postings is not in order");
        memcpy(docs + n, run.docs, run.count * sizeof(*docs));
        if (freqs != NULL)
            memcpy(freqs + n, run.freqs, run.count * sizeof(*freqs));
        n += run.count;
        result = cdb_list_pass(list, to, freqs != NULL, &run);
    }
    *count = n;
    return result;
}

int cdb_list_add(struct cdb_list *list, uint32_t from, uint32_t to, bool freqs, struct cdb_frame *frame)
{
    struct cdb_list_run run;
    int result = cdb_list_run(list, from, to, freqs, &run);

    while (result == 0 && run.count > 0) {
        for (size_t i = 0; i < run.count; i++) {
            frame->freqs[run.docs[i] - from] += run.freqs != NULL ? run.freqs[i] : 1;
            frame->marks[run.docs[i] - from] = 1;
        }
        result = cdb_list_pass(list, to, freqs, &run);
    }
    return result;
}

int cdb_list_mark(struct cdb_list *list, uint32_t from, uint32_t to, unsigned char *marks)
{
    struct cdb_list_run run;
    int result = cdb_list_run(list, from, to, false, &run);

    while (result == 0 && run.count > 0) {
        for (size_t i = 0; i < run.count; i++)
            marks[run.docs[i] - from] = 1;
        result = cdb_list_pass(list, to, false, &run);
    }
    return result;
}

static int search(struct cdb_list *list, const uint32_t *docs, size_t count, bool freqs, uint32_t *sums)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t doc = advance(list, docs[i]);

        if (doc == CDB_FT_END)
            return check(list);
        if (doc != docs[i])
            continue;
        sums[i] += freqs ? freq_of(list) : 1;
    }
    return 0;
}

int cdb_list_at(struct cdb_list *list, uint32_t doc, uint32_t *freq)
{
    uint32_t at = advance(list, doc);

    if (at == doc)
        *freq += freq_of(list);
    return at == CDB_FT_END ? check(list) : 0;
}

static int read_all(struct cdb_list *list, uint32_t from, uint32_t to, bool freqs, uint32_t *sums)
{
    struct cdb_list_run run;
    int result = cdb_list_run(list, from, to, freqs, &run);

    while (result == 0 && run.count > 0) {
        if (run.freqs != NULL)
            for (size_t i = 0; i < run.count; i++)
                sums[run.docs[i] - from] += run.freqs[i];
        else
            for (size_t i = 0; i < run.count; i++)
                sums[run.docs[i] - from]++;
        result = cdb_list_pass(list, to, freqs, &run);
    }
    return result;
}

/* The other way about: the few documents of the list are searched among the candidates. */
static int search_candidates(struct cdb_list *list, const uint32_t *docs, size_t count, bool freqs, uint32_t *sums)
{
    struct cdb_list_run run;
    uint32_t to = docs[count - 1] + 1;
    size_t at = 0;
    int result = cdb_list_run(list, docs[0], to, freqs, &run);

    while (result == 0 && run.count > 0) {
        for (size_t i = 0; i < run.count; i++) {
            at = cdb_docs_seek(docs, at, count, run.docs[i]);
            if (at < count && docs[at] == run.docs[i])
                sums[at] += run.freqs != NULL ? run.freqs[i] : 1;
        }
        result = cdb_list_pass(list, to, freqs, &run);
    }
    return result;
}

/* Reading a document of the list takes so much less than searching one. */
#define DENSE 4
/* And searching among the candidates so much more than looking at one of them. */
#define THIN 16

int cdb_list_look_up(struct cdb_list *list, const uint32_t *docs, size_t count, bool freqs, uint32_t *sums,
                     uint32_t *scratch)
{
    uint32_t first = docs[0], span = docs[count - 1] - first + 1;
    uint64_t between = (uint64_t)list->df * span / list->docs;
    int result;

    if (between > count * DENSE)
        return search(list, docs, count, freqs, sums);
    if (between * THIN < count)
        return search_candidates(list, docs, count, freqs, sums);
    result = read_all(list, first, first + span, freqs, scratch);
    for (size_t i = 0; i < count; i++)
        sums[i] += scratch[docs[i] - first];
    memset(scratch, 0, span * sizeof(*scratch));
    return result;
}

/* ---- frames ------------------------------------------------------------------------------------- */

size_t cdb_marks_drain(unsigned char *marks, uint32_t from, uint32_t *docs)
{
    size_t n = 0;

    for (size_t i = 0; i < CDB_WINDOW; i += 8) {
        uint64_t word = cdb_le_get64(marks + i);

        if (word == 0)
            continue;
        memset(marks + i, 0, 8);
        for (; word != 0; word &= word - 1)
            docs[n++] = from + (uint32_t)i + (uint32_t)__builtin_ctzll(word) / 8;
    }
    return n;
}

size_t cdb_frame_drain(struct cdb_frame *frame, uint32_t from, uint32_t *docs, uint32_t *freqs)
{
    size_t n = cdb_marks_drain(frame->marks, from, docs);

    for (size_t i = 0; i < n; i++) {
        if (freqs != NULL)
            freqs[i] = frame->freqs[docs[i] - from];
        frame->freqs[docs[i] - from] = 0;
    }
    return n;
}
