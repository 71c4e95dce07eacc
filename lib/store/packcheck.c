/* SPDX-License-Identifier: MIT
 *
 * Two passes: the first goes through the entries, one behind the other, and hashes those that are whole; the second
 * puts deltas together, from each whole object upwards, so that nothing is made twice. Source: gitformat-pack. */
#include "store/packcheck.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "store/delta.h"
#include "store/packfile.h"
#include "store/sha1.h"
#include "util/array.h"
#include "util/error.h"

#define HEADER     ((size_t)12)
#define TRAILER    ((size_t)20)
#define ENTRY_MIN  ((size_t)9) /* a byte of header, and zlib's shortest stream */
#define RATIO_MAX  1032        /* deflate makes at most so many bytes of one */
#define HASHED_AT  ((size_t)1 << 20)
#define MEMORY_MAX ((size_t)1 << 30) /* of contents that are kept because deltas stand on them */
#define STRIDE     256               /* objects, from one telling to the next */

/* A delta that names its base. */
struct named {
    struct cdb_oid base;
    uint32_t object;
};

/* An object that deltas stand on, while they are put together. */
struct frame {
    struct cdb_buf content;
    struct cdb_oid oid;
    uint32_t child; /* the next that stands on it by its place, + 1 */
    size_t named;   /* the next that stands on it by its name */
    uint8_t type;
};

struct check {
    struct cdb_packcheck *out;
    const unsigned char *pack;
    size_t len, at; /* without the trailer */
    struct libdeflate_decompressor *inflater;
    struct named *named; /* sorted by base, once the first pass is over */
    size_t named_count, named_room;
    struct frame *frames;
    size_t frame_count, frame_room, memory;
    struct cdb_buf raw, content;
    cdb_rewrite_progress progress;
    void *context;
    uint64_t done;
};

static int wrong(const char *what)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "its pack is damaged: %s", what);
}

static int tell(struct check *check)
{
    if (++check->done % STRIDE != 0 || check->progress == NULL)
        return 0;
    return check->progress(check->context, "checking objects", check->done, check->out->count);
}

static uint32_t get_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static bool has_checksum(const unsigned char *pack, size_t len)
{
    unsigned char checksum[TRAILER];
    mbedtls_sha1_context sha;
    mbedtls_sha1_init(&sha);
    mbedtls_sha1_starts(&sha);
    for (size_t at = 0; at < len; at += HASHED_AT)
        mbedtls_sha1_update(&sha, pack + at, len - at < HASHED_AT ? len - at : HASHED_AT);
    mbedtls_sha1_finish(&sha, checksum);
    mbedtls_sha1_free(&sha);
    return memcmp(checksum, pack + len, TRAILER) == 0;
}

static int begin(struct check *check, const unsigned char *pack, size_t len)
{
    if (len < HEADER + TRAILER)
        return wrong("it is cut short");
    check->pack = pack;
    check->len = len - TRAILER;
    check->at = HEADER;
    if (memcmp(pack, "PACK", 4) != 0 || (get_be32(pack + 4) != 2 && get_be32(pack + 4) != 3))
        return wrong("it is none");
    uint32_t count = get_be32(pack + 8);
    if (count > (check->len - HEADER) / ENTRY_MIN)
        return wrong("it cannot have so many objects as it says");
    if (!has_checksum(pack, check->len))
        return wrong("its checksum is not right");
    check->out->list = calloc((size_t)count + 1, sizeof(*check->out->list));
    check->inflater = libdeflate_alloc_decompressor();
    if (check->out->list == NULL || check->inflater == NULL)
        return cdb_error_memory();
    return 0;
}

/* ---- entries ------------------------------------------------------------------------------------- */

struct header {
    int kind;
    size_t size;
    uint64_t distance;
    struct cdb_oid base;
};

static bool read_byte(struct check *check, unsigned char *out)
{
    if (check->at >= check->len)
        return false;
    *out = check->pack[check->at++];
    return true;
}

static bool read_distance(struct check *check, uint64_t *out)
{
    uint64_t value = 0;
    unsigned char byte = 0x80;
    for (bool first = true; (byte & 0x80) != 0; first = false) {
        if (value >> 56 != 0 || !read_byte(check, &byte))
            return false;
        value = (first ? 0 : (value + 1) << 7) | (byte & 0x7f);
    }
    *out = value;
    return true;
}

/* From check->at, which goes on behind it. */
static bool read_header(struct check *check, struct header *out)
{
    unsigned char byte;
    if (!read_byte(check, &byte))
        return false;
    uint64_t size = byte & 15;
    out->kind = byte >> 4 & 7;
    for (unsigned shift = 4; (byte & 0x80) != 0; shift += 7) {
        if (shift > 56 || !read_byte(check, &byte))
            return false;
        size |= (uint64_t)(byte & 0x7f) << shift;
    }
    out->size = (size_t)size;
    if (out->kind == 0 || out->kind == 5 || size > CDB_TREE_MAX)
        return false;
    if (out->kind == CDB_OFS_DELTA)
        return read_distance(check, &out->distance);
    if (out->kind != CDB_REF_DELTA)
        return true;
    if (check->len - check->at < CDB_OID_SIZE)
        return false;
    memcpy(out->base.id, check->pack + check->at, CDB_OID_SIZE);
    check->at += CDB_OID_SIZE;
    return true;
}

/* The stream at check->at, which goes on behind it, instead of the content of `out`. */
static int inflate(struct check *check, size_t size, struct cdb_buf *out)
{
    size_t used, left = check->len - check->at;
    cdb_buf_clear(out);
    if (size / RATIO_MAX > left)
        return wrong("an entry is shorter than it says");
    if (!cdb_buf_reserve(out, size + 1))
        return cdb_error_memory();
    if (libdeflate_zlib_decompress_ex(check->inflater, check->pack + check->at, left, out->ptr, size, &used, NULL) !=
        LIBDEFLATE_SUCCESS)
        return wrong("an entry does not inflate to what it says");
    check->at += used;
    out->len = size;
    out->ptr[size] = '\0';
    return 0;
}

static int by_offset(const void *key, const void *item)
{
    const uint64_t *offset = key;
    const struct cdb_checked *object = item;
    return (*offset > object->offset) - (*offset < object->offset);
}

/* The base of a delta that tells its place: an entry before it. */
static int link_to_place(struct check *check, struct cdb_checked *object, uint64_t distance)
{
    struct cdb_packcheck *out = check->out;
    uint64_t place = object->offset - distance;
    struct cdb_checked *base = distance == 0 || distance > object->offset
                                   ? NULL
                                   : bsearch(&place, out->list, out->count, sizeof(*out->list), by_offset);
    if (base == NULL)
        return wrong("a delta stands on what is no entry");
    object->sibling = base->child;
    base->child = (uint32_t)out->count + 1;
    return 0;
}

static int link_to_name(struct check *check, const struct cdb_oid *base)
{
    int result = cdb_array_grow(&check->named, &check->named_room, check->named_count, sizeof(*check->named));
    if (result == 0)
        check->named[check->named_count++] = (struct named){*base, (uint32_t)check->out->count};
    return result;
}

static int read_entry(struct check *check)
{
    struct cdb_packcheck *out = check->out;
    struct cdb_checked *object = &out->list[out->count];
    struct header header;
    object->offset = check->at;
    if (!read_header(check, &header))
        return wrong("an entry is malformed");
    object->kind = (uint8_t)header.kind;
    int result = inflate(check, header.size, &check->content);
    if (result != 0)
        return result;
    object->crc = libdeflate_crc32(0, check->pack + object->offset, check->at - (size_t)object->offset);
    if (header.kind == CDB_OFS_DELTA) {
        result = link_to_place(check, object, header.distance);
    } else if (header.kind == CDB_REF_DELTA) {
        result = link_to_name(check, &header.base);
    } else {
        object->type = (uint8_t)header.kind;
        result = cdb_object_hash(&object->oid, header.kind, cdb_buf_str(&check->content), check->content.len);
        if (result == 0)
            result = tell(check);
    }
    out->count += result == 0;
    return result;
}

static int read_entries(struct check *check)
{
    uint32_t count = get_be32(check->pack + 8);
    int result = 0;
    while (result == 0 && check->out->count < count)
        result = read_entry(check);
    if (result == 0 && check->at != check->len)
        result = wrong("there is more in it than its objects");
    return result;
}

/* ---- deltas -------------------------------------------------------------------------------------- */

static int by_base(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    int order = memcmp(a->base.id, b->base.id, CDB_OID_SIZE);
    return order != 0 ? order : (a->object > b->object) - (a->object < b->object);
}

/* The first delta that stands on that name; named_count if there is none. */
static size_t find_named(const struct check *check, const struct cdb_oid *oid)
{
    size_t low = 0, high = check->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(check->named[middle].base.id, oid->id, CDB_OID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < check->named_count && cdb_oid_equal(&check->named[low].base, oid) ? low : check->named_count;
}

static bool has_named(const struct check *check, const struct frame *frame)
{
    return frame->named < check->named_count && cdb_oid_equal(&check->named[frame->named].base, &frame->oid);
}

/* The next delta that stands on it and is not put together yet: an object's index + 1; 0: there is none. */
static uint32_t next_child(const struct check *check, struct frame *frame)
{
    const struct cdb_checked *list = check->out->list;
    if (frame->child != 0) {
        uint32_t child = frame->child;
        frame->child = list[child - 1].sibling;
        return child;
    }
    while (has_named(check, frame)) {
        uint32_t object = check->named[frame->named++].object;
        if (list[object].type == CDB_ANY)
            return object + 1;
    }
    return 0;
}

/* Takes the content over. */
static int push(struct check *check, const struct cdb_oid *oid, int type, uint32_t child, struct cdb_buf *content)
{
    struct frame frame = {.oid = *oid, .type = (uint8_t)type, .child = child, .named = find_named(check, oid)};
    if (frame.child == 0 && !has_named(check, &frame))
        return 0;
    if (content->len > MEMORY_MAX - check->memory)
        return wrong("to put its deltas together takes too much memory");
    int result = cdb_array_grow(&check->frames, &check->frame_room, check->frame_count, sizeof(frame));
    if (result != 0)
        return result;
    frame.content = *content;
    *content = (struct cdb_buf)CDB_BUF_INIT;
    check->memory += frame.content.len;
    check->frames[check->frame_count++] = frame;
    return 0;
}

static void pop(struct check *check)
{
    struct frame *frame = &check->frames[--check->frame_count];
    check->memory -= frame->content.len;
    cdb_buf_release(&frame->content);
}

/* What the delta makes of the base, into check->content. */
static int apply(struct check *check, const struct cdb_checked *object, const struct cdb_buf *base)
{
    struct header header;
    size_t size;
    check->at = (size_t)object->offset;
    if (!read_header(check, &header))
        return wrong("an entry is malformed");
    int result = inflate(check, header.size, &check->raw);
    if (result != 0)
        return result;
    cdb_buf_clear(&check->content);
    if (!cdb_delta_size(check->raw.ptr, check->raw.len, base->len, &size) || size > CDB_TREE_MAX)
        return wrong("a delta does not fit what it stands on");
    result =
        cdb_delta_apply(&check->content, cdb_buf_str(base), base->len, check->raw.ptr, check->raw.len, CDB_TREE_MAX);
    return result == CHRONDB_EDAMAGED ? wrong("a delta does not fit what it stands on") : result;
}

/* All deltas that stand on the first frame, and on these. A base that has no other delta left goes before the next one
 * is pushed: long chains take no more memory than short ones. */
static int put_together(struct check *check)
{
    int result = 0;
    while (result == 0 && check->frame_count > 0) {
        struct frame *frame = &check->frames[check->frame_count - 1];
        uint32_t child = next_child(check, frame);
        if (child == 0) {
            pop(check);
            continue;
        }
        struct cdb_checked *object = &check->out->list[child - 1];
        result = apply(check, object, &frame->content);
        if (result != 0)
            break;
        object->type = frame->type;
        if (frame->child == 0 && !has_named(check, frame))
            pop(check);
        result = cdb_object_hash(&object->oid, object->type, cdb_buf_str(&check->content), check->content.len);
        if (result == 0)
            result = push(check, &object->oid, object->type, object->child, &check->content);
        if (result == 0)
            result = tell(check);
    }
    while (check->frame_count > 0)
        pop(check);
    return result;
}

static int resolve_inside(struct check *check)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < check->out->count; i++) {
        const struct cdb_checked *object = &check->out->list[i];
        struct header header;
        if (object->kind >= CDB_OFS_DELTA ||
            (object->child == 0 && find_named(check, &object->oid) == check->named_count))
            continue;
        check->at = (size_t)object->offset;
        result =
            read_header(check, &header) ? inflate(check, header.size, &check->content) : wrong("an entry is malformed");
        if (result == 0)
            result = push(check, &object->oid, object->type, object->child, &check->content);
        if (result == 0)
            result = put_together(check);
    }
    return result;
}

static int missing_base(const struct cdb_oid *oid)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "its pack is damaged: a delta stands on %s, which is missing", hex);
}

/* What is left of those that name their base: the pack is thin. */
static int resolve_outside(struct check *check, struct cdb_objects *objects)
{
    struct cdb_packcheck *out = check->out;
    int result = 0;
    for (size_t i = 0; result == 0 && i < check->named_count; i++) {
        const struct cdb_oid base = check->named[i].base;
        int type = CDB_ANY;
        if (out->list[check->named[i].object].type != CDB_ANY)
            continue;
        result = objects != NULL ? cdb_objects_find(objects, &base, CDB_TREE_MAX, &type, &check->content) : 1;
        if (result == 1)
            result = missing_base(&base);
        if (result == 0)
            result = cdb_array_grow(&out->outside, &out->outside_room, out->outside_count, sizeof(*out->outside));
        if (result != 0)
            break;
        out->outside[out->outside_count++] = base;
        result = push(check, &base, type, 0, &check->content);
        if (result == 0)
            result = put_together(check);
    }
    return result;
}

/* Those that stand, in the end, on each other. */
static int check_resolved(const struct check *check)
{
    for (size_t i = 0; i < check->out->count; i++)
        if (check->out->list[i].type == CDB_ANY)
            return wrong("a delta stands on nothing");
    return 0;
}

int cdb_packcheck_run(struct cdb_packcheck *out, const unsigned char *pack, size_t len, struct cdb_objects *objects,
                      cdb_rewrite_progress progress, void *context)
{
    struct check check = {.out = out, .progress = progress, .context = context};
    *out = (struct cdb_packcheck){.list = NULL};
    int result = begin(&check, pack, len);
    if (result == 0)
        result = read_entries(&check);
    if (result == 0 && check.named_count > 1)
        qsort(check.named, check.named_count, sizeof(*check.named), by_base);
    if (result == 0)
        result = resolve_inside(&check);
    if (result == 0)
        result = resolve_outside(&check, objects);
    if (result == 0)
        result = check_resolved(&check);
    libdeflate_free_decompressor(check.inflater);
    free(check.named);
    free(check.frames);
    cdb_buf_release(&check.raw);
    cdb_buf_release(&check.content);
    return result;
}

/* ---- afterwards ---------------------------------------------------------------------------------- */

static int by_oid(const void *left, const void *right)
{
    const struct cdb_checked *a = left, *b = right;
    return memcmp(a->oid.id, b->oid.id, CDB_OID_SIZE);
}

int cdb_packcheck_sort(struct cdb_packcheck *check)
{
    if (check->count > 1)
        qsort(check->list, check->count, sizeof(*check->list), by_oid);
    for (size_t i = 1; i < check->count; i++)
        if (cdb_oid_equal(&check->list[i - 1].oid, &check->list[i].oid))
            return wrong("an object is there twice");
    return 0;
}

const struct cdb_checked *cdb_packcheck_find(const struct cdb_packcheck *check, const struct cdb_oid *oid)
{
    struct cdb_checked key = {.oid = *oid};
    return check->count > 0 ? bsearch(&key, check->list, check->count, sizeof(*check->list), by_oid) : NULL;
}

void cdb_packcheck_release(struct cdb_packcheck *check)
{
    free(check->list);
    free(check->outside);
    *check = (struct cdb_packcheck){.list = NULL};
}
