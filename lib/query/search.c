/* SPDX-License-Identifier: MIT */
#include "query/search.h"

#include <string.h>

#include "query/collect.h"
#include "query/explain.h"
#include "query/facet.h"
#include "query/walk.h"
#include "text/analyzer.h"
#include "util/error.h"

struct search {
    struct cdb_search_result *result;
    const struct cdb_ft_view *view;
    const struct cdb_search_options *options;
    struct cdb_plan_tree plan;
    struct cdb_weight *weights;
    struct cdb_cursor after;
    struct cdb_documents documents;
    struct cdb_collector collector;
    struct cdb_facets facets;
    uint64_t hash;
    bool whole; /* every hit is looked at: they are counted */
};

/* ---- counting without looking ------------------------------------------------------------------- */

static bool has_dead(const struct cdb_ft_view *view, size_t part)
{
    const struct cdb_ft_part *p = &view->parts[part];

    return (p->ends != NULL && p->ends->dead > 0) || (!view->present && cdb_ft_info(p->segment)->max_from >= view->end);
}

/* The number of hits, if it is known: of one term, or all documents. */
static bool count_at_once(const struct search *search, uint64_t *total)
{
    const struct cdb_plan *root = search->plan.root;
    bool all = root->kind == CDB_PLAN_ALL;

    if (search->options->table != NULL || (!all && (root->kind != CDB_PLAN_TERM || !root->terms[0].counted)))
        return false;
    *total = all ? 0 : root->terms[0].df;
    for (size_t i = 0; i < search->view->count; i++) {
        const struct cdb_ft_part *part = &search->view->parts[i];

        if (!all && root->terms[0].parts[i].count == 0)
            continue;
        if (has_dead(search->view, i) && !(all && search->view->present))
            return false;
        if (all)
            *total += cdb_ft_docs(part->segment) - (part->ends != NULL ? part->ends->dead : 0);
    }
    return true;
}

/* ---- one segment -------------------------------------------------------------------------------- */

/* The documents of the table: a run, but for those without a table. */
static int table_range(const struct cdb_search_options *options, const struct cdb_run *run, uint32_t *first,
                       uint32_t *last)
{
    struct cdb_buf key = CDB_BUF_INIT;
    int result;

    *first = 0;
    *last = run->docs;
    if (options->table == NULL || *options->table == '\0')
        return 0;
    cdb_buf_adds(&key, options->table);
    cdb_buf_addc(&key, ':');
    result = cdb_buf_check(&key);
    if (result == 0)
        result = cdb_ft_seek_key(run->segment, key.ptr, key.len, first);
    if (result == 0) {
        key.ptr[key.len - 1] = ':' + 1;
        result = cdb_ft_seek_key(run->segment, key.ptr, key.len, last);
    }
    cdb_buf_release(&key);
    return result;
}

static int search_run(struct search *search, struct cdb_run *run)
{
    struct cdb_scorer *scorer;
    uint32_t first, last, start = 0;
    int result = cdb_scorer_make(&scorer, run, search->plan.root);
    struct cdb_walk walk = {
        .options = search->options,
        .run = run,
        .scorer = scorer,
        .collector = &search->collector,
        .facets = search->options->facet_count > 0 ? &search->facets : NULL,
        .whole = search->whole,
    };

    if (result != 0 || scorer == NULL)
        return result;
    result = table_range(search->options, run, &first, &last);
    if (result == 0)
        result = cdb_collector_begin(&search->collector, run);
    if (result == 0)
        result = cdb_facets_begin(&search->facets, run);
    if (result == 0 && !search->whole && (scorer->constant || scorer->max <= 0))
        start = cdb_collector_start(&search->collector, scorer->max);
    if (result == 0)
        result = cdb_walk_shared(&walk, search->plan.root, &search->result->arena, start > first ? start : first, last);
    search->result->total += walk.total;
    if (result == 0)
        result = cdb_facets_end(&search->facets);
    scorer->ops->finish(scorer);
    return result;
}

static int search_part(struct search *search, size_t part)
{
    const struct cdb_ft_part *p = &search->view->parts[part];
    struct cdb_run run = {
        .view = search->view,
        .part = part,
        .segment = p->segment,
        .ends = p->ends,
        .docs = cdb_ft_docs(p->segment),
        .scores = cdb_collector_wants_scores(&search->collector),
        .documents = &search->documents,
    };
    int result = run.docs == 0 ? 0 : search_run(search, &run);

    cdb_arena_release(&run.arena);
    return result;
}

/* The largest first: what it finds makes the others short. */
static int search_parts(struct search *search)
{
    size_t count = search->view->count;
    size_t *order = cdb_arena_alloc(&search->result->arena, (count + 1) * sizeof(*order));
    int result = order == NULL ? CHRONDB_ESYSTEM : 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        size_t at = i;

        for (; at > 0 &&
               cdb_ft_docs(search->view->parts[order[at - 1]].segment) < cdb_ft_docs(search->view->parts[i].segment);
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t i = 0; result == 0 && i < count; i++)
        result = search_part(search, order[i]);
    return result;
}

/* ---- the answer --------------------------------------------------------------------------------- */

static int fill_hit(struct search *search, const struct cdb_entry *entry, struct cdb_search_hit *hit)
{
    const struct cdb_ft_segment *segment = search->view->parts[entry->part].segment;
    struct cdb_ft_key key;
    uint32_t from;
    int result = cdb_ft_key(segment, entry->doc, &key);

    if (result == 0)
        result = cdb_ft_from(segment, entry->doc, &from);
    if (result != 0)
        return result;
    *hit = (struct cdb_search_hit){
        .part = entry->part,
        .doc = entry->doc,
        .from = from,
        .key = cdb_arena_copy(&search->result->arena, key.text, key.len),
        .key_len = key.len,
        .score = entry->score,
    };
    return hit->key == NULL ? CHRONDB_ESYSTEM : 0;
}

static int make_next(struct search *search)
{
    const struct cdb_search_hit *last = &search->result->hits[search->result->count - 1];
    struct cdb_cursor cursor = {
        .commit = search->options->commit,
        .hash = search->hash,
        .score = last->score,
        .weights = search->weights,
        .weight_count = search->plan.leaves,
        .key = last->key,
        .key_len = last->key_len,
    };
    struct cdb_buf text = CDB_BUF_INIT;
    int result;

    cdb_cursor_encode(&text, &cursor);
    result = cdb_buf_check(&text);
    if (result == 0) {
        search->result->next = cdb_arena_copy(&search->result->arena, text.ptr, text.len);
        result = search->result->next == NULL ? CHRONDB_ESYSTEM : 0;
    }
    cdb_buf_release(&text);
    return result;
}

static int fill_hits(struct search *search)
{
    struct cdb_search_result *out = search->result;
    size_t offset = search->options->offset, count = search->collector.count;
    int result = cdb_collector_sort(&search->collector);

    count = count > offset ? count - offset : 0;
    count = count < search->options->limit ? count : search->options->limit;
    if (result != 0 || count == 0)
        return result;
    out->hits = cdb_arena_alloc(&out->arena, count * sizeof(*out->hits));
    if (out->hits == NULL)
        return CHRONDB_ESYSTEM;
    while (result == 0 && out->count < count) {
        result = fill_hit(search, cdb_collector_entry(&search->collector, offset + out->count), &out->hits[out->count]);
        out->count += result == 0;
    }
    return result == 0 && search->collector.count > offset + count ? make_next(search) : result;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static int read_cursor(struct search *search)
{
    int result = cdb_cursor_decode(&search->after, &search->result->arena, search->options->after);

    if (result != 0)
        return result;
    if (search->after.hash != search->hash)
        return cdb_error(CHRONDB_EUSAGE, "invalid_cursor",
                         "the cursor is of another query, order or table; start again without one");
    if (!cdb_oid_equal(&search->after.commit, &search->options->commit))
        return cdb_error(CHRONDB_EUSAGE, "invalid_cursor",
                         "the cursor is of another moment than the one that is searched; start again without one");
    if (search->after.weight_count != search->plan.leaves)
        return cdb_error(CHRONDB_EUSAGE, "invalid_cursor",
                         "the cursor is of another analysis of the query; start again without one");
    memcpy(search->weights, search->after.weights, search->plan.leaves * sizeof(*search->weights));
    return 0;
}

static int prepare(struct search *search, const struct cdb_query_node *query)
{
    struct cdb_arena *arena = &search->result->arena;
    const struct cdb_search_options *options = search->options;
    int result = cdb_plan_make(&search->plan, arena, options->analyzer, query);

    if (result != 0)
        return result;
    search->hash = cdb_cursor_hash(query, options);
    search->weights = cdb_arena_alloc(arena, (search->plan.leaves + 1) * sizeof(*search->weights));
    if (search->weights == NULL)
        return CHRONDB_ESYSTEM;
    if (options->after != NULL)
        result = read_cursor(search);
    if (result == 0)
        result = cdb_stats_collect(&search->plan, arena, search->view, options->after != NULL, search->weights);
    return result;
}

/* One more than is asked for: whether something follows. */
static size_t wanted(const struct cdb_search_options *options)
{
    size_t most = SIZE_MAX - 1;

    if (options->limit == 0)
        return 0;
    if (options->limit > most || options->offset > most - options->limit)
        return SIZE_MAX;
    return options->limit + options->offset + 1;
}

static int run(struct search *search, const struct cdb_query_node *query)
{
    const struct cdb_search_options *options = search->options;
    struct cdb_arena *arena = &search->result->arena;
    int result = prepare(search, query);

    if (result == 0)
        result = cdb_collector_init(&search->collector, search->view, &search->documents, arena, options,
                                    wanted(options), options->after != NULL ? &search->after : NULL);
    if (result == 0)
        result = cdb_facets_init(&search->facets, arena, &search->documents, options);
    if (result != 0)
        return result;
    search->whole = options->facet_count > 0 || (options->total && !count_at_once(search, &search->result->total));
    if (search->whole)
        search->result->total = 0;
    if (search->whole || options->limit > 0)
        result = search_parts(search);
    if (result == 0)
        result = fill_hits(search);
    if (result == 0)
        result = cdb_facets_finish(&search->facets, &search->result->facets);
    if (result == 0 && options->explain)
        result = cdb_explain(search->result, search->view, &search->plan, &search->documents);
    return result;
}

int cdb_search_run(struct cdb_search_result *result, const struct cdb_ft_view *view, const struct cdb_query_node *query,
                   const struct cdb_search_options *options)
{
    struct search search = {.result = result, .view = view, .options = options};
    int code;

    memset(result, 0, sizeof(*result));
    cdb_documents_init(&search.documents, options);
    code = run(&search, query);
    cdb_collector_release(&search.collector);
    cdb_facets_release(&search.facets);
    cdb_documents_release(&search.documents);
    return code;
}

void cdb_search_result_release(struct cdb_search_result *result)
{
    cdb_arena_release(&result->arena);
    memset(result, 0, sizeof(*result));
}
