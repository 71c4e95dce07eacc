/* Git's deltas: the bytes of one object told by copying from another. Source: gitformat-pack, "Deltified
 * representation". No base is searched: which one a new version of a tree or a document replaces is known. */
#ifndef CDB_STORE_DELTA_H
#define CDB_STORE_DELTA_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/* Append the delta that makes `target` from `base`: their common beginning and end are copied, what is between is
 * inserted. Right for any two texts, small where one place changed. */
void cdb_delta_edges(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len);

/* The same for two tree objects: whatever runs of entries they share are copied, wherever. Falls back to
 * cdb_delta_edges for what is no tree. */
void cdb_delta_tree(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len);

/* The same, with a look at all that lies between the common beginning and the common end: several times slower, smaller
 * where several places changed. */
void cdb_delta_match(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len);

/* The size of the result that a delta says, before it is applied; false for what is no delta on a base of that size. */
bool cdb_delta_size(const void *delta, size_t len, size_t base_len, size_t *size);

/* Append the result, which must not be larger than `max`: 0; CHRONDB_EDAMAGED without a message set if the delta is
 * none on that base (copies beyond its end, another size than it says, cut short); CHRONDB_ESYSTEM. */
int cdb_delta_apply(struct cdb_buf *out, const void *base, size_t base_len, const void *delta, size_t len, size_t max);

#endif
