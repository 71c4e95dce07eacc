/* SPDX-License-Identifier: MIT
 *
 * The catalog against a plain model: random commits that are logged, added, saved, merged, rewritten and borrowed, and
 * every question about them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain.h"
#include "random.h"
#include "scratch.h"

#define BRANCHES 3

struct branch {
    const char *ref;
    struct chain chain;
    bool exists;
};

struct world {
    struct random random;
    char *path;
    int dir;
    struct chain_keys keys;
    size_t commits_max;
    struct branch branches[BRANCHES];
};

static void world_open(struct world *world, uint64_t seed, size_t keys, size_t commits_max)
{
    static const char *const refs[BRANCHES] = {"refs/heads/main", "refs/heads/feature/x", "refs/remotes/\xc3\xa9"};

    *world = (struct world){.random = random_seed(seed), .path = scratch_new(), .commits_max = commits_max};
    world->dir = open(world->path, O_RDONLY | O_DIRECTORY);
    assert_true(world->dir >= 0);
    chain_keys_init(&world->keys, keys);
    for (size_t i = 0; i < BRANCHES; i++) {
        world->branches[i] = (struct branch){.ref = refs[i], .exists = i == 0};
        chain_init(&world->branches[i].chain, &world->keys);
    }
}

static void world_close(struct world *world)
{
    for (size_t i = 0; i < BRANCHES; i++)
        chain_release(&world->branches[i].chain);
    chain_keys_release(&world->keys);
    close(world->dir);
    scratch_remove(world->path);
}

static bool ref_exists(void *context, const char *ref)
{
    const struct world *world = context;

    for (size_t i = 0; i < BRANCHES; i++)
        if (strcmp(world->branches[i].ref, ref) == 0)
            return world->branches[i].exists;
    return false;
}

/* New commits on a branch; most are logged. */
static void commit_some(struct world *world, struct branch *branch)
{
    struct random *random = &world->random;

    for (size_t n = random_below(random, 6); n > 0 && branch->chain.count < world->commits_max; n--) {
        size_t changes = random_chance(random, 10)  ? 0
                         : random_chance(random, 5) ? world->keys.count * 2
                                                    : 1 + random_below(random, 4);
        /* Some keys change often. */
        chain_commit(&branch->chain, random, changes,
                     random_chance(random, 50) ? world->keys.count / 8 + 1 : world->keys.count);
        if (random_chance(random, 97)) {
            int result = chain_log(&branch->chain, branch->chain.count - 1, world->dir, branch->ref);
            assert_true(result == 0 || result == 1);
        }
    }
}

/* How many commits the catalog has that the chain has too. */
static size_t count_same(const struct chain *chain, struct cdb_catalog *catalog)
{
    struct cdb_catalog_commit commit;
    size_t same = 0;

    for (; same < chain->count && same < cdb_catalog_count(catalog); same++) {
        assert_int_equal(cdb_catalog_commit(catalog, same, &commit), 0);
        if (!cdb_oid_equal(&commit.id, &chain->commits[same].commit.id))
            break;
    }
    return same;
}

/* What is cut off is not found any more. */
static void cut(struct cdb_catalog *catalog, size_t count)
{
    struct cdb_catalog_commit last;
    uint64_t before = cdb_catalog_count(catalog), position;

    if (before > count)
        assert_int_equal(cdb_catalog_commit(catalog, before - 1, &last), 0);
    assert_int_equal(cdb_catalog_cut(catalog, count), 0);
    assert_int_equal(cdb_catalog_count(catalog), count);
    if (before > count)
        assert_int_equal(cdb_catalog_find(catalog, &last.id, &position), 1);
}

/* A view of the branch as it is, from what the files have. */
static struct cdb_catalog *catch_up(struct world *world, struct branch *branch)
{
    struct cdb_catalog *catalog = NULL;
    const struct chain *chain = &branch->chain;
    int result = cdb_catalog_open(&catalog, world->dir, branch->ref);

    if (result == 1 && chain->count > 0)
        result = cdb_catalog_borrow(&catalog, world->dir, branch->ref,
                                    &chain->commits[random_below(&world->random, chain->count)].commit.id);
    if (result == 1)
        result = cdb_catalog_new(&catalog, branch->ref);
    assert_int_equal(result, 0);
    size_t same = count_same(chain, catalog);
    cut(catalog, same);
    if (random_chance(&world->random, 30))
        chain_check(chain, same, &world->random, catalog, 3, NULL);
    chain_add(chain, catalog);
    return catalog;
}

static void fork_branch(struct world *world, struct branch *branch)
{
    const struct branch *from = &world->branches[random_below(&world->random, BRANCHES)];

    if (from == branch)
        return;
    chain_copy(&branch->chain, &from->chain, random_below(&world->random, from->chain.count + 1));
    branch->exists = true;
}

static void save(struct world *world, struct branch *branch, struct cdb_catalog *catalog)
{
    size_t count = branch->chain.count;

    if (random_chance(&world->random, 30))
        assert_int_equal(cdb_catalog_prepare(catalog, world->dir), 0);
    commit_some(world, branch); /* a writer beside us */
    assert_int_equal(cdb_catalog_save(catalog, world->dir), 0);
    chain_check(&branch->chain, count, &world->random, catalog, 4, NULL);
}

static void step(struct world *world)
{
    struct random *random = &world->random;
    struct branch *branch = &world->branches[random_below(random, BRANCHES)];
    struct cdb_catalog *catalog;

    if (!branch->exists || random_chance(random, 3))
        fork_branch(world, branch);
    if (!branch->exists)
        return;
    commit_some(world, branch);
    if (random_chance(random, 5)) {
        chain_cut(&branch->chain, random_below(random, branch->chain.count + 1));
        commit_some(world, branch);
    }
    catalog = catch_up(world, branch);
    if (random_chance(random, 30))
        chain_check(&branch->chain, branch->chain.count, random, catalog, 4, NULL);
    if (random_chance(random, 60))
        save(world, branch, catalog);
    cdb_catalog_close(catalog);
    if (random_chance(random, 40))
        assert_int_equal(cdb_catalog_merge(world->dir, branch->ref, random_chance(random, 10)), 0);
    if (random_chance(random, 20))
        assert_int_equal(cdb_catalog_sweep(world->dir, ref_exists, world), 0);
    catalog = catch_up(world, branch);
    chain_check(&branch->chain, branch->chain.count, random, catalog, 6, NULL);
    cdb_catalog_close(catalog);
}

static void test_random(void **state)
{
    uint64_t seeds = random_rounds(4, 100);

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct world world;

        world_open(&world, seed, 48, 300);
        for (int i = 0; i < 100; i++)
            step(&world);
        world_close(&world);
    }
}

/* Dictionaries of several levels, keys with versions in many blocks. */
static void test_random_large(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 100, 9000, 100000);
    for (size_t i = random_rounds(24, 100); i > 0; i--) {
        struct branch *branch = &world.branches[0];

        for (size_t n = random_below(&world.random, 1500); n > 0; n--)
            chain_commit(&branch->chain, &world.random, 1 + random_below(&world.random, 3),
                         random_chance(&world.random, 30) ? 3 : world.keys.count);
        if (random_chance(&world.random, 30))
            chain_commit(&branch->chain, &world.random, 20000, world.keys.count);
        step(&world);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_random_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
