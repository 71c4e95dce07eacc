/* SPDX-License-Identifier: MIT */
#include "store/packs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/objects.h"
#include "store/packfile.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define ALTERNATES_MAX   ((size_t)1 << 20)
#define ALTERNATES_DEPTH 5
#define SOURCES_MAX      64
#define QUIET_LOOKS      2
#define LOOKS_MAX        8 /* for new packs, while they come and go faster than we look */
#define PLACES_MAX       16
#define CACHE_SLOTS      128
#define CACHED_MAX       ((size_t)32 << 10)

/* An object directory: the database's own, or an alternate. */
struct source {
    int objects, pack; /* descriptors of DIR and DIR/pack; the latter -1 if there is none (yet) */
    dev_t device;
    ino_t inode;
};

struct slot {
    char *name; /* "pack-..." */
    int source;
    int64_t modified;          /* nanoseconds */
    struct cdb_packfile *file; /* NULL: not opened yet */
    bool seen;                 /* in the listing that is being made */
    bool bad;                  /* cannot be opened: an error is worth more than "not there" */
};

struct cached {
    uint64_t serial, offset; /* 0: free */
    int type;
    struct cdb_buf content;
};

struct cdb_packs {
    int dir;
    cdb_packs_loose loose;
    void *loose_context;
    pthread_mutex_t mutex; /* guards what follows */
    struct source *sources;
    size_t source_count, source_room;
    bool alternates_known;
    struct slot *slots;
    size_t slot_count, slot_room;
    size_t recent;     /* the slot that was of use last */
    uint64_t listings; /* made so far */
    pthread_mutex_t cache_mutex;
    struct cached cache[CACHE_SLOTS];
    _Atomic(struct libdeflate_decompressor *) inflater; /* a spare one */
};

/* Where an object is: a pack that is held. */
struct place {
    struct cdb_packfile *file;
    uint64_t offset;
};

int cdb_packs_new(struct cdb_packs **out, int dir, cdb_packs_loose loose, void *context)
{
    struct cdb_packs *packs = calloc(1, sizeof(*packs));
    if (packs == NULL)
        return cdb_error_memory();
    packs->dir = dir;
    packs->loose = loose;
    packs->loose_context = context;
    pthread_mutex_init(&packs->mutex, NULL);
    pthread_mutex_init(&packs->cache_mutex, NULL);
    atomic_init(&packs->inflater, NULL);
    *out = packs;
    return 0;
}

static void drop_slot(struct cdb_packs *packs, size_t index)
{
    cdb_packfile_release(packs->slots[index].file);
    free(packs->slots[index].name);
    packs->slots[index] = packs->slots[--packs->slot_count];
}

void cdb_packs_free(struct cdb_packs *packs)
{
    if (packs == NULL)
        return;
    while (packs->slot_count > 0)
        drop_slot(packs, packs->slot_count - 1);
    for (size_t i = 0; i < packs->source_count; i++) {
        close(packs->sources[i].objects);
        if (packs->sources[i].pack >= 0)
            close(packs->sources[i].pack);
    }
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        cdb_buf_release(&packs->cache[i].content);
    libdeflate_free_decompressor(atomic_load(&packs->inflater));
    pthread_mutex_destroy(&packs->mutex);
    pthread_mutex_destroy(&packs->cache_mutex);
    free(packs->slots);
    free(packs->sources);
    free(packs);
}

/* ---- where packs are ----------------------------------------------------------------------------- */

/* Add an object directory, once. Takes the descriptor. 0; 1: it is known already. */
static int add_source(struct cdb_packs *packs, int objects)
{
    struct stat st;
    int result = fstat(objects, &st) == 0 && packs->source_count < SOURCES_MAX ? 0 : 1;
    for (size_t i = 0; i < packs->source_count && result == 0; i++)
        if (packs->sources[i].inode == st.st_ino && packs->sources[i].device == st.st_dev)
            result = 1;
    if (result == 0)
        result = cdb_array_grow(&packs->sources, &packs->source_room, packs->source_count, sizeof(*packs->sources));
    if (result != 0) {
        close(objects);
        return result;
    }
    packs->sources[packs->source_count++] = (struct source){objects, -1, st.st_dev, st.st_ino};
    return 0;
}

static int open_own_source(struct cdb_packs *packs)
{
    int objects = openat(packs->dir, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (objects < 0)
        return cdb_error_errno("objects", "cannot open '%s'", "objects");
    return add_source(packs, objects) < 0 ? CHRONDB_ESYSTEM : 0;
}

/* One line of an alternates file: an object directory, relative to the one that has the file. What cannot be opened is
 * passed over, as git does it. */
static int add_alternate(struct cdb_packs *packs, int base, const char *line)
{
    if (*line == '\0' || *line == '#')
        return 0;
    int objects = openat(base, line, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return objects < 0 || add_source(packs, objects) >= 0 ? 0 : CHRONDB_ESYSTEM;
}

static int read_alternates(struct cdb_packs *packs, int base)
{
    struct cdb_buf file = CDB_BUF_INIT;
    char *rest = NULL;
    int result = cdb_fs_read(base, "info/alternates", ALTERNATES_MAX, &file);
    for (char *line = result == 0 ? strtok_r(file.ptr, "\n", &rest) : NULL; line != NULL && result == 0;
         line = strtok_r(NULL, "\n", &rest))
        result = add_alternate(packs, base, line);
    cdb_buf_release(&file);
    return result == 1 ? 0 : result;
}

/* Breadth first: those of the database, then those of its alternates, and so on. */
static int find_alternates(struct cdb_packs *packs)
{
    int result = 0;
    if (packs->alternates_known)
        return 0;
    packs->alternates_known = true;
    size_t from = 0, to = packs->source_count;
    for (int depth = 0; depth <= ALTERNATES_DEPTH && from < to && result == 0; depth++) {
        for (size_t i = from; i < to && result == 0; i++)
            result = read_alternates(packs, packs->sources[i].objects);
        from = to;
        to = packs->source_count;
    }
    return result;
}

/* ---- which packs there are ----------------------------------------------------------------------- */

static struct slot *find_slot(struct cdb_packs *packs, int source, const char *name, size_t len)
{
    for (size_t i = 0; i < packs->slot_count; i++)
        if (packs->slots[i].source == source && strncmp(packs->slots[i].name, name, len) == 0 &&
            packs->slots[i].name[len] == '\0')
            return &packs->slots[i];
    return NULL;
}

static int64_t modified(int dir, const char *entry)
{
    struct stat st;
    return fstatat(dir, entry, &st, 0) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec : 0;
}

static int note_pack(struct cdb_packs *packs, int source, const char *entry, bool *changed)
{
    size_t len = strlen(entry);
    if (len <= 4 || len > CDB_PACK_NAME_MAX || strcmp(entry + len - 4, ".idx") != 0)
        return 0;
    struct slot *slot = find_slot(packs, source, entry, len - 4);
    if (slot == NULL) {
        int result = cdb_array_grow(&packs->slots, &packs->slot_room, packs->slot_count, sizeof(*packs->slots));
        char *name = result == 0 ? strndup(entry, len - 4) : NULL;
        if (name == NULL)
            return result != 0 ? result : cdb_error_memory();
        slot = &packs->slots[packs->slot_count++];
        *slot = (struct slot){.name = name, .source = source};
        slot->modified = modified(packs->sources[source].pack, entry);
        *changed = true;
    }
    slot->seen = true;
    return 0;
}

static int list_source(struct cdb_packs *packs, int index, bool *changed)
{
    struct source *source = &packs->sources[index];
    if (source->pack < 0)
        source->pack = openat(source->objects, "pack", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source->pack < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : cdb_error_errno("pack", "cannot open 'objects/pack'");
    DIR *listing = cdb_fs_opendir(source->pack, ".");
    int result = 0;
    if (listing == NULL)
        return cdb_error_errno("pack", "cannot list 'objects/pack'");
    for (struct dirent *entry; result == 0 && (entry = readdir(listing)) != NULL;)
        result = note_pack(packs, index, entry->d_name, changed);
    closedir(listing);
    return result;
}

/* Our own first, the newest first: there is what was written last, and what is read most. */
static int by_use(const void *left, const void *right)
{
    const struct slot *a = left, *b = right;
    if (a->source != b->source)
        return (a->source > b->source) - (a->source < b->source);
    return a->modified != b->modified ? (a->modified < b->modified) - (a->modified > b->modified)
                                      : strcmp(a->name, b->name);
}

/* Look again. Alternates are looked for when an object was missed once, not before. */
static int list(struct cdb_packs *packs, bool *changed)
{
    int result = packs->source_count == 0 ? open_own_source(packs) : find_alternates(packs);
    for (size_t i = 0; i < packs->slot_count; i++)
        packs->slots[i].seen = packs->slots[i].bad = false;
    for (size_t i = 0; i < packs->source_count && result == 0; i++)
        result = list_source(packs, (int)i, changed);
    for (size_t i = 0; i < packs->slot_count && result == 0;) {
        if (packs->slots[i].seen)
            i++;
        else
            drop_slot(packs, i);
    }
    if (packs->slot_count > 1)
        qsort(packs->slots, packs->slot_count, sizeof(*packs->slots), by_use);
    packs->recent = 0;
    packs->listings++;
    return result;
}

void cdb_packs_let_go(struct cdb_packs *packs)
{
    bool changed = false;
    pthread_mutex_lock(&packs->mutex);
    if (packs->listings > 0 && list(packs, &changed) != 0)
        cdb_error_clear(); /* told to who reads */
    pthread_mutex_unlock(&packs->mutex);
}

/* ---- finding ------------------------------------------------------------------------------------- */

/* The slot's file with its index. 1: it has gone. */
static int open_slot(struct cdb_packs *packs, struct slot *slot)
{
    if (slot->file != NULL)
        return 0;
    return cdb_packfile_open(&slot->file, packs->sources[slot->source].pack, slot->name);
}

/* Is it in the slot's pack? 0 (held), 1 no, 2 the pack has gone, or an error. */
static int look_into(struct cdb_packs *packs, struct slot *slot, const struct cdb_oid *oid, struct place *out)
{
    uint32_t position;
    int result = open_slot(packs, slot);
    if (result != 0)
        return result == 1 ? 2 : result;
    result = cdb_packfile_find(slot->file, oid, &position);
    if (result != 0)
        return result;
    result = cdb_packfile_open_pack(slot->file, packs->sources[slot->source].pack);
    if (result != 0)
        return result == 1 ? 2 : result;
    *out = (struct place){slot->file, cdb_packfile_offset(slot->file, position)};
    cdb_packfile_hold(slot->file);
    return 0;
}

/* The first place, from slot *from on (the recent one in front). 0; 1: in none of the packs we know; 2: nor that, but
 * one has gone; an error: nor that, but one cannot be read. The caller holds the mutex. */
static int search(struct cdb_packs *packs, const struct cdb_oid *oid, struct place *out)
{
    int answer = 1;
    for (size_t i = 0; i < packs->slot_count; i++) {
        size_t index = i == 0 ? packs->recent : i <= packs->recent ? i - 1 : i;
        struct slot *slot = &packs->slots[index];
        int result = slot->bad ? CHRONDB_EDAMAGED : look_into(packs, slot, oid, out);
        if (result == 0) {
            packs->recent = index;
            return 0;
        }
        slot->bad = result < 0;
        answer = answer < 0 ? answer : result == 1 ? answer : result;
    }
    return answer;
}

/* A place of the object. After a miss the directories are listed again, until nothing new turns up. */
static int locate(struct cdb_packs *packs, const struct cdb_oid *oid, struct place *out)
{
    int quiet = 0; /* looks that found nothing new: one could have been in the midst of a merge and seen neither end */
    pthread_mutex_lock(&packs->mutex);
    int result = packs->listings > 0 ? search(packs, oid, out) : 2;
    for (int look = 0; look < LOOKS_MAX && result != 0 && quiet < QUIET_LOOKS; look++) {
        bool changed = false;
        int listed = list(packs, &changed);
        result = listed == 0 ? search(packs, oid, out) : listed;
        quiet = listed == 0 && (changed || result == 2) ? 0 : quiet + 1;
    }
    pthread_mutex_unlock(&packs->mutex);
    return result == 2 ? 1 : result;
}

/* All places, for when the first one turned out damaged. *failed is 1, or why a pack cannot be read. */
static size_t locate_all(struct cdb_packs *packs, const struct cdb_oid *oid, struct place out[PLACES_MAX], int *failed)
{
    size_t count = 0;
    bool changed = false;
    pthread_mutex_lock(&packs->mutex);
    int result = list(packs, &changed);
    *failed = result < 0 ? result : 1;
    for (size_t i = 0; i < packs->slot_count && count < PLACES_MAX; i++) {
        result = look_into(packs, &packs->slots[i], oid, &out[count]);
        count += result == 0;
        *failed = result < 0 ? result : *failed;
    }
    pthread_mutex_unlock(&packs->mutex);
    return count;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static int help_find(void *context, const struct cdb_oid *oid, struct cdb_packfile **file, uint64_t *offset)
{
    struct place place;
    int result = locate(context, oid, &place);
    if (result == 0) {
        *file = place.file;
        *offset = place.offset;
    }
    return result;
}

static int help_read(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    struct cdb_packs *packs = context;
    return packs->loose != NULL ? packs->loose(packs->loose_context, oid, max, type, out) : 1;
}

static struct cached *cache_slot(struct cdb_packs *packs, uint64_t serial, uint64_t offset)
{
    uint64_t mixed = (offset ^ serial << 40) * UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing */
    return &packs->cache[(mixed >> 32) % CACHE_SLOTS];
}

static bool help_recall(void *context, uint64_t serial, uint64_t offset, int *type, struct cdb_buf *out)
{
    struct cdb_packs *packs = context;
    struct cached *cached = cache_slot(packs, serial, offset);
    pthread_mutex_lock(&packs->cache_mutex);
    bool found = cached->serial == serial && cached->offset == offset;
    if (found) {
        cdb_buf_add(out, cached->content.ptr, cached->content.len);
        *type = cached->type;
    }
    pthread_mutex_unlock(&packs->cache_mutex);
    return found && !out->failed;
}

static void help_remember(void *context, uint64_t serial, uint64_t offset, int type, const char *data, size_t len)
{
    struct cdb_packs *packs = context;
    struct cached *cached = cache_slot(packs, serial, offset);
    if (len > CACHED_MAX || type == CDB_COMMIT)
        return;
    pthread_mutex_lock(&packs->cache_mutex);
    if (cached->serial != serial || cached->offset != offset) {
        cdb_buf_clear(&cached->content);
        cdb_buf_add(&cached->content, data, len);
        cached->type = type;
        cached->serial = cached->content.failed ? 0 : serial;
        cached->offset = offset;
        cached->content.failed = false;
    }
    pthread_mutex_unlock(&packs->cache_mutex);
}

static int damaged(const struct cdb_oid *oid, const char *why)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "object %s is %s", hex, why);
}

/* Read and check the object at a place, which is given back. */
static int read_place(struct cdb_packs *packs, struct place *place, const struct cdb_oid *oid, size_t max, int *type,
                      struct cdb_buf *out)
{
    struct cdb_packfile_help help = {packs, NULL, help_find, help_read, help_recall, help_remember};
    const char *why = NULL;
    struct cdb_oid actual;
    size_t start = out->len;
    help.inflater = atomic_exchange(&packs->inflater, NULL);
    if (help.inflater == NULL)
        help.inflater = libdeflate_alloc_decompressor();
    int result = place->offset == 0 ? CHRONDB_EDAMAGED
                                    : cdb_packfile_read(place->file, place->offset, max, &help, type, out, &why);
    libdeflate_free_decompressor(atomic_exchange(&packs->inflater, help.inflater));
    cdb_packfile_release(place->file);
    if (result == CHRONDB_EDAMAGED)
        return damaged(oid, why != NULL ? why : "damaged: its place in a pack is none");
    if (result == 0)
        result = cdb_object_hash(&actual, *type, cdb_buf_str(out) + start, out->len - start);
    if (result == 0 && !cdb_oid_equal(&actual, oid)) {
        out->len = start;
        result = damaged(oid, "damaged: its content does not match its id");
    }
    return result;
}

static int read_any(struct cdb_packs *packs, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    struct place places[PLACES_MAX];
    int result;
    size_t count = locate_all(packs, oid, places, &result);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && result == 0)
            cdb_packfile_release(places[i].file);
        else
            result = read_place(packs, &places[i], oid, max, type, out);
    }
    return result;
}

int cdb_packs_read(struct cdb_packs *packs, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    struct place place;
    int result = locate(packs, oid, &place);
    if (result == 0)
        result = read_place(packs, &place, oid, max, type, out);
    return result == CHRONDB_EDAMAGED ? read_any(packs, oid, max, type, out) : result;
}

/* In the packs that are open, without looking further. The caller holds the mutex. */
static bool search_open(struct cdb_packs *packs, const struct cdb_oid *oid, struct place *out)
{
    for (size_t i = 0; i < packs->slot_count; i++) {
        size_t index = i == 0 ? packs->recent : i <= packs->recent ? i - 1 : i;
        struct slot *slot = &packs->slots[index];
        uint32_t position;
        if (slot->file == NULL || slot->bad || cdb_packfile_bytes(slot->file) == 0 ||
            cdb_packfile_find(slot->file, oid, &position) != 0)
            continue;
        *out = (struct place){slot->file, cdb_packfile_offset(slot->file, position)};
        cdb_packfile_hold(slot->file);
        packs->recent = index;
        return true;
    }
    return false;
}

int cdb_packs_read_open(struct cdb_packs *packs, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    struct place place;
    pthread_mutex_lock(&packs->mutex);
    bool found = search_open(packs, oid, &place);
    pthread_mutex_unlock(&packs->mutex);
    if (!found)
        return 1;
    int result = read_place(packs, &place, oid, max, type, out);
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

int cdb_packs_has(struct cdb_packs *packs, const struct cdb_oid *oid)
{
    struct place place;
    int result = locate(packs, oid, &place);
    if (result == 0)
        cdb_packfile_release(place.file);
    return result;
}

/* ---- prefixes ------------------------------------------------------------------------------------ */

static bool has_prefix(const struct cdb_oid *oid, const struct cdb_oid *prefix, size_t len)
{
    return memcmp(oid->id, prefix->id, len / 2) == 0 &&
           (len % 2 == 0 || (oid->id[len / 2] & 0xf0) == (prefix->id[len / 2] & 0xf0));
}

static int count_prefix(const struct cdb_packfile *file, const struct cdb_oid *prefix, size_t len, struct cdb_oid *out,
                        int *count)
{
    struct cdb_oid oid;
    uint32_t i;
    int result = cdb_packfile_lower(file, prefix, &i);
    for (; result == 0 && i < cdb_packfile_count(file) && *count < 2; i++) {
        result = cdb_packfile_oid(file, i, &oid);
        if (result != 0 || !has_prefix(&oid, prefix, len))
            break;
        if (*count == 0 || !cdb_oid_equal(&oid, out))
            ++*count;
        *out = oid;
    }
    return result;
}

int cdb_packs_prefix(struct cdb_packs *packs, const struct cdb_oid *prefix, size_t len, struct cdb_oid *out, int *count)
{
    int gone = 1;
    pthread_mutex_lock(&packs->mutex);
    int result = 0;
    for (int look = 0; look < LOOKS_MAX && gone == 1 && result == 0; look++) {
        bool changed = false;
        result = list(packs, &changed);
        if (result == 0 && !packs->alternates_known)
            result = list(packs, &changed);
        gone = 0;
        for (size_t i = 0; i < packs->slot_count && result == 0; i++) {
            int opened = open_slot(packs, &packs->slots[i]);
            gone = opened == 1 ? 1 : gone;
            if (opened == 0)
                result = count_prefix(packs->slots[i].file, prefix, len, out, count);
        }
    }
    pthread_mutex_unlock(&packs->mutex);
    return result;
}

int cdb_packs_alternate(struct cdb_packs *packs, size_t index)
{
    pthread_mutex_lock(&packs->mutex);
    bool changed = false;
    while (!packs->alternates_known && list(packs, &changed) == 0)
        ;
    int objects = index + 1 < packs->source_count ? packs->sources[index + 1].objects : -1;
    pthread_mutex_unlock(&packs->mutex);
    return objects;
}
