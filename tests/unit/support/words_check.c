/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/column.h"
#include "index/ft_postings.h"
#include "util/array.h"
#include "words.h"

/* ---- documents ---------------------------------------------------------------------------------- */

static void check_docs(const struct words *words, struct cdb_ft_segment *segment, struct random *random)
{
    const struct cdb_ft_info *info = cdb_ft_info(segment);
    uint32_t min = UINT32_MAX, max = 0, from, first, last, doc;
    struct cdb_ft_keys keys;
    struct cdb_ft_key key;

    assert_int_equal(cdb_ft_docs(segment), words->doc_count);
    assert_int_equal(cdb_ft_keys_init(&keys, segment, 0), 0);
    for (uint32_t i = 0; i < words->doc_count; i++) {
        const struct words_doc *own = &words->docs[i];

        assert_int_equal(cdb_ft_from(segment, i, &from), 0);
        assert_int_equal(from, own->from);
        min = from < min ? from : min;
        max = from > max ? from : max;
        assert_int_equal(cdb_ft_keys_next(&keys), 0);
        assert_string_equal(keys.key.text, own->key);
        assert_int_equal(keys.next, i + 1);
        assert_int_equal(cdb_ft_key(segment, i, &key), 0);
        assert_string_equal(key.text, own->key);
        assert_int_equal(key.len, strlen(own->key));
        assert_int_equal(cdb_ft_find_key(segment, own->key, strlen(own->key), &first, &last), 0);
        assert_true(first <= i && i < last);
        assert_true(first == 0 || strcmp(words->docs[first - 1].key, own->key) != 0);
        assert_true(last == words->doc_count || strcmp(words->docs[last].key, own->key) != 0);
        assert_string_equal(words->docs[first].key, own->key);
        assert_string_equal(words->docs[last - 1].key, own->key);
    }
    assert_int_equal(cdb_ft_keys_next(&keys), 1);
    assert_int_equal(info->min_from, words->doc_count > 0 ? min : 0);
    assert_int_equal(info->max_from, max);
    for (int i = 0; i < 50; i++) {
        char text[32];
        uint32_t expected = 0;

        snprintf(text, sizeof(text), "%s%zu", i % 2 == 0 ? "user:" : "", random_below(random, 2000));
        while (expected < words->doc_count && strcmp(words->docs[expected].key, text) < 0)
            expected++;
        assert_int_equal(cdb_ft_seek_key(segment, text, strlen(text), &doc), 0);
        assert_int_equal(doc, expected);
    }
    assert_int_equal(cdb_ft_from(segment, (uint32_t)words->doc_count, &from), CHRONDB_EDAMAGED);
}

/* ---- fields ------------------------------------------------------------------------------------- */

/* Tokens of a document in a path and below. */
static uint32_t *lengths_of(const struct words *words, uint32_t path)
{
    uint32_t *lengths = calloc(words->doc_count + 1, sizeof(uint32_t));

    for (size_t i = 0; i < words->token_count; i++)
        if (cdb_paths_is_within(&words->paths, words->tokens[i].path, path))
            lengths[words->tokens[i].doc]++;
    return lengths;
}

static void check_norms(const struct words *words, struct cdb_ft_segment *segment, uint32_t row,
                        const uint32_t *lengths, struct random *random)
{
    struct cdb_ft_norms norms;

    assert_int_equal(cdb_ft_norms_open(&norms, segment, row), 0);
    for (uint32_t i = 0; i < words->doc_count; i++) {
        unsigned char norm = cdb_ft_norm(&norms, i);

        assert_int_equal(norm, cdb_ft_length_to_byte(lengths[i]));
        assert_int_equal(norm != 0, lengths[i] != 0);
    }
    for (size_t i = 0; i < 100 && words->doc_count > 0; i++) {
        uint32_t doc = (uint32_t)random_below(random, words->doc_count);

        assert_int_equal(cdb_ft_norm(&norms, doc), cdb_ft_length_to_byte(lengths[doc]));
    }
    assert_int_equal(cdb_ft_norm(&norms, (uint32_t)words->doc_count), 0);
    assert_int_equal(norms.result, 0);
}

/* Documents with a scalar directly in the path, and its column. */
static void check_values(const struct words *words, struct cdb_ft_segment *segment, uint32_t row, uint32_t path,
                         const struct cdb_ft_field *field)
{
    bool *has = calloc(words->doc_count + 1, sizeof(bool));
    struct cdb_column column;
    uint32_t count = 0, found;

    for (size_t i = 0; i < words->scalar_count; i++) {
        if (words->scalars[i].path != path)
            continue;
        count += !has[words->scalars[i].doc];
        has[words->scalars[i].doc] = true;
    }
    assert_int_equal(field->leaf, count > 0);
    assert_int_equal(field->values, count);
    assert_int_equal(cdb_ft_column(segment, row, &column), count > 0 ? 0 : 1);
    for (uint32_t i = 0; count > 0 && i < words->doc_count; i++) {
        assert_int_equal(cdb_column_next(&column, i, &found), 0);
        assert_int_equal(found == i, has[i]);
    }
    free(has);
}

static void check_field(const struct words *words, struct cdb_ft_segment *segment, uint32_t row, struct random *random)
{
    uint32_t path = row > 0 ? words->order[row - 1] : CDB_PATH_ROOT, docs = 0;
    uint32_t *lengths = lengths_of(words, path);
    struct cdb_buf text = CDB_BUF_INIT, own = CDB_BUF_INIT;
    struct cdb_ft_field field;
    struct cdb_ft_range range;
    uint64_t length = 0;

    for (size_t i = 0; i < words->doc_count; i++) {
        docs += lengths[i] > 0;
        length += lengths[i];
    }
    assert_int_equal(cdb_ft_field(segment, row, &field), 0);
    assert_int_equal(field.docs, docs);
    assert_int_equal(field.length, length);
    check_norms(words, segment, row, lengths, random);
    if (row > 0) {
        check_values(words, segment, row, path, &field);
        cdb_paths_text(&words->paths, path, &text);
        assert_int_equal(cdb_ft_field_path(segment, row, &own), 0);
        assert_string_equal(cdb_buf_str(&own), cdb_buf_str(&text));
        assert_int_equal(field.parent, words->row[words->paths.paths[path].parent]);
        for (uint32_t i = 1; i <= words->rows; i++)
            assert_int_equal(i > row && i < field.end,
                             i != row && cdb_paths_is_within(&words->paths, words->order[i - 1], path));
    }
    assert_int_equal(cdb_ft_find_field(segment, row > 0 ? cdb_buf_str(&text) : NULL, text.len, &range), 0);
    assert_int_equal(range.field, row);
    assert_int_equal(range.first, row > 0 ? row : 1);
    assert_int_equal(range.last, row > 0 ? field.end : words->rows + 1);
    if (row > 0) {
        cdb_buf_adds(&text, ".nothing");
        assert_int_equal(cdb_ft_find_field(segment, text.ptr, text.len, &range), 1);
    }
    cdb_buf_release(&text);
    cdb_buf_release(&own);
    free(lengths);
}

/* ---- lists -------------------------------------------------------------------------------------- */

/* A list as it should be. */
struct list {
    uint32_t row;
    uint32_t *docs, *freqs;
    const struct words_token **first; /* tokens of each document */
    size_t count;
};

static void check_positions(struct cdb_ft_postings *postings, const struct words_token *tokens, uint32_t freq)
{
    struct cdb_ft_positions positions;

    cdb_ft_positions(&positions, postings);
    assert_int_equal(positions.left, freq);
    for (uint32_t i = 0; i < freq; i++) {
        assert_true(cdb_ft_position_next(&positions));
        assert_int_equal(positions.position, tokens[i].position);
    }
    assert_false(cdb_ft_position_next(&positions));
}

static void check_whole(struct cdb_ft_postings *postings, const struct list *list, bool positions)
{
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(cdb_ft_next(postings), list->docs[i]);
        assert_int_equal(postings->doc, list->docs[i]);
        if (postings->has_freqs && list->freqs != NULL) {
            assert_int_equal(cdb_ft_freq(postings), list->freqs[i]);
            if (positions)
                check_positions(postings, list->first[i], list->freqs[i]);
        }
    }
    assert_int_equal(cdb_ft_next(postings), CDB_FT_END);
    assert_int_equal(cdb_ft_next(postings), CDB_FT_END);
    assert_int_equal(cdb_ft_advance(postings, 0), CDB_FT_END);
    assert_int_equal(postings->result, 0);
}

static void check_blocks(struct cdb_ft_postings *postings, const struct list *list)
{
    size_t at = 0;

    while (cdb_ft_next_block(postings) != CDB_FT_END) {
        const uint32_t *freqs = cdb_ft_block_freqs(postings);

        assert_int_equal(postings->at, 0);
        for (uint32_t i = 0; i < postings->count; i++, at++) {
            assert_true(at < list->count);
            assert_int_equal(postings->docs[i], list->docs[at]);
            if (list->freqs != NULL)
                assert_int_equal(freqs[i], list->freqs[at]);
        }
    }
    assert_int_equal(at, list->count);
    assert_int_equal(postings->result, 0);
}

static void check_advance(struct cdb_ft_postings *postings, const struct list *list, uint32_t docs,
                          struct random *random)
{
    uint32_t target = 0;
    size_t at = 0;

    for (;;) {
        target += (uint32_t)random_below(random, random_chance(random, 30) ? docs / 2 + 2 : 12);
        while (at < list->count && list->docs[at] < target)
            at++;
        if (random_chance(random, 20) && postings->doc != CDB_FT_END && at < list->count &&
            list->docs[at] == postings->doc) { /* a step in between */
            at++;
            assert_int_equal(cdb_ft_next(postings), at < list->count ? list->docs[at] : CDB_FT_END);
            target = at < list->count ? list->docs[at] : docs;
        }
        assert_int_equal(cdb_ft_advance(postings, target), at < list->count ? list->docs[at] : CDB_FT_END);
        if (at == list->count)
            break;
        if (postings->has_freqs && list->freqs != NULL && random_chance(random, 50))
            assert_int_equal(cdb_ft_freq(postings), list->freqs[at]);
        if (postings->has_freqs && list->freqs != NULL && random_chance(random, 50))
            check_positions(postings, list->first[at], list->freqs[at]);
    }
    assert_int_equal(postings->result, 0);
}

static void check_bound(const struct cdb_ft_impact *impacts, size_t count, uint32_t freq, unsigned char norm)
{
    bool bounded = false;

    for (size_t i = 0; i < count; i++)
        bounded = bounded || (impacts[i].freq >= freq && impacts[i].norm <= norm);
    assert_true(bounded);
}

/* Some pair says no more than a document does: bounds are close where no pairs had to be joined. */
static void check_tight(const struct cdb_ft_impact *impacts, size_t count, const struct list *list, size_t first,
                        size_t last, struct cdb_ft_norms *norms)
{
    for (size_t k = 0; k < count; k++) {
        bool there = false;

        assert_true(k == 0 || (impacts[k].freq < impacts[k - 1].freq && impacts[k].norm < impacts[k - 1].norm));
        for (size_t i = first; i < last; i++)
            there =
                there || (list->freqs[i] == impacts[k].freq && cdb_ft_norm(norms, list->docs[i]) == impacts[k].norm);
        assert_true(there || count == CDB_FT_IMPACTS || impacts[k].freq >= 16);
    }
}

static void check_impacts(struct cdb_ft_postings *postings, struct cdb_ft_segment *segment, const struct list *list,
                          bool unnamed, struct random *random)
{
    struct cdb_ft_impact impacts[CDB_FT_IMPACTS];
    struct cdb_ft_norms norms;
    uint32_t target = 0, last;
    size_t count, at = 0;

    assert_int_equal(cdb_ft_norms_open(&norms, segment, unnamed ? 0 : list->row), 0);
    assert_int_equal(cdb_ft_list_impacts(postings, unnamed, impacts, &count), 0);
    for (size_t i = 0; i < list->count; i++)
        check_bound(impacts, count, list->freqs[i], cdb_ft_norm(&norms, list->docs[i]));
    for (;;) {
        size_t block;

        assert_int_equal(cdb_ft_shallow(postings, target, &last), 0);
        while (at < list->count && list->docs[at] < target)
            at++;
        assert_int_equal(last == CDB_FT_END, at == list->count);
        if (last == CDB_FT_END)
            break;
        assert_true(last >= target);
        assert_int_equal(cdb_ft_impacts(postings, unnamed, impacts, &count), 0);
        block = at / CDB_FT_BLOCK * CDB_FT_BLOCK;
        for (; at < list->count && list->docs[at] <= last; at++)
            check_bound(impacts, count, list->freqs[at], cdb_ft_norm(&norms, list->docs[at]));
        check_tight(impacts, count, list, block, at, &norms);
        if (random_chance(random, 30)) /* moving does not disturb it */
            assert_true(cdb_ft_advance(postings, target) <= last);
        target = last + 1;
    }
    assert_int_equal(norms.result, 0);
}

static void check_list(struct cdb_ft_segment *segment, const struct cdb_ft_entry *entry, const struct list *list,
                       struct random *random)
{
    struct cdb_ft_postings postings;
    int way;

    assert_int_equal(entry->field, list->row);
    assert_int_equal(entry->df, list->count);
    for (way = 0; way < 6; way++) {
        assert_int_equal(cdb_ft_postings_open(&postings, segment, entry), 0);
        assert_int_equal(postings.doc, CDB_FT_END);
        assert_int_equal(postings.df, list->count);
        if (way < 2)
            check_whole(&postings, list, way == 1);
        else if (way == 2)
            check_blocks(&postings, list);
        else if (way == 3)
            check_advance(&postings, list, cdb_ft_docs(segment), random);
        else if (list->freqs != NULL && postings.has_freqs)
            check_impacts(&postings, segment, list, way == 5, random);
    }
}

/* ---- terms -------------------------------------------------------------------------------------- */

/* The list of tokens first .. last - 1, all of one term in one row; released with free(list.docs) and so on. */
static void make_list(const struct words *words, size_t first, size_t last, struct list *list)
{
    size_t count = last - first;

    *list = (struct list){words->tokens[first].row, calloc(count, sizeof(uint32_t)), calloc(count, sizeof(uint32_t)),
                          calloc(count, sizeof(*list->first)), 0};
    for (size_t i = first; i < last; i++) {
        if (list->count == 0 || list->docs[list->count - 1] != words->tokens[i].doc) {
            list->docs[list->count] = words->tokens[i].doc;
            list->first[list->count++] = &words->tokens[i];
        }
        list->freqs[list->count - 1]++;
    }
}

static void release_list(struct list *list)
{
    free(list->docs);
    free(list->freqs);
    free(list->first);
}

/* The end of the tokens that have the term of token `first`, and, or not, its row too. */
static size_t end_of(const struct words *words, size_t first, bool row)
{
    size_t last = first;

    while (last < words->token_count && strcmp(words->tokens[first].term, words->tokens[last].term) == 0 &&
           (!row || words->tokens[first].row == words->tokens[last].row))
        last++;
    return last;
}

static uint32_t count_docs(const struct words *words, size_t first, size_t last)
{
    bool *seen = calloc(words->doc_count + 1, sizeof(bool));
    uint32_t count = 0;

    for (size_t i = first; i < last; i++) {
        count += !seen[words->tokens[i].doc];
        seen[words->tokens[i].doc] = true;
    }
    free(seen);
    return count;
}

static void check_term(const struct words *words, struct cdb_ft_segment *segment, size_t first, size_t last,
                       const struct cdb_ft_range *range, bool lists, struct random *random)
{
    const char *term = words->tokens[first].term;
    struct cdb_ft_walk walk;
    int result = cdb_ft_walk_term(&walk, segment, term, strlen(term), range);
    bool any = false;

    for (size_t at = first, end; at < last; at = end) {
        struct list list;

        end = end_of(words, at, true);
        if (words->tokens[at].row < range->first || words->tokens[at].row >= range->last)
            continue;
        assert_int_equal(result, 0);
        any = true;
        assert_int_equal(walk.whole_df, count_docs(words, first, last));
        assert_int_equal(walk.text_len, strlen(term));
        assert_memory_equal(walk.text, term, walk.text_len);
        assert_int_equal(walk.entry.total, end - at);
        make_list(words, at, end, &list);
        if (lists)
            check_list(segment, &walk.entry, &list, random);
        else
            assert_int_equal(walk.entry.df, list.count);
        release_list(&list);
        result = cdb_ft_walk_next(&walk);
    }
    assert_int_equal(result, 1);
    (void)any;
}

static void check_terms(const struct words *words, struct cdb_ft_segment *segment, struct random *random)
{
    struct cdb_ft_range all, range;
    struct cdb_ft_walk walk;

    assert_int_equal(cdb_ft_find_field(segment, NULL, 0, &all), 0);
    for (size_t first = 0, last; first < words->token_count; first = last) {
        last = end_of(words, first, false);
        check_term(words, segment, first, last, &all, true, random);
        for (int i = 0; i < 3; i++) {
            uint32_t row = 1 + (uint32_t)random_below(random, words->rows);
            struct cdb_ft_field field;

            assert_int_equal(cdb_ft_field(segment, row, &field), 0);
            range = (struct cdb_ft_range){row, field.end, row};
            check_term(words, segment, first, last, &range, false, random);
        }
    }
    assert_int_equal(cdb_ft_walk_term(&walk, segment, "nothing", 7, &all), 1);
    assert_int_equal(cdb_ft_walk_term(&walk, segment, "", 0, &all), 1);
    assert_int_equal(cdb_ft_walk_term(&walk, segment, "the\0", 4, &all), 1);
}

/* ---- forms -------------------------------------------------------------------------------------- */

static int compare_forms(const void *a, const void *b)
{
    const struct words_token *x = *(const struct words_token *const *)a, *y = *(const struct words_token *const *)b;
    int order = strcmp(x->form, y->form);

    if (order != 0)
        return order;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->doc > y->doc) - (x->doc < y->doc);
}

/* The entries of all forms with a prefix, and those behind a seek. */
static void check_prefix(const struct words *words, const struct words_token **tokens, struct cdb_ft_segment *segment,
                         const char *prefix, const struct cdb_ft_range *range, bool lists, struct random *random)
{
    struct cdb_ft_walk walk;
    int result = cdb_ft_walk_forms(&walk, segment, prefix, strlen(prefix), range);
    const char *sought = NULL;

    for (size_t at = 0, end; at < words->token_count; at = end) {
        struct list list = {tokens[at]->row, calloc(words->token_count, sizeof(uint32_t)), NULL, NULL, 0};

        for (end = at; end < words->token_count && strcmp(tokens[end]->form, tokens[at]->form) == 0 &&
                       tokens[end]->row == tokens[at]->row;
             end++)
            if (list.count == 0 || list.docs[list.count - 1] != tokens[end]->doc)
                list.docs[list.count++] = tokens[end]->doc;
        if (strncmp(tokens[at]->form, prefix, strlen(prefix)) == 0 && tokens[at]->row >= range->first &&
            tokens[at]->row < range->last && (sought == NULL || strcmp(tokens[at]->form, sought) >= 0)) {
            assert_int_equal(result, 0);
            assert_int_equal(walk.text_len, strlen(tokens[at]->form));
            assert_memory_equal(walk.text, tokens[at]->form, walk.text_len);
            if (lists)
                check_list(segment, &walk.entry, &list, random);
            else
                assert_int_equal(walk.entry.df, list.count);
            if (random_chance(random, 10)) {
                sought = tokens[random_below(random, words->token_count)]->form;
                if (strcmp(sought, tokens[at]->form) <= 0) {
                    assert_int_equal(cdb_ft_walk_seek(&walk, sought, strlen(sought)), 0);
                    result = cdb_ft_walk_next(&walk);
                } else {
                    result = cdb_ft_walk_seek(&walk, sought, strlen(sought));
                }
            } else {
                result = cdb_ft_walk_next(&walk);
            }
        }
        free(list.docs);
    }
    assert_int_equal(result, 1);
}

static void check_forms(const struct words *words, struct cdb_ft_segment *segment, struct random *random)
{
    const struct words_token **tokens = calloc(words->token_count + 1, sizeof(*tokens));
    static const char *const prefixes[] = {"r", "des", "run", "w1", "time", "zzz"};
    struct cdb_ft_range all;

    for (size_t i = 0; i < words->token_count; i++)
        tokens[i] = &words->tokens[i];
    qsort(tokens, words->token_count, sizeof(*tokens), compare_forms);
    assert_int_equal(cdb_ft_find_field(segment, NULL, 0, &all), 0);
    check_prefix(words, tokens, segment, "", &all, true, random);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct cdb_ft_range range = all;

        if (random_chance(random, 50) && words->rows > 0)
            range.first = 1 + (uint32_t)random_below(random, words->rows);
        check_prefix(words, tokens, segment, prefixes[i], &range, false, random);
    }
    free(tokens);
}

void words_check(const struct words *words, struct cdb_ft_segment *segment, struct random *random)
{
    check_docs(words, segment, random);
    assert_int_equal(cdb_ft_info(segment)->fields, words->rows);
    for (uint32_t row = 0; row <= words->rows; row++)
        check_field(words, segment, row, random);
    check_terms(words, segment, random);
    check_forms(words, segment, random);
}
