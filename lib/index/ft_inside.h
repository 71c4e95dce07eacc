/* SPDX-License-Identifier: MIT
 *
 * The inside of a segment of words: what its readers and its writer share. chrondb-index(5) has the layout. */
#ifndef CDB_INDEX_FT_INSIDE_H
#define CDB_INDEX_FT_INSIDE_H

#include "index/ft_segment.h"

#define CDB_FT_HEAD          24 /* bytes before the sections' entries */
#define CDB_FT_SECTION_ENTRY 24
#define CDB_FT_SECTIONS_MAX  256

enum cdb_ft_section_type {
    CDB_FT_FROMS = 1,
    CDB_FT_KEYS = 2,
    CDB_FT_KEY_BLOCKS = 3,
    CDB_FT_FIELDS = 4,
    CDB_FT_NAMES = 5,
    CDB_FT_NORMS = 6,
    CDB_FT_TERMS = 7,
    CDB_FT_TERMS_INDEX = 8,
    CDB_FT_FORMS = 9,
    CDB_FT_FORMS_INDEX = 10,
    CDB_FT_POSTINGS = 11,
    CDB_FT_POSITIONS = 12,
    CDB_FT_COLUMNS = 13,
    CDB_FT_SECTION_COUNT = 13
};

#define CDB_FT_KEY_BLOCK       32                                                /* documents */
#define CDB_FT_KEY_BLOCK_BYTES ((size_t)CDB_FT_KEY_BLOCK * (CDB_FT_KEY_MAX + 4)) /* at most */
#define CDB_FT_FROMS_PADDING   8

/* A field's row. */
#define CDB_FT_ROW       64
#define CDB_FT_ROW_LEAF  1u
#define CDB_FT_ROW_DENSE 2u
#define CDB_FT_DEPTH_MAX 1000 /* components of a path */

/* Flags of a list, in the lowest bits of its value. */
#define CDB_FT_LIST_BITS      4
#define CDB_FT_LIST_DOCUMENTS 1u
#define CDB_FT_LIST_INLINE    2u
#define CDB_FT_LIST_APART     4u
#define CDB_FT_LIST_FORM      8u /* a term's: it is a form, too; see chrondb-index(5) */

/* The table of the blocks: `last` documents, then rows. */
#define CDB_FT_SKIP_LAST      4
#define CDB_FT_SKIP_DOCUMENTS 6  /* a row: the offset of the block, */
#define CDB_FT_SKIP_FREQS     16 /* of its positions (6), and of its impacts (4) */
#define CDB_FT_LIST_TAIL      8  /* behind it: the length of the blocks */

#define CDB_FT_DF_ONE_BLOCK 128 /* lists of more have a table */

#define CDB_FT_CHUNK       256 /* positions */
#define CDB_FT_CHUNK_BYTES 255 /* the width that says: varints */
#define CDB_FT_CHUNK_ZEROS 4   /* only so many of a block may have width 0 */

#define CDB_FT_FIELD_KEY_MAX 5 /* bytes of a field's number in a dictionary's key */

struct cdb_ft_section {
    uint64_t offset, len; /* in the pages */
};

struct cdb_ft_segment {
    struct cdb_pages pages;
    struct cdb_ft_info info;
    struct cdb_ft_section sections[CDB_FT_SECTION_COUNT + 1];
    unsigned from_bits;
    struct cdb_dict terms, forms;
};

/* Bytes of a section; NULL, with the error set, if they are not all inside it, or damaged. */
static inline const unsigned char *cdb_ft_get(const struct cdb_ft_segment *segment, enum cdb_ft_section_type type,
                                              uint64_t offset, uint64_t len)
{
    const struct cdb_ft_section *section = &segment->sections[type];

    if (offset > section->len || len > section->len - offset) {
        cdb_pages_check(&segment->pages, UINT64_MAX, 1); /* sets the error */
        return NULL;
    }
    return cdb_pages_get(&segment->pages, section->offset + offset, len);
}

/* The last component of a field's path. (ft_fields.c) */
int cdb_ft_field_name(const struct cdb_ft_segment *segment, uint32_t number, const char **name, size_t *len);

/* A field's number so that the order of the bytes is that of numbers; how many bytes. (ft_walk.c) */
size_t cdb_ft_field_key(unsigned char out[CDB_FT_FIELD_KEY_MAX], uint32_t field);
/* False if these are not exactly the bytes of a number. */
bool cdb_ft_field_of_key(const unsigned char *p, size_t len, uint32_t *field);
/* The text and the field of a dictionary's key. */
bool cdb_ft_split_key(const struct cdb_ft_segment *segment, const char *key, size_t key_len, size_t *text_len,
                      uint32_t *field);
/* The value of a term or form, not of field 0. */
int cdb_ft_entry_get(const struct cdb_ft_segment *segment, bool form, const unsigned char *value, size_t len,
                     struct cdb_ft_entry *entry);

/* The term whose list a form shares: the form's first bytes, and others. */
struct cdb_ft_stem {
    size_t shared, rest;
    const unsigned char *bytes;
};
/* *at moves behind it. */
bool cdb_ft_get_stem(const unsigned char **at, const unsigned char *end, struct cdb_ft_stem *stem);

#endif
