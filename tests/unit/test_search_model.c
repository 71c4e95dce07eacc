/* SPDX-License-Identifier: MIT
 *
 * Random documents, changes, branches and merges, and random queries at every moment of them, beside brute force over
 * what `list` says of that moment. Another seed: CHRONDB_TEST_SEED; more: CHRONDB_TEST_ROUNDS (commits). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "brute.h"
#include "chrondb.h"
#include "random.h"
#include "scratch.h"
#include "search_check.h"
#include "search_random.h"

#define BRANCHES 3
#define MOMENTS  400

/* A commit that was the head of a branch. */
struct moment {
    char commit[CHRONDB_HEX_SIZE + 1];
    size_t branch;
};

struct world {
    struct random random;
    struct cdb_analyzer *analyzer;
    char *directory, *path;
    chrondb *db;
    size_t branches; /* there are so many */
    size_t ids;      /* of a table */
    bool damaged;    /* the index, and nobody has built it anew */
    struct moment moments[MOMENTS];
    size_t moment_count;
    int64_t now;
    size_t searches, found;
};

static const char *const branch_names[BRANCHES] = {"main", "side", "other"};

/* ---- the world ---------------------------------------------------------------------------------------- */

static void set_clock(struct world *world, int64_t seconds)
{
    char text[CHRONDB_TIME_SIZE];

    world->now += seconds;
    chrondb_time_format((chrondb_time){world->now, 0}, text);
    setenv("CHRONDB_TEST_NOW", text, 1);
    snprintf(text, sizeof(text), "@%lld +0000", (long long)world->now);
    setenv("GIT_AUTHOR_DATE", text, 1);
    setenv("GIT_COMMITTER_DATE", text, 1);
}

/* Told where a test fails. */
static void print_notice(void *context, int level, const char *text)
{
    (void)context;
    printf("%s: %s\n", level == CHRONDB_WARNING ? "warning" : "note", text);
}

static void world_open(struct world *world)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE, .notice = print_notice};

    if (chrondb_open(&world->db, world->path, &options) != 0)
        fail_msg("%s", chrondb_last_error()->message);
}

static void world_new(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    world->random = random_seed(seed);
    assert_int_equal(cdb_analyzer_new(&world->analyzer, "english"), 0);
    world->directory = scratch_new();
    world->path = scratch_path(world->directory, "db");
    world->now = 1795247040;
    world->branches = 1;
    world->ids = 20;
    set_clock(world, 0);
    world_open(world);
}

static void world_free(struct world *world)
{
    printf("%zu commits, %zu queries, %zu hits\n", world->moment_count, world->searches, world->found);
    chrondb_close(world->db);
    cdb_analyzer_free(world->analyzer);
    free(world->path);
    scratch_remove(world->directory);
}

/* Plain git beside us. False if it does not succeed, which merges need not. */
static bool git(const struct world *world, char *output, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static bool git(const struct world *world, char *output, size_t size, const char *format, ...)
{
    char command[1000], *full;
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_true(asprintf(&full, "git -C '%s' -c user.name=a -c user.email=a@b %s 2>/dev/null", world->path, command) >
                0);
    FILE *pipe = popen(full, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, size - 1, pipe);
    output[len] = '\0';
    output[strcspn(output, "\n")] = '\0';
    free(full);
    return pclose(pipe) == 0;
}

static chrondb_snapshot *open_snapshot(const struct world *world, size_t branch, const char *when)
{
    chrondb_snapshot *snapshot = NULL;

    if (chrondb_snapshot_open(&snapshot, world->db, branch_names[branch], when) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    return snapshot;
}

static void note_head(struct world *world, size_t branch)
{
    chrondb_snapshot *snapshot = open_snapshot(world, branch, NULL);
    const char *commit = chrondb_snapshot_commit(snapshot);
    const struct moment *last = &world->moments[world->moment_count > 0 ? world->moment_count - 1 : 0];

    if (commit != NULL && world->moment_count < MOMENTS && strcmp(last->commit, commit) != 0) {
        struct moment *moment = &world->moments[world->moment_count++];
        snprintf(moment->commit, sizeof(moment->commit), "%s", commit);
        moment->branch = branch;
    }
    chrondb_snapshot_free(snapshot);
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static void write_some(struct world *world, size_t branch, size_t operations)
{
    struct random *random = &world->random;
    chrondb_write_options options = {.size = sizeof(options), .branch = branch_names[branch]};
    chrondb_condition if_exists = {.size = sizeof(if_exists), .flags = CHRONDB_IF_EXISTS};
    chrondb_batch *batch = NULL;

    set_clock(world, (int64_t)random_below(random, 3));
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    for (; operations > 0; operations--) {
        struct cdb_buf key = CDB_BUF_INIT, document = CDB_BUF_INIT;
        random_search_key(random, world->ids, &key);
        random_search_document(random, &document);
        if (random_chance(random, 20))
            assert_int_equal(chrondb_batch_delete(batch, key.ptr, &if_exists), 0);
        else if (chrondb_batch_put(batch, key.ptr, document.ptr, document.len, NULL) != 0)
            fail_msg("%s: %s", document.ptr, chrondb_last_error()->message);
        cdb_buf_release(&key);
        cdb_buf_release(&document);
    }
    if (chrondb_batch_commit(batch, &options) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    chrondb_batch_free(batch);
    note_head(world, branch);
}

static void write_meanwhile(void *context)
{
    struct world *world = context;

    write_some(world, random_below(&world->random, world->branches), 1);
}

/* A branch more, or one that is moved somewhere else. */
static void change_branches(struct world *world)
{
    char output[200];
    size_t from = random_below(&world->random, world->moment_count), branch = world->branches;

    if (branch == BRANCHES) {
        branch = random_below(&world->random, BRANCHES);
        if (branch == 0) { /* HEAD: git would not move it by this command */
            assert_true(
                git(world, output, sizeof(output), "update-ref refs/heads/main %s", world->moments[from].commit));
            note_head(world, branch);
            return;
        }
    }
    assert_true(
        git(world, output, sizeof(output), "branch -f %s %s", branch_names[branch], world->moments[from].commit));
    if (branch == world->branches)
        world->branches++;
    note_head(world, branch);
}

/* A commit with two parents: both changes if they can be merged, else one side's state. */
static void merge_branches(struct world *world)
{
    size_t into = random_below(&world->random, world->branches), from = random_below(&world->random, world->branches);
    char tree[200], commit[200];

    if (into == from)
        return;
    if (!git(world, tree, sizeof(tree), "merge-tree --write-tree %s %s", branch_names[into], branch_names[from]) &&
        !git(world, tree, sizeof(tree), "rev-parse '%s^{tree}'",
             branch_names[random_chance(&world->random, 50) ? into : from]))
        fail_msg("no tree for a merge");
    assert_true(git(world, commit, sizeof(commit), "commit-tree -p %s -p %s -m merge %s", branch_names[into],
                    branch_names[from], tree));
    assert_true(git(world, tree, sizeof(tree), "update-ref refs/heads/%s %s", branch_names[into], commit));
    note_head(world, into);
}

/* ---- what becomes of the index ---------------------------------------------------------------------------- */

/* One byte of one file of the index. */
static void damage_index(struct world *world)
{
    char *index = scratch_path(world->path, "chrondb/index"), name[256] = "";
    DIR *directory = opendir(index);
    size_t seen = 0;
    struct stat st;

    if (directory == NULL)
        goto out;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (*entry->d_name != '.' && random_below(&world->random, ++seen) == 0)
            snprintf(name, sizeof(name), "%s", entry->d_name);
    closedir(directory);
    if (*name == '\0')
        goto out;
    char *file = scratch_path(index, name);
    assert_int_equal(stat(file, &st), 0);
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        FILE *stream = fopen(file, "r+b");
        assert_non_null(stream);
        long at = (long)random_below(&world->random, (size_t)st.st_size);
        assert_int_equal(fseek(stream, at, SEEK_SET), 0);
        int byte = fgetc(stream);
        assert_int_equal(fseek(stream, at, SEEK_SET), 0);
        fputc(byte ^ (1 << random_below(&world->random, 8)), stream);
        fclose(stream);
    }
    free(file);
    world->damaged = true;
out:
    free(index);
}

static void remove_index(struct world *world)
{
    char *index = scratch_path(world->path, "chrondb/index");

    if (access(index, F_OK) == 0)
        scratch_remove(index);
    else
        free(index);
    world->damaged = false;
}

static void gc(struct world *world)
{
    chrondb_gc_report report = {.size = sizeof(report)};

    if (chrondb_gc(world->db, NULL, NULL, &report) != 0)
        fail_msg("%s", chrondb_last_error()->message);
}

static void reindex(struct world *world)
{
    chrondb_reindex_report report = {.size = sizeof(report)};

    if (chrondb_reindex(world->db, NULL, NULL, &report) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    world->damaged = false;
}

/* True: the statistics are those of the present now. */
static bool care(struct world *world)
{
    size_t chance = random_below(&world->random, 100);

    if (chance < 30)
        assert_int_equal(chrondb_maintain(world->db), 0);
    else if (chance < 45)
        gc(world);
    else if (chance < 50)
        reindex(world);
    else if (chance < 80) {
        chrondb_close(world->db);
        if (chance < 60)
            remove_index(world);
        else if (chance < 70)
            damage_index(world);
        world_open(world);
    }
    return chance >= 30 && chance < 45;
}

/* ---- searches ---------------------------------------------------------------------------------------------- */

static void look(struct world *world, const struct moment *moment, bool present, bool exact, size_t queries)
{
    chrondb_snapshot *snapshot = open_snapshot(world, moment->branch, present ? NULL : moment->commit);
    struct brute brute;
    char where[100];

    snprintf(where, sizeof(where), "%s%s%s", branch_names[moment->branch], present ? "" : " at ",
             present ? "" : moment->commit);
    brute_open(&brute, world->analyzer, snapshot);
    struct search_check check = {.random = &world->random,
                                 .snapshot = snapshot,
                                 .brute = &brute,
                                 .exact = exact && !world->damaged,
                                 .damaged = world->damaged,
                                 .where = where,
                                 .meanwhile = write_meanwhile,
                                 .context = world};
    search_check(&check, queries);
    world->searches += queries;
    world->found += check.found;
    brute_close(&brute);
    chrondb_snapshot_free(snapshot);
}

static void step(struct world *world)
{
    struct random *random = &world->random;
    size_t chance = random_below(random, 100);
    bool exact = false;

    if (chance < 85 || world->moment_count == 0)
        write_some(world, random_below(random, world->branches),
                   random_chance(random, 20) ? 40 : 1 + random_below(random, 4));
    else if (chance < 92)
        change_branches(world);
    else
        merge_branches(world);
    if (random_chance(random, 25))
        exact = care(world);
    struct moment present = {.branch = random_below(random, world->branches)};
    look(world, &present, true, exact, 2);
    if (random_chance(random, 30))
        look(world, &world->moments[random_below(random, world->moment_count)], false, false, 2);
}

static void run(uint64_t seed, size_t count)
{
    struct world world;

    world_new(&world, seed);
    for (size_t i = 0; i < count && world.moment_count < MOMENTS; i++)
        step(&world);
    /* Every moment there was, before all is merged, and after. */
    reindex(&world);
    for (size_t i = 0; i < world.moment_count; i++)
        look(&world, &world.moments[i], false, false, 1);
    gc(&world);
    for (size_t i = 0; i < world.moment_count; i++)
        look(&world, &world.moments[i], false, false, 1);
    for (size_t branch = 0; branch < world.branches; branch++) {
        gc(&world); /* what was written while others were looked at */
        look(&world, &(struct moment){.branch = branch}, true, true, 30);
    }
    assert_true(world.found > 0);
    world_free(&world);
}

/* The yardstick itself: lengths that Lucene's one byte keeps, and a score worked out by hand. */
static void test_yardstick(void **state)
{
    static const unsigned lengths[][2] = {{0, 0},   {1, 1},   {39, 39}, {40, 40},  {41, 40},    {42, 42},
                                          {55, 54}, {59, 56}, {60, 60}, {100, 96}, {1000, 984}, {100000, 98328}};
    (void)state;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        assert_int_equal(brute_length_decode(brute_length_encode(lengths[i][0])), lengths[i][1]);
    assert_int_equal(brute_length_encode(INT32_MAX), 255);
    /* ln(1 + 7.5 / 3.5) * 2 / (2 + 1.2 * (0.25 + 0.75 * 5 / 4)) */
    assert_true(fabs(brute_bm25(1, brute_idf(10, 3), 2, 5, 4) - 0.6686904) < 1e-6);
}

static void test_few_commits(void **state)
{
    (void)state;
    run(41, random_rounds(30, 400));
}

static void test_more_commits(void **state)
{
    (void)state;
    run(42, random_rounds(60, 400));
}

/* So many that lists of postings have several blocks, are skipped in, and pruned by what they can score at most. */
static void test_many_documents(void **state)
{
    struct moment past = {.branch = 0};
    struct world world;
    (void)state;

    world_new(&world, 43);
    world.ids = random_rounds(500, 2000);
    write_some(&world, 0, world.ids * 5);
    past = world.moments[0];
    look(&world, &(struct moment){.branch = 0}, true, false, 5);
    write_some(&world, 0, world.ids);
    look(&world, &past, false, false, 5);
    for (size_t i = 0; i < 5; i++) {
        write_some(&world, 0, world.ids / 10);
        gc(&world);
        look(&world, &(struct moment){.branch = 0}, true, true, 5);
        look(&world, &past, false, false, 1);
    }
    world_free(&world);
}

static int clean_environment(void **state)
{
    static const char *const names[] = {"CHRONDB_DIR", "CHRONDB_BRANCH", "CHRONDB_INDEX", "GIT_DIR", "EMAIL"};
    (void)state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yardstick),
        cmocka_unit_test(test_few_commits),
        cmocka_unit_test(test_more_commits),
        cmocka_unit_test(test_many_documents),
    };

    return cmocka_run_group_tests_name("search_model", tests, clean_environment, NULL);
}
