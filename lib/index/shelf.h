/* The shelf of a branch: which segments of words it has, NAME.search. chrondb-index(5) has the layout.
 *
 * A shelf covers the first `end` commits of its branch's chain as it was then: each version that these brought is a
 * document in one of its segments (but for blobs that are no JSON), and has an end there if these replaced it. Segments
 * (NUMBER.text) and ends (NUMBER.ends) are immutable and may be named by the shelves of several branches; a shelf is
 * replaced by a rename, by the holder of the index lock. Nothing is synced: all of it is derived. */
#ifndef CDB_INDEX_SHELF_H
#define CDB_INDEX_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/oid.h"

#define CDB_SHELF_VERSION      1
#define CDB_ANALYSIS_VERSION   2          /* raised when the same documents make other words or values than before */
#define CDB_SHELF_MAX          (1u << 20) /* bytes */
#define CDB_SHELF_REF_MAX      4096
#define CDB_SHELF_LANGUAGE_MAX 31
#define CDB_SHELF_MARKS_MAX    64

struct cdb_shelf_segment {
    uint64_t name, bytes;      /* of the segment's file */
    uint64_t ends, ends_bytes; /* of the file with its ends; 0: no document has one */
    uint32_t docs, dead;       /* documents; of these have an end */
    uint32_t min_from, max_from;
    uint32_t min_end, max_end; /* of the ends; CDB_ENDS_NONE and 0 if there are none */
};

/* A commit of the chain that is covered. */
struct cdb_shelf_mark {
    uint64_t position;
    struct cdb_oid commit;
};

struct cdb_shelf {
    char *ref;
    char language[CDB_SHELF_LANGUAGE_MAX + 1];
    uint32_t analysis;            /* the version of the analysis */
    uint64_t end;                 /* commits that are covered */
    struct cdb_shelf_mark *marks; /* descending; the first one is that of position end - 1. They tell how much of the
                                     chain is still the branch's when that was rewritten */
    size_t mark_count;
    struct cdb_shelf_segment *segments;
    size_t segment_count;
    uint32_t crc; /* what tells two of them apart */
};

void cdb_shelf_release(struct cdb_shelf *shelf);
/* 0; 1: it is none, or of another version, or does not make sense; CHRONDB_ESYSTEM. */
int cdb_shelf_decode(struct cdb_shelf *out, const void *data, size_t len);
void cdb_shelf_encode(struct cdb_buf *out, const struct cdb_shelf *shelf);
/* Is it a sound one, of a version that we do not know? */
bool cdb_shelf_is_newer(const void *data, size_t len);

/* The file of a ref. 0; 1: there is none that can be used; CHRONDB_ESYSTEM. */
int cdb_shelf_read(struct cdb_shelf *out, int dir, const char *ref);
/* Publish: what readers open from now on. */
int cdb_shelf_write(int dir, const struct cdb_shelf *shelf);
/* Every shelf in the directory. Files that cannot be used are passed over. A nonzero result of `each` ends the walk and
 * is returned. */
int cdb_shelf_list(int dir, int (*each)(void *context, const struct cdb_shelf *shelf), void *context);

/* Which positions below `end` a new shelf should mark, descending: end - 1, and before that at distances that double.
 * Their number. */
size_t cdb_shelf_mark_positions(uint64_t end, uint64_t positions[CDB_SHELF_MARKS_MAX]);

/* ---- policy (pure) ---- */

/* Which segments to merge now, ascending, into chosen[] (room for `count`): their number, 0 for none. Merging splits:
 * documents without an end into one segment, those with an end into another one, which only searches of the past read.
 *
 * Segments that hold at least one document without an end are CURRENT, the others HISTORICAL. In each of the two, a
 * segment's tier is the logarithm (base 4) of its size; four of one tier, with all that are smaller, are merged. So n
 * documents lie in O(log n) segments and each was copied O(log n) times. A current segment of which more than a share
 * of 1/6 has ends is merged too, with all that are smaller; with `all`, everything that is not yet one current segment
 * without ends and one historical one. */
size_t cdb_shelf_plan(const struct cdb_shelf_segment *segments, size_t count, bool all, size_t *chosen);

#endif
