/* SPDX-License-Identifier: MIT
 *
 * Scorers: what finds and scores the documents of a plan's node in one segment.
 *
 * They work on windows of documents, not on one after the other, so that the inner loops are over arrays, and a call
 * through a pointer is paid for hundreds of documents. A window is at most CDB_WINDOW document numbers wide. Its hits
 * are produced by one scorer (of a conjunction: the one that finds least), and others are asked which of these they
 * find too (probing). All calls go forward: neither `from` nor the first of `docs` may fall below where the window
 * before ended, so that lists of postings are read once. What is found may be dead; the collector looks.
 *
 * Bounds serve to pass over windows: no document in them scores more. They are compared after rounding to float, with
 * CDB_BOUND_SLACK for the rounding of sums. */
#ifndef CDB_QUERY_SCORER_H
#define CDB_QUERY_SCORER_H

#include "index/ft_postings.h"
#include "index/ft_view.h"
#include "query/documents.h"
#include "query/plan.h"

#define CDB_WINDOW 2048

#define CDB_NO_FLOOR    (-1.0)
#define CDB_BOUND_SLACK (1 + 1e-12)

/* Ascending documents and their scores; room for a window. Scores are defined only if the run has scores. */
struct cdb_batch {
    uint32_t *docs;
    double *scores;
    size_t count;
};

struct cdb_scorer;

struct cdb_scorer_ops {
    /* The first document at or after `target` that may match, or CDB_FT_END; cheap rather than exact. */
    int (*next)(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc);
    /* No document in [from, *to) scores more than *bound. With `shrink` *to may be lowered (not to `from`) to where
     * the bound is better. Then the window [from, *to) is produced, probed, or passed over. */
    int (*bound)(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *bound);
    /* All matches in [from, to). Those that score less than `floor` may be left out. */
    int (*produce)(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch);
    /* The same into sums: for each match add the score to scores[doc - from] (if the scorer is a scoring one), and set
     * marks[doc - from] to 1. NULL: there is no quicker way than producing. */
    int (*accumulate)(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double *scores, unsigned char *marks);
    /* Set hits[i] to 1 where docs[i] matches, and add to scores[i] there (if the scorer is a scoring one). `docs`
     * ascend, within one window, `count` is not 0. */
    int (*probe)(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores);
    /* Add what was counted to the plan. */
    void (*finish)(struct cdb_scorer *scorer);
};

struct cdb_scorer {
    const struct cdb_scorer_ops *ops;
    struct cdb_run *run;
    struct cdb_plan *plan;
    uint64_t cost; /* documents, about; at most so many of a list of postings */
    double max;    /* no document scores more */
    bool scoring;
    bool constant; /* all that it finds scores `max` */
    bool slow;     /* has to read documents to be sure: asked last */
    bool wide;     /* finds few: a window to produce may have any width, if `bound` was asked to shrink it before. Only
                      what walks over the segment does that */
};

/* Arrays for a window's work. */
struct cdb_frame {
    struct cdb_frame *next;
    bool zeroed; /* `marks` and `freqs` are */
    uint32_t docs[CDB_WINDOW], index[CDB_WINDOW];
    double scores[CDB_WINDOW];
    unsigned char hits[CDB_WINDOW];
    unsigned char marks[CDB_WINDOW]; /* those who ask for them find zeros, and leave zeros */
    uint32_t freqs[CDB_WINDOW];      /* likewise */
};

/* One segment's part of a search. */
struct cdb_run {
    const struct cdb_ft_view *view;
    size_t part;
    struct cdb_ft_segment *segment;
    struct cdb_ends *ends;
    uint32_t docs; /* of the segment */
    bool scores;   /* does anybody want them? */
    struct cdb_documents *documents;
    struct cdb_arena arena; /* the scorers */
    struct cdb_frame *frames;
};

/* A frame to work in, NULL without memory. Give it back. */
struct cdb_frame *cdb_frame_take(struct cdb_run *run);
/* The same without `marks` and `freqs`, which may never have been touched. */
struct cdb_frame *cdb_frame_take_plain(struct cdb_run *run);
void cdb_frame_give(struct cdb_run *run, struct cdb_frame *frame);

/* Is the document alive? 1, 0, or an error. */
int cdb_run_is_alive(const struct cdb_run *run, uint32_t doc);
/* Keep those documents (and their scores, unless NULL) that are alive. */
int cdb_run_keep_alive(const struct cdb_run *run, uint32_t *docs, double *scores, size_t *count);

/* The scorer of a plan, in the run's arena; *out is NULL if nothing in the segment matches. Recursion is as deep as the
 * tree. CHRONDB_EDAMAGED, CHRONDB_ESYSTEM. */
int cdb_scorer_make(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);

/* ---- the makers: as cdb_scorer_make ---- */

int cdb_scorer_term(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
int cdb_scorer_phrase(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
int cdb_scorer_values(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
int cdb_scorer_forms(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
int cdb_scorer_keys(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
int cdb_scorer_all(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan);
/* Of scorers: at least `minimum` (1 or more) of them match. The array is taken over, `count` is not 0. */
int cdb_scorer_union(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan, struct cdb_scorer **list,
                     size_t count, uint32_t minimum);

struct cdb_scorer_list {
    struct cdb_scorer **items;
    size_t count;
};
/* All of `required` (at least one), none of `excluded`; `optional` adds to the score. */
int cdb_scorer_conjunction(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan,
                           struct cdb_scorer_list required, struct cdb_scorer_list optional,
                           struct cdb_scorer_list excluded);

/* A new scorer of `size` bytes, zeroed, that begins with a struct cdb_scorer; NULL without memory. */
void *cdb_scorer_new(struct cdb_run *run, struct cdb_plan *plan, const struct cdb_scorer_ops *ops, size_t size);

#endif
