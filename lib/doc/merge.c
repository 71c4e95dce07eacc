/* SPDX-License-Identifier: MIT */
#include "doc/merge.h"

#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "doc/equal.h"
#include "doc/layout.h"
#include "util/error.h"

#define NONE UINT32_MAX

struct document {
    struct cdb_json json;
    struct cdb_names names;
    uint64_t *hashes; /* of its values */
};

/* Nodes of one value; NONE: not there. */
struct place {
    uint32_t base, ours, theirs;
};

/* Objects that are being merged, into the layout of ours. */
struct frame {
    struct cdb_layout layout;
    struct place at;
    uint32_t addition; /* the next member of theirs that ours may lack */
    size_t path_len;
};

struct merge {
    struct document base, ours, theirs;
    bool has_base;
    const struct cdb_merge_rules *rules;
    size_t conflicts;
    struct cdb_buf *out;
    size_t limit;          /* what out->len must not exceed */
    struct cdb_buf path;   /* of the frames, and of what is looked at */
    struct cdb_buf string; /* scratch */
    struct frame *frames;
    unsigned depth;
};

enum outcome { KEEP, TAKE, DESCEND, CONFLICT };

bool cdb_merge_is_mark(const char *text, size_t len)
{
    return len == strlen(CDB_MERGE_MARK_TEXT) && memcmp(text, CDB_MERGE_MARK_TEXT, len) == 0;
}

static struct cdb_text text_of(const struct document *document, uint32_t node)
{
    if (node == NONE)
        return (struct cdb_text){NULL, 0};
    const struct cdb_json_node *value = &document->json.nodes[node];
    return (struct cdb_text){document->json.text + value->start, value->end - value->start};
}

static bool is_object(const struct document *document, uint32_t node)
{
    return document->json.nodes[node].type == CDB_JSON_OBJECT;
}

static bool is_marked(const struct merge *merge, uint32_t base)
{
    struct cdb_text text = text_of(&merge->base, base);
    return text.ptr != NULL && cdb_merge_is_mark(text.ptr, text.len);
}

/* Different values have different hashes but for rare accidents, so a document is read a few times only, however deep
 * it is. */
static bool same(const struct document *a, uint32_t a_node, const struct document *b, uint32_t b_node)
{
    if (a_node == NONE || b_node == NONE)
        return a_node == b_node;
    return a->hashes[a_node] == b->hashes[b_node] &&
           cdb_json_equal(&a->names, a_node, &b->names, b_node, CDB_EQUAL_VALUES);
}

static enum outcome decide(const struct merge *merge, const struct place *at)
{
    bool marked = is_marked(merge, at->base);
    if (same(&merge->ours, at->ours, &merge->theirs, at->theirs))
        return KEEP;
    if (!marked && same(&merge->theirs, at->theirs, &merge->base, at->base))
        return KEEP;
    if (at->ours != NONE && at->theirs != NONE && is_object(&merge->ours, at->ours) &&
        is_object(&merge->theirs, at->theirs) && (at->base == NONE || is_object(&merge->base, at->base)))
        return DESCEND;
    if (!marked && same(&merge->ours, at->ours, &merge->base, at->base))
        return TAKE;
    return CONFLICT;
}

/* ---- conflicts --------------------------------------------------------------------------------- */

static int tell(struct merge *merge, const struct place *at)
{
    struct cdb_merge_conflict conflict = {.path = {cdb_buf_str(&merge->path), merge->path.len},
                                          .ours = text_of(&merge->ours, at->ours),
                                          .theirs = text_of(&merge->theirs, at->theirs)};
    if (!is_marked(merge, at->base))
        conflict.base = text_of(&merge->base, at->base);
    merge->conflicts++;
    if (merge->path.failed)
        return cdb_error_memory();
    return merge->rules->conflict != NULL ? merge->rules->conflict(merge->rules->context, &conflict) : 0;
}

static void add_step(struct merge *merge, const struct cdb_json *json, uint32_t name)
{
    cdb_buf_clear(&merge->string);
    cdb_json_string(json, name, &merge->string);
    cdb_json_pointer_add(&merge->path, cdb_buf_str(&merge->string), merge->string.len);
    merge->path.failed |= merge->string.failed;
}

static void cut_path(struct merge *merge, size_t len)
{
    if (merge->path.len > len) {
        merge->path.len = len;
        merge->path.ptr[len] = '\0';
    }
}

/* ---- writing ----------------------------------------------------------------------------------- */

static void open_frame(struct merge *merge, const struct place *at)
{
    struct frame *frame = &merge->frames[merge->depth++];
    *frame = (struct frame){.at = *at, .addition = at->theirs + 1, .path_len = merge->path.len};
    cdb_layout_open(&frame->layout, merge->out, &merge->ours.json, at->ours);
}

/* The value that a side, or nobody, has: behind what the layout wrote. */
static void put(struct merge *merge, enum outcome outcome, const struct place *at)
{
    struct cdb_text text = {CDB_MERGE_MARK_TEXT, strlen(CDB_MERGE_MARK_TEXT)};
    if (outcome == DESCEND) {
        open_frame(merge, at);
        return;
    }
    if (outcome == KEEP)
        text = text_of(&merge->ours, at->ours);
    else if (outcome == TAKE)
        text = text_of(&merge->theirs, at->theirs);
    cdb_buf_add(merge->out, text.ptr, text.len);
}

/* Decide, with the conflict told and resolved: CONFLICT is what is left to be marked. */
static int resolve(struct merge *merge, const struct place *at, enum outcome *outcome)
{
    *outcome = decide(merge, at);
    if (*outcome != CONFLICT)
        return 0;
    if (merge->rules->prefer == CDB_MERGE_OURS)
        *outcome = KEEP;
    else if (merge->rules->prefer == CDB_MERGE_THEIRS)
        *outcome = TAKE;
    return tell(merge, at);
}

/* The value of the member of that name (of the tree `from`) that counts. */
static uint32_t member(const struct document *document, uint32_t object, const struct cdb_json *from, uint32_t name)
{
    uint32_t found = object != NONE ? cdb_names_find(&document->names, object, from, name) : 0;
    return found != 0 ? found + 1 : NONE;
}

static struct place find_members(const struct merge *merge, const struct frame *frame, const struct cdb_json *from,
                                 uint32_t name)
{
    return (struct place){member(&merge->base, frame->at.base, from, name),
                          member(&merge->ours, frame->at.ours, from, name),
                          member(&merge->theirs, frame->at.theirs, from, name)};
}

static bool is_gone(enum outcome outcome, const struct place *at)
{
    return outcome == TAKE && at->theirs == NONE;
}

/* A member of ours. Of duplicates the last counts; the others stay as they are, or go with it. */
static int merge_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    struct place at = find_members(merge, frame, &merge->ours.json, name);
    enum outcome outcome;
    if (at.ours != name + 1) {
        outcome = decide(merge, &at);
        if (outcome == CONFLICT && merge->rules->prefer == CDB_MERGE_THEIRS)
            outcome = TAKE;
        if (!is_gone(outcome, &at))
            cdb_layout_keep(&frame->layout, name);
        return 0;
    }
    add_step(merge, &merge->ours.json, name);
    int result = resolve(merge, &at, &outcome);
    if (result != 0 || is_gone(outcome, &at))
        return result;
    if (outcome == KEEP) {
        cdb_layout_keep(&frame->layout, name);
    } else {
        cdb_layout_change(&frame->layout, name);
        put(merge, outcome, &at);
    }
    return 0;
}

/* A member of theirs, that ours may lack. */
static int add_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    struct place at = find_members(merge, frame, &merge->theirs.json, name);
    enum outcome outcome;
    if (at.theirs != name + 1 || at.ours != NONE)
        return 0;
    add_step(merge, &merge->theirs.json, name);
    int result = resolve(merge, &at, &outcome);
    if (result != 0 || outcome == KEEP)
        return result;
    cdb_layout_add(&frame->layout, &merge->theirs.json, name);
    put(merge, outcome, &at);
    return 0;
}

static int step(struct merge *merge)
{
    struct frame *frame = &merge->frames[merge->depth - 1];
    cut_path(merge, frame->path_len);
    uint32_t name = cdb_layout_next(&frame->layout);
    if (name != 0)
        return merge_member(merge, frame, name);
    if (frame->addition < merge->theirs.json.nodes[frame->at.theirs].next) {
        name = frame->addition;
        frame->addition = merge->theirs.json.nodes[name + 1].next;
        return add_member(merge, frame, name);
    }
    cdb_layout_close(&frame->layout);
    merge->depth--;
    return 0;
}

/* The nesting needs no check: what comes from theirs at some depth is at that depth there, too. */
static int merge_objects(struct merge *merge, const struct place *top, size_t ours_len)
{
    const struct cdb_json_node *root = &merge->ours.json.nodes[0];
    const char *text = merge->ours.json.text;
    int result = 0;
    cdb_buf_add(merge->out, text, root->start);
    open_frame(merge, top);
    while (result == 0 && merge->depth > 0 && !merge->out->failed && merge->out->len <= merge->limit)
        result = step(merge);
    cdb_buf_add(merge->out, text + root->end, ours_len - root->end);
    return result;
}

static int run(struct merge *merge, struct cdb_text ours, struct cdb_text theirs)
{
    struct place top = {merge->has_base ? 0 : NONE, 0, 0};
    enum outcome outcome;
    int result = resolve(merge, &top, &outcome);
    if (result == 0 && outcome == DESCEND)
        result = merge_objects(merge, &top, ours.len);
    else if (result == 0 && outcome == CONFLICT)
        cdb_buf_adds(merge->out, CDB_MERGE_MARK_TEXT);
    else if (result == 0)
        cdb_buf_add(merge->out, outcome == KEEP ? ours.ptr : theirs.ptr, outcome == KEEP ? ours.len : theirs.len);
    if (result != 0)
        return result;
    if (merge->out->failed || merge->path.failed)
        return cdb_error_memory();
    if (merge->out->len > merge->limit)
        return cdb_error(CHRONDB_EINVALID, "invalid_json",
                         "too large: the merged document would have more than %zu bytes", CHRONDB_MAX_DOCUMENT);
    return 0;
}

/* ---- documents --------------------------------------------------------------------------------- */

static int read_document(struct document *document, struct cdb_text text, const char *whose)
{
    int result = cdb_json_parse(&document->json, text.ptr, text.len);
    if (result == CHRONDB_EINVALID)
        cdb_error_context("%s document", whose);
    if (result == 0)
        result = cdb_names_build(&document->names, &document->json);
    if (result != 0)
        return result;
    document->hashes = cdb_json_hashes(&document->names);
    return document->hashes != NULL ? 0 : CHRONDB_ESYSTEM;
}

static void release_document(struct document *document)
{
    free(document->hashes);
    cdb_names_release(&document->names);
    cdb_json_release(&document->json);
}

int cdb_json_merge(struct cdb_buf *out, struct cdb_text base, struct cdb_text ours, struct cdb_text theirs,
                   const struct cdb_merge_rules *rules, size_t *conflicts)
{
    struct merge merge = {.has_base = base.ptr != NULL, .rules = rules, .out = out};
    size_t before = out->len;
    int result = read_document(&merge.ours, ours, "our");
    if (result == 0)
        result = read_document(&merge.theirs, theirs, "their");
    if (result == 0 && merge.has_base)
        result = read_document(&merge.base, base, "the base's");
    merge.frames = reallocarray(NULL, CHRONDB_MAX_DEPTH, sizeof(*merge.frames));
    if (result == 0 && merge.frames == NULL)
        result = cdb_error_memory();
    merge.limit = before + CHRONDB_MAX_DOCUMENT;
    if (result == 0)
        result = run(&merge, ours, theirs);
    if (result != 0 && !out->failed && out->len > before) {
        out->len = before;
        out->ptr[before] = '\0';
    }
    *conflicts = merge.conflicts;
    free(merge.frames);
    cdb_buf_release(&merge.path);
    cdb_buf_release(&merge.string);
    release_document(&merge.base);
    release_document(&merge.ours);
    release_document(&merge.theirs);
    return result;
}
