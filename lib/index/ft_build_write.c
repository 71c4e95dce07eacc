/* SPDX-License-Identifier: MIT
 *
 * The segment that is built, as a file. */
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_builder.h"
#include "util/error.h"

/* ---- fields ------------------------------------------------------------------------------------- */

static bool is_leaf(const struct cdb_ft_builder *builder, uint32_t path)
{
    return path < builder->leaf_room && builder->leaves[path] != NULL;
}

/* Number those paths that are leaves or above leaves, in order. */
static int number_paths(struct cdb_build *build)
{
    const struct cdb_ft_builder *builder = build->builder;
    size_t count = builder->paths.count;
    uint32_t *order = malloc((count + 1) * sizeof(uint32_t));
    int result;

    build->number = calloc(count + 1, sizeof(uint32_t));
    build->path = calloc(count + 1, sizeof(uint32_t));
    result = order == NULL || build->number == NULL || build->path == NULL ? cdb_error_memory()
                                                                           : cdb_paths_sort(&builder->paths, order);
    for (size_t i = count - 1; result == 0 && i-- > 0;) {
        uint32_t path = order[i];

        if (is_leaf(builder, path))
            build->number[path] = 1;
        if (build->number[path] != 0)
            build->number[builder->paths.paths[path].parent] = 1;
    }
    for (size_t i = 0; result == 0 && i + 1 < count; i++) {
        if (build->number[order[i]] == 0)
            continue;
        build->path[++build->fields] = order[i];
        build->number[order[i]] = build->fields;
    }
    free(order);
    return result;
}

static int make_rows(struct cdb_build *build)
{
    const struct cdb_paths *paths = &build->builder->paths;
    size_t count = (size_t)build->fields + 1;

    build->rows = calloc(count, sizeof(*build->rows));
    build->norms = calloc(count, sizeof(*build->norms));
    if (build->rows == NULL || build->norms == NULL)
        return cdb_error_memory();
    for (uint32_t i = build->fields; i > 0; i--) {
        const struct cdb_path *path = &paths->paths[build->path[i]];
        struct cdb_ft_row *row = &build->rows[i], *parent;

        row->parent = path->parent == CDB_PATH_ROOT ? 0 : build->number[path->parent];
        row->end = row->end > i + 1 ? row->end : i + 1;
        row->name = paths->names.ptr + path->name;
        row->name_len = path->name_len;
        row->leaf = is_leaf(build->builder, build->path[i]);
        row->values = row->leaf ? build->builder->leaves[build->path[i]]->values : 0;
        parent = &build->rows[row->parent];
        parent->end = parent->end > row->end ? parent->end : row->end;
    }
    build->rows[0].end = build->fields + 1;
    return 0;
}

/* ---- the parts ---------------------------------------------------------------------------------- */

static int write_docs(struct cdb_build *build)
{
    const struct cdb_buf *keys = &build->builder->keys;
    int result = 0;

    for (size_t at = 0; result == 0 && at < keys->len;) {
        const unsigned char *head = (const unsigned char *)keys->ptr + at;
        size_t len = cdb_le_get16(head);

        result = cdb_ft_writer_doc(&build->writer, (const char *)head + 6, len, cdb_le_get32(head + 2));
        at += 6 + len;
    }
    return result == 0 ? cdb_ft_writer_end_docs(&build->writer) : result;
}

static int write_columns(struct cdb_build *build)
{
    struct cdb_ft_builder *builder = build->builder;
    struct cdb_sink *file = &build->writer.file;
    int result = 0;

    cdb_ft_writer_begin_columns(&build->writer);
    for (uint32_t i = 1; result == 0 && i <= build->fields; i++) {
        struct cdb_ft_row *row = &build->rows[i];

        if (!row->leaf)
            continue;
        row->column = cdb_pages_offset(file);
        result = cdb_column_writer_finish(&builder->leaves[build->path[i]]->column, builder->docs, file);
        row->column_len = cdb_pages_offset(file) - row->column;
    }
    cdb_ft_writer_end_columns(&build->writer);
    return result;
}

static int write_all(struct cdb_build *build)
{
    int result = cdb_words_flush(&build->builder->words);

    if (result == 0)
        result = write_docs(build);
    if (result == 0)
        result = number_paths(build);
    if (result == 0)
        result = make_rows(build);
    if (result == 0)
        result = cdb_build_norms(build);
    if (result == 0)
        result = cdb_build_words(build);
    if (result == 0)
        result = write_columns(build);
    if (result == 0)
        cdb_ft_writer_fields(&build->writer, build->rows, build->fields);
    return result;
}

static void build_release(struct cdb_build *build)
{
    for (uint32_t i = 0; build->norms != NULL && i <= build->fields; i++)
        cdb_norms_memory_release(&build->norms[i]);
    free(build->norms);
    free(build->rows);
    free(build->number);
    free(build->path);
    free(build->first_forms);
    free(build->form_values);
    free(build->stamps);
    cdb_buf_release(&build->values);
}

/* To a file in `dir`; -1: to `out`. */
static int finish(struct cdb_ft_builder *builder, int dir, struct cdb_buf *out, uint64_t *number, uint64_t *bytes)
{
    struct cdb_build *build = calloc(1, sizeof(*build)); /* large */
    int result;

    if (build == NULL)
        return cdb_error_memory();
    build->builder = builder;
    result = cdb_ft_writer_init(&build->writer, dir, builder->min_from, builder->max_from);
    if (result == 0)
        result = write_all(build);
    if (result == 0)
        result = cdb_ft_writer_finish(&build->writer, build->fields, number, bytes);
    if (result == 0 && dir == -1) {
        if (out->len == 0) {
            cdb_buf_release(out);
            *out = build->writer.file.buf;
            build->writer.file.buf = (struct cdb_buf)CDB_BUF_INIT;
        } else {
            cdb_buf_add(out, build->writer.file.buf.ptr, build->writer.file.buf.len);
        }
        result = cdb_buf_check(out);
    }
    build_release(build);
    cdb_ft_writer_release(&build->writer);
    free(build);
    return result == 0 ? cdb_ft_builder_reset(builder) : result;
}

int cdb_ft_builder_write(struct cdb_ft_builder *builder, int dir, uint64_t *number, uint64_t *bytes)
{
    return finish(builder, dir, NULL, number, bytes);
}

int cdb_ft_builder_finish(struct cdb_ft_builder *builder, struct cdb_buf *out)
{
    uint64_t number, bytes;

    return finish(builder, -1, out, &number, &bytes);
}
