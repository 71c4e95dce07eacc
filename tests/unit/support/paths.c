/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/fan.h"
#include "store/key.h"

#define LIMIT 64
#define DEPTH 40

static void *grow(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room == 0 ? 64 : *room * 2;
    list = realloc(list, *room * size);
    assert_non_null(list);
    return list;
}

static char *copy_of(const char *text, size_t len)
{
    char *copy = strndup(text, len);

    assert_non_null(copy);
    return copy;
}

/* ---- paths ------------------------------------------------------------------------------------- */

void paths_release(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->list[i].text);
    free(paths->list);
    memset(paths, 0, sizeof(*paths));
}

/* Is one the other, or a directory on the way to it? */
static bool in_the_way(const char *a, const char *b)
{
    size_t len = strlen(a);

    return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

static void append(struct paths *paths, const char *text, uint32_t mode, const struct cdb_oid *oid)
{
    paths->list = grow(paths->list, paths->count, &paths->room, sizeof(*paths->list));
    paths->list[paths->count++] = (struct path){copy_of(text, strlen(text)), mode, *oid};
}

bool paths_add(struct paths *paths, const char *text, uint32_t mode, const struct cdb_oid *oid)
{
    for (size_t i = 0; i < paths->count; i++)
        if (in_the_way(paths->list[i].text, text) || in_the_way(text, paths->list[i].text))
            return false;
    append(paths, text, mode, oid);
    return true;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(((const struct path *)left)->text, ((const struct path *)right)->text);
}

/* Files that share their first `skip` bytes, a directory's. */
static struct cdb_oid write_directory(struct store *store, const struct path *list, size_t count, size_t skip)
{
    struct cdb_tree_entry *entries = malloc((count + 1) * sizeof(*entries));
    struct cdb_buf content = CDB_BUF_INIT;
    size_t used = 0;

    assert_non_null(entries);
    for (size_t i = 0; i < count;) {
        const char *name = list[i].text + skip, *slash = strchr(name, '/');
        size_t len = slash != NULL ? (size_t)(slash - name) : strlen(name), end = i + 1;
        struct cdb_oid oid = list[i].oid;
        if (slash != NULL) {
            while (end < count && strncmp(list[end].text + skip, name, len + 1) == 0)
                end++;
            oid = write_directory(store, list + i, end - i, skip + len + 1);
        }
        entries[used++] = (struct cdb_tree_entry){name, len, slash != NULL ? CDB_MODE_DIR : list[i].mode, oid};
        i = end;
    }
    cdb_tree_encode(entries, used, &content);
    struct cdb_oid oid = store_write(store, CDB_TREE, cdb_buf_str(&content), content.len);
    cdb_buf_release(&content);
    free(entries);
    return oid;
}

struct cdb_oid paths_write(struct paths *paths, struct store *store)
{
    if (paths->count > 1)
        qsort(paths->list, paths->count, sizeof(*paths->list), by_text);
    return write_directory(store, paths->list, paths->count, 0);
}

static void read_directory(struct paths *paths, struct store *store, const struct cdb_oid *oid, const char *prefix)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_tree_entry entry;

    assert_int_equal(cdb_objects_read(store->objects, oid, CDB_TREE, CDB_TREE_MAX, &content), 0);
    struct cdb_tree_cursor cursor = {cdb_buf_str(&content), cdb_buf_str(&content) + content.len};
    while (cdb_tree_next(&cursor, &entry) == 1) {
        char *text;
        assert_true(asprintf(&text, "%s%.*s", prefix, (int)entry.name_len, entry.name) > 0);
        if (entry.mode == CDB_MODE_DIR) {
            char *below;
            assert_true(asprintf(&below, "%s/", text) > 0);
            read_directory(paths, store, &entry.oid, below);
            free(below);
        } else {
            append(paths, text, entry.mode, &entry.oid);
        }
        free(text);
    }
    cdb_buf_release(&content);
}

void paths_read(struct paths *paths, struct store *store, const struct cdb_oid *root)
{
    if (!cdb_oid_is_zero(root))
        read_directory(paths, store, root, "");
}

/* ---- documents --------------------------------------------------------------------------------- */

void documents_release(struct documents *documents)
{
    for (size_t i = 0; i < documents->count; i++)
        free(documents->list[i].key);
    free(documents->list);
    memset(documents, 0, sizeof(*documents));
}

/* Where the key is, or belongs. */
static size_t position(const struct documents *documents, const char *key)
{
    size_t low = 0, high = documents->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(documents->list[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct document *documents_find(const struct documents *documents, const char *key)
{
    size_t at = position(documents, key);

    return at < documents->count && strcmp(documents->list[at].key, key) == 0 ? &documents->list[at] : NULL;
}

void documents_set(struct documents *documents, const char *key, const struct cdb_oid *oid)
{
    size_t at = position(documents, key);
    bool there = at < documents->count && strcmp(documents->list[at].key, key) == 0;

    if (there && oid != NULL) {
        documents->list[at].oid = *oid;
    } else if (there) {
        free(documents->list[at].key);
        documents->count--;
        memmove(&documents->list[at], &documents->list[at + 1], (documents->count - at) * sizeof(*documents->list));
    } else if (oid != NULL) {
        documents->list = grow(documents->list, documents->count, &documents->room, sizeof(*documents->list));
        memmove(&documents->list[at + 1], &documents->list[at], (documents->count - at) * sizeof(*documents->list));
        documents->list[at] = (struct document){copy_of(key, strlen(key)), *oid};
        documents->count++;
    }
}

/* ---- what a path means --------------------------------------------------------------------------- */

struct meaning {
    bool in_table;   /* below a table's directory that is on its own way */
    char *table;     /* raw, "" for the keys without a table */
    const char *dir; /* into the path: the table's directory, and what is below it */
    const char *rest;
    unsigned table_level, level;
    char *key; /* of a document, else NULL */
};

static bool is_digit(const char *name, const char *end)
{
    return end - name == 1 && strchr("0123456789abcdef", *name) != NULL;
}

/* Are these the first digits of the name's hash? */
static bool on_its_way(const char *name, const char *digits, unsigned count)
{
    char prefix[2 * DEPTH + 1];

    if (count > DEPTH)
        return false;
    fan_prefix(name, count, prefix);
    return strncmp(prefix, digits, 2 * (size_t)count) == 0;
}

static void understand(struct meaning *out, const struct path *path)
{
    struct cdb_buf raw = CDB_BUF_INIT;
    const char *at = path->text, *slash;
    bool untabled = false;

    memset(out, 0, sizeof(*out));
    while ((slash = strchr(at, '/')) != NULL && is_digit(at, slash)) {
        out->table_level++;
        at = slash + 1;
    }
    if (slash == NULL || !cdb_key_decode_dir(at, (size_t)(slash - at), &raw, &untabled))
        goto out;
    if (!on_its_way(cdb_buf_str(&raw), path->text, out->table_level))
        goto out;
    out->in_table = true;
    out->table = copy_of(cdb_buf_str(&raw), raw.len);
    out->dir = at;
    out->rest = slash + 1;
    for (at = slash + 1; (slash = strchr(at, '/')) != NULL && is_digit(at, slash); at = slash + 1)
        out->level++;
    cdb_buf_clear(&raw);
    if (slash != NULL || (path->mode & 0170000) != 0100000 || !cdb_key_decode_file(at, strlen(at), untabled, &raw) ||
        !on_its_way(raw.ptr, out->rest, out->level))
        goto out;
    assert_true(asprintf(&out->key, "%s%s%s", out->table, untabled ? "" : ":", raw.ptr) > 0);
out:
    cdb_buf_release(&raw);
}

static void meaning_release(struct meaning *meaning)
{
    free(meaning->table);
    free(meaning->key);
}

void documents_read(struct documents *documents, const struct paths *paths)
{
    struct documents best = {NULL, 0, 0}; /* the level of the best one so far, as an id */

    for (size_t i = 0; i < paths->count; i++) {
        struct meaning meaning;
        understand(&meaning, &paths->list[i]);
        if (meaning.key != NULL) {
            struct cdb_oid level = {{(unsigned char)(meaning.table_level + 1), (unsigned char)(meaning.level + 1)}};
            const struct document *before = documents_find(&best, meaning.key);
            if (before == NULL || memcmp(before->oid.id, level.id, 2) < 0) {
                documents_set(&best, meaning.key, &level);
                documents_set(documents, meaning.key, &paths->list[i].oid);
            }
        }
        meaning_release(&meaning);
    }
    documents_release(&best);
}

/* ---- where documents go -------------------------------------------------------------------------- */

void fan_prefix(const char *name, unsigned depth, char *text)
{
    struct cdb_fan_hash hash = cdb_fan_hash(name, strlen(name));

    for (unsigned i = 0; i < depth; i++) {
        text[2 * i] = "0123456789abcdef"[hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
        text[2 * i + 1] = '/';
    }
    text[2 * (size_t)depth] = '\0';
}

/* Names with their hashes: the items of one directory. */
struct item {
    const char *name;
    char digits[2 * DEPTH + 1];
};

struct item_list {
    struct item *list;
    size_t count, room;
};

static void item_add(struct item_list *items, const char *name)
{
    for (size_t i = 0; i < items->count; i++)
        if (strcmp(items->list[i].name, name) == 0)
            return;
    items->list = grow(items->list, items->count, &items->room, sizeof(*items->list));
    items->list[items->count].name = name;
    fan_prefix(name, DEPTH, items->list[items->count].digits);
    items->count++;
}

/* The digits under which an item is: as few as leave at most 64 with the same ones. */
static void item_prefix(const struct item_list *items, const char *name, char *text)
{
    char digits[2 * DEPTH + 1];
    unsigned depth = 0;

    fan_prefix(name, DEPTH, digits);
    for (; depth < DEPTH; depth++) {
        size_t count = 0;
        for (size_t i = 0; i < items->count; i++)
            count += strncmp(items->list[i].digits, digits, 2 * (size_t)depth) == 0;
        if (count <= LIMIT)
            break;
    }
    fan_prefix(name, depth, text);
}

/* One table with its ids. */
struct table {
    char *name;
    struct item_list ids;
};

struct tables {
    struct table *list;
    size_t count, room;
    struct item_list names;
};

static struct table *table_get(struct tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (strcmp(tables->list[i].name, name) == 0)
            return &tables->list[i];
    tables->list = grow(tables->list, tables->count, &tables->room, sizeof(*tables->list));
    struct table *table = &tables->list[tables->count++];
    *table = (struct table){copy_of(name, strlen(name)), {NULL, 0, 0}};
    item_add(&tables->names, table->name);
    return table;
}

static void tables_release(struct tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->list[i].name);
        free(tables->list[i].ids.list);
    }
    free(tables->list);
    free(tables->names.list);
}

static void place_document(struct tables *tables, const struct document *document, struct paths *out)
{
    struct cdb_key key;
    char *table_name, *text, root[2 * DEPTH + 1], fan[2 * DEPTH + 1];

    assert_int_equal(cdb_key_parse(&key, document->key, strlen(document->key)), 0);
    table_name = copy_of(key.table != NULL ? key.table : "", key.table_len);
    item_prefix(&tables->names, table_name, root);
    item_prefix(&table_get(tables, table_name)->ids, key.id, fan);
    assert_true(asprintf(&text, "%s%s/%s%s", root, key.dir, fan, key.file) > 0);
    append(out, text, CDB_MODE_FILE, &document->oid);
    free(text);
    free(table_name);
}

/* A foreign path stays in its directory, which moves with its table. */
static void place_foreign(const struct tables *tables, const struct path *path, struct paths *out)
{
    struct meaning meaning;
    char *text, root[2 * DEPTH + 1] = "";

    understand(&meaning, path);
    if (meaning.key == NULL) {
        if (meaning.in_table)
            item_prefix(&tables->names, meaning.table, root);
        assert_true(asprintf(&text, "%s%s", root, meaning.in_table ? meaning.dir : path->text) > 0);
        (void)paths_add(out, text, path->mode, &path->oid); /* not if it is in a document's way */
        free(text);
    }
    meaning_release(&meaning);
}

void documents_place(const struct documents *documents, const struct paths *before, struct paths *out)
{
    struct tables tables = {NULL, 0, 0, {NULL, 0, 0}};

    for (size_t i = 0; i < documents->count; i++) {
        struct cdb_key key;
        assert_int_equal(cdb_key_parse(&key, documents->list[i].key, strlen(documents->list[i].key)), 0);
        char *name = copy_of(key.table != NULL ? key.table : "", key.table_len);
        item_add(&table_get(&tables, name)->ids, key.id);
        free(name);
    }
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        struct meaning meaning;
        understand(&meaning, &before->list[i]);
        if (meaning.in_table && meaning.key == NULL)
            (void)table_get(&tables, meaning.table);
        meaning_release(&meaning);
    }
    for (size_t i = 0; i < documents->count; i++)
        place_document(&tables, &documents->list[i], out);
    for (size_t i = 0; before != NULL && i < before->count; i++)
        place_foreign(&tables, &before->list[i], out);
    tables_release(&tables);
}

struct cdb_oid documents_root(const struct documents *documents, const struct paths *before, struct store *store)
{
    struct paths paths = {NULL, 0, 0};

    documents_place(documents, before, &paths);
    struct cdb_oid root = paths_write(&paths, store);
    paths_release(&paths);
    return root;
}
