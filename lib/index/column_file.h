/* SPDX-License-Identifier: MIT
 *
 * What the parts of lib/index/column*.c share: the file's constants, and reading items of its bit streams. */
#ifndef CDB_INDEX_COLUMN_FILE_H
#define CDB_INDEX_COLUMN_FILE_H

#include "index/column.h"
#include "index/packed.h"

#define CDB_COLUMN_SPARSE    1
#define CDB_COLUMN_MULTIPLE  2
#define CDB_COLUMN_FULL      4
#define CDB_COLUMN_ITEMS_MAX (UINT64_C(1) << 40) /* of a bit stream */
#define CDB_COLUMN_ROWS      64                  /* that share a base */

/* CHRONDB_EDAMAGED with the error set. */
int cdb_column_damaged(void);

static inline uint64_t cdb_column_rows(const struct cdb_column *column)
{
    return column->sparse ? column->rows : column->docs;
}

/* Bits of an item of ORDINALS, and of DOCS. */
static inline unsigned cdb_column_list_width(const struct cdb_column *column)
{
    bool missing = !column->sparse && !column->multiple && !column->full;

    return cdb_packed_width(column->values - 1 + (uint64_t)missing);
}

static inline unsigned cdb_column_docs_width(const struct cdb_column *column)
{
    return column->sparse ? cdb_packed_width(column->docs - 1) : 0;
}

/* Item number `index`, which is within the stream; 0, or CHRONDB_EDAMAGED. The column's footer follows all streams, so
 * that 8 bytes can be read. */
static inline int cdb_column_item(const struct cdb_column *column, const struct cdb_packed *packed, uint64_t index,
                                  uint64_t *item)
{
    uint64_t bit = index * packed->width;
    const unsigned char *p = cdb_pages_get(column->pages, packed->offset + bit / 8, 8);

    if (p == NULL)
        return CHRONDB_EDAMAGED;
    *item = cdb_packed_at(p, bit % 8, packed->width);
    return 0;
}

/* The bytes of items [first, first + count): item `first` begins at bit `*shift` of them; NULL if they are damaged. */
static inline const unsigned char *cdb_column_items(const struct cdb_column *column, const struct cdb_packed *packed,
                                                    uint64_t first, uint64_t count, unsigned *shift)
{
    uint64_t bit = first * packed->width;

    *shift = (unsigned)(bit % 8);
    return cdb_pages_get(column->pages, packed->offset + bit / 8, (*shift + count * packed->width) / 8 + 8);
}

/* Where the list of a row begins in ORDINALS; `row` may be the number of rows. Only of a multiple column. */
int cdb_column_start(const struct cdb_column *column, uint64_t row, uint64_t *start);
/* The first row of a sparse column whose document is not below `doc`. */
int cdb_column_row(const struct cdb_column *column, uint32_t doc, uint64_t *row);

/* Decode items of ORDINALS, of which there must be so many, to ordinals; CDB_ORDINAL_NONE for a document without any.
 * 0, or CHRONDB_EDAMAGED: also if one is not below column->values. */
int cdb_column_decode(const struct cdb_column *column, uint64_t first, size_t count, uint32_t *ordinals);

/* ---- the documents that have values, one after the other ---- */

#define CDB_COLUMN_PIECE 256

struct cdb_column_walk {
    const struct cdb_column *column;
    uint32_t doc;          /* the current one */
    const uint32_t *piece; /* some of its ordinals, after cdb_column_walk_piece */
    size_t piece_len;
    /* private: */
    uint32_t least;   /* no document below it comes */
    uint64_t row;     /* the next one */
    uint64_t block;   /* whose rows are decoded; UINT64_MAX: none */
    uint64_t at, end; /* what is left of the list of the current one */
    uint64_t window;  /* where in ORDINALS the decoded ones begin */
    size_t window_len;
    uint64_t starts[CDB_COLUMN_ROWS + 1]; /* of the block's rows */
    uint32_t docs[CDB_COLUMN_ROWS];
    uint32_t ordinals[CDB_COLUMN_PIECE];
};

/* Before the first document, not below `doc`, that has a value. */
int cdb_column_walk_init(struct cdb_column_walk *walk, const struct cdb_column *column, uint32_t doc);
/* On to the next document: 0, or 1 at the end. Documents ascend, each is below column->docs. */
int cdb_column_walk_next(struct cdb_column_walk *walk);
/* The next of its ordinals: 0, or 1 if there are no more. They ascend. */
int cdb_column_walk_piece(struct cdb_column_walk *walk);

#endif
