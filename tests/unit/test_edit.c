/* SPDX-License-Identifier: MIT
 *
 * Writing: the tree is a function of the documents alone, whatever their history; what other tools left is made
 * canonical, and what is no document stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "random.h"
#include "store.h"
#include "store/bulk.h"
#include "store/docs.h"
#include "store/edit.h"
#include "trees.h"

static struct store store;
static const struct cdb_oid nothing;

/* ---- editing ------------------------------------------------------------------------------------ */

#define EDITS_MAX 400

/* One write: at most one change a key. */
struct write {
    char texts[EDITS_MAX][64];
    struct cdb_key keys[EDITS_MAX];
    struct cdb_edit edits[EDITS_MAX];
    size_t count;
};

/* `blob` NULL: delete. */
static void write_add(struct write *write, const char *text, const struct cdb_oid *blob)
{
    size_t at = 0;

    while (at < write->count && strcmp(write->texts[at], text) != 0)
        at++;
    assert_true(at < EDITS_MAX);
    snprintf(write->texts[at], sizeof(write->texts[at]), "%s", text);
    assert_int_equal(cdb_key_parse(&write->keys[at], write->texts[at], strlen(text)), 0);
    write->edits[at] = (struct cdb_edit){&write->keys[at], blob != NULL ? *blob : nothing};
    write->count += at == write->count;
}

static void write_apply(const struct write *write, struct documents *documents)
{
    for (size_t i = 0; i < write->count; i++)
        documents_set(documents, write->texts[i],
                      cdb_oid_is_zero(&write->edits[i].blob) ? NULL : &write->edits[i].blob);
}

/* The twin that import uses: it goes on from its last root if that is the one, as import does, and must make the same
 * trees. Only of what another tool left it may say that it is not laid out as it should be. */
static struct twin {
    struct cdb_bulk *bulk;
    struct cdb_pack *pack;
    struct cdb_oid root;
    size_t edits, refusals, continued;
} twin;

static void twin_close(void)
{
    cdb_bulk_free(twin.bulk);
    twin.bulk = NULL;
    cdb_pack_free(twin.pack);
    twin.pack = NULL;
}

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    twin_close();
    store_close(&store);
    return 0;
}

static bool twin_try(const struct cdb_oid *root, const struct write *write)
{
    int result = 0;
    if (twin.bulk != NULL && cdb_oid_equal(root, &twin.root)) {
        twin.continued++;
    } else {
        twin_close();
        assert_int_equal(cdb_pack_new(&twin.pack, store.dir, "twin"), 0);
        result = cdb_bulk_new(&twin.bulk, store.objects, root);
        if (result == 0)
            cdb_bulk_use_pack(twin.bulk, twin.pack);
    }
    for (size_t i = 0; result == 0 && i < write->count; i++) {
        struct cdb_oid before;
        result = cdb_bulk_set(twin.bulk, &write->keys[i], &write->edits[i].blob, &before);
    }
    if (result == 0)
        result = cdb_bulk_write(twin.bulk, &twin.root);
    if (result == 0)
        return true;
    assert_int_equal(result, CHRONDB_EDAMAGED);
    twin.refusals++;
    cdb_bulk_free(twin.bulk);
    twin.bulk = NULL;
    return false;
}

static struct cdb_oid edit(const struct cdb_oid *root, const struct write *write, const struct cdb_oid *trusted)
{
    struct cdb_edit_request request = {.objects = store.objects,
                                       .root = *root,
                                       .foreign = trusted != NULL,
                                       .edits = write->edits,
                                       .count = write->count,
                                       .emit = store_emit,
                                       .emit_context = &store};
    struct cdb_oid result;

    if (trusted != NULL)
        request.trusted = *trusted;
    store.emitted = 0;
    if (cdb_docs_edit(&request, &result) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    twin.edits += trusted == NULL;
    if (trusted == NULL && twin_try(root, write) && !cdb_oid_equal(&twin.root, &result))
        fail_msg("in bulk %s becomes %s, not %s", store_hex(root), store_hex(&twin.root), store_hex(&result));
    return result;
}

static void test_twin(void **state)
{
    (void)state;
    assert_true(twin.edits > 1000 && twin.continued > 500);
    assert_true(twin.refusals * 10 < twin.edits);
    print_message("%zu edits, %zu of them in a row, %zu refused\n", twin.edits, twin.continued, twin.refusals);
}

static void print_missing(const char *what, const struct paths *from, const struct paths *in)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct path *path = &from->list[i];
        size_t k = 0;
        while (k < in->count && (strcmp(in->list[k].text, path->text) != 0 || in->list[k].mode != path->mode ||
                                 !cdb_oid_equal(&in->list[k].oid, &path->oid)))
            k++;
        if (k == in->count)
            print_error("%s: %o %s\n", what, (unsigned)path->mode, path->text);
    }
}

static void expect_root(const struct cdb_oid *root, const struct cdb_oid *expected)
{
    struct paths actual = {NULL, 0, 0}, wanted = {NULL, 0, 0};

    if (cdb_oid_equal(root, expected))
        return;
    paths_read(&actual, &store, root);
    paths_read(&wanted, &store, expected);
    print_missing("missing", &wanted, &actual);
    print_missing("too many", &actual, &wanted);
    fail_msg("%s instead of %s", store_hex(root), store_hex(expected));
}

/* ---- the canonical tree --------------------------------------------------------------------------- */

static void test_empty(void **state)
{
    struct write write = {.count = 0};
    struct cdb_oid blob = store_blob(&store, "1"), root = edit(&nothing, &write, NULL), one, empty;
    (void)state;

    assert_string_equal(store_hex(&root), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    write_add(&write, "user:1", &blob);
    one = edit(&root, &write, NULL);
    struct cdb_oid same = edit(&nothing, &write, NULL);
    assert_true(cdb_oid_equal(&one, &same));
    write.count = 0;
    write_add(&write, "user:1", NULL);
    write_add(&write, "user:2", NULL); /* deleting what is not there changes nothing */
    write_add(&write, "config", NULL);
    empty = edit(&one, &write, NULL);
    assert_true(cdb_oid_equal(&empty, &root));
    empty = edit(&empty, &write, NULL);
    assert_true(cdb_oid_equal(&empty, &root));
}

/* The very tree of the manual's example, written by hand. */
static void test_small_tree(void **state)
{
    struct write write = {.count = 0};
    struct cdb_oid blob = store_blob(&store, "1");
    struct cdb_tree_entry document = {"1.json", 6, 0100644, blob}, config = {"config.json", 11, 0100644, blob};
    struct cdb_oid table = store_tree(&store, &document, 1), untabled = store_tree(&store, &config, 1);
    struct cdb_tree_entry tables[] = {{"_", 1, 0040000, untabled}, {"user", 4, 0040000, table}};
    struct cdb_oid expected = store_tree(&store, tables, 2);
    (void)state;

    write_add(&write, "user:1", &blob);
    write_add(&write, "config", &blob);
    struct cdb_oid root = edit(&nothing, &write, NULL);
    expect_root(&root, &expected);
}

/* Add `count` documents, each with a write of its own, then take them away again in another order; every tree on the
 * way must be the canonical one. */
static void grow_and_shrink(const char *form, size_t count)
{
    struct documents documents = {NULL, 0, 0};
    struct cdb_oid root = nothing, empty;
    struct write write;
    char key[64];

    for (size_t i = 0; i < 2 * count; i++) {
        struct cdb_oid blob = {{1, (unsigned char)i}};
        snprintf(key, sizeof(key), form, i < count ? i : (i * 11 + 3) % count);
        write.count = 0;
        write_add(&write, key, i < count ? &blob : NULL);
        write_apply(&write, &documents);
        root = edit(&root, &write, NULL);
        if (count < 100 || i % 37 == 0) { /* what went wrong stays wrong */
            struct cdb_oid expected = documents_root(&documents, NULL, &store);
            expect_root(&root, &expected);
        }
    }
    assert_int_equal(documents.count, 0);
    empty = documents_root(&documents, NULL, &store);
    expect_root(&root, &empty);
    documents_release(&documents);
}

static void test_grow_and_shrink(void **state)
{
    (void)state;
    grow_and_shrink("user:%zu", 70); /* across the limit of 64, both ways */
    grow_and_shrink("%zu", 70);
    grow_and_shrink("table%zu:id", 70);
    grow_and_shrink("user:%zu", 1201); /* a second level */
    grow_and_shrink("t%zu:x", 700);
}

/* 64 exactly is a list, 65 is not. */
static void test_limit(void **state)
{
    struct write write = {.count = 0};
    struct cdb_oid blob = store_blob(&store, "1");
    struct paths paths = {NULL, 0, 0};
    char key[64];
    (void)state;

    for (unsigned i = 0; i < 64; i++) {
        snprintf(key, sizeof(key), "user:%u", i);
        write_add(&write, key, &blob);
    }
    struct cdb_oid list = edit(&nothing, &write, NULL);
    paths_read(&paths, &store, &list);
    for (size_t i = 0; i < paths.count; i++)
        assert_int_equal(strcspn(paths.list[i].text + 5, "/"), strlen(paths.list[i].text + 5));
    paths_release(&paths);
    write.count = 0;
    write_add(&write, "user:64", &blob);
    struct cdb_oid fan = edit(&list, &write, NULL);
    paths_read(&paths, &store, &fan);
    assert_int_equal(paths.count, 65);
    for (size_t i = 0; i < paths.count; i++)
        assert_int_equal(strcspn(paths.list[i].text + 5, "/"), 1);
    write.count = 0;
    write_add(&write, "user:64", NULL);
    struct cdb_oid back = edit(&fan, &write, NULL);
    expect_root(&back, &list);
    paths_release(&paths);
}

static void random_write(struct random *random, const struct shape *shape, struct write *write, size_t count)
{
    char key[64];

    write->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct cdb_oid blob = random_blob(random);
        random_key(random, shape, key);
        write_add(write, key, random_chance(random, 60) ? &blob : NULL);
    }
}

/* Any history of writes of any size. */
static void test_random_histories(void **state)
{
    static const struct shape shapes[] = {
        {1, 150, 0, 0}, {2, 80, 0, 0}, {12, 40, 0, 0}, {150, 2, 0, 0}, {100, 100, 0, 0}, {1, 3000, 0, 0},
    };
    struct random random = random_seed(7);
    struct write *write = calloc(1, sizeof(*write));
    (void)state;

    assert_non_null(write);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct documents documents = {NULL, 0, 0};
        struct cdb_oid root = nothing;
        for (size_t step = random_rounds(30, 200); step > 0; step--) {
            size_t count = random_chance(&random, 50) ? 1 : 1 + random_below(&random, 300);
            random_write(&random, &shapes[i], write, count);
            write_apply(write, &documents);
            root = edit(&root, write, NULL);
            struct cdb_oid expected = documents_root(&documents, NULL, &store);
            expect_root(&root, &expected);
        }
        documents_release(&documents);
    }
    free(write);
}

/* Ids and tables at the limit of what a name can be. */
static void test_long_names(void **state)
{
    struct documents documents = {NULL, 0, 0};
    struct cdb_oid blob = store_blob(&store, "1"), root = nothing;
    char text[600];
    (void)state;

    for (unsigned i = 0; i < 140; i++) {
        struct cdb_key key;
        size_t table_len = 255, id_len = 250;
        memset(text, 't', table_len);
        if (i % 2 == 0) /* 85 bytes that become three each */
            memset(text, ' ', table_len = 85);
        text[table_len] = ':';
        memset(text + table_len + 1, 'i', id_len);
        text[table_len + 1] = (char)('A' + i % 26);
        text[table_len + 2] = (char)('A' + i / 26);
        text[table_len + 1 + id_len] = '\0';
        assert_int_equal(cdb_key_parse(&key, text, strlen(text)), 0);
        struct cdb_edit one = {&key, blob};
        struct cdb_edit_request request = {.objects = store.objects,
                                           .root = root,
                                           .edits = &one,
                                           .count = 1,
                                           .emit = store_emit,
                                           .emit_context = &store};
        assert_int_equal(cdb_docs_edit(&request, &root), 0);
        documents_set(&documents, text, &blob);
        struct cdb_oid expected = documents_root(&documents, NULL, &store);
        expect_root(&root, &expected);
    }
    documents_release(&documents);
}

/* A put into a large table writes the directories on the way, not the table. */
static void test_cost(void **state)
{
    struct write *write = calloc(1, sizeof(*write));
    struct cdb_oid blob = store_blob(&store, "1"), root = nothing;
    char key[64];
    (void)state;

    assert_non_null(write);
    for (unsigned i = 0; i < 20000; i += EDITS_MAX) {
        write->count = 0;
        for (unsigned k = i; k < i + EDITS_MAX; k++) {
            snprintf(key, sizeof(key), "user:%u", k);
            write_add(write, key, &blob);
        }
        root = edit(&root, write, NULL);
    }
    write->count = 0;
    write_add(write, "user:another", &blob);
    root = edit(&root, write, NULL);
    assert_in_range(store.emitted, 3, 5); /* the root, the table, two or three levels */
    write->count = 0;
    write_add(write, "user:another", NULL);
    write_add(write, "user:17", NULL);
    (void)edit(&root, write, NULL);
    assert_in_range(store.emitted, 3, 8);
    write->count = 0;
    write_add(write, "user:nobody", NULL);
    struct cdb_oid same = edit(&root, write, NULL);
    assert_int_equal(store.emitted, 0);
    assert_true(cdb_oid_equal(&same, &root));
    free(write);
}

/* ---- what other tools left ------------------------------------------------------------------------ */

/* Edit a tree of others, then go on with its result as with one of our own. */
static void check_foreign(struct random *random, const struct shape *shape, const struct cdb_oid *trusted,
                          struct paths *paths, struct write *write)
{
    struct cdb_oid root = paths_write(paths, &store);
    struct documents documents = {NULL, 0, 0};

    documents_read(&documents, paths);
    for (int step = 0; step < 6; step++) {
        random_write(random, shape, write, step == 0 ? random_below(random, 4) : 1 + random_below(random, 30));
        write_apply(write, &documents);
        root = edit(&root, write, step == 0 ? trusted : NULL);
        struct cdb_oid expected = documents_root(&documents, paths, &store);
        expect_root(&root, &expected);
    }
    documents_release(&documents);
}

static void test_foreign_trees(void **state)
{
    static const struct shape shapes[] = {
        {1, 10, 10, 2}, {1, 300, 200, 2}, {3, 20, 30, 3}, {12, 30, 120, 2}, {150, 3, 200, 1}, {4, 100, 300, 1},
    };
    struct random random = random_seed(8);
    struct write *write = calloc(1, sizeof(*write));
    (void)state;

    assert_non_null(write);
    for (size_t round = random_rounds(4, 40); round > 0; round--) {
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            struct paths paths = {NULL, 0, 0};
            for (size_t k = 0; k < shapes[i].files; k++)
                random_file(&random, &shapes[i], &paths);
            check_foreign(&random, &shapes[i], &nothing, &paths, write);
            paths_release(&paths);
        }
    }
    free(write);
}

/* A tree of ours that another tool changed here and there. */
static void test_foreign_changes(void **state)
{
    static const struct shape shapes[] = {{1, 300, 0, 2}, {3, 100, 0, 1}, {150, 3, 0, 1}, {12, 30, 0, 2}};
    struct random random = random_seed(9);
    struct write *write = calloc(1, sizeof(*write));
    (void)state;

    assert_non_null(write);
    for (size_t round = random_rounds(4, 40); round > 0; round--) {
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            struct documents documents = {NULL, 0, 0};
            struct paths paths = {NULL, 0, 0};
            for (int k = 0; k < 200; k++) {
                char key[64];
                struct cdb_oid blob = random_blob(&random);
                random_key(&random, &shapes[i], key);
                documents_set(&documents, key, &blob);
            }
            documents_place(&documents, NULL, &paths);
            struct cdb_oid trusted = paths_write(&paths, &store);
            for (int k = 0; k < 12; k++)
                random_file(&random, &shapes[i], &paths);
            for (int k = 0; k < 8; k++) { /* some are gone */
                size_t at = random_below(&random, paths.count);
                free(paths.list[at].text);
                paths.list[at] = paths.list[--paths.count];
            }
            check_foreign(&random, &shapes[i], &trusted, &paths, write);
            paths_release(&paths);
            documents_release(&documents);
        }
    }
    free(write);
}

/* ---- in each other's way ------------------------------------------------------------------------ */

static void add(struct paths *paths, const char *text, uint32_t mode, unsigned char id)
{
    struct cdb_oid oid = {{id}};

    assert_true(paths_add(paths, text, mode, &oid));
}

static bool has(const struct cdb_oid *root, const char *text, unsigned char id)
{
    struct paths paths = {NULL, 0, 0};
    size_t found = 0;
    bool right = false;

    paths_read(&paths, &store, root);
    for (size_t i = 0; i < paths.count; i++) {
        if (strcmp(paths.list[i].text, text) != 0)
            continue;
        found++;
        right = paths.list[i].oid.id[0] == id;
    }
    paths_release(&paths);
    assert_true(found <= 1);
    return found == 1 && right;
}

/* What stands where a document must go gives way: a directory holds a name once. */
static void test_in_the_way(void **state)
{
    static const struct {
        const char *path;
        uint32_t mode;
    } cases[] = {
        {"user/1.json", 0120000}, {"user/1.json", 0160000}, {"user/1.json/x", 0100644}, {"user/1.json/1.json", 0100644},
        {"user", 0100644},        {"user", 0120000},        {"user", 0160000},
    };
    struct write write;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int foreign = 0; foreign < 2; foreign++) {
            struct paths paths = {NULL, 0, 0}, after = {NULL, 0, 0};
            struct cdb_oid blob = {{99}};
            add(&paths, cases[i].path, cases[i].mode, 1);
            add(&paths, "README", 0100644, 2);
            add(&paths, "other/x.json", 0100644, 3);
            struct cdb_oid root = paths_write(&paths, &store);
            write.count = 0;
            write_add(&write, "user:1", &blob);
            root = edit(&root, &write, foreign ? &nothing : NULL);
            assert_true(has(&root, "user/1.json", 99));
            assert_true(has(&root, "README", 2) && has(&root, "other/x.json", 3));
            paths_read(&after, &store, &root);
            assert_int_equal(after.count, 3);
            write.count = 0; /* and deleting a document does not delete what is none */
            write_add(&write, "user:2", NULL);
            root = paths_write(&paths, &store);
            struct cdb_oid same = edit(&root, &write, foreign ? &nothing : NULL);
            expect_root(&same, &root);
            write.count = 0;
            write_add(&write, "user:1", NULL);
            same = edit(&root, &write, foreign ? &nothing : NULL);
            expect_root(&same, &root);
            paths_release(&after);
            paths_release(&paths);
        }
    }
}

/* A file that has the name of a fan-out directory, when the table divides. */
static void test_in_the_way_of_a_fan(void **state)
{
    struct paths paths = {NULL, 0, 0};
    struct documents documents = {NULL, 0, 0};
    struct write write = {.count = 0};
    char key[64];
    (void)state;

    add(&paths, "user/3", 0100644, 1);
    add(&paths, "user/notes", 0100644, 2);
    add(&paths, "5", 0120000, 3);
    struct cdb_oid root = paths_write(&paths, &store);
    for (unsigned i = 0; i < 80; i++) {
        struct cdb_oid blob = {{100, (unsigned char)i}};
        snprintf(key, sizeof(key), "user:%u", i);
        write_add(&write, key, &blob);
    }
    write_apply(&write, &documents);
    struct cdb_oid after = edit(&root, &write, NULL);
    struct cdb_oid expected = documents_root(&documents, &paths, &store);
    expect_root(&after, &expected);
    assert_true(has(&after, "user/notes", 2) && has(&after, "5", 3));
    after = edit(&root, &write, &nothing);
    expect_root(&after, &expected);
    paths_release(&paths);
    documents_release(&documents);
}

/* A document in a directory of other digits than its own is nobody's: kept as it is. */
static void test_misplaced(void **state)
{
    struct paths paths = {NULL, 0, 0};
    struct write write = {.count = 0};
    struct cdb_oid blob = {{99}};
    (void)state;

    add(&paths, "user/7/1.json", 0100644, 1); /* 356a */
    add(&paths, "user/3/6/1.json", 0100644, 2);
    add(&paths, "7/user/1.json", 0100644, 3); /* 12de */
    add(&paths, "user/3/1.json", 0100644, 4);
    struct cdb_oid root = paths_write(&paths, &store);
    write_add(&write, "user:2", &blob);
    for (int foreign = 1; foreign >= 0; foreign--) {
        root = edit(&root, &write, foreign ? &nothing : NULL);
        assert_true(has(&root, "user/1.json", 4) && has(&root, "user/2.json", 99));
        assert_true(has(&root, "user/7/1.json", 1));
        assert_true(has(&root, "user/3/6/1.json", 2));
        assert_true(has(&root, "7/user/1.json", 3));
    }
    write_add(&write, "user:1", NULL);
    root = edit(&root, &write, NULL);
    assert_true(has(&root, "user/2.json", 99) && !has(&root, "user/1.json", 4));
    assert_true(has(&root, "user/7/1.json", 1) && has(&root, "7/user/1.json", 3));
    paths_release(&paths);
}

/* Modes are made the usual one when a tree is made canonical. */
static void test_modes(void **state)
{
    struct paths paths = {NULL, 0, 0};
    struct documents documents = {NULL, 0, 0};
    struct write write = {.count = 0};
    struct cdb_oid blob = {{9}};
    (void)state;

    add(&paths, "user/1.json", 0100755, 1);
    add(&paths, "other/1.json", 0100664, 2);
    add(&paths, "run.sh", 0100755, 3);
    struct cdb_oid root = paths_write(&paths, &store);
    write_add(&write, "third:1", &blob);
    documents_read(&documents, &paths);
    write_apply(&write, &documents);
    root = edit(&root, &write, &nothing);
    struct cdb_oid expected = documents_root(&documents, &paths, &store);
    expect_root(&root, &expected);
    paths_release(&paths);
    documents_release(&documents);
}

/* Entries of no mode at all, which git shows as submodules, and twice the same name. */
static void test_hostile_entries(void **state)
{
    struct cdb_oid blob = {{1}}, other = {{2}};
    struct write write = {.count = 0};
    static const char content[] = "0 odd\0AAAAAAAAAAAAAAAAAAAA"
                                  "100644 x.json\0BBBBBBBBBBBBBBBBBBBB"
                                  "100644 x.json\0CCCCCCCCCCCCCCCCCCCC"
                                  "100644 a.json\0DDDDDDDDDDDDDDDDDDDD";
    struct cdb_oid table = store_write(&store, CDB_TREE, content, sizeof(content) - 1);
    struct cdb_tree_entry entry = {"user", 4, CDB_MODE_DIR, table};
    struct cdb_oid root = store_tree(&store, &entry, 1);
    (void)state;

    write_add(&write, "user:1", &blob);
    write_add(&write, "user:a", &other);
    for (int foreign = 0; foreign < 2; foreign++) {
        struct cdb_oid after = edit(&root, &write, foreign ? &nothing : NULL);
        assert_true(has(&after, "user/1.json", 1));
        assert_true(has(&after, "user/a.json", 2));
        assert_true(has(&after, "user/x.json", 'C'));
        assert_true(has(&after, "user/odd", 'A'));
    }
}

static void test_failures(void **state)
{
    struct cdb_oid missing = {{0xee}}, blob = {{1}};
    struct cdb_tree_entry entry = {"user", 4, CDB_MODE_DIR, missing};
    struct cdb_oid root = store_tree(&store, &entry, 1), out;
    struct write write = {.count = 0};
    (void)state;

    write_add(&write, "user:1", &blob);
    struct cdb_edit_request request = {.objects = store.objects,
                                       .root = root,
                                       .edits = write.edits,
                                       .count = 1,
                                       .emit = store_emit,
                                       .emit_context = &store};
    for (int foreign = 0; foreign < 2; foreign++) {
        request.foreign = foreign != 0;
        assert_int_equal(cdb_docs_edit(&request, &out), CHRONDB_EDAMAGED);
        assert_non_null(strstr(chrondb_last_error()->message, store_hex(&missing)));
    }
    request.root = missing;
    for (int foreign = 0; foreign < 2; foreign++) {
        request.foreign = foreign != 0;
        assert_int_equal(cdb_docs_edit(&request, &out), CHRONDB_EDAMAGED);
    }
}

/* ---- a small stack ------------------------------------------------------------------------------ */

static void *edit_deep(void *context)
{
    struct write *write = context;
    struct cdb_oid blob = {{1}}, tree = store_tree(&store, &(struct cdb_tree_entry){"1.json", 6, 0100644, {{2}}}, 1);
    char prefix[81];

    for (int both = 0; both < 2; both++) { /* 40 directories in the table, and 40 in the root */
        fan_prefix(both == 0 ? "1" : "user", 40, prefix);
        for (unsigned i = 40; i-- > 0;)
            tree = store_tree(&store, &(struct cdb_tree_entry){&prefix[2 * i], 1, CDB_MODE_DIR, tree}, 1);
        if (both == 0)
            tree = store_tree(&store, &(struct cdb_tree_entry){"user", 4, CDB_MODE_DIR, tree}, 1);
    }
    write->count = 0;
    write_add(write, "user:2", &blob);
    struct cdb_oid after = edit(&tree, write, &nothing);
    assert_true(has(&after, "user/1.json", 2) && has(&after, "user/2.json", 1));
    write->count = 0;
    write_add(write, "user:1", NULL);
    after = edit(&tree, write, NULL);
    assert_true(!has(&after, "user/1.json", 2));
    return NULL;
}

/* As many levels as there can be, with 256 KB of stack. */
static void test_small_stack(void **state)
{
    struct write *write = calloc(1, sizeof(*write));
    pthread_attr_t attributes;
    pthread_t thread;
    (void)state;

    assert_non_null(write);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attributes, edit_deep, write), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    free(write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_small_tree),
        cmocka_unit_test(test_grow_and_shrink),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_foreign_trees),
        cmocka_unit_test(test_foreign_changes),
        cmocka_unit_test(test_in_the_way),
        cmocka_unit_test(test_in_the_way_of_a_fan),
        cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_hostile_entries),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_small_stack),
        cmocka_unit_test(test_twin),
    };

    return cmocka_run_group_tests_name("edit", tests, open_store, close_store);
}
