/* SPDX-License-Identifier: MIT
 *
 * Reading documents into scalars, and encoding these. */
#include "fuzz/fuzz.h"
#include "index/document.h"

static void ask_value(const struct cdb_scalar *scalar, struct cdb_buf *out)
{
    struct cdb_value value, again;

    cdb_scalar_value(scalar, &value);
    CHECK(cdb_value_check(value.bytes, value.len));
    CHECK(cdb_scalar_compare(scalar->type, scalar->text, scalar->len, scalar->type, scalar->text, scalar->len) == 0);
    cdb_buf_clear(out);
    cdb_value_format(out, value.bytes, value.len);
    CHECK(cdb_json_check(cdb_buf_str(out), out->len) == 0);
    if (scalar->type != CDB_JSON_NUMBER)
        return;
    CHECK(cdb_value_number(&again, scalar->text, scalar->len) && cdb_value_compare(&value, &again) == 0);
    if (!cdb_value_is_exact(value.bytes, value.len))
        return;
    CHECK(cdb_value_number(&again, cdb_buf_str(out), out->len) && cdb_value_compare(&value, &again) == 0);
    CHECK(cdb_scalar_compare(CDB_JSON_NUMBER, scalar->text, scalar->len, CDB_JSON_NUMBER, cdb_buf_str(out), out->len) ==
          0);
}

static void ask_paths(const struct cdb_paths *paths)
{
    uint32_t *order = calloc(paths->count, sizeof(*order)), previous = CDB_PATH_ROOT;
    struct cdb_buf text = CDB_BUF_INIT;

    CHECK(order != NULL && cdb_paths_sort(paths, order) == 0);
    for (size_t i = 0; i + 1 < paths->count; i++) {
        CHECK(cdb_paths_step(paths, previous, order[i], &text) <= text.len);
        if (i % 64 == 0) /* the long way */
            CHECK(cdb_paths_find(paths, cdb_buf_str(&text), text.len) == order[i]);
        previous = order[i];
    }
    cdb_buf_release(&text);
    free(order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cdb_document document = CDB_DOCUMENT_INIT;
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_paths paths;
    struct cdb_value value;
    const char *text = (const char *)data;
    size_t count;
    int result;

    CHECK(cdb_paths_init(&paths) == 0);
    result = cdb_document_read(&document, &paths, text, size);
    CHECK(result == 0 || result == CHRONDB_EINVALID);
    CHECK((result == 0) == (cdb_json_check(text, size) == 0));
    count = document.count;
    for (size_t i = 0; i < count; i++)
        ask_value(&document.scalars[i], &out);
    ask_paths(&paths);
    CHECK(cdb_document_read(&document, &paths, text, size) == result && document.count == count);
    cdb_value_number(&value, text, size);
    for (size_t len = size < 40 ? size : 40; len > 0; len--) { /* as if an index had them */
        CHECK(cdb_value_kind(data, len) <= CDB_VALUE_KINDS);
        cdb_buf_clear(&out);
        cdb_value_format(&out, data, len);
        CHECK(cdb_json_check(cdb_buf_str(&out), out.len) == 0);
    }
    cdb_buf_release(&out);
    cdb_document_release(&document);
    cdb_paths_release(&paths);
    return 0;
}
