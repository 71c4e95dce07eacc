/* SPDX-License-Identifier: MIT
 *
 * A walk by several threads. A segment is not changed by reading it, so that each needs only scorers, frames and a
 * collector of its own; what they collected is put together in the order of the documents. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/walk.h"
#include "util/error.h"
#include "util/thread.h"

#define THREADS_MAX 4
#define STACK_SIZE  ((size_t)256 << 10)

/* Less work than so many postings does not pay for a thread. (One term alone is passed over nearly whole.) */
#ifdef CHRONDB_TEST_HOOKS
#define COST_MIN      4u
#define DOCUMENTS_MIN 8u
#else
#define COST_MIN      400000u
#define DOCUMENTS_MIN 100000u
#endif

struct stretch {
    struct cdb_walk walk;
    struct cdb_run run;
    struct cdb_collector collector;
    uint32_t from, last;
    pthread_t thread;
    bool started;
    bool elsewhere; /* it begins on another processor; then it may run on all of these: */
    cpu_set_t processors;
    int result;
    chrondb_error error; /* of the thread, */
    char message[256];   /* and its message */
};

static bool has_only_terms(const struct cdb_plan *plan);

static bool have_only_terms(const struct cdb_plan_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!has_only_terms(list->items[i]))
            return false;
    return true;
}

/* Their scorers share nothing but the segment and the plan, and change neither; and they are quickly made. The depth is
 * that of the query. */
static bool has_only_terms(const struct cdb_plan *plan)
{
    return plan->kind == CDB_PLAN_TERM || (plan->kind == CDB_PLAN_BOOLEAN && have_only_terms(&plan->required) &&
                                           have_only_terms(&plan->optional) && have_only_terms(&plan->excluded));
}

/* Postings of all terms. */
static uint64_t count_postings(const struct cdb_plan *plan)
{
    const struct cdb_plan_list *lists[] = {&plan->required, &plan->optional, &plan->excluded};
    uint64_t sum = 0;

    if (plan->kind == CDB_PLAN_TERM)
        return plan->terms[0].df;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (size_t j = 0; j < lists[i]->count; j++)
            sum += count_postings(lists[i]->items[j]);
    return sum;
}

static size_t count_threads(const struct cdb_walk *walk, const struct cdb_plan *root, uint32_t from, uint32_t last)
{
    const struct cdb_search_options *options = walk->options;

    if (root->kind != CDB_PLAN_BOOLEAN || last - from < DOCUMENTS_MIN || options->explain || walk->facets != NULL ||
        walk->collector->fields > 0 || walk->collector->after.set || !has_only_terms(root))
        return 1;
    uint64_t cost = count_postings(root);
    if (cost / COST_MIN < 2)
        return 1;
    cpu_set_t processors;
    uint64_t most = cost / COST_MIN < THREADS_MAX ? cost / COST_MIN : THREADS_MAX, count = 1;

    if (sched_getaffinity(0, sizeof(processors), &processors) == 0)
        count = (uint64_t)CPU_COUNT(&processors);
    return (size_t)(count < most ? count : most);
}

/* ---- a thread ----------------------------------------------------------------------------------- */

static void *run_stretch(void *context)
{
    struct stretch *stretch = context;

    if (stretch->elsewhere)
        sched_setaffinity(0, sizeof(stretch->processors), &stretch->processors);
    stretch->result = cdb_walk(&stretch->walk, stretch->from, stretch->last);
    if (stretch->result != 0) {
        stretch->error = *chrondb_last_error();
        snprintf(stretch->message, sizeof(stretch->message), "%s", stretch->error.message);
        stretch->error.message = stretch->message;
        stretch->error.key = stretch->error.path = stretch->error.current = NULL;
    }
    return NULL;
}

/* A thread of a few milliseconds ends before the scheduler comes to move it away from us (measured: in half of all
 * searches it had waited for us), so it begins on another processor than ours. */
static void begin_elsewhere(struct stretch *stretch, pthread_attr_t *attributes)
{
    cpu_set_t others;
    int here = sched_getcpu();

    if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(others), &others) != 0)
        return;
    stretch->processors = others;
    CPU_CLR(here, &others);
    stretch->elsewhere =
        CPU_COUNT(&others) > 0 && pthread_attr_setaffinity_np(attributes, sizeof(others), &others) == 0;
}

static void start(struct stretch *stretch)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    begin_elsewhere(stretch, &attributes);
    stretch->started = cdb_thread_start(&stretch->thread, &attributes, run_stretch, stretch) == 0;
    pthread_attr_destroy(&attributes);
}

/* Where no thread can be had, this one does it. `tell`: its error is ours. */
static int wait_for(struct stretch *stretch, bool tell)
{
    if (stretch->started)
        pthread_join(stretch->thread, NULL);
    else
        run_stretch(stretch);
    if (stretch->result != 0 && tell)
        cdb_error_copy(&stretch->error);
    return stretch->result;
}

/* ---- all of them -------------------------------------------------------------------------------- */

static int prepare(struct stretch *stretch, const struct cdb_walk *walk, struct cdb_plan *root, struct cdb_arena *arena)
{
    const struct cdb_collector *collector = walk->collector;
    int result;

    stretch->run = *walk->run;
    stretch->run.arena = (struct cdb_arena){0};
    stretch->run.frames = NULL;
    stretch->walk = *walk;
    stretch->walk.run = &stretch->run;
    stretch->walk.collector = &stretch->collector;
    result = cdb_collector_init(&stretch->collector, collector->view, walk->run->documents, arena, walk->options,
                                collector->limit, NULL);
    if (result == 0)
        result = cdb_scorer_make(&stretch->walk.scorer, &stretch->run, root);
    return result == 0 ? cdb_collector_begin(&stretch->collector, &stretch->run) : result;
}

static int by_document(const void *a, const void *b)
{
    const struct cdb_entry *x = a, *y = b;

    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

/* What the stretch has found, as if it was found only now. */
static int take_over(struct cdb_walk *walk, struct stretch *stretch)
{
    struct cdb_collector *from = &stretch->collector;
    int result = 0;

    walk->total += stretch->walk.total;
    if (from->count > 1)
        qsort(from->entries, from->count, from->stride, by_document);
    for (size_t i = 0; result == 0 && i < from->count; i++) {
        const struct cdb_entry *entry = cdb_collector_entry(from, i);
        double score = (double)entry->score;

        result = cdb_collector_add(walk->collector, &entry->doc, walk->run->scores ? &score : NULL, 1);
    }
    return result;
}

static int walk_stretches(struct cdb_walk *walk, struct stretch *stretches, size_t count, uint32_t from, uint32_t last)
{
    uint32_t each = (last - from) / (uint32_t)count;
    int result;

    for (size_t i = 1; i < count; i++) {
        stretches[i].from = from + each * (uint32_t)i;
        stretches[i].last = i + 1 < count ? stretches[i].from + each : last;
        start(&stretches[i]);
    }
    result = cdb_walk(walk, from, from + each);
    for (size_t i = 1; i < count; i++) {
        int found = wait_for(&stretches[i], result == 0);

        result = result == 0 ? found : result;
    }
    for (size_t i = 1; result == 0 && i < count; i++)
        result = take_over(walk, &stretches[i]);
    return result;
}

int cdb_walk_shared(struct cdb_walk *walk, struct cdb_plan *root, struct cdb_arena *arena, uint32_t from, uint32_t last)
{
    struct stretch stretches[THREADS_MAX];
    size_t count = from < last ? count_threads(walk, root, from, last) : 1;
    int result = 0;

    if (count == 1)
        return cdb_walk(walk, from, last);
    memset(stretches, 0, sizeof(stretches));
    for (size_t i = 1; result == 0 && i < count; i++)
        result = prepare(&stretches[i], walk, root, arena);
    if (result == 0)
        result = walk_stretches(walk, stretches, count, from, last);
    for (size_t i = 1; i < count; i++) {
        cdb_collector_release(&stretches[i].collector);
        cdb_arena_release(&stretches[i].run.arena);
    }
    return result;
}
