/* SPDX-License-Identifier: MIT */
#include "db/compare.h"

#include <string.h>

#include "db/merge.h"
#include "store/bases.h"
#include "util/error.h"
#include "util/options.h"

int cdb_same_documents(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs, bool *same)
{
    struct cdb_changes changes = {.limit = 1};
    *same = cdb_oid_equal(ours, theirs);
    if (*same)
        return 0;
    int result = cdb_docs_diff(db->repo->objects, ours, theirs, &changes);
    *same = result == 0 && changes.count == 0 && !changes.foreign;
    cdb_changes_release(&changes);
    return result == 1 ? 0 : result;
}

static int compare_documents(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs, bool *same)
{
    struct cdb_oid our_root, their_root;
    int result = cdb_merge_root(db, ours, &our_root);
    if (result == 0)
        result = cdb_merge_root(db, theirs, &their_root);
    return result == 0 ? cdb_same_documents(db, &our_root, &their_root, same) : result;
}

/* Both are there, and are not the same. */
static int compare_histories(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs,
                             struct cdb_comparison *out)
{
    struct cdb_objects *objects = db->repo->objects;
    struct cdb_bases bases;
    bool our_news = true, their_news = true;
    int result = cdb_bases_find(&bases, objects, ours, 1, theirs);
    if (result == 0)
        result = compare_documents(db, ours, theirs, &out->same);
    if (result == 0 && out->same)
        result = cdb_bases_news(objects, ours, theirs, &our_news, &their_news);
    bool one = result == 0 && bases.count == 1;
    out->our_news = our_news && !(one && cdb_oid_equal(&bases.list[0], ours));
    out->their_news = their_news && !(one && cdb_oid_equal(&bases.list[0], theirs));
    cdb_bases_release(&bases);
    return result;
}

int cdb_compare(chrondb *db, const struct cdb_oid *ours, const struct cdb_oid *theirs, struct cdb_comparison *out)
{
    *out = (struct cdb_comparison){.same = cdb_oid_equal(ours, theirs)};
    if (out->same)
        return 0;
    out->our_news = !cdb_oid_is_zero(ours);
    out->their_news = !cdb_oid_is_zero(theirs);
    return out->our_news && out->their_news ? compare_histories(db, ours, theirs, out) : 0;
}

static int resolve(chrondb *db, const char *ref, const char *when, struct cdb_oid *out, char *hex)
{
    struct cdb_oid head;
    int result = cdb_resolve(db, ref, when, &head, out);
    if (result == 0 && !cdb_oid_is_zero(out))
        cdb_oid_format(out, hex);
    return result;
}

int chrondb_compare(chrondb *db, const char *branch, const char *ours, const char *theirs, chrondb_comparison *out)
{
    if (db == NULL || out == NULL)
        return cdb_error_null();
    struct cdb_comparison found;
    struct cdb_oid our_commit, their_commit;
    struct cdb_buf ref = CDB_BUF_INIT;
    chrondb_comparison known = {.size = sizeof(known)};
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_report_check(out, "chrondb_comparison");
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_branch_resolve(db, branch, &ref);
    if (result == 0)
        result = resolve(db, ref.ptr, ours, &our_commit, known.ours);
    if (result == 0)
        result = resolve(db, ref.ptr, theirs, &their_commit, known.theirs);
    if (result == 0)
        result = cdb_compare(db, &our_commit, &their_commit, &found);
    cdb_buf_release(&ref);
    if (result != 0)
        return result;
    known.same_documents = found.same;
    known.our_news = found.our_news;
    known.their_news = found.their_news;
    cdb_report_write(out, &known, sizeof(known));
    return 0;
}
