/* SPDX-License-Identifier: MIT
 *
 * Columns on their way to a file, whether they are new (lib/index/column_writer.c) or merged (column_merge.c): the
 * values in ascending order, then the documents with their ordinals, as often as they are asked for. */
#ifndef CDB_INDEX_COLUMN_ENCODE_H
#define CDB_INDEX_COLUMN_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "index/column.h"
#include "index/sink.h"

/* Documents that have values, ascending. The functions return 0 or an error, `next` also 1 at the end. */
struct cdb_column_rows {
    int (*rewind)(void *context);
    int (*next)(void *context, uint32_t *doc);
    /* The next ordinals of the document, ascending, valid until the next call; 1 when it has no more. Not asked for
     * if only the documents are of interest. */
    int (*piece)(void *context, const uint32_t **ordinals, size_t *count);
    void *context;
};

struct cdb_column_encoder {
    struct cdb_sink *sink; /* borrowed */
    uint64_t begin;        /* of the column in the sink */
    struct cdb_buf ends;   /* of the blocks (8 each) */
    struct cdb_value last;
    uint32_t values;
};

void cdb_column_encoder_init(struct cdb_column_encoder *encoder, struct cdb_sink *sink);
void cdb_column_encoder_release(struct cdb_column_encoder *encoder);
void cdb_column_encoder_value(struct cdb_column_encoder *encoder, const unsigned char *bytes, size_t len);
/* All the rest. `rows` and `ordinals` count them. */
int cdb_column_encoder_finish(struct cdb_column_encoder *encoder, uint32_t docs, uint32_t rows, uint64_t ordinals,
                              const struct cdb_column_rows *source);

#endif
