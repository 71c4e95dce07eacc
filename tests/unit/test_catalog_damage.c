/* SPDX-License-Identifier: MIT
 *
 * Files of the catalog that are damaged, cut short, missing or in the way: every answer is right, or it says so. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain.h"
#include "index/files.h"
#include "index/manifest.h"
#include "index/tail.h"
#include "random.h"
#include "scratch.h"
#include "util/fs.h"

#define REF   "refs/heads/main"
#define FILES 8

struct place {
    struct random random;
    char *path;
    int dir;
    struct chain_keys keys;
    struct chain chain;
};

static void log_commits(struct place *place, size_t count)
{
    while (count-- > 0) {
        chain_commit(&place->chain, &place->random, 1 + random_below(&place->random, 3), place->keys.count);
        assert_int_equal(chain_log(&place->chain, place->chain.count - 1, place->dir, REF), 0);
    }
}

static void save(struct place *place)
{
    struct cdb_catalog *catalog;

    assert_int_equal(cdb_catalog_open(&catalog, place->dir, REF), 0);
    assert_int_equal(cdb_catalog_save(catalog, place->dir), 0);
    cdb_catalog_close(catalog);
}

/* Two segments, and a tail of a few records. */
static void place_open(struct place *place)
{
    *place = (struct place){.random = random_seed(7), .path = scratch_new()};
    place->dir = open(place->path, O_RDONLY | O_DIRECTORY);
    assert_true(place->dir >= 0);
    chain_keys_init(&place->keys, 12);
    chain_init(&place->chain, &place->keys);
    log_commits(place, 7);
    save(place);
    log_commits(place, 5);
    save(place);
    log_commits(place, 4);
}

static void place_close(struct place *place)
{
    chain_release(&place->chain);
    chain_keys_release(&place->keys);
    close(place->dir);
    scratch_remove(place->path);
}

/* ---- files -------------------------------------------------------------------------------------- */

struct file {
    char name[CDB_FILE_NAME_SIZE];
    struct cdb_buf data;
};

/* All there are whose names end so. */
static size_t list_files(struct place *place, const char *suffix, struct file out[FILES])
{
    DIR *listing = cdb_fs_opendir(place->dir, ".");
    const struct dirent *entry;
    size_t n = 0;

    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.' || !cdb_file_ends(entry->d_name, suffix))
            continue;
        assert_true(n < FILES);
        out[n] = (struct file){.data = CDB_BUF_INIT};
        snprintf(out[n].name, sizeof(out[n].name), "%s", entry->d_name);
        assert_int_equal(cdb_fs_read(place->dir, entry->d_name, 1 << 20, &out[n].data), 0);
        n++;
    }
    closedir(listing);
    return n;
}

static void release_files(struct file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cdb_buf_release(&files[i].data);
}

static void write_file(struct place *place, const char *name, const void *data, size_t len)
{
    assert_int_equal(cdb_fs_write_file(place->dir, name, data, len, false), 0);
}

/* Whatever the files are: the answers of a view are those of a beginning of the chain. True if something was missed. */
static bool probe(struct place *place)
{
    struct cdb_catalog *catalog;
    bool damaged = false;
    int result = cdb_catalog_open(&catalog, place->dir, REF);

    assert_true(result == 0 || result == 1);
    if (result == 1)
        return true;
    assert_true(cdb_catalog_count(catalog) <= place->chain.count);
    damaged = cdb_catalog_count(catalog) < place->chain.count;
    chain_check(&place->chain, (size_t)cdb_catalog_count(catalog), &place->random, catalog, 3, &damaged);
    cdb_catalog_close(catalog);
    return damaged;
}

/* ---- damage ------------------------------------------------------------------------------------- */

static void damage_file(struct place *place, struct file *file)
{
    size_t missed = 0;

    for (size_t at = 0; at < file->data.len; at++) {
        unsigned char bit = (unsigned char)(1u << random_below(&place->random, 8));

        file->data.ptr[at] = (char)((unsigned char)file->data.ptr[at] ^ bit);
        write_file(place, file->name, file->data.ptr, file->data.len);
        missed += probe(place);
        file->data.ptr[at] = (char)((unsigned char)file->data.ptr[at] ^ bit);
    }
    /* Nearly every byte is looked at by these questions, or would be by others. */
    assert_true(missed * 10 > file->data.len * 5);
    for (size_t len = 0; len < file->data.len; len++) {
        write_file(place, file->name, file->data.ptr, len);
        assert_true(probe(place));
    }
    write_file(place, file->name, file->data.ptr, file->data.len);
    assert_false(probe(place));
}

static void damage_all(const char *suffix, size_t expected)
{
    struct place place;
    struct file files[FILES];

    place_open(&place);
    size_t count = list_files(&place, suffix, files);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++)
        damage_file(&place, &files[i]);
    release_files(files, count);
    place_close(&place);
}

static void test_damaged_segment(void **state)
{
    (void)state;
    damage_all(CDB_FILE_SEGMENT, 2);
}

static void test_damaged_manifest(void **state)
{
    (void)state;
    damage_all(CDB_FILE_MANIFEST, 1);
}

static void test_damaged_tail(void **state)
{
    (void)state;
    damage_all(CDB_FILE_TAIL, 1);
}

/* Merging damaged segments publishes nothing. */
static void test_merge_damaged(void **state)
{
    struct place place;
    struct file files[FILES];

    (void)state;
    place_open(&place);
    size_t count = list_files(&place, CDB_FILE_SEGMENT, files);
    for (size_t at = 0; at < files[0].data.len; at += 3) {
        files[0].data.ptr[at] ^= 4;
        write_file(&place, files[0].name, files[0].data.ptr, files[0].data.len);
        files[0].data.ptr[at] ^= 4;
        int result = cdb_catalog_merge(place.dir, REF, true);
        write_file(&place, files[0].name, files[0].data.ptr, files[0].data.len);
        assert_true(result == 0 || result == CHRONDB_EDAMAGED);
        assert_false(probe(&place));
        if (cdb_catalog_merge(place.dir, "refs/heads/none", true) != 0)
            fail();
        struct cdb_manifest manifest;
        assert_int_equal(cdb_manifest_read(&manifest, place.dir, REF), 0);
        size_t segments = manifest.segment_count;
        cdb_manifest_release(&manifest);
        if (segments == 1)
            break; /* it was a byte that says nothing */
    }
    release_files(files, count);
    place_close(&place);
}

/* ---- the tail of a writer that died --------------------------------------------------------------- */

static void test_torn_tail(void **state)
{
    struct place place;
    struct file file[FILES], longer[FILES];

    (void)state;
    place_open(&place);
    size_t before = place.chain.count;
    assert_int_equal(list_files(&place, CDB_FILE_TAIL, file), 1);
    log_commits(&place, 1);
    assert_int_equal(list_files(&place, CDB_FILE_TAIL, longer), 1);
    for (size_t len = file->data.len; len < longer->data.len; len++) {
        write_file(&place, file->name, longer->data.ptr, len);
        chain_cut(&place.chain, before);
        assert_false(probe(&place));
        log_commits(&place, 2);
        assert_false(probe(&place));
    }
    /* A commit that does not follow is not taken, nor one that was. */
    assert_int_equal(chain_log(&place.chain, place.chain.count - 2, place.dir, REF), 1);
    assert_int_equal(chain_log(&place.chain, place.chain.count - 1, place.dir, REF), 1);
    assert_int_equal(chain_log(&place.chain, 0, place.dir, REF), 1);
    assert_false(probe(&place));
    release_files(file, 1);
    release_files(longer, 1);
    place_close(&place);
}

/* What was logged while a view was saved is in the new tail. */
static void test_carried_over(void **state)
{
    struct place place;
    struct cdb_catalog *catalog;

    (void)state;
    place_open(&place);
    for (int prepared = 0; prepared < 2; prepared++) {
        assert_int_equal(cdb_catalog_open(&catalog, place.dir, REF), 0);
        if (prepared)
            assert_int_equal(cdb_catalog_prepare(catalog, place.dir), 0);
        log_commits(&place, 3);
        assert_int_equal(cdb_catalog_save(catalog, place.dir), 0);
        cdb_catalog_close(catalog);
        assert_false(probe(&place));
        log_commits(&place, 2);
        assert_false(probe(&place));
    }
    place_close(&place);
}

/* Records that do not follow each other, in a tail that is whole. */
static void test_strange_records(void **state)
{
    struct place place;
    struct cdb_manifest manifest;
    struct file file[FILES];
    struct cdb_catalog_commit commit = {.id = chain_oid(99999)};

    (void)state;
    place_open(&place);
    assert_int_equal(cdb_manifest_read(&manifest, place.dir, REF), 0);
    assert_int_equal(list_files(&place, CDB_FILE_TAIL, file), 1);
    const struct cdb_catalog_commit *last = &place.chain.commits[place.chain.count - 1].commit;
    for (int what = 0; what < 4; what++) {
        struct cdb_buf data = CDB_BUF_INIT;
        struct cdb_catalog_change changes[2] = {{"b", 1, chain_oid(1), false}, {"a", 1, chain_oid(1), false}};

        cdb_buf_add(&data, file->data.ptr, file->data.len);
        commit.time = (chrondb_time){last->time.seconds + (what == 1 ? 0 : 1), last->time.nanoseconds};
        assert_int_equal(cdb_tail_put_record(&data, manifest.generation, what == 0 ? &manifest.last : &last->id,
                                             &commit, changes, what == 2 ? 2 : 0),
                         0);
        write_file(&place, file->name, data.ptr, data.len);
        if (what == 3) { /* this one follows */
            struct cdb_catalog *catalog;
            assert_int_equal(cdb_catalog_open(&catalog, place.dir, REF), 0);
            assert_int_equal(cdb_catalog_count(catalog), place.chain.count + 1);
            cdb_catalog_close(catalog);
        } else {
            assert_false(probe(&place));
        }
        cdb_buf_release(&data);
    }
    cdb_manifest_release(&manifest);
    release_files(file, 1);
    place_close(&place);
}

/* What is too large for a tail is left out; so is what comes after. */
static void test_large_record(void **state)
{
    struct place place;
    size_t count = CDB_TAIL_RECORD_MAX / 20;
    struct cdb_catalog_change *changes = calloc(count, sizeof(*changes));
    char(*names)[16] = calloc(count, sizeof(*names));
    struct cdb_catalog_commit commit = {.id = chain_oid(12345), .time = {1 << 30, 0}};

    (void)state;
    place_open(&place);
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "t:%08zu", i);
        changes[i] = (struct cdb_catalog_change){names[i], strlen(names[i]), chain_oid(1), false};
    }
    const struct cdb_oid *before = &place.chain.commits[place.chain.count - 1].commit.id;
    assert_int_equal(cdb_catalog_log(place.dir, REF, before, &commit, changes, count, NULL), 1);
    assert_int_equal(
        cdb_catalog_log(place.dir, "refs/heads/new", &(struct cdb_oid){{0}}, &commit, changes, count, NULL), 1);
    assert_false(probe(&place));
    log_commits(&place, 1);
    assert_false(probe(&place));
    free(changes);
    free(names);
    place_close(&place);
}

/* ---- files that are missing, or something else ----------------------------------------------------- */

static void test_missing(void **state)
{
    struct place place;
    struct file files[FILES];

    (void)state;
    place_open(&place);
    size_t count = list_files(&place, "", files);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        for (int what = 0; what < 5; what++) {
            unlinkat(place.dir, files[i].name, 0);
            if (what == 1)
                assert_int_equal(mkdirat(place.dir, files[i].name, 0777), 0);
            else if (what == 2)
                assert_int_equal(mkfifoat(place.dir, files[i].name, 0666), 0);
            else if (what == 3)
                assert_int_equal(symlinkat("/dev/null", place.dir, files[i].name), 0);
            else if (what == 4)
                write_file(&place, files[i].name, "", 0);
            assert_true(probe(&place));
            unlinkat(place.dir, files[i].name, what == 1 ? AT_REMOVEDIR : 0);
        }
        write_file(&place, files[i].name, files[i].data.ptr, files[i].data.len);
        assert_false(probe(&place));
    }
    release_files(files, count);
    place_close(&place);
}

/* A segment in the place of another. */
static void test_swapped(void **state)
{
    struct place place;
    struct file files[FILES];

    (void)state;
    place_open(&place);
    size_t count = list_files(&place, CDB_FILE_SEGMENT, files);
    for (size_t i = 0; i < count; i++) {
        const struct file *other = &files[(i + 1) % count];

        write_file(&place, files[i].name, other->data.ptr, other->data.len);
        assert_true(probe(&place));
        write_file(&place, files[i].name, files[i].data.ptr, files[i].data.len);
    }
    assert_false(probe(&place));
    release_files(files, count);
    place_close(&place);
}

/* A view outlives its files. */
static void test_frozen(void **state)
{
    struct place place;
    struct file files[FILES];
    struct cdb_catalog *catalog;

    (void)state;
    place_open(&place);
    assert_int_equal(cdb_catalog_open(&catalog, place.dir, REF), 0);
    size_t count = list_files(&place, "", files), commits = place.chain.count;
    log_commits(&place, 3);
    save(&place);
    assert_int_equal(cdb_catalog_merge(place.dir, REF, true), 0);
    for (size_t i = 0; i < count; i++)
        unlinkat(place.dir, files[i].name, 0);
    chain_check(&place.chain, commits, &place.random, catalog, 10, NULL);
    /* What it is made of is gone: it cannot be made the branch's. */
    assert_int_equal(cdb_catalog_save(catalog, place.dir), 1);
    chain_check(&place.chain, commits, &place.random, catalog, 10, NULL);
    cdb_catalog_close(catalog);
    release_files(files, count);
    place_close(&place);
}

static bool keep_all(void *context, const char *ref)
{
    (void)context;
    (void)ref;
    return true;
}

static bool keep_none(void *context, const char *ref)
{
    assert_string_equal(ref, REF);
    *(bool *)context = true;
    return false;
}

static void set_old(struct place *place, const char *name)
{
    struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};

    assert_int_equal(utimensat(place->dir, name, times, 0), 0);
}

static void make_old(struct place *place, const char *name)
{
    write_file(place, name, "", 0);
    set_old(place, name);
}

static void test_sweep(void **state)
{
    struct place place;
    struct file files[FILES];
    bool asked = false;

    (void)state;
    place_open(&place);
    size_t count = list_files(&place, "", files);
    for (size_t i = 0; i < count; i++)
        set_old(&place, files[i].name);
    release_files(files, count);
    make_old(&place, "0123456789abcdef.tmp");
    make_old(&place, "0123456789abcdef.segment");
    make_old(&place, "main-0123456789abcdef.tail");
    make_old(&place, "other.manifest");
    make_old(&place, "what else there is");
    write_file(&place, "1123456789abcdef.segment", "", 0);
    write_file(&place, "1123456789abcdef.tmp", "", 0); /* being written now */
    write_file(&place, "main-1123456789abcdef.tail", "", 0);
    assert_int_equal(cdb_catalog_sweep(place.dir, keep_all, NULL), 0);
    count = list_files(&place, "", files);
    assert_int_equal(count, 4 + 3);
    release_files(files, count);
    assert_false(probe(&place));
    assert_int_equal(cdb_catalog_sweep(place.dir, keep_none, &asked), 0);
    assert_true(asked);
    count = list_files(&place, CDB_FILE_SEGMENT, files);
    assert_int_equal(count, 0);
    assert_int_equal(list_files(&place, CDB_FILE_MANIFEST, files), 0);
    place_close(&place);
}

/* Names of refs: what is long or strange has files too. */
static void test_names(void **state)
{
    static const char *const refs[] = {"refs/heads/a", "refs/heads/a/b", "refs/heads/a%2Fb",
                                       "refs/heads/A", "refs/heads/+a",  "refs/tags/a",
                                       "HEAD",         "refs/heads/.a",  "refs/heads/a-b"};
    char names[16][CDB_FILE_NAME_SIZE], longest[1000] = "refs/heads/";

    (void)state;
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        cdb_file_manifest(names[i], refs[i]);
        assert_null(strchr(names[i], '/'));
        assert_true(names[i][0] != '.');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    memset(longest + 11, '/', sizeof(longest) - 12);
    cdb_file_tail(names[0], longest, UINT64_MAX);
    assert_true(strlen(names[0]) < 256 && cdb_file_ends(names[0], "-ffffffffffffffff.tail"));
    longest[900] = 'x';
    cdb_file_tail(names[1], longest, UINT64_MAX);
    assert_true(strlen(names[1]) < 256);
    assert_string_not_equal(names[0], names[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_segment), cmocka_unit_test(test_damaged_manifest),
        cmocka_unit_test(test_damaged_tail),    cmocka_unit_test(test_merge_damaged),
        cmocka_unit_test(test_torn_tail),       cmocka_unit_test(test_large_record),
        cmocka_unit_test(test_carried_over),    cmocka_unit_test(test_strange_records),
        cmocka_unit_test(test_swapped),         cmocka_unit_test(test_missing),
        cmocka_unit_test(test_frozen),          cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
