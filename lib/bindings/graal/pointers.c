/* SPDX-License-Identifier: MIT */
#include "bindings/graal/pointers.h"

#include <stdint.h>
#include <stdlib.h>

static size_t size_of(const struct pointers *set)
{
    return set->buckets != NULL ? set->size : POINTERS_FIRST;
}

static size_t bucket_of(const void *address, size_t size)
{
    uint64_t mixed = (uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing */
    return (size_t)(mixed >> 32) & (size - 1);
}

static struct pointer *const *bucket_at(const struct pointers *set, const void *address)
{
    struct pointer *const *buckets = set->buckets != NULL ? set->buckets : set->first;
    return &buckets[bucket_of(address, size_of(set))];
}

/* Also from or to the first buckets. */
static void move(struct pointer **from, size_t from_size, struct pointer **to, size_t to_size)
{
    for (size_t i = 0; i < from_size; i++) {
        while (from[i] != NULL) {
            struct pointer *pointer = from[i];
            size_t bucket = bucket_of(pointer->address, to_size);
            from[i] = pointer->next;
            pointer->next = to[bucket];
            to[bucket] = pointer;
        }
    }
}

static void grow(struct pointers *set)
{
    size_t size = size_of(set) * 4;
    struct pointer **buckets = calloc(size, sizeof(struct pointer *));
    if (buckets == NULL)
        return;
    move(set->buckets != NULL ? set->buckets : set->first, size_of(set), buckets, size);
    free(set->buckets);
    set->buckets = buckets;
    set->size = size;
}

void pointers_add(struct pointers *set, struct pointer *pointer, const void *address)
{
    if (set->count >= size_of(set))
        grow(set);
    struct pointer **bucket = (struct pointer **)bucket_at(set, address);
    pointer->address = address;
    pointer->next = *bucket;
    *bucket = pointer;
    set->count++;
}

void pointers_remove(struct pointers *set, struct pointer *pointer)
{
    struct pointer **link = (struct pointer **)bucket_at(set, pointer->address);
    while (*link != NULL && *link != pointer)
        link = &(*link)->next;
    if (*link == NULL)
        return;
    *link = pointer->next;
    if (--set->count == 0) { /* nothing is left behind where nothing is used */
        free(set->buckets);
        set->buckets = NULL;
    }
}

struct pointer *pointers_find(const struct pointers *set, const void *address)
{
    struct pointer *pointer = *bucket_at(set, address);
    while (pointer != NULL && pointer->address != address)
        pointer = pointer->next;
    return pointer;
}

void pointers_each(const struct pointers *set, void (*each)(struct pointer *pointer))
{
    struct pointer *const *buckets = set->buckets != NULL ? set->buckets : set->first;
    for (size_t i = 0; i < size_of(set); i++)
        for (struct pointer *pointer = buckets[i]; pointer != NULL; pointer = pointer->next)
            each(pointer);
}
