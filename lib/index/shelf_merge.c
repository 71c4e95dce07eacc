/* SPDX-License-Identifier: MIT
 *
 * Parts of a shelf become one of the documents without an end, and one of those with. */
#include <stdlib.h>
#include <string.h>

#include "index/ft_merge.h"
#include "index/shelf_view.h"
#include "util/error.h"
#include "util/fault.h"

struct merging {
    struct cdb_shelf_view *view;
    int dir;
    const size_t *chosen;
    size_t count;
    int (*interrupted)(void *context);
    void *context;
    struct cdb_ft_source *sources; /* one for each that is chosen, as the following */
    uint64_t **keep;
    uint32_t **maps;
};

/* What comes of it: one without documents has no file. */
struct merged {
    struct cdb_shelf_segment named;
    struct cdb_ends *ends;
};

static struct cdb_shelf_part *part_of(const struct merging *merging, size_t i)
{
    return &merging->view->parts[merging->chosen[i]];
}

static size_t words_of(const struct cdb_shelf_part *part)
{
    return ((size_t)part->named.docs + 63) / 64;
}

/* ---- which documents ---------------------------------------------------------------------------- */

/* Those without an end; their number. */
static uint64_t keep_alive(uint64_t *keep, const struct cdb_shelf_part *part)
{
    for (size_t i = 0; i < words_of(part); i++)
        keep[i] = part->ends != NULL ? ~part->ends->bits[i] : UINT64_MAX;
    return part->named.docs - cdb_shelf_part_dead(part);
}

/* Call `each` for every document of a set. */
static int for_docs(const struct cdb_shelf_part *part, const uint64_t *set,
                    int (*each)(void *context, uint32_t doc, uint32_t until), void *context)
{
    int result = 0;

    for (size_t i = 0; i < words_of(part); i++)
        for (uint64_t bits = set[i]; result == 0 && bits != 0; bits &= bits - 1) {
            uint32_t until, doc = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(bits);

            result = cdb_ends_until(part->ends, doc, &until);
            if (result == 0)
                result = each(context, doc, until);
        }
    return result;
}

struct keeping {
    uint64_t *keep, count;
};

static int keep_one(void *context, uint32_t doc, uint32_t until)
{
    struct keeping *keeping = context;

    if (until > 0) {
        keeping->keep[doc / 64] |= UINT64_C(1) << doc % 64;
        keeping->count++;
    }
    return 0;
}

/* Those with an end, but for those that were never there on this branch. */
static int keep_dead(uint64_t *keep, const struct cdb_shelf_part *part, uint64_t *count)
{
    struct keeping keeping = {keep, 0};

    memset(keep, 0, words_of(part) * sizeof(*keep));
    if (part->ends == NULL)
        return 0;
    int result = for_docs(part, part->ends->bits, keep_one, &keeping);
    *count += keeping.count;
    return result;
}

/* ---- their ends --------------------------------------------------------------------------------- */

struct moving {
    const uint32_t *map;
    uint32_t *untils, count;
};

static int move_one(void *context, uint32_t doc, uint32_t until)
{
    struct moving *moving = context;
    uint32_t to = moving->map[doc];

    if (to < moving->count)
        moving->untils[to] = until;
    return 0;
}

/* The documents take their ends along. */
static int move_ends(const struct merging *merging, struct merged *out)
{
    struct moving moving = {.untils = calloc((size_t)out->named.docs + 1, sizeof(uint32_t)), .count = out->named.docs};
    int result = moving.untils == NULL ? cdb_error_memory() : cdb_ends_new(&out->ends, out->named.docs);

    for (size_t i = 0; result == 0 && i < merging->count; i++) {
        moving.map = merging->maps[i];
        if (part_of(merging, i)->ends != NULL)
            result = for_docs(part_of(merging, i), merging->keep[i], move_one, &moving);
    }
    for (uint32_t doc = 0; result == 0 && doc < out->named.docs; doc++)
        result = cdb_ends_set(out->ends, doc, moving.untils[doc]);
    free(moving.untils);
    return result;
}

/* ---- merging ------------------------------------------------------------------------------------ */

static int merge_half(struct merging *merging, bool dead, struct merged *out)
{
    struct cdb_ft_merged merged;
    uint64_t docs = 0;
    int result = 0;

    for (size_t i = 0; result == 0 && i < merging->count; i++) {
        const struct cdb_shelf_part *part = part_of(merging, i);

        if (dead)
            result = keep_dead(merging->keep[i], part, &docs);
        else
            docs += keep_alive(merging->keep[i], part);
        merging->sources[i] = (struct cdb_ft_source){part->segment, merging->keep[i]};
    }
    if (result != 0 || docs == 0)
        return result;
    result = cdb_ft_merge(merging->sources, merging->count, merging->dir, merging->interrupted, merging->context,
                          &merged, dead ? merging->maps : NULL);
    if (result != 0)
        return result;
    out->named = (struct cdb_shelf_segment){.name = merged.number,
                                            .bytes = merged.bytes,
                                            .docs = merged.docs,
                                            .min_from = merged.min_from,
                                            .max_from = merged.max_from,
                                            .min_end = CDB_ENDS_NONE};
    if (dead)
        result = move_ends(merging, out);
    for (size_t i = 0; dead && i < merging->count; i++) {
        free(merging->maps[i]);
        merging->maps[i] = NULL;
    }
    CDB_FAULT("search-merged");
    return result;
}

/* The new ones in the places of the old. */
static int replace(struct merging *merging, struct merged *halves)
{
    struct cdb_shelf_view *view = merging->view;
    size_t kept = 0, next = 0;
    int result = 0;

    for (size_t i = 0; i < view->count; i++) {
        if (next < merging->count && merging->chosen[next] == i) {
            cdb_ft_segment_close(view->parts[i].segment);
            cdb_ends_close(view->parts[i].ends);
            next++;
        } else {
            view->parts[kept++] = view->parts[i];
        }
    }
    view->count = kept;
    for (int half = 0; result == 0 && half < 2; half++) {
        if (halves[half].named.docs == 0)
            continue;
        result = cdb_shelf_view_add(view, &halves[half].named, halves[half].ends);
        halves[half].ends = NULL;
        if (result == 0)
            result = cdb_shelf_view_load(view, merging->dir, view->count - 1);
    }
    return result == 1 ? CHRONDB_EDAMAGED : result;
}

int cdb_shelf_view_merge(struct cdb_shelf_view *view, int dir, const size_t *chosen, size_t count,
                         int (*interrupted)(void *context), void *context)
{
    struct merging merging = {.view = view,
                              .dir = dir,
                              .chosen = chosen,
                              .count = count,
                              .interrupted = interrupted,
                              .context = context,
                              .sources = calloc(count + 1, sizeof(*merging.sources)),
                              .keep = calloc(count + 1, sizeof(*merging.keep)),
                              .maps = calloc(count + 1, sizeof(*merging.maps))};
    struct merged halves[2] = {{.ends = NULL}, {.ends = NULL}};
    int result = merging.sources == NULL || merging.keep == NULL || merging.maps == NULL ? cdb_error_memory() : 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        result = cdb_shelf_view_load(view, dir, chosen[i]);
        if (result == 0 && (merging.keep[i] = calloc(words_of(part_of(&merging, i)) + 1, sizeof(uint64_t))) == NULL)
            result = cdb_error_memory();
    }
    for (int half = 0; result == 0 && half < 2; half++)
        result = merge_half(&merging, half == 1, &halves[half]);
    if (result == 0)
        result = replace(&merging, halves);
    cdb_ends_close(halves[0].ends);
    cdb_ends_close(halves[1].ends);
    for (size_t i = 0; merging.keep != NULL && i < count; i++)
        free(merging.keep[i]);
    free(merging.keep);
    free(merging.maps);
    free(merging.sources);
    return result;
}

size_t cdb_shelf_view_plan(const struct cdb_shelf_view *view, bool all, size_t *chosen)
{
    struct cdb_shelf_segment *segments = calloc(view->count + 1, sizeof(*segments));
    size_t count = 0;

    if (segments == NULL)
        return 0;
    for (size_t i = 0; i < view->count; i++) {
        segments[i] = view->parts[i].named;
        segments[i].dead = cdb_shelf_part_dead(&view->parts[i]);
    }
    count = cdb_shelf_plan(segments, view->count, all, chosen);
    free(segments);
    return count;
}
