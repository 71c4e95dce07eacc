/* SPDX-License-Identifier: MIT
 *
 * Backups and hostile bundles: what is cut short or altered anywhere is refused, and nothing is left behind; packs that
 * lie about counts, sizes and deltas are refused with little memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chrondb.h"
#include "random.h"
#include "scratch.h"
#include "store/bundle.h"
#include "store/objects.h"
#include "store/packcheck.h"
#include "util/buf.h"

static void check(int result)
{
    if (result != 0)
        fail_msg("%d: %s", result, chrondb_last_error()->message);
}

static void put(chrondb *db, const char *key, const char *value)
{
    chrondb_batch *batch;
    check(chrondb_batch_new(&batch, db));
    check(chrondb_batch_put(batch, key, value, strlen(value), NULL));
    check(chrondb_batch_commit(batch, NULL));
    chrondb_batch_free(batch);
}

static chrondb *open_new(const char *path)
{
    chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE};
    chrondb *db;
    check(chrondb_open(&db, path, &options));
    return db;
}

static void read_file(const char *path, struct cdb_buf *out)
{
    char chunk[4096];
    size_t n;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        cdb_buf_add(out, chunk, n);
    fclose(file);
    check(cdb_buf_check(out));
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* A descriptor that gives these bytes. */
static int give(const char *data, size_t len)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* To a place in `folder`, which is empty before and, if it fails, after. */
static int restore(const char *folder, const char *data, size_t len)
{
    char *path = scratch_path(folder, "db");
    chrondb_restore_options options = {.size = sizeof(options), .fd = give(data, len)};
    int result = chrondb_restore_backup(path, NULL, &options, NULL);
    close(options.fd);
    free(path);
    return result;
}

static void refuses(const char *folder, const char *data, size_t len, const char *what, size_t at)
{
    int result = restore(folder, data, len);
    if (result != CHRONDB_EDAMAGED && result != CHRONDB_ECONFLICT)
        fail_msg("%s at %zu: %d: %s", what, at, result, chrondb_last_error()->message);
    assert_int_equal(count_entries(folder), 0);
}

static void make_bundle(const char *scratch, struct cdb_buf *out)
{
    char *path = scratch_path(scratch, "source"), *file = scratch_path(scratch, "bundle");
    chrondb *db = open_new(path);
    chrondb_backup_report report = {.size = sizeof(report)};
    put(db, "a:1", "{\"n\":1}");
    put(db, "a:1", "{\"n\":2}");
    check(chrondb_config_set(db, "search.language", "german", 0, NULL));
    check(chrondb_backup(db, file, NULL, &report));
    chrondb_close(db);
    read_file(file, out);
    assert_int_equal(report.bytes, out->len);
    assert_int_equal(report.commits, 2);
    assert_int_equal(report.objects, 9); /* two commits, four trees, two documents, the note */
    free(path);
    free(file);
}

static void test_altered(void **state)
{
    char *scratch = scratch_new(), *folder = scratch_path(scratch, "folder");
    struct cdb_buf bundle = CDB_BUF_INIT;
    struct random random = random_seed(7);
    (void)state;
    make_bundle(scratch, &bundle);
    assert_int_equal(mkdir(folder, 0777), 0);
    for (size_t len = 0; len < bundle.len; len++)
        refuses(folder, bundle.ptr, len, "cut", len);
    for (size_t at = 0; at < bundle.len; at++) {
        char was = bundle.ptr[at];
        bundle.ptr[at] = (char)(was ^ (1 << random_below(&random, 8)));
        refuses(folder, bundle.ptr, bundle.len, "flipped", at);
        bundle.ptr[at] = was;
    }
    cdb_buf_addc(&bundle, '\0');
    refuses(folder, bundle.ptr, bundle.len, "more", bundle.len);
    check(restore(folder, bundle.ptr, bundle.len - 1));
    cdb_buf_release(&bundle);
    free(folder);
    scratch_remove(scratch);
}

/* All of the header, with every bit. */
static void test_altered_header(void **state)
{
    char *scratch = scratch_new(), *folder = scratch_path(scratch, "folder");
    struct cdb_buf bundle = CDB_BUF_INIT;
    (void)state;
    make_bundle(scratch, &bundle);
    assert_int_equal(mkdir(folder, 0777), 0);
    size_t header = cdb_bundle_measure(bundle.ptr, bundle.len);
    assert_true(header > 0 && header < bundle.len);
    for (size_t at = 0; at < header; at++)
        for (int bit = 0; bit < 8; bit += 5) { /* of letters, the case */
            bundle.ptr[at] = (char)(bundle.ptr[at] ^ (1 << bit));
            refuses(folder, bundle.ptr, bundle.len, "flipped", at);
            bundle.ptr[at] = (char)(bundle.ptr[at] ^ (1 << bit));
        }
    cdb_buf_release(&bundle);
    free(folder);
    scratch_remove(scratch);
}

/* An incremental one that is altered changes nothing of the database that it is for. */
static void test_altered_incremental(void **state)
{
    char *scratch = scratch_new(), *source = scratch_path(scratch, "source"), *copy = scratch_path(scratch, "copy");
    char *full = scratch_path(scratch, "full"), *more = scratch_path(scratch, "more");
    struct cdb_buf bundle = CDB_BUF_INIT, before = CDB_BUF_INIT, after = CDB_BUF_INIT;
    chrondb *db = open_new(source), *other;
    chrondb_backup_options since = {.size = sizeof(since), .since_file = full};
    chrondb_restore_report report = {.size = sizeof(report)};
    chrondb_snapshot *snapshot;
    struct random random = random_seed(11);
    (void)state;
    put(db, "a:1", "{\"n\":1}");
    check(chrondb_backup(db, full, NULL, NULL));
    check(chrondb_restore_backup(copy, full, NULL, NULL));
    put(db, "a:2", "{\"n\":2}");
    check(chrondb_backup(db, more, &since, NULL));
    chrondb_close(db);
    read_file(more, &bundle);
    check(chrondb_open(&other, copy, NULL));
    check(chrondb_snapshot_open(&snapshot, other, NULL, NULL));
    cdb_buf_adds(&before, chrondb_snapshot_commit(snapshot));
    chrondb_snapshot_free(snapshot);
    for (size_t at = 0; at < bundle.len; at += 1 + random_below(&random, 3)) {
        bool cut = random_below(&random, 2) == 0;
        bundle.ptr[at] = (char)(bundle.ptr[at] ^ (1 << random_below(&random, 8)));
        chrondb_restore_options options = {.size = sizeof(options), .fd = give(bundle.ptr, cut ? at : bundle.len)};
        bundle.ptr[at] = '?';
        int result = chrondb_restore_backup(copy, NULL, &options, NULL);
        assert_true(result == CHRONDB_EDAMAGED || result == CHRONDB_ECONFLICT);
        close(options.fd);
        cdb_buf_clear(&bundle);
        read_file(more, &bundle);
        check(chrondb_snapshot_open(&snapshot, other, NULL, NULL));
        assert_string_equal(chrondb_snapshot_commit(snapshot), before.ptr);
        chrondb_snapshot_free(snapshot);
    }
    check(chrondb_restore_backup(copy, more, NULL, &report));
    assert_int_equal(report.status, CHRONDB_UPDATED);
    check(chrondb_restore_backup(copy, more, NULL, &report));
    assert_int_equal(report.status, CHRONDB_UNCHANGED);
    check(chrondb_snapshot_open(&snapshot, other, NULL, NULL));
    check(chrondb_exists(snapshot, "a:2"));
    chrondb_snapshot_free(snapshot);
    chrondb_close(other);
    cdb_buf_release(&bundle);
    cdb_buf_release(&before);
    cdb_buf_release(&after);
    free(source);
    free(copy);
    free(full);
    free(more);
    scratch_remove(scratch);
}

/* ---- packs ----------------------------------------------------------------------------------------- */

struct pack {
    struct cdb_buf bytes;
};

static void add_be32(struct cdb_buf *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        cdb_buf_addc(out, (char)(value >> shift));
}

static void pack_begin(struct pack *pack, uint32_t count)
{
    *pack = (struct pack){CDB_BUF_INIT};
    cdb_buf_add(&pack->bytes, "PACK\0\0\0\2", 8);
    add_be32(&pack->bytes, count);
}

static void pack_header(struct pack *pack, int kind, uint64_t size)
{
    unsigned char byte = (unsigned char)(kind << 4 | (int)(size & 15));
    for (size >>= 4; size > 0; size >>= 7) {
        cdb_buf_addc(&pack->bytes, (char)(byte | 0x80));
        byte = size & 0x7f;
    }
    cdb_buf_addc(&pack->bytes, (char)byte);
}

static void pack_stream(struct pack *pack, const void *data, size_t len)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    char out[4096];
    size_t n = libdeflate_zlib_compress(compressor, data, len, out, sizeof(out));
    assert_true(n > 0);
    cdb_buf_add(&pack->bytes, out, n);
    libdeflate_free_compressor(compressor);
}

/* With the right checksum: an attacker has it too. */
static int pack_check(struct pack *pack, struct cdb_packcheck *out)
{
    char command[256];
    char *scratch = scratch_new(), *file = scratch_path(scratch, "pack");
    unsigned char sum[20];
    char hex[41] = "";
    scratch_write(scratch, "pack", pack->bytes.ptr, pack->bytes.len);
    snprintf(command, sizeof(command), "sha1sum '%s'", file);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(hex, 1, 40, pipe), 40);
    pclose(pipe);
    for (int i = 0; i < 20; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        sum[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    cdb_buf_add(&pack->bytes, sum, 20);
    int result = cdb_packcheck_run(out, (const unsigned char *)pack->bytes.ptr, pack->bytes.len, NULL, NULL, NULL);
    if (result == 0)
        result = cdb_packcheck_sort(out);
    cdb_buf_release(&pack->bytes);
    free(file);
    scratch_remove(scratch);
    return result;
}

static void refuses_pack(struct pack *pack, const char *why)
{
    struct cdb_packcheck out;
    assert_int_equal(pack_check(pack, &out), CHRONDB_EDAMAGED);
    if (strstr(chrondb_last_error()->message, why) == NULL)
        fail_msg("not '%s': %s", why, chrondb_last_error()->message);
    cdb_packcheck_release(&out);
}

static void test_packs(void **state)
{
    /* on "hello": all of it, and "!" */
    static const char append[] = {5, 6, (char)0x90, 5, 1, '!'};
    struct cdb_oid hello, longer, other;
    struct cdb_packcheck out;
    struct pack pack;
    (void)state;
    cdb_object_hash(&hello, CDB_BLOB, "hello", 5);
    cdb_object_hash(&longer, CDB_BLOB, "hello!", 6);
    memset(&other, 7, sizeof(other));

    pack_begin(&pack, 3); /* a delta before its base, by name; one behind it, by its place, on a delta */
    pack_header(&pack, 7, sizeof(append));
    cdb_buf_add(&pack.bytes, hello.id, 20);
    pack_stream(&pack, append, sizeof(append));
    pack_header(&pack, 3, 5);
    pack_stream(&pack, "hello", 5);
    pack_header(&pack, 7, 6);
    cdb_buf_add(&pack.bytes, longer.id, 20);
    pack_stream(&pack, (const char[]){6, 7, (char)0x90, 6, 1, '?'}, 6);
    check(pack_check(&pack, &out));
    assert_int_equal(out.count, 3);
    assert_non_null(cdb_packcheck_find(&out, &hello));
    assert_int_equal(cdb_packcheck_find(&out, &longer)->type, CDB_BLOB);
    assert_null(cdb_packcheck_find(&out, &other));
    cdb_packcheck_release(&out);

    pack_begin(&pack, 4000000000u);
    refuses_pack(&pack, "so many objects");
    pack_begin(&pack, 1); /* says that it inflates to 200 MB */
    pack_header(&pack, 3, 200 << 20);
    pack_stream(&pack, "hello", 5);
    refuses_pack(&pack, "shorter");
    pack_begin(&pack, 1);
    pack_header(&pack, 3, UINT64_MAX >> 2);
    pack_stream(&pack, "hello", 5);
    refuses_pack(&pack, "malformed");
    pack_begin(&pack, 1);
    pack_header(&pack, 3, 4);
    pack_stream(&pack, "hello", 5);
    refuses_pack(&pack, "does not inflate");
    pack_begin(&pack, 2);
    pack_header(&pack, 3, 5);
    pack_stream(&pack, "hello", 5);
    pack_header(&pack, 3, 5);
    pack_stream(&pack, "hello", 5);
    refuses_pack(&pack, "twice");
    pack_begin(&pack, 1); /* on itself */
    pack_header(&pack, 7, sizeof(append));
    cdb_buf_add(&pack.bytes, hello.id, 20);
    pack_stream(&pack, append, sizeof(append));
    refuses_pack(&pack, "missing");
    pack_begin(&pack, 1); /* beyond the beginning */
    pack_header(&pack, 6, sizeof(append));
    cdb_buf_addc(&pack.bytes, 100);
    pack_stream(&pack, append, sizeof(append));
    refuses_pack(&pack, "no entry");
    pack_begin(&pack, 2); /* makes 255 MB of 5 bytes: too much of a base that is none */
    pack_header(&pack, 3, 5);
    pack_stream(&pack, "hello", 5);
    pack_header(&pack, 7, 5);
    cdb_buf_add(&pack.bytes, hello.id, 20);
    pack_stream(&pack, (const char[]){5, (char)0xff, (char)0xff, (char)0xff, 0x7f}, 5);
    refuses_pack(&pack, "does not fit");
    pack_begin(&pack, 1);
    pack_header(&pack, 3, 5);
    pack_stream(&pack, "hello", 5);
    cdb_buf_adds(&pack.bytes, "more");
    refuses_pack(&pack, "more in it");
    pack_begin(&pack, 0);
    check(pack_check(&pack, &out));
    cdb_packcheck_release(&out);
}

/* A chain of deltas, each on the one before: put together with the memory of two. */
static void test_long_chain(void **state)
{
    enum { LENGTH = 5000 };
    struct cdb_packcheck out;
    struct pack pack;
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_oid oid;
    (void)state;
    pack_begin(&pack, LENGTH + 1);
    cdb_buf_adds(&text, "x");
    pack_header(&pack, 3, 1);
    pack_stream(&pack, "x", 1);
    for (size_t i = 1; i <= LENGTH; i++) {
        char delta[16];
        size_t n = 0;
        cdb_object_hash(&oid, CDB_BLOB, text.ptr, text.len);
        for (size_t value = i;; value = i + 1) {
            size_t left = value;
            for (; left >= 0x80; left >>= 7)
                delta[n++] = (char)(left | 0x80);
            delta[n++] = (char)left;
            if (value == i + 1)
                break;
        }
        delta[n++] = (char)0xb0; /* a copy of i bytes from the start */
        delta[n++] = (char)i;
        delta[n++] = (char)(i >> 8);
        delta[n++] = 1;
        delta[n++] = 'x';
        pack_header(&pack, 7, n);
        cdb_buf_add(&pack.bytes, oid.id, 20);
        pack_stream(&pack, delta, n);
        cdb_buf_addc(&text, 'x');
    }
    check(pack_check(&pack, &out));
    cdb_object_hash(&oid, CDB_BLOB, text.ptr, text.len);
    assert_non_null(cdb_packcheck_find(&out, &oid));
    cdb_packcheck_release(&out);
    cdb_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_altered_header),
        cmocka_unit_test(test_altered_incremental),
        cmocka_unit_test(test_packs),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
