/* SPDX-License-Identifier: MIT */
#include "db/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/array.h"
#include "util/error.h"
#include "util/thread.h"

#define CHUNKS      8
#define CHUNK_BYTES ((size_t)128 << 10)
#define CHUNK_STEPS 512
#define THREADS_MAX 8
#define BYTES_MAX   ((size_t)64 << 20) /* of documents on their way */

enum state { FREE, WAITING, AT_WORK, DONE };

struct chunk {
    enum state state;
    struct cdb_step *steps;
    size_t *places; /* of each stream in `streams`, until all are there */
    size_t count, bytes;
    struct cdb_arena texts;
    struct cdb_buf streams;
    int result;
};

struct cdb_pipeline {
    cdb_step_taker take;
    void *context;
    struct chunk chunks[CHUNKS];
    size_t filling; /* counts up; chunk number modulo CHUNKS */
    size_t taking;
    size_t bytes;                  /* in chunks that are not taken back */
    struct cdb_deflater *deflater; /* of the caller's thread */
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    bool ending;
};

/* ---- the work ---------------------------------------------------------------------------------- */

static int deflate_chunk(struct chunk *chunk, struct cdb_deflater *deflater)
{
    int result = 0;
    cdb_buf_clear(&chunk->streams);
    for (size_t i = 0; result == 0 && i < chunk->count; i++) {
        struct cdb_step *step = &chunk->steps[i];
        chunk->places[i] = chunk->streams.len;
        if (step->kind != CDB_STEP_PUT)
            continue;
        result = cdb_object_hash(&step->blob, CDB_BLOB, step->text, step->size);
        if (result == 0)
            result = cdb_deflate(deflater, step->text, step->size, &chunk->streams);
        step->stream_len = chunk->streams.len - chunk->places[i];
    }
    for (size_t i = 0; result == 0 && i < chunk->count; i++)
        chunk->steps[i].stream = cdb_buf_str(&chunk->streams) + chunk->places[i];
    return result;
}

/* Under the mutex: the oldest chunk that waits, or NULL. */
static struct chunk *find_work(struct cdb_pipeline *pipeline)
{
    for (size_t i = pipeline->taking; i < pipeline->filling; i++)
        if (pipeline->chunks[i % CHUNKS].state == WAITING)
            return &pipeline->chunks[i % CHUNKS];
    return NULL;
}

/* Under the mutex, which is given up meanwhile. */
static void do_work(struct cdb_pipeline *pipeline, struct chunk *chunk, struct cdb_deflater *deflater)
{
    chunk->state = AT_WORK;
    pthread_mutex_unlock(&pipeline->mutex);
    int result = deflate_chunk(chunk, deflater);
    pthread_mutex_lock(&pipeline->mutex);
    chunk->result = result;
    chunk->state = DONE;
}

static void *run_worker(void *context)
{
    struct cdb_pipeline *pipeline = context;
    struct cdb_deflater *deflater = NULL;
    if (cdb_deflater_new(&deflater) != 0)
        return NULL; /* the others do it */
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->ending) {
        struct chunk *chunk = find_work(pipeline);
        if (chunk == NULL) {
            pthread_cond_wait(&pipeline->work, &pipeline->mutex);
            continue;
        }
        do_work(pipeline, chunk, deflater);
        pthread_cond_signal(&pipeline->done);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    cdb_deflater_free(deflater);
    return NULL;
}

static void start_threads(struct cdb_pipeline *pipeline)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 2)
        return;
    size_t wanted = processors - 1 < THREADS_MAX ? (size_t)processors - 1 : THREADS_MAX;
    while (pipeline->thread_count < wanted &&
           cdb_thread_start(&pipeline->threads[pipeline->thread_count], NULL, run_worker, pipeline) == 0)
        pipeline->thread_count++;
}

int cdb_pipeline_new(struct cdb_pipeline **out, cdb_step_taker take, void *context)
{
    struct cdb_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL)
        return cdb_error_memory();
    pipeline->take = take;
    pipeline->context = context;
    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_cond_init(&pipeline->work, NULL);
    pthread_cond_init(&pipeline->done, NULL);
    int result = cdb_deflater_new(&pipeline->deflater);
    for (size_t i = 0; result == 0 && i < CHUNKS; i++) {
        pipeline->chunks[i].steps = calloc(CHUNK_STEPS, sizeof(struct cdb_step));
        pipeline->chunks[i].places = calloc(CHUNK_STEPS, sizeof(size_t));
        if (pipeline->chunks[i].steps == NULL || pipeline->chunks[i].places == NULL)
            result = cdb_error_memory();
    }
    if (result != 0) {
        cdb_pipeline_free(pipeline);
        return result;
    }
    start_threads(pipeline);
    *out = pipeline;
    return 0;
}

void cdb_pipeline_free(struct cdb_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->ending = true;
    pthread_cond_broadcast(&pipeline->work);
    pthread_mutex_unlock(&pipeline->mutex);
    for (size_t i = 0; i < pipeline->thread_count; i++)
        pthread_join(pipeline->threads[i], NULL);
    for (size_t i = 0; i < CHUNKS; i++) {
        free(pipeline->chunks[i].steps);
        free(pipeline->chunks[i].places);
        cdb_arena_release(&pipeline->chunks[i].texts);
        cdb_buf_release(&pipeline->chunks[i].streams);
    }
    cdb_deflater_free(pipeline->deflater);
    pthread_mutex_destroy(&pipeline->mutex);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->done);
    free(pipeline);
}

/* ---- taking back ------------------------------------------------------------------------------- */

static int give_steps(struct cdb_pipeline *pipeline, const struct chunk *chunk)
{
    int result = chunk->result;
    if (result != 0)
        cdb_error_set(result, "out_of_memory", "out of memory");
    for (size_t i = 0; result == 0 && i < chunk->count; i++)
        result = pipeline->take(pipeline->context, &chunk->steps[i]);
    return result;
}

/* Take the oldest chunk back; until its work is done, do what nobody has begun. */
static int take_oldest(struct cdb_pipeline *pipeline)
{
    struct chunk *chunk = &pipeline->chunks[pipeline->taking % CHUNKS], *other;
    pthread_mutex_lock(&pipeline->mutex);
    while (chunk->state != DONE) {
        if ((other = find_work(pipeline)) != NULL)
            do_work(pipeline, other, pipeline->deflater);
        else
            pthread_cond_wait(&pipeline->done, &pipeline->mutex);
    }
    pipeline->taking++;
    chunk->state = FREE;
    pthread_mutex_unlock(&pipeline->mutex);
    int result = give_steps(pipeline, chunk);
    pipeline->bytes -= chunk->bytes;
    chunk->count = chunk->bytes = 0;
    cdb_arena_release(&chunk->texts);
    return result;
}

/* The chunk that is filled goes to work. */
static int dispatch(struct cdb_pipeline *pipeline)
{
    struct chunk *chunk = &pipeline->chunks[pipeline->filling % CHUNKS];
    pthread_mutex_lock(&pipeline->mutex);
    chunk->state = WAITING;
    pipeline->filling++;
    pthread_cond_signal(&pipeline->work);
    pthread_mutex_unlock(&pipeline->mutex);
    int result = 0;
    pipeline->bytes += chunk->bytes;
    while (result == 0 && pipeline->taking < pipeline->filling &&
           (pipeline->filling - pipeline->taking == CHUNKS || pipeline->bytes > BYTES_MAX))
        result = take_oldest(pipeline);
    return result;
}

int cdb_pipeline_drain(struct cdb_pipeline *pipeline)
{
    int result = pipeline->chunks[pipeline->filling % CHUNKS].count > 0 ? dispatch(pipeline) : 0;
    while (result == 0 && pipeline->taking < pipeline->filling)
        result = take_oldest(pipeline);
    return result;
}

/* ---- adding ------------------------------------------------------------------------------------ */

/* A step in the chunk that is filled. */
static struct cdb_step *add_step(struct cdb_pipeline *pipeline, enum cdb_step_kind kind, struct chunk **chunk)
{
    *chunk = &pipeline->chunks[pipeline->filling % CHUNKS];
    struct cdb_step *step = &(*chunk)->steps[(*chunk)->count];
    memset(step, 0, sizeof(*step));
    step->kind = kind;
    return step;
}

static int end_step(struct cdb_pipeline *pipeline, struct chunk *chunk, size_t bytes)
{
    chunk->count++;
    chunk->bytes += bytes;
    return chunk->count == CHUNK_STEPS || chunk->bytes >= CHUNK_BYTES ? dispatch(pipeline) : 0;
}

int cdb_pipeline_put(struct cdb_pipeline *pipeline, const char *key, size_t key_len, const char *text, size_t size)
{
    struct chunk *chunk;
    struct cdb_step *step = add_step(pipeline, CDB_STEP_PUT, &chunk);
    step->key = cdb_arena_copy(&chunk->texts, key, key_len);
    step->key_len = key_len;
    step->text = cdb_arena_copy(&chunk->texts, text, size);
    step->size = size;
    if (step->key == NULL || step->text == NULL)
        return CHRONDB_ESYSTEM;
    return end_step(pipeline, chunk, key_len + size);
}

int cdb_pipeline_delete(struct cdb_pipeline *pipeline, const char *key, size_t key_len)
{
    struct chunk *chunk;
    struct cdb_step *step = add_step(pipeline, CDB_STEP_DELETE, &chunk);
    step->key = cdb_arena_copy(&chunk->texts, key, key_len);
    step->key_len = key_len;
    return step->key == NULL ? CHRONDB_ESYSTEM : end_step(pipeline, chunk, key_len);
}

static const char *copy_or_null(struct chunk *chunk, const char *text, size_t len, bool *failed)
{
    const char *copy = text != NULL ? cdb_arena_copy(&chunk->texts, text, len) : NULL;
    *failed = *failed || (text != NULL && copy == NULL);
    return copy;
}

int cdb_pipeline_commit(struct cdb_pipeline *pipeline, const struct cdb_commit_facts *facts)
{
    struct chunk *chunk;
    bool failed = false;
    struct cdb_step *step = add_step(pipeline, CDB_STEP_COMMIT, &chunk);
    step->facts = *facts;
    if (facts->author != NULL)
        step->facts.author = copy_or_null(chunk, facts->author, strlen(facts->author), &failed);
    if (facts->message != NULL)
        step->facts.message = copy_or_null(chunk, facts->message, strlen(facts->message), &failed);
    step->facts.meta = copy_or_null(chunk, facts->meta, facts->meta_len, &failed);
    return failed ? CHRONDB_ESYSTEM : end_step(pipeline, chunk, facts->meta_len);
}
