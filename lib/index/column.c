/* SPDX-License-Identifier: MIT
 *
 * Opening a column, and its values. (lib/index/column_docs.c: which document has which.) */
#include "index/column.h"

#include <string.h>

#include "index/bytes.h"
#include "index/column_file.h"
#include "index/packed.h"

int cdb_column_damaged(void)
{
    return cdb_index_damaged("a column is not what was written");
}

/* ---- opening ------------------------------------------------------------------------------------ */

/* The parts of the column, of which none passes `left`. */
struct parts {
    uint64_t at, left;
    bool good;
};

static uint64_t take(struct parts *parts, uint64_t len)
{
    uint64_t at = parts->at;

    if (len > parts->left) {
        parts->good = false;
        return at;
    }
    parts->at += len;
    parts->left -= len;
    return at;
}

static struct cdb_packed take_packed(struct parts *parts, uint64_t count, unsigned width)
{
    struct cdb_packed packed = {parts->at, width};

    if (width > CDB_PACKED_MAX || count > CDB_COLUMN_ITEMS_MAX)
        parts->good = false;
    else
        take(parts, cdb_packed_bytes(count, width));
    return packed;
}

static bool is_sound(const struct cdb_column *column)
{
    if (column->values == 0 || column->rows == 0 || column->rows > column->docs || column->ordinals < column->rows ||
        column->values > column->ordinals || column->values_len / 2 < column->values)
        return false;
    /* With several values for a document there are several, and their ordinals take bits: work is in proportion to the
     * file. */
    if (column->multiple ? column->values == 1 : column->ordinals != column->rows)
        return false;
    return !column->full || (column->rows == column->docs && !column->sparse && !column->multiple);
}

int cdb_column_open(struct cdb_column *column, const struct cdb_pages *pages, uint64_t offset, uint64_t len,
                    uint32_t docs)
{
    struct parts parts = {offset, len, len >= CDB_COLUMN_FOOTER && len <= UINT64_MAX - offset};
    const unsigned char *footer =
        parts.good ? cdb_pages_get(pages, offset + len - CDB_COLUMN_FOOTER, CDB_COLUMN_FOOTER) : NULL;

    if (!parts.good)
        return cdb_column_damaged();
    if (footer == NULL)
        return CHRONDB_EDAMAGED;
    *column = (struct cdb_column){.pages = pages,
                                  .docs = docs,
                                  .values = cdb_le_get32(footer + 4),
                                  .rows = cdb_le_get32(footer + 8),
                                  .ordinals = cdb_le_get64(footer + 16),
                                  .sparse = (footer[0] & CDB_COLUMN_SPARSE) != 0,
                                  .multiple = (footer[0] & CDB_COLUMN_MULTIPLE) != 0,
                                  .full = (footer[0] & CDB_COLUMN_FULL) != 0,
                                  .values_len = cdb_le_get64(footer + 24)};
    if (footer[0] > 7 || cdb_le_get32(footer + 12) != docs || !is_sound(column) ||
        footer[1] != cdb_column_list_width(column) || footer[2] != cdb_column_docs_width(column))
        return cdb_column_damaged();
    column->values_at = take(&parts, column->values_len);
    column->blocks = take_packed(&parts, ((uint64_t)column->values + CDB_COLUMN_BLOCK - 1) / CDB_COLUMN_BLOCK,
                                 cdb_packed_width(column->values_len));
    column->row_docs = take_packed(&parts, column->sparse ? column->rows : 0, footer[2]);
    column->starts = take_packed(&parts, column->multiple ? cdb_column_rows(column) + 1 : 0, footer[3]);
    column->bases_at = take(&parts, column->multiple ? (cdb_column_rows(column) / 64 + 1) * 8 : 0);
    column->list = take_packed(&parts, column->multiple ? column->ordinals : cdb_column_rows(column), footer[1]);
    take(&parts, CDB_COLUMN_FOOTER);
    return parts.good && parts.left == 0 ? 0 : cdb_column_damaged();
}

/* ---- blocks of values --------------------------------------------------------------------------- */

static uint32_t count_blocks(const struct cdb_column *column)
{
    return (column->values - 1) / CDB_COLUMN_BLOCK + 1;
}

/* Where a block begins in the pages, and how long it is. */
static int find_block(const struct cdb_column *column, uint32_t block, uint64_t *start, uint64_t *len)
{
    uint64_t first = 0, end;

    if ((block > 0 && cdb_column_item(column, &column->blocks, block - 1, &first) != 0) ||
        cdb_column_item(column, &column->blocks, block, &end) != 0)
        return CHRONDB_EDAMAGED;
    if (first >= end || end > column->values_len || end - first > CDB_COLUMN_BLOCK * (2 + CDB_VALUE_MAX))
        return cdb_column_damaged();
    *start = column->values_at + first;
    *len = end - first;
    return 0;
}

static int load_block(struct cdb_column_cursor *cursor, uint32_t block)
{
    uint64_t start, len;
    int result = find_block(cursor->column, block, &start, &len);

    if (result != 0)
        return result;
    cursor->at = cdb_pages_get(cursor->column->pages, start, len);
    if (cursor->at == NULL)
        return CHRONDB_EDAMAGED;
    cursor->end = cursor->at + len;
    cursor->next = block * CDB_COLUMN_BLOCK;
    return 0;
}

/* The value at cursor->at, which is the first of its block. */
static int take_first(struct cdb_column_cursor *cursor)
{
    size_t len = *cursor->at++;

    if (len == 0 || len > CDB_VALUE_MAX || len > (size_t)(cursor->end - cursor->at))
        return cdb_column_damaged();
    cursor->value.len = (unsigned char)len;
    memcpy(cursor->value.bytes, cursor->at, len);
    cursor->at += len;
    cursor->next++;
    return 0;
}

/* One that is not the first. They ascend: each differs from the one before in the first byte that it does not share. */
static int take_next(struct cdb_column_cursor *cursor)
{
    struct cdb_value *value = &cursor->value;
    const unsigned char *p = cursor->at;
    size_t shared, rest;

    if (cursor->end - p < 2)
        return cdb_column_damaged();
    shared = p[0];
    rest = p[1];
    p += 2;
    if (shared > value->len || rest == 0 || rest > (size_t)(cursor->end - p) || shared + rest > CDB_VALUE_MAX ||
        (shared < value->len && *p <= value->bytes[shared]))
        return cdb_column_damaged();
    memcpy(value->bytes + shared, p, rest);
    value->len = (unsigned char)(shared + rest);
    cursor->at = p + rest;
    cursor->next++;
    return 0;
}

int cdb_column_cursor_init(struct cdb_column_cursor *cursor, const struct cdb_column *column, uint32_t ordinal)
{
    int result;

    cursor->column = column;
    cursor->value.len = 0;
    cursor->at = cursor->end = NULL;
    cursor->next = ordinal;
    if (ordinal >= column->values || ordinal % CDB_COLUMN_BLOCK == 0)
        return 0;
    result = load_block(cursor, ordinal / CDB_COLUMN_BLOCK);
    if (result == 0)
        result = take_first(cursor);
    while (result == 0 && cursor->next < ordinal)
        result = take_next(cursor);
    return result;
}

int cdb_column_cursor_next(struct cdb_column_cursor *cursor)
{
    struct cdb_value before;
    int result;

    if (cursor->next >= cursor->column->values)
        return 1;
    if (cursor->next % CDB_COLUMN_BLOCK != 0)
        return take_next(cursor);
    before = cursor->value;
    result = load_block(cursor, cursor->next / CDB_COLUMN_BLOCK);
    if (result == 0)
        result = take_first(cursor);
    if (result == 0 && before.len > 0 && cdb_value_compare(&before, &cursor->value) >= 0)
        result = cdb_column_damaged();
    return result;
}

int cdb_column_value(const struct cdb_column *column, uint32_t ordinal, struct cdb_value *value)
{
    struct cdb_column_cursor cursor;
    int result;

    if (ordinal >= column->values)
        return cdb_column_damaged();
    result = cdb_column_cursor_init(&cursor, column, ordinal);
    if (result == 0)
        result = cdb_column_cursor_next(&cursor);
    if (result == 0)
        *value = cursor.value;
    return result;
}

/* ---- searching ---------------------------------------------------------------------------------- */

/* The last block whose first value is not above `value`, or the first block. */
static int search_blocks(struct cdb_column_cursor *cursor, const struct cdb_value *value, uint32_t *found)
{
    uint32_t low = 0, high = count_blocks(cursor->column);
    int result = 0;

    while (result == 0 && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        result = load_block(cursor, middle);
        if (result == 0)
            result = take_first(cursor);
        if (result == 0 && cdb_value_compare(&cursor->value, value) <= 0)
            low = middle;
        else
            high = middle;
    }
    *found = low;
    return result;
}

int cdb_column_seek(const struct cdb_column *column, const struct cdb_value *value, uint32_t *ordinal, bool *equal)
{
    struct cdb_column_cursor cursor = {.column = column};
    uint32_t block, end;
    int order = -1, result = search_blocks(&cursor, value, &block);

    if (result == 0)
        result = load_block(&cursor, block);
    if (result == 0)
        result = take_first(&cursor);
    if (result != 0)
        return result;
    end =
        column->values - block * CDB_COLUMN_BLOCK > CDB_COLUMN_BLOCK ? (block + 1) * CDB_COLUMN_BLOCK : column->values;
    while ((order = cdb_value_compare(&cursor.value, value)) < 0 && cursor.next < end)
        if (take_next(&cursor) != 0)
            return CHRONDB_EDAMAGED;
    *ordinal = order < 0 ? cursor.next : cursor.next - 1;
    *equal = order == 0;
    return 0;
}

int cdb_column_range(const struct cdb_column *column, const struct cdb_value *lower, bool lower_included,
                     const struct cdb_value *upper, bool upper_included, struct cdb_ordinals *ordinals)
{
    bool equal;

    *ordinals = (struct cdb_ordinals){.first = 0, .last = column->values};
    if (lower != NULL) {
        if (cdb_column_seek(column, lower, &ordinals->first, &equal) != 0)
            return CHRONDB_EDAMAGED;
        if (equal && !cdb_value_is_exact(lower->bytes, lower->len))
            ordinals->check_first = true;
        else if (equal && !lower_included)
            ordinals->first++;
    }
    if (upper != NULL) {
        if (cdb_column_seek(column, upper, &ordinals->last, &equal) != 0)
            return CHRONDB_EDAMAGED;
        if (equal && !cdb_value_is_exact(upper->bytes, upper->len))
            ordinals->check_last = true;
        if (equal && (ordinals->check_last || upper_included))
            ordinals->last++;
    }
    if (ordinals->first >= ordinals->last) /* nothing is between them */
        *ordinals = (struct cdb_ordinals){.first = ordinals->first, .last = ordinals->first};
    return 0;
}
