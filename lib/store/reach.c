/* SPDX-License-Identifier: MIT */
#include "store/reach.h"

#include <stdlib.h>
#include <string.h>

#include "store/bases.h"
#include "store/timeline.h"
#include "store/tree.h"
#include "util/array.h"
#include "util/error.h"

#define TAGS_MAX     64 /* a tag of a tag of a tag ... */
#define OBJECTS_MAX  ((size_t)1 << 31)
#define MODE_GITLINK 0160000u /* a commit of another repository */

/* ---- the set ------------------------------------------------------------------------------------- */

static size_t slot_of(const struct cdb_reach *reach, const struct cdb_oid *oid)
{
    size_t hash;
    memcpy(&hash, oid->id, sizeof(hash));
    size_t i = hash & (reach->slot_count - 1);
    while (reach->slots[i] != 0 && !cdb_oid_equal(&reach->list[reach->slots[i] - 1].oid, oid))
        i = (i + 1) & (reach->slot_count - 1);
    return i;
}

struct cdb_reached *cdb_reach_get(const struct cdb_reach *reach, const struct cdb_oid *oid)
{
    uint32_t found = reach->slot_count > 0 ? reach->slots[slot_of(reach, oid)] : 0;
    return found > 0 ? &reach->list[found - 1] : NULL;
}

static int grow_slots(struct cdb_reach *reach)
{
    size_t wanted = reach->slot_count == 0 ? 1024 : reach->slot_count * 2;
    uint32_t *slots = reach->count < OBJECTS_MAX ? calloc(wanted, sizeof(*slots)) : NULL;
    if (slots == NULL)
        return cdb_error_memory();
    free(reach->slots);
    reach->slots = slots;
    reach->slot_count = wanted;
    for (size_t i = 0; i < reach->count; i++)
        reach->slots[slot_of(reach, &reach->list[i].oid)] = (uint32_t)i + 1;
    return 0;
}

static int wrong_type(const struct cdb_oid *oid, int one, int other)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "object %s is named as a %s and as a %s", hex, cdb_type_name(one),
                     cdb_type_name(other));
}

/* 0; 1: it is there already. */
static int add(struct cdb_reach *reach, const struct cdb_oid *oid, int type)
{
    int result = (reach->count + 1) * 2 > reach->slot_count ? grow_slots(reach) : 0;
    if (result != 0)
        return result;
    size_t slot = slot_of(reach, oid);
    if (reach->slots[slot] != 0) {
        int known = reach->list[reach->slots[slot] - 1].type;
        return known == type ? 1 : wrong_type(oid, known, type);
    }
    result = cdb_array_grow(&reach->list, &reach->room, reach->count, sizeof(*reach->list));
    if (result != 0)
        return result;
    reach->list[reach->count++] = (struct cdb_reached){.oid = *oid, .type = (uint8_t)type};
    reach->slots[slot] = (uint32_t)reach->count;
    return 0;
}

int cdb_reach_add(struct cdb_reach *reach, const struct cdb_oid *oid, int type)
{
    int result = add(reach, oid, type);
    return result == 1 ? 0 : result;
}

void cdb_reach_release(struct cdb_reach *reach)
{
    free(reach->list);
    free(reach->slots);
    *reach = (struct cdb_reach){.list = NULL};
}

/* ---- trees --------------------------------------------------------------------------------------- */

/* Two trees at the same path; `old` is zeros if there is none. */
struct pair {
    struct cdb_oid old, new;
};

struct walk {
    struct cdb_reach *reach;
    struct cdb_objects *objects;
    struct pair *pairs; /* still to be compared */
    size_t pair_count, pair_room;
    struct cdb_buf old, new;
};

static int push(struct walk *walk, const struct cdb_oid *old, const struct cdb_oid *new)
{
    int result = cdb_array_grow(&walk->pairs, &walk->pair_room, walk->pair_count, sizeof(*walk->pairs));
    if (result == 0)
        walk->pairs[walk->pair_count++] = (struct pair){*old, *new};
    return result;
}

/* `old`: the entry of that name in the older tree, or NULL. */
static int meet(struct walk *walk, const struct cdb_tree_entry *old, const struct cdb_tree_entry *new)
{
    static const struct cdb_oid none;
    bool is_dir = cdb_mode_is_dir(new->mode);
    bool same_kind = old != NULL && cdb_mode_is_dir(old->mode) == is_dir;
    if ((new->mode & 0170000u) == MODE_GITLINK || (same_kind && cdb_oid_equal(&old->oid, &new->oid)))
        return 0;
    int result = add(walk->reach, &new->oid, is_dir ? CDB_TREE : CDB_BLOB);
    if (result == 0 && is_dir)
        result = push(walk, same_kind ? &old->oid : &none, &new->oid);
    return result == 1 ? 0 : result;
}

/* Entries out of order, as hostile trees have them, are only looked at needlessly. */
static int compare(struct walk *walk)
{
    struct cdb_tree_cursor old_cursor = {cdb_buf_str(&walk->old), cdb_buf_str(&walk->old) + walk->old.len};
    struct cdb_tree_cursor new_cursor = {cdb_buf_str(&walk->new), cdb_buf_str(&walk->new) + walk->new.len};
    struct cdb_tree_entry old, new;
    int more = cdb_tree_next(&old_cursor, &old), next, result = 0;
    while (result == 0 && (next = cdb_tree_next(&new_cursor, &new)) != 0) {
        int order = 1;
        while (more == 1 && (order = cdb_tree_compare(&old, &new)) < 0)
            more = cdb_tree_next(&old_cursor, &old);
        result = next < 0 ? next : meet(walk, more == 1 && order == 0 ? &old : NULL, &new);
    }
    return result == 0 && more < 0 ? more : result;
}

static int compare_pair(struct walk *walk, const struct pair *pair)
{
    int result = cdb_objects_read(walk->objects, &pair->new, CDB_TREE, CDB_TREE_MAX, &walk->new);
    cdb_buf_clear(&walk->old);
    if (result == 0 && !cdb_oid_is_zero(&pair->old))
        result = cdb_objects_read(walk->objects, &pair->old, CDB_TREE, CDB_TREE_MAX, &walk->old);
    if (result != 0)
        return result;
    result = compare(walk);
    if (result == CHRONDB_EDAMAGED) {
        char hex[CDB_OID_HEX + 1];
        cdb_oid_format(&pair->new, hex);
        cdb_error_context("tree %s", hex);
    }
    return result;
}

static int walk_tree(struct walk *walk, const struct cdb_oid *old, const struct cdb_oid *new)
{
    int result = cdb_oid_equal(old, new) ? 1 : add(walk->reach, new, CDB_TREE);
    if (result == 0)
        result = push(walk, old, new);
    else if (result == 1)
        result = 0;
    while (result == 0 && walk->pair_count > 0) {
        struct pair pair = walk->pairs[--walk->pair_count];
        result = compare_pair(walk, &pair);
    }
    return result;
}

/* ---- commits and tags ------------------------------------------------------------------------------ */

static int walk_commit(struct walk *walk, const struct cdb_oid *oid)
{
    struct cdb_commit commit;
    struct cdb_oid tree, old = {{0}};
    int result = cdb_commit_read(walk->objects, oid, &walk->new, &commit);
    if (result != 0)
        return result;
    tree = commit.tree;
    if (commit.parent_count > 0) {
        struct cdb_oid parent = cdb_commit_parent(&commit, 0);
        result = cdb_commit_read(walk->objects, &parent, &walk->old, &commit);
        old = commit.tree;
    }
    if (result == 0)
        result = add(walk->reach, oid, CDB_COMMIT);
    return result < 0 ? result : walk_tree(walk, &old, &tree);
}

/* What a tag is about: "object ID\ntype NAME\n". */
static bool parse_tag(const struct cdb_buf *content, struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1] = "";
    if (content->len < 7 + CDB_OID_HEX + 1 || memcmp(content->ptr, "object ", 7) != 0 ||
        content->ptr[7 + CDB_OID_HEX] != '\n')
        return false;
    memcpy(hex, content->ptr + 7, CDB_OID_HEX);
    return cdb_oid_parse(hex, oid);
}

/* A tip, and what it is about if it is a tag. Commits are collected, anything else is walked at once. */
static int walk_tip(struct walk *walk, const struct cdb_oid *tip, struct cdb_oid *commit, bool *is_commit)
{
    static const struct cdb_oid none;
    struct cdb_oid oid = *tip;
    *is_commit = false;
    for (int depth = 0; depth < TAGS_MAX; depth++) {
        int type, result = cdb_objects_find(walk->objects, &oid, CDB_TREE_MAX, &type, &walk->new);
        if (result == 1)
            return cdb_objects_read(walk->objects, &oid, CDB_ANY, CDB_TREE_MAX, &walk->new); /* says what is missing */
        if (result != 0)
            return result;
        if (type == CDB_COMMIT) {
            *commit = oid;
            *is_commit = true;
            return 0;
        }
        if (type == CDB_TREE)
            return walk_tree(walk, &none, &oid);
        result = add(walk->reach, &oid, type);
        if (result != 0 || type == CDB_BLOB)
            return result == 1 ? 0 : result;
        if (!parse_tag(&walk->new, &oid))
            break;
    }
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(tip, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "the tag %s is malformed", hex);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static int walk_commits(struct walk *walk, const struct cdb_oid *commits, size_t count, cdb_rewrite_progress progress,
                        void *context)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = walk_commit(walk, &commits[i]);
        if (result == 0 && progress != NULL)
            result = progress(context, "walking commits", i + 1, count);
    }
    walk->reach->commits = count;
    return result;
}

int cdb_reach_find(struct cdb_reach *out, struct cdb_objects *objects, const struct cdb_oid *tips, size_t tip_count,
                   const struct cdb_oid *bases, size_t base_count, cdb_rewrite_progress progress, void *context)
{
    struct walk walk = {.reach = out, .objects = objects};
    struct cdb_oid *commits = calloc(tip_count + 1, sizeof(*commits)), *missing = NULL;
    size_t commit_count = 0, missing_count = 0;
    *out = (struct cdb_reach){.list = NULL};
    int result = commits != NULL ? 0 : cdb_error_memory();
    for (size_t i = 0; result == 0 && i < tip_count; i++) {
        bool is_commit;
        result = walk_tip(&walk, &tips[i], &commits[commit_count], &is_commit);
        commit_count += result == 0 && is_commit;
    }
    if (result == 0)
        result = cdb_bases_missing(&missing, &missing_count, objects, bases, base_count, commits, commit_count);
    if (result == 0)
        result = walk_commits(&walk, missing, missing_count, progress, context);
    free(commits);
    free(missing);
    free(walk.pairs);
    cdb_buf_release(&walk.old);
    cdb_buf_release(&walk.new);
    return result;
}
