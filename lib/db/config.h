/* Settings: variables "chrondb.*" of the repository's git configuration that chrondb knows, each with a default and a
 * check. The public functions are chrondb_config_*; a new setting is a row of the table in config.c. */
#ifndef CDB_DB_CONFIG_H
#define CDB_DB_CONFIG_H

#include "chrondb.h"
#include "util/buf.h"

/* The language of the search index, as lib/text knows it ("english", "none" ...), instead of the content of `out`.
 * CHRONDB_EDAMAGED "invalid_config" if the configuration cannot be understood, or names a language that there is
 * not: the message says what to do. One small read of a file; nothing is kept between calls. */
int cdb_config_language(chrondb *db, struct cdb_buf *out);

#endif
