/* SPDX-License-Identifier: MIT
 *
 * The lists of a term: how they are opened, and what was read of them. */
#include <stdlib.h>

#include "query/postings.h"
#include "util/error.h"

static int compare_lengths(const void *a, const void *b)
{
    const struct cdb_ft_entry *x = *(const struct cdb_ft_entry *const *)a, *y = *(const struct cdb_ft_entry *const *)b;

    if (x->df != y->df)
        return x->df > y->df ? -1 : 1;
    return x->field < y->field ? -1 : x->field > y->field;
}

int cdb_list_open(struct cdb_list *list, struct cdb_run *run, const struct cdb_ft_entry *entry, bool unnamed)
{
    *list = (struct cdb_list){.docs = run->docs, .unnamed = unnamed, .df = entry->df};
    return cdb_ft_postings_open(&list->postings, run->segment, entry);
}

/* So many lists of a term are read as the search goes. */
#define LISTS 32

/* The entries from number LISTS - 1 on as one list. */
static int open_pile(struct cdb_list *list, struct cdb_run *run, struct cdb_plan *plan,
                     const struct cdb_ft_entry *const *entries, size_t count)
{
    struct cdb_pile *pile = cdb_arena_alloc(&run->arena, sizeof(*pile));
    int result =
        pile == NULL ? CHRONDB_ESYSTEM : cdb_pile_make(pile, &run->arena, run->segment, entries, count, &plan->blocks);

    if (result != 0)
        return result;
    list->pile = pile;
    list->df = (uint32_t)pile->count;
    for (size_t i = 0; i < count; i++)
        plan->postings += entries[i]->df;
    return 0;
}

/* A pile may be longer than any list. */
static void move_up(struct cdb_list *lists, size_t at)
{
    struct cdb_list pile = lists[at];

    for (; at > 0 && lists[at - 1].df < pile.df; at--)
        lists[at] = lists[at - 1];
    lists[at] = pile;
}

int cdb_lists_open(struct cdb_list **out, size_t *count, struct cdb_run *run, struct cdb_plan *plan,
                   const struct cdb_term_part *part, uint64_t *cost)
{
    bool many = part->count > LISTS;
    size_t n = many ? LISTS : part->count;
    struct cdb_list *lists = cdb_arena_alloc(&run->arena, n * sizeof(*lists));
    const struct cdb_ft_entry **order = cdb_arena_alloc(&run->arena, part->count * sizeof(*order));
    int result = lists == NULL || order == NULL ? CHRONDB_ESYSTEM : 0;

    *out = lists;
    *count = n;
    *cost = 0;
    for (size_t i = 0; result == 0 && i < part->count; i++) {
        order[i] = &part->entries[i];
        *cost += order[i]->df;
    }
    if (result == 0 && part->count > 1)
        qsort(order, part->count, sizeof(*order), compare_lengths);
    for (size_t i = 0; result == 0 && i < n; i++) {
        if (!many || i < n - 1) {
            result = cdb_list_open(&lists[i], run, order[i], part->range.field == 0);
            continue;
        }
        lists[i] = (struct cdb_list){.docs = run->docs};
        result = open_pile(&lists[i], run, plan, order + i, part->count - i);
    }
    if (result == 0 && many)
        move_up(lists, n - 1);
    return result;
}

void cdb_lists_finish(const struct cdb_list *lists, size_t count, struct cdb_plan *plan)
{
    for (size_t i = 0; i < count; i++) {
        const struct cdb_ft_postings *postings = &lists[i].postings;

        if (lists[i].pile != NULL)
            continue;
        uint64_t read = (uint64_t)postings->blocks_decoded * CDB_FT_BLOCK;

        plan->blocks += postings->blocks_decoded;
        plan->skipped += postings->block_count - postings->blocks_decoded;
        plan->postings += read < postings->df ? read : postings->df;
    }
}
