/* SPDX-License-Identifier: MIT */
#include "store/members.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/error.h"

#define HEIGHT_MAX 255u

int cdb_members_add(struct cdb_members *items, const struct cdb_member *item)
{
    if (items->count >= CDB_NO_MEMBER - 1)
        return cdb_error(CHRONDB_ESYSTEM, "internal", "too many objects for one pack");
    int result = cdb_array_grow(&items->list, &items->room, items->count, sizeof(*items->list));
    if (result == 0)
        items->list[items->count++] = *item;
    return result;
}

static int by_oid(const void *left, const void *right)
{
    const struct cdb_member *a = left, *b = right;
    int order = memcmp(a->oid.id, b->oid.id, CDB_OID_SIZE);
    if (order != 0)
        return order;
    int whole_a = (a->flags & CDB_MEMBER_DELTA) == 0, whole_b = (b->flags & CDB_MEMBER_DELTA) == 0;
    if (whole_a != whole_b)
        return whole_a - whole_b;
    return (a->source > b->source) - (a->source < b->source);
}

void cdb_members_sort(struct cdb_members *items)
{
    size_t kept = 0;
    if (items->count > 1)
        qsort(items->list, items->count, sizeof(*items->list), by_oid);
    for (size_t i = 0; i < items->count; i++) {
        if (kept > 0 && cdb_oid_equal(&items->list[kept - 1].oid, &items->list[i].oid))
            items->list[kept - 1].flags |= CDB_MEMBER_TWICE;
        else
            items->list[kept++] = items->list[i];
    }
    items->count = kept;
}

uint32_t cdb_members_find(const struct cdb_members *items, const struct cdb_oid *oid)
{
    size_t low = 0, high = items->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(items->list[middle].oid.id, oid->id, CDB_OID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < items->count && cdb_oid_equal(&items->list[low].oid, oid) ? (uint32_t)low : CDB_NO_MEMBER;
}

/* From `item` down to what is whole: nothing on the way is lower than what stands on it. Ends also in a circle, which
 * hostile packs may have: the heights do not get beyond their maximum. */
static void raise_bases(struct cdb_members *items, uint32_t item)
{
    struct cdb_member *list = items->list;
    for (uint32_t base = list[item].base; base != CDB_NO_MEMBER; item = base, base = list[item].base) {
        if (list[base].height > list[item].height || list[base].height == HEIGHT_MAX)
            break;
        list[base].height = (uint8_t)(list[item].height + 1u < HEIGHT_MAX ? list[item].height + 1u : HEIGHT_MAX);
    }
}

void cdb_members_measure(struct cdb_members *items)
{
    for (size_t i = 0; i < items->count; i++)
        if (items->list[i].base != CDB_NO_MEMBER)
            raise_bases(items, (uint32_t)i);
}

bool cdb_members_link(struct cdb_members *items, uint32_t item, uint32_t base, unsigned limit)
{
    struct cdb_member *list = items->list;
    if (item == base || list[item].base != CDB_NO_MEMBER || list[item].type != list[base].type)
        return false;
    unsigned length = list[item].height + 1u;
    for (uint32_t below = base; list[below].base != CDB_NO_MEMBER; below = list[below].base)
        if (++length > limit || list[below].base == item)
            return false;
    if (length > limit)
        return false;
    list[item].base = base;
    raise_bases(items, item);
    return true;
}

void cdb_members_release(struct cdb_members *items)
{
    free(items->list);
    *items = (struct cdb_members){NULL, 0, 0};
}
