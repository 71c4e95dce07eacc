/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a git configuration: what is accepted can be changed in one variable, and all others, and their order,
 * stay as they were. The first line, up to the newline, is the value to set. */
#include "fuzz/fuzz.h"
#include "store/gitconfig.h"

#define NAME "chrondb.search.language"

/* All variables but ours, as text: the result of the walk. */
static int others(const char *text, size_t len, struct cdb_buf *out)
{
    struct cdb_gitconfig walk;
    size_t at = 0;
    int result;

    cdb_gitconfig_open(&walk, text, len);
    while ((result = cdb_gitconfig_next(&walk)) == 0) {
        CHECK(walk.start >= at && walk.start < walk.end && walk.end <= len && walk.at <= len && walk.line >= 1);
        at = walk.end;
        if (walk.kind == CDB_GITCONFIG_SECTION || strcmp(walk.name.ptr, NAME) == 0)
            continue;
        cdb_buf_add(out, walk.name.ptr, walk.name.len + 1);
        cdb_buf_add(out, cdb_buf_str(&walk.value), walk.value.len);
        cdb_buf_addc(out, '\n');
    }
    cdb_gitconfig_release(&walk);
    CHECK(result == 1 || (result == CHRONDB_EDAMAGED && chrondb_last_error()->line >= 1));
    return result;
}

static void check_edit(const char *text, size_t len, const char *value, const struct cdb_buf *before)
{
    struct cdb_buf out = CDB_BUF_INIT, again = CDB_BUF_INIT, after = CDB_BUF_INIT, got = CDB_BUF_INIT;
    size_t found = 0, times = 0;

    CHECK(cdb_gitconfig_edit(text, len, NAME, value, &out, &found) == 0);
    CHECK(others(cdb_buf_str(&out), out.len, &after) == 1);
    CHECK(after.len == before->len && (after.len == 0 || memcmp(after.ptr, before->ptr, after.len) == 0));
    CHECK(cdb_gitconfig_get(cdb_buf_str(&out), out.len, NAME, &got) == (value != NULL ? 0 : 1));
    CHECK(value == NULL || strcmp(cdb_buf_str(&got), value) == 0);
    CHECK(cdb_gitconfig_edit(cdb_buf_str(&out), out.len, NAME, value, &again, &times) == 0);
    CHECK(times == (value != NULL ? 1 : 0));
    CHECK(again.len == out.len && (out.len == 0 || memcmp(again.ptr, out.ptr, out.len) == 0));
    cdb_buf_release(&out);
    cdb_buf_release(&again);
    cdb_buf_release(&after);
    cdb_buf_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t head = newline != NULL ? (size_t)(newline - data) : 0, skip = newline != NULL ? head + 1 : 0;
    char *value = malloc(head + 1), *text = malloc(size > skip ? size - skip : 1);
    struct cdb_buf before = CDB_BUF_INIT, out = CDB_BUF_INIT;
    size_t found = 0;

    CHECK(value != NULL && text != NULL);
    if (head > 0)
        memcpy(value, data, head);
    value[head] = '\0';
    if (size > skip)
        memcpy(text, data + skip, size - skip);
    if (others(text, size - skip, &before) == 1) {
        check_edit(text, size - skip, value, &before);
        check_edit(text, size - skip, NULL, &before);
    } else {
        CHECK(cdb_gitconfig_edit(text, size - skip, NAME, value, &out, &found) == CHRONDB_EDAMAGED && out.len == 0);
    }
    cdb_buf_release(&before);
    cdb_buf_release(&out);
    free(value);
    free(text);
    return 0;
}
