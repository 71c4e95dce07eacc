/* SPDX-License-Identifier: MIT */
#include "util/array.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/error.h"

#define FIRST_ROOM 16

int cdb_array_grow(void *list, size_t *room, size_t count, size_t item_size)
{
    void *items;
    if (count < *room)
        return 0;
    size_t wanted = *room == 0 ? FIRST_ROOM : *room * 2;
    memcpy(&items, list, sizeof(items)); /* whatever the items are, their pointer is one */
    void *grown = wanted <= *room || wanted > SIZE_MAX / item_size ? NULL : realloc(items, wanted * item_size);
    if (grown == NULL)
        return cdb_error_memory();
    memcpy(list, &grown, sizeof(grown));
    *room = wanted;
    return 0;
}

int cdb_bytes_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

uint64_t cdb_bytes_hash(const char *text, size_t len)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash;
}

int64_t cdb_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
