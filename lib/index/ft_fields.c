/* SPDX-License-Identifier: MIT
 *
 * The fields of a segment of words. */
#include <string.h>

#include "index/bytes.h"
#include "index/column.h"
#include "index/ft_inside.h"
#include "util/array.h"
#include "util/buf.h"

static int bad_fields(void)
{
    return cdb_index_damaged("the fields of a segment of words are not what was written");
}

static const unsigned char *get_row(const struct cdb_ft_segment *segment, uint32_t number)
{
    return cdb_ft_get(segment, CDB_FT_FIELDS, (uint64_t)number * CDB_FT_ROW, CDB_FT_ROW);
}

/* Its parent and the end of what is below: the numbers of the tree, checked as far as walking it needs. */
static int get_place(const struct cdb_ft_segment *segment, uint32_t number, uint32_t *parent, uint32_t *end)
{
    const unsigned char *row = get_row(segment, number);

    if (row == NULL)
        return CHRONDB_EDAMAGED;
    *parent = cdb_le_get32(row);
    *end = cdb_le_get32(row + 4);
    if (number == 0) {
        *parent = 0;
        *end = segment->info.fields + 1;
    }
    return (number > 0 && *parent >= number) || *end <= number || *end > segment->info.fields + 1 ? bad_fields() : 0;
}

int cdb_ft_field_name(const struct cdb_ft_segment *segment, uint32_t number, const char **name, size_t *len)
{
    const unsigned char *row = get_row(segment, number), *p;
    uint32_t size;

    if (row == NULL)
        return CHRONDB_EDAMAGED;
    size = cdb_le_get32(row + 8);
    p = cdb_ft_get(segment, CDB_FT_NAMES, cdb_le_get64(row + 16), size);
    *name = (const char *)p;
    *len = size;
    return p != NULL ? 0 : CHRONDB_EDAMAGED;
}

int cdb_ft_field(const struct cdb_ft_segment *segment, uint32_t number, struct cdb_ft_field *field)
{
    const unsigned char *row;
    int result;

    if (number > segment->info.fields)
        return bad_fields();
    result = get_place(segment, number, &field->parent, &field->end);
    if (result != 0)
        return result;
    row = get_row(segment, number);
    field->leaf = number > 0 && (cdb_le_get32(row + 12) & CDB_FT_ROW_LEAF) != 0;
    field->docs = cdb_le_get32(row + 24);
    field->values = field->leaf ? cdb_le_get32(row + 28) : 0;
    field->length = cdb_le_get64(row + 32);
    field->column_offset = field->leaf ? cdb_le_get64(row + 48) : 0;
    field->column_len = field->leaf ? cdb_le_get64(row + 56) : 0;
    if (field->docs > segment->info.docs || field->values > segment->info.docs || field->length < field->docs)
        return bad_fields();
    return 0;
}

int cdb_ft_column(struct cdb_ft_segment *segment, uint32_t number, struct cdb_column *column)
{
    struct cdb_ft_field field;
    int result = cdb_ft_field(segment, number, &field);

    if (result != 0 || field.column_len == 0)
        return result != 0 ? result : 1;
    return cdb_column_open(column, &segment->pages, field.column_offset, field.column_len, segment->info.docs);
}

/* ---- paths -------------------------------------------------------------------------------------- */

/* The ancestor of `number`, or itself, whose parent is `parent`, which has `number` below it. */
static int lift(const struct cdb_ft_segment *segment, uint32_t parent, uint32_t number, uint32_t *child, uint32_t *end)
{
    for (unsigned depth = 0; depth < CDB_FT_DEPTH_MAX; depth++) {
        uint32_t above;
        int result = get_place(segment, number, &above, end);

        if (result != 0)
            return result;
        if (above == parent) {
            *child = number;
            return 0;
        }
        if (above < parent)
            break;
        number = above;
    }
    return bad_fields();
}

/* The child of `parent` with this name: 0, or 1. Binary search among all that is below it. */
static int find_child(const struct cdb_ft_segment *segment, uint32_t parent, const char *name, size_t len,
                      uint32_t *found)
{
    uint32_t low = parent + 1, high, above;
    int result = get_place(segment, parent, &above, &high);

    while (result == 0 && low < high) {
        uint32_t child = 0, end = 0;
        const char *own = NULL;
        size_t own_len = 0;
        int order;

        result = lift(segment, parent, low + (high - low) / 2, &child, &end);
        if (result == 0)
            result = cdb_ft_field_name(segment, child, &own, &own_len);
        if (result != 0)
            return result;
        order = cdb_bytes_compare(own, own_len, name, len);
        if (order == 0) {
            *found = child;
            return 0;
        }
        if (child < low || end > high) /* the file's tree is none */
            return bad_fields();
        if (order < 0)
            low = end;
        else
            high = child;
    }
    return result == 0 ? 1 : result;
}

int cdb_ft_find_field(const struct cdb_ft_segment *segment, const char *path, size_t len, struct cdb_ft_range *range)
{
    uint32_t number = 0, parent;
    const char *end;
    int result = 0;

    *range = (struct cdb_ft_range){1, segment->info.fields + 1, 0};
    if (path == NULL)
        return 0;
    end = path + len;
    for (unsigned depth = 0; result == 0 && path != NULL && depth < CDB_FT_DEPTH_MAX; depth++) {
        const char *dot = memchr(path, '.', (size_t)(end - path));

        result = find_child(segment, number, path, (size_t)((dot != NULL ? dot : end) - path), &number);
        path = dot != NULL ? dot + 1 : NULL;
    }
    if (result != 0)
        return result;
    range->first = range->field = number;
    return get_place(segment, number, &parent, &range->last);
}

int cdb_ft_field_path(const struct cdb_ft_segment *segment, uint32_t number, struct cdb_buf *out)
{
    uint32_t chain[CDB_FT_DEPTH_MAX], end;
    size_t depth = 0, len;
    const char *name;
    int result = number > segment->info.fields ? bad_fields() : 0;

    while (result == 0 && number > 0) {
        if (depth == CDB_FT_DEPTH_MAX)
            return bad_fields();
        chain[depth++] = number;
        result = get_place(segment, number, &number, &end);
    }
    while (result == 0 && depth > 0) {
        result = cdb_ft_field_name(segment, chain[--depth], &name, &len);
        if (result == 0)
            cdb_buf_add(out, name, len);
        if (result == 0 && depth > 0)
            cdb_buf_addc(out, '.');
    }
    return result == 0 ? cdb_buf_check(out) : result;
}
