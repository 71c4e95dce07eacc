/* SPDX-License-Identifier: MIT */
#include "store/refedit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/packrefs.h"
#include "store/publish.h"
#include "store/refs.h"
#include "store/retire.h"
#include "store/txn.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

static int milliseconds_until(int64_t deadline)
{
    int64_t left = deadline - cdb_monotonic_ms();
    return left > 0 ? (int)left : 0;
}

/* A ref by the name that people use, without "refs/heads/" or "refs/tags/", quoted. */
static void add_name(struct cdb_buf *out, const char *ref)
{
    const char *slash = strchr(ref + strlen("refs/"), '/');
    cdb_buf_add_quoted(out, slash + 1, strlen(slash + 1));
}

static void set_current(const struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    cdb_error_set_current(hex);
}

/* Before the lock is taken, too: git's lock of "a/b" cannot even be made where "a" is a file. */
static int check_way(const struct cdb_repo *repo, const char *ref)
{
    struct cdb_buf other = CDB_BUF_INIT, name = CDB_BUF_INIT;
    int result = cdb_ref_in_the_way(repo->dir, ref, &other);
    if (result == 1) {
        add_name(&name, other.ptr);
        result = cdb_error(CHRONDB_ECONFLICT, "in_the_way",
                           "%s is in the way: git can have a ref 'a' or 'a/b', not both", cdb_buf_str(&name));
    }
    cdb_buf_release(&other);
    cdb_buf_release(&name);
    return result;
}

/* ---- set ------------------------------------------------------------------------------------------ */

/* Is what stands there, perhaps a tag, the commit that is wanted? */
static bool is_same(const struct cdb_repo *repo, const struct cdb_ref_edit *edit)
{
    struct cdb_oid peeled;
    int type;
    if (cdb_oid_equal(&edit->before, &edit->head))
        return true;
    return cdb_tag_peel(repo->objects, &edit->before, &peeled, &type) == 0 && cdb_oid_equal(&peeled, &edit->head);
}

/* A symbolic ref is not moved: it is about another one. */
static int check_symbolic(const struct cdb_repo *repo, const char *ref)
{
    struct cdb_buf target = CDB_BUF_INIT;
    int result = cdb_ref_target(repo->dir, ref, &target);
    if (result == 1)
        result = cdb_error(CHRONDB_ECONFLICT, "exists", "it is a symbolic ref; change it with 'git symbolic-ref'");
    cdb_buf_release(&target);
    return result;
}

/* Is it what the caller saw? */
static int check_expected(const struct cdb_ref_edit *edit)
{
    if (edit->expected == NULL || cdb_oid_equal(&edit->before, edit->expected))
        return 0;
    return cdb_error(CHRONDB_ECONFLICT, "conflict", "it has moved meanwhile; try again");
}

/* 0: go on; 1: it is done already. */
static int look(const struct cdb_txn *txn, struct cdb_ref_edit *edit)
{
    edit->before = txn->base;
    int expected = check_expected(edit);
    if (expected != 0)
        return expected;
    if (cdb_oid_is_zero(&edit->before)) {
        edit->outcome = CDB_REF_CREATED;
        int result = check_symbolic(txn->repo, edit->ref);
        return result == 0 ? check_way(txn->repo, edit->ref) : result;
    }
    if (is_same(txn->repo, edit)) {
        edit->outcome = CDB_REF_UNCHANGED;
        return 1;
    }
    edit->outcome = CDB_REF_MOVED;
    if (edit->force)
        return check_symbolic(txn->repo, edit->ref);
    int result = cdb_error(CHRONDB_ECONFLICT, "exists", "it exists already, at another commit");
    set_current(&edit->before);
    return result;
}

/* The lock goes first, else its folder would not be empty. */
static void end(struct cdb_txn *txn, const char *ref)
{
    struct cdb_repo *repo = txn->repo;
    if (txn->ref_locked)
        cdb_publish_drop(repo, txn->ref_lock, txn->ref_inode);
    txn->ref_locked = false;
    cdb_retire_folders(repo->dir, ref);
    cdb_txn_end(txn);
}

/* Git syncs nothing of what is pushed. */
static int sync_head(struct cdb_txn *txn, const struct cdb_ref_edit *edit)
{
    return edit->synced ? 0 : cdb_txn_rely(txn, &edit->head);
}

/* Nor a ref that stands there as we would have it. */
static int sync_ref(const struct cdb_repo *repo, const char *ref)
{
    int result = cdb_fs_sync_path(repo->dir, ref);
    if (result == 0)
        result = cdb_fs_sync_path(repo->dir, "packed-refs");
    return result == 0 ? cdb_fs_sync_dir(repo->dir, ".") : result;
}

int cdb_ref_set(struct cdb_repo *repo, struct cdb_ref_edit *edit)
{
    struct cdb_txn txn;
    int result = check_way(repo, edit->ref);
    if (result == 0)
        result = cdb_txn_begin(&txn, repo, edit->ref, edit->timeout_ms);
    if (result != 0)
        return result;
    result = look(&txn, edit);
    bool same = result == 1;
    if (same || result == 0)
        result = sync_head(&txn, edit);
    if (result == 0)
        result = same ? sync_ref(repo, edit->ref) : cdb_txn_commit(&txn, &edit->head, edit->time);
    end(&txn, edit->ref);
    return result;
}

/* ---- delete --------------------------------------------------------------------------------------- */

static int apply_removal(void *context, struct cdb_txn *txn, const struct cdb_oid *head)
{
    (void)txn;
    (void)head;
    return cdb_retire_apply(context);
}

/* A ref is there, also where it is a symbolic one to nowhere, or holds nothing of sense. */
static int look_for(const struct cdb_txn *txn, struct cdb_ref_edit *edit)
{
    struct cdb_buf target = CDB_BUF_INIT;
    edit->before = txn->base;
    int result = check_expected(edit);
    if (result == 0)
        result = cdb_ref_is_head(txn->repo->dir, edit->ref);
    if (result == 1)
        result = cdb_error(CHRONDB_ECONFLICT, "default_branch",
                           "it is the default branch: choose another with 'chrondb config branch NAME' before");
    else if (result == 0 && cdb_oid_is_zero(&txn->base)) {
        result = cdb_ref_target(txn->repo->dir, edit->ref, &target);
        result = result == 1 || result == CHRONDB_EDAMAGED ? 0 : result == 0 ? 1 : result;
    }
    cdb_buf_release(&target);
    return result;
}

int cdb_ref_delete(struct cdb_repo *repo, struct cdb_ref_edit *edit)
{
    static const struct cdb_oid none;
    struct cdb_txn txn;
    struct cdb_retire retire = {.repo = repo};
    int64_t deadline = cdb_monotonic_ms() + edit->timeout_ms;
    int result = cdb_txn_begin_any(&txn, repo, edit->ref, edit->timeout_ms);
    if (result != 0)
        return result;
    result = look_for(&txn, edit);
    if (result == 0)
        result = cdb_retire_prepare(&retire, repo, edit->ref, false, NULL, milliseconds_until(deadline));
    if (result == 0) {
        txn.publish = apply_removal;
        txn.publish_context = &retire;
        result = cdb_txn_commit(&txn, &none, edit->time);
        edit->outcome = CDB_REF_DELETED;
    }
    cdb_retire_release(&retire);
    end(&txn, edit->ref);
    return result;
}

/* ---- rename --------------------------------------------------------------------------------------- */

static int apply_rename(void *context, struct cdb_txn *txn, const struct cdb_oid *head)
{
    struct cdb_retire *retire = context;
    struct cdb_oid now;
    int result = cdb_publish_rename(txn->repo, txn->ref_lock, txn->ref, txn->ref_inode);
    if (result != 0)
        return result;
    CDB_FAULT("rename-created");
    result = cdb_retire_apply(retire);
    if (result != 0 && cdb_ref_is_head(txn->repo->dir, txn->ref) == 0 && /* else HEAD would name nothing */
        cdb_ref_read(txn->repo->dir, txn->ref, &now) == 0 && cdb_oid_equal(&now, head))
        unlinkat(txn->repo->dir, txn->ref, 0);
    return result;
}

/* With both locks: is `from` what we think it is? 0, 1 (it is not there), or an error. */
static int look_at_source(const struct cdb_repo *repo, const char *from, struct cdb_ref_edit *edit)
{
    int result = cdb_ref_read(repo->dir, from, &edit->before);
    if (result != 0)
        return result;
    if (cdb_oid_equal(&edit->before, &edit->head))
        return 0;
    result = cdb_error(CHRONDB_ECONFLICT, "conflict", "it has moved meanwhile; try again");
    set_current(&edit->before);
    return result;
}

static int look_at_target(const struct cdb_txn *txn, const struct cdb_ref_edit *edit)
{
    if (cdb_oid_is_zero(&txn->base)) {
        int result = check_symbolic(txn->repo, edit->ref);
        return result == 0 ? check_way(txn->repo, edit->ref) : result;
    }
    struct cdb_buf name = CDB_BUF_INIT;
    add_name(&name, edit->ref);
    int result = cdb_error(CHRONDB_ECONFLICT, "exists", "%s exists already", cdb_buf_str(&name));
    set_current(&txn->base);
    cdb_buf_release(&name);
    return result;
}

int cdb_ref_rename(struct cdb_repo *repo, const char *from, struct cdb_ref_edit *edit)
{
    struct cdb_txn txn;
    struct cdb_retire retire = {.repo = repo};
    int64_t deadline = cdb_monotonic_ms() + edit->timeout_ms;
    int result = check_way(repo, edit->ref);
    if (result == 0)
        result = cdb_txn_begin(&txn, repo, edit->ref, edit->timeout_ms);
    if (result != 0)
        return result;
    result = look_at_target(&txn, edit);
    if (result == 0)
        result = check_symbolic(repo, from);
    if (result == 0)
        result = cdb_retire_prepare(&retire, repo, from, true, edit->ref, milliseconds_until(deadline));
    if (result == 0)
        result = look_at_source(repo, from, edit);
    if (result == 0)
        result = sync_head(&txn, edit);
    if (result == 0) {
        txn.former = from;
        txn.publish = apply_rename;
        txn.publish_context = &retire;
        result = cdb_txn_commit(&txn, &edit->head, edit->time);
        edit->outcome = CDB_REF_RENAMED;
    }
    cdb_retire_release(&retire);
    cdb_retire_folders(repo->dir, from);
    end(&txn, edit->ref);
    return result;
}

/* ---- the default branch --------------------------------------------------------------------------- */

/* A HEAD that is right may have been written by a git, which syncs nothing. */
static int look_at_head(const struct cdb_repo *repo, struct cdb_ref_edit *edit)
{
    struct cdb_buf target = CDB_BUF_INIT;
    int result = cdb_ref_target(repo->dir, "HEAD", &target);
    bool same = result == 1 && strcmp(target.ptr, edit->ref) == 0;
    edit->outcome = same ? CDB_REF_UNCHANGED : CDB_REF_MOVED;
    cdb_buf_release(&target);
    return result < 0 && result != CHRONDB_EDAMAGED ? result : 0;
}

int cdb_ref_set_head(struct cdb_repo *repo, struct cdb_ref_edit *edit)
{
    struct cdb_txn txn;
    struct cdb_retire retire = {.repo = repo};
    int64_t deadline = cdb_monotonic_ms() + edit->timeout_ms;
    int result = cdb_txn_begin_exclusive(&txn, repo, edit->timeout_ms);
    if (result != 0)
        return result;
    result = cdb_retire_prepare(&retire, repo, NULL, false, edit->ref, milliseconds_until(deadline));
    if (result == 0)
        result = look_at_head(repo, edit);
    if (result == 0)
        result = edit->outcome == CDB_REF_UNCHANGED ? sync_ref(repo, "HEAD") : cdb_retire_apply(&retire);
    cdb_retire_release(&retire);
    cdb_txn_end(&txn);
    return result;
}
