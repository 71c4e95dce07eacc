/* Commit objects: text in, text out; pure. Sources: git's gitformat (commit objects), git-interpret-trailers(1).
 *
 * The message ends with a block of trailers of ours:
 *     Chrondb-Time: 2026-11-21T07:44:00.123456789Z
 *     Chrondb-Meta: key=value
 */
#ifndef CDB_STORE_COMMIT_H
#define CDB_STORE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/buf.h"
#include "util/oid.h"

#define CDB_GIT_TIME_MAX (((int64_t)1 << 34) - 1) /* what git's commit-graph can hold */

/* A parsed commit: views into its content. */
struct cdb_commit {
    struct cdb_oid tree;
    const char *parents; /* their lines, for cdb_commit_parent */
    size_t parent_count; /* any number: what is pushed may be an octopus */
    const char *author;  /* "NAME <MAIL>"; NULL if it has none */
    size_t author_len;
    const char *committer; /* likewise */
    size_t committer_len;
    chrondb_time time;   /* its own: from a trailer that is believed, else the committer's second */
    bool ours;           /* the trailer was believed */
    const char *message; /* without our trailers and trailing blank lines */
    size_t message_len;
    const char *trailers; /* our block, or NULL */
    size_t trailers_len;
};

/* 0, or CHRONDB_EDAMAGED. `content` must outlive `out`. */
int cdb_commit_parse(struct cdb_commit *out, const char *content, size_t len);

/* The id of parent `index`, which is less than parent_count. */
struct cdb_oid cdb_commit_parent(const struct cdb_commit *commit, size_t index);

/* The next Chrondb-Meta value, decoded ("key=value") and appended to `out`. `at` starts as 0. False at the end. */
bool cdb_commit_meta(const struct cdb_commit *commit, size_t *at, struct cdb_buf *out);

struct cdb_commit_spec {
    struct cdb_oid tree;
    const struct cdb_oid *parents;
    size_t parent_count;
    const char *author, *committer; /* "NAME <MAIL>", clean */
    chrondb_time time;
    const char *message; /* NUL-terminated, any text */
    const char *const *meta;
    size_t meta_count;
};

/* Append the content of the commit object. */
void cdb_commit_encode(struct cdb_buf *out, const struct cdb_commit_spec *spec);

/* Append text with '%', DEL and control characters as %XX (and '=' too if `equals`). */
void cdb_commit_escape(struct cdb_buf *out, const char *text, size_t len, bool equals);

/* The second that goes into the committer's date. */
int64_t cdb_commit_git_time(chrondb_time time);

/* max(own, parent + 1 ns): the effective time of a child. */
chrondb_time cdb_time_effective(chrondb_time own, const chrondb_time *parent);

#endif
