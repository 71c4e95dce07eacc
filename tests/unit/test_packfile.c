/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "random.h"
#include "scratch.h"
#include "store.h"
#include "store/delta.h"
#include "store/pack.h"
#include "store/packfile.h"
#include "store/rewrite.h"
#include "util/fs.h"

#define DOCUMENTS 200

struct world {
    struct store store;
    struct cdb_oid oids[DOCUMENTS];
    char texts[DOCUMENTS][256];
    char name[CDB_OID_HEX + 6];
};

/* Versions of one document, each but the first of eight a delta on the one before. */
static void set_up(struct world *world)
{
    struct cdb_pack *pack = NULL;
    struct cdb_buf delta = CDB_BUF_INIT;
    store_open(&world->store);
    assert_int_equal(cdb_pack_new(&pack, world->store.dir, "t"), 0);
    for (int i = 0; i < DOCUMENTS; i++) {
        char *text = world->texts[i];
        snprintf(text, sizeof(world->texts[i]), "{\"n\":%d,\"text\":\"words that stay as they are, in every version\"}",
                 i);
        assert_int_equal(cdb_object_hash(&world->oids[i], CDB_BLOB, text, strlen(text)), 0);
        if (i % 8 == 0) {
            assert_int_equal(cdb_pack_add(pack, CDB_BLOB, text, strlen(text), &world->oids[i]), 0);
            continue;
        }
        cdb_buf_clear(&delta);
        cdb_delta_edges(&delta, world->texts[i - 1], strlen(world->texts[i - 1]), text, strlen(text));
        cdb_pack_entry base = cdb_pack_find(pack, &world->oids[i - 1]);
        assert_int_equal(cdb_pack_add_delta(pack, &world->oids[i], base, delta.ptr, delta.len), 0);
    }
    assert_int_equal(cdb_pack_finish(pack), 0);
    snprintf(world->name, sizeof(world->name), "%s", cdb_pack_name(pack));
    cdb_pack_free(pack);
    cdb_buf_release(&delta);
}

static void tear_down(struct world *world)
{
    store_close(&world->store);
}

static struct cdb_buf read_file(const struct world *world, const char *suffix)
{
    char path[128];
    struct cdb_buf out = CDB_BUF_INIT;
    snprintf(path, sizeof(path), "objects/pack/%s%s", world->name, suffix);
    assert_int_equal(cdb_fs_read(world->store.dir, path, SIZE_MAX / 2, &out), 0);
    return out;
}

static void check_document(struct world *world, struct cdb_packfile *file, int i)
{
    struct cdb_buf out = CDB_BUF_INIT;
    const char *why;
    uint32_t position;
    int type = CDB_ANY;
    assert_int_equal(cdb_packfile_find(file, &world->oids[i], &position), 0);
    uint64_t offset = cdb_packfile_offset(file, position);
    assert_int_equal(cdb_packfile_read(file, offset, 4096, NULL, &type, &out, &why), 0);
    assert_int_equal(type, CDB_BLOB);
    assert_string_equal(out.ptr, world->texts[i]);
    cdb_buf_clear(&out);
    assert_int_equal(cdb_packfile_read(file, offset, 10, NULL, &type, &out, &why), CHRONDB_EDAMAGED);
    assert_string_equal(why, "larger than chrondb allows");
    assert_int_equal(out.len, 0);
    cdb_buf_release(&out);
}

static void test_one_pack(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    struct cdb_buf idx = read_file(&world, ".idx"), pack = read_file(&world, ".pack");
    struct cdb_packfile *file = NULL;
    struct cdb_oid absent = {{1, 2, 3}};
    uint32_t position, crc;
    assert_int_equal(cdb_packfile_view(&file, idx.ptr, idx.len, pack.ptr, pack.len), 0);
    assert_int_equal(cdb_packfile_count(file), DOCUMENTS);
    assert_int_equal(cdb_packfile_find(file, &absent, &position), 1);
    for (int i = 0; i < DOCUMENTS; i++)
        check_document(&world, file, i);
    assert_true(cdb_packfile_crc(file, 0, &crc));
    cdb_packfile_release(file);
    for (size_t cut = 0; cut < idx.len; cut += 1 + cut / 16) {
        char *part = malloc(cut + 1); /* so that a sanitizer sees where it ends */
        memcpy(part, idx.ptr, cut);
        assert_int_equal(cdb_packfile_view(&file, part, cut, pack.ptr, pack.len), CHRONDB_EDAMAGED);
        free(part);
    }
    for (size_t cut = 0; cut < pack.len; cut += 1 + cut / 16)
        assert_int_equal(cdb_packfile_view(&file, idx.ptr, idx.len, pack.ptr, cut), CHRONDB_EDAMAGED);
    cdb_buf_release(&idx);
    cdb_buf_release(&pack);
    tear_down(&world);
}

/* Packs come and go, under the eyes of one that reads. */
static void test_packs_come_and_go(void **state)
{
    struct world world;
    char path[2][128];
    struct cdb_buf out = CDB_BUF_INIT;
    int type = CDB_ANY;
    (void)state;
    set_up(&world);
    struct cdb_objects *objects = NULL;
    assert_int_equal(cdb_objects_new(&objects, world.store.dir), 0);
    for (int i = 0; i < DOCUMENTS; i++) {
        assert_int_equal(cdb_objects_find(objects, &world.oids[i], 4096, &type, &out), 0);
        assert_string_equal(out.ptr, world.texts[i]);
    }
    assert_int_equal(cdb_objects_find(objects, &world.oids[5], 10, &type, &out), CHRONDB_EDAMAGED);
    /* A new one. */
    struct cdb_pack *pack = NULL;
    struct cdb_oid oid;
    assert_int_equal(cdb_object_hash(&oid, CDB_BLOB, "new", 3), 0);
    assert_int_equal(cdb_objects_find(objects, &oid, 4096, &type, &out), 1);
    assert_int_equal(cdb_pack_new(&pack, world.store.dir, "t"), 0);
    assert_int_equal(cdb_pack_add(pack, CDB_BLOB, "new", 3, &oid), 0);
    assert_int_equal(cdb_pack_finish(pack), 0);
    cdb_pack_free(pack);
    assert_int_equal(cdb_objects_find(objects, &oid, 4096, &type, &out), 0);
    assert_string_equal(out.ptr, "new");
    cdb_objects_free(objects);
    /* One whose pack goes before it is read: another name. */
    assert_int_equal(cdb_objects_new(&objects, world.store.dir), 0);
    assert_int_equal(cdb_objects_find(objects, &oid, 4096, &type, &out), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path[0], sizeof(path[0]), "objects/pack/%s%s", world.name, i == 0 ? ".pack" : ".idx");
        snprintf(path[1], sizeof(path[1]), "objects/pack/pack-other%s", i == 0 ? ".pack" : ".idx");
        assert_int_equal(renameat(world.store.dir, path[0], world.store.dir, path[1]), 0);
    }
    assert_int_equal(cdb_objects_find(objects, &world.oids[7], 4096, &type, &out), 0);
    assert_string_equal(out.ptr, world.texts[7]);
    cdb_objects_free(objects);
    cdb_buf_release(&out);
    tear_down(&world);
}

static void test_prefixes(void **state)
{
    struct world world;
    char hex[CDB_OID_HEX + 1];
    struct cdb_oid found;
    (void)state;
    set_up(&world);
    for (int i = 0; i < DOCUMENTS; i++) {
        cdb_oid_format(&world.oids[i], hex);
        for (size_t len = 9; len <= CDB_OID_HEX; len++) {
            assert_int_equal(cdb_objects_abbreviation(world.store.objects, hex, len, &found), 0);
            assert_true(cdb_oid_equal(&found, &world.oids[i]));
        }
    }
    /* Several, among packs and loose objects; the same one in both is one. */
    struct cdb_oid loose = store_blob(&world.store, world.texts[3]);
    assert_true(cdb_oid_equal(&loose, &world.oids[3]));
    cdb_oid_format(&loose, hex);
    assert_int_equal(cdb_objects_abbreviation(world.store.objects, hex, 10, &found), 0);
    assert_int_equal(cdb_objects_abbreviation(world.store.objects, "00000000ff", 10, &found), 1);
    assert_int_equal(cdb_objects_abbreviation(world.store.objects, "nothex", 6, &found), 1);
    int several = 0;
    for (int i = 0; i < 60000 && several == 0; i++) { /* a blob that shares four digits with one in the pack */
        char text[32];
        snprintf(text, sizeof(text), "loose %d", i);
        struct cdb_oid oid;
        assert_int_equal(cdb_object_hash(&oid, CDB_BLOB, text, strlen(text)), 0);
        for (int k = 0; k < DOCUMENTS && several == 0; k++) {
            if (memcmp(oid.id, world.oids[k].id, 2) != 0)
                continue;
            store_blob(&world.store, text);
            cdb_oid_format(&oid, hex);
            several = cdb_objects_abbreviation(world.store.objects, hex, 4, &found);
        }
    }
    assert_int_equal(several, 2);
    tear_down(&world);
}

/* Whatever is changed: an error, or the right answer; in bounds. */
static void test_mutations(void **state)
{
    struct world world;
    struct random random = random_seed(11);
    (void)state;
    set_up(&world);
    struct cdb_buf idx = read_file(&world, ".idx"), pack = read_file(&world, ".pack");
    for (int round = 0; round < 3000; round++) {
        struct cdb_buf files[2] = {CDB_BUF_INIT, CDB_BUF_INIT}, out = CDB_BUF_INIT;
        struct cdb_packfile *file = NULL;
        cdb_buf_add(&files[0], idx.ptr, idx.len);
        cdb_buf_add(&files[1], pack.ptr, pack.len);
        for (size_t changes = 1 + random_below(&random, 4); changes > 0; changes--) {
            struct cdb_buf *target = &files[random_below(&random, 2)];
            target->ptr[random_below(&random, target->len)] = (char)random_below(&random, 256);
        }
        char *exact[2];
        for (int i = 0; i < 2; i++) {
            exact[i] = malloc(files[i].len);
            memcpy(exact[i], files[i].ptr, files[i].len);
        }
        if (cdb_packfile_view(&file, exact[0], files[0].len, exact[1], files[1].len) == 0) {
            for (uint32_t i = 0; i < cdb_packfile_count(file); i++) {
                const char *why = NULL;
                int type = CDB_ANY;
                uint64_t offset = cdb_packfile_offset(file, i);
                cdb_buf_clear(&out);
                int result =
                    offset == 0 ? CHRONDB_EDAMAGED : cdb_packfile_read(file, offset, 4096, NULL, &type, &out, &why);
                assert_true(result == 0 || (result == CHRONDB_EDAMAGED && out.len == 0));
                assert_true(result != 0 || (type >= CDB_COMMIT && type <= CDB_TAG && out.len <= 4096));
            }
            cdb_packfile_release(file);
        }
        for (int i = 0; i < 2; i++) {
            free(exact[i]);
            cdb_buf_release(&files[i]);
        }
        cdb_buf_release(&out);
    }
    cdb_buf_release(&idx);
    cdb_buf_release(&pack);
    tear_down(&world);
}

/* ---- threads ------------------------------------------------------------------------------------- */

struct reading {
    struct world *world;
    struct cdb_objects *objects;
    atomic_bool *stop;
    unsigned start;
    int failures;
};

static void *read_documents(void *context)
{
    struct reading *reading = context;
    struct cdb_buf out = CDB_BUF_INIT;
    for (unsigned i = reading->start; !atomic_load(reading->stop); i += 7) {
        int type = CDB_ANY, index = (int)(i % DOCUMENTS);
        if (cdb_objects_find(reading->objects, &reading->world->oids[index], 4096, &type, &out) != 0 ||
            strcmp(cdb_buf_str(&out), reading->world->texts[index]) != 0)
            reading->failures++;
    }
    cdb_buf_release(&out);
    return NULL;
}

/* All documents in a pack of another name; the old one goes. */
static void write_anew(struct world *world, int round)
{
    struct cdb_rewrite *rewrite = NULL;
    char old[CDB_OID_HEX + 6], text[32], path[128];
    snprintf(old, sizeof(old), "%s", world->name);
    snprintf(text, sizeof(text), "round %d", round);
    struct cdb_oid extra = store_blob(&world->store, text);
    assert_int_equal(cdb_rewrite_new(&rewrite, world->store.dir, world->store.objects), 0);
    assert_int_equal(cdb_rewrite_add_pack(rewrite, old), 0);
    assert_int_equal(cdb_rewrite_add_loose(rewrite, &extra), 0);
    assert_int_equal(cdb_rewrite_run(rewrite, "t", NULL, NULL), 0);
    snprintf(world->name, sizeof(world->name), "%s", cdb_rewrite_name(rewrite));
    cdb_rewrite_free(rewrite);
    snprintf(path, sizeof(path), "objects/pack/%s.idx", old);
    assert_int_equal(unlinkat(world->store.dir, path, 0), 0);
    snprintf(path, sizeof(path), "objects/pack/%s.pack", old);
    assert_int_equal(unlinkat(world->store.dir, path, 0), 0);
}

static void test_threads(void **state)
{
    struct world world;
    pthread_t threads[4];
    struct reading readings[4];
    atomic_bool stop = false;
    struct cdb_objects *objects = NULL;
    (void)state;
    set_up(&world);
    assert_int_equal(cdb_objects_new(&objects, world.store.dir), 0);
    for (unsigned i = 0; i < 4; i++) {
        readings[i] = (struct reading){&world, objects, &stop, i * 31, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_documents, &readings[i]), 0);
    }
    for (int round = 0; round < 40; round++)
        write_anew(&world, round);
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readings[i].failures, 0);
    }
    cdb_objects_free(objects);
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_pack),  cmocka_unit_test(test_packs_come_and_go), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
