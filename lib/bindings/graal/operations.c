/* SPDX-License-Identifier: MIT */
#include "bindings/graal/operations.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "doc/json.h"
#include "util/buf.h"
#include "util/error.h"
#include "util/utf8.h"

#define QUERY_LIMIT 100 /* results, where the query does not say: ChronDB's */

/* ---- arguments ------------------------------------------------------------------------------------- */

static bool is_utf8(const char *text)
{
    size_t len = strlen(text), width = 1;
    for (size_t i = 0; i < len && width > 0; i += width)
        width = cdb_utf8_width(text + i, len - i);
    return width > 0;
}

/* Text that must be there. */
static bool check_text(const struct call *call, const char *name, const char *text)
{
    if (text == NULL)
        call_refuse(call, "the %s is NULL", name);
    else if (!is_utf8(text))
        call_refuse(call, "the %s is not valid UTF-8", name);
    else
        return true;
    return false;
}

static bool check_branch(const struct call *call, const char **branch)
{
    if (*branch != NULL && **branch == '\0')
        *branch = NULL;
    return *branch == NULL || check_text(call, "branch", *branch);
}

/* Did the last function of the library fail because there is no such branch? */
static bool no_branch(void)
{
    return strcmp(chrondb_last_error()->name, "no_branch") == 0;
}

/* The branch as it is now: 0; 1, there is none of that name; or -1, and the error is set. */
static int open_now(struct call *call, const char *branch, chrondb_snapshot **out)
{
    if (chrondb_snapshot_open(out, call->db, branch, NULL) == 0)
        return 0;
    if (no_branch())
        return 1;
    call_fail(call, NULL);
    return -1;
}

/* ---- documents -------------------------------------------------------------------------------------- */

/* The merge patch that sets the id. */
static void add_id_patch(struct cdb_buf *out, const char *id)
{
    cdb_buf_adds(out, "{\"id\":");
    cdb_json_quote(out, id, strlen(id));
    cdb_buf_addc(out, '}');
}

/* Does it need one? An object, and has none. An error: plain git has committed what is no document. */
static int lacks_id(const char *text, size_t size, bool *lacks)
{
    struct cdb_json json = CDB_JSON_INIT;
    int result = cdb_json_parse(&json, text, size);
    *lacks = result == 0 && json.nodes[0].type == CDB_JSON_OBJECT && cdb_json_member(&json, 0, "id", 2) == 0;
    cdb_json_release(&json);
    return result;
}

/* Append a document that somebody reads. */
static int add_document(struct cdb_buf *out, const char *id, const char *text, size_t size)
{
    struct cdb_buf patch = CDB_BUF_INIT;
    bool lacks = false;
    int result = lacks_id(text, size, &lacks);
    if (result != 0) {
        cdb_error_about("cannot read", id);
    } else if (lacks) {
        add_id_patch(&patch, id);
        result = cdb_json_merge_patch(out, text, size, cdb_buf_str(&patch), patch.len);
    } else {
        cdb_buf_add(out, text, size);
    }
    cdb_buf_release(&patch);
    return result;
}

/* The text is the client's, or the error is set. */
static char *finish(struct call *call, int result, const char *context, struct cdb_buf *text)
{
    char *given = NULL;
    if (result == 0)
        result = cdb_buf_check(text);
    if (result == 0)
        given = call_give(call, cdb_buf_str(text), text->len);
    else
        call_fail(call, context);
    cdb_buf_release(text);
    return given;
}

/* ---- open ------------------------------------------------------------------------------------------- */

int operation_open(struct call *call, const char *data_path, const char *index_path)
{
    chrondb_open_options options = {
        .size = sizeof(options), .flags = CHRONDB_OPEN_CREATE | CHRONDB_OPEN_MAINTAIN, .index_path = index_path};
    chrondb *db = NULL;
    if (data_path == NULL || *data_path == '\0') {
        call_refuse(call, "cannot open a database: the data path is %s", data_path == NULL ? "NULL" : "empty");
        return -1;
    }
    if (chrondb_open(&db, data_path, &options) != 0) {
        call_fail(call, "cannot open a database");
        return -1;
    }
    int handle = call_add_handle(call, db);
    if (handle < 0)
        chrondb_close(db);
    return handle;
}

/* ---- one document ------------------------------------------------------------------------------------ */

/* The object with its id, as it is to be stored. */
static int make_document(struct cdb_buf *out, const char *id, const char *json)
{
    struct cdb_json tree = CDB_JSON_INIT;
    struct cdb_buf patch = CDB_BUF_INIT;
    int result = cdb_json_parse(&tree, json, strlen(json));
    if (result == 0 && tree.nodes[0].type != CDB_JSON_OBJECT)
        result = cdb_error(CHRONDB_EINVALID, "invalid_json", "the document is not a JSON object");
    if (result == 0) {
        add_id_patch(&patch, id);
        result = cdb_json_merge_patch(out, json, strlen(json), cdb_buf_str(&patch), patch.len);
    }
    if (result != 0)
        cdb_error_about("cannot put", id);
    cdb_json_release(&tree);
    cdb_buf_release(&patch);
    return result;
}

char *operation_put(struct call *call, const char *id, const char *json, const char *branch)
{
    chrondb_write_options options = {.size = sizeof(options), .create_branch = 1};
    struct cdb_buf document = CDB_BUF_INIT;
    if (!check_text(call, "id", id) || !check_text(call, "document", json) || !check_branch(call, &branch))
        return NULL;
    options.branch = branch;
    int result = chrondb_key_check(id);
    if (result == 0)
        result = make_document(&document, id, json);
    if (result == 0)
        result = chrondb_put(call->db, id, cdb_buf_str(&document), document.len, NULL, &options, NULL);
    return finish(call, result, NULL, &document);
}

char *operation_get(struct call *call, const char *id, const char *branch)
{
    chrondb_buffer value = {NULL, 0, 0};
    struct cdb_buf document = CDB_BUF_INIT;
    char *given = NULL;
    if (!check_text(call, "id", id) || !check_branch(call, &branch))
        return NULL;
    int result = chrondb_get_at(call->db, branch, NULL, id, &value);
    bool none = result == CHRONDB_NOTFOUND || (result != 0 && no_branch());
    if (result == 0)
        result = add_document(&document, id, value.data, value.size);
    if (!none)
        given = finish(call, result, NULL, &document);
    chrondb_buffer_free(&value);
    return given;
}

int operation_delete(struct call *call, const char *id, const char *branch)
{
    chrondb_write_options options = {.size = sizeof(options)};
    if (!check_text(call, "id", id) || !check_branch(call, &branch))
        return -1;
    options.branch = branch;
    int result = chrondb_delete(call->db, id, NULL, &options, NULL);
    if (result == 0)
        return 0;
    if (result == CHRONDB_NOTFOUND || no_branch())
        return 1;
    call_fail(call, NULL);
    return -1;
}

/* ---- lists ------------------------------------------------------------------------------------------ */

/* 0, or an error. */
static int add_range(struct cdb_buf *out, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    chrondb_list *list = NULL;
    chrondb_entry entry;
    bool ended = false;
    int result = chrondb_list_open(&list, snapshot, range);
    for (const char *before = ""; result == 0 && !ended; before = ",") {
        result = chrondb_list_next(list, &entry);
        ended = result == CHRONDB_END;
        if (result != 0)
            break;
        cdb_buf_adds(out, before);
        result = add_document(out, entry.key, entry.value, entry.value_size);
    }
    chrondb_list_free(list);
    return ended ? 0 : result;
}

static char *list(struct call *call, const chrondb_range *range, const char *branch)
{
    chrondb_snapshot *snapshot = NULL;
    struct cdb_buf array = CDB_BUF_INIT;
    int result = 0;
    if (!check_branch(call, &branch))
        return NULL;
    int opened = open_now(call, branch, &snapshot);
    if (opened < 0)
        return NULL;
    cdb_buf_addc(&array, '[');
    if (opened == 0)
        result = add_range(&array, snapshot, range);
    cdb_buf_addc(&array, ']');
    chrondb_snapshot_free(snapshot);
    return finish(call, result, "cannot list documents", &array);
}

char *operation_list_by_prefix(struct call *call, const char *prefix, const char *branch)
{
    chrondb_range range = {.size = sizeof(range), .prefix = prefix};
    return check_text(call, "prefix", prefix) ? list(call, &range, branch) : NULL;
}

char *operation_list_by_table(struct call *call, const char *table, const char *branch)
{
    chrondb_range range = {.size = sizeof(range), .table = table};
    return check_text(call, "table", table) ? list(call, &range, branch) : NULL;
}

/* ---- history ---------------------------------------------------------------------------------------- */

static void add_member(struct cdb_buf *out, const char *name, const char *text, size_t len)
{
    cdb_buf_addf(out, "\"%s\":", name);
    cdb_json_quote(out, text, len);
    cdb_buf_addc(out, ',');
}

/* "NAME <MAIL>" as two members. */
static void add_person(struct cdb_buf *out, const char *person)
{
    const char *mail = strrchr(person, '<');
    size_t name_len = mail != NULL ? (size_t)(mail - person) : strlen(person);
    mail = mail != NULL ? mail + 1 : "";
    while (name_len > 0 && person[name_len - 1] == ' ')
        name_len--;
    add_member(out, "committer-name", person, name_len);
    add_member(out, "committer-email", mail, strcspn(mail, ">"));
}

static int add_version(struct cdb_buf *out, const char *id, const chrondb_version_info *version)
{
    char time[CHRONDB_TIME_SIZE];
    chrondb_time_format(version->time, time);
    cdb_buf_addc(out, '{');
    add_member(out, "commit-id", version->commit, strlen(version->commit));
    add_member(out, "commit-time", time, strlen(time));
    add_member(out, "commit-message", version->message, strlen(version->message));
    add_person(out, version->committer);
    cdb_buf_adds(out, "\"document\":");
    int result = add_document(out, id, version->value, version->value_size);
    cdb_buf_addc(out, '}');
    return result;
}

/* 0, or an error. */
static int add_versions(struct cdb_buf *out, chrondb_snapshot *snapshot, const char *id)
{
    chrondb_history *history = NULL;
    chrondb_version_info version;
    bool ended = false;
    const char *before = "";
    int result = chrondb_history_open(&history, snapshot, id, NULL);
    if (result == CHRONDB_NOTFOUND)
        return 0;
    while (result == 0) {
        result = chrondb_history_next(history, &version);
        ended = result == CHRONDB_END;
        if (result != 0 || version.value == NULL) /* a deletion */
            continue;
        cdb_buf_adds(out, before);
        before = ",";
        result = add_version(out, id, &version);
    }
    chrondb_history_free(history);
    return ended ? 0 : result;
}

char *operation_history(struct call *call, const char *id, const char *branch)
{
    chrondb_snapshot *snapshot = NULL;
    struct cdb_buf array = CDB_BUF_INIT;
    int result = 0;
    if (!check_text(call, "id", id) || !check_branch(call, &branch))
        return NULL;
    int opened = open_now(call, branch, &snapshot);
    if (opened < 0)
        return NULL;
    cdb_buf_addc(&array, '[');
    if (opened == 0)
        result = add_versions(&array, snapshot, id);
    cdb_buf_addc(&array, ']');
    chrondb_snapshot_free(snapshot);
    return finish(call, result, NULL, &array);
}

/* ---- query ------------------------------------------------------------------------------------------ */

/* A whole number that the query states; `otherwise` if it does not, or that of a query that will be refused. */
static uint64_t stated(const struct cdb_json *json, const char *name, uint64_t otherwise)
{
    uint32_t node = cdb_json_member(json, 0, name, strlen(name));
    if (node == 0 || json->nodes[node].type != CDB_JSON_NUMBER)
        return otherwise;
    return strtoull(json->text + json->nodes[node].start, NULL, 10);
}

/* 0, or an error. */
static int add_results(struct cdb_buf *out, chrondb_snapshot *snapshot, const char *query,
                       const chrondb_search_options *options, uint64_t *total)
{
    chrondb_search *search = NULL;
    chrondb_hit hit;
    bool ended = false;
    int result = chrondb_search_open_ast(&search, snapshot, query, strlen(query), options);
    if (result == 0)
        *total = chrondb_search_total(search);
    for (const char *before = ""; result == 0; before = ",") {
        result = chrondb_search_next(search, &hit);
        ended = result == CHRONDB_END;
        if (result != 0)
            break;
        cdb_buf_adds(out, before);
        result = add_document(out, hit.key, hit.value, hit.value_size);
    }
    chrondb_search_free(search);
    return ended ? 0 : result;
}

/* The branch that the query names, where the caller names none. */
static int find_branch(const char *query, const char *given, chrondb_buffer *branch)
{
    if (given != NULL)
        return 0;
    int result = chrondb_search_ast_branch(query, strlen(query), branch);
    return result == CHRONDB_NOTFOUND ? 0 : result;
}

static int run_query(struct call *call, const char *query, const char *branch, struct cdb_buf *out)
{
    chrondb_search_options options = {.size = sizeof(options), .total = 1};
    chrondb_snapshot *snapshot = NULL;
    struct cdb_json json = CDB_JSON_INIT;
    uint64_t total = 0;
    int result = cdb_json_parse(&json, query, strlen(query));
    if (result == 0)
        result = chrondb_snapshot_open(&snapshot, call->db, branch, NULL);
    if (result != 0 && no_branch())
        result = 0;
    uint64_t limit = result == 0 ? stated(&json, "limit", QUERY_LIMIT) : 0;
    uint64_t offset = result == 0 ? stated(&json, "offset", 0) : 0;
    options.limit = limit;
    cdb_buf_adds(out, "{\"results\":[");
    if (result == 0 && snapshot != NULL)
        result = add_results(out, snapshot, query, &options, &total);
    cdb_buf_addf(out, "],\"total\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"offset\":%" PRIu64 "}", total, limit, offset);
    chrondb_snapshot_free(snapshot);
    cdb_json_release(&json);
    return result;
}

char *operation_query(struct call *call, const char *query, const char *branch)
{
    chrondb_buffer named = {NULL, 0, 0};
    struct cdb_buf text = CDB_BUF_INIT;
    if (!check_text(call, "query", query) || !check_branch(call, &branch))
        return NULL;
    int result = find_branch(query, branch, &named);
    if (result == 0)
        result = run_query(call, query, branch != NULL ? branch : named.data, &text);
    chrondb_buffer_free(&named);
    return finish(call, result, "cannot query", &text);
}
