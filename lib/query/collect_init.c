/* SPDX-License-Identifier: MIT
 *
 * A collector at its beginning: which order, and where the page before ended. */
#include <stdlib.h>
#include <string.h>

#include "query/collect.h"
#include "query/search.h"
#include "util/error.h"

bool cdb_collector_wants_scores(const struct cdb_collector *collector)
{
    for (size_t i = 0; i < collector->order_count; i++)
        if (collector->order[i].by == CDB_BY_SCORE)
            return collector->limit > 0;
    return false;
}

static bool is_named(const struct cdb_search_sort *sort, const char *name)
{
    return sort->field_len == strlen(name) && memcmp(sort->field, name, sort->field_len) == 0;
}

static void make_order(struct cdb_collector *collector, const struct cdb_search_options *options)
{
    for (size_t i = 0; i < options->sort_count; i++) {
        const struct cdb_search_sort *sort = &options->sort[i];
        struct cdb_criterion *by = &collector->order[i];

        *by = (struct cdb_criterion){CDB_BY_FIELD, sort->descending, {sort->field, sort->field_len}};
        if (is_named(sort, "_score"))
            by->by = CDB_BY_SCORE;
        else if (is_named(sort, "_key"))
            by->by = CDB_BY_KEY;
        else
            collector->fields++;
    }
    if (options->sort_count == 0)
        collector->order[0] = (struct cdb_criterion){CDB_BY_SCORE, true, {NULL, 0}};
}

static int allocate(struct cdb_collector *collector)
{
    size_t n = collector->order_count, parts = collector->view->count;
    struct cdb_arena *arena = collector->arena;

    collector->stride = sizeof(struct cdb_entry) + (collector->fields > 0 ? n : 0) * sizeof(uint32_t);
    collector->spare = cdb_arena_alloc(arena, collector->stride);
    collector->after.entry = cdb_arena_alloc(arena, collector->stride);
    collector->ranks = cdb_arena_alloc(arena, collector->fields > 0 ? n * CDB_WINDOW * sizeof(uint32_t) : 1);
    collector->sources = cdb_arena_alloc(arena, (parts * n + 1) * sizeof(*collector->sources));
    collector->opened = cdb_arena_alloc(arena, parts + 1);
    collector->worst.ranks = cdb_arena_alloc(arena, n * sizeof(uint32_t));
    collector->worst.equal = cdb_arena_alloc(arena, n * sizeof(bool));
    collector->after.ranks = cdb_arena_alloc(arena, n * sizeof(uint32_t));
    collector->after.equal = cdb_arena_alloc(arena, n * sizeof(bool));
    if (collector->spare == NULL || collector->after.entry == NULL || collector->ranks == NULL ||
        collector->sources == NULL || collector->opened == NULL || collector->worst.ranks == NULL ||
        collector->worst.equal == NULL || collector->after.ranks == NULL || collector->after.equal == NULL)
        return CHRONDB_ESYSTEM;
    memset(collector->opened, 0, parts + 1);
    memset(collector->spare, 0, collector->stride);
    memset(collector->after.entry, 0, collector->stride);
    return 0;
}

/* The document that a page ended with, where it is alive. */
static int find_after(struct cdb_collector *collector, struct cdb_run *run)
{
    uint32_t first, last;
    int alive = 0;
    int result = cdb_ft_find_key(run->segment, collector->after_key, collector->after_key_len, &first, &last);

    while (result == 0 && alive == 0 && last > first) {
        alive = cdb_run_is_alive(run, --last);
        result = alive < 0 ? alive : 0;
    }
    if (result != 0 || alive == 0)
        return result;
    collector->after.entry->part = (uint32_t)run->part;
    collector->after.entry->doc = last;
    result = cdb_collector_begin(collector, run);
    if (result == 0)
        result = cdb_collector_ranks(collector, &last, 1);
    for (size_t i = 0; i < collector->order_count; i++)
        collector->after.entry->ranks[i] = collector->ranks[i * CDB_WINDOW];
    return result == 0 ? 1 : result;
}

static int place_after(struct cdb_collector *collector, const struct cdb_cursor *after)
{
    int result = 0;

    collector->after_key = after->key;
    collector->after_key_len = after->key_len;
    collector->after.entry->score = after->score;
    for (size_t i = 0; result == 0 && collector->fields > 0 && i < collector->view->count; i++) {
        const struct cdb_ft_part *part = &collector->view->parts[i];
        struct cdb_run run = {.view = collector->view, .part = i, .segment = part->segment, .ends = part->ends};

        result = find_after(collector, &run);
    }
    collector->run = NULL;
    if (collector->fields > 0 && result == 0)
        return cdb_error(CHRONDB_EUSAGE, "invalid_cursor",
                         "not a cursor of this search: its last document is not there; start again without one");
    collector->after.set = true;
    return result < 0 ? result : 0;
}

int cdb_collector_init(struct cdb_collector *collector, const struct cdb_ft_view *view, struct cdb_documents *documents,
                       struct cdb_arena *arena, const struct cdb_search_options *options, size_t limit,
                       const struct cdb_cursor *after)
{
    memset(collector, 0, sizeof(*collector));
    collector->view = view;
    collector->arena = arena;
    collector->limit = limit;
    collector->worst.set = limit == 0;
    cdb_sort_texts_init(&collector->texts, documents);
    collector->order_count = options->sort_count > 0 ? options->sort_count : 1;
    collector->order = cdb_arena_alloc(arena, collector->order_count * sizeof(*collector->order));
    if (collector->order == NULL)
        return CHRONDB_ESYSTEM;
    make_order(collector, options);
    if (allocate(collector) != 0)
        return CHRONDB_ESYSTEM;
    return after != NULL ? place_after(collector, after) : 0;
}

void cdb_collector_release(struct cdb_collector *collector)
{
    cdb_sort_texts_release(&collector->texts);
    free(collector->entries);
    collector->entries = NULL;
}
