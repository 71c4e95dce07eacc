/* SPDX-License-Identifier: MIT
 *
 * What a database should say: every commit with all documents in plain memory, and comparisons with the real one. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "random.h"

#define MODEL_KEYS_MAX 700

/* A value's number; 0: not there. */
typedef uint32_t value_id;

struct model_commit {
    char id[CHRONDB_HEX_SIZE + 1];
    chrondb_time time;
    char *message, *author;
    char *meta; /* "key=value", or NULL */
    value_id *state;
};

struct model {
    char **keys; /* sorted */
    size_t key_count;
    char **values; /* texts by their numbers */
    size_t value_count, value_room;
    struct model_commit *commits;
    size_t commit_count, commit_room;
};

/* `keys` are copied, sorted, and made unique. */
void model_init(struct model *model, const char *const *keys, size_t count);
void model_release(struct model *model);

/* The number of a text; of the same text always the same. */
value_id model_value(struct model *model, const char *text, size_t len);
/* The newest state, or nothing at all. */
const value_id *model_head(const struct model *model);
/* A commit with that state, a copy. */
void model_commit(struct model *model, const char *id, chrondb_time time, const char *message, const char *author,
                  const char *meta, const value_id *state);
/* The last commit that changed a key, or NULL. */
const struct model_commit *model_last_change(const struct model *model, size_t key);
/* How many commits there are at or before a moment. */
size_t model_at(const struct model *model, chrondb_time time);

/* Compare a snapshot that shows the first `commits` commits with the model, in every way there is: gets, lists of
 * random ranges, counts, tables, histories, the log. */
void model_check(const struct model *model, struct random *random, chrondb_snapshot *snapshot, size_t commits);
/* The difference of two moments. */
void model_check_diff(const struct model *model, struct random *random, chrondb_snapshot *from, size_t from_commits,
                      chrondb_snapshot *to, size_t to_commits);
/* Every document of the snapshot, and nothing else. */
void model_check_all(const struct model *model, chrondb_snapshot *snapshot, size_t commits);

#endif
