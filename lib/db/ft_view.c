/* SPDX-License-Identifier: MIT */
#include "db/ft_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/config.h"
#include "db/ft_base.h"
#include "db/ft_gather.h"
#include "db/ft_maintain.h"
#include "db/handle.h"
#include "db/progress.h"
#include "util/array.h"
#include "util/error.h"

#define MEMORY_DOCS 1000  /* documents that a search reads itself; for more, files are written first */
#define DUE_DOCS    64    /* so many are worth a segment: in the background */
#define WAIT_MS     30000 /* for another process that builds the index */
#define WAIT_STEP   200
#define TRIES       8

/* ---- results of attempts, besides 0 and errors ---- */

enum { WITHOUT = 2, FAR = CDB_GATHER_FAR };

static void forget(struct cdb_ft_reader *reader)
{
    for (size_t i = 0; i < reader->made_count; i++)
        cdb_ft_made_release(&reader->made[i]);
    reader->made_count = 0;
    cdb_shelf_view_close(reader->base);
    reader->base = NULL;
    free(reader->view.parts);
    reader->view = (struct cdb_ft_view){.parts = NULL};
    cdb_point_release(&reader->point);
    cdb_point_init(&reader->point, reader->state.db, reader->state.ref, &reader->state.head, &reader->state.commit);
}

void cdb_ft_reader_close(struct cdb_ft_reader *reader)
{
    if (reader == NULL)
        return;
    forget(reader);
    cdb_point_release(&reader->point);
    cdb_buf_release(&reader->language);
    free(reader);
}

static int tell(void *context, uint64_t done)
{
    const struct cdb_ft_reader *reader = context;
    const struct cdb_ft_state *state = &reader->state;
    return cdb_progress_tell(state->progress, state->context, "indexing documents", done, 0);
}

/* ---- the view ------------------------------------------------------------------------------------ */

static void add_part(struct cdb_ft_view *view, struct cdb_ft_segment *segment, struct cdb_ends *ends)
{
    if (segment != NULL && (!view->present || ends == NULL || ends->dead < ends->docs))
        view->parts[view->count++] = (struct cdb_ft_part){segment, ends};
}

static int make_view(struct cdb_ft_reader *reader, uint64_t end, bool present)
{
    size_t count = reader->base != NULL ? reader->base->count : 0;
    reader->view = (struct cdb_ft_view){.end = end, .present = present};
    reader->view.parts = calloc(count + reader->made_count + 1, sizeof(*reader->view.parts));
    if (reader->view.parts == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < count; i++)
        add_part(&reader->view, reader->base->parts[i].segment, reader->base->parts[i].ends);
    for (size_t i = 0; i < reader->made_count; i++)
        add_part(&reader->view, reader->made[i].segment, reader->made[i].ends);
    return 0;
}

/* ---- with the catalog: the files, and what they lack ---------------------------------------------- */

static int commit_at(void *context, uint64_t position, struct cdb_oid *out)
{
    struct cdb_catalog_commit commit;
    int result = cdb_view_commit(context, position, &commit);
    *out = commit.id;
    return result;
}

/* A file that is not there has been merged meanwhile: the shelf that took its place is opened. */
static int open_base(struct cdb_ft_reader *reader, int dir, const struct cdb_chain *chain, uint64_t end)
{
    int result = 1;
    for (int i = 0; result == 1 && i < TRIES; i++) {
        struct cdb_ft_base base;
        result = cdb_ft_base_find(&base, reader->state.db, dir, reader->state.ref, cdb_buf_str(&reader->language),
                                  chain, end);
        if (result != 0 || base.shelf.ref == NULL)
            return result;
        uint64_t known = base.shelf.end;
        result = cdb_shelf_view_open(&reader->base, dir, &base.shelf, base.common < end ? UINT64_MAX : end);
        if (result == 0 && base.common < end && base.common < known)
            result = cdb_shelf_view_cut(reader->base, dir, base.common);
        if (result != 0) {
            cdb_shelf_view_close(reader->base);
            reader->base = NULL;
        }
    }
    return result == 1 ? cdb_error(CHRONDB_EDAMAGED, "damaged", "a file of the index is missing") : result;
}

struct feed {
    struct cdb_view *view;
    struct cdb_catalog_changes *changes;
};

static int next_change(void *context, struct cdb_catalog_key_changes *out)
{
    const struct feed *feed = context;
    int result = cdb_view_changes_next(feed->view, feed->changes, out);
    return result == CDB_WITHOUT ? WITHOUT : result;
}

static int catch_up(struct cdb_ft_reader *reader, struct cdb_view *catalog, uint64_t from, uint64_t end, uint64_t limit)
{
    struct feed feed = {catalog, NULL};
    struct cdb_gather gather = {.db = reader->state.db,
                                .language = cdb_buf_str(&reader->language),
                                .feed = {next_change, &feed},
                                .base = reader->base,
                                .newest_only = true,
                                .limit = limit,
                                .step = limit == 0 ? tell : NULL,
                                .step_context = reader};
    if (cdb_view_changes_open(catalog, from, end, &feed.changes) != 0)
        return WITHOUT;
    int result = cdb_gather_memory(&gather, reader->made, &reader->made_count);
    cdb_view_changes_free(catalog, feed.changes);
    reader->caught_up = gather.documents;
    return result;
}

/* 0; FAR; WITHOUT (a catalog); CHRONDB_EDAMAGED: a file of the index of words is; other errors. */
static int ask_catalog(struct cdb_ft_reader *reader, bool files, uint64_t limit)
{
    struct cdb_view *catalog = cdb_point_view(&reader->point);
    uint64_t end = reader->point.end;
    reader->aside = reader->point.aside;
    if (catalog == NULL)
        return WITHOUT;
    struct cdb_chain chain = {cdb_view_count(catalog), commit_at, catalog};
    int dir = files ? cdb_db_index_directory(reader->state.db, false) : -1;
    int result = dir >= 0 ? open_base(reader, dir, &chain, end) : 0;
    if (dir >= 0)
        close(dir);
    uint64_t known = reader->base != NULL ? reader->base->shelf.end : 0;
    if (result == 0 && known < end)
        result = catch_up(reader, catalog, known, end, limit);
    if (result == 0)
        result = make_view(reader, end, end >= known);
    if (result == CDB_WITHOUT)
        result = WITHOUT;
    return result;
}

/* ---- without: the documents of the tree ------------------------------------------------------------ */

struct tree_feed {
    const struct cdb_items *items;
    size_t next;
    struct cdb_catalog_version version;
};

static int next_item(void *context, struct cdb_catalog_key_changes *out)
{
    struct tree_feed *feed = context;
    if (feed->next >= feed->items->count)
        return 1;
    const struct cdb_item *item = &feed->items->items[feed->next++];
    feed->version = (struct cdb_catalog_version){0, item->oid};
    *out = (struct cdb_catalog_key_changes){item->name, item->name_len, &feed->version, 1, false};
    return 0;
}

static int ask_tree(struct cdb_ft_reader *reader)
{
    static const struct cdb_filter all = {NULL, NULL};
    struct cdb_items items = {.count = 0};
    struct tree_feed feed = {.items = &items};
    struct cdb_gather gather = {.db = reader->state.db,
                                .language = cdb_buf_str(&reader->language),
                                .feed = {next_item, &feed},
                                .step = tell,
                                .step_context = reader};
    int result = cdb_docs_collect(reader->state.db->repo->objects, &reader->state.root, &all, &items);
    if (result == 0)
        result = cdb_gather_memory(&gather, reader->made, &reader->made_count);
    reader->caught_up = gather.documents;
    if (result == 0)
        result = make_view(reader, 1, true);
    cdb_items_release(&items);
    return result;
}

/* ---- what is to be done -------------------------------------------------------------------------- */

/* Without a limit it ends with all documents, or an error. */
static int attempt(struct cdb_ft_reader *reader, bool files, uint64_t limit)
{
    int result = ask_catalog(reader, files, limit);
    if (result != 0)
        forget(reader);
    if (result != WITHOUT)
        return result;
    cdb_error_clear();
    if (limit > 0)
        return FAR;
    result = ask_tree(reader);
    if (result != 0)
        forget(reader);
    return result;
}

/* What others left damaged must not be found again. Where it cannot be removed it is passed over. */
static void drop(const struct cdb_ft_state *state)
{
    int dir, lock;
    cdb_repo_notice(state->db->repo, CHRONDB_NOTE, "the index of words of '%s' is damaged: it is built anew",
                    state->ref);
    if (cdb_db_index_lock(state->db, 0, &dir, &lock) == 0) {
        cdb_ft_drop(dir, state->ref);
        cdb_db_index_unlock(&dir, &lock);
    }
    cdb_error_clear();
}

/* Have the files brought up to date: 0; 1: that cannot be; an error. */
static int bring_up(const struct cdb_ft_state *state)
{
    int64_t start = cdb_monotonic_ms();
    int result = 0;
    do {
        result = cdb_db_index_bring_up(state->db, state->ref, WAIT_STEP, state->progress, state->context);
        if (result == CHRONDB_EBUSY && strcmp(chrondb_last_error()->name, "cancelled") == 0)
            return result;
        if (result == CHRONDB_EBUSY &&
            cdb_progress_tell(state->progress, state->context, "waiting for the index", 0, 0) != 0)
            return result;
    } while (result == CHRONDB_EBUSY && cdb_monotonic_ms() - start < WAIT_MS);
    cdb_error_clear();
    return result == 0 ? 0 : 1;
}

static int open_reader(struct cdb_ft_reader *reader, enum cdb_ft_trust trust)
{
    const struct cdb_ft_state *state = &reader->state;
    int result = trust == CDB_FT_ALL ? attempt(reader, true, MEMORY_DOCS) : FAR;
    if (result == CHRONDB_EDAMAGED)
        trust = CDB_FT_ANEW;
    else if (result != FAR)
        return result;
    if (trust == CDB_FT_ANEW)
        drop(state);
    if (trust != CDB_FT_NONE && !reader->aside) {
        result = bring_up(state);
        if (result < 0)
            return result;
        if (result == 0) {
            forget(reader);
            result = attempt(reader, true, MEMORY_DOCS);
            if (result != FAR && result != CHRONDB_EDAMAGED)
                return result;
        }
    }
    cdb_error_clear();
    result = attempt(reader, trust == CDB_FT_ALL, 0);
    if (result == 0)
        cdb_repo_notice(state->db->repo, CHRONDB_NOTE,
                        "%llu documents that the index of words lacks were read for this search",
                        (unsigned long long)reader->caught_up);
    return result;
}

int cdb_ft_reader_open(struct cdb_ft_reader **out, const struct cdb_ft_state *state, enum cdb_ft_trust trust)
{
    struct cdb_ft_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return cdb_error_memory();
    reader->state = *state;
    cdb_point_init(&reader->point, state->db, state->ref, &state->head, &state->commit);
    int result = cdb_config_language(state->db, &reader->language);
    if (result == 0)
        result = cdb_oid_is_zero(&state->commit) ? make_view(reader, 0, true) : open_reader(reader, trust);
    if (result != 0) {
        cdb_ft_reader_close(reader);
        return result;
    }
    if (reader->caught_up >= DUE_DOCS && !reader->aside)
        cdb_db_index_set_due(state->db);
    *out = reader;
    return 0;
}

/* ---- documents ----------------------------------------------------------------------------------- */

static int find_in_tree(const struct cdb_ft_reader *reader, const char *key_text, size_t len, struct cdb_oid *blob)
{
    struct cdb_lookup lookup;
    struct cdb_key key;
    int result = cdb_key_parse(&key, key_text, len);
    if (result == 0)
        result = cdb_docs_find(reader->state.db->repo->objects, &reader->state.root, &key, NULL, &lookup);
    if (result == 0 && !lookup.found)
        result = cdb_error(CHRONDB_EDAMAGED, "damaged", "the index has a document that is not there");
    if (result == 0)
        *blob = lookup.blob;
    return result;
}

int cdb_ft_reader_find(struct cdb_ft_reader *reader, const char *key_text, size_t len, struct cdb_oid *blob)
{
    struct cdb_view *catalog = cdb_point_view(&reader->point);
    if (catalog != NULL && cdb_view_document(catalog, reader->point.end, key_text, len, blob) == 0)
        return 0;
    return find_in_tree(reader, key_text, len, blob);
}
