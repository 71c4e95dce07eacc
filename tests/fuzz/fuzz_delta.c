/* SPDX-License-Identifier: MIT
 *
 * The first two bytes tell how the rest is cut in two. Any two texts: the deltas of all makers make the second of the
 * first again. Any bytes as a delta: what is applied has the size that it says, anything else leaves nothing behind. */
#include "fuzz/fuzz.h"
#include "store/delta.h"

#define RESULT_MAX ((size_t)1 << 20)

struct text {
    char *ptr;
    size_t len;
};

/* In memory of exactly its size. */
static struct text copy(const void *data, size_t len)
{
    struct text text = {malloc(len > 0 ? len : 1), len};
    CHECK(text.ptr != NULL);
    if (len > 0)
        memcpy(text.ptr, data, len);
    return text;
}

static void check_made(const struct cdb_buf *delta, const struct text *base, const struct text *target)
{
    struct text steps = copy(delta->ptr, delta->len);
    struct cdb_buf out = CDB_BUF_INIT;
    size_t size = 0;

    CHECK(cdb_buf_check(delta) == 0);
    CHECK(cdb_delta_size(steps.ptr, steps.len, base->len, &size) && size == target->len);
    CHECK(cdb_delta_apply(&out, base->ptr, base->len, steps.ptr, steps.len, target->len) == 0);
    CHECK(out.len == target->len && (out.len == 0 || memcmp(out.ptr, target->ptr, out.len) == 0));
    cdb_buf_release(&out);
    free(steps.ptr);
}

static void check_any(const struct text *base, const struct text *delta)
{
    struct cdb_buf out = CDB_BUF_INIT;
    size_t size = 0;
    int result = cdb_delta_apply(&out, base->ptr, base->len, delta->ptr, delta->len, RESULT_MAX);

    if (result == 0)
        CHECK(cdb_delta_size(delta->ptr, delta->len, base->len, &size) && size == out.len && size <= RESULT_MAX);
    else
        CHECK(result == CHRONDB_EDAMAGED && out.len == 0);
    cdb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t cut = (data[0] + 256u * data[1]) % (size - 1);
    struct text base = copy(data + 2, cut), target = copy(data + 2 + cut, size - 2 - cut);
    struct cdb_buf delta = CDB_BUF_INIT;

    cdb_delta_edges(&delta, base.ptr, base.len, target.ptr, target.len);
    check_made(&delta, &base, &target);
    cdb_buf_clear(&delta);
    cdb_delta_tree(&delta, base.ptr, base.len, target.ptr, target.len);
    check_made(&delta, &base, &target);
    cdb_buf_clear(&delta);
    cdb_delta_match(&delta, base.ptr, base.len, target.ptr, target.len);
    check_made(&delta, &base, &target);
    check_any(&base, &target);
    cdb_buf_release(&delta);
    free(base.ptr);
    free(target.ptr);
    return 0;
}
