/* SPDX-License-Identifier: MIT */
#include "store/dir.h"

#include <stdlib.h>
#include <string.h>

#include "store/delta.h"
#include "store/tree.h"
#include "util/error.h"

#define FANS_USUAL 8  /* a directory that fans out has more fan directories than that, but for one case in 10^19 */
#define SPARE      96 /* bytes of room for what is added next */

struct cdb_dir {
    enum cdb_fan_kind kind;
    uint8_t depth;
    bool fans_out;             /* else it lists its items; its fan directories hold only what is foreign */
    bool changed;              /* itself, or something below it */
    bool many;                 /* more than one entry was changed */
    struct cdb_fan_hash path;  /* the digits that lead here */
    struct cdb_dir **children; /* by digit, those that were loaded; NULL: none was */
    char *content;             /* the tree object as it will be */
    size_t len, room;
    uint32_t items; /* that it lists */
    struct cdb_oid oid;
    char *old; /* its content when it was last written, if that may be a delta's base */
    size_t old_len;
    cdb_pack_entry entry; /* where that is, in the pack of `round` */
    uint32_t round;
};

static int strange(const struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged",
                     "tree %s is not laid out as chrondb does it: writing a document to that table puts it right", hex);
}

/* ---- entries of the content ---------------------------------------------------------------------- */

struct place {
    size_t at, len; /* of the entry with that name; len 0: there is none */
    uint32_t mode;
    size_t insert; /* where it belongs */
};

/* The content is sound: it was encoded by us. */
static void find_entry(const struct cdb_dir *dir, const char *name, size_t name_len, uint32_t mode, struct place *out)
{
    struct cdb_tree_entry wanted = {.name = name, .name_len = name_len, .mode = mode}, entry;
    struct cdb_tree_cursor cursor = {dir->content, dir->content + dir->len};
    *out = (struct place){.insert = dir->len};
    for (const char *start = cursor.at; cdb_tree_next(&cursor, &entry) == 1; start = cursor.at) {
        size_t at = (size_t)(start - dir->content);
        if (entry.name_len == name_len && memcmp(entry.name, name, name_len) == 0) {
            out->at = at;
            out->len = (size_t)(cursor.at - start);
            out->mode = entry.mode;
        }
        if (out->insert == dir->len && cdb_tree_compare(&wanted, &entry) <= 0)
            out->insert = at;
        if ((unsigned char)entry.name[0] > (unsigned char)name[0])
            break; /* what has that name lies before, whatever its kind */
    }
}

static int make_room(struct cdb_dir *dir, struct cdb_dirs *dirs, size_t more)
{
    if (dir->len + more <= dir->room)
        return 0;
    size_t room = dir->len + more + SPARE + dir->len / 8;
    char *content = realloc(dir->content, room);
    if (content == NULL)
        return cdb_error_memory();
    dirs->bytes += room - dir->room;
    dir->content = content;
    dir->room = room;
    return 0;
}

/* Before a change: what was written last may be the base of a delta. */
static int keep_old(struct cdb_dir *dir, const struct cdb_dirs *dirs)
{
    dir->many = dir->changed;
    dir->changed = true;
    if (dir->old != NULL || dir->round != dirs->round || dir->entry == CDB_NO_ENTRY)
        return 0;
    dir->old = malloc(dir->len + 1);
    if (dir->old == NULL)
        return cdb_error_memory();
    memcpy(dir->old, dir->content, dir->len);
    dir->old_len = dir->len;
    return 0;
}

static void cut_entry(struct cdb_dir *dir, size_t at, size_t len)
{
    memmove(dir->content + at, dir->content + at + len, dir->len - at - len);
    dir->len -= len;
}

/* Put the entry there, in the place of one of the same name, whatever that is. */
static int put_entry(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *name, uint32_t mode,
                     const struct cdb_oid *oid)
{
    static const char dir_mode[] = "40000 ", file_mode[] = "100644 ";
    struct place place;
    size_t name_len = strlen(name);
    bool is_dir = cdb_mode_is_dir(mode);
    size_t mode_len = is_dir ? sizeof(dir_mode) - 1 : sizeof(file_mode) - 1;
    size_t len = mode_len + name_len + 1 + CDB_OID_SIZE;
    int result = make_room(dir, dirs, len);
    if (result != 0)
        return result;
    find_entry(dir, name, name_len, mode, &place);
    bool same_kind = is_dir ? cdb_mode_is_dir(place.mode) : cdb_mode_is_file(place.mode);
    if (place.len > 0 && same_kind) {
        memcpy(dir->content + place.at + place.len - CDB_OID_SIZE, oid->id, CDB_OID_SIZE);
        return 0;
    }
    if (place.len > 0) { /* a link, say, gives way to a document */
        cut_entry(dir, place.at, place.len);
        find_entry(dir, name, name_len, mode, &place);
    }
    char *at = dir->content + place.insert;
    memmove(at + len, at, dir->len - place.insert);
    memcpy(at, is_dir ? dir_mode : file_mode, mode_len);
    memcpy(at + mode_len, name, name_len + 1);
    memcpy(at + mode_len + name_len + 1, oid->id, CDB_OID_SIZE);
    dir->len += len;
    return 0;
}

static void drop_entry(struct cdb_dir *dir, const char *name)
{
    struct place place;
    find_entry(dir, name, strlen(name), CDB_MODE_FILE, &place);
    if (place.len > 0)
        cut_entry(dir, place.at, place.len);
}

static void digit_name(unsigned digit, char name[2])
{
    name[0] = "0123456789abcdef"[digit & 15];
    name[1] = '\0';
}

static bool find_item(const struct cdb_dir *dir, const char *name, struct cdb_oid *out)
{
    struct place place;
    bool tables = dir->kind == CDB_FAN_ROOT;
    find_entry(dir, name, strlen(name), tables ? CDB_MODE_DIR : CDB_MODE_FILE, &place);
    bool found = place.len > 0 && (tables ? cdb_mode_is_dir(place.mode) : cdb_mode_is_file(place.mode));
    memset(out, 0, sizeof(*out));
    if (found)
        memcpy(out->id, dir->content + place.at + place.len - CDB_OID_SIZE, CDB_OID_SIZE);
    return found;
}

/* The id of a fan directory; false if there is none. */
static bool find_fan(const struct cdb_dir *dir, unsigned digit, struct cdb_oid *out)
{
    char name[2];
    struct place place;
    digit_name(digit, name);
    find_entry(dir, name, 1, CDB_MODE_DIR, &place);
    if (place.len == 0 || !cdb_mode_is_dir(place.mode))
        return false;
    memcpy(out->id, dir->content + place.at + place.len - CDB_OID_SIZE, CDB_OID_SIZE);
    return true;
}

/* ---- loading ----------------------------------------------------------------------------------- */

static struct cdb_dir *new_dir(struct cdb_dirs *dirs, enum cdb_fan_kind kind, unsigned depth,
                               const struct cdb_fan_hash *path)
{
    struct cdb_dir *dir = calloc(1, sizeof(*dir));
    if (dir == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    dir->kind = kind;
    dir->depth = (uint8_t)depth;
    dir->entry = CDB_NO_ENTRY;
    if (path != NULL)
        dir->path = *path;
    dirs->bytes += sizeof(*dir);
    return dir;
}

void cdb_dir_free(struct cdb_dir *dir, struct cdb_dirs *dirs)
{
    if (dir == NULL)
        return;
    for (unsigned digit = 0; dir->children != NULL && digit < 16; digit++)
        cdb_dir_free(dir->children[digit], dirs); /* as deep as a hash has digits */
    dirs->bytes -= sizeof(*dir) + dir->room;
    free(dir->children);
    free(dir->content);
    free(dir->old);
    free(dir);
}

static bool is_item(const struct cdb_dir *dir, const struct cdb_tree_entry *entry, struct cdb_buf *raw)
{
    return cdb_fan_is_item(entry, dir->kind, &dir->path, dir->depth, raw);
}

/* What kind of directory is it, by what is below it? Looks further only where that is doubtful: the fan directories
 * of one that lists its items may hold what is foreign, but no items. */
static int examine(struct cdb_dir *dir, struct cdb_dirs *dirs, const struct cdb_fan *fan, const struct cdb_oid *oid)
{
    struct cdb_items below = {0};
    dir->fans_out = fan->fans > 0 && dir->items == 0;
    if (dir->items > CDB_FAN_LIMIT && dir->depth < CDB_FAN_DEPTH)
        return strange(oid);
    if (fan->fans == 0 || dir->depth >= CDB_FAN_DEPTH || (dir->fans_out && fan->fans >= FANS_USUAL))
        return 0;
    int result = cdb_fan_collect(dirs->objects, oid, dir->kind, dir->depth, &dir->path, 0, CDB_FAN_LIMIT + 1, &below);
    if (result == 0 && dir->items == 0 && below.count == 0)
        dir->fans_out = false;
    else if (result == 0 && (dir->fans_out ? below.count <= CDB_FAN_LIMIT : below.count != dir->items))
        result = strange(oid);
    cdb_items_release(&below);
    return result;
}

int cdb_dir_load(struct cdb_dir **out, struct cdb_dirs *dirs, enum cdb_fan_kind kind, const struct cdb_oid *oid,
                 unsigned depth, const struct cdb_fan_hash *path)
{
    struct cdb_fan fan = {0};
    struct cdb_buf content = CDB_BUF_INIT, raw = CDB_BUF_INIT;
    struct cdb_dir *dir = new_dir(dirs, kind, depth, path);
    int result = dir == NULL ? CHRONDB_ESYSTEM : cdb_fan_load(&fan, dirs->objects, oid, kind);
    if (result != 0)
        goto out;
    for (size_t i = 0; i < fan.count; i++)
        dir->items += is_item(dir, &fan.entries[i], &raw);
    result = examine(dir, dirs, &fan, oid);
    cdb_tree_encode(fan.entries, fan.count, &content);
    if (result == 0 && (content.failed || raw.failed))
        result = cdb_error_memory();
    if (result == 0)
        result = make_room(dir, dirs, content.len);
    if (result == 0 && content.len > 0)
        memcpy(dir->content, content.ptr, content.len);
    if (result == 0)
        dir->len = content.len;
    dir->oid = *oid;
out:
    cdb_fan_release(&fan);
    cdb_buf_release(&content);
    cdb_buf_release(&raw);
    if (result != 0) {
        cdb_dir_free(dir, dirs);
        return result;
    }
    *out = dir;
    return 0;
}

/* The fan directory of a digit: *out is NULL if there is none and none is to be made. */
static int get_child(struct cdb_dir *dir, struct cdb_dirs *dirs, unsigned digit, bool make, struct cdb_dir **out)
{
    struct cdb_oid oid = {{0}};
    struct cdb_fan_hash path = dir->path;
    *out = dir->children != NULL ? dir->children[digit] : NULL;
    if (*out != NULL || (!find_fan(dir, digit, &oid) && !make))
        return 0;
    if (dir->children == NULL && (dir->children = calloc(16, sizeof(struct cdb_dir *))) == NULL)
        return cdb_error_memory();
    cdb_fan_set_digit(&path, dir->depth, digit);
    int result = cdb_dir_load(out, dirs, dir->kind, &oid, dir->depth + 1u, &path);
    if (result == 0)
        dir->children[digit] = *out;
    return result;
}

/* ---- splitting and folding ------------------------------------------------------------------------- */

/* All entries, into memory of their own: the content is about to change. */
static int copy_content(const struct cdb_dir *dir, struct cdb_buf *out)
{
    cdb_buf_add(out, dir->content, dir->len);
    return cdb_buf_check(out);
}

static int raw_hash(const struct cdb_dir *dir, const struct cdb_tree_entry *entry, struct cdb_buf *raw,
                    struct cdb_fan_hash *out)
{
    bool untabled;
    cdb_buf_clear(raw);
    (void)cdb_fan_decode(entry, dir->kind, raw, &untabled); /* it is an item */
    *out = cdb_fan_hash(cdb_buf_str(raw), raw->len);
    return cdb_buf_check(raw);
}

/* Append an entry as it is, mode and all; the caller adds them in their order. */
static int append_entry(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *entry, size_t len)
{
    int result = make_room(dir, dirs, len);
    if (result != 0)
        return result;
    memcpy(dir->content + dir->len, entry, len);
    dir->len += len;
    return 0;
}

/* Put an entry into its place, as it is. */
static int insert_entry(struct cdb_dir *dir, struct cdb_dirs *dirs, const struct cdb_tree_entry *entry,
                        const char *bytes, size_t len)
{
    struct place place;
    int result = make_room(dir, dirs, len);
    if (result != 0)
        return result;
    find_entry(dir, entry->name, entry->name_len, entry->mode, &place);
    if (place.len > 0)
        cut_entry(dir, place.at, place.len);
    find_entry(dir, entry->name, entry->name_len, entry->mode, &place);
    char *at = dir->content + place.insert;
    memmove(at + len, at, dir->len - place.insert);
    memcpy(at, bytes, len);
    dir->len += len;
    return 0;
}

/* From a list to fan directories. What is foreign stays. */
static int split(struct cdb_dir *dir, struct cdb_dirs *dirs)
{
    struct cdb_buf content = CDB_BUF_INIT, raw = CDB_BUF_INIT;
    struct cdb_tree_entry entry;
    struct cdb_fan_hash hash;
    struct cdb_dir *child;
    int result = copy_content(dir, &content);
    struct cdb_tree_cursor cursor = {cdb_buf_str(&content), cdb_buf_str(&content) + content.len};
    for (const char *at = cursor.at; result == 0 && cdb_tree_next(&cursor, &entry) == 1; at = cursor.at) {
        size_t len = (size_t)(cursor.at - at);
        if (!is_item(dir, &entry, &raw))
            continue;
        struct place place;
        find_entry(dir, entry.name, entry.name_len, entry.mode, &place);
        cut_entry(dir, place.at, place.len);
        result = raw_hash(dir, &entry, &raw, &hash);
        if (result == 0)
            result = get_child(dir, dirs, cdb_fan_digit(&hash, dir->depth), true, &child);
        if (result == 0)
            result = keep_old(child, dirs);
        if (result == 0)
            result = insert_entry(child, dirs, &entry, at, len);
        if (result == 0)
            child->items++;
    }
    dir->items = 0;
    dir->fans_out = true;
    cdb_buf_release(&content);
    cdb_buf_release(&raw);
    return result;
}

/* Are there so few items below that they become a list? Children that fan out have more by themselves. */
static int may_fold(struct cdb_dir *dir, struct cdb_dirs *dirs, bool *fold)
{
    uint32_t items = 0;
    *fold = false;
    for (unsigned digit = 0; digit < 16; digit++) {
        struct cdb_dir *child;
        int result = get_child(dir, dirs, digit, false, &child);
        if (result != 0)
            return result;
        if (child != NULL && child->fans_out)
            return 0;
        items += child != NULL ? child->items : 0;
        if (items > CDB_FAN_LIMIT)
            return 0;
    }
    *fold = true;
    return 0;
}

/* The items of a fan directory into the list above it; what is foreign in it stays. */
static int lift_items(struct cdb_dir *dir, struct cdb_dirs *dirs, struct cdb_dir *child)
{
    struct cdb_buf content = CDB_BUF_INIT, raw = CDB_BUF_INIT;
    struct cdb_tree_entry entry;
    int result = keep_old(child, dirs);
    if (result == 0)
        result = copy_content(child, &content);
    struct cdb_tree_cursor cursor = {cdb_buf_str(&content), cdb_buf_str(&content) + content.len};
    child->len = 0;
    for (const char *at = cursor.at; result == 0 && cdb_tree_next(&cursor, &entry) == 1; at = cursor.at) {
        size_t len = (size_t)(cursor.at - at);
        if (is_item(child, &entry, &raw)) {
            result = insert_entry(dir, dirs, &entry, at, len);
            dir->items++;
        } else {
            result = append_entry(child, dirs, at, len);
        }
    }
    child->items = 0;
    cdb_buf_release(&content);
    cdb_buf_release(&raw);
    return result;
}

static int fold(struct cdb_dir *dir, struct cdb_dirs *dirs)
{
    int result = 0;
    dir->fans_out = false;
    dir->items = 0;
    for (unsigned digit = 0; result == 0 && digit < 16; digit++) {
        struct cdb_dir *child = dir->children != NULL ? dir->children[digit] : NULL;
        if (child != NULL)
            result = lift_items(dir, dirs, child);
    }
    return result;
}

/* ---- changing ---------------------------------------------------------------------------------- */

struct way {
    struct cdb_dir *dirs[CDB_FAN_DEPTH + 1];
    unsigned count;
};

/* From the top to the directory that lists the item. With `make`, fan directories that are missing are made. */
static int descend(struct cdb_dir *dir, struct cdb_dirs *dirs, const struct cdb_fan_hash *hash, bool make,
                   struct way *way)
{
    way->count = 0;
    while (dir != NULL) {
        way->dirs[way->count++] = dir;
        if (!dir->fans_out)
            return 0;
        int result = get_child(dir, dirs, cdb_fan_digit(hash, dir->depth), make, &dir);
        if (result != 0)
            return result;
    }
    return 1;
}

int cdb_dir_get(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *name, const struct cdb_fan_hash *hash,
                struct cdb_oid *out)
{
    struct way way;
    memset(out, 0, sizeof(*out));
    int result = descend(dir, dirs, hash, false, &way);
    if (result == 0)
        (void)find_item(way.dirs[way.count - 1], name, out);
    return result < 0 ? result : 0;
}

static int touch(struct way *way, const struct cdb_dirs *dirs)
{
    int result = 0;
    for (unsigned i = 0; result == 0 && i < way->count; i++)
        result = keep_old(way->dirs[i], dirs);
    return result;
}

static int insert(struct way *way, struct cdb_dirs *dirs, const char *name, const struct cdb_fan_hash *hash,
                  const struct cdb_oid *oid)
{
    struct cdb_dir *list = way->dirs[way->count - 1];
    while (list->items >= CDB_FAN_LIMIT && list->depth < CDB_FAN_DEPTH) {
        struct way below;
        int result = split(list, dirs);
        if (result == 0)
            result = descend(list, dirs, hash, true, &below);
        if (result == 0)
            result = touch(&below, dirs);
        if (result != 0)
            return result;
        list = below.dirs[below.count - 1];
    }
    list->items++;
    return put_entry(list, dirs, name, list->kind == CDB_FAN_ROOT ? CDB_MODE_DIR : CDB_MODE_FILE, oid);
}

static int erase(struct way *way, struct cdb_dirs *dirs, const char *name)
{
    struct cdb_dir *list = way->dirs[way->count - 1];
    int result = 0;
    bool few = true;
    drop_entry(list, name);
    list->items--;
    for (unsigned i = way->count - 1; result == 0 && few && i-- > 0;) {
        result = may_fold(way->dirs[i], dirs, &few);
        if (result == 0 && few)
            result = fold(way->dirs[i], dirs);
    }
    return result;
}

int cdb_dir_set(struct cdb_dir *dir, struct cdb_dirs *dirs, const char *name, const struct cdb_fan_hash *hash,
                const struct cdb_oid *oid, struct cdb_oid *before)
{
    struct way way;
    bool gone = cdb_oid_is_zero(oid);
    memset(before, 0, sizeof(*before));
    int result = descend(dir, dirs, hash, !gone, &way);
    if (result != 0)
        return result < 0 ? result : 0;
    struct cdb_dir *list = way.dirs[way.count - 1];
    bool there = find_item(list, name, before);
    if (cdb_oid_equal(oid, before))
        return 0;
    if ((result = touch(&way, dirs)) != 0)
        return result;
    if (gone)
        return erase(&way, dirs, name);
    if (there)
        return put_entry(list, dirs, name, list->kind == CDB_FAN_ROOT ? CDB_MODE_DIR : CDB_MODE_FILE, oid);
    return insert(&way, dirs, name, hash, oid);
}

bool cdb_dir_is_changed(const struct cdb_dir *dir)
{
    return dir->changed;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static int add_object(struct cdb_dir *dir, struct cdb_dirs *dirs, const struct cdb_oid *oid)
{
    struct cdb_buf delta = CDB_BUF_INIT;
    bool has_base = dir->old != NULL && dir->round == dirs->round && dir->entry != CDB_NO_ENTRY &&
                    cdb_pack_depth(dirs->pack, dir->entry) < CDB_CHAIN_MAX;
    int result;
    if (has_base && dir->many)
        cdb_delta_tree(&delta, dir->old, dir->old_len, dir->content, dir->len);
    else if (has_base)
        cdb_delta_edges(&delta, dir->old, dir->old_len, dir->content, dir->len);
    if (has_base && !delta.failed && delta.len < dir->len / 2)
        result = cdb_pack_add_delta(dirs->pack, oid, dir->entry, delta.ptr, delta.len);
    else
        result = cdb_pack_add(dirs->pack, CDB_TREE, dir->content, dir->len, oid);
    cdb_buf_release(&delta);
    return result;
}

static int write_children(struct cdb_dir *dir, struct cdb_dirs *dirs)
{
    int result = 0;
    for (unsigned digit = 0; result == 0 && dir->children != NULL && digit < 16; digit++) {
        struct cdb_dir *child = dir->children[digit];
        struct cdb_oid oid;
        char name[2];
        if (child == NULL || !child->changed)
            continue;
        digit_name(digit, name);
        result = cdb_dir_write(child, dirs, &oid);
        if (result == 0 && !cdb_oid_is_zero(&oid)) {
            result = put_entry(dir, dirs, name, CDB_MODE_DIR, &oid);
        } else if (result == 0) {
            drop_entry(dir, name);
            cdb_dir_free(child, dirs);
            dir->children[digit] = NULL;
        }
    }
    return result;
}

int cdb_dir_write(struct cdb_dir *dir, struct cdb_dirs *dirs, struct cdb_oid *oid)
{
    static const struct cdb_oid nothing;
    int result = dir->changed ? write_children(dir, dirs) : 0;
    *oid = dir->oid;
    if (result != 0 || !dir->changed)
        return result;
    if (dir->len == 0)
        *oid = nothing;
    else
        result = cdb_object_hash(oid, CDB_TREE, dir->content, dir->len);
    if (result == 0 && dir->len > 0 && !cdb_oid_equal(oid, &dir->oid))
        result = add_object(dir, dirs, oid);
    if (result != 0)
        return result;
    if (!cdb_oid_equal(oid, &dir->oid)) {
        dir->entry = dir->len > 0 ? cdb_pack_find(dirs->pack, oid) : CDB_NO_ENTRY;
        dir->round = dirs->round;
    }
    free(dir->old);
    dir->old = NULL;
    dir->oid = *oid;
    dir->changed = dir->many = false;
    return 0;
}
