/* SPDX-License-Identifier: MIT
 *
 * A segment of words: documents (versions of keys), and where which words are in them. chrondb-index(5) has the layout.
 * Immutable; a mapped file, or memory (one code path). A value is for one thread at a time.
 *
 * DOCUMENTS are numbered from 0 in the order (key's bytes, from): `from` is the position of the commit that brought the
 * version.
 *
 * FIELDS are paths (lib/index/path.h), numbered from 1 in the order of their texts with '.' as the lowest byte, so that
 * a path and all below it is a range of numbers. Every prefix (in components) of a path is there too. A LEAF field has
 * scalars of its own: only leaf fields have postings and columns. Number 0 stands for the unnamed field: all strings of
 * a document.
 *
 * Functions that return int return 0, or CHRONDB_EDAMAGED (the file is not what was written; the error is set), and
 * what they say they do. Nothing that is in a file is trusted: with any bytes, whatever their checksums, these
 * functions end, within the file and with bounded memory. */
#ifndef CDB_INDEX_FT_SEGMENT_H
#define CDB_INDEX_FT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/dict.h"
#include "index/ft_pages.h"

struct cdb_column;

#define CDB_FT_MAGIC    "CDBTEXT\n"
#define CDB_FT_VERSION  1
#define CDB_FT_END      UINT32_MAX /* no document */
#define CDB_FT_DOCS_MAX (UINT32_MAX - 1)

#define CDB_POSITION_GAP 16384 /* between two scalars of the same path */

struct cdb_ft_segment;

/* ---- opening ---- */

/* A file in memory, borrowed until it is closed. */
int cdb_ft_segment_view(struct cdb_ft_segment **out, const void *data, size_t len);
/* NUMBER.text (cdb_file_numbered) in `dir`, mapped. Also 1: it is not there; CHRONDB_ESYSTEM. */
int cdb_ft_segment_open(struct cdb_ft_segment **out, int dir, uint64_t number);
/* NULL is left alone. */
void cdb_ft_segment_close(struct cdb_ft_segment *segment);

struct cdb_ft_info {
    uint32_t docs;
    uint32_t min_from, max_from; /* 0 without documents */
    uint32_t fields;             /* numbers are 1 .. fields */
    uint64_t number, bytes;      /* of the file */
};

const struct cdb_ft_info *cdb_ft_info(const struct cdb_ft_segment *segment);
static inline uint32_t cdb_ft_docs(const struct cdb_ft_segment *segment)
{
    return cdb_ft_info(segment)->docs;
}
/* For columns and the like. */
struct cdb_pages *cdb_ft_pages(struct cdb_ft_segment *segment);

/* ---- documents and keys ---- */

#define CDB_FT_KEY_MAX 1024

struct cdb_ft_key {
    char text[CDB_FT_KEY_MAX + 1]; /* NUL-terminated */
    size_t len;
};

/* `doc` is less than the number of documents. O(1). */
int cdb_ft_from(const struct cdb_ft_segment *segment, uint32_t doc, uint32_t *from);
/* The key of a document. O(1). */
int cdb_ft_key(const struct cdb_ft_segment *segment, uint32_t doc, struct cdb_ft_key *key);
/* The first document whose key is not below `key`; the number of documents if there is none. O(log n). */
int cdb_ft_seek_key(const struct cdb_ft_segment *segment, const char *key, size_t len, uint32_t *doc);
/* The documents first .. last - 1 have the key, oldest first; none: first == last. O(log n), and O(last - first). */
int cdb_ft_find_key(const struct cdb_ft_segment *segment, const char *key, size_t len, uint32_t *first, uint32_t *last);

/* Keys one after the other: quicker than cdb_ft_key for each. */
struct cdb_ft_keys {
    const struct cdb_ft_segment *segment;
    const unsigned char *at, *end; /* in the block */
    uint32_t next;                 /* the document that comes next */
    struct cdb_ft_key key;
};
/* Before document `doc` (at most the number of documents). */
int cdb_ft_keys_init(struct cdb_ft_keys *keys, const struct cdb_ft_segment *segment, uint32_t doc);
/* 0: keys->key is that of document keys->next - 1; 1 at the end. */
int cdb_ft_keys_next(struct cdb_ft_keys *keys);

/* ---- fields ---- */

/* A query's field in a segment. */
struct cdb_ft_range {
    uint32_t first, last; /* field numbers first .. last - 1 are it and what is below */
    uint32_t field;       /* the number whose norms and statistics are the range's: 0 for the unnamed field */
};

/* `path` NULL: the unnamed field. 0, or 1: the segment has no such field. */
int cdb_ft_find_field(const struct cdb_ft_segment *segment, const char *path, size_t len, struct cdb_ft_range *range);

struct cdb_ft_field {
    bool leaf;
    uint32_t docs;   /* that have a token in it or below */
    uint64_t length; /* tokens in it and below, in all documents */
    uint32_t values; /* leaf: documents that have a value (a scalar) directly in it */
    uint32_t parent; /* the number of the path without its last component; 0: it has one component only */
    uint32_t end;    /* what is below it: number + 1 .. end - 1 */
    uint64_t column_offset, column_len; /* leaf: its column in the pages; else 0 */
};

/* `number` is at most info->fields; 0 is the unnamed field. O(1). */
int cdb_ft_field(const struct cdb_ft_segment *segment, uint32_t number, struct cdb_ft_field *field);
/* Open the column of a leaf field. 0, or 1: it is none. */
int cdb_ft_column(struct cdb_ft_segment *segment, uint32_t number, struct cdb_column *column);
/* Append the field's path. */
int cdb_ft_field_path(const struct cdb_ft_segment *segment, uint32_t number, struct cdb_buf *out);

/* ---- norms ---- */

/* A document's number of tokens in a field as Lucene's SmallFloat has it, in a byte: exact up to 39, then rounded down.
 * 0: no tokens. */
unsigned char cdb_ft_length_to_byte(uint32_t length);
/* What such a byte means. */
extern const uint32_t cdb_ft_byte_to_length[256];

/* The norms of a field; borrows the segment. */
struct cdb_ft_norms {
    const struct cdb_pages *pages;
    uint64_t offset;
    uint32_t docs, count; /* of the segment; that have tokens */
    bool dense;           /* a byte for each document; else `count` documents (4 each) and then as many bytes */
    uint32_t hint;        /* sparse: where the last search ended */
    int result;           /* the first error of cdb_ft_norm */
};

/* Of the field with this number, or of the unnamed one (0). */
int cdb_ft_norms_open(struct cdb_ft_norms *norms, const struct cdb_ft_segment *segment, uint32_t field);
/* As cdb_ft_norm for sparse ones, and for pages that are not checked yet. */
unsigned char cdb_ft_norm_slow(struct cdb_ft_norms *norms, uint32_t doc);

/* The norm of a document, 0 if it has no token there. After damage norms->result is set, and what comes is 0: look at
 * it once, at the end. Sparse norms are quick when documents come in ascending order. */
static inline unsigned char cdb_ft_norm(struct cdb_ft_norms *norms, uint32_t doc)
{
    uint64_t at = norms->offset + doc, page = at >> CDB_PAGE_SHIFT;

    if (norms->dense && doc < norms->docs && cdb_pages_is_checked(norms->pages, page))
        return norms->pages->content[at];
    return cdb_ft_norm_slow(norms, doc);
}
/* Those of `count` ascending documents. */
int cdb_ft_norms_get(struct cdb_ft_norms *norms, const uint32_t *docs, size_t count, unsigned char *out);

/* ---- words: terms (stemmed), and the forms (unstemmed) that stand in documents ---- */

/* Where the postings of a term or form in a leaf field are. Plain data: copy it, keep it as long as the segment. */
struct cdb_ft_entry {
    uint32_t field;               /* leaf: its number */
    uint32_t df;                  /* documents; at least 1, at most info->docs */
    uint64_t total;               /* occurrences in all of them; df if has_freqs is false */
    bool has_freqs;               /* and positions; else there are documents only */
    bool apart;                   /* positions are in their section, else they follow the postings */
    const unsigned char *inlined; /* postings that are in the dictionary; or NULL: */
    uint64_t offset, len;         /* in the section of postings; inlined: len only */
    uint64_t positions, positions_len;
};

/* A walk over entries, in the order of their texts, then fields. Large (more than 2 KB). */
struct cdb_ft_walk {
    const struct cdb_ft_segment *segment;
    struct cdb_ft_range range;
    uint32_t whole_df; /* of the text, see cdb_ft_walk_term */
    const char *text;  /* of the entry; valid until the walk moves */
    size_t text_len;
    struct cdb_ft_entry entry;

    /* private: */
    bool forms;         /* else one term */
    const char *prefix; /* borrowed; what texts must begin with, or, of a term, be */
    size_t prefix_len;
    struct cdb_ft_walk_side {
        struct cdb_dict_cursor cursor;
        bool form, ended; /* of the dictionary of forms, not of terms */
        size_t text_len;
        uint32_t field;
    } sides[2];    /* terms, or forms that are terms too; forms that are not */
    unsigned side; /* the one that the entry is of */
};

/* The entries of one term, one for each leaf field of the range that it occurs in: 0 at the first; 1: there is none.
 * `whole_df` is then the number of documents with the term in any field of the segment: so the df of the unnamed field,
 * where documents with it in several fields must not be counted twice. The term is borrowed while the walk goes on. */
int cdb_ft_walk_term(struct cdb_ft_walk *walk, const struct cdb_ft_segment *segment, const char *term, size_t len,
                     const struct cdb_ft_range *range);
/* The entries of all forms that begin with a prefix (which may be empty; borrowed while the walk goes on). What their
 * postings say beside the documents is of no use to a form (entry.has_freqs). 0 at the first; 1: there is none. */
int cdb_ft_walk_forms(struct cdb_ft_walk *walk, const struct cdb_ft_segment *segment, const char *prefix, size_t len,
                      const struct cdb_ft_range *range);
/* On to the next entry: 0, or 1 at the end. */
int cdb_ft_walk_next(struct cdb_ft_walk *walk);
/* On to the first entry, at or behind this one, whose text is not below `text`: 0, or 1 at the end. */
int cdb_ft_walk_seek(struct cdb_ft_walk *walk, const char *text, size_t len);

#endif
