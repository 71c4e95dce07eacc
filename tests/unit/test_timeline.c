/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "store.h"
#include "store/timeline.h"
#include "util/time.h"

static struct store store;

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

/* ---- commits whose effective times are known --------------------------------------------------- */

#define COMMITS_MAX 12000

struct made {
    struct cdb_oid oid;
    chrondb_time time; /* effective */
    size_t parents[3]; /* indices */
    size_t parent_count;
};

struct graph {
    struct made *list;
    size_t count;
};

static void graph_new(struct graph *graph)
{
    graph->list = calloc(COMMITS_MAX, sizeof(*graph->list));
    graph->count = 0;
    assert_non_null(graph->list);
}

static void graph_free(struct graph *graph)
{
    free(graph->list);
}

/* chrondb-format(5): the own time if it is later than the effective time of the first parent, else that plus 1 ns. */
static chrondb_time effective(const struct graph *graph, const struct made *made, chrondb_time own)
{
    if (made->parent_count == 0)
        return own;
    chrondb_time parent = graph->list[made->parents[0]].time;
    if (own.seconds > parent.seconds || (own.seconds == parent.seconds && own.nanoseconds > parent.nanoseconds))
        return own;
    if (++parent.nanoseconds == 1000000000) {
        parent.nanoseconds = 0;
        parent.seconds++;
    }
    return parent;
}

static size_t add(struct graph *graph, chrondb_time own, bool plain, const size_t *parents, size_t parent_count)
{
    struct made *made = &graph->list[graph->count];
    struct cdb_oid ids[3];

    assert_true(graph->count < COMMITS_MAX);
    made->parent_count = parent_count;
    for (size_t i = 0; i < parent_count; i++) {
        made->parents[i] = parents[i];
        ids[i] = graph->list[parents[i]].oid;
    }
    if (plain)
        own.nanoseconds = 0;
    if (plain && own.seconds < 0)
        own.seconds = 0;
    made->oid = plain ? store_plain_commit(&store, own.seconds, ids, parent_count)
                      : store_commit(&store, own, ids, parent_count);
    made->time = effective(graph, made, own);
    return graph->count++;
}

static size_t extend(struct graph *graph, chrondb_time own, bool plain)
{
    size_t parent = graph->count - 1;

    return add(graph, own, plain, &parent, graph->count > 0);
}

static bool same(chrondb_time a, chrondb_time b)
{
    return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

/* The chain of a head, and what `at T` says for moments around each of its times, against a walk over all. */
static void check_chain(const struct graph *graph, size_t head)
{
    struct cdb_timeline timeline;
    size_t count = 0;

    assert_int_equal(cdb_timeline_load(&timeline, store.objects, &graph->list[head].oid), 0);
    for (size_t at = head;; at = graph->list[at].parents[0]) {
        assert_true(count < timeline.count);
        assert_true(cdb_oid_equal(&timeline.moments[count].commit, &graph->list[at].oid));
        assert_true(same(timeline.moments[count].time, graph->list[at].time));
        assert_true(count == 0 || cdb_time_compare(timeline.moments[count].time, timeline.moments[count - 1].time) < 0);
        count++;
        if (graph->list[at].parent_count == 0)
            break;
    }
    assert_int_equal(count, timeline.count);
    for (size_t i = 0; i < count; i += 1 + count / 97) {
        chrondb_time time = timeline.moments[i].time;
        chrondb_time before = {time.seconds - (time.nanoseconds == 0),
                               time.nanoseconds == 0 ? 999999999 : time.nanoseconds - 1};
        chrondb_time moments[] = {
            time, before, cdb_time_next(time), {time.seconds, 0}, {time.seconds + 1, 0}, {time.seconds - 100, 5}};
        for (size_t k = 0; k < sizeof(moments) / sizeof(moments[0]); k++) {
            size_t expected = 0;
            while (expected < count && cdb_time_compare(timeline.moments[expected].time, moments[k]) > 0)
                expected++;
            assert_int_equal(cdb_timeline_at(&timeline, moments[k]), expected);
        }
    }
    assert_int_equal(cdb_timeline_at(&timeline, (chrondb_time){INT64_MIN, 0}), count);
    assert_int_equal(cdb_timeline_at(&timeline, (chrondb_time){INT64_MAX, 999999999}), 0);
    cdb_timeline_release(&timeline);
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void test_empty(void **state)
{
    struct cdb_oid zero = {{0}};
    struct cdb_timeline timeline;
    (void)state;

    assert_int_equal(cdb_timeline_load(&timeline, store.objects, &zero), 0);
    assert_int_equal(timeline.count, 0);
    assert_int_equal(cdb_timeline_at(&timeline, (chrondb_time){0, 0}), 0);
    cdb_timeline_release(&timeline);
}

static void test_orderly(void **state)
{
    struct graph graph;
    (void)state;

    graph_new(&graph);
    for (int i = 0; i < 50; i++)
        extend(&graph, (chrondb_time){1000 + 10 * i, i}, i % 3 == 0);
    check_chain(&graph, 49);
    graph_free(&graph);
}

/* Ten thousand writes within one tick of the clock: a nanosecond each. */
static void test_one_clock(void **state)
{
    struct graph graph;
    chrondb_time now = {1795247040, 999995000};
    (void)state;

    graph_new(&graph);
    for (int i = 0; i < 10000; i++)
        extend(&graph, now, false);
    assert_true(graph.list[9999].time.seconds == 1795247041 && graph.list[9999].time.nanoseconds == 4999);
    check_chain(&graph, 9999);
    graph_free(&graph);
}

/* A clock that was in the future once, one that fell back, times before 1970, and what nobody can have meant. */
static void test_bad_clocks(void **state)
{
    static const chrondb_time times[] = {
        {100, 0}, {50, 0}, {101, 5}, {4000000000, 0}, {102, 0}, {103, 0}, {-100, 0}, {253402300799, 999999999},
        {104, 0},
    };
    struct graph graph;
    (void)state;

    for (int plain = 0; plain < 2; plain++) {
        graph_new(&graph);
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
            extend(&graph, times[i], plain != 0);
        check_chain(&graph, graph.count - 1);
        graph_free(&graph);
    }
    graph_new(&graph);
    extend(&graph, (chrondb_time){-62167219200, 0}, false);
    extend(&graph, (chrondb_time){-62167219200, 0}, false);
    extend(&graph, (chrondb_time){0, 0}, true);
    check_chain(&graph, 2);
    graph_free(&graph);
}

static void random_graph(struct random *random, struct graph *graph, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t parents[3];
        size_t parent_count = i == 0 || random_chance(random, 2) ? 0 : 1 + random_below(random, 10) / 8;
        for (size_t k = 0; k < parent_count; k++) {
            size_t back = random_chance(random, 70) ? 1 : 1 + random_below(random, 20);
            parents[k] = back > i ? 0 : i - back;
        }
        chrondb_time time = {1000 + (int64_t)random_below(random, 40), (int32_t)random_below(random, 3)};
        add(graph, time, random_chance(random, 30), parents, parent_count);
    }
}

static void test_random_graphs(void **state)
{
    struct random random = random_seed(11);
    (void)state;

    for (int round = 0; round < 30; round++) {
        struct graph graph;
        struct cdb_times times;
        graph_new(&graph);
        random_graph(&random, &graph, 60);
        for (int i = 0; i < 10; i++)
            check_chain(&graph, random_below(&random, graph.count));
        /* In any order, with what was found before, and with times that are known. */
        cdb_times_init(&times, store.objects);
        for (int i = 0; i < 60; i++) {
            const struct made *made = &graph.list[random_below(&random, graph.count)];
            chrondb_time time;
            if (random_chance(&random, 10))
                assert_int_equal(cdb_times_add(&times, &made->oid, made->time), 0);
            assert_int_equal(cdb_times_get(&times, &made->oid, &time), 0);
            assert_true(same(time, made->time));
        }
        cdb_times_release(&times);
        graph_free(&graph);
    }
}

/* Once known, a time is not looked for again: not even its commit must exist. */
static void test_known(void **state)
{
    struct cdb_oid nobody = {{1}};
    struct cdb_oid child = store_plain_commit(&store, 5, &nobody, 1);
    struct cdb_times times;
    chrondb_time time;
    (void)state;

    cdb_times_init(&times, store.objects);
    assert_int_equal(cdb_times_get(&times, &child, &time), CHRONDB_EDAMAGED);
    assert_non_null(strstr(chrondb_last_error()->message, store_hex(&nobody)));
    assert_int_equal(cdb_times_add(&times, &nobody, (chrondb_time){77, 999999999}), 0);
    assert_int_equal(cdb_times_get(&times, &child, &time), 0);
    assert_true(same(time, (chrondb_time){78, 0}));
    cdb_times_release(&times);
}

/* Many more than the table has room for at first; the last word counts. */
static void test_many_known(void **state)
{
    struct random random = random_seed(12);
    struct cdb_oid *oids = calloc(5000, sizeof(*oids));
    struct cdb_times times;
    chrondb_time time;
    (void)state;

    assert_non_null(oids);
    cdb_times_init(&times, store.objects);
    for (int i = 0; i < 5000; i++) {
        for (int k = 0; k < 20; k += 4)
            memcpy(oids[i].id + k, &(uint32_t){(uint32_t)random_bits(&random)}, 4);
        if (i % 10 == 0)
            memset(oids[i].id, 0, 8); /* all in one place */
        assert_int_equal(cdb_times_add(&times, &oids[i], (chrondb_time){0, 0}), 0);
        assert_int_equal(cdb_times_add(&times, &oids[i], (chrondb_time){i, i}), 0);
    }
    assert_int_equal(times.count, 5000);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(cdb_times_get(&times, &oids[i], &time), 0);
        assert_true(same(time, (chrondb_time){i, i}));
    }
    cdb_times_release(&times);
    free(oids);
}

/* ---- ancestors ---------------------------------------------------------------------------------- */

static void mark_ancestors(const struct graph *graph, size_t head, bool *seen)
{
    seen[head] = true;
    for (size_t i = head + 1; i-- > 0;) /* parents come before children */
        for (size_t k = 0; seen[i] && k < graph->list[i].parent_count; k++)
            seen[graph->list[i].parents[k]] = true;
}

static void test_contains(void **state)
{
    struct random random = random_seed(13);
    (void)state;

    for (int round = 0; round < 10; round++) {
        struct graph graph;
        graph_new(&graph);
        random_graph(&random, &graph, 40);
        for (int i = 0; i < 8; i++) {
            bool seen[40] = {false}, contained;
            size_t head = random_below(&random, graph.count);
            mark_ancestors(&graph, head, seen);
            for (size_t k = 0; k < graph.count; k++) {
                assert_int_equal(
                    cdb_timeline_contains(store.objects, &graph.list[head].oid, &graph.list[k].oid, &contained), 0);
                assert_int_equal(contained, seen[k]);
            }
        }
        graph_free(&graph);
    }
}

static void test_common(void **state)
{
    struct random random = random_seed(14);
    (void)state;

    for (int round = 0; round < 10; round++) {
        struct graph graph;
        graph_new(&graph);
        random_graph(&random, &graph, 40);
        for (int i = 0; i < 40; i++) {
            size_t ours = random_below(&random, graph.count), theirs = random_below(&random, graph.count), at = ours;
            bool seen[40] = {false};
            struct cdb_oid common;
            mark_ancestors(&graph, theirs, seen);
            while (!seen[at] && graph.list[at].parent_count > 0)
                at = graph.list[at].parents[0];
            assert_int_equal(
                cdb_timeline_common(store.objects, &graph.list[ours].oid, &graph.list[theirs].oid, &common), 0);
            assert_true(seen[at] ? cdb_oid_equal(&common, &graph.list[at].oid) : cdb_oid_is_zero(&common));
        }
        graph_free(&graph);
    }
}

/* ---- damage ------------------------------------------------------------------------------------- */

static void test_damage(void **state)
{
    struct cdb_oid missing = {{0xab}}, blob = store_blob(&store, "{}"), other = {{0xcd}};
    struct cdb_oid child = store_plain_commit(&store, 5, &missing, 1),
                   of_blob = store_plain_commit(&store, 6, &blob, 1);
    struct cdb_oid bad = store_write(&store, CDB_COMMIT, "tree x\n", 7);
    struct cdb_timeline timeline;
    bool contained;
    (void)state;

    assert_int_equal(cdb_timeline_load(&timeline, store.objects, &child), CHRONDB_EDAMAGED);
    assert_non_null(strstr(chrondb_last_error()->message, store_hex(&missing)));
    cdb_timeline_release(&timeline);
    assert_int_equal(cdb_timeline_load(&timeline, store.objects, &of_blob), CHRONDB_EDAMAGED);
    assert_non_null(strstr(chrondb_last_error()->message, "blob"));
    cdb_timeline_release(&timeline);
    assert_int_equal(cdb_timeline_load(&timeline, store.objects, &bad), CHRONDB_EDAMAGED);
    assert_non_null(strstr(chrondb_last_error()->message, store_hex(&bad)));
    cdb_timeline_release(&timeline);
    assert_int_equal(cdb_timeline_contains(store.objects, &child, &other, &contained), CHRONDB_EDAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),      cmocka_unit_test(test_orderly),       cmocka_unit_test(test_one_clock),
        cmocka_unit_test(test_bad_clocks), cmocka_unit_test(test_random_graphs), cmocka_unit_test(test_known),
        cmocka_unit_test(test_many_known), cmocka_unit_test(test_contains),      cmocka_unit_test(test_common),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests_name("timeline", tests, open_store, close_store);
}
