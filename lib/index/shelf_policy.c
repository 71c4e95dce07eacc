/* SPDX-License-Identifier: MIT */
#include "index/shelf.h"

#define FACTOR     4
#define DEAD_SHARE 6 /* one of so many documents may have an end */
#define SMALLEST   3 /* the tier that all smaller segments are in: no need to tell them apart */

static bool is_current(const struct cdb_shelf_segment *segment)
{
    return segment->dead < segment->docs;
}

/* Documents and bytes both count, in thousands of bytes. */
static unsigned tier_of(const struct cdb_shelf_segment *segment)
{
    uint64_t weight = segment->bytes / 1024 + segment->docs / 4;
    unsigned tier = 0;

    for (; weight >= FACTOR; weight /= FACTOR)
        tier++;
    return tier < SMALLEST ? SMALLEST : tier;
}

static bool is_worn(const struct cdb_shelf_segment *segment)
{
    return is_current(segment) && segment->dead > segment->docs / DEAD_SHARE;
}

/* All of a kind up to a tier. */
static size_t choose(const struct cdb_shelf_segment *segments, size_t count, bool current, unsigned highest,
                     size_t *chosen)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (is_current(&segments[i]) == current && tier_of(&segments[i]) <= highest)
            chosen[n++] = i;
    return n;
}

/* The highest tier that is to be merged: it is full, together with what is below; or one in it is worn. 0: none. */
static unsigned find_tier(const struct cdb_shelf_segment *segments, size_t count, bool current)
{
    size_t in_tier[64] = {0}, below = 0;
    unsigned found = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned tier = tier_of(&segments[i]);

        if (is_current(&segments[i]) != current)
            continue;
        in_tier[tier]++;
        if (is_worn(&segments[i]) && tier > found)
            found = tier;
    }
    for (unsigned tier = 0; tier < 64; tier++) {
        /* What a merge of the tiers below would make counts as one. */
        if (in_tier[tier] + (below > 0 && found != 0 && found < tier) >= FACTOR && tier > found)
            found = tier;
        below += in_tier[tier];
    }
    return found;
}

static size_t plan_all(const struct cdb_shelf_segment *segments, size_t count, size_t *chosen)
{
    size_t currents = 0, historicals = 0;
    bool worn = false;

    for (size_t i = 0; i < count; i++) {
        currents += is_current(&segments[i]);
        historicals += !is_current(&segments[i]);
        worn = worn || (is_current(&segments[i]) && segments[i].dead > 0);
    }
    if (worn) {
        for (size_t i = 0; i < count; i++)
            chosen[i] = i;
        return count;
    }
    if (currents > 1)
        return choose(segments, count, true, UINT32_MAX, chosen);
    return historicals > 1 ? choose(segments, count, false, UINT32_MAX, chosen) : 0;
}

size_t cdb_shelf_plan(const struct cdb_shelf_segment *segments, size_t count, bool all, size_t *chosen)
{
    if (all)
        return plan_all(segments, count, chosen);
    for (int kind = 0; kind < 2; kind++) {
        unsigned tier = find_tier(segments, count, kind == 0);
        if (tier > 0)
            return choose(segments, count, kind == 0, tier, chosen);
    }
    return 0;
}
