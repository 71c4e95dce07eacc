/* SPDX-License-Identifier: MIT */
#include "store/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "store/fan.h"
#include "store/key.h"
#include "util/array.h"
#include "util/error.h"

void cdb_foreign_release(struct cdb_foreign_changes *changes)
{
    free(changes->list);
    cdb_arena_release(&changes->paths);
    memset(changes, 0, sizeof(*changes));
}

static int too_deep(const char *path)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, path, strlen(path));
    int result = cdb_error(CHRONDB_EDAMAGED, "damaged", "%s: more than %d directories, one in the other",
                           cdb_buf_str(&quoted), CDB_FOREIGN_DEPTH);
    cdb_buf_release(&quoted);
    return result;
}

/* ---- three trees ------------------------------------------------------------------------------- */

enum side { BASE, OURS, THEIRS, SIDES };

/* A directory of all three that is still to be looked at. */
struct pending {
    struct cdb_oid trees[SIDES]; /* zeros: it is not there */
    const char *path;            /* with a '/' at the end, or "" */
    unsigned level;              /* of directories */
    bool plain;                  /* no part of the fan-out: all in it is foreign */
    bool blocked;                /* something of ours that is no directory stands there */
    enum cdb_fan_kind kind;
    unsigned depth; /* of the fan-out */
    struct cdb_fan_hash hash;
};

struct merger {
    struct cdb_objects *objects;
    struct cdb_foreign_changes *out;
    struct pending *stack;
    size_t count, room;
    struct cdb_buf path, raw;
};

/* What a name means in a directory. */
enum meaning { NOTHING, DOCUMENT, FILE_OF_NOBODY, DIRECTORY, FAN_OUT, TABLE };

static const struct cdb_tree_entry *find_exactly(const struct cdb_fan *fan, const struct cdb_tree_entry *wanted)
{
    size_t low = 0, high = fan->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cdb_tree_compare(wanted, &fan->entries[middle]);
        if (order == 0)
            return &fan->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* By its name, whatever it is: git sorts directories as if they had a '/' behind. */
static const struct cdb_tree_entry *find(const struct cdb_fan *fan, const struct cdb_tree_entry *named)
{
    struct cdb_tree_entry wanted = {.name = named->name, .name_len = named->name_len, .mode = CDB_MODE_DIR};
    const struct cdb_tree_entry *found = find_exactly(fan, &wanted);
    wanted.mode = CDB_MODE_FILE;
    return found != NULL ? found : find_exactly(fan, &wanted);
}

static enum meaning meaning_of(struct merger *merger, const struct pending *at, const struct cdb_tree_entry *entry)
{
    if (entry == NULL)
        return NOTHING;
    enum meaning foreign = cdb_mode_is_dir(entry->mode) ? DIRECTORY : FILE_OF_NOBODY;
    if (at->plain)
        return foreign;
    if (cdb_fan_is_item(entry, at->kind, &at->hash, at->depth, &merger->raw))
        return at->kind == CDB_FAN_ROOT ? TABLE : DOCUMENT;
    bool fan_out = at->depth < CDB_FAN_DEPTH && cdb_fan_classify(entry, at->kind) == CDB_ENTRY_FAN;
    return fan_out ? FAN_OUT : foreign;
}

static bool same_file(const struct cdb_foreign_file *a, const struct cdb_foreign_file *b)
{
    return a->mode == b->mode && (a->mode == 0 || cdb_oid_equal(&a->oid, &b->oid));
}

static const char *path_of(struct merger *merger, const struct pending *at, const struct cdb_tree_entry *entry,
                           const char *end)
{
    cdb_buf_clear(&merger->path);
    cdb_buf_adds(&merger->path, at->path);
    cdb_buf_add(&merger->path, entry->name, entry->name_len);
    cdb_buf_adds(&merger->path, end);
    if (cdb_buf_check(&merger->path) != 0)
        return NULL;
    return cdb_arena_copy(&merger->out->paths, merger->path.ptr, merger->path.len);
}

static int merge_file(struct merger *merger, const struct pending *at, const struct cdb_tree_entry *named,
                      const struct cdb_foreign_file files[SIDES], bool taken)
{
    struct cdb_foreign_changes *out = merger->out;
    if (same_file(&files[THEIRS], &files[BASE]) || (same_file(&files[THEIRS], &files[OURS]) && !taken))
        return 0;
    if (files[THEIRS].mode == 0 && taken) /* it is gone, and something else of ours is there */
        return 0;
    if (cdb_array_grow(&out->list, &out->room, out->count, sizeof(*out->list)) != 0)
        return CHRONDB_ESYSTEM;
    const char *path = path_of(merger, at, named, "");
    if (path == NULL)
        return CHRONDB_ESYSTEM;
    bool conflict = taken || at->blocked || !same_file(&files[OURS], &files[BASE]);
    out->list[out->count++] =
        (struct cdb_foreign_change){.path = path, .ours = files[OURS], .theirs = files[THEIRS], .conflict = conflict};
    return 0;
}

static int push(struct merger *merger, const struct pending *at, const struct cdb_tree_entry *named,
                enum meaning meaning, const struct cdb_oid trees[SIDES], bool blocked)
{
    struct pending below = *at;
    if (cdb_oid_equal(&trees[THEIRS], &trees[BASE]) || cdb_oid_equal(&trees[THEIRS], &trees[OURS]))
        return 0;
    if (at->level >= CDB_FOREIGN_DEPTH)
        return too_deep(at->path);
    memcpy(below.trees, trees, sizeof(below.trees));
    below.level++;
    below.blocked |= blocked;
    if (meaning == DIRECTORY)
        below.plain = true;
    if (meaning == FAN_OUT)
        cdb_fan_set_digit(&below.hash, below.depth++, cdb_fan_entry_digit(named));
    if (meaning == TABLE) {
        below.kind = named->name_len == 1 && named->name[0] == '_' ? CDB_FAN_UNTABLED : CDB_FAN_TABLE;
        below.depth = 0;
        memset(&below.hash, 0, sizeof(below.hash));
    }
    below.path = path_of(merger, at, named, "/");
    if (below.path == NULL || cdb_array_grow(&merger->stack, &merger->room, merger->count, sizeof(*merger->stack)) != 0)
        return CHRONDB_ESYSTEM;
    merger->stack[merger->count++] = below;
    return 0;
}

/* One name: a file of nobody's is merged, a directory is looked into. */
static int merge_name(struct merger *merger, const struct pending *at, const struct cdb_fan fans[SIDES],
                      const struct cdb_tree_entry *named)
{
    struct cdb_foreign_file files[SIDES] = {{.mode = 0}};
    struct cdb_oid trees[SIDES] = {{{0}}};
    enum meaning meanings[SIDES], directory = NOTHING;
    for (int side = 0; side < SIDES; side++) {
        const struct cdb_tree_entry *entry = find(&fans[side], named);
        meanings[side] = meaning_of(merger, at, entry);
        if (meanings[side] == FILE_OF_NOBODY)
            files[side] = (struct cdb_foreign_file){entry->mode, entry->oid};
        if (meanings[side] >= DIRECTORY) {
            trees[side] = entry->oid;
            directory = meanings[side]; /* the name alone tells which kind */
        }
    }
    bool same_directory = meanings[OURS] == DIRECTORY && cdb_oid_equal(&trees[OURS], &trees[BASE]);
    bool taken = meanings[OURS] != NOTHING && meanings[OURS] != FILE_OF_NOBODY && !same_directory;
    int result = merge_file(merger, at, named, files, taken);
    if (result == 0 && directory != NOTHING)
        result = push(merger, at, named, directory, trees,
                      files[OURS].mode != 0 && !(same_file(&files[OURS], &files[BASE]) && files[THEIRS].mode == 0));
    return result;
}

static int merge_directory(struct merger *merger, const struct pending *at)
{
    struct cdb_fan fans[SIDES];
    int result = 0;
    memset(fans, 0, sizeof(fans));
    for (int side = 0; result == 0 && side < SIDES; side++)
        result = cdb_fan_load(&fans[side], merger->objects, &at->trees[side], at->kind);
    for (size_t i = 0; result == 0 && i < fans[THEIRS].count; i++)
        result = merge_name(merger, at, fans, &fans[THEIRS].entries[i]);
    for (size_t i = 0; result == 0 && i < fans[BASE].count; i++)
        if (find(&fans[THEIRS], &fans[BASE].entries[i]) == NULL)
            result = merge_name(merger, at, fans, &fans[BASE].entries[i]);
    for (int side = 0; side < SIDES; side++)
        cdb_fan_release(&fans[side]);
    return result == 0 ? cdb_buf_check(&merger->raw) : result;
}

int cdb_foreign_merge(struct cdb_objects *objects, const struct cdb_oid *base, const struct cdb_oid *ours,
                      const struct cdb_oid *theirs, struct cdb_foreign_changes *out)
{
    struct merger merger = {.objects = objects, .out = out};
    struct cdb_visits visits;
    struct pending at = {.trees = {*base, *ours, *theirs}, .path = "", .kind = CDB_FAN_ROOT};
    cdb_visits_init(&visits, objects);
    int result = cdb_oid_equal(theirs, base) || cdb_oid_equal(theirs, ours) ? 0 : merge_directory(&merger, &at);
    while (result == 0 && merger.count > 0) {
        at = merger.stack[--merger.count];
        result = cdb_oid_is_zero(&at.trees[THEIRS]) ? 0 : cdb_visits_add(&visits, &at.trees[THEIRS]);
        if (result == 0)
            result = merge_directory(&merger, &at);
    }
    cdb_visits_release(&visits);
    free(merger.stack);
    cdb_buf_release(&merger.path);
    cdb_buf_release(&merger.raw);
    return result;
}

/* ---- trees that are not in the store ------------------------------------------------------------- */

struct cdb_fresh_tree {
    struct cdb_oid oid;
    const char *data;
    size_t len;
};

int cdb_fresh_emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    struct cdb_fresh_trees *fresh = context;
    if (type == CDB_TREE) {
        if (cdb_array_grow(&fresh->list, &fresh->room, fresh->count, sizeof(*fresh->list)) != 0)
            return CHRONDB_ESYSTEM;
        const char *copy = cdb_arena_copy(&fresh->memory, data, len);
        if (copy == NULL)
            return CHRONDB_ESYSTEM;
        fresh->list[fresh->count++] = (struct cdb_fresh_tree){*oid, copy, len};
    }
    return fresh->emit(fresh->emit_context, type, data, len, oid);
}

void cdb_fresh_release(struct cdb_fresh_trees *fresh)
{
    free(fresh->list);
    cdb_arena_release(&fresh->memory);
    memset(fresh, 0, sizeof(*fresh));
}

/* What was made last is what is asked for: the root, and directories below it. */
static int read_tree(struct cdb_objects *objects, const struct cdb_fresh_trees *fresh, const struct cdb_oid *oid,
                     struct cdb_buf *out)
{
    for (size_t i = fresh->count; i-- > 0;) {
        if (cdb_oid_equal(&fresh->list[i].oid, oid)) {
            cdb_buf_clear(out);
            cdb_buf_add(out, fresh->list[i].data, fresh->list[i].len);
            return cdb_buf_check(out);
        }
    }
    return cdb_objects_read(objects, oid, CDB_TREE, CDB_TREE_MAX, out);
}

/* ---- applying ---------------------------------------------------------------------------------- */

struct applier {
    struct cdb_objects *objects;
    struct cdb_fresh_trees *fresh;
};

static int by_path(const void *left, const void *right)
{
    const struct cdb_foreign_change *a = left, *b = right;
    return strcmp(a->path, b->path);
}

/* The entry of that name, or a new one that says nothing yet (mode 0). */
static struct cdb_tree_entry *entry_of(struct cdb_tree_entry *entries, size_t *count, const char *name, size_t len)
{
    for (size_t i = 0; i < *count; i++)
        if (entries[i].name_len == len && memcmp(entries[i].name, name, len) == 0)
            return &entries[i];
    entries[*count] = (struct cdb_tree_entry){.name = name, .name_len = len};
    return &entries[(*count)++];
}

static int write_directory(struct applier *applier, struct cdb_tree_entry *entries, size_t count, struct cdb_oid *out)
{
    struct cdb_buf content = CDB_BUF_INIT;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (entries[i].mode != 0)
            entries[kept++] = entries[i];
    memset(out, 0, sizeof(*out));
    if (kept == 0)
        return 0;
    cdb_tree_encode(entries, kept, &content);
    int result = cdb_buf_check(&content);
    if (result == 0)
        result = cdb_object_hash(out, CDB_TREE, content.ptr, content.len);
    if (result == 0)
        result = cdb_fresh_emit(applier->fresh, CDB_TREE, content.ptr, content.len, out);
    cdb_buf_release(&content);
    return result;
}

/* The changes, sorted by path, of one directory, whose own path has `skip` bytes. Recurses once a directory. */
static int apply(struct applier *applier, const struct cdb_foreign_change *list, size_t count, size_t skip,
                 unsigned level, const struct cdb_oid *tree, struct cdb_oid *out)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_tree_entry *parsed = NULL, *entries = NULL;
    size_t present = 0;
    int result = level > CDB_FOREIGN_DEPTH ? too_deep(list[0].path) : 0;
    if (result == 0 && !cdb_oid_is_zero(tree))
        result = read_tree(applier->objects, applier->fresh, tree, &content);
    if (result == 0 && content.len > 0)
        result = cdb_tree_parse(&content, &parsed, &present);
    if (result == 0 && (entries = calloc(present + count, sizeof(*entries))) == NULL)
        result = cdb_error_memory();
    if (result == 0 && present > 0)
        memcpy(entries, parsed, present * sizeof(*entries));
    for (size_t i = 0, end; result == 0 && i < count; i = end) {
        const char *name = list[i].path + skip, *slash = strchr(name, '/');
        size_t len = slash != NULL ? (size_t)(slash - name) : strlen(name);
        struct cdb_tree_entry *entry = entry_of(entries, &present, name, len);
        end = i + 1;
        if (slash == NULL) {
            bool gone = list[i].theirs.mode == 0;
            if (!gone || !cdb_mode_is_dir(entry->mode)) {
                entry->mode = list[i].theirs.mode;
                entry->oid = list[i].theirs.oid;
            }
            continue;
        }
        while (end < count && strncmp(list[end].path + skip, name, len + 1) == 0)
            end++;
        struct cdb_oid before = {{0}}, after;
        bool was_directory = cdb_mode_is_dir(entry->mode);
        if (was_directory)
            before = entry->oid;
        result = apply(applier, list + i, end - i, skip + len + 1, level + 1, &before, &after);
        if (result == 0 && (was_directory || !cdb_oid_is_zero(&after))) { /* a file that was put in its place stays */
            entry->mode = cdb_oid_is_zero(&after) ? 0 : CDB_MODE_DIR;
            entry->oid = after;
        }
    }
    if (result == 0)
        result = write_directory(applier, entries, present, out);
    free(entries);
    free(parsed);
    cdb_buf_release(&content);
    return result;
}

int cdb_foreign_apply(struct cdb_objects *objects, struct cdb_fresh_trees *fresh, struct cdb_foreign_changes *changes,
                      struct cdb_oid *root)
{
    struct applier applier = {objects, fresh};
    struct cdb_oid before = *root;
    if (changes->count == 0)
        return 0;
    qsort(changes->list, changes->count, sizeof(*changes->list), by_path);
    int result = apply(&applier, changes->list, changes->count, 0, 0, &before, root);
    if (result != 0 || !cdb_oid_is_zero(root))
        return result;
    result = cdb_object_hash(root, CDB_TREE, "", 0);
    return result == 0 ? cdb_fresh_emit(fresh, CDB_TREE, "", 0, root) : result;
}
