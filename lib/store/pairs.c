/* SPDX-License-Identifier: MIT */
#include "store/pairs.h"

#include <stdlib.h>

#include "chrondb.h"
#include "store/commit.h"
#include "store/tree.h"
#include "util/array.h"
#include "util/error.h"

#define TREE_MAX ((size_t)4 << 20) /* larger ones are compared by nobody */

struct commit {
    struct cdb_oid tree, parent; /* parent: zeros if there is none */
    int64_t seconds;
    uint32_t member;
    bool done;
};

/* Two trees at the same path. */
struct pair {
    uint32_t old, new;
};

struct walk {
    struct cdb_members *members;
    const struct cdb_pairs_help *help;
    unsigned limit;
    struct commit *commits; /* newest first */
    size_t commit_count, commit_room;
    uint32_t *by_item; /* member -> commit, for the commits in the order of their members */
    struct pair *pairs;
    size_t pair_count, pair_room;
    uint32_t rank;
    struct cdb_buf old, new;
};

/* ---- the commits ------------------------------------------------------------------------------- */

static int add_commit(struct walk *walk, uint32_t member)
{
    struct cdb_commit parsed;
    struct commit commit = {.member = member};
    int result = walk->help->read(walk->help->context, member, &walk->new);
    if (result == 0)
        result = cdb_commit_parse(&parsed, cdb_buf_str(&walk->new), walk->new.len);
    if (result != 0)
        return result == CHRONDB_EDAMAGED ? 0 : result;
    commit.tree = parsed.tree;
    commit.seconds = parsed.time.seconds;
    if (parsed.parent_count > 0)
        commit.parent = cdb_commit_parent(&parsed, 0);
    result = cdb_array_grow(&walk->commits, &walk->commit_room, walk->commit_count, sizeof(commit));
    if (result == 0)
        walk->commits[walk->commit_count++] = commit;
    return result;
}

static int newest_first(const void *left, const void *right)
{
    const struct commit *a = left, *b = right;
    if (a->seconds != b->seconds)
        return (a->seconds < b->seconds) - (a->seconds > b->seconds);
    return (a->member > b->member) - (a->member < b->member);
}

static int read_commits(struct walk *walk)
{
    int result = 0;
    for (size_t i = 0; i < walk->members->count && result == 0; i++)
        if (walk->members->list[i].type == CDB_COMMIT)
            result = add_commit(walk, (uint32_t)i);
    if (result == 0 && (walk->by_item = malloc((walk->members->count + 1) * sizeof(*walk->by_item))) == NULL)
        result = cdb_error_memory();
    if (result != 0)
        return result;
    if (walk->commit_count > 1)
        qsort(walk->commits, walk->commit_count, sizeof(*walk->commits), newest_first);
    for (size_t i = 0; i < walk->members->count; i++)
        walk->by_item[i] = CDB_NO_MEMBER;
    for (size_t i = 0; i < walk->commit_count; i++)
        walk->by_item[walk->commits[i].member] = (uint32_t)i;
    return 0;
}

/* ---- two trees --------------------------------------------------------------------------------- */

static void meet(struct walk *walk, uint32_t member)
{
    if (walk->members->list[member].rank == CDB_NO_RANK)
        walk->members->list[member].rank = walk->rank++;
}

static int push(struct walk *walk, uint32_t old, uint32_t new)
{
    int result = cdb_array_grow(&walk->pairs, &walk->pair_room, walk->pair_count, sizeof(*walk->pairs));
    if (result == 0)
        walk->pairs[walk->pair_count++] = (struct pair){old, new};
    return result;
}

/* The same path, before and after. */
static int compare_entries(struct walk *walk, const struct cdb_tree_entry *old, const struct cdb_tree_entry *new)
{
    if (cdb_oid_equal(&old->oid, &new->oid))
        return 0;
    uint32_t before = cdb_members_find(walk->members, &old->oid), after = cdb_members_find(walk->members, &new->oid);
    if (after == CDB_NO_MEMBER)
        return 0;
    meet(walk, after);
    if (before == CDB_NO_MEMBER)
        return 0;
    if (cdb_mode_is_dir(old->mode) && cdb_mode_is_dir(new->mode))
        return push(walk, before, after);
    if (cdb_mode_is_file(old->mode) && cdb_mode_is_file(new->mode))
        cdb_members_link(walk->members, before, after, walk->limit);
    return 0;
}

static int compare_trees(struct walk *walk)
{
    struct cdb_tree_cursor old_cursor = {cdb_buf_str(&walk->old), cdb_buf_str(&walk->old) + walk->old.len};
    struct cdb_tree_cursor new_cursor = {cdb_buf_str(&walk->new), cdb_buf_str(&walk->new) + walk->new.len};
    struct cdb_tree_entry old, new;
    int more = cdb_tree_next(&old_cursor, &old), result = 0;
    while (result == 0 && cdb_tree_next(&new_cursor, &new) == 1) {
        int order = 1;
        while (more == 1 && (order = cdb_tree_compare(&old, &new)) < 0)
            more = cdb_tree_next(&old_cursor, &old);
        if (more == 1 && order == 0) {
            result = compare_entries(walk, &old, &new);
        } else {
            uint32_t member = cdb_members_find(walk->members, &new.oid);
            if (member != CDB_NO_MEMBER)
                meet(walk, member);
        }
    }
    return result;
}

/* Each new tree is compared once: what hostile trees repeat is not looked at again and again. */
static int compare_pair(struct walk *walk, struct pair pair)
{
    struct cdb_member *list = walk->members->list;
    if (list[pair.old].type != CDB_TREE || list[pair.new].type != CDB_TREE)
        return 0;
    cdb_members_link(walk->members, pair.old, pair.new, walk->limit);
    if ((list[pair.new].flags & CDB_MEMBER_PAIRED) != 0)
        return 0;
    list[pair.new].flags |= CDB_MEMBER_PAIRED;
    int result = walk->help->read(walk->help->context, pair.new, &walk->new);
    if (result == 0 && walk->new.len <= TREE_MAX)
        result = walk->help->read(walk->help->context, pair.old, &walk->old);
    if (result == 0 && walk->new.len <= TREE_MAX && walk->old.len <= TREE_MAX)
        result = compare_trees(walk);
    return result == CHRONDB_EDAMAGED ? 0 : result;
}

static int compare_commits(struct walk *walk, const struct commit *commit, const struct commit *parent)
{
    uint32_t new = cdb_members_find(walk->members, &commit->tree);
    uint32_t old = parent != NULL ? cdb_members_find(walk->members, &parent->tree) : CDB_NO_MEMBER;
    int result = 0;
    if (new == CDB_NO_MEMBER)
        return 0;
    meet(walk, new);
    if (old != CDB_NO_MEMBER && old != new)
        result = push(walk, old, new);
    while (result == 0 && walk->pair_count > 0)
        result = compare_pair(walk, walk->pairs[--walk->pair_count]);
    return result;
}

/* From the newest commit that was not met yet along the first parents, so that what was read last is needed next. */
static int walk_commits(struct walk *walk)
{
    uint64_t done = 0;
    int result = 0;
    for (size_t i = 0; i < walk->commit_count && result == 0; i++) {
        for (struct commit *commit = &walk->commits[i]; commit != NULL && !commit->done && result == 0;) {
            commit->done = true;
            meet(walk, commit->member);
            uint32_t member =
                cdb_oid_is_zero(&commit->parent) ? CDB_NO_MEMBER : cdb_members_find(walk->members, &commit->parent);
            uint32_t index = member != CDB_NO_MEMBER ? walk->by_item[member] : CDB_NO_MEMBER;
            struct commit *parent = index != CDB_NO_MEMBER ? &walk->commits[index] : NULL;
            result = compare_commits(walk, commit, parent);
            commit = parent;
            if (result == 0 && walk->help->progress != NULL)
                result = walk->help->progress(walk->help->context, ++done, walk->commit_count);
        }
    }
    return result;
}

int cdb_pairs_find(struct cdb_members *members, unsigned chain_limit, const struct cdb_pairs_help *help)
{
    struct walk walk = {.members = members, .help = help, .limit = chain_limit};
    int result = read_commits(&walk);
    if (result == 0)
        result = walk_commits(&walk);
    free(walk.commits);
    free(walk.by_item);
    free(walk.pairs);
    cdb_buf_release(&walk.old);
    cdb_buf_release(&walk.new);
    return result;
}
