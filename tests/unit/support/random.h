/* SPDX-License-Identifier: MIT
 *
 * Random numbers that are the same on every machine. */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rounds.h"

struct random {
    uint64_t state;
};

/* $CHRONDB_TEST_SEED, or else `seed`; told, so that a failure can be seen again. */
static inline struct random random_seed(uint64_t seed)
{
    const char *given = getenv("CHRONDB_TEST_SEED");
    struct random random = {given != NULL && *given != '\0' ? strtoull(given, NULL, 10) : seed};

    printf("seed %llu\n", (unsigned long long)random.state);
    random.state = random.state * UINT64_C(2) + 1; /* never 0 */
    return random;
}

/* xorshift64* */
static inline uint64_t random_bits(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}

/* 0 .. limit - 1 */
static inline size_t random_below(struct random *random, size_t limit)
{
    return (size_t)(random_bits(random) >> 16) % limit;
}

static inline bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

#endif
