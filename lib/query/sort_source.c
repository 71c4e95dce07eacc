/* SPDX-License-Identifier: MIT */
#include "query/sort_source.h"

#include <stdlib.h>
#include <string.h>

#include "index/column_file.h"
#include "util/error.h"

/* ---- several columns: their values merged ------------------------------------------------------- */

struct merging {
    struct cdb_column_cursor *cursors;
    size_t *heap; /* columns that have values left, the least value at the top */
    size_t count;
};

static bool is_less(const struct merging *merging, size_t a, size_t b)
{
    int order = cdb_value_compare(&merging->cursors[a].value, &merging->cursors[b].value);

    return order != 0 ? order < 0 : a < b;
}

static void sink(struct merging *merging, size_t at)
{
    size_t *heap = merging->heap, item = heap[at];

    for (size_t child = 2 * at + 1; child < merging->count; at = child, child = 2 * at + 1) {
        if (child + 1 < merging->count && is_less(merging, heap[child + 1], heap[child]))
            child++;
        if (!is_less(merging, heap[child], item))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

/* Number the values of all columns; equal ones have the same number. */
static int merge(struct cdb_sort_source *source, struct merging *merging)
{
    struct cdb_value last = {0};
    int result = 0;

    while (merging->count > 0) {
        size_t top = merging->heap[0];
        struct cdb_column_cursor *cursor = &merging->cursors[top];

        if (source->values == 0 || cdb_value_compare(&cursor->value, &last) != 0) {
            source->places[source->values++] = (struct cdb_sort_place){(uint32_t)top, cursor->next - 1};
            last = cursor->value;
        }
        source->columns[top].ranks[cursor->next - 1] = source->values - 1;
        result = cdb_column_cursor_next(cursor);
        if (result < 0)
            return result;
        if (result == 1)
            merging->heap[0] = merging->heap[--merging->count];
        if (merging->count > 0)
            sink(merging, 0);
    }
    return 0;
}

static int start_merging(struct cdb_sort_source *source, struct cdb_arena *arena, struct merging *merging)
{
    size_t total = 0;

    for (size_t i = 0; i < source->count; i++) {
        struct cdb_sort_column *column = &source->columns[i];
        int result = cdb_column_cursor_init(&merging->cursors[i], &column->column, 0);

        if (result == 0)
            result = cdb_column_cursor_next(&merging->cursors[i]);
        if (result < 0)
            return result;
        column->ranks = cdb_arena_alloc(arena, column->column.values * sizeof(*column->ranks));
        if (column->ranks == NULL)
            return CHRONDB_ESYSTEM;
        total += column->column.values;
        if (result == 0)
            merging->heap[merging->count++] = i;
    }
    if (total >= CDB_ORDINAL_NONE)
        return cdb_error(CHRONDB_EUSAGE, "too_many_values", "cannot sort by so many values; sort by a field below");
    source->places = cdb_arena_alloc(arena, (total + 1) * sizeof(*source->places));
    if (source->places == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = merging->count / 2; i-- > 0;)
        sink(merging, i);
    return 0;
}

static int number_values(struct cdb_sort_source *source, struct cdb_arena *arena)
{
    struct merging merging = {NULL, NULL, 0};
    int result = 0;

    merging.cursors = calloc(source->count, sizeof(*merging.cursors));
    merging.heap = calloc(source->count, sizeof(*merging.heap));
    if (merging.cursors == NULL || merging.heap == NULL)
        result = cdb_error_memory();
    if (result == 0)
        result = start_merging(source, arena, &merging);
    if (result == 0)
        result = merge(source, &merging);
    free(merging.cursors);
    free(merging.heap);
    return result;
}

/* ---- many columns: the rank of each document beforehand ------------------------------------------ */

/* So many columns are asked for each document; of an object whose members' names are ids there may be 100,000. */
#define ASKED 4

static void take_better(uint32_t *best, uint32_t rank, bool greatest)
{
    if (*best == CDB_ORDINAL_NONE || (greatest ? rank > *best : rank < *best))
        *best = rank;
}

static int rank_column(struct cdb_sort_source *source, const struct cdb_sort_column *column, bool greatest)
{
    struct cdb_column_walk walk;
    int result = cdb_column_walk_init(&walk, &column->column, 0);

    while (result == 0 && (result = cdb_column_walk_next(&walk)) == 0) {
        while ((result = cdb_column_walk_piece(&walk)) == 0)
            for (size_t i = 0; i < walk.piece_len; i++)
                take_better(&source->by_doc[walk.doc], column->ranks[walk.piece[i]], greatest);
        result = result == 1 ? 0 : result;
    }
    return result == 1 ? 0 : result;
}

static int rank_documents(struct cdb_sort_source *source, struct cdb_arena *arena, uint32_t docs, bool greatest)
{
    int result = 0;

    source->by_doc = cdb_arena_alloc(arena, ((size_t)docs + 1) * sizeof(*source->by_doc));
    if (source->by_doc == NULL)
        return CHRONDB_ESYSTEM;
    memset(source->by_doc, 0xff, ((size_t)docs + 1) * sizeof(*source->by_doc));
    for (size_t i = 0; result == 0 && i < source->count; i++)
        result = rank_column(source, &source->columns[i], greatest);
    return result;
}

/* ---- opening ------------------------------------------------------------------------------------ */

int cdb_sort_source_open(struct cdb_sort_source *source, struct cdb_arena *arena, struct cdb_ft_segment *segment,
                         const struct cdb_query_string *field, bool greatest)
{
    struct cdb_ft_range range;
    struct cdb_column column;
    int result = cdb_ft_find_field(segment, field->ptr, field->len, &range);

    memset(source, 0, sizeof(*source));
    source->seen = CDB_ORDINAL_NONE;
    if (result != 0)
        return result < 0 ? result : 0;
    source->columns = cdb_arena_alloc(arena, (range.last - range.first) * sizeof(*source->columns));
    if (source->columns == NULL)
        return CHRONDB_ESYSTEM;
    for (uint32_t number = range.first; number < range.last; number++) {
        result = cdb_ft_column(segment, number, &column);
        if (result < 0)
            return result;
        if (result == 0)
            source->columns[source->count++] = (struct cdb_sort_column){column, NULL};
    }
    if (source->count == 1)
        source->values = source->columns[0].column.values;
    result = source->count > 1 ? number_values(source, arena) : 0;
    if (result == 0 && source->count > ASKED)
        result = rank_documents(source, arena, cdb_ft_docs(segment), greatest);
    return result;
}

/* ---- asking ------------------------------------------------------------------------------------- */

/* So thick that a run of documents is decoded at once. */
#define DENSE 8

static int column_ranks(const struct cdb_column *column, const uint32_t *docs, size_t count, bool greatest,
                        uint32_t *ranks)
{
    uint32_t run[2048];
    uint32_t first = docs[0], span = docs[count - 1] - first + 1;
    int result = 0;

    if (span <= sizeof(run) / sizeof(run[0]) && span <= count * DENSE) {
        result = cdb_column_run(column, first, span, greatest ? CDB_COLUMN_GREATEST : CDB_COLUMN_LEAST, run);
        for (size_t i = 0; result == 0 && i < count; i++)
            ranks[i] = run[docs[i] - first];
        return result;
    }
    for (size_t i = 0; result == 0 && i < count; i++)
        result =
            greatest ? cdb_column_greatest(column, docs[i], &ranks[i]) : cdb_column_least(column, docs[i], &ranks[i]);
    return result;
}

/* The least or greatest of a document in any column. */
static int merged_rank(const struct cdb_sort_source *source, uint32_t doc, bool greatest, uint32_t *rank)
{
    *rank = CDB_ORDINAL_NONE;
    for (size_t i = 0; i < source->count; i++) {
        const struct cdb_sort_column *column = &source->columns[i];
        uint32_t ordinal, own;
        int result = greatest ? cdb_column_greatest(&column->column, doc, &ordinal)
                              : cdb_column_least(&column->column, doc, &ordinal);

        if (result != 0)
            return result;
        if (ordinal >= column->column.values)
            continue;
        own = column->ranks[ordinal];
        if (*rank == CDB_ORDINAL_NONE || (greatest ? own > *rank : own < *rank))
            *rank = own;
    }
    return 0;
}

int cdb_sort_source_ranks(const struct cdb_sort_source *source, const uint32_t *docs, size_t count, bool greatest,
                          uint32_t *ranks)
{
    int result = 0;

    if (source->count == 1)
        return count == 0 ? 0 : column_ranks(&source->columns[0].column, docs, count, greatest, ranks);
    for (size_t i = 0; source->by_doc != NULL && i < count; i++)
        ranks[i] = source->by_doc[docs[i]];
    for (size_t i = 0; source->by_doc == NULL && result == 0 && i < count; i++)
        result = merged_rank(source, docs[i], greatest, &ranks[i]);
    return result;
}

int cdb_sort_source_value(const struct cdb_sort_source *source, uint32_t rank, struct cdb_value *value)
{
    const struct cdb_sort_place *place;

    if (source->places == NULL)
        return cdb_column_value(&source->columns[0].column, rank, value);
    place = &source->places[rank];
    return cdb_column_value(&source->columns[place->column].column, place->ordinal, value);
}

int cdb_sort_source_exact(struct cdb_sort_source *source, uint32_t rank)
{
    struct cdb_value value;
    int result;

    if (source->seen == rank)
        return source->seen_exact;
    result = cdb_sort_source_value(source, rank, &value);
    if (result != 0)
        return result;
    source->seen = rank;
    source->seen_exact = cdb_value_is_exact(value.bytes, value.len);
    return source->seen_exact;
}

int cdb_sort_source_seek(const struct cdb_sort_source *source, const struct cdb_value *value, uint32_t *rank,
                         bool *equal)
{
    uint32_t low = 0, high = source->values;

    *equal = false;
    *rank = 0;
    if (source->count == 0)
        return 0;
    if (source->places == NULL)
        return cdb_column_seek(&source->columns[0].column, value, rank, equal);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct cdb_value own;
        int result = cdb_sort_source_value(source, middle, &own), order;

        if (result != 0)
            return result;
        order = cdb_value_compare(&own, value);
        *equal = *equal || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *rank = low;
    return 0;
}
