/* SPDX-License-Identifier: MIT
 *
 * JSON values in plain memory, spelled in many ways, and what a three-way merge should make of them. */
#ifndef TESTS_MERGE_MODEL_H
#define TESTS_MERGE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "random.h"
#include "util/buf.h"

#define MERGE_NAMES 7 /* that members have */
#define MERGE_ITEMS 4 /* that arrays have at most */

enum merge_type { MERGE_SCALAR, MERGE_ARRAY, MERGE_OBJECT, MERGE_MARK };

/* Never changed once it is made, and shared. NULL is no value. */
struct merge_value {
    enum merge_type type;
    unsigned scalar;
    size_t count;                                     /* of an array */
    const struct merge_value *items[MERGE_NAMES + 1]; /* of an array; of an object by name, NULL: not there */
};

/* All values live as long as this; zero-initialise. */
struct merge_values {
    struct merge_value **list;
    size_t count, room;
};

void merge_values_release(struct merge_values *values);

const struct merge_value *merge_value_random(struct merge_values *values, struct random *random, unsigned depth);
/* The value with one thing in it changed, removed or added. */
const struct merge_value *merge_value_edit(struct merge_values *values, struct random *random,
                                           const struct merge_value *value);
bool merge_value_equal(const struct merge_value *a, const struct merge_value *b);
/* What a JSON pointer leads to, through objects; NULL: nothing. */
const struct merge_value *merge_value_find(const struct merge_value *value, const char *pointer);
/* Append one of its texts. */
void merge_value_spell(struct random *random, const struct merge_value *value, struct cdb_buf *out);
/* The value of a text that is made of such texts; fails the test if it is none. */
const struct merge_value *merge_value_read(struct merge_values *values, const char *text, size_t len);

/* What a conflict becomes. */
enum merge_choice { MERGE_TAKE_OURS, MERGE_TAKE_THEIRS, MERGE_TAKE_NONE };

/* A three-way merge; NULL: not there. `path` is where it is; each conflict's is appended to `conflicts` with `prefix`
 * in front and a newline behind, those of one object in the order of names. A base that is MERGE_MARK is like nothing.
 */
const struct merge_value *merge_model(struct merge_values *values, const struct merge_value *base,
                                      const struct merge_value *ours, const struct merge_value *theirs,
                                      enum merge_choice choice, const char *prefix, struct cdb_buf *path,
                                      struct cdb_buf *conflicts);

/* Sort the lines of a text. */
void merge_sort_lines(struct cdb_buf *lines);

#endif
