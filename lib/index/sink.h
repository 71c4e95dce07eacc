/* Bytes on their way to a file: written in large pieces. Errors are kept and told at the end. */
#ifndef CDB_INDEX_SINK_H
#define CDB_INDEX_SINK_H

#include <stdint.h>

#include "util/buf.h"

struct cdb_sink {
    int dir; /* borrowed; where a sink without a file makes one, that has no name, when it grows large; -1: it
                never does, all stays in `buf` */
    int fd;  /* -1: none yet */
    struct cdb_buf buf; /* not written yet */
    uint64_t written;
    int result; /* the first error */
};

/* With a descriptor, which the sink closes then; or -1. */
void cdb_sink_init(struct cdb_sink *sink, int dir, int fd);
void cdb_sink_release(struct cdb_sink *sink);
void cdb_sink_add(struct cdb_sink *sink, const void *data, size_t len);
/* All that `from` was given. */
void cdb_sink_add_sink(struct cdb_sink *sink, struct cdb_sink *from);
uint64_t cdb_sink_size(const struct cdb_sink *sink);
/* Copy bytes that were added before. 0, or CHRONDB_ESYSTEM. */
int cdb_sink_read(const struct cdb_sink *sink, uint64_t offset, void *out, size_t len);
/* Change bytes that were added before. */
void cdb_sink_change(struct cdb_sink *sink, uint64_t offset, const void *data, size_t len);
/* Write what is left to the file, if there may be one. 0, or the first error. */
int cdb_sink_flush(struct cdb_sink *sink);

#endif
