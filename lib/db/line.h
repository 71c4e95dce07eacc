/* A line of import: text in, an operation out. Pure; chrondb.h tells the members. */
#ifndef CDB_DB_LINE_H
#define CDB_DB_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"
#include "util/buf.h"

enum cdb_line_op { CDB_LINE_PUT, CDB_LINE_DELETE, CDB_LINE_NONE };

/* Zero-initialise; parsing replaces what the line before left and reuses the memory. */
struct cdb_line {
    enum cdb_line_op op;
    struct cdb_buf key; /* checked */
    const char *value;  /* put: the document, checked; in the line or in `text` */
    size_t value_len;
    bool has_time, has_author, has_message, has_group;
    chrondb_time time;
    struct cdb_buf author; /* clean */
    struct cdb_buf message;
    struct cdb_buf group; /* "commit" */
    struct cdb_buf meta;  /* "NAME=VALUE", a NUL behind each */
    struct cdb_buf text, scratch;
};

/* CHRONDB_EINVALID, CHRONDB_EUSAGE; the error's line is 1 and its column the position in the line. */
int cdb_line_parse(struct cdb_line *out, const char *line, size_t len);
void cdb_line_release(struct cdb_line *line);

#endif
