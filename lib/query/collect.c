/* SPDX-License-Identifier: MIT */
#include "query/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"

/* ---- entries ------------------------------------------------------------------------------------ */

static struct cdb_entry *entry_at(const struct cdb_collector *collector, size_t i)
{
    return (struct cdb_entry *)(void *)(collector->entries + i * collector->stride);
}

const struct cdb_entry *cdb_collector_entry(const struct cdb_collector *collector, size_t i)
{
    return entry_at(collector, i);
}

static struct cdb_sort_source *source_of(const struct cdb_collector *collector, size_t part, size_t criterion)
{
    return &collector->sources[part * collector->order_count + criterion];
}

/* ---- the order ---------------------------------------------------------------------------------- */

/* Remember the first error; what is compared then does not matter. */
static int fail(struct cdb_collector *collector, int result)
{
    if (collector->result == 0)
        collector->result = result;
    return 0;
}

static int compare_texts(struct cdb_collector *collector, size_t criterion, struct cdb_sort_where a,
                         struct cdb_sort_where b)
{
    const struct cdb_criterion *by = &collector->order[criterion];
    int order = 0;
    int result =
        cdb_sort_texts_compare(&collector->texts, (uint32_t)criterion, &by->field, by->descending, a, b, &order);

    return result != 0 ? fail(collector, result) : order;
}

/* Two documents of a segment with the same rank: <0, 0, >0. */
static int compare_within(struct cdb_collector *collector, size_t criterion, uint32_t rank, struct cdb_sort_where a,
                          struct cdb_sort_where b)
{
    int exact = cdb_sort_source_exact(source_of(collector, a.part, criterion), rank);

    if (exact < 0)
        return fail(collector, exact);
    return exact ? 0 : compare_texts(collector, criterion, a, b);
}

/* Two documents of different segments, both with values. */
static int compare_across(struct cdb_collector *collector, size_t criterion, const struct cdb_entry *a,
                          const struct cdb_entry *b)
{
    struct cdb_value x, y;
    int result = cdb_sort_source_value(source_of(collector, a->part, criterion), a->ranks[criterion], &x), order;

    if (result == 0)
        result = cdb_sort_source_value(source_of(collector, b->part, criterion), b->ranks[criterion], &y);
    if (result != 0)
        return fail(collector, result);
    order = cdb_value_compare(&x, &y);
    if (order != 0 || cdb_value_is_exact(x.bytes, x.len))
        return order;
    return compare_texts(collector, criterion, (struct cdb_sort_where){a->part, a->doc},
                         (struct cdb_sort_where){b->part, b->doc});
}

/* Missing ones are last in any direction. */
static int compare_field(struct cdb_collector *collector, size_t criterion, const struct cdb_entry *a,
                         const struct cdb_entry *b)
{
    uint32_t x = a->ranks[criterion], y = b->ranks[criterion];
    int order;

    if (x == CDB_ORDINAL_NONE || y == CDB_ORDINAL_NONE)
        return (x == CDB_ORDINAL_NONE) - (y == CDB_ORDINAL_NONE);
    if (a->part != b->part)
        order = compare_across(collector, criterion, a, b);
    else if (x != y)
        order = x < y ? -1 : 1;
    else
        order = compare_within(collector, criterion, x, (struct cdb_sort_where){a->part, a->doc},
                               (struct cdb_sort_where){b->part, b->doc});
    return collector->order[criterion].descending ? -order : order;
}

static int compare_keys(struct cdb_collector *collector, const struct cdb_entry *a, const struct cdb_entry *b)
{
    struct cdb_ft_key x, y;
    int result;

    if (a->part == b->part)
        return a->doc < b->doc ? -1 : a->doc > b->doc;
    result = cdb_ft_key(collector->view->parts[a->part].segment, a->doc, &x);
    if (result == 0)
        result = cdb_ft_key(collector->view->parts[b->part].segment, b->doc, &y);
    return result != 0 ? fail(collector, result) : cdb_bytes_compare(x.text, x.len, y.text, y.len);
}

static int compare_scores(float a, float b, bool descending)
{
    int order = a < b ? -1 : a > b;

    return descending ? -order : order;
}

/* <0: a comes first. */
static int compare_entries(struct cdb_collector *collector, const struct cdb_entry *a, const struct cdb_entry *b)
{
    for (size_t i = 0; i < collector->order_count; i++) {
        const struct cdb_criterion *by = &collector->order[i];
        int order = 0;

        if (by->by == CDB_BY_SCORE)
            order = compare_scores(a->score, b->score, by->descending);
        else if (by->by == CDB_BY_FIELD)
            order = compare_field(collector, i, a, b);
        else
            return by->descending ? -compare_keys(collector, a, b) : compare_keys(collector, a, b);
        if (order != 0)
            return order;
    }
    return compare_keys(collector, a, b);
}

/* ---- bars --------------------------------------------------------------------------------------- */

/* Put an entry's ranks into those of the segment at hand. */
static int translate_ranks(struct cdb_collector *collector, struct cdb_bar *bar)
{
    size_t at_hand = collector->run->part;
    int result = 0;

    for (size_t i = 0; result == 0 && i < collector->order_count; i++) {
        uint32_t rank = bar->entry->ranks[i];
        struct cdb_value value;

        bar->ranks[i] = rank;
        bar->equal[i] = true;
        if (collector->order[i].by != CDB_BY_FIELD || rank == CDB_ORDINAL_NONE || bar->entry->part == at_hand)
            continue;
        result = cdb_sort_source_value(source_of(collector, bar->entry->part, i), rank, &value);
        if (result == 0)
            result = cdb_sort_source_seek(source_of(collector, at_hand, i), &value, &bar->ranks[i], &bar->equal[i]);
    }
    return result;
}

/* The hit on top of the heap. */
static int set_worst(struct cdb_collector *collector)
{
    struct cdb_bar *bar = &collector->worst;
    const struct cdb_run *run = collector->run;
    struct cdb_ft_key key;
    int result = 0;

    bar->set = collector->count == collector->limit;
    if (!bar->set || collector->limit == 0)
        return 0;
    bar->entry = entry_at(collector, 0);
    bar->doc = bar->entry->doc;
    if (bar->entry->part != run->part) {
        result = cdb_ft_key(collector->view->parts[bar->entry->part].segment, bar->entry->doc, &key);
        if (result == 0)
            result = cdb_ft_seek_key(run->segment, key.text, key.len, &bar->doc);
    }
    return result == 0 && collector->fields > 0 ? translate_ranks(collector, bar) : result;
}

static bool is_key_descending(const struct cdb_collector *collector)
{
    for (size_t i = 0; i < collector->order_count; i++)
        if (collector->order[i].by == CDB_BY_KEY)
            return collector->order[i].descending;
    return false;
}

/* The cursor in the segment at hand: its own key counts as one that came before it. */
static int set_after(struct cdb_collector *collector)
{
    struct cdb_bar *bar = &collector->after;
    const struct cdb_ft_segment *segment = collector->run->segment;
    uint32_t first, last;
    int result;

    if (!bar->set)
        return 0;
    result = cdb_ft_find_key(segment, collector->after_key, collector->after_key_len, &first, &last);
    if (result == 0 && first == last)
        result = cdb_ft_seek_key(segment, collector->after_key, collector->after_key_len, &last);
    else if (result == 0 && is_key_descending(collector))
        last = first;
    bar->doc = last;
    return result == 0 && collector->fields > 0 ? translate_ranks(collector, bar) : result;
}

/* The order of a hit of the segment at hand and a bar: <0, or >0. */
static int compare_bar(struct cdb_collector *collector, const struct cdb_bar *bar, const struct cdb_entry *entry)
{
    for (size_t i = 0; i < collector->order_count; i++) {
        const struct cdb_criterion *by = &collector->order[i];
        uint32_t own, other;
        int order = 0;

        if (by->by == CDB_BY_KEY)
            return (entry->doc < bar->doc) != by->descending ? -1 : 1;
        if (by->by == CDB_BY_SCORE) {
            order = compare_scores(entry->score, bar->entry->score, by->descending);
            if (order != 0)
                return order;
            continue;
        }
        own = entry->ranks[i];
        other = bar->ranks[i];
        if (own == CDB_ORDINAL_NONE || other == CDB_ORDINAL_NONE) {
            order = (own == CDB_ORDINAL_NONE) - (other == CDB_ORDINAL_NONE);
            if (order != 0)
                return order;
            continue;
        }
        if (own != other)
            order = own < other ? -1 : 1;
        else if (!bar->equal[i])
            order = 1;
        else
            order = compare_within(collector, i, own, (struct cdb_sort_where){entry->part, entry->doc},
                                   (struct cdb_sort_where){bar->entry->part, bar->entry->doc});
        if (order != 0)
            return by->descending ? -order : order;
    }
    return entry->doc < bar->doc ? -1 : 1;
}

/* ---- the heap: the last hit on top -------------------------------------------------------------- */

static void put(struct cdb_collector *collector, size_t at, const struct cdb_entry *entry)
{
    memcpy(entry_at(collector, at), entry, collector->stride);
}

/* `entry`, which is not in the heap, goes to `at` or below. */
static void sink(struct cdb_collector *collector, size_t at, const struct cdb_entry *entry)
{
    for (size_t child = 2 * at + 1; child < collector->count; at = child, child = 2 * at + 1) {
        if (child + 1 < collector->count &&
            compare_entries(collector, entry_at(collector, child + 1), entry_at(collector, child)) > 0)
            child++;
        if (compare_entries(collector, entry_at(collector, child), entry) <= 0)
            break;
        put(collector, at, entry_at(collector, child));
    }
    put(collector, at, entry);
}

static int make_heap(struct cdb_collector *collector)
{
    struct cdb_entry *entry = malloc(collector->stride);

    if (entry == NULL)
        return cdb_error_memory();
    for (size_t i = collector->count / 2; i-- > 0;) {
        memcpy(entry, entry_at(collector, i), collector->stride);
        sink(collector, i, entry);
    }
    free(entry);
    return 0;
}

static int append(struct cdb_collector *collector, const struct cdb_entry *entry)
{
    if (collector->count == collector->room &&
        cdb_array_grow(&collector->entries, &collector->room, collector->count, collector->stride) != 0)
        return CHRONDB_ESYSTEM;
    put(collector, collector->count++, entry);
    if (collector->count < collector->limit)
        return 0;
    return make_heap(collector) != 0 ? CHRONDB_ESYSTEM : set_worst(collector);
}

/* A hit that is behind the cursor. */
static int offer(struct cdb_collector *collector, const struct cdb_entry *entry)
{
    if (!collector->worst.set)
        return append(collector, entry);
    if (collector->limit == 0 || compare_bar(collector, &collector->worst, entry) > 0)
        return collector->result;
    sink(collector, 0, entry);
    return collector->result != 0 ? collector->result : set_worst(collector);
}

/* ---- collecting --------------------------------------------------------------------------------- */

int cdb_collector_begin(struct cdb_collector *collector, const struct cdb_run *run)
{
    size_t part = run->part;
    int result = 0;

    collector->run = run;
    for (size_t i = 0; result == 0 && !collector->opened[part] && i < collector->order_count; i++)
        if (collector->order[i].by == CDB_BY_FIELD)
            result = cdb_sort_source_open(source_of(collector, part, i), collector->arena, run->segment,
                                          &collector->order[i].field, collector->order[i].descending);
    collector->opened[part] = true;
    if (result == 0 && collector->worst.set)
        result = set_worst(collector);
    return result == 0 ? set_after(collector) : result;
}

int cdb_collector_ranks(struct cdb_collector *collector, const uint32_t *docs, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < collector->order_count; i++)
        if (collector->order[i].by == CDB_BY_FIELD)
            result = cdb_sort_source_ranks(source_of(collector, collector->run->part, i), docs, count,
                                           collector->order[i].descending, collector->ranks + i * CDB_WINDOW);
    return result;
}

/* By score alone, nearly all hits are below the bar. */
static bool is_hopeless(const struct cdb_collector *collector, float score)
{
    return collector->worst.set && collector->order[0].by == CDB_BY_SCORE && collector->order[0].descending &&
           score < collector->worst.entry->score;
}

int cdb_collector_add(struct cdb_collector *collector, const uint32_t *docs, const double *scores, size_t count)
{
    struct cdb_entry *entry = collector->spare;
    int result = collector->fields > 0 && count > 0 ? cdb_collector_ranks(collector, docs, count) : 0;

    if (collector->limit == 0)
        return 0;
    entry->part = (uint32_t)collector->run->part;
    for (size_t i = 0; result == 0 && i < count; i++) {
        entry->doc = docs[i];
        entry->score = scores != NULL ? (float)scores[i] : 0;
        if (is_hopeless(collector, entry->score))
            continue;
        for (size_t c = 0; collector->fields > 0 && c < collector->order_count; c++)
            entry->ranks[c] = collector->ranks[c * CDB_WINDOW + i];
        if (collector->after.set && compare_bar(collector, &collector->after, entry) < 0)
            result = collector->result;
        else
            result = offer(collector, entry);
    }
    return result;
}

double cdb_collector_floor(const struct cdb_collector *collector, uint32_t doc)
{
    const struct cdb_bar *worst = &collector->worst;
    bool by_score =
        collector->order_count > 0 && collector->order[0].by == CDB_BY_SCORE && collector->order[0].descending;
    bool ties = collector->order_count > 1 || doc < worst->doc;
    float score;

    if (collector->limit == 0)
        return INFINITY;
    if (!worst->set)
        return CDB_NO_FLOOR;
    if (!by_score) {
        bool by_key =
            collector->order_count == 1 && collector->order[0].by == CDB_BY_KEY && !collector->order[0].descending;

        return by_key && doc >= worst->doc ? INFINITY : CDB_NO_FLOOR;
    }
    /* What rounds to at least the score, or to more than it. */
    score = worst->entry->score;
    return ((double)score + (double)nextafterf(score, ties ? -INFINITY : INFINITY)) / 2;
}

uint32_t cdb_collector_start(const struct cdb_collector *collector, double score)
{
    bool by_score =
        collector->order_count == 1 && collector->order[0].by == CDB_BY_SCORE && collector->order[0].descending;

    if (!collector->after.set || !by_score || (float)score < collector->after.entry->score)
        return 0;
    /* A score above the cursor's was on a page before. */
    return (float)score > collector->after.entry->score ? 0 : collector->after.doc;
}

/* ---- the end ------------------------------------------------------------------------------------ */

static int compare_in_order(const void *a, const void *b, void *collector)
{
    return compare_entries(collector, a, b);
}

int cdb_collector_sort(struct cdb_collector *collector)
{
    if (collector->count > 1)
        qsort_r(collector->entries, collector->count, collector->stride, compare_in_order, collector);
    return collector->result;
}
