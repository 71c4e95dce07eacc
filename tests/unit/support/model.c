/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"

static void *grow(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room == 0 ? 64 : *room * 2;
    list = realloc(list, *room * size);
    assert_non_null(list);
    return list;
}

static char *copy_or_null(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    assert_true(text == NULL || copy != NULL);
    return copy;
}

/* ---- the model ----------------------------------------------------------------------------------- */

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void model_init(struct model *model, const char *const *keys, size_t count)
{
    memset(model, 0, sizeof(*model));
    assert_true(count <= MODEL_KEYS_MAX);
    model->keys = malloc(count * sizeof(*model->keys));
    assert_non_null(model->keys);
    for (size_t i = 0; i < count; i++)
        model->keys[i] = copy_or_null(keys[i]);
    qsort(model->keys, count, sizeof(*model->keys), by_bytes);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(model->keys[i], model->keys[model->key_count - 1]) == 0)
            free(model->keys[i]);
        else
            model->keys[model->key_count++] = model->keys[i];
    }
    model->values = grow(model->values, 0, &model->value_room, sizeof(*model->values));
    model->values[model->value_count++] = NULL;
}

void model_release(struct model *model)
{
    for (size_t i = 0; i < model->key_count; i++)
        free(model->keys[i]);
    for (size_t i = 0; i < model->value_count; i++)
        free(model->values[i]);
    for (size_t i = 0; i < model->commit_count; i++) {
        free(model->commits[i].message);
        free(model->commits[i].author);
        free(model->commits[i].meta);
        free(model->commits[i].state);
    }
    free(model->keys);
    free(model->values);
    free(model->commits);
    memset(model, 0, sizeof(*model));
}

value_id model_value(struct model *model, const char *text, size_t len)
{
    for (size_t i = model->value_count; i-- > 1;)
        if (strlen(model->values[i]) == len && memcmp(model->values[i], text, len) == 0)
            return (value_id)i;
    model->values = grow(model->values, model->value_count, &model->value_room, sizeof(*model->values));
    model->values[model->value_count] = strndup(text, len);
    assert_non_null(model->values[model->value_count]);
    return (value_id)model->value_count++;
}

/* After the first `commits` commits. */
static const value_id *state_after(const struct model *model, size_t commits)
{
    static const value_id nothing[MODEL_KEYS_MAX];

    return commits > 0 ? model->commits[commits - 1].state : nothing;
}

const value_id *model_head(const struct model *model)
{
    return state_after(model, model->commit_count);
}

void model_commit(struct model *model, const char *id, chrondb_time time, const char *message, const char *author,
                  const char *meta, const value_id *state)
{
    model->commits = grow(model->commits, model->commit_count, &model->commit_room, sizeof(*model->commits));
    struct model_commit *commit = &model->commits[model->commit_count++];
    memset(commit, 0, sizeof(*commit));
    snprintf(commit->id, sizeof(commit->id), "%s", id);
    commit->time = time;
    commit->message = copy_or_null(message);
    commit->author = copy_or_null(author);
    commit->meta = copy_or_null(meta);
    commit->state = malloc(model->key_count * sizeof(*state));
    assert_non_null(commit->state);
    memcpy(commit->state, state, model->key_count * sizeof(*state));
}

static bool changes(const struct model *model, size_t commit, size_t key)
{
    return state_after(model, commit + 1)[key] != state_after(model, commit)[key];
}

const struct model_commit *model_last_change(const struct model *model, size_t key)
{
    for (size_t i = model->commit_count; i-- > 0;)
        if (changes(model, i, key))
            return &model->commits[i];
    return NULL;
}

static int compare_times(chrondb_time a, chrondb_time b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds);
}

size_t model_at(const struct model *model, chrondb_time time)
{
    size_t count = 0;

    while (count < model->commit_count && compare_times(model->commits[count].time, time) <= 0)
        count++;
    return count;
}

static enum chrondb_op op_of(value_id before, value_id after)
{
    return after == 0 ? CHRONDB_OP_DELETE : before == 0 ? CHRONDB_OP_CREATE : CHRONDB_OP_UPDATE;
}

/* ---- one document --------------------------------------------------------------------------------- */

static void expect_text(const struct model *model, value_id expected, const char *text, size_t len)
{
    if (expected == 0) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_int_equal(len, strlen(model->values[expected]));
    assert_memory_equal(text, model->values[expected], len);
}

static void check_get(const struct model *model, chrondb_snapshot *snapshot, const value_id *state, size_t key)
{
    chrondb_buffer value = {NULL, 0, 0};
    int status = chrondb_get(snapshot, model->keys[key], &value);

    if (status != (state[key] != 0 ? CHRONDB_OK : CHRONDB_NOTFOUND))
        fail_msg("get '%s': %d", model->keys[key], status);
    if (status == CHRONDB_OK)
        expect_text(model, state[key], value.data, value.size);
    else
        assert_int_equal(value.size, 0);
    assert_int_equal(chrondb_exists(snapshot, model->keys[key]), status);
    chrondb_buffer_free(&value);
}

/* ---- ranges ------------------------------------------------------------------------------------- */

static bool in_range(const char *key, const chrondb_range *range)
{
    const char *colon = strchr(key, ':');
    size_t table_len = colon != NULL ? (size_t)(colon - key) : 0;

    if (range->prefix != NULL && strncmp(key, range->prefix, strlen(range->prefix)) != 0)
        return false;
    if (range->table != NULL && (strlen(range->table) != table_len || memcmp(range->table, key, table_len) != 0))
        return false;
    if (range->after != NULL) {
        int order = strcmp(key, range->after);
        return range->reverse ? order < 0 : order > 0;
    }
    return true;
}

static void check_range(const struct model *model, chrondb_snapshot *snapshot, const value_id *state,
                        const chrondb_range *range)
{
    chrondb_list *list = NULL;
    chrondb_entry entry;
    uint64_t count = 0, counted = 0;

    assert_int_equal(chrondb_list_open(&list, snapshot, range), 0);
    for (size_t i = 0; i < model->key_count && (range->limit == 0 || count < range->limit); i++) {
        size_t key = range->reverse ? model->key_count - 1 - i : i;
        if (state[key] == 0 || !in_range(model->keys[key], range))
            continue;
        assert_int_equal(chrondb_list_next(list, &entry), 0);
        assert_string_equal(entry.key, model->keys[key]);
        expect_text(model, range->keys_only ? 0 : state[key], entry.value, entry.value_size);
        count++;
    }
    assert_int_equal(chrondb_list_next(list, &entry), CHRONDB_END);
    assert_int_equal(chrondb_list_next(list, &entry), CHRONDB_END);
    chrondb_list_free(list);
    assert_int_equal(chrondb_count(snapshot, range, &counted), 0);
    assert_int_equal(counted, count);
}

static const char *any_key(const struct model *model, struct random *random)
{
    return model->keys[random_below(random, model->key_count)];
}

static void check_random_range(const struct model *model, struct random *random, chrondb_snapshot *snapshot,
                               const value_id *state)
{
    chrondb_range range = {.size = sizeof(range)};
    char prefix[600], table[600];

    if (random_chance(random, 40)) { /* cut anywhere, in the middle of a character too */
        snprintf(prefix, sizeof(prefix), "%s", any_key(model, random));
        prefix[random_below(random, strlen(prefix) + 1)] = '\0';
        range.prefix = prefix;
    }
    if (random_chance(random, 30)) {
        snprintf(table, sizeof(table), "%s", random_chance(random, 80) ? any_key(model, random) : "nobody");
        table[strchr(table, ':') != NULL ? strcspn(table, ":") : 0] = '\0';
        range.table = table;
    }
    if (random_chance(random, 40))
        range.after = random_chance(random, 80) ? any_key(model, random) : "m";
    if (random_chance(random, 40))
        range.limit = 1 + random_below(random, 20);
    range.reverse = random_chance(random, 30);
    range.keys_only = random_chance(random, 60);
    check_range(model, snapshot, state, &range);
}

void model_check_all(const struct model *model, chrondb_snapshot *snapshot, size_t commits)
{
    chrondb_range range = {.size = sizeof(range)};

    check_range(model, snapshot, state_after(model, commits), &range);
}

/* ---- tables ------------------------------------------------------------------------------------- */

struct table_check {
    const struct model *model;
    const value_id *state;
    char *last;
    uint64_t documents;
};

static int check_table(void *context, const char *table, uint64_t count)
{
    struct table_check *check = context;
    chrondb_range range = {.size = sizeof(range), .table = table};
    uint64_t expected = 0;

    for (size_t i = 0; i < check->model->key_count; i++)
        expected += check->state[i] != 0 && in_range(check->model->keys[i], &range);
    assert_int_equal(count, expected);
    assert_true(count > 0);
    assert_true(check->last == NULL || strcmp(check->last, table) < 0);
    free(check->last);
    check->last = copy_or_null(table);
    check->documents += count;
    return 0;
}

static int stop_at_once(void *context, const char *table, uint64_t count)
{
    (void)context;
    (void)table;
    (void)count;
    return 42;
}

static void check_tables(const struct model *model, chrondb_snapshot *snapshot, const value_id *state)
{
    struct table_check check = {model, state, NULL, 0};
    uint64_t documents = 0;

    for (size_t i = 0; i < model->key_count; i++)
        documents += state[i] != 0;
    assert_int_equal(chrondb_tables(snapshot, check_table, &check), 0);
    assert_int_equal(check.documents, documents);
    assert_int_equal(chrondb_tables(snapshot, stop_at_once, NULL), documents > 0 ? 42 : 0);
    free(check.last);
}

/* ---- what happened ------------------------------------------------------------------------------- */

static void check_version(const struct model_commit *commit, const chrondb_version_info *version)
{
    assert_string_equal(version->commit, commit->id);
    assert_int_equal(compare_times(version->time, commit->time), 0);
    assert_string_equal(version->message, commit->message);
    assert_string_equal(version->author, commit->author);
    assert_int_equal(version->meta_count, commit->meta != NULL);
    if (commit->meta != NULL)
        assert_string_equal(version->meta[0], commit->meta);
}

/* Does a merge patch make one of the other? Only where none can say it may there be none. */
static void check_patch(const char *from, const char *to, const char *patch, size_t size)
{
    struct cdb_buf merged = CDB_BUF_INIT, rest = CDB_BUF_INIT;
    int possible = cdb_json_diff(&rest, from, strlen(from), to, strlen(to));

    assert_true(possible == 0 || possible == 1);
    assert_int_equal(patch != NULL, possible == 0);
    if (patch != NULL) {
        assert_int_equal(cdb_json_merge_patch(&merged, from, strlen(from), patch, size), 0);
        cdb_buf_clear(&rest);
        assert_int_equal(cdb_json_diff(&rest, merged.ptr, merged.len, to, strlen(to)), 0);
        if (*to == '{')
            assert_string_equal(rest.ptr, "{}");
    }
    cdb_buf_release(&merged);
    cdb_buf_release(&rest);
}

/* Bounds on a history, as text and as times. */
struct bounds {
    char since_text[CHRONDB_TIME_SIZE], until_text[CHRONDB_TIME_SIZE];
    chrondb_time since, until;
};

static void random_bounds(const struct model *model, struct random *random, struct bounds *bounds,
                          chrondb_history_options *options)
{
    chrondb_time *times[2] = {&bounds->since, &bounds->until};

    memset(options, 0, sizeof(*options));
    options->size = sizeof(*options);
    for (int i = 0; i < 2; i++) {
        *times[i] = model->commits[random_below(random, model->commit_count)].time;
        if (random_chance(random, 30))
            times[i]->seconds += (int64_t)random_below(random, 3) - 1;
    }
    chrondb_time_format(bounds->since, bounds->since_text);
    chrondb_time_format(bounds->until, bounds->until_text);
    if (random_chance(random, 30))
        options->since = bounds->since_text;
    if (random_chance(random, 30))
        options->until = bounds->until_text;
    if (random_chance(random, 50))
        options->limit = 1 + random_below(random, 8);
    options->reverse = random_chance(random, 30);
    options->no_value = random_chance(random, 30);
    options->patch = random_chance(random, 30);
}

static bool within(const struct model_commit *commit, const struct bounds *bounds,
                   const chrondb_history_options *options)
{
    return (options->since == NULL || compare_times(commit->time, bounds->since) >= 0) &&
           (options->until == NULL || compare_times(commit->time, bounds->until) <= 0);
}

/* Commits that a history or log lists, in its order; their number. `key` SIZE_MAX: all of them. */
static size_t choose(const struct model *model, size_t commits, size_t key, const struct bounds *bounds,
                     const chrondb_history_options *options, size_t *chosen)
{
    size_t count = 0;

    for (size_t i = commits; i-- > 0 && (options->limit == 0 || count < options->limit);)
        if ((key == SIZE_MAX || changes(model, i, key)) && within(&model->commits[i], bounds, options))
            chosen[count++] = i;
    for (size_t i = 0; options->reverse && i < count / 2; i++) {
        size_t swap = chosen[i];
        chosen[i] = chosen[count - 1 - i];
        chosen[count - 1 - i] = swap;
    }
    return count;
}

static void check_history(const struct model *model, struct random *random, chrondb_snapshot *snapshot, size_t commits,
                          size_t key)
{
    size_t *chosen = malloc(model->commit_count * sizeof(*chosen)), count;
    chrondb_history_options options;
    chrondb_version_info version;
    chrondb_history *history = NULL;
    struct bounds bounds;
    bool ever = false;

    assert_non_null(chosen);
    random_bounds(model, random, &bounds, &options);
    for (size_t i = 0; i < commits; i++)
        ever = ever || changes(model, i, key);
    int status = chrondb_history_open(&history, snapshot, model->keys[key], &options);
    assert_int_equal(status, ever ? CHRONDB_OK : CHRONDB_NOTFOUND);
    count = ever ? choose(model, commits, key, &bounds, &options, chosen) : 0;
    for (size_t i = 0; i < count; i++) {
        value_id before = state_after(model, chosen[i])[key], after = state_after(model, chosen[i] + 1)[key];
        assert_int_equal(chrondb_history_next(history, &version), 0);
        assert_string_equal(version.key, model->keys[key]);
        assert_int_equal(version.op, op_of(before, after));
        check_version(&model->commits[chosen[i]], &version);
        expect_text(model, options.no_value ? 0 : after, version.value, version.value_size);
        if (options.patch && version.op == CHRONDB_OP_UPDATE)
            check_patch(model->values[before], model->values[after], version.patch, version.patch_size);
        else
            assert_null(version.patch);
    }
    if (ever)
        assert_int_equal(chrondb_history_next(history, &version), CHRONDB_END);
    chrondb_history_free(history);
    free(chosen);
}

static void check_log(const struct model *model, struct random *random, chrondb_snapshot *snapshot, size_t commits)
{
    size_t *chosen = malloc(model->commit_count * sizeof(*chosen)), count, change_count;
    chrondb_history_options options;
    chrondb_version_info version;
    const chrondb_change *list;
    chrondb_log *log = NULL;
    struct bounds bounds;

    assert_non_null(chosen);
    random_bounds(model, random, &bounds, &options);
    if (options.limit == 0)
        options.limit = 30;
    assert_int_equal(chrondb_log_open(&log, snapshot, &options), 0);
    count = choose(model, commits, SIZE_MAX, &bounds, &options, chosen);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        assert_int_equal(chrondb_log_next(log, &version, &list, &change_count), 0);
        check_version(&model->commits[chosen[i]], &version);
        for (size_t key = 0; key < model->key_count; key++) {
            if (!changes(model, chosen[i], key))
                continue;
            assert_true(at < change_count);
            assert_string_equal(list[at].key, model->keys[key]);
            assert_int_equal(list[at].op,
                             op_of(state_after(model, chosen[i])[key], state_after(model, chosen[i] + 1)[key]));
            at++;
        }
        assert_int_equal(at, change_count);
    }
    assert_int_equal(chrondb_log_next(log, &version, &list, &change_count), CHRONDB_END);
    chrondb_log_free(log);
    free(chosen);
}

void model_check(const struct model *model, struct random *random, chrondb_snapshot *snapshot, size_t commits)
{
    const value_id *state = state_after(model, commits);
    const char *commit = chrondb_snapshot_commit(snapshot);
    chrondb_time time;

    if (commits == 0)
        assert_null(commit);
    else
        assert_string_equal(commit, model->commits[commits - 1].id);
    assert_int_equal(chrondb_snapshot_time(snapshot, &time), 0);
    if (commits > 0)
        assert_int_equal(compare_times(time, model->commits[commits - 1].time), 0);
    for (int i = 0; i < 12; i++)
        check_get(model, snapshot, state, random_below(random, model->key_count));
    for (int i = 0; i < 4; i++)
        check_random_range(model, random, snapshot, state);
    check_tables(model, snapshot, state);
    if (model->commit_count > 0) {
        for (int i = 0; i < 2; i++)
            check_history(model, random, snapshot, commits, random_below(random, model->key_count));
        check_log(model, random, snapshot, commits);
    }
}

/* ---- differences --------------------------------------------------------------------------------- */

void model_check_diff(const struct model *model, struct random *random, chrondb_snapshot *from, size_t from_commits,
                      chrondb_snapshot *to, size_t to_commits)
{
    const value_id *before = state_after(model, from_commits), *after = state_after(model, to_commits);
    const char *prefixes[3];
    size_t prefix_count = random_chance(random, 50) ? 0 : 1 + random_below(random, 3);
    chrondb_difference difference;
    chrondb_diff *diff = NULL;

    for (size_t i = 0; i < prefix_count; i++)
        prefixes[i] = random_chance(random, 50) ? any_key(model, random) : random_chance(random, 50) ? "many:" : "t";
    assert_int_equal(chrondb_diff_open(&diff, from, to, prefixes, prefix_count), 0);
    for (size_t key = 0; key < model->key_count; key++) {
        bool wanted = prefix_count == 0;
        for (size_t i = 0; i < prefix_count; i++)
            wanted = wanted || strncmp(model->keys[key], prefixes[i], strlen(prefixes[i])) == 0;
        if (!wanted || before[key] == after[key])
            continue;
        assert_int_equal(chrondb_diff_next(diff, &difference), 0);
        assert_string_equal(difference.key, model->keys[key]);
        assert_int_equal(difference.op, op_of(before[key], after[key]));
        expect_text(model, before[key], difference.old_value, difference.old_size);
        expect_text(model, after[key], difference.new_value, difference.new_size);
        if (difference.op == CHRONDB_OP_UPDATE)
            check_patch(model->values[before[key]], model->values[after[key]], difference.patch, difference.patch_size);
        else
            assert_null(difference.patch);
    }
    assert_int_equal(chrondb_diff_next(diff, &difference), CHRONDB_END);
    chrondb_diff_free(diff);
}
