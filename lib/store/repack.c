/* SPDX-License-Identifier: MIT */
#include "store/repack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/maintenance.h"
#include "store/packfile.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define FOLDER "objects/pack"
#define STRIDE 1024 /* objects; a look at the journal after so many */

/* The same, of the smallest packs that have not more than `limit` objects together. */
static size_t plan_within(const uint64_t *counts, size_t packs, uint64_t limit)
{
    uint64_t below = 0;
    size_t merge = 0;
    for (size_t i = 0; i < packs && counts[i] <= limit - below; i++) {
        if (i > 0 && counts[i] < 2 * below)
            merge = i + 1;
        below += counts[i];
    }
    return merge;
}

size_t cdb_repack_plan(const uint64_t *counts, size_t packs)
{
    size_t merge = 0;
    if (packs <= CDB_PACKS_FEW)
        return 0;
    for (uint64_t limit = CDB_MERGE_OBJECTS; merge == 0 && limit < UINT64_MAX / 8; limit *= 4) {
        merge = plan_within(counts, packs, limit);
        if (packs <= CDB_PACKS_MANY)
            break;
    }
    return merge;
}

/* ---- which packs there are ----------------------------------------------------------------------- */

struct old_pack {
    char name[CDB_OID_HEX + 6]; /* "pack-<40 digits>" */
    uint64_t count;
    bool left_alone; /* damaged */
};

struct old_packs {
    struct old_pack *list;
    size_t count, room;
};

static bool is_kept(int dir, const char *name)
{
    static const char *const suffixes[] = {"keep", "promisor"};
    char path[96];
    bool kept = false;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), FOLDER "/%s.%s", name, suffixes[i]);
        kept = kept || cdb_fs_exists(dir, path);
    }
    return kept;
}

/* "pack-<40 digits>.idx": only what git, or we, have named. */
static bool is_index(const char *name)
{
    struct cdb_oid oid;
    char hex[CDB_OID_HEX + 1];
    if (strlen(name) != CDB_OID_HEX + 9 || strncmp(name, "pack-", 5) != 0 ||
        strcmp(name + CDB_OID_HEX + 5, ".idx") != 0)
        return false;
    memcpy(hex, name + 5, CDB_OID_HEX);
    hex[CDB_OID_HEX] = '\0';
    return cdb_oid_parse(hex, &oid);
}

static int note_pack(struct cdb_repo *repo, int folder, const char *entry, struct old_packs *out)
{
    struct old_pack pack = {.count = 0};
    struct cdb_packfile *file = NULL;
    memcpy(pack.name, entry, CDB_OID_HEX + 5);
    int result = is_kept(repo->dir, pack.name) ? 1 : cdb_packfile_open(&file, folder, pack.name);
    if (result != 0)
        return result == CHRONDB_ESYSTEM ? result : 0; /* kept, gone meanwhile, or damaged */
    pack.count = cdb_packfile_count(file);
    cdb_packfile_release(file);
    result = cdb_array_grow(&out->list, &out->room, out->count, sizeof(*out->list));
    if (result == 0)
        out->list[out->count++] = pack;
    return result;
}

static int by_count(const void *left, const void *right)
{
    const struct old_pack *a = left, *b = right;
    return (a->count > b->count) - (a->count < b->count);
}

static int list_packs(struct cdb_repo *repo, struct old_packs *out)
{
    DIR *listing = cdb_fs_opendir(repo->dir, FOLDER);
    int result = 0;
    if (listing == NULL)
        return cdb_error_errno(FOLDER, "cannot list '%s'", FOLDER);
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;)
        if (is_index(entry->d_name))
            result = note_pack(repo, dirfd(listing), entry->d_name, out);
    closedir(listing);
    if (out->count > 1)
        qsort(out->list, out->count, sizeof(*out->list), by_count);
    return result;
}

/* ---- loose objects --------------------------------------------------------------------------------- */

struct loose {
    struct cdb_oid *list;
    size_t count, room;
    uint64_t bytes;
};

static int note_loose(struct loose *loose, int folder, const char *first, const char *name)
{
    char hex[CDB_OID_HEX + 1];
    struct cdb_oid oid;
    struct stat st;
    if (strlen(name) != CDB_OID_HEX - 2 || snprintf(hex, sizeof(hex), "%s%.38s", first, name) != CDB_OID_HEX ||
        !cdb_oid_parse(hex, &oid) || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return 0;
    int result = cdb_array_grow(&loose->list, &loose->room, loose->count, sizeof(*loose->list));
    if (result == 0)
        loose->list[loose->count++] = oid;
    loose->bytes += (uint64_t)st.st_size;
    return result;
}

static int list_loose(struct cdb_repo *repo, struct loose *out)
{
    int result = 0;
    for (unsigned first = 0; first < 256 && result == 0; first++) {
        char path[16];
        snprintf(path, sizeof(path), "objects/%02x", first);
        DIR *listing = cdb_fs_opendir(repo->dir, path);
        for (struct dirent *entry; listing != NULL && result == 0 && (entry = readdir(listing)) != NULL;)
            result = note_loose(out, dirfd(listing), path + 8, entry->d_name);
        if (listing != NULL)
            closedir(listing);
        else if (errno != ENOENT)
            result = cdb_error_errno(path, "cannot list '%s'", path);
    }
    return result;
}

/* ---- rewriting ------------------------------------------------------------------------------------- */

void cdb_pack_remove(int dir, const char *name)
{
    static const char *const suffixes[] = {"idx", "rev", "bitmap", "mtimes", "pack"};
    char path[96];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), FOLDER "/%s.%s", name, suffixes[i]);
        unlinkat(dir, path, 0);
        CDB_FAULT("repack-unlinked");
    }
}

static bool is_superfluous(const struct old_pack *pack, const char *name)
{
    return !pack->left_alone && strcmp(pack->name, name) != 0;
}

/* Which packs go is noted before: a pack whose index is gone already is known by nobody else. An index over several
 * packs names them: git makes it anew when it is asked to. */
static int remove_old(struct cdb_repo *repo, const struct old_packs *packs, size_t count, const char *name)
{
    struct cdb_buf names = CDB_BUF_INIT;
    for (size_t i = 0; i < count; i++)
        if (is_superfluous(&packs->list[i], name))
            cdb_buf_addf(&names, "%s\n", packs->list[i].name);
    int result = cdb_buf_check(&names);
    if (result == 0 && names.len > 0)
        result = cdb_fs_write_file(repo->dir, CDB_MAINTENANCE_MARK, names.ptr, names.len, false);
    cdb_buf_release(&names);
    if (result != 0)
        return result;
    unlinkat(repo->dir, FOLDER "/multi-pack-index", 0);
    for (size_t i = 0; i < count; i++)
        if (is_superfluous(&packs->list[i], name))
            cdb_pack_remove(repo->dir, packs->list[i].name);
    return 0;
}

static void remove_loose(struct cdb_repo *repo, const struct cdb_rewrite *rewrite, const struct loose *loose)
{
    char path[CDB_LOOSE_PATH];
    for (size_t i = 0; i < loose->count; i++) {
        if (!cdb_rewrite_wrote(rewrite, &loose->list[i]))
            continue;
        cdb_loose_path(&loose->list[i], path);
        unlinkat(repo->dir, path, 0);
        CDB_FAULT("gc-loose-unlinked");
    }
}

/* What is added in `rewrite`; packs that cannot be are left alone. */
static int add_sources(struct cdb_rewrite *rewrite, struct old_packs *packs, size_t count, const struct loose *loose)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (packs->list[i].left_alone)
            continue;
        result = cdb_rewrite_add_pack(rewrite, packs->list[i].name);
        if (result == 1 || result == CHRONDB_EDAMAGED) {
            packs->list[i].left_alone = true;
            result = 0;
        }
    }
    for (size_t i = 0; i < loose->count && result == 0; i++)
        result = cdb_rewrite_add_loose(rewrite, &loose->list[i]);
    return result;
}

static bool leave_alone(struct old_packs *packs, const char *name)
{
    for (size_t i = 0; name != NULL && i < packs->count; i++) {
        if (strcmp(packs->list[i].name, name) == 0 && !packs->list[i].left_alone)
            return packs->list[i].left_alone = true;
    }
    return false;
}

struct telling {
    struct cdb_repo *repo;
    cdb_rewrite_progress progress;
    void *context;
};

/* Merging takes seconds where there is much: meanwhile writers must not come to wait with a full journal, nor loose
 * files become many. A failure is the next checkpoint's to tell. */
static int tell(void *context, const char *phase, uint64_t done, uint64_t total)
{
    const struct telling *telling = context;
    if (done % STRIDE == 0 && cdb_checkpoint_frozen(telling->repo, CDB_ROLE_CHECKPOINT) != 0)
        cdb_error_clear();
    return telling->progress != NULL ? telling->progress(telling->context, phase, done, total) : 0;
}

/* Once: 0; 1: a pack turned out damaged, it is left alone from now on; or an error. */
static int rewrite_once(struct cdb_repo *repo, struct old_packs *packs, size_t count, const struct loose *loose,
                        cdb_rewrite_progress progress, void *context)
{
    struct telling telling = {repo, progress, context};
    struct cdb_rewrite *rewrite = NULL;
    int result = cdb_rewrite_new(&rewrite, repo->dir, repo->objects);
    if (result == 0)
        result = add_sources(rewrite, packs, count, loose);
    if (result == 0)
        result = cdb_rewrite_run(rewrite, CDB_ROLE_MERGE, tell, &telling);
    CDB_FAULT("repack-published");
    if (result == 0 && cdb_rewrite_name(rewrite)[0] != '\0') {
        result = remove_old(repo, packs, count, cdb_rewrite_name(rewrite));
        remove_loose(repo, rewrite, loose);
    }
    if (result == CHRONDB_EDAMAGED && leave_alone(packs, cdb_rewrite_culprit(rewrite)))
        result = 1;
    cdb_rewrite_free(rewrite);
    return result;
}

static int rewrite_all(struct cdb_repo *repo, struct old_packs *packs, size_t count, const struct loose *loose,
                       cdb_rewrite_progress progress, void *context)
{
    int result;
    do
        result = rewrite_once(repo, packs, count, loose, progress, context);
    while (result == 1);
    return result;
}

static size_t plan(const struct old_packs *packs)
{
    uint64_t *counts = malloc((packs->count + 1) * sizeof(*counts));
    size_t merge = 0;
    for (size_t i = 0; counts != NULL && i < packs->count; i++)
        counts[i] = packs->list[i].count;
    if (counts != NULL)
        merge = cdb_repack_plan(counts, packs->count);
    free(counts);
    return merge;
}

int cdb_repack(struct cdb_repo *repo)
{
    static const struct loose none;
    struct old_packs packs = {NULL, 0, 0};
    int result = list_packs(repo, &packs);
    size_t count = result == 0 ? plan(&packs) : 0;
    if (count > 1)
        result = rewrite_all(repo, &packs, count, &none, NULL, NULL);
    free(packs.list);
    return result;
}

int cdb_repack_all(struct cdb_repo *repo, cdb_rewrite_progress progress, void *context)
{
    struct old_packs packs = {NULL, 0, 0};
    struct loose loose = {NULL, 0, 0, 0};
    int result = list_packs(repo, &packs);
    if (result == 0)
        result = list_loose(repo, &loose);
    if (result == 0)
        result = rewrite_all(repo, &packs, packs.count, &loose, progress, context);
    free(packs.list);
    free(loose.list);
    return result;
}

int cdb_repack_measure(struct cdb_repo *repo, struct cdb_repack_sizes *out)
{
    struct loose loose = {NULL, 0, 0, 0};
    DIR *listing = cdb_fs_opendir(repo->dir, FOLDER);
    if (listing == NULL)
        return cdb_error_errno(FOLDER, "cannot list '%s'", FOLDER);
    *out = (struct cdb_repack_sizes){0, 0, 0, 0};
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        struct cdb_packfile *file = NULL;
        struct stat st;
        if (strncmp(entry->d_name, "pack-", 5) == 0 && fstatat(dirfd(listing), entry->d_name, &st, 0) == 0)
            out->bytes += (uint64_t)st.st_size;
        if (!is_index(entry->d_name))
            continue;
        out->packs++;
        entry->d_name[CDB_OID_HEX + 5] = '\0';
        if (cdb_packfile_open(&file, dirfd(listing), entry->d_name) == 0)
            out->packed += cdb_packfile_count(file);
        cdb_packfile_release(file);
    }
    closedir(listing);
    int result = list_loose(repo, &loose);
    out->loose = loose.count;
    out->bytes += loose.bytes;
    free(loose.list);
    return result;
}
