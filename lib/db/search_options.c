/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "db/search.h"
#include "util/error.h"

static int invalid_sort(const char *text, const char *why)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, text, strlen(text));
    cdb_error_set(CHRONDB_EUSAGE, "invalid_sort", "cannot sort by %s: %s", cdb_buf_str(&quoted), why);
    cdb_buf_release(&quoted);
    return CHRONDB_EUSAGE;
}

/* Does the criterion end in this? Then it is taken off. */
static bool take_suffix(const char *text, size_t *len, const char *suffix)
{
    size_t suffix_len = strlen(suffix);
    if (*len <= suffix_len || memcmp(text + *len - suffix_len, suffix, suffix_len) != 0)
        return false;
    *len -= suffix_len;
    return true;
}

/* "FIELD[:asc|:desc],..." */
static int read_sort(struct chrondb_search *search, const char *text)
{
    size_t room = 1, n = 0;
    for (const char *p = text; *p != '\0'; p++)
        room += *p == ',';
    if (room > CDB_QUERY_MAX_SORT)
        return invalid_sort(text, "these are too many fields");
    struct cdb_search_sort *sort = cdb_arena_alloc(&search->arena, room * sizeof(*sort));
    if (sort == NULL)
        return CHRONDB_ESYSTEM;
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        const char *field = cdb_arena_copy(&search->arena, at, len);
        if (field == NULL)
            return CHRONDB_ESYSTEM;
        at += len;
        bool descending = take_suffix(field, &len, ":desc");
        if (!descending && !take_suffix(field, &len, ":asc") && memchr(field, ':', len) != NULL)
            return invalid_sort(text,
                                "behind ':' stands asc or desc; a field with a ':' in its name wants one of them");
        if (len == 0)
            return invalid_sort(text, "the name of a field is missing");
        sort[n++] = (struct cdb_search_sort){field, len, descending};
        if (*at == '\0')
            break;
    }
    search->asked.sort = sort;
    search->asked.sort_count = n;
    return 0;
}

static int read_facets(struct chrondb_search *search)
{
    const chrondb_search_options *options = &search->options;
    size_t count = options->facet_count;
    struct cdb_search_facet *facets = cdb_arena_alloc(&search->arena, (count + 1) * sizeof(*facets));
    search->facets = cdb_arena_alloc(&search->arena, (count + 1) * sizeof(*search->facets));
    if (facets == NULL || search->facets == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(options->facets[i]);
        search->facets[i] = NULL;
        facets[i] = (struct cdb_search_facet){cdb_arena_copy(&search->arena, options->facets[i], len), len,
                                              options->facet_limit < SIZE_MAX ? (size_t)options->facet_limit : 0};
        if (facets[i].field == NULL)
            return CHRONDB_ESYSTEM;
    }
    search->asked.facets = facets;
    search->asked.facet_count = count;
    return 0;
}

static size_t size_of(uint64_t number)
{
    return number < SIZE_MAX ? (size_t)number : SIZE_MAX;
}

static int keep_text(struct chrondb_search *search, const char **text)
{
    if (*text == NULL)
        return 0;
    *text = cdb_arena_copy(&search->arena, *text, strlen(*text));
    return *text != NULL ? 0 : CHRONDB_ESYSTEM;
}

int cdb_search_read_options(struct chrondb_search *search)
{
    const chrondb_search_options *options = &search->options;
    struct cdb_search_options *asked = &search->asked;
    *asked = (struct cdb_search_options){.limit = size_of(options->limit > 0 ? options->limit : CHRONDB_SEARCH_LIMIT),
                                         .offset = size_of(options->offset),
                                         .after = options->after,
                                         .table = options->table,
                                         .total = options->total != 0,
                                         .explain = options->explain != 0};
    int result = keep_text(search, &asked->after);
    if (result == 0)
        result = keep_text(search, &asked->table);
    if (result == 0)
        result = read_facets(search);
    if (result == 0 && options->sort != NULL)
        result = read_sort(search, options->sort);
    return result;
}

int cdb_search_add_ast(struct chrondb_search *search, const struct cdb_query_ast *ast)
{
    struct cdb_search_options *asked = &search->asked;
    const chrondb_search_options *options = &search->options;
    if (options->limit == 0 && ast->has_limit)
        asked->limit = size_of(ast->limit);
    if (options->offset == 0 && ast->has_offset)
        asked->offset = size_of(ast->offset);
    if (options->after == NULL && ast->after.ptr != NULL)
        asked->after = ast->after.ptr;
    if (options->sort != NULL || ast->sort_count == 0)
        return 0;
    struct cdb_search_sort *sort = cdb_arena_alloc(&search->arena, ast->sort_count * sizeof(*sort));
    if (sort == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < ast->sort_count; i++)
        sort[i] = (struct cdb_search_sort){ast->sort[i].field.ptr, ast->sort[i].field.len, ast->sort[i].descending};
    asked->sort = sort;
    asked->sort_count = ast->sort_count;
    return 0;
}
