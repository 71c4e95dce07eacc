/* Liveness: which versions of a segment of words were replaced or deleted, and when, on one branch.
 *
 * A segment says from which commit on its documents are there (`from`); the position of the commit that replaced or
 * deleted one, its END, is learnt later, and for each branch apart: it is in a small immutable file beside, or in
 * memory. In the state after `end` commits a document is alive if
 *
 *     from < end  and  end <= until        (until: its end, CDB_ENDS_NONE if it has none)
 *
 * so at the newest end of a view (cdb_ft_view.present) exactly those documents are alive that have no end. An end of 0:
 * never alive on this branch (the branch was rewritten).
 *
 * NUMBER.ends is a file of pages (index/ft_pages.h): chrondb-index(5) has the layout. The marks (a bit for each
 * document) are checked and copied when it is opened, the ends when they are asked for.
 *
 * A value is for one thread at a time. Errors: CHRONDB_EDAMAGED, CHRONDB_ESYSTEM.
 */
#ifndef CDB_INDEX_ENDS_H
#define CDB_INDEX_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CDB_ENDS_NONE UINT32_MAX /* nobody has replaced it yet */

struct cdb_ends_extra {
    uint32_t doc, until;
};

struct cdb_ends {
    uint32_t docs;  /* of the segment */
    uint32_t dead;  /* of them have an end */
    uint64_t *bits; /* bit d % 64 of word d / 64: document d has an end; the last word is filled with zeros */
    struct cdb_ends_file *file;   /* where the ends are; or NULL: */
    struct cdb_ends_extra *extra; /* those that are in memory only, by document */
    size_t extra_count, extra_room;
    uint32_t *ranks; /* of each CDB_ENDS_RANK documents: how many before them have an end in the file */
};

#define CDB_ENDS_RANK 512

/* ---- reading ---- */

/* Has the document (less than `docs`) an end? */
static inline bool cdb_ends_has(const struct cdb_ends *ends, uint32_t doc)
{
    return (ends->bits[doc / 64] >> doc % 64 & 1) != 0;
}

/* The marks of the documents 64 * word .. 64 * word + 63, the first one in the lowest bit. */
static inline uint64_t cdb_ends_word(const struct cdb_ends *ends, uint32_t word)
{
    return ends->bits[word];
}

/* Its end, or CDB_ENDS_NONE. O(1), and O(log n) with the ends in memory where there are such. 0, or
 * CHRONDB_EDAMAGED. */
int cdb_ends_until(struct cdb_ends *ends, uint32_t doc, uint32_t *until);

/* ---- opening ---- */

/* The file NUMBER.ends in `dir` (borrowed during the call) of a segment of so many documents. 0; 1: it is not there;
 * CHRONDB_EDAMAGED; CHRONDB_ESYSTEM. */
int cdb_ends_open(struct cdb_ends **out, int dir, uint64_t number, uint32_t docs);
/* A file in memory, borrowed. */
int cdb_ends_view(struct cdb_ends **out, const void *data, size_t len, uint32_t docs);
/* None of the documents has an end. */
int cdb_ends_new(struct cdb_ends **out, uint32_t docs);
void cdb_ends_close(struct cdb_ends *ends);

/* ---- changing, in memory ---- */

/* The end of a document that has none. Cheap where documents come in ascending order, else O(ends in memory). */
int cdb_ends_set(struct cdb_ends *ends, uint32_t doc, uint32_t until);

/* Forget what the commits from position `count` on did: documents that they brought are never alive, what they ended is
 * alive again. `from` tells where a document begins: 0, or an error, which ends it. O(documents). */
int cdb_ends_cut(struct cdb_ends *ends, uint32_t count, int (*from)(void *context, uint32_t doc, uint32_t *position),
                 void *context);

/* Write all of it as a new file; its number and length are told. Whole before it has its name; not synced. */
int cdb_ends_write(struct cdb_ends *ends, int dir, uint64_t *number, uint64_t *bytes);

/* The smallest and the largest end; CDB_ENDS_NONE and 0 without any. O(ends). */
int cdb_ends_span(struct cdb_ends *ends, uint32_t *min, uint32_t *max);

#endif
