/* SPDX-License-Identifier: MIT
 *
 * Words of several segments side by side: ft_merge_walk.c, for terms (ft_merge_words.c) and forms (ft_merge_forms.c).
 */
#ifndef CDB_INDEX_FT_MERGER_WORDS_H
#define CDB_INDEX_FT_MERGER_WORDS_H

#include "index/ft_merger.h"

/* An entry of a source's dictionary whose field is not gone. */
struct cdb_walker {
    struct cdb_merger_source *source;
    struct cdb_ft_walk walk; /* of terms its cursor only: sides[0] */
    bool ended, chosen;
    bool is_form; /* a term that is a form, too; a form that is a term, too */
    const char *text;
    size_t text_len;
    const unsigned char *value;
    size_t value_len;
    uint32_t row; /* 0: the term in any field */
    struct cdb_ft_entry entry;
    struct cdb_ft_postings postings;
    uint32_t next; /* the new number of the document that the postings are at; CDB_FT_END */
    /* Of the block that the postings are in, all at once, so that the waits for memory overlap: */
    bool with_norms;
    uint32_t numbers[CDB_FT_BLOCK];
    unsigned char norms[2][CDB_FT_BLOCK]; /* of the field, and the unnamed one */
};

struct cdb_merger_words {
    struct cdb_merger *merger;
    struct cdb_walker *walkers;
    size_t count;
    bool forms;
    char text[CDB_DICT_KEY_MAX]; /* of the word that is written */
    size_t text_len;
    uint32_t stamp;
    /* of forms: the dictionary of terms that was written */
    struct cdb_dict terms;
    struct cdb_dict_cursor term; /* at or behind the form */
    bool terms_ended;
    uint32_t *docs; /* of the form */
    size_t doc_count, doc_room;
    bool same; /* in all sources the form's documents are those of the term: */
    char stem[CDB_DICT_KEY_MAX];
    size_t stem_len;
};

/* Before the first entries of all. */
int cdb_walkers_begin(struct cdb_merger_words *words, bool forms);
/* To the source's next entry. */
int cdb_walker_next(struct cdb_merger_words *words, struct cdb_walker *walker);
/* Is the walker still at the text that is written? `chosen` says it then. */
void cdb_walker_choose(const struct cdb_merger_words *words, struct cdb_walker *walker);
/* The least text of all becomes the one that is written, and those who have it are chosen: false if there is none. */
bool cdb_walkers_choose(struct cdb_merger_words *words);
/* The least row of those who are chosen; UINT32_MAX if nobody is any more. */
uint32_t cdb_walkers_row(const struct cdb_merger_words *words);
/* Those of them at this row move on. */
int cdb_walkers_pass(struct cdb_merger_words *words, uint32_t row);

/* The lists of those who are chosen and at the row, at their first documents that are taken. */
int cdb_walkers_open(struct cdb_merger_words *words, uint32_t row);
/* To the next document that is taken. */
int cdb_walker_doc(struct cdb_walker *walker, uint32_t row);
/* Who has the least document, and the least document of the others; NULL at the end. */
struct cdb_walker *cdb_walkers_doc(const struct cdb_merger_words *words, uint32_t *limit);

/* The forms, when the terms are there. (ft_merge_forms.c) */
int cdb_merger_forms(struct cdb_merger_words *words);

#endif
