/* SPDX-License-Identifier: MIT
 *
 * Writing the file of a segment of words: for its builder and for merging. In this order: the documents; the norms; the
 * terms, then the forms; the columns; the fields. */
#ifndef CDB_INDEX_FT_WRITE_H
#define CDB_INDEX_FT_WRITE_H

#include "index/files.h"
#include "index/ft_list.h"
#include "index/ft_segment.h"
#include "index/packed.h"

struct cdb_ft_writer {
    struct cdb_sink file, froms, positions; /* the latter two are sections in the making */
    char temporary[CDB_FILE_NAME_SIZE];     /* "" in memory */
    int dir;
    struct cdb_ft_section sections[CDB_FT_SECTION_COUNT + 1];
    /* documents */
    uint32_t docs, min_from, max_from;
    struct cdb_packer from_packer;
    struct cdb_buf key_blocks;
    struct cdb_ft_key last_key;
    /* norms of a field */
    uint32_t norm_count, norm_next;
    uint64_t norm_offset;
    bool norm_dense;
    struct cdb_buf norm_bytes; /* sparse ones */
    /* words */
    struct cdb_dict_writer dict;
    struct cdb_sink dict_data;  /* of the dictionary in the making */
    struct cdb_sink terms_data; /* of that of the terms, when it is made */
    struct cdb_buf terms_index;
    struct cdb_list_writer list;
    struct cdb_buf entries; /* of the term: field (4), length (1), value */
    uint32_t entry_count;
    char text[CDB_DICT_KEY_MAX];
    size_t text_len;
};

/* `dir` -1: in memory. The range of `from` must be right. Release it whatever comes back. 0, or CHRONDB_ESYSTEM. */
int cdb_ft_writer_init(struct cdb_ft_writer *writer, int dir, uint32_t min_from, uint32_t max_from);
/* With the file, unless it is finished. */
void cdb_ft_writer_release(struct cdb_ft_writer *writer);

/* In order. CHRONDB_EDAMAGED if the key is below the one before, or `from` is out of range; CHRONDB_ESYSTEM. */
int cdb_ft_writer_doc(struct cdb_ft_writer *writer, const char *key, size_t len, uint32_t from);
int cdb_ft_writer_end_docs(struct cdb_ft_writer *writer);

/* The norms of a field with `count` of them: that many times cdb_ft_writer_norm, documents ascending, and
 * cdb_ft_writer_end_norms, which tells where they are. */
void cdb_ft_writer_begin_norms(struct cdb_ft_writer *writer, uint32_t count);
void cdb_ft_writer_norm(struct cdb_ft_writer *writer, uint32_t doc, unsigned char norm);
int cdb_ft_writer_end_norms(struct cdb_ft_writer *writer, uint64_t *offset, bool *dense);
/* Behind the last. The section is in the file then; where, is told. */
void cdb_ft_writer_end_all_norms(struct cdb_ft_writer *writer);

/* Terms. For each term: cdb_ft_writer_term; for each of its fields, ascending, a list (writer->list) and
 * cdb_ft_writer_entry; cdb_ft_writer_end_term with the number of documents in any field. */
void cdb_ft_writer_begin_terms(struct cdb_ft_writer *writer);
void cdb_ft_writer_term(struct cdb_ft_writer *writer, const char *term, size_t len);
void cdb_ft_writer_entry(struct cdb_ft_writer *writer, uint32_t field, const unsigned char *value, size_t len);
int cdb_ft_writer_end_term(struct cdb_ft_writer *writer, uint32_t whole_df);
int cdb_ft_writer_end_terms(struct cdb_ft_writer *writer);

/* Forms that are not terms with the same documents (list.is_form), one entry after the other: with the value of a list
 * of documents only, or the same documents as a term in the field, with the term's value. */
void cdb_ft_writer_begin_forms(struct cdb_ft_writer *writer);
int cdb_ft_writer_form(struct cdb_ft_writer *writer, const char *form, size_t len, uint32_t field,
                       const unsigned char *value, size_t value_len);
int cdb_ft_writer_form_as(struct cdb_ft_writer *writer, const char *form, size_t len, uint32_t field, const char *term,
                          size_t term_len, const unsigned char *value, size_t value_len);
/* Behind the forms. */
int cdb_ft_writer_end_words(struct cdb_ft_writer *writer);

/* Columns are appended to the file (writer->file). */
void cdb_ft_writer_begin_columns(struct cdb_ft_writer *writer);
void cdb_ft_writer_end_columns(struct cdb_ft_writer *writer);

struct cdb_ft_row {
    uint32_t parent, end;
    const char *name; /* borrowed */
    uint32_t name_len;
    bool leaf, dense;
    uint32_t docs, values;
    uint64_t length, norms, column, column_len;
};

/* Rows 0 .. fields. */
void cdb_ft_writer_fields(struct cdb_ft_writer *writer, const struct cdb_ft_row *rows, uint32_t fields);
/* Complete the file, give it its name. In memory: *number is 0, the bytes are writer->file.buf. */
int cdb_ft_writer_finish(struct cdb_ft_writer *writer, uint32_t fields, uint64_t *number, uint64_t *bytes);

#endif
