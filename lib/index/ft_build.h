/* SPDX-License-Identifier: MIT
 *
 * Building a segment of words from documents. What the documents say is kept in memory as it will be in the file, about
 * (lists of each word, appended to), until the builder is finished: the caller watches cdb_ft_builder_bytes and
 * finishes in time. Segments of consecutive runs of documents are put together by lib/index/ft_merge.h. A builder is
 * for one thread; several threads have one each. */
#ifndef CDB_INDEX_FT_BUILD_H
#define CDB_INDEX_FT_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

struct cdb_analyzer;
struct cdb_ft_builder;

/* The analyser is borrowed, and used by this builder only while it lives. 0, or CHRONDB_ESYSTEM. */
int cdb_ft_builder_new(struct cdb_ft_builder **out, struct cdb_analyzer *analyzer);
/* NULL is left alone. */
void cdb_ft_builder_free(struct cdb_ft_builder *builder);

/* Add a version of a key, in ascending order of (key, from), none twice. `json` NULL: a document without any fields (a
 * blob that is not JSON). What is given is not needed after the call.
 * 0. CHRONDB_EINVALID "invalid_json": it is not JSON; nothing was added, go on as you like. CHRONDB_EDAMAGED: not in
 * order. CHRONDB_ESYSTEM: no memory, or "index_too_large": the segment would hold too much; the builder may then only
 * be freed. */
int cdb_ft_builder_add(struct cdb_ft_builder *builder, const char *key, size_t key_len, uint32_t from, const char *json,
                       size_t len);

/* Documents that were added since the builder was made, or finished last. */
uint32_t cdb_ft_builder_docs(const struct cdb_ft_builder *builder);
/* Bytes of memory that it holds, with what finishing takes beside, about. */
size_t cdb_ft_builder_bytes(const struct cdb_ft_builder *builder);

/* Write NUMBER.text into `dir`, with a new random number; `*bytes` is its length. Whole before it has its name; not
 * synced. The builder is empty then and may be used for the next run. 0, or CHRONDB_ESYSTEM (then free it). A builder
 * without documents makes a segment without any. */
int cdb_ft_builder_write(struct cdb_ft_builder *builder, int dir, uint64_t *number, uint64_t *bytes);
/* The same in memory, appended to `out` (which should be empty: what was there is not the segment's). For
 * cdb_ft_segment_view. Touches no file. */
int cdb_ft_builder_finish(struct cdb_ft_builder *builder, struct cdb_buf *out);

#endif
