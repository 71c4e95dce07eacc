/* SPDX-License-Identifier: MIT */
#include "store/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/gitconfig.h"
#include "store/pack.h"
#include "store/packrefs.h"
#include "store/reach.h"
#include "store/refs.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define ROLE         "restore"
#define CHUNK        ((size_t)256 << 10)
#define CONFIG_MAX   ((size_t)4 << 20)
#define NOTE_MAX     (2 * CDB_BUNDLE_HEADER_MAX)
#define DEFAULT_HEAD CDB_HEADS "main"

/* ---- reading ------------------------------------------------------------------------------------- */

/* 0 at the end. */
static int read_some(const struct cdb_restore *restore, void *data, size_t len, size_t *got)
{
    ssize_t n;
    do
        n = read(restore->fd, data, len);
    while (n < 0 && errno == EINTR);
    *got = n > 0 ? (size_t)n : 0;
    return n >= 0 ? 0 : cdb_error_errno(NULL, "cannot read %s", restore->name);
}

static int read_more(struct cdb_restore *restore, size_t *got)
{
    struct cdb_buf *start = &restore->start;
    if (!cdb_buf_reserve(start, CHUNK))
        return cdb_error_memory();
    int result = read_some(restore, start->ptr + start->len, CHUNK, got);
    start->len += *got;
    start->ptr[start->len] = '\0';
    return result;
}

static int is_no_bundle(const char *why)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "%s", why);
}

/* Up to the header's end. The end may lie in two pieces: one byte before a new one is looked at again. */
static int read_header(struct cdb_restore *restore)
{
    const struct cdb_buf *start = &restore->start;
    for (;;) {
        size_t got = 0, before = start->len;
        int result = read_more(restore, &got);
        if (result != 0)
            return result;
        if (start->len >= CDB_BUNDLE_SIGNATURE ? !cdb_bundle_begins(start->ptr) : got == 0)
            return is_no_bundle("it is no git bundle");
        size_t from = before > 0 ? before - 1 : 0;
        size_t len = cdb_bundle_measure(start->ptr + from, start->len - from);
        if (len > 0) {
            restore->header_len = from + len;
            return 0;
        }
        if (got == 0)
            return is_no_bundle("it is cut short");
        if (start->len > CDB_BUNDLE_HEADER_MAX)
            return is_no_bundle("its header is larger than chrondb allows");
    }
}

static int explain(const struct cdb_restore *restore, int result)
{
    if (result == CHRONDB_EDAMAGED)
        cdb_error_context("cannot read %s%s", *restore->name == '\'' ? "the backup " : "", restore->name);
    return result;
}

int cdb_restore_begin(struct cdb_restore *restore)
{
    int result = read_header(restore);
    if (result == 0)
        result = cdb_bundle_parse(&restore->bundle, restore->start.ptr, restore->header_len);
    return explain(restore, result);
}

void cdb_restore_release(struct cdb_restore *restore)
{
    cdb_objects_free(restore->objects);
    cdb_bundle_release_note(&restore->note);
    cdb_bundle_release(&restore->bundle);
    cdb_buf_release(&restore->start);
}

/* ---- the pack ------------------------------------------------------------------------------------ */

static int receive(struct cdb_restore *restore, struct cdb_pack *pack)
{
    char *chunk = malloc(CHUNK);
    size_t rest = restore->start.len - restore->header_len, got = 1;
    int result = chunk != NULL ? 0 : cdb_error_memory();
    if (result == 0 && rest > 0)
        result = cdb_pack_receive(pack, restore->start.ptr + restore->header_len, rest);
    while (result == 0 && got > 0) {
        result = read_some(restore, chunk, CHUNK, &got);
        if (result == 0 && got > 0)
            result = cdb_pack_receive(pack, chunk, got);
        if (result == 0 && restore->progress != NULL)
            result = restore->progress(restore->progress_context, "reading bytes", cdb_pack_bytes(pack), 0);
    }
    free(chunk);
    restore->bytes = restore->header_len + cdb_pack_bytes(pack);
    CDB_FAULT("restore-received");
    return result;
}

/* An object that the pack leaves out although its deltas stand on it. */
static int complete(struct cdb_restore *restore, struct cdb_pack *pack, const struct cdb_oid *oid)
{
    struct cdb_buf content = CDB_BUF_INIT;
    int type, result = cdb_objects_find(restore->objects, oid, CDB_TREE_MAX, &type, &content);
    if (result == 0)
        result = cdb_pack_add(pack, type, cdb_buf_str(&content), content.len, oid);
    cdb_buf_release(&content);
    return result == 1 ? is_no_bundle("an object that it stands on is gone") : result;
}

static int finish_pack(struct cdb_restore *restore, struct cdb_pack *pack, const struct cdb_packcheck *check)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < check->count; i++)
        result = cdb_pack_note(pack, &check->list[i].oid, check->list[i].offset, check->list[i].crc);
    for (size_t i = 0; result == 0 && i < check->outside_count; i++)
        result = complete(restore, pack, &check->outside[i]);
    if (result == 0 && check->count > 0)
        result = cdb_pack_finish(pack);
    if (result == 0)
        memcpy(restore->pack, cdb_pack_name(pack), sizeof(restore->pack));
    CDB_FAULT("restore-packed");
    return result;
}

static int check_pack(struct cdb_restore *restore, const struct cdb_pack *pack, struct cdb_packcheck *check)
{
    size_t len = (size_t)cdb_pack_bytes(pack);
    if (len == 0)
        return is_no_bundle("it is cut short");
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, cdb_pack_file(pack), 0);
    if (map == MAP_FAILED)
        return cdb_error_errno(NULL, "cannot map the pack of %s", restore->name);
    madvise(map, len, MADV_SEQUENTIAL);
    int result = cdb_packcheck_run(check, map, len, restore->objects, restore->progress, restore->progress_context);
    munmap(map, len);
    return result == 0 ? cdb_packcheck_sort(check) : result;
}

/* ---- what refs reach ------------------------------------------------------------------------------- */

bool cdb_restore_takes(const char *ref)
{
    return strncmp(ref, CDB_HEADS, strlen(CDB_HEADS)) == 0 || strncmp(ref, CDB_TAGS, strlen(CDB_TAGS)) == 0;
}

static int not_what_it_should_be(const struct cdb_oid *oid, const char *what)
{
    char hex[CDB_OID_HEX + 1];
    cdb_oid_format(oid, hex);
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "object %s is %s", hex, what);
}

/* Is it there, and of that type? In the pack, or in the database. */
static int check_object(const struct cdb_restore *restore, const struct cdb_packcheck *check, const struct cdb_oid *oid,
                        int type, struct cdb_buf *scratch)
{
    const struct cdb_checked *found = cdb_packcheck_find(check, oid);
    if (found == NULL)
        return cdb_objects_read(restore->objects, oid, type, CDB_TREE_MAX, scratch);
    return found->type == type ? 0 : not_what_it_should_be(oid, "not of the type that it should be");
}

static int check_reached(struct cdb_restore *restore, const struct cdb_packcheck *check, const struct cdb_reach *reach)
{
    struct cdb_buf scratch = CDB_BUF_INIT;
    int result = 0;
    for (size_t i = 0; result == 0 && i < reach->count; i++)
        result = check_object(restore, check, &reach->list[i].oid, reach->list[i].type, &scratch);
    for (size_t i = 0; result == 0 && i < restore->bundle.refs.count; i++) {
        const struct cdb_bundle_line *ref = &restore->bundle.refs.list[i];
        if (strncmp(ref->text, CDB_HEADS, strlen(CDB_HEADS)) == 0)
            result = check_object(restore, check, &ref->oid, CDB_COMMIT, &scratch);
    }
    cdb_buf_release(&scratch);
    return result;
}

static int check_refs(struct cdb_restore *restore, const struct cdb_packcheck *check)
{
    const struct cdb_bundle_list *refs = &restore->bundle.refs, *bases = &restore->bundle.bases;
    struct cdb_oid *tips = calloc(refs->count + bases->count + 1, sizeof(*tips)), *base = NULL;
    struct cdb_reach reach = {.list = NULL};
    size_t count = 0;
    int result = tips != NULL ? 0 : cdb_error_memory();
    for (size_t i = 0; result == 0 && i < refs->count; i++)
        if (cdb_restore_takes(refs->list[i].text))
            tips[count++] = refs->list[i].oid;
    if (result == 0) {
        base = tips + count;
        for (size_t i = 0; i < bases->count; i++)
            base[i] = bases->list[i].oid;
        result = cdb_reach_find(&reach, restore->objects, tips, count, base, bases->count, restore->progress,
                                restore->progress_context);
    }
    if (result == 0)
        result = check_reached(restore, check, &reach);
    restore->commit_count = reach.commits;
    cdb_reach_release(&reach);
    free(tips);
    return result;
}

/* ---- the note -------------------------------------------------------------------------------------- */

/* A ref that is neither a branch nor a tag: what only git has, or the note. */
static int look_at_ref(struct cdb_restore *restore, const struct cdb_bundle_line *ref, struct cdb_buf *content)
{
    bool named = strcmp(ref->text, CDB_BACKUP_REF) == 0;
    int type, result = cdb_objects_find(restore->objects, &ref->oid, NOTE_MAX, &type, content);
    bool is_note = result == 0 && type == CDB_BLOB && cdb_bundle_is_note(content->ptr, content->len);
    if (!named && !is_note) {
        cdb_error_clear();
        return 0;
    }
    if (!named || !is_note || restore->has_note)
        return is_no_bundle("its header was altered");
    restore->has_note = true;
    return cdb_bundle_parse_note(&restore->note, content->ptr, content->len, restore->start.ptr, restore->header_len);
}

static int read_note(struct cdb_restore *restore)
{
    struct cdb_buf content = CDB_BUF_INIT;
    const struct cdb_bundle_list *refs = &restore->bundle.refs;
    int result = 0;
    for (size_t i = 0; result == 0 && i < refs->count; i++)
        if (!cdb_restore_takes(refs->list[i].text) && strcmp(refs->list[i].text, "HEAD") != 0)
            result = look_at_ref(restore, &refs->list[i], &content);
    cdb_buf_release(&content);
    return result;
}

int cdb_restore_objects(struct cdb_restore *restore, int dir)
{
    struct cdb_packcheck check = {.list = NULL};
    struct cdb_pack *pack = NULL;
    int result = cdb_objects_new(&restore->objects, dir);
    if (result == 0)
        result = cdb_pack_new(&pack, dir, ROLE);
    if (result == 0)
        result = receive(restore, pack);
    if (result == 0)
        result = check_pack(restore, pack, &check);
    if (result == 0)
        result = finish_pack(restore, pack, &check);
    if (result == 0)
        result = read_note(restore);
    if (result == 0)
        result = check_refs(restore, &check);
    restore->object_count = check.count;
    cdb_pack_free(pack);
    cdb_packcheck_release(&check);
    CDB_FAULT("restore-checked");
    return explain(restore, result);
}

/* ---- a new database -------------------------------------------------------------------------------- */

/* As git guesses it where nobody says: the branch that is at the same commit as HEAD, rather one of a usual name. */
static const char *guess_head(const struct cdb_bundle_list *refs)
{
    static const char *const usual[] = {DEFAULT_HEAD, CDB_HEADS "master"};
    const struct cdb_bundle_line *head = cdb_bundle_find(refs, "HEAD");
    const char *first = NULL;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        const struct cdb_bundle_line *ref = cdb_bundle_find(refs, usual[i]);
        if (ref != NULL && (head == NULL || cdb_oid_equal(&ref->oid, &head->oid)))
            return ref->text;
    }
    for (size_t i = 0; i < refs->count; i++) {
        const struct cdb_bundle_line *ref = &refs->list[i];
        if (strncmp(ref->text, CDB_HEADS, strlen(CDB_HEADS)) != 0)
            continue;
        if (head == NULL || cdb_oid_equal(&ref->oid, &head->oid))
            return ref->text;
        first = first == NULL ? ref->text : first;
    }
    return first;
}

const char *cdb_restore_head(const struct cdb_restore *restore)
{
    return restore->has_note ? restore->note.head : guess_head(&restore->bundle.refs);
}

static int write_head(const struct cdb_restore *restore, int dir)
{
    struct cdb_buf text = CDB_BUF_INIT;
    const char *head = cdb_restore_head(restore);
    cdb_buf_addf(&text, "ref: %s\n", head != NULL ? head : DEFAULT_HEAD);
    int result = cdb_buf_check(&text);
    if (result == 0)
        result = cdb_fs_write_file(dir, "HEAD", text.ptr, text.len, false);
    cdb_buf_release(&text);
    return result;
}

static int peel_all(struct cdb_restore *restore, struct cdb_packed_refs *packed)
{
    const struct cdb_bundle_list *refs = &restore->bundle.refs;
    packed->list = calloc(refs->count + 1, sizeof(*packed->list));
    if (packed->list == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < refs->count; i++) {
        const struct cdb_bundle_line *ref = &refs->list[i];
        struct cdb_packed_ref *out = &packed->list[packed->count];
        int type;
        if (!cdb_restore_takes(ref->text))
            continue;
        out->oid = ref->oid;
        if ((out->name = strdup(ref->text)) == NULL)
            return cdb_error_memory();
        packed->count++;
        int result = cdb_tag_peel(restore->objects, &ref->oid, &out->peeled, &type);
        if (result < 0)
            return result;
    }
    return 0;
}

static int write_packed_refs(struct cdb_restore *restore, int dir)
{
    struct cdb_packed_refs packed = {NULL, 0, 0};
    struct cdb_buf text = CDB_BUF_INIT;
    int result = peel_all(restore, &packed);
    if (result == 0 && packed.count > 0) {
        cdb_packed_refs_encode(&packed, &text);
        result = cdb_buf_check(&text);
        if (result == 0)
            result = cdb_fs_write_file(dir, "packed-refs", text.ptr, text.len, false);
    }
    cdb_packed_refs_release(&packed);
    cdb_buf_release(&text);
    return result;
}

static int write_settings(const struct cdb_restore *restore, int dir)
{
    struct cdb_buf text = CDB_BUF_INIT;
    int result = restore->note.setting_count > 0 ? cdb_fs_read(dir, "config", CONFIG_MAX, &text) : 0;
    for (size_t i = 0; result == 0 && i < restore->note.setting_count; i++) {
        const struct cdb_bundle_setting *setting = &restore->note.settings[i];
        struct cdb_buf after = CDB_BUF_INIT;
        size_t found;
        result = cdb_gitconfig_edit(cdb_buf_str(&text), text.len, setting->name, setting->value, &after, &found);
        cdb_buf_release(&text);
        text = after;
    }
    if (result == 0 && restore->note.setting_count > 0)
        result = cdb_fs_write_file(dir, "config", text.ptr, text.len, false);
    cdb_buf_release(&text);
    return result;
}

int cdb_restore_refs(struct cdb_restore *restore, int dir)
{
    int result = write_packed_refs(restore, dir);
    if (result == 0)
        result = write_head(restore, dir);
    if (result == 0)
        result = write_settings(restore, dir);
    CDB_FAULT("restore-refs");
    return result;
}
