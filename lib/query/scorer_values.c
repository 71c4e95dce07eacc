/* SPDX-License-Identifier: MIT
 *
 * Documents with values in intervals, from the columns of the leaf fields. Values that are too long to be in a column
 * whole may have to be looked up in the documents. */
#include <string.h>

#include "index/column_file.h"
#include "query/docset.h"
#include "query/postings.h"
#include "query/scorer.h"
#include "util/array.h"
#include "util/error.h"

/* So many columns are looked at window by window. Of what comes behind them, and has few documents (an object whose
 * members' names are ids may have 100,000 members), these are noted at once. */
#define PIECES 16

/* Ordinals of a column. */
struct piece {
    struct cdb_column column;
    uint32_t first, last;
    const struct cdb_plan_interval *interval; /* documents are to be held against it; NULL: they match for certain */
};

struct values {
    struct cdb_scorer base;
    struct piece *pieces;
    size_t count, certain; /* the first ones are certain */
    struct cdb_docset noted;
};

/* ---- finding ------------------------------------------------------------------------------------ */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct values *values = (const struct values *)scorer;

    *doc = cdb_docset_next(&values->noted, target);
    for (size_t i = 0; i < values->count && target < *doc; i++) {
        const struct cdb_column *column = &values->pieces[i].column;
        uint32_t found = target;

        if (target < column->docs && column->sparse) {
            int result = cdb_column_next(column, target, &found);

            if (result != 0)
                return result;
        }
        if (found < column->docs && found < *doc)
            *doc = found;
    }
    return 0;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    (void)from;
    (void)to;
    (void)shrink;
    *out = scorer->max;
    return 0;
}

/* Documents of a window that are in any piece of a run of them. */
static int mark(const struct piece *pieces, size_t count, uint32_t from, uint32_t to, uint64_t *bits)
{
    uint64_t own[CDB_WINDOW / 64] = {0};

    for (size_t i = 0; i < count; i++) {
        int result =
            cdb_column_match(&pieces[i].column, from, to - from, pieces[i].first, pieces[i].last, i == 0 ? bits : own);

        if (result != 0)
            return result;
        for (size_t w = 0; i > 0 && w < (to - from + 63) / 64; w++)
            bits[w] |= own[w];
    }
    return 0;
}

/* Is a document that may match a match? Dead ones are not read: they count as none. */
static int verify(const struct values *values, const struct piece *piece, uint32_t doc)
{
    struct cdb_run *run = values->base.run;
    int result = cdb_run_is_alive(run, doc);

    if (result <= 0)
        return result;
    values->base.plan->verified++;
    return cdb_documents_match(run->documents, run->part, doc, &values->base.plan->field, piece->interval);
}

/* The same for those that only the documents can tell; known matches are left alone. */
static int mark_uncertain(const struct values *values, uint32_t from, uint32_t to, uint64_t *bits)
{
    uint64_t own[CDB_WINDOW / 64];

    for (size_t i = values->certain; i < values->count; i++) {
        const struct piece *piece = &values->pieces[i];
        int result = cdb_column_match(&piece->column, from, to - from, piece->first, piece->last, own);

        for (size_t w = 0; result == 0 && w < (to - from + 63) / 64; w++) {
            for (uint64_t word = own[w] & ~bits[w]; result >= 0 && word != 0; word &= word - 1) {
                uint32_t at = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(word);

                result = verify(values, piece, from + at);
                if (result > 0)
                    bits[w] |= UINT64_C(1) << at % 64;
            }
            result = result > 0 ? 0 : result;
        }
        if (result != 0)
            return result;
    }
    return 0;
}

static size_t drain(const uint64_t *bits, size_t words, uint32_t from, uint32_t *docs)
{
    size_t n = 0;

    for (size_t i = 0; i < words; i++)
        for (uint64_t word = bits[i]; word != 0; word &= word - 1)
            docs[n++] = from + (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(word);
    return n;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    const struct values *values = (const struct values *)scorer;
    uint64_t bits[CDB_WINDOW / 64] = {0};
    double score = scorer->scoring ? scorer->max : 0;
    int result = mark(values->pieces, values->certain, from, to, bits);

    (void)floor;
    if (result == 0)
        result = mark_uncertain(values, from, to, bits);
    if (result != 0)
        return result;
    for (uint32_t doc = cdb_docset_next(&values->noted, from); doc < to; doc = cdb_docset_next(&values->noted, doc + 1))
        bits[(doc - from) / 64] |= UINT64_C(1) << (doc - from) % 64;
    batch->count = drain(bits, (to - from + 63) / 64, from, batch->docs);
    for (size_t i = 0; scorer->run->scores && i < batch->count; i++)
        batch->scores[i] = score;
    return 0;
}

static int matches(const struct values *values, uint32_t doc)
{
    int result = cdb_docset_has(&values->noted, doc);

    for (size_t i = 0; i < values->count && result == 0; i++) {
        const struct piece *piece = &values->pieces[i];

        result = cdb_column_has(&piece->column, doc, piece->first, piece->last);
        if (result > 0 && piece->interval != NULL)
            result = verify(values, piece, doc);
    }
    return result;
}

/* Candidates that are so thick are looked up as a run. */
#define DENSE 16

static int probe_run(const struct values *values, const uint32_t *docs, size_t count, unsigned char *hits)
{
    uint64_t bits[CDB_WINDOW / 64] = {0};
    uint32_t from = docs[0], to = docs[count - 1] + 1;
    int result = mark(values->pieces, values->certain, from, to, bits);

    for (size_t i = 0; result == 0 && i < count; i++)
        hits[i] = (unsigned char)(bits[(docs[i] - from) / 64] >> (docs[i] - from) % 64 & 1) |
                  cdb_docset_has(&values->noted, docs[i]);
    return result;
}

static int probe_each(const struct values *values, const uint32_t *docs, size_t count, unsigned char *hits)
{
    for (size_t i = 0; i < count; i++) {
        int result = matches(values, docs[i]);

        if (result < 0)
            return result;
        hits[i] = (unsigned char)result;
    }
    return 0;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    const struct values *values = (const struct values *)scorer;
    unsigned char own[CDB_WINDOW];
    bool as_run = values->certain == values->count && docs[count - 1] - docs[0] < count * DENSE;
    int result = as_run ? probe_run(values, docs, count, own) : probe_each(values, docs, count, own);

    for (size_t i = 0; result == 0 && i < count; i++) {
        hits[i] |= own[i];
        if (own[i] && scorer->scoring)
            scores[i] += scorer->max;
    }
    return result;
}

static void finish(struct cdb_scorer *scorer)
{
    const struct values *values = (const struct values *)scorer;

    scorer->plan->how = values->certain < values->count ? "column, documents" : "column";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

/* ---- making ------------------------------------------------------------------------------------- */

struct pieces {
    struct piece *list;
    size_t count, room;
    struct cdb_docset noted;
    uint64_t noted_rows;
};

/* The documents of a column with an ordinal in [first, last). */
static int note(struct cdb_run *run, struct pieces *pieces, const struct cdb_column *column, uint32_t first,
                uint32_t last)
{
    struct cdb_column_walk walk;
    int result = cdb_docset_need(&pieces->noted, &run->arena, run->docs);

    if (result == 0)
        result = cdb_column_walk_init(&walk, column, 0);
    pieces->noted_rows += column->rows;
    while (result == 0 && (result = cdb_column_walk_next(&walk)) == 0) {
        while ((result = cdb_column_walk_piece(&walk)) == 0)
            for (size_t i = 0; i < walk.piece_len; i++)
                if (walk.piece[i] >= first && walk.piece[i] < last)
                    cdb_docset_add(&pieces->noted, walk.doc);
        result = result == 1 ? 0 : result;
    }
    return result == 1 ? 0 : result;
}

static int add(struct cdb_run *run, struct pieces *pieces, const struct cdb_column *column, uint32_t first,
               uint32_t last, const struct cdb_plan_interval *interval)
{
    if (first >= last)
        return 0;
    if (interval == NULL && column->sparse && pieces->count >= PIECES)
        return note(run, pieces, column, first, last);
    if (pieces->count == pieces->room) {
        size_t room = pieces->room == 0 ? 4 : 2 * pieces->room;
        struct piece *list = cdb_arena_alloc(&run->arena, room * sizeof(*list));

        if (list == NULL)
            return CHRONDB_ESYSTEM;
        if (pieces->count > 0)
            memcpy(list, pieces->list, pieces->count * sizeof(*list));
        pieces->list = list;
        pieces->room = room;
    }
    pieces->list[pieces->count++] = (struct piece){*column, first, last, interval};
    return 0;
}

/* Ordinals of the interval: those in it for certain, or (`uncertain`) those that have to be checked. */
static int add_interval(struct cdb_run *run, struct pieces *pieces, const struct cdb_column *column,
                        const struct cdb_plan_interval *interval, bool uncertain)
{
    struct cdb_ordinals range = {0, column->values, false, false};
    const struct cdb_value *lower = interval->lower.open ? &interval->floor : &interval->lower.value;
    const struct cdb_value *upper = interval->upper.open ? &interval->ceiling : &interval->upper.value;
    int result = 0;

    if (!interval->all)
        result = cdb_column_range(column, lower, interval->lower.open || interval->lower.included, upper,
                                  !interval->upper.open && interval->upper.included, &range);
    if (result != 0 || range.first >= range.last)
        return result;
    if (uncertain) {
        if (range.check_first)
            result = add(run, pieces, column, range.first, range.first + 1, interval);
        if (result == 0 && range.check_last && (range.last - 1 != range.first || !range.check_first))
            result = add(run, pieces, column, range.last - 1, range.last, interval);
        return result;
    }
    range.first += range.check_first;
    if (range.last > range.first)
        range.last -= range.check_last;
    return add(run, pieces, column, range.first, range.last, NULL);
}

static int add_columns(struct cdb_run *run, struct pieces *pieces, const struct cdb_plan *plan,
                       const struct cdb_ft_range *range, bool uncertain)
{
    for (uint32_t field = range->first; field < range->last; field++) {
        struct cdb_column column;
        int result = cdb_ft_column(run->segment, field, &column);

        if (result < 0)
            return result;
        for (size_t i = 0; result == 0 && i < plan->interval_count; i++)
            result = add_interval(run, pieces, &column, &plan->intervals[i], uncertain);
        if (result < 0)
            return result;
    }
    return 0;
}

/* About how many documents there are: as if all values were in as many. For the plan: how many there can be. */
static void count_documents(struct values *values)
{
    uint64_t most = values->base.cost, docs = values->base.run->docs;

    for (size_t i = 0; i < values->count; i++) {
        const struct piece *piece = &values->pieces[i];

        most += piece->column.rows;
        values->base.cost += 1 + (uint64_t)piece->column.rows * (piece->last - piece->first) / piece->column.values;
    }
    values->base.cost = values->base.cost < docs ? values->base.cost : docs;
    values->base.plan->df += most < docs ? most : docs;
}

int cdb_scorer_values(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    struct pieces pieces = {NULL, 0, 0, {NULL, 0}, 0};
    struct cdb_ft_range range;
    struct values *values;
    size_t certain = 0;
    int result = cdb_ft_find_field(run->segment, plan->field.ptr, plan->field.len, &range);

    if (result != 0)
        return result < 0 ? result : 0;
    result = add_columns(run, &pieces, plan, &range, false);
    certain = pieces.count;
    if (result == 0)
        result = add_columns(run, &pieces, plan, &range, true);
    if (result != 0 || (pieces.count == 0 && pieces.noted.words == NULL))
        return result;
    values = cdb_scorer_new(run, plan, &ops, sizeof(*values));
    if (values == NULL)
        return CHRONDB_ESYSTEM;
    values->pieces = pieces.list;
    values->count = pieces.count;
    values->certain = certain;
    values->noted = pieces.noted;
    values->base.cost = pieces.noted_rows;
    count_documents(values);
    values->base.slow = certain < pieces.count;
    values->base.constant = true;
    values->base.max = values->base.scoring ? (float)plan->boost : 0;
    *out = &values->base;
    return 0;
}
