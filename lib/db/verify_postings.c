/* SPDX-License-Identifier: MIT
 * The words of documents beside the documents: each version that a segment of words holds is read from git and analysed
 * anew. What both say of it is compared as one number (lib/index/ft_sums.h), so that no more is in memory than a number
 * for each document of a segment, and a run of documents built anew. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/verify.h"
#include "index/ft_build.h"
#include "index/ft_sums.h"
#include "index/shelf_view.h"
#include "text/analyzer.h"
#include "util/error.h"

#define RUN_DOCS  16384
#define RUN_BYTES ((size_t)32 << 20)
#define TELL_MAX  1000 /* documents of one segment */

struct segment_check {
    const struct cdb_verify_chain *chain;
    const struct cdb_shelf_part *part;
    uint64_t end; /* commits that are covered */
    struct cdb_analyzer *analyzer;
    uint64_t *sums; /* what the segment says, less what the documents say */
    /* A run of documents. */
    struct cdb_ft_builder *builder;
    uint32_t first, count;
    bool unknown[RUN_DOCS]; /* of the run: nothing can be said */
};

static int step(void *context)
{
    return cdb_verify_step(context, "words", 0, 0);
}

/* The run as a segment of its own. */
static int end_run(struct segment_check *check)
{
    struct cdb_buf data = CDB_BUF_INIT;
    struct cdb_ft_segment *anew = NULL;
    uint64_t *sums = calloc((size_t)check->count + 1, sizeof(*sums));
    int result = sums == NULL ? cdb_error_memory() : cdb_ft_builder_finish(check->builder, &data);
    if (result == 0)
        result = cdb_ft_segment_view(&anew, data.ptr, data.len);
    if (result == 0)
        result = cdb_ft_sums(anew, sums, step, check->chain->it);
    for (uint32_t i = 0; i < check->count && result == 0; i++)
        check->sums[check->first + i] = check->unknown[i] ? 0 : check->sums[check->first + i] - sums[i];
    cdb_ft_segment_close(anew);
    cdb_buf_release(&data);
    free(sums);
    check->first += check->count;
    check->count = 0;
    return result;
}

/* Is it a document of another branch that shares the segment, which was never there on this one? 1, 0, or an error. */
static int is_others(const struct segment_check *check, uint32_t doc)
{
    uint32_t until = CDB_ENDS_NONE;
    int result = check->part->ends != NULL ? cdb_ends_until(check->part->ends, doc, &until) : 0;
    return result == 0 ? until == 0 : result;
}

/* The document as the commit brought it. 1: nobody can say, or it is of no branch any more. */
static int read_document(struct segment_check *check, const struct cdb_ft_key *key, uint32_t from, struct cdb_buf *out)
{
    struct cdb_verify *it = check->chain->it;
    struct cdb_lookup lookup;
    struct cdb_key parsed;
    if (from >= check->end || cdb_key_parse(&parsed, key->text, key->len) != 0)
        return 1;
    int result = cdb_docs_find(it->objects, &cdb_verify_at(check->chain, from)->tree, &parsed, NULL, &lookup);
    if (result == 0)
        result = lookup.found ? cdb_blob_document(it->db->repo, &lookup.blob, out) : 1;
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

static int add(struct segment_check *check, const struct cdb_ft_key *key, uint32_t from, const struct cdb_buf *document)
{
    int result =
        cdb_ft_builder_add(check->builder, key->text, key->len, from, document != NULL ? cdb_buf_str(document) : NULL,
                           document != NULL ? document->len : 0);
    if (result == CHRONDB_EINVALID) /* no JSON: it is there, without any words */
        result = cdb_ft_builder_add(check->builder, key->text, key->len, from, NULL, 0);
    return result;
}

static int take_documents(struct segment_check *check)
{
    struct cdb_buf document = CDB_BUF_INIT;
    struct cdb_ft_keys keys;
    int result = cdb_ft_keys_init(&keys, check->part->segment, 0);
    while (result == 0 && (result = cdb_ft_keys_next(&keys)) == 0) {
        uint32_t from;
        result = cdb_ft_from(check->part->segment, keys.next - 1, &from);
        int known = result == 0 ? is_others(check, keys.next - 1) : result;
        if (known == 0)
            known = read_document(check, &keys.key, from, &document);
        if (known < 0)
            result = known;
        if (result == 0)
            result = add(check, &keys.key, from, known == 0 ? &document : NULL);
        if (result != 0)
            break;
        check->unknown[check->count++] = known != 0;
        if (check->count == RUN_DOCS || cdb_ft_builder_bytes(check->builder) > RUN_BYTES)
            result = end_run(check);
    }
    cdb_buf_release(&document);
    return result == 1 ? end_run(check) : result;
}

static int tell(const struct segment_check *check)
{
    const struct cdb_verify_chain *chain = check->chain;
    unsigned told = 0;
    int result = 0;
    for (uint32_t i = 0; i < cdb_ft_docs(check->part->segment) && result == 0 && told < TELL_MAX; i++) {
        struct cdb_ft_key key;
        uint32_t from;
        if (check->sums[i] == 0)
            continue;
        result = cdb_ft_key(check->part->segment, i, &key);
        if (result == 0)
            result = cdb_ft_from(check->part->segment, i, &from);
        if (result == 0)
            result = cdb_verify_tell(
                chain->it, &(struct cdb_finding){
                               .kind = CDB_KIND_INDEX,
                               .ref = chain->ref->name,
                               .commit = &cdb_verify_at(chain, from)->oid,
                               .key = key.text,
                               .message = ++told < TELL_MAX ? "the index has other words or values of the document"
                                                            : "the index has other words or values of more documents"});
    }
    return result;
}

int cdb_verify_postings(const struct cdb_verify_chain *chain, const struct cdb_shelf_part *part, const char *language,
                        uint64_t end)
{
    struct segment_check *check = calloc(1, sizeof(*check));
    if (check == NULL)
        return cdb_error_memory();
    check->chain = chain;
    check->part = part;
    check->end = end;
    check->sums = calloc((size_t)cdb_ft_docs(part->segment) + 1, sizeof(*check->sums));
    int result = check->sums == NULL ? cdb_error_memory() : cdb_analyzer_new(&check->analyzer, language);
    if (result == 0)
        result = cdb_ft_builder_new(&check->builder, check->analyzer);
    if (result == 0)
        result = cdb_ft_sums(part->segment, check->sums, step, chain->it);
    if (result == 0)
        result = take_documents(check);
    if (result == 0)
        result = tell(check);
    cdb_ft_builder_free(check->builder);
    cdb_analyzer_free(check->analyzer);
    free(check->sums);
    free(check);
    return result;
}
