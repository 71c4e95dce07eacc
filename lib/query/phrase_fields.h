/* SPDX-License-Identifier: MIT
 *
 * Where a phrase may be in a segment: the leaf fields that have all its words. The few with most documents are read as
 * the search goes; of the others (an object whose members' names are ids may have 100,000 of them) the phrase's
 * documents are found at once, as a pile. */
#ifndef CDB_QUERY_PHRASE_FIELDS_H
#define CDB_QUERY_PHRASE_FIELDS_H

#include "query/phrase.h"
#include "query/postings.h"

/* A leaf field with all the words. */
struct cdb_phrase_field {
    struct cdb_list *lists;         /* by term */
    struct cdb_ft_postings *places; /* the same once more: these stand where positions are read */
    uint32_t *order;                /* the terms, the rarest first */
    uint32_t cost;                  /* documents of that */
    uint32_t number;
};

/* Documents with the phrase, and how often it is there. */
struct cdb_phrase_pile {
    uint32_t *docs;
    float *freqs;
    size_t count;
    float max;
};

struct cdb_phrase_fields {
    struct cdb_phrase_field *list; /* the one with most documents last */
    size_t count;
    struct cdb_phrase_pile pile;
    uint64_t cost; /* of all */
};

/* Reads positions, one document after the other. */
struct cdb_phrase_reader {
    struct cdb_arena *arena;
    struct cdb_phrase phrase;
    size_t terms;
    struct cdb_positions *positions; /* by term */
    uint64_t **lists;
    size_t *rooms;
};

/* Memory is the run's arena. CHRONDB_EDAMAGED, CHRONDB_ESYSTEM. */
int cdb_phrase_reader_init(struct cdb_phrase_reader *reader, struct cdb_run *run, const struct cdb_plan *plan);
/* How often the phrase is in a document that is in all of places[0 .. terms - 1], by term; 0 if not at all. */
int cdb_phrase_read(struct cdb_phrase_reader *reader, struct cdb_ft_postings *places, uint32_t doc, float *freq);
/* What was read for the pile is counted in the plan. */
int cdb_phrase_fields_open(struct cdb_phrase_fields *fields, struct cdb_phrase_reader *reader, struct cdb_run *run,
                           struct cdb_plan *plan);

/* The first document of the pile at or after `target`, or CDB_FT_END. */
uint32_t cdb_phrase_pile_next(const struct cdb_phrase_pile *pile, uint32_t target);

#endif
