/* SPDX-License-Identifier: MIT
 *
 * The norms of the segment that is built. */
#include <stdlib.h>
#include <string.h>

#include "index/ft_builder.h"
#include "util/error.h"

/* The lengths of a row's documents: a sum for each document, or pairs of a document (high) and a length, ascending. */
struct lengths {
    uint32_t *sums;
    uint64_t *pairs;
    size_t pair_count;
};

/* Where there are fewer documents with tokens than one in so many, they are listed. */
#define SPARSE 8

static struct cdb_leaf *leaf_of(const struct cdb_build *build, uint32_t row)
{
    uint32_t path = build->path[row];

    return row > 0 && path < build->builder->leaf_room ? build->builder->leaves[path] : NULL;
}

static void add_leaf(struct lengths *lengths, const struct cdb_leaf *leaf)
{
    struct cdb_stream_reader reader;
    uint32_t doc = 0;

    cdb_stream_read(&reader, &leaf->lengths);
    while (cdb_stream_more(&reader)) {
        uint32_t length;

        doc += (uint32_t)cdb_stream_get(&reader);
        length = (uint32_t)cdb_stream_get(&reader);
        if (lengths->sums != NULL)
            lengths->sums[doc] += length;
        else
            lengths->pairs[lengths->pair_count++] = (uint64_t)doc << 32 | length;
        doc++;
    }
}

static int compare_pairs(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Sort them, and sum those of the same document. */
static void sum_pairs(struct lengths *lengths)
{
    size_t count = 0;

    qsort(lengths->pairs, lengths->pair_count, sizeof(*lengths->pairs), compare_pairs);
    for (size_t i = 0; i < lengths->pair_count; i++) {
        uint64_t pair = lengths->pairs[i];

        if (count > 0 && lengths->pairs[count - 1] >> 32 == pair >> 32)
            lengths->pairs[count - 1] += (uint32_t)pair;
        else
            lengths->pairs[count++] = pair;
    }
    lengths->pair_count = count;
}

/* Of the leaves first .. last - 1. Free them. */
static int get_lengths(const struct cdb_build *build, uint32_t first, uint32_t last, struct lengths *out)
{
    size_t docs = build->builder->docs;
    uint64_t items = 0;

    *out = (struct lengths){.sums = NULL};
    for (uint32_t row = first; row < last; row++)
        items += leaf_of(build, row) != NULL ? leaf_of(build, row)->docs : 0;
    if (items * SPARSE >= docs)
        out->sums = calloc(docs, sizeof(uint32_t));
    else
        out->pairs = malloc((items + 1) * sizeof(uint64_t));
    if (out->sums == NULL && out->pairs == NULL)
        return cdb_error_memory();
    for (uint32_t row = first; row < last; row++)
        if (leaf_of(build, row) != NULL)
            add_leaf(out, leaf_of(build, row));
    if (out->pairs != NULL)
        sum_pairs(out);
    return 0;
}

static int keep_norms(const struct lengths *lengths, uint32_t docs, struct cdb_norms_memory *out)
{
    size_t count = lengths->sums != NULL ? docs : lengths->pair_count;

    out->bytes = malloc(count + 1);
    if (lengths->sums == NULL)
        out->docs = malloc((count + 1) * sizeof(uint32_t));
    if (out->bytes == NULL || (lengths->sums == NULL && out->docs == NULL))
        return cdb_error_memory();
    for (size_t i = 0; i < count; i++) {
        uint32_t length = lengths->sums != NULL ? lengths->sums[i] : (uint32_t)lengths->pairs[i];

        out->bytes[i] = cdb_ft_length_to_byte(length);
        if (out->docs != NULL)
            out->docs[i] = (uint32_t)(lengths->pairs[i] >> 32);
        out->count += length > 0;
    }
    return 0;
}

static int write_norms(struct cdb_build *build, uint32_t row)
{
    struct cdb_ft_writer *writer = &build->writer;
    const struct cdb_norms_memory *norms = &build->norms[row];
    struct cdb_ft_row *out = &build->rows[row];

    out->docs = norms->count;
    cdb_ft_writer_begin_norms(writer, norms->count);
    if (norms->docs != NULL) {
        for (uint32_t i = 0; i < norms->count; i++)
            cdb_ft_writer_norm(writer, norms->docs[i], norms->bytes[i]);
    } else {
        for (uint32_t doc = 0; doc < build->builder->docs; doc++)
            if (norms->bytes[doc] != 0)
                cdb_ft_writer_norm(writer, doc, norms->bytes[doc]);
    }
    return cdb_ft_writer_end_norms(writer, &out->norms, &out->dense);
}

/* The row whose documents and lengths this row has, too. */
static void borrow_norms(struct cdb_build *build, uint32_t row, uint32_t from)
{
    struct cdb_ft_row *out = &build->rows[row];
    const struct cdb_ft_row *in = &build->rows[from];

    out->docs = in->docs;
    out->norms = in->norms;
    out->dense = in->dense;
    build->norms[row] = build->norms[from];
    build->norms[row].borrowed = true;
}

static int make_norms(struct cdb_build *build, uint32_t row)
{
    struct lengths lengths;
    int result = get_lengths(build, row, row == 0 ? build->fields + 1 : build->rows[row].end, &lengths);

    if (result == 0)
        result = keep_norms(&lengths, build->builder->docs, &build->norms[row]);
    free(lengths.sums);
    free(lengths.pairs);
    return result == 0 ? write_norms(build, row) : result;
}

#define SEVERAL UINT32_MAX

/* For each row the one, it or below it, that has all its tokens below it, and no less: 0 if there are none. For row 0
 * SEVERAL if that is itself. */
static uint32_t *find_owners(const struct cdb_build *build)
{
    uint32_t *owner = calloc((size_t)build->fields + 1, sizeof(*owner));

    if (owner == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    for (uint32_t row = build->fields; row > 0; row--) {
        const struct cdb_leaf *leaf = leaf_of(build, row);
        uint32_t parent = build->rows[row].parent;

        if (leaf != NULL && leaf->docs > 0)
            owner[row] = row;
        if (owner[row] != 0)
            owner[parent] = owner[parent] == 0 ? owner[row] : parent == 0 ? SEVERAL : parent;
    }
    return owner;
}

int cdb_build_norms(struct cdb_build *build)
{
    uint32_t *owner = find_owners(build);
    int result = owner == NULL ? CHRONDB_ESYSTEM : 0;

    for (uint32_t row = build->fields + 1; result == 0 && row-- > 0;) {
        const struct cdb_leaf *leaf = leaf_of(build, row);

        build->rows[row].length += leaf != NULL ? leaf->total : 0;
        if (row > 0)
            build->rows[build->rows[row].parent].length += build->rows[row].length;
        if (owner[row] == (row == 0 ? SEVERAL : row))
            result = make_norms(build, row);
        else if (owner[row] != 0)
            borrow_norms(build, row, owner[row]);
        if (row > 0 && leaf == NULL && owner[0] != row && !build->norms[row].borrowed) /* no list will ask for them */
            cdb_norms_memory_release(&build->norms[row]);
    }
    free(owner);
    cdb_ft_writer_end_all_norms(&build->writer);
    return result;
}

void cdb_norms_memory_release(struct cdb_norms_memory *norms)
{
    if (!norms->borrowed) {
        free(norms->bytes);
        free(norms->docs);
    }
    *norms = (struct cdb_norms_memory){.bytes = NULL};
}

unsigned char cdb_build_norm_slow(struct cdb_norms_memory *norms, uint32_t doc)
{
    uint32_t low = norms->at, high = norms->count;

    if (norms->bytes == NULL || norms->count == 0)
        return 0;
    if (low < high && norms->docs[low] == doc)
        return norms->bytes[low];
    if (low + 1 < high && norms->docs[low + 1] == doc)
        return norms->bytes[norms->at = low + 1];
    if (low >= high || norms->docs[low] > doc)
        low = 0;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (norms->docs[middle] <= doc)
            low = middle;
        else
            high = middle;
    }
    norms->at = low;
    return norms->docs[low] == doc ? norms->bytes[low] : 0;
}
