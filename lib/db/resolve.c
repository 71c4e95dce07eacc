/* SPDX-License-Identifier: MIT
 * Branches and WHEN: from names to commits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/when.h"
#include "store/refs.h"
#include "util/error.h"
#include "util/time.h"

#define STEPS_MAX    1000000000u
#define STEPS_TO_ASK 8 /* so many steps back are worth a look into the catalog */
#define TAG_DEPTH    8
#define HEX_DIGITS   "0123456789abcdefABCDEF"

static int no_such(const char *text, const char *why)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, text, strlen(text));
    int result = cdb_error(CHRONDB_EUSAGE, "invalid_time", "cannot tell when %s is: %s", cdb_buf_str(&quoted), why);
    cdb_buf_release(&quoted);
    return result;
}

/* ---- branches ---------------------------------------------------------------------------------- */

int cdb_branch_resolve(chrondb *db, const char *branch, struct cdb_buf *ref)
{
    struct cdb_buf head = CDB_BUF_INIT;
    struct cdb_oid oid;
    int dir = db->repo->dir;
    int result = cdb_ref_branch(dir, branch, ref);
    if (result != 0 || branch == NULL || *branch == '\0')
        return result;
    result = cdb_repo_ref(db->repo, ref->ptr, &oid);
    if (result != 1)
        return result == CHRONDB_EDAMAGED ? 0 : result; /* told by who reads it */
    bool is_head = cdb_ref_branch(dir, NULL, &head) == 0 && strcmp(head.ptr, ref->ptr) == 0;
    result = 0;
    if (!is_head && cdb_ref_any_branch(dir)) {
        cdb_buf_clear(&head);
        cdb_buf_add_quoted(&head, branch, strlen(branch));
        result = cdb_error(CHRONDB_EUSAGE, "no_branch", "there is no branch %s", cdb_buf_str(&head));
    }
    cdb_buf_release(&head);
    return result;
}

static int check_new_branch(chrondb *db, const char *branch, struct cdb_buf *ref)
{
    struct cdb_buf other = CDB_BUF_INIT, quoted = CDB_BUF_INIT;
    int result = cdb_ref_new_name(CDB_HEADS, "branch", branch, ref);
    if (result == 0)
        result = cdb_ref_in_the_way(db->repo->dir, ref->ptr, &other);
    if (result == 1) {
        cdb_buf_add_quoted(&quoted, other.ptr + strlen(CDB_HEADS), other.len - strlen(CDB_HEADS));
        result = cdb_error(CHRONDB_ECONFLICT, "in_the_way",
                           "%s is in the way: git can have a branch 'a' or 'a/b', not both", cdb_buf_str(&quoted));
    }
    cdb_buf_release(&other);
    cdb_buf_release(&quoted);
    return result;
}

int cdb_branch_for_write(chrondb *db, const char *branch, bool create, struct cdb_buf *ref)
{
    int result = cdb_branch_resolve(db, branch, ref);
    if (!create || result != CHRONDB_EUSAGE || strcmp(chrondb_last_error()->name, "no_branch") != 0)
        return result;
    cdb_error_clear();
    return check_new_branch(db, branch, ref);
}

/* ---- refs and commits as WHEN ------------------------------------------------------------------- */

/* From a tag object to the commit that it names in the end. */
static int peel(chrondb *db, struct cdb_oid *oid, const char *text)
{
    struct cdb_buf content = CDB_BUF_INIT;
    int result = CHRONDB_EUSAGE;
    for (int depth = 0; depth < TAG_DEPTH; depth++) {
        int type;
        result = cdb_objects_find(db->repo->objects, oid, CDB_COMMIT_MAX, &type, &content);
        if (result == 1)
            result = cdb_objects_read(db->repo->objects, oid, CDB_ANY, CDB_COMMIT_MAX, &content); /* the message */
        if (result != 0 || type == CDB_COMMIT)
            break;
        result = no_such(text, "it names no commit");
        if (type != CDB_TAG || content.len < 7 + CDB_OID_HEX || memcmp(content.ptr, "object ", 7) != 0 ||
            !cdb_oid_parse(content.ptr + 7, oid))
            break;
    }
    cdb_buf_release(&content);
    return result;
}

/* A ref by the name that people use: 0, 1 (there is none), or an error. A branch and a tag of one name must agree; what
 * was fetched from another machine ("origin/main") comes behind them. */
static int find_ref(chrondb *db, const char *name, const char *text, struct cdb_oid *out)
{
    static const char *const places[] = {"", CDB_HEADS, CDB_TAGS, CDB_REMOTES};
    struct cdb_buf full = CDB_BUF_INIT;
    bool found = false;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(places) / sizeof(places[0]); i++) {
        struct cdb_oid oid;
        if (found && i == sizeof(places) / sizeof(places[0]) - 1)
            break;
        if (*places[i] == '\0' && strncmp(name, "refs/", 5) != 0 && strcmp(name, "HEAD") != 0)
            continue;
        cdb_buf_clear(&full);
        cdb_buf_addf(&full, "%s%s", places[i], name);
        if ((result = cdb_buf_check(&full)) != 0 || !cdb_ref_name_valid(full.ptr))
            continue;
        int status = cdb_repo_ref(db->repo, full.ptr, &oid);
        if (status == 1)
            continue;
        result = status == 0 ? peel(db, &oid, text) : status;
        if (result == 0 && found && !cdb_oid_equal(&oid, out))
            result = no_such(text, "a branch and a tag have that name: say ref:refs/heads/... or ref:refs/tags/...");
        *out = oid;
        found = true;
    }
    cdb_buf_release(&full);
    return result != 0 ? result : found ? 0 : 1;
}

static int find_commit(chrondb *db, const char *hex, size_t len, const char *text, struct cdb_oid *out)
{
    int status = cdb_objects_abbreviation(db->repo->objects, hex, len, out);
    if (status == 1)
        return no_such(text, "there is no such commit");
    if (status == 2)
        return no_such(text, "several objects have ids that begin so: give more digits");
    return status != 0 ? status : peel(db, out, text);
}

static int too_far(const char *text)
{
    return no_such(text, "the history does not go back so far");
}

/* So many commits back along first parents, where the branch's catalog has the commit: 0, 1 (it does not go back so
 * far), or CDB_WITHOUT. */
static int step_in_catalog(struct cdb_point *head, uint64_t count, struct cdb_oid *oid)
{
    struct cdb_catalog_commit found;
    uint64_t position;
    struct cdb_view *view = count >= STEPS_TO_ASK ? cdb_point_view(head) : NULL;
    int result = view != NULL ? cdb_view_find(view, oid, &position) : CDB_WITHOUT;
    if (result != 0)
        return CDB_WITHOUT;
    if (position < count)
        return 1;
    result = cdb_view_commit(view, position - count, &found);
    if (result == 0)
        *oid = found.id;
    return result;
}

/* "~3", "^2", "~" ... behind a name. */
static int follow_steps(struct cdb_point *head, const char *steps, const char *text, struct cdb_oid *oid)
{
    struct cdb_objects *objects = head->db->repo->objects;
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0;
    while (result == 0 && *steps != '\0') {
        char kind = *steps++;
        unsigned long count = 1;
        errno = 0;
        if (*steps >= '0' && *steps <= '9') {
            char *end;
            count = strtoul(steps, &end, 10);
            steps = end;
        }
        if ((kind != '~' && kind != '^') || errno != 0 || count > STEPS_MAX) {
            result = no_such(text, "only ~N and ^N may follow the name");
            break;
        }
        size_t which = kind == '^' && count > 0 ? count - 1 : 0;
        int status = kind == '~' ? step_in_catalog(head, count, oid) : CDB_WITHOUT;
        if (status == 0)
            continue;
        if (status == 1) {
            result = too_far(text);
            break;
        }
        for (unsigned long i = kind == '^' ? (count > 0) : count; result == 0 && i > 0; i--) {
            struct cdb_commit commit;
            result = cdb_commit_read(objects, oid, &content, &commit);
            if (result == 0 && which >= commit.parent_count)
                result = too_far(text);
            if (result == 0)
                *oid = cdb_commit_parent(&commit, which);
        }
    }
    cdb_buf_release(&content);
    return result;
}

/* A commit id, with steps behind it. */
static int find_commit_name(struct cdb_point *head, const char *name, const char *text, struct cdb_oid *out)
{
    size_t len = strcspn(name, "~^");
    int result = strspn(name, HEX_DIGITS) == len ? find_commit(head->db, name, len, text, out)
                                                 : no_such(text, "a commit id is 4 to 40 hex digits");
    return result == 0 ? follow_steps(head, name + len, text, out) : result;
}

/* A ref or commit id, with steps behind it: 0, 1 (it is none), or an error. */
static int find_name(struct cdb_point *head, const char *name, const char *text, bool commit_too, struct cdb_oid *out)
{
    chrondb *db = head->db;
    size_t len = strcspn(name, "~^");
    char *base = strndup(name, len);
    if (base == NULL)
        return cdb_error_memory();
    int result = len > 0 ? find_ref(db, base, text, out) : 1;
    if (result == 1 && name[len] != '\0' && commit_too && strspn(base, HEX_DIGITS) == len && len >= 4 &&
        len <= CDB_OID_HEX)
        result = find_commit(db, base, len, text, out);
    if (result == 0)
        result = follow_steps(head, name + len, text, out);
    free(base);
    return result;
}

/* ---- moments ----------------------------------------------------------------------------------- */

/* The last commit at or before a time, below the point's: through the catalog, or by walking the chain. */
static int find_moment(struct cdb_point *point, chrondb_time time, struct cdb_oid *out)
{
    struct cdb_timeline timeline;
    struct cdb_catalog_commit found;
    uint64_t position;
    struct cdb_view *view = cdb_point_view(point);
    memset(out, 0, sizeof(*out));
    int status = view != NULL ? cdb_view_at(view, time, &position) : CDB_WITHOUT;
    if (status == 1)
        return 0;
    if (status == 0)
        status = cdb_view_commit(view, position, &found);
    if (status == 0) {
        *out = found.id;
        return 0;
    }
    cdb_point_lose(point);
    int result = cdb_timeline_load(&timeline, point->db->repo->objects, &point->commit);
    size_t index = result == 0 ? cdb_timeline_at(&timeline, time) : 0;
    if (result == 0 && index < timeline.count)
        *out = timeline.moments[index].commit;
    cdb_timeline_release(&timeline);
    return result;
}

static int find_version(struct cdb_point *point, const struct cdb_when *when, const char *text, struct cdb_oid *out)
{
    struct cdb_versions versions = {0};
    struct cdb_key key;
    bool ever;
    int result = cdb_key_parse(&key, when->name, when->name_len);
    if (result == 0 && when->versions >= SIZE_MAX - 1)
        result = no_such(text, "the key has not so many versions");
    if (result == 0)
        result = cdb_versions_find(point, &key, when->versions + 1, NULL, NULL, &versions, &ever);
    if (result == 0 && versions.count <= when->versions)
        result = versions.count == 0 ? no_such(text, "that key has never been there")
                                     : no_such(text, "the key has not so many versions");
    if (result == 0)
        *out = versions.versions[when->versions].commit;
    cdb_versions_release(&versions);
    return result;
}

struct resolved {
    bool is_time, is_now;
    chrondb_time time;
    struct cdb_oid commit; /* zeros: none */
    struct cdb_oid head;   /* of the branch; zeros: none */
};

static int resolve_form(struct cdb_point *head, const char *text, struct resolved *out)
{
    struct cdb_when when;
    cdb_when_parse(&when, text, strlen(text), cdb_time_now());
    switch (when.kind) {
    case CDB_WHEN_HEAD:
        out->is_now = true;
        out->commit = head->commit;
        return 0;
    case CDB_WHEN_TIME:
        out->is_time = true;
        out->time = when.time;
        return 0;
    case CDB_WHEN_VERSION:
        return find_version(head, &when, text, &out->commit);
    case CDB_WHEN_COMMIT: /* looked up before: resolve() */
    case CDB_WHEN_REF:
        break;
    case CDB_WHEN_UNKNOWN:
        if (when.maybe_commit)
            return find_commit(head->db, text, strlen(text), text, &out->commit);
    }
    return no_such(text, "it is not the name of a branch or tag, no KEY@{N}, no time such as 2026-11-21T07:44:00Z, "
                         "2026-11, yesterday, '3 days ago' or @1700000000, and no commit id");
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int resolve_text(struct cdb_point *head, const char *text, struct resolved *out)
{
    bool is_version = text[0] != '\0' && text[strlen(text) - 1] == '}' && strstr(text, "@{") != NULL;
    int result = 1;
    if (has_prefix(text, "ref:") && !is_version) {
        result = find_name(head, text + 4, text, false, &out->commit);
        return result == 1 ? no_such(text, "there is no such branch or tag") : result;
    }
    if (has_prefix(text, "commit:") && !is_version)
        return find_commit_name(head, text + 7, text, &out->commit);
    if (!has_prefix(text, "time:") && !is_version)
        result = find_name(head, text, text, true, &out->commit);
    if (result == 1)
        result = resolve_form(head, text, out);
    if (result == 0 && out->is_time)
        result = find_moment(head, out->time, &out->commit);
    return result;
}

static int resolve(chrondb *db, const char *ref, const char *text, struct resolved *out)
{
    struct cdb_point head;
    memset(out, 0, sizeof(*out));
    int result = cdb_repo_ref(db->repo, ref, &out->head);
    if (result < 0)
        return result;
    if (result == 1)
        memset(&out->head, 0, sizeof(out->head));
    out->commit = out->head;
    if (text == NULL)
        return 0;
    cdb_point_init(&head, db, ref, &out->head, &out->head);
    result = resolve_text(&head, text, out);
    cdb_point_release(&head);
    return result;
}

int cdb_resolve(chrondb *db, const char *ref, const char *text, struct cdb_oid *head, struct cdb_oid *out)
{
    struct resolved resolved;
    int result = resolve(db, ref, text, &resolved);
    if (result == 0) {
        *head = resolved.head;
        *out = resolved.commit;
    }
    return result;
}

int cdb_resolve_time(chrondb *db, const char *ref, const char *text, chrondb_time *out)
{
    struct resolved resolved;
    struct cdb_point point;
    int result = resolve(db, ref, text, &resolved);
    if (result != 0)
        return result;
    if (resolved.is_time || (resolved.is_now && cdb_oid_is_zero(&resolved.commit))) {
        *out = resolved.is_time ? resolved.time : cdb_time_now();
        return 0;
    }
    if (cdb_oid_is_zero(&resolved.commit))
        return no_such(text, "there is no commit");
    cdb_point_init(&point, db, ref, &resolved.head, &resolved.commit);
    result = cdb_point_time(&point, out);
    cdb_point_release(&point);
    return result;
}
