/* SPDX-License-Identifier: MIT
 *
 * Thousands of random writes through chrondb.h beside a model in plain memory; at random moments the two must agree on
 * everything that can be asked. Another seed: CHRONDB_TEST_SEED; more: CHRONDB_TEST_ROUNDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <inttypes.h>

#include "chrondb.h"
#include "model.h"
#include "random.h"
#include "scratch.h"

#define AUTHOR  "Env <env@example.org>"
#define OPS_MAX 40

/* ---- a world ------------------------------------------------------------------------------------ */

struct world {
    struct random random;
    struct model model;
    char *directory, *path;
    chrondb *db;
    chrondb_time now;
    unsigned warnings;
};

static void count_notice(void *context, int level, const char *text)
{
    struct world *world = context;

    world->warnings += level == CHRONDB_WARNING;
    assert_true(text != NULL && *text != '\0');
}

static void set_clock(struct world *world)
{
    char text[CHRONDB_TIME_SIZE];

    chrondb_time_format(world->now, text);
    setenv("CHRONDB_TEST_NOW", text, 1);
}

static void world_reopen(struct world *world)
{
    chrondb_open_options options = {
        .size = sizeof(options), .flags = CHRONDB_OPEN_CREATE, .notice = count_notice, .notice_context = world};

    chrondb_close(world->db);
    world->db = NULL;
    if (chrondb_open(&world->db, world->path, &options) != 0)
        fail_msg("%s", chrondb_last_error()->message);
}

static void world_new(struct world *world, uint64_t seed, const char *const *keys, size_t key_count)
{
    memset(world, 0, sizeof(*world));
    world->random = random_seed(seed);
    model_init(&world->model, keys, key_count);
    world->directory = scratch_new();
    world->path = scratch_path(world->directory, "db");
    world->now = (chrondb_time){1795247040, 123456789};
    set_clock(world);
    world_reopen(world);
}

static void world_free(struct world *world)
{
    chrondb_close(world->db);
    model_release(&world->model);
    free(world->path);
    scratch_remove(world->directory);
}

/* Clocks stand still, run, leap, and fall back. */
static void move_clock(struct world *world)
{
    size_t chance = random_below(&world->random, 100);

    if (chance < 30)
        return;
    if (chance < 60)
        world->now.nanoseconds = (world->now.nanoseconds + 1000003) % 1000000000;
    else if (chance < 95)
        world->now.seconds += (int64_t)random_below(&world->random, 5);
    else if (chance < 98)
        world->now.seconds -= (int64_t)random_below(&world->random, 20);
    else
        world->now.seconds += (int64_t)random_below(&world->random, 1000);
    set_clock(world);
}

/* ---- documents ----------------------------------------------------------------------------------- */

static void random_scalar(struct random *random, char *text, size_t size)
{
    static const char *const scalars[] = {"1",    "1.10", "-0",           "1e9999",          "true",
                                          "null", "\"\"", "\"a\\u00e9\"", "\"\\ud800\"",     "\"ü€😀\"",
                                          "[]",   "{}",   "[1, 2 ]",      "\"\\n\\\"\\\\\"", "12345678901234567890123"};

    snprintf(text, size, "%s", scalars[random_below(random, sizeof(scalars) / sizeof(scalars[0]))]);
}

/* An object of few names, so that patches meet them again. */
static void random_object(struct random *random, char *text, size_t size, bool nested)
{
    static const char *const names[] = {"a", "b", "name", "\\u0061", "", "é", "list"};
    static const char *const blanks[] = {"", " ", "\n  ", "\t"};
    size_t members = random_below(random, 5), len = 0;

    len += (size_t)snprintf(text + len, size - len, "{%s", blanks[random_below(random, 4)]);
    for (size_t i = 0; i < members; i++) {
        char value[128];
        if (nested && random_chance(random, 30))
            random_object(random, value, sizeof(value), false);
        else
            random_scalar(random, value, sizeof(value));
        len += (size_t)snprintf(text + len, size - len, "%s\"%s\":%s%s", i > 0 ? "," : "",
                                names[random_below(random, 7)], blanks[random_below(random, 4)], value);
    }
    snprintf(text + len, size - len, "%s}", blanks[random_below(random, 4)]);
}

static void random_document(struct random *random, char *text, size_t size)
{
    if (random_chance(random, 20))
        random_scalar(random, text, size - 1); /* room for a newline */
    else
        random_object(random, text, size - 1, true);
    if (random_chance(random, 40)) {
        size_t len = strlen(text);
        text[len] = '\n';
        text[len + 1] = '\0';
    }
}

/* ---- one operation, in the model and in a batch ------------------------------------------------------- */

enum kind { PUT, PATCH, DELETE, CHECK, RESTORE };

struct op {
    enum kind kind;
    size_t key;
    char text[600];
    unsigned flags;
    char match[CHRONDB_HEX_SIZE + 1];
    size_t from;  /* restore: after so many commits */
    int expected; /* what came of it in the model */
    enum chrondb_status status;
};

static void random_condition(struct world *world, struct op *op)
{
    struct random *random = &world->random;
    const struct model_commit *last = model_last_change(&world->model, op->key);

    if (random_chance(random, 15))
        op->flags |= CHRONDB_IF_ABSENT;
    if (random_chance(random, 15))
        op->flags |= CHRONDB_IF_EXISTS;
    if (random_chance(random, 10) && last != NULL)
        snprintf(op->match, sizeof(op->match), "%.*s", 4 + (int)random_below(random, 37),
                 random_chance(random, 70) ? last->id : world->model.commits[0].id);
    if (op->kind == CHECK && op->flags == 0 && *op->match == '\0')
        op->flags = random_chance(random, 50) ? CHRONDB_IF_EXISTS : CHRONDB_IF_ABSENT;
}

static void random_op(struct world *world, struct op *op)
{
    static const enum kind kinds[] = {PUT, PUT, PUT, PUT, PATCH, PATCH, DELETE, DELETE, CHECK, RESTORE};
    struct random *random = &world->random;

    memset(op, 0, sizeof(*op));
    op->kind = kinds[random_below(random, 10)];
    op->key = random_below(random, world->model.key_count);
    if (op->kind == PATCH && random_chance(random, 80))
        random_object(random, op->text, sizeof(op->text), true);
    else
        random_document(random, op->text, sizeof(op->text));
    if (op->kind == PUT && random_chance(random, 15)) { /* the same again, but perhaps for a newline */
        value_id now = model_head(&world->model)[op->key];
        if (now != 0)
            snprintf(op->text, sizeof(op->text), "%s%s", world->model.values[now],
                     random_chance(random, 50) ? "\n" : "");
    }
    op->from = random_below(random, world->model.commit_count + 1);
    random_condition(world, op);
}

static bool same_but_newline(const char *a, const char *b)
{
    size_t x = strlen(a), y = strlen(b);

    return strcmp(a, b) == 0 || (x == y + 1 && a[y] == '\n' && strncmp(a, b, y) == 0) ||
           (y == x + 1 && b[x] == '\n' && strncmp(a, b, x) == 0);
}

static enum chrondb_status set_value(struct world *world, struct op *op, const char *text, value_id *now)
{
    struct model *model = &world->model;
    value_id before = *now;

    if (before != 0 && (op->kind == RESTORE ? strcmp(model->values[before], text) == 0
                                            : same_but_newline(model->values[before], text)))
        return CHRONDB_UNCHANGED;
    *now = model_value(model, text, strlen(text));
    return before == 0 ? CHRONDB_CREATED : CHRONDB_UPDATED;
}

static bool condition_holds(const struct world *world, const struct op *op, value_id now)
{
    const struct model_commit *last = model_last_change(&world->model, op->key);

    if ((op->flags & CHRONDB_IF_ABSENT) != 0 && now != 0)
        return false;
    if ((op->flags & CHRONDB_IF_EXISTS) != 0 && now == 0 && op->kind != DELETE)
        return false;
    return *op->match == '\0' || (last != NULL && model_head(&world->model)[op->key] != 0 &&
                                  strncmp(last->id, op->match, strlen(op->match)) == 0);
}

/* Apply to `state`; the result that the batch must have if it stops here. */
static int apply(struct world *world, struct op *op, value_id *state)
{
    value_id *now = &state[op->key];
    chrondb_buffer patched = {NULL, 0, 0};
    const char *old;

    if (!condition_holds(world, op, *now))
        return CHRONDB_ECONFLICT;
    op->status = CHRONDB_CHECKED;
    switch (op->kind) {
    case PUT:
        op->status = set_value(world, op, op->text, now);
        break;
    case RESTORE:
        old = world->model.values[op->from > 0 ? world->model.commits[op->from - 1].state[op->key] : 0];
        op->status = set_value(world, op, old, now);
        break;
    case PATCH:
        if (*now == 0)
            return CHRONDB_NOTFOUND;
        old = world->model.values[*now];
        assert_int_equal(chrondb_json_merge_patch(&patched, old, strlen(old), op->text, strlen(op->text)), 0);
        op->status = set_value(world, op, patched.data, now);
        chrondb_buffer_free(&patched);
        break;
    case DELETE:
        if (*now == 0 && (op->flags & CHRONDB_IF_EXISTS) == 0)
            return CHRONDB_NOTFOUND;
        op->status = *now == 0 ? CHRONDB_UNCHANGED : CHRONDB_DELETED;
        *now = 0;
        break;
    case CHECK:
        break;
    }
    return 0;
}

static chrondb_snapshot *snapshot_after(const struct world *world, size_t commits)
{
    chrondb_snapshot *snapshot = NULL;
    const struct model *model = &world->model;
    char when[CHRONDB_TIME_SIZE] = "1900-01-01";

    if (commits > 0)
        chrondb_time_format(model->commits[commits - 1].time, when);
    if (chrondb_snapshot_open(&snapshot, world->db, NULL, when) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    return snapshot;
}

/* False: the operation cannot be added, and is not (restoring what was not there). */
static bool add_to_batch(struct world *world, chrondb_batch *batch, const struct op *op)
{
    chrondb_condition condition = {
        .size = sizeof(condition), .flags = op->flags, .match = *op->match != '\0' ? op->match : NULL};
    const char *key = world->model.keys[op->key];
    size_t len = strlen(op->text);
    int status = -1;

    if (op->kind == PUT) {
        status = chrondb_batch_put(batch, key, op->text, len, &condition);
    } else if (op->kind == PATCH) {
        status = chrondb_batch_patch(batch, key, op->text, len, &condition);
    } else if (op->kind == DELETE) {
        status = chrondb_batch_delete(batch, key, &condition);
    } else if (op->kind == CHECK) {
        status = chrondb_batch_check(batch, key, &condition);
    } else {
        chrondb_snapshot *snapshot = snapshot_after(world, op->from);
        bool there = op->from > 0 && world->model.commits[op->from - 1].state[op->key] != 0;
        status = chrondb_batch_restore(batch, key, snapshot, &condition);
        chrondb_snapshot_free(snapshot);
        assert_int_equal(status, there ? CHRONDB_OK : CHRONDB_NOTFOUND);
        return there;
    }
    if (status != 0)
        fail_msg("'%s': %s", key, chrondb_last_error()->message);
    return true;
}

/* ---- a batch ------------------------------------------------------------------------------------ */

static bool earlier(chrondb_time a, chrondb_time b)
{
    return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds < b.nanoseconds);
}

/* The time that a commit must get. */
static chrondb_time expected_time(const struct world *world, chrondb_time own)
{
    const struct model *model = &world->model;

    if (model->commit_count == 0)
        return own;
    chrondb_time parent = model->commits[model->commit_count - 1].time;
    if (earlier(parent, own))
        return own;
    if (++parent.nanoseconds == 1000000000) {
        parent.nanoseconds = 0;
        parent.seconds++;
    }
    return parent;
}

/* How a write is recorded, with the memory for it. */
struct recording {
    chrondb_write_options options;
    char time_text[CHRONDB_TIME_SIZE], message[64], meta[64];
    const char *meta_list[1];
    chrondb_time own;
    bool time_refused;
};

static void random_recording(struct world *world, struct recording *recording)
{
    struct random *random = &world->random;
    const struct model *model = &world->model;
    chrondb_write_options *options = &recording->options;

    memset(recording, 0, sizeof(*recording));
    options->size = sizeof(*options);
    recording->own = world->now;
    if (random_chance(random, 40)) {
        snprintf(recording->message, sizeof(recording->message), "message %zu\n\nChrondb-Time: x: %%41 é",
                 random_below(random, 100));
        options->message = recording->message;
    }
    if (random_chance(random, 30)) {
        snprintf(recording->meta, sizeof(recording->meta), "k %%\n%zu=v\r\n= ", random_below(random, 100));
        recording->meta_list[0] = recording->meta;
        options->meta = recording->meta_list;
        options->meta_count = 1;
    }
    if (random_chance(random, 20))
        options->author = "Given <given@example.org>";
    if (random_chance(random, 15)) {
        recording->own.seconds += (int64_t)random_below(random, 9) - 6;
        chrondb_time_format(recording->own, recording->time_text);
        options->time = recording->time_text;
        options->force_time = random_chance(random, 50);
        bool behind =
            model->commit_count > 0 && recording->own.seconds < model->commits[model->commit_count - 1].time.seconds;
        recording->time_refused = !options->force_time && (earlier(world->now, recording->own) || behind);
    }
}

/* What a commit without a message of the caller's is called. */
static void default_message(const struct world *world, enum kind first_op, bool all, const value_id *before,
                            const value_id *after, const char *single, char *text, size_t size)
{
    const char *put = first_op == RESTORE || all ? "restore" : "put";
    size_t puts = 0, deletes = 0;

    for (size_t i = 0; i < world->model.key_count; i++) {
        puts += before[i] != after[i] && after[i] != 0;
        deletes += before[i] != after[i] && after[i] == 0;
    }
    if (puts + deletes == 1) {
        size_t len = (size_t)snprintf(text, size, "%s ", puts == 1 ? put : "delete");
        for (const char *p = single; *p != '\0' && len + 4 < size; p++)
            len += (size_t)snprintf(text + len, size - len,
                                    (unsigned char)*p < 0x20 || *p == 0x7f || *p == '%' ? "%%%02X" : "%c",
                                    (unsigned char)*p);
        while (len > 0 && text[len - 1] == ' ')
            text[--len] = '\0';
    } else if (puts > 0 && deletes > 0) {
        snprintf(text, size, "%s %zu, delete %zu", put, puts, deletes);
    } else {
        snprintf(text, size, "%s %zu", puts > 0 ? put : "delete", puts + deletes);
    }
}

/* Commit the batch, and see that it came to `expected` and `state`. */
static bool commit_batch(struct world *world, chrondb_batch *batch, const struct recording *recording, int expected,
                         enum kind first_op, bool all, const value_id *state)
{
    struct model *model = &world->model;
    size_t bytes = model->key_count * sizeof(*state), single = 0;
    bool changed = memcmp(state, model_head(model), bytes) != 0;
    char message[1000];

    if (expected == 0 && changed && recording->time_refused)
        expected = CHRONDB_EUSAGE;
    int status = chrondb_batch_commit(batch, &recording->options);
    if (status == CHRONDB_EUSAGE && expected != CHRONDB_EUSAGE && recording->time_refused)
        expected = status; /* a time in the future is refused before anything is looked at */
    if (status != expected)
        fail_msg("%d instead of %d: %s", status, expected, chrondb_last_error()->message);
    if (status != 0)
        return false;
    assert_int_equal(chrondb_batch_commit_id(batch) != NULL, changed);
    if (!changed)
        return true;
    while (state[single] == model_head(model)[single])
        single++;
    default_message(world, first_op, all, model_head(model), state, model->keys[single], message, sizeof(message));
    chrondb_time time = expected_time(world, recording->own), actual = chrondb_batch_time(batch);
    assert_true(time.seconds == actual.seconds && time.nanoseconds == actual.nanoseconds);
    model_commit(model, chrondb_batch_commit_id(batch), time,
                 recording->options.message != NULL ? recording->message : message,
                 recording->options.author != NULL ? recording->options.author : AUTHOR,
                 recording->options.meta != NULL ? recording->meta : NULL, state);
    return true;
}

static void check_results(const struct world *world, const chrondb_batch *batch, const struct op *ops, size_t count)
{
    assert_int_equal(chrondb_batch_size(batch), count);
    for (size_t i = 0; i < count; i++) {
        const chrondb_result *result = chrondb_batch_result(batch, i);
        const struct model_commit *last = model_last_change(&world->model, ops[i].key);
        assert_string_equal(result->key, world->model.keys[ops[i].key]);
        assert_int_equal(result->status, ops[i].status);
        assert_int_equal(chrondb_batch_status(batch, i), ops[i].status);
        assert_string_equal(result->commit, last != NULL ? last->id : "");
        if (last != NULL)
            assert_true(result->time.seconds == last->time.seconds &&
                        result->time.nanoseconds == last->time.nanoseconds);
    }
    assert_null(chrondb_batch_result(batch, count));
}

static void random_batch(struct world *world, size_t count)
{
    struct op *ops = calloc(count, sizeof(*ops));
    value_id *state = malloc(world->model.key_count * sizeof(*state));
    struct recording recording;
    chrondb_batch *batch = NULL;
    size_t added = 0;
    int expected = 0;

    assert_true(ops != NULL && state != NULL);
    memcpy(state, model_head(&world->model), world->model.key_count * sizeof(*state));
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    for (size_t i = 0; i < count; i++) {
        random_op(world, &ops[added]);
        if (count > 1 && random_chance(&world->random, 90)) { /* few conditions: or else no large batch succeeds */
            ops[added].flags = ops[added].kind == DELETE ? CHRONDB_IF_EXISTS : 0;
            ops[added].match[0] = '\0';
            if (ops[added].kind == CHECK || (ops[added].kind == PATCH && state[ops[added].key] == 0))
                ops[added].kind = PUT;
        }
        if (!add_to_batch(world, batch, &ops[added]))
            continue;
        if (expected == 0)
            expected = apply(world, &ops[added], state);
        added++;
    }
    random_recording(world, &recording);
    if (added > 0 && commit_batch(world, batch, &recording, expected, ops[0].kind, false, state))
        check_results(world, batch, ops, added);
    chrondb_batch_free(batch);
    free(state);
    free(ops);
}

static void restore_everything(struct world *world)
{
    size_t from = random_below(&world->random, world->model.commit_count + 1);
    chrondb_snapshot *snapshot = snapshot_after(world, from);
    value_id *state = calloc(world->model.key_count, sizeof(*state));
    struct recording recording;
    chrondb_batch *batch = NULL;

    assert_non_null(state);
    if (from > 0)
        memcpy(state, world->model.commits[from - 1].state, world->model.key_count * sizeof(*state));
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    assert_int_equal(chrondb_batch_restore_all(batch, snapshot), 0);
    chrondb_snapshot_free(snapshot);
    random_recording(world, &recording);
    bool changed = memcmp(state, model_head(&world->model), world->model.key_count * sizeof(*state)) != 0;
    if (commit_batch(world, batch, &recording, 0, RESTORE, true, state)) {
        const chrondb_result *result = chrondb_batch_result(batch, 0);
        size_t commits = world->model.commit_count;
        assert_string_equal(result->key, "");
        assert_int_equal(result->status, changed ? CHRONDB_UPDATED : CHRONDB_UNCHANGED);
        assert_string_equal(result->commit, commits > 0 ? world->model.commits[commits - 1].id : "");
    }
    chrondb_batch_free(batch);
    free(state);
}

/* ---- looking back --------------------------------------------------------------------------------- */

/* A snapshot by one of the ways to say when, and how many commits it must show. */
static chrondb_snapshot *look(struct world *world, size_t *commits)
{
    const struct model *model = &world->model;
    struct random *random = &world->random;
    chrondb_snapshot *snapshot = NULL;
    char when[700];
    size_t at = model->commit_count > 0 ? random_below(random, model->commit_count) : 0;

    *commits = model->commit_count;
    snprintf(when, sizeof(when), "now");
    if (model->commit_count > 0 && random_chance(random, 80)) {
        chrondb_time time = model->commits[at].time;
        size_t way = random_below(random, 5);
        if (way == 0) {
            snprintf(when, sizeof(when), "%s%s", random_chance(random, 50) ? "commit:" : "", model->commits[at].id);
            *commits = at + 1;
        } else if (way == 1) {
            snprintf(when, sizeof(when), "main~%zu", model->commit_count - 1 - at);
            *commits = at + 1;
        } else {
            if (way == 2 && time.nanoseconds > 0)
                time.nanoseconds--;
            if (way == 3)
                time.nanoseconds = 0;
            if (random_chance(random, 20))
                time.seconds += (int64_t)random_below(random, 3) - 1;
            if (way == 3)
                snprintf(when, sizeof(when), "@%" PRId64, time.seconds);
            else
                chrondb_time_format(time, when);
            *commits = model_at(model, time);
        }
    }
    if (chrondb_snapshot_open(&snapshot, world->db, random_chance(random, 50) ? NULL : "main", when) != 0)
        fail_msg("%s: %s", when, chrondb_last_error()->message);
    return snapshot;
}

/* KEY@{n}: the state of everything when the key had its n-th version back. */
static void check_version_back(struct world *world)
{
    const struct model *model = &world->model;
    size_t key = random_below(&world->random, model->key_count), back = random_below(&world->random, 4), left = back;
    chrondb_snapshot *snapshot = NULL;
    value_id before;
    char when[700];

    snprintf(when, sizeof(when), "%s@{%zu}", model->keys[key], back);
    int status = chrondb_snapshot_open(&snapshot, world->db, NULL, when);
    for (size_t i = model->commit_count; i-- > 0;) {
        before = i > 0 ? model->commits[i - 1].state[key] : 0;
        if (model->commits[i].state[key] == before || left-- > 0)
            continue;
        assert_int_equal(status, 0);
        assert_string_equal(chrondb_snapshot_commit(snapshot), model->commits[i].id);
        chrondb_snapshot_free(snapshot);
        return;
    }
    assert_int_equal(status, CHRONDB_EUSAGE);
    assert_string_equal(chrondb_last_error()->name, "invalid_time");
}

static void check_info(struct world *world)
{
    const struct model *model = &world->model;
    chrondb_info info = {.size = sizeof(info)};
    uint64_t documents = 0;

    for (size_t i = 0; i < model->key_count; i++)
        documents += model_head(model)[i] != 0;
    assert_int_equal(chrondb_get_info(world->db, NULL, &info), 0);
    assert_int_equal(info.documents, documents);
    assert_int_equal(info.commits, model->commit_count);
    assert_string_equal(info.branch, "main");
    assert_string_equal(info.head, model->commit_count > 0 ? model->commits[model->commit_count - 1].id : "");
}

static void checkpoint(struct world *world)
{
    size_t commits[2];
    chrondb_snapshot *snapshots[2];

    for (int i = 0; i < 2; i++) {
        snapshots[i] = look(world, &commits[i]);
        model_check(&world->model, &world->random, snapshots[i], commits[i]);
    }
    model_check_diff(&world->model, &world->random, snapshots[0], commits[0], snapshots[1], commits[1]);
    chrondb_snapshot_free(snapshots[0]);
    chrondb_snapshot_free(snapshots[1]);
    check_version_back(world);
    if (random_chance(&world->random, 20))
        check_info(world);
}

/* ---- git's view --------------------------------------------------------------------------------- */

static void git(const char *path, const char *command, char *output, size_t size)
{
    char *full;
    FILE *pipe;

    assert_true(asprintf(&full, "git -C '%s' %s 2>&1", path, command) > 0);
    pipe = popen(full, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, size - 1, pipe);
    output[len] = '\0';
    if (pclose(pipe) != 0)
        fail_msg("%s: %s", full, output);
    free(full);
}

static void root_of(const char *path, char root[64])
{
    git(path, "rev-parse HEAD^{tree}", root, 64);
}

/* The same documents, put into a new database in another order, by way of others. */
static void check_rebuilt(struct world *world)
{
    const struct model *model = &world->model;
    struct random *random = &world->random;
    char *path = scratch_path(world->directory, "again"), root[64], again[64], output[400];
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    size_t *order = malloc(model->key_count * sizeof(*order));
    chrondb *db = NULL;

    assert_non_null(order);
    assert_int_equal(chrondb_open(&db, path, &options), 0);
    for (size_t i = 0; i < model->key_count; i++) {
        size_t other = random_below(random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (int pass = 0; pass < 2; pass++) { /* first everything, then only what is to stay */
        for (size_t i = 0; i < model->key_count;) {
            chrondb_batch *batch = NULL;
            assert_int_equal(chrondb_batch_new(&batch, db), 0);
            for (size_t end = i + 1 + random_below(random, 60); i < end && i < model->key_count; i++) {
                value_id value = model_head(model)[order[i]];
                const char *key = model->keys[order[i]], *text = value != 0 ? model->values[value] : "0";
                chrondb_condition condition = {.size = sizeof(condition), .flags = CHRONDB_IF_EXISTS};
                if (pass == 0 || value != 0)
                    assert_int_equal(chrondb_batch_put(batch, key, text, strlen(text), NULL), 0);
                else
                    assert_int_equal(chrondb_batch_delete(batch, key, &condition), 0);
            }
            assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
            chrondb_batch_free(batch);
        }
    }
    chrondb_close(db);
    root_of(world->path, root);
    root_of(path, again);
    assert_string_equal(root, again);
    git(world->path, "fsck --strict --no-dangling --no-progress", output, sizeof(output));
    assert_string_equal(output, "");
    free(order);
    free(path);
}

/* ---- histories ------------------------------------------------------------------------------------ */

static void run(struct world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        move_clock(world);
        size_t chance = random_below(&world->random, 100);
        if (chance < 70)
            random_batch(world, 1);
        else if (chance < 98)
            random_batch(world, 1 + random_below(&world->random, OPS_MAX));
        else
            restore_everything(world);
        if (i % 25 == 24)
            checkpoint(world);
        if (random_chance(&world->random, 2))
            world_reopen(world);
        if (random_chance(&world->random, 2))
            assert_int_equal(chrondb_maintain(world->db), 0);
    }
    chrondb_snapshot *snapshot = snapshot_after(world, world->model.commit_count);
    model_check_all(&world->model, snapshot, world->model.commit_count);
    chrondb_snapshot_free(snapshot);
    check_rebuilt(world);
}

/* Few keys, of every kind there is: every one has a long history. */
static void test_strange_keys(void **state)
{
    static char longest_table[255 + 2 + 1], longest_id[250 + 1], longest_both[255 + 1 + 250 + 1];
    static char longest_escaped[83 + 1];
    const char *keys[] = {
        "config",
        "a",
        "_",
        "_:x",
        "__:x",
        "a:1",
        "F:1",
        "f:1",
        "0:0",
        "g:1",
        "user:1",
        "user:1:2",
        "user::",
        "user:a/b c",
        "user:%",
        "user:%25",
        "user:%2E",
        "user:.",
        "user:..",
        "user:.git",
        ".git:config",
        "..:x",
        "%:%",
        "50%:~",
        "é:ü",
        "日本:語",
        "😀:😀",
        "user:\x01\n\t",
        "tab\t:x",
        "user:a.json",
        "user:.json",
        "a.json",
        "user:\xef\xbf\xbf",
        "con:nul",
        "A:1",
        "user:-",
        "-:-",
        "user: ",
        " ",
        "user:a=b",
        longest_table,
        longest_id,
        longest_both,
        longest_escaped,
    };
    struct world world;
    (void)state;

    memset(longest_table, 't', 255);
    memcpy(longest_table + 255, ":x", 2);
    memset(longest_id, 'i', 250);
    memset(longest_both, 'u', 255);
    longest_both[255] = ':';
    memset(longest_both + 256, 'd', 250);
    memset(longest_escaped, '%', 83);
    world_new(&world, 21, keys, sizeof(keys) / sizeof(keys[0]));
    run(&world, random_rounds(300, 5000));
    world_free(&world);
}

/* Tables that divide and fold back, and more tables than one directory lists. */
static void test_many_keys(void **state)
{
    static char texts[MODEL_KEYS_MAX][16];
    const char *keys[MODEL_KEYS_MAX];
    struct world world;
    size_t count = 0;
    (void)state;

    for (unsigned i = 0; i < 400; i++, count++)
        snprintf(texts[count], sizeof(texts[count]), "many:%u", i);
    for (unsigned i = 0; i < 140; i++, count++)
        snprintf(texts[count], sizeof(texts[count]), "t%u:x", i);
    for (unsigned i = 0; i < 100; i++, count++)
        snprintf(texts[count], sizeof(texts[count]), "%u", i);
    for (size_t i = 0; i < count; i++)
        keys[i] = texts[i];
    world_new(&world, 22, keys, count);
    run(&world, random_rounds(300, 5000));
    world_free(&world);
}

/* Around 65 documents in a table, up and down across the limit. */
static void test_around_the_limit(void **state)
{
    static char texts[80][16];
    const char *keys[80];
    struct world world;
    (void)state;

    for (unsigned i = 0; i < 80; i++) {
        snprintf(texts[i], sizeof(texts[i]), "table:%u", i);
        keys[i] = texts[i];
    }
    world_new(&world, 23, keys, 80);
    for (unsigned i = 0; i < 3; i++)
        random_batch(&world, OPS_MAX);
    run(&world, random_rounds(200, 5000));
    world_free(&world);
}

/* Tables, ids and keys that look like the directories of the fan-out, "_", and a table of that kind that divides. */
static void test_digits(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    static char texts[400][16];
    const char *keys[400];
    struct world world;
    size_t count = 0;
    (void)state;

    for (const char *digit = digits; *digit != '\0'; digit++) {
        snprintf(texts[count++], sizeof(texts[0]), "%c", *digit);
        snprintf(texts[count++], sizeof(texts[0]), "%c:%c", *digit, *digit);
        snprintf(texts[count++], sizeof(texts[0]), "%c:a", *digit);
        snprintf(texts[count++], sizeof(texts[0]), "_:%c", *digit);
        snprintf(texts[count++], sizeof(texts[0]), "%%%c:%c.json", *digit, *digit);
    }
    for (unsigned i = 0; i < 80; i++)
        snprintf(texts[count++], sizeof(texts[0]), "a:%x", i);
    for (unsigned i = 0; i < 70; i++)
        snprintf(texts[count++], sizeof(texts[0]), "_%u:_", i);
    for (size_t i = 0; i < count; i++)
        keys[i] = texts[i];
    world_new(&world, 24, keys, count);
    run(&world, random_rounds(150, 5000));
    world_free(&world);
}

/* ---- a table that divides twice ------------------------------------------------------------------- */

#define LARGE 1400 /* 87 documents for each first digit: more than one directory lists */

/* One table, and what it was after some commits. */
struct large {
    struct random random;
    char *directory, *path;
    chrondb *db;
    bool there[LARGE];
    size_t count;
};

static void large_key(size_t number, char text[16])
{
    snprintf(text, 16, "large:%04zu", number); /* in the order of numbers */
}

/* Put or delete, at random, until there are so many. */
static void large_change(struct large *large, size_t target)
{
    char key[16], value[16];

    while (large->count != target) {
        chrondb_batch *batch = NULL;
        assert_int_equal(chrondb_batch_new(&batch, large->db), 0);
        for (size_t left = 1 + random_below(&large->random, 150); left > 0 && large->count != target; left--) {
            bool put = random_chance(&large->random, large->count < target ? 90 : 10) || large->count == 0;
            size_t number = random_below(&large->random, LARGE);
            while (large->there[number] == put)
                number = (number + 1) % LARGE;
            large_key(number, key);
            snprintf(value, sizeof(value), "%zu", number);
            if (put)
                assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
            else
                assert_int_equal(chrondb_batch_delete(batch, key, NULL), 0);
            large->count = put ? large->count + 1 : large->count - 1;
            large->there[number] = put;
        }
        if (chrondb_batch_commit(batch, NULL) != 0)
            fail_msg("%s", chrondb_last_error()->message);
        chrondb_batch_free(batch);
    }
}

static void large_check(chrondb *db, const char *when, const bool there[LARGE])
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_list *list = NULL;
    chrondb_entry entry;
    char key[16], value[16];

    assert_int_equal(chrondb_snapshot_open(&snapshot, db, NULL, when), 0);
    assert_int_equal(chrondb_list_open(&list, snapshot, NULL), 0);
    for (size_t i = 0; i < LARGE; i++) {
        large_key(i, key);
        assert_int_equal(chrondb_exists(snapshot, key), there[i] ? CHRONDB_OK : CHRONDB_NOTFOUND);
        if (!there[i])
            continue;
        assert_int_equal(chrondb_list_next(list, &entry), 0);
        assert_string_equal(entry.key, key);
        snprintf(value, sizeof(value), "%zu", i);
        assert_int_equal(entry.value_size, strlen(value));
        assert_memory_equal(entry.value, value, entry.value_size);
    }
    assert_int_equal(chrondb_list_next(list, &entry), CHRONDB_END);
    chrondb_list_free(list);
    chrondb_snapshot_free(snapshot);
}

/* How many directories the deepest document is in. */
static size_t large_depth(const struct large *large)
{
    static char output[LARGE * 40];
    size_t depth = 0, deepest = 0;

    git(large->path, "ls-tree -r --name-only HEAD", output, sizeof(output));
    for (const char *p = output; *p != '\0'; p++) {
        depth = *p == '\n' ? 0 : depth + (*p == '/');
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* The same documents in a new database, in another order, have the same root. */
static void large_check_root(struct large *large)
{
    struct large other = {.random = large->random};
    char root[64], again[64];

    other.directory = scratch_new();
    other.path = scratch_path(other.directory, "db");
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    assert_int_equal(chrondb_open(&other.db, other.path, &options), 0);
    size_t order[LARGE], count = 0;
    for (size_t i = 0; i < LARGE; i++) {
        if (!large->there[i])
            continue;
        size_t swap = random_below(&large->random, count + 1);
        order[count++] = order[swap];
        order[swap] = i;
    }
    for (size_t i = 0; i < count;) {
        chrondb_batch *batch = NULL;
        assert_int_equal(chrondb_batch_new(&batch, other.db), 0);
        for (size_t end = i + 1 + random_below(&large->random, 400); i < end && i < count; i++) {
            char key[16], value[16];
            large_key(order[i], key);
            snprintf(value, sizeof(value), "%zu", order[i]);
            assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
        }
        assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
        chrondb_batch_free(batch);
    }
    chrondb_close(other.db);
    root_of(large->path, root);
    root_of(other.path, again);
    assert_string_equal(root, again);
    free(other.path);
    scratch_remove(other.directory);
}

static void large_open(struct large *large)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};

    chrondb_close(large->db);
    large->db = NULL;
    assert_int_equal(chrondb_open(&large->db, large->path, &options), 0);
}

/* Up across 64 and 1024 documents and down again; what a number of documents looks like does not depend on the way. */
static void test_large_table(void **state)
{
    static const struct {
        size_t count, depth; /* 0: the ids decide */
    } steps[] = {{1, 1},    {64, 1},   {65, 2},  {64, 1}, {63, 1}, {66, 2},   {1024, 0}, {1100, 0},
                 {1399, 3}, {1025, 0}, {300, 2}, {65, 2}, {64, 1}, {1390, 3}, {2, 1}};
    static bool past[sizeof(steps) / sizeof(steps[0])][LARGE];
    char heads[sizeof(steps) / sizeof(steps[0])][64];
    struct large large = {.random = random_seed(25)};
    (void)state;

    unsetenv("CHRONDB_TEST_NOW");
    large.directory = scratch_new();
    large.path = scratch_path(large.directory, "db");
    large_open(&large);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        large_change(&large, steps[i].count);
        if (steps[i].depth > 0)
            assert_int_equal(large_depth(&large), steps[i].depth);
        large_check(large.db, NULL, large.there);
        large_check_root(&large);
        git(large.path, "rev-parse HEAD", heads[i], sizeof(heads[i]));
        heads[i][strcspn(heads[i], "\n")] = '\0';
        memcpy(past[i], large.there, sizeof(past[i]));
        if (i % 4 == 2)
            large_open(&large);
        if (i % 5 == 3)
            assert_int_equal(chrondb_maintain(large.db), 0);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        large_check(large.db, heads[i], past[i]);
    chrondb_close(large.db);
    free(large.path);
    scratch_remove(large.directory);
}

/* ---- a clock that stands still ---------------------------------------------------------------------- */

#define STANDING 2000

struct moment {
    char commit[CHRONDB_HEX_SIZE + 1];
    chrondb_time time;
};

static void put_number(struct world *world, size_t number, struct moment *moment)
{
    chrondb_batch *batch = NULL;
    char text[24];

    snprintf(text, sizeof(text), "%zu", number);
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    assert_int_equal(chrondb_batch_put(batch, world->model.keys[0], text, strlen(text), NULL), 0);
    if (chrondb_batch_commit(batch, NULL) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    snprintf(moment->commit, sizeof(moment->commit), "%s", chrondb_batch_commit_id(batch));
    moment->time = chrondb_batch_time(batch);
    chrondb_batch_free(batch);
}

/* At that moment the number was the newest; SIZE_MAX: there was none. */
static void expect_number(struct world *world, chrondb_time time, const struct moment *moments, size_t number)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {NULL, 0, 0};
    char when[CHRONDB_TIME_SIZE], text[24];

    chrondb_time_format(time, when);
    assert_int_equal(chrondb_snapshot_open(&snapshot, world->db, NULL, when), 0);
    if (number == SIZE_MAX) {
        assert_null(chrondb_snapshot_commit(snapshot));
        assert_int_equal(chrondb_get(snapshot, world->model.keys[0], &value), CHRONDB_NOTFOUND);
    } else {
        snprintf(text, sizeof(text), "%zu", number);
        assert_string_equal(chrondb_snapshot_commit(snapshot), moments[number].commit);
        assert_int_equal(chrondb_get(snapshot, world->model.keys[0], &value), 0);
        assert_string_equal(value.data, text);
    }
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
}

/* Then it goes back by an hour, for the last quarter of the commits: still every one has a moment of its own, one
 * nanosecond behind the one before; across a full second too. */
static void test_standing_clock(void **state)
{
    static struct moment moments[STANDING];
    const char *keys[] = {"counter"};
    struct world world;
    struct moment moved;
    (void)state;

    world_new(&world, 26, keys, 1);
    world.now.nanoseconds = 999999999 - STANDING / 3;
    set_clock(&world);
    for (size_t i = 0; i < STANDING; i++) {
        put_number(&world, i, &moments[i]);
        chrondb_time expected = {world.now.seconds, world.now.nanoseconds + (int32_t)i};
        if (i >= STANDING * 3 / 4)
            expected.seconds += 3600;
        if (expected.nanoseconds > 999999999) {
            expected.nanoseconds -= 1000000000;
            expected.seconds++;
        }
        assert_true(moments[i].time.seconds == expected.seconds);
        assert_int_equal(moments[i].time.nanoseconds, expected.nanoseconds);
        if (i == STANDING * 3 / 4 - 1) {
            world.now.seconds -= 3600;
            set_clock(&world);
        }
        if (i % 400 == 399)
            world_reopen(&world);
        if (i % 700 == 699)
            assert_int_equal(chrondb_maintain(world.db), 0);
    }
    for (size_t i = 0; i < STANDING; i += 1 + random_below(&world.random, 60)) /* each reads the whole chain */
        expect_number(&world, moments[i].time, moments, i);
    expect_number(&world, (chrondb_time){moments[0].time.seconds, moments[0].time.nanoseconds - 1}, moments, SIZE_MAX);
    expect_number(&world, (chrondb_time){moments[0].time.seconds + 7200, 0}, moments, STANDING - 1);
    world.now.seconds += 7200;
    set_clock(&world);
    put_number(&world, STANDING, &moved);
    assert_true(moved.time.seconds == world.now.seconds);
    assert_int_equal(moved.time.nanoseconds, world.now.nanoseconds);
    expect_number(&world, (chrondb_time){moved.time.seconds - 1, 0}, moments, STANDING - 1);
    world_free(&world);
}

static int clean_environment(void **state)
{
    static const char *const names[] = {"CHRONDB_DIR",        "CHRONDB_BRANCH",      "GIT_DIR",
                                        "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"};
    (void)state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    setenv("GIT_AUTHOR_NAME", "Env", 1);
    setenv("GIT_AUTHOR_EMAIL", "env@example.org", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strange_keys),     cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_around_the_limit), cmocka_unit_test(test_digits),
        cmocka_unit_test(test_large_table),      cmocka_unit_test(test_standing_clock),
    };

    return cmocka_run_group_tests_name("property", tests, clean_environment, NULL);
}
