/* SPDX-License-Identifier: MIT */
#include "index/catalog.h"

#define FACTOR 4

/* Commits and bytes both count: the segments of single commits are small files of one size, however many they merge. */
static unsigned tier_of(const struct cdb_catalog_size *size)
{
    uint64_t weight = size->bytes / 1024;
    unsigned tier = 0;

    weight = weight > UINT64_MAX - size->commits ? UINT64_MAX : weight + size->commits;
    for (; weight >= FACTOR; weight /= FACTOR)
        tier++;
    return tier;
}

/* A segment counts as large as the largest one that is newer: tiers fall from the oldest to the newest then, and where
 * no tier has as many as FACTOR there are at most FACTOR - 1 for each. The newest tier that is full is merged first. */
size_t cdb_catalog_merge_plan(const struct cdb_catalog_size *segments, size_t count, size_t *first)
{
    unsigned tier = 0;

    for (size_t end = count; end > 0;) {
        size_t start = end;

        for (; start > 0; start--) {
            unsigned own = tier_of(&segments[start - 1]);

            if (own > tier && start < end)
                break;
            tier = own > tier ? own : tier;
        }
        if (end - start >= FACTOR) {
            *first = start;
            return end - start;
        }
        end = start;
    }
    return 0;
}
