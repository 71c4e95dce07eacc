/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a tree object: what parses is in git's order without duplicates, can be looked up as a directory of the
 * fan-out, and is written to what parses to the same again; what is canonical is written byte for byte. */
#include "fuzz/fuzz.h"
#include "store/fan.h"
#include "store/tree.h"

#define ENTRY_MIN 24 /* one digit, a blank, one byte of name, a NUL, an id */

static bool same_entry(const struct cdb_tree_entry *a, const struct cdb_tree_entry *b)
{
    return a->mode == b->mode && a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0 &&
           cdb_oid_equal(&a->oid, &b->oid);
}

static void check_entry(const struct cdb_tree_entry *entry, const struct cdb_buf *content)
{
    CHECK(entry->name > content->ptr && entry->name_len > 0);
    CHECK(entry->name + entry->name_len + 1 + CDB_OID_SIZE <= content->ptr + content->len);
    CHECK(memchr(entry->name, '\0', entry->name_len) == NULL && entry->name[entry->name_len] == '\0');
    CHECK(memcmp(entry->oid.id, entry->name + entry->name_len + 1, CDB_OID_SIZE) == 0);
    CHECK(entry->mode <= 0177777);
    CHECK(!cdb_mode_is_dir(entry->mode) || !cdb_mode_is_file(entry->mode));
}

/* Step by step there are as many entries as the bytes say. */
static int check_steps(const struct cdb_buf *content, size_t *count)
{
    struct cdb_tree_cursor cursor = {content->ptr, content->ptr + content->len};
    struct cdb_tree_entry entry;
    int status;

    for (*count = 0; (status = cdb_tree_next(&cursor, &entry)) == 1; ++*count)
        check_entry(&entry, content);
    CHECK(status == 0 ? cursor.at == cursor.end : status == CHRONDB_EDAMAGED);
    return status;
}

/* A name that was there twice: the last one counts. */
static void check_last(const struct cdb_tree_entry *kept, const struct cdb_buf *content)
{
    struct cdb_tree_cursor cursor = {content->ptr, content->ptr + content->len};
    struct cdb_tree_entry entry, last = {.name = NULL};

    while (cdb_tree_next(&cursor, &entry) == 1)
        if (cdb_tree_compare(&entry, kept) == 0)
            last = entry;
    CHECK(last.name == kept->name);
}

static void check_fan(struct cdb_tree_entry *entries, size_t count, enum cdb_fan_kind kind)
{
    struct cdb_fan fan = {.entries = entries, .count = count};

    for (size_t i = 0; i < count; i++) {
        enum cdb_entry_kind entry = cdb_fan_classify(&entries[i], kind);
        fan.items += entry == CDB_ENTRY_ITEM;
        fan.fans += entry == CDB_ENTRY_FAN;
    }
    for (size_t i = 0; i < count; i++) {
        bool directory = cdb_mode_is_dir(entries[i].mode), file = cdb_mode_is_file(entries[i].mode);
        char *name = strndup(entries[i].name, entries[i].name_len);
        CHECK(name != NULL);
        const struct cdb_tree_entry *found = cdb_fan_entry(&fan, name, directory);
        CHECK(!(directory || file) || found == &entries[i]);
        if (cdb_fan_classify(&entries[i], kind) == CDB_ENTRY_FAN)
            CHECK(cdb_fan_child(&fan, cdb_fan_entry_digit(&entries[i])) == &entries[i]);
        free(name);
    }
}

static void check_again(struct cdb_tree_entry *entries, size_t count, const struct cdb_buf *content)
{
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_tree_entry *again = NULL;
    size_t again_count = 0;

    for (size_t i = 0; i < count / 2; i++) { /* encoding sorts */
        struct cdb_tree_entry swap = entries[i];
        entries[i] = entries[count - 1 - i];
        entries[count - 1 - i] = swap;
    }
    cdb_tree_encode(entries, count, &out);
    CHECK(cdb_buf_check(&out) == 0 && out.len <= content->len);
    CHECK(cdb_tree_parse(&out, &again, &again_count) == 0 && again_count == count);
    for (size_t i = 0; i < count; i++)
        CHECK(same_entry(&entries[i], &again[i]));
    /* Nothing was dropped, and no mode began with zeros: then only the order can have changed. */
    if (out.len == content->len && count > 0 && again[0].name - out.ptr == entries[0].name - content->ptr) {
        bool in_order = true;
        for (size_t i = 0; i < count; i++)
            in_order = in_order && again[i].name - out.ptr == entries[i].name - content->ptr;
        CHECK(!in_order || memcmp(out.ptr, content->ptr, out.len) == 0);
    }
    free(again);
    cdb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cdb_buf content = {malloc(size > 0 ? size : 1), size, size, false};
    struct cdb_tree_entry *entries = NULL;
    size_t count = 0, steps = 0;

    CHECK(content.ptr != NULL);
    if (size > 0)
        memcpy(content.ptr, data, size);
    int stepped = check_steps(&content, &steps), status = cdb_tree_parse(&content, &entries, &count);
    CHECK(status == stepped);
    if (status == 0) {
        CHECK(count <= steps && (count > 0) == (steps > 0) && count <= size / ENTRY_MIN);
        for (size_t i = 0; i < count; i++) {
            check_entry(&entries[i], &content);
            CHECK(i == 0 || cdb_tree_compare(&entries[i - 1], &entries[i]) < 0);
            if (count < steps)
                check_last(&entries[i], &content);
        }
        check_fan(entries, count, CDB_FAN_ROOT);
        check_fan(entries, count, CDB_FAN_TABLE);
        check_fan(entries, count, CDB_FAN_UNTABLED);
        check_again(entries, count, &content);
    } else {
        CHECK(entries == NULL && chrondb_last_error()->code == CHRONDB_EDAMAGED);
        CHECK(*chrondb_last_error()->message != '\0');
    }
    free(entries);
    free(content.ptr);
    return 0;
}
