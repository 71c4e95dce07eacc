/* SPDX-License-Identifier: MIT
 *
 * Random edits on random branches, merged: against a model that has all commits in plain memory. Another seed:
 * CHRONDB_TEST_SEED; more: CHRONDB_TEST_MERGE_ROUNDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "chrondb.h"
#include "merge_model.h"
#include "random.h"
#include "scratch.h"
#include "util/buf.h"
#include "util/time.h"

#define BRANCHES 3
#define SMALL    12 /* keys that are written all the time */
#define FANNED   80 /* keys of a table that unfolds and folds back */
#define KEYS     (SMALL + FANNED)
#define STEPS    36
#define COMMITS  (2 * STEPS + BRANCHES)

/* As the library does it, so that histories that are worse give the same. */
#define DEPTH_MAX  8
#define MERGES_MAX 32

static const char *const branches[BRANCHES] = {"main", "side", "topic/one"};
static const char *const small_keys[SMALL] = {"a:1", "a:2", "a:3", "a:4", "b:1", "b:2",
                                              "b:3", "b:4", "n",   "n-2", "é:ü", "A:/"};

struct document {
    const struct merge_value *value; /* NULL: not there */
    char *text;                      /* NULL: not known */
};

struct state {
    struct document documents[KEYS];
};

struct commit {
    char id[CHRONDB_HEX_SIZE + 1];
    int64_t second;
    struct state state;
    size_t parents[2], parent_count;
    bool ancestors[COMMITS]; /* itself too */
};

struct world {
    struct random random;
    struct merge_values values;
    char *directory, *path;
    chrondb *db;
    char keys[KEYS][16];
    struct commit *commits;
    size_t count;
    size_t heads[BRANCHES];
    unsigned merged, forward, unchanged, in_conflict, crossed, decided, mirrored;
};

/* ---- the database -------------------------------------------------------------------------------- */

static void check(int result)
{
    if (result != 0)
        fail_msg("%d: %s", result, chrondb_last_error()->message);
}

static void reopen(struct world *world)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    chrondb_close(world->db);
    world->db = NULL;
    check(chrondb_open(&world->db, world->path, &options));
}

static void shell(const struct world *world, const char *format, ...)
{
    struct cdb_buf command = CDB_BUF_INIT;
    va_list args;
    cdb_buf_addf(&command, "cd '%s' && export GIT_DIR=. && ", world->path);
    va_start(args, format);
    cdb_buf_vaddf(&command, format, args);
    va_end(args);
    if (system(command.ptr) != 0)
        fail_msg("%s", command.ptr);
    cdb_buf_release(&command);
}

/* The texts of a branch as they are; its values are those of `expected`. */
static void read_state(struct world *world, size_t branch, const struct state *expected, struct state *out)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_buffer value = {0};
    uint64_t count = 0, present = 0;
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], NULL));
    for (size_t i = 0; i < KEYS; i++) {
        int result = chrondb_get(snapshot, world->keys[i], &value);
        assert_true(result == 0 || result == CHRONDB_NOTFOUND);
        out->documents[i] = (struct document){NULL, NULL};
        if (result == 0) {
            out->documents[i].value = merge_value_read(&world->values, value.data, value.size);
            out->documents[i].text = strdup(value.data);
            present++;
        }
        if (!merge_value_equal(out->documents[i].value, expected->documents[i].value))
            fail_msg("%s is %s", world->keys[i], result == 0 ? value.data : "not there");
    }
    check(chrondb_count(snapshot, NULL, &count)); /* from the index */
    assert_int_equal(count, present);
    chrondb_buffer_free(&value);
    chrondb_snapshot_free(snapshot);
}

static void head_of(struct world *world, size_t branch, struct commit *out)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_time time;
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], NULL));
    check(chrondb_snapshot_time(snapshot, &time));
    strcpy(out->id, chrondb_snapshot_commit(snapshot));
    out->second = time.seconds;
    chrondb_snapshot_free(snapshot);
}

/* ---- the model's commits ------------------------------------------------------------------------- */

/* What the branch's head is now becomes a commit of the model. */
static void add_commit(struct world *world, size_t branch, const struct state *expected, const size_t *parents,
                       size_t parent_count)
{
    struct commit *commit = &world->commits[world->count];
    assert_true(world->count < COMMITS);
    memset(commit, 0, sizeof(*commit));
    head_of(world, branch, commit);
    read_state(world, branch, expected, &commit->state);
    commit->ancestors[world->count] = true;
    commit->parent_count = parent_count;
    for (size_t p = 0; p < parent_count; p++) {
        commit->parents[p] = parents[p];
        for (size_t i = 0; i < world->count; i++)
            commit->ancestors[i] |= world->commits[parents[p]].ancestors[i];
    }
    world->heads[branch] = world->count++;
}

static int newest_first(const void *left, const void *right, void *context)
{
    const struct world *world = context;
    const struct commit *a = &world->commits[*(const size_t *)left], *b = &world->commits[*(const size_t *)right];
    return a->second != b->second ? (a->second > b->second ? -1 : 1) : strcmp(a->id, b->id);
}

/* Common ancestors that are no ancestors of another common one. */
static size_t find_bases(struct world *world, const size_t *ours, size_t our_count, size_t theirs, size_t out[COMMITS])
{
    bool common[COMMITS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < world->count; i++)
        for (size_t k = 0; k < our_count; k++)
            common[i] |= world->commits[ours[k]].ancestors[i] && world->commits[theirs].ancestors[i];
    for (size_t i = 0; i < world->count; i++) {
        bool best = common[i];
        for (size_t k = 0; k < world->count; k++)
            best = best && !(k != i && common[k] && world->commits[k].ancestors[i]);
        if (best)
            out[count++] = i;
    }
    qsort_r(out, count, sizeof(*out), newest_first, world);
    return count;
}

static void merge_states(struct world *world, const struct state *base, const struct state *ours,
                         const struct state *theirs, enum merge_choice choice, struct state *out,
                         struct cdb_buf *conflicts)
{
    struct cdb_buf path = CDB_BUF_INIT;
    char prefix[32];
    cdb_buf_adds(&path, "");
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(prefix, sizeof(prefix), "%s ", world->keys[i]);
        out->documents[i] =
            (struct document){merge_model(&world->values, base->documents[i].value, ours->documents[i].value,
                                          theirs->documents[i].value, choice, prefix, &path, conflicts),
                              NULL};
    }
    cdb_buf_release(&path);
}

/* What commits have as one. */
static void fold(struct world *world, const size_t *commits, size_t count, unsigned depth, unsigned *left,
                 struct state *out)
{
    struct cdb_buf ignored = CDB_BUF_INIT;
    memset(out, 0, sizeof(*out));
    if (count > 0)
        *out = world->commits[commits[0]].state;
    for (size_t i = 1; i < count && depth<DEPTH_MAX && * left> 0; i++) {
        size_t bases[COMMITS];
        struct state *base = malloc(sizeof(*base)), *ours = malloc(sizeof(*ours));
        (*left)--;
        size_t base_count = find_bases(world, commits, i, commits[i], bases);
        fold(world, bases, base_count, depth + 1, left, base);
        *ours = *out;
        merge_states(world, base, ours, &world->commits[commits[i]].state, MERGE_TAKE_NONE, out, &ignored);
        free(base);
        free(ours);
    }
    cdb_buf_release(&ignored);
}

/* ---- edits ------------------------------------------------------------------------------------- */

static char *spelled(struct world *world, const struct merge_value *value)
{
    struct cdb_buf text = CDB_BUF_INIT;
    merge_value_spell(&world->random, value, &text);
    assert_false(text.failed);
    return text.ptr;
}

static void put(struct world *world, chrondb_batch *batch, struct state *state, size_t key,
                const struct merge_value *value)
{
    char *text = spelled(world, value);
    check(chrondb_batch_put(batch, world->keys[key], text, strlen(text), NULL));
    state->documents[key].value = value;
    free(text);
}

static void delete (struct world *world, chrondb_batch *batch, struct state *state, size_t key)
{
    if (state->documents[key].value != NULL)
        check(chrondb_batch_delete(batch, world->keys[key], NULL));
    state->documents[key].value = NULL;
}

static void edit_one(struct world *world, chrondb_batch *batch, struct state *state)
{
    size_t key = random_below(&world->random, SMALL);
    const struct merge_value *value = state->documents[key].value;
    if (value == NULL)
        put(world, batch, state, key, merge_value_random(&world->values, &world->random, 3));
    else if (random_chance(&world->random, 12))
        delete (world, batch, state, key);
    else if (random_chance(&world->random, 10))
        put(world, batch, state, key, value); /* another spelling */
    else
        put(world, batch, state, key, merge_value_edit(&world->values, &world->random, value));
}

/* Table "a" becomes "b", or the other way round. */
static void rename_table(struct world *world, chrondb_batch *batch, struct state *state)
{
    size_t from = random_chance(&world->random, 50) ? 0 : 4, to = 4 - from;
    for (size_t i = 0; i < 4; i++) {
        const struct merge_value *value = state->documents[from + i].value;
        delete (world, batch, state, from + i);
        if (value != NULL)
            put(world, batch, state, to + i, value);
    }
}

static void edit_many(struct world *world, chrondb_batch *batch, struct state *state)
{
    bool grow = random_chance(&world->random, 60);
    for (size_t i = SMALL; i < KEYS; i++) {
        if (!random_chance(&world->random, 30))
            continue;
        if (grow)
            put(world, batch, state, i, merge_value_random(&world->values, &world->random, 1));
        else
            delete (world, batch, state, i);
    }
}

static void write_some(struct world *world, size_t branch)
{
    chrondb_write_options options = {.size = sizeof(options), .branch = branches[branch]};
    struct state *state = malloc(sizeof(*state));
    chrondb_batch *batch = NULL;
    size_t parent = world->heads[branch];
    *state = world->commits[parent].state;
    check(chrondb_batch_new(&batch, world->db));
    if (random_chance(&world->random, 10))
        rename_table(world, batch, state);
    else if (random_chance(&world->random, 15))
        edit_many(world, batch, state);
    else
        for (size_t edits = 1 + random_below(&world->random, 4); edits > 0; edits--)
            edit_one(world, batch, state);
    check(chrondb_batch_commit(batch, &options));
    if (chrondb_batch_commit_id(batch) != NULL)
        add_commit(world, branch, state, &parent, 1);
    chrondb_batch_free(batch);
    free(state);
}

/* ---- merges ------------------------------------------------------------------------------------ */

static void list_conflicts(const chrondb_merge *merge, struct cdb_buf *out)
{
    chrondb_conflict conflict;
    cdb_buf_clear(out);
    for (size_t i = 0; chrondb_merge_conflict(merge, i, &conflict) == 0; i++)
        cdb_buf_addf(out, "%s %s\n", conflict.key, conflict.path);
    merge_sort_lines(out);
}

struct plan {
    size_t into; /* a branch */
    size_t from; /* a commit */
    enum chrondb_merge_strategy strategy;
    bool dry, no_ff;
};

static int run(const struct world *world, const struct plan *plan, chrondb_merge *merge)
{
    chrondb_write_options write = {.size = sizeof(write), .branch = branches[plan->into]};
    chrondb_merge_options options = {.size = sizeof(options),
                                     .write = &write,
                                     .strategy = plan->strategy,
                                     .dry_run = plan->dry,
                                     .no_ff = plan->no_ff};
    return chrondb_merge_run(merge, world->commits[plan->from].id, &options);
}

/* The other way round there are the same conflicts. */
static void check_mirrored(struct world *world, const struct plan *plan, const struct cdb_buf *expected)
{
    struct plan mirrored = {.from = world->heads[plan->into], .dry = true};
    struct cdb_buf conflicts = CDB_BUF_INIT;
    chrondb_merge *merge = NULL;
    while (mirrored.into < BRANCHES && world->heads[mirrored.into] != plan->from)
        mirrored.into++;
    if (mirrored.into == BRANCHES)
        return;
    world->mirrored++;
    check(chrondb_merge_new(&merge, world->db));
    int result = run(world, &mirrored, merge);
    assert_int_equal(result, expected->len > 0 ? CHRONDB_ECONFLICT : 0);
    list_conflicts(merge, &conflicts);
    assert_string_equal(cdb_buf_str(&conflicts), cdb_buf_str(expected));
    cdb_buf_release(&conflicts);
    chrondb_merge_free(merge);
}

/* Decide on every key in conflict. */
static void decide(struct world *world, const struct cdb_buf *conflicts, chrondb_merge *merge, struct state *expected)
{
    for (size_t i = 0; i < KEYS; i++) {
        char line[32];
        snprintf(line, sizeof(line), "%s ", world->keys[i]);
        const char *found = strstr(cdb_buf_str(conflicts), line);
        if (found == NULL || (found != conflicts->ptr && found[-1] != '\n'))
            continue;
        const struct merge_value *value =
            random_chance(&world->random, 25) ? NULL : merge_value_random(&world->values, &world->random, 2);
        char *text = value != NULL ? spelled(world, value) : NULL;
        check(chrondb_merge_decide(merge, world->keys[i], text, text != NULL ? strlen(text) : 0));
        expected->documents[i].value = value;
        free(text);
    }
    world->decided++;
}

static bool same_texts(const struct state *a, const struct state *b)
{
    for (size_t i = 0; i < KEYS; i++) {
        const char *x = a->documents[i].text, *y = b->documents[i].text;
        if ((x == NULL) != (y == NULL) || (x != NULL && strcmp(x, y) != 0))
            return false;
    }
    return true;
}

static bool on_chain(const struct world *world, size_t head, size_t wanted)
{
    while (head != wanted && world->commits[head].parent_count > 0)
        head = world->commits[head].parents[0];
    return head == wanted;
}

/* What it did is what the model says. */
static void check_outcome(struct world *world, const struct plan *plan, chrondb_merge *merge,
                          const struct state *expected, const size_t *bases, size_t base_count)
{
    const chrondb_merge_report *report = chrondb_merge_get_report(merge);
    size_t parents[2] = {world->heads[plan->into], plan->from};
    const struct commit *ours = &world->commits[parents[0]], *theirs = &world->commits[parents[1]];
    if (ours->ancestors[parents[1]]) {
        assert_int_equal(report->status, CHRONDB_MERGE_UNCHANGED);
    } else if (theirs->ancestors[parents[0]] && !plan->no_ff && on_chain(world, parents[1], parents[0])) {
        assert_int_equal(report->status, CHRONDB_FAST_FORWARD);
    } else if (report->status == CHRONDB_MERGE_UNCHANGED) { /* the source has nothing new, nor have we */
        assert_true(same_texts(&ours->state, &theirs->state));
        assert_true(base_count > 1 || same_texts(&world->commits[bases[0]].state, &theirs->state));
    } else {
        bool nothing = base_count == 1 && same_texts(&ours->state, &theirs->state) &&
                       same_texts(&world->commits[bases[0]].state, &theirs->state);
        assert_int_equal(report->status, CHRONDB_MERGED);
        assert_false(nothing);
    }
    world->unchanged += report->status == CHRONDB_MERGE_UNCHANGED;
    world->forward += report->status == CHRONDB_FAST_FORWARD;
    world->merged += report->status == CHRONDB_MERGED;
    assert_true((report->commit == NULL) == (report->status == CHRONDB_MERGE_UNCHANGED));
    if (report->status == CHRONDB_MERGE_UNCHANGED)
        return;
    if (report->status == CHRONDB_FAST_FORWARD) {
        world->heads[plan->into] = parents[1];
        struct state *now = malloc(sizeof(*now));
        read_state(world, plan->into, expected, now);
        assert_true(same_texts(now, &theirs->state));
        for (size_t i = 0; i < KEYS; i++)
            free(now->documents[i].text);
        free(now);
    } else {
        add_commit(world, plan->into, expected, parents, 2);
        assert_string_equal(report->commit, world->commits[world->heads[plan->into]].id);
    }
    uint64_t puts = 0, deletes = 0;
    const struct state *now = &world->commits[world->heads[plan->into]].state;
    for (size_t i = 0; i < KEYS; i++) {
        const char *x = ours->state.documents[i].text, *y = now->documents[i].text;
        puts += y != NULL && (x == NULL || strcmp(x, y) != 0);
        deletes += x != NULL && y == NULL;
    }
    assert_int_equal(report->puts, puts);
    assert_int_equal(report->deletes, deletes);
}

static void check_idempotent(struct world *world, const struct plan *plan)
{
    chrondb_merge *merge = NULL;
    check(chrondb_merge_new(&merge, world->db));
    check(run(world, plan, merge));
    assert_int_equal(chrondb_merge_get_report(merge)->status, CHRONDB_MERGE_UNCHANGED);
    chrondb_merge_free(merge);
}

static void merge_some(struct world *world, size_t into, size_t from)
{
    struct plan plan = {.into = into, .from = from, .no_ff = random_chance(&world->random, 30)};
    struct cdb_buf expected_conflicts = CDB_BUF_INIT, conflicts = CDB_BUF_INIT;
    struct state *base = malloc(sizeof(*base)), *expected = malloc(sizeof(*expected));
    struct commit before, after;
    size_t bases[COMMITS], ours = world->heads[into];
    unsigned left = MERGES_MAX;
    size_t base_count = find_bases(world, &ours, 1, from, bases);
    enum merge_choice choice = random_chance(&world->random, 50) ? MERGE_TAKE_OURS : MERGE_TAKE_THEIRS;
    chrondb_merge *merge = NULL;
    fold(world, bases, base_count, 0, &left, base);
    merge_states(world, base, &world->commits[ours].state, &world->commits[from].state, choice, expected,
                 &expected_conflicts);
    merge_sort_lines(&expected_conflicts);
    world->crossed += base_count > 1;
    check_mirrored(world, &plan, &expected_conflicts);
    head_of(world, into, &before);
    check(chrondb_merge_new(&merge, world->db));
    int result = run(world, &plan, merge);
    list_conflicts(merge, &conflicts);
    assert_string_equal(cdb_buf_str(&conflicts), cdb_buf_str(&expected_conflicts));
    assert_int_equal(result, conflicts.len > 0 ? CHRONDB_ECONFLICT : 0);
    if (result != 0) {
        world->in_conflict++;
        head_of(world, into, &after);
        assert_string_equal(before.id, after.id);
        chrondb_merge_free(merge);
        check(chrondb_merge_new(&merge, world->db));
        if (random_chance(&world->random, 50))
            decide(world, &conflicts, merge, expected);
        else
            plan.strategy = choice == MERGE_TAKE_OURS ? CHRONDB_MERGE_OURS : CHRONDB_MERGE_THEIRS;
        check(run(world, &plan, merge));
        assert_true(chrondb_merge_get_report(merge)->conflicts > 0);
    }
    check_outcome(world, &plan, merge, expected, bases, base_count);
    check_idempotent(world, &plan);
    chrondb_merge_free(merge);
    cdb_buf_release(&expected_conflicts);
    cdb_buf_release(&conflicts);
    free(base);
    free(expected);
}

/* ---- what is left behind ------------------------------------------------------------------------- */

static bool same_text(const struct commit *a, const struct commit *b, size_t key)
{
    const char *x = a->state.documents[key].text, *y = b->state.documents[key].text;
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* The commits whose document is none of their parents', on whatever side of a merge. */
static void add_versions(const struct world *world, const struct commit *head, size_t key, struct cdb_buf *out)
{
    for (size_t i = 0; i < world->count; i++) {
        const struct commit *commit = &world->commits[i];
        bool version = head->ancestors[i] && (commit->parent_count > 0 || commit->state.documents[key].text != NULL);
        for (size_t k = 0; version && k < commit->parent_count; k++)
            version = !same_text(commit, &world->commits[commit->parents[k]], key);
        if (version)
            cdb_buf_addf(out, "%s\n", commit->id);
    }
}

/* All versions, whatever merges took of them, and the newest first. */
static void check_history(struct world *world, size_t branch, size_t key)
{
    struct cdb_buf expected = CDB_BUF_INIT, found = CDB_BUF_INIT;
    chrondb_snapshot *snapshot = NULL;
    chrondb_history *history = NULL;
    chrondb_version_info version;
    chrondb_time last = {INT64_MAX, 0};
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], NULL));
    int result = chrondb_history_open(&history, snapshot, world->keys[key], NULL);
    while (result == 0 && (result = chrondb_history_next(history, &version)) == 0) {
        cdb_buf_addf(&found, "%s\n", version.commit);
        assert_true(cdb_time_compare(version.time, last) <= 0);
        last = version.time;
    }
    chrondb_history_free(history);
    chrondb_snapshot_free(snapshot);
    add_versions(world, &world->commits[world->heads[branch]], key, &expected);
    assert_int_equal(result, 1);
    merge_sort_lines(&expected);
    merge_sort_lines(&found);
    assert_string_equal(cdb_buf_str(&found), cdb_buf_str(&expected));
    cdb_buf_release(&expected);
    cdb_buf_release(&found);
}

static void dump_histories(struct world *world, size_t branch, struct cdb_buf *out)
{
    chrondb_snapshot *snapshot = NULL;
    check(chrondb_snapshot_open(&snapshot, world->db, branches[branch], NULL));
    for (size_t i = 0; i < KEYS; i += i < SMALL ? 1 : 7) {
        chrondb_history *history = NULL;
        chrondb_version_info version;
        int result = chrondb_history_open(&history, snapshot, world->keys[i], NULL);
        while (result == 0 && (result = chrondb_history_next(history, &version)) == 0)
            cdb_buf_addf(out, "%s %s %d %s\n", world->keys[i], version.commit, (int)version.op, version.value);
        chrondb_history_free(history);
    }
    chrondb_snapshot_free(snapshot);
}

/* The index that merges were told to says what one says that is built anew. */
static void check_index(struct world *world)
{
    struct cdb_buf before = CDB_BUF_INIT, after = CDB_BUF_INIT;
    for (size_t branch = 0; branch < BRANCHES; branch++)
        dump_histories(world, branch, &before);
    shell(world, "rm -rf chrondb/index");
    reopen(world);
    for (size_t branch = 0; branch < BRANCHES; branch++)
        dump_histories(world, branch, &after);
    assert_string_equal(before.ptr, after.ptr);
    for (size_t branch = 0; branch < BRANCHES; branch++)
        for (size_t i = 0; i < KEYS; i += i < SMALL ? 1 : 7)
            check_history(world, branch, i);
    check(chrondb_reindex(world->db, NULL, NULL, NULL));
    for (size_t i = 0; i < SMALL; i++)
        check_history(world, 0, i);
    cdb_buf_release(&before);
    cdb_buf_release(&after);
}

/* The documents, put into an empty database, have the same root tree. */
static void check_tree(struct world *world, size_t branch)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    const struct state *state = &world->commits[world->heads[branch]].state;
    char *other = scratch_path(world->directory, "other");
    chrondb_batch *batch = NULL;
    chrondb *db = NULL;
    size_t count = 0;
    check(chrondb_open(&db, other, &options));
    check(chrondb_batch_new(&batch, db));
    for (size_t i = 0; i < KEYS; i++) {
        const char *text = state->documents[i].text;
        if (text != NULL)
            check(chrondb_batch_put(batch, world->keys[i], text, strlen(text), NULL));
        count += text != NULL;
    }
    check(chrondb_batch_commit(batch, NULL));
    chrondb_batch_free(batch);
    chrondb_close(db);
    if (count > 0)
        shell(world, "test \"$(git rev-parse '%s^{tree}')\" = \"$(git --git-dir='%s' rev-parse 'HEAD^{tree}')\"",
              branches[branch], other);
    shell(world, "rm -rf '%s'", other);
    free(other);
}

static void begin(struct world *world)
{
    chrondb_batch *batch = NULL;
    struct state *state = calloc(1, sizeof(*state));
    for (size_t i = 0; i < KEYS; i++) {
        if (i < SMALL)
            strcpy(world->keys[i], small_keys[i]);
        else
            snprintf(world->keys[i], sizeof(world->keys[i]), "f:%zu", i);
    }
    reopen(world);
    check(chrondb_batch_new(&batch, world->db));
    for (size_t i = 0; i < KEYS; i++)
        if (random_chance(&world->random, 70))
            put(world, batch, state, i, merge_value_random(&world->values, &world->random, i < SMALL ? 3 : 1));
    check(chrondb_batch_commit(batch, NULL));
    chrondb_batch_free(batch);
    add_commit(world, 0, state, NULL, 0);
    for (size_t branch = 1; branch < BRANCHES; branch++) {
        shell(world, "git update-ref refs/heads/%s main", branches[branch]);
        world->heads[branch] = 0;
    }
    free(state);
}

static void play(struct world *world)
{
    world->directory = scratch_new();
    world->path = scratch_path(world->directory, "db");
    world->commits = calloc(COMMITS, sizeof(*world->commits));
    world->count = 0;
    begin(world);
    for (int i = 0; i < STEPS; i++) {
        size_t a = random_below(&world->random, BRANCHES);
        size_t b = (a + 1 + random_below(&world->random, BRANCHES - 1)) % BRANCHES;
        if (random_chance(&world->random, 65)) {
            write_some(world, a);
        } else {
            size_t before = world->heads[a];
            merge_some(world, a, world->heads[b]);
            if (random_chance(&world->random, 40)) /* both at once: a cross */
                merge_some(world, b, before);
        }
    }
    check_index(world);
    for (size_t branch = 0; branch < BRANCHES; branch++)
        check_tree(world, branch);
    shell(world, "git fsck --strict --no-dangling >/dev/null 2>&1");
    chrondb_close(world->db);
    world->db = NULL;
    for (size_t i = 0; i < world->count; i++)
        for (size_t k = 0; k < KEYS; k++)
            free(world->commits[i].state.documents[k].text);
    free(world->commits);
    free(world->path);
    scratch_remove(world->directory);
    merge_values_release(&world->values);
}

static void test_random_merges(void **state)
{
    struct world world = {.random = random_seed(5)};
    size_t rounds = random_rounds(6, 500);
    (void)state;
    for (size_t i = 0; i < rounds; i++)
        play(&world);
    printf("%u merged, %u forward, %u unchanged, %u in conflict (%u decided), %u with several bases, %u both ways\n",
           world.merged, world.forward, world.unchanged, world.in_conflict, world.decided, world.crossed,
           world.mirrored);
    assert_true(world.merged > 0 && world.in_conflict > 0 && world.decided > 0 && world.crossed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_merges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
