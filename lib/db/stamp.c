/* SPDX-License-Identifier: MIT */
#include "db/stamp.h"

#include <stdio.h>
#include <string.h>

#include "db/base.h"
#include "db/wait.h"
#include "db/when.h"
#include "store/commit.h"
#include "store/identity.h"
#include "store/key.h"
#include "util/error.h"
#include "util/time.h"

#define FAR_AHEAD_SECONDS 60

/* ---- time -------------------------------------------------------------------------------------- */

static int bad_time(const char *text, const char *why)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, text, strlen(text));
    int result = cdb_error(CHRONDB_EUSAGE, "invalid_time", "cannot write at time %s: %s", cdb_buf_str(&quoted), why);
    cdb_buf_release(&quoted);
    return result;
}

/* The time that the commit is to have, before the parent's is looked at. */
static int wanted_time(const struct cdb_stamp *stamp, chrondb_time now, chrondb_time *out)
{
    const char *text = stamp->options->time;
    struct cdb_when when;
    *out = now;
    if (text == NULL)
        return 0;
    cdb_when_parse(&when, text, strlen(text), now);
    if (when.kind == CDB_WHEN_HEAD)
        return 0;
    if (when.kind != CDB_WHEN_TIME)
        return bad_time(text, "it is no moment such as 2026-11-21T07:44:00Z, yesterday, '3 days ago' or @1700000000");
    if (cdb_time_compare(when.time, now) > 0 && !stamp->options->force_time)
        return bad_time(text, "it is in the future (--force writes it all the same)");
    *out = when.time;
    return 0;
}

/* Time does not run backwards along a branch. Whole seconds are compared: many writes may share the second that their
 * source knows, and each is a nanosecond after the one before. */
int cdb_stamp_time(const struct cdb_stamp *stamp, const chrondb_time *parent, chrondb_time *out)
{
    chrondb_time now = cdb_time_now(), wanted;
    int result = wanted_time(stamp, now, &wanted);
    if (result != 0)
        return result;
    if (parent != NULL && stamp->options->time != NULL && wanted.seconds < parent->seconds &&
        !stamp->options->force_time) {
        char last[CHRONDB_TIME_SIZE], text[128];
        chrondb_time_format(*parent, last);
        snprintf(text, sizeof(text), "the branch's last commit is of %s (--force writes behind it)", last);
        return bad_time(stamp->options->time, text);
    }
    if (parent != NULL && parent->seconds > now.seconds + FAR_AHEAD_SECONDS) {
        char last[CHRONDB_TIME_SIZE];
        chrondb_time_format(*parent, last);
        cdb_repo_notice(stamp->repo, CHRONDB_WARNING,
                        "the last commit is of %s, later than this machine's clock: the new one comes right behind it",
                        last);
    }
    *out = cdb_time_effective(wanted, parent);
    return cdb_time_in_range(*out) ? 0 : bad_time("now", "the year 9999 is over");
}

/* ---- who, and all of it --------------------------------------------------------------------------- */

static bool clean_utf8(const char *text)
{
    return cdb_utf8_check(text, strlen(text)) == strlen(text);
}

int cdb_stamp_prepare(struct cdb_stamp *stamp)
{
    const chrondb_write_options *options = stamp->options;
    chrondb_time ignored;
    if (options->message != NULL && !clean_utf8(options->message))
        return cdb_error(CHRONDB_EUSAGE, "usage", "the message is not UTF-8");
    if (options->meta == NULL && options->meta_count > 0)
        return cdb_error_null();
    for (size_t i = 0; i < options->meta_count; i++) {
        int good = cdb_meta_check(options->meta[i], strlen(options->meta[i]));
        if (good != 0)
            return good;
    }
    int result = wanted_time(stamp, cdb_time_now(), &ignored);
    if (result == 0 && options->author != NULL)
        result = cdb_identity_parse(options->author, &stamp->author);
    struct cdb_buf *author = options->author != NULL ? NULL : &stamp->author;
    return result == 0 ? cdb_identity(stamp->repo->path, author, &stamp->committer) : result;
}

void cdb_stamp_release(struct cdb_stamp *stamp)
{
    cdb_buf_release(&stamp->author);
    cdb_buf_release(&stamp->committer);
}

int cdb_stamp_timeout(const struct cdb_stamp *stamp)
{
    return cdb_lock_wait(stamp->options->lock_timeout_ms);
}

const char *cdb_stamp_message(const struct cdb_stamp *stamp)
{
    const char *given = stamp->options->message;
    return given != NULL ? given + strspn(given, " \t\r\n") : "";
}

int cdb_stamp_commit(const struct cdb_stamp *stamp, struct cdb_txn *txn, const struct cdb_oid *tree,
                     const struct cdb_oid *parents, size_t parent_count, chrondb_time time, const char *message,
                     struct cdb_oid *commit)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit_spec spec = {.tree = *tree,
                                   .parents = parents,
                                   .parent_count = parent_count,
                                   .author = cdb_buf_str(&stamp->author),
                                   .committer = cdb_buf_str(&stamp->committer),
                                   .time = time,
                                   .message = message,
                                   .meta = stamp->options->meta,
                                   .meta_count = stamp->options->meta_count};
    cdb_commit_encode(&content, &spec);
    int result = cdb_buf_check(&content);
    if (result == 0)
        result = cdb_object_hash(commit, CDB_COMMIT, content.ptr, content.len);
    if (result == 0)
        result = cdb_txn_emit(txn, CDB_COMMIT, content.ptr, content.len, commit);
    cdb_buf_release(&content);
    return result;
}
