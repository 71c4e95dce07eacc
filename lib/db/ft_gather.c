/* SPDX-License-Identifier: MIT
 *
 * The caller's thread walks over the changes; it hands out BATCHES, runs of keys with what is to be read of each, to
 * threads that read the documents and build segments of them. Few documents are done by the caller alone. */
#include "db/ft_gather.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/handle.h"
#include "util/array.h"
#include "util/error.h"
#include "util/thread.h"

#define BATCH_MIN   ((size_t)32768) /* documents */
#define BATCH_MAX   ((size_t)65536)
#define FEW_DOCS    ((size_t)2048) /* not worth a thread */
#define RUN_BYTES   ((size_t)96 << 20)
#define THREADS_MAX 8
#define STEP_DOCS   512

/* ---- documents that are to be read --------------------------------------------------------------- */

struct entry {
    size_t key; /* where it is in the texts */
    uint32_t key_len;
    uint32_t from, until;
    struct cdb_oid blob;
};

struct batch {
    struct entry *entries;
    size_t count, room;
    struct cdb_buf texts;
};

static void batch_release(struct batch *batch)
{
    free(batch->entries);
    cdb_buf_release(&batch->texts);
    memset(batch, 0, sizeof(*batch));
}

static int batch_add(struct batch *batch, const struct cdb_catalog_key_changes *changes, size_t at, size_t key)
{
    const struct cdb_catalog_version *version = &changes->versions[at];
    if (version->position >= CDB_ENDS_NONE)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "the branch has too many commits for an index of words");
    int result = cdb_array_grow(&batch->entries, &batch->room, batch->count, sizeof(*batch->entries));
    if (result != 0)
        return result;
    batch->entries[batch->count++] =
        (struct entry){.key = key,
                       .key_len = (uint32_t)changes->key_len,
                       .from = (uint32_t)version->position,
                       .until = at > 0 ? (uint32_t)changes->versions[at - 1].position : CDB_ENDS_NONE,
                       .blob = version->blob};
    return 0;
}

/* The versions that a key got, oldest first. What was there before ends with the first of them. */
static int take_key(struct cdb_gather *gather, struct batch *batch, const struct cdb_catalog_key_changes *changes)
{
    size_t key = batch->texts.len;
    int result = 0;
    if (changes->existed && gather->base != NULL)
        result = cdb_shelf_view_kill(gather->base, changes->key, changes->key_len,
                                     (uint32_t)changes->versions[changes->count - 1].position);
    cdb_buf_add(&batch->texts, changes->key, changes->key_len);
    for (size_t i = gather->newest_only ? 1 : changes->count; result == 0 && i-- > 0;)
        if (!cdb_oid_is_zero(&changes->versions[i].blob))
            result = batch_add(batch, changes, i, key);
    return result == 0 ? cdb_buf_check(&batch->texts) : result;
}

/* Fill a batch with about `most` documents: 0, or 1: that was all. */
static int fill(struct cdb_gather *gather, struct batch *batch, size_t most)
{
    struct cdb_catalog_key_changes changes;
    int result = 0;
    batch->count = 0;
    cdb_buf_clear(&batch->texts);
    while (result == 0 && batch->count < most) {
        result = gather->feed.next(gather->feed.context, &changes);
        if (result == 0)
            result = take_key(gather, batch, &changes);
        if (result == 0 && gather->limit > 0 && gather->documents + batch->count > gather->limit)
            result = CDB_GATHER_FAR;
    }
    gather->documents += batch->count;
    return result;
}

/* ---- one batch ----------------------------------------------------------------------------------- */

/* Segments that were made. */
struct made_list {
    struct cdb_ft_made *list;
    size_t count, room;
};

static void made_release(struct made_list *made)
{
    for (size_t i = 0; i < made->count; i++)
        cdb_ft_made_release(&made->list[i]);
    free(made->list);
    memset(made, 0, sizeof(*made));
}

static int finish_run(struct cdb_ft_run *run, int dir, struct made_list *made)
{
    int result = cdb_array_grow(&made->list, &made->room, made->count + 1, sizeof(*made->list));
    return result == 0 ? cdb_ft_run_finish(run, dir, made->list, &made->count) : result;
}

/* A document whose blob cannot be read keeps no other from being found: it is there, without any words. */
static int add_entry(const struct cdb_gather *gather, struct cdb_ft_run *run, const struct batch *batch,
                     const struct entry *entry, struct cdb_buf *document)
{
    const char *key = cdb_buf_str(&batch->texts) + entry->key;
    int result = cdb_blob_document(gather->db->repo, &entry->blob, document);
    if (result == CHRONDB_EDAMAGED) {
        cdb_repo_notice(gather->db->repo, CHRONDB_NOTE, "searches do not find the words of '%.*s': %s",
                        (int)entry->key_len, key, chrondb_last_error()->message);
        cdb_error_clear();
        return cdb_ft_run_add(run, key, entry->key_len, entry->from, entry->until, NULL, 0);
    }
    if (result != 0)
        return result;
    return cdb_ft_run_add(run, key, entry->key_len, entry->from, entry->until, cdb_buf_str(document), document->len);
}

/* ---- threads ------------------------------------------------------------------------------------- */

enum state { FREE, WAITING, AT_WORK };

struct workshop {
    struct cdb_gather *gather;
    int dir;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    struct batch *batches; /* one more than threads */
    enum state *states;
    size_t count;
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    uint64_t documents; /* done */
    bool ending, stop;
    int result;       /* the first error, with its: */
    const char *name; /* static, as all names of errors */
    char message[512];
    struct made_list made;
};

/* The error as its thread has it: the caller's thread sets it again. */
static void keep_error(struct workshop *shop, int result)
{
    if (shop->result != 0)
        return;
    shop->result = result;
    shop->stop = true;
    shop->name = chrondb_last_error()->name;
    snprintf(shop->message, sizeof(shop->message), "%s", chrondb_last_error()->message);
}

static bool count_done(struct workshop *shop, uint64_t documents)
{
    pthread_mutex_lock(&shop->mutex);
    shop->documents += documents;
    bool stop = shop->stop;
    pthread_cond_signal(&shop->done);
    pthread_mutex_unlock(&shop->mutex);
    return !stop;
}

static int build(struct workshop *shop, struct cdb_ft_run *run, const struct batch *batch, struct made_list *made)
{
    struct cdb_buf document = CDB_BUF_INIT;
    int result = 0;
    for (size_t i = 0; result == 0 && i < batch->count; i++) {
        result = add_entry(shop->gather, run, batch, &batch->entries[i], &document);
        if (result == 0 && cdb_ft_run_bytes(run) > RUN_BYTES)
            result = finish_run(run, shop->dir, made);
        if ((i + 1) % STEP_DOCS == 0 && !count_done(shop, STEP_DOCS))
            break;
    }
    count_done(shop, batch->count % STEP_DOCS);
    cdb_buf_release(&document);
    return result == 0 ? finish_run(run, shop->dir, made) : result;
}

/* Under the mutex. */
static int hand_over(struct workshop *shop, struct made_list *made)
{
    for (size_t i = 0; i < made->count; i++) {
        if (cdb_array_grow(&shop->made.list, &shop->made.room, shop->made.count, sizeof(*shop->made.list)) != 0)
            return CHRONDB_ESYSTEM;
        shop->made.list[shop->made.count++] = made->list[i];
        memset(&made->list[i], 0, sizeof(made->list[i]));
    }
    return 0;
}

static void *run_worker(void *context)
{
    struct workshop *shop = context;
    struct cdb_ft_run run;
    cdb_ft_run_init(&run, shop->gather->language);
    pthread_mutex_lock(&shop->mutex);
    for (;;) {
        size_t at = 0;
        while (at < shop->count && shop->states[at] != WAITING)
            at++;
        if (at == shop->count && shop->ending)
            break;
        if (at == shop->count) {
            pthread_cond_wait(&shop->work, &shop->mutex);
            continue;
        }
        struct made_list made = {.list = NULL};
        shop->states[at] = AT_WORK;
        bool stop = shop->stop;
        pthread_mutex_unlock(&shop->mutex);
        int result = stop ? 0 : build(shop, &run, &shop->batches[at], &made);
        pthread_mutex_lock(&shop->mutex);
        if (result == 0)
            result = hand_over(shop, &made);
        if (result != 0)
            keep_error(shop, result);
        made_release(&made);
        shop->states[at] = FREE;
        pthread_cond_signal(&shop->done);
    }
    pthread_mutex_unlock(&shop->mutex);
    cdb_ft_run_release(&run);
    return NULL;
}

static void start_threads(struct workshop *shop)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = processors < 1 ? 1 : processors < THREADS_MAX ? (size_t)processors : THREADS_MAX;
    if (shop->thread_count > 0)
        return;
    while (shop->thread_count < wanted &&
           cdb_thread_start(&shop->threads[shop->thread_count], NULL, run_worker, shop) == 0)
        shop->thread_count++;
}

static int shop_open(struct workshop *shop, struct cdb_gather *gather, int dir)
{
    memset(shop, 0, sizeof(*shop));
    shop->gather = gather;
    shop->dir = dir;
    shop->count = THREADS_MAX + 1;
    shop->batches = calloc(shop->count, sizeof(*shop->batches));
    shop->states = calloc(shop->count, sizeof(*shop->states));
    pthread_mutex_init(&shop->mutex, NULL);
    pthread_cond_init(&shop->work, NULL);
    pthread_cond_init(&shop->done, NULL);
    return shop->batches == NULL || shop->states == NULL ? cdb_error_memory() : 0;
}

static void shop_close(struct workshop *shop)
{
    pthread_mutex_lock(&shop->mutex);
    shop->ending = shop->stop = true;
    pthread_cond_broadcast(&shop->work);
    pthread_mutex_unlock(&shop->mutex);
    for (size_t i = 0; i < shop->thread_count; i++)
        pthread_join(shop->threads[i], NULL);
    for (size_t i = 0; shop->batches != NULL && i < shop->count; i++)
        batch_release(&shop->batches[i]);
    free(shop->batches);
    free(shop->states);
    made_release(&shop->made);
    pthread_cond_destroy(&shop->work);
    pthread_cond_destroy(&shop->done);
    pthread_mutex_destroy(&shop->mutex);
}

/* Tell how far it is; under the mutex. What ends it is the result. */
static int look(struct workshop *shop)
{
    struct cdb_gather *gather = shop->gather;
    uint64_t documents = shop->documents;
    if (shop->result != 0)
        return shop->result;
    if (gather->step == NULL)
        return 0;
    pthread_mutex_unlock(&shop->mutex);
    int result = gather->step(gather->step_context, documents);
    pthread_mutex_lock(&shop->mutex);
    shop->stop = shop->stop || result != 0;
    return result;
}

/* Wait until at most `most` batches are not done; *free is one that is. */
static int wait_for(struct workshop *shop, size_t most, size_t *free_one)
{
    int result = 0;
    pthread_mutex_lock(&shop->mutex);
    for (;;) {
        size_t busy = 0;
        for (size_t i = 0; i < shop->count; i++) {
            busy += shop->states[i] != FREE;
            *free_one = shop->states[i] == FREE ? i : *free_one;
        }
        result = look(shop);
        if (result != 0 || busy <= most)
            break;
        pthread_cond_wait(&shop->done, &shop->mutex);
    }
    pthread_mutex_unlock(&shop->mutex);
    return result;
}

static void give_out(struct workshop *shop, size_t at)
{
    start_threads(shop);
    pthread_mutex_lock(&shop->mutex);
    shop->states[at] = WAITING;
    pthread_cond_signal(&shop->work);
    pthread_mutex_unlock(&shop->mutex);
}

/* By the caller itself. */
static int build_here(struct workshop *shop, const struct batch *batch)
{
    struct cdb_ft_run run;
    cdb_ft_run_init(&run, shop->gather->language);
    int result = build(shop, &run, batch, &shop->made);
    cdb_ft_run_release(&run);
    return result;
}

/* Small ones first, so that all threads have work soon, and end together where there are few; then large ones, since
 * each becomes a segment that is to be merged. */
static size_t batch_docs(const struct workshop *shop, size_t given)
{
    size_t docs = BATCH_MIN, threads = shop->thread_count > 0 ? shop->thread_count : 1;
    for (size_t round = given / threads; round > 0 && docs < BATCH_MAX; round--)
        docs *= 2;
    return docs;
}

static int work(struct workshop *shop)
{
    size_t at = 0;
    int result = 0;
    for (size_t given = 0; result == 0; given++) {
        int filled = fill(shop->gather, &shop->batches[at], batch_docs(shop, given));
        if (filled != 0 && filled != 1)
            return filled;
        if (shop->thread_count == 0 && (filled == 1 && shop->batches[at].count <= FEW_DOCS))
            return build_here(shop, &shop->batches[at]);
        give_out(shop, at);
        if (shop->thread_count == 0) { /* there can be none */
            shop->states[at] = FREE;
            result = build_here(shop, &shop->batches[at]);
        } else {
            result = wait_for(shop, filled == 1 ? 0 : shop->thread_count, &at);
        }
        if (filled == 1)
            break;
    }
    return result;
}

/* What was made becomes parts of the base. */
static int add_parts(struct workshop *shop)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < shop->made.count; i++) {
        struct cdb_ft_made *made = &shop->made.list[i];
        result = cdb_shelf_view_add(shop->gather->base, &made->named, made->ends);
        made->ends = NULL;
    }
    return result;
}

int cdb_gather_files(struct cdb_gather *gather, int dir)
{
    struct workshop shop;
    int result = shop_open(&shop, gather, dir);
    if (result == 0)
        result = work(&shop);
    if (result == 0)
        result = add_parts(&shop);
    if (result != 0 && result == shop.result && shop.message[0] != '\0')
        cdb_error_set(result, shop.name, "%s", shop.message);
    shop_close(&shop);
    return result;
}

int cdb_gather_memory(struct cdb_gather *gather, struct cdb_ft_made *made, size_t *count)
{
    struct cdb_ft_run run;
    struct batch batch = {.entries = NULL};
    struct cdb_buf document = CDB_BUF_INIT;
    int result = 0, filled = 0;
    cdb_ft_run_init(&run, gather->language);
    *count = 0;
    while (result == 0 && filled == 0) {
        filled = fill(gather, &batch, BATCH_MIN);
        result = filled == 1 ? 0 : filled;
        for (size_t i = 0; result == 0 && i < batch.count; i++)
            result = add_entry(gather, &run, &batch, &batch.entries[i], &document);
        if (result == 0 && gather->step != NULL)
            result = gather->step(gather->step_context, gather->documents);
    }
    if (result == 0)
        result = cdb_ft_run_finish(&run, -1, made, count);
    while (result != 0 && *count > 0)
        cdb_ft_made_release(&made[--*count]);
    cdb_buf_release(&document);
    batch_release(&batch);
    cdb_ft_run_release(&run);
    return result;
}
