/* SPDX-License-Identifier: MIT
 * The catalogs beside the truth: commits and documents, in full all versions. What is to be the same on both sides is
 * added up, as hashes, in buckets: only where the sums differ is it looked at piece by piece. So all of this needs no
 * more memory than a table's documents. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/handle.h"
#include "db/verify.h"
#include "index/check.h"
#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

#define BUCKETS    4096
#define TELL_MAX   1000 /* keys of one branch */
#define STEP_EVERY 256
#define OTHER      UINT64_C(0xd6e8feb86659fd93)

uint64_t cdb_verify_hash(const char *key, size_t len, const struct cdb_oid *blob, uint64_t more)
{
    uint64_t hash = cdb_bytes_hash(key, len) ^ more * OTHER, part;
    for (size_t i = 0; blob != NULL && i < 2; i++) {
        memcpy(&part, blob->id + 8 * i, sizeof(part));
        hash = (hash ^ part) * OTHER;
        hash ^= hash >> 32;
    }
    return (hash ^ hash >> 29) * OTHER;
}

static int tell(const struct cdb_verify_chain *chain, const struct cdb_oid *commit, const char *key,
                const char *message)
{
    return cdb_verify_tell(
        chain->it,
        &(struct cdb_finding){
            .kind = CDB_KIND_INDEX, .ref = chain->ref->name, .commit = commit, .key = key, .message = message});
}

const struct cdb_verify_commit *cdb_verify_at(const struct cdb_verify_chain *chain, uint64_t position)
{
    return &chain->it->commits[chain->commits[position]];
}

/* A function of lib/index failed: told, and the rest of this catalog is left alone (1). */
static int lost(const struct cdb_verify_chain *chain, int result)
{
    char message[256];
    if (result != CHRONDB_EDAMAGED)
        return result;
    snprintf(message, sizeof(message), "the index cannot be read: %s", chrondb_last_error()->message);
    result = tell(chain, NULL, NULL, message);
    return result == 0 ? 1 : result;
}

/* ---- commits ----------------------------------------------------------------------------------- */

/* The newest commit of the chain that the catalog has: *end is its position + 1, 0 if there is none. What it has beyond
 * was rewritten, or is newer than this verification. */
static int find_end(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t *end)
{
    uint64_t position = 0;
    int result = 1;
    *end = 0;
    for (size_t i = chain->count; i-- > 0 && result == 1;) {
        const struct cdb_verify_commit *commit = cdb_verify_at(chain, i);
        result = cdb_catalog_find(catalog, &commit->oid, &position);
        if (result == 0 && position != i) {
            result = tell(chain, &commit->oid, NULL, "the index has the commit at another place");
            return result == 0 ? 1 : result;
        }
        if (result == 0)
            *end = i + 1;
    }
    return result == 1 ? 0 : lost(chain, result);
}

static int check_commits(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t end)
{
    int result = 0;
    for (uint64_t i = 0; i < end && result == 0; i++) {
        const struct cdb_verify_commit *commit = cdb_verify_at(chain, i);
        struct cdb_catalog_commit said;
        result = lost(chain, cdb_catalog_commit(catalog, i, &said));
        if (result != 0)
            break;
        const char *message = !cdb_oid_equal(&said.id, &commit->oid)           ? "the index has another commit here"
                              : cdb_time_compare(said.time, commit->time) != 0 ? "the index has another time"
                              : said.merge != commit->merge ? "the index takes it for a merge, or not"
                                                            : NULL;
        if (message != NULL) {
            result = tell(chain, &commit->oid, NULL, message);
            return result == 0 ? 1 : result;
        }
    }
    return result;
}

/* ---- documents --------------------------------------------------------------------------------- */

static int walk_table(const struct cdb_verify_chain *chain, const struct cdb_table *table, struct cdb_buf *key,
                      int (*each)(void *context, const char *key, size_t len, const struct cdb_oid *blob),
                      void *context)
{
    struct cdb_items items = {0};
    int result = cdb_table_collect(chain->it->objects, table, &items);
    for (size_t i = 0; i < items.count && result == 0; i++) {
        cdb_buf_clear(key);
        if (!table->untabled) {
            cdb_buf_add(key, table->name, table->name_len);
            cdb_buf_addc(key, ':');
        }
        cdb_buf_add(key, items.items[i].name, items.items[i].name_len);
        result = cdb_buf_check(key);
        if (result == 0)
            result = each(context, key->ptr, key->len, &items.items[i].oid);
    }
    cdb_items_release(&items);
    return result == 0 ? cdb_verify_step(chain->it, "index", 0, 0) : result;
}

int cdb_verify_documents(const struct cdb_verify_chain *chain, const struct cdb_oid *root,
                         int (*each)(void *context, const char *key, size_t len, const struct cdb_oid *blob),
                         void *context)
{
    struct cdb_items tables = {0};
    struct cdb_buf key = CDB_BUF_INIT;
    struct cdb_table table;
    int result = cdb_fan_collect(chain->it->objects, root, CDB_FAN_ROOT, 0, NULL, 0, 0, &tables);
    cdb_items_sort(&tables);
    for (size_t at = 0; result == 0 && cdb_table_next(&tables, &at, &table);)
        result = walk_table(chain, &table, &key, each, context);
    cdb_buf_release(&key);
    cdb_items_release(&tables);
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

/* A state of the branch, and what the index says of it. */
struct documents {
    const struct cdb_verify_chain *chain;
    uint64_t sums[BUCKETS];
    uint64_t count;
    struct cdb_catalog *catalog;
    uint64_t end;
    unsigned told;
};

static uint64_t *bucket(struct documents *documents, const char *key, size_t len)
{
    return &documents->sums[cdb_bytes_hash(key, len) % BUCKETS];
}

static int add_document(void *context, const char *key, size_t len, const struct cdb_oid *blob)
{
    struct documents *documents = context;
    *bucket(documents, key, len) += cdb_verify_hash(key, len, blob, 0);
    documents->count++;
    return 0;
}

/* Tell of one key, but not without end. */
static int tell_key(struct documents *documents, const char *key, const char *message)
{
    const struct cdb_verify_chain *chain = documents->chain;
    if (++documents->told > TELL_MAX)
        return 0;
    return tell(chain, &cdb_verify_at(chain, documents->end - 1)->oid, documents->told < TELL_MAX ? key : NULL,
                documents->told < TELL_MAX ? message : "the index is wrong about more documents");
}

static int take_newest(void *context, const struct cdb_catalog_version *version)
{
    *(struct cdb_catalog_version *)context = *version;
    return 1;
}

/* A document whose bucket is wrong: does the index have it, and as it is? */
static int compare_document(void *context, const char *key, size_t len, const struct cdb_oid *blob)
{
    struct documents *documents = context;
    struct cdb_catalog_version newest = {.position = 0};
    if (*bucket(documents, key, len) == 0)
        return 0;
    int result = cdb_catalog_versions(documents->catalog, key, len, documents->end, take_newest, &newest);
    if (result < 0)
        return lost(documents->chain, result);
    if (result == 0 || cdb_oid_is_zero(&newest.blob))
        return tell_key(documents, key, "the index does not have the document");
    return cdb_oid_equal(&newest.blob, blob) ? 0 : tell_key(documents, key, "the index has another version");
}

/* What the index lists: taken from the sums, or, with `judge`, looked up where a sum is wrong. */
static int walk_index(struct documents *documents, bool judge)
{
    const struct cdb_verify_chain *chain = documents->chain;
    const struct cdb_catalog_range range = {.end = documents->end};
    struct cdb_catalog_cursor *cursor = NULL;
    const struct cdb_oid *root = &cdb_verify_at(chain, documents->end - 1)->tree;
    struct cdb_oid blob;
    const char *key;
    size_t len;
    int result = cdb_catalog_cursor_open(&cursor, documents->catalog, &range);
    while (result == 0 && (result = cdb_catalog_cursor_next(cursor, &key, &len, &blob)) == 0) {
        uint64_t *sum = bucket(documents, key, len);
        struct cdb_lookup lookup = {.found = true};
        struct cdb_key parsed;
        if (!judge) {
            *sum -= cdb_verify_hash(key, len, &blob, 0);
            documents->count--;
            continue;
        }
        if (*sum == 0)
            continue;
        lookup.found = cdb_key_parse(&parsed, key, len) == 0;
        if (lookup.found && cdb_docs_find(chain->it->objects, root, &parsed, NULL, &lookup) != 0)
            break;
        if (!lookup.found && (result = tell_key(documents, key, "the index has a document that is not there")) != 0)
            break;
    }
    cdb_catalog_cursor_free(cursor);
    return result == 1 ? 0 : lost(chain, result);
}

static bool differ(const struct documents *documents)
{
    bool wrong = documents->count != 0;
    for (size_t i = 0; i < BUCKETS; i++)
        wrong = wrong || documents->sums[i] != 0;
    return wrong;
}

/* The state after `end` commits. */
static int check_documents(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t end)
{
    const struct cdb_verify_commit *commit = cdb_verify_at(chain, end - 1);
    struct documents *documents = calloc(1, sizeof(*documents));
    if (documents == NULL)
        return cdb_error_memory();
    documents->chain = chain;
    documents->catalog = catalog;
    documents->end = end;
    int result = cdb_verify_documents(chain, &commit->tree, add_document, documents);
    if (result == 0)
        result = walk_index(documents, false);
    if (result == 0 && differ(documents)) {
        result = cdb_verify_documents(chain, &commit->tree, compare_document, documents);
        if (result == 0)
            result = walk_index(documents, true);
        if (result == 0 && documents->told == 0)
            result = tell(chain, &commit->oid, NULL, "the index does not list the documents that there are");
    }
    free(documents);
    return result;
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static int add_table(void *context, const char *table, uint64_t count)
{
    *(uint64_t *)context += cdb_verify_hash(table, strlen(table), NULL, count);
    return 0;
}

static int take_table(void *context, const char *table, size_t len, uint64_t count)
{
    *(uint64_t *)context -= cdb_verify_hash(table, len, NULL, count);
    return 0;
}

static int check_tables(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t end)
{
    const struct cdb_verify_commit *commit = cdb_verify_at(chain, end - 1);
    uint64_t sum = 0;
    int result = cdb_docs_tables(chain->it->objects, &commit->tree, add_table, &sum);
    if (result == CHRONDB_EDAMAGED)
        return 1;
    if (result == 0)
        result = lost(chain, cdb_catalog_tables(catalog, end, take_table, &sum));
    return result == 0 && sum != 0 ? tell(chain, &commit->oid, NULL, "the index counts the tables' documents wrongly")
                                   : result;
}

/* ---- all versions ------------------------------------------------------------------------------ */

/* What a commit changed, as git has it. 1: it cannot be read. */
static int read_changes(const struct cdb_verify_chain *chain, uint64_t position, struct cdb_changes *changes)
{
    static const struct cdb_oid none;
    *changes = (struct cdb_changes){.limit = 0};
    int result = cdb_docs_diff(chain->it->objects, position > 0 ? &cdb_verify_at(chain, position - 1)->tree : &none,
                               &cdb_verify_at(chain, position)->tree, changes);
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

int cdb_verify_changes(const struct cdb_verify_chain *chain, uint64_t end,
                       int (*each)(void *context, uint64_t position, const struct cdb_change *change), void *context)
{
    int result = 0;
    for (uint64_t i = 0; i < end && result == 0; i++) {
        struct cdb_changes changes;
        result = read_changes(chain, i, &changes);
        for (size_t k = 0; k < changes.count && result == 0; k++)
            result = each(context, i, &changes.changes[k]);
        cdb_changes_release(&changes);
        if (result == 0 && i % STEP_EVERY == 0)
            result = cdb_verify_step(chain->it, "index", i, end);
    }
    return result;
}

static int add_change(void *context, uint64_t position, const struct cdb_change *change)
{
    uint64_t *sums = context;
    sums[position] +=
        cdb_verify_hash(change->key, change->key_len, &change->new_blob, !cdb_oid_is_zero(&change->old_blob));
    return 0;
}

static int take_changes(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t end, uint64_t *sums)
{
    struct cdb_catalog_changes *changes = NULL;
    struct cdb_catalog_key_changes key;
    int result = cdb_catalog_changes_open(&changes, catalog, 0, end);
    while (result == 0 && (result = cdb_catalog_changes_next(changes, &key)) == 0)
        for (size_t i = 0; i < key.count; i++) {
            const struct cdb_catalog_version *version = &key.versions[i];
            bool existed = i + 1 < key.count ? !cdb_oid_is_zero(&key.versions[i + 1].blob) : key.existed;
            if (version->position < end)
                sums[version->position] -= cdb_verify_hash(key.key, key.key_len, &version->blob, existed);
        }
    cdb_catalog_changes_free(changes);
    return result == 1 ? 0 : lost(chain, result);
}

/* Which key is it that the index is wrong about? */
static int tell_commit(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t position)
{
    const struct cdb_verify_commit *commit = cdb_verify_at(chain, position);
    struct cdb_changes changes;
    bool told = false;
    int result = read_changes(chain, position, &changes);
    for (size_t i = 0; i < changes.count && result == 0; i++) {
        const struct cdb_change *change = &changes.changes[i];
        struct cdb_catalog_version newest = {.position = UINT64_MAX};
        int found = cdb_catalog_versions(catalog, change->key, change->key_len, position + 1, take_newest, &newest);
        if (found < 0)
            result = lost(chain, found);
        else if (newest.position != position || !cdb_oid_equal(&newest.blob, &change->new_blob)) {
            result = tell(chain, &commit->oid, change->key, "the index does not have the version, or another one");
            told = true;
        }
    }
    cdb_changes_release(&changes);
    return result == 0 && !told ? tell(chain, &commit->oid, NULL, "the index tells other changes of the commit")
                                : result;
}

static int check_versions(const struct cdb_verify_chain *chain, struct cdb_catalog *catalog, uint64_t end)
{
    uint64_t *sums = calloc(end, sizeof(*sums));
    size_t told = 0;
    if (sums == NULL)
        return cdb_error_memory();
    int result = cdb_verify_changes(chain, end, add_change, sums);
    if (result == 0)
        result = take_changes(chain, catalog, end, sums);
    for (uint64_t i = 0; i < end && result == 0 && told < TELL_MAX; i++)
        if (sums[i] != 0) {
            result = tell_commit(chain, catalog, i);
            told++;
        }
    free(sums);
    return result;
}

/* ---- a branch ---------------------------------------------------------------------------------- */

static int check_catalog(const struct cdb_verify_chain *chain)
{
    struct cdb_catalog *catalog = NULL;
    uint64_t end = 0;
    int result = cdb_catalog_open(&catalog, chain->dir, chain->ref->name);
    if (result != 0)
        return result == 1 ? 0 : result; /* none; or its files are damaged, which was told */
    result = find_end(chain, catalog, &end);
    if (result == 0 && end > 0)
        result = check_commits(chain, catalog, end);
    if (result == 0 && end > 0)
        result = check_documents(chain, catalog, end);
    if (result == 0 && end > 0)
        result = check_tables(chain, catalog, end);
    if (result == 0 && end > 0 && chain->it->full)
        result = check_versions(chain, catalog, end);
    cdb_catalog_close(catalog);
    return result == 1 ? 0 : result;
}

static int tell_index_file(void *context, const char *file, const char *message)
{
    struct cdb_verify *it = context;
    struct cdb_buf path = CDB_BUF_INIT;
    cdb_buf_addf(&path, "%s/%s", it->db->index.path != NULL ? it->db->index.path : CDB_INDEX_PATH, file);
    int result = cdb_buf_check(&path);
    if (result == 0)
        result =
            cdb_verify_tell(it, &(struct cdb_finding){.kind = CDB_KIND_INDEX, .path = path.ptr, .message = message});
    cdb_buf_release(&path);
    return result;
}

static int load_chain(struct cdb_verify_chain *chain)
{
    const struct cdb_verify_commit *commits = chain->it->commits;
    chain->count = (size_t)commits[chain->ref->head - 1].position + 1;
    chain->commits = malloc(chain->count * sizeof(*chain->commits));
    if (chain->commits == NULL)
        return cdb_error_memory();
    uint32_t at = chain->ref->head;
    for (size_t i = chain->count; i-- > 0 && at != 0; at = commits[at - 1].parent)
        chain->commits[i] = at - 1;
    return 0;
}

static int check_branch(struct cdb_verify *it, const struct cdb_verify_ref *ref, int dir)
{
    struct cdb_verify_chain chain = {.it = it, .ref = ref, .dir = dir};
    int result = 0;
    if (ref->head == 0 || it->commits[ref->head - 1].broken)
        return 0; /* there is nothing to compare with */
    result = load_chain(&chain);
    if (result == 0)
        result = check_catalog(&chain);
    if (result == 0)
        result = cdb_verify_words(&chain);
    free(chain.commits);
    return result;
}

int cdb_verify_index(struct cdb_verify *it)
{
    struct cdb_index_check check = {.tell = tell_index_file, .context = it};
    int result = 0;
    check.dir = cdb_db_index_directory(it->db, false);
    for (size_t i = 0; check.dir >= 0 && i < it->ref_count && result == 0; i++) {
        if (it->refs[i].kind != CDB_REF_BRANCH)
            continue;
        result = cdb_verify_step(it, "index", i, it->ref_count);
        uint64_t before = it->report.errors;
        if (result == 0)
            result = cdb_index_check(&check, it->refs[i].name);
        if (result == 0 && it->report.errors == before) /* of files that are damaged nothing more is asked */
            result = check_branch(it, &it->refs[i], check.dir);
    }
    cdb_index_check_release(&check);
    if (check.dir >= 0)
        close(check.dir);
    return result;
}
