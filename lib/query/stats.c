/* SPDX-License-Identifier: MIT */
#include "query/stats.h"

#include <float.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_postings.h"
#include "util/error.h"

struct collecting {
    struct cdb_arena *arena;
    const struct cdb_ft_view *view;
    bool given;
    struct cdb_weight *weights;
};

/* ---- terms -------------------------------------------------------------------------------------- */

static int set_bits(const struct cdb_ft_segment *segment, const struct cdb_ft_entry *entry, uint64_t *bits)
{
    struct cdb_ft_postings postings;
    uint32_t docs = cdb_ft_docs(segment);
    int result = cdb_ft_postings_open(&postings, segment, entry);

    if (result != 0)
        return result;
    while (cdb_ft_next_block(&postings) != CDB_FT_END)
        for (uint32_t i = 0; i < postings.count; i++)
            if (postings.docs[i] < docs)
                bits[postings.docs[i] / 64] |= UINT64_C(1) << postings.docs[i] % 64;
    return postings.result;
}

/* The documents with a term in any of several leaf fields, where the segment has no number for it. */
static int count_union(struct collecting *in, const struct cdb_ft_segment *segment, const struct cdb_term_part *part,
                       uint64_t *df)
{
    size_t words = cdb_ft_docs(segment) / 64 + 1;
    uint64_t *bits = cdb_arena_alloc(in->arena, words * sizeof(*bits));
    int result = bits == NULL ? CHRONDB_ESYSTEM : 0;

    if (bits != NULL)
        memset(bits, 0, words * sizeof(*bits));
    for (size_t i = 0; result == 0 && i < part->count; i++)
        result = set_bits(segment, &part->entries[i], bits);
    for (size_t i = 0; result == 0 && i < words; i++)
        *df += cdb_bits_count(bits[i]);
    return result;
}

static int add_entry(struct collecting *in, struct cdb_term_part *part, const struct cdb_ft_entry *entry)
{
    /* Room doubles at each power of two; what is outgrown stays in the arena. */
    if ((part->count & (part->count - 1)) == 0) {
        size_t room = part->count == 0 ? 1 : 2 * part->count;
        struct cdb_ft_entry *entries = cdb_arena_alloc(in->arena, room * sizeof(*entries));

        if (entries == NULL)
            return CHRONDB_ESYSTEM;
        if (part->count > 0)
            memcpy(entries, part->entries, part->count * sizeof(*entries));
        part->entries = entries;
    }
    part->entries[part->count++] = *entry;
    return 0;
}

static int find_in_part(struct collecting *in, struct cdb_plan_term *term, const struct cdb_query_string *field,
                        const struct cdb_ft_segment *segment, struct cdb_term_part *part)
{
    struct cdb_ft_walk walk;
    uint64_t whole;
    int result = cdb_ft_find_field(segment, field->ptr, field->len, &part->range);

    if (result == 0)
        result = cdb_ft_walk_term(&walk, segment, term->text.ptr, term->text.len, &part->range);
    if (result != 0)
        return result < 0 ? result : 0;
    whole = walk.whole_df;
    while (result == 0) {
        result = add_entry(in, part, &walk.entry);
        if (result == 0)
            result = cdb_ft_walk_next(&walk);
    }
    if (result < 0)
        return result;
    if (part->count == 1)
        term->df += part->entries[0].df;
    else if (part->range.field == 0)
        term->df += whole;
    else if (!in->given) /* else it is of no use for scores */
        return count_union(in, segment, part, &term->df);
    else
        term->counted = false;
    return 0;
}

static int find_term(struct collecting *in, struct cdb_plan_term *term, const struct cdb_query_string *field)
{
    int result = 0;

    term->parts = cdb_arena_alloc(in->arena, (in->view->count + 1) * sizeof(*term->parts));
    if (term->parts == NULL)
        return CHRONDB_ESYSTEM;
    memset(term->parts, 0, (in->view->count + 1) * sizeof(*term->parts));
    for (size_t i = 0; result == 0 && i < in->view->count; i++)
        result = find_in_part(in, term, field, in->view->parts[i].segment, &term->parts[i]);
    return result;
}

/* ---- fields ------------------------------------------------------------------------------------- */

static int add_field(const struct cdb_ft_view *view, const struct cdb_query_string *field, uint64_t *documents,
                     uint64_t *length)
{
    for (size_t i = 0; i < view->count; i++) {
        struct cdb_ft_range range;
        struct cdb_ft_field info;
        int result = cdb_ft_find_field(view->parts[i].segment, field->ptr, field->len, &range);

        if (result == 0)
            result = cdb_ft_field(view->parts[i].segment, range.field, &info);
        if (result < 0)
            return result;
        if (result == 0) {
            *documents += info.docs;
            *length += info.length;
        }
    }
    return 0;
}

static int weigh(struct collecting *in, struct cdb_plan *plan, struct cdb_weight *out)
{
    uint64_t length = 0;
    double idf = 0, weight;
    int result = add_field(in->view, &plan->field, &plan->documents, &length);

    if (result != 0)
        return result;
    if (plan->kind == CDB_PLAN_TERM)
        idf = cdb_bm25_idf(plan->documents, plan->terms[0].df);
    else /* a word that is there twice counts twice */
        for (size_t i = 0; i < plan->word_count; i++)
            idf += cdb_bm25_idf(plan->documents, plan->terms[plan->words[i]].df);
    weight = plan->boost * idf;
    out->weight = (float)(weight < FLT_MAX ? weight : FLT_MAX);
    out->average_length = plan->documents > 0 ? (float)((double)length / (double)plan->documents) : 1;
    return 0;
}

/* ---- the tree ----------------------------------------------------------------------------------- */

static int collect_leaf(struct collecting *in, struct cdb_plan *plan)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < plan->term_count; i++)
        result = find_term(in, &plan->terms[i], &plan->field);
    if (result != 0 || !plan->scoring)
        return result;
    if (!in->given)
        result = weigh(in, plan, &in->weights[plan->leaf]);
    if (result != 0)
        return result;
    plan->similarity = cdb_arena_alloc(in->arena, sizeof(*plan->similarity));
    if (plan->similarity == NULL)
        return CHRONDB_ESYSTEM;
    cdb_similarity_init(plan->similarity, in->weights[plan->leaf].weight, in->weights[plan->leaf].average_length);
    return 0;
}

/* Recursion is as deep as the query's tree. */
static int collect(struct collecting *in, struct cdb_plan *plan)
{
    const struct cdb_plan_list *lists[3] = {&plan->required, &plan->optional, &plan->excluded};
    int result = 0;

    if (plan->kind == CDB_PLAN_TERM || plan->kind == CDB_PLAN_PHRASE)
        return collect_leaf(in, plan);
    if (plan->kind != CDB_PLAN_BOOLEAN)
        return 0;
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; result == 0 && i < lists[l]->count; i++)
            result = collect(in, lists[l]->items[i]);
    return result;
}

int cdb_stats_collect(struct cdb_plan_tree *tree, struct cdb_arena *arena, const struct cdb_ft_view *view, bool given,
                      struct cdb_weight *weights)
{
    struct collecting in = {arena, view, given, weights};

    return collect(&in, tree->root);
}
