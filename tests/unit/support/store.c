/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

void store_open(struct store *store)
{
    memset(store, 0, sizeof(*store));
    store->path = scratch_new();
    store->dir = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(store->dir >= 0);
    assert_int_equal(mkdirat(store->dir, "objects", 0777), 0);
    assert_int_equal(mkdirat(store->dir, "objects/pack", 0777), 0);
    assert_int_equal(mkdirat(store->dir, "chrondb", 0777), 0);
    assert_int_equal(cdb_objects_new(&store->objects, store->dir), 0);
    assert_int_equal(cdb_deflater_new(&store->deflater), 0);
}

void store_close(struct store *store)
{
    cdb_deflater_free(store->deflater);
    cdb_objects_free(store->objects);
    close(store->dir);
    scratch_remove(store->path);
    memset(store, 0, sizeof(*store));
}

int store_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    struct store *store = context;
    struct cdb_buf loose = CDB_BUF_INIT;
    struct cdb_oid actual;

    store->emitted++;
    assert_int_equal(cdb_object_hash(&actual, type, data, len), 0);
    assert_true(cdb_oid_equal(&actual, oid));
    assert_int_equal(cdb_object_encode(store->deflater, type, data, len, &loose), 0);
    assert_int_equal(cdb_loose_write(store->dir, oid, loose.ptr, loose.len, false, false), 0);
    cdb_buf_release(&loose);
    return 0;
}

struct cdb_oid store_write(struct store *store, int type, const void *data, size_t len)
{
    struct cdb_oid oid;

    assert_int_equal(cdb_object_hash(&oid, type, data, len), 0);
    assert_int_equal(store_emit(store, type, data, len, &oid), 0);
    return oid;
}

struct cdb_oid store_blob(struct store *store, const char *text)
{
    return store_write(store, CDB_BLOB, text, strlen(text));
}

struct cdb_oid store_tree(struct store *store, const struct cdb_tree_entry *entries, size_t count)
{
    struct cdb_buf content = CDB_BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        cdb_buf_addf(&content, "%o ", (unsigned)entries[i].mode);
        cdb_buf_add(&content, entries[i].name, entries[i].name_len);
        cdb_buf_addc(&content, '\0');
        cdb_buf_add(&content, entries[i].oid.id, CDB_OID_SIZE);
    }
    struct cdb_oid oid = store_write(store, CDB_TREE, cdb_buf_str(&content), content.len);
    cdb_buf_release(&content);
    return oid;
}

struct cdb_oid store_commit(struct store *store, chrondb_time time, const struct cdb_oid *parents, size_t parent_count)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit_spec spec = {.tree = store_tree(store, NULL, 0),
                                   .parents = parents,
                                   .parent_count = parent_count,
                                   .author = "A <a@example.org>",
                                   .committer = "C <c@example.org>",
                                   .time = time,
                                   .message = "m"};

    cdb_commit_encode(&content, &spec);
    struct cdb_oid oid = store_write(store, CDB_COMMIT, content.ptr, content.len);
    cdb_buf_release(&content);
    return oid;
}

struct cdb_oid store_plain_commit(struct store *store, long long seconds, const struct cdb_oid *parents,
                                  size_t parent_count)
{
    struct cdb_oid tree = store_tree(store, NULL, 0);
    struct cdb_buf content = CDB_BUF_INIT;

    cdb_buf_addf(&content, "tree %s\n", store_hex(&tree));
    for (size_t i = 0; i < parent_count; i++)
        cdb_buf_addf(&content, "parent %s\n", store_hex(&parents[i]));
    cdb_buf_addf(&content, "author A <a@example.org> 1 +0000\ncommitter C <c@example.org> %lld +0000\n\nm\n", seconds);
    struct cdb_oid oid = store_write(store, CDB_COMMIT, content.ptr, content.len);
    cdb_buf_release(&content);
    return oid;
}

const char *store_hex(const struct cdb_oid *oid)
{
    static char texts[4][CDB_OID_HEX + 1];
    static unsigned next;
    char *text = texts[next++ % 4];

    cdb_oid_format(oid, text);
    return text;
}
