/* SPDX-License-Identifier: MIT
 *
 * What the fuzzers share. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chrondb.h"

/* Not assert(): release builds are run over the corpus too. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition,                            \
                    chrondb_last_error()->message);                                                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Check a copy of the input, in memory of exactly its size, as it is; then once more after `sign` has made its
 * checksums right, so that what lies behind them is reached. */
static inline void fuzz_signed(const uint8_t *data, size_t size, void (*check)(const unsigned char *bytes, size_t size),
                               void (*sign)(unsigned char *bytes, size_t size))
{
    unsigned char *bytes = calloc(size > 0 ? size : 1, 1);
    CHECK(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    check(bytes, size);
    sign(bytes, size);
    check(bytes, size);
    free(bytes);
}

#endif
