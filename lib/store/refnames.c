/* SPDX-License-Identifier: MIT
 *
 * Which names a new ref may have. Sources: git-check-ref-format(1), and what git-branch(1) and git-tag(1) refuse
 * beyond it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/refs.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/utf8.h"

#define PACKED_MAX ((size_t)1 << 30)
#define PART_MAX   (255 - 5) /* bytes of a file's name; ".lock" goes behind it */
#define DEPTH_MAX  64

static bool is_utf8(const char *text)
{
    size_t len = strlen(text), width = 1;
    for (size_t i = 0; i < len && width > 0; i += width) {
        width = cdb_utf8_width(text + i, len - i);
        if (width > 0 && cdb_utf8_is_control(text + i, width))
            width = 0;
    }
    return width > 0;
}

static bool parts_fit(const char *ref)
{
    for (const char *part = ref; part != NULL;) {
        size_t len = strcspn(part, "/");
        if (len > PART_MAX)
            return false;
        part = part[len] == '/' ? part + len + 1 : NULL;
    }
    return true;
}

int cdb_ref_new_name(const char *folder, const char *kind, const char *name, struct cdb_buf *out)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    const char *complaint = NULL;
    cdb_buf_clear(out);
    if (strncmp(name, folder, strlen(folder)) == 0)
        name += strlen(folder);
    cdb_buf_addf(out, "%s%s", folder, name);
    int result = cdb_buf_check(out);
    if (result != 0)
        return result;
    if (!parts_fit(out->ptr) || out->len > CDB_REF_NAME_MAX)
        complaint = "it is too long";
    else if (name[0] == '-' || strcmp(name, "HEAD") == 0 || strcmp(name, "@") == 0 || !is_utf8(name) ||
             !cdb_ref_name_valid(out->ptr))
        complaint =
            "git forbids blanks, control characters, any of ~^:?*[\\, '..', '@{', '//', a part that begins with "
            "'.' or ends with '.lock', a '.' or '/' at the end, a '-' or '/' in front, and HEAD";
    if (complaint == NULL)
        return 0;
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    result =
        cdb_error(CHRONDB_EUSAGE, "invalid_name", "%s is no name for a %s: %s", cdb_buf_str(&quoted), kind, complaint);
    cdb_buf_release(&quoted);
    return result;
}

/* ---- what is in the way --------------------------------------------------------------------------- */

/* Is it there as a file, whatever it holds? */
static bool is_file(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
}

/* "a" or "a/b" of "a/b/c". */
static int look_above(int dir, const char *ref, struct cdb_buf *other)
{
    struct cdb_oid oid;
    const char *slash = strchr(ref + strlen("refs/"), '/'); /* behind "refs/heads" */
    while (slash != NULL && (slash = strchr(slash + 1, '/')) != NULL) {
        cdb_buf_clear(other);
        cdb_buf_add(other, ref, (size_t)(slash - ref));
        int result = cdb_buf_check(other);
        if (result != 0)
            return result;
        if (is_file(dir, other->ptr))
            return 1;
        result = cdb_ref_read(dir, other->ptr, &oid);
        if (result != 1)
            return result < 0 && result != CHRONDB_EDAMAGED ? result : 1;
    }
    return 0;
}

/* A file below the folder `path`, whose name is left there. Folders that are empty are removed on the way. */
static int look_into(int dir, struct cdb_buf *path, int depth)
{
    DIR *listing = cdb_fs_opendir(dir, path->ptr);
    size_t len = path->len;
    int found = 0;
    if (listing == NULL)
        return 0;
    for (struct dirent *entry; found == 0 && (entry = readdir(listing)) != NULL;) {
        size_t name_len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || (name_len > 5 && strcmp(entry->d_name + name_len - 5, ".lock") == 0))
            continue;
        cdb_buf_addf(path, "/%s", entry->d_name);
        if ((found = cdb_buf_check(path)) == 0)
            found = is_file(dir, path->ptr) || depth == 0 ? 1 : look_into(dir, path, depth - 1);
        if (found == 0) {
            path->len = len;
            path->ptr[len] = '\0';
        }
    }
    closedir(listing);
    if (found == 0)
        unlinkat(dir, path->ptr, AT_REMOVEDIR);
    return found;
}

/* "a/b/c" of "a", in packed-refs. */
static int look_in_packed(int dir, const char *ref, struct cdb_buf *other)
{
    struct cdb_buf file = CDB_BUF_INIT;
    size_t len = strlen(ref);
    int result = cdb_fs_read(dir, "packed-refs", PACKED_MAX, &file), found = 0;
    for (const char *line = cdb_buf_str(&file); result == 0 && found == 0 && *line != '\0';) {
        size_t line_len = strcspn(line, "\n");
        const char *name = line + CDB_OID_HEX + 1;
        if (line_len > CDB_OID_HEX + 1 + len && strncmp(name, ref, len) == 0 && name[len] == '/') {
            cdb_buf_clear(other);
            cdb_buf_add(other, name, line_len - CDB_OID_HEX - 1);
            found = 1;
        }
        line += line_len + (line[line_len] == '\n');
    }
    cdb_buf_release(&file);
    return result < 0 ? result : found;
}

int cdb_ref_in_the_way(int dir, const char *ref, struct cdb_buf *other)
{
    int result = look_above(dir, ref, other);
    if (result == 0) {
        cdb_buf_clear(other);
        cdb_buf_adds(other, ref);
        result = cdb_buf_check(other);
    }
    if (result == 0 && !is_file(dir, ref))
        result = look_into(dir, other, DEPTH_MAX);
    return result == 0 ? look_in_packed(dir, ref, other) : result;
}
