/* SPDX-License-Identifier: MIT */
#include "store/backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/config.h"
#include "store/packcheck.h"
#include "store/packfile.h"
#include "store/reach.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define PACK_FOLDER "objects/pack"
#define FEW         16 /* a pack with so many times more objects is not gone through: they are read one by one */

struct work {
    struct cdb_backup *backup;
    struct cdb_reach reach;
    struct cdb_rewrite *rewrite;
    struct cdb_deflater *deflater;
    struct cdb_buf header, note, loose;
};

/* ---- the note -------------------------------------------------------------------------------------- */

/* The note is an object like others; the header tells its id, all the rest of the header is in it. */
static int add_note(struct work *work)
{
    struct cdb_backup *backup = work->backup;
    struct cdb_oid oid;
    int result = cdb_config_collect(backup->repo, backup->note);
    cdb_bundle_encode(backup->bundle, &work->header);
    cdb_bundle_encode_note(backup->note, cdb_buf_str(&work->header), work->header.len, &work->note);
    if (result == 0)
        result = cdb_buf_check(&work->note);
    if (result == 0)
        result = cdb_object_hash(&oid, CDB_BLOB, work->note.ptr, work->note.len);
    if (result == 0)
        result = cdb_deflater_new(&work->deflater);
    if (result == 0)
        result = cdb_object_encode(work->deflater, CDB_BLOB, work->note.ptr, work->note.len, &work->loose);
    if (result == 0)
        result = cdb_rewrite_add_encoded(work->rewrite, &oid, work->loose.ptr, work->loose.len);
    if (result == 0)
        result = cdb_bundle_add(backup->bundle, &backup->bundle->refs, &oid, CDB_BACKUP_REF);
    cdb_buf_clear(&work->header);
    cdb_bundle_encode(backup->bundle, &work->header);
    return result == 0 ? cdb_buf_check(&work->header) : result;
}

/* ---- the objects ----------------------------------------------------------------------------------- */

static bool wants(void *context, const struct cdb_oid *oid)
{
    const struct cdb_reached *found = cdb_reach_get(context, oid);
    return found != NULL && !found->marked;
}

static void took(void *context, const struct cdb_oid *oid)
{
    cdb_reach_get(context, oid)->marked = true;
}

/* One that has gone, or is damaged, is passed over: what is missing then is read from wherever it is. */
static int add_pack(struct work *work, int folder, const char *name)
{
    struct cdb_packfile *file = NULL;
    int result = cdb_packfile_open(&file, folder, name);
    bool large = result == 0 && cdb_packfile_count(file) / FEW > work->reach.count;
    cdb_packfile_release(file);
    if (result == 0 && !large)
        result = cdb_rewrite_add_pack(work->rewrite, name);
    return result == CHRONDB_ESYSTEM ? result : 0;
}

static int add_packs(struct work *work)
{
    DIR *listing = cdb_fs_opendir(work->backup->repo->dir, PACK_FOLDER);
    int result = 0;
    if (listing == NULL)
        return cdb_error_errno(PACK_FOLDER, "cannot list '%s'", PACK_FOLDER);
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len <= 4 || len > CDB_PACK_NAME_MAX || strcmp(entry->d_name + len - 4, ".idx") != 0)
            continue;
        entry->d_name[len - 4] = '\0';
        result = add_pack(work, dirfd(listing), entry->d_name);
    }
    closedir(listing);
    return result;
}

/* The backup that this one goes on from has the ref, and what it names: the object of a tag, for instance. */
static bool is_known(const struct cdb_backup *backup, const struct cdb_bundle_line *ref)
{
    const struct cdb_bundle_line *base = cdb_bundle_find(&backup->note->bases, ref->text);
    return base != NULL && cdb_oid_equal(&base->oid, &ref->oid);
}

static int find_objects(struct work *work)
{
    const struct cdb_backup *backup = work->backup;
    const struct cdb_bundle_list *refs = &backup->bundle->refs, *bases = &backup->bundle->bases;
    size_t count = 0;
    struct cdb_oid *tips = calloc(refs->count + bases->count + 1, sizeof(*tips));
    if (tips == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < refs->count; i++)
        if (!is_known(backup, &refs->list[i]))
            tips[count++] = refs->list[i].oid;
    for (size_t i = 0; i < bases->count; i++)
        tips[count + i] = bases->list[i].oid;
    int result = cdb_reach_find(&work->reach, backup->repo->objects, tips, count, tips + count, bases->count,
                                backup->progress, backup->progress_context);
    free(tips);
    return result;
}

static int add_objects(struct work *work)
{
    const struct cdb_rewrite_choice choice = {&work->reach, wants, took};
    cdb_rewrite_choose(work->rewrite, &choice);
    int result = add_packs(work);
    CDB_FAULT("backup-packs");
    for (size_t i = 0; result == 0 && i < work->reach.count; i++)
        if (!work->reach.list[i].marked)
            result = cdb_rewrite_add_object(work->rewrite, &work->reach.list[i].oid, work->reach.list[i].type);
    return result;
}

int cdb_backup_write(struct cdb_backup *backup, int fd, const char *name)
{
    struct work work = {.backup = backup};
    int result = find_objects(&work);
    if (result == 0)
        result = cdb_rewrite_new(&work.rewrite, backup->repo->dir, backup->repo->objects);
    if (result == 0)
        result = add_objects(&work);
    if (result == 0)
        result = add_note(&work);
    if (result == 0)
        result = cdb_rewrite_plan(work.rewrite, backup->progress, backup->progress_context);
    CDB_FAULT("backup-planned");
    if (result == 0 && cdb_fs_write_full(fd, work.header.ptr, work.header.len) != 0)
        result = cdb_error_errno(NULL, "cannot write '%s'", name);
    if (result == 0)
        result = cdb_rewrite_stream(work.rewrite, fd, name);
    CDB_FAULT("backup-written");
    if (result == 0) {
        backup->objects = cdb_rewrite_count(work.rewrite);
        backup->bytes = work.header.len + cdb_rewrite_bytes(work.rewrite);
        backup->commits = work.reach.commits;
    }
    cdb_reach_release(&work.reach);
    cdb_rewrite_free(work.rewrite);
    cdb_deflater_free(work.deflater);
    cdb_buf_release(&work.header);
    cdb_buf_release(&work.note);
    cdb_buf_release(&work.loose);
    return result;
}

/* ---- reading it again ------------------------------------------------------------------------------ */

static int differs(const char *name)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "what was written to '%s' does not read back", name);
}

static int check(const struct cdb_backup *backup, const char *name, const unsigned char *bytes, size_t len)
{
    struct cdb_packcheck pack = {.list = NULL};
    size_t header = cdb_bundle_measure((const char *)bytes, len);
    if (header == 0)
        return differs(name);
    int result =
        cdb_packcheck_run(&pack, bytes + header, len - header, NULL, backup->progress, backup->progress_context);
    if (result == 0 && pack.count != backup->objects)
        result = differs(name);
    if (result == CHRONDB_EDAMAGED)
        cdb_error_context("what was written to '%s' does not read back", name);
    cdb_packcheck_release(&pack);
    return result;
}

int cdb_backup_verify(const struct cdb_backup *backup, int fd, const char *name)
{
    struct stat st;
    if (fsync(fd) != 0)
        return cdb_error_errno(NULL, "cannot sync '%s'", name);
    CDB_FAULT("backup-synced");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* from the disk, not from memory */
    if (fstat(fd, &st) != 0)
        return cdb_error_errno(NULL, "cannot examine '%s'", name);
    if (st.st_size < 0 || (uint64_t)st.st_size != backup->bytes)
        return differs(name);
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return cdb_error_errno(NULL, "cannot map '%s'", name);
    int result = check(backup, name, map, (size_t)st.st_size);
    munmap(map, (size_t)st.st_size);
    CDB_FAULT("backup-verified");
    return result;
}
