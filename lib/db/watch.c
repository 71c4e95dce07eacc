/* SPDX-License-Identifier: MIT
 *
 * Changes as they happen. A watch remembers the state that it has told: a commit. A look reads the branch: the way from
 * that commit to the new head, along first parents, is what there is to tell, one commit after the other; of each the
 * keys that differ from the state before it. Where there is no such way, because somebody forced the branch elsewhere,
 * the new head is told as one step. Nothing is remembered elsewhere, so nothing can be lost between two looks. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/version_info.h"
#include "store/refs.h"
#include "store/refwatch.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/options.h"
#include "util/time.h"

#define NEAR 512               /* so many commits are read before the catalog is asked */
#define KEYS ((size_t)1 << 17) /* of one commit that are held at a time */

/* The commits to be told. */
struct way {
    struct cdb_oid head;        /* where it ends */
    struct cdb_moment *commits; /* newest first */
    size_t count, room;
    bool by_catalog; /* instead: the positions next .. end - 1 */
    struct cdb_point point;
    uint64_t next, end;
};

/* The commit whose changes are being told. */
struct current {
    bool open, loaded; /* loaded: `changes` are read */
    struct cdb_oid id, root;
    chrondb_time time;
    char hex[CDB_OID_HEX + 1];
    struct cdb_changes changes;
    size_t next;
    struct cdb_buf after; /* the last key of the changes before these */
};

struct chrondb_watch {
    chrondb *db;
    char *ref, *prefix, *table;
    struct cdb_filter filter;
    struct cdb_ref_watch *files;
    bool due;     /* the branch must be looked at */
    bool settled; /* nothing has happened since no removed file is held open */
    /* What has been told: a commit, its tree and effective time; zeros: nothing. */
    struct cdb_oid head, root;
    chrondb_time time;
    bool has_time;
    struct way way;
    struct current current;
    struct cdb_buf content, value;
};

/* ---- opening ------------------------------------------------------------------------------------- */

static int copy_text(char **out, const char *text)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL ? 0 : cdb_error_memory();
}

/* A branch that is not there is waited for; but it may be a mistake. */
static int find_branch(chrondb_watch *watch, const char *branch)
{
    struct cdb_repo *repo = watch->db->repo;
    struct cdb_buf ref = CDB_BUF_INIT;
    int result = cdb_ref_branch(repo->dir, branch, &ref);
    if (result == 0)
        result = copy_text(&watch->ref, ref.ptr);
    if (result == 0)
        result = cdb_branch_resolve(watch->db, branch, &ref);
    if (result == CHRONDB_EUSAGE && watch->ref != NULL) {
        cdb_repo_notice(repo, CHRONDB_WARNING, "%s: it is waited for", chrondb_last_error()->message);
        cdb_error_clear();
        result = 0;
    }
    cdb_buf_release(&ref);
    return result;
}

static int read_root(chrondb_watch *watch, const struct cdb_oid *id, struct cdb_oid *root)
{
    struct cdb_commit commit;
    int result = cdb_commit_read(watch->db->repo->objects, id, &watch->content, &commit);
    if (result == 0)
        *root = commit.tree;
    return result;
}

/* The state from which on changes are told. The files are watched already. */
static int find_start(chrondb_watch *watch, const char *since)
{
    struct cdb_oid head;
    int result = cdb_repo_attend(watch->db->repo);
    if (result == 0)
        result = cdb_resolve(watch->db, watch->ref, since, &head, &watch->head);
    return result == 0 && !cdb_oid_is_zero(&watch->head) ? read_root(watch, &watch->head, &watch->root) : result;
}

int chrondb_watch_open(chrondb_watch **out, chrondb *db, const chrondb_watch_options *options)
{
    if (out == NULL || db == NULL)
        return cdb_error_null();
    chrondb_watch_options asked;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_watch_options");
    if (result != 0)
        return result;
    struct chrondb_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return cdb_error_memory();
    watch->db = db;
    result = copy_text(&watch->prefix, asked.prefix);
    if (result == 0)
        result = copy_text(&watch->table, asked.table);
    watch->filter = (struct cdb_filter){watch->prefix, watch->table};
    if (result == 0)
        result = find_branch(watch, asked.branch);
    if (result == 0)
        result = cdb_ref_watch_open(&watch->files, db->repo->dir, watch->ref);
    if (result == 0)
        result = find_start(watch, asked.since);
    if (result != 0) {
        chrondb_watch_free(watch);
        return result;
    }
    *out = watch;
    return 0;
}

static void drop_way(struct way *way)
{
    cdb_point_release(&way->point);
    way->count = 0;
    way->by_catalog = false;
}

void chrondb_watch_free(chrondb_watch *watch)
{
    if (watch == NULL)
        return;
    drop_way(&watch->way);
    free(watch->way.commits);
    cdb_changes_release(&watch->current.changes);
    cdb_buf_release(&watch->current.after);
    cdb_buf_release(&watch->content);
    cdb_buf_release(&watch->value);
    cdb_ref_watch_free(watch->files);
    free(watch->ref);
    free(watch->prefix);
    free(watch->table);
    free(watch);
}

int chrondb_watch_fd(const chrondb_watch *watch)
{
    return watch != NULL ? cdb_ref_watch_fd(watch->files) : -1;
}

/* ---- the way to the head --------------------------------------------------------------------------- */

enum { FOUND, NOT_THERE, FAR };

/* Go back along first parents to what has been told: FOUND, NOT_THERE, FAR (after `limit` commits; 0: none), or an
 * error. Commits get their own times. */
static int walk_back(chrondb_watch *watch, const struct cdb_oid *head, size_t limit)
{
    struct way *way = &watch->way;
    struct cdb_oid at = *head;
    way->count = 0;
    while (!cdb_oid_equal(&at, &watch->head)) {
        struct cdb_commit commit;
        if (limit > 0 && way->count == limit)
            return FAR;
        if (cdb_array_grow(&way->commits, &way->room, way->count, sizeof(*way->commits)) != 0)
            return CHRONDB_ESYSTEM;
        int result = cdb_commit_read(watch->db->repo->objects, &at, &watch->content, &commit);
        if (result != 0)
            return result;
        way->commits[way->count++] = (struct cdb_moment){at, commit.time};
        if (commit.parent_count == 0)
            return cdb_oid_is_zero(&watch->head) ? FOUND : NOT_THERE;
        at = cdb_commit_parent(&commit, 0);
    }
    return FOUND;
}

/* The same through the catalog of the chain that ends at the head: FOUND, NOT_THERE, or FAR: it does not know. */
static int ask_catalog(chrondb_watch *watch, const struct cdb_oid *head)
{
    struct way *way = &watch->way;
    uint64_t position = 0;
    cdb_point_init(&way->point, watch->db, watch->ref, head, head);
    struct cdb_view *view = cdb_point_view(&way->point);
    bool all = cdb_oid_is_zero(&watch->head);
    int status = view == NULL ? CDB_WITHOUT : all ? 0 : cdb_view_find(view, &watch->head, &position);
    if (status != 0) {
        cdb_point_release(&way->point);
        return status == 1 ? NOT_THERE : FAR;
    }
    way->by_catalog = true;
    way->next = all ? 0 : position + 1;
    way->end = way->point.end;
    return FOUND;
}

/* Effective times from own ones, from what has been told on. */
static int set_times(chrondb_watch *watch)
{
    struct way *way = &watch->way;
    const chrondb_time *parent = NULL;
    int result = 0;
    if (!cdb_oid_is_zero(&watch->head)) {
        if (!watch->has_time) {
            cdb_point_init(&way->point, watch->db, watch->ref, &way->head, &watch->head);
            result = cdb_point_time(&way->point, &watch->time);
            cdb_point_release(&way->point);
            watch->has_time = result == 0;
        }
        parent = &watch->time;
    }
    for (size_t i = way->count; result == 0 && i-- > 0;) {
        way->commits[i].time = cdb_time_effective(way->commits[i].time, parent);
        parent = &way->commits[i].time;
    }
    return result;
}

/* There is no way: the head is told as one step. */
static int jump(chrondb_watch *watch)
{
    struct way *way = &watch->way;
    struct cdb_moment head = {.commit = way->head};
    cdb_point_init(&way->point, watch->db, watch->ref, &way->head, &way->head);
    int result = cdb_point_time(&way->point, &head.time);
    cdb_point_release(&way->point);
    if (result != 0)
        return result;
    way->commits[0] = head; /* walk_back made room for it */
    way->count = 1;
    return 0;
}

/* `limit`: 0, where the catalog has failed. */
static int find_way(chrondb_watch *watch, size_t limit)
{
    drop_way(&watch->way);
    int found = walk_back(watch, &watch->way.head, limit);
    if (found == FAR)
        found = ask_catalog(watch, &watch->way.head);
    if (found == FAR)
        found = walk_back(watch, &watch->way.head, 0);
    if (found == FOUND)
        return watch->way.by_catalog ? 0 : set_times(watch);
    watch->way.count = 0;
    return found == NOT_THERE ? jump(watch) : found;
}

static bool is_gone(const struct cdb_repo *repo)
{
    return !cdb_fs_exists(repo->dir, "chrondb/format");
}

/* 0: there may be a way to go; CHRONDB_END: nothing has happened. */
static int look(chrondb_watch *watch)
{
    struct cdb_repo *repo = watch->db->repo;
    struct cdb_oid head;
    if (cdb_ref_watch_take(watch->files)) {
        watch->due = true;
        watch->settled = false;
    }
    if (!watch->due)
        return CHRONDB_END;
    /* Not cdb_repo_attend, which writes where a writer has died: here somebody may just be removing the database. */
    int result = cdb_repo_ref(repo, watch->ref, &head);
    if (result != 0 && is_gone(repo)) {
        result = cdb_error(CHRONDB_ENODB, "no_database", "the database at '%s' is gone", repo->path);
        cdb_error_set_path(repo->path);
        return result;
    }
    if (result == 0 && !cdb_oid_equal(&head, &watch->head)) {
        watch->way.head = head;
        result = find_way(watch, NEAR);
    } else if (result == 0) {
        result = CHRONDB_END;
    }
    if (result >= 0) /* 1: the branch is not there */
        watch->due = false;
    return result;
}

/* The next commit of the way: 0, 1 (it has ended), or an error. */
static int next_moment(chrondb_watch *watch, struct cdb_moment *out)
{
    struct way *way = &watch->way;
    if (way->by_catalog) {
        struct cdb_catalog_commit commit;
        if (way->next == way->end) {
            drop_way(way);
            return 1;
        }
        if (cdb_view_commit(way->point.view, way->next, &commit) == 0) {
            way->next++;
            *out = (struct cdb_moment){commit.id, commit.time};
            return 0;
        }
        int result = find_way(watch, 0);
        if (result != 0) {
            watch->due = true;
            return result;
        }
    }
    if (way->count == 0)
        return 1;
    *out = way->commits[--way->count];
    return 0;
}

/* ---- the changes of a commit ------------------------------------------------------------------------ */

static int load_changes(chrondb_watch *watch)
{
    struct current *current = &watch->current;
    cdb_changes_release(&current->changes);
    current->changes.filter = &watch->filter;
    current->changes.after = current->after.len > 0 ? current->after.ptr : NULL;
    current->changes.keep = KEYS;
    current->next = 0;
    int result = cdb_docs_diff(watch->db->repo->objects, &watch->root, &current->root, &current->changes);
    current->loaded = result == 0;
    return result;
}

static int open_commit(chrondb_watch *watch)
{
    struct current *current = &watch->current;
    struct cdb_moment moment;
    int result = next_moment(watch, &moment);
    if (result != 0)
        return result;
    current->id = moment.commit;
    current->time = moment.time;
    cdb_oid_format(&moment.commit, current->hex);
    cdb_buf_clear(&current->after);
    current->loaded = false;
    result = read_root(watch, &moment.commit, &current->root);
    current->open = result == 0;
    if (result != 0) { /* to be tried again */
        drop_way(&watch->way);
        watch->due = true;
    }
    return result;
}

static void close_commit(chrondb_watch *watch)
{
    struct current *current = &watch->current;
    watch->head = current->id;
    watch->root = current->root;
    watch->time = current->time;
    watch->has_time = true;
    cdb_changes_release(&current->changes);
    current->open = false;
}

/* 0, 1 (there are no more), or an error, after which it may be called again. */
static int next_change(chrondb_watch *watch, const struct cdb_change **out)
{
    struct current *current = &watch->current;
    if (current->loaded && current->next == current->changes.count && current->changes.more) {
        cdb_buf_clear(&current->after);
        cdb_buf_adds(&current->after, current->changes.changes[current->next - 1].key);
        current->loaded = false;
    }
    int result = cdb_buf_check(&current->after);
    if (result == 0 && !current->loaded)
        result = load_changes(watch);
    if (result != 0)
        return result;
    if (current->next == current->changes.count)
        return 1;
    *out = &current->changes.changes[current->next++];
    return 0;
}

static int fill_event(chrondb_watch *watch, const struct cdb_change *change, chrondb_event *event)
{
    const char *branch = watch->ref;
    if (strncmp(branch, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        branch += strlen(CDB_HEADS);
    *event = (chrondb_event){.key = change->key,
                             .op = cdb_op_of(&change->old_blob, &change->new_blob),
                             .branch = branch,
                             .commit = watch->current.hex,
                             .time = watch->current.time};
    if (event->op == CHRONDB_OP_DELETE)
        return 0;
    int result = cdb_blob_document(watch->db->repo, &change->new_blob, &watch->value);
    if (result != 0) {
        cdb_error_about("cannot read", change->key);
        return result;
    }
    event->value = cdb_buf_str(&watch->value);
    event->value_size = watch->value.len;
    return 0;
}

/* It may be long until something happens, and packs and files of the index are replaced meanwhile. */
static void settle(chrondb_watch *watch)
{
    if (watch->settled)
        return;
    cdb_objects_let_go(watch->db->repo->objects);
    cdb_view_forget(watch->db);
    watch->settled = true;
}

int chrondb_watch_next(chrondb_watch *watch, chrondb_event *event)
{
    if (watch == NULL || event == NULL)
        return cdb_error_null();
    const struct cdb_change *change;
    int result = cdb_enter(watch->db->repo);
    if (result != 0)
        return result;
    for (;;) {
        result = watch->current.open ? next_change(watch, &change) : 1;
        if (result == 0)
            return fill_event(watch, change, event);
        if (result == 1 && watch->current.open)
            close_commit(watch);
        if (result == 1)
            result = open_commit(watch);
        if (result == 1)
            result = look(watch);
        if (result == CHRONDB_END)
            settle(watch);
        if (result != 0)
            return result;
    }
}
