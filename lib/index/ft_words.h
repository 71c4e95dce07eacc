/* SPDX-License-Identifier: MIT
 *
 * The words of the documents that a segment is built of, in memory: for each term in each leaf the occurrences, as
 * bytes that are appended to. A word is a FORM, of a TERM, in a leaf. */
#ifndef CDB_INDEX_FT_WORDS_H
#define CDB_INDEX_FT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"

/* ---- numbers that are appended, as varints in slices that double ------------------------------------ */

#define CDB_SLICE_MIN  32 /* bytes, with the pointer */
#define CDB_SLICE_STEP 6  /* doublings at most */

struct cdb_slice {
    struct cdb_slice *next;
    unsigned char bytes[];
};

/* Zeros are an empty one. */
struct cdb_stream {
    struct cdb_slice *first;
    unsigned char *at, *end; /* of the last slice: where the next byte goes, and where none goes */
    unsigned step, size;     /* of the next slice; of the last one, in bytes */
};

/* A new slice. `*bytes` grows by what it takes. False without memory (the error is set). */
bool cdb_stream_grow(struct cdb_stream *stream, struct cdb_arena *arena, size_t *bytes);

static inline bool cdb_stream_byte(struct cdb_stream *stream, struct cdb_arena *arena, size_t *bytes,
                                   unsigned char byte)
{
    if (stream->at == stream->end && !cdb_stream_grow(stream, arena, bytes))
        return false;
    *stream->at++ = byte;
    return true;
}

static inline bool cdb_stream_put(struct cdb_stream *stream, struct cdb_arena *arena, size_t *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        if (!cdb_stream_byte(stream, arena, bytes, (unsigned char)(value | 0x80)))
            return false;
    return cdb_stream_byte(stream, arena, bytes, (unsigned char)value);
}

struct cdb_stream_reader {
    const struct cdb_stream *stream;
    const struct cdb_slice *slice;
    const unsigned char *at, *end;
    unsigned step; /* of the slice */
};

void cdb_stream_read(struct cdb_stream_reader *reader, const struct cdb_stream *stream);
void cdb_stream_next_slice(struct cdb_stream_reader *reader);

static inline bool cdb_stream_more(const struct cdb_stream_reader *reader)
{
    return reader->at != reader->stream->at;
}

/* Only if there is more. */
static inline uint64_t cdb_stream_get(struct cdb_stream_reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        if (reader->at == reader->end)
            cdb_stream_next_slice(reader);
        value |= (uint64_t)(*reader->at & 0x7f) << shift;
        if (*reader->at++ < 0x80)
            return value;
    }
}

/* ---- words -------------------------------------------------------------------------------------- */

/* A term in a leaf. The stream: for each occurrence a varint, 4 times the gap to the position before in the document
 * (less 1; the first one's is its position), and 2 if it is the first one in the document, and 1 if the form is not the
 * one before; if 2, a varint, the gap to the document before less 1; if 1, a varint, the form's ordinal. */
struct cdb_term {
    struct cdb_stream stream;
    uint64_t next_position; /* one more than the last one */
    uint32_t path;
    uint32_t df, next_doc; /* next_doc: one more than the last one */
    uint32_t last_form, forms;
    uint32_t first_form; /* in `forms`: has the text */
};

/* A form of a term, in `forms` at a multiple of CDB_FORM_STEP: this, the bytes of the form, those of the term. */
#define CDB_FORM_STEP 4
struct cdb_form {
    uint32_t term, ordinal;
    unsigned char form_len, term_len;
    char text[];
};

/* Open addressing; a slot is a hash and, lower, a number less 1; 0 is free. */
struct cdb_word_slots {
    uint64_t *slots;
    size_t mask, used;
};

/* Occurrences wait until there are many, so that the waits for memory overlap: a word is at no place that the processor
 * could guess. */
#define CDB_WORDS_BATCH 64
#define CDB_WORDS_TEXT  8192 /* bytes */

struct cdb_occurrence {
    uint64_t hash, position;
    uint32_t path, doc;
    uint32_t text; /* of the form, then that of the term: in the batch's */
    uint32_t form; /* when it is known: its number */
    unsigned char form_len, term_len;
};

struct cdb_words {
    struct cdb_arena arena; /* slices */
    size_t stream_bytes;
    struct cdb_term *terms;
    size_t term_count, term_room;
    struct cdb_buf forms;
    size_t form_count;
    struct cdb_word_slots form_slots, term_slots; /* numbers: offset / CDB_FORM_STEP; of the term */
    uint64_t key;                                 /* of the hashes */
    struct cdb_occurrence batch[CDB_WORDS_BATCH];
    size_t batched, text_used;
    char text[CDB_WORDS_TEXT];
};

int cdb_words_init(struct cdb_words *words);
void cdb_words_release(struct cdb_words *words);
/* Bytes of memory. */
size_t cdb_words_bytes(const struct cdb_words *words);

static inline struct cdb_form *cdb_words_form(const struct cdb_words *words, uint32_t number)
{
    return (struct cdb_form *)(void *)(words->forms.ptr + (size_t)number * CDB_FORM_STEP);
}
/* How many steps a form takes: to the next one. */
static inline uint32_t cdb_form_steps(const struct cdb_form *form)
{
    size_t size = offsetof(struct cdb_form, text) + form->form_len + form->term_len;

    return (uint32_t)((size + CDB_FORM_STEP - 1) / CDB_FORM_STEP);
}
static inline const char *cdb_words_term_text(const struct cdb_words *words, const struct cdb_term *term, size_t *len)
{
    const struct cdb_form *form = cdb_words_form(words, term->first_form);

    *len = form->term_len;
    return form->text + form->form_len;
}

/* An occurrence: documents, and positions within a document's path, ascend. Lengths are 1 to 255. It may wait until
 * cdb_words_flush. 0, or CHRONDB_ESYSTEM. */
int cdb_words_add(struct cdb_words *words, uint32_t path, const char *form, size_t form_len, const char *term,
                  size_t term_len, uint32_t doc, uint64_t position);

/* Those that wait. 0, or CHRONDB_ESYSTEM. */
int cdb_words_flush(struct cdb_words *words);

#endif
