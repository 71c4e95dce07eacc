/* SPDX-License-Identifier: MIT
 * Trees and what they hold: is every object there, every document one, every directory as the fan-out has it? Each
 * directory is looked at once in each place of the fan-out, however many commits have it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/handle.h"
#include "db/verify.h"
#include "doc/json.h"
#include "util/array.h"
#include "util/error.h"
#include "util/parallel.h"

#define BATCH       16384 /* blobs that are read together */
#define CHUNK       64
#define COUNT_MAX   1000 /* items below a directory: more need not be told apart */
#define FOREIGN_MAX 1000 /* paths that one directory tells of */
#define STEP_EVERY  256
#define REPEATS_MAX 1000 /* as in fan.c */

/* A blob that is to be read. */
struct job {
    struct cdb_oid oid;
    const char *path, *key; /* in the batch's arena; key NULL: it is nobody's document */
    unsigned flags;
};

/* A directory of the fan-out: what its place asks of it. */
struct place {
    enum cdb_fan_kind kind;
    unsigned depth;
    struct cdb_fan_hash way;
};

struct table {
    const char *name; /* NULL: of the keys without one */
    const char *path;
    struct cdb_oid tree;
};

/* Directories and files of nobody. */
struct foreign {
    struct cdb_oid tree;
    const char *path; /* of the topmost one */
};

struct walk {
    struct cdb_verify *it;
    struct cdb_oid_map known; /* directories in their places: the number of items below, + 1 */
    struct cdb_oid_map paths; /* what was told of objects at paths */
    struct cdb_buf path, key, name;
    const char *table; /* of the documents that are walked; NULL: none */

    const struct cdb_verify_ref *ref;
    const struct cdb_oid *commit;
    bool head;    /* a ref's, not history's */
    bool present; /* a branch's head */
    bool ours;

    struct job *jobs;
    size_t job_count;
    struct cdb_arena batch;
    struct foreign *foreign;
    size_t foreign_count, foreign_room;
    uint64_t done;
};

static struct cdb_finding about(struct walk *walk, const char *kind, const char *message)
{
    return (struct cdb_finding){.kind = kind,
                                .ref = walk->ref != NULL ? walk->ref->name : NULL,
                                .commit = walk->commit,
                                .path = walk->path.len > 0 ? walk->path.ptr : NULL,
                                .message = message};
}

/* Was the same told at that path before? It is noted. 1, 0, or an error. */
static int is_told(struct walk *walk, const struct cdb_oid *oid, const char *what, const char *path)
{
    struct cdb_oid id = {{0}};
    uint64_t hash[2] = {cdb_bytes_hash(path, strlen(path)), cdb_bytes_hash(what, strlen(what))};
    if (oid != NULL)
        id = *oid;
    for (size_t i = 0; i < sizeof(hash); i++)
        id.id[i] ^= (unsigned char)(hash[i / 8] >> 8 * (i % 8));
    if (cdb_oid_map_get(&walk->paths, &id) != 0)
        return 1;
    return cdb_oid_map_set(&walk->paths, &id, 1);
}

/* About the directory that is walked: once, for all commits. */
static int tell(struct walk *walk, const char *kind, bool note, const struct cdb_oid *tree, const char *message)
{
    struct cdb_finding finding = about(walk, kind, message);
    bool malformed = strcmp(kind, CDB_KIND_TREE) == 0;
    finding.note = note;
    finding.object = tree;
    int result = is_told(walk, malformed ? tree : NULL, message, cdb_buf_str(&walk->path));
    return result == 0 ? cdb_verify_tell(walk->it, &finding) : result == 1 ? 0 : result;
}

static int step(struct walk *walk)
{
    if (++walk->done % STEP_EVERY != 0)
        return 0;
    return cdb_verify_step(walk->it, "trees", walk->done, 0);
}

/* ---- blobs ------------------------------------------------------------------------------------- */

static unsigned look(struct cdb_verify *it, const struct cdb_oid *oid, struct cdb_buf *content, int *result)
{
    int type = CDB_ANY;
    *result = cdb_objects_find(it->objects, oid, CDB_CHECK_MAX, &type, content);
    if (*result == 1)
        return CDB_SEEN_MISSING;
    if (*result == 0)
        return cdb_check_content(oid, type, cdb_buf_str(content), content->len);
    return cdb_check_is_large() ? CDB_SEEN_LARGE : CDB_SEEN_BAD;
}

static int read_some(void *context, unsigned thread, size_t from, size_t to)
{
    struct walk *walk = context;
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0;
    (void)thread;
    for (size_t i = from; i < to; i++) {
        walk->jobs[i].flags = look(walk->it, &walk->jobs[i].oid, &content, &result);
        if (result < 0 && cdb_check_is_memory())
            break;
        result = 0;
    }
    cdb_buf_release(&content);
    return result;
}

/* It is at the path of a document, and none. What is wrong in the present can be put right; the past stays. */
static int tell_invalid(struct walk *walk, const struct job *job, const struct cdb_finding *where)
{
    struct cdb_finding finding = *where;
    struct cdb_buf content = CDB_BUF_INIT;
    char message[512];
    int type, result = 0;
    finding.kind = CDB_KIND_DOCUMENT;
    finding.note = !walk->present;
    finding.object = &job->oid;
    snprintf(message, sizeof(message), "it is larger than a document may be");
    if ((job->flags & CDB_SEEN_LARGE) == 0) {
        result = cdb_objects_find(walk->it->objects, &job->oid, CDB_CHECK_MAX, &type, &content);
        if (result == 0 && content.len <= CHRONDB_MAX_DOCUMENT &&
            cdb_json_check(cdb_buf_str(&content), content.len) != 0)
            snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
    }
    finding.message = message;
    cdb_buf_release(&content);
    return cdb_verify_tell(walk->it, &finding);
}

static int tell_lost(struct walk *walk, const struct job *job, const struct cdb_finding *where)
{
    struct cdb_buf content = CDB_BUF_INIT;
    int type = CDB_ANY;
    int result = cdb_objects_find(walk->it->objects, &job->oid, CDB_CHECK_MAX, &type, &content);
    cdb_buf_release(&content);
    if (result == 0 && type == CDB_BLOB) /* from the journal, perhaps */
        return cdb_verify_copies(walk->it, &job->oid, where);
    result = cdb_verify_unreadable(walk->it, &job->oid, CDB_BLOB, result, type, where);
    return result == 1 ? 0 : result;
}

static int judge(struct walk *walk, const struct job *job)
{
    struct cdb_finding finding = {
        .ref = walk->ref != NULL ? walk->ref->name : NULL, .commit = walk->commit, .path = job->path, .key = job->key};
    bool blob = (job->flags & CDB_SEEN_TYPE) == CDB_BLOB, large = (job->flags & CDB_SEEN_LARGE) != 0;
    bool good = (job->flags & CDB_SEEN_GOOD) != 0;
    bool bad = (job->flags & CDB_SEEN_BAD) != 0;
    if (good && blob && !bad && (job->key == NULL || (job->flags & CDB_SEEN_JSON) != 0))
        return 0;
    int result = is_told(walk, &job->oid, "", job->path);
    if (result != 0)
        return result == 1 ? 0 : result;
    if (!(good && blob) && !large)
        return tell_lost(walk, job, &finding);
    if (bad && good && (result = cdb_verify_copies(walk->it, &job->oid, &finding)) != 0)
        return result;
    if (job->key != NULL && (job->flags & CDB_SEEN_JSON) != 0)
        return 0;
    if (job->key != NULL)
        return tell_invalid(walk, job, &finding);
    if (!large)
        return 0;
    finding.kind = CDB_KIND_UNCHECKED;
    finding.note = true;
    finding.object = &job->oid;
    finding.message = "it is larger than what is read: its content was not looked at";
    return cdb_verify_tell(walk->it, &finding);
}

/* Read what was collected, in parallel; the findings in order. */
static int flush(struct walk *walk)
{
    const struct cdb_parallel parallel = {read_some, NULL, walk, CHUNK};
    int result = cdb_parallel_run(&parallel, walk->job_count);
    for (size_t i = 0; i < walk->job_count && result == 0; i++) {
        const struct job *job = &walk->jobs[i];
        result = cdb_oid_map_set(&walk->it->seen, &job->oid, cdb_oid_map_get(&walk->it->seen, &job->oid) | job->flags);
        if (result == 0)
            result = judge(walk, job);
    }
    walk->it->report.objects += walk->job_count;
    walk->job_count = 0;
    cdb_arena_release(&walk->batch);
    if (result == 0)
        result = cdb_verify_step(walk->it, "documents", walk->it->report.documents, 0);
    return result;
}

/* A blob at a path; key NULL: it is no document. Those that are known to be good cost a look into a table. */
static int add_blob(struct walk *walk, const struct cdb_oid *oid, const char *path, const char *key)
{
    const unsigned known = CDB_SEEN_GOOD | CDB_SEEN_BAD | CDB_SEEN_LARGE | CDB_SEEN_MISSING;
    struct job job = {.oid = *oid, .path = path, .key = key, .flags = cdb_oid_map_get(&walk->it->seen, oid)};
    if ((job.flags & known) != 0)
        return judge(walk, &job);
    job.path = cdb_arena_copy(&walk->batch, path, strlen(path));
    job.key = key != NULL ? cdb_arena_copy(&walk->batch, key, strlen(key)) : NULL;
    if (job.path == NULL || (key != NULL && job.key == NULL))
        return CHRONDB_ESYSTEM;
    walk->jobs[walk->job_count++] = job;
    return walk->job_count == BATCH ? flush(walk) : 0;
}

/* ---- a tree as git has it ---------------------------------------------------------------------- */

static bool is_forbidden(const struct cdb_tree_entry *entry)
{
    const char *name = entry->name;
    size_t len = entry->name_len;
    bool dots = (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
    return dots || memchr(name, '/', len) != NULL || (len == 4 && strncasecmp(name, ".git", 4) == 0);
}

static bool is_usual(uint32_t mode)
{
    static const uint32_t usual[] = {CDB_MODE_DIR, CDB_MODE_FILE, 0100755, 0120000, 0160000};
    for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
        if (mode == usual[i])
            return true;
    return false;
}

/* Is there a file of the name of a directory? They are not neighbours. */
static bool has_twin(const struct cdb_tree_entry *entries, size_t count, const struct cdb_tree_entry *dir)
{
    struct cdb_tree_entry wanted = *dir;
    size_t low = 0, high = count;
    wanted.mode = CDB_MODE_FILE;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cdb_tree_compare(&wanted, &entries[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* What the tree object itself says, before its entries are put right. */
static int check_form(struct walk *walk, const struct cdb_oid *oid, const struct cdb_buf *content)
{
    struct cdb_tree_cursor cursor = {cdb_buf_str(content), cdb_buf_str(content) + content->len};
    struct cdb_tree_entry entry, before = {.name = NULL};
    const char *error = NULL, *note = NULL;
    for (const char *at = cursor.at; cdb_tree_next(&cursor, &entry) == 1; at = cursor.at) {
        int order = before.name != NULL ? cdb_tree_compare(&before, &entry) : -1;
        if (order == 0)
            error = "an entry is there twice";
        else if (order > 0)
            error = "its entries are not in order";
        else if (is_forbidden(&entry))
            error = "an entry has a name that git does not allow";
        if (*at == '0' || !is_usual(entry.mode))
            note = "an entry has an unusual mode";
        before = entry;
    }
    int result = error != NULL ? tell(walk, CDB_KIND_TREE, false, oid, error) : 0;
    return result == 0 && note != NULL ? tell(walk, CDB_KIND_CANONICAL, true, oid, note) : result;
}

/* 0; 1: it cannot be read, which was told. *entries is the caller's. */
static int read_tree(struct walk *walk, const struct cdb_oid *oid, struct cdb_buf *content,
                     struct cdb_tree_entry **entries, size_t *count)
{
    struct cdb_finding where = about(walk, NULL, NULL);
    *entries = NULL;
    *count = 0;
    int result = cdb_verify_read(walk->it, oid, CDB_TREE, &where, content);
    if (result == 0 && content->len > CDB_TREE_MAX)
        result = tell(walk, CDB_KIND_TREE, false, oid, "it is larger than a tree may be");
    if (result != 0)
        return result;
    walk->it->report.trees++;
    if (cdb_tree_parse(content, entries, count) != 0) {
        if (cdb_check_is_memory())
            return CHRONDB_ESYSTEM;
        result = tell(walk, CDB_KIND_TREE, false, oid, "it does not parse");
        return result == 0 ? 1 : result;
    }
    result = check_form(walk, oid, content);
    for (size_t i = 0; i < *count && result == 0; i++)
        if (cdb_mode_is_dir((*entries)[i].mode) && has_twin(*entries, *count, &(*entries)[i]))
            result = tell(walk, CDB_KIND_TREE, false, oid, "a file and a directory have the same name");
    return result != 0 ? result : step(walk);
}

/* The id of a directory in a place. */
static struct cdb_oid identify(const struct walk *walk, const struct cdb_oid *tree, const struct place *place)
{
    struct cdb_oid id = *tree;
    uint64_t hash = walk->table != NULL ? cdb_bytes_hash(walk->table, strlen(walk->table)) : 0;
    hash = (hash ^ (uint64_t)place->kind << 8 ^ place->depth) * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < place->depth && i < CDB_FAN_DEPTH; i++)
        hash = (hash ^ cdb_fan_digit(&place->way, i) ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    for (size_t i = 0; i < sizeof(hash); i++)
        id.id[i] ^= (unsigned char)(hash >> 8 * i);
    return id;
}

/* ---- what is nobody's -------------------------------------------------------------------------- */

static const struct place nobodys = {.kind = CDB_FAN_ROOT, .depth = CDB_FAN_DEPTH + 1};

static int push_foreign(struct walk *walk, const struct cdb_oid *tree, const char *path)
{
    struct cdb_oid id = identify(walk, tree, &nobodys);
    if (cdb_oid_map_get(&walk->known, &id) != 0)
        return 0;
    int result = cdb_oid_map_set(&walk->known, &id, 1);
    if (result == 0)
        result = cdb_array_grow(&walk->foreign, &walk->foreign_room, walk->foreign_count, sizeof(*walk->foreign));
    if (result == 0)
        walk->foreign[walk->foreign_count++] = (struct foreign){*tree, path};
    return result;
}

static int add_foreign(struct walk *walk, const struct cdb_tree_entry *entry, const char *path)
{
    if (entry->mode == 0160000u) /* of another repository */
        return 0;
    return cdb_mode_is_dir(entry->mode) ? push_foreign(walk, &entry->oid, path)
                                        : add_blob(walk, &entry->oid, path, NULL);
}

/* All that is below what was pushed, level upon level; only whether it is there counts. */
static int walk_foreign(struct walk *walk)
{
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0;
    while (result == 0 && walk->foreign_count > 0) {
        struct foreign next = walk->foreign[--walk->foreign_count];
        struct cdb_tree_entry *entries;
        size_t count;
        cdb_buf_clear(&walk->path);
        cdb_buf_adds(&walk->path, next.path);
        result = read_tree(walk, &next.tree, &content, &entries, &count);
        for (size_t i = 0; result == 0 && i < count; i++)
            result = add_foreign(walk, &entries[i], next.path);
        free(entries);
        result = result == 1 ? 0 : result;
    }
    cdb_buf_release(&content);
    return result;
}

/* ---- the fan-out ------------------------------------------------------------------------------- */

/* What a directory held. */
struct held {
    struct cdb_oid fans[16];
    unsigned digits;              /* which of them are there */
    uint32_t items, below, empty; /* of its own; in all; directories without any */
    uint32_t foreign;
};

static uint32_t add_counts(uint32_t a, uint32_t b)
{
    return a + b < COUNT_MAX ? a + b : COUNT_MAX;
}

/* Put "/NAME" behind the path. */
static size_t enter(struct walk *walk, const char *name, size_t len)
{
    size_t before = walk->path.len;
    if (before > 0)
        cdb_buf_addc(&walk->path, '/');
    cdb_buf_add(&walk->path, name, len);
    return before;
}

static void leave(struct walk *walk, size_t len)
{
    walk->path.len = len;
    if (walk->path.ptr != NULL)
        walk->path.ptr[len] = '\0';
}

static int tell_foreign(struct walk *walk, const struct cdb_tree_entry *entry, struct held *held)
{
    int result = 0;
    size_t before = enter(walk, entry->name, entry->name_len);
    if (++held->foreign <= FOREIGN_MAX)
        result = tell(walk, CDB_KIND_FOREIGN, true, NULL,
                      held->foreign < FOREIGN_MAX ? "it belongs to no key: kept, and not counted"
                                                  : "it belongs to no key, as more in this directory");
    const char *path = result == 0 ? cdb_arena_copy(&walk->it->arena, cdb_buf_str(&walk->path), walk->path.len) : NULL;
    if (result == 0)
        result = path != NULL ? add_foreign(walk, entry, path) : CHRONDB_ESYSTEM;
    leave(walk, before);
    return result;
}

/* A table is walked when the root has been. */
struct tables {
    struct table *list;
    size_t count, room;
    struct cdb_arena memory;
};

static int add_table(struct walk *walk, const struct cdb_tree_entry *entry, bool untabled, struct tables *tables)
{
    struct table table = {.tree = entry->oid};
    size_t before = enter(walk, entry->name, entry->name_len);
    int result = cdb_buf_check(&walk->path);
    table.path = cdb_arena_copy(&tables->memory, cdb_buf_str(&walk->path), walk->path.len);
    table.name = untabled ? NULL : cdb_arena_copy(&tables->memory, cdb_buf_str(&walk->name), walk->name.len);
    leave(walk, before);
    if (result == 0 && (table.path == NULL || (!untabled && table.name == NULL)))
        result = CHRONDB_ESYSTEM;
    if (result == 0)
        result = cdb_array_grow(&tables->list, &tables->room, tables->count, sizeof(*tables->list));
    if (result == 0)
        tables->list[tables->count++] = table;
    return result;
}

static int add_document(struct walk *walk, const struct cdb_tree_entry *entry, const struct cdb_oid *tree)
{
    struct cdb_buf *key = &walk->key;
    size_t before = enter(walk, entry->name, entry->name_len);
    cdb_buf_clear(key);
    if (walk->table != NULL) {
        cdb_buf_adds(key, walk->table);
        cdb_buf_addc(key, ':');
    }
    cdb_buf_add(key, cdb_buf_str(&walk->name), walk->name.len);
    int result = cdb_buf_check(key);
    if (result == 0)
        result = cdb_buf_check(&walk->path);
    if (result == 0 && entry->mode != CDB_MODE_FILE && is_usual(entry->mode))
        result = tell(walk, CDB_KIND_CANONICAL, !walk->ours, tree, "a document is executable");
    if (result == 0)
        result = add_blob(walk, &entry->oid, walk->path.ptr, key->ptr);
    leave(walk, before);
    walk->it->report.documents += walk->head;
    return result;
}

/* An entry that could be a table or a document. */
static int add_item(struct walk *walk, const struct cdb_tree_entry *entry, const struct place *place,
                    const struct cdb_oid *tree, struct held *held, struct tables *tables)
{
    bool untabled;
    cdb_buf_clear(&walk->name);
    if (!cdb_fan_decode(entry, place->kind, &walk->name, &untabled) ||
        !cdb_fan_on_way(cdb_buf_str(&walk->name), walk->name.len, &place->way, place->depth))
        return tell_foreign(walk, entry, held);
    held->items = add_counts(held->items, 1);
    return tables != NULL ? add_table(walk, entry, untabled, tables) : add_document(walk, entry, tree);
}

static int add_entry(struct walk *walk, const struct cdb_tree_entry *entry, const struct place *place,
                     const struct cdb_oid *tree, struct held *held, struct tables *tables)
{
    enum cdb_entry_kind kind = cdb_fan_classify(entry, place->kind);
    if (kind == CDB_ENTRY_ITEM)
        return add_item(walk, entry, place, tree, held, tables);
    if (kind == CDB_ENTRY_FOREIGN || place->depth >= CDB_FAN_DEPTH)
        return tell_foreign(walk, entry, held);
    unsigned digit = cdb_fan_entry_digit(entry);
    held->fans[digit] = entry->oid;
    held->digits |= 1u << digit;
    return 0;
}

/* Is the directory as chrondb would write it? */
static int check_shape(struct walk *walk, const struct place *place, const struct cdb_oid *tree,
                       const struct held *held)
{
    const char *message = NULL;
    bool top = place->kind == CDB_FAN_ROOT && place->depth == 0;
    bool divided = held->below > held->items; /* a directory like those, but with foreign paths alone, is one of them */
    if (divided && held->items > 0)
        message = "it lists items beside the directories of the fan-out";
    else if (divided && held->below <= CDB_FAN_LIMIT)
        message = "it is divided, and has too few items for that";
    else if (!divided && held->items > CDB_FAN_LIMIT && place->depth < CDB_FAN_DEPTH)
        message = "it has more items than one directory lists";
    else if (held->below == 0 && !top && held->foreign == 0 && held->digits == 0)
        message = "it is empty";
    return message != NULL ? tell(walk, CDB_KIND_CANONICAL, !walk->ours, tree, message) : 0;
}

/* The directories that a walk through one fan-out has met. */
struct visits {
    struct cdb_oid_map met;
    size_t repeats;
};

/* Readers give up where one directory is in a thousand places of one fan-out. 1: so does this. */
static int visit(struct walk *walk, const struct cdb_oid *tree, unsigned depth, struct visits *visits)
{
    if (depth == 0)
        return 0;
    if (cdb_oid_map_get(&visits->met, tree) == 0)
        return cdb_oid_map_set(&visits->met, tree, 1);
    if (++visits->repeats <= REPEATS_MAX)
        return 0;
    int result = visits->repeats == REPEATS_MAX + 1
                     ? tell(walk, CDB_KIND_TREE, false, tree, "it is in too many places of one fan-out")
                     : 0;
    return result == 0 ? 1 : result;
}

/* A directory and those below, at most CDB_FAN_DEPTH levels. *below: its items, at most COUNT_MAX. `tables` NULL: its
 * items are documents. */
static int walk_fan(struct walk *walk, const struct cdb_oid *tree, const struct place *place, struct visits *visits,
                    struct tables *tables, uint32_t *below);

static int walk_fans(struct walk *walk, const struct place *place, struct visits *visits, struct tables *tables,
                     struct held *held)
{
    int result = 0;
    for (unsigned digit = 0; digit < 16 && result == 0; digit++) {
        struct place child = {place->kind, place->depth + 1, place->way};
        uint32_t below = 0;
        if ((held->digits >> digit & 1) == 0)
            continue;
        cdb_fan_set_digit(&child.way, place->depth, digit);
        size_t before = enter(walk, &"0123456789abcdef"[digit], 1);
        result = walk_fan(walk, &held->fans[digit], &child, visits, tables, &below);
        leave(walk, before);
        held->below = add_counts(held->below, below);
    }
    return result;
}

static int read_fan(struct walk *walk, const struct cdb_oid *tree, const struct place *place, struct tables *tables,
                    struct held *held)
{
    struct cdb_buf content = CDB_BUF_INIT; /* not kept while the next level is read */
    struct cdb_tree_entry *entries = NULL;
    size_t count = 0;
    int result = read_tree(walk, tree, &content, &entries, &count);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = add_entry(walk, &entries[i], place, tree, held, tables);
    free(entries);
    cdb_buf_release(&content);
    return result;
}

static int walk_fan(struct walk *walk, const struct cdb_oid *tree, const struct place *place, struct visits *visits,
                    struct tables *tables, uint32_t *below)
{
    struct cdb_oid id = identify(walk, tree, place);
    struct held held = {.digits = 0};
    uint32_t known = cdb_oid_map_get(&walk->known, &id);
    *below = known > 0 ? known - 1 : 0;
    if (known > 0)
        return 0;
    int result = visit(walk, tree, place->depth, visits);
    if (result == 0)
        result = read_fan(walk, tree, place, tables, &held);
    held.below = held.items;
    if (result == 0)
        result = walk_fans(walk, place, visits, tables, &held);
    if (result == 0)
        result = check_shape(walk, place, tree, &held);
    if (result == 1) { /* told; nothing is said of those above */
        held.below = COUNT_MAX;
        result = 0;
    }
    *below = held.below;
    return result == 0 ? cdb_oid_map_set(&walk->known, &id, held.below + 1) : result;
}

/* ---- roots --------------------------------------------------------------------------------------- */

static int walk_table(struct walk *walk, const struct table *table)
{
    const struct place top = {.kind = table->name != NULL ? CDB_FAN_TABLE : CDB_FAN_UNTABLED, .depth = 0};
    struct visits visits = {.repeats = 0};
    uint32_t below;
    cdb_buf_clear(&walk->path);
    cdb_buf_adds(&walk->path, table->path);
    walk->table = table->name;
    int result = cdb_buf_check(&walk->path);
    if (result == 0)
        result = walk_fan(walk, &table->tree, &top, &visits, NULL, &below);
    walk->table = NULL;
    cdb_oid_map_release(&visits.met);
    return result;
}

static int walk_root(struct walk *walk, const struct cdb_verify_commit *commit)
{
    static const struct place top = {.kind = CDB_FAN_ROOT, .depth = 0};
    struct tables tables = {.list = NULL};
    struct visits visits = {.repeats = 0};
    uint32_t below;
    walk->ref = &walk->it->refs[commit->ref];
    walk->commit = &commit->oid;
    walk->ours = commit->ours;
    cdb_buf_clear(&walk->path);
    int result = walk_fan(walk, &commit->tree, &top, &visits, &tables, &below);
    for (size_t i = 0; i < tables.count && result == 0; i++)
        result = walk_table(walk, &tables.list[i]);
    if (result == 0)
        result = walk_foreign(walk);
    free(tables.list);
    cdb_arena_release(&tables.memory);
    cdb_oid_map_release(&visits.met);
    return result;
}

/* What a ref that is no branch and no tag names may be anything. */
static int walk_other(struct walk *walk, const struct cdb_verify_ref *ref)
{
    const struct cdb_verify_commit *commit = ref->head != 0 ? &walk->it->commits[ref->head - 1] : NULL;
    int result = 0;
    walk->ref = ref;
    walk->commit = commit != NULL ? &commit->oid : NULL;
    walk->ours = false;
    if (commit != NULL)
        result = push_foreign(walk, &commit->tree, "");
    else if (ref->type == CDB_TREE)
        result = push_foreign(walk, &ref->object, "");
    else if (ref->type == CDB_BLOB)
        result = add_blob(walk, &ref->object, "", NULL);
    return result == 0 ? walk_foreign(walk) : result;
}

static int walk_refs(struct walk *walk)
{
    struct cdb_verify *it = walk->it;
    int result = 0;
    for (size_t i = 0; i < it->ref_count && result == 0; i++) {
        const struct cdb_verify_ref *ref = &it->refs[i];
        walk->present = ref->kind == CDB_REF_BRANCH;
        walk->head = true;
        if (ref->kind == CDB_REF_OTHER || ref->type != CDB_COMMIT)
            result = walk_other(walk, ref);
        else if (ref->head != 0)
            result = walk_root(walk, &it->commits[ref->head - 1]);
        if (result == 0)
            result = flush(walk);
    }
    return result;
}

/* The newest commits come first: what is told of a directory is told of the newest commit that has it. */
static int walk_history(struct walk *walk)
{
    struct cdb_verify *it = walk->it;
    int result = 0;
    walk->present = walk->head = false;
    for (size_t i = 0; i < it->commit_count && result == 0; i++) {
        if (it->refs[it->commits[i].ref].kind == CDB_REF_OTHER)
            continue;
        result = walk_root(walk, &it->commits[i]);
        if (result == 0 && walk->job_count > 0)
            result = flush(walk);
        if (result == 0 && i % STEP_EVERY == 0)
            result = cdb_verify_step(it, "history", i, it->commit_count);
    }
    return result;
}

int cdb_verify_trees(struct cdb_verify *it)
{
    struct walk walk = {.it = it, .jobs = malloc(BATCH * sizeof(struct job))};
    int result = walk.jobs != NULL ? walk_refs(&walk) : cdb_error_memory();
    if (result == 0 && it->full)
        result = walk_history(&walk);
    free(walk.jobs);
    free(walk.foreign);
    cdb_oid_map_release(&walk.known);
    cdb_oid_map_release(&walk.paths);
    cdb_buf_release(&walk.path);
    cdb_buf_release(&walk.key);
    cdb_buf_release(&walk.name);
    cdb_arena_release(&walk.batch);
    return result;
}
