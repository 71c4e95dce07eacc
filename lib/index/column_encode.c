/* SPDX-License-Identifier: MIT */
#include "index/column_encode.h"

#include <string.h>

#include "index/bytes.h"
#include "index/column_file.h"
#include "index/packed.h"

/* ---- values ------------------------------------------------------------------------------------- */

void cdb_column_encoder_init(struct cdb_column_encoder *encoder, struct cdb_sink *sink)
{
    *encoder = (struct cdb_column_encoder){.sink = sink, .begin = cdb_sink_size(sink), .ends = CDB_BUF_INIT};
}

void cdb_column_encoder_release(struct cdb_column_encoder *encoder)
{
    cdb_buf_release(&encoder->ends);
}

static void end_block(struct cdb_column_encoder *encoder)
{
    uint64_t end = cdb_sink_size(encoder->sink) - encoder->begin;

    cdb_buf_add(&encoder->ends, &end, sizeof(end));
}

void cdb_column_encoder_value(struct cdb_column_encoder *encoder, const unsigned char *bytes, size_t len)
{
    unsigned char head[2] = {(unsigned char)len};
    size_t shared = 0, most = len < encoder->last.len ? len : encoder->last.len;

    if (encoder->values % CDB_COLUMN_BLOCK == 0) {
        if (encoder->values > 0)
            end_block(encoder);
        cdb_sink_add(encoder->sink, head, 1);
    } else {
        while (shared < most && bytes[shared] == encoder->last.bytes[shared])
            shared++;
        head[0] = (unsigned char)shared;
        head[1] = (unsigned char)(len - shared);
        cdb_sink_add(encoder->sink, head, 2);
    }
    cdb_sink_add(encoder->sink, bytes + shared, len - shared);
    memcpy(encoder->last.bytes, bytes, len);
    encoder->last.len = (unsigned char)len;
    encoder->values++;
}

/* ---- documents ---------------------------------------------------------------------------------- */

/* The column that becomes of it, as its reader will see it, and the writing. */
struct writing {
    struct cdb_column column;
    unsigned start_width;
    const struct cdb_column_rows *source;
    struct cdb_sink *sink;
    struct cdb_buf bases;
};

static int count_pieces(const struct cdb_column_rows *source, uint64_t *count)
{
    const uint32_t *ordinals;
    size_t some;
    int result;

    while ((result = source->piece(source->context, &ordinals, &some)) == 0)
        *count += some;
    return result == 1 ? 0 : result;
}

/* How far apart the ordinals of rows with the same base begin, at most, if the column is sparse and if it is not. */
static int find_spans(const struct cdb_column_rows *source, uint64_t *sparse, uint64_t *dense)
{
    uint64_t row = 0, row_span = 0, doc_span = 0, block = 0;
    uint32_t doc;
    int result = source->rewind(source->context);

    *sparse = *dense = 0;
    while (result == 0 && (result = source->next(source->context, &doc)) == 0) {
        uint64_t count = 0;

        result = count_pieces(source, &count);
        if (row++ % CDB_COLUMN_ROWS == 0)
            row_span = 0;
        if (doc / CDB_COLUMN_ROWS != block)
            doc_span = 0;
        block = doc / CDB_COLUMN_ROWS;
        row_span += count;
        doc_span += count;
        *sparse = row_span > *sparse ? row_span : *sparse;
        *dense = doc_span > *dense ? doc_span : *dense;
    }
    return result == 1 ? 0 : result;
}

static uint64_t size_of(const struct cdb_column *column, unsigned start_width)
{
    uint64_t rows = cdb_column_rows(column), size = 0;

    if (column->sparse)
        size += cdb_packed_bytes(rows, cdb_column_docs_width(column));
    if (column->multiple)
        size += cdb_packed_bytes(rows + 1, start_width) + (rows / CDB_COLUMN_ROWS + 1) * 8;
    return size + cdb_packed_bytes(column->multiple ? column->ordinals : rows, cdb_column_list_width(column));
}

static int choose_layout(struct writing *writing)
{
    struct cdb_column *column = &writing->column;
    uint64_t sparse_span = 0, dense_span = 0, dense;
    int result = column->multiple ? find_spans(writing->source, &sparse_span, &dense_span) : 0;

    column->full = !column->multiple && column->rows == column->docs;
    dense = size_of(column, cdb_packed_width(dense_span));
    column->sparse = !column->full;
    if (!column->sparse || size_of(column, cdb_packed_width(sparse_span)) >= dense)
        column->sparse = false;
    writing->start_width = column->multiple ? cdb_packed_width(column->sparse ? sparse_span : dense_span) : 0;
    return result;
}

static int write_docs(struct writing *writing)
{
    const struct cdb_column_rows *source = writing->source;
    struct cdb_packer packer;
    uint32_t doc;
    int result = source->rewind(source->context);

    cdb_packer_init(&packer, writing->sink, cdb_column_docs_width(&writing->column));
    while (result == 0 && (result = source->next(source->context, &doc)) == 0)
        cdb_packer_add(&packer, doc);
    cdb_packer_finish(&packer);
    return result == 1 ? 0 : result;
}

/* The starts of rows [*row, end), all of them the same; the bases wait. */
static void add_starts(struct writing *writing, struct cdb_packer *packer, uint64_t *row, uint64_t end, uint64_t start,
                       uint64_t *base)
{
    for (; *row < end; ++*row) {
        if (*row % CDB_COLUMN_ROWS == 0) {
            unsigned char bytes[8];

            *base = start;
            cdb_le_put64(bytes, start);
            cdb_buf_add(&writing->bases, bytes, sizeof(bytes));
        }
        cdb_packer_add(packer, start - *base);
    }
}

static int write_starts(struct writing *writing)
{
    const struct cdb_column_rows *source = writing->source;
    struct cdb_packer packer;
    uint64_t row = 0, start = 0, base = 0;
    uint32_t doc;
    int result = source->rewind(source->context);

    cdb_packer_init(&packer, writing->sink, writing->start_width);
    while (result == 0 && (result = source->next(source->context, &doc)) == 0) {
        /* Also of the documents without any before this one. */
        add_starts(writing, &packer, &row, writing->column.sparse ? row + 1 : (uint64_t)doc + 1, start, &base);
        result = count_pieces(source, &start);
    }
    add_starts(writing, &packer, &row, cdb_column_rows(&writing->column) + 1, start, &base);
    cdb_packer_finish(&packer);
    if (result == 1)
        result = cdb_buf_check(&writing->bases);
    if (result == 0)
        cdb_sink_add(writing->sink, writing->bases.ptr, writing->bases.len);
    return result;
}

static int write_ordinals(struct writing *writing)
{
    const struct cdb_column_rows *source = writing->source;
    const struct cdb_column *column = &writing->column;
    bool missing = !column->sparse && !column->multiple && !column->full;
    struct cdb_packer packer;
    uint32_t doc, next = 0; /* the document that comes next, if there is a number for each */
    int result = source->rewind(source->context);

    cdb_packer_init(&packer, writing->sink, cdb_column_list_width(column));
    while (result == 0 && (result = source->next(source->context, &doc)) == 0) {
        const uint32_t *ordinals;
        size_t count;

        for (; missing && next < doc; next++)
            cdb_packer_add(&packer, 0);
        next = doc + 1;
        while ((result = source->piece(source->context, &ordinals, &count)) == 0)
            for (size_t i = 0; i < count; i++)
                cdb_packer_add(&packer, (uint64_t)ordinals[i] + missing);
        result = result == 1 ? 0 : result;
    }
    for (; missing && next < column->docs; next++)
        cdb_packer_add(&packer, 0);
    cdb_packer_finish(&packer);
    return result == 1 ? 0 : result;
}

static void write_footer(const struct writing *writing)
{
    const struct cdb_column *column = &writing->column;
    unsigned char footer[CDB_COLUMN_FOOTER];

    footer[0] = (unsigned char)((column->sparse ? CDB_COLUMN_SPARSE : 0) |
                                (column->multiple ? CDB_COLUMN_MULTIPLE : 0) | (column->full ? CDB_COLUMN_FULL : 0));
    footer[1] = (unsigned char)cdb_column_list_width(column);
    footer[2] = (unsigned char)cdb_column_docs_width(column);
    footer[3] = (unsigned char)writing->start_width;
    cdb_le_put32(footer + 4, column->values);
    cdb_le_put32(footer + 8, column->rows);
    cdb_le_put32(footer + 12, column->docs);
    cdb_le_put64(footer + 16, column->ordinals);
    cdb_le_put64(footer + 24, column->values_len);
    cdb_sink_add(writing->sink, footer, sizeof(footer));
}

static void write_blocks(const struct cdb_column_encoder *encoder, uint64_t values_len)
{
    struct cdb_packer packer;

    cdb_packer_init(&packer, encoder->sink, cdb_packed_width(values_len));
    for (size_t at = 0; at < encoder->ends.len; at += sizeof(uint64_t)) {
        uint64_t end;

        memcpy(&end, encoder->ends.ptr + at, sizeof(end));
        cdb_packer_add(&packer, end);
    }
    cdb_packer_finish(&packer);
}

int cdb_column_encoder_finish(struct cdb_column_encoder *encoder, uint32_t docs, uint32_t rows, uint64_t ordinals,
                              const struct cdb_column_rows *source)
{
    struct writing writing = {.column = {.docs = docs,
                                         .rows = rows,
                                         .values = encoder->values,
                                         .ordinals = ordinals,
                                         .multiple = ordinals > rows,
                                         .values_len = cdb_sink_size(encoder->sink) - encoder->begin},
                              .source = source,
                              .sink = encoder->sink,
                              .bases = CDB_BUF_INIT};
    int result;

    end_block(encoder);
    result = cdb_buf_check(&encoder->ends);
    if (result != 0)
        return result;
    write_blocks(encoder, writing.column.values_len);
    result = choose_layout(&writing);
    if (result == 0 && writing.column.sparse)
        result = write_docs(&writing);
    if (result == 0 && writing.column.multiple)
        result = write_starts(&writing);
    if (result == 0)
        result = write_ordinals(&writing);
    if (result == 0)
        write_footer(&writing);
    cdb_buf_release(&writing.bases);
    return result;
}
