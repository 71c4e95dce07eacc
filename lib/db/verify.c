/* SPDX-License-Identifier: MIT
 * Is the database sound? What the parts share, and their order. */
#include "db/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/handle.h"
#include "db/progress.h"
#include "store/commit.h"
#include "util/array.h"
#include "util/error.h"
#include "util/options.h"
#include "util/time.h"

#define BAD_MAX 100000 /* damaged copies that are remembered */

/* A damaged copy of an object. It is told where the object belongs, or at the end. */
struct bad_copy {
    struct cdb_oid oid;
    const char *path, *message;
};

/* ---- telling ----------------------------------------------------------------------------------- */

int cdb_verify_tell(struct cdb_verify *it, const struct cdb_finding *finding)
{
    char commit[CDB_OID_HEX + 1], object[CDB_OID_HEX + 1];
    chrondb_finding told = {.kind = finding->kind,
                            .is_error = !finding->note,
                            .ref = finding->ref,
                            .path = finding->path,
                            .key = finding->key,
                            .message = finding->message};
    if (finding->commit != NULL) {
        cdb_oid_format(finding->commit, commit);
        told.commit = commit;
    }
    if (finding->object != NULL) {
        cdb_oid_format(finding->object, object);
        told.object = object;
    }
    if (finding->note)
        it->report.notes++;
    else
        it->report.errors++;
    it->ended = it->options->finding != NULL ? it->options->finding(it->options->finding_context, &told) : 0;
    return it->ended == 0 ? 0 : CDB_VERIFY_ENDED;
}

int cdb_verify_step(struct cdb_verify *it, const char *phase, uint64_t done, uint64_t total)
{
    const chrondb_verify_options *options = it->options;
    return cdb_progress_tell(options->progress, options->progress_context, phase, done, total);
}

/* ---- reading ----------------------------------------------------------------------------------- */

int cdb_verify_unreadable(struct cdb_verify *it, const struct cdb_oid *oid, int wanted, int result, int type,
                          const struct cdb_finding *about)
{
    char message[512];
    struct cdb_finding finding = *about;
    if (result < 0 && cdb_check_is_memory())
        return result;
    finding.kind = result == 1 ? CDB_KIND_MISSING : result == 0 ? CDB_KIND_WRONG : CDB_KIND_DAMAGED;
    if (result == 1)
        snprintf(message, sizeof(message), "a %s is missing",
                 wanted != CDB_ANY ? cdb_type_name(wanted) : "named object");
    else if (result == 0)
        snprintf(message, sizeof(message), "a %s where a %s belongs", cdb_type_name(type), cdb_type_name(wanted));
    else
        snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
    finding.object = oid;
    finding.message = message;
    result = cdb_oid_map_set(&it->told, oid, 1);
    if (result == 0)
        result = cdb_verify_tell(it, &finding);
    return result == 0 ? 1 : result;
}

int cdb_verify_copies(struct cdb_verify *it, const struct cdb_oid *oid, const struct cdb_finding *about)
{
    char message[512];
    struct cdb_finding finding = *about;
    uint32_t index = it->bad_count > 0 ? cdb_oid_map_get(&it->bad_by_id, oid) : 0;
    if (index == 0)
        return 0;
    const struct bad_copy *copy = &it->bad[index - 1];
    finding.kind = CDB_KIND_DAMAGED;
    finding.object = oid;
    finding.message = message;
    snprintf(message, sizeof(message), "%s: %s; another copy of the object is good", copy->path, copy->message);
    int result = cdb_oid_map_set(&it->told, oid, 1);
    return result == 0 ? cdb_verify_tell(it, &finding) : result;
}

int cdb_verify_read(struct cdb_verify *it, const struct cdb_oid *oid, int type, const struct cdb_finding *about,
                    struct cdb_buf *out)
{
    int found = CDB_ANY;
    int result = cdb_objects_find(it->objects, oid, CDB_CHECK_MAX, &found, out);
    if (result == 0 && found == type)
        return cdb_verify_copies(it, oid, about);
    return cdb_verify_unreadable(it, oid, type, result, found, about);
}

/* ---- the files of objects ---------------------------------------------------------------------- */

static int tell_file(void *context, const char *path, const struct cdb_oid *object, const char *message)
{
    struct cdb_verify *it = context;
    struct bad_copy copy = {.message = message};
    if (object == NULL || it->bad_count >= BAD_MAX)
        return cdb_verify_tell(
            it, &(struct cdb_finding){.kind = CDB_KIND_FILE, .path = path, .object = object, .message = message});
    copy.oid = *object;
    copy.path = cdb_arena_copy(&it->arena, path, strlen(path));
    copy.message = cdb_arena_copy(&it->arena, message, strlen(message));
    if (copy.path == NULL || copy.message == NULL)
        return CHRONDB_ESYSTEM;
    int result = cdb_array_grow(&it->bad, &it->bad_room, it->bad_count, sizeof(*it->bad));
    if (result == 0)
        it->bad[it->bad_count++] = copy;
    return result == 0 ? cdb_oid_map_set(&it->bad_by_id, object, (uint32_t)it->bad_count) : result;
}

static int tell_bad_copies(struct cdb_verify *it)
{
    int result = 0;
    for (size_t i = 0; i < it->bad_count && result == 0; i++) {
        const struct bad_copy *copy = &it->bad[i];
        if (cdb_oid_map_get(&it->told, &copy->oid) == 0)
            result = cdb_verify_tell(
                it, &(struct cdb_finding){
                        .kind = CDB_KIND_FILE, .path = copy->path, .object = &copy->oid, .message = copy->message});
    }
    return result;
}

static int step_files(void *context, const char *phase, uint64_t done, uint64_t total)
{
    return cdb_verify_step(context, phase, done, total);
}

static int check_files(struct cdb_verify *it)
{
    struct cdb_check check = {.objects = it->objects,
                              .full = it->full,
                              .seen = &it->seen,
                              .tell = tell_file,
                              .step = step_files,
                              .context = it};
    int alternate, dir = openat(it->db->repo->dir, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cdb_error_errno("objects", "cannot open '%s'", "objects");
    int result = cdb_check_directory(&check, dir, "objects");
    close(dir);
    for (size_t i = 0; result == 0 && (alternate = cdb_objects_alternate(it->objects, i)) >= 0; i++)
        result = cdb_check_directory(&check, alternate, "objects/info/alternates");
    it->report.objects += check.read;
    return result;
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* The objects' files come first: what is known of the objects is asked by all that follows. */
static int run(struct cdb_verify *it)
{
    static int (*const parts[])(struct cdb_verify * it) = {cdb_verify_config, cdb_verify_refs,    cdb_verify_journal,
                                                           check_files,       cdb_verify_commits, cdb_verify_trees,
                                                           tell_bad_copies,   cdb_verify_index};
    int result = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && result == 0; i++)
        result = parts[i](it);
    return result;
}

static void release(struct cdb_verify *it)
{
    free(it->refs);
    free(it->commits);
    free(it->bad);
    cdb_oid_map_release(&it->by_id);
    cdb_oid_map_release(&it->seen);
    cdb_oid_map_release(&it->told);
    cdb_oid_map_release(&it->bad_by_id);
    cdb_arena_release(&it->arena);
}

int chrondb_verify(chrondb *db, const chrondb_verify_options *options, chrondb_verify_report *report)
{
    if (db == NULL)
        return cdb_error_null();
    chrondb_verify_options asked;
    struct cdb_verify it = {.db = db, .objects = db->repo->objects, .options = &asked};
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = cdb_options_read(&asked, sizeof(asked), options, "chrondb_verify_options");
    if (result == 0 && report != NULL)
        result = cdb_report_check(report, "chrondb_verify_report");
    if (result != 0)
        return result;
    it.full = asked.full != 0;
    result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = run(&it);
    if (result == CDB_VERIFY_ENDED)
        result = it.ended;
    release(&it);
    if (report != NULL)
        cdb_report_write(report, &it.report, sizeof(it.report));
    if (result == 0)
        cdb_error_clear();
    return result;
}
