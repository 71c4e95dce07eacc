/* SPDX-License-Identifier: MIT
 * Restoring backups: a full one makes a database, an incremental one is applied to one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/branches.h"
#include "db/handle.h"
#include "db/progress.h"
#include "db/wait.h"
#include "store/bases.h"
#include "store/config.h"
#include "store/packrefs.h"
#include "store/reach.h"
#include "store/refedit.h"
#include "store/refs.h"
#include "store/restore.h"
#include "store/scratch.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/options.h"

enum action { STAY, SET, REMOVE };

struct step {
    const char *ref;
    enum action action;
    struct cdb_oid before, after; /* zeros: not there */
};

struct run {
    const chrondb_restore_options *options;
    struct cdb_restore restore;
    chrondb *db;
    struct step *steps;
    size_t step_count, step_room;
    int wait_ms;
    bool changed;
};

static int tell(void *context, const char *phase, uint64_t done, uint64_t total)
{
    const chrondb_restore_options *options = context;
    return cdb_progress_tell(options->progress, options->progress_context, phase, done, total);
}

static bool is_branch(const char *ref)
{
    return strncmp(ref, CDB_HEADS, strlen(CDB_HEADS)) == 0;
}

/* ---- a new database ------------------------------------------------------------------------------ */

static int fill(void *context, int dir)
{
    struct run *run = context;
    int result = cdb_restore_objects(&run->restore, dir);
    return result == 0 ? cdb_restore_refs(&run->restore, dir) : result;
}

/* A bundle of git's may have a commit and no branch that it is on. */
static int check_branches(const struct run *run)
{
    const struct cdb_bundle_list *refs = &run->restore.bundle.refs;
    bool any = refs->count == 0;
    for (size_t i = 0; i < refs->count && !any; i++)
        any = is_branch(refs->list[i].text) || strcmp(refs->list[i].text, CDB_BACKUP_REF) == 0;
    if (any)
        return 0;
    return cdb_error(CHRONDB_EDAMAGED, "unsupported", "%s holds no branch (git bundle create FILE --all puts all in)",
                     run->restore.name);
}

static int create(struct run *run, const char *path, enum cdb_place place)
{
    const struct cdb_layout_content content = {run, fill};
    int result = check_branches(run);
    return result == 0 ? cdb_layout_create(path, place, &content) : result;
}

/* ---- what an incremental one stands on ------------------------------------------------------------- */

static int missing(const struct run *run, const char *path, const struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_ECONFLICT, "missing_commits",
                     "%s is an incremental backup: it stands on commit %s, which is not in '%s'; restore the backups "
                     "before it there first",
                     run->restore.name, hex, path);
}

/* The commits of all refs, to `out`, which has room for them. */
static int read_tips(const struct run *run, const struct cdb_branches *refs, struct cdb_oid *out, size_t *count)
{
    int result = 0;
    for (size_t i = 0; result >= 0 && i < refs->count; i++) {
        struct cdb_oid oid, peeled;
        int type;
        result = cdb_repo_ref(run->db->repo, refs->names[i], &oid);
        if (result == 0)
            result = cdb_tag_peel(run->db->repo->objects, &oid, &peeled, &type);
        if (result == 0 && type == CDB_COMMIT)
            out[(*count)++] = cdb_oid_is_zero(&peeled) ? oid : peeled;
    }
    return result < 0 ? result : 0;
}

/* What no ref has any more, a deleted branch for instance, may be incomplete: git leaves such things where a fetch
 * fails. */
static int check_below(const struct run *run, const struct cdb_oid *bases, size_t count, const struct cdb_oid *tips,
                       size_t tip_count)
{
    struct cdb_objects *objects = run->db->repo->objects;
    struct cdb_reach reach;
    struct cdb_buf content = CDB_BUF_INIT;
    int result = cdb_reach_find(&reach, objects, bases, count, tips, tip_count, tell, (void *)run->options);
    for (size_t i = 0; result == 0 && i < reach.count; i++)
        result = cdb_objects_read(objects, &reach.list[i].oid, reach.list[i].type, CDB_TREE_MAX, &content);
    cdb_reach_release(&reach);
    cdb_buf_release(&content);
    return result;
}

static int check_bases(const struct run *run)
{
    const struct cdb_bundle_list *lines = &run->restore.bundle.bases;
    struct cdb_repo *repo = run->db->repo;
    struct cdb_branches refs;
    struct cdb_buf content = CDB_BUF_INIT;
    size_t tip_count = 0;
    int result = cdb_refs_list(&refs, repo, "refs");
    if (result != 0)
        return result;
    struct cdb_oid *bases = calloc(lines->count + refs.count + 1, sizeof(*bases));
    if (bases == NULL)
        result = cdb_error_memory();
    for (size_t i = 0; result == 0 && i < lines->count; i++) {
        int type;
        bases[i] = lines->list[i].oid;
        result = cdb_objects_find(repo->objects, &bases[i], CDB_COMMIT_MAX, &type, &content);
        if (result == 1 || (result == 0 && type != CDB_COMMIT))
            result = missing(run, repo->path, &bases[i]);
    }
    if (result == 0)
        result = read_tips(run, &refs, bases + lines->count, &tip_count);
    if (result == 0)
        result = check_below(run, bases, lines->count, bases + lines->count, tip_count);
    free(bases);
    cdb_branches_release(&refs);
    cdb_buf_release(&content);
    return result;
}

/* ---- what becomes of each ref ---------------------------------------------------------------------- */

static int diverged(const struct run *run, const char *ref)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    const char *name = ref + strlen(is_branch(ref) ? CDB_HEADS : CDB_TAGS);
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    int result = cdb_error(CHRONDB_ECONFLICT, "diverged",
                           "cannot apply %s: %s %s is no longer what the backup goes on from; nothing was changed",
                           run->restore.name, is_branch(ref) ? "branch" : "tag", cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return result;
}

static int add_step(struct run *run, const struct step *step)
{
    int result = cdb_array_grow(&run->steps, &run->step_room, run->step_count, sizeof(*run->steps));
    if (result == 0)
        run->steps[run->step_count++] = *step;
    return result;
}

/* What the ref held when the backup before this one was made, if it tells; zeros: it was not there. */
static bool was_before(const struct run *run, const struct step *step)
{
    const struct cdb_bundle_line *base = cdb_bundle_find(&run->restore.note.bases, step->ref);
    return base != NULL && cdb_oid_equal(&base->oid, &step->before);
}

/* A branch goes forward, its past stays as it was; one that is further already stays. */
static int plan_branch(struct run *run, struct step *step)
{
    bool forward = false, ahead = false;
    int result = cdb_bases_on_chain(run->restore.objects, &step->after, &step->before, &forward);
    if (result == 0 && !forward)
        result = cdb_bases_on_chain(run->restore.objects, &step->before, &step->after, &ahead);
    if (result != 0)
        return result;
    step->action = forward ? SET : STAY;
    return forward || ahead ? 0 : diverged(run, step->ref);
}

static int plan_ref(struct run *run, const struct cdb_bundle_line *ref)
{
    struct step step = {.ref = ref->text, .action = SET, .after = ref->oid};
    int result = cdb_repo_ref(run->db->repo, ref->text, &step.before);
    if (result < 0)
        return result;
    if (result == 1)
        memset(&step.before, 0, sizeof(step.before));
    if (result == 0 && cdb_oid_equal(&step.before, &step.after))
        step.action = STAY;
    else if (result == 0 && is_branch(ref->text) && (result = plan_branch(run, &step)) != 0)
        return result;
    else if (result == 0 && !is_branch(ref->text) && !was_before(run, &step))
        return diverged(run, ref->text);
    return add_step(run, &step);
}

/* One that the backup before had, and this one has not. */
static int plan_removal(struct run *run, const struct cdb_bundle_line *base)
{
    struct step step = {.ref = base->text, .action = REMOVE};
    if (!cdb_restore_takes(base->text) || cdb_bundle_find(&run->restore.bundle.refs, base->text) != NULL)
        return 0;
    int result = cdb_repo_ref(run->db->repo, base->text, &step.before);
    if (result != 0)
        return result == 1 ? 0 : result;
    return was_before(run, &step) ? add_step(run, &step) : diverged(run, base->text);
}

static int plan(struct run *run)
{
    const struct cdb_bundle_list *refs = &run->restore.bundle.refs, *bases = &run->restore.note.bases;
    int result = 0;
    for (size_t i = 0; result == 0 && i < refs->count; i++)
        if (cdb_restore_takes(refs->list[i].text))
            result = plan_ref(run, &refs->list[i]);
    for (size_t i = 0; result == 0 && i < bases->count; i++)
        result = plan_removal(run, &bases->list[i]);
    return result;
}

/* ---- applying ------------------------------------------------------------------------------------ */

/* Out of the directory that nobody saw into the database; the index last, by which it is known. */
static int publish_pack(const struct run *run, int aside)
{
    static const char *const suffixes[] = {"pack", "idx"};
    int dir = run->db->repo->dir;
    char path[96];
    if (run->restore.pack[0] == '\0')
        return 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "objects/pack/%s.%s", run->restore.pack, suffixes[i]);
        if (renameat(aside, path, dir, path) != 0)
            return cdb_error_errno(path, "cannot put '%s' in place", path);
        CDB_FAULT("restore-published");
    }
    return cdb_fs_sync_dir(dir, "objects/pack");
}

static int commit_time(const struct run *run, const struct step *step, chrondb_time *out)
{
    struct cdb_point point;
    struct cdb_oid peeled;
    int type, result = cdb_tag_peel(run->db->repo->objects, &step->after, &peeled, &type);
    *out = (chrondb_time){0, 0};
    if (result != 0 || type != CDB_COMMIT)
        return result < 0 ? result : 0;
    const struct cdb_oid *commit = cdb_oid_is_zero(&peeled) ? &step->after : &peeled;
    cdb_point_init(&point, run->db, step->ref, commit, commit);
    result = cdb_point_time(&point, out);
    cdb_point_release(&point);
    return result;
}

static int apply(struct run *run, const struct step *step)
{
    struct cdb_ref_edit edit = {.ref = step->ref,
                                .head = step->after,
                                .synced = true,
                                .force = true,
                                .expected = &step->before,
                                .timeout_ms = run->wait_ms};
    int result = 0;
    if (step->action == STAY)
        return 0;
    if (step->action == SET && (result = commit_time(run, step, &edit.time)) == 0)
        result = cdb_ref_set(run->db->repo, &edit);
    if (step->action == REMOVE)
        result = cdb_ref_delete(run->db->repo, &edit);
    run->changed = run->changed || result == 0;
    if (result < 0)
        cdb_error_context("cannot bring '%s' to what it is in %s", step->ref, run->restore.name);
    return result < 0 ? result : 0;
}

static int apply_head(struct run *run)
{
    struct cdb_ref_edit edit = {.ref = run->restore.note.head, .timeout_ms = run->wait_ms};
    int result = edit.ref != NULL ? cdb_ref_set_head(run->db->repo, &edit) : 0;
    run->changed = run->changed || (result == 0 && edit.ref != NULL && edit.outcome != CDB_REF_UNCHANGED);
    return result;
}

static const struct cdb_bundle_setting *find_setting(const struct run *run, const char *name)
{
    const struct cdb_bundle_note *note = &run->restore.note;
    for (size_t i = note->setting_count; i > 0; i--) /* the last counts */
        if (strcmp(note->settings[i - 1].name, name) == 0)
            return &note->settings[i - 1];
    return NULL;
}

static int apply_setting(struct run *run, const char *name)
{
    const struct cdb_bundle_setting *setting = find_setting(run, name);
    enum cdb_config_change done = CDB_CONFIG_UNCHANGED;
    int result = cdb_config_write(run->db->repo, name, setting != NULL ? setting->value : NULL, run->wait_ms, &done);
    run->changed = run->changed || done != CDB_CONFIG_UNCHANGED;
    return result;
}

/* Those of the backup are set, others of ours go. Nothing is written where there is no difference. */
static int apply_settings(struct run *run)
{
    const struct cdb_bundle_note *note = &run->restore.note;
    struct cdb_bundle_note here = {.head = NULL};
    int result = cdb_config_collect(run->db->repo, &here);
    for (size_t i = 0; result == 0 && i < here.setting_count; i++) {
        const struct cdb_bundle_setting *setting = find_setting(run, here.settings[i].name);
        if (setting == NULL || strcmp(setting->value, here.settings[i].value) != 0)
            result = apply_setting(run, here.settings[i].name);
    }
    for (size_t i = 0; result == 0 && i < note->setting_count; i++) {
        bool known = false;
        for (size_t k = 0; k < here.setting_count && !known; k++)
            known = strcmp(here.settings[k].name, note->settings[i].name) == 0;
        if (!known)
            result = apply_setting(run, note->settings[i].name);
    }
    cdb_bundle_release_note(&here);
    return result;
}

/* HEAD before what it named is removed, and after what it is to name is there. */
static int apply_all(struct run *run)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < run->step_count; i++)
        if (run->steps[i].action == SET)
            result = apply(run, &run->steps[i]);
    CDB_FAULT("restore-refs-set");
    if (result == 0 && run->restore.has_note)
        result = apply_head(run);
    for (size_t i = 0; result == 0 && i < run->step_count; i++)
        if (run->steps[i].action == REMOVE)
            result = apply(run, &run->steps[i]);
    if (result == 0 && run->restore.has_note)
        result = apply_settings(run);
    return result;
}

static int add_to(struct run *run)
{
    struct cdb_scratch scratch;
    int aside = -1, result = cdb_repo_attend(run->db->repo);
    if (result == 0)
        result = check_bases(run);
    if (result == 0)
        result = cdb_scratch_begin(&scratch, run->db->repo->dir);
    if (result != 0)
        return result;
    result = cdb_scratch_aside(&scratch, &aside);
    if (result == 0)
        result = cdb_restore_objects(&run->restore, aside);
    if (result == 0)
        result = plan(run);
    if (result == 0)
        result = publish_pack(run, aside);
    if (result == 0)
        result = apply_all(run);
    cdb_db_index_set_due(run->db);
    if (aside >= 0)
        close(aside);
    cdb_scratch_end(&scratch);
    return result;
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static int exists(const struct run *run, const char *path)
{
    return cdb_error(CHRONDB_ECONFLICT, "exists",
                     "there is a database at '%s' already, and %s is a full backup: restore it to a directory that is "
                     "absent or empty",
                     path, run->restore.name);
}

static int restore_to(struct run *run, const char *path)
{
    enum cdb_place place;
    bool incremental = run->restore.bundle.bases.count > 0;
    int result = cdb_place_examine(path, &place, NULL);
    if (result != 0)
        return result;
    bool free = place == CDB_PLACE_ABSENT || place == CDB_PLACE_EMPTY || place == CDB_PLACE_UNFINISHED;
    if (free && incremental)
        return missing(run, path, &run->restore.bundle.bases.list[0].oid);
    if (free)
        return create(run, path, place);
    result = chrondb_open(&run->db, path, NULL); /* or an error that says what is there */
    if (result == 0)
        result = incremental ? add_to(run) : exists(run, path);
    chrondb_close(run->db);
    return result;
}

static void fill_report(const struct run *run, chrondb_restore_report *report)
{
    const struct cdb_restore *restore = &run->restore;
    const struct cdb_bundle_list *refs = &restore->bundle.refs;
    chrondb_restore_report known = {.size = sizeof(known)};
    known.bytes = restore->bytes;
    known.objects = restore->object_count;
    known.commits = restore->commit_count;
    known.branches = known.tags = 0;
    for (size_t i = 0; i < refs->count; i++) {
        known.branches += is_branch(refs->list[i].text);
        known.tags += strncmp(refs->list[i].text, CDB_TAGS, strlen(CDB_TAGS)) == 0;
    }
    known.incremental = restore->bundle.bases.count > 0;
    known.status = !known.incremental ? CHRONDB_CREATED : run->changed ? CHRONDB_UPDATED : CHRONDB_UNCHANGED;
    cdb_report_write(report, &known, sizeof(known));
}

int chrondb_restore_backup(const char *path, const char *file, const chrondb_restore_options *options,
                           chrondb_restore_report *report)
{
    chrondb_restore_options asked;
    struct run run = {.options = &asked};
    struct cdb_buf name = CDB_BUF_INIT;
    cdb_error_clear();
    int result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_restore_options");
    if (result == 0 && report != NULL)
        result = cdb_report_check(report, "chrondb_restore_report");
    if (result != 0)
        return result;
    if (options == NULL)
        asked.fd = STDIN_FILENO;
    if (path == NULL || *path == '\0')
        return cdb_error(CHRONDB_EUSAGE, "usage", "the path of the database is empty");
    run.restore.fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY) : run.options->fd;
    if (run.restore.fd < 0)
        return cdb_error_errno(file, "cannot open '%s'", file != NULL ? file : "standard input");
    if (file != NULL)
        cdb_buf_add_quoted(&name, file, strlen(file));
    else
        cdb_buf_adds(&name, "the backup on standard input");
    run.restore.name = cdb_buf_str(&name);
    run.restore.progress = tell;
    run.restore.progress_context = (void *)run.options;
    run.wait_ms = cdb_lock_wait(run.options->lock_timeout_ms);
    result = cdb_restore_begin(&run.restore);
    if (result == 0)
        result = restore_to(&run, path);
    if (result == 0 && report != NULL)
        fill_report(&run, report);
    if (file != NULL)
        close(run.restore.fd);
    free(run.steps);
    cdb_restore_release(&run.restore);
    cdb_buf_release(&name);
    return result;
}
