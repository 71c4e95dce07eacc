/* SPDX-License-Identifier: MIT
 *
 * The terms of the segment that several become, with their lists. */
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_merger_words.h"
#include "util/error.h"

/* ---- lists -------------------------------------------------------------------------------------- */

static int copy_positions(struct cdb_list_writer *list, struct cdb_ft_postings *postings)
{
    struct cdb_ft_positions positions;
    uint64_t gap;

    cdb_ft_positions(&positions, postings);
    while (cdb_ft_gap_next(&positions, &gap))
        cdb_list_gap(list, gap);
    return postings->result;
}

/* Documents of one source, as long as they are below the limit. */
static int write_run(struct cdb_merger_words *words, struct cdb_walker *walker, uint32_t limit, uint32_t row,
                     uint32_t *fresh)
{
    struct cdb_list_writer *list = &words->merger->writer.list;
    struct cdb_ft_postings *postings = &walker->postings;
    uint32_t *stamps = words->merger->stamps;
    uint64_t length = 0;
    int result = 0;

    if (!postings->has_freqs)
        return cdb_index_damaged("a term has no positions");
    while (result == 0 && walker->next < limit) {
        uint32_t at = postings->at, number = walker->next;
        bool norms = walker->with_norms;

        result = cdb_list_doc(list, number, norms ? walker->norms[0][at] : 0, norms ? walker->norms[1][at] : 0);
        if (result == 0)
            result = copy_positions(list, postings);
        length += cdb_ft_freq(postings);
        if (stamps != NULL && stamps[number] != words->stamp) {
            stamps[number] = words->stamp;
            ++*fresh;
        }
        if (result == 0)
            result = cdb_walker_doc(walker, row);
    }
    words->merger->rows[row].length += length;
    return result;
}

/* The list of the term in a row; nothing if none of its documents is taken. It is a form, too, where it is one in all
 * sources; those that have the form only, of another term, are found with the forms. */
static int merge_list(struct cdb_merger_words *words, uint32_t row, uint32_t *fresh)
{
    struct cdb_ft_writer *writer = &words->merger->writer;
    unsigned char value[CDB_LIST_VALUE_MAX];
    struct cdb_walker *walker;
    bool is_form = true;
    uint32_t limit;
    size_t len;
    int result = cdb_walkers_open(words, row);

    for (size_t i = 0; i < words->count; i++)
        is_form = is_form && (!words->walkers[i].chosen || words->walkers[i].row != row || words->walkers[i].is_form);
    cdb_list_begin(&writer->list, false);
    while (result == 0 && (walker = cdb_walkers_doc(words, &limit)) != NULL) {
        if (walker->next == limit)
            return cdb_index_damaged("two lists have the same document");
        result = write_run(words, walker, limit, row, fresh);
    }
    if (result != 0 || writer->list.df == 0)
        return result;
    writer->list.is_form = is_form;
    result = cdb_list_end(&writer->list, value, &len);
    if (result == 0)
        cdb_ft_writer_entry(writer, row, value, len);
    return result;
}

/* ---- terms -------------------------------------------------------------------------------------- */

/* In how many documents of the sources the term is, if all are taken. Moves on from the entries of field 0. */
static int whole_df(struct cdb_merger_words *words, uint32_t *df)
{
    uint64_t sum = 0;
    int result = 0;

    for (size_t i = 0; result == 0 && i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];
        const unsigned char *p = walker->value;
        uint64_t own = walker->entry.df;

        if (!walker->chosen)
            continue;
        if (walker->row == 0) {
            if (!cdb_varint_get(&p, p + walker->value_len, &own) || own > cdb_ft_docs(walker->source->segment))
                return cdb_index_damaged("a term is in more documents than there are");
            result = cdb_walker_next(words, walker);
            cdb_walker_choose(words, walker);
            if (walker->chosen && walker->row == 0)
                return cdb_index_damaged("a term is there twice");
        }
        sum += own;
    }
    *df = (uint32_t)sum;
    return result;
}

static int merge_term(struct cdb_merger_words *words)
{
    struct cdb_ft_writer *writer = &words->merger->writer;
    uint32_t df = 0, fresh = 0, row;
    int result = whole_df(words, &df);

    words->stamp++;
    cdb_ft_writer_term(writer, words->text, words->text_len);
    while (result == 0 && (row = cdb_walkers_row(words)) != UINT32_MAX) {
        result = merge_list(words, row, &fresh);
        if (result == 0)
            result = cdb_walkers_pass(words, row);
    }
    return result == 0 ? cdb_ft_writer_end_term(writer, words->merger->stamps != NULL ? fresh : df) : result;
}

/* ---- all ---------------------------------------------------------------------------------------- */

static int merge_terms(struct cdb_merger_words *words)
{
    int result = cdb_walkers_begin(words, false);

    cdb_ft_writer_begin_terms(&words->merger->writer);
    while (result == 0 && cdb_walkers_choose(words)) {
        result = merge_term(words);
        if (result == 0)
            result = cdb_merger_tick(words->merger);
    }
    return result == 0 ? cdb_ft_writer_end_terms(&words->merger->writer) : result;
}

int cdb_merger_words(struct cdb_merger *merger)
{
    struct cdb_merger_words *words = calloc(1, sizeof(*words)); /* large */
    int result = 0;

    if (words == NULL)
        return cdb_error_memory();
    words->merger = merger;
    words->walkers = calloc(merger->count + 1, sizeof(*words->walkers));
    if (words->walkers == NULL)
        result = cdb_error_memory();
    if (merger->filtered && result == 0) {
        merger->stamps = calloc((size_t)merger->docs + 1, sizeof(uint32_t));
        result = merger->stamps == NULL ? cdb_error_memory() : 0;
    }
    for (size_t i = 0; result == 0 && i < merger->count; i++)
        words->walkers[words->count++].source = &merger->sources[i];
    if (result == 0)
        result = merge_terms(words);
    if (result == 0)
        result = cdb_merger_forms(words);
    free(words->walkers);
    free(words->docs);
    free(words);
    return result == 0 ? cdb_ft_writer_end_words(&merger->writer) : result;
}
