/* Who writes: git's rules for author and committer, and ours where git would refuse. */
#ifndef CDB_STORE_IDENTITY_H
#define CDB_STORE_IDENTITY_H

#include "util/buf.h"

/* Append "NAME <MAIL>" to each (`author` may be NULL): $GIT_AUTHOR_NAME and _EMAIL (GIT_COMMITTER_*), author.name
 * (committer.name), user.name and user.email of git's configuration files (the repository's own, at `path`, first),
 * $EMAIL, else chrondb <chrondb@HOST>. */
int cdb_identity(const char *path, struct cdb_buf *author, struct cdb_buf *committer);

/* Append a given "NAME <MAIL>", cleaned as git cleans it. CHRONDB_EUSAGE "invalid_author" if it has not that form. */
int cdb_identity_parse(const char *text, struct cdb_buf *out);

#endif
