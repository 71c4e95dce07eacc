/* SPDX-License-Identifier: MIT */
#include "index/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/files.h"
#include "util/error.h"
#include "util/fault.h"

#define MAGIC "CDBMANI\n"
#define HEAD  80
#define ENTRY 40

void cdb_manifest_release(struct cdb_manifest *manifest)
{
    free(manifest->ref);
    free(manifest->segments);
    *manifest = (struct cdb_manifest){.ref = NULL};
}

static bool is_sound(const unsigned char *p, size_t len)
{
    return len >= HEAD && len <= CDB_MANIFEST_MAX && memcmp(p, MAGIC, 8) == 0 && cdb_le_get32(p + 16) == len &&
           cdb_index_crc(cdb_index_crc(0, p, 12), p + 16, len - 16) == cdb_le_get32(p + 12);
}

bool cdb_manifest_is_newer(const void *data, size_t len)
{
    return is_sound(data, len) && cdb_le_get32((const unsigned char *)data + 8) > CDB_MANIFEST_VERSION;
}

/* Sound, of our version, and of the lengths that it says. */
static bool is_ours(const unsigned char *p, size_t len)
{
    if (!is_sound(p, len) || cdb_le_get32(p + 8) != CDB_MANIFEST_VERSION)
        return false;
    uint64_t segments = cdb_le_get32(p + 20), ref_len = cdb_le_get32(p + 60);
    return ref_len <= CDB_MANIFEST_REF_MAX && HEAD + segments * ENTRY + ref_len == len &&
           memchr(p + len - ref_len, '\0', (size_t)ref_len) == NULL;
}

bool cdb_manifest_peek(const void *data, size_t len, const char *ref, uint64_t *generation)
{
    const unsigned char *p = data;

    if (!is_ours(p, len) || cdb_le_get32(p + 60) != strlen(ref) || memcmp(p + len - strlen(ref), ref, strlen(ref)) != 0)
        return false;
    *generation = cdb_le_get64(p + 24);
    return true;
}

static void get_segment(struct cdb_manifest_segment *out, const unsigned char *p)
{
    out->name = cdb_le_get64(p);
    out->from = cdb_le_get64(p + 8);
    out->to = cdb_le_get64(p + 16);
    out->until = cdb_le_get64(p + 24);
    out->bytes = cdb_le_get64(p + 32);
}

/* Each begins where the one before it ends, and together they are `count`. */
static bool is_contiguous(const struct cdb_manifest *manifest)
{
    uint64_t position = 0;

    for (size_t i = 0; i < manifest->segment_count; i++) {
        const struct cdb_manifest_segment *segment = &manifest->segments[i];

        if (segment->from != position || segment->until < segment->from || segment->until > segment->to)
            return false;
        position = segment->until;
    }
    return position == manifest->count;
}

int cdb_manifest_decode(struct cdb_manifest *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    bool flag;

    *out = (struct cdb_manifest){.ref = NULL};
    if (!is_ours(p, len))
        return 1;
    size_t ref_len = cdb_le_get32(p + 60);
    out->segment_count = cdb_le_get32(p + 20);
    out->ref = strndup((const char *)p + len - ref_len, ref_len);
    out->segments = calloc(out->segment_count + 1, sizeof(*out->segments));
    if (out->ref == NULL || out->segments == NULL) {
        cdb_manifest_release(out);
        return cdb_error_memory();
    }
    out->crc = cdb_le_get32(p + 12);
    out->generation = cdb_le_get64(p + 24);
    out->count = cdb_le_get64(p + 32);
    memcpy(out->last.id, p + 40, CDB_OID_SIZE);
    for (size_t i = 0; i < out->segment_count; i++)
        get_segment(&out->segments[i], p + HEAD + i * ENTRY);
    if (cdb_index_get_time(p + 64, &out->time, &flag) && is_contiguous(out) &&
        (out->count == 0) == cdb_oid_is_zero(&out->last))
        return 0;
    cdb_manifest_release(out);
    return 1;
}

static void put_segment(unsigned char *p, const struct cdb_manifest_segment *segment)
{
    cdb_le_put64(p, segment->name);
    cdb_le_put64(p + 8, segment->from);
    cdb_le_put64(p + 16, segment->to);
    cdb_le_put64(p + 24, segment->until);
    cdb_le_put64(p + 32, segment->bytes);
}

void cdb_manifest_encode(struct cdb_buf *out, const struct cdb_manifest *manifest)
{
    size_t ref_len = strlen(manifest->ref), len = HEAD + manifest->segment_count * ENTRY + ref_len;

    if (!cdb_buf_reserve(out, len))
        return;
    unsigned char *p = (unsigned char *)out->ptr + out->len;
    memset(p, 0, HEAD);
    memcpy(p, MAGIC, 8);
    cdb_le_put32(p + 8, CDB_MANIFEST_VERSION);
    cdb_le_put32(p + 16, (uint32_t)len);
    cdb_le_put32(p + 20, (uint32_t)manifest->segment_count);
    cdb_le_put64(p + 24, manifest->generation);
    cdb_le_put64(p + 32, manifest->count);
    memcpy(p + 40, manifest->last.id, CDB_OID_SIZE);
    cdb_le_put32(p + 60, (uint32_t)ref_len);
    cdb_index_put_time(p + 64, manifest->time, false);
    for (size_t i = 0; i < manifest->segment_count; i++)
        put_segment(p + HEAD + i * ENTRY, &manifest->segments[i]);
    memcpy(p + len - ref_len, manifest->ref, ref_len);
    cdb_le_put32(p + 12, cdb_index_crc(cdb_index_crc(0, p, 12), p + 16, len - 16));
    out->len += len;
}

int cdb_manifest_read(struct cdb_manifest *out, int dir, const char *ref)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf data = CDB_BUF_INIT;
    int result;

    *out = (struct cdb_manifest){.ref = NULL};
    cdb_file_manifest(file, ref);
    result = cdb_file_read(dir, file, CDB_MANIFEST_MAX, &data);
    if (result == 0)
        result = cdb_manifest_decode(out, data.ptr, data.len);
    cdb_buf_release(&data);
    if (result == 0 && strcmp(out->ref, ref) != 0) {
        cdb_manifest_release(out);
        result = 1;
    }
    return result > 0 ? 1 : result;
}

int cdb_manifest_write(int dir, const struct cdb_manifest *manifest)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf data = CDB_BUF_INIT;
    int result;

    cdb_file_manifest(file, manifest->ref);
    cdb_manifest_encode(&data, manifest);
    result = cdb_buf_check(&data);
    if (result == 0)
        result = cdb_file_replace(dir, file, data.ptr, data.len);
    CDB_FAULT("index-manifest-written");
    cdb_buf_release(&data);
    return result;
}
