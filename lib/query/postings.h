/* SPDX-License-Identifier: MIT
 *
 * Lists of postings, by windows of documents. */
#ifndef CDB_QUERY_POSTINGS_H
#define CDB_QUERY_POSTINGS_H

#include "query/pile.h"
#include "query/scorer.h"

/* A list of a segment, or a pile of them. */
struct cdb_list {
    struct cdb_ft_postings postings;
    const struct cdb_pile *pile; /* or NULL: */
    size_t place;                /* in the pile: the next document */
    uint32_t df;
    uint32_t docs; /* of the segment */
    bool unnamed;  /* which norms bound it */
    bool begun;    /* else the postings are before the first document, not at the end */
    bool bounded;  /* these hold: */
    uint32_t last; /* the last document of the block that was looked at last, and what its documents can score */
    float bound;
    uint32_t freq; /* none of them is there more often */
    float max;     /* of the whole list, after cdb_lists_max */
};

/* The lists of a term in a part, in the run's arena, the longest first; of very many the short ones as a pile. *cost:
 * postings in all. */
int cdb_lists_open(struct cdb_list **out, size_t *count, struct cdb_run *run, struct cdb_plan *plan,
                   const struct cdb_term_part *part, uint64_t *cost);
/* A single one. */
int cdb_list_open(struct cdb_list *list, struct cdb_run *run, const struct cdb_ft_entry *entry, bool unnamed);
/* What postings were read. */
void cdb_lists_finish(const struct cdb_list *lists, size_t count, struct cdb_plan *plan);

/* One that few of the segment's documents are in, not a pile: bounding windows wider than CDB_WINDOW shrinks them so
 * that they hold a block of it at most. */
bool cdb_list_is_thin(const struct cdb_list *list);

/* The first document at or after `target` in any of them, or CDB_FT_END; in lists with many documents not after it. */
int cdb_lists_next(struct cdb_list *lists, size_t count, uint32_t target, uint32_t *doc);
/* What a document can score that is in all of them, whose frequencies add up: the score of a sum of frequencies is at
 * most the sum of their scores. */
int cdb_lists_max(struct cdb_list *lists, size_t count, const struct cdb_similarity *similarity, double *max);
/* Where the documents are that can score most, without reading them. As cdb_scorer_ops.bound, of one list; *freq: none
 * of the documents has the term more often. */
int cdb_list_bound(struct cdb_list *list, const struct cdb_similarity *similarity, uint32_t from, uint32_t *to,
                   bool shrink, double *bound, uint32_t *freq);
/* Documents in [from, to), and their frequencies unless NULL. */
int cdb_list_copy(struct cdb_list *list, uint32_t from, uint32_t to, uint32_t *docs, uint32_t *freqs, size_t *count);
/* For documents in [from, to): add the frequency (1 without `freqs`) to frame->freqs[doc - from], and mark it. */
int cdb_list_add(struct cdb_list *list, uint32_t from, uint32_t to, bool freqs, struct cdb_frame *frame);
/* Documents only: set marks[doc - from]. */
int cdb_list_mark(struct cdb_list *list, uint32_t from, uint32_t to, unsigned char *marks);
/* For those of the ascending documents (within a window) that are in the list: add the frequency (1 without `freqs`) to
 * sums[i]. The list is read or searched, whichever is less work. `scratch` has zeros for a window, and after it too. */
int cdb_list_look_up(struct cdb_list *list, const uint32_t *docs, size_t count, bool freqs, uint32_t *sums,
                     uint32_t *scratch);
/* The first of ascending documents, from number `low` on, that is not below `doc`; count if there is none. */
size_t cdb_docs_seek(const uint32_t *docs, size_t low, size_t count, uint32_t doc);
/* If the document is in the list, its frequency is added to *freq. */
int cdb_list_at(struct cdb_list *list, uint32_t doc, uint32_t *freq);

/* A run of postings within one block, ascending. */
struct cdb_list_run {
    const uint32_t *docs, *freqs; /* freqs NULL if they were not asked for */
    size_t count;
};
/* The first documents in [from, to), as they lie in their block. run->count is 0 if there is none. */
int cdb_list_run(struct cdb_list *list, uint32_t from, uint32_t to, bool freqs, struct cdb_list_run *run);
/* The documents below `to` behind that run. */
int cdb_list_pass(struct cdb_list *list, uint32_t to, bool freqs, struct cdb_list_run *run);

/* What the frame's marks and frequencies say, as arrays; both are zeros again. Their number. */
size_t cdb_frame_drain(struct cdb_frame *frame, uint32_t from, uint32_t *docs, uint32_t *freqs);
/* Marks only. */
size_t cdb_marks_drain(unsigned char *marks, uint32_t from, uint32_t *docs);

#endif
