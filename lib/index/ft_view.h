/* SPDX-License-Identifier: MIT
 *
 * What a search looks at: segments, and which of their documents are alive at an end. */
#ifndef CDB_INDEX_FT_VIEW_H
#define CDB_INDEX_FT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/ends.h"
#include "index/ft_segment.h"

struct cdb_ft_part {
    struct cdb_ft_segment *segment;
    struct cdb_ends *ends; /* NULL: no document has an end */
};

/* In the state after `end` commits a document is alive if from < end, and its end, if it has one, is not below `end`.
 * A version of a key is in one part only, and at most one version of a key is alive in all parts together. */
struct cdb_ft_view {
    struct cdb_ft_part *parts;
    size_t count;
    uint64_t end;
    bool present; /* `end` is the newest: alive is what has no end, and `from` need not be looked at */
};

#endif
