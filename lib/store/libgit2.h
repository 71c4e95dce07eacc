/* libgit2, for what git's configuration files say. */
#ifndef CDB_STORE_LIBGIT2_H
#define CDB_STORE_LIBGIT2_H

/* Before any call of libgit2. It is started with the first one and stays: starting it again for every use would cost
 * more than the uses. */
void cdb_libgit2_start(void);

#endif
