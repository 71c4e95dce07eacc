/* SPDX-License-Identifier: MIT
 * Refs, HEAD, and the configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/branches.h"
#include "db/handle.h"
#include "db/verify.h"
#include "store/config.h"
#include "store/gitconfig.h"
#include "store/packrefs.h"
#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define PACKED_MAX ((size_t)256 << 20)
#define TAG_DEPTH  16

/* ---- the configuration --------------------------------------------------------------------------- */

static bool is_true(const char *value)
{
    return *value == '\0' || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
           strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

static bool is_false(const char *value)
{
    return strcasecmp(value, "false") == 0 || strcasecmp(value, "no") == 0 || strcasecmp(value, "off") == 0 ||
           strcmp(value, "0") == 0;
}

static bool is_one(const char *value)
{
    return strcmp(value, "1") == 0;
}

static bool is_zero(const char *value)
{
    return strcmp(value, "0") == 0;
}

static bool is_boolean(const char *value)
{
    return is_true(value) || is_false(value);
}

/* What chrondb-format(5) asks for. */
static const struct variable {
    const char *name;
    bool (*fits)(const char *value);
    bool may_lack, note;
    const char *message;
} variables[] = {
    {"core.repositoryformatversion", is_one, false, false, "core.repositoryformatversion is not 1"},
    {"core.bare", is_true, false, false, "core.bare is not true"},
    {"core.filemode", is_boolean, true, false, "core.filemode is neither true nor false"},
    {"extensions.preciousobjects", is_true, false, false,
     "extensions.preciousObjects is not true: git may delete what was just written"},
    {"gc.auto", is_zero, false, true, "gc.auto is not 0: git tries to pack at times, in vain"},
};

static int tell_config(struct cdb_verify *it, const char *message, bool note)
{
    return cdb_verify_tell(
        it, &(struct cdb_finding){.kind = CDB_KIND_CONFIG, .note = note, .path = CDB_CONFIG_PATH, .message = message});
}

static int tell_last_error(struct cdb_verify *it, const char *kind, const char *path, int result)
{
    char message[512];
    if (cdb_check_is_memory())
        return result;
    snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
    return cdb_verify_tell(it, &(struct cdb_finding){.kind = kind, .path = path, .message = message});
}

static int check_setting(void *context, const chrondb_setting *setting)
{
    char message[256];
    if (setting->is_valid || strcmp(setting->name, "branch") == 0) /* that is HEAD, which is looked at below */
        return 0;
    snprintf(message, sizeof(message), "the value of %s is not allowed", setting->name);
    return tell_config(context, message, false);
}

int cdb_verify_config(struct cdb_verify *it)
{
    struct cdb_buf file = CDB_BUF_INIT, value = CDB_BUF_INIT;
    int result = cdb_fs_read(it->db->repo->dir, CDB_CONFIG_PATH, CONFIG_MAX, &file), parsed = 0;
    if (result == 1)
        result = tell_config(it, "there is none", false);
    else if (result < 0)
        result = tell_last_error(it, CDB_KIND_CONFIG, CDB_CONFIG_PATH, result);
    else
        for (size_t i = 0; i < sizeof(variables) / sizeof(*variables) && result == 0 && parsed >= 0; i++) {
            const struct variable *variable = &variables[i];
            cdb_buf_clear(&value);
            parsed = cdb_gitconfig_get(cdb_buf_str(&file), file.len, variable->name, &value);
            if (parsed < 0)
                result = tell_last_error(it, CDB_KIND_CONFIG, CDB_CONFIG_PATH, parsed);
            else if (parsed == 0 ? !variable->fits(cdb_buf_str(&value)) : !variable->may_lack)
                result = tell_config(it, variable->message, variable->note);
        }
    cdb_buf_release(&file);
    cdb_buf_release(&value);
    if (result != 0 || parsed < 0)
        return result;
    result = chrondb_config_list(it->db, check_setting, it);
    return result == CHRONDB_EDAMAGED ? tell_last_error(it, CDB_KIND_CONFIG, CDB_CONFIG_PATH, result) : result;
}

/* ---- what refs name ------------------------------------------------------------------------------ */

static int tell_ref(struct cdb_verify *it, const char *ref, bool note, const char *message)
{
    return cdb_verify_tell(it,
                           &(struct cdb_finding){.kind = CDB_KIND_REF, .note = note, .ref = ref, .message = message});
}

/* "object ID", "type NAME". */
static bool parse_tag(const struct cdb_buf *content, struct cdb_oid *oid, int *type)
{
    const char *text = cdb_buf_str(content);
    const size_t before = strlen("object "), line = before + CDB_OID_HEX + 1, type_at = line + strlen("type ");
    char hex[CDB_OID_HEX + 1] = "";
    if (content->len < type_at || memcmp(text, "object ", before) != 0 || memcmp(text + line, "type ", 5) != 0)
        return false;
    memcpy(hex, text + before, CDB_OID_HEX);
    const char *end = memchr(text + type_at, '\n', content->len - type_at);
    *type = end != NULL ? cdb_type_parse(text + type_at, (size_t)(end - text) - type_at) : CDB_ANY;
    return *type != CDB_ANY && cdb_oid_parse(hex, oid);
}

/* From what a tag names to a commit, by way of tag objects. ref->object becomes the last of them. */
static int peel(struct cdb_verify *it, struct cdb_verify_ref *ref)
{
    const struct cdb_finding about = {.ref = ref->name};
    struct cdb_buf content = CDB_BUF_INIT;
    int result = 0, type = CDB_ANY, wanted = CDB_ANY;
    for (int depth = 0; depth < TAG_DEPTH; depth++) {
        result = cdb_objects_find(it->objects, &ref->object, CDB_CHECK_MAX, &type, &content);
        if (result != 0 || (wanted != CDB_ANY && type != wanted)) {
            result = cdb_verify_unreadable(it, &ref->object, wanted, result, type, &about);
            break;
        }
        if (type != CDB_TAG)
            break;
        if (!parse_tag(&content, &ref->object, &wanted)) {
            result = tell_ref(it, ref->name, false, "its tag object is malformed");
            break;
        }
    }
    cdb_buf_release(&content);
    ref->type = result == 0 ? type : CDB_ANY;
    if (result == 0 && type == CDB_COMMIT)
        ref->commit = ref->object;
    else if (result == 0 && type == CDB_TAG)
        result = tell_ref(it, ref->name, false, "its tag objects do not end");
    else if (result == 0 && ref->kind == CDB_REF_TAG)
        result = tell_ref(it, ref->name, true, "it names no commit, and so no moment");
    return result == 1 ? 0 : result;
}

/* What has no ref any more, or none that can be read, is passed over. */
static int add_ref(struct cdb_verify *it, const char *name, enum cdb_ref_kind kind, bool overlay)
{
    struct cdb_verify_ref ref = {.kind = kind};
    int result = cdb_ref_read(it->db->repo->dir, name, &ref.object);
    if (result < 0 && !overlay) {
        char message[512];
        if (cdb_check_is_memory())
            return result;
        snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
        int told = tell_ref(it, name, false, message);
        if (told != 0)
            return told;
    }
    result = cdb_repo_ref(it->db->repo, name, &ref.object);
    if (result != 0)
        return result < 0 && cdb_check_is_memory() ? result : 0;
    ref.name = cdb_arena_copy(&it->arena, name, strlen(name));
    if (ref.name == NULL)
        return CHRONDB_ESYSTEM;
    if (kind == CDB_REF_BRANCH) {
        ref.commit = ref.object;
        ref.type = CDB_COMMIT;
    } else {
        result = peel(it, &ref);
    }
    if (result == 0)
        result = cdb_array_grow(&it->refs, &it->ref_room, it->ref_count, sizeof(*it->refs));
    if (result == 0)
        it->refs[it->ref_count++] = ref;
    return result;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Those of a folder that are of this kind. */
static int add_refs(struct cdb_verify *it, const char *folder, enum cdb_ref_kind kind, bool overlay)
{
    struct cdb_branches names;
    int result =
        kind == CDB_REF_BRANCH ? cdb_branches_list(&names, it->db->repo) : cdb_refs_list(&names, it->db->repo, folder);
    if (result != 0)
        return cdb_check_is_memory() ? result : tell_last_error(it, CDB_KIND_REF, folder, result);
    for (size_t i = 0; i < names.count && result == 0; i++) {
        bool other = !starts_with(names.names[i], CDB_HEADS) && !starts_with(names.names[i], CDB_TAGS);
        if (kind != CDB_REF_OTHER || other)
            result = add_ref(it, names.names[i], kind, overlay);
    }
    cdb_branches_release(&names);
    return result;
}

/* ---- files ------------------------------------------------------------------------------------- */

static int check_head(struct cdb_verify *it)
{
    struct cdb_buf head = CDB_BUF_INIT;
    bool found = false;
    int result = 0, dir = it->db->repo->dir;
    size_t branches = 0;
    if (!cdb_fs_exists(dir, "HEAD"))
        return cdb_verify_tell(
            it, &(struct cdb_finding){.kind = CDB_KIND_REF, .path = "HEAD", .message = "there is no HEAD"});
    int named = cdb_ref_branch(dir, NULL, &head);
    for (; named == 0 && branches < it->ref_count && it->refs[branches].kind == CDB_REF_BRANCH; branches++)
        found = found || strcmp(it->refs[branches].name, cdb_buf_str(&head)) == 0;
    if (named == CHRONDB_EUSAGE)
        result = cdb_verify_tell(it, &(struct cdb_finding){.kind = CDB_KIND_REF,
                                                           .note = true,
                                                           .path = "HEAD",
                                                           .message = "it names a commit: there is no default branch"});
    else if (named < 0)
        result = tell_last_error(it, CDB_KIND_REF, "HEAD", named);
    else if (!found && branches > 0)
        result = cdb_verify_tell(it, &(struct cdb_finding){.kind = CDB_KIND_REF,
                                                           .note = true,
                                                           .ref = cdb_buf_str(&head),
                                                           .path = "HEAD",
                                                           .message = "it names a branch that is not there"});
    cdb_buf_release(&head);
    return result;
}

/* What git believes of a tag without reading it. */
static int check_peeled(struct cdb_verify *it, const struct cdb_packed_ref *ref)
{
    struct cdb_oid peeled;
    int type;
    if (ref->fresh || cdb_tag_peel(it->objects, &ref->oid, &peeled, &type) != 0 || cdb_oid_equal(&peeled, &ref->peeled))
        return 0;
    return cdb_verify_tell(it, &(struct cdb_finding){.kind = CDB_KIND_REF,
                                                     .ref = ref->name,
                                                     .path = "packed-refs",
                                                     .message = "it says that the tag names another object"});
}

/* Git takes no other comment than the header in the first line. */
static bool has_strange_comment(const struct cdb_buf *file)
{
    static const char header[] = "# pack-refs with: ";
    const char *text = cdb_buf_str(file);
    if (text[0] == '#' && strncmp(text, header, sizeof(header) - 1) != 0)
        return true;
    return strstr(text, "\n#") != NULL;
}

static int check_packed(struct cdb_verify *it)
{
    struct cdb_packed_refs refs = {NULL, 0, 0};
    struct cdb_buf file = CDB_BUF_INIT;
    int result = cdb_fs_read(it->db->repo->dir, "packed-refs", PACKED_MAX, &file);
    if (result == 0 && has_strange_comment(&file))
        result = cdb_error(CHRONDB_EDAMAGED, "damaged", "it has a line that is none of git's");
    if (result == 0)
        result = cdb_packed_refs_parse(&refs, file.ptr, file.len);
    if (result < 0)
        result = tell_last_error(it, CDB_KIND_REF, "packed-refs", result);
    else
        result = 0;
    for (size_t i = 0; i < refs.count && result == 0; i++)
        result = check_peeled(it, &refs.list[i]);
    cdb_packed_refs_release(&refs);
    cdb_buf_release(&file);
    return result;
}

static int add_branch(struct cdb_verify *it, bool overlay)
{
    struct cdb_buf ref = CDB_BUF_INIT;
    int result = cdb_branch_resolve(it->db, it->options->branch, &ref);
    if (result == 0)
        result = add_ref(it, ref.ptr, CDB_REF_BRANCH, overlay);
    cdb_buf_release(&ref);
    return result;
}

int cdb_verify_refs(struct cdb_verify *it)
{
    struct cdb_repo *repo = it->db->repo;
    pthread_mutex_lock(&repo->mutex);
    bool overlay = repo->overlay; /* what a power cut left in a ref is not what counts */
    pthread_mutex_unlock(&repo->mutex);
    if (it->options->branch != NULL)
        return add_branch(it, overlay);
    int result = check_packed(it);
    if (result == 0)
        result = add_refs(it, "refs/heads", CDB_REF_BRANCH, overlay);
    if (result == 0)
        result = check_head(it);
    if (result == 0)
        result = add_refs(it, "refs/tags", CDB_REF_TAG, overlay);
    if (result == 0)
        result = add_refs(it, "refs", CDB_REF_OTHER, overlay);
    it->report.refs = it->ref_count;
    return result;
}
