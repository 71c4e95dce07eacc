/* SPDX-License-Identifier: MIT
 * Branches and tags as users see them. */
#include <string.h>

#include "db/branches.h"
#include "db/handle.h"
#include "db/wait.h"
#include "store/packrefs.h"
#include "store/refedit.h"
#include "store/refs.h"
#include "util/error.h"

struct kind {
    const char *folder; /* with its slash */
    const char *word;
};

static const struct kind branches = {CDB_HEADS, "branch"};
static const struct kind tags = {CDB_TAGS, "tag"};
static const struct kind remote_branches = {CDB_REMOTES, "remote branch"};

static void add_context(const char *verb, const struct kind *kind, const char *name)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    cdb_error_context("cannot %s %s %s", verb, kind->word, cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
}

static int not_there(const struct kind *kind, const char *name)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    cdb_error_set(CHRONDB_NOTFOUND, "not_found", "there is no %s %s", kind->word, cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return CHRONDB_NOTFOUND;
}

/* ---- what a ref is about -------------------------------------------------------------------------- */

/* To find times in: most refs are on the default branch. */
struct reader {
    chrondb *db;
    struct cdb_buf head; /* what HEAD names, in full; "" if that is no branch */
    struct cdb_point point;
};

static void reader_init(struct reader *reader, chrondb *db)
{
    struct cdb_oid oid = {{0}};
    *reader = (struct reader){.db = db};
    if (cdb_ref_branch(db->repo->dir, NULL, &reader->head) != 0)
        cdb_buf_clear(&reader->head);
    if (reader->head.len > 0 && cdb_repo_ref(db->repo, reader->head.ptr, &oid) != 0)
        memset(&oid, 0, sizeof(oid));
    cdb_point_init(&reader->point, db, cdb_buf_str(&reader->head), &oid, &oid);
    cdb_error_clear();
}

static void reader_release(struct reader *reader)
{
    cdb_point_release(&reader->point);
    cdb_buf_release(&reader->head);
}

/* On the default branch: 0, or another number. */
static int find_time(struct reader *reader, const struct cdb_oid *commit, chrondb_time *time)
{
    struct cdb_catalog_commit found;
    uint64_t position;
    struct cdb_view *view = cdb_point_view(&reader->point);
    int result = view != NULL ? cdb_view_find(view, commit, &position) : CDB_WITHOUT;
    if (result == 0)
        result = cdb_view_commit(view, position, &found);
    if (result == 0)
        *time = found.time;
    return result;
}

/* Without asking the index where the last writers have left it. */
static int read_time(struct reader *reader, const char *ref, const struct cdb_oid *commit, chrondb_time *time)
{
    struct cdb_state state;
    struct cdb_point point;
    const struct cdb_known *known =
        cdb_state_read(reader->db->repo->dir, &state) == 0 ? cdb_state_find(&state, commit) : NULL;
    if (known != NULL) {
        *time = (chrondb_time){known->seconds, known->nanoseconds};
        return 0;
    }
    if (find_time(reader, commit, time) == 0)
        return 0;
    cdb_point_init(&point, reader->db, ref, commit, commit);
    int result = cdb_point_time(&point, time);
    cdb_point_release(&point);
    return result;
}

/* 0, also for what is no commit; or an error. */
static int describe(struct reader *reader, const char *ref, const struct cdb_oid *oid, chrondb_ref *out)
{
    struct cdb_oid peeled, commit = *oid;
    int type, result = cdb_tag_peel(reader->db->repo->objects, oid, &peeled, &type);
    if (result == 0 && !cdb_oid_is_zero(&peeled)) {
        cdb_oid_format(oid, out->object);
        commit = peeled;
    }
    if (result == 0 && type != CDB_COMMIT)
        return 0;
    cdb_oid_format(&commit, out->commit);
    result = read_time(reader, ref, &commit, &out->time); /* of one that is missing: the error says so */
    out->has_time = result == 0;
    return result;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

static void warn(const struct reader *reader, const struct kind *kind, const char *name)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    cdb_repo_notice(reader->db->repo, CHRONDB_WARNING, "%s %s cannot be read: %s", kind->word, cdb_buf_str(&quoted),
                    chrondb_last_error()->message);
    cdb_error_clear();
    cdb_buf_release(&quoted);
}

/* 1: it is gone meanwhile, or is a symbolic one to nowhere. */
static int read_ref(struct reader *reader, const struct kind *kind, const char *ref, chrondb_ref *out)
{
    struct cdb_oid oid;
    *out = (chrondb_ref){.name = ref + strlen(kind->folder)};
    out->is_default = strcmp(ref, cdb_buf_str(&reader->head)) == 0;
    int result = cdb_repo_ref(reader->db->repo, ref, &oid);
    if (result == 0 && kind == &remote_branches) /* their times may cost a walk, and tell nobody anything */
        cdb_oid_format(&oid, out->commit);
    else if (result == 0)
        result = describe(reader, ref, &oid, out);
    if (result == CHRONDB_EDAMAGED) {
        warn(reader, kind, out->name);
        result = 0;
    }
    return result;
}

static int list(chrondb *db, const struct kind *kind, int (*each)(void *context, const chrondb_ref *ref), void *context)
{
    struct cdb_branches found;
    struct reader reader;
    char folder[16] = "";
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    memcpy(folder, kind->folder, strlen(kind->folder) - 1);
    if (result == 0)
        result = cdb_refs_list(&found, db->repo, folder);
    if (result != 0)
        return result;
    reader_init(&reader, db);
    for (size_t i = 0; result == 0 && i < found.count; i++) {
        chrondb_ref ref;
        result = read_ref(&reader, kind, found.names[i], &ref);
        result = result == 0 ? each(context, &ref) : result == 1 ? 0 : result;
    }
    reader_release(&reader);
    cdb_branches_release(&found);
    return result;
}

int chrondb_branch_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref), void *context)
{
    if (db == NULL || each == NULL)
        return cdb_error_null();
    return list(db, &branches, each, context);
}

int chrondb_tag_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref), void *context)
{
    if (db == NULL || each == NULL)
        return cdb_error_null();
    return list(db, &tags, each, context);
}

int chrondb_remote_branch_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref), void *context)
{
    if (db == NULL || each == NULL)
        return cdb_error_null();
    return list(db, &remote_branches, each, context);
}

/* ---- making --------------------------------------------------------------------------------------- */

struct request {
    chrondb *db;
    const struct kind *kind;
    const char *name;
    struct cdb_buf ref; /* in full */
    struct cdb_ref_edit edit;
    chrondb_ref out;
};

static void begin(struct request *request, chrondb *db, const struct kind *kind, const char *name, int lock_timeout_ms)
{
    *request = (struct request){.db = db, .kind = kind, .name = name, .out = {.name = name}};
    request->edit.timeout_ms = cdb_lock_wait(lock_timeout_ms);
}

/* `verb` NULL: the error says all. */
static int end(struct request *request, int result, const char *verb, chrondb_ref *out)
{
    if (result < 0 && verb != NULL && strcmp(chrondb_last_error()->name, "invalid_name") != 0)
        add_context(verb, request->kind, request->name);
    if (out != NULL)
        *out = request->out;
    cdb_buf_release(&request->ref);
    return result;
}

/* Does a head stand on it that is ours? Then it is durable as that is. */
static bool is_below_ours(chrondb *db, const char *ref, const struct cdb_oid *head, const struct cdb_oid *commit)
{
    struct cdb_state state;
    struct cdb_point point;
    uint64_t position;
    if (cdb_state_read(db->repo->dir, &state) != 0 || cdb_state_find(&state, head) == NULL)
        return false;
    if (cdb_oid_equal(head, commit))
        return true;
    cdb_point_init(&point, db, ref, head, head);
    struct cdb_view *view = cdb_point_view(&point);
    bool found = view != NULL && cdb_view_find(view, commit, &position) == 0;
    cdb_point_release(&point);
    return found;
}

/* The commit that it is to name, and all that is told of it. */
static int find_start(struct request *request, const char *branch, const char *when)
{
    struct cdb_buf ref = CDB_BUF_INIT;
    struct cdb_oid head;
    struct reader reader;
    chrondb *db = request->db;
    int result = cdb_branch_resolve(db, branch, &ref);
    if (result == 0)
        result = cdb_resolve(db, ref.ptr, when, &head, &request->edit.head);
    if (result == 0 && cdb_oid_is_zero(&request->edit.head))
        result = cdb_error(CHRONDB_EUSAGE, "no_commit", "there is no commit %s for a %s to name",
                           when == NULL ? "yet" : "at that time", request->kind->word);
    if (result == 0) {
        reader_init(&reader, db);
        result = describe(&reader, ref.ptr, &request->edit.head, &request->out);
        reader_release(&reader);
    }
    if (result == 0) {
        request->edit.synced = is_below_ours(db, ref.ptr, &head, &request->edit.head);
        request->edit.time = request->out.time;
    }
    cdb_buf_release(&ref);
    return result;
}

static enum chrondb_status status_of(enum cdb_ref_outcome outcome)
{
    return outcome == CDB_REF_CREATED     ? CHRONDB_CREATED
           : outcome == CDB_REF_UNCHANGED ? CHRONDB_UNCHANGED
                                          : CHRONDB_UPDATED;
}

/* What a tag that was moved, or is left as it is, was before. */
static void tell_before(struct request *request)
{
    struct cdb_oid peeled;
    const struct cdb_oid *before = &request->edit.before;
    if (cdb_oid_is_zero(before)) /* it is new; an object that is nowhere is looked for even in the journal */
        return;
    int type, result = cdb_tag_peel(request->db->repo->objects, before, &peeled, &type);
    bool is_tag = result == 0 && !cdb_oid_is_zero(&peeled);
    if (is_tag && request->edit.outcome == CDB_REF_UNCHANGED)
        cdb_oid_format(before, request->out.object);
    if (request->edit.outcome == CDB_REF_MOVED)
        cdb_oid_format(is_tag ? &peeled : before, request->out.previous);
    cdb_error_clear();
}

static int create(struct request *request, const char *branch, const char *when, enum chrondb_status *status)
{
    struct cdb_buf head = CDB_BUF_INIT;
    chrondb *db = request->db;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_ref_new_name(request->kind->folder, request->kind->word, request->name, &request->ref);
    if (result == 0)
        result = find_start(request, branch, when);
    if (result != 0)
        return result;
    request->edit.ref = request->ref.ptr;
    result = cdb_ref_set(db->repo, &request->edit);
    if (result != 0)
        return result;
    tell_before(request);
    request->out.is_default =
        cdb_ref_branch(db->repo->dir, NULL, &head) == 0 && strcmp(head.ptr, request->ref.ptr) == 0;
    cdb_buf_release(&head);
    cdb_error_clear();
    if (status != NULL)
        *status = status_of(request->edit.outcome);
    return 0;
}

int chrondb_branch_create(chrondb *db, const char *name, const char *branch, const char *start, int lock_timeout_ms,
                          enum chrondb_status *status, chrondb_ref *out)
{
    if (db == NULL || name == NULL)
        return cdb_error_null();
    struct request request;
    begin(&request, db, &branches, name, lock_timeout_ms);
    return end(&request, create(&request, branch, start, status), "create", out);
}

int chrondb_tag_create(chrondb *db, const char *name, const char *branch, const char *when, int force,
                       int lock_timeout_ms, enum chrondb_status *status, chrondb_ref *out)
{
    if (db == NULL || name == NULL)
        return cdb_error_null();
    struct request request;
    begin(&request, db, &tags, name, lock_timeout_ms);
    request.edit.force = force != 0;
    return end(&request, create(&request, branch, when, status), force ? "move" : "create", out);
}

/* ---- renaming and deleting ------------------------------------------------------------------------ */

/* One that is there: git may have given it a name that we would not. 0; CHRONDB_NOTFOUND; or an error. `oid` may
 * become zeros: a symbolic ref to nowhere. */
static int find(struct request *request, const char *name, struct cdb_buf *ref, struct cdb_oid *oid)
{
    struct cdb_buf target = CDB_BUF_INIT;
    int dir = request->db->repo->dir;
    size_t len = strlen(request->kind->folder);
    cdb_buf_addf(ref, "%s%s", strncmp(name, request->kind->folder, len) == 0 ? "" : request->kind->folder, name);
    int result = cdb_buf_check(ref);
    memset(oid, 0, sizeof(*oid));
    if (result == 0)
        result = cdb_ref_name_valid(ref->ptr) ? cdb_repo_ref(request->db->repo, ref->ptr, oid) : 1;
    if (result == 1 && cdb_ref_name_valid(ref->ptr))
        result = cdb_ref_target(dir, ref->ptr, &target) == 1 ? 0 : 1;
    cdb_buf_release(&target);
    return result == 1 ? not_there(request->kind, name) : result;
}

/* Also of one that cannot be read: it is gone all the same. */
static void describe_gone(struct request *request, const struct cdb_oid *oid)
{
    struct reader reader;
    if (cdb_oid_is_zero(oid))
        return;
    reader_init(&reader, request->db);
    if (describe(&reader, request->ref.ptr, oid, &request->out) != 0)
        cdb_error_clear();
    reader_release(&reader);
}

static int delete_ref(struct request *request)
{
    struct cdb_oid oid;
    chrondb *db = request->db;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = find(request, request->name, &request->ref, &oid);
    if (result == CHRONDB_EDAMAGED) /* it may go all the same */
        result = 0;
    if (result != 0)
        return result;
    request->edit.ref = request->ref.ptr;
    result = cdb_ref_delete(db->repo, &request->edit);
    if (result == 1)
        return not_there(request->kind, request->name);
    if (result == 0)
        describe_gone(request, &request->edit.before);
    cdb_db_index_set_due(db);
    return result;
}

int chrondb_branch_delete(chrondb *db, const char *name, int lock_timeout_ms, chrondb_ref *out)
{
    if (db == NULL || name == NULL)
        return cdb_error_null();
    struct request request;
    begin(&request, db, &branches, name, lock_timeout_ms);
    return end(&request, delete_ref(&request), "delete", out);
}

int chrondb_tag_delete(chrondb *db, const char *name, int lock_timeout_ms, chrondb_ref *out)
{
    if (db == NULL || name == NULL)
        return cdb_error_null();
    struct request request;
    begin(&request, db, &tags, name, lock_timeout_ms);
    return end(&request, delete_ref(&request), "delete", out);
}

static int rename_ref(struct request *request, const char *from, enum chrondb_status *status)
{
    struct cdb_buf source = CDB_BUF_INIT;
    struct reader reader;
    chrondb *db = request->db;
    bool same = false;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_ref_new_name(CDB_HEADS, request->kind->word, request->name, &request->ref);
    if (result == 0)
        result = find(request, from, &source, &request->edit.head);
    if (result == 0) {
        same = strcmp(source.ptr, request->ref.ptr) == 0;
        reader_init(&reader, db);
        result = describe(&reader, source.ptr, &request->edit.head, &request->out);
        request->out.is_default = strcmp(source.ptr, cdb_buf_str(&reader.head)) == 0;
        reader_release(&reader);
    }
    request->edit.ref = request->ref.ptr;
    request->edit.time = request->out.time;
    if (result == 0 && !same) {
        result = cdb_ref_rename(db->repo, source.ptr, &request->edit);
        result = result == 1 ? not_there(request->kind, from) : result;
    }
    cdb_buf_release(&source);
    if (result == 0 && !same)
        cdb_db_index_set_due(db);
    if (result == 0 && status != NULL)
        *status = same ? CHRONDB_UNCHANGED : CHRONDB_UPDATED;
    return result;
}

int chrondb_branch_rename(chrondb *db, const char *from, const char *to, int lock_timeout_ms,
                          enum chrondb_status *status, chrondb_ref *out)
{
    if (db == NULL || from == NULL || to == NULL)
        return cdb_error_null();
    struct request request;
    begin(&request, db, &branches, to, lock_timeout_ms);
    int result = rename_ref(&request, from, status);
    if (result < 0 && strcmp(chrondb_last_error()->name, "invalid_name") != 0)
        add_context("rename", &branches, from);
    return end(&request, result, NULL, out);
}
