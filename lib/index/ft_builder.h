/* SPDX-License-Identifier: MIT
 *
 * The inside of a builder: adding (ft_build.c) and writing (ft_build_*.c) share it. */
#ifndef CDB_INDEX_FT_BUILDER_H
#define CDB_INDEX_FT_BUILDER_H

#include "index/column_writer.h"
#include "index/document.h"
#include "index/ft_build.h"
#include "index/ft_segment.h"
#include "index/ft_words.h"
#include "index/ft_write.h"
#include "index/path.h"

/* What is known of a path that has scalars of its own. */
struct cdb_leaf {
    uint32_t next_doc;         /* one more than the last document that has a scalar in it */
    uint32_t length;           /* tokens in that document */
    uint64_t position;         /* of the next token there */
    uint32_t values;           /* documents with scalars */
    uint32_t docs;             /* documents with tokens, and */
    uint64_t total;            /* their tokens */
    uint32_t next_length;      /* one more than the last document in `lengths` */
    struct cdb_stream lengths; /* for each document with tokens: the gap to the one before less 1; the length */
    struct cdb_column_writer column;
    size_t column_bytes;
};

struct cdb_ft_builder {
    struct cdb_analyzer *analyzer; /* borrowed */
    struct cdb_document document;  /* the one that is read */
    uint32_t docs, min_from, max_from, last_from;
    struct cdb_buf keys; /* length (2), from (4), the key */
    size_t last_key;     /* where the last one is in `keys` */
    struct cdb_paths paths;
    struct cdb_leaf **leaves; /* by path; NULL: none */
    size_t leaf_room;
    size_t leaf_count;
    struct cdb_words words;
    struct cdb_arena arena; /* of the leaves, and their lengths */
    size_t arena_bytes, column_bytes;
    uint32_t *touched; /* leaves of the document */
    size_t touched_count, touched_room;
};

/* Empty it. */
int cdb_ft_builder_reset(struct cdb_ft_builder *builder);

/* ---- writing (ft_build_norms.c, ft_build_words.c, ft_build_write.c) ---- */

/* The norms of a row, in memory while the lists are written. */
struct cdb_norms_memory {
    uint32_t *docs;       /* NULL: dense */
    unsigned char *bytes; /* NULL: there are none */
    uint32_t count, at;   /* sparse: where the last one was found */
    bool borrowed;        /* they are another row's */
};

struct cdb_build {
    struct cdb_ft_builder *builder;
    struct cdb_ft_writer writer;
    uint32_t fields;
    uint32_t *number;               /* by path: of its row; 0: it has none */
    uint32_t *path;                 /* by row */
    struct cdb_ft_row *rows;        /* 0 .. fields */
    struct cdb_norms_memory *norms; /* by row: of leaves, and row 0 */
    /* words */
    struct cdb_buf values; /* of the terms and forms: length (1), bytes */
    size_t *first_forms;   /* by term: where its forms are in form_values */
    size_t *form_values;   /* where in `values` */
    uint32_t *stamps;      /* by document: the last term, in the order of their texts, that it was counted for */
};

/* The norms of all rows; docs, length, dense and norms of the rows. */
int cdb_build_norms(struct cdb_build *build);
void cdb_norms_memory_release(struct cdb_norms_memory *norms);
/* Of a document that has tokens in a row. */
unsigned char cdb_build_norm_slow(struct cdb_norms_memory *norms, uint32_t doc);
static inline unsigned char cdb_build_norm(struct cdb_norms_memory *norms, uint32_t doc)
{
    return norms->docs == NULL && norms->bytes != NULL ? norms->bytes[doc] : cdb_build_norm_slow(norms, doc);
}
/* The terms, the forms, and their lists. */
int cdb_build_words(struct cdb_build *build);

#endif
