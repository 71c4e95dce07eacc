/* SPDX-License-Identifier: MIT
 * What one side has and the other has not: against brute force, and as the public function tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "scratch.h"
#include "store.h"
#include "store/bases.h"

#define COMMITS  64 /* of a graph: a set of them is a word */
#define MACHINES 4

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

struct graph {
    struct cdb_oid oids[COMMITS];
    int64_t dates[COMMITS];
    uint64_t ancestors[COMMITS]; /* and itself */
    bool merge[COMMITS];
    size_t count;
};

static void add(struct graph *graph, int64_t date, const size_t *parents, size_t parent_count)
{
    struct cdb_oid ids[2];
    size_t at = graph->count++;
    graph->ancestors[at] = UINT64_C(1) << at;
    for (size_t i = 0; i < parent_count; i++) {
        ids[i] = graph->oids[parents[i]];
        graph->ancestors[at] |= graph->ancestors[parents[i]];
    }
    graph->dates[at] = date;
    graph->merge[at] = parent_count > 1;
    graph->oids[at] = store_plain_commit(&store, date, ids, parent_count);
}

/* Machines that commit, and merge each other's heads, each by its own clock. `disorder`: dates are anything. */
static void grow(struct graph *graph, struct random *random, bool disorder)
{
    size_t heads[MACHINES] = {0};
    int64_t now = 1700000000, skew[MACHINES];
    graph->count = 0;
    for (size_t i = 0; i < MACHINES; i++)
        skew[i] = (int64_t)random_below(random, 40000);
    add(graph, now, NULL, 0);
    while (graph->count < COMMITS) {
        size_t machine = random_below(random, MACHINES), other = random_below(random, MACHINES);
        size_t parents[2] = {heads[machine], heads[other]};
        bool merges = random_chance(random, 60) && parents[0] != parents[1];
        now += (int64_t)random_below(random, 2000);
        int64_t date = now + skew[machine];
        if (date < graph->dates[parents[0]])
            date = graph->dates[parents[0]];
        if (disorder)
            date = (int64_t)random_below(random, 1 << 30);
        add(graph, date, parents, merges ? 2 : 1);
        heads[machine] = graph->count - 1;
    }
}

static bool has_news(const struct graph *graph, size_t ours, size_t theirs)
{
    uint64_t only = graph->ancestors[ours] & ~graph->ancestors[theirs];
    for (size_t i = 0; i < COMMITS; i++)
        if ((only >> i & 1) != 0 && !graph->merge[i])
            return true;
    return false;
}

static void test_news(void **state)
{
    struct random random = random_seed(5);
    size_t without = 0;
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct graph graph;
        bool disorder = round % 4 == 3;
        grow(&graph, &random, disorder);
        for (int i = 0; i < 100; i++) {
            size_t ours = random_below(&random, COMMITS), theirs = random_below(&random, COMMITS);
            bool our_news, their_news;
            assert_int_equal(
                cdb_bases_news(store.objects, &graph.oids[ours], &graph.oids[theirs], &our_news, &their_news), 0);
            bool expected_ours = has_news(&graph, ours, theirs), expected_theirs = has_news(&graph, theirs, ours);
            /* In disorder a merge too many may be made, but nothing is ever left out. */
            assert_true(disorder ? our_news || !expected_ours : our_news == expected_ours);
            assert_true(disorder ? their_news || !expected_theirs : their_news == expected_theirs);
            without += !expected_ours && ours != theirs && (graph.ancestors[theirs] >> ours & 1) == 0;
        }
    }
    assert_true(without > 20); /* the interesting case came up */
}

static void test_damage(void **state)
{
    struct cdb_oid missing = {{1}}, other = store_plain_commit(&store, 5, NULL, 0);
    bool ours, theirs;
    (void)state;
    struct cdb_oid child = store_plain_commit(&store, 6, &missing, 1);
    assert_int_equal(cdb_bases_news(store.objects, &child, &other, &ours, &theirs), CHRONDB_EDAMAGED);
}

/* ---- the public function --------------------------------------------------------------------------- */

static void put(chrondb *db, const char *branch, const char *key, const char *value)
{
    chrondb_write_options options = {.size = sizeof(options), .branch = branch};
    chrondb_batch *batch = NULL;
    assert_int_equal(chrondb_batch_new(&batch, db), 0);
    assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    assert_int_equal(chrondb_batch_commit(batch, &options), 0);
    chrondb_batch_free(batch);
}

static enum chrondb_merge_status merge(chrondb *db, const char *into, const char *source)
{
    chrondb_write_options write = {.size = sizeof(write), .branch = into};
    chrondb_merge_options options = {.size = sizeof(options), .write = &write, .strategy = CHRONDB_MERGE_NEWEST};
    chrondb_merge *run = NULL;
    assert_int_equal(chrondb_merge_new(&run, db), 0);
    assert_int_equal(chrondb_merge_run(run, source, &options), 0);
    enum chrondb_merge_status status = chrondb_merge_get_report(run)->status;
    chrondb_merge_free(run);
    return status;
}

static void check(chrondb *db, const char *ours, const char *theirs, int same, int our_news, int their_news)
{
    chrondb_comparison found = {.size = sizeof(found)};
    assert_int_equal(chrondb_compare(db, NULL, ours, theirs, &found), 0);
    assert_int_equal(found.same_documents, same);
    assert_int_equal(found.our_news, our_news);
    assert_int_equal(found.their_news, their_news);
}

static void test_compare(void **state)
{
    char *directory = scratch_new(), *path = scratch_path(directory, "db");
    chrondb_open_options create = {.size = sizeof(create), .flags = CHRONDB_OPEN_CREATE};
    chrondb_comparison found = {.size = sizeof(found)};
    chrondb *db = NULL;
    (void)state;
    assert_int_equal(chrondb_open(&db, path, &create), 0);
    check(db, NULL, NULL, 1, 0, 0);
    put(db, NULL, "a", "1");
    assert_int_equal(chrondb_branch_create(db, "other", NULL, NULL, 0, NULL, NULL), 0);
    check(db, "main", "other", 1, 0, 0);
    check(db, "2000-01-01", "main", 0, 0, 1);
    put(db, NULL, "a", "2");
    check(db, "main", "other", 0, 1, 0);
    check(db, "other", "main", 0, 0, 1);
    put(db, "other", "b", "1");
    check(db, "main", "other", 0, 1, 1);

    /* Both merge each other, by turns: they come to rest with different heads. */
    assert_int_equal(merge(db, "main", "other"), CHRONDB_MERGED);
    check(db, "main", "other", 0, 1, 0);
    assert_int_equal(merge(db, "other", "main"), CHRONDB_MERGED);
    check(db, "main", "other", 1, 0, 0);
    assert_int_equal(merge(db, "main", "other"), CHRONDB_MERGE_UNCHANGED);
    assert_int_equal(merge(db, "other", "main"), CHRONDB_MERGE_UNCHANGED);

    /* The same documents, but versions on the way: those are news. */
    put(db, "other", "b", "2");
    put(db, "other", "b", "1");
    check(db, "main", "other", 1, 0, 1);
    assert_int_equal(merge(db, "main", "other"), CHRONDB_MERGED);
    check(db, "main", "other", 1, 0, 0);
    assert_int_equal(merge(db, "main", "other"), CHRONDB_MERGE_UNCHANGED);

    /* Ours are news and the other side has only merges: merged, else ours could not be pushed there. */
    assert_int_equal(merge(db, "other", "main"), CHRONDB_MERGE_UNCHANGED);
    assert_int_equal(chrondb_branch_create(db, "third", NULL, "other", 0, NULL, NULL), 0);
    put(db, "third", "b", "2");
    put(db, "third", "b", "1");
    check(db, "third", "main", 1, 1, 0);
    assert_int_equal(merge(db, "third", "main"), CHRONDB_MERGED);
    assert_int_equal(merge(db, "third", "main"), CHRONDB_MERGE_UNCHANGED);
    assert_int_equal(chrondb_compare(db, NULL, "nowhere", "main", &found), CHRONDB_EUSAGE);
    assert_int_equal(chrondb_compare(db, "nowhere", "main", "main", &found), CHRONDB_EUSAGE);
    chrondb_close(db);
    free(path);
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_news, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_damage, open_store, close_store),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
