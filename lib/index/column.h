/* SPDX-License-Identifier: MIT
 *
 * A column: the values that a segment's documents have in one leaf field. The distinct values (lib/index/value.h) are
 * sorted; a value's place among them is its ORDINAL, so that order and equality within a segment are those of numbers.
 * Each document has a set of ordinals, each once, ascending; nothing at all if it lacks the field. A column in a file,
 * one part after the other, bit streams with the lowest bit of the first byte first and filled up to whole bytes:
 *
 *     VALUES    blocks of 32 values, the last one may have fewer. The first of a block: the length (1), the bytes;
 *               each other: how many bytes it shares with the one before (1), how many follow (1), these
 *     BLOCKS    where each block ends, as an offset in VALUES: bit stream, in as many bits as its length needs
 *     DOCS      only of a sparse column: the documents that have values, ascending: bit stream
 *     STARTS    only of a multiple one: for each row, and the end, where its ordinals begin in ORDINALS, less the
 *               base of its 64 rows: bit stream
 *     BASES     only of a multiple one: for each 64 rows, and the end, where the first one's begin (8)
 *     ORDINALS  bit stream
 *     FOOTER    flags (1): 1 sparse, 2 multiple, 4 full; bits of an ordinal (1), of a document (1), of a start (1);
 *               the numbers of distinct values (4), of documents with a value (4), of all documents (4), of
 *               ordinals (8); the length of VALUES (8)
 *
 * A row is a document, or one of DOCS if the column is sparse. In a column that is not multiple each row has one
 * ordinal; if it is neither sparse nor full, ORDINALS has them plus one, and 0 for documents without a value. A
 * multiple one that is not sparse has rows without ordinals. So a column with one value for all documents takes no
 * bits. The writer takes what is smaller of sparse and not.
 *
 * All is read through cdb_pages; any bytes whatever are safe to read. Errors are CHRONDB_EDAMAGED with the error set.
 */
#ifndef CDB_INDEX_COLUMN_H
#define CDB_INDEX_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/ft_pages.h"
#include "index/value.h"

#define CDB_ORDINAL_NONE  UINT32_MAX
#define CDB_COLUMN_BLOCK  32
#define CDB_COLUMN_FOOTER 32

/* A bit stream: `width` bits (0 to 57) an item. */
struct cdb_packed {
    uint64_t offset; /* in the pages */
    unsigned width;
};

struct cdb_column {
    const struct cdb_pages *pages; /* borrowed */
    uint32_t docs;                 /* of the segment */
    uint32_t rows;                 /* documents with a value */
    uint32_t values;               /* distinct ones: ordinals are below; 1 or more */
    uint64_t ordinals;             /* of all documents together: rows or more */
    bool sparse, multiple, full;
    uint64_t values_at, values_len, bases_at;
    struct cdb_packed blocks, row_docs, starts, list;
};

/* The column in `len` bytes at `offset`; `docs` is the segment's number of documents. Nothing to close. */
int cdb_column_open(struct cdb_column *column, const struct cdb_pages *pages, uint64_t offset, uint64_t len,
                    uint32_t docs);

/* ---- values ---- */

/* The value with this ordinal, which must be below column->values. */
int cdb_column_value(const struct cdb_column *column, uint32_t ordinal, struct cdb_value *value);
/* The least ordinal whose value is not below `value`, or column->values; `*equal`: its bytes are the same. O(log n). */
int cdb_column_seek(const struct cdb_column *column, const struct cdb_value *value, uint32_t *ordinal, bool *equal);

/* Ordinals [first, last), of which the first and the last one may have to be held against the documents: their values
 * are inexact and have the bytes of the bound. All others are in the range for certain, and what is outside is not. */
struct cdb_ordinals {
    uint32_t first, last;
    bool check_first, check_last;
};
/* Those between two values. Either may be NULL: no bound, of any kind of value even (cdb_value_floor bounds to one).
 * For an exact match: the same value twice, both included. */
int cdb_column_range(const struct cdb_column *column, const struct cdb_value *lower, bool lower_included,
                     const struct cdb_value *upper, bool upper_included, struct cdb_ordinals *ordinals);

/* One after the other, quicker than cdb_column_value. */
struct cdb_column_cursor {
    const struct cdb_column *column;
    const unsigned char *at, *end; /* in the block */
    uint32_t next;                 /* the ordinal of the next value */
    struct cdb_value value;
};
/* Before the value with this ordinal. */
int cdb_column_cursor_init(struct cdb_column_cursor *cursor, const struct cdb_column *column, uint32_t ordinal);
/* 0 with the next one in cursor->value, its ordinal is cursor->next - 1; 1 at the end. */
int cdb_column_cursor_next(struct cdb_column_cursor *cursor);

/* ---- one document: O(1), in a sparse column O(log n) ---- */

/* The smallest, or largest, ordinal of a document, or CDB_ORDINAL_NONE. */
int cdb_column_least(const struct cdb_column *column, uint32_t doc, uint32_t *ordinal);
int cdb_column_greatest(const struct cdb_column *column, uint32_t doc, uint32_t *ordinal);
/* Has the document an ordinal in [first, last)? 1, 0, or an error. */
int cdb_column_has(const struct cdb_column *column, uint32_t doc, uint32_t first, uint32_t last);
/* How many ordinals a document has, and where they begin in the list. */
int cdb_column_find(const struct cdb_column *column, uint32_t doc, uint64_t *start, uint32_t *count);
/* Decode some of the list. */
int cdb_column_list(const struct cdb_column *column, uint64_t start, uint32_t count, uint32_t *ordinals);

/* ---- runs of documents [doc, doc + count), which must not pass column->docs ---- */

enum cdb_column_end { CDB_COLUMN_LEAST, CDB_COLUMN_GREATEST };
/* The smallest, or largest, ordinal of each, or CDB_ORDINAL_NONE. */
int cdb_column_run(const struct cdb_column *column, uint32_t doc, uint32_t count, enum cdb_column_end which,
                   uint32_t *ordinals);
/* Set bit i of `bits` (bit i % 64 of word i / 64) if document doc + i has an ordinal in [first, last), and clear it
 * otherwise. Words: (count + 63) / 64; bits behind `count` are cleared. */
int cdb_column_match(const struct cdb_column *column, uint32_t doc, uint32_t count, uint32_t first, uint32_t last,
                     uint64_t *bits);
/* Facets: for each document with its bit set, add 1 to counts[ordinal] for each of its ordinals. `bits` NULL: all. */
int cdb_column_count(const struct cdb_column *column, uint32_t doc, uint32_t count, const uint64_t *bits,
                     uint32_t *counts);
/* The first document, at or after `doc`, that has a value; column->docs if there is none. Quick in a sparse column,
 * else it looks at one after the other. */
int cdb_column_next(const struct cdb_column *column, uint32_t doc, uint32_t *found);

#endif
