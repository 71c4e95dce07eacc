/* SPDX-License-Identifier: MIT
 * The index of words beside the truth: which documents it has, and, in full, since when and until when, and their
 * words. Sums as in verify_index.c. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/verify.h"
#include "index/shelf_view.h"
#include "util/array.h"
#include "util/error.h"

#define TRIES   8
#define BUCKETS 4096

/* What of the shelf is compared. */
struct words {
    const struct cdb_verify_chain *chain;
    struct cdb_shelf_view *view;
    uint64_t end;              /* commits that it covers */
    uint64_t present[BUCKETS]; /* keys of the documents of that state */
    uint64_t *begun, *ended;   /* full: by position, keys with a version that begins or ends there */
};

static int tell(const struct words *words, const struct cdb_oid *commit, const char *key, const char *message)
{
    return cdb_verify_tell(
        words->chain->it,
        &(struct cdb_finding){
            .kind = CDB_KIND_INDEX, .ref = words->chain->ref->name, .commit = commit, .key = key, .message = message});
}

static uint64_t hash(const char *key, size_t len)
{
    return cdb_verify_hash(key, len, NULL, 0);
}

/* ---- what the shelf has ------------------------------------------------------------------------ */

static void take(struct words *words, const struct cdb_ft_key *key, uint32_t from, uint32_t until)
{
    uint64_t value = hash(key->text, key->len);
    bool ends = until != CDB_ENDS_NONE && until < words->end;
    if (until == 0 || from >= words->end) /* it was never there, or is newer than this verification */
        return;
    if (!ends)
        words->present[cdb_bytes_hash(key->text, key->len) % BUCKETS] -= value;
    if (words->begun != NULL)
        words->begun[from] -= value;
    if (words->ended != NULL && ends)
        words->ended[until] -= value;
}

static int take_part(struct words *words, struct cdb_shelf_part *part)
{
    struct cdb_ft_keys keys;
    int result = cdb_ft_keys_init(&keys, part->segment, 0);
    while (result == 0 && (result = cdb_ft_keys_next(&keys)) == 0) {
        uint32_t doc = keys.next - 1, from, until = CDB_ENDS_NONE;
        result = cdb_ft_from(part->segment, doc, &from);
        if (result == 0 && part->ends != NULL)
            result = cdb_ends_until(part->ends, doc, &until);
        if (result == 0)
            take(words, &keys.key, from, until);
    }
    return result == 1 ? 0 : result;
}

/* In full also those parts that have nothing of the present. 1: a file is not there. */
static int take_all(struct words *words)
{
    int result = 0;
    for (size_t i = 0; i < words->view->count && result == 0; i++) {
        if (words->chain->it->full)
            result = cdb_shelf_view_load(words->view, words->chain->dir, i);
        if (result == 0 && words->view->parts[i].segment != NULL)
            result = take_part(words, &words->view->parts[i]);
        if (result == 0 && words->chain->it->full)
            result = cdb_verify_postings(words->chain, &words->view->parts[i], words->view->shelf.language, words->end);
        if (result == 0)
            result = cdb_verify_step(words->chain->it, "words", i, words->view->count);
    }
    return result;
}

/* ---- what there is ----------------------------------------------------------------------------- */

static int add_change(void *context, uint64_t position, const struct cdb_change *change)
{
    struct words *words = context;
    uint64_t value = hash(change->key, change->key_len);
    if (!cdb_oid_is_zero(&change->new_blob))
        words->begun[position] += value;
    if (!cdb_oid_is_zero(&change->old_blob))
        words->ended[position] += value;
    return 0;
}

static int add_key(void *context, const char *key, size_t len, const struct cdb_oid *blob)
{
    struct words *words = context;
    (void)blob;
    words->present[cdb_bytes_hash(key, len) % BUCKETS] += hash(key, len);
    return 0;
}

/* ---- comparing --------------------------------------------------------------------------------- */

/* Has a part the key, in the state that is covered? 1, 0, or an error. */
static int has_key(struct words *words, const char *key, size_t len)
{
    int found = 0;
    for (size_t i = 0; i < words->view->count && found == 0; i++) {
        struct cdb_shelf_part *part = &words->view->parts[i];
        uint32_t first = 0, last = 0, from, until;
        int result = part->segment != NULL ? cdb_ft_find_key(part->segment, key, len, &first, &last) : 0;
        for (; first < last && result == 0 && found == 0; first++) {
            until = CDB_ENDS_NONE;
            result = cdb_ft_from(part->segment, first, &from);
            if (result == 0 && part->ends != NULL)
                result = cdb_ends_until(part->ends, first, &until);
            found = result == 0 && from < words->end && until >= words->end;
        }
        if (result != 0)
            return result;
    }
    return found;
}

static int name_key(void *context, const char *key, size_t len, const struct cdb_oid *blob)
{
    struct words *words = context;
    (void)blob;
    if (words->present[cdb_bytes_hash(key, len) % BUCKETS] == 0)
        return 0;
    int result = has_key(words, key, len);
    if (result != 0)
        return result == 1 ? 0 : result;
    return tell(words, &cdb_verify_at(words->chain, words->end - 1)->oid, key, "searches do not find the document");
}

static int judge(struct words *words)
{
    const struct cdb_verify_commit *commit = cdb_verify_at(words->chain, words->end - 1);
    uint64_t before = words->chain->it->report.errors;
    bool wrong = false;
    int result = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        wrong = wrong || words->present[i] != 0;
    if (wrong) {
        result = cdb_verify_documents(words->chain, &commit->tree, name_key, words);
        if (result == 0 && words->chain->it->report.errors == before)
            result = tell(words, &commit->oid, NULL, "searches find documents that are not there");
    }
    for (uint64_t i = 0; words->begun != NULL && i < words->end && result == 0; i++)
        if (words->begun[i] != 0 || words->ended[i] != 0)
            result = tell(words, &cdb_verify_at(words->chain, i)->oid, NULL,
                          "the index of words has not the versions that the commit brought, or replaced");
    return result;
}

/* 1: a file has gone; 2: there is nothing to compare with. */
static int compare(struct words *words)
{
    const struct cdb_verify_commit *commit = cdb_verify_at(words->chain, words->end - 1);
    int result = take_all(words);
    if (result == CHRONDB_EDAMAGED)
        return tell(words, NULL, NULL, "the index of words cannot be read");
    if (result != 0)
        return result;
    result = cdb_verify_documents(words->chain, &commit->tree, add_key, words);
    if (result == 0 && words->begun != NULL)
        result = cdb_verify_changes(words->chain, words->end, add_change, words);
    if (result == 0)
        result = judge(words);
    return result == 1 ? 2 : result;
}

/* ---- a branch ---------------------------------------------------------------------------------- */

/* How much of it is of this chain: all, or, if the branch was rewritten since, nothing that could be compared. A shelf
 * that is newer than this verification is compared as far as that goes. */
static uint64_t covered(const struct cdb_verify_chain *chain, const struct cdb_shelf *shelf)
{
    for (size_t i = 0; i < shelf->mark_count; i++) {
        uint64_t position = shelf->marks[i].position;
        if (position < chain->count)
            return cdb_oid_equal(&cdb_verify_at(chain, position)->oid, &shelf->marks[i].commit) ? position + 1 : 0;
    }
    return 0;
}

static bool is_usable(const struct cdb_verify *it, const struct cdb_shelf *shelf)
{
    chrondb_buffer language = {NULL, 0, 0};
    bool usable = shelf->analysis == CDB_ANALYSIS_VERSION &&
                  chrondb_config_get(it->db, "search.language", &language) == 0 &&
                  strcmp(language.data, shelf->language) == 0;
    chrondb_buffer_free(&language);
    return usable;
}

/* 1: a file has gone. */
static int check_shelf(const struct cdb_verify_chain *chain, struct cdb_shelf *shelf)
{
    struct words *words = calloc(1, sizeof(*words));
    if (words == NULL) {
        cdb_shelf_release(shelf);
        return cdb_error_memory();
    }
    words->chain = chain;
    words->end = covered(chain, shelf);
    int result = words->end == 0 ? 2 : cdb_shelf_view_open(&words->view, chain->dir, shelf, words->end);
    if (words->end == 0)
        cdb_shelf_release(shelf);
    if (result == 0 && chain->it->full) {
        words->begun = calloc(words->end + 1, sizeof(*words->begun));
        words->ended = calloc(words->end + 1, sizeof(*words->ended));
        if (words->begun == NULL || words->ended == NULL)
            result = cdb_error_memory();
    }
    if (result == 0)
        result = compare(words);
    cdb_shelf_view_close(words->view);
    free(words->begun);
    free(words->ended);
    free(words);
    return result;
}

int cdb_verify_words(struct cdb_verify_chain *chain)
{
    int result = 1;
    for (int i = 0; i < TRIES && result == 1; i++) {
        struct cdb_shelf shelf;
        result = cdb_shelf_read(&shelf, chain->dir, chain->ref->name);
        if (result != 0)
            return result == 1 ? 0 : result; /* none, or damaged, which was told */
        if (!is_usable(chain->it, &shelf)) {
            cdb_shelf_release(&shelf);
            return 0;
        }
        result = check_shelf(chain, &shelf);
    }
    return result == 1 || result == 2 || result == CHRONDB_EDAMAGED ? 0 : result; /* told by who looked at the files */
}
