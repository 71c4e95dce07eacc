/* SPDX-License-Identifier: MIT */
#include "store/objects.h"

#include <ctype.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "store/packs.h"
#include "store/sha1.h"
#include "util/error.h"
#include "util/fs.h"

#define MIN_ABBREVIATION  4
#define HEADER_MAX        32
#define LOOSE_FILE_MAX    ((size_t)1 << 30)
#define COMPRESSION_LEVEL 6
#define SMALL_LEVEL       1 /* for up to SMALL_MAX bytes: measured, the result is smaller, and sooner there */
#define SMALL_MAX         512
#define STORED_MAX        ((size_t)4000) /* with its header and frame, one block of 4 KiB */
#define CACHE_SLOTS       4096
#define CACHED_MAX        ((size_t)16 << 10)
#define CACHE_BYTES       ((size_t)8 << 20)

/* Trees and commits are read again and again: the last ones are kept. There is room for what a process keeps that lives
 * long; one that ends soon touches little of it: entries are given to slots in the order in which these are first used.
 */
struct cached {
    struct cdb_oid oid;
    int type; /* CDB_ANY: free */
    struct cdb_buf content;
};

struct cdb_objects {
    int dir;
    pthread_mutex_t mutex;       /* guards the cache */
    uint16_t slots[CACHE_SLOTS]; /* by id: 1 + the entry in `cache`; 0: none yet */
    size_t cached, cached_bytes; /* entries in use, and what they hold */
    size_t hand;                 /* the entry that is emptied next when there are too many */
    struct cached cache[CACHE_SLOTS];
    struct cdb_packs *packs;
    cdb_objects_fallback fallback;
    void *fallback_context;
};

static int find_loose_base(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out);

int cdb_objects_new(struct cdb_objects **out, int dir)
{
    struct cdb_objects *objects = calloc(1, sizeof(*objects));
    if (objects == NULL)
        return cdb_error_memory();
    objects->dir = dir;
    pthread_mutex_init(&objects->mutex, NULL);
    int result = cdb_packs_new(&objects->packs, dir, find_loose_base, objects);
    if (result != 0) {
        cdb_objects_free(objects);
        return result;
    }
    *out = objects;
    return 0;
}

void cdb_objects_free(struct cdb_objects *objects)
{
    if (objects == NULL)
        return;
    cdb_packs_free(objects->packs);
    for (size_t i = 0; i < objects->cached; i++)
        cdb_buf_release(&objects->cache[i].content);
    pthread_mutex_destroy(&objects->mutex);
    free(objects);
}

void cdb_objects_let_go(struct cdb_objects *objects)
{
    cdb_packs_let_go(objects->packs);
}

void cdb_objects_set_fallback(struct cdb_objects *objects, cdb_objects_fallback fallback, void *context)
{
    objects->fallback = fallback;
    objects->fallback_context = context;
}

static int damaged(const struct cdb_oid *oid, const char *what)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "object %s is %s", hex, what);
}

/* ---- ids --------------------------------------------------------------------------------------- */

int cdb_object_hash(struct cdb_oid *out, int type, const void *data, size_t len)
{
    char header[HEADER_MAX];
    mbedtls_sha1_context sha;
    int header_len = snprintf(header, sizeof(header), "%s %zu", cdb_type_name(type), len);
    mbedtls_sha1_init(&sha);
    mbedtls_sha1_starts(&sha);
    mbedtls_sha1_update(&sha, (const unsigned char *)header, (size_t)header_len + 1);
    mbedtls_sha1_update(&sha, data, len);
    mbedtls_sha1_finish(&sha, out->id);
    mbedtls_sha1_free(&sha);
    return 0;
}

/* ---- the loose form ------------------------------------------------------------------------------ */

struct cdb_deflater {
    struct libdeflate_compressor *stored, *small, *compressor; /* the latter made when it is needed: it is large */
    struct cdb_buf raw;
};

int cdb_deflater_new(struct cdb_deflater **out)
{
    struct cdb_deflater *deflater = calloc(1, sizeof(*deflater));
    if (deflater == NULL)
        return cdb_error_memory();
    *out = deflater;
    return 0;
}

void cdb_deflater_free(struct cdb_deflater *deflater)
{
    if (deflater == NULL)
        return;
    libdeflate_free_compressor(deflater->stored);
    libdeflate_free_compressor(deflater->small);
    libdeflate_free_compressor(deflater->compressor);
    cdb_buf_release(&deflater->raw);
    free(deflater);
}

static int deflate_with(struct libdeflate_compressor **compressor, int level, const void *data, size_t len,
                        struct cdb_buf *out)
{
    if (*compressor == NULL && (*compressor = libdeflate_alloc_compressor(level)) == NULL)
        return cdb_error_memory();
    size_t bound = libdeflate_zlib_compress_bound(*compressor, len);
    if (!cdb_buf_reserve(out, bound))
        return cdb_error_memory();
    size_t n = libdeflate_zlib_compress(*compressor, data, len, out->ptr + out->len, bound);
    if (n == 0)
        return cdb_error(CHRONDB_ESYSTEM, "internal", "cannot compress %zu bytes", len);
    out->len += n;
    out->ptr[out->len] = '\0';
    return 0;
}

int cdb_deflate(struct cdb_deflater *deflater, const void *data, size_t len, struct cdb_buf *out)
{
    if (len <= SMALL_MAX)
        return deflate_with(&deflater->small, SMALL_LEVEL, data, len, out);
    return deflate_with(&deflater->compressor, COMPRESSION_LEVEL, data, len, out);
}

int cdb_object_encode(struct cdb_deflater *deflater, int type, const void *data, size_t len, struct cdb_buf *loose)
{
    struct cdb_buf *raw = &deflater->raw;
    cdb_buf_clear(raw);
    cdb_buf_addf(raw, "%s %zu", cdb_type_name(type), len);
    cdb_buf_addc(raw, '\0');
    cdb_buf_add(raw, data, len);
    int result = cdb_buf_check(raw);
    if (result == 0 && raw->len <= STORED_MAX)
        return deflate_with(&deflater->stored, 0, raw->ptr, raw->len, loose);
    return result != 0 ? result : cdb_deflate(deflater, raw->ptr, raw->len, loose);
}

/* Type and size from "TYPE SIZE\0"; the length of that header, or 0 if it is none. */
static size_t parse_header(const char *head, size_t len, int *type, size_t *size)
{
    const char *end = memchr(head, '\0', len);
    const char *space = memchr(head, ' ', len);
    if (end == NULL || space == NULL || space >= end - 1)
        return 0;
    *type = cdb_type_parse(head, (size_t)(space - head));
    size_t value = 0;
    for (const char *p = space + 1; p < end; p++) {
        if (*p < '0' || *p > '9' || value > LOOSE_FILE_MAX)
            return 0;
        value = value * 10 + (size_t)(*p - '0');
    }
    *size = value;
    return *type == CDB_ANY ? 0 : (size_t)(end - head) + 1;
}

/* Inflate what follows the header; `head` holds the first `have` bytes of the inflated stream. */
static bool inflate_content(z_stream *stream, const char *head, size_t have, size_t size, struct cdb_buf *out)
{
    if (have > size || !cdb_buf_reserve(out, size + 1))
        return false;
    char *content = out->ptr + out->len;
    memcpy(content, head, have);
    stream->next_out = (Bytef *)content + have;
    stream->avail_out = (uInt)(size - have) + 1; /* one more: a longer stream must show */
    int status = inflate(stream, Z_FINISH);
    if (status != Z_STREAM_END || stream->total_out < have || stream->avail_out != 1)
        return false;
    out->len += size;
    out->ptr[out->len] = '\0';
    return true;
}

int cdb_object_decode(const struct cdb_oid *oid, const void *loose, size_t len, size_t max, int *type,
                      struct cdb_buf *out)
{
    char head[HEADER_MAX];
    z_stream stream = {.next_in = (z_const Bytef *)loose, .avail_in = (uInt)len};
    size_t size = 0, start = out->len;
    if (len == 0 || len > LOOSE_FILE_MAX)
        return damaged(oid, len == 0 ? "damaged: its file is empty" : "too large");
    if (inflateInit(&stream) != Z_OK)
        return cdb_error_memory();
    stream.next_out = (Bytef *)head;
    stream.avail_out = HEADER_MAX;
    int status = inflate(&stream, Z_NO_FLUSH);
    size_t have = HEADER_MAX - stream.avail_out;
    size_t header = status == Z_OK || status == Z_STREAM_END ? parse_header(head, have, type, &size) : 0;
    bool good = header > 0 && size <= max;
    if (good && status == Z_STREAM_END) { /* all of it fitted beside the header */
        good = have - header == size;
        cdb_buf_add(out, head + header, have - header);
    } else if (good) {
        good = inflate_content(&stream, head + header, have - header, size, out);
    }
    good = good && stream.avail_in == 0; /* git takes what has something behind it for damaged */
    inflateEnd(&stream);
    if (header > 0 && size > max)
        return damaged(oid, CDB_TOO_LARGE);
    if (out->failed)
        return cdb_error_memory();
    struct cdb_oid actual;
    if (!good || cdb_object_hash(&actual, *type, cdb_buf_str(out) + start, size) != 0 || !cdb_oid_equal(&actual, oid)) {
        out->len = start;
        return damaged(oid, "damaged: its content does not match its id");
    }
    return 0;
}

void cdb_loose_path(const struct cdb_oid *oid, char out[CDB_LOOSE_PATH])
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    snprintf(out, CDB_LOOSE_PATH, "objects/%.2s/%s", hex, hex + 2);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int find_loose(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                      struct cdb_buf *out)
{
    char path[CDB_LOOSE_PATH];
    struct cdb_buf file = CDB_BUF_INIT;
    cdb_loose_path(oid, path);
    int result = cdb_fs_read(objects->dir, path, LOOSE_FILE_MAX, &file);
    if (result == 0)
        result = cdb_object_decode(oid, file.ptr, file.len, max, type, out);
    cdb_buf_release(&file);
    return result;
}

/* For deltas that stand on a loose object. */
static int find_loose_base(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    return find_loose(context, oid, max, type, out);
}

/* Alternates have loose objects too. */
static int find_alternate(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                          struct cdb_buf *out)
{
    char path[CDB_LOOSE_PATH];
    int dir, result = 1;
    cdb_loose_path(oid, path);
    for (size_t i = 0; result == 1 && (dir = cdb_packs_alternate(objects->packs, i)) >= 0; i++) {
        struct cdb_buf file = CDB_BUF_INIT;
        result = cdb_fs_read(dir, path + strlen("objects/"), LOOSE_FILE_MAX, &file);
        if (result == 0)
            result = cdb_object_decode(oid, file.ptr, file.len, max, type, out);
        cdb_buf_release(&file);
    }
    return result;
}

static uint16_t *slot_of(struct cdb_objects *objects, const struct cdb_oid *oid)
{
    return &objects->slots[(oid->id[0] | (size_t)oid->id[1] << 8) % CACHE_SLOTS];
}

/* The caller holds the mutex; so also below. */
static void empty(struct cdb_objects *objects, struct cached *entry)
{
    objects->cached_bytes -= entry->content.cap;
    cdb_buf_release(&entry->content);
    entry->type = CDB_ANY;
}

/* The entry of an object, a new one if need be. */
static struct cached *entry_of(struct cdb_objects *objects, const struct cdb_oid *oid)
{
    uint16_t *slot = slot_of(objects, oid);
    if (*slot == 0)
        *slot = (uint16_t)++objects->cached;
    return &objects->cache[*slot - 1];
}

static bool find_cached(struct cdb_objects *objects, const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    pthread_mutex_lock(&objects->mutex);
    uint16_t slot = *slot_of(objects, oid);
    const struct cached *entry = slot != 0 ? &objects->cache[slot - 1] : NULL;
    bool found = entry != NULL && entry->type != CDB_ANY && cdb_oid_equal(&entry->oid, oid);
    if (found) {
        cdb_buf_add(out, entry->content.ptr, entry->content.len);
        *type = entry->type;
    }
    pthread_mutex_unlock(&objects->mutex);
    return found && !out->failed;
}

void cdb_objects_keep(struct cdb_objects *objects, const struct cdb_oid *oid, int type, const void *data, size_t len)
{
    if (type == CDB_BLOB || len > CACHED_MAX)
        return;
    pthread_mutex_lock(&objects->mutex);
    for (; objects->cached_bytes > CACHE_BYTES; objects->hand = (objects->hand + 1) % objects->cached)
        empty(objects, &objects->cache[objects->hand]);
    struct cached *entry = entry_of(objects, oid);
    objects->cached_bytes -= entry->content.cap;
    cdb_buf_clear(&entry->content);
    cdb_buf_add(&entry->content, data, len);
    objects->cached_bytes += entry->content.cap;
    entry->oid = *oid;
    entry->type = entry->content.failed ? CDB_ANY : type;
    entry->content.failed = false;
    pthread_mutex_unlock(&objects->mutex);
}

void cdb_objects_forget(struct cdb_objects *objects)
{
    pthread_mutex_lock(&objects->mutex);
    for (size_t i = 0; i < objects->cached; i++)
        empty(objects, &objects->cache[i]);
    pthread_mutex_unlock(&objects->mutex);
}

/* The packs that are open cost no system call: they come first. */
static int find_stored(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                       struct cdb_buf *out)
{
    int packed = cdb_packs_read_open(objects->packs, oid, max, type, out);
    if (packed != 1)
        return packed;
    int loose = find_loose(objects, oid, max, type, out);
    if (loose == 0 || loose == CHRONDB_ESYSTEM)
        return loose;
    packed = cdb_packs_read(objects->packs, oid, max, type, out);
    if (packed == 1)
        packed = find_alternate(objects, oid, max, type, out);
    if (packed == 0)
        return 0;
    if (objects->fallback != NULL) {
        cdb_buf_clear(out);
        int status = objects->fallback(objects->fallback_context, oid, type, out);
        if (status <= 0)
            return status;
    }
    /* A checkpoint may have moved it into a new pack between the two looks; the packs were looked for again, but the
     * other way round (unpacked beside us) only another look at the loose file tells. */
    if (loose == 1)
        loose = find_loose(objects, oid, max, type, out);
    if (loose < 0 && packed == 1)
        return damaged(oid, "damaged: its content does not match its id");
    return loose <= 0 || packed == 1 ? loose : packed;
}

int cdb_objects_find(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    cdb_buf_clear(out);
    if (find_cached(objects, oid, type, out))
        return 0;
    int result = find_stored(objects, oid, max, type, out);
    if (result == 0)
        cdb_objects_keep(objects, oid, *type, cdb_buf_str(out), out->len);
    return result;
}

int cdb_objects_read(struct cdb_objects *objects, const struct cdb_oid *oid, int type, size_t max, struct cdb_buf *out)
{
    int found = CDB_ANY;
    int result = cdb_objects_find(objects, oid, max, &found, out);
    if (result == 1)
        return damaged(oid, "missing");
    if (result == 0 && type != CDB_ANY && found != type) {
        char text[64];
        snprintf(text, sizeof(text), "a %s where a %s belongs", cdb_type_name(found), cdb_type_name(type));
        return damaged(oid, text);
    }
    return result;
}

/* As find_stored looks, and in the same order. */
int cdb_objects_exists(struct cdb_objects *objects, const struct cdb_oid *oid)
{
    char path[CDB_LOOSE_PATH];
    struct cdb_buf content = CDB_BUF_INIT;
    int dir, type, result = 1;
    cdb_loose_path(oid, path);
    if (cdb_fs_exists(objects->dir, path))
        return 0;
    result = cdb_packs_has(objects->packs, oid);
    for (size_t i = 0; result == 1 && (dir = cdb_packs_alternate(objects->packs, i)) >= 0; i++)
        result = !cdb_fs_exists(dir, path + strlen("objects/"));
    if (result == 1 && objects->fallback != NULL)
        result = objects->fallback(objects->fallback_context, oid, &type, &content);
    cdb_buf_release(&content);
    return result == 1 ? !cdb_fs_exists(objects->dir, path) : result;
}

int cdb_objects_alternate(struct cdb_objects *objects, size_t index)
{
    return cdb_packs_alternate(objects->packs, index);
}

/* Loose objects that begin with the digits: the last one is stored; *count is 2 for several. */
static void count_loose(int dir, const char *objects, const char *hex, size_t len, struct cdb_oid *out, int *count)
{
    char folder[16], name[CDB_OID_HEX + 1];
    struct cdb_oid oid;
    snprintf(folder, sizeof(folder), "%s%c%c", objects, tolower((unsigned char)hex[0]), tolower((unsigned char)hex[1]));
    DIR *listing = cdb_fs_opendir(dir, folder);
    for (struct dirent *entry; listing != NULL && *count < 2 && (entry = readdir(listing)) != NULL;) {
        if (strlen(entry->d_name) != CDB_OID_HEX - 2 || strncasecmp(entry->d_name, hex + 2, len - 2) != 0)
            continue;
        memcpy(name, hex, 2);
        memcpy(name + 2, entry->d_name, CDB_OID_HEX - 1);
        if (!cdb_oid_parse(name, &oid))
            continue;
        *count += *count == 0 || !cdb_oid_equal(&oid, out);
        *out = oid;
    }
    if (listing != NULL)
        closedir(listing);
}

static bool parse_prefix(const char *hex, size_t len, struct cdb_oid *out)
{
    char digits[CDB_OID_HEX + 1];
    memset(digits, '0', CDB_OID_HEX);
    digits[CDB_OID_HEX] = '\0';
    memcpy(digits, hex, len);
    return cdb_oid_parse(digits, out);
}

int cdb_objects_abbreviation(struct cdb_objects *objects, const char *hex, size_t len, struct cdb_oid *out)
{
    struct cdb_oid prefix;
    if (len < MIN_ABBREVIATION || len > CDB_OID_HEX || !parse_prefix(hex, len, &prefix))
        return 1;
    if (len == CDB_OID_HEX) {
        int type;
        struct cdb_buf content = CDB_BUF_INIT;
        *out = prefix;
        int result = cdb_objects_find(objects, out, CDB_COMMIT_MAX, &type, &content);
        cdb_buf_release(&content);
        return result;
    }
    int count = 0, dir;
    count_loose(objects->dir, "objects/", hex, len, out, &count);
    for (size_t i = 0; (dir = cdb_packs_alternate(objects->packs, i)) >= 0; i++)
        count_loose(dir, "", hex, len, out, &count);
    int result = cdb_packs_prefix(objects->packs, &prefix, len, out, &count);
    return result != 0 ? result : count == 1 ? 0 : count == 0 ? 1 : 2;
}
