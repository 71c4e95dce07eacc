/* SPDX-License-Identifier: MIT */
#include "index/ft_words.h"

#include <stdlib.h>
#include <string.h>

#include "index/hash.h"
#include "util/array.h"
#include "util/error.h"

/* ---- streams ------------------------------------------------------------------------------------ */

static size_t slice_size(unsigned step)
{
    return (size_t)CDB_SLICE_MIN << step;
}

bool cdb_stream_grow(struct cdb_stream *stream, struct cdb_arena *arena, size_t *bytes)
{
    unsigned step = stream->step;
    size_t size = slice_size(step);
    struct cdb_slice *slice = cdb_arena_alloc(arena, size), *last;

    if (slice == NULL)
        return false;
    slice->next = NULL;
    if (stream->first == NULL) {
        stream->first = slice;
    } else {
        last = (struct cdb_slice *)(void *)(stream->end - stream->size);
        last->next = slice;
    }
    stream->at = slice->bytes;
    stream->end = (unsigned char *)slice + size;
    stream->size = (unsigned)size;
    stream->step = step < CDB_SLICE_STEP ? step + 1 : step;
    *bytes += size;
    return true;
}

void cdb_stream_read(struct cdb_stream_reader *reader, const struct cdb_stream *stream)
{
    *reader =
        (struct cdb_stream_reader){.stream = stream, .slice = NULL, .at = stream->first != NULL ? NULL : stream->at};
    if (stream->first != NULL)
        cdb_stream_next_slice(reader);
}

void cdb_stream_next_slice(struct cdb_stream_reader *reader)
{
    const struct cdb_slice *slice;
    unsigned step;

    slice = reader->slice == NULL ? reader->stream->first : reader->slice->next;
    step = reader->slice == NULL ? 0 : reader->step + 1;
    reader->step = step < CDB_SLICE_STEP ? step : CDB_SLICE_STEP;
    reader->slice = slice;
    reader->at = slice->bytes;
    reader->end = (const unsigned char *)slice + slice_size(reader->step);
}

/* ---- hash tables -------------------------------------------------------------------------------- */

#define FIRST_SLOTS 1024

static int slots_init(struct cdb_word_slots *slots)
{
    slots->slots = calloc(FIRST_SLOTS, sizeof(uint64_t));
    slots->mask = FIRST_SLOTS - 1;
    slots->used = 0;
    return slots->slots != NULL ? 0 : cdb_error_memory();
}

/* Put a number at a free slot. */
static void slots_put(struct cdb_word_slots *slots, uint64_t slot)
{
    size_t at = (size_t)(slot >> 32) & slots->mask;

    while (slots->slots[at] != 0)
        at = (at + 1) & slots->mask;
    slots->slots[at] = slot;
}

/* Room for one more. The tables of hashes with 32 bits do not grow beyond these. */
static int slots_grow(struct cdb_word_slots *slots)
{
    struct cdb_word_slots grown = {.mask = slots->mask * 2 + 1, .used = slots->used};

    if (slots->used * 3 < slots->mask * 2 || grown.mask > UINT32_MAX)
        return 0;
    grown.slots = calloc(grown.mask + 1, sizeof(uint64_t));
    if (grown.slots == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i <= slots->mask; i++)
        if (slots->slots[i] != 0)
            slots_put(&grown, slots->slots[i]);
    free(slots->slots);
    *slots = grown;
    return 0;
}

static int slots_add(struct cdb_word_slots *slots, uint64_t hash, uint32_t number)
{
    int result = slots_grow(slots);

    if (result != 0)
        return result;
    slots_put(slots, hash >> 32 << 32 | (number + 1));
    slots->used++;
    return 0;
}

/* ---- words -------------------------------------------------------------------------------------- */

int cdb_words_init(struct cdb_words *words)
{
    int result;

    memset(words, 0, sizeof(*words));
    words->key = cdb_hash_key();
    result = slots_init(&words->form_slots);
    return result == 0 ? slots_init(&words->term_slots) : result;
}

void cdb_words_release(struct cdb_words *words)
{
    cdb_arena_release(&words->arena);
    free(words->terms);
    cdb_buf_release(&words->forms);
    free(words->form_slots.slots);
    free(words->term_slots.slots);
    memset(words, 0, sizeof(*words));
}

size_t cdb_words_bytes(const struct cdb_words *words)
{
    return words->stream_bytes + words->term_room * sizeof(struct cdb_term) + words->forms.cap +
           (words->form_slots.mask + words->term_slots.mask + 2) * sizeof(uint64_t);
}

static uint64_t hash_of(const struct cdb_words *words, uint32_t path, const char *text, size_t len)
{
    return cdb_hash_bytes(words->key + path, text, len);
}

static bool is_term(const struct cdb_words *words, const struct cdb_term *term, uint32_t path, const char *text,
                    size_t len)
{
    size_t own_len;
    const char *own = cdb_words_term_text(words, term, &own_len);

    return term->path == path && own_len == len && memcmp(own, text, len) == 0;
}

/* The term's number, or that of a new one. */
static int find_term(struct cdb_words *words, uint32_t path, const char *text, size_t len, uint32_t *number)
{
    struct cdb_word_slots *slots = &words->term_slots;
    uint64_t hash = hash_of(words, path, text, len);
    int result;

    for (size_t at = (size_t)(hash >> 32) & slots->mask; slots->slots[at] != 0; at = (at + 1) & slots->mask) {
        *number = (uint32_t)slots->slots[at] - 1;
        if (slots->slots[at] >> 32 == hash >> 32 && is_term(words, &words->terms[*number], path, text, len))
            return 0;
    }
    if (words->term_count >= UINT32_MAX - 1)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many words for one segment of the index");
    result = cdb_array_grow(&words->terms, &words->term_room, words->term_count, sizeof(struct cdb_term));
    if (result != 0)
        return result;
    *number = (uint32_t)words->term_count;
    result = slots_add(slots, hash, *number);
    if (result == 0)
        words->terms[words->term_count++] = (struct cdb_term){.path = path};
    return result;
}

static int add_form(struct cdb_words *words, struct cdb_occurrence *own)
{
    struct cdb_form form = {.form_len = own->form_len, .term_len = own->term_len};
    const char *text = words->text + own->text;
    static const char zeros[CDB_FORM_STEP];
    struct cdb_term *term;
    int result = find_term(words, own->path, text + form.form_len, form.term_len, &form.term);

    if (result != 0)
        return result;
    if (words->forms.len / CDB_FORM_STEP >= UINT32_MAX - 1)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many words for one segment of the index");
    own->form = (uint32_t)(words->forms.len / CDB_FORM_STEP);
    term = &words->terms[form.term];
    if (term->forms == 0)
        term->first_form = own->form;
    form.ordinal = term->forms++;
    cdb_buf_add(&words->forms, &form, offsetof(struct cdb_form, text));
    cdb_buf_add(&words->forms, text, (size_t)form.form_len + form.term_len);
    cdb_buf_add(&words->forms, zeros, (CDB_FORM_STEP - words->forms.len % CDB_FORM_STEP) % CDB_FORM_STEP);
    result = cdb_buf_check(&words->forms);
    if (result == 0)
        result = slots_add(&words->form_slots, own->hash, own->form);
    words->form_count++;
    return result;
}

/* The number of the form, which may be new. */
static int find_form(struct cdb_words *words, struct cdb_occurrence *own)
{
    const struct cdb_word_slots *slots = &words->form_slots;
    size_t len = (size_t)own->form_len + own->term_len;

    for (size_t at = (size_t)(own->hash >> 32) & slots->mask; slots->slots[at] != 0; at = (at + 1) & slots->mask) {
        const struct cdb_form *form;

        if (slots->slots[at] >> 32 != own->hash >> 32)
            continue;
        own->form = (uint32_t)slots->slots[at] - 1;
        form = cdb_words_form(words, own->form);
        if (form->form_len == own->form_len && form->term_len == own->term_len &&
            memcmp(form->text, words->text + own->text, len) == 0 && words->terms[form->term].path == own->path)
            return 0;
    }
    return add_form(words, own);
}

static int append(struct cdb_words *words, const struct cdb_occurrence *own)
{
    const struct cdb_form *form = cdb_words_form(words, own->form);
    struct cdb_term *term = &words->terms[form->term];
    bool first = term->next_doc <= own->doc, changed = form->ordinal != term->last_form, ok;

    if (first)
        term->next_position = 0;
    ok = cdb_stream_put(&term->stream, &words->arena, &words->stream_bytes,
                        (own->position - term->next_position) << 2 | (first ? 2 : 0) | changed);
    if (ok && first)
        ok = cdb_stream_put(&term->stream, &words->arena, &words->stream_bytes, own->doc - term->next_doc);
    if (ok && changed)
        ok = cdb_stream_put(&term->stream, &words->arena, &words->stream_bytes, form->ordinal);
    term->df += first;
    term->next_doc = own->doc + 1;
    term->next_position = own->position + 1;
    term->last_form = form->ordinal;
    return ok ? 0 : CHRONDB_ESYSTEM;
}

/* Each pass asks for the memory that the next one needs; the slots were asked for when the occurrence came. */
int cdb_words_flush(struct cdb_words *words)
{
    struct cdb_occurrence *batch = words->batch;
    size_t count = words->batched;
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t slot = words->form_slots.slots[(size_t)(batch[i].hash >> 32) & words->form_slots.mask];

        if (slot != 0)
            __builtin_prefetch(cdb_words_form(words, (uint32_t)slot - 1));
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = find_form(words, &batch[i]);
        if (result == 0)
            __builtin_prefetch(&words->terms[cdb_words_form(words, batch[i].form)->term], 1);
    }
    for (size_t i = 0; result == 0 && i < count; i++)
        __builtin_prefetch(words->terms[cdb_words_form(words, batch[i].form)->term].stream.at, 1);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = append(words, &batch[i]);
    words->batched = 0;
    words->text_used = 0;
    return result;
}

int cdb_words_add(struct cdb_words *words, uint32_t path, const char *form, size_t form_len, const char *term,
                  size_t term_len, uint32_t doc, uint64_t position)
{
    uint64_t hash = hash_of(words, path, form, form_len);
    struct cdb_occurrence *own;

    __builtin_prefetch(&words->form_slots.slots[(size_t)(hash >> 32) & words->form_slots.mask]);
    if (words->batched == CDB_WORDS_BATCH || form_len + term_len > CDB_WORDS_TEXT - words->text_used) {
        int result = cdb_words_flush(words);

        if (result != 0)
            return result;
    }
    own = &words->batch[words->batched++];
    *own = (struct cdb_occurrence){
        hash, position, path, doc, (uint32_t)words->text_used, 0, (unsigned char)form_len, (unsigned char)term_len};
    memcpy(words->text + words->text_used, form, form_len);
    memcpy(words->text + words->text_used + form_len, term, term_len);
    words->text_used += form_len + term_len;
    return 0;
}
