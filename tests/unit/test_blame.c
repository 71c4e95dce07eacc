/* SPDX-License-Identifier: MIT
 *
 * chrondb_blame beside brute force over random histories with merges, with and without the catalog; then what can be
 * told beforehand. Another seed: CHRONDB_TEST_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "merge_model.h"
#include "random.h"
#include "scratch.h"
#include "util/buf.h"

#define COMMITS  80
#define BRANCHES 3
#define WORLDS   6

static const char *const branches[BRANCHES] = {"main", "side", "topic/one"};

struct commit {
    char id[CHRONDB_HEX_SIZE + 1];
    size_t parents[2], parent_count;
    char *text; /* of the document; NULL: there is none */
    const struct merge_value *value;
};

struct world {
    struct random random;
    char *directory;
    chrondb *db;
    struct merge_values values;
    struct commit commits[COMMITS];
    size_t count, heads[BRANCHES];
    size_t clock;       /* seconds */
    size_t fields, far; /* that were told; of commits other than the head's */
};

static void check(int result)
{
    if (result != 0)
        fail_msg("%d: %s", result, chrondb_last_error()->message);
}

static void set_clock(struct world *world)
{
    char text[64];
    world->clock += random_below(&world->random, 3);
    snprintf(text, sizeof(text), "2026-11-21T10:%02zu:%02zuZ", world->clock / 60, world->clock % 60);
    setenv("CHRONDB_TEST_NOW", text, 1);
}

static void world_new(struct world *world, uint64_t seed)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    memset(world, 0, sizeof(*world));
    world->random = random_seed(seed);
    world->directory = scratch_new();
    char *path = scratch_path(world->directory, "db");
    check(chrondb_open(&world->db, path, &options));
    free(path);
}

static void world_free(struct world *world)
{
    chrondb_close(world->db);
    for (size_t i = 0; i < world->count; i++)
        free(world->commits[i].text);
    merge_values_release(&world->values);
    scratch_remove(world->directory);
}

static char *spelled(struct world *world, const struct merge_value *value)
{
    struct cdb_buf text = CDB_BUF_INIT;
    merge_value_spell(&world->random, value, &text);
    assert_false(text.failed);
    return text.ptr;
}

/* ---- the model's history ------------------------------------------------------------------------- */

/* The branch's head is a new commit; false: it is the one it was. */
static bool add_commit(struct world *world, size_t branch, const size_t *parents, size_t parent_count)
{
    struct commit *commit = &world->commits[world->count];
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {0};
    assert_true(world->count < COMMITS);
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], NULL));
    *commit = (struct commit){.parent_count = parent_count};
    strcpy(commit->id, chrondb_snapshot_commit(snapshot));
    memcpy(commit->parents, parents, parent_count * sizeof(*parents));
    bool fresh = true;
    for (size_t i = 0; i < world->count; i++)
        if (strcmp(world->commits[i].id, commit->id) == 0) {
            world->heads[branch] = i;
            fresh = false;
        }
    int result = chrondb_get(snapshot, "k:1", &value);
    assert_true(result == 0 || result == CHRONDB_NOTFOUND);
    if (fresh && result == 0) {
        commit->text = strdup(value.data);
        commit->value = merge_value_read(&world->values, value.data, value.size);
    }
    if (fresh)
        world->heads[branch] = world->count++;
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
    return fresh;
}

static void write_one(struct world *world, size_t branch, const char *key, const char *text)
{
    char author[32];
    chrondb_batch *batch = NULL;
    snprintf(author, sizeof(author), "A%zu <a@b>", world->count);
    chrondb_write_options write = {.size = sizeof(write), .branch = branches[branch], .author = author};
    size_t parent = world->heads[branch];
    bool first = world->count == 0;
    set_clock(world);
    check(chrondb_batch_new(&batch, world->db));
    check(text != NULL ? chrondb_batch_put(batch, key, text, strlen(text), NULL)
                       : chrondb_batch_delete(batch, key, NULL));
    check(chrondb_batch_commit(batch, &write));
    if (chrondb_batch_commit_id(batch) != NULL)
        add_commit(world, branch, &parent, first ? 0 : 1);
    chrondb_batch_free(batch);
}

static void edit(struct world *world, size_t branch)
{
    const struct merge_value *now = world->count > 0 ? world->commits[world->heads[branch]].value : NULL;
    char number[16];
    if (random_chance(&world->random, 15)) { /* another document */
        snprintf(number, sizeof(number), "%zu", world->count);
        write_one(world, branch, "k:2", number);
        return;
    }
    if (now != NULL && random_chance(&world->random, 6)) {
        write_one(world, branch, "k:1", NULL);
        return;
    }
    const struct merge_value *next = now;
    if (now == NULL || random_chance(&world->random, 3))
        next = merge_value_random(&world->values, &world->random, 4);
    for (size_t edits = random_below(&world->random, 3); edits > 0; edits--) /* 0: only another spelling */
        next = merge_value_edit(&world->values, &world->random, next);
    char *text = spelled(world, next);
    write_one(world, branch, "k:1", text);
    free(text);
}

static void merge(struct world *world, size_t into)
{
    size_t from = random_below(&world->random, BRANCHES), parents[2] = {world->heads[into], world->heads[from]};
    char author[32];
    chrondb_merge *merging = NULL;
    snprintf(author, sizeof(author), "A%zu <a@b>", world->count);
    chrondb_write_options write = {.size = sizeof(write), .branch = branches[into], .author = author};
    chrondb_merge_options options = {.size = sizeof(options),
                                     .write = &write,
                                     .strategy = (enum chrondb_merge_strategy)(1 + random_below(&world->random, 3)),
                                     .no_ff = random_chance(&world->random, 30)};
    set_clock(world);
    check(chrondb_merge_new(&merging, world->db));
    if (random_chance(&world->random, 30)) { /* a document that neither side has, if it is in conflict */
        char *text = spelled(world, merge_value_random(&world->values, &world->random, 3));
        check(chrondb_merge_decide(merging, "k:1", text, strlen(text)));
        free(text);
    }
    int result = chrondb_merge_run(merging, world->commits[parents[1]].id, &options);
    chrondb_merge_free(merging);
    if (result == CHRONDB_EUSAGE) /* the decision was for nothing */
        return;
    check(result);
    add_commit(world, into, parents, 2);
}

/* ---- brute force ----------------------------------------------------------------------------------- */

static size_t same_document(const struct world *world, const struct commit *commit)
{
    for (size_t p = 0; p < commit->parent_count; p++) {
        const char *text = world->commits[commit->parents[p]].text;
        if (text != NULL && strcmp(text, commit->text) == 0)
            return commit->parents[p];
    }
    return COMMITS;
}

static size_t same_field(const struct world *world, const struct commit *commit, const char *path,
                         const struct merge_value *value)
{
    for (size_t p = 0; p < commit->parent_count; p++)
        if (merge_value_equal(merge_value_find(world->commits[commit->parents[p]].value, path), value))
            return commit->parents[p];
    return COMMITS;
}

static size_t writer_of(const struct world *world, size_t at, const char *path)
{
    const struct merge_value *value = merge_value_find(world->commits[at].value, path);
    assert_non_null(value);
    for (;;) {
        const struct commit *commit = &world->commits[at];
        size_t next = same_document(world, commit);
        if (next == COMMITS)
            next = same_field(world, commit, path, value);
        if (next == COMMITS)
            return at;
        at = next;
    }
}

static bool is_object(const struct merge_value *value)
{
    bool any = false;
    for (size_t i = 0; value->type == MERGE_OBJECT && i < MERGE_NAMES; i++)
        any = any || value->items[i] != NULL;
    return any;
}

static size_t count_fields(const struct merge_value *value)
{
    size_t count = 0;
    if (!is_object(value))
        return 1;
    for (size_t i = 0; i < MERGE_NAMES; i++)
        count += value->items[i] != NULL ? count_fields(value->items[i]) : 0;
    return count;
}

static void check_field(struct world *world, size_t head, const chrondb_blame_field *field, const char **last)
{
    const struct commit *commit = &world->commits[head];
    const struct merge_value *value = merge_value_find(commit->value, field->path);
    char *text = strndup(field->value, field->value_size), author[32];
    size_t writer = writer_of(world, head, field->path);
    assert_int_equal(field->path_size, strlen(field->path));
    assert_false(is_object(value));
    assert_true(merge_value_equal(merge_value_read(&world->values, text, strlen(text)), value));
    assert_true(field->value > *last); /* in the order of the document */
    *last = field->value;
    if (strcmp(field->commit, world->commits[writer].id) != 0)
        fail_msg("%s of commit %zu (%s): %s, not %s", field->path, head, commit->id, field->commit,
                 world->commits[writer].id);
    snprintf(author, sizeof(author), "A%zu <a@b>", writer);
    assert_string_equal(field->author, author);
    world->fields++;
    world->far += writer != head;
    free(text);
}

static void check_blame(struct world *world, size_t branch, size_t head)
{
    const struct commit *commit = &world->commits[head];
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;
    const char *last = NULL;
    size_t count = 0;
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], commit->id));
    int result = chrondb_blame_open(&blame, snapshot, "k:1");
    if (commit->text == NULL) {
        assert_int_equal(result, CHRONDB_NOTFOUND);
        chrondb_snapshot_free(snapshot);
        return;
    }
    check(result);
    while ((result = chrondb_blame_next(blame, &field)) == 0) {
        check_field(world, head, &field, &last);
        count++;
    }
    assert_int_equal(result, CHRONDB_END);
    assert_int_equal(count, count_fields(commit->value));
    chrondb_blame_free(blame);
    chrondb_snapshot_free(snapshot);
}

static void test_random_histories(void **state)
{
    size_t far = 0, fields = 0;
    (void)state;
    for (uint64_t round = 0; round < WORLDS; round++) {
        struct world world;
        world_new(&world, 20261121 + round);
        edit(&world, 0);
        while (world.count == 0)
            edit(&world, 0);
        for (size_t b = 1; b < BRANCHES; b++)
            check(chrondb_branch_create(world.db, branches[b], NULL, NULL, 0, NULL, NULL));
        for (int step = 0; step < 400 && world.count < COMMITS; step++) {
            size_t branch = random_below(&world.random, BRANCHES);
            if (random_chance(&world.random, 25))
                merge(&world, branch);
            else
                edit(&world, branch);
        }
        for (size_t i = 0; i < world.count; i += 1 + random_below(&world.random, 4)) {
            if (random_chance(&world.random, 50))
                setenv("CHRONDB_TEST_NO_CATALOG", "1", 1);
            check_blame(&world, random_below(&world.random, BRANCHES), i);
            unsetenv("CHRONDB_TEST_NO_CATALOG");
        }
        for (size_t b = 0; b < BRANCHES; b++)
            check_blame(&world, b, world.heads[b]);
        far += world.far;
        fields += world.fields;
        world_free(&world);
    }
    printf("%zu fields, %zu of them older than the head\n", fields, far);
    assert_true(far > fields / 4);
}

/* ---- what can be told beforehand -------------------------------------------------------------------- */

static void put(struct world *world, const char *text)
{
    write_one(world, 0, "k:1", text);
}

/* "PATH=NUMBER OF THE COMMIT ..." of the head. */
static void expect(struct world *world, const char *expected)
{
    struct cdb_buf out = CDB_BUF_INIT;
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;
    check(chrondb_snapshot_open(&snapshot, world->db, NULL, NULL));
    check(chrondb_blame_open(&blame, snapshot, "k:1"));
    while (chrondb_blame_next(blame, &field) == 0) {
        size_t i = 0;
        while (i < world->count && strcmp(world->commits[i].id, field.commit) != 0)
            i++;
        cdb_buf_addf(&out, "%s%s=%zu", out.len > 0 ? " " : "", field.path, i);
    }
    assert_string_equal(cdb_buf_str(&out), expected);
    cdb_buf_release(&out);
    chrondb_blame_free(blame);
    chrondb_snapshot_free(snapshot);
}

/* Commits of which the model understands nothing. */
static void put_any(struct world *world, const char *text)
{
    chrondb_batch *batch = NULL;
    check(chrondb_batch_new(&batch, world->db));
    check(chrondb_batch_put(batch, "k:1", text, strlen(text), NULL));
    check(chrondb_batch_commit(batch, NULL));
    strcpy(world->commits[world->count++].id, chrondb_batch_commit_id(batch));
    chrondb_batch_free(batch);
}

static void test_what_counts_as_a_change(void **state)
{
    struct world world;
    (void)state;
    world_new(&world, 1);
    put_any(&world, "{\"a\":1,\"b\":{\"c\":[1,2],\"d\":{}}}");
    expect(&world, "/a=0 /b/c=0 /b/d=0");
    put_any(&world, "{ \"b\": {\"d\": {}, \"c\": [1.0, 2e0]}, \"\\u0061\": 10e-1 }");
    expect(&world, "/b/d=0 /b/c=0 /a=0");
    put_any(&world, "{\"a\":1,\"b\":{\"c\":[2,1],\"d\":{}}}");
    expect(&world, "/a=0 /b/c=2 /b/d=0");
    put_any(&world, "{\"a\":1,\"b\":{\"c\":[2,1],\"d\":{\"e\":null}}}");
    expect(&world, "/a=0 /b/c=2 /b/d/e=3");
    put_any(&world, "{\"a\":1,\"b\":{\"c\":[2,1],\"d\":{}}}"); /* it was an object with a member */
    expect(&world, "/a=0 /b/c=2 /b/d=4");
    put_any(&world, "{\"b\":{\"c\":[2,1]}}");
    expect(&world, "/b/c=2");
    put_any(&world, "{\"a\":1,\"b\":{\"c\":[2,1]}}"); /* what comes back is as old as its return */
    expect(&world, "/a=6 /b/c=2");
    put_any(&world, "{\"a\":5,\"a\":1,\"b\":{\"c\":[2,1]}}"); /* of duplicates the last counts */
    expect(&world, "/a=6 /b/c=2");
    put_any(&world, "[2,1]");
    expect(&world, "=8");
    put_any(&world, "[2, 1.0]");
    expect(&world, "=8");
    put_any(&world, "{}");
    expect(&world, "=10");
    world_free(&world);
}

static void test_a_deletion_is_a_border(void **state)
{
    struct world world;
    (void)state;
    world_new(&world, 1);
    put(&world, "{\"a\":1,\"b\":\"x\"}");
    write_one(&world, 0, "k:1", NULL);
    put(&world, "{\"a\":1,\"b\":\"x\"}");
    expect(&world, "/a=2 /b=2");
    put(&world, "{\"a\":1,\"b\":\"\"}");
    expect(&world, "/a=2 /b=3");
    world_free(&world);
}

/* Longer than what is asked for at once; the oldest field is of the first. */
static void test_many_versions(void **state)
{
    struct world world;
    char text[64];
    (void)state;
    world_new(&world, 1);
    for (size_t i = 0; i < COMMITS; i++) {
        snprintf(text, sizeof(text), "{\"first\":1,\"half\":%zu,\"last\":%zu}", i / 40, i);
        put_any(&world, text);
    }
    expect(&world, "/first=0 /half=40 /last=79");
    setenv("CHRONDB_TEST_NO_CATALOG", "1", 1);
    expect(&world, "/first=0 /half=40 /last=79");
    unsetenv("CHRONDB_TEST_NO_CATALOG");
    world_free(&world);
}

static void test_depth_and_size(void **state)
{
    struct world world;
    struct cdb_buf text = CDB_BUF_INIT;
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;
    size_t fields = 0, longest = 0;
    (void)state;
    world_new(&world, 1);
    for (int version = 0; version < 2; version++) {
        cdb_buf_clear(&text);
        for (size_t i = 0; i < CHRONDB_MAX_DEPTH; i++)
            cdb_buf_adds(&text, "{\"n\":1,\"m\":");
        cdb_buf_addf(&text, "%d", version);
        for (size_t i = 0; i < CHRONDB_MAX_DEPTH; i++)
            cdb_buf_adds(&text, "}");
        put_any(&world, text.ptr);
    }
    check(chrondb_snapshot_open(&snapshot, world.db, NULL, NULL));
    check(chrondb_blame_open(&blame, snapshot, "k:1"));
    for (; chrondb_blame_next(blame, &field) == 0; fields++) {
        bool deepest = field.path_size == 2 * CHRONDB_MAX_DEPTH && field.path[field.path_size - 1] == 'm';
        longest += deepest;
        assert_string_equal(field.commit, world.commits[deepest].id);
    }
    assert_int_equal(fields, CHRONDB_MAX_DEPTH + 1);
    assert_int_equal(longest, 1);
    chrondb_blame_free(blame);
    chrondb_snapshot_free(snapshot);
    cdb_buf_release(&text);
    world_free(&world);
}

static void test_names_of_any_kind(void **state)
{
    struct world world;
    chrondb_snapshot *snapshot = NULL;
    chrondb_blame *blame = NULL;
    chrondb_blame_field field;
    (void)state;
    world_new(&world, 1);
    put_any(&world, "{\"a/b\":{\"~\":1},\"\":2,\"x\\u0000y\":3}");
    check(chrondb_snapshot_open(&snapshot, world.db, NULL, NULL));
    check(chrondb_blame_open(&blame, snapshot, "k:1"));
    check(chrondb_blame_next(blame, &field));
    assert_string_equal(field.path, "/a~1b/~0");
    check(chrondb_blame_next(blame, &field));
    assert_string_equal(field.path, "/");
    check(chrondb_blame_next(blame, &field));
    assert_int_equal(field.path_size, 4);
    assert_memory_equal(field.path, "/x\0y", 5);
    assert_int_equal(chrondb_blame_next(blame, &field), CHRONDB_END);
    assert_int_equal(chrondb_blame_next(blame, &field), CHRONDB_END);
    chrondb_blame_free(blame);
    blame = NULL;
    assert_int_equal(chrondb_blame_open(&blame, snapshot, "k:2"), CHRONDB_NOTFOUND);
    assert_string_equal(chrondb_last_error()->message, "cannot blame 'k:2': not found");
    assert_int_equal(chrondb_blame_open(&blame, snapshot, ":"), CHRONDB_EUSAGE);
    assert_null(blame);
    chrondb_snapshot_free(snapshot);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories),       cmocka_unit_test(test_what_counts_as_a_change),
        cmocka_unit_test(test_a_deletion_is_a_border), cmocka_unit_test(test_many_versions),
        cmocka_unit_test(test_depth_and_size),         cmocka_unit_test(test_names_of_any_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
