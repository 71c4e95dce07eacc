/* The names of the index's files, and files that are not there before they are whole. */
#ifndef CDB_INDEX_FILES_H
#define CDB_INDEX_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define CDB_FILE_NAME_SIZE 256

#define CDB_FILE_MANIFEST  ".manifest"
#define CDB_FILE_TAIL      ".tail"
#define CDB_FILE_SEGMENT   ".segment"
#define CDB_FILE_SEARCH    ".search"
#define CDB_FILE_TEXT      ".text"
#define CDB_FILE_ENDS      ".ends"
#define CDB_FILE_TEMPORARY ".tmp"

/* "main", "feature%2Fx": the NAME of a ref in the names of its files. Refs that are too long share it rarely. */
void cdb_file_ref(char out[CDB_FILE_NAME_SIZE], const char *ref);
/* NAME.manifest */
void cdb_file_manifest(char out[CDB_FILE_NAME_SIZE], const char *ref);
/* NAME.search */
void cdb_file_search(char out[CDB_FILE_NAME_SIZE], const char *ref);
/* NAME-GENERATION.tail */
void cdb_file_tail(char out[CDB_FILE_NAME_SIZE], const char *ref, uint64_t generation);
/* XXXXXXXXXXXXXXXX.segment */
void cdb_file_segment(char out[CDB_FILE_NAME_SIZE], uint64_t name);
/* XXXXXXXXXXXXXXXX and a suffix */
void cdb_file_numbered(char out[CDB_FILE_NAME_SIZE], uint64_t number, const char *suffix);
/* The 16 digits before `suffix`, which the name must end in. */
bool cdb_file_number(const char *file, const char *suffix, uint64_t *number);
bool cdb_file_ends(const char *file, const char *suffix);

/* Never 0. 0, or CHRONDB_ESYSTEM. */
int cdb_file_random(uint64_t *out);

/* A new file with a random name that ends in ".tmp". 0, or CHRONDB_ESYSTEM. */
int cdb_file_create(int dir, char name[CDB_FILE_NAME_SIZE], int *fd);
/* A small file: written aside, renamed over what is there. 0, or CHRONDB_ESYSTEM. */
int cdb_file_replace(int dir, const char *name, const void *data, size_t len);

/* Open an existing regular file, never through a link. 0; 1 if there is none; 2 if it is something else;
 * CHRONDB_ESYSTEM. `flags` as for open(2). */
int cdb_file_open(int dir, const char *name, int flags, int *fd, uint64_t *size);
/* The whole file, appended to `out`. As cdb_file_open; 2 also if it is longer than `max`. */
int cdb_file_read(int dir, const char *name, uint64_t max, struct cdb_buf *out);

#endif
