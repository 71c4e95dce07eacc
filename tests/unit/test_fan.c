/* SPDX-License-Identifier: MIT
 *
 * Reading: one document, all of them, the tables, what differs; in trees that other tools wrote as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "store.h"
#include "store/docs.h"
#include "trees.h"

static struct store store;

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

/* ---- the parts --------------------------------------------------------------------------------- */

/* The examples of chrondb-format(5). */
static void test_hash(void **state)
{
    struct cdb_fan_hash one = cdb_fan_hash("1", 1), user = cdb_fan_hash("user", 4), none = cdb_fan_hash("", 0);
    static const unsigned digits[] = {3, 5, 6, 0xa}, user_digits[] = {1, 2, 0xd, 0xe}, none_digits[] = {0xd, 0xa, 3, 9};
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(cdb_fan_digit(&one, i), digits[i]);
        assert_int_equal(cdb_fan_digit(&user, i), user_digits[i]);
        assert_int_equal(cdb_fan_digit(&none, i), none_digits[i]);
    }
    assert_int_equal(cdb_fan_digit(&one, 39), 0xb); /* 356a192b7913b04c54574d18c28d46e6395428ab */
    for (unsigned i = 0; i < CDB_FAN_DEPTH; i++) {
        struct cdb_fan_hash copy = {{0}};
        for (unsigned k = 0; k <= i; k++)
            cdb_fan_set_digit(&copy, k, cdb_fan_digit(&one, k));
        for (unsigned k = 0; k < CDB_FAN_DEPTH; k++)
            assert_int_equal(cdb_fan_digit(&copy, k), k <= i ? cdb_fan_digit(&one, k) : 0);
    }
}

static void test_classify(void **state)
{
    static const struct {
        uint32_t mode;
        const char *name;
        enum cdb_entry_kind root, table, untabled;
    } cases[] = {
        {0040000, "user", CDB_ENTRY_ITEM, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "_", CDB_ENTRY_ITEM, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "3", CDB_ENTRY_FAN, CDB_ENTRY_FAN, CDB_ENTRY_FAN},
        {0040000, "f", CDB_ENTRY_FAN, CDB_ENTRY_FAN, CDB_ENTRY_FAN},
        {0040000, "F", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "g", CDB_ENTRY_ITEM, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "a.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "%61", CDB_ENTRY_ITEM, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0040000, "%75ser", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0100644, "1.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_ITEM, CDB_ENTRY_ITEM},
        {0100755, "1.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_ITEM, CDB_ENTRY_ITEM},
        {0100664, "1.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_ITEM, CDB_ENTRY_ITEM},
        {0120000, "1.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0160000, "1.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0160000, "3", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0100644, "3", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0100644, "a%3Ab.json", CDB_ENTRY_FOREIGN, CDB_ENTRY_ITEM, CDB_ENTRY_FOREIGN},
        {0100644, "a.txt", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
        {0100644, ".json", CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN, CDB_ENTRY_FOREIGN},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cdb_tree_entry entry = {cases[i].name, strlen(cases[i].name), cases[i].mode, {{0}}};
        assert_int_equal(cdb_fan_classify(&entry, CDB_FAN_ROOT), cases[i].root);
        assert_int_equal(cdb_fan_classify(&entry, CDB_FAN_TABLE), cases[i].table);
        assert_int_equal(cdb_fan_classify(&entry, CDB_FAN_UNTABLED), cases[i].untabled);
    }
}

static void test_entries(void **state)
{
    struct cdb_oid oid = {{1}}, none = {{0}};
    struct cdb_tree_entry list[] = {
        {"3", 1, 0040000, oid}, {"a", 1, 0100644, oid},    {"a.json", 6, 0120000, oid}, {"b.json", 6, 0100755, oid},
        {"f", 1, 0040000, oid}, {"user", 4, 0100644, oid}, {"user", 4, 0040000, oid},
    };
    struct cdb_oid tree = store_tree(&store, list, 7);
    struct cdb_fan fan;
    (void)state;

    assert_int_equal(cdb_fan_load(&fan, store.objects, &tree, CDB_FAN_TABLE), 0);
    assert_true(fan.count == 7 && fan.items == 1 && fan.fans == 2);
    assert_non_null(cdb_fan_entry(&fan, "b.json", false));
    assert_null(cdb_fan_entry(&fan, "b.json", true));
    assert_null(cdb_fan_entry(&fan, "a.json", false)); /* a link */
    assert_null(cdb_fan_entry(&fan, "c.json", false));
    assert_int_equal(cdb_fan_entry(&fan, "user", false)->mode, 0100644);
    assert_int_equal(cdb_fan_entry(&fan, "user", true)->mode, 0040000);
    assert_non_null(cdb_fan_child(&fan, 3));
    assert_non_null(cdb_fan_child(&fan, 15));
    assert_null(cdb_fan_child(&fan, 10)); /* "a" is a file */
    cdb_fan_release(&fan);
    assert_int_equal(cdb_fan_load(&fan, store.objects, &none, CDB_FAN_TABLE), 0);
    assert_true(fan.count == 0 && cdb_fan_entry(&fan, "x", false) == NULL && cdb_fan_child(&fan, 1) == NULL);
    cdb_fan_release(&fan);
    assert_int_equal(cdb_fan_load(&fan, store.objects, &oid, CDB_FAN_TABLE), CHRONDB_EDAMAGED);
    assert_non_null(strstr(chrondb_last_error()->message, store_hex(&oid)));
    cdb_fan_release(&fan);
}

/* ---- against what the manual says ---------------------------------------------------------------- */

static bool find(const struct cdb_oid *root, const char *text, const struct cdb_lookup *before, struct cdb_lookup *out)
{
    struct cdb_key key;

    assert_int_equal(cdb_key_parse(&key, text, strlen(text)), 0);
    assert_int_equal(cdb_docs_find(store.objects, root, &key, before, out), 0);
    return out->found;
}

static void expect_items(const struct documents *documents, const struct cdb_items *items)
{
    assert_int_equal(items->count, documents->count);
    for (size_t i = 0; i < items->count; i++) {
        assert_string_equal(items->items[i].name, documents->list[i].key);
        assert_true(cdb_oid_equal(&items->items[i].oid, &documents->list[i].oid));
    }
}

static void check_collect(const struct cdb_oid *root, const struct documents *documents,
                          const struct cdb_filter *filter)
{
    struct documents wanted = {NULL, 0, 0};
    struct cdb_items items = {0};

    for (size_t i = 0; i < documents->count; i++) {
        const char *key = documents->list[i].key, *colon = strchr(key, ':');
        size_t table_len = colon != NULL ? (size_t)(colon - key) : 0;
        if (filter->prefix != NULL && strncmp(key, filter->prefix, strlen(filter->prefix)) != 0)
            continue;
        if (filter->table != NULL && (strlen(filter->table) != table_len || memcmp(filter->table, key, table_len) != 0))
            continue;
        documents_set(&wanted, key, &documents->list[i].oid);
    }
    assert_int_equal(cdb_docs_collect(store.objects, root, filter, &items), 0);
    expect_items(&wanted, &items);
    cdb_items_release(&items);
    documents_release(&wanted);
}

struct table_walk {
    const struct documents *documents;
    char *last;
    uint64_t total;
};

static int check_table(void *context, const char *table, uint64_t count)
{
    struct table_walk *walk = context;
    uint64_t expected = 0;
    size_t len = strlen(table);

    for (size_t i = 0; i < walk->documents->count; i++) {
        const char *key = walk->documents->list[i].key;
        expected += len == 0 ? strchr(key, ':') == NULL : strncmp(key, table, len) == 0 && key[len] == ':';
    }
    assert_int_equal(count, expected);
    assert_true(count > 0);
    assert_true(walk->last == NULL || strcmp(walk->last, table) < 0);
    free(walk->last);
    walk->last = strdup(table);
    walk->total += count;
    return 0;
}

static void check_tables(const struct cdb_oid *root, const struct documents *documents)
{
    struct table_walk walk = {documents, NULL, 0};

    assert_int_equal(cdb_docs_tables(store.objects, root, check_table, &walk), 0);
    assert_int_equal(walk.total, documents->count);
    free(walk.last);
}

static bool passes(const struct cdb_filter *filter, const char *key)
{
    const char *colon = strchr(key, ':');
    size_t table_len = colon != NULL ? (size_t)(colon - key) : 0;

    if (filter->prefix != NULL && strncmp(key, filter->prefix, strlen(filter->prefix)) != 0)
        return false;
    return filter->table == NULL || (strlen(filter->table) == table_len && memcmp(filter->table, key, table_len) == 0);
}

/* The same changes, a few at a time. */
static void check_pages(const struct cdb_oid *from, const struct cdb_oid *to, const struct cdb_changes *all,
                        const struct cdb_filter *filter)
{
    struct cdb_changes page = {0};
    size_t keep = all->count / 3 + 1, at = 0;
    char *after = NULL;
    bool more = true;

    while (more) {
        page = (struct cdb_changes){.filter = filter, .after = after, .keep = keep};
        assert_int_equal(cdb_docs_diff(store.objects, from, to, &page), 0);
        assert_true(page.count <= keep);
        assert_true(page.room <= 4 * keep + 16);
        for (size_t i = 0; i < page.count; i++, at++) {
            while (at < all->count && !passes(filter, all->changes[at].key))
                at++;
            assert_true(at < all->count);
            assert_string_equal(page.changes[i].key, all->changes[at].key);
            assert_memory_equal(&page.changes[i].old_blob, &all->changes[at].old_blob, 2 * sizeof(struct cdb_oid));
        }
        more = page.more;
        assert_true(!more || page.count == keep);
        free(after);
        after = more ? strdup(page.changes[page.count - 1].key) : NULL;
        cdb_changes_release(&page);
    }
    while (at < all->count && !passes(filter, all->changes[at].key))
        at++;
    assert_int_equal(at, all->count);
}

static void check_diff(const struct cdb_oid *from, const struct documents *a, const struct cdb_oid *to,
                       const struct documents *b)
{
    struct cdb_changes changes = {0};
    size_t i = 0, j = 0, at = 0;

    assert_int_equal(cdb_docs_diff(store.objects, from, to, &changes), 0);
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->list[i].key, b->list[j].key);
        const struct document *old = order <= 0 ? &a->list[i++] : NULL, *new = order >= 0 ? &b->list[j++] : NULL;
        if (old != NULL && new != NULL && cdb_oid_equal(&old->oid, &new->oid))
            continue;
        assert_true(at < changes.count);
        const struct cdb_change *change = &changes.changes[at++];
        assert_string_equal(change->key, old != NULL ? old->key : new->key);
        assert_int_equal(change->key_len, strlen(change->key));
        assert_true(old != NULL ? cdb_oid_equal(&change->old_blob, &old->oid) : cdb_oid_is_zero(&change->old_blob));
        assert_true(new != NULL ? cdb_oid_equal(&change->new_blob, &new->oid) : cdb_oid_is_zero(&change->new_blob));
    }
    assert_int_equal(at, changes.count);
    check_pages(from, to, &changes, (const struct cdb_filter[]){{NULL, NULL}});
    if (changes.count > 0) {
        const char *key = changes.changes[changes.count / 2].key, *colon = strchr(key, ':');
        char *table = strndup(key, colon != NULL ? (size_t)(colon - key) : 0);
        char *prefix = strndup(key, strlen(key) / 2);
        check_pages(from, to, &changes, (const struct cdb_filter[]){{prefix, NULL}});
        check_pages(from, to, &changes, (const struct cdb_filter[]){{NULL, table}});
        free(table);
        free(prefix);
    }
    cdb_changes_release(&changes);
}

static void check_finds(struct random *random, const struct shape *shape, const struct cdb_oid *root,
                        const struct documents *documents)
{
    struct cdb_lookup lookup;

    for (size_t i = 0; i < documents->count; i++) {
        assert_true(find(root, documents->list[i].key, NULL, &lookup));
        assert_true(cdb_oid_equal(&lookup.blob, &documents->list[i].oid));
    }
    for (int i = 0; i < 50; i++) {
        char key[64];
        random_key(random, shape, key);
        const struct document *expected = documents_find(documents, key);
        assert_int_equal(find(root, key, NULL, &lookup), expected != NULL);
        assert_true(expected == NULL || cdb_oid_equal(&lookup.blob, &expected->oid));
    }
}

static void check_filters(const struct cdb_oid *root, const struct documents *documents)
{
    static const struct cdb_filter filters[] = {
        {NULL, NULL},   {"", NULL},      {NULL, ""},          {NULL, "_"},       {NULL, "table1"},
        {NULL, "none"}, {"table", NULL}, {"table1", NULL},    {"table1:", NULL}, {"a", NULL},
        {"a:", NULL},   {"1", NULL},     {"table1:id", NULL}, {"1", "table1"},   {"table1:1", "table1"},
        {":", NULL},    {"\xc3", NULL},  {"a", "a b"},
    };

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        check_collect(root, documents, &filters[i]);
}

#define STATES 6

static void check_shape(struct random *random, const struct shape *shape)
{
    struct paths paths[STATES] = {{NULL, 0, 0}};
    struct documents documents[STATES] = {{NULL, 0, 0}};
    struct cdb_oid roots[STATES] = {{{0}}};
    char key[64];

    for (int i = 1; i < STATES; i++) { /* the first is nothing at all */
        if (i % 2 == 0)                /* a canonical tree among them */
            documents_place(&documents[i - 1], NULL, &paths[i]);
        else
            for (size_t k = 0; k < shape->files; k++)
                random_file(random, shape, &paths[i]);
        for (int k = 0; i % 2 == 0 && k < 10 && paths[i].count > 0; k++) /* and one that was changed a little */
            random_file(random, shape, &paths[i]);
        roots[i] = paths_write(&paths[i], &store);
        documents_read(&documents[i], &paths[i]);
        check_finds(random, shape, &roots[i], &documents[i]);
        check_filters(&roots[i], &documents[i]);
        check_tables(&roots[i], &documents[i]);
    }
    for (int i = 0; i < STATES; i++)
        for (int k = 0; k < STATES; k++)
            check_diff(&roots[i], &documents[i], &roots[k], &documents[k]);
    for (int k = 0; k < 100; k++) { /* lookups that go on from one another */
        struct cdb_lookup lookups[2];
        random_key(random, shape, key);
        for (int i = 0, has_before = 0; i < STATES; i++, has_before = 1) {
            const struct document *expected = documents_find(&documents[i], key);
            assert_int_equal(find(&roots[i], key, has_before ? &lookups[(i + 1) % 2] : NULL, &lookups[i % 2]),
                             expected != NULL);
            assert_true(expected == NULL || cdb_oid_equal(&lookups[i % 2].blob, &expected->oid));
        }
    }
    for (int i = 0; i < STATES; i++) {
        paths_release(&paths[i]);
        documents_release(&documents[i]);
    }
}

static void test_random_trees(void **state)
{
    static const struct shape shapes[] = {
        {1, 10, 10, 2}, {1, 300, 200, 2}, {3, 20, 30, 3}, {12, 30, 120, 2}, {150, 3, 200, 1}, {4, 100, 300, 1},
    };
    struct random random = random_seed(6);
    (void)state;

    for (size_t round = random_rounds(4, 40); round > 0; round--)
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
            check_shape(&random, &shapes[i]);
}

/* ---- lookups that go on ------------------------------------------------------------------------- */

/* One tree object on several levels: what it means depends on where it is. */
static void test_same_tree_elsewhere(void **state)
{
    struct cdb_oid blob = store_blob(&store, "1");
    struct cdb_tree_entry leaf = {"1.json", 6, CDB_MODE_FILE, blob};
    struct cdb_oid documents = store_tree(&store, &leaf, 1), wrong = store_tree(&store, NULL, 0);
    struct cdb_lookup before, after;
    (void)state;

    /* The hash of "1" begins with 356a. X = {3: {}, 5: {1.json}}: as the table itself it has no 1; below its own
     * digit 3 it has one. */
    struct cdb_tree_entry x_entries[] = {{"3", 1, CDB_MODE_DIR, wrong}, {"5", 1, CDB_MODE_DIR, documents}};
    struct cdb_oid x = store_tree(&store, x_entries, 2);
    struct cdb_tree_entry y_entry = {"3", 1, CDB_MODE_DIR, x};
    struct cdb_oid y = store_tree(&store, &y_entry, 1);
    struct cdb_tree_entry first = {"user", 4, CDB_MODE_DIR, x}, second = {"user", 4, CDB_MODE_DIR, y};
    struct cdb_oid root_x = store_tree(&store, &first, 1), root_y = store_tree(&store, &second, 1);
    assert_false(find(&root_x, "user:1", NULL, &before));
    assert_true(find(&root_y, "user:1", NULL, &after));
    assert_true(find(&root_y, "user:1", &before, &after));
    assert_false(find(&root_x, "user:1", &after, &before));

    /* A whole database that was moved into a directory: its root is a table now. */
    struct cdb_tree_entry moved[] = {{"user", 4, CDB_MODE_DIR, wrong}, {"1.json", 6, CDB_MODE_FILE, blob}};
    struct cdb_oid inner = store_tree(&store, moved, 2);
    struct cdb_tree_entry outer_entry = {"user", 4, CDB_MODE_DIR, inner};
    struct cdb_oid outer = store_tree(&store, &outer_entry, 1);
    assert_false(find(&inner, "user:1", NULL, &before));
    assert_true(find(&outer, "user:1", &before, &after));
}

/* ---- trees that are meant to hurt ----------------------------------------------------------------- */

/* A fan-out directory in a directory, `depth` times, below `entry`. */
static struct cdb_oid nest(struct cdb_oid oid, const char *digit, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        struct cdb_tree_entry entry = {digit, 1, CDB_MODE_DIR, oid};
        oid = store_tree(&store, &entry, 1);
    }
    return oid;
}

static struct cdb_oid in_table(const char *table, struct cdb_oid tree)
{
    struct cdb_tree_entry entry = {table, strlen(table), CDB_MODE_DIR, tree};

    return store_tree(&store, &entry, 1);
}

static void test_deep(void **state)
{
    struct cdb_oid blob = store_blob(&store, "1"), tree;
    struct cdb_tree_entry leaf = {"1.json", 6, CDB_MODE_FILE, blob};
    char prefix[81], digit[2] = "0";
    struct documents none = {NULL, 0, 0}, one = {NULL, 0, 0};
    struct cdb_filter all = {NULL, NULL};
    struct cdb_lookup lookup;
    (void)state;

    documents_set(&one, "user:1", &blob);
    tree = store_tree(&store, &leaf, 1);
    fan_prefix("1", 40, prefix);
    for (unsigned i = 40; i-- > 0;) { /* the longest way there is */
        digit[0] = prefix[2 * i];
        tree = nest(tree, digit, 1);
    }
    tree = in_table("user", tree);
    assert_true(find(&tree, "user:1", NULL, &lookup));
    check_collect(&tree, &one, &all);
    tree = nest(store_tree(&store, &leaf, 1), "3", 10000);
    struct cdb_oid in_user = in_table("user", tree), in_root = nest(in_table("user", tree), "1", 10000);
    assert_false(find(&in_user, "user:1", NULL, &lookup));
    assert_false(find(&in_root, "user:1", NULL, &lookup));
    check_collect(&in_user, &none, &all);
    check_collect(&in_root, &none, &all);
    check_tables(&in_root, &none);
    check_diff(&in_user, &none, &in_root, &none);
    documents_release(&one);
}

/* 16 entries a directory, all of them the same one, 40 levels down: more paths than there are atoms. */
static struct cdb_oid bomb(struct cdb_oid oid)
{
    for (int level = 0; level < 40; level++) {
        struct cdb_tree_entry entries[16];
        for (int digit = 0; digit < 16; digit++)
            entries[digit] = (struct cdb_tree_entry){&"0123456789abcdef"[digit], 1, CDB_MODE_DIR, oid};
        oid = store_tree(&store, entries, 16);
    }
    return oid;
}

static void test_bomb(void **state)
{
    struct cdb_tree_entry one = {"1.json", 6, CDB_MODE_FILE, {{1}}}, two = {"2.json", 6, CDB_MODE_FILE, {{2}}};
    struct cdb_oid tree = in_table("user", bomb(store_tree(&store, &one, 1)));
    struct cdb_oid other = in_table("user", bomb(store_tree(&store, &two, 1)));
    struct cdb_items items = {0};
    struct cdb_changes changes = {0};
    struct cdb_lookup lookup;
    (void)state;

    assert_true(find(&tree, "user:1", NULL, &lookup));
    assert_false(find(&tree, "user:2", NULL, &lookup));
    assert_int_equal(cdb_docs_collect(store.objects, &tree, &(struct cdb_filter){NULL, NULL}, &items),
                     CHRONDB_EDAMAGED);
    assert_int_equal(cdb_docs_diff(store.objects, &tree, &other, &changes), CHRONDB_EDAMAGED);
    struct cdb_oid roots[2] = {bomb(tree), bomb(other)};
    assert_int_equal(cdb_docs_diff(store.objects, &roots[0], &roots[1], &changes), CHRONDB_EDAMAGED);
    cdb_items_release(&items);
    cdb_changes_release(&changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_classify),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_random_trees),
        cmocka_unit_test(test_same_tree_elsewhere),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_bomb),
    };

    return cmocka_run_group_tests_name("fan", tests, open_store, close_store);
}
