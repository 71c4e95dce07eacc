/* SPDX-License-Identifier: MIT */
#include "index/shelf_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "util/array.h"
#include "util/error.h"

static void part_release(struct cdb_shelf_part *part)
{
    cdb_ft_segment_close(part->segment);
    cdb_ends_close(part->ends);
    *part = (struct cdb_shelf_part){.segment = NULL};
}

void cdb_shelf_view_close(struct cdb_shelf_view *view)
{
    if (view == NULL)
        return;
    for (size_t i = 0; view->parts != NULL && i < view->count; i++)
        part_release(&view->parts[i]);
    free(view->parts);
    cdb_shelf_release(&view->shelf);
    free(view);
}

int cdb_shelf_view_new(struct cdb_shelf_view **out, const char *ref, const char *language, uint32_t analysis)
{
    struct cdb_shelf_view *view = calloc(1, sizeof(*view));

    if (view == NULL || (view->shelf.ref = strdup(ref)) == NULL) {
        free(view);
        return cdb_error_memory();
    }
    snprintf(view->shelf.language, sizeof(view->shelf.language), "%s", language);
    view->shelf.analysis = analysis;
    *out = view;
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------------ */

uint32_t cdb_shelf_part_dead(const struct cdb_shelf_part *part)
{
    return part->ends != NULL ? part->ends->dead : part->named.dead;
}

bool cdb_shelf_part_matters(const struct cdb_shelf_view *view, const struct cdb_shelf_part *part, uint64_t end)
{
    if (end >= view->shelf.end)
        return cdb_shelf_part_dead(part) < part->named.docs;
    return part->named.min_from < end && (part->named.dead < part->named.docs || part->named.max_end >= end);
}

/* Is the segment that was opened the one that the shelf means? */
static int check(const struct cdb_shelf_part *part)
{
    const struct cdb_ft_info *info = cdb_ft_info(part->segment);

    if (info->docs != part->named.docs || info->bytes != part->named.bytes || info->min_from != part->named.min_from ||
        info->max_from != part->named.max_from)
        return cdb_index_damaged("a segment of words is not the one that was named");
    if (part->named.ends != 0 && part->ends->dead != part->named.dead)
        return cdb_index_damaged("ends are not those that were named");
    return 0;
}

int cdb_shelf_view_load(struct cdb_shelf_view *view, int dir, size_t index)
{
    struct cdb_shelf_part *part = &view->parts[index];
    int result;

    if (part->segment != NULL)
        return 0;
    result = cdb_ft_segment_open(&part->segment, dir, part->named.name);
    if (result == 0 && part->named.ends != 0 && part->ends == NULL)
        result = cdb_ends_open(&part->ends, dir, part->named.ends, part->named.docs);
    if (result == 0)
        result = check(part);
    if (result != 0) {
        cdb_ft_segment_close(part->segment);
        part->segment = NULL;
    }
    return result;
}

int cdb_shelf_view_open(struct cdb_shelf_view **out, int dir, struct cdb_shelf *shelf, uint64_t end)
{
    struct cdb_shelf_view *view = calloc(1, sizeof(*view));
    int result = 0;

    if (view == NULL) {
        cdb_shelf_release(shelf);
        return cdb_error_memory();
    }
    view->shelf = *shelf;
    *shelf = (struct cdb_shelf){.ref = NULL};
    view->room = view->shelf.segment_count + 1;
    view->parts = calloc(view->room, sizeof(*view->parts));
    if (view->parts == NULL)
        result = cdb_error_memory();
    for (size_t i = 0; result == 0 && i < view->shelf.segment_count; i++) {
        view->parts[view->count++].named = view->shelf.segments[i];
        if (cdb_shelf_part_matters(view, &view->parts[i], end))
            result = cdb_shelf_view_load(view, dir, i);
    }
    if (result == 0)
        *out = view;
    else
        cdb_shelf_view_close(view);
    return result;
}

/* ---- changing ----------------------------------------------------------------------------------- */

static int need_ends(struct cdb_shelf_part *part)
{
    part->changed = true;
    return part->ends != NULL ? 0 : cdb_ends_new(&part->ends, part->named.docs);
}

static int find_from(void *context, uint32_t doc, uint32_t *position)
{
    return cdb_ft_from(context, doc, position);
}

int cdb_shelf_view_cut(struct cdb_shelf_view *view, int dir, uint64_t end)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < view->count; i++) {
        struct cdb_shelf_part *part = &view->parts[i];

        if (part->named.max_from < end && (part->named.dead == 0 || part->named.max_end < end))
            continue;
        result = cdb_shelf_view_load(view, dir, i);
        if (result == 0)
            result = need_ends(part);
        if (result == 0)
            result = cdb_ends_cut(part->ends, (uint32_t)end, find_from, part->segment);
    }
    if (result == 0)
        view->shelf.end = end;
    return result;
}

/* The newest document of the key, if it has no end: 0, or 1. */
static int find_alive(const struct cdb_shelf_part *part, const char *key, size_t len, uint32_t *doc)
{
    uint32_t first, last;
    int result = cdb_ft_find_key(part->segment, key, len, &first, &last);

    if (result != 0)
        return result;
    while (last > first) {
        *doc = --last;
        if (part->ends == NULL || !cdb_ends_has(part->ends, *doc))
            return 0;
    }
    return 1;
}

int cdb_shelf_view_kill(struct cdb_shelf_view *view, const char *key, size_t len, uint32_t until)
{
    int result = 1;

    for (size_t i = 0; result == 1 && i < view->count; i++) {
        struct cdb_shelf_part *part = &view->parts[i];
        uint32_t doc;

        if (part->segment == NULL || cdb_shelf_part_dead(part) == part->named.docs)
            continue;
        result = find_alive(part, key, len, &doc);
        if (result == 0)
            result = need_ends(part);
        if (result == 0)
            return cdb_ends_set(part->ends, doc, until);
    }
    return result == 1 ? 0 : result;
}

int cdb_shelf_view_add(struct cdb_shelf_view *view, const struct cdb_shelf_segment *named, struct cdb_ends *ends)
{
    int result = cdb_array_grow((void *)&view->parts, &view->room, view->count, sizeof(*view->parts));

    if (result != 0) {
        cdb_ends_close(ends);
        return result;
    }
    view->parts[view->count++] = (struct cdb_shelf_part){.named = *named, .ends = ends, .changed = ends != NULL};
    return 0;
}

/* ---- publishing --------------------------------------------------------------------------------- */

static int write_ends(struct cdb_shelf_part *part, int dir)
{
    struct cdb_shelf_segment *named = &part->named;
    int result;

    if (!part->changed)
        return 0;
    named->ends = named->ends_bytes = 0;
    named->dead = part->ends->dead;
    result = cdb_ends_span(part->ends, &named->min_end, &named->max_end);
    if (result == 0 && named->dead > 0)
        result = cdb_ends_write(part->ends, dir, &named->ends, &named->ends_bytes);
    if (result == 0)
        part->changed = false;
    return result;
}

int cdb_shelf_view_publish(struct cdb_shelf_view *view, int dir, uint64_t end, const struct cdb_shelf_mark *marks,
                           size_t mark_count)
{
    struct cdb_shelf shelf = view->shelf;
    int result = 0;

    shelf.end = end;
    shelf.marks = (struct cdb_shelf_mark *)(uintptr_t)marks;
    shelf.mark_count = mark_count;
    shelf.segment_count = view->count;
    shelf.segments = calloc(view->count + 1, sizeof(*shelf.segments));
    if (shelf.segments == NULL)
        return cdb_error_memory();
    for (size_t i = 0; result == 0 && i < view->count; i++) {
        result = write_ends(&view->parts[i], dir);
        shelf.segments[i] = view->parts[i].named;
    }
    if (result == 0)
        result = cdb_shelf_write(dir, &shelf);
    if (result == 0)
        view->shelf.end = end;
    free(shelf.segments);
    return result;
}
