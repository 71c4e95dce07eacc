/* SPDX-License-Identifier: MIT */
#include "index/column_file.h"

/* ---- bit streams -------------------------------------------------------------------------------- */

/* Each number plus `bias`; returns the largest as it stands in the stream. */
static inline uint32_t unpack(const unsigned char *p, unsigned shift, unsigned width, size_t count, uint32_t bias,
                              uint32_t *out)
{
    uint64_t mask = cdb_packed_mask(width), bit = shift;
    uint32_t most = 0;

    for (size_t i = 0; i < count; i++, bit += width) {
        uint32_t item = (uint32_t)(cdb_le_get64(p + bit / 8) >> bit % 8 & mask);

        most = item > most ? item : most;
        out[i] = item + bias;
    }
    return most;
}

int cdb_column_decode(const struct cdb_column *column, uint64_t first, size_t count, uint32_t *ordinals)
{
    /* 0 becomes CDB_ORDINAL_NONE. */
    uint32_t bias = column->sparse || column->multiple || column->full ? 0 : UINT32_MAX;
    unsigned shift;
    const unsigned char *p = cdb_column_items(column, &column->list, first, count, &shift);

    if (p == NULL)
        return CHRONDB_EDAMAGED;
    if (unpack(p, shift, column->list.width, count, bias, ordinals) > column->values - 1 - bias)
        return cdb_column_damaged();
    return 0;
}

/* ---- a block of rows ---------------------------------------------------------------------------- */

static int load_docs(struct cdb_column_walk *walk, uint64_t first, size_t count)
{
    const struct cdb_column *column = walk->column;
    const unsigned char *p;
    unsigned shift;

    if (!column->sparse) {
        for (size_t i = 0; i < count; i++)
            walk->docs[i] = (uint32_t)(first + i);
        return 0;
    }
    p = cdb_column_items(column, &column->row_docs, first, count, &shift);
    if (p == NULL)
        return CHRONDB_EDAMAGED;
    unpack(p, shift, column->row_docs.width, count, 0, walk->docs);
    return 0;
}

/* The starts of the rows, and of the one behind them, which may have another base. */
static int read_starts(struct cdb_column_walk *walk, uint64_t first, size_t count)
{
    const struct cdb_column *column = walk->column;
    unsigned shift, width = column->starts.width;
    const unsigned char *p = cdb_column_items(column, &column->starts, first, count, &shift);
    const unsigned char *base = cdb_pages_get(column->pages, column->bases_at + first / CDB_COLUMN_ROWS * 8, 8);

    if (p == NULL || base == NULL)
        return CHRONDB_EDAMAGED;
    for (size_t i = 0; i < count; i++)
        walk->starts[i] = cdb_le_get64(base) + cdb_packed_at(p, shift + i * width, width);
    return cdb_column_start(column, first + count, &walk->starts[count]);
}

static int load_starts(struct cdb_column_walk *walk, uint64_t first, size_t count)
{
    const struct cdb_column *column = walk->column;

    if (!column->multiple) {
        for (size_t i = 0; i <= count; i++)
            walk->starts[i] = first + i;
        return 0;
    }
    if (read_starts(walk, first, count) != 0)
        return CHRONDB_EDAMAGED;
    for (size_t i = 0; i <= count; i++) {
        if (walk->starts[i] < walk->end) /* lists follow each other: so all of them together end */
            return cdb_column_damaged();
        walk->end = walk->starts[i];
    }
    return walk->end <= column->ordinals ? 0 : cdb_column_damaged();
}

static int load_rows(struct cdb_column_walk *walk, uint64_t block)
{
    uint64_t first = block * CDB_COLUMN_ROWS, rows = cdb_column_rows(walk->column);
    size_t count = rows - first < CDB_COLUMN_ROWS ? (size_t)(rows - first) : CDB_COLUMN_ROWS;
    int result = load_docs(walk, first, count);

    walk->block = block;
    return result == 0 ? load_starts(walk, first, count) : result;
}

/* ---- walking ------------------------------------------------------------------------------------ */

int cdb_column_walk_init(struct cdb_column_walk *walk, const struct cdb_column *column, uint32_t doc)
{
    walk->column = column;
    walk->doc = doc;
    walk->least = doc;
    walk->piece = NULL;
    walk->piece_len = 0;
    walk->row = doc;
    walk->block = UINT64_MAX;
    walk->at = walk->end = 0;
    walk->window = 0;
    walk->window_len = 0;
    return column->sparse ? cdb_column_row(column, doc, &walk->row) : 0;
}

/* The decoded ordinals hold the next one of the current list. */
static int load_window(struct cdb_column_walk *walk)
{
    const struct cdb_column *column = walk->column;
    uint64_t all = column->multiple ? column->ordinals : cdb_column_rows(column);
    uint64_t left = all - walk->at;

    if (walk->at - walk->window < walk->window_len) /* also false if it lies before */
        return 0;
    walk->window = walk->at;
    walk->window_len = left < CDB_COLUMN_PIECE ? (size_t)left : CDB_COLUMN_PIECE;
    return cdb_column_decode(column, walk->window, walk->window_len, walk->ordinals);
}

/* Step over the one value that says that there is none. */
static int skip_missing(struct cdb_column_walk *walk)
{
    if (walk->column->multiple || walk->column->full || walk->column->sparse)
        return 0;
    if (load_window(walk) != 0)
        return CHRONDB_EDAMAGED;
    if (walk->ordinals[walk->at - walk->window] == CDB_ORDINAL_NONE)
        walk->at++;
    return 0;
}

int cdb_column_walk_next(struct cdb_column_walk *walk)
{
    const struct cdb_column *column = walk->column;
    uint64_t rows = cdb_column_rows(column);
    int result = 0;

    for (walk->at = walk->end; result == 0 && walk->row < rows; walk->row++) {
        uint64_t block = walk->row / CDB_COLUMN_ROWS;
        size_t i = walk->row % CDB_COLUMN_ROWS;

        if (block != walk->block)
            result = load_rows(walk, block);
        walk->at = walk->starts[i];
        walk->end = walk->starts[i + 1];
        if (result == 0)
            result = skip_missing(walk);
        if (result != 0 || walk->at == walk->end)
            continue;
        if (walk->docs[i] >= column->docs || walk->docs[i] < walk->least)
            return cdb_column_damaged();
        walk->doc = walk->docs[i];
        walk->least = walk->doc + 1;
        walk->row++;
        return 0;
    }
    return result == 0 ? 1 : result;
}

int cdb_column_walk_piece(struct cdb_column_walk *walk)
{
    uint64_t left = walk->end - walk->at;
    size_t offset;

    if (left == 0)
        return 1;
    if (load_window(walk) != 0)
        return CHRONDB_EDAMAGED;
    offset = (size_t)(walk->at - walk->window);
    walk->piece = walk->ordinals + offset;
    walk->piece_len = left < walk->window_len - offset ? (size_t)left : walk->window_len - offset;
    walk->at += walk->piece_len;
    return 0;
}
