/* SPDX-License-Identifier: MIT */
/* Any three texts as a base and two sides, parted by the byte ff (which is in no valid text). */
#include <stdbool.h>

#include "doc/equal.h"
#include "doc/json.h"
#include "doc/merge.h"
#include "fuzz/fuzz.h"

struct merged {
    struct cdb_buf text, conflicts;
    size_t count;
};

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_merge: not so: %s (last error: %s)\n", what, chrondb_last_error()->message);
    abort();
}

/* In memory of its own, so that a sanitizer sees a step over the edge. */
static struct cdb_text part(const uint8_t **data, size_t *size)
{
    const uint8_t *mark = *size > 0 ? memchr(*data, 0xff, *size) : NULL;
    size_t len = mark != NULL ? (size_t)(mark - *data) : *size;
    char *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        abort();
    if (len > 0)
        memcpy(copy, *data, len);
    *data += mark != NULL ? len + 1 : len;
    *size -= mark != NULL ? len + 1 : len;
    return (struct cdb_text){copy, len};
}

static bool is_json(struct cdb_text text)
{
    return cdb_json_check(text.ptr, text.len) == 0;
}

/* The order of conflicts is that of our members: their sum is compared. */
static int tell(void *context, const struct cdb_merge_conflict *conflict)
{
    uint64_t *sum = context, hash = 14695981039346656037u;

    require(conflict->ours.ptr != NULL || conflict->theirs.ptr != NULL, "one side has a value");
    require(conflict->ours.ptr == NULL || is_json(conflict->ours), "our value is one");
    require(conflict->theirs.ptr == NULL || is_json(conflict->theirs), "their value is one");
    require(conflict->base.ptr == NULL || is_json(conflict->base), "the base's value is one");
    for (size_t i = 0; i < conflict->path.len; i++)
        hash = (hash ^ (unsigned char)conflict->path.ptr[i]) * 1099511628211u;
    *sum += hash;
    return 0;
}

static int merge(struct cdb_buf *out, struct cdb_text base, struct cdb_text ours, struct cdb_text theirs,
                 enum cdb_merge_side prefer, size_t *count, uint64_t *sum)
{
    struct cdb_merge_rules rules = {.prefer = prefer, .conflict = tell, .context = sum};

    cdb_buf_clear(out);
    *sum = 0;
    return cdb_json_merge(out, base, ours, theirs, &rules, count);
}

static bool same(const struct cdb_buf *a, const struct cdb_buf *b)
{
    bool result;

    require(cdb_json_same(cdb_buf_str(a), a->len, cdb_buf_str(b), b->len, &result) == 0, "comparing");
    return result;
}

static void try_side(struct cdb_text base, struct cdb_text ours, struct cdb_text theirs, enum cdb_merge_side prefer,
                     enum cdb_merge_side mirrored)
{
    struct cdb_buf once = CDB_BUF_INIT, other = CDB_BUF_INIT, again = CDB_BUF_INIT;
    size_t count, other_count;
    uint64_t sum, other_sum;

    require(merge(&once, base, ours, theirs, prefer, &count, &sum) == 0, "a merge");
    require(cdb_json_check(cdb_buf_str(&once), once.len) == 0, "what was merged is valid");
    require(merge(&other, base, theirs, ours, mirrored, &other_count, &other_sum) == 0, "a merge the other way round");
    require(count == other_count && sum == other_sum, "the same conflicts both ways round");
    require(same(&once, &other), "the same value both ways round");
    if (prefer == CDB_MERGE_OURS) {
        struct cdb_text merged = {cdb_buf_str(&once), once.len};

        require(merge(&again, base, merged, theirs, prefer, &count, &sum) == 0, "merged again");
        require(again.len == once.len && memcmp(again.ptr, once.ptr, once.len) == 0, "merged again it stays");
        require(count == other_count, "with as many conflicts");
    }
    cdb_buf_release(&once);
    cdb_buf_release(&other);
    cdb_buf_release(&again);
}

static void try_base(struct cdb_text base, struct cdb_text ours, struct cdb_text theirs)
{
    try_side(base, ours, theirs, CDB_MERGE_OURS, CDB_MERGE_THEIRS);
    try_side(base, ours, theirs, CDB_MERGE_THEIRS, CDB_MERGE_OURS);
    try_side(base, ours, theirs, CDB_MERGE_MARK, CDB_MERGE_MARK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cdb_text base = part(&data, &size), ours = part(&data, &size), theirs = part(&data, &size);
    struct cdb_text none = {NULL, 0};
    struct cdb_buf out = CDB_BUF_INIT;
    size_t count;
    uint64_t sum;

    if (is_json(base) && is_json(ours) && is_json(theirs)) {
        try_base(base, ours, theirs);
        try_base(none, ours, theirs);
        require(merge(&out, ours, ours, theirs, CDB_MERGE_OURS, &count, &sum) == 0 && count == 0, "one side only");
        require(merge(&out, theirs, ours, theirs, CDB_MERGE_OURS, &count, &sum) == 0 && count == 0, "the other only");
        if (!cdb_merge_is_mark(theirs.ptr, theirs.len) && memmem(theirs.ptr, theirs.len, "in conflict", 11) == NULL)
            require(out.len == ours.len && memcmp(out.ptr, ours.ptr, ours.len) == 0, "ours stays ours");
    } else {
        require(merge(&out, base, ours, theirs, CDB_MERGE_OURS, &count, &sum) == CHRONDB_EINVALID, "an error");
        require(out.len == 0, "no half of a merge");
    }
    cdb_buf_release(&out);
    free((char *)base.ptr);
    free((char *)ours.ptr);
    free((char *)theirs.ptr);
    return 0;
}
