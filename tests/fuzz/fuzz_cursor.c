/* SPDX-License-Identifier: MIT
 *
 * Any text as a cursor, any bytes as what a cursor says (with a right checksum), and what it says as a page of a
 * search: its hits are behind what it names, whatever weights and keys somebody made up. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/ft_build.h"
#include "index/ft_view.h"
#include "query/cursor.h"
#include "query/parse.h"
#include "query/search.h"
#include "text/analyzer.h"

struct base {
    struct cdb_analyzer *analyzer;
    struct cdb_buf file;
    struct cdb_ft_part part;
    struct cdb_ft_view view;
    struct cdb_arena arena;
    const struct cdb_query_node *query;
};

static int no_document(void *context, size_t part, uint32_t doc, struct cdb_buf *json)
{
    (void)context, (void)part, (void)doc, (void)json;
    abort();
}

static void base_init(struct base *base)
{
    static const char *const documents[][2] = {{"a:1", "{\"t\":\"red\",\"n\":3}"},
                                               {"a:2", "{\"t\":\"blue red\"}"},
                                               {"b:1", "{\"t\":\"green\",\"n\":1}"},
                                               {"c", "{\"t\":\"red red blue\",\"n\":[2,9]}"}};
    struct cdb_ft_builder *builder;

    CHECK(cdb_analyzer_new(&base->analyzer, "none") == 0 && cdb_ft_builder_new(&builder, base->analyzer) == 0);
    for (size_t i = 0; i < 4; i++)
        CHECK(cdb_ft_builder_add(builder, documents[i][0], strlen(documents[i][0]), 0, documents[i][1],
                                 strlen(documents[i][1])) == 0);
    CHECK(cdb_ft_builder_finish(builder, &base->file) == 0);
    cdb_ft_builder_free(builder);
    CHECK(cdb_ft_segment_view(&base->part.segment, base->file.ptr, base->file.len) == 0);
    base->view = (struct cdb_ft_view){&base->part, 1, 1, true};
    CHECK(cdb_query_parse(&base->query, &base->arena, "red blue t:*e*", 14, CDB_QUERY_OR) == 0);
}

/* A cursor that was decoded, as one of this search. */
static void check_page(struct base *base, struct cdb_cursor cursor, bool sorted)
{
    struct cdb_search_sort sort = {"n", 1, true};
    struct cdb_search_options options = {
        .analyzer = base->analyzer, .limit = 2, .sort = &sort, .sort_count = sorted, .document = no_document};
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_search_result result;
    int code;

    memset(&cursor.commit, 0, sizeof(cursor.commit));
    cursor.hash = cdb_cursor_hash(base->query, &options);
    cdb_cursor_encode(&text, &cursor);
    options.after = text.ptr;
    code = cdb_search_run(&result, &base->view, base->query, &options);
    CHECK(code == 0 || (code == CHRONDB_EUSAGE && strcmp(chrondb_last_error()->name, "invalid_cursor") == 0));
    CHECK(code != 0 || result.count <= 2);
    for (size_t i = 0; code == 0 && !sorted && i < result.count; i++)
        CHECK(result.hits[i].score < cursor.score ||
              (result.hits[i].score == cursor.score && strcmp(result.hits[i].key, cursor.key) > 0));
    cdb_search_result_release(&result);
    cdb_buf_release(&text);
}

static void check_text(struct base *base, const char *text)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_buf again = CDB_BUF_INIT;
    struct cdb_cursor cursor;
    struct cdb_oid commit;
    int code = cdb_cursor_decode(&cursor, &arena, text);

    CHECK(cdb_search_cursor_commit(text, &commit) == code);
    if (code == 0) {
        cdb_cursor_encode(&again, &cursor);
        CHECK(cdb_oid_equal(&commit, &cursor.commit));
        check_page(base, cursor, false);
        check_page(base, cursor, true);
    } else {
        CHECK(code == CHRONDB_EUSAGE && strcmp(chrondb_last_error()->name, "invalid_cursor") == 0);
    }
    cdb_buf_release(&again);
    cdb_arena_release(&arena);
}

/* The bytes with a checksum behind them, in base64. */
static void check_bytes(struct base *base, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char *bytes = malloc(size + 4);
    char *text = malloc(size * 2 + 16), *at = text;

    CHECK(bytes != NULL && text != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    cdb_le_put32(bytes + size, cdb_index_crc(0, bytes, size));
    for (size_t bit = 0; bit < (size + 4) * 8; bit += 6) {
        unsigned value = 0;

        for (size_t i = bit; i < bit + 6; i++)
            value = value << 1 | (i < (size + 4) * 8 ? bytes[i / 8] >> (7 - i % 8) & 1u : 0);
        *at++ = digits[value];
    }
    *at = '\0';
    check_text(base, text);
    free(bytes);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct base base;
    char *text = malloc(size + 1);

    if (base.analyzer == NULL)
        base_init(&base);
    CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_text(&base, text);
    check_bytes(&base, data, size);
    free(text);
    return 0;
}
