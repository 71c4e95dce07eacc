/* SPDX-License-Identifier: MIT */
#include "store/refs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fs.h"

#define REF_FILE_MAX ((size_t)4096)
#define PACKED_MAX   ((size_t)1 << 30)
#define SYMBOLIC_MAX 5

/* git-check-ref-format(1), for a full name. */
bool cdb_ref_name_valid(const char *ref)
{
    size_t len = strlen(ref);
    if (len == 0 || len > CDB_REF_NAME_MAX || ref[0] == '/' || ref[len - 1] == '/' || ref[len - 1] == '.')
        return false;
    if (strstr(ref, "..") != NULL || strstr(ref, "@{") != NULL || strstr(ref, "//") != NULL)
        return false;
    for (const char *p = ref; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr(" ~^:?*[\\", *p) != NULL)
            return false;
    for (const char *part = ref; part != NULL;) {
        const char *slash = strchr(part, '/');
        size_t part_len = slash != NULL ? (size_t)(slash - part) : strlen(part);
        if (part[0] == '.' || (part_len >= 5 && memcmp(part + part_len - 5, ".lock", 5) == 0))
            return false;
        part = slash != NULL ? slash + 1 : NULL;
    }
    return true;
}

static int damaged(const char *ref)
{
    int result = cdb_error(CHRONDB_EDAMAGED, "damaged", "'%s' holds neither an object id nor a symbolic ref", ref);
    cdb_error_set_path(ref);
    return result;
}

static int read_packed(int dir, const char *ref, struct cdb_oid *out)
{
    struct cdb_buf file = CDB_BUF_INIT;
    size_t ref_len = strlen(ref);
    int result = cdb_fs_read(dir, "packed-refs", PACKED_MAX, &file);
    const char *end = cdb_buf_str(&file) + file.len;
    if (result == 0)
        result = 1;
    for (const char *line = cdb_buf_str(&file); line < end && result == 1;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((newline != NULL ? newline : end) - line);
        if (len == CDB_OID_HEX + 1 + ref_len && line[CDB_OID_HEX] == ' ' &&
            memcmp(line + CDB_OID_HEX + 1, ref, ref_len) == 0)
            result = cdb_oid_parse(line, out) ? 0 : damaged("packed-refs");
        line += len + 1;
    }
    cdb_buf_release(&file);
    return result;
}

/* One step: 0 an id; 1 nothing; 2 symbolic (`target` replaced); or an error. */
static int read_step(int dir, const char *ref, struct cdb_oid *out, struct cdb_buf *target)
{
    char text[REF_FILE_MAX + 1];
    ssize_t n = cdb_fs_read_head(dir, ref, text, REF_FILE_MAX);
    if (n == 0 && !cdb_fs_exists(dir, ref))
        return read_packed(dir, ref, out);
    if (n == 0) /* it was absent (packed), and has just been made; an empty one stays empty */
        n = cdb_fs_read_head(dir, ref, text, REF_FILE_MAX);
    if (n < 0 && errno == EISDIR) /* "refs/heads/a" where "refs/heads/a/b" exists, or did */
        return read_packed(dir, ref, out);
    if (n < 0) /* not the same as none: a write would begin another history */
        return cdb_error_errno(ref, "cannot read '%s'", ref);
    text[n] = '\0';
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r'))
        text[--n] = '\0';
    if (n > 4 && memcmp(text, "ref:", 4) == 0) {
        const char *name = text + 4 + strspn(text + 4, " \t");
        if (!cdb_ref_name_valid(name) || strncmp(name, "refs/", 5) != 0)
            return damaged(ref);
        cdb_buf_clear(target);
        cdb_buf_adds(target, name);
        return target->failed ? cdb_error_memory() : 2;
    }
    return n == CDB_OID_HEX && cdb_oid_parse(text, out) ? 0 : damaged(ref);
}

/* Follow symbolic refs; `name` becomes the last one. As cdb_ref_read. */
static int follow(int dir, struct cdb_buf *name, struct cdb_oid *out)
{
    struct cdb_buf target = CDB_BUF_INIT;
    int result = 2;
    for (int step = 0; step < SYMBOLIC_MAX && result == 2; step++) {
        result = read_step(dir, name->ptr, out, &target);
        if (result == 2) {
            cdb_buf_clear(name);
            cdb_buf_add(name, target.ptr, target.len);
            result = name->failed ? cdb_error_memory() : 2;
        }
    }
    cdb_buf_release(&target);
    return result == 2 ? damaged(cdb_buf_str(name)) : result;
}

int cdb_ref_read(int dir, const char *ref, struct cdb_oid *out)
{
    struct cdb_buf name = CDB_BUF_INIT;
    cdb_buf_adds(&name, ref);
    int result = cdb_buf_check(&name);
    if (result == 0)
        result = follow(dir, &name, out);
    cdb_buf_release(&name);
    return result;
}

int cdb_ref_target(int dir, const char *ref, struct cdb_buf *target)
{
    struct cdb_oid oid;
    int result = read_step(dir, ref, &oid, target);
    return result < 0 ? result : result == 2;
}

int cdb_ref_is_head(int dir, const char *ref)
{
    struct cdb_buf name = CDB_BUF_INIT, target = CDB_BUF_INIT;
    int result = 1;
    bool found = false;
    cdb_buf_adds(&name, "HEAD");
    for (int step = 0; step < SYMBOLIC_MAX && result == 1 && !found; step++) {
        result = cdb_ref_target(dir, cdb_buf_str(&name), &target);
        found = result == 1 && strcmp(target.ptr, ref) == 0;
        cdb_buf_clear(&name);
        cdb_buf_adds(&name, cdb_buf_str(&target));
    }
    cdb_buf_release(&name);
    cdb_buf_release(&target);
    return found ? 1 : result < 0 && result != CHRONDB_EDAMAGED ? result : 0;
}

static int head_branch(int dir, struct cdb_buf *out)
{
    struct cdb_oid oid;
    cdb_buf_adds(out, "HEAD");
    int result = cdb_buf_check(out);
    if (result == 0)
        result = follow(dir, out, &oid);
    if (result < 0 && strcmp(cdb_buf_str(out), "HEAD") != 0 && strcmp(chrondb_last_error()->name, "damaged") == 0)
        return 0; /* HEAD names a branch; that the branch is damaged is told when it is read */
    if (result < 0)
        return result;
    if (strcmp(out->ptr, "HEAD") == 0)
        return cdb_error(CHRONDB_EUSAGE, "no_branch",
                         "HEAD names a commit, not a branch: say which branch with -b, or point HEAD to one");
    return 0;
}

int cdb_ref_branch(int dir, const char *branch, struct cdb_buf *out)
{
    struct cdb_oid oid;
    cdb_buf_clear(out);
    if (branch == NULL || *branch == '\0')
        return head_branch(dir, out);
    if (strncmp(branch, CDB_HEADS, strlen(CDB_HEADS)) != 0)
        cdb_buf_adds(out, CDB_HEADS);
    cdb_buf_adds(out, branch);
    int result = cdb_buf_check(out);
    if (result != 0)
        return result;
    if (!cdb_ref_name_valid(out->ptr) || branch[0] == '-') {
        struct cdb_buf quoted = CDB_BUF_INIT;
        cdb_buf_add_quoted(&quoted, branch, strlen(branch));
        result = cdb_error(CHRONDB_EUSAGE, "no_branch", "%s is not a valid branch name", cdb_buf_str(&quoted));
        cdb_buf_release(&quoted);
        return result;
    }
    result = follow(dir, out, &oid);
    return result == 1 || result == CHRONDB_EDAMAGED ? 0 : result;
}

static bool has_entry(int dir, const char *path, int depth)
{
    bool found = false;
    DIR *listing = cdb_fs_opendir(dir, path);
    if (listing == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(listing)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || (len > 5 && strcmp(entry->d_name + len - 5, ".lock") == 0))
            continue;
        int sub = openat(dirfd(listing), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sub < 0)
            found = true;
        else
            found = depth > 0 && has_entry(sub, ".", depth - 1);
        if (sub >= 0)
            close(sub);
    }
    closedir(listing);
    return found;
}

bool cdb_ref_any_branch(int dir)
{
    struct cdb_buf packed = CDB_BUF_INIT;
    bool found = has_entry(dir, "refs/heads", 16) || (cdb_fs_read(dir, "packed-refs", PACKED_MAX, &packed) == 0 &&
                                                      strstr(cdb_buf_str(&packed), " " CDB_HEADS) != NULL);
    cdb_buf_release(&packed);
    return found;
}
