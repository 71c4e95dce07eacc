/* SPDX-License-Identifier: MIT
 *
 * What stands on what (members.h, pairs.h), the file packed-refs, and packs that are written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "random.h"
#include "store.h"
#include "store/delta.h"
#include "store/members.h"
#include "store/pack.h"
#include "store/packrefs.h"
#include "store/rewrite.h"
#include "util/fs.h"

#define LIMIT 8

static void add_member(struct cdb_members *members, unsigned number, unsigned flags, uint16_t source)
{
    struct cdb_member member = {.base = CDB_NO_MEMBER, .source = source, .type = CDB_BLOB, .flags = (uint8_t)flags};
    snprintf((char *)member.oid.id, CDB_OID_SIZE, "%08u", number);
    assert_int_equal(cdb_members_add(members, &member), 0);
}

static void test_members_are_unique(void **state)
{
    struct cdb_members members = {NULL, 0, 0};
    struct cdb_oid oid = {{0}};
    (void)state;
    for (unsigned i = 50; i > 0; i--)
        add_member(&members, i, 0, 3);
    add_member(&members, 7, CDB_MEMBER_DELTA, 5);
    add_member(&members, 8, 0, 1);
    cdb_members_sort(&members);
    assert_int_equal(members.count, 50);
    for (unsigned i = 1; i <= 50; i++) {
        snprintf((char *)oid.id, CDB_OID_SIZE, "%08u", i);
        uint32_t found = cdb_members_find(&members, &oid);
        assert_int_equal(found, i - 1);
        assert_int_equal(members.list[found].source, i == 7 ? 5 : i == 8 ? 1 : 3);
        assert_int_equal((members.list[found].flags & CDB_MEMBER_TWICE) != 0, i == 7 || i == 8);
    }
    snprintf((char *)oid.id, CDB_OID_SIZE, "%08u", 51u);
    assert_int_equal(cdb_members_find(&members, &oid), CDB_NO_MEMBER);
    cdb_members_release(&members);
}

/* Whatever is asked for: no circles, no chain longer than the limit. */
static void test_links(void **state)
{
    struct random random = random_seed(21);
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct cdb_members members = {NULL, 0, 0};
        size_t count = 2 + random_below(&random, 60), linked = 0;
        for (unsigned i = 0; i < count; i++)
            add_member(&members, i, 0, 0);
        cdb_members_sort(&members);
        for (size_t i = 1; i < count; i++) /* chains that are there already */
            if (random_chance(&random, 20))
                members.list[i].base = (uint32_t)random_below(&random, i);
        cdb_members_measure(&members);
        bool bounded = true;
        for (size_t i = 0; i < count; i++)
            bounded = bounded && members.list[i].height <= LIMIT;
        for (int tries = 0; tries < 400; tries++)
            linked += cdb_members_link(&members, (uint32_t)random_below(&random, count),
                                       (uint32_t)random_below(&random, count), LIMIT);
        for (size_t i = 0; i < count; i++) {
            unsigned length = 0;
            for (uint32_t at = (uint32_t)i; members.list[at].base != CDB_NO_MEMBER; at = members.list[at].base)
                assert_true(++length <= (bounded ? LIMIT : count));
        }
        assert_true(linked > 0 || count < 4);
        cdb_members_release(&members);
    }
}

static void test_link_types(void **state)
{
    struct cdb_members members = {NULL, 0, 0};
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add_member(&members, i, 0, 0);
    members.list[2].type = CDB_TREE;
    assert_false(cdb_members_link(&members, 0, 2, LIMIT));
    assert_false(cdb_members_link(&members, 1, 1, LIMIT));
    assert_true(cdb_members_link(&members, 0, 1, LIMIT));
    assert_false(cdb_members_link(&members, 0, 1, LIMIT));
    assert_false(cdb_members_link(&members, 1, 0, LIMIT));
    cdb_members_release(&members);
}

/* ---- packed-refs --------------------------------------------------------------------------------- */

#define A      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEADER "# pack-refs with: peeled fully-peeled sorted \n"

static void check_refs(const char *text, const char *wanted)
{
    struct cdb_packed_refs refs = {NULL, 0, 0};
    struct cdb_buf out = CDB_BUF_INIT;
    char *copy = strdup(text);
    int result = cdb_packed_refs_parse(&refs, copy, strlen(text));
    assert_int_equal(result, wanted != NULL ? 0 : CHRONDB_EDAMAGED);
    if (wanted != NULL) {
        cdb_packed_refs_encode(&refs, &out);
        assert_string_equal(out.ptr, wanted);
    }
    cdb_packed_refs_release(&refs);
    cdb_buf_release(&out);
    free(copy);
}

static void test_packed_refs(void **state)
{
    (void)state;
    check_refs("", HEADER);
    check_refs(HEADER A " refs/heads/a\n" B " refs/tags/v\n^" A "\n",
               HEADER A " refs/heads/a\n" B " refs/tags/v\n^" A "\n");
    check_refs(A " refs/tags/b\n" B " refs/heads/a\n", HEADER B " refs/heads/a\n" A " refs/tags/b\n");
    check_refs(A " refs/heads/a", NULL); /* cut */
    check_refs(A "  refs/heads/a\n", NULL);
    check_refs("^" A "\n", NULL);
    check_refs("zz" A " refs/heads/a\n", NULL);
    check_refs(A " refs/heads/..\n", NULL);
    check_refs(A "\n", NULL);
}

/* ---- packs that are written anew ------------------------------------------------------------------- */

struct world {
    struct store store;
    struct cdb_oid *oids; /* all objects */
    size_t count, room;
    struct random random;
};

static void note(struct world *world, const struct cdb_oid *oid)
{
    world->oids = realloc(world->oids, (world->count + 1) * sizeof(*oid));
    assert_non_null(world->oids);
    world->oids[world->count++] = *oid;
}

static struct cdb_oid commit(struct world *world, const struct cdb_oid *tree, const struct cdb_oid *parent,
                             int64_t time)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit_spec spec = {.tree = *tree,
                                   .parents = parent,
                                   .parent_count = parent != NULL,
                                   .author = "A <a@example.org>",
                                   .committer = "A <a@example.org>",
                                   .time = {time, 0},
                                   .message = "m"};
    cdb_commit_encode(&content, &spec);
    struct cdb_oid oid = store_write(&world->store, CDB_COMMIT, content.ptr, content.len);
    cdb_buf_release(&content);
    note(world, &oid);
    return oid;
}

/* A history of one table: values change, and change back. */
static void make_history(struct world *world, int commits)
{
    struct cdb_tree_entry entries[20];
    char names[20][8];
    struct cdb_oid head, *parent = NULL;
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "%02d.json", i);
        entries[i] = (struct cdb_tree_entry){names[i], 7, CDB_MODE_FILE, store_blob(&world->store, names[i])};
        note(world, &entries[i].oid);
    }
    for (int i = 0; i < commits; i++) {
        char text[200];
        size_t changed = random_below(&world->random, 20);
        snprintf(text, sizeof(text), "{\"n\":%d,\"text\":\"words that stay as they are, in every version\"}",
                 (int)random_below(&world->random, 30));
        entries[changed].oid = store_blob(&world->store, text);
        note(world, &entries[changed].oid);
        struct cdb_oid table = store_tree(&world->store, entries, 20);
        note(world, &table);
        struct cdb_tree_entry top = {"table", 5, CDB_MODE_DIR, table};
        struct cdb_oid root = store_tree(&world->store, &top, 1);
        note(world, &root);
        head = commit(world, &root, parent, 1000 + i);
        parent = &head;
    }
}

/* Those of the objects that the dice say, into a pack; its name. */
static void pack_some(struct world *world, unsigned percent, char name[64])
{
    struct cdb_rewrite *rewrite = NULL;
    assert_int_equal(cdb_rewrite_new(&rewrite, world->store.dir, world->store.objects), 0);
    for (size_t i = 0; i < world->count; i++)
        if (random_chance(&world->random, percent))
            assert_int_equal(cdb_rewrite_add_loose(rewrite, &world->oids[i]), 0);
    assert_int_equal(cdb_rewrite_run(rewrite, "t", NULL, NULL), 0);
    snprintf(name, 64, "%s", cdb_rewrite_name(rewrite));
    cdb_rewrite_free(rewrite);
}

static void remove_loose(struct world *world)
{
    char path[CDB_LOOSE_PATH];
    for (size_t i = 0; i < world->count; i++) {
        cdb_loose_path(&world->oids[i], path);
        (void)unlinkat(world->store.dir, path, 0);
    }
}

static void test_rewrite(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct world world = {.random = random_seed(31 + (uint64_t)round)};
        struct cdb_rewrite *rewrite = NULL;
        struct cdb_objects *objects = NULL;
        struct cdb_buf out = CDB_BUF_INIT;
        char names[5][64];
        int type;
        store_open(&world.store);
        make_history(&world, 150);
        for (int i = 0; i < 4; i++) /* the same objects, here and there, standing on this and that */
            pack_some(&world, 40, names[i]);
        pack_some(&world, 100, names[4]);
        remove_loose(&world);
        assert_int_equal(cdb_rewrite_new(&rewrite, world.store.dir, world.store.objects), 0);
        for (int i = 0; i < 5; i++)
            assert_int_equal(cdb_rewrite_add_pack(rewrite, names[i]), 0);
        assert_int_equal(cdb_rewrite_add_pack(rewrite, "pack-none"), 1);
        assert_int_equal(cdb_rewrite_run(rewrite, "t", NULL, NULL), 0);
        for (int i = 0; i < 5; i++) {
            static const char *const suffixes[] = {".idx", ".pack"};
            for (int k = 0; k < 2 && strcmp(names[i], cdb_rewrite_name(rewrite)) != 0; k++) {
                char path[128];
                snprintf(path, sizeof(path), "objects/pack/%.63s%s", names[i], suffixes[k]);
                assert_int_equal(unlinkat(world.store.dir, path, 0), 0);
            }
        }
        assert_int_equal(cdb_objects_new(&objects, world.store.dir), 0);
        for (size_t i = 0; i < world.count; i++) {
            assert_true(cdb_rewrite_wrote(rewrite, &world.oids[i]));
            assert_int_equal(cdb_objects_find(objects, &world.oids[i], CDB_TREE_MAX, &type, &out), 0);
        }
        cdb_objects_free(objects);
        cdb_rewrite_free(rewrite);
        cdb_buf_release(&out);
        free(world.oids);
        store_close(&world.store);
    }
}

static int stop(void *context, const char *phase, uint64_t done, uint64_t total)
{
    int *left = context;
    assert_non_null(phase);
    assert_true(done <= total);
    return --*left < 0 ? 77 : 0;
}

/* Cancelled anywhere, nothing is left. */
static void test_cancelled(void **state)
{
    struct world world = {.random = random_seed(51)};
    (void)state;
    store_open(&world.store);
    make_history(&world, 10);
    for (int steps = 0; steps < 60; steps += 7) {
        struct cdb_rewrite *rewrite = NULL;
        int left = steps;
        assert_int_equal(cdb_rewrite_new(&rewrite, world.store.dir, world.store.objects), 0);
        for (size_t i = 0; i < world.count; i++)
            assert_int_equal(cdb_rewrite_add_loose(rewrite, &world.oids[i]), 0);
        int result = cdb_rewrite_run(rewrite, "t", stop, &left);
        assert_int_equal(result, left < 0 ? 77 : 0);
        assert_int_equal(cdb_rewrite_wrote(rewrite, &world.oids[0]), result == 0);
        cdb_rewrite_free(rewrite);
        assert_false(cdb_fs_exists(world.store.dir, "objects/pack/tmp_pack_chrondb_t"));
        assert_false(cdb_fs_exists(world.store.dir, "objects/pack/tmp_idx_chrondb_t"));
    }
    free(world.oids);
    store_close(&world.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_unique), cmocka_unit_test(test_links),   cmocka_unit_test(test_link_types),
        cmocka_unit_test(test_packed_refs),        cmocka_unit_test(test_rewrite), cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
