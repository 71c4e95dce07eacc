/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/array.h"
#include "util/time.h"

static uint32_t last_number;

/* ---- making them -------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void chain_keys_init(struct chain_keys *keys, size_t count)
{
    static const char *const tables[] = {"user:", "", "a:", "a!:", "user2:", "\xc3\xa9:", "user:x:"};

    keys->list = calloc(count, sizeof(*keys->list));
    keys->count = count;
    for (size_t i = 0; i < count; i++)
        assert_true(asprintf(&keys->list[i], "%s%s%zu", tables[i % 7],
                             i % 50 == 0 ? "a rather long name, now and then, " : "", i * 37) > 0);
    qsort(keys->list, count, sizeof(*keys->list), compare_keys);
}

void chain_keys_release(struct chain_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        free(keys->list[i]);
    free(keys->list);
}

void chain_init(struct chain *chain, const struct chain_keys *keys)
{
    *chain = (struct chain){.keys = keys, .newest = calloc(keys->count, sizeof(uint32_t))};
}

void chain_release(struct chain *chain)
{
    chain_cut(chain, 0);
    free(chain->commits);
    free(chain->newest);
}

void chain_cut(struct chain *chain, size_t count)
{
    while (chain->count > count) {
        struct chain_commit *last = &chain->commits[--chain->count];

        for (size_t i = 0; i < last->count; i++)
            chain->newest[last->changes[i].key] = last->changes[i].before;
        free(last->changes);
    }
}

static struct chain_commit *new_commit(struct chain *chain, size_t changes)
{
    assert_int_equal(cdb_array_grow((void *)&chain->commits, &chain->room, chain->count, sizeof(*chain->commits)), 0);
    struct chain_commit *commit = &chain->commits[chain->count++];
    *commit = (struct chain_commit){.changes = calloc(changes + 1, sizeof(struct chain_change))};
    return commit;
}

void chain_copy(struct chain *chain, const struct chain *from, size_t count)
{
    chain_cut(chain, 0);
    for (size_t i = 0; i < count; i++) {
        const struct chain_commit *old = &from->commits[i];
        struct chain_commit *commit = new_commit(chain, old->count);

        commit->commit = old->commit;
        commit->count = old->count;
        memcpy(commit->changes, old->changes, old->count * sizeof(*old->changes));
        for (size_t j = 0; j < old->count; j++)
            chain->newest[old->changes[j].key] = old->changes[j].after;
    }
}

struct cdb_oid chain_oid(uint32_t number)
{
    struct cdb_oid oid = {{0}};
    uint64_t bits = number * UINT64_C(0x9e3779b97f4a7c15);

    /* Every eighth shares its beginning with others. */
    for (int i = 0; i < 8 && number % 8 != 7; i++)
        oid.id[i] = (unsigned char)(bits >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        oid.id[8 + i] = (unsigned char)(number >> 8 * i);
    return oid;
}

static int compare_changes(const void *a, const void *b)
{
    const struct chain_change *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

static void set_time(struct chain *chain, struct random *random)
{
    chrondb_time *time = &chain->commits[chain->count - 1].commit.time;

    *time = chain->count == 1 ? (chrondb_time){-3, 5} : chain->commits[chain->count - 2].commit.time;
    if (random_chance(random, 50))
        *time = cdb_time_next(*time);
    else
        *time = cdb_time_add_seconds(*time, 1 + (int64_t)random_below(random, 5));
}

static void change_key(struct chain *chain, struct random *random, uint32_t key)
{
    struct chain_commit *commit = &chain->commits[chain->count - 1];
    uint32_t before = chain->newest[key], after = random_chance(random, 30) ? 0 : ++last_number;

    for (size_t i = 0; i < commit->count && commit->count < 100; i++)
        if (commit->changes[i].key == key)
            return;
    if (before == after)
        return;
    commit->changes[commit->count++] = (struct chain_change){key, before, after};
    chain->newest[key] = after;
}

void chain_commit(struct chain *chain, struct random *random, size_t changes, size_t range)
{
    struct chain_commit *commit = new_commit(chain, changes < 100 ? changes : range);

    commit->commit.id = chain_oid(++last_number);
    commit->commit.merge = random_chance(random, 20);
    set_time(chain, random);
    if (changes < 100) {
        for (size_t i = 0; i < changes; i++)
            change_key(chain, random, (uint32_t)random_below(random, range));
        qsort(commit->changes, commit->count, sizeof(*commit->changes), compare_changes);
        return;
    }
    for (uint32_t key = 0; key < range; key++)
        if (random_below(random, range) < changes)
            change_key(chain, random, key);
}

struct cdb_catalog_change *chain_changes(const struct chain *chain, size_t index, size_t *count)
{
    const struct chain_commit *commit = &chain->commits[index];
    struct cdb_catalog_change *changes = calloc(commit->count + 1, sizeof(*changes));

    for (size_t i = 0; i < commit->count; i++) {
        const struct chain_change *change = &commit->changes[i];
        const char *key = chain->keys->list[change->key];

        changes[i] = (struct cdb_catalog_change){key, strlen(key), chain_oid(change->after), change->before != 0};
        if (change->after == 0)
            changes[i].blob = (struct cdb_oid){{0}};
    }
    *count = commit->count;
    return changes;
}

void chain_add(const struct chain *chain, struct cdb_catalog *catalog)
{
    for (size_t i = cdb_catalog_count(catalog); i < chain->count; i++) {
        size_t count;
        struct cdb_catalog_change *changes = chain_changes(chain, i, &count);

        assert_int_equal(cdb_catalog_add(catalog, &chain->commits[i].commit, changes, count), 0);
        free(changes);
    }
}

int chain_log(const struct chain *chain, size_t index, int dir, const char *ref)
{
    static const struct cdb_oid none;
    size_t count;
    struct cdb_catalog_change *changes = chain_changes(chain, index, &count);
    int result = cdb_catalog_log(dir, ref, index == 0 ? &none : &chain->commits[index - 1].commit.id,
                                 &chain->commits[index].commit, changes, count, NULL);

    free(changes);
    return result;
}

/* ---- comparing ---------------------------------------------------------------------------------- */

struct check {
    const struct chain *chain;
    size_t count;
    struct random *random;
    struct cdb_catalog *catalog;
    bool *damaged;
    /* The state at an end. */
    size_t end;
    uint32_t *state;
};

/* An answer: true if it is one. */
static bool answers(struct check *check, int result, int expected)
{
    if (result == CHRONDB_EDAMAGED && check->damaged != NULL) {
        *check->damaged = true;
        return false;
    }
    assert_int_equal(result, expected);
    return true;
}

static void check_before(struct check *check, size_t index)
{
    const struct chain_commit *commits = check->chain->commits;
    chrondb_time before = cdb_time_add_seconds(commits[index].commit.time, -1);
    uint64_t position = 0;
    size_t at = index;

    before.nanoseconds = 999999999;
    if (commits[index].commit.time.nanoseconds == 999999999)
        return;
    while (at > 0 && cdb_time_compare(commits[at - 1].commit.time, before) > 0)
        at--;
    if (answers(check, cdb_catalog_at(check->catalog, before, &position), at == 0))
        assert_true(at == 0 || position == at - 1);
}

static void check_commit(struct check *check, size_t index)
{
    const struct cdb_catalog_commit *expected = &check->chain->commits[index].commit;
    struct cdb_catalog_commit commit;
    uint64_t position = 0;

    if (answers(check, cdb_catalog_commit(check->catalog, index, &commit), 0)) {
        assert_true(cdb_oid_equal(&commit.id, &expected->id));
        assert_int_equal(cdb_time_compare(commit.time, expected->time), 0);
        assert_int_equal(commit.merge, expected->merge);
    }
    if (answers(check, cdb_catalog_find(check->catalog, &expected->id, &position), 0))
        assert_int_equal(position, index);
    if (answers(check, cdb_catalog_at(check->catalog, expected->time, &position), 0))
        assert_int_equal(position, index);
    check_before(check, index);
}

static void check_timeline(struct check *check, size_t commits)
{
    struct cdb_oid unknown = chain_oid(UINT32_MAX - 2), similar = chain_oid(UINT32_MAX);
    uint64_t position;

    assert_int_equal(cdb_catalog_count(check->catalog), check->count);
    answers(check, cdb_catalog_find(check->catalog, &unknown, &position), 1);
    answers(check, cdb_catalog_find(check->catalog, &similar, &position), 1);
    answers(check, cdb_catalog_at(check->catalog, (chrondb_time){-100, 0}, &position), 1);
    for (size_t i = 0; i < check->count; i++)
        if (check->count <= commits || random_below(check->random, check->count) < commits)
            check_commit(check, i);
}

struct versions {
    struct cdb_catalog_version *list;
    size_t count, room, stop;
};

static int take_version(void *context, const struct cdb_catalog_version *version)
{
    struct versions *versions = context;

    assert_int_equal(cdb_array_grow((void *)&versions->list, &versions->room, versions->count, sizeof(*versions->list)),
                     0);
    versions->list[versions->count++] = *version;
    return versions->count == versions->stop ? 42 : 0;
}

static const struct chain_change *change_of(const struct chain_commit *commit, uint32_t key)
{
    struct chain_change wanted = {key, 0, 0};

    if (commit->count == 0)
        return NULL;
    return bsearch(&wanted, commit->changes, commit->count, sizeof(wanted), compare_changes);
}

static void check_versions(struct check *check, uint32_t number)
{
    struct versions versions = {.stop = random_chance(check->random, 20) ? 1 : 0};
    const char *key = check->chain->keys->list[number];
    int result = cdb_catalog_versions(check->catalog, key, strlen(key), check->end, take_version, &versions);
    bool whole = answers(check, result, versions.stop == 1 && versions.count == 1 ? 42 : 0);
    size_t n = 0;

    for (size_t i = check->end; i-- > 0 && (versions.stop == 0 || n < versions.stop);) {
        const struct chain_change *change = change_of(&check->chain->commits[i], number);

        if (change == NULL)
            continue;
        if (n == versions.count && !whole)
            break;
        struct cdb_oid blob = change->after == 0 ? (struct cdb_oid){{0}} : chain_oid(change->after);
        assert_true(n < versions.count);
        assert_int_equal(versions.list[n].position, i);
        assert_true(cdb_oid_equal(&versions.list[n].blob, &blob));
        n++;
    }
    assert_int_equal(n, versions.count);
    free(versions.list);
}

static void walk_cursor(struct check *check, struct cdb_catalog_cursor *cursor, bool reverse, size_t low, size_t high)
{
    const char *key;
    struct cdb_oid blob;
    size_t len;

    for (size_t i = low; i < high; i++) {
        size_t number = reverse ? high - 1 - (i - low) : i;
        struct cdb_oid expected = chain_oid(check->state[number]);

        if (check->state[number] == 0)
            continue;
        if (!answers(check, cdb_catalog_cursor_next(cursor, &key, &len, &blob), 0))
            return;
        assert_string_equal(key, check->chain->keys->list[number]);
        assert_int_equal(len, strlen(key));
        assert_true(cdb_oid_equal(&blob, &expected));
        if (i % 64 == 63 && random_chance(check->random, 20))
            return;
    }
    if (answers(check, cdb_catalog_cursor_next(cursor, &key, &len, &blob), 1))
        answers(check, cdb_catalog_cursor_next(cursor, &key, &len, &blob), 1);
}

static void check_cursor(struct check *check)
{
    const struct chain_keys *keys = check->chain->keys;
    size_t low = 0, high = keys->count;
    struct cdb_catalog_range range = {.end = check->end, .reverse = random_chance(check->random, 50)};
    struct cdb_catalog_cursor *cursor;

    if (random_chance(check->random, 50)) {
        low = random_below(check->random, keys->count);
        range.lower = keys->list[low];
        range.lower_len = strlen(range.lower);
    }
    if (random_chance(check->random, 50)) {
        high = random_below(check->random, keys->count);
        range.upper = keys->list[high];
        range.upper_len = strlen(range.upper);
    }
    if (!answers(check, cdb_catalog_cursor_open(&cursor, check->catalog, &range), 0))
        return;
    walk_cursor(check, cursor, range.reverse, low, high);
    cdb_catalog_cursor_free(cursor);
}

/* The versions of a key in the range from .. end - 1 are those that were given; `found` may be damaged behind them. */
static void check_changed(const struct check *check, size_t from, uint32_t number,
                          const struct cdb_catalog_key_changes *found)
{
    size_t n = 0;
    bool existed = false;

    for (size_t i = check->end; i-- > 0;) {
        const struct chain_change *change = change_of(&check->chain->commits[i], number);

        if (change == NULL)
            continue;
        if (i < from) {
            existed = change->after != 0;
            break;
        }
        struct cdb_oid blob = change->after == 0 ? (struct cdb_oid){{0}} : chain_oid(change->after);
        assert_true(n < found->count);
        assert_int_equal(found->versions[n].position, i);
        assert_true(cdb_oid_equal(&found->versions[n].blob, &blob));
        n++;
    }
    assert_int_equal(n, found->count);
    assert_int_equal(found->existed, existed);
}

static bool has_changed(const struct check *check, size_t from, uint32_t number)
{
    for (size_t i = from; i < check->end; i++)
        if (change_of(&check->chain->commits[i], number) != NULL)
            return true;
    return false;
}

static void check_changes(struct check *check)
{
    const struct chain_keys *keys = check->chain->keys;
    size_t from = random_below(check->random, check->end + 1);
    struct cdb_catalog_changes *changes = NULL;
    struct cdb_catalog_key_changes found;
    bool whole = true;

    if (random_chance(check->random, 70))
        return;
    if (random_chance(check->random, 50) && check->end > 3)
        from = check->end - random_below(check->random, 3);
    if (!answers(check, cdb_catalog_changes_open(&changes, check->catalog, from, check->end), 0))
        return;
    for (uint32_t number = 0; whole && number < keys->count; number++) {
        if (!has_changed(check, from, number))
            continue;
        whole = answers(check, cdb_catalog_changes_next(changes, &found), 0);
        if (!whole)
            break;
        assert_string_equal(found.key, keys->list[number]);
        assert_int_equal(found.key_len, strlen(keys->list[number]));
        check_changed(check, from, number, &found);
    }
    if (whole)
        answers(check, cdb_catalog_changes_next(changes, &found), 1);
    cdb_catalog_changes_free(changes);
}

static size_t table_len(const char *key)
{
    const char *colon = strchr(key, ':');
    return colon == NULL ? 0 : (size_t)(colon - key);
}

static size_t count_table(const struct check *check, const char *table, size_t len)
{
    const struct chain_keys *keys = check->chain->keys;
    size_t count = 0;

    for (size_t i = 0; i < keys->count; i++)
        count += check->state[i] != 0 && table_len(keys->list[i]) == len && memcmp(keys->list[i], table, len) == 0;
    return count;
}

struct tables {
    const struct check *check;
    size_t documents, tables;
    char last[64];
};

static int take_table(void *context, const char *table, size_t len, uint64_t count)
{
    struct tables *tables = context;

    assert_true(tables->tables == 0 || strcmp(tables->last, table) < 0);
    assert_int_equal(len, strlen(table));
    assert_true(count > 0);
    assert_int_equal(count, count_table(tables->check, table, len));
    snprintf(tables->last, sizeof(tables->last), "%s", table);
    tables->documents += count;
    tables->tables++;
    return 0;
}

/* How many tables there are. */
static size_t count_tables(const struct check *check)
{
    const struct chain_keys *keys = check->chain->keys;
    const char *seen[16];
    size_t n = 0;

    for (size_t i = 0; i < keys->count; i++) {
        size_t len = table_len(keys->list[i]), j = 0;

        if (check->state[i] == 0)
            continue;
        while (j < n && (table_len(seen[j]) != len || memcmp(seen[j], keys->list[i], len) != 0))
            j++;
        if (j == n)
            seen[n++] = keys->list[i];
    }
    return n;
}

static void check_tables(struct check *check)
{
    struct tables tables = {.check = check};
    const struct chain_keys *keys = check->chain->keys;
    const char *key = keys->list[random_below(check->random, keys->count)];
    uint64_t documents = 0, count = 0;
    size_t expected = 0;

    for (size_t i = 0; i < keys->count; i++)
        expected += check->state[i] != 0;
    if (answers(check, cdb_catalog_tables(check->catalog, check->end, take_table, &tables), 0)) {
        assert_int_equal(tables.documents, expected);
        assert_int_equal(tables.tables, count_tables(check));
    }
    if (answers(check, cdb_catalog_totals(check->catalog, check->end, &documents, &count), 0)) {
        assert_int_equal(documents, expected);
        assert_int_equal(count, count_tables(check));
    }
    if (answers(check, cdb_catalog_table_count(check->catalog, check->end, key, table_len(key), &count), 0))
        assert_int_equal(count, count_table(check, key, table_len(key)));
    if (answers(check, cdb_catalog_table_count(check->catalog, check->end, "none", 4, &count), 0))
        assert_int_equal(count, 0);
}

static void check_end(struct check *check, size_t end)
{
    const struct chain *chain = check->chain;

    check->end = end;
    memset(check->state, 0, chain->keys->count * sizeof(*check->state));
    for (size_t i = 0; i < end; i++)
        for (size_t j = 0; j < chain->commits[i].count; j++)
            check->state[chain->commits[i].changes[j].key] = chain->commits[i].changes[j].after;
    check_tables(check);
    for (int i = 0; i < 3; i++)
        check_cursor(check);
    check_changes(check);
    for (int i = 0; i < 3; i++)
        check_versions(check, (uint32_t)random_below(check->random, random_chance(check->random, 50)
                                                                        ? chain->keys->count
                                                                        : chain->keys->count / 8 + 1));
}

void chain_check(const struct chain *chain, size_t count, struct random *random, struct cdb_catalog *catalog,
                 size_t ends, bool *damaged)
{
    struct check check = {chain, count, random, catalog, damaged, 0, calloc(chain->keys->count, sizeof(uint32_t))};

    check_timeline(&check, 300);
    check_end(&check, count);
    for (size_t i = 0; i < ends; i++)
        check_end(&check, random_below(random, count + 1));
    free(check.state);
}
