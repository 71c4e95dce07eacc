/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON. Two texts, for patches and differences, are parted by the first byte ff (which is in no valid
 * text); without one the input is halved. */
#include <stdbool.h>

#include "doc/json.h"
#include "doc/string.h"
#include "fuzz/fuzz.h"
#include "util/error.h"

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_json: not so: %s (last error: %s)\n", what, chrondb_last_error()->message);
    abort();
}

static bool is_same(const struct cdb_buf *a, const struct cdb_buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

static void require_error(size_t size)
{
    const chrondb_error *error = chrondb_last_error();

    require(error->code == CHRONDB_EINVALID && strcmp(error->name, "invalid_json") == 0, "invalid_json");
    require(error->line >= 1 && error->line <= size + 1, "a line");
    require(error->column >= 1 && error->column <= size + 1, "a column");
    for (const char *c = error->message; *c != '\0'; c++)
        require((unsigned char)*c >= 0x20 && *c != 0x7f, "a message of one line");
}

/* Nodes lie inside of their containers, one behind the other, and cover what they say. */
static void require_tree(const struct cdb_json *json, size_t size)
{
    require(json->count > 0 && json->nodes[0].next == json->count, "the root spans the tree");
    for (uint32_t i = 0; i < json->count; i++) {
        const struct cdb_json_node *node = &json->nodes[i];

        require(node->start < node->end && node->end <= size, "a node is a part of the text");
        require(node->next > i && node->next <= json->count, "a subtree is a part of the tree");
        for (uint32_t k = i + 1; k < node->next; k = json->nodes[k].next)
            require(json->nodes[k].start > node->start && json->nodes[k].end < node->end, "children lie inside");
    }
}

static void try_strings(const struct cdb_json *json)
{
    struct cdb_buf decoded = CDB_BUF_INIT;
    struct cdb_buf quoted = CDB_BUF_INIT;
    uint32_t members = 0;

    for (uint32_t i = 0; i < json->count; i++) {
        if (json->nodes[i].type == CDB_JSON_STRING) {
            cdb_buf_clear(&decoded);
            cdb_buf_clear(&quoted);
            cdb_json_string(json, i, &decoded);
            cdb_json_quote(&quoted, cdb_buf_str(&decoded), decoded.len);
            require(cdb_json_check(quoted.ptr, quoted.len) == 0, "a quoted string is valid");
            require(cdb_json_string_compare_plain(quoted.ptr, quoted.len, cdb_buf_str(&decoded), decoded.len) == 0,
                    "a quoted string is what it was");
        }
        if (json->nodes[i].type == CDB_JSON_OBJECT && json->nodes[i].next > i + 1 && members++ < 100) {
            uint32_t found;

            cdb_buf_clear(&decoded);
            cdb_json_string(json, i + 1, &decoded);
            found = cdb_json_member(json, i, cdb_buf_str(&decoded), decoded.len);
            require(found > i + 1 && found < json->nodes[i].next, "a member is found by its name");
        }
    }
    cdb_buf_release(&decoded);
    cdb_buf_release(&quoted);
}

static void try_format(const char *text, size_t size, unsigned flags)
{
    struct cdb_buf once = CDB_BUF_INIT;
    struct cdb_buf twice = CDB_BUF_INIT;

    cdb_json_format(&once, text, size, flags);
    require(!once.failed, "memory");
    if ((flags & CHRONDB_JSON_COLOR) == 0) {
        require(cdb_json_check(once.ptr, once.len) == 0, "what was laid out is valid");
        cdb_json_format(&twice, once.ptr, once.len, flags);
        require(is_same(&once, &twice), "laid out again it stays");
    }
    cdb_buf_release(&once);
    cdb_buf_release(&twice);
}

static bool try_text(const char *text, size_t size)
{
    struct cdb_json json;
    int checked, parsed;

    cdb_error_clear();
    checked = cdb_json_check(text, size);
    if (checked != 0)
        require_error(size);
    parsed = cdb_json_parse(&json, text, size);
    require(checked == parsed, "check and parse agree");
    if (parsed == 0) {
        require_tree(&json, size);
        try_strings(&json);
    }
    cdb_json_release(&json);
    if (checked == 0) {
        for (unsigned flags = 0; flags < 8; flags++)
            try_format(text, size, flags);
    } else {
        struct cdb_buf out = CDB_BUF_INIT;

        cdb_json_format(&out, text, size, 0); /* no harm, whatever it makes of it */
        cdb_json_format(&out, text, size, CHRONDB_JSON_PRETTY);
        cdb_buf_release(&out);
    }
    return checked == 0;
}

static void try_merge_patch(const char *target, size_t target_len, const char *patch, size_t patch_len, bool valid)
{
    struct cdb_buf once = CDB_BUF_INIT;
    struct cdb_buf twice = CDB_BUF_INIT;
    int result = cdb_json_merge_patch(&once, target, target_len, patch, patch_len);

    require((result == 0) == valid, "a patch applies exactly if both are valid");
    if (valid) {
        require(cdb_json_check(once.ptr, once.len) == 0, "what was patched is valid");
        require(cdb_json_merge_patch(&twice, once.ptr, once.len, patch, patch_len) == 0, "patched again");
        require(is_same(&once, &twice), "patched again it stays");
    }
    cdb_buf_release(&once);
    cdb_buf_release(&twice);
}

static void try_diff(const char *from, size_t from_len, const char *to, size_t to_len, bool valid)
{
    struct cdb_buf patch = CDB_BUF_INIT;
    struct cdb_buf patched = CDB_BUF_INIT;
    struct cdb_buf rest = CDB_BUF_INIT;
    int result = cdb_json_diff(&patch, from, from_len, to, to_len);

    require((result >= 0) == valid, "a difference needs two valid texts");
    if (result == 0) {
        require(cdb_json_check(patch.ptr, patch.len) == 0, "a difference is valid");
        require(cdb_json_merge_patch(&patched, from, from_len, patch.ptr, patch.len) == 0, "it applies");
        require(cdb_json_diff(&rest, patched.ptr, patched.len, to, to_len) == 0, "and leads there");
        if (rest.ptr[0] == '{')
            require(rest.len == 2, "with nothing left to do");
        else
            require(is_same(&rest, &patch), "with the same value");
    } else if (result == 1) {
        require(patch.len == 0, "no half of a difference");
        require(memmem(to, to_len, "null", 4) != NULL, "only a null cannot be set");
    }
    cdb_buf_release(&patch);
    cdb_buf_release(&patched);
    cdb_buf_release(&rest);
}

/* In memory of its own, so that a sanitizer sees a step over the edge. */
static char *part(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size > 0 ? memchr(data, 0xff, size) : NULL;
    size_t first_len = mark != NULL ? (size_t)(mark - data) : size / 2;
    size_t second_start = mark != NULL ? first_len + 1 : first_len;
    size_t second_len = size - second_start;
    char *whole = part(data, size);
    char *first = part(data, first_len);
    char *second = part(data + second_start, second_len);
    bool valid;

    try_text(whole, size);
    valid = try_text(first, first_len);
    valid = try_text(second, second_len) && valid;
    try_merge_patch(first, first_len, second, second_len, valid);
    try_diff(first, first_len, second, second_len, valid);
    try_diff(second, second_len, first, first_len, valid);
    free(whole);
    free(first);
    free(second);
    return 0;
}
