/* SPDX-License-Identifier: MIT */
/* RFC 7396, on texts. The result is written in one walk along the target's and the patch's objects together; each pair
 * of objects in work is a frame. */
#include <stdbool.h>
#include <stdlib.h>

#include "chrondb.h"
#include "doc/json.h"
#include "doc/layout.h"
#include "doc/names.h"
#include "util/error.h"

#define NONE UINT32_MAX

/* An object that is being written. Its layout says whose text is kept: the target's, with the patch object applied, or
 * the patch's own where the target has none: then only its nulls are left out (`patch` is NONE). */
struct frame {
    struct cdb_layout layout;
    uint32_t patch;
    uint32_t addition; /* the next member of the patch that the target may lack */
};

struct merge {
    struct cdb_json target, patch;
    struct cdb_names names; /* of the patch; a member's mate is the target's last member of that name */
    struct cdb_buf *out;
    size_t limit; /* what out->len must not exceed */
    struct frame *frames;
    unsigned depth;
};

static void add_span(struct merge *merge, const struct cdb_json *json, uint32_t start, uint32_t end)
{
    cdb_buf_add(merge->out, json->text + start, end - start);
}

static void open_frame(struct merge *merge, const struct cdb_json *json, uint32_t object, uint32_t patch)
{
    struct frame *frame = &merge->frames[merge->depth++];

    *frame = (struct frame){.patch = patch};
    cdb_layout_open(&frame->layout, merge->out, json, object);
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

static void change_member(struct merge *merge, struct frame *frame, uint32_t name, uint32_t value, uint32_t change)
{
    cdb_layout_change(&frame->layout, name);
    put_value(merge, value, change);
}

static void merge_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    uint32_t change = cdb_names_find(&merge->names, frame->patch, frame->layout.json, name);

    if (change != 0 && merge->patch.nodes[change + 1].type == CDB_JSON_NULL)
        return; /* removed, as are the duplicates that do not count */
    if (change != 0 && cdb_names_mate(&merge->names, change) == name)
        change_member(merge, frame, name, name + 1, change + 1);
    else
        cdb_layout_keep(&frame->layout, name);
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

/* A member that the target's object lacks. */
static void add_member(struct merge *merge, struct frame *frame, uint32_t name)
{
    if (!is_set(merge, name) || cdb_names_mate(&merge->names, name) != 0)
        return;
    cdb_layout_add(&frame->layout, &merge->patch, name);
    put_value(merge, NONE, name + 1);
}

static void step(struct merge *merge)
{
    struct frame *frame = &merge->frames[merge->depth - 1];
    uint32_t name = cdb_layout_next(&frame->layout);

    if (name != 0) {
        if (frame->patch == NONE)
            strip_member(merge, frame, name);
        else
            merge_member(merge, frame, name);
    } else if (frame->patch != NONE && frame->addition < merge->patch.nodes[frame->patch].next) {
        name = frame->addition;
        frame->addition = merge->patch.nodes[name + 1].next;
        add_member(merge, frame, name);
    } else {
        cdb_layout_close(&frame->layout);
        merge->depth--;
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
