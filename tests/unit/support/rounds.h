/* SPDX-License-Identifier: MIT
 *
 * How long a test goes on with random cases. */
#ifndef TESTS_ROUNDS_H
#define TESTS_ROUNDS_H

#include <stddef.h>
#include <stdlib.h>

/* How many rounds a test of random cases has: $CHRONDB_TEST_ROUNDS; or `longer` if CHRONDB_TEST_LONG is set, for when
 * there is time; or else `usual`, and a quarter of that under a sanitizer, where each takes five times as long. */
static inline size_t random_rounds(size_t usual, size_t longer)
{
    const char *given = getenv("CHRONDB_TEST_ROUNDS"), *wanted = getenv("CHRONDB_TEST_LONG");

    if (given != NULL && *given != '\0')
        return (size_t)strtoull(given, NULL, 10);
    if (wanted != NULL && *wanted != '\0')
        return longer;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    usual = (usual + 3) / 4;
#endif
    return usual;
}

#endif
