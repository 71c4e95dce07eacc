/* SPDX-License-Identifier: MIT */
#include "query/walk.h"

#include <string.h>

#include "util/error.h"

static int keep_without_table(const struct cdb_run *run, struct cdb_batch *batch)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct cdb_ft_key key;
        int result = cdb_ft_key(run->segment, batch->docs[i], &key);

        if (result != 0)
            return result;
        batch->docs[kept] = batch->docs[i];
        if (run->scores)
            batch->scores[kept] = batch->scores[i];
        kept += memchr(key.text, ':', key.len) == NULL;
    }
    batch->count = kept;
    return 0;
}

/* Scorers may leave out what scores too little, but need not. */
static void keep_promising(struct cdb_batch *batch, double floor)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->count; i++) {
        double score = batch->scores[i];

        batch->docs[kept] = batch->docs[i];
        batch->scores[kept] = score;
        kept += score >= floor;
    }
    batch->count = kept;
}

static int take_window(struct cdb_walk *walk, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct cdb_run *run = walk->run;
    const char *table = walk->options->table;
    int result = walk->scorer->ops->produce(walk->scorer, from, to, floor, batch);

    if (floor > 0)
        keep_promising(batch, floor);
    if (result == 0)
        result = cdb_run_keep_alive(run, batch->docs, run->scores ? batch->scores : NULL, &batch->count);
    if (result == 0 && table != NULL && *table == '\0')
        result = keep_without_table(run, batch);
    if (result != 0 || batch->count == 0)
        return result;
    walk->total += walk->whole ? batch->count : 0;
    if (walk->facets != NULL)
        result = cdb_facets_add(walk->facets, batch->docs, batch->count);
    if (result == 0)
        result = cdb_collector_add(walk->collector, batch->docs, run->scores ? batch->scores : NULL, batch->count);
    return result;
}

/* Facets count by windows of CDB_WINDOW. */
static bool is_wide(const struct cdb_walk *walk)
{
    return walk->scorer->wide && walk->facets == NULL;
}

/* May the window from *from on be passed over, or the whole rest? *from moves behind it then. If not, [*from, *to) is
 * what is to be produced. */
static int pass_over(const struct cdb_walk *walk, uint32_t *from, uint32_t last, uint32_t *to, double *floor,
                     bool *passed)
{
    struct cdb_scorer *scorer = walk->scorer;
    double bound;
    int result;

    *passed = false;
    *floor = walk->whole ? CDB_NO_FLOOR : cdb_collector_floor(walk->collector, *from);
    if (*floor <= 0 && !is_wide(walk))
        return 0;
    if (*floor > 0 && scorer->max * CDB_BOUND_SLACK < *floor) {
        *from = last;
        *passed = true;
        return 0;
    }
    result = scorer->ops->bound(scorer, *from, to, true, &bound);
    if (result == 0 && *floor > 0 && bound * CDB_BOUND_SLACK < *floor) {
        *from = *to;
        *passed = true;
    }
    return result;
}

int cdb_walk(struct cdb_walk *walk, uint32_t from, uint32_t last)
{
    struct cdb_scorer *scorer = walk->scorer;
    struct cdb_frame *frame = cdb_frame_take_plain(walk->run);
    struct cdb_batch batch;
    int result = 0;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    batch = (struct cdb_batch){frame->docs, frame->scores, 0};
    while (result == 0 && from < last) {
        double floor;
        uint32_t to;
        bool passed;

        result = scorer->ops->next(scorer, from, &from);
        if (result != 0 || from >= last)
            break;
        to = last - from > CDB_WINDOW && !is_wide(walk) ? from + CDB_WINDOW : last;
        result = pass_over(walk, &from, last, &to, &floor, &passed);
        if (result != 0 || passed)
            continue;
        result = take_window(walk, from, to, floor, &batch);
        from = to;
    }
    cdb_frame_give(walk->run, frame);
    return result;
}
