/* SPDX-License-Identifier: MIT
 * Backups: which refs there are at one moment, what an incremental one stands on, and where it goes. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/branches.h"
#include "db/handle.h"
#include "db/progress.h"
#include "db/wait.h"
#include "store/newfile.h"
#include "store/packrefs.h"
#include "store/refs.h"
#include "store/restore.h"
#include "store/txn.h"
#include "util/error.h"
#include "util/options.h"

#define LOOKS 8 /* at all refs, until two say the same */

struct run {
    chrondb *db;
    const chrondb_backup_options *options;
    struct cdb_bundle bundle;
    struct cdb_bundle_note note;
    struct cdb_buf head; /* the branch that HEAD names, in full; "" if it names none */
};

static int tell(void *context, const char *phase, uint64_t done, uint64_t total)
{
    const chrondb_backup_options *options = context;
    return cdb_progress_tell(options->progress, options->progress_context, phase, done, total);
}

/* ---- the refs -------------------------------------------------------------------------------------- */

/* 0, also where there is none meanwhile; a ref that cannot be read must not be left out in silence. */
static int add_ref(const struct run *run, struct cdb_bundle *bundle, const char *ref, const char *name)
{
    struct cdb_oid oid;
    int result = cdb_repo_ref(run->db->repo, ref, &oid);
    if (result == 0)
        result = cdb_bundle_add(bundle, &bundle->refs, &oid, name);
    return result == 1 ? 0 : result;
}

static int add_folder(const struct run *run, struct cdb_bundle *bundle, const char *folder)
{
    struct cdb_branches names;
    int result = cdb_refs_list(&names, run->db->repo, folder);
    if (result != 0)
        return result;
    for (size_t i = 0; result == 0 && i < names.count; i++)
        if (strcmp(names.names[i], cdb_buf_str(&run->head)) != 0)
            result = add_ref(run, bundle, names.names[i], names.names[i]);
    cdb_branches_release(&names);
    return result;
}

/* HEAD and its branch first: a git that clones it takes the first branch that is at the same commit. */
static int read_refs(struct run *run, struct cdb_bundle *bundle)
{
    *bundle = (struct cdb_bundle){.refs = {.list = NULL}};
    int result = cdb_ref_branch(run->db->repo->dir, NULL, &run->head);
    if (result == CHRONDB_EUSAGE) { /* it names a commit */
        cdb_buf_clear(&run->head);
        cdb_error_clear();
        result = add_ref(run, bundle, "HEAD", "HEAD");
    } else if (result == 0) {
        result = add_ref(run, bundle, run->head.ptr, "HEAD");
        if (result == 0)
            result = add_ref(run, bundle, run->head.ptr, run->head.ptr);
    }
    if (result == 0)
        result = add_folder(run, bundle, "refs/heads");
    if (result == 0)
        result = add_folder(run, bundle, "refs/tags");
    if (result != 0)
        cdb_bundle_release(bundle);
    return result;
}

static bool is_same(const struct cdb_bundle_list *a, const struct cdb_bundle_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = cdb_oid_equal(&a->list[i].oid, &b->list[i].oid) && strcmp(a->list[i].text, b->list[i].text) == 0;
    return same;
}

/* As they all were at one moment: two looks that say the same, or one that no writer can come into. */
static int snapshot_refs(struct run *run)
{
    struct cdb_bundle again;
    struct cdb_txn txn;
    bool same = false;
    int result = read_refs(run, &run->bundle);
    for (int look = 1; result == 0 && !same && look < LOOKS; look++) {
        result = read_refs(run, &again);
        if (result != 0)
            break;
        same = is_same(&run->bundle.refs, &again.refs);
        cdb_bundle_release(&run->bundle);
        run->bundle = again;
    }
    if (result != 0 || same)
        return result;
    cdb_bundle_release(&run->bundle);
    result = cdb_txn_begin_exclusive(&txn, run->db->repo, cdb_lock_wait(run->options->lock_timeout_ms));
    if (result == 0) {
        result = read_refs(run, &run->bundle);
        cdb_txn_end(&txn);
    }
    return result;
}

/* ---- what an incremental one stands on ------------------------------------------------------------- */

/* Each commit once. */
static int add_base(struct run *run, const struct cdb_oid *commit, const char *comment)
{
    struct cdb_bundle_list *bases = &run->bundle.bases;
    for (size_t i = 0; i < bases->count; i++)
        if (cdb_oid_equal(&bases->list[i].oid, commit))
            return 0;
    return cdb_bundle_add(&run->bundle, bases, commit, comment);
}

static int is_elsewhere(const struct run *run, const struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1];
    struct cdb_buf file = CDB_BUF_INIT;
    cdb_oid_format(oid, hex);
    cdb_buf_add_quoted(&file, run->options->since_file, strlen(run->options->since_file));
    int result = cdb_error(CHRONDB_EUSAGE, "no_commit",
                           "%s has object %s, which is not in this database: it is no earlier backup of it",
                           cdb_buf_str(&file), hex);
    cdb_buf_release(&file);
    return result;
}

/* A ref as the earlier backup has it. What names no commit is only noted. */
static int add_earlier(struct run *run, const struct cdb_bundle_line *ref)
{
    struct cdb_oid peeled;
    int type, result = cdb_tag_peel(run->db->repo->objects, &ref->oid, &peeled, &type);
    if (result == 1)
        return is_elsewhere(run, &ref->oid);
    if (result == 0 && type == CDB_COMMIT)
        result = add_base(run, cdb_oid_is_zero(&peeled) ? &ref->oid : &peeled, ref->text);
    return result == 0 ? cdb_bundle_add_base(&run->note, &ref->oid, ref->text) : result;
}

static int since_file(struct run *run)
{
    const char *path = run->options->since_file;
    struct cdb_buf quoted = CDB_BUF_INIT;
    struct cdb_restore earlier = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (earlier.fd < 0)
        return cdb_error_errno(path, "cannot open '%s'", path);
    cdb_buf_add_quoted(&quoted, path, strlen(path));
    earlier.name = cdb_buf_str(&quoted);
    int result = cdb_restore_begin(&earlier);
    for (size_t i = 0; result == 0 && i < earlier.bundle.refs.count; i++)
        if (cdb_restore_takes(earlier.bundle.refs.list[i].text))
            result = add_earlier(run, &earlier.bundle.refs.list[i]);
    cdb_restore_release(&earlier);
    close(earlier.fd);
    cdb_buf_release(&quoted);
    return result;
}

static int add_moment(struct run *run, const char *ref)
{
    struct cdb_oid head, commit;
    int result = cdb_resolve(run->db, ref, run->options->since, &head, &commit);
    return result == 0 && !cdb_oid_is_zero(&commit) ? add_base(run, &commit, ref) : result;
}

/* A time is another commit on each branch; "KEY@{n}" is one on the branch that is meant. */
static int since_when(struct run *run)
{
    const char *since = run->options->since;
    const struct cdb_bundle_list *refs = &run->bundle.refs;
    struct cdb_buf branch = CDB_BUF_INIT;
    bool is_version = strstr(since, "@{") != NULL && since[strlen(since) - 1] == '}';
    int result = cdb_branch_resolve(run->db, run->options->branch, &branch);
    if (result == 0)
        result = add_moment(run, branch.ptr);
    for (size_t i = 0; result == 0 && !is_version && i < refs->count; i++)
        if (strncmp(refs->list[i].text, CDB_HEADS, strlen(CDB_HEADS)) == 0)
            result = add_moment(run, refs->list[i].text);
    cdb_buf_release(&branch);
    return result;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int prepare(struct run *run)
{
    int result = cdb_repo_attend(run->db->repo);
    if (result == 0)
        result = snapshot_refs(run);
    if (result == 0 && run->options->since_file != NULL)
        result = since_file(run);
    if (result == 0 && run->options->since != NULL)
        result = since_when(run);
    run->note.head = run->head.len > 0 ? run->head.ptr : NULL;
    return result;
}

/* Is the folder the database's directory, or below it? What cannot be opened is not known to be. */
static bool is_inside(const struct cdb_repo *repo, int folder)
{
    struct stat st, above = {.st_ino = 0};
    int at = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool inside = false;
    while (at >= 0 && !inside && fstat(at, &st) == 0 && (st.st_ino != above.st_ino || st.st_dev != above.st_dev)) {
        int up = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        inside = st.st_ino == repo->inode && st.st_dev == repo->device;
        close(at);
        at = up;
        above = st;
    }
    if (at >= 0)
        close(at);
    return inside;
}

/* The database's own files are not to be written over. */
static int write_file(struct cdb_backup *backup, const char *path)
{
    struct cdb_newfile file;
    int result = cdb_newfile_begin(&file, path);
    if (result != 0)
        return result;
    if (is_inside(backup->repo, file.dir))
        result = cdb_error(CHRONDB_EUSAGE, "not_a_file",
                           "'%s' is in the directory of the database itself: choose another place", path);
    if (result == 0)
        result = cdb_backup_write(backup, file.fd, path);
    if (result == 0)
        result = cdb_backup_verify(backup, file.fd, path);
    if (result == 0)
        result = cdb_newfile_finish(&file);
    cdb_newfile_release(&file);
    return result;
}

static void fill_report(const struct run *run, const struct cdb_backup *backup, chrondb_backup_report *report)
{
    const struct cdb_bundle_list *refs = &run->bundle.refs;
    chrondb_backup_report known = {.size = sizeof(known)};
    known.bytes = backup->bytes;
    known.objects = backup->objects;
    known.commits = backup->commits;
    known.branches = known.tags = 0;
    for (size_t i = 0; i < refs->count; i++) {
        known.branches += strncmp(refs->list[i].text, CDB_HEADS, strlen(CDB_HEADS)) == 0;
        known.tags += strncmp(refs->list[i].text, CDB_TAGS, strlen(CDB_TAGS)) == 0;
    }
    known.incremental = run->bundle.bases.count > 0;
    cdb_report_write(report, &known, sizeof(known));
}

int chrondb_backup(chrondb *db, const char *file, const chrondb_backup_options *options, chrondb_backup_report *report)
{
    if (db == NULL)
        return cdb_error_null();
    chrondb_backup_options asked;
    struct run run = {.db = db, .options = &asked};
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_backup_options");
    if (result == 0 && report != NULL)
        result = cdb_report_check(report, "chrondb_backup_report");
    if (result != 0)
        return result;
    if (options == NULL)
        asked.fd = STDOUT_FILENO;
    if (run.options->since != NULL && run.options->since_file != NULL)
        return cdb_error(CHRONDB_EUSAGE, "usage", "either since a moment or since an earlier backup");
    struct cdb_backup backup = {.repo = db->repo,
                                .bundle = &run.bundle,
                                .note = &run.note,
                                .progress = tell,
                                .progress_context = (void *)run.options};
    result = prepare(&run);
    if (result == 0)
        result =
            file != NULL ? write_file(&backup, file) : cdb_backup_write(&backup, run.options->fd, "standard output");
    if (result == 0 && report != NULL)
        fill_report(&run, &backup, report);
    cdb_bundle_release(&run.bundle);
    cdb_bundle_release_note(&run.note);
    cdb_buf_release(&run.head);
    return result;
}
