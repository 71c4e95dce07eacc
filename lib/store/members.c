/* SPDX-License-Identifier: MIT */
#include "store/members.h"

#include <endian.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/error.h"

#define HEIGHT_MAX 255u

int cdb_members_reserve(struct cdb_members *members, size_t more)
{
    if (more >= CDB_NO_MEMBER || members->room - members->count >= more)
        return more >= CDB_NO_MEMBER ? cdb_error_memory() : 0;
    struct cdb_member *list = realloc(members->list, (members->count + more) * sizeof(*list));
    if (list == NULL)
        return cdb_error_memory();
    members->list = list;
    members->room = members->count + more;
    return 0;
}

int cdb_members_add(struct cdb_members *members, const struct cdb_member *member)
{
    if (members->count >= CDB_NO_MEMBER - 1)
        return cdb_error(CHRONDB_ESYSTEM, "internal", "too many objects for one pack");
    int result = cdb_array_grow(&members->list, &members->room, members->count, sizeof(*members->list));
    if (result == 0)
        members->list[members->count++] = *member;
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

void cdb_members_sort(struct cdb_members *members)
{
    size_t kept = 0;
    if (members->count > 1)
        qsort(members->list, members->count, sizeof(*members->list), by_oid);
    for (size_t i = 0; i < members->count; i++) {
        if (kept > 0 && cdb_oid_equal(&members->list[kept - 1].oid, &members->list[i].oid))
            members->list[kept - 1].flags |= CDB_MEMBER_TWICE;
        else
            members->list[kept++] = members->list[i];
    }
    members->count = kept;
}

/* Most ids differ in their first eight bytes: the order of these as one number. */
static uint64_t first_bytes(const struct cdb_oid *oid)
{
    uint64_t value;
    memcpy(&value, oid->id, sizeof(value));
    return be64toh(value);
}

uint32_t cdb_members_find(const struct cdb_members *members, const struct cdb_oid *oid)
{
    size_t low = 0, high = members->count;
    uint64_t wanted = first_bytes(oid);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t found = first_bytes(&members->list[middle].oid);
        if (found < wanted || (found == wanted && memcmp(members->list[middle].oid.id, oid->id, CDB_OID_SIZE) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low < members->count && cdb_oid_equal(&members->list[low].oid, oid) ? (uint32_t)low : CDB_NO_MEMBER;
}

/* From `member` down to what is whole: nothing on the way is lower than what stands on it. Ends also in a circle, which
 * hostile packs may have: the heights do not get beyond their maximum. */
static void raise_bases(struct cdb_members *members, uint32_t member)
{
    struct cdb_member *list = members->list;
    for (uint32_t base = list[member].base; base != CDB_NO_MEMBER; member = base, base = list[member].base) {
        if (list[base].height > list[member].height || list[base].height == HEIGHT_MAX)
            break;
        list[base].height = (uint8_t)(list[member].height + 1u < HEIGHT_MAX ? list[member].height + 1u : HEIGHT_MAX);
    }
}

void cdb_members_measure(struct cdb_members *members)
{
    for (size_t i = 0; i < members->count; i++)
        if (members->list[i].base != CDB_NO_MEMBER)
            raise_bases(members, (uint32_t)i);
}

bool cdb_members_link(struct cdb_members *members, uint32_t member, uint32_t base, unsigned limit)
{
    struct cdb_member *list = members->list;
    if (member == base || list[member].base != CDB_NO_MEMBER || list[member].type != list[base].type)
        return false;
    unsigned length = list[member].height + 1u;
    for (uint32_t below = base; list[below].base != CDB_NO_MEMBER; below = list[below].base)
        if (++length > limit || list[below].base == member)
            return false;
    if (length > limit)
        return false;
    list[member].base = base;
    raise_bases(members, member);
    return true;
}

void cdb_members_release(struct cdb_members *members)
{
    free(members->list);
    *members = (struct cdb_members){NULL, 0, 0};
}
