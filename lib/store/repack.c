/* SPDX-License-Identifier: MIT */
#include "store/repack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "store/pack.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define FOLDER       "objects/pack"
#define IDX_HEADER   8
#define IDX_FANOUT   ((size_t)256 * 4)
#define IDX_TRAILER  40
#define PACK_TRAILER 20
#define LARGE_BIT    0x80000000u

size_t cdb_repack_plan(const uint64_t *counts, size_t packs)
{
    uint64_t below = 0;
    size_t merge = 0;
    if (packs <= CDB_PACKS_FEW)
        return 0;
    for (size_t i = 0; i < packs; i++) {
        if (i > 0 && counts[i] < 2 * below)
            merge = i + 1;
        below += counts[i];
    }
    return merge;
}

/* ---- a pack that is there -------------------------------------------------------------------------- */

struct old_pack {
    char name[CDB_OID_HEX + 6]; /* "pack-<40 digits>" */
    uint64_t count;
};

struct mapping {
    const unsigned char *data;
    size_t len;
};

static int map_file(int dir, const char *name, const char *suffix, struct mapping *out)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof(path), FOLDER "/%s%s", name, suffix);
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int result = cdb_error_errno(path, "cannot open '%s'", path);
        if (fd >= 0)
            close(fd);
        return result;
    }
    out->len = st.st_size > 0 ? (size_t)st.st_size : 0;
    void *data = out->len > 0 ? mmap(NULL, out->len, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    out->data = data != MAP_FAILED ? data : NULL;
    return out->data != NULL ? 0 : cdb_error_errno(path, "cannot map '%s'", path);
}

static void unmap(struct mapping *mapping)
{
    if (mapping->data != NULL)
        munmap((void *)(uintptr_t)mapping->data, mapping->len);
    mapping->data = NULL;
}

static uint32_t get_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An index of version 2, its tables inside the file. */
struct index {
    uint32_t count;
    const unsigned char *oids, *crcs, *offsets;
};

static bool parse_index(const struct mapping *idx, struct index *out)
{
    if (idx->len < IDX_HEADER + IDX_FANOUT + IDX_TRAILER || memcmp(idx->data, "\377tOc\0\0\0\2", IDX_HEADER) != 0)
        return false;
    out->count = get_be32(idx->data + IDX_HEADER + IDX_FANOUT - 4);
    out->oids = idx->data + IDX_HEADER + IDX_FANOUT;
    out->crcs = out->oids + (size_t)out->count * CDB_OID_SIZE;
    out->offsets = out->crcs + (size_t)out->count * 4;
    return idx->len - IDX_HEADER - IDX_FANOUT - IDX_TRAILER >= (size_t)out->count * (CDB_OID_SIZE + 8);
}

/* ---- copying ----------------------------------------------------------------------------------- */

/* An object's place in its pack. */
struct place {
    uint64_t offset;
    uint32_t crc;
    struct cdb_oid oid;
};

static int by_offset(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* The objects in the order in which they lie in the pack; offsets beyond 2 GiB mean that the pack is large: not ours to
 * merge. */
static bool read_places(const struct index *index, uint64_t pack_len, struct place *out)
{
    for (uint32_t i = 0; i < index->count; i++) {
        uint32_t offset = get_be32(index->offsets + (size_t)i * 4);
        if ((offset & LARGE_BIT) != 0 || offset < 12 || offset >= pack_len - PACK_TRAILER)
            return false;
        out[i] = (struct place){.offset = offset, .crc = get_be32(index->crcs + (size_t)i * 4)};
        memcpy(out[i].oid.id, index->oids + (size_t)i * CDB_OID_SIZE, CDB_OID_SIZE);
    }
    if (index->count > 1)
        qsort(out, index->count, sizeof(*out), by_offset);
    return true;
}

static bool is_whole(unsigned char first_byte)
{
    int type = first_byte >> 4 & 7;
    return type >= CDB_COMMIT && type <= CDB_TAG;
}

/* Check that every entry is a whole object and undamaged; with a target, copy them. 1: the pack is not one to merge. */
static int copy_entries(const struct place *places, uint32_t count, const struct mapping *pack, struct cdb_pack *target)
{
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        uint64_t end = i + 1 < count ? places[i + 1].offset : pack->len - PACK_TRAILER;
        const unsigned char *entry = pack->data + places[i].offset;
        size_t len = (size_t)(end - places[i].offset);
        if (len == 0 || !is_whole(entry[0]))
            return 1;
        if (target == NULL)
            continue;
        if ((uint32_t)crc32_z(0, entry, len) != places[i].crc)
            return 1; /* damaged: it is left as it is, for verify to tell */
        result = cdb_pack_add_raw(target, entry, len, places[i].crc, &places[i].oid);
    }
    return result;
}

/* With a target, copy the pack's objects into it; without, only look. 0; 1: the pack is not one to merge. */
static int copy_pack(int dir, const char *name, struct cdb_pack *target, uint64_t *count)
{
    struct mapping idx = {NULL, 0}, pack = {NULL, 0};
    struct index index;
    struct place *places = NULL;
    int result = map_file(dir, name, ".idx", &idx);
    if (result == 0)
        result = map_file(dir, name, ".pack", &pack);
    if (result == 0 && (!parse_index(&idx, &index) || pack.len < 12 + PACK_TRAILER))
        result = 1;
    if (result == 0 && (places = malloc(((size_t)index.count + 1) * sizeof(*places))) == NULL)
        result = cdb_error_memory();
    if (result == 0)
        result = read_places(&index, pack.len, places) ? copy_entries(places, index.count, &pack, target) : 1;
    if (result == 0)
        *count = index.count;
    free(places);
    unmap(&idx);
    unmap(&pack);
    return result;
}

/* ---- all packs --------------------------------------------------------------------------------- */

struct old_packs {
    struct old_pack *list;
    size_t count, room;
};

static bool is_kept(int dir, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), FOLDER "/%s.keep", name);
    return cdb_fs_exists(dir, path);
}

static int list_packs(int dir, struct old_packs *out)
{
    DIR *listing = cdb_fs_opendir(dir, FOLDER);
    int result = 0;
    if (listing == NULL)
        return cdb_error_errno(FOLDER, "cannot list '%s'", FOLDER);
    for (struct dirent *entry; result >= 0 && (entry = readdir(listing)) != NULL;) {
        struct old_pack pack = {.count = 0};
        size_t len = strlen(entry->d_name);
        if (len != CDB_OID_HEX + 9 || strncmp(entry->d_name, "pack-", 5) != 0 ||
            strcmp(entry->d_name + len - 4, ".idx") != 0)
            continue;
        memcpy(pack.name, entry->d_name, CDB_OID_HEX + 5);
        if (is_kept(dir, pack.name))
            continue;
        result = copy_pack(dir, pack.name, NULL, &pack.count);
        if (result != 0)
            continue; /* not one to merge; or gone meanwhile */
        result = cdb_array_grow(&out->list, &out->room, out->count, sizeof(*out->list));
        if (result == 0)
            out->list[out->count++] = pack;
    }
    closedir(listing);
    return result == CHRONDB_ESYSTEM ? result : 0;
}

static int by_count(const void *left, const void *right)
{
    const struct old_pack *a = left, *b = right;
    return (a->count > b->count) - (a->count < b->count);
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

/* The index first, as git does it: without it the pack is not looked at. */
static void remove_pack(int dir, const char *name)
{
    static const char *const suffixes[] = {".idx", ".rev", ".bitmap", ".pack"};
    char path[96];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), FOLDER "/%s%s", name, suffixes[i]);
        unlinkat(dir, path, 0);
        CDB_FAULT("repack-unlinked");
    }
}

static int merge_packs(struct cdb_repo *repo, const struct old_packs *packs, size_t count)
{
    struct cdb_pack *pack = NULL;
    int result = cdb_pack_new(&pack, repo->dir, "m");
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t objects;
        result = copy_pack(repo->dir, packs->list[i].name, pack, &objects);
    }
    CDB_FAULT("repack-copied");
    if (result == 0)
        result = cdb_pack_finish(pack);
    CDB_FAULT("repack-published");
    for (size_t i = 0; result == 0 && i < count; i++)
        if (strcmp(packs->list[i].name, cdb_pack_name(pack)) != 0)
            remove_pack(repo->dir, packs->list[i].name);
    cdb_pack_free(pack);
    return result == 1 ? 0 : result; /* one turned out damaged: all stay */
}

int cdb_repack(struct cdb_repo *repo)
{
    struct old_packs packs = {NULL, 0, 0};
    int result = list_packs(repo->dir, &packs);
    if (packs.count > 1)
        qsort(packs.list, packs.count, sizeof(*packs.list), by_count);
    size_t count = result == 0 && packs.list != NULL ? plan(&packs) : 0;
    if (count > 1)
        result = merge_packs(repo, &packs, count);
    free(packs.list);
    return result;
}
