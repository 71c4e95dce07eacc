/* SPDX-License-Identifier: MIT
 *
 * What a segment of words says of each of its documents, as one number: two segments that say the same of a document
 * have the same number for it, whatever else they hold. */
#ifndef CDB_INDEX_FT_SUMS_H
#define CDB_INDEX_FT_SUMS_H

#include <stdint.h>

#include "index/ft_segment.h"

/* Add to sums[document] a hash of all its words, terms with their fields, positions, and how long they say that the
 * document is in the field and in all, and forms; and of its values, by field. `step` (or NULL) is called now and then;
 * a result that is not 0 ends it and is returned. CHRONDB_EDAMAGED. O(postings). */
int cdb_ft_sums(struct cdb_ft_segment *segment, uint64_t *sums, int (*step)(void *context), void *context);

#endif
