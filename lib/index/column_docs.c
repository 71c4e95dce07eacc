/* SPDX-License-Identifier: MIT
 *
 * Which documents have which values. */
#include <string.h>

#include "index/column_file.h"

/* ---- rows --------------------------------------------------------------------------------------- */

int cdb_column_row(const struct cdb_column *column, uint32_t doc, uint64_t *row)
{
    uint64_t low = 0, high = column->rows, item = 0;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (cdb_column_item(column, &column->row_docs, middle, &item) != 0)
            return CHRONDB_EDAMAGED;
        if (item < doc)
            low = middle + 1;
        else
            high = middle;
    }
    *row = low;
    return 0;
}

int cdb_column_start(const struct cdb_column *column, uint64_t row, uint64_t *start)
{
    const unsigned char *base = cdb_pages_get(column->pages, column->bases_at + row / CDB_COLUMN_ROWS * 8, 8);

    if (base == NULL || cdb_column_item(column, &column->starts, row, start) != 0)
        return CHRONDB_EDAMAGED;
    *start += cdb_le_get64(base); /* may be any number: whoever uses it looks */
    return 0;
}

/* Is there a number for each document? */
static bool is_plain(const struct cdb_column *column)
{
    return !column->sparse && !column->multiple;
}

/* ---- one document ------------------------------------------------------------------------------- */

int cdb_column_find(const struct cdb_column *column, uint32_t doc, uint64_t *start, uint32_t *count)
{
    uint64_t row = doc, item = doc, end;

    *start = 0;
    *count = 0;
    if (doc >= column->docs)
        return 0;
    if (column->sparse) {
        if (cdb_column_row(column, doc, &row) != 0)
            return CHRONDB_EDAMAGED;
        if (row == column->rows)
            return 0;
        if (cdb_column_item(column, &column->row_docs, row, &item) != 0)
            return CHRONDB_EDAMAGED;
        if (item != doc)
            return 0;
    }
    if (!column->multiple) {
        if (!column->sparse && !column->full && cdb_column_item(column, &column->list, row, &item) != 0)
            return CHRONDB_EDAMAGED;
        *start = row;
        *count = column->sparse || column->full || item != 0;
        return 0;
    }
    if (cdb_column_start(column, row, start) != 0 || cdb_column_start(column, row + 1, &end) != 0)
        return CHRONDB_EDAMAGED;
    if (end < *start || end > column->ordinals || end - *start > UINT32_MAX)
        return cdb_column_damaged();
    *count = (uint32_t)(end - *start);
    return 0;
}

int cdb_column_list(const struct cdb_column *column, uint64_t start, uint32_t count, uint32_t *ordinals)
{
    uint64_t all = column->multiple ? column->ordinals : cdb_column_rows(column);

    if (start > all || count > all - start)
        return cdb_column_damaged();
    return cdb_column_decode(column, start, count, ordinals);
}

static int find_end(const struct cdb_column *column, uint32_t doc, enum cdb_column_end which, uint32_t *ordinal)
{
    uint64_t start;
    uint32_t count;

    *ordinal = CDB_ORDINAL_NONE;
    if (is_plain(column))
        return doc < column->docs ? cdb_column_decode(column, doc, 1, ordinal) : 0;
    if (cdb_column_find(column, doc, &start, &count) != 0)
        return CHRONDB_EDAMAGED;
    if (count == 0)
        return 0;
    return cdb_column_decode(column, which == CDB_COLUMN_LEAST ? start : start + count - 1, 1, ordinal);
}

int cdb_column_least(const struct cdb_column *column, uint32_t doc, uint32_t *ordinal)
{
    return find_end(column, doc, CDB_COLUMN_LEAST, ordinal);
}

int cdb_column_greatest(const struct cdb_column *column, uint32_t doc, uint32_t *ordinal)
{
    return find_end(column, doc, CDB_COLUMN_GREATEST, ordinal);
}

int cdb_column_has(const struct cdb_column *column, uint32_t doc, uint32_t first, uint32_t last)
{
    uint64_t low, high;
    uint32_t count, ordinal = 0;

    if (cdb_column_find(column, doc, &low, &count) != 0)
        return CHRONDB_EDAMAGED;
    if (count == 0)
        return 0;
    /* To the least one that is not below `first`, or the last. */
    for (high = low + count - 1; low < high;) {
        uint64_t middle = low + (high - low) / 2;

        if (cdb_column_decode(column, middle, 1, &ordinal) != 0)
            return CHRONDB_EDAMAGED;
        if (ordinal < first)
            low = middle + 1;
        else
            high = middle;
    }
    if (cdb_column_decode(column, low, 1, &ordinal) != 0)
        return CHRONDB_EDAMAGED;
    return ordinal >= first && ordinal < last;
}

int cdb_column_next(const struct cdb_column *column, uint32_t doc, uint32_t *found)
{
    struct cdb_column_walk walk;
    int result;

    *found = column->docs;
    if (doc >= column->docs)
        return 0;
    result = cdb_column_walk_init(&walk, column, doc);
    if (result == 0)
        result = cdb_column_walk_next(&walk);
    if (result == 0)
        *found = walk.doc;
    return result == 1 ? 0 : result;
}

/* ---- runs: columns with a number for each document ---------------------------------------------- */

static bool is_run(const struct cdb_column *column, uint32_t doc, uint32_t count)
{
    return doc <= column->docs && count <= column->docs - doc;
}

/* Bits for 64 numbers: is it in [low, low + span)? */
static inline uint64_t match_word(const uint32_t *numbers, size_t count, uint32_t low, uint32_t span)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)(numbers[i] - low < span) << i;
    return word;
}

static int match_plain(const struct cdb_column *column, uint32_t doc, uint32_t count, uint32_t first, uint32_t span,
                       uint64_t *bits)
{
    uint32_t ordinals[CDB_COLUMN_PIECE];

    for (uint32_t done = 0; done < count;) {
        uint32_t some = count - done < CDB_COLUMN_PIECE ? count - done : CDB_COLUMN_PIECE;

        if (cdb_column_decode(column, (uint64_t)doc + done, some, ordinals) != 0)
            return CHRONDB_EDAMAGED;
        for (uint32_t i = 0; i < some; i += 64)
            bits[(done + i) / 64] = match_word(ordinals + i, some - i < 64 ? some - i : 64, first, span);
        done += some;
    }
    return 0;
}

static bool is_set(const uint64_t *bits, uint32_t i)
{
    return bits == NULL || (bits[i / 64] >> i % 64 & 1) != 0;
}

static int count_plain(const struct cdb_column *column, uint32_t doc, uint32_t count, const uint64_t *bits,
                       uint32_t *counts)
{
    uint32_t ordinals[CDB_COLUMN_PIECE];

    for (uint32_t done = 0; done < count;) {
        uint32_t some = count - done < CDB_COLUMN_PIECE ? count - done : CDB_COLUMN_PIECE;

        if (cdb_column_decode(column, (uint64_t)doc + done, some, ordinals) != 0)
            return CHRONDB_EDAMAGED;
        for (uint32_t i = 0; i < some; i++)
            if (is_set(bits, done + i) && ordinals[i] != CDB_ORDINAL_NONE)
                counts[ordinals[i]]++;
        done += some;
    }
    return 0;
}

/* ---- runs: the others --------------------------------------------------------------------------- */

/* On to the next document of the run: 0, or 1 at its end. */
static int walk_run(struct cdb_column_walk *walk, uint64_t end)
{
    int result = cdb_column_walk_next(walk);

    return result == 0 && walk->doc >= end ? 1 : result;
}

static int run_walk(const struct cdb_column *column, uint32_t doc, uint64_t end, enum cdb_column_end which,
                    uint32_t *ordinals)
{
    struct cdb_column_walk walk;
    int result = cdb_column_walk_init(&walk, column, doc);

    while (result == 0 && (result = walk_run(&walk, end)) == 0) {
        if (which == CDB_COLUMN_GREATEST)
            walk.at = walk.end - 1;
        result = cdb_column_walk_piece(&walk);
        if (result == 0)
            ordinals[walk.doc - doc] = walk.piece[0];
    }
    return result == 1 ? 0 : result;
}

static int match_walk(const struct cdb_column *column, uint32_t doc, uint64_t end, uint32_t first, uint32_t span,
                      uint64_t *bits)
{
    struct cdb_column_walk walk;
    int result = cdb_column_walk_init(&walk, column, doc);

    while (result == 0 && (result = walk_run(&walk, end)) == 0) {
        uint64_t found = 0;

        while (found == 0 && (result = cdb_column_walk_piece(&walk)) == 0)
            for (size_t i = 0; i < walk.piece_len; i++)
                found |= walk.piece[i] - first < span;
        bits[(walk.doc - doc) / 64] |= found << (walk.doc - doc) % 64;
        result = result == 1 ? 0 : result;
    }
    return result == 1 ? 0 : result;
}

static int count_walk(const struct cdb_column *column, uint32_t doc, uint64_t end, const uint64_t *bits,
                      uint32_t *counts)
{
    struct cdb_column_walk walk;
    int result = cdb_column_walk_init(&walk, column, doc);

    while (result == 0 && (result = walk_run(&walk, end)) == 0) {
        if (!is_set(bits, walk.doc - doc))
            continue;
        while ((result = cdb_column_walk_piece(&walk)) == 0)
            for (size_t i = 0; i < walk.piece_len; i++)
                counts[walk.piece[i]]++;
        result = result == 1 ? 0 : result;
    }
    return result == 1 ? 0 : result;
}

/* ---- runs --------------------------------------------------------------------------------------- */

int cdb_column_run(const struct cdb_column *column, uint32_t doc, uint32_t count, enum cdb_column_end which,
                   uint32_t *ordinals)
{
    if (!is_run(column, doc, count))
        return cdb_column_damaged();
    if (is_plain(column))
        return cdb_column_decode(column, doc, count, ordinals);
    memset(ordinals, 0xff, count * sizeof(*ordinals)); /* CDB_ORDINAL_NONE */
    return run_walk(column, doc, (uint64_t)doc + count, which, ordinals);
}

int cdb_column_match(const struct cdb_column *column, uint32_t doc, uint32_t count, uint32_t first, uint32_t last,
                     uint64_t *bits)
{
    uint32_t span = first < last ? last - first : 0;

    if (!is_run(column, doc, count))
        return cdb_column_damaged();
    if (is_plain(column))
        return match_plain(column, doc, count, first, span, bits);
    memset(bits, 0, ((size_t)count + 63) / 64 * sizeof(*bits));
    return match_walk(column, doc, (uint64_t)doc + count, first, span, bits);
}

int cdb_column_count(const struct cdb_column *column, uint32_t doc, uint32_t count, const uint64_t *bits,
                     uint32_t *counts)
{
    if (!is_run(column, doc, count))
        return cdb_column_damaged();
    return is_plain(column) ? count_plain(column, doc, count, bits, counts)
                            : count_walk(column, doc, (uint64_t)doc + count, bits, counts);
}
