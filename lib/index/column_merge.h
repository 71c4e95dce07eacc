/* SPDX-License-Identifier: MIT
 *
 * One column of several, of documents that are kept, under new numbers. Values that no kept document has are left out.
 * Streaming: it takes 4 bytes of memory for each distinct value of the sources. */
#ifndef CDB_INDEX_COLUMN_MERGE_H
#define CDB_INDEX_COLUMN_MERGE_H

#include "index/column.h"
#include "index/sink.h"

#define CDB_DOC_DROPPED UINT32_MAX

struct cdb_column_source {
    const struct cdb_column *column;
    const uint32_t *map; /* by document: its new number, ascending, or CDB_DOC_DROPPED. No number occurs twice */
};

/* Append the column to the sink. 0; 1 and nothing appended if no kept document has a value; CHRONDB_EDAMAGED if a
 * source is; CHRONDB_ESYSTEM. `docs` is the new number of documents. */
int cdb_column_merge(const struct cdb_column_source *sources, size_t count, uint32_t docs, struct cdb_sink *sink);

#endif
