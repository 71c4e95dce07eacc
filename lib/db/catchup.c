/* SPDX-License-Identifier: MIT */
#include "db/catchup.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"

#define BORROW_AFTER 64 /* commits that an existing catalog lacks, before others are looked at */

int cdb_db_index_result(int result)
{
    return result == CHRONDB_EDAMAGED ? CDB_INDEX_LOST : result;
}

int cdb_catch_up_open(struct cdb_catch_up *it, bool anew)
{
    it->count = 0;
    it->covered = 0;
    int result = it->dir < 0 || anew ? 1 : cdb_db_index_result(cdb_catalog_open(&it->catalog, it->dir, it->ref));
    return result == 1 ? cdb_db_index_result(cdb_catalog_new(&it->catalog, it->ref)) : result;
}

void cdb_catch_up_release(struct cdb_catch_up *it)
{
    cdb_catalog_close(it->catalog);
    free(it->chain);
    it->catalog = NULL;
    it->chain = NULL;
    it->count = it->room = 0;
}

/* ---- what is missing --------------------------------------------------------------------------- */

/* Another branch may know the commit. It is asked at distances that double: this costs a look at every manifest. 0: it
 * does, and its catalog is ours now; 1: none does. */
static int borrow(struct cdb_catch_up *it, const struct cdb_oid *commit)
{
    struct cdb_catalog *borrowed = NULL;
    bool empty = cdb_catalog_count(it->catalog) == 0;
    if (it->dir < 0 || (it->count & (it->count - 1)) != 0 || (!empty && it->count < BORROW_AFTER))
        return 1;
    int result = cdb_db_index_result(cdb_catalog_borrow(&borrowed, it->dir, it->ref, commit));
    if (result != 0)
        return result;
    cdb_catalog_close(it->catalog);
    it->catalog = borrowed;
    return 0;
}

/* The chain meets the catalog behind so many commits. */
static int meet(struct cdb_catch_up *it, uint64_t covered)
{
    it->covered = covered;
    it->left = it->count;
    return covered < cdb_catalog_count(it->catalog) ? cdb_db_index_result(cdb_catalog_cut(it->catalog, covered)) : 0;
}

/* One commit of the chain: 0 if the catalog has it, 1 if not, or another result. */
static int look_at(struct cdb_catch_up *it, const struct cdb_oid *commit, uint64_t *position)
{
    int result = cdb_db_index_result(cdb_catalog_find(it->catalog, commit, position));
    if (result == 1) {
        result = borrow(it, commit);
        if (result == 0)
            result = cdb_db_index_result(cdb_catalog_find(it->catalog, commit, position));
    }
    return result;
}

int cdb_catch_up_look(struct cdb_catch_up *it, const struct cdb_oid *head)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid at = *head;
    uint64_t position = 0;
    int result = 0;
    it->count = 0;
    while ((result = look_at(it, &at, &position)) == 1) {
        struct cdb_commit commit;
        result = it->commit_limit > 0 && it->count >= it->commit_limit ? CDB_INDEX_FAR : 0;
        if (result == 0)
            result = cdb_array_grow(&it->chain, &it->room, it->count, sizeof(*it->chain));
        if (result == 0)
            result = cdb_commit_read(it->db->repo->objects, &at, &content, &commit);
        if (result != 0)
            goto out;
        it->chain[it->count++] = at;
        if (commit.parent_count == 0) {
            result = meet(it, 0);
            goto out;
        }
        at = cdb_commit_parent(&commit, 0);
    }
    if (result == 0)
        result = meet(it, position + 1);
out:
    cdb_buf_release(&content);
    return result;
}

/* ---- adding ------------------------------------------------------------------------------------ */

struct adding {
    struct cdb_catch_up *it;
    struct cdb_buf content;
    struct cdb_oid root; /* of the commit before */
    chrondb_time time;
    bool has_parent;
    size_t changes; /* so far */
    struct cdb_catalog_change *list;
    size_t room;
};

/* Where the catalog ends. */
static int begin(struct adding *adding)
{
    struct cdb_catch_up *it = adding->it;
    struct cdb_catalog_commit last;
    struct cdb_commit commit;
    uint64_t count = cdb_catalog_count(it->catalog);
    if (count == 0)
        return 0;
    int result = cdb_db_index_result(cdb_catalog_commit(it->catalog, count - 1, &last));
    if (result == 0)
        result = cdb_commit_read(it->db->repo->objects, &last.id, &adding->content, &commit);
    if (result != 0)
        return result;
    adding->root = commit.tree;
    adding->time = last.time;
    adding->has_parent = true;
    return 0;
}

/* In the words of lib/index. */
static int translate(struct adding *adding, const struct cdb_changes *found)
{
    if (found->count > adding->room) {
        struct cdb_catalog_change *grown = realloc(adding->list, found->count * sizeof(*grown));
        if (grown == NULL)
            return cdb_error_memory();
        adding->list = grown;
        adding->room = found->count;
    }
    for (size_t i = 0; i < found->count; i++) {
        const struct cdb_change *change = &found->changes[i];
        adding->list[i] = (struct cdb_catalog_change){change->key, change->key_len, change->new_blob,
                                                      !cdb_oid_is_zero(&change->old_blob)};
    }
    adding->changes += found->count;
    return 0;
}

static int add_one(struct adding *adding, const struct cdb_oid *id)
{
    struct cdb_catch_up *it = adding->it;
    struct cdb_objects *objects = it->db->repo->objects;
    struct cdb_changes found = {.limit = 0};
    struct cdb_commit commit;
    if (it->change_limit > 0 && adding->changes >= it->change_limit)
        return CDB_INDEX_FAR;
    if (it->change_limit > 0)
        found.limit = it->change_limit - adding->changes;
    int result = cdb_commit_read(objects, id, &adding->content, &commit);
    if (result != 0)
        return result;
    struct cdb_oid tree = commit.tree;
    adding->time = cdb_time_effective(commit.time, adding->has_parent ? &adding->time : NULL);
    struct cdb_catalog_commit next = {*id, adding->time, commit.parent_count > 1};
    result = cdb_docs_diff(objects, &adding->root, &tree, &found);
    if (result == 1)
        result = CDB_INDEX_FAR;
    if (result == 0)
        result = translate(adding, &found);
    if (result == 0)
        result = cdb_db_index_result(cdb_catalog_add(it->catalog, &next, adding->list, found.count));
    cdb_changes_release(&found);
    adding->root = tree;
    adding->has_parent = true;
    return result;
}

int cdb_catch_up_add(struct cdb_catch_up *it)
{
    struct adding adding = {.it = it};
    int result = it->count > 0 ? begin(&adding) : 0;
    for (it->left = it->count; result == 0 && it->left > 0;) {
        result = add_one(&adding, &it->chain[--it->left]);
        if (result == 0 && it->step != NULL)
            result = it->step(it);
    }
    cdb_buf_release(&adding.content);
    free(adding.list);
    return result;
}
