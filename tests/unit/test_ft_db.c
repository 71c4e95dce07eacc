/* SPDX-License-Identifier: MIT
 *
 * Searches beside everything that can happen to a database: whatever it was, each moment of each branch finds the keys
 * whose documents have a word, as brute force over what was put does. Commits, deletes, batches, branches that part,
 * are moved back and elsewhere; maintenance, gc and reindex in between; writers and maintainers that are killed at the
 * named points; an index that is deleted, cut short and overwritten. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "chrondb.h"
#include "random.h"
#include "scratch.h"

#define KEYS     40
#define WORDS    12
#define PRESENT  (1u << 31) /* of a state's mask: the document is there, whatever its words */
#define BRANCHES 3

struct moment {
    char commit[CHRONDB_HEX_SIZE + 1];
    uint32_t state[KEYS]; /* a bit for each word */
};

struct branch {
    const char *name;
    struct moment *moments;
    size_t count, room;
};

struct world {
    struct random random;
    char *folder, *path;
    chrondb *db;
    struct branch branches[BRANCHES];
    unsigned searches, hits;
};

static void open_db(struct world *world)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};

    assert_int_equal(chrondb_open(&world->db, world->path, &options), 0);
}

static void close_db(struct world *world)
{
    chrondb_close(world->db);
    world->db = NULL;
}

static void world_open(struct world *world, uint64_t seed)
{
    static const char *const names[BRANCHES] = {"main", "side", "deep/er"};

    *world = (struct world){.random = random_seed(seed), .folder = scratch_new()};
    world->path = scratch_path(world->folder, "db");
    for (size_t i = 0; i < BRANCHES; i++)
        world->branches[i].name = names[i];
    open_db(world);
}

static void world_close(struct world *world)
{
    close_db(world);
    for (size_t i = 0; i < BRANCHES; i++)
        free(world->branches[i].moments);
    free(world->path);
    scratch_remove(world->folder);
}

/* ---- the model ---------------------------------------------------------------------------------- */

static struct moment *add_moment(struct branch *branch, const char *commit)
{
    if (branch->count == branch->room) {
        branch->room = branch->room * 2 + 16;
        branch->moments = realloc(branch->moments, branch->room * sizeof(*branch->moments));
        assert_non_null(branch->moments);
    }
    struct moment *moment = &branch->moments[branch->count++];
    memset(moment, 0, sizeof(*moment));
    if (branch->count > 1)
        *moment = moment[-1];
    snprintf(moment->commit, sizeof(moment->commit), "%s", commit);
    return moment;
}

static void key_of(size_t number, char out[32])
{
    /* Some have no table; their order is not that of their numbers. */
    snprintf(out, 32, number % 5 == 0 ? "k%zu" : "t%zu:%zu", number % 5 == 0 ? number : number % 3, number * 7 % KEYS);
}

static void document_of(uint32_t mask, char out[512])
{
    size_t n = (size_t)snprintf(out, 512, "{\"n\":%u,\"deep\":{\"text\":[\"", (unsigned)(mask & 0xff));

    for (unsigned word = 0; word < WORDS; word++)
        if ((mask >> word & 1) != 0)
            n += (size_t)snprintf(out + n, 512 - n, "%sw%02u", word % 3 == 0 ? "\",\"" : " ", word);
    snprintf(out + n, 512 - n, "\"]}}");
}

/* ---- searching ---------------------------------------------------------------------------------- */

static size_t number_of(const char *key)
{
    char other[32];

    for (size_t i = 0; i < KEYS; i++) {
        key_of(i, other);
        if (strcmp(other, key) == 0)
            return i;
    }
    fail_msg("a key that never was: %s", key);
    return 0;
}

static void check_word(struct world *world, chrondb_snapshot *snapshot, const struct moment *moment, const char *where)
{
    unsigned word = (unsigned)random_below(&world->random, WORDS);
    bool all = random_chance(&world->random, 10), found[KEYS] = {false};
    chrondb_search_options options = {.size = sizeof(options), .limit = UINT64_MAX, .total = 1};
    chrondb_search *search = NULL;
    chrondb_hit hit;
    char query[32], expected[512];
    uint64_t count = 0;
    int result;

    snprintf(query, sizeof(query), random_chance(&world->random, 50) ? "w%02u" : "deep:w%02u", word);
    result = chrondb_search_open(&search, snapshot, all ? "*:*" : query, &options);
    if (result != 0)
        fail_msg("%s: search: %d %s", where, result, chrondb_last_error()->message);
    while ((result = chrondb_search_next(search, &hit)) == 0) {
        size_t number = number_of(hit.key);

        assert_false(found[number]);
        found[number] = true;
        document_of(moment->state[number], expected);
        assert_string_equal(hit.value, expected);
        count++;
    }
    assert_int_equal(result, CHRONDB_END);
    assert_int_equal(chrondb_search_total(search), count);
    for (size_t i = 0; i < KEYS; i++) {
        char key[32];

        key_of(i, key);
        bool wanted = all ? moment->state[i] != 0 : (moment->state[i] >> word & 1) != 0;
        if (found[i] != wanted)
            fail_msg("%s: %s of '%s' for %s", where, wanted ? "loss" : "hit too much", key, all ? "*:*" : query);
    }
    world->searches++;
    world->hits += (unsigned)count;
    chrondb_search_free(search);
}

/* The state of a branch after so many commits. */
static void check_moment(struct world *world, const struct branch *branch, size_t end, bool by_head, const char *what)
{
    chrondb_snapshot *snapshot = NULL;
    const struct moment *moment = &branch->moments[end - 1];
    char when[64], where[128];

    snprintf(when, sizeof(when), "commit:%s", moment->commit);
    snprintf(where, sizeof(where), "after %s, %s at %zu of %zu", what, branch->name, end, branch->count);
    assert_int_equal(chrondb_snapshot_open(&snapshot, world->db, branch->name, by_head ? NULL : when), 0);
    if (strcmp(chrondb_snapshot_commit(snapshot), moment->commit) != 0)
        fail_msg("%s: at %s instead of %s", where, chrondb_snapshot_commit(snapshot), moment->commit);
    for (int i = 0; i < 2; i++)
        check_word(world, snapshot, moment, where);
    chrondb_snapshot_free(snapshot);
}

static void check_some(struct world *world, const char *what)
{
    for (size_t i = 0; i < BRANCHES; i++) {
        const struct branch *branch = &world->branches[i];

        if (branch->count == 0)
            continue;
        check_moment(world, branch, branch->count, true, what);
        if (random_chance(&world->random, 60))
            check_moment(world, branch, 1 + random_below(&world->random, branch->count), false, what);
    }
}

/* Every moment; and those of one branch asked on another, where they lie aside. */
static void check_everything(struct world *world, const char *what)
{
    for (size_t i = 0; i < BRANCHES; i++)
        for (size_t end = 1; end <= world->branches[i].count; end++)
            check_moment(world, &world->branches[i], end, false, what);
    for (size_t i = 1; i < BRANCHES; i++) {
        struct branch there = world->branches[i];

        if (there.count == 0)
            continue;
        there.name = "main";
        check_moment(world, &there, there.count, false, "the end, aside");
    }
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void change(struct world *world, chrondb_batch *batch, uint32_t state[KEYS])
{
    static const chrondb_condition if_exists = {.size = sizeof(if_exists), .flags = CHRONDB_IF_EXISTS};
    size_t number = random_below(&world->random, random_chance(&world->random, 50) ? KEYS : 6);
    char key[32], document[512];

    key_of(number, key);
    if (random_chance(&world->random, 20)) {
        assert_int_equal(chrondb_batch_delete(batch, key, &if_exists), 0);
        state[number] = 0;
        return;
    }
    state[number] = PRESENT | (uint32_t)(random_bits(&world->random) & random_bits(&world->random)) % (1u << WORDS);
    document_of(state[number], document);
    assert_int_equal(chrondb_batch_put(batch, key, document, strlen(document), NULL), 0);
}

static void commit_some(struct world *world, struct branch *branch)
{
    size_t commits = 1 + random_below(&world->random, random_chance(&world->random, 10) ? 90 : 5);

    for (size_t i = 0; i < commits; i++) {
        chrondb_write_options options = {.size = sizeof(options), .branch = branch->name};
        size_t changes = random_chance(&world->random, 80) ? 1 : 1 + random_below(&world->random, 30);
        chrondb_batch *batch = NULL;
        uint32_t state[KEYS] = {0};

        if (branch->count > 0)
            memcpy(state, branch->moments[branch->count - 1].state, sizeof(state));
        assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
        for (size_t j = 0; j < changes; j++)
            change(world, batch, state);
        assert_int_equal(chrondb_batch_commit(batch, &options), 0);
        if (chrondb_batch_commit_id(batch) != NULL)
            memcpy(add_moment(branch, chrondb_batch_commit_id(batch))->state, state, sizeof(state));
        chrondb_batch_free(batch);
    }
}

/* As a push does it: the ref is another one. */
static void move_ref(const struct world *world, const struct branch *branch)
{
    char name[64], text[CHRONDB_HEX_SIZE + 2];

    snprintf(name, sizeof(name), "refs/heads/%s", branch->name);
    snprintf(text, sizeof(text), "%s\n", branch->moments[branch->count - 1].commit);
    scratch_write(world->path, name, text, strlen(text));
}

/* To a moment of any branch, its own or another. */
static void move_branch(struct world *world, struct branch *branch)
{
    const struct branch *from = &world->branches[random_below(&world->random, BRANCHES)];

    if (from->count == 0)
        return;
    size_t count =
        random_chance(&world->random, 50) ? from->count - random_below(&world->random, from->count) : from->count;
    struct moment *copy = malloc(count * sizeof(*copy));
    assert_non_null(copy);
    memcpy(copy, from->moments, count * sizeof(*copy));
    free(branch->moments);
    branch->moments = copy;
    branch->count = branch->room = count;
    move_ref(world, branch);
}

/* ---- accidents ---------------------------------------------------------------------------------- */

/* Every file of the index, or one of them. */
static void hurt_index(struct world *world)
{
    char *path = scratch_path(world->path, "chrondb/index");
    size_t how = random_below(&world->random, 3);
    close_db(world); /* nobody may have mapped what is cut */
    DIR *listing = opendir(path);

    for (const struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        struct stat st;

        if (entry->d_name[0] == '.' || random_chance(&world->random, 60) ||
            fstatat(dirfd(listing), entry->d_name, &st, 0) != 0)
            continue;
        if (how == 0) {
            assert_int_equal(unlinkat(dirfd(listing), entry->d_name, 0), 0);
            continue;
        }
        int fd = openat(dirfd(listing), entry->d_name, O_RDWR);
        assert_true(fd >= 0);
        size_t at = st.st_size > 0 ? random_below(&world->random, (size_t)st.st_size) : 0;
        unsigned char byte = 0;
        if (how == 1)
            assert_int_equal(ftruncate(fd, (off_t)at), 0);
        else if (pread(fd, &byte, 1, (off_t)at) == 1) {
            byte = (unsigned char)(byte ^ (1u << random_below(&world->random, 8)));
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
        }
        close(fd);
    }
    if (listing != NULL)
        closedir(listing);
    free(path);
    open_db(world);
}

/* Somebody else writes or maintains, and is killed on the way. */
static void kill_somebody(struct world *world)
{
    static const char *const points[] = {"index-log",           "index-logged",         "index-prepared",
                                         "index-saved",         "index-merged",         "search-run-written",
                                         "search-ends-written", "search-shelf-written", "search-merged"};
    const char *point = points[random_below(&world->random, sizeof(points) / sizeof(points[0]))];
    struct branch *branch = &world->branches[0];
    int status;

    close_db(world);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        chrondb *db = NULL;
        chrondb_batch *batch = NULL;
        char document[512];

        setenv("CHRONDB_TEST_FAULT", point, 1);
        document_of(PRESENT | 1u, document);
        if (chrondb_open(&db, world->path, NULL) == 0 && chrondb_batch_new(&batch, db) == 0 &&
            chrondb_batch_put(batch, "k0", document, strlen(document), NULL) == 0)
            (void)chrondb_batch_commit(batch, NULL);
        if (world->searches % 2 == 0)
            (void)chrondb_gc(db, NULL, NULL, NULL);
        else
            (void)chrondb_maintain(db);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    open_db(world);
    /* The document was acknowledged by no one who lived; it is there, or not. */
    chrondb_snapshot *snapshot = NULL;
    assert_int_equal(chrondb_snapshot_open(&snapshot, world->db, "main", NULL), 0);
    const char *commit = chrondb_snapshot_commit(snapshot);
    if (branch->count == 0 ? commit != NULL : strcmp(commit, branch->moments[branch->count - 1].commit) != 0)
        add_moment(branch, commit)->state[0] = PRESENT | 1u;
    chrondb_snapshot_free(snapshot);
    commit_some(world, branch); /* settles what the dead left: the branch may be moved again */
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void step(struct world *world)
{
    struct branch *branch = &world->branches[random_below(&world->random, BRANCHES)];
    chrondb_reindex_report report = {.size = sizeof(report)};
    size_t dice = random_below(&world->random, 100);

    if (dice < 50) {
        branch = branch->count > 0 ? branch : &world->branches[0];
        commit_some(world, branch);
        check_some(world, "commits");
    } else if (dice < 60) {
        move_branch(world, branch);
        check_some(world, "moving");
    } else if (dice < 80) {
        assert_int_equal(chrondb_maintain(world->db), 0);
        check_some(world, "maintenance");
    } else if (dice < 85) {
        assert_int_equal(chrondb_gc(world->db, NULL, NULL, NULL), 0);
        check_some(world, "gc");
    } else if (dice < 87) {
        assert_int_equal(chrondb_reindex(world->db, NULL, NULL, &report), 0);
        check_some(world, "reindex");
    } else if (dice < 95) {
        hurt_index(world);
        check_some(world, "damage");
    } else {
        kill_somebody(world);
        check_some(world, "a kill");
    }
}

static void test_random(void **unused)
{
    uint64_t rounds = random_rounds(4, 100);

    (void)unused;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct world world;

        world_open(&world, seed);
        commit_some(&world, &world.branches[0]);
        for (int i = 0; i < 40; i++)
            step(&world);
        check_everything(&world, "all");
        assert_true(world.searches > 100 && world.hits > 200);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
