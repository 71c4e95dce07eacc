/* SPDX-License-Identifier: MIT
 *
 * The fields of the segment that several become, their columns and norms. */
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/column.h"
#include "index/column_merge.h"
#include "index/ft_merger.h"
#include "util/error.h"

_Static_assert(CDB_DOC_DROPPED == CDB_FT_END, "maps are for columns too");

/* ---- paths -------------------------------------------------------------------------------------- */

/* Add the paths of a source. */
static int add_paths(struct cdb_merger *merger, struct cdb_merger_source *source)
{
    uint32_t fields = cdb_ft_info(source->segment)->fields;
    int result = 0;

    source->paths = calloc((size_t)fields + 1, sizeof(uint32_t));
    source->rows = calloc((size_t)fields + 1, sizeof(uint32_t));
    if (source->paths == NULL || source->rows == NULL)
        return cdb_error_memory();
    source->paths[0] = CDB_PATH_ROOT;
    for (uint32_t i = 1; result == 0 && i <= fields; i++) {
        struct cdb_ft_field field;
        const char *name = NULL;
        size_t len = 0;
        uint32_t member;

        result = cdb_ft_field(source->segment, i, &field);
        if (result == 0)
            result = cdb_ft_field_name(source->segment, i, &name, &len);
        if (result != 0)
            break;
        if (memchr(name, '.', len) != NULL)
            return cdb_index_damaged("a field's name has a dot");
        member = cdb_paths_member(&merger->paths, source->paths[field.parent], name, len, 0);
        if (member == 0)
            return CHRONDB_ESYSTEM;
        source->paths[i] = merger->paths.members[member].path;
        result = cdb_merger_tick(merger);
    }
    return result;
}

/* ---- columns ------------------------------------------------------------------------------------ */

/* The sources that have a leaf with this path. */
struct holders {
    struct cdb_column *columns;
    struct cdb_column_source *sources;
    size_t count;
};

static int find_holders(struct cdb_merger *merger, uint32_t path, uint32_t *const *fields, struct holders *out)
{
    out->count = 0;
    for (size_t i = 0; i < merger->count; i++) {
        struct cdb_merger_source *source = &merger->sources[i];
        uint32_t field = fields[i][path];
        int result = field == 0 ? 1 : cdb_ft_column(source->segment, field, &out->columns[out->count]);

        if (result < 0)
            return result;
        if (result == 1)
            continue;
        out->sources[out->count] = (struct cdb_column_source){&out->columns[out->count], source->map};
        out->count++;
    }
    return 0;
}

/* What the column's footer says: the number of documents that have a value. */
static int count_values(const struct cdb_sink *columns, uint32_t *values)
{
    unsigned char footer[CDB_COLUMN_FOOTER];
    int result = cdb_sink_read(columns, cdb_sink_size(columns) - sizeof(footer), footer, sizeof(footer));

    *values = cdb_le_get32(footer + 8);
    return result;
}

static int merge_column(struct cdb_merger *merger, uint32_t path, const struct holders *holders)
{
    struct cdb_ft_row *leaf = &merger->leaves[path];
    uint64_t start = cdb_sink_size(&merger->columns);
    int result;

    if (holders->count == 0)
        return 0;
    result = cdb_column_merge(holders->sources, holders->count, merger->docs, &merger->columns);
    if (result == 0)
        result = merger->columns.result;
    if (result != 0)
        return result == 1 ? 0 : result;
    leaf->leaf = true;
    leaf->column = start;
    leaf->column_len = cdb_sink_size(&merger->columns) - start;
    return count_values(&merger->columns, &leaf->values);
}

/* For each source an array by path: its field, or 0. */
static uint32_t **invert_paths(const struct cdb_merger *merger)
{
    uint32_t **fields = calloc(merger->count + 1, sizeof(*fields));

    for (size_t i = 0; fields != NULL && i < merger->count; i++) {
        const struct cdb_merger_source *source = &merger->sources[i];

        fields[i] = calloc(merger->paths.count, sizeof(uint32_t));
        if (fields[i] == NULL) {
            for (size_t k = 0; k < i; k++)
                free(fields[k]);
            free(fields);
            fields = NULL;
            break;
        }
        for (uint32_t f = 1; f <= cdb_ft_info(source->segment)->fields; f++)
            fields[i][source->paths[f]] = f;
    }
    if (fields == NULL)
        cdb_error_set_memory();
    return fields;
}

static int merge_columns(struct cdb_merger *merger)
{
    uint32_t **fields = invert_paths(merger);
    struct holders holders = {calloc(merger->count + 1, sizeof(*holders.columns)),
                              calloc(merger->count + 1, sizeof(*holders.sources)), 0};
    int result = fields == NULL ? CHRONDB_ESYSTEM : 0;

    merger->leaves = calloc(merger->paths.count, sizeof(*merger->leaves));
    if (result == 0 && (holders.columns == NULL || holders.sources == NULL || merger->leaves == NULL))
        result = cdb_error_memory();
    for (uint32_t path = 1; result == 0 && path < merger->paths.count; path++) {
        result = find_holders(merger, path, fields, &holders);
        if (result == 0)
            result = merge_column(merger, path, &holders);
        if (result == 0)
            result = cdb_merger_tick(merger);
    }
    for (size_t i = 0; fields != NULL && i < merger->count; i++)
        free(fields[i]);
    free(fields);
    free(holders.columns);
    free(holders.sources);
    return result;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

/* Number the paths that are leaves, or above leaves, in order. */
static int number_paths(struct cdb_merger *merger)
{
    size_t count = merger->paths.count;
    uint32_t *order = malloc((count + 1) * sizeof(uint32_t));
    int result;

    merger->number = calloc(count + 1, sizeof(uint32_t));
    merger->path = calloc(count + 1, sizeof(uint32_t));
    result = order == NULL || merger->number == NULL || merger->path == NULL ? cdb_error_memory()
                                                                             : cdb_paths_sort(&merger->paths, order);
    for (size_t i = count - 1; result == 0 && i-- > 0;) {
        uint32_t path = order[i];

        if (merger->leaves[path].leaf)
            merger->number[path] = 1;
        if (merger->number[path] != 0)
            merger->number[merger->paths.paths[path].parent] = 1;
    }
    for (size_t i = 0; result == 0 && i + 1 < count; i++) {
        if (merger->number[order[i]] == 0)
            continue;
        merger->path[++merger->fields] = order[i];
        merger->number[order[i]] = merger->fields;
    }
    free(order);
    return result;
}

static int make_rows(struct cdb_merger *merger)
{
    merger->rows = calloc((size_t)merger->fields + 1, sizeof(*merger->rows));
    if (merger->rows == NULL)
        return cdb_error_memory();
    for (uint32_t i = merger->fields; i > 0; i--) {
        const struct cdb_path *path = &merger->paths.paths[merger->path[i]];
        struct cdb_ft_row *row = &merger->rows[i], *parent;
        uint32_t end = row->end;

        *row = merger->leaves[merger->path[i]];
        row->end = end > i + 1 ? end : i + 1;
        row->parent = path->parent == CDB_PATH_ROOT ? 0 : merger->number[path->parent];
        row->name = merger->paths.names.ptr + path->name;
        row->name_len = path->name_len;
        parent = &merger->rows[row->parent];
        parent->end = parent->end > row->end ? parent->end : row->end;
    }
    merger->rows[0].end = merger->fields + 1;
    return 0;
}

/* What fields the sources' are now. */
static int connect(struct cdb_merger *merger, struct cdb_merger_source *source)
{
    int result = 0;

    source->fields = calloc((size_t)merger->fields + 1, sizeof(uint32_t));
    source->norms = calloc((size_t)merger->fields + 1, sizeof(*source->norms));
    if (source->fields == NULL || source->norms == NULL)
        return cdb_error_memory();
    for (uint32_t i = 1; i <= cdb_ft_info(source->segment)->fields; i++) {
        source->rows[i] = merger->number[source->paths[i]];
        source->fields[source->rows[i]] = source->rows[i] != 0 ? i : 0;
    }
    for (uint32_t row = 0; result == 0 && row <= merger->fields; row++)
        if (row == 0 || source->fields[row] != 0)
            result = cdb_ft_norms_open(&source->norms[row], source->segment, source->fields[row]);
    return result;
}

int cdb_merger_fields(struct cdb_merger *merger)
{
    int result = cdb_paths_init(&merger->paths);

    for (size_t i = 0; result == 0 && i < merger->count; i++)
        result = add_paths(merger, &merger->sources[i]);
    if (result == 0)
        result = merge_columns(merger);
    if (result == 0)
        result = number_paths(merger);
    if (result == 0)
        result = make_rows(merger);
    for (size_t i = 0; result == 0 && i < merger->count; i++)
        result = connect(merger, &merger->sources[i]);
    return result;
}

void cdb_merger_sum_lengths(struct cdb_merger *merger)
{
    for (uint32_t i = merger->fields; i > 0; i--)
        merger->rows[merger->rows[i].parent].length += merger->rows[i].length;
}

/* ---- norms -------------------------------------------------------------------------------------- */

/* The norms of a row: by new document; or pairs of a document and a norm (lowest byte), ascending. */
struct norms {
    unsigned char *dense;
    uint64_t *pairs;
    size_t count, room;
};

#define SPARSE 8 /* listed if fewer documents than one in so many have tokens */

static void add_norm(struct norms *out, const struct cdb_merger_source *source, uint32_t doc, unsigned char norm)
{
    uint32_t number = source->map[doc];

    if (number == CDB_FT_END || norm == 0)
        return;
    if (out->dense != NULL)
        out->dense[number] = norm;
    else if (out->count < out->room)
        out->pairs[out->count++] = (uint64_t)number << 8 | norm;
}

static int add_norms(struct norms *out, const struct cdb_merger_source *source, const struct cdb_ft_norms *norms)
{
    uint64_t len = norms->count == 0 ? 0 : norms->dense ? norms->docs : norms->count * (uint64_t)5;
    const unsigned char *p = cdb_pages_get(norms->pages, norms->offset, len);

    if (p == NULL)
        return CHRONDB_EDAMAGED;
    for (uint32_t i = 0; norms->dense && i < norms->docs; i++)
        add_norm(out, source, i, p[i]);
    for (uint32_t i = 0; !norms->dense && i < norms->count; i++) {
        uint32_t doc = cdb_le_get32(p + (size_t)i * 4);

        if (doc >= norms->docs)
            return cdb_index_damaged("a norm is of a document that is none");
        add_norm(out, source, doc, p[(size_t)norms->count * 4 + i]);
    }
    return 0;
}

static int compare_pairs(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Gather those of all sources. */
static int gather_norms(struct cdb_merger *merger, uint32_t row, struct norms *out)
{
    uint64_t items = 0;
    int result = 0;

    *out = (struct norms){.dense = NULL};
    for (size_t i = 0; i < merger->count; i++)
        items += merger->sources[i].norms[row].count;
    if (items * SPARSE >= merger->docs)
        out->dense = calloc((size_t)merger->docs + 1, 1);
    else
        out->pairs = malloc((items + 1) * sizeof(uint64_t));
    out->room = items;
    if (out->dense == NULL && out->pairs == NULL)
        return cdb_error_memory();
    for (size_t i = 0; result == 0 && i < merger->count; i++)
        if (merger->sources[i].norms[row].count > 0)
            result = add_norms(out, &merger->sources[i], &merger->sources[i].norms[row]);
    if (out->pairs != NULL)
        qsort(out->pairs, out->count, sizeof(*out->pairs), compare_pairs);
    for (uint32_t i = 0; out->dense != NULL && i < merger->docs; i++)
        out->count += out->dense[i] != 0;
    for (size_t i = 1; out->pairs != NULL && i < out->count; i++)
        if (out->pairs[i] >> 8 == out->pairs[i - 1] >> 8)
            return cdb_index_damaged("a document has two norms");
    return result;
}

static int write_norms(struct cdb_merger *merger, uint32_t row, const struct norms *norms)
{
    struct cdb_ft_writer *writer = &merger->writer;
    struct cdb_ft_row *out = &merger->rows[row];

    out->docs = (uint32_t)norms->count;
    if (norms->count == 0)
        return 0;
    cdb_ft_writer_begin_norms(writer, out->docs);
    for (size_t i = 0; norms->pairs != NULL && i < norms->count; i++)
        cdb_ft_writer_norm(writer, (uint32_t)(norms->pairs[i] >> 8), (unsigned char)norms->pairs[i]);
    for (uint32_t i = 0; norms->dense != NULL && i < merger->docs; i++)
        if (norms->dense[i] != 0)
            cdb_ft_writer_norm(writer, i, norms->dense[i]);
    return cdb_ft_writer_end_norms(writer, &out->norms, &out->dense);
}

/* Where a row that is no leaf has tokens below one child only, they share the norms. */
static uint32_t only_child(const struct cdb_merger *merger, uint32_t row)
{
    uint32_t only = 0;

    if (merger->rows[row].leaf)
        return 0;
    for (uint32_t child = row + 1; child < merger->rows[row].end; child = merger->rows[child].end) {
        if (merger->rows[child].docs > 0 && only != 0)
            return 0;
        only = merger->rows[child].docs > 0 ? child : only;
    }
    return only;
}

int cdb_merger_norms(struct cdb_merger *merger)
{
    int result = 0;

    for (uint32_t row = merger->fields + 1; result == 0 && row-- > 0;) {
        uint32_t child = only_child(merger, row);
        struct norms norms = {.dense = NULL};

        if (child != 0) {
            merger->rows[row].docs = merger->rows[child].docs;
            merger->rows[row].norms = merger->rows[child].norms;
            merger->rows[row].dense = merger->rows[child].dense;
            continue;
        }
        result = gather_norms(merger, row, &norms);
        if (result == 0)
            result = write_norms(merger, row, &norms);
        free(norms.dense);
        free(norms.pairs);
        if (result == 0)
            result = cdb_merger_tick(merger);
    }
    cdb_ft_writer_end_all_norms(&merger->writer);
    return result;
}
