/* SPDX-License-Identifier: MIT
 *
 * Facets of a field with several columns in a segment: each pair of a value and a document counts once. */
#include <stdlib.h>
#include <string.h>

#include "index/column_file.h"
#include "query/facet.h"
#include "util/array.h"
#include "util/error.h"

/* A value's number in the facet, and a document. */
struct pair {
    uint32_t value, doc;
};

struct pairs {
    struct pair *list;
    size_t count, room;
    uint32_t *numbers;         /* of the column at hand, by ordinal: the value's number + 1; 0: not looked up yet, */
    struct cdb_docset inexact; /* hits with long values */
};

#define INEXACT UINT32_MAX /* ... or this */

/* The number of an ordinal's value. */
static int number_of(struct cdb_facets *facets, struct cdb_facet *facet, const struct cdb_column *column,
                     uint32_t ordinal, uint32_t *number)
{
    struct cdb_facet_value value = {.text = NULL}, *found;
    int result;

    if (*number != 0)
        return 0;
    result = cdb_column_value(column, ordinal, &value.value);
    if (result != 0)
        return result;
    if (!cdb_value_is_exact(value.value.bytes, value.value.len)) {
        *number = INEXACT;
        return 0;
    }
    result = cdb_facet_find(facets, facet, &value, &found);
    if (result == 0)
        *number = (uint32_t)(found - facet->values) + 1;
    return result;
}

static int add_ordinal(struct cdb_facets *facets, struct cdb_facet *facet, struct pairs *pairs,
                       const struct cdb_column *column, uint32_t ordinal, uint32_t doc)
{
    uint32_t *number = &pairs->numbers[ordinal];
    int result = number_of(facets, facet, column, ordinal, number);

    if (result != 0)
        return result;
    if (*number == INEXACT) {
        result = cdb_docset_need(&pairs->inexact, &facets->run->arena, facets->run->docs);
        if (result == 0)
            cdb_docset_add(&pairs->inexact, doc);
        return result;
    }
    if (cdb_array_grow(&pairs->list, &pairs->room, pairs->count, sizeof(*pairs->list)) != 0)
        return CHRONDB_ESYSTEM;
    pairs->list[pairs->count++] = (struct pair){*number - 1, doc};
    return 0;
}

/* The hits among the documents of a column. */
static int add_column(struct cdb_facets *facets, struct cdb_facet *facet, struct pairs *pairs,
                      const struct cdb_column *column)
{
    struct cdb_column_walk walk;
    int result = cdb_column_walk_init(&walk, column, 0);

    while (result == 0 && (result = cdb_column_walk_next(&walk)) == 0) {
        if (!cdb_docset_has(&facet->hits, walk.doc))
            continue;
        while (result == 0 && (result = cdb_column_walk_piece(&walk)) == 0)
            for (size_t i = 0; result == 0 && i < walk.piece_len; i++)
                result = add_ordinal(facets, facet, pairs, column, walk.piece[i], walk.doc);
        result = result == 1 ? 0 : result;
    }
    return result == 1 ? 0 : result;
}

static int add_columns(struct cdb_facets *facets, struct cdb_facet *facet, struct pairs *pairs)
{
    size_t most = 0;
    int result = 0;

    for (size_t i = 0; i < facet->column_count; i++)
        most = facet->columns[i].column.values > most ? facet->columns[i].column.values : most;
    pairs->numbers = malloc((most + 1) * sizeof(*pairs->numbers));
    if (pairs->numbers == NULL)
        return cdb_error_memory();
    for (size_t i = 0; result == 0 && i < facet->column_count; i++) {
        memset(pairs->numbers, 0, facet->columns[i].column.values * sizeof(*pairs->numbers));
        result = add_column(facets, facet, pairs, &facet->columns[i].column);
    }
    return result;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

static void count_pairs(struct cdb_facet *facet, struct pairs *pairs)
{
    if (pairs->count > 1)
        qsort(pairs->list, pairs->count, sizeof(*pairs->list), compare_pairs);
    for (size_t i = 0; i < pairs->count; i++)
        if (i == 0 || compare_pairs(&pairs->list[i - 1], &pairs->list[i]) != 0)
            facet->values[pairs->list[i].value].count++;
}

int cdb_facet_end_many(struct cdb_facets *facets, struct cdb_facet *facet)
{
    struct pairs pairs = {.list = NULL};
    int result = add_columns(facets, facet, &pairs);

    if (result == 0)
        count_pairs(facet, &pairs);
    for (uint32_t doc = cdb_docset_next(&pairs.inexact, 0); result == 0 && doc != CDB_FT_END;
         doc = cdb_docset_next(&pairs.inexact, doc + 1))
        result = cdb_facet_add_inexact(facets, facet, doc);
    free(pairs.numbers);
    free(pairs.list);
    return result;
}
