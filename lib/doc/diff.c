/* SPDX-License-Identifier: MIT */
/* The merge patch between two documents: the reverse of patch.c. Both trees are walked together along their objects;
 * whatever is no object on both sides is compared as a whole. */
#include <stdbool.h>
#include <stdlib.h>

#include "chrondb.h"
#include "doc/equal.h"
#include "doc/json.h"
#include "doc/names.h"
#include "util/error.h"

#define NONE        UINT32_MAX
#define CANNOT_SAY  1 /* no merge patch can: it would have to set a null */
#define IN_PROGRESS 2

/* An object of the patch that is being written. */
struct frame {
    uint32_t from; /* NONE: all of `to` is new */
    uint32_t to;
    uint32_t member;  /* of `to`, to look at next */
    uint32_t removal; /* of `from`, to look at next after those */
    size_t mark;      /* where the output goes back to if nothing differs */
    bool empty;
};

struct diff {
    struct cdb_json from, to;
    struct cdb_names from_names, to_names; /* mates: of members of `from`, those of `to` */
    struct cdb_buf *out;
    size_t limit; /* what out->len must not exceed */
    struct frame *frames;
    unsigned depth;
};

/* ---- writing ----------------------------------------------------------------------------------- */

static void add_name(struct diff *diff, struct frame *frame, const struct cdb_json *json, uint32_t name)
{
    const struct cdb_json_node *node = &json->nodes[name];

    if (!frame->empty)
        cdb_buf_addc(diff->out, ',');
    cdb_buf_add(diff->out, json->text + node->start, node->end - node->start);
    cdb_buf_addc(diff->out, ':');
}

static void add_value(struct diff *diff, uint32_t value)
{
    const struct cdb_json_node *node = &diff->to.nodes[value];

    cdb_json_format(diff->out, diff->to.text + node->start, node->end - node->start, 0);
}

static void open_frame(struct diff *diff, uint32_t from, uint32_t to, size_t mark)
{
    diff->frames[diff->depth++] = (struct frame){
        .from = from, .to = to, .member = to + 1, .removal = from == NONE ? 0 : from + 1, .mark = mark, .empty = true};
    cdb_buf_addc(diff->out, '{');
}

static int set_member(struct diff *diff, struct frame *frame, uint32_t name)
{
    const struct cdb_json_node *value = &diff->to.nodes[name + 1];
    size_t mark = diff->out->len;

    if (value->type == CDB_JSON_NULL)
        return CANNOT_SAY;
    add_name(diff, frame, &diff->to, name);
    frame->empty = false;
    if (value->type == CDB_JSON_OBJECT)
        open_frame(diff, NONE, name + 1, mark);
    else
        add_value(diff, name + 1);
    return IN_PROGRESS;
}

static int diff_member(struct diff *diff, struct frame *frame, uint32_t name)
{
    uint32_t old = 0;
    size_t mark = diff->out->len;

    if (cdb_names_is_shadowed(&diff->to_names, name))
        return IN_PROGRESS;
    if (frame->from != NONE)
        old = cdb_names_find(&diff->from_names, frame->from, &diff->to, name);
    if (old == 0)
        return set_member(diff, frame, name);
    cdb_names_set_mate(&diff->from_names, old, name);
    if (diff->from.nodes[old + 1].type == CDB_JSON_OBJECT && diff->to.nodes[name + 1].type == CDB_JSON_OBJECT) {
        add_name(diff, frame, &diff->to, name);
        open_frame(diff, old + 1, name + 1, mark);
        return IN_PROGRESS;
    }
    bool equal = cdb_json_equal(&diff->from_names, old + 1, &diff->to_names, name + 1, CDB_EQUAL_TEXTS);
    return equal ? IN_PROGRESS : set_member(diff, frame, name);
}

static void diff_removal(struct diff *diff, struct frame *frame, uint32_t name)
{
    if (cdb_names_is_shadowed(&diff->from_names, name) || cdb_names_mate(&diff->from_names, name) != 0)
        return;
    add_name(diff, frame, &diff->from, name);
    cdb_buf_adds(diff->out, "null");
    frame->empty = false;
}

static int close_frame(struct diff *diff, struct frame *frame)
{
    diff->depth--;
    if (diff->depth > 0 && frame->empty && frame->from != NONE) {
        diff->out->len = frame->mark;
        return IN_PROGRESS;
    }
    cdb_buf_addc(diff->out, '}');
    if (diff->depth == 0)
        return CHRONDB_OK;
    diff->frames[diff->depth - 1].empty = false;
    return IN_PROGRESS;
}

static int step(struct diff *diff)
{
    struct frame *frame = &diff->frames[diff->depth - 1];
    uint32_t name;

    if (diff->out->failed)
        return cdb_buf_check(diff->out);
    if (diff->out->len > diff->limit)
        return CANNOT_SAY;
    if (frame->member < diff->to.nodes[frame->to].next) {
        name = frame->member;
        frame->member = diff->to.nodes[name + 1].next;
        return diff_member(diff, frame, name);
    }
    if (frame->from != NONE && frame->removal < diff->from.nodes[frame->from].next) {
        name = frame->removal;
        frame->removal = diff->from.nodes[name + 1].next;
        diff_removal(diff, frame, name);
        return IN_PROGRESS;
    }
    return close_frame(diff, frame);
}

static int run(struct diff *diff)
{
    int result = IN_PROGRESS;

    if (diff->to.nodes[0].type != CDB_JSON_OBJECT) {
        add_value(diff, 0);
        return cdb_buf_check(diff->out);
    }
    open_frame(diff, diff->from.nodes[0].type == CDB_JSON_OBJECT ? 0 : NONE, 0, diff->out->len);
    while (result == IN_PROGRESS)
        result = step(diff);
    if (result == CHRONDB_OK && diff->out->len > diff->limit)
        result = CANNOT_SAY;
    return result == CHRONDB_OK ? cdb_buf_check(diff->out) : result;
}

static int prepare(struct diff *diff, const char *from, size_t from_len, const char *to, size_t to_len)
{
    int result = cdb_json_parse(&diff->from, from, from_len);

    if (result == CHRONDB_OK)
        result = cdb_json_parse(&diff->to, to, to_len);
    if (result == CHRONDB_OK)
        result = cdb_names_build(&diff->from_names, &diff->from);
    if (result == CHRONDB_OK)
        result = cdb_names_build(&diff->to_names, &diff->to);
    if (result != CHRONDB_OK)
        return result;
    diff->frames = reallocarray(NULL, CHRONDB_MAX_DEPTH, sizeof(*diff->frames));
    return diff->frames != NULL ? CHRONDB_OK : cdb_error_memory();
}

int cdb_json_diff(struct cdb_buf *out, const char *from, size_t from_len, const char *to, size_t to_len)
{
    struct diff diff = {.from = CDB_JSON_INIT,
                        .to = CDB_JSON_INIT,
                        .from_names = CDB_NAMES_INIT,
                        .to_names = CDB_NAMES_INIT,
                        .out = out};
    size_t before = out->len;
    int result = prepare(&diff, from, from_len, to, to_len);

    if (result == CHRONDB_OK) {
        diff.limit = before + CHRONDB_MAX_DOCUMENT;
        result = run(&diff);
        if (result != CHRONDB_OK && !out->failed) {
            out->len = before;
            out->ptr[before] = '\0';
        }
    }
    free(diff.frames);
    cdb_names_release(&diff.to_names);
    cdb_names_release(&diff.from_names);
    cdb_json_release(&diff.to);
    cdb_json_release(&diff.from);
    return result;
}
