/* A set of pointers that were given out, so that those that come back can be known without looking at what they point
 * to. Not safe for threads by itself. */
#ifndef GRAAL_POINTERS_H
#define GRAAL_POINTERS_H

#include <stddef.h>

/* Part of what is pointed to, or of its owner. */
struct pointer {
    const void *address;
    struct pointer *next; /* in its bucket */
};

#define POINTERS_FIRST 64

/* All zeros is an empty set. */
struct pointers {
    struct pointer *first[POINTERS_FIRST]; /* the buckets, as long as there are few pointers */
    struct pointer **buckets;              /* NULL: the first */
    size_t size;                           /* of `buckets`; a power of 2 */
    size_t count;
};

/* Never fails: without memory it only becomes slower. */
void pointers_add(struct pointers *set, struct pointer *pointer, const void *address);
void pointers_remove(struct pointers *set, struct pointer *pointer);
void pointers_each(const struct pointers *set, void (*each)(struct pointer *pointer));
/* NULL: it is not in the set. */
struct pointer *pointers_find(const struct pointers *set, const void *address);

#endif
