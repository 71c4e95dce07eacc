/* SPDX-License-Identifier: MIT */
#include "store/objects.h"

#include <ctype.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "util/error.h"
#include "util/fs.h"

#define MIN_ABBREVIATION  4
#define HEADER_MAX        32
#define LOOSE_FILE_MAX    ((size_t)1 << 30)
#define COMPRESSION_LEVEL 6
#define PACK_PRIORITY     1
#define ALTERNATES_MAX    ((size_t)1 << 20)
#define STORED_MAX        ((size_t)4000) /* with its header and frame, one block of 4 KiB */
#define CACHE_SLOTS       64
#define CACHED_MAX        ((size_t)16 << 10)

/* Trees and commits are read again and again on the way through one command: the last ones are kept. */
struct cached {
    struct cdb_oid oid;
    int type; /* CDB_ANY: free */
    struct cdb_buf content;
};

struct cdb_objects {
    int dir;
    char *objects_path;
    pthread_mutex_t mutex; /* guards the cache */
    struct cached cache[CACHE_SLOTS];
    pthread_rwlock_t odb_lock; /* held by those who use the odb; exclusively to open it, or anew */
    git_odb *odb;              /* opened when the first object is not a loose file */
    cdb_objects_fallback fallback;
    void *fallback_context;
};

int cdb_objects_new(struct cdb_objects **out, int dir, const char *path)
{
    struct cdb_objects *objects = calloc(1, sizeof(*objects));
    if (objects == NULL || asprintf(&objects->objects_path, "%s/objects", path) < 0) {
        free(objects);
        return cdb_error_memory();
    }
    objects->dir = dir;
    pthread_mutex_init(&objects->mutex, NULL);
    pthread_rwlock_init(&objects->odb_lock, NULL);
    *out = objects;
    return 0;
}

void cdb_objects_free(struct cdb_objects *objects)
{
    if (objects == NULL)
        return;
    git_odb_free(objects->odb);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        cdb_buf_release(&objects->cache[i].content);
    pthread_mutex_destroy(&objects->mutex);
    pthread_rwlock_destroy(&objects->odb_lock);
    free(objects->objects_path);
    free(objects);
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

static void start(void)
{
    git_libgit2_init();
}

void cdb_libgit2_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

int cdb_object_hash(struct cdb_oid *out, int type, const void *data, size_t len)
{
    git_oid id;
    cdb_libgit2_start();
    if (git_odb_hash(&id, data, len, (git_object_t)type) != 0)
        return cdb_error(CHRONDB_ESYSTEM, "internal", "cannot hash an object");
    memcpy(out->id, id.id, CDB_OID_SIZE);
    return 0;
}

/* ---- the loose form ------------------------------------------------------------------------------ */

struct cdb_deflater {
    struct libdeflate_compressor *stored, *compressor; /* the latter made when it is needed: it is large */
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
    inflateEnd(&stream);
    if (header > 0 && size > max)
        return damaged(oid, "larger than chrondb allows");
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

static int odb_error(const struct cdb_objects *objects)
{
    const git_error *error = git_error_last();
    return cdb_error(CHRONDB_ESYSTEM, "io_error", "cannot open the objects in '%s': %s", objects->objects_path,
                     error != NULL ? error->message : "unknown");
}

/* The lines of objects/info/alternates: other object directories, relative ones seen from ours. */
static int add_alternates(struct cdb_objects *objects, git_odb *odb)
{
    struct cdb_buf file = CDB_BUF_INIT, path = CDB_BUF_INIT;
    char *rest = NULL;
    int result = cdb_fs_read(objects->dir, "objects/info/alternates", ALTERNATES_MAX, &file);
    for (char *line = result == 0 ? strtok_r(file.ptr, "\n", &rest) : NULL; line != NULL && result == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        cdb_buf_clear(&path);
        cdb_buf_addf(&path, "%s%s%s", *line == '/' ? "" : objects->objects_path, *line == '/' ? "" : "/", line);
        result = cdb_buf_check(&path);
        if (result == 0 && *line != '#' && git_odb_add_disk_alternate(odb, path.ptr) != 0)
            result = odb_error(objects);
    }
    cdb_buf_release(&file);
    cdb_buf_release(&path);
    return result == 1 ? 0 : result;
}

/* Packs only: loose files we read ourselves, and libgit2 1.5 writes beyond its buffer when a damaged one inflates to
 * more than its header says. */
static int open_odb(struct cdb_objects *objects)
{
    git_odb *odb = NULL;
    git_odb_backend *packs = NULL;
    cdb_libgit2_start();
    if (git_odb_new(&odb) != 0)
        return odb_error(objects);
    if (git_odb_backend_pack(&packs, objects->objects_path) != 0 ||
        git_odb_add_backend(odb, packs, PACK_PRIORITY) != 0) {
        if (packs != NULL && packs->free != NULL)
            packs->free(packs);
        git_odb_free(odb);
        return odb_error(objects);
    }
    int result = add_alternates(objects, odb);
    if (result != 0) {
        git_odb_free(odb);
        return result;
    }
    objects->odb = odb;
    return 0;
}

/* The odb, open, and not closed until release_odb. */
static int hold_odb(struct cdb_objects *objects)
{
    int result = 0;
    pthread_rwlock_rdlock(&objects->odb_lock);
    while (objects->odb == NULL && result == 0) {
        pthread_rwlock_unlock(&objects->odb_lock);
        pthread_rwlock_wrlock(&objects->odb_lock);
        if (objects->odb == NULL)
            result = open_odb(objects);
        pthread_rwlock_unlock(&objects->odb_lock);
        pthread_rwlock_rdlock(&objects->odb_lock);
    }
    if (result != 0)
        pthread_rwlock_unlock(&objects->odb_lock);
    return result;
}

static void release_odb(struct cdb_objects *objects)
{
    pthread_rwlock_unlock(&objects->odb_lock);
}

/* Forget which packs there are. */
static void close_odb(struct cdb_objects *objects)
{
    pthread_rwlock_wrlock(&objects->odb_lock);
    git_odb_free(objects->odb);
    objects->odb = NULL;
    pthread_rwlock_unlock(&objects->odb_lock);
}

static int read_packed(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                       struct cdb_buf *out)
{
    git_oid id;
    git_odb_object *object = NULL;
    int result = hold_odb(objects);
    if (result != 0)
        return result;
    memcpy(id.id, oid->id, CDB_OID_SIZE);
    int status = git_odb_read(&object, objects->odb, &id); /* looks for new packs when it misses */
    if (status == GIT_ENOTFOUND) {
        result = 1;
    } else if (status != 0) {
        const git_error *error = git_error_last();
        char text[160];
        snprintf(text, sizeof(text), "damaged: %s", error != NULL ? error->message : "unreadable");
        result = damaged(oid, text);
    } else if (git_odb_object_size(object) > max) {
        result = damaged(oid, "larger than chrondb allows");
    } else {
        *type = (int)git_odb_object_type(object);
        cdb_buf_add(out, git_odb_object_data(object), git_odb_object_size(object));
        result = out->failed ? cdb_error_memory() : 0;
    }
    git_odb_object_free(object);
    release_odb(objects);
    return result;
}

/* A pack that libgit2 knows of may have been merged into another one and removed before it was opened: then it fails
 * where git would look again. So do we. */
static int find_packed(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                       struct cdb_buf *out)
{
    int result = read_packed(objects, oid, max, type, out);
    if (result != CHRONDB_EDAMAGED)
        return result;
    close_odb(objects);
    return read_packed(objects, oid, max, type, out);
}

static struct cached *slot_of(struct cdb_objects *objects, const struct cdb_oid *oid)
{
    return &objects->cache[oid->id[0] % CACHE_SLOTS];
}

static bool find_cached(struct cdb_objects *objects, const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    struct cached *slot = slot_of(objects, oid);
    pthread_mutex_lock(&objects->mutex);
    bool found = slot->type != CDB_ANY && cdb_oid_equal(&slot->oid, oid);
    if (found) {
        cdb_buf_add(out, slot->content.ptr, slot->content.len);
        *type = slot->type;
    }
    pthread_mutex_unlock(&objects->mutex);
    return found && !out->failed;
}

static void keep(struct cdb_objects *objects, const struct cdb_oid *oid, int type, const struct cdb_buf *content)
{
    struct cached *slot = slot_of(objects, oid);
    if (type == CDB_BLOB || content->len > CACHED_MAX)
        return;
    pthread_mutex_lock(&objects->mutex);
    cdb_buf_clear(&slot->content);
    cdb_buf_add(&slot->content, content->ptr, content->len);
    slot->oid = *oid;
    slot->type = slot->content.failed ? CDB_ANY : type;
    pthread_mutex_unlock(&objects->mutex);
}

static int find_stored(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type,
                       struct cdb_buf *out)
{
    int loose = find_loose(objects, oid, max, type, out);
    if (loose == 0 || loose == CHRONDB_ESYSTEM)
        return loose;
    int packed = find_packed(objects, oid, max, type, out);
    if (packed == 0)
        return 0;
    if (objects->fallback != NULL) {
        cdb_buf_clear(out);
        int status = objects->fallback(objects->fallback_context, oid, type, out);
        if (status <= 0)
            return status;
    }
    /* A checkpoint may have moved it into a new pack between the two looks; the odb has looked again by itself,
     * but the other way round (unpacked beside us) only another look at the loose file tells. */
    if (loose == 1 && packed == 1)
        return find_loose(objects, oid, max, type, out);
    if (loose < 0 && packed == 1)
        return damaged(oid, "damaged: its content does not match its id");
    return packed == 1 ? loose : packed;
}

int cdb_objects_find(struct cdb_objects *objects, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    cdb_buf_clear(out);
    if (find_cached(objects, oid, type, out))
        return 0;
    int result = find_stored(objects, oid, max, type, out);
    if (result == 0)
        keep(objects, oid, *type, out);
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

/* How many loose objects begin with the digits; the last one is stored. */
static size_t count_loose(const struct cdb_objects *objects, const char *hex, size_t len, struct cdb_oid *out)
{
    char folder[] = "objects/xx", name[CDB_OID_HEX + 1];
    size_t count = 0;
    folder[8] = (char)tolower((unsigned char)hex[0]);
    folder[9] = (char)tolower((unsigned char)hex[1]);
    DIR *listing = cdb_fs_opendir(objects->dir, folder);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        if (strlen(entry->d_name) != CDB_OID_HEX - 2 || strncasecmp(entry->d_name, hex + 2, len - 2) != 0)
            continue;
        snprintf(name, sizeof(name), "%s%s", folder + 8, entry->d_name);
        count += cdb_oid_parse(name, out);
    }
    if (listing != NULL)
        closedir(listing);
    return count;
}

int cdb_objects_abbreviation(struct cdb_objects *objects, const char *hex, size_t len, struct cdb_oid *out)
{
    git_oid id, found;
    if (len < MIN_ABBREVIATION || len > CDB_OID_HEX)
        return 1;
    if (len == CDB_OID_HEX) {
        int type;
        struct cdb_buf content = CDB_BUF_INIT;
        int result = !cdb_oid_parse(hex, out) ? 1 : cdb_objects_find(objects, out, CDB_COMMIT_MAX, &type, &content);
        cdb_buf_release(&content);
        return result;
    }
    cdb_libgit2_start();
    if (git_oid_fromstrn(&id, hex, len) != 0)
        return 1;
    size_t loose = count_loose(objects, hex, len, out);
    int result = hold_odb(objects);
    if (result != 0)
        return result;
    int status = git_odb_exists_prefix(&found, objects->odb, &id, len);
    release_odb(objects);
    bool other = status == 0 && memcmp(found.id, out->id, CDB_OID_SIZE) != 0;
    if (loose > 1 || (loose == 1 && (status == GIT_EAMBIGUOUS || other)))
        return 2;
    if (loose == 1)
        return 0;
    if (status == GIT_EAMBIGUOUS)
        return 2;
    if (status != 0)
        return 1;
    memcpy(out->id, found.id, CDB_OID_SIZE);
    return 0;
}
