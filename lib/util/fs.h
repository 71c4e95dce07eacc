/* Files: whole reads and writes that survive interruptions and short counts. Paths are relative to a directory
 * descriptor, so that a database that is moved while it is open stays the same database. Functions that return int
 * return 0 or CHRONDB_ESYSTEM with the error set (naming `path`), unless they say otherwise. */
#ifndef CDB_UTIL_FS_H
#define CDB_UTIL_FS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"

/* Append the whole file. 0; 1 if it does not exist (no error set); CHRONDB_EDAMAGED if longer than `max`. */
int cdb_fs_read(int dir, const char *path, size_t max, struct cdb_buf *out);
/* Up to `len` bytes from the start into `out`; their number, 0 also if the file does not exist; -1 with errno. */
ssize_t cdb_fs_read_head(int dir, const char *path, void *out, size_t len);
/* All of `data` at the descriptor's position, or at `offset`. -1 with errno set if not. */
int cdb_fs_write_full(int fd, const void *data, size_t len);
int cdb_fs_pwrite_full(int fd, const void *data, size_t len, off_t offset);
/* Exactly `len` bytes from `offset`; the number read before the end of the file, or -1 with errno. */
ssize_t cdb_fs_pread_full(int fd, void *data, size_t len, off_t offset);
/* Create or replace a small file (not atomic, not synced unless `sync`). */
int cdb_fs_write_file(int dir, const char *path, const void *data, size_t len, bool sync);
/* Does it exist (as anything)? */
bool cdb_fs_exists(int dir, const char *path);
/* A directory to list, or NULL with errno. */
DIR *cdb_fs_opendir(int dir, const char *path);
/* mkdir, which may exist already. */
int cdb_fs_mkdir(int dir, const char *path);
/* Remove a directory and all that is in it, as far as it can be; symbolic links are not followed. */
void cdb_fs_remove_tree(int dir, const char *path);
/* Make the parent directories of a file. */
int cdb_fs_mkdir_parents(int dir, const char *path);
/* fsync of a directory, so that names in it survive a power cut. */
int cdb_fs_sync_dir(int dir, const char *path);
/* fsync of a file and of the directories that lead to it, but for `dir`. Of one that is gone, only of these. */
int cdb_fs_sync_path(int dir, const char *path);
/* Tell the file system that the directories to be made in this one have nothing to do with each other (chattr +T): ext4
 * gives each a block group of its own. It looks for a free inode near the directory, and one without a journal past all
 * inodes there that were freed within the last minutes (Linux, fs/ext4/ialloc.c, recently_deleted): every put creates
 * some files and every checkpoint removes them, so with all in one group a create would soon take 0.7 ms instead of
 * 0.02. A hint: other file systems refuse it and do not need it. */
void cdb_fs_spread(int dir, const char *path);
/* The boot that we live in, 36 characters; all '0' where the kernel does not tell. */
#define CDB_BOOT_SIZE 36
void cdb_fs_boot_id(char out[CDB_BOOT_SIZE]);
bool cdb_fs_boot_known(const char boot[CDB_BOOT_SIZE]);

#endif
