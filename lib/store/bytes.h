/* The bytes of a file that never changes, for those who want few of them here and there: in memory, or read where they
 * are asked for. Touching a page of a large mapping costs a fault, which maps its neighbours too: measured, 5 us and
 * 64 KiB resident or more for each place, where reading some hundred bytes costs 0.4 us. */
#ifndef CDB_STORE_BYTES_H
#define CDB_STORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cdb_bytes {
    const unsigned char *data; /* all of them, or NULL: they are read from `fd` */
    size_t len;                /* 0: not open */
    int fd;                    /* or -1 */
    bool mapped;               /* `data` is a mapping of ours */
};

#define CDB_BYTES_NONE                                                                                                 \
    {                                                                                                                  \
        NULL, 0, -1, false                                                                                             \
    }

/* Open a regular file in the directory `dir`. 0 (the length is 0 if it is empty or no file); 1: it is not there;
 * CHRONDB_ESYSTEM. */
int cdb_bytes_open(struct cdb_bytes *out, int dir, const char *path);
/* Memory, borrowed. */
void cdb_bytes_view(struct cdb_bytes *out, const void *data, size_t len);
/* Have all of them in memory, for those who read them all. Not safe for threads. 0, or CHRONDB_ESYSTEM. */
int cdb_bytes_map(struct cdb_bytes *bytes, const char *path);
void cdb_bytes_close(struct cdb_bytes *bytes);

/* `len` bytes at `offset`, in memory or read into `scratch`. NULL: they are not all inside the file, or cannot be read.
 * Safe for threads. */
const unsigned char *cdb_bytes_get(const struct cdb_bytes *bytes, uint64_t offset, size_t len, unsigned char *scratch);

#endif
