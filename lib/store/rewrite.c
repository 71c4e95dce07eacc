/* SPDX-License-Identifier: MIT */
#include "store/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/delta.h"
#include "store/members.h"
#include "store/pack.h"
#include "store/packfile.h"
#include "store/pairs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define CHAIN_LIMIT    (2 * CDB_CHAIN_MAX)
#define SOURCE_LOOSE   UINT16_MAX
#define SOURCE_ENCODED (UINT16_MAX - 1)
#define SOURCE_ANY     (UINT16_MAX - 2) /* wherever it is found; it must be */
#define SOURCES_MAX    (UINT16_MAX - 3)
#define COPIED_MOST    8
#define DELTA_FRAME    16                /* what an entry of a delta has besides the delta, about */
#define DELTA_BASE_MAX ((size_t)8 << 20) /* larger documents are not told as deltas: both have to be in memory */

struct cdb_rewrite {
    int pack_dir, dir;
    struct cdb_objects *objects;
    struct cdb_packfile **packs;
    size_t pack_count, pack_room;
    struct cdb_members members;
    struct cdb_pack *pack;
    bool streams;
    struct cdb_rewrite_choice choice;
    struct cdb_buf content, base, delta;
    const char *culprit;
    char name[CDB_OID_HEX + 6];
    cdb_rewrite_progress progress;
    void *progress_context;
};

int cdb_rewrite_new(struct cdb_rewrite **out, int dir, struct cdb_objects *objects)
{
    struct cdb_rewrite *rewrite = calloc(1, sizeof(*rewrite));
    if (rewrite == NULL)
        return cdb_error_memory();
    rewrite->dir = dir;
    rewrite->objects = objects;
    rewrite->pack_dir = openat(dir, "objects/pack", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rewrite->pack_dir < 0) {
        int result = cdb_error_errno("objects/pack", "cannot open '%s'", "objects/pack");
        free(rewrite);
        return result;
    }
    *out = rewrite;
    return 0;
}

void cdb_rewrite_free(struct cdb_rewrite *rewrite)
{
    if (rewrite == NULL)
        return;
    close(rewrite->pack_dir);
    for (size_t i = 0; i < rewrite->pack_count; i++)
        cdb_packfile_release(rewrite->packs[i]);
    free(rewrite->packs);
    cdb_members_release(&rewrite->members);
    cdb_pack_free(rewrite->pack);
    cdb_buf_release(&rewrite->content);
    cdb_buf_release(&rewrite->base);
    cdb_buf_release(&rewrite->delta);
    free(rewrite);
}

const char *cdb_rewrite_name(const struct cdb_rewrite *rewrite)
{
    return rewrite->name;
}

const char *cdb_rewrite_culprit(const struct cdb_rewrite *rewrite)
{
    return rewrite->culprit;
}

size_t cdb_rewrite_count(const struct cdb_rewrite *rewrite)
{
    return rewrite->members.count;
}

uint64_t cdb_rewrite_bytes(const struct cdb_rewrite *rewrite)
{
    return cdb_pack_bytes(rewrite->pack);
}

void cdb_rewrite_choose(struct cdb_rewrite *rewrite, const struct cdb_rewrite_choice *choice)
{
    rewrite->choice = *choice;
}

bool cdb_rewrite_wrote(const struct cdb_rewrite *rewrite, const struct cdb_oid *oid)
{
    uint32_t member = cdb_members_find(&rewrite->members, oid);
    return rewrite->name[0] != '\0' && member != CDB_NO_MEMBER &&
           (rewrite->members.list[member].flags & CDB_MEMBER_WRITTEN) != 0;
}

/* ---- what there is to write ---------------------------------------------------------------------- */

/* Where an object lies in its pack. */
struct place {
    uint64_t offset;
    uint32_t position; /* in the index */
};

static int by_offset(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int malformed(const struct cdb_packfile *file)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "the entries of '%s' are not those of its index",
                     cdb_packfile_name(file));
}

/* The objects in the order in which they lie in the pack: no two at the same place. */
static int read_places(const struct cdb_packfile *file, struct place *places)
{
    uint32_t count = cdb_packfile_count(file);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (struct place){cdb_packfile_offset(file, i), i};
        if (places[i].offset == 0)
            return malformed(file);
    }
    if (count > 1)
        qsort(places, count, sizeof(*places), by_offset);
    for (uint32_t i = 1; i < count; i++)
        if (places[i].offset == places[i - 1].offset)
            return malformed(file);
    return 0;
}

/* On what a delta stands, as a position in the index. */
static int find_base(const struct cdb_packfile *file, const struct place *places, const struct cdb_packed *entry,
                     struct cdb_member *member)
{
    uint32_t position;
    if (entry->type == CDB_REF_DELTA) {
        int result = cdb_packfile_find(file, &entry->base_oid, &position);
        if (result == 0)
            member->base = position;
        else
            member->flags = CDB_MEMBER_EXPAND; /* nobody writes such packs */
        return result == 1 ? 0 : result;
    }
    struct place wanted = {entry->base, 0};
    const struct place *base = bsearch(&wanted, places, cdb_packfile_count(file), sizeof(*places), by_offset);
    if (base == NULL)
        return malformed(file);
    member->base = base->position;
    return 0;
}

static int add_entry(struct cdb_rewrite *rewrite, const struct cdb_packfile *file, const struct place *places,
                     uint32_t index)
{
    uint32_t count = cdb_packfile_count(file), position = places[index].position;
    uint64_t end = index + 1 < count ? places[index + 1].offset : cdb_packfile_bytes(file) - 20;
    struct cdb_packed entry;
    struct cdb_member member = {.where = places[index].offset,
                                .len = end - places[index].offset,
                                .base = CDB_NO_MEMBER,
                                .entry = CDB_NO_ENTRY,
                                .rank = CDB_NO_RANK,
                                .source = (uint16_t)rewrite->pack_count};
    const struct cdb_rewrite_choice *choice = &rewrite->choice;
    int result = cdb_packfile_oid(file, position, &member.oid);
    if (result != 0 || (choice->wants != NULL && !choice->wants(choice->context, &member.oid)))
        return result;
    if (!cdb_packfile_entry(file, member.where, &entry))
        return malformed(file);
    if (entry.start - member.where >= member.len)
        return malformed(file);
    member.type = (uint8_t)(entry.type < CDB_OFS_DELTA ? entry.type : CDB_ANY);
    if (entry.type >= CDB_OFS_DELTA) {
        member.flags = CDB_MEMBER_DELTA;
        result = find_base(file, places, &entry, &member);
    }
    if (!cdb_packfile_crc(file, position, &member.crc))
        member.flags |= CDB_MEMBER_EXPAND;
    return result == 0 ? cdb_members_add(&rewrite->members, &member) : result;
}

static int add_entries(struct cdb_rewrite *rewrite, struct cdb_packfile *file)
{
    uint32_t count = cdb_packfile_count(file);
    size_t before = rewrite->members.count;
    struct place *places = calloc((size_t)count + 1, sizeof(*places));
    int result = places == NULL ? cdb_error_memory() : read_places(file, places);
    if (result == 0 && rewrite->choice.wants == NULL)
        result = cdb_members_reserve(&rewrite->members, count);
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = add_entry(rewrite, file, places, i);
    if (result != 0)
        rewrite->members.count = before;
    for (size_t i = before; i < rewrite->members.count && rewrite->choice.took != NULL; i++)
        rewrite->choice.took(rewrite->choice.context, &rewrite->members.list[i].oid);
    free(places);
    return result;
}

int cdb_rewrite_add_pack(struct cdb_rewrite *rewrite, const char *name)
{
    struct cdb_packfile *file = NULL;
    if (rewrite->pack_count >= SOURCES_MAX)
        return 1;
    int result = cdb_array_grow(&rewrite->packs, &rewrite->pack_room, rewrite->pack_count, sizeof(*rewrite->packs));
    if (result == 0)
        result = cdb_packfile_open(&file, rewrite->pack_dir, name);
    if (result == 0)
        result = cdb_packfile_open_pack(file, rewrite->pack_dir);
    if (result == 0)
        result = cdb_packfile_map(file);
    if (result == 0)
        result = add_entries(rewrite, file);
    if (result == 0)
        rewrite->packs[rewrite->pack_count++] = file;
    else
        cdb_packfile_release(file);
    return result;
}

static int add_other(struct cdb_rewrite *rewrite, const struct cdb_oid *oid, uint16_t source, uint64_t where,
                     size_t len)
{
    struct cdb_member member = {.oid = *oid,
                                .where = where,
                                .len = len,
                                .base = CDB_NO_MEMBER,
                                .entry = CDB_NO_ENTRY,
                                .rank = CDB_NO_RANK,
                                .source = source,
                                .flags = CDB_MEMBER_EXPAND};
    return cdb_members_add(&rewrite->members, &member);
}

int cdb_rewrite_add_loose(struct cdb_rewrite *rewrite, const struct cdb_oid *oid)
{
    return add_other(rewrite, oid, SOURCE_LOOSE, 0, 0);
}

int cdb_rewrite_add_encoded(struct cdb_rewrite *rewrite, const struct cdb_oid *oid, const void *loose, size_t len)
{
    return add_other(rewrite, oid, SOURCE_ENCODED, (uint64_t)(uintptr_t)loose, len);
}

int cdb_rewrite_add_object(struct cdb_rewrite *rewrite, const struct cdb_oid *oid, int type)
{
    int result = add_other(rewrite, oid, SOURCE_ANY, 0, 0);
    if (result == 0)
        rewrite->members.list[rewrite->members.count - 1].type = (uint8_t)type;
    return result;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static int read_item(struct cdb_rewrite *rewrite, uint32_t index, int *type, struct cdb_buf *out)
{
    const struct cdb_member *member = &rewrite->members.list[index];
    cdb_buf_clear(out);
    if (member->source == SOURCE_ENCODED)
        return cdb_object_decode(&member->oid, (const void *)(uintptr_t)member->where, (size_t)member->len,
                                 CDB_TREE_MAX, type, out);
    int result = cdb_objects_find(rewrite->objects, &member->oid, CDB_TREE_MAX, type, out);
    if (result != 1)
        return result;
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(&member->oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "object %s is missing", hex);
}

static int read_for_pairs(void *context, uint32_t member, struct cdb_buf *out)
{
    int type;
    return read_item(context, member, &type, out);
}

static int tell_pairs(void *context, uint64_t done, uint64_t total)
{
    struct cdb_rewrite *rewrite = context;
    return rewrite->progress != NULL ? rewrite->progress(rewrite->progress_context, "comparing commits", done, total)
                                     : 0;
}

/* ---- planning ------------------------------------------------------------------------------------ */

/* Bases become members; the type of a delta is that of what it stands on. */
static void resolve_bases(struct cdb_rewrite *rewrite)
{
    struct cdb_members *members = &rewrite->members;
    for (size_t i = 0; i < members->count; i++) {
        struct cdb_member *member = &members->list[i];
        struct cdb_oid oid;
        if (member->base == CDB_NO_MEMBER)
            continue;
        cdb_packfile_oid(rewrite->packs[member->source], member->base, &oid);
        member->base = cdb_members_find(members, &oid);
        if (member->base == CDB_NO_MEMBER)
            member->flags |= CDB_MEMBER_EXPAND;
    }
    for (size_t i = 0; i < members->count; i++) {
        uint32_t root = (uint32_t)i;
        for (int steps = 0; members->list[root].type == CDB_ANY && members->list[root].base != CDB_NO_MEMBER &&
                            steps < CDB_CHAIN_LIMIT;
             steps++)
            root = members->list[root].base;
        members->list[i].type = members->list[root].type;
    }
}

/* What is not in a pack does not tell its type from outside. What cannot be read stays of no type. */
static int read_types(struct cdb_rewrite *rewrite)
{
    int result = 0;
    for (size_t i = 0; i < rewrite->members.count && result == 0; i++) {
        struct cdb_member *member = &rewrite->members.list[i];
        int type = CDB_ANY;
        if (member->type != CDB_ANY)
            continue;
        result = read_item(rewrite, (uint32_t)i, &type, &rewrite->content);
        if (result == 0)
            member->type = (uint8_t)type;
        else if (result == CHRONDB_EDAMAGED && member->source != SOURCE_ENCODED && !rewrite->streams)
            result = 0;
    }
    return result;
}

/* To find deltas means to read every tree again that a commit changed. A stream does without where most entries are
 * copied as they are: their deltas are. */
static bool is_worth_comparing(const struct cdb_rewrite *rewrite)
{
    size_t expanded = 0;
    for (size_t i = 0; i < rewrite->members.count; i++)
        expanded += (rewrite->members.list[i].flags & CDB_MEMBER_EXPAND) != 0;
    return !rewrite->streams || expanded > rewrite->members.count / COPIED_MOST;
}

static int plan(struct cdb_rewrite *rewrite)
{
    const struct cdb_pairs_help help = {rewrite, read_for_pairs, tell_pairs};
    cdb_members_sort(&rewrite->members);
    resolve_bases(rewrite);
    int result = read_types(rewrite);
    if (result != 0)
        return result;
    cdb_members_measure(&rewrite->members);
    return is_worth_comparing(rewrite) ? cdb_pairs_find(&rewrite->members, CHAIN_LIMIT, &help) : 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static int fail(struct cdb_rewrite *rewrite, const struct cdb_member *member, int result)
{
    if (result == CHRONDB_EDAMAGED && member->source < rewrite->pack_count)
        rewrite->culprit = cdb_packfile_name(rewrite->packs[member->source]);
    return result;
}

/* The entry as it lies in its pack, after a look at its checksum. */
static int raw_entry(struct cdb_rewrite *rewrite, const struct cdb_member *member, struct cdb_packed *entry,
                     const unsigned char **start)
{
    struct cdb_packfile *file = rewrite->packs[member->source];
    if (!cdb_packfile_entry(file, member->where, entry))
        return malformed(file);
    *start = cdb_packfile_data(file, member->where);
    if (libdeflate_crc32(0, *start, (size_t)member->len) != member->crc)
        return cdb_error(CHRONDB_EDAMAGED, "damaged", "an entry of '%s' does not match its checksum",
                         cdb_packfile_name(file));
    return 0;
}

/* Several copies: is this one what it says it is? */
static bool is_true(struct cdb_rewrite *rewrite, const struct cdb_member *member)
{
    const char *why;
    struct cdb_oid actual;
    int type;
    cdb_buf_clear(&rewrite->content);
    return cdb_packfile_read(rewrite->packs[member->source], member->where, CDB_TREE_MAX, NULL, &type,
                             &rewrite->content, &why) == 0 &&
           cdb_object_hash(&actual, type, cdb_buf_str(&rewrite->content), rewrite->content.len) == 0 &&
           cdb_oid_equal(&actual, &member->oid);
}

static int copy_entry(struct cdb_rewrite *rewrite, const struct cdb_member *member)
{
    struct cdb_packed entry;
    const unsigned char *start;
    int result = raw_entry(rewrite, member, &entry, &start);
    if (result != 0)
        return result;
    size_t head = (size_t)(entry.start - member->where);
    if (entry.type < CDB_OFS_DELTA)
        return cdb_pack_add_raw(rewrite->pack, start, (size_t)member->len, member->crc, &member->oid);
    return cdb_pack_add_deflated_delta(rewrite->pack, &member->oid, rewrite->members.list[member->base].entry,
                                       entry.size, start + head, (size_t)member->len - head);
}

/* The member as a delta on its base, if that is worth it: 0; 1: it is not. rewrite->content is the member's. */
static int add_delta(struct cdb_rewrite *rewrite, const struct cdb_member *member, int type)
{
    int base_type;
    const struct cdb_buf *content = &rewrite->content;
    if (content->len > DELTA_BASE_MAX)
        return 1;
    int result = read_item(rewrite, member->base, &base_type, &rewrite->base);
    if (result != 0)
        return result == CHRONDB_EDAMAGED ? 1 : result;
    if (base_type != type || rewrite->base.len > DELTA_BASE_MAX)
        return 1;
    cdb_buf_clear(&rewrite->delta);
    (type == CDB_TREE ? cdb_delta_tree : cdb_delta_match)(&rewrite->delta, cdb_buf_str(&rewrite->base),
                                                          rewrite->base.len, cdb_buf_str(content), content->len);
    if ((result = cdb_buf_check(&rewrite->delta)) != 0)
        return result;
    size_t whole = (member->flags & CDB_MEMBER_EXPAND) != 0 ? content->len : (size_t)member->len;
    if (rewrite->delta.len + DELTA_FRAME >= whole)
        return 1;
    return cdb_pack_add_delta(rewrite->pack, &member->oid, rewrite->members.list[member->base].entry,
                              rewrite->delta.ptr, rewrite->delta.len);
}

/* Can it stand on its base, which is written, without the chain getting too long? */
static bool may_stand(const struct cdb_rewrite *rewrite, const struct cdb_member *member)
{
    const struct cdb_member *base = member->base != CDB_NO_MEMBER ? &rewrite->members.list[member->base] : NULL;
    return base != NULL && (base->flags & CDB_MEMBER_WRITTEN) != 0 &&
           cdb_pack_depth(rewrite->pack, base->entry) < CHAIN_LIMIT;
}

static int add_content(struct cdb_rewrite *rewrite, uint32_t index, bool stands)
{
    const struct cdb_member *member = &rewrite->members.list[index];
    int type, result = read_item(rewrite, index, &type, &rewrite->content);
    if (result == 0 && stands)
        result = add_delta(rewrite, member, type);
    else if (result == 0)
        result = 1;
    if (result == 1 && (member->flags & (CDB_MEMBER_EXPAND | CDB_MEMBER_DELTA)) == 0)
        return copy_entry(rewrite, member);
    if (result == 1)
        result = cdb_pack_add(rewrite->pack, type, cdb_buf_str(&rewrite->content), rewrite->content.len, &member->oid);
    return result;
}

static int write_item(struct cdb_rewrite *rewrite, uint32_t index)
{
    struct cdb_member *member = &rewrite->members.list[index];
    bool stands = may_stand(rewrite, member), is_delta = (member->flags & CDB_MEMBER_DELTA) != 0;
    int result;
    if ((member->flags & (CDB_MEMBER_TWICE | CDB_MEMBER_EXPAND)) == CDB_MEMBER_TWICE && !is_true(rewrite, member))
        member->flags |= CDB_MEMBER_EXPAND;
    if ((member->flags & CDB_MEMBER_EXPAND) != 0 || stands != is_delta)
        result = add_content(rewrite, index, stands);
    else
        result = copy_entry(rewrite, member);
    if (result == CHRONDB_EDAMAGED && member->source < rewrite->pack_count && rewrite->streams) {
        member->flags |= CDB_MEMBER_EXPAND;
        result = add_content(rewrite, index, stands);
    }
    if (result == CHRONDB_EDAMAGED && member->source == SOURCE_LOOSE)
        return 0; /* it stays where it is */
    if (result != 0)
        return fail(rewrite, member, result);
    member->entry = cdb_pack_find(rewrite->pack, &member->oid);
    member->flags |= CDB_MEMBER_WRITTEN;
    return 0;
}

struct stack {
    uint32_t *list;
    size_t count, room;
};

static int push(struct cdb_rewrite *rewrite, struct stack *stack, uint32_t index)
{
    int result = cdb_array_grow(&stack->list, &stack->room, stack->count, sizeof(*stack->list));
    if (result == 0) {
        rewrite->members.list[index].flags |= CDB_MEMBER_OPEN;
        stack->list[stack->count++] = index;
    }
    return result;
}

/* First what it stands on. A circle, which copies from several packs can make, is broken where it closes. */
static int write_with_bases(struct cdb_rewrite *rewrite, struct stack *stack, uint32_t index)
{
    struct cdb_member *list = rewrite->members.list;
    int result = (list[index].flags & CDB_MEMBER_OPEN) == 0 ? push(rewrite, stack, index) : 0;
    while (result == 0 && stack->count > 0) {
        uint32_t top = stack->list[stack->count - 1], base = list[top].base;
        if (base != CDB_NO_MEMBER && (list[base].flags & CDB_MEMBER_OPEN) == 0) {
            result = push(rewrite, stack, base);
            continue;
        }
        result = write_item(rewrite, top);
        stack->count--;
    }
    return result;
}

/* Commits, then trees, then documents; in each the order of the walk, then that of the sources. */
struct order {
    uint64_t where;
    uint32_t index, rank;
    uint16_t source;
    uint8_t group;
};

static int by_order(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->where > b->where) - (a->where < b->where);
}

static struct order *make_order(const struct cdb_members *members)
{
    struct order *order = malloc((members->count + 1) * sizeof(*order));
    for (size_t i = 0; order != NULL && i < members->count; i++) {
        const struct cdb_member *member = &members->list[i];
        order[i] = (struct order){member->where, (uint32_t)i, member->rank, member->source, member->type};
    }
    if (order != NULL && members->count > 1)
        qsort(order, members->count, sizeof(*order), by_order);
    return order;
}

static int write_all(struct cdb_rewrite *rewrite)
{
    struct stack stack = {NULL, 0, 0};
    size_t count = rewrite->members.count;
    struct order *order = make_order(&rewrite->members);
    int result = order == NULL ? cdb_error_memory() : 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = write_with_bases(rewrite, &stack, order[i].index);
        if (result == 0 && rewrite->progress != NULL)
            result = rewrite->progress(rewrite->progress_context, "writing objects", i + 1, count);
    }
    free(stack.list);
    free(order);
    return result;
}

int cdb_rewrite_run(struct cdb_rewrite *rewrite, const char *role, cdb_rewrite_progress progress, void *context)
{
    rewrite->progress = progress;
    rewrite->progress_context = context;
    rewrite->culprit = NULL;
    int result = plan(rewrite);
    CDB_FAULT("rewrite-planned");
    if (result == 0)
        result = cdb_pack_new(&rewrite->pack, rewrite->dir, role);
    if (result == 0)
        result = write_all(rewrite);
    CDB_FAULT("rewrite-written");
    if (result == 0)
        result = cdb_pack_finish(rewrite->pack);
    if (result == 0)
        memcpy(rewrite->name, cdb_pack_name(rewrite->pack), sizeof(rewrite->name));
    return result;
}

int cdb_rewrite_plan(struct cdb_rewrite *rewrite, cdb_rewrite_progress progress, void *context)
{
    rewrite->progress = progress;
    rewrite->progress_context = context;
    rewrite->streams = true;
    return plan(rewrite);
}

int cdb_rewrite_stream(struct cdb_rewrite *rewrite, int fd, const char *path)
{
    int result = cdb_pack_new_stream(&rewrite->pack, fd, path, (uint32_t)rewrite->members.count);
    if (result == 0)
        result = write_all(rewrite);
    return result == 0 ? cdb_pack_finish(rewrite->pack) : result;
}
