/* SPDX-License-Identifier: MIT */
#include "db/base.h"

#include <string.h>

#include "store/key.h"
#include "store/timeline.h"
#include "util/error.h"

/* The nearest commit behind a foreign one that chrondb wrote: what differs from it may not be canonical. */
static int find_trusted(struct cdb_repo *repo, struct cdb_oid at, struct cdb_oid *root)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit parsed;
    int result = 0;
    while (result == 0 && (result = cdb_commit_read(repo->objects, &at, &content, &parsed)) == 0) {
        if (parsed.ours)
            *root = parsed.tree;
        if (parsed.ours || parsed.parent_count == 0)
            break;
        at = cdb_commit_parent(&parsed, 0);
    }
    cdb_buf_release(&content);
    return result;
}

static int find_time(struct cdb_repo *repo, const struct cdb_oid *head, const struct cdb_state *state,
                     chrondb_time *out)
{
    struct cdb_times times;
    int result = 0;
    cdb_times_init(&times, repo->objects);
    for (int i = 0; result == 0 && i < CDB_STATE_KNOWN; i++) {
        chrondb_time time = {state->known[i].seconds, state->known[i].nanoseconds};
        if (state->known[i].ref != 0)
            result = cdb_times_add(&times, &state->known[i].oid, time);
    }
    if (result == 0)
        result = cdb_times_get(&times, head, out);
    cdb_times_release(&times);
    return result;
}

int cdb_base_load(struct cdb_base *out, struct cdb_repo *repo, const struct cdb_oid *head,
                  const struct cdb_state *state)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit parsed;
    memset(out, 0, sizeof(*out));
    out->head = *head;
    if (cdb_oid_is_zero(head))
        return 0;
    int result = cdb_commit_read(repo->objects, head, &content, &parsed);
    if (result == 0) {
        out->root = parsed.tree;
        out->foreign = !parsed.ours;
        if (out->foreign && parsed.parent_count > 0)
            result = find_trusted(repo, cdb_commit_parent(&parsed, 0), &out->trusted);
    }
    cdb_buf_release(&content);
    return result != 0 ? result : find_time(repo, head, state, &out->time);
}

void cdb_default_message(struct cdb_buf *out, const char *verb, const char *first, size_t puts, size_t deletes)
{
    if (puts + deletes == 1) {
        cdb_buf_adds(out, puts == 1 ? verb : "delete");
        cdb_buf_addc(out, ' ');
        cdb_commit_escape(out, first, strlen(first), false);
        return;
    }
    if (puts > 0)
        cdb_buf_addf(out, "%s %zu", verb, puts);
    if (deletes > 0)
        cdb_buf_addf(out, "%sdelete %zu", puts > 0 ? ", " : "", deletes);
}

int cdb_meta_check(const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    bool good = equals != NULL && equals > text && memchr(text, '\0', len) == NULL && cdb_utf8_check(text, len) == len;
    if (good)
        return 0;
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, text, len);
    cdb_error_set(CHRONDB_EUSAGE, "invalid_meta", "malformed meta %s: expected NAME=VALUE in UTF-8",
                  cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return CHRONDB_EUSAGE;
}

int cdb_document_other_id(const char *text, size_t size, struct cdb_buf *scratch, struct cdb_oid *out)
{
    if (size > 0 && text[size - 1] == '\n')
        return cdb_object_hash(out, CDB_BLOB, text, size - 1);
    cdb_buf_clear(scratch);
    cdb_buf_add(scratch, text, size);
    cdb_buf_addc(scratch, '\n');
    int result = cdb_buf_check(scratch);
    return result == 0 ? cdb_object_hash(out, CDB_BLOB, scratch->ptr, scratch->len) : result;
}
