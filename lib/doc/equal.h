/* SPDX-License-Identifier: MIT
 *
 * Are two values the same? Objects are, whatever the order of their members; of duplicate names the last counts. */
#ifndef CDB_DOC_EQUAL_H
#define CDB_DOC_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doc/names.h"

/* When two numbers or two strings are the same. */
enum cdb_equality {
    CDB_EQUAL_TEXTS, /* by their texts: 1.0 is not 1, "\u0041" is not "A" */
    CDB_EQUAL_VALUES /* by what they mean; numbers exactly, however many digits they have */
};

/* The names are of whole trees, a and b are nodes of these. In time of the smaller value's size, or O(n log n) with
 * objects in it. */
bool cdb_json_equal(const struct cdb_names *a_names, uint32_t a, const struct cdb_names *b_names, uint32_t b,
                    enum cdb_equality equality);

/* For every node of the tree that is a value a number, the same for values that are the same (CDB_EQUAL_VALUES), hardly
 * ever for others. To be freed; NULL without memory, the error is set. */
uint64_t *cdb_json_hashes(const struct cdb_names *names);

/* Are two documents the same by CDB_EQUAL_VALUES? Texts that are not JSON are the same byte for byte only. 0, or
 * CHRONDB_ESYSTEM. */
int cdb_json_same(const char *a, size_t a_len, const char *b, size_t b_len, bool *same);

#endif
