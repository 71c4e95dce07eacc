/* SPDX-License-Identifier: MIT
 *
 * The terms and forms of the segment that is built, in order, with their lists. */
#include <stdlib.h>
#include <string.h>

#include "index/ft_builder.h"
#include "util/array.h"
#include "util/error.h"

/* ---- order -------------------------------------------------------------------------------------- */

/* A term, or a form. The first bytes of the text decide nearly always. */
struct word {
    uint64_t prefix;
    uint32_t number;
};

static uint64_t prefix_of(const char *text, size_t len)
{
    uint64_t prefix = 0;

    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < len ? (unsigned char)text[i] : 0);
    return prefix;
}

struct order {
    const struct cdb_words *words;
    const uint32_t *rows; /* by path */
};

static int compare_words(const struct order *order, const char *a, size_t a_len, uint32_t a_term, const char *b,
                         size_t b_len, uint32_t b_term)
{
    int result = cdb_bytes_compare(a, a_len, b, b_len);
    uint32_t a_row, b_row;

    if (result != 0)
        return result;
    a_row = order->rows[order->words->terms[a_term].path];
    b_row = order->rows[order->words->terms[b_term].path];
    return (a_row > b_row) - (a_row < b_row);
}

static int compare_terms(const void *a, const void *b, void *context)
{
    const struct word *x = a, *y = b;
    const struct order *order = context;
    size_t x_len, y_len;
    const char *x_text, *y_text;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    x_text = cdb_words_term_text(order->words, &order->words->terms[x->number], &x_len);
    y_text = cdb_words_term_text(order->words, &order->words->terms[y->number], &y_len);
    return compare_words(order, x_text, x_len, x->number, y_text, y_len, y->number);
}

static int compare_forms(const void *a, const void *b, void *context)
{
    const struct word *x = a, *y = b;
    const struct order *order = context;
    const struct cdb_form *x_form, *y_form;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    x_form = cdb_words_form(order->words, x->number);
    y_form = cdb_words_form(order->words, y->number);
    return compare_words(order, x_form->text, x_form->form_len, x_form->term, y_form->text, y_form->form_len,
                         y_form->term);
}

/* By text, then row. */
static struct word *sort_terms(const struct cdb_build *build)
{
    const struct cdb_words *words = &build->builder->words;
    struct word *list = malloc((words->term_count + 1) * sizeof(*list));
    struct order order = {words, build->number};

    if (list == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    for (uint32_t i = 0; i < words->term_count; i++) {
        size_t len;
        const char *text = cdb_words_term_text(words, &words->terms[i], &len);

        list[i] = (struct word){prefix_of(text, len), i};
    }
    qsort_r(list, words->term_count, sizeof(*list), compare_terms, &order);
    return list;
}

static struct word *sort_forms(const struct cdb_build *build)
{
    const struct cdb_words *words = &build->builder->words;
    struct word *list = malloc((words->form_count + 1) * sizeof(*list));
    struct order order = {words, build->number};
    uint32_t number = 0;

    if (list == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    for (size_t i = 0; i < words->form_count; i++) {
        const struct cdb_form *form = cdb_words_form(words, number);

        list[i] = (struct word){prefix_of(form->text, form->form_len), number};
        number += cdb_form_steps(form);
    }
    qsort_r(list, words->form_count, sizeof(*list), compare_forms, &order);
    return list;
}

static bool is_same_text(const struct cdb_words *words, uint32_t a, uint32_t b)
{
    size_t a_len, b_len;
    const char *a_text = cdb_words_term_text(words, &words->terms[a], &a_len);
    const char *b_text = cdb_words_term_text(words, &words->terms[b], &b_len);

    return a_len == b_len && memcmp(a_text, b_text, a_len) == 0;
}

/* The same form in the same leaf, of different terms. */
static bool is_same_form(const struct cdb_words *words, uint32_t a, uint32_t b)
{
    const struct cdb_form *x = cdb_words_form(words, a), *y = cdb_words_form(words, b);

    return x->form_len == y->form_len && words->terms[x->term].path == words->terms[y->term].path &&
           memcmp(x->text, y->text, x->form_len) == 0;
}

/* ---- values ------------------------------------------------------------------------------------- */

/* Of a form whose value is not in `values`: not made yet; several terms have it; it is a term with the same documents.
 */
#define NO_VALUE SIZE_MAX
#define IS_UNION (SIZE_MAX - 1)
#define IS_TERM  (SIZE_MAX - 2)

/* Keep a dictionary's value for the forms. */
static size_t keep_value(struct cdb_build *build, const unsigned char *value, size_t len)
{
    size_t at = build->values.len;
    unsigned char size = (unsigned char)len;

    cdb_buf_add(&build->values, &size, 1);
    cdb_buf_add(&build->values, value, len);
    return at;
}

/* ---- the lists of terms ------------------------------------------------------------------------- */

/* Documents of the forms of a term. */
struct split {
    uint32_t *pairs; /* a form's ordinal, a document */
    size_t count, room;
    uint32_t *next_doc; /* by ordinal: one more than the last document */
    uint32_t *starts;   /* by ordinal: where its documents are in `docs`; and the end */
    size_t form_room;
    uint32_t *docs;
    size_t doc_room;
};

static void split_release(struct split *split)
{
    free(split->pairs);
    free(split->next_doc);
    free(split->starts);
    free(split->docs);
}

static int split_begin(struct split *split, uint32_t forms)
{
    uint32_t *next_doc = split->next_doc, *starts = split->starts;

    split->count = 0;
    if (forms > split->form_room) {
        size_t room = (size_t)forms * 2;

        next_doc = realloc(next_doc, room * sizeof(uint32_t));
        split->next_doc = next_doc != NULL ? next_doc : split->next_doc;
        starts = realloc(starts, (room + 2) * sizeof(uint32_t));
        split->starts = starts != NULL ? starts : split->starts;
        if (next_doc == NULL || starts == NULL)
            return cdb_error_memory();
        split->form_room = room;
    }
    memset(split->next_doc, 0, forms * sizeof(uint32_t));
    memset(split->starts, 0, (forms + (size_t)2) * sizeof(uint32_t));
    return 0;
}

static int split_add(struct split *split, uint32_t ordinal, uint32_t doc)
{
    int result;

    if (split->next_doc[ordinal] == doc + 1)
        return 0;
    result = cdb_array_grow(&split->pairs, &split->room, split->count, 2 * sizeof(uint32_t));
    if (result != 0)
        return result;
    split->next_doc[ordinal] = doc + 1;
    split->starts[ordinal + 2]++;
    split->pairs[2 * split->count] = ordinal;
    split->pairs[2 * split->count + 1] = doc;
    split->count++;
    return 0;
}

/* docs[starts[i] .. starts[i + 1] - 1] become those of form number i. */
static int split_sort(struct split *split, uint32_t forms)
{
    if (split->count > split->doc_room) {
        uint32_t *docs = realloc(split->docs, split->count * 2 * sizeof(uint32_t));

        if (docs == NULL)
            return cdb_error_memory();
        split->docs = docs;
        split->doc_room = split->count * 2;
    }
    for (uint32_t i = 2; i < forms + 2; i++)
        split->starts[i] += split->starts[i - 1];
    for (size_t i = 0; i < split->count; i++)
        split->docs[split->starts[split->pairs[2 * i] + 1]++] = split->pairs[2 * i + 1];
    return 0;
}

/* The list of a term, split by its forms if there are several. Documents that have not the stamp yet get it, and are
 * counted. */
static int write_term(struct cdb_build *build, const struct cdb_term *term, uint32_t stamp, struct split *split,
                      uint32_t *fresh)
{
    struct cdb_list_writer *list = &build->writer.list;
    uint32_t row = build->number[term->path], doc = 0, next = 0, ordinal = 0;
    struct cdb_norms_memory *field = &build->norms[row], *unnamed = &build->norms[0];
    bool norms = term->df > CDB_FT_BLOCK;
    struct cdb_stream_reader reader;
    int result = 0;

    cdb_list_begin(list, false);
    cdb_stream_read(&reader, &term->stream);
    while (result == 0 && cdb_stream_more(&reader)) {
        uint64_t item = cdb_stream_get(&reader);

        if ((item & 2) != 0) {
            doc = next + (uint32_t)cdb_stream_get(&reader);
            next = doc + 1;
            result = cdb_list_doc(list, doc, norms ? cdb_build_norm(field, doc) : 0,
                                  norms ? cdb_build_norm(unnamed, doc) : 0);
            if (build->stamps[doc] != stamp)
                ++*fresh;
            build->stamps[doc] = stamp;
        }
        if ((item & 1) != 0)
            ordinal = (uint32_t)cdb_stream_get(&reader);
        cdb_list_gap(list, item >> 2);
        if (result == 0 && term->forms > 1)
            result = split_add(split, ordinal, doc);
    }
    return result;
}

/* The lists of its forms, but of those that other terms have too. */
static int write_split(struct cdb_build *build, struct split *split, uint32_t forms, size_t *values)
{
    struct cdb_list_writer *list = &build->writer.list;
    unsigned char value[CDB_LIST_VALUE_MAX];
    int result = split_sort(split, forms);
    size_t len;

    for (uint32_t i = 0; result == 0 && i < forms; i++) {
        if (values[i] != NO_VALUE)
            continue;
        cdb_list_begin(list, true);
        for (uint32_t k = split->starts[i]; result == 0 && k < split->starts[i + 1]; k++)
            result = cdb_list_doc(list, split->docs[k], 0, 0);
        if (result == 0)
            result = cdb_list_end(list, value, &len);
        if (result == 0)
            values[i] = keep_value(build, value, len);
    }
    return result;
}

/* Is the term's only form the same text, and no other term's? */
static bool is_form(const struct cdb_build *build, const struct cdb_term *term, size_t value)
{
    const struct cdb_form *form = cdb_words_form(&build->builder->words, term->first_form);

    return term->forms == 1 && value == NO_VALUE && form->form_len == form->term_len &&
           memcmp(form->text, form->text + form->form_len, form->form_len) == 0;
}

/* One term in one leaf. */
static int add_term(struct cdb_build *build, uint32_t number, uint32_t stamp, struct split *split, uint32_t *whole_df)
{
    const struct cdb_term *term = &build->builder->words.terms[number];
    size_t *values = build->form_values + build->first_forms[number], len;
    unsigned char value[CDB_LIST_VALUE_MAX];
    int result = term->forms > 1 ? split_begin(split, term->forms) : 0;

    if (result == 0)
        result = write_term(build, term, stamp, split, whole_df);
    if (result != 0)
        return result;
    build->writer.list.is_form = is_form(build, term, values[0]);
    result = cdb_list_end(&build->writer.list, value, &len);
    if (result != 0)
        return result;
    cdb_ft_writer_entry(&build->writer, build->number[term->path], value, len);
    if (term->forms > 1)
        return write_split(build, split, term->forms, values);
    if (build->writer.list.is_form)
        values[0] = IS_TERM;
    else if (values[0] == NO_VALUE)
        values[0] = keep_value(build, value, len);
    return 0;
}

static int write_terms(struct cdb_build *build)
{
    const struct cdb_words *words = &build->builder->words;
    struct word *order = sort_terms(build);
    struct split split = {.pairs = NULL};
    int result = order == NULL ? CHRONDB_ESYSTEM : 0;
    uint32_t stamp = 0;

    cdb_ft_writer_begin_terms(&build->writer);
    for (size_t i = 0, next; result == 0 && i < words->term_count; i = next) {
        size_t len;
        const char *text = cdb_words_term_text(words, &words->terms[order[i].number], &len);
        uint32_t whole_df = 0;

        cdb_ft_writer_term(&build->writer, text, len);
        stamp++;
        for (next = i; result == 0 && next < words->term_count; next++) {
            if (next > i && !is_same_text(words, order[i].number, order[next].number))
                break;
            result = add_term(build, order[next].number, stamp, &split, &whole_df);
        }
        if (result == 0)
            result = cdb_ft_writer_end_term(&build->writer, whole_df);
    }
    if (result == 0)
        result = cdb_ft_writer_end_terms(&build->writer);
    split_release(&split);
    free(order);
    return result;
}

/* ---- forms -------------------------------------------------------------------------------------- */

/* Mark the documents of a form in `bits`. */
static void mark_docs(const struct cdb_words *words, const struct cdb_form *form, uint64_t *bits)
{
    const struct cdb_term *term = &words->terms[form->term];
    uint32_t doc = 0, next = 0, ordinal = 0;
    struct cdb_stream_reader reader;

    cdb_stream_read(&reader, &term->stream);
    while (cdb_stream_more(&reader)) {
        uint64_t item = cdb_stream_get(&reader);

        if ((item & 2) != 0) {
            doc = next + (uint32_t)cdb_stream_get(&reader);
            next = doc + 1;
        }
        if ((item & 1) != 0)
            ordinal = (uint32_t)cdb_stream_get(&reader);
        if (ordinal == form->ordinal)
            bits[doc / 64] |= UINT64_C(1) << doc % 64;
    }
}

/* The list of a form that several terms have. Rare. */
static int write_union(struct cdb_build *build, const struct word *forms, size_t count,
                       unsigned char value[CDB_LIST_VALUE_MAX], size_t *len)
{
    const struct cdb_words *words = &build->builder->words;
    struct cdb_list_writer *list = &build->writer.list;
    size_t size = (size_t)build->builder->docs / 64 + 1;
    uint64_t *bits = calloc(size, sizeof(uint64_t));
    int result = 0;

    if (bits == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < count; i++)
        mark_docs(words, cdb_words_form(words, forms[i].number), bits);
    cdb_list_begin(list, true);
    for (size_t word = 0; word < size; word++)
        for (uint64_t left = bits[word]; result == 0 && left != 0; left &= left - 1)
            result = cdb_list_doc(list, (uint32_t)(word * 64 + (unsigned)__builtin_ctzll(left)), 0, 0);
    free(bits);
    return result == 0 ? cdb_list_end(list, value, len) : result;
}

static int write_form(struct cdb_build *build, const struct word *forms, size_t count)
{
    const struct cdb_words *words = &build->builder->words;
    const struct cdb_form *form = cdb_words_form(words, forms[0].number);
    const struct cdb_term *term = &words->terms[form->term];
    uint32_t row = build->number[term->path];
    unsigned char made[CDB_LIST_VALUE_MAX];
    const unsigned char *value = made;
    size_t at = build->form_values[build->first_forms[form->term] + form->ordinal], len;

    if (at == IS_TERM)
        return 0;
    if (count > 1) {
        int result = write_union(build, forms, count, made, &len);

        if (result != 0)
            return result;
    } else {
        value = (const unsigned char *)build->values.ptr + at + 1;
        len = value[-1];
        if (term->forms == 1)
            return cdb_ft_writer_form_as(&build->writer, form->text, form->form_len, row, form->text + form->form_len,
                                         form->term_len, value, len);
    }
    return cdb_ft_writer_form(&build->writer, form->text, form->form_len, row, value, len);
}

/* The end of those that are the same form in the same leaf as the one at `first`. */
static size_t end_of_form(const struct cdb_build *build, const struct word *order, size_t first)
{
    const struct cdb_words *words = &build->builder->words;
    size_t next = first + 1;

    while (next < words->form_count && is_same_form(words, order[first].number, order[next].number))
        next++;
    return next;
}

static int write_forms(struct cdb_build *build, const struct word *order)
{
    size_t count = build->builder->words.form_count;
    int result = cdb_buf_check(&build->values);

    cdb_ft_writer_begin_forms(&build->writer);
    for (size_t i = 0, next; result == 0 && i < count; i = next) {
        next = end_of_form(build, order, i);
        result = write_form(build, order + i, next - i);
    }
    return result;
}

/* Which forms several terms have. */
static void mark_unions(struct cdb_build *build, const struct word *order)
{
    const struct cdb_words *words = &build->builder->words;

    for (size_t i = 0, next; i < words->form_count; i = next) {
        next = end_of_form(build, order, i);
        for (size_t k = i; next - i > 1 && k < next; k++) {
            const struct cdb_form *form = cdb_words_form(words, order[k].number);

            build->form_values[build->first_forms[form->term] + form->ordinal] = IS_UNION;
        }
    }
}

/* Where the forms of each term begin among all. */
static int number_forms(struct cdb_build *build)
{
    const struct cdb_words *words = &build->builder->words;
    size_t first = 0;

    build->first_forms = malloc((words->term_count + 1) * sizeof(size_t));
    build->form_values = malloc((words->form_count + 1) * sizeof(size_t));
    build->stamps = calloc((size_t)build->builder->docs + 1, sizeof(uint32_t));
    if (build->first_forms == NULL || build->form_values == NULL || build->stamps == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < words->term_count; i++) {
        build->first_forms[i] = first;
        first += words->terms[i].forms;
    }
    for (size_t i = 0; i < words->form_count; i++)
        build->form_values[i] = NO_VALUE;
    return 0;
}

int cdb_build_words(struct cdb_build *build)
{
    struct word *order = sort_forms(build);
    int result = order == NULL ? CHRONDB_ESYSTEM : number_forms(build);

    if (result == 0) {
        mark_unions(build, order);
        result = write_terms(build);
    }
    if (result == 0)
        result = write_forms(build, order);
    free(order);
    return result == 0 ? cdb_ft_writer_end_words(&build->writer) : result;
}
