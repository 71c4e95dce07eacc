/* Writing packs: gitformat-pack (version 2) with its index (version 2). Objects are written whole, or as deltas
 * (OFS_DELTA) on an object that the pack has already; nothing is searched. */
#ifndef CDB_STORE_PACK_H
#define CDB_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"

#define CDB_CHAIN_MAX 16 /* deltas on deltas: so many, then an object is written whole, so that reading stays quick */

struct cdb_pack;

/* Start a pack in the repository `dir`. `role` ("w", "m") names the temporary files: one writer a role at a time, a
 * dead one's files are overwritten. */
int cdb_pack_new(struct cdb_pack **out, int dir, const char *role);

/* A pack of exactly `count` objects, written to `fd`, which may be a pipe, as they are added. There is no index,
 * nothing is synced; finishing writes the checksum. `path` is for messages; borrowed. */
int cdb_pack_new_stream(struct cdb_pack **out, int fd, const char *path, uint32_t count);

/* An object that is in the pack. Valid until the pack is sealed or finished. */
typedef uint32_t cdb_pack_entry;
#define CDB_NO_ENTRY UINT32_MAX

size_t cdb_pack_count(const struct cdb_pack *pack);
/* The entry of an object, or CDB_NO_ENTRY. */
cdb_pack_entry cdb_pack_find(const struct cdb_pack *pack, const struct cdb_oid *oid);
/* On how many deltas it stands; 0 for one that is whole. */
unsigned cdb_pack_depth(const struct cdb_pack *pack, cdb_pack_entry entry);

/* Add an object; the same id twice is stored once. */
int cdb_pack_add(struct cdb_pack *pack, int type, const void *data, size_t len, const struct cdb_oid *oid);
/* The same, of content that is deflated already (a zlib stream; `len` is the content's size). */
int cdb_pack_add_deflated(struct cdb_pack *pack, int type, size_t len, const void *stream, size_t stream_len,
                          const struct cdb_oid *oid);
/* Add an object as a delta (delta.h) on `base`. The caller bounds the depth. */
int cdb_pack_add_delta(struct cdb_pack *pack, const struct cdb_oid *oid, cdb_pack_entry base, const void *delta,
                       size_t len);
/* The same, of a delta that is deflated already (`len` is the delta's size). */
int cdb_pack_add_deflated_delta(struct cdb_pack *pack, const struct cdb_oid *oid, cdb_pack_entry base, size_t len,
                                const void *stream, size_t stream_len);
/* Add an entry as it lies in another pack: a whole object, with the CRC-32 of these bytes. */
int cdb_pack_add_raw(struct cdb_pack *pack, const void *entry, size_t len, uint32_t crc, const struct cdb_oid *oid);

/* ---- a pack that somebody else has written ---- */

/* Its next bytes, into a new pack to which nothing was added. */
int cdb_pack_receive(struct cdb_pack *pack, const void *data, size_t len);
/* When they are all there: the file, of cdb_pack_bytes bytes, to be looked through. */
int cdb_pack_file(const struct cdb_pack *pack);
uint64_t cdb_pack_bytes(const struct cdb_pack *pack);
/* Then its objects, all of them, by offset; the first call takes the trailer off the file. From then on it is a pack
 * like others: more may be added, finishing seals it. */
int cdb_pack_note(struct cdb_pack *pack, const struct cdb_oid *oid, uint64_t offset, uint32_t crc);

/* Write all that finishing needs, synced, but under the temporary names still: nothing more can be added, and finishing
 * takes no time any more. */
int cdb_pack_seal(struct cdb_pack *pack);
/* Finish: both files synced, renamed into place (the index last), the directory synced. An empty pack leaves nothing.
 */
int cdb_pack_finish(struct cdb_pack *pack);
/* "pack-<40 hex digits>" of one that was finished, else "". */
const char *cdb_pack_name(const struct cdb_pack *pack);
/* Remove what a dead writer of that role left. */
void cdb_pack_remove_temporary(int dir, const char *role);
/* Frees; removes the temporary files of one that was not finished. */
void cdb_pack_free(struct cdb_pack *pack);

#endif
