/* Who writes: git's rules for author and committer, and ours where git would refuse. */
#ifndef CDB_STORE_IDENTITY_H
#define CDB_STORE_IDENTITY_H

#include "util/buf.h"

enum cdb_role { CDB_AUTHOR, CDB_COMMITTER };

/* Append "NAME <MAIL>": $GIT_AUTHOR_NAME / _EMAIL (or GIT_COMMITTER_*), author.name (committer.name), user.name and
 * user.email of git's configuration files (the repository's own, at `path`, first), $EMAIL, else chrondb
 * <chrondb@HOST>. */
int cdb_identity(const char *path, enum cdb_role role, struct cdb_buf *out);

/* Append a given "NAME <MAIL>", cleaned as git cleans it. CHRONDB_EUSAGE "invalid_author" if it has not that form. */
int cdb_identity_parse(const char *text, struct cdb_buf *out);

#endif
