/* SPDX-License-Identifier: MIT */
#include "db/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/base.h"
#include "db/feed.h"
#include "store/bulk.h"
#include "store/commit.h"
#include "store/delta.h"
#include "store/edit.h"
#include "store/pack.h"
#include "store/scratch.h"
#include "store/timeline.h"
#include "store/txn.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/time.h"

/* What is kept in memory: told in chrondb-import(1). */
#define TREES_MAX   ((size_t)192 << 20)
#define OBJECTS_MAX 3000000 /* in a pack */

#define WINDOW_OBJECTS 1000000
#define WINDOW_MS      10000

#define RECENT_SLOTS 32768 /* documents that were put lately: bases for deltas */
#define RECENT_BYTES ((size_t)48 << 20)
#define RECENT_MAX   ((size_t)256 << 10)

struct recent {
    struct cdb_oid oid;
    char *text;
    size_t size;
};

struct cdb_window {
    chrondb *db;
    struct cdb_repo *repo;
    const struct cdb_window_options *options;
    struct cdb_scratch scratch;
    struct cdb_bulk *bulk;
    struct cdb_pack *pack;                         /* that is written; NULL: none is begun */
    struct cdb_base published;                     /* the head that the database has */
    struct cdb_base made;                          /* and the one that it shall have */
    int64_t first_at;                              /* when the first commit of the window was made */
    uint64_t objects;                              /* added since the last publishing */
    struct cdb_window_counts total, pending, open; /* published; in commits; since the last commit */
    struct cdb_feed feed;                          /* of the index */
    struct cdb_buf first_key;                      /* since the last commit */
    struct cdb_buf content, delta, message;
    const char **meta;
    size_t meta_room;
    struct recent *recent;
    size_t recent_bytes, recent_hand;
};

/* ---- packs ------------------------------------------------------------------------------------- */

static int begin_pack(struct cdb_window *window)
{
    if (window->pack != NULL)
        return 0;
    int result = cdb_pack_new(&window->pack, window->repo->dir, window->scratch.name);
    if (result == 0 && window->bulk != NULL)
        cdb_bulk_use_pack(window->bulk, window->pack);
    return result;
}

/* From here on its objects can be read like all others, so it stays, whatever happens: git does not store again what it
 * is pushed if it has it already. */
static int finish_pack(struct cdb_window *window)
{
    if (window->pack == NULL)
        return 0;
    int result = cdb_pack_finish(window->pack);
    CDB_FAULT("import-packed");
    cdb_pack_free(window->pack);
    window->pack = NULL;
    return result;
}

/* ---- the base ---------------------------------------------------------------------------------- */

static int emit(void *context, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    struct cdb_window *window = context;
    return cdb_pack_add(window->pack, type, data, len, oid);
}

/* Another tool's commit may have left trees that are not canonical. */
static int straighten(struct cdb_window *window, struct cdb_base *base)
{
    struct cdb_edit_request request = {.objects = window->repo->objects,
                                       .root = base->root,
                                       .foreign = true,
                                       .trusted = base->trusted,
                                       .emit = emit,
                                       .emit_context = window};
    int result = begin_pack(window);
    if (result == 0)
        result = cdb_docs_edit(&request, &base->root);
    return result == 0 ? finish_pack(window) : result;
}

/* Begin to stand on `head`: what is to be published is forgotten. */
static int stand_on(struct cdb_window *window, const struct cdb_oid *head, const struct cdb_state *state)
{
    cdb_bulk_free(window->bulk);
    window->bulk = NULL;
    int result = cdb_base_load(&window->published, window->repo, head, state);
    window->made = window->published;
    if (result == 0 && window->made.foreign)
        result = straighten(window, &window->made);
    if (result == 0)
        result = cdb_bulk_new(&window->bulk, window->repo->objects, &window->made.root);
    if (result == 0 && window->pack != NULL)
        cdb_bulk_use_pack(window->bulk, window->pack);
    return result;
}

int cdb_window_new(struct cdb_window **out, chrondb *db, const struct cdb_window_options *options)
{
    struct cdb_oid head;
    struct cdb_state state;
    struct cdb_window *window = calloc(1, sizeof(*window));
    if (window == NULL)
        return cdb_error_memory();
    window->db = db;
    window->repo = db->repo;
    window->options = options;
    window->feed.db = db;
    window->feed.ref = options->ref;
    window->scratch.lock = -1;
    int result = cdb_repo_ref(db->repo, options->ref, &head);
    if (result == 1) {
        memset(&head, 0, sizeof(head));
        result = 0;
    }
    if (result == 0)
        result = cdb_scratch_begin(&window->scratch, db->repo->dir);
    (void)cdb_state_read(db->repo->dir, &state);
    if (result == 0)
        result = stand_on(window, &head, &state);
    if (result == 0 && options->versions && (window->recent = calloc(RECENT_SLOTS, sizeof(*window->recent))) == NULL)
        result = cdb_error_memory();
    if (result != 0) {
        cdb_window_free(window);
        return result;
    }
    *out = window;
    return 0;
}

void cdb_window_free(struct cdb_window *window)
{
    if (window == NULL)
        return;
    cdb_feed_close(&window->feed);
    cdb_pack_free(window->pack);
    cdb_scratch_end(&window->scratch);
    cdb_bulk_free(window->bulk);
    for (size_t i = 0; window->recent != NULL && i < RECENT_SLOTS; i++)
        free(window->recent[i].text);
    free(window->recent);
    free(window->meta);
    cdb_buf_release(&window->first_key);
    cdb_buf_release(&window->content);
    cdb_buf_release(&window->delta);
    cdb_buf_release(&window->message);
    free(window);
}

const struct cdb_oid *cdb_window_head(const struct cdb_window *window)
{
    return &window->made.head;
}

chrondb_time cdb_window_time(const struct cdb_window *window)
{
    return window->made.time;
}

const struct cdb_window_counts *cdb_window_counts(const struct cdb_window *window)
{
    return &window->total;
}

/* ---- documents --------------------------------------------------------------------------------- */

static struct recent *recent_slot(struct cdb_window *window, const struct cdb_oid *oid)
{
    uint32_t hash;
    memcpy(&hash, oid->id, sizeof(hash));
    return &window->recent[hash % RECENT_SLOTS];
}

static void forget(struct cdb_window *window, struct recent *slot)
{
    window->recent_bytes -= slot->size;
    free(slot->text);
    memset(slot, 0, sizeof(*slot));
}

/* Without memory it is just not kept. */
static void keep(struct cdb_window *window, const struct cdb_step *step)
{
    if (window->recent == NULL || step->size > RECENT_MAX)
        return;
    struct recent *slot = recent_slot(window, &step->blob);
    forget(window, slot);
    while (window->recent_bytes + step->size > RECENT_BYTES)
        forget(window, &window->recent[window->recent_hand++ % RECENT_SLOTS]);
    if ((slot->text = malloc(step->size + 1)) == NULL)
        return;
    memcpy(slot->text, step->text, step->size);
    slot->size = step->size;
    slot->oid = step->blob;
    window->recent_bytes += step->size;
}

/* The document as a delta on the version before: 1 if that does not pay. */
static int add_as_delta(struct cdb_window *window, const struct cdb_step *step, const struct cdb_oid *before)
{
    if (window->recent == NULL || cdb_oid_is_zero(before))
        return 1;
    const struct recent *slot = recent_slot(window, before);
    cdb_pack_entry base = cdb_pack_find(window->pack, before);
    if (slot->text == NULL || !cdb_oid_equal(&slot->oid, before) || base == CDB_NO_ENTRY ||
        cdb_pack_depth(window->pack, base) >= CDB_CHAIN_MAX)
        return 1;
    cdb_buf_clear(&window->delta);
    cdb_delta_edges(&window->delta, slot->text, slot->size, step->text, step->size);
    if (window->delta.failed || window->delta.len * 2 > step->stream_len * 3 / 2)
        return 1;
    return cdb_pack_add_delta(window->pack, &step->blob, base, window->delta.ptr, window->delta.len);
}

static int note_change(struct cdb_window *window, const struct cdb_step *step, bool put)
{
    if (window->open.puts + window->open.deletes == 0) {
        cdb_buf_clear(&window->first_key);
        cdb_buf_add(&window->first_key, step->key, step->key_len);
    }
    window->open.puts += put;
    window->open.deletes += !put;
    return cdb_buf_check(&window->first_key);
}

/* Does the new text differ from what is stored by more than a final newline? */
static int differs(const struct cdb_step *step, const struct cdb_oid *before, struct cdb_buf *scratch, bool *out)
{
    struct cdb_oid other;
    *out = !cdb_oid_equal(&step->blob, before);
    if (!*out || cdb_oid_is_zero(before))
        return 0;
    int result = cdb_document_other_id(step->text, step->size, scratch, &other);
    *out = !cdb_oid_equal(&other, before);
    return result;
}

static int put(struct cdb_window *window, const struct cdb_step *step)
{
    struct cdb_key key;
    struct cdb_oid before, ignored;
    bool changed;
    int result = cdb_key_parse(&key, step->key, step->key_len);
    if (result == 0)
        result = cdb_bulk_set(window->bulk, &key, &step->blob, &before);
    if (result == 0)
        result = differs(step, &before, &window->content, &changed);
    if (result != 0)
        return result;
    if (!changed) /* put it back, if it is another spelling */
        return cdb_oid_equal(&step->blob, &before) ? 0 : cdb_bulk_set(window->bulk, &key, &before, &ignored);
    result = add_as_delta(window, step, &before);
    if (result == 1)
        result = cdb_pack_add_deflated(window->pack, CDB_BLOB, step->size, step->stream, step->stream_len, &step->blob);
    keep(window, step);
    cdb_feed_change(&window->feed, step->key, step->key_len, &step->blob, !cdb_oid_is_zero(&before));
    return result == 0 ? note_change(window, step, true) : result;
}

static int erase(struct cdb_window *window, const struct cdb_step *step)
{
    static const struct cdb_oid nothing;
    struct cdb_key key;
    struct cdb_oid before;
    int result = cdb_key_parse(&key, step->key, step->key_len);
    if (result == 0)
        result = cdb_bulk_set(window->bulk, &key, &nothing, &before);
    if (result != 0 || cdb_oid_is_zero(&before))
        return result;
    cdb_feed_change(&window->feed, step->key, step->key_len, &nothing, true);
    return note_change(window, step, false);
}

/* ---- commits ----------------------------------------------------------------------------------- */

/* The options' meta, then the lines'. */
static int collect_meta(struct cdb_window *window, const struct cdb_commit_facts *facts, size_t *count)
{
    size_t used = 0;
    for (size_t i = 0; i < window->options->meta_count; i++) {
        if (cdb_array_grow(&window->meta, &window->meta_room, used, sizeof(*window->meta)) != 0)
            return CHRONDB_ESYSTEM;
        window->meta[used++] = window->options->meta[i];
    }
    for (const char *at = facts->meta; at != NULL && at < facts->meta + facts->meta_len; at += strlen(at) + 1) {
        if (cdb_array_grow(&window->meta, &window->meta_room, used, sizeof(*window->meta)) != 0)
            return CHRONDB_ESYSTEM;
        window->meta[used++] = at;
    }
    *count = used;
    return 0;
}

static const char *choose_message(struct cdb_window *window, const struct cdb_commit_facts *facts)
{
    const char *given = facts->message != NULL ? facts->message : window->options->message;
    if (given != NULL && given[strspn(given, " \t\r\n")] != '\0')
        return given + strspn(given, " \t\r\n");
    cdb_buf_clear(&window->message);
    cdb_default_message(&window->message, "put", cdb_buf_str(&window->first_key), window->open.puts,
                        window->open.deletes);
    return cdb_buf_str(&window->message);
}

static int add_commit(struct cdb_window *window, const struct cdb_commit_spec *spec)
{
    cdb_buf_clear(&window->content);
    cdb_commit_encode(&window->content, spec);
    int result = cdb_buf_check(&window->content);
    if (result == 0)
        result = cdb_object_hash(&window->made.head, CDB_COMMIT, window->content.ptr, window->content.len);
    if (result == 0)
        result = cdb_pack_add(window->pack, CDB_COMMIT, window->content.ptr, window->content.len, &window->made.head);
    return result;
}

static int make_commit(struct cdb_window *window, const struct cdb_commit_facts *facts)
{
    struct cdb_oid root, parent = window->made.head;
    struct cdb_commit_spec spec = {.parents = &parent,
                                   .parent_count = cdb_oid_is_zero(&parent) ? 0 : 1,
                                   .author = facts->author != NULL ? facts->author : window->options->author,
                                   .committer = window->options->committer};
    int result = cdb_bulk_write(window->bulk, &root);
    if (result != 0)
        return result;
    bool changed = window->open.puts + window->open.deletes > 0 && !cdb_oid_equal(&root, &window->made.root);
    if (changed || facts->empty_too) {
        chrondb_time own = facts->has_time ? facts->time : cdb_time_now();
        spec.tree = root;
        spec.time = cdb_time_effective(own, spec.parent_count > 0 ? &window->made.time : NULL);
        spec.message = choose_message(window, facts);
        result = collect_meta(window, facts, &spec.meta_count);
        spec.meta = window->meta;
        if (result == 0 && !cdb_time_in_range(spec.time))
            result = cdb_error(CHRONDB_EUSAGE, "invalid_time", "cannot write at that time: the year 9999 is over");
        if (result == 0)
            result = add_commit(window, &spec);
        if (result != 0)
            return result;
        struct cdb_catalog_commit made = {window->made.head, spec.time, false};
        cdb_feed_commit(&window->feed, &parent, &made);
        if (window->pending.commits++ == 0)
            window->first_at = cdb_monotonic_ms();
        window->made.root = root;
        window->made.time = spec.time;
        window->pending.puts += window->open.puts;
        window->pending.deletes += window->open.deletes;
    }
    cdb_feed_forget(&window->feed);
    memset(&window->open, 0, sizeof(window->open));
    return 0;
}

/* Memory is full: what is there is written, the rest of the commit goes on from it. */
static int stage(struct cdb_window *window)
{
    struct cdb_oid root;
    int result = cdb_bulk_write(window->bulk, &root);
    window->objects += cdb_pack_count(window->pack);
    if (result == 0)
        result = finish_pack(window);
    if (result != 0)
        return result;
    cdb_bulk_free(window->bulk);
    window->bulk = NULL;
    return cdb_bulk_new(&window->bulk, window->repo->objects, &root);
}

int cdb_window_take(struct cdb_window *window, const struct cdb_step *step)
{
    int result = begin_pack(window);
    if (result == 0 && step->kind == CDB_STEP_PUT)
        result = put(window, step);
    else if (result == 0 && step->kind == CDB_STEP_DELETE)
        result = erase(window, step);
    else if (result == 0)
        result = make_commit(window, &step->facts);
    if (result == 0 && (cdb_bulk_bytes(window->bulk) > TREES_MAX || cdb_pack_count(window->pack) > OBJECTS_MAX))
        result = stage(window);
    return result;
}

/* ---- publishing -------------------------------------------------------------------------------- */

/* How long commits may wait to be published. */
static int64_t window_ms(void)
{
#ifdef CHRONDB_TEST_HOOKS
    const char *text = getenv("CHRONDB_TEST_WINDOW_MS");
    if (text != NULL)
        return strtol(text, NULL, 10);
#endif
    return WINDOW_MS;
}

bool cdb_window_due(const struct cdb_window *window)
{
    uint64_t objects = window->objects + (window->pack != NULL ? cdb_pack_count(window->pack) : 0);
    return window->pending.commits > 0 &&
           (objects >= WINDOW_OBJECTS || cdb_monotonic_ms() - window->first_at >= window_ms());
}

/* The window's commits, oldest first. */
static int list_commits(struct cdb_window *window, struct cdb_oid **out, size_t *count)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    struct cdb_oid at = window->made.head, *list = NULL;
    size_t used = 0, room = 0;
    int result = 0;
    while (result == 0 && !cdb_oid_equal(&at, &window->published.head) && !cdb_oid_is_zero(&at)) {
        result = cdb_array_grow(&list, &room, used, sizeof(*list));
        if (result == 0)
            result = cdb_commit_read(window->repo->objects, &at, &content, &commit);
        if (result != 0)
            break;
        list[used++] = at;
        at = commit.parent_count > 0 ? cdb_commit_parent(&commit, 0) : (struct cdb_oid){{0}};
    }
    for (size_t i = 0; i < used / 2; i++) {
        struct cdb_oid swap = list[i];
        list[i] = list[used - 1 - i];
        list[used - 1 - i] = swap;
    }
    cdb_buf_release(&content);
    *out = list;
    *count = used;
    return result;
}

static int replay_changes(struct cdb_window *window, const struct cdb_oid *from, const struct cdb_oid *to)
{
    struct cdb_changes changes = {0};
    int result = cdb_docs_diff(window->repo->objects, from, to, &changes);
    for (size_t i = 0; result == 0 && i < changes.count; i++) {
        struct cdb_key key;
        struct cdb_oid before;
        result = cdb_key_parse(&key, changes.changes[i].key, changes.changes[i].key_len);
        if (result == 0)
            result = cdb_bulk_set(window->bulk, &key, &changes.changes[i].new_blob, &before);
    }
    cdb_changes_release(&changes);
    return result;
}

/* Make one of the window's commits again on what the window stands on now. */
static int replay_commit(struct cdb_window *window, const struct cdb_oid *id, struct cdb_oid *last_root)
{
    struct cdb_buf content = CDB_BUF_INIT, author = CDB_BUF_INIT, message = CDB_BUF_INIT, meta = CDB_BUF_INIT;
    struct cdb_commit commit;
    struct cdb_oid parent = window->made.head, root;
    size_t count = 0;
    int result = cdb_commit_read(window->repo->objects, id, &content, &commit);
    if (result == 0)
        result = replay_changes(window, last_root, &commit.tree);
    if (result == 0)
        result = cdb_bulk_write(window->bulk, &root);
    if (result != 0)
        goto out;
    *last_root = commit.tree;
    cdb_buf_add(&author, commit.author, commit.author_len);
    cdb_buf_add(&message, commit.message, commit.message_len);
    for (size_t at = 0; cdb_commit_meta(&commit, &at, &meta);)
        cdb_buf_addc(&meta, '\0');
    struct cdb_commit_facts facts = {.meta = meta.ptr, .meta_len = meta.len};
    struct cdb_window_options none = *window->options;
    none.meta_count = 0; /* they are among the commit's own */
    const struct cdb_window_options *options = window->options;
    window->options = &none;
    result = collect_meta(window, &facts, &count);
    window->options = options;
    if (result == 0 && (author.failed || message.failed || meta.failed))
        result = cdb_error_memory();
    if (result != 0)
        goto out;
    struct cdb_commit_spec spec = {
        .tree = root,
        .parents = &parent,
        .parent_count = cdb_oid_is_zero(&parent) ? 0 : 1,
        .author = cdb_buf_str(&author),
        .committer = window->options->committer,
        .time = cdb_time_effective(commit.time, cdb_oid_is_zero(&parent) ? NULL : &window->made.time),
        .message = cdb_buf_str(&message),
        .meta = window->meta,
        .meta_count = count};
    result = add_commit(window, &spec);
    window->made.root = root;
    window->made.time = spec.time;
out:
    cdb_buf_release(&content);
    cdb_buf_release(&author);
    cdb_buf_release(&message);
    cdb_buf_release(&meta);
    return result;
}

/* The branch was moved meanwhile. Under the locks, so that it is not moved again. */
static int rebase(struct cdb_window *window, const struct cdb_txn *txn)
{
    struct cdb_oid *commits = NULL, last_root = window->published.root;
    size_t count = 0;
    int result = list_commits(window, &commits, &count);
    if (result == 0)
        result = stand_on(window, &txn->base, &txn->state);
    if (result == 0)
        result = begin_pack(window);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = replay_commit(window, &commits[i], &last_root);
    free(commits);
    return result;
}

static int move_branch(struct cdb_window *window, int (*before)(void *context, const struct cdb_oid *head),
                       void *context)
{
    struct cdb_txn txn;
    int result = cdb_txn_begin(&txn, window->repo, window->options->ref, window->options->lock_timeout_ms);
    if (result != 0)
        return result;
    CDB_FAULT("import-locked");
    if (!cdb_oid_equal(&txn.base, &window->published.head)) {
        cdb_feed_close(&window->feed); /* these commits are not to be */
        result = finish_pack(window);
        if (result == 0)
            result = rebase(window, &txn);
    }
    if (result == 0 && before != NULL)
        result = before(context, &window->made.head);
    CDB_FAULT("import-noted");
    if (result == 0)
        result = finish_pack(window);
    if (result == 0)
        result = cdb_txn_commit(&txn, &window->made.head, window->made.time);
    if (result == 0)
        cdb_feed_save(&window->feed);
    cdb_txn_end(&txn);
    return result;
}

int cdb_window_publish(struct cdb_window *window, int (*before)(void *context, const struct cdb_oid *head),
                       void *context)
{
    if (window->pending.commits == 0)
        return 0;
    int result = window->pack != NULL ? cdb_pack_seal(window->pack) : 0;
    CDB_FAULT("import-sealed");
    if (result == 0)
        cdb_feed_prepare(&window->feed);
    if (result == 0)
        result = move_branch(window, before, context);
    if (result != 0)
        return result;
    CDB_FAULT("import-published");
    window->published = window->made;
    window->objects = 0;
    window->total.commits += window->pending.commits;
    window->total.puts += window->pending.puts;
    window->total.deletes += window->pending.deletes;
    memset(&window->pending, 0, sizeof(window->pending));
    return 0;
}
