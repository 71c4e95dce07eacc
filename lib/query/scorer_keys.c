/* SPDX-License-Identifier: MIT
 *
 * Every document, and those with certain keys: keys are in order, so they are a run of documents, of which a pattern
 * may let only some pass. */
#include <string.h>

#include "query/scorer.h"
#include "util/error.h"

struct keys {
    struct cdb_scorer base;
    uint32_t first, last;
    const struct cdb_pattern *pattern;
};

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    const struct keys *keys = (const struct keys *)scorer;

    target = target < keys->first ? keys->first : target;
    *doc = target < keys->last ? target : CDB_FT_END;
    return 0;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    const struct keys *keys = (const struct keys *)scorer;

    (void)shrink;
    *out = keys->first < *to && from < keys->last ? scorer->max : 0;
    return 0;
}

/* The keys of a run of documents, one after the other. */
static int keep_matching(const struct keys *keys, uint32_t from, uint32_t to, uint32_t *docs, size_t *count)
{
    struct cdb_ft_keys walk;
    int result = cdb_ft_keys_init(&walk, keys->base.run->segment, from);
    size_t n = 0;

    for (uint32_t doc = from; result == 0 && doc < to; doc++) {
        result = cdb_ft_keys_next(&walk);
        if (result == 0 && cdb_pattern_matches(keys->pattern, walk.key.text, walk.key.len))
            docs[n++] = doc;
    }
    *count = n;
    return result < 0 ? result : 0;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    const struct keys *keys = (const struct keys *)scorer;
    double score = scorer->scoring ? scorer->max : 0;
    int result = 0;

    (void)floor;
    batch->count = 0;
    from = from < keys->first ? keys->first : from;
    to = to > keys->last ? keys->last : to;
    if (from >= to)
        return 0;
    if (keys->pattern != NULL) {
        result = keep_matching(keys, from, to, batch->docs, &batch->count);
    } else {
        batch->count = to - from;
        for (size_t i = 0; i < batch->count; i++)
            batch->docs[i] = from + (uint32_t)i;
    }
    for (size_t i = 0; scorer->run->scores && i < batch->count; i++)
        batch->scores[i] = score;
    return result;
}

static int matches(const struct keys *keys, uint32_t doc)
{
    struct cdb_ft_key key;
    int result;

    if (doc < keys->first || doc >= keys->last)
        return 0;
    if (keys->pattern == NULL)
        return 1;
    result = cdb_ft_key(keys->base.run->segment, doc, &key);
    return result != 0 ? result : cdb_pattern_matches(keys->pattern, key.text, key.len);
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    for (size_t i = 0; i < count; i++) {
        int result = matches((const struct keys *)scorer, docs[i]);

        if (result < 0)
            return result;
        hits[i] |= (unsigned char)result;
        if (result > 0 && scorer->scoring)
            scores[i] += scorer->max;
    }
    return 0;
}

static void finish(struct cdb_scorer *scorer)
{
    scorer->plan->how = "key order";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

/* Documents first .. last - 1. */
static int make(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan, uint32_t first, uint32_t last)
{
    struct keys *keys;

    *out = NULL;
    if (first >= last)
        return 0;
    keys = cdb_scorer_new(run, plan, &ops, sizeof(*keys));
    if (keys == NULL)
        return CHRONDB_ESYSTEM;
    keys->first = first;
    keys->last = last;
    keys->base.cost = last - first;
    keys->base.constant = true;
    keys->base.max = keys->base.scoring ? (float)plan->boost : 0;
    plan->df += last - first;
    if (plan->kind == CDB_PLAN_KEYS)
        keys->pattern = plan->pattern;
    *out = &keys->base;
    return 0;
}

int cdb_scorer_all(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    return make(out, run, plan, 0, run->docs);
}

/* ---- where keys begin and end ------------------------------------------------------------------- */

/* The first document whose key begins neither with the prefix nor is below it. */
static int seek_behind_prefix(struct cdb_run *run, const struct cdb_query_string *prefix, uint32_t *doc)
{
    char key[CDB_FT_KEY_MAX];
    size_t len = prefix->len;

    *doc = run->docs;
    if (len > sizeof(key))
        return cdb_ft_seek_key(run->segment, prefix->ptr, prefix->len, doc);
    memcpy(key, prefix->ptr, len);
    while (len > 0 && (unsigned char)key[len - 1] == 0xff)
        len--;
    if (len == 0)
        return 0;
    key[len - 1] = (char)((unsigned char)key[len - 1] + 1);
    return cdb_ft_seek_key(run->segment, key, len, doc);
}

/* The first document whose key is not below the bound, or with `behind`, is above it. */
static int seek(struct cdb_run *run, const struct cdb_query_string *key, bool behind, uint32_t *doc)
{
    uint32_t first, last;
    int result;

    if (!behind)
        return cdb_ft_seek_key(run->segment, key->ptr, key->len, doc);
    result = cdb_ft_find_key(run->segment, key->ptr, key->len, &first, &last);
    *doc = last;
    return result == 0 && first == last ? cdb_ft_seek_key(run->segment, key->ptr, key->len, doc) : result;
}

int cdb_scorer_keys(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    uint32_t first = 0, last = run->docs, other;
    int result = 0;

    if (plan->prefix.len > 0) {
        result = cdb_ft_seek_key(run->segment, plan->prefix.ptr, plan->prefix.len, &first);
        if (result == 0)
            result = seek_behind_prefix(run, &plan->prefix, &last);
    }
    if (result == 0 && plan->has_lower) {
        result = seek(run, &plan->lower, !plan->include_lower, &other);
        first = result == 0 && other > first ? other : first;
    }
    if (result == 0 && plan->has_upper) {
        result = seek(run, &plan->upper, plan->include_upper, &other);
        last = result == 0 && other < last ? other : last;
    }
    return result == 0 ? make(out, run, plan, first, last) : result;
}
