/* SPDX-License-Identifier: MIT */
#include "index/column_merge.h"

#include <stdlib.h>
#include <string.h>

#include "index/column_encode.h"
#include "index/column_file.h"
#include "util/error.h"

#define UNUSED UINT32_MAX

struct input {
    const struct cdb_column *column;
    const uint32_t *map;
    uint32_t *ordinals; /* by its ordinal: the new one, or UNUSED */
    struct cdb_column_walk walk;
    struct cdb_column_cursor cursor;
    uint32_t doc; /* the new number of the document that the walk is at */
    bool ended;
};

struct merge {
    struct input *inputs;
    size_t count;
    struct input *current; /* whose document it is */
    uint32_t rows;
    uint64_t ordinals;
    uint32_t piece[CDB_COLUMN_PIECE];
};

/* ---- documents ---------------------------------------------------------------------------------- */

/* On to the next document that is kept. */
static int step_input(struct input *input)
{
    int result;

    do
        result = cdb_column_walk_next(&input->walk);
    while (result == 0 && input->map[input->walk.doc] == CDB_DOC_DROPPED);
    input->ended = result != 0;
    if (result == 0)
        input->doc = input->map[input->walk.doc];
    return result == 1 ? 0 : result;
}

static int rewind_inputs(void *context)
{
    struct merge *merge = context;
    int result = 0;

    merge->current = NULL;
    for (size_t i = 0; result == 0 && i < merge->count; i++) {
        struct input *input = &merge->inputs[i];

        result = cdb_column_walk_init(&input->walk, input->column, 0);
        if (result == 0)
            result = step_input(input);
    }
    return result;
}

static int next_doc(void *context, uint32_t *doc)
{
    struct merge *merge = context;

    if (merge->current != NULL && step_input(merge->current) != 0)
        return CHRONDB_EDAMAGED;
    merge->current = NULL;
    for (size_t i = 0; i < merge->count; i++) {
        struct input *input = &merge->inputs[i];

        if (!input->ended && (merge->current == NULL || input->doc < merge->current->doc))
            merge->current = input;
    }
    if (merge->current == NULL)
        return 1;
    *doc = merge->current->doc;
    return 0;
}

static int take_piece(void *context, const uint32_t **ordinals, size_t *count)
{
    struct merge *merge = context;
    struct input *input = merge->current;
    int result = cdb_column_walk_piece(&input->walk);

    if (result != 0)
        return result;
    for (size_t i = 0; i < input->walk.piece_len; i++)
        merge->piece[i] = input->ordinals[input->walk.piece[i]];
    *ordinals = merge->piece;
    *count = input->walk.piece_len;
    return 0;
}

/* Which ordinals the kept documents have: marked with 0. */
static int mark_used(struct merge *merge, struct input *input)
{
    int result = cdb_column_walk_init(&input->walk, input->column, 0);

    if (result == 0)
        result = step_input(input);
    while (result == 0 && !input->ended) {
        merge->rows++;
        while ((result = cdb_column_walk_piece(&input->walk)) == 0) {
            merge->ordinals += input->walk.piece_len;
            for (size_t i = 0; i < input->walk.piece_len; i++)
                input->ordinals[input->walk.piece[i]] = 0;
        }
        result = result == 1 ? step_input(input) : result;
    }
    return result;
}

/* ---- values ------------------------------------------------------------------------------------- */

/* On to the next value that is used. */
static int step_value(struct input *input)
{
    int result;

    do
        result = cdb_column_cursor_next(&input->cursor);
    while (result == 0 && input->ordinals[input->cursor.next - 1] == UNUSED);
    input->ended = result != 0;
    return result == 1 ? 0 : result;
}

static struct input *least_value(const struct merge *merge)
{
    struct input *least = NULL;

    for (size_t i = 0; i < merge->count; i++) {
        struct input *input = &merge->inputs[i];

        if (!input->ended && (least == NULL || cdb_value_compare(&input->cursor.value, &least->cursor.value) < 0))
            least = input;
    }
    return least;
}

/* The one that was just taken is above all that were taken before; other inputs may be at the same. */
static int number_value(struct merge *merge, const struct cdb_value *value, uint32_t ordinal)
{
    for (size_t i = 0; i < merge->count; i++) {
        struct input *input = &merge->inputs[i];

        if (input->ended || cdb_value_compare(&input->cursor.value, value) != 0)
            continue;
        input->ordinals[input->cursor.next - 1] = ordinal;
        if (step_value(input) != 0)
            return CHRONDB_EDAMAGED;
    }
    return 0;
}

static int merge_values(struct merge *merge, struct cdb_column_encoder *encoder)
{
    const struct input *least;
    int result = 0;

    for (size_t i = 0; result == 0 && i < merge->count; i++) {
        result = cdb_column_cursor_init(&merge->inputs[i].cursor, merge->inputs[i].column, 0);
        if (result == 0)
            result = step_value(&merge->inputs[i]);
    }
    while (result == 0 && (least = least_value(merge)) != NULL) {
        struct cdb_value value = least->cursor.value;

        if (encoder->values == UINT32_MAX)
            return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many different values for one part of the index");
        cdb_column_encoder_value(encoder, value.bytes, value.len);
        result = number_value(merge, &value, encoder->values - 1);
    }
    return result;
}

/* ---- all ---------------------------------------------------------------------------------------- */

static int open_inputs(struct merge *merge, const struct cdb_column_source *sources, size_t count)
{
    int result = 0;

    merge->inputs = calloc(count + 1, sizeof(*merge->inputs));
    if (merge->inputs == NULL)
        return cdb_error_memory();
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct input *input = &merge->inputs[i];

        input->column = sources[i].column;
        input->map = sources[i].map;
        input->ordinals = reallocarray(NULL, input->column->values, sizeof(*input->ordinals));
        merge->count++;
        if (input->ordinals == NULL)
            return cdb_error_memory();
        memset(input->ordinals, 0xff, input->column->values * sizeof(*input->ordinals)); /* UNUSED */
        result = mark_used(merge, input);
    }
    return result;
}

int cdb_column_merge(const struct cdb_column_source *sources, size_t count, uint32_t docs, struct cdb_sink *sink)
{
    struct merge merge = {.count = 0};
    struct cdb_column_rows rows = {rewind_inputs, next_doc, take_piece, &merge};
    struct cdb_column_encoder encoder;
    int result = open_inputs(&merge, sources, count);

    cdb_column_encoder_init(&encoder, sink);
    if (result == 0 && merge.rows == 0)
        result = 1;
    if (result == 0)
        result = merge_values(&merge, &encoder);
    if (result == 0)
        result = cdb_column_encoder_finish(&encoder, docs, merge.rows, merge.ordinals, &rows);
    cdb_column_encoder_release(&encoder);
    for (size_t i = 0; i < merge.count; i++)
        free(merge.inputs[i].ordinals);
    free(merge.inputs);
    return result;
}
