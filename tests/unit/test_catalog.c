/* SPDX-License-Identifier: MIT
 *
 * The catalog against a plain model: random commits that are logged, added, saved, merged, rewritten and borrowed, and
 * every question about them. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "index/catalog.h"
#include "random.h"
#include "scratch.h"
#include "util/time.h"

#define KEYS        48
#define TABLES      6
#define COMMITS_MAX 400

struct commit {
    struct cdb_catalog_commit commit;
    uint32_t state[KEYS]; /* numbers of blobs; 0: not there */
};

/* What a branch should say. */
struct model {
    struct commit *commits;
    size_t count;
};

static char keys[KEYS][32];
static uint32_t last_number;

static void make_keys(void)
{
    static const char *const tables[TABLES] = {"user", "", "a", "a!", "user2", "\xc3\xa9"};

    for (size_t i = 0; i < KEYS; i++) {
        const char *table = tables[i % TABLES];
        snprintf(keys[i], sizeof(keys[i]), "%s%s%s%zu", table, *table != '\0' ? ":" : "", i % 7 == 0 ? "x:" : "",
                 i * 37);
    }
    /* By their bytes. */
    qsort(keys, KEYS, sizeof(keys[0]), (int (*)(const void *, const void *))strcmp);
}

static struct cdb_oid oid_of(uint32_t number)
{
    struct cdb_oid oid = {{0}};
    uint64_t bits = number * UINT64_C(0x9e3779b97f4a7c15);

    for (int i = 0; i < 8 && number != 0; i++)
        oid.id[i] = (unsigned char)(bits >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        oid.id[8 + i] = (unsigned char)(number >> 8 * i);
    return oid;
}

static const uint32_t *state_at(const struct model *model, size_t end)
{
    static const uint32_t nothing[KEYS];
    return end == 0 ? nothing : model->commits[end - 1].state;
}

static void random_commit(struct random *random, struct model *model)
{
    struct commit *commit = &model->commits[model->count];
    size_t changes = random_chance(random, 10) ? 0 : random_chance(random, 5) ? KEYS : 1 + random_below(random, 4);
    /* Some keys change often. */
    size_t range = random_chance(random, 50) ? 6 : KEYS;

    assert_true(model->count < COMMITS_MAX);
    memcpy(commit->state, state_at(model, model->count), sizeof(commit->state));
    while (changes-- > 0)
        commit->state[random_below(random, range)] = random_chance(random, 30) ? 0 : ++last_number;
    commit->commit.id = oid_of(++last_number);
    commit->commit.merge = random_chance(random, 20);
    commit->commit.time = model->count == 0 ? (chrondb_time){-3, 5} : model->commits[model->count - 1].commit.time;
    commit->commit.time = random_chance(random, 50)
                              ? cdb_time_next(commit->commit.time)
                              : cdb_time_add_seconds(commit->commit.time, 1 + (int64_t)random_below(random, 5));
    model->count++;
}

/* What commit `index` changed. */
static size_t changes_of(const struct model *model, size_t index, struct cdb_catalog_change out[KEYS])
{
    const uint32_t *before = state_at(model, index), *after = state_at(model, index + 1);
    size_t n = 0;

    for (size_t i = 0; i < KEYS; i++)
        if (before[i] != after[i])
            out[n++] = (struct cdb_catalog_change){keys[i], strlen(keys[i]), oid_of(after[i]), before[i] != 0};
    return n;
}

/* ---- questions ---------------------------------------------------------------------------------- */

static void check_timeline(const struct model *model, struct cdb_catalog *catalog)
{
    struct cdb_oid unknown = oid_of(UINT32_MAX);
    struct cdb_catalog_commit commit;
    uint64_t position;

    assert_int_equal(cdb_catalog_count(catalog), model->count);
    assert_int_equal(cdb_catalog_find(catalog, &unknown, &position), 1);
    assert_int_equal(cdb_catalog_at(catalog, (chrondb_time){-100, 0}, &position), 1);
    for (size_t i = 0; i < model->count; i++) {
        const struct cdb_catalog_commit *expected = &model->commits[i].commit;
        chrondb_time before = expected->time;

        assert_int_equal(cdb_catalog_commit(catalog, i, &commit), 0);
        assert_true(cdb_oid_equal(&commit.id, &expected->id));
        assert_int_equal(cdb_time_compare(commit.time, expected->time), 0);
        assert_int_equal(commit.merge, expected->merge);
        assert_int_equal(cdb_catalog_find(catalog, &expected->id, &position), 0);
        assert_int_equal(position, i);
        assert_int_equal(cdb_catalog_at(catalog, expected->time, &position), 0);
        assert_int_equal(position, i);
        before = cdb_time_add_seconds(before, -1);
        before.nanoseconds = 999999999;
        size_t at = i;
        while (at > 0 && cdb_time_compare(model->commits[at - 1].commit.time, before) > 0)
            at--;
        if (expected->time.nanoseconds != 999999999) {
            assert_int_equal(cdb_catalog_at(catalog, before, &position), at == 0);
            assert_true(at == 0 || position == at - 1);
        }
    }
}

struct versions {
    struct cdb_catalog_version list[COMMITS_MAX];
    size_t count, stop;
};

static int take_version(void *context, const struct cdb_catalog_version *version)
{
    struct versions *versions = context;

    versions->list[versions->count++] = *version;
    return versions->count == versions->stop ? 42 : 0;
}

static void check_versions(const struct model *model, struct random *random, struct cdb_catalog *catalog, size_t key,
                           size_t end)
{
    struct versions versions = {.stop = random_chance(random, 20) ? 1 : 0};
    size_t n = 0;
    int result = cdb_catalog_versions(catalog, keys[key], strlen(keys[key]), end, take_version, &versions);

    assert_int_equal(result, versions.stop == 1 && versions.count == 1 ? 42 : 0);
    for (size_t i = end; i-- > 0 && (versions.stop == 0 || n < versions.stop);) {
        uint32_t now = state_at(model, i + 1)[key];
        struct cdb_oid blob = oid_of(now);

        if (now == state_at(model, i)[key])
            continue;
        assert_true(n < versions.count);
        assert_int_equal(versions.list[n].position, i);
        assert_true(cdb_oid_equal(&versions.list[n].blob, &blob));
        n++;
    }
    assert_int_equal(n, versions.count);
}

static void check_cursor(const struct model *model, struct random *random, struct cdb_catalog *catalog, size_t end)
{
    const uint32_t *state = state_at(model, end);
    size_t low = 0, high = KEYS;
    struct cdb_catalog_range range = {.end = end, .reverse = random_chance(random, 50)};
    struct cdb_catalog_cursor *cursor;
    const char *key;
    struct cdb_oid blob;
    size_t len;

    if (random_chance(random, 50)) {
        low = random_below(random, KEYS);
        range.lower = keys[low];
        range.lower_len = strlen(keys[low]);
    }
    if (random_chance(random, 50)) {
        high = random_below(random, KEYS);
        range.upper = keys[high];
        range.upper_len = strlen(keys[high]);
    }
    assert_int_equal(cdb_catalog_cursor_open(&cursor, catalog, &range), 0);
    for (size_t i = low; i < high; i++) {
        size_t number = range.reverse ? high - 1 - (i - low) : i;
        struct cdb_oid expected = oid_of(state[number]);

        if (state[number] == 0)
            continue;
        assert_int_equal(cdb_catalog_cursor_next(cursor, &key, &len, &blob), 0);
        assert_string_equal(key, keys[number]);
        assert_int_equal(len, strlen(key));
        assert_true(cdb_oid_equal(&blob, &expected));
    }
    assert_int_equal(cdb_catalog_cursor_next(cursor, &key, &len, &blob), 1);
    assert_int_equal(cdb_catalog_cursor_next(cursor, &key, &len, &blob), 1);
    cdb_catalog_cursor_free(cursor);
}

static size_t table_of(const char *key)
{
    const char *colon = strchr(key, ':');
    return colon == NULL ? 0 : (size_t)(colon - key);
}

struct tables {
    const uint32_t *state;
    size_t documents, tables;
    char last[32];
};

static size_t count_table(const uint32_t *state, const char *table, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < KEYS; i++)
        count += state[i] != 0 && table_of(keys[i]) == len && memcmp(keys[i], table, len) == 0;
    return count;
}

static int take_table(void *context, const char *table, size_t len, uint64_t count)
{
    struct tables *tables = context;

    assert_true(tables->tables == 0 || strcmp(tables->last, table) < 0);
    assert_int_equal(len, strlen(table));
    assert_true(count > 0);
    assert_int_equal(count, count_table(tables->state, table, len));
    snprintf(tables->last, sizeof(tables->last), "%s", table);
    tables->documents += count;
    tables->tables++;
    return 0;
}

static void check_tables(const struct model *model, struct random *random, struct cdb_catalog *catalog, size_t end)
{
    struct tables tables = {.state = state_at(model, end)};
    uint64_t documents, count;
    size_t expected = 0;

    for (size_t i = 0; i < KEYS; i++)
        expected += tables.state[i] != 0;
    assert_int_equal(cdb_catalog_tables(catalog, end, take_table, &tables), 0);
    assert_int_equal(tables.documents, expected);
    assert_int_equal(cdb_catalog_totals(catalog, end, &documents, &count), 0);
    assert_int_equal(documents, expected);
    assert_int_equal(count, tables.tables);
    size_t key = random_below(random, KEYS);
    assert_int_equal(cdb_catalog_table_count(catalog, end, keys[key], table_of(keys[key]), &count), 0);
    assert_int_equal(count, count_table(tables.state, keys[key], table_of(keys[key])));
    assert_int_equal(cdb_catalog_table_count(catalog, end, "none", 4, &count), 0);
    assert_int_equal(count, 0);
}

static void check(const struct model *model, struct random *random, struct cdb_catalog *catalog)
{
    check_timeline(model, catalog);
    check_tables(model, random, catalog, model->count);
    check_cursor(model, random, catalog, model->count);
    for (int i = 0; i < 12; i++) {
        size_t end = random_below(random, model->count + 1);

        check_tables(model, random, catalog, end);
        check_cursor(model, random, catalog, end);
        check_cursor(model, random, catalog, end);
        check_versions(model, random, catalog, random_below(random, KEYS), end);
        check_versions(model, random, catalog, random_below(random, KEYS), model->count);
    }
}

/* ---- what happens to a branch --------------------------------------------------------------------- */

struct branch {
    const char *ref;
    struct model model;
    bool exists;
};

struct world {
    struct random random;
    char *path;
    int dir;
    struct branch branches[3];
};

static void world_open(struct world *world, uint64_t seed)
{
    static const char *const refs[3] = {"refs/heads/main", "refs/heads/feature/x", "refs/remotes/\xc3\xa9"};

    make_keys();
    *world = (struct world){.random = random_seed(seed), .path = scratch_new()};
    world->dir = open(world->path, O_RDONLY | O_DIRECTORY);
    assert_true(world->dir >= 0);
    for (size_t i = 0; i < 3; i++)
        world->branches[i] = (struct branch){refs[i], {calloc(COMMITS_MAX, sizeof(struct commit)), 0}, i == 0};
}

static void world_close(struct world *world)
{
    for (size_t i = 0; i < 3; i++)
        free(world->branches[i].model.commits);
    close(world->dir);
    scratch_remove(world->path);
}

static bool ref_exists(void *context, const char *ref)
{
    const struct world *world = context;

    for (size_t i = 0; i < 3; i++)
        if (strcmp(world->branches[i].ref, ref) == 0)
            return world->branches[i].exists;
    return false;
}

/* New commits on a branch; most are logged. */
static void commit_some(struct world *world, struct branch *branch)
{
    static const struct cdb_oid none;
    struct cdb_catalog_change changes[KEYS];

    for (size_t n = random_below(&world->random, 6); n > 0 && branch->model.count < COMMITS_MAX; n--) {
        size_t index = branch->model.count;

        random_commit(&world->random, &branch->model);
        size_t count = changes_of(&branch->model, index, changes);
        const struct cdb_oid *before = index == 0 ? &none : &branch->model.commits[index - 1].commit.id;
        if (random_chance(&world->random, 97)) {
            int result =
                cdb_catalog_log(world->dir, branch->ref, before, &branch->model.commits[index].commit, changes, count);
            assert_true(result == 0 || result == 1);
        }
    }
}

/* A view of the branch as it is, from what the files have. */
static struct cdb_catalog *catch_up(struct world *world, struct branch *branch)
{
    struct cdb_catalog_change changes[KEYS];
    struct cdb_catalog_commit commit;
    struct cdb_catalog *catalog = NULL;
    const struct model *model = &branch->model;
    int result = cdb_catalog_open(&catalog, world->dir, branch->ref);

    if (result == 1 && model->count > 0)
        result = cdb_catalog_borrow(&catalog, world->dir, branch->ref,
                                    &model->commits[random_below(&world->random, model->count)].commit.id);
    if (result == 1)
        result = cdb_catalog_new(&catalog, branch->ref);
    assert_int_equal(result, 0);
    size_t same = 0;
    while (same < model->count && same < cdb_catalog_count(catalog)) {
        assert_int_equal(cdb_catalog_commit(catalog, same, &commit), 0);
        if (!cdb_oid_equal(&commit.id, &model->commits[same].commit.id))
            break;
        same++;
    }
    assert_int_equal(cdb_catalog_cut(catalog, same), 0);
    if (random_chance(&world->random, 30)) {
        struct model part = {model->commits, same};
        check(&part, &world->random, catalog);
    }
    for (; same < model->count; same++) {
        size_t count = changes_of(model, same, changes);
        assert_int_equal(cdb_catalog_add(catalog, &model->commits[same].commit, changes, count), 0);
    }
    return catalog;
}

static void rewrite(struct world *world, struct branch *branch)
{
    branch->model.count = random_below(&world->random, branch->model.count + 1);
    commit_some(world, branch);
}

static void fork_branch(struct world *world, struct branch *branch)
{
    const struct branch *from = &world->branches[random_below(&world->random, 3)];

    if (from == branch)
        return;
    memcpy(branch->model.commits, from->model.commits, COMMITS_MAX * sizeof(struct commit));
    branch->model.count = random_below(&world->random, from->model.count + 1);
    branch->exists = true;
}

static void save(struct world *world, struct branch *branch, struct cdb_catalog *catalog)
{
    size_t count = branch->model.count;

    if (random_chance(&world->random, 30))
        assert_int_equal(cdb_catalog_prepare(catalog, world->dir), 0);
    commit_some(world, branch); /* a writer beside us */
    assert_int_equal(cdb_catalog_save(catalog, world->dir), 0);
    struct model part = {branch->model.commits, count};
    check(&part, &world->random, catalog);
}

static void step(struct world *world)
{
    struct random *random = &world->random;
    struct branch *branch = &world->branches[random_below(random, 3)];
    struct cdb_catalog *catalog;

    if (!branch->exists || random_chance(random, 3))
        fork_branch(world, branch);
    if (!branch->exists)
        return;
    commit_some(world, branch);
    if (random_chance(random, 5))
        rewrite(world, branch);
    catalog = catch_up(world, branch);
    if (random_chance(random, 30))
        check(&branch->model, random, catalog);
    if (random_chance(random, 60))
        save(world, branch, catalog);
    cdb_catalog_close(catalog);
    if (random_chance(random, 40))
        assert_int_equal(cdb_catalog_merge(world->dir, branch->ref, random_chance(random, 10)), 0);
    if (random_chance(random, 20))
        assert_int_equal(cdb_catalog_sweep(world->dir, ref_exists, world), 0);
    catalog = catch_up(world, branch);
    check(&branch->model, random, catalog);
    cdb_catalog_close(catalog);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world world;

        world_open(&world, seed);
        for (int i = 0; i < 120; i++)
            step(&world);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
