/* SPDX-License-Identifier: MIT
 *
 * Words of several segments side by side, and their lists under new numbers. */
#include <string.h>

#include "index/bytes.h"
#include "index/ft_merger_words.h"
#include "util/array.h"

/* ---- dictionaries ------------------------------------------------------------------------------- */

/* At the entry of the cursor. */
static void look(struct cdb_walker *walker, const struct cdb_dict_cursor *cursor, uint32_t field)
{
    walker->text = cursor->key;
    walker->value = cursor->value;
    walker->value_len = cursor->value_len;
    walker->row = field > 0 ? walker->source->rows[field] : 0;
}

/* What the cursor of terms is at. `result`: what it said. */
static int settle_term(struct cdb_walker *walker, int result)
{
    const struct cdb_ft_segment *segment = walker->source->segment;
    struct cdb_dict_cursor *cursor = &walker->walk.sides[0].cursor;
    uint32_t field;

    for (; result == 0; result = cdb_dict_next(cursor)) {
        if (!cdb_ft_split_key(segment, cursor->key, cursor->key_len, &walker->text_len, &field) ||
            field > segment->info.fields)
            return cdb_index_damaged("a word of a segment of words is not what was written");
        look(walker, cursor, field);
        if (field > 0 && walker->row == 0)
            continue;
        walker->is_form = field > 0 && cursor->value_len > 0 && (cursor->value[0] & CDB_FT_LIST_FORM) != 0;
        if (field > 0)
            result = cdb_ft_entry_get(segment, false, cursor->value, cursor->value_len, &walker->entry);
        walker->entry.field = field;
        return result;
    }
    walker->ended = result == 1;
    return result == 1 ? 0 : result;
}

/* What the walk of forms is at. `result`: what it said. */
static int settle_form(struct cdb_walker *walker, int result)
{
    struct cdb_ft_walk *walk = &walker->walk;

    for (; result == 0; result = cdb_ft_walk_next(walk)) {
        look(walker, &walk->sides[walk->side].cursor, walk->entry.field);
        walker->text_len = walk->text_len;
        walker->entry = walk->entry;
        walker->is_form = walk->side == 0;
        if (walker->row != 0)
            return 0;
    }
    walker->ended = result == 1;
    return result == 1 ? 0 : result;
}

int cdb_walker_next(struct cdb_merger_words *words, struct cdb_walker *walker)
{
    return words->forms ? settle_form(walker, cdb_ft_walk_next(&walker->walk))
                        : settle_term(walker, cdb_dict_next(&walker->walk.sides[0].cursor));
}

static int compare_text(const struct cdb_walker *a, const char *text, size_t len)
{
    return cdb_bytes_compare(a->text, a->text_len, text, len);
}

void cdb_walker_choose(const struct cdb_merger_words *words, struct cdb_walker *walker)
{
    walker->chosen = !walker->ended && compare_text(walker, words->text, words->text_len) == 0;
}

/* The least text of all becomes the word's: false if there is none. */
bool cdb_walkers_choose(struct cdb_merger_words *words)
{
    const struct cdb_walker *least = NULL;

    for (size_t i = 0; i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];

        if (!walker->ended && (least == NULL || compare_text(walker, least->text, least->text_len) < 0))
            least = walker;
    }
    if (least == NULL)
        return false;
    memcpy(words->text, least->text, least->text_len);
    words->text_len = least->text_len;
    for (size_t i = 0; i < words->count; i++)
        words->walkers[i].chosen =
            !words->walkers[i].ended && compare_text(&words->walkers[i], words->text, words->text_len) == 0;
    return true;
}

/* The least row of those that have the text; UINT32_MAX if there is none any more. */
uint32_t cdb_walkers_row(const struct cdb_merger_words *words)
{
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < words->count; i++)
        if (words->walkers[i].chosen && words->walkers[i].row < least)
            least = words->walkers[i].row;
    return least;
}

/* Those at this row move on. */
int cdb_walkers_pass(struct cdb_merger_words *words, uint32_t row)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];

        if (!walker->chosen || walker->row != row)
            continue;
        result = cdb_walker_next(words, walker);
        cdb_walker_choose(words, walker);
    }
    return result;
}

/* Before the first entry of all. */
int cdb_walkers_begin(struct cdb_merger_words *words, bool forms)
{
    struct cdb_ft_range all;
    int result = 0;

    words->forms = forms;
    for (size_t i = 0; result == 0 && i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];
        const struct cdb_ft_segment *segment = walker->source->segment;

        walker->ended = false;
        result = cdb_ft_find_field(segment, NULL, 0, &all);
        if (result == 0 && forms)
            result = settle_form(walker, cdb_ft_walk_forms(&walker->walk, segment, "", 0, &all));
        else if (result == 0)
            result = settle_term(walker, cdb_dict_first(&walker->walk.sides[0].cursor, &segment->terms));
    }
    return result;
}

/* ---- lists -------------------------------------------------------------------------------------- */

/* New numbers, and norms, of the documents of the postings' block. */
static int map_block(struct cdb_walker *walker, uint32_t row)
{
    const uint32_t *map = walker->source->map, *docs = walker->postings.docs;
    uint32_t count = walker->postings.count;
    int result = 0;

    if (walker->source->shifted)
        for (uint32_t i = 0; i < count; i++)
            walker->numbers[i] = docs[i] + map[0];
    else
        for (uint32_t i = 0; i < count; i++)
            walker->numbers[i] = map[docs[i]];
    if (walker->with_norms) {
        result = cdb_ft_norms_get(&walker->source->norms[row], docs, count, walker->norms[0]);
        if (result == 0)
            result = cdb_ft_norms_get(&walker->source->norms[0], docs, count, walker->norms[1]);
    }
    return result;
}

/* To the next document that is taken. */
int cdb_walker_doc(struct cdb_walker *walker, uint32_t row)
{
    struct cdb_ft_postings *postings = &walker->postings;
    int result = 0;

    do {
        uint32_t doc = cdb_ft_next(postings);

        if (doc == CDB_FT_END) {
            walker->next = CDB_FT_END;
            return postings->result;
        }
        if (postings->at == 0)
            result = map_block(walker, row);
        walker->next = walker->numbers[postings->at];
    } while (result == 0 && walker->next == CDB_FT_END);
    return result;
}

/* At their first documents. Norms are for lists that may have several blocks, and are not forms'. */
int cdb_walkers_open(struct cdb_merger_words *words, uint32_t row)
{
    uint64_t df = 0;
    int result = 0;

    for (size_t i = 0; i < words->count; i++)
        if (words->walkers[i].chosen && words->walkers[i].row == row)
            df += words->walkers[i].entry.df;
    for (size_t i = 0; result == 0 && i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];

        walker->next = CDB_FT_END;
        if (!walker->chosen || walker->row != row)
            continue;
        walker->with_norms = df > CDB_FT_BLOCK && !words->forms;
        result = cdb_ft_postings_open(&walker->postings, walker->source->segment, &walker->entry);
        if (result == 0)
            result = cdb_walker_doc(walker, row);
    }
    return result;
}

/* The walker with the least document, and the least document of the others; NULL at the end. */
struct cdb_walker *cdb_walkers_doc(const struct cdb_merger_words *words, uint32_t *limit)
{
    struct cdb_walker *least = NULL;

    *limit = CDB_FT_END;
    for (size_t i = 0; i < words->count; i++) {
        struct cdb_walker *walker = &words->walkers[i];

        if (walker->next == CDB_FT_END)
            continue;
        if (least == NULL || walker->next < least->next) {
            *limit = least != NULL ? least->next : *limit;
            least = walker;
        } else if (walker->next < *limit) {
            *limit = walker->next;
        }
    }
    return least;
}
