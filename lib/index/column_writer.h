/* SPDX-License-Identifier: MIT
 *
 * Making a column (lib/index/column.h) of values that arrive document by document. */
#ifndef CDB_INDEX_COLUMN_WRITER_H
#define CDB_INDEX_COLUMN_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "index/sink.h"
#include "index/value.h"

/* Zeros are an empty one, which holds no memory. A value takes its bytes and about 20 more, a pair of a document and a
 * value 5. */
struct cdb_column_writer {
    struct cdb_buf values; /* the distinct ones; each: the length (1), the bytes */
    uint32_t *offsets;     /* in `values`, by number in the order of arrival */
    size_t count, room;
    uint64_t *slots; /* hash table: the hash's upper half, number + 1; 0 is free */
    size_t slot_mask;
    uint64_t hash_key;
    uint32_t *pairs; /* numbers of values */
    size_t pair_count, pair_room;
    struct cdb_buf gaps;     /* for each pair a varint: its document less that of the pair before, at first less 0 */
    uint32_t last_doc, rows; /* documents so far */
};

#define CDB_COLUMN_WRITER_INIT                                                                                         \
    {                                                                                                                  \
        .count = 0                                                                                                     \
    }

void cdb_column_writer_release(struct cdb_column_writer *writer);
/* A value of a document, in any order; documents ascending. The same value twice counts once. 0, or CHRONDB_ESYSTEM
 * without memory. */
int cdb_column_writer_add(struct cdb_column_writer *writer, uint32_t doc, const struct cdb_value *value);
/* Memory that it takes, in bytes. */
size_t cdb_column_writer_bytes(const struct cdb_column_writer *writer);
/* Append the column to the sink; how many bytes it has tells cdb_sink_size. At least one value must have been added,
 * and all documents must be below `docs`. 0, or CHRONDB_ESYSTEM; errors of the sink are the sink's. The writer is
 * empty afterwards and may be used again. */
int cdb_column_writer_finish(struct cdb_column_writer *writer, uint32_t docs, struct cdb_sink *sink);

#endif
