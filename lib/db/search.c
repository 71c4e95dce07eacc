/* SPDX-License-Identifier: MIT
 * Searches: a query is read, the words of the state are opened, and the query is run on them. */
#include "db/search.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "query/parse.h"
#include "store/refs.h"
#include "text/analyzer.h"
#include "util/error.h"
#include "util/options.h"

/* ---- which state ------------------------------------------------------------------------------- */

/* The tree of a commit that must still be there; zeros: none. */
static int find_root(struct chrondb_search *search, const struct cdb_oid *id, struct cdb_oid *root)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    memset(root, 0, sizeof(*root));
    if (cdb_oid_is_zero(id))
        return 0;
    int result = cdb_commit_read(search->db->repo->objects, id, &content, &commit);
    if (result == 0)
        *root = commit.tree;
    else if (result == CHRONDB_EDAMAGED)
        result = cdb_error(CHRONDB_EUSAGE, "invalid_cursor", "the commit that the cursor was made at is gone");
    cdb_buf_release(&content);
    return result;
}

/* To the commit that the cursor was made at. */
static int follow_cursor(struct chrondb_search *search)
{
    struct cdb_oid id, root;
    int result = cdb_search_cursor_commit(search->asked.after, &id);
    if (result != 0 || cdb_oid_equal(&id, &search->state.commit))
        return result;
    result = find_root(search, &id, &root);
    if (result == 0) {
        search->state.commit = id;
        search->state.root = root;
    }
    return result;
}

/* ---- running ----------------------------------------------------------------------------------- */

static int give_document(void *context, size_t part, uint32_t doc, struct cdb_buf *json)
{
    struct chrondb_search *search = context;
    struct cdb_ft_key *key = malloc(sizeof(*key));
    if (key == NULL)
        return cdb_error_memory();
    int result = cdb_ft_key(search->reader->view.parts[part].segment, doc, key);
    if (result == 0) {
        result = cdb_search_document(search, key->text, key->len, json);
        search->document_failed = result != 0;
    }
    free(key);
    return result;
}

static int run_once(struct chrondb_search *search, enum cdb_ft_trust trust)
{
    cdb_search_result_release(&search->result);
    memset(&search->result, 0, sizeof(search->result));
    cdb_ft_reader_close(search->reader);
    search->reader = NULL;
    int result = cdb_ft_reader_open(&search->reader, &search->state, trust);
    if (result == 0 && search->analyzer == NULL)
        result = cdb_analyzer_new(&search->analyzer, cdb_buf_str(&search->reader->language));
    if (result != 0)
        return result;
    search->asked.analyzer = search->analyzer;
    search->asked.commit = search->state.commit;
    search->asked.document = give_document;
    search->asked.document_context = search;
    return cdb_search_run(&search->result, &search->reader->view, search->query, &search->asked);
}

static void count_only(struct cdb_search_options *asked)
{
    asked->limit = asked->offset = 0;
    asked->after = NULL;
    asked->sort_count = 0;
    asked->total = true;
}

static int run(struct chrondb_search *search)
{
    int result = CHRONDB_EDAMAGED;
    if (search->options.count_only != 0)
        count_only(&search->asked);
    if (search->asked.after != NULL) {
        result = follow_cursor(search);
        if (result != 0)
            return result;
    }
    if (!cdb_oid_is_zero(&search->state.commit))
        cdb_oid_format(&search->state.commit, search->commit);
    result = run_once(search, CDB_FT_ALL);
    if (result == CHRONDB_EDAMAGED && !search->document_failed)
        result = run_once(search, CDB_FT_ANEW);
    if (result == CHRONDB_EDAMAGED && !search->document_failed)
        result = run_once(search, CDB_FT_NONE);
    return result == 0 ? cdb_search_tell_facets(search) : result;
}

/* ---- opening ----------------------------------------------------------------------------------- */

static int new_search(struct chrondb_search **out, chrondb_snapshot *snapshot, const chrondb_search_options *options)
{
    int result = cdb_enter(snapshot->db->repo);
    if (result != 0)
        return result;
    struct chrondb_search *search = calloc(1, sizeof(*search));
    if (search == NULL)
        return cdb_error_memory();
    *out = search;
    search->db = snapshot->db;
    result = cdb_options_read(&search->options, sizeof(search->options), options, "chrondb_search_options");
    if (result != 0)
        return result;
    search->state = (struct cdb_ft_state){.db = snapshot->db,
                                          .ref = snapshot->ref,
                                          .head = snapshot->point.head,
                                          .commit = snapshot->commit,
                                          .root = snapshot->root,
                                          .progress = search->options.progress,
                                          .context = search->options.progress_context};
    return cdb_search_read_options(search);
}

/* The search is the caller's, or freed. */
static int give(chrondb_search **out, struct chrondb_search *search, int result)
{
    if (result != 0) {
        chrondb_search_free(search);
        return result;
    }
    cdb_helper_wake(search->db);
    *out = search;
    return 0;
}

int chrondb_search_open(chrondb_search **out, chrondb_snapshot *snapshot, const char *query,
                        const chrondb_search_options *options)
{
    if (out == NULL || snapshot == NULL || query == NULL)
        return cdb_error_null();
    struct chrondb_search *search = NULL;
    int result = new_search(&search, snapshot, options);
    if (result == 0)
        result = cdb_query_parse(&search->query, &search->arena, query, strlen(query),
                                 search->options.default_and != 0 ? CDB_QUERY_AND : CDB_QUERY_OR);
    if (result == 0)
        result = run(search);
    return give(out, search, result);
}

static bool names_branch(const char *ref, const struct cdb_query_string *branch)
{
    size_t heads = strlen(CDB_HEADS);
    return strlen(ref) == heads + branch->len && memcmp(ref + heads, branch->ptr, branch->len) == 0;
}

int chrondb_search_open_ast(chrondb_search **out, chrondb_snapshot *snapshot, const char *text, size_t size,
                            const chrondb_search_options *options)
{
    if (out == NULL || snapshot == NULL || (text == NULL && size > 0))
        return cdb_error_null();
    struct chrondb_search *search = NULL;
    struct cdb_query_ast ast;
    int result = new_search(&search, snapshot, options);
    if (result == 0)
        result = cdb_query_ast_parse(&ast, &search->arena, text, size);
    if (result == 0 && ast.branch.ptr != NULL && !names_branch(snapshot->ref, &ast.branch))
        result = cdb_error(CHRONDB_EUSAGE, "invalid_query", "the query names another branch than the one to search");
    if (result == 0)
        result = cdb_search_add_ast(search, &ast);
    if (result == 0) {
        search->query = ast.root;
        result = run(search);
    }
    return give(out, search, result);
}

int chrondb_search_ast_branch(const char *text, size_t size, chrondb_buffer *branch)
{
    if ((text == NULL && size > 0) || branch == NULL)
        return cdb_error_null();
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_query_ast ast;
    cdb_error_clear();
    int result = cdb_query_ast_parse(&ast, &arena, text, size);
    if (result == 0 && ast.branch.ptr == NULL) {
        cdb_error_set(CHRONDB_NOTFOUND, "not_found", "the query names no branch");
        result = CHRONDB_NOTFOUND;
    }
    if (result == 0)
        result = cdb_buffer_set(branch, ast.branch.ptr, ast.branch.len);
    cdb_arena_release(&arena);
    return result;
}

void chrondb_search_free(chrondb_search *search)
{
    if (search == NULL || !cdb_is_ours(search->db->repo))
        return;
    cdb_search_result_release(&search->result);
    cdb_ft_reader_close(search->reader);
    cdb_analyzer_free(search->analyzer);
    cdb_arena_release(&search->arena);
    cdb_buf_release(&search->value);
    free(search->marks);
    free(search->told_marks);
    free(search);
}
