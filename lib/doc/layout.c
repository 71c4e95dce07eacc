/* SPDX-License-Identifier: MIT */
#include "doc/layout.h"

#include "doc/lexer.h"

static const struct cdb_json_node *node_at(const struct cdb_layout *layout, uint32_t index)
{
    return &layout->json->nodes[index];
}

static void add_span(struct cdb_layout *layout, uint32_t start, uint32_t end)
{
    cdb_buf_add(layout->out, layout->json->text + start, end - start);
}

/* ---- white space ------------------------------------------------------------------------------- */

static uint32_t lead_start(const struct cdb_layout *layout, uint32_t name)
{
    uint32_t start = node_at(layout, name)->start;

    while (cdb_json_is_space(layout->json->text[start - 1]))
        start--;
    return start;
}

static uint32_t tail_end(const struct cdb_layout *layout, uint32_t name)
{
    uint32_t end = node_at(layout, name + 1)->end;

    while (cdb_json_is_space(layout->json->text[end]))
        end++;
    return end;
}

static void add_lead(struct cdb_layout *layout, uint32_t name)
{
    add_span(layout, lead_start(layout, name), node_at(layout, name)->start);
}

static void add_tail(struct cdb_layout *layout, uint32_t name)
{
    add_span(layout, node_at(layout, name + 1)->end, tail_end(layout, name));
}

/* `{"a": 1}` is meant to become `{"a": 1, "b": 2}`, though no comma of its own shows it. */
static bool is_spaced_after_colon(const struct cdb_layout *layout, uint32_t name)
{
    const char *value = layout->json->text + node_at(layout, name + 1)->start;

    return value[-1] == ' ' && value[-2] == ':';
}

/* ---- members ----------------------------------------------------------------------------------- */

void cdb_layout_open(struct cdb_layout *layout, struct cdb_buf *out, const struct cdb_json *json, uint32_t object)
{
    *layout = (struct cdb_layout){.json = json, .out = out, .object = object, .member = object + 1, .empty = true};
    cdb_buf_addc(out, '{');
}

uint32_t cdb_layout_next(struct cdb_layout *layout)
{
    uint32_t name = layout->member;

    if (name >= node_at(layout, layout->object)->next)
        return 0;
    layout->member = node_at(layout, name + 1)->next;
    layout->passed = name;
    return name;
}

/* All that stands before a member of the object that is kept, up to its name. */
static void begin_member(struct cdb_layout *layout, uint32_t name)
{
    if (layout->empty) {
        add_lead(layout, layout->object + 1);
    } else {
        add_tail(layout, layout->written);
        cdb_buf_addc(layout->out, ',');
        add_lead(layout, name);
    }
    layout->empty = false;
    layout->written = name;
}

void cdb_layout_keep(struct cdb_layout *layout, uint32_t name)
{
    begin_member(layout, name);
    add_span(layout, node_at(layout, name)->start, node_at(layout, name + 1)->end);
}

void cdb_layout_change(struct cdb_layout *layout, uint32_t name)
{
    begin_member(layout, name);
    add_span(layout, node_at(layout, name)->start, node_at(layout, name + 1)->start);
}

void cdb_layout_add(struct cdb_layout *layout, const struct cdb_json *from, uint32_t name)
{
    const struct cdb_json_node *node = &from->nodes[name];
    uint32_t model = layout->passed;

    if (!layout->empty)
        cdb_buf_addc(layout->out, ',');
    if (model != 0)
        add_lead(layout, layout->empty ? layout->object + 1 : model);
    if (!layout->empty && model == layout->object + 1 && lead_start(layout, model) == node_at(layout, model)->start &&
        is_spaced_after_colon(layout, model))
        cdb_buf_addc(layout->out, ' ');
    cdb_buf_add(layout->out, from->text + node->start, node->end - node->start);
    if (model != 0)
        add_span(layout, node_at(layout, model)->end, node_at(layout, model + 1)->start);
    else
        cdb_buf_addc(layout->out, ':');
    layout->empty = false;
}

void cdb_layout_close(struct cdb_layout *layout)
{
    const struct cdb_json_node *object = node_at(layout, layout->object);

    if (layout->empty && layout->passed == 0)
        add_span(layout, object->start + 1, object->end - 1);
    else if (!layout->empty && layout->passed != 0)
        add_tail(layout, layout->passed);
    cdb_buf_addc(layout->out, '}');
}
