/* SPDX-License-Identifier: MIT
 *
 * Format source: git's documentation of packed-refs, gitrepository-layout(5) and git-pack-refs(1). */
#include "store/packrefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lock.h"
#include "store/maintenance.h"
#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define PACKED_REFS      "packed-refs"
#define PACKED_REFS_LOCK "packed-refs.lock"
#define TEMPORARY        CDB_PACKED_REFS_TEMPORARY
#define PRUNE            CDB_PRUNE_TEMPORARY
#define HEADER           "# pack-refs with: peeled fully-peeled sorted \n"
#define PACKED_MAX       ((size_t)1 << 30)
#define LOCK_WAIT_MS     1000
#define DEPTH_MAX        32
#define PEEL_MAX         16
#define PATH_LEN_MAX     ((size_t)1200)

/* ---- the file ------------------------------------------------------------------------------------ */

void cdb_packed_refs_release(struct cdb_packed_refs *refs)
{
    for (size_t i = 0; i < refs->count; i++)
        free(refs->list[i].name);
    free(refs->list);
    *refs = (struct cdb_packed_refs){NULL, 0, 0};
}

static int add(struct cdb_packed_refs *refs, const char *name, const struct cdb_oid *oid, bool fresh)
{
    struct cdb_packed_ref ref = {.oid = *oid, .fresh = fresh};
    int result = cdb_array_grow(&refs->list, &refs->room, refs->count, sizeof(*refs->list));
    if (result == 0 && (ref.name = strdup(name)) == NULL)
        result = cdb_error_memory();
    if (result == 0)
        refs->list[refs->count++] = ref;
    return result;
}

static int malformed(void)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "'%s' is malformed", PACKED_REFS);
}

/* "ID NAME", or "^ID" for the one before. */
static int parse_line(struct cdb_packed_refs *refs, const char *line, size_t len, bool peeled)
{
    struct cdb_oid oid;
    if (len == CDB_OID_HEX + 1 && line[0] == '^') {
        if (refs->count == 0 || !cdb_oid_parse(line + 1, &oid))
            return malformed();
        refs->list[refs->count - 1].peeled = oid;
        refs->list[refs->count - 1].fresh = false;
        return 0;
    }
    char hex[CDB_OID_HEX + 1] = "";
    if (len > CDB_OID_HEX + 1)
        memcpy(hex, line, CDB_OID_HEX);
    if (len <= CDB_OID_HEX + 1 || line[CDB_OID_HEX] != ' ' || !cdb_oid_parse(hex, &oid) ||
        !cdb_ref_name_valid(line + CDB_OID_HEX + 1))
        return malformed();
    return add(refs, line + CDB_OID_HEX + 1, &oid, !peeled);
}

int cdb_packed_refs_parse(struct cdb_packed_refs *refs, char *text, size_t len)
{
    bool peeled = false;
    int result = 0;
    for (size_t at = 0; at < len && result == 0;) {
        char *line = text + at, *newline = memchr(line, '\n', len - at);
        if (newline == NULL)
            return malformed();
        *newline = '\0';
        size_t line_len = (size_t)(newline - line);
        at += line_len + 1;
        if (strlen(line) != line_len)
            result = malformed();
        else if (line[0] == '#')
            peeled = peeled || strstr(line, " fully-peeled") != NULL;
        else
            result = parse_line(refs, line, line_len, peeled);
    }
    return result;
}

static int by_name(const void *left, const void *right)
{
    const struct cdb_packed_ref *a = left, *b = right;
    return strcmp(a->name, b->name);
}

void cdb_packed_refs_encode(struct cdb_packed_refs *refs, struct cdb_buf *out)
{
    char hex[CDB_OID_HEX + 1];
    if (refs->count > 1)
        qsort(refs->list, refs->count, sizeof(*refs->list), by_name);
    cdb_buf_adds(out, HEADER);
    for (size_t i = 0; i < refs->count; i++) {
        cdb_oid_format(&refs->list[i].oid, hex);
        cdb_buf_addf(out, "%s %s\n", hex, refs->list[i].name);
        if (cdb_oid_is_zero(&refs->list[i].peeled))
            continue;
        cdb_oid_format(&refs->list[i].peeled, hex);
        cdb_buf_addf(out, "^%s\n", hex);
    }
}

/* ---- loose refs ---------------------------------------------------------------------------------- */

/* The id in a loose ref; false for a symbolic one, garbage, or none. */
static bool read_loose(int dir, const char *name, struct cdb_oid *out)
{
    char text[CDB_OID_HEX + 2] = "";
    ssize_t n = cdb_fs_read_head(dir, name, text, sizeof(text));
    return (n == CDB_OID_HEX + 1 ? text[CDB_OID_HEX] == '\n' : n == CDB_OID_HEX) &&
           (text[CDB_OID_HEX] = '\0', cdb_oid_parse(text, out)) && !cdb_oid_is_zero(out);
}

/* Those belong to one work tree each: git does not pack them. */
static bool is_shared(const char *name)
{
    static const char *const own[] = {"refs/bisect/", "refs/worktree/", "refs/rewritten/"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strncmp(name, own[i], strlen(own[i])) == 0)
            return false;
    return true;
}

static int note_entry(struct cdb_packed_refs *found, int dir, const char *path, int depth, const char *spared);

static int list_folder(struct cdb_packed_refs *found, int dir, const char *path, int depth, const char *spared)
{
    DIR *listing = cdb_fs_opendir(dir, path);
    int result = 0;
    for (struct dirent *entry; listing != NULL && result == 0 && (entry = readdir(listing)) != NULL;) {
        char below[PATH_LEN_MAX];
        if (entry->d_name[0] == '.' ||
            snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >= (int)sizeof(below))
            continue;
        result = note_entry(found, dir, below, depth, spared);
    }
    if (listing != NULL)
        closedir(listing);
    return result;
}

static int note_entry(struct cdb_packed_refs *found, int dir, const char *path, int depth, const char *spared)
{
    struct cdb_oid oid;
    struct stat st;
    if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return depth > 0 ? list_folder(found, dir, path, depth - 1, spared) : 0;
    if (!S_ISREG(st.st_mode) || !cdb_ref_name_valid(path) || !is_shared(path) || strcmp(path, spared) == 0 ||
        !read_loose(dir, path, &oid))
        return 0;
    return add(found, path, &oid, true);
}

/* ---- packing ------------------------------------------------------------------------------------- */

int cdb_tag_peel(struct cdb_objects *objects, const struct cdb_oid *tag, struct cdb_oid *out, int *type)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid oid = *tag;
    int result = 0;
    memset(out, 0, sizeof(*out));
    *type = CDB_ANY;
    for (int depth = 0; depth < PEEL_MAX; depth++) {
        result = cdb_objects_find(objects, &oid, CDB_TREE_MAX, type, &content);
        if (result != 0 || *type != CDB_TAG)
            break;
        if (content.len < 7 + CDB_OID_HEX || memcmp(content.ptr, "object ", 7) != 0) {
            result = 1;
            break;
        }
        char hex[CDB_OID_HEX + 1] = "";
        memcpy(hex, content.ptr + 7, CDB_OID_HEX);
        if (!cdb_oid_parse(hex, &oid)) {
            result = 1;
            break;
        }
        *out = oid;
    }
    cdb_buf_release(&content);
    return result == CHRONDB_EDAMAGED ? 1 : result;
}

static int peel(struct cdb_objects *objects, struct cdb_packed_ref *ref)
{
    int type;
    return cdb_tag_peel(objects, &ref->oid, &ref->peeled, &type);
}

/* What is there already, with the loose ones, as they are now. Those whose object cannot be read are not touched. */
static int collect(struct cdb_repo *repo, struct cdb_packed_refs *found, struct cdb_packed_refs *refs)
{
    struct cdb_buf file = CDB_BUF_INIT;
    size_t kept = 0;
    int result = cdb_fs_read(repo->dir, PACKED_REFS, PACKED_MAX, &file);
    if (result == 0)
        result = cdb_packed_refs_parse(refs, file.ptr, file.len);
    if (result == 1)
        result = 0;
    for (size_t i = 0; i < refs->count && result == 0; i++) {
        if (refs->list[i].fresh && (result = peel(repo->objects, &refs->list[i])) == 1)
            result = 0; /* as it was */
        refs->list[i].fresh = false;
    }
    for (size_t i = 0; i < found->count && result == 0; i++) {
        struct cdb_packed_ref loose = found->list[i];
        if (!read_loose(repo->dir, loose.name, &loose.oid) || (result = peel(repo->objects, &loose)) != 0) {
            result = result == 1 ? 0 : result;
            continue;
        }
        found->list[i] = found->list[kept];
        found->list[kept++] = loose;
    }
    while (result == 0 && found->count > kept)
        free(found->list[--found->count].name);
    cdb_buf_release(&file);
    return result;
}

/* Both lists into one, in the order of names; for a name that is in both the loose one counts. */
static int merge(struct cdb_packed_refs *refs, const struct cdb_packed_refs *found)
{
    size_t before = refs->count, kept = 0;
    int result = 0;
    for (size_t i = 0; i < found->count && result == 0; i++) {
        result = add(refs, found->list[i].name, &found->list[i].oid, true);
        if (result == 0)
            refs->list[refs->count - 1].peeled = found->list[i].peeled;
    }
    if (result != 0 || before == 0)
        return result;
    qsort(refs->list, refs->count, sizeof(*refs->list), by_name);
    for (size_t i = 0; i < refs->count; i++) {
        bool again = kept > 0 && strcmp(refs->list[kept - 1].name, refs->list[i].name) == 0;
        if (!again) {
            refs->list[kept++] = refs->list[i];
            continue;
        }
        struct cdb_packed_ref loser = refs->list[i];
        if (refs->list[i].fresh) {
            loser = refs->list[kept - 1];
            refs->list[kept - 1] = refs->list[i];
        }
        free(loser.name);
    }
    refs->count = kept;
    return 0;
}

static int create_temporary(int dir, const char *path)
{
    if (unlinkat(dir, path, 0) != 0 && errno != ENOENT)
        return -1;
    return openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static ino_t inode_of(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* git's lock is a second name of the file that was written, or, where there are no hard links, a file of its own. If it
 * is gone, others have written packed-refs since we read it: ours would bring the past back. */
static int put_in_place(struct cdb_repo *repo, ino_t lock)
{
    bool linked = inode_of(repo->dir, TEMPORARY) == lock;
    if (inode_of(repo->dir, PACKED_REFS_LOCK) != lock)
        return cdb_error(CHRONDB_EBUSY, "busy", "somebody removed our lock '%s'; try again", PACKED_REFS_LOCK);
    if (renameat(repo->dir, linked ? PACKED_REFS_LOCK : TEMPORARY, repo->dir, PACKED_REFS) != 0)
        return cdb_error_errno(PACKED_REFS, "cannot update '%s'", PACKED_REFS);
    if (!linked)
        unlinkat(repo->dir, PACKED_REFS_LOCK, 0);
    return 0;
}

/* With the lock: written to `fd`, synced, renamed into place. */
static int write_packed(struct cdb_repo *repo, int fd, ino_t lock, struct cdb_packed_refs *refs)
{
    struct cdb_buf text = CDB_BUF_INIT;
    cdb_packed_refs_encode(refs, &text);
    int result = cdb_buf_check(&text);
    if (result == 0 && (cdb_fs_write_full(fd, text.ptr, text.len) != 0 || fsync(fd) != 0))
        result = cdb_error_errno(PACKED_REFS_LOCK, "cannot write '%s'", PACKED_REFS_LOCK);
    CDB_FAULT("gc-refs-written");
    if (result == 0)
        result = put_in_place(repo, lock);
    CDB_FAULT("gc-refs-renamed");
    if (result == 0)
        result = cdb_fs_sync_dir(repo->dir, ".");
    cdb_buf_release(&text);
    return result;
}

/* The loose file goes if it still says what was packed; under its lock. What somebody has locked stays. */
static void prune(struct cdb_repo *repo, const struct cdb_packed_ref *ref)
{
    char lock[PATH_LEN_MAX + 8];
    struct cdb_oid oid;
    snprintf(lock, sizeof(lock), "%s.lock", ref->name);
    int fd = create_temporary(repo->dir, PRUNE);
    if (fd < 0)
        return;
    bool named = cdb_fs_write_full(fd, lock, strlen(lock)) == 0;
    close(fd);
    if (!named || cdb_git_lock_take(repo->dir, repo->path, PRUNE, lock, 0, NULL) != 0)
        return;
    ino_t inode = inode_of(repo->dir, lock);
    CDB_FAULT("gc-ref-locked");
    if (read_loose(repo->dir, ref->name, &oid) && cdb_oid_equal(&oid, &ref->oid) && inode_of(repo->dir, lock) == inode)
        unlinkat(repo->dir, ref->name, 0);
    CDB_FAULT("gc-ref-unlinked");
    if (inode_of(repo->dir, lock) == inode)
        unlinkat(repo->dir, lock, 0);
}

/* One that a dead git left is removed under the writer lock, as everywhere. */
static int lock_packed(struct cdb_repo *repo, ino_t *inode)
{
    bool removed;
    int writer = -1;
    int result = cdb_git_lock_take(repo->dir, repo->path, TEMPORARY, PACKED_REFS_LOCK, LOCK_WAIT_MS, NULL);
    if (result == CHRONDB_EBUSY && (result = cdb_lock_take(&writer, repo->dir, CDB_LOCK_PATH, LOCK_WAIT_MS)) == 0)
        result = cdb_git_lock_take(repo->dir, repo->path, TEMPORARY, PACKED_REFS_LOCK, 0, &removed);
    cdb_lock_release(&writer);
    *inode = result == 0 ? inode_of(repo->dir, PACKED_REFS_LOCK) : 0;
    return result;
}

static int pack_found(struct cdb_repo *repo, struct cdb_packed_refs *found)
{
    struct cdb_packed_refs refs = {NULL, 0, 0};
    ino_t lock = 0;
    int fd = create_temporary(repo->dir, TEMPORARY);
    if (fd < 0)
        return cdb_error_errno(TEMPORARY, "cannot create '%s'", TEMPORARY);
    int result = lock_packed(repo, &lock);
    bool locked = result == 0;
    CDB_FAULT("gc-refs-locked");
    if (result == 0)
        result = collect(repo, found, &refs);
    if (result == 0 && found->count > 0) {
        result = merge(&refs, found);
        if (result == 0)
            result = write_packed(repo, fd, lock, &refs);
        locked = result != 0;
        for (size_t i = 0; i < found->count && result == 0; i++)
            prune(repo, &found->list[i]);
    }
    if (locked && inode_of(repo->dir, PACKED_REFS_LOCK) == lock)
        unlinkat(repo->dir, PACKED_REFS_LOCK, 0);
    close(fd);
    unlinkat(repo->dir, TEMPORARY, 0);
    unlinkat(repo->dir, PRUNE, 0);
    cdb_packed_refs_release(&refs);
    return result;
}

int cdb_pack_refs(struct cdb_repo *repo, size_t least)
{
    struct cdb_packed_refs found = {NULL, 0, 0};
    struct cdb_buf head = CDB_BUF_INIT;
    if (cdb_ref_branch(repo->dir, NULL, &head) != 0)
        cdb_buf_clear(&head);
    int result = list_folder(&found, repo->dir, "refs", DEPTH_MAX, cdb_buf_str(&head));
    if (result == 0 && found.count > 0 && found.count >= least)
        result = pack_found(repo, &found);
    cdb_packed_refs_release(&found);
    cdb_buf_release(&head);
    if (result != CHRONDB_EBUSY && result != CHRONDB_EDAMAGED)
        return result;
    cdb_repo_notice(repo, CHRONDB_NOTE, "the refs were not packed: %s", chrondb_last_error()->message);
    cdb_error_clear();
    return 0;
}

/* ---- what a dead one left -------------------------------------------------------------------------- */

void cdb_pack_refs_sweep(int dir)
{
    char lock[PATH_LEN_MAX + 8] = "";
    ssize_t n = cdb_fs_read_head(dir, PRUNE, lock, sizeof(lock) - 1);
    if (n > 5 && strcmp(lock + n - 5, ".lock") == 0) {
        char name[PATH_LEN_MAX + 8];
        memcpy(name, lock, (size_t)n - 5);
        name[n - 5] = '\0';
        if (cdb_ref_name_valid(name) && strncmp(name, "refs/", 5) == 0)
            cdb_git_lock_drop(dir, PRUNE, lock);
    }
    unlinkat(dir, PRUNE, 0);
    cdb_git_lock_drop(dir, TEMPORARY, PACKED_REFS_LOCK);
    unlinkat(dir, TEMPORARY, 0);
}
