/* SPDX-License-Identifier: MIT
 *
 * chrondb_verify: nothing is found in databases that were written at random; an index that lies, with checksums that
 * are right, is found out; the caller's functions end it. tests/crash/verify.py damages files at random. Another seed:
 * CHRONDB_TEST_SEED; more: CHRONDB_TEST_VERIFY_ROUNDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "chrondb.h"
#include "index/catalog.h"
#include "index/ft_build.h"
#include "index/shelf_view.h"
#include "random.h"
#include "scratch.h"
#include "text/analyzer.h"
#include "util/error.h"
#include "util/oid_map.h"
#include "util/parallel.h"

#define MAIN "refs/heads/main"

struct world {
    char *directory, *path;
    chrondb *db;
    unsigned findings, errors;
    char kind[32], key[64], message[256]; /* of the last error */
    int answer;                           /* of the function that findings are told to */
};

static int note_finding(void *context, const chrondb_finding *finding)
{
    struct world *world = context;
    world->findings++;
    if (finding->is_error) {
        world->errors++;
        snprintf(world->kind, sizeof(world->kind), "%s", finding->kind);
        snprintf(world->key, sizeof(world->key), "%s", finding->key != NULL ? finding->key : "");
        snprintf(world->message, sizeof(world->message), "%s", finding->message);
    }
    assert_non_null(finding->message);
    assert_true(finding->key == NULL || finding->ref != NULL);
    return world->answer;
}

static chrondb_verify_report verify(struct world *world, int full)
{
    chrondb_verify_options options = {
        .size = sizeof(options), .full = full, .finding = note_finding, .finding_context = world};
    chrondb_verify_report report = {.size = sizeof(report)};
    world->findings = world->errors = 0;
    world->kind[0] = world->key[0] = world->message[0] = '\0';
    int result = chrondb_verify(world->db, &options, &report);
    if (result != 0)
        fail_msg("%s", chrondb_last_error()->message);
    assert_int_equal(report.errors + report.notes, world->findings);
    return report;
}

static void check_sound(struct world *world)
{
    for (int full = 0; full < 2; full++) {
        verify(world, full);
        if (world->findings > 0)
            fail_msg("full %d: %u findings, the last error: %s: %s (key '%s')", full, world->findings, world->kind,
                     world->message, world->key);
    }
}

static void world_new(struct world *world)
{
    const chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    *world = (struct world){.directory = scratch_new()};
    world->path = scratch_path(world->directory, "db");
    assert_int_equal(chrondb_open(&world->db, world->path, &options), 0);
}

static void world_free(struct world *world)
{
    chrondb_close(world->db);
    free(world->path);
    scratch_remove(world->directory);
}

static void put(struct world *world, const char *branch, const char *key, const char *value)
{
    const chrondb_write_options options = {.size = sizeof(options), .branch = branch};
    chrondb_batch *batch;
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    if (value != NULL)
        assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    else
        assert_int_equal(
            chrondb_batch_delete(batch, key,
                                 &(chrondb_condition){.size = sizeof(chrondb_condition), .flags = CHRONDB_IF_EXISTS}),
            0);
    if (chrondb_batch_commit(batch, &options) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    chrondb_batch_free(batch);
}

/* ---- sound databases --------------------------------------------------------------------------- */

static void put_many(struct world *world, struct random *random, const char *branch)
{
    const chrondb_write_options options = {.size = sizeof(options), .branch = branch};
    chrondb_batch *batch;
    char key[32], value[32];
    size_t count = 1 + random_below(random, 150);
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof(key), random_chance(random, 80) ? "t%zu:%zu" : "x%zu-%zu", random_below(random, 3),
                 random_below(random, 200));
        snprintf(value, sizeof(value), "{\"n\":\"w%zu\"}", random_below(random, 50));
        assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    }
    assert_int_equal(chrondb_batch_commit(batch, &options), 0);
    chrondb_batch_free(batch);
}

static void search(struct world *world, const char *branch)
{
    chrondb_snapshot *snapshot;
    chrondb_search *found;
    const chrondb_search_options options = {.size = sizeof(options), .count_only = 1};
    assert_int_equal(chrondb_snapshot_open(&snapshot, world->db, branch, NULL), 0);
    assert_int_equal(chrondb_search_open(&found, snapshot, "n:w1", &options), 0);
    chrondb_search_free(found);
    chrondb_snapshot_free(snapshot);
}

static void merge(struct world *world, const char *source)
{
    const chrondb_merge_options options = {.size = sizeof(options), .strategy = CHRONDB_MERGE_OURS};
    chrondb_merge *run;
    assert_int_equal(chrondb_merge_new(&run, world->db), 0);
    assert_int_equal(chrondb_merge_run(run, source, &options), 0);
    chrondb_merge_free(run);
}

static void reindex(struct world *world)
{
    chrondb_reindex_report report = {.size = sizeof(report)};
    assert_int_equal(chrondb_reindex(world->db, NULL, NULL, &report), 0);
}

static void one_step(struct world *world, struct random *random)
{
    const char *branch = random_chance(random, 70) ? "main" : "side";
    char key[32], value[32];
    snprintf(key, sizeof(key), "t%zu:%zu", random_below(random, 3), random_below(random, 80));
    snprintf(value, sizeof(value), "{\"n\":%zu}", random_below(random, 1000));
    switch (random_below(random, 16)) {
    case 0:
        put_many(world, random, branch);
        break;
    case 1:
        assert_int_equal(chrondb_gc(world->db, NULL, NULL, NULL), 0);
        break;
    case 2:
        reindex(world);
        break;
    case 3:
        search(world, branch);
        break;
    case 4:
        merge(world, "side");
        break;
    case 5:
    case 6:
    case 7:
        put(world, branch, key, NULL);
        break;
    case 8:
        assert_int_equal(chrondb_maintain(world->db), 0);
        break;
    default:
        put(world, branch, key, value);
    }
}

static void test_sound(void **state)
{
    size_t rounds = random_rounds(2, 100);
    struct random random = random_seed(11);
    (void)state;
    for (size_t i = 0; i < rounds; i++) {
        struct world world;
        world_new(&world);
        check_sound(&world);
        put(&world, NULL, "t0:1", "1");
        assert_int_equal(chrondb_branch_create(world.db, "side", NULL, NULL, 0, NULL, NULL), 0);
        for (int step = 0; step < 60; step++) {
            one_step(&world, &random);
            if (step % 10 == 9)
                check_sound(&world);
        }
        world_free(&world);
    }
}

/* ---- catalogs that lie ------------------------------------------------------------------------- */

enum lie { TRUTH, OTHER_BLOB, LACKS_KEY, MORE_KEY, OTHER_TIME, MERGE, OTHER_COMMIT, OLD_VERSION, EXISTED, LIES };

static int index_dir(const struct world *world)
{
    char *path = scratch_path(world->path, "chrondb/index");
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    free(path);
    return dir;
}

static void tell_lie(enum lie lie, uint64_t position, uint64_t count, struct cdb_catalog_commit *commit,
                     struct cdb_catalog_change *changes, size_t *change_count)
{
    bool last = position + 1 == count;
    switch (lie) {
    case OTHER_BLOB:
        changes[0].blob.id[3] ^= last;
        break;
    case LACKS_KEY:
        *change_count -= last;
        break;
    case MORE_KEY:
        if (last)
            changes[(*change_count)++] = (struct cdb_catalog_change){"zz:9", 4, {{1}}, false};
        break;
    case OTHER_TIME:
        commit->time.nanoseconds += last && commit->time.nanoseconds < 999999999;
        break;
    case MERGE:
        commit->merge = position == 1;
        break;
    case OTHER_COMMIT:
        commit->id.id[0] ^= position == 1;
        break;
    case OLD_VERSION: /* which the present does not show */
        changes[0].blob.id[3] ^= position == 1;
        break;
    case EXISTED:
        changes[0].existed ^= position == 0;
        break;
    default:
        break;
    }
}

/* The catalog of main anew, as the files have it, but for the lie. */
static void write_catalog(const struct world *world, enum lie lie)
{
    struct cdb_catalog *truth, *copy;
    int dir = index_dir(world);
    assert_int_equal(cdb_catalog_open(&truth, dir, MAIN), 0);
    assert_int_equal(cdb_catalog_new(&copy, MAIN), 0);
    uint64_t count = cdb_catalog_count(truth);
    for (uint64_t i = 0; i < count; i++) {
        struct cdb_catalog_change changes[8] = {{.key_len = 0}};
        struct cdb_catalog_changes *walk;
        struct cdb_catalog_key_changes key;
        struct cdb_catalog_commit commit;
        char keys[8][16];
        size_t found = 0;
        assert_int_equal(cdb_catalog_commit(truth, i, &commit), 0);
        assert_int_equal(cdb_catalog_changes_open(&walk, truth, i, i + 1), 0);
        for (; cdb_catalog_changes_next(walk, &key) == 0; found++) {
            assert_true(found < 7 && key.key_len < sizeof(keys[0]));
            snprintf(keys[found], sizeof(keys[0]), "%s", key.key);
            changes[found] = (struct cdb_catalog_change){keys[found], key.key_len, key.versions[0].blob, key.existed};
        }
        cdb_catalog_changes_free(walk);
        tell_lie(lie, i, count, &commit, changes, &found);
        assert_int_equal(cdb_catalog_add(copy, &commit, changes, found), 0);
    }
    assert_int_equal(unlinkat(dir, "main.manifest", 0), 0);
    assert_int_equal(cdb_catalog_save(copy, dir), 0);
    cdb_catalog_close(copy);
    cdb_catalog_close(truth);
    close(dir);
}

static void fill(struct world *world)
{
    put(world, NULL, "user:1", "{\"n\":1}");
    put(world, NULL, "user:2", "{\"n\":2}");
    put(world, NULL, "user:1", "{\"n\":3}");
    put(world, NULL, "user:2", "{\"n\":5}");
    put(world, NULL, "user:4", "{\"n\":4}");
}

static void test_catalog(void **state)
{
    static const char *const keys[LIES] = {
        [OTHER_BLOB] = "user:4", [LACKS_KEY] = "user:4", [MORE_KEY] = "zz:9", [OLD_VERSION] = "user:2"};
    (void)state;
    for (int lie = TRUTH; lie < LIES; lie++) {
        bool old = lie == OLD_VERSION;
        struct world world;
        world_new(&world);
        fill(&world);
        write_catalog(&world, (enum lie)lie);
        for (int full = 0; full < 2; full++) {
            verify(&world, full);
            if (lie == TRUTH || (old && !full)) {
                assert_int_equal(world.findings, 0);
                continue;
            }
            if (world.errors == 0)
                fail_msg("lie %d was not found", lie);
            assert_string_equal(world.kind, "index");
            if (keys[lie] != NULL && strcmp(world.key, keys[lie]) != 0 && world.errors == 1)
                fail_msg("lie %d: about '%s': %s", lie, world.key, world.message);
        }
        reindex(&world);
        check_sound(&world);
        world_free(&world);
    }
}

/* ---- shelves that lie -------------------------------------------------------------------------- */

/* A document is not there; one is dead that is not; one dies at another time than it did. */
enum words_lie { NO_PART, DEAD, OTHER_END, WORDS_LIES };

static void lie_of_words(const struct world *world, enum words_lie lie)
{
    struct cdb_shelf shelf;
    struct cdb_shelf_view *view;
    int dir = index_dir(world);
    assert_int_equal(cdb_shelf_read(&shelf, dir, MAIN), 0);
    struct cdb_shelf_mark mark = shelf.marks[0];
    uint64_t end = shelf.end;
    if (lie == NO_PART) {
        size_t count = shelf.segment_count;
        shelf.segment_count = 0;
        assert_true(count > 0);
        assert_int_equal(cdb_shelf_write(dir, &shelf), 0);
        shelf.segment_count = count;
        cdb_shelf_release(&shelf);
        close(dir);
        return;
    }
    assert_int_equal(cdb_shelf_view_open(&view, dir, &shelf, end), 0);
    if (lie == OTHER_END) { /* what ended earlier is alive again, and dies later */
        for (size_t i = 0; i < view->count; i++)
            assert_int_equal(cdb_shelf_view_load(view, dir, i), 0);
        assert_int_equal(cdb_shelf_view_cut(view, dir, 2), 0);
    }
    assert_int_equal(cdb_shelf_view_kill(view, "user:1", 6, (uint32_t)end - 1), 0);
    assert_int_equal(cdb_shelf_view_publish(view, dir, end, &mark, 1), 0);
    cdb_shelf_view_close(view);
    close(dir);
}

static void test_words(void **state)
{
    (void)state;
    for (int lie = NO_PART; lie < WORDS_LIES; lie++) {
        struct world world;
        world_new(&world);
        fill(&world);
        reindex(&world);
        check_sound(&world);
        lie_of_words(&world, (enum words_lie)lie);
        for (int full = 0; full < 2; full++) {
            verify(&world, full);
            if (world.errors == 0)
                fail_msg("lie %d was not found", lie);
            assert_string_equal(world.kind, "index");
        }
        world_free(&world);
    }
}

/* ---- segments that lie ------------------------------------------------------------------------- */

#define NOTE "{\"t\":\"one two two three\"}"

/* The segment of the present anew, with another note. */
static void write_words(const struct world *world, const char *note)
{
    struct cdb_shelf shelf;
    struct cdb_ft_segment *segment;
    struct cdb_ft_builder *builder;
    struct cdb_analyzer *analyzer;
    struct cdb_ft_keys keys;
    int dir = index_dir(world);
    assert_int_equal(cdb_shelf_read(&shelf, dir, MAIN), 0);
    assert_int_equal(shelf.segment_count, 1);
    assert_int_equal(cdb_ft_segment_open(&segment, dir, shelf.segments[0].name), 0);
    assert_int_equal(cdb_analyzer_new(&analyzer, shelf.language), 0);
    assert_int_equal(cdb_ft_builder_new(&builder, analyzer), 0);
    assert_int_equal(cdb_ft_keys_init(&keys, segment, 0), 0);
    while (cdb_ft_keys_next(&keys) == 0) {
        const char *json = strcmp(keys.key.text, "note:1") == 0 ? note : "{\"t\":\"two\",\"n\":{\"m\":7}}";
        uint32_t from;
        assert_int_equal(cdb_ft_from(segment, keys.next - 1, &from), 0);
        assert_int_equal(cdb_ft_builder_add(builder, keys.key.text, keys.key.len, from, json, strlen(json)), 0);
    }
    assert_int_equal(cdb_ft_builder_write(builder, dir, &shelf.segments[0].name, &shelf.segments[0].bytes), 0);
    assert_int_equal(cdb_shelf_write(dir, &shelf), 0);
    cdb_ft_builder_free(builder);
    cdb_analyzer_free(analyzer);
    cdb_ft_segment_close(segment);
    cdb_shelf_release(&shelf);
    close(dir);
}

static void test_postings(void **state)
{
    static const char *const lies[] = {NOTE, /* none */
                                       "{\"t\":\"two one two three\"}",
                                       "{\"t\":\"one two three three\"}",
                                       "{\"t\":\"one two two threes\"}",
                                       "{\"t\":\"one two two three four\"}",
                                       "{\"u\":\"one two two three\"}",
                                       "{\"t\":\"one two two\"}",
                                       "{\"t\":[\"one two\",\"two three\"]}",
                                       "{\"t\":\"One two two three\"}", /* the same words, another value */
                                       "{\"t\":\"one two two three\",\"n\":null}",
                                       "{}"};
    struct world world;
    (void)state;
    world_new(&world);
    put(&world, NULL, "note:0", "{\"t\":\"two\",\"n\":{\"m\":7}}");
    put(&world, NULL, "note:1", NOTE);
    put(&world, NULL, "note:2", "{\"t\":\"two\",\"n\":{\"m\":7}}");
    reindex(&world);
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        write_words(&world, lies[i]);
        verify(&world, 0);
        assert_int_equal(world.errors, 0);
        verify(&world, 1);
        if (world.errors != (i > 0))
            fail_msg("%u errors for %s: %s", world.errors, lies[i], world.message);
        if (i > 0)
            assert_string_equal(world.key, "note:1");
    }
    reindex(&world);
    check_sound(&world);
    world_free(&world);
}

/* ---- its end ----------------------------------------------------------------------------------- */

static int no_more(void *context, const char *phase, uint64_t done, uint64_t total)
{
    (void)context, (void)phase, (void)done, (void)total;
    return 1;
}

static void test_end(void **state)
{
    struct world world;
    (void)state;
    world_new(&world);
    fill(&world);
    char *head = scratch_path(world.path, "refs/heads/bad");
    scratch_write(world.path, "refs/heads/bad", "rubbish\n", 8);
    chrondb_verify_options options = {.size = sizeof(options), .finding = note_finding, .finding_context = &world};
    world.answer = 1;
    assert_int_equal(chrondb_verify(world.db, &options, NULL), 1);
    world.answer = -77;
    assert_int_equal(chrondb_verify(world.db, &options, NULL), -77);
    world.answer = 0;
    options.progress = no_more;
    assert_int_equal(chrondb_verify(world.db, &options, NULL), CHRONDB_EBUSY);
    assert_string_equal(chrondb_last_error()->name, "cancelled");
    options = (chrondb_verify_options){.size = sizeof(options), .branch = "nowhere"};
    assert_int_equal(chrondb_verify(world.db, &options, NULL), CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->name, "no_branch");
    assert_int_equal(chrondb_verify(world.db, NULL, NULL), 0);
    free(head);
    world_free(&world);
}

/* ---- tools ------------------------------------------------------------------------------------- */

static struct cdb_oid numbered(uint32_t number)
{
    struct cdb_oid oid = {{0}}; /* ids that differ in few bits only */
    memcpy(oid.id + number % 17, &number, sizeof(number) - 1);
    return oid;
}

static void test_oid_map(void **state)
{
    struct cdb_oid_map map = {NULL, 0, 0, 0};
    (void)state;
    for (uint32_t i = 1; i < 20000; i++) {
        struct cdb_oid oid = numbered(i);
        uint32_t before = cdb_oid_map_get(&map, &oid);
        assert_int_equal(cdb_oid_map_set(&map, &oid, before + i), 0);
        assert_int_equal(cdb_oid_map_get(&map, &oid), before + i);
    }
    assert_true(map.count * 4 <= map.room * 3);
    struct cdb_oid unknown = {{0xff, 0xff, 0xff, 0xff, 0xff}};
    assert_int_equal(cdb_oid_map_get(&map, &unknown), 0);
    cdb_oid_map_release(&map);
    assert_int_equal(cdb_oid_map_get(&map, &unknown), 0);
}

struct crew {
    unsigned char done[10000];
    size_t bad;
};

static int work(void *context, unsigned thread, size_t from, size_t to)
{
    struct crew *crew = context;
    assert_true(thread < CDB_PARALLEL_MAX);
    for (size_t i = from; i < to; i++) {
        if (i == crew->bad)
            return cdb_error(CHRONDB_ESYSTEM, "io_error", "item %zu", i);
        crew->done[i]++;
    }
    return 0;
}

static void test_parallel(void **state)
{
    static struct crew crew;
    const struct cdb_parallel parallel = {work, NULL, &crew, 7};
    (void)state;
    crew.bad = SIZE_MAX;
    assert_int_equal(cdb_parallel_run(&parallel, sizeof(crew.done)), 0);
    for (size_t i = 0; i < sizeof(crew.done); i++)
        assert_int_equal(crew.done[i], 1);
    assert_int_equal(cdb_parallel_run(&parallel, 0), 0);
    crew.bad = 5000;
    assert_int_equal(cdb_parallel_run(&parallel, sizeof(crew.done)), CHRONDB_ESYSTEM);
    assert_string_equal(chrondb_last_error()->message, "item 5000");
    assert_string_equal(chrondb_last_error()->name, "io_error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),    cmocka_unit_test(test_catalog), cmocka_unit_test(test_words),
        cmocka_unit_test(test_postings), cmocka_unit_test(test_end),     cmocka_unit_test(test_oid_map),
        cmocka_unit_test(test_parallel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
