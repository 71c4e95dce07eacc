/* SPDX-License-Identifier: MIT
 * Three states, merged key by key: what theirs changed since the base is looked at, and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "db/merge.h"
#include "db/progress.h"
#include "doc/equal.h"
#include "util/array.h"
#include "util/error.h"

#define PROGRESS_KEYS 256

static const struct cdb_merge_value nothing;

void cdb_merge_state_release(struct cdb_merge_state *state)
{
    free(state->edits);
    memset(state, 0, sizeof(*state));
}

/* ---- values ------------------------------------------------------------------------------------ */

int cdb_merge_value_set(struct cdb_merge_value *value, struct cdb_arena *memory, const char *text, size_t size)
{
    value->text = cdb_arena_copy(memory, text, size);
    value->size = size;
    return value->text == NULL ? CHRONDB_ESYSTEM : cdb_object_hash(&value->blob, CDB_BLOB, text, size);
}

int cdb_merge_value_read(struct cdb_merging *it, const struct cdb_merge_value *value, struct cdb_buf *buf,
                         struct cdb_text *out)
{
    *out = (struct cdb_text){value->text, value->size};
    if (value->text != NULL || cdb_oid_is_zero(&value->blob))
        return 0;
    int result = cdb_objects_read(it->db->repo->objects, &value->blob, CDB_BLOB, CHRONDB_MAX_DOCUMENT, buf);
    *out = (struct cdb_text){cdb_buf_str(buf), buf->len};
    return result;
}

static bool is_there(const struct cdb_merge_value *value)
{
    return !cdb_oid_is_zero(&value->blob);
}

static bool same_blob(const struct cdb_merge_value *a, const struct cdb_merge_value *b)
{
    return cdb_oid_equal(&a->blob, &b->blob);
}

static bool is_marked(const struct cdb_merge_value *value)
{
    return value->text != NULL && cdb_merge_is_mark(value->text, value->size);
}

/* ---- conflicts --------------------------------------------------------------------------------- */

static int copy_text(struct cdb_merging *it, struct cdb_text text, struct cdb_text *out)
{
    *out = (struct cdb_text){NULL, 0};
    if (text.ptr == NULL)
        return 0;
    *out = (struct cdb_text){cdb_arena_copy(it->memory, text.ptr, text.len), text.len};
    return out->ptr != NULL ? 0 : CHRONDB_ESYSTEM;
}

struct telling {
    struct cdb_merging *it;
    const char *key;
};

static int record(void *context, const struct cdb_merge_conflict *conflict)
{
    const struct telling *telling = context;
    struct cdb_merging *it = telling->it;
    int result = cdb_array_grow(&it->records, &it->record_room, it->record_count, sizeof(*it->records));
    if (result != 0)
        return result;
    struct cdb_merge_record *copy = &it->records[it->record_count];
    memset(copy, 0, sizeof(*copy));
    copy->key = telling->key;
    result = copy_text(it, conflict->path, &copy->conflict.path);
    if (result == 0)
        result = copy_text(it, conflict->base, &copy->conflict.base);
    if (result == 0)
        result = copy_text(it, conflict->ours, &copy->conflict.ours);
    if (result == 0)
        result = copy_text(it, conflict->theirs, &copy->conflict.theirs);
    it->record_count += result == 0;
    return result;
}

/* ---- one key ----------------------------------------------------------------------------------- */

struct three {
    const char *key; /* lives as long as the merge */
    size_t key_len;
    struct cdb_merge_value base, ours, theirs;
};

struct texts {
    struct cdb_buf base_buf, ours_buf, theirs_buf;
    struct cdb_text base, ours, theirs;
};

static int read_texts(struct cdb_merging *it, const struct three *three, struct texts *texts)
{
    int result = 0;
    if (!is_marked(&three->base))
        result = cdb_merge_value_read(it, &three->base, &texts->base_buf, &texts->base);
    if (result == 0)
        result = cdb_merge_value_read(it, &three->ours, &texts->ours_buf, &texts->ours);
    if (result == 0)
        result = cdb_merge_value_read(it, &three->theirs, &texts->theirs_buf, &texts->theirs);
    return result;
}

static void release_texts(struct texts *texts)
{
    cdb_buf_release(&texts->base_buf);
    cdb_buf_release(&texts->ours_buf);
    cdb_buf_release(&texts->theirs_buf);
}

static int record_whole(struct cdb_merging *it, const struct three *three, const struct texts *texts)
{
    struct telling telling = {it, three->key};
    struct cdb_merge_conflict conflict = {{"", 0}, texts->base, texts->ours, texts->theirs};
    return record(&telling, &conflict);
}

/* Of two sides one has removed the document. Did the other change more than the spelling? */
static int merge_removal(struct cdb_merging *it, const struct three *three, const struct texts *texts,
                         struct cdb_merge_value *out)
{
    const struct cdb_text *left = is_there(&three->ours) ? &texts->ours : &texts->theirs;
    bool same = false;
    int result = 0;
    if (texts->base.ptr != NULL)
        result = cdb_json_same(texts->base.ptr, texts->base.len, left->ptr, left->len, &same);
    if (result == 0 && same)
        *out = nothing;
    else if (result == 0)
        result = record_whole(it, three, texts);
    return result;
}

/* With `side` for what is in conflict, which is recorded if `tell`. */
static int merge_documents(struct cdb_merging *it, const struct three *three, const struct texts *texts,
                           enum cdb_merge_side side, bool tell, struct cdb_merge_value *out)
{
    struct telling telling = {it, three->key};
    struct cdb_merge_rules rules = {.prefer = side, .conflict = tell ? record : NULL, .context = &telling};
    struct cdb_text base = texts->base;
    struct cdb_buf merged = CDB_BUF_INIT;
    size_t conflicts, recorded = it->record_count;
    if (is_marked(&three->base))
        base = (struct cdb_text){three->base.text, three->base.size};
    int result = cdb_json_merge(&merged, base, texts->ours, texts->theirs, &rules, &conflicts);
    if (result == 0 && (merged.len != texts->ours.len || memcmp(merged.ptr, texts->ours.ptr, merged.len) != 0))
        result = cdb_merge_value_set(out, it->memory, cdb_buf_str(&merged), merged.len);
    if (result == CHRONDB_EINVALID && tell) { /* git can put anything there: it is merged as a whole */
        cdb_error_clear();
        it->record_count = recorded;
        result = record_whole(it, three, texts);
    }
    cdb_buf_release(&merged);
    return result;
}

static int mark(struct cdb_merging *it, struct cdb_merge_value *out)
{
    return cdb_merge_value_set(out, it->memory, CDB_MERGE_MARK_TEXT, strlen(CDB_MERGE_MARK_TEXT));
}

/* Can the sides of a conflict be put together, but for what is in conflict? */
static bool is_divisible(const struct cdb_merging *it, size_t recorded)
{
    return it->record_count > recorded && it->records[recorded].conflict.path.len > 0;
}

/* The conflicts from `recorded` on are of this key. *out is ours with what comes from theirs without a conflict. */
static int settle(struct cdb_merging *it, const struct three *three, const struct texts *texts, size_t recorded,
                  struct cdb_merge_value *out)
{
    enum cdb_merge_verdict verdict = CDB_VERDICT_FAIL;
    struct cdb_merge_value given = nothing;
    bool divisible = is_divisible(it, recorded);
    size_t conflicts = it->record_count - recorded;
    int result = it->settle(it->context, three->key, three->key_len, &verdict, &given);
    if (result != 0 || verdict == CDB_VERDICT_FAIL)
        return result;
    it->record_count = recorded;
    it->settled += conflicts;
    if (verdict == CDB_VERDICT_GIVEN)
        *out = given;
    else if (verdict == CDB_VERDICT_OURS)
        *out = divisible ? *out : three->ours;
    else if (divisible)
        result = merge_documents(it, three, texts, verdict == CDB_VERDICT_MARK ? CDB_MERGE_MARK : CDB_MERGE_THEIRS,
                                 false, out);
    else if (verdict == CDB_VERDICT_MARK)
        result = mark(it, out);
    else
        *out = three->theirs;
    return result;
}

/* Theirs is not the base's, and not ours. */
static int merge_changed(struct cdb_merging *it, const struct three *three, struct cdb_merge_value *out)
{
    struct texts texts;
    size_t recorded = it->record_count;
    memset(&texts, 0, sizeof(texts));
    int result = read_texts(it, three, &texts);
    *out = three->ours;
    if (result == 0 && is_there(&three->ours) && is_there(&three->theirs))
        result = merge_documents(it, three, &texts, CDB_MERGE_OURS, true, out);
    else if (result == 0)
        result = merge_removal(it, three, &texts, out);
    if (result == 0 && it->record_count > recorded)
        result = settle(it, three, &texts, recorded, out);
    release_texts(&texts);
    return result;
}

static int add_edit(struct cdb_merge_state *out, const struct cdb_merge_edit *edit)
{
    int result = cdb_array_grow(&out->edits, &out->room, out->count, sizeof(*out->edits));
    if (result == 0)
        out->edits[out->count++] = *edit;
    return result;
}

/* ---- what theirs changed ----------------------------------------------------------------------- */

/* Three sorted lists, gone through together: what differs between the roots of base and theirs, and the edits. */
struct lists {
    const struct cdb_changes *changes;
    const struct cdb_merge_state *base, *theirs;
    size_t change, base_edit, their_edit;
};

static void take_least(const char **key, size_t *len, const char *other, size_t other_len)
{
    if (*key == NULL || cdb_bytes_compare(other, other_len, *key, *len) < 0) {
        *key = other;
        *len = other_len;
    }
}

static bool is_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static const struct cdb_merge_edit *edit_at(const struct cdb_merge_state *state, size_t *at, const char *key,
                                            size_t len)
{
    if (*at >= state->count || !is_key(state->edits[*at].key, state->edits[*at].key_len, key, len))
        return NULL;
    return &state->edits[(*at)++];
}

/* The next key that may differ, with its values in the base and in theirs; false at the end. */
static bool next_key(struct lists *lists, struct three *out)
{
    const struct cdb_change *change = NULL;
    const char *key = NULL;
    size_t len = 0;
    if (lists->change < lists->changes->count) {
        change = &lists->changes->changes[lists->change];
        take_least(&key, &len, change->key, change->key_len);
    }
    if (lists->base_edit < lists->base->count)
        take_least(&key, &len, lists->base->edits[lists->base_edit].key, lists->base->edits[lists->base_edit].key_len);
    if (lists->their_edit < lists->theirs->count)
        take_least(&key, &len, lists->theirs->edits[lists->their_edit].key,
                   lists->theirs->edits[lists->their_edit].key_len);
    if (key == NULL)
        return false;
    if (change != NULL && !is_key(change->key, change->key_len, key, len))
        change = NULL;
    const struct cdb_merge_edit *in_base = edit_at(lists->base, &lists->base_edit, key, len);
    const struct cdb_merge_edit *in_theirs = edit_at(lists->theirs, &lists->their_edit, key, len);
    *out = (struct three){.key = key, .key_len = len};
    /* What is in both roots the same is told by the edit of either. */
    if (in_theirs != NULL)
        out->base.blob = in_theirs->before;
    if (in_base != NULL)
        out->base.blob = in_base->before;
    if (change != NULL)
        out->base.blob = change->old_blob;
    out->theirs.blob = change != NULL ? change->new_blob : out->base.blob;
    if (in_base != NULL)
        out->base = in_base->after;
    if (in_theirs != NULL)
        out->theirs = in_theirs->after;
    lists->change += change != NULL;
    return true;
}

static int find_in_root(struct cdb_merging *it, const struct cdb_oid *root, const char *key, size_t key_len,
                        struct cdb_oid *out)
{
    struct cdb_lookup lookup;
    struct cdb_key parsed;
    memset(out, 0, sizeof(*out));
    int result = cdb_key_parse(&parsed, key, key_len);
    if (result == 0)
        result = cdb_docs_find(it->db->repo->objects, root, &parsed, NULL, &lookup);
    if (result == 0 && lookup.found)
        *out = lookup.blob;
    return result;
}

static const struct cdb_merge_edit *find_edit(const struct cdb_merge_state *state, const char *key, size_t key_len)
{
    size_t low = 0, high = state->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cdb_bytes_compare(key, key_len, state->edits[middle].key, state->edits[middle].key_len);
        if (order == 0)
            return &state->edits[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int cdb_merge_state_find(struct cdb_merging *it, const struct cdb_merge_state *state, const char *key, size_t key_len,
                         struct cdb_merge_value *out)
{
    const struct cdb_merge_edit *edit = find_edit(state, key, key_len);
    *out = nothing;
    if (edit == NULL)
        return find_in_root(it, &state->root, key, key_len, &out->blob);
    *out = edit->after;
    return 0;
}

/* The new edits take the place of those of ours. */
static int unite(const struct cdb_merge_state *ours, struct cdb_merge_state *out)
{
    struct cdb_merge_state both = {.root = ours->root};
    size_t i = 0, j = 0;
    int result = 0;
    if (ours->count == 0)
        return 0;
    while (result == 0 && (i < ours->count || j < out->count)) {
        int order = i == ours->count  ? 1
                    : j == out->count ? -1
                                      : cdb_bytes_compare(ours->edits[i].key, ours->edits[i].key_len, out->edits[j].key,
                                                          out->edits[j].key_len);
        result = add_edit(&both, order < 0 ? &ours->edits[i] : &out->edits[j]);
        i += order <= 0;
        j += order >= 0;
    }
    free(out->edits);
    *out = both;
    return result;
}

static int merge_key(struct cdb_merging *it, const struct cdb_merge_state *ours, struct three *three,
                     struct cdb_merge_state *out)
{
    struct cdb_merge_edit edit = {.key_len = three->key_len};
    bool marked = is_marked(&three->base);
    if (!marked && same_blob(&three->theirs, &three->base))
        return 0;
    three->key = edit.key = cdb_arena_copy(it->memory, three->key, three->key_len);
    if (edit.key == NULL)
        return CHRONDB_ESYSTEM;
    const struct cdb_merge_edit *of_ours = find_edit(ours, three->key, three->key_len);
    int result = of_ours != NULL ? 0 : find_in_root(it, &ours->root, three->key, three->key_len, &three->ours.blob);
    edit.before = of_ours != NULL ? of_ours->before : three->ours.blob;
    if (of_ours != NULL)
        three->ours = of_ours->after;
    edit.after = three->ours;
    if (result == 0 && same_blob(&three->theirs, &three->ours))
        return 0;
    if (result == 0 && !marked && same_blob(&three->ours, &three->base))
        edit.after = three->theirs;
    else if (result == 0)
        result = merge_changed(it, three, &edit.after);
    return result == 0 && !same_blob(&edit.after, &three->ours) ? add_edit(out, &edit) : result;
}

int cdb_merge_keys(struct cdb_merging *it, const struct cdb_merge_state *base, const struct cdb_merge_state *ours,
                   const struct cdb_merge_state *theirs, struct cdb_merge_state *out)
{
    struct cdb_changes changes = {.limit = 0};
    struct lists lists = {&changes, base, theirs, 0, 0, 0};
    struct three three;
    uint64_t done = 0;
    *out = (struct cdb_merge_state){.root = ours->root};
    int result = cdb_docs_diff(it->db->repo->objects, &base->root, &theirs->root, &changes);
    it->foreign |= changes.foreign;
    while (result == 0 && next_key(&lists, &three)) {
        result = merge_key(it, ours, &three, out);
        if (result == 0 && ++done % PROGRESS_KEYS == 0)
            result = cdb_progress_tell(it->progress, it->progress_context, "documents merged", done, changes.count);
    }
    if (result == 0)
        result = unite(ours, out);
    cdb_changes_release(&changes);
    return result;
}
