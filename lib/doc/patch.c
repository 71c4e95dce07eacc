/* SPDX-License-Identifier: MIT */
/* RFC 7396, on texts. The result is written in one walk along the target's and the patch's objects together; each pair
 * of objects in work is a frame. An object keeps the text around its members: '{' first-lead member tail ',' lead
 * member
 * ... last-tail '}'. Whichever members are left, the first takes the first's lead and the last the last's tail. */
#include <stdbool.h>
#include <stdlib.h>

#include "chrondb.h"
#include "doc/json.h"
#include "doc/lexer.h"
#include "doc/names.h"
#include "util/error.h"

#define NONE UINT32_MAX

/* An object that is being written. `json` and `object` say whose text is kept: the target's, with the patch object
 * applied, or the patch's own where the target has none: then only its nulls are left out (`patch` is NONE). */
struct frame {
    const struct cdb_json *json;
    uint32_t object;
    uint32_t patch;
    uint32_t member;   /* the next one to look at, its name */
    uint32_t passed;   /* the last one that was looked at; 0: none */
    uint32_t written;  /* the last one whose text was written; 0: none */
    uint32_t addition; /* the next member of the patch that the target may lack */
    bool empty;        /* nothing was written yet */
};

struct merge {
    struct cdb_json target, patch;
    struct cdb_names names; /* of the patch; a member's mate is the target's last member of that name */
    struct cdb_buf *out;
    size_t limit; /* what out->len must not exceed */
    struct frame *frames;
    unsigned depth;
};

static const struct cdb_json_node *node_at(const struct frame *frame, uint32_t index)
{
    return &frame->json->nodes[index];
}

static void add_span(struct merge *merge, const struct cdb_json *json, uint32_t start, uint32_t end)
{
    cdb_buf_add(merge->out, json->text + start, end - start);
}

/* ---- white space ------------------------------------------------------------------------------- */

static uint32_t lead_start(const struct frame *frame, uint32_t name)
{
    uint32_t start = node_at(frame, name)->start;

    while (cdb_json_is_space(frame->json->text[start - 1]))
        start--;
    return start;
}

static uint32_t tail_end(const struct frame *frame, uint32_t name)
{
    uint32_t end = node_at(frame, name + 1)->end;

    while (cdb_json_is_space(frame->json->text[end]))
        end++;
    return end;
}

static void add_lead(struct merge *merge, const struct frame *frame, uint32_t name)
{
    add_span(merge, frame->json, lead_start(frame, name), node_at(frame, name)->start);
}

static void add_tail(struct merge *merge, const struct frame *frame, uint32_t name)
{
    add_span(merge, frame->json, node_at(frame, name + 1)->end, tail_end(frame, name));
}

/* `{"a": 1}` is meant to become `{"a": 1, "b": 2}`, though no comma of its own shows it. */
static bool is_spaced_after_colon(const struct frame *frame, uint32_t name)
{
    const char *value = frame->json->text + node_at(frame, name + 1)->start;

    return value[-1] == ' ' && value[-2] == ':';
}

/* ---- members ----------------------------------------------------------------------------------- */

static void open_frame(struct merge *merge, const struct cdb_json *json, uint32_t object, uint32_t patch)
{
    struct frame *frame = &merge->frames[merge->depth++];

    *frame = (struct frame){.json = json, .object = object, .patch = patch, .member = object + 1, .empty = true};
    cdb_buf_addc(merge->out, '{');
    if (patch == NONE)
        return;
    frame->addition = patch + 1;
    for (uint32_t name = object + 1; name < json->nodes[object].next; name = json->nodes[name + 1].next) {
        uint32_t change = cdb_names_find(&merge->names, patch, json, name);

        if (change != 0)
            cdb_names_set_mate(&merge->names, change, name);
    }
}

/* What becomes of a value, if it was there (`value` not NONE), under a value of the patch that is no null. */
static void put_value(struct merge *merge, uint32_t value, uint32_t change)
{
    const struct cdb_json_node *node = &merge->patch.nodes[change];

    if (node->type != CDB_JSON_OBJECT)
        add_span(merge, &merge->patch, node->start, node->end);
    else if (value != NONE && merge->target.nodes[value].type == CDB_JSON_OBJECT)
        open_frame(merge, &merge->target, value, change);
    else
        open_frame(merge, &merge->patch, change, NONE);
}

/* All that stands before a member of the frame's object that is kept, up to its name. */
static void begin_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    if (frame->empty) {
        add_lead(merge, frame, frame->object + 1);
    } else {
        add_tail(merge, frame, frame->written);
        cdb_buf_addc(merge->out, ',');
        add_lead(merge, frame, name);
    }
    frame->empty = false;
    frame->written = name;
}

static void keep_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    begin_member(merge, frame, name);
    add_span(merge, frame->json, node_at(frame, name)->start, node_at(frame, name + 1)->end);
}

static void change_member(struct merge *merge, struct frame *frame, uint32_t name, uint32_t value, uint32_t change)
{
    begin_member(merge, frame, name);
    add_span(merge, frame->json, node_at(frame, name)->start, node_at(frame, name + 1)->start);
    put_value(merge, value, change);
}

static void merge_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    uint32_t change = cdb_names_find(&merge->names, frame->patch, frame->json, name);

    if (change != 0 && merge->patch.nodes[change + 1].type == CDB_JSON_NULL)
        return; /* removed, as are the duplicates that do not count */
    if (change != 0 && cdb_names_mate(&merge->names, change) == name)
        change_member(merge, frame, name, name + 1, change + 1);
    else
        keep_member(merge, frame, name);
}

static bool is_set(const struct merge *merge, uint32_t name)
{
    return !cdb_names_is_shadowed(&merge->names, name) && merge->patch.nodes[name + 1].type != CDB_JSON_NULL;
}

static void strip_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    if (is_set(merge, name))
        change_member(merge, frame, name, NONE, name + 1);
}

/* A member that the target's object lacks, laid out as its last one. */
static void add_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    const struct cdb_json_node *node = &merge->patch.nodes[name];
    uint32_t model = frame->passed;

    if (!is_set(merge, name) || cdb_names_mate(&merge->names, name) != 0)
        return;
    if (!frame->empty)
        cdb_buf_addc(merge->out, ',');
    if (model != 0)
        add_lead(merge, frame, frame->empty ? frame->object + 1 : model);
    if (!frame->empty && model == frame->object + 1 && lead_start(frame, model) == node_at(frame, model)->start &&
        is_spaced_after_colon(frame, model))
        cdb_buf_addc(merge->out, ' ');
    add_span(merge, &merge->patch, node->start, node->end);
    if (model != 0)
        add_span(merge, frame->json, node_at(frame, model)->end, node_at(frame, model + 1)->start);
    else
        cdb_buf_addc(merge->out, ':');
    frame->empty = false;
    put_value(merge, NONE, name + 1);
}

static void close_frame(struct merge *merge, struct frame *frame)
{
    const struct cdb_json_node *object = node_at(frame, frame->object);

    if (frame->empty && frame->passed == 0)
        add_span(merge, frame->json, object->start + 1, object->end - 1);
    else if (!frame->empty && frame->passed != 0)
        add_tail(merge, frame, frame->passed);
    cdb_buf_addc(merge->out, '}');
    merge->depth--;
}

static void step(struct merge *merge)
{
    struct frame *frame = &merge->frames[merge->depth - 1];
    uint32_t name;

    if (frame->member < node_at(frame, frame->object)->next) {
        name = frame->member;
        frame->member = node_at(frame, name + 1)->next;
        frame->passed = name;
        if (frame->patch == NONE)
            strip_member(merge, frame, name);
        else
            merge_member(merge, frame, name);
    } else if (frame->patch != NONE && frame->addition < merge->patch.nodes[frame->patch].next) {
        name = frame->addition;
        frame->addition = merge->patch.nodes[name + 1].next;
        add_member(merge, frame, name);
    } else {
        close_frame(merge, frame);
    }
}

/* The nesting needs no check: what the patch puts at some depth is at that depth in the patch, too. */
static int run(struct merge *merge, size_t target_len)
{
    const struct cdb_json_node *root = &merge->target.nodes[0];

    add_span(merge, &merge->target, 0, root->start);
    put_value(merge, 0, 0);
    while (merge->depth > 0 && !merge->out->failed && merge->out->len <= merge->limit)
        step(merge);
    cdb_buf_add(merge->out, merge->target.text + root->end, target_len - root->end);
    if (merge->out->failed)
        return cdb_buf_check(merge->out);
    if (merge->out->len > merge->limit)
        return cdb_error(CHRONDB_EINVALID, "invalid_json",
                         "too large: the patched document would have more than %zu bytes", CHRONDB_MAX_DOCUMENT);
    return CHRONDB_OK;
}

int cdb_json_merge_patch(struct cdb_buf *out, const char *target, size_t target_len, const char *patch,
                         size_t patch_len)
{
    struct merge merge = {
        .target = CDB_JSON_INIT, .patch = CDB_JSON_INIT, .names = CDB_NAMES_INIT, .out = out, .frames = NULL};
    size_t before = out->len;
    int result;

    result = cdb_json_parse(&merge.patch, patch, patch_len);
    if (result != CHRONDB_OK) {
        cdb_error_context("merge patch");
        goto out;
    }
    result = cdb_json_parse(&merge.target, target, target_len);
    if (result != CHRONDB_OK) {
        cdb_error_context("document to patch");
        goto out;
    }
    result = cdb_names_build(&merge.names, &merge.patch);
    if (result != CHRONDB_OK)
        goto out;
    merge.frames = reallocarray(NULL, CHRONDB_MAX_DEPTH, sizeof(*merge.frames));
    if (merge.frames == NULL) {
        result = cdb_error_memory();
        goto out;
    }
    merge.limit = before + CHRONDB_MAX_DOCUMENT;
    result = run(&merge, target_len);
    if (result != CHRONDB_OK && !out->failed) {
        out->len = before;
        out->ptr[before] = '\0';
    }
out:
    free(merge.frames);
    cdb_names_release(&merge.names);
    cdb_json_release(&merge.target);
    cdb_json_release(&merge.patch);
    return result;
}
